// Package clickhouse ships the audit log to ClickHouse over its HTTP interface.
//
// # The table
//
// It is made where it is not there, unless that is switched off (then make it by
// hand, with the statements that [Sink.DDL] gives): the columns of the event, the
// leaf hash and the core, which is the exact canonical JSON, in a
// ReplacingMergeTree ordered by (origin, idx) and partitioned by month; and beside
// it the view TABLE_once, which is the table read with FINAL.
//
// # Once
//
// A batch is one INSERT with insert_deduplication_token origin:first-last, so that
// a batch that comes again is usually not even stored; what is stored twice is
// merged by ClickHouse in its own time, and until then FINAL, or the view, shows
// it once. Where another record stands under a key of the batch the batch fails
// with ship.Conflict: that is looked at for the batches that may have come before,
// up to the greatest index that was there at the connection.
//
// wait_for_async_insert is set, so that a server that collects inserts answers
// only when the batch is written. How durable that is, is the server's to say:
// replicas with insert_quorum, or a table with fsync_after_insert.
package clickhouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// DefaultTable is the table's name where Options give none.
const DefaultTable = "ostiary_events"

const (
	answerLimit = 16 << 20 // bytes of an answer that are read
	nameLimit   = 64
	// window is how many inserts a table without replicas remembers for
	// deduplication.
	window = 1000
)

// Limits are good bounds for batches: ClickHouse wants few and large ones.
func Limits() ship.Limits { return ship.Limits{Records: 20_000, Bytes: 32 << 20} }

// Options say where rows go.
type Options struct {
	// URL of the HTTP interface, https://HOST:8443/ for instance, without user and
	// password.
	URL      string
	Database string // empty for the user's default
	Table    string // empty for DefaultTable
	User     string // empty for none
	// Password is asked at each request; nil for none. What it gives is never told.
	Password func() (string, error)
	// Client makes the requests, nil for one that honours a proxy of the
	// environment. It must not follow redirections: they would turn an insert into
	// a query.
	Client *http.Client
	// NoCreate leaves making the table to others.
	NoCreate bool
	// Engine is the table's engine where it is made, empty for
	// ReplacingMergeTree; ReplicatedReplacingMergeTree(…) for replicas.
	Engine string
	// Extra is columns beyond those that the package names, of a table that is made
	// for them; nil for none.
	Extra *Extra
}

// Extra is further columns of the table, for whoever asks questions of it.
type Extra struct {
	Columns []Column
	// Indexes are data-skipping indices, as they stand behind INDEX.
	Indexes []string
	// Values gives a record's values as a JSON object with a member for each column.
	Values func(origin string, r ship.Record) ([]byte, error)
}

// Column is a column that the package does not know.
type Column struct {
	Name string // an identifier: letters, digits and '_'
	Type string // as ClickHouse has it
}

// Sink is a table. It is for one goroutine, as ship calls it.
type Sink struct {
	opt   Options
	url   *url.URL
	made  atomic.Bool      // the table is there
	first map[string]int64 // by origin, the index behind the last that was there when we began
}

var (
	_ ship.Sink    = (*Sink)(nil)
	_ ship.Resumer = (*Sink)(nil)
)

// identifier is a name that needs no quotation.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if o.Engine == "" {
		o.Engine = "ReplacingMergeTree"
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "":
		return nil, errors.New("clickhouse: the URL must be http[s]://HOST[:PORT]/ without user, password and query")
	case o.Extra != nil && slices.ContainsFunc(o.Extra.Columns, func(c Column) bool { return !identifier.MatchString(c.Name) }):
		return nil, errors.New("clickhouse: a column's name is letters, digits and '_'")
	case !identifier.MatchString(o.Table) || len(o.Table) > nameLimit || o.Database != "" && !identifier.MatchString(o.Database):
		return nil, fmt.Errorf("clickhouse: table and database are names of letters, digits and '_', at most %d", nameLimit)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &client
	return &Sink{opt: o, url: u, first: map[string]int64{}}, nil
}

