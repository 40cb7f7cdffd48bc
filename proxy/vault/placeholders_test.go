package vault_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/vault"
)

// marked reads a text in which a finding is [[TYPE level|value]]; they may nest
// and so overlap. level is 1 (very unlikely) to 5 (very likely).
func marked(t *testing.T, segment int, s string) (string, []proxy.Finding) {
	t.Helper()
	var text strings.Builder
	var open, done []proxy.Finding
	for s != "" {
		switch {
		case strings.HasPrefix(s, "[["):
			head, rest, ok := strings.Cut(s[2:], "|")
			name, level, ok2 := strings.Cut(head, " ")
			if !ok || !ok2 {
				t.Fatalf("bad mark-up: %s", s)
			}
			open = append(open, proxy.Finding{Segment: segment, Start: text.Len(), Type: name, Likelihood: proxy.Likelihood(level[0] - '0')})
			s = rest
		case strings.HasPrefix(s, "]]"):
			f := open[len(open)-1]
			f.End = text.Len()
			open, done = open[:len(open)-1], append(done, f)
			s = s[2:]
		default:
			text.WriteByte(s[0])
			s = s[1:]
		}
	}
	return text.String(), done
}

// apply makes the edits; they are sorted and do not overlap.
func apply(texts []string, edits []proxy.Edit) []string {
	out := slices.Clone(texts)
	for _, e := range slices.Backward(edits) {
		out[e.Segment] = out[e.Segment][:e.Start] + e.With + out[e.Segment][e.End:]
	}
	return out
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		name     string
		segments []string
		want     []string
	}{
		{"nothing found", []string{"hello"}, []string{"hello"}},
		{"one value, one number, whatever the segment",
			[]string{"[[PERSON 4|Lina]] and [[PERSON 4|Omar]]", "[[PERSON 4|Omar]], [[PERSON 4|Lina]]"},
			[]string{"[PERSON_1] and [PERSON_2]", "[PERSON_2], [PERSON_1]"}},
		{"each type counts for itself",
			[]string{"[[PERSON 4|Lina]] [[IBAN_CODE 5|DE89370400440532013000]] [[PERSON 4|Omar]]"},
			[]string{"[PERSON_1] [IBAN_CODE_1] [PERSON_2]"}},
		{"the case of an e-mail address does not matter",
			[]string{"[[EMAIL_ADDRESS 5|A@B.example]] [[EMAIL_ADDRESS 5|a@b.example]] [[EMAIL_ADDRESS 5|c@b.example]]"},
			[]string{"[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2]"}},
		{"that of a name does",
			[]string{"[[PERSON 4|MAY]] [[PERSON 4|May]]"}, []string{"[PERSON_1] [PERSON_2]"}},
		{"the likeliest names a union",
			[]string{"[[URL 3|mail [[EMAIL_ADDRESS 5|a@b.example]] now]]"}, []string{"[EMAIL_ADDRESS_1]"}},
		{"of the likeliest the longest",
			[]string{"[[URL 4|http://[[IP_ADDRESS 4|10.0.0.1]]/]]"}, []string{"[URL_1]"}},
		{"the same span twice: the lesser name",
			[]string{"[[US_SSN 4|[[DE_IDNR 4|123456789]]]]"}, []string{"[DE_IDNR_1]"}},
		{"touching is not overlapping",
			[]string{"[[PERSON 4|Lina]][[PERSON 4|Omar]]"}, []string{"[PERSON_1][PERSON_2]"}},
		{"bytes, not characters",
			[]string{"é [[PERSON 4|Zoë Ångström]] é"}, []string{"é [PERSON_1] é"}},
	} {
		var texts []string
		var segments []proxy.Segment
		var findings []proxy.Finding
		for i, s := range c.segments {
			text, f := marked(t, i, s)
			texts, findings = append(texts, text), append(findings, f...)
			segments = append(segments, proxy.Segment{Text: proxy.NewText(text)})
		}
		for range 2 { // whatever the order of the findings
			if d := cmp.Diff(c.want, apply(texts, vault.Placeholders{}.Mask(segments, findings))); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, d)
			}
			slices.Reverse(findings)
		}
	}
}

