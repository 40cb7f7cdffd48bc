package payment

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// Bounds of what is looked at beside a card, in bytes.
const (
	besideBefore = 64
	besideAfter  = 128
	toValue      = 12 // between a label and its value
	maxStripe    = 90 // characters of track 1 behind the number (ISO/IEC 7813)
)

var (
	// Names of fields that hold nothing else.
	expiryKey = classifiers.NewCue("exp date", "expdate", "expiry", "card expiry", "card exp", "expiration date", "expiration", "cc exp", "validthru", "valid thru")
	codeKey   = classifiers.NewCue("cvv", "cvc", "cvv2", "cvc2", "cvn", "csc", "cid", "card code", "security code", "card verification", "card cvc", "card cvv")
)

// label is a word that announces a value beside a card.
type label struct {
	word string
	code bool // a verification code, else an expiry
}

// labels are compared with lower-cased ASCII text; longer ones first.
var labels = [...]label{
	{"security code", true}, {"sicherheitscode", true}, {"code de sécurité", true}, {"código de seguridad", true}, {"codice di sicurezza", true}, {"código de segurança", true},
	{"kod bezpieczeństwa", true}, {"beveiligingscode", true}, {"güvenlik kodu", true}, {"prüfziffer", true}, {"prüfnummer", true}, {"kartenprüfnummer", true}, {"cryptogramme", true},
	{"cvv2", true}, {"cvc2", true}, {"cvv", true}, {"cvc", true}, {"cvn", true}, {"csc", true}, {"cid", true}, {"セキュリティコード", true}, {"安全码", true},
	{"expiration", false}, {"expiry", false}, {"expires", false}, {"expire", false}, {"exp", false}, {"valid thru", false}, {"valid until", false}, {"valid to", false}, {"good thru", false},
	{"gültig bis", false}, {"ablaufdatum", false}, {"ablauf", false}, {"date d'expiration", false}, {"valable jusqu", false}, {"caducidad", false}, {"caduca", false}, {"vencimiento", false},
	{"vence", false}, {"scadenza", false}, {"scad", false}, {"validade", false}, {"ważna do", false}, {"ważności", false}, {"vervaldatum", false}, {"geldig tot", false},
	{"giltig", false}, {"utgång", false}, {"son kullanma", false}, {"skt", false}, {"有効期限", false}, {"有效期", false},
}

// beside looks for expiry, code and stripe around the card [start, end). It
// reports whether there were any. What belongs to a published test card is as
// synthetic as that.
func beside(s *classifiers.Scan, start, end int, synthetic bool) bool {
	w := belongings{s, synthetic}
	found := w.stripe(end)
	if b := max(0, start-besideBefore); b < start {
		for b < start && !utf8.RuneStart(s.Text[b]) {
			b++
		}
		found = w.window(b, start, start) || found
	}
	return w.window(end, min(len(s.Text), end+besideAfter), end) || found
}

// belongings reports what belongs to one card.
type belongings struct {
	s         *classifiers.Scan
	synthetic bool
}

func (w belongings) find(f classifiers.Found) {
	f.Synthetic = w.synthetic
	w.s.Find(f)
}

