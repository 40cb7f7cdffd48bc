package policies

import (
	"context"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// OPA's evaluator binds and unbinds variables in tables, so that any expression may
// be solved for any variable. Nearly all that policies say needs none of that: once
// compiled, each expression of a body gives values to variables of which it is known
// beforehand which they are. A set of such a policy is made into a chain of
// functions here, one for each expression, which takes a tenth of the time.
//
// It is the same language, or nothing: what this file does not know (with, every,
// else, partial objects, patterns) is left to OPA, and so is every evaluation in
// which anything goes wrong here, so that its errors are OPA's. Expressions are
// evaluated in OPA's order, and never fewer of them, so no error of OPA's is missed.

// direct evaluates sets without OPA's evaluator. It is made at load, and safe for
// concurrent use.
type direct struct {
	sets   []*group // in the order of [Set.sets]; nil for one that is left to OPA
	groups int
	left   int // how many are left
}

// Bounds of one evaluation. What would take more is left to OPA, which has a
// deadline alone.
const (
	directSteps = 1 << 20 // members that were tried and rules that were asked
	directCheck = 1 << 10 // after so many, the deadline is looked at
	directDepth = 64      // rules that ask each other
)

// run is one evaluation.
type run struct {
	ctx    context.Context
	input  *ast.Term
	known  []known // by group: what was evaluated
	frames []*frame
	depth  int
	steps  int
	failed bool // OPA is to say what it is
}

type known struct {
	done bool
	term *ast.Term // nil: undefined
}

// frame holds the variables of one rule that is being evaluated, and what its
// solutions gave.
type frame struct {
	r     *run
	slots []*ast.Term
	list  []*ast.Term // of the rule, and above it of the comprehensions that are being evaluated
	hit   bool        // a body of its own has a solution
}

// step evaluates the rest of a body.
type step func(*frame)

// link makes a step of the one behind it.
type link func(step) step

// value gives a term that holds no variable without a value; nil is undefined.
type value func(*frame) *ast.Term

// group is all rules of one name.
type group struct {
	index  int
	params int
	slots  int
	set    bool // of members; otherwise of one value
	rules  []step
	other  *ast.Term               // the default, or nil
	alone  map[*ast.Term]*ast.Term // sets of one constant member, by the member
}

// enter takes a frame for a group of rules.
func (r *run) enter(slots int) *frame {
	if r.depth == len(r.frames) {
		r.frames = append(r.frames, &frame{r: r})
	}
	f := r.frames[r.depth]
	r.depth++
	if cap(f.slots) < slots {
		f.slots = make([]*ast.Term, slots)
	}
	f.slots, f.list = f.slots[:slots], f.list[:0]
	if r.depth > directDepth {
		r.failed = true
	}
	r.more() // functions that ask each other twice are as good as a loop
	return f
}

// Cancel implements [topdown.Cancel]. It is the context that ends an evaluation.
func (r *run) Cancel() {}

// Cancelled implements [topdown.Cancel].
func (r *run) Cancelled() bool { return r.ctx.Err() != nil }

// more counts a member that is tried, or a rule that is asked, and reports whether
// to go on.
func (r *run) more() bool {
	r.steps++
	if r.steps%directCheck == 0 && (r.steps > directSteps || r.ctx.Err() != nil) {
		r.failed = true
	}
	return !r.failed
}

// term evaluates a group; args are the values of its parameters.
func (g *group) term(r *run, args []*ast.Term) *ast.Term {
	if g.params == 0 {
		if k := &r.known[g.index]; k.done {
			return k.term
		}
	}
	f := r.enter(g.slots)
	for _, rule := range g.rules {
		copy(f.slots, args)
		rule(f)
	}
	r.depth--
	if r.failed {
		return nil
	}
	t := g.of(r, f.list)
	if g.params == 0 {
		r.known[g.index] = known{true, t}
	}
	return t
}

// of gives the value of a group whose rules gave a list.
func (g *group) of(r *run, list []*ast.Term) *ast.Term {
	if len(list) == 0 {
		if g.set {
			return ast.InternedEmptySet
		}
		return g.other
	}
	same := true
	for _, o := range list[1:] {
		same = same && o == list[0]
	}
	switch {
	case g.set && same && g.alone[list[0]] != nil:
		return g.alone[list[0]]
	case g.set:
		return ast.SetTerm(list...)
	}
	for _, o := range list[1:] {
		if !ast.ValueEqual(list[0].Value, o.Value) {
			r.failed = true // two values of one rule
			return nil
		}
	}
	return list[0]
}

// runs keeps what evaluations need, for the next. A kept one refers to values of the
// last, which hold no content.
var runs = sync.Pool{New: func() any { return &run{} }}

// evaluate gives the members of the sets, in their order; those that are left to
// OPA have none. It reports false where OPA is to evaluate all of them.
func (d *direct) evaluate(ctx context.Context, input ast.Value, all []said) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	r := runs.Get().(*run)
	r.ctx, r.input, r.depth, r.steps, r.failed = ctx, ast.NewTerm(input), 0, 0, false
	r.known = slices.Grow(r.known[:0], d.groups)[:d.groups]
	clear(r.known)
	for i, g := range d.sets {
		if g == nil {
			continue
		}
		t := g.term(r, nil)
		if r.failed {
			return false
		}
		all[i].members = t.Value
	}
	r.ctx, r.input = nil, nil
	runs.Put(r)
	return true
}

