//go:build unix

package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
	"github.com/ostiary/ostiary/testdata/stores"
)

const streamName = "audit"

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) {
		return New(Options{Servers: []string{args[0]}, Stream: streamName, Replicas: 1})
	})
}

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

func index(err error) int64 {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Index
	}
	return -2
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func sink(t testing.TB, address string, change func(*Options)) *Sink {
	t.Helper()
	o := Options{Servers: []string{address}, Stream: streamName}
	if change != nil {
		change(&o)
	}
	k, err := New(o)
	must(t, err)
	t.Cleanup(func() { k.Close() })
	return k
}

// few are records that are no events: the sink does not mind.
func few(n int) []ship.Record {
	var out []ship.Record
	for i := range n {
		out = append(out, ship.Record{Index: int64(i), Core: fmt.Appendf(nil, `{"v":%d}`, i)})
	}
	return out
}

func TestMessages(t *testing.T) {
	f := newFake(t, nil)
	rs := stores.Cores(t, t.TempDir(), 600)
	k := sink(t, f.address, nil)
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs[:500])))
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs[500:])))
	must(t, k.Ship(within(t, time.Minute), stores.Batch(rs[500:]))) // as after a crash
	if n := len(f.logins()); n != 1 {
		t.Errorf("%d connections", n)
	}
	all := f.messages()
	if len(all) != len(rs) {
		t.Fatalf("%d messages", len(all))
	}
	for i, m := range all {
		if m.data != string(rs[i].Core) {
			t.Fatalf("message %d is not record %d as it was recorded", i, i)
		}
	}
	m := all[7]
	leaf := ship.Leaf(rs[7].Core)
	want := map[string]string{
		"Nats-Msg-Id": stores.Origin + ":7", "Nats-Expected-Stream": streamName, "audit.log.origin": stores.Origin, "audit.log.index": "7",
		"audit.log.leaf": fmt.Sprintf("%x", leaf), "ostiary.kind": "decision", "ostiary.time": "2026-11-24T23:50:07Z",
	}
	for name, v := range want {
		if m.value(name) != v {
			t.Errorf("%s: got %q, want %q", name, m.value(name), v)
		}
	}
	if n := strings.Count(strings.TrimSpace(m.header), "\r\n"); n != len(want) {
		t.Errorf("%d headers", n)
	}
	if m.subject != "ostiary.test_2Eexample_2Fshipped" {
		t.Errorf("subject %s", m.subject)
	}
}

func TestSubject(t *testing.T) {
	for origin, want := range map[string]string{
		"proxy.example/log": "p.q.proxy_2Eexample_2Flog",
		"a-b":               "p.q.a-b",
		"a_2Eb":             "p.q.a_5F2Eb", // not that of a.b
		"a * > ü":           "p.q.a_20_2A_20_3E_20_C3_BC",
	} {
		if got := Subject("p.q", origin); got != want {
			t.Errorf("%s: got %s, want %s", origin, got, want)
		}
	}
	for _, c := range []struct {
		subjects string
		takes    bool
	}{
		{"a.b", true}, {"a.*", true}, {"a.>", true}, {">", true}, {"*.*", true}, {"x a.b", true},
		{"a", false}, {"*", false}, {"a.c", false}, {"a.b.>", false}, {"a.b.*", false}, {"a.b.c", false}, {"", false},
	} {
		if takes(strings.Fields(c.subjects), "a.b") != c.takes {
			t.Errorf("%q", c.subjects)
		}
	}
}

func TestInFlight(t *testing.T) {
	const all = inFlight + 40
	seen, more := 0, ""
	var waiting []got
	f := newFake(t, func(f *fake) {
		f.publish = func(p *peer, m got) bool {
			seen++
			waiting = append(waiting, m)
			if seen == inFlight {
				// Nothing may come now, while nothing is acknowledged.
				_ = p.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if b, err := p.r.Peek(1); err == nil {
					more = string(b)
				}
				_ = p.conn.SetReadDeadline(time.Time{})
			}
			if seen >= inFlight {
				for _, m := range waiting {
					p.store(m)
				}
				waiting = nil
			}
			return true
		}
	})
	must(t, sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(few(all))))
	if more != "" {
		t.Errorf("more than %d messages were not acknowledged", inFlight)
	}
	if n := len(f.messages()); n != all {
		t.Errorf("%d messages", n)
	}
}

