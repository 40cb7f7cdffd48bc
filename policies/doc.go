// Package policies decides: it compiles policies written in Rego, asks them
// about the [proxy.Facts] of a request, and folds what they say into one
// [proxy.Verdict]. It is the only package that knows OPA.
//
// A policy is a package ostiary.policies.NAME. It defines any of the partial
// sets deny, require, route, mask, notify, warn and allow; each member is a
// contribution, an object with these keys:
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
//	require          one of justification: true and approval: true; code, liftable
//	notify to        a word for whom to tell
//	allow  lifts     id of the rule that it lifts, or POLICY.ID
//	       grant     true: only for a request with a valid grant that names the rule
//	       approval  true: only where a second person approved the grant
//
// The most restrictive contribution wins (allow < mask < reroute < deny).
// Routes intersect over the pools of the request, and an empty intersection is
// a denial. Masks unite. An allow removes what it names where that is liftable,
// and nothing at all in a request that holds a credential or a part that was
// not inspected. A requirement that is not met is a denial. Whatever a policy says in another form is an error, never
// ignored: at load where it can be seen in the text, else when it is evaluated.
//
// Passing takes a positive statement: without policies, with one missing that
// was expected, or on facts that are not known, the verdict is a denial.
//
// A policy may also, or instead, say what becomes of connections to names that are
// not governed, in the sets pass and refuse: {"host": "*.debian.org", "reason": …}.
// host is a name, *.SUFFIX for all names below a suffix, or *; reason is optional.
// They are evaluated once at load, without input ([Set.Hosts]); what depends on a
// request is an error. They are no part of a verdict: a directory of such policies
// alone refuses every request.
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
