package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit"
)

// aheadLimit is how far a cosignature may be ahead of our clock. Beyond, it would
// stay fresh for as long as its maker likes.
const aheadLimit = 5 * time.Minute

// Policy says which witnesses must have cosigned a checkpoint.
type Policy struct {
	Witnesses []*Key
	// Need is how many of them must have signed, at least 1.
	Need int
	// MaxAge is how old their signatures may be; 0 means any age.
	MaxAge time.Duration
}

// Cosignature is one witness's signature on a checkpoint.
type Cosignature struct {
	Witness string
	At      time.Time
}

// ErrQuorum: too few witnesses have cosigned, or too long ago.
var ErrQuorum = errors.New("too few witnesses have cosigned the checkpoint")

// Check reads a checkpoint that its log's key has signed and sees that enough
// witnesses have cosigned it by a point in time. It gives the cosignatures that
// count, in the policy's order, the latest of each witness; with [ErrQuorum] those
// that there are. It fails as [audit.OpenCheckpoint] does as well.
func (p Policy) Check(signed []byte, log note.Verifier, now time.Time) (audit.Checkpoint, []Cosignature, error) {
	if err := p.valid(); err != nil {
		return audit.Checkpoint{}, nil, err
	}
	c, err := audit.OpenCheckpoint(signed, log)
	if err != nil {
		return audit.Checkpoint{}, nil, err
	}
	var counted []Cosignature
	tooOld := 0
	for _, k := range p.Witnesses {
		at, ok := latest(signed, k, now.Add(aheadLimit))
		switch {
		case !ok:
		case p.MaxAge > 0 && at.Before(now.Add(-p.MaxAge)):
			tooOld++
		default:
			counted = append(counted, Cosignature{k.Name(), at})
		}
	}
	if len(counted) < p.Need {
		return c, counted, fmt.Errorf("%w: %d of the %d needed, %d more older than %s", ErrQuorum, len(counted), p.Need, tooOld, p.MaxAge)
	}
	return c, counted, nil
}

// valid refuses a policy that would count one witness twice.
func (p Policy) valid() error {
	if p.Need < 1 || p.Need > len(p.Witnesses) {
		return fmt.Errorf("%d of %d witnesses cannot be asked for", p.Need, len(p.Witnesses))
	}
	for i, k := range p.Witnesses {
		if slices.ContainsFunc(p.Witnesses[:i], func(o *Key) bool { return o.public.Equal(k.public) }) {
			return fmt.Errorf("the key of witness %s stands twice among the witnesses", k.Name())
		}
	}
	return nil
}

// latest gives the time of a witness's latest signature on a checkpoint that is
// not after a limit.
func latest(signed []byte, k *Key, limit time.Time) (time.Time, bool) {
	text, signatures, ok := cutNote(signed)
	if !ok {
		return time.Time{}, false
	}
	var at time.Time
	found := false
	// One line at a time: of several signatures of one key, the library looks at
	// the first alone.
	for line := range lines(signatures) {
		one := slices.Concat(text, []byte("\n"), line)
		n, err := note.Open(one, note.VerifierList(k))
		if err != nil {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
		if err != nil {
			continue
		}
		unix, ok := cosignedAt(b[hashBytes:])
		if t := time.Unix(int64(unix), 0).UTC(); ok && !t.After(limit) && (!found || t.After(at)) {
			at, found = t, true
		}
	}
	return at, found
}

// lines gives the lines of b that end, at most those that the library would read.
func lines(b []byte) iter.Seq[[]byte] {
	const lineLimit = 100
	return func(yield func([]byte) bool) {
		for range lineLimit {
			i := bytes.IndexByte(b, '\n')
			if i < 0 || !yield(b[:i+1]) {
				return
			}
			b = b[i+1:]
		}
	}
}
