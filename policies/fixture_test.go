package policies_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

func TestReadFixtureSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`[]`, "a fixture is an object with name"},
		{`{"name":"a","txt":"secret-7","expect":{"action":"deny"}}`, `a fixture has no key "txt". Did you mean "text"?`},
		{`{"name":"a","text":"secret-7"}`, "it expects nothing"},
		{`{"name":"a","text":"secret-7","expect":{}}`, "it expects nothing"},
		{`{"name":"a","text":"secret-7","expect":{"acton":"deny"}}`, `expect has no key "acton". Did you mean "action"?`},
		{`{"name":"a","text":"secret-7","expect":{"action":"refuse"}}`, `"refuse" is no action`},
		{`{"name":"a","text":["secret-7"],"expect":{"action":"deny"}}`, "text is not a string"},
		{`{"name":"a","text":"secret-7","found":["X"],"expect":{"action":"deny"}}`, "it has a text and found"},
		{`{"name":"a","found":"secret-7","expect":{"action":"deny"}}`, "it cannot be read: findings and found"},
		{`{"name":"a","found":["X"],"role":"user","expect":{"action":"deny"}}`, "it has a role and no text"},
		{`{"name":"a","found":["X"],"expect":{"findings":["X"]}}`, "findings are expected of a text"},
		{`{"name":"a","expect":{"action":"deny"}}`, "it has no request"},
		{`{"text":"secret-7","expect":{"action":"deny"}}`, "it has no name"},
	} {
		_, err := policies.ReadFixture([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.in, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret-7") {
			t.Errorf("%s: the error quotes the text: %v", c.in, err)
		}
	}
}

func kinds(name string) (policies.Kind, bool) {
	k, ok := map[string]policies.Kind{"CREDIT_CARD": {[]string{"personal", "financial"}, "high"}, "US_SSN": {[]string{"identifier"}, "medium"}}[name]
	return k, ok
}

