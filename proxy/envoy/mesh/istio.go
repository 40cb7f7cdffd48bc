package mesh

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// Istio gives the objects that attach Ostiary to sidecars or to a gateway of
// Istio, as YAML with comments. The spec's Socket, AccessLog and CABundle are
// paths in the proxy's container; they default to those of this package. Equal
// inputs give equal bytes. An error names every problem of the spec or of the
// options.
func Istio(s envoy.Spec, o Options) ([]byte, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := parts(s)
	if err != nil {
		return nil, err
	}
	w := &istio{sheet: &sheet{}, options: o, parts: p, spec: placed(s)}
	w.header()
	if o.Place == Gateway {
		w.gateway()
	} else {
		w.serviceEntry()
	}
	w.envoyFilter()
	return w.bytes()
}

type istio struct {
	*sheet
	options Options
	parts   *envoy.Parts
	spec    envoy.Spec
}

func (w *istio) header() {
	o := w.options
	w.say(0, "Made by: "+o.Command)
	w.say(0, "\nAttaches Ostiary to a "+string(o.Place)+" of Istio. It was never run in a mesh by those who\nwrote it: the objects are checked against the schemas of "+IstioAPI+", and their\neffect against Envoy "+envoy.MinVersion+" with a listener shaped as Istio's. Prove it where you run it:\n")
	w.say(0, "  ostiary mesh probe http://"+o.Host+":"+strconv.Itoa(o.Port)+" --admin http://127.0.0.1:15000 --log DIR\n")
	w.say(0, "Before you apply this, see that:\n- the proxies are of Envoy "+envoy.MinVersion+" or later (istioctl version; pilot-agent request GET server_info);\n- port "+strconv.Itoa(o.Port)+" is used by no other service of the mesh;")
	w.say(0, "- the policy server runs in the proxy's pod under the proxy's uid ("+strconv.Itoa(istioUID)+"), and both mount\n  one volume at "+sharedPath+" (README.md of deploy/mesh has the patch):\n    ostiary run --config FILE --dataplane none --socket "+w.spec.Socket+";")
	w.say(0, "- nothing else lets the pods reach a provider: meshConfig.outboundTrafficPolicy.mode is\n  REGISTRY_ONLY, no ServiceEntry names a provider on 443, and a NetworkPolicy closes the rest.\n")
	w.say(0, "Applications speak plain HTTP to "+o.Host+":"+strconv.Itoa(o.Port)+"; TLS to the providers is originated\nby the proxy, in the clusters below, with verification of their names. Keys of providers\nare in none of these objects: the proxy gets them from the policy server.")
}

func (w *istio) meta(kind, version, comment string) {
	w.text("---")
	w.say(0, comment)
	w.text("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  namespace: %s", version, kind, scalar(w.options.Name), scalar(w.options.Namespace))
}

func (w *istio) serviceEntry() {
	o := w.options
	w.meta("ServiceEntry", "networking.istio.io/v1",
		"Makes the listener and its route configuration. The address stands for the name: with\nIstio's DNS proxy nothing more is needed, without it put the pair into the pod's\nhostAliases. Nothing is ever sent to the endpoint: the routes to it are taken out below.")
	w.text("spec:\n  hosts:\n  - %s\n  addresses:\n  - %s\n  exportTo:\n  - .\n  location: MESH_EXTERNAL\n  ports:\n  - number: %d\n    name: http-ostiary", scalar(o.Host), virtualAddress, o.Port)
	w.say(4, "Said, not guessed: for a port whose protocol is sniffed, Istio makes other listeners.")
	w.text("    protocol: HTTP\n  resolution: STATIC\n  endpoints:\n  - address: %s", nowhere)
}

func (w *istio) gateway() {
	o := w.options
	w.meta("Gateway", "networking.istio.io/v1",
		"Opens the port at the gateway, to callers with a certificate of the mesh alone. The\ngateway's Service needs the port too, named https-ostiary.")
	w.text("spec:\n  selector:")
	w.labels(4)
	w.text("  servers:\n  - port:\n      number: %d\n      name: https-ostiary\n      protocol: HTTPS\n    tls:\n      mode: ISTIO_MUTUAL\n    hosts:\n    - \"*\"", o.Port)
	w.meta("DestinationRule", "networking.istio.io/v1",
		"Makes the applications' sidecars originate TLS to the gateway, under their own\nidentities.")
	w.text("spec:\n  host: %s\n  exportTo:\n  - .\n  trafficPolicy:\n    portLevelSettings:\n    - port:\n        number: %d\n      tls:\n        mode: ISTIO_MUTUAL", scalar(o.Host), o.Port)
}

