package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// machine is a computer with a disk that can fail. What a process writes is seen
// at once by every process (it is really written, below root) and is on the disk
// only once it was synchronised. It implements fileSystem.
type machine struct {
	root string

	mu      sync.Mutex
	ops     int
	fault   fault
	crashed bool
	live    map[string]*inode // by name, as processes see it; nil for a directory
	disk    map[string]*inode // by name, as it is after a power failure
	keys    string            // directory that is real: names below it are not modelled
}

// inode is a file: what of it is on the disk, and what was written since.
type inode struct {
	synced  []byte
	pending []pendingWrite
}

type pendingWrite struct {
	offset int64
	data   []byte
}

// fault says what goes wrong at which operation.
type fault struct {
	at   int // operation, counted from 1; 0 for never
	kind faultKind
}

type faultKind int

const (
	kill     faultKind = iota // the process ends
	failIO                    // EIO, once
	failRoom                  // ENOSPC, once
	failHalf                  // half of a write is done; other operations fail with EIO
)

var errKilled = errors.New("the process has ended")

func newMachine(root, keys string) *machine {
	return &machine{root: root, keys: keys, live: map[string]*inode{}, disk: map[string]*inode{}}
}

// begin counts an operation and gives its fault.
func (m *machine) begin(write bool) (error, bool) {
	if m.crashed {
		return errKilled, false
	}
	m.ops++
	if m.fault.at == 0 || m.ops != m.fault.at {
		return nil, false
	}
	switch m.fault.kind {
	case kill:
		m.crashed = true
		return errKilled, false
	case failRoom:
		return syscall.ENOSPC, false
	case failHalf:
		if write {
			return nil, true
		}
	}
	return syscall.EIO, false
}

func (m *machine) modelled(name string) bool { return !strings.HasPrefix(name, m.keys) }

func (m *machine) Create(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err, _ := m.begin(false); err != nil {
		return nil, err
	}
	f, err := disk{}.Create(name)
	if err != nil {
		return nil, err
	}
	for d := filepath.Dir(name); len(d) > len(m.root); d = filepath.Dir(d) {
		if _, ok := m.live[d]; !ok {
			m.live[d] = nil
		}
	}
	if m.live[name] == nil {
		m.live[name] = &inode{}
	}
	return &machineFile{m, f, m.live[name]}, nil
}

func (m *machine) Rename(old, new string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err, _ := m.begin(false); err != nil {
		return err
	}
	m.live[new] = m.live[old]
	delete(m.live, old)
	return os.Rename(old, new)
}

func (m *machine) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err, _ := m.begin(false); err != nil {
		return err
	}
	delete(m.live, name)
	return os.Remove(name)
}

func (m *machine) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err, _ := m.begin(false); err != nil {
		return err
	}
	for n := range m.disk {
		if filepath.Dir(n) == name {
			delete(m.disk, n)
		}
	}
	for n, i := range m.live {
		if filepath.Dir(n) == name {
			m.disk[n] = i
		}
	}
	return nil
}

type machineFile struct {
	m *machine
	file
	inode *inode
}

func (f *machineFile) WriteAt(b []byte, offset int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	err, half := f.m.begin(true)
	if err != nil {
		return 0, err
	}
	if half {
		b = b[:len(b)/2]
	}
	n, err := f.file.WriteAt(b, offset)
	f.inode.pending = append(f.inode.pending, pendingWrite{offset, slices.Clone(b)})
	if half && err == nil {
		err = syscall.EIO
	}
	return n, err
}

// Sync moves what was written to the disk. When it fails, the machine does as
// Linux: it forgets that anything was to be written, and the next Sync succeeds.
func (f *machineFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	err, _ := f.m.begin(false)
	if f.m.crashed {
		return err
	}
	if err == nil {
		for _, w := range f.inode.pending {
			f.inode.synced = w.apply(f.inode.synced)
		}
	}
	f.inode.pending = nil
	return err
}

func (w pendingWrite) apply(b []byte) []byte {
	if need := int(w.offset) + len(w.data) - len(b); need > 0 {
		b = append(b, make([]byte, need)...)
	}
	copy(b[w.offset:], w.data)
	return b
}

func (f *machineFile) Allocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err, _ := f.m.begin(false); err != nil {
		return err
	}
	if int64(len(f.inode.synced)) < size {
		f.inode.pending = append(f.inode.pending, pendingWrite{size, nil})
	}
	return f.file.Allocate(size)
}

func (f *machineFile) Close() error { return f.file.Close() }

