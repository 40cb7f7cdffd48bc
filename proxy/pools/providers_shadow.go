package pools

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of looking for model APIs that nobody told of.
const (
	maxShapeBody = 256 << 10 // bytes of a body that are looked at
	maxCut       = 4 << 10   // bytes of a value that is not whole
	maxShapeKeys = 64        // members of it that are looked at
	maxShapePath = 2 << 10   // bytes of a path
	leastWord    = 5         // letters of a provider's name that look-alikes are sought of
	leastStroke  = 7         // of one that may differ by a stroke: shorter ones are near to too many words
	maxPunycode  = 64        // letters of an internationalised label
)

// commonWords are labels before the last that say nothing of a provider.
var commonWords = []string{
	"amazonaws", "googleapis", "google", "azure", "microsoft", "github", "githubusercontent", "cloudflare", "vercel", "office", "tencent", "baidu", "yandex",
	"baidubce", "aliyuncs", "tencentcloudapi", "volces", "ntruss", "cloud", "scaleway", "ionos", "databricks", "nvidia", "lambda", "lama", "cursor", "together", "replicate",
	"novita", "friendli", "stability", "upstage", "sberbank", "windsurf", "bytepluses", "nebius", "poe", "x", "meta", "jina", "llama", "elevenlabs",
	"fireworks", "hyperbolic", "moonshot", "minimax", "inception",
}

// Sight is what can be seen of a request to a host that no pool has. What could
// not be seen is empty: of TLS, only ServerName.
type Sight struct {
	Host       string // that the client asked for, without port
	ServerName string // of its TLS connection (SNI)
	Method     string
	Path       string
	Shape      Shape // of the body, see [ShapeOf]
}

// Shape is what a body of JSON looks like, without anything of its content.
type Shape uint16

// The traits of a [Shape].
const (
	ShapeMessages   Shape = 1 << iota // messages of roles and contents
	ShapeContents                     // contents of parts (Gemini)
	ShapePrompt                       // a prompt as text
	ShapeInput                        // an input as text or list
	ShapeModel                        // the name of a model
	ShapeSampling                     // temperature, top_p, max_tokens …
	ShapeStream                       // stream, as a truth
	ShapeTools                        // tools with schemas
	ShapeGeneration                   // generationConfig or inferenceConfig
)

// Finding words of a [Suspicion].
const (
	KindNone      = "none"       // looks like no model API
	KindKnownAPI  = "known_api"  // the API of a known provider
	KindKnownApp  = "known_app"  // an application for persons of a known provider
	KindLookAlike = "look_alike" // a name that is made to be taken for a known provider's
	KindUnknown   = "unknown"    // looks like a model API of nobody known
)

// Suspicion is what a [Sight] comes to. It holds no content: neither names that
// the client chose nor anything of a path or body, only constant words and names
// of the list.
type Suspicion struct {
	Kind       string
	Provider   string           // its name in the list; of look-alikes, whom it looks like; or empty
	Likelihood proxy.Likelihood // that it is a model API; 0 where Kind is none
	// Reasons are words of: host, server_name, names_differ, name, path, body,
	// punycode, address; sorted.
	Reasons []string
}

// Suspect says whether a request goes to a model API, known or not ("shadow AI").
// A name alone makes it possible, or likely where it says so plainly; a path and a
// body that go together make it very likely whatever the name.
func (l *Providers) Suspect(s Sight) Suspicion {
	var out Suspicion
	add := func(reason string) {
		if !slices.Contains(out.Reasons, reason) {
			out.Reasons = append(out.Reasons, reason)
		}
	}
	names := []struct{ name, reason string }{{s.Host, "host"}, {s.ServerName, "server_name"}}
	if s.Host != "" && s.ServerName != "" && !sameHost(s.Host, s.ServerName) {
		add("names_differ")
	}
	take := func(kind, provider string, likelihood proxy.Likelihood, reason string) {
		add(reason)
		// What is known counts before what it looks like, and the first name first.
		if rank(kind) > rank(out.Kind) {
			out.Kind, out.Provider = kind, provider
		}
		out.Likelihood = max(out.Likelihood, likelihood)
	}
	for _, n := range names {
		if n.name == "" {
			continue
		}
		if p, ok := l.Match(n.name); ok {
			take(KindKnownAPI, p.Name, proxy.VeryLikely, n.reason)
			continue
		}
		if p, ok := l.MatchApp(n.name); ok {
			take(KindKnownApp, p.Name, proxy.VeryLikely, n.reason)
			continue
		}
		if provider, coded, ok := l.lookAlike(n.name); ok {
			if coded {
				add("punycode")
			}
			take(KindLookAlike, provider, proxy.Likely, n.reason)
			continue
		}
		if how := telling(n.name); how > 0 {
			take(KindUnknown, "", how, "name")
		}
	}
	path, body := apiPath(s.Method, s.Path), s.Shape.strength()
	if path > 0 {
		add("path")
	}
	if body > 0 {
		add("body")
	}
	if seen := together(path, body); seen > 0 {
		if _, err := netip.ParseAddr(strings.Trim(s.Host, "[]")); err == nil {
			add("address")
		}
		if rank(out.Kind) < rank(KindUnknown) {
			out.Kind = KindUnknown
		}
		out.Likelihood = max(out.Likelihood, seen)
		if out.Kind == KindUnknown && slices.Contains(out.Reasons, "name") {
			out.Likelihood = max(out.Likelihood, proxy.Likely)
		}
	}
	if out.Kind == "" {
		return Suspicion{Kind: KindNone}
	}
	slices.Sort(out.Reasons)
	return out
}

