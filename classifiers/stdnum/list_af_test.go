package stdnum

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// afModules are the modules of python-stdnum that are general or of countries a
// to f.
const afModules = `bic bitcoin casrn cfi cusip damm ean figi grid gs1_128 iban imei imo imsi isan isbn isil isin ismn isni iso11649 iso6346 iso9362 isrc issn lei luhn mac meid vatin verhoeff upi
iso7064.mod_11_10 iso7064.mod_11_2 iso7064.mod_37_2 iso7064.mod_37_36 iso7064.mod_97_10 creditcard
ad.nrt al.nipt ar.cbu ar.cuit ar.dni at.businessid at.postleitzahl at.tin at.uid at.vnr au.abn au.acn au.tfn az.voen be.bis be.eid be.iban be.nn be.ogm_vcs be.ssn be.vat bg.egn bg.pnf bg.vat
br.cnpj br.cpf by.unp ca.bc_phn ca.bn ca.sin ch.esr ch.ssn ch.uid ch.vat cl.rut cn.ric cn.uscc co.nit cr.cpf cr.cpj cr.cr cu.ni cy.vat cz.bankaccount cz.dic cz.rc cz.ico
de.handelsregisternummer de.idnr de.leitweg de.stnr de.vat de.wkn dk.cpr dk.cvr do.cedula do.ncf do.rnc dz.nif ec.ci ec.ruc ee.ik ee.kmkr ee.registrikood eg.tn
es.cae es.ccc es.cif es.cups es.dni es.iban es.nie es.nif es.postal_code es.referenciacatastral eu.at_02 eu.banknote eu.ecnumber eu.eic eu.excise eu.nace eu.oss eu.vat
fi.alv fi.associationid fi.hetu fi.veronumero fi.ytunnus fo.vn fr.accise fr.nif fr.nir fr.rcs fr.siren fr.siret fr.tva`

// afShapeless are formats without shapes, which no text is searched for by
// themselves: schemes of check digits, short codes, texts, and those whose forms
// are known better elsewhere.
const afShapeless = `bitcoin luhn verhoeff damm creditcard iban isil gs1_128 eu.nace eu.vat vatin at.postleitzahl es.postal_code de.handelsregisternummer de.leitweg fr.rcs
iso7064.mod_11_10 iso7064.mod_11_2 iso7064.mod_37_2 iso7064.mod_37_36 iso7064.mod_97_10`

func formatsOfAF() []*Format { return slices.Concat(general, formatsAF) }

func TestListAF(t *testing.T) {
	types := map[string]string{}
	for _, f := range slices.Concat(formatsOfAF(), formatsGZ) {
		if types[f.Type] != "" {
			t.Errorf("%s: type %q is that of %s too", f.Name, f.Type, types[f.Type])
		}
		types[f.Type] = f.Name
	}
	names := strings.Fields(afModules)
	for _, name := range names {
		module := strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
		if name == "creditcard" {
			module = "CREDIT_CARD"
		}
		for _, n := range []string{name, module} {
			if f, ok := Lookup(n); !ok || f.Name != name && name != "iso9362" {
				t.Errorf("%s is not found as %s", name, n)
			}
		}
	}
	if n := len(names) - 1; n != len(formatsOfAF()) { // iso9362 is bic
		t.Errorf("%d formats for %d modules", len(formatsOfAF()), n)
	}
	for _, list := range []map[string]string{wider, narrower} {
		for name := range list {
			if _, ok := Lookup(name); !ok {
				t.Errorf("%s is no format", name)
			}
		}
	}
	shapeless := strings.Fields(afShapeless)
	for _, f := range formatsOfAF() {
		if f.Title == "" || !strings.HasSuffix(f.Title, ".") || f.Type == "" || f.Of == 0 || len(f.Words) == 0 || f.Strong < 1 || f.Sample == "" || f.Check == nil {
			t.Errorf("%s lacks a field", f.Name)
		}
		for _, w := range f.Words {
			if n := len(strings.Fields(w)); n < 1 || n > 2 || w != strings.ToLower(w) {
				t.Errorf("%s: word %q is not one or two words in lower case", f.Name, w)
			}
		}
		if bare := slices.Contains(shapeless, f.Name); bare != (len(f.Shapes) == 0) {
			t.Errorf("%s has %d shapes", f.Name, len(f.Shapes))
		} else if bare {
			continue
		}
		fits := false
		for _, shape := range f.Shapes {
			fits = fits || gzFits(Clean(f.Sample, f.Clean), shape)
			if strings.Contains(shape, " ") {
				t.Errorf("%s: shape %q has a space", f.Name, shape)
			}
		}
		if !fits && f.Name != "cz.bankaccount" { // whose shape has zeros that its sample leaves out
			t.Errorf("%s: the sample has none of the shapes", f.Name)
		}
	}
}

// TestWrittenAF: values of the written forms become values of a shape.
func TestWrittenAF(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, f := range formatsOfAF() {
		for _, w := range f.Written {
			if len(f.Shapes) == 0 {
				continue
			}
			v := gzRandom(r, w)
			s := Clean(v, f.Clean)
			if f.Compact != nil {
				s = f.Compact(v)
			}
			if !slices.ContainsFunc(f.Shapes, func(shape string) bool { return len(shape) == len(s) && afAlike(shape, Clean(w, f.Clean), s) }) {
				t.Errorf("%s: %q is not one of the shapes with separators of Clean", f.Name, w)
			}
		}
	}
}

