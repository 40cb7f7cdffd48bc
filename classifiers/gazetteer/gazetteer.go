// Package gazetteer knows which words are names of persons and of places, and
// which are common words. It answers for one folded word at a time, without
// allocation.
//
// The table holds 20 bits of a hash for each word, not the words: it can be
// asked, not read. A word that is not in it is taken for one about six times in
// a million. A hit is a feature for who judges, never evidence by itself: Rose,
// Will, Reading and Mark are names, places and common words.
//
// The lists it is made from, and their licences, are named in the file NOTICE;
// the program in the folder build makes it. Which country or people a name is
// of is deliberately not in it.
package gazetteer

//go:generate go run ./build -data ../../../shared/data -packages $PACKAGES -out table.bin

import (
	_ "embed"
	"math/bits"
)

// Flags are what is known of a word.
type Flags uint16

// The fields of [Flags]; the classes are two bits each, read by the methods.
const (
	givenShift   = 0
	surnameShift = 2
	placeShift   = 4
	commonShift  = 6

	// PlacePart marks a word of a place's name of several words: angeles. Those
	// names stand in the table whole too, with single spaces: los angeles.
	PlacePart Flags = 1 << 9
	// Country marks names of countries, of their large parts and of continents.
	Country  Flags = 1 << 10
	flagBits       = 12
)

// Given says how usual the word is as a given name: 0 not known as one, 1 in one
// list, 2 in several, 3 among the most frequent of a country.
func (f Flags) Given() int { return int(f>>givenShift) & 3 }

// Surname says how usual the word is as a surname, as Given does.
func (f Flags) Surname() int { return int(f>>surnameShift) & 3 }

// Place says how large the place of that name is: 0 no place, 1 a town of 5,000
// to 15,000, 2 of up to 150,000, 3 a city, country or state.
func (f Flags) Place() int { return int(f>>placeShift) & 3 }

// Common says how usual the word is as a word of a language that is no name: 0
// not known, 1 rare, 2 known, 3 usual, 4 one of the most frequent (the, und).
func (f Flags) Common() int { return int(f>>commonShift) & 7 }

// Name gives the greater of Given and Surname.
func (f Flags) Name() int { return max(f.Given(), f.Surname()) }

//go:embed table.bin
var table string

// slots is the number of entries of the table, four bytes each.
var slots = uint64(len(table) / entryBytes)

const (
	entryBytes = 4
	flagMask   = 1<<flagBits - 1
)

// Word gives what is known of a word, 0 where nothing is. The word is folded by
// [Fold]; nothing of it is kept.
func Word(folded []byte) Flags { return Find(Hash(folded)) }

// Find is Word for a caller that has the [Hash].
func Find(hash uint64) Flags {
	at, print := place(hash, slots)
	// An entry is its print and flags; 0 ends a chain, so that the walk is short:
	// a quarter of the table is free.
	for {
		i := at * entryBytes
		e := uint32(table[i]) | uint32(table[i+1])<<8 | uint32(table[i+2])<<16 | uint32(table[i+3])<<24
		if e == 0 {
			return 0
		}
		if e>>flagBits == print {
			return Flags(e & flagMask)
		}
		if at++; at == slots {
			at = 0
		}
	}
}

// place gives the slot where a hash's chain begins, in a table of n slots, and
// its print.
func place(hash, n uint64) (uint64, uint32) {
	h := hash ^ hash>>32
	h *= 0x9E3779B97F4A7C15
	h ^= h >> 29
	at, low := bits.Mul64(h, n)
	return at, uint32((low ^ h<<7) >> (64 - 20))
}

// Entry is a word's hash and flags, for [Pack].
type Entry struct {
	Hash  uint64
	Flags Flags
}

// Pack makes a table of the entries, in the order given; the program that makes
// the embedded table calls it. Entries without flags are left out, and of two
// that cannot be told apart the first stays.
func Pack(entries []Entry) []byte {
	n := uint64(len(entries))*4/3 + 8
	out := make([]byte, n*entryBytes)
	for _, e := range entries {
		if e.Flags&flagMask == 0 {
			continue
		}
		at, print := place(e.Hash, n)
		for {
			s := out[at*entryBytes : (at+1)*entryBytes]
			old := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
			if old == 0 {
				v := print<<flagBits | uint32(e.Flags&flagMask)
				s[0], s[1], s[2], s[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
				break
			}
			if old>>flagBits == print {
				break
			}
			at = (at + 1) % n
		}
	}
	return out
}

// Make gives the flags of these classes: given, surname and place of 0 to 3,
// common of 0 to 4.
func Make(given, surname, place, common int) Flags {
	return Flags(given&3)<<givenShift | Flags(surname&3)<<surnameShift | Flags(place&3)<<placeShift | Flags(common&7)<<commonShift
}
