package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy/bypass"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/intercept"
)

// accessLine is one line of Envoy's access log.
func accessLine(id, decision, upstream string, sent, rx, calls int) string {
	quote := func(s string) string {
		if s == "" {
			return "null"
		}
		return `"` + s + `"`
	}
	return fmt.Sprintf(`{"decision":%s,"decision_id":%s,"pool":"openai","upstream":%s,"attempts":1,"up_tx":%d,"rx":%d,"code":200,"details":"via_upstream","flags":"-","extproc":{"request_body_call_count":%d}}`,
		quote(decision), quote(id), quote(upstream), sent, rx, calls)
}

// TestReconcile: auditBook has a reroute (1) and a denial (3).
func TestReconcile(t *testing.T) {
	log := auditBook(t)
	const up = "192.0.2.1:443"
	fine := accessLine(bookID(1), "allow", up, 600, 512, 1)
	denied := accessLine(bookID(3), "", "", 0, 100, 1)
	unsent := strings.Replace(accessLine(bookID(1), "allow", "", 0, 512, 1), `"flags":"-"`, `"flags":"UF"`, 1)
	for _, tt := range []struct {
		name   string
		lines  []string
		status int
		says   []string
	}{
		{"everything is decided", []string{fine, denied}, exitYes, []string{"EVERYTHING THAT WAS SENT WAS DECIDED", "sent and decided                       1         600", "decided and not sent: data policy denied  1", "2 lines"}},
		{"decided and lost on the way", []string{unsent, denied}, exitYes, []string{"decided and not sent: upstream failed"}},
		{"never decided", []string{fine, accessLine(bookID(7), "allow", up, 70, 10, 1)}, exitNo, []string{"SOMETHING LEFT", "LEAK: sent and never decided", bookID(7)}},
		{"without an id", []string{fine, accessLine("", "allow", up, 70, 10, 1)}, exitNo, []string{"LEAK: sent and never decided"}},
		{"with an id that is none", []string{fine, accessLine("my-own", "allow", up, 70, 10, 1)}, exitNo, []string{"LEAK: sent and never decided"}},
		{"denied and yet sent", []string{accessLine(bookID(3), "allow", up, 900, 100, 1)}, exitNo, []string{"LEAK: denied and yet sent", bookID(3), "900"}},
		{"without inspection of the body", []string{accessLine(bookID(1), "allow", up, 600, 512, 0)}, exitNo, []string{"LEAK: sent without body inspection", bookID(1), "600"}},
		{"without a verdict", []string{accessLine(bookID(1), "", up, 600, 512, 1)}, exitNo, []string{"LEAK: ungoverned send"}},
		{"failed open", []string{strings.Replace(fine, `"extproc":{`, `"extproc":{"failed_open":true,`, 1)}, exitNo, []string{"LEAK: failed open"}},
		{"an unreadable line", []string{fine, "what is this"}, exitUnknown, []string{"unreadable lines", "CANNOT TELL"}},
		{"a leak beside an unreadable line", []string{"what is this", accessLine(bookID(7), "allow", up, 70, 10, 1)}, exitNo, []string{"SOMETHING LEFT"}},
		{"nothing", nil, exitUnknown, []string{"the access log is empty"}},
		{"a refusal that Envoy has no id of", []string{fine}, exitYes, []string{"decided and not sent: data policy denied 1", bookID(3)}},
		{"not in this log", []string{denied}, exitYes, []string{"to be sent, and not in this access log", bookID(1)}},
		{"twice", []string{fine, fine}, exitYes, []string{"in several lines"}},
		{"connections", []string{fine, `{"connection":"redirect","chain":"passed","name":"www.example.org:443","up_tx":100}`}, exitYes, []string{"1 of them about connections"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "access.jsonl")
			if err := os.WriteFile(file, []byte(strings.Join(tt.lines, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			status, out, diag := ostiary("doctor", "--reconcile", file, "--log", log)
			if status != tt.status {
				t.Errorf("exit status %d, not %d\n%s", status, tt.status, diag)
			}
			for _, s := range tt.says {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(s), " ")) {
					t.Errorf("it does not say %q:\n%s", s, out)
				}
			}
			if strings.Contains(out, "my-own") || strings.Contains(out, "www.example.org") {
				t.Error("a client's word is printed")
			}
			status, out, _ = ostiary("doctor", "--reconcile", file, "--log", log, "--json")
			var r reconciliation
			if err := json.Unmarshal([]byte(out), &r); err != nil || status != tt.status || r.Lines != int64(len(tt.lines)) {
				t.Errorf("as JSON: status %d, %v\n%s", status, err, out)
			}
		})
	}
	if status, _, diag := ostiary("doctor", "--reconcile", "/nonexistent", "--log", log); status != exitUnknown || diag == "" {
		t.Errorf("no access log: status %d, %q", status, diag)
	}
}

