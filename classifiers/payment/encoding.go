package payment

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"strings"
)

// The alphabets of base58: Bitcoin's and Ripple's.
const (
	base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	rippleAlphabet = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
	maxBase58      = 112 // characters: an extended key has 111
)

// digits58 gives the values of an alphabet's characters, 0xFF for others.
func digits58(alphabet string) (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}

var (
	bitcoin58 = digits58(base58Alphabet)
	ripple58  = digits58(rippleAlphabet)
)

// decode58 decodes t into the end of buf and gives the part that holds the
// value, nil where t is no base58 or does not fit.
func decode58(t string, alphabet *[256]byte, buf []byte) []byte {
	if len(t) > maxBase58 {
		return nil
	}
	clear(buf)
	low := len(buf) // where the value begins
	for i := range len(t) {
		c := int(alphabet[t[i]])
		if c == 0xFF {
			return nil
		}
		j := len(buf) - 1
		for ; c != 0 || j >= low; j-- {
			if j < 0 {
				return nil
			}
			c += 58 * int(buf[j])
			buf[j] = byte(c)
			c >>= 8
		}
		low = min(low, j+1)
	}
	for i := 0; i < len(t) && alphabet[t[i]] == 0 && low > 0; i++ {
		low--
	}
	return buf[low:]
}

// check58 decodes base58check: the last four bytes are those of a double
// SHA-256 of the rest. It gives the rest, nil where they are not.
func check58(t string, alphabet *[256]byte, buf []byte) []byte {
	b := decode58(t, alphabet, buf)
	if len(b) < 5 {
		return nil
	}
	n := len(b) - 4
	h := sha256.Sum256(b[:n])
	h = sha256.Sum256(h[:])
	if !bytes.Equal(h[:4], b[n:]) {
		return nil
	}
	return b[:n]
}

const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// The constants of the two checksums: BIP-173 and BIP-350.
const (
	bech32  = 1
	bech32m = 0x2bc830a3
)

// polymod32 is the residue of a bech32 word with its prefix expanded; ok is false
// where the word has mixed case or other characters. The separator is the last 1.
func polymod32(t string) (residue uint32, data int, ok bool) {
	sep := strings.LastIndexByte(t, '1')
	if sep < 1 || len(t)-sep-1 < 6 || strings.ToLower(t) != t && strings.ToUpper(t) != t {
		return 0, 0, false
	}
	r := uint32(1)
	step := func(v uint32) {
		top := r >> 25
		r = r&0x1ffffff<<5 ^ v
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 != 0 {
				r ^= g
			}
		}
	}
	for i := range sep {
		step(uint32(t[i]|0x20) >> 5)
	}
	step(0)
	for i := range sep {
		step(uint32(t[i]|0x20) & 31)
	}
	for i := sep + 1; i < len(t); i++ {
		c := t[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		v := strings.IndexByte(bech32Alphabet, c)
		if v < 0 {
			return 0, 0, false
		}
		step(uint32(v))
	}
	return r, sep + 1, true
}

// cashAddr checks the 40-bit code of Bitcoin Cash addresses (CashAddr) without
// their prefix, which the code covers.
func cashAddr(t string) bool {
	c := uint64(1)
	step := func(v uint64) {
		top := c >> 35
		c = c&0x07ffffffff<<5 ^ v
		for i, g := range [...]uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470} {
			if top>>i&1 != 0 {
				c ^= g
			}
		}
	}
	for _, b := range []byte("bitcoincash") {
		step(uint64(b & 31))
	}
	step(0)
	for i := range len(t) {
		v := strings.IndexByte(bech32Alphabet, t[i])
		if v < 0 {
			return false
		}
		step(uint64(v))
	}
	return c == 1
}

// eip55 reports whether the case of 40 hexadecimal digits is the checksum of
// ERC-55; mixed is false where they have letters of one case only.
func eip55(h string) (valid, mixed bool) {
	var lower [40]byte
	var small, large bool
	for i := range 40 {
		c := h[i]
		small = small || 'a' <= c && c <= 'f'
		if 'A' <= c && c <= 'F' {
			large = true
			c |= 0x20
		}
		lower[i] = c
	}
	if !small || !large {
		return false, false
	}
	sum := keccak256(lower[:])
	for i := range 40 {
		nibble := sum[i/2] >> (4 * (1 - i%2)) & 15
		if c := h[i]; 'a' <= c && c <= 'f' && nibble >= 8 || 'A' <= c && c <= 'F' && nibble < 8 {
			return false, true
		}
	}
	return true, true
}

// stellar checks a public key or secret seed of Stellar: base32, with the
// CRC-16/XMODEM of the rest in the last two bytes (SEP-23).
func stellar(t string) bool {
	var b [35]byte
	if len(t) != 56 {
		return false
	}
	if n, err := base32.StdEncoding.Decode(b[:], []byte(t)); err != nil || n != len(b) {
		return false
	}
	crc := uint16(0)
	for _, x := range b[:33] {
		crc ^= uint16(x) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return byte(crc) == b[33] && byte(crc>>8) == b[34]
}

// algorand checks an address of Algorand: base32 of a key and the last four
// bytes of its SHA-512/256.
func algorand(t string) bool {
	var b [36]byte
	if len(t) != 58 {
		return false
	}
	if n, err := base32.StdEncoding.WithPadding(base32.NoPadding).Decode(b[:], []byte(t)); err != nil || n != len(b) {
		return false
	}
	h := sha512.Sum512_256(b[:32])
	return bytes.Equal(h[28:], b[32:])
}

// monero checks an address of Monero: base58 in blocks of eleven characters for
// eight bytes, with the first four bytes of the Keccak-256 of the rest at the end.
func monero(t string) bool {
	if len(t) != 95 && len(t) != 106 {
		return false
	}
	var b [77]byte
	n := 0
	for len(t) > 0 {
		k := min(11, len(t))
		size := 8
		if k < 11 {
			size = map[int]int{7: 5, 6: 4, 9: 6}[k] // 69 and 77 bytes end so
			if size == 0 {
				return false
			}
		}
		v := uint64(0)
		for i := range k {
			d := bitcoin58[t[i]]
			if d == 0xFF {
				return false
			}
			v = v*58 + uint64(d)
		}
		for i := size - 1; i >= 0; i-- {
			b[n+i] = byte(v)
			v >>= 8
		}
		n += size
		t = t[k:]
	}
	h := keccak256(b[:n-4])
	return (b[0] == 18 || b[0] == 19 || b[0] == 42) && bytes.Equal(h[:4], b[n-4:n])
}
