package contact

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// planTable holds the numbering plans of all countries, made by
// testdata/plangen from libphonenumber's metadata (Apache License 2.0, see
// NOTICE) as github.com/nyaruka/phonenumbers v1.8.1 ships it.
//
//go:embed plan_table.txt
var planTable string

// Bounds of national significant numbers.
const (
	planDigits = 3  // digits of a prefix
	minNSN     = 4  // shortest in the table
	maxNSN     = 17 // and longest
	maxCodes   = 1000
)

// plan is the numbering plan of one country calling code.
type plan struct {
	trunk    string // what is dialled before a national number: 0, 8, or nothing
	possible uint32 // lengths of national significant numbers, a bit each
	groups   []uint64
	// prefixes holds, for the first three digits, the lengths that a number of
	// any type has, as a bit mask shifted by minNSN.
	prefixes [1000]uint16
}

// verdict is what a plan says of digits.
type verdict int8

const (
	noNumber verdict = iota // no number has that length
	sized                   // the length is a number's
	assigned                // a range of the plan has such numbers
)

// plans are the plans by calling code.
var plans = sync.OnceValue(func() *[maxCodes]*plan {
	var all [maxCodes]*plan
	for line := range strings.Lines(planTable) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "|", 5)
		if len(f) != 5 {
			panic("contact: the table of numbering plans is broken")
		}
		code, err := strconv.Atoi(f[0])
		possible, err2 := strconv.ParseUint(f[2], 16, 32)
		if err != nil || err2 != nil || code < 1 || code >= maxCodes {
			panic("contact: the table of numbering plans is broken")
		}
		p := &plan{trunk: f[1], possible: uint32(possible)}
		for _, g := range strings.Fields(f[3]) {
			var key uint64
			for _, n := range strings.Split(g, "-") {
				v, _ := strconv.Atoi(n)
				key = key<<4 | uint64(v)
			}
			p.groups = append(p.groups, key)
		}
		for _, r := range strings.Fields(f[4]) {
			span, mask, _ := strings.Cut(r, ":")
			lo, hi, ranged := strings.Cut(span, "-")
			if !ranged {
				hi = lo
			}
			a, _ := strconv.Atoi(lo)
			b, _ := strconv.Atoi(hi)
			m, err := strconv.ParseUint(mask, 16, 32)
			if err != nil || b >= len(p.prefixes) {
				panic("contact: the table of numbering plans is broken")
			}
			for i := a; i <= b; i++ {
				p.prefixes[i] = uint16(m >> minNSN)
			}
		}
		all[code] = p
	}
	return &all
})

// codeOf gives the plan of the country calling code that digits begin with and
// the code's length, nil where no code in use begins so. Codes are prefix-free.
func codeOf(d []byte) (*plan, int) {
	all, code := plans(), 0
	for n := 1; n <= 3 && n <= len(d); n++ {
		code = code*10 + int(d[n-1]-'0')
		if code == 0 {
			return nil, 0
		}
		if p := all[code]; p != nil {
			return p, n
		}
	}
	return nil, 0
}

// judge says whether digits are a national significant number of the plan.
func (p *plan) judge(d []byte) verdict {
	if len(d) < minNSN || len(d) > maxNSN {
		return noNumber
	}
	prefix := 0
	for _, c := range d[:planDigits] {
		prefix = prefix*10 + int(c-'0')
	}
	switch {
	case p.prefixes[prefix]>>(len(d)-minNSN)&1 != 0:
		return assigned
	case p.possible>>len(d)&1 != 0:
		return sized
	}
	return noNumber
}

// grouped reports whether the plan's numbers are written in groups of those
// lengths, four bits each.
func (p *plan) grouped(key uint64) bool {
	for _, g := range p.groups {
		if g == key {
			return true
		}
	}
	return false
}

// large are the plans whose national forms are looked for without a word for
// telephone near: those of the countries most written about, by calling code.
// The North American plan is read by itself.
var large = [...]int{7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 52, 54, 55, 56, 57, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 351, 353, 358, 380, 420, 421, 852, 880, 886, 966, 971, 972}
