package policies

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds on what policies may say of one request. More is an error.
const (
	contributionLimit = 256
	messageLimit      = 1000 // bytes
	listLimit         = 256  // names in one contribution
)

// Codes of requirements that are not met.
const (
	codeJustification = "justification_required"
	codeApproval      = "approval_required"
)

// errContribution is the cause of an undecided request whose policies say
// something in a form that is not the contract's. The policy, rule and key are
// the author's own words and no content, but a value may be computed, so it is
// not quoted.
var errContribution = errors.New("a policy contributes what is not in the contract")

// fault says where a contribution is not in the contract's form.
type fault struct{ policy, set, what string }

func (f *fault) Error() string {
	return errContribution.Error() + ": " + f.policy + "." + f.set + ": " + f.what
}

func (f *fault) Unwrap() error { return errContribution }

// contribution is one member of a policy's set.
type contribution struct {
	policy, set string
	site        *Rule
	message     string
	code        string
	liftable    bool
	boundary    string
	pools       []string // nil where the route has another form
	places      []string // jurisdictions; nil where the route has another form
	lifts       string
	to          string // whom to notify
	ask         asks
	mask        proxy.MaskRule
}

// asks is what a requirement, or an allow, wants of the one who asks.
type asks struct{ grant, justification, approval bool }

// met reports whether the facts have it.
func (a asks) met(g *granted, target *Rule) bool {
	switch {
	case a.grant && !g.names(target), a.approval && !g.approved, a.justification && !g.justified:
		return false
	}
	return true
}

// granted is what a fold needs to know of a grant.
type granted struct {
	lifts               []string
	approved, justified bool
}

// justified reports whether somebody said why. What is not known was not said.
func justified(word string) bool { return word != "" && word != "none" && word != proxy.Unknown }

// names reports whether the grant lifts a rule.
func (g *granted) names(r *Rule) bool {
	return r != nil && slices.Contains(g.lifts, r.Policy+"."+r.ID)
}

// place is what a fold needs to know of a pool.
type place struct{ name, boundary, jurisdiction string }

// view is what a fold needs to know of the facts.
type view struct {
	pools       []place
	destination string // name of a pool
	boundary    string // of the destination
	binding     bool   // a credential, or a part that was not inspected: nothing is lifted
	missing     string // what is not known that must be, or ""
	application string
	team        string
	granted     granted
}

// viewOf takes the view from Facts.
func viewOf(f *proxy.Facts) view {
	v := view{
		pools: make([]place, len(f.Pools)), destination: f.Destination.Pool, boundary: f.Destination.Boundary,
		binding: f.Findings.Groups[groupCredential].Count > 0 || f.Opaque.Count > 0 || f.Uninspected.Count > 0 || f.Request.Body == proxy.Unknown,
		missing: missingFact(f.Version, f.Request.Bytes, f.Request.Body, f.Request.Operation, string(f.Mode)),
	}
	v.application, v.team = f.Principal.Application, f.Principal.Team
	v.granted = granted{f.Grant.Lifts, f.Grant.Approved == "yes", justified(f.Grant.Justification)}
	for i := range f.Pools {
		v.pools[i] = place{f.Pools[i].Name, f.Pools[i].Boundary, f.Pools[i].Jurisdiction}
	}
	return v
}

// missingFact names what must be known before anything passes and is not.
func missingFact(version, bytes int, body, operation, mode string) string {
	switch {
	case version < 1 || version > proxy.FactsVersion: // versions only add
		return "version"
	case body == "", body == "none" && bytes > 0:
		return "request.body"
	case operation == "":
		return "request.operation"
	case mode != string(proxy.Enforce) && mode != string(proxy.Observe):
		return "mode"
	}
	return ""
}

// viewOfValue takes the view from an input as a policy's test gives it.
func viewOfValue(input ast.Value) view {
	text := func(path ...string) string {
		s, _ := dig(input, path...).(ast.String)
		return string(s)
	}
	number := func(path ...string) int {
		n, _ := dig(input, path...).(ast.Number)
		i, _ := n.Int()
		return i
	}
	v := view{
		destination: text("destination", "pool"), boundary: text("destination", "boundary"),
		binding: number("findings", "groups", groupCredential, "count") > 0 || number("opaque", "count") > 0 ||
			number("uninspected", "count") > 0 || text("request", "body") == proxy.Unknown,
		missing: missingFact(number("version"), number("request", "bytes"), text("request", "body"), text("request", "operation"), text("mode")),
	}
	v.application, v.team = text("principal", "application"), text("principal", "team")
	j := text("grant", "justification")
	v.granted = granted{approved: text("grant", "approved") == "yes", justified: justified(j)}
	if list, ok := dig(input, "grant", "lifts").(*ast.Array); ok {
		list.Foreach(func(t *ast.Term) {
			if s, ok := t.Value.(ast.String); ok {
				v.granted.lifts = append(v.granted.lifts, string(s))
			}
		})
	}
	if list, ok := dig(input, "pools").(*ast.Array); ok {
		list.Foreach(func(t *ast.Term) {
			get := func(k string) string { s, _ := dig(t.Value, k).(ast.String); return string(s) }
			v.pools = append(v.pools, place{get("name"), get("boundary"), get("jurisdiction")})
		})
	}
	return v
}

