package main

import (
	_ "embed"
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

// The templates of sentences, our own: slots in braces, languages behind ==.
//
//go:embed templates.txt
var templates string

// template is a line of it.
type template struct{ lang, text string }

func readTemplates() (train, test []template) {
	lang := ""
	for line := range strings.SplitSeq(templates, "\n") {
		if l, ok := strings.CutPrefix(line, "== "); ok {
			lang = l
			continue
		}
		if line == "" {
			continue
		}
		t := template{lang, strings.ReplaceAll(line, `\n`, "\n")}
		h := fnv.New32a()
		h.Write([]byte(line))
		if h.Sum32()%9 == 1 {
			test = append(test, t)
		} else {
			train = append(train, t)
		}
	}
	for _, l := range sorted(roles) {
		for _, t := range everywhere {
			train = append(train, template{l, strings.ReplaceAll(t, `\n`, "\n")})
		}
	}
	return train, test
}

// fill writes a sentence of the template.
func (w *writer) fill(t template) example {
	e := example{lang: t.lang}
	var b strings.Builder
	script := t.lang == "hi" && strings.ContainsRune(t.text, 'ा')
	rest := t.text
	for {
		i := strings.IndexByte(rest, '{')
		j := strings.IndexByte(rest, '}')
		if i < 0 || j < i || !slot(rest[i+1:j]) {
			if i >= 0 && (j < i || !slot(rest[i+1:j])) {
				b.WriteString(rest[:i+1])
				rest = rest[i+1:]
				continue
			}
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		value, tag := w.value(rest[i+1:j], t.lang, script)
		if tag != tagger.O {
			n := len(e.marks)
			if kind := rest[i+1 : j]; kind == "L" && rest[:i] == " " && n > 0 && e.marks[n-1].to == b.Len()-1 {
				e.marks[n-1].to = b.Len() + len(value) // a given name and its surname
			} else {
				e.marks = append(e.marks, mark{b.Len(), b.Len() + len(value), tag})
			}
		}
		at := b.Len()
		b.WriteString(value)
		if rest[i+1:j] == "A" {
			if c := strings.LastIndexAny(value, ",0123456789\n"); c >= 0 && c+2 < len(value) {
				from := at + c + 1
				for b.String()[from] == ' ' {
					from++
				}
				e.marks = append(e.marks, mark{from, b.Len(), tagger.BLocation})
			}
		}
		rest = rest[j+1:]
	}
	e.text = b.String()
	return e
}

func slot(s string) bool {
	switch s {
	case "PU", "LU", "FU", "CU", "PL", "FL", "R", "RU", "NAT", "X", "x", "Z", "H", "h", "H2", "FOOD", "ADJ", "W", "V", "P", "F", "L", "C", "O", "E", "T", "N", "D", "A", "M", "I", "J", "AGE", "REL":
		return true
	}
	return false
}

func (w *writer) value(kind, lang string, script bool) (string, tagger.Tag) {
	r := w.r
	switch kind {
	case "P":
		return w.full(lang, script), tagger.BPerson
	case "F":
		return w.given(lang, script), tagger.BPerson
	case "L":
		return w.surname(lang, script), tagger.BPerson
	case "C":
		return w.city(lang, script), tagger.BLocation
	case "O":
		return w.organization(lang), tagger.BOrganization
	case "E":
		return strings.ToLower(fold(w.given("en", false))) + pick(r, []string{".", "_", "", "-"}) + strings.ToLower(fold(w.surname("en", false))) + "@" + pick(r, []string{"gmail.com", "example.org", "web.de", "orange.fr", "corp.example.net", "outlook.com"}), tagger.O
	case "T":
		return pick(r, []string{fmt.Sprintf("+%d %d %d", 1+r.IntN(98), 100+r.IntN(900), 1000000+r.IntN(9000000)), fmt.Sprintf("(%d) %d-%d", 200+r.IntN(700), 200+r.IntN(700), 1000+r.IntN(9000)), fmt.Sprintf("0%d %d", 10+r.IntN(900), 100000+r.IntN(9000000)), fmt.Sprintf("%d-%d-%d", 200+r.IntN(700), 200+r.IntN(700), 1000+r.IntN(9000))}), tagger.O
	case "N":
		return pick(r, []string{fmt.Sprint(10000 + r.IntN(1e8)), fmt.Sprintf("%d %d %d %d", 4000+r.IntN(1900), 1000+r.IntN(9000), 1000+r.IntN(9000), 1000+r.IntN(9000)), fmt.Sprintf("DE%d %d %d", 10+r.IntN(80), 1000+r.IntN(9000), 1000+r.IntN(9000)), fmt.Sprint(100 + r.IntN(9000))}), tagger.O
	case "D":
		y, m, d := 1940+r.IntN(90), 1+r.IntN(12), 1+r.IntN(28)
		months := monthNames[lang]
		if months == nil || script {
			months = monthNames["en"]
		}
		return pick(r, []string{fmt.Sprintf("%d-%02d-%02d", y, m, d), fmt.Sprintf("%02d.%02d.%d", d, m, y), fmt.Sprintf("%d/%d/%d", m, d, y), fmt.Sprintf("%d %s %d", d, months[m-1], y), fmt.Sprintf("%s %d, %d", monthNames["en"][m-1], d, y)}), tagger.O
	case "M":
		return pick(r, []string{"$", "EUR ", "£", "€"}) + fmt.Sprint(10+r.IntN(90000)), tagger.O
	case "I":
		return fmt.Sprintf("%c%c%d", 'A'+r.IntN(26), 'A'+r.IntN(26), 100000+r.IntN(900000)), tagger.O
	case "AGE":
		return fmt.Sprint(10 + r.IntN(80)), tagger.O
	case "J":
		j := jobs[lang]
		if j == nil {
			j = jobs["en"]
		}
		return pick(r, j), tagger.O
	case "REL":
		return pick(r, []string{"mother", "father", "sister", "brother", "wife", "husband", "daughter", "son", "aunt", "uncle", "boss", "colleague", "friend", "neighbour", "cousin", "grandmother"}), tagger.O
	case "A":
		return w.address(lang), tagger.O
	case "X":
		return pick(r, products), tagger.O
	case "x":
		return strings.ToLower(pick(r, products)), tagger.O
	case "Z":
		return pick(r, acronyms), tagger.O
	case "H", "h":
		l := illnesses[lang]
		if l == nil {
			l = illnesses["en"]
		}
		s := pick(r, l)
		if kind == "h" {
			return strings.ToLower(s), tagger.O
		}
		c, n := utf8.DecodeRuneInString(s)
		return string(unicode.ToUpper(c)) + s[n:], tagger.O
	case "H2":
		return pick(r, medicines), tagger.O
	case "FOOD":
		return pick(r, foods), tagger.O
	case "ADJ":
		return pick(r, eponyms), tagger.O
	case "PU":
		return strings.ToUpper(w.full(lang, script)), tagger.BPerson
	case "LU":
		return strings.ToUpper(w.surname(lang, script)), tagger.BPerson
	case "FU":
		return strings.ToUpper(w.given(lang, script)), tagger.BPerson
	case "CU":
		return strings.ToUpper(w.city(lang, script)), tagger.BLocation
	case "PL":
		return strings.ToLower(w.full(lang, script)), tagger.BPerson
	case "FL":
		return strings.ToLower(w.given(lang, script)), tagger.BPerson
	case "R":
		return w.surname(lang, script) + ", " + w.given(lang, script), tagger.BPerson
	case "RU":
		return strings.ToUpper(w.surname(lang, script) + ", " + w.given(lang, script)), tagger.BPerson
	case "NAT":
		n := demonyms[lang]
		if n == nil {
			n = demonyms["en"]
		}
		return pick(r, n), tagger.O
	case "W":
		s := pick(r, roles[lang])
		if r.IntN(3) == 0 {
			c, n := utf8.DecodeRuneInString(s)
			s = string(unicode.ToUpper(c)) + s[n:]
		}
		return s, tagger.O
	case "V":
		return pick(r, verbs[lang]), tagger.O
	}
	return "", tagger.O
}

func (w *writer) address(lang string) string {
	r := w.r
	n := 1 + r.IntN(240)
	c := w.city(lang, false)
	// Streets are often named after persons, and are none.
	who := pick(r, []string{w.surname(lang, false), w.given(lang, false) + " " + w.surname(lang, false), pick(r, []string{"Oak", "Station", "Mill", "Church", "High", "Garden", "Park", "Lake", "Main"})})
	zip := 10000 + r.IntN(90000)
	switch lang {
	case "de":
		return fmt.Sprintf("%s %d, %d %s", pick(r, []string{who + "straße", who + "weg", "Am " + who + "platz", strings.ReplaceAll(who, " ", "-") + "-Straße"}), n, zip, c)
	case "fr":
		return fmt.Sprintf("%d %s, %d %s", n, pick(r, []string{"rue ", "avenue ", "boulevard ", "place "})+who, zip, c)
	case "es":
		return fmt.Sprintf("%s, %d, %d %s", pick(r, []string{"Calle ", "Avda. ", "Plaza ", "C/ "})+who, n, zip, c)
	case "it":
		return fmt.Sprintf("%s %d, %d %s", pick(r, []string{"Via ", "Viale ", "Piazza ", "Corso "})+who, n, zip, c)
	case "pt":
		return fmt.Sprintf("%s, %d, %d-%d %s", pick(r, []string{"Rua ", "Avenida ", "Travessa ", "Av. "})+who, n, 1000+r.IntN(9000), 100+r.IntN(900), c)
	case "nl":
		return fmt.Sprintf("%s %d, %d AB %s", who+pick(r, []string{"straat", "laan", "weg", "plein"}), n, 1000+r.IntN(9000), c)
	case "pl":
		return fmt.Sprintf("ul. %s %d, %02d-%03d %s", who, n, r.IntN(99), r.IntN(999), c)
	case "sv":
		return fmt.Sprintf("%s %d, %d %s", who+pick(r, []string{"gatan", "vägen"}), n, zip, c)
	case "tr":
		return fmt.Sprintf("%s %s No: %d, %s", who, pick(r, []string{"Cad.", "Sok.", "Mah."}), n, c)
	}
	return fmt.Sprintf("%d %s %s, %s", n, who, pick(r, []string{"Street", "St", "Road", "Ave", "Lane", "Drive", "Blvd", "Court"}), c)
}

func (w *writer) city(lang string, script bool) string {
	if script {
		return pick(w.r, strings.Fields("दिल्ली मुंबई कोलकाता चेन्नई जयपुर लखनऊ पटना नागपुर इंदौर भोपाल पुणे सूरत कोच्चि वाराणसी आगरा"))
	}
	list := cities[lang]
	if list == nil || w.r.IntN(100) < 35 {
		list = cities["xx"]
	}
	return pick(w.r, list)
}

func (w *writer) organization(lang string) string {
	r := w.r
	forms := legal[lang]
	if forms == nil || r.IntN(4) == 0 {
		forms = legal["en"]
	}
	s := w.surname(lang, false)
	stem := pick(r, coined) + pick(r, endings)
	switch r.IntN(9) {
	case 0:
		return s + " " + pick(r, forms)
	case 1:
		return s + " & " + w.surname(lang, false) + pick(r, []string{"", " " + pick(r, forms)})
	case 2:
		return w.city(lang, false) + " " + pick(r, kinds)
	case 3:
		return stem
	case 4:
		return stem + " " + pick(r, forms)
	case 5:
		return stem + " " + pick(r, kinds)
	case 6:
		return pick(r, known)
	case 7:
		return s + " " + pick(r, kinds)
	}
	return stem + " " + pick(r, kinds) + " " + pick(r, forms)
}

// perturb changes a text of a set: names are swapped, and the whole is written
// in small letters or capitals.
func (w *writer) perturb(e example, swap int) example {
	if w.r.IntN(100) < swap {
		e = w.swap(e)
	}
	switch n := w.r.IntN(100); {
	case n < 13:
		e = recase(e, strings.ToLower, strings.ToLower)
	case n < 22:
		e = recase(e, strings.ToUpper, strings.ToUpper)
	case n < 24:
		e = recase(e, same, strings.ToLower)
	case n < 27:
		e = recase(e, same, strings.ToUpper)
	}
	return e
}

func same(s string) string { return s }

// swap puts other names in the place of those of persons and places, word by word.
func (w *writer) swap(e example) example {
	out := example{lang: e.lang}
	var b strings.Builder
	last := 0
	for _, m := range e.marks {
		if m.from < last {
			continue
		}
		b.WriteString(e.text[last:m.from])
		at := b.Len()
		b.WriteString(w.other(e.text[m.from:m.to], m.tag, e.lang))
		out.marks = append(out.marks, mark{at, b.Len(), m.tag})
		last = m.to
	}
	b.WriteString(e.text[last:])
	out.text = b.String()
	return out
}

func (w *writer) other(s string, tag tagger.Tag, lang string) string {
	words := strings.Fields(s)
	r, _ := utf8.DecodeRuneInString(s)
	if devanagari(s) || r >= 0x590 || tag == tagger.BOrganization && w.r.IntN(3) > 0 {
		return s
	}
	var o string
	switch {
	case tag == tagger.BOrganization:
		o = w.organization(lang)
	case tag == tagger.BLocation && len(words) > 2:
		return s
	case tag == tagger.BLocation:
		o = w.city(lang, false)
	case len(words) == 1 && w.r.IntN(2) == 0:
		o = w.given(lang, false)
	case len(words) == 1:
		o = w.surname(lang, false)
	case strings.ContainsAny(s, ",.\n") || len(words) > 3:
		// Keep the form, change the words.
		var b strings.Builder
		for i, f := range words {
			if i > 0 {
				b.WriteByte(' ')
			}
			c, _ := utf8.DecodeRuneInString(f)
			core := strings.TrimRight(f, ",.")
			if len(core) < 3 || !unicode.IsUpper(c) {
				b.WriteString(f)
				continue
			}
			if i == 0 {
				b.WriteString(w.given(lang, false) + f[len(core):])
			} else {
				b.WriteString(w.surname(lang, false) + f[len(core):])
			}
		}
		o = b.String()
	case len(words) == 2:
		o = w.given(lang, false) + " " + w.surname(lang, false)
	default:
		o = w.full(lang, false)
	}
	switch {
	case strings.ToUpper(s) == s && len(s) > 3:
		return strings.ToUpper(o)
	case strings.ToLower(s) == s:
		return strings.ToLower(o)
	}
	return o
}

// recase writes a text otherwise, by f, and the names by g; the marks follow.
func recase(e example, f, g func(string) string) example {
	out := example{lang: e.lang}
	var b strings.Builder
	last := 0
	for _, m := range e.marks {
		if m.from < last {
			continue
		}
		b.WriteString(f(e.text[last:m.from]))
		at := b.Len()
		b.WriteString(g(e.text[m.from:m.to]))
		out.marks = append(out.marks, mark{at, b.Len(), m.tag})
		last = m.to
	}
	b.WriteString(f(e.text[last:]))
	out.text = b.String()
	return out
}

func fold(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && unicode.IsLetter(r) {
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		return "info"
	}
	return b.String()
}
