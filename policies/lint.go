package policies

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Remark is what a lint has to say of a policy directory that loads.
type Remark struct {
	Lint    string  `json:"lint"` // its name, one of [Lints]
	Problem Problem `json:"problem"`
	Advice  bool    `json:"advice"` // worth a look, and no fault
}

// LintOptions are what lints go by beside the policies.
type LintOptions struct {
	Now      time.Time // for what expires
	Fixtures []Fixture // of the directory
	Off      []string  // lints to leave out
}

// Bounds of lints.
const (
	expiresSoon  = 14 * 24 * time.Hour
	wordsLeast   = 4   // of a message
	messageShown = 300 // bytes of a message that people read to its end
)

// lint is one of the lints.
type lint struct {
	name, doc string
	look      func(*linting)
}

// linting is one run over a set.
type linting struct {
	Study
	tests   map[string]string
	o       LintOptions
	lint    *lint
	modules map[string]*ast.Module
	rules   map[string]*noted
	out     []Remark
}

// lints lists the lints in the order of their names.
var lints = []lint{
	{"camel-case", "Names of helpers are written in small letters with underscores.", (*linting).camelCase},
	{"dangling-exception", "An exception for a rule that is not there or not liftable: a request that it fits would be refused.", (*linting).dangling},
	{"expired", "A rule or an exception whose last day has passed.", (*linting).expired},
	{"expires-soon", "A rule or an exception whose last day comes within two weeks (advice).", (*linting).expiresSoon},
	{"findings-iterated", "A rule that goes through all findings: they are indexed by type and by group, and one by one costs a hundred times as much.", (*linting).iterated},
	{"message", "A message for the caller that is no sentence, or too short or too long to help.", (*linting).message},
	{"misplaced", "A policy that lies neither in NAME.rego nor in a directory NAME.", (*linting).misplaced},
	{"no-owner", "A rule without an owner in its metadata or in its policy's (custom.owner).", (*linting).noOwner},
	{"no-test", "A policy that neither a unit test nor a fixture names.", (*linting).noTest},
	{"no-title", "A rule without a title in its metadata.", (*linting).noTitle},
	{"passes-all", "A rule that lets every name pass: what looks like a model API of nobody known passes with it (advice).", (*linting).passesAll},
	{"print", "print left over from trying things (advice).", (*linting).prints},
	{"unconditional", "A denial without a condition: it refuses every request.", (*linting).unconditional},
	{"unknown-passes", "A comparison with yes or no that passes over what is unknown (advice).", (*linting).unknownPasses},
	{"unused-helper", "A helper that no rule asks.", (*linting).unused},
}

// Lints gives the names of the lints, and what each looks for.
func Lints() [][2]string {
	out := make([][2]string, len(lints))
	for i, l := range lints {
		out[i] = [2]string{l.name, l.doc}
	}
	return out
}

// Lint looks at a policy directory, by file and line. It fails as [Load] does, and
// where a lint that is to be left out does not exist.
func Lint(from Options, o LintOptions) ([]Remark, error) {
	src, bad := read(&from)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	set, bad := build(src, &from)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	l := &linting{Study: Study{set}, tests: src.tests, o: o}
	var names []string
	for _, x := range lints {
		names = append(names, x.name)
	}
	for _, off := range o.Off {
		if !slices.Contains(names, off) {
			return nil, fmt.Errorf("no lint is called %q. %s", off, suggest(off, names))
		}
	}
	l.modules, _ = parse(l.texts) // they were compiled
	l.rules, _ = l.Study.rules()
	for i := range lints {
		if l.lint = &lints[i]; !slices.Contains(o.Off, l.lint.name) {
			l.lint.look(l)
		}
	}
	slices.SortStableFunc(l.out, func(a, b Remark) int {
		return cmp.Or(strings.Compare(a.Problem.File, b.Problem.File), cmp.Compare(a.Problem.Line, b.Problem.Line), strings.Compare(a.Lint, b.Lint), strings.Compare(a.Problem.What, b.Problem.What))
	})
	return slices.Compact(l.out), nil
}

func (l *linting) say(p Problem) {
	l.out = append(l.out, Remark{Lint: l.lint.name, Problem: p})
}

