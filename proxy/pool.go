package proxy

import (
	"slices"
	"strings"
)

// Pool is a set of upstream endpoints that share an owner and a place. It is a
// value: a change of configuration makes new ones.
type Pool struct {
	Name         string
	Boundary     Boundary
	Jurisdiction string // ISO 3166-1 alpha-2 or EU, EEA; empty where not stated
	// Retention is none, 30d …, Training yes or no, as the owner says; empty where
	// not stated.
	Retention, Training string
	Dialects            []string
	Endpoints           []string // operations, or path patterns with a trailing *; empty means those of its dialects
	Models              []ModelAlias
	Context             int // tokens; 0 where not stated
	Abilities           Abilities
	Credential          CredentialMode
	Labels              []string // configured words for policies
	Hosts               []string // names by which intercepted clients dial it, in lower case; * for a part of one label
	Price               PriceFacts
}

// ModelAlias gives the name that a pool knows a model by. Pattern may end in *.
type ModelAlias struct{ Pattern, Name string }

// Ability is whether a pool can do something.
type Ability int8

// An ability that is not stated does not exclude the pool.
const NotStated, Can, Cannot Ability = 0, 1, 2

// Abilities of a pool, of which [Needs] may ask.
type Abilities struct{ Tools, Images, Audio, Files, JSON Ability }

// CredentialMode says whose key goes to a pool.
type CredentialMode string

// The modes. Whatever the mode, the key of one pool is never sent to another.
const (
	CredentialNone   CredentialMode = "none"   // no key is sent
	CredentialPool   CredentialMode = "pool"   // the pool's own key, added by the data plane
	CredentialClient CredentialMode = "client" // the client's own key passes
)

// Speaks reports whether the pool serves a dialect.
func (p *Pool) Speaks(dialect string) bool { return slices.Contains(p.Dialects, dialect) }

// Serves reports whether the pool offers what the route asks for.
func (p *Pool) Serves(r Route) bool {
	if len(p.Endpoints) == 0 {
		return r.Operation != OpUnknown && p.Speaks(r.Dialect)
	}
	path := r.Path.Reveal()
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	for _, e := range p.Endpoints {
		switch {
		case strings.HasPrefix(e, "/"):
			if match(e, path) {
				return true
			}
		case Operation(e) == r.Operation:
			return p.Speaks(r.Dialect)
		}
	}
	return false
}

// Lists reports whether the configuration names the model as one of this pool:
// as the name the pool knows, or as a pattern without a wildcard. A wildcard is
// an alias inside the pool, never a reason to be chosen.
func (p *Pool) Lists(model string) bool {
	return model != "" && slices.ContainsFunc(p.Models, func(m ModelAlias) bool { return model == m.Name || model == m.Pattern })
}

// match compares s with a pattern whose only wildcard is a trailing *.
func match(pattern, s string) bool {
	if p, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(s, p)
	}
	return pattern == s
}
