// Package config reads Ostiary's one configuration file, YAML, into a validated
// [Config].
//
// It is strict. An unknown key, a key that stands twice and a value of the wrong
// kind are errors; every [Problem] is reported at once, each with its line, its
// column, the line itself and what to do. Keys of providers and applications are
// never written in the file: it names an environment variable, a file or a
// command, and a value that stands there all the same is refused and not
// printed.
//
// The package knows no other room. It says what is wrong with the text and with
// what the text alone can tell; whether a policy compiles or a key can be had is
// found out by the rooms that use the values, and [Config.Problem] gives their
// errors a position. Names that are the business of other rooms (dialects,
// operations) are listed here again on purpose: a configuration is checked
// without building anything.
//
// [Watch] tells when the file, or anything that it names, has changed.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds of what is read.
const (
	maxFile   = 1 << 20  // bytes of a configuration: hand-written, a thousand pools fit
	maxWords  = 64 << 20 // bytes of a file of terms
	maxDepth  = 16       // nesting of flow collections; the schema needs 5
	maxLeft   = 512      // column at which a token outside flow collections may begin: block nesting is at most that deep
	maxTokens = 50_000   // of YAML; the parser takes a time that grows with the square, half a second for so many
)

// Defaults of keys that are left out.
const (
	DefaultListen      = "127.0.0.1:8484"
	DefaultMode        = "enforce"
	DefaultDataplane   = "auto"
	DefaultBody        = 32 << 20 // bytes
	DefaultDecision    = 4 * time.Second
	DefaultCommit      = time.Second
	DefaultExchanges   = 4096
	DefaultConnections = 4096
	DefaultDrain       = 30 * time.Second
	DefaultLogLevel    = "warning"
	DefaultSample      = 1.0
)

// Config is one configuration, whole and valid. After [Parse] or [Load] it is
// not written again. Paths are absolute: relative ones in the file are taken
// from the file's own directory.
type Config struct {
	// Address that clients connect to: ADDRESS:PORT, by default
	// 127.0.0.1:8484; or unix:PATH with the embedded data plane. Beyond
	// loopback it needs tls, or applications with keys.
	Listen string `json:"listen"`
	// enforce (the default) carries verdicts out; observe decides and records,
	// and lets pass whatever was readable, decided and recorded.
	Mode string `json:"mode"`
	// What carries the traffic: auto (the default: Envoy where one is found,
	// else embedded), envoy, embedded, or none (the policy server alone, for an
	// Envoy of your own).
	Dataplane string `json:"dataplane"`
	// Directory or bundle of Rego policies. Left out: the shipped ones.
	Policies string `json:"policies,omitempty"`
	// The audit log: its directory, or a map of what follows.
	Log Log `json:"log"`
	// Directory of generated keys and of sockets. Left out: the user's state
	// directory.
	State string `json:"state,omitempty"`
	// Certificate and key with which Ostiary serves TLS.
	TLS TLS `json:"tls"`
	Access
	// Where requests can go, in order of preference. At least one.
	Pools []Pool `json:"pools"`
	// Who asks. Once one of them has a key, every request needs a known key.
	Applications []Application `json:"applications,omitempty"`
	// Lists of the organisation's own words that are to be recognised, such as
	// names of projects.
	Terms []Term `json:"terms,omitempty"`
	// Choice among the detectors.
	Classifiers Classifiers `json:"classifiers"`
	// Bounds of one exchange and of all together.
	Limits Limits `json:"limits"`
	// The Envoy process that Ostiary starts.
	Envoy Envoy `json:"envoy"`
	// Traces, metrics and health. They never hold content.
	Telemetry Telemetry `json:"telemetry"`
	// How pools are reached that say nothing of their own.
	Upstream Upstream `json:"upstream"`
	// What the policies must consist of, where they come from and how they act.
	Policy Policy `json:"policy"`

	// Warnings are problems that do not keep the configuration from being used.
	Warnings Problems `json:"-"`

	source *source
}

// TLS names a certificate; both files or neither.
type TLS struct {
	// PEM file of the certificate chain, leaf first.
	Cert string `json:"cert,omitempty"`
	// PEM file of the private key.
	Key string `json:"key,omitempty"`
}

