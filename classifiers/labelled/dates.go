package labelled

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var birthType = classifiers.Type{
	Name: "DATE_OF_BIRTH", Groups: []string{classifiers.Personal}, Severity: classifiers.Medium, Doc: "A date that the text says to be a person's birth.", Aliases: []string{"DOB", "BIRTH_DATE"},
}

var dateType = classifiers.Type{
	Name: "DATE_TIME", Groups: []string{classifiers.General}, Severity: classifiers.Low, General: true, Doc: "A date, with or without a time of day; a time of day with its half.", Aliases: []string{"DATE", "TIME"},
}

// Dates finds dates, and of them those of birth.
var Dates = &classifiers.Detector{
	Name: "dates", Version: 1,
	Doc: `Dates as they are written in the languages of the product: 1980-05-12, 12.05.1980, 05/12/1980, 12 May 1980, May 12th, 12 de mayo de 1980, 12. Mai,
1980年5月12日, 昭和55年5月12日; a time of day where am or pm says so. Day and month must be possible. A date is one of birth where a word such as born, geb.,
née, nacido, 生年月日, or the name of the field or column says so, no word of another event is nearer, and the year can be that of somebody alive; eight
digits without separators count only so. Time stamps of machines are possible only.`,
	Types: []*classifiers.Type{&birthType, &dateType},
	Positives: []string{
		"DOB: [[DATE_OF_BIRTH|03/09/1974]]",
		"geboren am [[DATE_OF_BIRTH|9. März 1974]] in Kassel",
		"née le [[DATE_OF_BIRTH|12 avril 1981]]",
		"born [[DATE_OF_BIRTH|April 12, 1981]]",
		`"birthDate":"[[DATE_OF_BIRTH|1981-04-12]]"`,
		"applicant.dob=[[DATE_OF_BIRTH|19810412]]",
		"生年月日 [[DATE_OF_BIRTH|1981年4月12日]]",
		"nacido el [[DATE_OF_BIRTH|12 de abril de 1981]]",
		"name,dob\nAna,[[DATE_OF_BIRTH|1981-04-12]]",
		"(b. [[DATE_OF_BIRTH|12/04/1981]])", "Geburtsdatum ist der [[DATE_OF_BIRTH|5.4.1981]]", "Date of birth [[DATE_OF_BIRTH|17 SEP 81]]",
		"see you on [[DATE_TIME|May 12th]] at [[DATE_TIME|5:30 pm]]",
		"due [[DATE_TIME|2026-01-31]], paid [[DATE_TIME|3 Feb 2026]]",
	},
	NearMisses: []string{
		"version 1.2.2024, 12/13, 99/99/2024, 32.01.2024, ratio 10/12/14, 3-2-4",
		"2024-11-24T10:30:00Z INFO, 2024-11-24 10:30:01,123 WARN",
		"order 19810412, 192.168.1.12, 1981 was a year, 12 marched, he may 5 times",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Code, Judge: judgeDate}},
}

const monthWords = `january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec
	januar jänner februar märz mai juni juli oktober dezember jän mär okt dez janvier février mars avril juin juillet août septembre octobre novembre décembre janv févr avr juil
	enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre ene abr ago dic gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre gen mag giu lug set ott
	janeiro fevereiro março maio junho julho setembro outubro novembro dezembro fev mai out dez januari februari maart mei augustus mrt
	stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień
	augusti maj juni juli oktober desember ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
	जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर января февраля марта апреля мая июня июля августа сентября октября ноября декабря`

