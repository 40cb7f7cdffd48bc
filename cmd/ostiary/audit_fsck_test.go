package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy/audit"
)

// Personal parts that somebody has emptied are told from those of which an event says
// that they were erased.
func TestAuditFsckErased(t *testing.T) {
	p, _ := keepBook(t)
	whole := filepath.Join(t.TempDir(), "whole")
	if status, out, diag := told("", "audit", "backup", whole, "--log", p.log); status != 0 {
		t.Fatalf("backup: status %d\n%s%s", status, out, diag)
	}
	erase := func(args ...string) {
		t.Helper()
		status, out, diag := told(keepSubject, append([]string{"audit", "erase", "--yes", "--reason", "test", "--ticket", "T", "--log", p.log}, args...)...)
		if status != 0 {
			t.Fatalf("erase: status %d\n%s%s", status, out, diag)
		}
	}
	erase("--id", bookID(4))
	if status, got := fsckOf(t, p.log); status != 0 {
		t.Errorf("what was erased: status %d, %+v", status, got)
	}
	// The same files where no event tells of it.
	name := filepath.Join("segments", "00000001.personal")
	empty := func(to string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(p.log, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	empty(whole)
	status, got := fsckOf(t, whole)
	if g := got["personal"]; g.Answer != fsckBad || status == 0 || !strings.Contains(strings.Join(g.Found, "\n"), "the personal part of record 4 is empty, and no event tells that it was erased") {
		t.Errorf("emptied: status %d, %+v", status, g)
	}
	// Within what an event names, more are empty than it says.
	if status, out, diag := told("", "audit", "backup", whole+"-2", "--log", p.log); status != 0 {
		t.Fatalf("backup: status %d\n%s%s", status, out, diag)
	}
	erase("--id", bookID(0), "--id", bookID(10))
	if status, out, diag := told("", "audit", "backup", whole+"-3", "--log", p.log); status != 0 {
		t.Fatalf("backup: status %d\n%s%s", status, out, diag)
	}
	erase("--id", bookID(6))
	empty(whole + "-3")
	_, got = fsckOf(t, whole+"-3")
	if g := got["personal"]; g.Answer != fsckBad || !strings.Contains(strings.Join(g.Found, "\n"), "4 personal parts are empty, and the events tell of 3") {
		t.Errorf("one more: %+v", g)
	}
	if status, got := fsckOf(t, p.log); status != 0 {
		t.Errorf("what was erased in three steps: status %d, %+v", status, got)
	}
}

// A copy that is made while something is erased tells of it, or is begun anew.
func TestAuditBackupWhileErasing(t *testing.T) {
	p, _ := keepBook(t)
	dest := t.TempDir()
	r, err := audit.OpenReader(p.log)
	if err != nil {
		t.Fatal(err)
	}
	size, err := r.Size()
	if err != nil {
		t.Fatal(err)
	}
	if err := untouched(p.log, size); err != nil {
		t.Errorf("nothing was erased: %v", err)
	}
	if _, err := copySegment(p.log, dest, 2); err != nil {
		t.Fatal(err)
	}
	if status, out, diag := told("", "audit", "erase", "--id", bookID(8), "--yes", "--reason", "test", "--ticket", "T", "--log", p.log); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, diag)
	}
	if err := untouched(p.log, size); err != errMoving {
		t.Errorf("an erasure since the copy was begun: %v", err)
	}
}
