package mesh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// The types of resources that Envoy Gateway patches.
const (
	typeListener = "type.googleapis.com/envoy.config.listener.v3.Listener"
	typeRoutes   = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	typeCluster  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
)

// Where in a listener the patches apply: in its only connection manager,
// whether the chain is the default one (HTTP) or not (HTTPS).
const (
	pathManager = `$..filters[?(@.name == "` + managerFilter + `")].typed_config`
	pathRouter  = `$..http_filters[?(@.name == "` + routerFilter + `")]`
)

// EnvoyGateway gives the objects that attach Ostiary to a Gateway of its own in
// Envoy Gateway, as YAML with comments. Spec and errors are as for [Istio].
func EnvoyGateway(s envoy.Spec, o Options) ([]byte, error) {
	o.Place = Sidecar // means nothing here
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := parts(s)
	if err != nil {
		return nil, err
	}
	w := &gateway{sheet: &sheet{}, options: o, parts: p, spec: placed(s)}
	w.header()
	w.proxy()
	w.gateway()
	w.patches()
	return w.bytes()
}

type gateway struct {
	*sheet
	options Options
	parts   *envoy.Parts
	spec    envoy.Spec
}

func (w *gateway) header() {
	o := w.options
	service := fmt.Sprintf("http://SERVICE-OF-THE-GATEWAY:%d", o.Port)
	w.say(0, "Made by: "+o.Command)
	w.say(0, "\nAttaches Ostiary to a Gateway of Envoy Gateway. It was never run in a cluster by those who\nwrote it: the objects are checked against the schemas of "+GatewayVersion+", and their\neffect against Envoy "+envoy.MinVersion+" with a listener shaped as Envoy Gateway's. Prove it where you\nrun it:\n")
	w.say(0, "  ostiary mesh probe "+service+" --admin http://127.0.0.1:19000 --log DIR\n")
	w.say(0, "Before you apply this, see that:\n- Envoy Gateway takes patches: extensionApis.enableEnvoyPatchPolicy is true in its configuration;\n- the proxy is of Envoy "+envoy.MinVersion+" or later: "+GatewayVersion+" brings 1.39, so the EnvoyProxy below\n  names an image of its own;")
	w.say(0, "- the runtime flag XDSNameSchemeV2 is off (the default): with it, listeners have other names;\n- mergeGateways is off for the class, so that the Gateway has proxies of its own;\n- the ConfigMap "+o.Name+" holds ostiary.yaml, and the Secret "+o.Name+"-keys the providers' keys as\n  environment variables;")
	w.say(0, "- the status of the EnvoyPatchPolicy says Programmed, and nothing of resources not found;\n- no HTTPRoute is attached to the Gateway: its routes are taken out.\n")
	w.say(0, "An EnvoyExtensionPolicy would attach the external processor alone. It has no word for the\nlocks, without which a request passes when the policy server ends its stream early, nor for\nwhich answers the server may ask to read; so nothing here uses one.")
}

func (w *gateway) meta(kind, version, comment string) {
	w.text("---")
	w.say(0, comment)
	w.text("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  namespace: %s", version, kind, scalar(w.options.Name), scalar(w.options.Namespace))
}

// proxy puts the policy server beside Envoy.
func (w *gateway) proxy() {
	o := w.options
	w.meta("EnvoyProxy", "gateway.envoyproxy.io/v1alpha1",
		"Puts the policy server beside Envoy, under the same uid, which is how it knows its caller.")
	w.text("spec:\n  provider:\n    type: Kubernetes\n    kubernetes:\n      envoyDeployment:\n        container:")
	w.say(10, "Not the image that Envoy Gateway brings: versions before "+envoy.MinVersion+" can let requests pass\nuninspected. See that your Envoy Gateway supports the version that you name.")
	w.text("          image: docker.io/envoyproxy/envoy:distroless-v%s", envoy.PinnedVersion)
	w.text("          volumeMounts:\n          - name: %s\n            mountPath: %s", sharedVolume, sharedPath)
	w.say(8, "A container that is started first and runs on (Kubernetes 1.29 or later).")
	w.text("        initContainers:\n        - name: ostiary\n          image: %s\n          restartPolicy: Always\n          args:\n          - run\n          - --config\n          - /etc/ostiary/ostiary.yaml\n          - --dataplane\n          - none\n          - --socket\n          - %s\n          - --log\n          - /var/lib/ostiary/log", scalar(o.Image), scalar(w.spec.Socket))
	w.text("          envFrom:\n          - secretRef:\n              name: %s\n              optional: true", scalar(o.Name+"-keys"))
	w.text("          securityContext:\n            runAsUser: %d\n            runAsGroup: %[1]d\n            runAsNonRoot: true\n            allowPrivilegeEscalation: false\n            readOnlyRootFilesystem: true\n            capabilities:\n              drop:\n              - ALL", gatewayUID)
	w.text("          volumeMounts:\n          - name: %s\n            mountPath: %s\n          - name: ostiary-config\n            mountPath: /etc/ostiary\n            readOnly: true\n          - name: ostiary-state\n            mountPath: /var/lib/ostiary", sharedVolume, sharedPath)
	w.text("        pod:\n          volumes:\n          - name: %s\n            emptyDir: {}\n          - name: ostiary-config\n            configMap:\n              name: %s", sharedVolume, scalar(o.Name))
	w.say(10, "The audit log's place. Take a claim that outlives the pod: an emptyDir is lost with it.")
	w.text("          - name: ostiary-state\n            emptyDir: {}")
}

