package pools_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

func shipped(t testing.TB) *pools.Providers {
	t.Helper()
	l, err := pools.ShippedProviders()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Hosts as clients name them, and what is no host of anybody.
func TestMatch(t *testing.T) {
	l := shipped(t)
	for host, want := range map[string]string{
		"api.openai.com": "openai", "API.OpenAI.com": "openai", "api.openai.com.": "openai", "eu.api.openai.com": "openai",
		"api.anthropic.com": "anthropic", "generativelanguage.googleapis.com": "gemini", "api.mistral.ai": "mistral", "codestral.mistral.ai": "codestral",
		"api.cohere.com": "cohere", "api.groq.com": "groq", "api.together.xyz": "together", "api.deepseek.com": "deepseek", "api.x.ai": "xai",
		"us-east-1.api.x.ai": "xai", "openrouter.ai": "openrouter", "router.huggingface.co": "huggingface",
		"bank-1.openai.azure.com": "azure-openai", "bank.services.ai.azure.com": "azure-foundry", "bank.eastus2.models.ai.azure.com": "azure-foundry",
		"bedrock-runtime.eu-central-1.amazonaws.com": "bedrock", "bedrock-runtime.us-gov-west-1.amazonaws.com": "bedrock", "bedrock-mantle.us-east-2.api.aws": "bedrock",
		"vpce-0a1b-2c.bedrock-runtime.us-east-1.vpce.amazonaws.com": "bedrock",
		"europe-west4-aiplatform.googleapis.com":                    "vertex", "aiplatform.googleapis.com": "vertex", "aiplatform.eu-west1.rep.googleapis.com": "vertex",
		"eu-de.ml.cloud.ibm.com": "watsonx", "api.business.githubcopilot.com": "github-copilot",

		// More, fewer or other labels.
		"openai.com": "", "x.api.openai.com.evil.example": "", "api.openai.com.evil.example": "", "openai.com.evil.example": "", "a.b.api.openai.com": "",
		"api-openai.com": "", "apiopenai.com": "", "api.openai.co": "", "api.openai.com.br": "", "xapi.openai.com": "", "api.openai.org": "",
		"openai.azure.com": "", "a.b.openai.azure.com": "", "bank.openai.azure.com.evil.example": "", "bank.openai-azure.com": "", "-bank.openai.azure.com": "", "*.openai.azure.com": "",
		"bedrock-runtime.amazonaws.com": "", "bedrock-runtime.eu.central.1.amazonaws.com": "", "bedrock-runtime.evil.amazonaws.com": "", "bedrock-runtime..amazonaws.com": "",
		"bedrock-runtime.eu-central-1.amazonaws.com.evil.example": "", "s3.eu-central-1.amazonaws.com": "", "xbedrock-runtime.eu-central-1.amazonaws.com": "",
		"evil-aiplatform.googleapis.com.evil.example": "", "aiplatform-googleapis.com": "", "europe-west4-aiplatform.evil.example": "", "x-aiplatform.googleapis.com": "", "-aiplatform.googleapis.com": "",
		"europe--west4-aiplatform.googleapis.com": "", "1-2-aiplatform.googleapis.com": "", "storage.googleapis.com": "",

		// Letters that look alike, and letters that case folding makes of others.
		"аpi.openai.com": "", "api.openаi.com": "", "xn--pi-6kc.openai.com": "", "api.xn--openi-7ve.com": "", "api.openai.сom": "", "bаnk.openai.azure.com": "", "xn--bnk-6cd.openai.azure.com": "",
		"api.opena\u0131.com": "", "api.open\u212ai.com": "", "ap\u0130.openai.com": "", "api.openai\u3002com": "", "api.openai.com\u200b": "",

		// What is no name.
		"": "", ".": "", "com": "", "api.openai.com:443": "", "api.openai.com..": "", ".api.openai.com": "", "api..openai.com": "", " api.openai.com": "", "api.openai.com ": "", "api.openai.com/": "",
		"user@api.openai.com": "", "api.openai.com#": "", "api.openai.com\x00": "", "api%2eopenai.com": "", "127.0.0.1": "", "::1": "", "[::1]": "", "api_openai.com": "",
		strings.Repeat("a", 64) + ".openai.azure.com": "", strings.Repeat("a.", 130) + "openai.azure.com": "",
	} {
		p, ok := l.Match(host)
		if p.Name != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", host, p.Name, ok, want)
		}
	}
	for host, want := range map[string]string{"chatgpt.com": "openai", "claude.ai": "anthropic", "gemini.google.com": "gemini", "ws.chatgpt.com": "openai", "chatgpt.com.evil.example": "", "google.com": "", "mail.google.com": ""} {
		if p, _ := l.MatchApp(host); p.Name != want {
			t.Errorf("the application at %q: %q, want %q", host, p.Name, want)
		}
	}
	if p, ok := l.Provider("mistral"); !ok || p.Jurisdiction != "FR" || p.Terms.Retention != "30d" {
		t.Errorf("%+v", p)
	}
	if _, ok := l.Provider("nobody"); ok {
		t.Error("a provider that is none")
	}
}

