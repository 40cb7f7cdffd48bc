package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// log makes a log in memory.
func log(seed uint64, n, segment int) (*memory, []*proxy.Event) {
	d := newDice(seed)
	m := &memory{origin: "test.example/log"}
	var events []*proxy.Event
	for range n {
		events = append(events, d.event())
	}
	m.add(segment, events...)
	return m, events
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The same records give the same files, however the index came to them.
func TestFilesAreDerived(t *testing.T) {
	m, _ := log(100, 1000, 170)
	a, b := t.TempDir(), t.TempDir()
	opened(t, a, m, Options{})
	x := opened(t, b, &memory{origin: m.origin, ends: m.ends[:1], rows: m.rows[:200]}, Options{})
	x.source = m
	for i := 200; i < len(m.rows); i++ {
		if err := x.Add(int64(i), m.rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	list := files(t, a)
	if len(list) != 5 || len(files(t, b)) != 5 {
		t.Fatalf("%d and %d files", len(list), len(files(t, b)))
	}
	for _, name := range list {
		one, err1 := os.ReadFile(name)
		two, err2 := os.ReadFile(filepath.Join(b, Dir, filepath.Base(name)))
		if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Errorf("%s differs: %v %v", filepath.Base(name), err1, err2)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != fileMode {
			t.Errorf("%s: mode %v %v", name, info.Mode(), err)
		}
	}
	if s := opened(t, a, m, Options{}).Stats(); s.Size != 1000 || s.Segments != 5 || s.First != 0 || s.Bytes == 0 || s.Origin != m.origin {
		t.Errorf("%+v", s)
	}
}

// A file that was altered in any byte, cut off, removed or taken from elsewhere
// changes no answer, whether that comes out on opening or on asking; it is made
// anew.
func TestDamagedFiles(t *testing.T) {
	m, events := log(101, 400, 120)
	dir := t.TempDir()
	opened(t, dir, m, Options{})
	list := files(t, dir)
	whole := make(map[string][]byte)
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole[name] = b
	}
	s := scan(events)
	d := newDice(102)
	ctx := context.Background()
	check := func(what, name string, b []byte) {
		t.Helper()
		for _, late := range []bool{false, true} {
			x := opened(t, dir, m, Options{})
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if !late {
				x = opened(t, dir, m, Options{})
			}
			for range 3 {
				terms, text, lo, hi := d.query(s)
				q := parse(t, text)
				want := s.found(terms, lo, hi, len(events))
				if n, err := x.Count(ctx, q); err != nil || n != int64(len(want)) {
					t.Fatalf("%s, late %t: %s: %d %v, not %d", what, late, text, n, err, len(want))
				}
			}
			// Asking for everything leaves no damage.
			for _, f := range fields() {
				if _, err := x.Count(ctx, parse(t, f.name+map[bool]string{true: ":>=1970-01-01", false: ":*"}[f.class == classTime])); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			if _, err := x.Facets(ctx, parse(t, "app:billing"), nil, 0); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if _, err := x.Lookup(ctx, events[7].ID); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			opened(t, dir, m, Options{})
			if err := os.WriteFile(name, whole[name], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	name := list[1]
	for range 60 {
		b := slices.Clone(whole[name])
		at := d.IntN(len(b))
		b[at] ^= 1 << d.IntN(8)
		check(fmt.Sprintf("bit at %d of %d", at, len(b)), name, b)
	}
	for _, n := range []int{0, 5, prefixSize, 400, len(whole[name]) - 1} {
		check(fmt.Sprintf("cut off at %d", n), name, whole[name][:n])
	}
	check("of another segment", name, whole[list[0]])
	check("longer", name, append(slices.Clone(whole[name]), 0))

	// A file that is gone, and one whose directory cannot be written to.
	x := opened(t, dir, m, Options{})
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if n, err := x.Count(ctx, parse(t, "app:* team:*")); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, whole[name]) {
		t.Error("the file was not made anew")
	}
}

// Reindex makes anew what no checksum can find fault with.
func TestReindex(t *testing.T) {
	m, _ := log(103, 500, 150)
	dir := t.TempDir()
	opened(t, dir, m, Options{})
	other, _ := log(104, 500, 150)
	lies := t.TempDir()
	opened(t, lies, other, Options{})
	name := filepath.Join(dir, Dir, fileName(1))
	right, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(lies, Dir, fileName(1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	x := opened(t, dir, m, Options{})
	if err := x.Reindex(context.Background()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, right) {
		t.Error("the file is still that of another log", err)
	}
}

// Check names the files that are not what the records give, and no others, also
// where records were removed.
func TestCheck(t *testing.T) {
	m, _ := log(113, 1000, 150)
	dir := t.TempDir()
	x := opened(t, dir, m, Options{})
	ctx := context.Background()
	check := func(want ...int64) {
		t.Helper()
		if got, err := Check(ctx, dir, m); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %v, not %v", got, err, want)
		}
	}
	check()
	far := 0
	for _, r := range x.runs {
		far += len(r.tables[shapeOutcome].far)
	}
	if far == 0 {
		t.Fatal("no outcome is in another segment than its decision")
	}
	other, _ := log(114, 1000, 150)
	lies := t.TempDir()
	opened(t, lies, other, Options{})
	b, err := os.ReadFile(filepath.Join(lies, Dir, fileName(3)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, Dir, fileName(3)), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, Dir, fileName(5))); err != nil {
		t.Fatal(err)
	}
	check(3, 5)
	if err := opened(t, dir, m, Options{}).Reindex(ctx); err != nil {
		t.Fatal(err)
	}
	check()
	m.mu.Lock()
	m.first = m.ends[1]
	m.mu.Unlock()
	check()
}

// Where files cannot be written the index is in memory, and says so.
func TestNoRoomForFiles(t *testing.T) {
	m, events := log(105, 500, 150)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, Dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var told []error
	x := opened(t, dir, m, Options{Failed: func(err error) { told = append(told, err) }})
	if len(told) != 3 {
		t.Errorf("told %d times", len(told))
	}
	if n, err := x.Count(context.Background(), &Query{}); err != nil || n != int64(len(events)) {
		t.Error(n, err)
	}
}

// Segments that were removed are forgotten, with their files, and what is left of a
// write that a crash cut off.
func TestRetention(t *testing.T) {
	m, events := log(106, 1000, 150)
	dir := t.TempDir()
	x := opened(t, dir, m, Options{})
	for name, age := range map[string]time.Duration{"123.new": 2 * staleAfter, "124.new": 0} {
		name = filepath.Join(dir, Dir, name)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	m.mu.Lock()
	m.first = m.ends[2]
	m.mu.Unlock()
	for name, x := range map[string]*Index{"known before": x, "opened after": nil} {
		if x == nil {
			x = opened(t, dir, m, Options{})
		} else if err := x.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		var want []int64
		for i := m.first; i < int64(len(events)); i++ {
			want = append(want, i)
		}
		if got := found(t, x, &Query{}, Page{Oldest: true}); !slices.Equal(got, want) {
			t.Errorf("%s: %d records from %d on, not %d", name, len(got), got[0], len(want))
		}
		if s := x.Stats(); s.First != m.first {
			t.Errorf("%s: %+v", name, s)
		}
		if _, err := x.Facets(context.Background(), parse(t, "sent:yes app:*"), nil, 0); err != nil {
			t.Error(name, err)
		}
	}
	if list := files(t, dir); len(list) != 4 { // and one that somebody may be writing
		t.Errorf("%d files are left: %q", len(list), list)
	}
}

// Records that are no events take up their index and are counted.
func TestUnreadable(t *testing.T) {
	m, _ := log(107, 100, 60)
	m.rows[3], m.rows[80] = []byte("{"), []byte(`{"decision":7}`)
	dir := t.TempDir()
	for range 2 { // from the records, from files
		x := opened(t, dir, m, Options{})
		if s := x.Stats(); s.Unreadable != 2 || s.Size != 100 {
			t.Errorf("%+v", s)
		}
		if n, err := x.Count(context.Background(), &Query{}); err != nil || n != 98 {
			t.Error(n, err)
		}
	}
}

func TestAddOutOfOrder(t *testing.T) {
	m, _ := log(108, 100, 60)
	x, err := Open(t.TempDir(), Options{Source: m})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Add(0, m.rows[0]); err != ErrBehind {
		t.Errorf("before the first Refresh: %v", err)
	}
	if err := x.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := x.Add(7, m.rows[7]); err != nil || x.Size() != 100 {
		t.Errorf("known: %v", err)
	}
	if err := x.Add(101, m.rows[7]); err != ErrBehind {
		t.Errorf("ahead: %v", err)
	}
	if err := x.Add(100, m.rows[7]); err != nil || x.Size() != 101 {
		t.Errorf("next: %v", err)
	}
}

// A filter of 10 bits per key says yes of less than 1 % of the keys that are not
// there, and of all that are.
func TestBloom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n, asked = 40_000, 200_000
	at := uint64(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).UnixMilli())
	next := func(i uint64) uint64 { return key{(at+i)<<16 | r.Uint64N(1<<16), r.Uint64()}.hash() }
	var hashes []uint64
	for i := range uint64(n) {
		hashes = append(hashes, next(i))
	}
	f := newBloom(hashes)
	if len(f)*64 > n*bloomBits+64 {
		t.Errorf("%d bits for %d keys", len(f)*64, n)
	}
	for _, h := range hashes {
		if !f.has(h) {
			t.Fatal("a key that is there is denied")
		}
	}
	wrong := 0
	for i := range uint64(asked) {
		if f.has(next(i)) {
			wrong++
		}
	}
	if rate := float64(wrong) / asked; rate > 0.01 {
		t.Errorf("%.2f %% of absent keys are let through", rate*100)
	}
	if bloom(nil).has(7) || newBloom(nil).has(7) {
		t.Error("an empty filter lets a key through")
	}
}

func TestKeys(t *testing.T) {
	d := newDice(109)
	for range 2000 {
		k := key{d.Uint64(), d.Uint64()}
		for _, field := range []int{keyID, keyTrace} {
			s := k.text(field)
			if got, ok := parseKey(field, []byte(s)); !ok || got != k {
				t.Fatalf("%s: %v, not %v", s, got, k)
			}
			for n := range len(s) + 1 {
				lo, hi, ok := keyRange(field, s[:n])
				if !ok || k.less(lo) || hi.less(k) || !strings.HasPrefix(hi.text(field), s[:n]) || lo != (key{}) && !strings.HasPrefix(lo.text(field), s[:n]) {
					t.Fatalf("%s: not in the range of its first %d letters", s, n)
				}
			}
		}
	}
	for _, s := range []string{"", "0", strings.Repeat("0", 26), "8" + strings.Repeat("0", 25), "01JDQ7ZK3M9V000000000000U0", "01jdq7zk3m9v00000000000000", strings.Repeat("1", 27)} {
		if _, ok := parseKey(keyID, []byte(s)); ok {
			t.Errorf("%s is a key", s)
		}
	}
}

func TestVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for round := range 300 {
		n := r.IntN(3000)
		width := 1 + r.IntN(64)
		lo := uint64(0)
		if width < 60 {
			lo = r.Uint64N(1<<40) >> r.IntN(41)
		}
		var v vector
		var want []uint64
		for i := range n {
			x := lo + r.Uint64()>>(64-width)
			if r.IntN(10) == 0 && round%2 == 0 {
				want = append(want, 0) // a row without a value
				continue
			}
			want = append(want, x)
			v.put(i, x)
		}
		b := packVector(nil, &v)
		got, ok := unpackVector(b, v.len())
		if !ok {
			t.Fatal("cannot be read back")
		}
		for i, x := range want {
			if v.at(i) != x || got.at(i) != x {
				t.Fatalf("%d: %d, %d, not %d", i, v.at(i), got.at(i), x)
			}
		}
		if last := v.len() - 1; last > 0 {
			sorted := v
			for i := range last + 1 {
				if i == 0 {
					sorted = vector{}
				}
				sorted.put(i, uint64(i*3))
			}
			for range 20 {
				n, row, x := r.IntN(last+2), r.IntN(last+2), r.Uint64N(uint64(last*3+5))
				if got, want := sorted.near(n, row, x), sorted.search(n, x); got != want {
					t.Fatalf("near %d: %d, not %d of %d", row, got, want, n)
				}
			}
		}
		if c := v.cut(n / 2); c.len() > n/2 || n > 1 && c.at(0) != want[0] {
			t.Fatal("cut")
		}
		if _, ok := unpackVector(append(b, 0), v.len()); ok {
			t.Fatal("longer than it is")
		}
		if len(b) > 0 {
			if _, ok := unpackVector(b[:len(b)-1], v.len()); ok {
				t.Fatal("shorter than it is")
			}
		}
	}
}

// Live: events are handed over by many hands while segments are sealed and
// questions asked; Tail gives each event once and in order.
func TestLive(t *testing.T) {
	m, events := log(110, 1500, 200)
	live := &memory{origin: m.origin}
	x, err := Open(t.TempDir(), Options{Source: live})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := x.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := x.Follow(ctx, false, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	s := scan(events)
	plain, joined := parse(t, "action:deny"), parse(t, "app:billing sent:(yes unknown)")
	tail := func(q *Query) <-chan int64 {
		out := make(chan int64, 10*len(events))
		wg.Go(func() {
			for r, err := range x.Tail(ctx, q, 0) {
				if err != nil {
					t.Error(err)
					return
				}
				out <- r.Index
			}
		})
		return out
	}
	tailed, answered := tail(plain), tail(joined)
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil && x.Size() < int64(len(events)) {
				for _, text := range []string{"app:billing", "app:billing sent:yes", ""} {
					if _, err := x.Facets(ctx, parse(t, text), nil, 3); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
				if _, err := x.Lookup(ctx, events[100].ID); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range events {
		live.add(200, events[i])
		if i%97 == 0 {
			continue // not handed over: Follow finds it
		}
		if err := x.Add(int64(i), live.rows[i]); err != nil && err != ErrBehind {
			t.Fatal(err)
		}
		if segments, _ := live.Segments(); i%50 == 0 && len(segments) > 1 {
			if err := x.Seal(segments[len(segments)-2]); err != nil {
				t.Fatal(err)
			}
		}
	}
	late := time.After(time.Minute)
	next := func(c <-chan int64) int {
		select {
		case i := <-c:
			return int(i)
		case <-late:
			t.Fatal("nothing more within a minute")
		}
		return 0
	}
	for _, i := range s.found([]plainTerm{{field: "action", words: []string{"deny"}}}, 0, 1<<62, len(events)) {
		if got := next(tailed); got != i {
			t.Fatalf("tail gave %d, not %d", got, i)
		}
	}
	left := map[int]bool{}
	want := s.found([]plainTerm{{field: "app", words: []string{"billing"}}, {field: "sent", words: []string{"yes", "unknown"}}}, 0, 1<<62, len(events))
	for _, i := range want {
		left[i] = true
	}
	for len(left) > 0 { // decisions with two outcomes are given twice
		i := next(answered)
		if !slices.Contains(want, i) {
			t.Fatalf("tail gave %d, which is not looked for", i)
		}
		delete(left, i)
	}
	stop()
	wg.Wait()
	if len(tailed) > 0 {
		t.Errorf("tail gave %d too", <-tailed)
	}
}

// The index of a real log: by its reader, while it is appended to and when closed.
func TestRealLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, err := audit.Open(dir, audit.Options{Segment: 256 << 10, Ahead: 1, Origin: "real.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ctx := context.Background()
	d := newDice(111)
	var events []*proxy.Event
	grow := func(n int) {
		for range n {
			e := d.event()
			e.Origin = "real.example/log"
			if err := l.Record(ctx, e); err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
	}
	grow(300)
	x, err := Open(dir, Options{Failed: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := x.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		compareLog(t, x, dir, events)
		grow(250)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := x.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	compareLog(t, x, dir, events)
	again, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	compareLog(t, again, dir, events)
	if s := again.Stats(); s.Segments == 0 {
		t.Errorf("no segment was sealed: %+v", s)
	}
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, audit.ErrNoLog) {
		t.Error(err)
	}
}

// compareLog finds events by what they are and reads them from the log. The log
// may hold events of its own.
func compareLog(t *testing.T, x *Index, dir string, events []*proxy.Event) {
	t.Helper()
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	size, err := r.Size()
	if err != nil || x.Size() != size || size < int64(len(events)) {
		t.Fatalf("%d of %d records are indexed: %v", x.Size(), size, err)
	}
	want := 0
	for _, e := range events {
		if e.Decision != nil && e.Decision.Action == proxy.Deny {
			want++
		}
	}
	found := found(t, x, parse(t, "action:deny"), Page{})
	if len(found) != want {
		t.Fatalf("%d found, not %d", len(found), want)
	}
	for _, i := range found[:5] {
		rec, err := r.At(i)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := rec.Event(); err != nil || e.Decision == nil || e.Decision.Action != proxy.Deny {
			t.Fatalf("record %d is not what was looked for: %v", i, err)
		}
	}
}

// Whatever the bytes of a file, opening it and asking it everything ends without a
// panic: with answers, or with the error that has it made anew.
func FuzzFile(f *testing.F) {
	m, _ := log(112, 60, 40)
	b := newBuilder(m.origin, 0, nil)
	var e entry
	for _, raw := range m.rows[:40] {
		if e.decode(raw) == nil {
			b.add(&e)
		}
	}
	whole := encode(pack(b.view()))
	head := int(whole[len(magic)]) | int(whole[len(magic)+1])<<8
	f.Add(whole[prefixSize:prefixSize+head], whole[prefixSize+head:])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, head, body []byte) {
		name := filepath.Join(dir, fmt.Sprint(os.Getpid(), ".cidx"))
		raw := append(append([]byte(magic), make([]byte, 8)...), head...)
		binary.LittleEndian.PutUint32(raw[len(magic):], uint32(len(head)))
		binary.LittleEndian.PutUint32(raw[len(magic)+4:], crc32.Checksum(head, castagnoli))
		raw = append(raw, body...)
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := openFile(name, newCache(1<<20))
		if err != nil {
			if !errors.Is(err, errFile) {
				t.Fatal(err)
			}
			return
		}
		// The columns of a file whose head was made up have made-up checksums: without
		// them, what is read is what the fuzzer wrote.
		r.pages.trusting = true
		s := &snapshot{runs: []*run{r}, links: make([][]link, 1)}
		linkRun(s.links, s.runs, 0, r)
		ask(t, s)
	})
}

// ask asks a snapshot what there is to ask.
func ask(t *testing.T, s *snapshot) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil && !errors.Is(err, errFile) {
			t.Fatal(err)
		}
	}
	var list []field
	for _, f := range fields() {
		if f.class == classText {
			list = append(list, f)
		}
	}
	for _, text := range []string{"", "app:b* -sent:yes", "id:* tokens:>5", "decision:* since:2026-02-26", "trace:*", "status:>=400"} {
		q := parse(t, text)
		k := newSearch(s, q, 0, s.size(), s.size())
		_, err := k.page(ctx, 10, true)
		fail(err)
		_, err = facets(ctx, k, list)
		fail(err)
	}
	_, err := s.lookup(ctx, "01JDQ7ZK3M9V0000000000000A")
	fail(err)
}