// powerFailure gives the directory as the disk holds it. Of what was not
// synchronised, some sectors may have been written all the same: pick decides.
func (m *machine) powerFailure(t *testing.T, to string, pick func() bool) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	const sector = 512
	reached := func(name string) bool { // all directories above are on the disk
		for d := filepath.Dir(name); len(d) > len(m.root); d = filepath.Dir(d) {
			if _, ok := m.disk[d]; !ok {
				return false
			}
		}
		return true
	}
	must(t, os.MkdirAll(to, 0o700))
	for name, i := range m.disk {
		if !m.modelled(name) || !reached(name) || i == nil {
			continue
		}
		b := slices.Clone(i.synced)
		for _, w := range i.pending {
			if w.data == nil && pick() {
				b = w.apply(b)
			}
			for at := 0; at < len(w.data); at += sector {
				if pick() {
					b = pendingWrite{w.offset + int64(at), w.data[at:min(at+sector, len(w.data))]}.apply(b)
				}
			}
		}
		out := filepath.Join(to, strings.TrimPrefix(name, m.root))
		must(t, os.MkdirAll(filepath.Dir(out), 0o700))
		must(t, os.WriteFile(out, b, 0o600))
	}
}

// memory is a disk that is not waited for: no test that uses it loses its power.
type memory struct{ disk }

func (memory) Create(name string) (file, error) {
	f, err := disk{}.Create(name)
	if err != nil {
		return nil, err
	}
	return memoryFile{f}, nil
}

func (memory) SyncDir(string) error { return nil }

type memoryFile struct{ file }

func (memoryFile) Sync() error { return nil }

// copyTree copies the directory as processes see it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.CopyFS(to, os.DirFS(from)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// work is what the process under test does: records in three segments, with
// checkpoints between.
type work struct {
	acked     []int
	submitted int
}

func (w *work) big(n int) *proxy.Event {
	ev := small(n)
	ev.Admin.Detail = strings.Repeat(string(rune('a'+n%26)), 42_000+n)
	ev.Personal = &proxy.PersonalRecord{Subject: testID(n)}
	return ev
}

func (w *work) do(l *Log, n int) {
	for range n {
		i := w.submitted
		w.submitted++
		if l.Record(context.Background(), w.big(i), small(i)) == nil {
			w.acked = append(w.acked, i)
		}
		if i%3 == 2 {
			_ = l.notary.run()
		}
		if i%7 == 6 {
			_ = l.Seal(context.Background())
		}
	}
}

// check opens the log of a machine that is whole again. Whatever was acknowledged
// is there, nothing is there that was not submitted, nothing is there twice, and
// the log goes on and verifies.
func (w *work) check(t *testing.T, dir string, o Options) {
	t.Helper()
	// Several futures of one machine are tried: each with keys of its own.
	own := filepath.Join(t.TempDir(), "keys")
	if _, err := os.Stat(o.KeyDir); err == nil {
		copyTree(t, o.KeyDir, own)
		must(t, os.Chmod(filepath.Join(own, keyFile), 0o600))
	}
	o.fs, o.KeyDir = memory{}, own
	l, err := Open(dir, o)
	if err != nil {
		t.Fatalf("recovery: %v", err)
	}
	defer l.Close()
	recovered := map[string]int{}
	enc := newEncoder()
	last := -1
	for _, r := range with(t, dir) {
		ev, err := r.Event()
		must(t, err)
		var n int
		for n = range w.submitted {
			if testID(n) == ev.ID {
				break
			}
		}
		want := small(n)
		if ev.Admin.Detail != "" {
			want = w.big(n)
		}
		want.Origin, want.Personal = ev.Origin, ev.Personal
		p, err := r.OpenPersonal()
		if err != nil || (p != nil) != (ev.Personal != nil) || p != nil && p.Subject != testID(n) {
			t.Fatalf("record %d: its personal part is %+v (%v)", r.Index, p, err)
		}
		b, err := enc.encode(want)
		must(t, err)
		if string(b) != string(r.JSON) {
			t.Fatalf("record %d was not submitted", r.Index)
		}
		if n < last {
			t.Fatalf("record %d is out of order", r.Index)
		}
		last = n
		recovered[fmt.Sprint(n, ev.Admin.Detail != "")]++
	}
	for _, n := range w.acked {
		for _, big := range []bool{true, false} {
			if recovered[fmt.Sprint(n, big)] != 1 {
				t.Fatalf("event %d was acknowledged and is there %d times", n, recovered[fmt.Sprint(n, big)])
			}
		}
	}
	for k, n := range recovered {
		if n != 1 {
			t.Fatalf("event %s is there %d times", k, n)
		}
	}
	record(t, l, small(w.submitted))
	must(t, l.Close())
	v, err := Trusted(o.KeyDir, dir)
	must(t, err)
	r, err := Verify(dir, v)
	if err != nil || r.Answer != Good {
		t.Fatalf("verify: %+v (%v)", r, err)
	}
}

