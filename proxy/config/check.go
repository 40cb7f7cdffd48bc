package config

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const unixPrefix = "unix:"

// maxSocket is the length of a unix socket's path (sun_path of unix(7), 108
// bytes with its end).
const maxSocket = 107

// The checks of single texts. Each gives what the text must be, or "".

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	looseForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	labelForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/ -]{0,62}$`)
	typeForm   = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,62}$`)
	packForm   = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
	envForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	headForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	schemeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,31}$`)
	retainForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
	notifyForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	moneyUnit  = regexp.MustCompile(`^[A-Z]{3}$`)
	moneyForm  = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,6}))?$`)
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$`)
)

// reserved are first segments of the paths that the model APIs and Ostiary
// itself use: a pool of that name would take them over.
var reserved = []string{
	"v1", "v1beta", "v2", "health", "healthz", "models", "chat", "responses", "messages", "completions", "embeddings", "moderations", "ostiary",
}

func poolName(s string) string {
	if slices.Contains(reserved, s) {
		return "is a path of the model APIs or of Ostiary and cannot name a pool"
	}
	if !nameForm.MatchString(s) {
		return "must be made of a-z, 0-9 and -, at most 63 characters, and not begin with -"
	}
	return ""
}

// applicationName keeps out the words that stand for no application in what
// policies see.
func applicationName(s string) string {
	if s == "other" || s == "unknown" {
		return "stands for requests of nobody that is known and cannot name an application"
	}
	return termForm(s, "., ")
}

func termName(s string) string {
	if strings.Contains(s, ".") {
		return termForm("", "")
	}
	return termForm(s, "")
}

func termForm(s, dot string) string {
	if looseForm.MatchString(s) {
		return ""
	}
	return "must be made of a-z, 0-9, " + dot + "_ and -, at most 63 characters, and begin with a letter or digit"
}

func label(s string) string {
	return form(labelForm, s, "must be made of letters, digits, blanks and . _ - /, at most 63 characters")
}

func typeName(s string) string {
	return form(typeForm, s, "must be made of A-Z, 0-9 and _, and begin with a letter")
}

func packageName(s string) string {
	if rest, ok := strings.CutPrefix(s, "ostiary.policies."); ok && packForm.MatchString(rest) {
		return "must be the name below ostiary.policies: " + rest
	}
	return form(packForm, s, "must be the name of a Rego package below ostiary.policies")
}

func retention(s string) string {
	return form(retainForm, s, "must be a word such as none, 30d or contract")
}

// classWord takes words that policies see. Those of the vocabulary for what is not
// known or not named would say the opposite there.
func classWord(s string) string {
	if s == "other" || s == "unknown" {
		return "stands for what is not known and cannot be configured"
	}
	return form(retainForm, s, "must be made of a-z, 0-9, _ and -, at most 32 characters, and begin with a letter or digit")
}

func notifyName(s string) string {
	if s == "other" {
		return "stands for names that are not configured"
	}
	return form(notifyForm, s, "must be made of a-z, 0-9 and _, at most 64 characters, and begin with a letter")
}

func currency(s string) string {
	return form(moneyUnit, s, "must be a currency's code of three capitals (ISO 4217)")
}

func scheme(s string) string { return form(schemeForm, s, "must be a word such as Bearer") }

func form(re *regexp.Regexp, s, must string) string {
	if re.MatchString(s) {
		return ""
	}
	return must
}

// jurisdiction takes the form of ISO 3166-1 alpha-2 and the two areas that
// policies speak of. It does not know which codes are assigned.
func jurisdiction(s string) string {
	switch {
	case s == "UK":
		return "is not the country's code: write GB"
	case s == "EEA":
		return ""
	case len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z':
		return ""
	case len(s) == 2:
		return "must be in capitals: " + strings.ToUpper(s)
	}
	return "must be a country's code of two capitals (ISO 3166-1), EU or EEA"
}

// operations are the words of the vocabulary for what a request asks for.
var operations = []string{"chat", "responses", "completions", "embeddings", "moderations", "messages", "count_tokens", "state"}

func operation(s string) string {
	if strings.HasPrefix(s, "/") {
		if strings.Contains(strings.TrimSuffix(s, "*"), "*") || strings.ContainsAny(s, "?# ") || strings.Contains(s, "//") || strings.Contains(s, "/.") {
			return "must be a plain path; a * may only stand at its end"
		}
		return ""
	}
	if slices.Contains(operations, s) {
		return ""
	}
	if near := nearest(s, operations); near != "" {
		return "is not known; did you mean " + near + "?"
	}
	return "must be a path that begins with / or one of: " + strings.Join(operations, ", ")
}

func modelPattern(s string) string {
	if strings.Contains(strings.TrimSuffix(s, "*"), "*") {
		return "holds a * that is not at its end"
	}
	if s == "" || len(s) > 256 {
		return "must have 1 to 256 characters"
	}
	return ""
}

func hostName(s string) string {
	if _, err := netip.ParseAddr(s); err == nil || hostForm.MatchString(s) {
		return ""
	}
	return "must be a host name or address without scheme, port and path"
}

func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#") || !validHost(u) {
		return "must be a web origin: https://HOST or https://HOST:PORT, without a path"
	}
	if s != strings.ToLower(s) {
		return "must be in lower case, as browsers send it"
	}
	return ""
}

// pin takes the digest of a public key (RFC 7469, 2.1.1).
func pin(s string) string {
	if sum, err := base64.StdEncoding.DecodeString(s); err != nil || len(sum) != sha256.Size {
		return "is no pin: SHA-256 of the certificate's public key (SPKI), in base64 of 44 letters"
	}
	return ""
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func endpoint(s string) string {
	host, port, ok := splitAddress(s)
	if !ok || host == "" || port == 0 || hostName(host) != "" {
		return "must be HOST:PORT, without scheme and path"
	}
	return ""
}

// refusedHeaders cannot carry a credential: they frame or route the request, or
// belong to Ostiary.
var refusedHeaders = []string{
	"host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "te", "trailer", "upgrade",
	"keep-alive", "proxy-authorization", "proxy-connection", "cookie", "accept", "accept-encoding", "expect", "forwarded", "ostiary-key", "ostiary-application",
}

func headerName(s string) string {
	s = strings.ToLower(s)
	if slices.Contains(refusedHeaders, s) || strings.HasPrefix(s, "x-ostiary-") || strings.HasPrefix(s, "x-envoy-") || strings.HasPrefix(s, "x-forwarded-") {
		return "cannot carry a credential"
	}
	return form(headForm, s, "must be the name of a request header")
}

// splitAddress splits HOST:PORT, the port in digits.
func splitAddress(s string) (host string, port int, ok bool) {
	host, p, err := net.SplitHostPort(s)
	if err != nil || p == "" || strings.Trim(p, "0123456789") != "" {
		return "", 0, false
	}
	port, err = strconv.Atoi(p)
	return host, port, err == nil && port <= 65535
}

// listen reads an address to listen on.
func (v value) listen(to *string, socket bool) {
	s, ok := v.text()
	if !ok {
		return
	}
	if path, ok := strings.CutPrefix(s, unixPrefix); ok && socket {
		path = v.r.resolve(path)
		if path == "" || strings.HasPrefix(path, "~") || len(path) > maxSocket {
			v.fail(fmt.Sprintf("%s: the path of a socket has 1 to %d bytes", v.what(), maxSocket), "unix:/run/ostiary/ostiary.sock")
			return
		}
		*to = unixPrefix + path
		return
	}
	host, _, ok := splitAddress(s)
	if ok && host != "" && strings.ToLower(host) != "localhost" {
		a, err := netip.ParseAddr(host)
		ok = err == nil && a.Zone() == ""
	}
	if !ok {
		v.fail(fmt.Sprintf("%s: %s is not an address to listen on", v.what(), v.quote(s)), "ADDRESS:PORT with an IP address, for example 127.0.0.1:8484; :8484 is every address of this machine")
		return
	}
	*to = s
}

func validHost(u *url.URL) bool {
	if hostName(u.Hostname()) != "" {
		return false
	}
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		return err == nil && n > 0 && n <= 65535
	}
	return true
}

// parseURL takes http and https URLs of a host and, where path is set, a path.
// What it says holds nothing of the URL: that may hold a password.
func (v value) parseURL(s string) *url.URL {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		v.r.hush(v.node)
		v.fail(v.what()+" is not a URL", "https://HOST, with a path where the API lies below one")
	case u.Scheme == "" || u.Opaque != "":
		v.fail(v.what()+" has no scheme", "begin it with https:// or http://")
	case u.Scheme != "http" && u.Scheme != "https":
		v.fail(v.what()+" must begin with https:// or http://", "")
	case u.User != nil:
		v.r.hush(v.node)
		v.fail(v.what()+" holds a user name or password", "a key may not stand in the configuration; see credential")
	case u.Host == "" || !validHost(u):
		v.fail(v.what()+" has no valid host", "https://HOST or https://HOST:PORT")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		v.r.hush(v.node)
		v.fail(v.what()+" has a query or a fragment", "leave out everything from ? or # on; the client's query is kept")
	default:
		return u
	}
	return nil
}

func (v value) url(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	u := v.parseURL(s)
	if u == nil {
		return
	}
	path := strings.TrimRight(u.Path, "/")
	if u.RawPath != "" || strings.Contains(path, "//") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../") || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`%\;`, r) }) {
		v.fail(v.what()+" has a path with escapes, dots or empty segments", "write the path plainly")
		return
	}
	if path == "/v1" || strings.HasSuffix(path, "/v1") {
		v.fail(v.what()+" ends in /v1, which is part of the API's own path", "leave /v1 out")
		return
	}
	*to = u.Scheme + "://" + strings.ToLower(u.Host) + path
}

// webhook reads an address that messages are sent to.
func (v value) webhook(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	u := v.parseURL(s)
	if u == nil {
		return
	}
	if u.Scheme == "http" && !loopbackHost(u.Hostname()) {
		v.fail(v.what()+" must begin with https://", "http is for this machine alone")
		return
	}
	*to = s
}

func (v value) proxy(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	u := v.parseURL(s)
	if u == nil {
		return
	}
	if u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		v.fail(v.what()+" must be http://HOST:PORT", "the tunnel through the proxy carries TLS of its own")
		return
	}
	*to = "http://" + strings.ToLower(u.Host)
}

// program reads a program's name, which is looked for in PATH, or its path.
func (v value) program(to *string) {
	if s, ok := v.node.(*ast.StringNode); ok && s.Value != "" && !strings.ContainsAny(s.Value, "/~$") {
		v.into(to, nil)
		return
	}
	v.file(to)
}

func (v value) env(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	switch {
	case strings.HasPrefix(s, "$"):
		v.fail(v.what()+" must be the name of a variable, without $", "env: NAME")
	case looksSecret(s) || !envForm.MatchString(s):
		v.fail(v.what()+" is not the name of an environment variable", "env: NAME; the key itself may not stand here")
	default:
		*to = s
	}
}

// check looks at what single values cannot tell.
func (r *reader) check(c *Config) {
	if len(c.Pools) == 0 {
		if _, ok := r.at["pools"]; !ok || len(r.problems) == 0 {
			r.failAt("pools", "no pools: there is nowhere for requests to go", "write at least one: pools: [{name: …, boundary: …, url: …, dialects: […]}]")
		}
	}
	r.checkListen(c)
	names := map[string]int{}
	for i := range c.Pools {
		p := &c.Pools[i]
		path := fmt.Sprintf("pools[%d]", i)
		r.unique(names, p.Name, i, path)
		r.checkPool(c, p, path)
	}
	r.checkApplications(c)
	r.checkIdentity(c)
	r.checkIntercept(c)
	names = map[string]int{}
	for i, t := range c.Terms {
		r.unique(names, t.Name, i, fmt.Sprintf("terms[%d]", i))
	}
	names = map[string]int{}
	for i, n := range c.Policy.Notify {
		r.unique(names, n.Name, i, fmt.Sprintf("policy.notify[%d]", i))
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		r.failAt("tls", "tls needs both cert and key", "")
	}
	if c.Limits.Commit > c.Limits.Decision {
		r.failAt("limits.commit", "limits.commit is longer than limits.decision, which includes it", "shorten one or lengthen the other")
	}
	if c.Envoy.LogLevel == "trace" || c.Envoy.LogLevel == "debug" {
		r.warnAt("envoy.log_level", "at this level Envoy writes headers of requests, keys included, to its log", "info or above")
	}
	if c.Mode == "observe" {
		r.warnAt("mode", "verdicts are recorded but not carried out: requests go out that the policies would stop", "mode: enforce")
	}
}

func (r *reader) unique(seen map[string]int, name string, i int, path string) {
	if name == "" {
		return
	}
	if first, ok := seen[name]; ok {
		pos := r.find(strings.Replace(path, fmt.Sprintf("[%d]", i), fmt.Sprintf("[%d]", first), 1) + ".name")
		r.failAt(path+".name", fmt.Sprintf("%s.name: %q stands on line %d already", path, name, pos.Line), "give each a name of its own")
		return
	}
	seen[name] = i
}

func (r *reader) checkListen(c *Config) {
	socket := strings.HasPrefix(c.Listen, unixPrefix)
	if socket && c.Dataplane != "embedded" {
		r.failAt("listen", "only the embedded data plane listens on a unix socket", "dataplane: embedded, or listen: 127.0.0.1:8484")
	}
	keyed := c.Identity.Required || slices.ContainsFunc(c.Applications, func(a Application) bool { return len(a.Keys) > 0 })
	if !isLoopback(c.Listen) && c.TLS.Cert == "" && !keyed && c.Dataplane != "none" {
		r.failAt("listen", "listen reaches beyond this machine, where anybody could spend the providers' keys", "set tls, or give applications keys, or listen on 127.0.0.1")
	}
	if !isLoopback(c.Listen) && c.TLS.Cert == "" && keyed {
		r.warnAt("listen", "clients send prompts and keys to this address without TLS", "set tls, unless something in front ends TLS")
	}
	if c.Telemetry.Listen != "" && sameAddress(c.Telemetry.Listen, c.Listen) {
		r.failAt("telemetry.listen", "telemetry.listen is the address that clients connect to", "take another port")
	}
}

// checkApplications also reports applications that could never ask.
func (r *reader) checkApplications(c *Config) {
	names := map[string]int{}
	keyed := slices.ContainsFunc(c.Applications, func(a Application) bool { return len(a.Keys) > 0 })
	other := c.Identity.Required || len(c.Identity.Certificates.Trust)+len(c.Identity.Tokens)+len(c.Identity.Local) > 0 || c.Identity.Kubernetes.Issuer != ""
	for i, a := range c.Applications {
		path := fmt.Sprintf("applications[%d]", i)
		r.unique(names, a.Name, i, path)
		if keyed && !other && len(a.Keys) == 0 {
			r.warnAt(path, "this application has no key while others have: its requests are refused", "give it a key")
		}
	}
}

func (r *reader) checkPool(c *Config, p *Pool, path string) {
	if p.Boundary == "external" && p.Jurisdiction == "" {
		r.warnAt(path, "an external pool without jurisdiction: policies that ask for one will not choose it", "jurisdiction: US, or wherever the owner is bound by law")
	}
	if p.Boundary == "internal" {
		for _, m := range p.Models {
			if name := strings.ToLower(m.Name); strings.HasSuffix(name, ":cloud") || strings.HasSuffix(name, "-cloud") {
				// Ollama sends requests for names that end so on to its vendor.
				r.failAt(path+".models", fmt.Sprintf("%s.models: with a name that ends in cloud, an in-house server sends the request out again", path), "name a model that runs in-house")
			}
		}
	}
	u, err := url.Parse(p.URL)
	if p.URL == "" || err != nil {
		return
	}
	host, local := u.Hostname(), loopbackHost(u.Hostname())
	if p.Boundary == "internal" {
		if owner := provider(host); owner != "" {
			r.failAt(path+".url", fmt.Sprintf("%s: an internal pool cannot lie at %s", path, owner), "boundary: external")
		}
	}
	if p.Boundary == "external" && u.Scheme == "http" && !local {
		r.warnAt(path+".url", "requests and keys leave the house without TLS", "https://")
	}
	if _, stated := r.at[path+".credential"]; !stated && p.Boundary == "external" && !local {
		r.warnAt(path, "an external pool without credential: requests go there without a key", "credential: {env: NAME}, or none where that is meant")
	}
	if sameAddress(addressOf(u), c.Listen) {
		r.failAt(path+".url", path+".url is Ostiary's own address: requests would go round in a circle", "name the address of the model server")
	}
}

func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// sameAddress reports whether a connection to one address would reach who
// listens on the other, as far as the text tells. Port 0 is any free one.
func sameAddress(a, b string) bool {
	hostA, portA, okA := splitAddress(a)
	hostB, portB, okB := splitAddress(b)
	if !okA || !okB || portA != portB || portA == 0 {
		return false
	}
	anyHost := func(h string) bool {
		a, err := netip.ParseAddr(h)
		return h == "" || err == nil && a.Unmap().IsUnspecified()
	}
	return strings.EqualFold(hostA, hostB) || loopbackHost(hostA) && loopbackHost(hostB) ||
		anyHost(hostA) && (anyHost(hostB) || loopbackHost(hostB)) || anyHost(hostB) && loopbackHost(hostA)
}

// providers are hosts at which model APIs are sold, by their owners'
// documentation. A pool there is never in-house, whatever the file says.
// Machines that a customer rents are not among them.
var providers = []string{
	"openai.com", "openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com", "models.ai.azure.com", "inference.ai.azure.com",
	"anthropic.com", "claude.ai", "generativelanguage.googleapis.com", "mistral.ai", "cohere.com", "cohere.ai", "groq.com", "together.xyz",
	"together.ai", "deepseek.com", "openrouter.ai", "x.ai", "perplexity.ai", "fireworks.ai", "ollama.com", "router.huggingface.co",
	"api-inference.huggingface.co", "cerebras.ai", "api.nvidia.com", "models.github.ai", "githubcopilot.com", "dashscope.aliyuncs.com",
	"dashscope-intl.aliyuncs.com", "moonshot.ai", "moonshot.cn", "deepinfra.com", "replicate.com", "sambanova.ai", "bigmodel.cn", "api.z.ai",
	"minimax.io", "ai21.com", "novita.ai", "hyperbolic.xyz", "gateway.ai.cloudflare.com", "api.cloudflare.com", "ai-gateway.vercel.sh",
}

// provider gives the provider whose host it is, or "".
func provider(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, p := range providers {
		if host == p || strings.HasSuffix(host, "."+p) {
			return p
		}
	}
	// Regions are part of these: bedrock-runtime.eu-central-1.amazonaws.com,
	// europe-west4-aiplatform.googleapis.com.
	first, _, _ := strings.Cut(host, ".")
	switch {
	case strings.HasPrefix(first, "bedrock") && (strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".api.aws")):
		return "Amazon Bedrock"
	case strings.HasSuffix(first, "aiplatform") && strings.HasSuffix(host, ".googleapis.com"):
		return "Vertex AI"
	}
	return ""
}
