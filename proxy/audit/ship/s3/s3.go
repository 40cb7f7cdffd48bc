// Package s3 ships the audit log to S3-compatible object storage in which objects
// are locked: until their date nobody can delete or replace them, the owner of the
// bucket neither (mode COMPLIANCE). With the log's signed checkpoints beside the
// records it is the anchor outside the machine that a roll-back of the whole log
// cannot reach.
//
//	PREFIX ORIGIN/records/FIRST-LAST.jsonl.gz   the cores of a batch, a line each
//	PREFIX ORIGIN/checkpoints/SIZE              a signed checkpoint (C2SP signed-note)
//
// Numbers have 20 digits, so that names sort as numbers do. The record of a line
// has the index FIRST plus the number of lines before it. Bytes of an origin other
// than letters, digits, '-', '_', '.', '~' and '/' are written %XX.
//
// # Once
//
// A batch that comes again has the same name and the same lines. It is written
// only where there is no object of the name (If-None-Match); one that is there is
// read and compared, and another content is ship.Conflict. So no record is in two
// objects.
//
// # The bucket
//
// It is made with object lock, by whoever owns it; the sink looks at the lock of
// the first object that it writes and fails with ship.Unsupported where there is
// none. Its key needs PutObject, PutObjectRetention, GetObject,
// GetObjectRetention and ListBucket, and should not have DeleteObject. Deleting a
// locked object without naming its version hides it behind a marker and destroys
// nothing: who audits a bucket lists versions.
package s3

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

const (
	minRetain   = time.Minute
	maxRetain   = 100 * 366 * 24 * time.Hour
	objectLimit = 128 << 20 // bytes of an object that is compared
	noteLimit   = 64 << 10  // bytes of a checkpoint
	digits      = 20
	suffix      = ".jsonl.gz"
	dialTimeout = 10 * time.Second
	headTimeout = 30 * time.Second // for the answer's beginning, once all is sent
)

// Limits are good bounds for batches that become objects: fewer and larger ones
// than a database wants.
func Limits() ship.Limits {
	return ship.Limits{Records: 20_000, Bytes: 32 << 20, Age: time.Minute, Timeout: 2 * time.Minute}
}

// Keys are an access key, its secret, and the token of temporary ones.
type Keys struct{ Access, Secret, Token string }

// Options say where objects go, and how long they are locked.
type Options struct {
	// Endpoint is a URL without a path, as https://s3.eu-central-1.amazonaws.com.
	Endpoint string
	Region   string
	Bucket   string
	Prefix   string // of all names; end it with '/' to make it a folder
	// Keys is asked at the first request and after keys were refused. What it
	// gives is never told.
	Keys func() (Keys, error)
	// Retain is how long an object is locked from when it is written, one minute
	// to 100 years. It should be the log's own retention at least.
	Retain time.Duration
	// Governance locks in mode GOVERNANCE, which some may lift, in the place of
	// COMPLIANCE.
	Governance bool
	// PathStyle puts the bucket's name in the path in the place of the host name.
	PathStyle bool
	// Transport makes the connections; nil for one that honours a proxy of the
	// environment.
	Transport http.RoundTripper
	// Checkpoint gives the log's last signed checkpoint. Where it is set, one is
	// put beside the records after each batch. An error or an empty one means
	// that there is none yet.
	Checkpoint func() ([]byte, error)
}

// bucket puts locked objects that are never replaced.
type bucket struct {
	opt    Options
	host   string
	secure bool
	client *minio.Client
	locked bool // the lock of an object was looked at
	plain  bool // the server knows no If-None-Match
	now    func() time.Time
}

func newBucket(o Options) (*bucket, error) {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.User != nil:
		return nil, errors.New("s3: the endpoint must be http[s]://HOST[:PORT]")
	case o.Bucket == "" || o.Keys == nil:
		return nil, errors.New("s3: a bucket and keys are needed")
	case o.Retain < minRetain || o.Retain > maxRetain:
		return nil, fmt.Errorf("s3: objects are locked for %v to 100 years", minRetain)
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout, t.TLSHandshakeTimeout = headTimeout, dialTimeout
		t.DisableCompression = true // gzip is ours
		o.Transport = t
	}
	return &bucket{opt: o, host: u.Host, secure: u.Scheme == "https", now: time.Now}, nil
}

