package tiles

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	tessera "github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

const origin = "test.example/log"

func openLog(t testing.TB, dir string, every time.Duration) *audit.Log {
	t.Helper()
	l, err := audit.Open(dir, audit.Options{Origin: origin, Segment: 1 << 20, Ahead: 1, CheckpointEvery: every})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// record appends records up to a size.
func record(t testing.TB, l *audit.Log, size int64) {
	t.Helper()
	const batch = 500
	for l.Size() < size {
		var events []*proxy.Event
		for i := l.Size(); i < size && len(events) < batch; i++ {
			events = append(events, &proxy.Event{
				ID: fmt.Sprintf("E%d", i), Kind: proxy.EventAdmin, Time: "2026-11-24T09:00:00.000Z", V: proxy.EventVersion,
				Admin: &proxy.AdminRecord{Action: "reload"},
			})
		}
		if err := l.Record(context.Background(), events...); err != nil {
			t.Fatal(err)
		}
	}
}

// made makes a log of a size, at rest.
func made(t testing.TB, size int64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, time.Hour)
	record(t, l, size)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func keyOf(t testing.TB, dir string) note.Verifier {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(audit.DefaultKeyDir(dir), "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := audit.NewVerifier(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// serve mounts a log's source and gives its prefix.
func serve(t testing.TB, s Source) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/log/", http.StripPrefix("/log", Handler(s, func(err error) { t.Log(err) })))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/log"
}

func source(t testing.TB, dir string) *Directory {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func client(t testing.TB, url string, key note.Verifier) *Client {
	t.Helper()
	c, err := NewClient(ClientOptions{URL: url, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check runs Tessera's fsck, an implementation that shares no code with ours.
func check(t testing.TB, prefix string, key note.Verifier) error {
	t.Helper()
	u, err := url.Parse(prefix)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tessera.NewHTTPFetcher(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	hasher := func(b []byte) ([][]byte, error) {
		var bundle api.EntryBundle
		if err := bundle.UnmarshalText(b); err != nil {
			return nil, err
		}
		var out [][]byte
		for _, e := range bundle.Entries {
			out = append(out, rfc6962.DefaultHasher.HashLeaf(e))
		}
		return out, nil
	}
	return fsck.New(origin, key, f, hasher, fsck.Opts{N: 2}).Check(context.Background())
}

// TestFsck: an independent implementation reads our log over HTTP, makes the tree
// anew of the records, and finds every tile and the root as they should be.
func TestFsck(t *testing.T) {
	sizes := []int64{1, 2, 255, 256, 257, 511, 700}
	if !testing.Short() {
		sizes = append(sizes, 65_536+256+3) // a full tile of level 1
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := made(t, size)
			key, prefix := keyOf(t, dir), serve(t, source(t, dir))
			if err := check(t, prefix, key); err != nil {
				t.Error(err)
			}
			// With the tiles gone, they are made of the records.
			if size < 1000 {
				if err := os.RemoveAll(filepath.Join(dir, "tile")); err != nil {
					t.Fatal(err)
				}
				if err := check(t, prefix, key); err != nil {
					t.Errorf("without tile files: %v", err)
				}
			}
			n := int64(0)
			c := client(t, prefix, key)
			cp, _, err := c.Checkpoint(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range Records(c.Source(context.Background()), Tree(cp), 0) {
				if err != nil || r.Index != n {
					t.Fatalf("record %d: %v", r.Index, err)
				}
				n++
			}
			if n != size || cp.Size != size {
				t.Errorf("%d records of %d, checkpoint %d", n, size, cp.Size)
			}
		})
	}
}

// TestFsckFinds: the test above would fail with a log that was altered.
func TestFsckFinds(t *testing.T) {
	for name, spoil := range map[string]func(*spoiled){
		"record":  func(s *spoiled) { s.record = 300 },
		"tile":    func(s *spoiled) { s.tile = Tile{0, 1, Width} },
		"level 1": func(s *spoiled) { s.tile = Tile{1, 0, 2} },
	} {
		dir := made(t, 600)
		s := &spoiled{Source: source(t, dir), record: -1}
		spoil(s)
		key, prefix := keyOf(t, dir), serve(t, s)
		if err := check(t, prefix, key); err == nil {
			t.Errorf("%s: fsck finds nothing", name)
		}
		c := client(t, prefix, key)
		cp, _, err := c.Checkpoint(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var bad error
		at := int64(-1)
		for r, err := range Records(c.Source(context.Background()), Tree(cp), 0) {
			bad, at = err, r.Index
		}
		if !errors.Is(bad, ErrAltered) || name == "record" && at != 300 {
			t.Errorf("%s: at %d: %v", name, at, bad)
		}
	}
}

// spoiled alters one record or tile of a source.
type spoiled struct {
	Source
	record int64
	tile   Tile
}

func (s *spoiled) Entries(first, n int64) ([][]byte, error) {
	b, err := s.Source.Entries(first, n)
	if i := s.record - first; err == nil && i >= 0 && i < n {
		b[i] = bytes.Clone(b[i])
		b[i][5] ^= 1
	}
	return b, err
}

func (s *spoiled) Tile(t Tile) ([]byte, error) {
	b, err := s.Source.Tile(t)
	if err == nil && t == s.tile {
		b[len(b)-1] ^= 1
	}
	return b, err
}

// TestGrowing: while the log is appended to, every checkpoint that is seen can be
// read to its end, and proven to go on from the one before.
func TestGrowing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, 2*time.Millisecond)
	record(t, l, 1)
	key, prefix := keyOf(t, dir), serve(t, source(t, dir))
	c := client(t, prefix, key)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for size := int64(2); size < 3000; size += 7 {
			record(t, l, size)
		}
		close(stop)
	})
	src := c.Source(context.Background())
	var last audit.Checkpoint
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		default:
		}
		cp, _, err := c.Checkpoint(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if last.Size > 0 {
			p, err := Prove(src, Tree(cp), last.Size)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(p, cp.Size, cp.Root, last.Size, last.Root); err != nil {
				t.Fatalf("%d to %d: %v", last.Size, cp.Size, err)
			}
		}
		n := last.Size
		for r, err := range Records(src, Tree(cp), n) {
			if err != nil {
				t.Fatalf("of %d: %v", cp.Size, err)
			}
			if r.Index != n {
				t.Fatalf("record %d, want %d", r.Index, n)
			}
			n++
		}
		last = cp
	}
	wait.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := check(t, prefix, key); err != nil {
		t.Error(err)
	}
}

// TestProofsElsewhere: Tessera's client makes the same proofs of our tiles as we,
// and transparency-dev/merkle takes them.
func TestProofsElsewhere(t *testing.T) {
	ctx := context.Background()
	const size = 777
	dir := made(t, size)
	key, prefix := keyOf(t, dir), serve(t, source(t, dir))
	u, err := url.Parse(prefix)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tessera.NewHTTPFetcher(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := tessera.NewProofBuilder(ctx, size, f.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, prefix, key)
	cp, _, err := c.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	src := c.Source(ctx)
	hashes := Hashes(src, Tree(cp))
	for old := int64(1); old <= size; old += 31 {
		want, err := theirs.ConsistencyProof(ctx, uint64(old), size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Prove(src, Tree(cp), old)
		if err != nil {
			t.Fatal(err)
		}
		var ours [][]byte
		for i := range got {
			ours = append(ours, got[i][:])
		}
		if fmt.Sprint(ours) != fmt.Sprint(want) {
			t.Fatalf("from %d: proofs differ", old)
		}
		root, err := tlog.TreeHash(old, hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), size, ours, root[:], cp.Root[:]); err != nil {
			t.Errorf("from %d: %v", old, err)
		}
		in, err := tlog.ProveRecord(size, old-1, hashes)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range Records(src, Tree(cp), old-1) {
			if err != nil {
				t.Fatal(err)
			}
			var path [][]byte
			for i := range in {
				path = append(path, in[i][:])
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(r.Index), size, rfc6962.DefaultHasher.HashLeaf(r.JSON), path, cp.Root[:]); err != nil {
				t.Errorf("record %d: %v", r.Index, err)
			}
			break
		}
	}
	for _, old := range []int64{0, size} {
		if p, err := Prove(src, Tree(cp), old); err != nil || len(p) > 0 {
			t.Errorf("from %d: %d hashes, %v", old, len(p), err)
		}
	}
	for _, old := range []int64{-1, size + 1} {
		if _, err := Prove(src, Tree(cp), old); err == nil {
			t.Errorf("a proof from %d", old)
		}
	}
}

func TestHandler(t *testing.T) {
	dir := made(t, 600)
	prefix := serve(t, source(t, dir))
	for _, c := range []struct {
		method, path string
		status       int
		size         int // of the body, -1 for any
		cache        string
	}{
		{"GET", "checkpoint", 200, -1, "no-cache"},
		{"HEAD", "checkpoint", 200, 0, "no-cache"},
		{"POST", "checkpoint", 405, -1, ""},
		{"GET", "tile/0/000", 200, 8192, "private, max-age=31536000, immutable"},
		{"HEAD", "tile/0/000", 200, 0, "private, max-age=31536000, immutable"},
		{"GET", "tile/0/000.p/1", 200, 32, "private, max-age=31536000, immutable"},
		{"GET", "tile/0/001.p/255", 200, 255 * 32, "private, max-age=31536000, immutable"},
		{"GET", "tile/0/002.p/88", 200, 88 * 32, "private, max-age=31536000, immutable"},
		{"GET", "tile/0/002.p/17", 200, 17 * 32, "private, max-age=31536000, immutable"},
		{"GET", "tile/1/000.p/2", 200, 64, "private, max-age=31536000, immutable"},
		{"GET", "tile/entries/002.p/88", 200, -1, "private, max-age=31536000, immutable"},
		{"GET", "tile/0/002.p/89", 404, -1, "no-store"},
		{"GET", "tile/0/002", 404, -1, "no-store"},
		{"GET", "tile/0/003", 404, -1, "no-store"},
		{"GET", "tile/1/000.p/3", 404, -1, "no-store"},
		{"GET", "tile/2/000.p/1", 404, -1, "no-store"},
		{"GET", "tile/7/000.p/1", 404, -1, "no-store"},
		{"GET", "tile/entries/002.p/89", 404, -1, "no-store"},
		{"GET", "tile/entries/999", 404, -1, "no-store"},
		{"GET", "tile/0/x999/x999/x999/x999/x999/999", 404, -1, "no-store"},
		{"GET", "tile/00/000", 404, -1, ""},
		{"GET", "tile/0/0", 404, -1, ""},
		{"GET", "tile/0/000.p/0", 404, -1, ""},
		{"GET", "tile/0/000.p/256", 404, -1, ""},
		{"GET", "tile/0/000.p/01", 404, -1, ""},
		{"GET", "tile/sealed", 404, -1, ""},
		{"GET", "log.pub", 404, -1, ""},
		{"GET", "committed", 404, -1, ""},
		{"GET", "", 404, -1, ""},
		{"GET", "tile/0/..%2f..%2fcheckpoint", 404, -1, ""},
	} {
		req, err := http.NewRequest(c.method, prefix+"/"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.status || c.size >= 0 && len(b) != c.size || res.Header.Get("cache-control") != c.cache {
			t.Errorf("%s %s: status %d, %d bytes, cache-control %q", c.method, c.path, res.StatusCode, len(b), res.Header.Get("cache-control"))
		}
	}
}

// TestBundleEncoding: with gzip for who asks for it, and the same bytes for who
// does not.
func TestBundleEncoding(t *testing.T) {
	dir := made(t, 300)
	prefix := serve(t, source(t, dir))
	get := func(accept string) (*http.Response, []byte) {
		req, err := http.NewRequest("GET", prefix+"/tile/entries/000", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("accept-encoding", accept)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, b
	}
	_, plain := get("identity")
	entries, err := DecodeBundle(plain, Width)
	if err != nil || len(entries) != Width {
		t.Fatal(err)
	}
	for accept, zipped := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "identity": false, "": false} {
		res, b := get(accept)
		if (res.Header.Get("content-encoding") == "gzip") != zipped || res.Header.Get("vary") != "accept-encoding" {
			t.Errorf("%q: %q", accept, res.Header.Get("content-encoding"))
			continue
		}
		if zipped {
			r, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(b, plain) {
			t.Errorf("%q: other bytes", accept)
		}
	}
}

// TestClientBounds: servers that are no logs.
func TestClientBounds(t *testing.T) {
	ctx := context.Background()
	dir := made(t, 5)
	key := keyOf(t, dir)
	cp, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	for range bundleLimit/len(zeros) + 2 {
		w.Write(zeros[:])
	}
	w.Close()
	serveBytes := func(status int, b []byte, head ...string) *Client {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(head); i += 2 {
				w.Header().Set(head[i], head[i+1])
			}
			w.WriteHeader(status)
			w.Write(b)
		}))
		t.Cleanup(s.Close)
		return client(t, s.URL+"/", key)
	}
	if _, _, err := serveBytes(200, append(cp, make([]byte, checkpointLimit)...)).Checkpoint(ctx); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a checkpoint that does not end: %v", err)
	}
	if _, _, err := serveBytes(200, cp[:len(cp)/2]).Checkpoint(ctx); err == nil {
		t.Error("half a checkpoint")
	}
	if _, _, err := serveBytes(302, nil, "location", "http://127.0.0.1:1/").Checkpoint(ctx); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a redirect: %v", err)
	}
	other := made(t, 1)
	if _, _, err := client(t, serve(t, source(t, other)), key).Checkpoint(ctx); !errors.Is(err, audit.ErrSignature) {
		t.Errorf("a checkpoint of another key: %v", err)
	}
	for name, c := range map[string]*Client{
		"404":    serveBytes(404, nil),
		"short":  serveBytes(200, make([]byte, 33)),
		"bomb":   serveBytes(200, zipped.Bytes(), "content-encoding", "gzip"),
		"error":  serveBytes(500, nil),
		"longer": serveBytes(200, make([]byte, Width*32+1)),
	} {
		src := c.Source(ctx)
		if b, err := src.Tile(Tile{0, 0, 5}); err == nil {
			t.Errorf("%s: a tile of %d bytes", name, len(b))
		} else if (name == "404") != errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := src.Entries(0, 5); err == nil {
			t.Errorf("%s: %d records", name, len(b))
		}
	}
	for _, bad := range []string{"", "log.example", "ftp://a", "http://a/?q"} {
		if _, err := NewClient(ClientOptions{URL: bad, Key: key}); err == nil {
			t.Errorf("the URL %q was taken", bad)
		}
	}
}

