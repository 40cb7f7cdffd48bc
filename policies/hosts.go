package policies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ostiary/ostiary/proxy"
)

// hostSets are the sets that say what becomes of connections to names that are not
// governed. They are no part of a verdict: they are evaluated once at load, without
// input.
var hostSets = []string{"pass", "refuse"}

// hostKeys are the keys of their members.
var hostKeys = []string{"host", "reason"}

// Bounds of what policies say of hosts.
const (
	hostsLimit   = 1024 // members of all policies together; what a data plane takes
	hostLongest  = 253  // bytes (RFC 1035, 2.3.4)
	reasonLength = 300  // bytes
)

// HostRule is what a policy says of names to which connections are not governed.
type HostRule struct {
	Host   string `json:"host"` // a name in lower case, *.SUFFIX for all names below it, or *
	Pass   bool   `json:"pass"` // it passes; else it is refused
	Reason string `json:"reason,omitempty"`
	Site   Rule   `json:"site"` // that says so; its ID and Set are pass or refuse
}

// Place gives the file and line of the rule.
func (h *HostRule) Place() string { return h.Site.File + ":" + strconv.Itoa(h.Site.Line) }

// Hosts lists what the policies say of hosts: by the name of the host, what refuses
// first. It is fixed when they are loaded, and part of the revision as they are.
// The modes of policies do not apply.
func (s *Set) Hosts() []HostRule { return slices.Clone(s.hosts) }

var hostLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// hostForm is the remedy for a pattern that is none.
const hostForm = "Write a name in lower case (an internationalised one as xn--…), *.SUFFIX for all names below a suffix, or * for all names; no address, port or path"

