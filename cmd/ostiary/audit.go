package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
)

// auditFlags are what all audit commands take.
type auditFlags struct {
	config string
	log    string
	json   bool
}

func (f *auditFlags) add(c *cobra.Command) {
	p := c.Flags()
	p.StringVar(&f.log, "log", "", "`DIRECTORY` of the audit log; without it, the configuration's or the one in your state directory")
	p.StringVar(&f.config, "config", "", "configuration `FILE` that names the audit log")
	p.BoolVar(&f.json, "json", false, "print JSON")
}

// places finds the log and its keys as the running Ostiary does.
func (f *auditFlags) places() (places, error) {
	cfg := &config.Config{}
	if f.config != "" {
		var err error
		if cfg, err = config.Load(f.config); err != nil {
			return places{}, err
		}
	}
	p, err := findPlaces(cfg, f.log)
	if err == nil && f.log != "" && f.config == "" {
		p.keys = audit.DefaultKeyDir(p.log)
	}
	return p, err
}

func (f *auditFlags) reader() (*audit.Reader, error) {
	p, err := f.places()
	if err != nil {
		return nil, err
	}
	r, err := audit.OpenReader(p.log)
	if errors.Is(err, audit.ErrNoLog) {
		return nil, fmt.Errorf("%w; name another by --log DIRECTORY or --config FILE", err)
	}
	return r, err
}

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Read the audit log, and prove that it was not altered",
		Long: `Every decision is in the audit log before the first byte of a request leaves,
and so is what became of it. The log holds no prompts and no values: it says
what was found, which rule decided, and where the request went.

  ostiary audit tail -f                       # what is being decided now
  ostiary audit search action:deny --since 2h # what was refused
  ostiary audit show 01JDQ7ZK3M9V0000000000000
  ostiary audit verify                        # was anything altered?

All of them read the files alone, whether Ostiary runs or not.

Exit status: 0 yes, 1 the answer is no, 2 could not tell.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(auditTailCommand(), auditShowCommand(), auditSearchCommand(), auditVerifyCommand())
	return c
}

func auditTailCommand() *cobra.Command {
	var f auditFlags
	var n int
	var follow bool
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show the last events, and new ones as they come",
		Long: `Shows the last events of the audit log, the newest at the end.

  ostiary audit tail
  ostiary audit tail -n 100 -f
  ostiary audit tail -f --json | jq 'select(.decision.action == "deny")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if n < 0 {
				return errors.New("-n takes a number from 0 on")
			}
			r, err := f.reader()
			if err != nil {
				return err
			}
			size, err := r.Size()
			if err != nil {
				return err
			}
			p := newEventPrinter(c.OutOrStdout(), f.json)
			from := max(size-int64(n), 0)
			if follow {
				return r.Follow(c.Context(), from, p.line)
			}
			for rec, err := range r.Records(from) {
				if err != nil {
					return err
				}
				if err := p.line(rec); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().IntVarP(&n, "lines", "n", 20, "how many events")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new events until interrupted")
	return c
}