// builder makes groups of compiled rules.
type builder struct {
	compiler *ast.Compiler
	data     ast.Value
	groups   map[*ast.TreeNode]*group // nil: left to OPA
	builtins map[string]*ast.Builtin
	count    int
}

// newDirect makes what can be evaluated without OPA.
func newDirect(pr *program, data map[string]any, sets []said) *direct {
	d := &direct{sets: make([]*group, len(sets)), left: len(sets)}
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		return d
	}
	b := &builder{compiler: pr.compiler, data: v, groups: map[*ast.TreeNode]*group{}, builtins: map[string]*ast.Builtin{}}
	for _, bi := range capabilities().Builtins {
		if !bi.Relation && bi.Name != ast.Print.Name && bi.Name != ast.InternalPrint.Name && bi.Decl.Result() != nil && topdown.GetBuiltin(bi.Name) != nil {
			b.builtins[bi.Name] = bi
		}
	}
	for i, s := range sets {
		node := pr.compiler.RuleTree.Find(ast.MustParseRef("data.ostiary.policies." + s.policy + "." + s.set))
		if node == nil {
			continue
		}
		if g := b.group(node); g != nil && g.set {
			d.sets[i] = g
			d.left--
		}
	}
	d.groups = b.count
	return d
}

// group gives the group of a node of the rule tree, or nil.
func (b *builder) group(node *ast.TreeNode) *group {
	if g, ok := b.groups[node]; ok {
		return g
	}
	b.groups[node] = nil
	if len(node.Children) > 0 || len(node.Values) == 0 {
		return nil
	}
	head := node.Values[0].Head
	g := &group{params: len(head.Args), set: head.RuleKind() == ast.MultiValue, alone: map[*ast.Term]*ast.Term{}}
	for _, rule := range node.Values {
		h := rule.Head
		if rule.Else != nil || !h.Ref().IsGround() || len(h.Args) != g.params || (h.RuleKind() == ast.MultiValue) != g.set || h.Key != nil && h.Value != nil {
			return nil
		}
		if rule.Default {
			if g.set || g.params > 0 || !ast.IsConstant(h.Value.Value) {
				return nil
			}
			g.other = h.Value
			continue
		}
		body, slots := b.clause(rule, g.set)
		if body == nil {
			return nil
		}
		g.rules, g.slots = append(g.rules, body), max(g.slots, slots)
		if key := h.Key; g.set && ast.IsConstant(key.Value) {
			g.alone[key] = ast.SetTerm(key)
		}
	}
	g.index = b.count
	b.count++
	b.groups[node] = g
	return g
}

// scope is what is known of the variables of a rule at a place in its body.
type scope struct {
	*builder
	slots map[ast.Var]int
	bound map[ast.Var]bool
	size  *int
	bad   *bool // something is left to OPA
}

func (s *scope) no() {
	*s.bad = true
}

// slot gives a variable's place, and binds it.
func (s *scope) slot(v ast.Var) int {
	i, ok := s.slots[v]
	if !ok {
		i = *s.size
		*s.size++
		s.slots[v] = i
	}
	s.bound[v] = true
	return i
}

// inner gives a scope whose variables are not seen outside of it.
func (s *scope) inner() *scope {
	in := *s
	in.bound = make(map[ast.Var]bool, len(s.bound))
	for v := range s.bound {
		in.bound[v] = true
	}
	return &in
}

