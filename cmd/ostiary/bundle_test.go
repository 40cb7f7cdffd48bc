package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/testdata/env"
)

// bundleShelf serves a bundle that a test changes, over real HTTP.
type bundleShelf struct {
	*httptest.Server
	body atomic.Pointer[[]byte] // nil: 500
}

func newBundleShelf(t *testing.T, body []byte) *bundleShelf {
	t.Helper()
	s := &bundleShelf{}
	s.body.Store(&body)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := s.body.Load()
		if b == nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(*b))
	}))
	t.Cleanup(s.Close)
	return s
}

// versionedPolicies deny every chat under two rules of the same version: a mixture
// of two versions would show.
func versionedPolicies(t *testing.T, version string) []byte {
	t.Helper()
	text := fmt.Sprintf(`package ostiary.policies.house

# METADATA
# title: First
deny contains {"rule": "first", "message": "of %[1]s"} if input.request.operation == "chat"

# METADATA
# title: Second
deny contains {"rule": "second", "message": "of %[1]s"} if input.request.operation == "chat"
`, version)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "house.rego"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Build(policies.Options{Path: dir}, version, bundle.Signer{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Policies are replaced under load: every request is decided, and each by one
// version alone, which its event names. On both planes, from a web server and from a
// registry.
func TestBundleHotSwap(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		shelf := newBundleShelf(t, versionedPolicies(t, "v0"))
		swapUnderLoad(t, plane, shelf.URL+"/house.tar.gz", func(version string) {
			body := versionedPolicies(t, version)
			shelf.body.Store(&body)
		}, func() { shelf.body.Store(nil) })
	})
	t.Run("registry", func(t *testing.T) {
		r := env.Registry(t, "")
		pushBundle(t, r.Address, versionedPolicies(t, "v0"))
		swapUnderLoad(t, "embedded", "oci://"+r.Address+"/policies/house:live", func(version string) {
			pushBundle(t, r.Address, versionedPolicies(t, version))
		}, func() {})
	})
}

// pushBundle puts a bundle into a registry as policies/house:live, in the form in
// which opa pushes one.
func pushBundle(t *testing.T, address string, b []byte) {
	t.Helper()
	ctx, store := context.Background(), memory.New()
	layer, err := oras.PushBytes(ctx, store, "application/vnd.oci.image.layer.v1.tar+gzip", b)
	if err != nil {
		t.Fatal(err)
	}
	config, err := oras.PushBytes(ctx, store, "application/vnd.oci.image.config.v1+json", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, "", oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}, ConfigDescriptor: &config})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Tag(ctx, m, "live"); err != nil {
		t.Fatal(err)
	}
	repo, err := remote.NewRepository(address + "/policies/house")
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = true
	if _, err := oras.Copy(ctx, store, "live", repo, "live", oras.DefaultCopyOptions); err != nil {
		t.Fatal(err)
	}
}

