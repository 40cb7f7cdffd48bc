package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/quality"
	"github.com/ostiary/ostiary/proxy"
)

func evaluateCommand() *cobra.Command {
	var d detectorFlags
	var offsets, min string
	var asJSON, changes bool
	c := &cobra.Command{
		Use:   "evaluate GOLD.jsonl",
		Short: "Score the detectors on your own labelled texts",
		Long: `Evaluate reads labelled texts, one JSON object a line, runs the detectors over
them and prints for each type how many spans there are, how many were found
(recall), how many findings are right (precision), F1 and F2, and in how many of
the documents with such a span one at least was found. A finding is right where
type and place agree; the places must overlap by half. "any type" asks for the
place only.

  {"text": "…", "spans": [{"start": 0, "end": 8, "type": "PERSON"}]}

Label every span of the types that you want to know the precision of. Without
spans a text is clean, and whatever is found in it is a false alarm. - reads
standard input.

With --changes the spans are taken for the findings of another version (the file
may be what 'ostiary classify --jsonl' wrote with it), and what is new and what
is gone is listed by line, place and type; --min then is that of the other run.

No value of a text is printed.

Exit status: 0 done (with --changes: nothing changed), 1 with --changes: something
did, 2 the file cannot be read.`,
		Example: `  ostiary evaluate --offsets runes labelled.jsonl
  ostiary evaluate --off PERSON,LOCATION labelled.jsonl
  ostiary classify --jsonl < prompts.jsonl > before.jsonl   # the old version
  ostiary evaluate --changes before.jsonl                   # the new one`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			level, ok := proxy.ParseLikelihood(min)
			if !ok {
				return fmt.Errorf("--min %q is not a likelihood: very_unlikely, unlikely, possible, likely or very_likely", min)
			}
			if offsets != "bytes" && offsets != "runes" {
				return fmt.Errorf("--offsets is bytes or runes")
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
			e := evaluation{suite: s, level: level, offsets: quality.Offsets(offsets == "runes")}
			w := bufio.NewWriter(c.OutOrStdout())
			defer w.Flush()
			if changes {
				n, err := e.changes(c.Context(), in, w)
				if err == nil && n > 0 {
					err = answer{exitNo}
				}
				return err
			}
			t, unknown, err := e.table(c.Context(), in)
			if err != nil {
				return err
			}
			if asJSON {
				return writeTableJSON(w, t)
			}
			for _, l := range unknown {
				fmt.Fprintf(c.ErrOrStderr(), "ostiary: no type is called %q: its spans count in \"any type\" only\n", l)
			}
			return writeTable(w, t)
		},
	}
	d.add(c)
	c.Flags().StringVar(&offsets, "offsets", "bytes", "what start and end count: bytes of UTF-8, or runes (Unicode code points)")
	c.Flags().StringVar(&min, "min", proxy.Likely.String(), "lowest `LEVEL` that counts as found")
	c.Flags().BoolVar(&asJSON, "json", false, "write a JSON object")
	c.Flags().BoolVar(&changes, "changes", false, "compare with the findings of another version")
	return c
}

type evaluation struct {
	suite   *classifiers.Suite
	level   proxy.Likelihood
	offsets quality.Offsets
}

// table scores a labelled file. It also gives the labels that mean no type.
func (e *evaluation) table(ctx context.Context, r io.Reader) (*quality.Table, []string, error) {
	var unknown []string
	t := &quality.Table{Canonical: func(label string) string {
		if ty, ok := e.suite.Lookup(label); ok {
			return ty.Name
		}
		if !slices.Contains(unknown, label) {
			unknown = append(unknown, label)
		}
		return ""
	}}
	err := quality.Read(r, e.offsets, func(d quality.Document) error {
		found, gaps, err := classifyText(ctx, e.suite, e.level, d.Text)
		if err == nil && len(gaps) > 0 {
			err = fmt.Errorf("line %d: not everything was looked at: %s", d.Line, gaps[0].Reason)
		}
		if err != nil {
			return err
		}
		t.Add(d, found)
		return nil
	})
	return t, unknown, err
}

func (e *evaluation) changes(ctx context.Context, r io.Reader, w io.Writer) (int, error) {
	count := map[string][2]int{}
	n := 0
	err := quality.Read(r, e.offsets, func(d quality.Document) error {
		found, _, err := classifyText(ctx, e.suite, e.level, d.Text)
		if err != nil {
			return err
		}
		for _, c := range quality.Changes(d.Line, d.Spans, found) {
			n++
			k := count[c.Type]
			word := "new"
			if c.Gone {
				word = "gone"
				k[1]++
			} else {
				k[0]++
			}
			count[c.Type] = k
			fmt.Fprintf(w, "line %d: %s %s at %d-%d\n", c.Line, word, c.Type, c.Start, c.End)
		}
		return nil
	})
	for _, t := range names(count) {
		fmt.Fprintf(w, "%s: %d new, %d gone\n", t, count[t][0], count[t][1])
	}
	if err == nil && n == 0 {
		fmt.Fprintln(w, "nothing changed")
	}
	return n, err
}

func names[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

func writeTable(w io.Writer, t *quality.Table) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "type\tspans\tfound\trecall\tfindings\tprecision\tF1\tF2\tdocuments\tdocument recall\t")
	row := func(name string, s quality.Score) {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\t%d\t%s\t%s\t%s\t%d\t%s\t\n", name, s.Labelled, s.Found, figure(s.Recall(), s.Labelled), s.Reported, figure(s.Precision(), s.Reported),
			figure(s.F(1), s.Labelled), figure(s.F(2), s.Labelled), s.Docs, figure(s.DocumentRecall(), s.Docs))
	}
	for _, n := range names(t.Types) {
		row(n, *t.Types[n])
	}
	row("any type", t.Any)
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "clean documents: %d, with a finding: %d\n", t.Clean, t.Alarmed)
	return err
}

// figure prints a share, and nothing where there is nothing to have a share of.
func figure(v float64, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

type scoreRecord struct {
	Spans          int     `json:"spans"`
	Found          int     `json:"found"`
	Findings       int     `json:"findings"`
	Right          int     `json:"right"`
	Recall         float64 `json:"recall"`
	Precision      float64 `json:"precision"`
	F1             float64 `json:"f1"`
	F2             float64 `json:"f2"`
	Documents      int     `json:"documents"`
	DocumentRecall float64 `json:"document_recall"`
}

func scoreOf(s quality.Score) scoreRecord {
	return scoreRecord{s.Labelled, s.Found, s.Reported, s.Right, s.Recall(), s.Precision(), s.F(1), s.F(2), s.Docs, s.DocumentRecall()}
}

func writeTableJSON(w io.Writer, t *quality.Table) error {
	types := map[string]scoreRecord{}
	for n, s := range t.Types {
		types[n] = scoreOf(*s)
	}
	return json.NewEncoder(w).Encode(struct {
		Types   map[string]scoreRecord `json:"types"`
		Any     scoreRecord            `json:"any"`
		Clean   int                    `json:"clean_documents"`
		Alarmed int                    `json:"clean_documents_with_a_finding"`
	}{types, scoreOf(t.Any), t.Clean, t.Alarmed})
}
