package contact

import (
	"strings"
	"sync"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// american judges ten digits of the North American plan, with or without 1.
func american(s *classifiers.Scan, g []classifiers.Group, i int) int {
	j := i
	if g[j].Len() == 1 && s.Text[g[j].Start] == '1' && j+1 < len(g) && g[j+1].Len() == 3 {
		j++
	}
	n := 0
	form := proxy.VeryUnlikely // what the grouping is worth
	switch {
	case len(g)-j >= 3 && g[j].Len() == 3 && g[j+1].Len() == 3 && g[j+2].Len() == 4:
		n = 3
		a, b := g[j+1].Sep, g[j+2].Sep
		switch {
		case a == classifiers.SepClose && s.Before(g[j].Start) == '(':
			form = proxy.Likely
		case a == b && (a == classifiers.SepDash || a == classifiers.SepDot):
			form = proxy.Likely
		case a == classifiers.SepSpace && b == classifiers.SepDash, a == classifiers.SepSlash && b == classifiers.SepDash, a == classifiers.SepDot && b == classifiers.SepDash:
			form = proxy.Likely
		case a == classifiers.SepSpace && b == classifiers.SepSpace:
			form = proxy.Possible
		default:
			return 0
		}
	case len(g)-j >= 2 && g[j].Len() == 3 && g[j+1].Len() == 7 && s.Before(g[j].Start) == '(':
		n, form = 2, proxy.Possible
	case len(g)-j >= 2 && g[j].Len() == 3 && g[j+1].Len() == 7 && g[j+1].Sep != classifiers.SepDot:
		n, form = 2, proxy.Unlikely
	case len(g)-j >= 2 && g[j].Len() == 6 && g[j+1].Len() == 4 && g[j+1].Sep != classifiers.SepDot:
		n, form = 2, proxy.VeryUnlikely
	case i == j && g[j].Len() == 10:
		n = 1
	case i == j && g[j].Len() == 11 && s.Text[g[j].Start] == '1':
		n = 1
	default:
		return 0
	}
	end := j + n
	var buf [maxE164]byte
	d := digits(s, g[i:end], buf[:0])
	if len(d) == 11 && d[0] == '1' {
		d = d[1:]
	}
	if counting(d) || glued(s, g, i, end) || chineseMobile(s, g[i:end]) {
		return 0
	}
	// An area in parentheses is a telephone's, also where the exchange is one
	// that is kept for services.
	if !nanp(d) && !(n == 3 && s.Before(g[j].Start) == '(' && g[j+1].Sep == classifiers.SepClose && d[0] >= '2' && d[3] >= '2' && d[1] != '9') {
		return 0
	}
	start, stop := g[i].Start, g[end-1].End
	if j == i && s.Before(start) == '(' && g[j+min(1, n-1)].Sep == classifiers.SepClose {
		start--
	}
	if i != j && g[j].Sep == classifiers.SepSpace && form == proxy.Possible {
		// "1 415 867 5309": the 1 may be the end of something else.
		form = proxy.Unlikely
	}
	level := form
	switch s.Lean(phoneCue, classifiers.Numbering, start, stop) {
	case 1:
		level = max(classifiers.Raise(form, 2), proxy.Likely)
		if n == 1 && s.Beside(phoneCue, start, stop) > closeLabel && s.Near(nounCue, start, stop) == classifiers.Far {
			level = form // ten bare digits need the word in their line
		}
	case -1:
		level = classifiers.Raise(form, -2)
	}
	if n == 1 && hl7(s.Text, start) {
		level = proxy.Likely
	}
	report(s, classifiers.Found{Start: start, End: stop, Likelihood: level, Synthetic: fiction(d), Rule: "north-american", Validator: planWord(max(sized, plans()[1].judge(d)))})
	return end - i
}

// chineseMobile reports whether one group is a mobile number of China, eleven
// digits from 13 to 19, beside a word for telephone: that plan reads it.
func chineseMobile(s *classifiers.Scan, g []classifiers.Group) bool {
	return len(g) == 1 && g[0].Len() == 11 && s.Text[g[0].Start] == '1' && s.Text[g[0].Start+1] >= '3' && s.Near(nounCue, g[0].Start, g[0].End) <= farLabel
}

// ranges are the ranges of the large plans together, for a first look: by the
// first three digits, the lengths of the numbers behind a trunk zero, and of
// those that are written without.
type ranges struct{ zero, bare [1000]uint16 }

var union = sync.OnceValue(func() *ranges {
	r := new(ranges)
	for _, code := range large {
		p := plans()[code]
		if p == nil {
			continue
		}
		for i, m := range p.prefixes {
			switch {
			case p.trunk == "0":
				r.zero[i] |= m
			case p.trunk == "":
				r.bare[i] |= m
			}
			switch {
			case code == 90, code == 91, code == 55: // written without the zero as often
				r.bare[i] |= m
			case code == 86 && i >= 130 && i < 200: // so are China's mobile numbers
				r.bare[i] |= m & (1 << (11 - minNSN))
			}
		}
	}
	return r
})

// within reports whether a table of ranges has a number of these digits.
func within(t *[1000]uint16, d []byte) bool {
	if len(d) < minNSN || len(d) > maxNSN {
		return false
	}
	return t[int(d[0]-'0')*100+int(d[1]-'0')*10+int(d[2]-'0')]>>(len(d)-minNSN)&1 != 0
}

// Lengths of national numbers, trunk zero included.
const (
	minNational = 8
	maxNational = 11
	maxTrunk    = 12
	longTrunk   = 14 // of open plans, such as Austria's
	localLength = 7
)

// inland is a national number as it is written.
type inland struct {
	start, end int
	j          int // the group behind
	d          []byte
	trunk      bool // it begins with one zero
	planned    bool // a large plan has such numbers
	longer     bool // more groups follow in the same way
}

// national judges numbers of other plans than the North American. The shape says
// little: without a word for telephone near, only those with a trunk zero and
// groups are reported, and those below likely but for a few layouts.
func national(s *classifiers.Scan, g []classifiers.Group, i int) int {
	if i > 0 && g[i].Sep != classifiers.SepSpace && g[i].Sep != classifiers.SepOpen && g[i].Sep != classifiers.SepWide {
		return 0
	}
	if i > 0 && g[i].Sep == classifiers.SepSpace && s.Text[g[i].Start] != '0' && g[i-1].Len() > 2 {
		return 0 // inside a longer run
	}
	var buf [maxE164 + 1]byte
	n := inland{d: buf[:0]}
	if !n.read(s, g, i) {
		return local(s, g, i)
	}
	if dated(s, g[i:n.j]) || years(s, g[i:n.j]) || quad(s, g[i:n.j]) || glued(s, g, i, n.j) || same(n.d) || counting(n.d) {
		return 0
	}
	near := s.Near(phoneCue, n.start, n.end)
	noun := s.Near(nounCue, n.start, n.end)
	against := min(s.Beside(classifiers.Numbering, n.start, n.end), s.Beside(otherCue, n.start, n.end))
	labelled := near <= closeLabel && near <= against || noun <= farLabel && noun <= against && (n.planned || noun <= closeLabel) || s.KeyHas(phoneCue)
	if !labelled {
		return n.unlabelled(s, g, i, against)
	}
	bare := n.j == i+1 && len(n.d) > maxNational // international without its plus
	if bare && noun > beside || n.longer && !n.trunk || security(g[i:n.j]) && noun > beside || n.j == i+1 && day(s, g[i]) && noun > beside {
		return 0
	}
	level := proxy.Likely
	switch {
	case n.trunk && n.planned:
		level = proxy.VeryLikely
	case !n.planned && noun > closeLabel:
		level = proxy.Possible
	}
	s.Near(phoneCue, n.start, n.end) // its word is the evidence
	report(s, classifiers.Found{Start: n.start, End: n.end, Likelihood: level, Synthetic: fiction(n.d), Rule: "national", Validator: n.validator()})
	return n.j - i
}

func (n *inland) validator() string {
	if n.planned {
		return planWord(assigned)
	}
	return ""
}

// read reads the groups of a number that begins with group i.
func (n *inland) read(s *classifiers.Scan, g []classifiers.Group, i int) bool {
	total, j := 0, i
	zero := s.Text[g[i].Start] == '0'
	for j < len(g) && j-i < maxParts-2 {
		if j > i && (s.Before(g[j].Start) == '+' || g[j].Sep == classifiers.SepWide && !(j == i+1 && zero && g[i].Len() <= 5)) {
			break
		}
		next := total + g[j].Len()
		// A whole number in one group may be international without its plus.
		if next > maxNational && !(next <= longTrunk && zero) && !(j == i && next <= maxE164) {
			break
		}
		total = next
		j++
	}
	if total < minNational {
		return false
	}
	n.j, n.start, n.end = j, g[i].Start, g[j-1].End
	n.d = digits(s, g[i:j], n.d)
	if j < len(g) && g[j].Sep != classifiers.SepWide && g[j].Sep != classifiers.SepOpen && s.Text[g[j].Start] != '0' && s.Before(g[j].Start) != '+' {
		n.longer = true
	}
	if j > i+1 && s.Before(n.start) == '(' && g[i+1].Sep == classifiers.SepClose {
		n.start--
	}
	n.trunk = zero && total >= minNational && n.d[1] != '0'
	u := union()
	switch {
	case n.trunk:
		n.planned = within(&u.zero, n.d[1:])
	case j == i+1 && total > maxNational-1:
		n.planned = e164(n.d) == assigned
	}
	if !n.planned {
		n.planned = within(&u.bare, n.d)
	}
	if total > maxTrunk && !n.planned {
		return false
	}
	return true
}

// unlabelled judges a number without a word for telephone near.
func (n *inland) unlabelled(s *classifiers.Scan, g []classifiers.Group, i, against int) int {
	if n.longer || pairs(g[i:n.j]) && (i > 0 && g[i-1].Len() == 2 || n.j < len(g) && g[n.j].Len() == 2 || hexBeside(s.Text, n.start, n.end)) {
		return 0
	}
	parts := n.j - i
	level := max(layout(s, g[i:n.j]), brazilian(s, g[i:n.j]))
	own := classifiers.Far
	if n.planned && (parts > 1 || n.trunk) {
		own = s.Near(ownCue, n.start, n.end)
	}
	switch {
	case own <= closeLabel && own <= against:
		level, against = proxy.Likely, classifiers.Far
	case hl7(s.Text, n.start):
		level, against = proxy.Likely, classifiers.Far
	case n.trunk && parts > 1 && n.planned:
		level = max(level, proxy.Unlikely)
		if parts > 2 && even(g[i:n.j]) && n.grouped(g[i:n.j]) {
			level = max(level, proxy.Possible)
		}
		if number := s.Near(numberCue, n.start, n.end); number <= closeLabel && number <= against {
			level, against = proxy.Likely, classifiers.Far
		}
	case n.trunk && parts > 1:
		level = max(level, proxy.VeryUnlikely)
		if number := s.Near(numberCue, n.start, n.end); number <= closeLabel && number <= against {
			level, against = proxy.Likely, classifiers.Far
		}
	case n.trunk && n.planned && len(n.d) >= 10:
		level = max(level, proxy.VeryUnlikely)
	case len(n.d) == 10 && n.planned && (parts == 1 || even(g[i:n.j]) && n.grouped(g[i:n.j])):
		level = max(level, proxy.VeryUnlikely)
	}
	if level == 0 {
		return 0
	}
	if against <= closeLabel {
		level = classifiers.Raise(level, -2)
	}
	report(s, classifiers.Found{Start: n.start, End: n.end, Likelihood: level, Synthetic: fiction(n.d), Rule: "national", Validator: n.validator()})
	return parts
}

// grouped reports whether a large plan groups its numbers so, with the trunk
// zero before the first group or in one of its own.
func (n *inland) grouped(g []classifiers.Group) bool {
	d := n.d
	if n.trunk {
		d = d[1:]
	}
	var key uint64
	for k, x := range g {
		l := x.Len()
		if k == 0 && n.trunk {
			l--
		}
		if l == 0 {
			continue
		}
		key = key<<4 | uint64(l)
	}
	for _, code := range large {
		p := plans()[code]
		if p == nil || p.trunk == "0" && !n.trunk && code != 90 && code != 91 {
			continue
		}
		if p.judge(d) == assigned && p.grouped(key) {
			return true
		}
	}
	return false
}

// hexBeside reports whether a byte in hex stands before or behind [start, end),
// a space away.
func hexBeside(t string, start, end int) bool {
	return start > 2 && t[start-1] == ' ' && hexDigit(t[start-2]) && hexDigit(t[start-3]) && (start == 3 || !word(t[start-4])) ||
		end+2 < len(t) && t[end] == ' ' && hexDigit(t[end+1]) && hexDigit(t[end+2]) && (end+3 == len(t) || !word(t[end+3]))
}

func hexDigit(b byte) bool { return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f' }

// even reports whether the groups behind the first are joined in one way.
func even(g []classifiers.Group) bool {
	for k := 2; k < len(g); k++ {
		if g[k].Sep != g[1].Sep && !(k == 2 && (g[1].Sep == classifiers.SepClose || g[1].Sep == classifiers.SepOpen)) &&
			!(k > 2 && g[k].Sep == g[2].Sep) && !(k == 3 && g[1].Sep == classifiers.SepOpen) {
			return false
		}
	}
	return true
}

// local judges the seven digits of a number in one's own area, 867-5309 or
// 948-21-99, which need a word for telephone beside them.
func local(s *classifiers.Scan, g []classifiers.Group, i int) int {
	n := 0
	switch {
	case len(g)-i < 2 || g[i].Len() != 3 || g[i+1].Sep != classifiers.SepDash && g[i+1].Sep != classifiers.SepSpace:
		return 0
	case g[i+1].Len() == 4 && g[i+1].Sep == classifiers.SepDash:
		n = 2
	case len(g)-i > 2 && g[i+1].Len() == 2 && g[i+2].Len() == 2 && g[i+2].Sep == g[i+1].Sep:
		n = 3
	}
	if n == 0 || i > 0 && g[i].Sep != classifiers.SepWide || i+n < len(g) && g[i+n].Sep != classifiers.SepWide {
		return 0
	}
	start, end := g[i].Start, g[i+n-1].End
	if s.Text[start] < '2' || glued(s, g, i, i+n) || s.Near(nounCue, start, end) > closeLabel || s.Beside(classifiers.Numbering, start, end) < s.Near(nounCue, start, end) {
		return 0
	}
	film := s.Text[start:start+3] == "555" && s.Text[start+4:start+6] == "01"
	report(s, classifiers.Found{Start: start, End: end, Likelihood: proxy.Likely, Synthetic: film, Rule: "local"})
	return n
}

// security reports whether groups are those of a social security number.
func security(g []classifiers.Group) bool {
	return len(g) == 3 && g[0].Len() == 3 && g[1].Len() == 2 && g[2].Len() == 4
}

// years reports whether groups are two years, 2015-2019.
func years(s *classifiers.Scan, g []classifiers.Group) bool {
	if len(g) != 2 || g[0].Len() != 4 || g[1].Len() != 4 {
		return false
	}
	a, b := s.Text[g[0].Start:g[0].Start+2], s.Text[g[1].Start:g[1].Start+2]
	return (a == "19" || a == "20") && (b == "19" || b == "20")
}

// day reports whether a group is a date without signs, 20261004.
func day(s *classifiers.Scan, g classifiers.Group) bool {
	if g.Len() != 8 {
		return false
	}
	t := s.Text[g.Start:g.End]
	return (t[:2] == "19" || t[:2] == "20") && (t[4] == '0' || t[4] == '1' && t[5] <= '2') && t[6] <= '3'
}

// layouts are ways of grouping that one country's numbers have and little else:
// France's pairs, the mobile numbers of Japan, Korea, Turkey, Spain, Brazil,
// China and the United Kingdom, and areas of that and of China of three digits.
var layouts = [...]struct {
	lengths string // of the groups, a digit each
	first   string // what the number may begin with, its digits only
	level   proxy.Likelihood
}{
	{"344", "0203 0207 0208 0238 0239 0247 0289 0292", proxy.Likely},
	{"344", "020 021 022 023 024 025 027 028 029 13 14 15 16 17 18 19", proxy.Possible},
	{"22222", "01 02 03 04 05 06 07 09", proxy.Likely},
	{"344", "070 080 090 010 050", proxy.Likely},
	{"4322", "05", proxy.Likely},
	{"3222", "6 7 9", proxy.Possible},
	{"244", "03 06", proxy.Possible},
	{"56", "07", proxy.Possible},
	{"533", "07", proxy.Likely},
	{"533", "01", proxy.Possible},
}

// layout gives what the grouping of a national number says by itself, 0 for
// nothing. The separators must be the same.
func layout(s *classifiers.Scan, g []classifiers.Group) proxy.Likelihood {
	for _, l := range layouts {
		if len(g) != len(l.lengths) {
			continue
		}
		fits := true
		for k, x := range g {
			fits = fits && x.Len() == int(l.lengths[k]-'0') && (k == 0 || x.Sep == g[1].Sep)
		}
		if !fits || g[1].Sep != classifiers.SepSpace && g[1].Sep != classifiers.SepDash && g[1].Sep != classifiers.SepDot {
			continue
		}
		var buf [maxE164]byte
		d := string(digits(s, g, buf[:0]))
		for _, p := range strings.Fields(l.first) {
			if strings.HasPrefix(d, p) {
				return l.level
			}
		}
	}
	return 0
}

// brazilian tells what the form (11) 98765-4321 says, which Brazil's numbers
// have: an area of two digits in parentheses, and a hyphen before the last four.
func brazilian(s *classifiers.Scan, g []classifiers.Group) proxy.Likelihood {
	if len(g) != 3 || g[0].Len() != 2 || g[1].Sep != classifiers.SepClose || s.Before(g[0].Start) != '(' || g[2].Len() != 4 || g[2].Sep != classifiers.SepDash {
		return 0
	}
	switch a, b := s.Text[g[0].Start:g[0].End], s.Text[g[1].Start]; {
	case a[0] == '0' || a[1] == '0':
	case g[1].Len() == 5 && b == '9':
		return proxy.Likely
	case g[1].Len() == 4 && '2' <= b && b <= '5':
		return proxy.Possible
	}
	return 0
}

// dated reports whether groups are a date, with or without a time's hour.
func dated(s *classifiers.Scan, g []classifiers.Group) bool {
	if len(g) < 3 || g[1].Sep != g[2].Sep || g[1].Sep == classifiers.SepSpace || len(g) > 3 && g[3].Sep == g[1].Sep {
		return false
	}
	a, b, c := g[0].Len(), g[1].Len(), g[2].Len()
	return a <= 2 && b <= 2 && (c == 4 || c == 2 && g[1].Sep != classifiers.SepDash) && small(s, g[0], 31) && small(s, g[1], 31) || a == 4 && b <= 2 && c <= 2
}

func small(s *classifiers.Scan, g classifiers.Group, most int) bool {
	n := 0
	for p := g.Start; p < g.End; p++ {
		n = n*10 + int(s.Text[p]-'0')
	}
	return n <= most
}

// quad reports whether groups are joined by dots like an IPv4 address.
func quad(s *classifiers.Scan, g []classifiers.Group) bool {
	return len(g) == 4 && small(s, g[0], 255) && g[1].Sep == classifiers.SepDot && g[2].Sep == classifiers.SepDot && g[3].Sep == classifiers.SepDot && g[0].Len() <= 3 && g[3].Len() <= 3
}
