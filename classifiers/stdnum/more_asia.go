package stdnum

import "strings"

var moreAsia = []*Format{
	{
		Name: "sg.nric", Type: "SG_NRIC_FIN", Aliases: []string{"SG_NRIC", "SG_FIN"},
		Title: "Identity number of a resident (NRIC) or a foreigner (FIN) in Singapore: S, T, F, G or M, seven digits, a check letter.",
		Of:    Person, Clean: " -",
		Shapes: []string{"s9999999A", "t9999999A", "f9999999A", "g9999999A", "m9999999A"}, Written: []string{"A 9999999 A", "A-9999999-A", "A9999999-A"},
		Words:  []string{"nric", "fin", "nric fin", "nric no", "fin no", "ic no", "identity card", "work permit", "singpass", "uinfin", "ic number"},
		Strong: 26, Sample: "S8827364H", Check: sgNRICValid,
	},
	{
		Name: "in_.passport", Type: "IN_PASSPORT", Aliases: []string{"in.passport"},
		Title: "Number of an Indian passport: a letter and seven digits.",
		Of:    Person, Clean: " ",
		Shapes: []string{"A9999999"}, Written: []string{"A99 99999", "A9 99999 9", "A 9999999"},
		Words:  []string{"passport", "passport no", "passport number", "indian passport", "passports", "पासपोर्ट"},
		Strong: 1, Sample: "K4827361", Check: inPassportValid,
	},
	{
		Name: "in_.driving_licence", Type: "IN_DRIVER_LICENSE", Aliases: []string{"in.driving_licence"},
		Title: "Number of an Indian driving licence: state, office, year, serial.",
		Of:    Person, Clean: " -/",
		Shapes: []string{"AA9999999999999", "AA999999999999"}, Written: []string{"AA99 99999999999", "AA-9999999999999", "AA99-99999999999", "AA-99-9999-9999999", "AA99 9999 9999999", "AA 99 99999999999"},
		Words:  []string{"driving licence", "driving license", "dl", "dl no", "dl number", "licence", "licence no", "license no", "ड्राइविंग लाइसेंस"},
		Strong: 10, Sample: "KA05 20180048273", Check: inLicenceValid,
	},
	{
		Name: "kr.passport", Type: "KR_PASSPORT",
		Title:  "Number of a passport of South Korea: the kind (M, S, R, O, D) and eight digits, since 2021 with a letter among them.",
		Of:     Person,
		Shapes: []string{"A99999999", "A999A9999"},
		Words:  []string{"passport", "passport no", "passport number", "korean passport", "여권번호", "여권", "여권 번호"},
		Strong: 5, Sample: "M482K7361", Check: krPassportValid,
	},
	{
		Name: "kr.driver_license", Type: "KR_DRIVER_LICENSE",
		Title: "Number of a driving licence of South Korea: region 11 to 28, year, serial, check digits.",
		Of:    Person, Clean: " -",
		Shapes: []string{"999999999999"}, Written: []string{"99-99-999999-99", "99 99 999999 99"},
		Words:  []string{"driver license", "driver licence", "driving licence", "driving license", "license", "운전면허", "운전면허번호", "면허번호", "면허", "licence"},
		Strong: 5, Sample: "11-18-482736-10", Check: krLicenceValid,
	},
	{
		Name: "kr.frn", Type: "KR_FRN",
		Title: "Registration number of a foreigner in South Korea: day of birth, sex and century 5 to 8, serial, check digit.",
		Of:    Person, Clean: "-",
		Shapes: []string{"9999999999999"}, Written: []string{"999999-9999999"},
		Words:  []string{"외국인등록번호", "외국인 등록번호", "외국인번호", "frn", "foreigner registration", "foreign registration", "arc", "alien registration", "등록번호"},
		Strong: 700, Sample: "860514-5238472", Check: krFRNValid,
	},
	{
		Name: "ph.tin", Type: "PH_TIN",
		Title: "Taxpayer number (TIN) of the Philippines: nine digits, the last by modulo 11, and a code of the branch.",
		Of:    Either, Clean: " -",
		Shapes: []string{"999999999", "999999999999", "99999999999999"}, Written: []string{"999-999-999", "999-999-999-999", "999-999-999-99999", "999 999 999 999"},
		Words:  []string{"tin", "bir", "tin no", "bir tin", "tin number", "philippine tin"},
		Strong: 11, Sample: "482-736-112-000", Check: phTINValid,
	},
	{
		Name: "ph.sss", Type: "PH_SSS",
		Title: "Number of a person in the Social Security System of the Philippines.",
		Of:    Person, Clean: " -",
		Shapes: []string{"9999999999"}, Written: []string{"99-9999999-9"},
		Words:  []string{"sss", "sss no", "sss number", "social security"},
		Strong: 1, Sample: "34-4827361-5", Check: moreOf("9999999999"),
	},
	{
		Name: "ph.umid", Type: "PH_UMID", Aliases: []string{"PH_CRN"},
		Title: "Common reference number of the multi-purpose identity card of the Philippines.",
		Of:    Person, Clean: " -",
		Shapes: []string{"999999999999"}, Written: []string{"9999-9999999-9"},
		Words:  []string{"umid", "crn", "common reference", "crn no"},
		Strong: 1, Sample: "0111-4827361-5", Check: moreOf("999999999999"),
	},
	{
		Name: "ph.philhealth", Type: "PH_PHILHEALTH",
		Title: "Number of a person in the health insurance of the Philippines (PhilHealth).",
		Of:    Person, Health: true, Clean: " -",
		Shapes: []string{"999999999999"}, Written: []string{"99-999999999-9"},
		Words:  []string{"philhealth", "phic", "pin", "philhealth no", "philhealth id"},
		Strong: 1, Sample: "12-482736150-9", Check: moreOf("999999999999"),
	},
	{
		Name: "ph.passport", Type: "PH_PASSPORT",
		Title: "Number of a Philippine passport: P, seven digits and a letter.",
		Of:    Person, Shapes: []string{"p9999999A", "AA9999999"},
		Words:  []string{"passport", "passport no", "philippine passport", "pasaporte"},
		Strong: 2, Sample: "P4827361B", Check: moreOf("P9999999A", "AA9999999"),
	},
	{
		Name: "ng.nin", Type: "NG_NIN",
		Title: "National identification number (NIN) of a person in Nigeria, eleven digits by Verhoeff's scheme.",
		Of:    Person, Clean: " -",
		Shapes: []string{"99999999999"}, Written: []string{"9999 999 9999", "9999-999-9999"},
		Words:  []string{"nin", "nimc", "nin no", "nin number", "national identification", "national identity", "nin slip"},
		Strong: 10, Sample: "48273615023", Check: func(s string) bool { return digits(s, 11) && !same(s) && verhoeff(s) },
	},
	{
		Name: "ng.bvn", Type: "NG_BVN",
		Title: "Bank verification number (BVN) of a person in Nigeria: eleven digits that begin with 22.",
		Of:    Person, Shapes: []string{"22999999999"},
		Words:  []string{"bvn", "bank verification", "bvn no", "bvn number"},
		Strong: 1, Sample: "22248273615", Check: moreOf("22999999999"),
	},
	{
		Name: "jp.passport", Type: "JP_PASSPORT",
		Title: "Number of a Japanese passport: two letters and seven digits.",
		Of:    Person, Shapes: []string{"AA9999999"},
		Words:  []string{"パスポート", "旅券番号", "旅券", "パスポート番号", "japanese passport", "passport"},
		Strong: 1, Sample: "TK4827361", Check: moreOf("AA9999999"),
	},
	{
		Name: "jp.driver_license", Type: "JP_DRIVER_LICENSE",
		Title: "Number of a Japanese driving licence: twelve digits, the eleventh by modulo 11.",
		Of:    Person, Clean: " -",
		Shapes: []string{"999999999999"}, Written: []string{"9999 9999 9999", "9999-9999-9999"},
		Words:  []string{"運転免許", "運転免許証", "免許証番号", "免許番号", "免許証", "driver license", "driving licence"},
		Strong: 10, Sample: "301848273670", Check: jpLicenceValid,
	},
	{
		Name: "jp.residence_card", Type: "JP_RESIDENCE_CARD",
		Title: "Number of a card of a foreign resident in Japan: two letters, eight digits, two letters.",
		Of:    Person, Shapes: []string{"AA99999999AA"},
		Words:  []string{"在留カード", "在留カード番号", "residence card", "zairyu", "在留"},
		Strong: 1, Sample: "KT48273615BD", Check: moreOf("AA99999999AA"),
	},
	{
		Name: "cn.passport", Type: "CN_PASSPORT",
		Title: "Number of a Chinese passport: E and eight characters, or D, S, P, G, H and eight digits.",
		Of:    Person, Shapes: []string{"e99999999", "eA9999999", "g99999999", "d99999999", "s99999999", "p99999999", "h99999999", "AA9999999"},
		Words:  []string{"护照", "护照号", "护照号码", "護照", "護照號碼", "chinese passport", "passport", "passport no"},
		Strong: 1, Sample: "EK4827361", Check: moreOf("E99999999", "EA9999999", "G99999999", "D99999999", "S99999999", "P99999999", "H99999999", "DE9999999", "SE9999999", "PE9999999"),
	},
	{
		Name: "cn.travel_permit", Type: "CN_TRAVEL_PERMIT",
		Title: "Number of a permit to travel between the mainland of China and Hong Kong, Macao or Taiwan.",
		Of:    Person, Shapes: []string{"c99999999", "cA9999999", "w99999999", "h99999999", "m99999999", "h9999999999", "m9999999999", "t99999999", "l99999999"},
		Words:  []string{"通行证", "港澳通行证", "回乡证", "往来港澳", "台胞证", "通行證", "回鄉證", "travel permit", "home return", "大陆通行证"},
		Strong: 1, Sample: "C48273615", Check: moreOf("C99999999", "CA9999999", "W99999999", "H99999999", "M99999999", "H9999999999", "M9999999999", "T99999999", "L99999999"),
	},
	{
		Name: "hk.hkid", Type: "HK_HKID", Aliases: []string{"HK_ID_CARD"},
		Title: "Number of an identity card of Hong Kong: one or two letters, six digits and a check character.",
		Of:    Person, Clean: " -()",
		Shapes: []string{"A999999*", "AA999999*"}, Written: []string{"A999999-*", "A999999 *", "AA999999-*", "A 999999 *"},
		Words:  []string{"hkid", "hkid no", "hong kong", "identity card", "香港身份證", "香港身份证", "身份證號碼", "hkic"},
		Strong: 11, Sample: "K4827368", Check: hkIDValid,
	},
	{
		Name: "tw.id", Type: "TW_NATIONAL_ID", Aliases: []string{"TW_ID"},
		Title: "Identity number of a person in Taiwan: a letter of the place, the sex and eight digits, the last a check digit.",
		Of:    Person, Shapes: []string{"A999999999"},
		Words:  []string{"身分證", "身分證字號", "身份證字號", "身分證號", "統一編號", "national id", "居留證", "taiwan id", "身分證統一編號"},
		Strong: 25, Sample: "F148273610", Check: twIDValid,
	},
	{
		Name: "vn.cccd", Type: "VN_CCCD",
		Title: "Identity number of a person in Vietnam: province, sex and century, year of birth, serial.",
		Of:    Person, Shapes: []string{"099999999999"},
		Words:  []string{"cccd", "cmnd", "căn cước", "căn cước công", "số cccd", "số cmnd", "citizen id", "định danh"},
		Strong: 3, Sample: "079188004827", Check: moreOf("099999999999"),
	},
	{
		Name: "ae.eid", Type: "AE_EMIRATES_ID",
		Title: "Identity number of a resident of the United Arab Emirates: 784, year of birth, serial, a Luhn digit.",
		Of:    Person, Clean: " -",
		Shapes: []string{"784999999999999"}, Written: []string{"784-9999-9999999-9", "784 9999 9999999 9"},
		Words:  []string{"emirates id", "eid", "eida", "emirates", "uae id", "identity card", "الهوية"},
		Strong: 50, Sample: "784-1988-4827361-5", Check: func(s string) bool {
			return digits(s, 15) && s[:3] == "784" && (s[3:5] == "19" || s[3:5] == "20") && luhn(s)
		},
	},
	{
		Name: "sa.nid", Type: "SA_NATIONAL_ID", Aliases: []string{"SA_IQAMA"},
		Title: "Identity number of a citizen (1) or resident (2, iqama) of Saudi Arabia, with a Luhn digit.",
		Of:    Person, Shapes: []string{"9999999999"},
		Words:  []string{"iqama", "saudi id", "national id", "absher", "saudi", "الهوية الوطنية", "رقم الهوية", "الإقامة", "هوية"},
		Strong: 50, Sample: "1048273617", Check: func(s string) bool { return digits(s, 10) && (s[0] == '1' || s[0] == '2') && luhn(s) },
	},
	{
		Name: "au.medicare", Type: "AU_MEDICARE",
		Title: "Number of an Australian Medicare card: eight digits, a check digit and the number of the issue.",
		Of:    Person, Health: true, Clean: " -",
		Shapes: []string{"9999999999", "99999999999"}, Written: []string{"9999 99999 9", "9999-99999-9", "9999 99999 9 9", "9999 99999 9/9", "9999 99999 9-9"},
		Words:  []string{"medicare", "medicare no", "medicare number", "medicare card", "irn"},
		Strong: 20, Sample: "4827 36158 1", Check: auMedicareValid,
	},
	{
		Name: "au.passport", Type: "AU_PASSPORT",
		Title: "Number of an Australian passport: one or two letters and seven digits.",
		Of:    Person, Shapes: []string{"A9999999", "p*9999999", "AA9999999"},
		Words:  []string{"australian passport", "passport", "passport no", "passport number"},
		Strong: 1, Sample: "N4827361", Check: auPassportValid,
	},
	{
		Name: "au.driver_license", Type: "AU_DRIVER_LICENSE", Aliases: []string{"AU_DRIVING_LICENCE"},
		Title: "Number of an Australian driver licence.",
		Of:    Person, Clean: " ", Shapes: []string{"99999999", "999999999", "9999999999", "A99999", "A9999A", "9999AA", "999999A"}, Written: []string{"999 999 999", "99 999 999"},
		Words:  []string{"driver licence", "drivers licence", "licence", "licence no", "licence number", "driving licence"},
		Strong: 1, Sample: "48273615", Check: moreOf("99999999", "999999999", "9999999999", "A99999", "A9999A", "9999AA", "999999A"),
	},
	{
		Name: "nz.nhi", Type: "NZ_NHI",
		Title: "National health index number of a person in New Zealand, with a check character.",
		Of:    Person, Health: true, Shapes: []string{"AAA9999", "AAA99AA"},
		Words:  []string{"nhi", "nhi no", "nhi number", "national health"},
		Strong: 11, Sample: "KTR4826", Check: nzNHIValid,
	},
}