// swapUnderLoad serves policies of a source, to which put brings other versions and
// which away takes away, while requests flow.
func swapUnderLoad(t *testing.T, plane, source string, put func(version string), away func()) {
	in := launch(t, plane, "limits: {commit: 20s, decision: 30s}\npolicy:\n  bundle: {source: \""+source+"\", poll: 1s}\n")
	log := in.places.log
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.wait(ctx) }()
	in.stopped = true

	var wg sync.WaitGroup
	var asked atomic.Int64
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				req, err := http.NewRequest(http.MethodPost, in.url+"/v1/chat/completions", strings.NewReader(chat(fmt.Sprintf("%s %d", ordinary, i))))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("content-type", "application/json")
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				answer, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if asked.Add(1); resp.StatusCode != http.StatusForbidden {
					t.Errorf("status %d, want 403: %s", resp.StatusCode, answer)
					return
				}
			}
		})
	}
	const versions = 4
	for v := 1; v <= versions; v++ {
		put(fmt.Sprintf("v%d", v))
		awaitText(t, in.screen, "new policies", v)
	}
	away()
	for last := asked.Load(); asked.Load() < last+20 && !t.Failed(); time.Sleep(5 * time.Millisecond) {
	}
	close(stop)
	wg.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}

	messages := map[string]string{} // revision to version
	decided := 0
	for _, ev := range readEvents(t, log, proxy.EventDecision) {
		decided++
		d := ev.Decision
		if d.Action != proxy.Deny || len(d.Reasons) != 2 || d.Reasons[0].Message != d.Reasons[1].Message {
			t.Fatalf("decision %s: action %s, code %s, reasons %+v: undecided, or of a mixture", ev.ID, d.Action, d.Code, d.Reasons)
		}
		if known, ok := messages[ev.Policy.Policies]; ok && known != d.Reasons[0].Message {
			t.Errorf("revision %s says both %q and %q", ev.Policy.Policies, known, d.Reasons[0].Message)
		}
		messages[ev.Policy.Policies] = d.Reasons[0].Message
	}
	if int64(decided) != asked.Load() {
		t.Errorf("%d decisions of %d requests", decided, asked.Load())
	}
	if len(messages) != versions+1 {
		t.Errorf("decided by %d revisions, want %d: %v", len(messages), versions+1, messages)
	}
	activated := 0
	for _, ev := range readEvents(t, log, proxy.EventPolicy) {
		if ev.Admin.Action == adminActivated {
			activated++
			if !strings.HasPrefix(ev.Admin.Detail, ev.Policy.Policies+" bundle sha256:") {
				t.Errorf("activation %q under revision %s", ev.Admin.Detail, ev.Policy.Policies)
			}
		}
	}
	if activated != versions+1 {
		t.Errorf("%d activations recorded, want %d", activated, versions+1)
	}
	t.Logf("%d requests, %d revisions", decided, len(messages))
}

func awaitText(t *testing.T, screen *syncBuffer, text string, times int) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); strings.Count(screen.String(), text) < times; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q is not printed %d times:\n%s", text, times, screen)
		}
	}
}

