// Command plangen compiles the numbering plans of libphonenumber's metadata, as
// the Go module github.com/nyaruka/phonenumbers ships it, into the table of
// package contact:
//
//	go run . > ../../plan_table.txt
//
// A line of the table is one country calling code:
//
//	code|trunk prefix|possible lengths|groupings|prefixes
//
// Lengths are those of national significant numbers, as a bit mask in hex (bit n
// is length n). A grouping is the lengths of the groups that a national number
// is written in, without trunk prefix, such as 1-2-2-2-2. Prefixes are ranges of
// the first three digits and the mask of the lengths with which a number of any
// type (fixed, mobile, toll-free …) may follow: 150-179:400. Regions that share a
// code are one line.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"regexp/syntax"
	"slices"
	"sort"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

const depth = 3 // digits of a prefix

type plan struct {
	trunk     string
	possible  uint32
	groupings []string
	prefixes  [1000]uint32
}

func main() {
	log.SetFlags(0)
	c, err := phonenumbers.MetadataCollection()
	if err != nil {
		log.Fatal(err)
	}
	plans := map[int]*plan{}
	for _, m := range c.GetMetadata() {
		code := int(m.GetCountryCode())
		p := plans[code]
		if p == nil {
			p = &plan{}
			plans[code] = p
		}
		if len(m.GetNumberFormat()) > 0 || p.trunk == "" && m.GetMainCountryForCode() {
			p.trunk = m.GetNationalPrefix()
		}
		for _, l := range m.GetGeneralDesc().GetPossibleLength() {
			if l > 0 {
				p.possible |= 1 << l
			}
		}
		for _, d := range []*phonenumbers.PhoneNumberDesc{m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
			m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail()} {
			if d.GetNationalNumberPattern() == "" {
				continue
			}
			lengths := d.GetPossibleLength()
			if len(lengths) == 0 {
				lengths = m.GetGeneralDesc().GetPossibleLength()
			}
			p.add(d.GetNationalNumberPattern(), lengths)
		}
		for _, f := range m.GetNumberFormat() {
			for _, g := range groupings(f.GetPattern()) {
				if !slices.Contains(p.groupings, g) {
					p.groupings = append(p.groupings, g)
				}
			}
		}
	}
	codes := make([]int, 0, len(plans))
	for code := range plans {
		codes = append(codes, code)
	}
	sort.Ints(codes)
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	for _, code := range codes {
		p := plans[code]
		fmt.Fprintf(w, "%d|%s|%x|%s|", code, p.trunk, p.possible, strings.Join(p.groupings, " "))
		first := true
		for lo := 0; lo < 1000; {
			hi := lo
			for hi+1 < 1000 && p.prefixes[hi+1] == p.prefixes[lo] {
				hi++
			}
			if p.prefixes[lo] != 0 {
				if !first {
					fmt.Fprint(w, " ")
				}
				first = false
				if lo == hi {
					fmt.Fprintf(w, "%d:%x", lo, p.prefixes[lo])
				} else {
					fmt.Fprintf(w, "%d-%d:%x", lo, hi, p.prefixes[lo])
				}
			}
			lo = hi + 1
		}
		fmt.Fprintln(w)
	}
}

