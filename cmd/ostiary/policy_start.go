package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

func policyInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a policy directory to begin with, all tests green",
		Long: `Init writes three policies (no credentials, protected data in-house, what was not
read in-house) with unit tests and fixtures, the JSON schemas of facts, verdict and
fixtures, settings for Visual Studio Code and for regal, and a README. The shipped
policies as files of your own are written by 'ostiary init'.

It overwrites nothing: where one of the files is there, it writes none.`,
		Example: `  ostiary policy init policies
  ostiary policy test policies`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := policyDir(args)
			files := policies.Workspace(time.Now().UTC())
			for _, f := range files {
				name := filepath.Join(dir, filepath.FromSlash(f.Path))
				if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s is there already: nothing was written; name another directory", name)
				}
			}
			for _, f := range files {
				if err := writeBelow(dir, f); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), filepath.Join(dir, filepath.FromSlash(f.Path)))
			}
			fmt.Fprintf(c.OutOrStdout(), "\nNext:\n  ostiary policy test %s\n  ostiary policy check %[1]s\n", dir)
			return nil
		},
	}
}

func writeBelow(dir string, f policies.File) error {
	name := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(f.Text), 0o644)
}

// exception is one entry of exceptions/data.json.
type exception struct {
	Application string `json:"application"`
	Expires     string `json:"expires"`
	Owner       string `json:"owner"`
	Reason      string `json:"reason"`
	Rule        string `json:"rule"` // POLICY.RULE, that is lifted
	Ticket      string `json:"ticket"`
	Type        string `json:"type"`
}

// same reports whether two entries are about the same.
func (e *exception) same(o *exception) bool {
	return e.Application == o.Application && e.Rule == o.Rule && e.Type == o.Type
}

// exceptionDays bounds how far ahead the last day of an exception may lie.
const exceptionDays = 366

// exceptionsDir is the directory of the policy exceptions, below the policies.
const exceptionsDir = "exceptions"

func policySuppressCommand() *cobra.Command {
	var f policyFlags
	var e exception
	var remove bool
	c := &cobra.Command{
		Use:   "suppress [DIR]",
		Short: "Write down a false positive as a reviewed exception with a last day",
		Long: `Suppress writes an exception into exceptions/data.json: for one application, findings
of one type lift one rule, until a day. Everything about it is required, so that a
reviewer and an auditor find who wanted it, why, and until when. An exception that
is there already, of the same type, application and rule, is renewed.

It is data, and takes the same way as every change of the policies: a review, the
tests, 'ostiary policy replay' to see what it lets through. It lifts only what a
rule permits ("liftable": true), only where everything else that was found means
nothing on its own, and never for credentials and for what was not inspected.
The policy exceptions is added where the directory has none. After the last day
the exception counts no more; check and lint say so, and before.

Exit status: 0 written, 2 it was not, and why.`,
		Example: `  ostiary policy suppress policies --type EMAIL_ADDRESS --application helpdesk --rule house.protected_stays \
    --reason "addresses of public mailboxes" --ticket DP-112 --owner data_protection --expires 2027-06-30
  ostiary policy suppress policies --remove --type EMAIL_ADDRESS --application helpdesk --rule house.protected_stays`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now().UTC()
			s := suppression{dir: policyDir(args), entry: e}
			if days, ok := strings.CutSuffix(e.Expires, "d"); ok {
				if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= exceptionDays {
					s.entry.Expires = now.AddDate(0, 0, n).Format(policies.Date)
				}
			}
			var err error
			if s.stage, err = f.stage(); err != nil {
				return err
			}
			said, err := s.carryOut(now, remove)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), said)
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&e.Type, "type", "", "`TYPE` of the finding that is a false positive")
	c.Flags().StringVar(&e.Application, "application", "", "`NAME` of the application whose requests have it")
	c.Flags().StringVar(&e.Rule, "rule", "", "`POLICY.RULE` that is lifted")
	c.Flags().StringVar(&e.Reason, "reason", "", "why it is a false positive, in a `SENTENCE` without content")
	c.Flags().StringVar(&e.Ticket, "ticket", "", "`ID` of the review")
	c.Flags().StringVar(&e.Owner, "owner", "", "`NAME` of who answers for it")
	c.Flags().StringVar(&e.Expires, "expires", "", "last `DAY`, as 2027-06-30, or how many from today, as 90d; within a year")
	c.Flags().BoolVar(&remove, "remove", false, "take the exception out")
	return c
}

// suppression is one change of the exceptions of a directory.
type suppression struct {
	stage *stage
	dir   string
	entry exception
}

