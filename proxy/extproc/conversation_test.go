package extproc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

var update = flag.Bool("update", false, "write what was seen into testdata/conversations")

// patience bounds the wait for a reply in a test. Nothing waits that long.
const patience = 20 * time.Second

// TestConversations plays testdata/conversations/*.txtar. Each file of an
// archive is one gRPC stream:
//
//	> request_headers WORDS :method=POST :path=/x name=value
//	> request_body WORDS text to the end of the line
//	> response_headers :status=200
//	> close | cancel        end our side | cancel the stream
//	< …                     what the server said
//	= …                     what was recorded
//
// WORDS: end (end of stream), mode=STREAMED, answers=STREAMED, unwaiting,
// watching (observability mode), unconfigured, sni=NAME, pools=DIGEST (gRPC
// metadata). The archive's comment sets deadline, body, key and pools of the
// server, one "name: value" a line.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		seen := make([]string, len(archive.Files))
		ok := t.Run(name, func(t *testing.T) {
			for i, f := range archive.Files {
				t.Run(f.Name, func(t *testing.T) {
					seen[i] = play(t, string(archive.Comment), string(f.Data))
					if diff := cmp.Diff(string(f.Data), seen[i]); diff != "" && !*update {
						t.Errorf("the conversation differs (-want +seen):\n%s", diff)
					}
				})
			}
		})
		if *update && ok {
			for i := range archive.Files {
				archive.Files[i].Data = []byte(seen[i])
			}
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// settings are the lines "name: value" of an archive's comment.
func settings(comment string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(comment) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.Contains(k, " ") {
			out[k] = v
		}
	}
	return out
}

// desk is a served Server and its house.
type desk struct {
	house  *rooms.House
	engine *proxy.Engine
	server *extproc.Server
	client extprocv3.ExternalProcessorClient

	running sync.WaitGroup // streams being served
}

func open(t *testing.T, set map[string]string) *desk {
	t.Helper()
	d := &desk{house: rooms.New()}
	d.house.Required = set["key"]
	o := extproc.Options{BodyLimit: 1 << 20, Deadline: 5 * time.Second}
	if v, ok := set["deadline"]; ok {
		o.Deadline, _ = time.ParseDuration(v)
	}
	if v, ok := set["body"]; ok {
		o.BodyLimit, _ = strconv.Atoi(v)
	}
	if v, ok := set["pools"]; ok {
		o.Pools = func() string { return v }
	}
	d.engine = d.house.Engine(proxy.Limits{Body: o.BodyLimit})
	o.Engine = d.engine
	d.server = extproc.New(o)

	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer(append(d.server.Options(), grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		d.running.Add(1)
		defer d.running.Done()
		return next(srv, s)
	}))...)
	d.server.Register(g)
	go func() { _ = g.Serve(l) }() // ends with Stop
	conn, err := grpc.NewClient("passthrough:desk", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	d.client = extprocv3.NewExternalProcessorClient(conn)
	t.Cleanup(func() { d.house.Unhang(); _ = conn.Close(); g.Stop() })
	return d
}

// play plays one conversation and gives it back as it went.
func play(t *testing.T, comment, script string) string {
	t.Helper()
	d := open(t, settings(comment))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out strings.Builder
	var stream grpc.BidiStreamingClient[extprocv3.ProcessingRequest, extprocv3.ProcessingResponse]
	ended := false
	listen := func() {
		m, err := stream.Recv()
		if err != nil {
			code := status.Code(err)
			if err == io.EOF {
				code = codes.OK
			}
			fmt.Fprintf(&out, "< end %s\n", code)
			ended = true
			return
		}
		fmt.Fprintf(&out, "< %s\n", show(m))
	}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "<"), strings.HasPrefix(line, "="):
			continue // what is expected; what is seen takes its place
		case !strings.HasPrefix(line, "> "):
			fmt.Fprintln(&out, line)
			continue
		}
		fmt.Fprintln(&out, line)
		m, meta := message(t, strings.TrimPrefix(line, "> "))
		if stream == nil {
			var err error
			if stream, err = d.client.Process(metadata.NewOutgoingContext(ctx, meta)); err != nil {
				t.Fatal(err)
			}
		}
		switch line {
		case "> close":
			_ = stream.CloseSend()
		case "> cancel":
			cancel()
		default:
			if ended {
				t.Fatalf("%q is said to a stream that has ended", line)
			}
			if err := stream.Send(m); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		if !ended {
			listen()
		}
	}
	d.house.Unhang()
	if !ended {
		_ = stream.CloseSend()
	}
	for !ended {
		listen() // a second reply would show here
	}
	d.running.Wait()
	if n := d.engine.Pending(); n > 0 {
		fmt.Fprintf(&out, "= pending %d\n", n)
	}
	if err := d.engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	decisions, outcomes := d.house.Events(proxy.EventDecision), d.house.Events(proxy.EventOutcome)
	for _, e := range decisions {
		fmt.Fprintf(&out, "= decision %s\n", strings.Join(strings.Fields(strings.Join([]string{string(e.Decision.Action), e.Decision.Pool, e.Decision.Code}, " ")), " "))
	}
	for _, e := range outcomes {
		fmt.Fprintf(&out, "= outcome sent=%s status=%d %s\n", e.Outcome.Sent, e.Outcome.Status, e.Outcome.Reason)
		if len(decisions) != 1 || e.DecisionID != decisions[0].ID {
			t.Error("an outcome without its decision")
		}
	}
	return out.String()
}