// afAlike reports whether a value is of a shape, or its written form is: in that
// a * may stand for what the shape says more precisely.
func afAlike(shape, written, value string) bool {
	if gzFits(value, shape) {
		return true
	}
	if len(written) != len(shape) {
		return false
	}
	for i := range len(shape) {
		switch s, w := shape[i], written[i]; {
		case s == '*' || w == '*' || w == s || w == '9' && '0' <= s && s <= '9':
		case 'a' <= w && w <= 'z' || 'a' <= s && s <= 'z':
			// The written form was made capitals.
			if w != s && w+'a'-'A' != s && !(w == 'A' || s == 'A') {
				return false
			}
		case 'A' <= w && w <= 'Z' && s == 'A':
		default:
			return false
		}
	}
	return true
}

func TestSamplesAF(t *testing.T) {
	// Letters whose case says something.
	folded := map[string]bool{"bitcoin": true, "fr.rcs": true}
	for _, f := range formatsOfAF() {
		values := []string{f.Sample, " " + f.Sample + "\n"}
		if !folded[f.Name] {
			values = append(values, strings.ToLower(f.Sample))
		}
		if f.Compact == nil {
			values = append(values, Clean(f.Sample, f.Clean))
		}
		for _, s := range values {
			if !f.Valid(s) {
				t.Errorf("%s: %q is refused", f.Name, s)
			}
		}
		if s := Clean(f.Sample, f.Clean); len(f.Shapes) > 0 && f.Name != "cz.bankaccount" && !f.Check(s) {
			t.Errorf("%s: the compact sample is refused", f.Name)
		}
		for _, s := range []string{"", " ", "-", "?" + f.Sample, f.Sample + "?", strings.Repeat("1", maxValue+1)} {
			if f.Valid(s) && !(s == f.Sample+"?" && f.Name == "gs1_128") && !strings.Contains(f.Clean, "?") {
				t.Errorf("%s: %q is taken", f.Name, s)
			}
		}
	}
}

// afUncovered are formats that are strong by what a change of one digit may
// leave as it is: by dates, ranges and letters instead of check digits, or by
// check digits that leave out a part.
const afUncovered = `ca.bn cn.ric cr.cpj cu.ni dk.cpr es.cae eu.oss eu.excise cfi figi mac meid at.tin fr.rcs cz.rc cz.bankaccount ee.registrikood eu.at_02 gs1_128 es.cups be.nn be.bis be.ssn iso6346 imo de.handelsregisternummer ec.ruc`

// TestDigitsAF changes one digit of a sample: a check digit tells nearly all
// such changes.
func TestDigitsAF(t *testing.T) {
	skipped := strings.Fields(afUncovered)
	for _, f := range formatsOfAF() {
		if f.Strong < 9 || slices.Contains(skipped, f.Name) {
			continue
		}
		taken, tried := 0, 0
		s := f.Sample
		for i := range len(s) {
			for c := byte('0'); s[i] >= '0' && s[i] <= '9' && c <= '9'; c++ {
				if c == s[i] {
					continue
				}
				tried++
				if f.Valid(s[:i] + string(c) + s[i+1:]) {
					taken++
				}
			}
		}
		if taken*8 > tried {
			t.Errorf("%s: %d of %d changed digits are taken", f.Name, taken, tried)
		}
	}
}

// afWeak are shapes that are weaker than the others of their format.
var afWeak = map[string]string{
	"imei 9999999999999999":   "with a software version there is no check digit",
	"meid A*************":     "without a check digit",
	"meid 999999999999999999": "without a check digit",
	"cz.rc 999999999":         "given until 1953, without a check digit",
}

// TestStrongAF compares Strong with the share of random values that are taken.
func TestStrongAF(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 40000
	for _, f := range formatsOfAF() {
		for _, shape := range f.Shapes {
			if _, ok := afWeak[f.Name+" "+shape]; ok {
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

func TestAllocsAF(t *testing.T) {
	for _, f := range formatsOfAF() {
		s := Clean(f.Sample, f.Clean)
		if f.Compact != nil {
			s = f.Compact(f.Sample)
		}
		if n := testing.AllocsPerRun(20, func() { f.Check(s) }); n != 0 {
			t.Errorf("%s: Check allocates %v times", f.Name, n)
		}
	}
}

// FuzzAF: no string makes a check panic.
func FuzzAF(f *testing.F) {
	for _, x := range formatsOfAF() {
		f.Add(x.Sample)
		f.Add(Clean(x.Sample, x.Clean))
	}
	for _, s := range []string{"", "\xff", "Ñ", "УНП", "é99999999", "99999999é", "+", "-", "/", "A-", "HRB 1", "RCS ", "bc1", "bc1q", "(01)", "01", "253", "\x1d", "DE-", "000000000000000000000000000000", "ÑÑÑÑ860514AAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, x := range formatsOfAF() {
			x.Valid(s)
			x.Check(s)
			for _, n := range []int{2, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22} {
				if len(s) >= n {
					x.Check(s[:n])
					x.Check(s[len(s)-n:])
				}
			}
		}
	})
}

// TestLongAF: a check's time does not grow faster than the value's length.
func TestLongAF(t *testing.T) {
	const long, enough = 1 << 17, 10 * time.Second
	for _, f := range All() {
		s := Clean(f.Sample, f.Clean)
		for _, v := range []string{
			strings.Repeat("0", long), strings.Repeat("9A", long/2), strings.Repeat("1 HRB 1", long/7), strings.Repeat(s, long/len(s)+1),
			strings.Repeat(f.Sample, long/len(f.Sample)+1), s + strings.Repeat(" ", long), strings.Repeat("-", long) + s, strings.Repeat("É", long/2),
		} {
			start := time.Now()
			f.Check(v)
			f.Valid(v)
			if d := time.Since(start); d > enough {
				t.Errorf("%s takes %v for %d bytes", f.Name, d, len(v))
			}
		}
	}
}
