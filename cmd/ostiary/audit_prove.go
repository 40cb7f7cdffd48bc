package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/export"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/proof"
	"github.com/ostiary/ostiary/proxy/audit/report"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
)

// auditProveCommands gives the commands that take out of a log what others can check.
func auditProveCommands() []*cobra.Command {
	return []*cobra.Command{auditProofCommand(), auditExportCommand(), auditReportCommand(), auditSchemaCommand()}
}

// proofWait is how long a proof waits for the checkpoint that a record needs.
const (
	proofWait = 3 * time.Second
	proofPoll = 100 * time.Millisecond
)

// Modes of files that are written: events may say who asked for what, a proof or an
// attestation is made to be given away.
const (
	exportMode = 0o600
	proofMode  = 0o644
)

func auditSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of the log's events",
		Long: `Prints the JSON schema (draft 2020-12) of an event as it is recorded, and as
--json and the export in jsonl give it. Versions only add fields.

  ostiary audit schema > event.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(audit.Schema())
			return err
		},
	}
}

// signedTree is a log under its last checkpoint.
type signedTree struct {
	note   []byte
	size   int64
	hashes tlog.HashReader
}

// tree gives the log under its last checkpoint, once that covers a number of records
// or else after proofWait. Where there is a key, the checkpoint is signed by it, or by
// one that followed it.
func (b *book) tree(ctx context.Context, key note.Verifier, need int64) (*signedTree, error) {
	source, err := tiles.Open(b.log)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(proofWait); ; {
		signed, err := b.reader.Checkpoint()
		if errors.Is(err, audit.ErrNoLog) {
			return nil, fmt.Errorf("the log in %s has no checkpoint yet: start Ostiary, which signs one each second", b.log)
		}
		if err != nil {
			return nil, err
		}
		c, err := audit.PeekCheckpoint(signed)
		if key != nil {
			if c, err = openNote(b.log, b.origin, key, signed); err != nil {
				return nil, fmt.Errorf("the last checkpoint: %w: run 'ostiary audit verify'", err)
			}
		}
		if err != nil {
			return nil, err
		}
		if c.Size >= need || !time.Now().Before(end) {
			return &signedTree{signed, c.Size, tiles.Hashes(source, tiles.Tree(c))}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(proofPoll):
		}
	}
}

// openNote reads a checkpoint of a log that a key, one that it followed, or one that
// followed it, has signed.
func openNote(dir, origin string, key note.Verifier, signed []byte) (audit.Checkpoint, error) {
	ring := audit.NewRing(key, origin)
	statements, err := audit.Rotations(dir)
	if err != nil {
		return audit.Checkpoint{}, err
	}
	ring.Learn(statements)
	return ring.Open(signed)
}

// single opens the one log that a command is about, and the key that is trusted for
// it: nil where there is none.
func (f *auditFlags) single(keyFile string) (*shelf, note.Verifier, error) {
	p, err := f.places()
	if err != nil {
		return nil, nil, err
	}
	b := &book{places: p}
	if b.reader, err = openLog(p.log); err != nil {
		return nil, nil, err
	}
	if b.origin, err = b.reader.Origin(); err != nil {
		return nil, nil, err
	}
	var keys []string
	if keyFile != "" {
		keys = []string{keyFile}
	}
	o, _, err := trustOf(p, keys, "")
	if err != nil {
		return nil, nil, err
	}
	return &shelf{books: []*book{b}}, o.Key, nil
}

func auditProofCommand() *cobra.Command {
	var f auditFlags
	var out, key string
	c := &cobra.Command{
		Use:   "proof ID",
		Short: "Write a proof that one event is in the log",
		Long: `Writes a file with the event, byte for byte as it was recorded, and what shows
that it is in the signed log at its place. Whoever gets it checks it offline with
ostiary-verify and the log's verifier key, which they take from you by another
way than the file.

  ostiary audit proof 01JDQ7ZK3M9V0000000000000 -o decision.proof
  ostiary-verify --key log.pub decision.proof

