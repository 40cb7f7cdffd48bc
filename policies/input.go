package policies

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// pair is a member of an object.
type pair = [2]*ast.Term

// The keys of Facts, made once: terms are never written.
var (
	kAbilities    = ast.InternedTerm("abilities")
	kAtLeast      = ast.InternedTerm("at_least")
	kAvailable    = ast.InternedTerm("available")
	kBoundary     = ast.InternedTerm("boundary")
	kContext      = ast.InternedTerm("context")
	kCount        = ast.InternedTerm("count")
	kCurrency     = ast.InternedTerm("currency")
	kDialects     = ast.InternedTerm("dialects")
	kGroups       = ast.InternedTerm("groups")
	kHealth       = ast.InternedTerm("health")
	kInput        = ast.InternedTerm("input")
	kJurisdiction = ast.InternedTerm("jurisdiction")
	kLabels       = ast.InternedTerm("labels")
	kLikely       = ast.InternedTerm("likely")
	kName         = ast.InternedTerm("name")
	kOutput       = ast.InternedTerm("output")
	kPools        = ast.InternedTerm("pools")
	kPossible     = ast.InternedTerm("possible")
	kPrice        = ast.InternedTerm("price")
	kReasons      = ast.InternedTerm("reasons")
	kRetention    = ast.InternedTerm("retention")
	kRoles        = ast.InternedTerm("roles")
	kServes       = ast.InternedTerm("serves")
	kSynthetic    = ast.InternedTerm("synthetic")
	kTraining     = ast.InternedTerm("training")
	kTypes        = ast.InternedTerm("types")
	kUnlikely     = ast.InternedTerm("unlikely")
	kVeryLikely   = ast.InternedTerm("very_likely")
	kVeryUnlikely = ast.InternedTerm("very_unlikely")
)

// maker makes one value of the input.
type maker func(*proxy.Facts, *memo) *ast.Term

// leaf makes one field of the input.
type leaf struct {
	key *ast.Term
	of  maker
}

// section is one field of the input: a leaf, or an object of leaves.
type section struct {
	leaf
	fields []leaf
}

// plan makes the input of policies, of the sections that they refer to.
type plan []section

// sections make every field of [proxy.Facts].
func sections() plan {
	whole := func(key string, of maker) section {
		return section{leaf: leaf{ast.InternedTerm(key), of}}
	}
	object := func(key string, fields ...leaf) section {
		return section{leaf: leaf{key: ast.InternedTerm(key)}, fields: fields}
	}
	field := func(key string, of maker) leaf { return leaf{ast.InternedTerm(key), of} }
	return plan{
		object("conversation",
			field("bucket", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Conversation.Bucket) }),
			field("lineage", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Conversation.Lineage) })),
		object("destination",
			field("boundary", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Destination.Boundary) }),
			field("chosen_by", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Destination.ChosenBy) }),
			field("jurisdiction", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Destination.Jurisdiction) }),
			field("pool", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Destination.Pool) })),
		object("findings",
			field("groups", func(f *proxy.Facts, m *memo) *ast.Term { return m.tallies(f.Findings.Groups) }),
			field("types", func(f *proxy.Facts, m *memo) *ast.Term { return m.tallies(f.Findings.Types) })),
		object("grant",
			field("approved", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Grant.Approved) }),
			field("id", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Grant.ID) }),
			field("justification", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Grant.Justification) }),
			field("lifts", func(f *proxy.Facts, _ *memo) *ast.Term { return strs(f.Grant.Lifts) })),
		object("labels",
			field("classification", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Labels.Classification) }),
			field("severity", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Labels.Severity) })),
		whole("mode", func(f *proxy.Facts, _ *memo) *ast.Term { return str(string(f.Mode)) }),
		object("opaque",
			field("bytes", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Opaque.Bytes) }),
			field("count", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Opaque.Count) }),
			field("kinds", func(f *proxy.Facts, _ *memo) *ast.Term { return counts(f.Opaque.Kinds) })),
		whole("pools", func(f *proxy.Facts, m *memo) *ast.Term { return m.pools(f.Pools) }),
		object("principal",
			field("application", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Principal.Application) }),
			field("asserted", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Principal.Asserted) }),
			field("groups", func(f *proxy.Facts, _ *memo) *ast.Term { return strs(f.Principal.Groups) }),
			field("method", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Principal.Method) }),
			field("team", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Principal.Team) })),
		object("request",
			field("body", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Request.Body) }),
			field("bytes", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Request.Bytes) }),
			field("dialect", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Request.Dialect) }),
			field("method", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Request.Method) }),
			field("model", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Request.Model) }),
			field("needs", func(f *proxy.Facts, _ *memo) *ast.Term { return strs(f.Request.Needs) }),
			field("operation", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Request.Operation) }),
			field("segments", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Request.Segments) }),
			field("stream", func(f *proxy.Facts, _ *memo) *ast.Term { return ast.InternedTerm(f.Request.Stream) }),
			field("tokens", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Request.Tokens) }),
			field("tool_kinds", func(f *proxy.Facts, _ *memo) *ast.Term { return strs(f.Request.ToolKinds) }),
			field("tools", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Request.Tools) }),
			field("way", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Request.Way) })),
		object("spend",
			field("budget", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Spend.Budget) })),
		whole("state", func(f *proxy.Facts, _ *memo) *ast.Term { return strs(f.State) }),
		object("time",
			field("hour", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Time.Hour) }),
			field("minute", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Time.Minute) }),
			field("office", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Time.Office) }),
			field("unix", func(f *proxy.Facts, _ *memo) *ast.Term { return ast.InternedTerm(f.Time.Unix) }),
			field("weekday", func(f *proxy.Facts, _ *memo) *ast.Term { return str(f.Time.Weekday) })),
		object("uninspected",
			field("count", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Uninspected.Count) }),
			field("reasons", func(f *proxy.Facts, _ *memo) *ast.Term { return counts(f.Uninspected.Reasons) })),
		whole("version", func(f *proxy.Facts, _ *memo) *ast.Term { return num(f.Version) }),
	}
}

