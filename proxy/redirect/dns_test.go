package redirect

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// query makes a question for a name.
func query(id uint16, name string, kind uint16) []byte {
	m := binary.BigEndian.AppendUint16(nil, id)
	m = append(m, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(name, ".") {
		m = append(append(m, byte(len(label))), label...)
	}
	m = append(m, 0)
	m = binary.BigEndian.AppendUint16(m, kind)
	return binary.BigEndian.AppendUint16(m, 1)
}

// resolver answers A questions with 203.0.113.1 and nothing else, over UDP and TCP
// of one address; questions are handed to seen.
func resolver(t *testing.T, seen func([]byte)) netip.AddrPort {
	t.Helper()
	answer := func(m []byte) []byte {
		seen(m)
		q, ok := parseQuestion(m)
		if !ok {
			t.Error("the resolver got what is no question")
			return nil
		}
		out := q.reply(m, codeNone)
		if q.kind == typeA {
			out[7] = 1
			out = append(out, 0xc0, headerLength, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 1)
		}
		return out
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Skip("the port is taken for UDP: ", err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buffer := make([]byte, maxUDP)
		for {
			n, from, err := p.ReadFrom(buffer)
			if err != nil {
				return
			}
			a := answer(buffer[:n])
			wrong := bytes.Clone(a)
			wrong[0] ^= 0xff
			_, _ = p.WriteTo(wrong, from) // to another question: to be passed over
			_, _ = p.WriteTo(a, from)
		}
	})
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				if m, err := readFramed(c); err == nil {
					_ = writeFramed(c, answer(m))
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); _ = p.Close(); running.Wait() })
	return netip.MustParseAddrPort(l.Addr().String())
}

// relay serves one to resolvers and gives its UDP and TCP addresses.
func relay(t *testing.T, r *Relay) (packet, stream string) {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, serve := range []func() error{func() error { return r.ServePacket(p) }, func() error { return r.ServeStream(l) }} {
		running.Go(func() {
			if err := serve(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { _ = p.Close(); _ = l.Close(); running.Wait() })
	return p.LocalAddr().String(), l.Addr().String()
}

func ask(t *testing.T, network, address string, m []byte) []byte {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if network == "tcp" {
		if err := writeFramed(c, m); err != nil {
			t.Fatal(err)
		}
		out, err := readFramed(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if _, err := c.Write(m); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, maxUDP)
	n, err := c.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

func TestRelay(t *testing.T) {
	var lock sync.Mutex
	var seen [][]byte
	up := resolver(t, func(m []byte) { lock.Lock(); defer lock.Unlock(); seen = append(seen, bytes.Clone(m)) })
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close() // refuses at once; the next one is asked
	r := NewRelay([]netip.AddrPort{netip.MustParseAddrPort(dead.LocalAddr().String()), up})
	packet, stream := relay(t, r)
	for network, address := range map[string]string{"udp": packet, "tcp": stream} {
		for _, c := range []struct {
			kind    uint16
			passed  bool
			code    byte
			records uint16
		}{{typeA, true, codeNone, 1}, {typeAAAA, true, codeNone, 0}, {typeHTTPS, false, codeNone, 0}, {typeSVCB, false, codeNone, 0}, {16, false, codeRefused, 0}, {10, false, codeRefused, 0}, {255, false, codeRefused, 0}} {
			lock.Lock()
			seen = nil
			lock.Unlock()
			m := query(uint16(c.kind)+7, "api.vendor.example", c.kind)
			a := ask(t, network, address, m)
			lock.Lock()
			n := len(seen)
			ok := !c.passed || n > 0 && bytes.Equal(seen[0], m)
			lock.Unlock()
			if (n > 0) != c.passed || !ok {
				t.Errorf("%s type %d: the resolver saw %d questions", network, c.kind, n)
			}
			if !answers(a, m) || a[3]&0xf != c.code || binary.BigEndian.Uint16(a[6:]) != c.records || !bytes.Contains(a, m[headerLength:]) {
				t.Errorf("%s type %d: answer %x", network, c.kind, a)
			}
		}
	}
	if asked, refused := r.Questions(); asked != 4 || refused != 6 {
		t.Errorf("%d asked, %d refused; want 4, 6", asked, refused)
	}
}

func TestRelayWithoutResolvers(t *testing.T) {
	packet, _ := relay(t, NewRelay(nil))
	if a := ask(t, "udp", packet, query(3, "a.example", typeA)); a[3]&0xf != codeFailed {
		t.Errorf("answer %x; want a failure", a)
	}
}

// TestRelayEnds: it ends with its sockets although a client and a resolver hang.
func TestRelayEnds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r := NewRelay([]netip.AddrPort{netip.MustParseAddrPort(silent.Addr().String())})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.ServeStream(l) }()
	idle, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := writeFramed(idle, query(1, "a.example", typeA)); err != nil {
		t.Fatal(err)
	}
	c, err := silent.Accept() // the question is under way
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = l.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
	_ = idle.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(idle); err != nil {
		t.Errorf("the client is not let go: %v", err)
	}
}

func TestResolvers(t *testing.T) {
	got, rest := Resolvers("# ours\nnameserver 10.0.0.1\nsearch a.example b.example\nnameserver fe80::1%eth0\nnameserver bad\noptions ndots:5")
	if len(got) != 2 || got[0].String() != "10.0.0.1:53" || got[1].String() != "[fe80::1%eth0]:53" {
		t.Errorf("%v", got)
	}
	if rest != "# ours\nsearch a.example b.example\noptions ndots:5\n" {
		t.Errorf("%q", rest)
	}
	if got, _ := Resolvers(""); len(got) != 1 || got[0].String() != "127.0.0.1:53" {
		t.Errorf("%v", got)
	}
}

// FuzzQuestion: whatever is read as a question lies within the message, and the
// reply to it is a response to that question with nothing behind it.
func FuzzQuestion(f *testing.F) {
	f.Add(query(1, "api.vendor.example", typeA))
	f.Add(query(1, strings.Repeat("a", 63)+"."+strings.Repeat("b", 63), typeHTTPS))
	f.Add(append(query(9, "x.example", 16), 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0))
	f.Add([]byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, m []byte) {
		q, ok := parseQuestion(m)
		if !ok {
			return
		}
		if q.end > len(m) || q.end < headerLength+5 {
			t.Fatalf("a question up to %d of %d", q.end, len(m))
		}
		a := q.reply(m, codeRefused)
		if !answers(a, m) || len(a) != q.end || !bytes.Equal(a[headerLength:], m[headerLength:q.end]) {
			t.Errorf("reply %x to %x", a, m)
		}
		if _, ok := parseQuestion(a); ok {
			t.Error("a response is taken for a question")
		}
	})
}
