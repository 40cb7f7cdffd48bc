package intercept

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/anypb"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dial connects to an SDS as Envoy does.
func dial(t testing.TB, s *SDS) secretv3.SecretDiscoveryServiceClient {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	srv := grpc.NewServer(ServerOptions()...)
	s.Register(srv)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); <-done })
	c, err := grpc.NewClient("passthrough:sds", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return secretv3.NewSecretDiscoveryServiceClient(c)
}

type deltaStream struct {
	t testing.TB
	grpc.BidiStreamingClient[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]
}

func openDelta(t testing.TB, c secretv3.SecretDiscoveryServiceClient) deltaStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s, err := c.DeltaSecrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return deltaStream{t, s}
}

func (d deltaStream) ask(r *discoveryv3.DeltaDiscoveryRequest) {
	d.t.Helper()
	r.TypeUrl = secretType
	if err := d.Send(r); err != nil {
		d.t.Fatal(err)
	}
}

func (d deltaStream) subscribe(names ...string) {
	d.t.Helper()
	d.ask(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: names})
}

// answers collects answers until there is one for each of n names.
func (d deltaStream) answers(n int) (given map[string]*tlsv3.Secret, removed []string, last *discoveryv3.DeltaDiscoveryResponse) {
	d.t.Helper()
	given = map[string]*tlsv3.Secret{}
	for len(given)+len(removed) < n {
		r, err := d.Recv()
		if err != nil {
			d.t.Fatal(err)
		}
		for _, res := range r.Resources {
			if res.Version == "" {
				d.t.Error("a resource without a version")
			}
			given[res.Name] = unpack(d.t, res.Resource)
		}
		removed = append(removed, r.RemovedResources...)
		last = r
	}
	slices.Sort(removed)
	return given, removed, last
}

