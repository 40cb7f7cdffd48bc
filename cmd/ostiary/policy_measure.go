package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit/index"
)

// benchBudget is what a decision of ten policies may take; more policies have
// more of it.
const (
	benchBudget   = 50 * time.Microsecond
	budgetedFor   = 10 // policies
	benchFixtures = 64 // different facts that are decided in turn
)

func policyBenchCommand() *cobra.Command {
	var f policyFlags
	var a auditFlags
	var budget, each time.Duration
	var strict, asJSON bool
	var event string
	c := &cobra.Command{
		Use:   "bench [DIR]",
		Short: "Time decisions: of the whole set, and of each rule",
		Long: `Bench decides the facts of the directory's fixtures (without any, those of a
harmless request) over and over, without what a proxy remembers of earlier
answers, and prints the median and the 99th percentile: of the whole set, and of
each rule alone with the helpers that it asks.

The budget is 50 µs for ten policies, and a tenth of it for each further one; it is
compared with the median, because the 99th percentile measures the machine. A rule
is indexed where OPA leaves it out of a harmless request without evaluating it, by
what it asks for: a finding that is not there, input.request.operation ==
"embeddings".

Exit status: 0 done, 1 with --strict and over the budget, 2 it could not be told.`,
		Example: `  ostiary policy bench policies
  ostiary policy bench policies --strict --budget 100us
  ostiary policy bench policies --event 01JDQ7ZK3M9V0000000000000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := policyDir(args)
			st, err := f.stage()
			if err != nil {
				return err
			}
			set, err := st.need(dir)
			if err != nil {
				return err
			}
			list, err := benchFacts(c.Context(), trial{stage: st, set: set}, dir)
			if err != nil {
				return err
			}
			if event != "" {
				a.config = f.config
				facts, err := factsOfEvent(c.Context(), &a, event)
				if err != nil {
					return err
				}
				list = []*proxy.Facts{facts}
			}
			b := bench{Policies: len(set.Policies()), Facts: max(1, len(list)), Budget: budget}
			if b.Policies > budgetedFor && !c.Flags().Changed("budget") {
				b.Budget = budget * time.Duration(b.Policies) / budgetedFor
			}
			if b.Set, b.Rules, err = (policies.Study{Set: set}).Bench(c.Context(), list, each); err != nil {
				return err
			}
			b.Over = b.Set.P50 > b.Budget
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(b)
			} else {
				err = b.print(c.OutOrStdout())
			}
			if err == nil && strict && b.Over {
				err = answer{exitNo}
			}
			return err
		},
	}
	f.add(c)
	c.Flags().StringVar(&a.log, "log", "", "`DIRECTORY` of the audit log that has --event")
	c.Flags().StringVar(&event, "event", "", "decide the facts of the decision with this `ID`")
	c.Flags().DurationVar(&budget, "budget", benchBudget, "what a decision may take")
	c.Flags().DurationVar(&each, "time", time.Second, "`TIME` that is spent on the set; a rule takes a tenth of it")
	c.Flags().BoolVar(&strict, "strict", false, "exit status 1 where the median is over the budget")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON; times in nanoseconds")
	return c
}

// benchFacts gives different facts of the fixtures.
func benchFacts(ctx context.Context, t trial, dir string) ([]*proxy.Facts, error) {
	fixtures, err := fixturesOf(dir)
	if err != nil {
		return nil, err
	}
	var out []*proxy.Facts
	for i := range fixtures {
		if len(out) == benchFixtures {
			break
		}
		f, err := t.stage.facts(ctx, &fixtures[i])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", fixtures[i].File, fixtures[i].Line, err)
		}
		if _, err := t.set.Decide(ctx, f); err == nil { // an undecided one has no time
			out = append(out, f)
		}
	}
	return out, nil
}

// bench is a result of `ostiary policy bench`.
type bench struct {
	Policies int                   `json:"policies"`
	Facts    int                   `json:"facts"`
	Budget   time.Duration         `json:"budget_ns"`
	Over     bool                  `json:"over"`
	Set      policies.Timing       `json:"set"`
	Rules    []policies.RuleTiming `json:"rules"`
}

func (b *bench) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	us := func(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1000) }
	fmt.Fprintln(t, "p50\tp99\tindexed\trule")
	all := 0
	for _, r := range b.Rules {
		word := "yes"
		if !r.Indexed {
			word = "no"
			all++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s.%s (%s)  %s:%d\n", us(r.P50), us(r.P99), word, r.Rule.Policy, r.Rule.ID, r.Rule.Set, r.Rule.File, r.Rule.Line)
	}
	fmt.Fprintf(t, "%s\t%s\t\tall %d policies, %d rules, on %d facts\n", us(b.Set.P50), us(b.Set.P99), b.Policies, len(b.Rules), b.Facts)
	if err := t.Flush(); err != nil {
		return err
	}
	if all > 0 {
		fmt.Fprintf(w, "warning: %d of %d rules are evaluated for harmless requests too: OPA cannot index them; where one is slow, begin it with the equality of a fact\n", all, len(b.Rules))
	}
	word := "within"
	if b.Over {
		word = "OVER"
	}
	fmt.Fprintf(w, "%s the budget of %s\n", word, us(b.Budget))
	return nil
}

func policyCoverageCommand() *cobra.Command {
	var f policyFlags
	var a auditFlags
	var since, until string
	c := &cobra.Command{
		Use:   "coverage [DIR]",
		Short: "List the rules that never speak, and the findings that no rule names",
		Long: `Coverage decides recorded requests by the policies of the directory and counts
which rules speak. Without --log, --since or --until it takes the fixtures instead.
It lists the rules that never spoke, and the types of findings that were there and
that neither a rule nor the data names, by type or by group: a finding that no
rule names changes nothing. What every unit test and fixture reaches is told by
'ostiary policy test --coverage'.

Decisions that hold no facts (refused before the policies were asked) and those
that the policies cannot decide are counted and left out.

Exit status: 0 every rule spoke and every finding is named, 1 not so, 2 there is
nothing to go by.`,
		Example: `  ostiary policy coverage policies
  ostiary policy coverage policies --log /var/lib/ostiary/log --since 7d
  ostiary policy coverage policies --since 30d --json | jq '.unmentioned'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := policyDir(args)
			st, err := f.stage()
			if err != nil {
				return err
			}
			set, err := st.need(dir)
			if err != nil {
				return err
			}
			u := usage{study: policies.Study{Set: set}, meter: policies.NewMeter()}
			if a.log != "" || since != "" || until != "" {
				a.config = f.config
				err = u.recorded(c.Context(), &a, since, until)
			} else {
				err = u.fixtures(c.Context(), st, dir)
			}
			if err != nil {
				return err
			}
			x := u.study.Usage(u.meter)
			if x.Facts == 0 {
				return fmt.Errorf("there is nothing to go by: %s", u.source)
			}
			return u.report(c.OutOrStdout(), &x, a.json)
		},
	}
	f.add(c)
	c.Flags().StringVar(&a.log, "log", "", "`DIRECTORY` of the audit log; without it, the configuration's or the one in your state directory")
	c.Flags().StringVar(&since, "since", "", "recorded from this `TIME` on: 2h, 7d, 2026-11-23")
	c.Flags().StringVar(&until, "until", "", "recorded before this `TIME`")
	c.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return c
}