// TestReconcileOlder: a log whose beginning is gone cannot say what it had decided.
func TestReconcileOlder(t *testing.T) {
	book := &decisionBook{by: map[string]*ruled{bookID(5): {action: "allow"}, bookID(8): {action: "allow", here: true}}, first: bookID(5)}
	r := reconcile(entriesOf(accessLine(bookID(4), "allow", "192.0.2.1:443", 10, 1, 1), accessLine(bookID(5), "allow", "192.0.2.1:443", 10, 1, 1)), book)
	if r.leaked() || !r.open() || r.Older.Requests != 1 || r.Sent.Requests != 1 || r.Unsent["answered_here"].Requests != 1 {
		t.Errorf("%+v", r)
	}
	r = reconcile(entriesOf(accessLine(bookID(6), "allow", "192.0.2.1:443", 10, 1, 1)), book)
	if !r.leaked() {
		t.Errorf("%+v", r)
	}
}

// TestDoctorAsks: what is asked wrongly is said to be so, without a word of the
// proxy's credentials.
func TestDoctorAsks(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.json")
	if err := os.WriteFile(other, []byte(`{"host":"other.example","rows":[{"attempt":"direct","verdict":"round"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(dir, "bundle.pem")
	var many bytes.Buffer
	for range 9 { // no authority has as many
		a, err := strangeAuthority("a.example")
		if err != nil {
			t.Fatal(err)
		}
		many.Write(intercept.EncodeCertificates([]*x509.Certificate{a.Certificate()}))
	}
	if err := os.WriteFile(bundle, many.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--ca", bundle}, "public roots"},
		{nil, "one question"},
		{[]string{"--bypass", "--reconcile", "x"}, "one question"},
		{[]string{"--bypass", "--target", "a.example", "--provider", "openai"}, "name one"},
		{[]string{"--bypass", "--provider", "nobody"}, "ostiary providers"},
		{[]string{"--bypass", "--target", "a b"}, "--target"},
		{[]string{"--bypass", "--target", "a.example", "--address", "somewhere"}, "no address"},
		{[]string{"--bypass", "--target", "a.invalid"}, "--address"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--port", "70000"}, "no port"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--proxy", "app:hunter2@nowhere"}, "HOST:PORT"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--pool", "nowhere"}, "HOST:PORT"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--resolver", "dns"}, "--resolver"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--ech", "%"}, "base64"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--ca", "/nonexistent/ca.pem"}, "--ca"},
		{[]string{"--bypass", "--target", "a.example", "--address", "192.0.2.1", "--reference", "/nonexistent"}, "nonexistent"},
		{[]string{"--bypass", "--target", "a.example", "--address", "127.0.0.1", "--passed", "localhost", "--resolver", "none", "--doh", "none", "--reference", other}, "proves nothing"},
		{[]string{"--bypass", "--timeout", "-1s"}, "--timeout"},
	} {
		status, _, diag := ostiary(append([]string{"doctor"}, tt.args...)...)
		if status != exitUnknown || !strings.Contains(diag, tt.says) || strings.Contains(diag, "hunter2") {
			t.Errorf("%q: status %d, %q; want %q", tt.args, status, diag, tt.says)
		}
	}
}

// TestBypassVerdict: what the rows come to, and that what goes round is named
// first.
func TestBypassVerdict(t *testing.T) {
	row := func(name string, v bypass.Verdict, note bool) bypass.Row {
		return bypass.Row{Attempt: name, Why: "why of " + name, Verdict: v, Detail: "some_word", Note: note}
	}
	good, bad, open := row("one", bypass.Governed, false), row("two", bypass.Round, false), row("three", bypass.Inconclusive, false)
	note := row("four", bypass.Round, true)
	for _, tt := range []struct {
		name    string
		rows    []bypass.Row
		alive   bool
		known   bool
		verdict string
		says    string
	}{
		{"as it must be", []bypass.Row{good, note}, true, true, verdictClosed, "NOTHING GOES ROUND; 2 attempts"},
		{"one goes round", []bypass.Row{good, open, bad}, true, true, verdictRound, "GOES ROUND: 1 ways"},
		{"one cannot be told", []bypass.Row{good, open}, true, true, verdictUnknown, "CANNOT TELL: 1 attempts"},
		{"no network", []bypass.Row{row("one", bypass.Refused, false)}, false, true, verdictUnknown, "nothing at all is reached"},
		{"the log does not say", []bypass.Row{good}, true, false, verdictUnknown, "CANNOT TELL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bypassReport{Report: bypass.Report{Host: "api.vendor.example", Alive: tt.alive, Rows: tt.rows}}
			if r.Verdict = r.verdict(tt.known); r.Verdict != tt.verdict {
				t.Errorf("%s, not %s", r.Verdict, tt.verdict)
			}
			var b strings.Builder
			if err := r.print(&b); err != nil || !strings.Contains(b.String(), tt.says) {
				t.Errorf("it does not say %q: %v\n%s", tt.says, err, b.String())
			}
			if tt.verdict == verdictRound && !strings.HasPrefix(b.String(), "GOES ROUND  two: some word") {
				t.Errorf("what goes round is not named first:\n%s", b.String())
			}
		})
	}
}

// TestForgedDecision: an id that the log does not have is somebody else's answer.
func TestForgedDecision(t *testing.T) {
	log := auditBook(t)
	r := bypassReport{Report: bypass.Report{Alive: true, Rows: []bypass.Row{
		{Attempt: "recorded", Verdict: bypass.Governed, Detail: bypass.Decided, ID: bookID(3)},
		{Attempt: "silent", Verdict: bypass.Refused, Detail: bypass.Closed},
		{Attempt: "forged", Verdict: bypass.Governed, Detail: bypass.Decided, ID: bookID(9)},
	}}}
	known, err := r.lookUp(t.Context(), log)
	if err != nil || !known || r.LookedUp != 1 || r.Rows[0].Verdict != bypass.Governed {
		t.Errorf("%v, %v, %+v", known, err, r)
	}
	if row := r.Rows[2]; row.Verdict != bypass.Round || row.Detail != bypass.NotInLog || r.verdict(known) != verdictRound {
		t.Errorf("%+v", row)
	}
	if _, err := r.lookUp(t.Context(), "/nonexistent"); err == nil {
		t.Error("a log that is not there says something")
	}
}

// TestDoctorLists: the list needs no network, and says why of each.
func TestDoctorLists(t *testing.T) {
	status, out, diag := ostiary("doctor", "--list", "--target", "api.vendor.example", "--proxy", "127.0.0.1:3128", "--pool", "127.0.0.1:8000")
	for _, name := range []string{"direct ", "ech_made_up ", "quic ", "proxy_in_proxy ", "pool 127.0.0.1:8000 ", "dns_udp ", "port_8443 "} {
		if !strings.Contains(out, "\n"+name) && !strings.HasPrefix(out, name) {
			t.Errorf("%q is not listed", name)
		}
	}
	if status != exitYes || diag != "" {
		t.Errorf("status %d, %s", status, diag)
	}
}

// TestOwnCertificates: below an organisation's authority, which signs others too,
// Ostiary's are known by its own. Who may not read its keys sees what clients trust.
func TestOwnCertificates(t *testing.T) {
	d, err := openAuthority(companyDirectory(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	got, err := trusted(d)
	if err != nil || len(got) != 1 || !got[0].Equal(a.Certificate()) || !a.Subordinate() {
		t.Errorf("%d certificates, %v", len(got), err)
	}
	alone := t.TempDir()
	raw, err := os.ReadFile(d.TrustPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(alone, filepath.Base(d.TrustPath())), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := openAuthority(alone)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := trusted(other); err != nil || len(got) != 1 || !got[0].Equal(a.Trust()[0]) {
		t.Errorf("%d certificates, %v", len(got), err)
	}
}

func entriesOf(lines ...string) (out []envoy.Entry) {
	for _, l := range lines {
		out = append(out, envoy.ParseEntry([]byte(l)))
	}
	return out
}
