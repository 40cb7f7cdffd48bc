// Package notify tells others what a verdict wants told: an [Outbox] stands before
// the recorder of events, and when a decision is durable it sends a short message of
// it to the web addresses that the decision's policies name.
//
// A message is a CloudEvent (CloudEvents 1.0.2, HTTP protocol binding, structured
// mode) of the decision's id, action, code, pool and rules. It holds no content, no
// person and no word of a caller. It is signed as Standard Webhooks (1.0.0) has it,
// with HMAC-SHA-256.
//
// Telling never holds up a request and never decides anything: each target has a
// queue of its own, what does not fit is dropped, and what cannot be delivered is
// tried a few times and then dropped. Whatever is dropped is counted and told to
// [Options.Failed], which records it. The audit log has every decision in any case.
package notify
