package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
)

// explanation is what `ostiary explain` is asked.
type explanation struct {
	audit    auditFlags // --config, --log, --json
	policies string
	event    string
	text     string
	whyNot   string
	fixture  policies.Fixture
}

func explainCommand() *cobra.Command {
	var e explanation
	c := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Show on one screen what was found, which rules spoke, and where a request goes",
		Long: `Explain reads a prompt from FILE or standard input and shows what is found in it,
what the policies know of it, which of their rules speak (with title, file and
line), and what becomes of the request. With --event it explains a decision of
the audit log by the facts that were recorded; the id is in every answer's
x-ostiary-decision-id header.

--why-not says why something did not happen: of the rules that a set (deny, route,
mask, require, warn, notify, allow), a policy or POLICY.RULE names, those that did
not speak, and the expression of each that did not hold, with the facts that it
names. --why-not allow shows first what stands in the way.

The policies are those of --policies, else of the configuration, else the shipped
ones. Where a recorded decision was made by other policies, that is said.

--text takes the prompt as an argument, which other users of the machine can see,
and which your shell remembers: use it for made-up texts alone.

Exit status: 0 done, 1 no such event, 2 the input could not be read.`,
		Example: `  ostiary explain letter.txt
  ostiary explain --policies ./policies --application billing < letter.txt
  ostiary explain --event 01JDQ7ZK3M9V0000000000000 --why-not allow
  ostiary explain --text "my card is 4539 2746 8831 0575" --why-not residency.protected_data`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if n := given(len(args) > 0, e.event != "", c.Flags().Changed("text")); n > 1 {
				return errors.New("FILE, --event and --text each say what to explain: give one")
			}
			x, err := e.explain(c, args)
			if err != nil {
				return err
			}
			if e.audit.json {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetEscapeHTML(false)
				return enc.Encode(x)
			}
			p := newEventPrinter(c.OutOrStdout(), false)
			x.print(p, e.whyNot)
			return nil
		},
	}
	e.audit.add(c)
	c.Flags().StringVar(&e.policies, "policies", "", "policy `DIRECTORY` or bundle")
	c.Flags().StringVar(&e.event, "event", "", "`ID` of a decision in the audit log")
	c.Flags().StringVar(&e.text, "text", "", "`TEXT` of the prompt; seen by others, see above")
	c.Flags().StringVar(&e.whyNot, "why-not", "", "explain what did not happen: a set, a policy or `POLICY.RULE`")
	c.Flags().StringVar(&e.fixture.Role, "role", "", "whose text it is: user, system, assistant, tool")
	c.Flags().StringVar(&e.fixture.Application, "application", "", "`NAME` of the application that asks")
	c.Flags().StringVar(&e.fixture.Team, "team", "", "`NAME` of its team")
	c.Flags().StringVar(&e.fixture.Model, "model", "", "`NAME` of the model that is asked for")
	c.Flags().StringVar(&e.fixture.Pool, "pool", "", "`NAME` of the pool that is asked for")
	return c
}

func given(list ...bool) (n int) {
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}

// explained is an explanation: findings, facts, the rules that spoke, what
// becomes of the request, and why something else does not.
type explained struct {
	Event    string             `json:"event,omitempty"`
	Notes    []string           `json:"notes"`
	Findings []explainedFinding `json:"findings"`
	Facts    *proxy.Facts       `json:"facts"`
	Reasons  []proxy.Reason     `json:"reasons"`
	Action   proxy.Action       `json:"action"`
	Code     string             `json:"code,omitempty"`
	Pool     string             `json:"pool"`
	Pools    []string           `json:"pools"` // that are permitted; null where no rule speaks of them
	Masks    []string           `json:"masks"`
	Notify   []string           `json:"notify"`
	Revision string             `json:"revision"`
	WhyNot   []policies.Silence `json:"why_not,omitempty"`
}

