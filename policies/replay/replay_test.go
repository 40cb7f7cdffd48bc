package replay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/replay"
	"github.com/ostiary/ostiary/proxy"
)

// detected are types of findings as the detectors group them.
var detected = []struct {
	name   string
	groups []string
}{
	{"EMAIL_ADDRESS", []string{"contact", "personal"}}, {"PERSON", []string{"personal"}}, {"CREDIT_CARD", []string{"financial", "personal"}},
	{"IBAN_CODE", []string{"financial", "personal"}}, {"US_SSN", []string{"identifier", "personal"}}, {"SECRET_GITHUB_TOKEN", []string{"credential"}},
	{"IP_ADDRESS", []string{"network"}},
}

// made gives facts that differ in what policies look at; the same n gives the
// same facts.
func made(n uint64) *proxy.Facts {
	r := rand.New(rand.NewPCG(n, 1))
	f := policies.Example()
	for range r.IntN(4) {
		d := detected[r.IntN(len(detected))]
		for range 1 + r.IntN(3) {
			policies.Add(f, d.name, d.groups, []string{"user", "system", "tool"}[r.IntN(3)], proxy.Likelihood(1+r.IntN(5)))
		}
	}
	f.Principal.Team = []string{"billing", "research", proxy.Unknown}[r.IntN(3)]
	f.Principal.Application = f.Principal.Team
	f.Request.Operation = []string{"chat", "embeddings", "chat", "models", "unknown"}[r.IntN(5)]
	f.Request.Tokens = r.IntN(200_000)
	f.Request.Bytes = 4 * f.Request.Tokens
	f.Time.Hour, f.Time.Minute = r.IntN(24), r.IntN(60)
	f.Conversation.Bucket = r.IntN(100)
	if r.IntN(20) == 0 {
		f.Opaque.Count, f.Opaque.Kinds = 1, map[string]int{"image": 1}
	}
	if r.IntN(10) == 0 {
		f.Pools[0].Available = "no"
	}
	return f
}

