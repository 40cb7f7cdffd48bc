package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/durable"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
)

// Bounds of what the commands that keep the log take.
const (
	keepValue  = 32 << 10 // bytes of a value on standard input
	keepPrints = 1000     // fingerprints in one erasure
	keepFile   = 16 << 10 // bytes of a key file
)

// auditKeepCommands gives the commands that look after the log: what the law asks for,
// keys, copies, and what to do when it is damaged.
func auditKeepCommands() []*cobra.Command {
	return []*cobra.Command{
		auditHashCommand(), auditRevealCommand(), auditKeyCommand(), auditEraseCommand(), auditHoldCommand(), auditRetainCommand(),
		auditRotateCommand(), auditRepairCommand(), auditReindexCommand(), auditFsckCommand(), auditBackupCommand(), auditRestoreCommand(),
	}
}

// whyFlags say why something is done. It is recorded.
type whyFlags struct{ reason, ticket, approver, approverFile string }

// add adds them. Without a usual reason they have to be given.
func (f *whyFlags) add(c *cobra.Command, usual string) {
	p := c.Flags()
	p.StringVar(&f.reason, "reason", usual, "`CODE` why: one of "+strings.Join(audit.Codes(), ", "))
	p.StringVar(&f.ticket, "ticket", "", "`NUMBER` of the case, recorded in the personal part")
	if usual == "" {
		required(c, "reason", "ticket")
	}
}

// request gives them as acts take them that need no more.
func (f *whyFlags) request() console.ActRequest {
	return console.ActRequest{Reason: f.reason, Ticket: f.ticket}
}

func (f *whyFlags) addApprover(c *cobra.Command) {
	p := c.Flags()
	p.StringVar(&f.approver, "approver", "", "`NAME` of the second person who agreed, recorded as you say it; with -, it comes from standard input")
	p.StringVar(&f.approverFile, "approver-file", "", "`FILE` with the name of the second person")
	c.MarkFlagsMutuallyExclusive("approver", "approver-file")
}

// whyApprover says, in the help of commands that take an approver, how the name is best
// given.
const whyApprover = `A name on the command line stands in the list of processes, where every user of
the machine sees it, and in the history of your shell. --approver - takes it from
standard input, --approver-file from a file.`

// readApprover reads the name of the second person from where the flags say. taken says
// what standard input is there for already; empty where it is free.
func (f *whyFlags) readApprover(c *cobra.Command, in *bufio.Reader, taken string) error {
	const what = "name of the second person"
	switch {
	case f.approver == "-" && taken != "":
		return fmt.Errorf("--approver -: standard input has the %s: give the name by --approver-file FILE", taken)
	case f.approver == "-":
		name, err := valueOf(c, in, what)
		f.approver = name
		return err
	case f.approverFile == "":
		return nil
	}
	b, err := readFile(f.approverFile, keepValue)
	if err != nil {
		return fmt.Errorf("--approver-file: %w", err)
	}
	name := strings.TrimSpace(string(b))
	if name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n") {
		return fmt.Errorf("--approver-file %s: want one line with the %s, in UTF-8", f.approverFile, what)
	}
	f.approver = name
	return nil
}

// valueOf reads a value from standard input: all of it, or one line of somebody at a
// keyboard. The end of the line is no part of it.
func valueOf(c *cobra.Command, in *bufio.Reader, what string) (string, error) {
	var b []byte
	var err error
	if isTerminal(c.InOrStdin()) {
		fmt.Fprintf(c.ErrOrStderr(), "%s: ", what)
		if b, err = in.ReadBytes('\n'); errors.Is(err, io.EOF) {
			err = nil
		}
	} else {
		b, err = io.ReadAll(io.LimitReader(in, keepValue+1))
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("read the %s from standard input: %w", what, err)
	case len(b) > keepValue:
		return "", fmt.Errorf("the %s on standard input is longer than %d bytes", what, keepValue)
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	switch {
	case len(b) == 0:
		return "", fmt.Errorf("no %s on standard input; pipe it in, as in the examples of --help", what)
	case !utf8.Valid(b):
		return "", fmt.Errorf("the %s on standard input is not UTF-8", what)
	}
	return string(b), nil
}

func auditHashCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	var typ string
	c := &cobra.Command{
		Use:   "hash --type TYPE",
		Short: "Find the events that mention a value, for somebody who asks what is kept of them",
		Long: `Reads a value from standard input and prints its fingerprints, one for each
epoch of 30 days whose key is there, and the events whose personal part has one of
them. The log holds no value: whoever has the keys can look one up, and nobody can
read one out. The look is recorded, as an event of kind access, before it is answered.

  printf '%s' "$ADDRESS" | ostiary audit hash --type EMAIL_ADDRESS --ticket DSR-17
  ostiary audit hash --type IBAN_CODE < iban.txt
  ostiary audit hash --type SUBJECT                # the name of who asked; typed in
  ostiary audit hash --type EMAIL_ADDRESS --json < value | jq -r '.fingerprints[]' |
    ostiary audit erase --fingerprint - --reason subject_request --ticket DSR-17 --yes

'ostiary types' lists the types. Names, dates, addresses and diagnoses have no
fingerprint, and neither has what is shorter than ten characters: who has the keys
could try them all. A running Ostiary is asked; where none runs, the log is opened.

Exit status: 0 events mention it, 1 none does, 2 could not tell.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			value, err := valueOf(c, bufio.NewReader(c.InOrStdin()), "value")
			if err != nil {
				return err
			}
			return kept(c, &f, printHashed, func(got console.Hashed) bool { return got.Events > 0 }, func(k *keeper) (console.Hashed, error) {
				return k.Hash(c.Context(), console.HashRequest{Type: typ, Value: value, Reason: why.reason, Ticket: why.ticket})
			})
		},
	}
	f.add(c)
	why.add(c, "subject_request")
	c.Flags().StringVar(&typ, "type", "", "`TYPE` of the value, such as EMAIL_ADDRESS")
	required(c, "type")
	return c
}

func printHashed(w io.Writer, got console.Hashed, asJSON bool) error {
	if asJSON {
		return writeJSON(w, got)
	}
	fmt.Fprintf(w, "%d events mention it\n\n", got.Events)
	for _, p := range got.Fingerprints {
		fmt.Fprintf(w, "  fingerprint  %s\n", printable(p))
	}
	for _, r := range got.Refs {
		fmt.Fprintf(w, "  record       %d\n", r.Index)
	}
	if more := got.Events - int64(len(got.Refs)); more > 0 {
		fmt.Fprintf(w, "               and %d more\n", more)
	}
	_, err := fmt.Fprintf(w, "  recorded as  %s\n", got.EventID)
	return err
}

func auditRevealCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	var keyFile string
	c := &cobra.Command{
		Use:   "reveal ID --key FILE",
		Short: "Open the sealed evidence of a decision",
		Long: `Prints the excerpts that were sealed with a decision: what was found, and some
words around it. Ostiary cannot open them: it gives what is sealed, and this command
opens it with your private key, which does not leave this process. That you asked is
recorded, with the reason, before anything is given.

  ostiary audit reveal 01JDQ7ZK3M9V0000000000000 --key dpo.key --reason investigation --ticket INC-4
  ostiary audit reveal 01JDQ7ZK3M9V0000000000000 --key dpo.key --reason incident --ticket INC-4 --approver -

'ostiary audit key' makes the key; evidence is sealed where log.evidence of the
configuration says so. What is printed is content: mind where it goes.

` + whyApprover + `

Exit status: 0 opened, 1 there is none or it was erased, 2 could not be opened.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			// Nothing is recorded of a reveal that could not be opened for want of a key.
			key, err := readEvidenceKey(keyFile)
			if err != nil {
				return err
			}
			if err := why.readApprover(c, bufio.NewReader(c.InOrStdin()), ""); err != nil {
				return err
			}
			id := strings.ToUpper(strings.TrimSpace(args[0]))
			return f.do(c, func(k *keeper) error {
				if err := k.find(c.Context()); err != nil {
					return err
				}
				got, err := k.Reveal(c.Context(), id, console.RevealRequest{Reason: why.reason, Ticket: why.ticket, Approver: why.approver})
				if err != nil {
					return err
				}
				return printRevealed(c, key, got, f.json)
			})
		},
	}
	f.add(c)
	why.add(c, "")
	why.addApprover(c)
	c.Flags().StringVar(&keyFile, "key", "", "`FILE` with the private key of evidence, mode 0600")
	required(c, "key")
	return c
}

