package extproc_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

// script is a stream without a network: it says what stands in it, then ends or
// is cancelled, and keeps what it is told.
type script struct {
	grpc.ServerStream
	ctx      context.Context
	cancel   context.CancelFunc
	messages []*extprocv3.ProcessingRequest
	cancels  bool // at the end, instead of closing
	sendFail int  // which Send fails, from 1

	at      int
	replies []reply
}

// reply is what was said after so many messages.
type reply struct {
	after int
	m     *extprocv3.ProcessingResponse
}

func (s *script) Context() context.Context { return s.ctx }

func (s *script) Recv() (*extprocv3.ProcessingRequest, error) {
	if s.at < len(s.messages) {
		s.at++
		return s.messages[s.at-1], nil
	}
	if s.cancels {
		s.cancel()
		return nil, status.Error(codes.Canceled, "context canceled")
	}
	return nil, io.EOF
}

func (s *script) Send(m *extprocv3.ProcessingResponse) error {
	s.replies = append(s.replies, reply{s.at, m})
	if len(s.replies) == s.sendFail {
		return status.Error(codes.Unavailable, "transport is closing")
	}
	return nil
}

// letters are the messages that sequences are made of.
var letters = []struct {
	name, line string
}{
	{"H", "request_headers :method=POST :path=/v1/chat/completions"},
	{"E", "request_headers end :method=GET :path=/v1/responses/r"},
	{"B", "request_body end hello"},
	{"D", "request_body end please-deny"},
	{"P", "request_body hello"}, // the whole body, before trailers
	{"A", "response_headers :status=200"},
	{"T", "request_trailers"},
	{"R", "response_body end"},
	{"N", "nothing"},
	{"S", "request_headers mode=STREAMED end :method=GET :path=/v1/responses/r"},
	{"C", "request_headers :method=CONNECT"},
}

// complete are the sequences after which Envoy may end the stream: everything
// that was to be said was said.
var complete = map[string]bool{
	"HBA": true, "HPA": true, "HD": true, "HA": true, "EA": true, "S": true, "C": true,
	"A": true, // Envoy refused the request before any filter saw it
}

// said is what became of a sequence.
type said struct {
	replies []reply
	err     error
	house   *rooms.House
	pending int
}

func say(t testing.TB, word string, cancels bool, sendFail int) said {
	t.Helper()
	house := rooms.New()
	engine := house.Engine(proxy.Limits{})
	server := extproc.New(extproc.Options{Engine: engine, Deadline: time.Minute})
	ctx, cancel := context.WithCancel(metadata.NewIncomingContext(context.Background(), nil))
	defer cancel()
	s := &script{ctx: ctx, cancel: cancel, cancels: cancels, sendFail: sendFail}
	for _, c := range word {
		for _, l := range letters {
			if l.name == string(c) {
				m, _ := message(t, l.line)
				s.messages = append(s.messages, m)
			}
		}
	}
	err := server.Process(s)
	out := said{replies: s.replies, err: err, house: house, pending: engine.Pending()}
	if err := engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out
}

