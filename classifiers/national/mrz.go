package national

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
)

var mrzType = classifiers.Type{
	Name: "MRZ", Aliases: []string{"PASSPORT_MRZ"}, Groups: []string{classifiers.Personal, classifiers.Identifier}, Severity: classifiers.High,
	Doc: "The machine readable zone of a passport, visa or identity card: name, number, date of birth, nationality.",
}

// MRZ finds machine readable zones.
var MRZ = &classifiers.Detector{
	Name: "mrz", Version: 1,
	Doc: `Machine readable zones of travel documents after ICAO Doc 9303: two lines of 44 characters (passports) or 36 (visas and older cards),
three of 30 (cards), of capitals, digits and the filler <. A zone whose check digits are right is very likely, one with a wrong digit (a
scanner reads O for 0) possible where it has a document's first letters. The zone is reported as a whole.`,
	Types: []*classifiers.Type{&mrzType},
	Positives: []string{
		"scan:\n[[MRZ|P<UTOTREMBLAY<<KIM<ALEX<<<<<<<<<<<<<<<<<<<<<\nK4827361B4UTO8605146F3105146<<<<<<<<<<<<<<04]]\nok?",
		"[[MRZ|I<UTOK4827361B4<<<<<<<<<<<<<<<\n8605146F3105146UTO<<<<<<<<<<<4\nTREMBLAY<<KIM<ALEX<<<<<<<<<<<<]] is the back of the card",
	},
	NearMisses: []string{
		"cout << \"A\" << 1 << std::endl; x <<= 2; a << b << c << d << e << f << g",
		"<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<\n<<<<<<< HEAD\n=======\n>>>>>>> main",
		"List<List<String>> and Map<K,V<<",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Anchor, Literals: []string{"<<"}, Judge: judgeMRZ}},
}

// Lengths of lines of ICAO Doc 9303, parts 4 to 7.
const (
	td1 = 30
	td2 = 36
	td3 = 44
)

func zoneByte(c byte) bool { return 'A' <= c && c <= 'Z' || digit(c) || c == '<' }

// judgeMRZ reads the lines around a filler. It goes on behind what it saw.
func judgeMRZ(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	start, end := c.Start, c.End
	for start > 0 && c.Start-start <= td3 && zoneByte(t[start-1]) {
		start--
	}
	for end < len(t) && end-start <= td3 && zoneByte(t[end]) {
		end++
	}
	s.Resume(end)
	n := end - start
	if n != td1 && n != td2 && n != td3 || start > 0 && t[start-1] > ' ' && t[start-1] != '"' && t[start-1] != '`' && t[start-1] != '\'' && t[start-1] != 'n' {
		return
	}
	// Up to two lines before and behind of the same length.
	lines := [5]string{2: t[start:end]}
	first, last := start, end
	lo, hi := 2, 2
	for lo > 0 {
		at, ok := lineBefore(t, first, n)
		if !ok {
			break
		}
		lo--
		first = at
		lines[lo] = t[at : at+n]
	}
	for hi < 4 {
		at, ok := lineAfter(t, last, n)
		if !ok {
			break
		}
		hi++
		last = at + n
		lines[hi] = t[at:last]
	}
	zone := lines[lo : hi+1]
	want := 2
	if n == td1 {
		want = 3
	}
	for len(zone) > want {
		zone = zone[:len(zone)-1]
		last -= n + 1
	}
	if len(zone) < want {
		return
	}
	l := proxy.Likelihood(0)
	validator := "check_digits"
	switch {
	case zoneRight(zone):
		l = proxy.VeryLikely
	case strings.IndexByte("PIACV", zone[0][0]) >= 0 && strings.Contains(zone[want-1]+zone[0], "<<"):
		l, validator = proxy.Possible, "form"
	default:
		return
	}
	s.Find(classifiers.Found{Start: first, End: last, Type: &mrzType, Likelihood: l, Rule: "zone", Validator: validator})
	s.Resume(last)
}

// lineBefore gives the start of a line of n characters of a zone that ends before
// start.
func lineBefore(t string, start, n int) (int, bool) {
	end := start
	for end > 0 && start-end < 4 && !zoneByte(t[end-1]) {
		if !between(t[end-1]) {
			return 0, false
		}
		end--
	}
	if end == start || end < n {
		return 0, false
	}
	return end - n, zoneLine(t, end-n, n)
}

// lineAfter gives the start of a line of n characters of a zone behind end.
func lineAfter(t string, end, n int) (int, bool) {
	at := end
	for at < len(t) && at-end < 4 && !zoneByte(t[at]) {
		if !between(t[at]) {
			return 0, false
		}
		at++
	}
	if at == end || at+n > len(t) {
		return 0, false
	}
	return at, zoneLine(t, at, n)
}

// between reports whether c may stand between two lines, which may be escaped.
func between(c byte) bool {
	return c == '\n' || c == '\r' || c == ' ' || c == '\\' || c == 'n' || c == 'r'
}

func zoneLine(t string, at, n int) bool {
	for i := at; i < at+n; i++ {
		if !zoneByte(t[i]) {
			return false
		}
	}
	return (at == 0 || !zoneByte(t[at-1])) && (at+n >= len(t) || !zoneByte(t[at+n]))
}

// zoneRight reports whether the check digits of number, birth and expiry are
// right.
func zoneRight(zone []string) bool {
	right := func(field string, c byte) bool {
		d := stdnum.ICAOCheck(field)
		return d >= 0 && (c == byte('0'+d) || c == '<' && d == 0)
	}
	if len(zone) == 3 {
		return right(zone[0][5:14], zone[0][14]) && right(zone[1][:6], zone[1][6]) && right(zone[1][8:14], zone[1][14])
	}
	l := zone[1]
	return right(l[:9], l[9]) && right(l[13:19], l[19]) && right(l[21:27], l[27])
}