// Pool is a set of endpoints that share an owner and a place.
type Pool struct {
	// Name, required: a-z, 0-9 and -, unique. Clients may ask for the pool by
	// the path /NAME/v1/…
	Name string `json:"name"`
	// internal or external, required: on which side of the organisation's
	// boundary the pool lies. Policies build on it.
	Boundary string `json:"boundary"`
	// Country whose law applies: ISO 3166-1 alpha-2 in capitals, or EU, EEA.
	// Left out: unknown to policies.
	Jurisdiction string `json:"jurisdiction,omitempty"`
	// How long the owner keeps requests: none, 30d, … Left out: unknown to
	// policies.
	Retention string `json:"retention,omitempty"`
	// Whether the owner trains on requests: yes or no. Left out: unknown to
	// policies.
	Training string `json:"training,omitempty"`
	// Base URL, required: http or https. It replaces everything before the
	// API's own path, so it ends before /v1.
	URL string `json:"url"`
	// APIs that the pool speaks, required: openai, anthropic.
	Dialects []string `json:"dialects"`
	// Operations (chat, responses, completions, embeddings, moderations,
	// messages, count_tokens, state) or path patterns (/v1/rerank, /v1/*) that
	// the pool offers. Left out: those of its dialects.
	Endpoints []string `json:"endpoints,omitempty"`
	// Models: a list of names, or a map from what clients ask for to the name
	// that the pool knows. A pattern may end in *. Left out: names pass as they
	// are.
	Models []Model `json:"models,omitempty"`
	// Context window in tokens. Left out: not checked.
	Context int `json:"context,omitempty"`
	// What the models can do: a map of tools, images, audio, files, json to
	// true or false, or the list of all that they can. What is not stated does
	// not exclude the pool.
	Abilities Abilities `json:"abilities"`
	// Words of your own for policies, which see them as input.pools[_].labels.
	Labels []string `json:"labels,omitempty"`
	// What tokens cost, for policies. Left out: unknown to them.
	Price Price `json:"price,omitzero"`
	// Whose key is sent: none (the default), client (the client's own passes),
	// or where the pool's own key is to be had.
	Credential Credential `json:"credential"`
	// Names by which applications dial the pool that are intercepted. Left out: the
	// host of the URL.
	Hosts []string `json:"hosts,omitempty"`
	// PEM file of the authorities that the pool's certificate is checked
	// against. Left out: that of upstream, else the system's.
	CA string `json:"ca,omitempty"`
	// Keys of which one must be that of the pool's certificate, besides all else
	// that is checked: SHA-256 of the public key (SPKI) in base64, as RFC 7469 has
	// it. Left out: any that the authorities vouch for.
	Pins []string `json:"pins,omitempty"`
	// HTTP proxy (http://HOST:PORT) through which the pool is reached. Left
	// out: that of upstream, else none.
	Proxy string `json:"proxy,omitempty"`
}

// Price is what a million tokens cost, in millionths of the currency's unit; it is
// written as a decimal number of the unit.
type Price struct {
	// Currency, required: ISO 4217, such as EUR.
	Currency string `json:"currency"`
	// Price of a million tokens of the prompt, required: 2.50; at most six digits
	// behind the point.
	Input int64 `json:"input"`
	// Price of a million tokens of the answer, required.
	Output int64 `json:"output"`
}

// Model says under which name a pool knows what a client asks for. A name in a
// list is a pattern for itself.
type Model struct {
	Pattern string `json:"pattern"` // may end in *
	Name    string `json:"name"`
}

// Abilities are what a pool's models can do; nil where it is not stated.
type Abilities struct {
	// Calling of tools.
	Tools *bool `json:"tools,omitempty"`
	// Images in prompts.
	Images *bool `json:"images,omitempty"`
	// Audio in prompts.
	Audio *bool `json:"audio,omitempty"`
	// Files in prompts, such as PDF.
	Files *bool `json:"files,omitempty"`
	// Answers bound to a JSON schema.
	JSON *bool `json:"json,omitempty"`
}

// The modes of a [Credential].
const (
	CredentialNone   = "none"
	CredentialPool   = "pool"
	CredentialClient = "client"
)

// Credential says which key goes to a pool, and how. Mode is written as the
// words none and client; with the keys below it is pool.
type Credential struct {
	Mode string `json:"mode"`
	Secret
	// Request header that carries the key. Left out: authorization, and
	// x-api-key where the pool speaks anthropic only.
	Header string `json:"header,omitempty"`
	// Word before the key. Left out: Bearer in authorization, else none.
	Scheme string `json:"scheme,omitempty"`
}

// Secret says where a key is to be had; exactly one of the three is set. It
// holds no key.
type Secret struct {
	// Environment variable that holds the key.
	Env string `json:"env,omitempty"`
	// File that holds the key; a newline at its end is taken off.
	File string `json:"file,omitempty"`
	// Command that prints the key, as a list of words; no shell is involved.
	Command []string `json:"command,omitempty"`
}

