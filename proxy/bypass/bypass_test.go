package bypass_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/bypass"
)

// echKeys gives a key for Encrypted Client Hello and its ECHConfigList, as a
// provider publishes it.
func echKeys(t *testing.T, outer string) ([]tls.EncryptedClientHelloKey, []byte) {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte{1, 0, 0x20, 0, 32}
	b = append(b, key.PublicKey().Bytes()...)
	b = append(b, 0, 4, 0, 1, 0, 1, 32, byte(len(outer)))
	b = append(append(b, outer...), 0, 0)
	config := binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(b)))
	config = append(config, b...)
	return []tls.EncryptedClientHelloKey{{Config: config, PrivateKey: key.Bytes()}}, append(binary.BigEndian.AppendUint16(nil, uint16(len(config))), config...)
}

// TestOpen: where nothing stands in between, every attempt says so. One that does
// not is blind.
func TestOpen(t *testing.T) {
	_, target := open(t)
	r := try(t, target, patience)
	for _, row := range r.Rows {
		if row.Verdict != bypass.Round {
			t.Errorf("%s: %s, %s", row.Attempt, row.Verdict, row.Detail)
		}
	}
	if !r.Alive || len(r.Rounds()) == 0 || len(r.Open()) != 0 {
		t.Error("nothing is said to be reached, or something is said to be open")
	}
	for name, detail := range map[string]string{
		bypass.Ordinary: bypass.ProvidersCertificate, "fronting_out": bypass.ProvidersAnswer, "fronting_out_http2": bypass.ProvidersAnswer, "plain_80": bypass.ProvidersAnswer,
		"quic": bypass.Datagram, "port_80": bypass.ProvidersAnswer, "dns_udp": bypass.Resolved, "proxy_absolute": bypass.ProvidersAnswer, "ech_real": bypass.ProvidersCertificate,
	} {
		if row := rowOf(t, r, name); row.Detail != detail {
			t.Errorf("%s: %s, not %s", name, row.Detail, detail)
		}
	}
	for _, row := range r.Rows {
		if row.Note != strings.HasPrefix(row.Attempt, "dns_") || row.Why == "" || row.Took <= 0 {
			t.Errorf("%+v", row)
		}
	}
}

// TestOpenElsewhere: a host that passes and does not hand requests on to the
// provider is no way round, at its own address.
func TestOpenElsewhere(t *testing.T) {
	w, target := open(t)
	public := newAuthority(t, "public")
	w.serve(store, public.byName(passed), shop+":443")
	r := try(t, target, patience)
	for _, name := range []string{"fronting_out", "fronting_out_http2", "name_at_passed", "proxy_other_target"} {
		if row := rowOf(t, r, name); row.Verdict != bypass.Refused || row.Detail != bypass.Elsewhere {
			t.Errorf("%s: %s, %s", name, row.Verdict, row.Detail)
		}
	}
}

// TestShared: an address that serves both the provider and the host that passes, as
// content networks do.
func TestShared(t *testing.T) {
	w, target := open(t)
	public := newAuthority(t, "public")
	w.serve(byHost, public.byName(provider, passed), at4+":443")
	r := try(t, target, patience)
	if row := rowOf(t, r, "wrong_name"); row.Verdict != bypass.Round || row.Detail != bypass.ProvidersAnswer {
		t.Errorf("%+v", row)
	}
	// Nothing can be said to a server that did not take the hidden name.
	if row := rowOf(t, r, "ech_made_up"); row.Verdict != bypass.Refused || row.Detail != bypass.Elsewhere {
		t.Errorf("%+v", row)
	}
}

