package all

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/quality"
	"github.com/ostiary/ostiary/proxy"
)

// forms are sentences with mixed personal data, as generators of such write
// them. They serve to measure; nothing is trained on them.
var forms = []string{
	"My name is {PERSON} and I would like to change my address to {STREET_ADDRESS}.",
	"{PERSON} phoned yesterday from {PHONE_NUMBER}; please ring back before noon.",
	"Could you send the invoice to {EMAIL_ADDRESS} instead of {EMAIL_ADDRESS}?",
	"The card {CREDIT_CARD} was declined twice, the bank says it is valid until next year.",
	"Wire the deposit to {IBAN_CODE}, account holder {PERSON}.",
	"I was born on {DATE_OF_BIRTH} in {LOCATION}.",
	"Her social security number is {US_SSN} and her date of birth is {DATE_OF_BIRTH}.",
	"Hi {PERSON}, it was nice to meet you in {LOCATION} last week.",
	"Regards,\n{PERSON}\n{ORGANIZATION}\n{PHONE_NUMBER}",
	"Please update the records: {PERSON}, {STREET_ADDRESS}, {PHONE_NUMBER}, {EMAIL_ADDRESS}.",
	"The login came from {IP_ADDRESS} although {PERSON} was on holiday.",
	"{PERSON} and {PERSON} have been married since they moved to {LOCATION}.",
	"We met {PERSON} of {ORGANIZATION} at the fair.",
	"Is {PHONE_NUMBER} still the right number for {PERSON}?",
	"Patient {PERSON}, born {DATE_OF_BIRTH}, lives at {STREET_ADDRESS}.",
	"ship it to: {STREET_ADDRESS}",
	"I lost my wallet, the card number was {CREDIT_CARD} and my name is {PERSON}",
	"Dear Mr. {SURNAME}, thank you for your letter.",
	"Mrs. {SURNAME} has asked twice why {EMAIL_ADDRESS} does not work.",
	"Our colleague {PERSON} left {ORGANIZATION} and can be reached at {EMAIL_ADDRESS}.",
	"{GIVEN} told me that {GIVEN} would be late.",
	"Can somebody call {GIVEN} on {PHONE_NUMBER}? She is stuck in {LOCATION}.",
	"The contract between {ORGANIZATION} and {PERSON} ends soon.",
	"SSN {US_SSN}, card {CREDIT_CARD}, IBAN {IBAN_CODE}.",
	"From: {PERSON} <{EMAIL_ADDRESS}>",
	"{PERSON}'s new number is {PHONE_NUMBER}.",
	"Who is {PERSON}? I have never heard of {ORGANIZATION}.",
	"I am {PERSON} from {LOCATION}, my email is {EMAIL_ADDRESS}.",
	"The defendant, {PERSON}, of {STREET_ADDRESS}, was not present.",
	"Send {GIVEN} the file at {EMAIL_ADDRESS} and copy {PERSON}.",
	"my ssn is {US_SSN} please dont share it",
	"book a table for {PERSON}, phone {PHONE_NUMBER}",
	"Interview with {PERSON} on Monday, with {PERSON} on Tuesday.",
	"Transfer 200 euros from {IBAN_CODE} to {IBAN_CODE}.",
	"{PERSON} was treated in {LOCATION} by Dr. {SURNAME}.",
	"Customer {PERSON} ({EMAIL_ADDRESS}) complains about the charge on {CREDIT_CARD}.",
	"She moved from {LOCATION} to {LOCATION} and works for {ORGANIZATION} now.",
	"Emergency contact: {PERSON}, {PHONE_NUMBER}",
	"Let us ask {PERSON} whether {STREET_ADDRESS} is correct.",
	"The parcel for {PERSON} went to {STREET_ADDRESS} by mistake.",
}

