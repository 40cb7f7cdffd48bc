package national

import (
	"regexp"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
)

// sample is a place where a sample of a format stands.
var sample = regexp.MustCompile(`<([A-Z_]+)>`)

// Sentences, tables and records of our own, marked up: what is marked is found,
// and no other number of a person. <TYPE> is the sample of a format.
func TestTexts(t *testing.T) {
	s := suite(t, classifiers.Options{})
	for _, marked := range []string{
		// By a word, in the languages of the countries.
		"Please update the file: NHS number <UK_NHS>, NI <UK_NINO>, car reg [[VEHICLE_PLATE|KT68 WBD]].",
		"Ihre Rentenversicherungsnummer lautet <DE_SOCIAL_SECURITY>, Kennzeichen [[VEHICLE_PLATE|KA-TR 4827]].",
		"Il suo passaporto: [[IT_PASSPORT|YB4827361]]; targa [[VEHICLE_PLATE|KT 482 BD]].",
		"PESEL <PL_PESEL>, dowód osobisty <PL_ID_CARD>, prawo jazdy nr [[DRIVER_LICENSE|48273/61/5048]]",
		"Mijn rijbewijsnummer is [[DRIVER_LICENSE|4827361504]] en het kenteken [[VEHICLE_PLATE|48-KTB-2]].",
		"Her passport ([[PASSPORT|LK482736]]) and her Indian passport no. [[IN_PASSPORT|K4827361]] have expired.",
		"新しい在留カード番号は[[JP_RESIDENCE_CARD|KT48273615BD]]です。",
		"车牌号[[VEHICLE_PLATE|沪B48273]]的车主",
		"여권번호 [[KR_PASSPORT|M482K7361]]",
		"TC kimlik no: <TR_NATIONAL_ID>, plaka [[VEHICLE_PLATE|35 KT 482]]",
		// By form and check alone.
		"for the file: <SG_NRIC_FIN>",
		"my ni number is [[UK_NINO|rk 48 27 36 b]] and the car is [[VEHICLE_PLATE|hh-ab 1234]], reg [[VEHICLE_PLATE|TÜ-AB 123]]",
		// By field and column.
		`{"nric":"<SG_NRIC_FIN>","driver_license":"[[US_DRIVER_LICENSE|D4827361]]","vin":"<VIN>"}`,
		"name;kvnr;city\nJane Roe;<DE_HEALTH_INSURANCE>;Ulm\n",
		"| name | pesel |\n|---|---|\n| Jan | <PL_PESEL> |\n",
		"INSERT INTO people (id, city, bsn) VALUES (1, 'Ede', '<NL_BSN>'), (2, 'Best', '<NL_BSN>')",
		"country,person,tax_id\nCA,Roe,<CA_SIN>\n",
		// A label that is joined to it, and one that names something before it.
		"bsn-<NL_BSN> and passport [[US_PASSPORT|482736150]] exp 2031-04, seat 482736151",
		"in the ward: Lynne Roe, <UK_NINO>, dob 20/08/1948",
		// Not what it looks like.
		"order 482-736-05-91, NIP 482-736-05-92 has a wrong digit",
		"RFC 5280, ISO 9001 and DIN 912 for the vehicle registration API",
		"the set is 2000-300, then 1700-170, and we run 1200-800 in the sat test",
		"passport control at gate 48273615 opens at 0930; the license of the library is Apache-2.0, see LICENSE-2024",
		"let reg = 0x48273615; const plate = 'abc123'; // vehicle registration",
	} {
		marked = sample.ReplaceAllStringFunc(marked, func(m string) string {
			f, ok := stdnum.Lookup(m[1 : len(m)-1])
			if !ok {
				t.Fatal(m)
			}
			return "[[" + f.Type + "|" + f.Sample + "]]"
		})
		bare, marks, err := classifiers.ParseMarked(marked)
		if err != nil {
			t.Fatal(err)
		}
		found := classify(t, s, bare)
		used := make([]bool, len(found))
	marks:
		for _, m := range marks {
			for i, f := range found {
				if f.Start == m.Start && f.End == m.End && f.Type == m.Type && f.Likelihood >= proxy.Likely {
					used[i] = true
					continue marks
				}
			}
			t.Errorf("%q: %s not found; %v", bare, m.Type, brief(found))
		}
		for i, f := range found {
			if !used[i] && isGrave(f) {
				t.Errorf("%q: %s (%s) at %d not marked", bare, f.Type, f.Likelihood, f.Start)
			}
		}
	}
}