// What overlaps by its end only is united too, to a chain's end.
func TestMaskUnitesChains(t *testing.T) {
	segments := []proxy.Segment{{Text: proxy.NewText("0123456789")}}
	got := vault.Placeholders{}.Mask(segments, []proxy.Finding{
		{Start: 4, End: 8, Type: "C", Likelihood: proxy.Likely}, {Start: 0, End: 3, Type: "A", Likelihood: proxy.Likely}, {Start: 2, End: 5, Type: "B", Likelihood: proxy.Possible},
	})
	if d := cmp.Diff([]proxy.Edit{{Start: 0, End: 8, With: "[C_1]"}}, got); d != "" {
		t.Error(d)
	}
}

// A finding that lies in no text is not dropped: the body must be refused.
func TestMaskKeepsTheImpossible(t *testing.T) {
	segments := []proxy.Segment{{Text: proxy.NewText("abc")}}
	for _, f := range []proxy.Finding{{Segment: 1, End: 1}, {Segment: -1, End: 1}, {Start: -1, End: 1}, {Start: 2, End: 4}, {Start: 2, End: 1}} {
		f.Type = "X"
		got := vault.Placeholders{}.Mask(segments, []proxy.Finding{f})
		if d := cmp.Diff([]proxy.Edit{{Segment: f.Segment, Start: f.Start, End: f.End, With: "[X_1]"}}, got); d != "" {
			t.Error(d)
		}
	}
}

func TestMaskDoesNotWriteItsInput(t *testing.T) {
	segments := []proxy.Segment{{Text: proxy.NewText("abcdef")}}
	findings := []proxy.Finding{{Start: 3, End: 4, Type: "B"}, {Start: 0, End: 1, Type: "A"}}
	vault.Placeholders{}.Mask(segments, findings)
	if findings[0].Type != "B" {
		t.Error("the findings were sorted where they stand")
	}
}

// FuzzMask: every byte that was found is replaced and no other, by edits that
// are sorted and do not overlap; equal values of a type have one number.
func FuzzMask(f *testing.F) {
	f.Add("Lina and Omar, Lina", []byte{0, 4, 4, 1, 9, 13, 4, 1, 15, 19, 4, 1})
	f.Add("0123456789", []byte{0, 3, 4, 0, 2, 5, 3, 1, 4, 8, 4, 2})
	f.Fuzz(func(t *testing.T, text string, spans []byte) {
		half := len(text) / 2
		texts := []string{text, text[half:]}
		segments := []proxy.Segment{{Text: proxy.NewText(texts[0])}, {Text: proxy.NewText(texts[1])}}
		found := [][]bool{make([]bool, len(texts[0])), make([]bool, len(texts[1]))}
		var findings []proxy.Finding
		for ; len(spans) >= 4; spans = spans[4:] {
			n := int(spans[3]) % 2
			start, end := int(spans[0]), int(spans[1])
			if start >= end || end > len(texts[n]) {
				continue
			}
			findings = append(findings, proxy.Finding{
				Segment: n, Start: start, End: end, Likelihood: proxy.Likelihood(spans[2]%5) + 1,
				Type: []string{"PERSON", "EMAIL_ADDRESS", "URL"}[int(spans[3]/2)%3],
			})
			for i := start; i < end; i++ {
				found[n][i] = true
			}
		}
		edits := vault.Placeholders{}.Mask(segments, findings)
		values := map[string]string{}
		for i, e := range edits {
			if i > 0 && edits[i-1].Segment == e.Segment && edits[i-1].End > e.Start || i > 0 && edits[i-1].Segment > e.Segment {
				t.Fatal("edits overlap or are not sorted")
			}
			for j := e.Start; j < e.End; j++ {
				if !found[e.Segment][j] {
					t.Fatal("a byte is replaced that nobody found")
				}
				found[e.Segment][j] = false
			}
			value := texts[e.Segment][e.Start:e.End]
			if strings.HasPrefix(e.With, "[EMAIL_ADDRESS_") {
				value = strings.ToLower(value)
			}
			if other, ok := values[e.With]; ok && other != value {
				t.Fatal("two values have one placeholder")
			}
			values[e.With] = value
		}
		for _, f := range found {
			if slices.Contains(f, true) {
				t.Fatal("a byte that was found is left")
			}
		}
		type named struct{ kind, value string }
		numbers := map[named]string{}
		for with, value := range values {
			n := named{with[:strings.LastIndexByte(with, '_')], value}
			if other, ok := numbers[n]; ok && other != with {
				t.Fatal("one value has two placeholders")
			}
			numbers[n] = with
		}
	})
}