// add enters the prefixes and lengths that a pattern of digits accepts.
func (p *plan) add(pattern string, lengths []int32) {
	re, err := syntax.Parse("^(?:"+pattern+")$", syntax.Perl)
	if err != nil {
		log.Fatal(err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		log.Fatal(err)
	}
	n := len(prog.Inst)
	// closure gives the states that wait for a digit, and whether the match may
	// end here.
	closure := func(from []int) (wait []int, end bool) {
		seen := make([]bool, n)
		var visit func(i int)
		visit = func(i int) {
			if seen[i] {
				return
			}
			seen[i] = true
			switch in := &prog.Inst[i]; in.Op {
			case syntax.InstAlt, syntax.InstAltMatch:
				visit(int(in.Out))
				visit(int(in.Arg))
			case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
				visit(int(in.Out))
			case syntax.InstMatch:
				end = true
			case syntax.InstFail:
			default:
				wait = append(wait, i)
			}
		}
		for _, i := range from {
			visit(i)
		}
		slices.Sort(wait)
		return wait, end
	}
	step := func(wait []int, digit rune) []int {
		var out []int
		for _, i := range wait {
			if in := &prog.Inst[i]; in.MatchRune(digit) {
				out = append(out, int(in.Out))
			}
		}
		return out
	}
	// accepts reports whether exactly k more digits can end the match.
	type key struct {
		states string
		k      int
	}
	memo := map[key]bool{}
	var accepts func(wait []int, end bool, k int) bool
	accepts = func(wait []int, end bool, k int) bool {
		if k == 0 {
			return end
		}
		id := key{fmt.Sprint(wait), k}
		if v, ok := memo[id]; ok {
			return v
		}
		v := false
		for d := '0'; d <= '9' && !v; d++ {
			if next := step(wait, d); len(next) > 0 {
				w, e := closure(next)
				v = accepts(w, e, k-1)
			}
		}
		memo[id] = v
		return v
	}
	for prefix := range 1000 {
		wait, end := closure([]int{prog.Start})
		for _, d := range fmt.Sprintf("%03d", prefix) {
			wait, end = closure(step(wait, d))
		}
		if len(wait) == 0 && !end {
			continue
		}
		for _, l := range lengths {
			if l >= depth && accepts(wait, end, int(l)-depth) {
				p.prefixes[prefix] |= 1 << l
			}
		}
	}
}

// groupings gives the lengths of the groups of a format's pattern, such as
// (\d{2})(\d{3,4}); none where they are many.
func groupings(pattern string) []string {
	list := []string{""}
	for rest := pattern; rest != ""; {
		if !strings.HasPrefix(rest, "(") {
			return nil
		}
		i := strings.IndexByte(rest, ')')
		if i < 0 {
			return nil
		}
		group := rest[1:i]
		rest = rest[i+1:]
		lo, hi := 1, 1
		switch {
		case group == `\d`:
		case strings.HasPrefix(group, `\d{`):
			if _, err := fmt.Sscanf(group, `\d{%d,%d}`, &lo, &hi); err != nil {
				if _, err := fmt.Sscanf(group, `\d{%d}`, &lo); err != nil {
					return nil
				}
				hi = lo
			}
		default:
			// A group that is pinned to digits: its length is what the pattern's
			// literals and classes count.
			re, err := syntax.Parse(group, syntax.Perl)
			if err != nil {
				return nil
			}
			lo, hi = lengths(re)
		}
		if lo <= 0 || hi-lo > 2 {
			return nil
		}
		var next []string
		for _, g := range list {
			for n := lo; n <= hi; n++ {
				sep := "-"
				if g == "" {
					sep = ""
				}
				next = append(next, fmt.Sprintf("%s%s%d", g, sep, n))
			}
		}
		list = next
	}
	if len(list) > 9 {
		return nil
	}
	return list
}

// lengths gives the shortest and longest match of a pattern of digits.
func lengths(re *syntax.Regexp) (lo, hi int) {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), len(re.Rune)
	case syntax.OpCharClass:
		return 1, 1
	case syntax.OpCapture, syntax.OpConcat:
		for _, s := range re.Sub {
			a, b := lengths(s)
			lo, hi = lo+a, hi+b
		}
		return lo, hi
	case syntax.OpAlternate:
		lo = 99
		for _, s := range re.Sub {
			a, b := lengths(s)
			lo, hi = min(lo, a), max(hi, b)
		}
		return lo, hi
	case syntax.OpRepeat:
		a, b := lengths(re.Sub[0])
		return a * re.Min, b * max(re.Max, re.Min)
	case syntax.OpQuest:
		_, b := lengths(re.Sub[0])
		return 0, b
	}
	return 0, 99
}
