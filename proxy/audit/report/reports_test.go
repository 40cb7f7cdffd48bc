package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
)

var update = flag.Bool("update", false, "write the golden files anew; read them before you keep them")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what was written:\n%s", file, got)
	}
}

func write(t testing.TB, r *Report, format string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out, format); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func scope(l *signed) Scope {
	return Scope{
		Since: time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 10, 5, 12, 35, 0, 0, time.UTC),
		Checkpoint: l.checkpoint, Verified: &audit.Report{Answer: audit.Good, Size: 37, Signed: 37},
		Stated: Stated{
			Controller: "Example GmbH, privacy@example.org", Purposes: map[string]string{"crm": "answering customers' letters"},
			Recipients: map[string]string{"openai": "OpenAI, L.L.C."}, Safeguards: map[string]string{"openai": "standard contractual clauses of 2021"},
			Retention: "two years", Measures: "see ISMS 4.2",
		},
	}
}

// The figures in the golden files were counted by hand from the book.
func TestGoldenReports(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	_, a := attest(t, list, l, health)
	with := scope(l)
	with.Personal = true
	for _, c := range []struct {
		name string
		make func() (*Report, error)
	}{
		{"attestation", func() (*Report, error) { return a.Report(), nil }},
		{"art30", func() (*Report, error) { return Art30(from(list, 0), scope(l)) }},
		{"transfers", func() (*Report, error) { return Transfers(from(list, 0), scope(l)) }},
		{"aiact", func() (*Report, error) { return AIAct(from(list, 0), scope(l)) }},
		{"access", func() (*Report, error) { return AccessReview(from(list, 0), scope(l)) }},
		{"access-personal", func() (*Report, error) { return AccessReview(from(list, 0), with) }},
		{"empty", func() (*Report, error) { return AIAct(from(nil, 0), Scope{}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".md", write(t, r, "markdown"))
			if c.name == "transfers" || c.name == "attestation" {
				golden(t, c.name+".html", write(t, r, "html"))
				golden(t, c.name+".json", write(t, r, "json"))
			}
			again, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range Formats() {
				b := write(t, r, f)
				if !bytes.Equal(b, write(t, again, f)) {
					t.Errorf("%s: made twice, it differs", f)
				}
				if f == "json" && !json.Valid(b) {
					t.Error("not JSON")
				}
				if f == "html" {
					selfContained(t, string(b))
				}
			}
			for _, s := range r.Sections {
				if s.Table == nil {
					continue
				}
				for _, row := range s.Table.Rows {
					if len(row) != len(s.Table.Columns) {
						t.Errorf("%s: a row of %d cells in %d columns", s.Title, len(row), len(s.Table.Columns))
					}
				}
			}
		})
	}
}