// fillings of the forms. Names are common ones of many countries.
var (
	givens   = strings.Fields("Ingrid Rashid Tomasz Beatriz Kwame Yuki Leila Gareth Svetlana Diego Amelie Bogdan Nkechi Padraig Chiara Hamza Wiebke Thandiwe Oisin Mirela Jasper Ximena Ruben Farah Linnea Goran Priya Marek Eloise Tariq Hannah Peter Susan Michael Laura James Olga Pedro Anita Victor")
	surnames = strings.Fields("Lindqvist Haddad Kowalczyk Figueiredo Mensah Tanaka Farouk Llewellyn Petrova Quintero Dubois Ionescu Okafor Gallagher Romano Siddiqui Janssen Dlamini Brennan Popescu Whitfield Castellanos Weissmann Aziz Bergstrom Kovac Raghavan Novotny Marchand Rahimi Fletcher Meyer Hughes Carter Sanders Mitchell Volkova Santos Mehta Greene")
	places   = []string{"Rotterdam", "Porto", "Leeds", "Gdansk", "Sacramento", "Toulouse", "Bologna", "Valencia", "Nairobi", "Osaka", "Melbourne", "Austin", "Lyon", "Hamburg", "Krakow", "Dublin", "Toronto", "Chicago", "Bristol", "Seville"}
	firms    = []string{"Northgate Systems Ltd", "Helvetia Logistics AG", "Brightwater Foods Inc.", "Kestrel Capital LLC", "Nordwind Energie GmbH", "Atlas Freight Corp", "Meridian Health Group", "Silverline Insurance", "Blackwood & Partners", "Orchard Bank"}
	streets  = []string{"Willow Lane", "Harbour Street", "Maple Avenue", "King's Road", "Station Road", "Sunset Boulevard", "Mill Street", "Church Lane", "Ridgeway Drive", "Elm Court"}
)

// fill writes one sentence and its spans.
func fill(rnd *rand.Rand, form string) quality.Document {
	var b strings.Builder
	var d quality.Document
	for form != "" {
		i := strings.IndexByte(form, '{')
		if i < 0 {
			b.WriteString(form)
			break
		}
		b.WriteString(form[:i])
		j := i + strings.IndexByte(form[i:], '}')
		typ := form[i+1 : j]
		v := filling(rnd, typ)
		if typ == "GIVEN" || typ == "SURNAME" {
			typ = "PERSON"
		}
		d.Spans = append(d.Spans, quality.Span{Start: b.Len(), End: b.Len() + len(v), Type: typ})
		b.WriteString(v)
		form = form[j+1:]
	}
	d.Text = b.String()
	return d
}

func pick[T any](rnd *rand.Rand, l []T) T { return l[rnd.IntN(len(l))] }

func someDigits(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + rnd.IntN(10))
	}
	return string(b)
}

