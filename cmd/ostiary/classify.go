package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/quality"
	"github.com/ostiary/ostiary/proxy"
)

// batchLines and batchBytes bound what is read ahead of what is written.
const (
	batchLines = 512
	batchBytes = 8 << 20
)

func classifyCommand() *cobra.Command {
	var d detectorFlags
	var min, color string
	var lines bool
	c := &cobra.Command{
		Use:   "classify [FILE]",
		Short: "Show what the detectors recognise in a text",
		Long: `Classify reads a text from FILE or standard input and shows what is recognised
in it: place, type, likelihood, detector and the reason. On a terminal the text
is printed with the findings marked; elsewhere only the list is, without values.

With --jsonl each line is a JSON object with a text; the same object is written
with findings: type, start and end (bytes in UTF-8 of the decoded text),
likelihood, score, detector and tags (synthetic, how it was read, alternative:
what the place was also taken for, shown at --min very_unlikely only). Values are
never repeated.

Texts are read from files and standard input only: arguments can be seen by
other users of the machine.

Exit status: 0 done, 2 the input could not be read.`,
		Example: `  ostiary classify letter.txt
  ostiary classify --min very_unlikely < letter.txt
  ostiary classify --jsonl < prompts.jsonl > findings.jsonl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			level, ok := proxy.ParseLikelihood(min)
			if !ok {
				return fmt.Errorf("--min %q is not a likelihood: very_unlikely, unlikely, possible, likely or very_likely", min)
			}
			if !slices.Contains([]string{"auto", "always", "never"}, color) {
				return fmt.Errorf("--color is auto, always or never")
			}
			s, err := d.suite()
			if err != nil {
				return err
			}
			in, closeIn, err := input(c, args)
			if err != nil {
				return err
			}
			defer closeIn()
			w := c.OutOrStdout()
			if lines {
				return classifyLines(c.Context(), s, level, in, w)
			}
			text, err := readText(in)
			if err != nil {
				return err
			}
			found, gaps, err := classifyText(c.Context(), s, level, text)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(w)
			if color == "always" || color == "auto" && terminal(w) {
				paint(out, text, found)
			}
			list(out, text, found)
			for _, g := range gaps {
				fmt.Fprintf(out, "not everything was looked at: %s\n", g.Reason)
			}
			return out.Flush()
		},
	}
	d.add(c)
	c.Flags().StringVar(&min, "min", proxy.Likely.String(), "lowest `LEVEL` to show: very_unlikely, unlikely, possible, likely, very_likely")
	c.Flags().BoolVar(&lines, "jsonl", false, "read and write one JSON object per line")
	c.Flags().StringVar(&color, "color", "auto", "mark findings in the text: auto, always, never")
	return c
}

// classifyText gives the findings from a level on.
func classifyText(ctx context.Context, s *classifiers.Suite, level proxy.Likelihood, text string) ([]proxy.Finding, []proxy.Gap, error) {
	r, err := s.Classify(ctx, []proxy.Segment{{Text: proxy.NewText(text)}})
	if err != nil {
		return nil, nil, err
	}
	found := slices.DeleteFunc(r.Findings, func(f proxy.Finding) bool { return f.Likelihood < level })
	if level > proxy.VeryUnlikely {
		return found, r.Gaps, nil
	}
	return alternatives(s, found), r.Gaps, nil
}

// alternative is the tag of what a place was also taken for.
const alternative = "alternative"

// alternatives adds to each finding what its place was also taken for, as very
// unlikely: who asks for the last guess wants to see it. The suite itself has
// one winner for each place and group.
func alternatives(s *classifiers.Suite, found []proxy.Finding) []proxy.Finding {
	var out []proxy.Finding
	for _, f := range found {
		out = append(out, f)
		if f.Evidence.Also == "" {
			continue
		}
		for t := range strings.SplitSeq(f.Evidence.Also, ",") {
			if ty, ok := s.Lookup(t); ok {
				out = append(out, proxy.Finding{
					Segment: f.Segment, Start: f.Start, End: f.End, Type: ty.Name, Groups: ty.Groups, Likelihood: proxy.VeryUnlikely,
					Detector: f.Detector, Evidence: proxy.Evidence{Rule: alternative},
				})
			}
		}
	}
	return out
}

// finding is what is written of one.
type finding struct {
	Type       string   `json:"type"`
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Likelihood string   `json:"likelihood"`
	Score      float64  `json:"score"`
	Detector   string   `json:"detector"`
	Tags       []string `json:"tags"`
}

// score is a likelihood as a number, for those who compare with tools that have
// only numbers: the middle of the fifth that it names.
func score(l proxy.Likelihood) float64 { return float64(2*int(l)-1) / 10 }

func tags(f proxy.Finding) []string {
	list := []string{}
	if f.Synthetic {
		list = append(list, "synthetic")
	}
	if f.Evidence.Via != "" {
		list = append(list, f.Evidence.Via)
	}
	if f.Evidence.Rule == alternative {
		list = append(list, alternative)
	}
	return list
}

// classifyLines reads lines in batches, looks at them on every core and writes
// them in their order.
func classifyLines(ctx context.Context, s *classifiers.Suite, level proxy.Likelihood, r io.Reader, w io.Writer) error {
	in, out := bufio.NewReaderSize(r, 1<<16), bufio.NewWriterSize(w, 1<<16)
	for first := 1; ; {
		var batch [][]byte
		size := 0
		var end error
		for len(batch) < batchLines && size < batchBytes {
			line, err := quality.Line(in)
			if err != nil {
				if end = err; err != io.EOF {
					end = fmt.Errorf("line %d: %w", first+len(batch), err)
				}
				break
			}
			batch = append(batch, line)
			size += len(line)
		}
		written, err := classifyBatch(ctx, s, level, batch)
		for _, line := range written {
			out.Write(line)
		}
		if flushed := out.Flush(); flushed != nil {
			return flushed
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", first+len(written), err)
		}
		first += len(batch)
		if end == io.EOF {
			return nil
		}
		if end != nil {
			return end
		}
	}
}

// classifyBatch gives the lines up to the first that cannot be read.
func classifyBatch(ctx context.Context, s *classifiers.Suite, level proxy.Likelihood, batch [][]byte) ([][]byte, error) {
	written, errs := make([][]byte, len(batch)), make([]error, len(batch))
	workers := runtime.GOMAXPROCS(0)
	done := make(chan struct{})
	for n := range workers {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := n; i < len(batch); i += workers {
				written[i], errs[i] = classifyLine(ctx, s, level, batch[i])
			}
		}()
	}
	for range workers {
		<-done
	}
	for i, err := range errs {
		if err != nil {
			return written[:i], err
		}
	}
	return written, nil
}

var errLine = errors.New("expected a JSON object with a text")

// classifyLine writes a line again, with its findings. An empty line stays one.
func classifyLine(ctx context.Context, s *classifiers.Suite, level proxy.Likelihood, line []byte) ([]byte, error) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return []byte("\n"), nil
	}
	var v struct {
		Text     *string         `json:"text"`
		Findings json.RawMessage `json:"findings"`
	}
	if json.Unmarshal(line, &v) != nil || v.Text == nil {
		return nil, errLine
	}
	found, gaps, err := classifyText(ctx, s, level, *v.Text)
	if err != nil {
		return nil, err
	}
	if len(gaps) > 0 {
		return nil, fmt.Errorf("not everything was looked at: %s", gaps[0].Reason)
	}
	if v.Findings != nil { // of an earlier run
		var fields map[string]json.RawMessage
		if json.Unmarshal(line, &fields) != nil {
			return nil, errLine
		}
		delete(fields, "findings")
		if line, err = json.Marshal(fields); err != nil {
			return nil, errLine
		}
	}
	list := make([]finding, len(found))
	for i, f := range found {
		list[i] = finding{f.Type, f.Start, f.End, f.Likelihood.String(), score(f.Likelihood), f.Detector, tags(f)}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(line)+len(b)+16)
	out = append(out, line[:len(line)-1]...) // without the }
	out = append(out, `,"findings":`...)
	out = append(out, b...)
	return append(out, '}', '\n'), nil
}

// Colours of a terminal by likelihood, and back.
var colours = map[proxy.Likelihood]string{
	proxy.VeryUnlikely: "\x1b[2m", proxy.Unlikely: "\x1b[36m", proxy.Possible: "\x1b[33m", proxy.Likely: "\x1b[1;33m", proxy.VeryLikely: "\x1b[1;31m",
}

const plain = "\x1b[0m"

// paint prints the text with its findings marked. Other control characters of
// the text are shown as such and not sent to the terminal.
func paint(w *bufio.Writer, text string, found []proxy.Finding) {
	at := 0
	for _, f := range found {
		if f.Start < at {
			continue // inside the one before
		}
		w.WriteString(harmless(text[at:f.Start]))
		fmt.Fprintf(w, "%s%s%s [%s]", colours[f.Likelihood], harmless(text[f.Start:f.End]), plain, f.Type)
		at = f.End
	}
	w.WriteString(harmless(text[at:]))
	if !strings.HasSuffix(text, "\n") {
		w.WriteByte('\n')
	}
	w.WriteByte('\n')
}

func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return utf8.RuneError
		}
		return r
	}, s)
}

// list prints places, types and reasons, and no value.
func list(w *bufio.Writer, text string, found []proxy.Finding) {
	line, from, at := 1, 0, 0
	for _, f := range found {
		for ; at < f.Start; at++ {
			if text[at] == '\n' {
				line++
				from = at + 1
			}
		}
		fmt.Fprintf(w, "%d:%d-%d\t%s\t%s\t%s\n", line, f.Start-from+1, f.End-from, f.Type, f.Likelihood, reason(f))
	}
	if len(found) == 0 {
		fmt.Fprintln(w, "nothing found")
	}
}

// reason says in the detector's words why something was found.
func reason(f proxy.Finding) string {
	var why []string
	if f.Evidence.Rule != "" && f.Evidence.Rule != alternative {
		why = append(why, f.Evidence.Rule)
	}
	if f.Evidence.Validator != "" {
		why = append(why, f.Evidence.Validator)
	}
	if f.Evidence.Context != "" {
		why = append(why, fmt.Sprintf("beside %q", f.Evidence.Context))
	}
	if f.Evidence.Also != "" {
		why = append(why, "also taken for "+f.Evidence.Also)
	}
	why = append(why, tags(f)...)
	if len(why) == 0 {
		return f.Detector
	}
	return f.Detector + ": " + strings.Join(why, ", ")
}
