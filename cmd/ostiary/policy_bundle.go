package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/bundle"
)

// keyLimit bounds the file of a private key.
const keyLimit = 64 << 10

func policyBundleCommand() *cobra.Command {
	var f policyFlags
	var s bundle.Signer
	var out, key, revision string
	var asJSON bool
	c := &cobra.Command{
		Use:   "bundle [DIR]",
		Short: "Pack a policy directory into a bundle, signed where a key is given",
		Long: `Bundle packs the policies, unit tests and data of a directory into an OPA bundle, a
gzipped tar archive, and signs it where a key is given. The directory has to load.
Serve the file from any HTTP(S) server, or push it to an OCI registry, and name it
in the configuration of every proxy:

  policy:
    bundle:
      source: https://policies.example/house.tar.gz    # or oci://registry.example/policies/house:live
      keys: [{name: release, file: release.pub.pem, algorithm: ES256}]

With keys configured a bundle without a signature is refused. The key's id is the
name under which the configuration knows it. Make a pair of keys:

  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out release.pem
  openssl pkey -in release.pem -pubout -out release.pub.pem

'opa build --bundle DIR --signing-key …' makes such a bundle too.

Exit status: 0 done, 1 the directory does not load, 2 could not tell.`,
		Example: `  ostiary policy bundle policies -o house.tar.gz
  ostiary policy bundle policies -o house.tar.gz --key release.pem --key-id release --algorithm ES256`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return errors.New("say where the bundle goes: -o FILE")
			}
			if (key == "") != (s.ID == "") {
				return errors.New("--key and --key-id belong together: the id is the name under which a configuration knows the key")
			}
			if key != "" {
				pem, err := readKey(key)
				if err != nil {
					return err
				}
				s.PEM = pem
			} else {
				s = bundle.Signer{}
			}
			st, err := f.stage()
			if err != nil {
				return err
			}
			b, err := bundle.Build(st.at(policyDir(args)), revision, s)
			var problems policies.Problems
			if errors.As(err, &problems) {
				fmt.Fprintln(c.ErrOrStderr(), problems)
				return answer{exitNo}
			}
			if err != nil {
				return err
			}
			return writeBundle(c, b, out, asJSON)
		},
	}
	f.add(c)
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write, required")
	c.Flags().StringVar(&key, "key", "", "private key, a PEM `FILE`, to sign with")
	c.Flags().StringVar(&s.ID, "key-id", "", "`NAME` of the key")
	c.Flags().StringVar(&s.Algorithm, "algorithm", "ES256", "of the key: ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512")
	c.Flags().StringVar(&revision, "revision", "", "`TEXT` for the manifest, such as a commit; decisions name the digest of the policies in any case")
	c.Flags().BoolVar(&asJSON, "json", false, "say what was written as JSON")
	return c
}

func readKey(name string) (string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("--key: %w", err)
	}
	if st.Size() > keyLimit {
		return "", fmt.Errorf("--key: %s is larger than a key", name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("--key: %w", err)
	}
	return string(b), nil
}

// writeBundle writes a bundle, loads what it wrote, and says what it is. A proxy
// that polls the file never sees half of it.
func writeBundle(c *cobra.Command, b []byte, out string, asJSON bool) error {
	tmp, err := os.CreateTemp(filepath.Dir(out), ".ostiary-bundle-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	set, err := policies.Load(policies.Options{Path: tmp.Name()})
	if err != nil {
		return fmt.Errorf("what was packed does not load: %w", err)
	}
	if err := os.Rename(tmp.Name(), out); err != nil {
		return err
	}
	var names []string
	for _, p := range set.Policies() {
		names = append(names, p.Name)
	}
	w := c.OutOrStdout()
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			File     string   `json:"file"`
			Bytes    int      `json:"bytes"`
			Policies []string `json:"policies"`
		}{out, len(b), names})
	}
	fmt.Fprintf(w, "%s: %d bytes, policies %v\n", out, len(b), names)
	return nil
}
