package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Log says where the audit log is kept, for how long, who may read it and who gets
// copies. Written as a path, it is the directory alone.
type Log struct {
	// Directory of the audit log. Left out: in the user's state directory.
	Dir string `json:"dir,omitempty"`
	// How long events are kept at least, such as 180d; then whole segments are
	// removed. Left out: for ever.
	Keep time.Duration `json:"keep,omitempty"`
	// Key that signs checkpoints, where it is not one of the key directory.
	Key LogKey `json:"key"`
	// Excerpts of what was found, sealed so that one key alone opens them. Left
	// out: none are kept.
	Evidence Evidence `json:"evidence"`
	// Who else signs checkpoints, so that a log that was put back is found.
	Witnesses []Witness `json:"witnesses,omitempty"`
	// Where copies of the events go, without personal parts.
	Ship []Sink `json:"ship,omitempty"`
	// The API of the log. Left out: on the control socket alone, for this user.
	API API `json:"api"`
}

// LogKey names a key that a command uses: in a key management service or a
// hardware module.
type LogKey struct {
	// Program that signs what it reads from standard input with Ed25519 and prints
	// the signature in base64, as a list of words.
	Command []string `json:"command,omitempty"`
	// File with the verifier key, as in log.pub.
	Public string `json:"public,omitempty"`
}

// Evidence says when excerpts are sealed, and to whom.
type Evidence struct {
	// File with the public key of the data-protection officer ('ostiary audit key').
	Key string `json:"key,omitempty"`
	// Rules whose findings are sealed: POLICY or POLICY.RULE.
	Rules []string `json:"rules,omitempty"`
}

// Witness is another party that signs checkpoints (C2SP tlog-witness).
type Witness struct {
	// Name, required: a-z, 0-9 and -, unique.
	Name string `json:"name"`
	// Base URL, required: https, or http on this machine.
	URL string `json:"url"`
	// File with its verifier key, required.
	Key string `json:"key"`
	// PEM file of the authorities that the server is checked against. Left out:
	// those of the system.
	CA string `json:"ca,omitempty"`
}

// Sink is where copies of events go.
type Sink struct {
	// Name, required: a-z, 0-9 and -, unique. Its cursor is kept under it.
	Name string `json:"name"`
	// postgres, clickhouse, otlp, kafka, nats, s3, syslog, file or collector;
	// required.
	To string `json:"to"`
	// Address: the URL of clickhouse, otlp, s3 and collector; HOST:PORT of syslog.
	// The address of postgres stands in its secret.
	URL string `json:"url,omitempty"`
	// Addresses of kafka and nats, HOST:PORT.
	Brokers []string `json:"brokers,omitempty"`
	// Table of postgres and clickhouse, topic of kafka, stream of nats, bucket of
	// s3. Left out: ostiary_events; kafka, nats and s3 need one.
	Into string `json:"into,omitempty"`
	// Database of clickhouse, region of s3.
	Within string `json:"within,omitempty"`
	// Beginning of the names of objects in s3, of subjects in nats. Left out for
	// nats: ostiary.
	Prefix string `json:"prefix,omitempty"`
	// How long objects in s3 are locked, such as 180d. Left out: as long as keep.
	Lock time.Duration `json:"lock,omitempty"`
	// Directory of file.
	Dir string `json:"dir,omitempty"`
	// Form of file and syslog: jsonl, ocsf, cef. Left out: jsonl for files, cef for
	// syslog.
	Format string `json:"format,omitempty"`
	// How many servers of nats keep each event at least. Left out: 3; 1 will do
	// where the server has sync_interval: always. Of kafka, on how many brokers a
	// topic that is not there is made. Left out: none is made.
	Replicas int `json:"replicas,omitempty"`
	// How many brokers of kafka have an event before it counts as shipped: the least
	// min.insync.replicas of the topic that will do, and that of a topic that is made.
	// Left out: 2.
	InSync int `json:"in_sync,omitempty"`
	// User of clickhouse, kafka, nats and s3 (its access key).
	User string `json:"user,omitempty"`
	// Where its password, secret key, token or, for postgres, connection string is
	// to be had.
	Secret Secret `json:"secret"`
	// Credentials file of nats (a JWT and a seed), in place of user and secret.
	Credentials string `json:"credentials,omitempty"`
	// PEM file of the authorities that the server is checked against. Left out:
	// those of the system.
	CA string `json:"ca,omitempty"`
	// Without TLS, on this machine or where something else protects the way.
	Plain bool `json:"plain,omitempty"`
}