func (b *bucket) connect() (*minio.Client, error) {
	if b.client != nil {
		return b.client, nil
	}
	k, err := b.opt.Keys()
	if err != nil {
		return nil, ship.Fail(ship.Credentials, "the keys cannot be read")
	}
	lookup := minio.BucketLookupAuto
	if b.opt.PathStyle {
		lookup = minio.BucketLookupPath
	}
	c, err := minio.New(b.host, &minio.Options{
		Creds: credentials.NewStaticV4(k.Access, k.Secret, k.Token), Secure: b.secure, Region: b.opt.Region,
		Transport: b.opt.Transport, BucketLookup: lookup, MaxRetries: 1, // the shipper tries again
	})
	if err != nil {
		return nil, ship.Fail(ship.Unsupported, "the endpoint or the keys are not of a form that S3 has")
	}
	b.client = c
	return c, nil
}

// object is what is put: same says whether what is there already is the same.
type object struct {
	key   string
	body  []byte
	mime  string
	limit int64
	same  func(there []byte) bool
}

// put writes an object under a lock, or finds the same one there. It fails with
// ship.Conflict where another one is there. With look it looks first; where the
// server does not know If-None-Match it always does.
func (b *bucket) put(ctx context.Context, o object, look bool) error {
	c, err := b.connect()
	if err != nil {
		return err
	}
	if look || b.plain {
		if found, err := b.compare(ctx, c, o); found || err != nil {
			return err
		}
	}
	mode := minio.Compliance
	if b.opt.Governance {
		mode = minio.Governance
	}
	opt := minio.PutObjectOptions{
		ContentType: o.mime, Mode: mode, RetainUntilDate: b.now().UTC().Add(b.opt.Retain).Truncate(time.Second),
		SendContentMd5: true, DisableMultipart: true,
	}
	if !b.plain {
		opt.SetMatchETagExcept("*")
	}
	_, err = c.PutObject(ctx, b.opt.Bucket, o.key, bytes.NewReader(o.body), int64(len(o.body)), opt)
	switch resp := minio.ToErrorResponse(err); {
	case err == nil:
		return b.lookAtLock(ctx, c, o.key)
	case resp.StatusCode == http.StatusPreconditionFailed || resp.StatusCode == http.StatusConflict && resp.Code == "ConditionalRequestConflict":
		if found, err := b.compare(ctx, c, o); found || err != nil {
			return err
		}
		return ship.Fail(ship.Busy, "an object is said to be there, and is not found")
	case resp.StatusCode == http.StatusNotImplemented && !b.plain:
		b.plain = true
		return b.put(ctx, o, true)
	case resp.StatusCode == http.StatusNotImplemented:
		b.plain = false
		return ship.Fail(ship.Unsupported, "the server knows no locked objects")
	}
	return b.failure(err)
}

// compare looks for an object and says whether it is there. It fails with
// ship.Conflict where another one is.
func (b *bucket) compare(ctx context.Context, c *minio.Client, o object) (bool, error) {
	r, err := c.GetObject(ctx, b.opt.Bucket, o.key, minio.GetObjectOptions{})
	if err != nil {
		return false, b.failure(err)
	}
	defer r.Close()
	there, err := io.ReadAll(io.LimitReader(r, o.limit+1))
	if err != nil {
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return false, nil
		}
		return false, b.failure(err)
	}
	if int64(len(there)) > o.limit || !o.same(there) {
		return true, ship.Fail(ship.Conflict, "")
	}
	return true, b.lookAtLock(ctx, c, o.key)
}

// lookAtLock fails where the first object that was written is not locked: a server
// that passes the request for a lock over would go unnoticed.
func (b *bucket) lookAtLock(ctx context.Context, c *minio.Client, key string) error {
	if b.locked {
		return nil
	}
	mode, until, err := c.GetObjectRetention(ctx, b.opt.Bucket, key, "")
	if err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusNotFound && minio.ToErrorResponse(err).StatusCode != http.StatusBadRequest {
		return b.failure(err)
	}
	if err != nil || mode == nil || until == nil || !until.After(b.now()) {
		return ship.Fail(ship.Unsupported, "the bucket does not lock objects: make it with object lock")
	}
	b.locked = true
	return nil
}

// failure makes a failure of an error of the client. Of its text it keeps nothing
// but the code, where that is one of S3's.
func (b *bucket) failure(err error) error {
	var known *ship.Error
	if errors.As(err, &known) {
		return known
	}
	resp := minio.ToErrorResponse(err)
	if resp.StatusCode == 0 {
		return ship.Network(err)
	}
	detail := fmt.Sprintf("HTTP status %d", resp.StatusCode)
	switch resp.Code {
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RequestTimeTooSkewed", "AccountProblem":
		b.client = nil // the keys are asked for anew
		return ship.Fail(ship.Credentials, resp.Code)
	case "NoSuchBucket":
		return ship.Fail(ship.Unsupported, resp.Code)
	case "InvalidRequest", "InvalidBucketState", "ObjectLockConfigurationNotFoundError", "PermanentRedirect", "AuthorizationHeaderMalformed":
		return ship.Fail(ship.Unsupported, resp.Code+": the bucket must have object lock and be of the region that is given")
	case "EntityTooLarge":
		return ship.Refuse(-1, resp.Code)
	case "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout":
		return ship.Fail(ship.Busy, resp.Code)
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		b.client = nil
		return ship.Fail(ship.Credentials, detail)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return ship.Fail(ship.Busy, detail)
	}
	return ship.Fail(ship.Unsupported, detail)
}