func auditSearchCommand() *cobra.Command {
	var f auditFlags
	var since, until string
	var limit int
	c := &cobra.Command{
		Use:   "search [FIELD:VALUE ...]",
		Short: "Find events by field",
		Long: `Prints the events that meet all terms, the newest at the end. FIELD:VALUE asks
for a value, -FIELD:VALUE for its absence, VALUE* for a beginning, FIELD:* for
any value. Write -- before a query that begins with a minus sign.

  ostiary audit search action:deny --since 2h
  ostiary audit search type:US_SSN -- -pool:house
  ostiary audit search app:billing 'rule:personal*' --since 7d --until 2026-11-23
  ostiary audit search kind:outcome sent:unknown --limit 0 --json

Fields:
  ` + strings.Join(audit.Fields(), "\n  "),
		RunE: func(c *cobra.Command, args []string) error {
			q, err := audit.ParseQuery(strings.Join(quoteTerms(args), " "))
			if err != nil {
				return err
			}
			now := time.Now()
			if since != "" {
				if q.Since, err = audit.ParseTime(since, now); err != nil {
					return fmt.Errorf("--since: %w", err)
				}
			}
			if until != "" {
				if q.Until, err = audit.ParseTime(until, now); err != nil {
					return fmt.Errorf("--until: %w", err)
				}
			}
			if limit < 0 {
				return errors.New("--limit takes a number from 0 on")
			}
			r, err := f.reader()
			if err != nil {
				return err
			}
			found, more, err := r.Search(q, limit)
			if err != nil {
				return err
			}
			p := newEventPrinter(c.OutOrStdout(), f.json)
			for _, rec := range found {
				if err := p.line(rec); err != nil {
					return err
				}
			}
			switch {
			case len(found) == 0:
				size, err := r.Size()
				if err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "none of %d events match\n", size)
			case more:
				fmt.Fprintf(c.ErrOrStderr(), "the last %d that match; there are more: --limit N, or 0 for all\n", limit)
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&since, "since", "", "from this `TIME` on: 2h, 7d, 2026-11-23, 2026-11-23T14:00:00Z")
	c.Flags().StringVar(&until, "until", "", "before this `TIME`")
	c.Flags().IntVar(&limit, "limit", 100, "how many events, the last ones; 0 for all")
	return c
}

// quoteTerms puts quotation marks around the values of arguments that hold
// spaces: the shell has taken the user's.
func quoteTerms(args []string) []string {
	out := make([]string, 0, len(args))
	for _, a := range args {
		name, value, ok := strings.Cut(a, ":")
		if ok && strings.Contains(value, " ") && !strings.ContainsAny(name, " ") && !strings.Contains(value, ":") && !strings.HasPrefix(value, `"`) {
			text, star := strings.CutSuffix(value, "*")
			a = name + `:"` + text + `"`
			if star {
				a += "*"
			}
		}
		out = append(out, a)
	}
	return out
}

func auditShowCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show one decision with its reasons and its outcome",
		Long: `Shows the event with that id: a decision together with what became of it. The id
is in every answer's x-ostiary-decision-id header.

  ostiary audit show 01JDQ7ZK3M9V0000000000000
  ostiary audit show 01JDQ7ZK3M9V0000000000000 --json

With --json the events are printed as they are stored, one line each. The exit
status is 1 where no event has that id.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.reader()
			if err != nil {
				return err
			}
			found, err := r.Show(strings.ToUpper(strings.TrimSpace(args[0])))
			if err != nil {
				return err
			}
			if len(found) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "no event has that id")
				return answer{exitNo}
			}
			p := newEventPrinter(c.OutOrStdout(), f.json)
			if !f.json {
				return p.page(found)
			}
			for _, rec := range found {
				if err := p.line(rec); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(c)
	return c
}

func auditVerifyCommand() *cobra.Command {
	var f auditFlags
	var key, checkpoint, save string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the log was not altered, or say where it was",
		Long: `Reads the whole log and compares it with its signed checkpoints. It needs two
things from outside the log: the verifier key, and a checkpoint that was seen
before (without one, a log that was put back to an older state cannot be told
from a young one). Left out, both are taken from the key directory beside the
log, to which every checkpoint is copied: good against whoever could reach the
log alone. To be safe from whoever could reach both, keep copies elsewhere.

  ostiary audit verify
  ostiary audit verify --save-checkpoint monday.checkpoint      # keep it elsewhere
  ostiary audit verify --key log.pub --checkpoint monday.checkpoint --log /srv/ostiary/log

Exit status: 0 nothing was altered, 1 something was (the first bad record is
named), 2 it could not be told. What it does not prove: that what was recorded
is true, and that a machine that was broken into before a record was signed
recorded everything.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.places()
			if err != nil {
				return err
			}
			o, sources, err := trustOf(p, key, checkpoint)
			if err != nil {
				return err
			}
			// Read before the verification, so that it is of what was verified.
			last, err := os.ReadFile(filepath.Join(p.log, "checkpoint"))
			if err != nil && save != "" {
				return fmt.Errorf("--save-checkpoint: %w", err)
			}
			r, err := audit.Verify(p.log, o)
			if err != nil {
				return err
			}
			if f.json {
				err = writeReport(c.OutOrStdout(), r, sources)
			} else {
				printReport(c.OutOrStdout(), p.log, r, sources)
			}
			if err != nil {
				return err
			}
			if save != "" && r.Answer != audit.Altered {
				if err := os.WriteFile(save, last, 0o644); err != nil {
					return fmt.Errorf("--save-checkpoint: %w", err)
				}
			}
			if r.Answer != audit.Good {
				return answer{int(r.Answer)}
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&key, "key", "", "`FILE` with the verifier key (log.pub)")
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "`FILE` with a checkpoint seen before")
	c.Flags().StringVar(&save, "save-checkpoint", "", "write the log's last checkpoint to `FILE`, unless the log was altered")
	return c
}