// Every pattern of the list matches what is made of it and nothing a label away,
// and belongs to one provider.
func TestShippedList(t *testing.T) {
	l := shipped(t)
	if len(l.List()) < 60 || l.Version() < 2026112401 || len(l.Digest()) != 64 {
		t.Errorf("%d providers, version %d", len(l.List()), l.Version())
	}
	if !slices.IsSortedFunc(l.List(), func(a, b pools.Provider) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted")
	}
	stated := 0
	for _, p := range l.List() {
		if p.Terms.Retention != proxy.Unknown || p.Terms.Training != proxy.Unknown {
			stated++
		}
		for _, h := range p.Hosts {
			host := strings.NewReplacer("*", "some-1", "{region}", "eu-west-1").Replace(h)
			if got, ok := l.Match(host); !ok || got.Name != p.Name {
				t.Errorf("%s: %s is %q", p.Name, host, got.Name)
			}
			for _, other := range []string{host + ".example", "more." + "and." + host, strings.Replace(host, ".", "-", 1), host + "x", "x" + host[strings.IndexByte(host, '.'):]} {
				if got, ok := l.Match(other); ok && (got.Name == p.Name) && !strings.Contains(h, "*") {
					t.Errorf("%s: %s matches %s", p.Name, other, h)
				}
			}
			if len(strings.Split(host, ".")) != len(strings.Split(h, ".")) {
				t.Errorf("%s: %s has another number of labels", p.Name, h)
			}
		}
		if len(p.Hosts) > 0 && len(p.Paths) == 0 {
			t.Errorf("%s has an API without paths", p.Name)
		}
	}
	if stated < 10 {
		t.Errorf("the terms of %d providers are stated", stated)
	}
	// The hosts that a pool can lie at and the configuration takes for external.
	for _, host := range []string{"api.openai.com", "api.anthropic.com", "bank.openai.azure.com", "bedrock-runtime.eu-central-1.amazonaws.com"} {
		if _, ok := l.Match(host); !ok {
			t.Errorf("%s is not known", host)
		}
	}
}

func providerList(changes ...string) []byte {
	s := `{"format":1,"version":3000010101,"providers":[{"name":"a","title":"A","owner":"A Ltd","jurisdiction":"US","dialects":["openai"],"hosts":["api.a.example"],"paths":["/v1/x"],"terms":{"retention":"unknown","training":"unknown"}}]}`
	return []byte(strings.NewReplacer(changes...).Replace(s))
}

