package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/all"
	"github.com/ostiary/ostiary/classifiers/custom"
	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/dialect"
	"github.com/ostiary/ostiary/proxy/facts"
	"github.com/ostiary/ostiary/proxy/identity"
	"github.com/ostiary/ostiary/proxy/notify"
	"github.com/ostiary/ostiary/proxy/pools"
	"github.com/ostiary/ostiary/proxy/vault"
)

// built is what a configuration was made into: the snapshot that serves, and
// the parts of it that the program speaks to.
type built struct {
	cfg       *config.Config
	snap      *proxy.Snapshot
	pools     *pools.Set
	policies  *policies.Set
	suite     *classifiers.Suite
	notify    []notify.Target
	warnings  []string
	providers *pools.Providers
	passages  *passages // nil where nothing is intercepted
	bundle    string    // that the policies come from, in words; where nothing serves
}

// policyNames lists the policies in force.
func (b *built) policyNames() []string {
	var out []string
	for _, p := range b.policies.Policies() {
		out = append(out, p.Name)
	}
	return out
}

// build makes everything that a configuration asks for and serves nothing.
// hashKey may be nil where nothing is recorded.
func build(ctx context.Context, cfg *config.Config, hashKey []byte) (*built, error) {
	var seen looked
	b, err := buildWith(ctx, cfg, hashKey, lookOnce(cfg, &seen))
	if err == nil {
		b.bundle = seen.bundle
		if seen.warning != "" {
			b.warnings = append(b.warnings, seen.warning)
		}
	}
	return b, err
}

// buildWith is build with the policies of a bundle from load: check and run
// share it.
func buildWith(ctx context.Context, cfg *config.Config, hashKey []byte, load loader) (*built, error) {
	b := &built{cfg: cfg}
	for _, w := range cfg.Warnings {
		b.warnings = append(b.warnings, w.Error())
	}
	var errs []error

	ups, err := upstreams(cfg)
	if err != nil {
		return nil, err
	}
	set, err := pools.New(ups)
	if err != nil {
		errs = append(errs, err)
	} else {
		b.pools = set
		b.warnings = append(b.warnings, set.Warnings()...)
	}
	var suite *classifiers.Suite
	detectors, err := suiteOptions(cfg, hashKey)
	if err == nil {
		suite, err = classifiers.New(detectors)
	}
	if err != nil {
		errs = append(errs, err)
	}
	if suite != nil {
		b.suite = suite
		b.policies, err = loadPolicies(ctx, cfg, policyOptions(cfg, suite), load)
		if err != nil {
			errs = append(errs, err)
		} else {
			b.warnings = append(b.warnings, b.policies.Warnings()...)
		}
	}
	var decider proxy.Decider = b.policies
	if c := cfg.Policy.Candidate; c.Path != "" && suite != nil {
		o := policyOptions(cfg, suite)
		o.Path = c.Path
		// Where policies must be signed, so must those that may decide a share.
		var candidate *policies.Set
		o.Keys, err = bundleKeys(cfg)
		if err == nil {
			candidate, err = policies.Load(o)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("policy.candidate: %w", err))
		} else {
			for _, w := range candidate.Warnings() {
				b.warnings = append(b.warnings, "policy.candidate: "+w)
			}
			decider = policies.Rollout{Live: b.policies, Candidate: candidate, Share: c.Share}
		}
	}
	if b.providers, err = loadProviders(cfg); err != nil {
		errs = append(errs, err)
	} else if cfg.Intercept.On() && b.policies != nil {
		if b.passages, err = newPassages(cfg, b.providers, b.policies); err != nil {
			errs = append(errs, err)
		} else {
			b.warnings = append(b.warnings, authorityWarnings(cfg, b.passages.governed)...)
		}
	}
	who, keyless, err := identifier(ctx, cfg)
	if err != nil {
		errs = append(errs, err)
	}
	if who, err = granting(cfg, who); err != nil {
		errs = append(errs, err)
	}
	targets, unkeyed, err := notifyTargets(ctx, cfg)
	if err != nil {
		errs = append(errs, err)
	}
	b.notify, b.warnings = targets, append(b.warnings, unkeyed...)
	open, err := office(cfg)
	if err != nil {
		errs = append(errs, err)
	}
	b.warnings = append(b.warnings, keyless...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}

	mode := proxy.Mode(cfg.Mode)
	state := stater(cfg, set, suite)
	state.Mode, state.HashKey, state.Office = mode, hashKey, open
	b.snap = &proxy.Snapshot{
		Dialects:   dialect.New(dialect.Options{BodyLimit: int(cfg.Limits.Body)}),
		Classifier: suite,
		Stater:     state,
		Decider:    decider,
		Chooser:    pools.Chooser{Directory: set},
		Identifier: who,
		Masker:     vault.Placeholders{},
		Mode:       mode,
		Limits: proxy.Limits{
			Body: int(cfg.Limits.Body), Decision: cfg.Limits.Decision, Commit: cfg.Limits.Commit, Exchanges: cfg.Limits.Exchanges,
		},
		Revision: cfg.Revision(),
		Pools:    set.Digest(),
	}
	return b, nil
}

