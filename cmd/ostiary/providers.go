package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/pools"
)

// maxProviderFile bounds a list to be signed, and a body to be looked at, in bytes.
const maxProviderFile = 1 << 20

func providersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "providers",
		Short: "Which hosts are model APIs, whose, and on which terms",
		Long: `The list of providers says which host names are model APIs: whose they are, what
they speak, under which law their owner is, and what the public terms say of
retention and training. What is not known for sure is unknown; a contract of your
own may say otherwise, and policies see what the pool says, not this list.

Which model APIs applications reach or try to reach past Ostiary ("shadow AI") is in
the audit log, counted, without the names that clients chose:

  ostiary audit stats kind:connection --by suspect --by provider --by domain
  ostiary audit search kind:connection suspect:unknown did:passed

A list comes with the program. A newer one is taken where it is signed:

  providers: {file: providers.json, key: providers.pem}

in the configuration; its signature is in providers.json.sig. An older one is
refused. To make a list of your own, begin with the one that is in use:

  ostiary providers show > providers.json       # edit it; raise the version
  ostiary grant key providers.key providers.pem
  ostiary providers sign --key providers.key providers.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(providersListCommand(), providersShowCommand(), providersVerifyCommand(), providersMatchCommand(), providersSignCommand())
	return c
}

// loadProviders gives the list of a configuration.
func loadProviders(cfg *config.Config) (*pools.Providers, error) {
	shipped, err := pools.ShippedProviders()
	if err != nil || cfg.Providers.File == "" {
		return shipped, err
	}
	key, err := readPublicKey(cfg.Providers.Key)
	if err != nil {
		return nil, fmt.Errorf("providers.key: %w", err)
	}
	l, err := pools.LoadProviders(cfg.Providers.File, key, shipped.Version())
	if err != nil {
		return nil, fmt.Errorf("providers.file: %w", err)
	}
	return l, nil
}

// configuredProviders gives the list that a command is asked about.
func configuredProviders(file string) (*pools.Providers, *config.Config, error) {
	cfg := config.Default()
	if file != "" {
		var err error
		if cfg, err = config.Load(file); err != nil {
			return nil, nil, err
		}
	}
	l, err := loadProviders(cfg)
	return l, cfg, err
}

func providersListCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the providers",
		Long:  "List prints the providers with the law that their owner is under, what the public\nterms say of retention and training, and what they speak.",
		Example: `  ostiary providers list
  ostiary providers list --json | jq -r '.[] | select(.terms.training == "no") | .name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, _, err := configuredProviders(file)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(l.List())
			}
			tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(tw, "NAME\tLAW\tRETENTION\tTRAINING\tSPEAKS\tTITLE")
			for _, p := range l.List() {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Jurisdiction, p.Terms.Retention, p.Terms.Training, strings.Join(p.Dialects, ","), p.Title)
			}
			return tw.Flush()
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` whose list is meant")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func providersShowCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show one provider, or the whole list as a file",
		Long:  "Show prints what the list says of one provider. Without a name it prints the list\nas a file that can be edited, signed and used.",
		Example: `  ostiary providers show mistral
  ostiary providers show > providers.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, _, err := configuredProviders(file)
			if err != nil {
				return err
			}
			w := c.OutOrStdout()
			if len(args) == 0 {
				e := json.NewEncoder(w)
				e.SetIndent("", "  ")
				e.SetEscapeHTML(false)
				return e.Encode(struct {
					Format    int              `json:"format"`
					Version   int64            `json:"version"`
					Providers []pools.Provider `json:"providers"`
				}{1, l.Version(), l.List()})
			}
			p, ok := l.Provider(args[0])
			if !ok {
				return fmt.Errorf("%q is no provider; 'ostiary providers list' lists them", args[0])
			}
			fmt.Fprintf(w, "%s: %s\nowner         %s (%s)\nspeaks        %s\n", p.Name, p.Title, p.Owner, p.Jurisdiction, strings.Join(p.Dialects, ", "))
			for _, part := range []struct {
				name  string
				texts []string
			}{{"hosts", p.Hosts}, {"applications", p.Apps}, {"paths", p.Paths}} {
				for i, s := range part.texts {
					name := ""
					if i == 0 {
						name = part.name
					}
					fmt.Fprintf(w, "%-13s %s\n", name, s)
				}
			}
			fmt.Fprintf(w, "retention     %s\ntraining      %s\n", p.Terms.Retention, p.Terms.Training)
			if p.Terms.Source != "" {
				fmt.Fprintf(w, "source        %s, as of %s\n", p.Terms.Source, p.Terms.Seen)
			}
			if p.Terms.Note != "" {
				fmt.Fprintf(w, "note          %s\n", p.Terms.Note)
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` whose list is meant")
	return c
}

func providersVerifyCommand() *cobra.Command {
	var file, key string
	c := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Verify a list: its signature, its form and that it is not older",
		Long: `Verify reads a list with its signature, FILE.sig, and says whether it would be
taken: signed with the key, of the form that is read, and newer than the one of
this program. Without FILE it verifies that of the configuration; without both, it
says which list is in this program.

Exit status: 0 it would be taken, 1 it would not, 2 could not tell.`,
		Example: "  ostiary providers verify --key providers.pem providers.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg := config.Default()
			var err error
			switch {
			case len(args) == 1 && key == "":
				return errors.New("--key FILE: a signature is verified with a key that you trust, not with one that came with the list")
			case len(args) == 1:
				cfg.Providers = config.Providers{File: args[0], Key: key}
			case file != "":
				if cfg, err = config.Load(file); err != nil {
					return err
				}
			}
			l, err := loadProviders(cfg)
			if errors.Is(err, pools.ErrListSignature) || errors.Is(err, pools.ErrListForm) || errors.Is(err, pools.ErrListOld) {
				fmt.Fprintln(c.ErrOrStderr(), err)
				return answer{exitNo}
			}
			if err != nil {
				return err
			}
			how := "part of this program"
			if cfg.Providers.File != "" {
				how = "signed"
			}
			fmt.Fprintf(c.OutOrStdout(), "ok: version %d, %d providers, %s, sha256 %s\n", l.Version(), len(l.List()), how, l.Digest())
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` whose list is meant")
	c.Flags().StringVar(&key, "key", "", "PEM `FILE` of the public key (Ed25519)")
	return c
}