The id may be that of a decision, an outcome or any other event. The file holds
no personal part. The exit status is 1 where no event has that id.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, trusted, err := f.single(key)
			if err != nil {
				return err
			}
			b := s.books[0]
			rec, err := s.byID(c.Context(), strings.ToUpper(strings.TrimSpace(args[0])))
			if err != nil {
				return err
			}
			if rec == nil {
				fmt.Fprintln(c.ErrOrStderr(), "no event has that id")
				return answer{exitNo}
			}
			tree, err := b.tree(c.Context(), trusted, rec.Index+1)
			if err != nil {
				return err
			}
			file, err := proof.Make(tree.hashes, tree.note, rec.Index, rec.JSON)
			if errors.Is(err, proof.ErrPath) {
				fmt.Fprintf(c.ErrOrStderr(), "ostiary: record %d: %v: run 'ostiary audit verify'\n", rec.Index, err)
				return answer{exitNo}
			}
			if err != nil {
				return err
			}
			w, done, err := output(out, c.OutOrStdout(), proofMode)
			if err != nil {
				return fmt.Errorf("-o: %w", err)
			}
			_, err = w.Write(file)
			if err := errors.Join(err, done(err == nil)); err != nil {
				return err
			}
			if trusted == nil {
				fmt.Fprintln(c.ErrOrStderr(), "the checkpoint's signature was not checked: there is no key beside the log, and --key was not given")
			}
			return nil
		},
	}
	f.addPlace(c)
	c.Flags().StringVarP(&out, "output", "o", "", "write to this `FILE` instead of standard output")
	c.Flags().StringVar(&key, "key", "", "`FILE` with the verifier key (log.pub), where it does not lie beside the log")
	return c
}

// byID finds the event with an id; nil where there is none.
func (s *shelf) byID(ctx context.Context, id string) (*audit.Record, error) {
	u, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	refs, err := u.Lookup(ctx, id)
	if err != nil {
		return nil, err
	}
	records, err := s.fetch(refs)
	if err != nil {
		return nil, err
	}
	for i := range records {
		if ev, err := records[i].Event(); err == nil && ev.ID == id {
			return &records[i], nil
		}
	}
	return nil, nil
}

// exportBundle is the format that a third party can check.
const exportBundle = "bundle"

// exportFlags are what an export is asked for.
type exportFlags struct {
	shelfFlags
	bounds   queryFlags
	format   string
	query    string
	out, key string
	personal bool
}

