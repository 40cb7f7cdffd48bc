package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// boxLiterals begin addresses without a street: boxes of a post office, rural
// routes.
var boxLiterals = []string{
	"po box", "p.o. box", "p.o.box", "p o box", "p. o. box", "post office box", "postfach", "apartado", "apdo", "casella postale", "caixa postal", "postbus", "postboks",
	"skr. poczt", "skrytka poczt", "posta kutusu", "rural route", "rr ", "hc ", "gpo box", "locked bag", "private bag",
}

// judgeBox reads the number and place behind such words.
func judgeBox(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	lit := boxLiterals[c.Literal]
	p := c.End
	for n := 0; n < 8 && p < len(t) && isAlpha(t[p]); n++ { // apartado de correos, skrytka pocztowa
		p++
	}
	if strings.HasPrefix(lit, "apartado") && strings.HasPrefix(t[p:], " de correos") {
		p += len(" de correos")
	}
	if at(t, p) == '.' {
		p++
	}
	p += blanks(t, p)
	for _, m := range [...]string{"no. ", "nº ", "No. ", "# ", "#", "nr "} {
		if strings.HasPrefix(t[p:], m) {
			p += len(m)
			break
		}
	}
	n := run(t, p)
	if n == 0 || n > 7 || isAlpha(at(t, p+n)) || at(t, p-1) != ' ' && at(t, p-1) != '#' {
		return
	}
	end := p + n
	if lit == "postfach" {
		for k := 0; k < 3 && at(t, end) == ' ' && run(t, end+1) == 2; k++ { // written in twos
			end += 3
		}
	}
	level := proxy.Likely
	if lit == "rr " || lit == "hc " || lit == "rural route" {
		// A route is an address with its box only.
		q := end
		if at(t, q) == ',' {
			q++
		}
		q += blanks(t, q)
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
	s.Find(f)
	s.Resume(f.End)
}
