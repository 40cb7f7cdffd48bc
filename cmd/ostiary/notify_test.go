package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/notify"
)

// A policy wants two told: the one is, by a signed message that holds nothing of the
// request; that the other is not stands in the log. On both planes.
func TestNotify(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		type told struct {
			header http.Header
			body   []byte
		}
		got := make(chan told, 8)
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if r.URL.Path == "/refuses" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			got <- told{r.Header, b}
		}))
		defer hook.Close()
		dir := t.TempDir()
		text := `package ostiary.policies.house

# METADATA
# title: Tell of secrets
notify contains {"rule": "tell", "message": "Security is told.", "to": to} if {
	input.findings.groups.credential.count > 0
	some to in ["security", "broken", "nobody"]
}

# METADATA
# title: No secrets
deny contains {"rule": "secret", "message": "No.", "code": "no_secrets"} if input.findings.groups.credential.count > 0
`
		if err := os.WriteFile(filepath.Join(dir, "house.rego"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("OSTIARY_TEST_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		in := launch(t, plane, "policies: "+dir+"\npolicy:\n  notify:\n    - {name: security, url: \""+hook.URL+"/told\", secret: {env: OSTIARY_TEST_HOOK}}\n"+
			"    - {name: broken, url: \""+hook.URL+"/refuses\", secret: {env: OSTIARY_TEST_HOOK}}\n")
		if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK {
			t.Fatalf("an ordinary request: %d %s", r.status, r.body)
		}
		if r := in.post("/v1/chat/completions", chat(secret)); r.status != http.StatusForbidden {
			t.Fatalf("a secret: %d %s", r.status, r.body)
		}
		var m told
		select {
		case m = <-got:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was told")
		}
		in.end()
		var body struct {
			ID, Source, Type string
			Data             struct {
				Action, Code string
				Rules        []string
			}
		}
		if err := json.Unmarshal(m.body, &body); err != nil {
			t.Fatal(err)
		}
		decision := in.events(proxy.EventDecision)[1]
		if body.ID != decision.ID || body.Type != notify.Type || !strings.HasPrefix(body.Source, "/ostiary/") || body.Data.Action != "deny" || body.Data.Code != "no_secrets" ||
			strings.Join(body.Data.Rules, " ") != "house.secret house.tell" {
			t.Errorf("message %s of decision %s", m.body, decision.ID)
		}
		key, err := notifyKey(context.Background(), config.Secret{Env: "OSTIARY_TEST_HOOK"})
		if err != nil || m.header.Get("webhook-signature") != notify.Sign(key, body.ID, m.header.Get("webhook-timestamp"), m.body) {
			t.Errorf("the signature does not verify: %v", err)
		}
		if len(got) > 0 {
			t.Error("more than one message")
		}
		failed := map[string]bool{}
		for _, ev := range in.events(proxy.EventAdmin) {
			if ev.Admin.Action == adminNotifyFailed {
				failed[ev.Admin.Detail] = true
			}
		}
		if len(failed) != 2 || !failed["broken refused 1"] || !failed["other not_configured 1"] {
			t.Errorf("failures in the log: %v", failed)
		}
		if d := decision.Decision; strings.Join(d.Notify, " ") != "broken nobody security" {
			t.Errorf("the event has %v", d.Notify)
		}
	})
}

// A key that cannot be had is a warning, and holds up nothing.
func TestNotifyKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) config.Secret {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Secret{File: p}
	}
	const value = "a-key-of-the-tests-which-is-long"
	for _, c := range []struct {
		name   string
		secret config.Secret
		key    string
		wrong  string
	}{
		{"file", file("a", value+"\n"), value, ""},
		{"command", config.Secret{Command: []string{"printf", value}}, value, ""},
		{"base64", file("b", "whsec_a2V5"), "key", ""},
		{"no base64", file("c", "whsec_***"), "", "not in base64"},
		{"empty", file("d", "\n"), "", "holds no key"},
		{"too long", file("e", strings.Repeat("x", notifyKeyMost+1)), "", "bytes: want"},
		{"not printable", file("g", "k\x00ey"), "", "control characters"},
		{"no file", config.Secret{File: filepath.Join(dir, "none")}, "", "does not exist"},
		{"no variable", config.Secret{Env: "OSTIARY_TEST_NOT_SET"}, "", "is not set"},
		{"no command", config.Secret{Command: []string{"false"}}, "", "failed"},
	} {
		key, err := notifyKey(context.Background(), c.secret)
		if string(key) != c.key || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %d bytes, %v", c.name, len(key), err)
		}
	}
	cfg := config.Default()
	cfg.Policy.Notify = []config.Notify{{Name: "a", URL: "https://a.example", Secret: config.Secret{Env: "OSTIARY_TEST_NOT_SET"}}, {Name: "b", URL: "https://b.example", Secret: file("f", "short")}}
	targets, warnings, err := notifyTargets(context.Background(), cfg)
	if err != nil || len(targets) != 2 || targets[0].Name != "a" || len(targets[0].Key) != 0 || targets[1].Name != "b" || string(targets[1].Key) != "short" || len(warnings) != 2 {
		t.Errorf("%d targets, %v, %v", len(targets), warnings, err)
	}
}

// What is for this machine does not go to a proxy, which could read it.
func TestNotifyProxy(t *testing.T) {
	var through atomic.Int64
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { through.Add(1) }))
	defer away.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer here.Close()
	t.Setenv("OSTIARY_TEST_NOTIFY_KEY", "a-key-of-the-tests-which-is-long")
	cfg := config.Default()
	cfg.Upstream.Proxy = away.URL
	cfg.Policy.Notify = []config.Notify{{Name: "a", URL: here.URL, Secret: config.Secret{Env: "OSTIARY_TEST_NOTIFY_KEY"}}}
	targets, _, err := notifyTargets(context.Background(), cfg)
	if err != nil || len(targets) != 1 {
		t.Fatal(len(targets), err)
	}
	resp, err := targets[0].Client.Get(here.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent || through.Load() != 0 {
		t.Errorf("%d, %d requests through the proxy", resp.StatusCode, through.Load())
	}
	if resp, err := targets[0].Client.Get("https://hooks.example/"); err == nil {
		resp.Body.Close()
	}
	if through.Load() != 1 {
		t.Errorf("%d requests of others through the proxy, want 1", through.Load())
	}
}
