// Package national recognises the numbers that states, registers and industries
// give to people, firms, vehicles and things.
//
// Formats are data of classifiers/stdnum: shapes, written forms, words, a check.
// They are compiled once into tables: the shapes of single words by length and
// the places of letters, the written forms into an automaton over the words of a
// candidate. A format's check runs only where its shape fits, and what stands
// around is looked at only where a check passed. See compile and weigh.
//
// The social security number of the United States, which has no check digit, and
// machine readable zones have detectors of their own.
package national

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var ssnType = classifiers.Type{
	Name: "US_SSN", Groups: []string{classifiers.Personal, classifiers.Identifier}, Severity: classifiers.High,
	Doc: "A social security number of the United States.", Aliases: []string{"SSN"},
}

// SSN finds social security numbers of the United States.
var SSN = &classifiers.Detector{
	Name: "us_ssn", Version: 1,
	Doc: `Social security numbers of the United States: nine digits as area, group and serial (3-2-4). The Social Security
Administration never gives area 000, 666 or 900 to 999, group 00 or serial 0000. There is no check digit, so the form counts:
hyphens are likely, spaces possible, nine bare digits need a word such as SSN or the field's name. Numbers that
were printed in advertisements and documentation are synthetic.`,
	Types: []*classifiers.Type{&ssnType},
	Positives: []string{
		"SSN [[US_SSN|536-22-8765]], spouse [[US_SSN|219-47-3301]]",
		"social security number: [[US_SSN|536228765]]",
		"INSERT INTO staff (id, name, ssn) VALUES (7, 'Jane Roe', '[[US_SSN|536228765]]'), (8, 'O, Neil', '[[US_SSN|219473301]]');",
		`{"ssn": "[[US_SSN|536228765]]", "tax_id":"[[US_SSN|536 22 8765]]"}`,
		`"system":"urn:oid:2.16.840.1.113883.4.1","value":"[[US_SSN|536228765]]"`,
		"the old example [[synthetic US_SSN|078-05-1120]]",
	},
	NearMisses: []string{
		"000-12-3456 666-12-3456 900-12-3456 536-00-8765 536-22-0000",
		"536228765 rows, order 536228765, ZIP+4 53622-8765",
		"1-536-22-8765, 536-22-8765-1, 536.22.8765 ms, 2024-11-24",
		"commit 536228765, offset 536 22 8765",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Number, Judge: judgeSSN}},
}

var ssnCue = classifiers.NewCue(
	"ssn", "ssns", "ssnum", "socialsecurity", "social security", "social", "soc sec", "itin", "tin", "tax id", "taxpayer", "ssid", "w2", "employee", "borrower", "insured", "beneficiary", "patient", "dob", "born",
)

// otherCue are words that nine digits have beside them which are another number.
var otherCue = classifiers.NewCue(
	"passport", "passport no", "passport number", "license", "licence", "lic", "dl", "routing", "aba", "account", "acct", "checking", "npi", "dea", "ein", "fein", "phone", "tel", "telephone", "fax", "mobile",
	"mrn", "ktn", "medicare", "medicaid", "tfn", "sin", "bsn", "nif", "nino", "policy", "member", "group", "claim", "duns", "cusip", "passeport", "reisepass", "pasaporte",
)

func judgeSSN(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	for i := 0; i < len(g); {
		if n := ssnAt(s, g, i); n > 0 {
			i += n
			continue
		}
		i++
	}
}

