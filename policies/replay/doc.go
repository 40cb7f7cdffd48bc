// Package replay says what a change of policies would do: it compares how
// recorded requests were decided with how other policies decide the same facts.
// It is pure: it is given the log's records as JSON and the verdicts, and reads
// and writes nothing.
//
// A [Reader] takes a record apart. [Decision.Under] gives what a verdict would come
// to, in the terms of the record: the action that is carried out and the pool
// that serves. A [Matrix] counts pairs of such sides.
//
// # Where a replay can differ from the live decision
//
// The pool is chosen as proxy/pools chooses it, of what the record knows: the
// dialect, whether a pool can be used, state at another pool, the length of the
// context, and the pools that were found unfit then. Not recorded are the
// abilities (tools, images …) of pools that were not tried then, and the models'
// names that make an in-house server send a request out; such a request is
// refused where the replay says that it is served. Masks are carried out on
// findings that are likely; whether text stands where it cannot be replaced is
// known only if the record says so.
package replay
