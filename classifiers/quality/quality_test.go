package quality_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers/quality"
	"github.com/ostiary/ostiary/proxy"
)

func TestScores(t *testing.T) {
	table := quality.Table{Canonical: func(l string) string {
		return map[string]string{"NAME": "PERSON", "PERSON": "PERSON", "MAIL": "EMAIL_ADDRESS"}[l]
	}}
	gold := `{"text": "Änne Abt, a@b.de", "spans": [{"start":11,"end":17,"type":"MAIL"},{"start":0,"end":9,"type":"NAME"}]}

{"text": "nothing here"}
{"text": "also nothing", "findings": []}
{"text": "X 12", "spans": [{"start":0,"end":4,"type":"THING"}]}
`
	n := 0
	err := quality.Read(strings.NewReader(gold), quality.Bytes, func(d quality.Document) error {
		n++
		switch d.Line {
		case 1:
			if d.Spans[0].Type != "NAME" {
				t.Error("spans are not sorted")
			}
			// The name with its first half missing by a little, the address as another type.
			table.Add(d, []proxy.Finding{{Start: 2, End: 9, Type: "PERSON"}, {Start: 11, End: 17, Type: "URL"}})
		case 3:
			table.Add(d, nil)
		case 4:
			table.Add(d, []proxy.Finding{{Start: 0, End: 4, Type: "PERSON"}})
		case 5:
			table.Add(d, []proxy.Finding{{Start: 3, End: 4, Type: "PERSON"}})
		}
		return nil
	})
	if err != nil || n != 4 {
		t.Fatal(err, n)
	}
	if got, want := *table.Types["PERSON"], (quality.Score{Labelled: 1, Found: 1, Touched: 1, Reported: 3, Right: 1, Docs: 1, DocsHit: 1}); got != want {
		t.Errorf("PERSON %+v", got)
	}
	if got, want := *table.Types["EMAIL_ADDRESS"], (quality.Score{Labelled: 1, Touched: 1, Docs: 1}); got != want {
		t.Errorf("EMAIL_ADDRESS %+v", got)
	}
	if got, want := table.Any, (quality.Score{Labelled: 3, Found: 2, Touched: 3, Reported: 4, Right: 2, Docs: 2, DocsHit: 2}); got != want {
		t.Errorf("any %+v", got)
	}
	if table.Clean != 2 || table.Alarmed != 1 {
		t.Errorf("%d clean, %d alarmed", table.Clean, table.Alarmed)
	}
	if s := (quality.Score{Labelled: 4, Found: 2, Reported: 4, Right: 4}); math.Abs(s.F(2)-5.0/9) > 1e-9 || math.Abs(s.F(1)-2.0/3) > 1e-9 {
		t.Errorf("F2 %f, F1 %f", s.F(2), s.F(1))
	}
}

// Errors name the line and the likely remedy, and hold nothing of the text.
func TestBadFiles(t *testing.T) {
	for _, c := range []struct {
		o          quality.Offsets
		line, want string
	}{
		{quality.Bytes, `{"text": "secret"`, "line 1: expected"},
		{quality.Bytes, `{"spans": []}`, "line 1: expected"},
		{quality.Bytes, `{"text": "secret", "spans": [{"start":0,"end":7,"type":"T"}]}`, "line 1: a span"},
		{quality.Bytes, `{"text": "sécret", "spans": [{"start":0,"end":2,"type":"T"}]}`, "are the offsets code points?"},
		{quality.Runes, `{"text": "sécret", "spans": [{"start":0,"end":7,"type":"T"}]}`, "are the offsets bytes?"},
		{quality.Bytes, `{"text": "secret", "spans": [{"start":2,"end":2,"type":"T"}]}`, "line 1: a span"},
		{quality.Bytes, `{"text": "secret", "spans": [{"start":2,"end":3}]}`, "line 1: a span"},
	} {
		err := quality.Read(strings.NewReader(c.line), c.o, func(quality.Document) error { return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: %v", c.line, err)
		}
	}
	err := quality.Read(strings.NewReader(`{"text": "sécret", "spans": [{"start":1,"end":2,"type":"T"}]}`), quality.Runes, func(d quality.Document) error {
		if d.Text[d.Spans[0].Start:d.Spans[0].End] != "é" {
			t.Error("code points are not turned into bytes")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestChanges(t *testing.T) {
	got := quality.Changes(3, []quality.Span{{0, 1, "A"}, {2, 3, "B"}}, []proxy.Finding{{Start: 2, End: 3, Type: "B"}, {Start: 0, End: 1, Type: "C"}})
	if fmt.Sprint(got) != "[{3 {0 1 A} true} {3 {0 1 C} false}]" {
		t.Error(got)
	}
}
