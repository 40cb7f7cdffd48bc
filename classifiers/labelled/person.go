package labelled

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var personType = classifiers.Type{
	Name: "PERSON", Groups: []string{classifiers.Personal}, Severity: classifiers.Medium,
	Doc: "The name of a person.", Aliases: []string{"NAME", "PERSON_NAME", "PER"},
}

// Person finds names that a label, a title or a form of address announces.
var Person = &classifiers.Detector{
	Name: "labelled_person", Version: 1,
	Doc: `Names of persons that something beside them announces, in the languages of Europe's large countries, Turkish, Hindi, Chinese and
Japanese: labels and keys (Patient:, full_name, Kunde, 氏名), titles (Dr, Frau, Sra., さん), greetings and closings of letters, "my name is", heads of mail
and trailers of commits, the words before wrote: and speakers of chats, elements of XML, vCard, FHIR and HL7 records. What stands there must look like a
name: one to five words with capitals, particles and initials, no word of a firm, no role, no code. A label such as name, which things have too, needs two
words that look like a name; one word alone needs a label of persons or a title. The span is the name without its titles.`,
	Types: []*classifiers.Type{&personType},
	Positives: []string{
		"Patient: [[PERSON|Marta Vidal]], seen today",
		"Pt: [[PERSON|Okonkwo, Grace]]   MRN",
		`{"full_name": "[[PERSON|Tomasz Wilk]]", "first_name":"[[PERSON|Ana]]"}`,
		"I spoke to Dr. [[PERSON|Helen Ostrowska]] and Mrs [[PERSON|Quill]].",
		"Dear [[PERSON|Priya]],\nthank you",
		"Sehr geehrte Frau [[PERSON|Rottmann]],",
		"Mit freundlichen Grüßen\n[[PERSON|Jonas Ehlers]]",
		"Kind regards,\n[[PERSON|Olivia Trent]]\nHead of Sales",
		"my name is [[PERSON|Sanne de Wit]] and",
		"From: [[PERSON|Luca Ferri]] <luca@ferri.example>",
		"On Monday [[PERSON|Erik Lund]] wrote:",
		"<Given>[[PERSON|Nadia]]</Given><Sur>[[PERSON|Petrov]]</Sur>",
		`"name":[{"family":"[[PERSON|Larkin]]","given":["[[PERSON|Rose]]"]}]`,
		"PID|1||12345^^^MRN||[[PERSON|Dalton]]^[[PERSON|Iris]]||19810412|F",
		"客户姓名:[[PERSON|王小明]],电话",
		"氏名:[[PERSON|佐藤健一]]、年齢",
		"[[PERSON|鈴木]]さんに連絡",
		"नाम: [[PERSON|अमित शर्मा]]",
		"Present: [[PERSON|Eva Horn]], [[PERSON|Tim Brandt]] (remote), [[PERSON|Li Na]]",
	},
	NearMisses: []string{
		"name: nginx, file name: Report Final, hostname: Web Server, product name: Blue Heron",
		"Dear Sir or Madam, Hi there, Hello World, Dear Customer Support Team,",
		"Customer: Acme Widgets GmbH; Customer Service Desk; Patient Care Team; Client Secrets",
		"type User struct { Name string }; lastName := strings.TrimSpace(x); name = \"\"",
		"Kind regards,\nThe Support Team",
		"miss the bus, mr, Dr. 12, Note: Remember this, From: 2024-01-01 To: 2024-02-01",
		"I am Very Happy to help. This is Fine.",
		"お客様各位 皆さん 仕様 同様に 彼氏",
		"姓名:未填 客户服务 用户名",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Anchor, Judge: judgeAnchor, Literals: []string{":", "=", ">", "<", "--"}},
		{Shape: classifiers.Prefix, Judge: judgePhrase, Literals: phraseLiterals},
		{Shape: classifiers.Prefix, Judge: judgeHL7, Literals: []string{"pid|", "nk1|"}},
		{Shape: classifiers.Whole, Judge: judgeWhole},
	},
}

// cause says what announces a name.
type cause int8

const (
	byField    cause = iota + 1 // a field of a person's name
	byRole                      // a label of a role
	byPlain                     // a role word before the name, without a colon
	byName                      // a field called name
	byTitle                     // Mr, Frau
	byGreeting                  // Dear
	byIntro                     // my name is
	byRemark                    // I am, this is
	byClosing                   // Kind regards
	byHeader                    // From:
	bySpeaker                   // a speaker in a chat
	byList                      // Present:
	byKin                       // my son
	byAny                       // any other label
	byAfter                     // a title behind the name
)