// ends are the ways in which what was not synchronised may be found afterwards.
func ends(seed uint64) map[string]func(*testing.T, *machine, string) {
	rng := rand.New(rand.NewPCG(seed, 17))
	return map[string]func(*testing.T, *machine, string){
		"process killed":   func(t *testing.T, m *machine, to string) { copyTree(t, m.root, to) },
		"unsynced dropped": func(t *testing.T, m *machine, to string) { m.powerFailure(t, to, func() bool { return false }) },
		"unsynced kept":    func(t *testing.T, m *machine, to string) { m.powerFailure(t, to, func() bool { return true }) },
		"unsynced in tatters": func(t *testing.T, m *machine, to string) {
			m.powerFailure(t, to, func() bool { return rng.IntN(2) == 0 })
		},
	}
}

// faultStride is 1 where every operation is made to fail, which takes a minute.
func faultStride() int {
	if os.Getenv("OSTIARY_FAULTS") == "all" {
		return 1
	}
	return 17
}

// At every operation, every fault: no acknowledged event is lost, none is
// invented. Without OSTIARY_FAULTS=all each run tries every 17th operation,
// from another one for each fault.
func TestFaultAtEveryOperation(t *testing.T) {
	start := func(t *testing.T, f fault) (*machine, Options, *work, bool) {
		base := t.TempDir()
		keys := filepath.Join(base, "keys")
		m := newMachine(filepath.Join(base, "log"), keys)
		m.fault = f
		o := quiet()
		o.KeyDir, o.fs = keys, m
		w := &work{}
		l, err := Open(m.root, o)
		if err != nil {
			return m, o, w, false
		}
		w.do(l, 14)
		_ = l.Close()
		return m, o, w, true
	}
	clean, _, w, _ := start(t, fault{})
	if len(w.acked) != 14 {
		t.Fatalf("%d of 14 acknowledged without a fault", len(w.acked))
	}
	total := clean.ops
	stride := faultStride()
	tried := 0
	for offset, kind := range []faultKind{kill, failIO, failRoom, failHalf} {
		for at := 1 + offset; at <= total; at += stride {
			m, o, w, opened := start(t, fault{at, kind})
			tried++
			for end, find := range ends(uint64(at)) {
				dir := filepath.Join(t.TempDir(), "log")
				find(t, m, dir)
				t.Run(fmt.Sprintf("%d of kind %d, %s", at, kind, end), func(t *testing.T) {
					if !opened && len(w.acked) > 0 {
						t.Fatal("acknowledged by a log that did not open")
					}
					w.check(t, dir, o)
				})
				must(t, os.RemoveAll(dir))
			}
			if kind == kill {
				continue
			}
			// The process starts anew on the same machine, whose kernel takes for
			// written what it could not write; then the power fails.
			m.fault = fault{}
			l, err := Open(m.root, o)
			if err != nil {
				t.Fatalf("operation %d of kind %d: second start: %v", at, kind, err)
			}
			w.do(l, 3)
			m.mu.Lock()
			m.crashed = true
			m.mu.Unlock()
			_ = l.Close()
			dir := filepath.Join(t.TempDir(), "log")
			m.powerFailure(t, dir, func() bool { return false })
			t.Run(fmt.Sprintf("%d of kind %d, started anew", at, kind), func(t *testing.T) { w.check(t, dir, o) })
			must(t, os.RemoveAll(m.root))
		}
	}
	t.Logf("%d operations, %d faults", total, tried)
}

// A crash during recovery is as good as any other.
func TestCrashDuringRecovery(t *testing.T) {
	base := t.TempDir()
	keys := filepath.Join(base, "keys")
	m := newMachine(filepath.Join(base, "log"), keys)
	o := quiet()
	o.KeyDir, o.fs = keys, m
	w := &work{}
	l, err := Open(m.root, o)
	must(t, err)
	w.do(l, 11)
	m.mu.Lock()
	m.crashed = true
	m.mu.Unlock()
	_ = l.Close()
	for at := 1; ; at++ {
		m.mu.Lock()
		m.crashed, m.ops, m.fault = false, 0, fault{at, kill}
		m.mu.Unlock()
		l, err := Open(m.root, o)
		if err == nil {
			m.mu.Lock()
			m.crashed = true
			m.mu.Unlock()
			_ = l.Close()
		}
		for _, find := range ends(uint64(at)) {
			dir := filepath.Join(t.TempDir(), "log")
			find(t, m, dir)
			w.check(t, dir, o)
		}
		if err == nil {
			if at < 5 {
				t.Fatalf("recovery has %d operations only", at)
			}
			return
		}
	}
}

