package console_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/console"
)

var why = console.RevealRequest{Reason: "review", Ticket: "T-1"}

// What reads something personal, and how.
var personalReads = []struct {
	name string
	ask  func(h *house, c *console.Client) error
	want proxy.AdminRecord // of the event
}{
	{"search", func(h *house, c *console.Client) error {
		_, err := c.Events(h.t.Context(), console.Search{Query: "kind:decision", Personal: true, Limit: 2})
		return err
	}, proxy.AdminRecord{Action: "search", Count: 2, From: 2, To: 5, Role: "reviewer"}},
	{"show", func(h *house, c *console.Client) error {
		_, err := c.Event(h.t.Context(), h.ids[0], true)
		return err
	}, proxy.AdminRecord{Action: "show", Count: 2, From: 0, To: 2, Role: "reviewer"}},
	{"export", func(h *house, c *console.Client) error {
		_, err := c.Export(h.t.Context(), &bytes.Buffer{}, "jsonl", console.Search{Query: "kind:decision", Personal: true})
		return err
	}, proxy.AdminRecord{Action: "export", Detail: "jsonl with personal parts", To: 6, Role: "reviewer"}},
	{"export of cores", func(h *house, c *console.Client) error {
		_, err := c.Export(h.t.Context(), &bytes.Buffer{}, "jsonl", console.Search{Query: "kind:decision"})
		return err
	}, proxy.AdminRecord{Action: "export", Detail: "jsonl", To: 6, Role: "viewer"}},
	{"hash", func(h *house, c *console.Client) error {
		_, err := c.Hash(h.t.Context(), console.HashRequest{Type: "EMAIL_ADDRESS", Value: canary, Ticket: "T-1"})
		return err
	}, proxy.AdminRecord{Action: "hash", Code: "subject_request", Detail: "EMAIL_ADDRESS", Count: 2, To: 2, Role: "dpo"}},
	{"reveal", func(h *house, c *console.Client) error {
		_, err := c.Reveal(h.t.Context(), h.ids[0], console.RevealRequest{Reason: "incident", Ticket: "T-1", Approver: "bob"})
		return err
	}, proxy.AdminRecord{Action: "reveal", Code: "incident", Count: 2, To: 2, Role: "dpo"}},
	{"erase, dry", func(h *house, c *console.Client) error {
		_, err := c.Erase(h.t.Context(), console.EraseRequest{Query: "kind:decision", Reason: "subject_request", Ticket: "T-1", DryRun: true})
		return err
	}, proxy.AdminRecord{Action: "erase", Code: "subject_request", Detail: "dry run", Count: 2, Role: "dpo"}},
}