// readEvidenceKey reads a private key from a file that nobody else may read.
func readEvidenceKey(name string) (*vault.EvidenceKey, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("--key %s: others may read it (mode %#o): chmod 600 it, and think about who has read it", name, st.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(file, keepFile))
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	key, err := vault.ParseEvidenceKey(string(b))
	if err != nil {
		return nil, fmt.Errorf("--key %s: %w", name, err)
	}
	return key, nil
}

// openedEvidence is a piece of evidence as `reveal --json` prints it.
type openedEvidence struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	vault.Excerpt
}

// printRevealed opens evidence and prints it.
func printRevealed(c *cobra.Command, key *vault.EvidenceKey, got console.Revealed, asJSON bool) error {
	failed := 0
	w := c.OutOrStdout()
	for _, r := range got.Evidence {
		if n, ok := vault.More(r.Type); ok {
			fmt.Fprintf(c.ErrOrStderr(), "%d more were found, of which none was kept\n", n)
			continue
		}
		e, err := vault.OpenEvidence(key, r, got.ID)
		if err != nil {
			failed++
			fmt.Fprintf(c.ErrOrStderr(), "%s, sealed to %s: %v\n", printable(r.Type), printable(r.To), err)
			continue
		}
		if asJSON {
			err = writeJSON(w, openedEvidence{ID: got.ID, Type: e.Type, Excerpt: e})
		} else {
			cut := ""
			if e.Cut > 0 {
				cut = fmt.Sprintf(" (%d bytes left out)", e.Cut)
			}
			_, err = fmt.Fprintf(w, "%s in %s: %s[%s]%s%s\n", printable(e.Type), printable(e.Role), printable(e.Before), printable(e.Match), printable(e.After), cut)
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(c.ErrOrStderr(), "recorded as %s\n", got.EventID)
	if failed > 0 {
		return answer{exitUnknown}
	}
	return nil
}

func auditKeyCommand() *cobra.Command {
	var name, dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "key --name NAME",
		Short: "Make the key pair of the data-protection officer",
		Long: `Makes a key pair for sealed evidence: NAME.key, which opens it, and NAME.pub, to
which Ostiary seals. Make it on the machine of whoever may open evidence, not on the
proxy's. The private half stays there and is lost with it: keep a copy in a safe.

  ostiary audit key --name dpo-2026
  scp dpo-2026.pub proxy:/etc/ostiary/          # and in its configuration:
                                                # log: {evidence: {key: /etc/ostiary/dpo-2026.pub}}

A file that is there is not written over.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			private, public, err := vault.GenerateEvidenceKey(name)
			if err != nil {
				return fmt.Errorf("--name: %w", err)
			}
			keyFile, pubFile := filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pub")
			if err := keepNew(pubFile, public+"\n", 0o644); err != nil {
				return err
			}
			if err := keepNew(keyFile, private+"\n", 0o600); err != nil {
				return errors.Join(err, os.Remove(pubFile))
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), map[string]string{"name": name, "private": keyFile, "public": pubFile})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s opens evidence: keep it from the proxy, and a copy in a safe\n%s seals it: name it under log.evidence.key of the configuration\n", keyFile, pubFile)
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "`NAME` of the key, which stands beside what is sealed to it")
	c.Flags().StringVar(&dir, "dir", ".", "`DIRECTORY` to write the two files to")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	required(c, "name")
	return c
}

// keepNew writes a file that is not there yet, durably.
func keepNew(name, text string, mode os.FileMode) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: take another name", name)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// eraseFlags say whose personal parts are erased.
type eraseFlags struct {
	subject, fingerprint, query string
	ids                         []string
	dry, yes                    bool
}

func auditEraseCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	var e eraseFlags
	c := &cobra.Command{
		Use:   "erase (--subject - | --fingerprint - | --id ID ... | -q QUERY)",
		Short: "Erase personal parts of events; the events and their proofs stay",
		Long: `Erases what events hold of a person: who asked, addresses, fingerprints, sealed
evidence. The events stay, and so does every proof: an empty place says that there was
a personal part. What is erased is recorded before it is done, with the reason.

  ostiary audit erase --subject - --reason subject_request --ticket DSR-17 < name.txt
  ostiary audit erase --fingerprint - --reason subject_request --ticket DSR-17 --yes < prints.txt
  ostiary audit erase --id 01JDQ7ZK3M9V0000000000000 --reason incident --ticket INC-4
  ostiary audit erase -q 'app:billing until:2026-01-01' --reason retention --ticket R-9 --dry-run

The name, and fingerprints (one a line, as 'ostiary audit hash' prints them), come from
standard input. --dry-run says how many there are and is recorded as a look. Of what
somebody did to the log nothing is erased, and nothing that a hold keeps. Copies that
were made of the log have personal parts of their own.

` + whyApprover + `

Exit status: 0 all is erased, 1 there was none or a hold keeps some, 2 could not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			in := bufio.NewReader(c.InOrStdin())
			requests, err := e.requests(c, in)
			if err != nil {
				return err
			}
			taken := ""
			switch {
			case e.subject != "":
				taken = "name of the subject"
			case e.fingerprint != "":
				taken = "fingerprints"
			}
			if err := why.readApprover(c, in, taken); err != nil {
				return err
			}
			if !e.yes && !e.dry && !isTerminal(c.InOrStdin()) {
				return errors.New("nobody is there to ask: add --yes to erase, or --dry-run to see what would be erased")
			}
			for i := range requests {
				r := &requests[i]
				r.Reason, r.Ticket, r.Approver = why.reason, why.ticket, why.approver
			}
			whole := func(got console.Effect) bool { return got.Parts > 0 && got.Held == 0 }
			return kept(c, &f, printErased, whole, func(k *keeper) (console.Effect, error) {
				if e.query != "" {
					if err := k.find(c.Context()); err != nil {
						return console.Effect{}, err
					}
				}
				if !e.yes && !e.dry {
					would, err := k.erase(c.Context(), requests, true)
					if err != nil {
						return would, err
					}
					if would.Parts > 0 {
						fmt.Fprintf(c.ErrOrStderr(), "%d personal parts would be erased, between records %d and %d. They cannot be had again. Type yes: ", would.Parts, would.First, would.Behind-1)
						line, err := in.ReadString('\n')
						if err != nil || strings.TrimSpace(line) != "yes" {
							fmt.Fprintln(c.ErrOrStderr(), "nothing was erased")
							return would, answer{exitNo}
						}
					}
				}
				return k.erase(c.Context(), requests, e.dry)
			})
		},
	}
	f.add(c)
	why.add(c, "")
	why.addApprover(c)
	p := c.Flags()
	p.StringVar(&e.subject, "subject", "", "with -, all of who asked: the name comes from standard input")
	p.StringVar(&e.fingerprint, "fingerprint", "", "with -, all that mention a value: the fingerprints come from standard input")
	p.StringSliceVar(&e.ids, "id", nil, "all that belongs to the event `ID`; may be given again")
	p.StringVarP(&e.query, "query", "q", "", "all that `QUERY` finds; see 'ostiary audit search --help'")
	p.BoolVar(&e.dry, "dry-run", false, "say what would be erased")
	p.BoolVar(&e.yes, "yes", false, "do not ask")
	c.MarkFlagsMutuallyExclusive("subject", "fingerprint", "id", "query")
	c.MarkFlagsOneRequired("subject", "fingerprint", "id", "query")
	return c
}

