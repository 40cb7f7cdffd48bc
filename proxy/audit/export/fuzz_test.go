package export

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// Whatever stands in an event's words, no line of a format becomes two, no cell becomes
// a formula, no value of CEF becomes another field, and OCSF stays JSON.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "crm", "=1+1", "a|b\\", "a=b c=d", "x\r\ny", "\u2028", "\xff", "\ufeff@x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ev := &proxy.Event{
			ID: s, Kind: s, Origin: s, Time: s, DecisionID: s, Admin: &proxy.AdminRecord{Action: s, Code: s, Detail: s, Role: s},
			Decision: &proxy.DecisionRecord{Action: proxy.Action(s), Model: s, Pool: s, Reasons: []proxy.Reason{{Policy: s, Rule: s, Title: s}}},
			Findings: []proxy.FindingRecord{{Count: 1, Groups: []string{s}, Likelihood: s, Type: s}},
			Request:  &proxy.RequestRecord{Application: s, Model: s, Operation: s, Dialect: s, Trace: s},
		}
		core, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		rec := audit.Record{Index: 1, JSON: core}
		for _, row := range readCSV(t, export(t, CSV, Options{}, []audit.Record{rec})) {
			for name, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@|%\t\r\n") {
					t.Errorf("column %s begins with a sign of formulas", name)
				}
			}
		}
		for _, format := range []string{JSONL, OCSF, CEF} {
			if got := export(t, format, Options{Version: s}, []audit.Record{rec}); bytes.Count(got, []byte("\n")) != 1 || bytes.ContainsRune(got, '\r') {
				t.Errorf("%s: more than one line", format)
			} else if format == OCSF && utf8.ValidString(s) && !json.Valid(got) {
				t.Error("OCSF: not JSON")
			}
		}
		if pipes := strings.Count(strings.ReplaceAll(cefHeader(s), `\\`, ""), "|") - strings.Count(strings.ReplaceAll(cefHeader(s), `\\`, ""), `\|`); pipes != 0 {
			t.Error("CEF: a bare pipe in the header")
		}
		if v := strings.ReplaceAll(cefValue(s), `\\`, ""); strings.Count(v, "=") != strings.Count(v, `\=`) {
			t.Error("CEF: a bare equals sign in a value")
		}
		if len(readParquet(t, export(t, Parquet, Options{}, []audit.Record{rec}))) != 1 {
			t.Error("Parquet: not one row")
		}
	})
}
