package national

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers/stdnum"
)

// apart are formats whose samples the scanner's words do not hold together (an
// ISIL has small letters, a court's name is long, others mix letters and digits
// word by word), that stand between marks that are no part of the number, or that
// are another format's number too.
var apart = words(`BE_OGM_VCS ISAN ISIL ISO11649 DE_HANDELSREGISTERNUMMER DE_LEITWEG EU_EIC ES_DNI FR_RCS RO_CF`)

// twins are numbers that another country gives by the same rule and name.
var twins = words(`SK_RC MC_TVA`)

// positives gives each format's sample beside one of its words.
func positives() []string {
	var out []string
	for _, f := range formats() {
		clear, terse, _ := wordsOf(f)
		if w := append(clear[len(extraWords[f.Type]):], terse...); len(w) > 0 && !short(f.Sample) && !apart[f.Type] {
			out = append(out, positive(f, w[0]))
		}
	}
	return append(out, "eingetragen unter [[DE_HANDELSREGISTERNUMMER|HRB 48273]]")
}

// short reports whether a number has too few digits to be looked for without the
// code of its country.
func short(sample string) bool {
	n := 0
	for i := 0; i < len(sample); i++ {
		switch {
		case digit(sample[i]):
			n++
		case sample[i] >= 'A':
			return false
		}
	}
	return n < minBare
}

func positive(f *stdnum.Format, word string) string {
	if cc, _, _ := strings.Cut(f.Name, "."); (f.Strong < 5 || twins[f.Type]) && countries[cc] != nil {
		word = countries[cc].words[0] + " " + word // several countries have the form
	}
	typ := f.Type
	if platesOf[typ] {
		typ = "VEHICLE_PLATE"
	}
	return word + ": [[" + typ + "|" + f.Sample + "]]"
}

// nearMisses are numbers that name things.
var nearMisses = []string{
	"order 100-2345678-9012345, tracking 9400111899223197428490, invoice 2024-000123-77",
	"version 1.26.4, build 20241124.1, commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
	"550e8400-e29b-41d4-a716-446655440000 and 2.16.840.1.101.3.4.2.1",
	"1700000000 1700000000123 2147483647 9223372036854775807 3.14159265358979323846",
	"2024-11-24 10:30:01, 24.11.2024, 11/24/2024, 12:34:56",
	"part 6204-2RS, SKU AX-100-BLK-XL, LOT 24-11873-B, REF 0301-9942-17",
	`{"user_id":482736150,"session":"8f14e45fceea167a","account_id":4827361504,"created":1730412345,"shard":17,"parent_id":"123456789012"}`,
	"GET /api/v2/customers/48273615/orders/9827361540?since=20240115 200 12345 0.013",
	"2026-10-04T12:33:12.004Z INFO pid=48273 tid=140735812345678 offset=4827361504 took 1234567890 ns",
	"ISO 9001, RFC 5280, DIN 912, EN 60335-1, IEC 61508, USB 3.2, H.264, MP3, B2B, A4, 4711",
	"gpu A100 80GB, CPU E5-2680 v4, HP EliteBook 840 G8, iPhone 15, Boeing 737-800, Airbus A320-214, BMW 320d",
	"room B204, gate A12, flight LH1748, seat 23F, PNR X7K2QP, bus 47",
	"order reference K48273615, invoice RE-2024-00482, customer no 482736, policy 48-2736-150",
	"SELECT 482736150, 'A48273615' FROM t WHERE x = 4827361504; -- 12 345 678 rows",
	"+1 415 867 5309, 1,234,567.89, 12.345.678,90, 1 234 567, 99.5 %, 3:2, 10-12, 1999-2004",
	"patient phone 482-601-7316, ward 12; GP surgery 617-482-0327",
	"build 20241124-1215, backup 20250318-0015 and image nightly-20240229-4827",
	"ids 100000000001 to 100000000999 and rows 536228765, 250555090",
}
