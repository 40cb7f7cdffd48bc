package pools

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of looking for a local server.
const (
	detectTimeout = 700 * time.Millisecond // each server: they answer from memory
	detectBody    = 1 << 20                // bytes of a list of models
	detectModels  = 256                    // models taken from a list
	maxModelName  = 256                    // bytes
)

// HousePool is the name of the pool that [Detect] finds.
const HousePool = "house"

// Candidates are the servers to look for. The zero value is none; see
// [LocalServers].
type Candidates struct {
	Servers []Server
	// Self are the addresses (HOST:PORT) at which Ostiary itself listens: it is
	// never its own pool.
	Self    []string
	Timeout time.Duration // of each request; 700 ms by default
}

// Server is a kind of model server and where it listens by default.
type Server struct {
	Kind     string   // ollama, vllm, llama.cpp, sglang, lmstudio
	URL      string   // base, without /v1
	Dialects []string // that this kind speaks
	// tags: GET /api/tags says which models are remote.
	tags bool
}

// LocalServers are the model servers that are looked for on this machine, in
// order, on the ports of their documentation; Ollama's list /api/tags is of its
// own API.
//
// Whoever answers is taken for in-house, but for a gateway: one whose list names
// a provider as the owner of a model, or a model that runs at its maker's only.
// The start prints what was taken, so that a person can object.
func LocalServers() []Server {
	both := []string{proxy.DialectOpenAI, proxy.DialectAnthropic}
	return []Server{
		{Kind: "ollama", URL: "http://127.0.0.1:11434", Dialects: both, tags: true},
		{Kind: "vllm", URL: "http://127.0.0.1:8000", Dialects: both},
		{Kind: "llama.cpp", URL: "http://127.0.0.1:8080", Dialects: both},
		{Kind: "sglang", URL: "http://127.0.0.1:30000", Dialects: both},
		{Kind: "lmstudio", URL: "http://127.0.0.1:1234", Dialects: []string{proxy.DialectOpenAI}},
	}
}

// Found is what [Detect] found.
type Found struct {
	Upstream Upstream // of the pool house; internal
	Kind     string   // of the server
	Models   []string // their names, in the server's order
	// Passed are servers that answered and were not taken, in order, for the
	// operator.
	Passed []Passed
}

// Passed is a server that answered and was not taken.
type Passed struct {
	URL string
	Why string // self, gateway, unknown_server, no_local_model
}

