package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	yamlast "github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy/config"
)

// Formats of test results.
const (
	formatText  = "text"
	formatJSON  = "json"
	formatJUnit = "junit"
	formatTAP   = "tap"
)

// policyTest is one run of `ostiary policy test`.
type policyTest struct {
	flags     policyFlags
	dir       string
	run       string
	format    string
	coverage  bool
	threshold float64
	verbose   bool
}

func policyTestCommand() *cobra.Command {
	var t policyTest
	var watch bool
	c := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the unit tests and the fixtures of a policy directory",
		Long: `Test runs two kinds of tests.

Unit tests are rules named test_… in files NAME_test.rego. They ask one policy, or
data.ostiary.verdict, about facts of their own making.

Fixtures are cases in files of directories named fixtures, beside the policies or
below one of them. Each is a request and what is to be decided of it. A text goes
through the reader of the API, the real detectors and all policies:

  - name: a card number goes in-house
    text: "Book it on my card 4539 2746 8831 0575"
    application: billing
    expect:
      findings: [CREDIT_CARD]
      action: reroute
      pool: house
      rules: [residency.protected_data]

Without a text, found lists findings by type, and facts is a change on the facts
of a harmless request (data.ostiary.example), or facts as the audit log has them:

  - name: nobody reads images
    facts:
      opaque: {count: 1, kinds: {image: 1}}
      request: {needs: [images]}
    expect: {action: deny}

A request has text, role (user, system, assistant, tool), operation (chat,
embeddings), application, team, model, pool, found, facts. Expected are action
(allow, mask, reroute, deny, undecided), code, pool (that serves it, or none),
pools (that are permitted, or any), rules (POLICY.RULE, all that spoke), without
(rules that must not), masks, notify, findings. What is left out is not compared.

Exit status: 0 all passed, 1 one did not, or the coverage is below the threshold,
or the policies do not load; 2 there is nothing to run, or a file cannot be read.`,
		Example: `  ostiary policy test policies
  ostiary policy test policies --watch
  ostiary policy test policies --run residency --verbose
  ostiary policy test policies --coverage --threshold 90 --format junit > report.xml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t.dir = policyDir(args)
			if !slices.Contains([]string{formatText, formatJSON, formatJUnit, formatTAP}, t.format) {
				return fmt.Errorf("--format %q is none of text, json, junit, tap", t.format)
			}
			if t.threshold < 0 || t.threshold > 100 {
				return errors.New("--threshold is a share in percent, 0 to 100")
			}
			t.coverage = t.coverage || t.threshold > 0
			if !watch {
				return t.once(c.Context(), c.OutOrStdout())
			}
			if t.format != formatText {
				return errors.New("--watch prints text: leave out --format")
			}
			return t.watch(c.Context(), c.OutOrStdout())
		},
	}
	t.flags.add(c)
	c.Flags().StringVar(&t.run, "run", "", "only tests whose file and name match `REGEXP`")
	c.Flags().StringVar(&t.format, "format", formatText, "text, json, junit or tap")
	c.Flags().BoolVar(&t.coverage, "coverage", false, "show which lines and rules no test made use of")
	c.Flags().Float64Var(&t.threshold, "threshold", 0, "least coverage in `PERCENT`; implies --coverage")
	c.Flags().BoolVarP(&t.verbose, "verbose", "v", false, "list the tests that passed too")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "run again on every change, until interrupted")
	return c
}

// watch runs the tests now and on each change of the directory.
func (t *policyTest) watch(ctx context.Context, w io.Writer) error {
	again := func() {
		fmt.Fprintf(w, "\n%s\n", time.Now().Format("15:04:05"))
		var a answer
		if err := t.once(ctx, w); err != nil && !errors.As(err, &a) {
			fmt.Fprintln(w, err)
		}
	}
	paths := []string{t.dir}
	if t.flags.config != "" {
		paths = append(paths, t.flags.config)
	}
	return config.Watcher{Started: again}.Watch(ctx, paths, again)
}

// caseResult is the result of one test.
type caseResult struct {
	Kind         string                `json:"kind"` // unit, text, facts
	Name         string                `json:"name"`
	File         string                `json:"file"`
	Line         int                   `json:"line"`
	Passed       bool                  `json:"passed"`
	Skipped      bool                  `json:"skipped,omitempty"`
	Milliseconds int64                 `json:"milliseconds"`
	Differences  []policies.Difference `json:"differences,omitempty"`
	Problems     []string              `json:"problems,omitempty"`
}

// The kinds of tests.
const (
	kindUnit  = "unit"
	kindText  = "text"
	kindFacts = "facts"
)

// testReport is all results of a run.
type testReport struct {
	Cases    []caseResult       `json:"cases"`
	Passed   int                `json:"passed"`
	Failed   int                `json:"failed"`
	Skipped  int                `json:"skipped"`
	Coverage *policies.Coverage `json:"coverage,omitempty"`
}

// once runs the tests and prints the report.
func (t *policyTest) once(ctx context.Context, w io.Writer) error {
	only, err := regexp.Compile(t.run)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	if st, err := os.Stat(t.dir); err != nil {
		return err
	} else if !st.IsDir() {
		return fmt.Errorf("%s is no directory: a bundle has no fixtures; unpack it", t.dir)
	}
	st, err := t.flags.stage()
	if err != nil {
		return err
	}
	set, err := st.load(t.dir)
	if err != nil {
		return refusedPolicies(w, t.dir, err)
	}
	fixtures, err := readFixtures(t.dir)
	if err != nil {
		return err
	}
	var meter *policies.Meter
	if t.coverage {
		meter = policies.NewMeter()
	}
	units, err := policies.TestMeasured(ctx, st.at(t.dir), meter)
	if err != nil {
		return refusedPolicies(w, t.dir, err)
	}
	var r testReport
	for _, u := range units {
		if only.MatchString(u.File + ": " + u.Name) {
			r.Cases = append(r.Cases, unitResult(u))
		}
	}
	for i := range fixtures {
		fx := &fixtures[i]
		if only.MatchString(fx.File + ": " + fx.Name) {
			r.Cases = append(r.Cases, tryFixture(ctx, trial{st, set, meter}, fx))
		}
	}
	if len(r.Cases) == 0 {
		return fmt.Errorf("nothing to run in %s: no test_… rule in a file NAME_test.rego and no fixture in a directory fixtures%s", t.dir, matching(t.run))
	}
	for _, c := range r.Cases {
		switch {
		case c.Skipped:
			r.Skipped++
		case c.Passed:
			r.Passed++
		default:
			r.Failed++
		}
	}
	if meter != nil {
		cov, err := policies.Study{Set: set}.Coverage(meter)
		if err != nil {
			return err
		}
		r.Coverage = &cov
	}
	if err := t.print(w, &r); err != nil {
		return err
	}
	if r.Failed > 0 || t.short(&r) {
		return answer{exitNo}
	}
	return nil
}

// short reports whether the coverage is below the threshold.
func (t *policyTest) short(r *testReport) bool {
	return r.Coverage != nil && r.Coverage.Percent < t.threshold
}

func matching(run string) string {
	if run == "" {
		return ""
	}
	return fmt.Sprintf(" that matches --run %q", run)
}

// refusedPolicies prints what is wrong with policies that do not load.
func refusedPolicies(w io.Writer, dir string, err error) error {
	var bad policies.Problems
	if !errors.As(err, &bad) {
		return err
	}
	fmt.Fprintf(w, "the policies in %s do not load:\n", dir)
	for _, p := range bad {
		fmt.Fprintf(w, "  %s\n", p)
	}
	return answer{exitNo}
}

func unitResult(u policies.TestResult) caseResult {
	c := caseResult{Kind: kindUnit, Name: strings.TrimPrefix(u.Name, "data."), File: u.File, Line: u.Line, Passed: u.Passed, Skipped: u.Skip}
	if u.Passed {
		return c
	}
	if len(u.Cases) > 0 {
		c.Problems = append(c.Problems, "cases: "+strings.Join(u.Cases, ", "))
	}
	if u.Error != "" {
		c.Problems = append(c.Problems, u.Error)
	}
	for line := range strings.Lines(u.Output) {
		c.Problems = append(c.Problems, "print: "+strings.TrimRight(line, "\n"))
	}
	if len(c.Problems) == 0 {
		c.Problems = []string{"the rule is not true"}
	}
	return c
}

// trial is what a fixture is tried on. meter may be nil.
type trial struct {
	stage *stage
	set   *policies.Set
	meter *policies.Meter
}

func tryFixture(ctx context.Context, t trial, fx *policies.Fixture) caseResult {
	c := caseResult{Kind: kindFacts, Name: fx.Name, File: fx.File, Line: fx.Line}
	if fx.Text != "" {
		c.Kind = kindText
	}
	begin := time.Now()
	defer func() { c.Milliseconds = time.Since(begin).Milliseconds() }()
	f, err := t.stage.facts(ctx, fx)
	if err != nil {
		c.Problems = []string{err.Error()}
		return c
	}
	if t.meter != nil {
		_ = policies.Study{Set: t.set}.Measure(ctx, f, t.meter) // an undecided one is the outcome below
	}
	o := t.set.Try(ctx, f)
	c.Differences = fx.Expect.Diff(&o)
	c.Passed = len(c.Differences) == 0
	if !c.Passed && o.Error != "" {
		c.Problems = []string{o.Error}
	}
	return c
}

// readFixtures reads the fixtures below a directory, by file and place. The
// error names file and line, and quotes nothing.
func readFixtures(dir string) ([]policies.Fixture, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && isFixture(slashed(dir, p)):
			if files = append(files, p); len(files) > fixtureFiles {
				return fmt.Errorf("more than %d files of fixtures", fixtureFiles)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []policies.Fixture
	for _, p := range files {
		list, err := readFixtureFile(p, slashed(dir, p))
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func isFixture(p string) bool {
	if path.Base(path.Dir(p)) != "fixtures" {
		return false
	}
	switch path.Ext(p) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// readFixtureFile reads one file: a list of fixtures, or one, in each document.
func readFixtureFile(file, name string) ([]policies.Fixture, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fixtureLimit+1))
	if err != nil {
		return nil, err
	}
	if len(b) > fixtureLimit {
		return nil, fmt.Errorf("%s is larger than %d MiB: cut it", name, fixtureLimit>>20)
	}
	list, err := fixturesIn(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range list {
		list[i].File = name
	}
	return list, nil
}

func fixturesIn(b []byte) ([]policies.Fixture, error) {
	tree, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	var out []policies.Fixture
	for _, doc := range tree.Docs {
		nodes := []yamlast.Node{doc.Body}
		switch body := doc.Body.(type) {
		case nil, *yamlast.NullNode:
			continue
		case *yamlast.SequenceNode:
			nodes = body.Values
		}
		var whole any
		if err := yaml.NodeToValue(doc.Body, &whole); err != nil {
			return nil, errors.New(yaml.FormatError(err, false, false))
		}
		parts, ok := whole.([]any)
		if !ok {
			parts = []any{whole}
		}
		for i, part := range parts {
			line := nodes[min(i, len(nodes)-1)].GetToken().Position.Line
			if m, ok := nodes[min(i, len(nodes)-1)].(*yamlast.MappingNode); ok && len(m.Values) > 0 {
				line = m.Values[0].Key.GetToken().Position.Line
			}
			j, err := json.Marshal(part)
			if err != nil {
				return nil, fmt.Errorf("line %d: it cannot be read as JSON: keys are strings", line)
			}
			fx, err := policies.ReadFixture(j)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			fx.Line = line
			out = append(out, fx)
		}
	}
	return out, nil
}

// print writes the report in the format that was asked for.
func (t *policyTest) print(w io.Writer, r *testReport) error {
	var b bytes.Buffer
	switch t.format {
	case formatJSON:
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return err
		}
	case formatJUnit:
		if err := junit(&b, r); err != nil {
			return err
		}
	case formatTAP:
		tap(&b, r)
	default:
		t.text(&b, r)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (t *policyTest) text(w io.Writer, r *testReport) {
	for _, c := range r.Cases {
		switch {
		case c.Skipped:
			fmt.Fprintf(w, "skip  %s:%d  %s\n", c.File, c.Line, c.Name)
		case !c.Passed:
			fmt.Fprintf(w, "FAIL  %s:%d  %s\n", c.File, c.Line, c.Name)
			c.explain(w, "      ")
		case t.verbose:
			fmt.Fprintf(w, "ok    %s:%d  %s\n", c.File, c.Line, c.Name)
		}
	}
	if r.Coverage != nil {
		printCoverage(w, r.Coverage)
	}
	count := func(kinds ...string) (n int) {
		for _, c := range r.Cases {
			if slices.Contains(kinds, c.Kind) {
				n++
			}
		}
		return n
	}
	word := "ok"
	if r.Failed > 0 || t.short(r) {
		word = "FAILED"
	}
	fmt.Fprintf(w, "%s: %d unit tests, %d fixtures (%d of text, %d of facts); %d passed, %d failed", word, count(kindUnit), count(kindText, kindFacts), count(kindText), count(kindFacts), r.Passed, r.Failed)
	if r.Skipped > 0 {
		fmt.Fprintf(w, ", %d skipped", r.Skipped)
	}
	if r.Coverage != nil {
		fmt.Fprintf(w, "; coverage %.1f %%", r.Coverage.Percent)
		if t.short(r) {
			fmt.Fprintf(w, ", below the threshold of %g %%", t.threshold)
		}
	}
	fmt.Fprintln(w)
}

// explain prints what of a case was not as expected, the two under each other.
func (c *caseResult) explain(w io.Writer, indent string) {
	for _, d := range c.Differences {
		fmt.Fprintf(w, "%s%-9s want %s\n%s%-9s got  %s\n", indent, d.Key, d.Want, indent, "", d.Got)
	}
	for _, p := range c.Problems {
		fmt.Fprintf(w, "%s%s\n", indent, p)
	}
}

func printCoverage(w io.Writer, c *policies.Coverage) {
	for _, f := range c.Files {
		if f.Covered == f.Lines {
			continue
		}
		var parts []string
		for _, l := range f.Missing {
			part := fmt.Sprint(l.From)
			if l.To > l.From {
				part += fmt.Sprintf("-%d", l.To)
			}
			parts = append(parts, part)
		}
		fmt.Fprintf(w, "cover %s: %d of %d lines; not reached: %s", f.File, f.Covered, f.Lines, strings.Join(parts, ", "))
		if len(f.Rules) > 0 {
			fmt.Fprintf(w, "; rules that never spoke: %s", strings.Join(f.Rules, ", "))
		}
		fmt.Fprintln(w)
	}
}

// tap writes results in the Test Anything Protocol, version 13.
func tap(w io.Writer, r *testReport) {
	fmt.Fprintf(w, "TAP version 13\n1..%d\n", len(r.Cases))
	for i, c := range r.Cases {
		name := strings.NewReplacer("#", `\#`, "\n", " ").Replace(c.File + ": " + c.Name)
		switch {
		case c.Skipped:
			fmt.Fprintf(w, "ok %d - %s # SKIP\n", i+1, name)
		case c.Passed:
			fmt.Fprintf(w, "ok %d - %s\n", i+1, name)
		default:
			var why bytes.Buffer
			c.explain(&why, "    ")
			fmt.Fprintf(w, "not ok %d - %s\n  ---\n  at: %s:%d\n  why: |\n%s  ...\n", i+1, name, c.File, c.Line, why.String())
		}
	}
	if r.Coverage != nil {
		fmt.Fprintf(w, "# coverage %.1f %%\n", r.Coverage.Percent)
	}
}