// IsZero reports whether the Secret names nothing.
func (s Secret) IsZero() bool { return s.Env == "" && s.File == "" && len(s.Command) == 0 }

// Application is somebody who asks, by a name that policies and the audit log
// use.
type Application struct {
	// Name, required: a-z, 0-9, ., _ and -, unique.
	Name string `json:"name"`
	// Team that it belongs to, for policies and cost reports.
	Team string `json:"team,omitempty"`
	// Groups, for policies.
	Groups []string `json:"groups,omitempty"`
	// Class of the data that it handles, a word of your own: internal,
	// confidential, … Policies see it as input.labels.classification. Left out:
	// unknown to them.
	Classification string `json:"classification,omitempty"`
	// Its keys, written as key (one) or keys (a list; the old and the new one
	// while a key is being changed): env, file or command each. Without a key
	// the name is one that clients may merely assert.
	Keys []Secret `json:"keys,omitempty"`
}

// Term is a list of words to recognise. After [Load], Words holds those of File
// too.
type Term struct {
	// Name, required: a-z, 0-9, _ and -, unique.
	Name string `json:"name"`
	// The words; they and those of file are taken together.
	Words []string `json:"words,omitempty"`
	// Text file of words, one a line; empty lines and lines that begin with #
	// are skipped.
	File string `json:"file,omitempty"`
	// Type of the findings. Left out: TERM_ and the name in capitals.
	Type string `json:"type"`
	// Groups of the type, for policies. Left out: protected.
	Groups []string `json:"groups,omitempty"`
	// Weight of one finding in reports: low, medium, high or critical; by
	// default high.
	Severity string `json:"severity,omitempty"`
}

// Classifiers chooses among the detectors.
type Classifiers struct {
	// Detectors, or types of findings, that are switched off.
	Off []string `json:"off,omitempty"`
	// Forms of the organisation's own numbers and codes.
	Patterns []Pattern `json:"patterns,omitempty"`
	// Values that are known and no leak: the help desk's address, numbers of
	// the manual.
	Allow []Allow `json:"allow,omitempty"`
}

// Pattern is the form of a number or code of the organisation's own. It is
// tried on its examples before anything is served.
type Pattern struct {
	// Type of the findings, required, in capitals: EMPLOYEE_NUMBER.
	Type string `json:"type"`
	// One sentence that says what it is.
	Doc string `json:"doc,omitempty"`
	// Groups of the type, for policies. Left out: protected.
	Groups []string `json:"groups,omitempty"`
	// Weight of one finding in reports: low, medium, high or critical; by
	// default medium.
	Severity string `json:"severity,omitempty"`
	// Form, required, in RE2 syntax. A letter or digit directly before or behind
	// a match makes it no match.
	Pattern string `json:"pattern"`
	// Words near which (256 bytes on both sides) the form is looked for.
	// Required where it has neither digits nor a fixed beginning.
	Keywords []string `json:"keywords,omitempty"`
	// Words that make a match beside them very likely.
	Context []string `json:"context,omitempty"`
	// Words that make a match beside them unlikely.
	Against []string `json:"against,omitempty"`
	// Forms that are no match, in RE2 syntax.
	Exclude []string `json:"exclude,omitempty"`
	// true: without a word of context a match is possible, not likely.
	NeedsContext bool `json:"needs_context,omitempty"`
	// Texts, one at least, in which something must be found.
	Match []string `json:"match"`
	// Texts, one at least, in which nothing may be found.
	NoMatch []string `json:"no_match"`
}

// Allow names values that are known and no leak. They are recorded as very
// unlikely.
type Allow struct {
	// Types of findings that are meant. Left out: all but credentials.
	Types []string `json:"types,omitempty"`
	// The values; case, spaces, hyphens, dots and slashes are ignored.
	Values []string `json:"values,omitempty"`
	// Form of the values in RE2 syntax, for the whole of what was found.
	Pattern string `json:"pattern,omitempty"`
	// Why, for those who review the file.
	Reason string `json:"reason,omitempty"`
}

// Limits bounds the work.
type Limits struct {
	// Size of a body, received or decoded; by default 32MiB. More is refused
	// with 413.
	Body int64 `json:"body"`
	// Time from the whole body to the ruling, its record included; by default
	// 4s.
	Decision time.Duration `json:"decision"`
	// Time for one record of the audit log; by default 1s.
	Commit time.Duration `json:"commit"`
	// Exchanges under inspection at once; by default 4096.
	Exchanges int `json:"exchanges"`
	// Connections of clients at once; by default 4096.
	Connections int `json:"connections"`
	// For streams under way when Ostiary stops, before they are cut; by default 30s.
	Drain time.Duration `json:"drain"`
}