// birthCue are words that say that a date is one of birth.
var birthCue = classifiers.NewCue(
	"dob", "birth", "born", "birthdate", "birthday", "birthdays", "bday", "dateofbirth", "birthyear",
	"geb", "geboren", "geborene", "geborener", "geburtsdatum", "geburtstag", "gebdat", "geburt", "né", "née", "nés", "nées", "naissance", "anniversaire",
	"nacido", "nacida", "nacimiento", "nac", "nació", "cumpleaños", "fnac", "nato", "nata", "nascita", "nascido", "nascida", "nascimento", "nasc", "aniversário", "compleanno",
	"geboortedatum", "geboorte", "verjaardag", "gebdatum", "ur", "urodzony", "urodzona", "urodzenia", "urodzin", "urodził", "urodziła", "född", "född den", "födelsedatum", "födelsedag", "fødselsdato", "født", "fodt", "fødselsdag", "syntynyt", "syntymäaika",
	"doğum", "dogum", "doğumlu", "doğdu", "doğumtarihi", "janm", "janam", "janmtithi", "जन्म", "जन्मतिथि", "born on", "b day", "narozen", "narozena", "născut", "născută", "született",
	"生年月日", "誕生日", "生まれ", "出生", "生日", "생년월일", "родился", "родилась", "рождения", "γέννησης",
)

// eventCue are words of other dates.
var eventCue = classifiers.NewCue(
	"issued", "issue", "expires", "expiry", "expiration", "exp", "valid", "admission", "admitted", "discharge", "discharged", "visit", "seen", "appointment", "hired", "hire", "start", "started", "end", "due", "invoice", "dated", "signed", "effective",
	"created", "updated", "modified", "died", "death", "deceased", "dod", "married", "joined", "delivery", "delivered", "order", "ordered", "meeting", "call", "since", "until", "deadline", "travel", "departure", "arrival", "check", "onset", "surgery", "visited", "date of visit",
	"ausgestellt", "gültig", "ablauf", "aufnahme", "entlassung", "termin", "seit", "bis", "vom", "eintritt", "gestorben", "verstorben", "délivré", "valable", "expire", "depuis", "jusqu", "rendez", "décédé", "emitido", "caduca", "desde", "hasta", "cita", "fallecido", "rilasciato", "scadenza", "dal", "appuntamento", "deceduto",
	"emissão", "validade", "wydany", "ważny", "zmarł", "giltig", "utfärdad", "geldig", "afgegeven", "overleden",
)

// date is a date that was read.
type date struct {
	start, end       int
	year, month, day int
	stamp            bool // a machine's: with a time to the second
	compact          bool // eight digits
	bare             bool // without a day or a year
	short            bool // with a year of two digits
	tiny             bool // with day and month of one digit as well: of birth or nothing
}

// Years that a date of birth can have.
const (
	firstBirth = 1900
	lastBirth  = 2029
	// adultBirth is the last year in which a date far from its cue is taken for
	// one of birth.
	adultBirth = 2016
	closeBirth = 30 // bytes
)

func judgeDate(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	done := 0
	for _, g := range c.Groups {
		if g.Start < done || !g.Digits || !words.IsDigit(t[g.Start]) || g.Len() > 8 {
			continue
		}
		d, ok := dateAt(t, g.Start)
		if !ok {
			if e := clockAt(t, g.Start); e > 0 {
				s.Find(classifiers.Found{Start: g.Start, End: e, Type: &dateType, Likelihood: proxy.Likely, Rule: "time"})
				done = e
			}
			continue
		}
		done = d.end
		s.Resume(d.end)
		judgeBirth(s, d)
	}
}

// judgeBirth reports a date, as one of birth where something says so.
func judgeBirth(s *classifiers.Scan, d date) {
	f := classifiers.Found{Start: d.start, End: d.end, Type: &dateType, Likelihood: proxy.Likely, Rule: "date"}
	switch {
	case d.stamp:
		f.Likelihood, f.Rule = proxy.Possible, "time_stamp"
	case d.short:
		f.Likelihood = proxy.Possible
	}
	if firstBirth <= d.year && d.year <= lastBirth && !d.bare && !d.stamp {
		near := birthNear(s, d)
		if near == classifiers.Far && behindPerson(s.Text, d) {
			near = closeBirth + 1
		}
		if near < classifiers.Far && (near <= closeBirth || d.year <= adultBirth) {
			f.Type, f.Rule, f.Likelihood = &birthType, "birth", proxy.VeryLikely
			if near > closeBirth {
				f.Likelihood = proxy.Likely
			}
			s.Find(f)
			return
		}
	}
	if d.compact || d.tiny || d.year != 0 && (d.year < 1000 || d.year > 2199) {
		return
	}
	s.Find(f)
}

