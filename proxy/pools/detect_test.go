package pools_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

// server answers paths with bodies; a path that begins with a header's name and
// a colon sets that header instead.
func server(t *testing.T, answers map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range answers {
			if name, ok := strings.CutSuffix(k, ":"); ok {
				w.Header().Set(name, v)
			}
		}
		for _, h := range []string{"Authorization", "X-Api-Key", "Cookie"} {
			if r.Header.Get(h) != "" {
				t.Error("a credential is sent to a server that is only looked for")
			}
		}
		body, ok := answers[r.URL.Path]
		if !ok || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		if to, ok := strings.CutPrefix(body, "redirect "); ok {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// list is an answer to GET /v1/models: owner, then the models.
func list(owner string, names ...string) string {
	var data []string
	for _, n := range names {
		id, _ := json.Marshal(n) // %q is not JSON for control characters
		data = append(data, fmt.Sprintf(`{"id":%s,"object":"model","owned_by":%q,"max_model_len":4096}`, id, owner))
	}
	return `{"object":"list","data":[` + strings.Join(data, ",") + `]}`
}

// tags is an answer to GET /api/tags: a name that begins with > is remote.
func tags(names ...string) string {
	var models []string
	for _, n := range names {
		if name, ok := strings.CutPrefix(n, ">"); ok {
			models = append(models, fmt.Sprintf(`{"name":%q,"remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443"}`, name))
			continue
		}
		models = append(models, fmt.Sprintf(`{"name":%q}`, n))
	}
	return `{"models":[` + strings.Join(models, ",") + `]}`
}

// at gives the kinds of LocalServers at the addresses of test servers.
func at(t *testing.T, kind, url string) pools.Server {
	t.Helper()
	for _, s := range pools.LocalServers() {
		if s.Kind == kind {
			s.URL = url
			return s
		}
	}
	t.Fatalf("no kind %s", kind)
	return pools.Server{}
}

func TestDetect(t *testing.T) {
	elsewhere := server(t, map[string]string{"/v1/models": list("vllm", "elsewhere")})
	for _, tt := range []struct {
		name    string
		kind    string
		answers map[string]string
		want    string // models, star, dialects; else why it is passed over
	}{
		{"vLLM", "vllm", map[string]string{"/v1/models": list("vllm", "qwen", "lora")}, "qwen,lora *=qwen openai,anthropic 4096"},
		{"llama.cpp", "llama.cpp", map[string]string{"/v1/models": list("llamacpp", "scripted.gguf")}, "scripted.gguf *=scripted.gguf openai,anthropic 4096"},
		{"SGLang", "sglang", map[string]string{"/v1/models": list("sglang", "qwen")}, "qwen *=qwen openai,anthropic 4096"},
		{"LM Studio", "lmstudio", map[string]string{"/v1/models": list("organization_owner", "qwen")}, "qwen *=qwen openai 4096"},
		{"Ollama", "ollama", map[string]string{"/v1/models": list("library", "qwen:8b"), "/api/tags": tags("qwen:8b")}, "qwen:8b *=qwen:8b openai,anthropic 4096"},
		{"embeddings first", "vllm", map[string]string{"/v1/models": list("vllm", "nomic-embed-text", "qwen")}, "nomic-embed-text,qwen *=qwen openai,anthropic 4096"},
		{"names that leave the house", "ollama", map[string]string{"/v1/models": list("library", "gpt-oss:120b-cloud", "glm:CLOUD", "qwen"), "/api/tags": tags("gpt-oss:120b-cloud", "glm:CLOUD", "qwen")}, "qwen *=qwen openai,anthropic 4096"},
		{"a remote model under another name", "ollama", map[string]string{"/v1/models": list("library", "mine", "qwen"), "/api/tags": tags(">mine", "qwen")}, "qwen *=qwen openai,anthropic 4096"},
		{"a model that the tags do not know", "ollama", map[string]string{"/v1/models": list("library", "mine", "qwen"), "/api/tags": tags("qwen")}, "qwen *=qwen openai,anthropic 4096"},
		{"only remote models", "ollama", map[string]string{"/v1/models": list("library", "a:cloud", "b"), "/api/tags": tags("a:cloud", ">b")}, "no_local_model"},
		{"no models", "vllm", map[string]string{"/v1/models": list("vllm")}, "no_local_model"},
		{"names that could not be configured", "vllm", map[string]string{"/v1/models": list("vllm", "*", "", "a b", "a\x1b[2J", strings.Repeat("x", 300), "qwen")}, "qwen *=qwen openai,anthropic 4096"},

		{"ourselves", "vllm", map[string]string{"/v1/models": list("vllm", "qwen"), "X-Ostiary-Decision-Id:": "01J"}, "self"},
		{"ourselves, by any header of ours", "vllm", map[string]string{"/v1/models": list("vllm", "qwen"), "x-ostiary-new:": "1"}, "self"},
		{"a gateway to a provider on the port of vLLM", "vllm", map[string]string{"/v1/models": list("openai", "gpt-5")}, "gateway"},
		{"one model of a provider among local ones", "vllm", map[string]string{"/v1/models": `{"data":[{"id":"a","owned_by":"vllm"},{"id":"b","owned_by":"openai"}]}`}, "gateway"},
		{"a gateway that does not name the owner", "vllm", map[string]string{"/v1/models": list("me", "claude-demo")}, "gateway"},
		{"a server that does not say what it is", "llama.cpp", map[string]string{"/v1/models": `{"data":[{"id":"a"}]}`}, "a *=a openai,anthropic 0"},
		{"open weights with a name like a provider's", "vllm", map[string]string{"/v1/models": list("vllm", "openai/gpt-oss-120b")}, "openai/gpt-oss-120b *=openai/gpt-oss-120b openai,anthropic 4096"},
		{"not Ollama on its port", "ollama", map[string]string{"/v1/models": list("library", "a")}, "a *=a openai,anthropic 4096"},
		{"Ollama whose tags are something else", "ollama", map[string]string{"/v1/models": list("library", "a"), "/api/tags": list("library", "a")}, "a *=a openai,anthropic 4096"},
		{"another web server", "llama.cpp", map[string]string{"/v1/models": "<html>"}, "unknown_server"},
		{"JSON of something else", "llama.cpp", map[string]string{"/v1/models": `{"ok":true}`}, "unknown_server"},
		{"a web server without models", "llama.cpp", nil, "unknown_server"},
		{"a list without end", "vllm", map[string]string{"/v1/models": list("vllm", strings.Repeat("x", 2<<20))}, "unknown_server"},
		{"a redirect", "vllm", map[string]string{"/v1/models": "redirect " + elsewhere.URL + "/v1/models"}, "unknown_server"},
	} {
		s := server(t, tt.answers)
		f, ok := pools.Detect(t.Context(), pools.Candidates{Servers: []pools.Server{at(t, tt.kind, s.URL)}, Timeout: 10 * time.Second})
		got := ""
		if ok {
			p := f.Upstream.Pool
			star := p.Models[len(p.Models)-1]
			got = fmt.Sprintf("%s %s=%s %s %d", strings.Join(f.Models, ","), star.Pattern, star.Name, strings.Join(p.Dialects, ","), p.Context)
			if p.Boundary != proxy.Internal || p.Name != "house" || p.Credential != proxy.CredentialNone || f.Kind != tt.kind || f.Upstream.URL.String() != s.URL {
				t.Errorf("%s: found %+v", tt.name, f)
			}
			if _, err := pools.New([]pools.Upstream{f.Upstream}); err != nil {
				t.Errorf("%s: not a pool: %v", tt.name, err)
			}
			// No name leads out of the house but by the names found.
			for _, name := range []string{"gpt-oss:120b-cloud", "mine-that-is-remote", "gpt-5", ""} {
				if r := pools.Resolve(&p, name); !strings.Contains(","+strings.Join(f.Models, ",")+",", ","+r+",") {
					t.Errorf("%s: %q reaches the server as %q", tt.name, name, r)
				}
			}
		} else if len(f.Passed) == 1 {
			got = f.Passed[0].Why
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestDetectTakesTheFirstInOrder(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		io.WriteString(w, list("vllm", "slow"))
	}))
	defer slow.Close()
	fast := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, list("llamacpp", "fast"))
		select {
		case <-release:
		default:
			close(release) // the first in order answers only after the second has
		}
	}))
	defer fast.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	gateway := server(t, map[string]string{"/v1/models": list("openai", "gpt-5")})
	f, ok := pools.Detect(t.Context(), pools.Candidates{
		Servers: []pools.Server{at(t, "vllm", closed.URL), at(t, "vllm", gateway.URL), at(t, "vllm", slow.URL), at(t, "llama.cpp", fast.URL)},
		Timeout: 10 * time.Second,
	})
	if !ok || f.Kind != "vllm" || f.Models[0] != "slow" {
		t.Errorf("found %v %s", ok, f.Kind)
	}
	if d := cmp.Diff([]pools.Passed{{URL: gateway.URL, Why: "gateway"}}, f.Passed); d != "" {
		t.Error(d)
	}
}

