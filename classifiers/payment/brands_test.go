package payment

import (
	"encoding/csv"
	"os"
	"testing"

	"github.com/ostiary/ostiary/classifiers/internal/lanes"
)

// Every issuer range of the development data belongs to a brand, with the length
// that the data names or the scheme's usual one; and the brand's name is right
// where the schemes are the large ones. What is not in the data proves nothing.
func TestIssuerRanges(t *testing.T) {
	f, err := os.Open(lanes.Data(t, "ids", "bin-ranges.csv"))
	if err != nil {
		t.Fatal("a file of the development data is missing: bin-ranges.csv")
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatal("bin-ranges.csv is not readable")
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	usual := map[string]int{"amex": 15, "diners": 14}
	total, known, right, named := 0, 0, 0, 0
	for i, r := range rows[1:] {
		iin, scheme := r[column["iin_start"]], r[column["scheme"]]
		if len(iin) < 6 {
			continue
		}
		n := 16
		if u := usual[scheme]; u > 0 {
			n = u
		}
		if l := r[column["number_length"]]; l != "" {
			n = 0
			for _, c := range l {
				n = n*10 + int(c-'0')
			}
		}
		if n < minCard || n > maxCard {
			continue
		}
		d := make([]byte, n)
		for k := range d {
			d[k] = byte((k*7 + 3) % 10)
			if k < len(iin) {
				d[k] = iin[k] - '0'
			}
		}
		total++
		b := brandOf(d)
		if b.level > 0 {
			known++
		} else {
			t.Logf("bin-ranges.csv:%d: %s of %d digits is of no brand", i+2, scheme, n)
		}
		switch scheme {
		case "visa", "mastercard", "amex", "discover", "jcb":
			named++
			if b.name == scheme {
				right++
			}
		}
	}
	t.Logf("%d ranges, %d of a brand; %d of %d of the large schemes named right", total, known, right, named)
	if known*1000 < total*995 || right*1000 < named*990 {
		t.Errorf("%d of %d ranges are of a brand, %d of %d named right", known, total, right, named)
	}
}
