package witness

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	theirs "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// TestCosignatureInterop: another implementation of C2SP tlog-cosignature reads
// our keys and signatures, and we read its.
func TestCosignatureInterop(t *testing.T) {
	skey, key, err := GenerateKey(rand.Reader, "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := NewCosigner(skey + "\n")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1679315147, 0)
	ours.now = func() time.Time { return at }
	their, err := theirs.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := theirs.NewVerifierForCosignatureV1(key.String())
	if err != nil {
		t.Fatal(err)
	}
	if verifier.KeyHash() != key.KeyHash() || verifier.Name() != key.Name() || their.KeyHash() != ours.KeyHash() {
		t.Error("name or hash differ")
	}
	f := newForest(t, "log.example/a")
	f.grow(t, 5, "record")
	for _, text := range []string{f.at(t, 5).String(), f.at(t, 5).String() + "extension\n"} {
		signed, err := note.Sign(&note.Note{Text: text}, ours)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(signed, note.VerifierList(verifier))
		if err != nil {
			t.Fatal(err)
		}
		if ts, err := theirs.CoSigV1Timestamp(n.Sigs[0]); err != nil || !ts.Equal(at) {
			t.Errorf("the time is %v, %v", ts, err)
		}
		signed, err = note.Sign(&note.Note{Text: text}, their)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(signed, note.VerifierList(key)); err != nil {
			t.Error(err)
		}
		line, err := ours.line(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open([]byte(text+"\n"+string(line)), note.VerifierList(verifier)); err != nil {
			t.Error(err)
		}
	}
	read, err := NewKey(key.String() + "\n")
	if err != nil || read.String() != key.String() {
		t.Errorf("a key reads as another: %v", err)
	}
	// As some witnesses publish theirs.
	_, plain, err := note.GenerateKey(rand.Reader, "witness.example/old")
	if err != nil {
		t.Fatal(err)
	}
	want, err := theirs.NewVerifierForCosignatureV1(plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := NewKey(plain); err != nil || got.KeyHash() != want.KeyHash() {
		t.Errorf("a key of type 0x01: %v", err)
	}
}

func TestKeysRefused(t *testing.T) {
	skey, key, err := GenerateKey(rand.Reader, "w.example")
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := note.GenerateKey(rand.Reader, "w.example")
	if err != nil {
		t.Fatal(err)
	}
	secret := skey[len(skey)-40:]
	for _, bad := range []string{"", "PRIVATE+KEY+", plain, key.String(), strings.Replace(skey, "w.example", "v.example", 1), skey[:len(skey)-8], skey + "A"} {
		if _, err := NewCosigner(bad); err == nil {
			t.Error("a signer key was taken that is none")
		} else if strings.Contains(err.Error(), secret[:8]) {
			t.Error("an error quotes the key")
		}
	}
	short := base64.StdEncoding.EncodeToString([]byte{4, 1, 2})
	for _, bad := range []string{"", "w.example", "w.example+00000000+" + short, strings.Replace(key.String(), "w.example", "v.example", 1), skey, key.String() + "AA"} {
		if _, err := NewKey(bad); err == nil {
			t.Error("a verifier key was taken that is none")
		}
	}
	for _, name := range []string{"", "a b", "a+b", strings.Repeat("x", 256), "\xff"} {
		if _, _, err := GenerateKey(rand.Reader, name); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	var zero [cosignatureBytes]byte
	zero[0] = 0x80 // a time beyond 2^63 - 1
	if key.Verify([]byte("text"), zero[:]) || key.Verify([]byte("text"), zero[:8]) || key.Verify([]byte("text"), nil) {
		t.Error("a signature was taken that is none")
	}
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys", "witness.key")
	c, err := LoadCosigner(file, "w.example")
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadCosigner(file, "another.name")
	if err != nil || again.Key().String() != c.Key().String() {
		t.Errorf("the key did not stay: %v", err)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil || strings.TrimSpace(string(public)) != c.Key().String() {
		t.Errorf("the public half: %v", err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCosigner(file, "w.example"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}
