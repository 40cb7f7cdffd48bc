package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/intercept"
	"github.com/ostiary/ostiary/proxy/pools"
)

// endsSoon is how long before its end an authority is spoken of.
const endsSoon = 30 * 24 * time.Hour

// caFlags are the flags of all commands about the authority.
type caFlags struct{ dir, config string }

// termsFlags are what an authority is made with.
type termsFlags struct {
	subject          string
	permit, forbid   []string
	days             int
	signCommand      string
	signPublic       string
	parent, toParent string
}

func caCommand() *cobra.Command {
	var f caFlags
	c := &cobra.Command{
		Use:   "ca",
		Short: "The certificate authority for applications that know nothing of Ostiary",
		Long: `For applications that are not given a base URL: their TLS is to be ended with
certificates of an authority that their machine trusts, by 'ostiary run' with
intercept in its configuration. The authority can sign for the governed names'
domains and for nothing else, its certificates hold for a day, and its key lies in a
file of mode 0600 or behind a command that asks a KMS or an HSM.

  ostiary ca init                       # its own root; or below the organisation's:
  ostiary ca init --parent company.pem  # writes a request to be signed, then
  ostiary ca accept signed.pem
  ostiary ca install --print node       # what to run where applications run
  ostiary ca check                      # which clients of this machine trust it

To change the key, clients first trust both:

  ostiary ca rotate; ostiary ca install --print …
  ostiary ca rotate --activate          # the new one signs
  ostiary ca rotate --finish            # the old one is trusted no more`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&f.dir, "dir", "", "`DIRECTORY` of the authority (default: beside the audit log's keys)")
	c.PersistentFlags().StringVar(&f.config, "config", "", "configuration `FILE`; it says where state lies and which providers are governed")
	c.AddCommand(caInitCommand(&f), caAcceptCommand(&f), caShowCommand(&f), caRenewCommand(&f), caRotateCommand(&f), caBundleCommand(&f), caInstallCommand(&f), caCheckCommand(&f))
	return c
}

// plainConfig reads a configuration, or gives that of run without a file; it looks
// for no model server.
func plainConfig(file string) (*config.Config, error) {
	if file != "" {
		return config.Load(file)
	}
	cfg := config.Default()
	for _, u := range pools.Default(os.Getenv) {
		cfg.Pools = append(cfg.Pools, poolOf(u))
	}
	return cfg, nil
}

// caDirectory is where a configuration's authority lies.
func caDirectory(cfg *config.Config) (intercept.Directory, error) {
	if cfg.Intercept.CA != "" {
		return openAuthority(cfg.Intercept.CA)
	}
	p, err := findPlaces(cfg, "")
	if err != nil {
		return intercept.Directory{}, err
	}
	return intercept.Open(p.keys + ".ca"), nil
}

func (f *caFlags) open() (intercept.Directory, error) {
	if f.dir != "" {
		return openAuthority(f.dir)
	}
	cfg, err := plainConfig(f.config)
	if err != nil {
		return intercept.Directory{}, err
	}
	return caDirectory(cfg)
}

// openAuthority names a directory by its whole path: it is printed for other
// programs.
func openAuthority(dir string) (intercept.Directory, error) {
	abs, err := filepath.Abs(dir)
	return intercept.Open(abs), err
}

// governedDomains are those to which an authority for a configuration is
// constrained: of everything that is governed where connections are intercepted,
// else of the pools.
func governedDomains(cfg *config.Config) ([]string, error) {
	if !cfg.Intercept.On() {
		var names []string
		for _, p := range cfg.Pools {
			names = append(names, p.Dialled()...)
		}
		n, err := intercept.ParseNames(names)
		return n.Domains(), err
	}
	l, err := loadProviders(cfg)
	if err != nil {
		return nil, err
	}
	patterns, err := governedNames(cfg, l)
	if err != nil {
		return nil, err
	}
	n, err := intercept.ParseNames(patterns)
	return n.Domains(), err
}