// dig follows keys through objects. It gives nil where one is not there.
func dig(v ast.Value, path ...string) ast.Value {
	for _, k := range path {
		o, ok := v.(ast.Object)
		if !ok {
			return nil
		}
		t := o.Get(ast.InternedTerm(k))
		if t == nil {
			return nil
		}
		v = t.Value
	}
	return v
}

// fold is the one implementation of how contributions become a verdict: of
// every decision, and of data.ostiary.verdict in policy tests.
func (s *Set) fold(all []said, v *view) (proxy.Verdict, error) {
	out := proxy.Verdict{Action: proxy.Allow, Reasons: []proxy.Reason{}, Revision: s.revision}
	if what := s.incomplete(v); what != nil {
		out.Action, out.Reasons = proxy.Deny, []proxy.Reason{*what}
		return out, nil
	}
	list, err := s.contributions(all)
	if err != nil {
		return proxy.Verdict{}, err
	}
	list = s.soften(list, v, &out)
	if list, err = s.lift(list, v, &out); err != nil {
		return proxy.Verdict{}, err
	}
	permitted := make([]bool, len(v.pools))
	for i := range permitted {
		permitted[i] = true
	}
	for i := range list {
		c := &list[i]
		action := proxy.Action(c.set)
		switch c.set {
		case "deny":
			if out.Action != proxy.Deny {
				out.Action, out.Code = proxy.Deny, c.code
			}
		case "require":
			if c.ask.met(&v.granted, c.site) {
				action = proxy.Allow // it is there; the reason says so
				break
			}
			action = proxy.Deny
			if out.Action != proxy.Deny {
				out.Action, out.Code = proxy.Deny, c.code
			}
		case "notify":
			if !slices.Contains(out.Notify, c.to) {
				out.Notify = append(out.Notify, c.to)
			}
		case "route":
			action, out.Constrained = proxy.Reroute, true
			for j := range v.pools {
				permitted[j] = permitted[j] && c.permits(&v.pools[j])
			}
		case "mask":
			if (c.mask.Always || v.boundary != string(proxy.Internal)) && out.Action.Rank() < proxy.Mask.Rank() {
				out.Action = proxy.Mask
			}
			if !slices.ContainsFunc(out.Masks, func(m proxy.MaskRule) bool { return sameMask(&m, &c.mask) }) {
				out.Masks = append(out.Masks, c.mask)
			}
		}
		out.Reasons = append(out.Reasons, c.reason(action))
	}
	slices.Sort(out.Notify)
	if out.Constrained {
		out.Pools = []string{}
		home := false
		for j, ok := range permitted {
			if ok {
				out.Pools = append(out.Pools, v.pools[j].name)
				home = home || v.pools[j].name == v.destination
			}
		}
		switch {
		case len(out.Pools) == 0 && out.Action != proxy.Deny:
			out.Action = proxy.Deny
			out.Reasons = append(out.Reasons, s.own("no_permitted_pool", "No pool is permitted by all rules",
				"No model server that this request may use is permitted for the data in it."))
		case !home && out.Action.Rank() < proxy.Reroute.Rank():
			out.Action = proxy.Reroute
		}
	}
	return out, nil
}

// own is a reason of the library's own.
func (s *Set) own(rule, title, message string) proxy.Reason {
	return proxy.Reason{Action: proxy.Deny, Policy: "ostiary", Rule: rule, Title: title, Message: message, File: libraryFile, Line: s.libraryLine}
}

// incomplete says why nothing may pass, or nil.
func (s *Set) incomplete(v *view) *proxy.Reason {
	var r proxy.Reason
	switch {
	case len(s.sets) == 0:
		r = s.own("no_policies", "No policies loaded", "No data policy is loaded, so no request is let through. Tell the operator of the proxy.")
	case len(s.absent) > 0:
		r = s.own("policies_incomplete", "An expected policy is not loaded: "+strings.Join(s.absent, ", "),
			"The data policy is incomplete, so no request is let through. Tell the operator of the proxy.")
	case v.missing != "":
		r = s.own("facts_unknown", "A fact that must be known is not: "+v.missing,
			"What the data policy needs to know of this request is not known, so it is not let through.")
	default:
		return nil
	}
	return &r
}