func TestAnotherRecordUnderTheSameIndex(t *testing.T) {
	f := newFake(t, nil)
	k := sink(t, f.address, nil)
	must(t, k.Ship(within(t, time.Minute), stores.Batch(few(10))))
	other := few(10)
	for i := range other {
		other[i].Core = fmt.Appendf(nil, `{"w":%d}`, i)
	}
	if err := k.Ship(within(t, time.Minute), stores.Batch(other)); kind(err) != ship.Conflict {
		t.Errorf("%v", err)
	}
}

func TestStreamsThatLose(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"memory":         {`"storage":"file"`, `"storage":"memory"`, "storage file"},
		"two replicas":   {`"num_replicas":3`, `"num_replicas":2`, "has 2 replicas, 3 are asked for"},
		"no acks":        {`"num_replicas":3`, `"num_replicas":3,"no_ack":true`, "no_ack"},
		"written later":  {`"num_replicas":3`, `"num_replicas":3,"persist_mode":"async"`, "persist_mode"},
		"interest":       {`"retention":"limits"`, `"retention":"interest"`, "retention"},
		"sealed":         {`"num_replicas":3`, `"num_replicas":3,"sealed":true`, "sealed"},
		"mirror":         {`"num_replicas":3`, `"num_replicas":3,"mirror":{"name":"x"}`, "mirror"},
		"oldest go":      {`"max_bytes":-1`, `"max_bytes":1000`, "discard new"},
		"one a log":      {`"max_msgs_per_subject":-1`, `"max_msgs_per_subject":1`, "discard new"},
		"one a log, new": {`"discard":"old","storage":"file","num_replicas":3,"max_msgs":-1,"max_bytes":-1,"max_msgs_per_subject":-1`, `"discard":"new","storage":"file","num_replicas":3,"max_msgs":-1,"max_bytes":-1,"max_msgs_per_subject":1`, "discard_new_per_subject"},
		"other subjects": {`"ostiary.*"`, `"ostiary","else.>"`, "ostiary.*"},
	} {
		t.Run(name, func(t *testing.T) {
			config := strings.Replace(goodConfig, c.old, c.new, 1)
			if config == goodConfig {
				t.Fatal("the case changes nothing")
			}
			f := newFake(t, func(f *fake) { f.config = config })
			err := sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(few(1)))
			if kind(err) != ship.Unsupported || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if n := len(f.messages()); n != 0 {
				t.Errorf("%d messages were sent", n)
			}
		})
	}
	full := strings.NewReplacer(`"max_bytes":-1`, `"max_bytes":1000000`, `"discard":"old"`, `"discard":"new"`).Replace(goodConfig)
	f := newFake(t, func(f *fake) { f.config = full })
	must(t, sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(few(1))))
	single := newFake(t, func(f *fake) { f.config = strings.Replace(goodConfig, `"num_replicas":3`, `"num_replicas":1`, 1) })
	must(t, sink(t, single.address, func(o *Options) { o.Replicas = 1 }).Ship(within(t, time.Minute), stores.Batch(few(1))))
	missing := newFake(t, func(f *fake) { f.config = "" })
	if err := sink(t, missing.address, nil).Ship(within(t, time.Minute), stores.Batch(few(1))); kind(err) != ship.Unsupported || !strings.Contains(err.Error(), "no such stream") {
		t.Errorf("%v", err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		code, errCode int
		want          ship.Kind
	}{
		"too long":            {400, 10054, ship.Refused},
		"headers too long":    {400, 10097, ship.Refused},
		"full":                {503, 10077, ship.Busy},
		"no resources":        {503, 10023, ship.Busy},
		"too many":            {429, 10167, ship.Busy},
		"account full":        {400, 10002, ship.Busy},
		"another stream":      {400, 10060, ship.Unsupported},
		"sealed":              {400, 10109, ship.Unsupported},
		"not enabled":         {503, 10076, ship.Unsupported},
		"not for the account": {503, 10039, ship.Unsupported},
		"of no known sort":    {400, 10003, ship.KindOther},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(f *fake) {
				f.publish = func(p *peer, m got) bool {
					if m.value("audit.log.index") != "3" {
						return false
					}
					p.answer(m.reply, refused(c.code, c.errCode))
					return true
				}
			})
			err := sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(few(6)))
			if kind(err) != c.want || strings.Contains(err.Error(), "canary") {
				t.Fatalf("%v", err)
			}
			want := int64(-1)
			if c.want == ship.Refused {
				want = 3
			}
			if index(err) != want {
				t.Errorf("index %d, want %d", index(err), want)
			}
		})
	}
	t.Run("larger than max_payload", func(t *testing.T) {
		f := newFake(t, func(f *fake) { f.info = map[string]string{"max_payload": "2048"} })
		rs := few(6)
		rs[4].Core = []byte(`{"v":"` + strings.Repeat("x", 4096) + `"}`)
		if err := sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(rs)); kind(err) != ship.Refused || index(err) != 4 {
			t.Errorf("%v at %d", err, index(err))
		}
	})
	t.Run("no right to publish", func(t *testing.T) {
		f := newFake(t, func(f *fake) {
			f.publish = func(p *peer, m got) bool {
				p.write("-ERR 'Permissions Violation for Publish to \"canary\"'\r\n")
				return true
			}
		})
		if err := sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(few(1))); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	})
	t.Run("nobody leads the stream", func(t *testing.T) {
		f := newFake(t, func(f *fake) {
			f.publish = func(p *peer, m got) bool {
				const none = "NATS/1.0 503\r\n\r\n"
				for _, id := range p.subs {
					p.write(fmt.Sprintf("HMSG %s %s %d %d\r\n%s\r\n", m.reply, id, len(none), len(none), none))
				}
				return true
			}
		})
		if err := sink(t, f.address, nil).Ship(within(t, time.Minute), stores.Batch(few(1))); kind(err) != ship.Busy {
			t.Errorf("%v", err)
		}
	})
}