// free gives a term's variable where it has no value yet.
func (s *scope) free(t *ast.Term) (ast.Var, bool) {
	v, ok := t.Value.(ast.Var)
	return v, ok && !s.bound[v] && !isRoot(v)
}

func isRoot(v ast.Var) bool {
	return v.Equal(ast.InputRootDocument.Value) || v.Equal(ast.DefaultRootDocument.Value)
}

// clause makes a rule, and says how many variables it has; nil where it is left to
// OPA.
func (b *builder) clause(rule *ast.Rule, set bool) (body step, slots int) {
	size, bad := len(rule.Head.Args), false
	s := &scope{builder: b, slots: map[ast.Var]int{}, bound: map[ast.Var]bool{}, size: &size, bad: &bad}
	var links []link
	for i, a := range rule.Head.Args {
		switch v := a.Value.(type) {
		case ast.Var:
			if s.bound[v] || isRoot(v) {
				return nil, 0
			}
			s.slots[v], s.bound[v] = i, true
		default:
			if !ast.IsConstant(v) {
				return nil, 0
			}
			links = append(links, func(next step) step {
				return func(f *frame) {
					if ast.ValueEqual(f.slots[i].Value, v) {
						next(f)
					}
				}
			})
		}
	}
	links = append(links, s.body(rule.Body)...)
	what := rule.Head.Value
	if set {
		what = rule.Head.Key
	}
	if bad || what == nil {
		return nil, 0
	}
	of := s.value(what)
	if bad {
		return nil, 0
	}
	return chain(links, func(f *frame) {
		if t := of(f); t != nil {
			f.list = append(f.list, t)
		}
	}), size
}

// chain joins links before a last step.
func chain(links []link, last step) step {
	for i := len(links) - 1; i >= 0; i-- {
		last = links[i](last)
	}
	return last
}

func (s *scope) body(body ast.Body) []link {
	var links []link
	for _, e := range body {
		links = append(links, s.expr(e))
		if *s.bad {
			return nil
		}
	}
	return links
}

// expr makes one expression of a body.
func (s *scope) expr(e *ast.Expr) link {
	if len(e.With) > 0 {
		s.no()
		return nil
	}
	if !e.Negated {
		return s.positive(e)
	}
	in := s.inner()
	test := in.positive(e)
	if *s.bad {
		return nil
	}
	found := test(func(f *frame) { f.hit = true })
	return func(next step) step {
		return func(f *frame) {
			outer := f.hit
			f.hit = false
			found(f)
			hit := f.hit
			f.hit = outer
			if !hit && !f.r.failed {
				next(f)
			}
		}
	}
}

func (s *scope) positive(e *ast.Expr) link {
	switch terms := e.Terms.(type) {
	case *ast.Term:
		all := s.each(terms)
		if *s.bad {
			return nil
		}
		return func(next step) step {
			return all(func(f *frame, t *ast.Term) {
				if b, ok := t.Value.(ast.Boolean); !ok || bool(b) {
					next(f)
				}
			})
		}
	case []*ast.Term:
		if e.IsEquality() && len(terms) == 3 {
			return s.equality(terms[1], terms[2])
		}
		return s.call(terms)
	}
	s.no()
	return nil
}

// gen makes a step that gives each value of a term to what follows.
type gen func(use func(*frame, *ast.Term)) step

// equality makes a = b, of which one side at least has a value of its own.
func (s *scope) equality(a, b *ast.Term) link {
	if _, ok := s.free(a); ok {
		a, b = b, a
	}
	if v, ok := s.free(b); ok {
		all := s.each(a)
		if *s.bad || s.bound[v] { // a may not give it a value
			s.no()
			return nil
		}
		i := s.slot(v)
		return func(next step) step {
			return all(func(f *frame, t *ast.Term) {
				f.slots[i] = t
				next(f)
			})
		}
	}
	if s.asks(a) && s.asks(b) || s.several(a) && s.several(b) {
		s.no() // which of the two OPA takes first is its own business
		return nil
	}
	if s.asks(b) {
		a, b = b, a // it is asked in any case
	}
	left := s.each(a)
	i := *s.size
	*s.size++
	right := s.each(b)
	if *s.bad {
		return nil
	}
	return func(next step) step {
		rest := right(func(f *frame, t *ast.Term) {
			if ast.ValueEqual(f.slots[i].Value, t.Value) {
				next(f)
			}
		})
		return left(func(f *frame, t *ast.Term) {
			f.slots[i] = t
			rest(f)
		})
	}
}

