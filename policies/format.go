package policies

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Formatted is a file whose layout is not that of OPA's formatter.
type Formatted struct {
	File string // below the policy directory
	Text string // as the formatter writes it
	Diff string // unified, from the file to Text
}

// Format lays out the Rego files of a policy directory, tests included, and
// gives those that differ, by path. It fails as [Load] does where a file is no
// Rego; it writes nothing.
func Format(o Options) ([]Formatted, error) {
	src, bad := read(&o)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	texts := map[string]string{}
	for p, t := range src.rego {
		texts[p] = t
	}
	for p, t := range src.tests {
		texts[p] = t
	}
	var out []Formatted
	for _, p := range sortedKeys(texts) {
		text, err := layOut(p, texts[p])
		if err != nil {
			bad = append(bad, problemsOf(err, p)...)
			continue
		}
		if text != texts[p] {
			out = append(out, Formatted{File: p, Text: text, Diff: Unified(p, texts[p], text)})
		}
	}
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	return out, nil
}

// formatRounds bounds how often a text is laid out.
const formatRounds = 8

// layOut lays a file out until that changes nothing more: the formatter breaks a
// line in one round that it indents in the next.
func layOut(file, text string) (string, error) {
	for range formatRounds {
		b, err := format.SourceWithOpts(file, []byte(text), format.Opts{
			RegoVersion: ast.RegoV1, ParserOptions: &ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1},
		})
		if err != nil {
			return "", err
		}
		if string(b) == text {
			break
		}
		text = string(b)
	}
	return text, nil
}

// Bounds of a difference of texts.
const (
	diffContext = 3       // lines around a change
	diffCells   = 4 << 20 // lines of one side times lines of the other that are compared; more are replaced whole
)

// edit is one line of a difference: kept (' '), taken out ('-') or put in ('+').
type edit struct {
	kind byte
	line string
}

// Unified gives the difference of two texts in unified form, or "" where there
// is none.
func Unified(name, a, b string) string {
	if a == b {
		return ""
	}
	edits := compareLines(strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n"))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", name, name)
	oldLine, newLine := 1, 1
	for i := 0; i < len(edits); {
		if edits[i].kind == ' ' {
			oldLine, newLine, i = oldLine+1, newLine+1, i+1
			continue
		}
		from := max(0, i-diffContext)
		to, quiet := i, 0
		for to < len(edits) && quiet <= 2*diffContext {
			quiet++
			if edits[to].kind != ' ' {
				quiet = 0
			}
			to++
		}
		to -= max(0, quiet-diffContext)
		hunk(&out, edits[from:to], oldLine-(i-from), newLine-(i-from))
		for ; i < to; i++ {
			if edits[i].kind != '+' {
				oldLine++
			}
			if edits[i].kind != '-' {
				newLine++
			}
		}
	}
	return out.String()
}

func hunk(out *strings.Builder, edits []edit, oldLine, newLine int) {
	before, after := 0, 0
	for _, e := range edits {
		if e.kind != '+' {
			before++
		}
		if e.kind != '-' {
			after++
		}
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", oldLine, before, newLine, after)
	for _, e := range edits {
		out.WriteByte(e.kind)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// compareLines gives a shortest way from a to b by a longest common subsequence.
func compareLines(a, b []string) []edit {
	if n := len(a); n > 0 && a[n-1] == "" {
		a = a[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == "" {
		b = b[:n-1]
	}
	var head, tail []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, edit{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > diffCells {
		for _, l := range a {
			head = append(head, edit{'-', l})
		}
		for _, l := range b {
			head = append(head, edit{'+', l})
		}
		a, b = nil, nil
	}
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			head = append(head, edit{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			head = append(head, edit{'-', a[i]})
			i++
		default:
			head = append(head, edit{'+', b[j]})
			j++
		}
	}
	for i := len(tail) - 1; i >= 0; i-- {
		head = append(head, tail[i])
	}
	return head
}
