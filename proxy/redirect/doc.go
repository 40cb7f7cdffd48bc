// Package redirect makes connections of programs that know nothing of Ostiary
// arrive at it.
//
// [Rules] say what becomes of the connections that the processes of one network
// namespace open: some ports are redirected to a port on loopback, QUIC is refused
// so that clients fall back to TCP, and, if so asked, nothing else leaves. [Up],
// [Down] and [Read] write, remove and read them as a table of nftables that is ours
// alone, in one transaction, so that there is never half a set; [Rules.Script] and
// [Rules.IPTables] give them as text for an init container or a reviewer.
//
// A [Space] is a network namespace of one command's own, out of which nothing leads
// but through sockets that are opened inside it and served outside; a [Relay]
// answers DNS in it.
//
// The package knows nothing of TLS, exchanges or policies. What a client dialled
// ([Original]) is the client's word: it says where a connection was to go, and
// decides nothing.
package redirect
