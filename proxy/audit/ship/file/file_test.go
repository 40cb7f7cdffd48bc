//go:build unix

package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/stores"
)

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) { return New(Options{Dir: args[0], Size: minSize}) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(err error) ship.Kind {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ship.KindNone
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	must(t, err)
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	slices.Sort(found)
	return found
}

// rows reads all lines of all files. It takes the indices from the order.
func rows(t testing.TB, dir string) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		for _, name := range names(t, dir) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			sc := bufio.NewScanner(bytes.NewReader(b))
			sc.Buffer(nil, 1<<20)
			for sc.Scan() {
				out = append(out, stores.Row{Index: int64(len(out)), Core: sc.Text()})
			}
		}
		return out, nil
	}
}

func TestEveryRecordIsOneLineThroughKills(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	stores.Prove(t, nil, rows(t, dir), dir)
	if n := names(t, dir); len(n) < 2 {
		t.Errorf("files %v", n)
	}
}

// A kill at each step, then the same batch again, as the shipper sends it.
func TestKilledAtEveryStep(t *testing.T) {
	rs := stores.Cores(t, t.TempDir(), 240)
	for n := 1; ; n++ {
		dir := t.TempDir()
		steps, killed := 0, false
		o := Options{Dir: dir, Size: minSize, step: func(string) {
			if steps++; steps == n {
				killed = true
				runtime.Goexit()
			}
		}}
		for at := 0; at < len(rs); {
			k, err := New(o)
			must(t, err)
			done := make(chan int)
			go func() {
				shipped := at
				defer func() { done <- shipped }()
				for shipped < len(rs) {
					if err := k.Ship(context.Background(), stores.Batch(rs[shipped:shipped+40])); err != nil {
						t.Error(err)
						return
					}
					shipped += 40
				}
			}()
			at = <-done
		}
		stores.Same(t, rs, rows(t, dir))
		if !killed {
			if n < 25 || len(names(t, dir)) < 2 {
				t.Errorf("only %d steps, files %v", n, names(t, dir))
			}
			return
		}
	}
}

func TestFilesEnd(t *testing.T) {
	rs := stores.Cores(t, t.TempDir(), 300)
	dir := t.TempDir()
	now := time.Unix(1000, 0)
	k, err := New(Options{Dir: dir, Size: minSize, Age: time.Hour, now: func() time.Time { return now }})
	must(t, err)
	defer k.Close()
	ctx := context.Background()
	must(t, k.Ship(ctx, stores.Batch(rs[:10])))
	now = now.Add(59 * time.Minute)
	must(t, k.Ship(ctx, stores.Batch(rs[10:20])))
	now = now.Add(time.Minute)
	must(t, k.Ship(ctx, stores.Batch(rs[20:30])))
	must(t, k.Ship(ctx, stores.Batch(rs[30:300]))) // larger than a file
	if got := strings.Join(names(t, dir), " "); got != "audit-00000000000000000000.jsonl audit-00000000000000000020.jsonl audit-00000000000000000030.jsonl" {
		t.Errorf("files %s", got)
	}
	stores.Same(t, rs, rows(t, dir))
	info, err := os.Stat(filepath.Join(dir, names(t, dir)[0]))
	if err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestWhatWasWrittenIsPassedOver(t *testing.T) {
	rs := stores.Cores(t, t.TempDir(), 30)
	dir := t.TempDir()
	ctx := context.Background()
	open := func() *Sink {
		k, err := New(Options{Dir: dir})
		must(t, err)
		return k
	}
	k := open()
	must(t, k.Ship(ctx, stores.Batch(rs[:10])))
	must(t, k.Ship(ctx, stores.Batch(rs[:10])))
	must(t, k.Ship(ctx, stores.Batch(rs[5:20])))
	must(t, k.Close())
	k = open()
	if n, err := k.Next(ctx, stores.Origin); err != nil || n != 20 {
		t.Error(n, err)
	}
	if _, err := k.Next(ctx, "other"); kind(err) != ship.Conflict {
		t.Error(err)
	}
	must(t, k.Ship(ctx, stores.Batch(rs[10:20])))
	must(t, k.Ship(ctx, stores.Batch(rs[20:])))
	stores.Same(t, rs, rows(t, dir))
	other := slices.Clone(rs)
	other[29].Core = []byte(`{}`)
	if err := k.Ship(ctx, stores.Batch(other[20:])); kind(err) != ship.Conflict {
		t.Error(err)
	}
	b := stores.Batch(rs[:10])
	b.Origin = "other"
	if err := k.Ship(ctx, b); kind(err) != ship.Conflict {
		t.Error(err)
	}
	if err := open().Ship(ctx, b); kind(err) != ship.Conflict {
		t.Error(err)
	}
}

// The file that was being written may be moved away; it is not gone on with.
func TestAFileThatWasMoved(t *testing.T) {
	rs := stores.Cores(t, t.TempDir(), 20)
	dir := t.TempDir()
	k, err := New(Options{Dir: dir})
	must(t, err)
	must(t, k.Ship(context.Background(), stores.Batch(rs[:10])))
	must(t, k.Close())
	must(t, os.Remove(filepath.Join(dir, names(t, dir)[0])))
	must(t, k.Ship(context.Background(), stores.Batch(rs[10:])))
	if got := names(t, dir); len(got) != 1 || got[0] != "audit-00000000000000000010.jsonl" {
		t.Errorf("files %v", got)
	}
}

func TestEncoder(t *testing.T) {
	rs := stores.Cores(t, t.TempDir(), 3)
	dir := t.TempDir()
	k, err := New(Options{Dir: dir, Name: "ocsf", Ext: "jsonl", Encode: func(core []byte) ([]byte, error) {
		switch {
		case bytes.Equal(core, rs[1].Core):
			return nil, errors.New("canary")
		case bytes.Equal(core, rs[2].Core):
			return []byte("a\nb\n"), nil
		}
		return []byte("line\n"), nil
	}})
	must(t, err)
	must(t, k.Ship(context.Background(), stores.Batch(rs[:1])))
	for i := 1; i < 3; i++ {
		err := k.Ship(context.Background(), stores.Batch(rs[i:i+1]))
		var e *ship.Error
		if !errors.As(err, &e) || e.Kind != ship.Refused || e.Index != int64(i) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "ocsf-00000000000000000000.jsonl")); err != nil || string(b) != "line\n" {
		t.Errorf("%q %v", b, err)
	}
}

func TestFailures(t *testing.T) {
	rs := stores.Cores(t, t.TempDir(), 3)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "audit.state"), []byte(`{"origin":"x","file":"../../etc/passwd"}`), 0o600))
	k, err := New(Options{Dir: dir})
	must(t, err)
	if err := k.Ship(context.Background(), stores.Batch(rs)); kind(err) != ship.CursorTrouble {
		t.Errorf("%v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "canary"), nil, 0o600))
	k, err = New(Options{Dir: filepath.Join(dir, "canary", "below")})
	must(t, err)
	if err := k.Ship(context.Background(), stores.Batch(rs)); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	for _, o := range []Options{{}, {Dir: "d", Name: "../x"}, {Dir: "d", Ext: "a/b"}, {Dir: "d", Size: 1}, {Dir: "d", Age: 1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
