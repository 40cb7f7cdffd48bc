package contact

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// prefixed says how an international number begins: where, and how many digits
// stand before the country code (00, 011).
type prefixed struct{ start, skip int }

// e164 says whether digits that begin with a country code are a number.
func e164(d []byte) verdict {
	if len(d) < minE164 || len(d) > maxE164 {
		return noNumber
	}
	p, n := codeOf(d)
	if p == nil {
		return noNumber
	}
	rest := d[n:]
	if n == 1 && d[0] == '1' {
		if !nanp(rest) {
			return noNumber
		}
		return max(p.judge(rest), sized)
	}
	v := p.judge(rest)
	if v != assigned && p.trunk != "" && strings.HasPrefix(string(rest[:len(p.trunk)]), p.trunk) {
		v = max(v, p.judge(rest[len(p.trunk):])) // a trunk prefix that somebody left in
	}
	return v
}

// international judges a number with a plus or 00 before its country code.
func international(s *classifiers.Scan, g []classifiers.Group, i int, at prefixed) int {
	start, skip := at.start, at.skip
	if start < g[i].Start { // the plus: it stands free
		switch b := s.Before(start); {
		case word(b), b == '+', b == ')':
			return 0
		}
	}
	var buf [maxE164 + 4]byte
	best, n, is := 0, 0, noNumber
	total := 0
	for j := i; j < len(g) && j-i < maxParts; j++ {
		if j > i && (s.Before(g[j].Start) == '+' || g[j].Sep == classifiers.SepWide && j > i+3) {
			break
		}
		total += g[j].Len()
		if total-skip > maxE164+1 {
			break
		}
		d := digits(s, g[i:j+1], buf[:0])
		if len(d) <= skip {
			continue
		}
		d = d[skip:]
		// A trunk zero in parentheses, +44 (0)20 …, is not dialled.
		if k := i + 1; j > i && g[k].Len() == 1 && g[k].Sep == classifiers.SepOpen && s.Text[g[k].Start] == '0' && g[i].Len() > skip {
			n := g[i].Len() - skip
			d = append(d[:n], d[n+1:]...)
		}
		v := e164(d)
		if v == noNumber && d[0] == '1' && len(d) == 11 && fours(g[i:j+1]) {
			v = sized // written as one, of an area that there is not
		}
		if v >= is && v > noNumber && enough(g, i, j) {
			best, n, is = g[j].End, j-i+1, v
		}
	}
	if best == 0 || counting(digits(s, g[i:i+n], buf[:0])) {
		return 0
	}
	end := i + n
	if skip > 0 && end < len(g) && (glued(s, g, i, end) || g[end].Sep == classifiers.SepSpace && s.Text[g[end].Start] != '0') {
		return 0 // a piece of something longer
	}
	grouped := n > 1
	if !grouped && end < len(g) && g[end].Sep == classifiers.SepDot {
		return 0 // a number with a fraction
	}
	level := proxy.Likely
	// 0049 30 …: the country code ends a group.
	parted := grouped && skip > 0 && is == assigned && (ends(s, g[i], skip) || g[i].Len() == skip && ends(s, g[i+1], 0) && !pairs(g[i:end]))
	switch lean := s.Lean(phoneCue, classifiers.Numbering, start, best); {
	case skip > 0 && lean <= 0:
		level = proxy.Unlikely
		if parted && lean == 0 {
			level = proxy.Likely
		} else if grouped && lean == 0 {
			level = proxy.Possible
		}
	case lean > 0 && (is == assigned || grouped):
		level = proxy.VeryLikely
	case lean < 0 && !grouped:
		level = proxy.Possible
	case lean < 0 && is < assigned:
		level = proxy.Possible
	case grouped && is == assigned:
		level = proxy.VeryLikely
	}
	d := digits(s, g[i:end], buf[:0])[skip:]
	report(s, classifiers.Found{Start: start, End: best, Likelihood: level, Synthetic: fiction(d), Rule: "international", Validator: planWord(is)})
	return n
}

// enclosed judges a number with its country code in parentheses, (351) 911 860 913.
func enclosed(s *classifiers.Scan, g []classifiers.Group, i int) int {
	if s.Before(g[i].Start) != '(' || len(g)-i < 2 || g[i+1].Sep != classifiers.SepClose || g[i].Len() > 3 || !ends(s, g[i], 0) {
		return 0
	}
	var buf [maxE164 + 1]byte
	for n := min(len(g)-i, maxParts); n > 1; n-- {
		d := digits(s, g[i:i+n], buf[:0])
		if e164(d) != assigned || counting(d) || glued(s, g, i, i+n) {
			continue
		}
		start, end := g[i].Start-1, g[i+n-1].End
		if s.Lean(phoneCue, classifiers.Numbering, start, end) <= 0 {
			return 0 // an area code, as likely
		}
		report(s, classifiers.Found{Start: start, End: end, Likelihood: proxy.Likely, Synthetic: fiction(d), Rule: "international", Validator: planWord(assigned)})
		return n
	}
	return 0
}