// planFacts leaves out what no policy refers to. used reports whether a path of
// one or two names is referred to, or something above it whole.
func planFacts(used func(path ...string) bool) plan {
	var out plan
	for _, s := range sections() {
		name := string(s.key.Value.(ast.String))
		if s.of != nil {
			if used(name) {
				out = append(out, s)
			}
			continue
		}
		s.fields = slices.DeleteFunc(s.fields, func(l leaf) bool { return !used(name, string(l.key.Value.(ast.String))) })
		if len(s.fields) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// value gives Facts as OPA's own value: a round trip through JSON costs several
// times as much. Lists that are nil are empty lists, as in the record.
func (p plan) value(f *proxy.Facts, m *memo) ast.Value {
	members := make([]pair, len(p))
	var fields [16]pair
	for i := range p {
		s := &p[i]
		if s.of != nil {
			members[i] = pair{s.key, s.of(f, m)}
			continue
		}
		n := 0
		for _, l := range s.fields {
			fields[n] = pair{l.key, l.of(f, m)}
			n++
		}
		members[i] = pair{s.key, ast.ObjectTerm(fields[:n]...)}
	}
	return ast.NewObject(members...)
}

func pools(list []proxy.PoolFacts) *ast.Term {
	out := make([]*ast.Term, len(list))
	for i := range list {
		p := &list[i]
		out[i] = ast.ObjectTerm(
			pair{kAbilities, strs(p.Abilities)}, pair{kAvailable, str(p.Available)}, pair{kBoundary, str(p.Boundary)},
			pair{kContext, num(p.Context)}, pair{kDialects, strs(p.Dialects)}, pair{kHealth, str(p.Health)},
			pair{kJurisdiction, str(p.Jurisdiction)}, pair{kLabels, strs(p.Labels)}, pair{kName, str(p.Name)},
			pair{kPrice, ast.ObjectTerm(
				pair{kCurrency, str(p.Price.Currency)}, pair{kInput, num(p.Price.Input)}, pair{kOutput, num(p.Price.Output)},
			)},
			pair{kRetention, str(p.Retention)}, pair{kServes, ast.InternedTerm(p.Serves)}, pair{kTraining, str(p.Training)},
		)
	}
	return ast.ArrayTerm(out...)
}

func (m *memo) tallies(list map[string]proxy.Tally) *ast.Term {
	if len(list) == 0 {
		return ast.InternedEmptyObject
	}
	out := make([]pair, 0, len(list))
	for name, t := range list {
		out = append(out, pair{str(name), m.tally(name, &t)})
	}
	return ast.ObjectTerm(out...)
}

func tally(t *proxy.Tally) *ast.Term {
	all := levels(&t.AtLeast)
	roles := make([]pair, 0, len(t.Roles))
	for role, l := range t.Roles {
		roles = append(roles, pair{str(role), levels(&l)})
	}
	return ast.ObjectTerm(
		pair{kAtLeast, all}, pair{kCount, num(t.Count)}, pair{kGroups, strs(t.Groups)},
		pair{kRoles, ast.ObjectTerm(roles...)}, pair{kSynthetic, num(t.Synthetic)},
	)
}

// memoLimit bounds the remembered tallies of a [Set]; each is about 2 KB.
const memoLimit = 2048

// memo remembers values that come again with nearly every request: the pools,
// which change with the configuration and with health, and tallies, which are
// mostly one or two findings of one role. Half the time of a decision went into
// making them. What it gives is never written. It is safe for concurrent use.
type memo struct {
	mu      sync.RWMutex
	known   map[tallyKey]tallyEntry // guarded by mu
	present atomic.Pointer[poolsEntry]
}

// tallyKey is a tally of at most one role, without its groups.
type tallyKey struct {
	name, role       string
	all, said        proxy.Levels
	count, synthetic int
}

type tallyEntry struct {
	groups []string // compared, not hashed
	term   *ast.Term
}

type poolsEntry struct {
	list []proxy.PoolFacts
	term *ast.Term
}

func (m *memo) tally(name string, t *proxy.Tally) *ast.Term {
	if len(t.Roles) > 1 {
		return tally(t)
	}
	key := tallyKey{name: name, all: t.AtLeast, count: t.Count, synthetic: t.Synthetic}
	for role, l := range t.Roles {
		key.role, key.said = role, l
	}
	m.mu.RLock()
	e, ok := m.known[key]
	m.mu.RUnlock()
	if ok && slices.Equal(e.groups, t.Groups) {
		return e.term
	}
	e = tallyEntry{slices.Clone(t.Groups), tally(t)}
	m.mu.Lock()
	if len(m.known) >= memoLimit || m.known == nil {
		m.known = map[tallyKey]tallyEntry{}
	}
	m.known[key] = e
	m.mu.Unlock()
	return e.term
}

func (m *memo) pools(list []proxy.PoolFacts) *ast.Term {
	e := m.present.Load()
	if e != nil && slices.EqualFunc(e.list, list, samePool) {
		return e.term
	}
	e = &poolsEntry{slices.Clone(list), pools(list)}
	for i := range e.list {
		p := &e.list[i]
		p.Abilities, p.Dialects, p.Labels = slices.Clone(p.Abilities), slices.Clone(p.Dialects), slices.Clone(p.Labels)
	}
	m.present.Store(e)
	return e.term
}

func samePool(a, b proxy.PoolFacts) bool {
	lists := slices.Equal(a.Abilities, b.Abilities) && slices.Equal(a.Dialects, b.Dialects) && slices.Equal(a.Labels, b.Labels)
	return lists && a.Available == b.Available && a.Boundary == b.Boundary && a.Context == b.Context && a.Health == b.Health &&
		a.Jurisdiction == b.Jurisdiction && a.Name == b.Name && a.Price == b.Price && a.Retention == b.Retention &&
		a.Serves == b.Serves && a.Training == b.Training
}

func levels(l *proxy.Levels) *ast.Term {
	return ast.ObjectTerm(
		pair{kLikely, num(l.Likely)}, pair{kPossible, num(l.Possible)}, pair{kUnlikely, num(l.Unlikely)},
		pair{kVeryLikely, num(l.VeryLikely)}, pair{kVeryUnlikely, num(l.VeryUnlikely)},
	)
}

func counts(m map[string]int) *ast.Term {
	if len(m) == 0 {
		return ast.InternedEmptyObject
	}
	list := make([]pair, 0, len(m))
	for k, n := range m {
		list = append(list, pair{str(k), num(n)})
	}
	return ast.ObjectTerm(list...)
}

func str(s string) *ast.Term { return ast.InternedTerm(s) }

func num(n int) *ast.Term { return ast.InternedTerm(n) }

func strs(list []string) *ast.Term {
	if len(list) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(list))
	for i, s := range list {
		terms[i] = str(s)
	}
	return ast.ArrayTerm(terms...)
}
