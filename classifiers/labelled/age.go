package labelled

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var ageType = classifiers.Type{
	Name: "AGE", Groups: []string{classifiers.General}, Severity: classifiers.Low, General: true, Doc: "The age of a person in years.",
}

// Age finds ages of persons.
var Age = &classifiers.Detector{
	Name: "person_age", Version: 1,
	Doc: `Ages in years: 54-year-old, 54 y/o, aged 54, 54 Jahre alt, 54 ans behind a comma or âgé de, 54 años, 54歳, उम्र 54, a field or column called age, a
number behind a name in parentheses or between commas. The span is the number. Spans of time (for 5 years, depuis 5 ans) are none.`,
	Types: []*classifiers.Type{&ageType},
	Positives: []string{
		"a [[AGE|54]]-year-old man, aged [[AGE|54]], [[AGE|54]] y/o, [[AGE|54]] years old",
		"sie ist [[AGE|54]] Jahre alt, ein [[AGE|54]]-jähriger",
		"Patiente Anna Roux, [[AGE|54]] ans, âgé de [[AGE|54]] ans",
		"José Ruiz, [[AGE|54]] años; [[AGE|7]] anni di età",
		"患者([[AGE|54]]歳)、[[AGE|54]]岁",
		"उम्र [[AGE|42]], yaş: [[AGE|42]], age: [[AGE|42]]",
		"I'm [[AGE|29]], and new here; I am [[AGE|41]] and live alone",
		"my son Kofi ([[AGE|6]]) and Mara Lind, [[AGE|36]], nurse",
	},
	NearMisses: []string{
		"for 5 years, depuis 5 ans, hace 5 años, seit 5 Jahren, 30 days old, page 54, stage 3",
		"I'm 50% sure, I am 20 minutes late",
		"message: 54, Chapter 3 (12), Table 5, 36, version (24)",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Code, Judge: judgeAge}},
}

// oldest is the greatest age.
const oldest = 120

func judgeAge(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	for _, g := range c.Groups {
		if !g.Digits || !words.IsDigit(t[g.Start]) || g.Len() > 6 {
			continue
		}
		n := digits(t, g.Start)
		if n == 0 || n > 3 || g.Letters && n+2 < g.Len() {
			continue
		}
		x := number(t[g.Start : g.Start+n])
		if x > oldest || t[g.Start] == '0' {
			continue
		}
		if b := s.Before(g.Start); words.IsDigit(b) || b == '.' && words.IsDigit(s.Before(g.Start-1)) || b == '/' || b == '$' || b == '_' || b == '-' && words.IsLetter(s.Before(g.Start-1)) {
			continue
		}
		if level, rule := ageAt(s, g.Start, g.Start+n); level > 0 {
			s.Find(classifiers.Found{Start: g.Start, End: g.Start + n, Type: &ageType, Likelihood: level, Rule: rule})
		}
	}
}

// units of age that say it by themselves, and those that are spans of time as
// well.
var (
	sureUnits = []string{"-year-old", "-years-old", " year old", " years old", " year-old", " yo ", " y/o", " y.o.", "yo ", " yr old", " yrs old", "-yr-old", "y/o", " yo,", "yo,", " yo.", " years of age",
		" Jahre alt", " Jahren alt", "-jährig", "-Jährig", " jährig", "jährig", "-jährige", " jaar oud", "-jarige", " år gammal", "-årig", "-åring", " yaşında", " yaşındaki", " anni di età", " ans d'âge", "-letni", "-letnia", " saal ka", " saal ki", " saal ke",
		"歳", "岁", "歲", "세", " साल का", " साल की", " वर्षीय", " anos de idade", " años de edad", "-anni", " éves", " letý", "-летний", "-летняя"}
	timeUnits = []string{" ans", " años", " anni", " anos", " Jahre", " jaar", " lat", " år", " yaş", " साल", " वर्ष", " Jahren"}
)

// The first two bytes of the units, so that most numbers cost one look.
var sureBegin, timeBegin = beginnings(sureUnits), beginnings(timeUnits)

func beginnings(units []string) (t [256][4]uint64) {
	for _, u := range units {
		t[u[0]][u[1]>>6] |= 1 << (u[1] & 63)
	}
	return t
}

// begins reports whether t begins as one of the units does.
func begins(t string, with *[256][4]uint64) bool {
	return len(t) > 1 && with[t[0]][t[1]>>6]>>(t[1]&63)&1 != 0
}

