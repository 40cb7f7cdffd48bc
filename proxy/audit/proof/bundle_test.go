package proof

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// entry is a file of an archive.
type entry struct {
	name    string
	content []byte
}

func unpack(t testing.TB, b []byte) []entry {
	t.Helper()
	var out []entry
	r := tar.NewReader(bytes.NewReader(b))
	for {
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
		out = append(out, entry{h.Name, c})
	}
}

func pack(t testing.TB, list []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range list {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.content)), Mode: 0o444, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gunzip(t testing.TB, b []byte) [][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

func gzipped(t testing.TB, lines [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for _, l := range lines {
		if _, err := z.Write(append(bytes.TrimSuffix(slices.Clone(l), []byte("\n")), '\n')); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Every range of every log up to a size is verified, the records come back exactly
// and in order, and the hashes beside the range are those of the independent
// implementation.
func TestEveryRangeIsVerified(t *testing.T) {
	const most = 13
	l := newLog(t, most)
	hasher := rfc6962.New(crypto.SHA256)
	factory := compact.RangeFactory{Hash: hasher.HashChildren}
	for size := int64(0); size <= most; size++ {
		for first := int64(0); first <= size; first++ {
			for end := first; end <= size; end++ {
				b := l.bundle(t, first, end, size)
				var got [][]byte
				var head Head
				out, err := ReadBundle(bytes.NewReader(b), Trust{Key: l.key}, Visitor{
					Head: func(h Head) error { head = h; return nil },
					Record: func(i int64, core []byte) error {
						if i != first+int64(len(got)) {
							t.Fatalf("record %d came as number %d", i, len(got))
						}
						got = append(got, slices.Clone(core))
						return nil
					},
				})
				if err != nil {
					t.Fatalf("[%d,%d) of %d: %v", first, end, size, err)
				}
				if out.Records != end-first || head.Query != "action:deny" || head.Origin != testOrigin || !slices.EqualFunc(got, l.cores[first:end], bytes.Equal) {
					t.Fatalf("[%d,%d) of %d: %+v", first, end, size, out)
				}
				// The same tree by other code: left of the range, the range, right of it.
				r := factory.NewEmptyRange(0)
				part := func(from, to int64, hashes []string) {
					var list [][]byte
					for _, s := range hashes {
						h, err := base64.StdEncoding.DecodeString(s)
						if err != nil {
							t.Fatal(err)
						}
						list = append(list, h)
					}
					other, err := factory.NewRange(uint64(from), uint64(to), list)
					if err != nil {
						t.Fatal(err)
					}
					if err := r.AppendRange(other, nil); err != nil {
						t.Fatal(err)
					}
				}
				part(0, first, head.Left)
				for _, c := range got {
					if err := r.Append(hasher.HashLeaf(c), nil); err != nil {
						t.Fatal(err)
					}
				}
				part(end, size, head.Right)
				root, err := r.GetRootHash(nil)
				if err != nil {
					t.Fatal(err)
				}
				if size == 0 {
					root = hasher.EmptyRoot()
				}
				if want := out.Checkpoint.Root; !bytes.Equal(root, want[:]) {
					t.Fatalf("[%d,%d) of %d: merkle gives another root", first, end, size)
				}
			}
		}
	}
}

// A bundle of more than one file of records, made twice, has the same bytes.
func TestBundleIsDeterministic(t *testing.T) {
	l := newLog(t, chunkRecords+300)
	a, b := l.bundle(t, 100, chunkRecords+250, chunkRecords+300), l.bundle(t, 100, chunkRecords+250, chunkRecords+300)
	if !bytes.Equal(a, b) {
		t.Error("the same range gives other bytes")
	}
	var names []string
	for _, e := range unpack(t, a) {
		names = append(names, e.name)
	}
	want := "README.txt bundle.json checkpoint records/00000000.leaves records/00000000.jsonl.gz records/00000001.leaves records/00000001.jsonl.gz manifest.json"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("files: %s", got)
	}
	if _, err := VerifyBundle(bytes.NewReader(a), Trust{Key: l.key}); err != nil {
		t.Error(err)
	}
}

// tampered describes a way to alter a bundle of the records [3, 11) of 14.
type tampered struct {
	name  string
	edit  func(t *testing.T, l []entry) []entry
	index int64 // -1: no record is named
	until int64
	why   string
}

func on(name string, f func(t *testing.T, content []byte) []byte) func(*testing.T, []entry) []entry {
	return func(t *testing.T, l []entry) []entry {
		for i := range l {
			if l[i].name == name {
				l[i].content = f(t, slices.Clone(l[i].content))
				return l
			}
		}
		t.Fatalf("no %s", name)
		return nil
	}
}

func lines(f func(l [][]byte) [][]byte) func(*testing.T, []entry) []entry {
	return on("records/00000000.jsonl.gz", func(t *testing.T, c []byte) []byte { return gzipped(t, f(gunzip(t, c))) })
}

// leavesToo alters the records and makes the leaf hashes anew.
func leavesToo(f func(l [][]byte) [][]byte) func(*testing.T, []entry) []entry {
	return func(t *testing.T, l []entry) []entry {
		l = lines(f)(t, l)
		var leaves []byte
		for _, e := range l {
			if e.name == "records/00000000.jsonl.gz" {
				for _, line := range gunzip(t, e.content) {
					h := tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n")))
					leaves = append(leaves, h[:]...)
				}
			}
		}
		return on("records/00000000.leaves", func(*testing.T, []byte) []byte { return leaves })(t, l)
	}
}

var tampers = []tampered{
	{"one record altered", lines(func(l [][]byte) [][]byte {
		l[2] = bytes.Replace(l[2], []byte("decision"), []byte("outcome!"), 1)
		return l
	}), 5, 6, "was altered"},
	{"the first removed", lines(func(l [][]byte) [][]byte { return l[1:] }), 3, 4, "was removed"},
	{"one removed", lines(func(l [][]byte) [][]byte { return slices.Delete(l, 4, 5) }), 7, 8, "was removed"},
	{"the last removed", lines(func(l [][]byte) [][]byte { return l[:7] }), 10, 11, "was removed"},
	{"one added", lines(func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte(`{"id":"new"}`)) }), 6, 7, "does not belong here: a record was added"},
	{"one doubled", lines(func(l [][]byte) [][]byte { return slices.Insert(l, 3, l[3]) }), 7, 8, "does not belong here: a record was added"},
	{"one added at the end", lines(func(l [][]byte) [][]byte { return append(l, []byte(`{"id":"new"}`)) }), 11, 12, "does not belong here: a record was added"},
	{"two swapped", lines(func(l [][]byte) [][]byte { l[1], l[6] = l[6], l[1]; return l }), 4, 5, "stands in another place"},
	{"altered with its leaf", leavesToo(func(l [][]byte) [][]byte { l[2] = []byte(`{}`); return l }), 3, 11, "the records, or the hashes beside them, do not give the root of the checkpoint"},
	{"removed with its leaf", leavesToo(func(l [][]byte) [][]byte { return slices.Delete(l, 4, 5) }), 10, 11, "was removed, with all behind it"},
	{"the end removed with its leaves", leavesToo(func(l [][]byte) [][]byte { return l[:5] }), 8, 9, "was removed, with all behind it"},
	{"added with its leaf", leavesToo(func(l [][]byte) [][]byte { return append(l, []byte(`{"id":"new"}`)) }), 11, 12, "does not belong to the range: records were added"},
	{"a leaf altered", on("records/00000000.leaves", func(_ *testing.T, c []byte) []byte { c[70] ^= 4; return c }), -1, -1, "do not belong to the records, which are as they were signed"},
	{"no file of records", func(_ *testing.T, l []entry) []entry { return slices.Delete(l, 3, 5) }, 3, 4, "was removed, with all behind it"},
	{"readme altered", on("README.txt", func(_ *testing.T, c []byte) []byte { return append(c, '!') }), -1, -1, "is not the file that the manifest lists"},
	{"query altered", on("bundle.json", func(_ *testing.T, c []byte) []byte { return bytes.Replace(c, []byte("deny"), []byte("mask"), 1) }), -1, -1, "is not the file that the manifest lists"},
	{"manifest altered", on("manifest.json", func(_ *testing.T, c []byte) []byte {
		return bytes.Replace(c, []byte(`"records":8`), []byte(`"records":9`), 1)
	}), -1, -1, "does not describe the bundle"},
	{"a hash left of the range altered", on("bundle.json", func(t *testing.T, c []byte) []byte {
		var h Head
		if err := json.Unmarshal(c, &h); err != nil {
			t.Fatal(err)
		}
		h.Left[0] = base64.StdEncoding.EncodeToString(make([]byte, 32))
		out, err := canonical(&h)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}), 3, 11, "the records, or the hashes beside them, do not give the root of the checkpoint"},
	{"compressed bytes damaged", on("records/00000000.jsonl.gz", func(_ *testing.T, c []byte) []byte { c[len(c)/2] ^= 0x10; return c }), 3, 11, "the file's compressed bytes are damaged"},
}

func TestTamperedBundle(t *testing.T) {
	l := newLog(t, 14)
	good := l.bundle(t, 3, 11, 14)
	for _, c := range tampers {
		t.Run(c.name, func(t *testing.T) {
			b := pack(t, c.edit(t, unpack(t, good)))
			_, err := VerifyBundle(bytes.NewReader(b), Trust{Key: l.key})
			var a *Altered
			if !errors.As(err, &a) || Answer(err) != 1 {
				t.Fatalf("got %v", err)
			}
			if a.Index != c.index || a.Until != c.until || a.Why != c.why {
				t.Errorf("got record %d to %d %q, want %d to %d %q", a.Index, a.Until, a.Why, c.index, c.until, c.why)
			}
		})
	}
}

func TestBundleIsRefused(t *testing.T) {
	l, longer := newLog(t, 14), newLog(t, 20)
	good := l.bundle(t, 3, 11, 14)
	_, foreign := newKey(t, "foreign")
	forged := newLog(t, 14)
	forged.signer, _ = newKey(t, "foreign")
	swap := func(name string, content []byte) []byte {
		return pack(t, on(name, func(*testing.T, []byte) []byte { return content })(t, unpack(t, good)))
	}
	drop := func(i int) []byte { return pack(t, slices.Delete(unpack(t, good), i, i+1)) }
	for name, c := range map[string]struct {
		file   []byte
		trust  Trust
		want   error
		answer int
	}{
		"good":                      {good, Trust{Key: l.key}, nil, 0},
		"no key":                    {good, Trust{}, ErrNoKey, 2},
		"another key":               {good, Trust{Key: foreign}, ErrSignature, 1},
		"signed by another":         {swap("checkpoint", forged.checkpoint(t, 14)), Trust{Key: l.key}, ErrSignature, 1},
		"checkpoint of another":     {swap("checkpoint", longer.checkpoint(t, 20)), Trust{Key: l.key}, ErrCheckpoint, 1},
		"no checkpoint":             {drop(2), Trust{Key: l.key}, ErrFormat, 2},
		"no leaves":                 {drop(3), Trust{Key: l.key}, ErrFormat, 2},
		"no records":                {drop(4), Trust{Key: l.key}, ErrFormat, 2},
		"no manifest":               {drop(5), Trust{Key: l.key}, ErrFormat, 2},
		"cut":                       {good[:len(good)/2], Trust{Key: l.key}, ErrFormat, 2},
		"not an archive":            {[]byte("x"), Trust{Key: l.key}, ErrFormat, 2},
		"seen: the same":            {good, Trust{Key: l.key, Seen: l.checkpoint(t, 14)}, nil, 0},
		"seen: within the range":    {good, Trust{Key: l.key, Seen: l.checkpoint(t, 7)}, nil, 0},
		"seen: where it begins":     {good, Trust{Key: l.key, Seen: l.checkpoint(t, 3)}, nil, 0},
		"seen: where it ends":       {good, Trust{Key: l.key, Seen: l.checkpoint(t, 11)}, nil, 0},
		"seen: before the range":    {good, Trust{Key: l.key, Seen: l.checkpoint(t, 2)}, ErrApart, 2},
		"seen: behind the range":    {good, Trust{Key: l.key, Seen: l.checkpoint(t, 12)}, ErrApart, 2},
		"seen: a later one":         {good, Trust{Key: l.key, Seen: longer.checkpoint(t, 20)}, ErrApart, 2},
		"seen: a fork within range": {good, Trust{Key: l.key, Seen: sign(t, l.signer, fmt.Sprintf("%s\n7\n%s\n", testOrigin, l.root(t, 8)))}, ErrFork, 1},
		"seen: a fork of the tree":  {good, Trust{Key: l.key, Seen: sign(t, l.signer, fmt.Sprintf("%s\n14\n%s\n", testOrigin, l.root(t, 8)))}, ErrFork, 1},
		"seen: of another log":      {good, Trust{Key: l.key, Seen: sign(t, l.signer, fmt.Sprintf("x\n14\n%s\n", l.root(t, 14)))}, ErrSeen, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := VerifyBundle(bytes.NewReader(c.file), c.trust)
			if !errors.Is(err, c.want) || Answer(err) != c.answer {
				t.Errorf("got %v (answer %d), want %v (answer %d)", err, Answer(err), c.want, c.answer)
			}
		})
	}
}