func TestListsAreStrict(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(data []byte) []byte {
		return []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(key, append([]byte("ostiary providers v1\n"), data...))))
	}
	if l, err := pools.ParseProviders(providerList(), sign(providerList()), pub, 1); err != nil || len(l.List()) != 1 {
		t.Fatalf("a good list: %v", err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "no JSON": []byte("x"), "another form": []byte(`{"a":1}`), "two documents": append(providerList(), "{}"...), "format 2": providerList(`"format":1`, `"format":2`),
		"no version": providerList("3000010101", "0"), "no providers": []byte(`{"format":1,"version":1,"providers":[]}`), "an unknown member": providerList(`"title"`, `"tilte":"x","title"`),
		"a name": providerList(`"name":"a"`, `"name":"A b"`), "no title": providerList(`"title":"A"`, `"title":""`), "a law": providerList(`"US"`, `"Mars"`), "a dialect": providerList(`"openai"`, `"klingon"`),
		"no dialect": providerList(`["openai"]`, `[]`), "no hosts": providerList(`["api.a.example"]`, `[]`), "one label": providerList("api.a.example", "example"), "a registry": providerList("api.a.example", "*.example"),
		"a region of a registry": providerList("api.a.example", "a.{region}.example"), "capitals": providerList("api.a.example", "Api.a.example"), "a star within": providerList("api.a.example", "a*.a.example"),
		"two stars": providerList("api.a.example", "**.a.example"), "punycode": providerList("api.a.example", "xn--api.a.example"), "a port": providerList("api.a.example", "api.a.example:443"), "unicode": providerList("api.a.example", "äpi.a.example"),
		"a host twice": providerList(`["api.a.example"]`, `["api.a.example","api.a.example"]`), "a path": providerList("/v1/x", "v1/x"), "retention": providerList(`"retention":"unknown"`, `"retention":"a while"`),
		"training": providerList(`"training":"unknown"`, `"training":"maybe"`), "terms without source": providerList(`"training":"unknown"`, `"training":"no"`),
		"terms without a date": providerList(`"training":"unknown"`, `"training":"no","source":"https://a.example"`), "a control character": providerList(`"title":"A"`, `"title":"A\u0007"`),
		"too long": providerList(`"title":"A"`, `"title":"`+strings.Repeat("x", 301)+`"`), "too large": append(providerList(), make([]byte, 1<<20)...),
	} {
		if _, err := pools.ParseProviders(data, sign(data), pub, 1); !errors.Is(err, pools.ErrListForm) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := pools.SignProviders(data, key); !errors.Is(err, pools.ErrListForm) {
			t.Errorf("%s was signed: %v", name, err)
		}
	}
}