// requests makes what the API is asked for.
func (e *eraseFlags) requests(c *cobra.Command, in *bufio.Reader) ([]console.EraseRequest, error) {
	for name, value := range map[string]string{"--subject": e.subject, "--fingerprint": e.fingerprint} {
		if value != "" && value != "-" {
			return nil, fmt.Errorf("%s takes - alone: the value comes from standard input, where no list of processes shows it", name)
		}
	}
	switch {
	case e.subject != "":
		name, err := valueOf(c, in, "name")
		return []console.EraseRequest{{Subject: name}}, err
	case e.fingerprint != "":
		text, err := valueOf(c, in, "fingerprint")
		if err != nil {
			return nil, err
		}
		var out []console.EraseRequest
		for _, p := range strings.Fields(text) {
			out = append(out, console.EraseRequest{Fingerprint: p})
		}
		if len(out) == 0 || len(out) > keepPrints {
			return nil, fmt.Errorf("standard input must hold 1 to %d fingerprints", keepPrints)
		}
		return out, nil
	case len(e.ids) > 0:
		return []console.EraseRequest{{IDs: e.ids}}, nil
	}
	return []console.EraseRequest{{Query: e.query}}, nil
}

// erase does all of them, or says what they would do. A record that several are about
// counts once for each of them where nothing is done.
func (k *keeper) erase(ctx context.Context, requests []console.EraseRequest, dry bool) (console.Effect, error) {
	sum := console.Effect{Dry: dry, Holds: []string{}}
	for _, r := range requests {
		r.DryRun = dry
		got, err := k.Erase(ctx, r)
		if err != nil {
			return sum, err
		}
		if got.Parts > 0 {
			if sum.Parts == 0 {
				sum.First = got.First
			}
			sum.First, sum.Behind = min(sum.First, got.First), max(sum.Behind, got.Behind)
		}
		sum.Parts += got.Parts
		sum.Held += got.Held
	}
	return sum, nil
}

func printErased(w io.Writer, got console.Effect, asJSON bool) error {
	if asJSON {
		return writeJSON(w, got)
	}
	done := "were erased"
	if got.Dry {
		done = "would be erased"
	}
	if got.Parts > 0 {
		fmt.Fprintf(w, "%d personal parts %s, between records %d and %d\n", got.Parts, done, got.First, got.Behind-1)
	} else {
		fmt.Fprintf(w, "0 personal parts %s\n", done)
	}
	if got.Held > 0 {
		fmt.Fprintf(w, "%d are kept by a hold: 'ostiary audit hold list' names them\n", got.Held)
	}
	return nil
}

func auditHoldCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "hold",
		Short: "Keep records from being erased or removed, while a case is open",
		Long: `A hold keeps records as they are: none is removed by retention, and no personal
part of them is erased, until the hold is released. Both are recorded.

  ostiary audit hold set case-7 --reason litigation --ticket L-7             # all of it, and all that comes
  ostiary audit hold set case-8 --from 1000 --to 2000 --reason investigation --ticket L-8
  ostiary audit hold list
  ostiary audit hold release case-7 --reason litigation --ticket L-7`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(holdSetCommand(), holdListCommand(), holdReleaseCommand())
	return c
}

func holdSetCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	var r console.HoldRequest
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a hold",
		Long: `Sets a hold on the records from --from on to before --to: without them, on all
records there are and on all that come.

  ostiary audit hold set case-7 --reason litigation --ticket L-7

Exit status: 0 set, 1 there is one of that name, 2 could not be set.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.ID, r.Reason, r.Ticket = args[0], why.reason, why.ticket
			return kept(c, &f, printHolds, nil, func(k *keeper) ([]console.Hold, error) {
				got, err := k.Hold(c.Context(), r)
				return []console.Hold{got}, err
			})
		},
	}
	f.add(c)
	why.add(c, "")
	c.Flags().Int64Var(&r.From, "from", 0, "first `RECORD`")
	c.Flags().Int64Var(&r.To, "to", 0, "`RECORD` behind the last; without it, all that come")
	return c
}

func holdListCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the holds in force",
		Long: `Lists the holds in force, in the order in which they were set. It reads the files
alone.

  ostiary audit hold list --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := f.reader()
			if err != nil {
				return err
			}
			list, err := r.Holds()
			if err != nil {
				return err
			}
			out := make([]console.Hold, 0, len(list))
			for _, h := range list {
				out = append(out, console.Hold{ID: h.ID, From: h.From, To: h.To, Set: h.Set})
			}
			if len(out) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "no hold is in force")
			}
			return printHolds(c.OutOrStdout(), out, f.json)
		},
	}
	f.add(c)
	return c
}