func TestConnectionsThatEnd(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		l.Close()
		if err := sink(t, l.Addr().String(), nil).Ship(within(t, time.Minute), stores.Batch(few(1))); kind(err) != ship.Unreachable {
			t.Errorf("%v", err)
		}
	})
	t.Run("no greeting", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
		a := l.Addr().String()
		k := sink(t, a, func(o *Options) { o.Servers = []string{a, a, a} })
		if err := k.Ship(within(t, 100*time.Millisecond), stores.Batch(few(1))); kind(err) != ship.Timeout {
			t.Errorf("%v", err)
		}
	})
	t.Run("no acknowledgement", func(t *testing.T) {
		f := newFake(t, func(f *fake) { f.publish = func(*peer, got) bool { return true } })
		if err := sink(t, f.address, nil).Ship(within(t, 100*time.Millisecond), stores.Batch(few(1))); kind(err) != ship.Timeout {
			t.Errorf("%v", err)
		}
	})
	t.Run("a server that reads no more", func(t *testing.T) {
		f := newFake(t, func(f *fake) {
			f.dumb = func(_ *peer, subject string) bool { return !strings.HasPrefix(subject, "$JS.") }
		})
		rs := few(inFlight)
		for i := range rs { // more than what lies between two sockets
			rs[i].Core = []byte(`{"v":"` + strings.Repeat("x", 128<<10) + `"}`)
		}
		began := time.Now()
		if err := sink(t, f.address, nil).Ship(within(t, 100*time.Millisecond), stores.Batch(rs)); kind(err) != ship.Timeout {
			t.Errorf("%v", err)
		}
		// The client's own patience is 10 s.
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("took %v of 100 ms", took)
		}
	})
	t.Run("cut in between, then well", func(t *testing.T) {
		var cut atomic.Bool
		f := newFake(t, func(f *fake) {
			f.publish = func(p *peer, m got) bool {
				if m.value("audit.log.index") != "3" || cut.Swap(true) {
					return false
				}
				p.conn.Close()
				return true
			}
		})
		k := sink(t, f.address, nil)
		if err := k.Ship(within(t, time.Minute), stores.Batch(few(6))); kind(err) != ship.Unreachable {
			t.Errorf("%v", err)
		}
		must(t, k.Ship(within(t, time.Minute), stores.Batch(few(6))))
		if n := len(f.messages()); n != 6 {
			t.Errorf("%d messages", n)
		}
		// One that breaks while nothing is shipped may cost a call, not more.
		f.hangUp()
		if err := k.Ship(within(t, time.Minute), stores.Batch(few(6))); err != nil {
			must(t, k.Ship(within(t, time.Minute), stores.Batch(few(6))))
		}
	})
}

