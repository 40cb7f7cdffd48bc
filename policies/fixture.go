package policies

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Fixture is one case of a policy directory: a request, and what is to be
// decided of it. It lies in a file of a directory named fixtures, beside the
// policies or below one of them. The request is given by its text, which the
// detectors look at, or by what was found, or by recorded facts; Facts is then a
// change on the facts of [Example], as object.union makes it.
type Fixture struct {
	Name string `json:"name"`
	// Text is what the user writes. It is the author's own: no real person's.
	Text        string          `json:"text,omitempty"`
	Role        string          `json:"role,omitempty"`      // of the text: user, system, assistant, tool
	Operation   string          `json:"operation,omitempty"` // chat, embeddings
	Application string          `json:"application,omitempty"`
	Team        string          `json:"team,omitempty"`
	Model       string          `json:"model,omitempty"`
	Pool        string          `json:"pool,omitempty"`  // asked for
	Found       Found           `json:"found,omitempty"` // instead of a text: likely findings of the user, by type
	Facts       json.RawMessage `json:"facts,omitempty"`
	Expect      Expect          `json:"expect"`

	File string `json:"-"`
	Line int    `json:"-"`
}

// Expect says what is to be decided. What it leaves out is not compared; a list
// is compared whole.
type Expect struct {
	Action   string   `json:"action,omitempty"` // allow, mask, reroute, deny; undecided where the evaluation fails
	Code     string   `json:"code,omitempty"`   // of a denial
	Pool     string   `json:"pool,omitempty"`   // that serves the request; none
	Pools    []string `json:"pools,omitempty"`  // that are permitted; any where no rule speaks of pools
	Rules    []string `json:"rules,omitempty"`  // that spoke, POLICY.RULE
	Masks    []string `json:"masks,omitempty"`  // types and groups
	Notify   []string `json:"notify,omitempty"`
	Findings Found    `json:"findings,omitempty"` // at likely and above, published test values apart
	Without  []string `json:"without,omitempty"`  // rules that must not speak
}

// Found counts findings by type. In a file it is an object, or a list of types,
// in which each type stands once for each finding; -1 stands for any number.
type Found map[string]int

// UnmarshalJSON reads either form.
func (f *Found) UnmarshalJSON(b []byte) error {
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*f = Found{}
		for _, t := range list {
			(*f)[t] = anyNumber
		}
		return nil
	}
	var m map[string]int
	if json.Unmarshal(b, &m) != nil {
		return errors.New("expected a list of types, or numbers by type")
	}
	*f = m
	return nil
}

// anyNumber is the count of a type that is only listed.
const anyNumber = -1

// fixtureKeys and expectKeys are the keys of a fixture's file.
var (
	fixtureKeys = []string{"name", "text", "role", "operation", "application", "team", "model", "pool", "found", "facts", "expect"}
	expectKeys  = []string{"action", "code", "pool", "pools", "rules", "masks", "notify", "findings", "without"}
	actionWords = []string{"allow", "mask", "reroute", "deny", undecidedWord}
)

// undecidedWord stands for an evaluation that fails.
const undecidedWord = "undecided"

// ReadFixture reads one fixture from JSON. The error says what of it is wrong,
// and never quotes the text.
func ReadFixture(b []byte) (Fixture, error) {
	var f Fixture
	var keys map[string]json.RawMessage
	if json.Unmarshal(b, &keys) != nil {
		return f, errors.New("a fixture is an object with name, text or facts, and expect")
	}
	if err := knownKeys(keys, fixtureKeys, "a fixture"); err != nil {
		return f, err
	}
	var want map[string]json.RawMessage
	if e, ok := keys["expect"]; !ok || json.Unmarshal(e, &want) != nil || len(want) == 0 {
		return f, errors.New("it expects nothing: add expect with one of " + strings.Join(expectKeys, ", "))
	}
	if err := knownKeys(want, expectKeys, "expect"); err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return f, fmt.Errorf("%s is not a %s", wrong.Field, wrong.Type)
		}
		return f, errors.New("it cannot be read: findings and found are a list of types, or numbers by type")
	}
	switch {
	case f.Name == "":
		return f, errors.New("it has no name")
	case f.Text != "" && f.Found != nil:
		return f, errors.New("it has a text and found: what is found in the text is for the detectors to say")
	case f.Text == "" && f.Role != "":
		return f, errors.New("it has a role and no text")
	case f.Text == "" && f.Found == nil && f.Facts == nil && f.Operation+f.Application+f.Team+f.Model+f.Pool == "":
		return f, errors.New("it has no request: add text, found or facts")
	case f.Expect.Action != "" && !slices.Contains(actionWords, f.Expect.Action):
		return f, fmt.Errorf("%q is no action. %s", f.Expect.Action, suggest(f.Expect.Action, actionWords))
	case f.Text == "" && f.Expect.Findings != nil:
		return f, errors.New("findings are expected of a text; without one, write found")
	}
	return f, nil
}

