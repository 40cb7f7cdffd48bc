package envoy

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// TestHoldConnections: what was connected before is accepted, what comes after
// is neither taken nor refused.
func TestHoldConnections(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		var plain net.ListenConfig
		plain.SetMultipathTCP(false) // Go's default; it takes no filter, and Envoy's sockets are TCP's own
		l, err := plain.Listen(t.Context(), "tcp", address)
		if err != nil {
			if address != "127.0.0.1:0" {
				t.Log("no IPv6 here: ", err)
				continue
			}
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		before, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = before.Close() }()
		if err := holdConnections(os.Getpid(), l.Addr().(*net.TCPAddr).AddrPort().Port()); err != nil {
			t.Fatal(err)
		}
		after, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond)
		var timeout net.Error
		if err == nil {
			_ = after.Close()
			t.Error("a connection was taken")
		} else if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("a connection was refused: %v", err)
		}
		got, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := before.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		if n, err := got.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("the connection that was there before is dead: %v", err)
		}
		_ = got.Close()
	}
	if err := holdConnections(1<<22+1, 80); err == nil {
		t.Error("a process that is not there was held")
	}
}