// trustOf reads the key and the checkpoint that a verification trusts, and says
// where they came from.
func trustOf(p places, key, checkpoint string) (audit.VerifyOptions, []string, error) {
	var o audit.VerifyOptions
	var sources []string
	beside, err := audit.Trusted(p.keys, p.log)
	if err != nil {
		return o, nil, err
	}
	if key != "" {
		b, err := os.ReadFile(key)
		if err != nil {
			return o, nil, fmt.Errorf("--key: %w", err)
		}
		if o.Key, err = audit.NewVerifier(b); err != nil {
			return o, nil, fmt.Errorf("--key %s: %w", key, err)
		}
		sources = append(sources, "key "+key)
	} else if beside.Key != nil {
		o.Key = beside.Key
		sources = append(sources, "key "+p.keys)
	}
	if checkpoint != "" {
		if o.Checkpoint, err = os.ReadFile(checkpoint); err != nil {
			return o, nil, fmt.Errorf("--checkpoint: %w", err)
		}
		if len(o.Checkpoint) == 0 {
			return o, nil, fmt.Errorf("--checkpoint %s is empty", checkpoint)
		}
		sources = append(sources, "checkpoint "+checkpoint)
	} else if len(beside.Checkpoint) > 0 {
		o.Checkpoint = beside.Checkpoint
		sources = append(sources, "checkpoint "+p.keys)
	}
	return o, sources, nil
}

// verifyReport is a report as `verify --json` prints it.
type verifyReport struct {
	Answer   string   `json:"answer"` // good, altered, unclear
	Origin   string   `json:"origin"`
	Size     int64    `json:"size"`
	Signed   int64    `json:"signed"`
	Root     string   `json:"root"`
	FirstBad *int64   `json:"first_bad"` // null where none is
	Until    *int64   `json:"first_bad_before"`
	Altered  []string `json:"altered"`
	Unclear  []string `json:"unclear"`
	Notes    []string `json:"notes"`
	Trusted  []string `json:"trusted"`
}

