package proof

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// BundleFormat names the format of a bundle. Versions are told apart by it.
const BundleFormat = "ostiary bundle v1"

// Bounds of a bundle.
const (
	chunkRecords = 4096     // records of one file
	chunkBytes   = 8 << 20  // of their bytes, before the last record is added
	maxQuery     = 1 << 16  // bytes of the query
	maxSize      = 1 << 48  // records of a log
	maxSmall     = 16 << 20 // bytes of a file that is read whole
	maxFiles     = 1 << 22
)

// Names of a bundle's files.
const (
	readmeName      = "README.txt"
	headName        = "bundle.json"
	checkpointName  = "checkpoint"
	attestationName = "attestation"
	manifestName    = "manifest.json"
	recordsDir      = "records/"
)

const readme = `These are all records from one index to another of an Ostiary audit log, exactly
as they were recorded, with what is needed to check them without the log.

  ostiary-verify --key LOG.PUB THIS-FILE

checks it. Take LOG.PUB, the log's verifier key, from the log's operator by
another way than this file, and give a checkpoint that you saw before with
--checkpoint if you have one. The program is built with
  go install github.com/ostiary/ostiary/cmd/ostiary-verify@latest

By hand: the leaf hash of a record is SHA-256 of a zero byte and the record
(RFC 6962, section 2.1); leaves and the subtrees that bundle.json lists left and
right of them give the root in the third line of the file checkpoint, whose
Ed25519 signature is a C2SP signed-note.

It is not proven that what was recorded is true, that a host which was broken into
recorded all, or that the query in bundle.json is the one that somebody asked.
`

// Head says what a bundle holds. Its range is under the signature of the
// checkpoint, its query is not.
type Head struct {
	End    int64  `json:"end"`   // index behind the last record
	First  int64  `json:"first"` // index of the first record
	Format string `json:"format"`
	Key    string `json:"key"`  // name of the key that signed: a hint for people
	Kind   string `json:"kind"` // what it was made for: export, attestation
	// Left and Right are the roots of the complete subtrees that make up the records
	// before First and from End on, in base64, from left to right.
	Left   []string `json:"left"`
	Origin string   `json:"origin"`
	Query  string   `json:"query"` // as it was asked
	Right  []string `json:"right"`
	Size   int64    `json:"size"` // of the tree
}

// manifest lists the files of a bundle.
type manifest struct {
	End     int64          `json:"end"`
	Files   []manifestFile `json:"files"`
	First   int64          `json:"first"`
	Format  string         `json:"format"`
	Records int64          `json:"records"`
}

