package mesh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// Expectation is what a proxy should have.
type Expectation struct {
	// Provider says whether a name is a provider's. A cluster that names one
	// reaches a provider, and must be reached through the locks. It is asked for
	// every text in a cluster; nil knows none.
	Provider func(name string) bool
	// Spec is what the objects were made from; its pools must all be there as it
	// says. Nil where it is not known: then only the structure is checked.
	Spec *envoy.Spec
	// ClosedElsewhere says that a network policy closes what Envoy passes
	// through by address or by the client's word. Then that is a note.
	ClosedElsewhere bool
}

// Finding is one thing that is missing, wrong or unknown.
type Finding struct {
	Where  string // listener, chain, route or cluster
	What   string
	Remedy string
}

// Report is what a configuration comes to.
type Report struct {
	Attached []string  // the places where everything is in force
	Findings []Finding // what is missing or wrong
	Unknown  []Finding // what could not be told
	Notes    []string  // what is not wrong, and worth a look
	Version  string    // of Envoy; empty where the dump does not say
}

// Check reads a config_dump of Envoy (/config_dump?include_eds) and says where
// Ostiary is in force, and where a request could reach a provider without it.
// An error means that the dump cannot be read. Addresses without a name are not
// recognised as a provider's.
func Check(dump []byte, e Expectation) (*Report, error) {
	s, err := readDump(dump)
	if err != nil {
		return nil, err
	}
	c := &checker{state: s, expect: e, report: &Report{}, reach: map[string]reach{}}
	if e.Spec != nil {
		if c.parts, err = parts(*e.Spec); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		c.reach[name] = c.classify(name, map[string]bool{})
	}
	for _, l := range s.listeners {
		c.listener(l)
	}
	c.pools()
	c.version()
	if len(c.report.Attached) == 0 && !c.partly {
		c.bad("the proxy", "no listener asks Ostiary's policy server", "see that the objects were applied to this very pod: namespace, labels, port")
	}
	return c.report, nil
}

// reach says what a cluster leads to.
type reach int

const (
	elsewhere reach = iota // to nothing of ours to guard
	pool                   // to one of our pools
	provider               // to a provider, by a cluster that is not ours
	anywhere               // wherever the client says
)

type checker struct {
	state  *proxyState
	expect Expectation
	parts  *envoy.Parts // nil where the configuration is not known
	report *Report
	reach  map[string]reach
	partly bool // some listener asks the policy server, if not rightly
}

func (c *checker) bad(where, what, remedy string) {
	c.report.Findings = append(c.report.Findings, Finding{where, what, remedy})
}

func (c *checker) unknown(where, what, remedy string) {
	c.report.Unknown = append(c.report.Unknown, Finding{where, what, remedy})
}

func (c *checker) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(c.report.Notes, n) {
		c.report.Notes = append(c.report.Notes, n)
	}
}

func poolOf(cluster string) (string, bool) { return strings.CutPrefix(cluster, envoy.ClusterOf("")) }

// classify says what a cluster leads to. seen are those that were asked already:
// aggregates may name one another, and in circles.
func (c *checker) classify(name string, seen map[string]bool) reach {
	raw, ok := c.state.clusters[name]
	if !ok || seen[name] {
		return elsewhere
	}
	seen[name] = true
	if _, ours := poolOf(name); ours {
		return pool
	}
	var k cluster
	if json.Unmarshal(raw, &k) != nil {
		return elsewhere
	}
	if k.Type == "ORIGINAL_DST" || strings.Contains(k.Custom.Name, "dynamic_forward_proxy") {
		return anywhere
	}
	if strings.Contains(k.Custom.Name, "aggregate") {
		var m aggregate
		if json.Unmarshal(k.Custom.Config, &m) != nil {
			return anywhere
		}
		most := elsewhere
		for _, one := range m.Clusters {
			most = max(most, c.classify(one, seen))
		}
		if most == pool {
			// A retry of an aggregate crosses from one member to another.
			return provider
		}
		return most
	}
	texts := words(raw)
	for _, e := range []string{name, k.EDS.Service} {
		texts = append(texts, words(c.state.endpoints[e])...)
	}
	if c.expect.Provider != nil && slices.ContainsFunc(texts, c.expect.Provider) {
		return provider
	}
	return elsewhere
}

