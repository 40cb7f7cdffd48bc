package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Load reads a file and what it names that is text of the configuration's own:
// lists of terms. It also looks whether the other files and directories that it
// names are there. The error is [Problems], but where the file itself cannot be
// read.
func Load(path string) (*Config, error) {
	data, err := readAtMost(path, maxFile+1)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, r := read(path, data)
	r.readFiles(c)
	return finish(c, r)
}

// Parse reads a configuration from memory. name is the file it is taken for: it
// stands in messages, and relative paths are taken from its directory. No other
// file is touched. The error is [Problems].
func Parse(name string, data []byte) (*Config, error) {
	return finish(read(name, data))
}

func finish(c *Config, r *reader) (*Config, error) {
	c.Warnings = r.finish(r.warnings)
	if len(r.problems) > 0 {
		return nil, r.finish(r.problems)
	}
	return c, nil
}

func read(name string, data []byte) (*Config, *reader) {
	c := Default()
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // byte order mark
	r := &reader{source: newSource(name, data)}
	c.source = r.source
	root := r.tree(data)
	if len(r.problems) > 0 {
		return c, r
	}
	if root == nil {
		root = ast.Null(nil)
	}
	if readConfig(value{r: r, node: root}, c) {
		r.check(c)
	}
	return c, r
}

func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// readFiles reads the lists of terms and looks for the other files.
func (r *reader) readFiles(c *Config) {
	for i := range c.Terms {
		t := &c.Terms[i]
		if t.File == "" {
			continue
		}
		path := fmt.Sprintf("terms[%d].file", i)
		data, err := readAtMost(t.File, maxWords+1)
		switch {
		case err != nil:
			r.failAt(path, path+": the file cannot be read", fileRemedy(err))
			continue
		case len(data) > maxWords:
			r.failAt(path, fmt.Sprintf("%s: the file is larger than %d bytes", path, maxWords), "")
			continue
		}
		words := slices.Clone(t.Words)
		for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				words = append(words, line)
			}
		}
		if len(words) == 0 {
			r.failAt(path, path+": the file holds no words", "one word or phrase a line")
		}
		t.Words = words
	}
	there := func(path, file string) {
		if file == "" {
			return
		}
		if _, err := os.Stat(file); err != nil {
			r.failAt(path, path+": there is no such file or directory, or it cannot be read", fileRemedy(err))
		}
	}
	there("policies", c.Policies)
	there("tls.cert", c.TLS.Cert)
	there("tls.key", c.TLS.Key)
	there("upstream.ca", c.Upstream.CA)
	there("telemetry.otlp.headers_file", c.Telemetry.OTLP.HeadersFile)
	if filepath.IsAbs(c.Envoy.Path) {
		there("envoy.path", c.Envoy.Path)
	}
	for i, p := range c.Pools {
		there(fmt.Sprintf("pools[%d].ca", i), p.CA)
	}
	there("identity.certificates.client_ca", c.Identity.Certificates.ClientCA)
	there("identity.kubernetes.ca", c.Identity.Kubernetes.CA)
	there("identity.kubernetes.token_file", c.Identity.Kubernetes.TokenFile)
	for i, t := range c.Identity.Tokens {
		there(fmt.Sprintf("identity.tokens[%d].ca", i), t.CA)
	}
	there("providers.file", c.Providers.File)
	there("providers.key", c.Providers.Key)
	there("policy.candidate.path", c.Policy.Candidate.Path)
	there("policy.bundle.headers_file", c.Policy.Bundle.HeadersFile)
	there("policy.bundle.ca", c.Policy.Bundle.CA)
	for i, k := range c.Policy.Bundle.Keys {
		there(fmt.Sprintf("policy.bundle.keys[%d].file", i), k.File)
	}
	for i, k := range c.Policy.Grants.Keys {
		there(fmt.Sprintf("policy.grants.keys[%d]", i), k)
	}
}

// fileRemedy gives the operating system's sentence: the path in it was written
// by the operator, relative to the file, and is shown in full.
func fileRemedy(err error) string { return "looked for it: " + err.Error() }