// planWord is the evidence that a plan gives.
func planWord(v verdict) string {
	switch v {
	case assigned:
		return "numbering-plan"
	case sized:
		return "length"
	}
	return ""
}

// ends reports whether a group is the prefix of skip digits and a country code.
func ends(s *classifiers.Scan, g classifiers.Group, skip int) bool {
	if g.Len() <= skip || g.Len() > skip+3 {
		return false
	}
	_, n := codeOf([]byte(s.Text[g.Start+skip : g.End]))
	return n == g.Len()-skip
}

// pairs reports whether all groups have two digits: bytes in hex, as often as not.
func pairs(g []classifiers.Group) bool {
	for _, x := range g {
		if x.Len() != 2 {
			return false
		}
	}
	return true
}

// fours reports whether groups end 3-3-4 behind the one with the country code.
func fours(g []classifiers.Group) bool {
	n := len(g)
	return n == 4 && g[1].Len() == 3 && g[2].Len() == 3 && g[3].Len() == 4
}

// enough reports whether a number may end with group j: not with a lone digit
// after a space, which belongs to what follows.
func enough(g []classifiers.Group, i, j int) bool {
	return j == i || g[j].Len() > 1 || g[j].Sep == classifiers.SepDash
}

// dramas are ranges that regulators keep for films, books and examples, as
// national significant numbers with the country code: Ofcom (numbers for drama
// use), ARCEP, ACMA and the Bundesnetzagentur publish them.
var dramas = strings.Fields(`
	44113496 44114496 44115496 44116496 44117496 44118496 44121496 44131496 44141496 44151496 442079460 44191498 442896496 442920180 441632960 447700900 448081570 449098790 443069990
	3319900 3326191 3335301 3346571 3353649 3363998
	61491570006 61491570156 61491570157 61491570158 61491570159 61491570110 612555 612701 613555 613701 617555 617701 618555 618701
	493023125 496990009 494066969 492214710 498999998 4917139200 4917252500 491766604069 4915228817386`)

// fiction reports whether digits, with or without a country code, are of a range
// that is kept for films and examples.
func fiction(d []byte) bool {
	n := d
	if len(n) == 11 && n[0] == '1' {
		n = n[1:]
	}
	if len(n) == 10 && n[3] == '5' && n[4] == '5' && n[5] == '5' && n[6] == '0' && n[7] == '1' {
		return true // 555-0100 to 555-0199, with an area code before
	}
	switch {
	case len(d) < 8:
		return false
	case d[0] == '0':
		return dramaHeads[head(d[1:])].national && drama(d[1:], 2)
	case dramaHeads[head(d)].whole:
		return drama(d, 0)
	case d[2] == '0' && dramaCodes[(d[0]-'0')*10+d[1]-'0']:
		for _, r := range dramas { // a trunk zero that somebody left in
			if string(d[:2]) == r[:2] && strings.HasPrefix(string(d[3:]), r[2:]) {
				return true
			}
		}
	}
	return false
}

// drama reports whether digits begin with one of the ranges without its first
// skip digits.
func drama(d []byte, skip int) bool {
	for _, r := range dramas {
		if len(r)-skip >= 5 && len(d) > len(r)-skip && string(d[:len(r)-skip]) == r[skip:] {
			return true
		}
	}
	return false
}

// head is the number that the first three digits are.
func head(d []byte) int { return int(d[0]-'0')*100 + int(d[1]-'0')*10 + int(d[2]-'0') }

// dramaHeads tells by the first three digits whether one of the ranges may
// follow, with its country code and without; dramaCodes are the country codes.
var dramaHeads, dramaCodes = func() (h [1000]struct{ whole, national bool }, codes [100]bool) {
	for _, r := range dramas {
		h[head([]byte(r))].whole = true
		h[head([]byte(r[2:]))].national = true
		codes[(r[0]-'0')*10+r[1]-'0'] = true
	}
	return
}()

// nanp reports whether ten digits are a number of the North American plan:
// area and exchange begin with 2 to 9 and are not N11; areas N9X are reserved.
func nanp(d []byte) bool {
	return len(d) == 10 && d[0] >= '2' && d[3] >= '2' && d[1] != '9' &&
		(d[1] != '1' || d[2] != '1') && (d[4] != '1' || d[5] != '1') && !same(d)
}

func same(d []byte) bool {
	for _, c := range d[1:] {
		if c != d[0] {
			return false
		}
	}
	return true
}
