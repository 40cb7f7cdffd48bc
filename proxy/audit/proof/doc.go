// Package proof has the formats in which records leave an audit log so that a
// third party can check them offline: the proof of one event, and a bundle of all
// records of a range. Both need nothing but the file and the log's verifier key,
// and this package needs nothing but the standard library and the C2SP formats of
// golang.org/x/mod/sumdb.
//
// # Event proof
//
// One JSON file: the event's exact canonical bytes as a string, its index, the
// size of the tree, the inclusion path (RFC 6962, section 2.1.1) and the signed
// checkpoint (C2SP tlog-checkpoint in a signed-note). Members stand in the order
// of their names, without white space and with a line feed at the end, and a file
// that is written in another way is refused: two readers cannot disagree about it.
//
// # Bundle
//
// A tar archive (ustar) of regular files, in this order:
//
//	README.txt               how to check it
//	bundle.json              origin, range [first, end), size of the tree, the query,
//	                         and the roots of the complete subtrees left of the range
//	                         and right of it
//	checkpoint               the signed checkpoint
//	records/NNNNNNNN.leaves  the leaf hashes of up to 4,096 records, 32 bytes each
//	records/NNNNNNNN.jsonl.gz  these records: their exact canonical bytes, one a line
//	...
//	attestation              where there is one: a signed note, see package report
//	manifest.json            range, number of records, and of every file above its
//	                         length and SHA-256
//
// Leaves, and the subtrees beside them, give the root that the checkpoint signs.
// The leaf hashes are not needed for that; they tell which record it is that was
// altered, removed, added or moved. The same input gives the same bytes, as far as
// the same version of compress/gzip writes them.
//
// # What is not proven
//
// That what was recorded is true; that a host which was broken into before a
// record was signed recorded all; that no other log exists in which the same
// traffic looks different (only a witness, or a checkpoint seen before, tells
// that); and, of a bundle, that its query is what somebody asked: the range is
// under the checkpoint's signature, the query is not.
package proof
