package secrets

import "strings"

// rare says how rare one letter is behind another, 0 for the commonest pair to 9:
// a row for each first letter, a column for each second. It was counted over the
// words of the Go standard library's source, which are English prose and
// identifiers: the binary logarithm of how much rarer a pair is than the
// commonest, scaled to one digit.
var rare = [26]string{
	"52115326263121627111234336", // a
	"35552567347266357335266737", // b
	"15341542382235145332345648", // c
	"34421455257344245324344446", // d
	"13112234365221323011433236", // e
	"25443266187345248333266647", // f
	"46452552387453257334466776", // g
	"26641666297556268442466857", // h
	"33122227674120136211736383", // i
	"58774689798867579857498899", // j
	"36552646388554557535576869", // k
	"25421455185155146423344626", // l
	"13541566295435228533356669", // m
	"24211315263343246511335746", // n
	"33224236373221228122122577", // o
	"15341454394245227232355637", // p
	"87668788799667877668377887", // q
	"14230335174322146222234637", // r
	"24231442173344225421253625", // s
	"14340351175334236123254425", // t
	"33342347298231537222866496", // u
	"25551455397545446545554597", // v
	"35553563298554357345665797", // w
	"45454476488556537553656568", // x
	"66565677498334528333666886", // y
	"57772797599788689778777676", // z
}

// Marks of rarity, in tenths. Random letters of a base-62 or base-36 alphabet
// come to 44 on average, words and identifiers to 10 to 25.
const (
	rareShort  = 34 // of 10 to 15 characters
	rareToken  = 31 // of 16 and more
	rareText   = 37 // of letters alone
	rareWord   = 42 // of letters of one case
	rareSwitch = 60 // what a digit beside a letter counts
)

