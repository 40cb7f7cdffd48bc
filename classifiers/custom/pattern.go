// Package custom makes detectors of what an organisation describes itself:
// patterns with words that must or must not stand beside them, proven by
// examples before they are used.
package custom

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// Pattern describes what one number or code of an organisation looks like.
type Pattern struct {
	// Type is the name of the findings, in capitals: EMPLOYEE_NUMBER.
	Type string
	// Doc says in a sentence what it is.
	Doc string
	// Groups are those of the type; none means protected.
	Groups []string
	// Severity is that of the type; 0 means medium.
	Severity classifiers.Severity
	// Expression is the form, in RE2 syntax. It stands alone: a letter or digit
	// before or behind it makes it something else.
	Expression string
	// Keywords are words in whose neighbourhood ([Window] bytes on both sides)
	// the expression is looked for. Without any, the expression is looked for
	// where its first letters stand, or, where it has none, in words with digits.
	Keywords []string
	// Context are words that make a match likelier, Against words that speak
	// against it, Exclude expressions that a match may not fit wholly.
	Context, Against, Exclude []string
	// Likelihood is what a match is worth without a word beside it; 0 means
	// likely, or possible where NeedsContext is set.
	Likelihood proxy.Likelihood
	// NeedsContext leaves matches without a word of Context beside them below
	// the default threshold.
	NeedsContext bool
	// Match are texts in which something must be found, NoMatch such in which
	// nothing may be. One of each at least is required: a pattern without
	// examples is a guess.
	Match, NoMatch []string
}

// Bounds of patterns.
const (
	Window        = 256  // bytes around a keyword
	maxExpression = 1024 // bytes of an expression
	maxMatch      = 256  // bytes of a match
	maxMatches    = 64   // of one window
	minLiteral    = 2    // letters that an expression must begin with to be looked for by them
	maxNear       = 40   // bytes to the word of the context
)

// Detector makes the detector of a pattern and tries it on its examples. name
// is the detector's, unique in the suite. Errors say which part is wrong, and
// quote nothing but the expression's faults in the library's constant words.
func (p *Pattern) Detector(name string) (*classifiers.Detector, error) {
	j := &judge{needs: p.NeedsContext, level: p.Likelihood}
	if j.level == 0 {
		j.level = proxy.Likely
	}
	j.kind = classifiers.Type{Name: p.Type, Doc: p.Doc, Groups: p.Groups, Severity: p.Severity}
	if j.kind.Doc == "" {
		j.kind.Doc = "A number or code of the organisation's own."
	}
	if len(j.kind.Groups) == 0 {
		j.kind.Groups = []string{classifiers.Protected}
	}
	if j.kind.Severity == 0 {
		j.kind.Severity = classifiers.Medium
	}
	if len(p.Match) == 0 || len(p.NoMatch) == 0 {
		return nil, errors.New("examples are missing: write at least one text under match and one under no_match")
	}
	var err error
	if j.expression, err = compile(p.Expression, false); err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	if j.begins, err = compile(p.Expression, true); err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	for i, x := range p.Exclude {
		e, err := regexp.Compile(`\A(?:` + x + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("exclude, entry %d: not RE2 syntax", i+1)
		}
		j.exclude = append(j.exclude, e)
	}
	j.context, j.against = classifiers.NewCue(p.Context...), classifiers.NewCue(p.Against...)
	if p.NeedsContext && len(p.Context) == 0 {
		return nil, errors.New("needs_context is set, and context has no words")
	}
	in, err := j.interest(p)
	if err != nil {
		return nil, err
	}
	d := &classifiers.Detector{
		Name: name, Version: 1, Types: []*classifiers.Type{&j.kind}, Interests: []classifiers.Interest{in},
		Doc:       "A pattern from the configuration. " + j.kind.Doc,
		Positives: []string{"[[" + p.Type + "|from the configuration]]"}, NearMisses: []string{"from the configuration"},
	}
	return d, p.try(d)
}

// try runs the examples.
func (p *Pattern) try(d *classifiers.Detector) error {
	s, err := classifiers.New(classifiers.Options{Detectors: []*classifiers.Detector{d}, Cache: -1})
	if err != nil {
		return err
	}
	likely := func(text string) (bool, error) {
		r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
		if err != nil || len(r.Gaps) > 0 {
			return false, errors.New("the examples could not be tried")
		}
		for _, f := range r.Findings {
			if f.Likelihood >= proxy.Likely {
				return true, nil
			}
		}
		return false, nil
	}
	for i, text := range p.Match {
		if ok, err := likely(text); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("match, entry %d: nothing is found in it", i+1))
		}
	}
	for i, text := range p.NoMatch {
		if ok, err := likely(text); err != nil || ok {
			return errors.Join(err, fmt.Errorf("no_match, entry %d: something is found in it", i+1))
		}
	}
	return nil
}