func (t *termsFlags) bind(c *cobra.Command) {
	c.Flags().StringVar(&t.subject, "subject", "", "common `NAME` of the authority (default: Ostiary interception)")
	c.Flags().StringSliceVar(&t.permit, "permit", nil, "`DOMAIN` below which it may sign; may be repeated")
	c.Flags().IntVar(&t.days, "days", 0, fmt.Sprintf("how many days it holds (default %d)", intercept.DefaultDays))
}

func (t *termsFlags) bindKey(c *cobra.Command) {
	c.Flags().StringVar(&t.signCommand, "sign-command", "", "`PROGRAM` and arguments, split at blanks, that sign: the digest (SHA-256) on standard input, the signature on standard output")
	c.Flags().StringVar(&t.signPublic, "sign-public", "", "`FILE` of the public key (P-256, PEM) of --sign-command")
	c.Flags().StringVar(&t.parent, "parent", "", "`FILE` of the organisation's certificates (PEM), from the one that signs up to the root")
	t.bindParent(c)
}

func (t *termsFlags) bindParent(c *cobra.Command) {
	c.Flags().StringVar(&t.toParent, "parent-command", "", "`PROGRAM` and arguments, split at blanks, that have the request signed: the request on standard input, the certificate on standard output")
}

// key reads where the key is to be.
func (t *termsFlags) key() (intercept.Key, error) {
	k := intercept.Key{Command: strings.Fields(t.signCommand)}
	if (t.signPublic == "") != (len(k.Command) == 0) {
		return k, errors.New("--sign-command and --sign-public go together: what the command prints is checked with the public key")
	}
	if t.signPublic == "" {
		return k, nil
	}
	text, err := readBounded(t.signPublic)
	if err != nil {
		return k, err
	}
	if k.Public, err = intercept.ParsePublicKey(text); err != nil {
		return k, fmt.Errorf("%s: %w", t.signPublic, err)
	}
	return k, nil
}

// parents reads the organisation's certificates.
func (t *termsFlags) parents() ([]*x509.Certificate, error) {
	if t.parent == "" {
		return nil, nil
	}
	return readCertificates(t.parent)
}

func readCertificates(file string) ([]*x509.Certificate, error) {
	text, err := readBounded(file)
	if err != nil {
		return nil, err
	}
	certs, err := intercept.ParseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return certs, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPEM))
}

// finish has a request signed where there is a command for it, and says what to do
// next.
func (t *termsFlags) finish(w io.Writer, d intercept.Directory, m intercept.Member) error {
	if m.Request != "" && t.toParent != "" {
		certs, err := intercept.SignRequest(strings.Fields(t.toParent), m.Request)
		if err != nil {
			return err
		}
		if m, err = d.Accept(certs, false); err != nil {
			return err
		}
	}
	if m.Request != "" {
		fmt.Fprintf(w, "request       %s\n\nHave it signed by the organisation's authority, then: ostiary ca accept SIGNED.pem\n", m.Request)
		return nil
	}
	printMember(w, m, time.Now())
	fmt.Fprintf(w, "trust         %s\n", d.TrustPath())
	return nil
}

func caInitCommand(f *caFlags) *cobra.Command {
	var t termsFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the authority",
		Long: `Init makes the authority: a key of P-256, and a certificate that is constrained
to the governed providers' domains, can have no authority below it, and excludes
addresses. Without --permit the domains are the hosts of the configuration's
external pools. It overwrites nothing.

With --parent it is below the organisation's authority, which its clients trust
already: init writes a request with the same constraints and, with
--parent-command, has it signed; otherwise 'ostiary ca accept' takes what was
signed. With --sign-command the key stays in a KMS or an HSM.`,
		Example: `  ostiary ca init --permit api.openai.com --permit openai.azure.com
  ostiary ca init --parent company.pem --parent-command "vault-sign ostiary"
  ostiary ca init --sign-command "kms-sign ostiary-ca" --sign-public kms.pem`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			if len(t.permit) == 0 {
				cfg, err := plainConfig(f.config)
				if err != nil {
					return err
				}
				if t.permit, err = governedDomains(cfg); err != nil {
					return err
				}
			}
			k, err := t.key()
			if err != nil {
				return err
			}
			parents, err := t.parents()
			if err != nil {
				return err
			}
			if t.toParent != "" && len(parents) == 0 {
				return errors.New("--parent-command needs --parent, to check what it prints")
			}
			m, err := d.Create(intercept.Terms{Subject: t.subject, Domains: t.permit, Days: t.days}, k, parents)
			if err != nil {
				return err
			}
			return t.finish(c.OutOrStdout(), d, m)
		},
	}
	t.bind(c)
	t.bindKey(c)
	return c
}

