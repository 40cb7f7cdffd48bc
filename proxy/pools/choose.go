package pools

import (
	"net"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Chooser implements [proxy.Chooser] over a directory of pools.
type Chooser struct{ Directory proxy.Directory }

var _ proxy.Chooser = Chooser{}

// Named splits /NAME/rest where NAME is a configured pool. The name must be
// written as it is configured: no escapes, no other case.
func (c Chooser) Named(path proxy.Text) (pool string, rest proxy.Text, ok bool) {
	p := path.Reveal()
	if !strings.HasPrefix(p, "/") {
		return "", path, false
	}
	name, _, found := strings.Cut(p[1:], "/")
	if !found {
		return "", path, false
	}
	for _, pool := range c.Directory.Pools() {
		if pool.Name == name {
			return name, proxy.NewText(p[1+len(name):]), true
		}
	}
	return "", path, false
}

// Ask gives the pool that lists the model by name, else the first external pool
// in the order of the configuration that serves the route. A client that was
// intercepted asks for the pool whose name it dialled, and for no other.
func (c Chooser) Ask(x *proxy.Exchange, p *proxy.Prompt) (pool, by string) {
	pools, model := c.Directory.Pools(), p.Model.Reveal()
	if x.Head.Way != "" {
		host := Host(x.Head.Authority)
		for i := range pools {
			if Answers(&pools[i], host) && pools[i].Serves(x.Route) {
				return pools[i].Name, "host"
			}
		}
		// The one whose name was dialled is no pool, and nobody else is asked in
		// its place: what policy permits in-house may serve it.
		return "", "none"
	}
	for i := range pools {
		if pools[i].Lists(model) && pools[i].Serves(x.Route) {
			return pools[i].Name, "model"
		}
	}
	for i := range pools {
		if pools[i].Boundary == proxy.External && pools[i].Serves(x.Route) {
			return pools[i].Name, "dialect"
		}
	}
	return "", "none"
}

// Host gives the name of an authority, without port, in lower case.
func Host(authority string) string {
	if h, _, err := net.SplitHostPort(authority); err == nil {
		authority = h
	}
	return strings.ToLower(strings.TrimSuffix(authority, "."))
}

// Answers reports whether intercepted clients dial the pool by that host name,
// in lower case. A * in one of the pool's names stands for one or more characters
// of one label.
func Answers(p *proxy.Pool, host string) bool {
	labels := strings.Split(host, ".")
	return slices.ContainsFunc(p.Hosts, func(h string) bool {
		return slices.EqualFunc(strings.Split(h, "."), labels, likeLabel)
	})
}

// likeLabel compares a label with a pattern for one.
func likeLabel(pattern, label string) bool {
	before, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == label
	}
	if label, any = strings.CutPrefix(label, before); !any {
		return false
	}
	for n := 1; n <= len(label); n++ {
		if likeLabel(rest, label[n:]) {
			return true
		}
	}
	return false
}

// Choose tries the pool asked for first, then the others in the order of the
// configuration. Without a constraint in the verdict only the pool asked for is
// permitted; where no pool was (nobody external speaks the dialect), the
// in-house ones are.
func (c Chooser) Choose(x *proxy.Exchange, p *proxy.Prompt, tokens int, v *proxy.Verdict) proxy.Choice {
	pools := c.Directory.Pools()
	var out proxy.Choice
	for _, first := range []bool{true, false} {
		for i := range pools {
			pool := &pools[i]
			if (pool.Name == x.Asked) != first || !permitted(x, v, pool) {
				continue
			}
			why := c.unfit(x, p, tokens, pool)
			if why == "" {
				out.Pool = pool
				if model := p.Model.Reveal(); model != "" && resolve(pool, model) != model {
					out.Model = resolve(pool, model)
				}
				return out
			}
			out.Rejected = append(out.Rejected, proxy.Rejection{Pool: pool.Name, Why: why})
		}
	}
	out.Error = noPool(out.Rejected)
	return out
}

func permitted(x *proxy.Exchange, v *proxy.Verdict, pool *proxy.Pool) bool {
	if v.Constrained {
		for _, name := range v.Pools {
			if name == pool.Name {
				return true
			}
		}
		return false
	}
	if x.Asked != "" {
		return pool.Name == x.Asked
	}
	return pool.Boundary == proxy.Internal
}

