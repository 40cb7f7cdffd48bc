// Command train makes the model of package names:
//
//	go run ./classifiers/names/train -data ../shared/data -out classifiers/names
//
// It reads the licence-clean sets named in NOTICE, writes sentences of its own
// from templates, learns a linear-chain conditional random field over the hashed
// features of package tagger by stochastic gradients, packs the weights into
// bytes, and prints how the packed model does on sets that it did not learn
// from. It is deterministic: one seed, one goroutine. It takes half a minute.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

func main() {
	var c config
	flag.StringVar(&c.data, "data", "../shared/data", "folder of the shared data")
	flag.StringVar(&c.out, "out", "classifiers/names", "folder that the model is written to; empty: nowhere")
	flag.IntVar(&c.epochs, "epochs", 4, "times that every sentence is read")
	flag.Float64Var(&c.rate, "rate", 0.15, "rate of learning")
	flag.IntVar(&c.cutoff, "cutoff", 2, "times that a feature must occur")
	flag.Float64Var(&c.limit, "limit", 2.5, "weight that the largest byte stands for")
	flag.Float64Var(&c.drop, "drop", 0.12, "share of the features that is left out of each word, by chance")
	flag.Float64Var(&c.part, "part", 1, "part of the data that is read, for tries")
	flag.StringVar(&c.show, "show", "", "set of our own making of which errors are shown: templates held")
	flag.BoolVar(&c.calibrate, "calibrate", false, "print how often spans are right by how sure the model is")
	flag.Parse()
	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

type config struct {
	data, out   string
	epochs      int
	rate, limit float64
	cutoff      int
	drop        float64
	part        float64
	show        string
	calibrate   bool
}

// seed of everything that is chosen by chance.
const seed = 20261124

func run(c config) error {
	start := time.Now()
	set, err := gather(c.data, c.part)
	if err != nil {
		return err
	}
	fmt.Printf("%d sentences, %d tokens, %d names; read in %v\n", len(set.train), set.tokens(), set.names(), time.Since(start).Round(time.Second))
	w := learn(set.train, c, func(epoch int, w *tagger.Weights) {
		fmt.Printf("epoch %d, %v: %s\n", epoch, time.Since(start).Round(time.Second), set.brief(w, c))
	})
	packed := w.Pack(float32(c.limit))
	m, err := tagger.Read(packed)
	if err != nil {
		return err
	}
	set.report(m)
	if c.calibrate {
		set.calibrate(m)
	}
	if c.show != "" {
		set.show(m, c.show, 100)
	}
	if c.out == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(c.out, "model.bin"), packed, 0o644)
}
