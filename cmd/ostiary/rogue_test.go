package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// A rogue is a policy server that answers wrongly. It stands on Ostiary's
// socket and does what the row of the fault matrix says that the request names
// in the header rowHeader.
const rowHeader = "x-fault-row"

// turn is one side of a conversation with Envoy: what a rogue does on one
// stream, after the headers came. Returning nil closes the stream without an
// error.
type turn func(*conversation) error

type conversation struct {
	stream extprocv3.ExternalProcessor_ProcessServer
	ended  bool // the request has no body
}

// next waits for Envoy's next message.
func (c *conversation) next() *extprocv3.ProcessingRequest {
	m, err := c.stream.Recv()
	if err != nil {
		return nil
	}
	return m
}

func (c *conversation) send(r *extprocv3.ProcessingResponse) { _ = c.stream.Send(r) }

// verdict is the part of a reply that would let a request through; its fields
// are changed to make it a wrong one.
type verdict struct {
	decision, pool, phase string
	clear, mutate         bool
	namespace             string
}

func good() verdict {
	return verdict{decision: "allow", pool: "openai", phase: "body", clear: true, mutate: true, namespace: "ostiary.verdict"}
}

func (v verdict) metadata() *structpb.Struct {
	fields := map[string]any{}
	for k, s := range map[string]string{"decision": v.decision, "pool": v.pool, "phase": v.phase, "decision_id": "01ROGUE"} {
		if s != "" {
			fields[k] = s
		}
	}
	s, err := structpb.NewStruct(map[string]any{v.namespace: fields})
	if err != nil {
		panic(err)
	}
	return s
}

func (v verdict) common() *extprocv3.CommonResponse {
	c := &extprocv3.CommonResponse{ClearRouteCache: v.clear}
	if v.mutate {
		c.HeaderMutation = &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "x-ostiary-decision-id", RawValue: []byte("01ROGUE")},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}}
	}
	return c
}

func onHeaders(v *verdict) *extprocv3.ProcessingResponse {
	r := &extprocv3.ProcessingResponse{}
	h := &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{}}
	if v != nil {
		h.Response = v.common()
		r.DynamicMetadata = v.metadata()
	}
	r.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: h}
	return r
}

func onBody(v *verdict) *extprocv3.ProcessingResponse {
	r := &extprocv3.ProcessingResponse{}
	b := &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{}}
	if v != nil {
		b.Response = v.common()
		r.DynamicMetadata = v.metadata()
	}
	r.Response = &extprocv3.ProcessingResponse_RequestBody{RequestBody: b}
	return r
}

func onAnswer() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{}}}}
}

// rest answers whatever else comes as Envoy expects it, so that a row fails for
// its own reason only.
func (c *conversation) rest() error {
	for m := c.next(); m != nil; m = c.next() {
		switch m.Request.(type) {
		case *extprocv3.ProcessingRequest_ResponseHeaders:
			c.send(onAnswer())
		case *extprocv3.ProcessingRequest_RequestBody:
			c.send(onBody(nil))
		default:
			return status.Error(codes.Internal, "unexpected")
		}
	}
	return nil
}

// withVerdict answers the headers, then the body with v.
func withVerdict(change func(*verdict)) turn {
	return func(c *conversation) error {
		v := good()
		change(&v)
		if c.ended {
			c.send(onHeaders(&v))
			return c.rest()
		}
		c.send(onHeaders(nil))
		if c.next() == nil {
			return nil
		}
		c.send(onBody(&v))
		return c.rest()
	}
}

var errRogue = status.Error(codes.Internal, "rogue")

