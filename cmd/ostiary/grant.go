package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/identity"
)

// maxPEM bounds files of keys, in bytes.
const maxPEM = 64 << 10

func grantCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "grant",
		Short: "Let an application have a rule lifted for a while (break-glass)",
		Long: `A grant says that rules may be lifted for one application and a short time, and
why. One person signs it, a second one may approve it. The application sends it
with its requests as the header ostiary-grant. Whether it lifts anything is for
policy to say (allow … "grant": true, "approval": true), never beside credentials
or what was not inspected, and every use is an event of the log.

  ostiary grant key officer.key officer.pem          # once, for each person
  ostiary grant create --key officer.key --application support-bot \
    --lifts residency.protected_data --reason incident --for 1h > grant.txt
  ostiary grant approve --key lead.key < grant.txt   # the second person

The public keys belong into the configuration: policy: {grants: {keys: [officer.pem, lead.pem]}}.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(grantKeyCommand(), grantCreateCommand(), grantApproveCommand(), grantShowCommand())
	return c
}

func grantKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "key PRIVATE PUBLIC",
		Short:   "Make the keys of a person who may give or approve grants",
		Long:    "Key writes a new Ed25519 key to PRIVATE (mode 0600, PKCS #8) and its public part to\nPUBLIC (PKIX). Neither file may exist.",
		Example: "  ostiary grant key officer.key officer.pem",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			pub, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			private, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				return err
			}
			public, err := x509.MarshalPKIXPublicKey(pub)
			if err != nil {
				return err
			}
			if err := writeNew(args[0], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
				return err
			}
			return writeNew(args[1], pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644)
		},
	}
}

func writeNew(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func grantCreateCommand() *cobra.Command {
	var g identity.Grant
	var key string
	var span time.Duration
	c := &cobra.Command{
		Use:     "create",
		Short:   "Write and sign a grant",
		Long:    "Create prints a signed grant. It holds from now on, for the time of --for.",
		Example: "  ostiary grant create --key officer.key --application support-bot --lifts residency.protected_data --reason incident --for 1h",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			k, err := readPrivateKey(key)
			if err != nil {
				return err
			}
			if span < time.Minute {
				return errors.New("--for is a time of at least 1m")
			}
			now := time.Now()
			g.ID = "grant-" + strings.ToLower(rand.Text()[:16])
			g.NotBefore, g.Expires = now.Unix(), now.Add(span).Unix()
			text, err := identity.Sign(g, k)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), text)
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "`FILE` of the private key of who gives it")
	c.Flags().StringVar(&g.Application, "application", "", "`NAME` of the application, as configured")
	c.Flags().StringSliceVar(&g.Lifts, "lifts", nil, "rules as `POLICY.RULE`, separated by commas")
	c.Flags().StringVar(&g.Reason, "reason", "", "a configured `WORD` that says why")
	c.Flags().DurationVar(&span, "for", time.Hour, "how long it holds")
	for _, f := range []string{"key", "application", "lifts", "reason"} {
		_ = c.MarkFlagRequired(f)
	}
	return c
}

func grantApproveCommand() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:     "approve",
		Short:   "Add the signature of a second person to a grant",
		Long:    "Approve reads a grant from standard input, shows on standard error what it says, and\nprints it with one signature more.",
		Example: "  ostiary grant approve --key lead.key < grant.txt",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			k, err := readPrivateKey(key)
			if err != nil {
				return err
			}
			text, err := readGrantText(c.InOrStdin(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			if text, err = identity.Countersign(text, k); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), text)
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "`FILE` of the private key of who approves it")
	_ = c.MarkFlagRequired("key")
	return c
}

func grantShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Say what a grant says",
		Long:    "Show reads a grant from standard input and prints what it says. It does not check\nsignatures: the proxy does.",
		Example: "  ostiary grant show < grant.txt",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := readGrantText(c.InOrStdin(), c.OutOrStdout())
			return err
		},
	}
}

func readGrantText(r io.Reader, w io.Writer) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPEM))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	g, err := identity.ReadGrant(text)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(w, "%s for %s: lifts %s, reason %s, from %s to %s, %d signatures\n", g.ID, g.Application, strings.Join(g.Lifts, ", "), g.Reason,
		time.Unix(g.NotBefore, 0).UTC().Format(time.RFC3339), time.Unix(g.Expires, 0).UTC().Format(time.RFC3339), strings.Count(text, "."))
	return text, nil
}

func readPEM(name, kind string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s holds no PEM block of type %s; make one with 'ostiary grant key'", name, kind)
	}
	return block.Bytes, nil
}

func readPrivateKey(name string) (ed25519.PrivateKey, error) {
	b, err := readPEM(name, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS8PrivateKey(b)
	key, ok := k.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s holds no Ed25519 key", name)
	}
	return key, nil
}

func readPublicKey(name string) (ed25519.PublicKey, error) {
	b, err := readPEM(name, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKIXPublicKey(b)
	key, ok := k.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s holds no Ed25519 key", name)
	}
	return key, nil
}