// readConfig reports whether the text is a mapping at all.
func readConfig(v value, c *Config) bool {
	return v.mapping(
		field{"listen", func(v value) { v.listen(&c.Listen, true) }},
		field{"mode", func(v value) { v.oneOf(&c.Mode, "enforce", "observe") }},
		field{"dataplane", func(v value) { v.oneOf(&c.Dataplane, "auto", "envoy", "embedded", "none") }},
		field{"policies", func(v value) { v.file(&c.Policies) }},
		field{"log", func(v value) { readLog(v, &c.Log) }},
		field{"state", func(v value) { v.file(&c.State) }},
		field{"tls", func(v value) {
			v.mapping(
				field{"cert", func(v value) { v.file(&c.TLS.Cert) }},
				field{"key", func(v value) { v.file(&c.TLS.Key) }},
			)
		}},
		field{"hosts", func(v value) { v.texts(&c.Hosts, hostName) }},
		field{"origins", func(v value) { v.texts(&c.Origins, origin) }},
		field{"identity", func(v value) { readIdentity(v, &c.Identity) }},
		field{"providers", func(v value) { readProviders(v, &c.Providers) }},
		field{"intercept", func(v value) { readIntercept(v, &c.Intercept) }},
		field{"pools", func(v value) {
			v.list(func(v value) { c.Pools = append(c.Pools, readPool(v)) })
		}},
		field{"applications", func(v value) {
			v.list(func(v value) { c.Applications = append(c.Applications, readApplication(v)) })
		}},
		field{"terms", func(v value) {
			v.list(func(v value) { c.Terms = append(c.Terms, readTerm(v)) })
		}},
		field{"classifiers", func(v value) {
			v.mapping(
				field{"off", func(v value) { v.texts(&c.Classifiers.Off, nil) }},
				field{"patterns", func(v value) {
					v.list(func(v value) { c.Classifiers.Patterns = append(c.Classifiers.Patterns, readPattern(v)) })
				}},
				field{"allow", func(v value) {
					v.list(func(v value) { c.Classifiers.Allow = append(c.Classifiers.Allow, readAllow(v)) })
				}},
			)
		}},
		field{"limits", func(v value) {
			v.mapping(
				field{"body", func(v value) { v.size(&c.Limits.Body, 1<<10, 1<<30) }},
				field{"decision", func(v value) { v.duration(&c.Limits.Decision, 10*time.Millisecond, 5*time.Minute) }},
				field{"commit", func(v value) { v.duration(&c.Limits.Commit, 10*time.Millisecond, time.Minute) }},
				field{"exchanges", func(v value) { v.number(&c.Limits.Exchanges, 1, 1_000_000) }},
				field{"connections", func(v value) { v.number(&c.Limits.Connections, 1, 1_000_000) }},
				field{"drain", func(v value) { v.duration(&c.Limits.Drain, time.Second, time.Hour) }},
			)
		}},
		field{"envoy", func(v value) {
			v.mapping(
				field{"path", func(v value) { v.program(&c.Envoy.Path) }},
				field{"concurrency", func(v value) { v.number(&c.Envoy.Concurrency, 1, 1024) }},
				field{"memory", func(v value) { v.size(&c.Envoy.Memory, 128<<20, 1<<42) }},
				field{"log_level", func(v value) {
					v.oneOf(&c.Envoy.LogLevel, "trace", "debug", "info", "warning", "error", "critical", "off")
				}},
			)
		}},
		field{"telemetry", func(v value) {
			v.mapping(
				field{"listen", func(v value) { v.listen(&c.Telemetry.Listen, false) }},
				field{"otlp", func(v value) { readOTLP(v, &c.Telemetry.OTLP) }},
				field{"sample", func(v value) { v.share(&c.Telemetry.Sample) }},
			)
		}},
		field{"upstream", func(v value) {
			v.mapping(
				field{"proxy", func(v value) { v.proxy(&c.Upstream.Proxy) }},
				field{"ca", func(v value) { v.file(&c.Upstream.CA) }},
			)
		}},
		field{"policy", func(v value) {
			v.mapping(
				field{"expected", func(v value) { v.texts(&c.Policy.Expected, packageName) }},
				field{"modes", func(v value) {
					v.list(func(v value) { c.Policy.Modes = append(c.Policy.Modes, readMode(v)) })
				}},
				field{"candidate", func(v value) {
					v.mapping(
						field{"path", func(v value) { v.file(&c.Policy.Candidate.Path) }},
						field{"share", func(v value) { v.number(&c.Policy.Candidate.Share, 0, 100) }},
					)
				}},
				field{"bundle", func(v value) { readBundle(v, &c.Policy.Bundle) }},
				field{"grants", func(v value) {
					v.mapping(
						field{"keys", func(v value) {
							v.list(func(v value) {
								var f string
								if v.file(&f); f != "" {
									c.Policy.Grants.Keys = append(c.Policy.Grants.Keys, f)
								}
							})
						}},
						field{"reasons", func(v value) { v.texts(&c.Policy.Grants.Reasons, reasonWord) }},
						field{"longest", func(v value) { v.duration(&c.Policy.Grants.Longest, time.Minute, 31*24*time.Hour) }},
					)
				}},
				field{"notify", func(v value) {
					v.list(func(v value) { c.Policy.Notify = append(c.Policy.Notify, readNotify(v)) })
				}},
				field{"hours", func(v value) { readHours(v, &c.Policy.Hours) }},
			)
		}},
	) != nil
}

