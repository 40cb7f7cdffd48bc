package index

import (
	"encoding/hex"
	"math/bits"
	"strings"
)

// key is an id in 16 bytes: a ULID or a trace id. The zero key is none.
type key struct{ hi, lo uint64 }

const (
	ulidLength  = 26
	traceLength = 32
	// crockford is the alphabet of ULIDs (github.com/ulid/spec), which sorts as
	// its values do.
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// ulidDigits gives the value of a digit of a ULID, 0xFF for what is none.
var ulidDigits = digitTable(crockford)

// hexDigits gives the value of a lower-case hexadecimal digit.
var hexDigits = digitTable("0123456789abcdef")

func digitTable(alphabet string) (t [256]uint8) {
	for i := range t {
		t[i] = 0xFF
	}
	for i := range alphabet {
		t[alphabet[i]] = uint8(i)
	}
	return t
}

// parseKey reads an id that can be had back from its key: a ULID in upper case,
// or 32 digits of lower-case hexadecimal for a trace. Others, and those that are
// zero, are kept as strings.
func parseKey(field int, s []byte) (key, bool) {
	table, width, length := &ulidDigits, 5, ulidLength
	if field == keyTrace {
		table, width, length = &hexDigits, 4, traceLength
	}
	if len(s) != length {
		return key{}, false
	}
	var k key
	for i, c := range s {
		d := table[c]
		if d == 0xFF || i == 0 && width == 5 && d > 7 { // 26 digits hold 130 bits
			return key{}, false
		}
		k.hi = k.hi<<width | k.lo>>(64-width)
		k.lo = k.lo<<width | uint64(d)
	}
	return k, k != key{}
}

// text writes the id of a key field back.
func (k key) text(field int) string {
	if field == keyTrace {
		var b [16]byte
		for i := range 8 {
			b[i], b[8+i] = byte(k.hi>>(56-8*i)), byte(k.lo>>(56-8*i))
		}
		return hex.EncodeToString(b[:])
	}
	var s [ulidLength]byte
	lo, hi := k.lo, k.hi
	for i := range s {
		s[len(s)-1-i] = crockford[lo&31]
		lo, hi = lo>>5|hi<<59, hi>>5
	}
	return string(s[:])
}

func (k key) less(o key) bool { return k.hi < o.hi || k.hi == o.hi && k.lo < o.lo }

// keyRange gives the keys whose text begins with a prefix; ok is false where no
// key's does.
func keyRange(field int, prefix string) (lo, hi key, ok bool) {
	length, low, high := ulidLength, "0", "Z"
	if field == keyTrace {
		length, low, high = traceLength, "0", "f"
	}
	if len(prefix) > length {
		return lo, hi, false
	}
	rest := length - len(prefix)
	top := prefix + strings.Repeat(high, rest)
	if prefix == "" && field != keyTrace {
		top = "7" + top[1:] // 26 digits hold 130 bits
	}
	hi, ok = parseKey(field, []byte(top))
	if !ok {
		return lo, hi, false
	}
	lo, _ = parseKey(field, []byte(prefix+strings.Repeat(low, rest))) // zero is the least
	return lo, hi, true
}

// Bloom filter: a filter of 10 bits per key and 7 probes says yes of 0.8 % of the
// keys that are not there.
const (
	bloomBits   = 10
	bloomProbes = 7
)

// bloom says of an id that a run does not hold it, or that it may.
type bloom []uint64

// newBloom makes a filter of hashes.
func newBloom(hashes []uint64) bloom {
	b := make(bloom, (len(hashes)*bloomBits+63)/64)
	for _, h := range hashes {
		for i := range uint64(bloomProbes) {
			bit := b.bit(h, i)
			b[bit/64] |= 1 << (bit % 64)
		}
	}
	return b
}

// bit is the place of a probe.
func (b bloom) bit(h, i uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15 // steps that visit every number once
	hi, _ := bits.Mul64(mix(h+i*odd), uint64(len(b))*64)
	return hi
}

func (b bloom) has(h uint64) bool {
	if len(b) == 0 {
		return false
	}
	for i := range uint64(bloomProbes) {
		bit := b.bit(h, i)
		if b[bit/64]>>(bit%64)&1 == 0 {
			return false
		}
	}
	return true
}

// mix spreads the bits of a number (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// hash gives what the filter keeps of an id. Ids of events and of decisions are
// the same here: they are looked for together.
func (k key) hash() uint64 { return mix(mix(k.hi) + k.lo) }

// hashText is the hash of an id that has no key.
func hashText(s string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a, 64 bits
	h := uint64(offset)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return mix(h)
}

// hashID is the hash of an id as it is asked for.
func hashID(field int, s string) uint64 {
	if k, ok := parseKey(field, []byte(s)); ok {
		return k.hash()
	}
	return hashText(s)
}
