package envoy

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestEnvoysMessages: what Envoy says reaches the log, bounded; what a crash
// dumps does not.
func TestEnvoysMessages(t *testing.T) {
	var b bytes.Buffer
	s := newStderrLog(slog.New(slog.NewTextHandler(&b, nil)))
	at := time.Unix(0, 0)
	s.now = func() time.Time { return at }
	s.read(strings.NewReader("PARSE ERROR: Argument: x\n"))
	if !strings.Contains(b.String(), "PARSE ERROR") || s.last() != "PARSE ERROR: Argument: x" {
		t.Error("what Envoy says before it serves is lost")
	}
	s.serving()
	b.Reset()
	at = at.Add(time.Minute)
	s.read(strings.NewReader(stderrMark + "critical|backtrace|Caught Segmentation fault\n" +
		"ActiveStream 0x1, stream_id_: 7\n  request_headers: \n':path', '/v1/canary'\n'authorization', 'Bearer canary'\n" +
		stderrMark + "warning|main|" + strings.Repeat("w", 10*maxMessage) + "\n" +
		stderrMark + "error|long|" + strings.Repeat("w", 3*maxStderrLine) + "canary\n"))
	out := b.String()
	if strings.Contains(out, "canary") {
		t.Error("a dump of headers reached the log")
	}
	if !strings.Contains(out, "Caught Segmentation fault") || !strings.Contains(out, "level=ERROR") || !strings.Contains(out, "lines=4") {
		t.Errorf("messages or the number of those dropped are missing:\n%s", out)
	}
	for _, l := range strings.Split(out, "\n") {
		if len(l) > maxMessage+200 {
			t.Errorf("a line of %d bytes", len(l))
		}
	}
	b.Reset()
	at = at.Add(time.Minute)
	s.read(strings.NewReader(strings.Repeat(stderrMark+"warning|x|again\n", 500)))
	if n := strings.Count(b.String(), "again"); n != messagesPer || !strings.Contains(b.String(), "lines=480") {
		t.Errorf("%d of 500 messages in one second", n)
	}
}
