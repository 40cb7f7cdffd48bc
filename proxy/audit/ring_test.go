package audit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// TestRetiredKey: a key signs nothing after it was followed by another.
func TestRetiredKey(t *testing.T) {
	gen := func() (note.Signer, note.Verifier, string) {
		skey, vkey, err := note.GenerateKey(rand.Reader, "log.example/k")
		if err != nil {
			t.Fatal(err)
		}
		s, err1 := note.NewSigner(skey)
		v, err2 := note.NewVerifier(vkey)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return s, v, vkey
	}
	s1, v1, k1 := gen()
	s2, v2, k2 := gen()
	s3, v3, k3 := gen()
	state := func(origin string, size string, k, next string, by ...note.Signer) []byte {
		b, err := note.Sign(&note.Note{Text: strings.Join([]string{rotationTitle, origin, size, k, next, ""}, "\n")}, by...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	rule := []byte(rotationRule)
	sign := func(size int64, s note.Signer) []byte {
		b, err := note.Sign(&note.Note{Text: Checkpoint{Origin: "o", Size: size}.String()}, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := NewRing(v1, "o")
	for name, b := range map[string][]byte{
		"one signature":    state("o", "10", k1, k2, s1),
		"of the new alone": state("o", "10", k1, k2, s2),
		"another log":      state("p", "10", k1, k2, s1, s2),
		"itself":           state("o", "10", k1, k1, s1),
		"unknown keys":     state("o", "10", k3, k2, s3, s2),
		"nothing":          nil,
	} {
		if r.Learn(b) || r.Has(v2) {
			t.Errorf("%s: learned", name)
		}
	}
	// In any order; the second statement of a key does not count.
	if !r.Learn(bytes.Join([][]byte{state("o", "20", k2, k3, s2, s3), state("o", "10", k1, k2, s1, s2)}, rule)) || !r.Has(v2) || !r.Has(v3) {
		t.Fatal("two statements were not learned")
	}
	_, v4, k4 := gen()
	s4, _, _ := gen()
	if r.Learn(state("o", "15", k1, k4, s1, s4)) || r.Has(v4) {
		t.Error("a key was followed by two")
	}
	for _, c := range []struct {
		size int64
		by   note.Signer
		want error
	}{
		{10, s1, nil}, {11, s1, ErrRetired}, {10, s2, ErrRetired}, {11, s2, nil}, {20, s2, nil}, {21, s2, ErrRetired},
		{21, s3, nil}, {20, s3, ErrRetired}, {30, s4, ErrSignature},
	} {
		if _, err := r.Open(sign(c.size, c.by)); !errors.Is(err, c.want) {
			t.Errorf("%d: %v, want %v", c.size, err, c.want)
		}
	}
	if _, err := NewRing(v1, "another").Open(sign(10, s1)); !errors.Is(err, ErrAnother) {
		t.Errorf("of another log: %v", err)
	}
}
