package envoy

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A line as Envoy 1.40 wrote it.
const sample = `{"attempts":1,"cluster":"pool_house","code":200,"decision":"allow","decision_id":"01J","details":"via_upstream",` +
	`"extproc":{"request_body_call_count":"1","failed_open":false,"request_header_call_status":"0"},"flags":"-","ms":3,"phase":"body","pool":"house",` +
	`"request_ms":0,"route":"pool/house","rx":42,"ts":"2026-11-24T00:00:00.000Z","ttfb_ms":2,"tx":21,"up_rx":150,"up_tx":"310","upstream":"127.0.0.1:9000"}`

func TestParseEntry(t *testing.T) {
	got := ParseEntry([]byte(sample))
	want := Entry{
		DecisionID: "01J", Decision: "allow", Pool: "house", Phase: "body", Route: "pool/house", Cluster: "pool_house", Upstream: "127.0.0.1:9000",
		Attempts: 1, SentBytes: 310, GotBytes: 150, Code: 200, Details: "via_upstream", Rx: 42, Tx: 21,
		Duration: 3 * time.Millisecond, FirstByte: 2 * time.Millisecond, Inspected: Inspected{BodyCalls: 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDetailsAreConstantWords(t *testing.T) {
	for in, want := range map[string]string{
		"via_upstream": "via_upstream",
		"ext_proc_error_gRPC_error_14{upstream connect error at 10.0.0.1}": "ext_proc_error_gRPC_error_14",
		"rbac_access_denied_matched_policy[none]":                          "rbac_access_denied_matched_policy[none]",
		"a word and the rest":                                              "a",
		strings.Repeat("x", 500):                                           strings.Repeat("x", maxLogWord),
		"-":                                                                "",
		"{quoted}":                                                         "",
	} {
		if got := details(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestUngoverned(t *testing.T) {
	sent := Entry{Upstream: "10.0.0.1:443", Decision: "allow", Rx: 10, Inspected: Inspected{BodyCalls: 1}}
	change := func(f func(*Entry)) Entry { e := sent; f(&e); return e }
	for _, c := range []struct {
		name string
		e    Entry
		want string
	}{
		{"sent with a verdict on its body", sent, ""},
		{"sent without a body", change(func(e *Entry) { e.Rx, e.BodyCalls = 0, 0 }), ""},
		{"refused", Entry{Details: "ostiary_denied"}, ""},
		{"decided but not sent", Entry{Decision: "allow"}, ""},
		{"sent without a verdict", change(func(e *Entry) { e.Decision = "" }), "ungoverned_send"},
		{"sent against the verdict", change(func(e *Entry) { e.Decision = "deny" }), "ungoverned_send"},
		{"body that was not shown", change(func(e *Entry) { e.BodyCalls = 0 }), "uninspected_body"},
		{"failed open", change(func(e *Entry) { e.FailedOpen = true }), "failed_open"},
		{"unreadable", Entry{Unreadable: true}, "unreadable"},
	} {
		if got := c.e.Ungoverned(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReadAccessLog(t *testing.T) {
	long := `{"pool":"` + strings.Repeat("a", maxLogLine) + `"}`
	in := sample + "\n\n" + long + "\nnot JSON\n" + strings.Replace(sample, "01J", "02J", 1) + "\n" + `{"decision_id":"03J"}`
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
		var got []string
		if err := ReadAccessLog(t.Context(), r, func(e Entry) { got = append(got, e.DecisionID+strconv.FormatBool(e.Unreadable)) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"01Jfalse", "true", "true", "02Jfalse", "03Jfalse"}, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if err := ReadAccessLog(t.Context(), iotest.ErrReader(os.ErrClosed), func(Entry) {}); err == nil {
		t.Error("a reader that fails is taken for one that ended")
	}
}

// FuzzReadAccessLog: however the bytes are cut, each line that is not blank
// gives one entry, in order, and every string of an entry is bounded.
func FuzzReadAccessLog(f *testing.F) {
	f.Add([]byte(sample+"\n"+sample), 7)
	f.Add([]byte("\n\n{}\nx"), 1)
	f.Add([]byte(`{"code":"1e3","ms":1e400,"extproc":null}`+"\n"), 3)
	f.Add([]byte(`{"extproc":{"failed_open":1}}`), 100)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		var want []Entry
		for _, line := range strings.Split(string(in), "\n") {
			if s := strings.TrimSpace(line); s != "" || len(line)+1 > maxLogLine {
				want = append(want, ParseEntry([]byte(s)))
			}
		}
		if len(in) > maxLogLine {
			return // the bound counts what surrounds a line too; TestReadAccessLog has it
		}
		var got []Entry
		r := &cutReader{b: in, n: max(cut, 1)}
		if err := ReadAccessLog(context.Background(), r, func(e Entry) { got = append(got, e) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for _, e := range got {
			for _, s := range []string{e.DecisionID, e.Decision, e.Pool, e.Phase, e.Route, e.Cluster, e.Upstream, e.Details, e.Flags} {
				if len(s) > maxLogWord || strings.ContainsAny(e.Details, "{ \n") {
					t.Fatal("a string is not bounded")
				}
			}
			if e.Duration < 0 || e.FirstByte < 0 {
				t.Fatal("a time below zero")
			}
		}
	})
}

type cutReader struct {
	b []byte
	n int
}

func (c *cutReader) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.b)
	c.b = c.b[n:]
	return n, nil
}

// follower runs follow with ticks that the test gives.
type follower struct {
	t    *testing.T
	path string
	tick chan time.Time
	look chan struct{} // one for each look that is over
	got  chan string
	end  func()
	done chan error
}

func following(t *testing.T, path string) *follower {
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{t: t, path: path, tick: make(chan time.Time), look: make(chan struct{}, 1), got: make(chan string, 100), end: cancel, done: make(chan error, 1)}
	go func() {
		f.done <- follow(ctx, path, f.tick, func(e Entry) { f.got <- e.DecisionID }, func() { f.look <- struct{}{} })
	}()
	<-f.look
	f.step() // the end of the file is known before the first tick is taken
	return f
}

// step makes it look twice, and returns when it has: what was there before the call
// was seen, and nothing is looked at until the next one.
func (f *follower) step() {
	for range 2 {
		f.tick <- time.Time{}
		<-f.look
	}
}

func (f *follower) write(flags int, ids ...string) {
	f.t.Helper()
	file, err := os.OpenFile(f.path, flags|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := io.WriteString(file, id); err != nil {
			f.t.Fatal(err)
		}
	}
	_ = file.Close()
}

func line(id string) string { return `{"decision_id":"` + id + `"}` + "\n" }

func (f *follower) want(ids ...string) {
	f.t.Helper()
	f.step()
	var got []string
	for len(f.got) > 0 {
		got = append(got, <-f.got)
	}
	if d := cmp.Diff(ids, got); d != "" {
		f.t.Error(d)
	}
}

func TestFollowAccessLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.jsonl")
	if err := os.WriteFile(path, []byte(line("before")), 0o600); err != nil {
		t.Fatal(err)
	}
	f := following(t, path)
	f.want()
	f.write(os.O_APPEND, line("1"), line("2"))
	f.want("1", "2")
	f.write(os.O_APPEND, `{"decision_`)
	f.want()
	f.write(os.O_APPEND, `id":"3"}`+"\n")
	f.want("3")

	// Rotation: renamed, still written, made anew, written on both sides until
	// the writer opens the new one.
	old, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(old, line("4"))
	f.want("4")
	f.write(0)
	f.want()
	_, _ = io.WriteString(old, line("5"))
	f.want("5")
	f.write(os.O_APPEND, line("6"))
	_, _ = io.WriteString(old, line("7"))
	f.step()
	f.want("7", "6")
	_ = old.Close()
	f.write(os.O_APPEND, line("8"))
	f.want("8")

	// Truncation: copied away and emptied.
	f.write(os.O_TRUNC, line("9"))
	f.want("9")
	f.end()
	if err := <-f.done; err != context.Canceled {
		t.Errorf("it ended with %v", err)
	}
}

func TestFollowWaitsForTheFile(t *testing.T) {
	f := following(t, filepath.Join(t.TempDir(), "access.jsonl"))
	f.write(0, line("1"))
	f.want("1")
	f.end()
	<-f.done
}
