// Package audit is the tamper-evident log of what Ostiary decided.
//
// [Open] gives a [Log], the sole appender of a directory and the
// [proxy.Recorder] of the engine: Record returns nil only once the events are on
// disk. There is no other mode. A full queue, a full disk, a time-out and a
// failed write are errors, and nothing is ever dropped. [OpenReader] reads the
// same files while the log is appended to, or on a copy of them; [Verify] proves
// that nothing was altered, or names the first record that was.
//
// # On disk
//
//	lock                     flock of the process that appends
//	segments/NNNNNNNN.log    records: a page of header, then frames of canonical JSON, personal parts beside
//	segments/NNNNNNNN.seg    the events of a full segment, in compressed blocks
//	segments/NNNNNNNN.personal  their personal parts, rewritten where some are erased
//	committed                up to where the log is durable; a hint for readers
//	checkpoints/NNNNNNNN.log the checkpoints signed while segment N was the current one
//	checkpoint               the last of them (C2SP tlog-checkpoint, a signed note)
//	tile/L/NNN[.p/W]         the Merkle tree (C2SP tlog-tiles), hashes only
//	rotations                statements by which one key was followed by another
//	holds                    legal holds in force; derived of events
//	pruned                   the first segment that retention has left
//	erasing                  an erasure that is under way
//	index/NNNNNNNN.cidx      columns for searching (package index); derived
//	tile/sealed              the segment up to whose beginning all tiles are durable
//	log.pub                  the verifier key, for people: it proves nothing where it lies
//
// Beside it, in the key directory (mode 0700):
//
//	log.key                  the Ed25519 key, a note signer key, mode 0600
//	log.pub                  its verifier key
//	seen-HASH.checkpoint     the last checkpoint of a log, by the hash of its origin
//
// The segments and the checkpoints are the record; the rest can be made anew of
// them. A record is the canonical JSON (RFC 8785) of one event, at most 65,535
// bytes. The tree is that of RFC 6962 over the records in order.
//
// # What is durable when
//
// One goroutine writes the frames of all calls that wait into a segment that was
// reserved before, synchronises it once, and answers the calls. Another, behind
// it, writes tiles and signs checkpoints: each second, each 10,000 records, at
// the beginning of a segment and at the end; it knows only what is durable. A
// third prepares segments. A fourth packs those that are full.
//
// A crash leaves a log whose end may be a write that nobody was told of. Each
// frame says how much of its segment was durable before its write began, so that
// such an end can be told from records that were lost: the one is removed, with
// the other the log is not opened.
//
// # What it does not do
//
// It does not keep anybody from altering the files; it makes that visible, as far
// as the key and a checkpoint are kept where whoever alters the files does not
// come. It does not prove that what was recorded is true. Erasing a personal part
// replaces a file: a file system may keep the old one's blocks until they are used
// again.
package audit
