//go:build unix

package s3

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
	"github.com/ostiary/ostiary/testdata/stores"
)

const bucketName = "audit"

func options(address string) Options {
	return Options{
		Endpoint: "http://" + address, Bucket: bucketName, Prefix: "proxies/", Retain: time.Hour, PathStyle: true,
		Keys: func() (Keys, error) { return Keys{Access: env.StoreUser, Secret: env.StoreSecret}, nil },
	}
}

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) {
		o := options(args[0])
		o.Checkpoint = func() ([]byte, error) { return os.ReadFile(filepath.Join(args[1], "checkpoint")) }
		return New(o)
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(err error) ship.Kind {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ship.KindNone
}

func client(t testing.TB, s *env.Store) *minio.Client {
	t.Helper()
	c, err := minio.New(s.Address, &minio.Options{Creds: credentials.NewStaticV4(env.StoreUser, env.StoreSecret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	must(t, err)
	return c
}

func makeBucket(t testing.TB, s *env.Store, name string, lock bool) {
	t.Helper()
	must(t, client(t, s).MakeBucket(context.Background(), name, minio.MakeBucketOptions{ObjectLocking: lock}))
}

// rows reads every object that a listing gives.
func rows(t testing.TB, s *env.Store) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		c := client(t, s)
		prefix := "proxies/" + escape(stores.Origin) + "/records/"
		for o := range c.ListObjects(context.Background(), bucketName, minio.ListObjectsOptions{Prefix: prefix}) {
			if o.Err != nil {
				return nil, o.Err
			}
			first, last, ok := ParseName(strings.TrimPrefix(o.Key, prefix))
			if !ok {
				return nil, fmt.Errorf("an object %s", o.Key)
			}
			r, err := c.GetObject(context.Background(), bucketName, o.Key, minio.GetObjectOptions{})
			if err != nil {
				return nil, err
			}
			z, err := gzip.NewReader(r)
			if err != nil {
				return nil, err
			}
			b, err := io.ReadAll(z)
			if err != nil {
				return nil, err
			}
			n := first
			for line := range bytes.Lines(b) {
				out = append(out, stores.Row{Index: n, Core: strings.TrimSuffix(string(line), "\n")})
				n++
			}
			if n != last+1 {
				return nil, fmt.Errorf("%s holds %d records", o.Key, n-first)
			}
		}
		return out, nil
	}
}

func TestEveryRecordArrivesOnceThroughKills(t *testing.T) {
	s := env.S3(t)
	makeBucket(t, s, bucketName, true)
	stores.Prove(t, s, rows(t, s), s.Address, "nowhere")
	// No object was written over: each has one version.
	seen := map[string]int{}
	for o := range client(t, s).ListObjects(context.Background(), bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		must(t, o.Err)
		if seen[o.Key]++; seen[o.Key] > 1 {
			t.Errorf("%s has more than one version", o.Key)
		}
	}
}

func TestObjects(t *testing.T) {
	s := env.S3(t)
	makeBucket(t, s, bucketName, true)
	dir := t.TempDir()
	rs := stores.Cores(t, dir, 100)
	o := options(s.Address)
	o.Checkpoint = func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, "log", "checkpoint")) }
	k, err := New(o)
	must(t, err)
	ctx := context.Background()
	if n, err := k.Next(ctx, stores.Origin); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	must(t, k.Ship(ctx, stores.Batch(rs[:40])))
	must(t, k.Ship(ctx, stores.Batch(rs[:40])))
	must(t, k.Ship(ctx, stores.Batch(rs[40:])))
	again, err := New(o)
	must(t, err)
	must(t, again.Ship(ctx, stores.Batch(rs[40:])))
	stores.Same(t, rs, rows(t, s))
	if n, err := k.Next(ctx, stores.Origin); err != nil || n != 100 {
		t.Error(n, err)
	}
	if n, err := k.Next(ctx, "test.example"); err != nil || n != 0 { // a beginning of the other
		t.Error(n, err)
	}

	c := client(t, s)
	checkpoint := "proxies/" + escape(stores.Origin) + fmt.Sprintf("/checkpoints/%020d", 100)
	r, err := c.GetObject(ctx, bucketName, checkpoint, minio.GetObjectOptions{})
	must(t, err)
	got, err := io.ReadAll(r)
	must(t, err)
	want, err := o.Checkpoint()
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the checkpoint is not there as it was signed")
	}

	t.Run("a locked object cannot be deleted or replaced", func(t *testing.T) {
		n := 0
		for o := range c.ListObjects(ctx, bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
			must(t, o.Err)
			n++
			for _, governance := range []bool{false, true} {
				err := c.RemoveObject(ctx, bucketName, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: governance})
				if minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
					t.Errorf("%s was deleted: %v", o.Key, err)
				}
			}
			mode, until, err := c.GetObjectRetention(ctx, bucketName, o.Key, o.VersionID)
			if err != nil || *mode != minio.Compliance || time.Until(*until) < 50*time.Minute {
				t.Errorf("%s: %v %v %v", o.Key, mode, until, err)
			}
			sooner := time.Now().Add(time.Minute)
			if err := c.PutObjectRetention(ctx, bucketName, o.Key, minio.PutObjectRetentionOptions{VersionID: o.VersionID, Mode: mode, RetainUntilDate: &sooner, GovernanceBypass: true}); err == nil {
				t.Errorf("the lock of %s was shortened", o.Key)
			}
		}
		if n != 3 {
			t.Errorf("%d objects", n)
		}
		stores.Same(t, rs, rows(t, s))
	})

	t.Run("another batch of the same name is a conflict", func(t *testing.T) {
		other := slices.Clone(rs[:40])
		other[7].Core = []byte(`{"v":1}`)
		if err := k.Ship(ctx, stores.Batch(other)); kind(err) != ship.Conflict {
			t.Errorf("%v", err)
		}
		fresh, err := New(o)
		must(t, err)
		if err := fresh.Ship(ctx, stores.Batch(other)); kind(err) != ship.Conflict {
			t.Errorf("%v", err)
		}
	})

	t.Run("another checkpoint of the same size is a conflict", func(t *testing.T) {
		a, err := NewAnchor(options(s.Address))
		must(t, err)
		must(t, a.Put(ctx, want))
		must(t, a.Put(ctx, append(bytes.Clone(want), "\u2014 witness AAAAAAAA\n"...))) // with another signature
		fork := bytes.Replace(want, []byte("\n100\n"), []byte("\n100\nx"), 1)
		if err := a.Put(ctx, fork); kind(err) != ship.Conflict {
			t.Errorf("%v", err)
		}
		if err := a.Put(ctx, []byte("nothing of it")); kind(err) != ship.LogTrouble {
			t.Errorf("%v", err)
		}
	})
}

