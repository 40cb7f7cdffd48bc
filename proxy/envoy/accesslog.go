package envoy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
)

// logFields are the members of an access log line. None holds a path, a query,
// a header or anything else of a client but sizes and times.
var logFields = [...][2]string{
	{"ts", "%START_TIME%"},
	{"decision", "%DYNAMIC_METADATA(ostiary.verdict:decision)%"},
	{"decision_id", "%DYNAMIC_METADATA(ostiary.verdict:decision_id)%"},
	{"pool", "%DYNAMIC_METADATA(ostiary.verdict:pool)%"},
	{"phase", "%DYNAMIC_METADATA(ostiary.verdict:phase)%"},
	{"route", "%ROUTE_NAME%"},
	{"cluster", "%UPSTREAM_CLUSTER%"},
	{"upstream", "%UPSTREAM_HOST%"},
	{"attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"},
	{"up_tx", "%UPSTREAM_WIRE_BYTES_SENT%"},
	{"up_rx", "%UPSTREAM_WIRE_BYTES_RECEIVED%"},
	{"code", "%RESPONSE_CODE%"},
	{"details", "%RESPONSE_CODE_DETAILS%"},
	{"flags", "%RESPONSE_FLAGS%"},
	{"rx", "%BYTES_RECEIVED%"},
	{"tx", "%BYTES_SENT%"},
	{"ms", "%DURATION%"},
	{"request_ms", "%REQUEST_DURATION%"},
	{"ttfb_ms", "%RESPONSE_DURATION%"},
	{"extproc", "%FILTER_STATE(envoy.filters.http.ext_proc:TYPED)%"},
}

func logFormat() *structpb.Struct {
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, f := range logFields {
		s.Fields[f[0]] = structpb.NewStringValue(f[1])
	}
	return s
}

// Entry is one line of Envoy's access log: what Envoy did with one request.
// Byte counts with "wire" are what went over the upstream connection, headers
// and TLS framing excluded.
type Entry struct {
	DecisionID string
	Decision   string // allow, or empty where no verdict was given
	Pool       string
	Phase      string
	Route      string
	Cluster    string
	Upstream   string // address; empty where none was chosen
	Attempts   int    // upstream requests tried, retries included
	SentBytes  int64  // wire bytes sent upstream
	GotBytes   int64  // wire bytes received from upstream
	Code       int    // to the client; 0 where it got none
	Details    string // why Envoy ended the exchange; a constant word, cut at the first "{"
	Flags      string // Envoy's response flags, comma-separated; empty for none
	Rx         int64  // bytes of the request's body
	Tx         int64  // bytes of the answer's body
	Duration   time.Duration
	FirstByte  time.Duration // to the first byte of the upstream's answer; 0 where there was none
	Inspected
	Unreadable bool        // the line was too long or is not of our format; nothing else is set
	Connection *Connection // of a line that tells of a connection, where nothing else is set
}

// Inspected is what the external processor did.
type Inspected struct {
	BodyCalls  int  // messages with the request's body that the policy server answered
	FailedOpen bool // it failed and Envoy carried on
}

// Connection is an intercepted connection that no verdict covers: one that passed
// unread, or was refused; or one whose TLS failed.
type Connection struct {
	Way      string // proxy or redirect
	Chain    string // passed, refused/ and why, governed, plain, or empty where nothing matched
	Name     string // a host, perhaps with a port, where it may be told. A client's word
	Listener bool   // the line is the listener's: of what passed, another line tells
	Upstream string // address; empty where none was reached
	Failure  string // of TLS with the client: a constant word, or empty
	Sent     int64  // bytes to upstream
	Received int64  // bytes from it
	Duration time.Duration
}

// Sent reports whether the request was given to an upstream.
func (e *Entry) Sent() bool { return e.Upstream != "" }

// Ungoverned says why the entry is of a request that left without a verdict on
// what it held: one of ungoverned_send, uninspected_body, failed_open,
// unreadable; or nothing. Each is an alert. That a sent request has its
// decision in the audit log is for the caller to see.
func (e *Entry) Ungoverned() string {
	switch {
	case e.Connection != nil:
		return ""
	case e.Unreadable:
		return "unreadable"
	case e.FailedOpen:
		return "failed_open"
	case e.Sent() && e.Decision != "allow":
		return "ungoverned_send"
	case e.Sent() && e.Rx > 0 && e.BodyCalls < 1:
		return "uninspected_body"
	}
	return ""
}

// Bounds of reading the log.
const (
	maxLogLine  = 64 << 10 // bytes; a line of ours has about one thousand
	maxLogWord  = 128      // bytes kept of one string
	maxHostWord = 253 + 6  // and of a host name with a port
	followEvery = 100 * time.Millisecond
)

