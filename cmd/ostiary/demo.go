package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/standin"
)

func demoCommand() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "demo",
		Short: "Try it: no keys, no GPUs, two stand-in model servers and a short tour",
		Long: `Demo runs Ostiary between you and two model servers that it brings along: a
stand-in for a closed API and one for a model in-house. It sends three prompts
(an ordinary one, one with personal data, one with a secret), shows where each
went and why, and what the audit log says. Then it stays up for your own curl or
SDK, until Ctrl-C.

Where standard output is no terminal it prints plainly and never asks.`,
		Example: `  ostiary demo
  ostiary demo --listen 127.0.0.1:9000 --log ./demo-log`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return demo(c.Context(), o, tourist{in: c.InOrStdin(), out: c.OutOrStdout(), diag: c.ErrOrStderr()})
		},
	}
	c.Flags().StringVar(&o.listen, "listen", config.DefaultListen, "`ADDRESS` to listen on")
	c.Flags().StringVar(&o.log, "log", "", "`DIRECTORY` of the audit log; without it, one that is removed at the end")
	c.Flags().StringVar(&o.dataplane, "dataplane", "auto", "auto, envoy or embedded")
	return c
}

// tourist is the person who takes the tour.
type tourist struct {
	in        io.Reader
	out, diag io.Writer
}

// terminal reports whether w is a terminal: only a person there is asked.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func (t tourist) pause(ctx context.Context) {
	if !terminal(t.out) {
		return
	}
	fmt.Fprint(t.out, "  [Enter] ")
	done := make(chan struct{})
	go func() { // ends with the process: nobody can be made to press Enter
		defer close(done)
		_, _ = bufio.NewReader(t.in).ReadString('\n')
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// standIn serves one model server on a free loopback port.
func standIn(name string, models ...string) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: standin.New(standin.Options{Name: name, Models: models, Keep: 0}), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()
	return "http://" + l.Addr().String(), func() { _ = srv.Close() }, nil
}

func demo(ctx context.Context, o options, t tourist) error {
	closed, stopClosed, err := standIn("closed-api", "gpt-demo", "claude-demo")
	if err != nil {
		return err
	}
	defer stopClosed()
	house, stopHouse, err := standIn("in-house", "open-weights-demo")
	if err != nil {
		return err
	}
	defer stopHouse()

	if o.log == "" {
		dir, err := os.MkdirTemp("", "ostiary-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.log = filepath.Join(dir, "log")
	}
	cfg := config.Default()
	cfg.Listen, cfg.Dataplane = o.listen, o.dataplane
	none := config.Credential{Mode: config.CredentialNone}
	both := []string{proxy.DialectOpenAI, proxy.DialectAnthropic}
	cfg.Pools = []config.Pool{
		{Name: "closed-api", Boundary: string(proxy.External), Jurisdiction: "US", URL: closed, Dialects: both, Credential: none,
			Models: []config.Model{{Pattern: "gpt-demo", Name: "gpt-demo"}, {Pattern: "claude-demo", Name: "claude-demo"}}},
		{Name: "in-house", Boundary: string(proxy.Internal), URL: house, Dialects: both, Credential: none,
			Models: []config.Model{{Pattern: "*", Name: "open-weights-demo"}}},
	}
	if err := checkListen(cfg); err != nil {
		return err
	}
	o.preset = cfg
	s, err := start(ctx, o, t.out, t.diag)
	if err != nil {
		return err
	}
	if err := s.tour(ctx, t); err != nil && ctx.Err() == nil {
		return errors.Join(err, s.stop())
	}
	return s.wait(ctx)
}

// stops are the prompts of the tour.
var stops = []struct{ title, prompt, note string }{
	{"An ordinary prompt", "Write a haiku about the first snow in the mountains.",
		"Nothing in it is protected, so it went to the API that the client asked for."},
	{"A prompt with personal data", "Draft a friendly reminder to maria.lindqvist@nordbank.se that the transfer from SE45 5000 0000 0583 9825 7466 is late.",
		"An e-mail address and a bank account may not leave the organisation, so the model in-house served it."},
	{"A prompt with a secret", "Why does this fail? curl -H 'Authorization: token ghp_" + demoToken + "' https://git.example.net/api/user",
		"A credential goes nowhere, not even in-house: it must be removed, and rotated if it was real."},
}

// demoToken is random letters and digits in the form that a provider gives its
// tokens, so that the tour shows what happens to one. It opens nothing.
const demoToken = "R9mC2wQx7LhT4vZk8NsB1yJp6DfG3u1eQPzL"

func (s *server) tour(ctx context.Context, t tourist) error {
	w := t.out
	base := "http://" + pointTo(s.current.Load().cfg.Listen)
	fmt.Fprintln(w, "A short tour: three prompts, where each went, and why.")
	for i, stop := range stops {
		fmt.Fprintf(w, "\n%d. %s\n", i+1, stop.title)
		fmt.Fprintf(w, "   prompt    %s\n", stop.prompt)
		id, err := send(ctx, w, base, stop.prompt)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "   why       %s\n", stop.note)
		if err := s.printAudit(ctx, w, id); err != nil {
			return err
		}
		t.pause(ctx)
	}
	fmt.Fprintf(w, `
It stays up. Try your own:

  curl -s %[1]s/v1/chat/completions -H 'content-type: application/json' \
    -d '{"model":"gpt-demo","messages":[{"role":"user","content":"My card is 5555 5555 5555 4444, my mail jo@bank.se"}]}' -i

  ostiary audit tail --log %[2]s
  ostiary audit verify --log %[2]s

Ctrl-C ends it.
`, base, s.places.log)
	return nil
}

