// Package embedded is a data plane in pure Go for one machine: the same
// [proxy.Session] that Envoy's filter drives, behind net/http. It serves HTTP/1.1
// and HTTP/2, without TLS (prior knowledge) and with, and forwards by
// [httputil.ReverseProxy].
//
// # One way out
//
// A request goes upstream in one function, which takes a [proxy.Release]. What
// goes is built, not passed on: method, the path and body of the release, and
// the headers that were inspected, less those that the release removes. The
// pool's credential is added last. Hop-by-hop headers, trailers, what proxies
// say of clients and everything under our own prefix stay behind.
//
// # What is refused here
//
// What Envoy refuses before its filters is refused here too, recorded, with 400:
// paths that two servers could read differently (empty and dot segments, escaped
// separators, absolute form) and header names with an underscore, which some
// servers take for a hyphen. Tunnels and upgrades are the engine's to refuse.
//
// # Answers
//
// Answers pass as they come, every read flushed. An answer that breaks off breaks
// off for the client too. A connection to a pool that could not be made is tried
// again, within the pool, and nothing else is: what a model may have worked on is
// not sent twice. A client that goes takes its upstream request with it.
//
// # Names that are not ours
//
// [Plane.ServeProxy] takes clients that know of a proxy, [Plane.ServeRedirect]
// those whose connections were redirected. In both, the name in the client's TLS
// (SNI) decides, never the target of its CONNECT nor the address that it dialled.
// TLS of a governed name is ended here, and its requests go the one way out. A
// passed name gets the client's bytes as they are, at an address that we look up: a
// client that lies about the name reaches the name. Everything else is closed: no
// name, an address, another protocol, a port that is not listed. There is no
// default. Every connection that was not governed is told of, with a word why.
//
// Plain HTTP goes to passed names only, built anew, and not where it looks like a
// call of a model API. What cannot be seen is what passed names do with their
// bytes: whether one of them carries requests on to a model is for policy to know,
// and so are the public names behind which Encrypted Client Hello hides others.
//
// The package knows no pool but by the name that the release gives, and no
// policy.
package embedded
