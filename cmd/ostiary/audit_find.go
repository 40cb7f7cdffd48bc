package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
)

// auditFindCommands gives the commands that count and look over a log.
func auditFindCommands() []*cobra.Command {
	return []*cobra.Command{auditStatsCommand(), auditGapsCommand()}
}

// Bounds of what stats shows.
const (
	statsBars     = 24                                              // of a histogram, unless asked
	statsWidth    = 40                                              // letters of the longest bar
	statsShort    = time.Hour                                       // a log of less time says little of a rate
	statsPrepared = (audit.DefaultAhead + 1) * audit.DefaultSegment // bytes of the open segment and those ahead
	statsSample   = 10_000                                          // records measured where none is packed
)

// statsFlags are what stats is asked for.
type statsFlags struct {
	shelfFlags
	bounds queryFlags
	by     []string
	top    int
	over   string
	bars   int
	plan   bool
	keep   string
	rate   int64
}

func auditStatsCommand() *cobra.Command {
	var f statsFlags
	c := &cobra.Command{
		Use:   "stats [FIELD:VALUE ...]",
		Short: "Count events by field and time, and say how much disk the log takes",
		Long: `Says how large the log is, and counts its events: by kind, action and whether
something was sent, or by the fields that --by names. With a query, those events
are counted that meet it, and the outcomes of those decisions.

  ostiary audit stats
  ostiary audit stats --by app --by type --since 30d
  ostiary audit stats action:deny --by rule
  ostiary audit stats action:deny --over 7d                 # when, in bars
  ostiary audit stats --plan                                # how large must the disk be?
  ostiary audit stats --plan --keep 183d --rate 5000000

--plan reckons with the bytes that an event takes on disk here and with the events
a day that there were, on average and on the busiest day. --keep and --rate put
your own numbers in their place; without --keep it is log.keep of the
configuration.

Fields of --by: ` + wrapList(index.FacetFields(), 78, len("Fields of --by: ")),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	f.add(c)
	f.bounds.add(c)
	p := c.Flags()
	p.StringArrayVar(&f.by, "by", nil, "count by this `FIELD`, again for each of several")
	p.IntVar(&f.top, "top", 10, "how many values of a field, the most frequent ones")
	p.StringVar(&f.over, "over", "", "show when, over the last `SPAN` (24h, 7d), widened to whole hours or days, or over all of the log (all)")
	p.IntVar(&f.bars, "bars", statsBars, "how many bars --over shows at most")
	p.BoolVar(&f.plan, "plan", false, "say how much disk the log needs")
	p.StringVar(&f.keep, "keep", "", "with --plan: how long events are kept, such as `183d`")
	p.Int64Var(&f.rate, "rate", 0, "with --plan: events a day")
	return c
}

// wrapList breaks a list into lines of at most a width, the first of which has
// begun.
func wrapList(list []string, width, begun int) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte(',')
			if begun += 2; begun+len(s) > width {
				b.WriteString("\n")
				begun = 0
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(s)
		begun += len(s)
	}
	return b.String()
}