func auditExportCommand() *cobra.Command {
	f := exportFlags{}
	formats := strings.Join(append(export.Formats(), exportBundle), ", ")
	c := &cobra.Command{
		Use:   "export",
		Short: "Write events in the formats of other programs, or so that others can check them",
		Long: `Writes the events that meet a query, the oldest first. 'ostiary audit search
--help' says what a query can ask for.

  jsonl    one event a line, byte for byte as recorded
  csv      one line an event, for spreadsheets
  parquet  the same columns, for DuckDB, Spark and the like
  ocsf     OCSF 1.8 events, one JSON object a line, for a SIEM
  cef      ArcSight Common Event Format, one line an event
  bundle   every record of a range with what shows that none of them was altered
           and none is missing; 'ostiary-verify' and 'ostiary audit verify
           --export' check it without the log

  ostiary audit export -o events.jsonl
  ostiary audit export --format csv -q 'action:deny type:US_SSN' --since 90d -o denied.csv
  ostiary audit export --format parquet --all /var/lib/ostiary-collect -o all.parquet
  ostiary audit export --format bundle --since 2026-10-01 --until 2026-11-01 -o october.tar
  ostiary audit export --format jsonl -q team:hr --personal -o hr.jsonl

A bundle with a query holds every record from the first that meets it to the last,
also those that do not: that nothing was left out shows by nothing missing. A file
appears only once it is whole, and can be read by you alone.

--personal writes who it was as well, as far as that was not erased. The Ostiary
that keeps the log gives it to the role reviewer, and records that you took it.

Exit status: 0 written, 1 with --format bundle nothing meets the query, 2 it could
not be written.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	p := c.Flags()
	p.StringArrayVar(&f.logs, "log", nil, "`DIRECTORY` of an audit log, again for each of several; without it, the configuration's or the one in your state directory")
	p.StringVar(&f.all, "all", "", "every log below a `DIRECTORY`, such as a collector's")
	p.StringVar(&f.config, "config", "", "configuration `FILE` that names the audit log")
	f.bounds.add(c)
	p.StringVar(&f.format, "format", export.JSONL, "one of "+formats)
	p.StringVarP(&f.query, "query", "q", "", "only events that meet this `QUERY`")
	p.StringVarP(&f.out, "output", "o", "", "write to this `FILE` instead of standard output")
	p.StringVar(&f.key, "key", "", "with --format bundle: `FILE` with the verifier key (log.pub), where it does not lie beside the log")
	p.BoolVar(&f.personal, "personal", false, "with personal parts; that is recorded as an access")
	return c
}

func (f *exportFlags) run(c *cobra.Command) error {
	formats := append(export.Formats(), exportBundle)
	switch {
	case !slices.Contains(formats, f.format):
		return fmt.Errorf("--format %q is none of %s", printable(f.format), strings.Join(formats, ", "))
	case f.format == exportBundle && f.personal:
		return errors.New("a bundle never holds personal parts: choose another --format")
	case f.format != exportBundle && f.key != "":
		return errors.New("--key goes with --format bundle")
	case (f.format == exportBundle || f.format == export.Parquet) && f.out == "" && isTerminal(c.OutOrStdout()):
		return fmt.Errorf("%s is not for a terminal: give -o FILE", f.format)
	}
	var terms []string
	if f.query != "" {
		terms = append(terms, f.query)
	}
	q, err := f.bounds.query(terms)
	if err != nil {
		return err
	}
	w, done, err := output(f.out, c.OutOrStdout(), exportMode)
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	var n int64
	switch {
	case f.personal:
		n, err = f.viaDaemon(c, buffered)
	case f.format == exportBundle:
		n, err = f.bundle(c, buffered, q)
	default:
		n, err = f.events(c, buffered, q)
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err := errors.Join(err, done(err == nil)); err != nil {
		return err
	}
	if f.out != "" && f.out != "-" {
		fmt.Fprintf(c.ErrOrStderr(), "%s events in %s\n", thousands(n), f.out)
	}
	return nil
}

// query makes a query of words that a person quoted themselves, within the bounds.
func (q *queryFlags) query(terms []string) (*index.Query, error) {
	since, until, err := q.times()
	if err != nil {
		return nil, err
	}
	out, err := index.Parse(strings.Join(terms, " "), time.Now())
	if err != nil {
		return nil, err
	}
	return out.Between(since, until), nil
}

// viaDaemon has the Ostiary that keeps the log write an export.
func (f *exportFlags) viaDaemon(c *cobra.Command, w io.Writer) (n int64, err error) {
	one, err := f.one()
	if err != nil {
		return 0, err
	}
	since, until, err := f.bounds.times()
	if err != nil {
		return 0, err
	}
	err = one.do(c, func(k *keeper) (err error) {
		if err = k.find(c.Context()); err == nil {
			n, err = k.Export(c.Context(), w, f.format, console.Search{Query: f.query, From: since, To: until, Personal: true})
		}
		return err
	})
	return n, err
}

// events writes what a query looks for.
func (f *exportFlags) events(c *cobra.Command, w io.Writer, q *index.Query) (n int64, err error) {
	s, err := f.open()
	if err != nil {
		return 0, err
	}
	out, err := export.New(f.format, w, export.Options{Version: version})
	if err != nil {
		return 0, err
	}
	write := func(rec audit.Record) error {
		if err := out.Write(rec, nil); err != nil {
			return fmt.Errorf("record %d: %w", rec.Index, err)
		}
		n++
		return c.Context().Err()
	}
	if len(s.books) == 1 && f.query == "" && f.bounds.since == "" && f.bounds.until == "" {
		// The whole log needs no index.
		for rec, err := range s.books[0].reader.Records(0) {
			if err == nil {
				err = write(rec)
			}
			if err != nil {
				return n, err
			}
		}
		return n, out.Close()
	}
	u, err := s.find(c.Context())
	if err != nil {
		return 0, err
	}
	for p := (index.Page{Limit: index.MaxPage, Oldest: true}); ; {
		found, err := u.Search(c.Context(), q, p)
		if err != nil {
			return n, err
		}
		records, err := s.fetch(found.Refs)
		if err != nil {
			return n, err
		}
		for _, rec := range records {
			if err := write(rec); err != nil {
				return n, err
			}
		}
		if found.Next == "" {
			return n, out.Close()
		}
		p.Cursor = found.Next
	}
}

// bundle writes every record from the first that a query looks for to the last.
func (f *exportFlags) bundle(c *cobra.Command, w io.Writer, q *index.Query) (int64, error) {
	one, err := f.one()
	if err != nil {
		return 0, errors.New("a bundle is of one log: name one by --log")
	}
	s, key, err := one.single(f.key)
	if err != nil {
		return 0, err
	}
	b := s.books[0]
	list, err := b.reader.Segments()
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, fmt.Errorf("the log in %s has no records", b.log)
	}
	begin, end := list[0].First, list[len(list)-1].End
	bounded := f.query != "" || f.bounds.since != "" || f.bounds.until != ""
	if bounded {
		u, err := s.find(c.Context())
		if err != nil {
			return 0, err
		}
		for _, oldest := range []bool{true, false} {
			found, err := u.Search(c.Context(), q, index.Page{Limit: 1, Oldest: oldest})
			if err != nil {
				return 0, err
			}
			if len(found.Refs) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "no event meets the query: there is nothing to bundle")
				return 0, answer{exitNo}
			}
			if oldest {
				begin = found.Refs[0].Index
			} else {
				end = found.Refs[0].Index + 1
			}
		}
	}
	tree, err := b.tree(c.Context(), key, end)
	if err != nil {
		return 0, err
	}
	if tree.size < end && bounded {
		return 0, fmt.Errorf("record %d is not under a checkpoint yet, and none came within %s: start Ostiary, which signs one each second", end-1, proofWait)
	}
	end = min(end, tree.size) // a log that is written to has always some more
	var asked []string
	for _, t := range []struct{ before, text string }{{"", f.query}, {"since:", f.bounds.since}, {"until:", f.bounds.until}} {
		if t.text != "" {
			asked = append(asked, t.before+t.text)
		}
	}
	out, err := proof.NewBundle(w, proof.Head{First: begin, End: end, Kind: "export", Query: strings.Join(asked, " ")}, tree.note, tree.hashes)
	if err != nil {
		return 0, err
	}
	if begin < end {
		for rec, err := range b.reader.Records(begin) {
			if err == nil {
				err = errors.Join(out.Add(rec.JSON), c.Context().Err())
			}
			if err != nil {
				return 0, err
			}
			if rec.Index+1 == end {
				break
			}
		}
	}
	if err := out.Close(); errors.Is(err, proof.ErrPath) {
		return 0, altered(c, b.log, err)
	} else if err != nil {
		return 0, err
	}
	if key == nil {
		fmt.Fprintln(c.ErrOrStderr(), "the checkpoint's signature was not checked: there is no key beside the log, and --key was not given")
	}
	return end - begin, nil
}

// altered says that what was to be taken out of a log is not what was signed.
func altered(c *cobra.Command, dir string, err error) error {
	fmt.Fprintf(c.ErrOrStderr(), "ostiary: the log in %s was altered: %v: 'ostiary audit verify' says where\n", dir, err)
	return answer{exitNo}
}

func auditReportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "Write the reports that laws and auditors ask for",
		Long: `Makes reports of the log, as Markdown, HTML or JSON.

  ostiary audit report attest --group health --outside EU --since 2026-07-01 --until 2026-10-01 -o q3.tar
  ostiary audit report art30 --stated organisation.yaml --format html -o art30.html
  ostiary audit report transfers --since 90d
  ostiary audit report aiact --since 183d --format md -o logging.md
  ostiary audit report access --since 30d

Each says what it was counted from and what it does not show. None of them is
legal advice. The log is verified while the report is made, and the report says
what came of that.

Exit status: 0 written, 1 the log was altered, or an attestation says that there
were such requests; 2 it could not be told whether.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		reportCommand(reportKind{name: "art30", short: "Record of processing activities (GDPR Art. 30)", make: report.Art30, stated: true}),
		reportCommand(reportKind{name: "transfers", short: "Transfers to third countries (GDPR Art. 44 to 49)", make: report.Transfers, stated: true}),
		reportCommand(reportKind{name: "aiact", short: "Evidence of logging and oversight (AI Act Art. 12, 14, 19 and 26)", make: report.AIAct}),
		reportCommand(reportKind{name: "access", short: "Who looked at what (HIPAA 164.308(a)(1)(ii)(D), 164.312(b))", make: report.AccessReview, names: true}),
		auditAttestCommand(),
	)
	return c
}