func TestFailures(t *testing.T) {
	s := env.S3(t)
	makeBucket(t, s, bucketName, true)
	makeBucket(t, s, "plain", false)
	rs := stores.Cores(t, t.TempDir(), 3)
	for name, c := range map[string]struct {
		change func(*Options)
		want   ship.Kind
	}{
		"nobody there":     {func(o *Options) { o.Endpoint = "http://127.0.0.1:1" }, ship.Unreachable},
		"no bucket":        {func(o *Options) { o.Bucket = "nowhere" }, ship.Unsupported},
		"no lock":          {func(o *Options) { o.Bucket = "plain" }, ship.Unsupported},
		"another's keys":   {func(o *Options) { o.Keys = func() (Keys, error) { return Keys{"canary", "canary", ""}, nil } }, ship.Credentials},
		"a wrong secret":   {func(o *Options) { o.Keys = func() (Keys, error) { return Keys{env.StoreUser, "canary", ""}, nil } }, ship.Credentials},
		"keys are missing": {func(o *Options) { o.Keys = func() (Keys, error) { return Keys{}, errors.New("canary") } }, ship.Credentials},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(s.Address)
			c.change(&o)
			k, err := New(o)
			must(t, err)
			err = k.Ship(context.Background(), stores.Batch(rs))
			if kind(err) != c.want || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
			if _, err := k.Next(context.Background(), stores.Origin); name != "no lock" && kind(err) != c.want {
				t.Errorf("Next: %v", err)
			}
		})
	}
}

