package payment

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	bicType = classifiers.Type{
		Name: "BIC", Groups: []string{classifiers.General}, Severity: classifiers.Low,
		Doc: "The business identifier code of a bank (BIC, SWIFT code).", Aliases: []string{"SWIFT_CODE"},
	}
	ifscType = classifiers.Type{
		Name: "IN_IFSC", Groups: []string{classifiers.General}, Severity: classifiers.Low,
		Doc: "The code of a bank's branch in India (IFSC).",
	}
)

// BankCode finds codes of banks that are letters and digits.
var BankCode = &classifiers.Detector{
	Name: "bank_code", Version: 1,
	Doc: `Business identifier codes of banks after ISO 9362 (four letters, a country, two characters, and three for a branch) in
capitals, behind a label or beside an IBAN of the same text; those with a digit are possible anywhere. Codes of bank branches in
India (four letters, a zero, six characters). Words of eight letters are none by themselves.`,
	Types: []*classifiers.Type{&bicType, &ifscType},
	Positives: []string{
		"BIC: [[BIC|DEUTDEFF]], SWIFT code [[BIC|CHASUS33XXX]]",
		"our bank is [[BIC|INGBNL2A]]",
		"IFSC [[IN_IFSC|HDFC0001789]]",
		"what is [[possible BIC|CHASUS33]]",
	},
	NearMisses: []string{
		"TOGETHER DOCUMENT BUSINESS IMPORTANT EXAMPLES SWIFTLY; a swift response",
		"the bic of a bank, the swift code FUNCTION call",
		"model ABCD0123456, HDFC1001789",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Prefix, Literals: []string{"bic", "swift"}, Judge: judgeBICLabel},
		{Shape: classifiers.Mixed, Judge: judgeCodeWord},
		{Shape: classifiers.Whole, Judge: judgeBesideIBAN},
	},
}

var (
	bicCue  = classifiers.NewCue("bic", "swift", "bank", "correspondent", "iban", "swift bic", "bic swift", "intermediary")
	ifscCue = classifiers.NewCue("ifsc", "neft", "rtgs", "imps", "ifsc code", "branch", "bank")
)

const (
	shortBIC = 8
	longBIC  = 11
	ibanNear = 80 // bytes between an IBAN and its bank's code
)

// isBIC reports whether t is a code in capitals whose country exists.
func isBIC(t string) bool {
	if len(t) != shortBIC && len(t) != longBIC {
		return false
	}
	for i := range len(t) {
		c := t[i]
		if capital := 'A' <= c && c <= 'Z'; !capital && (i < 6 || !digit(c)) {
			return false
		}
	}
	// Locations do not begin with 0 or 1, nor end with O.
	if t[6] == '0' || t[6] == '1' || t[7] == 'O' {
		return false
	}
	return territory(t[4], t[5])
}

// territories are the countries of ISO 3166-1, and Kosovo as SWIFT writes it.
const territories = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW"

func territory(a, b byte) bool {
	for i := 0; i < len(territories); i += 2 {
		if territories[i] == a && territories[i+1] == b {
			return true
		}
	}
	return false
}

// judgeBICLabel reads the code behind BIC or SWIFT.
func judgeBICLabel(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.End
	if i < len(t) && letter(t[i]) {
		return
	}
	// Past punctuation and at most two further words: code, no., is, /IBAN.
	for words := 0; words < 3; words++ {
		for i < len(t) && i-c.End < 3*toValue && !alnum(t[i]) {
			if t[i] == '\n' && words > 0 {
				return
			}
			i++
		}
		j := i
		for j < len(t) && j-i <= longBIC && alnum(t[j]) {
			j++
		}
		if j == i {
			return
		}
		if isBIC(t[i:j]) {
			if words == 2 && !hasDigit(t[i:j]) {
				return // some word in capitals
			}
			s.Find(classifiers.Found{Start: i, End: j, Type: &bicType, Likelihood: proxy.VeryLikely, Rule: "label", Validator: "country"})
			return
		}
		if j-i > 6 {
			return
		}
		i = j
	}
}

func hasDigit(t string) bool {
	for i := range len(t) {
		if digit(t[i]) {
			return true
		}
	}
	return false
}

// judgeCodeWord judges words of letters and digits.
func judgeCodeWord(s *classifiers.Scan, c classifiers.Candidate) {
	n := c.End - c.Start
	if n != shortBIC && n != longBIC || !s.Alone(c.Start, c.End) {
		return
	}
	t := s.Text[c.Start:c.End]
	if n == longBIC && t[4] == '0' && letter(t[0]) && letter(t[1]) && letter(t[2]) && letter(t[3]) {
		if s.Near(ifscCue, c.Start, c.End) < classifiers.Far {
			s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: &ifscType, Likelihood: proxy.Likely, Rule: "ifsc"})
		} else if digit(t[5]) && digit(t[10]) && t[0] < 'a' {
			s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: &ifscType, Likelihood: proxy.Unlikely, Rule: "ifsc"})
		}
		return
	}
	if !isBIC(t) {
		return
	}
	level := proxy.Possible
	if s.Near(bicCue, c.Start, c.End) < classifiers.Far {
		level = proxy.Likely
	}
	s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: &bicType, Likelihood: level, Rule: "bic", Validator: "country"})
}

// judgeBesideIBAN looks for words that are codes of the country of an account
// found near.
func judgeBesideIBAN(s *classifiers.Scan, _ classifiers.Candidate) {
	t := s.Text
	found := s.Found()
	for n := range found[:min(len(found), maxBeside)] {
		f := &found[n]
		if f.Type != ibanType.Name || f.End > len(t) || f.Start+2 > len(t) {
			continue
		}
		for _, w := range [2][2]int{{max(0, f.Start-ibanNear), f.Start}, {f.End, min(len(t), f.End+ibanNear)}} {
			for i := w[0]; i < w[1]; {
				j := i
				for j < len(t) && j-i <= longBIC && alnum(t[j]) {
					j++
				}
				if (i == 0 || !alnum(t[i-1])) && isBIC(t[i:j]) && t[i+4] == t[f.Start]&^0x20 && t[i+5] == t[f.Start+1]&^0x20 {
					s.Find(classifiers.Found{Start: i, End: j, Type: &bicType, Likelihood: proxy.Likely, Rule: "beside_iban", Validator: "country"})
				}
				i = j + 1
			}
		}
	}
}

// maxBeside bounds the findings that are looked at.
const maxBeside = 512
