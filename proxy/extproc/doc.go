// Package extproc speaks Envoy's external-processing protocol
// (envoy.service.ext_proc.v3, Envoy 1.40): one gRPC stream is one HTTP exchange
// and becomes one [proxy.Session].
//
// # The conversation
//
//	Envoy                                   Ostiary
//	request_headers, more follows     →     continue, or an answer for the client
//	request_body, the whole           →     the verdict, or an answer for the client
//	response_headers                  →     continue, with the x-ostiary headers
//	(end of stream)                         end, status OK
//
// A request that ends with its headers gets the verdict in the reply to them. A
// reply is given exactly once to each message and is of its kind.
//
// # Why it is strict
//
// Envoy carries on without an external processor that ends its stream with
// status OK, whatever failure_mode_allow says. So status OK is what this package
// gives in two places only: when Envoy ends the stream after the answer's
// head, and when it ends it after an answer of ours. Every other way out is an
// error: a message out of turn, a client that left, a panic, a time-out. Permission is
// made in one function, from a [proxy.Release], which only package proxy can
// make, from an inspected body or an ended stream, once the decision is durable.
//
// What cannot be inspected is refused with the headers: tunnels and upgrades,
// an Envoy that does not buffer the body, one that was started for other pools,
// a TLS name that differs from the request's host.
//
// The package does not configure Envoy and does not know pools or policies.
package extproc