func rank(kind string) int {
	return slices.Index([]string{"", KindNone, KindUnknown, KindLookAlike, KindKnownApp, KindKnownAPI}, kind)
}

func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// together says how likely a path and a body, each 0 to 2, make a model API.
func together(path, body int) proxy.Likelihood {
	switch {
	case path == 2 && body == 2:
		return proxy.VeryLikely
	case path == 2 && body > 0, path > 0 && body == 2, body == 2:
		return proxy.Likely
	case path == 2:
		return proxy.Likely
	case path == 1 && body == 1:
		return proxy.Possible
	}
	return 0
}

// tellingWords are words of names that model APIs have and little else: strong
// ones alone, weak ones beside "api", "ai" or each other.
var (
	tellingWords = []string{
		"llm", "llms", "gpt", "chatgpt", "openai", "anthropic", "claude", "vllm", "ollama", "litellm", "sglang", "tgi", "deepseek", "mistral", "mixtral",
		"genai", "langchain", "langfuse", "langsmith", "openwebui", "huggingface", "llamacpp", "lmstudio", "copilot", "chatbot",
	}
	hintingWords = []string{"inference", "completion", "completions", "embeddings", "llama", "qwen", "gemini", "gemma", "model", "models", "ai", "chat", "assistant", "agent", "agents", "api"}
)

// telling says how likely a name alone makes a model API, 0 for not at all.
func telling(host string) proxy.Likelihood {
	labels, ok := hostLabels(host)
	if !ok || len(labels) < 2 {
		return 0
	}
	strong, hints := 0, 0
	for i, label := range labels {
		// The last label is a registry's; of those, .ai alone is a hint.
		if i == len(labels)-1 {
			if label == "ai" {
				hints++
			}
			continue
		}
		for _, word := range strings.Split(label, "-") {
			word = strings.TrimRight(word, "0123456789")
			switch {
			case slices.Contains(tellingWords, word):
				strong++
			case slices.Contains(hintingWords, word):
				hints++
			}
		}
	}
	switch {
	case strong > 0 && hints > 0:
		return proxy.Likely
	case strong > 0, hints > 1:
		return proxy.Possible
	}
	return 0
}

// lookAlike says whose name a host is made to be taken for, and whether it is
// internationalised: the name of a provider's domain within another's, as a
// whole label or with hyphens, in letters that look like it, or one stroke beside
// it.
func (l *Providers) lookAlike(host string) (provider string, coded, ok bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(host) > maxHost {
		return "", false, false
	}
	labels := strings.Split(host, ".")
	if len(labels) < 2 {
		return "", false, false
	}
	if plain, ok := hostLabels(host); ok && l.owned(plain) {
		return "", false, false // of the owner's own domain, though not its API
	}
	for i, label := range labels[:len(labels)-1] {
		seen, isCoded, strange := skeleton(label)
		for _, word := range l.words {
			// A word may hold a hyphen itself.
			hit := strange && alike(seen) == alike(word) || strings.Contains("-"+seen+"-", "-"+word+"-")
			// The label that somebody registered may also differ by a stroke.
			if !hit && i == len(labels)-2 && len(word) >= leastStroke {
				hit = oneStroke(seen, word)
			}
			if hit {
				return l.ownerOf(word), isCoded, true
			}
		}
	}
	return "", false, false
}

// owned says whether a name ends like a known one: then it is the owner's.
func (l *Providers) owned(labels []string) bool {
	end := lastTwo(labels)
	return len(l.hosts[end]) > 0 || len(l.apps[end]) > 0
}

func (l *Providers) ownerOf(word string) string {
	for _, p := range l.list {
		for _, h := range slices.Concat(p.Hosts, p.Apps) {
			labels := strings.Split(h, ".")
			if labels[len(labels)-2] == word {
				return p.Name
			}
		}
	}
	return ""
}