// asks reports whether a term may evaluate a rule.
func (s *scope) asks(t *ast.Term) bool {
	found := false
	ast.WalkRefs(t, func(r ast.Ref) bool {
		found = found || r[0].Equal(ast.DefaultRootDocument)
		return found
	})
	return found
}

// several reports whether a term may have more than one value.
func (s *scope) several(t *ast.Term) bool {
	r, ok := t.Value.(ast.Ref)
	return ok && len(r) > 1 && !allBound(s, r[1:])
}

func allBound(s *scope, path []*ast.Term) bool {
	for _, t := range path {
		if _, free := s.free(t); free {
			return false
		}
	}
	return true
}

// call makes a call of a builtin or of a function of the policies, with a term for
// its value behind the arguments or without one.
func (s *scope) call(terms []*ast.Term) link {
	op, ok := terms[0].Value.(ast.Ref)
	if !ok {
		s.no()
		return nil
	}
	var apply func(*frame, []*ast.Term) *ast.Term
	arity := 0
	if op[0].Equal(ast.DefaultRootDocument) {
		node := s.compiler.RuleTree.Find(op)
		if node == nil {
			s.no()
			return nil
		}
		g := s.group(node)
		if g == nil || g.set || g.params == 0 {
			s.no()
			return nil
		}
		arity = g.params
		apply = func(f *frame, args []*ast.Term) *ast.Term { return g.term(f.r, args) }
	} else {
		bi := s.builtins[op.String()]
		if bi == nil {
			s.no()
			return nil
		}
		arity = bi.Decl.Arity()
		apply = builtin(bi.Name)
	}
	if n := len(terms) - 1; n != arity && n != arity+1 {
		s.no()
		return nil
	}
	args := make([]value, arity)
	for i := range args {
		t := terms[i+1]
		if _, ok := t.Value.(ast.Ref); ok { // the compiler leaves none there
			s.no()
		}
		args[i] = s.value(t)
	}
	result := -1 // a slot
	var want value
	if len(terms)-1 == arity+1 {
		last := terms[len(terms)-1]
		if v, ok := s.free(last); ok {
			result = s.slot(v)
		} else {
			want = s.value(last)
		}
	}
	if *s.bad {
		return nil
	}
	at := *s.size // the arguments stand side by side
	*s.size += arity
	return func(next step) step {
		return func(f *frame) {
			for i, a := range args {
				t := a(f)
				if t == nil {
					return
				}
				f.slots[at+i] = t
			}
			t := apply(f, f.slots[at:at+arity:at+arity])
			switch {
			case t == nil || f.r.failed:
				return
			case result >= 0:
				f.slots[result] = t
			case want != nil:
				if w := want(f); w == nil || !ast.ValueEqual(w.Value, t.Value) {
					return
				}
			default:
				if b, ok := t.Value.(ast.Boolean); ok && !bool(b) {
					return
				}
			}
			next(f)
		}
	}
}

// comparisons are evaluated here, as OPA does it.
var comparisons = map[string]func(order int) bool{
	ast.GreaterThan.Name:   func(n int) bool { return n > 0 },
	ast.GreaterThanEq.Name: func(n int) bool { return n >= 0 },
	ast.LessThan.Name:      func(n int) bool { return n < 0 },
	ast.LessThanEq.Name:    func(n int) bool { return n <= 0 },
	ast.Equal.Name:         func(n int) bool { return n == 0 },
	ast.NotEqual.Name:      func(n int) bool { return n != 0 },
}

// builtin gives a builtin as a function.
func builtin(name string) func(*frame, []*ast.Term) *ast.Term {
	if is := comparisons[name]; is != nil {
		return func(_ *frame, args []*ast.Term) *ast.Term {
			return ast.InternedTerm(is(ast.Compare(args[0].Value, args[1].Value)))
		}
	}
	switch name {
	case ast.Member.Name:
		return func(_ *frame, args []*ast.Term) *ast.Term { return ast.InternedTerm(holds(args[1], args[0])) }
	case ast.Count.Name:
		return length
	}
	fn := topdown.GetBuiltin(name)
	return func(f *frame, args []*ast.Term) (out *ast.Term) {
		// Each may take long, and double what the one before it gave.
		if f.r.Cancelled() {
			f.r.failed = true
			return nil
		}
		// The arguments may be kept in the result: they are not those of the frame.
		operands := append(make([]*ast.Term, 0, len(args)), args...)
		n := 0
		err := fn(topdown.BuiltinContext{Context: f.r.ctx, Cancel: f.r}, operands, func(t *ast.Term) error {
			out = t
			n++
			return nil
		})
		if err != nil || n > 1 {
			f.r.failed = true
			return nil
		}
		return out
	}
}

