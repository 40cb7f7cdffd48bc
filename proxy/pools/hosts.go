package pools

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

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

// Words for why a name is governed, passes or is refused.
const (
	WhyProvider  = "provider"   // it is one of the governed names
	WhyRule      = "rule"       // a policy says so
	WhyLookAlike = "look_alike" // it can be taken for a provider's
	WhySuspect   = "suspect"    // a known model API or application that is not governed, or what is named like one
	WhyDefault   = "default"    // nothing speaks of it
	WhyNoName    = "no_name"    // no name, or nothing that is one
	WhyAddress   = "address"    // an address instead of a name
)

// HostRule is a policy's word on names.
type HostRule struct {
	// Host is a name in lower case, *.SUFFIX for all names below a suffix, or * for
	// all names; see [CheckHost].
	Host string
	Pass bool   // it passes; else it is refused
	Rule string // title or place of what says so, for people
}

// HostMatch is one row of [Hosts.Matches].
type HostMatch struct {
	Expr    string // RE2, for a whole name in lower case
	Passage Passage
	Why     string // one of the words above
	Label   string // the pattern, or whom a name looks like: never a client's word
	Rule    string // of a rule: what says so
}

// Hosts says what becomes of names. It does not change and is safe for concurrent
// use.
type Hosts struct {
	list     *Providers
	matches  []HostMatch
	governed map[string]int // exact names, and indexes of matches
	patterns []hostPattern  // governed ones with a *
	exact    map[string]int // rules about one name
	below    map[string]int // rules about names below a suffix
	all      int            // of the rule about all names; -1 without
	known    int            // the first of what follows the rules
}

// hostPattern is a governed pattern, label for label, each with one * at most.
type hostPattern struct {
	labels []string
	at     int // index of matches
}

// Bounds of [NewHosts].
const (
	MaxHostRules    = 1024
	maxGovernedHost = 2048
)

// ErrHostPattern says that the pattern of a rule is none.
var ErrHostPattern = errors.New("must be a host name in lower case (an internationalised one as xn--…), *.SUFFIX for all names below a suffix, or * for all names")

// CheckHost reads the pattern of a rule. It fails with [ErrHostPattern].
func CheckHost(pattern string) error {
	name := strings.TrimPrefix(pattern, "*.")
	if pattern == "*" {
		return nil
	}
	labels, why := nameLabels(name)
	if why != "" || strings.ToLower(name) != name || strings.Contains(name, "_") {
		return ErrHostPattern
	}
	for _, label := range labels {
		if !goodLabel(label) {
			return ErrHostPattern
		}
	}
	return nil
}

// nameLabels splits what a client calls a name. why is empty, [WhyNoName] or
// [WhyAddress].
func nameLabels(name string) (labels []string, why string) {
	if name == "" || len(name) > maxHost {
		return nil, WhyNoName
	}
	if strings.Trim(name, "0123456789.") == "" || strings.Contains(name, ":") {
		return nil, WhyAddress
	}
	labels = strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return nil, WhyNoName
		}
	}
	// Some parsers take a name that ends in a number for an address (WHATWG URL, 3.5).
	if last := labels[len(labels)-1]; last[0] < 'a' || last[0] > 'z' || strings.Contains(last, "_") {
		return nil, WhyAddress
	}
	return labels, ""
}

// NewHosts compiles what becomes of names. governed are names and patterns as
// intercept.ParseNames takes and lists them; rules are the policies'. The governed
// names always win. Then the most specific rule does: one about a name before those
// about names below a suffix, a long suffix before a short one, * last; of two about
// the same, the one that refuses. Of other names those are refused that can be taken
// for a provider's, that are a provider's though not governed, or that are likely a
// model API by name; the rest pass. The errors name the rule.
func NewHosts(l *Providers, governed []string, rules []HostRule) (*Hosts, error) {
	if len(rules) > MaxHostRules {
		return nil, fmt.Errorf("%d rules about hosts; at most %d are possible: use *.SUFFIX for names that have one in common", len(rules), MaxHostRules)
	}
	if len(governed) > maxGovernedHost {
		return nil, fmt.Errorf("%d governed names; at most %d are possible", len(governed), maxGovernedHost)
	}
	h := &Hosts{list: l, governed: map[string]int{}, exact: map[string]int{}, below: map[string]int{}, all: -1}
	for _, g := range governed {
		labels, why := nameLabels(strings.ReplaceAll(g, "*", "a"))
		if why != "" || len(labels) < 2 {
			return nil, fmt.Errorf("governed name %.64q is none", g)
		}
		if strings.Contains(g, "*") {
			h.patterns = append(h.patterns, hostPattern{labels: strings.Split(g, "."), at: len(h.matches)})
		} else {
			h.governed[g] = len(h.matches)
		}
		h.matches = append(h.matches, HostMatch{Expr: patternExpr(g), Passage: PassageGoverned, Why: WhyProvider, Label: g})
	}
	if err := h.addRules(rules); err != nil {
		return nil, err
	}
	h.known = len(h.matches)
	h.matches = append(h.matches, suspectMatches(l)...)
	return h, nil
}

