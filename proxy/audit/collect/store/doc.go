// Package store keeps the events of many logs in a database and answers questions
// over all of them, where one machine's indices are not enough.
//
// A [Store] takes the batches of any number of logs ([Store.Sink] is a sink of
// package ship, one for each log, so that cursors, retries and parking are those of
// shipping), and answers what package index answers: pages of records
// ([Store.Search]), values with counts ([Store.Facets]), how many there were when
// ([Store.Histogram]), all that belongs to an id ([Store.Lookup]), and what is added
// ([Store.Tail]). A query is a [Query] in the language of package index; its answers
// are the index's over the same records.
//
// # The table
//
// It is the table of ship/postgres or ship/clickhouse, with the record and its leaf
// hash, and beside that a column for each field that can be asked for: f_NAME holds
// the values of a text field, n_NAME a number, trace and refers are ids, ms is the
// event's time in milliseconds, shape tells decisions (0), outcomes (1), other events
// (2) and records that are no events (-1, never found), and seq counts the inserts:
// a page of answers is of the inserts that were complete when the first one was made.
//
// One collector writes a table, and no one else: seq is counted by it.
//
// # Statements
//
// A statement is made of constants of this package and of placeholders. What a query
// says reaches the database as the value of a parameter alone.
//
// # What takes how long
//
// Pages, ids, histograms and facets of a query go by indices where the query bounds a
// time or an id, and else through the rows. Facets of everything count every set of
// values of every field: on PostgreSQL that is some microseconds for each event and
// field, so over millions of events ask for few fields or a span of time, or take
// ClickHouse.
//
// # What it is not
//
// It is no evidence: whoever can write to the database can make it lie. The
// collector's replicas and checkpoints are; whoever shows a record of the store holds
// its leaf hash against the collector's tree ([Store.At] gives both).
package store