func printHolds(w io.Writer, list []console.Hold, asJSON bool) error {
	for _, h := range list {
		var err error
		switch {
		case asJSON:
			err = writeJSON(w, h)
		case h.To == 0:
			_, err = fmt.Fprintf(w, "%s  records from %d on, set %s\n", printable(h.ID), h.From, printable(h.Set))
		default:
			_, err = fmt.Fprintf(w, "%s  records %d to %d, set %s\n", printable(h.ID), h.From, h.To-1, printable(h.Set))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func holdReleaseCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	c := &cobra.Command{
		Use:   "release NAME",
		Short: "Release a hold",
		Long: `Releases a hold. From then on retention and erasure reach its records.

  ostiary audit hold release case-7 --reason litigation --ticket L-7

Exit status: 0 released, 1 there is none of that name, 2 could not be released.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return kept(c, &f, printReleased, nil, func(k *keeper) (released, error) {
				return released{args[0]}, k.Release(c.Context(), args[0], why.request())
			})
		},
	}
	f.add(c)
	why.add(c, "")
	return c
}

// released is a hold that was released, as --json prints it.
type released struct {
	Name string `json:"released"`
}

func printReleased(w io.Writer, got released, asJSON bool) error {
	if asJSON {
		return writeJSON(w, got)
	}
	_, err := fmt.Fprintf(w, "%s is released\n", got.Name)
	return err
}

func auditRetainCommand() *cobra.Command {
	var f auditFlags
	var r console.RetainRequest
	var before string
	c := &cobra.Command{
		Use:   "retain --before TIME",
		Short: "Remove what is older than it may be kept",
		Long: `Removes whole segments all of whose events are older than a time, the oldest
first. What is removed is recorded before it is done; hashes and checkpoints stay, so
that what is left is proven as before. A running Ostiary does the same by itself where
the configuration says log.keep.

  ostiary audit retain --before 180d --dry-run
  ostiary audit retain --before 2026-01-01 --policy two-years --ticket R-9

It ends at the first segment that a hold keeps, or that a configured copy elsewhere
has not got.

Exit status: 0 done, 1 a hold or a copy that lags behind keeps some, 2 could not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			at, err := index.ParseTime(before, time.Now())
			if err != nil {
				return fmt.Errorf("--before: %w", err)
			}
			r.Before = at.UTC().Format(time.RFC3339Nano)
			whole := func(got console.Effect) bool { return len(got.Holds) == 0 }
			return kept(c, &f, printRetained, whole, func(k *keeper) (console.Effect, error) { return k.Retain(c.Context(), r) })
		},
	}
	f.add(c)
	c.Flags().StringVar(&before, "before", "", "remove what is from before this `TIME`: 180d, 2026-01-01, 2026-01-01T00:00:00Z")
	c.Flags().StringVar(&r.Policy, "policy", "by-hand", "`NAME` of the rule that asks for it; recorded")
	c.Flags().StringVar(&r.Ticket, "ticket", "", "`NUMBER` of the case, recorded in the personal part")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "say what would be removed")
	required(c, "before")
	return c
}

func printRetained(w io.Writer, got console.Effect, asJSON bool) error {
	if asJSON {
		return writeJSON(w, got)
	}
	done := "were removed"
	if got.Dry {
		done = "would be removed"
	}
	var err error
	if got.Segments > 0 {
		_, err = fmt.Fprintf(w, "%d segments %s: records %d to %d, %d bytes\n", got.Segments, done, got.First, got.Behind-1, got.Bytes)
	} else {
		_, err = fmt.Fprintf(w, "0 segments %s\n", done)
	}
	for _, h := range got.Holds {
		if h == audit.HeldByCopies {
			fmt.Fprintln(w, "what follows is kept: a copy elsewhere has not got it")
			continue
		}
		fmt.Fprintf(w, "what follows is kept by the hold %s\n", printable(h))
	}
	return err
}

func auditRotateCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Let another key sign the log from now on",
		Long: `Makes a new key in the key directory. The old key and the new one both sign a
statement of that, which is recorded; afterwards the old one signs nothing more, and
its private half is removed. Whoever has kept the old verifier key still verifies all
of the log with it. Keep the new one, which is printed, outside this machine.

  ostiary audit rotate
  ostiary audit rotate --reason incident --ticket INC-4       # the key may have been copied

A key that a command signs with (log.key.command) is not changed by this.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := f.settings()
			if err != nil {
				return err
			}
			if len(cfg.Log.Key.Command) > 0 {
				return errors.New("the configuration's log.key.command signs this log: a key of the key directory cannot follow it")
			}
			return kept(c, &f, printRotated, nil, func(k *keeper) (console.Rotation, error) { return k.Rotate(c.Context(), why.request()) })
		},
	}
	f.add(c)
	why.add(c, "scheduled")
	return c
}

func printRotated(w io.Writer, got console.Rotation, asJSON bool) error {
	if asJSON {
		return writeJSON(w, got)
	}
	_, err := fmt.Fprintf(w, "the verifier key is now, to be kept elsewhere:\n%s\n", strings.TrimSpace(got.Key))
	return err
}

func auditRepairCommand() *cobra.Command {
	var f auditFlags
	var why whyFlags
	c := &cobra.Command{
		Use:   "repair",
		Short: "Put a damaged log aside as evidence, and begin a new one",
		Long: `For a log that Ostiary does not start with, because it is damaged or was altered.
It is moved beside itself, to DIRECTORY.damaged-1, and left as it is: it is evidence.
A new log, under a new name, is begun in its place; its first event says what the old
one was called, how much of it can be proven, and what is wrong with it. A log is never
mended in place: what was signed once cannot be signed otherwise without being a fork.

  ostiary audit verify                              # first: what is wrong?
  ostiary audit repair --reason incident --ticket INC-4

Put back a backup or a replica instead, if one ends no earlier: see 'ostiary audit
restore --help'. Ostiary may not be running.

Exit status: 0 a new log was begun, 1 there is nothing to repair, 2 could not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, p, err := f.settings()
			if err != nil {
				return err
			}
			if err := isThere(p.log); err != nil {
				return err
			}
			o, err := logOptions(cfg, p)
			if err != nil {
				return err
			}
			by := console.By{Role: console.Admin, UID: os.Getuid(), Ticket: why.ticket}
			got, err := audit.Repair(p.log, o, audit.Act{Code: why.reason, Role: string(console.Admin), Who: by.Who()})
			if errors.Is(err, audit.ErrWhole) {
				fmt.Fprintf(c.ErrOrStderr(), "ostiary: %v\n", err)
				return answer{exitNo}
			}
			if err != nil {
				return err
			}
			if f.json {
				return writeJSON(c.OutOrStdout(), repaired{got.Evidence, got.Origin, got.Former, got.Records, got.Signed, got.FirstBad, got.Why})
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "the damaged log is evidence now: %s\n\n", got.Evidence)
			fmt.Fprintf(w, "  wrong     %s\n  called    %s\n  can be read and proven: %d records; signed: %d\n", printable(got.Why), printable(got.Former), got.Records, got.Signed)
			if got.FirstBad >= 0 {
				fmt.Fprintf(w, "  first bad record: %d\n", got.FirstBad)
			}
			_, err = fmt.Fprintf(w, "\nthe new log in its place is %s. Keep the evidence as long as you would have kept\nits events, and look for the cause: an alteration is an incident.\n", got.Origin)
			return err
		},
	}
	f.add(c)
	why.add(c, "incident")
	return c
}

