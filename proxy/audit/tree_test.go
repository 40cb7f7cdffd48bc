package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// mth is the Merkle tree hash as RFC 6962, section 2.1, defines it.
func mth(d [][]byte) [32]byte {
	if len(d) == 0 {
		return sha256.Sum256(nil)
	}
	if len(d) == 1 {
		return sha256.Sum256(append([]byte{0}, d[0]...))
	}
	k := 1
	for k*2 < len(d) {
		k *= 2
	}
	l, r := mth(d[:k]), mth(d[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

func leafData(n int) [][]byte {
	d := make([][]byte, n)
	for i := range d {
		d[i] = binary.BigEndian.AppendUint64(nil, uint64(i))
	}
	return d
}

// The frontier, the tiles' edge and the definition agree at every size.
func TestRootsAgreeWithTheDefinition(t *testing.T) {
	d := leafData(1500)
	var f frontier
	var e edge
	for n := 0; ; n++ {
		want := tlog.Hash(mth(d[:n]))
		if f.root() != want {
			t.Fatalf("frontier of %d leaves", n)
		}
		ef := e.frontier()
		if ef.size != int64(n) || ef.root() != want || len(ef.nodes) != subtrees(int64(n)) {
			t.Fatalf("edge of %d leaves", n)
		}
		if n == len(d) {
			return
		}
		f.add(tlog.RecordHash(d[n]))
		e.add(tlog.RecordHash(d[n]))
	}
}

// The tiles of 70,000 leaves, three levels, are those that x/mod/sumdb/tlog makes
// of the same leaves.
func TestTilesAgreeWithTlog(t *testing.T) {
	const n = 70_000
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	var e edge
	got := map[string][]byte{}
	for i, d := range leafData(n) {
		h := tlog.RecordHash(d)
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), h, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		for _, tl := range e.add(h) {
			got[tl.name()] = tl.bytes()
		}
	}
	for _, tl := range e.partial() {
		got[tl.name()] = tl.bytes()
	}
	want := tlog.NewTiles(tileHeight, 0, n)
	if len(want) != len(got) {
		t.Errorf("%d tiles, want %d", len(got), len(want))
	}
	for _, tl := range want {
		data, err := tlog.ReadTileData(tl, reader)
		if err != nil {
			t.Fatal(err)
		}
		name := tileName(tl.L, tl.N, tl.W)
		if string(got[name]) != string(data) {
			t.Errorf("%s differs or is not there", name)
		}
	}
	root, err := tlog.TreeHash(n, reader)
	if ef := e.frontier(); err != nil || ef.root() != root {
		t.Errorf("root differs (%v)", err)
	}
}

// Names of tiles are those of C2SP tlog-tiles.
func TestTileNames(t *testing.T) {
	for _, c := range []struct {
		level int
		n     int64
		width int
		want  string
	}{
		{0, 0, 256, "tile/0/000"},
		{0, 273, 112, "tile/0/273.p/112"},
		{1, 1, 17, "tile/1/001.p/17"},
		{0, 1234067, 256, "tile/0/x001/x234/067"},
		{15, 1000, 1, "tile/15/x001/000.p/1"},
	} {
		if got := tileName(c.level, c.n, c.width); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// What the log signs and stores is the tree over the records that a reader sees,
// by the definition; the tiles on disk prove every record.
func TestLogAgreesWithTheDefinition(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	for i := range 900 {
		record(t, l, small(i), outcomeOf(i))
		if i%250 == 0 {
			if err := l.notary.run(); err != nil {
				t.Fatal(err)
			}
		}
	}
	shut(t, l)
	var d [][]byte
	for _, e := range records(t, dir) {
		d = append(d, e.JSON)
	}
	c, err := OpenCheckpoint(read(t, dir, checkpointFile), trusted(t, dir).Key)
	if err != nil || c.Size != int64(len(d)) || c.Root != tlog.Hash(mth(d)) || c.Origin != "test.example/log" {
		t.Fatalf("checkpoint of %d records, %s (%v); there are %d", c.Size, c.Origin, err, len(d))
	}
	tree := tlog.Tree{N: c.Size, Hash: c.Root}
	hashes := tlog.TileHashReader(tree, tileDir{t, dir})
	for _, i := range []int64{0, 1, 255, 256, 1023, 1024, c.Size - 1} {
		p, err := tlog.ProveRecord(c.Size, i, hashes)
		if err == nil {
			err = tlog.CheckRecord(p, c.Size, c.Root, i, tlog.RecordHash(d[i]))
		}
		if err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	// Only the partial tiles of the last seal and of the last checkpoint are kept.
	partials := 0
	filepath.WalkDir(filepath.Join(dir, "tile"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(filepath.Dir(path)) == ".p" {
			partials++
		}
		return err
	})
	if partials > 4 {
		t.Errorf("%d partial tiles are left", partials)
	}
}

// tileDir reads tiles from a log's directory.
type tileDir struct {
	t   *testing.T
	dir string
}

func (tileDir) Height() int                     { return tileHeight }
func (tileDir) SaveTiles([]tlog.Tile, [][]byte) {}
func (d tileDir) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tl := range list {
		b, err := os.ReadFile(filepath.Join(d.dir, tileName(tl.L, tl.N, tl.W)))
		if err != nil {
			return nil, fmt.Errorf("tile %v: %w", tl, err)
		}
		out = append(out, b)
	}
	return out, nil
}
