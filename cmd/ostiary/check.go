package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func checkCommand() *cobra.Command {
	var o options
	var strict bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and the policies without serving",
		Long: `Check reads the configuration, compiles the policies, builds the detectors and
resolves the pools exactly as 'ostiary run' does, and serves nothing. It prints
every problem with its line and the remedy. Policies that are a bundle are fetched
and proven, and it says which one would serve; the one that run keeps on disk is
looked at where the source is away, and not changed.

Exit status: 0 it would serve, 1 it would not, 2 could not tell.`,
		Example: `  ostiary check --config ostiary.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, found, err := loadConfig(c.Context(), o)
			if err != nil {
				fmt.Fprintln(c.ErrOrStderr(), err)
				return answer{exitNo}
			}
			b, err := build(c.Context(), cfg, nil)
			if err != nil {
				fmt.Fprintln(c.ErrOrStderr(), err)
				return answer{exitNo}
			}
			w := c.OutOrStdout()
			for _, line := range found {
				fmt.Fprintf(w, "found: %s\n", line)
			}
			if b.bundle != "" {
				fmt.Fprintln(w, b.bundle)
			}
			for _, line := range b.warnings {
				fmt.Fprintf(w, "warning: %s\n", line)
			}
			var names []string
			for _, u := range b.pools.Upstreams() {
				names = append(names, u.Pool.Name)
			}
			fmt.Fprintf(w, "ok: mode %s, pools %s, policies %s (revision %s), detectors revision %s\n",
				cfg.Mode, strings.Join(names, ", "), strings.Join(b.policyNames(), ", "), b.snap.Decider.Revision(), b.snap.Classifier.Revision())
			if strict && len(b.warnings) > 0 {
				return answer{exitNo}
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.config, "config", "", "configuration `FILE`; without it, the defaults of ostiary run")
	c.Flags().BoolVar(&strict, "strict", false, "warnings count as problems")
	return c
}