// logLine is the line's form. Numbers may come as strings: a protobuf's int64
// does (protobuf JSON mapping).
type logLine struct {
	Decision   string  `json:"decision"`
	DecisionID string  `json:"decision_id"`
	Pool       string  `json:"pool"`
	Phase      string  `json:"phase"`
	Route      string  `json:"route"`
	Cluster    string  `json:"cluster"`
	Upstream   string  `json:"upstream"`
	Attempts   number  `json:"attempts"`
	UpTx       number  `json:"up_tx"`
	UpRx       number  `json:"up_rx"`
	Code       number  `json:"code"`
	Details    string  `json:"details"`
	Flags      string  `json:"flags"`
	Rx         number  `json:"rx"`
	Tx         number  `json:"tx"`
	MS         number  `json:"ms"`
	TTFB       number  `json:"ttfb_ms"`
	ExtProc    logProc `json:"extproc"`
	logWay
}

// logWay is what lines of connections have instead of a verdict.
type logWay struct {
	Connection string `json:"connection"` // the way
	Chain      string `json:"chain"`
	Name       string `json:"name"`
	TLS        string `json:"tls"`
	By         string `json:"by"`
}

type logProc struct {
	BodyCalls  number `json:"request_body_call_count"`
	FailedOpen bool   `json:"failed_open"`
}

// number reads 1, 1.0, "1" and null.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" || s == "" || s == "-" {
		*n = 0
		return nil
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || f != f || f > 1<<62 || f < -(1<<62) {
			return errLogLine
		}
		i = int64(f)
	}
	*n = number(i)
	return nil
}

var errLogLine = errors.New("envoy: not a line of our access log")

// ParseEntry reads one line. A line that is not of our format gives an Entry
// that says Unreadable and nothing else.
func ParseEntry(line []byte) Entry {
	var l logLine
	if len(line) > maxLogLine || json.Unmarshal(line, &l) != nil {
		return Entry{Unreadable: true}
	}
	if l.Connection != "" {
		return Entry{Connection: &Connection{
			Way: word(l.Connection), Chain: word(l.Chain), Name: hostWord(l.Name), Listener: l.By == "listener", Upstream: word(l.Upstream), Failure: tlsFailure(l.TLS),
			Sent: int64(l.UpTx), Received: int64(l.UpRx), Duration: milliseconds(l.MS),
		}}
	}
	return Entry{
		DecisionID: word(l.DecisionID), Decision: word(l.Decision), Pool: word(l.Pool), Phase: word(l.Phase),
		Route: word(l.Route), Cluster: word(l.Cluster), Upstream: word(l.Upstream),
		Attempts: int(l.Attempts), SentBytes: int64(l.UpTx), GotBytes: int64(l.UpRx), Code: int(l.Code),
		Details: details(l.Details), Flags: word(l.Flags), Rx: int64(l.Rx), Tx: int64(l.Tx),
		Duration: milliseconds(l.MS), FirstByte: milliseconds(l.TTFB),
		Inspected: Inspected{BodyCalls: int(l.ExtProc.BodyCalls), FailedOpen: l.ExtProc.FailedOpen},
	}
}

// hostWord keeps a host name of full length (RFC 1035, 2.3.4) with a port.
func hostWord(s string) string {
	if len(s) > maxHostWord {
		return ""
	}
	if s == "-" {
		return ""
	}
	return s
}

// tlsFailure gives the word behind which BoringSSL's reason is, of those that say
// that the client did not take our certificate, else "other".
func tlsFailure(s string) string {
	switch {
	case s == "" || s == "-":
		return ""
	case strings.Contains(s, "CERTIFICATE_UNKNOWN"), strings.Contains(s, "UNKNOWN_CA"), strings.Contains(s, "BAD_CERTIFICATE"), strings.Contains(s, "DECRYPT_ERROR"):
		return "certificate_refused"
	}
	return "other"
}

func milliseconds(n number) time.Duration {
	return time.Duration(min(max(n, 0), number(1<<40))) * time.Millisecond
}

// word bounds a string of the log; Envoy writes "-" for none.
func word(s string) string {
	if s == "-" {
		return ""
	}
	if len(s) > maxLogWord {
		s = s[:maxLogWord]
	}
	return s
}

// details keeps the constant part: behind "{" Envoy quotes the transport's or
// the server's own words, and a bracket holds a policy's name.
func details(s string) string {
	if i := strings.IndexByte(s, '{'); i >= 0 {
		s = s[:i]
	}
	s = word(s)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:[]", c) >= 0) {
			return s[:i]
		}
	}
	return s
}

// ReadAccessLog calls fn with every line of r, in order, until r ends (nil),
// fails, or ctx is done. A pipe's other end waits while fn runs.
func ReadAccessLog(ctx context.Context, r io.Reader, fn func(Entry)) error {
	lr := &lineReader{r: bufio.NewReaderSize(r, maxLogLine)}
	for ctx.Err() == nil {
		e, err := lr.next()
		if err != nil {
			if err == io.EOF {
				lr.flush(fn)
				return nil
			}
			return err
		}
		fn(e)
	}
	return ctx.Err()
}

