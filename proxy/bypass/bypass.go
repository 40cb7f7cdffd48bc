package bypass

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Bounds of a run.
const (
	DefaultTimeout = 5 * time.Second // of one attempt
	maxParallel    = 16              // attempts at once
	maxAnswer      = 64 << 10        // bytes read of one answer
	maxConnects    = 4               // addresses of one family that one attempt tries
)

// Verdict is what an attempt came to.
type Verdict string

// The verdicts.
const (
	Refused      Verdict = "refused"
	Governed     Verdict = "governed"
	Round        Verdict = "round"
	Inconclusive Verdict = "inconclusive"
)

// Details of refusals.
const (
	Closed       = "closed"        // the connection was closed before the peer showed who it is
	Unreachable  = "unreachable"   // refused or rejected by the network, or no route
	NoAnswer     = "no_answer"     // what was sent vanished
	Denied       = "denied"        // one of Ostiary's own refusals, or a proxy's to connect
	Elsewhere    = "elsewhere"     // the host was reached whose name was given, not the provider
	NotThere     = "not_there"     // no such socket can be seen from here
	NoPermission = "no_permission" // it can, but not be opened
	NotTLS       = "not_tls"       // TLS was answered in plain HTTP
	NoName       = "no_name"       // the resolver does not know the name
)

// Details of what is governed.
const (
	Decided   = "decided"    // the answer carries the id of a decision
	EndedHere = "ended_here" // TLS was ended by Ostiary, which went no further
)

// Details of what goes round.
const (
	ProvidersCertificate = "certificate_of_provider" // for the provider's name, and not of Ostiary's authority
	AnotherCertificate   = "certificate_of_another"  // of somebody at the provider's address
	Undecided            = "answer_without_decision" // an answer of HTTP that Ostiary knows nothing of
	ProvidersAnswer      = "answer_of_an_api"        // through a host that passes, an answer as model APIs give
	Upgraded             = "upgraded"                // another protocol was agreed upon
	Tunnelled            = "tunnelled"               // a tunnel stands
	Datagram             = "datagram"                // UDP was answered
	Resolved             = "resolved"                // a resolver of the application's own was reached
	Answered             = "answered"                // something that is Ostiary's own, or the organisation's, answers
	NotInLog             = "decision_not_in_log"     // the id of a decision that the log does not have
)

// Details of what could not be told.
const (
	Silent           = "accepted_and_silent" // a connection stood, and nothing came
	Garbled          = "garbled"             // an answer that is no HTTP
	NoAddress        = "no_address"          // the provider has no address of this kind, or its name is not known here
	AuthorityMissing = "authority_not_given" // the answer carries a decision, but whose certificate that was is not known
	ProxyAway        = "proxy_unreachable"   // the explicit proxy gives no answer
	Failed           = "failed"              // a fault on this side
)

// Outcome is what came of one attempt.
type Outcome struct {
	Verdict  Verdict
	Detail   string // one of the constant words above
	Decision string // the id that an answer carried, in the form of one; empty for none
}

// AsItMust reports whether the outcome is what Ostiary promises.
func (o Outcome) AsItMust() bool { return o.Verdict == Refused || o.Verdict == Governed }

// Attempt is one way that may lead round.
type Attempt struct {
	Name string // constant word, with a port or a place where there are several
	Why  string // what it tries and why it could lead round, for whoever reads the table
	Note bool   // no way to the provider by itself: worth knowing, not a bypass
	// Run makes it. It returns when ctx ends, or earlier. It may be called
	// concurrently with others, and again.
	Run func(context.Context, Target) Outcome
}

