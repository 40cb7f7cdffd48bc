package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

// boxLiterals begin addresses without a street: boxes of a post office, rural
// routes.
var boxLiterals = []string{
	"po box", "p.o. box", "p.o.box", "p o box", "p. o. box", "post office box", "postfach", "apartado", "apdo", "casella postale", "caixa postal", "postbus", "postboks",
	"skr. poczt", "skrytka poczt", "posta kutusu", "rural route", "rr ", "hc ", "gpo box", "locked bag", "private bag", "box ", "apo a", "fpo a", "dpo a",
}

// judgeBox reads the number and place behind such words.
func judgeBox(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	lit := boxLiterals[c.Literal]
	if len(lit) == 5 && lit[1:] == "po a" {
		military(s, c.Start)
		return
	}
	p := c.End
	if lit == "box " {
		if b := s.Before(c.Start); b != 0 && b != '\n' && b != ' ' && b != ',' {
			return
		}
		p--
	}
	for n := 0; n < 8 && p < len(t) && words.IsLetter(t[p]); n++ { // apartado de correos, skrytka pocztowa
		p++
	}
	if strings.HasPrefix(lit, "apartado") && strings.HasPrefix(t[p:], " de correos") {
		p += len(" de correos")
	}
	if words.At(t, p) == '.' {
		p++
	}
	p += words.Blanks(t, p)
	for _, m := range [...]string{"no. ", "nº ", "No. ", "# ", "#", "nr "} {
		if strings.HasPrefix(t[p:], m) {
			p += len(m)
			break
		}
	}
	n := run(t, p)
	if n == 0 || n > 7 || words.IsLetter(words.At(t, p+n)) || words.At(t, p-1) != ' ' && words.At(t, p-1) != '#' {
		return
	}
	end := p + n
	if lit == "postfach" {
		for k := 0; k < 3 && words.At(t, end) == ' ' && run(t, end+1) == 2; k++ { // written in twos
			end += 3
		}
	}
	level := proxy.Likely
	if lit == "rr " || lit == "hc " || lit == "rural route" {
		// A route is an address with its box only.
		q := end
		if words.At(t, q) == ',' {
			q++
		}
		q += words.Blanks(t, q)
		if !strings.EqualFold(t[q:min(len(t), q+4)], "box ") || run(t, q+4) == 0 {
			return
		}
		end = q + 4 + run(t, q+4)
	}
	lower := t[c.Start] >= 'a'
	l := localityAt(t, end, manner{lower: lower})
	f := classifiers.Found{Start: c.Start, End: end, Type: &streetType, Likelihood: level, Rule: "box"}
	if l.level > none {
		f.End, f.Likelihood = l.end, proxy.VeryLikely
	}
	if lit == "box " && (l.level < strong || !l.sure || l.exact) {
		return // a box of something; Sweden's have the postal code
	}
	s.Find(f)
	s.Resume(f.End)
}

// military reads APO, FPO or DPO with AA, AE or AP and a code at i, and the unit
// on the line before (USPS Publication 28, section 225).
func military(s *classifiers.Scan, i int) {
	t := s.Text
	p := i + len("APO ")
	if s.At(p) != 'A' || s.At(p+1) != 'A' && s.At(p+1) != 'E' && s.At(p+1) != 'P' || s.At(p+2) != ' ' || run(t, p+3) != 5 {
		return
	}
	c := codeAt(t, p+3)
	if c.end == 0 {
		return
	}
	start := i
	q := i
	for q > 0 && (t[q-1] == ' ' || t[q-1] == ',' || t[q-1] == '\n' || t[q-1] == '\r') && i-q < 4 {
		q--
	}
	from := max(0, q-words.MaxWord)
	for _, w := range [...]string{"PSC ", "CMR ", "Unit ", "UNIT ", "USS ", "USNS ", "USCGC ", "USNV "} {
		if k := strings.LastIndex(t[from:q], w); k >= 0 && strings.IndexByte(t[from+k:q], '\n') < 0 && !words.IsLetter(words.At(t, from+k-1)) {
			start = from + k
			break
		}
	}
	s.Find(classifiers.Found{Start: start, End: c.end, Type: &streetType, Likelihood: proxy.VeryLikely, Rule: "military", Validator: "postal_code"})
	s.Resume(c.end)
}