// window looks for labelled values in [from, to). An expiry directly behind the
// card, which ends at end, needs no label.
func (w belongings) window(from, to, end int) bool {
	s, t := w.s, w.s.Text
	var expiry, code bool
	if from == end {
		i := from
		for i < to && i-from < 4 && strings.IndexByte(" ,;|/\t\n", t[i]) >= 0 {
			i++
		}
		if e := expiryAt(t, i); e > 0 && i > from && !alnum(s.At(e)) {
			w.find(classifiers.Found{Start: i, End: e, Type: &expiryType, Likelihood: proxy.Likely, Rule: "behind_card"})
			expiry = true
			from = e
			// And three or four digits behind that.
			j := e
			for j < to && j-e < 3 && strings.IndexByte(" ,;|/\t:", t[j]) >= 0 {
				j++
			}
			k := j
			for k < len(t) && digit(t[k]) {
				k++
			}
			if n := k - j; j > e && (n == 3 || n == 4) && (k == len(t) || !alnum(t[k]) && t[k] != '-' && t[k] != '/' && (t[k] != '.' || !digit(s.At(k+1)))) {
				w.find(classifiers.Found{Start: j, End: k, Type: &codeType, Likelihood: proxy.Likely, Rule: "behind_card"})
				code = true
				from = k
			}
		}
	}
	for i := from; i < to; i++ {
		if !labelFirst[t[i]|caseBit] {
			continue
		}
		c := t[i] | 0x20
		if c < 'a' || c > 'z' && c < utf8.RuneSelf || i > 0 && letter(t[i-1]) && t[i] < utf8.RuneSelf {
			continue
		}
		if t[i] >= utf8.RuneSelf && t[i] < 0xC0 {
			continue // inside a character
		}
		l, at := labelAt(t, i, to)
		if at == 0 {
			continue
		}
		v, e := valueAt(t, at, to, l.code)
		if e == 0 {
			i = at - 1
			continue
		}
		f := classifiers.Found{Start: v, End: e, Type: &expiryType, Likelihood: proxy.VeryLikely, Rule: "beside_card"}
		switch {
		case l.code && !code:
			code, f.Type = true, &codeType
			w.find(f)
		case !l.code && !expiry:
			expiry = true
			w.find(f)
		}
		i = e - 1
	}
	return expiry || code
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// labelBegin has the first two bytes of the labels, case ignored: few words begin
// so.
var labelBegin = func() (t [256][4]uint64) {
	for _, l := range labels {
		second := l.word[1] | caseBit
		t[l.word[0]|caseBit][second>>6] |= 1 << (second & 63)
	}
	return t
}()

// labelFirst has the first of them.
var labelFirst = func() (t [256]bool) {
	for i := range labelBegin {
		t[i] = labelBegin[i] != [4]uint64{}
	}
	return t
}()

// caseBit tells small letters of ASCII from capitals.
const caseBit = 0x20

// labelAt gives the label that begins at i and the place behind it, 0 for none.
func labelAt(t string, i, to int) (label, int) {
	second := at(t, i+1) | caseBit
	if labelBegin[t[i]|caseBit][second>>6]>>(second&63)&1 == 0 {
		return label{}, 0
	}
	for k := range labels {
		l := &labels[k]
		if len(l.word) <= to-i && t[i]|caseBit == l.word[0]|caseBit && strings.EqualFold(t[i:i+len(l.word)], l.word) {
			return *l, i + len(l.word)
		}
	}
	return label{}, 0
}

// valueAt gives the value that follows a label ending at i: after a few
// characters without digits, on the same line.
func valueAt(t string, i, to int, code bool) (start, end int) {
	for j := i; j < to && j-i <= toValue+4; j++ {
		c := t[j]
		if c == '\n' || c == '{' || c == '}' {
			return 0, 0
		}
		if !digit(c) {
			if letter(c) && j-i > toValue {
				return 0, 0
			}
			continue
		}
		if alnum(t[j-1]) && t[j-1] != '_' {
			return 0, 0
		}
		if !code {
			if e := expiryAt(t, j); e > 0 && (e >= len(t) || !alnum(t[e])) {
				return j, e
			}
			return 0, 0
		}
		e := j
		for e < len(t) && digit(t[e]) {
			e++
		}
		if n := e - j; n != 3 && n != 4 || e < len(t) && (alnum(t[e]) || (t[e] == '/' || t[e] == '-' || t[e] == '.') && e+1 < len(t) && digit(t[e+1])) {
			return 0, 0
		}
		return j, e
	}
	return 0, 0
}

// expiryAt gives the end of a month and year at i: 04/29, 04/2029, 04-29,
// 2029-04, 0429; 0 for none.
func expiryAt(t string, i int) int {
	e := i
	for e < len(t) && e-i < 8 && digit(t[e]) {
		e++
	}
	first := e - i
	num := func(a, b int) int {
		n := 0
		for ; a < b; a++ {
			n = n*10 + int(t[a]-'0')
		}
		return n
	}
	month := func(n int) bool { return 1 <= n && n <= 12 }
	year := func(n, digits int) bool {
		return digits == 2 && 10 <= n && n <= 49 || digits == 4 && 2010 <= n && n <= 2049
	}
	if first == 4 && month(num(i, i+2)) && year(num(i+2, e), 2) && (e >= len(t) || !alnum(t[e]) && (t[e] != '/' && t[e] != '-' || !digit(at(t, e+1)) || digit(at(t, e+3)))) {
		return e
	}
	j := e
	for j < len(t) && t[j] == ' ' && j-e < 1 {
		j++
	}
	if first == 0 || first > 4 || first == 3 || j >= len(t) || t[j] != '/' && t[j] != '-' && t[j] != '.' && t[j] != '|' {
		return 0
	}
	j++
	if j < len(t) && t[j] == ' ' {
		j++
	}
	k := j
	for k < len(t) && k-j < 6 && digit(t[k]) {
		k++
	}
	if k < len(t) && (t[k] == '/' || t[k] == '-' || t[k] == '.') && digit(at(t, k+1)) && !(digit(at(t, k+3)) && k-j == 2) {
		return 0 // a day
	}
	a, b := num(i, e), num(j, k)
	if first <= 2 && month(a) && year(b, k-j) || first == 4 && year(a, 4) && k-j <= 2 && month(b) {
		return k
	}
	return 0
}

// at gives the byte at i, 0 behind the end.
func at(t string, i int) byte {
	if i < len(t) {
		return t[i]
	}
	return 0
}

// stripe looks behind a card number at end for the rest of a magnetic stripe.
func (w belongings) stripe(end int) bool {
	s, t := w.s, w.s.Text
	sep := s.At(end)
	if sep != '=' && sep != '^' {
		return false
	}
	i := end + 1
	for i < len(t) && i-end <= maxStripe && t[i] != '?' && t[i] != '\n' && t[i] != '"' && (sep == '^' && t[i] >= ' ' && t[i] < utf8.RuneSelf || digit(t[i]) || t[i] == '=') {
		i++
	}
	body := t[end+1 : i]
	switch sep {
	case '=': // YYMM, service code and the issuer's data
		if len(body) < 7 || strings.IndexByte(body, '=') >= 0 || body[2:4] < "01" || body[2:4] > "12" {
			return false
		}
	case '^': // the holder, then the same
		h := strings.IndexByte(body, '^')
		if h < 2 || len(body)-h < 8 {
			return false
		}
		for _, c := range []byte(body[h+1 : h+8]) {
			if !digit(c) {
				return false
			}
		}
	}
	w.find(classifiers.Found{Start: end + 1, End: i, Type: &trackType, Likelihood: proxy.VeryLikely, Rule: "stripe"})
	return true
}

// judgeStripe reads track 1, whose number stands behind letters.
func judgeStripe(s *classifiers.Scan, c classifiers.Candidate) {
	var d [maxCard]byte
	n, i := 0, c.End
	for i < len(s.Text) && n < maxCard && digit(s.Text[i]) {
		d[n] = s.Text[i] - '0'
		n++
		i++
	}
	if n < minCard || s.At(i) != '^' || !luhn(d[:n]) || brandOf(d[:n]).level == 0 || !(belongings{s, published(d[:n])}).stripe(i) {
		return
	}
	s.Find(classifiers.Found{Start: c.End, End: i, Type: &cardType, Likelihood: proxy.VeryLikely, Synthetic: published(d[:n]), Rule: "stripe", Validator: "luhn"})
	s.Resume(i)
}

// maxField is the length of a field that can be an expiry or a code.
const maxField = 9

// judgeCardField reads a segment that is nothing but an expiry or a code, by the
// name of its field.
func judgeCardField(s *classifiers.Scan, _ classifiers.Candidate) {
	t := s.Text
	if s.Key == "" || len(t) > maxField || t == "" || !digit(t[0]) {
		return
	}
	switch {
	case s.KeyHas(codeKey):
		if n := len(t); n != 3 && n != 4 {
			return
		}
		for i := range len(t) {
			if !digit(t[i]) {
				return
			}
		}
		s.Find(classifiers.Found{End: len(t), Type: &codeType, Likelihood: proxy.Likely, Rule: "field"})
	case s.KeyHas(expiryKey):
		if expiryAt(t, 0) == len(t) {
			s.Find(classifiers.Found{End: len(t), Type: &expiryType, Likelihood: proxy.Likely, Rule: "field"})
		}
	}
}