func (f *statsFlags) run(c *cobra.Command, args []string) error {
	switch {
	case f.top < 1:
		return errors.New("--top takes a number from 1 on")
	case f.bars < 1 || f.bars > index.MaxBuckets:
		return fmt.Errorf("--bars takes a number from 1 to %d", index.MaxBuckets)
	case f.over != "" && (f.bounds.since != "" || f.bounds.until != ""):
		return errors.New("--over says itself from when on: leave out --since and --until, or write --over all")
	case (f.keep != "" || f.rate != 0) && !f.plan:
		return errors.New("--keep and --rate go with --plan")
	case f.rate < 0:
		return errors.New("--rate takes a number from 1 on")
	}
	for _, field := range f.by {
		if !slices.Contains(index.FacetFields(), field) {
			return fmt.Errorf("--by %q is none of %s", printable(field), strings.Join(index.FacetFields(), ", "))
		}
	}
	q, err := f.bounds.parse(args)
	if err != nil {
		return err
	}
	now := time.Now()
	from := time.Time{}
	if f.over != "" && f.over != "all" {
		if from, err = index.ParseTime(f.over, now); err != nil {
			return fmt.Errorf("--over: %w", err)
		}
	}
	s, err := f.open()
	if err != nil {
		return err
	}
	u, err := s.find(c.Context())
	if err != nil {
		return err
	}
	out := &statsPrinter{newEventPrinter(c.OutOrStdout(), f.json)}
	if f.plan {
		return f.plans(c.Context(), s, out)
	}
	var begin, end time.Time // of all logs
	for _, b := range s.books {
		st, err := b.measure()
		if err == nil {
			err = out.size(st)
		}
		if err != nil {
			return err
		}
		if t, err := time.Parse(time.RFC3339, st.From); err == nil && (begin.IsZero() || t.Before(begin)) {
			begin = t
		}
		if t, err := time.Parse(time.RFC3339, st.To); err == nil && t.After(end) {
			end = t
		}
	}
	bars := f.bars
	switch {
	case !from.IsZero():
		from, now, bars = wholeSpans(from, now, bars)
		q = q.Between(from, now)
	case f.over == "all" && f.bounds == (queryFlags{}) && end.After(begin):
		begin, end, bars = wholeSpans(begin, end.Add(time.Millisecond), bars)
		q = q.Between(begin, end)
	}
	if f.over != "" {
		by := ""
		if len(f.by) == 1 {
			by = f.by[0]
		}
		h, err := u.Histogram(c.Context(), q, bars, by)
		if err != nil {
			return err
		}
		if err := out.histogram(h, by); err != nil {
			return err
		}
		if len(f.by) == 0 {
			return nil
		}
	}
	fields := f.by
	if len(fields) == 0 {
		fields = []string{"kind", "action", "sent"}
	}
	facets, err := u.Facets(c.Context(), q, fields, f.top)
	if err != nil {
		return err
	}
	for _, facet := range facets {
		if err := out.facet(facet); err != nil {
			return err
		}
	}
	return nil
}

