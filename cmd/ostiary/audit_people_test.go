package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// An access review says who looked at what, to whoever may see it, and the look is in
// the log before it is answered.
func TestAccessReviewNamesPeople(t *testing.T) {
	me := "root"
	if uid := os.Getuid(); uid != 0 {
		me = fmt.Sprintf("uid %d", uid)
	}
	for _, way := range []string{"a running Ostiary", "alone"} {
		t.Run(way, func(t *testing.T) {
			p, _ := keepBook(t)
			if way != "alone" {
				serveBook(t, p)
			}
			if status, out, diag := told(keepAddress, "audit", "hash", "--log", p.log, "--type", "EMAIL_ADDRESS", "--ticket", "DSR-17"); status != exitYes {
				t.Fatalf("hash: status %d\n%s%s", status, out, diag)
			}
			row := func(out, action string) string {
				t.Helper()
				for line := range strings.Lines(out) {
					if strings.Contains(line, "| access | "+action+" |") && strings.Count(line, "|") > 10 {
						return line
					}
				}
				t.Fatalf("no event %s is listed:\n%s", action, out)
				return ""
			}
			status, out, diag := told("", "audit", "report", "access", "--log", p.log)
			if status != exitYes || diag != "" {
				t.Fatalf("report access: status %d\n%s%s", status, out, diag)
			}
			if line := row(out, "hash"); !strings.Contains(line, "| "+me+" |") || !strings.Contains(line, "| DSR-17 |") {
				t.Errorf("it does not say who it was: %s", line)
			}
			if !strings.Contains(out, "## By person") {
				t.Errorf("it does not count by person:\n%s", out)
			}
			// That look is one too: whose name is told when somebody looks again.
			if line := row(out, "export"); !strings.Contains(line, "(not shown) ") {
				t.Errorf("of what came after the names were asked for: %s", line)
			}
			if _, out, _ = told("", "audit", "report", "access", "--log", p.log); !strings.Contains(row(out, "export"), "| "+me+" |") {
				t.Errorf("the look at names is not in the next report:\n%s", out)
			}
			looks := 0
			for _, ev := range readEvents(t, p.log, proxy.EventAccess) {
				if ev.Admin.Action == "export" && ev.Admin.Role == "reviewer" && strings.Contains(ev.Admin.Detail, "personal parts") {
					looks++
				}
			}
			if looks != 2 {
				t.Errorf("%d looks are recorded, want 2", looks)
			}

			// Whoever asks for no names reads only.
			before := len(readAll(t, p.log))
			status, out, diag = told("", "audit", "report", "access", "--log", p.log, "--names=false")
			if status != exitYes || diag != "" || strings.Contains(out, "| "+me+" |") || !strings.Contains(row(out, "hash"), "(not shown) ") {
				t.Errorf("without names: status %d\n%s%s", status, out, diag)
			}
			if n := len(readAll(t, p.log)); n != before {
				t.Errorf("%d events were recorded by who only read", n-before)
			}

			// Where a look cannot be recorded there is none.
			copied := t.TempDir() + "/elsewhere"
			if err := os.CopyFS(copied, os.DirFS(p.log)); err != nil {
				t.Fatal(err)
			}
			status, out, diag = told("", "audit", "report", "access", "--log", copied, "--key", p.log+"/log.pub", "--checkpoint", copied+"/checkpoint")
			const why = "Names are not shown: that somebody looked at them could not be recorded"
			if status != exitYes || !strings.Contains(diag, why) || !strings.Contains(out, why) || strings.Contains(out, "| "+me+" |") || !strings.Contains(row(out, "hash"), "(not shown) ") {
				t.Errorf("of a copy: status %d\n%s%s", status, out, diag)
			}
			if entries, err := os.ReadDir(strings.TrimSuffix(copied, "/elsewhere")); err != nil || len(entries) != 1 {
				t.Errorf("something was made beside a copy: %v, %v", entries, err)
			}
		})
	}
}

// readAll gives all records of a log.
func readAll(t *testing.T, log string) []audit.Record {
	t.Helper()
	r, err := audit.OpenReader(log)
	if err != nil {
		t.Fatal(err)
	}
	var out []audit.Record
	for rec, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}
