package envoy

import (
	"log/slog"
	"slices"
	"strconv"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// Secrets is where credentials come from. Secret gives the whole value of the
// header that carries the named credential, such as "Bearer k", and whether
// there is one now. It is called for each stream and each change and may be
// called concurrently.
type Secrets interface {
	Secret(name string) (value string, ok bool)
}

// SDS hands credentials to Envoy by the secret discovery service, state of the
// world, over the socket that also carries the external processor; access to
// that socket is access to the keys. What is missing is given as an empty
// secret: with it Envoy's injector refuses the request, whereas leaving it out
// would let Envoy go on with a key that was withdrawn.
type SDS struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	secrets Secrets
	log     *slog.Logger

	mu      sync.Mutex
	version uint64
	changed chan struct{} // closed at the next change; guarded by mu
	over    bool          // guarded by mu
	ended   chan struct{} // closed by End
}

// Bounds of one stream.
const (
	maxSecretNames = 256     // per stream; Envoy opens one stream for each secret
	maxSecretBytes = 8 << 10 // of a value: more would be over most servers' header limit
	secretType     = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
)

// NewSDS makes the service. Values are never logged; the logger may be nil.
func NewSDS(s Secrets, log *slog.Logger) *SDS {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &SDS{secrets: s, log: log, version: 1, changed: make(chan struct{}), ended: make(chan struct{})}
}

// Register adds the service to a gRPC server.
func (s *SDS) Register(r grpc.ServiceRegistrar) { secretv3.RegisterSecretDiscoveryServiceServer(r, s) }

// Changed tells that secrets may have changed: all are read anew and given to
// every Envoy that is connected. It does not wait for them.
func (s *SDS) Changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *SDS) now() (version uint64, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, s.changed
}

// End ends every stream, and those that are opened afterwards: they have no end of
// their own, and a server that stops waits for them.
func (s *SDS) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		close(s.ended)
	}
}

// StreamSecrets implements the service; gRPC calls it.
func (s *SDS) StreamSecrets(stream grpc.BidiStreamingServer[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse]) error {
	requests := make(chan *discoveryv3.DiscoveryRequest)
	failed := make(chan error, 1)
	go func() { // ends with the stream, whose context ends when this function returns
		for {
			r, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- r:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	var names []string
	nonce := 0
	version, changed := s.now()
	for {
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.ended:
			return status.Error(codes.Unavailable, "the server stops")
		case err := <-failed:
			return err
		case r := <-requests:
			if r.GetTypeUrl() != "" && r.GetTypeUrl() != secretType {
				return status.Error(codes.InvalidArgument, "only secrets are served")
			}
			if len(r.GetResourceNames()) > maxSecretNames {
				return status.Error(codes.ResourceExhausted, "too many secrets on one stream")
			}
			if r.GetErrorDetail() != nil {
				// The detail is Envoy's and could quote what it refused.
				s.log.Warn("envoy refused a secret", "secrets", names)
			}
			if slices.Equal(names, r.GetResourceNames()) {
				continue // an acknowledgement
			}
			names = slices.Clone(r.GetResourceNames())
		case <-changed:
			version, changed = s.now()
			if len(names) == 0 {
				continue
			}
		}
		nonce++
		out, err := s.response(names, version, nonce)
		if err != nil {
			return err
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

func (s *SDS) response(names []string, version uint64, nonce int) (*discoveryv3.DiscoveryResponse, error) {
	out := &discoveryv3.DiscoveryResponse{
		VersionInfo: strconv.FormatUint(version, 10), Nonce: strconv.Itoa(nonce), TypeUrl: secretType,
	}
	for _, n := range names {
		value, ok := s.secrets.Secret(n)
		if ok && !validSecret(value) {
			s.log.Error("a credential cannot be the value of a header and is not used", "secret", n)
			ok = false
		}
		if !ok {
			value = ""
			s.log.Warn("a credential is missing: its pool refuses", "secret", n)
		}
		a, err := anypb.New(&tlsv3.Secret{Name: n, Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{
			Secret: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: value}},
		}}})
		if err != nil {
			return nil, status.Error(codes.Internal, "a secret could not be packed") // the cause could quote it
		}
		out.Resources = append(out.Resources, a)
	}
	return out, nil
}

// validSecret reports whether s can be a header's value (RFC 9110, 5.5), in
// ASCII and without a space at either end, which is a mistake in a key file.
func validSecret(s string) bool {
	if s == "" || len(s) > maxSecretBytes || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