var ruleOf = [...]string{byField: "field", byRole: "role", byPlain: "role_word", byName: "name_field", byTitle: "title", byGreeting: "greeting", byIntro: "introduction",
	byRemark: "introduction", byClosing: "closing", byHeader: "header", bySpeaker: "speaker", byList: "list", byKin: "kin", byAny: "label"}

// grade says what a name is worth by what announces it; 0 where it is none.
func grade(n name, by cause) proxy.Likelihood {
	if n.companyish {
		return 0
	}
	two := n.two()
	odd := n.known == 0 && n.common >= n.full // words of the language only
	// A full name, mostly of words that are none of the language.
	sound := two && (n.common*2 < n.full || n.known == n.full && n.common < n.full)
	known := n.known > 0 && n.common == 0
	switch by {
	case byField:
		if two {
			return proxy.VeryLikely
		}
		return proxy.Likely
	case byRole, byList, byHeader:
		switch {
		case sound && n.known > 0:
			return proxy.VeryLikely
		case sound, two && n.known > 0, known:
			return proxy.Likely
		}
	case byPlain, byName:
		if sound && (n.known > 0 || n.common == 0) {
			return proxy.Likely
		}
	case byTitle:
		switch {
		case two && !odd:
			return proxy.VeryLikely
		case odd && !two:
			return proxy.Possible
		}
		return proxy.Likely
	case byKin:
		if sound || known {
			return proxy.Likely
		}
	case byAny:
		if n.proper && n.known == n.full && n.common == 0 && !n.place && n.parts <= 4 {
			return proxy.Likely
		}
	case byGreeting, byIntro:
		if !odd {
			return proxy.Likely
		}
	case byRemark:
		switch {
		case sound:
			return proxy.Likely
		case known:
			return proxy.Possible
		}
	case byClosing:
		if two && !odd || known {
			return proxy.Likely
		}
		return proxy.Possible
	case bySpeaker:
		if known || sound {
			return proxy.Likely
		}
	}
	return proxy.Unlikely
}

// report grades a name and reports it. It tells whether it did.
func report(s *classifiers.Scan, n name, by cause) bool {
	level := grade(n, by)
	if level == 0 || n.small && (n.known < n.full || n.full < 2) && !(by == byField) {
		return false
	}
	s.Find(classifiers.Found{Start: n.start, End: n.end, Type: &personType, Likelihood: level, Rule: ruleOf[by]})
	return level >= proxy.Likely
}

// judgeAnchor looks at what a colon or its like separates.
func judgeAnchor(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.Start
	switch t[i] {
	case ':', '=':
		b := s.Before(i)
		if words.IsDigit(b) && (t[i] == '=' || s.At(c.End) != ' ' || !startsName(t, c.End+1)) || b == ':' || b == '=' || b == '!' || b == '<' || b == '>' || b == '/' || b == 0 {
			return
		}
		if n := s.At(c.End); n == ':' || n == '/' || n == '=' || n == '>' {
			return
		}
		judgeLabel(s, i, c.End)
	case '>':
		judgeElement(s, i)
	case '<':
		if s.Before(i) == ' ' {
			judgeMailbox(s, i-1)
		}
	case '-':
		// -- on a line of its own begins a signature.
		if b := s.Before(i); b != '\n' && b != 0 {
			return
		}
		p := c.End
		if s.At(p) == ' ' {
			p++
		}
		if s.At(p) == '\n' {
			p++
		} else if p == c.End {
			return
		}
		if n, ok := nameAt(t, p, style{}); ok && (lineEnds(t, n.end) || words.At(t, n.end) == ',') {
			report(s, n, byClosing)
		}
	}
}

// label is the words before a colon.
type label struct {
	class class
	start int // of its last word
}

