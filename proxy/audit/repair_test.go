package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy"
)

// A damaged log is put aside unchanged, and the new one begins by saying so.
func TestRepair(t *testing.T) {
	l, dir := filled(t, 200, quiet())
	must(t, l.notary.run())
	shut(t, l)
	if _, err := Repair(dir, quiet(), act()); !errors.Is(err, ErrWhole) {
		t.Fatalf("a whole log: %v", err)
	}
	o := quiet()
	name, at, _ := locate(t, dir, 150)
	patch(t, filepath.Join(dir, name), func(b []byte) { b[at+40] ^= 1 })
	damaged := read(t, dir, name)
	if _, err := Open(dir, o); err == nil {
		t.Fatal("a damaged log was opened")
	}
	if _, err := Repair(dir, o, Act{Code: "none"}); !errors.Is(err, ErrCode) {
		t.Errorf("without a reason: %v", err)
	}
	got, err := Repair(dir, o, Act{Code: "incident", Role: "admin"})
	if err != nil || got.Records != 150 || got.FirstBad != 150 || got.Former != "test.example/log" || got.Origin == got.Former {
		t.Fatalf("repair: %+v, %v", got, err)
	}
	if string(read(t, got.Evidence, name)) != string(damaged) {
		t.Error("the evidence was changed")
	}
	all := records(t, dir)
	ev, err := all[0].Event()
	must(t, err)
	if len(all) != 1 || ev.Kind != proxy.EventGap || ev.Admin.Action != "repair" || ev.Admin.From != 150 || ev.Admin.To != 200 || !strings.Contains(ev.Admin.Detail, got.Former) {
		t.Errorf("recorded: %+v", ev.Admin)
	}
	l = open(t, dir, o)
	record(t, l, small(1))
	shut(t, l)
	if r, err := Verify(dir, trusted(t, dir)); err != nil || r.Answer != Good {
		t.Errorf("the new log: %+v, %v", r, err)
	}
}

// A range is verified without the rest, and an alteration outside it is not its
// business.
func TestVerifyRange(t *testing.T) {
	l, dir := filled(t, 700, quiet())
	must(t, l.notary.run())
	record(t, l, small(701))
	shut(t, l)
	o := trusted(t, dir)
	list, err := listSegments(dir)
	must(t, err)
	second, third := list[1].header.tree.size, list[2].header.tree.size
	forge(t, dir, second-1)
	o.From, o.To = second, 700
	if r, err := Verify(dir, o); err != nil || r.Answer != Good || r.Size != 700 {
		t.Errorf("the rest: %+v, %v", r, err)
	}
	o.From = second - 1
	if r, err := Verify(dir, o); err != nil || r.Answer != Altered || r.FirstBad != second-1 {
		t.Errorf("with the forged one: %+v, %v", r, err)
	}
	o.From, o.To = third, 0
	if r, err := Verify(dir, o); err != nil || r.Answer != Good || r.Size != 701 {
		t.Errorf("to the end: %+v, %v", r, err)
	}
}

// A command signs checkpoints; what it gets wrong is never written.
func TestCommandSigner(t *testing.T) {
	dir := t.TempDir()
	skey, public, err := note.GenerateKey(rand.Reader, "test.example/key")
	must(t, err)
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(skey, "+", 5)[4]) // PRIVATE+KEY+NAME+HASH+KEY
	must(t, err)
	key := ed25519.NewKeyFromSeed(raw[1:])
	// The command is this test's binary: it signs as a key management service would.
	t.Setenv("OSTIARY_AUDIT_SIGNER", base64.StdEncoding.EncodeToString(key))
	signer, v, err := NewCommandSigner([]string{os.Args[0]}, public)
	must(t, err)
	o := quiet()
	o.Signer, o.Verifier, o.Public = signer, v, public
	log := filepath.Join(dir, "log")
	l := open(t, log, o)
	record(t, l, small(1))
	must(t, l.notary.run())
	shut(t, l)
	if r, err := Verify(log, VerifyOptions{Key: v, Checkpoint: read(t, log, checkpointFile)}); err != nil || r.Answer != Good {
		t.Errorf("verify: %+v, %v", r, err)
	}
	_, other, err := note.GenerateKey(rand.Reader, "test.example/other")
	must(t, err)
	for name, c := range map[string]struct {
		command []string
		public  string
	}{
		"another key":     {[]string{os.Args[0]}, other},
		"fails":           {[]string{"false"}, public},
		"prints rubbish":  {[]string{"echo", "hello"}, public},
		"is not there":    {[]string{filepath.Join(dir, "none")}, public},
		"prints for ever": {[]string{"head", "-c", "1000000", "/dev/zero"}, public},
	} {
		s, _, err := NewCommandSigner(c.command, c.public)
		must(t, err)
		if sig, err := s.Sign([]byte("text")); err == nil || sig != nil {
			t.Errorf("a command that %s: %v", name, err)
		}
	}
	if _, _, err := NewCommandSigner(nil, public); err == nil {
		t.Error("no command")
	}
}
