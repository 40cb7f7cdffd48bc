package gazetteer

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestWords asks for words that everyone knows.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		word                                 string
		given, surname, place, common        int // at least
		noGiven, noSurname, noPlace, noWords bool
	}{
		{word: "John", given: 3, noPlace: true},
		{word: "KOWALSKI", surname: 3, noPlace: true, noWords: true},
		{word: "O’Brien", surname: 2, noWords: true},
		{word: "Łukasz", given: 3, noPlace: true},
		{word: "Jean-Pierre", given: 2, noWords: true},
		{word: "Şahin", surname: 3},
		{word: "Los  Angeles", place: 3, noSurname: true},
		{word: "Москва", place: 3},
		{word: "東京", place: 3},
		{word: "佐藤", surname: 3},
		{word: "王", surname: 3},
		{word: "मोहन", given: 2},
		{word: "Texas", place: 3},
		{word: "Rechnung", common: 3, noGiven: true, noSurname: true, noPlace: true},
		{word: "the", common: 4, noGiven: true},
		{word: "Rose", given: 2, surname: 2, common: 2},
		{word: "xqzwv", noGiven: true, noSurname: true, noPlace: true, noWords: true},
		{word: "", noGiven: true, noSurname: true, noPlace: true, noWords: true},
	} {
		f := Word(Fold(nil, c.word))
		if f.Given() < c.given || f.Surname() < c.surname || f.Place() < c.place || f.Common() < c.common ||
			c.noGiven && f.Given() > 0 || c.noSurname && f.Surname() > 0 || c.noPlace && f.Place() > 0 || c.noWords && f.Common() > 0 {
			t.Errorf("%s: given %d, surname %d, place %d, common %d", c.word, f.Given(), f.Surname(), f.Place(), f.Common())
		}
	}
	if Word([]byte("angeles"))&PlacePart == 0 || Word([]byte("france"))&Country == 0 {
		t.Error("parts of places and countries are not marked")
	}
}

func TestPack(t *testing.T) {
	var list []Entry
	for i := range 20_000 {
		list = append(list, Entry{Hash([]byte(fmt.Sprint("word", i))), Make(i&3, i>>2&3, i>>4&3, i%5) | Flags(i&1)<<9})
	}
	old, oldSlots := table, slots
	defer func() { table, slots = old, oldSlots }()
	table = string(Pack(list))
	slots = uint64(len(table) / entryBytes)
	wrong := 0
	for _, e := range list {
		if Find(e.Hash) != e.Flags {
			wrong++
		}
	}
	// Words that cannot be told apart are rare, not impossible.
	if wrong > 2 {
		t.Errorf("%d of %d entries are not found as they were packed", wrong, len(list))
	}
}

// TestAbsent: a word that is not in the table is taken for one of it rarely.
func TestAbsent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hits := 0
	const n = 2_000_000
	for range n {
		if Find(r.Uint64()) != 0 {
			hits++
		}
	}
	if hits > n/20_000 {
		t.Errorf("%d of %d random hashes are found", hits, n)
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Müller": "muller", "STRASSE": "strasse", "Straße": "strasse", "O'Neil": "oneil", "Jean‑Luc": "jean-luc", "İbrahim": "ibrahim",
		"Åström": "astrom", "Nguyễn": "nguyen", "Ørsted": "orsted", "  a  b": "a b", "Э": "э", "e\u0301": "e",
	} {
		if got := string(Fold(nil, in)); got != want {
			t.Errorf("%s folds to %q, want %q", in, got, want)
		}
	}
	for r := rune(-1); r < 0x300; r++ {
		a, b := FoldLatin(r)
		if a >= 0x80 || b >= 0x80 || a == 0 && b != 0 {
			t.Errorf("%U folds to bytes that are not ASCII", r)
		}
	}
}

func TestSize(t *testing.T) {
	if len(table) == 0 || len(table)%entryBytes != 0 || len(table) > 6<<20 {
		t.Fatalf("the table has %d bytes", len(table))
	}
	used := 0
	for i := 0; i < len(table); i += entryBytes {
		if table[i:i+entryBytes] != "\x00\x00\x00\x00" {
			used++
		}
	}
	if uint64(used)*10 > slots*9 {
		t.Errorf("%d of %d slots are used: chains get long", used, slots)
	}
}

func TestAllocations(t *testing.T) {
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { Word(Fold(buf, "Müller-Lüdenscheidt")) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	h := make([]uint64, 1<<12)
	for i := range h {
		h[i] = r.Uint64()
	}
	for i := 0; b.Loop(); i++ {
		Find(h[i&(len(h)-1)])
	}
}
