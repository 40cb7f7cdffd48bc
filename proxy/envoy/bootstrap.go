package envoy

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	heapv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/fixed_heap/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Names that other parts of the house meet in Envoy's configuration, log and
// statistics.
const (
	MetadataNamespace = "ostiary.verdict"  // of the dynamic metadata that carries the verdict
	PolicyCluster     = "ostiary_ext_proc" // the cluster of our own server
	PoolsHeader       = "x-ostiary-pools"  // gRPC metadata with Spec.PoolsDigest
	StatPrefix        = "ostiary"
)

// RouteOf and ClusterOf give the names under which a pool appears in Envoy.
func RouteOf(pool string) string   { return "pool/" + pool }
func ClusterOf(pool string) string { return "pool_" + pool }

// adminPaths are what Envoy's administration answers. /logging is not among
// them: at debug level Envoy prints headers and bodies. Nor is what changes
// the runtime or taps traffic.
var adminPaths = [...]string{"/ready", "/stats", "/server_info", "/clusters", "/listeners", "/config_dump", "/drain_listeners", "/healthcheck/fail", "/quitquitquit", "/reopen_logs"}

const adminMode = 0o600

// build collects the first error of packing messages, so that a configuration
// reads as one expression.
type build struct {
	spec Spec
	err  error
}

func (b *build) any(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil && b.err == nil {
		b.err = err
	}
	return a
}

func (b *build) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Bootstrap makes Envoy's bootstrap. It reads no file but to find the system's
// roots, where an upstream needs them and none are named. An error names every
// problem of the spec.
func Bootstrap(s Spec) (*bootstrapv3.Bootstrap, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	b := &build{spec: s}
	out := &bootstrapv3.Bootstrap{
		Node: &corev3.Node{Id: "ostiary", Cluster: "ostiary"},
		Admin: &bootstrapv3.Admin{
			Address: pipe(b.spec.Admin, adminMode),
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{
			Listeners: []*listenerv3.Listener{b.listener()},
			Clusters:  []*clusterv3.Cluster{b.policyCluster()},
		},
		OverloadManager: b.overload(),
	}
	for _, p := range adminPaths {
		out.Admin.AllowPaths = append(out.Admin.AllowPaths, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: p}})
	}
	for _, u := range b.spec.Upstreams {
		out.StaticResources.Clusters = append(out.StaticResources.Clusters, b.poolCluster(u))
	}
	ways{b}.add(out)
	if b.err != nil {
		return nil, b.err
	}
	return out, nil
}

// Shares of the memory limit from which on Envoy sheds load, least harm first.
const (
	shrinkAt      = 0.90 // gives free memory back
	refuseAt      = 0.95 // answers new requests 503 (overloaded)
	turnAwayAt    = 0.98 // accepts no connection
	overloadEvery = 250 * time.Millisecond
)

// overload bounds what clients can make Envoy hold: connections, and memory where
// a limit is given. (Envoy raises its own limit of open files to the hard one.)
func (b *build) overload() *overloadv3.OverloadManager {
	m := &overloadv3.OverloadManager{
		RefreshInterval: lasting(overloadEvery),
		ResourceMonitors: []*overloadv3.ResourceMonitor{{
			Name: "envoy.resource_monitors.global_downstream_max_connections",
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.any(&connectionsv3.DownstreamConnectionsConfig{
				MaxActiveDownstreamConnections: int64(b.spec.MaxConnections),
			})},
		}},
	}
	if b.spec.Memory == 0 {
		return m
	}
	const heap = "envoy.resource_monitors.fixed_heap"
	m.ResourceMonitors = append(m.ResourceMonitors, &overloadv3.ResourceMonitor{
		Name: heap, ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.any(&heapv3.FixedHeapConfig{MaxHeapSizeBytes: uint64(b.spec.Memory)})},
	})
	for _, a := range []struct {
		name string
		at   float64
	}{{"shrink_heap", shrinkAt}, {"stop_accepting_requests", refuseAt}, {"stop_accepting_connections", turnAwayAt}} {
		m.Actions = append(m.Actions, &overloadv3.OverloadAction{
			Name:     "envoy.overload_actions." + a.name,
			Triggers: []*overloadv3.Trigger{{Name: heap, TriggerOneof: &overloadv3.Trigger_Threshold{Threshold: &overloadv3.ThresholdTrigger{Value: a.at}}}},
		})
	}
	return m
}

// Marshal gives the bootstrap as indented JSON, which is YAML too. Equal
// bootstraps give equal bytes.
func Marshal(b *bootstrapv3.Bootstrap) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(b)
	if err != nil {
		return nil, err
	}
	// protojson varies its white space on purpose.
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Unmarshal reads what [Marshal] wrote; an unknown field is an error.
func Unmarshal(raw []byte) (*bootstrapv3.Bootstrap, error) {
	b := new(bootstrapv3.Bootstrap)
	if err := protojson.Unmarshal(raw, b); err != nil {
		return nil, errors.New("envoy: this is no bootstrap of Envoy 1.40")
	}
	return b, nil
}

func pipe(path string, mode uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path, Mode: mode}}}
}

func socket(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

func exact(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: s}}
}

func prefix(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: s}, IgnoreCase: true}
}

// regex is matched against the whole string.
func regex(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: s}}}
}

func lasting(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
func u32(n int) *wrapperspb.UInt32Value            { return wrapperspb.UInt32(uint32(n)) }
func yes() *wrapperspb.BoolValue                   { return wrapperspb.Bool(true) }
func no() *wrapperspb.BoolValue                    { return wrapperspb.Bool(false) }