// Years of birth that a date right behind a name is taken for.
const (
	oldBirth   = 1925
	youngBirth = 2008
)

// behindPerson reports whether a date stands right behind the name of a person,
// in brackets or between strokes, as dates of birth do, or in the seventh field
// of a PID segment of HL7.
func behindPerson(t string, d date) bool {
	if d.compact {
		from := max(0, d.start-256)
		k := strings.LastIndex(t[from:d.start], "PID|")
		return k >= 0 && strings.Count(t[from+k:d.start], "|") == 7 && words.At(t, d.start-1) == '|'
	}
	if d.year < oldBirth || d.year > youngBirth {
		return false
	}
	p := d.start
	sure := false
	switch {
	case words.At(t, p-1) == '(' && words.At(t, d.end) == ')':
		p--
		sure = true
	case strings.HasSuffix(t[:p], " / ") && strings.HasPrefix(t[d.end:], " / "), strings.HasSuffix(t[:p], " | ") && strings.HasPrefix(t[d.end:], " | "):
		p -= 3
	case words.At(t, p-1) == ' ' && words.At(t, p-2) == ',' && (words.At(t, d.end) == ',' || words.At(t, d.end) == ';' || words.At(t, d.end) == '\n'):
		p -= 2
	case words.At(t, p-1) == '\n':
		p--
		n, ok := nameBefore(t, p)
		return ok && n.upper && n.known > 0 && n.common == 0
	default:
		return false
	}
	n, ok := nameBefore(t, p)
	if !ok || n.companyish || n.common > 0 {
		return false
	}
	if n.two() {
		return n.known > 0
	}
	// mw. van den Hoek (21-02-1969)
	return sure && (n.known > 0 || titled(t, n.start))
}

// titled reports whether a title stands before a name that begins at i, particles
// between them.
func titled(t string, i int) bool {
	for range 4 {
		i -= words.BlanksBack(t, i)
		if words.At(t, i-1) == '.' {
			i--
		}
		w := lexicon.ReadBack(t, i)
		if w.End == w.Start {
			return false
		}
		if w.Class&title != 0 {
			return true
		}
		if w.Class&particle == 0 {
			return false
		}
		i = w.Start
	}
	return false
}

// birthNear gives the distance to a word of birth, Far where a word of another
// event is nearer or there is none.
func birthNear(s *classifiers.Scan, d date) int {
	t := s.Text
	for _, w := range [...]string{"b. ", "d.o.b. ", "d.o.b: ", "d.o.b.: ", "D.O.B. ", "D.O.B: ", "D.O.B.: ", "d.t. ", "D.T. ", "* ", "f. ", "*", "ur. ", "n. "} {
		if strings.HasSuffix(t[:d.start], w) {
			switch w {
			case "* ", "*", "f. ", "n. ":
				// A star, and the abbreviations of Sweden and Italy, behind a name only.
				p := d.start - len(w)
				if d.year > adultBirth || !(words.At(t, p-1) == '(' || words.At(t, p-1) == ' ' && (words.At(t, p-2) == ',' || words.IsLetter(words.At(t, p-2)))) {
					continue
				}
			}
			return 1
		}
	}
	near := s.Near(birthCue, d.start, d.end)
	if near == classifiers.Far {
		return near
	}
	if s.Lean(birthCue, eventCue, d.start, d.end) < 0 {
		return classifiers.Far
	}
	return near
}

