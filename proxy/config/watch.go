package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Bounds of watching.
const (
	watchQuiet   = 200 * time.Millisecond // after the last event: editors and git write in bursts
	watchLongest = 2 * time.Second        // after the first event, however many follow
	watchPoll    = 30 * time.Second       // without any event: network file systems send none, and queues overflow
	maxLinks     = 40                     // symbolic links in one path, as in Linux (path_resolution(7))
	maxWatched   = 4096                   // files and directories below the watched ones
	maxHashed    = 16 << 20               // bytes of a file that are compared; a bigger one is known by size and time
)

// Watcher tells when files have changed. The zero value has useful times.
type Watcher struct {
	Quiet   time.Duration // without events before a change is told; 200 ms
	Longest time.Duration // for which events may hold a change up; 2 s
	Poll    time.Duration // between looks without any event; 30 s
	// Started, where it is set, is called once: what changes after that is
	// told. Who loads the configuration then misses nothing.
	Started func()
}

// Watch calls changed after files or directories (with all that is below) have
// changed, until the context ends; it then returns nil. It does so with the
// default [Watcher].
func Watch(ctx context.Context, paths []string, changed func()) error {
	return Watcher{}.Watch(ctx, paths, changed)
}

// Watch is [Watch] with the times of w. changed runs on the caller's goroutine,
// so a change during a call is told after it. It is called only when the
// contents differ from those at the last call, so that writing a log beside the
// configuration does not call it; what changed before Watch was called is not
// told. It follows symbolic links and sees one being replaced, as Kubernetes
// does with the ..data of a mounted ConfigMap. Paths that do not exist may come
// to be. The error says that the operating system gives no watch.
func (w Watcher) Watch(ctx context.Context, paths []string, changed func()) error {
	w = w.withDefaults()
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch configuration: %w", err)
	}
	defer fw.Close()
	watched := map[string]bool{}
	if err := follow(fw, watched, paths); err != nil {
		return fmt.Errorf("watch configuration: %w", err)
	}
	last := fingerprint(paths)
	if w.Started != nil {
		w.Started()
	}
	poll := time.NewTicker(w.Poll)
	defer poll.Stop()
	var first time.Time      // of the events that are waiting
	var due <-chan time.Time // nil while none is
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-fw.Events:
			if !ok {
				return nil
			}
			if e.Op == fsnotify.Chmod {
				continue // reading a file touches its times on some systems
			}
		case _, ok := <-fw.Errors: // an overflowed queue: look ourselves
			if !ok {
				return nil
			}
		case <-poll.C:
		case <-due:
			due, first = nil, time.Time{}
			// New directories and new targets of links have to be watched
			// before they are read, or a change between the two is lost.
			_ = follow(fw, watched, paths) // what cannot be watched is polled
			if now := fingerprint(paths); now != last {
				last = now
				changed()
			}
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		due = time.After(min(w.Quiet, max(w.Longest-time.Since(first), 0)))
	}
}

func (w Watcher) withDefaults() Watcher {
	if w.Quiet <= 0 {
		w.Quiet = watchQuiet
	}
	if w.Longest <= 0 {
		w.Longest = watchLongest
	}
	if w.Poll <= 0 {
		w.Poll = watchPoll
	}
	return w
}

// follow watches every directory whose entries decide what the paths mean.
func follow(fw *fsnotify.Watcher, watched map[string]bool, paths []string) error {
	want := map[string]bool{}
	for _, p := range paths {
		for _, d := range chain(p) {
			want[d] = true
		}
		_ = walk(p, func(path, _ string, e fs.DirEntry) {
			if e.IsDir() {
				want[path] = true
			}
		})
	}
	// A directory that was removed and made again needs a new watch: what the
	// watcher still lists is what the system still watches.
	for p := range watched {
		delete(watched, p)
	}
	for _, p := range fw.WatchList() {
		watched[p] = true
		if !want[p] {
			_ = fw.Remove(p)
		}
	}
	var failed error
	for p := range want {
		if watched[p] {
			continue
		}
		if err := fw.Add(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	}
	return failed
}

// chain gives the directories that hold a path, every symbolic link on the way
// to it, and what the links lead to; of what does not exist, the nearest
// directory above that does.
func chain(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	var out []string
	rest, at := split(path), string(filepath.Separator)
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if err != nil {
			return append(out, at)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if len(rest) == 1 {
				out = append(out, at)
			}
			at, rest = next, rest[1:]
			continue
		}
		out = append(out, at)
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return out
		}
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		rest = append(split(target), rest[1:]...)
	}
	return out
}

func split(path string) []string {
	return slices.DeleteFunc(strings.Split(filepath.Clean(path), string(filepath.Separator)), func(s string) bool { return s == "" || s == "." })
}

// walk visits a file, or a directory and all below it, links of directories not
// followed but for the path itself. It gives each by its real path and by its
// name below the first. It stops at maxWatched entries.
func walk(path string, visit func(path, name string, e fs.DirEntry)) error {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	n := 0
	return filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone in between, or unreadable: it counts as not there
		}
		if n++; n > maxWatched {
			return filepath.SkipAll
		}
		visit(p, strings.TrimPrefix(p, root), e)
		return nil
	})
}

// fingerprint changes when the contents of the paths do. It is kept in memory
// only.
func fingerprint(paths []string) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range paths {
		fmt.Fprintf(h, "path %q\n", p)
		err := walk(p, func(path, name string, e fs.DirEntry) {
			if e.IsDir() {
				fmt.Fprintf(h, "dir %q\n", name)
				return
			}
			info, err := os.Stat(path) // through links, as readers do
			if err != nil || !info.Mode().IsRegular() {
				return
			}
			fmt.Fprintf(h, "file %q %d\n", name, info.Size())
			if info.Size() > maxHashed {
				fmt.Fprintf(h, "time %d\n", info.ModTime().UnixNano())
				return
			}
			if f, err := os.Open(path); err == nil {
				n, _ := io.Copy(h, io.LimitReader(f, maxHashed))
				fmt.Fprintf(h, "\nread %d\n", n)
				_ = f.Close()
			}
		})
		if err != nil {
			fmt.Fprintf(h, "absent\n")
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
