package proof

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// An event of every log up to a size is proven, and the independent implementation
// of transparency-dev/merkle agrees with path and root.
func TestEveryEventIsProven(t *testing.T) {
	l := newLog(t, 40)
	hasher := rfc6962.New(crypto.SHA256)
	for size := int64(1); size <= 40; size++ {
		signed, root := l.checkpoint(t, size), l.root(t, size)
		for index := range size {
			file, err := Make(&l.hashes, signed, index, l.cores[index])
			if err != nil {
				t.Fatalf("%d of %d: %v", index, size, err)
			}
			p, err := Verify(file, l.key)
			if err != nil {
				t.Fatalf("%d of %d: %v", index, size, err)
			}
			if p.Index != index || p.Checkpoint.Size != size || p.Checkpoint.Origin != testOrigin || !bytes.Equal(p.Event, l.cores[index]) {
				t.Fatalf("%d of %d: proven is %+v", index, size, p)
			}
			var f eventFile
			if err := json.Unmarshal(file, &f); err != nil {
				t.Fatal(err)
			}
			var path [][]byte
			for _, s := range f.Path {
				h, err := base64.StdEncoding.DecodeString(s)
				if err != nil {
					t.Fatal(err)
				}
				path = append(path, h)
			}
			if err := proof.VerifyInclusion(hasher, uint64(index), uint64(size), hasher.HashLeaf(l.cores[index]), path, root[:]); err != nil {
				t.Fatalf("%d of %d: merkle: %v", index, size, err)
			}
		}
	}
}

func TestEventProofIsRefused(t *testing.T) {
	l, other := newLog(t, 11), newLog(t, 12)
	_, foreign := newKey(t, "foreign")
	signed := l.checkpoint(t, 11)
	good, err := Make(&l.hashes, signed, 4, l.cores[4])
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(*eventFile)) []byte {
		var e eventFile
		if err := json.Unmarshal(good, &e); err != nil {
			t.Fatal(err)
		}
		f(&e)
		b, err := canonical(&e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	forged := newLog(t, 11)
	forged.signer, _ = newKey(t, "foreign")
	for name, c := range map[string]struct {
		file   []byte
		trust  Trust
		want   error
		answer int
	}{
		"good":                    {good, Trust{Key: l.key}, nil, 0},
		"good, seen before":       {good, Trust{Key: l.key, Seen: signed}, nil, 0},
		"no key":                  {good, Trust{}, ErrNoKey, 2},
		"another key":             {good, Trust{Key: foreign}, ErrSignature, 1},
		"signed by another":       {edit(func(e *eventFile) { e.Checkpoint = string(forged.checkpoint(t, 11)) }), Trust{Key: l.key}, ErrSignature, 1},
		"event altered":           {edit(func(e *eventFile) { e.Event = strings.Replace(e.Event, "decision", "Decision", 1) }), Trust{Key: l.key}, ErrPath, 1},
		"index altered":           {edit(func(e *eventFile) { e.Index = 5 }), Trust{Key: l.key}, ErrPath, 1},
		"index behind the tree":   {edit(func(e *eventFile) { e.Index = 11 }), Trust{Key: l.key}, ErrCheckpoint, 1},
		"size altered":            {edit(func(e *eventFile) { e.Size = 10 }), Trust{Key: l.key}, ErrCheckpoint, 1},
		"path cut":                {edit(func(e *eventFile) { e.Path = e.Path[1:] }), Trust{Key: l.key}, ErrPath, 1},
		"path turned":             {edit(func(e *eventFile) { e.Path[0], e.Path[1] = e.Path[1], e.Path[0] }), Trust{Key: l.key}, ErrPath, 1},
		"path not hashes":         {edit(func(e *eventFile) { e.Path[0] = "x" }), Trust{Key: l.key}, ErrFormat, 2},
		"older checkpoint":        {edit(func(e *eventFile) { e.Checkpoint, e.Size = string(l.checkpoint(t, 9)), 9 }), Trust{Key: l.key}, ErrPath, 1},
		"other format":            {edit(func(e *eventFile) { e.Format = "ostiary event proof v2" }), Trust{Key: l.key}, ErrFormat, 2},
		"white space":             {append([]byte(" "), good...), Trust{Key: l.key}, ErrFormat, 2},
		"a member twice":          {bytes.Replace(good, []byte(`"format"`), []byte(`"event":"{}","format"`), 1), Trust{Key: l.key}, ErrFormat, 2},
		"a member in other case":  {bytes.Replace(good, []byte(`"format"`), []byte(`"Event":"{}","format"`), 1), Trust{Key: l.key}, ErrFormat, 2},
		"cut":                     {good[:len(good)-9], Trust{Key: l.key}, ErrFormat, 2},
		"empty":                   {nil, Trust{Key: l.key}, ErrFormat, 2},
		"seen of another history": {good, Trust{Key: l.key, Seen: sign(t, l.signer, fmt.Sprintf("%s\n11\n%s\n", testOrigin, other.root(t, 12)))}, ErrFork, 1},
		"seen of another size":    {good, Trust{Key: l.key, Seen: l.checkpoint(t, 7)}, ErrApart, 2},
		"seen of another log":     {good, Trust{Key: l.key, Seen: sign(t, l.signer, fmt.Sprintf("x\n11\n%s\n", l.root(t, 11)))}, ErrSeen, 2},
		"seen by another key":     {good, Trust{Key: l.key, Seen: forged.checkpoint(t, 11)}, ErrSeen, 2},
		"seen is no checkpoint":   {good, Trust{Key: l.key, Seen: []byte("x")}, ErrSeen, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := VerifyEvent(c.file, c.trust)
			if !errors.Is(err, c.want) || Answer(err) != c.answer {
				t.Errorf("got %v (answer %d), want %v (answer %d)", err, Answer(err), c.want, c.answer)
			}
		})
	}
}