func readNotify(v value) (n Notify) {
	seen := v.mapping(
		field{"name", func(v value) { v.into(&n.Name, notifyName) }},
		field{"url", func(v value) { v.webhook(&n.URL) }},
		field{"secret", func(v value) { n.Secret = readSecret(v) }},
	)
	for _, need := range []struct{ key, remedy string }{
		{"name", "name: a word by which policies call it"},
		{"url", "url: https://HOST/PATH"},
		{"secret", secretRemedy},
	} {
		if seen != nil && !seen[need.key] {
			v.fail(v.what()+" has no "+need.key, need.remedy)
		}
	}
	return n
}

func readOTLP(v value, o *OTLP) {
	seen := v.mapping(
		field{"endpoint", func(v value) { v.into(&o.Endpoint, endpoint) }},
		field{"insecure", func(v value) { v.boolean(&o.Insecure) }},
		field{"headers_file", func(v value) { v.file(&o.HeadersFile) }},
	)
	if len(seen) > 0 && !seen["endpoint"] {
		v.fail(v.what()+" has no endpoint", "endpoint: HOST:PORT of the collector")
	}
}

func readPool(v value) (p Pool) {
	p.Credential.Mode = CredentialNone
	seen := v.mapping(
		field{"name", func(v value) { v.into(&p.Name, poolName) }},
		field{"boundary", func(v value) { v.oneOf(&p.Boundary, "internal", "external") }},
		field{"jurisdiction", func(v value) { v.into(&p.Jurisdiction, jurisdiction) }},
		field{"retention", func(v value) { v.into(&p.Retention, retention) }},
		field{"training", func(v value) { readTraining(v, &p.Training) }},
		field{"url", func(v value) { v.url(&p.URL) }},
		field{"dialects", func(v value) {
			before := len(v.r.problems)
			v.list(func(v value) {
				var d string
				if v.oneOf(&d, "openai", "anthropic"); d != "" && !slices.Contains(p.Dialects, d) {
					p.Dialects = append(p.Dialects, d)
				}
			})
			if len(p.Dialects) == 0 && len(v.r.problems) == before {
				v.fail(v.what()+" is empty", "dialects: [openai], [anthropic] or both")
			}
		}},
		field{"endpoints", func(v value) { v.texts(&p.Endpoints, operation) }},
		field{"models", func(v value) { readModels(v, &p) }},
		field{"context", func(v value) { v.number(&p.Context, 1, 1_000_000_000) }},
		field{"abilities", func(v value) { readAbilities(v, &p.Abilities) }},
		field{"labels", func(v value) { v.texts(&p.Labels, classWord) }},
		field{"price", func(v value) { readPrice(v, &p.Price) }},
		field{"credential", func(v value) { readCredential(v, &p.Credential) }},
		field{"hosts", func(v value) { v.texts(&p.Hosts, hostPattern) }},
		field{"ca", func(v value) { v.file(&p.CA) }},
		field{"pins", func(v value) { v.texts(&p.Pins, pin) }},
		field{"proxy", func(v value) { v.proxy(&p.Proxy) }},
	)
	for _, need := range []struct{ key, remedy string }{
		{"name", "name: a word by which policies and clients call it"},
		{"boundary", "boundary: internal or external"},
		{"url", "url: https://HOST"},
		{"dialects", "dialects: [openai], [anthropic] or both"},
	} {
		if seen != nil && !seen[need.key] {
			v.fail(v.what()+" has no "+need.key, need.remedy)
		}
	}
	if c := &p.Credential; c.Mode == CredentialPool && c.Header == "" {
		c.Header = "authorization"
		if !slices.Contains(p.Dialects, "openai") && len(p.Dialects) > 0 && c.Scheme == "" {
			c.Header = "x-api-key"
		}
	}
	if c := &p.Credential; c.Mode == CredentialPool && c.Header == "authorization" && c.Scheme == "" {
		c.Scheme = "Bearer"
	}
	return p
}