// A start without the source serves the last good bundle and says so; a refused
// one is an event and changes nothing; GET /policies shows all of it.
func TestBundleLifecycle(t *testing.T) {
	v1 := versionedPolicies(t, "v1")
	shelf := newBundleShelf(t, v1)
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	openai, house := newUpstream(t, "openai"), newUpstream(t, "house")
	dir, listen, metrics := t.TempDir(), freeAddress(t), freeAddress(t)
	file := filepath.Join(dir, "ostiary.yaml")
	extra := "telemetry: {listen: \"" + metrics + "\"}\npolicy:\n  bundle: {source: " + shelf.URL + "/house.tar.gz, poll: 1s}\n"
	if err := os.WriteFile(file, []byte(smallest(listen, "embedded", openai.url, house.url, extra)), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := func() (*instance, error) {
		in := &instance{t: t, screen: &syncBuffer{}, url: "http://" + listen}
		var err error
		in.server, err = start(context.Background(), options{config: file}, in.screen, in.screen)
		return in, err
	}
	health := func() (h policyHealth) {
		resp, err := client.Get("http://" + metrics + "/policies")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
			t.Fatal(err)
		}
		return h
	}

	in, err := begin()
	if err != nil {
		t.Fatal(err)
	}
	log := in.places.log
	if h := health(); h.Revision == "" || !strings.HasPrefix(h.Bundle, "sha256:") || h.Age == nil || h.Reason != "" {
		t.Errorf("health %+v", h)
	}
	if text := scrape(t, metrics); !strings.Contains(text, "ostiary_policies_age_seconds ") || !strings.Contains(text, `ostiary_admin_events_total{ostiary_admin_action="policy_activated"} 1`) {
		t.Errorf("metrics:\n%s", text)
	}
	in.end()

	shelf.body.Store(nil) // away
	if in, err = begin(); err != nil {
		t.Fatal(err)
	}
	if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusForbidden || !strings.Contains(string(r.body), "of v1") {
		t.Errorf("offline: %d %s", r.status, r.body)
	}
	if h := health(); h.Reason != string(bundle.Status) || h.Failures == 0 {
		t.Errorf("health %+v", h)
	}
	var said bytes.Buffer
	if code := run(context.Background(), []string{"check", "--config", file}, streams{strings.NewReader(""), &said, &said}); code != exitYes ||
		!strings.Contains(said.String(), "bundle: the last good one, fetched ") || !strings.Contains(said.String(), "warning: policy.bundle: the source gave no bundle that is fit: status") {
		t.Errorf("check: %d %s", code, said.String())
	}
	bad := []byte("<html></html>")
	shelf.body.Store(&bad)
	in.stopped = true
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.wait(ctx) }()
	for end := time.Now().Add(20 * time.Second); health().Reason != string(bundle.NotABundle); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("health %+v", health())
		}
	}
	// The configuration is read again: the same policies go on serving.
	if err := os.WriteFile(file, []byte(smallest(listen, "embedded", openai.url, house.url, extra)+"# changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	awaitText(t, in.screen, "reloaded: policies", 1)
	if r := in.post("/v1/chat/completions", chat(ordinary)); !strings.Contains(string(r.body), "of v1") {
		t.Errorf("after the reload: %d %s", r.status, r.body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var words []string
	for _, ev := range readEvents(t, log, proxy.EventPolicy) {
		switch ev.Admin.Action {
		case adminActivated:
			words = append(words, ev.Admin.Detail[strings.LastIndexByte(ev.Admin.Detail, ' ')+1:])
		case adminRefused:
			words = append(words, ev.Admin.Detail)
		}
	}
	if got := strings.Join(words, ", "); !strings.HasPrefix(got, "source, status, last_good, not_a_bundle") {
		t.Errorf("events: %s", got)
	}

	// A last good bundle that somebody changed does not start.
	kept, err := filepath.Glob(filepath.Join(log+".keys.policies", "sha256-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v", kept)
	}
	if err := os.WriteFile(kept[0], versionedPolicies(t, "v2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := begin(); err == nil || !strings.Contains(err.Error(), "altered") {
		t.Errorf("start with a changed bundle: %v", err)
	}
	shelf.body.Store(&v1)
	if in, err = begin(); err != nil {
		t.Fatalf("with the source back: %v", err)
	}
	in.end()
}

func scrape(t *testing.T, address string) string {
	t.Helper()
	resp, err := client.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRollbackOfABundle: the command lists what was superseded, and lets one of it
// come back.
func TestRollbackOfABundle(t *testing.T) {
	v1 := versionedPolicies(t, "v1")
	shelf := newBundleShelf(t, v1)
	in := launch(t, "embedded", "policy:\n  bundle: {source: "+shelf.URL+"/house.tar.gz, poll: 1s}\n")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.wait(ctx) }()
	in.stopped = true
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	says := func() string { return string(in.post("/v1/chat/completions", chat(ordinary)).body) }
	config := in.opts.config
	if status, out, _ := ostiary("policy", "rollback", "--config", config); status != exitNo || !strings.Contains(out, "no bundle of this source was superseded") {
		t.Errorf("before: %d %s", status, out)
	}
	v2 := versionedPolicies(t, "v2")
	shelf.body.Store(&v2)
	awaitText(t, in.screen, "new policies", 1)
	shelf.body.Store(&v1)
	awaitText(t, in.screen, "reason=superseded", 1)
	if got := says(); !strings.Contains(got, "of v2") {
		t.Errorf("after v1 came back: %s", got)
	}
	status, out, _ := ostiary("policy", "rollback", "--config", config)
	digest := strings.TrimSpace(out)
	if status != exitNo || !strings.HasPrefix(digest, "sha256:") || len(strings.Fields(out)) != 1 {
		t.Fatalf("the list: %d %s", status, out)
	}
	if status, out, _ := ostiary("policy", "rollback", "--config", config, "--bundle", "sha256:"+strings.Repeat("0", 64)); status != exitNo {
		t.Errorf("another digest: %d %s", status, out)
	}
	if status, out, diag := ostiary("policy", "rollback", "--config", config, "--bundle", digest); status != exitYes {
		t.Fatalf("permit: %d %s%s", status, out, diag)
	}
	awaitText(t, in.screen, "new policies", 2)
	if got := says(); !strings.Contains(got, "of v1") {
		t.Errorf("after the permission: %s", got)
	}
}
