package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy/pools"
)

// hostRow is a row of what becomes of names.
type hostRow struct {
	Host    string `json:"host"`
	Passage string `json:"passage"`
	Why     string `json:"why"`
	Rule    string `json:"rule,omitempty"`
	Name    string `json:"name,omitempty"` // that was asked about
	Kind    string `json:"kind,omitempty"` // what it is taken for
}

func policyHostsCommand() *cobra.Command {
	var file, name string
	var asJSON bool
	c := &cobra.Command{
		Use:   "hosts [DIR]",
		Short: "Say which names intercepted applications reach, and by which rule",
		Long: `Hosts lists what becomes of connections of intercepted applications, in the order in
which it is decided: the names that are governed, then those that the sets pass and
refuse of the policies name, the most specific first, and of two about the same name
the one that refuses. Of the names that no row is about those are refused that can be
taken for a provider's or look like a model API; the others pass.

With --name it says what becomes of one name, and why. With --config the governed
names, the list of providers and the in-house pools are those of the configuration,
and without DIR so are the policies; without it all providers are governed. DIR is a
policy directory or a bundle.

Exit status: 0 listed, or the name passes or is governed; 1 the name is refused; 2
could not tell.`,
		Example: `  ostiary policy hosts policies
  ostiary policy hosts policies --config ostiary.yaml --name api.x.ai`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			hosts, rules, err := hostsOf(file, args)
			if err != nil {
				return err
			}
			rows := []hostRow{}
			row := func(m pools.HostMatch) hostRow {
				return hostRow{Host: m.Label, Passage: string(m.Passage), Why: m.Why, Rule: describeHostRule(rules, m)}
			}
			if name == "" {
				for _, m := range hosts.Rules() {
					rows = append(rows, row(m))
				}
				if last := len(rows) - 1; last < 0 || rows[last].Host != "*" {
					rows = append(rows, hostRow{Host: "look-alikes of providers", Passage: string(pools.PassageRefused), Why: pools.WhyLookAlike},
						hostRow{Host: "names like those of model APIs", Passage: string(pools.PassageRefused), Why: pools.WhySuspect},
						hostRow{Host: "other names", Passage: string(pools.PassagePassed), Why: pools.WhyDefault})
				}
				rows = append(rows, hostRow{Host: "addresses, no name", Passage: string(pools.PassageRefused), Why: pools.WhyNoName})
			} else {
				r := row(hosts.Look(strings.ToLower(name)))
				r.Name = name
				if s := hosts.Suspect(strings.ToLower(name)); s.Kind != pools.KindNone {
					r.Kind = strings.TrimSpace(s.Kind + " " + s.Provider)
				}
				rows = append(rows, r)
			}
			if err := printHosts(c, rows, asJSON); err != nil {
				return err
			}
			if name != "" && rows[0].Passage == string(pools.PassageRefused) {
				return answer{exitNo}
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` whose governed names, providers and policies are meant")
	c.Flags().StringVar(&name, "name", "", "`NAME` to say what becomes of it")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// hostsOf compiles what becomes of names.
func hostsOf(file string, args []string) (*pools.Hosts, []policies.HostRule, error) {
	l, cfg, err := configuredProviders(file)
	if err != nil {
		return nil, nil, err
	}
	var set *policies.Set
	if len(args) == 0 && file != "" && cfg.Policies == "" {
		set, err = policies.Load(policies.Options{}) // the shipped ones
	} else {
		dir := policyDir(args)
		if len(args) == 0 && file != "" {
			dir = cfg.Policies
		}
		if _, err = os.Stat(dir); err != nil {
			return nil, nil, err
		}
		set, err = (&stage{cfg: cfg}).need(dir)
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := newPassages(cfg, l, set)
	if err != nil {
		return nil, nil, err
	}
	return p.hosts, set.Hosts(), nil
}

// describeHostRule gives the title, reason and place of the rule of a row, or what
// else says so.
func describeHostRule(rules []policies.HostRule, m pools.HostMatch) string {
	for i := range rules {
		if r := &rules[i]; r.Host == m.Label && r.Pass == (m.Passage == pools.PassagePassed) && strings.Contains(m.Rule, r.Place()) {
			out := r.Site.Policy + ": " + r.Site.Title
			if r.Reason != "" {
				out += fmt.Sprintf(" (%q)", r.Reason)
			}
			return out + "  " + r.Place()
		}
	}
	return m.Rule
}

func printHosts(c *cobra.Command, rows []hostRow, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(c.OutOrStdout())
		enc.SetEscapeHTML(false)
		return enc.Encode(rows)
	}
	tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
	for _, r := range rows {
		host := r.Host
		if r.Name != "" {
			host = printable(r.Name)
		}
		why := strings.ReplaceAll(r.Why, "_", " ")
		if r.Rule != "" {
			why = r.Rule
		}
		if r.Name != "" && r.Host != "" && r.Host != r.Name && r.Rule != "" {
			why += "  (by " + r.Host + ")"
		}
		if r.Kind != "" {
			why += "  [" + r.Kind + "]"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", host, r.Passage, why)
	}
	return tw.Flush()
}
