package main

import (
	"os"
	"path/filepath"
	"testing"
	"unicode"
)

func TestClean(t *testing.T) {
	for _, w := range []string{"muller", "los angeles", "jean-pierre", "佐藤", "मोहन"} {
		if !clean(w) {
			t.Errorf("%s is refused", w)
		}
	}
	for _, w := range []string{"", "enea1,", "ahearn,1", "a@b.de", "x [note]", "a  b", "-a", "a-", "b�c", "a.b"} {
		if clean(w) {
			t.Errorf("%q is accepted", w)
		}
	}
}

// TestLists: what comes of the shared lists is letters only.
func TestLists(t *testing.T) {
	data := filepath.Join("..", "..", "..", "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: the lists of names were not read")
	}
	l := lists{given: map[string]*count{}, surname: map[string]*count{}}
	if err := l.smashew(filepath.Join(data, "gazetteers", "smashew")); err != nil {
		t.Fatal(err)
	}
	if err := l.popular(filepath.Join(data, "gazetteers")); err != nil {
		t.Fatal(err)
	}
	if len(l.given) < 20_000 || len(l.surname) < 150_000 {
		t.Errorf("%d given names and %d surnames: a list is not read wholly", len(l.given), len(l.surname))
	}
	for _, set := range []map[string]*count{l.given, l.surname} {
		for w := range set {
			for _, r := range w {
				if !unicode.IsLetter(r) && !unicode.IsMark(r) && r != ' ' && r != '-' && r != '・' && r != 'ー' {
					t.Fatalf("a name of %d bytes has the character %U", len(w), r)
				}
			}
		}
	}
}