// TestProxyCredential: a proxy that wants to know who asks is told, and nobody
// else.
func TestProxyCredential(t *testing.T) {
	w, target := open(t)
	const basic = "Basic ZGVzazpodW50ZXIy" // desk:hunter2
	through := w.forward()
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("proxy-authorization") != basic {
			rw.Header().Set(proxy.HeaderPrefix+"reason", "no_credential")
			rw.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		through.ServeHTTP(rw, r)
	}), nil, proxyAt)
	saw := make(chan string, 1000)
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		saw <- r.Header.Get("proxy-authorization")
		vendor(rw, r)
	}), nil, at4+":80", poolAt)
	for _, tt := range []struct {
		credential string
		verdict    bypass.Verdict
	}{{"", bypass.Refused}, {"desk:hunter2", bypass.Round}} {
		target.ProxyCredential = tt.credential
		for _, row := range try(t, target, patience).Rows {
			if strings.HasPrefix(row.Attempt, "proxy") && row.Verdict != tt.verdict {
				t.Errorf("with %q %s: %s, %s", tt.credential, row.Attempt, row.Verdict, row.Detail)
			}
		}
	}
	close(saw)
	for h := range saw {
		if h != "" {
			t.Error("somebody else got the proxy's credential")
		}
	}
}

// TestSockets: a socket that decides is a way in; one that knows who asks says no;
// everything else that answers should not.
func TestSockets(t *testing.T) {
	w := newWorld(t)
	status := func(code int, header ...string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if len(header) > 0 {
				rw.Header().Set(header[0], header[1])
			}
			rw.WriteHeader(code)
		})
	}
	target := w.target(newAuthority(t, "ostiary"))
	for _, tt := range []struct {
		path   string
		want   bypass.Verdict
		detail string
	}{
		{w.socket(status(403, proxy.HeaderDecisionID, anID), false), bypass.Governed, bypass.Decided},
		{w.socket(status(403), false), bypass.Refused, bypass.Denied},
		{w.socket(status(401), false), bypass.Refused, bypass.Denied},
		{w.socket(status(200), false), bypass.Round, bypass.Answered},
		{w.socket(status(403), true), bypass.Round, bypass.Answered}, // gRPC has no such answer
		{"/nonexistent", bypass.Refused, bypass.NotThere},
	} {
		target.Sockets = []string{tt.path}
		for _, a := range bypass.Attempts(target) {
			if !strings.HasPrefix(a.Name, "socket ") {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if o := a.Run(ctx, target); o.Verdict != tt.want || o.Detail != tt.detail {
				t.Errorf("%s: %s, %s; want %s, %s", a.Name, o.Verdict, o.Detail, tt.want, tt.detail)
			}
			cancel()
		}
	}
}

// TestClosed: nothing is reached, in each way in which a network says so.
func TestClosed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refuse  func(context.Context) (net.Conn, error)
		timeout time.Duration
		verdict bypass.Verdict
		details []string
	}{
		{"rejected", newWorld(t).refuse, patience, bypass.Refused, []string{bypass.Unreachable}},
		{"dropped", vanish, 200 * time.Millisecond, bypass.Refused, []string{bypass.NoAnswer}},
		{"closed", shut, patience, bypass.Refused, []string{bypass.Closed, bypass.Unreachable}},
		{"silent", nil, 200 * time.Millisecond, bypass.Inconclusive, []string{bypass.Silent}},
		{"no network", func(context.Context) (net.Conn, error) { return nil, errNetwork }, patience, bypass.Refused, []string{bypass.Unreachable}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if w.refuse = tt.refuse; w.refuse == nil {
				w.refuse = w.silent
			}
			target := w.target(newAuthority(t, "ostiary"))
			target.Sockets = []string{"/nonexistent/policy.sock"}
			r := try(t, target, tt.timeout)
			if r.Alive || len(r.Rounds()) > 0 {
				t.Errorf("something is reached where nothing is")
			}
			for _, row := range r.Rows {
				switch {
				case strings.HasPrefix(row.Attempt, "socket "):
					if row.Verdict != bypass.Refused || row.Detail != bypass.NotThere {
						t.Errorf("%s: %s, %s", row.Attempt, row.Verdict, row.Detail)
					}
				case strings.HasPrefix(row.Attempt, "proxy"):
					if row.Verdict != bypass.Inconclusive && row.Detail != bypass.Closed {
						t.Errorf("%s without a proxy: %s, %s", row.Attempt, row.Verdict, row.Detail)
					}
				case row.Attempt == "quic" || row.Attempt == "quic_version" || row.Attempt == "dns_udp":
					if row.Verdict != bypass.Refused {
						t.Errorf("%s: %s, %s", row.Attempt, row.Verdict, row.Detail)
					}
				case row.Verdict != tt.verdict || !slices.Contains(tt.details, row.Detail):
					t.Errorf("%s: %s, %s", row.Attempt, row.Verdict, row.Detail)
				}
			}
		})
	}
}