// selfContained looks for what would load, run or lead elsewhere.
func selfContained(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{"<script", "<link", "<img", "<iframe", "href=", "src=", "url(", "@import", "javascript:"} {
		if strings.Contains(strings.ToLower(page), bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if open, end := len(regexp.MustCompile(`<t[dhr][ >]`).FindAllString(page, -1)), len(regexp.MustCompile(`</t[dhr]>`).FindAllString(page, -1)); open != end {
		t.Errorf("%d cells and rows are opened, %d closed", open, end)
	}
}

// Names of people stand in a report only where that was asked for.
func TestNoNamesUnlessAsked(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	for name, make := range map[string]func(Scope) (*Report, error){
		"art30":     func(s Scope) (*Report, error) { return Art30(from(list, 0), s) },
		"transfers": func(s Scope) (*Report, error) { return Transfers(from(list, 0), s) },
		"aiact":     func(s Scope) (*Report, error) { return AIAct(from(list, 0), s) },
		"access":    func(s Scope) (*Report, error) { return AccessReview(from(list, 0), s) },
	} {
		r, err := make(scope(l))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Formats() {
			b := write(t, r, f)
			for _, own := range []string{"ada@", "bob@", "T-1", "type:DIAGNOSIS"} {
				if bytes.Contains(b, []byte(own)) {
					t.Errorf("%s: a personal part is in the %s", name, f)
				}
			}
		}
	}
}

// In the place of a name that is not there stands why, and by which commitment whoever
// may see it finds it.
func TestWhyNoName(t *testing.T) {
	var list []audit.Record
	for _, rec := range events(t, book) {
		if bytes.Contains(rec.JSON, []byte(`"kind":"access"`)) && len(rec.Personal) > 0 {
			list = append(list, rec)
		}
	}
	if len(list) != 2 {
		t.Fatalf("%d events of access", len(list))
	}
	whole := list[0]
	for _, c := range []struct {
		personal []byte
		shown    bool
		want     string
	}{
		{whole.Personal, true, "ada@example.org"},
		{whole.Personal, false, "(not shown) 8d7f39933347"},
		{nil, true, "(not shown) 8d7f39933347"},
		{[]byte{}, true, "(erased) 8d7f39933347"},
		{list[1].Personal, true, "(altered) 8d7f39933347"},
		{[]byte("{"), true, "(altered) 8d7f39933347"},
	} {
		rec := whole
		rec.Personal = c.personal
		r, err := AccessReview(from([]audit.Record{rec}, 0), Scope{Personal: c.shown, Withheld: "Names of others are not shown."})
		if err != nil {
			t.Fatal(err)
		}
		one := r.Sections[len(r.Sections)-1].Table
		if got := one.Rows[0][slices.Index(one.Columns, "who")].text; got != c.want {
			t.Errorf("%q, shown %v: %s, want %s", c.personal, c.shown, got, c.want)
		}
		if !strings.HasPrefix(r.Limits[0], "Names of others are not shown.") {
			t.Error(r.Limits[0])
		}
	}
}

// Text of whatever source cannot become a part of the page or of the table.
func TestTextIsEscaped(t *testing.T) {
	const evil = "<script>alert(1)</script>|`x`\n# y & [z](https://example.org) \u202e\x00"
	r := &Report{Kind: "x", Title: evil, Summary: []string{evil}, Sections: []Section{{Title: evil, Text: []string{evil}, Table: &Table{Columns: []string{evil}, Rows: [][]Cell{{Text(evil)}}}}}, Sources: []string{evil}, Limits: []string{evil}}
	page := string(write(t, r, "html"))
	if strings.Contains(page, "<script") || strings.Contains(page, "\u202e") || strings.Contains(page, "\x00") {
		t.Error("HTML holds text as it came")
	}
	md := string(write(t, r, "markdown"))
	for line := range strings.Lines(md) {
		if strings.HasPrefix(line, "# y") || strings.Contains(line, " [z]") || regexp.MustCompile(`(^|[^\\])<`).MatchString(line) || strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") > 2 {
			t.Errorf("Markdown holds text as it came: %q", line)
		}
	}
	if err := r.Write(&bytes.Buffer{}, "pdf"); err == nil || err.Error() != "report: no format of this name; there are markdown, html, json" {
		t.Errorf("pdf: %v", err)
	}
}

// An error of reading ends each report, and so does a record that is no event.
func TestReadingFails(t *testing.T) {
	broken := errors.New("damaged")
	fail := func(yield func(audit.Record, error) bool) { yield(audit.Record{}, broken) }
	junk := from([]audit.Record{{JSON: []byte("secret-canary")}}, 0)
	l := sign(t, events(t, book))
	for name, f := range map[string]func(bool) error{
		"art30":     func(bad bool) error { _, err := Art30(pick(bad, fail, junk), scope(l)); return err },
		"transfers": func(bad bool) error { _, err := Transfers(pick(bad, fail, junk), scope(l)); return err },
		"aiact":     func(bad bool) error { _, err := AIAct(pick(bad, fail, junk), scope(l)); return err },
		"access":    func(bad bool) error { _, err := AccessReview(pick(bad, fail, junk), scope(l)); return err },
	} {
		if err := f(true); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f(false); err == nil || err.Error() != "report: record 0 is not an event" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// More names than are kept, and more events than are listed, are counted together.
func TestBounds(t *testing.T) {
	const n = maxKeys + 100
	many := func(yield func(audit.Record, error) bool) {
		for i := range int64(2 * max(n, maxRows)) {
			rec := audit.Record{Index: i, JSON: fmt.Appendf(nil, `{"admin":{"action":"a%d","count":1},"id":"x","kind":"access","time":"2026-10-05T09:00:00.000Z","v":1}`, i)}
			if i%2 == 1 {
				rec.JSON = fmt.Appendf(nil, `{"decision":{"action":"deny","mode":"enforce","reasons":[]},"id":"x","kind":"decision","request":{"application":"c%d"},"time":"2026-10-05T09:00:00.000Z","v":1}`, i)
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
	r, err := AccessReview(many, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	by, list := r.Sections[0].Table.Rows, r.Sections[1]
	last := by[len(by)-1]
	if len(by) != maxKeys+1 || last[0].text != beyond || last[4].number != maxRows-maxKeys || last[5].number != maxRows-maxKeys {
		t.Errorf("%d rows, the last %v", len(by), last)
	}
	if len(list.Table.Rows) != maxRows || len(list.Text) != 0 {
		t.Errorf("%d events are listed: %v", len(list.Table.Rows), list.Text)
	}
	r, err = Art30(many, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	rows := r.Sections[0].Table.Rows
	if last := rows[len(rows)-1]; len(rows) != maxKeys+1 || last[0].text != beyond || last[3].number != maxRows-maxKeys {
		t.Errorf("%d rows, the last %v", len(rows), last)
	}
}

// A report keeps counts and no records: what it holds does not grow with the log, but
// for a key of each released request whose outcome did not come.
func TestMemory(t *testing.T) {
	n := int64(20_000)
	if os.Getenv("OSTIARY_BENCH") == "1" {
		n = 5_000_000
	}
	var before, most runtime.MemStats
	many := func(yield func(audit.Record, error) bool) {
		for i := range n {
			// Every fourth request has no outcome.
			id := i / 2
			rec := audit.Record{Index: i, JSON: fmt.Appendf(nil, `{"decision":{"action":"allow","mode":"enforce","pool":"openai","reasons":[]},"id":"%026d","kind":"decision","time":"2026-10-05T09:00:00.000Z","v":1}`, id)}
			if i%2 == 1 {
				if id%4 == 3 {
					id = -id
				}
				rec.JSON = fmt.Appendf(nil, `{"decision_id":"%026d","id":"x","kind":"outcome","outcome":{"sent":"yes"},"time":"2026-10-05T09:00:00.000Z","v":1}`, id)
			}
			if i%(n/8) == n/8-1 {
				var now runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&now)
				if now.HeapAlloc > most.HeapAlloc {
					most = now
				}
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	r, err := AIAct(many, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	grown := int64(most.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d records: %d KiB kept at most, %s", n, grown>>10, time.Since(start).Round(time.Millisecond))
	if limit := int64(200) << 20; grown > limit {
		t.Errorf("%d bytes are kept", grown)
	}
	if limit := 100 * n / 8; grown > limit+(1<<20) {
		t.Errorf("%d bytes are kept for %d requests without outcome", grown, n/8)
	}
	if got := r.Sections[0].Table.Rows[7]; got[1].number != n/8 {
		t.Errorf("%v", got)
	}
}
