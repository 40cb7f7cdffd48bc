package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/all"
)

func typesCommand() *cobra.Command {
	var d detectorFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "types [TYPE…]",
		Short: "List what the detectors recognise",
		Long: `Types lists the types of findings with their severity, groups and meaning, those
of your configuration included. Policies speak of types and groups. With a name
it also prints what the detectors say of how they find it.`,
		Example: `  ostiary types
  ostiary types CREDIT_CARD
  ostiary types --json | jq -r '.[] | select(.groups | index("health")) | .type'`,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := d.suite()
			if err != nil {
				return err
			}
			types := s.Types()
			if len(args) > 0 {
				types = nil
				for _, a := range args {
					t, ok := s.Lookup(a)
					if !ok {
						return fmt.Errorf("%q is not a type; 'ostiary types' lists them", a)
					}
					types = append(types, t)
				}
			}
			w := c.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(typeRecords(types))
			}
			if len(args) > 0 {
				for _, t := range types {
					fmt.Fprintf(w, "%s (%s): %s\n%s\n", t.Name, t.Severity, strings.Join(t.Groups, ", "), t.Doc)
					if len(t.Aliases) > 0 {
						fmt.Fprintf(w, "Also called %s.\n", strings.Join(t.Aliases, ", "))
					}
					for _, det := range finders(t.Name) {
						fmt.Fprintf(w, "\n%s: %s\n", det.Name, strings.TrimSpace(det.Doc))
					}
				}
				return nil
			}
			tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(tw, "TYPE\tSEVERITY\tGROUPS\tMEANING")
			for _, t := range types {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", t.Name, t.Severity, strings.Join(t.Groups, ","), t.Doc)
			}
			return tw.Flush()
		},
	}
	d.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	return c
}

type typeRecord struct {
	Type     string   `json:"type"`
	Severity string   `json:"severity"`
	Groups   []string `json:"groups"`
	Doc      string   `json:"doc"`
	Aliases  []string `json:"aliases,omitempty"`
}

func typeRecords(types []classifiers.Type) []typeRecord {
	out := make([]typeRecord, len(types))
	for i, t := range types {
		out[i] = typeRecord{t.Name, t.Severity.String(), t.Groups, t.Doc, t.Aliases}
	}
	return out
}

// finders gives the detectors that ship and report a type.
func finders(typ string) []*classifiers.Detector {
	return slices.DeleteFunc(all.Detectors(), func(d *classifiers.Detector) bool {
		return !slices.ContainsFunc(d.Types, func(t *classifiers.Type) bool { return t.Name == typ })
	})
}
