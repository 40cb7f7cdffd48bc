package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The pieces of a script, said one after the other, are the script; no piece is
// in two scripts or twice in one; none is so short that a tokenizer could put it
// together from single characters.
func TestCut(t *testing.T) {
	v := &vocabulary{next: map[int]int{}, known: map[string]bool{}}
	taken := map[string]bool{}
	for _, s := range scripts {
		pieces, err := v.cut(s.text)
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.ReplaceAll(strings.Join(pieces, ""), "\u2581", " "); said != s.text {
			t.Errorf("%s says %q", s.start, said)
		}
		for _, p := range pieces {
			if taken[p] {
				t.Errorf("%s: the piece %q is taken", s.start, p)
			}
			if utf8.RuneCountInString(p) < shortest {
				t.Errorf("%s: the piece %q is too short", s.start, p)
			}
			taken[p] = true
			v.add(p, normalToken)
		}
	}
}

// From every start token the table of followers leads through the whole script
// to the end token, which nothing follows.
func TestLay(t *testing.T) {
	v, greeting, err := lay(scripts)
	if err != nil {
		t.Fatal(err)
	}
	starts := map[string]int{}
	for id, text := range v.texts {
		if v.kinds[id] == controlToken {
			starts[text] = id
		}
	}
	for i, s := range scripts {
		at, said := starts[s.start], ""
		if i == 0 && v.next[at] != greeting {
			t.Errorf("the greeting starts with token %d, not %d", greeting, v.next[at])
		}
		for steps := 0; at != endID && steps < len(v.texts); steps++ {
			at = v.next[at]
			if at != endID {
				said += v.texts[at]
			}
		}
		if at != endID || strings.ReplaceAll(said, "\u2581", " ") != s.text {
			t.Errorf("%s leads elsewhere", s.start)
		}
	}
	if _, ok := v.next[endID]; ok {
		t.Error("something follows the end")
	}
	if _, _, err := lay([]script{{"<|a|>", "one two three"}, {"<|b|>", "one"}}); err == nil {
		t.Error("a script that is part of another was taken")
	}
}

func TestEncodeAligns(t *testing.T) {
	g := &gguf{}
	g.text("general.architecture", "llama")
	g.tensor("a", []float32{1}, 1)
	g.tensor("b", []float32{2}, 1)
	b := g.encode()
	if string(b[:4]) != "GGUF" || order.Uint32(b[4:]) != 3 || order.Uint64(b[8:]) != 2 || order.Uint64(b[16:]) != 1 {
		t.Errorf("header % x", b[:24])
	}
	// Two tensors of 4 bytes, the second at the next multiple of the alignment.
	if len(b)%alignment != 4 || order.Uint32(b[len(b)-4:]) != 0x40000000 || order.Uint32(b[len(b)-4-alignment:]) != 0x3f800000 {
		t.Errorf("data is not where it is said to be")
	}
}