// lineReader splits a stream into entries, with a bound on each line and
// without losing the start of a line whose end is not there yet.
type lineReader struct {
	r    *bufio.Reader
	part []byte // of a line whose end is still to come
	over bool   // that line is over the bound
}

// next gives the next entry, or io.EOF where no whole line is left.
func (l *lineReader) next() (Entry, error) {
	for {
		chunk, err := l.r.ReadSlice('\n')
		switch {
		case len(l.part)+len(chunk) > maxLogLine:
			l.over, l.part = true, l.part[:0]
		case !l.over:
			l.part = append(l.part, chunk...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return Entry{}, err
		}
		line, over := bytes.TrimSpace(l.part), l.over
		l.part, l.over = l.part[:0], false
		if over {
			return Entry{Unreadable: true}, nil
		}
		if len(line) > 0 {
			return ParseEntry(line), nil
		}
	}
}

// flush gives what is left when no more can come.
func (l *lineReader) flush(fn func(Entry)) {
	if line := bytes.TrimSpace(l.part); len(line) > 0 || l.over {
		if l.over {
			line = nil
		}
		fn(ParseEntry(line))
	}
	l.part, l.over = nil, false
}

// FollowAccessLog calls fn with every line that is written to the file from now
// on, until ctx is done. A file that is not there yet is waited for and then
// read from its beginning. One that was replaced by another of its name is read
// to its end and the new one from its beginning; one that was truncated is read
// from its beginning. The error is ctx's, or that of a file that cannot be read.
func FollowAccessLog(ctx context.Context, path string, fn func(Entry)) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	return follow(ctx, path, tick.C, fn, func() {})
}

// follow is Follow that looks at each tick; looked is called after each look.
func follow(ctx context.Context, path string, tick <-chan time.Time, fn func(Entry), looked func()) error {
	t := &tail{path: path, fn: fn}
	defer t.close()
	if err := t.open(io.SeekEnd); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for {
		if err := t.read(); err != nil {
			return err
		}
		looked()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
		}
	}
}

// tail is a path that is followed. After a rotation the old file is read on for
// a while, for its writer goes on with it until it is told to open the new one.
type tail struct {
	path string
	fn   func(Entry)
	cur  *tailFile   // nil while there is none
	old  []*tailFile // rotated away, oldest first
}

// tailFile is one file of a tail.
type tailFile struct {
	f    *os.File
	at   int64 // bytes read
	l    *lineReader
	left int // looks until it counts as finished, once rotated away
}

// Bounds of rotation.
const (
	rotatedLooks = 300 // times followEvery: 30 s
	maxRotated   = 8   // files read on at once; the oldest is given up first
)

func (t *tail) open(whence int) error {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	at, err := f.Seek(0, whence)
	if err != nil {
		_ = f.Close()
		return err
	}
	t.cur = &tailFile{f: f, at: at}
	t.cur.l = &lineReader{r: bufio.NewReaderSize(t.cur, maxLogLine)}
	return nil
}

func (t *tail) close() {
	for _, o := range t.old {
		_ = o.f.Close()
	}
	if t.cur != nil {
		_ = t.cur.f.Close()
	}
}

// Read implements [io.Reader] and counts.
func (f *tailFile) Read(p []byte) (int, error) {
	n, err := f.f.Read(p)
	f.at += int64(n)
	return n, err
}

// drain reads a file to its present end.
func (f *tailFile) drain(fn func(Entry)) error {
	for {
		e, err := f.l.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		fn(e)
	}
}

// read reads what is new and notices rotation and truncation.
func (t *tail) read() error {
	for _, o := range t.old {
		if err := o.drain(t.fn); err != nil {
			return err
		}
		o.left--
	}
	for len(t.old) > 0 && (t.old[0].left <= 0 || len(t.old) > maxRotated) {
		t.old[0].l.flush(t.fn)
		_ = t.old[0].f.Close()
		t.old = t.old[1:]
	}
	if t.cur == nil {
		if err := t.open(io.SeekStart); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}
	}
	// Looked at before reading: what the reading then finds is of this file.
	now, statErr := os.Stat(t.path)
	if err := t.cur.drain(t.fn); err != nil {
		return err
	}
	if statErr != nil {
		return nil // renamed and not made again yet
	}
	open, err := t.cur.f.Stat()
	if err != nil {
		return err
	}
	switch {
	case !os.SameFile(now, open):
		t.cur.left = rotatedLooks
		t.old = append(t.old, t.cur)
		t.cur = nil
		return t.read()
	case open.Size() < t.cur.at:
		t.cur.l.flush(t.fn)
		_ = t.cur.f.Close()
		t.cur = nil
		return t.read()
	}
	return nil
}
