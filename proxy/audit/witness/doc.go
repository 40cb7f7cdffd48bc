// Package witness cosigns the checkpoints of logs, and asks others to.
//
// A log that is signed by one key on one machine can be put back to an older
// state, and be gone on with from there, by whoever has the machine. A witness
// elsewhere keeps the last checkpoint of each log that it has seen, signs only
// what goes on from it, and so makes that visible: [Compare] holds a log against
// what a witness has cosigned.
//
// [Witness] answers the requests of C2SP tlog-witness, [Client] makes them;
// cosignatures are those of C2SP tlog-cosignature with Ed25519 (cosignature/v1),
// so that any witness of that kind can witness ours, and ours any log.
package witness
