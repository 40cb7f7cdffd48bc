package contact

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// Bounds of what stands around a number.
const (
	maxExtension = 6 // digits of an extension
	maxHL7       = 1 << 10
	backNumber   = 32 // bytes before an extension in which its number stands
)

// extensionWords stand before an extension, longest first where one begins
// another.
var extensionWords = [...]string{"extension", "extn", "ext", "x", "durchwahl", "dw", "apparat", "app", "klappe", "poste", "interno", "int", "anexo", "ramal", "toestel", "tst", "wewn", "wew", "w", "anknytning", "доб", "内线", "内線", "#"}

// extension gives the end of the number that ends at i, with the extension that
// follows: ext. 12, x12, -Durchwahl 44.
func extension(t string, i int) int {
	j := i
	for n := 0; n < 2 && j < len(t) && (t[j] == ' ' || t[j] == ',' || t[j] == ';' || t[j] == '('); n++ {
		j++
	}
	for _, w := range extensionWords {
		if len(t)-j <= len(w) || !strings.EqualFold(t[j:j+len(w)], w) {
			continue
		}
		k := j + len(w)
		if w == "w" && t[k] != '.' || len(w) == 1 && w != "#" && k < len(t) && t[k] == ' ' && w != "x" {
			continue // a letter by itself says nothing
		}
		for n := 0; n < 2 && k < len(t) && (t[k] == '.' || t[k] == ':' || t[k] == ' '); n++ {
			k++
		}
		d := k
		for d < len(t) && '0' <= t[d] && t[d] <= '9' && d-k <= maxExtension {
			d++
		}
		if d == k || d-k > maxExtension || d < len(t) && word(t[d]) || w == "x" && d-k < 2 && t[i] == ' ' {
			continue
		}
		return d
	}
	return i
}

// judgeExtended judges a number whose last group is glued to its extension,
// 867-5309x12: the scanner takes that group for a word.
func judgeExtended(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	x := c.Start
	for x < c.End && '0' <= t[x] && t[x] <= '9' {
		x++
	}
	if x == c.Start || x == c.End || t[x]|0x20 != 'x' || c.End-x < 3 || c.End-x > maxExtension+1 || x-c.Start < 3 || x-c.Start > 11 {
		return
	}
	for i := x + 1; i < c.End; i++ {
		if t[i] < '0' || t[i] > '9' {
			return
		}
	}
	// The groups before, backwards.
	var g [maxParts]classifiers.Group
	n := len(g) - 1
	g[n] = classifiers.Group{Start: c.Start, End: x, Digits: true}
	floor := max(0, c.Start-backNumber)
	for n > 0 {
		end := g[n].Start
		i := end
		for i > floor && strings.IndexByte(" -.()", t[i-1]) >= 0 && end-i < 2 {
			i--
		}
		if i == end || i == floor {
			break
		}
		from := i
		for from > floor && '0' <= t[from-1] && t[from-1] <= '9' {
			from--
		}
		if from == i || from > 0 && (word(t[from-1])) {
			break
		}
		sep := t[i]
		switch between := t[i:end]; {
		case strings.IndexByte(between, ')') >= 0:
			sep = classifiers.SepClose
		case strings.IndexByte(between, '(') >= 0:
			sep = classifiers.SepOpen
		case len(between) > 1:
			sep = classifiers.SepNone
		}
		if sep == classifiers.SepNone {
			break
		}
		g[n].Sep = sep
		n--
		g[n] = classifiers.Group{Start: from, End: i, Digits: true}
	}
	if n == len(g)-1 && x-c.Start < 10 {
		return
	}
	numbers(s, g[n:])
}

// judgeLink judges the digits of a link that opens a chat or a call: they are an
// international number without its plus.
func judgeLink(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.End
	for n := 0; n < 3 && i < len(t) && (t[i] == '+' || t[i] == '%' || t[i] == '2' && t[i-1] == '%' || t[i]|0x20 == 'b' && i > 1 && t[i-2] == '%'); n++ {
		i++
	}
	end := i
	for end < len(t) && '0' <= t[end] && t[end] <= '9' && end-i <= maxE164 {
		end++
	}
	if end < len(t) && word(t[end]) || counting([]byte(t[i:end])) {
		return
	}
	if v := e164([]byte(t[i:end])); v == assigned {
		report(s, classifiers.Found{Start: i, End: end, Likelihood: proxy.VeryLikely, Synthetic: fiction([]byte(t[i:end])), Rule: "link", Validator: planWord(v)})
	}
}

// vanityHeads begin North American numbers without charge that are written in
// letters.
var vanityHeads = []string{"1-800-", "1-833-", "1-844-", "1-855-", "1-866-", "1-877-", "1-888-", "1 800 ", "1 888 ", "1 877 ", "1.800."}

// judgeVanity judges a number in letters, 1-800-FLOWERS.
func judgeVanity(s *classifiers.Scan, c classifiers.Candidate) {
	const digits, most = 7, 12
	t := s.Text
	keys, letters := 0, 0
	i := c.End
	for i < len(t) && keys < most {
		b := t[i]
		if 'A' <= b && b <= 'Z' {
			letters++
		} else if b == '-' && i+1 < len(t) && word(t[i+1]) && t[i+1] != '_' {
			keys-- // joins, and is no key
		} else if b < '0' || b > '9' {
			break
		}
		keys++
		i++
	}
	if keys < digits || letters < 3 || i < len(t) && word(t[i]) || !s.Alone(c.Start, c.Start+1) || s.Before(c.Start) == '-' {
		return
	}
	s.Find(classifiers.Found{Start: c.Start, End: i, Type: &phoneType, Likelihood: proxy.Possible, Rule: "vanity"})
}

// hl7 reports whether i stands in a field for telephone numbers of a segment of
// HL7 version 2: PID-13 and PID-14, NK1-5 to NK1-7, GT1-6 and GT1-7.
func hl7(t string, i int) bool {
	if i == 0 || t[i-1] != '|' && t[i-1] != '^' && t[i-1] != '~' {
		return false
	}
	floor := max(0, i-maxHL7)
	line := floor + strings.LastIndexAny(t[floor:i], "\n\r") + 1
	if i-line < 4 || t[line+3] != '|' {
		return false
	}
	field := strings.Count(t[line:i], "|")
	switch t[line : line+3] {
	case "PID":
		return field == 13 || field == 14
	case "NK1":
		return field >= 5 && field <= 7
	case "GT1":
		return field == 6 || field == 7
	}
	return false
}
