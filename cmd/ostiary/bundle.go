package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
)

// Bounds of what a bundle is proven on.
const (
	factsWindow = 4 * bundle.FactsMost // records of the log that are looked through for decisions
	factsTime   = 2 * time.Second
	factsBytes  = 16 << 20 // of all facts together
)

// Words of the events about bundles.
const (
	adminActivated = "policy_activated"
	adminRefused   = "policy_refused"
)

// undecided is the code of requests on whose facts there was no decision.
var undecided = proxy.Undecided.Code()

// loader loads the policies of a configuration under the options that it gives.
type loader func(ctx context.Context, o policies.Options) (*policies.Set, error)

// loadPolicies loads the policies that a configuration names; those of a bundle
// come from load.
func loadPolicies(ctx context.Context, cfg *config.Config, o policies.Options, load loader) (*policies.Set, error) {
	if cfg.Policy.Bundle.Source == "" {
		return policies.Load(o)
	}
	if cfg.Policies != "" {
		return nil, errors.New("policies and policy.bundle.source are both given: keep one")
	}
	keys, err := bundleKeys(cfg)
	if err != nil {
		return nil, err
	}
	o.Keys = keys
	set, err := load(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("policy.bundle: %w", err)
	}
	return set, nil
}

// bundleKeys reads the keys that bundles are verified with.
func bundleKeys(cfg *config.Config) ([]policies.Key, error) {
	var out []policies.Key
	for i, k := range cfg.Policy.Bundle.Keys {
		pem, err := os.ReadFile(k.File)
		if err != nil {
			return nil, fmt.Errorf("policy.bundle.keys[%d]: %w", i, err)
		}
		out = append(out, policies.Key{ID: k.Name, PEM: string(pem), Algorithm: k.Algorithm})
	}
	return out, nil
}

// bundleKeeper makes the keeper of a configuration's bundle. What o leaves out it
// fills in.
func bundleKeeper(cfg *config.Config, load policies.Options, o bundle.Options) (*bundle.Keeper, error) {
	c := &cfg.Policy.Bundle
	header, err := headersFile(c.HeadersFile)
	if err != nil {
		return nil, fmt.Errorf("headers_file: %w", err)
	}
	if o.Source, err = bundle.Open(bundle.Place{Source: c.Source, Header: header, CA: c.CA}); err != nil {
		return nil, err
	}
	o.Name, o.Poll, o.Load = c.Source, c.Poll, load
	return bundle.New(o), nil
}

// bundleDir is where the last good bundle of a process is kept.
func bundleDir(p places) string { return p.keys + ".policies" }

// looked is what a command that serves nothing says of a bundle.
type looked struct{ bundle, warning string }

