package classifiers

import (
	"errors"
	"fmt"
	"strings"
)

// Detector is one recogniser, as data. A Detector is not written after it is
// made and may be shared between suites.
type Detector struct {
	// Name is unique in a suite, in lower case: email, us_ssn.
	Name string
	// Doc says in a paragraph what is found, by which rule and from which
	// standard or vendor's page, and what is deliberately left.
	Doc string
	// Version is raised whenever the detector's answers may change.
	Version int
	// Types are all that the detector may report.
	Types []*Type
	// Positives are marked-up texts (see [ParseMarked]) in which the detector
	// finds exactly what is marked.
	Positives []string
	// NearMisses are texts that look alike and in which it finds nothing at
	// likely and above, but what is marked.
	NearMisses []string
	// Interests are the candidates that the detector judges.
	Interests []Interest
}

// Type is what a finding can be of.
type Type struct {
	// Name is Presidio's entity name where there is one, else CC_NAME after
	// the python-stdnum module, SECRET_VENDOR_KIND for credentials.
	Name string
	// Groups are the classes of data that policies speak of: [Personal],
	// [Credential] …
	Groups []string
	Doc    string // one sentence
	// Severity is the default weight of one such item, for reports. Policies
	// decide by type and group.
	Severity Severity
	// General types lose to any other of the same likelihood on the same span.
	General bool
	// Aliases are other spellings of the name that are accepted in
	// configurations.
	Aliases []string
}

// The groups.
const (
	Personal        = "personal"
	Contact         = "contact"
	Identifier      = "identifier"
	Financial       = "financial"
	Health          = "health"
	SpecialCategory = "special_category" // Article 9 GDPR
	Credential      = "credential"
	Network         = "network"
	Location        = "location"
	Protected       = "protected" // terms of the organisation's own
	// General are things of low severity that are reported all the same: dates,
	// ages, titles, organisations, domains. What they mean is for policy to say.
	General = "general"
)

// groups lists them in the order of their bits; see groupBits.
var groups = [...]string{Personal, Contact, Identifier, Financial, Health, SpecialCategory, Credential, Network, Location, Protected, General}

// groupSet is a set of groups, a bit each.
type groupSet uint16

