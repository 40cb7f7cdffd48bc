package envoy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocconfigv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// marker stands for content that may reach no upstream.
const marker = "the-prompt-4711"

// policy is a policy server that does what the request's x-test header says:
// the name of a behaviour below. It speaks the protocol and inspects nothing.
type policy struct {
	extprocv3.UnimplementedExternalProcessorServer
	started atomic.Int64
	mu      sync.Mutex
	pools   []string            // x-ostiary-pools of the last stream
	seen    map[string][]string // names and values of the last request's headers
	way     []string            // of the last stream
	peer    string              // of the last request
}

// verdict is the reply that lets a request go.
type verdict struct {
	fields  map[string]string // dynamic metadata; nil for none
	path    string
	headers map[string]string
	remove  []string
	keep    bool // do not clear the route cache
	quiet   bool // no header mutation
}

func allowTo(pool, phase string) verdict {
	return verdict{fields: map[string]string{"decision": "allow", "pool": pool, "phase": phase, "decision_id": "01TESTDECISION"}}
}

func (v verdict) response() *extprocv3.CommonResponse {
	c := &extprocv3.CommonResponse{ClearRouteCache: !v.keep}
	if v.quiet {
		return c
	}
	set := func(k, val string) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: k, RawValue: []byte(val)}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD}
	}
	m := &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{set("x-ostiary-decision-id", "01TESTDECISION")}, RemoveHeaders: v.remove}
	if v.path != "" {
		m.SetHeaders = append(m.SetHeaders, set(":path", v.path))
	}
	for k, val := range v.headers {
		m.SetHeaders = append(m.SetHeaders, set(k, val))
	}
	c.HeaderMutation = m
	return c
}

func (v verdict) metadata() *structpb.Struct {
	if v.fields == nil {
		return nil
	}
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, val := range v.fields {
		s.Fields[k] = structpb.NewStringValue(val)
	}
	return s
}

func (v verdict) wrap(r *extprocv3.ProcessingResponse) *extprocv3.ProcessingResponse {
	if m := v.metadata(); m != nil {
		r.DynamicMetadata = &structpb.Struct{Fields: map[string]*structpb.Value{envoy.MetadataNamespace: structpb.NewStructValue(m)}}
	}
	return r
}

func onHeaders(v verdict) *extprocv3.ProcessingResponse {
	return v.wrap(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: v.response()}}})
}

func onBody(v verdict) *extprocv3.ProcessingResponse {
	return v.wrap(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{Response: v.response()}}})
}

func carryOn() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}}}
}

func immediate(code int, details, body string) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{
		Status: &typev3.HttpStatus{Code: typev3.StatusCode(code)}, Body: []byte(body), Details: details,
		Headers: &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "content-type", RawValue: []byte("application/json")}}}},
	}}}
}

// errEnd ends the stream with status OK.
var errEnd = errors.New("end the stream cleanly")

// behaviour gives the replies to one message: the request's headers (body nil,
// and ended where there is none) or its body.
type behaviour func(headers bool, ended bool) ([]*extprocv3.ProcessingResponse, error)

type replies = []*extprocv3.ProcessingResponse

// ordinary allows on what is the last message of the request.
func ordinary(pool string) behaviour {
	return func(headers, ended bool) (replies, error) {
		switch {
		case headers && ended:
			return replies{onHeaders(allowTo(pool, "headers"))}, nil
		case headers:
			return replies{carryOn()}, nil
		}
		return replies{onBody(allowTo(pool, "body"))}, nil
	}
}

// atBody replies to the body with v.
func atBody(v verdict) behaviour {
	return func(headers, _ bool) (replies, error) {
		if headers {
			return replies{carryOn()}, nil
		}
		return replies{onBody(v)}, nil
	}
}

