// Package secrets recognises credentials: keys and tokens of services by their
// published formats, private keys, JSON Web Tokens, and URLs and headers that
// carry a password.
package secrets

import (
	"encoding/base64"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// charset is a set of bytes.
type charset [256]bool

func chars(list string) *charset {
	var c charset
	for i := 0; i < len(list); i++ {
		if i+2 < len(list) && list[i+1] == '-' {
			for b := int(list[i]); b <= int(list[i+2]); b++ {
				c[b] = true
			}
			i += 2
			continue
		}
		c[list[i]] = true
	}
	return &c
}

// The alphabets of tokens.
var (
	digits   = chars("0-9")
	hexLower = chars("0-9a-f")
	hexAny   = chars("0-9a-fA-F")
	lower    = chars("0-9a-z")
	upper    = chars("0-9A-Z")
	base32   = chars("2-7A-Z")
	letters  = chars("a-zA-Z")
	alnum    = chars("0-9a-zA-Z")
	wordy    = chars("0-9a-zA-Z_")
	base64u  = chars("0-9a-zA-Z_-") // base64url, RFC 4648 5
	base64s  = chars("0-9a-zA-Z+/") // base64, RFC 4648 4
	dotted   = chars("0-9a-zA-Z_.=-")
	bech32   = chars("0-9A-Z") // the check is the alphabet's own
)

// span gives the end of the run of bytes of the set from i on, at most most.
func (c *charset) span(t string, i, most int) int {
	end := min(len(t), i+most)
	for i < end && c[t[i]] {
		i++
	}
	return i
}

// maxToken bounds the walk over one token.
const maxToken = 2048

// inside reports whether a byte goes on a token.
func inside(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}

// placeholders are words that documentation puts where a key goes. They are
// looked for in lower case.
var placeholders = [...]string{
	"example", "xxxx", "your", "placeholder", "changeme", "change_me", "dummy", "sample", "redact", "insert", "replace", "notreal", "not-real",
	"not_real", "deadbeef", "00000000", "secretkey", "secret_key", "secret-key", "api_key", "api-key", "apikey", "my_token", "my-token", "-here", "_here", "test_key", "fake",
}

// placeholdersBy are the placeholders by their first letter.
var placeholdersBy = func() (t [256][]string) {
	for _, p := range placeholders {
		t[p[0]] = append(t[p[0]], p)
	}
	return t
}()

// placeholderIn reports whether a text in lower case holds a placeholder.
func placeholderIn(low []byte) bool {
	for i, c := range low {
		for _, p := range placeholdersBy[c] {
			if len(low)-i >= len(p) && string(low[i:i+len(p)]) == p {
				return true
			}
		}
	}
	return false
}

// substance says what the body of a token is made of.
type substance int8

const (
	random substance = iota // as far as can be seen
	madeUp                  // a counted row such as abcd1234: typed by hand for a sample
	filler                  // a placeholder, or one character again and again
)

// weigh tells random bodies from those that people make up.
func weigh(body string) substance {
	var seen [256]bool
	distinct, rows := 0, 0
	for i := 0; i < len(body); i++ {
		c := body[i]
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		if i > 0 && (c == body[i-1] || c == body[i-1]+1) {
			rows++
		}
	}
	n := len(body)
	switch {
	case n >= 32 && distinct < 9, n >= 16 && distinct < 7, n >= 8 && distinct < 4:
		return filler
	}
	var buf [maxToken]byte
	low := buf[:min(n, maxToken)]
	for i := range low {
		c := body[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	if placeholderIn(low) {
		// A word of documentation inside what is else a whole token.
		if d, u, l := count(body); n >= 24 && d >= 2 && u+l > 12 && rows*4 < n && !contains(low, "xxxx") && !contains(low, "0000000") && !contains(low, "your") {
			return madeUp
		}
		return filler
	}
	if rows*3 > n || contains(low, "12345678") || contains(low, "abcdefgh") {
		return madeUp
	}
	return random
}

// weak reports whether the body of a token is none.
func weak(body string) bool { return weigh(body) != random }

func contains(b []byte, p string) bool {
	for i := 0; i+len(p) <= len(b); i++ {
		if b[i] == p[0] && string(b[i:i+len(p)]) == p {
			return true
		}
	}
	return false
}

// count gives the numbers of digits, capitals and small letters.
func count(s string) (d, u, l int) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			d++
		case 'A' <= c && c <= 'Z':
			u++
		case 'a' <= c && c <= 'z':
			l++
		}
	}
	return d, u, l
}