// Envoy is about the process that Ostiary starts.
type Envoy struct {
	// Envoy binary, 1.40 or newer. Left out: searched for.
	Path string `json:"path,omitempty"`
	// Worker threads. Left out: one per processor.
	Concurrency int `json:"concurrency,omitempty"`
	// Memory near which Envoy refuses new requests (503) before the system ends it.
	// Left out: half of the machine's, or of the control group's.
	Memory int64 `json:"memory,omitempty"`
	// trace, debug, info, warning (the default), error, critical or off. Below
	// info, Envoy writes headers of requests to its log.
	LogLevel string `json:"log_level"`
}

// Telemetry says where traces, metrics and health go.
type Telemetry struct {
	// ADDRESS:PORT of the Prometheus endpoint, health and readiness. Left out:
	// none.
	Listen string `json:"listen,omitempty"`
	// Export by OTLP over gRPC.
	OTLP OTLP `json:"otlp"`
	// Share of exchanges that are traced, 0 to 1; by default 1.
	Sample float64 `json:"sample"`
}

// OTLP is a collector.
type OTLP struct {
	// HOST:PORT of the collector. Left out: no export.
	Endpoint string `json:"endpoint,omitempty"`
	// true: without TLS. By default false.
	Insecure bool `json:"insecure,omitempty"`
	// File of headers for the collector, one NAME: VALUE a line. They often
	// hold a key, so they do not stand here.
	HeadersFile string `json:"headers_file,omitempty"`
}

// Upstream is how pools are reached.
type Upstream struct {
	// HTTP proxy (http://HOST:PORT). Left out: none; the environment is not
	// asked.
	Proxy string `json:"proxy,omitempty"`
	// PEM file of the authorities that certificates are checked against. Left
	// out: the system's.
	CA string `json:"ca,omitempty"`
}

// Policy says what the policies must consist of.
type Policy struct {
	// Packages, below ostiary.policies, without which everything is refused.
	// Left out: those that the bundle or the shipped set names.
	Expected []string `json:"expected,omitempty"`
	// Policies, or rules, that do not act, for everybody or for some. The first
	// entry that fits counts.
	Modes []PolicyMode `json:"modes,omitempty"`
	// Other policies that are tried beside those that serve.
	Candidate Candidate `json:"candidate"`
	// Signed bundle in place of policies.
	Bundle Bundle `json:"bundle"`
	// Who may lift rules for a while, and which justifications are known.
	Grants Grants `json:"grants"`
	// Who is told of decisions whose policies want it (notify). Left out: the audit
	// log alone has it.
	Notify []Notify `json:"notify,omitempty"`
	// When the office is open. Left out: policies see "unknown".
	Hours Hours `json:"hours"`
}

// PolicyMode is what a policy does for some of those who ask.
type PolicyMode struct {
	// Name of the policy, required.
	Policy string `json:"policy"`
	// Id of one of its rules. Left out: all.
	Rule string `json:"rule,omitempty"`
	// observe (reasons are recorded), warn (they are warnings) or enforce;
	// required.
	Mode string `json:"mode"`
	// Names of applications, and of teams, that are meant. Both left out:
	// everybody.
	Applications []string `json:"applications,omitempty"`
	// Teams that are meant.
	Teams []string `json:"teams,omitempty"`
}

// Candidate names policies that are tried.
type Candidate struct {
	// Directory or OPA bundle of the candidate.
	Path string `json:"path,omitempty"`
	// How many of a hundred conversations it decides; by default 0: it is only
	// recorded.
	Share int `json:"share,omitempty"`
}

// Bundle says where an OPA bundle is fetched from.
type Bundle struct {
	// Where it is: an address (https://…, http://… on this machine), an OCI
	// reference (oci://registry/name:tag), or a file.
	Source string `json:"source,omitempty"`
	// Public keys, one of which must have signed it. Left out: signatures are not
	// asked for.
	Keys []BundleKey `json:"keys,omitempty"`
	// How often it is asked for; by default 30s.
	Poll time.Duration `json:"poll,omitempty"`
	// File of one header to send, such as Authorization: Bearer ….
	HeadersFile string `json:"headers_file,omitempty"`
	// PEM file of the authorities that the server is checked against. Left out:
	// those of the system.
	CA string `json:"ca,omitempty"`
}