const anID = "01JD0000000000000000000000"

// TestEndedAndForwarded: TLS is ended with Ostiary's authority, and what is inside
// goes on to the provider undecided: a filter that is not attached. What tries
// something inside must see it, and so must the ordinary attempt.
func TestEndedAndForwarded(t *testing.T) {
	w, ca := newWorld(t), newAuthority(t, "ostiary")
	w.serve(vendor, ca.byName(provider, passed), at4+":443", "["+at6+"]:443")
	w.serve(vendor, nil, at4+":80")
	r := try(t, w.target(ca), patience)
	for name, detail := range map[string]string{
		bypass.Ordinary: bypass.ProvidersAnswer, "direct_http2": bypass.ProvidersAnswer, "no_name": bypass.ProvidersAnswer, "upper_case_name": bypass.ProvidersAnswer,
		"fronting_in": bypass.ProvidersAnswer, "address_in_host": bypass.ProvidersAnswer, "coalescing": bypass.ProvidersAnswer, "websocket": bypass.Upgraded,
		"connect_inside": bypass.Tunnelled, "connect_inside_http2": bypass.Tunnelled, "absolute_inside": bypass.ProvidersAnswer, "smuggled": bypass.ProvidersAnswer, "ipv6": bypass.ProvidersAnswer,
	} {
		if row := rowOf(t, r, name); row.Verdict != bypass.Round || row.Detail != detail {
			t.Errorf("%s: %s, %s; not round, %s", name, row.Verdict, row.Detail, detail)
		}
	}
}

// TestFirstDecided: the first request of a connection is decided on and those
// behind it are not.
func TestFirstDecided(t *testing.T) {
	w, ca := newWorld(t), newAuthority(t, "ostiary")
	first := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Host == provider {
			rw.Header().Set(proxy.HeaderDecisionID, anID)
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		store(rw, r)
	})
	w.serve(first, ca.byName(provider), at4+":443")
	r := try(t, w.target(ca), patience)
	for name, verdict := range map[string]bypass.Verdict{bypass.Ordinary: bypass.Governed, "direct_http2": bypass.Governed, "coalescing": bypass.Round, "fronting_in": bypass.Round, "address_in_host": bypass.Round} {
		if row := rowOf(t, r, name); row.Verdict != verdict {
			t.Errorf("%s: %s, %s", name, row.Verdict, row.Detail)
		}
	}
	if row := rowOf(t, r, bypass.Ordinary); row.ID != anID || row.Detail != bypass.Decided {
		t.Errorf("%+v", row)
	}
}

// TestSmuggled: the second of two answers is judged, too.
func TestSmuggled(t *testing.T) {
	w, ca := newWorld(t), newAuthority(t, "ostiary")
	l := w.listen(at4 + ":443")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				s := tls.Server(c, ca.byName(provider))
				_, _ = s.Read(make([]byte, 4096))
				_, _ = fmt.Fprintf(s, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n%s: %s\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", proxy.HeaderDecisionID, anID)
				_ = s.Close()
			}()
		}
	}()
	r := try(t, w.target(ca), patience)
	if row := rowOf(t, r, "smuggled"); row.Verdict != bypass.Round || row.Detail != bypass.Undecided {
		t.Errorf("smuggled: %s, %s", row.Verdict, row.Detail)
	}
	if row := rowOf(t, r, bypass.Ordinary); row.Verdict != bypass.Governed {
		t.Errorf("%+v", row)
	}
}

// TestOnlyAuthority: who signed decides, not what a certificate says of itself.
func TestOnlyAuthority(t *testing.T) {
	w, real, forged := newWorld(t), newAuthority(t, "ostiary"), newAuthority(t, "ostiary")
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set(proxy.HeaderDecisionID, anID)
	}), forged.byName(provider), at4+":443")
	if row := rowOf(t, try(t, w.target(real), patience), bypass.Ordinary); row.Verdict != bypass.Round || row.Detail != bypass.ProvidersCertificate {
		t.Errorf("an authority of the same name: %+v", row)
	}
	// Without an authority an answer with a decision may be Ostiary's.
	r := try(t, w.target(nil), patience)
	for _, name := range []string{bypass.Ordinary, "direct_http2"} {
		if row := rowOf(t, r, name); row.Verdict != bypass.Inconclusive || row.Detail != bypass.AuthorityMissing || row.ID != anID {
			t.Errorf("%s without an authority: %+v", name, row)
		}
	}
}