// reportFlags are what a report is asked for.
type reportFlags struct {
	auditFlags
	bounds     queryFlags
	format     string
	out        string
	stated     string
	key        string
	checkpoint string
	names      bool // of people
}

func (f *reportFlags) add(c *cobra.Command) {
	f.addPlace(c)
	f.bounds.add(c)
	p := c.Flags()
	p.StringVar(&f.format, "format", "md", "md, html or json")
	p.BoolVar(&f.json, "json", false, "the same as --format json")
	p.StringVar(&f.key, "key", "", "`FILE` with the verifier key (log.pub), where it does not lie beside the log")
}

// check reads the format.
func (f *reportFlags) check() error {
	if f.json {
		f.format = "json"
	}
	if f.format == "md" {
		f.format = "markdown"
	}
	if !slices.Contains(report.Formats(), f.format) {
		return fmt.Errorf("--format %q is none of md, html, json", printable(f.format))
	}
	return nil
}

// reportKind is one of the reports.
type reportKind struct {
	name, short string
	make        func(iter.Seq2[audit.Record, error], report.Scope) (*report.Report, error)
	stated      bool // it has what only the organisation knows
	names       bool // it has names of people
}

func reportCommand(k reportKind) *cobra.Command {
	var f reportFlags
	long := k.short + `.

  ostiary audit report ` + k.name + ` --since 90d
  ostiary audit report ` + k.name + ` --since 2026-01-01 --until 2027-01-01 --format html -o ` + k.name + `.html
`
	switch {
	case k.stated:
		long += `  ostiary audit report ` + k.name + ` --stated organisation.yaml

What no log can know stands in the file of --stated; what it leaves out is "not
stated" in the report:

  controller: Nordbank AB, dpo@nordbank.example
  purposes:   {billing: Answering customers}       # by application
  recipients: {openai: OpenAI Ireland Ltd}         # by pool
  safeguards: {openai: Standard contractual clauses of 2026-01-09}
  retention:  183 days
  measures:   Disks are encrypted
`
	case k.names:
		long += `  ostiary audit report ` + k.name + ` --names=false

It says who did it, as far as that was not erased. The Ostiary that keeps the log
gives the names to the role reviewer, and records that you took them, as an
export; where none runs, the log is opened, by whoever may write to it. Whoever
gets no names gets the report without them: in their place stands the beginning
of the commitment to each, and the report says why. --names=false asks for none,
reads only, and leaves no event.
`
	}
	if !k.names {
		long += `
Names of people are not in it: those of personal parts are shown one by one, to
whoever may see them, by 'ostiary audit show --personal'.
`
	}
	long += `
Exit status: 0 written, 1 written, and the log was altered, 2 not written, or it
could not be told whether the log was altered.`
	c := &cobra.Command{
		Use: k.name, Short: k.short, Long: long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c, k.make) },
	}
	f.add(c)
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to this `FILE` instead of standard output")
	c.Flags().StringVar(&f.checkpoint, "checkpoint", "", "`FILE` with a checkpoint seen before, where none lies beside the log")
	if k.stated {
		c.Flags().StringVar(&f.stated, "stated", "", "`FILE` (YAML) with what only you know")
	}
	if k.names {
		c.Flags().BoolVar(&f.names, "names", true, "with the names of people; that is recorded as an access")
	}
	return c
}