// confusable are letters that look like ASCII ones, of Latin, Greek and Cyrillic,
// and digits that do.
var confusable = map[rune]rune{
	'а': 'a', 'α': 'a', 'à': 'a', 'á': 'a', 'â': 'a', 'ä': 'a', 'å': 'a', 'ā': 'a', 'ạ': 'a', 'ɑ': 'a',
	'с': 'c', 'ç': 'c', 'ϲ': 'c', 'ԁ': 'd', 'ɗ': 'd', 'đ': 'd', 'е': 'e', 'ё': 'e', 'è': 'e', 'é': 'e', 'ê': 'e', 'ë': 'e', 'ε': 'e', 'ẹ': 'e', 'ē': 'e',
	'ɡ': 'g', 'ġ': 'g', 'һ': 'h', 'ḥ': 'h', 'і': 'i', 'ı': 'i', 'ì': 'i', 'í': 'i', 'î': 'i', 'ï': 'i', 'ι': 'i', 'ị': 'i', 'ī': 'i', 'ј': 'j',
	'κ': 'k', 'к': 'k', 'ӏ': 'l', 'ł': 'l', 'м': 'm', 'ṃ': 'm', 'п': 'n', 'ո': 'n', 'ñ': 'n', 'ń': 'n', 'ṇ': 'n', 'η': 'n',
	'о': 'o', 'ο': 'o', 'ò': 'o', 'ó': 'o', 'ô': 'o', 'ö': 'o', 'ø': 'o', 'ọ': 'o', 'ō': 'o', 'օ': 'o', 'р': 'p', 'ρ': 'p', 'þ': 'p', 'ԛ': 'q',
	'г': 'r', 'ѕ': 's', 'ş': 's', 'ś': 's', 'ṣ': 's', 'š': 's', 'т': 't', 'τ': 't', 'ṭ': 't', 'ț': 't', 'υ': 'u', 'ù': 'u', 'ú': 'u', 'ü': 'u', 'ս': 'u',
	'ν': 'v', 'ѵ': 'v', 'ԝ': 'w', 'ω': 'w', 'х': 'x', 'χ': 'x', 'у': 'y', 'γ': 'y', 'ý': 'y', 'ÿ': 'y', 'ž': 'z', 'ź': 'z', 'ż': 'z', 'ẓ': 'z',
	'0': 'o', '1': 'l', '3': 'e', '5': 's',
}

// alike takes i and l, which a 1 looks like, for one letter.
func alike(s string) string { return strings.ReplaceAll(s, "i", "l") }

// skeleton gives a label as it looks in plain letters. coded says that it is
// internationalised, strange that it is not written as it looks.
func skeleton(label string) (seen string, coded, strange bool) {
	text := []rune(label)
	if rest, ok := strings.CutPrefix(label, "xn--"); ok {
		coded = true
		if decoded, ok := punycode(rest); ok {
			text = decoded
		}
	}
	for i, r := range text {
		if to, ok := confusable[r]; ok {
			text[i], strange = to, true
		}
	}
	coded = coded || strings.ContainsFunc(label, func(r rune) bool { return r >= 0x80 })
	return string(text), coded, strange
}

// punycode decodes a label behind its xn-- (RFC 3492, 6.2).
func punycode(s string) ([]rune, bool) {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	var out []rune
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		out, s = []rune(s[:i]), s[i+1:]
	}
	n, at, bias := 128, 0, 72
	for s != "" {
		old, weight := at, 1
		for k := base; ; k += base {
			if s == "" {
				return nil, false
			}
			digit := strings.IndexByte("abcdefghijklmnopqrstuvwxyz0123456789", s[0])
			if digit < 0 || len(out) >= maxPunycode {
				return nil, false
			}
			s = s[1:]
			at += digit * weight
			threshold := min(max(k-bias, tMin), tMax)
			if digit < threshold {
				break
			}
			if weight *= base - threshold; weight > 1<<30 || at > 1<<30 {
				return nil, false
			}
		}
		size := len(out) + 1
		delta := at - old
		if old == 0 {
			delta /= damp
		} else {
			delta /= 2
		}
		delta += delta / size
		k := 0
		for ; delta > (base-tMin)*tMax/2; k += base {
			delta /= base - tMin
		}
		bias = k + (base-tMin+1)*delta/(delta+skew)
		if n += at / size; n > 0x10ffff {
			return nil, false
		}
		at %= size
		out = slices.Insert(out, at, rune(n))
		at++
	}
	return out, true
}

