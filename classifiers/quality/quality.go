// Package quality scores findings against labelled texts: what was found of
// what is there, and what was found that is not.
//
// It keeps numbers and places only. No value of a labelled text is in a score,
// an error or a difference.
package quality

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// MaxLine bounds a line of a labelled file, in bytes.
const MaxLine = 64 << 20

// Overlap is the share of bytes that a finding and a labelled span must have in
// common, of those that either has (intersection over union), to be the same.
const Overlap = 0.5

// Document is one labelled text.
type Document struct {
	Line  int // of the file, from 1
	Text  string
	Spans []Span // sorted by place
}

// Span is a labelled place, in bytes of the text, end exclusive.
type Span struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Type  string `json:"type"`
}

// Offsets says what the offsets of a labelled file count.
type Offsets bool

// The two ways to count.
const (
	Bytes Offsets = false // of the text in UTF-8
	Runes Offsets = true  // Unicode code points
)

// Read reads JSON lines with a text and its spans: {"text": "…", "spans":
// [{"start": 0, "end": 4, "type": "PERSON"}]}. The spans may also be called
// findings; without either the text is clean. Errors name the line, never the
// text. An error of each ends the reading.
func Read(r io.Reader, o Offsets, each func(Document) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, err := Line(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		var v struct {
			Text     *string `json:"text"`
			Spans    []Span  `json:"spans"`
			Findings []Span  `json:"findings"`
		}
		if json.Unmarshal(line, &v) != nil || v.Text == nil {
			return fmt.Errorf("line %d: expected a JSON object with a text and spans of start, end and type", n)
		}
		d := Document{Line: n, Text: *v.Text, Spans: append(v.Spans, v.Findings...)}
		if o == Runes {
			if !toBytes(d.Text, d.Spans) {
				return fmt.Errorf("line %d: a span ends beyond the text; are the offsets bytes?", n)
			}
		}
		for _, s := range d.Spans {
			if s.Start < 0 || s.End > len(d.Text) || s.Start >= s.End || s.Type == "" {
				return fmt.Errorf("line %d: a span is empty, has no type or ends beyond the text; are the offsets code points?", n)
			}
			if !boundary(d.Text, s.Start) || !boundary(d.Text, s.End) {
				return fmt.Errorf("line %d: a span begins or ends inside a character; are the offsets code points?", n)
			}
		}
		slices.SortFunc(d.Spans, func(a, b Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
		if err := each(d); err != nil {
			return err
		}
	}
}

// ErrLine says that a line is longer than [MaxLine].
var ErrLine = errors.New("the line is too long")

// Line reads a line without its end. It gives io.EOF at the end of the input.
func Line(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > MaxLine {
			return nil, ErrLine
		}
		switch err {
		case nil:
			return line[:len(line)-1], nil
		case bufio.ErrBufferFull:
		case io.EOF:
			if len(line) == 0 {
				return nil, io.EOF
			}
			return line, nil
		default:
			return nil, errors.New("it cannot be read")
		}
	}
}

func boundary(t string, i int) bool { return i == len(t) || utf8.RuneStart(t[i]) }

// toBytes turns offsets in code points into bytes.
func toBytes(t string, spans []Span) bool {
	if len(spans) == 0 {
		return true
	}
	at := make([]int, 0, len(t)+1)
	for i := range t {
		at = append(at, i)
	}
	at = append(at, len(t))
	for i := range spans {
		s := &spans[i]
		if s.Start < 0 || s.End < 0 || s.Start >= len(at) || s.End >= len(at) {
			return false
		}
		s.Start, s.End = at[s.Start], at[s.End]
	}
	return true
}

// Score counts what was found of one type, or of all.
type Score struct {
	Labelled int // spans that are labelled
	Found    int // of them, found with the type
	Touched  int // of them, found with any type, or in part
	Reported int // findings of the type
	Right    int // of them, labelled with the type
	Docs     int // documents with a labelled span
	DocsHit  int // of them, those in which one at least was found
}

// Recall is Found of Labelled, 1 where nothing is labelled.
func (s Score) Recall() float64 { return share(s.Found, s.Labelled) }

// Precision is Right of Reported, 1 where nothing is reported.
func (s Score) Precision() float64 { return share(s.Right, s.Reported) }

// F is the weighted harmonic mean of precision and recall: recall counts beta
// times as much (van Rijsbergen).
func (s Score) F(beta float64) float64 {
	p, r := s.Precision(), s.Recall()
	if p+r == 0 {
		return 0
	}
	return (1 + beta*beta) * p * r / (beta*beta*p + r)
}

// DocumentRecall is DocsHit of Docs, 1 where there are none.
func (s Score) DocumentRecall() float64 { return share(s.DocsHit, s.Docs) }

func share(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// Table scores documents by type.
type Table struct {
	// Canonical gives the type that a label means; nil means the label itself.
	// Labels for which it gives nothing count in Any only.
	Canonical func(label string) string
	Types     map[string]*Score
	// Any is the score whatever the type is.
	Any Score
	// Clean are documents without a label; Alarmed of them are those in which
	// something was found.
	Clean, Alarmed int
}

// Add counts a document and what was found in it.
func (t *Table) Add(d Document, found []proxy.Finding) {
	if t.Types == nil {
		t.Types = map[string]*Score{}
	}
	if len(d.Spans) == 0 {
		t.Clean++
		if len(found) > 0 {
			t.Alarmed++
		}
	}
	hit, docs := map[string]bool{}, map[string]bool{}
	right := make([]bool, len(found)) // whatever the type
	typed := make([]bool, len(found))
	anyHit := false
	for _, s := range d.Spans {
		label := s.Type
		if t.Canonical != nil {
			label = t.Canonical(label)
		}
		var sc *Score
		if label != "" {
			sc = t.score(label)
			sc.Labelled++
			docs[label] = true
		}
		t.Any.Labelled++
		same, near, touched := false, false, false
		for i, f := range found {
			common := min(s.End, f.End) - max(s.Start, f.Start)
			if common <= 0 {
				continue
			}
			touched = true
			if float64(common) < Overlap*float64(max(s.End, f.End)-min(s.Start, f.Start)) {
				continue
			}
			near, right[i] = true, true
			if f.Type == label {
				same, typed[i] = true, true
			}
		}
		if near {
			t.Any.Found++
		}
		if touched {
			t.Any.Touched++
			anyHit = true
		}
		if sc != nil {
			if same {
				sc.Found++
				hit[label] = true
			}
			if touched {
				sc.Touched++
			}
		}
	}
	for i, f := range found {
		sc := t.score(f.Type)
		sc.Reported++
		t.Any.Reported++
		if typed[i] {
			sc.Right++
		}
		if right[i] {
			t.Any.Right++
		}
	}
	for label := range docs {
		t.Types[label].Docs++
		if hit[label] {
			t.Types[label].DocsHit++
		}
	}
	if len(d.Spans) > 0 {
		t.Any.Docs++
		if anyHit {
			t.Any.DocsHit++
		}
	}
}

func (t *Table) score(typ string) *Score {
	s := t.Types[typ]
	if s == nil {
		s = &Score{}
		t.Types[typ] = s
	}
	return s
}

// Change is a finding that one suite has and another has not, by its place.
type Change struct {
	Line int // of the file
	Span
	Gone bool // the earlier suite had it
}

// Changes compares what was found before with what is found now.
func Changes(line int, before []Span, now []proxy.Finding) []Change {
	var out []Change
	for _, s := range before {
		if !slices.ContainsFunc(now, func(f proxy.Finding) bool { return f.Start == s.Start && f.End == s.End && f.Type == s.Type }) {
			out = append(out, Change{line, s, true})
		}
	}
	for _, f := range now {
		s := Span{f.Start, f.End, f.Type}
		if !slices.Contains(before, s) {
			out = append(out, Change{line, s, false})
		}
	}
	return out
}