// stater states facts in enforce mode, with what the configuration says of
// applications and the suite of types.
func stater(cfg *config.Config, d proxy.Directory, suite *classifiers.Suite) *facts.Stater {
	severity := map[string]string{}
	for _, t := range suite.Types() {
		severity[t.Name] = t.Severity.String()
	}
	s := &facts.Stater{
		Directory: d, Mode: proxy.Enforce, Classes: map[string]string{},
		Severity: func(name string) string { return severity[name] },
	}
	for _, a := range cfg.Applications {
		s.Classes[a.Name] = a.Classification
	}
	return s
}

// upstreams maps the configured pools.
func upstreams(cfg *config.Config) ([]pools.Upstream, error) {
	var out []pools.Upstream
	for _, p := range cfg.Pools {
		to, err := url.Parse(p.URL)
		if err != nil {
			// The cause would quote the address, which may hold a password.
			return nil, fmt.Errorf("pool %s: the url cannot be read", p.Name)
		}
		u := pools.Upstream{
			Pool: proxy.Pool{
				Name: p.Name, Boundary: proxy.Boundary(p.Boundary), Jurisdiction: p.Jurisdiction, Retention: p.Retention, Training: p.Training,
				Dialects: p.Dialects, Endpoints: p.Endpoints, Context: p.Context, Credential: proxy.CredentialMode(p.Credential.Mode),
				Labels: p.Labels, Hosts: p.Dialled(), Price: proxy.PriceFacts{Currency: p.Price.Currency, Input: int(p.Price.Input), Output: int(p.Price.Output)},
				Abilities: proxy.Abilities{
					Tools: ability(p.Abilities.Tools), Images: ability(p.Abilities.Images), Audio: ability(p.Abilities.Audio),
					Files: ability(p.Abilities.Files), JSON: ability(p.Abilities.JSON),
				},
			},
			URL: to, Credential: source(p.Credential.Secret), Header: p.Credential.Header, Scheme: p.Credential.Scheme,
			CA: first(p.CA, cfg.Upstream.CA), Pins: p.Pins, Proxy: first(p.Proxy, cfg.Upstream.Proxy),
		}
		for _, m := range p.Models {
			u.Pool.Models = append(u.Pool.Models, proxy.ModelAlias{Pattern: m.Pattern, Name: m.Name})
		}
		out = append(out, u)
	}
	return out, nil
}

func ability(b *bool) proxy.Ability {
	switch {
	case b == nil:
		return proxy.NotStated
	case *b:
		return proxy.Can
	}
	return proxy.Cannot
}

