package fold

import "strings"

// Bounds of spelled addresses.
const (
	maxForms  = 4  // spelled @ that are remembered
	formBack  = 96 // bytes before a word for dot in which its @ stands
	formAhead = 64 // and behind it, where the dot belongs to the local part
	maxAtoms  = 8  // parts of a local part, labels of a domain
	maxAtom   = 64
	minTop    = 2  // letters of a top-level domain
	maxTop    = 18 // of those in use
)

// form is a spelled @ and how sure it is by itself.
type form struct {
	from, to int // with the blanks around
	sure     bool
	sign     bool // it is @ itself
}

// signs are the words for the signs of addresses, in English, German, French,
// Spanish, Portuguese, Italian, Dutch, Polish, Swedish, Czech and Turkish.
var signs = func() *lexicon[string] {
	m := map[string]string{".": ".", "-": "-", "_": "_", "@": "@"}
	for sign, words := range map[string]string{
		"@": "at ät arroba arobase arobas arrobas chiocciola chiocciolina klammeraffe apenstaartje snabela małpa malpa kukac zavináč",
		".": "dot punkt punto point ponto punt kropka nokta prick tečka tecka",
		"-": "dash hyphen minus bindestrich tiret guion guión trattino hífen hifen streepje myślnik",
		"_": "underscore unterstrich sottolineato underline podkreślnik",
		"+": "plus",
	} {
		for _, w := range strings.Fields(words) {
			m[w] = sign
		}
	}
	return newLexicon(m)
}()

// notNames are words that stand before "at" and are nobody's local part, and
// notHosts words that stand behind it and are no host.
var notNames, notHosts = set(`us me you it him her them there here look looking available found find visit site website page online out is are was be
	live work works working store shop hosted located based arrive stay start end back up more meet meeting see call reach email mail read join watch
	buy book order apply learn go sits sit lives value values point points`), set("the a an this that some any each every one which what its their our your my")

func set(words string) *lexicon[bool] {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return newLexicon(m)
}

// english reports whether a spelled dot, with the blanks around, is a word of
// English that means something else: at some point in time.
func english(w string) bool {
	switch strings.ToLower(strings.TrimSpace(w)) {
	case "point", "punt", "prick":
		return true
	}
	return false
}

// sepAt reads a spelled dot, dash or underscore that begins at i, with the
// blanks around, and gives what it stands for and its end.
func sepAt(t string, i int) (sign string, end int) {
	j := i
	if j < len(t) && t[j] == ' ' {
		j++
	}
	if j >= len(t) {
		return "", 0
	}
	if b := t[j]; b == '(' || b == '[' || b == '{' || b == '<' {
		k := j + 1
		if k < len(t) && t[k] == ' ' {
			k++
		}
		e := wordAt(t, k)
		if e == k && e < len(t) && (t[e] == '.' || t[e] == '-' || t[e] == '_') {
			e++
		}
		w := t[k:e]
		if e < len(t) && t[e] == ' ' {
			e++
		}
		if e >= len(t) || !closes(b, t[e]) {
			return "", 0
		}
		if sign = signs.get(w); sign == "" || sign == "@" {
			return "", 0
		}
		e++
		if e < len(t) && t[e] == ' ' && e+1 < len(t) && alnum(t[e+1]) {
			e++
		}
		return sign, e
	}
	if j == i {
		return "", 0
	}
	e := wordAt(t, j)
	if e == j && t[j] == '.' {
		e++
	}
	if e >= len(t) || t[e] != ' ' || e+1 >= len(t) || !alnum(t[e+1]) && t[e+1] < 0x80 {
		return "", 0
	}
	if sign = signs.get(t[j:e]); sign == "" || sign == "@" {
		return "", 0
	}
	return sign, e + 1
}

func closes(open, b byte) bool {
	switch open {
	case '(':
		return b == ')'
	case '[':
		return b == ']'
	case '{':
		return b == '}'
	}
	return b == '>'
}

