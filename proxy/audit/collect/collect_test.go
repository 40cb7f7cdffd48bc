package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// TestGathers: logs that nobody configured are enrolled, gathered, cosigned, and
// go on after a restart of the collector.
func TestGathers(t *testing.T) {
	ctx := context.Background()
	var told alarms
	cosigner := newCosigner(t)
	o := Options{
		Dir: filepath.Join(t.TempDir(), "c"), Tokens: []Token{{secret, "test/*", true}}, Cosigner: cosigner, Alarm: told.add,
	}
	c := newCollector(t, o)
	nodes := []*node{newNode(t, "test/a"), newNode(t, "test/b")}
	for round := range 3 {
		url := serve(t, c)
		for i, n := range nodes {
			var acks []Ack
			so := n.options(t, url)
			so.Collector, so.Acknowledged = cosigner.Key(), func(a Ack) { acks = append(acks, a) }
			s := n.sink(t, so)
			for range 3 {
				n.record(t, "r", 40+i)
				n.signed(t) // so that the last push holds all of a checkpoint
				if err := n.ship(t, s); err != nil {
					t.Fatal(err)
				}
			}
			status := statusOf(t, c, n.origin)
			if status.Size != n.log.Size() || status.Signed != status.Size || status.Cosigned != status.Size || status.Trouble != "" {
				t.Errorf("round %d, %s: %+v, the log has %d", round, n.origin, status, n.log.Size())
			}
			sameLog(t, status.Dir, n)
			if len(acks) != 3 || acks[2].Checkpoint.Size != n.log.Size() {
				t.Fatalf("%d acknowledgements", len(acks))
			}
			// What was acknowledged is what finds the roll-back of the machine.
			last, err := c.Witness().Last(ctx, n.origin)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := witness.Compare(n.dir(), last, n.key(t), cosigner.Key()); err != nil || got.Standing != witness.Continues {
				t.Errorf("%s: %v, %v", n.origin, got.Standing, err)
			}
			p := witness.Policy{Witnesses: []*witness.Key{cosigner.Key()}, Need: 1, MaxAge: time.Hour}
			if _, _, err := p.Check(append(acks[2].Signed, acks[2].Cosignature...), n.key(t), time.Now()); err != nil {
				t.Error(err)
			}
			// The replica can be read as C2SP tlog-tiles has it.
			src, err := tiles.Open(status.Dir)
			if err != nil {
				t.Fatal(err)
			}
			count := int64(0)
			for _, err := range tiles.Records(src, tiles.Tree(acks[2].Checkpoint), 0) {
				if err != nil {
					t.Fatal(err)
				}
				count++
			}
			if count != status.Size {
				t.Errorf("%d records by tiles", count)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			// The tree can be made anew of the records.
			for _, m := range c.all() {
				if err := os.WriteFile(filepath.Join(m.dir, "hashes"), bytes.Repeat([]byte("x"), 100_000), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		c = newCollector(t, o)
	}
	if _, err := Open(o); err == nil {
		t.Error("two processes have one directory")
	}
	if codes := told.codes(); len(codes) > 0 {
		t.Errorf("alarms: %v", codes)
	}
}

// post sends a body by hand and gives what came back.
func post(t testing.TB, url, what, token string, body []byte) (int, *Refusal, Answer) {
	t.Helper()
	req, err := http.NewRequest("POST", url+"/collect/v1/"+what, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("authorization", "Bearer "+token)
	}
	return do(t, req)
}

func do(t testing.TB, req *http.Request) (int, *Refusal, Answer) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	r, a := refuse(""), Answer{}
	if res.StatusCode == 200 {
		if err := json.Unmarshal(b, &a); err != nil {
			t.Fatal(err)
		}
	} else if strings.HasPrefix(res.Header.Get("content-type"), "application/json") {
		if err := json.Unmarshal(b, r); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode, r, a
}

func encode(t testing.TB, p *Push) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRepeatedAndOverlapping: what is there already is compared, and taken once.
func TestRepeatedAndOverlapping(t *testing.T) {
	n := newNode(t, "test/a")
	n.record(t, "r", 50)
	c := newCollector(t, Options{Origins: []Origin{n.known(t)}, Cosigner: newCosigner(t)})
	url := serve(t, c)
	late := n.push(t, 10, 30) // of the checkpoint of 50
	for i, step := range []struct {
		p      *Push
		status int
		size   int64
		signed bool // there is a cosignature
	}{
		{n.push(t, 1, 20), 409, 0, false}, // a gap
		{n.push(t, 0, 20), 200, 20, false},
		{n.push(t, 0, 20), 200, 20, false},
		{n.push(t, 10, 20), 200, 20, false},
		{n.push(t, 10, 30), 200, 30, false},
		{n.push(t, 30, 30), 200, 30, false}, // nothing
		{n.push(t, 29, 50), 200, 50, true},
		{n.push(t, 0, 50), 200, 50, true},
		{n.push(t, 50, 50), 200, 50, true},
		{n.push(t, 7, 9), 200, 50, true},
	} {
		status, r, a := post(t, url, "records", "", encode(t, step.p))
		if status != step.status || status == 200 && a.Size != step.size || status == 409 && (r.Code != CodeGap || r.Size != step.size) {
			t.Errorf("step %d: status %d, %+v, %+v", i, status, r, a)
		}
		if (a.Cosignature != "") != step.signed {
			t.Errorf("step %d: cosignature %q", i, a.Cosignature)
		}
	}
	n.record(t, "r", 10)
	if status, _, a := post(t, url, "records", "", encode(t, n.push(t, 50, 60))); status != 200 || a.Size != 60 || a.Cosignature == "" {
		t.Errorf("status %d, %+v", status, a)
	}
	// A request that was held up on the way, under an older checkpoint.
	if status, _, a := post(t, url, "records", "", encode(t, late)); status != 200 || a.Size != 60 || a.Cosignature != "" {
		t.Errorf("late: status %d, %+v", status, a)
	}
	if s := statusOf(t, c, n.origin); s.Size != 60 || s.Signed != 60 || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
	sameLog(t, statusOf(t, c, n.origin).Dir, n)
}

// TestRefused is what a collector does not take, case by case.
func TestRefused(t *testing.T) {
	var told alarms
	n, other := newNode(t, "test/a"), newNode(t, "test/b")
	n.record(t, "r", 20)
	other.record(t, "r", 20)
	c := newCollector(t, Options{
		Origins: []Origin{n.known(t)}, Alarm: told.add,
		Tokens: []Token{{secret, "test/*", true}, {"push-only", "test/*", false}, {"elsewhere", "prod/*", true}, {"exact", "test/a", false}},
	})
	url := serve(t, c)
	good := n.push(t, 0, 10)
	with := func(change func(*Push)) []byte {
		p := *good
		p.Cores = slices.Clone(p.Cores)
		p.Proof = slices.Clone(p.Proof)
		change(&p)
		return encode(t, &p)
	}
	bomb := &bytes.Buffer{}
	z := gzip.NewWriter(bomb)
	for range PushBytes>>20 + 1 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	enrol := func(origin, key string, n *node) []byte { return Enrolment{origin, key, n.signed(t)}.Encode() }
	impostor := newNode(t, "test/a")

	for _, s := range []struct {
		name, what, token string
		body              []byte
		status            int
		code              Code
	}{
		{"no token", "records", "", encode(t, good), 401, CodeCredentials},
		{"wrong token", "records", "wrong", encode(t, good), 401, CodeCredentials},
		{"token of other logs", "records", "elsewhere", encode(t, good), 401, CodeCredentials},
		{"token of another log", "records", "exact", encode(t, other.push(t, 0, 10)), 401, CodeCredentials},
		{"nothing", "records", secret, nil, 400, CodeMalformed},
		{"not a push", "records", secret, []byte("hello"), 400, CodeMalformed},
		{"cut off", "records", secret, encode(t, good)[:200], 400, CodeMalformed},
		{"more behind", "records", secret, append(encode(t, good), 0), 400, CodeMalformed},
		{"not covered", "records", secret, with(func(p *Push) { p.First = 15 }), 400, CodeMalformed},
		{"unknown log", "records", secret, encode(t, other.push(t, 0, 10)), 404, CodeUnknown},
		{"another's checkpoint", "records", secret, with(func(p *Push) { p.Checkpoint = other.signed(t) }), 403, CodeSignature},
		{"an impostor's checkpoint", "records", secret, with(func(p *Push) { p.Checkpoint = impostor.signed(t) }), 403, CodeSignature},
		{"no checkpoint", "records", secret, with(func(p *Push) { p.Checkpoint = nil }), 403, CodeSignature},
		{"no proof", "records", secret, with(func(p *Push) { p.Proof = nil }), 422, CodeInconsistent},
		{"altered proof", "records", secret, with(func(p *Push) { p.Proof[0][0] ^= 1 }), 422, CodeInconsistent},
		{"altered record", "records", secret, with(func(p *Push) { p.Cores[4] = []byte("{}") }), 422, CodeInconsistent},
		{"records swapped", "records", secret, with(func(p *Push) { p.Cores[4], p.Cores[5] = p.Cores[5], p.Cores[4] }), 422, CodeInconsistent},
		{"record missing", "records", secret, with(func(p *Push) { p.Cores = p.Cores[1:] }), 422, CodeInconsistent},
		{"hello with records", "hello", secret, encode(t, good), 400, CodeMalformed},
		{"bomb", "records", secret, bomb.Bytes(), 413, CodeTooLarge},
		{"large", "records", secret, make([]byte, PushBytes+1), 413, CodeTooLarge},
		{"enrol without the right", "enrol", "push-only", enrol("test/b", other.publicKey(t), other), 401, CodeCredentials},
		{"enrol elsewhere", "enrol", "elsewhere", enrol("test/b", other.publicKey(t), other), 401, CodeCredentials},
		{"enrol another's key", "enrol", secret, enrol("test/b", n.publicKey(t), other), 403, CodeSignature},
		{"enrol under another name", "enrol", secret, enrol("test/c", other.publicKey(t), other), 403, CodeSignature},
		{"enrol no key", "enrol", secret, enrol("test/b", "key", other), 400, CodeMalformed},
		{"enrol known", "enrol", secret, enrol("test/a", n.publicKey(t), n), 200, ""},
		{"enrol known with another key", "enrol", secret, enrol("test/a", impostor.publicKey(t), impostor), 403, CodeOtherKey},
		{"enrol", "enrol", secret, enrol("test/b", other.publicKey(t), other), 200, ""},
		{"enrolled", "records", "push-only", encode(t, other.push(t, 0, 10)), 200, ""},
	} {
		req, err := http.NewRequest("POST", url+"/collect/v1/"+s.what, bytes.NewReader(s.body))
		if err != nil {
			t.Fatal(err)
		}
		if s.token != "" {
			req.Header.Set("authorization", "Bearer "+s.token)
		}
		if s.name == "bomb" {
			req.Header.Set("content-encoding", "gzip")
		}
		status, r, _ := do(t, req)
		if status != s.status || r.Code != s.code {
			t.Errorf("%s: status %d, code %q; want %d, %q", s.name, status, r.Code, s.status, s.code)
		}
	}
	for _, s := range []struct {
		method, path string
		status       int
	}{{"GET", "/collect/v1/records", 405}, {"POST", "/collect/v1/other", 404}, {"POST", "/collect/v2/records", 404}, {"GET", "/last-checkpoint", 404}} {
		req, err := http.NewRequest(s.method, url+s.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, _, _ := do(t, req); status != s.status {
			t.Errorf("%s %s: status %d, want %d", s.method, s.path, status, s.status)
		}
	}
	if s := statusOf(t, c, "test/a"); s.Size != 0 {
		t.Errorf("something was taken: %+v", s)
	}
	// Told once each, and by name.
	if got := told.codes(); !slices.Equal(got, []Code{CodeInconsistent, CodeOtherKey}) {
		t.Errorf("alarms: %v", got)
	}
	for _, a := range told.take() {
		if a.Origin != "test/a" || !strings.Contains(a.String(), "test/a") {
			t.Errorf("%v", a)
		}
	}
	if status, _, a := post(t, url, "records", secret, encode(t, n.push(t, 0, 20))); status != 200 || a.Size != 20 {
		t.Errorf("then: status %d, %+v", status, a)
	}
}

// TestRolledBackAndForked: machines that were put back to an older state, keys and
// all, are found and named.
func TestRolledBackAndForked(t *testing.T) {
	var told alarms
	ctx := context.Background()
	n := newNode(t, "test/a")
	n.record(t, "r", 30)
	n.close(t)
	backup := n.copy(t)
	n.open(t)
	c := newCollector(t, Options{Origins: []Origin{n.known(t)}, Alarm: told.add, Cosigner: newCosigner(t)})
	url := serve(t, c)
	n.record(t, "r", 30)
	n.signed(t)
	if err := n.ship(t, n.sink(t, n.options(t, url))); err != nil {
		t.Fatal(err)
	}

	// Put back, and nothing recorded since: it shows fewer records than it had.
	backup.open(t)
	var r *Refusal
	if _, err := backup.sink(t, backup.options(t, url)).Next(ctx, n.origin); !errors.As(err, &r) || r.Code != CodeRolledBack || r.Size != 60 {
		t.Errorf("put back: %v", err)
	}
	list := told.take()
	if len(list) != 1 || list[0].Origin != "test/a" || list[0].Code != CodeRolledBack || list[0].Claimed != 30 || list[0].Err != nil || list[0].Evidence == "" {
		t.Fatalf("alarms: %v", list)
	}
	// Gone on with: two histories under one key, first with fewer records than the
	// replica, then with more.
	for i, size := range []int64{45, 60, 75} {
		backup.record(t, "fork", int(size-backup.log.Size()))
		p := backup.push(t, 20, size)
		status, r, _ := post(t, url, "records", "", encode(t, p))
		if status != 409 || r.Code != CodeForked || r.Index != 30 || r.Size != 60 {
			t.Errorf("%d records: status %d, %+v", size, status, r)
		}
		if _, err := backup.sink(t, backup.options(t, url)).Next(ctx, n.origin); size <= 60 && (!errors.As(err, &r) || r.Code != CodeForked) {
			t.Errorf("%d records, hello: %v", size, err)
		}
		list := told.take()
		if want := map[bool]int{true: 1}[i == 0]; len(list) != want {
			t.Errorf("%d records: alarms %v", size, list)
		}
		if i > 0 {
			continue
		}
		// The evidence proves the fork to anybody who has the log's key: two
		// checkpoints, and the proof that ours goes on from another root.
		b, err := os.ReadFile(list[0].Evidence)
		if err != nil {
			t.Fatal(err)
		}
		var e evidence
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		claimed, err1 := audit.OpenCheckpoint([]byte(e.Claimed), n.key(t))
		ours, err2 := audit.OpenCheckpoint([]byte(e.Replica), n.key(t))
		root, err3 := tlog.ParseHash(e.Root)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		var proof []tlog.Hash
		for line := range strings.Lines(e.Proof) {
			h, err := tlog.ParseHash(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			proof = append(proof, h)
		}
		if claimed.Size != 45 || ours.Size != 60 || claimed.Root == root || tlog.CheckTree(proof, ours.Size, ours.Root, claimed.Size, root) != nil {
			t.Errorf("the evidence proves nothing: %+v", e)
		}
		pushed, err := os.ReadFile(filepath.Join(filepath.Dir(list[0].Evidence), e.PushFile))
		if err != nil || !bytes.Equal(pushed, encode(t, p)) {
			t.Errorf("the push that was kept is another: %v", err)
		}
	}
	// A push that begins behind the fork cannot be reconciled; where it is, nobody
	// can say.
	status, r, _ := post(t, url, "records", "", encode(t, backup.push(t, 60, 75)))
	if status != 422 || r.Code != CodeInconsistent || r.Index != -1 {
		t.Errorf("behind the fork: status %d, %+v", status, r)
	}
	// Old records under an old checkpoint, with one altered: no fork, but lies.
	old := n.push(t, 0, 10)
	old.Cores = slices.Clone(old.Cores)
	old.Cores[3] = []byte("{}")
	if status, r, _ := post(t, url, "records", "", encode(t, old)); status != 422 || r.Code != CodeMismatch || r.Index != 3 {
		t.Errorf("altered: status %d, %+v", status, r)
	}
	// The true log goes on as if nothing had been.
	n.record(t, "r", 5)
	n.signed(t)
	if err := n.ship(t, n.sink(t, n.options(t, url))); err != nil {
		t.Error(err)
	}
	s := statusOf(t, c, n.origin)
	if s.Size != 65 || s.Cosigned != 65 || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
	sameLog(t, s.Dir, n)
}

// TestSeenBeforeItsRecords: a machine is put back while most of its records are
// still to be pushed. What the collector has of them is in both histories; the
// checkpoint it was shown is not. It remembers it over a restart.
func TestSeenBeforeItsRecords(t *testing.T) {
	var told alarms
	n := newNode(t, "test/a")
	n.record(t, "r", 20)
	n.close(t)
	backup := n.copy(t)
	n.open(t)
	n.record(t, "r", 30)
	o := Options{Dir: filepath.Join(t.TempDir(), "c"), Origins: []Origin{n.known(t)}, Alarm: told.add}
	c := newCollector(t, o)
	if status, _, a := post(t, serve(t, c), "records", "", encode(t, n.push(t, 0, 10))); status != 200 || a.Size != 10 {
		t.Fatalf("status %d, %+v", status, a)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = newCollector(t, o)
	url := serve(t, c)
	backup.open(t)
	if status, r, _ := post(t, url, "hello", "", encode(t, &Push{Origin: n.origin, Checkpoint: backup.signed(t)})); status != 409 || r.Code != CodeRolledBack {
		t.Errorf("hello: status %d, %+v", status, r)
	}
	backup.record(t, "fork", 50)
	if status, r, a := post(t, url, "records", "", encode(t, backup.push(t, 10, 30))); status != 200 || a.Size != 30 {
		t.Errorf("nothing contradicts yet: status %d, %+v", status, r)
	}
	if status, r, _ := post(t, url, "records", "", encode(t, backup.push(t, 30, 60))); status != 409 || r.Code != CodeForked {
		t.Errorf("past the checkpoint that was seen: status %d, %+v", status, r)
	}
	if got := told.codes(); !slices.Equal(got, []Code{CodeRolledBack, CodeForked}) {
		t.Errorf("alarms: %v", got)
	}
}

// TestRotations: of many changes of keys each is kept once, though each push comes with
// all of them, and all count after a restart.
func TestRotations(t *testing.T) {
	n := newNode(t, "test/a")
	n.record(t, "r", 5)
	n.signed(t)
	o := Options{Dir: filepath.Join(t.TempDir(), "c"), Origins: []Origin{n.known(t)}}
	c := newCollector(t, o)
	url := serve(t, c)
	sink := n.sink(t, n.options(t, url))
	const changes = 4
	for range changes {
		if _, err := n.log.Rotate(context.Background(), nil, "", audit.Act{Code: "test", Role: "admin"}); err != nil {
			t.Fatal(err)
		}
		n.record(t, "r", 5)
		n.signed(t)
		if err := n.ship(t, sink); err != nil {
			t.Fatal(err)
		}
	}
	statements, err := n.options(t, url).Rotations()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(filepath.Dir(statusOf(t, c, n.origin).Dir), rotationsFile))
	if err != nil || !bytes.Equal(kept, statements) {
		t.Errorf("%d bytes are kept of %d bytes of statements, %v", len(kept), len(statements), err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = newCollector(t, o)
	n.record(t, "r", 5)
	p := n.push(t, n.log.Size()-5, n.log.Size()) // without statements
	if status, r, _ := post(t, serve(t, c), "records", "", encode(t, p)); status != 200 {
		t.Errorf("after a restart: status %d, %+v", status, r)
	}
}

// TestRotation: the log's key is followed by another while nothing can be pushed,
// and the records before that are pushed under the new key's checkpoint.
func TestRotation(t *testing.T) {
	n := newNode(t, "test/a")
	n.record(t, "r", 20)
	n.signed(t)
	o := Options{Dir: filepath.Join(t.TempDir(), "c"), Origins: []Origin{n.known(t)}, Cosigner: newCosigner(t)}
	c := newCollector(t, o)
	old := n.push(t, 0, 20)
	if _, err := n.log.Rotate(context.Background(), nil, "", audit.Act{Code: "test", Role: "admin"}); err != nil {
		t.Fatal(err)
	}
	n.record(t, "r", 20)
	url := serve(t, c)
	p := n.push(t, 0, 10)
	if status, r, _ := post(t, url, "records", "", encode(t, p)); status != 403 || r.Code != CodeSignature {
		t.Errorf("without the statement: status %d, %+v", status, r)
	}
	statements, err := n.options(t, url).Rotations()
	if err != nil || len(statements) == 0 {
		t.Fatal("no statement of rotation", err)
	}
	forged := *p
	forged.Rotations = bytes.Replace(statements, []byte("test/a"), []byte("test/b"), 1)
	if status, r, _ := post(t, url, "records", "", encode(t, &forged)); status != 403 || r.Code != CodeSignature {
		t.Errorf("with a statement that is altered: status %d, %+v", status, r)
	}
	p.Rotations = statements
	if status, r, a := post(t, url, "records", "", encode(t, p)); status != 200 || a.Size != 10 {
		t.Errorf("status %d, %+v", status, r)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = newCollector(t, o) // what was learned is kept
	url = serve(t, c)
	if status, r, a := post(t, url, "records", "", encode(t, n.push(t, 10, 15))); status != 200 || a.Size != 15 {
		t.Errorf("after a restart: status %d, %+v", status, r)
	}
	n.signed(t)
	if err := n.ship(t, n.sink(t, n.options(t, url))); err != nil {
		t.Fatal(err)
	}
	s := statusOf(t, c, n.origin)
	if s.Size != n.log.Size() || s.Cosigned != s.Size {
		t.Errorf("%+v", s)
	}
	sameLog(t, s.Dir, n)
	// The old key still stands for what it signed, and for nothing after.
	if status, r, _ := post(t, url, "records", "", encode(t, old)); status != 200 {
		t.Errorf("an old checkpoint of the old key: status %d, %+v", status, r)
	}
}

// failing is a replica whose disk fails when it is told to.
type failing struct {
	Replica
	fail   func() error
	failed error
}

func (f *failing) Append(ctx context.Context, first int64, cores [][]byte, checkpoint []byte) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Replica.Append(ctx, first, cores, checkpoint)
}

func (f *failing) Failed() error {
	if f.failed != nil {
		return f.failed
	}
	return f.Replica.Failed()
}

// TestDiskFails: nothing is answered yes to that is not kept.
func TestDiskFails(t *testing.T) {
	var told alarms
	n := newNode(t, "test/a")
	n.record(t, "r", 20)
	var fail error
	var replica *failing
	o := Options{Dir: filepath.Join(t.TempDir(), "c"), Origins: []Origin{n.known(t)}, Alarm: told.add, Cosigner: newCosigner(t)}
	o.open = func(dir, origin string, key note.Verifier, l audit.Options) (Replica, error) {
		r, err := audit.OpenReplica(dir, origin, key, l)
		if err != nil {
			return nil, err
		}
		replica = &failing{Replica: r, fail: func() error { return fail }}
		return replica, nil
	}
	c := newCollector(t, o)
	url := serve(t, c)
	if status, _, a := post(t, url, "records", "", encode(t, n.push(t, 0, 5))); status != 200 || a.Size != 5 {
		t.Fatalf("status %d, %+v", status, a)
	}
	fail = errors.New("canary: no room")
	for range 2 {
		status, r, _ := post(t, url, "records", "", encode(t, n.push(t, 5, 20)))
		if status != 500 || r.Code != CodeStorage {
			t.Errorf("status %d, %+v", status, r)
		}
	}
	if s := statusOf(t, c, n.origin); s.Size != 5 || s.Trouble != CodeStorage || s.Cosigned != 0 {
		t.Errorf("%+v", s)
	}
	if list := told.take(); len(list) != 1 || list[0].Code != CodeStorage || !errors.Is(list[0].Err, fail) {
		t.Errorf("alarms: %v", list)
	}
	fail = nil
	if status, _, a := post(t, url, "records", "", encode(t, n.push(t, 5, 20))); status != 200 || a.Size != 20 || a.Cosignature == "" {
		t.Errorf("with room again: status %d, %+v", status, a)
	}
	sameLog(t, statusOf(t, c, n.origin).Dir, n)

	// A failure that only a restart can judge closes the log's door.
	n.record(t, "r", 5)
	fail, replica.failed = errors.New("canary: fsync"), audit.ErrFailed
	if status, _, _ := post(t, url, "records", "", encode(t, n.push(t, 20, 25))); status != 500 {
		t.Errorf("status %d", status)
	}
	fail, replica.failed = nil, nil
	if status, _, _ := post(t, url, "records", "", encode(t, n.push(t, 20, 25))); status != 500 {
		t.Errorf("taken by a replica that had failed: status %d", status)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = newCollector(t, o)
	if status, _, a := post(t, serve(t, c), "records", "", encode(t, n.push(t, 20, 25))); status != 200 || a.Size != 25 {
		t.Errorf("after a restart: status %d, %+v", status, a)
	}
	sameLog(t, statusOf(t, c, n.origin).Dir, n)
}

// TestClientGoesAway: the replica ends what it began, whoever waits for it.
func TestClientGoesAway(t *testing.T) {
	n := newNode(t, "test/a")
	n.record(t, "r", 20)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	var inside error
	o := Options{Origins: []Origin{n.known(t)}}
	o.open = func(dir, origin string, key note.Verifier, l audit.Options) (Replica, error) {
		r, err := audit.OpenReplica(dir, origin, key, l)
		return &watching{r, func(ctx context.Context) {
			cancel()
			<-gone
			inside = ctx.Err()
		}}, err
	}
	c := newCollector(t, o)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		go func() {
			<-r.Context().Done()
			close(gone)
		}()
		c.ServeHTTP(w, r)
	}))
	req, err := http.NewRequestWithContext(ctx, "POST", url+"/collect/v1/records", bytes.NewReader(encode(t, n.push(t, 0, 20))))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
		t.Fatal("the client did not go away")
	}
	if s := statusOf(t, c, n.origin); s.Size != 20 || s.Trouble != "" || inside != nil {
		t.Errorf("%+v, and the replica's context says %v", s, inside)
	}
}

// watching is a replica that is looked at as it appends.
type watching struct {
	Replica
	look func(context.Context)
}

func (w *watching) Append(ctx context.Context, first int64, cores [][]byte, checkpoint []byte) error {
	w.look(ctx)
	return w.Replica.Append(ctx, first, cores, checkpoint)
}

// TestDamagedReplica: one log whose replica is damaged does not concern another.
func TestDamagedReplica(t *testing.T) {
	var told alarms
	a, b := newNode(t, "test/a"), newNode(t, "test/b")
	o := Options{Dir: filepath.Join(t.TempDir(), "c"), Origins: []Origin{a.known(t), b.known(t)}, Alarm: told.add}
	c := newCollector(t, o)
	url := serve(t, c)
	for _, n := range []*node{a, b} {
		n.record(t, "r", 20)
		n.signed(t)
		if err := n.ship(t, n.sink(t, n.options(t, url))); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(statusDir(c, "test/a"), "segments", "00000000.log")
	f, err := os.OpenFile(segment, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("damage"), 4096+400); err != nil {
		t.Fatal(err)
	}
	f.Close()
	c = newCollector(t, o)
	url = serve(t, c)
	for _, n := range []*node{a, b} {
		n.record(t, "r", 5)
		n.signed(t)
	}
	if status, r, _ := post(t, url, "records", "", encode(t, a.push(t, 20, 25))); status != 500 || r.Code != CodeStorage {
		t.Errorf("damaged: status %d, %+v", status, r)
	}
	if status, _, ans := post(t, url, "records", "", encode(t, b.push(t, 20, 25))); status != 200 || ans.Size != 25 {
		t.Errorf("the other: status %d, %+v", status, ans)
	}
	if list := told.take(); len(list) != 1 || list[0].Origin != "test/a" || list[0].Code != CodeStorage {
		t.Errorf("alarms: %v", list)
	}
}

func statusDir(c *Collector, origin string) string { return c.members[origin].logDir() }

// TestSinkDistrusts: servers that are no collectors.
func TestSinkDistrusts(t *testing.T) {
	ctx := context.Background()
	n := newNode(t, "test/a")
	n.record(t, "r", 10)
	n.signed(t)
	elsewhere := 0
	other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"nothing":       {200, "", ErrUnreachable},
		"no size":       {200, "{}", ErrUnreachable},
		"less":          {200, `{"size":3}`, ErrUnreachable},
		"more":          {200, `{"size":11}`, ErrAhead},
		"bad signature": {200, `{"size":10,"cosignature":"— a AAAA\n"}`, ErrUnreachable},
		"page":          {200, "<html>", ErrUnreachable},
		"endless":       {200, strings.Repeat(" ", answerLimit+1), ErrUnreachable},
		"redirect":      {307, "", ErrUnreachable},
		"proxy error":   {502, "bad gateway", ErrUnreachable},
		"odd refusal":   {502, `{"code":"gap"}`, ErrUnreachable},
	} {
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/hello") {
				io.WriteString(w, `{"size":0}`)
				return
			}
			w.Header().Set("location", other)
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		o := n.options(t, url)
		o.Collector, o.Acknowledged = newCosigner(t).Key(), func(Ack) { t.Errorf("%s: acknowledged", name) }
		if err := n.sink(t, o).Ship(ctx, Batch{n.origin, 0, n.cores(t)}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}

	o := n.options(t, other)
	o.Wait = time.Millisecond
	s := n.sink(t, o)
	s.greeted = true
	if err := s.Ship(ctx, Batch{n.origin, 10, [][]byte{[]byte("{}")}}); !errors.Is(err, ErrUncovered) {
		t.Errorf("records that no checkpoint covers: %v", err)
	}
	if err := s.Ship(ctx, Batch{"test/b", 0, n.cores(t)}); err == nil || elsewhere > 0 {
		t.Errorf("records of another log: %v", err)
	}
	o.Token = func() (string, error) { return "", errors.New("no file") }
	if err := n.sink(t, o).Ship(ctx, Batch{n.origin, 0, n.cores(t)}); err == nil || elsewhere > 0 {
		t.Errorf("without a token: %v", err)
	}
	for _, bad := range []string{"", "collector", "ftp://a", "http://a?q"} {
		o.URL = bad
		if _, err := NewSink(o); err == nil {
			t.Errorf("the URL %q was taken", bad)
		}
	}
}

// TestErrorsHoldNoToken: whatever goes wrong, the token stays out of it.
func TestErrorsHoldNoToken(t *testing.T) {
	n := newNode(t, "test/a")
	n.record(t, "r", 1)
	o := n.options(t, "http://127.0.0.1:1")
	o.Token = func() (string, error) { return "canary-token\n", nil } // cannot stand in a header
	err := n.sink(t, o).Ship(context.Background(), Batch{n.origin, 0, n.cores(t)})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	if _, err := Open(Options{Dir: t.TempDir(), Tokens: []Token{{"", "*", true}}}); err == nil {
		t.Error("an empty token was taken")
	}
}

func FuzzPush(f *testing.F) {
	p := &Push{"test/a", 3, [][]byte{[]byte(`{"a":1}`), []byte("{}")}, []byte("checkpoint"), []tlog.Hash{{1}, {2}}, []byte("rotation")}
	b, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(pushMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePush(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal("not one of our errors")
			}
			return
		}
		again, err := p.Encode()
		if len(b) <= PushBytes && (err != nil || !bytes.Equal(again, b)) {
			t.Fatal("a push does not come back")
		}
		if p.First < 0 || p.End() < p.First || len(p.Cores) > PushRecords {
			t.Fatal("out of bounds")
		}
	})
}

func FuzzEnrolment(f *testing.F) {
	f.Add(Enrolment{"test/a", "key", []byte("checkpoint")}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ParseEnrolment(b); err == nil && !bytes.Equal(e.Encode(), b) {
			t.Fatal("an enrolment does not come back")
		}
	})
}
