package payment

import (
	"encoding/binary"
	"math/bits"
)

// keccak256 is the hash of Ethereum and Monero: Keccak[512] with the padding of
// the submission (0x01), not that of SHA-3. After "The Keccak reference",
// version 3.0.
func keccak256(p []byte) (out [32]byte) {
	const rate = 136 // bytes
	var a [25]uint64
	var block [rate]byte
	for {
		n := copy(block[:], p)
		p = p[n:]
		if n < rate {
			clear(block[n:])
			block[n] ^= 0x01
			block[rate-1] ^= 0x80
		}
		for i := range rate / 8 {
			a[i] ^= binary.LittleEndian.Uint64(block[8*i:])
		}
		keccakF(&a)
		if n < rate {
			break
		}
	}
	for i := range 4 {
		binary.LittleEndian.PutUint64(out[8*i:], a[i])
	}
	return out
}

// keccakF is the permutation Keccak-f[1600] on lanes a[x+5y].
func keccakF(a *[25]uint64) {
	var c [5]uint64
	lfsr := byte(1)
	for range 24 {
		// theta
		for x := range 5 {
			c[x] = a[x] ^ a[x+5] ^ a[x+10] ^ a[x+15] ^ a[x+20]
		}
		for x := range 5 {
			d := c[(x+4)%5] ^ bits.RotateLeft64(c[(x+1)%5], 1)
			for y := 0; y < 25; y += 5 {
				a[x+y] ^= d
			}
		}
		// rho and pi: the lanes move along one cycle, turned by the triangular
		// numbers.
		x, y, lane := 1, 0, a[1]
		for t := range 24 {
			x, y = y, (2*x+3*y)%5
			lane, a[x+5*y] = a[x+5*y], bits.RotateLeft64(lane, (t+1)*(t+2)/2)
		}
		// chi
		for y := 0; y < 25; y += 5 {
			copy(c[:], a[y:y+5])
			for x := range 5 {
				a[x+y] = c[x] ^ ^c[(x+1)%5]&c[(x+2)%5]
			}
		}
		// iota: the bits at 2^j-1 come from an LFSR, x^8+x^6+x^5+x^4+1.
		for j := range 7 {
			if lfsr&1 != 0 {
				a[0] ^= 1 << (1<<j - 1)
			}
			if lfsr&0x80 != 0 {
				lfsr = lfsr<<1 ^ 0x71
			} else {
				lfsr <<= 1
			}
		}
	}
}