func (h *Hosts) addRules(rules []HostRule) error {
	sorted := slices.Clone(rules)
	for _, r := range sorted {
		if err := CheckHost(r.Host); err != nil {
			return fmt.Errorf("%s: host %.64q %w", r.Rule, r.Host, err)
		}
	}
	slices.SortStableFunc(sorted, func(a, b HostRule) int {
		if d := specific(b.Host) - specific(a.Host); d != 0 {
			return d
		}
		if d := strings.Compare(a.Host, b.Host); d != 0 {
			return d
		}
		switch {
		case a.Pass == b.Pass:
			return 0
		case b.Pass:
			return -1
		}
		return 1
	})
	last := ""
	for _, r := range sorted {
		if r.Host == last {
			continue // another says the same, or something stricter
		}
		last = r.Host
		m := HostMatch{Passage: PassageRefused, Why: WhyRule, Label: r.Host, Rule: r.Rule}
		if r.Pass {
			m.Passage = PassagePassed
		}
		at := len(h.matches)
		suffix, wild := strings.CutPrefix(r.Host, "*.")
		switch {
		case r.Host == "*":
			h.all, m.Expr = at, `(?:`+exprLabel+`\.)*`+exprLast
		case wild:
			h.below[suffix], m.Expr = at, `(?:`+exprLabel+`\.)+`+regexp.QuoteMeta(suffix)
		default:
			h.exact[r.Host], m.Expr = at, regexp.QuoteMeta(r.Host)
		}
		h.matches = append(h.matches, m)
	}
	return nil
}

// specific orders patterns of rules.
func specific(pattern string) int {
	switch {
	case pattern == "*":
		return 0
	case strings.HasPrefix(pattern, "*."):
		return len(pattern)
	}
	return 2 * maxHost
}

// Of says what becomes of a name in lower case, and why.
func (h *Hosts) Of(name string) (Passage, string) {
	m := h.Look(name)
	return m.Passage, m.Why
}

// Look gives the row of [Hosts.Matches] that decides about a name, or one without
// an expression where none does. A name in capitals, with a dot at its end or with
// letters beyond ASCII is none: a client's TLS sends none of that.
func (h *Hosts) Look(name string) HostMatch {
	labels, why := nameLabels(name)
	if why != "" {
		return HostMatch{Passage: PassageRefused, Why: why}
	}
	if at, ok := h.governed[name]; ok {
		return h.matches[at]
	}
	for i := range h.patterns {
		if h.patterns[i].matches(labels) {
			return h.matches[h.patterns[i].at]
		}
	}
	if at, ok := h.exact[name]; ok {
		return h.matches[at]
	}
	for i := 1; i < len(labels); i++ {
		if at, ok := h.below[strings.Join(labels[i:], ".")]; ok {
			return h.matches[at]
		}
	}
	switch {
	case h.all >= 0:
		return h.matches[h.all]
	case len(labels) < 2:
		return HostMatch{Passage: PassageRefused, Why: WhyNoName}
	}
	switch s := h.list.Suspect(Sight{ServerName: name}); {
	case s.Kind == KindLookAlike:
		return HostMatch{Passage: PassageRefused, Why: WhyLookAlike, Label: s.Provider}
	case s.Likelihood >= proxy.Likely:
		return HostMatch{Passage: PassageRefused, Why: WhySuspect, Label: s.Provider}
	}
	return h.matches[len(h.matches)-1]
}

// Suspect says whose a name seems to be, and whether it is likely a model API's.
func (h *Hosts) Suspect(name string) Suspicion { return h.list.Suspect(Sight{ServerName: name}) }

// Registrable gives the part of a name that somebody registered: a public suffix
// (publicsuffix.org) and the label before it. It is empty for what is no name, or a
// suffix alone.
func Registrable(name string) string {
	if _, why := nameLabels(name); why != "" {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return ""
	}
	return domain
}

func (p *hostPattern) matches(labels []string) bool {
	if len(labels) != len(p.labels) {
		return false
	}
	for i, want := range p.labels {
		before, after, star := strings.Cut(want, "*")
		got := labels[i]
		switch {
		case !star && got != want:
			return false
		case star && (len(got) <= len(before)+len(after) || !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) || strings.Contains(got, "_")):
			return false
		}
	}
	return true
}

// Matches gives the same as a list for a data plane that matches names by regular
// expressions: the first row that matches a name decides, and a name that none
// matches is refused. The slice may not be written.
//
// The rows are never laxer than [Hosts.Of]. They are stricter in that they refuse
// as look-alikes internationalised names (xn--…) whose letters an expression cannot
// read and that Of may find harmless; a rule that passes them remedies it. Of two
// reasons to refuse a name, a row may give the other one. A data plane that writes
// down names of what it refused learns from Of which it was.
func (h *Hosts) Matches() []HostMatch { return h.matches }

// Rules gives the rows that governed names and rules make, without those that are
// for every configuration the same. The slice may not be written.
func (h *Hosts) Rules() []HostMatch { return h.matches[:h.known] }
