// Package envoy makes Envoy's configuration and runs Envoy with it.
//
// [Bootstrap] turns a [Spec] into a static bootstrap that fails closed by
// construction, for Envoy 1.40 or later: a request without a verdict finds no
// route, a second filter refuses what carries no allow, and what carries one
// that was given before the body was seen. [SDS] hands the pools' credentials
// to Envoy, so that neither applications nor the configuration hold them.
// [Find] looks for an Envoy, [Fetch] downloads one, [Start] supervises it, and
// [ReadAccessLog] reads from Envoy's own log what really left.
//
// The package knows nothing of exchanges, policies or bodies: package extproc
// speaks with the Envoy that is configured here.
//
// # The locks
//
// Lock 1: forwarding routes match only the dynamic metadata
// ostiary.verdict.pool, which no one but the external processor can write; the
// last route answers 503. Lock 2: RBAC allows only the decision allow. Lock 3:
// RBAC allows only a verdict on the body, or on the headers of a request that
// can have no body. Together they hold where the external processor ends its
// stream cleanly, in which case Envoy by its protocol carries on without it;
// failure_mode_allow false alone does not. Package weaken takes single locks
// out, so that tests can show what each is for.
package envoy
