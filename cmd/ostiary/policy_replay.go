package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/replay"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
)

// replayFixtures bounds the fixtures that a replay writes; a person has to
// review them.
const replayFixtures = 500

// What a replay can be made to fail on.
const (
	failLoosened = "loosened"
	failChanged  = "changed"
)

// span is the part of a log that a command reads.
type span struct{ since, from, to string }

func (s *span) add(c *cobra.Command) {
	c.Flags().StringVar(&s.since, "since", "", "only decisions from this `TIME` on: 2h, 7d, 2026-11-23, 2026-11-23T14:00:00Z")
	c.Flags().StringVar(&s.from, "from", "", "the same as --since")
	c.Flags().StringVar(&s.to, "to", "", "only decisions before this `TIME`")
}

// bounds gives the two times; a zero one bounds nothing.
func (s *span) bounds(now time.Time) (from, to time.Time, err error) {
	if s.since != "" && s.from != "" {
		return from, to, errors.New("--since and --from say the same: give one")
	}
	if at := first(s.since, s.from); at != "" {
		if from, err = index.ParseTime(at, now); err != nil {
			return from, to, fmt.Errorf("--since: %w", err)
		}
	}
	if s.to != "" {
		if to, err = index.ParseTime(s.to, now); err != nil {
			return from, to, fmt.Errorf("--to: %w", err)
		}
	}
	return from, to, nil
}

// policyReplay is one run of `ostiary policy replay`.
type policyReplay struct {
	audit     auditFlags // --config, --log, --json
	span      span
	base      string // directory; empty: as recorded
	candidate string
	by        string
	cell      string
	limit     int
	failOn    []string
	denied    string
	fixtures  string
}

func policyReplayCommand() *cobra.Command {
	var r policyReplay
	c := &cobra.Command{
		Use:   "replay [DIR] --candidate DIR",
		Short: "Show what other policies would have done with recorded traffic",
		Long: `Replay takes the facts of recorded decisions, asks the candidate about them, and
counts what would be done otherwise: which requests would be refused, rerouted,
masked or let through, from what to what. The log holds facts and no prompts, so
nothing is classified anew.

It compares with what was recorded. With DIR, decisions that were made by other
policies than those in DIR are first decided anew by these: then the report shows
the difference between the two directories, and not what changed since.

A transition is marked as loosened where a refused request passes, where one that
was rerouted or masked passes as it is, where one that stayed in-house leaves, and
where less is masked. --cell deny:allow lists the decisions behind a transition;
see each with 'ostiary explain --event ID'.

  --by rule|team|type|pool|application   what the changed decisions have in common
  --fail-on loosened|changed             exit status 1 if there is any
  --max-newly-denied 1%                  exit status 1 if more are newly refused
  --fixtures DIR                         write the changed cases as tests of the candidate

The pool is chosen as far as the facts tell: what a pool cannot do (tools, images,
…) is known only of pools that were tried then. Cost is that of prompts at list
prices, for models that the configuration names. What cannot be replayed is
counted by reason.

Exit status: 0 done, 1 a gate failed or the policies do not load, 2 the log or a
file could not be read, or a gate has no decision to judge by.`,
		Example: `  ostiary policy replay --candidate ./next --since 7d
  ostiary policy replay ./policies --candidate ./next --config ostiary.yaml --by team
  ostiary policy replay --candidate ./next --cell deny:allow
  ostiary policy replay --candidate ./next --since 30d --fail-on loosened --max-newly-denied 1% --json
  ostiary policy replay --candidate ./next --fixtures ./next/fixtures`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.base = args[0]
			}
			return r.run(c.Context(), c.OutOrStdout())
		},
	}
	r.audit.add(c)
	r.span.add(c)
	f := c.Flags()
	f.StringVar(&r.candidate, "candidate", "", "policy `DIRECTORY` or bundle that is proposed; required")
	f.StringVar(&r.by, "by", string(replay.ByRule), "rows of the report: rule, team, type, pool, application")
	f.StringVar(&r.cell, "cell", "", "list the decisions of a transition, `WAS:WOULD`, such as deny:allow")
	f.IntVar(&r.limit, "limit", 100, "how many of them")
	f.StringSliceVar(&r.failOn, "fail-on", nil, "exit status 1 on `loosened` or changed decisions")
	f.StringVar(&r.denied, "max-newly-denied", "", "exit status 1 if more than this `SHARE` is newly refused: 1%, 0.5%")
	f.StringVar(&r.fixtures, "fixtures", "", "write the changed cases as fixtures into `DIRECTORY`")
	return c
}

