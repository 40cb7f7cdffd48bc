package stdnum

import (
	"strings"
	"time"
)

// countries are the two-letter codes of ISO 3166-1, joined by spaces.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN " +
	"CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID " +
	"IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU " +
	"MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR " +
	"SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

// country reports whether s begins with a code of ISO 3166-1 or of a list of
// further codes.
func country(s, more string) bool {
	return len(s) >= 2 && (oneOf(countries, s[:2]) || oneOf(more, s[:2]))
}

// oneOf reports whether word is in a list of words that are joined by spaces.
func oneOf(list, word string) bool {
	if word == "" || strings.IndexByte(word, ' ') >= 0 {
		return false
	}
	for i := 0; ; {
		j := strings.Index(list[i:], word)
		if j < 0 {
			return false
		}
		j += i
		i = j + len(word)
		if (j == 0 || list[j-1] == ' ') && (i == len(list) || list[i] == ' ') {
			return true
		}
	}
}

// alnums reports whether s is digits and capitals, and not empty.
func alnums(s string) bool {
	for i := 0; i < len(s); i++ {
		if value(s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// capitals reports whether s is capitals, and not empty.
func capitals(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}

// eanSum weighs digits 1 and 3 in turn from the last, as GS1 does.
func eanSum(s string) (sum int) {
	for i := 0; i < len(s); i++ {
		sum += int(s[len(s)-1-i]-'0') * (1 + i%2*2)
	}
	return sum
}

// prefixed cuts prefix from s where it is there.
func prefixed(s, prefix string) string { return strings.TrimPrefix(s, prefix) }

// without removes the characters of set from s; it allocates only where there is one.
func without(s string, set string) string {
	if strings.ContainsAny(s, set) {
		return Clean(s, set)
	}
	return s
}

// modHybrid is the hybrid system of ISO/IEC 7064 over any even number of
// characters: modulus len(alphabet)+1 and len(alphabet).
func modHybrid(s, alphabet string) bool {
	m := len(alphabet)
	c := m / 2
	for i := 0; i < len(s); i++ {
		v := strings.IndexByte(alphabet, s[i])
		if v < 0 {
			return false
		}
		if c == 0 {
			c = m
		}
		c = (c*2%(m+1) + v) % m
	}
	return c == 1
}

// past reports whether a year has begun: nobody is born in one that has not.
func past(year int) bool { return year <= time.Now().Year() }

// born reports whether the three name a day that is not yet to come.
func born(year, month, d int) bool {
	if !day(year, month, d) {
		return false
	}
	y, m, today := time.Now().Date()
	return year < y || year == y && (month < int(m) || month == int(m) && d <= today)
}
