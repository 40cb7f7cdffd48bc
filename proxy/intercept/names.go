package intercept

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Bounds of names, in bytes (RFC 1035, 2.3.4), and of how many patterns there are.
const (
	maxName     = 253
	maxLabel    = 63
	maxPatterns = 1024
)

// fixedLabels is how many labels at the end of a pattern must be fixed: *.com
// would be a licence for everything.
const fixedLabels = 2

// Reasons why there is no leaf for a name. They do not quote it.
var (
	// ErrName means that what was asked for is no host name.
	ErrName = errors.New("not a host name")
	// ErrUngoverned means that the name is not one of those that are governed.
	ErrUngoverned = errors.New("the name is not governed")
	// ErrConstrained means that the authority's own certificate does not allow the
	// name: renew it with the domain.
	ErrConstrained = errors.New("the authority is not permitted to sign for the name; run 'ostiary ca renew --permit DOMAIN'")
)

// Names is the set of names that are governed. The zero Names holds none. It is
// not written after [ParseNames] and may be used concurrently.
type Names struct {
	exact    map[string]bool
	patterns []pattern
	spelled  []string
}

// pattern is a name with one * in some of its labels but the last ones.
type pattern struct {
	labels []string
}

// ParseNames reads governed names: host names, or patterns in which a * stands
// for one or more letters, digits and hyphens of one label, such as
// *.openai.azure.com, bedrock-runtime.*.amazonaws.com and
// *-aiplatform.googleapis.com. The last two labels must be fixed. Names are in
// ASCII; an internationalised one is written as xn--….
func ParseNames(spelled []string) (Names, error) {
	if len(spelled) > maxPatterns {
		return Names{}, fmt.Errorf("%d governed names; at most %d are possible", len(spelled), maxPatterns)
	}
	n := Names{exact: map[string]bool{}}
	for _, s := range spelled {
		low := strings.ToLower(s)
		if err := checkPattern(low); err != nil {
			return Names{}, fmt.Errorf("governed name %q: %w", s, err)
		}
		if slices.Contains(n.spelled, low) {
			continue
		}
		n.spelled = append(n.spelled, low)
		if strings.Contains(low, "*") {
			n.patterns = append(n.patterns, pattern{strings.Split(low, ".")})
		} else {
			n.exact[low] = true
		}
	}
	slices.Sort(n.spelled)
	return n, nil
}

// checkPattern says what is wrong with a pattern.
func checkPattern(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) {
		return errors.New("write an internationalised name in its ASCII form, xn--…")
	}
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return errors.New("a name of one label is nobody's on the Internet; write the whole name")
	}
	for i, l := range labels {
		stars := strings.Count(l, "*")
		if stars > 1 {
			return errors.New("one * is possible in each label")
		}
		if stars == 1 && i >= len(labels)-fixedLabels {
			return fmt.Errorf("the last %d labels must be fixed", fixedLabels)
		}
		if stars == 1 && strings.HasPrefix(l, "xn--") {
			return errors.New("a label in xn-- form is whole or not there")
		}
	}
	if _, err := Canonical(strings.ReplaceAll(s, "*", "a")); err != nil {
		return errors.New("not a host name: letters, digits and hyphens, labels of at most 63 bytes, no address, port or path")
	}
	return nil
}

// Canonical gives a host name in lower case. The error is [ErrName] for what is
// none: an address, a name of one label or with an empty one, with a dot at the
// end (RFC 6066, 3), with other characters than letters, digits and inner hyphens,
// or whose last label is a number, which some parsers take for an address.
func Canonical(name string) (string, error) {
	if len(name) == 0 || len(name) > maxName {
		return "", ErrName
	}
	label, dots, digits := 0, 0, true
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			if label == 0 || name[i-1] == '-' {
				return "", ErrName
			}
			label, digits = 0, true
			dots++
			continue
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			digits = false
		case '0' <= c && c <= '9':
		case c == '-' && label > 0:
			digits = false
		default:
			return "", ErrName
		}
		if label++; label > maxLabel {
			return "", ErrName
		}
	}
	if label == 0 || dots == 0 || digits || name[len(name)-1] == '-' {
		return "", ErrName
	}
	name = strings.ToLower(name)
	if last := name[strings.LastIndexByte(name, '.')+1:]; strings.HasPrefix(last, "0x") {
		return "", ErrName // hexadecimal numbers too (WHATWG URL, 3.5)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", ErrName
	}
	return name, nil
}

// Governs gives the name in lower case where it is governed. The error is [ErrName]
// or [ErrUngoverned].
func (n Names) Governs(name string) (string, error) {
	name, err := Canonical(name)
	if err != nil {
		return "", err
	}
	if n.exact[name] {
		return name, nil
	}
	if len(n.patterns) > 0 {
		labels := strings.Split(name, ".")
		for _, p := range n.patterns {
			if p.match(labels) {
				return name, nil
			}
		}
	}
	return "", ErrUngoverned
}

func (p pattern) match(labels []string) bool {
	if len(labels) != len(p.labels) {
		return false
	}
	for i := len(labels) - 1; i >= 0; i-- { // the fixed ones are last
		before, after, star := strings.Cut(p.labels[i], "*")
		l := labels[i]
		if !star {
			if l != before {
				return false
			}
			continue
		}
		if len(l) <= len(before)+len(after) || !strings.HasPrefix(l, before) || !strings.HasSuffix(l, after) {
			return false
		}
		// Names with hyphens in the third and fourth place are reserved (RFC 5890,
		// 2.3.1): what looks like another name is only governed in full.
		if len(l) >= 4 && l[2:4] == "--" {
			return false
		}
	}
	return true
}

// List gives the names and patterns, sorted, in lower case.
func (n Names) List() []string { return slices.Clone(n.spelled) }

// Domains gives the domains to which an authority for these names is constrained:
// a name itself, a pattern without its labels up to the last *. A constraint
// reaches everything below its domain (RFC 5280, 4.2.1.10), so that of
// bedrock-runtime.*.amazonaws.com, which is amazonaws.com, is wide; [Names] is
// what is narrow. Sorted, without those that lie below others.
func (n Names) Domains() []string {
	var out []string
	for _, s := range n.spelled {
		if i := strings.LastIndexByte(s, '*'); i >= 0 {
			_, s, _ = strings.Cut(s[i:], ".")
		}
		out = append(out, s)
	}
	return outermost(out)
}

// outermost sorts domains and leaves out those that lie in others.
func outermost(domains []string) []string {
	slices.Sort(domains)
	domains = slices.Compact(domains)
	return slices.DeleteFunc(slices.Clone(domains), func(d string) bool {
		return slices.ContainsFunc(domains, func(o string) bool { return o != d && within(d, o) })
	})
}

// within reports whether a name is a domain or lies below it.
func within(name, domain string) bool {
	return name == domain || len(name) > len(domain) && strings.HasSuffix(name, domain) && name[len(name)-len(domain)-1] == '.'
}
