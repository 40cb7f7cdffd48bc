// Command ostiary is a data-governance proxy for language models: it inspects
// every prompt, lets Rego policies decide where it may go, and keeps a
// tamper-evident log of what it decided.
//
// This package is the only place where the rooms of the module are wired
// together. Each command is one file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses of every command.
const (
	exitYes     = 0 // done; the answer is yes
	exitNo      = 1 // the answer is no: an altered log, a refused configuration, nothing found
	exitUnknown = 2 // could not tell: usage, unreadable input, incomplete data
)

// version is set by the linker on release.
var version = "0.1.0-dev"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// answer is an error that only carries an exit status: the command has said
// what there is to say.
type answer struct{ status int }

func (a answer) Error() string { return fmt.Sprintf("exit status %d", a.status) }

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, s streams) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	var a answer
	switch {
	case err == nil:
		return exitYes
	case errors.As(err, &a):
		return a.status
	}
	fmt.Fprintf(s.err, "ostiary: %v\n", err)
	return exitUnknown
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ostiary",
		Short: "A doorkeeper for language models: inspects every prompt, asks your policies, keeps the book",
		Long: `Ostiary stands between your applications and the language models they use. It
reads every prompt, recognises personal data and secrets, asks your Rego
policies, and then lets the request go to a closed API, sends it to a model
in-house, masks it, or refuses it. What it decided, and why, is in a
tamper-evident log before the first byte leaves.

Try it without keys and without GPUs:

  ostiary demo

Put it in front of an application:

  ostiary run                          # OpenAI, Anthropic and the first local model server
  export OPENAI_BASE_URL=http://127.0.0.1:8484/v1
  export ANTHROPIC_BASE_URL=http://127.0.0.1:8484

Make it yours:

  ostiary init
  ostiary check --config ostiary.yaml
  ostiary run --config ostiary.yaml

Exit status: 0 yes, 1 the answer is no, 2 could not tell.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w\nSee '%s --help'", err, c.CommandPath())
	})
	root.AddCommand(runCommand(), demoCommand(), checkCommand(), initCommand(), classifyCommand(), typesCommand(), validateCommand(), evaluateCommand(),
		grantCommand(), auditCommand(), envoyCommand(), policyCommand(), explainCommand(), providersCommand(), collectCommand(), caCommand(), envCommand(), doctorCommand(), meshCommand(),
		redirectCommand(), execCommand(), execInsideCommand())
	return root
}
