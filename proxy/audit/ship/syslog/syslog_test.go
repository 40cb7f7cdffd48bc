//go:build unix

package syslog

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/stores"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(err error) ship.Kind {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ship.KindNone
}

func batch(n int) ship.Batch {
	b := ship.Batch{Origin: stores.Origin, First: 5}
	for i := range n {
		b.Records = append(b.Records, ship.Record{Index: 5 + int64(i), Core: fmt.Appendf(nil, `{"id":"%d","kind":"admin","time":"2026-11-24T09:00:00.000Z","v":1}`, i)})
	}
	return b
}

// server reads frames and closes each connection at its end, unless it is told to
// end before a number of frames were read.
type server struct {
	net.Listener
	mu       sync.Mutex
	messages []string
	breakAt  int  // frames of a connection after which it is cut; 0 for never
	keep     bool // never close first
}

func serve(t testing.TB, l net.Listener) *server {
	t.Helper()
	s := &server{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.read(c)
		}
	}()
	return s
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return l
}

func (s *server) read(c net.Conn) {
	r := bufio.NewReader(c)
	for n := 1; ; n++ {
		size, err := r.ReadString(' ')
		if err != nil {
			break
		}
		length, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil {
			break
		}
		b := make([]byte, length)
		if _, err := io.ReadFull(r, b); err != nil {
			break
		}
		s.mu.Lock()
		s.messages = append(s.messages, string(b))
		cut := s.breakAt
		s.mu.Unlock()
		if n == cut {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // as a process that was killed with unread data
			}
			break
		}
	}
	s.mu.Lock()
	keep := s.keep
	s.mu.Unlock()
	if !keep {
		c.Close()
	}
}

func (s *server) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.messages...)
}