func behaviours() map[string]behaviour {
	without := func(field string) verdict {
		v := allowTo("cloud", "body")
		delete(v.fields, field)
		return v
	}
	with := func(field, value string) verdict {
		v := allowTo("cloud", "body")
		v.fields[field] = value
		return v
	}
	change := func(f func(*verdict)) verdict {
		v := allowTo("cloud", "body")
		f(&v)
		return v
	}
	early := onHeaders(allowTo("cloud", "headers"))
	return map[string]behaviour{
		"allow-cloud": ordinary("cloud"), "allow-house": ordinary("house"), "allow-based": ordinary("based"), "allow-client": ordinary("client"),
		"allow-keyless": ordinary("keyless"), "allow-down": ordinary("down"), "allow-tls": ordinary("tls"), "allow-proxied": ordinary("proxied"), "allow-badtls": ordinary("badtls"),
		"path-based":       atBody(verdict{fields: allowTo("based", "body").fields, path: "/v1/chat/completions?api-version=1"}),
		"no metadata":      atBody(verdict{}),
		"unknown pool":     atBody(with("pool", "nowhere")),
		"no pool":          atBody(without("pool")),
		"no decision":      atBody(without("decision")),
		"deny with pool":   atBody(with("decision", "deny")),
		"no phase":         atBody(without("phase")),
		"phase headers":    atBody(with("phase", "headers")),
		"no cleared route": atBody(change(func(v *verdict) { v.keep = true })),
		"no mutation":      atBody(change(func(v *verdict) { v.quiet = true })),
		"authority":        atBody(change(func(v *verdict) { v.headers = map[string]string{":authority": "evil.example"} })),
		"x-envoy":          atBody(change(func(v *verdict) { v.headers = map[string]string{"x-envoy-retry-on": "5xx"} })),
		"deny": func(headers, ended bool) (replies, error) {
			if headers && !ended {
				return replies{carryOn()}, nil
			}
			return replies{immediate(403, "ostiary_denied", `{"error":{"code":"data_policy_denied"}}`)}, nil
		},
		"deny-503": func(headers, ended bool) (replies, error) {
			return replies{immediate(503, "ostiary_denied", `{"error":{"code":"audit_unavailable"}}`)}, nil
		},
		"refuse-upgrades": func(headers, ended bool) (replies, error) {
			return replies{immediate(403, "ostiary_denied", `{"error":{"code":"upgrade_not_supported"}}`)}, nil
		},
		"close at headers": func(bool, bool) (replies, error) { return nil, errEnd },
		"close after headers": func(headers, _ bool) (replies, error) {
			if headers {
				return replies{carryOn()}, errEnd
			}
			return nil, errEnd
		},
		"close at body": func(headers, _ bool) (replies, error) {
			if headers {
				return replies{carryOn()}, nil
			}
			return nil, errEnd
		},
		"early verdict, then close": func(headers, _ bool) (replies, error) {
			if headers {
				return replies{early}, nil
			}
			return nil, errEnd
		},
		"early verdict, then continue": func(headers, _ bool) (replies, error) {
			if headers {
				return replies{early}, nil
			}
			return replies{onBody(verdict{})}, nil
		},
		"early verdict, continue and replace": func(headers, _ bool) (replies, error) {
			r := onHeaders(allowTo("cloud", "headers"))
			r.GetRequestHeaders().Response.Status = extprocv3.CommonResponse_CONTINUE_AND_REPLACE
			return replies{r}, nil
		},
		"own inspection off": func(headers, _ bool) (replies, error) {
			if headers {
				r := onHeaders(allowTo("cloud", "headers"))
				r.ModeOverride = &extprocconfigv3.ProcessingMode{RequestBodyMode: extprocconfigv3.ProcessingMode_NONE, ResponseHeaderMode: extprocconfigv3.ProcessingMode_SEND}
				return replies{r}, nil
			}
			return replies{onBody(allowTo("cloud", "body"))}, nil
		},
		"error at body": func(headers, _ bool) (replies, error) {
			if headers {
				return replies{carryOn()}, nil
			}
			return nil, status.Error(codes.Internal, "a panic")
		},
		"wrong kind": func(bool, bool) (replies, error) { return replies{onBody(allowTo("cloud", "body"))}, nil },
	}
}