// API says who may ask the log's API.
type API struct {
	// Address of the HTTPS listener. Left out: none.
	Listen string `json:"listen,omitempty"`
	// Certificate and key of the listener, required with it.
	TLS TLS `json:"tls"`
	// Names by which it is asked, required with it.
	Hosts []string `json:"hosts,omitempty"`
	// PEM file of the authorities of client certificates. Left out: none are taken.
	ClientCA string `json:"client_ca,omitempty"`
	// OpenID Connect provider whose tokens are taken.
	OIDC OIDC `json:"oidc"`
	// Who may do what.
	Roles []RoleGrant `json:"roles,omitempty"`
	// A second person must be named for revealing evidence.
	Approver bool `json:"approver,omitempty"`
}

// OIDC names a provider of identities (OpenID Connect).
type OIDC struct {
	// Address of the provider, as in the claim iss.
	Issuer string `json:"issuer,omitempty"`
	// What tokens are to be made for, as in the claim aud.
	Audience string `json:"audience,omitempty"`
	// Claim that holds groups; by default groups.
	Groups string `json:"groups,omitempty"`
}

// RoleGrant gives roles to whoever it names by one of uid, subject, group and
// certificate.
type RoleGrant struct {
	// viewer, reviewer, dpo, admin; required.
	Roles []string `json:"roles"`
	// User of this machine, on the control socket.
	UID *int `json:"uid,omitempty"`
	// Subject of a token, or the address that the provider has verified.
	Subject string `json:"subject,omitempty"`
	// Group of a token.
	Group string `json:"group,omitempty"`
	// Name in a client certificate: URI, e-mail address or DNS name.
	Certificate string `json:"certificate,omitempty"`
}

// Bounds of what is kept.
const (
	leastKeep = 24 * time.Hour
	mostKeep  = 100 * 365 * 24 * time.Hour

	mostReplicas  = 32 // of anything
	mostOfNATS    = 5  // of a stream: JetStream has no more
	defaultInSync = 2
)

var (
	sinkKinds   = []string{"postgres", "clickhouse", "otlp", "kafka", "nats", "s3", "syslog", "file", "collector"}
	sinkFormats = []string{"jsonl", "ocsf", "cef"}
	roleNames   = []string{"viewer", "reviewer", "dpo", "admin"}
)

// days reads a span of days such as 180d.
func (v value) days(to *time.Duration) {
	s, ok := v.text()
	if !ok {
		return
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	d := time.Duration(n) * 24 * time.Hour
	if err != nil || !strings.HasSuffix(s, "d") || n > int(mostKeep/leastKeep) || d < leastKeep {
		v.fail(v.what()+" must be a number of days from 1d to 36500d", "keep: 180d")
		return
	}
	*to = d
}

func readLog(v value, l *Log) {
	if isScalar(v.node) {
		v.file(&l.Dir)
		return
	}
	v.mapping(
		field{"dir", func(v value) { v.file(&l.Dir) }},
		field{"keep", func(v value) { v.days(&l.Keep) }},
		field{"key", func(v value) {
			seen := v.mapping(
				field{"command", func(v value) { readCommand(v, &l.Key.Command) }},
				field{"public", func(v value) { v.file(&l.Key.Public) }},
			)
			if len(seen) == 1 {
				v.fail(v.what()+" needs command and public together", "key: {command: [PROGRAM], public: log.pub}")
			}
		}},
		field{"evidence", func(v value) {
			seen := v.mapping(
				field{"key", func(v value) { v.file(&l.Evidence.Key) }},
				field{"rules", func(v value) { v.texts(&l.Evidence.Rules, ruleName) }},
			)
			if len(seen) == 1 {
				v.fail(v.what()+" needs key and rules together", "evidence: {key: dpo.pub, rules: [secrets]}")
			}
		}},
		field{"witnesses", func(v value) {
			v.list(func(v value) { l.Witnesses = append(l.Witnesses, readWitness(v)) })
		}},
		field{"ship", func(v value) {
			v.list(func(v value) { l.Ship = append(l.Ship, readSink(v)) })
		}},
		field{"api", func(v value) { readAPI(v, &l.API) }},
	)
}

// readCommand reads a program with its arguments.
func readCommand(v value, to *[]string) {
	v.list(func(v value) {
		if w, ok := v.text(); ok {
			*to = append(*to, w)
		}
	})
	if len(*to) == 0 {
		v.fail(v.what()+" names no program", "command: [PROGRAM, ARGUMENT]; no shell is involved")
		return
	}
	if strings.Contains((*to)[0], "/") {
		(*to)[0] = v.r.resolve((*to)[0])
	}
}

func ruleName(s string) string {
	policy, rule, found := strings.Cut(s, ".")
	if why := packageName(policy); why != "" {
		return why
	}
	if found && reasonWord(rule) != "" {
		return "is neither POLICY nor POLICY.RULE"
	}
	return ""
}

func readWitness(v value) (w Witness) {
	seen := v.mapping(
		field{"name", func(v value) { v.into(&w.Name, sinkName) }},
		field{"url", func(v value) { v.url(&w.URL) }},
		field{"key", func(v value) { v.file(&w.Key) }},
		field{"ca", func(v value) { v.file(&w.CA) }},
	)
	if seen != nil && (!seen["name"] || !seen["url"] || !seen["key"]) {
		v.fail(v.what()+" needs name, url and key", "{name: group-it, url: https://witness.bank.example, key: witness.pub}")
	}
	if seen["ca"] && strings.HasPrefix(w.URL, "http:") {
		v.fail(v.what()+" has ca, and a url without TLS", "url: https://HOST, or leave ca out")
	}
	return w
}

func sinkName(s string) string {
	if s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "is not made of at most 64 small letters, digits and -"
	}
	return ""
}