// lift takes out what an allow lifts.
func (s *Set) lift(list []contribution, v *view, out *proxy.Verdict) ([]contribution, error) {
	lifted := map[*Rule]bool{}
	for i := range list {
		c := &list[i]
		if c.set != "allow" {
			continue
		}
		target, what := s.program.find(c.lifts)
		if what != "" {
			return nil, &fault{c.policy, c.set, "it lifts a rule that is not there, or of more than one policy"}
		}
		if v.binding || !c.ask.met(&v.granted, target) {
			continue
		}
		hit := slices.ContainsFunc(list, func(o contribution) bool { return o.site == target && o.liftable })
		if hit {
			lifted[target] = true
			out.Granted = out.Granted || c.ask.grant
			out.Reasons = append(out.Reasons, c.reason(proxy.Allow))
		}
	}
	return slices.DeleteFunc(list, func(c contribution) bool { return c.set == "allow" || c.liftable && lifted[c.site] }), nil
}

func (c *contribution) permits(p *place) bool {
	switch {
	case c.boundary != "":
		return p.boundary == c.boundary
	case c.places != nil:
		return within(p.jurisdiction, c.places)
	}
	return slices.Contains(c.pools, p.name)
}

func (c *contribution) reason(a proxy.Action) proxy.Reason {
	return proxy.Reason{
		Action: a, Code: c.code, File: c.site.File, Line: c.site.Line, Message: c.message,
		Policy: c.policy, Rule: c.site.ID, Title: c.site.Title,
	}
}

func sameMask(a, b *proxy.MaskRule) bool {
	return a.Always == b.Always && a.Reversible == b.Reversible && slices.Equal(a.Types, b.Types) && slices.Equal(a.Groups, b.Groups)
}

// setOrder is the order of reasons: what weighs most first.
var setOrder = map[string]int{"deny": 0, "require": 1, "route": 2, "mask": 3, "notify": 4, "warn": 5, "allow": 6}

// said is what one set of one policy holds.
type said struct {
	policy, set string
	members     ast.Value
}

// saidIn takes data.ostiary.contributions apart.
func saidIn(v ast.Value) []said {
	var out []said
	policies, _ := v.(ast.Object)
	if policies == nil {
		return nil
	}
	policies.Foreach(func(policy, sets *ast.Term) {
		p, _ := policy.Value.(ast.String)
		o, ok := sets.Value.(ast.Object)
		if !ok {
			out = append(out, said{string(p), "", sets.Value}) // no set: an error when read
			return
		}
		o.Foreach(func(set, members *ast.Term) {
			name, _ := set.Value.(ast.String)
			out = append(out, said{string(p), string(name), members.Value})
		})
	})
	return out
}

// contributions reads what the policies said, in a fixed order.
func (s *Set) contributions(all []said) ([]contribution, error) {
	var out []contribution
	for i := range all {
		a := &all[i]
		m, ok := a.members.(ast.Set)
		switch {
		case !ok:
			return nil, &fault{a.policy, a.set, "it is not a set"}
		case len(out)+m.Len() > contributionLimit:
			return nil, &fault{a.policy, a.set, "too many contributions"}
		}
		for _, t := range m.Slice() {
			c, what := s.contribution(a.policy, a.set, t.Value)
			if what != "" {
				return nil, &fault{a.policy, a.set, what}
			}
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b contribution) int {
		return cmp.Or(cmp.Compare(setOrder[a.set], setOrder[b.set]), strings.Compare(a.policy, b.policy),
			cmp.Compare(a.site.Line, b.site.Line), strings.Compare(a.site.ID, b.site.ID), strings.Compare(a.message, b.message))
	})
	return out, nil
}

