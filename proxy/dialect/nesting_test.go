package dialect_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// JSON that stands in a string of JSON, and so on: to the fourth time its leaves
// are segments and can be edited one by one; beyond, the string is one segment
// and is inspected as it is.
func TestNesting(t *testing.T) {
	text := `{"leaf":"lina@example.org"}`
	for level := 1; level <= 7; level++ {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := read(t, "/v1/chat/completions", []byte(`{"model":"m","messages":[{"role":"tool","content":`+string(quoted)+`}]}`))
		if err != nil {
			t.Fatalf("level %d: %v", level, err)
		}
		whole, part := 0, 0
		for i := range doc.Prompt().Segments {
			s := &doc.Prompt().Segments[i]
			switch {
			case s.Text.Reveal() == "lina@example.org":
				whole++
				if s.Role != "tool" || s.Fixed || s.Key.Reveal() != "leaf" {
					t.Errorf("level %d: the leaf is labelled %s, key %s, fixed %v", level, s.Role, s.Key.Reveal(), s.Fixed)
				}
			case strings.Contains(s.Text.Reveal(), "lina@example.org"):
				part++
			}
		}
		if want := level <= 4; whole+part != 1 || want != (whole == 1) {
			t.Errorf("level %d: %d leaves, %d strings that hold it", level, whole, part)
		}
		inner, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		text = `{"in":` + string(inner) + `}`
	}
}

// A string of more values than may be made is one segment; a body of as many is
// refused.
func TestTooManyValues(t *testing.T) {
	many := "[" + strings.Repeat("1,", 1<<20) + `"lina@example.org"]`
	quoted, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := read(t, "/v1/chat/completions", []byte(`{"messages":[{"role":"user","content":`+string(quoted)+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if in, _ := finds(doc.Prompt(), "lina@example.org"); !in {
		t.Error("a string of too many values is in no segment")
	}
	if _, err := read(t, "/v1/chat/completions", []byte(`{"messages":`+many+`}`)); err == nil || !strings.Contains(errorText(t, err), "too_large json_too_many_values") {
		t.Errorf("a body of too many values: %v", err)
	}
}

// Bytes in a field that nobody knows are opaque, whatever the field is called;
// long words are not.
func TestEncodedText(t *testing.T) {
	long := func(alphabet string) string { return strings.Repeat(alphabet, 1+2000/len(alphabet)) }
	for _, c := range []struct {
		name, text string
		opaque     bool
	}{
		{"base64", long("QmFzZTY0IGlzIG5vdCB0ZXh0Lg") + "==", true},
		{"base64url in lines", long("QmFzZTY0IGlz_G5v-CB0ZXh0Lg\n"), true},
		{"too short to hold much", long("QmFzZTY0IGlzIG5vdCB0ZXh0Lg")[:511], false},
		{"hexadecimal", long("0123456789abcdef"), false},
		{"one letter", long("x"), false},
		{"a sequence of bases", long("ACGTTGCA"), false},
		{"prose", long("Meeting at 10 with Lina. "), false},
	} {
		quoted, err := json.Marshal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := read(t, "/v1/chat/completions", []byte(`{"messages":[{"role":"user","content":[{"type":"hologram","hologram":`+string(quoted)+`}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, opaque := finds(doc.Prompt(), c.text); opaque != c.opaque {
			t.Errorf("%s: opaque is %v", c.name, opaque)
		}
	}
}