// Target is what a run is about. Host, Passed and at least one address are
// needed; what else is left out is not tried. It is not changed.
type Target struct {
	Host      string       // the provider's name, one that is governed
	Addresses []netip.Addr // of the provider, IPv4, IPv6 or both
	Ports     []uint16     // of the provider to try beside 443
	Path      string       // of its API; default /v1/chat/completions
	// Passed is a name that is not governed and passes, by https. Its addresses are
	// looked up where PassedAddresses has none.
	Passed          string
	PassedAddresses []netip.Addr
	// Authority holds the certificates that applications trust for Ostiary's sake.
	// Empty: no certificate is Ostiary's.
	Authority []*x509.Certificate
	Proxy     string // HOST:PORT of the explicit proxy
	// ProxyCredential is NAME:KEY by which the application is known to the proxy. It
	// goes to the proxy only.
	ProxyCredential string
	Pools           []string // HOST:PORT of pools in-house
	Sockets         []string // paths of unix sockets of Ostiary and of Envoy
	Admins          []string // HOST:PORT of administration: Envoy's, metrics, the API
	Resolver        netip.Addr
	// DoH is a resolver by HTTPS: HOST, with its address in DoHAddress.
	DoH        string
	DoHAddress netip.Addr
	// ECH is a list of configurations for Encrypted Client Hello (an ECHConfigList)
	// that the provider publishes.
	ECH []byte
	// Dial connects; nil for the system's. For tests, and to go from somewhere else.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// DefaultPath is the path of the API that is asked where a target names none.
const DefaultPath = "/v1/chat/completions"

func (t *Target) path() string {
	if t.Path == "" {
		return DefaultPath
	}
	return t.Path
}

// Row is one line of the table.
type Row struct {
	Attempt string        `json:"attempt"`
	Why     string        `json:"why"`
	Note    bool          `json:"note,omitempty"`
	Verdict Verdict       `json:"verdict"`
	Detail  string        `json:"detail"`
	ID      string        `json:"decision_id,omitempty"`
	Took    time.Duration `json:"took_ns"`
	// Proof says what a run from outside made of the same attempt: [Shown] where it
	// came through there, [Unshown] where it did not, empty without such a run.
	Proof string `json:"proof,omitempty"`
}

// Mute reports whether the row is a refusal that does not say who refused: only
// these need proof. The others show by themselves that Ostiary, or the host that was
// named, was reached.
func (r *Row) Mute() bool {
	return r.Verdict == Refused && slices.Contains([]string{Closed, Unreachable, NoAnswer, NoName, NotTLS}, r.Detail)
}

// What a run from outside says of a row.
const (
	Shown   = "shown"
	Unshown = "unshown"
)

// Report is a table.
type Report struct {
	Host string `json:"host"`
	// Addresses of the provider that were tried.
	Addresses []netip.Addr `json:"addresses"`
	// Alive says that something was reached at all: without that, refusals prove
	// nothing.
	Alive bool  `json:"alive"`
	Rows  []Row `json:"rows"`
}

// Try makes the attempts, [maxParallel] at a time, each within the timeout. The
// rows are in the order of the attempts.
func Try(ctx context.Context, t Target, list []Attempt, timeout time.Duration) Report {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	r := Report{Host: t.Host, Addresses: t.Addresses, Rows: make([]Row, len(list))}
	r.Alive = alive(ctx, t, timeout)
	slots := make(chan struct{}, maxParallel)
	var all sync.WaitGroup
	for n, a := range list {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			one, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			began := time.Now()
			o := a.Run(one, t)
			r.Rows[n] = Row{Attempt: a.Name, Why: a.Why, Note: a.Note, Verdict: o.Verdict, Detail: o.Detail, ID: o.Decision, Took: time.Since(began)}
		})
	}
	all.Wait()
	for _, row := range r.Rows {
		r.Alive = r.Alive || row.Verdict == Governed || row.Verdict == Round && !row.Note
	}
	return r
}

// alive reaches the name that passes, straight or through the proxy.
func alive(ctx context.Context, t Target, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ways := []func() (net.Conn, error){func() (net.Conn, error) { return t.dialPassed(ctx) }}
	if t.Proxy != "" {
		ways = append(ways, func() (net.Conn, error) {
			return t.connectThrough(ctx, connect{to: join(t.Passed, portHTTPS)})
		})
	}
	for _, way := range ways {
		c, err := way()
		if err != nil {
			continue
		}
		s := t.handshake(ctx, c, hello{name: t.Passed})
		s.close()
		if len(s.chain) > 0 {
			return true
		}
	}
	return false
}

// Prove sets a run that was made from outside Ostiary's reach against this one.
// It reports false, and changes nothing, where that run was about another provider
// or did not reach it itself: then it proves nothing.
func (r *Report) Prove(outside Report) bool {
	if outside.Host != r.Host {
		return false
	}
	came := map[string]bool{}
	for _, row := range outside.Rows {
		came[row.Attempt] = row.Verdict == Round
	}
	if !came[Ordinary] {
		return false
	}
	for n := range r.Rows {
		r.Rows[n].Proof = Unshown
		if came[r.Rows[n].Attempt] {
			r.Rows[n].Proof = Shown
		}
	}
	return true
}

// Rounds gives the rows that lead round, notes left out.
func (r *Report) Rounds() []Row { return r.with(Round) }

// Open gives those that could not be told.
func (r *Report) Open() []Row { return r.with(Inconclusive) }

func (r *Report) with(v Verdict) (out []Row) {
	for _, row := range r.Rows {
		if row.Verdict == v && !row.Note {
			out = append(out, row)
		}
	}
	return out
}

func join(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