// A file of records in the middle that is taken away is named by its first record.
func TestWholeFileRemoved(t *testing.T) {
	l := newLog(t, 3*chunkRecords)
	list := unpack(t, l.bundle(t, 0, 3*chunkRecords, 3*chunkRecords))
	_, err := VerifyBundle(bytes.NewReader(pack(t, slices.Delete(list, 5, 7))), Trust{Key: l.key})
	var a *Altered
	if !errors.As(err, &a) || a.Index != chunkRecords {
		t.Errorf("got %v", err)
	}
}

// A log whose records are not those under its checkpoint gives no bundle.
func TestBundleOfAnAlteredLogIsNotMade(t *testing.T) {
	l := newLog(t, 9)
	for name, c := range map[string]struct {
		first, end int64
		cores      [][]byte
		bad        bool
	}{
		"as it is":      {2, 7, l.cores[2:7], false},
		"one too few":   {2, 7, l.cores[2:6], true},
		"one too many":  {2, 7, l.cores[2:8], true},
		"other records": {2, 7, l.cores[3:8], true},
		"two lines":     {2, 3, [][]byte{[]byte("{\n}")}, true},
		"behind":        {2, 10, nil, true},
	} {
		var out bytes.Buffer
		b, err := NewBundle(&out, Head{First: c.first, End: c.end}, l.checkpoint(t, 9), &l.hashes)
		if err == nil {
			for _, core := range c.cores {
				err = errors.Join(err, b.Add(core))
			}
			err = errors.Join(err, b.Close())
		}
		if (err != nil) != c.bad {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzReadBundle(f *testing.F) {
	l := newLog(f, 14)
	f.Add(l.bundle(f, 3, 11, 14))
	f.Add(l.bundle(f, 0, 14, 14))
	f.Add(l.bundle(f, 0, 0, 0))
	// Whatever is accepted holds the log's records of its range and no others.
	f.Fuzz(func(t *testing.T, file []byte) {
		var got [][]byte
		b, err := ReadBundle(bytes.NewReader(file), Trust{Key: l.key}, Visitor{Record: func(_ int64, c []byte) error {
			got = append(got, slices.Clone(c))
			return nil
		}})
		if err == nil && !slices.EqualFunc(got, l.cores[b.Head.First:b.Head.End], bytes.Equal) {
			t.Error("accepted records that the log does not have")
		}
	})
}