// labelBefore reads the label that ends before i: patient, customer_name,
// "firstName", **Name**.
func labelBefore(t string, i int) label {
	p := i
	l := label{}
	for range 5 {
		switch words.At(t, p-1) {
		case '"', '\'':
			p--
			continue
		case '\\', '*', '`', ' ':
			p--
			continue
		case ')':
			// Name (printed):
			if k := strings.LastIndexByte(t[max(0, p-24):p], '('); k >= 0 {
				p = max(0, p-24) + k
				continue
			}
		}
		break
	}
	w := lexicon.ReadBack(t, p)
	if w.End == w.Start {
		return l
	}
	l.start = w.Start
	l.class = w.Class
	// firstName: the last hump, with the one before as what says of what.
	before, q := words.Word{}, w.Start
	if w.Class == 0 {
		for k := w.End - 1; k > w.Start; k-- {
			if 'A' <= t[k] && t[k] <= 'Z' && t[k-1] >= 'a' && t[k-1] <= 'z' {
				hump := lexicon.Read(t, k)
				l.class = hump.Class
				before = lexicon.ReadBack(t, k)
				if before.Start < w.Start || before.End != k {
					before = lexicon.Read(t[:k], w.Start)
				}
				break
			}
		}
	}
	if before.End == before.Start {
		switch words.At(t, q-1) {
		case '_', ' ', '.', '-', '/':
			before = lexicon.ReadBack(t, q-1)
		}
	}
	if l.class == 0 && before.Class&nameWord != 0 && words.At(t, q-1) == ' ' {
		switch t[w.Start:w.End] {
		case "completo", "Completo", "complet", "Complet", "Full", "full", "printed", "COMPLETO":
			l.class = strongName // Nome completo
		}
	}
	if l.class&nameWord != 0 && before.End > before.Start {
		switch {
		case before.Class&(qualifier|role) != 0 && before.Class&thing == 0:
			l.class = strongName
		case before.Class&thing != 0:
			l.class = 0
		case words.At(t, q-1) == '_' || before.Start >= w.Start:
			if before.Class == 0 {
				l.class = 0 // foo_name is of foo
			}
		}
	}
	return l
}

// valueAt gives where the value behind a label begins, and whether it is quoted.
func valueAt(t string, i int) (int, bool) {
	quoted := false
	for n := 0; n < 24; n++ {
		switch c := words.At(t, i); {
		case c == ' ', c == '\t', c == '[', c == '*', c == '`', c == '_', c == '\\' && (words.At(t, i+1) == '"' || words.At(t, i+1) == '\''):
			i++
		case c == '"', c == '\'':
			quoted = true
			i++
		case strings.HasPrefix(t[min(i, len(t)):], "\u201c"), strings.HasPrefix(t[min(i, len(t)):], "\u201e"):
			quoted = true
			i += 3
		case c == 0xC2 && words.At(t, i+1) == 0xA0, c == 0xC2 && words.At(t, i+1) == 0xAB:
			i += 2
		default:
			return i, quoted
		}
	}
	return i, quoted
}

// judgeLabel judges what stands behind the colon or equals sign [i, end).
func judgeLabel(s *classifiers.Scan, i, end int) {
	t := s.Text
	l := labelBefore(t, i)
	if l.class&(nameWord|strongName|role|lister|header|wrote) == 0 {
		if w := lexicon.Read(t, l.start); !w.Capital && !quiet(t, i, end) {
			return // a colon of prose
		}
		if n, ok := nameBefore(t, i); ok && lexicon.ReadBack(t, n.start-words.BlanksBack(t, n.start)).Class&wrote != 0 {
			report(s, n, byHeader) // schrieb Uwe Kranz:
			return
		}
		if !judgeSpeaker(s, i) && l.class&thing == 0 {
			judgeOther(s, i, end)
		}
		return
	}
	if l.class&wrote != 0 {
		if n, ok := nameBefore(t, l.start); ok {
			report(s, n, byHeader)
		}
		return
	}
	v, quoted := valueAt(t, end)
	how := style{comma: l.class&(lister|header) == 0}
	by := byRole
	switch {
	case l.class&lister != 0:
		by = byList
	case l.class&header != 0 && l.class&role == 0:
		by = byHeader
	case l.class&strongName != 0:
		by = byField
		how.small = true
	case l.class&nameWord != 0:
		by = byName
		how.small = quoted
	default:
		how.small = true
	}
	if r, _ := utf8.DecodeRuneInString(t[min(v, len(t)):]); r >= 0x900 && r != utf8.RuneError {
		// Chinese and Japanese labels are read with the rest of their scripts.
		if r >= 0x2E80 {
			return
		}
	}
	n, ok := nameAt(t, v, how)
	if !ok {
		return
	}
	w := lexicon.Read(t, n.start)
	if w.Class&placeholder != 0 && (n.parts == 1 || n.small) {
		return
	}
	if n.small && by != byField || n.small && !quoted {
		// In small letters the value must be the whole field.
		if !lineEnds(t, n.end) && words.At(t, n.end) != ',' && words.At(t, n.end) != ';' || !quoted && n.known == 0 {
			return
		}
	}
	if by == byField && !quoted && words.At(t, i) == '=' && codeAfter(t, n.end) {
		return
	}
	if by == byHeader && !lineEnds(t, n.end) && words.At(t, n.end) != ',' && words.At(t, n.end) != ';' && !words.Begins(t[n.end:], " <", " (", " [") {
		return
	}
	if by == byName && n.parts == 1 && !n.small && pairs(t, i, n.end) {
		by = byField
	}
	if !report(s, n, by) && by == byRole && n.two() {
		report(s, n, byAny)
	}
	if by == byList || by == byHeader {
		listed(s, n.end, by)
	}
	if by == byRole {
		together(s, n.end)
	}
}

