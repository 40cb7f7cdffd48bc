package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
	"github.com/ostiary/ostiary/proxy/audit/report"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// verifyFlags are what a verification is asked for.
type verifyFlags struct {
	shelfFlags
	keys       []string
	checkpoint string
	since      string
	save       string
	export     string
	from, to   int64
	replica    bool

	witness           string
	witnessCheckpoint string
	witnessKey        string
}

// Bounds of files from outside.
const (
	noteLimit   = 1 << 20  // bytes of a checkpoint
	publicLimit = 64 << 10 // of a key
)

func auditVerifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the log was not altered, or say where it was",
		Long: `Reads the whole log and compares it with its signed checkpoints. It needs two
things from outside the log: the verifier key, and a checkpoint that was seen
before (without one, a log that was put back to an older state cannot be told
from a young one). Left out, both are taken from the key directory beside the
log, to which every checkpoint is copied: good against whoever could reach the
log alone. To be safe from whoever could reach both, keep copies elsewhere, or
ask a witness.

  ostiary audit verify
  ostiary audit verify --save-checkpoint monday.checkpoint      # keep it elsewhere
  ostiary audit verify --key log.pub --checkpoint monday.checkpoint --log /srv/ostiary/log
  ostiary audit verify --since monday.checkpoint                # only what came after it
  ostiary audit verify --from 1000000 --to 1200000              # a range of records
  ostiary audit verify --witness https://witness.example --witness-key witness.pub
  ostiary audit verify --witness-checkpoint cosigned --witness-key witness.pub
  ostiary audit verify --export october.tar --key log.pub       # a bundle, without the log
  ostiary audit verify --all /var/lib/ostiary-collect           # every replica

A witness keeps the last checkpoint that it has signed on a machine of its own:
it finds a machine that was put back as a whole, log, keys and all.

Exit status: 0 nothing was altered, 1 something was (the first bad record is
named), 2 it could not be told; of several logs the worst, 1 before 2. What it
does not prove: that what was recorded is true, and that a machine that was
broken into before a record was signed recorded everything.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.add(c)
	p := c.Flags()
	p.StringArrayVar(&f.keys, "key", nil, "`FILE` with the verifier key (log.pub), again for each of several logs")
	p.StringVar(&f.checkpoint, "checkpoint", "", "`FILE` with a checkpoint seen before")
	p.StringVar(&f.since, "since", "", "look only at what came after the checkpoint in this `FILE`")
	p.StringVar(&f.save, "save-checkpoint", "", "write the log's last checkpoint to `FILE`, unless the log was altered")
	p.BoolVar(&f.replica, "replica", false, "the log is a collector's copy, as you know from elsewhere: what its mark says was removed is no alteration; --all says so too")
	p.Int64Var(&f.from, "from", 0, "look only at segments with records from this `INDEX` on")
	p.Int64Var(&f.to, "to", 0, "look only at records before this `INDEX`")
	p.StringVar(&f.export, "export", "", "verify the bundle in this `FILE`, which 'audit export --format bundle' or 'audit report attest' wrote")
	p.StringVar(&f.witness, "witness", "", "hold the log against what the witness at this `URL` has signed")
	p.StringVar(&f.witnessCheckpoint, "witness-checkpoint", "", "hold the log against the checkpoint in this `FILE` that a witness has signed")
	p.StringVar(&f.witnessKey, "witness-key", "", "`FILE` with the witness's verifier key")
	c.MarkFlagsMutuallyExclusive("checkpoint", "since", "witness", "witness-checkpoint")
	c.MarkFlagsMutuallyExclusive("export", "from")
	c.MarkFlagsMutuallyExclusive("export", "to")
	c.MarkFlagsMutuallyExclusive("export", "witness")
	c.MarkFlagsMutuallyExclusive("export", "witness-checkpoint")
	c.MarkFlagsMutuallyExclusive("export", "all")
	c.MarkFlagsMutuallyExclusive("export", "since")
	c.MarkFlagsMutuallyExclusive("since", "from")
	return c
}

func (f *verifyFlags) run(c *cobra.Command) error {
	switch {
	case f.from < 0 || f.to < 0 || f.to != 0 && f.to <= f.from:
		return errors.New("--from and --to: a range begins at 0 or later, and ends behind its beginning")
	case (f.witness != "" || f.witnessCheckpoint != "") != (f.witnessKey != ""):
		return errors.New("--witness-key goes with --witness or --witness-checkpoint: what a witness signed counts by its key, which you have from its operator")
	case f.witnessKey != "" && (f.from != 0 || f.to != 0):
		return errors.New("--from and --to: a witness signs the whole log")
	case f.export != "":
		return f.bundle(c)
	}
	list, err := f.where()
	if err != nil {
		return err
	}
	if len(list) > 1 && (f.checkpoint != "" || f.since != "" || f.save != "" || f.witnessCheckpoint != "" || f.from != 0 || f.to != 0) {
		return errors.New("a checkpoint and a range are of one log: name one by --log")
	}
	worst := audit.Good
	for i, p := range list {
		if i > 0 && !f.json {
			fmt.Fprintln(c.OutOrStdout())
		}
		got, err := f.one(c, p)
		if err != nil {
			if len(list) == 1 {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "ostiary: %s: %v\n", p.log, err)
			got = audit.Unclear
		}
		if got == audit.Altered || worst == audit.Good {
			worst = got
		}
	}
	if worst != audit.Good {
		return answer{int(worst)}
	}
	return nil
}

// one verifies one log.
func (f *verifyFlags) one(c *cobra.Command, p places) (audit.Answer, error) {
	o, sources, err := trustOf(p, f.keys, first(f.checkpoint, f.since))
	if err != nil {
		return audit.Unclear, err
	}
	o.From, o.To, o.Replica = f.from, f.to, f.replica || f.all != ""
	if f.since != "" {
		seen, err := audit.PeekCheckpoint(o.Checkpoint)
		if err != nil {
			return audit.Unclear, fmt.Errorf("--since %s: %w", f.since, err)
		}
		o.From = seen.Size
	}
	// Read before the verification, so that it is of what was verified.
	last, err := os.ReadFile(filepath.Join(p.log, "checkpoint"))
	if err != nil && f.save != "" {
		return audit.Unclear, fmt.Errorf("--save-checkpoint: %w", err)
	}
	var r *audit.Report
	standing := ""
	if f.witnessKey != "" {
		var got witness.Comparison
		if got, sources, err = f.compare(c, p, o); err != nil {
			return audit.Unclear, err
		}
		r, standing = got.Report, got.Standing.String()
	} else if r, err = audit.Verify(p.log, o); err != nil {
		return audit.Unclear, err
	}
	if f.json {
		err = writeReport(c.OutOrStdout(), p.log, r, sources, standing)
	} else {
		printReport(c.OutOrStdout(), p.log, r, sources, standing)
	}
	if err != nil {
		return audit.Unclear, err
	}
	if f.save != "" && r.Answer != audit.Altered {
		if err := os.WriteFile(f.save, last, 0o644); err != nil {
			return audit.Unclear, fmt.Errorf("--save-checkpoint: %w", err)
		}
	}
	return r.Answer, nil
}

// compare holds a log against what a witness has signed.
func (f *verifyFlags) compare(c *cobra.Command, p places, o audit.VerifyOptions) (witness.Comparison, []string, error) {
	none := witness.Comparison{Standing: witness.Untold}
	if o.Key == nil {
		return none, nil, errors.New("there is no verifier key of the log: give it by --key")
	}
	b, err := readFile(f.witnessKey, publicLimit)
	if err != nil {
		return none, nil, fmt.Errorf("--witness-key: %w", err)
	}
	key, err := witness.NewKey(string(b))
	if err != nil {
		return none, nil, fmt.Errorf("--witness-key %s: %w", f.witnessKey, err)
	}
	var last []byte
	from := f.witnessCheckpoint
	if from != "" {
		if last, err = readFile(from, noteLimit); err != nil {
			return none, nil, fmt.Errorf("--witness-checkpoint: %w", err)
		}
	} else {
		from = f.witness
		client, err := witness.NewClient(witness.ClientOptions{URL: f.witness, Key: key})
		if err != nil {
			return none, nil, fmt.Errorf("--witness: %w", err)
		}
		// Where the log is gone, it was called as its first key is.
		if last, err = client.Last(c.Context(), first(originOf(p.log), o.Key.Name())); errors.Is(err, witness.ErrUnknownLog) {
			last, err = client.Last(c.Context(), o.Key.Name())
		}
		if err != nil {
			return none, nil, fmt.Errorf("--witness %s: %w", f.witness, err)
		}
	}
	got, err := witness.Compare(p.log, last, o.Key, key)
	if err != nil {
		return got, nil, fmt.Errorf("what the witness %s has signed: %w", key.Name(), err)
	}
	return got, []string{"key of the log " + o.Key.Name(), "witness " + key.Name() + " by " + from}, nil
}

// originOf gives the name of a log, empty where it cannot be read.
func originOf(dir string) string {
	r, err := audit.OpenReader(dir)
	if err != nil {
		return ""
	}
	origin, err := r.Origin()
	if err != nil {
		return ""
	}
	return origin
}

// bundleReport is what `verify --export --json` prints.
type bundleReport struct {
	Answer   string              `json:"answer"` // good, altered, unclear
	File     string              `json:"file"`
	Why      string              `json:"why,omitempty"`
	FirstBad *int64              `json:"first_bad"` // null where none is
	Until    *int64              `json:"first_bad_before"`
	Origin   string              `json:"origin,omitempty"`
	First    int64               `json:"first"`
	End      int64               `json:"end"`
	Records  int64               `json:"records"`
	Size     int64               `json:"size"`
	Query    string              `json:"query,omitempty"` // nobody signed it
	Attested *report.Attestation `json:"attestation,omitempty"`
}

// bundle verifies a bundle without the log.
func (f *verifyFlags) bundle(c *cobra.Command) error {
	var keys report.Keys
	switch len(f.keys) {
	case 0:
		list, err := f.where()
		if err != nil {
			return err
		}
		trust, err := audit.Trusted(list[0].keys, list[0].log)
		if err != nil {
			return err
		}
		keys.Key = trust.Key // nil says so below
	case 1:
		v, err := readVerifier(f.keys[0])
		if err != nil {
			return err
		}
		keys.Key = v
	default:
		return errors.New("--key: a bundle is of one log")
	}
	if f.checkpoint != "" {
		var err error
		if keys.Seen, err = readFile(f.checkpoint, noteLimit); err != nil {
			return fmt.Errorf("--checkpoint: %w", err)
		}
	}
	file, err := os.Open(f.export)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	defer file.Close()
	attested, b, err := report.Verify(bufio.NewReaderSize(file, 1<<20), keys)
	if errors.Is(err, report.ErrNoAttestation) {
		err = nil
	}
	status := proof.Answer(err)
	out := bundleReport{Answer: audit.Answer(status).String(), File: f.export, Attested: attested}
	if err != nil {
		out.Why = err.Error()
		var altered *proof.Altered
		if errors.As(err, &altered) && altered.Index >= 0 {
			out.FirstBad, out.Until = &altered.Index, &altered.Until
		}
	}
	if b != nil {
		out.Origin, out.Size = b.Checkpoint.Origin, b.Checkpoint.Size
		out.First, out.End, out.Records, out.Query = b.Head.First, b.Head.End, b.Records, b.Head.Query
	}
	if f.json {
		if err := writeJSON(c.OutOrStdout(), out); err != nil {
			return err
		}
	} else {
		out.print(c.OutOrStdout(), audit.Answer(status))
	}
	if status != exitYes {
		return answer{status}
	}
	return nil
}

func (r *bundleReport) print(w io.Writer, a audit.Answer) {
	fmt.Fprintf(w, "%s\n\n", verifyHeads[a])
	if r.Why != "" {
		fmt.Fprintf(w, "  - %s\n", printable(r.Why))
	}
	switch {
	case r.FirstBad != nil && *r.Until == *r.FirstBad+1:
		fmt.Fprintf(w, "  first bad record: %d\n", *r.FirstBad)
	case r.FirstBad != nil:
		fmt.Fprintf(w, "  first bad record: one of %d to %d\n", *r.FirstBad, *r.Until-1)
	}
	if r.Why != "" {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  bundle   %s\n", r.File)
	if r.Origin == "" {
		return
	}
	fmt.Fprintf(w, "  origin   %s\n  records  %d, %d to before %d of %d\n", printable(r.Origin), r.Records, r.First, r.End, r.Size)
	if r.Attested != nil {
		fmt.Fprintf(w, "  attests  %s\n           %s\n", printable(r.Attested.State), printable(r.Attested.Sentence()))
	} else if r.Query != "" {
		fmt.Fprintf(w, "  query    %s (nobody signed it)\n", printable(r.Query))
	}
}

// readFile reads a file of a bounded length.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	case len(b) == 0:
		return nil, fmt.Errorf("%s is empty", name)
	}
	return b, nil
}

func readVerifier(name string) (note.Verifier, error) {
	b, err := readFile(name, publicLimit)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	v, err := audit.NewVerifier(b)
	if err != nil {
		return nil, fmt.Errorf("--key %s: %w", name, err)
	}
	return v, nil
}

// pinned reads the key that a collector has pinned for the log of which the
// directory holds a replica: it lies beside the replica. nil where there is none.
func pinned(dir string) note.Verifier {
	b, err := readFile(filepath.Join(filepath.Dir(dir), "origin"), publicLimit)
	if err != nil {
		return nil
	}
	_, key, _ := strings.Cut(string(b), "\n")
	v, err := audit.NewVerifier([]byte(key))
	if err != nil {
		return nil
	}
	return v
}

// chooseKey gives the one of several keys that has signed a log's last checkpoint, or
// else the one of that name; of one key, that one.
func chooseKey(p places, names []string) (note.Verifier, string, error) {
	last, _ := os.ReadFile(filepath.Join(p.log, "checkpoint"))
	var named note.Verifier
	var of string
	for _, name := range names {
		v, err := readVerifier(name)
		if err != nil {
			return nil, "", err
		}
		if _, err := audit.OpenCheckpoint(last, v); err == nil || len(names) == 1 {
			return v, name, nil
		}
		if v.Name() == originOf(p.log) {
			named, of = v, name
		}
	}
	if named == nil {
		return nil, "", errors.New("none of the keys is the log's")
	}
	return named, of, nil
}

// trustOf reads the key and the checkpoint that a verification trusts, and says
// where they came from.
func trustOf(p places, keys []string, checkpoint string) (audit.VerifyOptions, []string, error) {
	var o audit.VerifyOptions
	var sources []string
	beside, err := audit.Trusted(p.keys, p.log)
	if err != nil {
		return o, nil, err
	}
	switch {
	case len(keys) > 0:
		var name string
		if o.Key, name, err = chooseKey(p, keys); err != nil {
			return o, nil, err
		}
		sources = append(sources, "key "+name)
	case beside.Key != nil:
		o.Key = beside.Key
		sources = append(sources, "key "+p.keys)
	default:
		if o.Key = pinned(p.log); o.Key != nil {
			sources = append(sources, "key "+filepath.Join(filepath.Dir(p.log), "origin"))
		}
	}
	if checkpoint != "" {
		if o.Checkpoint, err = readFile(checkpoint, noteLimit); err != nil {
			return o, nil, fmt.Errorf("--checkpoint: %w", err)
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
	Log      string   `json:"log"`
	Origin   string   `json:"origin"`
	First    int64    `json:"first"` // what is before was removed by retention
	Size     int64    `json:"size"`
	Signed   int64    `json:"signed"`
	Root     string   `json:"root"`
	FirstBad *int64   `json:"first_bad"` // null where none is
	Until    *int64   `json:"first_bad_before"`
	Altered  []string `json:"altered"`
	Unclear  []string `json:"unclear"`
	Notes    []string `json:"notes"`
	Trusted  []string `json:"trusted"`
	Standing string   `json:"witness,omitempty"` // continues, rolled back, differs
}

func writeReport(w io.Writer, dir string, r *audit.Report, sources []string, standing string) error {
	out := verifyReport{
		Answer: r.Answer.String(), Log: dir, Origin: r.Origin, First: r.First, Size: r.Size, Standing: standing, Signed: r.Signed, Root: r.Root.String(),
		Altered: append([]string{}, r.Altered...), Unclear: append([]string{}, r.Unclear...),
		Notes: append([]string{}, r.Notes...), Trusted: append([]string{}, sources...),
	}
	if r.FirstBad >= 0 {
		out.FirstBad, out.Until = &r.FirstBad, &r.Until
	}
	return writeJSON(w, out)
}

// verifyHeads are the answers for people.
var verifyHeads = map[audit.Answer]string{
	audit.Good:    "GOOD: nothing was altered",
	audit.Altered: "ALTERED",
	audit.Unclear: "UNCLEAR: it could not be told whether anything was altered",
}

func printReport(w io.Writer, dir string, r *audit.Report, sources []string, standing string) {
	fmt.Fprintf(w, "%s\n\n", verifyHeads[r.Answer])
	if standing != "" {
		fmt.Fprintf(w, "  against the witness the log %s\n\n", map[string]string{
			witness.Continues.String():  "CONTINUES: it holds all that the witness has signed",
			witness.RolledBack.String(): "WAS ROLLED BACK: the witness has signed more of it than there is",
			witness.Differs.String():    "DIFFERS from what the witness has signed: it was altered, or put back and gone on with",
			witness.Untold.String():     "cannot be told",
		}[standing])
	}
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