func (c *checker) listener(l listener) {
	where := "listener " + l.Name
	chains := slices.Clone(l.Chains)
	if l.DefaultChain != nil {
		d := *l.DefaultChain
		if d.Name == "" {
			d.Name = "default"
		}
		chains = append(chains, d)
	}
	if len(l.API.Config) > 0 {
		chains = append(chains, chain{Name: "API", Filters: []filter{{Name: "api_listener", Config: l.API.Config}}})
	}
	for _, ch := range chains {
		at := where
		if ch.Name != "" && len(chains) > 1 {
			at += ", chain " + ch.Name
		}
		for _, f := range ch.Filters {
			switch kind(f.Config) {
			case "HttpConnectionManager":
				var m manager
				if json.Unmarshal(f.Config, &m) != nil {
					c.unknown(at, "its connection manager cannot be read", "look at it in the dump by hand")
					continue
				}
				c.manager(at, l, m)
			case "TcpProxy":
				var p tcpProxy
				if json.Unmarshal(f.Config, &p) != nil {
					c.unknown(at, "its TCP proxy cannot be read", "look at it in the dump by hand")
					continue
				}
				targets := []string{p.Cluster}
				for _, w := range p.Weighted.Clusters {
					targets = append(targets, w.Name)
				}
				c.around(at, l, targets)
			default:
				if len(f.Discovery) > 0 {
					c.unknown(at, "the configuration of its filter "+f.Name+" comes by discovery and is not in the dump", "look at the filter's own dump")
				}
				c.around(at, l, words(f.Config)) // a filter that we do not know, by what it names
			}
		}
	}
}

// around finds ways to a provider that pass no locks.
func (c *checker) around(where string, l listener, targets []string) {
	for _, t := range targets {
		switch c.reach[t] {
		case pool, provider:
			c.bad(where, "goes round Ostiary: leads to "+t+" without the locks", "take it out, or attach Ostiary to it")
		case anywhere:
			c.open(where, l, t)
		}
	}
}

func (c *checker) open(where string, l listener, target string) {
	switch {
	case l.Direction == "INBOUND":
		c.note("%s passes through to the application itself (%s)", where, target)
	case c.expect.ClosedElsewhere:
		c.note("%s passes through to wherever the client says (%s); said to be closed by a network policy", where, target)
	default:
		c.bad(where, "goes round Ostiary: leads wherever the client says, by "+target, "let only known names out (Istio: outboundTrafficPolicy REGISTRY_ONLY), or close the providers by a network policy and say --egress-closed")
	}
}

// ours are the places of our filters among a manager's; -1 for none.
type ours struct{ trailers, extProc, locks, router int }

func (c *checker) find(m manager) ours {
	o := ours{-1, -1, -1, -1}
	for i, f := range m.Filters {
		switch kind(f.Config) {
		case "HeaderMutation":
			if bytes.Contains(f.Config, []byte(`request_trailers_mutations`)) {
				o.trailers = i
			}
		case "ExternalProcessor":
			if bytes.Contains(f.Config, []byte(`"`+envoy.PolicyCluster+`"`)) {
				o.extProc = i
			}
		case "RBAC":
			if bytes.Contains(f.Config, []byte(`"`+envoy.MetadataNamespace+`"`)) {
				o.locks = i
			}
		case "Router":
			o.router = i
		}
	}
	return o
}

func (c *checker) manager(where string, l listener, m manager) {
	before := len(c.report.Findings) + len(c.report.Unknown)
	o := c.find(m)
	attached := o.extProc >= 0 || o.locks >= 0
	rc := m.Inline
	switch {
	case rc != nil:
	case m.RDS.Name != "":
		if rc = c.state.routes[m.RDS.Name]; rc == nil {
			c.unknown(where, "its routes "+m.RDS.Name+" are not in the dump", "ask again when the proxy has them")
			return
		}
	case len(m.Scoped) > 0:
		c.unknown(where, "its routes are scoped, which is not read", "look at them in the dump by hand")
		return
	default:
		return
	}
	targets := c.routes(where, l, rc, attached)
	if !attached {
		return // what goes round was told by routes
	}
	if !slices.ContainsFunc(targets, func(t string) bool { return c.reach[t] != elsewhere }) {
		c.note("%s asks Ostiary, and no route of it leads to a pool", where)
	}
	c.partly = true
	c.filters(where, m, o)
	c.overridden(where, rc, names(m, o))
	c.limits(where, l, m)
	if len(c.report.Findings)+len(c.report.Unknown) == before {
		c.report.Attached = append(c.report.Attached, where)
	}
}