// rogues are the wrong servers of the fault matrix, by row.
func rogues() map[string]turn {
	v := good()
	early := good()
	early.phase = "headers"
	return map[string]turn{
		"an allow that is right":        withVerdict(func(*verdict) {}),
		"clean close at the headers":    func(*conversation) error { return nil },
		"clean close after the headers": func(c *conversation) error { c.send(onHeaders(nil)); return nil },
		"clean close at the body":       func(c *conversation) error { c.send(onHeaders(nil)); c.next(); return nil },
		"clean close after a body reply without a verdict": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			c.send(onBody(nil))
			return nil
		},
		"error at the headers": func(*conversation) error { return errRogue },
		"error at the body":    func(c *conversation) error { c.send(onHeaders(nil)); c.next(); return errRogue },
		"panic at the headers": func(*conversation) error { panic("rogue") },
		"panic at the body":    func(c *conversation) error { c.send(onHeaders(nil)); c.next(); panic("rogue") },
		"recovered panic, returned as nil": func(c *conversation) (err error) {
			defer func() { _ = recover() }()
			c.send(onHeaders(nil))
			c.next()
			panic("rogue")
		},
		"hangs at the headers": func(c *conversation) error { <-c.stream.Context().Done(); return nil },
		"hangs at the body":    func(c *conversation) error { c.send(onHeaders(nil)); <-c.stream.Context().Done(); return nil },
		"empty reply": func(c *conversation) error {
			c.send(&extprocv3.ProcessingResponse{})
			return c.rest()
		},
		"empty reply to the body": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			c.send(&extprocv3.ProcessingResponse{})
			return c.rest()
		},
		"empty reply to the body with a verdict": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			c.send(&extprocv3.ProcessingResponse{DynamicMetadata: v.metadata()})
			return nil
		},
		"wrong kind: body reply to the headers": func(c *conversation) error { c.send(onBody(nil)); return c.rest() },
		"wrong kind: headers reply to the body": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			c.send(onHeaders(&v))
			return c.rest()
		},
		"wrong kind: response headers reply to the headers": func(c *conversation) error { c.send(onAnswer()); return c.rest() },
		"two replies to the headers": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.send(onHeaders(nil))
			return c.rest()
		},
		"two replies to the body, the first without a verdict": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			c.send(onBody(nil))
			c.send(onBody(&v))
			return c.rest()
		},
		"body reply with a verdict ahead of the body": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.send(onBody(&early))
			return c.rest()
		},
		"verdict in the headers reply, then a clean close": func(c *conversation) error { c.send(onHeaders(&early)); return nil },
		"verdict in the headers reply, then a body reply without": func(c *conversation) error {
			c.send(onHeaders(&early))
			c.next()
			c.send(onBody(nil))
			return c.rest()
		},
		"verdict in the headers reply that replaces the body": func(c *conversation) error {
			r := onHeaders(&early)
			h := r.GetRequestHeaders()
			h.Response.Status = extprocv3.CommonResponse_CONTINUE_AND_REPLACE
			h.Response.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: []byte(chat(replacedMarker))}}
			c.send(r)
			return c.rest()
		},
		"time extension with a verdict, then a clean close": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			c.send(&extprocv3.ProcessingResponse{OverrideMessageTimeout: nil, DynamicMetadata: v.metadata()})
			return nil
		},
		"verdict without metadata": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			r := onBody(&v)
			r.DynamicMetadata = nil
			c.send(r)
			return c.rest()
		},
		"verdict without a pool":                withVerdict(func(v *verdict) { v.pool = "" }),
		"verdict without a decision":            withVerdict(func(v *verdict) { v.decision = "" }),
		"verdict without a phase":               withVerdict(func(v *verdict) { v.phase = "" }),
		"verdict that denies, with a pool":      withVerdict(func(v *verdict) { v.decision = "deny" }),
		"verdict with an unknown pool":          withVerdict(func(v *verdict) { v.pool = "nowhere" }),
		"verdict in another namespace":          withVerdict(func(v *verdict) { v.namespace = "envoy.lb" }),
		"verdict without a cleared route cache": withVerdict(func(v *verdict) { v.clear = false }),
		"verdict without a header mutation":     withVerdict(func(v *verdict) { v.mutate = false }),
		"verdict with a forbidden mutation": func(c *conversation) error {
			c.send(onHeaders(nil))
			c.next()
			r := onBody(&v)
			m := r.GetRequestBody().Response.HeaderMutation
			m.SetHeaders = append(m.SetHeaders, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: ":authority", RawValue: []byte("elsewhere.example")}})
			c.send(r)
			return c.rest()
		},
		"a denial without a status": func(c *conversation) error {
			c.send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{}}})
			return nil
		},
		"a denial": func(c *conversation) error {
			c.send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{
				Status: &typev3.HttpStatus{Code: typev3.StatusCode_Forbidden}, Body: []byte(`{"error":{"code":"data_policy_denied","message":"no"}}`), Details: "ostiary_denied",
			}}})
			return nil
		},
	}
}

// rogueServer serves rogues on a unix socket until the test ends. Streams that
// name no row get a right allow.
type rogueServer struct {
	extprocv3.UnimplementedExternalProcessorServer
	turns map[string]turn
}

func (r *rogueServer) Process(s extprocv3.ExternalProcessor_ProcessServer) (err error) {
	m, err := s.Recv()
	if err != nil {
		return err
	}
	h := m.GetRequestHeaders()
	if h == nil {
		return status.Error(codes.FailedPrecondition, "no headers first")
	}
	name := "an allow that is right"
	for _, f := range h.GetHeaders().GetHeaders() {
		if f.Key == rowHeader {
			name = string(f.RawValue)
		}
	}
	do, ok := r.turns[name]
	if !ok {
		return status.Errorf(codes.NotFound, "no such row")
	}
	return do(&conversation{stream: s, ended: h.EndOfStream})
}

func serveRogues(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	// As grpc does in front of a handler that recovers: a panic is an error.
	guard := func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, h grpc.StreamHandler) (err error) {
		defer func() {
			if recover() != nil {
				err = status.Error(codes.Internal, "panic")
			}
		}()
		return h(srv, ss)
	}
	s := grpc.NewServer(grpc.StreamInterceptor(guard), grpc.MaxRecvMsgSize(64<<20))
	extprocv3.RegisterExternalProcessorServer(s, &rogueServer{turns: rogues()})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
}

// faultMarker stands in every prompt of the fault matrix: an upstream that
// received it received the prompt.
const faultMarker = "marker-6b1d9"

// replacedMarker stands in the body that a rogue puts in the place of the
// prompt.
const replacedMarker = "replaced-6b1d9"

// byteCounter counts what an upstream received, byte for byte, before any
// server reads it as HTTP.
type byteCounter struct {
	net.Listener
	mu  sync.Mutex
	got []byte
}

func (b *byteCounter) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedConn{c, b}, nil
}

// take gives what was received since the last call.
func (b *byteCounter) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

type countedConn struct {
	net.Conn
	to *byteCounter
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.to.mu.Lock()
	c.to.got = append(c.to.got, p[:n]...)
	c.to.mu.Unlock()
	return n, err
}

// settle waits until nothing more has arrived at the upstreams for a while: a
// byte that leaves late is a leak all the same.
func settle(ctx context.Context, upstreams ...*byteCounter) []byte {
	var got []byte
	quiet := 0
	for quiet < 3 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		quiet++
		for _, u := range upstreams {
			if b := u.take(); len(b) > 0 {
				got, quiet = append(got, b...), 0
			}
		}
	}
	return got
}