func writeReport(w io.Writer, r *audit.Report, sources []string) error {
	out := verifyReport{
		Answer: r.Answer.String(), Origin: r.Origin, Size: r.Size, Signed: r.Signed, Root: r.Root.String(),
		Altered: append([]string{}, r.Altered...), Unclear: append([]string{}, r.Unclear...),
		Notes: append([]string{}, r.Notes...), Trusted: append([]string{}, sources...),
	}
	if r.FirstBad >= 0 {
		out.FirstBad, out.Until = &r.FirstBad, &r.Until
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func printReport(w io.Writer, dir string, r *audit.Report, sources []string) {
	head := map[audit.Answer]string{
		audit.Good:    "GOOD: nothing was altered",
		audit.Altered: "ALTERED",
		audit.Unclear: "UNCLEAR: it could not be told whether anything was altered",
	}
	fmt.Fprintf(w, "%s\n\n", head[r.Answer])
	for _, s := range r.Altered {
		fmt.Fprintf(w, "  - %s\n", s)
	}
	switch {
	case r.FirstBad >= 0 && r.Until == r.FirstBad+1:
		fmt.Fprintf(w, "  first bad record: %d\n", r.FirstBad)
	case r.FirstBad >= 0:
		fmt.Fprintf(w, "  first bad record: one of %d to %d\n", r.FirstBad, r.Until-1)
	}
	for _, s := range r.Unclear {
		fmt.Fprintf(w, "  - %s\n", s)
	}
	if len(r.Altered)+len(r.Unclear) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  log      %s\n  origin   %s\n  records  %d, of which %d are under a signed checkpoint\n", dir, r.Origin, r.Size, r.Signed)
	fmt.Fprintf(w, "  root     %s\n", r.Root)
	if len(sources) > 0 {
		fmt.Fprintf(w, "  trusted  %s\n", strings.Join(sources, ", "))
	}
	for _, s := range r.Notes {
		fmt.Fprintf(w, "  note     %s\n", s)
	}
}

// eventPrinter prints events for people or, as they are stored, for programs.
type eventPrinter struct {
	w      io.Writer
	json   bool
	colour bool
}

func newEventPrinter(w io.Writer, asJSON bool) *eventPrinter {
	p := &eventPrinter{w: w, json: asJSON}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		st, err := f.Stat()
		p.colour = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// ANSI colours: never the only sign of anything.
const (
	colourRed    = "31"
	colourGreen  = "32"
	colourYellow = "33"
	colourBlue   = "34"
	colourGrey   = "90"
)

func (p *eventPrinter) paint(colour, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

func (p *eventPrinter) action(a proxy.Action) string {
	c := colourGreen
	switch a {
	case proxy.Mask:
		c = colourYellow
	case proxy.Reroute:
		c = colourBlue
	case proxy.Deny:
		c = colourRed
	}
	return p.paint(c, fmt.Sprintf("%-7s", printable(string(a))))
}

// line prints an event on one line.
func (p *eventPrinter) line(rec audit.Record) error {
	if p.json {
		_, err := fmt.Fprintf(p.w, "%s\n", rec.JSON)
		return err
	}
	ev, err := rec.Event()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.w, "%s %s %s\n", printable(localTime(ev.Time)), p.paint(colourGrey, printable(ev.ID)), p.summary(ev))
	return err
}

// printable takes out what a terminal would act on: a log that somebody altered
// is read too.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// localTime shortens an event's time to seconds, in the zone of who reads.
func localTime(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// summary says what an event is in a few words.
func (p *eventPrinter) summary(ev *proxy.Event) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, printable(fmt.Sprintf(format, args...))) }
	switch {
	case ev.Decision != nil:
		d := ev.Decision
		parts = append(parts, p.action(d.Action))
		if d.Pool != "" {
			add("→ %s", d.Pool)
		}
		if ev.Request != nil {
			add("app %s, %s", ev.Request.Application, ev.Request.Model)
		}
		if titles := reasonTitles(d.Reasons); titles != "" {
			add("%s", titles)
		} else if d.Code != "" {
			add("%s", d.Code)
		}
		if d.Would != nil && d.Would.Action != d.Action {
			add("(would %s)", d.Would.Action)
		}
		if found := findingList(ev.Findings); found != "" {
			add("[%s]", found)
		}
	case ev.Outcome != nil:
		o := ev.Outcome
		add("outcome of %s: status %d, sent %s, %d ms", ev.DecisionID, o.Status, o.Sent, o.DurationMS)
		if o.Reason != "" {
			add("%s", o.Reason)
		}
	case ev.Admin != nil:
		add("%s %s", ev.Kind, ev.Admin.Action)
		if ev.Admin.Detail != "" {
			add("%s", ev.Admin.Detail)
		}
	default:
		add("%s", ev.Kind)
	}
	return strings.Join(parts, "  ")
}

func reasonTitles(list []proxy.Reason) string {
	var titles []string
	for _, r := range list {
		titles = append(titles, first(r.Title, r.Rule))
	}
	return strings.Join(titles, "; ")
}

func findingList(list []proxy.FindingRecord) string {
	var out []string
	for _, f := range list {
		out = append(out, fmt.Sprintf("%d %s %s", f.Count, f.Type, f.Likelihood))
	}
	return strings.Join(out, ", ")
}

// page prints the events of one decision for reading.
func (p *eventPrinter) page(found []audit.Record) error {
	for i, rec := range found {
		ev, err := rec.Event()
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		fmt.Fprintf(p.w, "%s\n", p.summary(ev))
		row := func(name, format string, args ...any) {
			fmt.Fprintf(p.w, "  %-12s%s\n", name, printable(fmt.Sprintf(format, args...)))
		}
		row("event", "%s, %s, record %d of %s", ev.ID, ev.Kind, rec.Index, ev.Origin)
		row("time", "%s", ev.Time)
		p.request(ev, row)
		p.decision(ev, row)
		p.outcome(ev, row)
	}
	return nil
}

type rowFunc func(name, format string, args ...any)

func (p *eventPrinter) request(ev *proxy.Event, row rowFunc) {
	if q := ev.Request; q != nil {
		stream := ""
		if q.Stream {
			stream = ", streaming"
		}
		row("request", "%s %s%s, model %s, %d bytes, %s", q.Dialect, q.Operation, stream, q.Model, q.Bytes, q.Protocol)
		row("asked by", "%s", q.Application)
		if q.Trace != "" {
			row("trace", "%s", q.Trace)
		}
	}
	if q := ev.Personal; q != nil && q.Address != "" {
		row("from", "%s", q.Address)
	}
	for _, f := range ev.Findings {
		extra := ""
		if f.Synthetic > 0 {
			extra = fmt.Sprintf(", %d of them published test values", f.Synthetic)
		}
		row("found", "%d %s, %s (%s) in %s%s", f.Count, f.Type, f.Likelihood, strings.Join(f.Groups, ", "), strings.Join(f.Roles, ", "), extra)
	}
	if len(ev.Opaque) > 0 {
		row("not read", "%d parts that are not text", len(ev.Opaque))
	}
}

func (p *eventPrinter) decision(ev *proxy.Event, row rowFunc) {
	d := ev.Decision
	if d == nil {
		return
	}
	if d.Pool != "" {
		row("pool", "%s, model %s (asked for: %s)", d.Pool, first(d.Model, proxy.Unknown), first(d.Asked, "none"))
	}
	if d.Status != 0 || d.Code != "" {
		row("answered", "%d %s", d.Status, d.Code)
	}
	for _, r := range d.Reasons {
		row("because", "%s (%s, rule %s, %s:%d)", first(r.Title, r.Rule), r.Action, r.Policy+"/"+r.Rule, r.File, r.Line)
		if r.Message != "" {
			row("", "%s", r.Message)
		}
	}
	for _, r := range d.Rejected {
		row("passed over", "%s: %s", r.Pool, r.Why)
	}
	if d.Masked > 0 {
		row("masked", "%d", d.Masked)
	}
	if w := d.Would; w != nil {
		row("would have", "%s %s %s", w.Action, w.Pool, w.Code)
	}
	row("mode", "%s", d.Mode)
	if q := ev.Policy; q != nil {
		row("revisions", "policies %s, detectors %s, configuration %s", q.Policies, q.Suite, q.Config)
	}
	if t := ev.Timing; t != nil {
		row("took", "read %d µs, classify %d µs, decide %d µs, edit %d µs", t.ReadUS, t.ClassifyUS, t.DecideUS, t.EditUS)
	}
}

func (p *eventPrinter) outcome(ev *proxy.Event, row rowFunc) {
	o := ev.Outcome
	if o == nil {
		return
	}
	row("status", "%d to the client after %d ms", o.Status, o.DurationMS)
	row("sent", "%s, %d bytes upstream", o.Sent, o.SentBytes)
	row("answer", "%d bytes, inspected: %t", o.Bytes, o.Inspected)
	if o.Reason != "" {
		row("note", "%s", o.Reason)
	}
}
