package audit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy"
)

var ctx = context.Background()

func act() Act {
	return Act{Code: "review", Role: "dpo", Who: &proxy.PersonalRecord{Subject: "dpo@bank.example", Ticket: "T-1"}}
}

// admins lists the events that tell of what was done to a log.
func admins(t testing.TB, dir string) []*proxy.Event {
	t.Helper()
	var out []*proxy.Event
	for _, r := range records(t, dir) {
		ev, err := r.Event()
		must(t, err)
		if ev.Admin != nil {
			out = append(out, ev)
		}
	}
	return out
}

// Erasing takes the personal part of what matches and nothing else, says so in an
// event, and leaves every proof.
func TestErase(t *testing.T) {
	const events = 400
	l, dir := filled(t, events, quiet())
	before := with(t, dir)
	match := func(r Record) bool {
		p, err := r.OpenPersonal()
		return err == nil && p != nil && (r.Index == 7 || r.Index == 399 || r.Index == 231)
	}
	dry, err := l.Erase(ctx, match, act(), true)
	if err != nil || dry.Parts != 3 || dry.First != 7 || dry.Last != 399 || l.Size() != events {
		t.Fatalf("dry run: %+v, %v, %d records", dry, err, l.Size())
	}
	must(t, l.Hold(ctx, Hold{ID: "case-1", From: 200, To: 250}, act()))
	got, err := l.Erase(ctx, match, act(), false)
	if err != nil || got.Parts != 2 || got.Held != 1 {
		t.Fatalf("erase: %+v, %v", got, err)
	}
	must(t, l.Release(ctx, "case-1", act()))
	if again, err := l.Erase(ctx, match, act(), false); err != nil || again.Parts != 1 {
		t.Fatalf("second erase: %+v, %v", again, err)
	}
	after := with(t, dir)
	for i := range before {
		want := before[i].Personal
		if i == 7 || i == 399 || i == 231 {
			if after[i].Personal == nil || len(after[i].Personal) != 0 {
				t.Errorf("record %d: %d bytes are left", i, len(after[i].Personal))
			}
			continue
		}
		if !bytes.Equal(after[i].Personal, want) {
			t.Fatalf("record %d lost its personal part", i)
		}
	}
	var did []string
	for _, ev := range admins(t, dir) {
		did = append(did, ev.Kind+" "+ev.Admin.Action)
		if ev.Admin.Role != "dpo" || ev.Admin.Code != "review" || ev.Personal == nil {
			t.Errorf("%+v", ev.Admin)
		}
	}
	if want := []string{"retention hold", "erasure erase", "retention release", "erasure erase"}; !slices.Equal(did, want) {
		t.Errorf("recorded: %v", did)
	}
	shut(t, l)
	for _, f := range files(t, dir) {
		if b := read(t, f); bytes.Contains(b, []byte(testID(7))) && strings.HasSuffix(f, ".personal") {
			t.Errorf("%s still holds what was erased", f)
		}
	}
	if r, err := Verify(dir, trusted(t, dir)); err != nil || r.Answer != Good {
		t.Fatalf("verify: %+v, %v", r, err)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, p)
		}
		return err
	}))
	return out
}

// clock is a clock that a test sets.
type clock struct{ now time.Time }