// compile checks an expression. anchored makes it match at the start only.
func compile(x string, anchored bool) (*regexp.Regexp, error) {
	if x == "" || len(x) > maxExpression {
		return nil, fmt.Errorf("an expression has 1 to %d bytes", maxExpression)
	}
	if _, err := syntax.Parse(x, syntax.Perl); err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return nil, fmt.Errorf("not RE2 syntax: %s", e.Code) // a constant of the library
		}
		return nil, errors.New("not RE2 syntax")
	}
	x = `(?:` + x + `)`
	if anchored {
		x = `\A` + x
	}
	r, err := regexp.Compile(x)
	if err != nil {
		return nil, errors.New("the expression is too large")
	}
	if r.MatchString("") && !anchored {
		return nil, errors.New("the expression matches the empty text")
	}
	return r, nil
}

// judge is a pattern that is ready.
type judge struct {
	kind               classifiers.Type
	expression, begins *regexp.Regexp
	exclude            []*regexp.Regexp
	context, against   *classifiers.Cue
	level              proxy.Likelihood
	needs              bool
}

// interest chooses the candidates that the expression is tried on: it never
// runs over a whole text.
func (j *judge) interest(p *Pattern) (classifiers.Interest, error) {
	if len(p.Keywords) > 0 {
		for i, k := range p.Keywords {
			if !word(k) {
				return classifiers.Interest{}, fmt.Errorf("keywords, entry %d: a keyword is a word of two ASCII letters and digits or more", i+1)
			}
		}
		return classifiers.Interest{Shape: classifiers.Prefix, Literals: p.Keywords, Judge: j.around}, nil
	}
	if lit, _ := j.expression.LiteralPrefix(); len(lit) >= minLiteral {
		n := 0
		for n < len(lit) && alnum(lit[n]) {
			n++
		}
		switch {
		case n >= minLiteral:
			return classifiers.Interest{Shape: classifiers.Prefix, Literals: []string{lit[:n]}, Judge: j.at}, nil
		case n == 0 && lit[0] < utf8.RuneSelf:
			return classifiers.Interest{Shape: classifiers.Anchor, Literals: []string{lit}, Judge: j.at}, nil
		}
	}
	for i, text := range p.Match {
		if !strings.ContainsAny(j.expression.FindString(text), "0123456789") {
			return classifiers.Interest{}, fmt.Errorf("match, entry %d: what is found has no digit and no fixed beginning; give keywords, near which it is looked for, or use terms", i+1)
		}
	}
	return classifiers.Interest{Shape: classifiers.Code, Judge: j.within}, nil
}

func alnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

func word(k string) bool {
	for i := 0; i < len(k); i++ {
		if !alnum(k[i]) {
			return false
		}
	}
	return len(k) >= minLiteral
}

// at tries the expression where its beginning stands.
func (j *judge) at(s *classifiers.Scan, c classifiers.Candidate) {
	if m := j.begins.FindStringIndex(s.Text[c.Start:min(len(s.Text), c.Start+maxMatch)]); m != nil && m[1] > 0 {
		j.report(s, c.Start, c.Start+m[1])
	}
}

// within tries it on a chain of words and what touches it.
func (j *judge) within(s *classifiers.Scan, c classifiers.Candidate) {
	from, to := c.Start, c.End
	for from > 0 && c.Start-from < maxMatch/8 && s.Text[from-1] > ' ' {
		from--
	}
	for to < len(s.Text) && to-c.End < maxMatch/8 && s.Text[to] > ' ' {
		to++
	}
	// A long chain is looked at in windows that share a match's length.
	for ; ; from += 2*Window - maxMatch {
		j.window(s, from, min(to, from+2*Window))
		if from+2*Window >= to {
			return
		}
	}
}

// around tries it near a keyword.
func (j *judge) around(s *classifiers.Scan, c classifiers.Candidate) {
	if alnum(s.At(c.End)) {
		return // a longer word
	}
	from := max(0, c.Start-Window)
	// Two windows ahead and the keywords of the first one left out: each byte is
	// looked at a bounded number of times, however many keywords there are.
	j.window(s, from, min(len(s.Text), c.End+2*Window))
	s.Resume(c.End + Window)
}

func (j *judge) window(s *classifiers.Scan, from, to int) {
	for n := 0; from < to; n++ {
		if n == maxMatches {
			s.Partial = true
			return
		}
		m := j.expression.FindStringIndex(s.Text[from:to])
		if m == nil {
			return
		}
		if m[1] == m[0] {
			from += m[0] + 1
			continue
		}
		j.report(s, from+m[0], from+m[1])
		from += m[1]
	}
}

func (j *judge) report(s *classifiers.Scan, start, end int) {
	if end-start > maxMatch || !s.Alone(start, end) && (alnum(s.Text[start]) && alnum(s.Before(start)) || alnum(s.Text[end-1]) && alnum(s.At(end))) {
		return
	}
	for _, x := range j.exclude {
		if x.MatchString(s.Text[start:end]) {
			return
		}
	}
	level := j.level
	lean := s.Lean(j.context, j.against, start, end)
	if near := s.Near(j.context, start, end); lean > 0 && near > maxNear {
		lean = 0
	}
	switch {
	case lean > 0:
		level = max(classifiers.Raise(level, 1), proxy.Likely)
	case lean < 0:
		level = classifiers.Raise(level, -2)
	case j.needs:
		level = min(level, proxy.Possible)
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &j.kind, Likelihood: level, Rule: "pattern"})
}