// digest hashes every verdict about n facts, as JSON.
func digest(t *testing.T, s *policies.Set, n uint64) []byte {
	t.Helper()
	var h hash.Hash = sha256.New()
	enc := json.NewEncoder(h)
	for i := range n {
		// By way of the record, as a replay has them.
		b, err := json.Marshal(made(i))
		if err != nil {
			t.Fatal(err)
		}
		f, err := replay.ReadFacts(b)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Decide(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return h.Sum(nil)
}

func shipped(t testing.TB) *policies.Set {
	t.Helper()
	s, err := policies.Load(policies.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// 100,000 recorded events give byte-equal verdicts: again, after a reload, and
// with nothing remembered of other requests.
func TestDecisionsReplayExactly(t *testing.T) {
	n := uint64(100_000)
	if testing.Short() {
		n = 5_000
	}
	s := shipped(t)
	want := digest(t, s, n)
	if got := digest(t, s, n); !bytes.Equal(got, want) {
		t.Error("the second time is another than the first")
	}
	if got := digest(t, shipped(t), n); !bytes.Equal(got, want) {
		t.Error("another after a reload")
	}
}

// strip removes what is at a path of JSON.
func strip(t *testing.T, doc []byte, path []string) []byte {
	t.Helper()
	var whole any
	if err := json.Unmarshal(doc, &whole); err != nil {
		t.Fatal(err)
	}
	at := whole
	for _, p := range path[:len(path)-1] {
		switch x := at.(type) {
		case map[string]any:
			at = x[p]
		case []any:
			at = x[0]
		}
	}
	delete(at.(map[string]any), path[len(path)-1])
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// words lists the paths of all fields of facts that are words, and of objects
// that hold them; a pool stands for all.
func words(t reflect.Type, at []string) [][]string {
	var out [][]string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		path := append(slices.Clone(at), name)
		switch {
		case f.Type.Kind() == reflect.String:
			out = append(out, path)
		case f.Type.Kind() == reflect.Struct:
			out = append(out, words(f.Type, path)...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			out = append(out, words(f.Type.Elem(), append(path, "0"))...)
		}
	}
	return out
}

// A field that did not exist when facts were recorded reads as unknown, whatever
// fields are added later.
func TestAbsentFactsAreUnknown(t *testing.T) {
	b, err := json.Marshal(policies.Example())
	if err != nil {
		t.Fatal(err)
	}
	paths := words(reflect.TypeFor[proxy.Facts](), nil)
	if len(paths) < 25 {
		t.Fatalf("only %d words: the walk is broken", len(paths))
	}
	for _, path := range paths {
		f, err := replay.ReadFacts(strip(t, b, path))
		if err != nil {
			t.Errorf("%v: %v", path, err)
			continue
		}
		v := reflect.ValueOf(f).Elem()
		for _, p := range path {
			if v.Kind() == reflect.Slice {
				v = v.Index(0)
				continue
			}
			v = v.FieldByNameFunc(func(name string) bool {
				sf, _ := v.Type().FieldByName(name)
				tag, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
				return tag == p
			})
		}
		want := proxy.Unknown
		if path[0] == "grant" {
			want = map[string]string{"approved": "no", "id": "none", "justification": "none"}[path[1]]
		}
		if v.String() != want {
			t.Errorf("%v reads as %q, want %q", path, v, want)
		}
	}
	// What is there is read as it is, and nothing is null.
	f, err := replay.ReadFacts(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policies.Example(), f); diff != "" {
		t.Error(diff)
	}
	if f, err = replay.ReadFacts([]byte(`{"version":1,"pools":[{"name":"x"}]}`)); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(f); err != nil || bytes.Contains(b, []byte("null")) {
		t.Errorf("a list is null: %s %v", b, err)
	}
}

// event makes the JSON of a decision's event.
func event(t *testing.T, d *proxy.DecisionRecord) []byte {
	t.Helper()
	b, err := json.Marshal(&proxy.Event{ID: "01", Kind: proxy.EventDecision, Decision: d, Time: "2026-11-24T09:00:00.000Z",
		Policy: &proxy.PolicyRecord{Policies: "sha256:live", Suite: "suite"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadSaysWhatCannotBeReplayed(t *testing.T) {
	later := policies.Example()
	later.Version = proxy.FactsVersion + 1
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"refused before", event(t, &proxy.DecisionRecord{Action: proxy.Deny, Code: "unreadable_body"}), "refused before the policies were asked: unreadable_body"},
		{"a code that is none", event(t, &proxy.DecisionRecord{Action: proxy.Deny, Code: "No such <code>"}), "refused before the policies were asked: other"},
		{"health", event(t, &proxy.DecisionRecord{Action: proxy.Allow, Pool: proxy.PoolSelf}), "answered by Ostiary without asking the policies"},
		{"later facts", event(t, &proxy.DecisionRecord{Action: proxy.Allow, Facts: later}), "facts of version 2, which this program does not know"},
		{"left", event(t, &proxy.DecisionRecord{Action: proxy.Deny, Code: proxy.CodeAborted, Facts: policies.Example()}), "the client left before the decision"},
		{"no JSON", []byte(`{"kind":"decision"`), "the record cannot be read"},
	} {
		d, err := new(replay.Reader).Read(c.in)
		var unfit *replay.Unfit
		if d != nil || !errors.As(err, &unfit) || unfit.Why != c.want {
			t.Errorf("%s: %v %v", c.name, d, err)
		}
	}
	if d, err := new(replay.Reader).Read([]byte(`{"kind":"outcome","decision_id":"\"kind\":\"decision\""}`)); d != nil || err != nil {
		t.Errorf("an outcome is a decision: %v %v", d, err)
	}
}

// side is the outcome of a verdict about facts.
func TestUnder(t *testing.T) {
	base := func(change func(*proxy.Facts)) *proxy.Facts {
		f := policies.Example()
		policies.Add(f, "EMAIL_ADDRESS", []string{"contact"}, "user", proxy.Likely)
		if change != nil {
			change(f)
		}
		return f
	}
	house := proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}}
	mask := proxy.Verdict{Action: proxy.Mask, Masks: []proxy.MaskRule{{Groups: []string{"contact"}}}}
	always := proxy.Verdict{Action: proxy.Mask, Masks: []proxy.MaskRule{{Types: []string{"EMAIL_ADDRESS"}, Always: true}}}
	for _, c := range []struct {
		name  string
		facts *proxy.Facts
		rec   proxy.DecisionRecord
		v     proxy.Verdict
		err   error
		want  string
	}{
		{name: "allowed", facts: base(nil), v: proxy.Verdict{Action: proxy.Allow}, want: "allow openai []"},
		{name: "denied", facts: base(nil), v: proxy.Verdict{Action: proxy.Deny}, want: "deny data_policy_denied none []"},
		{name: "with a code", facts: base(nil), v: proxy.Verdict{Action: proxy.Deny, Code: "secrets"}, want: "deny secrets none []"},
		{name: "undecided", facts: base(nil), err: errors.New("x"), want: "undecided " + proxy.Undecided.Code() + " none []"},
		{name: "rerouted", facts: base(nil), v: house, want: "reroute house []"},
		{name: "masked", facts: base(nil), v: mask, want: "mask openai [EMAIL_ADDRESS]"},
		{name: "nothing to mask", facts: policies.Example(), v: mask, want: "allow openai []"},
		{name: "rerouted, no need to mask", facts: base(nil), v: proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}, Masks: mask.Masks}, want: "reroute house []"},
		{name: "masked in-house too", facts: base(nil), v: proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}, Masks: always.Masks}, want: "reroute house [EMAIL_ADDRESS]"},
		{name: "embeddings", facts: base(func(f *proxy.Facts) { f.Request.Operation = "embeddings" }), v: mask, want: "deny data_policy_denied none []"},
		{name: "embeddings all the same", facts: base(func(f *proxy.Facts) { f.Request.Operation = "embeddings" }), v: always, want: "mask openai [EMAIL_ADDRESS]"},
		{name: "it stands where it cannot be masked", facts: base(nil), v: mask, want: "deny data_policy_denied none []",
			rec: proxy.DecisionRecord{Reasons: []proxy.Reason{{Action: proxy.Deny, Policy: "ostiary", Rule: "cannot_mask"}}}},
		{name: "too long for the house", facts: base(func(f *proxy.Facts) { f.Request.Tokens = 40_000 }), v: house, want: "deny no_capable_pool none []"},
		{name: "the house was unfit then", facts: base(nil), v: house, want: "deny no_capable_pool none []",
			rec: proxy.DecisionRecord{Rejected: []proxy.Rejection{{Pool: "house", Why: "tools"}}}},
		{name: "state elsewhere", facts: base(func(f *proxy.Facts) { f.State = []string{"response"} }), v: house, want: "deny state_elsewhere none []"},
		{name: "without a key", facts: base(func(f *proxy.Facts) { f.Pools[1].Available = "no" }), v: house, want: "deny pool_unavailable none []"},
		{name: "models", facts: base(func(f *proxy.Facts) { f.Request.Operation = "models" }), v: proxy.Verdict{Action: proxy.Allow}, want: "allow ostiary []"},
		{name: "nobody asked for", facts: base(func(f *proxy.Facts) { f.Destination.Pool = proxy.Unknown }), v: proxy.Verdict{Action: proxy.Allow}, want: "reroute house []"},
	} {
		rec := c.rec
		rec.Action, rec.Facts = proxy.Allow, c.facts
		d, err := new(replay.Reader).Read(event(t, &rec))
		if err != nil {
			t.Fatal(err)
		}
		s := d.Under(&c.v, c.err)
		if got := strings.ReplaceAll(fmt.Sprint(s.Action, " ", s.Code, " ", s.Pool, " ", s.Masks), "  ", " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLoosened(t *testing.T) {
	side := func(s string) *replay.Side {
		parts := strings.Fields(s)
		return &replay.Side{Action: parts[0], Pool: parts[1], Boundary: parts[1], Masks: parts[2:]}
	}
	for _, c := range []struct{ was, would, want string }{
		{"deny none", "allow external", replay.LoosenedPasses},
		{"deny none", "reroute internal", replay.LoosenedPasses},
		{"undecided none", "allow external", replay.LoosenedPasses},
		{"deny none", "undecided none", ""},
		{"allow external", "deny none", ""},
		{"reroute internal", "allow external", replay.LoosenedLeaves},
		{"reroute internal", "mask external A", replay.LoosenedLeaves},
		{"allow internal", "allow external", replay.LoosenedLeaves},
		{"mask external A", "allow external", replay.LoosenedMasks},
		{"mask external A B", "mask external A", replay.LoosenedMasks},
		{"mask external A", "mask external A B", ""},
		{"mask external A", "reroute internal", ""},
		{"reroute internal A", "reroute internal", replay.LoosenedMasks},
		{"reroute external", "allow external", replay.LoosenedAllows},
		{"allow external", "mask external A", ""},
		{"allow external", "reroute internal", ""},
	} {
		if got := replay.Loosened(side(c.was), side(c.would)); got != c.want {
			t.Errorf("%s → %s: %q, want %q", c.was, c.would, got, c.want)
		}
	}
}

func TestMatrix(t *testing.T) {
	f := policies.Example()
	policies.Add(f, "EMAIL_ADDRESS", []string{"contact"}, "user", proxy.Likely)
	f.Request.Model, f.Request.Tokens, f.Principal.Team = "gpt-5-2025-08-07", 1_000_000, "billing"
	f.Pools[0].Context, f.Pools[1].Context = 0, 0
	d, err := new(replay.Reader).Read(event(t, &proxy.DecisionRecord{Action: proxy.Allow, Pool: "openai", Facts: f}))
	if err != nil {
		t.Fatal(err)
	}
	deny := proxy.Verdict{Action: proxy.Deny, Reasons: []proxy.Reason{{Action: proxy.Deny, Policy: "p", Rule: "no"}, {Action: "warn", Policy: "p", Rule: "hint"}}}
	house := proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}, Reasons: []proxy.Reason{{Action: proxy.Reroute, Policy: "r", Rule: "in"}}}
	allow := proxy.Verdict{Action: proxy.Allow}
	fill := func(by replay.By) replay.Report {
		m := &replay.Matrix{By: by}
		m.Skip("x")
		for _, pair := range [][2]*proxy.Verdict{{&allow, &allow}, {&allow, &deny}, {&allow, &deny}, {&deny, &allow}, {&house, &allow}, {&allow, &house}} {
			was, would := d.Under(pair[0], nil), d.Under(pair[1], nil)
			m.Add(d, &was, &would)
		}
		return m.Report()
	}
	r := fill(replay.ByRule)
	if r.Replayed != 6 || r.Changed != 5 || r.Loosened != 2 || r.NewlyDenied != 2 || r.Skipped["x"] != 1 {
		t.Errorf("%+v", r)
	}
	if share := r.NewlyDeniedShare(); share < 33.3 || share > 33.4 {
		t.Errorf("share %v", share)
	}
	if want := map[string]int{replay.LoosenedPasses: 1, replay.LoosenedLeaves: 1}; !reflect.DeepEqual(r.Reasons, want) {
		t.Errorf("reasons %v", r.Reasons)
	}
	var cells []string
	for _, c := range r.Cells {
		cells = append(cells, fmt.Sprint(c.Was, ":", c.Would, " ", c.Events, " ", c.Changed, " ", c.Loosened, " ", len(c.Examples)))
	}
	if want := []string{"allow:deny 2 2 0 2", "allow:reroute 1 1 0 1", "deny:allow 1 1 1 1", "reroute:allow 1 1 1 1", "allow:allow 1 0 0 0"}; !slices.Equal(cells, want) {
		t.Errorf("cells %q", cells)
	}
	for by, want := range map[replay.By]string{
		replay.ByRule: "-p.no 1, -r.in 1, +p.no 2, +r.in 1", replay.ByTeam: "billing 5", replay.ByType: "EMAIL_ADDRESS 5", replay.ByApplication: "unknown 5",
		replay.ByPool: "house → openai 1, none → openai 1, openai → none 2, openai → house 1",
	} {
		var rows []string
		for _, row := range fill(by).Rows {
			rows = append(rows, fmt.Sprint(row.Key, " ", row.Changed))
		}
		if got := strings.Join(rows, ", "); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	// 1,000,000 tokens of gpt-5 cost 1.25 USD.
	if c := r.Cost; c.Was != 4*1.25 || c.Would != 3*1.25 || c.Unpriced != (replay.Change{}) {
		t.Errorf("cost %+v", c)
	}
	if r.InHouse != (replay.Change{Was: 1_000_000, Would: 1_000_000}) {
		t.Errorf("in-house %+v", r.InHouse)
	}
}

func TestPrice(t *testing.T) {
	for model, want := range map[string]float64{
		"gpt-5": 1.25, "gpt-5-2025-08-07": 1.25, "claude-3-5-haiku-20241022": 0.8, "claude-3-5-haiku-latest": 0.8, "gpt-4o": 2.5,
		"house-model": 0, "other": 0, "unknown": 0, "": 0, "20250101": 0, "gpt-5-house": 0, "-": 0,
	} {
		got, ok := replay.Price(model)
		if got != want || ok != (want > 0) {
			t.Errorf("%q: %v %v, want %v", model, got, ok, want)
		}
	}
}

// A decision that a candidate was asked about too is compared as the policies
// worded it: not by what became of it.
func TestShadowed(t *testing.T) {
	f := policies.Example()
	for _, c := range []struct {
		rec  proxy.DecisionRecord
		want string
	}{
		{proxy.DecisionRecord{Action: proxy.Allow, Pool: "openai", Shadow: &proxy.WouldRecord{Action: proxy.Deny}}, "allow deny"},
		{proxy.DecisionRecord{Action: proxy.Allow, Pool: "openai", Masks: []string{"contact"}, Shadow: &proxy.WouldRecord{Action: proxy.Mask}}, "mask mask"},
		{proxy.DecisionRecord{Action: proxy.Reroute, Pool: "house", Reasons: []proxy.Reason{{Action: proxy.Reroute}}, Shadow: &proxy.WouldRecord{Action: proxy.Allow}}, "reroute allow"},
		// The pool asked for was permitted, and could not serve.
		{proxy.DecisionRecord{Action: proxy.Reroute, Pool: "house", Reasons: []proxy.Reason{{Action: proxy.Reroute}}, Rejected: []proxy.Rejection{{Pool: "openai"}},
			Shadow: &proxy.WouldRecord{Action: proxy.Allow}}, "allow allow"},
		{proxy.DecisionRecord{Action: proxy.Deny, Code: proxy.CodeNoCapablePool, Shadow: &proxy.WouldRecord{Action: proxy.Allow}}, "allow allow"},
		{proxy.DecisionRecord{Action: proxy.Deny, Reasons: []proxy.Reason{{Action: proxy.Deny}}, Shadow: &proxy.WouldRecord{Action: "unknown"}}, "deny undecided"},
	} {
		c.rec.Asked, c.rec.Facts = "openai", f
		d, err := new(replay.Reader).Read(event(t, &c.rec))
		if err != nil {
			t.Fatal(err)
		}
		acted, watched, ok := d.Shadowed()
		if got := acted.Action + " " + watched.Action; !ok || got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
		if same := acted.Action == watched.Action; same == replay.Changed(&acted, &watched) {
			t.Errorf("%s: changed %v", c.want, !same)
		}
	}
	d, err := new(replay.Reader).Read(event(t, &proxy.DecisionRecord{Action: proxy.Allow, Facts: f}))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := d.Shadowed(); ok {
		t.Error("a decision without a candidate has two sides")
	}
}

// cpu gives the processor time of the process in nanoseconds: on a machine that
// others use too, it says more than the clock.
func cpu() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkReplay reads a record, and decides it too, as the command does.
func BenchmarkReplay(b *testing.B) {
	s := shipped(b)
	var records [][]byte
	size := 0
	for i := range uint64(1000) {
		f := made(i)
		text, err := json.Marshal(&proxy.Event{ID: "01JDQ7ZK3M9V0000000000000", Kind: proxy.EventDecision, Time: "2026-11-24T09:00:00.000Z",
			Decision: &proxy.DecisionRecord{Action: proxy.Allow, Asked: "openai", Pool: "openai", Facts: f, Reasons: []proxy.Reason{}},
			Policy:   &proxy.PolicyRecord{Policies: "sha256:x", Suite: "y"}, Timing: &proxy.TimingRecord{}})
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, text)
		size += len(text)
	}
	for _, decide := range []bool{false, true} {
		b.Run(fmt.Sprintf("decide=%v", decide), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size / len(records)))
			m := &replay.Matrix{By: replay.ByRule}
			var reader replay.Reader
			n, begin := 0, cpu()
			for b.Loop() {
				n++
				d, err := reader.Read(records[n%len(records)])
				if err != nil {
					b.Fatal(err)
				}
				if !decide {
					continue
				}
				v, err := s.Decide(context.Background(), d.Facts)
				would := d.Under(&v, err)
				m.Add(d, &d.Was, &would)
			}
			b.ReportMetric(float64(cpu()-begin)/float64(b.N), "cpu-ns/op")
		})
	}
}

