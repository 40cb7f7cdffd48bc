package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers/quality"
	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
)

func validateCommand() *cobra.Command {
	var d detectorFlags
	c := &cobra.Command{
		Use:   "validate FORMAT [VALUE…]",
		Short: "Tell whether values could be numbers of a format",
		Long: `Validate checks the form, the check digits and the ranges of values: of the
arguments or, without any, of each line of standard input. It prints valid or
invalid, one line for each value in the order given, and never the value.

FORMAT is a type (IBAN_CODE) or a module of python-stdnum (br.cpf). Arguments can
be seen by other users of the machine: prefer standard input for real values.

Exit status: 0 all are valid, 1 one at least is not, 2 the format is not known or
the input cannot be read.`,
		Example: `  ostiary validate IBAN_CODE DE75512108001245126199
  ostiary validate br.cpf < numbers.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			valid, err := validator(c.Context(), &d, args[0])
			if err != nil {
				return err
			}
			w := bufio.NewWriter(c.OutOrStdout())
			all := true
			say := func(v string) {
				ok := valid(v)
				all = all && ok
				if ok {
					fmt.Fprintln(w, "valid")
				} else {
					fmt.Fprintln(w, "invalid")
				}
			}
			if len(args) > 1 {
				for _, v := range args[1:] {
					say(v)
				}
			} else {
				in := bufio.NewReaderSize(c.InOrStdin(), 1<<16)
				for n := 1; ; n++ {
					line, err := quality.Line(in)
					if err == io.EOF {
						break
					}
					if err != nil {
						return fmt.Errorf("line %d: %w", n, err)
					}
					say(strings.TrimSuffix(string(line), "\r"))
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if !all {
				return answer{exitNo}
			}
			return nil
		},
	}
	d.add(c)
	return c
}

// validator gives the check of a format: that of the number's own rules, else
// whether the detectors take the whole value for one of the type.
func validator(ctx context.Context, d *detectorFlags, format string) (func(string) bool, error) {
	if f, ok := stdnum.Lookup(format); ok {
		return f.Valid, nil
	}
	s, err := d.suite()
	if err != nil {
		return nil, err
	}
	t, ok := s.Lookup(format)
	if !ok {
		return nil, fmt.Errorf("%q is neither a type nor a module of python-stdnum; 'ostiary types' lists the types", format)
	}
	return func(v string) bool {
		v = strings.TrimSpace(v)
		found, _, err := classifyText(ctx, s, proxy.VeryUnlikely, v)
		if err != nil {
			return false
		}
		for _, f := range found {
			if f.Type == t.Name && f.Start == 0 && f.End == len(v) {
				return true
			}
		}
		return false
	}, nil
}
