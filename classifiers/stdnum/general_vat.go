package stdnum

import "strings"

// vatFormats are the formats of VAT and similar numbers, by the code that stands
// before them: a country's, EL for Greece, XI for Northern Ireland, EU and IM
// for sellers from outside of the union.
var vatFormats = [...]struct {
	prefix string
	member bool // of the union's scheme
	format *Format
}{
	{"AD", false, adNRT}, {"AL", false, alNIPT}, {"AR", false, arCUIT}, {"AT", true, atUID}, {"AU", false, auABN}, {"AZ", false, azVOEN}, {"BE", true, beVAT}, {"BG", true, bgVAT}, {"BR", false, brCNPJ},
	{"BY", false, byUNP}, {"CA", false, caBN}, {"CH", false, chVAT}, {"CL", false, clRUT}, {"CN", false, cnUSCC}, {"CO", false, coNIT}, {"CR", false, crCPJ}, {"CY", true, cyVAT}, {"CZ", true, czDIC},
	{"DE", true, deVAT}, {"DK", true, dkCVR}, {"DO", false, doRNC}, {"DZ", false, dzNIF}, {"EC", false, ecRUC}, {"EE", true, eeKMKR}, {"EG", false, egTN}, {"EL", true, grVAT}, {"ES", true, esNIF},
	{"EU", true, euOSS}, {"FI", true, fiALV}, {"FO", false, foVN}, {"FR", true, frTVA}, {"GB", false, gbVAT}, {"GH", false, ghTIN}, {"GN", false, gnNIFP}, {"GR", true, grVAT}, {"GT", false, gtNIT},
	{"HR", true, hrOIB}, {"HU", true, huANUM}, {"ID", false, idNPWP}, {"IE", true, ieVAT}, {"IL", false, ilHP}, {"IM", true, euOSS}, {"IN", false, inGSTIN}, {"IS", false, isVSK}, {"IT", true, itIVA},
	{"JP", false, jpCN}, {"KE", false, kePIN}, {"KR", false, krBRN}, {"LT", true, ltPVM}, {"LU", true, luTVA}, {"LV", true, lvPVN}, {"MA", false, maICE}, {"MC", false, mcTVA}, {"ME", false, mePIB},
	{"MK", false, mkEDB}, {"MT", true, mtVAT}, {"MX", false, mxRFC}, {"MZ", false, mzNUIT}, {"NL", true, nlBTW}, {"NO", false, noMVA}, {"NZ", false, nzIRD}, {"OM", false, omVAT}, {"PE", false, peRUC},
	{"PL", true, plNIP}, {"PT", true, ptNIF}, {"PY", false, pyRUC}, {"RO", true, roCF}, {"RS", false, rsPIB}, {"RU", false, ruINN}, {"SE", true, seVAT}, {"SG", false, sgUEN}, {"SI", true, siDDV},
	{"SK", true, skDPH}, {"SM", false, smCOE}, {"SN", false, snNINEA}, {"SV", false, svNIT}, {"TH", false, thMOA}, {"TN", false, tnMF}, {"TR", false, trVKN}, {"TW", false, twUBN}, {"UY", false, uyRUT},
	{"VE", false, veRIF}, {"VN", false, vnMST}, {"XI", true, gbVAT},
}

// vatFormat gives the format of numbers with the code that s begins with.
func vatFormat(s string, members bool) *Format {
	if len(s) < 2 {
		return nil
	}
	for i := range vatFormats {
		if v := &vatFormats[i]; v.prefix == s[:2] {
			if members && !v.member {
				return nil
			}
			return v.format
		}
	}
	return nil
}

// vatCompact gives the code of the country and the compact form of the number
// that stands behind it.
func vatCompact(value string) string {
	s := strings.TrimSpace(value)
	if len(s) < 2 {
		return ""
	}
	code := strings.ToUpper(s[:2])
	f := vatFormat(code, false)
	switch {
	case f == nil:
		return ""
	case f.Compact != nil:
		return code + f.Compact(s[2:])
	}
	return code + Clean(s[2:], f.Clean)
}

var euVAT = &Format{
	Name: "eu.vat", Type: "EU_VAT",
	Title: "VAT number of a firm in a member state of the European Union, with the code of the state.",
	Of:    Company, Clean: " -.", Compact: euVATCompact,
	Words:  []string{"vat", "vat number", "vat no", "vat id", "vatin", "ust id", "ustid", "tva", "btw", "iva", "nif", "vat eu"},
	Strong: 10, Sample: "ATU48273014", Check: euVATValid,
}

// euVATCompact leaves nothing of a value that has the code of its state twice.
func euVATCompact(value string) string {
	if s := Clean(value, " -."); len(s) > 4 && s[2:4] == s[:2] {
		return ""
	}
	return vatCompact(value)
}

func euVATValid(s string) bool {
	f := vatFormat(s, true)
	return f != nil && vatValid(f, s)
}

var genVATIN = &Format{
	Name: "vatin", Type: "VATIN",
	Title: "VAT identification number of a firm, with the code of its country.",
	Of:    Company, Clean: " -.", Compact: vatCompact,
	Words:  []string{"vatin", "vat", "vat number", "vat no", "vat id", "tax id", "tax number"},
	Strong: 10, Sample: "ATU48273014", Check: genVATINValid,
}

func genVATINValid(s string) bool {
	f := vatFormat(s, false)
	return f != nil && vatValid(f, s)
}

// vatValid checks the number with its code and without: what the code stands
// for is part of some numbers and not of others.
func vatValid(f *Format, s string) bool { return len(s) > 2 && (f.Check(s) || f.Check(s[2:])) }
