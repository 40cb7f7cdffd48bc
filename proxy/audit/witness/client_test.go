package witness

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	policies "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

func TestClient(t *testing.T) {
	ctx := context.Background()
	f := newForest(t, "log.example/a")
	f.grow(t, 30, "record")
	forked := f.fork(t, 8)
	forked.grow(t, 30, "other")
	w := newWitness(t, Options{Logs: []Log{f.log()}})
	url := serve(t, w)
	c := newClient(t, ClientOptions{URL: url + "/", Key: w.Key()})
	if _, err := c.Last(ctx, f.origin); !errors.Is(err, ErrUnknownLog) {
		t.Errorf("before the first: %v", err)
	}

	unneeded := func(int64) ([]tlog.Hash, error) {
		t.Error("a proof was asked for")
		return nil, nil
	}
	for _, s := range []struct {
		size  int64
		prove Prove
	}{{3, unneeded}, {3, unneeded}, {10, f.prove(t, 10)}} {
		lines, err := c.Submit(ctx, f.checkpoint(t, s.size), s.prove)
		if err != nil {
			t.Fatal(err)
		}
		p := Policy{Witnesses: []*Key{w.Key()}, Need: 1, MaxAge: time.Hour}
		if _, by, err := p.Check(append(f.checkpoint(t, s.size), lines...), f.key, time.Now()); err != nil || len(by) != 1 {
			t.Errorf("%d: %v, %v", s.size, by, err)
		}
	}
	// A client that knows nothing learns the size from the refusal.
	fresh := newClient(t, ClientOptions{URL: url, Key: w.Key()})
	asked := []int64{}
	if _, err := fresh.Submit(ctx, f.checkpoint(t, 17), func(old int64) ([]tlog.Hash, error) {
		asked = append(asked, old)
		return f.proof(t, old, 17), nil
	}); err != nil || len(asked) != 1 || asked[0] != 10 {
		t.Errorf("asked for proofs from %v, %v", asked, err)
	}
	last, err := c.Last(ctx, f.origin)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := audit.OpenCheckpoint(last, f.key); err != nil || got != f.at(t, 17) {
		t.Errorf("last is %+v, %v", got, err)
	}

	var ahead *AheadError
	if _, err := fresh.Submit(ctx, f.checkpoint(t, 12), f.prove(t, 12)); !errors.As(err, &ahead) || ahead.Had != 17 || ahead.Size != 12 {
		t.Errorf("a log that was put back: %v", err)
	}
	for what, s := range map[string]struct {
		checkpoint []byte
		prove      Prove
		want       error
	}{
		"fork of the same size": {forked.checkpoint(t, 17), unneeded, ErrForked},
		"fork that goes on":     {forked.checkpoint(t, 30), forked.prove(t, 30), ErrInconsistent},
		"another's key":         {newForest(t, f.origin).checkpoint(t, 0), unneeded, ErrSignature},
		"unknown":               {newForest(t, "log.example/unknown").checkpoint(t, 0), unneeded, ErrUnknownLog},
		"not a checkpoint":      {[]byte("old"), unneeded, ErrMalformed},
	} {
		if _, err := newClient(t, ClientOptions{URL: url, Key: w.Key()}).Submit(ctx, s.checkpoint, s.prove); !errors.Is(err, s.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := errors.New("no tiles")
	if _, err := c.Submit(ctx, f.checkpoint(t, 20), func(int64) ([]tlog.Hash, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("without a proof: %v", err)
	}
}

// TestClientDistrusts: answers that no witness gives.
func TestClientDistrusts(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 30, "record")
	w := newWitness(t, Options{Logs: []Log{f.log()}})
	line := submit(t, w, f, 0, 9)
	elsewhere := 0
	other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	release := make(chan struct{})
	hang := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release) })

	answer := func(status int, header, body string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if k, v, ok := strings.Cut(header, ": "); ok {
				rw.Header().Set(k, v)
			}
			rw.WriteHeader(status)
			io.WriteString(rw, body)
		})
	}
	for name, c := range map[string]struct {
		url  string
		want error
	}{
		"nothing":                   {serve(t, answer(200, "", "")), ErrNoCosignature},
		"signature of another text": {serve(t, answer(200, "", string(line))), ErrNoCosignature},
		"a whole checkpoint":        {serve(t, answer(200, "", string(f.checkpoint(t, 10)))), ErrNoCosignature},
		"too much":                  {serve(t, answer(200, "", strings.Repeat("— a b\n", answerLimit))), ErrUnreachable},
		"redirect":                  {serve(t, answer(307, "location: "+other, "")), ErrUnreachable},
		"no size":                   {serve(t, answer(409, "content-type: text/x.tlog.size", "many\n")), ErrUnreachable},
		"the size sent":             {serve(t, answer(409, "content-type: text/x.tlog.size", "0\n")), ErrUnreachable},
		"busy":                      {serve(t, answer(503, "", "")), ErrUnreachable},
		"hang":                      {hang, ErrUnreachable},
	} {
		client := newClient(t, ClientOptions{URL: c.url, Key: w.Key(), Timeout: 100 * time.Millisecond})
		if name != "hang" {
			client.opt.Timeout = time.Minute
		}
		if _, err := client.Submit(context.Background(), f.checkpoint(t, 10), f.prove(t, 10)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}

	// A witness that always names another size is left alone after some requests.
	n := 0
	fickle := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n++
		sizeAnswer(rw, int64(1+n%2))
	}))
	if _, err := newClient(t, ClientOptions{URL: fickle, Key: w.Key()}).Submit(context.Background(), f.checkpoint(t, 10), f.prove(t, 10)); !errors.Is(err, ErrBusy) || n != attemptLimit {
		t.Errorf("after %d requests: %v", n, err)
	}

	// The last checkpoint of another log is not an answer.
	second := newForest(t, "log.example/b")
	second.grow(t, 3, "record")
	if err := w.Trust(second.log()); err != nil {
		t.Fatal(err)
	}
	submit(t, w, second, 0, 3)
	lie := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, err := w.Last(r.Context(), "log.example/b")
		if err != nil {
			t.Error(err)
		}
		rw.Write(b)
	}))
	if _, err := newClient(t, ClientOptions{URL: lie, Key: w.Key()}).Last(context.Background(), f.origin); !errors.Is(err, ErrNoCosignature) {
		t.Errorf("another log's: %v", err)
	}
	for _, bad := range []string{"", "witness.example", "ftp://a", "http://a/?q", "http:///x"} {
		if _, err := NewClient(ClientOptions{URL: bad, Key: w.Key()}); err == nil {
			t.Errorf("the URL %q was taken", bad)
		}
	}
	if _, err := NewClient(ClientOptions{URL: "http://a"}); err == nil {
		t.Error("a client without a key")
	}
}

