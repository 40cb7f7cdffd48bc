package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/all"
	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
	"github.com/ostiary/ostiary/proxy/facts"
	"github.com/ostiary/ostiary/proxy/identity"
	"github.com/ostiary/ostiary/proxy/pools"
	"github.com/ostiary/ostiary/proxy/standin"
	"github.com/ostiary/ostiary/proxy/vault"
)

const (
	// BodyLimit is the limit of bodies that a plane must be started with.
	BodyLimit = 256 << 10
	// patience bounds every wait. Envoy's access log, which outcomes come from,
	// may be flushed late.
	patience = 30 * time.Second
	// providerKey is the key of the pool openai.
	providerKey = "provider-key-of-openai"
	// applicationKey is that of the application desk, in the part of the suite
	// that asks for keys.
	applicationKey = "application-key-of-desk"
)

// Setup is what a plane is started for.
type Setup struct {
	Engine *proxy.Engine
	// Pools says how each is reached, keys included.
	Pools *pools.Set
}

// rules are the policies of the suite.
const rules = `package ostiary.policies.conformance

deny contains {"rule": "credentials", "message": "Credentials do not leave."} if {
	input.findings.groups.credential.count > 0
}

deny contains {"rule": "unknown_path", "message": "This API is not offered.", "code": "endpoint_not_allowed"} if {
	input.request.operation == "unknown"
}

route contains {"rule": "numbers", "message": "Social security numbers stay in-house.", "boundary": "internal"} if {
	input.findings.types.US_SSN.count > 0
}

mask contains {"rule": "addresses", "message": "Addresses are masked.", "types": ["EMAIL_ADDRESS"]} if {
	input.findings.types.EMAIL_ADDRESS.count > 0
}
`

// Content that the detectors know. The credential is put together, so that no
// scanner of source code takes it for one.
var (
	address    = "maria.lindqvist@nordwind.se"
	number     = "my social security number is 536-22-1145"
	credential = "-----BEGIN RSA " + "PRIVATE KEY-----\\nMIIEowIBAAKCAQEAx4fJm0Vn3cC1hS8wq2k7uZpL5tYd9Rb6NgKjE3oXaWvQzT1s\\nB7yH2mDfU8iPlVrGcJk4eOqSxMn5tZwA9uLbC6hRdYg3oEvFjT0sKpXi1NmWzQ2a\\n-----END RSA " + "PRIVATE KEY-----"
)

// site is the house, the book, and a model server behind every pool.
type site struct {
	t      *testing.T
	base   string
	engine *proxy.Engine
	open   *proxy.Snapshot // asks for no key
	keyed  *proxy.Snapshot // asks for the key of the application desk
	pools  map[string]*standin.Server
	wires  map[string]*standin.Listener
	gate   chan chan struct{} // a stand-in asks before each event of text of a gated stream

	mu     sync.Mutex
	broken bool
	events []*proxy.Event
}

// Record implements [proxy.Recorder]: the book.
func (s *site) Record(_ context.Context, events ...*proxy.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return &proxy.Error{Op: "record", Kind: proxy.Unrecorded}
	}
	s.events = append(s.events, events...)
	return nil
}