// atForm reads a spelled @ at i, which is a bracket, a sign or the first letter
// of a word.
func atForm(t string, i int) (form, bool) {
	b := t[i]
	back := func(p int) int {
		if p > 0 && t[p-1] == ' ' {
			return p - 1
		}
		return p
	}
	ahead := func(p int) int {
		if p < len(t) && t[p] == ' ' {
			return p + 1
		}
		return p
	}
	switch {
	case b == '@':
		return form{back(i), ahead(i + 1), false, true}, true
	case b == '(' || b == '[' || b == '{' || b == '<':
		k := ahead(i + 1)
		e := wordAt(t, k)
		if e == k && e < len(t) && t[e] == '@' {
			e++
		} else if signs.get(t[k:e]) != "@" {
			return form{}, false
		}
		e = ahead(e)
		if e >= len(t) || !closes(b, t[e]) {
			return form{}, false
		}
		return form{back(i), ahead(e + 1), true, false}, true
	}
	e := wordAt(t, i)
	if i == 0 || e >= len(t) || signs.get(t[i:e]) != "@" {
		return form{}, false
	}
	p, q := t[i-1], t[e]
	sure := e-i > 3 || strings.IndexByte("_-*.", p) >= 0
	if p != q || p != ' ' && p != '_' && p != '-' && p != '*' && p != '.' {
		return form{}, false
	}
	return form{i - 1, e + 1, sure, false}, true
}

// dot reads the address around the word for a dot that may begin at p.
func (c *collector) dot(p int) {
	t := c.text
	if p > 0 && (alnum(t[p-1]) || t[p-1] >= 0x80) || p < c.tried {
		return
	}
	end := wordAt(t, p)
	if end < len(t) && alnum(t[end]) || signs.get(t[p:end]) != "." {
		return
	}
	c.formNear(p)
}

// brackets reads addresses with an @ or dot in brackets: [at], (dot), [.].
func (c *collector) brackets() {
	t := c.text
	for _, open := range [...]byte{'(', '[', '{'} {
		for i := strings.IndexByte(t, open); i >= 0 && i+2 < len(t); i = next(t, i+1, open) {
			j := i + 1
			if t[j] == ' ' {
				j++
			}
			switch t[j] | 0x20 {
			case 'a', 'd', 'p', '.', 'k', 'c', '@' | 0x20, 0xE3:
				e := wordAt(t, j)
				if e == j {
					e++
				}
				if s := signs.get(t[j:min(e, len(t))]); (s == "@" || s == ".") && e < len(t) && (closes(open, t[e]) || t[e] == ' ') {
					c.formNear(j)
				}
			}
		}
	}
}

// formNear reads the address that the word at p, for a dot or @, belongs to.
func (c *collector) formNear(p int) {
	t := c.text
	// On to where a word for dot at p can have its @. Each byte is looked at once.
	from := max(c.at, p-formBack)
	to := min(len(t), p+formAhead)
	for i := from; i < to; i++ {
		b := t[i]
		if b == '@' || b == '(' || b == '[' || b == '{' || b == '<' || (letter(b) || b >= 0x80) && i > 0 && !letter(t[i-1]) && t[i-1] < 0x80 {
			if f, ok := atForm(t, i); ok {
				c.forms[c.nforms%maxForms] = f
				c.nforms++
				i = max(i, f.to-2)
			}
		}
	}
	c.at = max(c.at, to)
	for n := max(0, c.nforms-maxForms); n < c.nforms; n++ {
		if f := c.forms[n%maxForms]; f.from >= c.tried {
			c.tried = f.from + 1
			if end := c.address(f); end > 0 {
				c.tried = end
			}
		}
	}
}

// formAt reads the address around an @ between blanks at i.
func (c *collector) formAt(i int) {
	if f, ok := atForm(c.text, i); ok && f.from >= c.tried {
		c.address(f)
	}
}

// cut is a spelled sign of an address.
type cut struct {
	from, to int
	sign     string
}