// ageAt judges the number [i, e).
func ageAt(s *classifiers.Scan, i, e int) (proxy.Likelihood, string) {
	t := s.Text
	rest := t[e:min(len(t), e+24)]
	if rest != "" {
		if begins(rest, &sureBegin) {
			for _, u := range sureUnits {
				if strings.HasPrefix(rest, u) {
					return proxy.Likely, "unit"
				}
			}
		}
		if rest[0] == '%' || rest[0] == '.' && len(rest) > 1 && words.IsDigit(rest[1]) || rest[0] == ':' && len(rest) > 1 && words.IsDigit(rest[1]) {
			return 0, ""
		}
	}
	// A word of age before: aged 54, age: 54, "age":54, उम्र 54.
	p := i
	for n := 0; n < 5; n++ {
		switch words.At(t, p-1) {
		case ' ', ':', '=', '"', '\'', '(', '\\', '\t', '*':
			p--
		}
	}
	if p < i {
		w := lexicon.ReadBack(t, p)
		if e-i == 2 && words.At(t, i-1) == ' ' && p == i-1 && ownAge(t, p) && (strings.HasPrefix(rest, ", ") || strings.HasPrefix(rest, " and ") || strings.HasPrefix(rest, ". ") || rest == "") {
			return proxy.Likely, "said"
		}
		if w.Lower && w.Letters == 2 && (t[w.Start:w.End] == "of" || t[w.Start:w.End] == "is") { // age of 54
			w = lexicon.ReadBack(t, w.Start-1)
		}
		if w.Class&ageWord != 0 && !hump(t, w) {
			return proxy.Likely, "label"
		}
	}
	if key := s.KeyHas(ageKeys); key && strings.TrimSpace(t) == t[i:e] {
		return proxy.Likely, "field"
	}
	if !begins(rest, &timeBegin) {
		return behindName(s, i, e)
	}
	for _, u := range timeUnits {
		if strings.HasPrefix(rest, u) && (len(rest) == len(u) || !words.IsLetter(rest[len(u)])) {
			b := s.Before(i)
			if b == ' ' {
				b = s.Before(i - 1)
				if (b == ',' || b == '(' || b == ';') && !(len(rest) > len(u) && rest[len(u)] == ' ') {
					return proxy.Likely, "unit"
				}
				w := lexicon.ReadBack(t, i-1)
				switch t[w.Start:w.End] {
				case "de", "ha", "tiene", "tem", "tengo", "ai", "edad", "età", "ma", "idade", "d'âge":
					if v := lexicon.ReadBack(t, w.Start-1); w.Lower && (t[w.Start:w.End] != "de" || strings.HasPrefix(t[v.Start:v.End], "âgé") || t[v.Start:v.End] == "edad" || v.Class&role != 0) {
						return proxy.Likely, "unit"
					}
				}
			} else if b == '(' {
				return proxy.Likely, "unit"
			}
			return 0, ""
		}
	}
	return behindName(s, i, e)
}

// ownAge reports whether "I'm" or "I am" ends at p: of a person's age, where a
// comma or an "and" follows the number.
func ownAge(t string, p int) bool {
	for _, w := range [...]string{"I'm", "I’m", "I am"} {
		if strings.HasSuffix(t[:p], w) && !words.IsLetter(words.At(t, p-len(w)-1)) {
			return true
		}
	}
	return false
}

// hump reports whether a word is a part of an identifier: message, page_age.
func hump(t string, w words.Word) bool { return words.IsLetter(words.At(t, w.Start-1)) }

var ageKeys = classifiers.NewCue("age", "alter", "edad", "idade", "leeftijd", "wiek", "ålder", "yaş", "年齢", "年龄")

// behindName judges a number behind a name: Kofi (6), Mara Lind, 36, nurse,
// Matthew Goodwin, 60F.
func behindName(s *classifiers.Scan, i, e int) (proxy.Likelihood, string) {
	t := s.Text
	end := e
	if c := words.At(t, e); (c == 'F' || c == 'M' || c == 'f' || c == 'm') && !words.IsLetter(words.At(t, e+1)) && !words.IsDigit(words.At(t, e+1)) {
		end++
	}
	open := s.Before(i)
	var p int
	switch {
	case open == '(' && words.At(t, end) == ')' && s.Before(i-1) == ' ':
		p = i - 2
	case open == ' ' && s.Before(i-1) == ',' && (words.At(t, end) == ',' || words.At(t, end) == '.' && end > e || end > e && words.At(t, end) == ' '):
		p = i - 2
	case open == ' ' && words.Begins(t[max(0, i-4):], " is ") && end == e && (words.Begins(t[e:], " and ", ",", ". ")):
		p = i - 4 // Cheryl is 22 and
	default:
		return 0, ""
	}
	n, ok := nameBefore(t, p)
	if !ok || n.companyish || n.common >= n.full && n.known == 0 || words.At(t, n.start-1) == '_' || n.upper && n.known == 0 {
		return 0, ""
	}
	w := lexicon.Read(t, n.start)
	if w.Class&(role|thing|stop|month|machine|nameWord) != 0 && n.parts == 1 {
		return 0, ""
	}
	if n.known > 0 && n.common < n.full || n.two() && n.common == 0 {
		return proxy.Likely, "name"
	}
	return proxy.Possible, "name"
}