func readPrice(v value, p *Price) {
	before := len(v.r.problems)
	seen := v.mapping(
		field{"currency", func(v value) { v.into(&p.Currency, currency) }},
		field{"input", func(v value) { v.money(&p.Input) }},
		field{"output", func(v value) { v.money(&p.Output) }},
	)
	if len(v.r.problems) == before && len(seen) < 3 {
		v.fail(v.what()+" needs currency, input and output", "price: {currency: EUR, input: 2.50, output: 10}, of a million tokens")
	}
}

// readTraining takes true and false too: for YAML 1.1 readers yes and no are
// the same words.
func readTraining(v value, to *string) {
	if b, ok := v.node.(*ast.BoolNode); ok {
		*to = "no"
		if b.Value {
			*to = "yes"
		}
		return
	}
	v.oneOf(to, "yes", "no")
}

func readModels(v value, p *Pool) {
	add := func(v value, pattern, name string) {
		if must := modelPattern(pattern); must != "" {
			v.fail(fmt.Sprintf("%s: %s %s", v.what(), v.quote(pattern), must), "")
			return
		}
		if strings.Contains(name, "*") {
			v.fail(v.what()+": a name of the pool's own holds a *", "write a map from the pattern to the name: {\"*\": NAME}")
			return
		}
		if slices.ContainsFunc(p.Models, func(m Model) bool { return m.Pattern == pattern }) {
			v.fail(v.what()+": "+v.quote(pattern)+" stands twice", "remove one of the two")
			return
		}
		p.Models = append(p.Models, Model{pattern, name})
	}
	if _, ok := v.node.(*ast.SequenceNode); ok || v.null() {
		v.list(func(v value) {
			if s, ok := v.text(); ok {
				add(v, s, s)
			}
		})
		return
	}
	entries, _ := v.entries()
	for _, e := range entries {
		pattern, ok := v.key(e)
		child := value{r: v.r, node: e.Value, path: v.path, quiet: v.quiet}
		if !ok || child.node == nil || !child.usable() {
			continue
		}
		if name, ok := child.text(); ok {
			add(value{r: v.r, node: e.Key, path: v.path}, pattern, name)
			v.r.at[v.path+"."+pattern] = child.pos()
		}
	}
}

func readAbilities(v value, a *Abilities) {
	all := []struct {
		name string
		to   **bool
	}{{"tools", &a.Tools}, {"images", &a.Images}, {"audio", &a.Audio}, {"files", &a.Files}, {"json", &a.JSON}}
	if _, ok := v.node.(*ast.SequenceNode); ok {
		var can []string
		v.list(func(v value) {
			var s string
			if v.oneOf(&s, "tools", "images", "audio", "files", "json"); s != "" {
				can = append(can, s)
			}
		})
		for _, x := range all {
			b := slices.Contains(can, x.name)
			*x.to = &b
		}
		return
	}
	var fields []field
	for _, x := range all {
		fields = append(fields, field{x.name, func(v value) {
			if _, ok := v.node.(*ast.BoolNode); !ok {
				v.fail(v.what()+" must be true or false", "")
				return
			}
			*x.to = new(bool)
			v.boolean(*x.to)
		}})
	}
	v.mapping(fields...)
}

