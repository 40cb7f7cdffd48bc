package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The files of a store. The name of a bundle's file is its content's digest; the
// note says which of them is the good one, and is replaced in one step.
const (
	noteFile  = "good.json"
	pastFile  = "superseded.json"
	leaveFile = "permitted" // a digest that may come back, written by Permit
	packed    = ".tar.gz"
	noteLimit = 16 << 10 // bytes
	pastLimit = 2 << 20  // bytes
	pastMost  = 16384    // bundles; of more, the oldest is forgotten
)

// ErrNoGood: the store holds no bundle of that source.
var ErrNoGood = errors.New("no bundle of this source was kept")

// Held is a bundle in a store.
type Held struct {
	Path    string    // of the file
	Digest  string    // sha256: and 64 hex digits, of the file
	Version string    // as the source knows it
	Fetched time.Time // when the source gave it, in UTC
	Size    int       // bytes
	source  string
}

// note is what good.json holds.
type note struct {
	Digest  string    `json:"digest"`
	Fetched time.Time `json:"fetched"`
	Source  string    `json:"source"` // digest of the address, which may hold a secret
	Version string    `json:"version"`
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Store keeps the last bundle that was good in a directory of its own. One
// process uses it at a time.
type Store struct{ Dir string }

func (s Store) path(digest string) string {
	return filepath.Join(s.Dir, strings.Replace(digest, ":", "-", 1)+packed)
}

// Good gives the bundle that was kept of a source. It fails with [ErrNoGood], and
// where the file is not what was kept.
func (s Store) Good(source string) (*Held, error) {
	b, err := os.ReadFile(filepath.Join(s.Dir, noteFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoGood
	}
	if err != nil {
		return nil, err
	}
	var n note
	if len(b) > noteLimit || json.Unmarshal(b, &n) != nil || !digestForm.MatchString(n.Digest) {
		return nil, refuse(Altered, "%s cannot be read; remove the directory to begin anew", filepath.Join(s.Dir, noteFile))
	}
	if n.Source != digest([]byte(source)) {
		return nil, ErrNoGood
	}
	h := &Held{Path: s.path(n.Digest), Digest: n.Digest, Version: n.Version, Fetched: n.Fetched, source: source}
	body, err := file(h.Path).Fetch(noContext, "")
	if err != nil {
		r := *refusal(noContext, err)
		r.Digest = n.Digest
		return nil, &r
	}
	if body.Version != n.Digest {
		return nil, &Refusal{Word: Altered, Digest: n.Digest, Detail: h.Path + " is not what was kept; it was changed, or the disk lost it. Remove the directory to begin anew"}
	}
	h.Size = len(body.Body)
	return h, nil
}

// Stage writes a fetched bundle beside the good one.
func (s Store) Stage(f *Fetched, source string, now time.Time) (*Held, error) {
	h := &Held{Digest: digest(f.Body), Version: f.Version, Fetched: now.UTC(), Size: len(f.Body), source: source}
	h.Path = s.path(h.Digest)
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	if old, err := os.ReadFile(h.Path); err == nil && bytes.Equal(old, f.Body) {
		return h, nil
	}
	return h, writeFile(h.Path, f.Body)
}

// past is what superseded.json holds: bundles of a source that served, and do not
// any more.
type past struct {
	Digests []string `json:"digests"` // in the order in which they were taken out
	Source  string   `json:"source"`
}

// past gives the bundles of a source that have been superseded.
func (s Store) past(source string) (past, error) {
	p := past{Source: digest([]byte(source))}
	b, err := os.ReadFile(filepath.Join(s.Dir, pastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	var old past
	if len(b) > pastLimit || json.Unmarshal(b, &old) != nil {
		return p, refuse(Altered, "%s cannot be read, so it is not known whether a bundle is an old one; remove the file to begin anew", filepath.Join(s.Dir, pastFile))
	}
	if old.Source != p.Source {
		return p, nil
	}
	return old, nil
}

// Superseded gives the digests of the bundles of a source that served before the
// good one, the latest last.
func (s Store) Superseded(source string) ([]string, error) {
	p, err := s.past(source)
	return p.Digests, err
}

// Permit lets one superseded bundle come back, once. It is for another process than
// the one that uses the store.
func (s Store) Permit(digest string) error {
	if !digestForm.MatchString(digest) {
		return errors.New("a bundle is named by sha256: and 64 hex digits")
	}
	return writeFile(filepath.Join(s.Dir, leaveFile), []byte(digest))
}

// permitted reports whether a superseded bundle may come back.
func (s Store) permitted(digest string) bool {
	b, err := os.ReadFile(filepath.Join(s.Dir, leaveFile))
	return err == nil && string(bytes.TrimSpace(b)) == digest
}

// fresh refuses a bundle that was superseded: whoever controls a source could bring
// back a former version that is rightly signed.
func (s Store) fresh(source, digest string) error {
	p, err := s.past(source)
	if err != nil {
		return err
	}
	if !slices.Contains(p.Digests, digest) || s.permitted(digest) {
		return nil
	}
	return refuse(Superseded, "it served before and another one has taken its place. Publish it anew, under a new signature or manifest, or let it come back: ostiary policy rollback --config FILE --bundle %s", digest)
}

// supersede notes that one bundle takes the place of another. It does nothing
// where they are the same.
func (s Store) supersede(next *Held) error {
	good, err := s.Good(next.source)
	if err != nil || good.Digest == next.Digest {
		return nil // nothing to keep from coming back, or not known what
	}
	p, err := s.past(next.source)
	if err != nil {
		return err
	}
	p.Digests = slices.DeleteFunc(p.Digests, func(d string) bool { return d == next.Digest || d == good.Digest })
	p.Digests = append(p.Digests, good.Digest)
	if n := len(p.Digests) - pastMost; n > 0 {
		p.Digests = p.Digests[n:]
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(s.Dir, pastFile), b)
}

// Keep makes a staged bundle the good one, in one step, and removes the others. The
// one that was good before is superseded.
func (s Store) Keep(h *Held) error {
	if err := s.supersede(h); err != nil {
		return err
	}
	b, err := json.Marshal(note{Digest: h.Digest, Fetched: h.Fetched, Source: digest([]byte(h.source)), Version: h.Version})
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(s.Dir, noteFile), b); err != nil {
		return err
	}
	if s.permitted(h.Digest) {
		_ = os.Remove(filepath.Join(s.Dir, leaveFile)) // it came back; once more takes another word
	}
	s.sweep(h.Digest)
	return nil
}

// Drop removes a staged bundle that was refused, unless it is the good one.
func (s Store) Drop(h *Held) {
	if good, err := s.Good(h.source); err == nil && good.Digest == h.Digest {
		return
	}
	_ = os.Remove(h.Path)
}

// sweep removes what is not the good bundle. What cannot be removed stays, and
// harms nothing: only the note says what is good.
func (s Store) sweep(good string) {
	list, err := os.ReadDir(s.Dir)
	if err != nil {
		return
	}
	for _, e := range list {
		name := e.Name()
		if name != noteFile && filepath.Join(s.Dir, name) != s.path(good) && (strings.HasSuffix(name, packed) || strings.HasSuffix(name, staging)) {
			_ = os.Remove(filepath.Join(s.Dir, name))
		}
	}
}

// staging ends the names of files that are being written.
const staging = ".part"

// writeFile writes a file that is there whole or not at all, also after a power
// failure.
func writeFile(name string, b []byte) error {
	f, err := os.OpenFile(name+staging, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(name+staging, name)
	}
	if err != nil {
		_ = os.Remove(name + staging)
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
