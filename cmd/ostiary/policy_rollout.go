package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	yamlast "github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/policies/replay"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
)

// policyShadow is one run of `ostiary policy shadow`.
type policyShadow struct {
	audit  auditFlags
	span   span
	by     string
	failOn []string
}

func policyShadowCommand() *cobra.Command {
	var s policyShadow
	c := &cobra.Command{
		Use:   "shadow",
		Short: "Show what the candidate said of live traffic",
		Long: `While policy.candidate names other policies in the configuration, every decision
is made by one side and recorded with what the other one says of the same facts.
Shadow counts the pairs: what the policies that serve say, and what the candidate
does, also where a canary has the candidate decide.

The words are those of the policies, before a pool was chosen: reroute means that
the pool that was asked for is not permitted. 'ostiary policy replay' shows what
becomes of the requests.

With --config, only decisions with the candidate that is configured now are
counted. Without it, all are, each as what was done and what the other side said.

Exit status: 0 done, 1 --fail-on found something, 2 the log could not be read, or
--fail-on has no decision to judge by.`,
		Example: `  ostiary policy shadow --config ostiary.yaml --since 1d
  ostiary policy shadow --config ostiary.yaml --by team --fail-on loosened`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c.OutOrStdout()) },
	}
	s.audit.add(c)
	s.span.add(c)
	c.Flags().StringVar(&s.by, "by", string(replay.ByRule), "rows of the report: rule, team, type, application")
	c.Flags().StringSliceVar(&s.failOn, "fail-on", nil, "exit status 1 on `loosened` or changed decisions")
	return c
}

// shadowReport is what the command prints.
type shadowReport struct {
	replay.Report
	Candidate string   `json:"candidate,omitempty"` // revision; empty: of any
	Acted     int      `json:"acted"`               // decisions that the candidate made
	Pairs     []string `json:"pairs"`               // revisions, WAS → WOULD
	Failed    []string `json:"failed"`
}

// Why a decision is not in a shadow's report.
const (
	whyAlone   = "no candidate was asked"
	whyAnother = "another candidate was asked"
)

// pairLimit bounds the pairs of revisions that are listed.
const pairLimit = 32

func (s *policyShadow) run(w io.Writer) error {
	if by := replay.By(s.by); by == replay.ByPool || !slices.Contains(replay.Kinds(), by) {
		return fmt.Errorf("--by %q is none of rule, team, type, application", s.by)
	}
	for _, on := range s.failOn {
		if on != failLoosened && on != failChanged {
			return fmt.Errorf("--fail-on %q is none of loosened, changed", on)
		}
	}
	log, err := s.audit.reader()
	if err != nil {
		return err
	}
	from, to, err := s.span.bounds(time.Now())
	if err != nil {
		return err
	}
	out := shadowReport{Pairs: []string{}}
	if s.audit.config != "" {
		flags := policyFlags{config: s.audit.config}
		st, err := flags.stage()
		if err != nil {
			return err
		}
		set, err := st.candidate()
		if err != nil {
			return err
		}
		out.Candidate = set.Revision()
	}
	matrix := &replay.Matrix{By: replay.By(s.by)}
	for d, err := range decisions(log, from, to, matrix.Skip) {
		if err != nil {
			return err
		}
		out.add(matrix, d)
	}
	out.Report = matrix.Report()
	slices.Sort(out.Pairs)
	if out.Replayed == 0 && len(s.failOn) > 0 {
		return nothingProven(&out.Report)
	}
	gates := policyReplay{failOn: s.failOn}
	out.Failed = gates.failed(&out.Report, 101)
	if s.audit.json {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		err = enc.Encode(&out)
	} else {
		out.print(newEventPrinter(w, false), s.by)
	}
	if err == nil && len(out.Failed) > 0 {
		return answer{exitNo}
	}
	return err
}