func groupBits(names []string) (groupSet, error) {
	var set groupSet
next:
	for _, n := range names {
		for i, g := range groups {
			if n == g {
				set |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("group %q is not one of %s", n, strings.Join(groups[:], ", "))
	}
	if set == 0 {
		return 0, errors.New("no group")
	}
	return set, nil
}

// Severity is how much harm one leaked item of a type can do.
type Severity int8

// The severities, in rising order.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// String gives the severity's name: low … critical.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return "unknown"
}

// ParseSeverity gives the severity of a name, 0 where there is none of it.
func ParseSeverity(name string) Severity {
	for s := Low; s <= Critical; s++ {
		if s.String() == name {
			return s
		}
	}
	return 0
}

// Shape is a form of candidate that the scanner knows.
type Shape int8

// The shapes.
const (
	// Number is a run of digit groups joined by single separators, with
	// [Candidate.Groups]. It is handed over when it holds seven digits or
	// four groups joined by dots. It stands between characters that are not
	// ASCII letters, digits or underscores.
	Number Shape = iota + 1
	// Mixed is a word of ASCII letters and digits that has both.
	Mixed
	// Run is a run of at least [MinRun] characters A-Z a-z 0-9 + / _ - that
	// has a digit and a letter.
	Run
	// Prefix is a word that begins with one of [Interest.Literals], ASCII case
	// ignored. A word begins after any byte that is not an ASCII letter or
	// digit (after an underscore too), and after an escape \n, \r or \t.
	Prefix
	// Anchor is one of [Interest.Literals] anywhere, exactly; its first byte
	// may not be a letter or digit.
	Anchor
	// Code is a chain of words of ASCII letters and digits joined by single
	// spaces, hyphens, dots or slashes, of which one at least has a digit, with
	// [Candidate.Groups]: 12.345.678-K, AB 12 34 56 C, ES X1234567L. Words of
	// letters only belong to it where they are at most four letters long, and,
	// next to a space, capitals. Chains of digits only are handed over too, from
	// one digit on. Long chains come in pieces that overlap.
	Code
	// Whole is the segment, or the part of it that one core scans, from Start
	// to End; it is handed over after the walk, when [Scan.Found] holds what the
	// others found. Judge may look beyond both ends and must bound its own work.
	Whole
)

// MinRun is the length in bytes from which a [Run] is handed over.
const MinRun = 20

// Interest says which candidates a detector judges, and how. Judge reports by
// [Scan.Find] and may look at the whole text; what it walks over beyond a
// constant length it must exclude with [Scan.Resume].
type Interest struct {
	Shape    Shape
	Literals []string // of Prefix and Anchor
	Judge    func(*Scan, Candidate)
}

// Candidate is a place that looks like something. Start and End are byte
// offsets; for Prefix and Anchor they are those of the literal.
type Candidate struct {
	Start, End int
	Literal    int     // index in Interest.Literals
	Groups     []Group // of a Number or Code; valid during the call
}

// Group is a group of digits in a [Number], or a word in a [Code], and the
// separator before it: one of the Sep constants.
type Group struct {
	Start, End int
	Sep        byte
	Letters    bool // it has letters
	Digits     bool // it has digits
}

// Len gives the number of digits or characters.
func (g Group) Len() int { return g.End - g.Start }

// Separators between groups of digits. Typographic spaces and hyphens count as
// the plain ones.
const (
	SepNone  byte = 0   // before the first group
	SepSpace byte = ' ' // one space
	SepDash  byte = '-'
	SepDot   byte = '.'
	SepSlash byte = '/'
	SepOpen  byte = '(' // an opening parenthesis, with or without a space or hyphen before
	SepClose byte = ')' // a closing parenthesis, with or without a space or hyphen after
	SepWide  byte = 'w' // a hyphen or slash between spaces
)

// validate reports what keeps the detector from starting.
func (d *Detector) validate() error {
	fail := func(why string) error { return fmt.Errorf("detector %q: %s", d.Name, why) }
	switch {
	case d.Name == "" || strings.ToLower(d.Name) != d.Name:
		return fail("its name is not a lower-case word")
	case len(strings.TrimSpace(d.Doc)) < minDoc:
		return fail("no documentation")
	case d.Version < 1:
		return fail("no version")
	case len(d.Types) == 0:
		return fail("no types")
	case len(d.Positives) == 0:
		return fail("no positives")
	case len(d.NearMisses) == 0:
		return fail("no near-misses")
	case len(d.Interests) == 0:
		return fail("no interests")
	}
	for _, t := range d.Types {
		if t.Name == "" || t.Doc == "" || t.Severity < Low || t.Severity > Critical {
			return fail("a type without name, documentation or severity")
		}
		if _, err := groupBits(t.Groups); err != nil {
			return fail("type " + t.Name + ": " + err.Error())
		}
	}
	for i := range d.Interests {
		in := &d.Interests[i]
		if in.Judge == nil || in.Shape < Number || in.Shape > Whole {
			return fail("an interest without shape or judge")
		}
		if (in.Shape == Prefix || in.Shape == Anchor) != (len(in.Literals) > 0) {
			return fail("literals belong to prefixes and anchors, and those need them")
		}
	}
	for n, list := range [][]string{d.Positives, d.NearMisses} {
		for i, text := range list {
			_, marks, err := ParseMarked(text)
			if err != nil {
				return fail(fmt.Sprintf("sample %d: %v", i, err))
			}
			if n == 0 && len(marks) == 0 {
				return fail(fmt.Sprintf("positive %d marks nothing", i))
			}
		}
	}
	return nil
}

// minDoc is the length of the shortest text that can be called documentation.
const minDoc = 40
