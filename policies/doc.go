// Package policies decides: it compiles policies written in Rego, asks them
// about the [proxy.Facts] of a request, and folds what they say into one
// [proxy.Verdict]. It is the only package that knows OPA.
//
// A policy is a package ostiary.policies.NAME. It defines any of the partial
// sets deny, route, mask, warn and allow; each member is a contribution, an
// object with these keys:
//
//	all    rule      id of the rule, a literal, once in its package
//	       message   sentence for the caller, without content
//	deny   code      stable code for the client (default data_policy_denied)
//	       liftable  true where an allow may lift it
//	route  one of    boundary: "internal"; pools: [names]; jurisdictions: [codes]
//	       liftable
//	mask   types     and or groups of findings
//	       always    in-house too
//	       reversible, liftable
//	allow  lifts     id of the rule that it lifts, or POLICY.ID
//
// The most restrictive contribution wins (allow < mask < reroute < deny).
// Routes intersect over the pools of the request, and an empty intersection is
// a denial. Masks unite. An allow removes what it names where that is liftable,
// and nothing at all in a request that holds a credential or a part that was
// not inspected. Whatever a policy says in another form is an error, never
// ignored: at load where it can be seen in the text, else when it is evaluated.
//
// Passing takes a positive statement: without policies, with one missing that
// was expected, or on facts that are not known, the verdict is a denial.
//
// Data for policies lies beside them in data.json, mounted by
// directory as OPA does: residency/data.json is data.residency. A policy may
// define a set named invalid; it is evaluated once at load, and every message
// in it is an error of the data.
//
// What the package does not do: it fetches nothing, watches nothing, and gives
// policies no clock, no randomness and no network. A decision depends on its
// facts and on the loaded files alone, so that it can be replayed.
package policies