// repaired is a repair as `repair --json` prints it.
type repaired struct {
	Evidence string `json:"evidence"`
	Origin   string `json:"origin"`
	Former   string `json:"former"`
	Records  int64  `json:"records"`
	Signed   int64  `json:"signed"`
	FirstBad int64  `json:"first_bad"` // -1 where not known
	Why      string `json:"why"`
}

func auditReindexCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "reindex",
		Short: "Make the index and the list of holds anew of the events",
		Long: `Makes all files that are derived of the events anew, whatever they hold: the
index of each full segment, and the list of holds. The events are not touched.

  ostiary audit fsck                # says whether it is needed
  ostiary audit reindex

While Ostiary runs, the index can be made anew; the list of holds is that one's, and is
only compared.

Exit status: 0 done, 2 could not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, p, err := f.settings()
			if err != nil {
				return err
			}
			r, err := openLog(p.log)
			if err != nil {
				return err
			}
			x, err := index.Open(p.log, index.Options{Failed: func(err error) { fmt.Fprintf(c.ErrOrStderr(), "ostiary: %v\n", err) }})
			if err != nil {
				return err
			}
			if err := x.Reindex(c.Context()); err != nil {
				return err
			}
			holds, err := remakeHolds(cfg, p, r)
			if err != nil {
				return err
			}
			list, err := r.Segments()
			if err != nil {
				return err
			}
			sealed := 0
			for _, s := range list {
				if s.Sealed {
					sealed++
				}
			}
			if f.json {
				return writeJSON(c.OutOrStdout(), map[string]int{"segments": sealed, "holds": holds})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "the index of %d full segments and the list of %d holds are as the events say\n", sealed, holds)
			return err
		},
	}
	f.add(c)
	return c
}

// remakeHolds makes the list of holds anew where it is not as the events say, and
// gives their number.
func remakeHolds(cfg *config.Config, p places, r *audit.Reader) (int, error) {
	want, err := holdsOfEvents(r)
	if err != nil {
		return 0, err
	}
	have, err := r.Holds()
	if err == nil && sameHolds(have, want) {
		return len(want), nil
	}
	o, err := logOptions(cfg, p)
	if err != nil {
		return 0, err
	}
	l, err := audit.Open(p.log, o)
	if errors.Is(err, audit.ErrLocked) {
		return 0, fmt.Errorf("the index was made anew; the list of holds is not as the events say, and %w: stop it, and run this again", err)
	}
	if err != nil {
		return 0, err
	}
	n, err := l.RemakeHolds()
	return n, errors.Join(err, l.Close())
}

// toldOf gives what the events of a kind from an index on say was done.
func toldOf(r *audit.Reader, from int64, kind string) iter.Seq2[*proxy.AdminRecord, error] {
	mark := []byte(`"kind":"` + kind + `"`)
	return func(yield func(*proxy.AdminRecord, error) bool) {
		for rec, err := range r.Records(from) {
			var ev *proxy.Event
			if err == nil {
				if !bytes.Contains(rec.JSON, mark) {
					continue
				}
				ev, err = rec.Event()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if ev.Kind == kind && ev.Admin != nil && !yield(ev.Admin, nil) {
				return
			}
		}
	}
}

// holdsOfEvents gives the holds in force by the events that set and released them.
func holdsOfEvents(r *audit.Reader) ([]audit.Hold, error) {
	var list []audit.Hold
	for a, err := range toldOf(r, 0, proxy.EventRetention) {
		if err != nil {
			return nil, err
		}
		if a.Action != "hold" && a.Action != "release" {
			continue
		}
		list = slices.DeleteFunc(list, func(h audit.Hold) bool { return h.ID == a.Detail })
		if a.Action == "hold" {
			list = append(list, audit.Hold{ID: a.Detail, From: a.From, To: a.To})
		}
	}
	return list, nil
}

// sameHolds compares what holds hold. When they were set is in the events in more
// digits, and said again by each retention.
func sameHolds(a, b []audit.Hold) bool {
	byName := func(list []audit.Hold) []audit.Hold {
		out := slices.Clone(list)
		for i := range out {
			out[i].Set = ""
		}
		slices.SortFunc(out, func(a, b audit.Hold) int { return strings.Compare(a.ID, b.ID) })
		return out
	}
	return slices.Equal(byName(a), byName(b))
}

// checked is what fsck says of one thing.
type checked struct {
	Check  string   `json:"check"`  // records, personal, holds, index
	Answer string   `json:"answer"` // good, bad, unclear
	Found  []string `json:"found"`  // what is wrong, or could not be told
	Remedy string   `json:"remedy,omitempty"`
}

// The answers of one check.
const (
	fsckGood    = "good"
	fsckBad     = "bad"
	fsckUnclear = "unclear"
)

// fsckListed is how many findings of one kind are told one by one.
const fsckListed = 10

// fsckSettle is how often what changes under a running Ostiary is looked at again
// before it counts as wrong, and fsckPause the time between.
const (
	fsckSettle = 3
	fsckPause  = 500 * time.Millisecond
)

func auditFsckCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "fsck",
		Short: "Check all files of the log, and say what to do about what is wrong",
		Long: `Checks everything in the log's directory: the records against their signed
checkpoints ('ostiary audit verify'), the personal parts against what their events
commit to, and those that are empty, the list of holds and the index against what the
events tell. It changes nothing.

  ostiary audit fsck
  ostiary audit fsck --log /backup/ostiary/log --json

Exit status: 0 all is well, 1 something is wrong, 2 it could not be told.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.places()
			if err != nil {
				return err
			}
			if err := isThere(p.log); err != nil {
				return err
			}
			status := exitYes
			for _, check := range []func(context.Context, places) (checked, error){fsckRecords, fsckPersonal, fsckHolds, fsckIndex} {
				got, err := check(c.Context(), p)
				if err != nil {
					return err
				}
				switch {
				case got.Answer == fsckBad:
					status = exitNo
				case got.Answer == fsckUnclear && status == exitYes:
					status = exitUnknown
				}
				if f.json {
					got.Found = append([]string{}, got.Found...)
					err = writeJSON(c.OutOrStdout(), got)
				} else {
					err = got.print(c.OutOrStdout())
				}
				if err != nil {
					return err
				}
			}
			if status != exitYes {
				return answer{status}
			}
			return nil
		},
	}
	f.add(c)
	return c
}

func (k *checked) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%-8s %s\n", k.Check, strings.ToUpper(k.Answer))
	for _, s := range k.Found {
		fmt.Fprintf(w, "         - %s\n", printable(s))
	}
	if k.Remedy != "" && k.Answer != fsckGood {
		fmt.Fprintf(w, "         → %s\n", k.Remedy)
	}
	return err
}