func readSink(v value) (s Sink) {
	seen := v.mapping(
		field{"name", func(v value) { v.into(&s.Name, sinkName) }},
		field{"to", func(v value) { v.oneOf(&s.To, sinkKinds...) }},
		field{"url", func(v value) { v.into(&s.URL, sinkAddress) }},
		field{"brokers", func(v value) { v.texts(&s.Brokers, endpoint) }},
		field{"into", func(v value) { v.into(&s.Into, nil) }},
		field{"within", func(v value) { v.into(&s.Within, nil) }},
		field{"prefix", func(v value) { v.into(&s.Prefix, nil) }},
		field{"lock", func(v value) { v.days(&s.Lock) }},
		field{"dir", func(v value) { v.file(&s.Dir) }},
		field{"format", func(v value) { v.oneOf(&s.Format, sinkFormats...) }},
		field{"replicas", func(v value) { v.number(&s.Replicas, 1, mostReplicas) }},
		field{"in_sync", func(v value) { v.number(&s.InSync, 1, mostReplicas) }},
		field{"user", func(v value) { v.into(&s.User, nil) }},
		field{"secret", func(v value) { s.Secret = readSecret(v) }},
		field{"credentials", func(v value) { v.file(&s.Credentials) }},
		field{"ca", func(v value) { v.file(&s.CA) }},
		field{"plain", func(v value) { v.boolean(&s.Plain) }},
	)
	if seen == nil {
		return s
	}
	if !seen["name"] || !seen["to"] {
		v.fail(v.what()+" has no name or does not say where to", "{name: warehouse, to: postgres, secret: {env: WAREHOUSE}}")
		return s
	}
	for _, key := range sinkNeeds[s.To] {
		if !seen[key] {
			v.fail(v.what()+": "+s.To+" needs "+key, sinkRemedy[key])
		}
	}
	if seen["credentials"] && seen["secret"] || s.To == "nats" && seen["user"] && !seen["secret"] {
		v.fail(v.what()+": "+s.To+" takes credentials, or secret with or without user", "credentials: PATH, or user: NAME and secret: {env: NAME}")
	}
	switch {
	case s.To == "nats" && s.Replicas > mostOfNATS:
		v.fail(fmt.Sprintf("%s: a stream of nats has at most %d replicas", v.what(), mostOfNATS), "replicas: 3")
	case s.To == "kafka" && s.Replicas > 0 && cmp.Or(s.InSync, defaultInSync) > s.Replicas:
		v.fail(fmt.Sprintf("%s: in_sync is %d, and %d brokers have the topic: nothing would ever count as shipped", v.what(), cmp.Or(s.InSync, defaultInSync), s.Replicas), "replicas: 3 with in_sync: 2; on a single broker, 1 and 1")
	}
	for key := range seen {
		if key != "name" && key != "to" && s.To != "" && !slices.Contains(sinkNeeds[s.To], key) && !slices.Contains(sinkTakes[s.To], key) {
			v.fail(v.what()+": "+s.To+" takes no "+key, "see 'ostiary config reference', log.ship")
		}
	}
	return s
}