// folder gives the beginning of an origin's names.
func (b *bucket) folder(origin, what string) string {
	return b.opt.Prefix + escape(origin) + "/" + what + "/"
}

// escape writes an origin as a part of names. No two origins are written alike.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	parts := strings.Split(s, "/")
	for i, part := range parts {
		var out strings.Builder
		for _, c := range []byte(part) {
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '~', c == '.' && strings.Trim(part, ".") != "":
				out.WriteByte(c)
			default:
				out.Write([]byte{'%', hex[c>>4], hex[c&15]})
			}
		}
		parts[i] = out.String()
		if part == "" { // an empty step of a path is folded by some servers
			parts[i] = "%"
		}
	}
	return strings.Join(parts, "/")
}

// Sink ships batches as objects. It is for one goroutine, as ship calls it.
type Sink struct {
	*bucket
	begun  bool  // a batch was shipped since the process began
	signed int64 // size of the last checkpoint that was put
}

var (
	_ ship.Sink    = (*Sink)(nil)
	_ ship.Resumer = (*Sink)(nil)
)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	b, err := newBucket(o)
	if err != nil {
		return nil, err
	}
	return &Sink{bucket: b}, nil
}

// Ship puts the batch as one object, then the last checkpoint.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error {
	lines := Lines(b)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(lines)
	if err = errors.Join(err, w.Close()); err != nil {
		return ship.Fail(ship.KindOther, "a batch cannot be compressed")
	}
	err = s.put(ctx, object{
		key:  s.folder(b.Origin, "records") + fmt.Sprintf("%0*d-%0*d%s", digits, b.First, digits, b.End()-1, suffix),
		body: packed.Bytes(), mime: "application/gzip", limit: objectLimit,
		same: func(there []byte) bool {
			r, err := gzip.NewReader(bytes.NewReader(there))
			if err != nil {
				return false
			}
			got, err := io.ReadAll(io.LimitReader(r, int64(len(lines))+1))
			return err == nil && bytes.Equal(got, lines)
		},
	}, !s.begun)
	if err != nil {
		return err
	}
	s.begun = true
	if s.opt.Checkpoint == nil {
		return nil
	}
	signed, err := s.opt.Checkpoint()
	if err != nil || len(signed) == 0 {
		return nil // none yet; there will be one
	}
	c, ok := readNote(signed)
	if !ok || c.origin != b.Origin {
		return ship.Fail(ship.LogTrouble, "what should be the log's checkpoint is none of it")
	}
	if c.size <= s.signed {
		return nil
	}
	if err := s.putCheckpoint(ctx, c, signed); err != nil {
		return err
	}
	s.signed = c.size
	return nil
}

// Lines gives the content of a batch's object: each core and a line feed.
// Canonical JSON has no line feed of its own.
func Lines(b ship.Batch) []byte {
	out := make([]byte, 0, b.Bytes()+len(b.Records))
	for _, r := range b.Records {
		out = append(append(out, r.Core...), '\n')
	}
	return out
}

// Next gives the index behind the last record of the origin for which there is an
// object. It lists all of the origin's objects.
func (s *Sink) Next(ctx context.Context, origin string) (int64, error) {
	c, err := s.connect()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx) // ends the listing also when we return early
	defer cancel()
	folder := s.folder(origin, "records")
	var next int64
	for o := range c.ListObjects(ctx, s.opt.Bucket, minio.ListObjectsOptions{Prefix: folder}) {
		if o.Err != nil {
			return 0, s.failure(o.Err)
		}
		if _, last, ok := ParseName(strings.TrimPrefix(o.Key, folder)); ok {
			next = max(next, last+1)
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, ship.Network(err)
	}
	return next, nil
}

// ParseName reads the last part of an object's name: FIRST-LAST.jsonl.gz.
func ParseName(name string) (first, last int64, ok bool) {
	name, ok = strings.CutSuffix(name, suffix)
	a, b, found := strings.Cut(name, "-")
	if !ok || !found || len(a) != digits || len(b) != digits {
		return 0, 0, false
	}
	first, err1 := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	return first, last, err1 == nil && err2 == nil && first >= 0 && last >= first
}

// Close frees nothing: connections are the transport's.
func (s *Sink) Close() error { return nil }