// After a failed write the log is failed: it says so at once, tells its operator
// once, and does not touch the file again.
func TestFailedLogStaysFailed(t *testing.T) {
	base := t.TempDir()
	m := newMachine(filepath.Join(base, "log"), filepath.Join(base, "keys"))
	o := quiet()
	o.KeyDir, o.fs = m.keys, m
	var alarms []error
	o.Alarm = func(err error) { alarms = append(alarms, err) }
	l, err := Open(m.root, o)
	must(t, err)
	record(t, l, small(0))
	settle(l)
	m.mu.Lock()
	m.fault = fault{m.ops + 2, failIO} // write, then Sync
	m.mu.Unlock()
	err = l.Record(context.Background(), small(1))
	if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) || proxy.KindOf(err) != proxy.Unrecorded {
		t.Fatalf("record: %v", err)
	}
	ops := m.ops
	for range 3 {
		if err := l.Record(context.Background(), small(2)); !errors.Is(err, ErrFailed) {
			t.Fatalf("record on a failed log: %v", err)
		}
	}
	if err := l.notary.run(); !errors.Is(err, ErrFailed) {
		t.Errorf("checkpoint of a failed log: %v", err)
	}
	if m.ops != ops {
		t.Errorf("%d operations on a failed log", m.ops-ops)
	}
	if len(alarms) != 1 || !errors.Is(alarms[0], ErrFailed) || !errors.Is(l.Failed(), ErrFailed) {
		t.Errorf("alarms: %v", alarms)
	}
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

// settle waits until the segment ahead is prepared, and leaves its zeros at that:
// from then on only the test touches the disk.
func settle(l *Log) {
	for ready := 0; ready < l.opt.Ahead; {
		l.spares.mu.Lock()
		ready = len(l.spares.ready)
		if ready == l.opt.Ahead {
			for _, s := range l.spares.ready {
				s.mu.Lock()
				s.taken = true
				s.mu.Unlock()
			}
		}
		l.spares.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// full is a machine whose disk has no room for segments while it is full.
type full struct {
	disk
	mu   sync.Mutex
	full bool
}

func (f *full) set(v bool) { f.mu.Lock(); f.full = v; f.mu.Unlock() }

func (f *full) Create(name string) (file, error) {
	inner, err := f.disk.Create(name)
	if err != nil {
		return nil, err
	}
	return fullFile{inner, f}, nil
}

type fullFile struct {
	file
	of *full
}

func (f fullFile) Allocate(size int64) error {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	if f.of.full {
		return syscall.ENOSPC
	}
	return f.file.Allocate(size)
}

// A full disk is seen before anything is acknowledged that has no room, and once
// there is room the log goes on by itself.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	disk := &full{}
	o := quiet()
	o.fs = disk
	alarm := make(chan error, 100)
	o.Alarm = func(err error) { alarm <- err }
	l := open(t, dir, o)
	disk.set(true)
	w := &work{}
	n := 0
	var refused error
	for ; refused == nil && n < 100; n++ {
		refused = l.Record(context.Background(), w.big(n))
	}
	if !errors.Is(refused, ErrNoSpace) || proxy.KindOf(refused) != proxy.Unrecorded {
		t.Fatalf("after %d events: %v", n, refused)
	}
	if err := <-alarm; !errors.Is(err, ErrNoSpace) {
		t.Errorf("alarm: %v", err)
	}
	if l.Failed() != nil {
		t.Errorf("a full disk is not a failure: %v", l.Failed())
	}
	disk.set(false)
	record(t, l, w.big(n))
	shut(t, l)
	got := records(t, dir)
	if len(got) != n { // n-1 that had room, and the last
		t.Errorf("%d records, want %d", len(got), n)
	}
}

func TestNewLogOnFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	d := &full{full: true}
	o := quiet()
	o.fs = d
	if _, err := Open(dir, o); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("open: %v", err)
	}
	d.set(false)
	l := open(t, dir, o)
	record(t, l, small(1))
	shut(t, l)
}

func TestDirectoryThatIsAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	must(t, os.WriteFile(dir, nil, 0o600))
	if _, err := Open(dir, quiet()); err == nil {
		t.Fatal("a file was opened as a log")
	}
}
