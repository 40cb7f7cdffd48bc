package national

import (
	"math"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
)

// elsewhere are formats that other detectors judge, that say nothing alone (a
// check digit without a number of its own), or that are places.
var elsewhere = words(`iban be.iban es.iban me.iban no.iban bic iso9362 bitcoin imei imsi mac luhn damm verhoeff creditcard iso7064.mod_11_10 iso7064.mod_11_2
	iso7064.mod_37_2 iso7064.mod_37_36 iso7064.mod_97_10 us.rtn us.ssn at.postleitzahl es.postal_code nl.postcode se.postnummer vatin eu.vat eu.nace iccid`)

// usual are the types that recognisers of the field find without context, at
// their lowest level. Of several formats that a bare number is valid for, these
// come first.
var usual = words(`AU_ABN AU_ACN AU_MEDICARE AU_TFN CA_SIN CN_RIC DE_BSNR DE_HEALTH_INSURANCE DE_ID_CARD DE_IDNR DE_KFZ DE_LANR DE_PASSPORT DE_SOCIAL_SECURITY DE_TAX_ID DE_TAX_NUMBER DE_STNR DE_VAT DE_VAT_ID DE_HANDELSREGISTER
	ES_NIE ES_NIF ES_PASSPORT FI_PERSONAL_IDENTITY_CODE IN_AADHAAR IN_GSTIN IN_PAN IN_PASSPORT IN_VEHICLE_REGISTRATION IN_VOTER IT_DRIVER_LICENSE IT_FISCAL_CODE IT_IDENTITY_CARD IT_PASSPORT
	IT_VAT_CODE KR_BRN KR_DRIVER_LICENSE KR_FRN KR_PASSPORT KR_RRN NG_NIN NG_VEHICLE_REGISTRATION PH_TIN PL_PESEL SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_NRIC_FIN SG_UEN TH_TNIN
	TR_LICENSE_PLATE TR_NATIONAL_ID TR_TCKIMLIK UK_DRIVING_LICENCE UK_NHS UK_NINO UK_PASSPORT UK_VEHICLE_REGISTRATION US_DRIVER_LICENSE US_ITIN US_PASSPORT BR_CPF BR_CNPJ ZA_IDNR ZA_ID_NUMBER VIN`)

// labelledTypes have no check digit and a form that much else has: they need
// their word.
var labelledTypes = words(`US_PASSPORT US_DRIVER_LICENSE UK_PASSPORT IT_PASSPORT IN_PASSPORT KR_PASSPORT`)

// loose are forms that a number may have although its check is wrong or has not
// been published: reported low, and beside its word as possible at most.
var loose = []struct{ name, shape string }{
	{"in_.pan", "AAAAA9999A"}, {"in_.pan", "A9999AAAAA"}, {"in_.epic", "AAA9999999"}, {"sg.nric", "A9999999A"},
}

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// entries makes the entries of every format that this room judges.
func entries() []*entry {
	var list []*entry
	byType := typeTable()
	for _, f := range formats() {
		e := &entry{format: f, typ: byType[f.Type], strength: decades(f.Strong), known: usual[f.Type]}
		e.cue = classifiers.NewCue(ownWords(f)...)
		if loose := looseOf(f); len(loose) > 0 {
			e.hint = classifiers.NewCue(loose...)
		}
		cc, _, _ := strings.Cut(f.Name, ".")
		e.home = countries[strings.TrimSuffix(cc, "_")]
		e.labelled = e.strength < 5
		list = append(list, e)
	}
	for _, l := range loose {
		for _, e := range list {
			if e.format.Name == l.name {
				f := *e.format
				f.Shapes, f.Written, f.Compact, f.Strong = []string{l.shape}, nil, nil, 1
				f.Check = func(string) bool { return true }
				list = append(list, &entry{format: &f, typ: e.typ, cue: e.cue, home: e.home, known: true, labelled: true, doubtful: true})
				break
			}
		}
	}
	return list
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
	if f.Health {
		t.Groups = append(t.Groups, classifiers.Health)
	}
	return t
}

// personalVehicle are numbers of vehicles that lead to their owners.
var personalVehicle = words(`VIN VEHICLE_PLATE`)