func (s *site) breakBook(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// mark is a place in the book and on the wires.
type mark struct {
	event int
	bytes map[string]int64
}

func (s *site) mark() mark {
	m := mark{bytes: map[string]int64{}}
	for name, w := range s.wires {
		m.bytes[name] = w.Bytes()
		s.pools[name].Reset()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.event = len(s.events)
	return m
}

// since gives the decisions and outcomes after a mark, once there are as many
// outcomes as decisions and at least n.
func (s *site) since(m mark, n int) (decisions, outcomes []*proxy.Event) {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		decisions, outcomes = nil, nil
		s.mu.Lock()
		for _, e := range s.events[m.event:] {
			switch e.Kind {
			case proxy.EventDecision:
				decisions = append(decisions, e)
			case proxy.EventOutcome:
				outcomes = append(outcomes, e)
			}
		}
		s.mu.Unlock()
		if len(decisions) >= n && len(outcomes) == len(decisions) || time.Now().After(deadline) {
			return decisions, outcomes
		}
	}
}

// received gives the names of pools that received bytes since a mark.
func (s *site) received(m mark) []string {
	var out []string
	for _, name := range []string{"openai", "claude", "house"} {
		if s.wires[name].Bytes() > m.bytes[name] {
			out = append(out, name)
		}
	}
	return out
}

func newSite(t *testing.T, start func(*testing.T, Setup) string) *site {
	t.Helper()
	s := &site{t: t, pools: map[string]*standin.Server{}, wires: map[string]*standin.Listener{}, gate: make(chan chan struct{})}
	t.Setenv("CONFORMANCE_OPENAI_KEY", providerKey)
	ups := []pools.Upstream{
		{Pool: proxy.Pool{Name: "openai", Boundary: proxy.External, Jurisdiction: "US", Dialects: []string{"openai"}, Credential: proxy.CredentialPool}, Credential: pools.Source{Env: "CONFORMANCE_OPENAI_KEY"}},
		{Pool: proxy.Pool{Name: "claude", Boundary: proxy.External, Jurisdiction: "US", Dialects: []string{"anthropic"}, Credential: proxy.CredentialClient}},
		{Pool: proxy.Pool{Name: "house", Boundary: proxy.Internal, Dialects: []string{"openai", "anthropic"}, Credential: proxy.CredentialNone, Models: []proxy.ModelAlias{{Pattern: "*", Name: "qwen"}}}},
		{Pool: proxy.Pool{Name: "down", Boundary: proxy.External, Dialects: []string{"openai"}, Credential: proxy.CredentialNone}},
	}
	for i := range ups {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		name := ups[i].Pool.Name
		ups[i].URL = &url.URL{Scheme: "http", Host: l.Addr().String()}
		if name == "down" {
			_ = l.Close() // nobody is there
			continue
		}
		o := standin.Options{Name: name, Models: []string{"qwen"}, Strict: name == "house", Keep: 100, Gate: s.hold}
		if name == "openai" {
			o.Key = providerKey
			ups[i].URL.Path = "/base" // a pool's URL may have a path
		}
		s.pools[name], s.wires[name] = standin.New(o), standin.Count(l)
		h, wire := &http.Server{Handler: s.pools[name]}, s.wires[name]
		go func() { _ = h.Serve(wire) }() // ends with Close
		t.Cleanup(func() { _ = h.Close() })
	}
	set, err := pools.New(ups)
	if err != nil {
		t.Fatal(err)
	}
	suite, err := classifiers.New(classifiers.Options{Detectors: all.Detectors()})
	if err != nil {
		t.Fatal(err)
	}
	decider, err := policies.Load(policies.Options{FS: fstest.MapFS{"conformance/conformance.rego": {Data: []byte(rules)}}})
	if err != nil {
		t.Fatal(err)
	}
	anybody, err := identity.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.NewKey(proxy.NewText(applicationKey))
	if err != nil {
		t.Fatal(err)
	}
	desk, err := identity.New([]identity.Application{{Name: "desk", Keys: []identity.Key{key}, Keyed: true}})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := func(who proxy.Identifier) *proxy.Snapshot {
		return &proxy.Snapshot{
			Dialects: dialect.New(dialect.Options{BodyLimit: BodyLimit}), Classifier: suite, Stater: &facts.Stater{Directory: set, Mode: proxy.Enforce},
			Decider: decider, Chooser: pools.Chooser{Directory: set}, Masker: vault.Placeholders{}, Mode: proxy.Enforce,
			Identifier: &identity.Door{Hosts: []string{"127.0.0.1", "localhost"}, Next: who},
			Limits:     proxy.Limits{Body: BodyLimit}, Revision: "conformance",
		}
	}
	s.open, s.keyed = snapshot(anybody), snapshot(desk)
	s.engine = proxy.NewEngine(s.open, s, nil)
	s.base = start(t, Setup{Engine: s.engine, Pools: set})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.engine.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// hold makes a gated stream wait before each event of text.
func (s *site) hold(r *http.Request, _ int) {
	if r.Header.Get("x-test-gated") == "" {
		return
	}
	pass := make(chan struct{})
	select {
	case s.gate <- pass:
		<-pass
	case <-r.Context().Done():
	case <-time.After(patience):
	}
}

// client speaks one version of HTTP.
func client(version int) *http.Client {
	var p http.Protocols
	p.SetHTTP1(version == 1)
	p.SetUnencryptedHTTP2(version == 2)
	return &http.Client{Timeout: patience, Transport: &http.Transport{Protocols: &p, DisableCompression: true}}
}

// reply is an answer as the client has it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (s *site) do(c *http.Client, method, path string, header []string, body io.Reader) (reply, error) {
	r, err := http.NewRequest(method, s.base+path, body)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		if strings.EqualFold(header[i], "host") {
			r.Host = header[i+1]
		}
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, b}, err
}

// raw sends bytes as they are, and reads the answer's head and body. A request in
// raw form asks for the connection to be closed.
func (s *site) raw(text string) (reply, error) {
	u, err := url.Parse(s.base)
	if err != nil {
		return reply{}, err
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		return reply{}, err
	}
	all, err := io.ReadAll(c)
	if err != nil && len(all) == 0 {
		return reply{}, err
	}
	resp, body, found := bytes.Cut(all, []byte("\r\n\r\n"))
	if bytes.HasPrefix(all, []byte("HTTP/1.1 100 ")) {
		resp, body, found = bytes.Cut(body, []byte("\r\n\r\n"))
	}
	if !found || len(resp) < 12 {
		return reply{}, errors.New("no answer")
	}
	out := reply{header: http.Header{}, body: body}
	for _, c := range resp[9:12] {
		out.status = 10*out.status + int(c-'0')
	}
	for _, line := range strings.Split(string(resp), "\r\n")[1:] {
		if k, v, ok := strings.Cut(line, ":"); ok {
			out.header.Add(k, strings.TrimSpace(v))
		}
	}
	return out, nil
}

// code gives the code of an error, and whether it has the shape of its API.
func (r *reply) code() (code string, anthropic bool) {
	var b struct {
		Type  string `json:"type"`
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body := r.body
	if i := bytes.IndexByte(body, '{'); i > 0 { // chunked, in raw form
		body = body[i:]
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&b); err != nil {
		return "no JSON", false
	}
	return b.Error.Code, b.Type == "error"
}
