package extproc

import (
	"context"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

// releases gives a permission of each phase.
func releases(t *testing.T) map[proxy.Phase]proxy.Release {
	t.Helper()
	engine := rooms.New().Engine(proxy.Limits{})
	out := map[proxy.Phase]proxy.Release{}
	s, _ := engine.Open(context.Background(), proxy.Head{Method: "POST", Path: proxy.NewText("/v1/chat/completions")})
	out[proxy.PhaseBody], _ = s.Body(context.Background(), []byte("hello")).Release()
	s.Close()
	s, r := engine.Open(context.Background(), proxy.Head{Method: "GET", Path: proxy.NewText("/v1/responses/r"), Ended: true})
	out[proxy.PhaseHeaders], _ = r.Release()
	s.Close()
	if err := engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out
}

// A permission is written only where it belongs: that of a body as the reply to a
// body, that of a head as the reply to a head that ended.
func TestAllow(t *testing.T) {
	list := releases(t)
	for _, tt := range []struct {
		name  string
		rel   proxy.Release
		phase proxy.Phase
		ended bool
		want  bool
	}{
		{"body", list[proxy.PhaseBody], proxy.PhaseBody, false, true},
		{"head that ended", list[proxy.PhaseHeaders], proxy.PhaseHeaders, true, true},
		{"no permission", proxy.Release{}, proxy.PhaseBody, false, false},
		{"no permission, on the head", proxy.Release{}, proxy.PhaseHeaders, true, false},
		{"that of a body on the head", list[proxy.PhaseBody], proxy.PhaseHeaders, true, false},
		{"that of a head on a body", list[proxy.PhaseHeaders], proxy.PhaseBody, false, false},
		{"that of a head where a body follows", list[proxy.PhaseHeaders], proxy.PhaseHeaders, false, false},
	} {
		m, ok := allow(tt.rel, &request{head: proxy.Head{Ended: tt.ended}}, tt.phase)
		if ok != tt.want || (m != nil) != tt.want || m.GetDynamicMetadata() != nil != tt.want {
			t.Errorf("%s: allowed %v, want %v", tt.name, ok, tt.want)
		}
	}
}

// An answer never leaves as an empty success.
func TestImmediate(t *testing.T) {
	for status, want := range map[int]int32{200: 200, 403: 403, 503: 503, 0: 500, 100: 500, 299: 500, 999: 500, -1: 500} {
		r := immediate(proxy.Answer{Status: status, Body: []byte("x")}).GetImmediateResponse()
		if int32(r.GetStatus().GetCode()) != want || len(r.GetBody()) == 0 {
			t.Errorf("status %d leaves as %d with %d bytes, want %d", status, r.GetStatus().GetCode(), len(r.GetBody()), want)
		}
	}
}

// deaf counts what is sent to it.
type deaf struct {
	grpc.ServerStream
	sent int
}

func (d *deaf) Send(*extprocv3.ProcessingResponse) error    { d.sent++; return nil }
func (d *deaf) Recv() (*extprocv3.ProcessingRequest, error) { select {} }
func (d *deaf) Context() context.Context                    { return context.Background() }

// The deadline's timer and the ruling meet: whoever comes second says nothing.
func TestOneReplyWhoeverIsFirst(t *testing.T) {
	s := New(Options{Engine: rooms.New().Engine(proxy.Limits{})})
	stream := &deaf{}
	c := &conversation{server: s, stream: stream, owed: true}
	if err := c.reply(proceed()); err != nil || stream.sent != 1 {
		t.Fatal(err)
	}
	c.overtake(proxy.PhaseHeaders)
	if stream.sent != 1 {
		t.Error("a timer that comes late replies again")
	}
	if c.reply(proceed()) == nil || stream.sent != 1 {
		t.Error("a second reply is sent")
	}
	c.owed, c.late = true, false
	c.overtake(proxy.PhaseHeaders)
	if err := c.reply(proceed()); err != errLate || stream.sent != 2 {
		t.Errorf("a ruling that comes late is sent, or ends with %v", err)
	}
}

// The server's own limit holds where the engine's is wider, and is recorded.
func TestOwnBodyLimit(t *testing.T) {
	house := rooms.New()
	engine := house.Engine(proxy.Limits{Body: 100})
	stream := &deaf{}
	c := &conversation{server: New(Options{Engine: engine, BodyLimit: 4}), stream: stream, state: stateBody, owed: true}
	c.session, _ = engine.Open(context.Background(), proxy.Head{Method: "POST", Path: proxy.NewText("/v1/chat/completions")})
	if err := c.requestBody(&extprocv3.HttpBody{Body: []byte("hello"), EndOfStream: true}); err != nil || c.state != stateDone {
		t.Errorf("a body over the limit: %v, state %d", err, c.state)
	}
	_ = c.close()
	if d := house.Events(proxy.EventDecision); len(d) != 1 || d[0].Decision.Code != proxy.TooLarge.Code() {
		t.Errorf("%d decisions", len(d))
	}
}
