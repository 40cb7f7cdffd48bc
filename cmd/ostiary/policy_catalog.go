package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
)

func policyCatalogCommand() *cobra.Command {
	var asJSON bool
	list := func(c *cobra.Command) error {
		entries, err := policies.CatalogEntries()
		if err != nil {
			return err
		}
		return listCatalog(c.OutOrStdout(), entries, asJSON)
	}
	c := &cobra.Command{
		Use:   "catalog",
		Short: "Policies ready to use: list them, read them, add them to a directory",
		Long: `The catalog holds policies for usual needs (GDPR, HIPAA, PCI DSS, models by team,
tools, images …), a directory each: the rule with its title and owner, data.json,
unit tests, fixtures and a page. A policy is made yours by its data, not by
changing its rule; then a newer one can take its place.

What depends on your organisation (teams, applications, models) is empty as they
come. Adding one refuses nothing by a list that nobody has written. Those marked
with * are in force where no policies are configured.`,
		Example: `  ostiary policy catalog
  ostiary policy catalog show pci
  ostiary policy catalog add pci tools --dir policies
  ostiary policy test policies`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c) },
	}
	l := &cobra.Command{
		Use:     "list",
		Short:   "List the catalog",
		Long:    "List names the policies of the catalog with their titles and what they do.",
		Example: "  ostiary policy catalog list --json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return list(c) },
	}
	for _, cmd := range []*cobra.Command{c, l} {
		cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	}
	c.AddCommand(l, catalogShowCommand(), catalogAddCommand())
	return c
}

// catalogRecord is an entry as JSON.
type catalogRecord struct {
	policies.CatalogEntry
	Rules []catalogRule `json:"rules"`
	Files []string      `json:"files"`
}

type catalogRule struct {
	ID    string `json:"id"`
	Set   string `json:"set"`
	Title string `json:"title"`
}

func listCatalog(w io.Writer, entries []policies.CatalogEntry, asJSON bool) error {
	if asJSON {
		out := make([]catalogRecord, len(entries))
		for i, e := range entries {
			out[i] = catalogRecord{CatalogEntry: e}
			for _, r := range e.Rules {
				out[i].Rules = append(out[i].Rules, catalogRule{r.ID, r.Set, r.Title})
			}
			for _, f := range e.Files {
				out[i].Files = append(out[i].Files, f.Path)
			}
		}
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(out)
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, e := range entries {
		mark := ""
		if e.Shipped {
			mark = " *"
		}
		fmt.Fprintf(tw, "%s%s\t%s\n", e.Name, mark, e.Summary)
	}
	return tw.Flush()
}

func catalogShowCommand() *cobra.Command {
	var rego bool
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Print the page of a policy, or its rule",
		Long: `Show prints the page of a policy of the catalog: what it does, its data, an
example and why. With --rego it prints the rule itself.`,
		Example: `  ostiary policy catalog show hipaa
  ostiary policy catalog show hipaa --rego`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := catalogEntry(args[0])
			if err != nil {
				return err
			}
			text := e.Page
			if rego {
				at := slices.IndexFunc(e.Files, func(f policies.File) bool { return f.Path == e.Name+"/"+e.Name+".rego" })
				text = e.Files[at].Text
			}
			_, err = io.WriteString(c.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().BoolVar(&rego, "rego", false, "print the rule instead of the page")
	return c
}

// catalogEntry gives an entry of the catalog, or says where the names are.
func catalogEntry(name string) (policies.CatalogEntry, error) {
	e, err := policies.FindEntry(name)
	if errors.Is(err, policies.ErrNoEntry) {
		err = fmt.Errorf("%w; 'ostiary policy catalog' lists them", err)
	}
	return e, err
}

func catalogAddCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "add NAME… [DIR]",
		Short: "Write policies of the catalog into a policy directory",
		Long: `Add writes policies of the catalog, a directory each, into the policy directory
DIR, or where it is left out, into the one you are in. The last argument is the
directory where it is one that is there, or holds a slash or a dot; --dir says it
in any case. It overwrites nothing: where one of the files is there already, it
writes none. The directory must load with what is added; else that is taken back.

Exit status: 0 written, 2 it was not, and why.`,
		Example: `  ostiary policy catalog add gdpr embeddings ./policies
  ostiary policy catalog add secrets unknown --dir new
  ostiary policy test policies`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			names := args
			if last := args[len(args)-1]; dir == "" && isDirectory(last) {
				dir, names = last, args[:len(args)-1]
			}
			if len(names) == 0 {
				return errors.New("no policy is named; 'ostiary policy catalog' lists them")
			}
			return addPolicies(c.OutOrStdout(), names, first(dir, "."))
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "policy `DIRECTORY`; made where it is not there")
	return c
}

// isDirectory reports whether an argument means a directory and no policy: a
// policy's name has neither slash nor dot.
func isDirectory(arg string) bool {
	if strings.ContainsAny(arg, `/\.`) {
		return true
	}
	if _, err := policies.FindEntry(arg); err == nil {
		return false
	}
	st, err := os.Stat(arg)
	return err == nil && st.IsDir()
}

// addPolicies writes policies of the catalog below a directory, all or none.
func addPolicies(w io.Writer, names []string, dir string) error {
	var files []policies.File
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("%s is named twice", n)
		}
		e, err := catalogEntry(n)
		if err != nil {
			return err
		}
		files = append(files, e.Files...)
	}
	st := policyFlags{}
	stage, err := st.stage()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		if _, err := stage.load(dir); err != nil {
			return fmt.Errorf("the policies in %s do not load, so nothing was written:\n%w", dir, err)
		}
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: nothing was written; compare it with 'ostiary policy catalog show'", name)
		}
	}
	var written []string
	undo := func(cause error) error {
		for _, name := range slices.Backward(written) {
			cause = errors.Join(cause, os.Remove(name))
		}
		return cause
	}
	for _, f := range files {
		if err := writeBelow(dir, f); err != nil {
			return undo(err)
		}
		written = append(written, filepath.Join(dir, filepath.FromSlash(f.Path)))
	}
	if _, err := stage.load(dir); err != nil {
		return undo(fmt.Errorf("the policies do not load with what was added, so it was taken back:\n%w", err))
	}
	for _, name := range written {
		fmt.Fprintln(w, name)
	}
	fmt.Fprintf(w, "\nNext: fill in data.json, then\n  ostiary policy test %s\n", dir)
	return nil
}
