package replay

import (
	"slices"

	"github.com/ostiary/ostiary/proxy"
)

// Undecided is the action of a side whose policies came to no verdict; nothing
// passes. NoPool is where a refusal leads.
const (
	Undecided = "undecided"
	NoPool    = "none"
)

// Side is what came of a request under some policies.
type Side struct {
	Action   string   `json:"action"` // allow, mask, reroute, deny, undecided
	Code     string   `json:"code,omitempty"`
	Pool     string   `json:"pool"`
	Boundary string   `json:"boundary"`        // of the pool: internal, external; none for a refusal
	Masks    []string `json:"masks,omitempty"` // types whose findings are replaced
	Rules    []string `json:"rules,omitempty"` // that ask for something, POLICY.RULE
}

// Refused reports whether nothing passes.
func (s *Side) Refused() bool { return proxy.Action(s.Action).Rank() >= proxy.Deny.Rank() }

// Under gives what the policies' verdict would come to; err is theirs where
// there is no verdict. See the package on where that can differ from a live
// decision.
func (d *Decision) Under(v *proxy.Verdict, err error) Side {
	if err != nil {
		return Side{Action: Undecided, Code: proxy.Undecided.Code(), Pool: NoPool, Boundary: NoPool}
	}
	s := Side{Action: string(proxy.Allow)}
	for i := range v.Reasons {
		if r := &v.Reasons[i]; asks(string(r.Action)) {
			s.Rules = append(s.Rules, r.Policy+"."+r.Rule)
		}
	}
	s.Rules = unique(s.Rules)
	deny := func(code string) Side {
		return Side{Action: string(proxy.Deny), Code: code, Pool: NoPool, Boundary: NoPool, Rules: s.Rules}
	}
	if v.Action.Rank() >= proxy.Deny.Rank() {
		if v.Code == "" {
			return deny(proxy.CodeDenied)
		}
		return deny(v.Code)
	}
	if d.Facts.Request.Operation == string(proxy.OpModels) {
		s.Pool, s.Boundary = proxy.PoolSelf, NoPool
		return s
	}
	p, code := d.choose(v)
	if p == nil {
		return deny(code)
	}
	s.Pool, s.Boundary = p.Name, p.Boundary
	if p.Name != d.asked {
		s.Action = string(proxy.Reroute)
	}
	always := false
	for i := range v.Masks {
		m := &v.Masks[i]
		if p.Boundary == string(proxy.Internal) && !m.Always {
			continue
		}
		types := maskedTypes(d.Facts, m.Types, m.Groups)
		always = always || m.Always && len(types) > 0
		s.Masks = append(s.Masks, types...)
	}
	if s.Masks = unique(s.Masks); len(s.Masks) == 0 {
		return s
	}
	if d.fixed || d.Facts.Request.Operation == string(proxy.OpEmbeddings) && !always {
		s.Rules = append(s.Rules, "ostiary.cannot_mask")
		return deny(proxy.CodeDenied)
	}
	if s.Action == string(proxy.Allow) {
		s.Action = string(proxy.Mask)
	}
	return s
}

// choose gives the pool that serves the request, as proxy/pools chooses it of
// what is recorded, or why none does.
func (d *Decision) choose(v *proxy.Verdict) (*proxy.PoolFacts, string) {
	f := d.Facts
	code := proxy.CodeNoCapablePool
	for _, first := range []bool{true, false} {
		for i := range f.Pools {
			p := &f.Pools[i]
			if (p.Name == d.asked) != first || !d.permits(v, p) {
				continue
			}
			moved := p.Name != d.asked
			switch {
			case p.Serves && moved && (len(f.State) > 0 || f.Request.Operation == string(proxy.OpState)):
				code = proxy.CodeStateElsewhere
			case slices.Contains(d.unfit, p.Name), !p.Serves, p.Context > 0 && f.Request.Tokens > p.Context:
			case p.Available == "no":
				if code == proxy.CodeNoCapablePool {
					code = proxy.CodePoolUnavailable
				}
			default:
				return p, ""
			}
		}
	}
	return nil, code
}

func (d *Decision) permits(v *proxy.Verdict, p *proxy.PoolFacts) bool {
	switch {
	case v.Constrained:
		return slices.Contains(v.Pools, p.Name)
	case d.asked != "":
		return p.Name == d.asked
	}
	return p.Boundary == string(proxy.Internal)
}

// maskedTypes lists the types of likely findings that a mask names.
func maskedTypes(f *proxy.Facts, types, groups []string) []string {
	var out []string
	for name, t := range f.Findings.Types {
		if t.Count+t.Synthetic == 0 {
			continue
		}
		if slices.Contains(types, name) || slices.ContainsFunc(t.Groups, func(g string) bool { return slices.Contains(groups, g) }) {
			out = append(out, name)
		}
	}
	return unique(out)
}

// Changed reports whether something else is done with the request.
func Changed(was, would *Side) bool {
	return was.Action != would.Action || was.Pool != would.Pool || was.Code != would.Code || !slices.Equal(was.Masks, would.Masks)
}

// Why a change loosens.
const (
	LoosenedPasses = "refused before, passes now"
	LoosenedAllows = "rerouted or masked before, passes as it is now"
	LoosenedLeaves = "in-house before, leaves now"
	LoosenedMasks  = "less is masked"
)

// Loosened says in constant words how a change lets more pass, or "".
func Loosened(was, would *Side) string {
	external := string(proxy.External)
	held := proxy.Action(was.Action)
	switch {
	case would.Refused():
		return ""
	case was.Refused():
		return LoosenedPasses
	case was.Boundary != external && would.Boundary == external:
		return LoosenedLeaves
	case was.Boundary == external && would.Boundary != external:
		return "" // what was masked for outside may stand in-house
	case slices.ContainsFunc(was.Masks, func(m string) bool { return !slices.Contains(would.Masks, m) }):
		return LoosenedMasks
	case (held == proxy.Reroute || held == proxy.Mask) && would.Action == string(proxy.Allow):
		return LoosenedAllows
	}
	return ""
}

// Shadowed gives the two sides of a decision that a candidate was asked about
// too, in the words of the policies: the acting policies' verdict and the
// candidate's, before a pool was chosen; their pools are not known. ok is false where none was asked.
func (d *Decision) Shadowed() (acted, watched Side, ok bool) {
	w := d.Shadow
	if w == nil {
		return Side{}, Side{}, false
	}
	acted = Side{Action: string(d.ruled), Rules: d.acted, Pool: proxy.Unknown, Boundary: NoPool}
	watched = Side{Action: string(w.Action), Code: w.Code, Rules: w.Rules, Pool: proxy.Unknown, Boundary: NoPool}
	if acted.Refused() {
		acted.Code = d.Was.Code
	}
	if w.Action == proxy.Action(proxy.Unknown) {
		watched.Action, watched.Code = Undecided, proxy.Undecided.Code()
	}
	if watched.Code == "" && w.Action == proxy.Deny {
		watched.Code = proxy.CodeDenied
	}
	return acted, watched, true
}
