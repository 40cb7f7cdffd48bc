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
// The package knows no pool but by the name that the release gives, and no
// policy.
package embedded
