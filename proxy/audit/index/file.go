package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/ostiary/ostiary/proxy/audit/durable"
)

// A file holds the index of one segment:
//
//	magic     8 bytes
//	length    of the head, 4 bytes; numbers of fixed length are little-endian
//	crc32c    of the head, 4 bytes
//	head      what is needed to know whether anything in the segment can match:
//	          dictionaries, sets, counts, spans of time, and where the pages are
//	pages     the columns, each with a crc32c in the head, read when asked for
//
// Everything in it is derived of the records. It is no evidence.
const (
	magic      = "ostcidx\x01"
	prefixSize = len(magic) + 8
	// Dir is the directory of the files within that of the log.
	Dir       = "index"
	suffix    = ".cidx"
	fresh     = ".new" // of files that are being written
	dirMode   = 0o700
	fileMode  = 0o600
	fileLimit = 1 << 30 // bytes; a segment has fewer
	blockRows = 1024    // values of a column that are packed alike
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errFile: a file of the index is not what it should be.
var errFile = errors.New("file of the index is damaged or of another version")

// damaged says which file of the index cannot be used. It is an errFile.
type damaged struct{ pages *pages }

func (d *damaged) Error() string { return errFile.Error() }
func (d *damaged) Unwrap() error { return errFile }

// fileName gives the file of a segment.
func fileName(number int64) string { return fmt.Sprintf("%08d%s", number, suffix) }

// page is a part of the file. Its place counts from behind the head.
type page struct {
	at, size int64
	n        int // elements
	crc      uint32
}

// pages reads the columns of a run from its file when they are asked for.
type pages struct {
	name    string
	start   int64 // of the pages in the file
	n       int   // records of the run
	columns [shapeCount][vecCount]page
	ids     [shapeCount][idColumns]page
	filter  page
	others  int // rows of decisions
	cache   *cache
	// trusting passes over checksums, so that tests get behind them.
	trusting bool
}

// pageKey names a page in the cache.
type pageKey struct {
	pages *pages
	at    int64
}

// read gives a page's bytes. It fails with a damaged where they are not what was
// written.
func (p *pages) read(g page) ([]byte, error) {
	f, err := os.Open(p.name)
	if err != nil {
		return nil, &damaged{p}
	}
	defer f.Close()
	b := make([]byte, g.size)
	if n, _ := f.ReadAt(b, p.start+g.at); int64(n) < g.size {
		return nil, &damaged{p}
	}
	if crc32.Checksum(b, castagnoli) != g.crc && !p.trusting {
		return nil, &damaged{p}
	}
	return b, nil
}

func (p *pages) vector(t *table, id int) (*vector, error) {
	g := p.columns[t.shape][id]
	if g.n == 0 {
		return &vector{}, nil
	}
	k := pageKey{p, g.at}
	if v, ok := p.cache.get(k).(*vector); ok {
		return v, nil
	}
	b, err := p.read(g)
	if err != nil {
		return nil, err
	}
	v, ok := unpackVector(b, g.n)
	if !ok || !p.sound(t, id, v) {
		return nil, &damaged{p}
	}
	p.cache.put(k, v, v.size())
	return v, nil
}

// sound says whether a column refers only to what is there.
func (p *pages) sound(t *table, id int, v *vector) bool {
	n := v.len()
	switch {
	case id < textCount:
		sets := uint64(t.text[id].sets())
		for i := range n {
			if v.at(i) >= max(sets, 1) {
				return false
			}
		}
	case id == vecRecord:
		if n != t.n {
			return false
		}
		for i := range n {
			if v.at(i) >= uint64(p.n) || i > 0 && v.at(i) <= v.at(i-1) {
				return false
			}
		}
	case id == vecRef:
		for i := range n {
			switch x := v.at(i); {
			case x&farBit != 0:
				if x&^farBit >= uint64(len(t.far)) {
					return false
				}
			case x > uint64(p.others):
				return false
			}
		}
	}
	return true
}

func (p *pages) keys(t *table, id int) (*keyColumn, error) {
	g := p.ids[t.shape][id]
	out := &keyColumn{odd: t.ids[id].odd}
	if g.n == 0 {
		return out, nil
	}
	k := pageKey{p, g.at}
	if c, ok := p.cache.get(k).(*keyColumn); ok {
		return c, nil
	}
	b, err := p.read(g)
	if err != nil {
		return nil, err
	}
	if len(b) != 16*g.n {
		return nil, &damaged{p}
	}
	out.keys = make([]key, g.n)
	for i := range out.keys {
		out.keys[i] = key{binary.LittleEndian.Uint64(b[16*i:]), binary.LittleEndian.Uint64(b[16*i+8:])}
	}
	p.cache.put(k, out, g.size)
	return out, nil
}

func (p *pages) bloom() (bloom, error) {
	k := pageKey{p, p.filter.at}
	if f, ok := p.cache.get(k).(bloom); ok {
		return f, nil
	}
	b, err := p.read(p.filter)
	if err != nil {
		return nil, err
	}
	f := make(bloom, len(b)/8)
	for i := range f {
		f[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	p.cache.put(k, f, p.filter.size)
	return f, nil
}

// packVector appends a column: blocks of values above the least of the block, in
// as many bits as the greatest needs.
func packVector(dst []byte, v *vector) []byte {
	n := v.len()
	for at := 0; at < n; at += blockRows {
		end := min(at+blockRows, n)
		lo, hi := v.at(at), v.at(at)
		for i := at; i < end; i++ {
			lo, hi = min(lo, v.at(i)), max(hi, v.at(i))
		}
		width := bits.Len64(hi - lo)
		dst = binary.AppendUvarint(dst, lo)
		dst = append(dst, byte(width))
		var word uint64
		var have int
		for i := at; i < end && width > 0; i++ {
			x := v.at(i) - lo
			word |= x << have
			if have+width >= 64 {
				dst = binary.LittleEndian.AppendUint64(dst, word)
				word = 0
				if have > 0 {
					word = x >> (64 - have)
				}
				have -= 64
			}
			have += width
		}
		for ; have > 0; have -= 8 {
			dst = append(dst, byte(word))
			word >>= 8
		}
	}
	return dst
}

// unpackVector reads n values; ok is false where there are not as many.
func unpackVector(b []byte, n int) (*vector, bool) {
	// The width of the elements is that of the greatest value.
	var most uint64
	rest := b
	for left := n; left > 0; left -= blockRows {
		lo, width, after := blockHead(rest)
		size := (min(left, blockRows)*width + 7) / 8
		if after == nil || len(after) < size {
			return nil, false
		}
		most = max(most, lo)
		if width > 0 {
			most = max(most, lo+(1<<width-1))
		}
		rest = after[size:]
	}
	if len(rest) != 0 {
		return nil, false
	}
	v := &vector{}
	switch bits.Len64(most) {
	case 0, 1, 2, 3, 4, 5, 6, 7, 8:
		v.w8 = unpackBlocks[uint8](b, n)
	case 9, 10, 11, 12, 13, 14, 15, 16:
		v.w16 = unpackBlocks[uint16](b, n)
	default:
		if bits.Len64(most) <= 32 {
			v.w32 = unpackBlocks[uint32](b, n)
		} else {
			v.w64 = unpackBlocks[uint64](b, n)
		}
	}
	return v, true
}

// blockHead reads the least value of a block and the bits of what comes on top of
// it; after is nil where that cannot be.
func blockHead(b []byte) (lo uint64, width int, after []byte) {
	lo, k := binary.Uvarint(b)
	if k <= 0 || k >= len(b) || b[k] > 64 {
		return 0, 0, nil
	}
	return lo, int(b[k]), b[k+1:]
}

// unpackBlocks reads values whose lengths were checked.
func unpackBlocks[T number](b []byte, n int) []T {
	out := make([]T, n)
	for at := 0; at < n; at += blockRows {
		lo, width, after := blockHead(b)
		block := out[at:min(at+blockRows, n)]
		size := (len(block)*width + 7) / 8
		unpackBlock(block, after[:size], lo, width)
		b = after[size:]
	}
	return out
}

func unpackBlock[T number](out []T, b []byte, lo uint64, width int) {
	if width == 0 {
		for i := range out {
			out[i] = T(lo)
		}
		return
	}
	const most = 56 // bits that a word which begins in any bit of a byte surely holds
	mask := uint64(1)<<width - 1
	bit := 0
	i := 0
	for ; width <= most && i < len(out) && bit/8+8 <= len(b); i++ {
		out[i] = T(lo + binary.LittleEndian.Uint64(b[bit/8:])>>(bit%8)&mask)
		bit += width
	}
	for ; i < len(out); i++ {
		var x uint64
		for k := 0; k < width; k++ {
			x |= uint64(b[(bit+k)/8]>>((bit+k)%8)&1) << k
		}
		out[i] = T(lo + x)
		bit += width
	}
}

// encode writes a packed run as a file.
func encode(r *run) []byte {
	var body []byte
	head := writer{}
	head.num(schema())
	head.str(r.origin)
	for _, x := range []int64{r.number, r.first, int64(r.n), r.began, int64(r.unreadable)} {
		head.num(uint64(x))
	}
	add := func(b []byte, n int) {
		head.num(uint64(n))
		if n > 0 {
			head.num(uint64(len(b)))
			head.num(uint64(crc32.Checksum(b, castagnoli)))
			body = append(body, b...)
		}
	}
	var filter []byte
	for _, w := range r.bloom {
		filter = binary.LittleEndian.AppendUint64(filter, w)
	}
	add(filter, len(r.bloom))
	for i := range r.tables {
		t := &r.tables[i]
		head.num(uint64(t.n))
		head.num(t.started)
		head.num(uint64(t.span[0]))
		head.num(uint64(t.span[1]))
		for j := range t.text {
			head.text(&t.text[j])
		}
		for _, b := range t.base {
			head.num(b)
		}
		head.num(uint64(len(t.far)))
		row, index := uint32(0), int64(-1) // of the one before
		for k, f := range t.far {
			head.num(uint64(f.row - row))
			head.signed(f.index - index)
			row, index = f.row, f.index
			if f.key != (key{}) {
				head.key(f.key)
			} else {
				head.key(key{})
				head.str(t.farID(k))
			}
		}
		for j := range t.vectors {
			add(packVector(nil, &t.vectors[j]), t.vectors[j].len())
		}
		for j := range t.ids {
			head.num(uint64(len(t.ids[j].odd)))
			for _, o := range t.ids[j].odd {
				head.num(uint64(o.row))
				head.str(o.text)
			}
			var ids []byte
			for _, k := range t.ids[j].keys {
				ids = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(ids, k.hi), k.lo)
			}
			add(ids, len(t.ids[j].keys))
		}
	}
	out := append([]byte(magic), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(out[len(magic):], uint32(len(head.b)))
	binary.LittleEndian.PutUint32(out[len(magic)+4:], crc32.Checksum(head.b, castagnoli))
	return append(append(out, head.b...), body...)
}

// schema tells versions of the table of fields apart: a file of another is made
// anew.
func schema() uint64 {
	h := hashText(fmt.Sprint(textCount, numCount, vecCount, idColumns, blockRows, bloomBits, bloomProbes))
	for _, f := range fields() {
		h = mix(h ^ hashText(fmt.Sprint(f.name, f.class, f.id)))
	}
	return h
}

// writer writes the head of a file.
type writer struct{ b []byte }

func (w *writer) num(x uint64) { w.b = binary.AppendUvarint(w.b, x) }

func (w *writer) str(s string) {
	w.num(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) signed(x int64) { w.b = binary.AppendVarint(w.b, x) }

func (w *writer) key(k key) {
	w.b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(w.b, k.hi), k.lo)
}

func (w *writer) text(c *textColumn) {
	w.num(uint64(len(c.values)))
	for _, v := range c.values {
		w.str(v)
	}
	w.num(uint64(c.sets()))
	for i := range c.sets() {
		w.num(uint64(len(c.set(i))))
		for _, m := range c.set(i) {
			w.num(uint64(m))
		}
		w.num(uint64(c.counts[i]))
	}
}

// reader reads the head of a file. After a failure it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) num() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return x
}

// size reads a number of things of which each takes at least a byte of the head.
func (r *reader) size() int {
	x := r.num()
	if x > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(x)
}

// small reads a number that is at most a limit.
func (r *reader) small(limit uint64) int {
	x := r.num()
	if x > limit {
		r.bad, r.b = true, nil
		return 0
	}
	return int(x)
}

func (r *reader) str() string {
	n := r.size()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) signed() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) key() (k key) {
	const size = 16
	if len(r.b) < size {
		r.bad, r.b = true, nil
		return k
	}
	k = key{binary.LittleEndian.Uint64(r.b), binary.LittleEndian.Uint64(r.b[8:])}
	r.b = r.b[size:]
	return k
}

func (r *reader) text(c *textColumn, rows int) {
	n := r.size()
	for range n {
		c.values = append(c.values, r.str())
	}
	sets := r.size()
	if sets == 0 {
		return
	}
	c.offsets = append(c.offsets, 0)
	var sum int
	for range sets {
		for range r.size() {
			c.members = append(c.members, uint32(r.small(uint64(max(n-1, 0)))))
		}
		c.offsets = append(c.offsets, uint32(len(c.members)))
		x := r.small(uint64(rows))
		sum += x
		c.counts = append(c.counts, uint32(x))
	}
	if sum != rows || n == 0 {
		r.bad = true
	}
}

// page reads where a page is.
func (r *reader) page(limit int, at *int64) page {
	g := page{n: r.small(uint64(limit))}
	if g.n > 0 {
		g.at = *at
		g.size = int64(r.small(fileLimit))
		g.crc = uint32(r.num())
		*at += g.size
	}
	return g
}

// decode reads the head of a file of some size and gives the run, whose pages are
// read from name. It fails with errFile.
func decodeHead(head []byte, size int64, name string, c *cache) (*run, error) {
	r := reader{b: head}
	if r.num() != schema() {
		return nil, errFile
	}
	p := &pages{name: name, start: int64(prefixSize + len(head)), cache: c}
	out := &run{pages: p, origin: r.str()}
	out.number, out.first = int64(r.num()), int64(r.num())
	out.n = r.small(fileLimit)
	out.began = int64(r.num())
	out.unreadable = r.small(uint64(out.n))
	p.n = out.n
	var at int64
	p.filter = r.page(fileLimit/8, &at)
	rows := out.unreadable
	for i := range out.tables {
		t := &out.tables[i]
		t.shape, t.pages = i, p
		t.n = r.small(uint64(out.n))
		rows += t.n
		t.started = r.num()
		t.span = [2]int64{int64(r.num()), int64(r.num())}
		for j := range t.text {
			r.text(&t.text[j], t.n)
		}
		for j := range t.base {
			t.base[j] = r.num()
		}
		row, index := uint64(0), int64(-1)
		for k := range r.size() {
			row += r.num()
			index += r.signed()
			f := far{row: uint32(row), index: max(index, -1), key: r.key()}
			if r.bad = r.bad || row >= uint64(t.n); r.bad {
				break
			}
			if f.key == (key{}) {
				t.farOdd = append(t.farOdd, oddKey{uint32(k), r.str()})
			}
			t.far = append(t.far, f)
		}
		for j := range t.vectors {
			p.columns[i][j] = r.page(t.n, &at)
		}
		// The places of records differ from each other, so that a page of them has
		// at least half a byte for each row: a few bytes cannot claim many rows.
		if g := p.columns[i][vecRecord]; g.n != t.n || int64(t.n) > 2*g.size {
			r.bad = true
		}
		for j := range t.ids {
			for range r.size() {
				o := oddKey{row: uint32(r.small(uint64(max(t.n-1, 0)))), text: r.str()}
				t.ids[j].odd = append(t.ids[j].odd, o)
			}
			p.ids[i][j] = r.page(t.n, &at)
			sorted := slices.IsSortedFunc(t.ids[j].odd, func(a, b oddKey) int { return int(int64(a.row) - int64(b.row)) })
			r.bad = r.bad || !sorted
		}
	}
	p.others = out.tables[shapeDecision].n
	if r.bad || len(r.b) != 0 || rows != out.n || at != size-p.start || out.first < 0 || out.number < 0 {
		return nil, errFile
	}
	return out, nil
}

// openFile opens the file of a segment's index. It fails with errFile where it is
// not there, cannot be read, is damaged, or of another version.
func openFile(name string, c *cache) (*run, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errFile
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, errFile
	}
	prefix := make([]byte, prefixSize)
	if _, err := f.ReadAt(prefix, 0); err != nil || string(prefix[:len(magic)]) != magic || info.Size() > fileLimit {
		return nil, errFile
	}
	n := int64(binary.LittleEndian.Uint32(prefix[len(magic):]))
	if n > info.Size()-int64(prefixSize) {
		return nil, errFile
	}
	head := make([]byte, n)
	if _, err := f.ReadAt(head, int64(prefixSize)); err != nil || crc32.Checksum(head, castagnoli) != binary.LittleEndian.Uint32(prefix[len(magic)+4:]) {
		return nil, errFile
	}
	return decodeHead(head, info.Size(), name, c)
}