// holds reports whether a term is among the members of a list, a set or the values
// of an object.
func holds(list, t *ast.Term) bool {
	switch v := list.Value.(type) {
	case ast.Set:
		return v.Contains(t)
	case *ast.Array:
		for i := range v.Len() {
			if ast.ValueEqual(v.Elem(i).Value, t.Value) {
				return true
			}
		}
	case ast.Object:
		return v.Until(func(_, m *ast.Term) bool { return ast.ValueEqual(m.Value, t.Value) })
	}
	return false
}

// length counts members, or the characters of a text.
func length(f *frame, args []*ast.Term) *ast.Term {
	switch v := args[0].Value.(type) {
	case *ast.Array:
		return ast.InternedTerm(v.Len())
	case ast.Object:
		return ast.InternedTerm(v.Len())
	case ast.Set:
		return ast.InternedTerm(v.Len())
	case ast.String:
		return ast.InternedTerm(utf8.RuneCountInString(string(v)))
	}
	f.r.failed = true
	return nil
}

// each gives the values of a term.
func (s *scope) each(t *ast.Term) gen {
	if r, ok := t.Value.(ast.Ref); ok {
		return s.ref(r)
	}
	of := s.value(t)
	return func(use func(*frame, *ast.Term)) step {
		return func(f *frame) {
			if t := of(f); t != nil && !f.r.failed {
				use(f, t)
			}
		}
	}
}

// value gives the value of a term without free variables, of which a reference is
// none.
func (s *scope) value(t *ast.Term) value {
	if ast.IsConstant(t.Value) {
		return func(*frame) *ast.Term { return t }
	}
	switch v := t.Value.(type) {
	case ast.Var:
		if v.Equal(ast.InputRootDocument.Value) {
			return func(f *frame) *ast.Term { return f.r.input }
		}
		if s.bound[v] {
			i := s.slots[v]
			return func(f *frame) *ast.Term { return f.slots[i] }
		}
	case *ast.Array:
		var of []value
		v.Foreach(func(e *ast.Term) { of = append(of, s.value(e)) })
		return func(f *frame) *ast.Term {
			if list := values(f, of); list != nil {
				return ast.ArrayTerm(list...)
			}
			return nil
		}
	case ast.Set:
		var of []value
		v.Foreach(func(e *ast.Term) { of = append(of, s.value(e)) })
		return func(f *frame) *ast.Term {
			if list := values(f, of); list != nil {
				return ast.SetTerm(list...)
			}
			return nil
		}
	case ast.Object:
		var of []value
		v.Foreach(func(k, e *ast.Term) { of = append(of, s.value(k), s.value(e)) })
		return func(f *frame) *ast.Term {
			if list := values(f, of); list != nil {
				return object(f, list)
			}
			return nil
		}
	case *ast.ArrayComprehension:
		collect := s.comprehension(v.Body, v.Term)
		return func(f *frame) *ast.Term { return ast.ArrayTerm(collect(f)...) }
	case *ast.SetComprehension:
		collect := s.comprehension(v.Body, v.Term)
		return func(f *frame) *ast.Term { return ast.SetTerm(collect(f)...) }
	case *ast.ObjectComprehension:
		collect := s.comprehension(v.Body, v.Key, v.Value)
		return func(f *frame) *ast.Term { return object(f, collect(f)) }
	}
	s.no()
	return nil
}

func values(f *frame, of []value) []*ast.Term {
	list := make([]*ast.Term, len(of))
	for i, v := range of {
		if list[i] = v(f); list[i] == nil {
			return nil
		}
	}
	return list
}

// object makes an object of keys and values in turn.
func object(f *frame, list []*ast.Term) *ast.Term {
	o := ast.NewObject()
	for i := 0; i+1 < len(list); i += 2 {
		if old := o.Get(list[i]); old != nil && !ast.ValueEqual(old.Value, list[i+1].Value) {
			f.r.failed = true // two values of one key
			return nil
		}
		o.Insert(list[i], list[i+1])
	}
	return ast.NewTerm(o)
}

