package stdnum

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// oracleProgram answers, a line each, whether python-stdnum takes a value: 1 or
// 0; or once ?, where it has no such module. What makes it fail it does not take.
const oracleProgram = `
import importlib, sys
try:
    module = importlib.import_module('stdnum.' + sys.argv[1])
    module.is_valid
except (ImportError, AttributeError):
    print('?')
    sys.exit()
def valid(value):
    try:
        return int(module.is_valid(value))
    except Exception:
        return 0
for line in sys.stdin.buffer.read().decode('utf-8').split('\n'):
    print(valid(line))
`

// wider are the formats that take more than the library does, and why. What it
// takes they take too.
var wider = map[string]string{
	"at.businessid":    "the check letter is taken in capitals too",
	"at.postleitzahl":  "the range is known, not which of it is in use",
	"mac":              "cards of makers that the library does not know of are taken",
	"cn.ric":           "provinces are known, not their counties",
	"fr.nir":           "hyphens and slashes may stand before the check digits",
	"fr.rcs":           "towns of several words are taken",
	"fi.associationid": "numbers of one and two digits are taken, whether they are in use or not",
	"imsi":             "countries are known, not their networks",
}

// narrower are the formats that refuse values that the library takes, and why.
var narrower = map[string]string{
	"iso6346":          "the owner's code is letters alone",
	"iso7064.mod_11_2": "X stands at the end alone",
	"gs1_128":          "the data of 00 are digits and 417 has a check digit, as GS1 says",
}

// TestOracle asks python-stdnum, in a process of its own, about made-up values
// of every format: the sample, values of the shapes, samples with characters
// changed and with separators put in.
func TestOracle(t *testing.T) {
	python := os.Getenv("OSTIARY_STDNUM_PYTHON")
	if python == "" {
		t.Skip("OSTIARY_STDNUM_PYTHON names no Python that has python-stdnum")
	}
	for i, f := range All() {
		t.Run(f.Name, func(t *testing.T) {
			values := candidates(rand.New(rand.NewSource(int64(i)+1)), f)
			answers := ask(t, python, f.Name, values)
			if answers == nil {
				t.Skip("the library has no such module")
			}
			var more, less []string
			taken := 0
			for j, v := range values {
				valid := f.Valid(v)
				if valid {
					taken++
				}
				switch {
				case valid && !answers[j] && wider[f.Name] == "" && widerGZ[f.Name] == "":
					more = append(more, v)
				case !valid && answers[j] && narrower[f.Name] == "" && narrowerGZ[f.Name] == "":
					less = append(less, v)
				}
			}
			t.Logf("%d values, %d taken", len(values), taken)
			if len(more) > 0 {
				t.Errorf("%d made-up values are taken that the library refuses, such as %q", len(more), more[:min(len(more), 8)])
			}
			if len(less) > 0 {
				t.Errorf("%d made-up values are refused that the library takes, such as %q", len(less), less[:min(len(less), 8)])
			}
		})
	}
}

// ask has the library judge values; nil where it has no such module.
func ask(t *testing.T, python, module string, values []string) []bool {
	t.Helper()
	cmd := exec.Command(python, "-c", oracleProgram, module)
	cmd.Stdin = strings.NewReader(strings.Join(values, "\n"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(out, []byte("?")) {
		return nil
	}
	answers := make([]bool, 0, len(values))
	for _, a := range bytes.Fields(out) {
		answers = append(answers, a[0] == '1')
	}
	if len(answers) != len(values) {
		t.Fatalf("the library gave %d answers about %d values", len(answers), len(values))
	}
	return answers
}

// candidates makes up values of a format.
func candidates(r *rand.Rand, f *Format) []string {
	const shaped, changed, parted = 1500, 1500, 150
	list := []string{f.Sample}
	shapes := append(append([]string{}, f.Shapes...), f.Written...)
	for i := 0; i < shaped && len(shapes) > 0; i++ {
		list = append(list, fill(r, shapes[r.Intn(len(shapes))]))
	}
	// Valid ones first: a change of one of those is more likely valid too.
	valid := []string{f.Sample}
	for i := 0; i < changed; i++ {
		v := change(r, valid[r.Intn(len(valid))])
		list = append(list, v)
		if len(valid) < 100 && f.Valid(v) {
			valid = append(valid, v)
		}
	}
	for _, v := range valid {
		// Every value of the last two characters, where check digits stand.
		if len(v) < 3 || len(list) > shaped+changed+2000 {
			break
		}
		for n := 0; n < 100; n++ {
			list = append(list, fmt.Sprintf("%s%02d", v[:len(v)-2], n))
		}
	}
	for i := 0; i < parted; i++ {
		v := valid[r.Intn(len(valid))]
		at := 1 + r.Intn(len(v)-1)
		for !utf8.RuneStart(v[at]) {
			at--
		}
		list = append(list, v[:at]+string(" -./,:'"[r.Intn(7)])+v[at:])
	}
	return list
}

// fill makes a value of a shape.
func fill(r *rand.Rand, shape string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return strings.Map(func(c rune) rune {
		switch {
		case c == '9':
			return rune('0' + r.Intn(10))
		case c == 'A':
			return rune(letters[r.Intn(26)])
		case c == '*' && r.Intn(3) > 0:
			return rune('0' + r.Intn(10))
		case c == '*':
			return rune(letters[r.Intn(26)])
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		}
		return c
	}, shape)
}

// change replaces one to three characters by others of their kind, or once in a
// while by any.
func change(r *rand.Rand, v string) string {
	const any = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := []byte(v)
	for n := 1 + r.Intn(3); n > 0; n-- {
		i := r.Intn(len(b))
		switch c := b[i]; {
		case c >= 0x80:
		case r.Intn(20) == 0:
			b[i] = any[r.Intn(len(any))]
		case c >= '0' && c <= '9':
			b[i] = byte('0' + r.Intn(10))
		case c >= 'A' && c <= 'Z':
			b[i] = byte('A' + r.Intn(26))
		case c >= 'a' && c <= 'z':
			b[i] = byte('a' + r.Intn(26))
		}
	}
	return string(b)
}
