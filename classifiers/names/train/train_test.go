package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

// TestTraining learns from a small part of the data, twice: the result is the
// same to the byte, and finds names in sentences that it did not learn from.
func TestTraining(t *testing.T) {
	data := filepath.Join("..", "..", "..", "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: nothing to learn from")
	}
	c := config{data: data, epochs: 1, rate: 0.15, limit: 2.5, cutoff: 2, drop: 0.12, part: 0.04}
	var first []byte
	for range 2 {
		set, err := gather(c.data, c.part)
		if err != nil {
			t.Fatal(err)
		}
		packed := learn(set.train, c, func(int, *tagger.Weights) {}).Pack(float32(c.limit))
		if first == nil {
			first = packed
			m, err := tagger.Read(packed)
			if err != nil {
				t.Fatal(err)
			}
			s := measure(m, set.test["templates held"])
			t.Logf("%d sentences, %d tokens: F1 of persons %.3f", len(set.train), set.tokens(), s.f1())
			if s.f1() < 0.6 {
				t.Errorf("F1 of persons in sentences of templates that were not learnt from is %.3f", s.f1())
			}
			continue
		}
		if !bytes.Equal(first, packed) {
			t.Error("the same data gave another model")
		}
	}
}

// TestModel: the model that ships is of the layout that the program writes.
func TestModel(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "model.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tagger.Read(b); err != nil {
		t.Error(err)
	}
	if _, err := tagger.Read(b[1:]); err == nil {
		t.Error("half a model is read")
	}
}

func TestTemplates(t *testing.T) {
	train, test := readTemplates()
	if len(train) < 1000 || len(test) < 50 {
		t.Errorf("%d templates to learn from, %d to measure on", len(train), len(test))
	}
	for _, list := range [][]template{train, test} {
		for _, x := range list {
			if x.lang == "" {
				t.Errorf("%q has no language", x.text)
			}
		}
	}
}

// TestMarks: labels follow a text through changes of case and of names.
func TestMarks(t *testing.T) {
	e := conll([]byte("Dr.\tO\nAnna\tB-PER\nBerg\tI-PER\nmet\tO\n@\tB-PER\nhandle\tB-PER\nin\tO\nRome\tB-LOC\n.\tO\n\n"), nil)
	if len(e) != 1 || e[0].text != "Dr. Anna Berg met @handle in Rome." || len(e[0].marks) != 2 {
		t.Fatalf("%+v", e)
	}
	s := sentences(e[0])
	var got []tagger.Tag
	for _, one := range s {
		got = append(got, one.tags...)
	}
	want := map[tagger.Tag]int{tagger.BPerson: 1, tagger.IPerson: 1, tagger.BLocation: 1}
	for _, g := range got {
		if g != tagger.O {
			want[g]--
		}
	}
	for g, n := range want {
		if n != 0 {
			t.Errorf("tag %d is off by %d", g, n)
		}
	}
}