// checked appends the digit that makes digits valid by Luhn.
func checked(s string) string {
	for c := byte('0'); c <= '9'; c++ {
		sum, t := 0, s+string(c)
		for i := range len(t) {
			d := int(t[len(t)-1-i] - '0')
			if i%2 == 1 {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
		}
		if sum%10 == 0 {
			return t
		}
	}
	return s
}

func germanIBAN(rnd *rand.Rand) string {
	bban := someDigits(rnd, 18)
	rest := 0
	for _, c := range bban + "131400" {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("DE%02d%s", 98-rest, bban)
}

func filling(rnd *rand.Rand, typ string) string {
	switch typ {
	case "PERSON":
		return pick(rnd, givens) + " " + pick(rnd, surnames)
	case "GIVEN":
		return pick(rnd, givens)
	case "SURNAME":
		return pick(rnd, surnames)
	case "LOCATION":
		return pick(rnd, places)
	case "ORGANIZATION":
		return pick(rnd, firms)
	case "EMAIL_ADDRESS":
		return strings.ToLower(pick(rnd, givens)+pick(rnd, []string{".", "_", ""})+pick(rnd, surnames)) + "@" + pick(rnd, []string{"gmail.com", "outlook.com", "nordwind-energie.de", "kestrel.io", "mail.brightwater.co.uk"})
	case "PHONE_NUMBER":
		d := func(n int) string { return someDigits(rnd, n) }
		return pick(rnd, []string{
			fmt.Sprintf("(%d%s) %d%s-%s", 2+rnd.IntN(7), "1"+d(1), 2+rnd.IntN(7), "3"+d(1), d(4)), fmt.Sprintf("%d0%d-%d4%s-%s", 2+rnd.IntN(7), 1+rnd.IntN(9), 2+rnd.IntN(7), d(1), d(4)),
			"+44 20 7" + d(3) + " " + d(4), "+49 30 " + "9" + d(6), "+1 " + "415 " + "6" + "4" + d(1) + " " + d(4), "+33 6 " + "1" + d(1) + " " + d(2) + " " + d(2) + " " + d(2),
		})
	case "CREDIT_CARD":
		n := checked("4" + "539" + someDigits(rnd, 11))
		if rnd.IntN(2) == 0 {
			n = n[:4] + pick(rnd, []string{" ", "-"}) + n[4:8] + " " + n[8:12] + " " + n[12:]
			sep := n[4:5]
			n = strings.ReplaceAll(n, " ", sep)
		}
		return n
	case "IBAN_CODE":
		n := germanIBAN(rnd)
		if rnd.IntN(2) == 0 {
			n = n[:4] + " " + n[4:8] + " " + n[8:12] + " " + n[12:16] + " " + n[16:20] + " " + n[20:]
		}
		return n
	case "US_SSN":
		return fmt.Sprintf("%03d-%02d-%04d", 1+rnd.IntN(665), 1+rnd.IntN(99), 1+rnd.IntN(9999))
	case "DATE_OF_BIRTH":
		y, mo, day := 1940+rnd.IntN(65), 1+rnd.IntN(12), 1+rnd.IntN(28)
		months := strings.Fields("January February March April May June July August September October November December")
		return pick(rnd, []string{fmt.Sprintf("%d-%02d-%02d", y, mo, day), fmt.Sprintf("%02d/%02d/%d", mo, day, y), fmt.Sprintf("%d %s %d", day, months[mo-1], y), fmt.Sprintf("%s %d, %d", months[mo-1], day, y)})
	case "STREET_ADDRESS":
		return pick(rnd, []string{
			fmt.Sprintf("%d %s, %s, CA 9%s", 10+rnd.IntN(990), pick(rnd, streets), "Sacramento", someDigits(rnd, 4)),
			fmt.Sprintf("%d %s, Leeds LS%d %d%s", 1+rnd.IntN(200), pick(rnd, streets), 1+rnd.IntN(20), 1+rnd.IntN(9), "QT"),
			fmt.Sprintf("%d %s Apt. %d, Austin, TX 78%s", 10+rnd.IntN(990), pick(rnd, streets), 1+rnd.IntN(80), someDigits(rnd, 3)),
			fmt.Sprintf("Gartenstraße %d, 2%s Hamburg", 1+rnd.IntN(150), someDigits(rnd, 4)),
		})
	case "IP_ADDRESS":
		return fmt.Sprintf("%d.%d.%d.%d", 80+rnd.IntN(10), rnd.IntN(256), rnd.IntN(256), 1+rnd.IntN(254))
	}
	panic("no filling for " + typ)
}

// sentences: generated ones with mixed personal data, in mixed case and in lower
// case.
func sentences(t *testing.T, _ string, m *measured) {
	const section = "Generated sentences with mixed personal data"
	s := suite(t, classifiers.Options{})
	for _, lower := range []bool{false, true} {
		rnd := rand.New(rand.NewPCG(5, 6))
		var table quality.Table
		for range 15 {
			for _, form := range forms {
				d := fill(rnd, form)
				if lower {
					d.Text = asciiLower(d.Text)
				}
				found := slices.DeleteFunc(classify(t, s, d.Text), func(f proxy.Finding) bool { return f.Likelihood < proxy.Likely })
				if lower {
					found = slices.DeleteFunc(found, func(f proxy.Finding) bool { return f.Type != "PERSON" })
				}
				table.Add(d, found)
			}
		}
		p := table.Types["PERSON"]
		if lower {
			m.value(section, "PERSON F1, in lower case", p.F(1), p.Labelled, ">= 65 %")
			continue
		}
		m.value(section, "any type: F2 of spans", table.Any.F(2), table.Any.Labelled, ">= 85 %")
		m.value(section, "any type: recall", table.Any.Recall(), table.Any.Labelled, "")
		m.value(section, "any type: precision", table.Any.Precision(), table.Any.Reported, "")
		m.value(section, "document recall", table.Any.DocumentRecall(), table.Any.Docs, ">= 97 %")
		m.value(section, "PERSON F1", p.F(1), p.Labelled, ">= 80 %")
		for _, typ := range byName(table.Types) {
			sc := table.Types[typ]
			if sc.Labelled > 0 {
				m.value(section, typ+": recall", sc.Recall(), sc.Labelled, "")
			}
		}
	}
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 {
			return unicode.ToLower(r)
		}
		return r
	}, s)
}

// sentence is one of a token file, with the spans of one kind of label.
type sentence struct {
	text    string
	persons []quality.Span
}

