package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// seedTemp makes the log of a number of days.
func seedTemp(t *testing.T, days int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	if err := seedLog(dir, "test.example/log", 0, days); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The stand-alone verifier, a program of its own, takes what the commands write, and
// tells where a byte of it was changed.
func TestAuditStandAlone(t *testing.T) {
	dir := seedTemp(t, 1)
	tmp := t.TempDir()
	verifier := filepath.Join(tmp, "ostiary-verify")
	if out, err := exec.Command("go", "build", "-o", verifier, "../ostiary-verify").CombinedOutput(); err != nil {
		t.Fatalf("build the verifier: %v\n%s", err, out)
	}
	// Another machine has the files and the key.
	key := filepath.Join(tmp, "log.pub")
	b, err := os.ReadFile(filepath.Join(audit.DefaultKeyDir(dir), "log.pub"))
	if err == nil {
		err = os.WriteFile(key, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string]string{
		"proof":       "proof " + bookID(2),
		"bundle":      "export --format bundle",
		"attestation": "report attest --group health --outside EU --since 2026-10-05",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if status, _, diag := ostiary(slices.Concat([]string{"audit"}, strings.Fields(args), []string{"--log", dir, "-o", file})...); status != 0 {
				t.Fatalf("status %d: %s", status, diag)
			}
			check := func(want int) string {
				cmd := exec.Command(verifier, "--key", key, file)
				out, err := cmd.CombinedOutput()
				if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
					t.Fatalf("%v, want status %d:\n%s", err, want, out)
				}
				return string(out)
			}
			if out := check(0); !strings.Contains(out, "GOOD") {
				t.Fatal(out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// The middle of what was signed: in a proof a letter of the event, in a bundle a
			// byte of its records.
			at := bytes.Index(b, []byte("data_policy_denied"))
			if at < 0 {
				at = bytes.Index(b, []byte("records/00000000.leaves")) + 512
			}
			b[at] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if out := check(1); !strings.Contains(out, "ALTERED") {
				t.Fatal(out)
			}
		})
	}
}

// cosignedBy has a witness cosign the log's checkpoint.
func cosignedBy(t *testing.T, dir string, w *witness.Witness) []byte {
	t.Helper()
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := r.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.PeekCheckpoint(signed)
	if err != nil {
		t.Fatal(err)
	}
	source, err := tiles.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w)
	defer srv.Close()
	client, err := witness.NewClient(witness.ClientOptions{URL: srv.URL, Key: w.Key()})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := client.Submit(t.Context(), signed, func(old int64) ([]tlog.Hash, error) { return tiles.Prove(source, tiles.Tree(c), old) })
	if err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(signed), lines...)
}

