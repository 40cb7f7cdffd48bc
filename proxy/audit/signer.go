package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Bounds of a command that signs.
const (
	signTime   = 10 * time.Second
	signOutput = 4096 // bytes that are read of it
)

// NewCommandSigner makes a signer of a command, so that the private key can lie in a
// key management service or a hardware module. The command gets what is to be signed
// on standard input and prints the Ed25519 signature (RFC 8032, 64 bytes) in base64.
// Its words are not interpreted by a shell. public is the verifier key, as in
// log.pub; what the command prints is checked against it, so that no bad signature
// is ever written.
func NewCommandSigner(command []string, public string) (note.Signer, note.Verifier, error) {
	v, err := NewVerifier([]byte(public))
	if err != nil {
		return nil, nil, err
	}
	if len(command) == 0 {
		return nil, nil, errors.New("the command that signs checkpoints is empty")
	}
	return &commandSigner{v, command}, v, nil
}

type commandSigner struct {
	v       note.Verifier
	command []string
}

func (s *commandSigner) Name() string    { return s.v.Name() }
func (s *commandSigner) KeyHash() uint32 { return s.v.KeyHash() }

// Sign runs the command. What it prints on standard error is not repeated: it may
// hold what must stay secret.
func (s *commandSigner) Sign(msg []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), signTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Stdin = bytes.NewReader(msg)
	cmd.WaitDelay = time.Second
	out := &bounded{limit: signOutput}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the command that signs checkpoints failed: %s", exitText(err))
	}
	sig, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(out.b)))
	if err != nil || len(sig) != ed25519.SignatureSize {
		return nil, errors.New("the command that signs checkpoints printed no base64 of 64 bytes")
	}
	if !s.v.Verify(msg, sig) {
		return nil, errors.New("the command that signs checkpoints signed with another key than the verifier key's")
	}
	return sig, nil
}

func exitText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ProcessState.String()
	}
	return "it could not be started, or did not end in time"
}

// bounded keeps so many bytes and passes the rest over.
type bounded struct {
	b     []byte
	limit int
}

func (w *bounded) Write(p []byte) (int, error) {
	w.b = append(w.b, p[:min(len(p), w.limit-len(w.b))]...)
	return len(p), nil
}