// ssnAt judges the number that begins with group i and gives the number of its
// groups, or 0.
func ssnAt(s *classifiers.Scan, g []classifiers.Group, i int) int {
	n, level, ok := form(g[i:])
	if !ok {
		return 0
	}
	// A hyphen, dot or slash to the next group makes it part of a longer one.
	if i > 0 && g[i].Sep != classifiers.SepSpace || i+n < len(g) && g[i+n].Sep != classifiers.SepSpace {
		return 0
	}
	start, end := g[i].Start, g[i+n-1].End
	if joined(s.Before(start), s.Before(start-1)) || joined(s.At(end), s.At(end+1)) {
		return 0
	}
	var d [9]byte
	k := 0
	for _, x := range g[i : i+n] {
		for p := x.Start; p < x.End; p++ {
			d[k] = s.Text[p]
			k++
		}
	}
	if !given(&d) {
		return 0
	}
	if level < proxy.Possible && len(s.Found()) >= weakFindings && s.Near(ssnCue, start, end) == classifiers.Far && sqlColumn(s, start) == 0 {
		return n // one of many numbers
	}
	lean := s.Lean(ssnCue, classifiers.Numbering, start, end)
	if lean == 1 && n == 1 && s.Near(otherCue, start, end) < s.Near(ssnCue, start, end) {
		lean = -1 // nine digits of something else
	}
	if lean == 0 && n == 1 {
		if c := sqlColumn(s, start); c > 0 && s.Near(ssnCue, c, c) == 0 {
			lean = 1
		}
	}
	switch lean {
	case 1:
		// The shape that says nothing by itself needs the word; the one that
		// says it all is made sure.
		level = max(classifiers.Raise(level, 1), proxy.Likely)
	case -1:
		level = classifiers.Raise(level, -2)
	}
	if i == 0 && n == 1 && strings.Contains(s.Text[max(0, start-oidReach):start], oid) {
		level = proxy.Likely
	}
	if level < proxy.Possible && (len(s.Found()) >= weakFindings || lean < 0) {
		return n
	}
	f := classifiers.Found{Start: start, End: end, Type: &ssnType, Likelihood: level}
	switch string(d[:]) {
	case "078051120", "219099999", "123456789", "457555462", "111223333", "123121234":
		// Printed in wallets (Woolworth, 1938), a pamphlet of 1940, forms and
		// advertisements.
		f.Synthetic = true
	}
	s.Find(f)
	return n
}

// oid is the object identifier of the number in health records (HL7), and
// oidReach how far before it is looked for.
const (
	oid      = "2.16.840.1.113883.4.1\""
	oidReach = 64
)

// form tells how many groups a number has and what their form is worth.
func form(g []classifiers.Group) (groups int, level proxy.Likelihood, ok bool) {
	switch {
	case len(g) >= 3 && g[0].Len() == 3 && g[1].Len() == 2 && g[2].Len() == 4 && g[1].Sep == g[2].Sep:
		switch g[1].Sep {
		case classifiers.SepDash:
			return 3, proxy.Likely, true
		case classifiers.SepSpace:
			return 3, proxy.Possible, true
		case classifiers.SepDot:
			return 3, proxy.Unlikely, true
		}
	case g[0].Len() == 9:
		return 1, proxy.VeryUnlikely, true
	case len(g) >= 2 && g[1].Sep == classifiers.SepDash && (g[0].Len() == 3 && g[1].Len() == 6 || g[0].Len() == 5 && g[1].Len() == 4):
		return 2, proxy.VeryUnlikely, true
	}
	return 0, 0, false
}

// joined reports whether a character, and the one beyond it, continue a number
// or an identifier.
func joined(c, beyond byte) bool {
	switch c {
	case '-', '.', '/', '+':
		return '0' <= beyond && beyond <= '9' || c != '.' && 'a' <= beyond|32 && beyond|32 <= 'z'
	case '#', '$', '@', '%':
		return true
	}
	return false
}

// given reports whether the administration could have given the number.
func given(d *[9]byte) bool {
	area := int(d[0]-'0')*100 + int(d[1]-'0')*10 + int(d[2]-'0')
	if area == 0 || area == 666 || area >= 900 || d[3] == '0' && d[4] == '0' || d[5] == '0' && d[6] == '0' && d[7] == '0' && d[8] == '0' {
		return false
	}
	for _, c := range d[1:] {
		if c != d[0] {
			return true
		}
	}
	return false
}
