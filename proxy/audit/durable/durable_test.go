package durable

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "state")
	for _, put := range []func(string, []byte) error{Replace, ReplaceSoon} {
		for _, content := range []string{"first", "the second is longer", "", "3"} {
			if err := put(name, []byte(content)); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(name); err != nil || string(b) != content {
				t.Fatalf("%q (%v), want %q", b, err, content)
			}
		}
	}
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%d entries (%v): something was left", len(list), err)
	}
}

// What cannot be put in place leaves the old content and nothing beside it.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "state")
	if err := os.MkdirAll(filepath.Join(name, "full"), 0o700); err != nil { // no file replaces it
		t.Fatal(err)
	}
	if Replace(name, []byte("x")) == nil || ReplaceSoon(name, []byte("x")) == nil {
		t.Error("a directory was replaced by a file")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 || !list[0].IsDir() {
		t.Errorf("%v (%v): want the old entry alone", list, err)
	}
	if Replace(filepath.Join(dir, "none", "state"), nil) == nil || SyncDir(filepath.Join(dir, "none")) == nil {
		t.Error("a directory that is not there was written")
	}
}

func TestClean(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"state", "state.new-123", "x.checkpoint.new-1", "new"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clean(dir); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 || list[0].Name() != "new" || list[1].Name() != "state" {
		t.Errorf("%v (%v): want new and state", list, err)
	}
}

// Two open files stand for two processes: the lock belongs to the open file.
func TestLock(t *testing.T) {
	open := func(name string) *os.File {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	name := filepath.Join(t.TempDir(), "lock")
	first, second := open(name), open(name)
	if ok, err := Lock(first); err != nil && !ok && (runtime.GOOS == "windows" || runtime.GOOS == "solaris" || runtime.GOOS == "aix") {
		t.Skip(err)
	} else if err != nil || !ok {
		t.Fatalf("the first: %v, %v", ok, err)
	}
	if ok, err := Lock(second); err != nil || ok {
		t.Fatalf("the second: %v, %v", ok, err)
	}
	first.Close()
	if ok, err := Lock(second); err != nil || !ok {
		t.Fatalf("when the first is closed: %v, %v", ok, err)
	}
}