// A server that takes no notice of conditions or of locks.
func TestServersThatKnowLess(t *testing.T) {
	for name, c := range map[string]struct {
		conditions, locks bool
		want              ship.Kind
	}{
		"no conditions":          {false, true, ship.KindNone},
		"no locks, and no error": {true, false, ship.Unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			objects := map[string][]byte{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				_, retention := r.URL.Query()["retention"]
				body, there := objects[r.URL.Path]
				switch {
				case retention && c.locks:
					fmt.Fprintf(w, `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
				case retention:
					w.WriteHeader(http.StatusNotFound)
					io.WriteString(w, `<Error><Code>NoSuchObjectLockConfiguration</Code></Error>`)
				case r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && !c.conditions:
					w.WriteHeader(http.StatusNotImplemented)
					io.WriteString(w, `<Error><Code>NotImplemented</Code></Error>`)
				case r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && there:
					w.WriteHeader(http.StatusPreconditionFailed)
				case r.Method == http.MethodPut:
					objects[r.URL.Path], _ = io.ReadAll(r.Body)
					w.Header().Set("ETag", `"x"`)
				case there:
					w.Header().Set("ETag", `"x"`)
					w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
					w.Write(body)
				default:
					w.WriteHeader(http.StatusNotFound)
					io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
				}
			}))
			defer server.Close()
			k, err := New(options(strings.TrimPrefix(server.URL, "http://")))
			must(t, err)
			rs := []ship.Record{{Index: 0, Core: []byte(`{"v":1}`)}}
			if err := k.Ship(context.Background(), stores.Batch(rs)); kind(err) != c.want {
				t.Fatalf("%v", err)
			}
			if n := len(objects); n != 1 {
				t.Errorf("%d objects", n)
			}
		})
	}
}

func TestAnchorRun(t *testing.T) {
	s := env.S3(t)
	makeBucket(t, s, bucketName, true)
	a, err := NewAnchor(options(s.Address))
	must(t, err)
	at := func(n int) []byte { return fmt.Appendf(nil, "o\n%d\nroot%d\n\n\u2014 o AAAA\n", n, n) }
	r := &anchoring{Anchor: a, observe: func(AnchorStatus) {}, due: 1}
	n := 0
	r.latest = func() ([]byte, error) {
		if n == 0 {
			return nil, os.ErrNotExist
		}
		return at(n), nil
	}
	step := func(every int) {
		t.Helper()
		r.look(every)
		must(t, r.try(context.Background()))
	}
	step(3)
	for n = 1; n <= 8; n++ {
		step(3)
		step(3) // the same again
	}
	n = 8
	step(1) // the end
	c := client(t, s)
	var got []string
	for o := range c.ListObjects(context.Background(), bucketName, minio.ListObjectsOptions{Prefix: "proxies/o/checkpoints/"}) {
		must(t, o.Err)
		got = append(got, strings.TrimLeft(o.Key[len("proxies/o/checkpoints/"):], "0"))
	}
	if strings.Join(got, " ") != "1 4 7 8" {
		t.Errorf("anchored %v", got)
	}

	t.Run("through Run, with the server away at first", func(t *testing.T) {
		s.Kill()
		ctx, cancel := context.WithCancel(context.Background())
		seen := make(chan AnchorStatus, 100)
		done := make(chan error)
		go func() {
			done <- a.Run(ctx, 1, func() ([]byte, error) { return at(20), nil }, func(st AnchorStatus) { seen <- st })
		}()
		if st := <-seen; st.Failing == 0 || st.Last == ship.KindNone {
			t.Errorf("%+v", st)
		}
		s.Start()
		for st := range seen {
			if st.Size == 20 {
				break
			}
		}
		cancel()
		must(t, <-done)
	})
	t.Run("a fork ends it", func(t *testing.T) {
		fork := []byte("o\n8\nanother\n\n\u2014 o AAAA\n")
		var last AnchorStatus
		err := a.Run(context.Background(), 1, func() ([]byte, error) { return fork, nil }, func(st AnchorStatus) { last = st })
		if kind(err) != ship.Conflict || !last.Conflict {
			t.Errorf("%v %+v", err, last)
		}
	})
}

func TestNames(t *testing.T) {
	for origin, want := range map[string]string{
		"ostiary/eu/node-1": "ostiary/eu/node-1", "a b": "a%20b", "..": "%2E%2E", "a/../b": "a/%2E%2E/b", "a//b": "a/%/b", "ü": "%C3%BC", "a%b": "a%25b", "x.y": "x.y",
	} {
		if got := escape(origin); got != want {
			t.Errorf("%q: %q", origin, got)
		}
	}
	for name, ok := range map[string]bool{
		"00000000000000000000-00000000000000000063.jsonl.gz": true,
		"00000000000000000064-00000000000000000063.jsonl.gz": false,
		"00000000000000000000-00000000000000000063.jsonl":    false,
		"0-63.jsonl.gz": false,
		"-0000000000000000001-00000000000000000063.jsonl.gz": false,
	} {
		if _, _, got := ParseName(name); got != ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no scheme":    func(o *Options) { o.Endpoint = "127.0.0.1:9000" },
		"a path":       func(o *Options) { o.Endpoint = "https://h/path" },
		"a password":   func(o *Options) { o.Endpoint = "https://u:canary@h" },
		"no bucket":    func(o *Options) { o.Bucket = "" },
		"no keys":      func(o *Options) { o.Keys = nil },
		"no retention": func(o *Options) { o.Retain = 0 },
		"for ever":     func(o *Options) { o.Retain = maxRetain + 1 },
	} {
		o := options("127.0.0.1:1")
		change(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