func knownKeys(have map[string]json.RawMessage, names []string, of string) error {
	for _, k := range sortedKeys(have) {
		if !slices.Contains(names, k) {
			return fmt.Errorf("%s has no key %q. %s", of, k, suggest(k, names))
		}
	}
	return nil
}

// State gives the facts of a fixture without a text, or makes them of base where
// there is one: base is what was stated of the text. kinds gives what is known of a
// type, and false for one that is not known.
func (f *Fixture) State(base *proxy.Facts, kinds func(typ string) (Kind, bool)) (*proxy.Facts, error) {
	facts := base
	if facts == nil {
		facts = Example()
		if f.Application != "" {
			facts.Principal.Application = f.Application
		}
		if f.Team != "" {
			facts.Principal.Team = f.Team
		}
		if f.Model != "" {
			facts.Request.Model = f.Model
		}
		if f.Operation != "" {
			facts.Request.Operation = f.Operation
		}
	}
	worst := facts.Labels.Severity
	for _, t := range sortedKeys(f.Found) {
		k, ok := kinds(t)
		if !ok {
			return nil, fmt.Errorf("found: no type is called %q; 'ostiary types' lists them", t)
		}
		n := f.Found[t]
		if n == anyNumber {
			n = 1
		}
		for range n {
			Add(facts, t, k.Groups, string(proxy.RoleUser), proxy.Likely)
		}
		if n > 0 {
			worst = worse(worst, k.Severity)
		}
	}
	if f.Found != nil {
		facts.Labels.Severity = worst
	}
	if f.Facts != nil {
		changed, err := Change(facts, f.Facts)
		if err != nil {
			return nil, fmt.Errorf("facts: %w", err)
		}
		facts = changed
	}
	if f.Pool == "" || f.Text != "" {
		return facts, nil
	}
	for i := range facts.Pools {
		if p := &facts.Pools[i]; p.Name == f.Pool {
			facts.Destination = proxy.DestinationFacts{Boundary: p.Boundary, ChosenBy: "model", Jurisdiction: p.Jurisdiction, Pool: p.Name}
			return facts, nil
		}
	}
	names := make([]string, len(facts.Pools))
	for i := range facts.Pools {
		names[i] = facts.Pools[i].Name
	}
	return nil, fmt.Errorf("pool: there is no pool %q. %s", f.Pool, suggest(f.Pool, names))
}

// Kind is what is known of a type of finding.
type Kind struct {
	Groups   []string
	Severity string // low, medium, high, critical
}

// severities are the words of [proxy.LabelFacts] in their order. What is not known
// may be anything but is not said to be critical.
var severities = []string{"none", "low", "medium", "high", proxy.Unknown, "critical"}

// worse gives the greater of two severities.
func worse(a, b string) string {
	rank := func(s string) int {
		if i := slices.Index(severities, s); i >= 0 {
			return i
		}
		return slices.Index(severities, proxy.Unknown)
	}
	return severities[max(rank(a), rank(b))]
}

// Add counts one finding in facts, as it is counted of a request. Of what severity
// it is is not known.
func Add(f *proxy.Facts, typ string, groups []string, role string, l proxy.Likelihood) {
	groups = slices.Sorted(slices.Values(groups))
	one := func(m map[string]proxy.Tally, key string, groups []string) {
		t := m[key]
		if t.Groups == nil {
			t.Groups = groups
		}
		t.Roles = maps.Clone(t.Roles)
		if t.Roles == nil {
			t.Roles = map[string]proxy.Levels{}
		}
		raise(&t.AtLeast, l)
		t.Count = t.AtLeast.Likely
		r := t.Roles[role]
		raise(&r, l)
		t.Roles[role] = r
		m[key] = t
	}
	if l >= proxy.Likely {
		f.Labels.Severity = worse(f.Labels.Severity, proxy.Unknown)
	}
	one(f.Findings.Types, typ, groups)
	for _, g := range groups {
		one(f.Findings.Groups, g, []string{g})
	}
}