// logSize is how large a log is, as `stats --json` prints it.
type logSize struct {
	Stat     string `json:"stat"` // log
	Log      string `json:"log"`
	Origin   string `json:"origin"`
	First    int64  `json:"first"` // index of the first record that is there
	Size     int64  `json:"size"`
	Signed   int64  `json:"signed"` // under the last checkpoint; who signed it is for verify to say
	Segments int    `json:"segments"`
	Sealed   int    `json:"sealed"`
	Bytes    int64  `json:"bytes"`       // of the segments
	Index    int64  `json:"index_bytes"` // of what makes searching quick
	Proofs   int64  `json:"proof_bytes"` // of checkpoints and the tree
	Free     int64  `json:"disk_free"`   // -1 where not known
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`

	events, packed int64 // of packed segments: records, and bytes
}

// measure says how large a log is.
func (b *book) measure() (*logSize, error) {
	out := &logSize{Stat: "log", Log: b.log, Origin: b.origin, Free: diskFree(b.log)}
	list, err := b.reader.Segments()
	if err != nil {
		return nil, err
	}
	for i, s := range list {
		if i == 0 {
			out.First = s.First
		}
		out.Size, out.Segments, out.Bytes = s.End, out.Segments+1, out.Bytes+s.Bytes
		if s.Sealed {
			out.Sealed++
			out.events, out.packed = out.events+s.End-s.First, out.packed+s.Bytes
		}
	}
	signed, err := b.reader.Checkpoint()
	switch {
	case err == nil:
		if cp, err := audit.PeekCheckpoint(signed); err == nil {
			out.Signed = cp.Size
		}
	case !errors.Is(err, audit.ErrNoLog):
		return nil, err
	}
	for _, d := range []struct {
		name string
		sum  *int64
	}{{index.Dir, &out.Index}, {"tile", &out.Proofs}, {"checkpoints", &out.Proofs}} {
		n, err := bytesBelow(filepath.Join(b.log, d.name))
		if err != nil {
			return nil, err
		}
		*d.sum += n
	}
	for _, e := range []struct {
		index int64
		time  *string
	}{{out.First, &out.From}, {out.Size - 1, &out.To}} {
		if out.First == out.Size {
			break
		}
		rec, err := b.reader.At(e.index)
		if err != nil {
			return nil, err
		}
		if ev, err := rec.Event(); err == nil {
			*e.time = ev.Time
		}
	}
	return out, nil
}

// bytesBelow adds up the lengths of the files below a directory, of which some may
// go meanwhile.
func bytesBelow(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n, err
}

// statsPrinter prints counts.
type statsPrinter struct{ *eventPrinter }

func (p *statsPrinter) size(s *logSize) error {
	if p.json {
		return writeJSON(p.w, s)
	}
	p.row("log", "%s", s.Log)
	p.row("origin", "%s", s.Origin)
	if s.First > 0 {
		p.row("records", "%s, of which %s are still there; %s under the last checkpoint", thousands(s.Size), thousands(s.Size-s.First), thousands(s.Signed))
	} else {
		p.row("records", "%s; %s under the last checkpoint", thousands(s.Size), thousands(s.Signed))
	}
	if s.From != "" {
		p.row("time", "%s to %s", s.From, s.To)
	}
	free := ""
	if s.Free >= 0 {
		free = "; free " + size(s.Free)
	}
	p.row("disk", "%d segments, %d of them packed, %s; index %s; proofs %s%s", s.Segments, s.Sealed, size(s.Bytes), size(s.Index), size(s.Proofs), free)
	return nil
}

func (p *statsPrinter) facet(f index.Facet) error {
	if p.json {
		type value struct {
			Value string `json:"value"`
			Count int64  `json:"count"`
		}
		list := make([]value, 0, len(f.Values))
		for _, v := range f.Values {
			list = append(list, value{v.Value, v.Count})
		}
		return writeJSON(p.w, struct {
			Stat     string  `json:"stat"`
			Field    string  `json:"field"`
			Distinct int     `json:"distinct"`
			Values   []value `json:"values"`
		}{"facet", f.Field, f.Distinct, list})
	}
	fmt.Fprintf(p.w, "\n  %s", f.Field)
	if f.Distinct > len(f.Values) {
		fmt.Fprintf(p.w, " (%d of %d values)", len(f.Values), f.Distinct)
	}
	fmt.Fprintln(p.w)
	if len(f.Values) == 0 {
		fmt.Fprintln(p.w, "    none")
		return nil
	}
	var most int64
	for _, v := range f.Values {
		most = max(most, v.Count)
	}
	tw := tabwriter.NewWriter(p.w, 0, 8, 2, ' ', 0)
	for _, v := range f.Values {
		fmt.Fprintf(tw, "    %s\t%12s\t%s\n", printable(v.Value), thousands(v.Count), bar(v.Count, most))
	}
	return tw.Flush()
}

func (p *statsPrinter) histogram(h *index.Histogram, by string) error {
	if p.json {
		type series struct {
			Value  string  `json:"value"`
			Counts []int64 `json:"counts"`
		}
		list := []series{}
		for _, s := range h.Series {
			list = append(list, series{s.Value, s.Counts})
		}
		return writeJSON(p.w, struct {
			Stat   string   `json:"stat"`
			Start  string   `json:"start"`
			StepMS int64    `json:"step_ms"`
			Counts []int64  `json:"counts"`
			By     string   `json:"by,omitempty"`
			Series []series `json:"series"`
		}{"histogram", h.Start.UTC().Format(time.RFC3339Nano), h.Step.Milliseconds(), append([]int64{}, h.Counts...), by, list})
	}
	fmt.Fprintf(p.w, "\n  events in spans of %s\n", h.Step)
	most := slices.Max(append([]int64{0}, h.Counts...))
	for i, n := range h.Counts {
		at := h.Start.Add(time.Duration(i) * h.Step)
		fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf("    %s  %12s  %s", at.Local().Format("2006-01-02 15:04:05"), thousands(n), bar(n, most)), " "))
	}
	return nil
}

// wholeSpans widens a time to spans that people reckon in, as many as bars or a few
// less, and gives how many; where none fits, it leaves the time as it is.
func wholeSpans(from, to time.Time, bars int) (time.Time, time.Time, int) {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{
		time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 7 * day, 28 * day,
	} {
		begin := from.UTC().Truncate(step)
		if n := int((to.Sub(begin) + step - 1) / step); n <= bars {
			return begin, begin.Add(time.Duration(n) * step), n
		}
	}
	return from, to, bars
}

// bar draws a count.
func bar(n, most int64) string {
	if n <= 0 || most <= 0 {
		return ""
	}
	return strings.Repeat("#", max(1, int(n*statsWidth/most)))
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes.
func size(n int64) string {
	units, f := []string{"KiB", "MiB", "GiB", "TiB", "PiB"}, float64(n)
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	u := -1
	for f >= 1024 && u+1 < len(units) {
		f /= 1024
		u++
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}

// diskPlan is how much disk a log needs, as `stats --plan --json` prints it.
type diskPlan struct {
	Stat     string     `json:"stat"` // plan
	Log      string     `json:"log"`
	Origin   string     `json:"origin"`
	Bytes    int64      `json:"event_bytes"` // on disk, of one event with all that belongs to it
	Measured string     `json:"measured"`    // packed, or open: an estimate
	Days     float64    `json:"days"`        // that the log covers
	PerDay   int64      `json:"events_per_day"`
	Busiest  int64      `json:"busiest_day"`
	Fixed    int64      `json:"fixed_bytes"` // open segment and those ahead
	Free     int64      `json:"disk_free"`   // -1 where not known
	Needs    []diskNeed `json:"needs"`
}

// diskNeed is what keeping events for a time takes.
type diskNeed struct {
	Days    int64 `json:"keep_days"`
	Average int64 `json:"bytes"`              // at the average rate
	Busiest int64 `json:"bytes_busiest_days"` // were all days as the busiest
}

// plans says for each log how much disk it needs.
func (f *statsFlags) plans(ctx context.Context, s *shelf, out *statsPrinter) error {
	keeps := []int64{90, 183, 365, 7 * 365}
	cfg, _, err := f.settings()
	if err != nil {
		return err
	}
	const day = 24 * time.Hour
	switch {
	case f.keep != "":
		now := time.Now()
		from, err := index.ParseTime(f.keep, now)
		if err != nil || now.Sub(from) < day {
			return fmt.Errorf("--keep %q is not a time of a day or more: write 183d", printable(f.keep))
		}
		keeps = []int64{int64(now.Sub(from).Round(day) / day)}
	case cfg.Log.Keep > 0:
		keeps = []int64{int64(cfg.Log.Keep / day)}
	}
	for _, b := range s.books {
		p, err := b.plan(ctx, keeps, f.rate)
		if err == nil {
			err = out.plan(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *book) plan(ctx context.Context, keeps []int64, rate int64) (*diskPlan, error) {
	st, err := b.measure()
	if err != nil {
		return nil, err
	}
	n := st.Size - st.First
	if n == 0 {
		return nil, fmt.Errorf("%s has no records: nothing can be measured", b.log)
	}
	p := &diskPlan{Stat: "plan", Log: b.log, Origin: b.origin, Measured: "packed", Fixed: statsPrepared, Free: st.Free}
	each := int64(0)
	if st.events > 0 {
		each = (st.packed + st.events - 1) / st.events
	} else {
		// What is not packed yet is larger than it will be.
		p.Measured = "open"
		var bytes, records int64
		for rec, err := range b.reader.WithPersonal().Records(max(st.First, st.Size-statsSample)) {
			if err != nil {
				return nil, err
			}
			bytes, records = bytes+int64(len(rec.JSON)+len(rec.Personal)), records+1
		}
		each = (bytes + records - 1) / max(records, 1)
	}
	p.Bytes = each + (st.Index+st.Proofs+n-1)/n
	from, err1 := time.Parse(time.RFC3339, st.From)
	to, err2 := time.Parse(time.RFC3339, st.To)
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.New("the first or the last event has no time: 'ostiary audit verify' says more")
	}
	const day = 24 * time.Hour
	span := max(to.Sub(from), time.Minute)
	p.Days = float64(span) / float64(day)
	p.PerDay = int64(float64(n) / p.Days)
	p.Busiest = p.PerDay
	if buckets := int(span/day) + 1; buckets > 1 && buckets <= index.MaxBuckets {
		begin := from.UTC().Truncate(day)
		q := (&index.Query{}).Between(begin, begin.Add(time.Duration(buckets+1)*day))
		h, err := b.index.Histogram(ctx, q, buckets+1, "")
		if err != nil {
			return nil, err
		}
		p.Busiest = max(slices.Max(append([]int64{0}, h.Counts...)), p.PerDay)
	}
	if rate > 0 {
		p.PerDay, p.Busiest = rate, rate
	}
	for _, days := range keeps {
		p.Needs = append(p.Needs, diskNeed{days, p.Fixed + days*p.PerDay*p.Bytes, p.Fixed + days*p.Busiest*p.Bytes})
	}
	return p, nil
}

func (p *statsPrinter) plan(d *diskPlan) error {
	if p.json {
		return writeJSON(p.w, d)
	}
	how := "measured over packed segments, with index and proofs"
	if d.Measured == "open" {
		how = "an estimate: no segment is packed yet, and packing makes them smaller"
	}
	p.row("log", "%s", d.Log)
	p.row("an event", "%s bytes on disk (%s)", thousands(d.Bytes), how)
	p.row("a day", "%s events, %s on the busiest day (over %.1f days)", thousands(d.PerDay), thousands(d.Busiest), d.Days)
	if d.Days < float64(statsShort)/float64(24*time.Hour) {
		p.row("", "the log covers less than an hour, which says little: give --rate")
	}
	p.row("always", "%s for segments that are open or prepared", size(d.Fixed))
	if d.Free >= 0 {
		p.row("free", "%s", size(d.Free))
	}
	fmt.Fprintln(p.w)
	tw := tabwriter.NewWriter(p.w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "  KEEP\tNEEDS\tAS ON THE BUSIEST DAY\t")
	for _, n := range d.Needs {
		verdict := ""
		if d.Free >= 0 && n.Average > d.Free {
			verdict = "more than is free"
		}
		fmt.Fprintf(tw, "  %d days\t%s\t%s\t%s\n", n.Days, size(n.Average), size(n.Busiest), verdict)
	}
	return tw.Flush()
}

// Bounds of the look for gaps.
const (
	gapsOpen  = 15 * time.Minute // a decision that young may yet get its outcome
	gapsBack  = 10_000           // records read back for the last one before a crash
	gapsLimit = 20               // of each kind that are listed, unless asked
)

// gapsFlags are what gaps is asked for.
type gapsFlags struct {
	shelfFlags
	bounds queryFlags
	limit  int
}

func auditGapsCommand() *cobra.Command {
	var f gapsFlags
	c := &cobra.Command{
		Use:   "gaps",
		Short: "Say where the record is not whole",
		Long: `Looks for what the log itself says is missing:

  gap events        something was sent or lost that no decision covers, the clock
                    was set, a log was begun in the place of a damaged one
  missing outcomes  requests that were let through of which the log does not say
                    what became
  unknown outcomes  requests of which nobody knows whether they were sent, as
                    after a crash
  down              when no Ostiary was recording: between a stop and the next
                    start, and from the last event before a crash on

  ostiary audit gaps
  ostiary audit gaps --since 90d --json
  ostiary audit gaps --all /var/lib/ostiary-collect

That nothing was taken out of the log is not shown here: 'ostiary audit verify'
shows that.

Exit status: 0 there is nothing of the kind, 1 there are gap events or missing
outcomes, 2 there are outcomes that nobody knows. Being down is no gap: nothing
passes meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.add(c)
	f.bounds.add(c)
	c.Flags().IntVar(&f.limit, "limit", gapsLimit, "how many of each kind are listed, the last ones")
	return c
}