func TestMakeRefuses(t *testing.T) {
	l := newLog(t, 11)
	signed := l.checkpoint(t, 9)
	for name, c := range map[string]struct {
		checkpoint []byte
		index      int64
		core       []byte
		want       error
	}{
		"not signed yet": {signed, 9, l.cores[9], ErrNotInLog},
		"negative":       {signed, -1, l.cores[0], ErrNotInLog},
		"another record": {signed, 3, l.cores[4], ErrPath},
		"no checkpoint":  {[]byte("x\n1\n"), 3, l.cores[3], ErrFormat},
	} {
		if _, err := Make(&l.hashes, c.checkpoint, c.index, c.core); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// Proofs made of tiles are those made of the records, with whole tiles, partial
// ones, and partial ones of a later size; altered tiles are refused.
func TestTiles(t *testing.T) {
	const size, later = 70000, 70003 // three levels
	l := newLog(t, later)
	dir := t.TempDir()
	write := func(size int64) {
		for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
			b, err := tlog.ReadTileData(tile, &l.hashes)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, filepath.FromSlash(tilePath(tile)))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(later)
	if _, err := os.Stat(filepath.Join(dir, "tile/0/000")); err != nil {
		t.Fatal("tiles do not lie where C2SP tlog-tiles has them")
	}
	signed := l.checkpoint(t, size)
	c, err := Open(signed, l.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []int64{0, 255, 256, 65535, 65536, size - 1} {
		want, err := Make(&l.hashes, signed, index, l.cores[index])
		if err != nil {
			t.Fatal(err)
		}
		got, err := Make(Tiles(os.DirFS(dir), c), signed, index, l.cores[index])
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("record %d: the proof from tiles differs (%v)", index, err)
		}
	}
	name := filepath.Join(dir, "tile/0/000")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[5] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(Tiles(os.DirFS(dir), c), signed, 9, l.cores[9]); err == nil {
		t.Error("a proof was made of altered tiles")
	}
}

func FuzzVerifyEvent(f *testing.F) {
	l := newLog(f, 7)
	for i := range l.cores {
		file, err := Make(&l.hashes, l.checkpoint(f, 7), int64(i), l.cores[i])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	// Whatever is accepted is a record of the log, at its place.
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := Verify(file, l.key)
		if err == nil && (p.Index < 0 || p.Index >= int64(len(l.cores)) || !bytes.Equal(p.Event, l.cores[p.Index])) {
			t.Errorf("accepted an event that the log does not have")
		}
	})
}