// sgNRICValid checks by modulo 11, as the table of letters of each series says.
func sgNRICValid(s string) bool {
	if !moreFits(s, "A9999999A") {
		return false
	}
	sum := weighted(s[1:8], 2, 7, 6, 5, 4, 3, 2)
	switch s[0] {
	case 'S':
		return s[8] == "JZIHGFEDCBA"[sum%11]
	case 'T':
		return s[8] == "JZIHGFEDCBA"[(sum+4)%11]
	case 'F':
		return s[8] == "XWUTRQPNMLK"[sum%11]
	case 'G':
		return s[8] == "XWUTRQPNMLK"[(sum+4)%11]
	case 'M':
		return s[8] == "KLJNPQRTUWX"[10-(sum+3)%11]
	}
	return false
}

func inPassportValid(s string) bool {
	return moreFits(s, "A9999999") && s[1] != '0' && s[7] != '0'
}

const inStates = "AN AP AR AS BH BR CG CH DD DL DN GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD OR PB PY RJ SK TN TR TS TG UK UA UP WB"

func inLicenceValid(s string) bool {
	if !moreAny(s, "AA9999999999999", "AA999999999999") || !strings.Contains(inStates, s[:2]) {
		return false
	}
	return s[4:6] == "19" || s[4:6] == "20" || len(s) == 14
}

