package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/vault"
)

// clock is a time that tests move.
type clock struct{ unix atomic.Int64 }

func (c *clock) now() time.Time        { return time.Unix(c.unix.Load(), 0) }
func (c *clock) add(d time.Duration)   { c.unix.Add(int64(d / time.Second)) }
func (c *clock) set(t time.Time)       { c.unix.Store(t.Unix()) }
func (c *clock) epoch() int            { return vault.Epoch(c.now()) }
func (c *clock) key(dir string) string { return keyFile(dir, c.epoch()) }
func keyFile(dir string, e int) string {
	return filepath.Join(dir, "fingerprint", strconv.Itoa(e)+".key")
}
func atNoon(year, month, day int) *clock {
	c := &clock{}
	c.set(time.Date(year, time.Month(month), day, 12, 0, 0, 0, time.UTC))
	return c
}

func open(t testing.TB, dir string, c *clock) *vault.Keyring {
	t.Helper()
	k, err := vault.OpenKeyring(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// subject gives a fingerprint, to see which key is in use.
func subject(k *vault.Keyring) string { return (&vault.Sealer{Keys: k}).Subject("jane") }

func TestEpochs(t *testing.T) {
	for _, c := range []struct {
		unix int64
		want int
	}{{-1, 0}, {0, 0}, {30*86400 - 1, 0}, {30 * 86400, 1}, {1795608000, 692}} {
		if got := vault.Epoch(time.Unix(c.unix, 0)); got != c.want {
			t.Errorf("%d is in epoch %d, want %d", c.unix, got, c.want)
		}
	}
	if b := vault.EpochBegin(692); vault.Epoch(b) != 692 || vault.Epoch(b.Add(-time.Second)) != 691 {
		t.Errorf("epoch 692 begins at %v", b)
	}
}

func TestKeysAreMadeOnDemandAndKept(t *testing.T) {
	dir, c := filepath.Join(t.TempDir(), "keys"), atNoon(2026, 11, 24)
	k := open(t, dir, c)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("opening made a directory")
	}
	first := subject(k)
	if !strings.HasPrefix(first, "fp:SUBJECT:"+strconv.Itoa(c.epoch())+":") {
		t.Fatalf("%q", first)
	}
	for name, want := range map[string]os.FileMode{filepath.Join(dir, "fingerprint"): 0o700, c.key(dir): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want mode %o", filepath.Base(name), info.Mode(), err, want)
		}
	}
	if b, _ := os.ReadFile(c.key(dir)); len(b) != 32 || bytes.Equal(b, make([]byte, 32)) {
		t.Errorf("a key of %d bytes", len(b))
	}
	if names, _ := os.ReadDir(filepath.Join(dir, "fingerprint")); len(names) != 1 {
		t.Errorf("%d files are left, want the key alone", len(names))
	}
	if again := subject(open(t, dir, c)); again != first {
		t.Error("a restart has another key")
	}
	c.add(30 * 24 * time.Hour)
	second := subject(k)
	if strings.SplitN(second, ":", 4)[3] == strings.SplitN(first, ":", 4)[3] || !strings.Contains(second, strconv.Itoa(c.epoch())) {
		t.Error("the next epoch has the same key")
	}
	got, err := k.Epochs()
	if d := cmp.Diff([]int{c.epoch() - 1, c.epoch()}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	hash, err := k.Hash(vault.TypeSubject, "jane")
	if d := cmp.Diff([]string{first, second}, hash); err != nil || d != "" {
		t.Error(err, d)
	}
	c.add(-30 * 24 * time.Hour) // the clock was wrong
	if subject(k) != first {
		t.Error("a clock that was put back does not find its epoch's key")
	}
	if k.Err() != nil {
		t.Error(k.Err())
	}
}

func TestPrepareFailsWhereNoKeyCanBeMade(t *testing.T) {
	c := atNoon(2026, 11, 24)
	dir := t.TempDir()
	k := open(t, dir, c)
	if err := k.Prepare(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		make func(dir string)
		want string
	}{
		{"a key that was cut", func(dir string) { write(t, atNoon(2026, 11, 24).key(dir), []byte("short")) }, "restore it"},
		{"a key that others may read", func(dir string) {
			write(t, atNoon(2026, 11, 24).key(dir), make([]byte, 32))
			if err := os.Chmod(atNoon(2026, 11, 24).key(dir), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "chmod 600"},
		{"a directory in the key's place", func(dir string) {
			if err := os.MkdirAll(atNoon(2026, 11, 24).key(dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "epoch 692"},
	} {
		dir := t.TempDir()
		c.make(dir)
		k := open(t, dir, atNoon(2026, 11, 24))
		if err := k.Prepare(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if subject(k) != "" {
			t.Errorf("%s: a fingerprint was made", c.name)
		}
		if _, err := k.Hash(vault.TypeSubject, "jane"); err == nil {
			t.Errorf("%s: a part of the answer is given for the whole", c.name)
		}
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenKeyringRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "fingerprint"), nil)
	if _, err := vault.OpenKeyring(dir, nil); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Error(err)
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "fingerprint"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.OpenKeyring(dir, nil); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Error(err)
	}
	dir = t.TempDir()
	for e := range 1201 {
		write(t, keyFile(dir, e), make([]byte, 32))
	}
	if _, err := vault.OpenKeyring(dir, nil); err == nil || !strings.Contains(err.Error(), "retire") {
		t.Error(err)
	}
}

func TestOtherFilesAreNoEpochs(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	for _, name := range []string{"x.key", "-1.key", "007.key", "+7.key", "7.key.bak", ".123.new", ".key", "99999999999999999999.key"} {
		write(t, filepath.Join(dir, "fingerprint", name), make([]byte, 32))
	}
	if got, err := open(t, dir, c).Epochs(); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func TestRetire(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 1, 1)
	k := open(t, dir, c)
	var made []int
	for range 4 {
		subject(k)
		made = append(made, c.epoch())
		c.add(30 * 24 * time.Hour)
	}
	now := subject(k)
	if err := k.Retire(made[1]); err != nil {
		t.Fatal(err)
	}
	if err := k.Retire(made[1]); !errors.Is(err, vault.ErrNoEpoch) {
		t.Error(err)
	}
	hash, err := k.Hash(vault.TypeSubject, "jane")
	if err != nil || len(hash) != 4 || slices.ContainsFunc(hash, func(s string) bool { return strings.Contains(s, ":"+strconv.Itoa(made[1])+":") }) {
		t.Errorf("%v %v", hash, err)
	}
	// Up to a moment before the end of made[2]: that one stays.
	got, err := k.RetireBefore(vault.EpochBegin(made[3]).Add(-time.Second))
	if d := cmp.Diff([]int{made[0]}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	got, err = k.RetireBefore(vault.EpochBegin(made[3]))
	if d := cmp.Diff([]int{made[2]}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	// The present one too: what comes has another key under the same number.
	if err := k.Retire(c.epoch()); err != nil {
		t.Fatal(err)
	}
	if after := subject(k); after == now || after == "" {
		t.Error("a retired key is in use")
	}
}

// What another process retired is not in use for longer than a minute.
func TestRetiredElsewhere(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	daemon, command := open(t, dir, c), open(t, dir, c)
	before := subject(daemon)
	if err := command.Retire(c.epoch()); err != nil {
		t.Fatal(err)
	}
	c.add(61 * time.Second)
	if after := subject(daemon); after == before || after == "" {
		t.Error("a key that was retired is in use")
	}
}

// Where the key of a new epoch cannot be made, the last one goes on, and says so.
func TestTheLastKeyGoesOn(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	k := open(t, dir, c)
	before := subject(k)
	c.add(30 * 24 * time.Hour)
	if err := os.MkdirAll(c.key(dir), 0o700); err != nil { // it cannot be read, nor made
		t.Fatal(err)
	}
	if after := subject(k); after != before {
		t.Errorf("%q is not found under the last epoch's number", after)
	}
	if k.Err() == nil {
		t.Error("nobody is told")
	}
	if fresh := subject(open(t, dir, c)); fresh != before {
		t.Error("a restart does not find the last key")
	}
	// That of an epoch that was retired does not.
	if err := k.Retire(c.epoch() - 1); err != nil {
		t.Fatal(err)
	}
	if subject(k) != "" {
		t.Error("a retired key is in use")
	}
	if err := os.Remove(c.key(dir)); err != nil {
		t.Fatal(err)
	}
	c.add(61 * time.Second)
	if after := subject(k); after == "" || !strings.Contains(after, strconv.Itoa(c.epoch())) || k.Err() != nil {
		t.Errorf("mended: %q %v", after, k.Err())
	}
}

// A hundred keyrings that begin at once, as of processes, agree on one key.
func TestOneKeyOfManyMakers(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	var wg sync.WaitGroup
	got := make([]string, 100)
	for i := range got {
		k := open(t, dir, c)
		wg.Add(2)
		go func() { defer wg.Done(); got[i] = subject(k) }()
		go func() { defer wg.Done(); subject(k); _, _ = k.Hash(vault.TypeSubject, "jane"); _ = k.Err() }()
	}
	wg.Wait()
	slices.Sort(got)
	if one := slices.Compact(got); len(one) != 1 || one[0] == "" {
		t.Errorf("%d different fingerprints", len(one))
	}
	if names, _ := os.ReadDir(filepath.Join(dir, "fingerprint")); len(names) != 1 {
		t.Errorf("%d files are left", len(names))
	}
}

func TestUseWhileRetiring(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	k := open(t, dir, c)
	s := &vault.Sealer{Keys: k}
	segments := []proxy.Segment{{Text: proxy.NewText("hello"), Role: proxy.RoleUser}}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if s.Conversation(segments) == "" {
					t.Error("no key")
				}
				c.add(time.Second)
			}
		})
		wg.Go(func() {
			for range 50 {
				if err := k.Retire(c.epoch()); err != nil && !errors.Is(err, vault.ErrNoEpoch) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
