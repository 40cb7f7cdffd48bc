// Ostiary-verify checks what leaves an Ostiary audit log, without the log: the proof
// of one event, a bundle of all records of a range, and a negative attestation, whose
// figures it computes again.
//
//	ostiary-verify --key FILE [--checkpoint FILE] [--signer FILE] FILE...
//
// Its exit status is 0 if everything is as it was signed, 1 if something was altered,
// 2 if that could not be told; of several files, that of the worst, 1 before 2.
//
// It reads files and writes to standard output, and does nothing else: no network, no
// configuration. It is built with
//
//	go install github.com/ostiary/ostiary/cmd/ostiary-verify@latest
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit/proof"
	"github.com/ostiary/ostiary/proxy/audit/report"
)

// Exit status.
const (
	good    = 0
	altered = 1
	unclear = 2
)

// Bounds of what is read at once, in bytes. Bundles are read as a stream.
const (
	maxKey   = 64 << 10
	maxNote  = 1 << 20
	maxProof = 8 << 20
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `Usage: ostiary-verify --key FILE [--checkpoint FILE] [--signer FILE] FILE...

Checks event proofs, bundles and negative attestations of an Ostiary audit log.

  --key FILE         the log's verifier key (log.pub). Take it from the log's operator
                     by another way than the files. Without it nothing is proven
  --checkpoint FILE  a checkpoint of the log that you saw before: shows that history
                     was not rewritten since
  --signer FILE      the verifier key of a negative attestation, if it is not the log's
  --quiet            say nothing of files that are good

Exit status: 0 good, 1 altered, 2 could not tell.
`

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("ostiary-verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	key := flags.String("key", "", "")
	seen := flags.String("checkpoint", "", "")
	signer := flags.String("signer", "", "")
	quiet := flags.Bool("quiet", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return good
		}
		return unclear
	}
	if flags.NArg() == 0 {
		fmt.Fprint(stderr, usage)
		return unclear
	}
	v := &verification{out: stdout}
	var err error
	if v.keys.Key, err = readKey(*key); err == nil {
		if v.keys.Signer, err = readKey(*signer); err == nil && *seen != "" {
			v.keys.Seen, err = readAll(*seen, maxNote)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "ostiary-verify:", err)
		return unclear
	}
	worst := good
	for _, name := range flags.Args() {
		v.lines = nil
		err := v.file(name)
		status := answer(err)
		if status != good || !*quiet {
			v.tell(name, status, err)
		}
		if status == altered || worst == good {
			worst = status
		}
	}
	return worst
}

// answer gives the exit status for the result of one file.
func answer(err error) int {
	if errors.Is(err, report.ErrNoAttestation) {
		return good
	}
	return proof.Answer(err)
}

// readKey reads a verifier key; nil for no name.
func readKey(name string) (note.Verifier, error) {
	if name == "" {
		return nil, nil
	}
	b, err := readAll(name, maxKey)
	if err != nil {
		return nil, err
	}
	v, err := proof.NewKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

func readAll(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, nil
}

// verification checks files.
type verification struct {
	out   io.Writer
	keys  report.Keys
	lines []string // of the present file
}

func (v *verification) say(format string, args ...any) {
	v.lines = append(v.lines, fmt.Sprintf(format, args...))
}

// file checks one file by what it begins with: a proof is JSON, a bundle an archive.
func (v *verification) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	first, err := r.Peek(1)
	if err != nil {
		return proof.ErrFormat
	}
	if first[0] != '{' {
		return v.bundle(r)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxProof+1))
	if err != nil {
		return err
	}
	if len(b) > maxProof {
		return proof.ErrFormat
	}
	return v.event(b)
}

// event checks the proof of one event.
func (v *verification) event(b []byte) error {
	p, err := proof.VerifyEvent(b, v.keys.Trust)
	if p == nil {
		return err
	}
	var ev struct{ ID, Kind, Time string }
	if json.Unmarshal(p.Event, &ev) != nil {
		ev.Kind = "unreadable"
	}
	v.say("event proof: %s, %s, %s", ev.ID, ev.Kind, ev.Time)
	v.log(p.Checkpoint)
	v.say("it is record %d, byte for byte as in the file", p.Index)
	return err
}

// bundle checks a bundle, and the attestation in it.
func (v *verification) bundle(r io.Reader) error {
	a, b, err := report.Verify(r, v.keys)
	if b == nil {
		return err
	}
	v.say("bundle: %d records, index %d to before %d, complete and in order", b.Records, b.Head.First, b.Head.End)
	v.log(b.Checkpoint)
	switch {
	case a != nil:
		v.say("negative attestation: %s", a.State)
		v.say("%s", a.Sentence())
		f := &a.Figures
		v.say("released to such pools %d; with such findings %d, of them masked %d, not sent %d, EXPOSED %d", f.Destination, f.Matched.Decisions, f.Matched.Masked, f.Matched.NotSent, f.Matched.Exposed)
		v.say("the figures were computed again from the records and are those that were signed")
	default:
		v.say("it holds no negative attestation")
		if b.Head.Query != "" {
			v.say("its query, which nobody signed: %s", b.Head.Query)
		}
	}
	return err
}

func (v *verification) log(c proof.Checkpoint) {
	v.say("log %s, %d records, root %s", c.Origin, c.Size, c.Root)
}

// tell writes the result of one file.
func (v *verification) tell(name string, status int, err error) {
	words := []string{"GOOD", "ALTERED", "COULD NOT TELL"}
	fmt.Fprintf(v.out, "%s: %s\n", printable(name), words[status])
	if status != good {
		fmt.Fprintf(v.out, "  %s\n", printable(err.Error()))
	}
	for _, l := range v.lines {
		fmt.Fprintf(v.out, "  %s\n", printable(l))
	}
	if status != good {
		return
	}
	if len(v.keys.Seen) == 0 {
		fmt.Fprintln(v.out, "  not shown: that no other history of this log exists; a checkpoint that you saw before (--checkpoint) or a witness shows that")
	}
	fmt.Fprintln(v.out, "  not shown: that what was recorded is true, or that a host which was broken into recorded all")
}

// printable keeps what stands in a file from acting on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
