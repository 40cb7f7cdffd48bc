package labelled

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

// Columns finds names and dates of birth in tables written as text.
var Columns = &classifiers.Detector{
	Name: "columns", Version: 1,
	Doc: `Names of persons and dates of birth in the columns of tables that are written as text: CSV (RFC 4180) with commas, semicolons or tabs, tables of
Markdown and of database shells, and the rows of an SQL INSERT with a list of columns. The header says what a column holds: first_name, surname, Vorname,
nombre, customer_name, 姓名, dob; a column called name only counts in cells that look like a name.`,
	Types: []*classifiers.Type{&personType, &birthType},
	Positives: []string{
		"id,first_name,last_name,city\n1,[[PERSON|Aino]],[[PERSON|Virtanen]],Turku\n2,[[PERSON|MARK]],[[PERSON|van Dam]],Ede\n",
		"| id | name | dob |\n|----|------|-----|\n| 1 | [[PERSON|Carla Benitez]] | [[DATE_OF_BIRTH|1981-04-12]] |\n",
		"Pers.-Nr.\tName\tBrutto\n4711\t[[PERSON|Brandt, Tilo]]\t3.100,00\n",
		" id | name | mail\n----+------+------\n 7 | [[PERSON|Ola Nordin]] | x\n",
		"INSERT INTO emp (id, name, dob) VALUES\n (1, '[[PERSON|Greta Lund]]', '[[DATE_OF_BIRTH|1979-02-03]]'),\n (2, '[[PERSON|Ivo Marin]]', NULL);",
		"姓名\t电话\n[[PERSON|李娜]]\t1\n",
	},
	NearMisses: []string{
		"name,version,license\nleft-pad,1.3.0,MIT\nreact,18.2.0,MIT\n",
		"His name, as they say, was long.\nThe other, as they say, was not.\n",
		"| name | type |\n|---|---|\n| id | int |\n| title | string |\n",
		"host,name,port\nweb1,Frontend,80\n",
		"INSERT INTO products (id, name) VALUES (1, 'blue'), (2, 'Large Lamp')",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Prefix, Judge: judgeHeader, Literals: headerLiterals},
		{Shape: classifiers.Whole, Judge: judgeHanHeader},
	},
}

// headerLiterals are the words of headers, as far as they begin with ASCII.
var headerLiterals = func() (list []string) {
	seen := map[string]bool{}
	for _, w := range strings.Fields(nameWords + " " + strongNames + " customer client employee patient contact prescriber cardholder holder tenant kunde mitarbeiter cliente empleado paciente titular adi soyadi dob birth geb nascita nacimiento naissance date_of_birth dateofbirth birthdate birthday geburt datanasc fecha_nac first last person user primary backup owner manager teacher student guest author assignee") {
		n := 0
		for n < len(w) && w[n] < 0x80 && w[n] != '\'' {
			n++
		}
		if n >= 2 && !seen[w[:n]] {
			seen[w[:n]] = true
			list = append(list, w[:n])
		}
	}
	return list
}()

// Bounds of a table.
const (
	headLine   = 512 // bytes of a header that is looked at
	headCell   = 40
	maxColumns = 24
	rowBytes   = 4 << 10
)

// kinds of columns.
type column int8

const (
	colNone column = iota
	colField
	colName
	colRole
	colBirth
)

func judgeHeader(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	// The cell that the word stands in.
	a, z := c.Start, c.End
	for a > 0 && c.Start-a < headCell && !cellEnd(t[a-1]) {
		a--
	}
	for z < len(t) && z-c.End < headCell && !cellEnd(t[z]) {
		z++
	}
	if c.Start-a >= headCell || z-c.End >= headCell || columnOf(t, a, z) == colNone {
		return
	}
	from := max(0, a-headLine)
	if k := strings.LastIndexByte(t[from:a], '\n'); k >= 0 {
		from += k + 1
	} else if from > 0 {
		return
	}
	if before := t[from:a]; strings.IndexByte(before, '(') >= 0 {
		sqlTable(s, from, a)
		return
	}
	textTable(s, from)
}

func cellEnd(b byte) bool {
	switch b {
	case ',', ';', '\t', '|', '\n', '\r', '(', ')', '{', '}', '[', ']', '=', ':', '<', '>', '"', '`', '\'':
		return true
	}
	return false
}

