package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// ModeRule says what the contributions of a policy do for some of those who ask.
// The first one that fits counts; without one a policy is enforced.
type ModeRule struct {
	Policy       string   // name of the policy
	Rule         string   // id of one of its rules; empty: all
	Mode         string   // observe, warn or enforce
	Applications []string // whose requests; empty, with Teams: everybody's
	Teams        []string
}

// sentence tells an operator at start what is not enforced.
func (m *ModeRule) sentence() string {
	what := "the policy " + m.Policy
	if m.Rule != "" {
		what = "the rule " + m.Policy + "." + m.Rule
	}
	who := "for everybody"
	if names := slices.Concat(m.Applications, m.Teams); len(names) > 0 {
		who = "for " + strings.Join(names, ", ")
	}
	return what + " does not act " + who + ": its mode is " + m.Mode
}

// The modes of policies. An observed policy leaves reasons and nothing else; one
// that warns leaves warnings.
const (
	ModeObserve = "observe"
	ModeWarn    = "warn"
	ModeEnforce = "enforce"
)

// checkModes finds what is wrong with the rules of modes.
func (s *Set) checkModes(rules []ModeRule) Problems {
	var bad Problems
	for i, m := range rules {
		fail := func(what, remedy string) {
			bad = append(bad, Problem{What: fmt.Sprintf("mode %d: %s", i+1, what), Remedy: remedy})
		}
		ids, ok := s.program.sites[m.Policy]
		switch {
		case !ok:
			fail(fmt.Sprintf("no policy is called %q", m.Policy), suggest(m.Policy, sortedKeys(s.program.sites)))
		case m.Rule != "" && ids[m.Rule] == nil:
			fail(fmt.Sprintf("the policy %s has no rule %q", m.Policy, m.Rule), suggest(m.Rule, sortedKeys(ids)))
		}
		if m.Mode != ModeObserve && m.Mode != ModeWarn && m.Mode != ModeEnforce {
			fail(fmt.Sprintf("%q is not a mode", m.Mode), "Write observe, warn or enforce")
		}
	}
	return bad
}

// modeOf gives the mode of a rule for who asks.
func (s *Set) modeOf(c *contribution, v *view) string {
	for i := range s.modes {
		m := &s.modes[i]
		if m.Policy != c.policy || m.Rule != "" && m.Rule != c.site.ID {
			continue
		}
		everybody := len(m.Applications)+len(m.Teams) == 0
		if everybody || slices.Contains(m.Applications, v.application) || slices.Contains(m.Teams, v.team) {
			return m.Mode
		}
	}
	return ModeEnforce
}

// soften takes out what is not enforced, and keeps its reasons.
func (s *Set) soften(list []contribution, v *view, out *proxy.Verdict) []contribution {
	if len(s.modes) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(c contribution) bool {
		switch mode := s.modeOf(&c, v); {
		case mode == ModeObserve, mode == ModeWarn && c.set != "warn" && c.set != "notify":
			out.Reasons = append(out.Reasons, c.reason(proxy.Action(mode)))
			return true
		}
		return false
	})
}
