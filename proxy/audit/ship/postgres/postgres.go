// Package postgres ships the audit log to PostgreSQL, version 12 or later.
//
// # The table
//
// It is made where it is not there, unless that is switched off (then make it by
// hand, with the statements that [DDL] gives):
//
//	origin, idx                the log and the record's index in it; the key
//	day                        date of the event in UTC; 1970-01-01 where it cannot be read
//	time                       timestamptz
//	kind, id, decision_id      of the event; decision_id joins a decision and its outcome
//	action, code, mode         what was done
//	asked, pool                where it was to go, where it went
//	application, team, model, dialect, operation
//	types, groups, rules       arrays of text: of findings, and the rules that spoke
//	status, sent               to the client; whether upstream received a byte
//	leaf                       RFC 6962 leaf hash of core: SHA-256 of a zero byte and core
//	core                       the record: the exact canonical JSON, as text
//
// core is text and not jsonb, because jsonb would not keep the bytes that the leaf
// hash and the log's tree are made of. For more columns write core::jsonb.
//
// # Once
//
// A batch is copied to a temporary table and inserted from there, in one
// transaction, where (origin, idx) is not there yet. So a batch that comes again
// changes nothing. Where another record stands under the same key the batch fails
// with ship.Conflict. The transaction is committed with synchronous_commit on.
//
// Connect to the server itself or to a pooler in session mode: the temporary
// table lives in a session.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// DefaultTable is the table's name where Options give none.
const DefaultTable = "ostiary_events"

const (
	applicationName = "ostiary"
	stage           = "ostiary_stage"  // temporary table of the session
	ddlLock         = 0x6f737469617279 // key of the advisory lock on making tables: "ostiary"
	closeTimeout    = 2 * time.Second  // for the goodbye to the server
	dayLimit        = 400              // partitions that one batch may ask for
	unknownDay      = "1970-01-01"     // of an event whose time cannot be read
	dayForm         = time.DateOnly    // of partitions' bounds
	partitionForm   = "_p20060102"     // suffix of a partition's name
	identifierBytes = 63 - len("_p20060102")
)

// Options say where rows go.
type Options struct {
	// Connection gives a URL or a keyword string as libpq has them, with the
	// password and TLS settings in it. It is asked at each connection, so that a
	// password may change. What it gives is never told.
	Connection func() (string, error)
	// Table is TABLE or SCHEMA.TABLE, empty for DefaultTable. The schema must be
	// there.
	Table string
	// Daily partitions a table that is made by day, so that old days can be
	// dropped at once. A table that is there keeps its kind.
	Daily bool
	// NoCreate leaves making tables and partitions to others.
	NoCreate bool
	// Extra is columns beyond those that the package names, of a table that is made
	// for them; nil for none.
	Extra *Extra
}

// Extra is further columns of the table, for whoever asks questions of it.
type Extra struct {
	Columns []Column
	// Indexes are lists of columns, by name, of further B-tree indices.
	Indexes []string
	// RowBytes is how long a row may be before its record is kept apart (TOAST), so
	// that who looks at rows does not read records; 0 leaves that to the server.
	RowBytes int
	// Values gives a record's values, in the order of the columns. Text in them has
	// no zeros; see [Text].
	Values func(origin string, r ship.Record) []any
}

// Column is a column that the package does not know.
type Column struct {
	Name string // an identifier: letters, digits and '_'
	Type string // as PostgreSQL has it
}

// Text removes zeros, which PostgreSQL's text cannot hold.
func Text(s string) string { return text(s) }

// Sink is a connection to one table. It is for one goroutine, as ship calls it.
type Sink struct {
	opt     Options
	table   string // quoted
	name    string // without the schema, unquoted
	conn    *pgx.Conn
	daily   bool            // of the table that is there
	days    map[string]bool // partitions that are known to be there
	checked bool            // records that are there were compared since the connection was made
	columns []string        // of a row
}

var (
	_ ship.Sink    = (*Sink)(nil)
	_ ship.Resumer = (*Sink)(nil)
)

// identifier is a name that needs no thought: quoted, it is taken as it stands.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	if o.Connection == nil {
		return nil, errors.New("postgres: a connection is needed")
	}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	parts := strings.Split(o.Table, ".")
	for _, p := range parts {
		if len(parts) > 2 || len(p) > identifierBytes || !identifier.MatchString(p) {
			return nil, fmt.Errorf("postgres: the table must be TABLE or SCHEMA.TABLE of letters, digits and '_', at most %d each", identifierBytes)
		}
	}
	s := &Sink{opt: o, table: pgx.Identifier(parts).Sanitize(), name: parts[len(parts)-1], days: map[string]bool{}, columns: columns}
	if o.Extra != nil {
		s.columns = slices.Clone(columns)
		for _, c := range o.Extra.Columns {
			if !identifier.MatchString(c.Name) || len(c.Name) > identifierBytes {
				return nil, errors.New("postgres: a column's name is letters, digits and '_'")
			}
			s.columns = append(s.columns, c.Name)
		}
	}
	return s, nil
}

