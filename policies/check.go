package policies

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// Known are the names that policies may use, besides the standard groups,
// boundaries and jurisdictions. An empty list is not checked.
type Known struct {
	Pools         []string
	Jurisdictions []string // beside ISO 3166-1 alpha-2 codes, EU and EEA
	Types         []string // of findings
	Groups        []string // of findings
}

// standardGroups are the groups of the shipped detectors (CONTRACTS, findings).
var standardGroups = []string{
	"contact", groupCredential, "financial", "health", "identifier", "location", "network", "personal", "protected", "special_category",
}

// groupCredential is the group whose findings nothing lifts.
const groupCredential = "credential"

func (k *Known) groups() []string {
	if len(k.Groups) == 0 {
		return nil
	}
	out := append(slices.Clone(standardGroups), k.Groups...)
	slices.Sort(out)
	return slices.Compact(out)
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// miscoded are codes in common use that ISO 3166-1 does not have.
var miscoded = map[string]string{"UK": "GB", "EL": "GR"}

// name says what is wrong with a name that stands under a key, or "".
func (k *Known) name(key, name string) (what, remedy string) {
	var names []string
	switch key {
	case "types":
		names = k.Types
	case "groups":
		names = k.groups()
	case "pools":
		names = k.Pools
	case "boundary", "boundaries":
		names = []string{string(proxy.External), string(proxy.Internal)}
	case "jurisdiction", "jurisdictions":
		if iso, ok := miscoded[name]; ok {
			return fmt.Sprintf("%q is not a country code", name), "ISO 3166-1 has " + iso
		}
		if country.MatchString(name) || unions[name] != nil || slices.Contains(k.Jurisdictions, name) {
			return "", ""
		}
		return fmt.Sprintf("unknown jurisdiction %q", name), "Use an ISO 3166-1 alpha-2 code, EU, EEA, or one that the configuration gives to a pool"
	default:
		return "", ""
	}
	if len(names) == 0 || slices.Contains(names, name) {
		return "", ""
	}
	return fmt.Sprintf("unknown %s %q", strings.TrimSuffix(key, "s"), name), suggest(name, names)
}

// Policy is one loaded policy.
type Policy struct {
	Name  string // below ostiary.policies
	Title string // of its package, or empty
	Sets  []string
	Rules []Rule
	Hosts []Rule // of the sets pass and refuse, which are no part of a verdict
}

// Rule is one rule that contributes to a verdict.
type Rule struct {
	Policy   string `json:"policy"`
	ID       string `json:"rule"`
	Set      string `json:"set"` // deny, route, mask, warn, notify, require, allow
	Title    string `json:"title"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	liftable bool   // says so in its text
}

var (
	policyName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	ruleID     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	codeForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// keysOf are the keys of a contribution, by set.
var keysOf = map[string][]string{
	"deny":    {"code", "liftable", "message", "rule"},
	"route":   {"boundary", "jurisdictions", "liftable", "message", "pools", "rule"},
	"mask":    {"always", "groups", "liftable", "message", "reversible", "rule", "types"},
	"warn":    {"message", "rule"},
	"notify":  {"message", "rule", "to"},
	"require": {"approval", "code", "justification", "liftable", "message", "rule"},
	"allow":   {"approval", "grant", "lifts", "message", "rule"},
}

// contract checks modules against the contract of the package's documentation
// and lists the policies among them.
func (pr *program) contract(modules map[string]*ast.Module, known *Known) Problems {
	var bad Problems
	list := make([]*ast.Module, 0, len(modules))
	for _, p := range sortedKeys(modules) {
		list = append(list, modules[p])
	}
	notes, errs := ast.BuildAnnotationSet(list)
	if len(errs) > 0 {
		bad = append(bad, problemsOf(errs, "")...)
	}
	found := map[string]*Policy{}
	for _, p := range sortedKeys(modules) {
		m := modules[p]
		for _, a := range m.Annotations {
			for _, s := range a.Schemas {
				if s != nil && len(s.Path) > 0 && ast.InputRootDocument.Equal(s.Path[0]) {
					bad = append(bad, problemAt(a.Location, "a schema for input is given", "Remove it: the schema of the facts always applies"))
				}
			}
		}
		name, rest, problem := packageOf(m)
		if problem != nil {
			bad = append(bad, *problem)
			continue
		}
		if name == "" || rest {
			bad = append(bad, strays(m, "the package "+m.Package.Path.String()[len("data."):]+" is not a policy", "Name it ostiary.policies.NAME")...)
			if rest {
				bad = append(bad, problemAt(m.Package.Location, "the package "+m.Package.Path.String()[len("data."):]+" lies below a policy", "Policies are one level deep; name helpers outside ostiary"))
			}
			continue
		}
		pol := found[name]
		if pol == nil {
			pol = &Policy{Name: name}
			found[name] = pol
			pr.sites[name] = map[string]*Rule{}
		}
		if a := notes.GetPackageScope(m.Package); a != nil && pol.Title == "" {
			pol.Title = a.Title
		}
		for _, r := range m.Rules {
			bad = append(bad, pr.rule(pol, r, notes, known)...)
		}
	}
	for _, name := range sortedKeys(found) {
		pol := found[name]
		slices.Sort(pol.Sets)
		pol.Sets = slices.Compact(pol.Sets)
		if len(pol.Sets)+len(pol.Hosts) == 0 {
			bad = append(bad, Problem{File: firstFile(modules, name), What: "the policy " + name + " says nothing", Remedy: "Define one of " + strings.Join(setNames, ", ") + ": deny contains {\"rule\": …, \"message\": …} if …"})
		}
		pr.policies = append(pr.policies, *pol)
	}
	bad = append(bad, pr.lifts(modules)...)
	return bad
}

func firstFile(modules map[string]*ast.Module, name string) string {
	for _, p := range sortedKeys(modules) {
		if n, _, _ := packageOf(modules[p]); n == name {
			return p
		}
	}
	return ""
}

// packageOf gives a policy's name. rest is true where the package lies below
// it; a package outside ostiary has no name.
func packageOf(m *ast.Module) (name string, rest bool, bad *Problem) {
	path := m.Package.Path // data.ostiary.policies.NAME
	part := func(i int) string {
		if i < len(path) {
			if s, ok := path[i].Value.(ast.String); ok {
				return string(s)
			}
		}
		return ""
	}
	if part(1) != "ostiary" {
		return "", false, nil
	}
	if part(2) != "policies" || len(path) < 4 {
		p := problemAt(m.Package.Location, "the package "+path.String()[len("data."):]+" is Ostiary's own", "Name a policy ostiary.policies.NAME, and a helper anything outside ostiary")
		return "", false, &p
	}
	if name = part(3); !policyName.MatchString(name) {
		p := problemAt(m.Package.Location, "a policy's name is made of small letters, digits and underscores", "Rename the package "+path.String()[len("data."):])
		return "", false, &p
	}
	return name, len(path) > 4, nil
}

// strays finds rules that look like a policy's where nothing reads them.
func strays(m *ast.Module, what, remedy string) Problems {
	var bad Problems
	for _, r := range m.Rules {
		if name := r.Head.Ref()[0].Value.String(); r.Head.RuleKind() == ast.MultiValue && (slices.Contains(setNames, name) || slices.Contains(hostSets, name)) {
			bad = append(bad, problemAt(r.Location, what+", so nothing reads its set "+name, remedy))
		}
	}
	return bad
}

// rule checks one rule of a policy and, where it contributes, notes its place.
func (pr *program) rule(pol *Policy, r *ast.Rule, notes *ast.AnnotationSet, known *Known) Problems {
	ref := r.Head.Ref()
	set := ref[0].Value.String()
	if slices.Contains(hostSets, set) {
		return pr.hostRule(pol, r, notes)
	}
	objects := contributionsIn(r)
	if !slices.Contains(setNames, set) {
		var bad Problems
		if r.Head.RuleKind() == ast.MultiValue {
			for _, o := range objects {
				if literal(o, "message") != nil {
					bad = append(bad, problemAt(r.Location, "nothing reads the set "+set, strings.TrimPrefix(suggest(set, setNames), "Known are ")))
					break
				}
			}
		}
		return bad
	}
	if r.Head.RuleKind() != ast.MultiValue || len(ref) != 1 {
		return Problems{problemAt(r.Location, set+" is not a set", "Write: "+set+" contains {\"rule\": …, \"message\": …} if …")}
	}
	pol.Sets = append(pol.Sets, set)
	var bad Problems
	if len(objects) == 0 {
		return Problems{problemAt(r.Location, "the rule has no id", "Give the contribution a literal one: {\"rule\": \"no_cards\", \"message\": …}")}
	}
	title := ""
	for _, a := range notes.GetRuleScope(r) {
		if a.Title != "" {
			title = a.Title
		}
	}
	for _, o := range objects {
		id := string(literal(o, "rule").Value.(ast.String))
		site := &Rule{Policy: pol.Name, ID: id, Set: set, Title: title, File: r.Location.File, Line: r.Location.Row}
		if title == "" {
			site.Title = id
		}
		if v := literal(o, "liftable"); v != nil && v.Value.Compare(ast.Boolean(true)) == 0 {
			site.liftable = true
		}
		if !ruleID.MatchString(id) {
			bad = append(bad, problemAt(r.Location, "the rule id "+strconv.Quote(id)+" is not made of small letters, digits and underscores", "Rename it"))
		}
		if old, ok := pr.sites[pol.Name][id]; ok {
			bad = append(bad, problemAt(r.Location, fmt.Sprintf("the rule id %q is used at %s:%d too", id, old.File, old.Line), "Give each rule an id of its own, so that a reason names its line"))
			continue
		}
		pr.sites[pol.Name][id] = site
		pol.Rules = append(pol.Rules, *site)
		bad = append(bad, members(o, set, r, known)...)
		if r.Head.Key != nil && r.Head.Key.Value.Compare(o) == 0 {
			bad = append(bad, whole(o, set, r)...)
		}
	}
	return bad
}

// members checks the keys and the constants of a contribution's literal.
func members(o ast.Object, set string, r *ast.Rule, known *Known) Problems {
	var bad Problems
	at := func(t *ast.Term) *ast.Location {
		if t.Location != nil && t.Location.Row > 0 {
			return t.Location
		}
		return r.Location
	}
	o.Foreach(func(k, v *ast.Term) {
		key, ok := k.Value.(ast.String)
		if !ok {
			return
		}
		switch {
		case !slices.Contains(keysOf[set], string(key)):
			bad = append(bad, problemAt(at(k), fmt.Sprintf("a contribution to %s has no key %q", set, string(key)), suggest(string(key), keysOf[set])))
		}
		if key == "code" || key == "to" {
			if s, ok := v.Value.(ast.String); ok && !codeForm.MatchString(string(s)) {
				bad = append(bad, problemAt(at(v), "the "+string(key)+" is not made of small letters, digits and underscores", "Rename it"))
			}
		}
		for _, t := range strings_(v) {
			if what, remedy := known.name(string(key), string(t.Value.(ast.String))); what != "" {
				bad = append(bad, problemAt(at(t), what, remedy))
			}
		}
	})
	return bad
}

// whole checks that a contribution that is written out has all it needs. One
// that is put together in the rule is checked when it is evaluated.
func whole(o ast.Object, set string, r *ast.Rule) Problems {
	var bad Problems
	forms := 0
	for _, k := range []string{"boundary", "pools", "jurisdictions"} {
		if literal(o, k) != nil {
			forms++
		}
	}
	if literal(o, "message") == nil {
		bad = append(bad, problemAt(r.Location, "the contribution has no message", "Say in a sentence what the caller can do"))
	}
	switch {
	case set == "route" && forms != 1:
		bad = append(bad, problemAt(r.Location, "a route has one of boundary, pools and jurisdictions", "Contribute twice to ask for both; compute pools to ask for either"))
	case set == "mask" && literal(o, "types") == nil && literal(o, "groups") == nil:
		bad = append(bad, problemAt(r.Location, "a mask names neither types nor groups", "Add \"types\": [\"EMAIL_ADDRESS\"] or \"groups\": [\"contact\"]"))
	case set == "notify" && literal(o, "to") == nil:
		bad = append(bad, problemAt(r.Location, "a notification names nobody", "Add \"to\": \"privacy_office\", a word of small letters, digits and underscores"))
	case set == "require" && (literal(o, "justification") == nil) == (literal(o, "approval") == nil):
		bad = append(bad, problemAt(r.Location, "a requirement asks for justification or for approval", "Write \"justification\": true or \"approval\": true"))
	case set == "allow" && literal(o, "lifts") == nil:
		bad = append(bad, problemAt(r.Location, "an allow lifts nothing", "Name what it lifts: \"lifts\": \"residency.protected_data\""))
	}
	return bad
}

// strings_ gives the string literals of a term: itself, or the members of a
// list or set.
func strings_(v *ast.Term) []*ast.Term {
	var out []*ast.Term
	keep := func(t *ast.Term) {
		if _, ok := t.Value.(ast.String); ok {
			out = append(out, t)
		}
	}
	switch x := v.Value.(type) {
	case ast.String:
		keep(v)
	case *ast.Array:
		x.Foreach(keep)
	case ast.Set:
		x.Foreach(keep)
	}
	return out
}

// contributionsIn gives the object literals of a rule that have a literal rule
// id, in the order of the text.
func contributionsIn(r *ast.Rule) []ast.Object {
	var out []ast.Object
	ast.WalkTerms(r, func(t *ast.Term) bool {
		if o, ok := t.Value.(ast.Object); ok {
			if v := literal(o, "rule"); v != nil {
				if _, ok := v.Value.(ast.String); ok {
					out = append(out, o)
				}
			}
		}
		return false
	})
	return out
}

func literal(o ast.Object, key string) *ast.Term { return o.Get(ast.InternedTerm(key)) }

// lifts checks that what an allow names is there and may be lifted.
func (pr *program) lifts(modules map[string]*ast.Module) Problems {
	var bad Problems
	for _, p := range sortedKeys(modules) {
		name, rest, problem := packageOf(modules[p])
		if name == "" || rest || problem != nil {
			continue
		}
		for _, r := range modules[p].Rules {
			if r.Head.Ref()[0].Value.String() != "allow" {
				continue
			}
			for _, o := range contributionsIn(r) {
				v := literal(o, "lifts")
				if v == nil {
					continue
				}
				id, ok := v.Value.(ast.String)
				if !ok {
					continue // computed; checked when it is
				}
				site, what := pr.find(string(id))
				switch {
				case what != "":
					bad = append(bad, problemAt(r.Location, what, suggest(string(id), pr.ids())))
				case !site.liftable:
					bad = append(bad, problemAt(r.Location, fmt.Sprintf("the rule %s is not liftable", string(id)), "Only a rule that says \"liftable\": true can be lifted; credentials and what was not inspected never"))
				}
			}
		}
	}
	return bad
}

// find gives the rule that ID or POLICY.ID names.
func (pr *program) find(id string) (*Rule, string) {
	if policy, rule, ok := strings.Cut(id, "."); ok {
		if s := pr.sites[policy][rule]; s != nil {
			return s, ""
		}
		return nil, fmt.Sprintf("there is no rule %q", id)
	}
	var found *Rule
	for _, rules := range pr.sites {
		if s := rules[id]; s != nil {
			if found != nil {
				return nil, fmt.Sprintf("more than one policy has a rule %q: write POLICY.%s", id, id)
			}
			found = s
		}
	}
	if found == nil {
		return nil, fmt.Sprintf("there is no rule %q", id)
	}
	return found, ""
}

func (pr *program) ids() []string {
	var out []string
	for p, rules := range pr.sites {
		for id := range rules {
			out = append(out, p+"."+id)
		}
	}
	return out
}

// references checks what a compiled module refers to: fields of the input below
// open keys, names of findings and pools, and data that is not there. Each of
// them would be undefined when evaluated, and the rule would silently not hold.
func (pr *program) references(m *ast.Module, data map[string]any, known *Known) Problems {
	var bad Problems
	form := factsForm()
	seen := func(r ast.Ref) bool {
		switch head := r[0].Value; {
		case head.Compare(ast.InputRootDocument.Value) == 0:
			if what, remedy := form.reference(r, known); what != "" {
				bad = append(bad, problemAt(r[0].Location, what, remedy))
			}
		case head.Compare(ast.DefaultRootDocument.Value) == 0:
			if what, remedy := pr.missing(r, data); what != "" {
				bad = append(bad, problemAt(r[0].Location, what, remedy))
			}
		}
		return false
	}
	ast.WalkRefs(m, seen)
	return bad
}

// reference follows a reference through the form of the input.
func (f *field) reference(r ast.Ref, known *Known) (what, remedy string) {
	at := ""
	for i := 1; i < len(r); i++ {
		name, isName := r[i].Value.(ast.String)
		switch f.kind {
		case anObject:
			if !isName {
				return "", "" // the type checker has the union of all fields
			}
			sub := f.fields[string(name)]
			if sub == nil {
				return fmt.Sprintf("%s has no field %q", r[:i], string(name)), suggest(string(name), sortedKeys(f.fields))
			}
			f, at = sub, at+"."+string(name)
		case aMap:
			if isName {
				switch at {
				case ".findings.types":
					what, remedy = known.name("types", string(name))
				case ".findings.groups":
					what, remedy = known.name("groups", string(name))
				}
				if what != "" {
					return what, remedy
				}
				if strings.HasSuffix(at, ".roles") && !slices.Contains(roles, string(name)) {
					return fmt.Sprintf("unknown role %q", string(name)), suggest(string(name), roles)
				}
			}
			f, at = f.elem, at+".*"
		case aList:
			f, at = f.elem, at+"[]"
		default:
			return fmt.Sprintf("%s has no fields", r[:i]), ""
		}
	}
	return "", ""
}

// missing says whether the constant part of a reference below data is defined
// by no rule and no data file.
func (pr *program) missing(r ast.Ref, data map[string]any) (what, remedy string) {
	node := pr.compiler.RuleTree.Child(r[0].Value)
	var here any = data
	for i := 1; i < len(r); i++ {
		name, ok := r[i].Value.(ast.String)
		if !ok {
			return "", ""
		}
		if node != nil {
			node = node.Child(name)
		}
		if node != nil && len(node.Values) > 0 {
			return "", "" // a rule: what is below it is the type checker's
		}
		m, isMap := here.(map[string]any)
		if isMap {
			here, isMap = m[string(name)]
		}
		if !isMap {
			here = nil
		}
		if node == nil && !isMap {
			return fmt.Sprintf("%s is not defined", r[:i+1]), "No rule and no data file gives it. " + suggest(string(name), sortedKeys(m))
		}
	}
	return "", ""
}

// dataNames checks the names of groups, pools, boundaries and jurisdictions in
// data: lists or strings under the keys that a contribution has. Types are not
// checked there: a list may name a type whose detector is switched off.
func dataNames(v any, at string, known *Known) Problems {
	var bad Problems
	switch x := v.(type) {
	case []any:
		for i, e := range x {
			bad = append(bad, dataNames(e, at+"["+strconv.Itoa(i)+"]", known)...)
		}
	case map[string]any:
		for _, k := range sortedKeys(x) {
			var names []any
			switch y := x[k].(type) {
			case string:
				names = []any{y}
			case []any:
				names = y
			}
			for _, n := range names {
				s, ok := n.(string)
				if !ok || k == "types" {
					continue
				}
				if what, remedy := known.name(k, s); what != "" {
					bad = append(bad, Problem{What: at + "." + k + ": " + what, Remedy: remedy})
				}
			}
			bad = append(bad, dataNames(x[k], at+"."+k, known)...)
		}
	}
	return bad
}

func problemAt(l *ast.Location, what, remedy string) Problem {
	p := Problem{What: what, Remedy: remedy}
	if l != nil {
		p.File, p.Line, p.Column = l.File, l.Row, l.Col
	}
	return p
}

// uses gives what the policies refer to of the input: used(section) or
// used(section, field). A reference that is not a constant, or that takes a
// section whole, uses all below it, so what is left out cannot be asked for.
func (pr *program) uses() func(path ...string) bool {
	seen := map[string]bool{} // "", section, section.field: referred to; those with "*" whole
	for p, m := range pr.compiler.Modules {
		if _, ours := pr.library()[p]; ours {
			continue
		}
		var visitor *ast.GenericVisitor
		visitor = ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case ast.Var:
				seen["*"] = seen["*"] || x == ast.InputRootDocument.Value // input itself, not through a reference
			case ast.Ref:
				if x[0].Value.Compare(ast.InputRootDocument.Value) == 0 {
					at := ""
					for _, t := range x[1:min(len(x), 3)] {
						name, ok := t.Value.(ast.String)
						if !ok {
							break
						}
						at += "." + string(name)
						seen[at] = true
					}
					if strings.Count(at, ".") < 2 {
						seen[at+"*"] = true
					}
				}
				for _, t := range x[1:] { // not the head: it is no variable
					visitor.Walk(t)
				}
				return true
			}
			return false
		})
		visitor.Walk(m)
	}
	return func(path ...string) bool {
		if seen["*"] || seen["."+path[0]+"*"] {
			return true
		}
		return seen["."+strings.Join(path, ".")]
	}
}
