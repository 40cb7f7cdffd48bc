package stdnum

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gzModules are the modules of python-stdnum that countries g to z have.
const gzModules = `gb.nhs gb.sedol gb.upn gb.utr gb.vat gh.tin gn.nifp gr.amka gr.vat gt.nit hr.oib hu.anum id.nik id.npwp ie.pps ie.vat il.hp il.idnr
in_.aadhaar in_.epic in_.gstin in_.pan in_.vid is_.kennitala is_.vsk it.aic it.codicefiscale it.iva jp.cn jp.in_ ke.pin kr.brn kr.rrn li.peid
lt.asmens lt.pvm lu.tva lv.pvn ma.ice mc.tva md.idno me.iban me.pib mk.edb mt.vat mu.nid mx.curp mx.rfc my.nric mz.nuit nl.brin nl.bsn nl.btw
nl.identiteitskaartnummer nl.onderwijsnummer nl.postcode no.fodselsnummer no.iban no.kontonr no.mva no.orgnr nz.bankaccount nz.ird om.vat pe.cui
pe.ruc pk.cnic pl.nip pl.pesel pl.regon pt.cc pt.nif py.ruc ro.cf ro.cnp ro.cui ro.onrc rs.pib ru.inn ru.ogrn se.orgnr se.personnummer
se.postnummer se.vat sg.uen si.ddv si.emso si.maticna sk.dph sk.rc sk.ico sm.coe sn.ninea sv.nit th.moa th.pin th.tin tn.mf tr.tckimlik tr.vkn
tw.ubn ua.edrpou ua.rntrc us.atin us.ein us.itin us.ptin us.rtn us.ssn us.tin uy.rut ve.rif vn.mst za.idnr za.tin`

func TestListGZ(t *testing.T) {
	types := map[string]string{}
	for _, f := range formatsGZ {
		if f.Type == "" || types[f.Type] != "" {
			t.Errorf("%s: type %q is empty or that of %s too", f.Name, f.Type, types[f.Type])
		}
		types[f.Type] = f.Name
	}
	names := strings.Fields(gzModules)
	if len(names) != len(formatsGZ) {
		t.Errorf("%d formats for %d modules", len(formatsGZ), len(names))
	}
	for _, name := range names {
		module, number, _ := strings.Cut(name, ".")
		country := strings.ToUpper(strings.TrimSuffix(module, "_"))
		bare := strings.TrimSuffix(number, "_")
		for _, n := range []string{name, strings.ToLower(country) + "." + bare, country + "_" + strings.ToUpper(bare)} {
			if f, ok := Lookup(n); !ok || f.Name != name {
				t.Errorf("%s is not found as %s", name, n)
			}
		}
	}
	for _, list := range []map[string]string{widerGZ, narrowerGZ, gzUncovered} {
		for name := range list {
			if _, ok := Lookup(name); !ok {
				t.Errorf("%s is no format", name)
			}
		}
	}
	for _, f := range formatsGZ {
		if f.Title == "" || f.Of == 0 || len(f.Shapes) == 0 || len(f.Words) < 3 || f.Strong < 1 || f.Sample == "" || f.Check == nil {
			t.Errorf("%s lacks a field", f.Name)
		}
		for _, w := range f.Words {
			if n := len(strings.Fields(w)); n < 1 || n > 2 || w != strings.ToLower(w) {
				t.Errorf("%s: word %q is not one or two words in lower case", f.Name, w)
			}
		}
		fits := false
		for _, shape := range f.Shapes {
			fits = fits || gzFits(Clean(f.Sample, f.Clean), shape)
			if strings.Contains(shape, " ") {
				t.Errorf("%s: shape %q has a space", f.Name, shape)
			}
		}
		if !fits {
			t.Errorf("%s: the sample has none of the shapes", f.Name)
		}
		for _, w := range f.Written {
			bare := Clean(w, f.Clean)
			ok := false
			for _, shape := range f.Shapes {
				ok = ok || len(shape) == len(bare) && gzAlike(shape, w, f.Clean)
			}
			if !ok {
				t.Errorf("%s: %q is not one of the shapes with separators of Clean", f.Name, w)
			}
		}
	}
}

