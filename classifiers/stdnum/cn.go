package stdnum

import "strings"

var cnRIC = &Format{
	Name: "cn.ric", Type: "CN_RIC", Aliases: []string{"CN_ID", "CN_RESIDENT_ID"},
	Title: "Number of the resident identity card (居民身份证号码) of people in China.",
	Of:    Person, Clean: " ",
	Shapes: []string{"999999999999999999", "99999999999999999x"}, Written: []string{"999999 99999999 9999", "999999 99999999 999x"},
	Words:  []string{"身份证", "身份证号", "身份证号码", "居民身份证", "公民身份", "公民身份号码", "证件号", "证件号码", "身份證", "身份證號", "resident id", "resident identity", "id number", "id card", "identity card", "chinese id", "shenfenzheng", "national id"},
	Strong: 800, Sample: "330106198407154826", Check: cnRICValid,
}

// cnProvinces are the first two digits of GB/T 2260.
const cnProvinces = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"

// cnRICValid: GB 11643: place of first registration, date of birth, order
// number, and a check character by ISO/IEC 7064 Mod 11-2. Of the place the
// province is looked at: counties are merged and divided every year.
func cnRICValid(s string) bool {
	return len(s) == 18 && allDigits(s[:17]) && oneOf(cnProvinces, s[:2]) && s[6:10] >= "1800" && day(number(s[6:10]), number(s[10:12]), number(s[12:14])) && mod112(s)
}

var cnUSCC = &Format{
	Name: "cn.uscc", Type: "CN_USCC", Aliases: []string{"CN_VAT"},
	Title: "Unified social credit code (统一社会信用代码) of organisations in China.",
	Of:    Company, Clean: " -",
	Shapes: []string{"99999999**********"}, Written: []string{"99 999999 **********", "99 999999 ********* *"},
	Words:  []string{"统一社会信用代码", "信用代码", "社会信用代码", "税号", "纳税人识别号", "营业执照", "uscc", "social credit", "credit code", "unified social", "company number", "tax id"},
	Strong: 31, Sample: "91330106MA2K7T4X5N", Check: cnUSCCValid,
}

const cnUSCCLetters = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// cnUSCCValid: GB 32100: department and kind, place, and code of the
// organisation; powers of three leave the complement by 31, in an alphabet
// without I, O, S, V and Z.
func cnUSCCValid(s string) bool {
	if len(s) != 18 || !allDigits(s[:8]) {
		return false
	}
	sum, weight := 0, 1
	for i := 0; i < 18; i++ {
		v := strings.IndexByte(cnUSCCLetters, s[i])
		if v < 0 {
			return false
		}
		if i == 17 {
			weight = 1
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	return sum%31 == 0
}