// quiet reports whether a name can stand behind a label in small letters that
// is not known: a capital, a quote, or the turn of a speaker with a time.
func quiet(t string, i, end int) bool {
	v, quoted := valueAt(t, end)
	return quoted || startsName(t, v) || words.At(t, i-1) == ' '
}

// pairs reports whether a field for the other part of a person's name stands
// before the label that ends at i, or behind the value that ends at end.
func pairs(t string, i, end int) bool {
	behind, before := t[end:min(len(t), end+pairText)], t[max(0, i-pairText):i]
	for _, w := range [...]string{"ognome", "urname", "pellido", "lastName", "last_name", "family", "achternaam", "obrenome", "nazwisko", "soyad", "renom", "rénom", "efternamn", "achname", "orname", "OGNOME", "URNAME", "PELLIDO", "ACHTERNAAM", "OBRENOME", "NAZWISKO", "SOYAD", "RENOM", "RÉNOM", "EFTERNAMN", "ACHNAME", "ORNAME", "irst name", "IRST NAME", "ast name", "AST NAME"} {
		if strings.Contains(behind, w) || strings.Contains(before, w) {
			return true
		}
	}
	return false
}

// pairText is how far the two fields of a name stand from each other, in bytes.
const pairText = 48

// judgeOther judges what stands behind a label that says nothing of persons: a
// given name and a surname, both well known. It reads vCard's N as well.
func judgeOther(s *classifiers.Scan, i, end int) {
	t := s.Text
	if t[i] == ':' && words.At(t, i-1) == 'N' && (words.At(t, i-2) == '\n' || words.At(t, i-2) == 'n' && words.At(t, i-3) == '\\') {
		for range 2 {
			n, ok := nameAt(t, end, style{small: true})
			if !ok || words.At(t, n.end) != ';' {
				return
			}
			report(s, n, byField)
			end = n.end + 1
		}
		return
	}
	v, quoted := valueAt(t, end)
	if v == end || t[i] == '=' && !quoted {
		return
	}
	if n, ok := nameAt(t, v, style{small: quoted || lineLabel(t, i), comma: true}); ok && n.two() && (!n.small || lineEnds(t, n.end) || words.At(t, n.end) == ',') {
		report(s, n, byAny)
	}
}

// lineLabel reports whether the colon at i ends the label of a line or of a turn
// in a chat.
func lineLabel(t string, i int) bool {
	w := lexicon.ReadBack(t, i)
	b := words.At(t, w.Start-1)
	return w.End > w.Start && (b == '\n' || b == 0 || b == ' ' && words.At(t, w.Start-2) == ']')
}

// codeAfter reports whether what follows a value says that it was code.
func codeAfter(t string, i int) bool {
	switch words.At(t, i) {
	case '(', '[', '{', '.', '+', '*', '?', '!':
		return true
	case '&':
		return words.At(t, i+1) == '&' || words.At(t, i+1) == ' '

	}
	return false
}

// lineEnds reports whether a line, a string or an element ends at i.
func lineEnds(t string, i int) bool {
	i += words.Blanks(t, i)
	switch words.At(t, i) {
	case 0, '\n', '\r', '"', '\'', '<', '|', '\t', '\\', ')', '}', ']':
		return true
	}
	return false
}

