package report

import "fmt"

// Report gives the attestation as a report to read. What is signed is the note in the
// bundle, not this.
func (a *Attestation) Report() *Report {
	f := &a.Figures
	answer := map[string]string{
		StateNone:  "There was none, and nothing was left open.",
		StateKnown: "None is known. What could not be told stands below.",
		StateSome:  "There was: see the figures.",
	}[a.State]
	rows := [][]Cell{
		{Text("decisions in the time range"), N(f.Decisions)},
		{Text("of them refused, or answered by Ostiary"), N(f.Refused)},
		{Text("of them with such findings, wherever they went"), N(f.Found)},
		{Text("of them released to such pools"), N(f.Destination)},
		{Text("released to such pools with such findings"), N(f.Matched.Decisions)},
		{Text("… findings in them"), N(f.Matched.Findings)},
		{Text("… all masked before they left"), N(f.Matched.Masked)},
		{Text("… not masked, nothing sent"), N(f.Matched.NotSent)},
		{Text("… EXPOSED: neither masked nor unsent"), N(f.Matched.Exposed)},
		{Text("released to such pools with published test values only"), N(f.Matched.Synthetic)},
		{Text("released to such pools with parts that were not inspected"), N(f.Uninspected)},
		{Text("released to a pool whose place the record does not have"), N(f.Unplaced)},
		{Text("of those released to such pools: sent"), N(f.Outcomes.Yes)},
		{Text("of those released to such pools: not sent"), N(f.Outcomes.No)},
		{Text("of those released to such pools: outcome recorded as unknown"), N(f.Outcomes.Unknown)},
		{Text("of those released to such pools: no outcome in the bundle"), N(f.Outcomes.Missing)},
		{Text("decisions in observe mode"), N(f.Observed)},
		{Text("gaps"), N(f.Gaps)},
		{Text("events whose time cannot be read"), N(f.Untimed)},
	}
	cover := fmt.Sprintf("The bundle has all %s records from index %s to before %s; %s are earlier than the time range and %s later.", digits(f.Records), digits(a.First), digits(a.End), digits(f.Before), digits(f.After))
	switch {
	case f.Covered:
		cover += " On each side stands a record from outside the time range, or the log begins or ends there: the range is whole, as far as the recording host's clock was right."
	case f.Last != "":
		cover += fmt.Sprintf(" The time range is NOT OVER in the log: what is under this checkpoint reaches %s. Nothing is said of the time behind that; ask again once the log has a later record, or for the time until then.", f.Last)
	default:
		cover += " They do NOT cover the whole time range: records before or behind them may belong to it."
	}
	limits := []string{
		"Counted is what detectors recognised in requests. What they do not recognise, and what was not inspected, is not counted; answers of models are not inspected.",
		"Where a request went is where the proxy released it to, by the place that the configuration had for that pool at the time; a place that is not stated counts as outside.",
		"Times are those of the recording host.",
		"A host that was broken into before records were signed may not have recorded all; a witness or a checkpoint kept elsewhere shows later alterations.",
		"This is not legal advice.",
	}
	if f.Found == 0 {
		limits = append([]string{"No decision of the range had such a finding at all, wherever it went: make sure that the groups and types are names that the detectors use."}, limits...)
	}
	return &Report{
		Kind: "attestation", Title: "Negative attestation",
		Summary: []string{a.Sentence() + ".", answer},
		Sections: []Section{
			{Title: "Figures", Text: []string{}, Table: &Table{Columns: []string{"figure", "value"}, Rows: rows}},
			{Title: "Completeness", Text: []string{cover}},
			{Title: "How to check it", Text: []string{
				"`ostiary-verify --key LOG.PUB BUNDLE` recomputes the tree and all figures from the bundle, on any machine, without the log.",
			}},
		},
		Sources: []string{
			fmt.Sprintf("Checkpoint: log %s, %s records, root %s.", a.Origin, digits(a.Size), a.Root),
			"SHA-256 of the records, each with a line feed behind it: " + a.Digest + ".",
		},
		Limits: limits,
	}
}
