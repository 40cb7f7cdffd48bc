// Package collect gathers the logs of many proxies in one place, and witnesses
// them.
//
// A [Sink] on the side of a proxy pushes the records of its log, without their
// personal parts, to a [Collector], because proxies sit behind firewalls. Each push
// carries a signed checkpoint of the log and the proof that the records are those
// it was signed for, so the collector takes nothing that the log's key has not
// signed, and an answer means that the records are on the collector's disk. It
// keeps a replica of each log that audit.OpenReader reads and audit.Verify
// verifies, and cosigns the checkpoints whose records it holds.
//
// A log that was put back to an older state, or gone on with from there, cannot
// agree with its replica: that is refused, told to an operator by the log's name,
// and kept as evidence.
//
// [Collector.Forget] removes what is old of a replica, in whole segments, once it was
// cosigned and copied; hashes and checkpoints stay, and a mark in the replica, which
// nobody signs, says what is gone.
//
// # The protocol
//
//	POST collect/v1/records   a [Push]: records, checkpoint, proof
//	POST collect/v1/hello     a [Push] without records: the log's present checkpoint
//	POST collect/v1/enrol     an [Enrolment]: the key of a log that is new
//	POST add-checkpoint, GET last-checkpoint   as of package witness
//
// Answers are JSON: an [Answer] with 200, a [Refusal] otherwise. Pushes can be
// repeated: what is there already is compared, and answered as the first time.
//
// # On disk
//
//	origins/NAME/origin    the log's origin and its verifier key, pinned
//	origins/NAME/log/      the replica
//	origins/NAME/log/forgotten  what was removed from it, and the log's legal holds
//	origins/NAME/hashes    its Merkle tree; can be made anew of the replica and its tiles
//	origins/NAME/rotations the keys that followed that one
//	origins/NAME/seen      checkpoints seen whose records are still to come
//	origins/NAME/evidence/ pushes that contradict the replica, and why
//	witness/               the last cosigned checkpoint of each log
package collect