// TestRefusals: what counts as one of Ostiary's refusals, and what does not.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, header, value, body string
		status                    int
		verdict                   bypass.Verdict
		detail                    string
	}{
		{"Envoy's, in Ostiary's words", "", "", `{"error":{"type":"policy_unavailable","code":"no_verdict","message":"…"}}`, 503, bypass.Refused, bypass.Denied},
		{"of the way in", proxy.HeaderPrefix + "reason", "no_name", `{}`, 403, bypass.Refused, bypass.Denied},
		{"such a word, but a success", proxy.HeaderPrefix + "reason", "x", `{}`, 200, bypass.Round, bypass.Undecided},
		{"the provider's", "", "", `{"error":{"code":"invalid_api_key"}}`, 401, bypass.Round, bypass.ProvidersAnswer},
		{"an id that is none", proxy.HeaderDecisionID, "yes", `hello`, 200, bypass.Round, bypass.Undecided},
		{"a success under a decision", proxy.HeaderDecisionID, anID, `{}`, 200, bypass.Governed, bypass.Decided},
		{"a server's own 404", "", "", `not found`, 404, bypass.Round, bypass.Undecided},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, ca := newWorld(t), newAuthority(t, "ostiary")
			w.serve(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					rw.Header().Set(tt.header, tt.value)
				}
				rw.WriteHeader(tt.status)
				fmt.Fprint(rw, tt.body)
			}), ca.byName(provider), at4+":443")
			target := w.target(ca)
			list := bypass.Attempts(target)
			r := bypass.Try(t.Context(), target, list[:2], patience)
			for _, row := range r.Rows {
				if row.Verdict != tt.verdict || row.Detail != tt.detail {
					t.Errorf("%s: %s, %s", row.Attempt, row.Verdict, row.Detail)
				}
			}
		})
	}
}

// TestProve: only a run that came through itself proves anything.
func TestProve(t *testing.T) {
	row := func(name string, v bypass.Verdict) bypass.Row { return bypass.Row{Attempt: name, Verdict: v} }
	inside := bypass.Report{Host: provider, Rows: []bypass.Row{row(bypass.Ordinary, bypass.Governed), row("quic", bypass.Refused), row("ipv6", bypass.Refused)}}
	for _, bad := range []bypass.Report{
		{Host: "other.example", Rows: []bypass.Row{row(bypass.Ordinary, bypass.Round)}},
		{Host: provider, Rows: []bypass.Row{row(bypass.Ordinary, bypass.Refused), row("quic", bypass.Round)}},
		{Host: provider},
	} {
		if inside.Prove(bad) || inside.Rows[1].Proof != "" {
			t.Errorf("%+v proves something", bad)
		}
	}
	if !inside.Prove(bypass.Report{Host: provider, Rows: []bypass.Row{row(bypass.Ordinary, bypass.Round), row("quic", bypass.Round), row("ipv6", bypass.Refused)}}) {
		t.Fatal("a good run proves nothing")
	}
	if inside.Rows[1].Proof != bypass.Shown || inside.Rows[2].Proof != bypass.Unshown {
		t.Errorf("%+v", inside.Rows)
	}
}

// TestNames: an attempt has one name, and no two have the same: runs are compared
// by it.
func TestNames(t *testing.T) {
	_, target := open(t)
	seen := map[string]bool{}
	for _, a := range bypass.Attempts(target) {
		if seen[a.Name] || a.Why == "" {
			t.Errorf("%s: twice, or without a reason", a.Name)
		}
		seen[a.Name] = true
	}
	if left := bypass.Left(bypass.Target{}); len(left) < 5 {
		t.Errorf("a target without anything leaves out %q", left)
	}
	if left := bypass.Left(target); len(left) != 0 {
		t.Errorf("a target with everything leaves out %q", left)
	}
}