// usage counts which rules speak.
type usage struct {
	study               policies.Study
	meter               *policies.Meter
	source              string
	factless, undecided int
}

func (u *usage) add(ctx context.Context, f *proxy.Facts) {
	if err := u.study.Count(ctx, f, u.meter); err != nil {
		u.undecided++
	}
}

func (u *usage) fixtures(ctx context.Context, st *stage, dir string) error {
	list, err := fixturesOf(dir)
	if err != nil {
		return err
	}
	u.source = fmt.Sprintf("%d fixtures", len(list))
	for i := range list {
		f, err := st.facts(ctx, &list[i])
		if err != nil {
			return fmt.Errorf("%s:%d: %w", list[i].File, list[i].Line, err)
		}
		u.add(ctx, f)
	}
	return nil
}

func (u *usage) recorded(ctx context.Context, a *auditFlags, since, until string) error {
	n := 0
	err := eachDecision(ctx, a, since, until, func(ev *proxy.Event) error {
		n++
		if ev.Decision.Facts == nil {
			u.factless++
			return nil
		}
		u.add(ctx, ev.Decision.Facts)
		return nil
	})
	u.source = fmt.Sprintf("%d recorded decisions", n)
	return err
}

// eachDecision calls look with the recorded decisions of a time, the oldest
// first. It reads one at a time.
func eachDecision(ctx context.Context, a *auditFlags, since, until string, look func(*proxy.Event) error) error {
	now := time.Now()
	var from, to time.Time
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"--since", since, &from}, {"--until", until, &to}} {
		if t.text == "" {
			continue
		}
		at, err := index.ParseTime(t.text, now)
		if err != nil {
			return fmt.Errorf("%s: %w", t.flag, err)
		}
		*t.to = at
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	for rec, err := range r.Records(0) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		ev, err := rec.Event()
		if err != nil {
			return err
		}
		if ev.Decision == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, ev.Time)
		if err != nil {
			return fmt.Errorf("record %d has no time", rec.Index)
		}
		if !from.IsZero() && at.Before(from) || !to.IsZero() && !at.Before(to) {
			continue
		}
		if err := look(ev); err != nil {
			return err
		}
	}
	return nil
}

