package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	func_e "github.com/tetratelabs/func-e"

	"github.com/ostiary/ostiary/proxy/envoy"
)

func envoyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "envoy",
		Short: "Envoy: fetch one, or print its configuration for one of your own",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(envoyBootstrapCommand(), envoyFetchCommand())
	return c
}

func envoyBootstrapCommand() *cobra.Command {
	var o options
	var admin string
	c := &cobra.Command{
		Use:   "bootstrap",
		Short: "Print the bootstrap for an Envoy that you run yourself",
		Long: `Bootstrap prints Envoy's configuration, as JSON (which is YAML), for the pools of
a configuration. It holds the locks without which a request could leave without
a verdict; keep them. Provider keys are not in it: Envoy gets them from the
policy server over its socket.

Start the policy server on the same socket, and Envoy with its access log
flushed soon, because the audit log learns from it what was sent.`,
		Example: `  ostiary envoy bootstrap --config ostiary.yaml --socket /run/ostiary/policy.sock > envoy.json
  ostiary run --config ostiary.yaml --dataplane none --socket /run/ostiary/policy.sock &
  envoy -c envoy.json --file-flush-interval-msec 100 --file-flush-min-size-kb 1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.socket == "" {
				return errors.New("--socket PATH is needed: the socket on which 'ostiary run --dataplane none' serves")
			}
			cfg, _, err := loadConfig(c.Context(), o)
			if err != nil {
				return err
			}
			b, err := build(c.Context(), cfg, nil)
			if err != nil {
				return err
			}
			socket, err := filepath.Abs(o.socket)
			if err != nil {
				return err
			}
			admin, err := filepath.Abs(first(admin, filepath.Join(filepath.Dir(socket), "envoy-admin.sock")))
			if err != nil {
				return err
			}
			access, err := filepath.Abs(first(o.accessLog, accessLogBeside(socket)))
			if err != nil {
				return err
			}
			boot, err := envoy.Bootstrap(spec(b, socket, admin, access))
			if err != nil {
				return err
			}
			text, err := envoy.Marshal(boot)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", text)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration `FILE`; without it, the defaults of ostiary run")
	f.StringVar(&o.socket, "socket", "", "`PATH` of the policy server's socket")
	f.StringVar(&admin, "admin", "", "`PATH` of Envoy's admin socket (default: envoy-admin.sock beside the socket)")
	f.StringVar(&o.accessLog, "access-log", "", "`FILE` for Envoy's access log (default: access.jsonl beside the socket)")
	return c
}

func envoyFetchCommand() *cobra.Command {
	o := envoy.FetchOptions{Run: func_e.Run}
	c := &cobra.Command{
		Use:   "fetch",
		Short: "Download an Envoy that 'ostiary run' will find",
		Long: `Fetch downloads Envoy by the func-e library, which checks what it downloads, into
the user's data directory. 'ostiary run' finds it there.`,
		Example: `  ostiary envoy fetch`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			bin, err := envoy.Fetch(c.Context(), o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Envoy %s is at %s\n", bin.Version, bin.Path)
			return err
		},
	}
	c.Flags().StringVar(&o.Version, "version", envoy.PinnedVersion, "`VERSION` of Envoy, 1.40 or newer")
	c.Flags().StringVar(&o.VersionsURL, "versions-url", "", "`URL` of a list of versions, for a mirror")
	return c
}
