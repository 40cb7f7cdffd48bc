package audit

import (
	"context"
	"math/rand/v2"
	"testing"
)

// BenchmarkAt reads records by their index, as pages of search results and exports do:
// of segments that were packed and of the one that is appended to, in places that
// lie near one another and in such that do not. It counts records.
func BenchmarkAt(b *testing.B) {
	o := quiet()
	o.Segment = 64 << 20
	dir := b.TempDir() + "/log"
	l := open(b, dir, o)
	events := varieties()
	add := func(n int) {
		for i := 0; i < n; i += 64 {
			record(b, l, events[i%variety:i%variety+64]...)
		}
	}
	const packed, opened = 64_000, 19_200
	add(packed)
	must(b, l.Seal(context.Background()))
	add(opened)
	r, err := OpenReader(dir)
	must(b, err)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name      string
		from, end int64
		step      int64 // from one to the next; 0 for any
		personal  bool
	}{
		{"packed/page", 0, packed, -7, false},
		{"packed/export", 0, packed, 3, false},
		{"packed/any", 0, packed, 0, false},
		{"packed/personal", 0, packed, -7, true},
		{"open/page", packed, packed + opened, -7, false},
		{"open/export", packed, packed + opened, 3, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := r
			if c.personal {
				r = r.WithPersonal()
			}
			i := int64(0)
			n := c.end - c.from
			for b.Loop() {
				at := c.from + rng.Int64N(n)
				if c.step != 0 {
					at = c.from + (i*c.step%n+n)%n
				}
				if e, err := r.At(at); err != nil || e.Index != at {
					b.Fatal(at, err)
				}
				i++
			}
		})
	}
}