var zeros [1 << 16]byte

// TestSourceErrorsStayInside: what goes wrong with files is for the operator.
func TestSourceErrorsStayInside(t *testing.T) {
	var told []error
	h := Handler(failing{}, func(err error) { told = append(told, err) })
	for _, path := range []string{"/checkpoint", "/tile/0/000"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 500 || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: status %d, %q", path, w.Code, w.Body)
		}
	}
	if len(told) != 2 {
		t.Errorf("told of %d errors", len(told))
	}
}

type failing struct{}

func (failing) Checkpoint() ([]byte, error)              { return nil, errors.New("canary") }
func (failing) Tile(Tile) ([]byte, error)                { return nil, errors.New("canary") }
func (failing) Entries(first, n int64) ([][]byte, error) { return nil, errors.New("canary") }

// TestPaths holds our spelling of paths against Tessera's.
func TestPaths(t *testing.T) {
	for _, n := range []uint64{0, 1, 999, 1000, 1234067, 999_999, 1_000_000, 1 << 40} {
		for _, p := range []uint8{0, 1, 255} {
			w := int(p)
			if p == 0 {
				w = Width
			}
			for _, c := range []struct {
				path string
				tile Tile
			}{
				{layout.EntriesPath(n, p), Tile{Bundle, int64(n), w}},
				{layout.TilePath(0, n, p), Tile{0, int64(n), w}},
				{layout.TilePath(7, n, p), Tile{7, int64(n), w}},
			} {
				if got, ok := ParsePath(c.path); !ok || got != c.tile || got.Path() != c.path {
					t.Errorf("%s reads as %+v", c.path, got)
				}
			}
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/x234/067.p/8", "tile/7/x999/000", "tile/8/000", "tile/0/x000/000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, ok := ParsePath(path)
		if !ok {
			return
		}
		if tile.Path() != path || tile.N < 0 || tile.W < 1 || tile.W > Width || tile.Level > maxLevel || tile.Level < Bundle {
			t.Fatalf("%q reads as %+v", path, tile)
		}
		if end, ok := tile.end(); ok && end < int64(tile.W) {
			t.Fatalf("%q ends at %d", path, end)
		}
		level, rest, _ := strings.Cut(strings.TrimPrefix(path, "tile/"), "/")
		if level == "entries" {
			level = "0"
		}
		l, n, p, err := layout.ParseTileLevelIndexPartial(level, rest)
		if err != nil || n != uint64(tile.N) || l != uint64(max(tile.Level, 0)) || p != uint8(tile.W) {
			t.Fatalf("the other implementation does not read %q so: %v", path, err)
		}
	})
}

func FuzzBundle(f *testing.F) {
	b, err := EncodeBundle([][]byte{[]byte("a"), nil, []byte("bc")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 3)
	f.Add([]byte{0}, 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		entries, err := DecodeBundle(b, n)
		if err != nil {
			return
		}
		again, err := EncodeBundle(entries)
		if err != nil || !bytes.Equal(again, b) || len(entries) != n {
			t.Fatal("a bundle does not come back")
		}
	})
}

// TestTileSpelling: what a log writes is where its source looks.
func TestTileSpelling(t *testing.T) {
	dir := made(t, 600)
	for _, name := range []string{"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"} {
		tile, ok := ParsePath(name)
		if !ok {
			t.Fatal(name)
		}
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := source(t, dir).Tile(tile); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, audit.ErrNoLog) {
		t.Errorf("an empty directory: %v", err)
	}
}