// TestGather: the result satisfies another implementation's policy.
func TestGather(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 9, "record")
	var clients []*Client
	policy := &strings.Builder{}
	for _, name := range []string{"a", "b", "c"} {
		w := newWitness(t, Options{Logs: []Log{f.log()}, Cosigner: newCosigner(t, name+".example")})
		url := serve(t, w)
		if name == "c" {
			url = serve(t, http.NotFoundHandler())
		}
		clients = append(clients, newClient(t, ClientOptions{URL: url, Key: w.Key()}))
		policy.WriteString("witness " + name + "1 " + w.Key().String() + " https://" + name + ".example/\n")
	}
	signed, answers := Gather(context.Background(), clients, f.checkpoint(t, 9), f.prove(t, 9))
	if len(answers) != 3 || answers[0].Err != nil || answers[1].Err != nil || !errors.Is(answers[2].Err, ErrUnknownLog) || answers[2].Witness != "c.example" {
		t.Fatalf("answers: %v", answers)
	}
	for quorum, want := range map[string]bool{"2": true, "3": false} {
		g, err := policies.ParsePolicy([]byte(policy.String() + "group g " + quorum + " a1 b1 c1\nquorum g\n"))
		if err != nil {
			t.Fatal(err)
		}
		if g.Satisfied(signed) != want {
			t.Errorf("%s of 3: satisfied is %v", quorum, !want)
		}
		p := Policy{Witnesses: []*Key{clients[0].Key(), clients[1].Key(), clients[2].Key()}, Need: int(quorum[0] - '0')}
		c, by, err := p.Check(signed, f.key, time.Now())
		if (err == nil) != want || !want && !errors.Is(err, ErrQuorum) || len(by) != 2 || c != f.at(t, 9) {
			t.Errorf("%s of 3: %v, %v", quorum, by, err)
		}
	}
}