func krPassportValid(s string) bool {
	return moreAny(s, "A99999999", "A999A9999") && strings.IndexByte("MSROD", s[0]) >= 0
}

func krLicenceValid(s string) bool {
	return digits(s, 12) && s[:2] >= "11" && s[:2] <= "28" && s[:2] != "27"
}

func krFRNValid(s string) bool {
	if !digits(s, 13) || s[6] < '5' || s[6] > '8' {
		return false
	}
	century := 1900
	if s[6] > '6' {
		century = 2000
	}
	if !day(century+number(s[:2]), number(s[2:4]), number(s[4:6])) {
		return false
	}
	return (13-weighted(s[:12], 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11)%10 == int(s[12]-'0')
}

func phTINValid(s string) bool {
	if len(s) != 9 && len(s) != 12 && len(s) != 14 || !allDigits(s) || moreZero(s[:9]) {
		return false
	}
	return weighted(s[:8], 9, 8, 7, 6, 5, 4, 3, 2)%11 == int(s[8]-'0')
}

func jpLicenceValid(s string) bool {
	if !digits(s, 12) || s[0] == '0' || same(s) {
		return false
	}
	c := 11 - weighted(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
	if c > 9 {
		c = 0
	}
	return c == int(s[10]-'0')
}

func hkIDValid(s string) bool {
	if !moreAny(s, "A999999*", "AA999999*") {
		return false
	}
	sum := 0
	if len(s) == 8 {
		sum = 9 * 36 // a blank counts 36
	} else {
		sum = 9 * value(s[0])
		s = s[1:]
	}
	sum += weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)
	c := (11 - sum%11) % 11
	if c == 10 {
		return s[7] == 'A'
	}
	return s[7] == byte('0'+c)
}

func twIDValid(s string) bool {
	if !moreFits(s, "A999999999") || s[1] != '1' && s[1] != '2' && s[1] != '8' && s[1] != '9' {
		return false
	}
	n := strings.IndexByte("ABCDEFGHJKLMNPQRSTUVXYWZIO", s[0]) + 10
	return (n/10+n%10*9+weighted(s[1:], 8, 7, 6, 5, 4, 3, 2, 1, 1))%10 == 0
}

func auMedicareValid(s string) bool {
	if len(s) != 10 && len(s) != 11 || !allDigits(s) || s[0] < '2' || s[0] > '6' || s[9] == '0' {
		return false
	}
	return weighted(s[:8], 1, 3, 7, 9)%10 == int(s[8]-'0')
}

func auPassportValid(s string) bool {
	return (moreFits(s, "A9999999") || moreFits(s, "AA9999999") && s[0] == 'P' || moreFits(s, "RA9999999")) && !moreZero(s)
}

const nzLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ" // no I, no O

func nzNHIValid(s string) bool {
	old, now := moreFits(s, "AAA9999"), moreFits(s, "AAA99AA")
	if !old && !now {
		return false
	}
	sum := 0
	for i := 0; i < 6; i++ {
		v := value(s[i])
		if v >= 10 {
			if v = strings.IndexByte(nzLetters, s[i]) + 1; v == 0 {
				return false
			}
		}
		sum += v * (7 - i)
	}
	if old {
		c := 11 - sum%11
		return sum%11 != 0 && s[6] == byte('0'+c%10)
	}
	return s[6] == nzLetters[22-sum%23]
}
