// Package proxy is the vocabulary of Ostiary and the one way through it.
//
// It holds the nouns that every other room speaks ([Exchange], [Prompt],
// [Segment], [Finding], [Facts], [Verdict], [Pool], [Event] …), the small
// interfaces that rooms implement, and the [Engine], which walks one exchange
// through them:
//
//	head → Prompt → findings → Facts → Verdict → edits → durable record → Ruling
//
// Both data planes (package extproc for Envoy, package embedded for a single
// machine) do nothing but move bytes into a [Session] and rulings out of it.
//
// What the package does not do: it does not parse bodies (dialect), recognise
// anything (classifiers), know Rego (policies), open sockets or files. It
// imports the standard library only.
//
// Two absences are worth more than the rest. There is no content outside the
// exchange: content is [Text], which cannot be printed, logged or marshalled.
// And there is no permission that was not inspected and recorded: a [Release]
// has no exported field and is made in one function of this package, after the
// body was read (or the stream had none) and after the decision was durable.
package proxy