// A machine that was put back as a whole, log, keys and last checkpoint, verifies by
// itself. A witness elsewhere knows better.
func TestAuditWitness(t *testing.T) {
	dir := seedTemp(t, 1)
	machine, tmp := filepath.Dir(dir), t.TempDir()
	before := filepath.Join(tmp, "before")
	if err := os.CopyFS(before, os.DirFS(machine)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(audit.DefaultKeyDir(dir), "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.NewVerifier(b)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := witness.LoadCosigner(filepath.Join(tmp, "witness.key"), "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(witness.Options{Dir: filepath.Join(tmp, "witness"), Cosigner: cosigner, Logs: []witness.Log{{Origin: "test.example/log", Keys: []note.Verifier{key}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	srv := httptest.NewServer(w)
	defer srv.Close()
	pub := filepath.Join(tmp, "witness.pub")
	if err := os.WriteFile(pub, []byte(w.Key().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := cosignedBy(t, dir, w)
	if err := seedLog(dir, "test.example/log", 1, 2); err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(tmp, "cosigned")
	if err := os.WriteFile(last, cosignedBy(t, dir, w), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(before, "log")
	forked := filepath.Join(tmp, "forked")
	if err := os.CopyFS(forked, os.DirFS(before)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(forked, "log.keys", "log.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	ring := filepath.Join(forked, "log.keys", "fingerprint")
	if err := os.RemoveAll(ring); err != nil { // copied with other modes
		t.Fatal(err)
	}
	if err := seedLog(filepath.Join(forked, "log"), "test.example/log", 5, 8); err != nil {
		t.Fatal(err)
	}
	unsigned := filepath.Join(tmp, "unsigned")
	if err := os.WriteFile(unsigned, old[:bytes.LastIndexByte(old[:len(old)-1], '\n')+1], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, log, args string
		status          int
		says            string
	}{
		{"by itself the older state is good", gone, "", 0, "GOOD"},
		{"the log goes on", dir, "--witness " + srv.URL, 0, "CONTINUES"},
		{"the log goes on, by file", dir, "--witness-checkpoint " + last, 0, "CONTINUES"},
		{"put back", gone, "--witness " + srv.URL, 1, "WAS ROLLED BACK"},
		{"put back, by file", gone, "--witness-checkpoint " + last, 1, "first bad record: 202"},
		{"put back and gone on with", filepath.Join(forked, "log"), "--witness " + srv.URL, 1, "DIFFERS"},
		{"not what the witness signed", dir, "--witness-checkpoint " + unsigned, 2, "holds no cosignature"},
		{"nobody answers", dir, "--witness http://127.0.0.1:1", 2, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"audit", "verify", "--log", c.log}, strings.Fields(c.args)...)
			if c.args != "" {
				args = append(args, "--witness-key", pub)
			}
			status, out, diag := ostiary(args...)
			if status != c.status || !strings.Contains(out+diag, c.says) {
				t.Errorf("status %d, want %d, saying %q:\n%s%s", status, c.status, c.says, out, diag)
			}
		})
	}
	_, out, _ := ostiary("audit", "verify", "--json", "--log", gone, "--witness", srv.URL, "--witness-key", pub)
	var r verifyReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Standing != witness.RolledBack.String() || r.Answer != "altered" {
		t.Errorf("--json says %s (%v)", out, err)
	}
}

// Reading commands work beside an Ostiary that writes; what is recorded is done by it.
func TestAuditBesideOstiary(t *testing.T) {
	in := launch(t, "embedded", "")
	resp, err := http.Post(in.url+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hello"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	id := resp.Header.Get("x-ostiary-decision-id")
	if id == "" {
		t.Fatalf("status %d and no decision", resp.StatusCode)
	}
	log := in.places.log
	for _, args := range []string{"show " + id, "show --personal " + id, "search kind:decision", "proof " + id, "tail -n 1", "stats", "export -q kind:decision --personal"} {
		status, out, diag := ostiary(append([]string{"audit"}, append(strings.Fields(args), "--log", log)...)...)
		if status != 0 || out == "" {
			t.Errorf("audit %s: status %d\n%s%s", args, status, out, diag)
		}
	}
	// The proof was made of what it had signed by then.
	_, file, _ := ostiary("audit", "proof", id, "--log", log)
	b, err := os.ReadFile(filepath.Join(in.places.keys, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := proof.NewKey(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := proof.Verify([]byte(file), key); err != nil || !bytes.Contains(got.Event, []byte(id)) {
		t.Errorf("the proof: %v", err)
	}
	in.end()
	var looks []string
	for _, ev := range readEvents(t, log, "access") {
		looks = append(looks, ev.Admin.Action)
	}
	if !slices.Contains(looks, "show") || !slices.Contains(looks, "export") {
		t.Errorf("accesses recorded: %v", looks)
	}
}

// A tail with a query ends when it is interrupted, and shows what comes meanwhile: also
// of a decision that is looked for by its outcome.
func TestAuditFollowQuery(t *testing.T) {
	for _, query := range []string{"kind:decision action:deny", "action:deny sent:no"} {
		t.Run(query, func(t *testing.T) {
			dir := seedTemp(t, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &cancelAfter{lines: 11, cancel: cancel} // the last of the first day, and the ten of the second
			wrote := make(chan error, 1)
			screen := &onFirst{w: out, do: func() { go func() { wrote <- seedLog(dir, "test.example/log", 1, 2) }() }}
			args := append([]string{"audit", "tail", "-f", "-n", "1", "--log", dir}, strings.Fields(query)...)
			if status := run(ctx, args, streams{strings.NewReader(""), screen, &bytes.Buffer{}}); status != 0 {
				t.Errorf("status %d", status)
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
			if out.lines != 0 {
				t.Errorf("%d lines too few", out.lines)
			}
		})
	}
}

// onFirst does something when the first line is written.
type onFirst struct {
	w    io.Writer
	once sync.Once
	do   func()
}

func (o *onFirst) Write(b []byte) (int, error) {
	o.once.Do(o.do)
	return o.w.Write(b)
}