// gzAlike reports whether a written form is a shape with separators: classes
// agree, a written * or 9 may stand for what the shape says more precisely.
func gzAlike(shape, written, clean string) bool {
	i := 0
	for _, c := range written {
		if strings.ContainsRune(clean, c) && (i >= len(shape) || rune(shape[i]) != c) {
			continue
		}
		if i == len(shape) {
			return false
		}
		s := rune(shape[i])
		switch {
		case s == c, s == '*' && (c == '9' || c == 'A'), c == '9' && '0' <= s && s <= '9', c == 'A' && 'a' <= s && s <= 'z', s == '9' && '0' <= c && c <= '9':
		default:
			return false
		}
		i++
	}
	return i == len(shape)
}

// gzUncovered are formats without a check digit, or with one that covers a part
// alone, and what makes them strong.
var gzUncovered = map[string]string{
	"id.nik": "day of birth and province", "id.npwp": "the check digit covers nine of fifteen digits", "mx.rfc": "the day", "my.nric": "day of birth and place",
	"si.maticna": "the check digit covers the first seven", "us.itin": "the first digit and the middle two",
}

// widerGZ are formats that take more than python-stdnum 2.2, and why.
var widerGZ = map[string]string{
	"id.nik": "provinces founded since 2012 (65, 92, 93, 95, 96)", "id.npwp": "the same, in people's numbers of sixteen digits",
	"nz.bankaccount": "ranges of branches are known, not which of them are open", "ru.ogrn": "the last digit of remainders 10 to 12 by 13, as the tax service has it",
	"se.personnummer": "coordination numbers", "tw.ubn": "the rule of April 2023", "us.itin": "the middle 50 to 65, which the IRS gives too",
}

// narrowerGZ are formats that refuse what python-stdnum 2.2 takes, and why.
var narrowerGZ = map[string]string{
	"kr.brn": "the check digit is looked at", "pt.cc": "there are always nine digits", "sg.uen": "no firm is older than 1800",
	"se.personnummer": "no year is before 1800 or after 2099",
}

// gzWeak are shapes that are weaker than the others of their format, for which
// Strong does not stand.
var gzWeak = map[string]string{
	"gb.vat gbgd999": "departments have no check digit", "gb.vat gbha999": "health authorities have none",
	"sk.rc 999999999": "the numbers given until 1953 have none",
}

func TestSamplesGZ(t *testing.T) {
	for _, f := range formatsGZ {
		for _, s := range []string{f.Sample, " " + f.Sample + "\n", strings.ToLower(f.Sample), Clean(f.Sample, f.Clean)} {
			if !f.Valid(s) {
				t.Errorf("%s: %q is refused", f.Name, s)
			}
		}
		if !f.Check(Clean(f.Sample, f.Clean)) {
			t.Errorf("%s: the compact sample is refused", f.Name)
		}
		for _, s := range []string{"", " ", "-", f.Sample + "1234567890123", "x" + f.Sample + "x", strings.Repeat("1", maxValue+1)} {
			if f.Valid(s) {
				t.Errorf("%s: %q is taken", f.Name, s)
			}
		}
		// Another digit in one place: a check digit tells nearly all of them. A few
		// formats have digits that it does not cover: a branch, an office.
		if why := gzUncovered[f.Name]; f.Strong < 9 || why != "" {
			continue
		}
		taken, tried := 0, 0
		s := Clean(f.Sample, f.Clean)
		for i := 0; i < len(s); i++ {
			for c := byte('0'); s[i] >= '0' && s[i] <= '9' && c <= '9'; c++ {
				if c == s[i] {
					continue
				}
				tried++
				if f.Check(s[:i] + string(c) + s[i+1:]) {
					taken++
				}
			}
		}
		if taken*5 > tried {
			t.Errorf("%s: %d of %d changed digits are taken", f.Name, taken, tried)
		}
	}
}

