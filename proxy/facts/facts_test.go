package facts_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/facts"
)

type directory []proxy.Pool

func (d directory) Pools() []proxy.Pool { return d }
func (d directory) Available(pool string) string {
	if pool == "keyless" {
		return "credential"
	}
	return ""
}
func (directory) Digest() string { return "d" }

var pools = directory{
	{Name: "openai", Boundary: proxy.External, Jurisdiction: "US", Dialects: []string{"openai"}, Abilities: proxy.Abilities{Tools: proxy.Can, Images: proxy.Can, Audio: proxy.Cannot},
		Labels: []string{"vetted", "eu-staff"}, Price: proxy.PriceFacts{Currency: "EUR", Input: 2_500_000, Output: 10_000_000}, Models: []proxy.ModelAlias{{Pattern: "gpt-5", Name: "gpt-5"}}},
	{Name: "house", Boundary: proxy.Internal, Dialects: []string{"openai", "anthropic"}, Models: []proxy.ModelAlias{{Pattern: "*", Name: "qwen"}}, Context: 32768},
	{Name: "keyless", Boundary: proxy.External, Dialects: []string{"anthropic"}},
}

const canary = "canary-91c2"

// inspection is a request in which every free string is the canary.
func inspection() *proxy.Inspection {
	t := proxy.NewText(canary)
	return &proxy.Inspection{
		Exchange: &proxy.Exchange{
			ID:    "01",
			Route: proxy.Route{Dialect: "openai", Operation: proxy.OpChat, Path: t},
			Head: proxy.Head{
				Method: canary, Authority: canary, Path: t, Protocol: canary, Received: time.Date(2026, 11, 24, 9, 5, 0, 0, time.UTC),
				Header: []proxy.Field{{Name: canary, Value: t}, {Name: "traceparent", Value: t}, {Name: "x-stainless-retry-count", Value: t}, {Name: "user-agent", Value: t}},
				Peer:   proxy.Peer{Addr: netip.MustParseAddrPort("192.0.2.7:1")},
			},
			Principal: proxy.Principal{Application: "billing", Team: "finance", Groups: []string{"b", "a"}, Method: "key", Asserted: proxy.Other},
			Asked:     "openai", AskedBy: "dialect",
		},
		Prompt: &proxy.Prompt{
			Segments: []proxy.Segment{{Text: t, Key: t, Role: proxy.RoleUser}, {Text: t, Role: proxy.RoleTool}},
			Opaque:   []proxy.Opaque{{Index: 1, Kind: "image", MIME: "image/png", Bytes: 99}}, State: []string{"file_id"}, Tools: []proxy.Text{t}, Model: t, Stream: true,
			Needs: proxy.Needs{Tools: true, Images: true}, ToolKinds: []string{"mcp"},
		},
		Report: &proxy.Report{
			Findings: []proxy.Finding{
				{Segment: 0, End: 3, Type: "EMAIL_ADDRESS", Groups: []string{"personal", "contact"}, Likelihood: proxy.Likely},
				{Segment: 1, End: 3, Type: "EMAIL_ADDRESS", Groups: []string{"personal", "contact"}, Likelihood: proxy.VeryUnlikely},
				{Segment: 1, End: 3, Type: "EMAIL_ADDRESS", Groups: []string{"personal", "contact"}, Likelihood: proxy.VeryLikely, Synthetic: true},
				{Segment: 1, End: 3, Type: "IBAN_CODE", Groups: []string{"personal", "financial"}, Likelihood: proxy.VeryLikely},
			},
			Gaps: []proxy.Gap{{Segment: 1, Reason: "budget"}},
		},
		Bytes: 4, Phase: proxy.PhaseBody,
	}
}