// names are those of our filters, under which routes override them.
func names(m manager, o ours) []string {
	var out []string
	for _, i := range []int{o.trailers, o.extProc, o.locks} {
		if i >= 0 {
			out = append(out, m.Filters[i].Name)
		}
	}
	return out
}

// routes checks lock 1 and gives the clusters that the routes lead to.
func (c *checker) routes(where string, l listener, rc *routeConfig, attached bool) []string {
	if len(rc.VHDS) > 0 {
		c.unknown(where, "its virtual hosts come on demand", "look at them in the dump by hand")
	}
	var all []string
	copies := func(at string, ms []mirror) {
		for _, m := range ms {
			if attached {
				c.bad(at, "copies requests to "+m.Cluster+m.Header, "take the mirror policy out: what it copies no verdict is for")
			} else {
				c.around(at, l, []string{m.Cluster})
			}
		}
	}
	copies(where, rc.Mirrors)
	for _, h := range rc.Hosts {
		at := where + ", virtual host " + h.Name
		copies(at, h.Mirrors)
		if len(h.Matcher) > 0 {
			c.unknown(at, "its routes are a matcher tree, which is not read", "look at it in the dump by hand")
		}
		for _, r := range h.Routes {
			if r.Action == nil {
				continue
			}
			on := at + ", route " + r.Name
			copies(on, r.Action.Mirrors)
			targets := []string{r.Action.Cluster}
			chosen := r.Action.Header != "" || r.Action.Plugin != "" || len(r.Action.InlinePlugin) > 0
			for _, w := range r.Action.Weighted.Clusters {
				targets = append(targets, w.Name)
				chosen = chosen || w.Header != ""
			}
			if chosen {
				c.bad(on, "the request itself or a plugin chooses the cluster", "name one cluster")
			}
			for _, t := range targets {
				c.route(on, l, r, t, attached)
			}
			all = append(all, targets...)
		}
	}
	return all
}

func (c *checker) route(on string, l listener, r route, target string, attached bool) {
	if target == "" || c.reach[target] == elsewhere {
		return
	}
	if !attached {
		c.around(on, l, []string{target})
		return
	}
	if c.reach[target] != pool {
		c.bad(on, "leads to "+target+", which reaches a provider and is none of the pools", "take the route out: the pool's own cluster verifies, injects the key and is counted")
		return
	}
	p, _ := poolOf(target)
	if len(r.Action.Weighted.Clusters) > 1 {
		c.bad(on, "spreads over several clusters, so a verdict does not choose the pool", "one route for each pool")
	}
	for _, raw := range r.Match.Metadata {
		m := new(matcherv3.MetadataMatcher)
		if protojson.Unmarshal(raw, m) == nil && m.GetFilter() == envoy.MetadataNamespace && !m.GetInvert() && len(m.GetPath()) == 1 &&
			m.GetPath()[0].GetKey() == "pool" && m.GetValue().GetStringMatch().GetExact() == p {
			return
		}
	}
	c.bad(on, "matches without the verdict's pool (lock 1), so a request could take it that was decided for another", "let the route match dynamic_metadata "+envoy.MetadataNamespace+" pool = "+p)
}

// filters checks which filters there are, in which order, and what they say.
func (c *checker) filters(where string, m manager, o ours) {
	remedy := "see that no other patch touches this listener, and apply the objects anew"
	for _, f := range []struct {
		what string
		at   int
	}{
		{"the trailer strip is missing: HTTP/2 trailers would pass uninspected", o.trailers},
		{"the external processor is missing: nothing is inspected, and the locks refuse everything", o.extProc},
		{"the RBAC filter with locks 2 and 3 is missing: a request passes whose verdict is a deny or came before the body", o.locks},
		{"there is no router", o.router},
	} {
		if f.at < 0 {
			c.bad(where, f.what, remedy)
		}
	}
	inOrder := func(a, b int) bool { return a < 0 || b < 0 || a < b }
	if !inOrder(o.trailers, o.extProc) || !inOrder(o.extProc, o.locks) || !inOrder(o.locks, o.router) || !inOrder(o.extProc, o.router) {
		c.bad(where, "the filters stand in the wrong order", "want trailer strip, external processor, RBAC, router")
	}
	for i, f := range m.Filters {
		switch i {
		case o.trailers, o.extProc, o.locks, o.router:
			if f.Disabled {
				c.bad(where, "the filter "+f.Name+" is disabled unless a route enables it", "take disabled out")
			}
			continue
		}
		if len(f.Discovery) > 0 {
			c.unknown(where, "the configuration of the filter "+f.Name+" comes by discovery and is not in the dump", "look at the filter's own dump")
		}
		if o.extProc >= 0 && i > o.extProc && i < o.router {
			c.note("%s: the filter %s stands after the inspection and could change what was inspected", where, f.Name)
		}
	}
	c.decode(where, m, o)
}

