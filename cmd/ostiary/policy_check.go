package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
)

func policyCheckCommand() *cobra.Command {
	var f policyFlags
	var strict, asJSON bool
	c := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Say whether a policy directory would be taken, and whether it always decides",
		Long: `Check compiles the policies as the proxy does: strictly, against the schema of the
facts, without functions that depend on the clock, chance or the network, and
with every contribution in the form of the contract. Names of facts, types,
groups and pools that do not exist are errors, with the name that was meant.

Then it decides requests at the edges of what a request can be, each alone and in
pairs, and those that the rules' own comparisons name: one for which no decision
exists (a conflict, a failing function, a value that is not in the contract) would
be refused in service, and is an error here. Rules without a title, and fixtures
that cannot be read, are errors too. What has expired, or is expected and not
there, is a warning.

Exit status: 0 it is good, 1 it is not, 2 it could not be read.`,
		Example: `  ostiary policy check policies
  ostiary policy check policies --config ostiary.yaml --strict`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := checkPolicies(c.Context(), &f, policyDir(args))
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetEscapeHTML(false)
				err = enc.Encode(r)
			} else {
				r.print(c.OutOrStdout())
			}
			if err == nil && (len(r.Problems) > 0 || strict && len(r.Warnings) > 0) {
				err = answer{exitNo}
			}
			return err
		},
	}
	f.add(c)
	c.Flags().BoolVar(&strict, "strict", false, "warnings count as problems")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// checkReport is what a check found.
type checkReport struct {
	Problems []policies.Problem `json:"problems"`
	Warnings []string           `json:"warnings"`
	Policies []string           `json:"policies"`
	Rules    int                `json:"rules"`
	Hosts    int                `json:"hosts"` // names and patterns that pass or are refused
	Fixtures int                `json:"fixtures"`
	Survey   policies.Survey    `json:"survey"`
	Revision string             `json:"revision"`
}

// untitled ends the warning of a rule without a title, which is a problem here.
const untitled = "has no title (# METADATA, # title: …)"

func checkPolicies(ctx context.Context, f *policyFlags, dir string) (*checkReport, error) {
	r := &checkReport{Problems: []policies.Problem{}, Warnings: []string{}, Policies: []string{}}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	st, err := f.stage()
	if err != nil {
		return nil, err
	}
	set, err := st.load(dir)
	var bad policies.Problems
	if errors.As(err, &bad) {
		r.Problems = bad
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.Revision, r.Hosts = set.Revision(), len(set.Hosts())
	for _, p := range set.Policies() {
		r.Policies = append(r.Policies, p.Name)
		r.Rules += len(p.Rules)
		for _, rule := range slices.Concat(p.Rules, p.Hosts) {
			if rule.Title == rule.ID {
				r.Problems = append(r.Problems, policies.Problem{File: rule.File, Line: rule.Line, What: "the rule " + p.Name + "." + rule.ID + " has no title", Remedy: "Write above it: # METADATA, # title: …"})
			}
		}
	}
	for _, w := range set.Warnings() {
		if !strings.HasSuffix(w, untitled) {
			r.Warnings = append(r.Warnings, w)
		}
	}
	fixtures, err := fixturesOf(dir)
	if err != nil {
		r.Problems = append(r.Problems, policies.Problem{What: err.Error()})
	}
	r.Fixtures = len(fixtures)
	remarks, err := policies.Lint(st.at(dir), policies.LintOptions{Now: time.Now(), Fixtures: fixtures})
	if err != nil {
		return nil, err
	}
	for _, m := range remarks {
		switch m.Lint {
		case "expired", "expires-soon":
			r.Warnings = append(r.Warnings, m.Problem.String())
		case "dangling-exception":
			r.Problems = append(r.Problems, m.Problem)
		}
	}
	if r.Survey, err = (policies.Study{Set: set}).Survey(ctx); err != nil {
		return nil, err
	}
	for _, g := range r.Survey.Undecided {
		r.Problems = append(r.Problems, policies.Problem{
			What:   fmt.Sprintf("no decision exists for %d kinds of requests, the first: %s: %s", g.Count, first(strings.Join(g.Edges, "; "), "a harmless one"), g.Error),
			Remedy: "Such a request is refused: make the rule hold or not hold for it",
		})
	}
	return r, nil
}

// fixturesOf reads the fixtures of a directory; a bundle has none.
func fixturesOf(dir string) ([]policies.Fixture, error) {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil, err
	}
	return readFixtures(dir)
}

func (r *checkReport) print(w io.Writer) {
	for _, p := range r.Problems {
		fmt.Fprintf(w, "error: %s\n", p)
	}
	for _, s := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", s)
	}
	if len(r.Problems) > 0 {
		fmt.Fprintf(w, "FAILED: %d problems, %d warnings\n", len(r.Problems), len(r.Warnings))
		return
	}
	hosts := ""
	if r.Hosts > 0 {
		hosts = fmt.Sprintf(", %d hosts", r.Hosts)
	}
	fmt.Fprintf(w, "ok: %d policies (%s), %d rules, %d fixtures%s; %d requests at the edges of the facts are all decided; revision %s\n",
		len(r.Policies), first(strings.Join(r.Policies, ", "), "none"), r.Rules, r.Fixtures, hosts, r.Survey.Tried, r.Revision)
}

