package payment

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers/internal/lanes"
	"github.com/ostiary/ostiary/proxy"
)

func TestKeccak(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
		"abc":                    "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
		strings.Repeat("a", 136): "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e",
	} {
		got := keccak256([]byte(in))
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%d bytes: %x", len(in), got)
		}
	}
}

// One address of each kind is taken; with a character changed it is not.
func TestWallets(t *testing.T) {
	for coin, list := range map[string][]string{
		"bitcoin":  {"1PeDJro2wA4JXjV7bXzbArEKfwWXKY3iBm", "3K5sPJz1sz8qpEKeJYe2oRuQ5BMpCgrX3P", "n2QNoVgcMWmJ7bsUSqUFEJFrccE5k7vyPr", "bc1qq0z8e69ghxdzmjhfq7th7v2zlgu8uhqygkdz8s", "tb1qepg3yx47sz2ew0ymmsd5gcyf7vjfea6wqrpuue", "bc1peg303ahvhs3cg98kttpyxzf87aay3ct39nggc6qzewgjpcd4v5aqs4vzc4"},
		"litecoin": {"LcjSaoUtJUhtVZzvWmEB9t9QUAqztTE3NP", "ltc1qra4y4eyvsctwnspmhhda2del5023av5gjswlkl"},
		"dogecoin": {"D8D9CaPKSTPeRLtGcWdXdwdKiRYasFDEoM"}, "dash": {"Xd5bTeh2zdgStmT1917hrwqkikEr6Cso8K"}, "zcash": {"t1g9WytB5Pt6auyM5vgTQFPeGCgL5Yt1Qe3"},
		"tron": {"TPeeiHAWP8AjXtMGwNR3wkezHT3XMc4aEP"}, "tezos": {"tz1L59V9JNCmfqtuBTreDhyfRpWcCcxSQgun"}, "ripple": {"rhWBsn2wVVwPPUeuyweTAXLwMcmSh6AgSH"},
		"wif":  {"5K8NBCAcR6mEzTYvqFgix98F1PBfqAP2SfmmvTbYruECXNKUJft", "L5dhezSDZA8AFAaVT3djec1rViT9WsRnwD81WSifBFbbK3uCrkh8"},
		"xprv": {"xprvC7yKrBSP2oWh2JLiWsLboGqBF9bFpv1cgw4NNG4Pfw5suEmCB1xo4N1eHcwXw9UoydTD8kRfAFCzcbaQF42Dx45A8U53g1JNdRMiqbtKNJt"}, "xpub": {"xpub9ytj33QGdfSGEPDKJWbRqjdCXBwcJjmHGzt9U6xNC5x3cSArGC2bwkELK9jdgHUE5g3PoQH4EnvEHyesQoqrgyhdJEw53JLQMDuPKSZKJxN"},
		"cosmos": {"cosmos12flmt5w7my8ftw5hgncgecxmcnhxt2wjlps5t6"}, "cardano": {"addr1q8f5hufs6xnjg0tz7tdh6q7yhuws8kl9s3h72rh27rex3hhzlr6x5y48s2lluh9rd2egytrsdmkfxtznrn5tpjg770nsk8qqw4"},
		"stellar":  {"GANLOQWWYYQB5RLWGQHA4SRQS4YZMXED7ZTQKCPHKEFNFTIFRD3QKAOB", "SANLOQWWYYQB5RLWGQHA4SRQS4YZMXED7ZTQKCPHKEFNFTIFRD3QLE56"},
		"algorand": {"DK3UFVWGEAPMK5RUBYHEUMEXGGLFZA76M4CQTZ2RBLJM2BMI64CZ6NIW3I"}, "monero": {moneroAddress()}, "bitcoin_cash": {"qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
	} {
		for _, a := range list {
			if w := wallet(a); w.coin != coin || w.check == "" {
				t.Errorf("%s: %+v", a, w)
			}
			for i := range a {
				other := a[:i] + "8" + a[i+1:]
				if a[i] != '8' && wallet(other).check != "" {
					t.Errorf("%s with another character at %d: %+v", a, i, wallet(other))
				}
			}
		}
	}
	secret, test := wallet("5K8NBCAcR6mEzTYvqFgix98F1PBfqAP2SfmmvTbYruECXNKUJft"), wallet("tb1qepg3yx47sz2ew0ymmsd5gcyf7vjfea6wqrpuue")
	if !secret.secret || secret.test || !test.test || test.secret {
		t.Errorf("%+v, %+v", secret, test)
	}
}

// moneroAddress encodes an address of made-up keys.
func moneroAddress() string {
	b := []byte{18}
	for i := range 64 {
		b = append(b, byte(i*7+3))
	}
	h := keccak256(b)
	b = append(b, h[:4]...)
	var out strings.Builder
	for len(b) > 0 {
		n := min(8, len(b))
		size := map[int]int{8: 11, 5: 7}[n]
		v := new(big.Int).SetBytes(b[:n])
		digits := make([]byte, size)
		for i := size - 1; i >= 0; i-- {
			var m big.Int
			v.DivMod(v, big.NewInt(58), &m)
			digits[i] = base58Alphabet[m.Int64()]
		}
		out.Write(digits)
		b = b[n:]
	}
	return out.String()
}

func TestEIP55(t *testing.T) {
	lower := "1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c"
	sum := keccak256([]byte(lower))
	mixed := []byte(lower)
	for i, c := range mixed {
		if c >= 'a' && sum[i/2]>>(4*(1-i%2))&15 >= 8 {
			mixed[i] -= 'a' - 'A'
		}
	}
	if valid, isMixed := eip55(string(mixed)); !valid || !isMixed {
		t.Error("the checksum made here is not taken")
	}
	for i, c := range mixed {
		if c < 'A' {
			continue
		}
		other := append([]byte(nil), mixed...)
		other[i] ^= 0x20
		if valid, _ := eip55(string(other)); valid {
			t.Errorf("another case at %d is taken", i)
		}
	}
	s := lanes.Suite(t, Crypto)
	if f := lanes.Classify(t, s, lanes.Text("0x"+string(mixed))); len(f) != 1 || f[0].Likelihood != proxy.VeryLikely {
		t.Errorf("%+v", f)
	}
}

func TestSeedForms(t *testing.T) {
	s := lanes.Suite(t, Seed)
	words := strings.Fields("vault ocean table lunar river orbit candy magnet piano winter garlic orchard")
	for name, form := range map[string]string{
		"spaces": strings.Join(words, " "), "lines": strings.Join(words, "\n"), "commas": strings.Join(words, ", "), "capitals": strings.ToUpper(strings.Join(words, " ")),
		"JSON": `["` + strings.Join(words, `", "`) + `"]`, "numbers": "1. " + strings.Join(words, " 2. "),
		"deep": strings.Repeat("The quick brown fox, they said, jumped. ", 40) + strings.Join(words, " ") + ". And so on.",
	} {
		f := lanes.Classify(t, s, lanes.Text(form))
		if len(f) != 1 || f[0].Likelihood != proxy.VeryLikely || !strings.EqualFold(form[f[0].Start:f[0].Start+5], "vault") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if n := len(strings.Fields(english)); n != listed {
		t.Errorf("%d words", n)
	}
}