// raise counts one finding at its level and at those below.
func raise(n *proxy.Levels, l proxy.Likelihood) {
	for i, at := range []*int{&n.VeryUnlikely, &n.Unlikely, &n.Possible, &n.Likely, &n.VeryLikely} {
		if int(l) > i {
			*at++
		}
	}
}

// factsNesting bounds how deep a change of facts may be nested; facts are
// nested five deep.
const factsNesting = 16

// Change gives facts with a change made, an object of JSON: objects are united,
// everything else is replaced. A field that facts do not have is an error.
func Change(f *proxy.Facts, change []byte) (*proxy.Facts, error) {
	var with, whole any
	dec := json.NewDecoder(bytes.NewReader(change))
	dec.UseNumber()
	if dec.Decode(&with) != nil {
		return nil, errors.New("expected an object")
	}
	if what, remedy := factsForm().wrong(with, ""); what != "" {
		return nil, errors.New(strings.TrimSuffix(what+". "+remedy, ". "))
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	dec = json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&whole); err != nil {
		return nil, err
	}
	if b, err = json.Marshal(unite(whole, with, factsNesting)); err != nil {
		return nil, err
	}
	out := &proxy.Facts{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, errors.New("a field has a value of another kind")
	}
	return out, nil
}

func unite(a, b any, depth int) any {
	x, xok := a.(map[string]any)
	y, yok := b.(map[string]any)
	if !xok || !yok || depth == 0 {
		return b
	}
	out := maps.Clone(x)
	for k, v := range y {
		if old, ok := out[k]; ok {
			v = unite(old, v, depth-1)
		}
		out[k] = v
	}
	return out
}

// wrong says what of a value is not of the form.
func (f *field) wrong(v any, at string) (what, remedy string) {
	place := cmp.Or(strings.TrimPrefix(at, "."), "it")
	fits := false
	switch f.kind {
	case anObject, aMap:
		m, ok := v.(map[string]any)
		if !ok {
			return place + " is not an object", ""
		}
		for _, k := range sortedKeys(m) {
			sub := f.elem
			if f.kind == anObject {
				if sub = f.fields[k]; sub == nil {
					return strings.TrimPrefix(at+"."+k, ".") + " is no field of the facts", suggest(k, sortedKeys(f.fields))
				}
			}
			if what, remedy := sub.wrong(m[k], at+"."+k); what != "" {
				return what, remedy
			}
		}
		return "", ""
	case aList:
		l, ok := v.([]any)
		if !ok {
			return place + " is not a list", ""
		}
		for i, e := range l {
			if what, remedy := f.elem.wrong(e, at+"["+strconv.Itoa(i)+"]"); what != "" {
				return what, remedy
			}
		}
		return "", ""
	case aString:
		_, fits = v.(string)
		what = " is not a string"
	case aBoolean:
		_, fits = v.(bool)
		what = " is not true or false"
	case aNumber:
		n, ok := v.(json.Number)
		if ok {
			_, err := n.Int64()
			fits = err == nil
		}
		what = " is not a whole number"
	}
	if fits {
		return "", ""
	}
	return place + what, ""
}

// Outcome is what was decided of a fixture, in the words of [Expect].
type Outcome struct {
	Action, Code, Pool string
	Pools, Rules       []string
	Masks, Notify      []string
	Findings           map[string]int
	Error              string // where the evaluation failed
}

// anyPool stands for the pools of a verdict that speaks of none.
const anyPool = "any"

