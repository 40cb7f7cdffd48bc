package index

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"action:deny", "action is deny"},
		{"-action:deny", "not action is deny"},
		{"  team:hr-*\tkind:decision \n", "team begins hr-; kind is decision"},
		{"rule:*", "rule any"},
		{`rule:""*`, "rule any"},
		{`reason:"two \"words\" \\ a*"`, `reason is two "words" \ a*`},
		{`reason:"two w"*`, "reason begins two w"},
		{"action:deny|mask|r*", "action is deny, is mask, begins r"},
		{"type:(US_SSN  IBAN_* \"a b\"|x)", "type is US_SSN, begins IBAN_, is a b, is x"},
		{"duration_ms:>500", "duration_ms 501.."},
		{"duration_ms:>=500|<3", "duration_ms 500.., ..2"},
		{"tokens:100..200", "tokens 100..200"},
		{"tokens:-5", "tokens -5..-5"},
		{"masked:*", "masked any"},
		{"status:200", "status is 200"},
		{"status:5*", "status begins 5"},
		{"status:>=500", "status 500.."},
		{"status:400..499", "status 400..499"},
		{"id:01jdq7zk3m9v0000000000000a", "id is 01JDQ7ZK3M9V0000000000000A"},
		{"id:odd-one", "id is odd-one"},
		{"trace:0AF7651916CD43DD8448EB211C80319C", "trace is 0af7651916cd43dd8448eb211c80319c"},
		{"rule:a:b", "rule is a:b"},
		{"rule:f(x)", "rule is f(x)"},
		{"rule:-x", "rule is -x"},
		{"time:>=2026-02-01", "time 1769904000000.."},
		{"time:>2026-02-01", "time 1769904000001.."},
		{"time:<=2026-02-01T00:00:00.0001Z", "time ..1769904000000"},
		{"time:<2026-02-01T00:00:00.0001Z", "time ..1769904000000"},
		{"time:2026-02-01..2026-02-02", "time 1769904000000..1769990400000"},
		{"-time:>=1d", "not time 1772064000000.."},
		{"since:7d until:2026-02-26 since:2026-02-25T00:00:00.0001Z", "from 1771977600001; before 1772064000000"},
		{"since:0001-01-01", "from -62135596800000"},
		{"", ""},
	} {
		q := parse(t, c.text)
		if got := describe(q); got != c.want {
			t.Errorf("%s: %s, not %s", c.text, got, c.want)
		}
		if q.String() != c.text {
			t.Errorf("%s: says %s", c.text, q)
		}
	}
}

// describe writes what a query means.
func describe(q *Query) string {
	bound := func(n int64) string {
		if n < -1<<62 || n > 1<<62 {
			return ""
		}
		return formatNumber(n)
	}
	var out []string
	for i := range q.terms {
		m := &q.terms[i]
		s := m.name
		if m.not {
			s = "not " + s
		}
		for k, a := range m.alternatives {
			if k > 0 {
				s += ","
			}
			lo, hi := q.bounds(m, &a)
			s += " " + []string{"is " + a.text, "begins " + a.text, "any", bound(lo) + ".." + bound(hi)}[a.how]
		}
		out = append(out, s)
	}
	lo, hi := q.span()
	if s := bound(lo); s != "" {
		out = append(out, "from "+s)
	}
	if s := bound(hi); s != "" {
		out = append(out, "before "+s)
	}
	return strings.Join(out, "; ")
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"deny":                                   "write FIELD:VALUE",
		":deny":                                  "write FIELD:VALUE",
		`"action":deny`:                          "write FIELD:VALUE",
		"(action:deny)":                          "write FIELD:VALUE",
		"--action:deny":                          `unknown field "-action": did you mean action?`,
		"acton:deny":                             "did you mean action?",
		"types:US_SSN":                           "did you mean type?",
		"jurisd:DE":                              "did you mean jurisdiction?",
		"Since:7d":                               "did you mean since?",
		"env:test":                               `unknown field "env"; fields are action`,
		"action:":                                "action: has no value; action:* asks for any",
		"action:a||b":                            "has no value",
		"action:()":                              "has no value",
		"action:(a":                              "no closing bracket",
		"action:(a (b))":                         "has no value",
		`action:"a`:                              "no closing quotation mark",
		`action:"a"b`:                            "put a space behind",
		`action:a"b"`:                            "put a space behind",
		"action:(a)b":                            "put a space behind",
		"rule:a*b":                               "a * stands at a value's end alone",
		"tokens:many":                            "asks for a number",
		"tokens:1*":                              "asks for a number",
		"tokens:>":                               "asks for a number",
		"tokens:>9223372036854775807":            "asks for a number",
		"tokens:99999999999999999999":            "asks for a number",
		"status:>x":                              "asks for a number",
		"time:2026-02-01":                        "asks for a range",
		"time:>yesterday":                        "write a time as 2h",
		"since:":                                 "write a time as 2h",
		"since:-5h":                              "write a time as 2h",
		"since:200000d":                          "write a time as 2h",
		"-until:7d":                              "turns a time around",
		strings.Repeat("x", 5000):                "longer than 4096 bytes",
		strings.Repeat("id:a ", 65):              "more than 64 terms",
		"id:(" + strings.Repeat("a ", 257) + ")": "more than 256 values",
	} {
		_, err := Parse(text, testNow)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, not %q", text, err, want)
		}
	}
}