// gates checks the flags and gives the share of newly denied decisions that is
// allowed, in percent; without one, more than all.
func (r *policyReplay) gates() (allowed float64, err error) {
	if r.candidate == "" {
		return 0, errors.New("--candidate DIR is missing: which policies are proposed?")
	}
	if !slices.Contains(replay.Kinds(), replay.By(r.by)) {
		return 0, fmt.Errorf("--by %q is none of rule, team, type, pool, application", r.by)
	}
	for _, on := range r.failOn {
		if on != failLoosened && on != failChanged {
			return 0, fmt.Errorf("--fail-on %q is none of loosened, changed", on)
		}
	}
	if r.cell != "" {
		was, would, ok := strings.Cut(r.cell, ":")
		for _, w := range []string{was, would} {
			if !ok || !slices.Contains([]string{"allow", "mask", "reroute", "deny", replay.Undecided}, w) {
				return 0, fmt.Errorf("--cell %q: write WAS:WOULD, each allow, mask, reroute, deny or undecided", r.cell)
			}
		}
	}
	if r.limit < 1 {
		return 0, errors.New("--limit takes a number from 1 on")
	}
	if r.denied == "" {
		return 101, nil
	}
	allowed, err = strconv.ParseFloat(strings.TrimSuffix(r.denied, "%"), 64)
	if err != nil || allowed < 0 || allowed > 100 {
		return 0, fmt.Errorf("--max-newly-denied %q: write a share in percent, such as 1%%", r.denied)
	}
	return allowed, nil
}

// replayCase is a decision behind a cell.
type replayCase struct {
	ID       string      `json:"id"`
	Time     string      `json:"time"`
	Loosened string      `json:"loosened,omitempty"`
	Was      replay.Side `json:"was"`
	Would    replay.Side `json:"would"`
}

// replayReport is what the command prints.
type replayReport struct {
	replay.Report
	Candidate string       `json:"candidate"` // revision
	Base      string       `json:"base"`      // revision, or "recorded"
	Anew      int          `json:"decided_anew"`
	Cases     []replayCase `json:"cases,omitempty"`
	More      int          `json:"cases_more,omitempty"`
	Failed    []string     `json:"failed"` // gates
	Fixtures  int          `json:"fixtures,omitempty"`
	FilesMore int          `json:"fixtures_more,omitempty"`
}

func (r *policyReplay) run(ctx context.Context, w io.Writer) error {
	allowed, err := r.gates()
	if err != nil {
		return err
	}
	log, err := r.audit.reader()
	if err != nil {
		return err
	}
	from, to, err := r.span.bounds(time.Now())
	if err != nil {
		return err
	}
	flags := policyFlags{config: r.audit.config}
	st, err := flags.stage()
	if err != nil {
		return err
	}
	run := replaying{flags: r, matrix: &replay.Matrix{By: replay.By(r.by)}, out: replayReport{Base: "recorded", Failed: []string{}}}
	if run.candidate, err = st.load(r.candidate); err != nil {
		return refusedPolicies(w, r.candidate, err)
	}
	run.out.Candidate = run.candidate.Revision()
	if r.base != "" {
		if run.base, err = st.load(r.base); err != nil {
			return refusedPolicies(w, r.base, err)
		}
		run.out.Base = run.base.Revision()
	}
	if r.fixtures != "" {
		run.files = &fixtureWriter{seen: map[string]bool{}, files: map[string][]policies.Fixture{}}
	}
	for d, err := range decisions(log, from, to, run.matrix.Skip) {
		if err != nil {
			return err
		}
		if err := run.add(ctx, d); err != nil {
			return err
		}
	}
	run.out.Report = run.matrix.Report()
	if run.files != nil {
		if err := run.files.write(r.fixtures); err != nil {
			return err
		}
		run.out.Fixtures, run.out.FilesMore = run.files.count, run.files.more
	}
	if run.out.Replayed == 0 && (len(r.failOn) > 0 || r.denied != "") {
		return nothingProven(&run.out.Report)
	}
	run.out.Failed = r.failed(&run.out.Report, allowed)
	if r.audit.json {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		err = enc.Encode(&run.out)
	} else {
		p := newEventPrinter(w, false)
		run.print(p)
	}
	if err == nil && len(run.out.Failed) > 0 {
		return answer{exitNo}
	}
	return err
}