// Table gives the quoted name of the table, for statements.
func (s *Sink) Table() string { return s.table }

// DDL gives the statements that make the table, for whoever makes it by hand.
func (s *Sink) DDL() []string { return s.ddl(s.opt.Daily) }

func (s *Sink) ddl(daily bool) []string {
	partition := ""
	if daily {
		partition = " PARTITION BY RANGE (day)"
	}
	extra := ""
	var indexes []string
	if x := s.opt.Extra; x != nil {
		for _, c := range x.Columns {
			extra += "\n\t" + c.Name + " " + c.Type + ","
		}
		for i, list := range x.Indexes {
			indexes = append(indexes, `CREATE INDEX IF NOT EXISTS `+s.index(fmt.Sprintf("x%d", i))+` ON `+s.table+` (`+list+`)`)
		}
	}
	return append([]string{
		`CREATE TABLE IF NOT EXISTS ` + s.table + ` (
	origin text NOT NULL, idx bigint NOT NULL, day date NOT NULL, time timestamptz,
	kind text NOT NULL, id text NOT NULL, decision_id text NOT NULL,
	action text NOT NULL, code text NOT NULL, mode text NOT NULL, asked text NOT NULL, pool text NOT NULL,
	application text NOT NULL, team text NOT NULL, model text NOT NULL, dialect text NOT NULL, operation text NOT NULL,
	types text[] NOT NULL, groups text[] NOT NULL, rules text[] NOT NULL,
	status integer NOT NULL, sent text NOT NULL,
	leaf bytea NOT NULL, core text NOT NULL,` + extra + `
	PRIMARY KEY (origin, idx` + map[bool]string{true: ", day"}[daily] + `)
)` + partition + s.storage(daily),
		`CREATE INDEX IF NOT EXISTS ` + s.index("time") + ` ON ` + s.table + ` USING brin (time)`,
		`CREATE INDEX IF NOT EXISTS ` + s.index("decision") + ` ON ` + s.table + ` (decision_id)`,
	}, indexes...)
}

// storage says how rows are kept. A table by day has its partitions say it.
func (s *Sink) storage(partitioned bool) string {
	if x := s.opt.Extra; x != nil && x.RowBytes > 0 && !partitioned {
		return fmt.Sprintf(" WITH (toast_tuple_target = %d)", x.RowBytes)
	}
	return ""
}

func (s *Sink) index(suffix string) string { return pgx.Identifier{s.name + "_" + suffix}.Sanitize() }

// columns of the table, as row gives them.
var columns = []string{
	"origin", "idx", "day", "time", "kind", "id", "decision_id", "action", "code", "mode", "asked", "pool",
	"application", "team", "model", "dialect", "operation", "types", "groups", "rules", "status", "sent", "leaf", "core",
}

func row(origin string, r ship.Record) []any {
	d, _ := ship.Describe(r)
	day, at := unknownDay, (*time.Time)(nil)
	// A year of more than four digits is no date of a partition.
	if y := d.Time.Year(); !d.Time.IsZero() && y > 1000 && y < 10000 {
		day, at = d.Time.UTC().Format(dayForm), &d.Time
	}
	date, _ := time.Parse(dayForm, day)
	leaf := ship.Leaf(r.Core)
	return []any{
		text(origin), r.Index, date, at, text(d.Kind), text(d.ID), text(d.Decision), text(d.Action), text(d.Code), text(d.Mode), text(d.Asked), text(d.Pool),
		text(d.Application), text(d.Team), text(d.Model), text(d.Dialect), text(d.Operation), texts(d.Types), texts(d.Groups), texts(d.Rules),
		int32(min(max(d.Status, 0), 1<<30)), text(d.Sent), leaf[:], string(r.Core),
	}
}

// text removes zeros, which PostgreSQL's text cannot hold. Canonical JSON escapes
// them, so that the core keeps them.
func text(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func texts(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, text(s))
	}
	return out
}

// Ship inserts the batch in one transaction.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error { return s.ShipAll(ctx, b) }

// ShipAll inserts batches of several logs in one transaction: all of them are there
// then, or none. One that has no records adds nothing.
func (s *Sink) ShipAll(ctx context.Context, batches ...ship.Batch) error {
	err := s.ship(ctx, batches)
	if err != nil {
		s.drop()
		return failure(err)
	}
	return nil
}