func readCredential(v value, c *Credential) {
	v.quiet = true
	if isScalar(v.node) {
		if s, ok := v.node.(*ast.StringNode); ok && (s.Value == CredentialNone || s.Value == CredentialClient) {
			c.Mode = s.Value
			return
		}
		v.r.hush(v.node)
		switch {
		case v.null():
			v.fail(v.what()+" has no value", "none, client, or "+secretRemedy)
		default:
			v.fail("a key may not stand in the configuration", "none, client, or "+secretRemedy)
		}
		return
	}
	c.Mode = CredentialPool
	c.Secret = readSecret(v,
		field{"header", func(v value) { v.into(&c.Header, headerName); c.Header = strings.ToLower(c.Header) }},
		field{"scheme", func(v value) { v.into(&c.Scheme, scheme) }},
	)
}

// readSecret reads where a key is to be had. Nothing of it is printed: what was
// meant as a name may be the key.
func readSecret(v value, more ...field) (s Secret) {
	v.quiet = true
	v.r.hush(v.node)
	if isScalar(v.node) {
		v.fail("a key may not stand in the configuration", secretRemedy)
		return s
	}
	before := len(v.r.problems)
	seen := v.mapping(append([]field{
		{"env", func(v value) { v.env(&s.Env) }},
		{"file", func(v value) {
			if n, ok := v.node.(*ast.StringNode); ok && looksSecret(filepath.Base(n.Value)) {
				v.fail(v.what()+" looks like a key, not like the name of a file", "file: PATH of a file that holds the key")
				return
			}
			v.file(&s.File)
		}},
		{"command", func(v value) {
			if _, ok := v.node.(*ast.SequenceNode); !ok {
				v.fail(v.what()+" must be a list of words", "command: [PROGRAM, ARGUMENT]; no shell is involved")
				return
			}
			v.list(func(v value) {
				if w, ok := v.text(); ok {
					s.Command = append(s.Command, w)
				}
			})
			if len(s.Command) == 0 {
				v.fail(v.what()+" names no program", "command: [PROGRAM, ARGUMENT]")
				return
			}
			if strings.Contains(s.Command[0], "/") {
				s.Command[0] = v.r.resolve(s.Command[0])
			}
		}},
	}, more...)...)
	n := 0
	for _, k := range []string{"env", "file", "command"} {
		if seen[k] {
			n++
		}
	}
	if n != 1 && len(v.r.problems) == before {
		v.fail(v.what()+" must name one place where the key is to be had", secretRemedy)
	}
	return s
}

func readApplication(v value) (a Application) {
	seen := v.mapping(
		field{"name", func(v value) { v.into(&a.Name, applicationName) }},
		field{"team", func(v value) { v.into(&a.Team, label) }},
		field{"groups", func(v value) { v.texts(&a.Groups, label) }},
		field{"classification", func(v value) { v.into(&a.Classification, classWord) }},
		field{"key", func(v value) { a.Keys = append(a.Keys, readSecret(v)) }},
		field{"keys", func(v value) {
			v.quiet = true
			v.r.hush(v.node)
			v.list(func(v value) { a.Keys = append(a.Keys, readSecret(v)) })
		}},
	)
	if seen != nil && !seen["name"] {
		v.fail(v.what()+" has no name", "name: a word by which policies and the audit log call it")
	}
	if seen["key"] && seen["keys"] {
		v.fail(v.what()+" has both key and keys", "write all of them under keys")
	}
	return a
}