// decode checks what our filters say. A field that this program does not know
// means that it cannot tell.
func (c *checker) decode(where string, m manager, o ours) {
	unpack := func(at int, into proto.Message) bool {
		if at < 0 {
			return false
		}
		if protojson.Unmarshal(untyped(m.Filters[at].Config), into) != nil {
			c.unknown(where, "the filter "+m.Filters[at].Name+" has fields that are not known here", "compare it with what ostiary mesh prints")
			return false
		}
		return true
	}
	if trailers := new(headermutationv3.HeaderMutation); unpack(o.trailers, trailers) {
		all := slices.ContainsFunc(trailers.GetMutations().GetRequestTrailersMutations(), func(t *mutationv3.HeaderMutation) bool {
			return t.GetRemoveOnMatch().GetKeyMatcher().GetSafeRegex().GetRegex() == ".*"
		})
		if !all {
			c.bad(where, "the trailer strip does not take every trailer", "apply the objects anew")
		}
	}
	if locks := new(rbacv3.RBAC); unpack(o.locks, locks) && !proto.Equal(locks, envoy.VerdictLocks()) {
		c.bad(where, "the RBAC filter has other rules than locks 2 and 3", "apply the objects anew; nobody else may write to the filter "+filterLocks)
	}
	p := new(extprocv3.ExternalProcessor)
	if !unpack(o.extProc, p) {
		return
	}
	is := func(ok bool, what, remedy string) {
		if !ok {
			c.bad(where, "the external processor "+what, remedy)
		}
	}
	mode := p.GetProcessingMode()
	is(!p.GetFailureModeAllow(), "lets requests pass when it fails (failure_mode_allow is true)", "set failure_mode_allow to false")
	is(!p.GetObservabilityMode(), "only observes", "take observability_mode out")
	is(mode.GetRequestHeaderMode() != extprocv3.ProcessingMode_SKIP, "does not see the request's headers", "set request_header_mode to SEND")
	is(mode.GetRequestBodyMode() == extprocv3.ProcessingMode_BUFFERED, "does not get the whole body before it decides", "set request_body_mode to BUFFERED")
	is(slices.Equal(p.GetMetadataOptions().GetReceivingNamespaces().GetUntyped(), []string{envoy.MetadataNamespace}),
		"may not write "+envoy.MetadataNamespace+", or may write more than that", "apply the objects anew")
	loose := p.GetAllowModeOverride() && len(p.GetAllowedOverrideModes()) == 0
	for _, allowed := range p.GetAllowedOverrideModes() {
		loose = loose || allowed.GetRequestBodyMode() != extprocv3.ProcessingMode_BUFFERED
	}
	is(!loose, "could be told by its server not to read bodies", "list allowed_override_modes with BUFFERED request bodies alone")
	is(p.GetMutationRules().GetDisallowIsError().GetValue(), "drops refused changes of headers in silence", "set disallow_is_error to true")
	timeout, want := p.GetMessageTimeout().AsDuration(), time.Duration(0)
	if c.expect.Spec != nil {
		want = c.expect.Spec.MessageTimeout
		if want == 0 {
			want = envoy.DefaultMessageTimeout
		}
	}
	if p.GetMessageTimeout() == nil {
		timeout = defaultTimeout
	}
	is(timeout >= want && timeout > defaultTimeout, fmt.Sprintf("waits %v for an answer, less than the policy server may take", timeout), "state message_timeout: without it Envoy waits 200 ms")
}

