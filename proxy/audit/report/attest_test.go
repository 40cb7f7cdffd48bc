package report

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
)

// health asks for health data in pools outside the EU, over the whole day but its
// first half hour and its end.
var health = Question{Groups: []string{"health"}, Outside: EU, Since: "2026-10-05T08:15:00Z", Until: "2026-10-05T12:35:00Z"}

func attest(t testing.TB, list []audit.Record, l *signed, q Question) ([]byte, *Attestation) {
	t.Helper()
	first, end, err := Range(from(list, 0), q, int64(len(list)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a, err := Attest(&out, Ask{Question: q, First: first, End: end, Checkpoint: l.checkpoint, Hashes: &l.hashes, Records: from(list, first), Signer: l.signer})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), a
}

// Figures of the book, counted by hand.
func TestFigures(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	edit := func(f func(*Question)) Question { q := health; f(&q); return q }
	for _, c := range []struct {
		name     string
		q        Question
		want     string
		sentence string
	}{
		// To openai (US), oslo (NO, not in the EU) and nowhere go d1 d2 d3 d4 d7 d8 d9 dA dB.
		// With health at likely: d2 (exposed), d3 (masked), d4 (not masked, not sent), d9, dB.
		{"health, outside the EU", health,
			`{"after":1,"before":1,"covered":true,"decisions":13,"destination":9,"found":8,"gaps":1,"matched":{"decisions":5,"exposed":3,"findings":7,"masked":1,"not_sent":1,"synthetic":1},"observed":1,"outcomes":{"missing":1,"no":1,"unknown":1,"yes":6},"records":36,"refused":2,"uninspected":1,"unplaced":1,"untimed":0}`,
			"findings of group health (likely and above) → pools outside the EU, from 2026-10-05T08:15:00.000Z to before 2026-10-05T12:35:00.000Z: 3 of 13 decisions; gaps 1, not inspected 1, not sent 1, outcome not known 2"},
		// Norway is in the EEA: without d9.
		{"outside the EEA", edit(func(q *Question) { q.Outside = EEA }),
			`{"after":1,"before":1,"covered":true,"decisions":13,"destination":8,"found":8,"gaps":1,"matched":{"decisions":4,"exposed":2,"findings":6,"masked":1,"not_sent":1,"synthetic":1},"observed":1,"outcomes":{"missing":1,"no":1,"unknown":1,"yes":5},"records":36,"refused":2,"uninspected":1,"unplaced":1,"untimed":0}`, ""},
		// From possible on, d7 counts; it cannot have been masked, and whether it was sent is not known.
		{"possible and above", edit(func(q *Question) { q.Likelihood = "possible" }),
			`{"after":1,"before":1,"covered":true,"decisions":13,"destination":9,"found":9,"gaps":1,"matched":{"decisions":6,"exposed":4,"findings":8,"masked":1,"not_sent":1,"synthetic":1},"observed":1,"outcomes":{"missing":1,"no":1,"unknown":1,"yes":6},"records":36,"refused":2,"uninspected":1,"unplaced":1,"untimed":0}`, ""},
		// E-mail addresses to external pools until 9:35: d2; in d3 and d4 all were masked.
		{"a type, external", Question{Types: []string{"EMAIL_ADDRESS"}, Boundary: "external", Since: "2026-10-05T08:45:00Z", Until: "2026-10-05T09:35:00Z"},
			`{"after":1,"before":1,"covered":true,"decisions":4,"destination":4,"found":3,"gaps":0,"matched":{"decisions":3,"exposed":1,"findings":3,"masked":2,"not_sent":0,"synthetic":0},"observed":0,"outcomes":{"missing":0,"no":1,"unknown":0,"yes":3},"records":10,"refused":0,"uninspected":0,"unplaced":0,"untimed":0}`, ""},
		// Health in a pool by name: only d5, whose outcome does not stand in the log.
		{"one pool", edit(func(q *Question) { q.Pools, q.Outside = []string{"paris"}, "" }),
			`{"after":1,"before":1,"covered":true,"decisions":13,"destination":1,"found":8,"gaps":1,"matched":{"decisions":1,"exposed":1,"findings":3,"masked":0,"not_sent":0,"synthetic":0},"observed":1,"outcomes":{"missing":1,"no":0,"unknown":0,"yes":0},"records":36,"refused":2,"uninspected":0,"unplaced":0,"untimed":0}`, ""},
		// Nothing of the kind, and nothing left open: from 8:45 to 9:05 there is d1.
		{"none", Question{Groups: []string{"health"}, Outside: EU, Since: "2026-10-05T08:45:00Z", Until: "2026-10-05T09:05:00Z"},
			`{"after":1,"before":1,"covered":true,"decisions":1,"destination":1,"found":0,"gaps":0,"matched":{"decisions":0,"exposed":0,"findings":0,"masked":0,"not_sent":0,"synthetic":0},"observed":0,"outcomes":{"missing":0,"no":0,"unknown":0,"yes":1},"records":4,"refused":0,"uninspected":0,"unplaced":0,"untimed":0}`,
			"findings of group health (likely and above) → pools outside the EU, from 2026-10-05T08:45:00.000Z to before 2026-10-05T09:05:00.000Z: 0 of 1 decisions; gaps 0, not inspected 0, not sent 0, outcome not known 0"},
		// The last record is of 12:40: until then the log says something, and no longer.
		{"all that there is", Question{Groups: []string{"health"}, Pools: []string{"openai"}, Since: "2026-10-05T12:00:00Z", Until: "2026-10-05T12:40:00.001Z"},
			`{"after":0,"before":1,"covered":true,"decisions":1,"destination":1,"found":0,"gaps":0,"matched":{"decisions":0,"exposed":0,"findings":0,"masked":0,"not_sent":0,"synthetic":0},"observed":0,"outcomes":{"missing":1,"no":0,"unknown":0,"yes":0},"records":5,"refused":0,"uninspected":0,"unplaced":0,"untimed":0}`, ""},
		{"a time that is not over", Question{Groups: []string{"health"}, Pools: []string{"openai"}, Since: "2026-10-05T12:00:00Z", Until: "2026-10-05T12:40:00.002Z"},
			`{"after":0,"before":1,"covered":false,"decisions":1,"destination":1,"found":0,"gaps":0,"last":"2026-10-05T12:40:00.000Z","matched":{"decisions":0,"exposed":0,"findings":0,"masked":0,"not_sent":0,"synthetic":0},"observed":0,"outcomes":{"missing":1,"no":0,"unknown":0,"yes":0},"records":5,"refused":0,"uninspected":0,"unplaced":0,"untimed":0}`,
			"findings of group health (likely and above) → pool openai, from 2026-10-05T12:00:00.000Z to before 2026-10-05T12:40:00.002Z: 0 of 1 decisions; gaps 0, not inspected 0, not sent 0, outcome not known 1; THE LOG REACHES 2026-10-05T12:40:00.000Z AND NOT THE END OF THE TIME RANGE"},
		// Before the log began, and after its end.
		{"before all", edit(func(q *Question) { q.Since, q.Until = "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z" }),
			`{"after":1,"before":0,"covered":true,"decisions":0,"destination":0,"found":0,"gaps":0,"matched":{"decisions":0,"exposed":0,"findings":0,"masked":0,"not_sent":0,"synthetic":0},"observed":0,"outcomes":{"missing":0,"no":0,"unknown":0,"yes":0},"records":1,"refused":0,"uninspected":0,"unplaced":0,"untimed":0}`, ""},
		{"after all", edit(func(q *Question) { q.Since, q.Until = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z" }),
			`{"after":0,"before":1,"covered":false,"decisions":0,"destination":0,"found":0,"gaps":0,"last":"2026-10-05T12:40:00.000Z","matched":{"decisions":0,"exposed":0,"findings":0,"masked":0,"not_sent":0,"synthetic":0},"observed":0,"outcomes":{"missing":0,"no":0,"unknown":0,"yes":0},"records":1,"refused":0,"uninspected":0,"unplaced":0,"untimed":0}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := attest(t, list, l, c.q)
			got, err := json.Marshal(a.Figures)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("figures\n%s\nwant\n%s", got, c.want)
			}
			if c.sentence != "" && a.Sentence() != c.sentence {
				t.Errorf("sentence\n%s\nwant\n%s", a.Sentence(), c.sentence)
			}
			again, bundle, err := Verify(bytes.NewReader(b), Keys{Trust: proof.Trust{Key: l.key, Seen: l.checkpoint}})
			if err != nil {
				t.Fatal(err)
			}
			if again.Sentence() != a.Sentence() || again.Digest != a.Digest || bundle.Records != a.Figures.Records {
				t.Errorf("verified is %+v", again)
			}
		})
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		f    Figures
		want string
	}{
		{Figures{Covered: true, Decisions: 5}, StateNone},
		{Figures{Covered: true, Matched: Matched{Exposed: 1}, Gaps: 3}, StateSome},
		{Figures{}, StateKnown},
		{Figures{Covered: true, Gaps: 1}, StateKnown},
		{Figures{Covered: true, Uninspected: 1}, StateKnown},
		{Figures{Covered: true, Unplaced: 1}, StateKnown},
		{Figures{Covered: true, Untimed: 1}, StateKnown},
	} {
		if got := c.f.State(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
}

// A range that leaves out what belongs to the time says so, under signature.
func TestRangeThatDoesNotCover(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	for _, c := range []struct{ first, end int64 }{{2, 37}, {1, 35}, {5, 20}} {
		var out bytes.Buffer
		a, err := Attest(&out, Ask{Question: health, First: c.first, End: c.end, Checkpoint: l.checkpoint, Hashes: &l.hashes, Records: from(list, c.first), Signer: l.signer})
		if err != nil {
			t.Fatal(err)
		}
		if a.Figures.Covered || !strings.HasSuffix(a.Sentence(), "THE RECORDS DO NOT COVER THE TIME RANGE") {
			t.Errorf("[%d,%d): %s", c.first, c.end, a.Sentence())
		}
	}
}

// Every record of the range, removed, altered, added or swapped, makes the check fail:
// in the bundle as it is, and in a bundle that was made anew around it.
func TestAttestationOfAlteredRecordsFails(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	good, a := attest(t, list, l, health)
	trust := Keys{Trust: proof.Trust{Key: l.key}}
	foreign, _ := newKey(t, "foreign")
	attestation := readFile(t, good, "attestation")
	remake := func(list []audit.Record, by note.Signer, at []byte) []byte {
		other := sign(t, list)
		checkpoint := resign(t, other.checkpoint, by)
		var out bytes.Buffer
		first, end, err := Range(from(list, 0), health, int64(len(list)))
		if err != nil {
			t.Fatal(err)
		}
		q, err := health.Normal()
		if err != nil {
			t.Fatal(err)
		}
		query, err := oneLine(&q)
		if err != nil {
			t.Fatal(err)
		}
		b, err := proof.NewBundle(&out, proof.Head{First: first, End: end, Kind: KindAttestation, Query: query}, checkpoint, &other.hashes)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list[first:end] {
			if err := b.Add(r.JSON); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(b.Attest(at), b.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for i := a.First; i < a.End; i++ {
		// Made anew, signed by somebody else.
		if _, _, err := Verify(bytes.NewReader(remake(without(list, int(i)), foreign, attestation)), trust); !errors.Is(err, proof.ErrSignature) {
			t.Errorf("without record %d, signed by another: %v", i, err)
		}
		// Signed by the log's own key, whose holder rewrote history: a checkpoint that was
		// seen before finds it, and the attestation does not fit.
		forged := remake(without(list, int(i)), l.signer, attestation)
		if _, _, err := Verify(bytes.NewReader(forged), trust); proof.Answer(err) != 1 {
			t.Errorf("without record %d, signed again: %v", i, err)
		}
	}
	const wealth = "findings of group wealth (likely and above) → pools outside the EU, from 2026-10-05T08:15:00.000Z to before 2026-10-05T12:35:00.000Z: 0 of 13 decisions; gaps 1, not inspected 1, not sent 1, outcome not known 2"
	// Records of the bundle itself: package proof names each, see TestTamperedBundle.
	for name, c := range map[string]struct {
		bundle []byte
		want   string
	}{
		"figures altered":         {replaceFile(t, good, "attestation", bytes.Replace(attestation, []byte(`"exposed":3`), []byte(`"exposed":0`), 1)), "altered: attestation is not signed by the key that was given"},
		"sentence altered":        {replaceFile(t, good, "attestation", bytes.Replace(attestation, []byte(": 3 of"), []byte(": 0 of"), 1)), "altered: attestation is not signed by the key that was given"},
		"signed by another":       {replaceFile(t, good, "attestation", resign(t, attestation, foreign)), "altered: attestation is not signed by the key that was given"},
		"false, and signed":       {replaceFile(t, good, "attestation", resign(t, bytes.Replace(attestation, []byte(`"exposed":3`), []byte(`"exposed":0`), 1), l.signer)), "altered: attestation does not say what the records give: " + a.Sentence()},
		"attestation removed":     {removeFile(t, good, "attestation"), "altered: attestation was removed"},
		"question altered":        {replaceFile(t, good, "bundle.json", bytes.Replace(readFile(t, good, "bundle.json"), []byte("health"), []byte("wealth"), 1)), "altered: attestation does not say what the records give: " + wealth},
		"kind altered":            {replaceFile(t, good, "bundle.json", bytes.Replace(readFile(t, good, "bundle.json"), []byte(KindAttestation), []byte("export"), 1)), "altered: attestation stands in a bundle of another kind"},
		"question is no question": {replaceFile(t, good, "bundle.json", bytes.Replace(readFile(t, good, "bundle.json"), []byte("since"), []byte("sinse"), 1)), proof.ErrFormat.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Verify(bytes.NewReader(c.bundle), trust)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	t.Run("no key", func(t *testing.T) {
		got, _, err := Verify(bytes.NewReader(good), Keys{})
		if !errors.Is(err, proof.ErrNoKey) || got == nil || got.Sentence() != a.Sentence() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a bundle without attestation", func(t *testing.T) {
		var out bytes.Buffer
		b, err := proof.NewBundle(&out, proof.Head{End: 1, Kind: "export"}, l.checkpoint, &l.hashes)
		if err == nil {
			err = errors.Join(b.Add(list[0].JSON), b.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, bundle, err := Verify(&out, trust); !errors.Is(err, ErrNoAttestation) || bundle == nil {
			t.Errorf("got %v", err)
		}
	})
}

// An attestation by a key of its own is checked with that key.
func TestSignerOfItsOwn(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	signer, key := newKey(t, "auditor")
	l.signer = signer
	b, _ := attest(t, list, l, health)
	if _, _, err := Verify(bytes.NewReader(b), Keys{Trust: proof.Trust{Key: l.key}, Signer: key}); err != nil {
		t.Error(err)
	}
	if _, _, err := Verify(bytes.NewReader(b), Keys{Trust: proof.Trust{Key: l.key}}); proof.Answer(err) != 1 {
		t.Errorf("the log's key: %v", err)
	}
}

func TestAttestRefuses(t *testing.T) {
	list := events(t, book)
	l := sign(t, list)
	ask := func(f func(*Ask)) Ask {
		a := Ask{Question: health, First: 0, End: int64(len(list)), Checkpoint: l.checkpoint, Hashes: &l.hashes, Records: from(list, 0), Signer: l.signer}
		f(&a)
		return a
	}
	altered := without(list, 3)
	altered = append(altered, list[3])
	altered[len(altered)-1].Index = int64(len(list) - 1)
	for name, c := range map[string]struct {
		ask  Ask
		want string
	}{
		"no signer":       {ask(func(a *Ask) { a.Signer = nil }), "report: an attestation needs a key that signs it"},
		"no time":         {ask(func(a *Ask) { a.Question.Since = "" }), "question: since and until are needed, as in 2026-10-01T00:00:00Z"},
		"times turned":    {ask(func(a *Ask) { a.Question.Since, a.Question.Until = a.Question.Until, a.Question.Since }), "question: until is not after since"},
		"a wrong level":   {ask(func(a *Ask) { a.Question.Likelihood = "sure" }), "question: likelihood is one of very_unlikely, unlikely, possible, likely, very_likely"},
		"a wrong area":    {ask(func(a *Ask) { a.Question.Outside = "USA" }), "question: outside is EU or EEA, or left out"},
		"a wrong border":  {ask(func(a *Ask) { a.Question.Boundary = "outer" }), "question: boundary is external or internal, or left out"},
		"a wrong name":    {ask(func(a *Ask) { a.Question.Groups = []string{"a b"} }), "question: a name has 1 to 128 letters, digits and signs of ASCII, and no spaces"},
		"not signed yet":  {ask(func(a *Ask) { a.End++ }), proof.ErrNotInLog.Error()},
		"a record behind": {ask(func(a *Ask) { a.Records = from(list, 1) }), "report: record 1 came where record 0 is due"},
		"altered records": {ask(func(a *Ask) { a.Records = from(altered, 0) }), proof.ErrPath.Error()},
	} {
		if _, err := Attest(io.Discard, c.ask); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// Nothing is attested of a time some of whose records are not under the checkpoint.
func TestRangeUnsigned(t *testing.T) {
	list := events(t, book)
	q := health
	q.Since, q.Until = "2026-10-05T00:00:00Z", "2026-10-05T10:00:00Z"
	for n := 1; n <= len(list); n++ {
		last := ""
		for _, r := range list[n:] {
			if at := timeOf(r.JSON); at < "2026-10-05T10:00:00.000Z" {
				last = at
			}
		}
		if _, _, err := Range(from(list, 0), q, int64(n)); errors.Is(err, ErrUnsigned) != (last != "") {
			t.Errorf("under a checkpoint of %d records: %v, though %q is behind it", n, err, last)
		}
	}
}

// A log on disk, with personal parts, gives an attestation; nothing of the personal
// parts is in it.
func TestAttestLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l, err := audit.Open(dir, audit.Options{Origin: "test.example/log", Segment: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	const canary = "ada@canary.example"
	var batch []*proxy.Event
	for i := range 600 {
		for _, r := range events(t, book)[2:4] {
			ev, err := r.Event()
			if err != nil {
				t.Fatal(err)
			}
			ev.ID = fmt.Sprintf("%s-%d", ev.ID, i)
			ev.Personal = &proxy.PersonalRecord{Subject: canary, Address: "192.0.2.1"}
			batch = append(batch, ev)
		}
	}
	for part := range slices.Chunk(batch, 50) {
		if err := l.Record(context.Background(), part...); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	trust, err := audit.Trusted(audit.DefaultKeyDir(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(audit.DefaultKeyDir(dir), "log.key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	reached, err := Reached(r.Records(0), trustSize(t, trust.Checkpoint))
	if err != nil || reached.Format(timeForm) != "2026-10-05T08:31:00.001Z" {
		t.Fatalf("it reaches %v, %v", reached, err)
	}
	if _, err := Reached(r.Records(0), 0); err == nil {
		t.Error("a log without records under a checkpoint reaches a time")
	}
	q := health
	q.Until = reached.Format(time.RFC3339Nano)
	a, err := AttestLog(&out, dir, q, trust.Key, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.Figures.Decisions != 600 || a.Figures.Destination != 0 || a.Figures.Found != 600 || a.State != StateNone {
		t.Errorf("figures are %+v", a.Figures)
	}
	// Of a time that is not over the same log attests no more than until then.
	open, err := AttestLog(io.Discard, dir, health, trust.Key, signer)
	if err != nil || open.State != StateKnown || open.Figures.Covered || open.Figures.Last != "2026-10-05T08:31:00.000Z" {
		t.Errorf("of a time that is not over: %+v, %v", open, err)
	}
	var page bytes.Buffer
	if err := open.Report().Write(&page, "markdown"); err != nil || !strings.Contains(page.String(), "NOT OVER in the log: what is under this checkpoint reaches 2026-10-05T08:31:00.000Z") {
		t.Errorf("%v\n%s", err, &page)
	}
	got, bundle, err := Verify(bytes.NewReader(out.Bytes()), Keys{Trust: proof.Trust{Key: trust.Key, Seen: trust.Checkpoint}})
	if err != nil || got.Sentence() != a.Sentence() || bundle.Records < 1200 {
		t.Errorf("verified: %v", err)
	}
	if _, err := proof.ReadBundle(bytes.NewReader(out.Bytes()), proof.Trust{Key: trust.Key}, proof.Visitor{Record: func(_ int64, core []byte) error {
		if bytes.Contains(core, []byte(canary)) {
			t.Fatal("a personal part is in the bundle")
		}
		return nil
	}}); err != nil {
		t.Error(err)
	}
}

// timeOf agrees with decoding.
func TestTimeOf(t *testing.T) {
	for _, r := range events(t, book) {
		var h struct{ Time string }
		if err := json.Unmarshal(r.JSON, &h); err != nil {
			t.Fatal(err)
		}
		if got := timeOf(r.JSON); got != h.Time {
			t.Errorf("%s: got %q", h.Time, got)
		}
	}
	for core, want := range map[string]string{
		`{}`: "", ``: "", `{"time":"x","v":1}`: "", `{"time":"2026-10-05T08:15:00.000`: "",
		`{"time":"2026-10-05T08:15:00.000Z"}`:                                         "2026-10-05T08:15:00.000Z",
		`{"id":"\"time\":\"2026-10-05T08:15:00.000Z\"","time":"y"}`:                   "",
		`{"facts":{"time":{"hour":1}},"time":"2026-10-05T08:15:00.000Z","timing":{}}`: "2026-10-05T08:15:00.000Z",
	} {
		if got := timeOf([]byte(core)); got != want {
			t.Errorf("%s: got %q", core, got)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		area, place string
		want        bool
	}{
		{EU, "DE", true}, {EU, "GR", true}, {EU, "EU", true}, {EU, "EEA", false}, {EU, "NO", false}, {EU, "CH", false}, {EU, "GB", false}, {EU, "US", false}, {EU, "unknown", false}, {EU, "", false}, {EU, "de", false},
		{EEA, "DE", true}, {EEA, "EU", true}, {EEA, "EEA", true}, {EEA, "NO", true}, {EEA, "IS", true}, {EEA, "LI", true}, {EEA, "CH", false}, {EEA, "unknown", false},
	} {
		if got := within(c.area, c.place); got != c.want {
			t.Errorf("%s in %s: %t", c.place, c.area, got)
		}
	}
	if len(euMembers) != 27 {
		t.Errorf("%d member states", len(euMembers))
	}
}

func TestDigits(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1204331: "1,204,331", -1000: "-1,000", -999: "-999"} {
		if got := digits(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// resign signs a note's text by another key.
func resign(t testing.TB, signed []byte, by note.Signer) []byte {
	t.Helper()
	text, _, _ := strings.Cut(string(signed), "\n\n")
	b, err := note.Sign(&note.Note{Text: text + "\n"}, by)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type file struct {
	name    string
	content []byte
}

func files(t testing.TB, b []byte) []file {
	t.Helper()
	var out []file
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file{h.Name, c})
	}
}

func readFile(t testing.TB, b []byte, name string) []byte {
	t.Helper()
	for _, f := range files(t, b) {
		if f.name == name {
			return f.content
		}
	}
	t.Fatalf("no %s", name)
	return nil
}

// replaceFile puts a file in another's place, and makes the manifest fit. nil takes
// the file away.
func replaceFile(t testing.TB, b []byte, name string, content []byte) []byte {
	t.Helper()
	var m struct {
		End   int64 `json:"end"`
		Files []struct {
			Bytes  int64  `json:"bytes"`
			Name   string `json:"name"`
			SHA256 string `json:"sha256"`
		} `json:"files"`
		First   int64  `json:"first"`
		Format  string `json:"format"`
		Records int64  `json:"records"`
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files(t, b) {
		switch f.name {
		case name:
			f.content = content
		case "manifest.json":
			if err := json.Unmarshal(f.content, &m); err != nil {
				t.Fatal(err)
			}
			for i := range m.Files {
				if m.Files[i].Name == name {
					m.Files[i].Bytes, m.Files[i].SHA256 = int64(len(content)), fmt.Sprintf("%x", sha256.Sum256(content))
					if content == nil {
						m.Files = slices.Delete(m.Files, i, i+1)
					}
					break
				}
			}
			line, err := oneLine(&m)
			if err != nil {
				t.Fatal(err)
			}
			f.content = []byte(line + "\n")
		}
		if f.content == nil {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: 0o444, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func removeFile(t testing.TB, b []byte, name string) []byte { return replaceFile(t, b, name, nil) }

// trustSize gives the number of records under a checkpoint.
func trustSize(t *testing.T, signed []byte) int64 {
	t.Helper()
	c, err := audit.PeekCheckpoint(signed)
	if err != nil {
		t.Fatal(err)
	}
	return c.Size
}