// dateAt reads the date whose first digits begin at i, or the month before them.
func dateAt(t string, i int) (date, bool) {
	n := digits(t, i)
	if n == 0 || n > 8 {
		return date{}, false
	}
	b := words.At(t, i-1)
	if b == '-' || b == '/' || b == '.' && (words.IsDigit(words.At(t, i-2)) || words.IsLetter(words.At(t, i-2)) && !(words.At(t, i-3) == ' ' || words.IsLetter(words.At(t, i-3)))) || b == ':' && words.IsDigit(words.At(t, i-2)) || b == '_' || b == '#' || b == '$' {
		return date{}, false
	}
	x := number(t[i : i+n])
	switch {
	case n == 8:
		d := date{start: i, end: i + 8, year: x / 10000, month: x / 100 % 100, day: x % 100, compact: true}
		return d, possible(d.day, d.month) && !words.IsDigit(words.At(t, i+8))
	case n == 4:
		if d, ok := yearFirst(t, i, x); ok {
			return d, true
		}
		return monthYear(t, i, x)
	case n <= 2:
		if d, ok := dayFirst(t, i, n, x); ok {
			return d, true
		}
		return withMonth(t, i, n, x)
	}
	return date{}, false
}

func possible(day, month int) bool {
	return 1 <= month && month <= 12 && 1 <= day && day <= 31 && !(month == 2 && day > 29) && !(day == 31 && (month == 4 || month == 6 || month == 9 || month == 11))
}

// digits gives the number of digits at i, up to nine.
func digits(t string, i int) int {
	n := 0
	for n < 9 && words.IsDigit(words.At(t, i+n)) {
		n++
	}
	return n
}

func number(w string) (x int) {
	for i := 0; i < len(w); i++ {
		x = x*10 + int(w[i]-'0')
	}
	return x
}

// yearFirst reads 1980-05-12 and 1980年5月12日.
func yearFirst(t string, i, year int) (date, bool) {
	d := date{start: i, year: year}
	p := i + 4
	if strings.HasPrefix(t[p:], "年") || strings.HasPrefix(t[p:], "년") {
		return japanese(t, i, p, year)
	}
	sep := words.At(t, p)
	if sep != '-' && sep != '/' && sep != '.' {
		return d, false
	}
	a := digits(t, p+1)
	if a == 0 || a > 2 || words.At(t, p+1+a) != sep {
		return d, false
	}
	d.month = number(t[p+1 : p+1+a])
	p += 2 + a
	b := digits(t, p)
	if b == 0 || b > 2 {
		return d, false
	}
	d.day = number(t[p : p+b])
	d.end = p + b
	if !possible(d.day, d.month) || year < 1000 || year > 2199 || words.At(t, d.end) == sep && words.IsDigit(words.At(t, d.end+1)) || words.At(t, d.end) == '_' || words.At(t, d.end) == '-' && words.IsLetter(words.At(t, d.end+1)) {
		return d, false
	}
	// A time behind.
	q := d.end
	if c := words.At(t, q); c == 'T' || c == ' ' || c == 't' {
		q++
		if h := digits(t, q); h == 2 && words.At(t, q+2) == ':' && digits(t, q+3) == 2 {
			q += 5
			if words.At(t, q) == ':' && digits(t, q+1) == 2 {
				q += 3
				d.stamp = true
				if c := words.At(t, q); (c == '.' || c == ',') && words.IsDigit(words.At(t, q+1)) {
					q += 1 + digits(t, q+1)
				}
			}
			if words.At(t, d.end) != ' ' {
				d.stamp = true
			}
			if words.At(t, q) == 'Z' {
				q++
			} else if c := words.At(t, q); (c == '+' || c == '-') && digits(t, q+1) >= 2 {
				q += 1 + digits(t, q+1)
				if words.At(t, q) == ':' && digits(t, q+1) == 2 {
					q += 3
				}
			}
			d.end = q
			return d, true
		} else if c != ' ' {
			return d, false
		}
	}
	return d, !words.IsLetter(words.At(t, d.end)) && !words.IsDigit(words.At(t, d.end))
}