// defaultTimeout is Envoy's own for a message to an external processor.
const defaultTimeout = 200 * time.Millisecond

// untyped takes the type's name out of a packed message.
func untyped(raw json.RawMessage) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	delete(fields, "@type")
	out, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return out
}

// overridden finds routes that change our filters for themselves.
func (c *checker) overridden(where string, rc *routeConfig, ours []string) {
	look := func(at string, o overrides) {
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if slices.Contains(ours, name) {
				c.bad(at, "changes or switches off the filter "+name+" for itself", "take its typed_per_filter_config out; see who wrote it")
			}
		}
	}
	look(where, rc.Overrides)
	for _, h := range rc.Hosts {
		at := where + ", virtual host " + h.Name
		look(at, h.Overrides)
		for _, r := range h.Routes {
			look(at+", route "+r.Name, r.Overrides)
			if r.Action != nil {
				for _, w := range r.Action.Weighted.Clusters {
					look(at+", route "+r.Name, w.Overrides)
				}
			}
		}
	}
}

// leastWindow is the least that HTTP/2 has (RFC 9113, 6.5.2).
const leastWindow = 65535

// limits checks what is not a lock: the size of bodies, forged headers, the log.
func (c *checker) limits(where string, l listener, m manager) {
	switch {
	case l.Buffer == 0 || m.HTTP2.Window != max(l.Buffer, leastWindow):
		c.bad(where, fmt.Sprintf("the two halves of the body limit differ: %d and %d bytes", l.Buffer, m.HTTP2.Window), "set per_connection_buffer_limit_bytes and initial_stream_window_size alike")
	case c.parts != nil && uint64(l.Buffer) != uint64(c.parts.BufferLimit):
		c.bad(where, fmt.Sprintf("takes bodies up to %d bytes where the configuration says %d", l.Buffer, c.parts.BufferLimit), "apply the objects anew")
	}
	if !bytes.Contains(m.Early, []byte(`x-ostiary-`)) {
		c.bad(where, "does not take off headers that callers forge (x-ostiary-*)", "apply the objects anew")
	}
	if !bytes.Contains(m.Log, []byte(envoy.MetadataNamespace)) {
		c.bad(where, "has no access log for Ostiary: what was sent cannot be reconciled with what was decided", "apply the objects anew")
	}
}

// version checks which Envoy it is.
func (c *checker) version() {
	v := c.state.version
	if v == nil {
		c.note("the dump does not say which version of Envoy it is of; %s or later is needed", envoy.MinVersion)
		return
	}
	c.report.Version = fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	var least release
	if _, err := fmt.Sscanf(envoy.MinVersion, "%d.%d.%d", &least.Major, &least.Minor, &least.Patch); err != nil {
		return
	}
	if slices.Compare([]uint64{v.Major, v.Minor, v.Patch}, []uint64{least.Major, least.Minor, least.Patch}) < 0 {
		c.bad("the proxy", "is Envoy "+c.report.Version+"; older ones than "+envoy.MinVersion+" can let requests pass uninspected", "bring the proxies to an image with Envoy "+envoy.MinVersion+" or later")
	}
}

// pools checks that the clusters are those of the configuration.
func (c *checker) pools() {
	if _, ok := c.state.clusters[envoy.PolicyCluster]; !ok && c.partly {
		c.bad("cluster "+envoy.PolicyCluster, "is missing: the policy server cannot be asked", "apply the objects anew")
	}
	if c.parts == nil {
		return
	}
	for _, want := range c.parts.Clusters {
		raw, ok := c.state.clusters[want.GetName()]
		where := "cluster " + want.GetName()
		if !ok {
			if want.GetName() != envoy.PolicyCluster {
				c.bad(where, "is missing", "apply the objects anew")
			}
			continue
		}
		have := new(clusterv3.Cluster)
		if err := protojson.Unmarshal(untyped(raw), have); err != nil {
			c.unknown(where, "has fields that are not known here", "compare it with what ostiary mesh prints")
			continue
		}
		// As text: equal messages that are packed may differ in their bytes.
		is, err := jsonOf(have)
		should, err2 := jsonOf(want)
		if err != nil || err2 != nil || !bytes.Equal(is, should) {
			c.bad(where, "is not the one of this configuration", "apply the objects anew, from the configuration that the policy server runs with")
		}
	}
}