func (f *reportFlags) run(c *cobra.Command, make func(iter.Seq2[audit.Record, error], report.Scope) (*report.Report, error)) error {
	if err := f.check(); err != nil {
		return err
	}
	var s report.Scope
	var err error
	if s.Since, s.Until, err = f.bounds.times(); err != nil {
		return err
	}
	if f.stated != "" {
		if s.Stated, err = readStated(f.stated); err != nil {
			return err
		}
	}
	x, _, err := f.single(f.key)
	if err != nil {
		return err
	}
	b := x.books[0]
	records := b.reader.Records(0)
	if f.names {
		// Before anything else is read: that somebody looked is a part of the report.
		var who *people
		if who, s.Withheld = f.people(c, b, s); s.Withheld != "" {
			fmt.Fprintf(c.ErrOrStderr(), "ostiary: %s\n", s.Withheld)
		}
		if s.Personal = who != nil; s.Personal {
			records = who.of(records)
		}
	}
	var keys []string
	if f.key != "" {
		keys = []string{f.key}
	}
	o, _, err := trustOf(b.places, keys, f.checkpoint)
	if err != nil {
		return err
	}
	signed, err := b.reader.Checkpoint()
	if err != nil && !errors.Is(err, audit.ErrNoLog) {
		return err
	}
	if s.Verified, err = audit.Verify(b.log, o); err != nil {
		return err
	}
	if o.Key != nil && len(signed) > 0 {
		if _, err := openNote(b.log, b.origin, o.Key, signed); err == nil {
			s.Checkpoint = signed
		}
	}
	r, err := make(records, s)
	if err != nil {
		return err
	}
	w, done, err := output(f.out, c.OutOrStdout(), exportMode)
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	err = r.Write(w, f.format)
	if err := errors.Join(err, done(err == nil)); err != nil {
		return err
	}
	switch s.Verified.Answer {
	case audit.Altered:
		fmt.Fprintln(c.ErrOrStderr(), "the log WAS ALTERED: the report says so; 'ostiary audit verify' says where")
	case audit.Unclear:
		fmt.Fprintf(c.ErrOrStderr(), "it could not be told whether the log was altered: %s\n", strings.Join(s.Verified.Unclear, "; "))
	default:
		return nil
	}
	return answer{int(s.Verified.Answer)}
}

