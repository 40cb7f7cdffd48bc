package national

import (
	"math"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
)

// elsewhere are formats that other detectors judge, that say nothing alone (a
// check digit without a number of its own), or that are places.
var elsewhere = words(`meid iban be.iban es.iban me.iban no.iban bic iso9362 bitcoin imei imsi mac luhn damm verhoeff creditcard iso7064.mod_11_10 iso7064.mod_11_2
	iso7064.mod_37_2 iso7064.mod_37_36 iso7064.mod_97_10 us.rtn us.ssn at.postleitzahl es.postal_code nl.postcode se.postnummer vatin eu.vat eu.nace iccid cfi gs1_128`)

// usual are the types that recognisers of the field find without context, at
// their lowest level. Of several formats that a bare number is valid for, these
// come first.
var usual = words(`AU_ABN AU_ACN AU_MEDICARE AU_TFN CA_SIN CN_RIC DE_BSNR DE_HEALTH_INSURANCE DE_ID_CARD DE_IDNR DE_KFZ DE_LANR DE_PASSPORT DE_SOCIAL_SECURITY DE_TAX_ID DE_TAX_NUMBER DE_STNR DE_VAT DE_VAT_ID DE_HANDELSREGISTER
	ES_NIE ES_NIF ES_PASSPORT FI_PERSONAL_IDENTITY_CODE IN_AADHAAR IN_GSTIN IN_PAN IN_PASSPORT IN_VEHICLE_REGISTRATION IN_VOTER IT_DRIVER_LICENSE IT_FISCAL_CODE IT_IDENTITY_CARD IT_PASSPORT
	IT_VAT_CODE KR_BRN KR_DRIVER_LICENSE KR_FRN KR_PASSPORT KR_RRN NG_NIN NG_VEHICLE_REGISTRATION PH_TIN PL_PESEL SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_NRIC_FIN SG_UEN TH_TNIN
	TR_LICENSE_PLATE TR_NATIONAL_ID TR_TCKIMLIK UK_DRIVING_LICENCE UK_NHS UK_NINO UK_PASSPORT UK_VEHICLE_REGISTRATION US_DRIVER_LICENSE US_ITIN US_PASSPORT BR_CPF BR_CNPJ ZA_IDNR ZA_ID_NUMBER VIN`)

// common are the identifiers of people in countries with many readers of this
// text; where another country uses the same word, theirs come first.
var common = words(`PT_NIF NL_BSN BE_NN BE_SSN FR_NIR FR_NIF ES_CIF DK_CPR NO_FODSELSNUMMER CZ_RC SK_RC RO_CNP AT_VNR AT_TIN CH_SSN JP_IN MX_CURP MX_RFC HR_OIB IE_PPS PL_NIP CA_SIN AR_CUIT AR_DNI
	CL_RUT CO_NIT PE_CUI PE_RUC TR_TCKIMLIK TR_NATIONAL_ID GR_AMKA HU_ANUM BG_EGN FI_HETU FR_SIREN FR_SIRET GB_UTR UK_UTR UK_NHS US_EIN DE_VAT FR_TVA ES_NIF`)

// extraWords are names of fields that stand beside numbers of a type.
var extraWords = map[string][]string{
	"TR_NATIONAL_ID": {"tc no", "tc kimlik no"}, "TR_TCKIMLIK": {"tc no", "tc kimlik no"},
	"IT_VAT_CODE": {"iva", "fiscale iva", "idfiscaleiva", "piva"},
}

// extraForms are forms that are met and are not usual.
var extraForms = map[string][]string{
	"us.itin": {"999-999999", "99999-9999"},
}

// refinements are rules of issuers beyond what a format's check knows.
var refinements = map[string]func(compact string) bool{
	// The second and third digits are a province of ISO 3166-2:TH, 10 to 96.
	"th.pin": func(s string) bool { return len(s) == 13 && s[1] != '0' && s[1:3] <= "96" },
}