// Detect looks for the first of the candidates that answers with a list of
// models that run there, all at once. It asks loopback addresses only, follows
// no redirect, sends no key and uses no proxy. It refuses Ostiary itself, known
// by the headers of its answers and by its address, and leaves out models that
// the server would send to its vendor. Where nothing is found, Found still says
// what was passed over.
func Detect(ctx context.Context, c Candidates) (Found, bool) {
	if c.Timeout <= 0 {
		c.Timeout = detectTimeout
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := &http.Client{
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       c.Timeout,
	}
	type result struct {
		found  Found
		passed string
		ok     bool
	}
	results := make([]chan result, len(c.Servers))
	for i, s := range c.Servers {
		results[i] = make(chan result, 1)
		go func() {
			f, why, ok := s.ask(ctx, client, c.Self)
			results[i] <- result{f, why, ok}
		}()
	}
	var passed []Passed
	for i := range results {
		r := <-results[i]
		if r.ok {
			r.found.Passed = passed
			return r.found, true
		}
		if r.passed != "" {
			passed = append(passed, Passed{c.Servers[i].URL, r.passed})
		}
	}
	return Found{Passed: passed}, false
}

// ask asks one server. why is empty where nobody answers.
func (s Server) ask(ctx context.Context, client *http.Client, self []string) (f Found, why string, ok bool) {
	u, err := url.Parse(s.URL)
	if err != nil || !localOnly(u.Hostname()) {
		return f, "", false
	}
	if slices.ContainsFunc(self, func(a string) bool { return sameListener(a, u) }) {
		return f, "self", false
	}
	models, why := s.models(ctx, client)
	if why == nobody {
		return f, "", false
	}
	if why != "" {
		return f, why, false
	}
	if len(models) == 0 {
		return f, "no_local_model", false
	}
	p := proxy.Pool{Name: HousePool, Boundary: proxy.Internal, Dialects: s.Dialects, Credential: proxy.CredentialNone}
	for _, m := range models {
		f.Models = append(f.Models, m.Name)
		p.Models = append(p.Models, proxy.ModelAlias{Pattern: m.Name, Name: m.Name})
	}
	// Whatever else a client asks for is served by the first model that can
	// talk. The alias also keeps names that were left out, because they lead out
	// of the house, from reaching the server.
	talks := slices.IndexFunc(models, func(m model) bool { return !strings.Contains(strings.ToLower(m.Name), "embed") })
	talks = max(talks, 0)
	p.Models = append(p.Models, proxy.ModelAlias{Pattern: "*", Name: models[talks].Name})
	p.Context = models[talks].Context
	f.Upstream, f.Kind = Upstream{Pool: p, URL: u}, s.Kind
	return f, "", true
}

type model struct {
	Name    string
	Context int // tokens, 0 where not said
}

// modelList is GET /v1/models (OpenAI's models/list; max_model_len is vLLM's and
// SGLang's) and GET /api/tags (Ollama; remote_host and remote_model name where a
// model really runs).
type modelList struct {
	Data []struct {
		ID      string `json:"id"`
		OwnedBy string `json:"owned_by"`
		Context int    `json:"max_model_len"`
	} `json:"data"`
	Models []struct {
		Name        string `json:"name"`
		RemoteHost  string `json:"remote_host"`
		RemoteModel string `json:"remote_model"`
	} `json:"models"`
}

// models lists what runs at the server; why says why it is not taken.
func (s Server) models(ctx context.Context, client *http.Client) (out []model, why string) {
	list, why := get(ctx, client, s.URL+"/v1/models")
	if why != "" {
		return nil, why
	}
	remote := map[string]bool{}
	var tags modelList
	if s.tags {
		// Where there is no such list it is not Ollama, but what it is.
		tags, _ = get(ctx, client, s.URL+"/api/tags")
	}
	if tags.Models != nil {
		known := map[string]bool{}
		for _, m := range tags.Models {
			known[m.Name] = true
			remote[m.Name] = m.RemoteHost != "" || m.RemoteModel != ""
		}
		for _, m := range list.Data {
			if !known[m.ID] {
				remote[m.ID] = true // we do not know where it runs
			}
		}
	}
	for _, m := range list.Data {
		if providers(m.OwnedBy, m.ID) {
			return nil, "gateway"
		}
		if len(out) < detectModels && usableName(m.ID) && !remote[m.ID] && !leavesHouse(m.ID) {
			out = append(out, model{m.ID, max(m.Context, 0)})
		}
	}
	return out, ""
}

// owners are what closed APIs, and gateways to them, call the owner of a model.
var owners = []string{
	"openai", "openai-dev", "openai-internal", "system", "anthropic", "google", "azure", "bedrock", "amazon", "vertex_ai", "mistralai", "cohere", "xai", "deepseek", "perplexity", "openrouter",
}

// closed are how names of models begin that run at their makers' only.
var closed = []string{"gpt-", "chatgpt", "o1", "o3", "o4", "claude", "gemini", "grok-", "command-", "anthropic/", "openai/", "google/"}

// providers reports whether a listed model runs at a provider: then the server
// is a gateway, and what is sent to it leaves the house.
func providers(owner, name string) bool {
	name = strings.ToLower(name)
	if strings.Contains(name, "gpt-oss") {
		return false // open weights, whoever serves them
	}
	return slices.Contains(owners, strings.ToLower(owner)) ||
		slices.ContainsFunc(closed, func(p string) bool { return strings.HasPrefix(name, p) })
}

// usableName keeps names out that could not be configured either: a wildcard,
// or what a terminal would not show as it is.
func usableName(s string) bool {
	return s != "" && len(s) <= maxModelName && !strings.Contains(s, "*") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// get asks for a list; why is empty with a list, "self" where Ostiary answers,
// "unknown_server" where something else does, and "-" where nobody does.
func get(ctx context.Context, client *http.Client, address string) (list modelList, why string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return list, "unknown_server"
	}
	resp, err := client.Do(req)
	if err != nil {
		return list, nobody
	}
	defer resp.Body.Close()
	for name := range resp.Header {
		if strings.HasPrefix(strings.ToLower(name), proxy.HeaderPrefix) {
			return list, "self"
		}
	}
	if resp.StatusCode != http.StatusOK {
		return list, "unknown_server"
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, detectBody+1))
	if err != nil || len(b) > detectBody || json.Unmarshal(b, &list) != nil || list.Data == nil && list.Models == nil {
		return list, "unknown_server"
	}
	return list, ""
}

const nobody = "-"

func localOnly(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// sameListener reports whether who listens on an address may be who answers at
// the URL, which is of loopback.
func sameListener(listen string, u *url.URL) bool {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port != u.Port() {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err != nil || a.Unmap().IsUnspecified() || a.Unmap().IsLoopback()
}

// Default gives the pools of a start without configuration: the closed APIs of
// OpenAI and Anthropic, each with the key that getenv finds under the name that
// the vendor's own SDKs use, else with the client's own. Both companies are
// bound by the law of the United States.
func Default(getenv func(string) string) []Upstream {
	closed := func(name, dialect, host, env string) Upstream {
		u := Upstream{
			Pool: proxy.Pool{Name: name, Boundary: proxy.External, Jurisdiction: "US", Dialects: []string{dialect}, Credential: proxy.CredentialClient},
			URL:  &url.URL{Scheme: "https", Host: host},
		}
		if getenv(env) != "" {
			u.Pool.Credential, u.Credential = proxy.CredentialPool, Source{Env: env}
		}
		return u
	}
	return []Upstream{
		closed("openai", proxy.DialectOpenAI, "api.openai.com", "OPENAI_API_KEY"),
		closed("anthropic", proxy.DialectAnthropic, "api.anthropic.com", "ANTHROPIC_API_KEY"),
	}
}