// fsckRecords verifies the log, trusting what lies beside it.
func fsckRecords(_ context.Context, p places) (checked, error) {
	out := checked{Check: "records", Answer: fsckGood}
	trust, _, err := trustOf(p, nil, "")
	if err != nil {
		return out, err
	}
	r, err := audit.Verify(p.log, trust)
	if err != nil {
		return out, err
	}
	switch r.Answer {
	case audit.Altered:
		out.Answer, out.Found = fsckBad, r.Altered
		if r.FirstBad >= 0 {
			out.Found = append(slices.Clone(r.Altered), fmt.Sprintf("first bad record: %d", r.FirstBad))
		}
		out.Remedy = "change nothing; put back a copy that ends no earlier (`ostiary audit restore`), else `ostiary audit repair` puts this log aside as evidence"
	case audit.Unclear:
		out.Answer, out.Found = fsckUnclear, r.Unclear
		out.Remedy = "`ostiary audit verify --key FILE --checkpoint FILE` with copies that were kept elsewhere"
	}
	return out, nil
}

// unreadable says that records could not be read, which verifying has told of.
func unreadable(out checked, err error) (checked, error) {
	var d *audit.Damage
	if !errors.As(err, &d) {
		return out, err
	}
	out.Answer, out.Found = fsckUnclear, append(out.Found, fmt.Sprintf("%s %s: what follows was not looked at", d.Place, d.Why))
	out.Remedy = "see what is said of the records"
	return out, nil
}

// elsewhereOnly says that a copy of another's log has nothing of what is checked.
func elsewhereOnly(out checked, what string) checked {
	out.Answer = fsckUnclear
	out.Found = append(out.Found, "this is a copy of another's log, without its "+what+": only there they can be checked")
	out.Remedy = "`ostiary audit fsck` where that log is written"
	return out
}

// fsckPersonal compares personal parts with what their events commit to, and the empty
// ones with the events of what was erased.
func fsckPersonal(ctx context.Context, p places) (checked, error) {
	out := checked{Check: "personal", Answer: fsckGood}
	r, err := audit.OpenReader(p.log)
	if err != nil {
		return unreadable(out, err)
	}
	bad := 0
	wrong := func(index int64, why string) {
		if bad++; bad <= fsckListed {
			out.Found = append(out.Found, fmt.Sprintf("the personal part of record %d %s", index, why))
		}
	}
	var empty []int64
	replica := audit.IsReplica(p.log)
	for rec, err := range r.WithPersonal().Records(0) {
		if err != nil {
			return unreadable(out, err)
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		// What has no part says so in its event.
		if replica {
			if rec.Personal != nil {
				wrong(rec.Index, "stands in a copy of another's log, which has none")
			}
		} else if rec.Personal == nil {
			if bytes.Contains(rec.JSON, []byte(`"commitment":"`)) {
				if ev, err := rec.Event(); err == nil && ev.Personal != nil && ev.Personal.Commitment != "" {
					wrong(rec.Index, "is missing, and was not erased")
				}
			}
		} else if len(rec.Personal) == 0 {
			empty = append(empty, rec.Index)
		} else if _, err := rec.OpenPersonal(); err != nil {
			wrong(rec.Index, "is not the one that was recorded")
		}
	}
	// An erasure is recorded before it is done, so that what was empty is told of by now.
	told, err := erasures(r, 0)
	if err != nil {
		return unreadable(out, err)
	}
	var count int64
	for _, e := range told {
		count += e.Count
	}
	for _, index := range empty {
		if !slices.ContainsFunc(told, func(e proxy.AdminRecord) bool { return e.From <= index && index < e.To }) {
			wrong(index, "is empty, and no event tells that it was erased")
		}
	}
	if n := int64(len(empty)); bad == 0 && n > count {
		bad++
		out.Found = append(out.Found, fmt.Sprintf("%d personal parts are empty, and the events tell of %d", n, count))
	}
	if replica && bad == 0 {
		return elsewhereOnly(out, "personal parts"), nil
	}
	if bad > fsckListed {
		out.Found = append(out.Found, fmt.Sprintf("and %d more", bad-fsckListed))
	}
	if bad > 0 {
		out.Answer = fsckBad
		out.Remedy = "the events stand; somebody wrote into segments/*.personal: an incident. A backup may have the parts"
	}
	return out, nil
}

// erasures gives what the events from an index on tell of erased personal parts.
func erasures(r *audit.Reader, from int64) ([]proxy.AdminRecord, error) {
	var out []proxy.AdminRecord
	for a, err := range toldOf(r, from, proxy.EventErasure) {
		if err != nil {
			return nil, err
		}
		if a.Action == "erase" {
			out = append(out, *a)
		}
	}
	return out, nil
}

// fsckHolds compares the list of holds with the events.
func fsckHolds(ctx context.Context, p places) (checked, error) {
	if audit.IsReplica(p.log) {
		return elsewhereOnly(checked{Check: "holds"}, "holds"), nil
	}
	for n := 1; ; n++ {
		out := checked{Check: "holds", Answer: fsckGood, Remedy: "`ostiary audit reindex` makes the list anew of the events"}
		r, err := audit.OpenReader(p.log)
		if err != nil {
			return unreadable(out, err)
		}
		have, bad := r.Holds()
		want, err := holdsOfEvents(r)
		switch {
		case err != nil:
			return unreadable(out, err)
		case bad != nil:
			out.Found = append(out.Found, "the list of holds cannot be read: nothing is removed or erased meanwhile")
		case !sameHolds(have, want):
			out.Found = append(out.Found, fmt.Sprintf("the list names %d holds, and by the events there are %d: they are not the same", len(have), len(want)))
		default:
			return out, nil
		}
		if out.Answer = fsckBad; n == fsckSettle {
			return out, nil
		}
		if err := settled(ctx); err != nil {
			return out, err
		}
	}
}

// settled waits for what may be under way.
func settled(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(fsckPause):
		return nil
	}
}

// fsckIndex compares the index with the events. What is not there is no fault: it is
// made when it is needed.
func fsckIndex(ctx context.Context, p places) (checked, error) {
	out := checked{Check: "index", Answer: fsckGood}
	wrong, err := index.Check(ctx, p.log, nil)
	if err != nil {
		return unreadable(out, err)
	}
	missing := 0
	for _, n := range wrong {
		name := filepath.Join(index.Dir, fmt.Sprintf("%08d.cidx", n))
		if _, err := os.Stat(filepath.Join(p.log, name)); errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if len(out.Found) < fsckListed {
			out.Found = append(out.Found, name+" is not what the records give")
		}
		out.Answer = fsckBad
	}
	if missing > 0 {
		out.Found = append(out.Found, fmt.Sprintf("%d full segments have no index yet: it is made when it is needed", missing))
	}
	out.Remedy = "`ostiary audit reindex` makes it anew of the events"
	return out, nil
}

