// Package stdnum knows the formats of standard numbers: what states, banks and
// industries give to people, firms, accounts and things, and how one that could
// have been given is told from one that could not.
//
// It answers whether a value could be a number of a format; whether a value in
// a text is meant as one is for the detectors of classifiers/national and
// classifiers/payment to say.
//
// Formats are named as the modules of python-stdnum are (br.cpf, de.idnr), the
// usual reference of the field; rules were taken from what the issuers publish.
package stdnum

import (
	"strings"
	"sync"
)

// Subject is whom or what a number is given to.
type Subject int8

// The subjects.
const (
	Person   Subject = iota + 1
	Company          // firms, their tax and registry numbers
	Either           // people and firms
	Vehicle          // vehicles, ships
	Account          // bank accounts
	Bank             // banks
	Device           // telephones, network cards, cards of telephones
	Security         // shares, funds, bonds
	Thing            // books, goods, documents, places and all else
)

// Format is one format of numbers, as data. It is not written after it is made.
type Format struct {
	// Name is the module of python-stdnum, or one made the same way: br.cpf.
	Name string
	// Type is the type of findings: BR_CPF, or Presidio's name where it has one.
	Type string
	// Aliases are other names of the type.
	Aliases []string
	// Title is the number's own name and what it is, in one sentence.
	Title string
	Of    Subject
	// Health marks numbers of the health system.
	Health bool
	// Clean are the characters, besides white space, that may stand between
	// those of a number and mean nothing. A space in it allows white space.
	Clean string
	// Shapes are the compact forms: 9 for a digit, A for a capital, * for
	// either, every other character for itself; (in lower case: the letter
	// itself, so that "IE" is written "ie"). "ch e999999999" is not one shape:
	// there are no spaces in them.
	Shapes []string
	// Written are the usual forms with separators, in the same letters:
	// 999.999.999-99. A candidate in such a form is likelier than bare digits.
	Written []string
	// Words are the words that stand beside the number, in English and in the
	// languages of its country, each one or two words (see classifiers.NewCue).
	Words []string
	// Strong is how many random values of the shape are refused for one that is
	// taken, beyond the shape itself: 1 without any check, 10 for one check
	// digit, 97 for mod 97, and more where dates or ranges are checked too.
	Strong int
	// Sample is a made-up number that is valid.
	Sample string
	// Compact brings a value to the form that Check takes; nil means that white
	// space and Clean are removed and letters are made capitals.
	Compact func(value string) string
	// Check reports whether a compact value could be a number of the format:
	// form, length, check digits, dates, ranges. It is safe on any string and
	// allocates nothing.
	Check func(compact string) bool
}

// Valid reports whether value, with or without separators, could be a number of
// the format.
func (f *Format) Valid(value string) bool {
	if len(value) > maxValue {
		return false
	}
	if f.Compact != nil {
		return f.Check(f.Compact(value))
	}
	return f.Check(Clean(value, f.Clean))
}

// maxValue bounds the values that are looked at, in bytes.
const maxValue = 256

// Clean removes white space at both ends and the characters of set from value,
// and makes ASCII letters capitals. Typographic hyphens count as the plain one,
// and wide digits and spaces as the plain ones.
func Clean(value, set string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(value) {
		switch {
		case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0xFE58, r == 0xFE63, r == 0xFF0D:
			r = '-'
		case r == 0xA0, r >= 0x2000 && r <= 0x200B, r == 0x202F, r == 0x3000, r == '\t':
			r = ' '
		case r >= 0xFF10 && r <= 0xFF19:
			r = '0' + r - 0xFF10
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		if !strings.ContainsRune(set, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

var byName = sync.OnceValue(func() map[string]*Format {
	m := map[string]*Format{}
	for _, f := range All() {
		for _, n := range append([]string{f.Name, f.Type}, f.Aliases...) {
			if n = strings.ToLower(n); n != "" && m[n] == nil {
				m[n] = f
			}
		}
	}
	return m
})

// Lookup gives the format of that name, type or alias, case ignored.
func Lookup(name string) (*Format, bool) {
	f, ok := byName()[strings.ToLower(name)]
	return f, ok
}

// All lists every format. The slice is the caller's, the formats are shared.
func All() []*Format {
	var list []*Format
	for _, part := range [][]*Format{general, formatsAF, formatsGZ, formatsMore} {
		list = append(list, part...)
	}
	return list
}
