package envoy

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

type mapSecrets struct {
	mu sync.Mutex
	m  map[string]string
}

func (s *mapSecrets) Secret(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[name]
	return v, ok
}

func (s *mapSecrets) set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[name] = value
}

// lockedBuffer is a log that two goroutines write.
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

func dialSDS(t *testing.T, s *SDS) secretv3.SecretDiscoveryService_StreamSecretsClient {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	srv := grpc.NewServer()
	s.Register(srv)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	c, err := grpc.NewClient("passthrough:sds", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	stream, err := secretv3.NewSecretDiscoveryServiceClient(c).StreamSecrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestSDSConversation(t *testing.T) {
	const key = "Bearer a-secret-value"
	src := &mapSecrets{m: map[string]string{"a": key, "bad": "line\nbreak"}}
	var logged lockedBuffer
	sds := NewSDS(src, slog.New(slog.NewTextHandler(&logged, nil)))
	stream := dialSDS(t, sds)
	ask := func(r *discoveryv3.DiscoveryRequest) {
		t.Helper()
		r.TypeUrl = secretType
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	answer := func() (*discoveryv3.DiscoveryResponse, map[string]string) {
		t.Helper()
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, a := range r.Resources {
			s := new(tlsv3.Secret)
			if err := a.UnmarshalTo(s); err != nil {
				t.Fatal(err)
			}
			got[s.Name] = s.GetGenericSecret().GetSecret().GetInlineString()
		}
		return r, got
	}
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"a", "missing", "bad"}})
	first, got := answer()
	if len(got) != 3 || got["a"] != key || got["missing"] != "" || got["bad"] != "" {
		t.Errorf("%d secrets, or not what they are; what is missing must be empty", len(got))
	}
	// An acknowledgement gets no answer: the next is that of the change.
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"a", "missing", "bad"}, VersionInfo: first.VersionInfo, ResponseNonce: first.Nonce})
	src.set("a", "Bearer another")
	sds.Changed()
	second, got := answer()
	if got["a"] != "Bearer another" || second.VersionInfo == first.VersionInfo || second.Nonce == first.Nonce {
		t.Errorf("version %s after %s, nonce %s after %s", second.VersionInfo, first.VersionInfo, second.Nonce, first.Nonce)
	}
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"a", "missing", "bad"}, ResponseNonce: second.Nonce, ErrorDetail: &status.Status{Message: "refused " + key}})
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"a"}})
	if _, got = answer(); len(got) != 1 {
		t.Errorf("%d secrets for one name", len(got))
	}
	if out := logged.String(); strings.Contains(out, "a-secret") || strings.Contains(out, "another") || strings.Contains(out, "break") || !strings.Contains(out, "missing") {
		t.Error("the log holds a value, or does not name what is missing")
	}
	many := make([]string, maxSecretNames+1)
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: many})
	if _, err := stream.Recv(); grpcstatus.Code(err) != codes.ResourceExhausted {
		t.Errorf("too many names: %v", err)
	}
}

func TestSDSServesSecretsAlone(t *testing.T) {
	stream := dialSDS(t, NewSDS(&mapSecrets{}, nil))
	if err := stream.Send(&discoveryv3.DiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster"}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); grpcstatus.Code(err) != codes.InvalidArgument {
		t.Errorf("%v", err)
	}
}

func TestValidSecret(t *testing.T) {
	for s, want := range map[string]bool{
		"Bearer k": true, "k": true, "": false, " k": false, "k ": false, "k\n": false, "a\r\nb": false, "k\x00": false, "ü": false, "a\tb": false,
		strings.Repeat("k", maxSecretBytes): true, strings.Repeat("k", maxSecretBytes+1): false,
	} {
		if validSecret(s) != want {
			t.Errorf("a value of %d bytes: %v", len(s), !want)
		}
	}
}

// TestSDSEnds: a server that stops does not wait for streams that never end.
func TestSDSEnds(t *testing.T) {
	s := NewSDS(&mapSecrets{m: map[string]string{"k": "v"}}, nil)
	stream := dialSDS(t, s)
	if err := stream.Send(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"k"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	s.End()
	s.End()
	if _, err := stream.Recv(); grpcstatus.Code(err) != codes.Unavailable {
		t.Errorf("the stream ends with %v", err)
	}
}