// Retention removes whole segments, the oldest first, stops at a hold, says what it
// did before it does it, and what is left is proven as before.
func TestRetain(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	o := quiet()
	o.now = func() time.Time { return c.now }
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, o)
	for month := range 6 {
		for n := range 20 {
			record(t, l, decision(month*20+n))
		}
		c.now = c.now.AddDate(0, 1, 0)
		must(t, l.Seal(ctx))
	}
	keep := time.Date(2026, 4, 1, 0, 0, 1, 0, time.UTC)
	must(t, l.Hold(ctx, Hold{ID: "case-7", From: 25, To: 26}, act()))
	dry, err := l.Retain(ctx, keep, act(), true)
	if err != nil || dry.Segments != 1 || dry.To != 20 || !slices.Equal(dry.Held, []string{"case-7"}) {
		t.Fatalf("with a hold: %+v, %v", dry, err)
	}
	must(t, l.Release(ctx, "case-7", act()))
	must(t, l.Hold(ctx, Hold{ID: "case-8", From: 80}, act()))
	old := VerifyOptions{Key: trusted(t, dir).Key, Checkpoint: read(t, dir, checkpointFile)}
	got, err := l.Retain(ctx, keep, act(), false)
	if err != nil || got.Segments != 3 || got.From != 0 || got.To != 60 || got.Bytes == 0 {
		t.Fatalf("retain: %+v, %v", got, err)
	}
	check := func(when string) {
		t.Helper()
		r, err := OpenReader(dir)
		must(t, err)
		if _, err := r.At(59); !errors.Is(err, ErrNoRecord) {
			t.Errorf("%s: a record that was removed: %v", when, err)
		}
		if e, err := r.At(60); err != nil || e.Index != 60 {
			t.Errorf("%s: the first that is left: %v", when, err)
		}
		rep, err := Verify(dir, old)
		if err != nil || rep.Answer != Good || rep.First != 60 {
			t.Errorf("%s: verify: %+v, %v", when, rep, err)
		}
		var holds []Hold
		holds, err = r.Holds()
		if err != nil || len(holds) != 1 || holds[0].ID != "case-8" {
			t.Errorf("%s: holds %+v, %v", when, holds, err)
		}
	}
	check("at once")
	record(t, l, small(1))
	shut(t, l)
	check("closed")
	l = open(t, dir, o)
	record(t, l, small(2))
	// The file of holds is made anew of events, of which retention keeps those that count.
	for _, spoil := range []func() error{
		func() error { return os.WriteFile(filepath.Join(dir, holdsFile), []byte("{"), 0o600) },
		func() error { return os.Remove(filepath.Join(dir, holdsFile)) },
	} {
		must(t, spoil())
		if _, err := l.Retain(ctx, c.now, act(), false); err == nil {
			t.Error("removed without knowing the holds")
		}
		if _, err := l.Erase(ctx, func(Record) bool { return true }, act(), false); err == nil {
			t.Error("erased without knowing the holds")
		}
	}
	if n, err := l.RemakeHolds(); err != nil || n != 1 {
		t.Errorf("%d holds remade: %v", n, err)
	}
	if got, err := l.Retain(ctx, c.now, act(), false); err != nil || got.To != 80 || len(got.Held) != 1 {
		t.Errorf("up to the hold: %+v, %v", got, err)
	}
	shut(t, l)

	// Whoever removes segments without the event is found.
	must(t, os.Remove(filepath.Join(dir, sealedName(4))))
	list, err := listSegments(dir)
	must(t, err)
	m := marker{list[0].number, segmentHeader, list[0].header.tree.size}
	must(t, os.WriteFile(filepath.Join(dir, prunedFile), m.encode(), 0o600))
	if rep, err := Verify(dir, old); err != nil || rep.Answer != Altered || rep.FirstBad != 80 {
		t.Errorf("removed by hand: %+v, %v", rep, err)
	}
}

