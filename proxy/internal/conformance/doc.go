// Package conformance is one specification of every data plane: the same HTTP
// exchanges are held against the embedded plane and against Envoy, with the real
// rooms behind both. It is for tests only.
//
// For each exchange it looks at both ends and at the book: the answer that the
// client gets, the bytes that arrive at each pool, and that there is exactly one
// decision and one outcome, which say the same.
package conformance
