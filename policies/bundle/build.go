package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"github.com/ostiary/ostiary/policies"
)

// Signer signs a bundle. The zero Signer does not sign.
type Signer struct {
	ID        string // of the key: the name under which configurations know it
	PEM       string // the private key
	Algorithm string // RS256, ES256 …; empty means RS256
}

// Build makes a bundle of a policy directory: its policies, unit tests and data,
// and nothing else. revision is a word of the author's in the manifest, or empty.
// The directory has to load under the options; otherwise the error is
// [policies.Problems].
func Build(o policies.Options, revision string, s Signer) ([]byte, error) {
	if _, err := policies.Load(o); err != nil {
		return nil, err
	}
	b, err := opa.NewCustomReader(opa.NewDirectoryLoader(o.Path).WithFilter(besides)).
		WithSkipBundleVerification(true).WithSizeLimitBytes(SizeLimit).Read()
	if err != nil {
		return nil, fmt.Errorf("the directory cannot be read as a bundle: %w", err)
	}
	b.Manifest.Revision = revision
	if s != (Signer{}) {
		if s.ID == "" || s.PEM == "" {
			return nil, errors.New("a signature needs a key and its id")
		}
		// What does not look like a key is taken for the name of a file.
		if !strings.HasPrefix(s.PEM, "-----BEGIN") {
			return nil, errors.New("the key is not PEM: want -----BEGIN PRIVATE KEY-----")
		}
		algorithm := s.Algorithm
		if algorithm == "" {
			algorithm = "RS256"
		}
		if strings.HasPrefix(algorithm, "HS") {
			return nil, errors.New("algorithm " + algorithm + " has no public key: whoever verifies could sign; use ES256 or RS256")
		}
		if err := b.GenerateSignature(opa.NewSigningConfig(s.PEM, algorithm, ""), s.ID, true); err != nil {
			return nil, fmt.Errorf("the bundle cannot be signed with this key and %s: %w", algorithm, err)
		}
	}
	var out bytes.Buffer
	if err := opa.NewWriter(&out).UseModulePath(true).DisableFormat(true).Write(b); err != nil {
		return nil, fmt.Errorf("the bundle cannot be written: %w", err)
	}
	if err := bounded(out.Bytes()); err != nil || out.Len() > SizeLimit {
		return nil, tooLarge()
	}
	return out.Bytes(), nil
}

// besides leaves out of a bundle what policies are not made of, as loading a
// directory does.
func besides(name string, info fs.FileInfo, _ int) bool {
	base := filepath.Base(name)
	if info.IsDir() {
		return strings.HasPrefix(base, ".") && base != "." && base != ".."
	}
	return strings.HasPrefix(base, ".") || path.Ext(base) != ".rego" && base != "data.json"
}
