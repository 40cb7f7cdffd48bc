package stdnum

import (
	"strings"
	"testing"
)

// Every sample is valid, and no check allocates or panics.
func TestMoreSamples(t *testing.T) {
	for _, f := range formatsMore {
		if f.Title == "" || f.Of == 0 || len(f.Shapes) == 0 || len(f.Words) == 0 || f.Strong < 1 {
			t.Errorf("%s: a field is empty", f.Name)
		}
		if !f.Valid(f.Sample) {
			t.Errorf("%s: its sample is not valid", f.Name)
			// Help to make one: our own samples may be shown.
			for i := 0; i < len(f.Sample); i++ {
				for c := byte('0'); c <= 'Z'; c++ {
					if s := f.Sample[:i] + string(c) + f.Sample[i+1:]; value(c) >= 0 && f.Valid(s) {
						t.Logf("  %s is", s)
					}
				}
			}
		}
		fits := false
		c := Clean(f.Sample, f.Clean)
		for _, s := range f.Shapes {
			fits = fits || gzFits(c, s)
		}
		if !fits {
			t.Errorf("%s: its sample has none of its shapes", f.Name)
		}
		if n := testing.AllocsPerRun(10, func() { f.Check(c) }); n != 0 {
			t.Errorf("%s: %v allocations", f.Name, n)
		}
		for n := 0; n < 40; n++ {
			for _, s := range []string{strings.Repeat("0", n), strings.Repeat("A", n), strings.Repeat("9Z", n), strings.Repeat("é", n), strings.Repeat("\xff", n)} {
				f.Check(s)
				f.Valid(s)
			}
		}
	}
}

// Of the values with one digit changed about one in Strong is taken, where the
// strength is that of a check digit.
func TestMoreCorrupted(t *testing.T) {
	for _, f := range formatsMore {
		if f.Strong < 8 {
			continue
		}
		c := Clean(f.Sample, f.Clean)
		taken, all := 0, 0
		for i := 0; i < len(c); i++ {
			for d := byte('0'); d <= '9'; d++ {
				if c[i] != d && c[i] >= '0' && c[i] <= '9' {
					all++
					if f.Check(c[:i] + string(d) + c[i+1:]) {
						taken++
					}
				}
			}
		}
		// Dates and serials let some pass; a check digit none but by ranges.
		if taken*2 > all && !noCheckDigit[f.Name] {
			t.Errorf("%s: %d of %d changed values taken", f.Name, taken, all)
		}
	}
}

// noCheckDigit are formats whose strength is in dates, letters and ranges.
var noCheckDigit = map[string]bool{"gb.nino": true, "gb.driving_licence": true, "ca.qc_ramq": true, "mx.clave_elector": true, "in_.driving_licence": true, "vin": true, "in_.vehicle_registration": true}

// Cases whose answer the issuers' own examples or rules give.
func TestMoreKnown(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"vin", "1M8GDM9AXKP042788", true}, {"vin", "1M8GDM9A1KP042788", false}, {"vin", "1M8GDM9AXKP04278O", false},
		{"hk.hkid", "A123456(3)", true}, {"hk.hkid", "A123456(4)", false},
		{"tw.id", "A123456789", true}, {"tw.id", "A123456788", false},
		{"sg.nric", "S1234567D", true}, {"sg.nric", "S1234567E", false},
		{"nz.nhi", "ZAC5361", true}, {"nz.nhi", "ZBN77VL", true}, {"nz.nhi", "ZZZ0044", false},
		{"ru.snils", "112-233-445 95", true}, {"ru.snils", "112-233-445 96", false},
		{"de.rvnr", "15 070649 C 103", true}, {"de.kvnr", "A123456780", true}, {"de.kvnr", "A123456781", false},
		{"br.pis", "120.56874.10-7", true}, {"br.cnh", "62472927637", true}, {"br.titulo_eleitor", "102385010671", true},
		{"pl.dowod", "ABA300000", true}, {"pl.dowod", "ABA400000", false},
	} {
		f, ok := Lookup(c.name)
		if !ok {
			t.Errorf("%s is not listed", c.name)
			continue
		}
		if f.Valid(c.value) != c.want {
			t.Errorf("%s: a published value is answered %v", c.name, !c.want)
		}
	}
}