func TestLogins(t *testing.T) {
	user, err := nkeys.CreateUser()
	must(t, err)
	seed, err := user.Seed()
	must(t, err)
	public, err := user.PublicKey()
	must(t, err)
	credentials := "-----BEGIN NATS USER JWT-----\nthe.user.jwt\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + string(seed) + "\n------END USER NKEY SEED------\n"
	good := map[string]func(shownLogin) bool{
		"user":        func(l shownLogin) bool { return l.User == "u" && l.Pass == "right" && l.Token == "" },
		"token":       func(l shownLogin) bool { return l.Token == "right" && l.User == "" },
		"credentials": func(l shownLogin) bool { return l.JWT == "the.user.jwt" && signed(public, l.Sig) && l.Token == "" },
	}
	for name, c := range map[string]struct{ right, wrong Login }{
		"user":        {Login{User: "u", Password: "right"}, Login{User: "u", Password: "canary"}},
		"token":       {Login{Token: "right"}, Login{Token: "canary"}},
		"credentials": {Login{Credentials: credentials}, Login{Credentials: strings.Replace(credentials, "the.user", "canary", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(f *fake) { f.login = good[name] })
			with := func(l Login) func(*Options) {
				return func(o *Options) { o.Login = func() (Login, error) { return l, nil } }
			}
			must(t, sink(t, f.address, with(c.right)).Ship(within(t, time.Minute), stores.Batch(few(2))))
			if err := sink(t, f.address, with(c.wrong)).Ship(within(t, time.Minute), stores.Batch(few(2))); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		})
	}
	broken := func(o *Options) { o.Login = func() (Login, error) { return Login{Credentials: "canary"}, nil } }
	f := newFake(t, nil)
	if err := sink(t, f.address, broken).Ship(within(t, time.Minute), stores.Batch(few(1))); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	unread := func(o *Options) { o.Login = func() (Login, error) { return Login{}, errors.New("canary") } }
	if err := sink(t, f.address, unread).Ship(within(t, time.Minute), stores.Batch(few(1))); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	// In the open to other machines goes only what says nothing.
	o := Options{Servers: []string{"127.0.0.1:1", "nats.example:4222"}}
	for _, l := range []Login{{Token: "t"}, {User: "u", Password: "p"}} {
		if _, err := show(l, o); kind(err) != ship.Unsupported {
			t.Errorf("%v", err)
		}
	}
	if _, err := show(Login{Credentials: credentials}, o); err != nil {
		t.Error(err)
	}
	o.TLS = &tls.Config{}
	if _, err := show(Login{Token: "t"}, o); err != nil {
		t.Error(err)
	}
}

