package stdnum

import "strings"

var genCASRN = &Format{
	Name: "casrn", Type: "CASRN", Aliases: []string{"CAS_NUMBER", "CAS_RN"},
	Title: "CAS registry number of a chemical substance.",
	Of:    Thing, Clean: " -", Compact: genCASRNCompact,
	Shapes:  []string{"99999", "999999", "9999999", "99999999", "999999999", "9999999999"},
	Written: []string{"99-99-9", "999-99-9", "9999-99-9", "99999-99-9", "999999-99-9", "9999999-99-9"},
	Words:   []string{"cas", "cas no", "cas number", "cas nr", "cas rn", "casrn", "chemical", "substance", "compound", "reagent", "einecs", "cas nummer", "numéro cas", "número cas"},
	Strong:  10, Sample: "4827-30-9", Check: genCASRNValid,
}

// genCASRNCompact keeps a value with hyphens at other places from being taken.
func genCASRNCompact(value string) string {
	s := Clean(value, " ")
	if n := len(s); strings.IndexByte(s, '-') >= 0 && (n < 7 || s[n-2] != '-' || s[n-5] != '-' || strings.Count(s, "-") > 2) {
		return ""
	}
	return Clean(s, "-")
}

// genCASRNValid: the digits weighed from the right by 1, 2, 3, … leave the last.
func genCASRNValid(s string) bool {
	n := len(s)
	if n < 5 || n > 10 || !allDigits(s) || s[0] == '0' {
		return false
	}
	sum := 0
	for i := 1; i < n; i++ {
		sum += i * int(s[n-1-i]-'0')
	}
	return sum%10 == int(s[n-1]-'0')
}

var genEAN = &Format{
	Name: "ean", Type: "EAN", Aliases: []string{"GTIN", "UPC", "EAN13", "BARCODE"},
	Title: "Global trade item number of a product (EAN, UPC, GTIN), GS1.",
	Of:    Thing, Clean: " -",
	Shapes:  []string{"9999999999999", "999999999999", "99999999999999", "99999999"},
	Written: []string{"9 999999 999999", "9999 9999", "9 99999 99999 9", "999 9999 999999"},
	Words:   []string{"ean", "ean code", "gtin", "upc", "barcode", "bar code", "ean13", "ean 13", "strichcode", "product code", "code barres", "kod ean", "jan", "jan code", "sku"},
	Strong:  10, Sample: "4006274918306", Check: genEANValid,
}

func genEANValid(s string) bool {
	switch len(s) {
	case 8, 12, 13, 14:
		return allDigits(s) && eanSum(s)%10 == 0
	}
	return false
}

var genGRID = &Format{
	Name: "grid", Type: "GRID",
	Title: "Global release identifier of a release of recorded music.",
	Of:    Thing, Clean: " -", Compact: genGRIDCompact,
	Shapes: []string{"a1****************"}, Written: []string{"a1-*****-**********-*"},
	Words:  []string{"grid", "release identifier", "global release", "isrc", "ddex"},
	Strong: 36, Sample: "A1-2K7T5-MX94830216-V", Check: genGRIDValid,
}

func genGRIDCompact(value string) string {
	s := Clean(value, " -")
	return prefixed(prefixed(s, "GRID:"), "GRID")
}

func genGRIDValid(s string) bool { return len(s) == 18 && mod3736(s) }

var genISAN = &Format{
	Name: "isan", Type: "ISAN",
	Title: "International standard audiovisual number of a film or programme, ISO 15706.",
	Of:    Thing, Clean: " -",
	Shapes:  []string{"****************", "*****************", "**************************"},
	Written: []string{"****-****-****-****-*", "****-****-****-****", "****-****-****-****-*-****-****-*"},
	Words:   []string{"isan", "isan number", "audiovisual number", "episode", "eidr", "audiovisual"},
	Strong:  36, Sample: "0000-0004-8B26-0000-V", Check: genISANValid,
}

// genISANValid: twelve hexadecimal digits of the work, four of the episode,
// eight of the version; a check character may follow those of the episode, and
// another those of the version.
func genISANValid(s string) bool {
	var b [25]byte
	switch n := len(s); n {
	case 16, 24:
		return genHex(s)
	case 17:
		return genHex(s[:16]) && mod3736(s)
	case 25:
		return genHex(s[:24]) && mod3736(s)
	case 26:
		if !mod3736(s[:17]) || !genHex(s[:16]) || !genHex(s[17:25]) {
			return false
		}
		copy(b[:], s[:16])
		copy(b[16:], s[17:])
		return mod3736(string(b[:]))
	}
	return false
}

func genHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if v := value(s[i]); v < 0 || v > 15 {
			return false
		}
	}
	return s != ""
}

var genISBN = &Format{
	Name: "isbn", Type: "ISBN", Aliases: []string{"ISBN13", "ISBN10"},
	Title: "International standard book number, ISO 2108, of ten or thirteen digits.",
	Of:    Thing, Clean: " -",
	Shapes:  []string{"9789999999999", "9799999999999", "9999999999", "999999999x"},
	Written: isbnWritten,
	Words:   []string{"isbn", "isbn 10", "isbn 13", "isbn10", "isbn13", "book", "paperback", "hardcover", "verlag", "publisher", "buch", "livre", "libro", "livro"},
	Strong:  11, Sample: "978-3-4827-3016-0", Check: genISBNValid,
}

