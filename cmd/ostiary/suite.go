package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/all"
	"github.com/ostiary/ostiary/proxy/config"
)

// Bounds of what a command reads and how long it looks at one text.
const (
	commandBudget = time.Minute
	maxText       = 256 << 20
)

// detectorFlags choose the suite of a command that serves nothing.
type detectorFlags struct {
	config string
	off    []string
}

func (d *detectorFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&d.config, "config", "", "configuration `FILE` with terms, patterns and allow-lists of your own")
	c.Flags().StringSliceVar(&d.off, "off", nil, "detectors or types to switch off, separated by commas")
}

// suite makes the suite that the flags describe.
func (d *detectorFlags) suite() (*classifiers.Suite, error) {
	o := classifiers.Options{Detectors: all.Detectors()}
	if d.config != "" {
		cfg, err := config.Load(d.config)
		if err != nil {
			return nil, err
		}
		if o, err = suiteOptions(cfg, nil); err != nil {
			return nil, err
		}
	}
	o.Off = append(o.Off, d.off...)
	o.Budget = commandBudget
	o.Cache = -1
	return classifiers.New(o)
}

// input opens the file that is named, or standard input.
func input(c *cobra.Command, args []string) (io.Reader, func(), error) {
	if len(args) == 0 || args[0] == "-" {
		return bufio.NewReaderSize(c.InOrStdin(), 1<<20), func() {}, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, nil, err
	}
	return bufio.NewReaderSize(f, 1<<20), func() { f.Close() }, nil
}

// readText reads a whole text.
func readText(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxText {
		return "", fmt.Errorf("the text is longer than %d MiB; cut it", maxText>>20)
	}
	return string(b), nil
}