func caAcceptCommand(f *caFlags) *cobra.Command {
	var unconstrained bool
	c := &cobra.Command{
		Use:   "accept FILE",
		Short: "Take the certificate that the organisation signed",
		Long: `Accept takes the certificate for the request that waits, with any certificates
between it and the parent, as PEM in any order. It refuses one of another key,
one that is not below the parent, one that may have authorities below it, and
one without name constraints.`,
		Example: "  ostiary ca accept signed.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			certs, err := readCertificates(args[0])
			if err != nil {
				return err
			}
			m, err := d.Accept(certs, unconstrained)
			if err != nil {
				return err
			}
			return (&termsFlags{}).finish(c.OutOrStdout(), d, m)
		},
	}
	c.Flags().BoolVar(&unconstrained, "unconstrained", false, "take a certificate without name constraints: who has its key can impersonate every server")
	return c
}

func caShowCommand(f *caFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Say which authorities there are and what they may sign",
		Long: `Show prints the authority that signs, and those that are coming and going: names,
fingerprints, domains, times, where the key is. Exit status 1: it has ended, or
ends within 30 days.`,
		Example: "  ostiary ca show",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			s, err := d.State()
			if err != nil {
				return err
			}
			w, now, ends := c.OutOrStdout(), time.Now(), false
			for _, x := range []struct{ number, what string }{{s.Active, "signs"}, {s.Next, "is being trusted, and does not sign yet (ostiary ca rotate --activate)"}, {s.Former, "is still trusted, and signs no more (ostiary ca rotate --finish)"}} {
				if x.number == "" {
					continue
				}
				m, err := d.Member(x.number)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "authority     %s, %s\n", x.number, x.what)
				printMember(w, m, now)
				if m.Request != "" {
					fmt.Fprintf(w, "request       %s (ostiary ca accept)\n", m.Request)
				}
				ends = ends || m.Authority != nil && x.number == s.Active && m.Authority.Certificate().NotAfter.Sub(now) < endsSoon
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "trust         %s\n", d.TrustPath())
			if ends {
				return answer{exitNo}
			}
			return nil
		},
	}
}

// printMember says what an authority is.
func printMember(w io.Writer, m intercept.Member, now time.Time) {
	key := "in a file"
	if len(m.Command) > 0 {
		key = "behind the command " + m.Command[0]
	}
	fmt.Fprintf(w, "key           %s\n", key)
	if m.Authority == nil {
		fmt.Fprintln(w, "certificate   not signed yet")
		return
	}
	c := m.Authority.Certificate()
	fmt.Fprintf(w, "subject       %s\nissuer        %s\nSHA-256       %s\n", c.Subject, c.Issuer, intercept.Fingerprint(c))
	until := "until"
	switch left := c.NotAfter.Sub(now); {
	case left < 0:
		until = "ENDED (ostiary ca renew)"
	case left < endsSoon:
		until = "ENDS SOON (ostiary ca renew)"
	}
	fmt.Fprintf(w, "holds         from %s %s %s\n", c.NotBefore.Format(time.DateOnly), until, c.NotAfter.Format(time.DateOnly))
	may := strings.Join(c.PermittedDNSDomains, ", ")
	if !m.Authority.Constrained() {
		may = "EVERY NAME: the certificate is not constrained"
	}
	fmt.Fprintf(w, "may sign for  %s\n", may)
}

func caRenewCommand(f *caFlags) *cobra.Command {
	var t termsFlags
	c := &cobra.Command{
		Use:   "renew",
		Short: "Give the authority a new certificate for the same key",
		Long: `Renew makes a new certificate for the key that signs: a longer life, domains more
or fewer. Clients that have the old one go on until it ends, for the old domains;
for new ones they need the new certificate ('ostiary ca install'). Below an
organisation's authority a request is written, as init does.`,
		Example: `  ostiary ca renew
  ostiary ca renew --permit api.mistral.ai`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			terms, err := t.changed(d)
			if err != nil {
				return err
			}
			m, err := d.Renew(terms)
			if err != nil {
				return err
			}
			return t.finish(c.OutOrStdout(), d, m)
		},
	}
	t.bind(c)
	c.Flags().StringSliceVar(&t.forbid, "forbid", nil, "`DOMAIN` to take out; may be repeated")
	t.bindParent(c)
	return c
}