// message makes the message of one line.
func message(t testing.TB, line string) (*extprocv3.ProcessingRequest, metadata.MD) {
	t.Helper()
	kind, rest, _ := strings.Cut(line, " ")
	m := &extprocv3.ProcessingRequest{}
	var meta metadata.MD
	end := false
	config := &extprocv3.ProtocolConfiguration{RequestBodyMode: filterv3.ProcessingMode_BUFFERED}
	attributes := map[string]any{"source.address": "192.0.2.7:4711", "request.protocol": "HTTP/1.1"}
	var headers []*corev3.HeaderValue
	text := ""
	for rest != "" {
		var word string
		word, after, _ := strings.Cut(rest, " ")
		name, value, pair := strings.Cut(word, "=")
		switch {
		case word == "end":
			end = true
		case word == "unwaiting":
			config.SendBodyWithoutWaitingForHeaderResponse = true
		case word == "watching":
			m.ObservabilityMode = true
		case word == "unconfigured":
			config = nil
		case name == "mode":
			config.RequestBodyMode = filterv3.ProcessingMode_BodySendMode(filterv3.ProcessingMode_BodySendMode_value[value])
		case name == "answers":
			config.ResponseBodyMode = filterv3.ProcessingMode_BodySendMode(filterv3.ProcessingMode_BodySendMode_value[value])
		case name == "sni":
			attributes["connection.requested_server_name"] = value
		case name == "pools":
			meta = metadata.Pairs(extproc.PoolsKey, value)
		case pair && strings.HasSuffix(kind, "headers"):
			headers = append(headers, &corev3.HeaderValue{Key: name, RawValue: []byte(strings.ReplaceAll(value, "_", " "))})
		default:
			text, after = rest, ""
		}
		rest = after
	}
	h := &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: headers}, EndOfStream: end}
	switch kind {
	case "request_headers":
		m.Request = &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: h}
		m.ProtocolConfig = config
		a, err := structpb.NewStruct(attributes)
		if err != nil {
			t.Fatal(err)
		}
		m.Attributes = map[string]*structpb.Struct{"envoy.filters.http.ext_proc": a}
	case "request_body":
		if n, ok := strings.CutPrefix(text, "bytes:"); ok {
			size, _ := strconv.Atoi(n)
			text = strings.Repeat("x", size)
		}
		m.Request = &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: []byte(text), EndOfStream: end}}
	case "request_trailers":
		m.Request = &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}
	case "response_headers":
		m.Request = &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: h}
	case "response_body":
		m.Request = &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{EndOfStream: end}}
	case "response_trailers":
		m.Request = &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}}
	case "nothing", "close", "cancel":
	default:
		t.Fatalf("what is %q?", kind)
	}
	return m, meta
}

// show writes a reply on one line, ids as ID.
func show(m *extprocv3.ProcessingResponse) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	common := func(kind string, c *extprocv3.CommonResponse) {
		say("%s %s", kind, strings.ToLower(c.GetStatus().String()))
		if v := m.GetDynamicMetadata().GetFields()[extproc.Namespace].GetStructValue().GetFields(); v != nil {
			say("%s:%s:%s:%s", v["decision"].GetStringValue(), v["pool"].GetStringValue(), v["phase"].GetStringValue(), v["revision"].GetStringValue())
		}
		if c.GetClearRouteCache() {
			say("rerouted")
		}
		say("%s", mutation(c.GetHeaderMutation()))
		if c.GetBodyMutation() != nil {
			say("body=%s", c.GetBodyMutation().GetBody())
		}
	}
	switch {
	case m.GetRequestHeaders() != nil:
		common("request_headers", m.GetRequestHeaders().GetResponse())
	case m.GetRequestBody() != nil:
		common("request_body", m.GetRequestBody().GetResponse())
	case m.GetResponseHeaders() != nil:
		common("response_headers", m.GetResponseHeaders().GetResponse())
	case m.GetImmediateResponse() != nil:
		r := m.GetImmediateResponse()
		var body struct{ Error struct{ Code string } }
		_ = json.Unmarshal(r.GetBody(), &body)
		say("answer %d %s %s %s", r.GetStatus().GetCode(), body.Error.Code, r.GetDetails(), mutation(r.GetHeaders()))
	default:
		say("something else")
	}
	if m.GetModeOverride() != nil || m.GetOverrideMessageTimeout() != nil {
		say("override")
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

func mutation(h *extprocv3.HeaderMutation) string {
	var out []string
	for _, o := range h.GetSetHeaders() {
		v := string(o.GetHeader().GetRawValue())
		if o.GetHeader().GetKey() == proxy.HeaderDecisionID && len(v) == 26 {
			v = "ID"
		}
		if o.GetHeader().GetValue() != "" || o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			v += "(wrong form)"
		}
		out = append(out, "+"+o.GetHeader().GetKey()+"="+v)
	}
	removed := append([]string{}, h.GetRemoveHeaders()...)
	sort.Strings(removed)
	for _, n := range removed {
		out = append(out, "-"+n)
	}
	return strings.Join(out, " ")
}

func TestLargeBodyAndRewrite(t *testing.T) {
	d := open(t, map[string]string{"body": strconv.Itoa(8 << 20)})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := d.client.Process(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// 6 MiB, above gRPC's default limit of 4 MiB, each address masked by a longer word.
	body := append(bytes.Repeat([]byte("x"), 6<<20), []byte(" please-mask a@b.org")...)
	head, _ := message(t, "request_headers :method=POST :path=/v1/chat/completions content-length="+strconv.Itoa(len(body)))
	_ = stream.Send(head)
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: body, EndOfStream: true}}})
	m, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	got := m.GetRequestBody().GetResponse().GetBodyMutation().GetBody()
	if want := len(body) + len("[EMAIL_ADDRESS_1]") - len("a@b.org"); len(got) != want || !bytes.HasSuffix(got, []byte("[EMAIL_ADDRESS_1]")) {
		t.Errorf("the rewritten body has %d bytes, want %d", len(got), want)
	}
}
