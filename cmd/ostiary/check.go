package main

import (
	"errors"
	"fmt"
	"log/slog"
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
resolves the pools exactly as 'ostiary run' does, and serves nothing. Keys and
certificates of the audit log are read; nobody is asked, and no log is made. It prints
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
			if err == nil {
				err = b.checkLog()
			}
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

// checkLog makes what the configuration says of the audit log, as run does, without
// opening it: what is wrong shows now and not at the next start.
func (b *built) checkLog() error {
	errs := []error{b.seal(nil)}
	_, err := logOptions(b.cfg, places{})
	errs = append(errs, err)
	l := newLedger(b.cfg, places{}, nil, slog.New(slog.DiscardHandler))
	errs = append(errs, l.openWatchers())
	for _, s := range l.cfg.Ship {
		if s.To == "collector" {
			continue // it needs the log's own key
		}
		sink, err := l.sink(&s)
		if err != nil {
			errs = append(errs, fmt.Errorf("log.ship: %s: %w", s.Name, err))
			continue
		}
		errs = append(errs, sink.Close())
	}
	if l.cfg.API.Listen != "" {
		_, err := apiTLS(l.cfg.API)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