func unpack(t testing.TB, a *anypb.Any) *tlsv3.Secret {
	t.Helper()
	s := new(tlsv3.Secret)
	if err := a.UnmarshalTo(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// pair is the secret as a TLS server would load it.
func pair(t testing.TB, s *tlsv3.Secret) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(s.GetTlsCertificate().GetCertificateChain().GetInlineBytes(), s.GetTlsCertificate().GetPrivateKey().GetInlineBytes())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDelta(t *testing.T) {
	_, a := root(t)
	var logged lockedBuffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	m := NewMinter(a, governed(t), MinterOptions{Log: log})
	s := NewSDS(m, log)
	d := openDelta(t, dial(t, s))
	d.subscribe("one.openai.azure.com", "evil.example.com", "*", "a.b.example.org", "Two.example.org", "leaf/api.openai.com", "no-sni.invalid")
	given, removed, last := d.answers(7)
	if len(given) != 2 || !slices.Equal(removed, []string{"*", "a.b.example.org", "evil.example.com", "leaf/api.openai.com", "no-sni.invalid"}) {
		t.Fatalf("given %d, removed %v", len(given), removed)
	}
	for name, secret := range given { // under the name that was asked for
		if c := pair(t, secret); secret.Name != name || c.Leaf.VerifyHostname(name) != nil {
			t.Errorf("%s: %v", name, c.Leaf.DNSNames)
		}
	}
	if n := s.Subscriptions(); n != 2 {
		t.Errorf("%d subscriptions: what was refused counts", n)
	}
	// Neither an acknowledgement nor a refusal is answered; what is asked for again is.
	d.ask(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: last.Nonce})
	d.ask(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: last.Nonce, ErrorDetail: &rpcstatus.Status{Message: "refused one.openai.azure.com"}})
	d.subscribe("one.openai.azure.com")
	again, removed, next := d.answers(1)
	if !bytes.Equal(again["one.openai.azure.com"].GetTlsCertificate().GetCertificateChain().GetInlineBytes(), given["one.openai.azure.com"].GetTlsCertificate().GetCertificateChain().GetInlineBytes()) || len(removed) != 0 || next.Nonce == last.Nonce {
		t.Error("asked again: another leaf, or the same nonce")
	}
	d.ask(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesUnsubscribe: []string{"one.openai.azure.com", "never.example.org"}})
	// Another authority: what is followed is replaced, what was left is not.
	other := Open(t.TempDir() + "/other")
	made, err := other.Create(Terms{Domains: domains}, Key{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Use(made.Authority, governed(t))
	given, removed, _ = d.answers(1)
	if given["Two.example.org"] == nil || len(removed) != 0 {
		t.Fatalf("given %d, removed %v", len(given), removed)
	}
	if c := pair(t, given["Two.example.org"]); c.Leaf.CheckSignatureFrom(made.Authority.cert) != nil {
		t.Error("of the former authority")
	}
	m.Use(made.Authority, names(t, "api.openai.com"))
	if given, removed, _ = d.answers(1); len(given) != 0 || !slices.Equal(removed, []string{"Two.example.org"}) {
		t.Errorf("governed no more: given %d, removed %v", len(given), removed)
	}
	out := logged.String()
	for _, bad := range []string{"evil", "one.openai", "PRIVATE", "two.example", "Two.example"} {
		if strings.Contains(out, bad) {
			t.Errorf("the log holds %s", bad)
		}
	}
	if !strings.Contains(out, "envoy refused") {
		t.Error("the log does not say that Envoy refused a certificate")
	}
}

func TestState(t *testing.T) {
	_, a := root(t)
	m := NewMinter(a, governed(t), MinterOptions{})
	client := dial(t, NewSDS(m, nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := client.StreamSecrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(names ...string) {
		t.Helper()
		if err := stream.Send(&discoveryv3.DiscoveryRequest{TypeUrl: secretType, ResourceNames: names}); err != nil {
			t.Fatal(err)
		}
	}
	answer := func() map[string]*tlsv3.Secret {
		t.Helper()
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]*tlsv3.Secret{}
		for _, a := range r.Resources {
			s := unpack(t, a)
			out[s.Name] = s
		}
		return out
	}
	ask("leaf/api.openai.com")
	got := answer()
	if c := pair(t, got["leaf/api.openai.com"]); c.Leaf.VerifyHostname("api.openai.com") != nil {
		t.Errorf("%v", c.Leaf.DNSNames)
	}
	// One that gets none keeps the others from nothing.
	ask("leaf/api.openai.com", "leaf/evil.example.com", "leaf/one.example.org")
	for got = answer(); got["leaf/one.example.org"] == nil; got = answer() {
	}
	if len(got) != 2 || got["leaf/evil.example.com"] != nil {
		t.Errorf("%d secrets", len(got))
	}
	ask("leaf/one.example.org", "leaf/two.example.org")
	for got = answer(); got["leaf/two.example.org"] == nil; got = answer() {
	}
	if len(got) != 2 || got["leaf/one.example.org"] == nil {
		t.Error("not what is asked for")
	}
	before := pair(t, got["leaf/one.example.org"]).Leaf.SerialNumber
	m.Use(a, governed(t))
	for got = answer(); pair(t, got["leaf/one.example.org"]).Leaf.SerialNumber.Cmp(before) == 0; got = answer() {
	}
}

func TestStreamsAreBounded(t *testing.T) {
	_, a := root(t)
	client := dial(t, NewSDS(NewMinter(a, governed(t), MinterOptions{}), nil))
	d := openDelta(t, client)
	d.ask(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: make([]string, maxRequestNames+1)})
	if _, err := d.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("any number of names: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d = openDelta(t, client)
	if err := d.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster", ResourceNamesSubscribe: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("another type: %v", err)
	}
	stream, err := client.StreamSecrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DiscoveryRequest{ResourceNames: make([]string, maxPatterns+1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("any number of names: %v", err)
	}
}

// TestOldestGivesWay: over the bound, the stream that asked first is told that its
// name is gone; a stream that ends gives its places back.
func TestOldestGivesWay(t *testing.T) {
	_, a := root(t)
	s := NewSDS(NewMinter(a, governed(t), MinterOptions{}), nil)
	s.most = 3
	client := dial(t, s)
	first, second := openDelta(t, client), openDelta(t, client)
	first.subscribe("n0.example.org", "n1.example.org")
	if given, _, _ := first.answers(2); len(given) != 2 {
		t.Fatal("not given")
	}
	second.subscribe("n2.example.org", "n3.example.org")
	if given, _, _ := second.answers(2); len(given) != 2 {
		t.Fatal("not given")
	}
	if given, removed, _ := first.answers(1); len(given) != 0 || !slices.Equal(removed, []string{"n0.example.org"}) {
		t.Errorf("given %d, removed %v", len(given), removed)
	}
	if n := s.Subscriptions(); n != 3 {
		t.Errorf("%d subscriptions", n)
	}
	if err := second.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Recv(); err == nil {
		t.Fatal("the stream goes on")
	}
	if n := s.Subscriptions(); n != 1 {
		t.Errorf("%d subscriptions after a stream ended", n)
	}
	for i := range 20 { // all but three give way, each once
		first.subscribe(fmt.Sprintf("m%d.example.org", i))
	}
	gone, held := map[string]int{}, map[string]bool{}
	for len(gone) < 18 || len(held) < 3 { // one may give way before its leaf is made
		given, removed, _ := first.answers(1)
		for n := range given {
			held[n] = true
		}
		for _, n := range removed {
			gone[n]++
			delete(held, n)
		}
	}
	for n, times := range gone {
		if times != 1 || held[n] {
			t.Errorf("%s was removed %d times", n, times)
		}
	}
	for _, n := range []string{"m17.example.org", "m18.example.org", "m19.example.org"} {
		if !held[n] {
			t.Errorf("%s, asked for last, is not there", n)
		}
	}
}

// TestRenewalIsPushed: without being asked, Envoy gets another leaf at two thirds
// of the life of the one that it has; where the key fails it keeps that one, and
// gets another when the key works again.
func TestRenewalIsPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, made := root(t)
		copied := *made
		copied.cert = cloneValid(t, made)
		a, g := gated(&copied)
		close(g.open)
		requests, answers := make(chan *discoveryv3.DeltaDiscoveryRequest), make(chan *discoveryv3.DeltaDiscoveryResponse, 16)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		s := NewSDS(NewMinter(a, governed(t), MinterOptions{}), nil)
		go func() { ended <- s.DeltaSecrets(&fakeStream{ctx: ctx, requests: requests, answers: answers}) }()
		requests <- &discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: []string{"one.example.org"}}
		synctest.Wait()
		version := func() string {
			t.Helper()
			select {
			case r := <-answers:
				if len(r.Resources) != 1 || len(r.RemovedResources) != 0 {
					t.Fatalf("given %d, removed %d", len(r.Resources), len(r.RemovedResources))
				}
				return r.Resources[0].Version
			default:
				return ""
			}
		}
		first := version()
		if first == "" {
			t.Fatal("nothing given")
		}
		time.Sleep(renewAfter - time.Second)
		synctest.Wait()
		if v := version(); v != "" {
			t.Error("renewed too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		second := version()
		if second == "" || second == first {
			t.Fatal("not renewed")
		}
		g.fail.Store(true)
		before := g.calls.Load()
		time.Sleep(renewAfter + time.Hour)
		synctest.Wait()
		if v := version(); v != "" {
			t.Error("something was sent although the key fails")
		}
		if n := g.calls.Load() - before; n < 2 || n > int64(time.Hour/retryAfter)+2 {
			t.Errorf("a key that fails was asked %d times in an hour", n)
		}
		g.fail.Store(false)
		time.Sleep(retryAfter)
		synctest.Wait()
		if v := version(); v == "" || v == second {
			t.Error("not renewed although the key works again")
		}
		cancel()
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("the stream ended with %v", err)
		}
		if s.Subscriptions() != 0 {
			t.Error("a stream that ended has subscriptions")
		}
	})
}

// fakeStream is a stream without a connection.
type fakeStream struct {
	grpc.ServerStream
	ctx      context.Context
	requests chan *discoveryv3.DeltaDiscoveryRequest
	answers  chan *discoveryv3.DeltaDiscoveryResponse
}

func (f *fakeStream) Context() context.Context { return f.ctx }

func (f *fakeStream) Send(r *discoveryv3.DeltaDiscoveryResponse) error {
	f.answers <- r
	return nil
}

func (f *fakeStream) Recv() (*discoveryv3.DeltaDiscoveryRequest, error) {
	select {
	case r := <-f.requests:
		return r, nil
	case <-f.ctx.Done():
		return nil, f.ctx.Err()
	}
}