// Bounds of a copy of the log.
const (
	copyTries = 5       // of a log that changes under it
	copyPage  = 4 << 10 // bytes of an open segment that are read at once
)

// copyHead are the files that are copied before anything else: they say how far the
// log goes, and may say too little but never too much.
func copyHead() []string {
	return []string{"committed", "checkpoint", "log.pub", "rotations", "pruned", "erasing", "tile/sealed"}
}

// copyTail are the files that are copied last: they may say more than the records of
// the copy do. An erasure that they say is under way is carried out when the copy is
// opened, a hold that they have keeps too much.
func copyTail() []string { return []string{"erasing", "holds"} }

// errMoving says that a log changed so that its copy has to be begun anew.
var errMoving = errors.New("the log changed while it was copied")

// copyLog copies the log in a directory to a place that is not there, also while
// another process appends to it: without keys, and without what is prepared for
// records to come. The order is what makes the copy one that could have been left by a
// crash: first what says how far the log goes, then hashes, then records, each file of
// them from its end to its beginning where it is appended to.
func copyLog(ctx context.Context, from, to string) error {
	r, err := audit.OpenReader(from)
	if err != nil {
		return err
	}
	size, err := r.Size()
	if err != nil {
		return err
	}
	for _, name := range copyHead() {
		if err := copyFile(from, to, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{"checkpoints", "tile"} {
		if err := copyTree(ctx, from, to, dir); err != nil {
			return err
		}
	}
	list, err := r.Segments()
	if err != nil {
		return err
	}
	held := map[int64]*heldFile{}
	for _, s := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if held[s.Number], err = copySegment(from, to, s.Number); err != nil {
			return err
		}
	}
	for _, name := range copyTail() {
		if err := copyFile(from, to, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// A part that was erased meanwhile may not come back with the copy, whose records
	// tell of the erasure.
	for number, was := range held {
		for n := 0; !was.same(from); n++ {
			if n == copyTries {
				return errMoving
			}
			if was, err = copySegment(from, to, number); err != nil {
				return err
			}
		}
	}
	if err := untouched(from, size); err != nil {
		return err
	}
	return syncDirs(to)
}

// untouched fails with errMoving where something was erased since the log had a size:
// of a copy that was begun then, parts may be empty of which its records do not tell.
func untouched(from string, size int64) error {
	r, err := audit.OpenReader(from)
	if err != nil {
		return err
	}
	since, err := erasures(r, size)
	if err == nil && len(since) > 0 {
		err = errMoving
	}
	return err
}

// heldFile is the file that held the personal parts of a segment when it was copied.
type heldFile struct {
	name string
	info os.FileInfo
	open bool // records are appended to it, so that it may have grown
}

// same says whether the file is the one that was copied. nil is a segment without
// personal parts, which gets none.
func (h *heldFile) same(from string) bool {
	if h == nil {
		return true
	}
	is, err := os.Stat(filepath.Join(from, h.name))
	return err == nil && os.SameFile(is, h.info) && (h.open || is.Size() == h.info.Size() && is.ModTime().Equal(h.info.ModTime()))
}

// copySegment copies the files of one segment, whether it is packed or not, or is
// packed meanwhile.
func copySegment(from, to string, number int64) (*heldFile, error) {
	base := fmt.Sprintf("segments/%08d", number)
	h := &heldFile{name: base + ".log", open: true}
	var err error
	if h.info, err = os.Stat(filepath.Join(from, h.name)); err == nil {
		err = copyBackwards(from, to, h.name)
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return h, err
	}
	// Of a segment that was copied before it was packed.
	if err := os.Remove(filepath.Join(to, h.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	h = &heldFile{name: base + ".personal"}
	if h.info, err = os.Stat(filepath.Join(from, h.name)); err == nil {
		err = copyFile(from, to, h.name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		h, err = nil, nil // no event of it has any
	}
	if err == nil {
		err = copyFile(from, to, base+".seg")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errMoving // retention removed it
	}
	if err != nil {
		return nil, err
	}
	if err := copyFile(from, to, fmt.Sprintf("%s/%08d.cidx", index.Dir, number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return h, nil
}

// create makes a file of a copy, and the directories to it.
func create(to, name string) (*os.File, error) {
	dest := filepath.Join(to, name)
	if err := os.MkdirAll(filepath.Dir(dest), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// copyFile copies one file below a directory.
func copyFile(from, to, name string) error {
	src, err := os.Open(filepath.Join(from, name))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := create(to, name)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}

// copyBackwards copies a file that is appended to from its end to its beginning: what
// lies before something that the copy has was written before it, and is in the copy
// too. Pages of zeros are left out.
func copyBackwards(from, to, name string) error {
	src, err := os.Open(filepath.Join(from, name))
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := create(to, name)
	if err != nil {
		return err
	}
	err = dst.Truncate(st.Size())
	page, zeros := make([]byte, copyPage), make([]byte, copyPage)
	for at := (st.Size() - 1) / copyPage * copyPage; err == nil && at >= 0; at -= copyPage {
		var n int
		if n, err = src.ReadAt(page, at); errors.Is(err, io.EOF) {
			err = nil
		}
		if err == nil && !bytes.Equal(page[:n], zeros[:n]) {
			_, err = dst.WriteAt(page[:n], at)
		}
	}
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}

// copyTree copies the files below a directory. One that is gone meanwhile was replaced
// by another, which is not needed.
func copyTree(ctx context.Context, from, to, dir string) error {
	return filepath.WalkDir(filepath.Join(from, dir), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.Type().IsRegular() || strings.HasSuffix(path, ".new"):
			return nil
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if name == "tile/sealed" {
			return nil // it was copied before
		}
		if err := copyFile(from, to, name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// syncDirs makes the names of a tree durable.
func syncDirs(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return durable.SyncDir(path)
	})
}

// placed is a copy as backup and restore print it.
type placed struct {
	Log     string   `json:"log"`
	Answer  string   `json:"answer"` // of its verification: good, altered, unclear
	Origin  string   `json:"origin"`
	Size    int64    `json:"size"`
	Signed  int64    `json:"signed"`
	Found   []string `json:"found"`
	Goes    *bool    `json:"goes_on,omitempty"` // of restore: whether Ostiary can go on with it
	Because string   `json:"because,omitempty"`
}

func auditBackupCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "backup DESTINATION",
		Short: "Copy the log while it is written, and verify the copy",
		Long: `Copies the log to a directory that is not there yet, while Ostiary runs or not,
and verifies the copy. It holds personal parts, so keep it as you keep the log; what is
erased later is not erased in it. It holds no keys: back up the key directory apart
from it (by default, DIRECTORY.keys beside the log).

  ostiary audit backup /backup/ostiary-2026-11-24
  ostiary audit verify --log /backup/ostiary-2026-11-24 --key log.pub --checkpoint seen.checkpoint

Exit status: 0 the copy is good, 1 it is not, because the log is not, 2 it could not be
told, or there is no copy.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.places()
			if err == nil {
				_, err = openLog(p.log)
			}
			if err != nil {
				return err
			}
			dest, err := vacant(args[0])
			if err != nil {
				return err
			}
			// Both are from before the copy: it must reach as far.
			trust, err := audit.Trusted(p.keys, p.log)
			if err != nil {
				return err
			}
			var r *audit.Report
			for n := 1; ; n++ {
				r, err = place(c.Context(), p.log, dest, trust)
				if err == nil || !errors.Is(err, errMoving) || n == copyTries {
					break
				}
			}
			if err != nil {
				return fmt.Errorf("copy the audit log: %w", err)
			}
			out := newPlaced(dest, r)
			if err := out.print(c.OutOrStdout(), "the copy", f.json); err != nil {
				return err
			}
			if r.Answer != audit.Good {
				return answer{int(r.Answer)}
			}
			return nil
		},
	}
	f.add(c)
	return c
}

// vacant gives the absolute path of a directory that is not there, or is empty and goes.
func vacant(name string) (string, error) {
	dest, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	// Fails where there is something in it, or where it is none.
	if err := os.Remove(dest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
			return "", fmt.Errorf("%s is not empty: name a directory that is not there", dest)
		}
		return "", err
	}
	return dest, nil
}

// place copies a log beside its destination, verifies the copy, and puts it there.
func place(ctx context.Context, from, dest string, trust audit.VerifyOptions) (*audit.Report, error) {
	if err := os.MkdirAll(filepath.Dir(dest), 0o700); err != nil {
		return nil, err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dest), filepath.Base(dest)+".partial-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(partial) // of a copy that was put in its place, nothing is left here
	if err := copyLog(ctx, from, partial); err != nil {
		return nil, err
	}
	r, err := audit.Verify(partial, trust)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(partial, dest); err != nil {
		return nil, err
	}
	return r, durable.SyncDir(filepath.Dir(dest))
}

func newPlaced(dir string, r *audit.Report) *placed {
	return &placed{Log: dir, Answer: r.Answer.String(), Origin: r.Origin, Size: r.Size, Signed: r.Signed, Found: append(append([]string{}, r.Altered...), r.Unclear...)}
}

func (k *placed) print(w io.Writer, what string, asJSON bool) error {
	if asJSON {
		return writeJSON(w, k)
	}
	_, err := fmt.Fprintf(w, "%s is %s: %s\n\n  origin   %s\n  records  %d, of which %d are under a signed checkpoint\n", what, strings.ToUpper(k.Answer), k.Log, printable(k.Origin), k.Size, k.Signed)
	for _, s := range k.Found {
		fmt.Fprintf(w, "  - %s\n", printable(s))
	}
	if k.Because != "" {
		fmt.Fprintf(w, "\n%s\n", k.Because)
	}
	return err
}

func auditRestoreCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "restore SOURCE",
		Short: "Put a copy of the log into an empty place",
		Long: `Copies a backup to where the log was, which must be empty, verifies it, and says
whether Ostiary can go on with it. Put the keys back first (the key directory, mode
0700, its files 0600), which no backup of the log holds.

  mv /srv/ostiary/log /srv/ostiary/log.broken
  ostiary audit restore /backup/ostiary-2026-11-24 --log /srv/ostiary/log

What it means to start from a copy: the key directory knows the last checkpoint that was
signed. A copy that ends before it is an older state; going on from there would be a
second history under the same name, which witnesses and collectors refuse, and so does
Ostiary. Such a copy can be read where it is. To record again, put it elsewhere and let
Ostiary begin a new log in the empty place ('ostiary audit repair --help').

Exit status: 0 Ostiary can go on with it, 1 it cannot, 2 it could not be told.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.places()
			if err != nil {
				return err
			}
			var d *audit.Damage
			if _, err := audit.OpenReader(args[0]); errors.As(err, &d) {
				fmt.Fprintf(c.ErrOrStderr(), "ostiary: nothing was restored: %v\n", err)
				return answer{exitNo}
			} else if err != nil {
				return err
			}
			out, status, err := restore(c.Context(), args[0], p)
			if err != nil {
				return err
			}
			if err := out.print(c.OutOrStdout(), "the log", f.json); err != nil {
				return err
			}
			if status != exitYes {
				return answer{status}
			}
			return nil
		},
	}
	f.add(c)
	return c
}

// restore puts a copy where the log was, and says whether it can be gone on with.
func restore(ctx context.Context, source string, p places) (*placed, int, error) {
	if client, err := console.Dial(filepath.Join(p.keys, console.SocketName)); err == nil {
		client.Close()
		return nil, exitUnknown, errors.New("an Ostiary that runs has this log: stop it first")
	}
	dest, err := vacant(p.log)
	if err != nil {
		return nil, exitUnknown, err
	}
	seen, err := audit.Trusted(p.keys, source)
	if err != nil {
		return nil, exitUnknown, err
	}
	// The copy is compared with its own checkpoint, and then with the one seen last.
	own := seen
	r, err := audit.OpenReader(source)
	if err == nil {
		own.Checkpoint, err = r.Checkpoint()
	}
	if err != nil {
		return nil, exitUnknown, err
	}
	report, err := place(ctx, source, dest, own)
	if err != nil {
		return nil, exitUnknown, fmt.Errorf("copy the audit log: %w", err)
	}
	out := newPlaced(dest, report)
	goes := false
	out.Goes = &goes
	switch {
	case report.Answer == audit.Altered:
		out.Because = "Ostiary cannot go on with it: the copy is not what was signed. Put back another, or see 'ostiary audit repair --help'."
		return out, exitNo, nil
	case seen.Key == nil || report.Answer == audit.Unclear:
		out.Goes = nil
		out.Because = fmt.Sprintf("Whether Ostiary can go on with it could not be told: put the keys of this log back to %s, and run 'ostiary audit verify'.", p.keys)
		return out, exitUnknown, nil
	case len(seen.Checkpoint) == 0:
		goes = true
		out.Because = "Ostiary can go on with it, as far as this machine knows: it has seen no checkpoint of this log. If it ever signed more than is here, a witness or collector will refuse it."
		return out, exitYes, nil
	}
	again, err := audit.Verify(dest, seen)
	if err != nil {
		return nil, exitUnknown, err
	}
	if again.Answer != audit.Good {
		last := int64(-1)
		if at, err := audit.PeekCheckpoint(seen.Checkpoint); err == nil {
			last = at.Size
		}
		out.Because = fmt.Sprintf("Ostiary cannot go on with it: it is an older state. %d records were signed under this name, and the copy has %d; going on\nfrom there would be a second history. Read it where it is; to record again, see 'ostiary audit repair --help'.", last, report.Size)
		return out, exitNo, nil
	}
	goes = true
	out.Because = "Ostiary can go on with it: nothing was signed that is not here."
	return out, exitYes, nil
}