// columnOf says what a column holds whose header is [a, z).
func columnOf(t string, a, z int) column {
	for a < z && (t[a] == ' ' || t[a] == '"' || t[a] == '*' || t[a] == '`' || t[a] == '\'') {
		a++
	}
	for a < z && (t[z-1] == ' ' || t[z-1] == '"' || t[z-1] == '*' || t[z-1] == '`' || t[z-1] == '\'' || t[z-1] == '.') {
		z--
	}
	if a >= z || z-a > headCell {
		return colNone
	}
	count := 0
	birth := false
	for p := a; p < z; {
		w := lexicon.Read(t[:z], p)
		if w.End == w.Start {
			if b := t[p]; b != ' ' && b != '_' && b != '-' && b != '.' && b != '/' && b < 0x80 || b == '=' {
				return colNone
			}
			p++
			continue
		}
		birth = birth || w.Class&birthWord != 0
		count++
		p = w.End
	}
	cell := t[a:z]
	switch {
	case count > 4:
		return colNone
	case birth:
		return colBirth
	case words.Begins(cell, "姓名", "氏名", "名前", "客户姓名", "患者名", "お名前"):
		return colField
	case words.Begins(cell, "生年月日", "出生日期", "生日"):
		return colBirth
	}
	l := labelBefore(t[:z], z)
	switch {
	case l.class&strongName != 0:
		return colField
	case l.class&nameWord != 0:
		return colName
	case count == 1 && words.Begins(strings.ToLower(cell), "first", "last", "given", "family") && len(cell) <= 6:
		return colField
	case l.class&role != 0 && count == 1 || count == 1 && words.Begins(strings.ToLower(cell), "primary", "backup", "assignee", "owner", "manager"):
		return colRole
	}
	return colNone
}

// judgeHanHeader looks for headers that begin with no letter of ASCII.
func judgeHanHeader(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	for i := nextHigh(t, c.Start, c.End); i < c.End; i = nextHigh(t, i, c.End) {
		if words.Begins(t[i:], "姓名", "氏名", "名前", "生年月日", "出生日期") && (i == 0 || cellEnd(t[i-1]) || t[i-1] == ' ') {
			from := max(0, i-headLine)
			if k := strings.LastIndexByte(t[from:i], '\n'); k >= 0 {
				from += k + 1
			} else if from > 0 {
				return
			}
			if end := textTable(s, from); end > i {
				i = end
				if i >= c.End {
					return
				}
				continue
			}
			// One header is looked at once.
			if k := strings.IndexByte(t[i:min(len(t), i+headLine)], '\n'); k >= 0 {
				i += k
				continue
			}
			return
		}
		i++
		for i < c.End && t[i]&0xC0 == 0x80 {
			i++
		}
	}
}

// textTable reads the table whose header is the line at from. It gives the end
// of the table, 0 where there is none.
func textTable(s *classifiers.Scan, from int) int {
	t := s.Text
	le := strings.IndexByte(t[from:min(len(t), from+headLine)], '\n')
	if le < 0 {
		return 0
	}
	head := t[from : from+le]
	delim := byte(0)
	for _, d := range []byte("\t|;,") {
		if strings.IndexByte(head, d) >= 0 {
			delim = d
			break
		}
	}
	s.Resume(from + le)
	if delim == 0 {
		return 0
	}
	var kinds [maxColumns]column
	n, any := 0, false
	for p := 0; p <= len(head) && n < maxColumns; n++ {
		e := strings.IndexByte(head[p:], delim)
		if e < 0 {
			e = len(head) - p
		}
		kinds[n] = columnOf(t, from+p, from+p+e)
		any = any || kinds[n] != colNone
		p += e + 1
	}
	if !any {
		return 0
	}
	pair(&kinds)
	delims := strings.Count(head, string(delim))
	p := from + le + 1
	rows := 0
	for p < len(t) {
		line := t[p:min(len(t), p+rowBytes)]
		k := strings.IndexByte(line, '\n')
		if k < 0 {
			if len(line) == rowBytes {
				break
			}
			k = len(line)
		}
		line = line[:k]
		if ruler(line) {
			p += k + 1
			continue
		}
		if countCells(line, delim) != delims {
			break
		}
		row(s, p, line, delim, &kinds)
		rows++
		p += k + 1
	}
	if rows == 0 {
		return 0
	}
	s.Resume(min(p, len(t)))
	return p
}

// pair takes a column called name, beside one for surnames, for a field of a
// person's name.
func pair(kinds *[maxColumns]column) {
	for _, k := range kinds {
		if k == colField {
			for i := range kinds {
				if kinds[i] == colName {
					kinds[i] = colField
				}
			}
			return
		}
	}
}

// ruler reports whether a line is the one of hyphens below a header.
func ruler(line string) bool {
	hyphens := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '-', '=':
			hyphens++
		case '|', '+', ' ', ':', '\r':
		default:
			return false
		}
	}
	return hyphens > 0
}

// countCells counts the delimiters of a row outside quotes.
func countCells(line string, delim byte) (n int) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == delim && !quoted:
			n++
		}
	}
	return n
}

