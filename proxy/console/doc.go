// Package console is the read API of the audit log, on a control socket and on an
// HTTPS listener, and the client of that socket.
//
// # Who may do what
//
// A caller is known by the uid at the other end of the control socket
// (SO_PEERCRED), by a bearer token of an OpenID Connect provider, or by a client
// certificate. [Grant]s give roles; whoever has none is refused. The daemon's own
// uid has all of them on the socket: it could read the files as well.
//
//	viewer    decisions and figures; no fingerprints, nothing personal
//	reviewer  personal parts too; each read is an access event before it is answered
//	dpo       data-protection officer: hash, reveal, erase and hold as well
//	admin     the state of the log, retention and keys; neither events nor what is personal
//
// The table of routes in routes.go is the whole of it, and a closed list: what is
// not in it is refused.
//
// # What is recorded first
//
// Reading personal parts, exporting, looking a value up and revealing evidence
// append an event of kind access, and the answer begins only when that is durable.
// If it cannot be recorded, the read is refused. Erasing, holding, retaining and
// rotating are recorded by the [Custodian] and the [Upkeep] that do them, with the
// [By] that they are given. A caller who has some role and asks for what takes
// another is recorded too, at a bounded rate.
//
// # What is not here
//
// The private key of sealed evidence: revealing gives the ciphertext, which the
// reviewer opens on their own side. An approver is a name that the caller gives; it
// is recorded, and nothing here proves that the approver was asked.
package console