// DDL gives the statements that make the table and the view, for whoever makes
// them by hand.
func (s *Sink) DDL() []string {
	settings := ""
	if s.opt.Engine == "ReplacingMergeTree" {
		settings = fmt.Sprintf(" SETTINGS non_replicated_deduplication_window = %d", window)
	}
	extra := ""
	if x := s.opt.Extra; x != nil {
		for _, c := range x.Columns {
			extra += ",\n\t" + c.Name + " " + c.Type
		}
		for _, i := range x.Indexes {
			extra += ",\n\tINDEX " + i
		}
	}
	return []string{
		`CREATE TABLE IF NOT EXISTS ` + s.opt.Table + ` (
	origin LowCardinality(String), idx UInt64, time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
	kind LowCardinality(String), id String, decision_id String,
	action LowCardinality(String), code LowCardinality(String), mode LowCardinality(String), asked LowCardinality(String), pool LowCardinality(String),
	application LowCardinality(String), team LowCardinality(String), model LowCardinality(String), dialect LowCardinality(String), operation LowCardinality(String),
	types Array(LowCardinality(String)), groups Array(LowCardinality(String)), rules Array(LowCardinality(String)),
	status UInt32, sent LowCardinality(String),
	leaf FixedString(64), core String CODEC(ZSTD)` + extra + `
) ENGINE = ` + s.opt.Engine + ` PARTITION BY toYYYYMM(time) ORDER BY (origin, idx)` + settings,
		`CREATE VIEW IF NOT EXISTS ` + s.opt.Table + `_once AS SELECT * FROM ` + s.opt.Table + ` FINAL`,
	}
}

// line is a row as JSONEachRow has it. The leaf is in hex.
type line struct {
	Origin      string   `json:"origin"`
	Index       int64    `json:"idx"`
	Time        string   `json:"time"`
	Kind        string   `json:"kind"`
	ID          string   `json:"id"`
	Decision    string   `json:"decision_id"`
	Application string   `json:"application"`
	Team        string   `json:"team"`
	Types       []string `json:"types"`
	Groups      []string `json:"groups"`
	Rules       []string `json:"rules"`
	Status      int64    `json:"status"`
	Sent        string   `json:"sent"`
	Leaf        string   `json:"leaf"`
	Core        string   `json:"core"`
	done
	model
}

// done is what was done.
type done struct {
	Action string `json:"action"`
	Code   string `json:"code"`
	Mode   string `json:"mode"`
	Asked  string `json:"asked"`
	Pool   string `json:"pool"`
}

// model is what was asked of a model.
type model struct {
	Model     string `json:"model"`
	Dialect   string `json:"dialect"`
	Operation string `json:"operation"`
}

// Years that DateTime64(3) holds.
const (
	leastYear = 1900
	mostYear  = 2299
)

func row(origin string, r ship.Record) line {
	d, _ := ship.Describe(r)
	at := "1970-01-01 00:00:00.000"
	if y := d.Time.UTC().Year(); y >= leastYear && y <= mostYear {
		at = d.Time.UTC().Format("2006-01-02 15:04:05.000")
	}
	leaf := ship.Leaf(r.Core)
	some := func(list []string) []string { return append([]string{}, list...) }
	return line{
		Origin: origin, Index: r.Index, Time: at, Kind: d.Kind, ID: d.ID, Decision: d.Decision,
		Application: d.Application, Team: d.Team, Types: some(d.Types), Groups: some(d.Groups), Rules: some(d.Rules),
		Status: min(max(d.Status, 0), 1<<30), Sent: d.Sent, Leaf: hex.EncodeToString(leaf[:]), Core: string(r.Core),
		done:  done{Action: d.Action, Code: d.Code, Mode: d.Mode, Asked: d.Asked, Pool: d.Pool},
		model: model{Model: d.Model, Dialect: d.Dialect, Operation: d.Operation},
	}
}

// Ship inserts the batch with one statement.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error { return s.ShipAll(ctx, b) }