func TestFindingsAreCountedByTypeGroupLikelihoodAndRole(t *testing.T) {
	f, err := (&facts.Stater{Directory: pools, Mode: proxy.Enforce}).Facts(inspection())
	if err != nil {
		t.Fatal(err)
	}
	likely := proxy.Levels{VeryUnlikely: 1, Unlikely: 1, Possible: 1, Likely: 1}
	sure := proxy.Levels{VeryUnlikely: 1, Unlikely: 1, Possible: 1, Likely: 1, VeryLikely: 1}
	doubt := proxy.Levels{VeryUnlikely: 1}
	mail := proxy.Tally{AtLeast: proxy.Levels{VeryUnlikely: 2, Unlikely: 1, Possible: 1, Likely: 1}, Count: 1, Synthetic: 1, Roles: map[string]proxy.Levels{"user": likely, "tool": doubt}}
	bank := proxy.Tally{AtLeast: sure, Count: 1, Roles: map[string]proxy.Levels{"tool": sure}}
	both := proxy.Tally{
		AtLeast: proxy.Levels{VeryUnlikely: 3, Unlikely: 2, Possible: 2, Likely: 2, VeryLikely: 1}, Count: 2, Synthetic: 1,
		Roles: map[string]proxy.Levels{"user": likely, "tool": {VeryUnlikely: 2, Unlikely: 1, Possible: 1, Likely: 1, VeryLikely: 1}},
	}
	with := func(t proxy.Tally, groups ...string) proxy.Tally { t.Groups = groups; return t }
	want := proxy.FindingFacts{
		Types:  map[string]proxy.Tally{"EMAIL_ADDRESS": with(mail, "contact", "personal"), "IBAN_CODE": with(bank, "financial", "personal")},
		Groups: map[string]proxy.Tally{"contact": with(mail, "contact"), "financial": with(bank, "financial"), "personal": with(both, "personal")},
	}
	if d := cmp.Diff(want, f.Findings); d != "" {
		t.Error(d)
	}
	if f.Uninspected.Count != 1 || f.Uninspected.Reasons["budget"] != 1 || f.Opaque.Kinds["image"] != 1 || f.Opaque.Bytes != 99 {
		t.Errorf("what was not inspected is not a fact: %+v %+v", f.Uninspected, f.Opaque)
	}
	if got := f.Destination; got.Pool != "openai" || got.Boundary != "external" || got.Jurisdiction != "US" {
		t.Errorf("destination %+v", got)
	}
	if got := f.Time; got.Hour != 9 || got.Minute != 5 || got.Weekday != "tuesday" {
		t.Errorf("time %+v", got)
	}
	if f.Pools[2].Available != "no" || f.Pools[1].Jurisdiction != proxy.Unknown || !f.Pools[1].Serves || f.Pools[2].Serves {
		t.Errorf("pools %+v", f.Pools)
	}
	if d := cmp.Diff([]string{"images", "tools"}, f.Request.Needs); d != "" {
		t.Error(d)
	}
}

func TestLabels(t *testing.T) {
	severity := func(name string) string {
		return map[string]string{"EMAIL_ADDRESS": "medium", "IBAN_CODE": "high", "PASSWORD": "critical", "DATE_TIME": "low"}[name]
	}
	at := func(l proxy.Likelihood, types ...string) (out []proxy.Finding) {
		for _, name := range types {
			out = append(out, proxy.Finding{End: 1, Type: name, Likelihood: l})
		}
		return out
	}
	test := at(proxy.VeryLikely, "PASSWORD")
	test[0].Synthetic = true
	for _, c := range []struct {
		name  string
		found []proxy.Finding
		known func(string) string
		want  string
	}{
		{"nothing", nil, severity, "none"},
		{"nothing, and no severity is known", nil, nil, "none"},
		{"the greatest", at(proxy.Likely, "DATE_TIME", "IBAN_CODE", "EMAIL_ADDRESS"), severity, "high"},
		{"possible does not count", at(proxy.Possible, "PASSWORD"), severity, "none"},
		{"test values do not count", test, severity, "none"},
		{"a type that is not known", at(proxy.Likely, "IBAN_CODE", "NEW"), severity, proxy.Unknown},
		{"critical whatever the others are", at(proxy.VeryLikely, "NEW", "PASSWORD"), severity, "critical"},
		{"no severity is known", at(proxy.Likely, "PASSWORD"), nil, proxy.Unknown},
	} {
		in := inspection()
		in.Report.Findings = c.found
		f, err := (&facts.Stater{Directory: pools, Severity: c.known, Classes: map[string]string{"billing": "confidential", proxy.Other: "public"}}).Facts(in)
		if err != nil {
			t.Fatal(err)
		}
		if f.Labels.Severity != c.want || f.Labels.Classification != "confidential" {
			t.Errorf("%s: %+v, want severity %s", c.name, f.Labels, c.want)
		}
	}
	// What a client merely asserts names no class.
	in := inspection()
	in.Exchange.Principal = proxy.Principal{Asserted: "billing"}
	f, err := (&facts.Stater{Directory: pools, Classes: map[string]string{"billing": "public"}}).Facts(in)
	if err != nil || f.Labels.Classification != proxy.Unknown {
		t.Errorf("an asserted application: %+v, %v", f.Labels, err)
	}
}

