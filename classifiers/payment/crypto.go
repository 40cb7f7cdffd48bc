package payment

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	cryptoType = classifiers.Type{
		Name: "CRYPTO", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.High,
		Doc: "An address of a wallet of a cryptocurrency.", Aliases: []string{"CRYPTO_ADDRESS"},
	}
	cryptoKeyType = classifiers.Type{
		Name: "SECRET_CRYPTO_KEY", Groups: []string{classifiers.Credential, classifiers.Financial}, Severity: classifiers.Critical,
		Doc: "A private key of a cryptocurrency wallet: wallet import format, extended private key, secret seed.",
	}
)

// Crypto finds addresses and private keys of cryptocurrencies.
var Crypto = &classifiers.Detector{
	Name: "crypto", Version: 1,
	Doc: `Addresses of cryptocurrency wallets by their own checksums: base58check with the version bytes of Bitcoin, Litecoin,
Dogecoin, Dash, Zcash, Tron, Tezos and Ripple; bech32 and bech32m (BIP-173, BIP-350) of Bitcoin, Litecoin, Cardano and the chains
of the Cosmos; CashAddr; Ethereum by the case of its letters (ERC-55), and without that by the words around; Stellar, Algorand and
Monero; Solana, which has no checksum, by the words around. Private keys in wallet import format, extended private keys (BIP-32)
and secret seeds of Stellar are credentials. Addresses of test networks and published samples are synthetic.`,
	Types: []*classifiers.Type{&cryptoType, &cryptoKeyType},
	Positives: []string{
		"send it to [[CRYPTO|1PeDJro2wA4JXjV7bXzbArEKfwWXKY3iBm]] today",
		"[[CRYPTO|bc1qq0z8e69ghxdzmjhfq7th7v2zlgu8uhqygkdz8s]] [[CRYPTO|bc1peg303ahvhs3cg98kttpyxzf87aay3ct39nggc6qzewgjpcd4v5aqs4vzc4]]",
		"bitcoin:[[CRYPTO|3K5sPJz1sz8qpEKeJYe2oRuQ5BMpCgrX3P]]?amount=0.1, tron [[CRYPTO|TPeeiHAWP8AjXtMGwNR3wkezHT3XMc4aEP]], ripple [[CRYPTO|rhWBsn2wVVwPPUeuyweTAXLwMcmSh6AgSH]]",
		"my phantom wallet is [[CRYPTO|CZvutenta32UHdysbMcGM9qtwCT2pz8RPon3cf8DPAVe]]",
		"import [[SECRET_CRYPTO_KEY|L5dhezSDZA8AFAaVT3djec1rViT9WsRnwD81WSifBFbbK3uCrkh8]] into the new wallet",
		"[[SECRET_CRYPTO_KEY|xprvC7yKrBSP2oWh2JLiWsLboGqBF9bFpv1cgw4NNG4Pfw5suEmCB1xo4N1eHcwXw9UoydTD8kRfAFCzcbaQF42Dx45A8U53g1JNdRMiqbtKNJt]]",
		"12 ETH from [[CRYPTO|0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c]]",
		"[[synthetic CRYPTO|1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]] is the first, [[synthetic CRYPTO|0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed]] is of the standard",
	},
	NearMisses: []string{
		"1PeDJro2wA4JXjV7bXzbArEKfwWXKY3iBn and bc1qq0z8e69ghxdzmjhfq7th7v2zlgu8uhqygkdz8q have a wrong letter",
		"object 0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c freed, sha1 1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
		"base58 of a digest: 4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Mixed, Judge: judgeCrypto}},
}

// Lengths of the words that are looked at.
const (
	minAddress = 25  // a base58check address with many leading zeros has 26
	maxAddress = 112 // see maxBase58
)

var (
	walletCue = classifiers.NewCue(
		"btc", "bitcoin", "eth", "ether", "ethereum", "crypto", "cryptocurrency", "wallet", "wallets", "usdt", "usdc", "tether", "erc", "erc20", "bnb", "bsc", "polygon", "matic",
		"coinbase", "binance", "metamask", "kraken", "ledger", "blockchain", "etherscan", "token", "tokens", "nft", "airdrop", "defi", "stablecoin", "deposit", "withdraw", "withdrawal",
		"payout", "ransom", "sender", "recipient", "payee", "billetera", "portefeuille", "portafoglio", "portfel", "carteira", "plånbok", "cüzdan", "ウォレット", "钱包", "वॉलेट",
	)
	solanaCue = classifiers.NewCue("solana", "sol", "phantom", "spl", "solscan", "lamports", "wallet", "pubkey")
	codeCue   = classifiers.NewCue("sha", "sha1", "hash", "digest", "commit", "object", "pointer", "ptr", "checksum", "contract", "abi", "bytecode", "tx", "txid", "transaction", "block")
)

func judgeCrypto(s *classifiers.Scan, c classifiers.Candidate) {
	n := c.End - c.Start
	if n < minAddress || n > maxAddress {
		return
	}
	t := s.Text[c.Start:c.End]
	if b := s.Before(c.Start); b == '_' || b == '+' || s.At(c.End) == '_' {
		return
	}
	w := wallet(t)
	if w.coin == "" {
		return
	}
	f := classifiers.Found{Start: c.Start, End: c.End, Type: &cryptoType, Likelihood: w.level, Synthetic: w.test || knownAddresses[t], Rule: w.coin, Validator: w.check}
	if w.secret {
		f.Type = &cryptoKeyType
	}
	switch {
	case w.check != "":
		// The checksum vouches for it.
	case w.coin == "solana":
		d := s.Near(solanaCue, c.Start, c.End)
		if d == classifiers.Far || s.Beside(codeCue, c.Start, c.End) < d {
			return
		}
		f.Likelihood = proxy.Likely
	case s.Lean(walletCue, codeCue, c.Start, c.End) > 0:
		f.Likelihood = proxy.Likely
	case s.Beside(codeCue, c.Start, c.End) < classifiers.Far:
		f.Likelihood = proxy.Unlikely
	}
	s.Find(f)
}

// address is what a word says of itself.
type address struct {
	coin, check  string
	level        proxy.Likelihood
	secret, test bool
}

// version is what the first bytes of a base58check value say.
type version struct {
	first  string // the characters that such a word can begin with
	bytes  string
	size   int // bytes of the value, the version's included
	coin   string
	secret bool
	test   bool
}

var versions = [...]version{
	{"1", "\x00", 21, "bitcoin", false, false},
	{"3", "\x05", 21, "bitcoin", false, false},
	{"mn", "\x6f", 21, "bitcoin", false, true},
	{"2", "\xc4", 21, "bitcoin", false, true},
	{"L", "\x30", 21, "litecoin", false, false},
	{"M", "\x32", 21, "litecoin", false, false},
	{"D", "\x1e", 21, "dogecoin", false, false},
	{"9A", "\x16", 21, "dogecoin", false, false},
	{"X", "\x4c", 21, "dash", false, false},
	{"7", "\x10", 21, "dash", false, false},
	{"t", "\x1c\xb8", 22, "zcash", false, false},
	{"t", "\x1c\xbd", 22, "zcash", false, false},
	{"T", "\x41", 21, "tron", false, false},
	{"t", "\x06\xa1\x9f", 23, "tezos", false, false},
	{"t", "\x06\xa1\xa1", 23, "tezos", false, false},
	{"t", "\x06\xa1\xa4", 23, "tezos", false, false},
	{"5", "\x80", 33, "wif", true, false},
	{"KL", "\x80", 34, "wif", true, false},
	{"9", "\xef", 33, "wif", true, true},
	{"c", "\xef", 34, "wif", true, true},
	{"6", "\x01\x42", 39, "bip38", true, false},
	{"6", "\x01\x43", 39, "bip38", true, false},
	{"x", "\x04\x88\xad\xe4", 78, "xprv", true, false},
	{"y", "\x04\x9d\x78\x78", 78, "xprv", true, false},
	{"z", "\x04\xb2\x43\x0c", 78, "xprv", true, false},
	{"t", "\x04\x35\x83\x94", 78, "xprv", true, true},
	{"x", "\x04\x88\xb2\x1e", 78, "xpub", false, false},
	{"y", "\x04\x9d\x7c\xb2", 78, "xpub", false, false},
	{"z", "\x04\xb2\x47\x46", 78, "xpub", false, false},
}

// chains are the human-readable parts of bech32 words, with the lengths of data
// that an address has.
var chains = [...]struct {
	part     string
	min, max int
	coin     string
	test     bool
}{
	{"bc", 39, 59, "bitcoin", false}, {"tb", 39, 59, "bitcoin", true}, {"bcrt", 39, 59, "bitcoin", true}, {"ltc", 39, 59, "litecoin", false},
	{"addr", 53, 110, "cardano", false}, {"stake", 53, 60, "cardano", false}, {"cosmos", 38, 58, "cosmos", false}, {"osmo", 38, 58, "osmosis", false},
	{"celestia", 38, 58, "celestia", false}, {"inj", 38, 58, "injective", false}, {"terra", 38, 58, "terra", false}, {"bnb", 38, 58, "bnb", false}, {"zil", 38, 38, "zilliqa", false},
	{"erd", 58, 58, "multiversx", false}, {"sei", 38, 58, "sei", false}, {"dydx", 38, 58, "dydx", false}, {"kava", 38, 58, "kava", false}, {"juno", 38, 58, "juno", false}, {"stars", 38, 58, "stargaze", false},
}

// wallet tells whose address a word is by form and checksum.
func wallet(t string) address {
	yes := func(coin, check string) address { return address{coin: coin, check: check, level: proxy.VeryLikely} }
	if t[0] == '0' {
		if len(t) != 42 || t[1]|0x20 != 'x' || !hexWord(t[2:]) {
			return address{}
		}
		switch valid, mixed := eip55(t[2:]); {
		case valid:
			return yes("ethereum", "erc55")
		case mixed:
			return address{coin: "ethereum", level: proxy.Unlikely}
		}
		return address{coin: "ethereum", level: proxy.Possible}
	}
	for i := range chains {
		c := &chains[i]
		if n := len(t) - len(c.part) - 1; n < c.min || n > c.max || t[len(c.part)] != '1' || !strings.EqualFold(t[:len(c.part)], c.part) {
			continue
		}
		if r, data, ok := polymod32(t); ok && data == len(c.part)+1 && (r == bech32 || r == bech32m) {
			a := yes(c.coin, "bech32")
			a.test = c.test
			return a
		}
	}
	if (t[0] == 'q' || t[0] == 'p') && len(t) == 42 && cashAddr(t) {
		return yes("bitcoin_cash", "cashaddr")
	}
	if (t[0] == 'G' || t[0] == 'S') && stellar(t) {
		a := yes("stellar", "crc16")
		a.secret = t[0] == 'S'
		return a
	}
	if algorand(t) {
		return yes("algorand", "sha512_256")
	}
	if monero(t) {
		return yes("monero", "keccak")
	}
	var buf [96]byte
	for i := range versions {
		v := &versions[i]
		if strings.IndexByte(v.first, t[0]) < 0 || len(t) < v.size+4 || len(t) > (v.size+4)*138/100+1 {
			continue
		}
		b := check58(t, &bitcoin58, buf[:])
		for j := i; j < len(versions) && b != nil; j++ { // other versions of that size too
			if v = &versions[j]; len(b) == v.size && strings.HasPrefix(string(b[:min(4, len(b))]), v.bytes) {
				a := yes(v.coin, "base58check")
				a.secret, a.test = v.secret, v.test
				return a
			}
		}
		break
	}
	if t[0] == 'r' && len(t) <= 35 {
		if b := check58(t, &ripple58, buf[:]); len(b) == 21 && b[0] == 0 {
			return yes("ripple", "base58check")
		}
	}
	if t[0] == 's' && len(t) == 29 {
		if b := check58(t, &ripple58, buf[:]); len(b) == 17 && b[0] == 0x21 {
			a := yes("ripple", "base58check")
			a.secret = true
			return a
		}
	}
	if len(t) == 43 || len(t) == 44 {
		if b := decode58(t, &bitcoin58, buf[:]); len(b) == 32 {
			return address{coin: "solana", level: proxy.Unlikely}
		}
	}
	return address{}
}

func hexWord(t string) bool {
	for i := range len(t) {
		if c := t[i]; !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// knownAddresses are those that everyone knows: of the first block, of the
// standards and of manuals, and those that hold burnt coins.
var knownAddresses = map[string]bool{
	"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa": true, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2": true, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy": true,
	"16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ": true, "1BitcoinEaterAddressDontSendf59kuE": true, "1111111111111111111114oLvT2": true,
	"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq": true, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4": true, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4": true,
	"bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297": true, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0": true,
	"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed": true, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359": true, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB": true,
	"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb": true, "0x0000000000000000000000000000000000000000": true, "0x000000000000000000000000000000000000dEaD": true,
	"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266": true, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8": true, "rrrrrrrrrrrrrrrrrrrrrhoLvTp": true, "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a": true, "rrrrrrrrrrrrrrrrrrrrBZbvji": true,
	"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi": true,
	"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ":                                                             true, "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn": true,
}