// rarity gives the mean rarity of the pairs of a body, in tenths: letters beside
// letters by the table, a letter beside a digit as rareSwitch. Other characters
// part the pairs. A body without pairs has 0.
func rarity(b string) int {
	sum, n := 0, 0
	last := -1 // the letter before; -2 for a digit, -1 for another character
	for i := 0; i < len(b); i++ {
		c := b[i]
		at := -1
		switch {
		case 'a' <= c && c <= 'z':
			at = int(c - 'a')
		case 'A' <= c && c <= 'Z':
			at = int(c - 'A')
		case '0' <= c && c <= '9':
			at = -2
		}
		switch {
		case at >= 0 && last >= 0:
			sum += 10 * int(rare[last][at]-'0')
			n++
		case at >= 0 && last == -2 || at == -2 && last >= 0:
			sum += rareSwitch
			n++
		}
		last = at
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// looksRandom reports whether a body was drawn by a machine and not written by a
// person: mixed characters, rare pairs of letters, no filler, no counted row. A
// body of hexadecimal digits is one from 16 on.
func looksRandom(b string) bool {
	n := len(b)
	if n < 10 {
		return false
	}
	d, u, l := count(b)
	if hexAny.span(b, 0, n) == n {
		return n >= 16 && d >= n/6 && u+l >= n/12 && (u == 0 || l == 0) && weigh(b) == random
	}
	joins := 0
	for i := 0; i < n; i++ {
		if b[i] == '-' || b[i] == '_' || b[i] == '.' {
			joins++
		}
	}
	if joins > 1+n/8 || u+l < 3 {
		return false
	}
	r := rarity(b)
	switch {
	case d == 0 && (n < 16 || u < 3 || l < 3 || switches(b) < n/5 || r < rareText):
		return false
	case n < 16 && (d < 2 || r < rareShort):
		return false
	case r < rareToken:
		return false
	}
	return !wordInside(b) && weigh(b) == random
}

// Marks of a word inside a token: a run of letters of one word, which random
// tokens have one time in a hundred.
const (
	wordLetters = 6
	wordRarity  = 20
	wordTail    = 16 // characters behind a word that may be the token's name
)

// wordInside reports whether a body has a word in it, as identifiers do. Words
// that stand before a joint with a whole token behind are its name: acme_live_….
func wordInside(b string) bool {
	for i := 0; i+wordTail < len(b); i++ {
		if (b[i] == '_' || b[i] == '-' || b[i] == '.') && i < 24 {
			return wordInside(b[i+1:])
		}
	}
	start := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && letters[b[i]] {
			small := 'a' <= b[i] && b[i] <= 'z'
			if i == start || small == ('a' <= b[i-1] && b[i-1] <= 'z') {
				continue
			}
			if small && i == start+1 {
				continue // a capital and small letters
			}
		}
		if i-start >= wordLetters && rarity(b[start:i]) <= wordRarity {
			return true
		}
		start = i
		if i < len(b) && !letters[b[i]] {
			start = i + 1
		} else if i > 0 && i < len(b) && 'a' <= b[i] && b[i] <= 'z' && letters[b[i-1]] {
			start = i - 1 // the last of several capitals begins the next word
		}
	}
	return false
}

// switches counts the places where small letters and capitals meet.
func switches(b string) (n int) {
	for i := 1; i < len(b); i++ {
		x, y := b[i-1], b[i]
		if letters[x] && letters[y] && (x^y)&0x20 != 0 {
			n++
		}
	}
	return n
}

// force says how much like a password a word is.
type force int8

const (
	standIn force = iota // a placeholder, an expression, a name: none
	plain                // a word, or a few digits
	mixed                // letters and digits, or a capital inside: hunter2, Sommer2024
	strong               // three classes of characters that no word has: mRbL$hnee
)

// Bounds of a password's length.
const (
	minPassword = 4
	maxPassword = 128
)

// stands are values that are written where a password goes, and technical terms
// that stand beside the word. They are compared whole, in lower case.
var stands = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`password passwd pass passwort kennwort pwd pw secret secrets token key apikey value string str text char varchar
		none null nil undefined true false yes no on off empty blank required optional hidden redacted masked removed unset default void int bool boolean
		any object bytes byte changeme change_me change-me changeit change-it letmein test testing tests guest root admin administrator user username
		login postgres mysql oracle redis example sample dummy demo foo bar baz foobar xxx xxxx xxxxx todo tbd fixme here prompt input ask stdin self
		this env file plain plaintext cleartext encrypted hash hashed bcrypt sha256 sha-256 sha1 md5 base64 oauth oauth2 utf-8 utf8 scram-sha-256
		current-password new-password off-session mypassword my_password mypass mysecret mysecretpassword your_password yourpassword yourpass
		password1 password123 passw0rd pass123 secret123 test123 test1234 admin123 user123 123 1234 12345 abc abc123 qwerty letmein1 p@ssw0rd p@ssword`) {
		m[w] = true
	}
	return m
}()

// fills are pieces of values that stand for a password.
var fills = [...]string{"your", "example", "changeme", "change_me", "change-me", "placeholder", "dummy", "redact", "insert", "replace", "xxxx", "****", "...", "password_", "_password", "<", "todo"}

// calls are the beginnings and ends of expressions that look a value up.
var calls = [...]string{"${", "{{", "$(", "%(", "<%", "getenv", "environ", "process.env", "env.", "secrets.", "vault:", "config.", "settings.", "args.", "self.", "this.", "::", "->", "=>", "?.", "://", "&&", "||"}

// expressions are fills and calls by their first letter.
var expressions = func() (t [256][]string) {
	for _, p := range fills {
		t[p[0]] = append(t[p[0]], p)
	}
	for _, p := range calls {
		t[p[0]] = append(t[p[0]], p)
	}
	return t
}()

// expression reports whether a value in lower case holds a placeholder or looks
// another value up.
func expression(low []byte) bool {
	for i, c := range low {
		for _, p := range expressions[c] {
			if len(low)-i >= len(p) && string(low[i:i+len(p)]) == p {
				return true
			}
		}
	}
	return false
}

