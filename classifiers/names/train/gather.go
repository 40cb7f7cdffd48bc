package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

// corpus is what is learnt from and what is measured on.
type corpus struct {
	train []sentence
	test  map[string][]sentence
	texts map[string][]string // of the sentences of test
}

// weights says how often a set is read, in percent, and how many of its names
// are swapped. A set may be read more than once, each time changed otherwise.
var weights = map[string]struct{ percent, swap int }{
	"wnut17":      {300, 30},
	"btc":         {200, 30},
	"crossner":    {300, 35},
	"sec-filings": {60, 20},
	"litbank":     {100, 45},
	"lifebench":   {70, 50},
	"prompts":     {300, 75},
}

// forget is the share of sentences, in percent, whose names the gazetteer is
// made not to know.
const forget = 6

// fills is how often a template is filled.
const fills = 36

func gather(data string, part float64) (*corpus, error) {
	sets, tests, err := readAll(data)
	if err != nil {
		return nil, err
	}
	p, err := pools(filepath.Join(data, "gazetteers"))
	if err != nil {
		return nil, err
	}
	w := &writer{r: rand.New(rand.NewPCG(seed, 2)), pools: p}
	c := &corpus{test: map[string][]sentence{}}
	for _, name := range sorted(sets) {
		want, ok := weights[name]
		if !ok {
			return nil, fmt.Errorf("set %s has no weight", name)
		}
		from := len(c.train)
		for n := want.percent; n > 0; n -= 100 {
			for _, e := range sets[name] {
				if w.r.IntN(100) >= min(n, 100) || w.r.Float64() >= part {
					continue
				}
				c.train = append(c.train, sentences(w.perturb(e, want.swap))...)
			}
		}
		fmt.Printf("%-12s %7d sentences\n", name, len(c.train)-from)
	}
	train, test := readTemplates()
	from := len(c.train)
	for _, t := range train {
		for range fills {
			if w.r.Float64() < part {
				c.train = append(c.train, sentences(w.perturb(w.fill(t), 0))...)
			}
		}
	}
	// The lists do not know every name.
	for i := range c.train {
		if w.r.IntN(100) < forget {
			s := &c.train[i]
			for k, t := range s.tags {
				if t != tagger.O {
					s.tokens[k].Flags = 0
				}
			}
		}
	}
	fmt.Printf("%-12s %7d sentences\n", "templates", len(c.train)-from)
	// The sentences to measure on do not change with the data that is learnt from.
	w = &writer{r: rand.New(rand.NewPCG(seed, 3)), pools: p}
	var generated []example
	for _, t := range test {
		for range 10 {
			generated = append(generated, w.fill(t))
		}
	}
	tests["templates held"] = generated
	for _, name := range sorted(tests) {
		for _, e := range tests[name] {
			for _, one := range sentences(e) {
				c.test[name] = append(c.test[name], one)
				if c.texts == nil {
					c.texts = map[string][]string{}
				}
				c.texts[name] = append(c.texts[name], e.text)
			}
		}
	}
	for _, name := range []string{"crossner dev", "prompts held", "templates held", "lifebench user", "wnut17 dev"} {
		for _, e := range tests[name] {
			c.test[name+", small"] = append(c.test[name+", small"], sentences(recase(e, strings.ToLower, strings.ToLower))...)
			if name != "lifebench user" {
				c.test[name+", CAPS"] = append(c.test[name+", CAPS"], sentences(recase(e, strings.ToUpper, strings.ToUpper))...)
			}
		}
	}
	return c, nil
}

// sentences cuts a text as the detector does and gives each token its tag.
func sentences(e example) []sentence {
	tokens := tagger.Tokens(nil, e.text, 0, len(e.text))
	marks := e.marks
	all := make([]tagger.Tag, len(tokens))
	for i := range tokens {
		t := &tokens[i]
		for len(marks) > 0 && marks[0].to <= int(t.Start) {
			marks = marks[1:]
		}
		if len(marks) == 0 || t.Kind == tagger.Newline {
			continue
		}
		m := marks[0]
		if int(t.Start) >= m.from && int(t.Start) < m.to {
			all[i] = m.tag
			if i > 0 && int(t.Start) > m.from && (all[i-1] == m.tag || all[i-1] == m.tag+1) {
				all[i]++
			}
		}
	}
	var out []sentence
	for from := 0; from < len(tokens); {
		to := tagger.Sentence(tokens, from)
		s := sentence{tokens[from:to], all[from:to]}
		if len(s.tags) > 0 && s.tags[0] != tagger.O && s.tags[0]&1 == 0 {
			s.tags[0]-- // a name that the cut went through
		}
		out = append(out, s)
		from = to
	}
	return out
}

func (c *corpus) tokens() (n int) {
	for i := range c.train {
		n += len(c.train[i].tokens)
	}
	return n
}

func (c *corpus) names() (n int) {
	for i := range c.train {
		for _, t := range c.train[i].tags {
			if t&1 == 1 {
				n++
			}
		}
	}
	return n
}
