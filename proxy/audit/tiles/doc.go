// Package tiles shows a log to others as C2SP tlog-tiles has it: the checkpoint,
// the tiles of its Merkle tree, and its records in bundles, each at a path of its
// own. Any client of that specification can read such a log, verify it and prove
// what is in it.
//
// [Handler] serves a [Source]; [Open] makes one of the directory of a log, or of a
// copy of one, [Client] of a log elsewhere. What comes of a source is not trusted:
// [Hashes] and [Records] check everything against the root of a signed
// checkpoint.
//
// Records are served as they are, without their personal parts. Who may read them
// is for whoever mounts the handler to say.
package tiles