func policyFmtCommand() *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use:   "fmt [DIR]",
		Short: "Show, or make, the layout of OPA's formatter",
		Long: `Fmt compares every Rego file of the directory, tests included, with what OPA's own
formatter makes of it, and prints the differences. With --write it writes the
files. Comments and metadata stay.

Exit status: 0 all files are laid out, 1 some are not (and were not written), 2 a
file cannot be read.`,
		Example: `  ostiary policy fmt policies
  ostiary policy fmt policies --write`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := policyDir(args)
			if st, err := os.Stat(dir); err != nil {
				return err
			} else if !st.IsDir() {
				return fmt.Errorf("%s is no directory", dir)
			}
			list, err := policies.Format(policies.Options{Path: dir})
			if err != nil {
				return fmt.Errorf("not laid out:\n%w", err)
			}
			for _, f := range list {
				if !write {
					fmt.Fprint(c.OutOrStdout(), f.Diff)
					continue
				}
				if err := replaceFile(filepath.Join(dir, filepath.FromSlash(f.File)), []byte(f.Text)); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s\n", f.File)
			}
			if len(list) > 0 && !write {
				return answer{exitNo}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&write, "write", "w", false, "write the files instead of showing the differences")
	return c
}

// replaceFile writes a file in one step, with the permissions that it has.
func replaceFile(name string, content []byte) error {
	mode := os.FileMode(0o644)
	if st, err := os.Stat(name); err == nil {
		mode = st.Mode().Perm()
	}
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		target = name // it is not there yet
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".ostiary-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func policyLintCommand() *cobra.Command {
	var f policyFlags
	var off []string
	var asJSON, own bool
	var doc strings.Builder
	for _, l := range policies.Lints() {
		fmt.Fprintf(&doc, "  %-18s %s\n", l[0], l[1])
	}
	c := &cobra.Command{
		Use:   "lint [DIR]",
		Short: "Look for what loads and is not well made",
		Long: `Lint looks at policies that load for what an author or a reviewer would want
changed:

` + doc.String() + `
Where regal, the linter for Rego of the OPA project, is installed, it is run on the directory
too (with its .regal/config.yaml), and its output is passed on. This was tested with a
stand-in that keeps to regal's documented flags and exit codes, not with regal itself.

Exit status: 0 nothing but advice, 1 something to change, 2 the policies do not
load, or regal could not be run.`,
		Example: `  ostiary policy lint policies
  ostiary policy lint policies --off no-owner,message`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := policyDir(args)
			st, err := f.stage()
			if err != nil {
				return err
			}
			fixtures, err := fixturesOf(dir)
			if err != nil {
				return err
			}
			remarks, err := policies.Lint(st.at(dir), policies.LintOptions{Now: time.Now(), Fixtures: fixtures, Off: off})
			if err != nil {
				return err
			}
			w, bad := c.OutOrStdout(), 0
			if asJSON {
				enc := json.NewEncoder(w)
				enc.SetEscapeHTML(false)
				if remarks == nil {
					remarks = []policies.Remark{}
				}
				if err := enc.Encode(remarks); err != nil {
					return err
				}
			}
			for _, r := range remarks {
				word := "advice"
				if !r.Advice {
					bad++
					word = "lint"
				}
				if !asJSON {
					fmt.Fprintf(w, "%s: %s [%s]\n", word, r.Problem, r.Lint)
				}
			}
			clean := true
			if !own && !asJSON {
				if clean, err = regal(c.Context(), w, c.ErrOrStderr(), dir); err != nil {
					return err
				}
			}
			if bad > 0 || !clean {
				return answer{exitNo}
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().StringSliceVar(&off, "off", nil, "`LINTS` to leave out, separated by commas")
	c.Flags().BoolVar(&own, "no-regal", false, "do not run regal")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON; regal is not run")
	return c
}

// Bounds of a run of regal.
const (
	regalLimit  = 2 * time.Minute
	regalOutput = 4 << 20 // bytes
)

// regal runs regal where it is installed and passes its output on. It reports
// whether it found nothing.
func regal(ctx context.Context, w, diag io.Writer, dir string) (bool, error) {
	path, err := exec.LookPath("regal")
	if err != nil {
		fmt.Fprintln(diag, "regal is not installed: its lints were not run")
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, regalLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "lint", "--format", "compact", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NO_COLOR=1")
	out := &limitedBuffer{limit: regalOutput}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	fmt.Fprintf(w, "regal:\n%s", out.Bytes())
	var status *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &status) && (status.ExitCode() == 2 || status.ExitCode() == 3):
		return false, nil // warnings, errors
	}
	return false, fmt.Errorf("regal could not be run: %w", err)
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}
