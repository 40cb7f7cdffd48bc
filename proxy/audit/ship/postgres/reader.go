package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// Reader asks questions of a database over a few connections of its own, which cannot
// write. Its methods are safe for concurrent use.
type Reader struct {
	connection func() (string, error)
	conns      chan *pgx.Conn // places; nil for one that is not connected
}

// NewReader gives a reader of so many connections. It does not connect. connection is
// that of [Options].
func NewReader(connection func() (string, error), connections int) *Reader {
	r := &Reader{connection, make(chan *pgx.Conn, connections)}
	for range connections {
		r.conns <- nil
	}
	return r
}

// Query runs a statement and calls row for each row of its answer, with a function that
// reads it into pointers. It waits for a connection that is free. Its errors are as those
// of a [Sink], but for those of row.
func (r *Reader) Query(ctx context.Context, statement string, args []any, row func(scan func(...any) error) error) error {
	var conn *pgx.Conn
	select {
	case conn = <-r.conns:
	case <-ctx.Done():
		return failure(ctx.Err())
	}
	defer func() { r.conns <- conn }()
	if conn == nil || conn.IsClosed() {
		var err error
		if conn, err = r.connect(ctx); err != nil {
			conn = nil
			return failure(err)
		}
	}
	rows, err := conn.Query(ctx, statement, append([]any{pgx.QueryExecModeDescribeExec}, args...)...)
	if err != nil {
		return failure(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return failure(err)
	}
	return nil
}

func (r *Reader) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := parse(r.connection)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	// By statement: poolers refuse parameters of the connection that they do not know.
	// Compiling a statement takes longer than most of them do; and what is grouped
	// should fit into memory.
	if _, err := conn.Exec(ctx, `SET default_transaction_read_only = on; SET jit = off; SET work_mem = '64MB'`); err != nil {
		closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = conn.Close(closing)
		return nil, err
	}
	return conn, nil
}

// parse reads the connection's text, of which no error tells anything.
func parse(connection func() (string, error)) (*pgx.ConnConfig, error) {
	where, err := connection()
	if err != nil {
		return nil, ship.Fail(ship.Credentials, "the connection's secret cannot be read")
	}
	config, err := pgx.ParseConfig(where)
	if err != nil {
		return nil, ship.Fail(ship.Unsupported, "the connection is neither a URL nor a keyword string as libpq has them")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = applicationName
	}
	return config, nil
}

// Close ends the connections, once those in use are free.
func (r *Reader) Close() {
	for range cap(r.conns) {
		if conn := <-r.conns; conn != nil {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			_ = conn.Close(ctx)
			cancel()
		}
	}
}