func source(s config.Secret) pools.Source {
	return pools.Source{Env: s.Env, File: s.File, Command: s.Command}
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// suiteOptions maps what the configuration says of detectors. The error names
// the pattern that cannot be used.
func suiteOptions(cfg *config.Config, hashKey []byte) (classifiers.Options, error) {
	o := classifiers.Options{Detectors: all.Detectors(), Off: cfg.Classifiers.Off, Key: hashKey}
	for _, t := range cfg.Terms {
		o.Terms = append(o.Terms, classifiers.Terms{Type: t.Type, Words: t.Words, Groups: t.Groups, Severity: classifiers.ParseSeverity(t.Severity)})
	}
	var errs []error
	for i, p := range cfg.Classifiers.Patterns {
		own := custom.Pattern{
			Type: p.Type, Doc: p.Doc, Groups: p.Groups, Severity: classifiers.ParseSeverity(p.Severity), Expression: p.Pattern, Keywords: p.Keywords,
			Context: p.Context, Against: p.Against, Exclude: p.Exclude, NeedsContext: p.NeedsContext, Match: p.Match, NoMatch: p.NoMatch,
		}
		d, err := own.Detector(fmt.Sprintf("pattern_%d", i+1))
		if err != nil {
			errs = append(errs, fmt.Errorf("classifiers.patterns[%d] (%s): %w", i, p.Type, err))
			continue
		}
		o.Detectors = append(o.Detectors, d)
	}
	for _, a := range cfg.Classifiers.Allow {
		o.Allow = append(o.Allow, classifiers.Allow{Types: a.Types, Values: a.Values, Pattern: a.Pattern})
	}
	return o, errors.Join(errs...)
}

// granting adds the reading of grants and justifications.
func granting(cfg *config.Config, who proxy.Identifier) (proxy.Identifier, error) {
	g := &identity.Grants{Identifier: who, Reasons: cfg.Policy.Grants.Reasons, Longest: cfg.Policy.Grants.Longest}
	for i, file := range cfg.Policy.Grants.Keys {
		key, err := readPublicKey(file)
		if err != nil {
			return nil, fmt.Errorf("policy.grants.keys[%d]: %w", i, err)
		}
		if slices.ContainsFunc(g.Keys, func(k ed25519.PublicKey) bool { return k.Equal(key) }) {
			return nil, fmt.Errorf("policy.grants.keys[%d]: the same key stands twice; one person would approve the own grant", i)
		}
		g.Keys = append(g.Keys, key)
	}
	return g, nil
}

// office gives the office hours, or nil.
func office(cfg *config.Config) (*facts.Office, error) {
	h := cfg.Policy.Hours
	if h.Zone == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(h.Zone)
	if err != nil {
		return nil, fmt.Errorf("policy.hours.zone: %w", err)
	}
	o := &facts.Office{Zone: zone}
	for d := time.Sunday; d <= time.Saturday; d++ {
		o.Days[d] = slices.Contains(h.Days, strings.ToLower(d.String()))
	}
	for _, at := range []struct {
		text string
		to   *int
	}{{h.From, &o.From}, {h.To, &o.To}} {
		t, err := time.Parse("15:04", at.text)
		if err != nil {
			return nil, fmt.Errorf("policy.hours: %q is not a time", at.text)
		}
		*at.to = t.Hour()*60 + t.Minute()
	}
	return o, nil
}

// policyOptions names what a policy may speak of, so that one that speaks of
// anything else does not load.
func policyOptions(cfg *config.Config, suite *classifiers.Suite) policies.Options {
	known := policies.Known{Groups: suite.Groups()}
	for _, t := range suite.Types() {
		known.Types = append(known.Types, t.Name)
	}
	for _, p := range cfg.Pools {
		known.Pools = append(known.Pools, p.Name)
		if p.Jurisdiction != "" && !slices.Contains(known.Jurisdictions, p.Jurisdiction) {
			known.Jurisdictions = append(known.Jurisdictions, p.Jurisdiction)
		}
	}
	o := policies.Options{Path: cfg.Policies, Expected: cfg.Policy.Expected, Known: known}
	for _, m := range cfg.Policy.Modes {
		o.Modes = append(o.Modes, policies.ModeRule{Policy: m.Policy, Rule: m.Rule, Mode: m.Mode, Applications: m.Applications, Teams: m.Teams})
	}
	return o
}

// identifier reads the keys of the applications and adds the other ways of knowing
// who asks.
func identifier(ctx context.Context, cfg *config.Config) (proxy.Identifier, []string, error) {
	var apps []identity.Application
	var warnings []string
	for _, a := range cfg.Applications {
		app := identity.Application{Name: a.Name, Team: a.Team, Groups: a.Groups, Keyed: len(a.Keys) > 0}
		for _, k := range a.Keys {
			secret, err := source(k).Read(ctx)
			if err == nil {
				var key identity.Key
				if key, err = identity.NewKey(secret); err == nil {
					app.Keys = append(app.Keys, key)
					if secret.Len() < identity.ShortKey {
						warnings = append(warnings, fmt.Sprintf("application %s: a key has fewer than %d characters and can be guessed; use a longer one", a.Name, identity.ShortKey))
					}
				}
			}
			if err != nil {
				// Others may ask all the same; requests with this key are refused.
				warnings = append(warnings, fmt.Sprintf("application %s: a key cannot be had, requests that carry it are refused: %v", a.Name, err))
			}
		}
		apps = append(apps, app)
	}
	keys, err := identity.New(apps)
	if err != nil {
		return nil, nil, err
	}
	next, err := chain(cfg, apps, keys)
	if err != nil {
		return nil, nil, err
	}
	hosts := cfg.Hosts
	if len(hosts) == 0 && cfg.Loopback() && !strings.HasPrefix(cfg.Listen, "unix:") {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	return &identity.Door{Hosts: hosts, Origins: cfg.Origins, Next: next}, warnings, nil
}

// places are where a process keeps what outlives it.
type places struct {
	log  string // directory of the audit log
	keys string // directory of generated keys, beside the log and never inside
}

// findPlaces gives the directories of a configuration; log overrides its log.
func findPlaces(cfg *config.Config, log string) (places, error) {
	p := places{log: first(log, cfg.Log.Dir)}
	if p.log == "" {
		if cfg.State != "" {
			p.log = filepath.Join(cfg.State, "log")
		} else {
			dir, err := audit.DefaultDir()
			if err != nil {
				return places{}, err
			}
			p.log = dir
		}
	}
	abs, err := filepath.Abs(p.log)
	if err != nil {
		return places{}, err
	}
	p.log = abs
	p.keys = audit.DefaultKeyDir(p.log)
	if cfg.State != "" {
		p.keys = filepath.Join(cfg.State, "keys")
	}
	return p, nil
}

// hashKeyFile holds the key under which content is fingerprinted: opaque parts
// in events, terms in the suite's revision. Losing it breaks nothing but the
// comparison with older fingerprints.
const hashKeyFile = "hash.key"

// loadHashKey reads the key, or makes it where there is none.
func loadHashKey(dir string) ([]byte, error) {
	name := filepath.Join(dir, hashKeyFile)
	key, err := os.ReadFile(name)
	if err == nil {
		if len(key) != 32 {
			return nil, fmt.Errorf("%s: the key has %d bytes, want 32; restore it, or remove it to have a new one made", name, len(key))
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key = make([]byte, 32)
	rand.Read(key)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return loadHashKey(dir) // another process was faster
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name)
		return nil, err
	}
	return key, nil
}