// carryOut makes the change and says what was done. Where the policies do not
// load with it, the files are as before.
func (s *suppression) carryOut(now time.Time, remove bool) (string, error) {
	set, err := s.stage.need(s.dir)
	if err != nil {
		return "", fmt.Errorf("nothing was written: %w", err)
	}
	if err := s.missing(remove); err != nil {
		return "", err
	}
	name := filepath.Join(s.dir, exceptionsDir, "data.json")
	before, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	list, err := exceptionsIn(before)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	at := slices.IndexFunc(list, func(o exception) bool { return o.same(&s.entry) })
	said := "added"
	switch {
	case remove && at < 0:
		return "", fmt.Errorf("%s holds no exception for %s of %s from %s", name, s.entry.Type, s.entry.Application, s.entry.Rule)
	case remove:
		list, said = slices.Delete(list, at, at+1), "removed"
	default:
		if err := s.wrong(set, now); err != nil {
			return "", err
		}
		if said = "added"; at >= 0 {
			list[at], said = s.entry, "renewed"
		} else {
			list = append(list, s.entry)
		}
	}
	if err := s.write(set, name, list); err != nil {
		return "", err
	}
	if _, err := s.stage.load(s.dir); err != nil {
		if before != nil {
			err = errors.Join(err, replaceFile(name, before))
		} else {
			err = errors.Join(err, os.Remove(name))
		}
		return "", fmt.Errorf("the policies do not load with the exception, so it was taken back:\n%w", err)
	}
	return fmt.Sprintf("%s: %s %s of %s lifts %s, until %s", name, said, s.entry.Type, s.entry.Application, s.entry.Rule, first(s.entry.Expires, "now")), nil
}

// missing names the flags that are needed and not there.
func (s *suppression) missing(remove bool) error {
	e := &s.entry
	var list []string
	for _, f := range []struct {
		flag, value string
		always      bool
	}{{"--type", e.Type, true}, {"--application", e.Application, true}, {"--rule", e.Rule, true},
		{"--reason", e.Reason, false}, {"--ticket", e.Ticket, false}, {"--owner", e.Owner, false}, {"--expires", e.Expires, false}} {
		if strings.TrimSpace(f.value) == "" && (f.always || !remove) {
			list = append(list, f.flag)
		}
	}
	if len(list) > 0 {
		return fmt.Errorf("an exception needs %s: a reviewer asks for it", strings.Join(list, ", "))
	}
	return nil
}

// wrong says why an exception may not be.
func (s *suppression) wrong(set *policies.Set, now time.Time) error {
	e := &s.entry
	t, ok := s.stage.suite.Lookup(e.Type)
	if !ok {
		return fmt.Errorf("--type: no type is called %q; 'ostiary types' lists them", e.Type)
	}
	e.Type = t.Name
	if slices.Contains(t.Groups, classifiers.Credential) {
		return fmt.Errorf("--type: %s is a credential, and nothing lifts a rule where one is found; a published example is no finding: tell the detector's author", t.Name)
	}
	if e.Application == proxy.Unknown || e.Application == proxy.Other {
		return fmt.Errorf("--application: %q is anybody; an exception is for an application with a name and a key", e.Application)
	}
	if apps := s.stage.cfg.Applications; len(apps) > 0 {
		var names []string
		for _, a := range apps {
			names = append(names, a.Name)
		}
		if !slices.Contains(names, e.Application) {
			return fmt.Errorf("--application: no application is called %q; there are %s", e.Application, strings.Join(names, ", "))
		}
	}
	if err := (policies.Study{Set: set}).Liftable(e.Rule); err != nil {
		return fmt.Errorf("--rule: %w", err)
	}
	over, ok := policies.Over(e.Expires, now)
	switch {
	case !ok:
		return fmt.Errorf("--expires: %q is no day such as %s", e.Expires, now.AddDate(0, 6, 0).Format(policies.Date))
	case over:
		return fmt.Errorf("--expires: %s has passed", e.Expires)
	}
	if far, _ := policies.Over(e.Expires, now.AddDate(0, 0, exceptionDays)); !far {
		return fmt.Errorf("--expires: %s is more than a year ahead; an exception is reviewed each year", e.Expires)
	}
	return nil
}

// exceptionsIn reads the list of exceptions; other keys of the file are lost
// when it is written, so there may be none.
func exceptionsIn(b []byte) ([]exception, error) {
	if b == nil {
		return nil, nil
	}
	var file struct {
		List []exception `json:"list"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("it is not as 'ostiary policy suppress' writes it (an object with a list of exceptions): %w; change it by hand", err)
	}
	return file.List, nil
}

// write writes the list, and the policy itself where the directory has none.
func (s *suppression) write(set *policies.Set, name string, list []exception) error {
	slices.SortFunc(list, func(a, b exception) int {
		return strings.Compare(a.Rule+"\x00"+a.Application+"\x00"+a.Type, b.Rule+"\x00"+b.Application+"\x00"+b.Type)
	})
	b, err := json.MarshalIndent(struct {
		List []exception `json:"list"`
	}{append([]exception{}, list...)}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if !slices.ContainsFunc(set.Policies(), func(p policies.Policy) bool { return p.Name == exceptionsDir }) {
		for _, f := range policies.ExceptionFiles() {
			f.Path = exceptionsDir + "/" + f.Path
			if _, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(f.Path))); err == nil {
				continue
			}
			if err := writeBelow(s.dir, f); err != nil {
				return err
			}
		}
	}
	return replaceFile(name, append(b, '\n'))
}