type explainedFinding struct {
	Type       string   `json:"type"`
	Groups     []string `json:"groups"`
	Likelihood string   `json:"likelihood"` // the highest
	Count      int      `json:"count"`      // likely ones
	Roles      []string `json:"roles"`
	Synthetic  int      `json:"synthetic,omitempty"`
}

func (e *explanation) explain(c *cobra.Command, args []string) (*explained, error) {
	flags := policyFlags{e.audit.config}
	st, err := flags.stage()
	if err != nil {
		return nil, err
	}
	if e.policies == "" && st.cfg.Policy.Bundle.Source != "" {
		return nil, errors.New("the configuration takes its policies from a bundle elsewhere: name a copy of it by --policies")
	}
	set, err := st.load(first(e.policies, st.cfg.Policies))
	if err != nil {
		return nil, fmt.Errorf("the policies do not load:\n%w", err)
	}
	ctx := c.Context()
	var x *explained
	if e.event != "" {
		x, err = e.recorded(ctx, c.ErrOrStderr(), set)
	} else {
		x, err = e.judged(ctx, c, args, trial{stage: st, set: set})
	}
	if err != nil {
		return nil, err
	}
	x.Masks, x.Notify = append([]string{}, x.Masks...), append([]string{}, x.Notify...)
	if e.whyNot != "" && x.Facts != nil {
		if x.WhyNot, err = (policies.Study{Set: set}).WhyNot(ctx, x.Facts, e.whyNot); err != nil {
			return nil, fmt.Errorf("--why-not: %w", err)
		}
	}
	return x, nil
}

// judged explains a text.
func (e *explanation) judged(ctx context.Context, c *cobra.Command, args []string, t trial) (*explained, error) {
	e.fixture.Text = e.text
	if !c.Flags().Changed("text") {
		in, closeIn, err := input(c, args)
		if err != nil {
			return nil, err
		}
		defer closeIn()
		if e.fixture.Text, err = readText(in); err != nil {
			return nil, err
		}
	}
	if e.fixture.Text == "" {
		return nil, errors.New("there is no text to explain")
	}
	f, err := t.stage.facts(ctx, &e.fixture)
	if err != nil {
		return nil, err
	}
	x := &explained{Facts: f, Findings: findingsOf(f), Revision: t.set.Revision(), Notes: []string{}, Reasons: []proxy.Reason{}}
	v, err := t.set.Decide(ctx, f)
	if err != nil {
		x.Action, x.Code, x.Pool = proxy.Deny, proxy.Undecided.Code(), "none"
		x.Notes = append(x.Notes, "the policies are undecided: "+policies.Cause(err))
		return x, nil
	}
	o := policies.OutcomeOf(f, &v)
	x.Action, x.Code, x.Pool, x.Masks, x.Notify = v.Action, o.Code, o.Pool, o.Masks, v.Notify
	x.Reasons = append(x.Reasons, v.Reasons...)
	if v.Constrained {
		x.Pools = v.Pools
	}
	x.Notes = append(x.Notes, t.set.Warnings()...)
	return x, nil
}

// recorded explains a decision of the audit log.
func (e *explanation) recorded(ctx context.Context, diag io.Writer, set *policies.Set) (*explained, error) {
	ev, err := decisionOf(ctx, &e.audit, e.event)
	if err != nil {
		return nil, err
	}
	if ev == nil {
		fmt.Fprintf(diag, "no decision has the id %s\n", printable(e.event))
		return nil, answer{exitNo}
	}
	d := ev.Decision
	x := &explained{
		Event: ev.ID, Facts: d.Facts, Findings: []explainedFinding{}, Reasons: append([]proxy.Reason{}, d.Reasons...), Action: d.Action, Code: d.Code,
		Pool: cmp.Or(d.Pool, "none"), Masks: d.Masks, Notify: d.Notify, Notes: []string{},
	}
	if ev.Policy != nil {
		x.Revision = ev.Policy.Policies
	}
	if d.Facts == nil {
		x.Notes = append(x.Notes, "the policies were not asked: the request was refused before")
	} else {
		x.Findings = findingsOf(d.Facts)
	}
	if d.Would != nil {
		x.Notes = append(x.Notes, fmt.Sprintf("observe mode: the policies ask for %s %s", d.Would.Action, strings.Join(d.Would.Rules, ", ")))
	}
	for _, r := range d.Rejected {
		x.Notes = append(x.Notes, "passed over "+r.Pool+": "+r.Why)
	}
	if e.whyNot != "" && x.Revision != set.Revision() {
		x.Notes = append(x.Notes, fmt.Sprintf("the decision was made by the policies of revision %s; what did not happen is explained by those of %s", x.Revision, set.Revision()))
	}
	return x, nil
}