// changed gives the terms of the authority that signs, with what the flags change.
func (t *termsFlags) changed(d intercept.Directory) (intercept.Terms, error) {
	out := intercept.Terms{Subject: t.subject, Days: t.days}
	s, err := d.State()
	if err != nil {
		return out, err
	}
	if s.Active == "" {
		return out, intercept.ErrUnsigned
	}
	m, err := d.Member(s.Active)
	if err != nil {
		return out, err
	}
	if m.Authority == nil {
		return out, intercept.ErrUnsigned
	}
	c := m.Authority.Certificate()
	out.Subject = first(out.Subject, c.Subject.CommonName)
	for _, x := range t.forbid {
		if !slices.Contains(c.PermittedDNSDomains, strings.ToLower(x)) {
			return out, fmt.Errorf("--forbid %s: the authority is not permitted to sign for it", x)
		}
	}
	for _, x := range append(slices.Clone(c.PermittedDNSDomains), t.permit...) {
		if !slices.Contains(t.forbid, x) {
			out.Domains = append(out.Domains, x)
		}
	}
	return out, nil
}

func caRotateCommand(f *caFlags) *cobra.Command {
	var t termsFlags
	var activate, finish, now bool
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Change the authority's key, in three steps",
		Long: `Rotate makes the authority that is to follow. Clients must trust both; install
trust.pem anew. With --activate the new one signs, at once also in an Ostiary that
serves, and the old one stays trusted; with --finish the old one's key is removed
and trusted no more. Below an organisation's authority clients trust the new one
without being touched.`,
		Example: `  ostiary ca rotate
  ostiary ca rotate --activate
  ostiary ca rotate --finish`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			var m intercept.Member
			switch {
			case activate:
				m, err = d.Activate()
			case finish:
				m, err = d.Finish(now)
			case now:
				return errors.New("--now goes with --finish")
			default:
				m, err = t.next(d)
			}
			if err != nil {
				return err
			}
			return t.finish(c.OutOrStdout(), d, m)
		},
	}
	c.Flags().BoolVar(&activate, "activate", false, "let the new authority sign")
	c.Flags().BoolVar(&finish, "finish", false, "end the trust in the former one and remove its key")
	c.Flags().BoolVar(&now, "now", false, "with --finish: also while certificates of the former one hold")
	c.MarkFlagsMutuallyExclusive("activate", "finish")
	t.bind(c)
	t.bindKey(c)
	return c
}

// next makes the authority that is to follow.
func (t *termsFlags) next(d intercept.Directory) (intercept.Member, error) {
	terms, err := t.changed(d)
	if err != nil {
		return intercept.Member{}, err
	}
	k, err := t.key()
	if err != nil {
		return intercept.Member{}, err
	}
	parents, err := t.parents()
	if err != nil {
		return intercept.Member{}, err
	}
	return d.Rotate(terms, k, parents)
}

func caBundleCommand(f *caFlags) *cobra.Command {
	var roots string
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Write the public roots and ours into one file",
		Long: `Bundle writes the system's public roots and what clients must trust of ours into
bundle.pem of the authority's directory, for clients that take one file in place
of the system's (SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE). Every
command that changes the authority writes it too; run it when the system's roots
have changed.`,
		Example: "  ostiary ca bundle",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := f.open()
			if err != nil {
				return err
			}
			from := first(roots, intercept.SystemRoots())
			if from == "" {
				return errors.New("this system keeps its public roots in no file: name one with --roots, such as that of Python's certifi")
			}
			file, err := d.WriteBundle(from)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), file)
			return nil
		},
	}
	c.Flags().StringVar(&roots, "roots", "", "`FILE` of the public roots (default: the system's)")
	return c
}
