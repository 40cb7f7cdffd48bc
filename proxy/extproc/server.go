package extproc

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ostiary/ostiary/proxy"
)

// PoolsKey is the gRPC metadata key in which an Envoy of ours says for which
// pools it was started: the digest of [proxy.Directory].
const PoolsKey = "x-ostiary-pools"

// WayKey is the metadata in which an Envoy says in which way clients come that are
// not addressed to us: one of [proxy.WayProxy] and [proxy.WayRedirect].
const WayKey = "x-ostiary-way"

// Bounds of the gRPC server.
const (
	// DefaultDeadline bounds the time to the reply to one message. Envoy's
	// message_timeout must be longer, or Envoy answers 504 in our place.
	DefaultDeadline = 4500 * time.Millisecond
	// refusalTime is kept back from the deadline for writing and recording the
	// refusal of what was not decided in time.
	refusalTime = 250 * time.Millisecond
	// messageSlack is what a message may hold beside the body: headers (Envoy's
	// own limit is 60 KiB), attributes, framing.
	messageSlack = 1 << 20
	// growth bounds how much longer a body may become when it is masked.
	growth = 3
	// streamWindow and connectionWindow are the HTTP/2 flow-control windows. The
	// defaults of 64 KiB cost a round trip for every 64 KiB of a body.
	streamWindow     = 8 << 20
	connectionWindow = 64 << 20
	// maxStreams bounds the streams of one connection. It lies above the
	// engine's own limit of exchanges, which refuses with a recorded decision.
	maxStreams = 1 << 16
	// keepaliveMinimum is the shortest interval at which Envoy may ping; the
	// reference configuration pings every 10 s.
	keepaliveMinimum = 5 * time.Second
	// ioBuffer is the size of gRPC's read and write buffers per connection.
	ioBuffer = 128 << 10
)

// Options of a [Server].
type Options struct {
	Engine *proxy.Engine
	// Pools gives the digest of the pools in force. An Envoy that says it was
	// started for others is refused. Nil: not compared.
	Pools func() string
	// BodyLimit is the largest body in bytes; 0 means [proxy.DefaultBodyLimit].
	// Envoy's own limit should be the same.
	BodyLimit int
	// Deadline bounds the time to one reply; 0 means [DefaultDeadline].
	Deadline time.Duration
	// Log takes what operators must know; nil discards it.
	Log *slog.Logger
}

// Server is the external processor. It is safe for concurrent use.
type Server struct {
	extprocv3.UnimplementedExternalProcessorServer
	engine   *proxy.Engine
	pools    func() string
	body     int
	deadline time.Duration
	log      *slog.Logger
	health   *health.Server
}

// New makes a server. It serves once it is registered.
func New(o Options) *Server {
	s := &Server{engine: o.Engine, pools: o.Pools, body: o.BodyLimit, deadline: o.Deadline, log: o.Log, health: health.NewServer()}
	if s.body == 0 {
		s.body = proxy.DefaultBodyLimit
	}
	if s.deadline == 0 {
		s.deadline = DefaultDeadline
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Register adds the external processor and the gRPC health service to a server
// that was made with [Server.Options].
func (s *Server) Register(r grpc.ServiceRegistrar) {
	extprocv3.RegisterExternalProcessorServer(r, s)
	healthv1.RegisterHealthServer(r, s.health)
}

// Drain tells Envoy by the health service to open no more streams. Call it
// before the gRPC server's GracefulStop, which lets running exchanges finish.
func (s *Server) Drain() { s.health.Shutdown() }

// Options are the options that the gRPC server must be made with. The default
// message limit of gRPC, 4 MiB, would refuse larger bodies.
func (s *Server) Options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(s.body + messageSlack),
		grpc.MaxSendMsgSize(growth*s.body + messageSlack),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.ReadBufferSize(ioBuffer),
		grpc.WriteBufferSize(ioBuffer),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinimum, PermitWithoutStream: true}),
	}
}