func TestFixtureState(t *testing.T) {
	fx, err := policies.ReadFixture([]byte(`{"name":"a","found":{"CREDIT_CARD":2,"US_SSN":1},"team":"law","pool":"house","operation":"embeddings",
		"facts":{"time":{"office":"no"},"principal":{"groups":["x"]},"opaque":{"kinds":{"image":2},"count":2}},"expect":{"action":"allow"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := fx.State(nil, kinds)
	if err != nil {
		t.Fatal(err)
	}
	want := policies.Example()
	found(want, "CREDIT_CARD", []string{"financial", "personal"}, "user", proxy.Likely)
	found(want, "CREDIT_CARD", []string{"financial", "personal"}, "user", proxy.Likely)
	found(want, "US_SSN", []string{"identifier"}, "user", proxy.Likely)
	want.Labels.Severity = "high"
	want.Principal.Team, want.Principal.Groups = "law", []string{"x"}
	want.Request.Operation, want.Time.Office = "embeddings", "no"
	want.Opaque = proxy.OpaqueFacts{Count: 2, Kinds: map[string]int{"image": 2}}
	want.Destination = proxy.DestinationFacts{Boundary: "internal", ChosenBy: "model", Jurisdiction: "unknown", Pool: "house"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, c := range []struct{ in, want string }{
		{`{"name":"a","found":["NOSUCH"],"expect":{"action":"deny"}}`, `no type is called "NOSUCH"`},
		{`{"name":"a","pool":"hose","expect":{"action":"deny"}}`, `there is no pool "hose". Did you mean "house"?`},
		{`{"name":"a","facts":{"request":{"modle":"x"}},"expect":{"action":"deny"}}`, `request.modle is no field of the facts. Did you mean "model"?`},
		{`{"name":"a","facts":{"request":{"model":1}},"expect":{"action":"deny"}}`, "request.model is not a string"},
		{`{"name":"a","facts":{"request":{"bytes":1.5}},"expect":{"action":"deny"}}`, "request.bytes is not a whole number"},
		{`{"name":"a","facts":{"pools":[{"serves":"yes"}]},"expect":{"action":"deny"}}`, "pools[0].serves is not true or false"},
		{`{"name":"a","facts":[],"expect":{"action":"deny"}}`, "it is not an object"},
		{`{"name":"a","facts":{"state":{}},"expect":{"action":"deny"}}`, "state is not a list"},
	} {
		fx, err := policies.ReadFixture([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = fx.State(nil, kinds); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.in, err, c.want)
		}
	}
}

// TestChangeTakesRecordedFacts: facts as they are recorded, put over the
// example, are those facts again.
func TestChangeTakesRecordedFacts(t *testing.T) {
	f := policies.Example()
	found(f, "US_SSN", []string{"identifier"}, "tool", proxy.VeryLikely)
	f.Pools = f.Pools[:1]
	f.State, f.Time.Unix = []string{"file_id"}, 1<<52
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := policies.Change(policies.Example(), b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f, got); d != "" {
		t.Error(d)
	}
}

func TestLeads(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  string
		verdict proxy.Verdict
		want    string
	}{
		{"a denial leads nowhere", `{}`, proxy.Verdict{Action: proxy.Deny}, "none"},
		{"what is asked for", `{}`, proxy.Verdict{Action: proxy.Allow}, "openai"},
		{"what is permitted", `{}`, proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}}, "house"},
		{"what is asked for and permitted comes first", `{"destination":{"pool":"house"}}`, proxy.Verdict{Action: proxy.Allow, Constrained: true, Pools: []string{"openai", "house"}}, "house"},
		{"in-house where nobody is asked for", `{"destination":{"pool":"unknown"}}`, proxy.Verdict{Action: proxy.Allow}, "house"},
		{"one that serves", `{"pools":[{"name":"house","boundary":"internal","serves":false,"available":"yes"}]}`, proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}}, "none"},
		{"one that can be used", `{"pools":[{"name":"house","boundary":"internal","serves":true,"available":"no"}]}`, proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}}, "none"},
	} {
		f, err := policies.Change(policies.Example(), []byte(c.change))
		if err != nil {
			t.Fatal(err)
		}
		if got := policies.Leads(f, &c.verdict); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestExpectDiff(t *testing.T) {
	got := policies.Outcome{
		Action: "reroute", Pool: "house", Pools: []string{"house", "paris"}, Rules: []string{"a.x", "b.y"}, Masks: []string{"contact"},
		Findings: map[string]int{"US_SSN": 2},
	}
	for _, c := range []struct{ in, want string }{
		{`{"action":"reroute","pool":"house","pools":["house","paris"],"rules":["b.y","x"],"masks":["contact"],"findings":["US_SSN"],"without":["a.y"]}`, `[]`},
		{`{"findings":{"US_SSN":2},"notify":[]}`, `[]`},
		{`{"action":"deny"}`, `[{"key":"action","want":"deny","got":"reroute"}]`},
		{`{"code":"x"}`, `[{"key":"code","want":"x","got":"(none)"}]`},
		{`{"pools":["paris","house"]}`, `[{"key":"pools","want":"[paris, house]","got":"[house, paris]"}]`},
		{`{"rules":["x"]}`, `[{"key":"rules","want":"[x]","got":"[b.y, x]"}]`},
		{`{"rules":[]}`, `[{"key":"rules","want":"[]","got":"[a.x, b.y]"}]`},
		{`{"without":["b.y"]}`, `[{"key":"without","want":"not b.y","got":"b.y"}]`},
		{`{"findings":[]}`, `[{"key":"findings","want":"[]","got":"[2 US_SSN]"}]`},
		{`{"findings":{"US_SSN":1,"EAN":1}}`, `[{"key":"findings","want":"[1 EAN, 1 US_SSN]","got":"[2 US_SSN]"}]`},
		{`{"findings":["EAN"]}`, `[{"key":"findings","want":"[some EAN]","got":"[2 US_SSN]"}]`},
	} {
		var e policies.Expect
		if err := json.Unmarshal([]byte(c.in), &e); err != nil {
			t.Fatal(err)
		}
		d := e.Diff(&got)
		if d == nil {
			d = []policies.Difference{}
		}
		if b, _ := json.Marshal(d); string(b) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, b, c.want)
		}
	}
}

func TestTryUndecided(t *testing.T) {
	s := onePolicy(t, "undecided", `warn contains {"rule": "r", "message": sprintf("%d", [to_number(input.request.model)])} if input.version == 1`)
	o := s.Try(context.Background(), policies.Example())
	if o.Action != "undecided" || o.Pool != "none" || o.Error != "policy evaluation failed at undecided.rego:3: eval_builtin_error" {
		t.Errorf("%+v", o)
	}
}

// FuzzReadFixture: an error about a fixture never holds its text, whatever else
// is in it.
func FuzzReadFixture(f *testing.F) {
	for _, s := range []string{
		`"expect":{"action":"deny"}`, `"role":"robot"`, `"found":["X"],"expect":{"findings":"x"}`, `"facts":[],"expect":{"rules":[]}`,
		`"text":7`, `"txt":1`, `]`, `"expect":{"pools":null}`,
	} {
		f.Add("more", s)
	}
	const canary = "canary-91c2"
	f.Fuzz(func(t *testing.T, text, rest string) {
		b, err := json.Marshal(canary + text)
		if err != nil {
			t.Skip()
		}
		fx, err := policies.ReadFixture([]byte(`{"name":"a","text":` + string(b) + `,` + rest + `}`))
		switch {
		case err == nil && fx.Name == "":
			t.Error("a fixture without a name was taken")
		case err != nil && strings.Contains(err.Error(), canary) && !strings.Contains(rest, canary):
			t.Errorf("the error quotes the text: %v", err)
		}
	})
}

// FuzzChange: whatever is changed, the result is facts, a change that changes
// nothing gives the same facts, and making it twice is making it once.
func FuzzChange(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"request":{"model":"x","tokens":7}}`, `{"findings":{"types":{"X":{"count":1,"roles":{"user":{"likely":1}}}}}}`,
		`{"pools":[]}`, `{"state":["file_id"],"version":2}`, `{"request":{"bytes":1e3}}`, `{"a":{"a":{"a":{}}}}`, `[]`, `{"mode":null}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := policies.Change(policies.Example(), []byte(s))
		if err != nil {
			return
		}
		twice, err := policies.Change(once, []byte(s))
		if err != nil {
			t.Fatalf("it cannot be made again: %v", err)
		}
		if d := cmp.Diff(once, twice); d != "" {
			t.Error(d)
		}
		same, err := policies.Change(once, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(once, same); d != "" {
			t.Error(d)
		}
	})
}
