package bundle

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// How often a source is asked.
const (
	PollTime     = 30 * time.Second // where nothing else is configured
	startTime    = 20 * time.Second // for a source to bring something newer than the last good bundle, at start
	backoffLeast = time.Second      // after the first failure; it doubles with each
	backoffMost  = 5 * time.Minute  // or the poll time, where that is longer
	jitterShare  = 0.2              // of a wait, up and down, so that a fleet does not ask at once
)

// Options say what a [Keeper] does and whom it tells. Live, Facts and Offer are
// called one at a time; none may be nil.
type Options struct {
	Source Source
	Name   string // of the source, as configured
	Store  Store
	Poll   time.Duration    // PollTime if zero
	Load   policies.Options // without a path; with the keys
	// Live gives the policies in force, nil where nothing is.
	Live func() *policies.Set
	// Facts gives recorded facts to prove a bundle on; it honours the context's
	// deadline by giving fewer.
	Facts func(ctx context.Context) []*proxy.Facts
	// Offer puts policies in force. An error leaves the former ones serving. It
	// may wait, and has to return when the context ends.
	Offer func(ctx context.Context, a *Admitted) error
	// Refused is told of what was not taken, once as long as the reason stays
	// the same; nil for nobody.
	Refused func(r *Refusal)
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Admitted are policies that were proven, with the bundle they come from.
type Admitted struct {
	Set    *policies.Set
	Bundle *Held
	Kept   bool // it is the last good one from disk, not from the source
}

// State is what a keeper knows, for health and metrics.
type State struct {
	Digest   string    // of the bundle in force; empty before the first
	Revision string    // of its policies
	Fetched  time.Time // when it came from the source
	Asked    time.Time // when the source last answered with the bundle or "unchanged"
	Failures int       // fetches and proofs in a row that failed
	Word     Word      // of the last of them; empty where the last one was good
}

// Keeper keeps the policies in force those that the source has, as far as they
// are fit. State is safe for concurrent use. First comes first; Run may be called
// again when it has ended.
type Keeper struct {
	o Options

	mu    sync.Mutex
	state State   // guarded by mu
	told  Refusal // the last one that was told of; guarded by mu

	// Of the goroutine in First or Run.
	known   string    // version not to be fetched again, good or refused
	spurned string    // digest of a bundle that is refused for what it is, as long as the source has it
	live    *Admitted // in force
	unkept  *Held     // in force, and not on disk yet
}

// New makes a keeper. It asks and reads nothing yet.
func New(o Options) *Keeper {
	if o.Poll == 0 {
		o.Poll = PollTime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{o: o}
}

// State gives what is known now.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// First gives the policies to start with: what the source has, else the last
// good bundle. It fails where there is neither; what it passed over it tells. had
// is the state of the keeper before this one in the same process, or zero: where
// its bundle is the last good one, the source is not asked.
func (k *Keeper) First(ctx context.Context, had State) (*Admitted, error) {
	asking := ctx
	kept, err := k.kept(ctx)
	var refused *Refusal
	switch {
	case err == nil:
		k.serve(kept)
		if kept.Bundle.Digest == had.Digest {
			k.mu.Lock()
			k.state.Asked, k.state.Failures, k.state.Word = had.Asked, had.Failures, had.Word
			k.mu.Unlock()
			return k.live, nil
		}
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, startTime)
		defer cancel()
	case !errors.Is(err, ErrNoGood):
		refused = refusal(ctx, err)
		k.refuse(refused)
	}
	next, err := k.next(asking)
	switch {
	case err == nil:
		k.serve(next)
		k.keep(next.Bundle)
	case errors.Is(err, ErrUnchanged):
		k.asked()
	default:
		r := refusal(asking, err)
		k.refuse(r)
		if k.live == nil {
			return nil, k.nothing(r, refused)
		}
	}
	return k.live, nil
}

// nothing words a start without policies.
func (k *Keeper) nothing(source, kept *Refusal) error {
	r := *source
	r.Detail += "\nThere is no last good bundle of this source to start with. Make the source reachable, or name another in policy.bundle.source"
	if kept != nil {
		r.Detail = source.Detail + "\nThe last good bundle cannot be used either: " + kept.Error()
	}
	return &r
}

// kept proves the last good bundle: its digest, and all that a new one has to
// stand but for recorded facts, on which it has stood before.
func (k *Keeper) kept(ctx context.Context) (*Admitted, error) {
	held, err := k.o.Store.Good(k.o.Name)
	if err != nil {
		return nil, err
	}
	p := Proof{Options: k.o.Load}
	set, err := p.Admit(ctx, held.Path)
	if err != nil {
		r := *refusal(ctx, err)
		r.Digest = held.Digest
		return nil, &r
	}
	return &Admitted{Set: set, Bundle: held, Kept: true}, nil
}

// next fetches, stages and proves.
func (k *Keeper) next(ctx context.Context) (*Admitted, error) {
	f, err := k.o.Source.Fetch(ctx, k.known)
	if err != nil {
		var r *Refusal
		if errors.As(err, &r) && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	sum := digest(f.Body)
	if k.live != nil && k.live.Bundle.Digest == sum {
		k.known, k.spurned = f.Version, "" // the same content, perhaps under another version
		return nil, ErrUnchanged
	}
	if k.spurned == sum {
		k.known = f.Version
		return nil, ErrUnchanged
	}
	named := func(err error) error {
		r := *refusal(ctx, err)
		r.Digest = sum
		if !r.Word.passing() {
			k.known, k.spurned = f.Version, sum
		}
		return &r
	}
	// A bundle whose signature is wrong does not reach the disk.
	if err := bounded(f.Body); err != nil {
		return nil, named(err)
	}
	if err := Verify(f.Body, k.o.Load.Keys); err != nil {
		return nil, named(err)
	}
	if err := k.o.Store.fresh(k.o.Name, sum); err != nil {
		return nil, named(err)
	}
	held, err := k.o.Store.Stage(f, k.o.Name, k.o.Now())
	if err != nil {
		return nil, named(&Refusal{Word: NotKept, Detail: err.Error(), err: err})
	}
	p := Proof{Options: k.o.Load, Live: k.o.Live(), Facts: k.o.Facts(ctx)}
	if p.Live == nil && k.live != nil {
		p.Live = k.live.Set
	}
	set, err := p.Admit(ctx, held.Path)
	if err != nil {
		k.o.Store.Drop(held)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, named(err)
	}
	return &Admitted{Set: set, Bundle: held}, nil
}

// Run asks the source again and again until the context ends, and offers what is
// new and proven.
func (k *Keeper) Run(ctx context.Context) {
	for {
		wait := time.NewTimer(k.wait())
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		k.once(ctx)
		if ctx.Err() != nil {
			return
		}
	}
}

// once is one round of Run.
func (k *Keeper) once(ctx context.Context) {
	if k.unkept != nil {
		k.keep(k.unkept)
	}
	next, err := k.next(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, ErrUnchanged):
		k.asked()
		return
	case err != nil:
		k.refuse(refusal(ctx, err))
		return
	}
	if err := k.o.Offer(ctx, next); err != nil {
		k.o.Store.Drop(next.Bundle)
		if ctx.Err() == nil {
			k.refuse(&Refusal{Word: NotServed, Digest: next.Bundle.Digest, Detail: err.Error(), err: err})
		}
		return
	}
	k.serve(next)
	k.keep(next.Bundle)
}

// keep puts the bundle in force on disk; where that fails it is tried again.
func (k *Keeper) keep(h *Held) {
	k.unkept = nil
	if err := k.o.Store.Keep(h); err != nil {
		k.unkept = h
		k.refuse(&Refusal{Word: NotKept, Digest: h.Digest, Detail: "it serves, and a start without the source would use an older one: " + err.Error(), err: err})
	}
}

func (k *Keeper) serve(a *Admitted) {
	k.live, k.known, k.spurned = a, a.Bundle.Version, ""
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told = Refusal{}
	k.state = State{Digest: a.Bundle.Digest, Revision: a.Set.Revision(), Fetched: a.Bundle.Fetched, Asked: k.state.Asked}
	if !a.Kept {
		k.state.Asked = k.o.Now()
	}
}

// asked notes that the source answered and has nothing new: what serves, or
// what was refused.
func (k *Keeper) asked() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Asked = k.o.Now()
	if k.spurned == "" && k.unkept == nil {
		k.told, k.state.Failures, k.state.Word = Refusal{}, 0, ""
	}
}

func (k *Keeper) refuse(r *Refusal) {
	k.mu.Lock()
	k.state.Failures++
	k.state.Word = r.Word
	again := k.told.Word == r.Word && k.told.Digest == r.Digest
	k.told = *r
	k.mu.Unlock()
	if !again && k.o.Refused != nil {
		k.o.Refused(r)
	}
}

// wait gives the time until the source is asked again.
func (k *Keeper) wait() time.Duration {
	k.mu.Lock()
	n, w := k.state.Failures, k.state.Word
	k.mu.Unlock()
	d := k.o.Poll
	if n > 0 && w.passing() {
		d = backoff(n, k.o.Poll)
	}
	return jitter(d, rand.Float64())
}

// backoff gives the wait after a number of failures in a row.
func backoff(failures int, poll time.Duration) time.Duration {
	most := max(backoffMost, poll)
	d := backoffLeast
	for range failures - 1 {
		if d *= 2; d >= most {
			return most
		}
	}
	return d
}

// jitter spreads a wait by a number from 0 to 1.
func jitter(d time.Duration, at float64) time.Duration {
	return time.Duration(float64(d) * (1 - jitterShare + 2*jitterShare*at))
}