var (
	sinkNeeds = map[string][]string{
		"postgres": {"secret"}, "clickhouse": {"url"}, "otlp": {"url"}, "kafka": {"brokers", "into"}, "nats": {"brokers", "into"}, "s3": {"url", "into", "user", "secret"},
		"syslog": {"url"}, "file": {"dir"}, "collector": {"url", "secret"},
	}
	sinkTakes = map[string][]string{
		"postgres": {"into"}, "clickhouse": {"into", "within", "user", "secret", "ca"}, "otlp": {"secret", "ca"}, "kafka": {"replicas", "in_sync", "user", "secret", "ca", "plain"},
		"nats": {"prefix", "replicas", "user", "secret", "credentials", "ca", "plain"},
		"s3":   {"within", "prefix", "lock", "ca"}, "syslog": {"format", "ca", "plain"}, "file": {"format"}, "collector": {"ca"},
	}
	sinkRemedy = map[string]string{
		"secret": "secret: {env: NAME}, {file: PATH} or {command: [PROGRAM]}", "url": "url: https://HOST", "brokers": "brokers: [HOST:PORT]",
		"into": "into: NAME of the topic, the stream or the bucket", "user": "user: ACCESS_KEY", "dir": "dir: PATH",
	}
)

// sinkAddress takes a URL without a password, or HOST:PORT.
func sinkAddress(s string) string {
	if strings.Contains(s, "@") {
		return "holds a user or a password: they stand in user and secret"
	}
	if _, rest, ok := strings.Cut(s, "://"); ok {
		if rest == "" {
			return "is no address"
		}
		return ""
	}
	return endpoint(s)
}

func readAPI(v value, a *API) {
	seen := v.mapping(
		field{"listen", func(v value) { v.listen(&a.Listen, false) }},
		field{"tls", func(v value) {
			v.mapping(
				field{"cert", func(v value) { v.file(&a.TLS.Cert) }},
				field{"key", func(v value) { v.file(&a.TLS.Key) }},
			)
		}},
		field{"hosts", func(v value) { v.texts(&a.Hosts, hostName) }},
		field{"client_ca", func(v value) { v.file(&a.ClientCA) }},
		field{"oidc", func(v value) {
			seen := v.mapping(
				field{"issuer", func(v value) { v.url(&a.OIDC.Issuer) }},
				field{"audience", func(v value) { v.into(&a.OIDC.Audience, nil) }},
				field{"groups", func(v value) { v.into(&a.OIDC.Groups, nil) }},
			)
			if len(seen) > 0 && (!seen["issuer"] || !seen["audience"]) {
				v.fail(v.what()+" needs issuer and audience", "oidc: {issuer: https://login.bank.example, audience: ostiary}")
			}
		}},
		field{"roles", func(v value) {
			v.list(func(v value) { a.Roles = append(a.Roles, readRole(v)) })
		}},
		field{"approver", func(v value) { v.boolean(&a.Approver) }},
	)
	if !seen["listen"] && (seen["tls"] || seen["client_ca"]) {
		v.fail(v.what()+" has tls or client_ca and no listener that would use them", "listen: ADDRESS:PORT, or leave them out: the control socket knows who asks by uid")
	}
	if seen["listen"] && (a.TLS.Cert == "" || a.TLS.Key == "" || len(a.Hosts) == 0) {
		v.fail(v.what()+" needs tls and hosts with listen", "api: {listen: ADDRESS:PORT, tls: {cert: FILE, key: FILE}, hosts: [NAME]}")
	}
}

func readRole(v value) (g RoleGrant) {
	seen := v.mapping(
		field{"roles", func(v value) {
			v.texts(&g.Roles, func(s string) string {
				if !slices.Contains(roleNames, s) {
					return "is no role: viewer, reviewer, dpo, admin"
				}
				return ""
			})
		}},
		field{"uid", func(v value) {
			var n int
			v.number(&n, 0, 1<<31-1)
			g.UID = &n
		}},
		field{"subject", func(v value) { v.into(&g.Subject, nil) }},
		field{"group", func(v value) { v.into(&g.Group, nil) }},
		field{"certificate", func(v value) { v.into(&g.Certificate, nil) }},
	)
	if seen != nil && (!seen["roles"] || len(seen) != 2) {
		v.fail(v.what()+" names roles and one of uid, subject, group and certificate", "{roles: [viewer], group: auditors}")
	}
	return g
}

// paths lists the files that the log's configuration names.
func (l *Log) paths() []string {
	list := []string{l.Key.Public, l.Evidence.Key, l.API.TLS.Cert, l.API.TLS.Key, l.API.ClientCA}
	for _, w := range l.Witnesses {
		list = append(list, w.Key, w.CA)
	}
	for _, s := range l.Ship {
		list = append(list, s.CA, s.Secret.File, s.Credentials)
	}
	return list
}