func (p *policy) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	p.started.Add(1)
	if md, ok := metadata.FromIncomingContext(stream.Context()); ok {
		p.mu.Lock()
		p.pools, p.way = md.Get(envoy.PoolsHeader), md.Get(envoy.WayHeader)
		p.mu.Unlock()
	}
	var does behaviour
	for {
		m, err := stream.Recv()
		if err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		var out replies
		switch r := m.Request.(type) {
		case *extprocv3.ProcessingRequest_RequestHeaders:
			name, method := "", ""
			seen := map[string][]string{}
			for _, h := range r.RequestHeaders.GetHeaders().GetHeaders() {
				seen[h.Key] = append(seen[h.Key], string(h.RawValue))
				switch h.Key {
				case "x-test":
					name = string(h.RawValue)
				case ":method":
					method = string(h.RawValue)
				}
			}
			p.mu.Lock()
			p.seen = seen
			a := m.GetAttributes()[envoy.FilterExtProc].GetFields()
			p.peer = a["source.address"].GetStringValue()
			if v, ok := a[envoy.PeerAttribute]; ok {
				p.peer = v.GetStringValue()
			}
			p.mu.Unlock()
			if method == "CONNECT" || seen["upgrade"] != nil {
				name = "refuse-upgrades"
			}
			if does = behaviours()[name]; does == nil {
				return status.Error(codes.Unimplemented, "no such behaviour")
			}
			out, err = does(true, r.RequestHeaders.GetEndOfStream())
		case *extprocv3.ProcessingRequest_RequestBody:
			if does == nil {
				return status.Error(codes.Internal, "a body before headers")
			}
			out, err = does(false, r.RequestBody.GetEndOfStream())
		case *extprocv3.ProcessingRequest_ResponseHeaders:
			out = replies{{Response: &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extprocv3.HeadersResponse{Response: verdict{}.response()}}}}
		default:
			return status.Error(codes.Internal, "unexpected message")
		}
		for _, o := range out {
			if err := stream.Send(o); err != nil {
				return err
			}
		}
		if errors.Is(err, errEnd) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// secrets are the pools' keys of a test.
type secrets struct{ m sync.Map }

func (s *secrets) Secret(name string) (string, bool) {
	v, ok := s.m.Load(name)
	if !ok {
		return "", false
	}
	return v.(string), true
}

// upstream is a model server that remembers what it was sent.
type upstream struct {
	*httptest.Server
	bytes atomic.Int64 // read from any connection
	mu    sync.Mutex
	last  *http.Request
	body  string
	trail http.Header
}

type countingListener struct {
	net.Listener
	n *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l.n}, nil
}

type countingConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func newUpstream(t testing.TB, name string, certs ...tls.Certificate) *upstream {
	u := &upstream{}
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.last, u.body, u.trail = r, string(body), r.Trailer.Clone()
		u.mu.Unlock()
		w.Header().Set("x-ostiary-pool", "forged-by-upstream")
		w.Header().Set("alt-svc", `h3=":443"`)
		_, _ = fmt.Fprintf(w, `{"served_by":%q}`, name)
	}))
	u.Listener = countingListener{u.Listener, &u.bytes}
	if len(certs) > 0 {
		u.TLS = &tls.Config{Certificates: certs}
		u.EnableHTTP2 = true
		u.Config.ErrorLog = log.New(io.Discard, "", 0)
		u.StartTLS()
	} else {
		u.Config.Protocols = new(http.Protocols)
		u.Config.Protocols.SetHTTP1(true)
		u.Config.Protocols.SetUnencryptedHTTP2(true)
		u.Start()
	}
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) request() (*http.Request, string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last, u.body
}