// row judges the cells of a row that begins at p.
func row(s *classifiers.Scan, p int, line string, delim byte, kinds *[maxColumns]column) {
	from, n, quoted := 0, 0, false
	for i := 0; i <= len(line) && n < maxColumns; i++ {
		if i < len(line) && line[i] == '"' {
			quoted = !quoted
		}
		if i == len(line) || line[i] == delim && !quoted {
			if kinds[n] != colNone {
				cell(s, p+from, p+i, kinds[n])
			}
			from = i + 1
			n++
		}
	}
}

// cell judges one cell.
func cell(s *classifiers.Scan, a, z int, kind column) {
	t := s.Text
	for a < z && (t[a] == ' ' || t[a] == '"' || t[a] == '\'' || t[a] == '*') {
		a++
	}
	for a < z && (t[z-1] == ' ' || t[z-1] == '"' || t[z-1] == '\'' || t[z-1] == '*' || t[z-1] == '\r') {
		z--
	}
	if a >= z || z-a > 64 {
		return
	}
	if kind == colBirth {
		if d, ok := dateAt(t, a); ok && d.end == z && d.year >= firstBirth && d.year <= lastBirth {
			s.Find(classifiers.Found{Start: a, End: z, Type: &birthType, Likelihood: proxy.VeryLikely, Rule: "column"})
		}
		return
	}
	if run := hanRun(t, a); run > 0 {
		if run == z-a && run >= 6 && run <= 24 && (kind == colField || surname(t[a:]) > 0) && !noName(t[a:z]) {
			s.Find(classifiers.Found{Start: a, End: z, Type: &personType, Likelihood: proxy.Likely, Rule: "column"})
		}
		return
	}
	n, ok := nameAt(t[:z], a, style{small: true, comma: true})
	if !ok || n.end != z && !(n.end < z && strings.Trim(t[n.end:z], " .") == "") {
		return
	}
	if w := lexicon.Read(t, n.start); w.Class&placeholder != 0 && (n.parts == 1 || n.small) {
		return
	}
	by := byField
	switch kind {
	case colName:
		by = byName
	case colRole:
		by = byRole
	}
	if kind == colField && n.small && n.known == 0 {
		return
	}
	report(s, n, by)
}

// Bounds of an INSERT.
const maxTuples = 10000

// sqlTable reads the rows of an INSERT whose list of columns holds a; its line
// begins at from.
func sqlTable(s *classifiers.Scan, from, a int) {
	t := s.Text
	head := t[from:a]
	open := strings.LastIndexByte(head, '(')
	if open < 0 || !containsFold(head[:open], "insert") {
		return
	}
	shut := strings.IndexByte(t[a:min(len(t), a+headLine)], ')')
	if shut < 0 {
		return
	}
	shut += a
	s.Resume(shut)
	var kinds [maxColumns]column
	n, any := 0, false
	for p := from + open + 1; p <= shut && n < maxColumns; n++ {
		e := strings.IndexByte(t[p:shut], ',')
		if e < 0 {
			e = shut - p
		}
		kinds[n] = columnOf(t, p, p+e)
		any = any || kinds[n] != colNone
		p += e + 1
	}
	p := shut + 1
	for p < len(t) && (t[p] == ' ' || t[p] == '\n' || t[p] == '\r' || t[p] == '\t') && p-shut < 64 {
		p++
	}
	if !any || len(t)-p < 6 || !strings.EqualFold(t[p:p+6], "values") {
		return
	}
	p += 6
	pair(&kinds)
	for n := 0; ; n++ {
		k := strings.IndexByte(t[p:min(len(t), p+64)], '(')
		if k < 0 || strings.IndexByte(t[p:p+k], ';') >= 0 {
			break
		}
		if n == maxTuples {
			s.Partial = true
			break
		}
		p = tuple(s, p+k+1, &kinds)
		if p < 0 {
			return
		}
	}
	s.Resume(p)
}

// tuple judges the values from p up to the closing parenthesis. It gives what
// follows it, -1 where there is none.
func tuple(s *classifiers.Scan, p int, kinds *[maxColumns]column) int {
	t := s.Text
	from, n, quoted := p, 0, false
	for i := p; i < len(t) && i-p < rowBytes; i++ {
		switch c := t[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == ',' || c == ')':
			if n < maxColumns && kinds[n] != colNone {
				cell(s, from, i, kinds[n])
			}
			n++
			from = i + 1
			if c == ')' {
				return i + 1
			}
		}
	}
	return -1
}

func containsFold(t, w string) bool {
	for i := 0; i+len(w) <= len(t); i++ {
		if strings.EqualFold(t[i:i+len(w)], w) {
			return true
		}
	}
	return false
}
