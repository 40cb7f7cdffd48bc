package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/config"
)

// soon and never bound the waiting: for what must happen, generously; for what
// must not, long enough that it would have happened.
const (
	soon  = 20 * time.Second
	never = 300 * time.Millisecond
)

type watched struct {
	t       *testing.T
	dir     string
	changes chan struct{}
}

// watch starts a watcher over paths below a new directory, which prepare fills.
func watch(t *testing.T, w config.Watcher, paths []string, prepare func(watched)) watched {
	t.Helper()
	x := watched{t, t.TempDir(), make(chan struct{}, 100)}
	prepare(x)
	var all []string
	for _, p := range paths {
		all = append(all, x.path(p))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, started := make(chan error, 1), make(chan struct{})
	w.Started = func() { close(started) }
	go func() { done <- w.Watch(ctx, all, func() { x.changes <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	<-started
	return x
}

func (x watched) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x watched) path(name string) string { return filepath.Join(x.dir, name) }

// put writes without a moment in which the file is empty, which would count as
// a change of its own: in place where it is there, else by a rename.
func (x watched) put(path, text string) {
	x.t.Helper()
	x.must(os.MkdirAll(filepath.Dir(path), 0o755))
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		defer f.Close()
		_, err = f.WriteAt([]byte(text), 0)
		x.must(err)
		x.must(f.Truncate(int64(len(text))))
		return
	}
	made := filepath.Join(x.t.TempDir(), "made")
	x.must(os.WriteFile(made, []byte(text), 0o644))
	x.must(os.Rename(made, path))
}

func (x watched) write(name, text string)  { x.t.Helper(); x.put(x.path(name), text) }
func (x watched) link(target, name string) { x.t.Helper(); x.must(os.Symlink(target, x.path(name))) }
func (x watched) rename(from, to string)   { x.t.Helper(); x.must(os.Rename(x.path(from), x.path(to))) }
func (x watched) told(what string) {
	x.t.Helper()
	select {
	case <-x.changes:
	case <-time.After(soon):
		x.t.Fatalf("%s: not told", what)
	}
}

func (x watched) quiet(what string) {
	x.t.Helper()
	select {
	case <-x.changes:
		x.t.Fatalf("%s: told", what)
	case <-time.After(never):
	}
}

var quick = config.Watcher{Quiet: 20 * time.Millisecond, Longest: 200 * time.Millisecond, Poll: time.Hour}

func TestWatchFile(t *testing.T) {
	x := watch(t, quick, []string{"o.yaml"}, func(x watched) { x.write("o.yaml", "1") })
	x.write("o.yaml", "2")
	x.told("written in place")
	x.write("o.yaml.new", "3")
	x.rename("o.yaml.new", "o.yaml")
	x.told("replaced by a rename, as editors do")
	x.write("o.yaml", "4")
	x.told("written after it was replaced")
	x.write("o.yaml", "4")
	x.quiet("written with the same contents")
	x.write("other.yaml", "5")
	x.write("log/000001", "6")
	x.quiet("another file in the same directory")
	x.must(os.Remove(x.path("o.yaml")))
	x.told("removed")
	x.write("o.yaml", "7")
	x.told("written again")
}

func TestWatchDirectory(t *testing.T) {
	x := watch(t, quick, []string{"policies"}, func(x watched) { x.write("policies/a.rego", "1") })
	x.write("policies/a.rego", "2")
	x.told("a file changed")
	x.write("policies/new/b.rego", "1")
	x.told("a directory came with a file")
	x.write("policies/new/b.rego", "2")
	x.told("a file in the new directory changed")
	x.write("policies/new/deeper/c.rego", "1")
	x.told("a directory in the new directory")
	x.write("policies/new/deeper/c.rego", "2")
	x.told("a file deeper changed")
	x.must(os.RemoveAll(x.path("policies")))
	x.told("removed whole")
	x.write("policies/a.rego", "3")
	x.told("made again")
	x.write("policies/a.rego", "4")
	x.told("a file changed after it was made again")
}

// A directory is swapped as a deployment does it: the new one beside it, and a
// link that is replaced by a rename.
func TestWatchSwappedDirectory(t *testing.T) {
	x := watch(t, quick, []string{"current"}, func(x watched) {
		x.write("v1/a.rego", "1")
		x.write("v2/a.rego", "2")
		x.link("v1", "current")
	})
	x.link("v2", "next")
	x.rename("next", "current")
	x.told("the link leads elsewhere")
	x.write("v2/a.rego", "3")
	x.told("a file behind the new link changed")
	x.write("v1/a.rego", "9")
	x.quiet("a file behind the old link")
}

// A ConfigMap is mounted as links to files below ..data, which is itself a link
// to a directory with a time in its name; an update swaps ..data (Kubernetes,
// pkg/volume/util/atomic_writer.go).
func TestWatchConfigMap(t *testing.T) {
	x := watch(t, quick, []string{"ostiary.yaml", "policies"}, func(x watched) {
		x.write("..2026_01/ostiary.yaml", "1")
		x.write("..2026_01/policies/a.rego", "1")
		x.link("..2026_01", "..data")
		x.link("..data/ostiary.yaml", "ostiary.yaml")
		x.link("..data/policies", "policies")
	})
	for i, text := range []string{"2", "3", "4"} {
		dir := "..2026_0" + text
		x.write(dir+"/ostiary.yaml", text)
		x.write(dir+"/policies/a.rego", text)
		x.link(dir, "..data_tmp")
		x.rename("..data_tmp", "..data")
		x.told("the ConfigMap was updated")
		x.must(os.RemoveAll(x.path("..2026_0" + []string{"1", "2", "3"}[i])))
		x.quiet("the old one was removed")
	}
}

func TestWatchLinkElsewhere(t *testing.T) {
	x := watch(t, quick, []string{"etc/o.yaml"}, func(x watched) {
		x.write("opt/real.yaml", "1")
		x.must(os.MkdirAll(x.path("etc"), 0o755))
		x.link("../opt/real.yaml", "etc/o.yaml")
	})
	x.write("opt/real.yaml", "2")
	x.told("the file behind the link")
	x.write("opt/next.yaml", "3")
	x.rename("opt/next.yaml", "opt/real.yaml")
	x.told("the file behind the link, replaced")
}

func TestWatchWhatIsNotThere(t *testing.T) {
	x := watch(t, quick, []string{"o.yaml", "a/b/key"}, func(x watched) { x.write("o.yaml", "1") })
	x.must(os.MkdirAll(x.path("a/b"), 0o755))
	x.quiet("the directories came")
	x.write("a/b/key", "1")
	x.told("the file came")
}

// A burst of writes is told once it is over, or after a while if it never is.
func TestWatchWaitsForQuiet(t *testing.T) {
	x := watch(t, config.Watcher{Quiet: 500 * time.Millisecond, Longest: time.Hour, Poll: time.Hour}, []string{"o.yaml"}, func(x watched) { x.write("o.yaml", "1") })
	for _, s := range []string{"2", "3", "4", "5"} {
		x.write("o.yaml", s)
	}
	x.told("after the burst")
	x.quiet("a second time")

	y := watch(t, config.Watcher{Quiet: time.Hour, Longest: 100 * time.Millisecond, Poll: time.Hour}, []string{"o.yaml"}, func(x watched) { x.write("o.yaml", "1") })
	y.write("o.yaml", "2")
	y.told("although it is never quiet")
}

// Where no event comes, as on network file systems, polling sees the change.
// Writing through another link to the same file stands for that: inotify tells
// of a directory's entries only what is done by their names.
func TestWatchPolls(t *testing.T) {
	prepare := func(x watched) {
		x.write("elsewhere/file", "1")
		x.must(os.MkdirAll(x.path("etc"), 0o755))
		x.must(os.Link(x.path("elsewhere/file"), x.path("etc/o.yaml")))
	}
	x := watch(t, quick, []string{"etc/o.yaml"}, prepare)
	x.write("elsewhere/file", "2")
	x.quiet("without polling: the test would show nothing")

	y := watch(t, config.Watcher{Quiet: time.Millisecond, Longest: time.Millisecond, Poll: 5 * time.Millisecond}, []string{"etc/o.yaml"}, prepare)
	y.quiet("nothing changed, however often it looks")
	y.write("elsewhere/file", "2")
	y.told("a change without an event")
	y.quiet("the same change")
}

func TestWatchEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := config.Watch(ctx, []string{filepath.Join(t.TempDir(), "none")}, func() { t.Error("told") }); err != nil {
		t.Error(err)
	}
	if err := config.Watch(ctx, nil, func() { t.Error("told") }); err != nil {
		t.Error(err)
	}
}

// Links in a circle end.
func TestWatchCircle(t *testing.T) {
	x := watch(t, quick, []string{"o.yaml", "a"}, func(x watched) {
		x.write("o.yaml", "1")
		x.link("b", "a")
		x.link("a", "b")
	})
	x.write("o.yaml", "2")
	x.told("beside links in a circle")
}