// What is read part by part is what encoding/json reads whole.
func TestReadsAsJSONDoes(t *testing.T) {
	var reader replay.Reader
	for i := range uint64(2000) {
		f := made(i)
		f.State, f.Grant.Lifts, f.Principal.Groups = []string{"response"}, []string{"p.r"}, []string{`a "quoted" \ group`}
		d, err := reader.Read(event(t, &proxy.DecisionRecord{Action: proxy.Mask, Masked: 1, Masks: []string{"personal"}, Pool: "openai", Facts: f,
			Reasons: []proxy.Reason{{Action: proxy.Mask, Policy: "p", Rule: "r"}}, Shadow: &proxy.WouldRecord{Action: proxy.Deny, Rules: []string{"q.s"}}}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, d.Facts); diff != "" {
			t.Fatal(diff)
		}
		if d.ID != "01" || d.Revision != "sha256:live" || d.Suite != "suite" || d.Time != "2026-11-24T09:00:00.000Z" || d.Was.Action != "mask" ||
			d.Was.Pool != "openai" || d.Was.Boundary != "external" || fmt.Sprint(d.Was.Rules) != "[p.r]" || d.Shadow.Rules[0] != "q.s" {
			t.Fatalf("%+v", d)
		}
	}
}

// FuzzRead gives the reader what is no record: it may refuse, and not fail
// otherwise; what encoding/json reads, it reads too.
func FuzzRead(f *testing.F) {
	b, err := json.Marshal(&proxy.Event{ID: "1", Kind: proxy.EventDecision, Decision: &proxy.DecisionRecord{Action: proxy.Deny, Facts: made(3)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"kind":"decision","decision":{"action":"deny","facts":{"version":1}}}`))
	f.Add([]byte(`{"kind":"decision", "decision" : {"a\u0063tion":"deny","facts":{"version":1,"new":{"a":["}\\"]}}}} `))
	f.Add([]byte(`{"kind":"decision","x":[[[[`))
	f.Add([]byte(`{"kind":"decision","x":"\\\"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := new(replay.Reader).Read(b)
		var unfit *replay.Unfit
		if err != nil && !errors.As(err, &unfit) || d != nil && (err != nil || d.Facts == nil) {
			t.Fatalf("%v %v", d, err)
		}
		var ev proxy.Event
		whole := json.Unmarshal(b, &ev) == nil && ev.Kind == proxy.EventDecision && ev.Decision != nil && ev.Decision.Facts != nil
		if whole && d != nil && d.Facts.Request.Tokens != ev.Decision.Facts.Request.Tokens && ev.Decision.Facts.Request.Tokens != 0 && bytes.Count(b, []byte("request")) == 1 && bytes.Count(b, []byte("tokens")) == 1 {
			t.Errorf("tokens %d, want %d", d.Facts.Request.Tokens, ev.Decision.Facts.Request.Tokens)
		}
	})
}
