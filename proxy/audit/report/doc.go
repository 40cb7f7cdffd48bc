// Package report answers the questions that auditors ask of the audit log.
//
//   - [Attest] writes a negative attestation: a signed statement of how often what was
//     looked for went where it should not, in a bundle with every record of its range.
//     [Verify] computes it again from the bundle alone.
//   - [Art30] writes a record of processing activities (GDPR Art. 30).
//   - [Transfers] lists transfers to third countries.
//   - [AIAct] gathers evidence of logging (AI Act Art. 12 and 19).
//   - [AccessReview] tells who looked at what (HIPAA 164.308(a)(1)(ii)(D), 164.312(b)).
//
// All but the attestation give a [Report], which is written as Markdown, HTML or JSON
// by [Report.Write]; [Attestation.Report] gives one too. Each reads the records once,
// keeps counts and no records, and gives the same bytes for the same records: no
// report has the time of its making. None of them is legal advice, and each says what
// it does not show.
//
// # What a figure is counted from
//
// Findings are those of the decision's event, at likely and above unless a question
// says otherwise. Published test values do not count. Where a request went is the
// decision's pool, with boundary and jurisdiction as the facts of that decision have
// them, not as the configuration has them today. "EU" are the member states and "EU"
// itself, "EEA" is that and Iceland, Liechtenstein, Norway and "EEA" itself; a place
// that is not stated is outside of both. Only requests are meant: what the log does
// not say of answers no report can count.
package report
