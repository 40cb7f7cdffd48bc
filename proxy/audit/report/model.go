package report

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"
)

// Report is a report before it is written in one of the [Formats].
type Report struct {
	Kind     string    `json:"kind"` // attestation, art30, transfers, aiact, access
	Title    string    `json:"title"`
	Summary  []string  `json:"summary"` // sentences
	Sections []Section `json:"sections"`
	Sources  []string  `json:"sources"` // what was counted
	Limits   []string  `json:"limits"`  // what it does not show
}

// Section is a part of a report.
type Section struct {
	Title string   `json:"title"`
	Text  []string `json:"text"` // paragraphs
	Table *Table   `json:"table,omitempty"`
}

// Table is a table. Each row has as many cells as there are columns.
type Table struct {
	Columns []string `json:"columns"`
	Rows    [][]Cell `json:"rows"`
}

// Cell is a text or a number.
type Cell struct {
	text   string
	number int64
	is     bool // a number
}

// Text gives a cell of text, N one of a number.
func Text(s string) Cell { return Cell{text: s} }

// N gives a cell that is a number.
func N(n int64) Cell { return Cell{number: n, is: true} }

// String gives what is read by people: numbers with commas.
func (c Cell) String() string {
	if c.is {
		return digits(c.number)
	}
	return c.text
}

// MarshalJSON writes a number as a number, anything else as a string.
func (c Cell) MarshalJSON() ([]byte, error) {
	if c.is {
		return strconv.AppendInt(nil, c.number, 10), nil
	}
	return json.Marshal(c.text)
}

// Formats lists the formats that [Report.Write] knows.
func Formats() []string { return []string{"markdown", "html", "json"} }

// Write writes the report. HTML is one file without scripts and without references to
// others. It fails with the error of w, and for an unknown format.
func (r *Report) Write(w io.Writer, format string) error {
	var b strings.Builder
	switch format {
	case "markdown":
		r.markdown(&b)
	case "html":
		r.html(&b)
	case "json":
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if e.Encode(r) != nil {
			return fmt.Errorf("report: %s cannot be written", r.Kind)
		}
	default:
		return fmt.Errorf("report: no format of this name; there are %s", strings.Join(Formats(), ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sections gives all sections, with those that every report has.
func (r *Report) sections() []Section {
	return append(append([]Section{}, r.Sections...), Section{Title: "Sources", Text: r.Sources}, Section{Title: "Limits", Text: r.Limits})
}

func (r *Report) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "# %s\n", mdText(r.Title))
	for _, s := range r.Summary {
		fmt.Fprintf(b, "\n%s\n", mdText(s))
	}
	for _, s := range r.sections() {
		fmt.Fprintf(b, "\n## %s\n", mdText(s.Title))
		for _, p := range s.Text {
			fmt.Fprintf(b, "\n%s\n", mdText(p))
		}
		if s.Table == nil {
			continue
		}
		if len(s.Table.Rows) == 0 {
			b.WriteString("\nNone.\n")
			continue
		}
		b.WriteString("\n|")
		for _, c := range s.Table.Columns {
			fmt.Fprintf(b, " %s |", mdText(c))
		}
		b.WriteString("\n|")
		for i := range s.Table.Columns {
			if s.Table.Rows[0][i].is {
				b.WriteString("---:|")
			} else {
				b.WriteString("---|")
			}
		}
		b.WriteString("\n")
		for _, row := range s.Table.Rows {
			b.WriteString("|")
			for _, c := range row {
				fmt.Fprintf(b, " %s |", mdText(c.String()))
			}
			b.WriteString("\n")
		}
	}
}

// mdText keeps text from being read as Markdown or HTML, and on one line.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		if strings.ContainsRune("\\`*_[]<>|#~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clean puts a space in the place of whatever is not printed.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != ' ' && !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
@media print{body{margin:0;max-width:none}}`

func (r *Report) html(b *strings.Builder) {
	text := func(s string) string { return html.EscapeString(clean(s)) }
	fmt.Fprintf(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>\n%s\n</style>\n</head>\n<body>\n<h1>%s</h1>\n",
		text(r.Title), style, text(r.Title))
	for _, s := range r.Summary {
		fmt.Fprintf(b, "<p><strong>%s</strong></p>\n", text(s))
	}
	for _, s := range r.sections() {
		fmt.Fprintf(b, "<h2>%s</h2>\n", text(s.Title))
		for _, p := range s.Text {
			fmt.Fprintf(b, "<p>%s</p>\n", text(p))
		}
		if s.Table == nil {
			continue
		}
		if len(s.Table.Rows) == 0 {
			b.WriteString("<p>None.</p>\n")
			continue
		}
		b.WriteString("<table>\n<thead><tr>")
		for _, c := range s.Table.Columns {
			fmt.Fprintf(b, "<th scope=\"col\">%s</th>", text(c))
		}
		b.WriteString("</tr></thead>\n<tbody>\n")
		for _, row := range s.Table.Rows {
			b.WriteString("<tr>")
			for _, c := range row {
				if c.is {
					fmt.Fprintf(b, "<td class=\"n\">%s</td>", digits(c.number))
				} else {
					fmt.Fprintf(b, "<td>%s</td>", text(c.text))
				}
			}
			b.WriteString("</tr>\n")
		}
		b.WriteString("</tbody>\n</table>\n")
	}
	b.WriteString("</body>\n</html>\n")
}
