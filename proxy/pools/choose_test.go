package pools_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

type directory []proxy.Pool

func (d directory) Pools() []proxy.Pool { return d }
func (d directory) Available(pool string) string {
	if pool == "keyless" {
		return "credential"
	}
	return ""
}
func (directory) Digest() string { return "d" }

func pool(name string, b proxy.Boundary, change ...func(*proxy.Pool)) proxy.Pool {
	p := proxy.Pool{Name: name, Boundary: b, Dialects: []string{"openai"}}
	for _, c := range change {
		c(&p)
	}
	return p
}

func models(pairs ...string) func(*proxy.Pool) {
	return func(p *proxy.Pool) {
		for i := 0; i < len(pairs); i += 2 {
			p.Models = append(p.Models, proxy.ModelAlias{Pattern: pairs[i], Name: pairs[i+1]})
		}
	}
}

func TestChoose(t *testing.T) {
	openai := pool("openai", proxy.External)
	house := pool("house", proxy.Internal, models("*", "qwen"))
	small := pool("small", proxy.Internal, func(p *proxy.Pool) { p.Context = 100 })
	blind := pool("blind", proxy.Internal, func(p *proxy.Pool) { p.Abilities.Images = proxy.Cannot })
	cloud := pool("cloud", proxy.Internal, models("*", "big:CLOUD"))
	keyless := pool("keyless", proxy.External)
	claude := pool("claude", proxy.External, func(p *proxy.Pool) { p.Dialects = []string{"anthropic"} })
	to := func(names ...string) proxy.Verdict { return proxy.Verdict{Constrained: true, Pools: names} }
	chat := proxy.Route{Dialect: "openai", Operation: proxy.OpChat, Path: proxy.NewText("/v1/chat/completions")}
	tests := []struct {
		name    string
		pools   directory
		asked   string
		route   proxy.Route
		prompt  proxy.Prompt
		tokens  int
		verdict proxy.Verdict
		want    string // pool
		model   string
		code    string
		reject  []proxy.Rejection
	}{
		{name: "unconstrained goes where it asked", pools: directory{openai, house}, asked: "openai", want: "openai"},
		{name: "nobody external speaks it: in-house serves", pools: directory{claude, house}, want: "house"},
		{name: "constrained to where it asked", pools: directory{house, openai}, asked: "openai", verdict: to("house", "openai"), want: "openai"},
		{name: "constrained elsewhere, in order", pools: directory{openai, small, house}, asked: "openai", verdict: to("small", "house"), want: "small"},
		{name: "an empty permission is none", pools: directory{openai, house}, asked: "openai", verdict: to(), code: proxy.CodeNoCapablePool},
		{name: "context", pools: directory{openai, small, house}, asked: "openai", tokens: 101, verdict: to("small", "house"), want: "house", reject: []proxy.Rejection{{Pool: "small", Why: "context"}}},
		{name: "images", pools: directory{openai, blind}, asked: "openai", prompt: proxy.Prompt{Needs: proxy.Needs{Images: true}}, verdict: to("blind"), code: proxy.CodeNoCapablePool, reject: []proxy.Rejection{{Pool: "blind", Why: "images"}}},
		{name: "model renamed", pools: directory{openai, house}, asked: "openai", prompt: proxy.Prompt{Model: proxy.NewText("gpt-5")}, verdict: to("house"), want: "house", model: "qwen"},
		{name: "model stays", pools: directory{openai, house}, asked: "house", prompt: proxy.Prompt{Model: proxy.NewText("qwen")}, want: "house"},
		{name: "state elsewhere", pools: directory{openai, house}, asked: "openai", prompt: proxy.Prompt{State: []string{"previous_response_id"}}, verdict: to("house"), code: proxy.CodeStateElsewhere, reject: []proxy.Rejection{{Pool: "house", Why: "state"}}},
		{name: "state where it is", pools: directory{openai, house}, asked: "openai", prompt: proxy.Prompt{State: []string{"file_id"}}, want: "openai"},
		{name: "a name that leaves the house", pools: directory{openai, cloud}, asked: "openai", prompt: proxy.Prompt{Model: proxy.NewText("x")}, verdict: to("cloud"), code: proxy.CodeModelLeaves, reject: []proxy.Rejection{{Pool: "cloud", Why: "model"}}},
		{name: "no credential", pools: directory{keyless}, asked: "keyless", code: proxy.CodePoolUnavailable, reject: []proxy.Rejection{{Pool: "keyless", Why: "credential"}}},
		{name: "no credential is no reason to go elsewhere", pools: directory{keyless, openai, house}, asked: "keyless", code: proxy.CodePoolUnavailable, reject: []proxy.Rejection{{Pool: "keyless", Why: "credential"}}},
		{name: "another dialect", pools: directory{claude}, asked: "claude", code: proxy.CodeNoCapablePool, reject: []proxy.Rejection{{Pool: "claude", Why: "dialect"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.route.Operation == "" {
				tt.route = chat
			}
			x := &proxy.Exchange{Route: tt.route, Asked: tt.asked}
			got := pools.Chooser{Directory: tt.pools}.Choose(x, &tt.prompt, tt.tokens, &tt.verdict)
			name := ""
			if got.Pool != nil {
				name = got.Pool.Name
			}
			if name != tt.want || got.Model != tt.model {
				t.Errorf("chose %q with model %q, want %q with %q", name, got.Model, tt.want, tt.model)
			}
			if d := cmp.Diff(tt.reject, got.Rejected); d != "" {
				t.Error(d)
			}
			if (got.Error == nil) != (tt.code == "") || got.Error != nil && (got.Error.Code != tt.code || got.Error.Hint == "") {
				t.Errorf("error %+v, want code %q with a hint", got.Error, tt.code)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	ps := directory{
		pool("house", proxy.Internal, models("*", "qwen")),
		pool("claude", proxy.External, func(p *proxy.Pool) { p.Dialects = []string{"anthropic"} }),
		pool("openai", proxy.External), pool("other", proxy.External, models("gpt-mini", "gpt-mini", "gpt-4*", "gpt-4")),
	}
	c := pools.Chooser{Directory: ps}
	chat := proxy.Route{Dialect: "openai", Operation: proxy.OpChat}
	for _, tt := range []struct{ model, pool, by string }{
		{"", "openai", "dialect"},
		{"gpt-9", "openai", "dialect"}, // a wildcard is never a reason to be chosen
		{"gpt-4o", "openai", "dialect"},
		{"gpt-mini", "other", "model"},
		{"qwen", "house", "model"},
	} {
		p, by := c.Ask(&proxy.Exchange{Route: chat}, &proxy.Prompt{Model: proxy.NewText(tt.model)})
		if p != tt.pool || by != tt.by {
			t.Errorf("model %q asks %s by %s, want %s by %s", tt.model, p, by, tt.pool, tt.by)
		}
	}
	if p, by := c.Ask(&proxy.Exchange{Route: proxy.Route{Dialect: "none", Operation: proxy.OpUnknown}}, &proxy.Prompt{}); p != "" || by != "none" {
		t.Errorf("an unknown path asks %q by %s", p, by)
	}
	for path, want := range map[string]string{
		"/openai/v1/chat/completions": "openai|/v1/chat/completions", "/house/": "house|/", "/house": "|/house", "/House/v1": "|/House/v1",
		"/%6fpenai/v1": "|/%6fpenai/v1", "//openai/v1": "|//openai/v1", "/nobody/v1": "|/nobody/v1", "": "|", "openai/v1": "|openai/v1", "/openai?x=/": "|/openai?x=/",
	} {
		name, rest, _ := c.Named(proxy.NewText(path))
		if got := name + "|" + rest.Reveal(); got != want {
			t.Errorf("%s is split %s, want %s", path, got, want)
		}
	}
	if d := cmp.Diff([]proxy.ModelEntry{{Name: "qwen", Pool: "house"}, {Name: "gpt-mini", Pool: "other"}, {Name: "gpt-4", Pool: "other"}}, c.Models()); d != "" {
		t.Error(d)
	}
}

func TestAskByHost(t *testing.T) {
	ps := directory{
		pool("house", proxy.Internal, models("*", "qwen")),
		pool("openai", proxy.External, func(p *proxy.Pool) { p.Hosts = []string{"api.openai.com"} }),
		pool("azure", proxy.External, func(p *proxy.Pool) { p.Hosts = []string{"*.openai.azure.com"} }),
	}
	c := pools.Chooser{Directory: ps}
	chat := proxy.Route{Dialect: "openai", Operation: proxy.OpChat}
	for _, tt := range []struct{ way, host, pool, by string }{
		{proxy.WayProxy, "api.openai.com", "openai", "host"},
		{proxy.WayRedirect, "API.openai.com:443", "openai", "host"},
		{proxy.WayRedirect, "bank.openai.azure.com.", "azure", "host"},
		{proxy.WayRedirect, "openai.azure.com", "", "none"}, // the * stands for something
		{proxy.WayRedirect, "api.mistral.ai", "", "none"},   // nobody is asked in another's place
		{proxy.WayRedirect, "api.openai.com.evil.example", "", "none"},
		{"", "api.mistral.ai", "openai", "dialect"},
	} {
		x := &proxy.Exchange{Route: chat, Head: proxy.Head{Way: tt.way, Authority: tt.host}}
		// The name of a model is not what was dialled.
		if p, by := c.Ask(x, &proxy.Prompt{Model: proxy.NewText("qwen")}); tt.way != "" && (p != tt.pool || by != tt.by) {
			t.Errorf("%s by %q asks %q by %s, want %q by %s", tt.host, tt.way, p, by, tt.pool, tt.by)
		}
	}
}
