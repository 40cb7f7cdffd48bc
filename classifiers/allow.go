package classifiers

import (
	"fmt"
	"hash/maphash"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// Allow names values that are known and no leak: the address of the help desk,
// the firm's own telephone number, a customer number of the manual. They are
// still found, as very unlikely and with the rule "allowed", so that nobody has
// to wonder where they went.
type Allow struct {
	// Types whose findings are allowed, by name or alias; none means all but
	// those of the group credential, which are allowed only where named.
	Types []string
	// Values in any writing: case, spaces, hyphens, dots and slashes are ignored.
	Values []string
	// Pattern in RE2 syntax, for the whole of the text that was found; empty for
	// none.
	Pattern string
}

// allowedRule is the rule in the evidence of what is allowed.
const allowedRule = "allowed"

// maxAllowed bounds the text of a finding that may be allowed, in bytes.
const maxAllowed = 512

// allowList is Allow, ready to be asked.
type allowList struct {
	seed   maphash.Seed
	values map[uint64][]allowTypes
	rules  []allowRule
}

type allowRule struct {
	expression *regexp.Regexp
	types      allowTypes
}

// allowTypes is a set of types by name; nil means all but credentials.
type allowTypes map[string]bool

func (t allowTypes) has(f *proxy.Finding) bool {
	if t != nil {
		return t[f.Type]
	}
	for _, g := range f.Groups {
		if g == Credential {
			return false
		}
	}
	return true
}

// newAllowList checks the lists. owner gives the type of a name.
func newAllowList(lists []Allow, owner func(string) (string, bool)) (*allowList, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	a := &allowList{seed: maphash.MakeSeed(), values: map[uint64][]allowTypes{}}
	for i := range lists {
		l := &lists[i]
		fail := func(format string, args ...any) error {
			return fmt.Errorf("allow-list %d: %w", i+1, fmt.Errorf(format, args...))
		}
		var types allowTypes
		for _, n := range l.Types {
			t, ok := owner(n)
			if !ok {
				return nil, fail("%q is not a type; see 'ostiary types'", n)
			}
			if types == nil {
				types = allowTypes{}
			}
			types[t] = true
		}
		if len(l.Values) == 0 && l.Pattern == "" {
			return nil, fail("no values and no pattern")
		}
		for n, v := range l.Values {
			h, ok := a.hash(v)
			if !ok || len(v) > maxAllowed {
				return nil, fail("value %d has no letter and no digit, or more than %d bytes", n+1, maxAllowed) // never the value
			}
			a.values[h] = append(a.values[h], types)
		}
		if l.Pattern != "" {
			// The library's error quotes the expression, which is the operator's.
			x, err := regexp.Compile(`\A(?:` + l.Pattern + `)\z`)
			if err != nil {
				return nil, fail("the pattern is not RE2 syntax")
			}
			if x.MatchString("") {
				return nil, fail("the pattern matches the empty text, and so would allow too much")
			}
			a.rules = append(a.rules, allowRule{x, types})
		}
	}
	return a, nil
}

// hash gives that of a value's letters and digits, case ignored, and of the
// marks that tell values apart; false where there is neither letter nor digit.
func (a *allowList) hash(v string) (uint64, bool) {
	var h maphash.Hash
	h.SetSeed(a.seed)
	any := false
	for _, r := range v {
		switch {
		case r < utf8.RuneSelf && (r == ' ' || r == '-' || r == '.' || r == '/' || r == '\t' || r == '\n' || r == '\r'), unicode.IsSpace(r):
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			any = true
		}
		r = unicode.ToLower(r)
		h.WriteByte(byte(r))
		h.WriteByte(byte(r >> 8))
		h.WriteByte(byte(r >> 16))
	}
	return h.Sum64(), any
}

// allows reports whether a finding with that text is known.
func (a *allowList) allows(f *proxy.Finding, text string) bool {
	if len(text) > maxAllowed {
		return false
	}
	if len(a.values) > 0 {
		if h, ok := a.hash(text); ok {
			for _, t := range a.values[h] {
				if t.has(f) {
					return true
				}
			}
		}
	}
	for _, r := range a.rules {
		if r.types.has(f) && r.expression.MatchString(text) {
			return true
		}
	}
	return false
}