// contribution reads one, and says what is wrong with it. What is wrong is said
// in constant words: a value may have been computed.
func (s *Set) contribution(policy, set string, v ast.Value) (c contribution, what string) {
	o, ok := v.(ast.Object)
	if !ok {
		return c, "it is not an object"
	}
	c.policy, c.set = policy, set
	var id string
	forms := 0
	o.Foreach(func(k, t *ast.Term) {
		key, _ := k.Value.(ast.String)
		if what != "" {
			return
		}
		if !slices.Contains(keysOf[set], string(key)) {
			what = "it has a key that is not in the contract"
			return
		}
		switch key {
		case "rule":
			id, what = text(t.Value, "rule")
		case "message":
			c.message, what = text(t.Value, "message")
		case "code":
			if c.code, what = text(t.Value, "code"); what == "" && !codeForm.MatchString(c.code) {
				what = "its code is not made of small letters, digits and underscores"
			}
		case "liftable":
			c.liftable, what = flag(t.Value, "liftable")
		case "always":
			c.mask.Always, what = flag(t.Value, "always")
		case "reversible":
			c.mask.Reversible, what = flag(t.Value, "reversible")
		case "to":
			if c.to, what = text(t.Value, "to"); what == "" && !codeForm.MatchString(c.to) {
				what = "its to is not made of small letters, digits and underscores"
			}
		case "grant":
			c.ask.grant, what = flag(t.Value, "grant")
		case "justification":
			c.ask.justification, what = flag(t.Value, "justification")
		case "approval":
			c.ask.approval, what = flag(t.Value, "approval")
		case "lifts":
			c.lifts, what = text(t.Value, "lifts")
		case "boundary":
			forms++
			c.boundary, what = text(t.Value, "boundary")
			what = cmp.Or(what, s.unknownName("boundary", c.boundary))
		case "pools":
			forms++
			c.pools, what = s.names(t.Value, "pools")
		case "jurisdictions":
			forms++
			c.places, what = s.names(t.Value, "jurisdictions")
		case "types":
			c.mask.Types, what = s.names(t.Value, "types")
		case "groups":
			c.mask.Groups, what = s.names(t.Value, "groups")
		}
	})
	switch {
	case what != "":
		return c, what
	case c.message == "":
		return c, "it has no message"
	case len(c.message) > messageLimit:
		return c, "its message is too long"
	case set == "route" && forms != 1:
		return c, "a route has one of boundary, pools and jurisdictions"
	case set == "mask" && len(c.mask.Types)+len(c.mask.Groups) == 0:
		return c, "a mask names neither types nor groups"
	case set == "allow" && c.lifts == "":
		return c, "an allow names no rule to lift"
	case set == "notify" && c.to == "":
		return c, "a notification names nobody"
	case set == "require" && c.ask.justification == c.ask.approval:
		return c, "a requirement asks for justification or for approval"
	}
	if set == "require" && c.code == "" {
		c.code = codeJustification
		if c.ask.approval {
			c.code = codeApproval
		}
	}
	site := s.program.sites[policy][id]
	if site == nil || site.Set != set {
		return c, "its rule id is not the literal one of a rule in this set"
	}
	c.site = site
	return c, ""
}

func text(v ast.Value, key string) (string, string) {
	s, ok := v.(ast.String)
	if !ok || s == "" {
		return "", "its " + key + " is not a string, or empty"
	}
	return string(s), ""
}

func flag(v ast.Value, key string) (bool, string) {
	b, ok := v.(ast.Boolean)
	if !ok {
		return false, "its " + key + " is not true or false"
	}
	return bool(b), ""
}

// names reads a list or a set of names, sorted; never nil.
func (s *Set) names(v ast.Value, key string) ([]string, string) {
	out, what := []string{}, ""
	add := func(t *ast.Term) {
		n, ok := t.Value.(ast.String)
		if !ok || len(out) >= listLimit {
			what = "its " + key + " are not names, or too many"
			return
		}
		what = cmp.Or(what, s.unknownName(key, string(n)))
		out = append(out, string(n))
	}
	switch x := v.(type) {
	case *ast.Array:
		x.Foreach(add)
	case ast.Set:
		x.Foreach(add)
	default:
		return nil, "its " + key + " are not a list"
	}
	slices.Sort(out)
	return slices.Compact(out), what
}

func (s *Set) unknownName(key, name string) string {
	if what, _ := s.known.name(key, name); what != "" {
		return "its " + key + " holds a name that is not known"
	}
	return ""
}

// verdictValue gives a verdict as a value of Rego, for data.ostiary.verdict.
func verdictValue(v *proxy.Verdict) *ast.Term {
	masks := make([]*ast.Term, len(v.Masks))
	for i, m := range v.Masks {
		masks[i] = ast.ObjectTerm(
			pair{str("always"), ast.InternedTerm(m.Always)}, pair{kGroups, strs(m.Groups)},
			pair{str("reversible"), ast.InternedTerm(m.Reversible)}, pair{kTypes, strs(m.Types)},
		)
	}
	reasons := make([]*ast.Term, len(v.Reasons))
	for i, r := range v.Reasons {
		reasons[i] = ast.ObjectTerm(
			pair{str("action"), str(string(r.Action))}, pair{str("code"), str(r.Code)}, pair{str("file"), str(r.File)}, pair{str("line"), num(r.Line)},
			pair{str("message"), str(r.Message)}, pair{str("policy"), str(r.Policy)}, pair{str("rule"), str(r.Rule)}, pair{str("title"), str(r.Title)},
		)
	}
	return ast.ObjectTerm(
		pair{str("action"), str(string(v.Action))}, pair{str("code"), str(v.Code)}, pair{str("constrained"), ast.InternedTerm(v.Constrained)},
		pair{str("granted"), ast.InternedTerm(v.Granted)}, pair{str("masks"), ast.ArrayTerm(masks...)}, pair{str("notify"), strs(v.Notify)}, pair{kPools, strs(v.Pools)}, pair{kReasons, ast.ArrayTerm(reasons...)},
	)
}
