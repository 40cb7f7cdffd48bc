package names

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/gazetteer"
	"github.com/ostiary/ostiary/proxy"
)

// Words that the name of an organisation ends with, the longer ones first, and
// that it begins with; common knowledge.
var (
	hanOrgEnds = strings.Fields("股份有限公司 有限公司 株式会社 合同会社 集团 公司 银行 銀行 医院 病院 大学 大學 法院 保险 法律事务所")
	hanOrgHead = "株式会社"
)

const (
	maxOrgRunes  = 14 // characters of an organisation's name
	maxUnitRunes = 4  // characters of a place's name before the word for its kind
	// hanUnits are words for kinds of places, behind their names.
	hanUnits = "市区區县縣県省都府州町"
)

// places reports organisations and places in a run of characters.
func (r *reading) places(u *run) {
	for i := 0; i < u.n; i++ {
		if u.r[i] < 0x3041 {
			continue
		}
		rest := u.text(i, u.n)
		if strings.HasPrefix(rest, hanOrgHead) {
			j := i + utf8.RuneCountInString(hanOrgHead)
			end := j
			for end < u.n && end-j < maxOrgRunes && !hiragana(u.r[end]) {
				end++
			}
			if end-j >= 2 {
				r.hanOther(u, i, end, organization)
				i = end - 1
				continue
			}
		}
		if n := orgEnd(u.r[i], rest); n > 0 {
			from := i
			for from > 0 && i-from < maxOrgRunes && !hiragana(u.r[from-1]) && !han().after[u.r[from-1]] {
				from--
			}
			if i-from >= 2 {
				r.hanOther(u, from, i+n, organization)
			}
			i += n - 1
			continue
		}
		if strings.ContainsRune(hanUnits, u.r[i]) {
			for n := min(maxUnitRunes, i); n >= 1; n-- {
				if gazetteer.Word([]byte(u.text(i-n, i+1))).Place() > 0 || n > 1 && gazetteer.Word([]byte(u.text(i-n, i))).Place() > 0 {
					r.hanOther(u, i-n, i+1, location)
					break
				}
			}
		}
	}
}

// orgEnd gives the length in characters of the end of an organisation's name that
// rest, which begins with first, begins with.
func orgEnd(first rune, rest string) int {
	for _, w := range han().ends[first] {
		if strings.HasPrefix(rest, w) {
			return utf8.RuneCountInString(w)
		}
	}
	return 0
}

func hiragana(r rune) bool { return r >= 0x3040 && r < 0x30A0 }

func (r *reading) hanOther(u *run, i, j int, typ *classifiers.Type) {
	r.s.Find(classifiers.Found{Start: u.at[i], End: u.at[j], Type: typ, Likelihood: proxy.Likely, Rule: "word for its kind"})
}
