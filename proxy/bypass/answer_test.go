package bypass

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// spoken is a connection on which a peer says something and closes.
func spoken(says []byte) net.Conn {
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	go func() {
		_, _ = theirs.Write(says)
		_ = theirs.Close()
	}()
	return ours
}

// FuzzAnswer: whatever a peer says, it counts as Ostiary's only with the id of a
// decision, and as a refusal only with one of Ostiary's marks.
func FuzzAnswer(f *testing.F) {
	const id = "01JD0000000000000000000000"
	for _, s := range []string{
		"HTTP/1.1 403 Forbidden\r\nX-Ostiary-Decision-Id: " + id + "\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nx",
		"HTTP/1.1 503 x\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"code\":\"no_verdict\"}}",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "HTTP/1.1 403 x\r\nx-ostiary-reason: y\r\n\r\n", "", "\x15\x03\x01\x00\x02\x02\x28", "HTTP/", "HTTP/1.1 100 Continue\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, says []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		target := Target{Host: "api.vendor.example"}
		c := spoken(says)
		o := target.ask(ctx, c, target.canary(target.Host))
		_ = c.Close()
		text := strings.ToLower(string(says))
		switch o.Verdict {
		case Governed:
			if !decisionID.MatchString(o.Decision) || !strings.Contains(text, proxy.HeaderDecisionID) || !strings.Contains(text, strings.ToLower(o.Decision)) {
				t.Errorf("%q is governed", says)
			}
		case Refused:
			marked := strings.Contains(text, proxy.HeaderPrefix)
			for _, code := range refusalCodes {
				marked = marked || strings.Contains(text, code) || strings.Contains(text, `\u`) // JSON may spell it otherwise
			}
			if o.Detail == Denied && !marked || o.Detail != Denied && o.Detail != Closed {
				t.Errorf("%q is refused: %s", says, o.Detail)
			}
		case Round, Inconclusive:
		default:
			t.Errorf("%q has the verdict %q", says, o.Verdict)
		}
	})
}

// TestReadHead: what follows the answer of a proxy belongs to the tunnel.
func TestReadHead(t *testing.T) {
	c := spoken([]byte("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\ninside"))
	status, err := readHead(c)
	if err != nil || status != 200 {
		t.Fatalf("%d, %v", status, err)
	}
	if rest, _ := io.ReadAll(c); string(rest) != "inside" {
		t.Errorf("the tunnel begins with %q", rest)
	}
	for _, bad := range []string{"", "HTTP/1.1 200 OK\r\n", "nonsense\r\n\r\n", strings.Repeat("x", maxAnswer+1)} {
		if status, err := readHead(spoken([]byte(bad))); err == nil {
			t.Errorf("%.20q: %d", bad, status)
		}
	}
}