func TestMessages(t *testing.T) {
	s := serve(t, listen(t))
	k, err := New(Options{Address: s.Addr().String(), Host: "a host", App: "app", Enterprise: 7})
	must(t, err)
	b := ship.Batch{Origin: `o"]\`, First: 9, Records: []ship.Record{
		{Index: 9, Core: []byte(`{"decision":{"action":"deny","code":"b\u00fc"},"kind":"decision","time":"2026-11-24T10:00:00.5+01:00"}`)},
		{Index: 10, Core: []byte("{\"kind\":\"ü x\"}")},
	}}
	must(t, k.Ship(context.Background(), b))
	want := []string{
		fmt.Sprintf(`<108>1 2026-11-24T09:00:00.500Z ahost app %d decision [audit@7 origin="o\"\]\\" index="9" leaf="%x"] %s`, os.Getpid(), ship.Leaf(b.Records[0].Core), b.Records[0].Core),
		fmt.Sprintf(`<110>1 - ahost app %d x [audit@7 origin="o\"\]\\" index="10" leaf="%x"] %s`, os.Getpid(), ship.Leaf(b.Records[1].Core), b.Records[1].Core),
	}
	got := s.got()
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAnEncoderMakesTheText(t *testing.T) {
	s := serve(t, listen(t))
	k, err := New(Options{Address: s.Addr().String(), Encode: func(core []byte) ([]byte, error) {
		if strings.Contains(string(core), `"id":"2"`) {
			return nil, errors.New("canary")
		}
		return []byte("CEF:0|x"), nil
	}})
	must(t, err)
	must(t, k.Ship(context.Background(), batch(2)))
	if got := s.got(); len(got) != 2 || !strings.HasSuffix(got[0], "] CEF:0|x") {
		t.Errorf("%q", got)
	}
	err = k.Ship(context.Background(), batch(3))
	var e *ship.Error
	if !errors.As(err, &e) || e.Kind != ship.Refused || e.Index != 7 || strings.Contains(err.Error(), "canary") || len(s.got()) != 2 {
		t.Errorf("%v", err)
	}
}

// A server that dies in the middle of a batch has not taken it, although the
// system's buffers took all of it.
func TestACutConnectionIsNoAcknowledgement(t *testing.T) {
	s := serve(t, listen(t))
	s.breakAt = 3
	k, err := New(Options{Address: s.Addr().String()})
	must(t, err)
	if err := k.Ship(context.Background(), batch(1000)); kind(err) != ship.Unreachable {
		t.Fatalf("%v", err)
	}
	s.mu.Lock()
	s.breakAt, s.messages = 0, nil
	s.mu.Unlock()
	must(t, k.Ship(context.Background(), batch(1000)))
	if n := len(s.got()); n != 1000 {
		t.Errorf("%d messages", n)
	}
}

func TestAServerThatKeepsItsSideOpen(t *testing.T) {
	s := serve(t, listen(t))
	s.keep = true
	k, err := New(Options{Address: s.Addr().String()})
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := k.Ship(ctx, batch(2)); kind(err) != ship.Timeout || !strings.Contains(err.Error(), "Unconfirmed") {
		t.Errorf("%v", err)
	}
	k, err = New(Options{Address: s.Addr().String(), Unconfirmed: true})
	must(t, err)
	must(t, k.Ship(context.Background(), batch(2)))
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "log"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	s := serve(t, tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{cert}}))
	k, err := New(Options{Address: s.Addr().String(), TLS: &tls.Config{RootCAs: pool}})
	must(t, err)
	must(t, k.Ship(context.Background(), batch(500)))
	if n := len(s.got()); n != 500 {
		t.Errorf("%d messages", n)
	}
	k, err = New(Options{Address: s.Addr().String(), TLS: &tls.Config{}})
	must(t, err)
	if err := k.Ship(context.Background(), batch(1)); kind(err) != ship.Certificate {
		t.Errorf("%v", err)
	}
}

// Through the shipper, with a server that cuts its connections again and again.
func TestEveryRecordArrivesThroughCuts(t *testing.T) {
	dir := t.TempDir()
	rs := stores.Cores(t, dir, 400)
	s := serve(t, listen(t))
	s.breakAt = 30
	src := stores.Source(t, dir)
	k, err := New(Options{Address: s.Addr().String()})
	must(t, err)
	sh, err := ship.New(ship.Options{Source: src, Dir: dir + "/ship"}, ship.Target{Name: "s", Sink: k, Limits: ship.Limits{Records: 64, Age: time.Millisecond}})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- sh.Run(ctx) }()
	for end := time.Now().Add(stores.Patience); sh.Statuses()[0].Failures < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was cut")
		}
	}
	s.mu.Lock()
	s.breakAt = 0
	s.mu.Unlock()
	for end := time.Now().Add(stores.Patience); sh.Statuses()[0].Cursor < 400; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not all arrived")
		}
	}
	cancel()
	must(t, <-done)
	stores.Same(t, rs, func() (out []stores.Row, err error) {
		seen := map[int64]bool{}
		for _, m := range s.got() { // by index, as who reads them does
			_, after, _ := strings.Cut(m, ` index="`)
			index, rest, _ := strings.Cut(after, `"`)
			n, err := strconv.ParseInt(index, 10, 64)
			if err != nil {
				return nil, err
			}
			if _, text, _ := strings.Cut(rest, `"] `); !seen[n] {
				seen[n] = true
				out = append(out, stores.Row{Index: n, Core: text})
			}
		}
		return out, nil
	})
}

func TestNobodyListens(t *testing.T) {
	l := listen(t)
	l.Close()
	k, err := New(Options{Address: l.Addr().String()})
	must(t, err)
	if err := k.Ship(context.Background(), batch(1)); kind(err) != ship.Unreachable {
		t.Errorf("%v", err)
	}
	for _, o := range []Options{{}, {Address: "h"}, {Address: ":514"}, {Address: "h:1", Enterprise: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// Whatever an event and an origin hold, a message is one frame whose header a
// parser of RFC 5424 can read.
func FuzzMessage(f *testing.F) {
	f.Add("o", []byte(`{"kind":"decision","time":"2026-11-24T09:00:00Z"}`))
	f.Add(`a"]b\`, []byte(`{"kind":"x y\n"}`))
	k, err := New(Options{Address: "h:1", Host: "h", App: "a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, origin string, core []byte) {
		m, err := k.message(origin, ship.Record{Index: 3, Core: core})
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.SplitN(string(m), " ", 7)
		if len(fields) != 7 || fields[0] != "<110>1" && fields[0] != "<108>1" || fields[2] != "h" || fields[3] != "a" || fields[5] == "" {
			t.Fatalf("%q", m)
		}
		// The structured data ends where its brackets say.
		in, escaped, end := false, false, -1
		for i := 0; i < len(fields[6]) && end < 0; i++ {
			switch c := fields[6][i]; {
			case escaped:
				escaped = false
			case in && c == '\\':
				escaped = true
			case c == '"':
				in = !in
			case !in && c == ']':
				end = i
			}
		}
		if end < 0 || fields[6][end+1:] != " "+string(core) {
			t.Fatalf("%q", m)
		}
	})
}