// comprehension collects terms over the solutions of a body.
func (s *scope) comprehension(body ast.Body, terms ...*ast.Term) func(*frame) []*ast.Term {
	in := s.inner()
	links := in.body(body)
	var of []value
	for _, t := range terms {
		if *s.bad {
			break
		}
		of = append(of, in.value(t))
	}
	if *s.bad {
		return nil
	}
	all := chain(links, func(f *frame) {
		if list := values(f, of); list != nil {
			f.list = append(f.list, list...)
		}
	})
	return func(f *frame) []*ast.Term {
		mark := len(f.list)
		all(f)
		list := slices.Clone(f.list[mark:]) // it becomes part of a term
		f.list = f.list[:mark]
		return list
	}
}

// part is one key of a reference: a value, or a variable that takes each.
type part struct {
	of   value
	free int
}

// ref gives what a reference refers to.
func (s *scope) ref(r ast.Ref) gen {
	from, path := s.root(r)
	if *s.bad {
		return nil
	}
	parts := make([]part, len(path))
	for i, t := range path {
		if v, ok := s.free(t); ok {
			parts[i].free = s.slot(v)
			continue
		}
		if _, ok := t.Value.(ast.Ref); ok {
			s.no() // the compiler leaves none there
		}
		parts[i].of = s.value(t)
	}
	if *s.bad {
		return nil
	}
	return func(use func(*frame, *ast.Term)) step {
		return func(f *frame) {
			if t := from(f); t != nil && !f.r.failed {
				follow(f, t, parts, use)
			}
		}
	}
}

// root gives where a reference begins, and the rest of it.
func (s *scope) root(r ast.Ref) (from value, path []*ast.Term) {
	if !r[0].Equal(ast.DefaultRootDocument) {
		if _, ok := r[0].Value.(ast.Var); !ok {
			s.no()
			return nil, nil
		}
		return s.value(r[0]), r[1:]
	}
	node := s.compiler.RuleTree.Child(r[0].Value)
	i := 1
	for ; i < len(r) && node != nil; i++ {
		if !ast.IsConstant(r[i].Value) {
			s.no() // over rules and data alike
			return nil, nil
		}
		if node = node.Child(r[i].Value); node == nil {
			break
		}
		if len(node.Values) > 0 {
			g := s.group(node)
			if g == nil || g.params > 0 || g.set && i+1 < len(r) {
				s.no()
				return nil, nil
			}
			return func(f *frame) *ast.Term { return g.term(f.r, nil) }, r[i+1:]
		}
	}
	if node != nil { // a package
		s.no()
		return nil, nil
	}
	t := ast.NewTerm(s.data)
	for i = 1; i < len(r) && ast.IsConstant(r[i].Value); i++ {
		if t = member(t, r[i]); t == nil {
			break // undefined
		}
	}
	return func(*frame) *ast.Term { return t }, r[i:]
}

// follow follows keys from a term.
func follow(f *frame, t *ast.Term, parts []part, use func(*frame, *ast.Term)) {
	for i := range parts {
		p := &parts[i]
		if p.of != nil {
			key := p.of(f)
			if key == nil {
				return
			}
			if t = member(t, key); t == nil {
				return
			}
			continue
		}
		rest := parts[i+1:]
		switch v := t.Value.(type) {
		case *ast.Array:
			for j := 0; j < v.Len() && f.r.more(); j++ {
				f.slots[p.free] = ast.InternedTerm(j)
				follow(f, v.Elem(j), rest, use)
			}
		case ast.Object:
			keys := v.KeysIterator()
			for key, more := keys.Next(); more && f.r.more(); key, more = keys.Next() {
				f.slots[p.free] = key
				follow(f, v.Get(key), rest, use)
			}
		case ast.Set:
			for _, t := range v.Slice() {
				if !f.r.more() {
					break
				}
				f.slots[p.free] = t
				follow(f, t, rest, use)
			}
		}
		return
	}
	use(f, t)
}

// member gives what a key refers to, or nil.
func member(t, key *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case ast.Object:
		return v.Get(key)
	case *ast.Array:
		return v.Get(key)
	case ast.Set:
		if v.Contains(key) {
			return key
		}
	}
	return nil
}