func readTerm(v value) (t Term) {
	before := len(v.r.problems)
	seen := v.mapping(
		field{"name", func(v value) { v.into(&t.Name, termName) }},
		field{"words", func(v value) { v.quiet = true; v.r.hush(v.node); v.texts(&t.Words, nil) }},
		field{"file", func(v value) { v.file(&t.File) }},
		field{"type", func(v value) { v.into(&t.Type, typeName) }},
		field{"groups", func(v value) { v.texts(&t.Groups, nil) }},
		field{"severity", func(v value) { v.oneOf(&t.Severity, severities...) }},
	)
	if seen != nil && !seen["name"] {
		v.fail(v.what()+" has no name", "name: a word for the list")
	}
	if len(t.Words) == 0 && !seen["file"] && len(v.r.problems) == before {
		v.fail(v.what()+" has no words", "words: [\"…\"] or file: PATH")
	}
	if t.Type == "" {
		t.Type = "TERM_" + strings.ToUpper(strings.ReplaceAll(t.Name, "-", "_"))
	}
	return t
}

func readMode(v value) (m PolicyMode) {
	seen := v.mapping(
		field{"policy", func(v value) { v.into(&m.Policy, packageName) }},
		field{"rule", func(v value) { v.into(&m.Rule, packageName) }},
		field{"mode", func(v value) { v.oneOf(&m.Mode, "observe", "warn", "enforce") }},
		field{"applications", func(v value) { v.texts(&m.Applications, nil) }},
		field{"teams", func(v value) { v.texts(&m.Teams, nil) }},
	)
	if seen != nil && (!seen["policy"] || !seen["mode"]) {
		v.fail(v.what()+" has no policy or no mode", "{policy: NAME, mode: observe}")
	}
	return m
}

// bundleAlgorithms are those of OPA's signatures that are asymmetric.
var bundleAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}

func readBundle(v value, b *Bundle) {
	v.mapping(
		field{"source", func(v value) { readBundleSource(v, b) }},
		field{"keys", func(v value) {
			v.list(func(v value) {
				var k BundleKey
				seen := v.mapping(
					field{"name", func(v value) { v.into(&k.Name, nil) }},
					field{"file", func(v value) { v.file(&k.File) }},
					field{"algorithm", func(v value) { v.oneOf(&k.Algorithm, bundleAlgorithms...) }},
				)
				if seen != nil && (!seen["name"] || !seen["file"]) {
					v.fail(v.what()+" has no name or no file", "{name: ID, file: PUBLIC_KEY.pem}")
				}
				b.Keys = append(b.Keys, k)
			})
		}},
		field{"poll", func(v value) { v.duration(&b.Poll, time.Second, 24*time.Hour) }},
		field{"headers_file", func(v value) { v.file(&b.HeadersFile) }},
		field{"ca", func(v value) { v.file(&b.CA) }},
	)
}

func readBundleSource(v value, b *Bundle) {
	s, ok := v.text()
	if !ok {
		return
	}
	scheme, rest, remote := strings.Cut(s, "://")
	if !remote {
		v.file(&b.Source)
		return
	}
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case strings.Contains(host, "@"):
		v.r.hush(v.node)
		v.r.fail(v.pos(), true, v.what()+" holds a password", "put it into headers_file")
	case scheme == "https", scheme == "oci", scheme == "http" && isLoopback(host):
		b.Source = s
	case scheme == "http":
		v.fail(v.what()+": over http, anybody on the way could change the policies", "https://…, or oci://…")
	default:
		v.fail(v.what()+" is neither an address, nor an OCI reference, nor a file", "https://…, oci://registry/name:tag, or a path")
	}
}

var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

func readHours(v value, h *Hours) {
	seen := v.mapping(
		field{"zone", func(v value) {
			v.into(&h.Zone, func(s string) string {
				if _, err := time.LoadLocation(s); err != nil || s == "Local" {
					return "is not a time zone: write Europe/Berlin or UTC"
				}
				return ""
			})
		}},
		field{"days", func(v value) {
			v.texts(&h.Days, func(s string) string {
				if !slices.Contains(weekdays, s) {
					return "is not a day: monday … sunday"
				}
				return ""
			})
		}},
		field{"from", func(v value) { v.into(&h.From, clockTime) }},
		field{"to", func(v value) { v.into(&h.To, clockTime) }},
	)
	if len(seen) > 0 && len(seen) < 4 {
		v.fail(v.what()+" is not complete", "hours: {zone: Europe/Berlin, days: [monday], from: \"08:00\", to: \"18:00\"}")
	}
}