// The elements of a JUnit report.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Tests   int          `xml:"tests,attr"`
	Failed  int          `xml:"failures,attr"`
	Skipped int          `xml:"skipped,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name    string      `xml:"name,attr"`
	Tests   int         `xml:"tests,attr"`
	Failed  int         `xml:"failures,attr"`
	Skipped int         `xml:"skipped,attr"`
	Cases   []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Seconds string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Skipped *struct{}     `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func junit(w io.Writer, r *testReport) error {
	out := junitSuites{Tests: len(r.Cases), Failed: r.Failed, Skipped: r.Skipped}
	for _, c := range r.Cases {
		if n := len(out.Suites); n == 0 || out.Suites[n-1].Name != c.File {
			out.Suites = append(out.Suites, junitSuite{Name: c.File})
		}
		s := &out.Suites[len(out.Suites)-1]
		j := junitCase{Class: strings.TrimSuffix(c.File, path.Ext(c.File)), Name: c.Name, File: c.File, Line: c.Line, Seconds: fmt.Sprintf("%.3f", float64(c.Milliseconds)/1000)}
		s.Tests++
		switch {
		case c.Skipped:
			j.Skipped = &struct{}{}
			s.Skipped++
		case !c.Passed:
			var why bytes.Buffer
			c.explain(&why, "")
			head := cmp.Or(strings.Join(c.Problems, "; "), "not as expected")
			if len(c.Differences) > 0 {
				d := c.Differences[0]
				head = d.Key + ": want " + d.Want + ", got " + d.Got
			}
			j.Failure = &junitFailure{head, why.String()}
			s.Failed++
		}
		s.Cases = append(s.Cases, j)
	}
	b, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}