// gapReport is what a log says is missing, as `gaps --json` prints it.
type gapReport struct {
	Answer    string    `json:"answer"` // whole, gaps, unknown
	Log       string    `json:"log"`
	Origin    string    `json:"origin"`
	From      string    `json:"from"` // of the time that was looked at
	To        string    `json:"to"`
	Decisions int64     `json:"decisions"`
	Gaps      int64     `json:"gaps"`
	Missing   int64     `json:"missing_outcomes"`
	Open      int64     `json:"open"` // decisions so young that their outcome may yet come
	Unknown   int64     `json:"unknown_outcomes"`
	Unread    int       `json:"unreadable"` // records that are no events
	Starts    int64     `json:"starts"`
	Crashes   int64     `json:"crashes"`  // starts that no stop came before
	Coverage  float64   `json:"coverage"` // share of the time in which Ostiary recorded
	Down      []pause   `json:"down"`
	Events    []gapItem `json:"events"`
}

// pause is a time in which no Ostiary recorded.
type pause struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Crash   bool   `json:"crash"`
	seconds float64
}

// gapItem is an event that tells of something missing.
type gapItem struct {
	What   string `json:"what"` // gap, missing, unknown
	Index  int64  `json:"index"`
	ID     string `json:"id"`
	Time   string `json:"time"`
	Detail string `json:"detail,omitempty"`
}

