package words

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const (
	street Class = 1 << iota
	person
)

var lexicon = NewLexicon(map[Class]string{
	street: "Straße rue улица o-brien",
	person: "Müller rue Łukasz 이름",
})

func TestRead(t *testing.T) {
	for _, c := range []struct {
		in   string
		at   int
		want Word // the hash left out
	}{
		{"Straße 5", 0, Word{End: 7, Class: street, Capital: true, Lower: true, Letters: 6}},
		{"STRASSE", 0, Word{End: 7, Class: street, Capital: true, Letters: 7}},
		{"la rue", 3, Word{Start: 3, End: 6, Class: street | person, Lower: true, Letters: 3}},
		{"muller", 0, Word{End: 6, Class: person, Lower: true, Letters: 6}},
		{"Mu\u0308ller", 0, Word{End: 8, Class: person, Capital: true, Lower: true, Letters: 7}}, // the mark is counted
		{"łukasz,", 0, Word{End: 7, Class: person, Lower: true, Letters: 6}},
		{"УЛИЦА", 0, Word{End: 10, Class: street, Capital: true, Letters: 5}},
		{"이름", 0, Word{End: 6, Class: person, Capital: true, Letters: 2}},
		{"O\u2019Brien-", 0, Word{End: 9, Capital: true, Lower: true, Letters: 6, Class: street}},
		{"o'brien", 0, Word{End: 7, Lower: true, Letters: 6, Class: street}},
		{"12b", 0, Word{End: 3, Lower: true, Digits: true, Letters: 1}},
		{"5º", 0, Word{End: 1, Digits: true}},
		{"'a", 0, Word{}},
		{"姓名", 0, Word{}},
		{"", 0, Word{}},
		{"a", 1, Word{Start: 1, End: 1}},
		{"\xff", 0, Word{}},
		{strings.Repeat("a", MaxWord+1), 0, Word{End: MaxWord, Lower: true, Letters: MaxWord}},
	} {
		got := lexicon.Read(c.in, c.at)
		if hashed := got.Hash != 0; hashed != (got.End > got.Start) {
			t.Errorf("%q: hash %x of %d bytes", c.in, got.Hash, got.End-got.Start)
		}
		got.Hash = 0
		if got != c.want {
			t.Errorf("%q at %d: %+v, want %+v", c.in, c.at, got, c.want)
		}
	}
}

func TestReadBack(t *testing.T) {
	for in, want := range map[string]string{
		"vor der Straße": "Straße", "the o'brien": "o'brien", "- 'brien": "brien", "x, ": "", "": "", "5º": "", "姓名rue": "rue", "a-b": "a-b",
		strings.Repeat("a", MaxWord+1): strings.Repeat("a", MaxWord),
	} {
		w := lexicon.ReadBack(in, len(in))
		if got := in[w.Start:w.End]; got != want || w.End != len(in) {
			t.Errorf("%q: %q at %d-%d, want %q", in, got, w.Start, w.End, want)
		}
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{"Straße": "strasse", "ÆRØ": "aero", "Łódź": "lodz", "İ": "i", "УЛ": "ул", "e\u0301": "e", "2º": "2\x00", "": ""} {
		if got := Fold(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	var b [2 * MaxWord]byte
	if got := FoldInto(&b, "Ærø"); string(got) != "aero" {
		t.Errorf("FoldInto: %q", got)
	}
	if got := FoldInto(&b, "улица"); got != nil {
		t.Errorf("FoldInto of another script: %q", got)
	}
	if got := FoldInto(&b, strings.Repeat("a", len(b))); got != nil {
		t.Errorf("FoldInto of a long word: %q", got)
	}
}

func TestAround(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"no blank", Blanks("a", 0), 0},
		{"a blank", Blanks(" a", 0), 1},
		{"two of three", Blanks("   a", 0), 2},
		{"one that does not break and a narrow one", Blanks("\u00a0\u202fa", 0), 5},
		{"behind the text", Blanks("a", 7), 0},
		{"back", BlanksBack("a  ", 3), 2},
		{"back over one that does not break", BlanksBack("a\u00a0", 3), 2},
		{"back at the start", BlanksBack("  a", 0), 0},
		{"an apostrophe", Joint("'", 0), 1},
		{"a curly one", Joint("\u2019", 0), 3},
		{"a dash", Joint("\u2013", 0), 0},
		{"no joint", Joint("a", 9), 0},
		{"before the text", int(At("a", -1)), 0},
		{"in the text", int(At("a", 0)), 'a'},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
	if !Begins("名前は", "姓名", "名前") || Begins("名", "名前") {
		t.Error("Begins")
	}
}

// A word is found by its folded form wherever it stands, and read the same from
// both ends; nothing is read beyond the bound.
func FuzzRead(f *testing.F) {
	for _, in := range []string{"Straße", "o'brien-x", "Mu\u0308ller", "улица", "이름 a", "5º", "a\u2019", "é-\xe2\x80"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for i := range min(len(in), 1<<10) {
			w := lexicon.Read(in, i)
			if w.Start != i || w.End < i || w.End > len(in) || w.End-i > MaxWord+utf8.UTFMax {
				t.Fatalf("%q at %d: %+v", in, i, w)
			}
			if w.End == i {
				continue
			}
			word := in[i:w.End]
			if other := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }; !strings.ContainsFunc(word, other) && Hash(Fold(word)) != w.Hash {
				t.Fatalf("%q: another hash than that of %q", word, Fold(word))
			}
			if back := lexicon.ReadBack(in, w.End); back.End != w.End || back.Start < back.End && lexicon.Read(in, back.Start) != back {
				t.Fatalf("%q: back from %d: %+v", in, w.End, back)
			}
		}
	})
}
