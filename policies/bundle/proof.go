package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// Bounds of a proof.
const (
	TestTime  = 30 * time.Second // for all unit tests of a bundle
	TryTime   = 15 * time.Second // for all recorded facts
	FactsMost = 2000             // recorded facts that are tried
)

// When a bundle decides too slowly. Of fewer than slowLeast decisions the slow
// ones are chance.
const (
	slowLimit    = 10 * time.Millisecond // p99 that is too slow whatever the policies in force take
	slowFloor    = time.Millisecond      // p99 that is fast enough
	slowMultiple = 10                    // between the two: of the p99 of the policies in force
	slowLeast    = 100                   // decisions
	slowRounds   = 3                     // tries; a machine that is busy is not the bundle's fault
)

// noContext is for what is read from disk in a moment.
var noContext = context.Background()

// Proof is what a bundle has to stand before it serves.
type Proof struct {
	Options policies.Options // without a path; with the keys
	Live    *policies.Set    // in force; nil where nothing is
	Facts   []*proxy.Facts   // on which there was a decision; the first FactsMost count
}

// Admit proves a bundle in a file. Its error is a [*Refusal]; without one the
// policies are fit to serve. A context that ends gives TimedOut.
func (p *Proof) Admit(ctx context.Context, file string) (*policies.Set, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, &Refusal{Word: NotKept, Detail: err.Error(), err: err}
	}
	if err := bounded(b); err != nil {
		return nil, err
	}
	if err := Verify(b, p.Options.Keys); err != nil {
		return nil, err
	}
	set, err := p.load(file)
	if err != nil {
		return nil, err
	}
	if err := p.complete(set); err != nil {
		return nil, err
	}
	if err := p.tests(ctx, file); err != nil {
		return nil, err
	}
	if err := p.decides(ctx, file, set); err != nil {
		return nil, err
	}
	return set, nil
}

func (p *Proof) at(file string) policies.Options {
	o := p.Options
	o.Path, o.FS = file, nil
	return o
}

// load compiles. It verifies once more what Verify did.
func (p *Proof) load(file string) (*policies.Set, error) {
	set, err := policies.Load(p.at(file))
	if err != nil {
		return nil, &Refusal{Word: Invalid, Detail: err.Error(), err: err}
	}
	return set, nil
}

// complete refuses what would load and deny everything.
func (p *Proof) complete(set *policies.Set) error {
	list := set.Policies()
	if len(list) == 0 {
		return refuse(Incomplete, "the bundle holds no policies: every request would be refused")
	}
	for _, name := range p.Options.Expected {
		if !slices.ContainsFunc(list, func(x policies.Policy) bool { return x.Name == name }) {
			return refuse(Incomplete, "the policy %s is expected (policy.expected) and not in the bundle", name)
		}
	}
	return nil
}

// tests runs the unit tests that the bundle brings.
func (p *Proof) tests(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, TestTime)
	defer cancel()
	results, err := policies.Test(ctx, p.at(file))
	if err != nil && ctx.Err() == nil {
		return &Refusal{Word: TestsFailed, Detail: "the unit tests cannot be run: " + err.Error(), err: err}
	}
	var failed []string
	for _, r := range results {
		if !r.Passed && !r.Skip {
			failed = append(failed, r.Name)
		}
	}
	switch {
	case ctx.Err() != nil:
		return refuse(Slow, "the unit tests took longer than %s", TestTime)
	case len(failed) > 0:
		return refuse(TestsFailed, "%d of %d unit tests fail, the first is %s", len(failed), len(results), failed[0])
	}
	return nil
}

// decides tries recorded facts, and the example's, which is there on the first
// day too.
func (p *Proof) decides(ctx context.Context, file string, set *policies.Set) error {
	ctx, cancel := context.WithTimeout(ctx, TryTime)
	defer cancel()
	facts := append([]*proxy.Facts{policies.Example()}, p.Facts[:min(len(p.Facts), FactsMost)]...)
	var last *Refusal
	for round := range slowRounds {
		if round > 0 { // a set remembers its answers: only a new one takes its time again
			var err error
			if set, err = p.load(file); err != nil {
				return err
			}
		}
		took, err := p.try(ctx, set, facts)
		if err != nil {
			return err
		}
		if last = slow(took); last == nil {
			return nil
		}
	}
	return last
}

// times are how long decisions took, of the bundle and of the policies in force.
type times struct{ next, live []time.Duration }