func (l *linting) advise(p Problem) {
	l.out = append(l.out, Remark{Lint: l.lint.name, Problem: p, Advice: true})
}

// each calls look with the rules by policy and id.
func (l *linting) each(look func(id string, n *noted)) {
	for _, id := range sortedKeys(l.rules) {
		look(id, l.rules[id])
	}
}

func at(n *noted, what, remedy string) Problem {
	return Problem{File: n.site.File, Line: n.site.Line, What: what, Remedy: remedy}
}

func (l *linting) noTitle() {
	l.each(func(id string, n *noted) {
		if n.site.Title == n.site.ID {
			l.say(at(n, "the rule "+id+" has no title", "Write above it: # METADATA, # title: …"))
		}
	})
	for _, p := range l.Policies() {
		for _, r := range p.Hosts {
			if r.Title == r.ID {
				l.say(Problem{File: r.File, Line: r.Line, What: "the rule " + p.Name + "." + r.ID + " has no title", Remedy: "Write above it: # METADATA, # title: …"})
			}
		}
	}
}

func (l *linting) noOwner() {
	l.each(func(id string, n *noted) {
		if n.note.Owner == "" {
			l.say(at(n, "the rule "+id+" has no owner", "Write into its metadata, or into its package's: # custom: {owner: …}"))
		}
	})
}

// dated is something with a last day.
type dated struct {
	what string
	day  string
	at   Problem
}

// dates lists what has a last day: rules, and entries of data with a key expires.
func (l *linting) dates() []dated {
	var out []dated
	l.each(func(id string, n *noted) {
		if n.note.Expires != "" {
			out = append(out, dated{"the rule " + id, n.note.Expires, at(n, "", "")})
		}
	})
	var walk func(v any, path string)
	walk = func(v any, path string) {
		switch x := v.(type) {
		case []any:
			for i, e := range x {
				walk(e, fmt.Sprintf("%s[%d]", path, i))
			}
		case map[string]any:
			if day, ok := x["expires"].(string); ok {
				out = append(out, dated{"the entry " + path, day, Problem{}})
			}
			for _, k := range sortedKeys(x) {
				walk(x[k], path+"."+k)
			}
		}
	}
	walk(l.data, "data")
	return out
}

func (l *linting) expired() {
	for _, d := range l.dates() {
		over, ok := Over(d.day, l.o.Now)
		p := d.at
		switch {
		case !ok:
			p.What, p.Remedy = d.what+" expires at "+fmt.Sprintf("%q", d.day)+", which is no day", "Write a day as 2027-06-30"
		case over:
			p.What, p.Remedy = d.what+" expired on "+d.day, "Take it out, or have it reviewed and give it another day"
		default:
			continue
		}
		l.say(p)
	}
}

func (l *linting) expiresSoon() {
	for _, d := range l.dates() {
		over, ok := Over(d.day, l.o.Now)
		if soon, _ := Over(d.day, l.o.Now.Add(expiresSoon)); ok && soon && !over {
			p := d.at
			p.What, p.Remedy = d.what+" expires on "+d.day, "Have it reviewed before"
			l.advise(p)
		}
	}
}

func (l *linting) dangling() {
	own, _ := l.data["exceptions"].(map[string]any)
	list, _ := own["list"].([]any)
	for i, e := range list {
		entry, _ := e.(map[string]any)
		id, ok := entry["rule"].(string)
		if !ok {
			continue // the policy's own check of its data speaks of it
		}
		if err := l.Liftable(id); err != nil {
			l.say(Problem{What: fmt.Sprintf("data.exceptions.list[%d]: %v", i, err), Remedy: "Take the exception out, or name another rule"})
		}
	}
}

func (l *linting) message() {
	l.each(func(id string, n *noted) {
		for _, o := range contributionsIn(n.rule) {
			v := literal(o, "message")
			if v == nil || literal(o, "rule").Value.Compare(ast.String(n.site.ID)) != 0 {
				continue
			}
			text, ok := v.Value.(ast.String)
			if !ok {
				continue // computed
			}
			if what, remedy := poor(string(text)); what != "" {
				l.say(at(n, "the message of "+id+" "+what, remedy))
			}
		}
	})
}