// add counts one decision, turned so that the candidate is the second side.
func (r *shadowReport) add(m *replay.Matrix, d *replay.Decision) {
	acted, watched, ok := d.Shadowed()
	if !ok {
		m.Skip(whyAlone)
		return
	}
	was, would := d.Revision, d.Shadow.Revision
	switch r.Candidate {
	case "", would:
	case was:
		r.Acted++
		acted, watched, was, would = watched, acted, would, was
	default:
		m.Skip(whyAnother)
		return
	}
	if pair := was + " → " + would; len(r.Pairs) < pairLimit && !slices.Contains(r.Pairs, pair) {
		r.Pairs = append(r.Pairs, pair)
	}
	m.Add(d, &acted, &watched)
}

func (r *shadowReport) print(p *eventPrinter, by string) {
	fmt.Fprintf(p.w, "%d decisions with both sides, %d of them made by the candidate; %d differ, %s, %d newly refused (%.2f %%)\n",
		r.Replayed, r.Acted, r.Changed, p.loosened(r.Loosened, " loosened"), r.NewlyDenied, r.NewlyDeniedShare())
	for _, pair := range r.Pairs {
		fmt.Fprintf(p.w, "revisions: %s\n", printable(pair))
	}
	for _, why := range names(r.Skipped) {
		fmt.Fprintf(p.w, "not counted: %d, %s\n", r.Skipped[why], why)
	}
	if r.Replayed > 0 {
		printCells(p, r.Cells)
		printRows(p, by, r.Rows)
	}
	for _, f := range r.Failed {
		fmt.Fprintf(p.w, "%s: %s\n", p.paint(colourRed, "FAILED"), f)
	}
}

// errNoCandidate says how a candidate is named.
var errNoCandidate = errors.New("the configuration names no candidate: write policy: {candidate: {path: ./next}}")

// candidate loads the candidate as a running Ostiary does.
func (st *stage) candidate() (*policies.Set, error) {
	c := st.cfg.Policy.Candidate
	if c.Path == "" {
		return nil, errNoCandidate
	}
	o := st.at(c.Path)
	o.Modes = nil
	set, err := policies.Load(o)
	if err != nil {
		return nil, fmt.Errorf("the candidate does not load:\n%w", err)
	}
	return set, nil
}