// forceOf judges a value that stands where a password goes. Quoted values may
// hold what an expression would.
func forceOf(v string, quoted bool) force {
	n := len(v)
	if n < minPassword || n > maxPassword {
		return standIn
	}
	var buf [maxPassword]byte
	low := buf[:n]
	for i := 0; i < n; i++ {
		c := v[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	if stands[string(low)] {
		return standIn
	}
	if expression(low) {
		return standIn
	}
	switch v[0] {
	case '$', '%':
		// A variable: $NAME, %NAME%.
		if wordy.span(v, 1, n) >= n-1 && !digits[v[1]] {
			return standIn
		}
	case '{', '[', '(', '<', '/', '~', '&', '!':
		if v[0] != '!' && v[0] != '&' || wordy.span(v, 1, n) == n {
			return standIn
		}
	case '@':
		return standIn
	case '-':
		if v[1] == '-' {
			return standIn
		}
	}
	var d, u, l, sym, joins, high int
	distinct, seen := 0, [256]bool{}
	for i := 0; i < n; i++ {
		c := v[i]
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		switch {
		case '0' <= c && c <= '9':
			d++
		case 'A' <= c && c <= 'Z':
			u++
		case 'a' <= c && c <= 'z':
			l++
		case c == '-' || c == '_' || c == '.' || c == ' ' || c == ':':
			joins++
		case c < ' ' || c == 0x7F:
			return standIn
		case c >= 0x80:
			high++
		default:
			sym++
		}
	}
	if distinct < 3 || n >= 16 && distinct < 7 {
		return standIn
	}
	if !quoted {
		// An expression: f(x), a[1], &T{…}, *p.
		for _, open := range [...]byte{'(', '[', '{'} {
			if i := strings.IndexByte(v, open); i > 0 && inside(v[i-1]) && !strings.ContainsAny(v, "!@#$") {
				return standIn
			}
		}
		if (v[0] == '&' || v[0] == '*') && n > 1 && letters[v[1]] && sym == 1 {
			return standIn
		}
	}
	if strings.Contains(v, `\x`) || strings.Contains(v, `\u`) || strings.Contains(v, `\U`) {
		return standIn // bytes of a program
	}
	switch {
	case high > 0 && u+l+d == 0:
		return plain
	case high >= 4 && d > 0:
		if sym > 0 {
			return strong
		}
		return mixed
	case d == n:
		return plain
	case sym+high > 0 && (d > 0 || u > 0 && l > 0) && n >= 6 && u+l > 0:
		if strings.IndexByte(v, '/') >= 0 && (sym == strings.Count(v, "/") && rarity(v) < rareToken) {
			return standIn // a path
		}
		if at := strings.IndexByte(v, '@'); at > 0 && sym == 1 && strings.IndexByte(v[at:], '.') > 0 {
			return standIn // an address
		}
		if n < 8 {
			return mixed
		}
		return strong
	case sym > 0 && n >= 8 && (l > 0 || u > 0) && joins < 3:
		return mixed
	case d > 0 && l > 0 && u > 0 && n >= 8 && joins <= 1 && rarity(v) >= rareToken:
		return strong
	case d > 0 && u+l >= 3 && joins <= 2 && n >= 6:
		return mixed
	case u > 0 && l > 0 && n >= 10 && switches(v) > n/3 && rarity(v) >= rareText:
		return strong
	case joins == 0 && n >= 10 && (u > 1 && l > 1 && switches(v) > 2 && rarity(v) >= rareToken && !wordInside(v) || rarity(v) >= rareWord):
		return mixed // letters that no word has
	}
	return plain
}

// memorable reports whether a value is made as generators of passwords that
// people can keep in mind make them: three to six words of letters and a number
// of one to four digits, joined by one sign, with capitals and small letters.
func memorable(v string) bool {
	const fewest, most, shortest = 3, 6, 3
	var sign byte
	words, numbers, capitals, from := 0, 0, 0, 0
	for i := 0; i <= len(v); i++ {
		if i < len(v) && alnum[v[i]] {
			continue
		}
		piece := v[from:i]
		d, u, l := count(piece)
		switch {
		case d == len(piece) && d >= 1 && d <= 4:
			numbers++
		case d == 0 && u+l == len(piece) && len(piece) >= shortest && (u == 0 || l == 0 || u == 1 && upper[piece[0]]):
			capitals += min(u, 1)
			words++
		default:
			return false
		}
		if i < len(v) {
			if strings.IndexByte("-._+", v[i]) < 0 || sign != 0 && sign != v[i] {
				return false
			}
			sign = v[i]
		}
		from = i + 1
	}
	return words+numbers >= fewest && words <= most && words >= 2 && numbers == 1 && capitals > 0 && capitals < words
}
