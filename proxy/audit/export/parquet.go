package export

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Bounds of a Parquet file's writer.
const (
	rowsAtOnce  = 512
	rowsInGroup = 65_536
)

// parquetTable writes Parquet: each column optional, of UTF-8 strings, 64-bit integers
// or timestamps in milliseconds. Columns lie in the order of their names.
type parquetTable struct {
	w       *parquet.GenericWriter[any]
	columns []column // in the order of the schema
	rows    []parquet.Row
}

func newParquet(w io.Writer, list []column, o Options) *parquetTable {
	group, byName := parquet.Group{}, map[string]column{}
	for _, c := range list {
		byName[c.name] = c
		switch {
		case c.time:
			group[c.name] = parquet.Optional(parquet.Timestamp(parquet.Millisecond))
		case c.number != nil:
			group[c.name] = parquet.Optional(parquet.Int(64))
		default:
			group[c.name] = parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
		}
	}
	schema := parquet.NewSchema("event", group)
	p := &parquetTable{}
	for _, path := range schema.Columns() {
		p.columns = append(p.columns, byName[path[0]])
	}
	p.w = parquet.NewGenericWriter[any](w, schema, parquet.Compression(&zstd.Codec{}), parquet.MaxRowsPerRowGroup(rowsInGroup),
		parquet.CreatedBy("ostiary", o.Version, ""))
	return p
}

func (p *parquetTable) write(e *entry) error {
	row := make(parquet.Row, len(p.columns))
	for i := range p.columns {
		row[i] = p.columns[i].value(e, i)
	}
	p.rows = append(p.rows, row)
	if len(p.rows) == rowsAtOnce {
		return p.flush()
	}
	return nil
}

// value gives the column's value at its place in the schema: level 1 where it is there,
// level 0 where it is not.
func (c *column) value(e *entry, place int) parquet.Value {
	if c.number != nil {
		if n, ok := c.number(e); ok {
			return parquet.Int64Value(n).Level(0, 1, place)
		}
		return parquet.NullValue().Level(0, 0, place)
	}
	if s := c.text(e); s != "" {
		return parquet.ByteArrayValue([]byte(s)).Level(0, 1, place)
	}
	return parquet.NullValue().Level(0, 0, place)
}

func (p *parquetTable) flush() error {
	if len(p.rows) == 0 {
		return nil
	}
	if _, err := p.w.WriteRows(p.rows); err != nil {
		return fmt.Errorf("export: write Parquet: %w", err)
	}
	p.rows = p.rows[:0]
	return nil
}

func (p *parquetTable) close() error {
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.w.Close(); err != nil {
		return fmt.Errorf("export: write Parquet: %w", err)
	}
	return nil
}