func TestDetectAsksNeitherUsNorOthers(t *testing.T) {
	asked := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = true }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, tt := range []struct {
		self []string
		url  string
	}{
		{[]string{"127.0.0.1:" + port}, s.URL}, {[]string{":" + port}, s.URL}, {[]string{"0.0.0.0:" + port}, s.URL},
		{[]string{"[::]:" + port}, s.URL}, {[]string{"localhost:" + port}, s.URL}, {[]string{"10.0.0.1:1", "[::1]:" + port}, s.URL},
		{nil, "http://192.0.2.1:" + port}, {nil, "http://localhost:" + port}, {nil, "http://model.example:" + port},
	} {
		if _, ok := pools.Detect(t.Context(), pools.Candidates{Servers: []pools.Server{at(t, "vllm", tt.url)}, Self: tt.self}); ok || asked {
			t.Errorf("listening on %v, %s is asked", tt.self, tt.url)
		}
	}
	if _, ok := pools.Detect(t.Context(), pools.Candidates{}); ok {
		t.Error("found something among none")
	}
}

// FuzzModels: whatever a server answers, the pool that comes of it is internal,
// usable, and no model of it leads out of the house.
func FuzzModels(f *testing.F) {
	f.Add(list("vllm", "a", "b:cloud"), tags("a"))
	f.Add(list("library", "a", "b"), tags("a", ">b"))
	f.Add(`{"data":[{"id":"*","owned_by":"vllm","max_model_len":-1}]}`, `{"models":[]}`)
	models, tagged := "", ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/tags" {
			io.WriteString(w, tagged)
			return
		}
		io.WriteString(w, models)
	}))
	f.Cleanup(s.Close)
	var servers []pools.Server
	for _, k := range pools.LocalServers() {
		if k.Kind == "vllm" || k.Kind == "ollama" {
			k.URL = s.URL
			servers = append(servers, k)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		models, tagged = a, b
		for _, k := range servers {
			found, ok := pools.Detect(t.Context(), pools.Candidates{Servers: []pools.Server{k}, Timeout: 10 * time.Second})
			if !ok {
				continue
			}
			p := found.Upstream.Pool
			if p.Boundary != proxy.Internal || len(found.Models) == 0 || p.Context < 0 {
				t.Error("not a pool in-house")
			}
			for _, m := range p.Models {
				if n := strings.ToLower(m.Name); strings.HasSuffix(n, "cloud") && (strings.HasSuffix(n, ":cloud") || strings.HasSuffix(n, "-cloud")) || m.Name == "" || strings.Contains(m.Name, "*") {
					t.Error("a name that leads out of the house, or is none")
				}
			}
		}
	})
}

