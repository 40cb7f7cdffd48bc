package policies

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a policy, for its author: where, what,
// and how to mend it. Line and Column count from 1 and are 0 where the place is
// a whole file or the whole directory (File empty).
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

// String gives file:line:column: what. Remedy.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
			if p.Column > 0 {
				b.WriteString(":" + strconv.Itoa(p.Column))
			}
		}
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	if p.Remedy != "" {
		b.WriteString(". " + p.Remedy)
	}
	return b.String()
}

// Problems is the error of [Load]: every problem found, by file and line.
type Problems []Problem

// Error gives one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// sorted gives the problems by place, each once: a rule that is compiled in two
// ways has its mistakes twice.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.What, b.What))
	})
	return slices.Compact(p)
}

// nearest gives the one of names that s most likely means, or "".
func nearest(s string, names []string) string {
	best, least := "", max(1, len(s)/3)+1
	for _, n := range names {
		if strings.EqualFold(n, s) {
			return n
		}
		if d := distance(s, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the optimal string alignment distance of two short names: what
// people mistype is a letter too many, one too few, another one, or two swapped.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// suggest words a remedy: the nearest of names, else all of them if they are few.
func suggest(s string, names []string) string {
	if n := nearest(s, names); n != "" {
		return "Did you mean " + strconv.Quote(n) + "?"
	}
	if len(names) == 0 {
		return ""
	}
	names = slices.Clone(names)
	slices.Sort(names)
	if len(names) > shownNames {
		return "Known are " + strings.Join(names[:shownNames], ", ") + " and " + strconv.Itoa(len(names)-shownNames) + " more"
	}
	return "Known are " + strings.Join(names, ", ")
}

// shownNames bounds the names in one message.
const shownNames = 24