// The ways in which a stream ends that is not complete. They hold no content.
var (
	errOutOfTurn  = status.Error(codes.FailedPrecondition, "message out of turn")
	errUnanswered = status.Error(codes.Aborted, "stream ended before its answer")
	errCancelled  = status.Error(codes.Canceled, "stream cancelled")
	errFault      = status.Error(codes.Internal, "fault of the policy server")
	errLate       = status.Error(codes.DeadlineExceeded, "no decision in time")
)

// Process implements the external processor: one HTTP exchange. It returns nil
// only where Envoy ended a stream that was complete.
func (s *Server) Process(stream grpc.BidiStreamingServer[extprocv3.ProcessingRequest, extprocv3.ProcessingResponse]) (err error) {
	if w, _ := way(stream.Context()); w == wayConnect {
		return s.admit(stream)
	}
	c := &conversation{server: s, stream: stream}
	defer func() {
		// A panic that reached gRPC would take every exchange down with the
		// process; one that ended as status OK would let this one pass.
		if r := recover(); r != nil {
			s.log.Error("panic in an exchange", "at", panicSite())
			err = errFault
		}
		if e := c.close(); e != nil {
			err = e
		}
	}()
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			if c.state == stateDone {
				return nil
			}
			return errUnanswered
		}
		if err != nil {
			return receiveError(stream.Context(), err)
		}
		if err := c.message(m); err != nil {
			return err
		}
	}
}

// receiveError gives the status to end with after Recv failed. gRPC's own
// errors name sizes and states, never content.
func receiveError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errCancelled
	}
	if status.Code(err) == codes.OK {
		return errFault
	}
	return err
}

// other reports whether the Envoy of this stream was started for other pools.
func (s *Server) other(ctx context.Context) bool {
	if s.pools == nil {
		return false
	}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, v := range md.Get(PoolsKey) {
		if v != s.pools() {
			return true
		}
	}
	return false
}

// wayConnect in [WayKey] asks by the head of a CONNECT, or of a plain request, whether
// the client may use the explicit proxy. The reply carries no verdict: it opens no
// way to a pool.
const wayConnect = "connect"

// admit answers that question. Who may not is asked for credentials (RFC 9110,
// 11.7.1).
func (s *Server) admit(stream grpc.BidiStreamingServer[extprocv3.ProcessingRequest, extprocv3.ProcessingResponse]) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic in an exchange", "at", panicSite())
			err = errFault
		}
	}()
	m, err := stream.Recv()
	if err != nil {
		return receiveError(stream.Context(), err)
	}
	h := m.GetRequestHeaders()
	if h == nil {
		return errOutOfTurn
	}
	q, err := readHead(m, h)
	if err != nil {
		return err
	}
	q.head.Way = proxy.WayProxy
	reply := proceed()
	if _, err := s.engine.Snapshot().Identifier.Identify(&q.head); err != nil {
		reply = immediate(proxy.Answer{
			Status: http.StatusProxyAuthRequired,
			Header: []proxy.Header{{Name: "content-type", Value: "application/json"}, {Name: "proxy-authenticate", Value: `Basic realm="ostiary"`}},
			Body:   []byte(`{"error":{"type":"permission_error","code":"` + proxy.CodeUnknownKey + `","message":"The proxy wants to know who asks: HTTPS_PROXY=http://NAME:KEY@HOST:PORT with an application's key."}}`),
			Detail: "ostiary_unknown_client",
		})
	}
	if err := stream.Send(reply); err != nil {
		return err
	}
	_, err = stream.Recv() // until Envoy ends it
	if err == io.EOF {
		return nil
	}
	return receiveError(stream.Context(), err)
}

// way gives the way in that the stream is for. A word that is not known is not
// one to decide on.
func way(ctx context.Context) (way string, known bool) {
	md, _ := metadata.FromIncomingContext(ctx)
	said := md.Get(WayKey)
	if len(said) == 0 {
		return "", true
	}
	return said[0], len(said) == 1 && (said[0] == proxy.WayProxy || said[0] == proxy.WayRedirect)
}

// panicSite names the function and line that panicked. The panic's value is not
// looked at: it may quote what was being read.
func panicSite() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return f.Function
		}
		if !more {
			return "unknown"
		}
	}
}