// Each read of personal parts is recorded, with who and why in the personal part
// and nothing personal in the core.
func TestReadsAreRecorded(t *testing.T) {
	for _, tt := range personalReads {
		h := build(t, nil)
		if err := tt.ask(h, h.client()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		evs := h.accesses()
		if len(evs) == 0 {
			t.Errorf("%s: nothing is recorded", tt.name)
			continue
		}
		want := tt.want
		if tt.name == "show" || tt.name == "reveal" {
			want.Detail = h.ids[0]
		}
		if d := cmp.Diff(&want, evs[0].Admin); d != "" {
			t.Errorf("%s (- want, + got):\n%s", tt.name, d)
		}
		p := evs[0].Personal
		if p.Subject != "root" && p.UID == 0 {
			t.Errorf("%s: it is not recorded who read: %+v", tt.name, p)
		}
		if (tt.want.Code != "") != (p.Ticket == "T-1") || (tt.want.Code == "incident") != (p.Approver == "bob") {
			t.Errorf("%s: ticket %q, approver %q", tt.name, p.Ticket, p.Approver)
		}
		if strings.HasPrefix(tt.name, "search") != (p.Query != "") && !strings.Contains(tt.name, "export") && !strings.Contains(tt.name, "erase") || p.Query != "" && p.Query != "kind:decision" {
			t.Errorf("%s: query %q", tt.name, p.Query)
		}
		if strings.HasPrefix(tt.name, "export") && (len(evs) != 2 || evs[1].Admin.Action != "exported" || evs[1].Admin.Count != 3) {
			t.Errorf("%s: its end is not recorded with its count", tt.name)
		}
	}
}

// What cannot be recorded is refused, and no personal part is even read.
func TestReadsThatCannotBeRecorded(t *testing.T) {
	for _, tt := range personalReads {
		h := build(t, nil)
		h.keys.failWith(&proxy.Error{Op: "record", Kind: proxy.Unrecorded, Err: errors.New("disk full")})
		if err := tt.ask(h, h.client()); problemCode(err) != "unrecorded" {
			t.Errorf("%s: %v, want a refusal", tt.name, err)
		}
		if n := h.rooms.looked; n != 0 {
			t.Errorf("%s: refused, and %d personal parts were read", tt.name, n)
		}
		for _, path := range []string{"/api/v1/events?personal=true", "/api/v1/events/" + h.ids[0] + "?personal=true", "/api/v1/export?format=jsonl&personal=true"} {
			got := h.ask("GET", path, "reviewer", "")
			if got.status != 503 {
				t.Errorf("%s: %d", path, got.status)
			}
			noCanary(t, path, got.body)
		}
		// Cores need no record.
		if got := h.ask("GET", "/api/v1/events", "reviewer", ""); got.status != 200 {
			t.Errorf("cores, with a log that takes nothing: %d", got.status)
		}
	}
}

// A viewer gets cores, byte for byte and alone; a reviewer the personal parts
// without salt and ciphertext.
func TestEntries(t *testing.T) {
	h := build(t, nil)
	var stored [][]byte
	for rec, err := range h.reader.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, rec.JSON)
	}
	got, err := h.as("viewer").Events(t.Context(), console.Search{Oldest: true})
	if err != nil || len(got.Events) != 6 || got.Size != 6 || got.Next != "" {
		t.Fatalf("%d events, size %d, %v", len(got.Events), got.Size, err)
	}
	for i, e := range got.Events {
		if !bytes.Equal(e.Event, stored[i]) || e.Index != int64(i) || e.Personal != nil || e.State != "" {
			t.Errorf("event %d is not the core that is stored", i)
		}
	}
	got, err = h.as("reviewer").Events(t.Context(), console.Search{Oldest: true, Personal: true, Query: "kind:decision"})
	if err != nil || len(got.Events) != 3 {
		t.Fatalf("%d events, %v", len(got.Events), err)
	}
	want := &proxy.PersonalRecord{Subject: canarySubject, Fingerprints: []string{canaryPrint}, Justification: canary,
		Evidence: []proxy.EvidenceRecord{{To: "dpo-2026", Type: "EMAIL_ADDRESS"}}}
	for _, e := range got.Events {
		if d := cmp.Diff(want, e.Personal); d != "" || e.State != console.PersonalPresent {
			t.Errorf("state %s (- want, + got):\n%s", e.State, d)
		}
	}
	h.rooms.erased[0] = true
	got, err = h.as("dpo").Event(t.Context(), h.ids[0], true)
	if err != nil || len(got.Events) != 2 || got.Events[0].State != console.PersonalErased || got.Events[0].Personal != nil || got.Events[1].State != console.PersonalNone {
		t.Errorf("an erased part: %+v, %v", got, err)
	}
	if _, err := h.as("viewer").Event(t.Context(), "01JDQ7ZK3M9V00000000000000", false); problemCode(err) != "not_found" {
		t.Errorf("an unknown id: %v", err)
	}
}