func TestDefault(t *testing.T) {
	env := map[string]string{"ANTHROPIC_API_KEY": secret}
	var got []string
	for _, u := range pools.Default(func(k string) string { return env[k] }) {
		got = append(got, fmt.Sprintf("%s %s %s %s %s %s %+v", u.Pool.Name, u.Pool.Boundary, u.Pool.Jurisdiction, u.Pool.Dialects, u.URL, u.Pool.Credential, u.Credential))
	}
	want := []string{
		"openai external US [openai] https://api.openai.com client {Env: File: Command:[]}",
		"anthropic external US [anthropic] https://api.anthropic.com pool {Env:ANTHROPIC_API_KEY File: Command:[]}",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := pools.New(pools.Default(func(string) string { return "" })); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	silent := func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a pool that is only looked at gets a %s", r.Method)
	}
	plain := httptest.NewServer(http.HandlerFunc(silent))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(silent))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // failing handshakes are the point
	secure.StartTLS()
	defer secure.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
	tunnels := make(chan string, 10)
	tunnel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Authorization") != "" {
			t.Error("the proxy gets more than a request for a tunnel")
		}
		tunnels <- r.Host
		up, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer up.Close()
		w.WriteHeader(http.StatusOK)
		down, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer down.Close()
		go func() { _, _ = io.Copy(up, buf) }()
		_, _ = io.Copy(down, up)
	}))
	defer tunnel.Close()
	var ups []pools.Upstream
	want := []pools.Health{}
	add := func(name, url, why string, change ...func(*pools.Upstream)) {
		ups = append(ups, upstream(t, name, sh("echo "+secret), append(change, func(u *pools.Upstream) { u.URL = address(t, url) })...))
		want = append(want, pools.Health{Pool: name, Answers: why == "", Why: why})
	}
	trusted := func(u *pools.Upstream) { u.CA = ca }
	through := func(p string) func(*pools.Upstream) { return func(u *pools.Upstream) { u.Proxy = p } }
	add("plain", plain.URL, "")
	add("secure", secure.URL, "", trusted)
	add("secure, not trusted", secure.URL, "authority")
	add("another name", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), "authority", trusted)
	add("TLS to a plain server", strings.Replace(plain.URL, "http:", "https:", 1), "tls")
	add("closed", closed.URL, "refused")
	add("through a proxy", secure.URL, "", trusted, through(tunnel.URL))
	add("through a proxy that cannot", closed.URL, "proxy", through(tunnel.URL))
	add("through no proxy", plain.URL, "proxy", through(closed.URL))
	s, err := pools.New(ups)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, s.Check(t.Context())); d != "" {
		t.Error(d)
	}
	if len(tunnels) != 2 {
		t.Errorf("%d tunnels, want 2", len(tunnels))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, h := range s.Check(ended) {
		if h.Answers {
			t.Errorf("%s answers although nobody had time to ask", h.Pool)
		}
	}
}