func (p *Proof) try(ctx context.Context, set *policies.Set, facts []*proxy.Facts) (*times, error) {
	t := &times{}
	for _, f := range facts {
		if p.Live != nil {
			d, err := decide(ctx, p.Live, f)
			if err != nil && ctx.Err() == nil {
				continue // nobody decides these
			}
			t.live = append(t.live, d)
		}
		d, err := decide(ctx, set, f)
		t.next = append(t.next, d)
		switch {
		case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
			return nil, refusal(ctx, ctx.Err())
		case ctx.Err() != nil:
			return nil, refuse(Slow, "%d decisions took longer than %s", len(t.next), TryTime)
		case err != nil && d >= proxy.DefaultDecisionLimit: // which may be the machine's fault
			return nil, refuse(Slow, "a decision took longer than %s", proxy.DefaultDecisionLimit)
		case err != nil:
			return nil, refuse(Undecided, "no decision on recorded facts: %s", policies.Cause(err))
		}
	}
	return t, nil
}

// decide asks as the engine does, within the time that a request has.
func decide(ctx context.Context, s *policies.Set, f *proxy.Facts) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, proxy.DefaultDecisionLimit)
	defer cancel()
	start := time.Now()
	_, err := s.Decide(ctx, f)
	return time.Since(start), err
}

// slow judges times.
func slow(t *times) *Refusal {
	if len(t.next) < slowLeast {
		return nil
	}
	next, limit := p99(t.next), slowLimit
	if len(t.live) >= slowLeast {
		limit = min(limit, max(slowFloor, slowMultiple*p99(t.live)))
	}
	if next <= limit {
		return nil
	}
	return refuse(Slow, "99 of 100 decisions take up to %s, more than %s", next.Round(10*time.Microsecond), limit.Round(10*time.Microsecond))
}

func p99(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)*99/100]
}

// bounded walks an archive once and refuses what unpacks to more than it may. It
// reads as little as a walk does, and keeps nothing.
func bounded(b []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return refuse(NotABundle, "the file is not a gzipped tar archive")
	}
	in := &countingReader{r: z, left: SizeLimit}
	t := tar.NewReader(in)
	for files := 0; ; files++ {
		h, err := t.Next()
		switch {
		case in.left < 0 || files >= filesLimit:
			return refuse(Oversized, "larger than %d MiB unpacked, or more than %d files", SizeLimit>>20, filesLimit)
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return refuse(Truncated, "the archive ends early")
		case err != nil:
			return refuse(NotABundle, "the file is not a gzipped tar archive, or is damaged")
		case h.Size > in.left:
			return refuse(Oversized, "larger than %d MiB unpacked", SizeLimit>>20)
		}
	}
}

// countingReader gives what is left of a bound and then fails.
type countingReader struct {
	r    io.Reader
	left int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, io.ErrNoProgress
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	return n, err
}

// Verify checks the signature of a bundle, and that every file is as signed. Without
// keys there is nothing to check. It parses no policy.
func Verify(b []byte, keys []policies.Key) error {
	if len(keys) == 0 {
		return nil
	}
	if err := bounded(b); err != nil {
		return err
	}
	if !signed(b) {
		return refuse(Unsigned, "keys are configured, and the bundle carries no signature (ostiary policy bundle --key, opa build --signing-key)")
	}
	var last error
	for _, k := range keys {
		if k.ID == "" {
			return refuse(WrongKey, "a key to verify bundles has no id; give it the name that the bundle is signed with")
		}
		algorithm := k.Algorithm
		if algorithm == "" {
			algorithm = "RS256"
		}
		// Each key by its id: a list without one could be side-stepped
		// (GHSA-g2pf-6v5v-qcc8).
		one := map[string]*opa.KeyConfig{k.ID: {Key: k.PEM, Algorithm: algorithm, Scope: k.Scope}}
		_, err := opa.NewCustomReader(opa.NewTarballLoaderWithBaseURL(bytes.NewReader(b), "")).WithSizeLimitBytes(SizeLimit).
			WithLazyLoadingMode(true).WithBundleVerificationConfig(opa.NewVerificationConfig(one, k.ID, k.Scope, nil)).Read()
		if err == nil {
			return nil
		}
		last = err
	}
	return &Refusal{Word: WrongKey, Detail: "no configured key fits the bundle's signature: " + last.Error(), err: last}
}

// signed reports whether a bundle carries signatures at all.
func signed(b []byte) bool {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return false
	}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if err != nil {
			return false
		}
		if opa.IsSignaturesFile(h.Name) {
			return true
		}
	}
}