// readTokens reads token files: one token per line with its label last.
func readTokens(t *testing.T, name string, person map[string]bool, each func(sentence)) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: " + filepath.Base(name))
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	var b strings.Builder
	var cur sentence
	open := false
	flush := func() {
		if b.Len() > 0 {
			cur.text = b.String()
			each(cur)
		}
		b.Reset()
		cur, open = sentence{}, false
	}
	for sc.Scan() {
		fields := strings.Fields(sc.Text())
		if len(fields) < 2 || fields[0] == "-DOCSTART-" {
			flush()
			continue
		}
		token, label := fields[0], fields[len(fields)-1]
		// Words as people write them: no space before a full stop.
		if b.Len() > 0 && !strings.ContainsAny(token[:1], ".,;:!?)%'’") && !strings.HasSuffix(b.String(), "(") {
			b.WriteByte(' ')
		}
		start := b.Len()
		b.WriteString(token)
		tag, kind, _ := strings.Cut(label, "-")
		switch {
		case !person[kind]:
			open = false
		case tag == "I" && open:
			cur.persons[len(cur.persons)-1].End = b.Len()
		default:
			cur.persons = append(cur.persons, quality.Span{Start: start, End: b.Len(), Type: "PERSON"})
			open = true
		}
	}
	if sc.Err() != nil {
		t.Fatal("unreadable: " + filepath.Base(name))
	}
	flush()
}

// nameSets: names in texts of other kinds, development parts only.
func nameSets(t *testing.T, dir string, m *measured) {
	const section = "PERSON in labelled texts (development parts; exact or overlapping by half)"
	s := suite(t, classifiers.Options{})
	people := map[string]bool{"person": true, "politician": true, "writer": true, "scientist": true, "researcher": true, "musicalartist": true}
	for _, set := range []struct {
		name  string
		files []string
		goal  string
	}{
		{"edited text (CrossNER politics)", []string{"crossner/politics/dev.txt"}, ">= 80 % on news"},
		{"edited text (CrossNER science, literature, music, ai)", []string{"crossner/science/dev.txt", "crossner/literature/dev.txt", "crossner/music/dev.txt", "crossner/ai/dev.txt"}, ""},
		{"social media (WNUT 17)", []string{"wnut17/emerging.dev.conll"}, ""},
	} {
		for _, lower := range []bool{false, true} {
			var table quality.Table
			for _, f := range set.files {
				readTokens(t, filepath.Join(dir, "names", filepath.FromSlash(f)), people, func(x sentence) {
					d := quality.Document{Text: x.text, Spans: x.persons}
					if lower {
						d.Text = asciiLower(d.Text)
					}
					table.Add(d, slices.DeleteFunc(classify(t, s, d.Text), func(f proxy.Finding) bool { return f.Type != "PERSON" || f.Likelihood < proxy.Likely }))
				})
			}
			p := table.Types["PERSON"]
			if p == nil || p.Labelled == 0 {
				t.Fatal("no names in " + set.name)
			}
			if lower {
				m.value(section, set.name+", in lower case: F1", p.F(1), p.Labelled, ">= 65 %")
				continue
			}
			m.value(section, set.name+": F1", p.F(1), p.Labelled, set.goal)
			m.value(section, set.name+": recall", p.Recall(), p.Labelled, "")
			m.value(section, set.name+": precision", p.Precision(), p.Reported, "")
		}
	}
}

// disguise rewrites a value; it gives nothing where it does not apply.
type disguise struct {
	name  string
	apply func(string) string
}

func each(v string, f func(rune) string) string {
	var b strings.Builder
	for _, r := range v {
		b.WriteString(f(r))
	}
	return b.String()
}

// onlyDigits reports whether a value is of digits and separators.
func onlyDigits(v string) bool {
	n := 0
	for _, r := range v {
		switch {
		case '0' <= r && r <= '9':
			n++
		case !strings.ContainsRune(" -./()+", r):
			return false
		}
	}
	return n >= 7
}

// spread puts a separator between all digits, in the place of what stood there.
func spread(v, sep string) string {
	if !onlyDigits(v) {
		return ""
	}
	var out []string
	for _, r := range v {
		if '0' <= r && r <= '9' {
			out = append(out, string(r))
		}
	}
	return strings.Join(out, sep)
}

func shift(v string, zero rune) string {
	return each(v, func(r rune) string {
		if '0' <= r && r <= '9' {
			return string(zero + r - '0')
		}
		return string(r)
	})
}