// japanese reads the month and day behind a year that ends at p.
func japanese(t string, start, p, year int) (date, bool) {
	d := date{start: start, year: year}
	p += 3
	p += words.Blanks(t, p)
	a := digits(t, p)
	if a == 0 || a > 2 || !strings.HasPrefix(t[p+a:], "月") && !strings.HasPrefix(t[p+a:], "월") {
		return d, false
	}
	d.month = number(t[p : p+a])
	p += a + 3
	p += words.Blanks(t, p)
	b := digits(t, p)
	if b == 0 || b > 2 {
		return d, false
	}
	d.day = number(t[p : p+b])
	d.end = p + b
	if strings.HasPrefix(t[d.end:], "日") || strings.HasPrefix(t[d.end:], "일") || strings.HasPrefix(t[d.end:], "号") {
		d.end += 3
	}
	return d, possible(d.day, d.month)
}

// eras are the first years of Japan's eras, less one.
var eras = []struct {
	name string
	base int
}{{"明治", 1867}, {"大正", 1911}, {"昭和", 1925}, {"平成", 1988}, {"令和", 2018}}

// dayFirst reads 12.05.1980, 05/12/1980, 12-5-80, 昭和55年5月12日.
func dayFirst(t string, i, n, x int) (date, bool) {
	d := date{start: i}
	p := i + n
	if strings.HasPrefix(t[p:], "年") {
		for _, e := range eras {
			if strings.HasSuffix(t[:i], e.name) {
				return japanese(t, i-len(e.name), p, e.base+x)
			}
		}
		return d, false
	}
	sep := words.At(t, p)
	if sep != '.' && sep != '/' && sep != '-' {
		return d, false
	}
	p++
	sp := 0
	if sep == '.' && words.At(t, p) == ' ' {
		sp = 1
	}
	p += sp
	a := digits(t, p)
	if a == 0 || a > 2 || words.At(t, p+a) != sep {
		return d, false
	}
	y := number(t[p : p+a])
	p += a + 1
	if sp > 0 && words.At(t, p) == ' ' {
		p++
	}
	m := digits(t, p)
	if m != 4 && m != 2 {
		return d, false
	}
	d.year = number(t[p : p+m])
	d.end = p + m
	if m == 2 {
		if n != 2 && a != 2 && sep != '/' {
			return d, false
		}
		d.short = true
		d.tiny = n+a < 3
		if d.year += 1900; d.year < 1930 {
			d.year += 100
		}
	}
	d.day, d.month = x, y
	if !possible(d.day, d.month) {
		d.day, d.month = y, x
	}
	switch c := words.At(t, d.end); {
	case !possible(d.day, d.month), words.IsDigit(c), words.IsLetter(c), c == sep && words.IsDigit(words.At(t, d.end+1)), c == '_', d.year < 1000 || d.year > 2199:
		return d, false
	case m == 2 && (c == '.' || c == ',' || c == ':') && words.IsDigit(words.At(t, d.end+1)):
		return d, false
	case sep == '.' && (n == 1 && a == 1 && sp == 0): // 1.2.2024 is a version as well
		d.tiny = m == 4
		return d, m == 4
	}
	return d, true
}

// maxMonth is the length of the longest name of a month.
const maxMonth = 14

// monthBegin has the first two letters of the names of months, and of the words
// that may stand between the day and the month.
var monthBegin = func() (t [26]uint32) {
	for _, w := range strings.Fields(monthWords + " of de den di del") {
		f := words.Fold(w)
		if words.IsLetter(f[0]) && words.IsLetter(f[1]) {
			t[f[0]-'a'] |= 1 << (f[1] - 'a')
		}
	}
	return t
}()

// monthLike reports whether the word at i may be the name of a month.
func monthLike(t string, i int) bool {
	a, b := words.At(t, i), words.At(t, i+1)
	if a >= 0x80 || b >= 0x80 {
		return true
	}
	return words.IsLetter(a) && words.IsLetter(b) && monthBegin[words.Lower(a)-'a']>>(words.Lower(b)-'a')&1 != 0
}

// isMonth reports whether a word names a month.
func isMonth(w words.Word) bool { return w.Class&month != 0 }