// isbnWritten are the usual places of hyphens: the parts for the group, the
// publisher and the title have no fixed length.
var isbnWritten = func() (list []string) {
	const nines = "9999999"
	for group := 1; group <= 5; group++ {
		for publisher := 2; publisher <= 7 && group+publisher < 9; publisher++ {
			ten := nines[:group] + "-" + nines[:publisher] + "-" + nines[:min(9-group-publisher, 7)] + "-"
			list = append(list, "978-"+ten+"9", ten+"9", ten+"x")
			if group < 3 {
				list = append(list, "979-"+ten+"9")
			}
		}
	}
	return append(list, "978-9999999999", "979-9999999999", "999999999-9")
}()

// genISBNValid: ten digits weighed by 10 to 1 make a multiple of 11, X for ten;
// nine digits are one of before 1970, without its leading zero; thirteen are a
// trade item number that begins with 978 or 979, of which 979-0 is for music.
func genISBNValid(s string) bool {
	switch len(s) {
	case 9:
		return elevenX(s, 9)
	case 10:
		return elevenX(s, 10)
	case 13:
		return (s[:3] == "978" || s[:3] == "979") && allDigits(s) && eanSum(s)%10 == 0
	}
	return false
}

// elevenX weighs digits by first and one less each and wants a multiple of 11;
// the last may be X for ten.
func elevenX(s string, first int) bool {
	sum := 0
	for i := 0; i < len(s); i++ {
		d := int(s[i]) - '0'
		if s[i] == 'X' && i == len(s)-1 {
			d = 10
		} else if d < 0 || d > 9 {
			return false
		}
		sum += d * (first - i)
	}
	return sum%11 == 0
}

var genISMN = &Format{
	Name: "ismn", Type: "ISMN",
	Title: "International standard music number of printed music, ISO 10957.",
	Of:    Thing, Clean: " -.",
	Shapes:  []string{"9790999999999", "m999999999"},
	Written: []string{"979-0-999-99999-9", "979-0-9999-9999-9", "979-0-99999-999-9", "979-0-999999-99-9", "979-0-9999999-9-9", "m-999-99999-9", "m-9999-9999-9", "m-99999-999-9"},
	Words:   []string{"ismn", "music number", "sheet music", "noten", "partition", "partitura"},
	Strong:  10, Sample: "979-0-4827-3016-8", Check: genISMNValid,
}

// genISMNValid: M counts as 3, as the digits 9790 that have taken its place do.
func genISMNValid(s string) bool {
	switch {
	case len(s) == 10 && s[0] == 'M':
		return allDigits(s[1:]) && (eanSum(s[1:])+9)%10 == 0
	case len(s) == 13 && s[:4] == "9790":
		return allDigits(s) && eanSum(s)%10 == 0
	}
	return false
}

var genISNI = &Format{
	Name: "isni", Type: "ISNI", Aliases: []string{"ORCID"},
	Title: "International standard name identifier of an author, artist or other party, ISO 27729; an ORCID iD is one.",
	Of:    Person, Clean: " -",
	Shapes:  []string{"9999999999999999", "999999999999999x"},
	Written: []string{"9999 9999 9999 9999", "9999 9999 9999 999x", "9999-9999-9999-9999", "9999-9999-9999-999x"},
	Words:   []string{"isni", "orcid", "orcid id", "orcid.org", "name identifier"},
	Strong:  11, Sample: "0000-0002-4827-3011", Check: genISNIValid,
}

func genISNIValid(s string) bool { return len(s) == 16 && mod112(s) }

var genISRC = &Format{
	Name: "isrc", Type: "ISRC",
	Title: "International standard recording code of a music recording, ISO 3901.",
	Of:    Thing, Clean: " -",
	Shapes: []string{"AA***9999999"}, Written: []string{"AA-***-99-99999"},
	Words:  []string{"isrc", "isrc code", "recording code", "recording"},
	Strong: 2, Sample: "DE-K7T-26-04183", Check: genISRCValid,
}

// isrcPrefixes are those that the registration authority gives beside codes of
// countries.
const isrcPrefixes = "AN BC BK BP BX CB CP CS DG FX GX KS QM QN QT QZ UK XK YU ZB ZZ"

func genISRCValid(s string) bool {
	return len(s) == 12 && country(s, isrcPrefixes) && alnums(s[2:5]) && allDigits(s[5:])
}

var genISSN = &Format{
	Name: "issn", Type: "ISSN",
	Title: "International standard serial number of a journal, ISO 3297.",
	Of:    Thing, Clean: " -",
	Shapes: []string{"99999999", "9999999x"}, Written: []string{"9999-9999", "9999-999x"},
	Words:  []string{"issn", "eissn", "e issn", "issn online", "issn print", "journal", "zeitschrift", "revue", "revista", "periodical"},
	Strong: 11, Sample: "4827-3015", Check: genISSNValid,
}

func genISSNValid(s string) bool { return len(s) == 8 && elevenX(s, 8) }
