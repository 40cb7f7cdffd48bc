package stdnum

import "strings"

var gbNHS = &Format{
	Name: "gb.nhs", Type: "UK_NHS", Aliases: []string{"GB_NHS", "NHS_NUMBER"},
	Title: "NHS number, which the health services of England, Wales and the Isle of Man give to patients.",
	Of:    Person, Health: true, Clean: " -",
	Shapes: []string{"9999999999"}, Written: []string{"999 999 9999", "999-999-9999"},
	Words:  []string{"nhs", "nhs number", "nhs no", "nhsnumber", "patient", "patient id", "national health", "health number", "gp"},
	Strong: 11, Sample: "482 601 7359", Check: gbNHSValid,
}

// gbNHSValid: the NHS data dictionary weighs nine digits by 10 to 2 and takes
// the complement of the remainder by 11.
func gbNHSValid(s string) bool {
	return digits(s, 10) && weighted(s, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

var gbSEDOL = &Format{
	Name: "gb.sedol", Type: "GB_SEDOL", Aliases: []string{"SEDOL", "UK_SEDOL"},
	Title: "SEDOL code of a security in the list of the London Stock Exchange.",
	Of:    Security, Clean: " ",
	Shapes: []string{"9999999", "A*****9"},
	Words:  []string{"sedol", "sedol code", "security", "isin", "lse", "stock", "shares"},
	Strong: 10, Sample: "B7K2TQ3", Check: gbSEDOLValid,
}

// gbSEDOLValid: codes since 2004 begin with a consonant, older ones are digits
// alone; vowels are not used; weights 1 3 1 7 3 9 1 make a multiple of ten.
func gbSEDOLValid(s string) bool {
	if len(s) != 7 || s[6] < '0' || s[6] > '9' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if value(s[i]) < 0 || strings.IndexByte("AEIOU", s[i]) >= 0 {
			return false
		}
	}
	if value(s[0]) < 10 && !allDigits(s) {
		return false
	}
	return weighted(s, 1, 3, 1, 7, 3, 9, 1)%10 == 0
}

var gbUPN = &Format{
	Name: "gb.upn", Type: "GB_UPN", Aliases: []string{"UK_UPN"},
	Title: "Unique pupil number of a child at a school in England.",
	Of:    Person, Clean: " ",
	Shapes: []string{"A999999999999", "A99999999999A"},
	Words:  []string{"upn", "unique pupil", "pupil number", "pupil", "pupil no", "school", "student"},
	Strong: 100, Sample: "K816240119093", Check: gbUPNValid,
}

// gbAuthorities are the numbers of the local authorities in England and Wales
// that may have given a pupil number.
const gbAuthorities = "201 202 203 204 205 206 207 208 209 210 211 212 213 301 302 303 304 305 306 307 308 309 310 311 312 313 314 315 316 317 318 319 320 " +
	"330 331 332 333 334 335 336 340 341 342 343 344 350 351 352 353 354 355 356 357 358 359 370 371 372 373 380 381 382 383 384 390 391 392 393 394 420 " +
	"800 801 802 803 805 806 807 808 810 811 812 813 815 816 821 822 823 825 826 830 831 835 836 837 840 841 845 846 850 851 852 855 856 857 860 861 865 866 867 868 869 " +
	"870 871 872 873 874 876 877 878 879 880 881 882 883 884 885 886 887 888 889 890 891 892 893 894 895 896 908 909 916 919 921 925 926 928 929 931 933 935 936 937 938"

// gbUPNValid: the check letter is the remainder by 23 of the other characters
// weighed from 2 on, the last of which is a letter in temporary numbers.
func gbUPNValid(s string) bool {
	const letters = "ABCDEFGHJKLMNPQRTUVWXYZ"
	if len(s) != 13 || !allDigits(s[1:12]) {
		return false
	}
	sum := weighted(s[1:12], 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	switch i := strings.IndexByte(letters, s[12]); {
	case '0' <= s[12] && s[12] <= '9':
		sum += 13 * int(s[12]-'0')
	case i >= 0:
		sum += 13 * i
	default:
		return false
	}
	return s[0] == letters[sum%23] && gzOneOf(gbAuthorities, s[1:4])
}

var gbUTR = &Format{
	Name: "gb.utr", Type: "GB_UTR", Aliases: []string{"UK_UTR"},
	Title: "Unique taxpayer reference, which HM Revenue and Customs gives to people and firms.",
	Of:    Either, Clean: " ",
	Shapes: []string{"9999999999", "k9999999999"}, Written: []string{"99999 99999"},
	Words:  []string{"utr", "utr number", "unique taxpayer", "taxpayer reference", "tax reference", "self assessment", "hmrc", "sa utr"},
	Strong: 11, Sample: "4827301594", Check: gbUTRValid,
}

// gbUTRValid: the first digit checks the other nine, weighed by 6 7 8 9 10 5 4 3 2.
func gbUTRValid(s string) bool {
	s = strings.TrimLeft(s, "K")
	return digits(s, 10) && s[0] == "21987654321"[weighted(s[1:], 6, 7, 8, 9, 10, 5, 4, 3, 2)%11]
}

var gbVAT = &Format{
	Name: "gb.vat", Type: "GB_VAT", Aliases: []string{"UK_VAT", "XI_VAT"},
	Title: "VAT registration number of a firm, a government department or a health authority in the United Kingdom.",
	Of:    Company, Clean: " -.",
	Shapes:  []string{"gb999999999", "gb999999999999", "gbgd999", "gbha999", "xi999999999", "xi999999999999", "999999999", "999999999999"},
	Written: []string{"gb 999 9999 99", "gb999 9999 99", "999 9999 99", "999 9999 99 999", "gb 999 9999 99 999"},
	Words:   []string{"vat", "vat number", "vat no", "vat reg", "vat registration", "vrn", "vatin", "hmrc"},
	Strong:  40, Sample: "GB 673 4207 92", Check: gbVATValid,
}

// gbVATValid: nine digits weighed by 8 to 2, 10 and 1 leave 0, or 42 in numbers
// given since 2010 (begun at 100), by 97; three more digits name a branch.
// Government departments are GD000 to GD499, health authorities HA500 to HA999.
func gbVATValid(s string) bool {
	if s = gzBare(s, "GB"); len(s) > 2 && s[:2] == "XI" {
		s = s[2:]
	}
	switch {
	case len(s) == 5 && allDigits(s[2:]):
		return s[:2] == "GD" && s[2] < '5' || s[:2] == "HA" && s[2] >= '5'
	case len(s) == 11 && allDigits(s[6:]) && (s[:6] == "GD8888" && s[6] < '5' || s[:6] == "HA8888" && s[6] >= '5'):
		return number(s[6:9])%97 == number(s[9:])
	case digits(s, 9), digits(s, 12):
		m := weighted(s[:9], 8, 7, 6, 5, 4, 3, 2, 10, 1) % 97
		return m == 0 || s[:3] >= "100" && (m == 42 || m == 55)
	}
	return false
}
