// Package ship carries committed records of an audit log to the engines that an
// organisation has already: a database, a queue, object storage, a log server.
//
// A [Shipper] reads records that are durable and gives them to its sinks, in
// order and in batches. It never holds up whoever records: it reads files that
// are written anyway, and each sink has a goroutine, a cursor and a backoff of its
// own, so that one that is slow or dead holds up no other.
//
// What is shipped is the core of an event: the exact canonical bytes that the
// log's tree is made of, so that a row, an object or a message stays provable by
// its index. The personal part is never shipped. A record whose core holds one is
// parked, not altered.
//
// # At least once, and once in queries
//
// Before a batch goes out, its bounds are written to the sink's cursor file and
// synchronised; once the sink has acknowledged it, the cursor moves on. Whatever
// comes between, the next process sends a batch with the same bounds and the same
// bytes again. So whatever a sink names by (origin, first, last), an object or a
// deduplication token, is named the same again, and a sink that keys its rows by
// (origin, index) shows each of them once.
//
//	NAME.cursor  origin, index of the next record, end of the batch that is under way
//	NAME.parked  a line for each record that the sink will never take, with why
//	lock         flock of the process that ships
//
// Where there is no cursor and the sink can tell how far it got ([Resumer]), the
// shipper asks it; else it begins with the first record.
//
// # Failures
//
// A sink that fails is tried again for ever, with a growing, jittered pause. A
// sink that refuses a batch for good ([Refused]) is given halves of it until the
// record that it does not take is alone; that one is parked, reported, and passed
// over. A sink that refuses everything is not refusing records: after a few in a
// row with none accepted between, nothing more is parked and the sink counts as
// failing. A failure that does not pass by itself (a login, a certificate, a store
// that is not set up for it) is told of once, and the pause is at its longest.
//
// A sink is stopped, and the others go on, where going on could lose or mix
// records: the log has another origin than the cursor, is shorter than what was
// shipped, or holds another record where the last one that was shipped stood; a
// record that was not shipped yet was removed; the store holds another record
// under the same origin and index; the sink lacks what it had acknowledged; it does
// not take this log at all, because it knows another key of it or another form.
package ship