// signed says whether a signature is the user's, of the fake's nonce.
func signed(public, signature string) bool {
	key, err := nkeys.FromPublicKey(public)
	if err != nil {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(signature)
	return err == nil && key.Verify([]byte(nonce), b) == nil
}

func TestTLS(t *testing.T) {
	h := httptest.NewTLSServer(nil) // for its certificate
	defer h.Close()
	known := x509.NewCertPool()
	known.AddCert(h.Certificate())
	trust := func(o *Options) { o.TLS = &tls.Config{RootCAs: known} }
	f := newFake(t, func(f *fake) { f.tls = &tls.Config{Certificates: h.TLS.Certificates} })
	must(t, sink(t, f.address, trust).Ship(within(t, time.Minute), stores.Batch(few(2))))
	distrust := func(o *Options) { o.TLS = &tls.Config{RootCAs: x509.NewCertPool()} }
	if err := sink(t, f.address, distrust).Ship(within(t, time.Minute), stores.Batch(few(2))); kind(err) != ship.Certificate || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("%v", err)
	}
	open := newFake(t, nil)
	if err := sink(t, open.address, trust).Ship(within(t, time.Minute), stores.Batch(few(2))); kind(err) != ship.Unsupported {
		t.Errorf("%v", err)
	}
	if n := len(open.logins()); n != 0 {
		t.Error("a login went to a server without TLS")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no servers":        {Stream: "s"},
		"no port":           {Servers: []string{"h"}, Stream: "s"},
		"a login inside":    {Servers: []string{"u:p@h:1"}, Stream: "s"},
		"no stream":         {Servers: []string{"h:1"}},
		"a pattern":         {Servers: []string{"h:1"}, Stream: "s.*"},
		"prefix of nothing": {Servers: []string{"h:1"}, Stream: "s", Prefix: "a..b"},
		"prefix of all":     {Servers: []string{"h:1"}, Stream: "s", Prefix: ">"},
		"too many replicas": {Servers: []string{"h:1"}, Stream: "s", Replicas: 6},
		"fewer than none":   {Servers: []string{"h:1"}, Stream: "s", Replicas: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// dialReal gives a connection to a real server.
func dialReal(t testing.TB, address string, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	c, err := nats.Connect("nats://"+address, opts...)
	must(t, err)
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	must(t, err)
	return js
}

func makeStream(t testing.TB, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
	t.Helper()
	c := jetstream.StreamConfig{Name: streamName, Subjects: []string{DefaultPrefix + ".*"}}
	if change != nil {
		change(&c)
	}
	_, err := js.CreateOrUpdateStream(within(t, time.Minute), c)
	must(t, err)
}

// once reads the stream as a reader that counts (origin, index) once.
func once(t testing.TB, js jetstream.JetStream) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		ctx := within(t, stores.Patience)
		s, err := js.Stream(ctx, streamName)
		if err != nil {
			return nil, err
		}
		n := s.CachedInfo().State.Msgs
		subject := Subject(DefaultPrefix, stores.Origin)
		c, err := js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
		if err != nil {
			return nil, err
		}
		seen := map[int64]string{}
		for range n {
			m, err := c.Next(jetstream.FetchMaxWait(stores.Patience))
			if err != nil {
				return nil, err
			}
			i, err := strconv.ParseInt(m.Headers().Get("audit.log.index"), 10, 64)
			if err != nil {
				return nil, err
			}
			core := string(m.Data())
			if was, ok := seen[i]; ok {
				if was != core {
					return nil, fmt.Errorf("two records under %d", i)
				}
				continue
			}
			seen[i] = core
			out = append(out, stores.Row{Index: i, Core: core})
		}
		t.Logf("%d messages", n)
		return out, nil
	}
}

func TestEveryRecordArrivesThroughKills(t *testing.T) {
	env.LongOnly(t)
	s := env.NATS(t)
	js := dialReal(t, s.Address, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	makeStream(t, js, nil)
	stores.Prove(t, s, once(t, js), s.Address)
}

// TestRealServer shows that the fake answers as the server does.
func TestRealServer(t *testing.T) {
	env.LongOnly(t)
	s := env.NATS(t, `accounts: { A: { jetstream: enabled, users: [
		{ user: all, password: right },
		{ user: some, password: right, permissions: { publish: ["$JS.API.STREAM.INFO.audit", "$JS.API.STREAM.MSG.GET.audit", "ostiary.*"], subscribe: ["_INBOX.>"] } },
		{ user: few, password: right, permissions: { publish: ["$JS.API.STREAM.INFO.audit"] } },
		{ user: none, password: right, permissions: { publish: ["nothing"] } },
	] } }`)
	js := dialReal(t, s.Address, nats.UserInfo("all", "right"))
	as := func(user, password string) *Sink {
		return sink(t, s.Address, func(o *Options) {
			o.Replicas = 1
			o.Login = func() (Login, error) { return Login{User: user, Password: password}, nil }
		})
	}
	ctx := within(t, stores.Patience)
	rs := stores.Cores(t, t.TempDir(), 600)
	if err := as("some", "right").Ship(ctx, stores.Batch(rs)); kind(err) != ship.Unsupported || !strings.Contains(err.Error(), "no such stream") {
		t.Errorf("%v", err)
	}
	makeStream(t, js, nil)
	k := as("some", "right")
	must(t, k.Ship(ctx, stores.Batch(rs)))
	must(t, k.Ship(ctx, stores.Batch(rs)))
	stream, err := js.Stream(ctx, streamName)
	must(t, err)
	if n := stream.CachedInfo().State.Msgs; n != uint64(len(rs)) {
		t.Errorf("%d messages", n)
	}
	stores.Same(t, rs, once(t, js))
	if err := k.Ship(ctx, stores.Batch(few(5))); kind(err) != ship.Conflict {
		t.Errorf("another record: %v", err)
	}
	for name, c := range map[string]struct{ user, password string }{"password": {"some", "canary"}, "publish": {"few", "right"}, "ask": {"none", "right"}} {
		if err := as(c.user, c.password).Ship(ctx, stores.Batch(rs)); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sink(t, s.Address, func(o *Options) {
		o.Login = func() (Login, error) { return Login{User: "some", Password: "right"}, nil }
	}).Ship(ctx, stores.Batch(rs)); kind(err) != ship.Unsupported || !strings.Contains(err.Error(), "1 replicas") {
		t.Errorf("%v", err)
	}
	long := few(4)
	for i := range long {
		long[i].Index += 1000
	}
	long[2].Core = []byte(`{"v":"` + strings.Repeat("x", 4096) + `"}`)
	makeStream(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 2048 })
	if err := k.Ship(ctx, stores.Batch(long)); kind(err) != ship.Refused || index(err) != 1002 {
		t.Errorf("too long: %v at %d", err, index(err))
	}
	makeStream(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 603, jetstream.DiscardNew })
	if err := k.Ship(ctx, stores.Batch(long)); kind(err) != ship.Busy {
		t.Errorf("full: %v", err)
	}
	makeStream(t, js, func(c *jetstream.StreamConfig) { c.MaxBytes = 10_000 })
	if err := as("some", "right").Ship(ctx, stores.Batch(long)); kind(err) != ship.Unsupported {
		t.Errorf("oldest go: %v", err)
	}
	makeStream(t, js, nil)
	must(t, k.Ship(ctx, stores.Batch(long)))
	must(t, js.DeleteStream(ctx, streamName))
	if err := k.Ship(ctx, stores.Batch(long)); kind(err) != ship.Busy {
		t.Errorf("gone: %v", err)
	}
	if err := k.Ship(ctx, stores.Batch(long)); kind(err) != ship.Unsupported {
		t.Errorf("gone and looked for: %v", err)
	}
}

func TestRealServerWithoutJetStream(t *testing.T) {
	env.LongOnly(t)
	s := env.NATS(t, `accounts: { A: { users: [{ user: all, password: right }] } }`)
	k := sink(t, s.Address, func(o *Options) {
		o.Login = func() (Login, error) { return Login{User: "all", Password: "right"}, nil }
	})
	if err := k.Ship(within(t, stores.Patience), stores.Batch(few(1))); kind(err) != ship.Unsupported || !strings.Contains(err.Error(), "not enabled") {
		t.Errorf("%v", err)
	}
}

// BenchmarkShip gives records a second to a real server on this machine that
// synchronises each write.
func BenchmarkShip(b *testing.B) {
	env.LongOnly(b)
	s := env.NATS(b)
	js := dialReal(b, s.Address)
	makeStream(b, js, nil)
	rs := stores.Cores(b, b.TempDir(), ship.DefaultRecords)
	k := sink(b, s.Address, func(o *Options) { o.Replicas = 1 })
	batch := stores.Batch(rs)
	b.SetBytes(int64(batch.Bytes()))
	n := 0
	for b.Loop() {
		batch.Origin = fmt.Sprintf("%s-%d", stores.Origin, n) // no duplicates
		n++
		must(b, k.Ship(within(b, time.Minute), batch))
	}
	b.ReportMetric(float64(n*len(rs))/b.Elapsed().Seconds(), "records/s")
}