// statedLimit bounds the file of --stated, in bytes.
const statedLimit = 1 << 20

// readStated reads what an organisation says of itself.
func readStated(name string) (report.Stated, error) {
	var in struct {
		Controller string            `yaml:"controller"`
		Purposes   map[string]string `yaml:"purposes"`
		Recipients map[string]string `yaml:"recipients"`
		Safeguards map[string]string `yaml:"safeguards"`
		Retention  string            `yaml:"retention"`
		Measures   string            `yaml:"measures"`
	}
	b, err := readFile(name, statedLimit)
	if err != nil {
		return report.Stated{}, fmt.Errorf("--stated: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(b, &in, yaml.DisallowUnknownField()); err != nil {
		return report.Stated{}, fmt.Errorf("--stated %s: %w", name, err)
	}
	return report.Stated(in), nil
}

// attestFlags are what is attested.
type attestFlags struct {
	reportFlags
	groups, types, pools []string
	min, outside         string
	external, internal   bool
	signer               string
}

func auditAttestCommand() *cobra.Command {
	var f attestFlags
	c := &cobra.Command{
		Use:   "attest",
		Short: "Attest what was not sent where, signed, with every record that shows it",
		Long: `Answers how many decisions with such findings let their request go to such a
pool, and writes the answer, signed, into a bundle with every record of the time:
what was not there is shown by nothing missing. Whoever gets it checks it with
ostiary-verify, which counts again.

  ostiary audit report attest --group health --outside EU --since 2026-07-01 --until 2026-10-01 -o q3.tar
  ostiary audit report attest --type US_SSN --external --min possible -o ssn.tar
  ostiary audit report attest --pool openai --since 30d -o openai.tar --format html > openai.html
  ostiary-verify --key log.pub q3.tar

It is signed with the log's key, or with that of --signer; give its verifier key
to whoever checks. The bundle holds events, and no personal parts. Groups and
types are those of your configuration ('ostiary types').

Without --until it is of the time that the log reaches. Of a time that is not over
(--until in the future, or behind the last record under the checkpoint) it is
attested as far as the log reaches, and the attestation says so: the rest could
not be told.

Exit status: 0 there was none, and nothing was left open; 1 there was, or the log
was altered; 2 none is known of, but something could not be told.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.add(c)
	p := c.Flags()
	p.StringVarP(&f.out, "output", "o", "", "write the bundle to this `FILE`")
	p.StringArrayVar(&f.groups, "group", nil, "findings of this `GROUP`, again for each of several")
	p.StringArrayVar(&f.types, "type", nil, "findings of this `TYPE`, again for each of several")
	p.StringVar(&f.min, "min", "likely", "least `LIKELIHOOD` of a finding: very_unlikely, unlikely, possible, likely, very_likely")
	p.StringVar(&f.outside, "outside", "", "pools that are not wholly within this `AREA`: EU or EEA")
	p.BoolVar(&f.external, "external", false, "pools outside your own house")
	p.BoolVar(&f.internal, "internal", false, "pools of your own house")
	p.StringArrayVar(&f.pools, "pool", nil, "this `POOL`, again for each of several")
	p.StringVar(&f.signer, "signer", "", "sign with the key in this `FILE` (a note signer key, mode 0600) instead of the log's")
	c.MarkFlagsMutuallyExclusive("external", "internal")
	return c
}

// question makes the question of the flags, with names that exist.
func (f *attestFlags) question() (report.Question, error) {
	q := report.Question{Groups: f.groups, Pools: f.pools, Likelihood: f.min, Outside: strings.ToUpper(f.outside)}
	switch {
	case f.external:
		q.Boundary = "external"
	case f.internal:
		q.Boundary = "internal"
	}
	since, until, err := f.bounds.times()
	if err != nil {
		return q, err
	}
	if since.IsZero() {
		return q, errors.New("--since is missing: of which time is it attested?")
	}
	q.Since = since.UTC().Format(time.RFC3339Nano)
	if !until.IsZero() {
		q.Until = until.UTC().Format(time.RFC3339Nano)
	}
	// Of a group or type that does not exist nothing is ever found.
	suite, err := (&detectorFlags{config: f.config}).suite()
	if err != nil {
		return q, err
	}
	var groups []string
	for _, t := range suite.Types() {
		groups = append(groups, t.Groups...)
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	for _, g := range f.groups {
		if !slices.Contains(groups, g) {
			return q, fmt.Errorf("--group %q is none of %s", printable(g), strings.Join(groups, ", "))
		}
	}
	for _, name := range f.types {
		t, ok := suite.Lookup(name)
		if !ok {
			return q, fmt.Errorf("--type %q is not a type; 'ostiary types' lists them", printable(name))
		}
		q.Types = append(q.Types, t.Name)
	}
	if q.Until == "" {
		return q, nil // as far as the log reaches
	}
	return q.Normal()
}

func (f *attestFlags) run(c *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.out == "" || f.out == "-" {
		return errors.New("-o FILE is missing: where is the bundle to go?")
	}
	q, err := f.question()
	if err != nil {
		return err
	}
	cfg, _, err := f.settings()
	if err != nil {
		return err
	}
	x, key, err := f.single(f.key)
	if err != nil {
		return err
	}
	b := x.books[0]
	if key == nil {
		return fmt.Errorf("there is no verifier key beside the log in %s: give it by --key", b.log)
	}
	signer, err := attestSigner(f.signer, cfg, b.places)
	if err != nil {
		return err
	}
	of, err := b.covered(c.Context(), key, q)
	if err != nil {
		return err
	}
	w, done, err := output(f.out, c.OutOrStdout(), exportMode)
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	got, err := report.Attest(buffered, report.Ask{
		Question: of.question, First: of.begin, End: of.end, Checkpoint: of.note, Hashes: of.hashes, Records: b.reader.Records(of.begin), Signer: signer,
	})
	if err == nil {
		err = buffered.Flush()
	}
	if err := errors.Join(err, done(err == nil)); err != nil {
		if errors.Is(err, proof.ErrPath) {
			return altered(c, b.log, err)
		}
		return err
	}
	if f.format == "json" {
		err = writeJSON(c.OutOrStdout(), got)
	} else {
		err = got.Report().Write(c.OutOrStdout(), f.format)
	}
	if err != nil {
		return err
	}
	switch got.State {
	case report.StateNone:
		return nil
	case report.StateSome:
		return answer{exitNo}
	}
	return answer{exitUnknown}
}

// coverTries is how often a log that is written to meanwhile is looked at anew.
const coverTries = 3

// signedRange is the records of a log under a checkpoint that an attestation needs.
type signedRange struct {
	*signedTree
	question   report.Question // with its time
	begin, end int64
}

// covered gives the log under a checkpoint that has all records of a question's time;
// where the question says no end of it, of the time that the checkpoint reaches.
func (b *book) covered(ctx context.Context, key note.Verifier, q report.Question) (*signedRange, error) {
	for range coverTries {
		size, err := b.reader.Size()
		if err != nil {
			return nil, err
		}
		tree, err := b.tree(ctx, key, size)
		if err != nil {
			return nil, err
		}
		asked := q
		if asked.Until == "" {
			reached, err := report.Reached(b.reader.Records(0), tree.size)
			if err != nil {
				return nil, err
			}
			asked.Until = reached.Format(time.RFC3339Nano)
			if asked, err = asked.Normal(); err != nil {
				return nil, err
			}
		}
		begin, end, err := report.Range(b.reader.Records(0), asked, tree.size)
		if !errors.Is(err, report.ErrUnsigned) {
			return &signedRange{tree, asked, begin, end}, err
		}
	}
	return nil, fmt.Errorf("%w, and none came within %s: start Ostiary, which signs one each second", report.ErrUnsigned, proofWait)
}

// attestSigner gives the key that an attestation is signed with.
func attestSigner(name string, cfg *config.Config, p places) (note.Signer, error) {
	if name == "" {
		o, err := logOptions(cfg, p)
		if err != nil {
			return nil, err
		}
		if o.Signer != nil {
			return o.Signer, nil
		}
		name = filepath.Join(p.keys, "log.key")
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("the key that signs: %w; name one by --signer FILE", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key %s can be read by others (mode %04o): chmod 600 %s, and think about who may have copied it", name, info.Mode().Perm(), name)
	}
	b, err := readFile(name, publicLimit)
	if err != nil {
		return nil, fmt.Errorf("the key that signs: %w", err)
	}
	s, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil {
		// The library's error may quote the key.
		return nil, fmt.Errorf("%s is not a note signer key (PRIVATE+KEY+…)", name)
	}
	return s, nil
}