func (w *gateway) gateway() {
	o := w.options
	w.meta("Gateway", "gateway.networking.k8s.io/v1",
		"Of Ostiary alone. Its listener takes no HTTPRoute: what a team attaches would be taken out.")
	w.text("spec:\n  gatewayClassName: %s\n  infrastructure:\n    parametersRef:\n      group: gateway.envoyproxy.io\n      kind: EnvoyProxy\n      name: %s\n  listeners:\n  - name: http\n    protocol: HTTP\n    port: %d\n    allowedRoutes:\n      namespaces:\n        from: Same", scalar(o.Class), scalar(o.Name), o.Port)
}

// operation is one JSON patch. at is a JSONPath, path a JSON pointer below it.
type operation struct {
	typ, name string
	at, path  string
	value     []byte // JSON
}

func (w *gateway) patch(comment string, p operation) {
	if comment != "" {
		w.say(2, comment)
	}
	w.text("  - type: %s\n    name: %s\n    operation:\n      op: add", p.typ, scalar(p.name))
	if p.at != "" {
		w.text("      jsonPath: '%s'", p.at)
	}
	if p.path != "" || p.at == "" {
		w.text("      path: %s", strconv.Quote(p.path))
	}
	if len(p.value) > 0 && (p.value[0] == '{' || p.value[0] == '[') {
		w.text("      value:")
		w.putJSON(8, p.value)
		return
	}
	w.text("      value: %s", p.value)
}

func (w *gateway) patches() {
	o := w.options
	resource := o.Namespace + "/" + o.Name + "/http"
	w.meta("EnvoyPatchPolicy", "gateway.envoyproxy.io/v1alpha1",
		"The locks, the external processor, the routes, clusters and limits. A patch that fails is\nleft out and the others are applied all the same, so what closes comes before what opens.")
	w.text("spec:\n  targetRef:\n    group: gateway.networking.k8s.io\n    kind: Gateway\n    name: %s\n  type: JSONPatch", scalar(o.Name))
	w.say(2, "After other policies, so that these filters stand right before the router.")
	w.text("  priority: %d\n  jsonPatches:", lastPatch)

	var hosts [][]byte
	for _, h := range w.parts.Routes.GetVirtualHosts() {
		raw, err := jsonOf(h)
		if err != nil {
			w.fail(err)
			return
		}
		hosts = append(hosts, raw)
	}
	w.patch("Lock 1: in place of whatever routes there are, one virtual host whose routes match nothing\nbut a verdict.", operation{typ: typeRoutes, name: resource, path: "/virtual_hosts", value: list(hosts)})

	for _, f := range w.parts.Filters {
		raw, err := jsonOf(f)
		if err != nil {
			w.fail(err)
			return
		}
		// Adding at an element's place puts what is added before it (RFC 6902, 4.1).
		w.patch(whatFilters[f.GetName()], operation{typ: typeListener, name: resource, at: pathRouter, value: raw})
	}

	w.patch(fmt.Sprintf("Half of the limit of a request's body, %d bytes. Envoy Gateway's default is 32 KiB.", w.parts.BufferLimit),
		operation{typ: typeListener, name: resource, path: "/per_connection_buffer_limit_bytes", value: strconv.AppendUint(nil, uint64(w.parts.BufferLimit), 10)})

	fields, err := members(w.parts)
	if err != nil {
		w.fail(err)
		return
	}
	comment := "The connection manager's settings: the other half of the limit (the HTTP/2 windows, 64 KiB by\ndefault), time-outs for long generations, errors in the shape of the API that was called,\nheaders that callers could forge taken off, and the access log (in place of the gateway's\nown) from which the audit log learns what was really sent."
	for _, f := range fields {
		w.patch(comment, operation{typ: typeListener, name: resource, at: pathManager, path: "/" + f.name, value: f.value})
		comment = ""
	}

	for i, c := range w.parts.Clusters {
		raw, err := jsonOf(c)
		if err != nil {
			w.fail(err)
			return
		}
		comment := ""
		switch i {
		case 0:
			comment = "The policy server, on the socket that both containers see."
		case 1:
			comment = "The pools. TLS to the providers is originated here. A CA file of a pool's own must be\nmounted at the same path in Envoy's container."
		}
		w.patch(comment, operation{typ: typeCluster, name: c.GetName(), value: raw})
	}
}

type member struct {
	name  string
	value []byte
}

// members give the fields of the connection manager in the order of its proto.
func members(p *envoy.Parts) ([]member, error) {
	raw, err := jsonOf(p.Manager)
	if err != nil {
		return nil, err
	}
	var out []member
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("mesh: the connection manager cannot be read: %w", err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("mesh: the connection manager cannot be read: %w", err)
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("mesh: the connection manager cannot be read: %w", err)
		}
		out = append(out, member{name, value})
	}
	return out, nil
}

func list(items [][]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(items, []byte{','})...), ']')
}