// A query's errors name fields and never repeat a value, which may name a person.
func TestParseErrorsHoldNoValue(t *testing.T) {
	const canary = "canary7"
	for _, s := range []string{"app:" + canary + `"x"`, "tokens:" + canary, "time:" + canary, "since:" + canary, "app:(" + canary, `app:"` + canary, "app:" + canary + "*x", canary, "time:>" + canary} {
		if _, err := Parse(s, testNow); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ text, want string }{
		{"2h", "2026-11-24T10:00:00Z"},
		{"90s", "2026-11-24T11:58:30Z"},
		{"7d", "2026-11-17T12:00:00Z"},
		{"2w", "2026-11-10T12:00:00Z"},
		{"0d", "2026-11-24T12:00:00Z"},
		{"2026-11-23", "2026-11-23T00:00:00Z"},
		{"2026-11-23T14:00:00+01:00", "2026-11-23T13:00:00Z"},
		{"yesterday", ""}, {"", ""}, {"-2h", ""}, {"d", ""}, {"999999999d", ""}, {"2026-13-01", ""}, {"-1d", ""},
	} {
		got, err := ParseTime(c.text, now)
		if err != nil {
			if c.want != "" || !strings.Contains(err.Error(), "write a time as") {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if s := got.UTC().Format(time.RFC3339); s != c.want {
			t.Errorf("%q: %s, want %s", c.text, s, c.want)
		}
	}
}

func TestBetween(t *testing.T) {
	q := parse(t, "kind:outcome since:7d")
	b := q.Between(testNow.Add(-time.Hour), testNow)
	if lo, hi := b.span(); lo != testNow.Add(-time.Hour).UnixMilli() || hi != testNow.UnixMilli() {
		t.Error(lo, hi)
	}
	if lo, _ := q.span(); lo != testNow.Add(-7*24*time.Hour).UnixMilli() {
		t.Error("Between changed the query")
	}
	if lo, _ := q.Between(time.Time{}, testNow).span(); lo != testNow.Add(-7*24*time.Hour).UnixMilli() {
		t.Error(lo)
	}
}

func TestMatchJoined(t *testing.T) {
	q := parse(t, "app:billing sent:unknown")
	if !q.Joined() {
		t.Fatal("not joined")
	}
	if _, err := q.Match([]byte(`{}`)); err != ErrJoined {
		t.Error(err)
	}
	if _, err := parse(t, "app:billing").Match([]byte(`{`)); err != ErrNotEvent {
		t.Error(err)
	}
}

func TestFields(t *testing.T) {
	list := Fields()
	if !slices.IsSorted(list) || len(list) != textCount+numCount+keyCount+1 {
		t.Errorf("%d fields: %q", len(list), list)
	}
	seen := map[[2]int]string{}
	for _, f := range fields() {
		k := [2]int{int(f.class), f.id}
		if seen[k] != "" {
			t.Errorf("%s is %s", f.name, seen[k])
		}
		seen[k] = f.name
		switch slices.Contains(onDecisions, f.name) {
		case true:
			if f.side != sideDecision {
				t.Errorf("%s is of a decision", f.name)
			}
		default:
			if f.side == sideDecision {
				t.Errorf("%s: the tests do not know that it is of a decision", f.name)
			}
		}
	}
	if got := FacetFields(); !slices.IsSorted(got) || len(got) != textCount {
		t.Errorf("%q", got)
	}
	if textCount > 64 || numCount > 32 {
		t.Error("entry has no bit for each field")
	}
}

// Whatever the text, parsing ends without a panic, what was parsed can be matched,
// and the bounds hold.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`action:deny type:(A B*|"c d") -team:hr-* since:7d until:2026-11-01`, "status:>=500 duration_ms:1..2|>5 time:<2026-01-01", `id:"\\\""* trace:*`} {
		f.Add(s)
	}
	d := newDice(90)
	var rows [][]byte
	for range 40 {
		rows = append(rows, encodeEvent(d.event()))
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s, testNow)
		if err != nil {
			return
		}
		n := 0
		for _, m := range q.terms {
			n += len(m.alternatives)
			if len(m.alternatives) == 0 {
				t.Fatalf("%q: a term without a value", s)
			}
		}
		if len(q.terms) > termLimit || n > alternativeLimit || len(s) > queryLimit {
			t.Fatalf("%q: beyond the bounds", s)
		}
		for _, b := range rows {
			if _, err := q.Match(b); err != nil && !q.joined {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}