func TestPolicy(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := newForest(t, "log.example/a")
	f.grow(t, 9, "record")
	skey, k, err := GenerateKey(rand.Reader, "a.example")
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string, d time.Duration) []byte {
		c, err := NewCosigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		c.key = newKey(name, c.key.public)
		c.now = func() time.Time { return now.Add(d) }
		line, err := c.line(f.at(t, 9).String())
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	other := newCosigner(t, "b.example")
	one := Policy{Witnesses: []*Key{k, other.Key()}, Need: 1, MaxAge: time.Hour}
	for name, c := range map[string]struct {
		lines [][]byte
		want  error
	}{
		"fresh":               {[][]byte{at("a.example", -59*time.Minute)}, nil},
		"old":                 {[][]byte{at("a.example", -61*time.Minute)}, ErrQuorum},
		"old and fresh":       {[][]byte{at("a.example", -61*time.Minute), at("a.example", 0)}, nil},
		"fresh and old":       {[][]byte{at("a.example", 0), at("a.example", -61*time.Minute)}, nil},
		"ahead a little":      {[][]byte{at("a.example", time.Minute)}, nil},
		"far ahead":           {[][]byte{at("a.example", 24*time.Hour)}, ErrQuorum},
		"under another name":  {[][]byte{at("c.example", 0)}, ErrQuorum},
		"none":                {nil, ErrQuorum},
		"torn last line":      {[][]byte{bytes.TrimSuffix(at("a.example", 0), []byte("\n"))}, audit.ErrCheckpoint},
		"not a signature too": {[][]byte{at("a.example", 0), []byte("— a.example AAAAAAAA\n")}, nil},
	} {
		signed := append(f.checkpoint(t, 9), bytes.Join(c.lines, nil)...)
		if _, _, err := one.Check(signed, f.key, now); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One witness that signs twice is one.
	two := Policy{Witnesses: []*Key{k, other.Key()}, Need: 2}
	if _, by, err := two.Check(append(append(f.checkpoint(t, 9), at("a.example", 0)...), at("a.example", time.Second)...), f.key, now); !errors.Is(err, ErrQuorum) || len(by) != 1 {
		t.Errorf("twice by one: %v, %v", by, err)
	}
	alias := newKey("alias.example", k.public)
	for name, p := range map[string]Policy{
		"one key under two names": {Witnesses: []*Key{k, alias}, Need: 1},
		"none needed":             {Witnesses: []*Key{k}},
		"more than there are":     {Witnesses: []*Key{k}, Need: 2},
	} {
		if _, _, err := p.Check(append(f.checkpoint(t, 9), at("a.example", 0)...), f.key, now); err == nil || errors.Is(err, ErrQuorum) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := one.Check(append(newForest(t, f.origin).checkpoint(t, 0), at("a.example", 0)...), f.key, now); !errors.Is(err, audit.ErrSignature) {
		t.Errorf("another log key: %v", err)
	}
}

// TestServerOverTLS: the caller's client decides whom to trust.
func TestServerOverTLS(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 2, "record")
	w := newWitness(t, Options{Logs: []Log{f.log()}})
	s := httptest.NewUnstartedServer(w)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the certificate that is not taken
	s.StartTLS()
	defer s.Close()
	if _, err := newClient(t, ClientOptions{URL: s.URL, Key: w.Key()}).Submit(context.Background(), f.checkpoint(t, 2), nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("an unknown certificate: %v", err)
	}
	if _, err := newClient(t, ClientOptions{URL: s.URL, Key: w.Key(), HTTP: s.Client()}).Submit(context.Background(), f.checkpoint(t, 2), nil); err != nil {
		t.Error(err)
	}
}