func providersMatchCommand() *cobra.Command {
	var file, body string
	var asJSON bool
	var s pools.Sight
	c := &cobra.Command{
		Use:   "match HOST",
		Short: "Say whether a host is a model API, known or suspected",
		Long: `Match says what Ostiary takes a host for: the API or the application of a known
provider, a name that is made to be taken for one, or what looks like a model API
of nobody known ("shadow AI"). With --sni, --path and --body it judges a request.
The body is read from a file or, for -, from standard input.

Exit status: 0 it is a model API or looks like one, 1 it does not.`,
		Example: `  ostiary providers match api.openai.com
  ostiary providers match 10.0.0.5 --path /v1/chat/completions --body request.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, _, err := configuredProviders(file)
			if err != nil {
				return err
			}
			s.Host = args[0]
			if body != "" {
				b, err := readBody(body, c.InOrStdin())
				if err != nil {
					return err
				}
				s.Shape = pools.ShapeOf(proxy.NewText(string(b)))
			}
			got := l.Suspect(s)
			w := c.OutOrStdout()
			if asJSON {
				likelihood := "none"
				if got.Likelihood > 0 {
					likelihood = got.Likelihood.String()
				}
				reasons := got.Reasons
				if reasons == nil {
					reasons = []string{}
				}
				err = json.NewEncoder(w).Encode(struct {
					Kind       string   `json:"kind"`
					Provider   string   `json:"provider,omitempty"`
					Likelihood string   `json:"likelihood"`
					Reasons    []string `json:"reasons"`
				}{got.Kind, got.Provider, likelihood, reasons})
			} else {
				_, err = fmt.Fprintln(w, suspicionText(l, got))
			}
			if err == nil && got.Kind == pools.KindNone {
				return answer{exitNo}
			}
			return err
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` whose list is meant")
	c.Flags().StringVar(&s.ServerName, "sni", "", "server `NAME` of the TLS connection")
	c.Flags().StringVar(&s.Method, "method", "POST", "`METHOD` of the request")
	c.Flags().StringVar(&s.Path, "path", "", "`PATH` of the request")
	c.Flags().StringVar(&body, "body", "", "`FILE` of the request's body, - for standard input")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// suspicionText says in one line what a request was taken for.
func suspicionText(l *pools.Providers, s pools.Suspicion) string {
	title := s.Provider
	if p, ok := l.Provider(s.Provider); ok {
		title = p.Title
	}
	because := fmt.Sprintf(" (%s, by %s)", s.Likelihood, strings.ReplaceAll(strings.Join(s.Reasons, ", "), "_", " "))
	switch s.Kind {
	case pools.KindKnownAPI:
		return s.Provider + ": " + title + because
	case pools.KindKnownApp:
		return s.Provider + ": an application for persons, no API: " + title + because
	case pools.KindLookAlike:
		return "look-alike: its name can be taken for " + title + because
	case pools.KindUnknown:
		return "unknown: looks like a model API" + because
	}
	return "none: looks like no model API"
}

func readBody(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, maxProviderFile))
}

func providersSignCommand() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "sign FILE",
		Short: "Sign a list of providers",
		Long:  "Sign checks a list and writes its signature to FILE.sig. The key is a private one of\nEd25519 in PEM (PKCS #8), as 'ostiary grant key' makes it.",
		Example: `  ostiary grant key providers.key providers.pem
  ostiary providers sign --key providers.key providers.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" {
				return errors.New("--key FILE: the private key to sign with")
			}
			private, err := readPrivateKey(key)
			if err != nil {
				return err
			}
			data, err := readBody(args[0], nil)
			if err != nil {
				return err
			}
			sig, err := pools.SignProviders(data, private)
			if err != nil {
				return err
			}
			if err := os.WriteFile(args[0]+".sig", sig, 0o644); err != nil {
				return err
			}
			public, _ := private.Public().(ed25519.PublicKey)
			l, err := pools.ParseProviders(data, sig, public, 0)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "wrote %s.sig: version %d, %d providers\n", args[0], l.Version(), len(l.List()))
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "PEM `FILE` of the private key")
	return c
}