// oneStroke says whether one letter more, less or other, or two exchanged, make b
// of a.
func oneStroke(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || a == b {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// apiPaths are ends of paths that model APIs have; the second group is of other
// APIs too. /api/chat and /api/generate are Ollama's.
var (
	apiPaths = []string{
		"/chat/completions", "/v1/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/v1/embeddings", "/api/generate", "/v1/rerank", "/v2/rerank",
		"/generate_stream", "/converse", "/converse-stream", "/invoke-with-response-stream", ":generatecontent", ":streamgeneratecontent", ":embedcontent", ":counttokens",
		":rawpredict", ":streamrawpredict", "/audio/transcriptions", "/images/generations", "/v1/moderations", "/fim/completions",
	}
	maybePaths = []string{"/api/chat", "/completions", "/completion", "/embeddings", "/generate", "/invoke", "/infer", "/predict", ":predict", "/v2/chat", "/v1/chat", "/api/embed", "/responses", "/messages", "/inference"}
)

// apiPath says how much a path is one of a model API: 2 much, 1 somewhat, 0 not.
func apiPath(method, path string) int {
	path, _, _ = strings.Cut(path, "?")
	if len(path) > maxShapePath || !strings.HasPrefix(path, "/") || method != "" && method != "POST" {
		return 0
	}
	path = strings.ToLower(strings.TrimRight(path, "/"))
	if slices.ContainsFunc(apiPaths, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return 2
	}
	if slices.ContainsFunc(maybePaths, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return 1
	}
	return 0
}

// ShapeOf says what a body looks like. Its beginning is enough; nothing of it is
// kept.
func ShapeOf(body proxy.Text) Shape {
	text := body.Reveal()
	d := json.NewDecoder(strings.NewReader(text[:min(len(text), maxShapeBody)]))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0
	}
	var s Shape
	for range maxShapeKeys {
		if !d.More() {
			break
		}
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			break
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			// The value was cut off, or is none.
			s |= cutShape(key, text[min(int(d.InputOffset()), len(text)):])
			break
		}
		s |= memberShape(key, value)
	}
	return s
}

// cutShape is what the key of a value that is not whole says, with the beginning
// of what follows it.
func cutShape(key, rest string) Shape {
	rest = rest[:min(len(rest), maxCut)]
	switch {
	case key == "messages" && strings.Contains(rest, `"role"`):
		return ShapeMessages
	case key == "contents" && strings.Contains(rest, `"parts"`):
		return ShapeContents
	case key == "prompt":
		return ShapePrompt
	case key == "input":
		return ShapeInput
	}
	return 0
}

func memberShape(key string, value json.RawMessage) Shape {
	kind := value[0]
	switch key {
	case "messages":
		var list []struct {
			Role    *string         `json:"role"`
			Content json.RawMessage `json:"content"`
			Tools   json.RawMessage `json:"tool_calls"`
		}
		if json.Unmarshal(value, &list) == nil && len(list) > 0 && list[0].Role != nil && (list[0].Content != nil || list[0].Tools != nil) {
			return ShapeMessages
		}
	case "contents":
		var list []struct {
			Parts []json.RawMessage `json:"parts"`
		}
		if json.Unmarshal(value, &list) == nil && len(list) > 0 && len(list[0].Parts) > 0 {
			return ShapeContents
		}
	case "prompt":
		if kind == '"' || kind == '[' {
			return ShapePrompt
		}
	case "input", "inputs", "texts":
		if kind == '"' || kind == '[' {
			return ShapeInput
		}
	case "model", "model_id", "modelId":
		if kind == '"' {
			return ShapeModel
		}
	case "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict", "stop_sequences", "presence_penalty", "max_new_tokens":
		return ShapeSampling
	case "stream":
		if kind == 't' || kind == 'f' {
			return ShapeStream
		}
	case "tools":
		if kind == '[' {
			return ShapeTools
		}
	case "generationConfig", "inferenceConfig", "generation_config":
		if kind == '{' {
			return ShapeGeneration
		}
	}
	return 0
}

// strength says how much a body is one for a model: 2 much, 1 somewhat, 0 not.
func (s Shape) strength() int {
	about := 0
	for _, trait := range []Shape{ShapeModel, ShapeSampling, ShapeStream, ShapeTools, ShapeGeneration} {
		if s&trait != 0 {
			about++
		}
	}
	switch {
	case s&ShapeMessages != 0 && about > 0, s&ShapeContents != 0, s&(ShapePrompt|ShapeInput) != 0 && about > 1:
		return 2
	case s&ShapeMessages != 0, s&(ShapePrompt|ShapeInput) != 0 && about > 0, about > 1:
		return 1
	}
	return 0
}