// A list that was altered, has another's signature, or is older, is refused.
func TestListsAreSigned(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	least := shipped(t).Version()
	data := providerList()
	sig, err := pools.SignProviders(data, key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "providers.json")
	write := func(data, sig []byte) {
		for name, b := range map[string][]byte{file: data, file + ".sig": sig} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(data, sig)
	l, err := pools.LoadProviders(file, pub, least)
	if err != nil || l.Version() != 3000010101 {
		t.Fatalf("%v", err)
	}
	if p, ok := l.Match("api.a.example"); !ok || p.Name != "a" {
		t.Error("the new list does not count")
	}
	plain := []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(key, data)))
	for name, c := range map[string]struct {
		data, sig []byte
		key       ed25519.PublicKey
	}{
		"a byte more": {append(providerList(), ' '), sig, pub}, "another list": {providerList("A Ltd", "B Ltd"), sig, pub}, "another key": {data, sig, other}, "no signature": {data, nil, pub},
		"half a signature": {data, sig[:40], pub}, "no base64": {data, []byte("???"), pub}, "no key": {data, sig, nil}, "a signature of something else": {data, plain, pub},
	} {
		write(c.data, c.sig)
		if _, err := pools.LoadProviders(file, c.key, least); !errors.Is(err, pools.ErrListSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, version := range map[string]int64{"an older list": least - 1, "another of the same version": least} {
		old := providerList("3000010101", fmt.Sprint(version))
		sig, err := pools.SignProviders(old, key)
		if err != nil {
			t.Fatal(err)
		}
		write(old, sig)
		if _, err := pools.LoadProviders(file, pub, least); !errors.Is(err, pools.ErrListOld) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(file + ".sig"); err != nil {
		t.Fatal(err)
	}
	if _, err := pools.LoadProviders(file, pub, least); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a signature: %v", err)
	}
}

const chatBody = `{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}`

// Model APIs that nobody told of, by what can be seen of them.
func TestSuspect(t *testing.T) {
	l := shipped(t)
	chat := pools.ShapeOf(proxy.NewText(chatBody))
	for _, c := range []struct {
		sight    pools.Sight
		kind     string
		provider string
		likely   proxy.Likelihood
		reasons  string
	}{
		{pools.Sight{ServerName: "api.openai.com"}, "known_api", "openai", proxy.VeryLikely, "server_name"},
		{pools.Sight{Host: "api.openai.com", ServerName: "api.openai.com"}, "known_api", "openai", proxy.VeryLikely, "host server_name"},
		{pools.Sight{Host: "claude.ai"}, "known_app", "anthropic", proxy.VeryLikely, "host"},
		{pools.Sight{Host: "bank.example", ServerName: "api.openai.com"}, "known_api", "openai", proxy.VeryLikely, "names_differ server_name"},
		{pools.Sight{Host: "api.openai.com", ServerName: "cdn.example"}, "known_api", "openai", proxy.VeryLikely, "host names_differ"},

		{pools.Sight{ServerName: "api.openai.com.evil.example"}, "look_alike", "openai", proxy.Likely, "server_name"},
		{pools.Sight{Host: "api-openai.com"}, "look_alike", "openai", proxy.Likely, "host"},
		{pools.Sight{Host: "api.0penai.com"}, "look_alike", "openai", proxy.Likely, "host"},
		{pools.Sight{Host: "api.opena1.com"}, "look_alike", "openai", proxy.Likely, "host"},
		{pools.Sight{Host: "api.openаi.com"}, "look_alike", "openai", proxy.Likely, "host punycode"},
		{pools.Sight{Host: "api.xn--openi-7ve.com"}, "look_alike", "openai", proxy.Likely, "host punycode"},
		{pools.Sight{Host: "api.anthropc.com"}, "look_alike", "anthropic", proxy.Likely, "host"},
		{pools.Sight{Host: "api.antrhopic.com"}, "look_alike", "anthropic", proxy.Likely, "host"},
		{pools.Sight{Host: "deepseek.evil.example"}, "look_alike", "deepseek", proxy.Likely, "host"},

		{pools.Sight{Host: "llm.api.somebody.example"}, "unknown", "", proxy.Likely, "name"},
		{pools.Sight{Host: "gpt4.somebody.example"}, "unknown", "", proxy.Possible, "name"},
		{pools.Sight{ServerName: "inference.somebody.ai"}, "unknown", "", proxy.Possible, "name"},
		{pools.Sight{Host: "api.somebody.example", Method: "POST", Path: "/v1/chat/completions", Shape: chat}, "unknown", "", proxy.VeryLikely, "body path"},
		{pools.Sight{Host: "10.0.0.5", Method: "POST", Path: "/v1/chat/completions?x=1", Shape: chat}, "unknown", "", proxy.VeryLikely, "address body path"},
		{pools.Sight{Host: "api.somebody.example", Method: "POST", Path: "/hidden", Shape: chat}, "unknown", "", proxy.Likely, "body"},
		{pools.Sight{Host: "api.somebody.example", Method: "POST", Path: "/api/generate/"}, "unknown", "", proxy.Likely, "path"},
		{pools.Sight{Host: "a.example", Method: "POST", Path: "/v1beta/models/g:streamGenerateContent", Shape: pools.ShapeContents}, "unknown", "", proxy.VeryLikely, "body path"},

		{pools.Sight{}, "none", "", 0, ""},
		{pools.Sight{Host: "github.com"}, "none", "", 0, ""},
		{pools.Sight{Host: "api.github.com", Method: "POST", Path: "/graphql"}, "none", "", 0, ""},
		{pools.Sight{Host: "pypi.org"}, "none", "", 0, ""},
		{pools.Sight{Host: "clause.example"}, "none", "", 0, ""},
		{pools.Sight{Host: "openair.example"}, "none", "", 0, ""},
		{pools.Sight{Host: "openal.org"}, "none", "", 0, ""},
		{pools.Sight{Host: "fireworks.example"}, "none", "", 0, ""},
		{pools.Sight{Host: "platform.openai.com"}, "unknown", "", proxy.Possible, "name"},
		{pools.Sight{Host: "api.stripe.com", Method: "POST", Path: "/v1/charges"}, "none", "", 0, ""},
		{pools.Sight{Host: "slack.com", Method: "POST", Path: "/api/chat.postMessage"}, "none", "", 0, ""},
		{pools.Sight{Host: "a.example", Method: "POST", Path: "/messages", Shape: pools.ShapeOf(proxy.NewText(`{"messages":[{"to":"x","text":"y"}]}`))}, "none", "", 0, ""},
		{pools.Sight{Host: "a.example", Method: "GET", Path: "/v1/chat/completions"}, "none", "", 0, ""},
	} {
		got := l.Suspect(c.sight)
		want := pools.Suspicion{Kind: c.kind, Provider: c.provider, Likelihood: c.likely}
		if c.reasons != "" {
			want.Reasons = strings.Fields(c.reasons)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v (- want, + got):\n%s", c.sight, d)
		}
	}
}

func TestShapeOf(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	for body, want := range map[string]pools.Shape{
		chatBody: pools.ShapeMessages | pools.ShapeModel | pools.ShapeStream,
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{}}`:       pools.ShapeContents | pools.ShapeGeneration,
		`{"prompt":"x","max_tokens":5}`:                                       pools.ShapePrompt | pools.ShapeSampling,
		`{"input":["x"],"model":"m"}`:                                         pools.ShapeInput | pools.ShapeModel,
		`{"model":"m","messages":[{"role":"user","content":"` + long + `"}]}`: pools.ShapeMessages | pools.ShapeModel,
		`{"messages":[],"tools":[]}`:                                          pools.ShapeTools,
		`{"messages":"x"}`:                                                    0, `[]`: 0, ``: 0, `x`: 0, `"messages"`: 0, `{"a":{"messages":[{"role":"u","content":"x"}]}}`: 0, `{`: 0, `{"messages":[{"to":"x"}]}`: 0,
	} {
		if got := pools.ShapeOf(proxy.NewText(body)); got != want {
			t.Errorf("%.60s: %b, want %b", body, got, want)
		}
	}
}

// FuzzSuspect: whatever is seen, a report holds constant words and names of the
// list only, and a name that matches ends like a pattern of its provider.
func FuzzSuspect(f *testing.F) {
	l := shipped(f)
	for _, h := range []string{"api.openai.com", "xn--openi-7ve.com", "xn--99999999", "a.b", "[::1]", "bank.openai.azure.com", "е.example"} {
		f.Add(h, h, "/v1/chat/completions", chatBody)
	}
	words := []string{"host", "server_name", "names_differ", "name", "path", "body", "punycode", "address"}
	f.Fuzz(func(t *testing.T, host, sni, path, body string) {
		got := l.Suspect(pools.Sight{Host: host, ServerName: sni, Method: "POST", Path: path, Shape: pools.ShapeOf(proxy.NewText(body))})
		for _, r := range got.Reasons {
			if !slices.Contains(words, r) {
				t.Fatalf("a reason that is none: %q", r)
			}
		}
		if got.Provider != "" {
			if _, ok := l.Provider(got.Provider); !ok {
				t.Fatalf("a provider that is none: %q", got.Provider)
			}
		}
		if (got.Kind == pools.KindNone) != (got.Likelihood == 0) {
			t.Fatalf("%+v", got)
		}
		if p, ok := l.Match(host); ok {
			labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
			if !slices.ContainsFunc(p.Hosts, func(h string) bool {
				want := strings.Split(h, ".")
				return len(want) == len(labels) && slices.Equal(want[len(want)-2:], labels[len(labels)-2:])
			}) {
				t.Fatalf("%q is not of %s", host, p.Name)
			}
		}
	})
}

// FuzzProviders: a list that is read is read again from its own JSON alike.
func FuzzProviders(f *testing.F) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(providerList())
	f.Add(providerList("api.a.example", "*.x-{region}.a.example"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sig, err := pools.SignProviders(data, key)
		if err != nil {
			return
		}
		l, err := pools.ParseProviders(data, sig, pub, 0)
		if err != nil {
			return
		}
		for _, p := range l.List() {
			for _, h := range p.Hosts {
				host := strings.NewReplacer("*", "a", "{region}", "eu-1").Replace(h)
				if got, ok := l.Match(host); ok && got.Name == p.Name {
					continue
				} else if !ok {
					t.Fatalf("%s does not match its own pattern", p.Name)
				}
			}
		}
		b, err := json.Marshal(l.List())
		if err != nil || len(b) == 0 {
			t.Fatal(err)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	l := shipped(b)
	for _, host := range []string{"api.openai.com", "bank.openai.azure.com", "www.example.com"} {
		b.Run(host, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Match(host)
			}
		})
	}
	b.Run("suspect", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Suspect(pools.Sight{Host: "www.somebody.example", ServerName: "www.somebody.example"})
		}
	})
}