// poor says what of a message does not help its reader.
func poor(m string) (what, remedy string) {
	first, _ := utf8.DecodeRuneInString(m)
	switch {
	case len(strings.Fields(m)) < wordsLeast:
		return "is too short to help", "Say in a sentence what was met and what the caller can do"
	case len(m) > messageShown:
		return "is too long to be read", "Say it in one or two sentences; the reasons belong into the description"
	case unicode.IsLower(first):
		return "begins with a small letter", "It is shown to people: write a sentence"
	case !strings.ContainsAny(m[len(m)-1:], ".!?"):
		return "does not end like a sentence", "It is shown to people: write a sentence"
	case m == strings.ToUpper(m):
		return "is written in capitals", "It is shown to people: write a sentence"
	}
	return "", ""
}

func (l *linting) misplaced() {
	for _, p := range sortedKeys(l.modules) {
		name, _, _ := packageOf(l.modules[p])
		if name == "" {
			continue
		}
		parts := strings.Split(p, "/")
		if strings.TrimSuffix(parts[len(parts)-1], ".rego") != name && !slices.Contains(parts[:len(parts)-1], name) {
			l.say(Problem{File: p, Line: 1, What: "the policy " + name + " lies in a file of another name", Remedy: "Move it to " + name + "/" + name + ".rego"})
		}
	}
}

func (l *linting) noTest() {
	tested := func(policy string) bool {
		name := regexp.MustCompile(`\b` + policy + `(_test)?\b`)
		for _, text := range l.tests {
			if name.MatchString(text) {
				return true
			}
		}
		for _, fx := range l.o.Fixtures {
			for _, r := range slices.Concat(fx.Expect.Rules, fx.Expect.Without) {
				if name, id, ok := strings.Cut(r, "."); ok && name == policy || !ok && l.rules[policy+"."+name] != nil && id == "" {
					return true
				}
			}
		}
		return false
	}
	for _, p := range l.Policies() {
		if !tested(p.Name) {
			f := Problem{What: "no unit test and no fixture names the policy " + p.Name, Remedy: "Write a fixture with expect: {rules: [" + p.Name + ".…]}"}
			if all := slices.Concat(p.Rules, p.Hosts); len(all) > 0 {
				f.File, f.Line = all[0].File, 1
			}
			l.say(f)
		}
	}
}

func (l *linting) unconditional() {
	l.each(func(id string, n *noted) {
		if n.site.Set != "deny" {
			return
		}
		for _, x := range n.rule.Body {
			if t, ok := x.Terms.(*ast.Term); !ok || t.Value.Compare(ast.Boolean(true)) != 0 {
				return
			}
		}
		l.say(at(n, "the rule "+id+" has no condition and refuses every request", "Add one: deny contains {…} if …"))
	})
}

// iterated finds references that go through findings one by one.
func (l *linting) iterated() {
	findings := func(r ast.Ref) bool {
		return len(r) >= 3 && r[0].Value.Compare(ast.InputRootDocument.Value) == 0 && r[1].Value.Compare(ast.String("findings")) == 0 &&
			(r[2].Value.Compare(ast.String("types")) == 0 || r[2].Value.Compare(ast.String("groups")) == 0)
	}
	whole := func(t *ast.Term) bool {
		r, ok := t.Value.(ast.Ref)
		return ok && len(r) == 3 && findings(r)
	}
	tell := func(at *ast.Location) {
		l.say(problemAt(at, "the rule goes through all findings", "Ask by name: input.findings.groups.health.count > 0; for a list of names, object.filter(input.findings.groups, names)"))
	}
	for _, p := range sortedKeys(l.modules) {
		m := l.modules[p]
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if findings(r) && len(r) > 3 {
				if _, variable := r[3].Value.(ast.Var); variable && strings.HasPrefix(r[3].Value.String(), "$") {
					tell(r[0].Location) // input.findings.types[_]
				}
			}
			return false
		})
		ast.WalkExprs(m, func(x *ast.Expr) bool {
			switch t := x.Terms.(type) {
			case *ast.SomeDecl:
				for _, s := range t.Symbols {
					if c, ok := s.Value.(ast.Call); ok && whole(c[len(c)-1]) {
						tell(x.Location)
					}
				}
			case *ast.Every:
				if whole(t.Domain) {
					tell(x.Location)
				}
			}
			return false
		})
	}
}