// ShipAll inserts batches of several logs with one statement, for ClickHouse wants
// few and large ones. Where it fails, some of it may be there nevertheless.
func (s *Sink) ShipAll(ctx context.Context, batches ...ship.Batch) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	token := sha256.New()
	records := 0
	for _, b := range batches {
		if len(b.Records) == 0 {
			continue
		}
		if err := s.prepare(ctx, b.Origin); err != nil {
			return err
		}
		if b.First < s.first[b.Origin] {
			if err := s.compare(ctx, b); err != nil {
				return err
			}
		}
		for _, r := range b.Records {
			if err := s.encode(&body, enc, b.Origin, r); err != nil {
				return ship.Refuse(r.Index, "its columns cannot be written as JSON")
			}
		}
		records += len(b.Records)
		fmt.Fprintf(token, "%s:%d-%d\n", b.Origin, b.First, b.End()-1)
	}
	if records == 0 {
		return nil
	}
	name := hex.EncodeToString(token.Sum(nil))
	if len(batches) == 1 {
		name = fmt.Sprintf("%s:%d-%d", batches[0].Origin, batches[0].First, batches[0].End()-1)
	}
	_, err := s.ask(ctx, "INSERT INTO "+s.opt.Table+" FORMAT JSONEachRow", url.Values{
		"insert_deduplication_token": {name},
		"insert_deduplicate":         {"1"},
		"wait_for_async_insert":      {"1"},
	}, body.Bytes())
	return err
}

// encode writes a record's row, a line of JSON.
func (s *Sink) encode(body *bytes.Buffer, enc *json.Encoder, origin string, r ship.Record) error {
	if err := enc.Encode(row(origin, r)); err != nil || s.opt.Extra == nil {
		return err
	}
	more, err := s.opt.Extra.Values(origin, r)
	if err != nil || len(more) <= len("{}") {
		return err
	}
	body.Truncate(body.Len() - len("}\n")) // one object of the two
	body.WriteByte(',')
	body.Write(more[1:])
	body.WriteByte('\n')
	return nil
}

// Query asks the server. Values of the statement's parameters {NAME:TYPE} stand in
// params under param_NAME, written by [Parameter] where they are text. It is safe for
// concurrent use with the sink's other methods.
func (s *Sink) Query(ctx context.Context, statement string, params url.Values) ([]byte, error) {
	return s.ask(ctx, statement, params, nil)
}

// Table gives the table's name, for statements.
func (s *Sink) Table() string { return s.opt.Table }

// Parameter writes a text as ClickHouse reads the values of parameters.
func Parameter(s string) string { return parameter(s) }

// prepare makes the table and looks how far an origin got, once.
func (s *Sink) prepare(ctx context.Context, origin string) error {
	if !s.made.Load() && !s.opt.NoCreate {
		for _, statement := range s.DDL() {
			if _, err := s.ask(ctx, statement, nil, nil); err != nil {
				return err
			}
		}
	}
	s.made.Store(true)
	if _, ok := s.first[origin]; ok {
		return nil
	}
	out, err := s.ask(ctx, "SELECT if(count() = 0, 0, max(idx) + 1) FROM "+s.opt.Table+" WHERE origin = {origin:String} FORMAT TSV", url.Values{"param_origin": {parameter(origin)}}, nil)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil || n < 0 {
		return ship.Fail(ship.Unsupported, "what answers is not ClickHouse, or the table is another")
	}
	s.first[origin] = n
	return nil
}

