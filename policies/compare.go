package policies

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Note is what the metadata of a rule says beside its title, its own or that of
// its policy:
//
//	# METADATA
//	# title: Card numbers stay in-house
//	# description: Required by the contract with the acquirer.
//	# custom:
//	#   owner: payments
//	#   expires: 2027-06-30
type Note struct {
	Description string `json:"description,omitempty"`
	Owner       string `json:"owner,omitempty"`
	Expires     string `json:"expires,omitempty"` // a date, the last day that it holds for
}

// Date is the form of a day in metadata and in exceptions.
const Date = time.DateOnly

// Over reports whether a day has passed, in UTC; ok is false where it is no date.
func Over(day string, now time.Time) (over, ok bool) {
	t, err := time.Parse(Date, day)
	if err != nil {
		return false, false
	}
	return !now.Before(t.AddDate(0, 0, 1)), true
}

// noted is a rule with what there is to say of it.
type noted struct {
	rule *ast.Rule
	site *Rule
	note Note
	text string // of head and body, in canonical form
}

// rules gives the contributing rules of a set by POLICY.RULE, and the texts of
// all other rules by PACKAGE.NAME.
func (s Study) rules() (map[string]*noted, map[string]string) {
	modules, bad := parse(s.texts)
	if len(bad) > 0 {
		return nil, nil // they were compiled, so this is never so
	}
	list := make([]*ast.Module, 0, len(modules))
	for _, p := range sortedKeys(modules) {
		list = append(list, modules[p])
	}
	notes, _ := ast.BuildAnnotationSet(list)
	rules, helpers := map[string]*noted{}, map[string]string{}
	for _, m := range list {
		name, _, _ := packageOf(m)
		var whole Note
		if a := notes.GetPackageScope(m.Package); a != nil {
			whole = noteOf(a)
		}
		for _, r := range m.Rules {
			bare := *r
			bare.Annotations = nil
			text := strings.TrimSuffix(bare.String(), " if { true }")
			set := r.Head.Ref()[0].Value.String()
			objects := contributionsIn(r)
			if name != "" && slices.Contains(hostSets, set) {
				continue // see [Comparison.Hosts]
			}
			if name == "" || !slices.Contains(setNames, set) || len(objects) == 0 {
				helpers[strings.TrimPrefix(m.Package.Path.String(), "data.")+"."+set] += text + "\n"
				continue
			}
			note := whole
			for _, a := range notes.GetRuleScope(r) {
				own := noteOf(a)
				note = Note{cmp.Or(own.Description, note.Description), cmp.Or(own.Owner, note.Owner), cmp.Or(own.Expires, note.Expires)}
			}
			for _, o := range objects {
				id := string(literal(o, "rule").Value.(ast.String))
				if site := s.program.sites[name][id]; site != nil {
					rules[name+"."+id] = &noted{r, site, note, text}
				}
			}
		}
	}
	return rules, helpers
}

func noteOf(a *ast.Annotations) Note {
	n := Note{Description: strings.TrimSpace(a.Description)}
	n.Owner = wordOf(a.Custom["owner"])
	n.Expires = wordOf(a.Custom["expires"])
	return n
}

// wordOf gives a value of metadata as text: YAML reads a day as a string or as a
// time.
func wordOf(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case time.Time:
		return x.Format(Date)
	case string:
		return x
	}
	return fmt.Sprint(v)
}

// Described is a rule with its metadata.
type Described struct {
	Rule Rule `json:"rule"`
	Note
}

// Describe lists the rules with their metadata, by policy and line.
func (s Study) Describe() []Described {
	rules, _ := s.rules()
	var out []Described
	for _, p := range s.Policies() {
		for _, r := range p.Rules {
			d := Described{Rule: r}
			if n := rules[r.Policy+"."+r.ID]; n != nil {
				d.Note = n.note
			}
			out = append(out, d)
		}
	}
	return out
}

// Comparison is what changed from one set of policies to another.
type Comparison struct {
	Added   []Described    `json:"added"`
	Removed []Described    `json:"removed"`
	Changed []ChangedRule  `json:"changed"`
	Helpers []ChangedText  `json:"helpers"` // rules that contribute nothing themselves, by PACKAGE.NAME
	Data    []ChangedValue `json:"data"`
	Hosts   []ChangedHost  `json:"hosts"` // what policies say of names, as it was evaluated
}

