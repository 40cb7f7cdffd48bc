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
// that is not ASCII, eight bytes without blanks (a run), digits that stand alone
// two bytes apart, blanks two bytes apart, the letters do, po and pu that words
// for a dot begin with, and the first word of every other eight bytes for
// number words, of which a row has one there. Readers then look closely. Escapes
// and brackets have a mark of one byte and are looked for by strings.IndexByte.
func (c *collector) collect(t string) {
	c.text = t
	escapes{c}.read()
	c.brackets()
	c.word(0)
	before := uint64(highs) // less of the eight bytes before
	for i := 0; i < len(t); {
		var x uint64 // the eight bytes at i
		p := t[i:]
		inside := len(p) >= 16
		if inside {
			x = eight(p)
		} else {
			x = tail(t, i)
		}
		step := 8
		if h := x & highs; h != 0 {
			if step = bits.TrailingZeros64(h) >> 3; step == 0 {
				i = c.runes(i)
				before = highs
				continue
			}
			// What is behind that byte is looked at later.
			x = x&(1<<(8*step)-1) | '~'*ones<<(8*step)
		}
		less := (x - low) &^ x & highs
		// A run of sixteen covers eight bytes of one load, and four beside them.
		if less|before>>32 == 0 {
			if i >= c.run {
				c.longRun(i)
			}
		} else if before|less<<32 == 0 {
			if i-8 >= c.run {
				c.longRun(i - 8)
			}
		}
		before = less
		j := bits.TrailingZeros64(less) >> 3 & 7
		if !inside {
			for w := less; w != 0; w &= w - 1 {
				c.word(i + bits.TrailingZeros64(w)>>3 + 1)
			}
		} else if i&8 == 0 && isTrigger(four(p[j+1:])) {
			c.word(i + j + 1)
		}
		// Blanks at three places two bytes apart.
		if s := less & (less >> 16) & (less >> 32); s != 0 {
			c.spaced(i + bits.TrailingZeros64(s)>>3 + 1)
		}
		f := x | fold8
		// The bytes behind: seven of them are in x. No branch before the last: half of
		// the time it would go either way.
		g := f>>8 | ' '<<56
		if i+8 < len(t) {
			g = f>>8 | uint64(t[i+8]|' ')<<56
		}
		po := equal(f, 'p')
		if w := (equal(f, 'd')|po)&equal(g, 'o') | po&equal(g, 'u'); w != 0 {
			for ; w != 0; w &= w - 1 {
				c.dot(i + bits.TrailingZeros64(w)>>3)
			}
		}
		d := x ^ '0'*ones
		d = ^((d&^highs + 0x7676767676767676) | d) & highs
		if d != 0 {
			alone := d &^ (d << 8) &^ (d >> 8)
			if alone&(alone>>16) != 0 {
				c.spaced(i + bits.TrailingZeros64(alone&(alone>>16))>>3)
			}
			if equal(x, '_')|equal(x, '*')|equal(x, '+') != 0 {
				c.joined(i)
			}
		}
		i += step
	}
}

// equal marks the bytes of x that are b by their highest bits. A byte behind
// such a one may be marked too where it differs from b in the lowest bit only.
func equal(x, b uint64) uint64 {
	x ^= b * ones
	return (x - ones) &^ x & highs
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

// triggers are the first three letters of number words, in a table whose multiplier was chosen so that no two share a slot.
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
	for _, s := range strings.Fields(digitTriggers) {
		add(strings.ReplaceAll(s, "_", " "))
	}
	return t
}()

// isTrigger reports whether a number word may begin with the first three of the
// bytes.
func isTrigger(v uint32) bool {
	v = (v | 0x202020) & 0xFFFFFF
	return triggers[v*triggerMul>>triggerShift] == v
}