func policyPromoteCommand() *cobra.Command {
	var flags policyFlags
	var force bool
	var wait time.Duration
	c := &cobra.Command{
		Use:   "promote --config FILE",
		Short: "Put the candidate in the place of the policies that serve",
		Long: `Promote makes policy.candidate.path of the configuration the policies that serve:
it copies the candidate beside the directory that policies names, and exchanges
the two in one step. What served is kept beside it, as NAME.previous-TIME-REVISION,
for 'ostiary policy rollback'. A running Ostiary notices and reloads; that is in
the audit log, and every decision names the revision that made it. Promote waits
until it stands there, or says that it did not see it.

The candidate must load with the modes and the expected policies of the
configuration, and its tests must pass; --force promotes it although they do not.
Policies that do not load are never promoted.

Exit status: 0 promoted, 1 the candidate is not fit, 2 a file cannot be read or
written.`,
		Example: `  ostiary policy promote --config ostiary.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := flags.configured()
			if err != nil {
				return err
			}
			return promote(c.Context(), c.OutOrStdout(), st, &policyTest{flags: flags, format: formatText}, force, wait)
		},
	}
	flags.add(c)
	addWait(c, &wait)
	c.Flags().BoolVar(&force, "force", false, "although tests fail, or there are none")
	return c
}

// configured makes the stage of a configuration whose policies are a directory
// or a bundle file of its own.
func (f *policyFlags) configured() (*stage, error) {
	if f.config == "" {
		return nil, errors.New("--config FILE is missing: which Ostiary is meant?")
	}
	st, err := f.stage()
	if err != nil {
		return nil, err
	}
	switch {
	case st.cfg.Policy.Bundle.Source != "":
		return nil, errors.New("the configuration takes its policies from policy.bundle: publish other ones there")
	case st.cfg.Policies == "":
		return nil, errors.New("the shipped policies serve, which cannot be replaced: name a directory of your own, policies: ./policies")
	}
	if info, err := os.Lstat(st.cfg.Policies); err != nil {
		return nil, err
	} else if info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s is a symbolic link: whoever set it has to change where it leads", st.cfg.Policies)
	}
	return st, nil
}

// promote puts the candidate in the place of the policies that serve.
func promote(ctx context.Context, w io.Writer, st *stage, test *policyTest, force bool, wait time.Duration) error {
	live, next := filepath.Clean(st.cfg.Policies), st.cfg.Policy.Candidate.Path
	if next == "" {
		return errNoCandidate
	}
	set, err := st.load(next)
	if err != nil {
		return refusedPolicies(w, next, err)
	}
	if missing := absent(st.cfg.Policy.Expected, set); len(missing) > 0 {
		fmt.Fprintf(w, "the candidate lacks policies that are expected, and would refuse everything: %s\n", strings.Join(missing, ", "))
		return answer{exitNo}
	}
	test.dir = next
	var said bytes.Buffer
	if err := test.once(ctx, &said); err != nil {
		fmt.Fprintf(w, "%s", said.Bytes())
		var a answer
		if !errors.As(err, &a) {
			fmt.Fprintln(w, err)
		}
		if !force {
			fmt.Fprintln(w, "not promoted: the candidate's tests do not pass; --force promotes it all the same")
			return answer{exitNo}
		}
	}
	now := stamp(time.Now())
	incoming := live + ".incoming-" + now
	defer func() { _ = os.RemoveAll(incoming) }()
	if err := copyPolicies(next, incoming); err != nil {
		return err
	}
	copied, err := st.load(incoming)
	if err != nil || copied.Revision() != set.Revision() {
		return errors.New("the candidate changed while it was copied: try again")
	}
	kept := live + keptPrevious + now + "-" + st.short(live)
	seen := watchReload(st.cfg)
	if err := replace(live, incoming, kept); err != nil {
		return err
	}
	fmt.Fprintf(w, "promoted %s: %s\nwhat served before: %s\n", next, set.Revision(), kept)
	fmt.Fprintln(w, "'ostiary policy rollback' takes it back.")
	seen.report(ctx, w, set.Revision(), wait)
	return nil
}

// Times of the wait for a reload.
const (
	reloadWait = 10 * time.Second
	reloadLook = 100 * time.Millisecond
)

func addWait(c *cobra.Command, wait *time.Duration) {
	c.Flags().DurationVar(wait, "wait", reloadWait, "how long to wait for a running Ostiary to reload; 0: not at all")
}

// reloads watches an audit log for reloads.
type reloads struct {
	log  string // directory; empty where there is none
	from int64  // first record that counts
}

// watchReload begins to watch, before something is changed.
func watchReload(cfg *config.Config) reloads {
	p, err := findPlaces(cfg, "")
	if err != nil {
		return reloads{}
	}
	r, err := audit.OpenReader(p.log)
	if err != nil {
		return reloads{}
	}
	size, err := r.Size()
	if err != nil {
		return reloads{}
	}
	return reloads{p.log, size}
}

// report waits until policies of a revision serve, and says so, or that it did not
// see it.
func (r reloads) report(ctx context.Context, w io.Writer, revision string, wait time.Duration) {
	if r.log == "" {
		fmt.Fprintln(w, "No audit log of a running Ostiary is to be read here, so its reload was not seen; it reloads by itself.")
		return
	}
	if wait <= 0 {
		fmt.Fprintln(w, "A running Ostiary reloads by itself, and records it.")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for look := time.NewTicker(reloadLook); ; {
		served, failed := r.look(revision)
		switch {
		case served:
			look.Stop()
			fmt.Fprintf(w, "Ostiary has reloaded: %s decides.\n", revision)
			return
		case failed:
			look.Stop()
			fmt.Fprintln(w, "Ostiary could not reload: the former policies keep serving. Its own output says why.")
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			look.Stop()
			fmt.Fprintf(w, "No reload was seen within %v: either no Ostiary runs with this log, or it has not reloaded yet.\n", wait)
			return
		}
	}
}

// look reads what was recorded since.
func (r *reloads) look(revision string) (served, failed bool) {
	log, err := audit.OpenReader(r.log)
	if err != nil {
		return false, false
	}
	for rec, err := range log.Records(r.from) {
		if err != nil {
			return false, false
		}
		r.from++
		ev, err := rec.Event()
		if err != nil || ev.Kind != proxy.EventConfig || ev.Admin == nil {
			continue
		}
		if ev.Policy != nil && strings.HasPrefix(ev.Policy.Policies, revision) && ev.Admin.Action == "reload" {
			return true, false
		}
		failed = failed || ev.Admin.Action == "reload_failed"
	}
	return false, failed
}

// absent lists the expected policies that a set does not have.
func absent(expected []string, set *policies.Set) []string {
	var out []string
	have := set.Policies()
	for _, name := range expected {
		if !slices.ContainsFunc(have, func(p policies.Policy) bool { return p.Name == name }) {
			out = append(out, name)
		}
	}
	return out
}

// Names of what is kept beside the policies: what served before a promotion, and
// what a rollback took away.
const (
	keptPrevious  = ".previous-"
	keptWithdrawn = ".withdrawn-"
)

// stamp is a time as a part of a name: names sort by it.
func stamp(t time.Time) string {
	return strings.ReplaceAll(t.UTC().Format("20060102T150405.000"), ".", "") + "Z"
}

// short gives the beginning of the revision of the policies at a path.
func (st *stage) short(path string) string {
	set, err := st.load(path)
	if err != nil {
		return "unreadable"
	}
	return strings.TrimPrefix(set.Revision(), "sha256:")[:12]
}

// replace puts next in the place of live in one step, and keeps live as kept.
func replace(live, next, kept string) error {
	if err := exchange(live, next); err != nil {
		return fmt.Errorf("the policies could not be replaced: %w", err)
	}
	if err := os.Rename(next, kept); err != nil {
		// next holds what served; it may not be lost.
		return errors.Join(fmt.Errorf("what served before could not be kept, so nothing is changed: %w", err), exchange(live, next))
	}
	return syncDir(filepath.Dir(live))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Bounds of what a promotion copies: a little more than can be loaded.
const (
	copyFiles = 8192
	copyBytes = 64 << 20
)

// copyPolicies copies a directory without what is hidden, or a bundle. Links to
// files become files.
func copyPolicies(from, to string) error {
	files, total := 0, int64(0)
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if rel != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, info.Mode().Perm()|0o700)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a directory", p)
		}
		if files, total = files+1, total+info.Size(); files > copyFiles || total > copyBytes {
			return fmt.Errorf("%s holds more than %d files or %d MiB", from, copyFiles, copyBytes>>20)
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return writeSynced(target, text, info.Mode().Perm())
	})
}

// writeSynced writes a new file that outlives a power failure.
func writeSynced(name string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func policyRollbackCommand() *cobra.Command {
	var flags policyFlags
	var digest string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "rollback --config FILE",
		Short: "Put back the policies that served before the last promotion",
		Long: `Rollback exchanges the policies that serve with those that served before, which
'ostiary policy promote' kept beside them as NAME.previous-TIME-REVISION. What it
takes away is kept as NAME.withdrawn-TIME-REVISION. Done again, it goes back one
promotion more. A running Ostiary reloads by itself; the command waits until it
has, or says that it did not see it.

Where the policies come from policy.bundle, a bundle that was superseded is refused.
--bundle lets the one of that digest come back, once, when the source has it again;
without it the command lists what was superseded.

Exit status: 0 done, 1 there is nothing to go back to, or it does not load, 2 a
file cannot be read or written.`,
		Example: `  ostiary policy rollback --config ostiary.yaml
  ostiary policy rollback --config ostiary.yaml --bundle sha256:…`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if flags.config != "" {
				cfg, err := config.Load(flags.config)
				if err != nil {
					return err
				}
				if cfg.Policy.Bundle.Source != "" {
					return permitBundle(c.OutOrStdout(), cfg, digest)
				}
			}
			if digest != "" {
				return errors.New("--bundle is for a configuration with policy.bundle")
			}
			st, err := flags.configured()
			if err != nil {
				return err
			}
			return rollback(c.Context(), c.OutOrStdout(), st, wait)
		},
	}
	flags.add(c)
	c.Flags().StringVar(&digest, "bundle", "", "`DIGEST` of a superseded bundle that may come back")
	addWait(c, &wait)
	return c
}

// permitBundle lets a superseded bundle come back, or lists what was superseded.
func permitBundle(w io.Writer, cfg *config.Config, digest string) error {
	p, err := findPlaces(cfg, "")
	if err != nil {
		return err
	}
	store := bundle.Store{Dir: bundleDir(p)}
	past, err := store.Superseded(cfg.Policy.Bundle.Source)
	if err != nil {
		return err
	}
	if digest == "" {
		for _, d := range past {
			fmt.Fprintln(w, d)
		}
		if len(past) == 0 {
			fmt.Fprintln(w, "no bundle of this source was superseded")
		}
		return answer{exitNo}
	}
	if !slices.Contains(past, digest) {
		fmt.Fprintf(w, "no bundle %s of this source was superseded\n", digest)
		return answer{exitNo}
	}
	if err := store.Permit(digest); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s may come back, once: a running Ostiary takes it when the source has it, in five minutes at most\n", digest)
	return nil
}

func rollback(ctx context.Context, w io.Writer, st *stage, wait time.Duration) error {
	live := filepath.Clean(st.cfg.Policies)
	beside, err := os.ReadDir(filepath.Dir(live))
	if err != nil {
		return err
	}
	last := ""
	for _, e := range beside {
		if strings.HasPrefix(e.Name(), filepath.Base(live)+keptPrevious) {
			last = max(last, e.Name())
		}
	}
	if last == "" {
		fmt.Fprintf(w, "there is nothing to go back to: no %s%s… beside %s\n", filepath.Base(live), keptPrevious, live)
		return answer{exitNo}
	}
	previous := filepath.Join(filepath.Dir(live), last)
	set, err := st.load(previous)
	if err != nil {
		return refusedPolicies(w, previous, err)
	}
	kept := live + keptWithdrawn + stamp(time.Now()) + "-" + st.short(live)
	seen := watchReload(st.cfg)
	if err := replace(live, previous, kept); err != nil {
		return err
	}
	fmt.Fprintf(w, "rolled back to %s\nwhat served before: %s\n", set.Revision(), kept)
	seen.report(ctx, w, set.Revision(), wait)
	return nil
}

func policyCanaryCommand() *cobra.Command {
	var flags policyFlags
	c := &cobra.Command{
		Use:   "canary PERCENT --config FILE",
		Short: "Let the candidate decide a share of the conversations",
		Long: `Canary writes policy.candidate.share into the configuration file: how many of a
hundred conversations the candidate decides. A conversation stays on its side. 0
means that the candidate is only recorded, as 'ostiary policy shadow' shows it.
Nothing else in the file is changed, and a running Ostiary reloads by itself.

Exit status: 0 done, 1 the candidate does not load, 2 the file cannot be read or
changed; then it says what to write where.`,
		Example: `  ostiary policy canary 5 --config ostiary.yaml
  ostiary policy canary 0 --config ostiary.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			share, err := strconv.Atoi(strings.TrimSuffix(args[0], "%"))
			if err != nil || share < 0 || share > 100 {
				return fmt.Errorf("%q is no share: write a whole number from 0 to 100", args[0])
			}
			if flags.config == "" {
				return errors.New("--config FILE is missing: which Ostiary is meant?")
			}
			st, err := flags.stage()
			if err != nil {
				return err
			}
			set, err := st.candidate()
			if bad := (policies.Problems{}); errors.As(err, &bad) {
				return refusedPolicies(c.OutOrStdout(), st.cfg.Policy.Candidate.Path, bad)
			}
			if err != nil {
				return err
			}
			if err := writeShare(flags.config, share); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "the candidate %s decides %d of a hundred conversations (was %d)\n", set.Revision(), share, st.cfg.Policy.Candidate.Share)
			return nil
		},
	}
	flags.add(c)
	return c
}