// What an act is refused for.
func TestActsAreRefused(t *testing.T) {
	l, _ := filled(t, 3, quiet())
	bad := Act{Code: "because"}
	must(t, l.Hold(ctx, Hold{ID: "a"}, act()))
	for name, err := range map[string]error{
		"no reason":       l.Hold(ctx, Hold{ID: "b"}, bad),
		"taken":           l.Hold(ctx, Hold{ID: "a"}, act()),
		"no name":         l.Hold(ctx, Hold{}, act()),
		"a sentence":      l.Hold(ctx, Hold{ID: "Jane Doe"}, act()),
		"nothing":         l.Hold(ctx, Hold{ID: "c", From: 5, To: 5}, act()),
		"no such hold":    l.Release(ctx, "z", act()),
		"release, reason": l.Release(ctx, "a", bad),
	} {
		if err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
	if _, err := l.Retain(ctx, time.Now(), bad, true); !errors.Is(err, ErrCode) {
		t.Errorf("retain: %v", err)
	}
	if _, err := l.Erase(ctx, func(Record) bool { return true }, bad, true); !errors.Is(err, ErrCode) {
		t.Errorf("erase: %v", err)
	}
	if _, err := l.Rotate(ctx, nil, "", bad); !errors.Is(err, ErrCode) {
		t.Errorf("rotate: %v", err)
	}
	if l.Size() != 4 {
		t.Errorf("%d records: what was refused is recorded", l.Size())
	}
}

// An erasure that a crash interrupted is completed by the next start.
func TestErasureIsCompleted(t *testing.T) {
	l, dir := filled(t, 30, quiet())
	must(t, l.Seal(ctx))
	shut(t, l)
	must(t, os.WriteFile(filepath.Join(dir, erasingFile), []byte(`{"indices":[3,4],"code":"subject_request","role":"dpo"}`), 0o600))
	l = open(t, dir, quiet())
	shut(t, l)
	got := with(t, dir)
	if len(got[3].Personal) != 0 || len(got[4].Personal) != 0 || len(got[6].Personal) == 0 {
		t.Error("the erasure was not completed")
	}
	if ev := admins(t, dir); len(ev) != 1 || ev[0].Kind != proxy.EventErasure || ev[0].Admin.Count != 2 {
		t.Errorf("recorded: %+v", ev)
	}
	if exists(filepath.Join(dir, erasingFile)) {
		t.Error("the journal is still there")
	}
}

// A key is followed by another: both sign it, checkpoints are the new one's from
// then on, and whoever trusts either can verify the whole log.
func TestRotate(t *testing.T) {
	l, dir := filled(t, 20, quiet())
	must(t, l.notary.run())
	old := trusted(t, dir)
	oldKey := read(t, DefaultKeyDir(dir), keyFile)
	for n := range 3 {
		public, err := l.Rotate(ctx, nil, "", act())
		if err != nil {
			t.Fatal(err)
		}
		if string(bytes.TrimSpace(read(t, DefaultKeyDir(dir), publicFile))) != public {
			t.Error("the key directory has another key")
		}
		record(t, l, decision(100+n))
		must(t, l.notary.run())
	}
	shut(t, l)
	now := trusted(t, dir)
	if sameKey(old.Key, now.Key) {
		t.Fatal("the key is the same")
	}
	for name, o := range map[string]VerifyOptions{"the first key": old, "the last key": now, "the first key, the last checkpoint": {Key: old.Key, Checkpoint: now.Checkpoint}} {
		if r, err := Verify(dir, o); err != nil || r.Answer != Good {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if bytes.Contains(read(t, DefaultKeyDir(dir), keyFile), bytes.TrimSpace(oldKey)) || exists(filepath.Join(DefaultKeyDir(dir), nextKeyFile)) {
		t.Error("the old private key, or the next one, is still there")
	}
	l = open(t, dir, quiet())
	record(t, l, small(1))
	shut(t, l)

	// The old key, had somebody kept it, signs nothing more that counts.
	signer, err := note.NewSigner(strings.TrimSpace(string(oldKey)))
	must(t, err)
	c, err := peekCheckpoint(read(t, dir, checkpointFile))
	must(t, err)
	signed, err := c.sign(signer)
	must(t, err)
	if r, err := Verify(dir, VerifyOptions{Key: now.Key, Checkpoint: signed}); err != nil || r.Answer != Altered {
		t.Errorf("a checkpoint of the retired key: %+v, %v", r, err)
	}
	// A statement that no event tells of.
	b := read(t, dir, rotationsFile)
	parts := bytes.SplitAfter(b, []byte(rotationRule))
	must(t, os.WriteFile(filepath.Join(dir, rotationsFile), parts[1], 0o600))
	if r, err := Verify(dir, now); err != nil || r.Answer != Altered {
		t.Errorf("statements removed: %+v, %v", r, err)
	}
}

// A rotation that a crash interrupted is ended by the next start, whichever file
// the crash left behind.
func TestRotationIsCompleted(t *testing.T) {
	for _, stage := range []string{"key made", "statement written", "public half adopted"} {
		l, dir := filled(t, 5, quiet())
		must(t, l.notary.run())
		keys := DefaultKeyDir(dir)
		must(t, makeKeyAs(keys, nextKeyFile, nextPublic, "test", l.opt.random))
		next, public, err := readKey(keys, nextKeyFile, nextPublic)
		must(t, err)
		signed, err := note.Sign(&note.Note{Text: rotationText(l.origin, l.Size(), l.public, public)}, l.notary.signer, next)
		must(t, err)
		shut(t, l)
		first := trusted(t, dir)
		if stage != "key made" {
			must(t, os.WriteFile(filepath.Join(dir, rotationsFile), signed, 0o600))
		}
		if stage == "public half adopted" {
			must(t, os.Rename(filepath.Join(keys, nextPublic), filepath.Join(keys, publicFile)))
		}
		l = open(t, dir, quiet())
		record(t, l, small(1))
		shut(t, l)
		if exists(filepath.Join(keys, nextKeyFile)) {
			t.Errorf("%s: the next key is still the next", stage)
		}
		if got := strings.TrimSpace(string(read(t, keys, publicFile))); (got == public) != (stage != "key made") {
			t.Errorf("%s: the key is %s", stage, got)
		}
		for _, k := range []note.Verifier{first.Key, trusted(t, dir).Key} {
			if r, err := Verify(dir, VerifyOptions{Key: k, Checkpoint: read(t, dir, checkpointFile)}); err != nil || r.Answer != Good {
				t.Errorf("%s: %+v, %v", stage, r, err)
			}
		}
	}
}