// usageJSON is the form of `coverage --json`.
type usageJSON struct {
	policies.Usage
	Source    string `json:"source"`
	Factless  int    `json:"without_facts"`
	Undecided int    `json:"undecided"`
}

func (u *usage) report(w io.Writer, x *policies.Usage, asJSON bool) error {
	silent := 0
	for _, r := range x.Rules {
		if r.Hits == 0 {
			silent++
		}
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(usageJSON{*x, u.source, u.factless, u.undecided}); err != nil {
			return err
		}
	} else {
		for _, r := range x.Rules {
			if r.Hits == 0 {
				fmt.Fprintf(w, "never spoke   %s.%s (%s)  %s  %s:%d\n", r.Rule.Policy, r.Rule.ID, r.Rule.Set, r.Rule.Title, r.Rule.File, r.Rule.Line)
			}
		}
		for _, m := range x.Unmentioned {
			fmt.Fprintf(w, "no rule names %s (%s), found in %d\n", m.Type, first(strings.Join(m.Groups, ", "), "no group"), m.Facts)
		}
		fmt.Fprintf(w, "%s: %d of %d rules spoke, %d types of findings are named by none", u.source, len(x.Rules)-silent, len(x.Rules), len(x.Unmentioned))
		if u.factless > 0 {
			fmt.Fprintf(w, "; %d without facts", u.factless)
		}
		if u.undecided > 0 {
			fmt.Fprintf(w, "; %d undecided", u.undecided)
		}
		fmt.Fprintln(w)
	}
	if silent > 0 || len(x.Unmentioned) > 0 {
		return answer{exitNo}
	}
	return nil
}

// factsOfEvent gives the facts of a recorded decision.
func factsOfEvent(ctx context.Context, a *auditFlags, id string) (*proxy.Facts, error) {
	ev, err := decisionOf(ctx, a, id)
	switch {
	case err != nil:
		return nil, err
	case ev == nil:
		return nil, fmt.Errorf("no decision has the id %s", printable(id))
	case ev.Decision.Facts == nil:
		return nil, errors.New("the decision holds no facts: the request was refused before the policies were asked")
	}
	return ev.Decision.Facts, nil
}

func policyEvalCommand() *cobra.Command {
	var f policyFlags
	var a auditFlags
	var event string
	c := &cobra.Command{
		Use:   "eval QUERY [DIR]",
		Short: "Ask a query of Rego, over facts of your own or of a recorded decision",
		Long: `Eval evaluates a query with the policies and the data of the directory loaded and
prints each result as JSON on a line. input is the facts: those of the decision
that --event names, else those on standard input: complete, or a change on the
facts of a harmless request; with empty input, these. Nothing printed is content:
facts hold none.

  data.ostiary.verdict                     what all policies together decide
  data.ostiary.policies.residency.route    what one of them says
  input.findings.groups                    a part of the facts

Exit status: 0 there is a result, 1 there is none (undefined), 2 the query or the
facts cannot be read.`,
		Example: `  ostiary policy eval data.ostiary.verdict.action policies < /dev/null
  echo '{"time": {"office": "no"}}' | ostiary policy eval data.ostiary.verdict policies
  ostiary policy eval 'some p in input.pools; p.boundary == "internal"' --event 01JDQ7ZK3M9V0000000000000`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			st, err := f.stage()
			if err != nil {
				return err
			}
			dir := policyDir(args[1:])
			set, err := st.need(dir)
			if err != nil {
				return err
			}
			a.config = f.config
			var facts *proxy.Facts
			if event != "" {
				facts, err = factsOfEvent(c.Context(), &a, event)
			} else {
				facts, err = factsIn(c.InOrStdin())
			}
			if err != nil {
				return err
			}
			results, err := policies.Study{Set: set}.Query(c.Context(), args[0], facts)
			if err != nil {
				return errors.New(policies.Cause(err))
			}
			for _, r := range results {
				fmt.Fprintf(c.OutOrStdout(), "%s\n", r)
			}
			if len(results) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "undefined")
				return answer{exitNo}
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&a.log, "log", "", "`DIRECTORY` of the audit log that has --event")
	c.Flags().StringVar(&event, "event", "", "`ID` of a decision in the audit log")
	return c
}

// factsIn reads facts, or a change on the example.
func factsIn(r io.Reader) (*proxy.Facts, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return policies.Example(), nil
	}
	f, err := policies.Change(policies.Example(), []byte(text))
	if err != nil {
		return nil, fmt.Errorf("the facts on standard input: %w", err)
	}
	return f, nil
}