// loose are forms that a number may have although its check is wrong or has not
// been published: reported low, and beside its word as possible at most.
var loose = []struct{ name, shape string }{
	{"in_.pan", "AAAAA9999A"}, {"in_.pan", "A9999AAAAA"}, {"in_.pan", "AA9999AAAA"}, {"in_.pan", "AAA9999AAA"}, {"in_.pan", "AAAA9999AA"},
	{"in_.gstin", "99AAAAA9999A*z*"}, {"in_.epic", "AAA9999999"}, {"sg.nric", "A9999999A"},
	{"in_.vehicle_registration", "AA9999"}, {"in_.vehicle_registration", "AAA9999"}, {"in_.vehicle_registration", "A99999"}, {"in_.vehicle_registration", "AA9AAA9999"},
}

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// entries makes the entries of every format that this room judges, and the cue of
// all their hints.
func entries() ([]*entry, *classifiers.Cue) {
	var list []*entry
	var hints []string
	byType := typeTable()
	for _, f := range formats() {
		e := &entry{format: f, typ: byType[f.Type], strength: decades(f.Strong), known: usual[f.Type], refine: refinements[f.Name]}
		clear, terse, loose := wordsOf(f)
		e.cue = classifiers.NewCue(clear...)
		e.either = classifiers.NewCue(append(clear, terse...)...)
		hints = append(hints, loose...)
		if len(terse) > 0 {
			e.terse = classifiers.NewCue(terse...)
		}
		if len(loose) > 0 {
			e.hint = classifiers.NewCue(loose...)
		}
		cc, _, _ := strings.Cut(f.Name, ".")
		e.home = countries[strings.TrimSuffix(cc, "_")]
		e.labelled = e.strength < 5
		if e.known {
			e.rank = 2
		} else if common[f.Type] {
			e.rank = 1
		} else if f.Type == "NATIONAL_ID" {
			e.rank = -1
		}
		if platesOf[f.Type] {
			e.beside, e.labelled = byType["VEHICLE_PLATE"], true
		}
		list = append(list, e)
	}
	for _, e := range list {
		// The British passport has nine digits as the American has.
		if e.format.Name == "gb.passport" {
			f := *e.format
			f.Shapes, f.Check = []string{"999999999"}, func(string) bool { return true }
			list = append(list, &entry{format: &f, typ: e.typ, cue: e.cue, terse: e.terse, either: e.either, home: e.home, rank: 3, labelled: true, foreign: true})
			break
		}
	}
	for _, e := range list {
		// The number in a register is written without its court, mostly.
		if e.format.Name == "de.handelsregisternummer" {
			f := *e.format
			f.Name, f.Compact, f.Clean, f.Check = "de.hrb", nil, " ", func(string) bool { return true }
			f.Written = nil
			for _, n := range []string{"9999999", "999999", "99999", "9999", "999", "99999A", "9999A"} {
				f.Written = append(f.Written, "hrb "+n, "hra "+n)
				f.Shapes = append(f.Shapes, "hrb"+n, "hra"+n)
			}
			list = append(list, &entry{format: &f, typ: e.typ, cue: e.cue, either: e.either, home: e.home, strength: 10, known: true, rank: 2})
			break
		}
	}
	for _, e := range list {
		// Old Spanish numbers are written without their leading zero.
		if e.format.Name == "es.nif" || e.format.Name == "es.dni" {
			f, full := *e.format, e.format
			f.Name, f.Shapes, f.Written, f.Compact = f.Name+"7", []string{"9999999A"}, []string{"9999999-A", "9.999.999-A", "9.999.999 A"}, nil
			f.Clean, f.Check = " -.", func(s string) bool { return full.Valid("0" + s) }
			list = append(list, &entry{format: &f, typ: e.typ, cue: e.cue, terse: e.terse, either: e.either, hint: e.hint, home: e.home, strength: e.strength, known: e.known, rank: e.rank})
		}
	}
	for _, l := range loose {
		for _, e := range list {
			if e.format.Name == l.name {
				f := *e.format
				f.Shapes, f.Written, f.Compact, f.Strong = []string{l.shape}, nil, nil, 1
				f.Check = func(string) bool { return true }
				list = append(list, &entry{format: &f, typ: e.typ, cue: e.cue, terse: e.terse, either: e.either, home: e.home, known: true, labelled: true, doubtful: true})
				break
			}
		}
	}
	for _, e := range list {
		e.clean = cleanOf(e.format)
	}
	return list, classifiers.NewCue(hints...)
}

// formats are those of stdnum that this room judges.
func formats() []*stdnum.Format {
	var list []*stdnum.Format
	for _, f := range stdnum.All() {
		if !elsewhere[f.Name] {
			list = append(list, f)
		}
	}
	return list
}

// decades gives the tenths of a decade of a format's strength.
func decades(strong int) int {
	if strong < 2 {
		return 0
	}
	return int(10*math.Log10(float64(strong)) + 0.5)
}

// typeTable makes the types of the formats, by name.
func typeTable() map[string]*classifiers.Type { return typesOnce() }

func newType(f *stdnum.Format) *classifiers.Type {
	t := &classifiers.Type{Name: f.Type, Doc: f.Title, Severity: classifiers.Low}
	switch f.Of {
	case stdnum.Person, stdnum.Either:
		t.Groups, t.Severity = []string{classifiers.Personal, classifiers.Identifier}, classifiers.High
	case stdnum.Vehicle:
		t.Groups, t.Severity = []string{classifiers.Personal, classifiers.Identifier}, classifiers.Medium
		if !personalVehicle[f.Type] {
			t.Groups, t.Severity = []string{classifiers.General}, classifiers.Low
		}
	case stdnum.Account:
		t.Groups, t.Severity = []string{classifiers.Financial}, classifiers.High
	default:
		t.Groups = []string{classifiers.General}
	}
	if public[f.Type] {
		t.Groups, t.Severity = []string{classifiers.General}, classifiers.Low
	}
	if f.Health {
		t.Groups = append(t.Groups, classifiers.Health)
	}
	return t
}

// public are numbers of people that are made to be cited.
var public = words(`ISNI ORCID`)

// platesOf are types of plates of one country.
var platesOf = words(`DE_KFZ TR_LICENSE_PLATE IN_VEHICLE_REGISTRATION NG_VEHICLE_REGISTRATION UK_VEHICLE_REGISTRATION`)

// personalVehicle are numbers of vehicles that lead to their owners.
var personalVehicle = words(`VIN VEHICLE_PLATE`)