// doubtful are names of months that are other words in some language.
func doubtful(w string) bool {
	switch strings.ToLower(w) {
	case "may", "mar", "march", "mars", "set", "out", "mai", "mag", "gen", "dec", "mei", "ago", "ene", "jan", "jun", "mart", "ekim", "mar.", "sep", "dic", "abr", "nov", "maj", "luty", "aralık", "apr", "ott", "lug", "giu":
		return true
	}
	return false
}

// withMonth reads a day with the name of a month behind or before it: 12 May
// 1980, 12. Mai, 12 de mayo de 1980, May 12th, 1980.
func withMonth(t string, i, n, x int) (date, bool) {
	d := date{start: i, day: x}
	if x < 1 || x > 31 {
		return d, false
	}
	p := i + n
	// Ordinals: 12th, 1er, 1º, 12.
	switch b := words.At(t, p); {
	case b == ' ':
	case words.IsLetter(b) && words.Begins(t[p:], "st", "nd", "rd", "th", "er", "ST", "ND", "RD", "TH"):
		p += 2
	case strings.HasPrefix(t[p:], "º"), strings.HasPrefix(t[p:], "°"):
		p += 2
	case words.At(t, p) == '.':
		p++
	}
	if words.IsLetter(words.At(t, p)) || words.IsDigit(words.At(t, p)) {
		return d, false
	}
	tail := p
	if sp := words.Blanks(t, p); (sp > 0 || words.At(t, p) == '-' || words.At(t, p) == '/') && monthLike(t, p+max(sp, 1)) {
		q := p + max(sp, 1)
		w := lexicon.Read(t, q)
		if sp := words.Blanks(t, w.End); w.Letters <= 3 && w.Lower && sp > 0 && words.Begins(t[w.Start:w.End], "of", "de", "den", "di") {
			if !monthLike(t, w.End+sp) {
				goto before
			}
			w = lexicon.Read(t, w.End+sp)
		}
		// 12-May-1980 is one word to the reader.
		if w.Digits && w.Letters >= 3 {
			w = cutMonth(t, w)
		}
		if w.Digits || w.Letters < 3 || !isMonth(w) {
			goto before
		}
		d.end = w.End
		d.month = 1
		y := yearBehind(t, w.End)
		if y.end > 0 {
			d.year, d.end, d.short = y.year, y.end, y.short
			return d, true
		}
		d.bare = true
		if doubtful(t[w.Start:w.End]) && !w.Capital {
			return d, false
		}
		return d, w.Capital || w.Letters > 4
	}
before:
	// The month before.
	q := i - words.BlanksBack(t, i)
	if q == i {
		return d, false
	}
	if words.At(t, q-1) == '.' {
		q--
	}
	k := q
	for k > 0 && q-k < maxMonth && words.IsLetter(t[k-1]) {
		k--
	}
	if !monthLike(t, k) && words.At(t, k-1) < 0x80 {
		return d, false
	}
	w := lexicon.ReadBack(t, q)
	if w.Digits || w.Letters < 3 || !isMonth(w) || !w.Capital && (doubtful(t[w.Start:w.End]) || w.Letters < 4) {
		return d, false
	}
	d.start, d.month = w.Start, 1
	d.end = i + n
	if tail > d.end && words.At(t, i+n) != '.' {
		d.end = tail
	}
	r := d.end
	if words.At(t, r) == ',' {
		r++
	}
	if y := yearBehind(t, r); y.end > 0 {
		d.year, d.end, d.short = y.year, y.end, y.short
		return d, true
	}
	d.bare = true
	// May 12 people came: a capital begins a sentence.
	return d, !doubtful(t[w.Start:w.End]) || !startsLower(t, d.end+words.Blanks(t, d.end)) || tail > i+n
}

func startsLower(t string, i int) bool {
	b := words.At(t, i)
	return 'a' <= b && b <= 'z' && words.BlanksBack(t, i) > 0
}

// cutMonth takes the month out of May-1980.
func cutMonth(t string, w words.Word) words.Word {
	if k := strings.IndexByte(t[w.Start:w.End], '-'); k > 0 {
		return lexicon.Read(t[:w.Start+k], w.Start)
	}
	return w
}