// world is an Envoy with everything around it.
type world struct {
	t       *testing.T
	bin     string
	dir     string // short, for sockets
	spec    envoy.Spec
	policy  *policy
	server  *grpc.Server
	sds     *envoy.SDS
	secrets *secrets
	pools   map[string]*upstream
	envoy   *weaken.Envoy
	lines   int // of the access log that were read
	h1, h2  *http.Client
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func shortDir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "oe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

const bodyLimit = 256 << 10

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bin: findEnvoy(t), dir: shortDir(t), policy: &policy{}, secrets: &secrets{}, pools: map[string]*upstream{}}
	ca := newCA(t, "models.example")
	ca.write(t, w.dir)
	cert, err := tls.X509KeyPair(ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"cloud", "house", "based", "client", "keyless"} {
		w.pools[n] = newUpstream(t, n)
	}
	w.pools["tls"] = newUpstream(t, "tls", cert)
	w.secrets.m.Store("cloud-key", "Bearer cloud-secret")
	w.secrets.m.Store("based-key", "based-secret")
	pooled := func(header, secret string) envoy.Credential {
		return envoy.Credential{Mode: envoy.PoolCredential, Header: header, Secret: secret}
	}
	w.spec = envoy.Spec{
		Listen: freePort(t), Socket: filepath.Join(w.dir, "p.sock"), Admin: filepath.Join(w.dir, "a.sock"), AccessLog: "/dev/stdout",
		BodyLimit: bodyLimit, PoolsDigest: "digest-1", MessageTimeout: 2 * time.Second, CABundle: filepath.Join(w.dir, "roots.pem"),
		Upstreams: []envoy.Upstream{
			{Name: "cloud", URL: w.pools["cloud"].URL, Credential: pooled("authorization", "cloud-key")},
			{Name: "house", URL: w.pools["house"].URL, Internal: true},
			{Name: "based", URL: w.pools["based"].URL + "/api/base", Credential: pooled("x-api-key", "based-key")},
			{Name: "client", URL: w.pools["client"].URL, Credential: envoy.Credential{Mode: envoy.ClientCredential}},
			{Name: "keyless", URL: w.pools["keyless"].URL, Credential: pooled("authorization", "missing-key")},
			{Name: "down", URL: "http://" + freePort(t)},
			{Name: "tls", URL: "https://127.0.0.1:" + port(w.pools["tls"].URL), ServerName: "models.example"},
			{Name: "badtls", URL: "https://127.0.0.1:" + port(w.pools["tls"].URL), ServerName: "other.example"},
		},
	}
	w.sds = envoy.NewSDS(w.secrets, nil)
	w.servePolicy()
	t.Cleanup(func() { w.server.Stop() })
	w.h1 = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
	h2 := &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	w.h2 = &http.Client{Timeout: 20 * time.Second, Transport: h2}
	t.Cleanup(func() { w.h1.CloseIdleConnections(); w.h2.CloseIdleConnections() })
	return w
}

func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

func (w *world) servePolicy() {
	w.t.Helper()
	_ = os.Remove(w.spec.Socket)
	l, err := net.Listen("unix", w.spec.Socket)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	extprocv3.RegisterExternalProcessorServer(w.server, w.policy)
	w.sds.Register(w.server)
	go func() { _ = w.server.Serve(l) }()
}

// start runs Envoy with the weakenings.
func (w *world) start(ws ...weaken.Weakening) {
	w.t.Helper()
	b, err := envoy.Bootstrap(w.spec)
	if err != nil {
		w.t.Fatal(err)
	}
	if b, err = weaken.Apply(b, ws...); err != nil {
		w.t.Fatal(err)
	}
	if w.envoy, err = weaken.Run(w.t.Context(), w.bin, w.dir, b); err != nil {
		w.t.Fatal(err)
	}
	w.lines = 0
	w.t.Cleanup(w.envoy.Close)
}

// entry gives the next line of the access log.
func (w *world) entry() envoy.Entry {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	w.lines++
	all, err := w.envoy.Entries(ctx, w.lines)
	if err != nil {
		w.t.Fatal(err)
	}
	return all[w.lines-1]
}

// run runs a subtest with the world's helpers reporting to it.
func (w *world) run(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		outer := w.t
		w.t = t
		defer func() { w.t = outer }()
		f(t)
	})
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; header holds pairs.
func (w *world) ask(c *http.Client, method, path string, body io.Reader, header ...string) answer {
	w.t.Helper()
	a, err := w.try(c, method, path, body, header...)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) try(c *http.Client, method, path string, body io.Reader, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.spec.Listen+path, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(got)}, err
}

// sent gives the bytes that all upstreams have read.
func (w *world) sent() int64 {
	var n int64
	for _, u := range w.pools {
		n += u.bytes.Load()
	}
	return n
}

func prompt() io.Reader {
	return strings.NewReader(`{"model":"m","messages":[{"content":"` + marker + `"}]}`)
}

// raw speaks HTTP/1 by hand.
func (w *world) raw(request string, within time.Duration) (string, error) {
	c, err := net.Dial("tcp", w.spec.Listen)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	_ = resp.Write(&b)
	return b.String(), nil
}