// writeShare changes policy.candidate.share in a configuration file, and nothing
// else of it.
func writeShare(file string, share int) error {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	changed, err := withShare(text, share)
	if err == nil {
		// As the running Ostiary will read it.
		var cfg *config.Config
		if cfg, err = config.Parse(file, changed); err == nil && cfg.Policy.Candidate.Share != share {
			err = errors.New("the share stands where it is not read")
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w; write it yourself: policy.candidate.share: %d", file, err, share)
	}
	temp := real + ".new-" + stamp(time.Now())
	defer func() { _ = os.Remove(temp) }()
	if err := writeSynced(temp, changed, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Rename(temp, real); err != nil {
		return err
	}
	return syncDir(filepath.Dir(real))
}

// withShare gives the text of a configuration with another share of the
// candidate. The error names the line that has to be changed by hand.
func withShare(text []byte, share int) ([]byte, error) {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil || len(tree.Docs) != 1 {
		return nil, errors.New("it cannot be read as YAML")
	}
	candidate := child(child(tree.Docs[0].Body, "policy"), "candidate")
	path, old := child(candidate, "path"), child(candidate, "share")
	if path == nil {
		return nil, errors.New("it names no policy.candidate.path")
	}
	lines := strings.SplitAfter(string(text), "\n")
	if old != nil {
		tok := old.GetToken()
		at := tok.Position
		line := []rune(lines[at.Line-1])
		if at.Column-1 > len(line) || !strings.HasPrefix(string(line[at.Column-1:]), tok.Value) {
			return nil, fmt.Errorf("line %d: the share is not a plain number", at.Line)
		}
		rest := strings.TrimPrefix(string(line[at.Column-1:]), tok.Value)
		lines[at.Line-1] = string(line[:at.Column-1]) + strconv.Itoa(share) + rest
		return []byte(strings.Join(lines, "")), nil
	}
	at := path.GetToken().Position
	line := lines[at.Line-1]
	if key := strings.TrimLeft(line, " "); strings.HasPrefix(key, "path:") {
		indent := line[:len(line)-len(key)]
		if !strings.HasSuffix(line, "\n") {
			lines[at.Line-1] += "\n"
		}
		lines = slices.Insert(lines, at.Line, indent+"share: "+strconv.Itoa(share)+"\n")
		return []byte(strings.Join(lines, "")), nil
	}
	return nil, fmt.Errorf("line %d: the share would have to be put in beside the path", at.Line)
}

// child gives the value of a key of a mapping, or nil.
func child(n yamlast.Node, key string) yamlast.Node {
	var values []*yamlast.MappingValueNode
	switch m := n.(type) {
	case *yamlast.MappingNode:
		values = m.Values
	case *yamlast.MappingValueNode:
		values = []*yamlast.MappingValueNode{m}
	}
	for _, v := range values {
		if v.Key.GetToken().Value == key {
			return v.Value
		}
	}
	return nil
}

// exchangeInSteps swaps a and b where the system cannot do it at once. In
// between a is not there for a moment; a proxy that reloads just then keeps what
// it has, and reloads again after the next change.
func exchangeInSteps(a, b string) error {
	aside := a + ".aside-" + stamp(time.Now())
	if err := os.Rename(a, aside); err != nil {
		return err
	}
	if err := os.Rename(b, a); err != nil {
		return errors.Join(err, os.Rename(aside, a))
	}
	return os.Rename(aside, b)
}
