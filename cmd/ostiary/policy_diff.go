package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
)

func policyDiffCommand() *cobra.Command {
	var f policyFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say which rules and data were added, removed or changed",
		Long: `Diff compares two policy directories or bundles rule by rule, by POLICY.RULE, whatever
file a rule stands in: added, removed, changed, each with the owner and the last
day of its metadata (custom.owner, custom.expires). Helpers, data, and names of hosts
that pass or are refused are listed too where they changed. Layout, comments, tests and fixtures do not count. What a change
would have done to recorded requests is told by 'ostiary policy replay'.

Of two revisions in git:

  git worktree add /tmp/before main
  ostiary policy diff /tmp/before/policies policies

Exit status: 0 nothing differs, 1 something does, 2 one of them does not load.`,
		Example: `  ostiary policy diff policies candidate
  ostiary policy diff policies candidate --json | jq '.added[].rule.id'`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			st, err := f.stage()
			if err != nil {
				return err
			}
			var sets [2]policies.Study
			for i, dir := range args {
				if _, err := os.Stat(dir); err != nil {
					return err
				}
				o := st.at(dir)
				o.Modes, o.Expected = nil, nil // of the one in force; the other may lack what they name
				set, err := policies.Load(o)
				if err != nil {
					return fmt.Errorf("the policies in %s do not load:\n%w", dir, err)
				}
				sets[i] = policies.Study{Set: set}
			}
			cmp := policies.Compare(sets[0], sets[1])
			if asJSON {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetEscapeHTML(false)
				err = enc.Encode(cmp)
			} else {
				printComparison(c.OutOrStdout(), &cmp)
			}
			if err == nil && !cmp.Empty() {
				err = answer{exitNo}
			}
			return err
		},
	}
	f.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printComparison(w io.Writer, c *policies.Comparison) {
	if c.Empty() {
		fmt.Fprintln(w, "nothing differs")
		return
	}
	for _, d := range c.Added {
		fmt.Fprintf(w, "+ %s\n", describe(&d))
	}
	for _, d := range c.Removed {
		fmt.Fprintf(w, "- %s\n", describe(&d))
	}
	for _, x := range c.Changed {
		fmt.Fprintf(w, "~ %s\n", describe(&x.After))
		for _, what := range x.What {
			a, b := x.Before, x.After
			switch what {
			case "set":
				fmt.Fprintf(w, "    set: %s → %s\n", a.Rule.Set, b.Rule.Set)
			case "title":
				fmt.Fprintf(w, "    title: %q → %q\n", a.Rule.Title, b.Rule.Title)
			case "owner":
				fmt.Fprintf(w, "    owner: %s → %s\n", first(a.Owner, "none"), first(b.Owner, "none"))
			case "expires":
				fmt.Fprintf(w, "    expires: %s → %s\n", first(a.Expires, "never"), first(b.Expires, "never"))
			case "description":
				fmt.Fprintln(w, "    description changed")
			}
		}
		indented(w, x.Diff)
	}
	for _, h := range c.Helpers {
		switch {
		case h.Before == "":
			fmt.Fprintf(w, "+ helper %s\n", h.Name)
		case h.After == "":
			fmt.Fprintf(w, "- helper %s\n", h.Name)
		default:
			fmt.Fprintf(w, "~ helper %s\n", h.Name)
			indented(w, policies.Unified(h.Name, h.Before, h.After))
		}
	}
	for _, d := range c.Data {
		switch {
		case string(d.Before) == "null":
			fmt.Fprintf(w, "+ %s: %s\n", d.Path, d.After)
		case string(d.After) == "null":
			fmt.Fprintf(w, "- %s: %s\n", d.Path, d.Before)
		default:
			fmt.Fprintf(w, "~ %s: %s → %s\n", d.Path, d.Before, d.After)
		}
	}
	for _, h := range c.Hosts {
		switch {
		case h.Before == nil:
			fmt.Fprintf(w, "+ host %s: %s\n", h.Host, describeHost(h.After))
		case h.After == nil:
			fmt.Fprintf(w, "- host %s: %s\n", h.Host, describeHost(h.Before))
		default:
			fmt.Fprintf(w, "~ host %s: %s → %s\n", h.Host, describeHost(h.Before), describeHost(h.After))
		}
	}
	hosts := ""
	if len(c.Hosts) > 0 {
		hosts = fmt.Sprintf(", %d hosts", len(c.Hosts))
	}
	fmt.Fprintf(w, "%d rules added, %d removed, %d changed; %d helpers, %d values of data%s\n", len(c.Added), len(c.Removed), len(c.Changed), len(c.Helpers), len(c.Data), hosts)
}

// describeHost is what a policy says of a host in one line.
func describeHost(h *policies.HostRule) string {
	word := "refused"
	if h.Pass {
		word = "passes"
	}
	if h.Reason != "" {
		word += fmt.Sprintf(" (%q)", h.Reason)
	}
	return word + ", " + h.Site.Policy + "  " + h.Site.Title + "  " + h.Place()
}

// indented prints a difference without its head.
func indented(w io.Writer, diff string) {
	for line := range strings.Lines(diff) {
		if !strings.HasPrefix(line, "--- ") && !strings.HasPrefix(line, "+++ ") {
			fmt.Fprintf(w, "    %s", line)
		}
	}
}

// describe is a rule in one line.
func describe(d *policies.Described) string {
	expires := "never expires"
	if d.Expires != "" {
		expires = "expires " + d.Expires
		if over, ok := policies.Over(d.Expires, time.Now()); ok && over {
			expires = "EXPIRED " + d.Expires
		}
	}
	return fmt.Sprintf("%s %s.%s  %s  (owner %s, %s)  %s:%d", d.Rule.Set, d.Rule.Policy, d.Rule.ID, d.Rule.Title, first(d.Owner, "none"), expires, d.Rule.File, d.Rule.Line)
}
