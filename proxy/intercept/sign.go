package intercept

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os/exec"
	"time"
)

// Bounds of a command that signs, or that has a request signed.
const (
	// signTimeout is below the five seconds after which Envoy gives a handshake up.
	signTimeout    = 4 * time.Second
	parentTimeout  = 2 * time.Minute // somebody may have to confirm
	commandGrace   = time.Second     // for what a killed command left behind to let go of its output
	maxSignature   = 4 << 10         // bytes of output; a signature has 72, in base64 96
	maxCertificate = 64 << 10        // bytes of output with certificates
	p256Bytes      = 32
)

// CommandSigner is a P-256 key that only a command can use: that of a KMS or an
// HSM. It implements [crypto.Signer] for SHA-256.
type CommandSigner struct {
	// Command is the program and its arguments, without a shell. It reads the 32
	// bytes of a digest from standard input and prints the signature: DER
	// (RFC 3279, 2.2.3), r and s of 32 bytes each, or either in base64. It must end
	// within four seconds, and several may run at once.
	Command []string
	// Key verifies what it prints.
	Key *ecdsa.PublicKey
}

// Public implements [crypto.Signer].
func (s CommandSigner) Public() crypto.PublicKey { return s.Key }

// Sign implements [crypto.Signer]. A signature that the key does not verify is an
// error, so that a wrong key or a fault is seen here and not by clients. What the
// command prints is in no error.
func (s CommandSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("only digests of SHA-256 are signed")
	}
	out, err := runCommand(s.Command, digest, maxSignature, signTimeout)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	for _, sig := range spellings(out) {
		if ecdsa.VerifyASN1(s.Key, digest, sig) {
			return sig, nil
		}
	}
	return nil, fmt.Errorf("sign: the command %s printed no signature of the authority's key", s.Command[0])
}

// spellings gives what a signature may be written as, in DER.
func spellings(out []byte) [][]byte {
	all := [][]byte{out}
	if b, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(out))); err == nil {
		all = append(all, b)
	}
	for _, b := range all {
		if len(b) != 2*p256Bytes {
			continue
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(b[:p256Bytes]), new(big.Int).SetBytes(b[p256Bytes:])})
		if err == nil {
			all = append(all, der)
		}
	}
	return all
}

// SignRequest has a command sign a request: it reads the request (PKCS #10, PEM)
// from standard input and prints certificates (PEM), the signed one among them. It
// must end within two minutes.
func SignRequest(command []string, request string) ([]*x509.Certificate, error) {
	text, err := readSmall(request)
	if err != nil {
		return nil, err
	}
	out, err := runCommand(command, text, maxCertificate, parentTimeout)
	if err != nil {
		return nil, fmt.Errorf("have the request signed: %w", err)
	}
	certs, err := ParseCertificates(out)
	if err != nil {
		return nil, fmt.Errorf("have the request signed: what the command %s printed: %w", command[0], err)
	}
	return certs, nil
}

// probe has a signer sign something random, so that it is known to work.
func probe(s crypto.Signer) error {
	digest := make([]byte, sha256.Size)
	if _, err := rand.Read(digest); err != nil {
		return err
	}
	sig, err := s.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return err
	}
	if pub, ok := s.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() || !ecdsa.VerifyASN1(pub, digest, sig) {
		return errors.New("the key is not of P-256, or does not sign")
	}
	return nil
}

// runCommand gives a command something to read and takes what it prints. Its
// standard error is kept from everybody.
func runCommand(command []string, input []byte, most int, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	out := &capped{most: most}
	cmd.Stdin, cmd.Stdout, cmd.WaitDelay = bytes.NewReader(input), out, commandGrace
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the command %s did not end within %s", command[0], limit)
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("the command %s was not found; name its full path", command[0])
	case out.over:
		return nil, fmt.Errorf("the command %s printed more than %d bytes", command[0], most)
	case err != nil:
		return nil, fmt.Errorf("the command %s failed; run it by hand as this user", command[0])
	}
	return out.buf.Bytes(), nil
}

// capped keeps the first bytes written to it and swallows the rest.
type capped struct {
	buf  bytes.Buffer
	most int
	over bool
}

// Write implements io.Writer; it never fails.
func (c *capped) Write(p []byte) (int, error) {
	room := c.most - c.buf.Len()
	c.over = c.over || len(p) > room
	c.buf.Write(p[:min(len(p), room)])
	return len(p), nil
}

// ParsePublicKey reads a P-256 public key (PKIX, PEM).
func ParsePublicKey(text []byte) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemPublic {
		return nil, errors.New("no PEM block of type " + pemPublic)
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	pub, ok := k.(*ecdsa.PublicKey)
	if err != nil || !ok || pub.Curve != elliptic.P256() {
		return nil, errors.New("no public key of P-256")
	}
	return pub, nil
}