func (f *gapsFlags) run(c *cobra.Command) error {
	if f.limit < 0 {
		return errors.New("--limit takes a number from 0 on")
	}
	since, until, err := f.bounds.times()
	if err != nil {
		return err
	}
	s, err := f.open()
	if err != nil {
		return err
	}
	if _, err := s.find(c.Context()); err != nil {
		return err
	}
	worst := exitYes
	p := newEventPrinter(c.OutOrStdout(), f.json)
	for i, b := range s.books {
		r, err := b.gaps(c.Context(), since, until, f.limit)
		if err != nil {
			return err
		}
		status := exitYes
		switch {
		case r.Gaps+r.Missing > 0 || r.Unread > 0:
			r.Answer, status = "gaps", exitNo
		case r.Unknown > 0:
			r.Answer, status = "unknown", exitUnknown
		}
		if status == exitNo || worst == exitYes {
			worst = status
		}
		if f.json {
			if err := writeJSON(c.OutOrStdout(), r); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		r.print(p)
	}
	if worst != exitYes {
		return answer{worst}
	}
	return nil
}

// gaps looks over one log.
func (b *book) gaps(ctx context.Context, since, until time.Time, limit int) (*gapReport, error) {
	out := &gapReport{Answer: "whole", Log: b.log, Origin: b.origin, Unread: b.index.Stats().Unreadable, Down: []pause{}, Events: []gapItem{}}
	st, err := b.measure()
	if err != nil {
		return nil, err
	}
	from, to := since, until
	if t, err := time.Parse(time.RFC3339, st.From); err == nil && t.After(from) {
		from = t
	}
	if t, err := time.Parse(time.RFC3339, st.To); err == nil && (to.IsZero() || t.Before(to)) {
		to = t
	}
	out.From, out.To = from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)
	young := time.Now().Add(-gapsOpen)
	look := func(what, text string, n *int64, since, until time.Time) error {
		q, err := index.Parse(text, time.Now())
		if err != nil {
			return err
		}
		q = q.Between(since, until)
		if *n, err = b.index.Count(ctx, q); err != nil || what == "" || *n == 0 || limit == 0 {
			return err
		}
		found, _, err := pages(ctx, index.Join(b.index), q, index.Page{Limit: limit})
		if err != nil {
			return err
		}
		slices.Reverse(found)
		records, err := (&shelf{books: []*book{b}}).fetch(found)
		if err != nil {
			return err
		}
		for _, rec := range records {
			ev, err := rec.Event()
			if err != nil {
				return err
			}
			item := gapItem{What: what, Index: rec.Index, ID: ev.ID, Time: ev.Time}
			switch {
			case ev.Admin != nil:
				item.Detail = strings.TrimSpace(ev.Admin.Action + " " + ev.Admin.Detail)
			case ev.Outcome != nil:
				item.ID, item.Detail = ev.DecisionID, ev.Outcome.Reason
			case ev.Decision != nil:
				item.Detail = strings.TrimSpace(string(ev.Decision.Action) + " " + ev.Decision.Pool)
			}
			out.Events = append(out.Events, item)
		}
		return nil
	}
	// The times of decisions that are too young to be missed are another question.
	const released = "action:allow|mask|reroute -sent:*"
	end := to
	if until.IsZero() || to.Before(until) {
		end = to.Add(time.Millisecond) // the last event is looked at too
	}
	old := minTime(end, young)
	err = errors.Join(
		look("", "kind:decision", &out.Decisions, since, end),
		look("gap", "kind:gap", &out.Gaps, since, end),
		look("missing", released, &out.Missing, since, old),
		look("unknown", "sent:unknown", &out.Unknown, since, end),
	)
	if err == nil && old.Before(end) {
		err = look("", released, &out.Open, maxTime(since, old), end)
	}
	if err != nil {
		return nil, err
	}
	if err := b.pauses(ctx, out, from, to); err != nil {
		return nil, err
	}
	return out, nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pauses finds when no Ostiary recorded, within a time.
func (b *book) pauses(ctx context.Context, out *gapReport, from, to time.Time) error {
	q, err := index.Parse("kind:admin did:start|stop", time.Now())
	if err != nil {
		return err
	}
	refs, _, err := pages(ctx, index.Join(b.index), q, index.Page{Oldest: true})
	if err != nil {
		return err
	}
	var down time.Duration
	stopped := time.Time{} // when the process before ended in order
	begun := false
	for part := range slices.Chunk(refs, fetchLimit) {
		records, err := (&shelf{books: []*book{b}}).fetch(part)
		if err != nil {
			return err
		}
		for _, rec := range records {
			ev, err := rec.Event()
			if err != nil {
				return err
			}
			at, err := time.Parse(time.RFC3339, ev.Time)
			if err != nil {
				return fmt.Errorf("record %d has no time: 'ostiary audit verify' says more", rec.Index)
			}
			if ev.Admin.Action == "stop" {
				stopped, begun = at, true
				continue
			}
			inside := !at.Before(from) && !at.After(to)
			if inside {
				out.Starts++
			}
			p, ended := pause{To: ev.Time}, stopped
			if begun && stopped.IsZero() {
				if ended, err = b.lastBefore(rec.Index); err != nil {
					return err
				}
				if p.Crash = true; inside {
					out.Crashes++
				}
			}
			begun, stopped = true, time.Time{}
			if ended.IsZero() || !at.After(from) || !ended.Before(to) {
				continue
			}
			p.From = ended.UTC().Format("2006-01-02T15:04:05.000Z")
			p.seconds = at.Sub(ended).Seconds()
			out.Down = append(out.Down, p)
			down += max(0, minTime(at, to).Sub(maxTime(ended, from)))
		}
	}
	out.Coverage = 1
	if span := to.Sub(from); span > 0 {
		out.Coverage = 1 - float64(down)/float64(span)
	}
	return nil
}

// lastBefore gives the time of the last event before a record that the process
// before has recorded; the zero time where it is not found.
func (b *book) lastBefore(i int64) (time.Time, error) {
	for back := i - 1; back >= 0 && i-back <= gapsBack; back-- {
		rec, err := b.reader.At(back)
		if errors.Is(err, audit.ErrNoRecord) {
			break
		}
		if err != nil {
			return time.Time{}, err
		}
		ev, err := rec.Event()
		if err != nil {
			return time.Time{}, err
		}
		if ev.Kind == proxy.EventOutcome && ev.Outcome != nil && ev.Outcome.Reason == reasonCrash {
			continue // it was recorded at the next start
		}
		at, err := time.Parse(time.RFC3339, ev.Time)
		return at, err
	}
	return time.Time{}, nil
}

func (r *gapReport) print(p *eventPrinter) {
	head := map[string]string{
		"whole":   "WHOLE: the log tells of nothing that is missing",
		"gaps":    "GAPS: the record is not whole",
		"unknown": "UNKNOWN: of some requests nobody knows whether they were sent",
	}[r.Answer]
	fmt.Fprintf(p.w, "%s\n\n", head)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(p.w, "  %-18s%s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	row("log", "%s", r.Log)
	row("origin", "%s", r.Origin)
	row("time", "%s to %s", r.From, r.To)
	row("decisions", "%s", thousands(r.Decisions))
	row("gap events", "%s", thousands(r.Gaps))
	row("missing outcomes", "%s", thousands(r.Missing))
	row("unknown outcomes", "%s", thousands(r.Unknown))
	if r.Open > 0 {
		row("under way", "%s, whose outcome may yet come", thousands(r.Open))
	}
	if r.Unread > 0 {
		row("unreadable", "%d records: 'ostiary audit verify' says more", r.Unread)
	}
	row("recording", "%.3f %% of the time; %d starts, %d of them after a crash", 100*r.Coverage, r.Starts, r.Crashes)
	for i, d := range r.Down {
		if skip := len(r.Down) - gapsLimit; i < skip {
			if i == 0 {
				row("down", "%d earlier times; --json lists them", skip)
			}
			continue
		}
		how := "stopped"
		if d.Crash {
			how = "crashed"
		}
		row("down", "%s to %s (%s), %s", d.From, d.To, time.Duration(d.seconds*float64(time.Second)).Round(time.Millisecond), how)
	}
	if len(r.Events) > 0 {
		fmt.Fprintln(p.w)
	}
	for _, e := range r.Events {
		fmt.Fprintf(p.w, "  %-8s %s %s  record %d  %s\n", e.What, printable(localTime(e.Time)), printable(e.ID), e.Index, printable(e.Detail))
	}
}
