package tiles

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Height and Width of tiles: each has the hashes of 256 subtrees, or 256 records.
const (
	Height = 8
	Width  = 1 << Height
)

// maxLevel is the highest level that a tree of less than 2^63 records has.
const maxLevel = 63 / Height

// Bundle is the level of entry bundles: the records below the tiles of level 0.
const Bundle = -1

// CheckpointPath is where the checkpoint is served.
const CheckpointPath = "checkpoint"

// Tile is the place of a tile or of an entry bundle. Level is from 0, or
// [Bundle]; N counts tiles of the level from 0; W is the number of hashes or
// records, [Width] where the tile is full.
type Tile struct {
	Level int
	N     int64
	W     int
}

// Path gives the path below the log's prefix: tile/LEVEL/N, with .p/W where it is
// partial.
func (t Tile) Path() string {
	n := t.N
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	level := "entries"
	if t.Level != Bundle {
		level = strconv.Itoa(t.Level)
	}
	if t.W < Width {
		s += ".p/" + strconv.Itoa(t.W)
	}
	return "tile/" + level + "/" + s
}

// ParsePath reads a path as [Tile.Path] writes it, and no other spelling.
func ParsePath(path string) (Tile, bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return Tile{}, false
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok || len(rest) > len("x001/")*(digitsLimit/3)+len("000.p/255") {
		return Tile{}, false
	}
	t := Tile{Level: Bundle, W: Width}
	if level != "entries" {
		n, err := strconv.Atoi(level)
		if err != nil || n < 0 || n > maxLevel {
			return Tile{}, false
		}
		t.Level = n
	}
	if whole, w, partial := strings.Cut(rest, ".p/"); partial {
		n, err := strconv.Atoi(w)
		if err != nil || n < 1 || n >= Width {
			return Tile{}, false
		}
		rest, t.W = whole, n
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.ReplaceAll(rest, "/", ""), "x", ""), 10, 64)
	if err != nil || n < 0 {
		return Tile{}, false
	}
	t.N = n
	// One spelling alone: caches and logs of requests know a tile by its path.
	return t, t.Path() == path
}

// digitsLimit is how many digits a tile's number has at most, in groups of three.
const digitsLimit = 21

// end gives the size that a tree must have for this tile to be in it; false where
// no tree has it.
func (t Tile) end() (int64, bool) {
	if t.W < 1 || t.W > Width || t.N < 0 || t.N >= math.MaxInt64>>Height || t.Level > maxLevel {
		return 0, false
	}
	shift := Height * max(t.Level, 0)
	n := t.first() + int64(t.W)
	return n << shift, n <= math.MaxInt64>>shift
}

// first gives the index of the first record of a bundle, or of the first hash of
// a tile in its level.
func (t Tile) first() int64 { return t.N << Height }

// tileOf gives the place of one of x/mod's tiles.
func tileOf(t tlog.Tile) Tile { return Tile{Level: t.L, N: t.N, W: t.W} }