// OutcomeOf words a verdict.
func OutcomeOf(f *proxy.Facts, v *proxy.Verdict) Outcome {
	o := Outcome{Action: string(v.Action), Code: v.Code, Pool: Leads(f, v), Pools: []string{anyPool}, Notify: v.Notify, Findings: map[string]int{}}
	if o.Code == "" && v.Action == proxy.Deny {
		o.Code = proxy.CodeDenied
	}
	if v.Constrained {
		o.Pools = v.Pools
	}
	for i := range v.Reasons {
		o.Rules = append(o.Rules, v.Reasons[i].Policy+"."+v.Reasons[i].Rule)
	}
	for i := range v.Masks {
		o.Masks = append(append(o.Masks, v.Masks[i].Types...), v.Masks[i].Groups...)
	}
	for t, n := range f.Findings.Types {
		if n.Count > 0 {
			o.Findings[t] = n.Count
		}
	}
	o.Rules, o.Masks = unique(o.Rules), unique(o.Masks)
	return o
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// noPool is where a denial leads, and a request that no permitted pool serves.
const noPool = "none"

// Leads gives the pool that serves a request, as far as facts tell: the one
// asked for if it is permitted, else the first that is, serves and can be used.
// What a pool cannot do (tools, images, the length of its context) and what its
// models are called is not in the facts.
func Leads(f *proxy.Facts, v *proxy.Verdict) string {
	if v.Action == proxy.Deny {
		return noPool
	}
	asked := f.Destination.Pool
	permitted := func(p *proxy.PoolFacts) bool {
		switch {
		case v.Constrained:
			return slices.Contains(v.Pools, p.Name)
		case asked != proxy.Unknown:
			return p.Name == asked
		}
		return p.Boundary == string(proxy.Internal)
	}
	for _, first := range []bool{true, false} {
		for i := range f.Pools {
			p := &f.Pools[i]
			if (p.Name == asked) == first && permitted(p) && p.Serves && p.Available != "no" {
				return p.Name
			}
		}
	}
	return noPool
}

// Try decides a fixture's facts.
func (s *Set) Try(ctx context.Context, f *proxy.Facts) Outcome {
	v, err := s.Decide(ctx, f)
	if err != nil {
		return Outcome{Action: undecidedWord, Pool: noPool, Error: Cause(err), Findings: map[string]int{}}
	}
	return OutcomeOf(f, &v)
}

// Cause gives the cause of an undecided request, which holds no content.
func Cause(err error) string {
	var e *proxy.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// Difference is one expectation that was not met.
type Difference struct {
	Key  string `json:"key"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Diff lists what of an outcome is not as expected.
func (e *Expect) Diff(o *Outcome) []Difference {
	var out []Difference
	word := func(key, want, got string) {
		if want != "" && want != got {
			out = append(out, Difference{key, want, cmp.Or(got, "(none)")})
		}
	}
	list := func(key string, want, got []string, sorted bool) {
		if want == nil {
			return
		}
		a, b := slices.Clone(want), slices.Clone(got)
		if sorted {
			a, b = unique(a), unique(b)
		}
		if !slices.Equal(a, b) {
			out = append(out, Difference{key, "[" + strings.Join(a, ", ") + "]", "[" + strings.Join(b, ", ") + "]"})
		}
	}
	word("action", e.Action, o.Action)
	word("code", e.Code, o.Code)
	word("pool", e.Pool, o.Pool)
	list("pools", e.Pools, o.Pools, false)
	list("rules", e.Rules, shorten(o.Rules, e.Rules), true)
	list("masks", e.Masks, o.Masks, true)
	list("notify", e.Notify, o.Notify, true)
	for _, r := range e.Without {
		if slices.Contains(shorten(o.Rules, e.Without), r) {
			out = append(out, Difference{"without", "not " + r, r})
		}
	}
	if e.Findings != nil {
		want, got := map[string]string{}, map[string]string{}
		for t, n := range o.Findings {
			got[t] = strconv.Itoa(n)
		}
		for t, n := range e.Findings {
			want[t] = strconv.Itoa(n)
			if n == anyNumber {
				want[t] = cmp.Or(got[t], "some")
			}
		}
		if !maps.Equal(want, got) {
			out = append(out, Difference{"findings", counted(want), counted(got)})
		}
	}
	return out
}

// shorten names rules as the author does: where a wanted one has no policy in
// front, the rule's id alone.
func shorten(rules, wanted []string) []string {
	out := slices.Clone(rules)
	for i, r := range out {
		if _, id, ok := strings.Cut(r, "."); ok && slices.Contains(wanted, id) {
			out[i] = id
		}
	}
	return out
}

func counted(m map[string]string) string {
	var parts []string
	for _, t := range sortedKeys(m) {
		parts = append(parts, m[t]+" "+t)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