// compare fails with ship.Conflict where another record stands under a key of the
// batch.
func (s *Sink) compare(ctx context.Context, b ship.Batch) error {
	out, err := s.ask(ctx, "SELECT DISTINCT idx, leaf FROM "+s.opt.Table+" WHERE origin = {origin:String} AND idx >= {first:UInt64} AND idx < {end:UInt64} FORMAT TSV", url.Values{
		"param_origin": {parameter(b.Origin)}, "param_first": {strconv.FormatInt(b.First, 10)}, "param_end": {strconv.FormatInt(b.End(), 10)},
	}, nil)
	if err != nil {
		return err
	}
	for there := range strings.Lines(string(out)) {
		index, leaf, ok := strings.Cut(strings.TrimSpace(there), "\t")
		n, err := strconv.ParseInt(index, 10, 64)
		if !ok || err != nil || n < b.First || n >= b.End() {
			return ship.Fail(ship.Unsupported, "what answers is not ClickHouse, or the table is another")
		}
		if ours := ship.Leaf(b.Records[n-b.First].Core); hex.EncodeToString(ours[:]) != leaf {
			return ship.Fail(ship.Conflict, "")
		}
	}
	return nil
}

// parameter writes the value of a query's parameter as ClickHouse reads it: in the
// escaped form of TSV.
func parameter(s string) string {
	return strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(s)
}

// Next gives the index behind the last record of the origin that is there.
func (s *Sink) Next(ctx context.Context, origin string) (int64, error) {
	delete(s.first, origin)
	if err := s.prepare(ctx, origin); err != nil {
		return 0, err
	}
	return s.first[origin], nil
}

// ask runs a statement and gives the answer's body.
func (s *Sink) ask(ctx context.Context, query string, values url.Values, body []byte) ([]byte, error) {
	u := *s.url
	if values == nil {
		values = url.Values{}
	}
	if body == nil {
		body = []byte(query) // an address has less room than a body
	} else {
		values.Set("query", query)
	}
	// The status then tells how all of it went, not how it began.
	values.Set("wait_end_of_query", "1")
	if s.opt.Database != "" {
		values.Set("database", s.opt.Database)
	}
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, ship.Fail(ship.KindOther, "the request cannot be made")
	}
	if s.opt.User != "" {
		req.Header.Set("X-ClickHouse-User", s.opt.User)
	}
	if s.opt.Password != nil {
		password, err := s.opt.Password()
		if err != nil {
			return nil, ship.Fail(ship.Credentials, "the password cannot be read")
		}
		req.Header.Set("X-ClickHouse-Key", password)
	}
	resp, err := s.opt.Client.Do(req)
	if err != nil {
		return nil, ship.Network(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	if err != nil {
		return nil, ship.Network(err)
	}
	code := resp.Header.Get("X-ClickHouse-Exception-Code")
	switch {
	case code != "":
		return nil, s.exception(code)
	case resp.StatusCode != http.StatusOK:
		return nil, ship.HTTPStatus(resp)
	case len(out) > answerLimit:
		return nil, ship.Fail(ship.Unsupported, "the answer is too long")
	}
	return out, nil
}

// exception makes a failure of the number of one of ClickHouse's exceptions
// (src/Common/ErrorCodes.cpp). Their text quotes rows and is not kept.
func (s *Sink) exception(code string) error {
	detail := "exception " + code
	n, err := strconv.Atoi(code)
	if err != nil {
		return ship.Fail(ship.KindOther, "an exception without a number")
	}
	switch n {
	case 6, 26, 27, 38, 41, 69, 72, 117, 130, 131, 321, 349, 467, 469: // what cannot be parsed, is out of range, or breaks a constraint
		return ship.Refuse(-1, detail)
	case 192, 193, 194, 497, 516: // who we are, what we may do
		return ship.Fail(ship.Credentials, detail)
	case 60, 81: // no such table or database: made anew by the next call
		s.made.Store(false)
		return ship.Fail(ship.Unsupported, detail)
	case 159, 160, 201, 202, 209, 210, 241, 242, 243, 252, 285, 319, 394, 999: // too much, too many, read only for now
		return ship.Fail(ship.Busy, detail)
	case 16, 44, 47, 62, 46, 115: // another table, an unknown column or setting
		return ship.Fail(ship.Unsupported, detail)
	}
	return ship.Fail(ship.KindOther, detail)
}

// Close ends idle connections.
func (s *Sink) Close() error {
	s.opt.Client.CloseIdleConnections()
	return nil
}
