// Package dialect reads and rewrites the bodies of the model APIs, and writes
// refusals and model lists in each API's own shape.
//
// It does so without a list of fields to look at. A body is scanned once by a
// strict scanner of RFC 8259 (no tree of maps, no second reading), and every
// string, every key that is not an API's own word, every number long enough to
// identify something, and the leaves of JSON inside strings become a
// [proxy.Segment]; so do the path, the query and the headers that are forwarded.
// What the package knows of the APIs only labels those segments: who speaks,
// what cannot be edited where it stands, what cannot be read as text. A field
// that was invented yesterday is inspected today, without a label.
//
// What two parsers could read differently is refused: keys that occur twice or
// that only folding makes equal, trailing data, invalid UTF-8, unpaired
// surrogates, nesting beyond a limit, stacked content codings. What was
// inspected is what is forwarded: an edit is spliced into the bytes received, and
// the result is read again before it is given away.
//
// The package does not decide anything, knows no detector, and never lets a
// library's error out: such an error may quote its input. Answers of providers
// are not read here yet.
package dialect