// form is one format of a token: a prefix, then min to max characters of a set.
// Where prefix is empty only a word near tells.
type form struct {
	typ    *classifiers.Type
	prefix string
	set    *charset
	min    int
	max    int
	level  proxy.Likelihood // without a word near
	cue    *hint            // raises to very likely
	needs  bool             // the cue must be there
	words  bool             // tokens of letters alone are possible
	plain  bool             // the format alone tells: one that repeats a character is a sample, not a placeholder
	// check judges the body further: 0 for no token, else the likelihood.
	check func(body string) proxy.Likelihood
	// sample makes the body for the detector's own positives; without one it
	// is drawn from the set. lead stands before it.
	sample func() string
	lead   string
}

// digestCue speaks against tokens that only a word tells: digests look the same.
var digestCue = classifiers.NewCue("commit", "sha", "sha1", "hash", "digest", "checksum", "etag", "md5", "revision", "uuid", "guid", "integrity", "fingerprint", "image", "blob", "tree", "parent", "merge", "trace", "span", "request", "ray", "zone", "zone id", "account id", "client id", "tenant", "project id", "org id")

// cueReach is how far a cue may be from a token that needs one.
const cueReach = 90

// prefixed judges a token that begins with the form's prefix.
func (f *form) prefixed(s *classifiers.Scan, c classifiers.Candidate) {
	if s.Text[c.Start:c.End] != f.prefix {
		return // the automaton folds case, formats do not
	}
	end := f.set.span(s.Text, c.End, f.max+2)
	for end > c.End && s.Text[end-1] == '.' {
		end--
	}
	f.judge(s, c.Start, c.End, end)
}

// hint is words that stand near a token: as a cue, and as the prefixes that the
// scanner waits for.
type hint struct {
	cue   *classifiers.Cue
	words []string
}

// newHint makes a hint. Pairs of words are waited for with a space, an underscore
// or a hyphen between them.
func newHint(words ...string) *hint {
	h := &hint{cue: classifiers.NewCue(words...)}
	for _, w := range words {
		h.words = append(h.words, w)
		if strings.IndexByte(w, ' ') >= 0 {
			h.words = append(h.words, strings.ReplaceAll(w, " ", "_"), strings.ReplaceAll(w, " ", "-"))
		}
	}
	return h
}

// field judges a text that is the whole value of a field whose name has a word of
// the hint.
func (f *form) field(s *classifiers.Scan, c classifiers.Candidate) {
	n := len(s.Text)
	if s.Key == "" || c.Start != 0 || n < f.min || n > f.max || !s.KeyHas(f.cue.cue) || f.set.span(s.Text, 0, n) != n {
		return
	}
	f.judge(s, 0, 0, n)
}

// ahead looks behind a word of the hint for a run of characters that is the
// whole token.
func (f *form) ahead(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	limit := min(len(t), c.End+cueReach)
	for i := c.End; i < limit; i++ {
		if !f.set[t[i]] || f.set[t[i-1]] || inside(t[i-1]) {
			continue
		}
		end := f.set.span(t, i, f.max+1)
		if n := end - i; n >= f.min && n <= f.max {
			f.judge(s, i, i, end)
		}
		i = end
	}
}

