package tiles

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy/audit"
)

// concurrent is how many tiles and bundles are read at once; a bundle can have
// bundleLimit bytes.
const concurrent = 16

// bundleLimit is the greatest length of an entry bundle in bytes.
const bundleLimit = Width * (2 + audit.MaxRecord)

// Handler serves a log as C2SP tlog-tiles has it: GET checkpoint, tile/L/N[.p/W]
// and tile/entries/N[.p/W] below where it is mounted (use http.StripPrefix).
// Tiles beyond the checkpoint's size are not there yet. Errors of the source are
// answered 500 without a word of them, and given to alarm, which may be nil and
// must not block.
//
// It asks nobody who they are: put that before it.
func Handler(source Source, alarm func(error)) http.Handler {
	if alarm == nil {
		alarm = func(error) {}
	}
	return &handler{source, alarm, make(chan struct{}, concurrent)}
}

type handler struct {
	source Source
	alarm  func(error)
	slots  chan struct{}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-content-type-options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	t, ok := ParsePath(path)
	if !ok && path != CheckpointPath {
		http.NotFound(w, r)
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		return
	}
	if path == CheckpointPath {
		h.checkpoint(w)
		return
	}
	h.tile(w, r, t)
}

func (h *handler) checkpoint(w http.ResponseWriter) {
	b, err := h.source.Checkpoint()
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("content-type", "text/plain; charset=utf-8")
	w.Header().Set("cache-control", "no-cache")
	_, _ = w.Write(b) // the client is gone
}

func (h *handler) tile(w http.ResponseWriter, r *http.Request, t Tile) {
	size, err := signedSize(h.source)
	if err != nil {
		h.fail(w, err)
		return
	}
	if end, ok := t.end(); !ok || end > size {
		h.fail(w, ErrNotFound)
		return
	}
	var b []byte
	if t.Level == Bundle {
		var entries [][]byte
		if entries, err = h.source.Entries(t.first(), int64(t.W)); err == nil {
			b, err = EncodeBundle(entries)
		}
	} else {
		b, err = h.source.Tile(t)
	}
	if err != nil {
		h.fail(w, err)
		return
	}
	head := w.Header()
	head.Set("content-type", "application/octet-stream")
	// It never changes; but records are not for everybody's caches.
	head.Set("cache-control", "private, max-age=31536000, immutable")
	if t.Level == Bundle {
		head.Set("vary", "accept-encoding")
		if acceptsGzip(r.Header) {
			b = compress(b)
			head.Set("content-encoding", "gzip")
		}
	}
	head.Set("content-length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // the client is gone
}

func (h *handler) fail(w http.ResponseWriter, err error) {
	w.Header().Set("cache-control", "no-store")
	if errors.Is(err, ErrNotFound) {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h.alarm(err)
	http.Error(w, "the log cannot be read", http.StatusInternalServerError)
}

// signedSize gives the size of the source's checkpoint.
func signedSize(source Source) (int64, error) {
	b, err := source.Checkpoint()
	if err != nil {
		return 0, err
	}
	lines := strings.SplitN(string(b[:min(len(b), checkpointLimit)]), "\n", 3)
	if len(lines) < 3 {
		return 0, audit.ErrCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return 0, audit.ErrCheckpoint
	}
	return size, nil
}

// acceptsGzip says whether a request's accept-encoding names gzip and does not
// refuse it.
func acceptsGzip(head http.Header) bool {
	for _, v := range head.Values("accept-encoding") {
		for _, one := range strings.Split(v, ",") {
			name, weight, _ := strings.Cut(one, ";")
			if strings.TrimSpace(name) != "gzip" {
				continue
			}
			q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			f, err := strconv.ParseFloat(q, 64)
			return !ok || err == nil && f > 0
		}
	}
	return false
}

func compress(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// EncodeBundle gives an entry bundle: each record after its length in 16 bits. It
// fails where a record is longer than [audit.MaxRecord].
func EncodeBundle(entries [][]byte) ([]byte, error) {
	n := 0
	for _, e := range entries {
		if len(e) > audit.MaxRecord {
			return nil, audit.ErrTooLarge
		}
		n += 2 + len(e)
	}
	b := make([]byte, 0, n)
	for _, e := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
	}
	return b, nil
}

// ErrBundle: bytes are not a bundle of so many records.
var ErrBundle = errors.New("not an entry bundle of that width")

// DecodeBundle reads a bundle of n records. They alias b.
func DecodeBundle(b []byte, n int) ([][]byte, error) {
	if n < 0 || n > Width {
		return nil, ErrBundle
	}
	out := make([][]byte, 0, n)
	for range n {
		if len(b) < 2 {
			return nil, ErrBundle
		}
		size := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+size {
			return nil, ErrBundle
		}
		out, b = append(out, b[2:2+size:2+size]), b[2+size:]
	}
	if len(b) > 0 {
		return nil, ErrBundle
	}
	return out, nil
}