// ChangedRule is a rule that is there before and after, and not the same.
type ChangedRule struct {
	Before Described `json:"before"`
	After  Described `json:"after"`
	What   []string  `json:"what"` // set, rule, title, owner, expires, description
	Diff   string    `json:"diff,omitempty"`
}

// ChangedText is a helper; a side that is not there is empty.
type ChangedText struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// ChangedValue is a value of the data; a side that is not there is null.
type ChangedValue struct {
	Path   string          `json:"path"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// ChangedHost is a name or pattern of which the policies say something else; a
// side on which they say nothing is null.
type ChangedHost struct {
	Host   string    `json:"host"`
	Before *HostRule `json:"before"`
	After  *HostRule `json:"after"`
}

// changedHosts compares what is in force of each pattern: the rule that refuses
// before the one that passes. Where a rule stands does not count.
func changedHosts(before, after Study) []ChangedHost {
	byHost := func(s Study) map[string]*HostRule {
		out := map[string]*HostRule{}
		for i := range s.hosts {
			if h := &s.hosts[i]; out[h.Host] == nil {
				out[h.Host] = h
			}
		}
		return out
	}
	a, b := byHost(before), byHost(after)
	out := []ChangedHost{}
	for _, host := range slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(a), sortedKeys(b)...)))) {
		x, y := a[host], b[host]
		if x == nil || y == nil || x.Pass != y.Pass || x.Reason != y.Reason || x.Site.Policy != y.Site.Policy {
			out = append(out, ChangedHost{host, x, y})
		}
	}
	return out
}

// Empty reports whether nothing changed.
func (c *Comparison) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Helpers)+len(c.Data)+len(c.Hosts) == 0
}

// Compare says what changed from one set to another: rules by their ids, whatever
// file they stand in. Layout and comments do not count.
func Compare(before, after Study) Comparison {
	out := Comparison{Added: []Described{}, Removed: []Described{}, Changed: []ChangedRule{}, Helpers: []ChangedText{}, Data: []ChangedValue{}}
	a, helpersA := before.rules()
	b, helpersB := after.rules()
	for _, d := range before.Describe() {
		if b[d.Rule.Policy+"."+d.Rule.ID] == nil {
			out.Removed = append(out.Removed, d)
		}
	}
	for _, d := range after.Describe() {
		id := d.Rule.Policy + "." + d.Rule.ID
		old, now := a[id], b[id]
		if old == nil {
			out.Added = append(out.Added, d)
			continue
		}
		c := ChangedRule{Before: Described{*old.site, old.note}, After: d}
		differs := func(name string, x, y string) {
			if x != y {
				c.What = append(c.What, name)
			}
		}
		differs("set", old.site.Set, d.Rule.Set)
		differs("rule", old.text, now.text)
		differs("title", old.site.Title, d.Rule.Title)
		differs("owner", old.note.Owner, d.Owner)
		differs("expires", old.note.Expires, d.Expires)
		differs("description", old.note.Description, d.Description)
		if old.text != now.text {
			c.Diff = Unified(id, before.written(old), after.written(now))
		}
		if len(c.What) > 0 {
			out.Changed = append(out.Changed, c)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(helpersA), sortedKeys(helpersB)...)))) {
		if helpersA[name] != helpersB[name] {
			out.Helpers = append(out.Helpers, ChangedText{name, helpersA[name], helpersB[name]})
		}
	}
	out.Hosts = changedHosts(before, after)
	out.Data = changes(before.data, after.data, "data", nil)
	if out.Data == nil {
		out.Data = []ChangedValue{}
	}
	return out
}

// written gives a rule as its author wrote it.
func (s Study) written(n *noted) string {
	lines := strings.SplitAfter(s.texts[n.site.File], "\n")
	from := n.rule.Location.Row
	to := from + strings.Count(string(n.rule.Location.Text), "\n")
	if from < 1 || to > len(lines) {
		return n.text + "\n"
	}
	text := strings.Join(lines[from-1:to], "")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// changes lists the values that differ between two documents, by path.
func changes(a, b any, at string, out []ChangedValue) []ChangedValue {
	x, xok := a.(map[string]any)
	y, yok := b.(map[string]any)
	if !xok || !yok {
		if !reflect.DeepEqual(a, b) {
			out = append(out, ChangedValue{at, valueOf(a), valueOf(b)})
		}
		return out
	}
	for _, k := range slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(x), sortedKeys(y)...)))) {
		out = changes(x[k], y[k], at+"."+k, out)
	}
	return out
}

func valueOf(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(`"unreadable"`)
	}
	return b
}