func (f *form) judge(s *classifiers.Scan, start, body, end int) {
	n := end - body
	if n < f.min || n > f.max || inside(s.At(end)) {
		return
	}
	b := s.Text[body:end]
	if d, _, _ := count(b); d == 0 && !f.words {
		return
	}
	level := f.level
	if f.check != nil {
		if level = f.check(b); level == 0 {
			return
		}
	}
	if f.cue != nil {
		near := s.Near(f.cue.cue, start, end)
		if f.needs && (near > cueReach || near > s.Beside(digestCue, start, end)) {
			return
		}
		if near <= cueReach {
			level = classifiers.Raise(level, 1)
		}
	}
	kind := weigh(b)
	if kind == filler && !f.plain || kind == madeUp && f.prefix == "" {
		return
	}
	// A sample that keeps the whole format is a documentation value.
	s.Find(classifiers.Found{Start: start, End: end, Type: f.typ, Likelihood: level, Synthetic: kind != random})
	s.Resume(end)
}

// vendor is one service with the formats of its credentials.
type vendor struct {
	name  string
	doc   string
	types []*classifiers.Type
	forms []form
	extra func(*classifiers.Detector) // what the table cannot say
}

// detector makes the detector of a vendor, with a positive for each form and the
// near-misses that every format has: a placeholder, a cut token, a longer word.
func (v vendor) detector() *classifiers.Detector {
	d := &classifiers.Detector{
		Name: v.name, Doc: v.doc, Version: 2, Types: v.types,
		NearMisses: []string{"the " + strings.ReplaceAll(v.name, "_", " ") + " documentation, plan 2 of 3, commit 9fceb02d0ae598e95dc970b74767f19372d61af8"},
	}
	for i := range v.forms {
		f := &v.forms[i]
		body := ""
		if f.sample != nil {
			body = f.sample()
		} else {
			body = draw(f.set, (f.min+min(f.max, f.min+8))/2, uint64(len(v.name)*7+i))
		}
		d.Positives = append(d.Positives, f.lead+"= \"[["+f.typ.Name+"|"+f.prefix+body+"]]\", end")
		if f.prefix == "" {
			d.Interests = append(d.Interests, classifiers.Interest{Shape: classifiers.Prefix, Literals: f.cue.words, Judge: f.ahead}, classifiers.Interest{Shape: classifiers.Whole, Judge: f.field})
			d.NearMisses = append(d.NearMisses, "digest "+body+" of the file")
			continue
		}
		d.Interests = append(d.Interests, classifiers.Interest{Shape: classifiers.Prefix, Literals: []string{f.prefix}, Judge: f.prefixed})
		d.NearMisses = append(d.NearMisses,
			f.lead+"="+f.prefix+strings.Repeat("x", f.min),
			f.lead+"="+f.prefix+"your_key_here and "+f.prefix+"<token> and "+f.prefix+"${TOKEN} "+f.prefix+"...",
			"x"+f.prefix+" "+f.prefix)
	}
	if v.extra != nil {
		v.extra(d)
	}
	return d
}

// draw makes a body for a sample: n characters of the set, by a fixed row of
// pseudo-random numbers. So the source holds nothing that looks like a key.
func draw(set *charset, n int, seed uint64) string {
	var list []byte
	for b := range set {
		if set[b] && b != '.' && b != '=' && b != '-' && b != '_' {
			list = append(list, byte(b))
		}
	}
	out := make([]byte, n)
	x := seed*2862933555777941757 + 3037000493
	for i := range out {
		x = x*6364136223846793005 + 1442695040888963407
		out[i] = list[(x>>33)%uint64(len(list))]
	}
	return string(out)
}

// unbase64 decodes at most len(buf) bytes of base64 in either alphabet, padded
// or not. It fails on anything else.
func unbase64(buf []byte, s string) ([]byte, bool) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	if enc.DecodedLen(len(s)) > len(buf) {
		return nil, false
	}
	// The decoder's error names a byte offset only, and is dropped all the same.
	n := 0
	for i := 0; i < len(s); i++ {
		if !(base64s[s[i]] || base64u[s[i]]) {
			return nil, false
		}
	}
	in := []byte(s)
	n, err := enc.Decode(buf, in)
	return buf[:n], err == nil
}
