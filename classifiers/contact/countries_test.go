package contact_test

import (
	"slices"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// Numbers of many countries in the forms that they are written in, made up:
// beside a word for telephone in the language of the country, and those with a
// country code by themselves too.
var forms = []struct{ cue, number string }{
	{"phone ", "(415) 867-5309"}, {"phone ", "415.867.5309"}, {"cell: ", "4158675309"}, {"call ", "001-415-867-5309x123"}, {"fax ", "+1 415 867 5309"}, {"ph. ", "867-5309"},
	{"mobile ", "07911 123456"}, {"tel ", "020 7833 1234"}, {"tel ", "(0113) 278 1234"}, {"phone ", "+44(0)20 7833 1234"},
	{"Tel.: ", "030 901820"}, {"Telefon ", "(089) 1234 5678"}, {"Handy ", "0171/2345678"}, {"Mobil ", "+49 (0)171 2345678"}, {"Fax ", "030/90 18-20 44"}, {"Telefon ", "03572/80385280"},
	{"tél. ", "01 42 68 53 00"}, {"portable ", "06.12.34.87.90"}, {"téléphone ", "+33 (0)6 12 34 87 90"},
	{"teléfono ", "612 348 790"}, {"móvil ", "+34 612 34 87 90"}, {"tel. ", "91 234 87 90"}, {"celular ", "55 1234 8790"},
	{"cellulare ", "347 123 8790"}, {"telefono ", "06 1238790"}, {"tel ", "+39 02 1238 7900"},
	{"telefone ", "(11) 91238-7900"}, {"celular ", "+55 11 91238-7900"}, {"telemóvel ", "912 387 900"}, {"telemóvel ", "(351) 912 387 900"},
	{"telefoon ", "020-1238790"}, {"gsm ", "0478 12 38 79"}, {"mobiel ", "06-12387900"},
	{"telefon ", "12 387 90 04"}, {"komórka ", "612 387 900"}, {"tel. ", "+48 612 387 900"},
	{"telefon ", "08-123 87 90"}, {"mobilnummer ", "070-123 87 90"}, {"telefon ", "12 38 79 00"}, {"puhelin ", "040 1238790"},
	{"電話", "03-1238-7900"}, {"携帯 ", "090-1238-7900"}, {"电话：", "13812387900"}, {"手机 ", "138 1238 7900"}, {"전화 ", "010-1238-7900"}, {"โทร ", "081-238-7900"},
	{"फ़ोन ", "98123 87900"}, {"मोबाइल ", "+91 98123 87900"}, {"cep telefonu ", "0532 123 87 90"}, {"telefon ", "0 (212) 123 87 90"},
	{"телефон ", "8 (912) 123-87-90"}, {"тел. ", "+7 912 123-87-90"}, {"phone ", "0412 387 900"}, {"phone ", "+61 2 9123 8790"}, {"WhatsApp ", "919812387900"}, {"tel:", "+41446681801"},
	{"phone ", "050-123-8790"}, {"هاتف ", "0501238790"}, {"τηλ. ", "210 123 8790"}, {"mobile ", "082 123 8790"},
}

func TestCountries(t *testing.T) {
	s := newSuite(t)
	found, total := 0, 0
	check := func(text string, at, n int) {
		total++
		if slices.ContainsFunc(classify(t, s, "", text), func(f proxy.Finding) bool {
			return f.Type == "PHONE_NUMBER" && f.Likelihood >= proxy.Likely && f.Start == at && f.End == at+n
		}) {
			found++
		} else {
			t.Errorf("not found in place: %q", text)
		}
	}
	for _, f := range forms {
		check(f.cue+f.number+", danke.", len(f.cue), len(f.number))
		if f.number[0] == '+' {
			check("- "+f.number+"\n", 2, len(f.number))
		}
	}
	t.Logf("%d of %d forms found", found, total)
}

// The same digits as something else.
func TestOtherNumbers(t *testing.T) {
	s := newSuite(t)
	for _, text := range []string{
		"order 4158675309 was paid", "id=4158675309", "user_id: 79111234567", "tracking number 612348790", "invoice 030 901820 of 2024", "version 1.415.867.5309",
		"2024-11-24 10:30:00,123", "20241124103000", "1732444200123", "ISBN 978-0-12-387900-4", "EAN 4012345678901", "lat 52.5200066, lon 13.4049540", "$1,238,790.00 and 1.238.790,00 €",
		"SSN 536-22-8765", "card 4539 1488 0343 6467", "IBAN DE75 5121 0800 1245 1261 99", "192.168.123.187:8080", "a1b2c3d4-1238-7900-abcd-0123456789ab", "0x4158675309", "sha 4158675309abcdef", "port 08080 and 0123456789",
		"scores 21-15 19-21 21-18", "pages 1238-1790", "born 12.03.1980, died 2020", "rows 1000000 to 2000000", "phone model SM-G991B, android 14.0.1", "call stack 0x7fff5fbff8c8 at line 1238790", "call me in 2025-2026", "the phone costs 1 238 790 dollars",
		"clobbers: 2147483631", "[1238, 7900, 4158, 6753]", "1;1238790;4158675;309", "PID 1238790 exited", "+1238790 lines, -415867 lines", "UTC+0100 12:38", "10000000000 calls",
	} {
		for _, f := range classify(t, s, "", text) {
			if f.Type == "PHONE_NUMBER" && f.Likelihood >= proxy.Likely {
				t.Errorf("found at %d-%d of %q: %s, %+v", f.Start, f.End, text, f.Likelihood, f.Evidence)
			}
		}
	}
}