// maxList bounds the names of a list.
const maxList = 32

// listed reads the further names of a list.
func listed(s *classifiers.Scan, i int, by cause) {
	t := s.Text
	for range maxList {
		p := i
		for range 2 { // (remote), <mail>
			q := p + words.Blanks(t, p)
			open, shut := words.At(t, q), byte(0)
			switch open {
			case '(':
				shut = ')'
			case '<':
				shut = '>'
			default:
				continue
			}
			k := strings.IndexByte(t[q:min(len(t), q+64)], shut)
			if k < 0 {
				return
			}
			p = q + k + 1
		}
		q := conjunction(t, p)
		if q == p {
			return
		}
		n, ok := nameAt(t, q, style{})
		if !ok {
			return
		}
		report(s, n, by)
		i = n.end
	}
}

// together reads a second name that "and" joins to the first.
func together(s *classifiers.Scan, i int) {
	q := conjunction(s.Text, i)
	if q > i && words.At(s.Text, i) == ' ' {
		if n, ok := nameAt(s.Text, q, style{}); ok && n.two() {
			report(s, n, byPlain)
		}
	}
}

// conjunction gives what follows a comma, a slash or the word and; i where
// there is none.
func conjunction(t string, i int) int {
	p := i
	for _, w := range [...]string{", and ", " and ", " und ", " et ", " y ", " e ", " en ", " i ", " och ", " ve ", " & ", " / ", " · ", ", ", "; ", ";", ",", " | "} {
		if strings.HasPrefix(t[min(p, len(t)):], w) {
			p += len(w)
			return p + words.Blanks(t, p)
		}
	}
	return i
}

// nameBefore reads the name that ends at end.
func nameBefore(t string, end int) (name, bool) {
	for end > 0 && t[end-1] == ' ' {
		end--
	}
	start, p := end, end
	for range maxParts {
		if words.At(t, p-1) == '.' && words.IsLetter(words.At(t, p-2)) && !words.IsLetter(words.At(t, p-3)) {
			p--
		}
		w := lexicon.ReadBack(t, p)
		if w.End == w.Start || w.Digits || w.Class&(stop|month|header|wrote|goesOn) != 0 && w.Class&particle == 0 || !w.Capital && w.Class&particle == 0 && !bound(t, w) {
			break
		}
		if w.Class&title != 0 && w.Class&particle == 0 {
			break
		}
		if w.Capital || bound(t, w) {
			start = w.Start
		}
		p = w.Start
		if words.At(t, p-1) != ' ' {
			break
		}
		p--
		if words.At(t, p-1) == '.' && !(words.IsLetter(words.At(t, p-2)) && !words.IsLetter(words.At(t, p-3))) {
			break
		}
	}
	if start == end {
		return name{}, false
	}
	n, ok := nameAt(t, start, style{})
	return n, ok && n.end == end
}

// judgeElement judges the text of an XML element whose tag ends at i.
func judgeElement(s *classifiers.Scan, i int) {
	t := s.Text
	w := lexicon.ReadBack(t, i)
	if w.End == w.Start || w.Digits {
		return
	}
	if b := s.Before(w.Start); b != '<' && b != ':' && b != '_' {
		return
	}
	if w.Class&(nameWord|strongName|role) == 0 {
		l := labelBefore(t, i)
		if l.class&strongName == 0 {
			return
		}
		w.Class = l.class
	}
	n, ok := nameAt(t, i+1, style{small: true, comma: true})
	if !ok || words.At(t, n.end) != '<' {
		return
	}
	by := byField
	if w.Class&strongName == 0 {
		by = byName
		if w.Class&role != 0 {
			by = byRole
		}
		if n.parts == 1 {
			// <Nome> of a person has its <Cognome> beside it.
			rest := t[n.end:min(len(t), n.end+48)]
			if w.Class&nameWord != 0 && n.start == i+1 && !n.small && (strings.Contains(rest, "ognome>") || strings.Contains(rest, "urname>") || strings.Contains(rest, "pellido")) {
				by = byField
			}
		}
	}
	report(s, n, by)
}