func (w *istio) labels(indent int) {
	for _, k := range slices.Sorted(maps.Keys(w.options.Selector)) {
		w.text("%*s%q: %q", indent, "", k, w.options.Selector[k])
	}
}

// patch begins one patch; the caller writes its value.
func (w *istio) patch(comment, applyTo, match, operation string) {
	if comment != "" {
		w.say(2, comment)
	}
	w.text("  - applyTo: %s\n    match:\n      context: %s", applyTo, w.context())
	if match != "" {
		w.text("%s", match)
	}
	w.text("    patch:\n      operation: %s", operation)
}

func (w *istio) context() string {
	if w.options.Place == Gateway {
		return "GATEWAY"
	}
	return "SIDECAR_OUTBOUND"
}

func (w *istio) envoyFilter() {
	o := w.options
	w.meta("EnvoyFilter", "networking.istio.io/v1alpha3",
		"The filters, locks, routes, clusters and limits. Where a patch finds nothing to change, Istio\nsays nothing; the probe does.")
	w.text("spec:")
	if len(o.Selector) > 0 {
		w.text("  workloadSelector:\n    labels:")
		w.labels(6)
	}
	w.say(2, "After other EnvoyFilters, so that these filters stand right before the router: what stands\nbetween could change what was inspected.")
	w.text("  priority: %d\n  configPatches:", lastPatch)

	listener := fmt.Sprintf("      listener:\n        portNumber: %d", o.Port)
	manager := listener + fmt.Sprintf("\n        filterChain:\n          filter:\n            name: %s", managerFilter)
	w.patch(fmt.Sprintf("Half of the limit of a request's body, %d bytes. Envoy's default is 1 MiB, and more is 413.", w.parts.BufferLimit), "LISTENER", listener, "MERGE")
	w.text("      value:")
	w.put(8, &listenerv3.Listener{PerConnectionBufferLimitBytes: wrapperspb.UInt32(w.parts.BufferLimit)})

	config, err := anypb.New(w.parts.Manager)
	if err != nil {
		w.fail(fmt.Errorf("mesh: the connection manager cannot be packed: %w", err))
		return
	}
	w.patch("The other half (the HTTP/2 windows), time-outs for long generations, errors in the shape of\nthe API that was called, headers that callers could forge taken off, and the access log\nfrom which the audit log learns what was really sent.", "NETWORK_FILTER", manager, "MERGE")
	w.text("      value:")
	w.put(8, &listenerv3.Filter{Name: managerFilter, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: config}})

	for _, f := range w.parts.Filters {
		w.patch(whatFilters[f.GetName()], "HTTP_FILTER", manager+fmt.Sprintf("\n            subFilter:\n              name: %s", routerFilter), "INSERT_BEFORE")
		w.text("      value:")
		w.put(8, f)
	}

	routes := fmt.Sprintf("      routeConfiguration:\n        portNumber: %d", o.Port)
	if o.Place == Gateway {
		routes += fmt.Sprintf("\n        gateway: %s", scalar(o.Namespace+"/"+o.Name))
	}
	w.patch("Lock 1. Out goes every virtual host that Istio made for the port, among them the one that\nlets unknown names through; in comes one whose routes match nothing but a verdict.", "VIRTUAL_HOST", routes, "REMOVE")
	for _, h := range w.parts.Routes.GetVirtualHosts() {
		w.patch("", "VIRTUAL_HOST", routes, "ADD")
		w.text("      value:")
		w.put(8, h)
	}

	for i, c := range w.parts.Clusters {
		comment := ""
		switch i {
		case 0:
			comment = "The policy server, on the socket that both containers see."
		case 1:
			comment = "The pools. A CA file of a pool's own must be mounted at the same path in the proxy."
		}
		w.patch(comment, "CLUSTER", "", "ADD")
		w.text("      value:")
		w.put(8, c)
	}
}
