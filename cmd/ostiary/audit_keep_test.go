package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
)

// Values of the tests, which are made up and nobody's.
const (
	keepAddress = "maria.lindqvist@nordbank.se"
	keepSubject = "lindqvist"
	keepExcerpt = "the excerpt that is sealed"
)

// told runs a command with something on standard input.
func told(stdin string, args ...string) (status int, out, diag string) {
	var o, e bytes.Buffer
	status = run(context.Background(), args, streams{strings.NewReader(stdin), &o, &e})
	return status, o.String(), e.String()
}

// keepBook makes a log of three segments, two of them packed, with personal parts: six
// decisions, of which the even ones mention an address, were asked for by a person and
// have sealed evidence. It gives the places and the file of the private key.
func keepBook(t *testing.T) (places, string) {
	t.Helper()
	root := t.TempDir()
	p := places{log: filepath.Join(root, "log"), keys: filepath.Join(root, "log.keys")}
	l, err := audit.Open(p.log, audit.Options{Origin: "test.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := vault.OpenKeyring(p.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Prepare(); err != nil {
		t.Fatal(err)
	}
	prints, err := ring.Hash("EMAIL_ADDRESS", keepAddress)
	if err != nil || len(prints) != 1 {
		t.Fatal(prints, err)
	}
	if status, out, diag := told("", "audit", "key", "--name", "officer", "--dir", root); status != 0 {
		t.Fatalf("audit key: status %d\n%s%s", status, out, diag)
	}
	public, err := os.ReadFile(filepath.Join(root, "officer.pub"))
	if err != nil {
		t.Fatal(err)
	}
	to, err := vault.ParseRecipient(string(public))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for n := range 6 {
		at := time.Date(2026, 11, 24, 9, 0, n, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
		d := &proxy.Event{
			ID: bookID(2 * n), Kind: proxy.EventDecision, Time: at, V: 1,
			Decision: &proxy.DecisionRecord{Action: proxy.Allow, Mode: proxy.Enforce, Pool: "openai", Reasons: []proxy.Reason{}},
			Personal: &proxy.PersonalRecord{Subject: "somebody else"},
		}
		if n%2 == 0 {
			e, err := vault.SealEvidence(to, d.ID, &vault.Excerpt{Type: "EMAIL_ADDRESS", Before: "b\x1b", Match: keepExcerpt, After: "a", Role: "user"})
			if err != nil {
				t.Fatal(err)
			}
			d.Personal = &proxy.PersonalRecord{Subject: keepSubject, Fingerprints: prints, Evidence: []proxy.EvidenceRecord{e}}
		}
		o := &proxy.Event{ID: bookID(2*n + 1), DecisionID: d.ID, Kind: proxy.EventOutcome, Time: at, V: 1, Outcome: &proxy.OutcomeRecord{Sent: "yes", Status: 200}}
		if err := l.Record(ctx, d, o); err != nil {
			t.Fatal(err)
		}
		if n == 1 || n == 3 {
			if err := l.Seal(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return p, filepath.Join(root, "officer.key")
}

// serveBook serves the API of a log as a running Ostiary does.
func serveBook(t *testing.T, p places) {
	t.Helper()
	s, err := start(context.Background(), options{config: bookConfig(t, p)}, &syncBuffer{}, &syncBuffer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// bookConfig writes a configuration with that log.
func bookConfig(t *testing.T, p places) string {
	t.Helper()
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	file := filepath.Join(t.TempDir(), "ostiary.yaml")
	yaml := strings.Replace(smallest(freeAddress(t), "embedded", "http://127.0.0.1:9", "http://127.0.0.1:9", ""), "log: ./log\n", "log: "+p.log+"\n", 1)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What the law asks for, step by step: through a running Ostiary, and by opening the
// log. Either way says and does the same.
func TestAuditKeep(t *testing.T) {
	for _, way := range []string{"a running Ostiary", "alone"} {
		t.Run(way, func(t *testing.T) {
			p, key := keepBook(t)
			if way != "alone" {
				serveBook(t, p)
			}
			why := "--reason subject_request --ticket DSR-17"
			for _, s := range []struct {
				stdin, args string
				status      int
				out, diag   string // must be in what is printed; EMPTY: nothing is
			}{
				{keepAddress + "\n", "hash --type EMAIL_ADDRESS --ticket DSR-17", 0, "3 events mention it\n", ""},
				{"nobody@nordbank.se", "hash --type EMAIL_ADDRESS", 1, "0 events mention it\n", ""},
				{keepAddress, "hash --type PERSON", 2, "EMPTY", "ostiary: "}, // the API says what is wrong
				{"", "hash --type EMAIL_ADDRESS", 2, "EMPTY", "no value on standard input"},
				{keepAddress, "hash --type EMAIL_ADDRESS --reason curiosity", 2, "EMPTY", "Why it is done is missing"},
				{keepSubject, "hash --type SUBJECT", 1, "0 events", ""}, // recorded here without a fingerprint
				{"", "reveal " + bookID(0) + " --key " + key + " " + why, 0, "EMAIL_ADDRESS in user: b\uFFFD[" + keepExcerpt + "]a\n", "recorded as"},
				{"", "reveal " + strings.ToLower(bookID(1)) + " --key " + key + " " + why, 0, keepExcerpt, ""}, // by its outcome
				{"", "reveal " + bookID(2) + " --key " + key + " " + why, 1, "EMPTY", "No evidence was sealed"},
				{"", "reveal " + bookID(99) + " --key " + key + " " + why, 1, "EMPTY", "There is nothing by that name."},
				{"", "reveal " + bookID(0) + " --key " + key + " --reason incident", 2, "EMPTY", `required flag(s) "ticket"`},
				{"", "reveal " + bookID(0) + " --key " + strings.TrimSuffix(key, ".key") + ".pub " + why, 2, "EMPTY", "others may read it"},
				{"", "hold set case-7 --from 0 --to 2 " + why, 0, "case-7  records 0 to 1, set 20", ""},
				{"", "hold set case-7 " + why, 1, "EMPTY", "There is one of that name already."},
				{"", "hold set case!7 " + why, 2, "EMPTY", "(id)"},
				{"", "hold list", 0, "case-7  records 0 to 1, set 20", ""},
				{"", "retain --before 2099-01-01 --dry-run", 2, "EMPTY", "(before)"},
				{"", "retain --before 0s", 1, "0 segments were removed\nwhat follows is kept by the hold case-7\n", ""},
				{"", "erase --subject lindqvist " + why, 2, "EMPTY", "--subject takes - alone"},
				{keepSubject, "erase --subject - " + why, 2, "EMPTY", "nobody is there to ask"},
				{keepSubject, "erase --subject - --dry-run " + why, 1, "2 personal parts would be erased, between records 4 and 8\n1 are kept by a hold", ""},
				{keepSubject + "\n", "erase --subject - --yes " + why, 1, "2 personal parts were erased, between records 4 and 8\n1 are kept by a hold", ""},
				{keepAddress, "hash --type EMAIL_ADDRESS", 0, "1 events mention it\n", ""},
				{"", "reveal " + bookID(4) + " --key " + key + " " + why, 1, "EMPTY", "was erased"},
				{"", "hold release case-7 " + why, 0, "case-7 is released\n", ""},
				{"", "hold release case-7 " + why, 1, "EMPTY", "There is nothing by that name."},
				{"", "hold list", 0, "EMPTY", "no hold is in force"},
				{"", "erase --id " + bookID(0) + " --yes " + why, 0, "1 personal parts were erased, between records 0 and 0\n", ""},
				{"", "erase --id " + bookID(0) + " --yes " + why, 1, "0 personal parts were erased\n", ""},
				{"", "erase -q colour:red --yes " + why, 2, "EMPTY", "The query cannot be read."},
				{"", "erase -q pool:openai --yes " + why, 0, "3 personal parts were erased, between records 2 and 10\n", ""},
				{"EMAIL_ADDRESS:1:00 x", "erase --fingerprint - --yes " + why, 1, "0 personal parts were erased\n", ""},
				{"", "erase " + why, 2, "EMPTY", "at least one of the flags"},
				{"", "rotate --ticket K-1", 0, "+", ""},
				{"", "retain --before 0s --policy two-years --dry-run --json", 0, `"segments":`, ""},
				{"", "retain --before 0s --policy two-years", 0, " were removed: records 0 to ", ""},
				{"", "repair --log " + p.log + ".nothing", 2, "EMPTY", "--log DIRECTORY"},
			} {
				args := append([]string{"audit"}, strings.Fields(s.args)...)
				if !strings.Contains(s.args, "--log") {
					args = append(args, "--log", p.log)
				}
				status, out, diag := told(s.stdin, args...)
				good := strings.Contains(out, s.out) && strings.Contains(diag, s.diag)
				if s.out == "EMPTY" {
					good = out == "" && strings.Contains(diag, s.diag)
				}
				if status != s.status || !good {
					t.Errorf("audit %s: status %d, want %d with %q and %q\n%s\n%s", s.args, status, s.status, s.out, s.diag, out, diag)
				}
				for _, value := range []string{keepAddress, keepSubject} {
					if strings.Contains(out+diag, value) {
						t.Errorf("audit %s prints the value", s.args)
					}
				}
			}
			if r := verified(t, p); r.First == 0 {
				t.Error("retention removed nothing")
			}
			if status, out, diag := told("", "audit", "fsck", "--log", p.log); status != 0 {
				t.Errorf("fsck: status %d\n%s%s", status, out, diag)
			}
			if matches, err := filepath.Glob(filepath.Join(os.TempDir(), "ostiary-*", console.SocketName)); err != nil || way == "alone" && len(matches) > 0 {
				t.Errorf("a socket was left behind: %v, %v", matches, err)
			}
		})
	}
}

// Every act of these commands is an event that says who, why and how much, and the
// personal part of it holds the ticket and no value.
func TestAuditKeepRecords(t *testing.T) {
	for _, way := range []string{"a running Ostiary", "alone"} {
		t.Run(way, func(t *testing.T) { keepRecords(t, way != "alone") })
	}
}

func keepRecords(t *testing.T, running bool) {
	p, key := keepBook(t)
	if running {
		serveBook(t, p)
	}
	second := filepath.Join(t.TempDir(), "second")
	if err := os.WriteFile(second, []byte("Second Person\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct{ stdin, args string }{
		{keepAddress, "hash --type EMAIL_ADDRESS --ticket T-1"},
		{"", "reveal " + bookID(0) + " --key " + key + " --reason incident --ticket T-2 --approver second"},
		{"Somebody Else\n", "reveal " + bookID(0) + " --key " + key + " --reason incident --ticket T-2 --approver -"},
		{keepSubject, "erase --subject - --dry-run --reason review --ticket T-3"},
		{keepSubject, "erase --subject - --yes --reason subject_request --ticket T-4 --approver-file " + second},
		{"", "hold set case-1 --reason litigation --ticket T-5"},
		{"", "hold release case-1 --reason litigation --ticket T-6"},
		{"", "rotate --reason incident --ticket T-7"},
	} {
		if status, out, diag := told(s.stdin, append(append([]string{"audit"}, strings.Fields(s.args)...), "--log", p.log)...); status != 0 {
			t.Errorf("audit %s: status %d\n%s%s", s.args, status, out, diag)
		}
	}
	r, err := audit.OpenReader(p.log)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rec, err := range r.WithPersonal().Records(12) {
		if err != nil {
			t.Fatal(err)
		}
		ev, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		own, err := rec.OpenPersonal()
		if err != nil {
			t.Fatalf("record %d: %v", rec.Index, err)
		}
		if own == nil {
			if running && ev.Kind == proxy.EventAdmin && ev.Admin.Action != "rotate" {
				continue // its own start
			}
			t.Fatalf("record %d, %s %+v, says nothing of who", rec.Index, ev.Kind, ev.Admin)
		}
		if bytes.Contains(rec.Personal, []byte(keepAddress)) || bytes.Contains(rec.Personal, []byte(keepSubject)) {
			t.Errorf("record %d holds a value", rec.Index)
		}
		if own.UID != os.Getuid() && own.Subject != "root" {
			t.Errorf("record %d does not say who: uid %d", rec.Index, own.UID)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %d %s%s", ev.Kind, ev.Admin.Action, ev.Admin.Code, ev.Admin.Role, ev.Admin.Count, own.Ticket, own.Approver))
	}
	want := []string{
		"access hash subject_request dpo 3 T-1",
		"access reveal incident dpo 2 T-2second",
		"access reveal incident dpo 2 T-2Somebody Else",
		"access erase review dpo 3 T-3",
		"erasure erase subject_request dpo 3 T-4Second Person",
		"retention hold litigation dpo 0 T-5",
		"retention release litigation dpo 0 T-6",
		"admin rotate incident admin 0 T-7",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("recorded:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The name of a second person comes from one place, and from one that has it.
func TestAuditApprover(t *testing.T) {
	p, key := keepBook(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"two": "One\nTwo\n", "blank": " \n", "latin": "Andr\xe9\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const why = " --reason subject_request --ticket T-1 "
	before := len(readAll(t, p.log))
	for _, c := range []struct{ stdin, args, diag string }{
		{"Name\n", "erase --subject - --yes --approver -" + why, "standard input has the name of the subject: give the name by --approver-file FILE"},
		{"print\n", "erase --fingerprint - --yes --approver -" + why, "standard input has the fingerprints"},
		{"", "erase --id " + bookID(0) + " --yes --approver -" + why, "no name of the second person on standard input"},
		{"Name\n", "erase --id " + bookID(0) + " --yes --approver - --approver-file two" + why, "none of the others can be"},
		{"", "reveal " + bookID(0) + " --key " + key + why + "--approver-file " + filepath.Join(dir, "two"), "want one line"},
		{"", "reveal " + bookID(0) + " --key " + key + why + "--approver-file " + filepath.Join(dir, "blank"), "want one line"},
		{"", "reveal " + bookID(0) + " --key " + key + why + "--approver-file " + filepath.Join(dir, "latin"), "in UTF-8"},
		{"", "reveal " + bookID(0) + " --key " + key + why + "--approver-file " + filepath.Join(dir, "none"), "--approver-file: open"},
	} {
		status, out, diag := told(c.stdin, append(append([]string{"audit"}, strings.Fields(c.args)...), "--log", p.log)...)
		if status != exitUnknown || out != "" || !strings.Contains(diag, c.diag) {
			t.Errorf("audit %s: status %d, want %q\n%s%s", c.args, status, c.diag, out, diag)
		}
	}
	if n := len(readAll(t, p.log)); n != before {
		t.Errorf("%d events were recorded of what was not done", n-before)
	}
}

// Keys are never written over, and private ones are for their owner alone.
func TestAuditKey(t *testing.T) {
	dir := t.TempDir()
	args := []string{"audit", "key", "--name", "dpo", "--dir", dir}
	if status, out, diag := told("", args...); status != 0 || !strings.Contains(out, "dpo.key opens evidence") {
		t.Fatalf("status %d\n%s%s", status, out, diag)
	}
	name := filepath.Join(dir, "dpo.key")
	st, err := os.Stat(name)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"", "dpo.pub"} {
		if gone != "" {
			if err := os.Remove(filepath.Join(dir, gone)); err != nil {
				t.Fatal(err)
			}
		}
		if status, out, diag := told("", args...); status != 2 || out != "" || !strings.Contains(diag, "is there already") {
			t.Errorf("status %d\n%s%s", status, out, diag)
		}
		if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the key was changed: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "dpo.pub")); err == nil {
		t.Error("a public key was left that no private one belongs to")
	}
	if status, _, diag := told("", "audit", "key", "--name", "../dpo", "--dir", dir); status != 2 || !strings.Contains(diag, "a key's name") {
		t.Errorf("status %d: %s", status, diag)
	}
}

// Evidence that another key was meant for does not open, and that is said.
func TestAuditRevealOtherKey(t *testing.T) {
	p, _ := keepBook(t)
	dir := t.TempDir()
	if status, _, diag := told("", "audit", "key", "--name", "other", "--dir", dir); status != 0 {
		t.Fatal(diag)
	}
	status, out, diag := told("", "audit", "reveal", bookID(0), "--key", filepath.Join(dir, "other.key"), "--reason", "test", "--ticket", "T", "--log", p.log)
	if status != 2 || out != "" || !strings.Contains(diag, "does not open") || !strings.Contains(diag, "sealed to officer") {
		t.Errorf("status %d\n%s%s", status, out, diag)
	}
}

// fsckOf gives the answers of fsck by check.
func fsckOf(t *testing.T, log string) (int, map[string]checked) {
	t.Helper()
	status, out, diag := told("", "audit", "fsck", "--json", "--log", log)
	got := map[string]checked{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var c checked
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%q, %s", line, diag)
		}
		got[c.Check] = c
	}
	if len(got) != 4 {
		t.Fatalf("%d checks: %s%s", len(got), out, diag)
	}
	return status, got
}

// alter changes a byte of a file, in the middle or where a text is.
func alter(t *testing.T, name, text string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	i := len(b) / 2
	if text != "" {
		if i = bytes.Index(b, []byte(text)); i < 0 {
			t.Fatalf("%s does not hold %q", name, text)
		}
	}
	b[i] ^= 0x20
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// fsck says of each thing whether it is wrong, and reindex mends what is derived.
func TestAuditFsck(t *testing.T) {
	build := func(t *testing.T) places {
		p, _ := keepBook(t)
		for _, args := range []string{"reindex", "hold set case-1 --reason litigation --ticket T"} {
			if status, out, diag := told("", append(append([]string{"audit"}, strings.Fields(args)...), "--log", p.log)...); status != 0 {
				t.Fatalf("%s: status %d\n%s%s", args, status, out, diag)
			}
		}
		return p
	}
	for _, c := range []struct {
		name   string
		alter  func(t *testing.T, p places)
		status int
		check  string // that answers otherwise than good
		says   string
		mended bool // by reindex
	}{
		{"whole", nil, 0, "", "", true},
		{"no index", func(t *testing.T, p places) {
			if err := os.RemoveAll(filepath.Join(p.log, index.Dir)); err != nil {
				t.Fatal(err)
			}
		}, 0, "", "", true},
		{"index", func(t *testing.T, p places) { alter(t, filepath.Join(p.log, index.Dir, "00000001.cidx"), "") }, 1, "index", "index/00000001.cidx is not what", true},
		{"no list of holds", func(t *testing.T, p places) {
			if err := os.Remove(filepath.Join(p.log, "holds")); err != nil {
				t.Fatal(err)
			}
		}, 1, "holds", "cannot be read", true},
		{"holds", func(t *testing.T, p places) {
			if err := os.WriteFile(filepath.Join(p.log, "holds"), []byte("[]"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1, "holds", "names 0 holds, and by the events there are 1", true},
		{"holds that cannot be read", func(t *testing.T, p places) { alter(t, filepath.Join(p.log, "holds"), "[") }, 1, "holds", "cannot be read", true},
		{"a hold that nobody set", func(t *testing.T, p places) {
			alter(t, filepath.Join(p.log, "holds"), "case-1")
		}, 1, "holds", "not the same", true},
		{"personal part", func(t *testing.T, p places) { alter(t, filepath.Join(p.log, "segments", "00000002.log"), keepSubject) }, 1, "", "", false},
		{"record", func(t *testing.T, p places) {
			alter(t, filepath.Join(p.log, "segments", "00000002.log"), `"action":"allow"`)
		}, 1, "records", "first bad record: 8", false},
		{"no key", func(t *testing.T, p places) {
			if err := os.Rename(p.keys, p.keys+".elsewhere"); err != nil {
				t.Fatal(err)
			}
		}, 2, "records", "no key from outside the log", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := build(t)
			if c.alter != nil {
				c.alter(t, p)
			}
			status, got := fsckOf(t, p.log)
			if status != c.status {
				t.Errorf("status %d, want %d: %+v", status, c.status, got)
			}
			for name, g := range got {
				if bad := g.Answer != fsckGood; bad && c.status != 0 && name == c.check && !strings.Contains(strings.Join(g.Found, "\n"), c.says) {
					t.Errorf("%s does not say %q: %v", name, c.says, g.Found)
				} else if c.check != "" && name == c.check && !bad {
					t.Errorf("%s is %s", name, g.Answer)
				}
				if g.Answer == fsckBad && g.Remedy == "" {
					t.Errorf("%s names no remedy", name)
				}
			}
			if !c.mended {
				return
			}
			if status, out, diag := told("", "audit", "reindex", "--log", p.log); status != 0 || !strings.Contains(out, "2 full segments and the list of 1 holds") {
				t.Errorf("reindex: status %d\n%s%s", status, out, diag)
			}
			if status, got := fsckOf(t, p.log); status != 0 {
				t.Errorf("after reindex: status %d, %+v", status, got)
			}
			for _, n := range []string{"00000000.cidx", "00000001.cidx"} {
				if _, err := os.Stat(filepath.Join(p.log, index.Dir, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A personal part that somebody wrote is told from one that was erased.
func TestAuditFsckPersonal(t *testing.T) {
	p, _ := keepBook(t)
	// The parts of one log under the events of another: the files are whole.
	other, _ := keepBook(t)
	name := filepath.Join("segments", "00000001.personal")
	b, err := os.ReadFile(filepath.Join(other.log, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.log, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	status, got := fsckOf(t, p.log)
	if g := got["personal"]; status != 1 || g.Answer != fsckBad || !strings.Contains(strings.Join(g.Found, "\n"), "personal part of record 4 is not the one") {
		t.Errorf("status %d: %+v", status, got)
	}
	if err := os.Remove(filepath.Join(p.log, name)); err != nil {
		t.Fatal(err)
	}
	status, got = fsckOf(t, p.log)
	if g := got["personal"]; status == 0 || g.Answer == fsckGood {
		t.Errorf("parts that are gone: status %d: %+v", status, got)
	}
}

// A damaged log becomes evidence, and a new one begins that says so.
func TestAuditRepair(t *testing.T) {
	p, _ := keepBook(t)
	if status, out, diag := told("", "audit", "repair", "--log", p.log); status != 1 || out != "" || !strings.Contains(diag, "nothing to repair") {
		t.Fatalf("status %d\n%s%s", status, out, diag)
	}
	alter(t, filepath.Join(p.log, "segments", "00000002.log"), `"action":"allow"`)
	if status, _, diag := told("", "audit", "hold", "set", "x", "--reason", "test", "--ticket", "T", "--log", p.log); status != 2 || !strings.Contains(diag, "audit log is damaged or was altered") {
		t.Errorf("a damaged log is written to: status %d, %s", status, diag)
	}
	status, out, diag := told("", "audit", "repair", "--ticket", "INC-1", "--json", "--log", p.log)
	var got repaired
	if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil {
		t.Fatalf("status %d\n%s%s", status, out, diag)
	}
	if got.Evidence != p.log+".damaged-1" || got.Former != "test.example/log" || got.FirstBad != 8 || got.Signed != 12 {
		t.Errorf("%+v", got)
	}
	if r := verified(t, p); r.Size != 1 || r.Origin == got.Former {
		t.Errorf("%+v", r)
	}
	if events := readEvents(t, p.log, proxy.EventGap); len(events) != 1 || events[0].Admin.Action != "repair" || events[0].Admin.Code != "incident" {
		t.Errorf("%+v", events)
	}
}

// A backup that is made while the log is written verifies, and so does what is
// restored of it; an older state is told from one to go on with.
func TestAuditBackup(t *testing.T) {
	p, _ := keepBook(t)
	l, err := audit.Open(p.log, audit.Options{Segment: 1 << 17})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			var events []*proxy.Event
			for range 20 {
				ev := proxy.NewEvent(proxy.EventDecision, time.Now())
				ev.Decision = &proxy.DecisionRecord{Action: proxy.Allow, Reasons: []proxy.Reason{}}
				ev.Personal = &proxy.PersonalRecord{Subject: fmt.Sprint("somebody ", n)}
				events = append(events, ev)
			}
			if err := l.Record(context.Background(), events...); err != nil || ctx.Err() != nil {
				done <- err
				return
			}
		}
	}()
	root := t.TempDir()
	var copies []string
	for n := range 6 {
		dest := filepath.Join(root, fmt.Sprint("copy", n))
		status, out, diag := told("", "audit", "backup", dest, "--log", p.log)
		if status != 0 || !strings.Contains(out, "the copy is GOOD") {
			t.Errorf("status %d\n%s%s", status, out, diag)
			continue
		}
		copies = append(copies, dest)
	}
	cancel()
	if err := errors.Join(<-done, l.Close()); err != nil {
		t.Fatal(err)
	}
	if len(copies) != 6 {
		t.FailNow()
	}
	if left, err := filepath.Glob(filepath.Join(root, "*.partial-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, name := range append(copies, p.log) {
		if err := filepath.WalkDir(name, func(path string, d os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".key") || strings.HasSuffix(path, ".new") {
				t.Errorf("a copy holds %s", path)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	// The log's own copy, at rest: it can be gone on with.
	last := filepath.Join(root, "last")
	if status, out, diag := told("", "audit", "backup", last, "--log", p.log); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, diag)
	}
	if status, _, diag := told("", "audit", "backup", last, "--log", p.log); status != 2 || !strings.Contains(diag, "is not empty") {
		t.Errorf("a copy is written over: status %d, %s", status, diag)
	}
	if status, _, diag := told("", "audit", "restore", last, "--log", p.log); status != 2 || !strings.Contains(diag, "is not empty") {
		t.Errorf("a log is written over: status %d, %s", status, diag)
	}
	if err := os.Rename(p.log, p.log+".away"); err != nil {
		t.Fatal(err)
	}
	status, out, diag := told("", "audit", "restore", copies[0], "--log", p.log, "--json")
	var got placed
	if err := json.Unmarshal([]byte(out), &got); status != 1 || err != nil || got.Goes == nil || *got.Goes || !strings.Contains(got.Because, "older state") {
		t.Errorf("an older state: status %d\n%s%s", status, out, diag)
	}
	if l, err := audit.Open(p.log, audit.Options{}); err == nil {
		t.Errorf("an older state is gone on with: %v", l.Close())
	}
	if err := os.RemoveAll(p.log); err != nil {
		t.Fatal(err)
	}
	if status, out, diag := told("", "audit", "restore", last, "--log", p.log); status != 0 || !strings.Contains(out, "can go on with it: nothing was signed that is not here") {
		t.Errorf("status %d\n%s%s", status, out, diag)
	}
	if l, err = audit.Open(p.log, audit.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(copies, p.log) {
		status, got := fsckOf(t, dir)
		if got["personal"].Answer != fsckGood || got["holds"].Answer != fsckGood || got["index"].Answer != fsckGood || dir == p.log && status != 0 {
			t.Errorf("%s: status %d, %+v", filepath.Base(dir), status, got)
		}
	}
	// A copy that somebody changed is not taken for a log.
	for _, at := range []int64{2000, -20} {
		name := filepath.Join(copies[1], "segments", "00000000.seg")
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		broken := bytes.Clone(whole)
		broken[(int64(len(whole))+at)%int64(len(whole))] ^= 1
		if err := errors.Join(os.WriteFile(name, broken, 0o600), os.RemoveAll(p.log)); err != nil {
			t.Fatal(err)
		}
		if status, out, diag := told("", "audit", "restore", copies[1], "--log", p.log); status != 1 || !strings.Contains(out+diag, "ALTERED") && !strings.Contains(diag, "damaged or was altered") {
			t.Errorf("byte %d: status %d\n%s%s", at, status, out, diag)
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What is erased while a copy is made does not come back with it: a copy whose records
// tell of the erasure holds none of the parts.
func TestAuditBackupErased(t *testing.T) {
	p, _ := keepBook(t)
	dest := t.TempDir()
	// Segment 1 is copied as it was, then erased, then the rest follows.
	h, err := copySegment(p.log, dest, 1)
	if err != nil || h == nil || !h.same(p.log) {
		t.Fatal(h, err)
	}
	open, err := copySegment(p.log, dest, 2)
	if err != nil || !open.open || !open.same(p.log) {
		t.Fatal(open, err)
	}
	if status, out, diag := told(keepSubject, "audit", "erase", "--subject", "-", "--yes", "--reason", "test", "--ticket", "T", "--log", p.log); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, diag)
	}
	if h.same(p.log) || open.same(p.log) {
		t.Error("the erasure is not noticed")
	}
	for number := range int64(3) {
		if _, err := copySegment(p.log, dest, number); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dest, "segments", "00000002.log")); err == nil {
		t.Error("the segment is there as it was before it was packed")
	}
}

// Retention keeps what a copy elsewhere has not got, although nobody ships now.
func TestAuditRetainCopies(t *testing.T) {
	p, _ := keepBook(t)
	if err := os.MkdirAll(shipDir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	cursor := func(next int) {
		t.Helper()
		text := fmt.Sprintf(`{"origin":"test.example/log","next":%d,"end":%d,"leaf":"","parked":0,"in_row":0}`, next, next)
		if err := os.WriteFile(filepath.Join(shipDir(p), "far.cursor"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cursor(5)
	status, out, diag := told("", "audit", "retain", "--before", "0s", "--log", p.log)
	if status != 1 || !strings.Contains(out, "1 segments were removed: records 0 to 3") || !strings.Contains(out, "a copy elsewhere has not got it") {
		t.Errorf("status %d\n%s%s", status, out, diag)
	}
	cursor(8)
	if status, out, diag := told("", "audit", "retain", "--before", "0s", "--log", p.log); status != 0 || !strings.Contains(out, "1 segments were removed: records 4 to 7") {
		t.Errorf("status %d\n%s%s", status, out, diag)
	}
}

// Where no Ostiary runs, what is recorded is done by one process at a time, which reads
// the index and writes none.
func TestAuditKeepAlone(t *testing.T) {
	p, key := keepBook(t)
	for _, s := range []struct{ args, out string }{
		{"show " + bookID(0) + " --personal", keepSubject},
		{"export --personal -q kind:decision", keepSubject},
		{"reveal " + bookID(1) + " --json --reason test --ticket T --key " + key, `"id":"` + bookID(0) + `"`},
		{"erase -q action:allow --yes --reason test --ticket T", "6 personal parts were erased"},
	} {
		before := len(readEvents(t, p.log, proxy.EventAccess)) + len(readEvents(t, p.log, proxy.EventErasure))
		status, out, diag := told("", append(append([]string{"audit"}, strings.Fields(s.args)...), "--log", p.log)...)
		if status != 0 || !strings.Contains(out, s.out) {
			t.Errorf("audit %s: status %d\n%s%s", s.args, status, out, diag)
		}
		if n := len(readEvents(t, p.log, proxy.EventAccess)) + len(readEvents(t, p.log, proxy.EventErasure)); n == before {
			t.Errorf("audit %s is not recorded", s.args)
		}
	}
	if left, err := filepath.Glob(filepath.Join(p.log, index.Dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("an index was written: %v, %v", left, err)
	}
	l, err := audit.Open(p.log, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, args := range []string{"rotate", "show " + bookID(0) + " --personal"} {
		status, out, diag := told("", append(append([]string{"audit"}, strings.Fields(args)...), "--log", p.log)...)
		if status != 2 || out != "" || !strings.Contains(diag, "does not serve "+filepath.Join(p.keys, console.SocketName)) {
			t.Errorf("audit %s of a log that another has: status %d\n%s%s", args, status, out, diag)
		}
	}
}

// A log that is not there is not made by a command that looks after it.
func TestAuditKeepNoLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for _, args := range []string{
		"hold list", "hold set x --reason test --ticket T", "rotate", "retain --before 1d", "fsck", "reindex", "repair", "backup " + log + ".copy",
		"restore " + log + ".copy", "hash --type EMAIL_ADDRESS", "erase --id " + bookID(0) + " --yes --reason test --ticket T",
	} {
		status, out, diag := told(keepAddress, append(append([]string{"audit"}, strings.Fields(args)...), "--log", log)...)
		if status != 2 || out != "" || !strings.Contains(diag, "no audit log") && !strings.Contains(diag, "no such file") {
			t.Errorf("audit %s: status %d\n%s%s", args, status, out, diag)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(log)); err != nil || len(entries) > 0 {
		t.Errorf("something was made: %v, %v", entries, err)
	}
}