// judgeMailbox judges the words before the space at i and <, where a mail address follows.
func judgeMailbox(s *classifiers.Scan, i int) {
	t := s.Text
	rest := t[i:min(len(t), i+80)]
	a := strings.IndexByte(rest, '@')
	if a < 0 {
		return
	}
	if z := strings.IndexByte(rest, '>'); z >= 0 && z < a {
		return
	}
	end := i
	if s.Before(end) == '"' {
		end--
		if k := strings.LastIndexByte(t[max(0, end-64):end], '"'); k >= 0 {
			if n, ok := nameAt(t, max(0, end-64)+k+1, style{comma: true}); ok && n.end == end {
				report(s, n, byHeader)
			}
		}
		return
	}
	if n, ok := nameBefore(t, end); ok {
		report(s, n, byHeader)
	}
}

// Bounds of what is looked for the same speaker.
const (
	speakerText = 2 << 10
	speakerLine = 64
)

// judgeSpeaker judges the words between the start of a line, or a time in
// brackets, and the colon at i: a speaker of a chat who speaks again, or whose
// turn has a time. It tells whether it was one.
func judgeSpeaker(s *classifiers.Scan, i int) bool {
	t := s.Text
	floor := max(0, i-speakerLine)
	from := floor + strings.LastIndexByte(t[floor:i], '\n') + 1
	if from == floor && floor > 0 {
		return false
	}
	timed := false
	p := from
	if words.At(t, p) == '[' || words.At(t, p) == '(' {
		k := strings.IndexAny(t[p:i], "])")
		if k < 0 || !words.IsDigit(words.At(t, p+1)) {
			return false
		}
		p += k + 1
		p += words.Blanks(t, p)
		timed = true
	} else if words.IsDigit(words.At(t, p)) {
		for p < i && (words.IsDigit(t[p]) || t[p] == ':' || t[p] == '.' || t[p] == '-' || t[p] == '/' || t[p] == ' ' || t[p] == ',') {
			p++
		}
		timed = true
	}
	for p < i && (t[p] == '*' || t[p] == ' ' || t[p] == '<' || t[p] == '-' || t[p] == '>') {
		p++
	}
	how := style{small: timed}
	n, ok := nameAt(t, p, how)
	if !ok || n.start != p || n.parts > 3 {
		return false
	}
	end := n.end
	if words.At(t, end) == ' ' && (words.At(t, end+1) == '(' || words.At(t, end+1) == '[') && words.IsDigit(words.At(t, end+2)) {
		if k := strings.IndexAny(t[end:min(len(t), i)], ")]"); k > 0 {
			end += k + 1
			timed = true
		}
	}
	for end < i && (t[end] == '*' || t[end] == ' ' || t[end] == '>') {
		end++
	}
	if end != i {
		return false
	}
	w := lexicon.Read(t, n.start)
	if w.Class&(machine|stop|role|thing|placeholder) != 0 && n.parts == 1 {
		return false
	}
	if !timed {
		rest := t[i:min(len(t), i+speakerText)]
		again := strings.Contains(rest, "\n"+t[n.start:i+1])
		if !again && !(from > 0 && strings.Contains(t[max(0, from-speakerText):from], t[n.start:i+1])) {
			return false
		}
	}
	return report(s, n, bySpeaker)
}

// judgeHL7 judges the names in a segment of an HL7 message (version 2): the
// fifth field of PID, the second of NK1.
func judgeHL7(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	field := 5
	if c.Literal == 1 {
		field = 2
	}
	line := t[c.Start:min(len(t), c.Start+512)]
	at := 0
	for range field {
		k := strings.IndexByte(line[at:], '|')
		if k < 0 {
			return
		}
		at += k + 1
	}
	end := at
	for end < len(line) && line[end] != '|' && line[end] != '\n' && line[end] != '\r' && line[end] != '\\' {
		end++
	}
	comps := line[at:end]
	p := c.Start + at
	for n := 0; n < 3 && comps != ""; n++ {
		part, rest, _ := strings.Cut(comps, "^")
		if m, ok := nameAt(t, p, style{small: true}); ok && m.end == p+len(part) {
			report(s, m, byField)
		}
		p += len(part) + 1
		comps = rest
	}
}

// startsName reports whether a capital letter, or one of a script without case,
// stands at i.
func startsName(t string, i int) bool {
	b := words.At(t, i)
	if b < utf8.RuneSelf {
		return 'A' <= b && b <= 'Z'
	}
	r, _ := utf8.DecodeRuneInString(t[i:])
	return unicode.IsUpper(r) || r >= 0x900 && r < 0x1000
}