// decisionOf finds a decision of the audit log by its id, or by that of what belongs to
// it; nil where there is none.
func decisionOf(ctx context.Context, f *auditFlags, id string) (*proxy.Event, error) {
	r, err := f.reader()
	if err != nil {
		return nil, err
	}
	p, err := f.places()
	if err != nil {
		return nil, err
	}
	x, err := index.Open(p.log, index.Options{Source: r, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return decisionBy(ctx, x, r, id)
}

// decisionBy is decisionOf with the index of a log, which it brings up to date.
func decisionBy(ctx context.Context, x *index.Index, r *audit.Reader, id string) (*proxy.Event, error) {
	if err := x.Refresh(ctx); err != nil {
		return nil, err
	}
	refs, err := x.Lookup(ctx, strings.ToUpper(strings.TrimSpace(id)))
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		rec, err := r.At(ref.Index)
		if errors.Is(err, audit.ErrNoRecord) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		ev, err := rec.Event()
		if err != nil {
			return nil, err
		}
		if ev.Decision != nil {
			return ev, nil
		}
	}
	return nil, nil
}

// findingsOf lists the findings in facts, the likeliest first.
func findingsOf(f *proxy.Facts) []explainedFinding {
	out := []explainedFinding{}
	for name, t := range f.Findings.Types {
		x := explainedFinding{Type: name, Groups: t.Groups, Likelihood: highest(t.AtLeast), Count: t.Count, Synthetic: t.Synthetic}
		for role := range t.Roles {
			x.Roles = append(x.Roles, role)
		}
		slices.Sort(x.Roles)
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b explainedFinding) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Type, b.Type))
	})
	return out
}

func highest(l proxy.Levels) string {
	for _, x := range []struct {
		n  int
		is proxy.Likelihood
	}{{l.VeryLikely, proxy.VeryLikely}, {l.Likely, proxy.Likely}, {l.Possible, proxy.Possible}, {l.Unlikely, proxy.Unlikely}, {l.VeryUnlikely, proxy.VeryUnlikely}} {
		if x.n > 0 {
			return x.is.String()
		}
	}
	return "none"
}

// shownFindings bounds the findings on the screen; --json has all.
const shownFindings = 12

func (x *explained) print(p *eventPrinter, whyNot string) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(p.w, "%-10s%s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	if x.Event != "" {
		row("decision", "%s", x.Event)
	}
	x.printFacts(row)
	label := "rules"
	for _, r := range x.Reasons {
		row(label, "%-8s %s.%s  %s", r.Action, r.Policy, r.Rule, r.Title)
		row("", "%8s %s:%d", "", r.File, r.Line)
		row("", "%8s “%s”", "", r.Message)
		label = ""
	}
	if len(x.Reasons) == 0 {
		row("rules", "none spoke")
	}
	extra := ""
	if x.Code != "" {
		extra = " " + x.Code
	}
	where := "→ " + x.Pool
	if x.Action == proxy.Deny {
		where = "goes nowhere"
	} else if x.Pools != nil {
		where += " (permitted: " + strings.Join(x.Pools, ", ") + ")"
	}
	fmt.Fprintf(p.w, "%-10s%s%s %s\n", "action", p.action(x.Action), printable(extra), printable(where))
	if len(x.Masks) > 0 {
		row("masks", "%s", strings.Join(x.Masks, ", "))
	}
	if len(x.Notify) > 0 {
		row("notifies", "%s", strings.Join(x.Notify, ", "))
	}
	row("policies", "revision %s", x.Revision)
	for _, n := range x.Notes {
		row("note", "%s", n)
	}
	if whyNot != "" {
		x.printWhyNot(p.w, whyNot)
	}
}

