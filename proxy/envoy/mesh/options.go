package mesh

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// The versions whose schemas the objects are checked against.
const (
	IstioAPI       = "istio.io/api v1.31.4"
	GatewayVersion = "Envoy Gateway v1.9.1"
)

// Names and places that the objects agree on.
const (
	DefaultPort   = 8484
	DefaultName   = "ostiary"
	DefaultHost   = "ostiary.mesh.internal"
	DefaultImage  = "ostiary:latest"
	DefaultSocket = "/run/ostiary/policy/policy.sock" // in a volume that the proxy and the policy server share
	DefaultLog    = "/run/ostiary/policy/access.jsonl"
	// DefaultRoots is where the images of both proxies have the public roots.
	DefaultRoots = "/etc/ssl/certs/ca-certificates.crt"

	sharedVolume = "ostiary-run"
	sharedPath   = "/run/ostiary"

	// virtualAddress stands for the host in the mesh. 240.0.0.0/4 is not in use
	// (RFC 1112, 4), and nothing is ever sent to it.
	virtualAddress = "240.240.84.84"
	// nowhere is the endpoint that a service entry must have (RFC 5737).
	nowhere = "192.0.2.1"

	istioUID   = 1337  // of Istio's proxy
	gatewayUID = 65532 // of Envoy in Envoy Gateway's image
	lastPatch  = 1000  // priority: after the patches of others, so that ours stand next to the router
)

// Place is where Ostiary is attached in Istio.
type Place string

// The places.
const (
	Sidecar Place = "sidecar" // of the pods that Options.Selector names
	Gateway Place = "gateway" // an ingress or egress gateway that it names
)

// Options say to what the objects attach. The zero value of a field means its
// default.
type Options struct {
	Place     Place             // Istio only; Sidecar
	Namespace string            // of the objects; "default"
	Name      string            // of the objects; DefaultName
	Selector  map[string]string // labels of the pods; for a sidecar, empty for every pod of the namespace
	Port      int               // on which applications reach Ostiary and nothing else is; DefaultPort
	Host      string            // by which they reach it: DefaultHost; of the gateway's Service, for an Istio gateway
	Class     string            // GatewayClass of Envoy Gateway; "eg"
	Image     string            // of the policy server, for Envoy Gateway's pods; DefaultImage
	Command   string            // that made the objects, for their header
}

var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	hostName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	labelName  = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_./]{0,251}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
	imageName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)
)

func (o Options) withDefaults() Options {
	o.Place = cmp.Or(o.Place, Sidecar)
	o.Namespace = cmp.Or(o.Namespace, "default")
	o.Name = cmp.Or(o.Name, DefaultName)
	o.Port = cmp.Or(o.Port, DefaultPort)
	o.Class = cmp.Or(o.Class, "eg")
	o.Image = cmp.Or(o.Image, DefaultImage)
	o.Command = cmp.Or(o.Command, "ostiary mesh")
	if o.Host == "" {
		o.Host = DefaultHost
		if o.Place == Gateway {
			o.Host = o.Name + "-gateway." + o.Namespace + ".svc.cluster.local"
		}
	}
	if len(o.Selector) == 0 && o.Place == Gateway {
		o.Selector = map[string]string{"istio": "egressgateway"}
	}
	return o
}

// check gives every problem of the options at once.
func (o Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("mesh: "+format, args...)) }
	if o.Place != Sidecar && o.Place != Gateway {
		bad("%q is no place in Istio: want %s or %s", o.Place, Sidecar, Gateway)
	}
	for _, n := range []struct{ what, name string }{{"namespace", o.Namespace}, {"name", o.Name}, {"gateway class", o.Class}} {
		if !objectName.MatchString(n.name) {
			bad("the %s %q is none that Kubernetes takes: want a-z, 0-9 and -, at most 63", n.what, n.name)
		}
	}
	if !hostName.MatchString(o.Host) {
		bad("the host %q is no name in lower case", o.Host)
	}
	if o.Port < 1 || o.Port > 65535 {
		bad("the port %d is not between 1 and 65535", o.Port)
	}
	if o.Port == 80 || o.Port == 443 {
		bad("port %d is shared with every other service of the mesh, whose requests the locks would refuse: choose one of its own, such as %d", o.Port, DefaultPort)
	}
	if !imageName.MatchString(o.Image) {
		bad("the image %q is no name of one", o.Image)
	}
	for _, k := range slices.Sorted(maps.Keys(o.Selector)) {
		if !labelName.MatchString(k) || !labelValue.MatchString(o.Selector[k]) {
			bad("the label %q=%q is none that Kubernetes takes", k, o.Selector[k])
		}
	}
	if strings.ContainsAny(o.Command, "\r\n") {
		bad("the command has several lines")
	}
	return errors.Join(errs...)
}

// placed fills what a spec in a mesh need not say.
func placed(s envoy.Spec) envoy.Spec {
	s.Socket = cmp.Or(s.Socket, DefaultSocket)
	s.AccessLog = cmp.Or(s.AccessLog, DefaultLog)
	s.CABundle = cmp.Or(s.CABundle, DefaultRoots)
	return s
}

// Names under which our filters stand in a proxy of a mesh. The external
// processor keeps Envoy's own, under which its results are in the access log.
// The locks do not: a mesh's authorization overrides filters of Envoy's name
// route by route.
const (
	filterTrailers = "ostiary.trailers"
	filterLocks    = "ostiary.locks"
)

// peerHeaders are what Istio's proxies tell one another about a pod. No pool
// gets them.
var peerHeaders = [...]string{"x-envoy-peer-metadata", "x-envoy-peer-metadata-id"}

// parts makes the pieces and fits them for a mesh.
func parts(s envoy.Spec) (*envoy.Parts, error) {
	p, err := envoy.NewParts(placed(s))
	if err != nil {
		return nil, err
	}
	for _, f := range p.Filters {
		switch f.GetName() {
		case envoy.FilterTrailers:
			f.Name = filterTrailers
		case envoy.FilterRBAC:
			f.Name = filterLocks
		}
	}
	m := p.Manager
	m.GenerateRequestId = nil // a mesh's tracing needs what it decided itself
	for _, h := range p.Routes.GetVirtualHosts() {
		h.Name = "ostiary"
		for _, r := range h.GetRoutes() {
			a := r.GetRoute()
			if a == nil {
				continue
			}
			r.RequestHeadersToRemove = append(r.RequestHeadersToRemove, peerHeaders[:]...)
			// Both meshes allow WebSocket by default, which cannot be inspected.
			a.UpgradeConfigs = []*routev3.RouteAction_UpgradeConfig{{UpgradeType: "websocket", Enabled: wrapperspb.Bool(false)}}
		}
	}
	return p, nil
}

// managerFilter is the name of the network filter that is patched.
const managerFilter = "envoy.filters.network.http_connection_manager"

// routerFilter is what our filters stand before.
const routerFilter = "envoy.filters.http.router"

// whatFilters say in a comment what each of our filters is for.
var whatFilters = map[string]string{
	filterTrailers:      "Drops request trailers, which nobody inspects, and what others wrote into x-envoy-*.",
	envoy.FilterExtProc: "The policy server. failure_mode_allow stays out (false). The time-out is stated because\nthe mesh's default is 200 ms; request bodies are buffered whole before anything is decided.",
	filterLocks:         "Locks 2 and 3: without an allow that was given on the whole body, 403. They hold where\nthe filter above is switched off for a route, fails open, or ends its stream early.",
}