// Pages stay as they were while the log grows.
func TestPages(t *testing.T) {
	h := build(t, nil)
	c := h.as("viewer")
	var all []int64
	s := console.Search{Limit: 4, Oldest: true}
	for {
		got, err := c.Events(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.Events {
			all = append(all, e.Index)
		}
		if got.Next == "" {
			break
		}
		h.decide(1)
		s.Cursor = got.Next
	}
	if d := cmp.Diff([]int64{0, 1, 2, 3, 4, 5}, all); d != "" {
		t.Error(d)
	}
	s.Cursor = "nonsense"
	if _, err := c.Events(t.Context(), s); problemCode(err) != "cursor" {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func TestReveal(t *testing.T) {
	h := build(t, nil)
	c := h.client()
	got, err := c.Reveal(t.Context(), h.ids[1], why)
	if err != nil || got.ID != h.ids[1] || len(got.Evidence) != 1 || got.Evidence[0] != (proxy.EvidenceRecord{Sealed: canarySealed, To: "dpo-2026", Type: "EMAIL_ADDRESS"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if evs := h.accesses(); len(evs) != 1 || evs[0].ID != got.EventID {
		t.Error("the answer does not name the event that records it")
	}
	for name, tt := range map[string]struct {
		in   console.RevealRequest
		id   string
		code string
	}{
		"no reason":      {console.RevealRequest{Ticket: "T"}, h.ids[0], "why"},
		"another reason": {console.RevealRequest{Reason: "curiosity", Ticket: "T"}, h.ids[0], "why"},
		"no ticket":      {console.RevealRequest{Reason: "review"}, h.ids[0], "why"},
		"a long ticket":  {console.RevealRequest{Reason: "review", Ticket: strings.Repeat("T", 257)}, h.ids[0], "why"},
		"a broken line":  {console.RevealRequest{Reason: "review", Ticket: "T\nx"}, h.ids[0], "why"},
		"an unknown id":  {why, "01JDQ7ZK3M9V00000000000000", "not_found"},
		"no id":          {why, "x", "not_found"},
	} {
		if _, err := c.Reveal(t.Context(), tt.id, tt.in); problemCode(err) != tt.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(h.accesses()); n != 1 {
		t.Errorf("%d events of access; what was refused for its form was recorded", n)
	}
	h.rooms.erased[4] = true
	if _, err := c.Reveal(t.Context(), h.ids[2], why); problemCode(err) != "erased" {
		t.Errorf("erased evidence: %v", err)
	}
	plain := proxy.NewEvent(proxy.EventAdmin, time.Now())
	plain.Admin = &proxy.AdminRecord{Action: "start"}
	if err := h.log.Record(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reveal(t.Context(), plain.ID, why); problemCode(err) != "no_evidence" {
		t.Errorf("an event without evidence: %v", err)
	}
}

// Where an approver is wanted, the caller is none.
func TestApprover(t *testing.T) {
	h := build(t, func(o *console.Options) { o.Approved = true })
	for approver, code := range map[string]string{"": "body", "sub-dpo": "approver", "bob": ""} {
		body, _ := json.Marshal(console.RevealRequest{Reason: "review", Ticket: "T", Approver: approver})
		if got := h.ask("POST", "/api/v1/reveal/"+h.ids[0], "dpo", string(body)); got.code != code {
			t.Errorf("approver %q: %d %s", approver, got.status, got.code)
		}
	}
}

func TestHash(t *testing.T) {
	h := build(t, nil)
	c := h.client()
	got, err := c.Hash(t.Context(), console.HashRequest{Type: "EMAIL_ADDRESS", Value: canary})
	if err != nil || got.Events != 2 || len(got.Fingerprints) != 2 || len(got.Refs) != 2 || got.EventID == "" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = c.Hash(t.Context(), console.HashRequest{Type: "EMAIL_ADDRESS", Value: "nobody@b.example"})
	if err != nil || got.Events != 0 || got.Fingerprints == nil || got.Refs == nil {
		t.Errorf("a value that is nowhere: %+v, %v", got, err)
	}
	for name, in := range map[string]console.HashRequest{
		"type_without_hash": {Type: "PERSON", Value: canary},
		"body/type":         {Type: "email", Value: canary},
		"body/value":        {Type: "EMAIL_ADDRESS"},
		"body/value ":       {Type: "EMAIL_ADDRESS", Value: strings.Repeat("x", 4097)},
		"why":               {Type: "EMAIL_ADDRESS", Value: canary, Reason: "curiosity"},
	} {
		code, field, _ := strings.Cut(strings.TrimSpace(name), "/")
		_, err := c.Hash(t.Context(), in)
		var p *console.Problem
		if !errors.As(err, &p) || p.Code != code || field != "" && p.Field != field {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Half of a pair of surrogates is no text: it would stand for another value.
	if got := h.ask("POST", "/api/v1/hash", "dpo", `{"type":"EMAIL_ADDRESS","value":"a\ud800"}`); got.status != 400 {
		t.Errorf("half a letter: %d", got.status)
	}
}

// Guessing values by their fingerprints is slow, whatever the other rates are.
func TestHashIsSlow(t *testing.T) {
	h := build(t, nil)
	refused := 0
	for i := range 40 {
		_, err := h.client().Hash(t.Context(), console.HashRequest{Type: "EMAIL_ADDRESS", Value: fmt.Sprint(i)})
		if problemCode(err) == "rate" {
			refused++
		}
	}
	if refused == 0 {
		t.Error("forty values at once are looked up")
	}
}

// Nothing that names a person is in a log line, in a core, or in an error.
func TestNoContent(t *testing.T) {
	h := build(t, nil)
	c := h.client()
	ctx := t.Context()
	if _, err := c.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: canary}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Erase(ctx, console.EraseRequest{Subject: canarySubject, Reason: "subject_request", Ticket: canary, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reveal(ctx, h.ids[0], console.RevealRequest{Reason: "review", Ticket: canary, Approver: canary}); err != nil {
		t.Fatal(err)
	}
	h.rooms.mu.Lock()
	h.rooms.err = errors.New("the disk is gone")
	h.rooms.mu.Unlock()
	_, err := c.Erase(ctx, console.EraseRequest{Subject: canarySubject, Reason: "subject_request", Ticket: canary})
	if problemCode(err) != "internal" {
		t.Errorf("a fault: %v", err)
	}
	noCanary(t, "an error", err.Error())
	_, err = c.Events(ctx, console.Search{Query: "fault:" + canary})
	noCanary(t, "an error", err.Error())
	for _, path := range []string{"/api/v1/events?q=fault:" + canary, "/" + canary, "/api/v1/events/" + canary, "/api/v1/hold/" + canary + "?" + canary + "=1", "/api/v1/events?cursor=" + canary} {
		for _, token := range []string{"dpo", "viewer", "nobody", "bad" + canary} {
			noCanary(t, path, h.ask("GET", path, token, "").body)
		}
	}
	noCanary(t, "the log of the process", h.diag.String())
	if !strings.Contains(h.diag.String(), "the disk is gone") {
		t.Error("a fault is not in the log of the process")
	}
	// The cores are what lies in the segments; personal parts stand apart.
	for rec, err := range h.reader.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		noCanary(t, "a core", string(rec.JSON))
	}
	// The value that was looked up is not even in personal parts.
	for _, e := range h.accesses() {
		if e.Admin.Action != "hash" {
			continue
		}
		b, _ := json.Marshal(e)
		for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))} {
			if bytes.Contains(b, []byte(form)) {
				t.Error("a value that was looked up is recorded")
			}
		}
	}
	files(t, h.dir, func(name string, b []byte) {
		if bytes.Contains(b, []byte("nobody@b.example")) {
			t.Errorf("%s holds a value that was looked up", name)
		}
	})
}

// Acts go through with who does them and why, one after another.
func TestActs(t *testing.T) {
	h := build(t, nil)
	c, ctx := h.client(), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	_, err := c.Erase(ctx, console.EraseRequest{IDs: []string{strings.ToLower(h.ids[0])}, Reason: "subject_request", Ticket: "T-1"})
	must(err)
	_, err = c.Erase(ctx, console.EraseRequest{Fingerprint: canaryPrint, Reason: "incident", Ticket: "T-2", DryRun: true})
	must(err)
	got, err := c.Hold(ctx, console.HoldRequest{ID: "case-7", From: 1, To: 4, Reason: "litigation", Ticket: "T-3"})
	must(err)
	if got.ID != "case-7" || got.Set == "" {
		t.Errorf("hold %+v", got)
	}
	must(c.Release(ctx, "case-7", console.ActRequest{Reason: "litigation", Ticket: "T-3"}))
	_, err = c.Retain(ctx, console.RetainRequest{Before: "2026-01-01T00:00:00Z", Policy: "six-months", DryRun: true})
	must(err)
	r, err := c.Rotate(ctx, console.ActRequest{})
	must(err)
	if r.Key == "" {
		t.Error("no key")
	}
	must(c.Seal(ctx, console.ActRequest{}))
	holds, err := c.Holds(ctx)
	must(err)
	if len(holds.Holds) != 1 {
		t.Errorf("holds %+v", holds)
	}
	want := []string{
		"erase " + h.ids[0] + " dry=false by dpo subject_request T-1",
		"erase " + canaryPrint + " dry=true by dpo incident T-2",
		"hold case-7 1-4 by dpo",
		"release case-7 by dpo",
		"retain 2026-01-01T00:00:00Z six-months dry=true by admin",
		"rotate by admin scheduled",
		"seal by admin",
	}
	if d := cmp.Diff(want, h.rooms.done()); d != "" {
		t.Error(d)
	}
	for err, code := range map[error]string{console.ErrHeld: "held", console.ErrNotFound: "not_found", console.ErrExists: "exists", console.ErrBusy: "busy", errors.New("x"): "internal"} {
		h.rooms.mu.Lock()
		h.rooms.err = fmt.Errorf("act: %w", err)
		h.rooms.mu.Unlock()
		if got := c.Seal(ctx, console.ActRequest{}); problemCode(got) != code {
			t.Errorf("%v is answered with %v", err, got)
		}
	}
}

// Bodies have one reading or none.
func TestBodies(t *testing.T) {
	h := build(t, nil)
	ok := `"reason":"review","ticket":"T"`
	for _, tt := range []struct {
		name, path, body string
		status           int
		header           []string
	}{
		{"as it should be", "erase", `{"subject":"a",` + ok + `}`, 200, nil},
		{"with a charset", "erase", `{"subject":"a",` + ok + `}`, 200, []string{"Content-Type", "application/json; charset=utf-8"}},
		{"blanks around", "erase", " {\"subject\" : \"a\"," + ok + "}\n", 200, nil},
		{"a member twice", "erase", `{"subject":"a","dry_run":true,"dry_run":false,` + ok + `}`, 400, nil},
		{"a member in another case", "erase", `{"subject":"a","Dry_Run":true,` + ok + `}`, 400, nil},
		{"an unknown member", "erase", `{"subject":"a","dryrun":true,` + ok + `}`, 400, nil},
		{"null", "erase", `{"subject":"a","dry_run":null,` + ok + `}`, 400, nil},
		{"a truth as text", "erase", `{"subject":"a","dry_run":"true",` + ok + `}`, 400, nil},
		{"two objects", "erase", `{"subject":"a",` + ok + `}{}`, 400, nil},
		{"a list", "erase", `[{"subject":"a"}]`, 400, nil},
		{"no end", "erase", `{"subject":"a",` + ok, 400, nil},
		{"nothing", "erase", ``, 415, nil},
		{"not UTF-8", "erase", "{\"subject\":\"a\xff\"," + ok + "}", 400, nil},
		{"half a letter", "erase", `{"subject":"a\udc00",` + ok + `}`, 400, nil},
		{"nobody", "erase", `{` + ok + `}`, 400, nil},
		{"two kinds of somebody", "erase", `{"subject":"a","query":"kind:x",` + ok + `}`, 400, nil},
		{"an id that is none", "erase", `{"ids":["x"],` + ok + `}`, 400, nil},
		{"a subject that breaks lines", "erase", `{"subject":"a\nb",` + ok + `}`, 400, nil},
		{"a form", "erase", `{"subject":"a",` + ok + `}`, 415, []string{"Content-Type", "text/plain"}},
		{"compressed", "erase", `{"subject":"a",` + ok + `}`, 415, []string{"Content-Encoding", "gzip"}},
		{"longer than is read", "erase", `{"subject":"` + strings.Repeat("a", 65<<10) + `",` + ok + `}`, 413, nil},
		{"a hold of nothing", "hold", `{"id":"a","from":5,"to":5,` + ok + `}`, 400, nil},
		{"a hold with a broken name", "hold", `{"id":"a/b",` + ok + `}`, 400, nil},
		{"a hold from before the beginning", "hold", `{"id":"a","from":-1,` + ok + `}`, 400, nil},
		{"a retention without a time", "retain", `{"policy":"x"}`, 400, nil},
		{"a retention of the future", "retain", `{"before":"2999-01-01T00:00:00Z","policy":"x"}`, 400, nil},
		{"a retention without a rule", "retain", `{"before":"2026-01-01T00:00:00Z"}`, 400, nil},
		{"more than is asked for", "verify", `{"range":"all"}`, 400, nil},
	} {
		before := len(h.rooms.done())
		got := h.ask("POST", "/api/v1/"+tt.path, "dpo+admin", tt.body, tt.header...)
		if len(tt.header) > 0 && tt.header[0] == "Content-Type" {
			got = h.askOnly("POST", "/api/v1/"+tt.path, "dpo+admin", tt.body, tt.header[1])
		}
		if got.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, got.status, got.body, tt.status)
		}
		if tt.status != 200 && len(tt.header) == 0 && len(h.rooms.done()) != before {
			t.Errorf("%s: refused, and done all the same", tt.name)
		}
	}
	// A body without a length that does not end within the bound.
	req, _ := http.NewRequest("POST", h.base+"/api/v1/erase", struct{ *strings.Reader }{strings.NewReader(`{"subject":"` + strings.Repeat("a", 65<<10) + `"}`)})
	req.ContentLength = -1
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer dpo")
	if got := h.send(req, h.transport()); got.status != 413 {
		t.Errorf("an endless body: %d %s", got.status, got.body)
	}
}

func TestParameters(t *testing.T) {
	h := build(t, nil)
	for path, status := range map[string]int{
		"events?limit=256":                                200,
		"events?limit=257":                                400,
		"events?limit=0":                                  400,
		"events?limit=-1":                                 400,
		"events?limit=1.5":                                400,
		"events?limit=1&limit=2":                          400,
		"events?limti=1":                                  400,
		"events?order=newest":                             200,
		"events?order=random":                             400,
		"events?personal=yes":                             400,
		"events?personal=TRUE":                            400,
		"events?from=2026-01-01T00:00:00Z":                200,
		"events?from=yesterday":                           400,
		"events?to=2026-01-01":                            400,
		"events?q=" + strings.Repeat("a", 4097):           400,
		"events?q=%ff":                                    400,
		"events?q=%zz":                                    400,
		"events?a=1;b=2":                                  400,
		"events?cursor=" + strings.Repeat("c", 513):       400,
		"events?cursor=a%0ab":                             400,
		"events/" + h.ids[0] + "?limit=1":                 400,
		"facets?fields=action,kind":                       200,
		"facets":                                          400,
		"facets?fields=":                                  400,
		"facets?fields=a,,b":                              400,
		"facets?fields=A":                                 400,
		"facets?fields=" + strings.Repeat("a,", 64) + "a": 400,
		"facets?fields=a&top=101":                         400,
		"histogram?buckets=1000":                          200,
		"histogram?buckets=1001":                          400,
		"histogram?by=action":                             200,
		"histogram?by=a%20b":                              400,
		"export?format=xml":                               400,
		"export":                                          400,
		"tail?personal=true":                              400,
		"tail?after=a%0ab":                                400,
	} {
		if got := h.ask("GET", "/api/v1/"+path, "reviewer", ""); got.status != status {
			t.Errorf("%.60s: %d %s, want %d", path, got.status, got.body, status)
		}
	}
	if got := h.ask("GET", "/api/v1/events", "viewer", "{}"); got.status != 400 {
		t.Errorf("a body where none is read: %d", got.status)
	}
	_, err := h.as("viewer").Events(t.Context(), console.Search{Query: "actoin:deny"})
	var p *console.Problem
	if !errors.As(err, &p) || p.Code != "query" || p.Why != `unknown field "actoin"` {
		t.Errorf("a query that is none: %v", err)
	}
}