// gzRandom gives a random value of a shape.
func gzRandom(r *rand.Rand, shape string) string {
	b := []byte(shape)
	for i, c := range b {
		switch {
		case c == '9' || c == '*' && r.IntN(36) < 10:
			b[i] = byte('0' + r.IntN(10))
		case c == 'A' || c == '*':
			b[i] = byte('A' + r.IntN(26))
		case 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// TestStrongGZ compares Strong with the share of random values that are taken.
func TestStrongGZ(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 40000
	for _, f := range formatsGZ {
		for _, shape := range f.Shapes {
			if gzWeak[f.Name+" "+shape] != "" {
				continue
			}
			taken := 0
			for range n {
				if f.Check(gzRandom(r, shape)) {
					taken++
				}
			}
			// Twice what Strong says, and what chance adds.
			if most := 2*n/f.Strong + 12; taken > most {
				t.Errorf("%s %s: %d of %d random values are taken, not one in %d", f.Name, shape, taken, n, f.Strong)
			}
		}
	}
}

func TestSharedGZ(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(root, "..", "shared", "data")
	if _, err := os.Stat(shared); err != nil {
		t.Skip("no ../shared/data: cases of standard numbers not run")
	}
	file, err := os.Open(filepath.Join(shared, "ids", "stdnum.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	names := map[string]bool{}
	for _, f := range formatsGZ {
		names[f.Name] = true
	}
	valid, taken, invalid, line := 0, 0, 0, 0
	for in := bufio.NewScanner(file); in.Scan(); {
		line++
		var c struct {
			Module, Number string
			Valid          bool
		}
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatalf("stdnum.jsonl:%d is not JSON", line)
		}
		if !names[c.Module] {
			continue
		}
		f, _ := Lookup(c.Module)
		got := f.Valid(c.Number)
		switch {
		case c.Valid:
			if valid++; got {
				taken++
			} else {
				t.Logf("stdnum.jsonl:%d (%s): a valid number is refused", line, c.Module)
			}
		case got:
			invalid++
			t.Errorf("stdnum.jsonl:%d (%s): an invalid number is taken", line, c.Module)
		default:
			invalid++
		}
	}
	t.Logf("%d valid, %d of them taken; %d invalid", valid, taken, invalid)
	if valid < 500 || invalid < 50 || float64(taken) < 0.995*float64(valid) {
		t.Errorf("%d of %d valid numbers are taken, %d invalid seen", taken, valid, invalid)
	}
}

func TestAllocsGZ(t *testing.T) {
	for _, f := range formatsGZ {
		s := Clean(f.Sample, f.Clean)
		if n := testing.AllocsPerRun(20, func() { f.Check(s) }); n != 0 {
			t.Errorf("%s: Check allocates %v times", f.Name, n)
		}
	}
}

// FuzzGZ: no string makes a check panic, and what Check takes Valid takes.
func FuzzGZ(f *testing.F) {
	for _, x := range formatsGZ {
		f.Add(x.Sample)
		f.Add(Clean(x.Sample, x.Clean))
	}
	for _, s := range []string{"", "\xff", "Ñ", "МК", "é99999999", "99999999é", "+", "P-", "J40/", "J/1/2", "00000000000000000000", "999999+9999", "IE\x00\x00", "ÑÑÑÑ860514AAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, x := range formatsGZ {
			x.Valid(s)
			x.Check(s)
			for _, n := range []int{2, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18} {
				if len(s) >= n {
					x.Check(s[:n])
					x.Check(s[len(s)-n:])
				}
			}
		}
	})
}

func BenchmarkGZ(b *testing.B) {
	for _, name := range []string{"nl.bsn", "pl.pesel", "it.codicefiscale", "mx.curp", "in_.aadhaar"} {
		f, _ := Lookup(name)
		s := Clean(f.Sample, f.Clean)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Check(s)
			}
		})
	}
}