// monthYear reads May 1980, whose year begins at i.
func monthYear(t string, i, year int) (date, bool) {
	d := date{start: i, end: i + 4, year: year, bare: true}
	if year < 1900 || year > 2099 || words.IsLetter(words.At(t, d.end)) {
		return d, false
	}
	q := i - words.BlanksBack(t, i)
	if q == i {
		return d, false
	}
	w := lexicon.ReadBack(t, q)
	if w.Lower && w.Letters <= 3 && words.Begins(t[w.Start:w.End], "de", "of") {
		w = lexicon.ReadBack(t, w.Start-words.BlanksBack(t, w.Start))
	}
	if w.Letters < 3 || w.Digits || !isMonth(w) || !w.Capital && (doubtful(t[w.Start:w.End]) || w.Letters < 4) {
		return d, false
	}
	d.start = w.Start
	return d, true
}

// yearBehind reads a year of four digits that follows at i: " 1980", " de 1980",
// ", 1980", "-1980".
func yearBehind(t string, i int) (d date) {
	p := i
	if words.At(t, p) == '.' || words.At(t, p) == ',' {
		p++
	}
	sp := words.Blanks(t, p)
	if sp == 0 {
		if c := words.At(t, p); c != '-' && c != '/' && p == i {
			return d
		} else if c == '-' || c == '/' {
			p++
		}
	}
	p += sp
	if words.Begins(t[min(p, len(t)):], "de ", "del ", "do ") {
		p += strings.IndexByte(t[p:], ' ') + 1
	}
	if sp > 0 && digits(t, p) == 0 && (words.At(t, p) == '\'' || words.Begins(t[min(p, len(t)):], "\u2019")) {
		q := p + words.Joint(t, p)
		if digits(t, q) == 2 && !words.IsLetter(words.At(t, q+2)) {
			y := 1900 + number(t[q:q+2])
			if y < 1930 {
				y += 100
			}
			return date{end: q + 2, year: y}
		}
	}
	// 17 SEP 88, 17-Sep-88: a number that no day has.
	if (sp == 1 && p == i+1 || t[p-1] == '-') && digits(t, p) == 2 && t[p] > '3' && !words.IsLetter(words.At(t, p+2)) && words.At(t, p+2) != ':' && words.At(t, p+2) != '%' {
		return date{end: p + 2, year: 1900 + number(t[p:p+2]), short: true}
	}
	if digits(t, p) == 4 {
		y := number(t[p : p+4])
		if 1000 <= y && y <= 2199 && !words.IsLetter(words.At(t, p+4)) && !words.Begins(t[p+4:], "年", "년") {
			return date{end: p + 4, year: y}
		}
	}
	return d
}

// clockAt reads a time of day with am or pm whose digits begin at i: 5 pm,
// 5:30 p.m. It gives the end, 0 where there is none.
func clockAt(t string, i int) int {
	n := digits(t, i)
	if n == 0 || n > 2 || number(t[i:i+n]) > 12 || number(t[i:i+n]) == 0 {
		return 0
	}
	if b := words.At(t, i-1); b != ' ' && b != '(' && b != '\n' && b != 0 && b != '"' && b != '-' && b < utf8.RuneSelf {
		return 0
	}
	p := i + n
	if words.At(t, p) == ':' && digits(t, p+1) == 2 {
		p += 3
	}
	p += words.Blanks(t, p)
	if b := words.At(t, p) | 0x20; b != 'a' && b != 'p' {
		return 0
	}
	for _, w := range [...]string{"a.m.", "p.m.", "am", "pm", "AM", "PM", "A.M.", "P.M."} {
		if strings.HasPrefix(t[min(p, len(t)):], w) && !words.IsLetter(words.At(t, p+len(w))) {
			if w == "am" && p > i+n && startsName(t, p+3) {
				return 0 // I am
			}
			return p + len(w)
		}
	}
	return 0
}