// lookOnce gives the policies of a bundle to a command that serves nothing: it
// fetches and proves as run does, writes nothing that stays, and takes the last
// good bundle of run where the source is away.
func lookOnce(cfg *config.Config, seen *looked) loader {
	return func(ctx context.Context, o policies.Options) (*policies.Set, error) {
		dir, err := os.MkdirTemp("", "ostiary-bundle-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		where, err := findPlaces(cfg, "")
		if err != nil {
			return nil, err
		}
		idle := bundle.Options{
			Store: bundle.Store{Dir: dir}, Live: func() *policies.Set { return nil },
			Facts: func(ctx context.Context) []*proxy.Facts { return recordedFacts(ctx, where.log) },
			Offer: func(context.Context, *bundle.Admitted) error { return nil },
		}
		k, err := bundleKeeper(cfg, o, idle)
		if err != nil {
			return nil, err
		}
		a, err := k.First(ctx, bundle.State{})
		if err == nil {
			seen.bundle = describeBundle(cfg, a)
			return a.Set, nil
		}
		held, heldErr := bundle.Store{Dir: bundleDir(where)}.Good(cfg.Policy.Bundle.Source)
		if heldErr != nil {
			return nil, err
		}
		p := bundle.Proof{Options: o}
		set, heldErr := p.Admit(ctx, held.Path)
		if heldErr != nil {
			return nil, fmt.Errorf("%w\nThe last good bundle cannot be used either: %w", err, heldErr)
		}
		seen.warning = fmt.Sprintf("policy.bundle: the source gave no bundle that is fit: %v", err)
		seen.bundle = describeBundle(cfg, &bundle.Admitted{Set: set, Bundle: held, Kept: true})
		return set, nil
	}
}

// describeBundle says which bundle it is.
func describeBundle(cfg *config.Config, a *bundle.Admitted) string {
	from, signed := "from "+cfg.Policy.Bundle.Source, "signature verified"
	if a.Kept {
		from = "the last good one, fetched " + a.Bundle.Fetched.Format(time.RFC3339) + " from " + cfg.Policy.Bundle.Source
	}
	if len(cfg.Policy.Bundle.Keys) == 0 {
		signed = "no keys configured, signature not asked for"
	}
	return fmt.Sprintf("bundle: %s, %d bytes, %s, %s", from, a.Bundle.Size, a.Bundle.Digest, signed)
}

// recordedFacts gives the facts of the last decisions of a log, as many as its
// bounds allow. A log that is not there yet has none.
func recordedFacts(ctx context.Context, log string) []*proxy.Facts {
	ctx, cancel := context.WithTimeout(ctx, factsTime)
	defer cancel()
	r, err := audit.OpenReader(log)
	if err != nil {
		return nil
	}
	size, err := r.Size()
	if err != nil {
		return nil
	}
	var out []*proxy.Facts
	var sizes []int
	bytes := 0
	for rec, err := range r.Records(max(0, size-factsWindow)) {
		if err != nil || ctx.Err() != nil {
			break
		}
		ev, err := rec.Event()
		if err != nil || ev.Decision == nil || ev.Decision.Facts == nil || ev.Decision.Code == undecided {
			continue
		}
		out, sizes, bytes = append(out, ev.Decision.Facts), append(sizes, len(rec.JSON)), bytes+len(rec.JSON)
		for len(out) > bundle.FactsMost || bytes > factsBytes { // the last ones count
			bytes -= sizes[0]
			out, sizes = out[1:], sizes[1:]
		}
	}
	return out
}

// feed is the bundle that a configuration's policies come from.
type feed struct {
	keeper *bundle.Keeper
	first  *bundle.Admitted
}

// offer is policies on their way to the one goroutine that changes what serves.
type offer struct {
	admitted *bundle.Admitted
	done     chan error // of one
}

// startFeed makes the feed of a configuration and gives its policies; the feed is
// put in s.next and counts once the configuration serves.
func (s *server) startFeed(cfg *config.Config) loader {
	return func(ctx context.Context, o policies.Options) (*policies.Set, error) {
		k, err := bundleKeeper(cfg, o, bundle.Options{
			Store: bundle.Store{Dir: bundleDir(s.places)},
			Live: func() *policies.Set {
				if b := s.current.Load(); b != nil {
					return b.policies
				}
				return nil
			},
			Facts: func(ctx context.Context) []*proxy.Facts { return recordedFacts(ctx, s.places.log) },
			Offer: s.offer, Refused: s.bundleRefused,
		})
		if err != nil {
			return nil, err
		}
		var had bundle.State
		if f := s.feed.Load(); f != nil {
			had = f.keeper.State()
		}
		a, err := k.First(ctx, had)
		if err != nil {
			return nil, err
		}
		s.nextFeed = &feed{k, a}
		return a.Set, nil
	}
}

// buildServed is build for a process that serves.
func (s *server) buildServed(ctx context.Context, cfg *config.Config) (*built, error) {
	s.nextFeed = nil
	b, err := buildWith(ctx, cfg, s.hash, s.startFeed(cfg))
	if err != nil {
		return nil, err
	}
	return b, b.seal(s.ring)
}

// adoptFeed makes the feed of what was built the one that is followed, and
// records what it brought.
func (s *server) adoptFeed(ctx context.Context) {
	old, next := s.feed.Load(), s.nextFeed
	s.feed.Store(next)
	for _, r := range s.passedOver {
		recordRefusal(ctx, s, r)
	}
	s.passedOver = nil
	if next == nil || old != nil && old.keeper.State().Digest == next.first.Bundle.Digest {
		return
	}
	from := "source"
	if next.first.Kept {
		from = "last_good"
		s.log.Warn("serving the last good policies: the source has given none that are fit", "fetched", next.first.Bundle.Fetched)
	}
	recordActivation(ctx, s, next.first, from)
}

// follow asks the source again and again; end stops it.
func (s *server) follow(ctx context.Context) (end func()) {
	f := s.feed.Load()
	if f == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); f.keeper.Run(ctx) }()
	return func() { cancel(); <-done }
}