func TestPoolsAreStated(t *testing.T) {
	f, err := (&facts.Stater{Directory: pools}).Facts(inspection())
	if err != nil {
		t.Fatal(err)
	}
	want := []proxy.PoolFacts{
		{
			Abilities: []string{"images", "tools"}, Available: "yes", Boundary: "external", Dialects: []string{"openai"}, Health: "unknown", Jurisdiction: "US",
			Labels: []string{"eu-staff", "vetted"}, Name: "openai", Price: proxy.PriceFacts{Currency: "EUR", Input: 2_500_000, Output: 10_000_000}, Retention: "unknown", Serves: true, Training: "unknown",
		},
		{
			Abilities: []string{}, Available: "yes", Boundary: "internal", Context: 32768, Dialects: []string{"anthropic", "openai"}, Health: "unknown", Jurisdiction: "unknown",
			Labels: []string{}, Name: "house", Price: proxy.PriceFacts{Currency: "unknown"}, Retention: "unknown", Serves: true, Training: "unknown",
		},
	}
	if d := cmp.Diff(want, f.Pools[:2]); d != "" {
		t.Error(d)
	}
}

// Facts and events hold what the configuration names, and counts; never a
// string that a client chose.
func TestNoContentComesOut(t *testing.T) {
	s := &facts.Stater{Directory: pools, Mode: proxy.Enforce, HashKey: []byte("k")}
	in := inspection()
	f, err := s.Facts(in)
	if err != nil {
		t.Fatal(err)
	}
	ev := &proxy.Event{Decision: &proxy.DecisionRecord{Facts: &f}}
	s.Describe(in, ev)
	if ev.Personal.UserAgent != canary {
		t.Error("the user agent is not in the personal part, where it belongs")
	}
	ev.Personal.UserAgent = ""
	b, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), canary) {
		t.Error("a string of the client's is in the event")
	}
	if f.Request.Model != proxy.Other || f.Request.Method != proxy.Other || ev.Request.Model != proxy.Other || ev.Request.Protocol != proxy.Other || ev.Request.Trace != "" {
		t.Errorf("what is not configured is not named other: %+v", ev.Request)
	}
	if len(ev.Opaque) != 1 || len(ev.Opaque[0].Hash) != 32 || ev.Opaque[0].Index != 1 {
		t.Errorf("opaque parts are not listed by index and keyed hash: %+v", ev.Opaque)
	}
	if len(ev.Findings) != 4 || ev.Findings[0].Type != "EMAIL_ADDRESS" || ev.Personal.Address != "192.0.2.7" {
		t.Errorf("findings %+v personal %+v", ev.Findings, ev.Personal)
	}
	in.Prompt.Model = proxy.NewText("gpt-5")
	in.Exchange.Head.Header[1].Value = proxy.NewText("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	in.Exchange.Head.Header[2].Value = proxy.NewText("2")
	s.Describe(in, ev)
	for _, number := range []string{"4111111111111111", "123456789", "100", "-1"} {
		other := inspection()
		other.Exchange.Head.Header[2].Value = proxy.NewText(number)
		said := &proxy.Event{}
		s.Describe(other, said)
		if said.Request.Retry != 0 {
			t.Errorf("the number %s of a client's is recorded as a count of retries", number)
		}
	}
	if ev.Request.Model != "gpt-5" || ev.Request.Trace != "0af7651916cd43dd8448eb211c80319c" || ev.Request.Retry != 2 {
		t.Errorf("what is configured or well-formed is missing: %+v", ev.Request)
	}
}