type manifestFile struct {
	Bytes  int64  `json:"bytes"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hex
}

// BundleWriter writes a bundle as the records come. It keeps one file's records,
// at most 8 MiB, in memory. It is not safe for concurrent use.
type BundleWriter struct {
	tar    *tar.Writer
	head   Head
	root   tlog.Hash
	tree   frontier
	next   int64
	right  []tlog.Hash
	files  []manifestFile
	leaves []byte
	lines  bytes.Buffer
	chunk  int
	err    error
}

// NewBundle begins a bundle of the records [h.First, h.End) under a signed
// checkpoint. The caller sets First, End, Kind and Query of the head, gives each
// record to [BundleWriter.Add] in order and ends with [BundleWriter.Close]. hashes
// may be nil where the range is the whole tree. It fails with [ErrNotInLog] where
// the checkpoint is older than the range.
func NewBundle(w io.Writer, h Head, checkpoint []byte, hashes tlog.HashReader) (*BundleWriter, error) {
	c, err := Peek(checkpoint)
	if err != nil {
		return nil, err
	}
	switch {
	case h.First < 0 || h.First > h.End:
		return nil, errors.New("bundle: the range ends before it begins")
	case h.End > c.Size:
		return nil, ErrNotInLog
	case len(h.Query) > maxQuery:
		return nil, fmt.Errorf("bundle: the query is longer than %d bytes", maxQuery)
	}
	left, err := roots(hashes, 0, h.First)
	if err != nil {
		return nil, err
	}
	right, err := roots(hashes, h.End, c.Size)
	if err != nil {
		return nil, err
	}
	h.Format, h.Origin, h.Size, h.Key = BundleFormat, c.Origin, c.Size, signerOf(checkpoint)
	h.Left, h.Right = encodeHashes(left), encodeHashes(right)
	b := &BundleWriter{tar: tar.NewWriter(w), head: h, root: c.Root, next: h.First, right: right}
	for i, s := range cover(0, h.First) {
		b.tree.join(left[i], s.level)
	}
	head, err := canonical(&h)
	if err != nil {
		return nil, err
	}
	b.file(readmeName, []byte(readme))
	b.file(headName, head)
	b.file(checkpointName, checkpoint)
	return b, b.err
}

func encodeHashes(list []tlog.Hash) []string {
	out := []string{}
	for _, h := range list {
		out = append(out, base64.StdEncoding.EncodeToString(h[:]))
	}
	return out
}

// file writes one file of the archive. The first error is kept.
func (b *BundleWriter) file(name string, content []byte) {
	if b.err != nil {
		return
	}
	sum := sha256.Sum256(content)
	b.files = append(b.files, manifestFile{int64(len(content)), name, hex.EncodeToString(sum[:])})
	// No time, owner or other trace of the machine: the same input, the same bytes.
	err := b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o444, Format: tar.FormatUSTAR})
	if err == nil {
		_, err = b.tar.Write(content)
	}
	if err != nil {
		b.err = fmt.Errorf("bundle: write %s: %w", name, err)
	}
}

// Add appends the next record of the range by its exact bytes.
func (b *BundleWriter) Add(core []byte) error {
	switch {
	case b.err != nil:
		return b.err
	case b.next == b.head.End:
		return errors.New("bundle: more records than the range has")
	case len(core) == 0 || len(core) > maxRecord || bytes.IndexByte(core, '\n') >= 0:
		return fmt.Errorf("bundle: record %d is not one line of JSON", b.next)
	}
	h := tlog.RecordHash(core)
	b.tree.join(h, 0)
	b.leaves = append(b.leaves, h[:]...)
	b.lines.Write(core)
	b.lines.WriteByte('\n')
	b.next++
	if len(b.leaves) == chunkRecords*tlog.HashSize || b.lines.Len() >= chunkBytes {
		b.flush()
	}
	return b.err
}

// flush writes the records that wait.
func (b *BundleWriter) flush() {
	if len(b.leaves) == 0 {
		return
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	if err == nil {
		_, err = z.Write(b.lines.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil && b.err == nil {
		b.err = errors.New("bundle: compress records")
	}
	b.file(leavesName(b.chunk), b.leaves)
	b.file(linesName(b.chunk), packed.Bytes())
	b.chunk++
	b.leaves = b.leaves[:0]
	b.lines.Reset()
}

func leavesName(n int) string { return fmt.Sprintf("%s%08d.leaves", recordsDir, n) }
func linesName(n int) string  { return fmt.Sprintf("%s%08d.jsonl.gz", recordsDir, n) }

// Attest adds a signed note about the records, once all of them were added.
func (b *BundleWriter) Attest(signed []byte) error {
	b.flush()
	b.file(attestationName, signed)
	return b.err
}

// Close ends the bundle. It fails where records are missing, and with [ErrPath]
// where the records are not those under the checkpoint: the log was altered, and
// the bundle must not be given to anybody. It does not close the writer below.
func (b *BundleWriter) Close() error {
	b.flush()
	if b.err != nil {
		return b.err
	}
	if b.next != b.head.End {
		return fmt.Errorf("bundle: %d records are missing from index %d on", b.head.End-b.next, b.next)
	}
	for i, s := range cover(b.head.End, b.head.Size) {
		b.tree.join(b.right[i], s.level)
	}
	if b.tree.root() != b.root {
		b.err = ErrPath
		return b.err
	}
	m, err := canonical(&manifest{b.head.End, b.files, b.head.First, BundleFormat, b.head.End - b.head.First})
	if err != nil {
		return err
	}
	b.file(manifestName, m)
	if b.err == nil {
		if err := b.tar.Close(); err != nil {
			b.err = fmt.Errorf("bundle: %w", err)
		}
	}
	return b.err
}

// Visitor is told what a bundle holds while it is read, before it is known to be
// genuine: what it makes of that counts only if reading ends without an error.
type Visitor struct {
	Head   func(Head) error
	Record func(index int64, core []byte) error // core is valid until it returns
}

// Bundle is a bundle that was checked.
type Bundle struct {
	Checkpoint  Checkpoint
	Head        Head
	Records     int64
	Attestation []byte // the signed note, not checked here; nil where there is none
}

// VerifyBundle checks a bundle against a log's key and, where there is one, a
// checkpoint that was seen before. See [ReadBundle].
func VerifyBundle(r io.Reader, t Trust) (*Bundle, error) { return ReadBundle(r, t, Visitor{}) }

// ReadBundle reads and checks a bundle. It fails with [*Altered], naming the first
// record that is not as it was signed where there is one, with [ErrFormat],
// [ErrSignature], [ErrCheckpoint], [ErrFork], [ErrSeen], [ErrApart], [ErrNoKey], or
// with the error of the visitor or of r. With ErrNoKey and ErrApart, the rest was
// checked and what was found is given.
func ReadBundle(r io.Reader, t Trust, v Visitor) (*Bundle, error) {
	b := &bundleReader{tar: tar.NewReader(r), trust: t, visit: v, progress: progress{first: -1}}
	if err := b.begin(); err != nil {
		return nil, err
	}
	if err := b.body(); err != nil {
		return nil, err
	}
	if err := b.judge(); err != nil {
		return nil, err
	}
	switch {
	case b.keyless:
		return &b.out, ErrNoKey
	case b.apart:
		return &b.out, ErrApart
	}
	return &b.out, nil
}

type bundleReader struct {
	tar     *tar.Reader
	trust   Trust
	visit   Visitor
	out     Bundle
	keyless bool

	left, right []tlog.Hash
	stated      frontier // of the leaf hashes that the bundle states
	actual      frontier // of the records as they are
	seen        *Checkpoint
	seenRoot    *tlog.Hash // of the records, at the size of seen
	apart       bool

	progress
	broken *Altered
	failed error // of the visitor: it is told only if the records are genuine
}

// progress is how far the reading of a bundle has come.
type progress struct {
	files  []manifestFile
	chunk  int
	leaves []byte // stated, of the next file of records
	states bool   // leaves were read, records are next
	first  int64  // first record that differs from its stated leaf, -1 where none
	place  string // its file
	why    string
	ended  bool // attestation or manifest came
}

// next gives the next file, read whole. io.EOF at the end.
func (b *bundleReader) next() (string, []byte, error) {
	h, err := b.tar.Next()
	if errors.Is(err, io.EOF) {
		return "", nil, io.EOF
	}
	if err != nil || h.Typeflag != tar.TypeReg || h.Size < 0 || h.Size > maxSmall || len(b.files) > maxFiles {
		return "", nil, ErrFormat
	}
	content := make([]byte, h.Size)
	if _, err := io.ReadFull(b.tar, content); err != nil {
		return "", nil, ErrFormat
	}
	if h.Name != manifestName {
		sum := sha256.Sum256(content)
		b.files = append(b.files, manifestFile{h.Size, h.Name, hex.EncodeToString(sum[:])})
	}
	return h.Name, content, nil
}

// begin reads the files before the records.
func (b *bundleReader) begin() error {
	var content [3][]byte
	for i, want := range []string{readmeName, headName, checkpointName} {
		name, c, err := b.next()
		if err != nil || name != want {
			return ErrFormat
		}
		content[i] = c
	}
	h := &b.out.Head
	if !strict(content[1], h) || h.Format != BundleFormat || len(h.Query) > maxQuery {
		return ErrFormat
	}
	c, err := Open(content[2], b.trust.Key)
	if errors.Is(err, ErrNoKey) {
		b.keyless = true
		c, err = Peek(content[2])
	}
	if err != nil {
		return err
	}
	b.out.Checkpoint = c
	if c.Size > maxSize {
		return ErrFormat
	}
	if h.Origin != c.Origin || h.Size != c.Size || h.First < 0 || h.First > h.End || h.End > h.Size {
		return ErrCheckpoint
	}
	var ok [2]bool
	b.left, ok[0] = decodeHashes(h.Left, len(cover(0, h.First)))
	b.right, ok[1] = decodeHashes(h.Right, len(cover(h.End, h.Size)))
	if !ok[0] || !ok[1] {
		return ErrFormat
	}
	for i, s := range cover(0, h.First) {
		b.stated.join(b.left[i], s.level)
		b.actual.join(b.left[i], s.level)
	}
	if !b.keyless {
		if b.seen, err = b.trust.seen(c); err != nil {
			return err
		}
	}
	b.look()
	if b.visit.Head != nil {
		return b.visit.Head(*h)
	}
	return nil
}

func decodeHashes(list []string, want int) ([]tlog.Hash, bool) {
	if len(list) != want {
		return nil, false
	}
	out := make([]tlog.Hash, len(list))
	for i, s := range list {
		h, ok := parseHash(s)
		if !ok {
			return nil, false
		}
		out[i] = h
	}
	return out, true
}

// look keeps the root at the size of the checkpoint that was seen before.
func (b *bundleReader) look() {
	if b.seen != nil && b.actual.size == b.seen.Size {
		h := b.actual.root()
		b.seenRoot = &h
	}
}

// body reads records, attestation and manifest.
func (b *bundleReader) body() error {
	for {
		name, content, err := b.next()
		switch {
		case errors.Is(err, io.EOF):
			// The archive's end without a manifest: a copy that was cut.
			return ErrFormat
		case err != nil:
			return err
		case name == manifestName:
			b.manifest(content)
			if _, _, err := b.next(); !errors.Is(err, io.EOF) {
				return ErrFormat
			}
			return nil
		case name == attestationName && !b.ended && !b.states:
			b.ended, b.out.Attestation = true, content
		case strings.HasPrefix(name, recordsDir) && !b.ended:
			if err := b.records(name, content); err != nil {
				return err
			}
		default:
			return ErrFormat
		}
	}
}

// records reads one of the files below records/.
func (b *bundleReader) records(name string, content []byte) error {
	switch {
	case !b.states && name == leavesName(b.chunk):
		if len(content) == 0 || len(content)%tlog.HashSize != 0 || len(content) > chunkRecords*tlog.HashSize {
			return ErrFormat
		}
		b.leaves, b.states = content, true
		for at := 0; at < len(content); at += tlog.HashSize {
			if b.stated.size == b.out.Head.End {
				return b.excess(name)
			}
			b.stated.join(tlog.Hash(content[at:at+tlog.HashSize]), 0)
		}
		return nil
	case b.states && name == linesName(b.chunk):
		b.states = false
		b.chunk++
		return b.lines(name, content)
	}
	var later int
	if n, _ := fmt.Sscanf(name, recordsDir+"%08d.leaves", &later); n == 1 && later > b.chunk && !b.states {
		return &Altered{name, b.stated.size, b.stated.size + 1, "was removed, with the file that it stood in"}
	}
	return ErrFormat
}

// excess says that there are more records than the range has.
func (b *bundleReader) excess(name string) error {
	return &Altered{name, b.out.Head.End, b.out.Head.End + 1, "does not belong to the range: records were added"}
}

// lines reads the records of one file and compares them with their leaves. It goes
// on after a difference: the signature tells later which of the two is altered.
func (b *bundleReader) lines(name string, content []byte) error {
	begin := b.stated.size - int64(len(b.leaves)/tlog.HashSize)
	z, err := gzip.NewReader(bytes.NewReader(content))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(z, chunkBytes+maxRecord+2))
	}
	if err != nil || len(text) > chunkBytes+maxRecord+1 {
		// A flipped bit of compressed bytes: where the records differ cannot be said.
		return &Altered{name, begin, b.stated.size, "the file's compressed bytes are damaged"}
	}
	var hashes []tlog.Hash
	var list [][]byte
	for len(text) > 0 {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		text = rest
		if !ok || len(line) == 0 || len(line) > maxRecord || len(hashes) > chunkRecords {
			at := begin + int64(len(hashes))
			return &Altered{name, at, at + 1, "is not one line of at most 65,535 bytes"}
		}
		hashes, list = append(hashes, tlog.RecordHash(line)), append(list, line)
	}
	if b.first < 0 {
		b.compare(name, begin, hashes)
	}
	for i, h := range hashes {
		if b.visit.Record != nil && b.first < 0 && b.failed == nil {
			b.failed = b.visit.Record(b.actual.size, list[i])
		}
		b.actual.join(h, 0)
		b.look()
	}
	return nil
}

// compare finds the first record of a file that is not as its leaf says.
func (b *bundleReader) compare(name string, begin int64, hashes []tlog.Hash) {
	leaf := func(i int) tlog.Hash { return tlog.Hash(b.leaves[i*tlog.HashSize:]) }
	n := len(b.leaves) / tlog.HashSize
	i := 0
	for i < n && i < len(hashes) && leaf(i) == hashes[i] {
		i++
	}
	if i == n && i == len(hashes) {
		return
	}
	b.first, b.place, b.why = begin+int64(i), name, "was altered"
	switch {
	case i == len(hashes), i+1 < n && hashes[i] == leaf(i+1) && len(hashes) < n:
		b.why = "was removed"
	case i == n, i+1 < len(hashes) && hashes[i+1] == leaf(i) && len(hashes) > n:
		b.why = "does not belong here: a record was added"
	case slices.Contains(hashes[i+1:], leaf(i)):
		b.why = "stands in another place"
	}
}

// manifest compares the list of files with the files. What it finds is weaker than
// what the signature says of records, and is told only where that says nothing.
func (b *bundleReader) manifest(content []byte) {
	var m manifest
	h := &b.out.Head
	bad := func(place, why string) {
		if b.broken == nil {
			b.broken = &Altered{place, -1, -1, why}
		}
	}
	if !strict(content, &m) || m.Format != BundleFormat || m.First != h.First || m.End != h.End || m.Records != h.End-h.First {
		bad(manifestName, "does not describe the bundle")
		return
	}
	for i := range max(len(m.Files), len(b.files)) {
		switch {
		case i >= len(m.Files):
			bad(b.files[i].Name, "was added")
		case i >= len(b.files):
			bad(manifestName, "lists a file that is not there")
		case m.Files[i] != b.files[i]:
			bad(b.files[i].Name, "is not the file that the manifest lists")
		}
	}
}

// judge compares the roots with what was signed.
func (b *bundleReader) judge() error {
	h := &b.out.Head
	if b.states {
		return ErrFormat
	}
	stated, actual := b.close(&b.stated), b.close(&b.actual)
	switch {
	case actual:
		if !stated || b.first >= 0 {
			return &Altered{recordsDir + "*.leaves", -1, -1, "do not belong to the records, which are as they were signed"}
		}
	case stated:
		return &Altered{b.place, b.first, b.first + 1, b.why}
	case b.first < 0 && b.stated.size < h.End:
		return &Altered{recordsDir, b.stated.size, b.stated.size + 1, "was removed, with all behind it"}
	default:
		return &Altered{"range", h.First, h.End, "the records, or the hashes beside them, do not give the root of the checkpoint"}
	}
	if b.broken != nil {
		return b.broken
	}
	if b.failed != nil {
		return b.failed
	}
	b.out.Records = h.End - h.First
	return b.history()
}

// close joins what lies right of the range and compares the root with the
// checkpoint's. A tree that does not reach the range's end has another one.
func (b *bundleReader) close(f *frontier) bool {
	if f.size != b.out.Head.End {
		return false
	}
	for i, s := range cover(b.out.Head.End, b.out.Head.Size) {
		f.join(b.right[i], s.level)
	}
	return f.root() == b.out.Checkpoint.Root
}

// history compares with the checkpoint that was seen before.
func (b *bundleReader) history() error {
	if b.seen == nil {
		return nil
	}
	have := b.seenRoot
	if b.seen.Size == b.out.Checkpoint.Size {
		have = &b.out.Checkpoint.Root
	}
	switch {
	case have == nil:
		b.apart = true
	case *have != b.seen.Root:
		return ErrFork
	}
	return nil
}