// offer hands policies over and waits until they serve.
func (s *server) offer(ctx context.Context, a *bundle.Admitted) error {
	o := &offer{a, make(chan error, 1)}
	select {
	case s.offers <- o:
		return <-o.done // activate always answers, and at once
	case <-ctx.Done():
		return ctx.Err()
	}
}

// activate puts the policies of a bundle in force. Exchanges under way keep
// theirs.
func (s *server) activate(ctx context.Context, o *offer) {
	b := s.current.Load().withPolicies(o.admitted.Set)
	s.current.Store(b)
	s.engine.Swap(b.snap)
	o.done <- nil
	for _, w := range o.admitted.Set.Warnings() {
		s.log.Warn(w)
	}
	fmt.Fprintf(s.out, "new policies: revision %s\n", b.snap.Decider.Revision())
	recordActivation(ctx, s, o.admitted, "source")
}

func recordActivation(ctx context.Context, s *server, a *bundle.Admitted, from string) {
	s.log.Info("policies activated", "policies", a.Set.Revision(), "bundle", a.Bundle.Digest, "from", from)
	if err := s.engine.Admin(ctx, proxy.EventPolicy, adminActivated, a.Set.Revision()+" bundle "+a.Bundle.Digest+" "+from); err != nil {
		s.log.Error("the activation could not be recorded", "error", err)
	}
}

// bundleRefused is told by the keeper what it did not take.
func (s *server) bundleRefused(r *bundle.Refusal) {
	s.log.Error("policies refused; the former ones keep serving", "reason", string(r.Word), "bundle", r.Digest, "error", r.Detail)
	if s.engine == nil {
		s.passedOver = append(s.passedOver, r) // before the log is open
		return
	}
	recordRefusal(context.Background(), s, r)
}

func recordRefusal(ctx context.Context, s *server, r *bundle.Refusal) {
	detail := string(r.Word)
	if r.Digest != "" {
		detail += " bundle " + r.Digest
	}
	if err := s.engine.Admin(ctx, proxy.EventPolicy, adminRefused, detail); err != nil {
		s.log.Error("the refusal of policies could not be recorded", "error", err)
	}
}

// withPolicies gives the same configuration with other policies.
func (b *built) withPolicies(set *policies.Set) *built {
	next, snap := *b, *b.snap
	next.policies, next.snap = set, &snap
	snap.Decider = set
	if r, ok := b.snap.Decider.(policies.Rollout); ok {
		r.Live = set
		snap.Decider = r
	}
	return &next
}

// policyHealth is what GET /policies answers.
type policyHealth struct {
	Revision string `json:"revision"`
	Bundle   string `json:"bundle,omitempty"`      // digest of the file
	Fetched  string `json:"fetched,omitempty"`     // when the source gave it
	Age      *int64 `json:"age_seconds,omitempty"` // since the source last answered
	Failures int    `json:"failures,omitempty"`    // in a row
	Reason   string `json:"reason,omitempty"`      // of the last of them
}

// policyAge gives the seconds since the source of the policies last answered, and
// false where there is none.
func (s *server) policyAge() (int64, bool) {
	f := s.feed.Load()
	if f == nil {
		return 0, false
	}
	st := f.keeper.State()
	since := st.Asked
	if since.IsZero() {
		since = st.Fetched
	}
	return max(0, int64(time.Since(since)/time.Second)), true
}

// servePolicies says which policies decide and how old they are.
func (s *server) servePolicies(w http.ResponseWriter, _ *http.Request) {
	b := s.current.Load()
	h := policyHealth{Revision: b.snap.Decider.Revision()}
	if f := s.feed.Load(); f != nil {
		st := f.keeper.State()
		age, _ := s.policyAge()
		h.Bundle, h.Age, h.Failures, h.Reason = st.Digest, &age, st.Failures, string(st.Word)
		h.Fetched = st.Fetched.Format(time.RFC3339)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(&h) // the client is gone
}
