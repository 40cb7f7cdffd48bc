package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pool is the names that a language's sentences are filled with.
type pool struct {
	given, surname []string // usual ones
	rare           []string // surnames of any kind
	rareGiven      []string
}

// countries whose usual names a language's sentences have, and the lists of
// surnames beside them.
var countries = map[string]struct{ codes, lists string }{
	"en": {"US GB CA AU NZ IE ZA JM", "us uk ie"},
	"de": {"DE AT CH LI", "de"},
	"fr": {"FR BE CA LU HT", "fr"},
	"es": {"ES MX AR CO CL PE", "es"},
	"it": {"IT SM", "it"},
	"pt": {"PT BR", "pt"},
	"nl": {"NL BE", "ne"},
	"pl": {"PL", "pl"},
	"sv": {"SE NO DK FI", "us"},
	"tr": {"TR AZ", "us"},
	"hi": {"IN NP BD PK", "hi"},
	"xx": {"EG IR RU UA GR RO HU CZ SK HR RS BG TR IN CN KR JP VN PH MY NG KE ET MA DZ LB IL AM GE KZ PK TH LK KH", "ru cn kr il gk cz hi"},
}

func pools(dir string) (map[string]*pool, error) {
	given, err := byCountry(filepath.Join(dir, "common-forenames-by-country.csv"), 10, 11)
	if err != nil {
		return nil, err
	}
	surnames, err := byCountry(filepath.Join(dir, "common-surnames-by-country.csv"), 4, 5)
	if err != nil {
		return nil, err
	}
	list := func(path string) []string {
		b, e := os.ReadFile(filepath.Join(dir, "smashew", path))
		if e != nil && err == nil {
			err = e
		}
		var out []string
		for line := range strings.SplitSeq(string(bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF"))), "\n") {
			w := strings.TrimSpace(line)
			if name(w) {
				out = append(out, w)
			}
		}
		return out
	}
	rare := list("surnames/us.txt")
	rareGiven := append(list("first names/us.txt"), list("first names/all.txt")...)
	spanish := list("first names/all.txt")
	out := map[string]*pool{}
	for _, lang := range sorted(countries) {
		c := countries[lang]
		p := &pool{rare: rare, rareGiven: rareGiven}
		for code := range strings.FieldsSeq(c.codes) {
			p.given = append(p.given, given[code]...)
			p.surname = append(p.surname, surnames[code]...)
		}
		for l := range strings.FieldsSeq(c.lists) {
			if l == "us" && lang != "en" {
				continue
			}
			p.surname = append(p.surname, list("surnames/"+l+".txt")...)
		}
		if lang == "en" {
			p.given = append(p.given, list("first names/us.txt")...)
			p.rareGiven = spanish
		}
		if len(p.given) < 5 {
			return nil, fmt.Errorf("language %s has %d given names", lang, len(p.given))
		}
		if len(p.surname) < 40 {
			p.surname = append(p.surname, own[lang]...)
		}
		out[lang] = p
	}
	return out, err
}

// own are usual surnames of languages for which the lists have few.
var own = map[string][]string{
	"sv": strings.Fields("Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Pettersson Lindberg Lindström Lindqvist Bergström Sandberg Forsberg Sjöberg Wallin Engström Hansen Olsen Larsen Berg Haugen Nielsen Jensen Rasmussen Virtanen Korhonen Mäkinen Öberg Åkesson Löfgren Nyström Hedlund"),
	"tr": strings.Fields("Yılmaz Kaya Demir Çelik Şahin Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara Koç Kurt Özkan Şimşek Polat Korkmaz Erdoğan Güneş Aktaş Bulut Avcı Sarı Tekin Güler Toprak Uçar Ünal"),
	"hi": strings.Fields("Sharma Verma Gupta Singh Kumar Patel Shah Mehta Reddy Nair Iyer Rao Joshi Kulkarni Deshpande Chauhan Yadav Mishra Tiwari Pandey Banerjee Mukherjee Chatterjee Das Bose Ghosh Kapoor Malhotra Khanna Bhatt Trivedi Menon Pillai Naidu शर्मा वर्मा गुप्ता सिंह कुमार पटेल शाह मेहता रेड्डी राव जोशी कुलकर्णी चौहान यादव मिश्रा तिवारी पांडेय बनर्जी"),
}

// name reports whether a line of a list is a name.
func name(w string) bool {
	if utf8.RuneCountInString(w) < 2 || !utf8.ValidString(w) {
		return false
	}
	for _, r := range w {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && r != ' ' && r != '-' && r != '\'' {
			return false
		}
	}
	return true
}

func byCountry(path string, columns ...int) (map[string][]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF")))).ReadAll()
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, row := range rows[1:] {
		for _, c := range columns {
			r, _ := utf8.DecodeRuneInString(row[c])
			// Scripts that the model reads: no Chinese, Japanese or Thai.
			if !name(row[c]) || r >= 0x2E80 || r >= 0x0E00 && r < 0x0F00 {
				continue
			}
			if !slices.Contains(out[row[0]], row[c]) {
				out[row[0]] = append(out[row[0]], row[c])
			}
		}
	}
	return out, nil
}

// writer fills in names and other values.
type writer struct {
	r     *rand.Rand
	pools map[string]*pool
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// native reports whether the scripts of a pool's name suit a text in that script.
func devanagari(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r >= 0x900 && r < 0x980
}

// pool chooses where the name of a text in lang comes from: mostly from its
// language, sometimes from anywhere.
func (w *writer) pool(lang string) *pool {
	p := w.pools[lang]
	if p == nil || w.r.IntN(100) < 14 {
		return w.pools["xx"]
	}
	return p
}

func (w *writer) given(lang string, script bool) string {
	p := w.pool(lang)
	for range 20 {
		s := pick(w.r, p.given)
		if w.r.IntN(100) < 18 {
			s = pick(w.r, p.rareGiven)
		}
		if script {
			s = pick(w.r, w.pools["hi"].given)
		}
		if devanagari(s) == script {
			return w.odd(s, 6)
		}
	}
	return pick(w.r, w.pools["en"].given)
}

func (w *writer) surname(lang string, script bool) string {
	p := w.pool(lang)
	for range 20 {
		s := pick(w.r, p.surname)
		if w.r.IntN(100) < 25 {
			s = pick(w.r, p.rare)
		}
		if script {
			s = pick(w.r, own["hi"])
		}
		if devanagari(s) == script {
			switch n := w.r.IntN(100); {
			case n < 4 && !script:
				return s + "-" + w.odd(pick(w.r, p.rare), 8)
			case n < 7 && lang == "nl":
				return pick(w.r, []string{"van ", "van den ", "de ", "van der ", "ter "}) + s
			case n < 6 && lang == "de":
				return pick(w.r, []string{"von ", "von der ", "zu "}) + s
			case n < 9 && (lang == "es" || lang == "pt" || lang == "it"):
				return pick(w.r, []string{"de ", "da ", "dos ", "de la ", "di ", "del "}) + s
			case n < 5 && lang == "en":
				return pick(w.r, []string{"O'", "Mc", "Mac", "D'", "St. ", "Al-", "El ", "van ", "de la "}) + s
			}
			return w.odd(s, 10)
		}
	}
	return pick(w.r, w.pools["en"].surname)
}

// odd changes a letter of a name in some cases, so that the model meets names
// that are in no list.
func (w *writer) odd(s string, percent int) string {
	if w.r.IntN(100) >= percent || len(s) < 5 {
		return s
	}
	r := []rune(s)
	if r[0] >= 0x250 {
		return s
	}
	i := 1 + w.r.IntN(len(r)-2)
	if !unicode.IsLower(r[i]) {
		return s
	}
	switch w.r.IntN(3) {
	case 0:
		r[i] = rune("aeiou"[w.r.IntN(5)])
	case 1:
		r = slices.Insert(r, i, rune("lmnrstk"[w.r.IntN(7)]))
	default:
		r[i] = rune("bdgklmnrtvz"[w.r.IntN(11)])
	}
	return string(r)
}

// full gives a full name in one of its forms.
func (w *writer) full(lang string, script bool) string {
	g, s := w.given(lang, script), w.surname(lang, script)
	if script {
		return g + " " + s
	}
	switch n := w.r.IntN(100); {
	case n < 6:
		return g + " " + string(rune('A'+w.r.IntN(26))) + ". " + s
	case n < 9:
		return string([]rune(g)[:1]) + ". " + s
	case n < 14:
		return g + " " + w.given(lang, script) + " " + s
	case n < 16:
		return g + "-" + w.given(lang, script) + " " + s
	case n < 22 && (lang == "es" || lang == "pt"), n < 16:
		return g + " " + s + " " + w.surname(lang, script)
	case n < 25:
		return s + ", " + g
	case n < 27 && lang == "pl":
		return s + " " + g
	}
	return g + " " + s
}
