package main

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

// score counts spans of persons and tokens of any name.
type score struct {
	right, found, gold             int // spans of persons
	anyRight, anyFound, anyGold    int // tokens of any name
	personTokens, personTokensGold int
}

func (s *score) f1() float64 {
	if s.right == 0 {
		return 0
	}
	return 2 * float64(s.right) / float64(s.found+s.gold)
}

func part(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// threshold from which a span counts, in reports.
const threshold = 0.5

func measure(m *tagger.Model, set []sentence) score {
	var s score
	var q tagger.Sequence
	var d tagger.Decoder
	for i := range set {
		one := &set[i]
		q.Load(one.tokens)
		spans := m.Decode(&q, &d, threshold)
		hit := make([]bool, len(one.tokens))
		for _, f := range spans {
			for k := f.From; k < f.To; k++ {
				hit[k] = true
			}
			if f.Tag != tagger.BPerson {
				continue
			}
			s.found++
			end := f.From + 1
			for end < len(one.tags) && one.tags[end] == tagger.IPerson {
				end++
			}
			if one.tags[f.From] == tagger.BPerson && end == f.To {
				s.right++
			}
		}
		for k, t := range one.tags {
			if t == tagger.BPerson {
				s.gold++
			}
			if t != tagger.O {
				s.anyGold++
			}
			if hit[k] {
				s.anyFound++
				if t != tagger.O {
					s.anyRight++
				}
			}
			if t == tagger.BPerson || t == tagger.IPerson {
				s.personTokensGold++
				if hit[k] {
					s.personTokens++
				}
			}
		}
	}
	return s
}

// brief gives F1 of persons on the sets that settings are chosen by.
func (c *corpus) brief(w *tagger.Weights, conf config) string {
	m, err := tagger.Read(w.Pack(float32(conf.limit)))
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, n := range []string{"wnut17 dev", "crossner dev", "lifebench user", "prompts held", "templates held", "litbank part", "crossner dev, small", "prompts held, small"} {
		s := measure(m, c.test[n])
		fmt.Fprintf(&b, "%s %.3f  ", n, s.f1())
	}
	return b.String()
}

func (c *corpus) report(m *tagger.Model) {
	fmt.Printf("%-28s %7s %6s %6s %6s   %s\n", "", "persons", "P", "R", "F1", "any name, tokens: P, R; persons' tokens found as any name")
	for _, n := range sorted(c.test) {
		s := measure(m, c.test[n])
		fmt.Printf("%-28s %7d %6.3f %6.3f %6.3f   %.3f %.3f  %.3f\n", n, s.gold, part(s.right, s.found), part(s.right, s.gold), s.f1(),
			part(s.anyRight, s.anyFound), part(s.anyRight, s.anyGold), part(s.personTokens, s.personTokensGold))
	}
}

// show prints, for a set of our own making, what is wrong.
func (c *corpus) show(m *tagger.Model, name string, limit int) {
	var q tagger.Sequence
	var d tagger.Decoder
	for i := range c.test[name] {
		one := &c.test[name][i]
		q.Load(one.tokens)
		spans := m.Decode(&q, &d, threshold)
		got := make([]tagger.Tag, len(one.tokens))
		for _, f := range spans {
			for k := f.From; k < f.To; k++ {
				got[k] = f.Tag + 1
			}
			got[f.From] = f.Tag
		}
		wrong := false
		for k := range got {
			person := func(t tagger.Tag) bool { return t == tagger.BPerson || t == tagger.IPerson }
			wrong = wrong || (person(got[k]) || person(one.tags[k])) && got[k] != one.tags[k]
		}
		if wrong && limit > 0 {
			limit--
			for k, t := range one.tokens {
				fmt.Printf("%s/%d%d ", c.texts[name][i][t.Start:t.End], one.tags[k], got[k])
			}
			fmt.Println()
		}
	}
}

// calibrate prints how often spans of persons are right, all of their tokens
// parts of a person's name, by how sure the model is and by what the words tell.
func (c *corpus) calibrate(m *tagger.Model) {
	type bin struct{ right, all int }
	bins := map[string]*[10]bin{}
	var q tagger.Sequence
	var d tagger.Decoder
	for _, n := range sorted(c.test) {
		if strings.HasPrefix(n, "crossner ") && !strings.HasPrefix(n, "crossner dev") {
			continue
		}
		for i := range c.test[n] {
			one := &c.test[n][i]
			q.Load(one.tokens)
			for _, f := range m.Decode(&q, &d, 0.1) {
				if f.Tag != tagger.BPerson {
					continue
				}
				known, words, plain, right, shape := 0, 0, 0, true, ""
				for k := f.From; k < f.To; k++ {
					t := &one.tokens[k]
					right = right && (one.tags[k] == tagger.BPerson || one.tags[k] == tagger.IPerson)
					if t.Kind == tagger.Word {
						words++
						known = max(known, t.Flags.Name())
						plain = max(plain, t.Flags.Common())
						shape = map[bool]string{true: "small", false: "title"}[t.Shape == tagger.Lower]
						if t.Shape == tagger.Upper {
							shape = "CAPS"
						}
					}
				}
				key := fmt.Sprintf("%s words %d known %d common %v", shape, min(words, 2), known, plain >= 2)
				if bins[key] == nil {
					bins[key] = &[10]bin{}
				}
				b := &bins[key][min(9, int(f.P*10))]
				b.all++
				if right {
					b.right++
				}
			}
		}
	}
	for _, k := range sorted(bins) {
		fmt.Printf("%-40s", k)
		for _, b := range bins[k] {
			fmt.Printf(" %4d/%-4.2f", b.all, part(b.right, b.all))
		}
		fmt.Println()
	}
}