var allDisguises = []disguise{
	{"zero-width spaces between characters", func(v string) string { return each(v, func(r rune) string { return string(r) + "\u200b" }) }},
	{"soft hyphens", func(v string) string { return v[:len(v)/2] + "\u00ad" + v[len(v)/2:] }},
	{"bidi controls around", func(v string) string { return "\u202d" + v[:len(v)/3] + "\u2066" + v[len(v)/3:] + "\u202c" }},
	{"full-width characters", func(v string) string {
		return each(v, func(r rune) string {
			if r > ' ' && r < 0x7f {
				return string(r - 0x20 + 0xFF00)
			}
			return string(r)
		})
	}},
	{"Arabic-Indic digits", func(v string) string { return shift(v, 0x660) }},
	{"Devanagari digits", func(v string) string { return shift(v, 0x966) }},
	{"Cyrillic look-alikes", func(v string) string {
		return strings.NewReplacer("a", "а", "e", "е", "o", "о", "c", "с", "p", "р", "A", "А", "E", "Е", "C", "С").Replace(v)
	}},
	{"percent-encoded", func(v string) string { return url.QueryEscape(v) }},
	{"percent-encoded throughout", func(v string) string {
		var b strings.Builder
		for i := range len(v) {
			fmt.Fprintf(&b, "%%%02X", v[i])
		}
		return b.String()
	}},
	{"HTML entities", func(v string) string { return each(v, func(r rune) string { return fmt.Sprintf("&#%d;", r) }) }},
	{"JSON escapes", func(v string) string { return each(v, func(r rune) string { return fmt.Sprintf("\\u%04x", r) }) }},
	{"base64", func(v string) string { return base64.StdEncoding.EncodeToString([]byte("value=" + v + ";")) }},
	{"base64 twice", func(v string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("value=" + v + ";"))))
	}},
	{"hexadecimal", func(v string) string { return hex.EncodeToString([]byte("value=" + v + ";")) }},
	{"spaced-out digits", func(v string) string { return spread(v, " ") }},
	{"dotted digits", func(v string) string { return spread(v, ".") }},
	{"name at domain dot com", func(v string) string {
		if !strings.Contains(v, "@") {
			return ""
		}
		return strings.ReplaceAll(strings.ReplaceAll(v, "@", " at "), ".", " dot ")
	}},
	{"name [at] domain [dot] com", func(v string) string {
		if !strings.Contains(v, "@") {
			return ""
		}
		return strings.ReplaceAll(strings.ReplaceAll(v, "@", " [at] "), ".", "[dot]")
	}},
}

// disguises: values of the prompts that are found plain, written in another way.
func disguises(t *testing.T, dir string, m *measured) {
	const section = "Disguised values (of those found plain)"
	s := suite(t, classifiers.Options{})
	total, found := make([]int, len(allDisguises)), make([]int, len(allDisguises))
	readPrompts(t, dir, func(line int, p prompt) {
		if p.Expect != "positive" || line%2 == 0 || p.Kind == "obfuscated" {
			return
		}
		var plain []proxy.Finding
		for _, sp := range p.Spans {
			switch sp.Type {
			case "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "BR_CPF", "PL_PESEL", "ES_NIF", "UK_NHS", "IT_FISCAL_CODE":
			default:
				continue
			}
			if plain == nil {
				plain = classify(t, s, p.Text)
			}
			hit := func(list []proxy.Finding, start, end int) bool {
				return slices.ContainsFunc(list, func(f proxy.Finding) bool {
					return f.Type == sp.Type && f.Likelihood >= proxy.Likely && f.Start < end && start < f.End
				})
			}
			if !hit(plain, sp.Start, sp.End) {
				continue
			}
			for i, d := range allDisguises {
				v := p.Text[sp.Start:sp.End]
				w := d.apply(v)
				if w == "" || w == v {
					continue
				}
				total[i]++
				if hit(classify(t, s, p.Text[:sp.Start]+w+p.Text[sp.End:]), sp.Start, sp.Start+len(w)) {
					found[i]++
				} else {
					t.Logf("prompts:%d: %s as %s missed", line, sp.Type, d.name)
				}
			}
		}
	})
	sum, of := 0, 0
	for i := range allDisguises {
		sum, of = sum+found[i], of+total[i]
	}
	m.share(section, "all", sum, of, ">= 80 %")
	for i, d := range allDisguises {
		m.share(section, d.name, found[i], total[i], "")
	}
}
