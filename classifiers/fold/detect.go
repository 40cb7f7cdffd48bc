package fold

import (
	"math/bits"
	"strings"
)

// Bit patterns of eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	fold8 = 0x2020202020202020 // ASCII letters to lower case
	// low is the byte below which ASCII is white space and punctuation that
	// never stands in base64, hex or a word: blank, quotes, parentheses, * …
	low = 0x2B * ones
)

// collect finds all that can be read otherwise.
//
// The loop looks at eight bytes at a time for what may begin something: a byte
// that is not ASCII, eight bytes that are all letters, digits or the like (a
// run), digits that stand alone two bytes apart, blanks two bytes apart, and
// words by their first three letters. Readers then look closely. Escapes have a
// mark of one byte and are looked for by strings.IndexByte.
func (c *collector) collect(t string) {
	c.text = t
	c.escapes()
	c.word(0)
	for i := 0; i < len(t); {
		var x uint64
		inside := i+16 <= len(t)
		if inside {
			x = eight(t[i : i+8])
		} else {
			x = tail(t, i)
		}
		step := 8
		if h := x & highs; h != 0 {
			if step = bits.TrailingZeros64(h) >> 3; step == 0 {
				i = c.runes(i)
				continue
			}
			// What is behind that byte is looked at later.
			x = x&(1<<(8*step)-1) | '~'*ones<<(8*step)
		}
		less := (x - low) &^ x & highs
		if less == 0 {
			if i >= c.run {
				c.longRun(i)
			}
		} else {
			// Words begin behind those bytes and behind [ and {.
			y := x | fold8
			b := y ^ '{'*ones
			less |= (b - ones) &^ b & highs
			if inside {
				// The first two without a branch: text has one or two.
				j := i + bits.TrailingZeros64(less)>>3
				v := four(t[j+1 : j+5])
				less &= less - 1
				k := i + bits.TrailingZeros64(less|1<<63)>>3
				w := four(t[k+1 : k+5])
				less &= less - 1
				if isTrigger(v) || isTrigger(w) {
					c.word(j + 1)
					c.word(k + 1)
				}
			}
			for less != 0 {
				j := i + bits.TrailingZeros64(less)>>3
				c.word(j + 1)
				less &= less - 1
			}
			// Blanks at three places two bytes apart.
			s := x ^ fold8
			s = (s - ones) &^ s & highs
			if s&(s>>16)&(s>>32) != 0 {
				c.spaced(i + bits.TrailingZeros64(s)>>3 + 1)
			}
		}
		d := x ^ '0'*ones
		d = ^((d&^highs + 0x7676767676767676) | d) & highs
		if d != 0 {
			alone := d &^ (d << 8) &^ (d >> 8)
			if alone&(alone>>16) != 0 {
				c.spaced(i + bits.TrailingZeros64(alone&(alone>>16))>>3)
			}
			u := x ^ '_'*ones
			u = (u - ones) &^ u & highs
			a := x ^ '*'*ones
			a = (a - ones) &^ a & highs
			if u|a != 0 {
				c.joined(i)
			}
		}
		i += step
	}
}

// eight and four read the bytes of a string as one number.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func four(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// tail reads the last bytes of a text, filled up with blanks.
func tail(t string, i int) (x uint64) {
	x = fold8
	for k := min(8, len(t)-i) - 1; k >= 0; k-- {
		x = x<<8 | uint64(t[i+k])
	}
	if n := len(t) - i; n < 8 {
		// The blanks shifted out at the top come back at the top.
		x = x&(1<<(8*n)-1) | fold8<<(8*n)
	}
	return x
}

// triggers are the first three letters of words that spelled forms begin with,
// in a table whose multiplier was chosen so that no two share a slot.
const (
	triggerSlots = 1 << 11
	triggerMul   = 0x91B7584B
	triggerShift = 32 - 11
)

var triggers = func() (t [triggerSlots]uint32) {
	add := func(s string) {
		v := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16
		h := v * triggerMul >> triggerShift
		if t[h] != 0 && t[h] != v {
			panic("fold: two triggers share a slot: " + s)
		}
		t[h] = v
	}
	for _, list := range []string{digitTriggers, formTriggers} {
		for _, s := range strings.Fields(list) {
			// The automaton folds by setting bit 5: so does the table.
			add(strings.NewReplacer("_", " ", "]", "}").Replace(s))
		}
	}
	return t
}()

// formTriggers begin the words for @ and dot, bare and in brackets.
const formTriggers = "dot pun poi pon kro nok prp arr aro chi kla ape sna at) at} ato"

func isTrigger(v uint32) bool {
	v |= 0x20202020
	if v&0xFFFF == '.'|'}'<<8 || v&0xFFFF == '.'|')'<<8 {
		return true // [.] and (.)
	}
	v &= 0xFFFFFF
	return triggers[v*triggerMul>>triggerShift] == v
}