// BundleKey verifies bundles.
type BundleKey struct {
	// Id of the key, as in the bundle's signature; required.
	Name string `json:"name"`
	// PEM file of the public key, required.
	File string `json:"file"`
	// Algorithm: RS256, RS384, RS512, PS256, ES256, ES384 or ES512; by default
	// RS256.
	Algorithm string `json:"algorithm,omitempty"`
}

// Grants says who may lift rules.
type Grants struct {
	// PEM files of public keys (Ed25519), one for each person; see ostiary grant.
	Keys []string `json:"keys,omitempty"`
	// Words that may be given as a justification; anything else is "other" to
	// policies.
	Reasons []string `json:"reasons,omitempty"`
	// Longest time that a grant may hold for; by default 8h.
	Longest time.Duration `json:"longest,omitempty"`
}

// Notify is a web address that is told: a CloudEvent by POST, signed as Standard
// Webhooks has it.
type Notify struct {
	// Name by which policies call it (to), required: a-z, 0-9 and _, unique.
	Name string `json:"name"`
	// Address, required: https, or http on this machine.
	URL string `json:"url"`
	// Where the key that signs is to be had, required: env, file or command. A
	// key that begins with whsec_ is in base64 behind it.
	Secret Secret `json:"secret"`
}

// Hours is when the office is open.
type Hours struct {
	// Time zone, as in the IANA database: Europe/Berlin.
	Zone string `json:"zone,omitempty"`
	// Days: monday … sunday.
	Days []string `json:"days,omitempty"`
	// Time of opening, such as 08:00.
	From string `json:"from,omitempty"`
	// Time of closing. Where it is before from, the office closes the next day.
	To string `json:"to,omitempty"`
}

// Default gives the configuration of an empty file, without pools, for callers
// that find pools themselves.
func Default() *Config {
	return &Config{
		Listen: DefaultListen, Mode: DefaultMode, Dataplane: DefaultDataplane,
		Limits:    Limits{Body: DefaultBody, Decision: DefaultDecision, Commit: DefaultCommit, Exchanges: DefaultExchanges, Connections: DefaultConnections, Drain: DefaultDrain},
		Envoy:     Envoy{LogLevel: DefaultLogLevel},
		Access:    Access{Intercept: Intercept{Private: true}},
		Telemetry: Telemetry{Sample: DefaultSample},
		source:    newSource("", nil),
	}
}

// Revision names the text: it changes whenever the text does. It is empty for
// [Default]. The contents of files that it names do not count.
func (c *Config) Revision() string {
	if c.source.name == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(c.source.lines, "\n")))
	return hex.EncodeToString(sum[:6])
}

// Loopback reports whether only this machine can connect to Listen.
func (c *Config) Loopback() bool { return isLoopback(c.Listen) }

// isLoopback says so of ADDRESS:PORT and unix:PATH.
func isLoopback(listen string) bool {
	if strings.HasPrefix(listen, unixPrefix) {
		return true
	}
	host, _, ok := splitAddress(listen)
	return ok && loopbackHost(host)
}

// loopbackHost goes by the text alone: localhost is loopback by RFC 6761, 6.3;
// other names are looked up by nobody here.
func loopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Paths lists what the configuration was made of, for [Watch]: the file itself,
// policies, certificates, lists of terms and files of keys. Sorted, each once.
func (c *Config) Paths() []string {
	list := []string{c.Policies, c.TLS.Cert, c.TLS.Key, c.Upstream.CA, c.Telemetry.OTLP.HeadersFile}
	if c.source.name != "" {
		list = append(list, c.source.file)
	}
	for _, p := range c.Pools {
		list = append(list, p.CA, p.Credential.File)
	}
	for _, a := range c.Applications {
		for _, k := range a.Keys {
			list = append(list, k.File)
		}
	}
	for _, t := range c.Terms {
		list = append(list, t.File)
	}
	list = append(list, c.Policy.Candidate.Path, c.Policy.Bundle.HeadersFile, c.Policy.Bundle.CA)
	for _, k := range c.Policy.Bundle.Keys {
		list = append(list, k.File)
	}
	list = append(list, c.Policy.Grants.Keys...)
	for _, n := range c.Policy.Notify {
		list = append(list, n.Secret.File)
	}
	list = append(append(list, c.Log.paths()...), c.Access.paths()...)
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	slices.Sort(list)
	return slices.Compact(list)
}

// resolve takes a relative path from the directory of the file.
func (s *source) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}