// nothingProven is the error of a gate that has nothing to judge by.
func nothingProven(r *replay.Report) error {
	skipped := 0
	for _, n := range r.Skipped {
		skipped += n
	}
	return fmt.Errorf("nothing is proven: no decision of that time can be replayed, and %d cannot; choose another --since, or another log", skipped)
}

// failed names the gates that did not hold.
func (r *policyReplay) failed(report *replay.Report, allowed float64) []string {
	out := []string{}
	if slices.Contains(r.failOn, failLoosened) && report.Loosened > 0 {
		out = append(out, fmt.Sprintf("%d decisions are loosened", report.Loosened))
	}
	if slices.Contains(r.failOn, failChanged) && report.Changed > 0 {
		out = append(out, fmt.Sprintf("%d decisions are changed", report.Changed))
	}
	if share := report.NewlyDeniedShare(); share > allowed {
		out = append(out, fmt.Sprintf("%.2f %% are newly refused, more than %g %%", share, allowed))
	}
	return out
}

// decisions gives the decisions of a log between two times that can be replayed,
// one at a time; skip is told why of the others.
func decisions(log *audit.Reader, from, to time.Time, skip func(why string)) func(func(*replay.Decision, error) bool) {
	return func(yield func(*replay.Decision, error) bool) {
		var reader replay.Reader
		for rec, err := range log.Records(0) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !within(rec.JSON, from, to) {
				continue
			}
			d, err := reader.Read(rec.JSON)
			var unfit *replay.Unfit
			switch {
			case errors.As(err, &unfit):
				skip(unfit.Why)
				continue
			case err != nil:
				yield(nil, err)
				return
			case d == nil:
				continue
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// timeMark stands before an event's time, the last such name in its JSON: the
// names are sorted, and what comes after "time" holds no time.
var timeMark = []byte(`"time":"`)

// within reports whether an event was at or after from and before to. One whose
// time cannot be read is within: it is counted, and not passed over.
func within(event []byte, from, to time.Time) bool {
	if from.IsZero() && to.IsZero() {
		return true
	}
	i := bytes.LastIndex(event, timeMark)
	if i < 0 {
		return true
	}
	text := event[i+len(timeMark):]
	if end := bytes.IndexByte(text, '"'); end >= 0 {
		text = text[:end]
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return true
	}
	return !t.Before(from) && (to.IsZero() || t.Before(to))
}

// replaying is a replay under way.
type replaying struct {
	flags     *policyReplay
	candidate *policies.Set
	base      *policies.Set // nil: as recorded
	matrix    *replay.Matrix
	files     *fixtureWriter // nil where none are written
	out       replayReport
}

// decided asks policies about recorded facts. It gives the time that a live
// decision has, and fails where the command is interrupted.
func decided(ctx context.Context, set *policies.Set, d *replay.Decision) (replay.Side, error) {
	limited, cancel := context.WithTimeout(ctx, proxy.DefaultDecisionLimit)
	defer cancel()
	v, err := set.Decide(limited, d.Facts)
	if ctx.Err() != nil {
		return replay.Side{}, ctx.Err()
	}
	return d.Under(&v, err), nil
}

func (run *replaying) add(ctx context.Context, d *replay.Decision) error {
	was := d.Was
	var err error
	if run.base != nil && d.Revision != run.base.Revision() {
		run.out.Anew++
		if was, err = decided(ctx, run.base, d); err != nil {
			return err
		}
	}
	would, err := decided(ctx, run.candidate, d)
	if err != nil {
		return err
	}
	run.matrix.Add(d, &was, &would)
	if run.flags.cell == was.Action+":"+would.Action {
		if len(run.out.Cases) < run.flags.limit {
			run.out.Cases = append(run.out.Cases, replayCase{d.ID, d.Time, replay.Loosened(&was, &would), was, would})
		} else {
			run.out.More++
		}
	}
	if run.files != nil && replay.Changed(&was, &would) {
		return run.files.add(ctx, run.candidate, d, was.Action+" to "+would.Action)
	}
	return nil
}

// fixtureWriter collects changed cases, one of those that differ in time and
// length alone.
type fixtureWriter struct {
	seen  map[string]bool
	files map[string][]policies.Fixture
	count int
	more  int
}

func (w *fixtureWriter) add(ctx context.Context, set *policies.Set, d *replay.Decision, change string) error {
	like := *d.Facts
	like.Time, like.Conversation.Bucket = proxy.TimeFacts{}, 0
	like.Request.Bytes, like.Request.Tokens, like.Request.Segments = 0, 0, 0
	key, err := json.Marshal(like)
	if err != nil {
		return err
	}
	if w.seen[change+string(key)] {
		return nil
	}
	if w.count >= replayFixtures {
		w.more++
		return nil
	}
	w.seen[change+string(key)] = true
	w.count++
	text, err := json.Marshal(d.Facts)
	if err != nil {
		return err
	}
	o := set.Try(ctx, d.Facts)
	fx := policies.Fixture{Name: d.ID + ": " + change, Facts: text, Expect: policies.Expect{Action: o.Action, Code: o.Code, Pool: o.Pool, Pools: o.Pools, Rules: o.Rules, Masks: o.Masks}}
	name := strings.ReplaceAll(change, " ", "-") + ".yaml"
	w.files[name] = append(w.files[name], fx)
	return nil
}

// write writes the fixtures, a file for each transition. It overwrites none but
// its own.
func (w *fixtureWriter) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, name := range names(w.files) {
		text, err := json.Marshal(w.files[name])
		if err != nil {
			return err
		}
		lines, err := yaml.JSONToYAML(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		file := filepath.Join(dir, "replay-"+name)
		head := "# Written by ostiary policy replay: recorded facts, and what the candidate decides.\n"
		if err := os.WriteFile(file, append([]byte(head), lines...), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// print shows the report to a person.
func (run *replaying) print(p *eventPrinter) {
	r := &run.out
	w := p.w
	fmt.Fprintf(w, "%d decisions replayed, %d changed, %s, %d newly refused (%.2f %%)\n",
		r.Replayed, r.Changed, p.loosened(r.Loosened, " loosened"), r.NewlyDenied, r.NewlyDeniedShare())
	fmt.Fprintf(w, "was: %s; would: %s\n", run.was(), r.Candidate)
	for _, why := range names(r.Skipped) {
		fmt.Fprintf(w, "not replayed: %d, %s\n", r.Skipped[why], why)
	}
	if len(r.Suites) > 1 {
		fmt.Fprintf(w, "note: the facts were stated by %d revisions of the detectors; what today's would find is not known\n", len(r.Suites))
	}
	printCells(p, r.Cells)
	for _, why := range names(r.Reasons) {
		fmt.Fprintf(w, "  loosened: %s: %d\n", why, r.Reasons[why])
	}
	printRows(p, run.flags.by, r.Rows)
	printTraffic(w, &r.Report)
	if run.flags.cell != "" {
		run.printCases(p)
	}
	if run.files != nil {
		fmt.Fprintf(w, "\n%d fixtures in %s", r.Fixtures, run.flags.fixtures)
		if r.FilesMore > 0 {
			fmt.Fprintf(w, "; %d more cases are left out", r.FilesMore)
		}
		if abs, err := filepath.Abs(run.flags.fixtures); err == nil && filepath.Base(abs) != "fixtures" && r.Fixtures > 0 {
			fmt.Fprint(w, "; 'ostiary policy test' reads them from a directory named fixtures")
		}
		fmt.Fprintln(w)
	}
	for _, f := range r.Failed {
		fmt.Fprintf(w, "%s: %s\n", p.paint(colourRed, "FAILED"), f)
	}
}

func (run *replaying) was() string {
	switch {
	case run.base == nil:
		return "as recorded"
	case run.out.Anew == 0:
		return run.out.Base + ", as recorded"
	}
	return fmt.Sprintf("%s (%d decided anew)", run.out.Base, run.out.Anew)
}

func (p *eventPrinter) loosened(n int, word string) string {
	if n == 0 {
		return "0" + word
	}
	return p.paint(colourRed, strconv.Itoa(n)+word)
}

// printCells shows the matrix: the transitions, the changed ones first.
func printCells(p *eventPrinter, cells []replay.Cell) {
	fmt.Fprintf(p.w, "\n  %-22s%10s%10s%10s\n", "was → would", "decisions", "changed", "loosened")
	for _, c := range cells {
		loose := fmt.Sprintf("%10d", c.Loosened)
		if c.Loosened > 0 {
			loose = p.paint(colourRed, loose)
		}
		line := fmt.Sprintf("  %-22s%10d%10d%s", printable(c.Was+" → "+c.Would), c.Events, c.Changed, loose)
		if len(c.Examples) > 0 {
			line += "  " + p.paint(colourGrey, printable(strings.Join(c.Examples, " ")))
		}
		fmt.Fprintln(p.w, line)
	}
}

// rowsShown bounds the rows on a screen; --json has all.
const rowsShown = 20

func printRows(p *eventPrinter, by string, rows []replay.Row) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(p.w, "\n  changed, by %s\n", by)
	for i, row := range rows {
		if i == rowsShown {
			fmt.Fprintf(p.w, "    and %d more; --json has all\n", len(rows)-rowsShown)
			return
		}
		var parts []string
		for _, t := range names(row.Transitions) {
			parts = append(parts, fmt.Sprintf("%s %d", t, row.Transitions[t]))
		}
		line := fmt.Sprintf("    %-34s %7d  %s", printable(row.Key), row.Changed, printable(strings.Join(parts, ", ")))
		if row.Loosened > 0 {
			line += "  " + p.loosened(row.Loosened, " loosened")
		}
		fmt.Fprintln(p.w, line)
	}
}

func printTraffic(w io.Writer, r *replay.Report) {
	if len(r.Traffic) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  prompts to %-23s%19s%26s\n", "", "requests", "tokens")
	for _, t := range r.Traffic {
		fmt.Fprintf(w, "    %-30s%20s%26s\n", printable(t.Pool+" ("+t.Boundary+")"), moved(t.Requests), moved(t.Tokens))
	}
	fmt.Fprintf(w, "    %-30s%46s\n", "all in-house", moved(r.InHouse))
	c := &r.Cost
	priced := r.Traffic[:0:0]
	for _, t := range r.Traffic {
		if t.Boundary == string(proxy.External) {
			priced = append(priced, t)
		}
	}
	total := replay.Change{}
	for _, t := range priced {
		total.Was, total.Would = total.Was+t.Requests.Was, total.Would+t.Requests.Would
	}
	if total == c.Unpriced {
		fmt.Fprintf(w, "  cost unknown: the models have no list price (a model is known by name where the configuration lists it)\n")
		return
	}
	fmt.Fprintf(w, "  cost of prompts outside: %.2f USD → %.2f USD", c.Was, c.Would)
	if c.Unpriced != (replay.Change{}) {
		fmt.Fprintf(w, ", without %s requests of unknown price", moved(c.Unpriced))
	}
	fmt.Fprintf(w, " (%s)\n", c.Source)
}

func moved(c replay.Change) string { return fmt.Sprintf("%d → %d", c.Was, c.Would) }

func (run *replaying) printCases(p *eventPrinter) {
	r := &run.out
	fmt.Fprintf(p.w, "\n  %s\n", run.flags.cell)
	for _, c := range r.Cases {
		fmt.Fprintf(p.w, "    %s %s  %s\n", printable(c.Time), printable(c.ID), printable(sideWords(&c.Was)+"  →  "+sideWords(&c.Would)))
	}
	if r.More > 0 {
		fmt.Fprintf(p.w, "    and %d more: --limit N\n", r.More)
	}
	if len(r.Cases) == 0 {
		fmt.Fprintln(p.w, "    none")
	}
}

func sideWords(s *replay.Side) string {
	parts := []string{s.Action}
	if s.Refused() {
		parts = append(parts, s.Code)
	} else {
		parts = append(parts, "to", s.Pool)
	}
	if len(s.Masks) > 0 {
		parts = append(parts, "masking", strings.Join(s.Masks, ","))
	}
	if len(s.Rules) > 0 {
		parts = append(parts, "by", strings.Join(s.Rules, ","))
	}
	return strings.Join(parts, " ")
}
