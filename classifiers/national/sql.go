package national

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
)

// Bounds of a statement that is looked at, in bytes.
const (
	tupleReach  = 256     // from a value back to the start of its row
	valuesReach = 4 << 10 // from the row back to the word VALUES
	columnReach = 1 << 10 // of the list of columns
)

// sqlColumn gives where the name of the column ends that a value of an INSERT
// statement stands in, 0 where there is none: INSERT INTO t (id, ssn) VALUES
// (1, '536228765').
func sqlColumn(s *classifiers.Scan, start int) int {
	t := s.Text
	floor := max(0, start-tupleReach)
	// Most numbers do not stand right behind a comma or a parenthesis.
	p := start
	if p > floor && t[p-1] == '\'' {
		p--
	}
	for p > floor && (t[p-1] == ' ' || t[p-1] == '\n' || t[p-1] == '\t') {
		p--
	}
	if p == floor || t[p-1] != ',' && t[p-1] != '(' {
		return 0
	}
	if strings.IndexByte(t[floor:start], '(') < 0 {
		return 0
	}
	// Backwards from the value, which may stand in quotes itself.
	column, quoted, open := 0, false, -1
	i := start - 1
	if i >= floor && t[i] == '\'' {
		i--
	}
	for ; i >= floor && open < 0; i-- {
		switch {
		case t[i] == '\'':
			quoted = !quoted
		case quoted:
		case t[i] == ',':
			column++
		case t[i] == '(':
			open = i
		}
	}
	if open < 0 {
		return 0
	}
	head := strings.TrimRight(t[max(0, open-valuesReach):open], " \t\r\n")
	switch {
	case strings.HasSuffix(head, "VALUES") || strings.HasSuffix(head, "values"):
	case strings.HasSuffix(head, "),"):
		end := afterLast(head, "VALUES")
		if end == 0 {
			end = afterLast(head, "values")
		}
		if end == 0 {
			return 0
		}
		head = head[:end]
	default:
		return 0
	}
	base := max(0, open-valuesReach)
	list := strings.TrimRight(head[:len(head)-len("values")], " \t\r\n")
	if !strings.HasSuffix(list, ")") {
		return 0
	}
	from := strings.LastIndexByte(list[max(0, len(list)-columnReach):], '(')
	if from < 0 {
		return 0
	}
	at := max(0, len(list)-columnReach) + from + 1
	names := list[at : len(list)-1]
	for ; column > 0; column-- {
		i := strings.IndexByte(names, ',')
		if i < 0 {
			return 0
		}
		at += i + 1
		names = names[i+1:]
	}
	if i := strings.IndexByte(names, ','); i >= 0 {
		names = names[:i]
	}
	return base + at + len(strings.TrimRight(names, " \t\r\n\"`]'"))
}

// afterLast gives the end of the last occurrence of word in text, 0 where there is
// none. It searches forwards, which is many times faster than backwards.
func afterLast(text, word string) (end int) {
	for {
		i := strings.Index(text[end:], word)
		if i < 0 {
			return end
		}
		end += i + len(word)
	}
}
