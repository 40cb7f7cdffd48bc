package pools

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Passage is what becomes of a connection to a name.
type Passage string

// The passages.
const (
	PassageGoverned Passage = "governed" // TLS is ended, requests are decided on
	PassagePassed   Passage = "passed"   // bytes go unread
	PassageRefused  Passage = "refused"
)

// HostRule is a policy's word on a name, a pattern *.suffix for all names below,
// or * for all.
type HostRule struct {
	Host string
	Pass bool
	Rule string // title or place, for reasons
}

// HostMatch is one row of [Hosts.Matches].
type HostMatch struct {
	Expr    string // RE2, for a whole name in lower case
	Passage Passage
	Why     string // provider, rule, suspect, default
	Label   string // the pattern, for people
}

// Hosts says what becomes of names.
type Hosts struct {
	list []HostMatch
	re   []*regexp.Regexp
	l    *Providers
}

// MaxHostRules bounds the rules.
const MaxHostRules = 1024

// NewHosts compiles governed patterns and rules.
func NewHosts(l *Providers, governed []string, rules []HostRule) (*Hosts, error) {
	if len(rules) > MaxHostRules {
		return nil, fmt.Errorf("there are %d rules about hosts; %d are taken", len(rules), MaxHostRules)
	}
	h := &Hosts{l: l}
	add := func(expr string, p Passage, why, label string) error {
		re, err := regexp.Compile("^(?:" + expr + ")$")
		if err != nil {
			return errors.New("a pattern of hosts cannot be read: " + label)
		}
		h.list, h.re = append(h.list, HostMatch{Expr: expr, Passage: p, Why: why, Label: label}), append(h.re, re)
		return nil
	}
	for _, g := range governed {
		if err := add(strings.ReplaceAll(regexp.QuoteMeta(g), `\*`, `[a-z0-9-]+`), PassageGoverned, "provider", g); err != nil {
			return nil, err
		}
	}
	sorted := slices.Clone(rules)
	slices.SortStableFunc(sorted, func(a, b HostRule) int {
		if d := len(b.Host) - len(a.Host); d != 0 {
			return d
		}
		if a.Pass != b.Pass && b.Pass {
			return -1
		}
		return 0
	})
	for _, r := range sorted {
		p := PassageRefused
		if r.Pass {
			p = PassagePassed
		}
		expr := regexp.QuoteMeta(r.Host)
		switch {
		case r.Host == "*":
			expr = anyHost
		case strings.HasPrefix(r.Host, "*."):
			expr = `(?:[a-z0-9_-]+\.)+` + regexp.QuoteMeta(r.Host[2:])
		}
		if err := add(expr, p, "rule", r.Host); err != nil {
			return nil, err
		}
	}
	if err := add(anyHost, PassagePassed, "default", "*"); err != nil {
		return nil, err
	}
	return h, nil
}

// anyHost is a name of at least two labels that is no address.
const anyHost = `(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*`

// Of says what becomes of a name, and why.
func (h *Hosts) Of(name string) (Passage, string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for i, re := range h.re {
		if !re.MatchString(name) {
			continue
		}
		m := h.list[i]
		if m.Why == "default" && h.l.Suspect(Sight{ServerName: name}).Likelihood >= proxy.Likely {
			return PassageRefused, "suspect"
		}
		return m.Passage, m.Why
	}
	return PassageRefused, "no_name"
}

// Matches gives the same as an ordered list; the first match wins.
func (h *Hosts) Matches() []HostMatch { return h.list }