// check holds what must be true of every stream.
func (s *said) check(word string, cancels bool) error {
	// Exactly one reply to a message, none before the first.
	seen := map[int]int{}
	for _, r := range s.replies {
		seen[r.after]++
		if r.after < 1 || seen[r.after] > 1 {
			return fmt.Errorf("%d replies after message %d", seen[r.after], r.after)
		}
	}
	// Status OK only where nothing more is to come.
	if ok := s.err == nil; ok != (complete[word] && !cancels) {
		return fmt.Errorf("ended with %v", status.Code(s.err))
	}
	if s.err != nil && (status.Code(s.err) == codes.OK || status.Code(s.err) == codes.Unknown) {
		return fmt.Errorf("ended with an error that is no status: %v", status.Code(s.err))
	}
	allows := 0
	for _, r := range s.replies {
		if r.m.GetDynamicMetadata() == nil {
			continue
		}
		allows++
		asked := word[r.after-1]
		phase := r.m.GetDynamicMetadata().GetFields()[extproc.Namespace].GetStructValue().GetFields()["phase"].GetStringValue()
		switch {
		case (word[:r.after] == "HB" || word[:r.after] == "HP") && phase == "body" && r.m.GetRequestBody() != nil:
		case asked == 'E' && r.after == 1 && phase == "headers" && r.m.GetRequestHeaders() != nil:
		default:
			return fmt.Errorf("allowed on %q in phase %q", asked, phase)
		}
	}
	// One decision for each exchange that had a head, recorded as it was said.
	decisions, outcomes := s.house.Events(proxy.EventDecision), s.house.Events(proxy.EventOutcome)
	want := 0
	if word != "" && strings.ContainsAny(word[:1], "HESC") {
		want = 1
	}
	if len(decisions) != want || len(outcomes) != want {
		return fmt.Errorf("%d decisions and %d outcomes recorded, want %d", len(decisions), len(outcomes), want)
	}
	if want == 1 && (decisions[0].Decision.Action == proxy.Allow) != (allows == 1) {
		return fmt.Errorf("recorded %s, and said %d allows", decisions[0].Decision.Action, allows)
	}
	return nil
}

// TestEveryWayOut says every sequence of up to four messages, closed and
// cancelled, and holds each to the same rules.
func TestEveryWayOut(t *testing.T) {
	words := []string{""}
	n := 0
	for range 5 {
		var next []string
		for _, w := range words {
			for _, l := range letters {
				next = append(next, w+l.name)
			}
		}
		for _, w := range words {
			for _, cancels := range []bool{false, true} {
				s := say(t, w, cancels, 0)
				if err := s.check(w, cancels); err != nil {
					t.Errorf("sequence %q, cancelled %v: %v", w, cancels, err)
				}
				n++
			}
		}
		words = next
		if testing.Short() && len(words) > 2000 {
			break
		}
	}
	for w := range complete {
		s := say(t, w, false, 0)
		if err := s.check(w, false); err != nil {
			t.Errorf("complete sequence %q: %v", w, err)
		}
	}
	t.Logf("%d streams", n)
}

// A verdict that could not be sent was not carried out: its outcome says so, and
// the stream does not end well.
func TestUndelivered(t *testing.T) {
	for _, tt := range []struct {
		word string
		send int
	}{{"HB", 2}, {"E", 1}} {
		s := say(t, tt.word, false, tt.send)
		outcomes := s.house.Events(proxy.EventOutcome)
		if s.err == nil || s.pending != 0 || len(outcomes) != 1 || outcomes[0].Outcome.Sent != "no" || outcomes[0].Outcome.Reason != "verdict_not_delivered" {
			t.Errorf("%s: ended with %v, %d pending, outcomes %v", tt.word, s.err, s.pending, len(outcomes))
		}
	}
	for _, word := range []string{"H", "HD", "HBA"} {
		if s := say(t, word, false, len(word)); s.err == nil {
			t.Errorf("%s: a reply that could not be sent ends well", word)
		}
	}
}

// FuzzSequences holds longer sequences to the rules of TestEveryWayOut: never an
// allow before an inspected body or a head that ended, never two replies to a
// message, never a good end before the last.
func FuzzSequences(f *testing.F) {
	for _, s := range []string{"HBA", "HHBA", "EBA", "HBBA", "HPBA", "SBA", "HTBA", "HDBA", "HABA", "CHBA"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, cancels bool) {
		const longest = 24
		word := ""
		for i := 0; i < len(raw) && i < longest; i++ {
			word += letters[int(raw[i])%len(letters)].name
		}
		s := say(t, word, cancels, 0)
		if err := s.check(word, cancels); err != nil {
			t.Errorf("sequence %q, cancelled %v: %v", word, cancels, err)
		}
	})
}