// send posts one prompt as a client would and prints what the client sees.
func send(ctx context.Context, w io.Writer, base, prompt string) (decisionID string, err error) {
	body, err := json.Marshal(struct {
		Model    string              `json:"model"`
		Messages []map[string]string `json:"messages"`
	}{"gpt-demo", []map[string]string{{"role": "user", "content": prompt}}})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("content-type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
		Error   struct{ Code, Message string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("the answer is no JSON (status %d)", resp.StatusCode)
	}
	fmt.Fprintf(w, "   action    %s", resp.Header.Get(proxy.HeaderAction))
	if pool := resp.Header.Get(proxy.HeaderPool); pool != "" && pool != proxy.PoolNone {
		fmt.Fprintf(w, " to %s", pool)
	}
	fmt.Fprintf(w, " (HTTP %d)\n", resp.StatusCode)
	if answer.Error.Code != "" {
		fmt.Fprintf(w, "   client    %s: %s\n", answer.Error.Code, answer.Error.Message)
	} else if len(answer.Choices) > 0 {
		fmt.Fprintf(w, "   client    %s\n", answer.Choices[0].Message.Content)
	}
	return resp.Header.Get(proxy.HeaderDecisionID), nil
}

// printAudit prints what the audit log says of a decision.
func (s *server) printAudit(ctx context.Context, w io.Writer, id string) error {
	ev, err := s.ledger.decision(ctx, id)
	switch {
	case err != nil:
		return err
	case ev == nil:
		return fmt.Errorf("the audit log has no decision %s", id)
	}
	var parts []string
	for _, f := range ev.Findings {
		parts = append(parts, fmt.Sprintf("%d %s (%s)", f.Count, f.Type, f.Likelihood))
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	fmt.Fprintf(w, "   findings  %s\n", strings.Join(parts, ", "))
	for _, r := range ev.Decision.Reasons {
		fmt.Fprintf(w, "   rule      %s/%s: %s\n", r.Policy, r.Rule, r.Title)
	}
	fmt.Fprintf(w, "   recorded  %s, before the first byte left\n", id)
	return nil
}
