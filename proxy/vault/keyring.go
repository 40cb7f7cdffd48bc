package vault

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds and sizes of a [Keyring].
const (
	epochKeyBytes = 32
	epochSeconds  = 30 * 24 * 60 * 60 // an epoch is 30 days of Unix time
	epochLimit    = 1200              // keys in a directory: ninety-eight years
	// rekeySeconds is how long a key is used before its file is looked at again, so
	// that one that another process retired is not used for longer.
	rekeySeconds = 60

	keyringDir    = "fingerprint" // in the key directory
	epochSuffix   = ".key"
	unusedPattern = ".*.new" // of files that have not got their name yet
)

// ErrNoEpoch says that an epoch has no key: none was made, or it was retired.
var ErrNoEpoch = errors.New("the epoch has no key: it was retired, or nothing was recorded in it")

// Keyring holds the keys of fingerprints, one for each epoch of 30 days, as files
// fingerprint/EPOCH.key of 32 random bytes. The keys are independent of each
// other: whoever deletes one (see [Keyring.Retire]) makes the fingerprints of its
// epoch unlinkable and touches no other. Only the key in use is in memory; the
// files are what counts.
//
// A key that is lost cannot be made again: what was recorded in its epoch can no
// longer be found by value, and nothing else is lost with it. Keys are to be backed
// up apart from the log; a backup has to forget what was retired.
//
// It is safe for concurrent use.
type Keyring struct {
	dir string
	now func() time.Time

	live atomic.Pointer[epochKeys] // nil before the first use and where there is no key

	mu      sync.Mutex // guards the files' being made and removed, and problem
	problem error
}

// epochKeys are the keys of one epoch, derived from its key by purpose. They are
// not written.
type epochKeys struct {
	epoch       int
	from, until int64 // Unix seconds between which its file need not be looked at
	purpose     [purposes][sha256.Size]byte
	spare       *[purposes]sync.Pool // of *sponge
}

// purpose is what a fingerprint is for. Those of different purposes have different
// keys: the same text gives fingerprints that cannot be compared.
type purpose int

const (
	toFind         purpose = iota // a value found
	ofSubject                     // who asks
	ofConversation                // the beginning of a conversation
	purposes
)

var purposeNames = [purposes]string{"find", "subject", "conversation"}

// Epoch gives the number of the epoch that a time is in: days of Unix time
// divided by thirty.
func Epoch(t time.Time) int {
	s := t.Unix()
	if s < 0 {
		return 0 // a clock that was never set
	}
	return int(s / epochSeconds)
}

// EpochBegin gives the time at which an epoch begins; it ends where the next
// begins.
func EpochBegin(epoch int) time.Time { return time.Unix(int64(epoch)*epochSeconds, 0).UTC() }

// OpenKeyring opens the keys of a key directory, which need not be there yet: a
// key is made when it is first used, or by [Keyring.Prepare]. now may be nil. It
// fails where there is a directory of keys that others may read, or that holds
// more of them than [Keyring] takes.
func OpenKeyring(dir string, now func() time.Time) (*Keyring, error) {
	if now == nil {
		now = time.Now
	}
	k := &Keyring{dir: filepath.Join(dir, keyringDir), now: now}
	info, err := os.Stat(k.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k, nil
	case err != nil:
		return nil, fmt.Errorf("open the fingerprint keys: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("open the fingerprint keys: %s is not a directory; move it away", k.dir)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("open the fingerprint keys: others may enter %s (mode %04o): chmod 700 %s", k.dir, info.Mode().Perm(), k.dir)
	}
	if _, err := k.Epochs(); err != nil {
		return nil, err
	}
	return k, nil
}

// Prepare makes the key of the present epoch where there is none, so that a
// program fails when it starts and not at a request. It fails where the key cannot
// be read or made.
func (k *Keyring) Prepare() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renew(k.now().Unix())
	return k.problem
}

// Err says why the present epoch has no key of its own; nil where it has one.
// Until that is mended, the fingerprints have the key and the number of the last
// epoch that has one, and none are made where none has.
func (k *Keyring) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.problem
}

// Epochs lists the epochs that have a key, in their order.
func (k *Keyring) Epochs() ([]int, error) {
	f, err := os.Open(k.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the fingerprint keys: %w", err)
	}
	defer f.Close()
	var out []int
	for {
		names, err := f.Readdirnames(epochLimit)
		for _, name := range names {
			n, ok := epochOf(name)
			if ok {
				out = append(out, n)
			}
		}
		if len(out) > epochLimit {
			return nil, fmt.Errorf("list the fingerprint keys: %s holds more than %d; retire those of epochs that are no longer kept", k.dir, epochLimit)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list the fingerprint keys: %w", err)
		}
	}
	slices.Sort(out)
	return out, nil
}

// epochOf reads the name of a key's file.
func epochOf(name string) (int, bool) {
	digits, ok := strings.CutSuffix(name, epochSuffix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && strconv.Itoa(n) == digits
}

func (k *Keyring) file(epoch int) string {
	return filepath.Join(k.dir, strconv.Itoa(epoch)+epochSuffix)
}

// Retire deletes the key of an epoch. From then on nobody can tell which value a
// fingerprint of that epoch is of, or compare it with a value; where copies of the
// key are kept elsewhere, they have to go too. Other processes that use the key
// notice within a minute. Where the epoch is the present one, a new key is made at
// the next use. It fails with [ErrNoEpoch] where there is no key.
func (k *Keyring) Retire(epoch int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := os.Remove(k.file(epoch))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("retire epoch %d: %w", epoch, ErrNoEpoch)
	}
	if err == nil {
		if e := k.live.Load(); e != nil && e.epoch == epoch {
			k.live.Store(nil)
		}
		err = syncDir(k.dir)
	}
	if err != nil {
		return fmt.Errorf("retire the fingerprint key of epoch %d: %w", epoch, err)
	}
	return nil
}

