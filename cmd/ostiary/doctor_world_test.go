//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
	"golang.org/x/net/quic"

	"github.com/ostiary/ostiary/proxy/bypass"
	"github.com/ostiary/ostiary/proxy/console"
)

// TestNothingGoesRound: real namespaces, rules and planes. The vendor answers at
// every port, by QUIC and over IPv6, and so does everything else that an attempt
// needs: Ostiary's own user, whom the rules leave alone, comes through.
func TestNothingGoesRound(t *testing.T) {
	w := newWorld(t)
	w.openVendor()
	pool := w.openPool()
	for _, plane := range []string{"embedded", "envoy"} {
		t.Run(plane, func(t *testing.T) {
			w := &world{t: t, dir: w.dir, inside: w.inside, outside: w.outside, views: w.views, vendorCA: w.vendorCA, siteCA: w.siteCA}
			r := w.run(plane, "")
			defer r.kill()
			trust := w.path("trust." + plane + ".pem")
			certs, err := os.ReadFile(w.path("ostiary", "ca", "trust.pem"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, trust, string(certs), 0o644)
			doctor := func(uid int, user string, more ...string) (bypassReport, int) {
				args := append([]string{
					"doctor", "--bypass", "--json", "--target", vendorOpenAI, "--address", vendor4, "--address", vendor6, "--passed", ordinarySite,
					"--ca", trust, "--proxy", atProxy, "--pool", pool, "--resolver", resolver4, "--doh", "none", "--timeout", "10s",
					"--socket", filepath.Join(w.path("ostiary", "state", "keys"), console.SocketName),
				}, more...)
				return w.doctor(uid, user, args...)
			}

			// Whom the rules leave alone: everything that is not refused anyway comes
			// through.
			w.rules(r.file, "--only", "--protect", pool)
			defer w.rules("")
			out, status := doctor(uidOstiary, "ostiary")
			if status != exitNo || out.Verdict != verdictRound {
				t.Errorf("from outside: status %d, %s", status, out.Verdict)
			}
			round := roundOf(out)
			for _, name := range []string{bypass.Ordinary, "direct_http2", "no_name", "address_as_name", "upper_case_name", "ech_made_up", "plain_80", "port_8443", "ipv6", "quic", "quic_version", "pool " + pool} {
				if !slices.Contains(round, name) {
					t.Errorf("from outside %s does not come through: the attempt is blind", name)
				}
			}
			reference := w.path("reference." + plane + ".json")
			raw, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			write(t, reference, string(raw), 0o644)

			// The application.
			out, status = doctor(uidApp, "app", "--reference", reference, "--log", w.readableLog())
			if out.LookedUp < 10 {
				t.Errorf("%d decisions were looked up", out.LookedUp)
			}
			if status != exitYes || out.Verdict != verdictClosed {
				t.Errorf("status %d, %s; %q go round, %d cannot be told", status, out.Verdict, roundOf(out), len(out.Open()))
			}
			cmd := w.command("both", uidApp, w.home("app"), "ostiary", "doctor", "--bypass", "--target", vendorOpenAI, "--address", vendor4, "--passed", ordinarySite,
				"--ca", trust, "--proxy", atProxy, "--resolver", "none", "--doh", "none", "--reference", reference)
			if table, err := cmd.Output(); err != nil || !strings.Contains(string(table), "NOTHING GOES ROUND") || !strings.Contains(string(table), "COMES THROUGH OUTSIDE") {
				t.Errorf("%v\n%s", err, table)
			} else {
				t.Logf("%s", table)
			}
			want := map[string]bypass.Verdict{
				bypass.Ordinary: bypass.Governed, "direct_http2": bypass.Governed, "upper_case_name": bypass.Governed, "ipv6": bypass.Governed, "fronting_in": bypass.Governed,
				"proxy": bypass.Governed, "proxy_old": bypass.Governed, "proxy_http2": bypass.Governed, "proxy_other_target": bypass.Governed,
				"no_name": bypass.Refused, "wrong_name": bypass.Refused, "ech_made_up": bypass.Refused, "port_8443": bypass.Refused, "plain_80": bypass.Refused,
				"quic": bypass.Refused, "quic_version": bypass.Refused, "pool " + pool: bypass.Refused,
			}
			for _, row := range out.Rows {
				if v := want[row.Attempt]; v != "" && row.Verdict != v {
					t.Errorf("%s: %s, %s; want %s", row.Attempt, row.Verdict, row.Detail, v)
				}
				if slices.Contains(round, row.Attempt) && row.Proof != bypass.Shown {
					t.Errorf("%s is not said to come through outside", row.Attempt)
				}
			}

			// Without --only a port that is not redirected leads round, and is named.
			w.rules(r.file)
			out, status = doctor(uidApp, "app")
			if got := roundOf(out); status != exitNo || !slices.Contains(got, "port_8443") || !slices.Contains(got, "plain_80") || slices.Contains(got, bypass.Ordinary) || slices.Contains(got, "quic") {
				t.Errorf("without --only: status %d, %q", status, got)
			}

			// Without rules everything does.
			w.rules("")
			out, status = doctor(uidApp, "app")
			if got := roundOf(out); status != exitNo || !slices.Contains(got, bypass.Ordinary) || !slices.Contains(got, "quic") {
				t.Errorf("without rules: status %d, %q", status, got)
			}

			// With Ostiary gone nothing comes through, and nothing can be told.
			w.rules(r.file, "--only", "--protect", pool, "--uid", fmt.Sprint(uidOstiary))
			r.kill()
			out, status = doctor(uidApp, "app")
			if status != exitUnknown || out.Alive || len(out.Rounds()) > 0 {
				t.Errorf("with Ostiary gone: status %d, %q", status, roundOf(out))
			}
		})
	}
}

func roundOf(r bypassReport) (out []string) {
	for _, row := range r.Rounds() {
		out = append(out, row.Attempt)
	}
	return out
}

// resolver4 is an address outside at which nobody answers.
const resolver4 = "203.0.113.1"

// doctor runs the command inside as a user, and gives what it found.
func (w *world) doctor(uid int, user string, args ...string) (r bypassReport, status int) {
	w.t.Helper()
	cmd := w.command("both", uid, w.home(user), append([]string{"ostiary"}, args...)...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		w.t.Fatalf("doctor: %v\n%s%s", err, out.String(), diag.String())
	}
	if diag.Len() > 0 {
		w.t.Errorf("doctor says: %s", diag.String())
	}
	for _, row := range r.Rows {
		w.t.Logf("%-28s %-12s %s", row.Attempt, row.Verdict, row.Detail)
	}
	return r, cmd.ProcessState.ExitCode()
}

// rules writes rules of redirection, or removes them.
func (w *world) rules(file string, more ...string) {
	w.t.Helper()
	args := []string{"redirect", "down"}
	if file != "" {
		args = append([]string{"redirect", "up", "--config", file}, more...)
	}
	cmd := w.command("both", 0, w.home("root"), append([]string{"ostiary"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("ostiary %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// readableLog lets everybody inside read the audit log, as a copy elsewhere would.
func (w *world) readableLog() string {
	w.t.Helper()
	dir := w.path("ostiary", "log")
	w.sh("chmod -R a+rX " + dir)
	return dir
}

// openVendor lets the vendor answer wherever an attempt asks.
func (w *world) openVendor() {
	cert := w.vendorCA.leaf(w.t, vendorOpenAI)
	api := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("content-type", "application/json")
		rw.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(rw, `{"error":{"message":"no key","type":"invalid_request_error"}}`)
	})
	w.serve(w.listen(w.outside, vendor4+":8443")[0], api, &cert)
	w.serve(w.listen(w.outside, vendor4+":80")[0], api, nil)
	for _, a := range []string{vendor4, vendor6} {
		w.openQUIC(net.JoinHostPort(a, "443"), &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}})
	}
}

// openQUIC serves QUIC outside.
func (w *world) openQUIC(at string, conf *tls.Config) {
	w.t.Helper()
	var e *quic.Endpoint
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			ours, err := netns.Get()
			if err != nil {
				return err
			}
			defer func() { _ = ours.Close() }()
			theirs, err := netns.GetFromPid(w.outside.pid)
			if err != nil {
				return err
			}
			defer func() { _ = theirs.Close() }()
			if err := netns.Set(theirs); err != nil {
				return err
			}
			if e, err = quic.Listen("udp", at, &quic.Config{TLSConfig: conf}); err != nil {
				return err
			}
			// A thread that ended would take the processes with it that it started.
			if err := netns.Set(ours); err != nil {
				return err
			}
			runtime.UnlockOSThread()
			return nil
		}()
	}()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Close(ctx)
	})
}

// openPool serves a model in-house that lies outside of the namespace.
func (w *world) openPool() string {
	const at = "203.0.113.1:8000"
	w.serve(w.listen(w.outside, at)[0], http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"object":"list","data":[]}`)
	}), nil)
	return at
}