// writeFile puts a file in the place of another, durably.
func writeFile(name string, b []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("write the index of the audit log: %w", err)
	}
	f, err := os.CreateTemp(dir, "*"+fresh)
	if err != nil {
		return fmt.Errorf("write the index of the audit log: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(fileMode), f.Sync())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write the index of the audit log: %w", err)
	}
	return nil
}

// cache keeps the pages that were asked for last. Its methods are safe for
// concurrent use.
type cache struct {
	mu    sync.Mutex
	limit int64
	used  int64
	clock int64
	pages map[pageKey]*cached
}

// cached is a page in the cache.
type cached struct {
	value any
	size  int64
	used  int64 // by the cache's clock
}

func newCache(limit int64) *cache { return &cache{limit: limit, pages: map[pageKey]*cached{}} }

// get gives a page, or nil.
func (c *cache) get(k pageKey) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pages[k]
	if p == nil {
		return nil
	}
	c.clock++
	p.used = c.clock
	return p.value
}

// put keeps a page, and lets go of those that were used longest ago where there
// are too many: a quarter at a time, so that looking for them is rare.
func (c *cache) put(k pageKey, value any, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pages[k]; ok || size > c.limit {
		return
	}
	c.clock++
	c.pages[k] = &cached{value, size, c.clock}
	c.used += size
	if c.used <= c.limit {
		return
	}
	type aged struct {
		k    pageKey
		used int64
	}
	list := make([]aged, 0, len(c.pages))
	for k, p := range c.pages {
		list = append(list, aged{k, p.used})
	}
	slices.SortFunc(list, func(a, b aged) int { return int(a.used - b.used) })
	for _, a := range list {
		if c.used <= c.limit/4*3 {
			break
		}
		c.used -= c.pages[a.k].size
		delete(c.pages, a.k)
	}
}

// forget lets go of the pages of a file.
func (c *cache) forget(p *pages) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.pages {
		if k.pages == p {
			c.used -= e.size
			delete(c.pages, k)
		}
	}
}
