package stdnum

import "strings"

var egTN = &Format{
	Name: "eg.tn", Type: "EG_TN", Aliases: []string{"EG_VAT"},
	Title: "Tax registration number (رقم التسجيل الضريبي) of people and firms in Egypt.",
	Of:    Either, Clean: " -/", Compact: egTNCompact,
	Shapes: []string{"999999999"}, Written: []string{"999-999-999", "999 999 999", "999/999/999"},
	Words:  []string{"tax registration", "registration number", "tax number", "tax id", "tax card", "trn", "رقم التسجيل", "التسجيل الضريبي", "رقم ضريبي", "الرقم الضريبي", "بطاقة ضريبية"},
	Strong: 1, Sample: "482-730-159", Check: egTNValid,
}

// egTNCompact reads Arabic-Indic digits and their eastern forms.
func egTNCompact(value string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '٠' && r <= '٩':
			return '0' + r - '٠'
		case r >= '۰' && r <= '۹':
			return '0' + r - '۰'
		}
		return r
	}, Clean(value, " -/"))
}

func egTNValid(s string) bool { return digits(s, 9) }
