package national

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers/stdnum"
)

// positives gives each format's sample beside one of its words.
func positives() []string {
	var out []string
	for _, f := range formats() {
		clear, terse, _ := wordsOf(f)
		if w := append(clear[len(extraWords[f.Type]):], terse...); len(w) > 0 && !short(f.Sample) {
			out = append(out, positive(f, w[0]))
		}
	}
	return out
}

// short reports whether a number has too few digits to be looked for without the
// code of its country.
func short(sample string) bool {
	n := 0
	for i := 0; i < len(sample); i++ {
		switch {
		case digit(sample[i]):
			n++
		case sample[i] >= 'A':
			return false
		}
	}
	return n < minBare
}

func positive(f *stdnum.Format, word string) string {
	if cc, _, _ := strings.Cut(f.Name, "."); f.Strong < 5 && countries[cc] != nil {
		word = countries[cc].words[0] + " " + word // several countries have the form
	}
	typ := f.Type
	if platesOf[typ] {
		typ = "VEHICLE_PLATE"
	}
	return word + ": [[" + typ + "|" + f.Sample + "]]"
}

// nearMisses are numbers that name things.
var nearMisses = []string{
	"order 100-2345678-9012345, tracking 9400111899223197428490, invoice 2024-000123-77",
	"version 1.26.4, build 20241124.1, commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
	"550e8400-e29b-41d4-a716-446655440000 and 2.16.840.1.101.3.4.2.1",
	"1700000000 1700000000123 2147483647 9223372036854775807 3.14159265358979323846",
	"2024-11-24 10:30:01, 24.11.2024, 11/24/2024, 12:34:56",
	"part 6204-2RS, SKU AX-100-BLK-XL, LOT 24-11873-B, REF 0301-9942-17",
	"ids 100000000001 to 100000000999 and rows 536228765, 250555090",
}