// Before gives the epochs of the keys that [Keyring.RetireBefore] would retire: those
// that ended at t or before.
func (k *Keyring) Before(t time.Time) ([]int, error) {
	all, err := k.Epochs()
	if err != nil {
		return nil, err
	}
	for i, epoch := range all {
		if EpochBegin(epoch + 1).After(t) {
			return all[:i], nil
		}
	}
	return all, nil
}

// RetireBefore retires every epoch that ends at t or before, and gives the list:
// what retention calls when it removes the events up to t.
func (k *Keyring) RetireBefore(t time.Time) ([]int, error) {
	old, err := k.Before(t)
	if err != nil {
		return nil, err
	}
	for i, epoch := range old {
		if err := k.Retire(epoch); err != nil && !errors.Is(err, ErrNoEpoch) {
			return old[:i], err
		}
	}
	return old, nil
}

// current gives the keys to use now, or nil where there are none.
func (k *Keyring) current() *epochKeys {
	t := k.now().Unix()
	if e := k.live.Load(); e != nil && e.from <= t && t < e.until {
		return e
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.live.Load(); e != nil && e.from <= t && t < e.until {
		return e // another was faster
	}
	return k.renew(t)
}

// renew reads or makes the key for the time t. Where it can do neither, it takes
// that of the last epoch that has one: a fingerprint under an old key is found by
// its number, one under a key that was never written is found by nobody. mu is
// held.
func (k *Keyring) renew(t int64) *epochKeys {
	epoch := Epoch(time.Unix(t, 0))
	key, err := readEpoch(k.file(epoch))
	if errors.Is(err, fs.ErrNotExist) {
		if err = k.make(epoch); err == nil {
			key, err = readEpoch(k.file(epoch)) // another process may have been faster
		}
	}
	k.problem = nil
	if err != nil {
		k.problem = fmt.Errorf("the fingerprint key of epoch %d: %w", epoch, err)
		old := k.live.Load()
		list, lost := k.Epochs()
		i, _ := slices.BinarySearch(list, epoch)
		for key = nil; i > 0 && key == nil; i-- {
			epoch = list[i-1]
			key, _ = readEpoch(k.file(epoch))
		}
		switch {
		case key != nil:
		case lost != nil && old != nil:
			next := *old // the files cannot be seen: nobody said that the key is retired
			next.from, next.until = t, t+rekeySeconds
			k.live.Store(&next)
			return &next
		default:
			k.live.Store(nil)
			return nil
		}
	}
	e := &epochKeys{epoch: epoch, from: t, until: t + rekeySeconds, spare: new([purposes]sync.Pool)}
	if end := EpochBegin(epoch + 1).Unix(); end > t {
		e.until = min(e.until, end)
	}
	for p := range purposes {
		e.purpose[p] = derive(key, p)
	}
	k.live.Store(e)
	return e
}

// derive gives the key of a purpose (HKDF-SHA-256, RFC 5869).
func derive(key []byte, p purpose) (out [sha256.Size]byte) {
	b, err := hkdf.Key(sha256.New, key, nil, "ostiary fingerprint v1\n"+purposeNames[p], len(out))
	if err != nil {
		// It fails for lengths beyond 255 hashes alone. A key of zeros would be
		// no secret, so this may not go on.
		panic("vault: HKDF refused a constant length")
	}
	copy(out[:], b)
	return out
}

// readEpoch reads a key's file. It fails with [fs.ErrNotExist] where there is
// none.
func readEpoch(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s (mode %04o): chmod 600 %s, and think about who may have copied it", name, info.Mode().Perm(), name)
	}
	key, err := io.ReadAll(io.LimitReader(f, epochKeyBytes+1))
	if err != nil {
		return nil, err
	}
	if len(key) != epochKeyBytes {
		return nil, fmt.Errorf("%s is not a key of %d bytes: restore it from a backup, or remove it to have a new one made; what was recorded under the lost one is then found by nobody", name, epochKeyBytes)
	}
	return key, nil
}

// make makes the key of an epoch. After a crash it is there whole or not at all,
// and one that is there is never replaced.
func (k *Keyring) make(epoch int) (err error) {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(k.dir, unusedPattern) // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	var key [epochKeyBytes]byte
	rand.Read(key[:]) // never fails (crypto/rand, Go 1.24)
	_, err = f.Write(key[:])
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	name := k.file(epoch)
	switch err = os.Link(f.Name(), name); {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return nil
	default:
		// A file system without links. One process alone writes here, but for one
		// that was started in the same moment.
		if _, there := os.Lstat(name); !errors.Is(there, fs.ErrNotExist) {
			return there
		}
		if err := os.Rename(f.Name(), name); err != nil {
			return err
		}
	}
	if err := errors.Join(syncDir(k.dir), syncDir(filepath.Dir(k.dir))); err != nil {
		return errors.Join(err, os.Remove(name)) // nothing was fingerprinted with it
	}
	return nil
}

// syncDir makes the entries of a directory durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