func (s *Sink) ship(ctx context.Context, batches []ship.Batch) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	var rows [][]any
	days := map[string]bool{}
	for _, b := range batches {
		for _, r := range b.Records {
			v := row(b.Origin, r)
			days[v[2].(time.Time).Format(dayForm)] = true
			if s.opt.Extra != nil {
				v = append(v, s.opt.Extra.Values(b.Origin, r)...)
			}
			rows = append(rows, v)
		}
	}
	if err := s.partitions(ctx, days); err != nil {
		return err
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // of one that was committed it does nothing
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{stage}, s.columns, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	key := "(origin, idx)"
	if s.daily {
		key = "(origin, idx, day)"
	}
	list := strings.Join(s.columns, ", ")
	tag, err := tx.Exec(ctx, `INSERT INTO `+s.table+` (`+list+`) SELECT `+list+` FROM `+stage+` ON CONFLICT `+key+` DO NOTHING`)
	if err != nil {
		return err
	}
	if tag.RowsAffected() != int64(len(rows)) || !s.checked {
		var others int64
		err := tx.QueryRow(ctx, `SELECT count(*) FROM `+stage+` s JOIN `+s.table+` t ON t.origin = s.origin AND t.idx = s.idx WHERE t.leaf <> s.leaf`).Scan(&others)
		if err != nil {
			return err
		}
		if others > 0 {
			return ship.Fail(ship.Conflict, "")
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	s.checked = true
	return nil
}

// Next gives the index behind the last record of the origin that is there.
func (s *Sink) Next(ctx context.Context, origin string) (int64, error) {
	err := s.connect(ctx)
	var next int64
	if err == nil {
		err = s.conn.QueryRow(ctx, `SELECT coalesce(max(idx) + 1, 0) FROM `+s.table+` WHERE origin = $1`, text(origin)).Scan(&next)
	}
	if err != nil {
		s.drop()
		return 0, failure(err)
	}
	return next, nil
}

// connect connects and prepares the session, where that was not done.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	s.drop()
	config, err := parse(s.opt.Connection)
	if err != nil {
		return err
	}
	if s.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	var durable string
	if err := s.conn.QueryRow(ctx, `SHOW synchronous_commit`).Scan(&durable); err != nil {
		return err
	}
	if durable == "off" {
		if _, err := s.conn.Exec(ctx, `SET synchronous_commit = on`); err != nil {
			return err
		}
	}
	if !s.opt.NoCreate {
		if err := s.locked(ctx, s.ddl(s.opt.Daily), true); err != nil {
			return err
		}
	}
	if err := s.conn.QueryRow(ctx, `SELECT relkind = 'p' FROM pg_class WHERE oid = $1::text::regclass`, s.table).Scan(&s.daily); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, `CREATE TEMPORARY TABLE IF NOT EXISTS `+stage+` (LIKE `+s.table+`) ON COMMIT DELETE ROWS`)
	return err
}

// locked runs statements that make tables in one transaction, one process at a
// time: two that make the same table at once would fail. With lookFirst it does
// nothing where the table is there, which may need fewer rights.
func (s *Sink) locked(ctx context.Context, statements []string, lookFirst bool) error {
	if lookFirst {
		var there bool
		if err := s.conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, s.table).Scan(&there); err != nil || there {
			return err
		}
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(ddlLock)); err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// partitions makes the partitions that days need.
func (s *Sink) partitions(ctx context.Context, days map[string]bool) error {
	if !s.daily || s.opt.NoCreate {
		return nil
	}
	if len(days) > dayLimit {
		return ship.Refuse(-1, "events of more days than one batch may have")
	}
	var statements []string
	for day := range days {
		if s.days[day] {
			continue
		}
		from, err := time.Parse(dayForm, day)
		if err != nil {
			return ship.Fail(ship.KindOther, "a day is none")
		}
		schema := strings.TrimSuffix(s.table, pgx.Identifier{s.name}.Sanitize())
		statements = append(statements, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')%s`,
			schema+pgx.Identifier{s.name + from.Format(partitionForm)}.Sanitize(), s.table, day, from.AddDate(0, 0, 1).Format(dayForm), s.storage(false)))
	}
	if len(statements) == 0 {
		return nil
	}
	if err := s.locked(ctx, statements, false); err != nil {
		return err
	}
	for day := range days {
		s.days[day] = true
	}
	return nil
}

// drop gives the connection up. What it had begun is rolled back by the server.
func (s *Sink) drop() {
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = s.conn.Close(ctx)
	}
	s.conn, s.checked = nil, false
	clear(s.days)
}

// Close ends the connection.
func (s *Sink) Close() error {
	s.drop()
	return nil
}

// failure makes a failure of an error of pgx. Of its text, which quotes rows and
// addresses, it keeps the SQLSTATE.
func failure(err error) error {
	var known *ship.Error
	if errors.As(err, &known) {
		return known
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ship.Network(err)
	}
	detail := "SQLSTATE " + e.Code
	switch class := e.Code[:min(2, len(e.Code))]; {
	case e.Code == "42501", class == "28":
		return ship.Fail(ship.Credentials, detail)
	case class == "22", class == "23", class == "44", e.Code == "P0001":
		return ship.Refuse(-1, detail)
	case class == "40", class == "53", class == "55", class == "57", class == "25":
		return ship.Fail(ship.Busy, detail)
	case class == "08":
		return ship.Fail(ship.Unreachable, detail)
	case class == "42", class == "3D", class == "3F", class == "0A":
		return ship.Fail(ship.Unsupported, detail)
	}
	return ship.Fail(ship.KindOther, detail)
}
