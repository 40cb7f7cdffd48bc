package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// writePolicy makes a directory with one policy beside the shipped ones.
func writePolicy(t *testing.T, name, rego string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("ostiary", "init", dir).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	own := filepath.Join(dir, "policies", name)
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, name+".rego"), []byte(rego), 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "policies")
}

// What the detectors know is what policies speak of: each prompt holds one kind
// of data and goes where the shipped policies want it.
func TestEveryKindIsGoverned(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := launch(t, plane, "")
		for _, c := range []struct {
			prompt, action string
			types          []string // of which one at least is in the event
		}{
			{"Summarise the minutes: the committee postponed the vote.", "allow", nil},
			{"Who was Marie Curie?", "allow", []string{"PERSON"}}, // a name alone may be anybody's
			{"Patient: Ruth Carver, born on 4 May 1961, please draft a reply.", "reroute", []string{"PERSON"}},
			{"my name is Tomasz Kowalczyk, my number is +48 512 345 678", "reroute", []string{"PERSON"}},
			{"Her patient record says MRN 48201937.", "reroute", []string{"MEDICAL_RECORD"}},
			{"My daughter was diagnosed with leukaemia last week.", "reroute", []string{"HEALTH_CONDITION"}},
			{"Ship it to 412 Willow Lane, Sacramento, CA 94203.", "reroute", []string{"STREET_ADDRESS"}},
			{"Der Kunde hat die Steuer-ID 65 929 970 489 angegeben.", "reroute", []string{"DE_IDNR"}},
			{"CPF 390.533.447-05, confirme o cadastro", "reroute", []string{"BR_CPF"}},
			{"reply to jane dot doe at nordvik-energi dot se", "reroute", []string{"EMAIL_ADDRESS"}},
			{"ssn: " + "536\u200b-22-\u200b8765", "reroute", []string{"US_SSN"}},
			{"The card is 4539 1488 0343 6467, exp 09/29", "reroute", []string{"CREDIT_CARD"}},
			{"the database password is kX9#tq!Lw2vZ, can you connect?", "deny", []string{"SECRET_PASSWORD"}},
			{"postgres://app:kX9tqLw2vZ@db.internal:5432/prod does not answer", "deny", []string{"SECRET_CONNECTION_STRING"}},
		} {
			body, err := json.Marshal(map[string]any{"model": "gpt-demo", "messages": []map[string]string{{"role": "user", "content": c.prompt}}})
			if err != nil {
				t.Fatal(err)
			}
			r := in.post("/v1/chat/completions", string(body))
			if c.action != "deny" && (r.status != 200 || r.action() != c.action) || c.action == "deny" && r.status != 403 {
				t.Errorf("%s: %d %s, want %s", c.types, r.status, r.action(), c.action)
			}
			ev := in.decision(r)
			for _, typ := range c.types {
				if !slices.ContainsFunc(ev.Findings, func(f proxy.FindingRecord) bool { return f.Type == typ }) {
					t.Errorf("the event of a prompt with %s does not count it", typ)
				}
			}
		}
		in.end()
		if b := in.logBytes(); bytes.Contains(b, []byte("Kowalczyk")) || bytes.Contains(b, []byte("kX9")) || bytes.Contains(b, []byte("Willow")) {
			t.Error("content is in the log")
		}
	})
}

// decision gives the event of a reply.
func (in *instance) decision(r reply) *proxy.Event {
	in.t.Helper()
	id := r.header.Get(proxy.HeaderDecisionID)
	for _, e := range in.events(proxy.EventDecision) {
		if e.ID == id {
			return e
		}
	}
	in.t.Fatalf("no event of the decision %s", id)
	return nil
}

// logBytes gives everything that lies in the log's directory.
func (in *instance) logBytes() []byte {
	var all []byte
	err := filepath.Walk(in.places.log, func(p string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		all = append(all, b...)
		return err
	})
	if err != nil {
		in.t.Fatal(err)
	}
	return all
}

const breakGlass = `package ostiary.policies.glass

import rego.v1

# METADATA
# title: Long prompts are closed
deny contains {"rule": "long", "message": "Too long for the outside.", "liftable": true} if input.request.tokens > 400

# METADATA
# title: A grant that two persons signed opens them
allow contains {"rule": "opened", "message": "Opened by a grant.", "lifts": "long", "grant": true, "approval": true}

# METADATA
# title: The officer hears of it
notify contains {"rule": "tell", "message": "The officer was told.", "to": "officer"} if input.request.tokens > 400

# METADATA
# title: Images need a reason
require contains {"rule": "why", "message": "Say why.", "justification": true} if input.request.stream
`

