package stdnum

import (
	"crypto/sha256"
	"strings"
)

var genBitcoin = &Format{
	Name: "bitcoin", Type: "CRYPTO", Aliases: []string{"BITCOIN", "BITCOIN_ADDRESS", "BTC_ADDRESS"},
	Title: "Bitcoin address, in Base58Check or Bech32.",
	Of:    Account, Compact: genBitcoinCompact,
	Words:  []string{"bitcoin", "btc", "bitcoin address", "btc address", "wallet", "crypto", "address", "satoshi", "adresse", "dirección", "indirizzo"},
	Strong: 1 << 30, Sample: "1gHcGVLU3UUTgc6fgVPjUj2c4wJzGJwkJ", Check: genBitcoinValid,
}

// genBitcoinCompact removes spaces; letters keep their case, which says
// something in Base58.
func genBitcoinCompact(value string) string {
	return strings.ReplaceAll(strings.TrimSpace(value), " ", "")
}

const (
	base58       = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	bech32       = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	maxBech32    = 90 // characters, BIP-173
	bech32Prefix = 3  // "bc1"
)

// genBitcoinValid: 25 bytes in base 58, of version 0 or 5, with the first four
// of a double SHA-256 last; or "bc1" and characters of BIP-173 and, from version
// 1 on, of BIP-350.
func genBitcoinValid(s string) bool {
	if len(s) > bech32Prefix && len(s) <= maxBech32 && (s[:bech32Prefix] == "bc1" || s[:bech32Prefix] == "BC1") {
		return genBech32Valid(s)
	}
	if len(s) < 25 || len(s) > 35 || s[0] != '1' && s[0] != '3' {
		return false
	}
	var b [25]byte
	for i := 0; i < len(s); i++ {
		carry := strings.IndexByte(base58, s[i])
		if carry < 0 {
			return false
		}
		for j := len(b) - 1; j >= 0; j-- {
			carry += int(b[j]) * 58
			b[j] = byte(carry)
			carry >>= 8
		}
		if carry != 0 {
			return false
		}
	}
	once := sha256.Sum256(b[:21])
	twice := sha256.Sum256(once[:])
	return (b[0] == 0 || b[0] == 5) && [4]byte(b[21:]) == [4]byte(twice[:4])
}

func genBech32Valid(s string) bool {
	upper := s[0] == 'B'
	check := bech32Step(bech32Step(1, 'b'>>5), 'c'>>5)
	check = bech32Step(bech32Step(bech32Step(check, 0), 'b'&31), 'c'&31)
	data := s[bech32Prefix:]
	version := -1
	for i := 0; i < len(data); i++ {
		c := data[i]
		if c >= 'A' && c <= 'Z' != upper && !(c >= '0' && c <= '9') {
			return false
		}
		if upper && c >= 'A' {
			c += 'a' - 'A'
		}
		v := strings.IndexByte(bech32, c)
		if v < 0 {
			return false
		}
		if i == 0 {
			version = v
		}
		check = bech32Step(check, v)
	}
	// 5 bits a character, without the version and the six of the checksum.
	program := (len(data) - 7) * 5 / 8
	switch {
	case version == 0:
		return check == 1 && (program == 20 || program == 32)
	case version <= 16:
		return check == 0x2bc830a3 && program >= 2 && program <= 40
	}
	return false
}

// bech32Step takes one more value of five bits into the checksum of BIP-173.
func bech32Step(check uint32, v int) uint32 {
	top := check >> 25
	check = (check&0x1ffffff)<<5 ^ uint32(v)
	for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			check ^= g
		}
	}
	return check
}