func (x *explained) printFacts(row rowFunc) {
	label := "findings"
	for i, f := range x.Findings {
		if i == shownFindings {
			row("", "and %d more types", len(x.Findings)-i)
			break
		}
		groups := strings.Join(f.Groups, ", ")
		if len(f.Roles) > 0 {
			row(label, "%d %s  up to %s (%s) by %s", f.Count, f.Type, f.Likelihood, groups, strings.Join(f.Roles, ", "))
			label = ""
		}
		if f.Synthetic > 0 {
			row(label, "0 %s  but %d published test values (%s)", f.Type, f.Synthetic, groups)
			label = ""
		}
	}
	if len(x.Findings) == 0 {
		row("findings", "none")
	}
	f := x.Facts
	if f == nil {
		return
	}
	row("facts", "application %s, team %s, %s %s, model %s", f.Principal.Application, f.Principal.Team, f.Request.Dialect, f.Request.Operation, f.Request.Model)
	row("", "asks for %s (%s, %s); %d tokens, %d bytes, %d tools", f.Destination.Pool, f.Destination.Boundary, f.Destination.Jurisdiction, f.Request.Tokens, f.Request.Bytes, f.Request.Tools)
	if f.Opaque.Count > 0 || f.Uninspected.Count > 0 || len(f.State) > 0 {
		row("", "not readable: %d, not inspected: %d, state elsewhere: %s", f.Opaque.Count, f.Uninspected.Count, cmp.Or(strings.Join(f.State, ", "), "none"))
	}
	if f.Grant.ID != "none" || f.Grant.Justification != "none" {
		row("", "grant %s (lifts %s), justification %s", f.Grant.ID, cmp.Or(strings.Join(f.Grant.Lifts, ", "), "nothing"), f.Grant.Justification)
	}
}

// printWhyNot prints what did not speak, and why.
func (x *explained) printWhyNot(w io.Writer, target string) {
	fmt.Fprintf(w, "\nwhy not %s\n", printable(target))
	if target == string(proxy.Allow) {
		for _, r := range x.Reasons {
			if r.Action.Rank() > proxy.Allow.Rank() {
				fmt.Fprintf(w, "  in the way: %s %s.%s, %s:%d\n", r.Action, r.Policy, r.Rule, printable(r.File), r.Line)
			}
		}
	}
	switch {
	case len(x.WhyNot) == 0 && target == string(proxy.Allow):
		fmt.Fprintln(w, "  and no rule is there that could lift it")
	case len(x.WhyNot) == 0:
		fmt.Fprintln(w, "  every such rule spoke")
	}
	for _, s := range x.WhyNot {
		fmt.Fprintf(w, "  %s.%s (%s) did not speak: %s\n", s.Rule.Policy, s.Rule.ID, s.Rule.Set, printable(s.Rule.Title))
		for _, f := range s.Failed {
			in := strings.Repeat("  ", f.Depth)
			verb := "does not hold"
			if f.Holds {
				verb = "is denied, and holds"
			}
			fmt.Fprintf(w, "    %s%s:%d: %s  %s\n", in, printable(f.File), f.Line, printable(f.Expression), verb)
			for _, fact := range f.Facts {
				value := string(fact.Value)
				switch {
				case fact.Missing:
					value = "not there"
				case value == "":
					value = "(long)"
				}
				fmt.Fprintf(w, "    %s  %s: %s\n", in, printable(fact.Name), printable(value))
			}
		}
	}
}