// A grant lifts a rule for its application where two persons signed it, each use
// is an event of its own, and neither grant nor justification goes on.
func TestGrantLifts(t *testing.T) {
	dir := t.TempDir()
	run := func(stdin string, args ...string) string {
		t.Helper()
		c := exec.Command("ostiary", args...)
		c.Stdin, c.Dir = strings.NewReader(stdin), dir
		var errs bytes.Buffer
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs.String())
		}
		return strings.TrimSpace(string(out))
	}
	run("", "grant", "key", "a.key", "a.pem")
	run("", "grant", "key", "b.key", "b.pem")
	one := run("", "grant", "create", "--key", "a.key", "--application", "bot", "--lifts", "glass.long", "--reason", "incident", "--for", "10m")
	two := run(one, "grant", "approve", "--key", "b.key")
	if show := run(two, "grant", "show"); !strings.Contains(show, "for bot: lifts glass.long, reason incident") || !strings.Contains(show, "2 signatures") {
		t.Errorf("show: %s", show)
	}
	policies := writePolicy(t, "glass", breakGlass)
	eachPlane(t, func(t *testing.T, plane string) {
		t.Setenv("OSTIARY_TEST_APP_KEY", "an-application-key-of-the-test")
		in := launch(t, plane, "policies: "+policies+"\napplications: [{name: bot, key: {env: OSTIARY_TEST_APP_KEY}}]\npolicy:\n  grants: {keys: ["+filepath.Join(dir, "a.pem")+", "+filepath.Join(dir, "b.pem")+"], reasons: [incident]}\n")
		long := chat("Summarise the minutes of the committee. " + strings.Repeat("They postponed the vote again. ", 100))
		key := []string{"ostiary-key", "an-application-key-of-the-test"}
		if r := in.post("/v1/chat/completions", long, key...); r.status != 403 {
			t.Errorf("without a grant: %d", r.status)
		}
		if r := in.post("/v1/chat/completions", long, append(key, "ostiary-grant", one)...); r.status != 403 {
			t.Errorf("with one signature: %d", r.status)
		}
		r := in.post("/v1/chat/completions", long, append(key, "ostiary-grant", two)...)
		if r.status != 200 || r.action() != "allow" {
			t.Fatalf("with two: %d %s %s", r.status, r.action(), r.code())
		}
		if seen := string(in.openai.take()); strings.Contains(seen, two) || strings.Contains(strings.ToLower(seen), "ostiary-grant") {
			t.Error("the grant went on")
		}
		stream := strings.Replace(chat(ordinary), "{", `{"stream":true,`, 1)
		if r := in.post("/v1/chat/completions", stream, key...); r.status != 403 || r.code() != "justification_required" {
			t.Errorf("a stream without a reason: %d %s", r.status, r.code())
		}
		if r := in.post("/v1/chat/completions", stream, append(key, "ostiary-justification", "a sentence about Jane Roe")...); r.status != 200 {
			t.Errorf("a stream with a reason: %d %s", r.status, r.code())
		}
		ev := in.decision(r)
		if ev.Decision.Facts.Grant.Approved != "yes" || strings.Join(ev.Decision.Notify, " ") != "officer" {
			t.Errorf("the event says grant %+v, notify %v", ev.Decision.Facts.Grant, ev.Decision.Notify)
		}
		in.end()
		uses := in.events(proxy.EventGrant)
		if len(uses) != 1 || uses[0].DecisionID != ev.ID || uses[0].Admin.Detail != ev.Decision.Facts.Grant.ID {
			t.Errorf("%d events of a grant's use", len(uses))
		}
		// A sentence that somebody wrote may name a person: it stands in the part of
		// the event that can be erased, and nowhere else.
		log, err := audit.OpenReader(in.places.log)
		if err != nil {
			t.Fatal(err)
		}
		apart := 0
		for rec, err := range log.WithPersonal().Records(0) {
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(rec.JSON, []byte("Jane Roe")) {
				t.Error("a justification is in an event")
			}
			if bytes.Contains(rec.Personal, []byte("Jane Roe")) {
				apart++
			}
		}
		if apart != 1 {
			t.Errorf("%d personal parts hold the justification", apart)
		}
	})
}

// A policy that only observes leaves its reasons; a candidate leaves its verdict.
func TestModesAndCandidates(t *testing.T) {
	policies := writePolicy(t, "glass", breakGlass)
	next := writePolicy(t, "glass", breakGlass+"\n# METADATA\n# title: Nothing passes\ndeny contains {\"rule\": \"all\", \"message\": \"No.\"}\n")
	in := launch(t, "embedded", "policies: "+policies+"\npolicy:\n  modes: [{policy: glass, rule: long, mode: observe}]\n  candidate: {path: "+next+"}\n")
	r := in.post("/v1/chat/completions", chat("Summarise the minutes. "+strings.Repeat("They postponed the vote again. ", 100)))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.code())
	}
	ev := in.decision(r)
	if !slices.ContainsFunc(ev.Decision.Reasons, func(x proxy.Reason) bool { return x.Rule == "long" && x.Action == "observe" }) {
		t.Errorf("reasons %+v", ev.Decision.Reasons)
	}
	s := ev.Decision.Shadow
	if s == nil || s.Action != proxy.Deny || s.Revision == "" || s.Revision == ev.Policy.Policies || strings.Join(s.Rules, " ") != "glass.all" {
		t.Errorf("shadow %+v", s)
	}
	in.end()
}

// A text with numbers of a hundred formats does not make facts or an event that
// are too large: it is decided, recorded and goes in-house.
func TestManyFormatsAtOnce(t *testing.T) {
	var b strings.Builder
	n := 0
	for _, f := range stdnum.All() {
		if n < 100 && len(f.Words) > 0 && f.Of == stdnum.Person {
			n++
			b.WriteString(f.Words[0] + ": " + f.Sample + "\n")
		}
	}
	in := launch(t, "embedded", "")
	body, err := json.Marshal(map[string]any{"model": "gpt-demo", "messages": []map[string]string{{"role": "user", "content": b.String()}}})
	if err != nil {
		t.Fatal(err)
	}
	r := in.post("/v1/chat/completions", string(body))
	if r.status != 200 || r.action() != "reroute" {
		t.Fatalf("%d %s %s: %s", r.status, r.action(), r.code(), r.body)
	}
	ev := in.decision(r)
	if len(ev.Decision.Facts.Findings.Types) < 60 {
		t.Errorf("%d types in the facts", len(ev.Decision.Facts.Findings.Types))
	}
	in.end()
}