func clockTime(s string) string {
	if _, err := time.Parse("15:04", s); err != nil {
		return "is not a time of the day: \"08:00\""
	}
	return ""
}

func reasonWord(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !('a' <= c && c <= 'z' || i > 0 && (c == '_' || '0' <= c && c <= '9')) {
			return "is not made of small letters, digits and underscores"
		}
	}
	if len(s) > 64 || s == "none" || s == "other" {
		return "is reserved, or longer than 64 characters"
	}
	return ""
}

// severities are the weights of a finding; see classifiers.Severity.
var severities = []string{"low", "medium", "high", "critical"}

func readPattern(v value) (p Pattern) {
	// Examples and forms may be what is to be protected: no excerpt shows them.
	quietly := func(to *[]string) func(value) {
		return func(v value) { v.quiet = true; v.r.hush(v.node); v.texts(to, nil) }
	}
	seen := v.mapping(
		field{"type", func(v value) { v.into(&p.Type, typeName) }},
		field{"doc", func(v value) { v.into(&p.Doc, nil) }},
		field{"groups", func(v value) { v.texts(&p.Groups, nil) }},
		field{"severity", func(v value) { v.oneOf(&p.Severity, severities...) }},
		field{"pattern", func(v value) { v.quiet = true; v.r.hush(v.node); v.into(&p.Pattern, nil) }},
		field{"keywords", func(v value) { v.texts(&p.Keywords, nil) }},
		field{"context", func(v value) { v.texts(&p.Context, nil) }},
		field{"against", func(v value) { v.texts(&p.Against, nil) }},
		field{"exclude", quietly(&p.Exclude)},
		field{"needs_context", func(v value) { v.boolean(&p.NeedsContext) }},
		field{"match", quietly(&p.Match)},
		field{"no_match", quietly(&p.NoMatch)},
	)
	for _, key := range []string{"type", "pattern", "match", "no_match"} {
		if seen != nil && !seen[key] {
			v.fail(v.what()+" has no "+key, "a pattern has a type, a pattern, and examples under match and no_match")
			break
		}
	}
	return p
}

func readAllow(v value) (a Allow) {
	seen := v.mapping(
		field{"types", func(v value) { v.texts(&a.Types, nil) }},
		field{"values", func(v value) { v.quiet = true; v.r.hush(v.node); v.texts(&a.Values, nil) }},
		field{"pattern", func(v value) { v.quiet = true; v.r.hush(v.node); v.into(&a.Pattern, nil) }},
		field{"reason", func(v value) { v.into(&a.Reason, nil) }},
	)
	if seen != nil && !seen["values"] && !seen["pattern"] {
		v.fail(v.what()+" allows nothing", "values: [\"…\"] or pattern: \"…\"")
	}
	return a
}

// knownKeys are all keys of the schema. They alone are shown in excerpts of
// lines that may hold a key.
var knownKeys = []string{
	"listen", "mode", "dataplane", "policies", "log", "state", "tls", "cert", "key", "hosts", "origins", "pools", "name", "boundary",
	"jurisdiction", "retention", "training", "url", "dialects", "endpoints", "models", "context", "abilities", "tools", "images", "audio",
	"files", "json", "credential", "env", "file", "command", "header", "scheme", "ca", "proxy", "applications", "team", "groups", "keys",
	"terms", "words", "type", "classifiers", "off", "limits", "body", "decision", "commit", "exchanges", "connections", "envoy", "path",
	"concurrency", "log_level", "telemetry", "otlp", "endpoint", "insecure", "headers_file", "sample", "upstream", "policy", "expected",
	"patterns", "allow", "doc", "severity", "pattern", "keywords", "against", "exclude", "needs_context", "match", "no_match", "types", "values", "reason",
	"modes", "rule", "teams", "candidate", "share", "bundle", "source", "algorithm", "poll", "grants", "reasons", "longest", "hours", "zone", "days", "from", "to",
}

func knownKey(word string) bool { return slices.Contains(knownKeys, word) }