// The bound counts without encoding: it must never be below what JSON takes.
func TestFactsAreBounded(t *testing.T) {
	for _, types := range []int{0, 1, 20, 60, 200} {
		in := inspection()
		for i := range types {
			in.Report.Findings = append(in.Report.Findings, proxy.Finding{Segment: i % 2, End: 1, Type: fmt.Sprintf("COUNTRY_TYPE_NAME_%d", i), Groups: []string{"personal", "identifier"}, Likelihood: proxy.Likely})
		}
		for limit := 1 << 10; limit <= 1<<20; limit += 777 {
			f, err := (&facts.Stater{Directory: pools, Mode: proxy.Enforce, Limit: limit}).Facts(in)
			if err != nil {
				if proxy.KindOf(err) != proxy.TooLarge {
					t.Fatal(err)
				}
				continue
			}
			b, _ := json.Marshal(f)
			if len(b) > limit {
				t.Fatalf("%d types: facts of %d bytes pass a limit of %d", types, len(b), limit)
			}
			if types <= 20 && limit > 4*len(b) {
				t.Fatalf("%d types: a limit of %d is needed for %d bytes", types, limit, len(b))
			}
			break
		}
	}
}

// Traces of many types are left out before a request is refused, and the facts
// say that they are not whole.
func TestTracesGoFirst(t *testing.T) {
	in := inspection()
	for i := range 300 {
		l := proxy.VeryUnlikely
		if i%20 == 0 {
			l = proxy.Possible
		}
		in.Report.Findings = append(in.Report.Findings, proxy.Finding{End: 1, Type: fmt.Sprintf("COUNTRY_TYPE_NAME_%d", i), Groups: []string{"identifier"}, Likelihood: l})
	}
	f, err := (&facts.Stater{Directory: pools, Mode: proxy.Enforce}).Facts(in)
	if err != nil {
		t.Fatal(err)
	}
	for name, tally := range f.Findings.Types {
		if tally.AtLeast.Possible == 0 && tally.Synthetic == 0 {
			t.Errorf("%s is still there", name)
		}
	}
	if f.Findings.Types["COUNTRY_TYPE_NAME_20"].AtLeast.Possible != 1 || f.Findings.Groups["identifier"].AtLeast.VeryUnlikely < 300 {
		t.Error("what counts was left out")
	}
	if f.Uninspected.Count == 0 || f.Uninspected.Reasons["facts_reduced"] != 1 {
		t.Errorf("the facts do not say that they are reduced: %+v", f.Uninspected)
	}
}

func TestTokensAreEstimated(t *testing.T) {
	for _, tt := range []struct {
		text     string
		min, max int
	}{
		{"", 0, 0},
		{strings.Repeat("word and another. ", 1000), 3500, 5500},
		{strings.Repeat("請求書を確認してください。", 100), 1000, 2000},
		{strings.Repeat("Grüße aus Köln. ", 100), 350, 700},
	} {
		in := inspection()
		in.Prompt.Segments = []proxy.Segment{{Text: proxy.NewText(tt.text)}, {Text: proxy.NewText("a-key"), Kind: proxy.KindKey}}
		in.Report = &proxy.Report{}
		f, err := (&facts.Stater{Directory: pools}).Facts(in)
		if err != nil || f.Request.Tokens < tt.min || f.Request.Tokens > tt.max {
			t.Errorf("%d bytes: %d tokens, want %d to %d (%v)", len(tt.text), f.Request.Tokens, tt.min, tt.max, err)
		}
	}
}
