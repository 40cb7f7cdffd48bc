package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/testdata/env"
)

// at gives an event's time.
func at(minute int) string {
	return time.Date(2026, 10, 5, 9, minute, 0, 5e6, time.UTC).Format(timeForm)
}

const canary = "ada@canary.example"

// story is a log of one event of each sort: a denial, a rerouting, a masked request, one
// that passed, one in observe mode, their outcomes, a gap, a search by somebody.
func story(t testing.TB) []audit.Record {
	t.Helper()
	facts := func(severity string, opaque int) *proxy.Facts {
		return &proxy.Facts{
			Labels: proxy.LabelFacts{Severity: severity}, Opaque: proxy.OpaqueFacts{Count: opaque}, Version: 1,
			Pools:     []proxy.PoolFacts{{Boundary: "internal", Jurisdiction: "DE", Name: "house"}, {Boundary: "external", Jurisdiction: "US", Name: "openai"}},
			Principal: proxy.PrincipalFacts{Application: "crm", Team: "sales"}, Request: proxy.RequestFacts{Tokens: 512},
		}
	}
	health := proxy.FindingRecord{Count: 2, Groups: []string{"health", "special_category"}, Likelihood: "likely", Roles: []string{"user"}, Type: "DIAGNOSIS"}
	mail := proxy.FindingRecord{Count: 3, Groups: []string{"personal", "contact"}, Likelihood: "very_likely", Roles: []string{"user"}, Synthetic: 1, Type: "EMAIL_ADDRESS"}
	faint := proxy.FindingRecord{Count: 9, Groups: []string{"financial"}, Likelihood: "possible", Type: "IBAN_CODE"}
	test := proxy.FindingRecord{Count: 1, Groups: []string{"financial"}, Likelihood: "likely", Synthetic: 1, Type: "CREDIT_CARD"}
	decision := func(n int, d *proxy.DecisionRecord, f ...proxy.FindingRecord) *proxy.Event {
		d.Asked = "openai"
		if d.Mode == "" {
			d.Mode = proxy.Enforce
		}
		if d.Reasons == nil {
			d.Reasons = []proxy.Reason{}
		}
		return &proxy.Event{
			Decision: d, Findings: f, ID: fmt.Sprintf("01D%d", n), Kind: proxy.EventDecision, Time: at(n),
			Policy:  &proxy.PolicyRecord{Config: "c-1", Policies: "p-1", Suite: "s-1"},
			Request: &proxy.RequestRecord{Application: "crm", Bytes: 2048, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/2", Trace: "0af7651916cd43dd8448eb211c80319c"},
		}
	}
	why := []proxy.Reason{{Action: proxy.Deny, File: "x.rego", Line: 3, Message: "No.", Policy: "residency", Rule: "health_stays", Title: "Health data = stays | here\\"}}
	list := []*proxy.Event{
		decision(0, &proxy.DecisionRecord{Action: proxy.Deny, Code: "data_policy_denied", Facts: facts("high", 0), Reasons: why, Status: 403}, health, mail, faint, test),
		decision(1, &proxy.DecisionRecord{Action: proxy.Reroute, Facts: facts("medium", 1), Model: "qwen", Pool: "house", Reasons: why}, health),
		decision(2, &proxy.DecisionRecord{Action: proxy.Mask, Facts: facts("medium", 0), Masked: 3, Masks: []string{"personal"}, Model: "gpt-5", Pool: "openai", Reasons: why}, mail),
		decision(3, &proxy.DecisionRecord{Action: proxy.Allow, Facts: facts("none", 0), Model: "gpt-5", Pool: "openai"}, test),
		decision(4, &proxy.DecisionRecord{Action: proxy.Allow, Facts: facts("high", 0), Mode: proxy.Observe, Model: "gpt-5", Pool: "openai", Would: &proxy.WouldRecord{Action: proxy.Deny}}, health),
		decision(5, &proxy.DecisionRecord{Action: proxy.Deny, Code: "body_too_large", Status: 413}),
		{DecisionID: "01D2", ID: "01O2", Kind: proxy.EventOutcome, Outcome: &proxy.OutcomeRecord{Bytes: 99, DurationMS: 950, Reason: "answers_not_inspected", Sent: "yes", SentBytes: 2100, Status: 200}, Time: at(6)},
		{DecisionID: "01D3", ID: "01O3", Kind: proxy.EventOutcome, Outcome: &proxy.OutcomeRecord{Reason: "shutdown", Sent: "unknown"}, Time: at(7)},
		{Admin: &proxy.AdminRecord{Action: "ungoverned", Detail: "=cmd()"}, ID: "01G", Kind: proxy.EventGap, Time: at(8)},
		{Admin: &proxy.AdminRecord{Action: "search", Code: "review", Count: 12, Role: "reviewer"}, ID: "01A", Kind: proxy.EventAccess, Time: at(9)},
	}
	var out []audit.Record
	for i, ev := range list {
		ev.V, ev.Origin = proxy.EventVersion, "test.example/log"
		rec := audit.Record{Index: int64(i) + 100}
		if i == 2 || i == 9 {
			own := &proxy.PersonalRecord{Address: "192.0.2.7", Query: "type:X", Salt: "00", Subject: canary, Ticket: "T=1|\\", UserAgent: "+SUM(A1)"}
			var err error
			if rec.Personal, err = json.Marshal(own); err != nil {
				t.Fatal(err)
			}
			ev.Personal = &proxy.PersonalRecord{Commitment: fmt.Sprintf("%x", sha256.Sum256(rec.Personal))}
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
		rec.JSON = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		out = append(out, rec)
	}
	return out
}

func export(t testing.TB, format string, o Options, list []audit.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := New(format, &out, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		var ev *proxy.Event
		if i%2 == 0 { // decoded by the caller, or here
			if ev, err = r.Event(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(r, ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// JSON lines are the exact bytes; with personal parts, these stand beside them.
func TestJSONLines(t *testing.T) {
	list := story(t)
	var want bytes.Buffer
	for _, r := range list {
		want.Write(r.JSON)
		want.WriteByte('\n')
	}
	if got := export(t, JSONL, Options{}, list); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got\n%s", got)
	}
	lines := bytes.Split(bytes.TrimSuffix(export(t, JSONL, Options{Personal: true}, list), []byte("\n")), []byte("\n"))
	for i, r := range list {
		want := string(r.JSON)
		if r.Personal != nil {
			want = `{"event":` + want + `,"personal":` + string(r.Personal) + `}`
		}
		if string(lines[i]) != want || !json.Valid(lines[i]) {
			t.Errorf("record %d: %s", i, lines[i])
		}
	}
}

// Without being asked, no format writes anything of a personal part.
func TestPersonalOnlyWhereAsked(t *testing.T) {
	list := story(t)
	for _, f := range Formats() {
		for _, personal := range []bool{false, true} {
			got := export(t, f, Options{Personal: personal}, list)
			if f == Parquet {
				got = []byte(fmt.Sprint(readParquet(t, got)))
			}
			if bytes.Contains(got, []byte(canary)) != personal {
				t.Errorf("%s, personal %t: a name is there: %t", f, personal, !personal)
			}
			for _, own := range []string{"192.0.2.7", "SUM(A1)", "T=1"} {
				if !personal && bytes.Contains(got, []byte(own)) {
					t.Errorf("%s: %s is there", f, own)
				}
			}
		}
	}
	// An event that holds personal data itself is refused, whatever is asked.
	bad := audit.Record{Index: 7, JSON: []byte(`{"id":"x","kind":"admin","personal":{"subject":"` + canary + `"},"time":"2026-10-05T09:00:00.000Z","v":1}`)}
	for _, f := range Formats() {
		for _, personal := range []bool{false, true} {
			w, err := New(f, io.Discard, Options{Personal: personal})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(bad, nil); !errors.Is(err, ErrPersonal) || strings.Contains(err.Error(), canary) {
				t.Errorf("%s: %v", f, err)
			}
			if err := w.Close(); !errors.Is(err, ErrPersonal) {
				t.Errorf("%s: closed as if nothing were wrong: %v", f, err)
			}
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for _, f := range Formats() {
		for name, r := range map[string]audit.Record{
			"export: record 3 is not an event":                     {Index: 3, JSON: []byte(canary)},
			"export: the personal part of record 3 cannot be read": {Index: 3, JSON: []byte(`{}`), Personal: []byte(canary)},
		} {
			w, err := New(f, io.Discard, Options{Personal: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(r, nil); err == nil || err.Error() != name {
				t.Errorf("%s: got %v, want %s", f, err, name)
			}
		}
	}
	if _, err := New("xml", io.Discard, Options{}); err == nil || err.Error() != "export: no format of this name; there are jsonl, csv, parquet, ocsf, cef" {
		t.Error(err)
	}
}

// An error of the writer below is not lost.
func TestWriterFails(t *testing.T) {
	list := story(t)
	for _, f := range Formats() {
		w, err := New(f, broken{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			err = errors.Join(err, w.Write(r, nil))
		}
		if err = errors.Join(err, w.Close()); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

var errBroken = errors.New("disk full")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func readCSV(t testing.TB, b []byte) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = r[i]
		}
		out = append(out, m)
	}
	return out
}

// What stands in the columns, by hand, in CSV and in Parquet alike.
func TestColumns(t *testing.T) {
	list := story(t)
	want := []struct {
		row    int
		column string
		value  string
	}{
		{0, "index", "100"}, {0, "origin", "test.example/log"}, {0, "time", "2026-10-05T09:00:00.005Z"}, {0, "kind", "decision"}, {0, "id", "01D0"}, {0, "decision_id", "01D0"},
		{0, "action", "deny"}, {0, "mode", "enforce"}, {0, "code", "data_policy_denied"}, {0, "rules", "residency.health_stays"}, {0, "pool", ""}, {0, "asked", "openai"},
		{0, "types", "DIAGNOSIS; EMAIL_ADDRESS"}, {0, "groups", "contact; health; personal; special_category"}, {0, "findings", "4"}, {0, "severity", "high"},
		{0, "status", "403"}, {0, "boundary", ""}, {0, "application", "crm"}, {0, "team", "sales"}, {0, "model_asked", "gpt-5"}, {0, "trace", "0af7651916cd43dd8448eb211c80319c"},
		{0, "request_bytes", "2048"}, {0, "masked", "0"}, {0, "policies", "p-1"}, {0, "suite", "s-1"}, {0, "config", "c-1"}, {0, "sent", ""}, {0, "duration_ms", ""},
		{1, "action", "reroute"}, {1, "pool", "house"}, {1, "boundary", "internal"}, {1, "jurisdiction", "DE"}, {1, "model", "qwen"}, {1, "opaque", "1"}, {1, "status", ""},
		{2, "masked", "3"}, {2, "findings", "2"}, {3, "types", ""}, {3, "findings", "0"}, {4, "would", "deny"}, {4, "mode", "observe"},
		{5, "team", ""}, {5, "opaque", ""}, {5, "status", "413"}, {6, "decision_id", "01D2"}, {6, "sent", "yes"}, {6, "status", "200"}, {6, "duration_ms", "950"}, {6, "sent_bytes", "2100"},
		{6, "answer_bytes", "99"}, {6, "findings", ""}, {7, "sent", "unknown"}, {7, "outcome_reason", "shutdown"}, {7, "status", ""}, {8, "kind", "gap"}, {8, "did", "ungoverned"}, {8, "did_detail", "=cmd()"},
		{9, "did", "search"}, {9, "did_code", "review"}, {9, "did_role", "reviewer"}, {9, "did_count", "12"},
	}
	fromCSV := readCSV(t, export(t, CSV, Options{}, list))
	fromParquet := readParquet(t, export(t, Parquet, Options{}, list))
	if len(fromCSV) != len(list) || len(fromParquet) != len(list) {
		t.Fatalf("%d and %d rows", len(fromCSV), len(fromParquet))
	}
	for _, w := range want {
		v := w.value
		if v == "=cmd()" { // a spreadsheet would run it
			v = "'=cmd()"
		}
		if got, ok := fromCSV[w.row][w.column]; got != v || !ok {
			t.Errorf("CSV row %d, %s: %q, want %q", w.row, w.column, got, v)
		}
		if got := fromParquet[w.row][w.column]; got != w.value {
			t.Errorf("Parquet row %d, %s: %q, want %q", w.row, w.column, got, w.value)
		}
	}
	for i, r := range list {
		h := sha256.Sum256(append([]byte{0}, r.JSON...))
		if got := fromCSV[i]["leaf"]; got != hex.EncodeToString(h[:]) {
			t.Errorf("row %d: leaf %q", i, got)
		}
	}
	names := map[string]bool{}
	for _, c := range columns(true) {
		if names[c.name] || c.doc == "" || (c.text == nil) == (c.number == nil) {
			t.Errorf("column %s", c.name)
		}
		names[c.name] = true
	}
	if personal := len(Columns(true)) - len(Columns(false)); personal != 10 {
		t.Errorf("%d columns are personal", personal)
	}
}

// No events give a file with columns and no rows.
func TestNothing(t *testing.T) {
	if got := string(export(t, CSV, Options{}, nil)); !strings.HasPrefix(got, "index,origin,time,") || strings.Count(got, "\n") != 1 {
		t.Errorf("CSV: %q", got)
	}
	if got := readParquet(t, export(t, Parquet, Options{}, nil)); len(got) != 0 {
		t.Errorf("Parquet: %v", got)
	}
	for _, f := range []string{JSONL, OCSF, CEF} {
		if got := export(t, f, Options{}, nil); len(got) != 0 {
			t.Errorf("%s: %q", f, got)
		}
	}
}

func TestNeutral(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "crm": "crm", "a=b": "a=b", "=1+1": "'=1+1", "+49": "'+49", "-2": "'-2", "@SUM(A1)": "'@SUM(A1)", "＝1": "'＝1", "\t=1": "' =1", "\r\n=1": "'  =1", "  =1": "'  =1", "\u00a0=1": "'\u00a0=1",
		"\ufeff=1": "'\ufeff=1", "|calc": "'|calc", "%x": "'%x", "a\nb": "a b", "a\u2028b": "a b", "'x": "'x",
	} {
		if got := neutral(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// readParquet reads a file back by the library's reader, by the names of columns.
func readParquet(t testing.TB, b []byte) []map[string]string {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	names := f.Schema().Columns()
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := rows.ReadRows(buf)
			for _, row := range buf[:n] {
				m := map[string]string{}
				for _, v := range row {
					name := names[v.Column()][0]
					switch {
					case v.IsNull():
					case name == "time":
						m[name] = time.UnixMilli(v.Int64()).UTC().Format(timeForm)
					default:
						m[name] = v.String()
					}
				}
				out = append(out, m)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			if got := c.MetaData.Codec.String(); got != "ZSTD" {
				t.Errorf("column %v is packed by %s", c.MetaData.PathInSchema, got)
			}
		}
	}
	return out
}

// Many rows come back: more than one batch.
func TestManyRows(t *testing.T) {
	list := story(t)
	var many []audit.Record
	for i := range 3 * rowsAtOnce {
		r := list[i%len(list)]
		r.Index = int64(i)
		many = append(many, r)
	}
	got := readParquet(t, export(t, Parquet, Options{}, many))
	for i, m := range got {
		if m["index"] != fmt.Sprint(i) {
			t.Fatalf("row %d has index %s", i, m["index"])
		}
	}
	if len(got) != len(many) {
		t.Errorf("%d rows", len(got))
	}
}

// DuckDB, another reader, gives the same figures.
func TestParquetInDuckDB(t *testing.T) {
	python := ""
	for _, candidate := range []string{filepath.Join(env.Root(t), ".cache", "py", "bin", "python"), "python3"} {
		if exec.Command(candidate, "-c", "import duckdb").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		const remedy = "DuckDB for Python is not there: pip install duckdb"
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatal(remedy + " (failing because OSTIARY_TEST_REQUIRE=1)")
		}
		t.Skip(remedy)
	}
	file := filepath.Join(t.TempDir(), "events.parquet")
	if err := os.WriteFile(file, export(t, Parquet, Options{}, story(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
import duckdb, sys
for q in ["select count(*), min(index), max(index), sum(findings) from e",
          "select action, count(*) from e where action is not null group by 1 order by 1",
          "select strftime(min(time), '%Y-%m-%dT%H:%M:%S'), count(distinct leaf) from e",
          "select id, jurisdiction from e where boundary = 'internal'"]:
    print(duckdb.sql(q.replace("from e", "from read_parquet('%s')" % sys.argv[1])).fetchall())
`
	out, err := exec.Command(python, "-c", script, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := "[(10, 100, 109, 10)]\n[('allow', 2), ('deny', 2), ('mask', 1), ('reroute', 1)]\n[('2026-10-05T09:00:00', 10)]\n[('01D1', 'DE')]\n"
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestCEF(t *testing.T) {
	got := strings.Split(strings.TrimSuffix(string(export(t, CEF, Options{Version: "1.2|3"}, story(t))), "\n"), "\n")
	for i, want := range map[int]string{
		0: `CEF:0|Ostiary|Ostiary|1.2\|3|decision:deny|Request deny|7|rt=1791190800005 externalId=01D0 cat=decision act=deny reason=data_policy_denied cs1Label=rules cs1=residency.health_stays cs2Label=types cs2=DIAGNOSIS,EMAIL_ADDRESS cn2Label=findings cn2=4 cn3Label=masked cn3=0 sourceServiceName=crm in=2048 cs6Label=origin cs6=test.example/log cn1Label=index cn1=100`,
		6: `CEF:0|Ostiary|Ostiary|1.2\|3|outcome:yes|Outcome|1|rt=1791191160005 externalId=01O2 cat=outcome outcome=yes reason=answers_not_inspected out=2100 deviceExternalId=01D2 cs6Label=origin cs6=test.example/log cn1Label=index cn1=106`,
		8: `CEF:0|Ostiary|Ostiary|1.2\|3|gap:ungoverned|gap ungoverned|10|rt=1791191280005 externalId=01G cat=gap act=ungoverned cs6Label=origin cs6=test.example/log cn1Label=index cn1=108`,
	} {
		if got[i] != want {
			t.Errorf("line %d\n%s\nwant\n%s", i, got[i], want)
		}
	}
	if v := cefValue("a=b\\c\r\nd|e"); v != `a\=b\\c\r\nd|e` {
		t.Error(v)
	}
	if v := cefHeader("a|b\\c\r\nd=e"); v != `a\|b\\c  d=e` {
		t.Error(v)
	}
}

// A line encoder, as shippers use it, gives what the writer gives, but for the index.
func TestLineEncoder(t *testing.T) {
	list := story(t)
	for _, f := range []string{OCSF, CEF} {
		encode, err := LineEncoder(f, "1")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(export(t, f, Options{Version: "1"}, list)), "\n")
		for i, r := range list {
			b, err := encode(r.JSON)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(lines[i], fmt.Sprintf(` cn1Label=index cn1=%d`, r.Index), "", 1)
			want = strings.Replace(want, fmt.Sprintf(`"sequence":%d,`, r.Index), "", 1)
			if string(b) != want {
				t.Errorf("%s, record %d:\n%s\nwant\n%s", f, i, b, want)
			}
		}
		if _, err := encode([]byte(canary)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, err := LineEncoder(CSV, ""); err == nil {
		t.Error("CSV has a line encoder")
	}
}

func TestLogAttributes(t *testing.T) {
	list := story(t)
	for i, want := range map[int]string{
		1: "audit.log.origin=test.example/log ostiary.kind=decision ostiary.id=01D1 ostiary.decision_id=01D1 ostiary.application=crm gen_ai.operation.name=chat gen_ai.request.model=gpt-5 ostiary.action=reroute ostiary.mode=enforce ostiary.pool.asked=openai ostiary.pool=house ostiary.pool.boundary=internal ostiary.pool.jurisdiction=DE ostiary.rules=residency.health_stays ostiary.finding.types=DIAGNOSIS ostiary.finding.groups=health,special_category ostiary.findings=2 ostiary.masked=0 ostiary.team=sales",
		6: "audit.log.origin=test.example/log ostiary.kind=outcome ostiary.id=01O2 ostiary.decision_id=01D2 ostiary.sent=yes ostiary.outcome.reason=answers_not_inspected ostiary.duration_ms=950 http.response.status_code=200",
		9: "audit.log.origin=test.example/log ostiary.kind=access ostiary.id=01A ostiary.admin.action=search ostiary.admin.code=review ostiary.admin.role=reviewer ostiary.admin.count=12",
	} {
		ev, err := list[i].Event()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range LogAttributes(ev) {
			if a.IsInt {
				got = append(got, fmt.Sprintf("%s=%d", a.Key, a.Int))
			} else {
				got = append(got, a.Key+"="+a.String)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("record %d\n%s\nwant\n%s", i, s, want)
		}
	}
}

// required lists the attributes that OCSF 1.8 requires, by object (requirement
// "required" in the schema's files, and constraints at_least_one).
var required = map[string][]string{
	"api_activity":          {"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time", "type_uid"},
	"data_security_finding": {"activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid"},
	"metadata":              {"product", "version"},
	"metadata.product":      {"name|uid"},
	"api":                   {"operation"},
	"api.service":           {"name|uid"},
	"api.request":           {"uid"},
	"actor":                 {"app_name|app_uid|invoked_by|process|session|user"},
	"actor.user":            {"account|name|uid"},
	"src_endpoint":          {"hostname|instance_uid|interface_name|interface_uid|ip|name|svc_name|uid|domain"},
	"dst_endpoint":          {"hostname|instance_uid|interface_name|interface_uid|ip|name|svc_name|uid|domain"},
	"finding_info":          {"title", "uid"},
	"ai_model":              {"ai_provider", "name"},
	"message_context":       {"application|service"},
	"trace":                 {"uid"},
	"policy":                {"name|uid"},
	"http_response":         {"code"},
	"data_classifications":  {"category_id|confidentiality_id"},
}

// allowed lists what may stand in an event of a class: its own attributes, those of its
// base, and those of the profiles it names.
var allowed = map[string]string{
	"api_activity":          "activity_id activity_name actor api category_uid class_uid dst_endpoint duration http_response is_alert message metadata severity_id src_endpoint status_detail status_id time type_uid unmapped",
	"data_security_finding": "activity_id actor category_uid class_uid data_security dst_endpoint finding_info is_alert message metadata severity_id src_endpoint status_id time type_uid unmapped",
	"security_control":      "action_id disposition disposition_id is_alert policy",
	"ai_operation":          "ai_model message_context",
	"trace":                 "trace",
	"data_classification":   "data_classifications",
}

type object = map[string]json.RawMessage

func parse(t *testing.T, b []byte) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func requires(t *testing.T, place, kind string, o object) {
	t.Helper()
	for _, r := range required[kind] {
		if !slices.ContainsFunc(strings.Split(r, "|"), func(name string) bool { return len(o[name]) > 0 && string(o[name]) != `""` }) {
			t.Errorf("%s: %s has no %s", place, kind, r)
		}
	}
}

func TestOCSF(t *testing.T) {
	for _, personal := range []bool{false, true} {
		lines := bytes.Split(bytes.TrimSuffix(export(t, OCSF, Options{Personal: personal, Version: "1"}, story(t)), []byte("\n")), []byte("\n"))
		for i, line := range lines {
			place := fmt.Sprintf("line %d", i)
			o := parse(t, line)
			class, category := "api_activity", "6"
			switch string(o["class_uid"]) {
			case "6003":
			case "2006":
				class, category = "data_security_finding", "2"
			default:
				t.Fatalf("%s: class %s", place, o["class_uid"])
			}
			requires(t, place, class, o)
			var activity, uid, classUID int
			for name, to := range map[string]*int{"activity_id": &activity, "type_uid": &uid, "class_uid": &classUID} {
				if err := json.Unmarshal(o[name], to); err != nil {
					t.Fatal(err)
				}
			}
			if uid != classUID*100+activity || string(o["category_uid"]) != category {
				t.Errorf("%s: type %d of class %d, activity %d, category %s", place, uid, classUID, activity, o["category_uid"])
			}
			if activity == 99 && len(o["activity_name"]) == 0 {
				t.Errorf("%s: another activity has no name", place)
			}
			for _, kind := range []string{"metadata", "api", "actor", "src_endpoint", "dst_endpoint", "finding_info", "ai_model", "message_context", "trace", "policy", "http_response"} {
				if len(o[kind]) == 0 {
					continue
				}
				part := parse(t, o[kind])
				requires(t, place, kind, part)
				for _, below := range []string{"product", "service", "request", "user"} {
					if k := kind + "." + below; required[k] != nil && len(part[below]) > 0 {
						requires(t, place, k, parse(t, part[below]))
					}
				}
			}
			var meta struct {
				Profiles []string `json:"profiles"`
				Version  string   `json:"version"`
			}
			if err := json.Unmarshal(o["metadata"], &meta); err != nil {
				t.Fatal(err)
			}
			if meta.Version != "1.8.0" {
				t.Errorf("%s: version %s", place, meta.Version)
			}
			may := strings.Fields(allowed[class])
			for _, p := range meta.Profiles {
				may = append(may, strings.Fields(allowed[p])...)
				if allowed[p] == "" {
					t.Errorf("%s: profile %s", place, p)
				}
			}
			for name := range o {
				if !slices.Contains(may, name) {
					t.Errorf("%s: %s is neither of the class nor of the profiles %v", place, name, meta.Profiles)
				}
			}
			if len(o["data_classifications"]) > 0 {
				var list []object
				if err := json.Unmarshal(o["data_classifications"], &list); err != nil {
					t.Fatal(err)
				}
				for _, c := range list {
					requires(t, place, "data_classifications", c)
				}
			}
			if bytes.Contains(line, []byte("prompt_text")) || bytes.Contains(line, []byte("response_text")) {
				t.Errorf("%s: holds a text", place)
			}
		}
	}
}

// How events become OCSF events, by hand.
func TestOCSFMapping(t *testing.T) {
	lines := strings.Split(string(export(t, OCSF, Options{Version: "1"}, story(t))), "\n")
	for _, c := range []struct {
		line int
		has  []string
	}{
		{0, []string{`"class_uid":2006`, `"type_uid":200601`, `"action_id":2,"disposition_id":2`, `"is_alert":true`, `"severity_id":4`, `"title":"Health data = stays | here\\"`, `"types":["DIAGNOSIS","EMAIL_ADDRESS"]`,
			`{"category":"contact","category_id":1,"status_id":1,"total":2}`, `{"category":"health","category_id":1,"status_id":1,"total":2}`, `"policy":{"name":"Health data = stays | here\\","uid":"residency.health_stays","version":"p-1"}`,
			`"sequence":100`, `"correlation_uid":"01D0"`, `"time":1791190800005`}},
		{1, []string{`"class_uid":2006`, `"action_id":4,"disposition":"Rerouted","disposition_id":99`, `"dst_endpoint":{"location":{"country":"DE"},"name":"house"}`, `"status_id":2,"total":2`}},
		{2, []string{`"class_uid":6003`, `"type_uid":600301`, `"action_id":4,"disposition_id":11`, `"ai_model":{"ai_provider":"openai","name":"gpt-5"}`, `"prompt_tokens":512`, `"trace":{"uid":"0af7651916cd43dd8448eb211c80319c"}`,
			`"profiles":["ai_operation","data_classification","security_control","trace"]`, `"api":{"operation":"chat","request":{"uid":"01D2"},"service":{"name":"openai"}}`}},
		{3, []string{`"class_uid":6003`, `"action_id":1,"disposition_id":1`, `"severity_id":1`, `"profiles":["ai_operation","security_control","trace"]`}},
		{4, []string{`"class_uid":6003`, `"action_id":3,"disposition_id":17`, `"mode":"observe"`}},
		{5, []string{`"class_uid":6003`, `"action_id":2,"disposition_id":2`, `"http_response":{"code":413}`, `"code":"body_too_large"`}},
		{6, []string{`"type_uid":600399`, `"activity_name":"Outcome"`, `"duration":950`, `"status_id":1`, `"http_response":{"code":200}`, `"correlation_uid":"01D2"`}},
		{7, []string{`"status_id":0`, `"status_detail":"shutdown"`, `"sent":"unknown"`}},
		{8, []string{`"severity_id":5`, `"is_alert":true`, `"operation":"ungoverned"`}},
		{9, []string{`"type_uid":600302`, `"operation":"search"`, `"did_count":12`, `"did_role":"reviewer"`}},
	} {
		for _, has := range c.has {
			if !strings.Contains(lines[c.line], has) {
				t.Errorf("line %d has no %s\n%s", c.line, has, lines[c.line])
			}
		}
	}
	if len(Fields()) < 20 {
		t.Error("the mapping is not described")
	}
}

func BenchmarkWriters(b *testing.B) {
	list := story(b)
	for _, f := range Formats() {
		b.Run(f, func(b *testing.B) {
			w, err := New(f, io.Discard, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := w.Write(list[i%len(list)], nil); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