// Why a pool cannot serve a request, in events and refusals.
const (
	whyDialect    = "dialect"    // it does not offer the operation in this dialect
	whyState      = "state"      // the request refers to state at another pool
	whyModel      = "model"      // its name for the model sends the request out again
	whyCredential = "credential" // its own credential is missing
)

// unfit says in one word why a pool cannot serve the request, or "".
func (c Chooser) unfit(x *proxy.Exchange, p *proxy.Prompt, tokens int, pool *proxy.Pool) string {
	moved := pool.Name != x.Asked
	switch {
	case !pool.Serves(x.Route):
		return whyDialect
	case moved && (len(p.State) > 0 || x.Route.Operation == proxy.OpState):
		return whyState
	case pool.Boundary == proxy.Internal && leavesHouse(resolve(pool, p.Model.Reveal())):
		return whyModel
	case pool.Context > 0 && tokens > pool.Context:
		return "context"
	}
	for _, n := range []struct {
		name  string
		needs bool
		able  proxy.Ability
	}{
		{"tools", p.Needs.Tools, pool.Abilities.Tools},
		{"images", p.Needs.Images, pool.Abilities.Images},
		{"audio", p.Needs.Audio, pool.Abilities.Audio},
		{"files", p.Needs.Files, pool.Abilities.Files},
		{"json", p.Needs.JSON, pool.Abilities.JSON},
	} {
		if n.needs && n.able == proxy.Cannot {
			return n.name
		}
	}
	return c.Directory.Available(pool.Name)
}

// leavesHouse reports whether a model's name makes an in-house server send the
// request to its vendor: Ollama forwards names that end so on every route
// (ollama, server/routes.go, cloud pass-through).
func leavesHouse(model string) bool {
	m := strings.ToLower(model)
	return strings.HasSuffix(m, ":cloud") || strings.HasSuffix(m, "-cloud")
}

// noPool says why no pool serves a request, for the client.
func noPool(rejected []proxy.Rejection) *proxy.Error {
	list := ""
	var why []string
	for _, r := range rejected {
		why = append(why, r.Why)
		if list != "" {
			list += "; "
		}
		list += r.Pool + ": " + r.Why
	}
	has := func(w string) bool {
		for _, x := range why {
			if x == w {
				return true
			}
		}
		return false
	}
	e := &proxy.Error{Op: "choose pool", Kind: proxy.Refused, Code: proxy.CodeNoCapablePool}
	switch {
	case has(whyState):
		e.Code = proxy.CodeStateElsewhere
		e.Hint = "The request refers to state that another provider holds, so it cannot be served where the data policy sends it. Send the whole conversation instead of a reference."
	case has(whyModel):
		e.Code = proxy.CodeModelLeaves
		e.Hint = "This model's name makes the in-house server send the request out again. Choose a model that runs in-house."
	case has(whyCredential):
		e.Code = proxy.CodePoolUnavailable
		e.Hint = "The pool that would serve this request has no credential. Ask the operator to set it."
	case list == "":
		e.Hint = "No pool that the data policy permits serves this request. Ask the operator which APIs and models are offered."
	default:
		e.Hint = "No model that the data policy permits for this request can serve it (" + list + "). Shorten the request or leave out what is not supported there."
	}
	return e
}

// Models lists the names that the configuration gives, each once, in its order:
// patterns without a wildcard, and what wildcards stand for.
func (c Chooser) Models() []proxy.ModelEntry {
	var out []proxy.ModelEntry
	seen := map[string]bool{}
	for _, p := range c.Directory.Pools() {
		for _, m := range p.Models {
			name := m.Pattern
			if strings.HasSuffix(name, "*") {
				name = m.Name
			}
			if name != "" && !strings.HasSuffix(name, "*") && !seen[name] {
				seen[name] = true
				out = append(out, proxy.ModelEntry{Name: name, Pool: p.Name})
			}
		}
	}
	return out
}

// resolve gives the name under which a pool knows a model; the exact pattern
// wins over a wildcard, a longer wildcard over a shorter one. A pool without
// models, or one that knows none that fits, takes the name as it is.
func resolve(p *proxy.Pool, model string) string {
	best, length := model, -1
	for _, m := range p.Models {
		if m.Pattern == model || m.Name == model {
			return m.Name
		}
		if prefix, ok := strings.CutSuffix(m.Pattern, "*"); ok && strings.HasPrefix(model, prefix) && len(prefix) > length {
			best, length = m.Name, len(prefix)
		}
	}
	return best
}