// goodHost reports whether a text is a pattern of hosts.
func goodHost(text string) bool {
	if text == "*" {
		return true
	}
	name := strings.TrimPrefix(text, "*.")
	if len(name) > hostLongest {
		return false
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !hostLabel.MatchString(l) {
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	last := labels[len(labels)-1]
	return err != nil && last[0] >= 'a' // a number at the end makes an address of it for some
}

// hostRule notes one rule of pass or refuse and checks what can be seen of it.
func (pr *program) hostRule(pol *Policy, r *ast.Rule, notes *ast.AnnotationSet) Problems {
	ref := r.Head.Ref()
	set := ref[0].Value.String()
	site := Rule{Policy: pol.Name, ID: set, Set: set, File: r.Location.File, Line: r.Location.Row}
	for _, a := range notes.GetRuleScope(r) {
		site.Title = cmp.Or(a.Title, site.Title)
	}
	site.Title = cmp.Or(site.Title, set)
	pol.Hosts = append(pol.Hosts, site)
	if r.Head.RuleKind() != ast.MultiValue || len(ref) != 1 {
		return Problems{problemAt(r.Location, set+" is not a set", "Write: "+set+" contains {\"host\": \"*.debian.org\"}; another rule of this name has to be called otherwise")}
	}
	if o, ok := r.Head.Key.Value.(ast.Object); ok {
		return hostMembers(o, r.Location)
	}
	return nil
}

// hostMembers checks the keys and the constants of a member.
func hostMembers(o ast.Object, at *ast.Location) Problems {
	var bad Problems
	place := func(t *ast.Term) *ast.Location {
		if t.Location != nil && t.Location.Row > 0 && t.Location.File != "" {
			return t.Location
		}
		return at
	}
	o.Foreach(func(k, v *ast.Term) {
		key, ok := k.Value.(ast.String)
		if !ok || !slices.Contains(hostKeys, string(key)) {
			name := strings.Trim(k.Value.String(), `"`)
			bad = append(bad, problemAt(place(k), fmt.Sprintf("a host has no key %.64q", name), suggest(name, hostKeys)))
			return
		}
		text, ok := v.Value.(ast.String)
		switch {
		case !ok && ast.IsConstant(v.Value):
			bad = append(bad, problemAt(place(v), "the "+string(key)+" is no text", "Write it as a string"))
		case !ok:
			// It is computed, and looked at when that was done.
		case key == "host" && !goodHost(string(text)):
			bad = append(bad, problemAt(place(v), fmt.Sprintf("the host %.64q is no pattern of names", string(text)), hostForm))
		case key == "reason" && !goodReason(string(text)):
			bad = append(bad, problemAt(place(v), "the reason is empty, longer than "+strconv.Itoa(reasonLength)+" bytes, or holds control characters", "Write one sentence"))
		}
	})
	if literal(o, "host") == nil {
		bad = append(bad, problemAt(at, "it names no host", "Write: {\"host\": \"*.debian.org\"}"))
	}
	return bad
}

func goodReason(s string) bool {
	return s != "" && len(s) <= reasonLength && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// evaluateHosts evaluates the sets of hosts.
func (s *Set) evaluateHosts() Problems {
	var bad Problems
	for i := range s.program.policies {
		for _, site := range s.program.policies[i].Hosts {
			rule := Study{s}.ruleAt(&site)
			if rule == nil {
				continue
			}
			if at := s.needsInput(rule); at != nil {
				bad = append(bad, problemAt(at, "the set "+site.Set+" of the policy "+site.Policy+" depends on the request (input)",
					"What passes is settled when policies are loaded, before there is a request: use constants and data"))
			}
		}
	}
	if len(bad) > 0 {
		return bad
	}
	for i := range s.program.policies {
		pol := &s.program.policies[i]
		for _, set := range hostSets {
			if slices.ContainsFunc(pol.Hosts, func(r Rule) bool { return r.Set == set }) {
				bad = append(bad, s.evaluateHostSet(pol, set)...)
			}
		}
	}
	if len(s.hosts) > hostsLimit {
		bad = append(bad, Problem{What: fmt.Sprintf("the policies name %d hosts; at most %d are possible", len(s.hosts), hostsLimit), Remedy: "Use *.SUFFIX for names that have one in common"})
	}
	slices.SortFunc(s.hosts, func(a, b HostRule) int {
		turn := func(pass bool) int {
			if pass {
				return 1
			}
			return 0
		}
		return cmp.Or(strings.Compare(a.Host, b.Host), turn(a.Pass)-turn(b.Pass), strings.Compare(a.Site.File, b.Site.File), cmp.Compare(a.Site.Line, b.Site.Line), strings.Compare(a.Reason, b.Reason))
	})
	return bad
}

// needsInput gives the place where a rule, or one that it asks, refers to input.
func (s *Set) needsInput(rule *ast.Rule) *ast.Location {
	seen := map[*ast.Rule]bool{}
	var look func(r *ast.Rule) *ast.Location
	look = func(r *ast.Rule) *ast.Location {
		if seen[r] {
			return nil
		}
		seen[r] = true
		var at *ast.Location
		ast.WalkRefs(r, func(ref ast.Ref) bool {
			if at == nil && ref[0].Value.Compare(ast.InputRootDocument.Value) == 0 {
				if at = ref[0].Location; at == nil || at.File == "" {
					at = r.Location
				}
			}
			return at != nil
		})
		if at != nil {
			return at
		}
		for next := range s.program.compiler.Graph.Dependencies(r) {
			if n, ok := next.(*ast.Rule); ok {
				if at := look(n); at != nil {
					return at
				}
			}
		}
		return nil
	}
	if at := look(rule); at != nil {
		if strings.HasPrefix(at.File, libraryFile) || at.File == generatedFile {
			return rule.Location
		}
		return at
	}
	return nil
}

// hostMember is a member of a set of hosts, and the rule that put it there.
type hostMember struct {
	value ast.Value
	rule  *ast.Rule
}

// hostTracer notes which rule gave which member. It holds nothing of a request:
// there is none.
type hostTracer struct {
	set   string
	files map[string]bool
	found []hostMember
}

func (t *hostTracer) Enabled() bool               { return len(t.found) <= hostsLimit }
func (t *hostTracer) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: false} }

func (t *hostTracer) TraceEvent(e topdown.Event) {
	r, ok := e.Node.(*ast.Rule)
	if !ok || e.Op != topdown.ExitOp || r.Head.Key == nil || r.Head.Ref()[0].Value.String() != t.set || r.Location == nil || !t.files[r.Location.File] {
		return
	}
	if key := e.Plug(r.Head.Key); key != nil {
		t.found = append(t.found, hostMember{key.Value, r})
	}
}

func (s *Set) evaluateHostSet(pol *Policy, set string) Problems {
	t := &hostTracer{set: set, files: map[string]bool{}}
	var site Rule
	for _, r := range slices.Backward(pol.Hosts) {
		if r.Set == set {
			site = r
		}
		t.files[r.File] = true
	}
	fail := func(site *Rule, what, remedy string) Problems {
		return Problems{{File: site.File, Line: site.Line, What: what, Remedy: remedy}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), proxy.DefaultDecisionLimit)
	defer cancel()
	q, err := s.prepare("data.ostiary.policies." + pol.Name + "." + set)
	var rs rego.ResultSet
	if err == nil {
		rs, err = q.Eval(ctx, rego.EvalQueryTracer(t))
	}
	if err != nil || len(rs) != 1 {
		var failed *evaluationError
		if errors.As(evaluation(err), &failed) && failed.file != "" {
			return fail(&Rule{File: failed.file, Line: failed.line}, "the set "+set+" of the policy "+pol.Name+" cannot be evaluated: "+failed.code, "It is evaluated once, when policies are loaded, from constants and data")
		}
		return fail(&site, "the set "+set+" of the policy "+pol.Name+" cannot be evaluated", "It is evaluated once, when policies are loaded, from constants and data, within "+proxy.DefaultDecisionLimit.String())
	}
	members, ok := rs[0].Expressions[0].Value.(ast.Set)
	if !ok {
		return fail(&site, set+" is not a set", "Write: "+set+" contains {\"host\": …}")
	}
	if members.Len() > hostsLimit {
		return fail(&site, fmt.Sprintf("the set %s has %d hosts; at most %d are possible", set, members.Len(), hostsLimit), "Use *.SUFFIX for names that have one in common")
	}
	var bad Problems
	members.Foreach(func(m *ast.Term) {
		own := site
		for _, f := range t.found {
			if f.value.Compare(m.Value) != 0 {
				continue
			}
			for _, r := range pol.Hosts {
				if r.Set == set && r.File == f.rule.Location.File && r.Line == f.rule.Location.Row {
					own = r
				}
			}
			break
		}
		o, ok := m.Value.(ast.Object)
		if !ok {
			bad = append(bad, fail(&own, "a member of "+set+" is no object", "Write: "+set+" contains {\"host\": …}")...)
			return
		}
		h := HostRule{Pass: set == "pass", Site: own}
		if wrong := hostMembers(o, &ast.Location{File: own.File, Row: own.Line}); len(wrong) > 0 {
			for i := range wrong {
				wrong[i].Column = 0
			}
			bad = append(bad, wrong...)
			return
		}
		host, _ := literal(o, "host").Value.(ast.String)
		h.Host = string(host)
		if v := literal(o, "reason"); v != nil {
			reason, _ := v.Value.(ast.String)
			h.Reason = string(reason)
		}
		s.hosts = append(s.hosts, h)
	})
	return bad
}
