package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// decision makes a decision event of the usual size: some 2.5 KB with its facts.
func decision(n int) *proxy.Event {
	levels := proxy.Levels{Likely: 2, Possible: 2, Unlikely: 2, VeryLikely: 1, VeryUnlikely: 3}
	facts := &proxy.Facts{
		Conversation: proxy.ConversationFacts{Lineage: proxy.Unknown},
		Destination:  proxy.DestinationFacts{Boundary: "external", ChosenBy: "model", Jurisdiction: "US", Pool: "openai"},
		Findings: proxy.FindingFacts{
			Groups: map[string]proxy.Tally{
				"personal":   {AtLeast: levels, Count: 2, Groups: []string{"personal"}, Roles: map[string]proxy.Levels{"user": levels, "system": levels}},
				"identifier": {AtLeast: levels, Count: 1, Groups: []string{"identifier"}, Roles: map[string]proxy.Levels{"user": levels}},
			},
			Types: map[string]proxy.Tally{
				"US_SSN":        {AtLeast: levels, Count: 1, Groups: []string{"identifier"}, Roles: map[string]proxy.Levels{"user": levels}},
				"EMAIL_ADDRESS": {AtLeast: levels, Count: 1, Groups: []string{"personal"}, Roles: map[string]proxy.Levels{"user": levels}},
			},
		},
		Mode:   proxy.Enforce,
		Opaque: proxy.OpaqueFacts{Kinds: map[string]int{}},
		Pools: []proxy.PoolFacts{
			{Available: "yes", Boundary: "external", Dialects: []string{"openai"}, Jurisdiction: "US", Name: "openai", Retention: "30d", Serves: true, Training: "no"},
			{Available: "yes", Boundary: "internal", Context: 32768, Dialects: []string{"anthropic", "openai"}, Jurisdiction: "DE", Name: "house", Retention: "none", Serves: true, Training: "no"},
		},
		Principal: proxy.PrincipalFacts{Application: "billing", Asserted: proxy.Unknown, Groups: []string{}, Method: "key", Team: "finance"},
		Request: proxy.RequestFacts{
			Body: "inspected", Bytes: 4096, Dialect: "openai", Method: "POST", Model: "gpt-5", Needs: []string{}, Operation: "chat",
			Segments: 31, Stream: true, Tokens: 1024, ToolKinds: []string{},
		},
		Spend:       proxy.SpendFacts{Budget: proxy.Unknown},
		State:       []string{},
		Time:        proxy.TimeFacts{Hour: 9, Minute: 30, Unix: 1795512600, Weekday: "tuesday"},
		Uninspected: proxy.UninspectedFacts{Reasons: map[string]int{}},
		Version:     proxy.FactsVersion,
	}
	return &proxy.Event{
		Decision: &proxy.DecisionRecord{
			Action: proxy.Reroute, Asked: "openai", Facts: facts, Mode: proxy.Enforce, Model: "qwen", Phase: proxy.PhaseBody, Pool: "house",
			Reasons: []proxy.Reason{{
				Action: proxy.Reroute, File: "residency/residency.rego", Line: 31, Message: "Personal data stays in the house.",
				Policy: "residency", Rule: "personal_in_house", Title: "Personal data may not leave",
			}},
		},
		Findings: []proxy.FindingRecord{
			{Count: 1, Groups: []string{"personal"}, Likelihood: "likely", Roles: []string{"user"}, Type: "EMAIL_ADDRESS"},
			{Count: 1, Groups: []string{"identifier"}, Likelihood: "very_likely", Roles: []string{"user"}, Type: "US_SSN"},
		},
		ID: testID(n), Kind: proxy.EventDecision,
		Personal: &proxy.PersonalRecord{Address: "192.0.2.7"},
		Policy:   &proxy.PolicyRecord{Config: "c-1", Policies: "p-1", Suite: "s-1"},
		Request: &proxy.RequestRecord{
			Application: "billing", Bytes: 4096, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/1.1", Stream: true,
		},
		Time:   testTime(n),
		Timing: &proxy.TimingRecord{ClassifyUS: 83, DecideUS: 41, EditUS: 1, ReadUS: 37},
		V:      proxy.EventVersion,
	}
}

func outcomeOf(n int) *proxy.Event {
	return &proxy.Event{
		DecisionID: testID(n), ID: testID(n + 1<<30), Kind: proxy.EventOutcome, Time: testTime(n), V: proxy.EventVersion,
		Outcome: &proxy.OutcomeRecord{Attempts: 1, Bytes: 812, DurationMS: 950, Reason: "answers_not_inspected", Sent: "yes", SentBytes: 4210, Status: 200, TTFBMS: 210},
	}
}

func small(n int) *proxy.Event {
	return &proxy.Event{ID: testID(n), Kind: proxy.EventAdmin, Time: testTime(n), V: proxy.EventVersion, Admin: &proxy.AdminRecord{Action: "reload"}}
}

func testID(n int) string { return fmt.Sprintf("01JDQ7Z%08XKQ3%08X", n, n) }

func testTime(n int) string {
	return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05.000Z")
}

// quiet are options under which checkpoints are signed only when asked for, and
// the disk is not waited for.
func quiet() Options {
	return Options{Segment: minSegment, Ahead: 1, CheckpointEvery: time.Hour, Origin: "test.example/log", fs: memory{}, noSeal: true}
}

func open(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func record(t testing.TB, l *Log, events ...*proxy.Event) {
	t.Helper()
	if err := l.Record(context.Background(), events...); err != nil {
		t.Fatal(err)
	}
}

func shut(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// records reads a log offline.
func records(t testing.TB, dir string) []Record {
	t.Helper()
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []Record
	for e, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// trusted gives what verify trusts: the key and the last checkpoint of dir.
func trusted(t testing.TB, dir string) VerifyOptions {
	t.Helper()
	v, err := NewVerifier(read(t, DefaultKeyDir(dir), publicFile))
	if err != nil {
		t.Fatal(err)
	}
	return VerifyOptions{Key: v, Checkpoint: read(t, dir, checkpointFile)}
}