var camel = regexp.MustCompile(`[a-z][A-Z]`)

func (l *linting) camelCase() {
	for _, p := range sortedKeys(l.modules) {
		for _, r := range l.modules[p].Rules {
			if name := r.Head.Ref()[0].Value.String(); camel.MatchString(name) {
				l.say(problemAt(r.Location, name+" is written with capitals", "Write it in small letters with underscores"))
			}
		}
	}
}

func (l *linting) passesAll() {
	for _, h := range l.hosts {
		if h.Pass && h.Host == "*" {
			l.advise(Problem{File: h.Site.File, Line: h.Site.Line, What: "every name passes, also what looks like a model API", Remedy: "Without the rule other names pass all the same, and look-alikes and likely model APIs are refused"})
		}
	}
}

func (l *linting) prints() {
	for _, p := range sortedKeys(l.modules) {
		ast.WalkExprs(l.modules[p], func(x *ast.Expr) bool {
			if x.IsCall() && x.Operator().String() == "print" {
				l.advise(problemAt(x.Location, "print does nothing in a decision", "Take it out, or keep it in tests"))
			}
			return false
		})
	}
}

// threeValued are the facts that are yes, no or unknown.
var threeValued = []string{"input.time.office", "input.spend.budget", "input.conversation.lineage"}

func (l *linting) unknownPasses() {
	l.each(func(id string, n *noted) {
		if n.site.Set == "allow" || n.site.Set == "warn" || n.site.Set == "notify" {
			return
		}
		mentioned := map[string]bool{} // facts that are compared with "unknown" too
		compared := map[string]*ast.Expr{}
		ast.WalkExprs(n.rule, func(x *ast.Expr) bool {
			if !x.IsCall() || len(x.Operands()) < 2 {
				return false
			}
			a, b := x.Operand(0), x.Operand(1)
			if inputRef(a) == nil {
				a, b = b, a
			}
			ref := inputRef(a)
			if ref == nil || !slices.Contains(threeValued, ref.String()) {
				return false
			}
			for _, v := range constants(b) {
				if v.Compare(ast.String("unknown")) == 0 {
					mentioned[ref.String()] = true
				}
			}
			if op := x.Operator().String(); !x.Negated && (op == "equal" || op == "eq") {
				compared[ref.String()] = x
			}
			return false
		})
		for _, ref := range slices.Sorted(maps.Keys(compared)) {
			if !mentioned[ref] {
				l.advise(problemAt(compared[ref].Location, "the rule "+id+" does not speak where "+ref+" is unknown", `Ask for what is right instead: != "yes", or name "unknown" too`))
			}
		}
	})
}

// unused finds helpers that nothing refers to.
func (l *linting) unused() {
	used := map[string]bool{}
	note := func(own map[string]bool, name string, self string) {
		if name != self {
			own[name] = true
		}
	}
	for _, p := range sortedKeys(l.modules) {
		for _, r := range l.modules[p].Rules {
			self := r.Head.Ref()[0].Value.String()
			ast.WalkTerms(r, func(t *ast.Term) bool {
				switch x := t.Value.(type) {
				case ast.Var:
					note(used, string(x), self)
				case ast.String:
					note(used, string(x), self) // data.own.helper
				}
				return false
			})
		}
	}
	for _, p := range sortedKeys(l.modules) {
		m := l.modules[p]
		policy, _, _ := packageOf(m)
		for _, r := range m.Rules {
			name := r.Head.Ref()[0].Value.String()
			if used[name] || policy != "" && (slices.Contains(setNames, name) || slices.Contains(hostSets, name) || name == "invalid") {
				continue
			}
			l.say(problemAt(r.Location, "no rule asks the helper "+name, "Take it out; a helper for tests belongs into a file NAME_test.rego"))
		}
	}
}