// address reads the address around a spelled @ and makes its edits. It gives
// its end, 0 where there is none.
func (c *collector) address(f form) int {
	t := c.text
	var cuts [2*maxAtoms + 1]cut
	n := 0
	// The local part, backwards.
	start := f.from
	for atoms := 0; atoms < maxAtoms; atoms++ {
		i := start
		for i > 0 && start-i < maxAtom && (alnum(t[i-1]) || t[i-1] >= 0x80 || strings.IndexByte("._%+-'", t[i-1]) >= 0) {
			i--
		}
		if i == start {
			if atoms > 0 {
				start = cuts[n-1].to // the sign belongs to no atom
				n--
			}
			break
		}
		word := t[i:start]
		start = i
		if atoms == 0 && !f.sure && notNames.get(word) {
			return 0
		}
		s, ok := sepBefore(t, i)
		if !ok {
			break
		}
		cuts[n] = s
		n++
		start = s.from
	}
	if start == f.from {
		return 0
	}
	spelled := n > 0
	cuts[n] = cut{f.from, f.to, "@"}
	if !f.sign || f.to-f.from > 1 {
		n++
	}
	// The domain.
	end, dots, top := f.to, 0, f.to
	for labels := 0; labels <= maxAtoms && n < len(cuts); labels++ {
		i := end
		for i < len(t) && i-end < maxAtom && (alnum(t[i]) || t[i] >= 0x80 || (t[i] == '-' || t[i] == '.') && i+1 < len(t) && alnum(t[i+1])) {
			if t[i] == '.' {
				dots++
				top = i + 1
			}
			i++
		}
		if i == end {
			if labels == 0 {
				return 0
			}
			n--
			end = cuts[n].from
			break
		}
		if labels == 0 && !f.sure && notHosts.get(t[end:i]) {
			return 0
		}
		end = i
		sign, e := sepAt(t, i)
		if sign == "" || sign == "_" || sign == "+" || labels == maxAtoms {
			break
		}
		if !(e < len(t) && (alnum(t[e]) || t[e] >= 0x80)) {
			break
		}
		if sign == "." {
			if !f.sure && !f.sign && english(t[i:e]) {
				return 0
			}
			dots++
			spelled = true
			top = e
		}
		cuts[n] = cut{i, e, sign}
		n++
		end = e
	}
	if l := end - top; dots == 0 || l < minTop || l > maxTop || !letters(t[top:end]) {
		return 0
	}
	if !spelled && !f.sure && !(f.sign && f.to-f.from == 3) {
		return 0
	}
	if _, ok := atForm(t, min(end+1, len(t)-1)); ok && !f.sure && end+1 < len(t) && t[end] == ' ' {
		return 0 // what looked like the domain is the next one's local part
	}
	if n == 0 {
		return 0
	}
	for _, x := range cuts[:n] {
		c.put(x.from, x.to, x.sign, kAtDot, true)
	}
	return end
}

func letters(s string) bool {
	for i := 0; i < len(s); i++ {
		if !letter(s[i]) && s[i] < 0x80 {
			return false
		}
	}
	return true
}

// sepBefore reads a spelled sign that ends at i, with the blanks around.
func sepBefore(t string, i int) (cut, bool) {
	// The longest is a bracketed word with blanks.
	const longest = 20
	j := i
	if j > 0 && t[j-1] == ' ' {
		j--
	}
	if j == 0 {
		return cut{}, false
	}
	from := j
	if b := t[j-1]; b == ')' || b == ']' || b == '}' || b == '>' {
		for from = j - 1; from > 0 && j-from < longest && strings.IndexByte("([{<", t[from]) < 0; from-- {
		}
	} else {
		if j == i {
			return cut{}, false
		}
		if b == '.' && j > 1 && t[j-2] == ' ' {
			from = j - 1
		} else {
			for from > 0 && j-from < longest && (letter(t[from-1]) || t[from-1] >= 0x80) {
				from--
			}
		}
		if from == 0 || t[from-1] != ' ' {
			return cut{}, false
		}
	}
	if from > 0 && t[from-1] == ' ' {
		from--
	}
	sign, e := sepAt(t, from)
	if sign == "" || e != i || from == 0 || !alnum(t[from-1]) && t[from-1] < 0x80 {
		return cut{}, false
	}
	return cut{from, e, sign}, true
}
