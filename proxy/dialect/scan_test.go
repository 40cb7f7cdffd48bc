package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// refused are texts that are not read: why, and at which byte.
var refused = []struct {
	text string
	code string
	at   int
}{
	{``, "json_empty", 0},
	{" \n\t\r", "json_empty", 0},
	{`{`, "json_incomplete", 1},
	{`{"a"`, "json_incomplete", 4},
	{`{"a":`, "json_incomplete", 5},
	{`{"a":1`, "json_incomplete", 6},
	{`{"a":"x`, "json_incomplete", 7},
	{`{"a":"x\`, "json_incomplete", 7},
	{`[1,`, "json_incomplete", 3},
	{`{"a":tru`, "json_syntax", 5},
	{`{a:1}`, "json_syntax", 1},
	{`{'a':1}`, "json_syntax", 1},
	{`{"a" 1}`, "json_syntax", 5},
	{`{"a":1,}`, "json_syntax", 7},
	{`{,}`, "json_syntax", 1},
	{`[1,]`, "json_syntax", 3},
	{`[1 2]`, "json_syntax", 3},
	{`{"a":1]`, "json_syntax", 6},
	{`{"a":undefined}`, "json_syntax", 5},
	{`{"a":NaN}`, "json_syntax", 5},
	{`{"a":/**/1}`, "json_syntax", 5},
	{"{\v}", "json_syntax", 1},
	{"{\u00a0}", "json_syntax", 1},
	{`{} {}`, "json_trailing", 3},
	{`{}x`, "json_trailing", 2},
	{"{}\x00", "json_trailing", 2},
	{`{"a":1,"a":2}`, "json_duplicate_key", 7},
	{`{"a":1,"\u0061":2}`, "json_duplicate_key", 7},
	{`{"x":{"a":1,"b":{"a":3},"a":2}}`, "json_duplicate_key", 24},
	{`{"messages":[],"Messages":[]}`, "json_colliding_keys", 15},
	{`{"messages":[],"meſſages":[]}`, "json_colliding_keys", 15},
	{`{"key":1,"` + "\u212a" + `ey":2}`, "json_colliding_keys", 9},
	{`{"É":1,"é":2}`, "json_colliding_keys", 8},
	{`{"ς":1,"Σ":2}`, "json_colliding_keys", 8},
	{manyKeys(40, `"K7"`), "json_colliding_keys", -1},
	{manyKeys(40, `"k7"`), "json_duplicate_key", -1},
	{manyKeys(40, `"\u006b33"`), "json_duplicate_key", -1},
	{"{\"a\":\"\xff\"}", "json_not_utf8", 6},
	{"{\"a\":\"\xc0\xaf\"}", "json_not_utf8", 6},
	{"{\"a\":\"\xed\xa0\x80\"}", "json_not_utf8", 6}, // a surrogate in UTF-8
	{`{"a":"\ud800"}`, "json_unpaired_surrogate", 6},
	{`{"a":"\ud800\ud800"}`, "json_unpaired_surrogate", 6},
	{`{"a":"\udc00\ud800"}`, "json_unpaired_surrogate", 6},
	{`{"a":"x\ud83dA"}`, "json_unpaired_surrogate", 7},
	{`{"a":"\x41"}`, "json_escape", 6},
	{`{"a":"\u00g0"}`, "json_escape", 6},
	{`{"a":"\u00`, "json_escape", 6},
	{`{"a":"\'"}`, "json_escape", 6},
	{"{\"a\":\"1234567890\n\"}", "json_control_character", 16},
	{"{\"a\":\"\x00\"}", "json_control_character", 6},
	{"{\"a\tb\":1}", "json_control_character", 3},
	{`{"a":01}`, "json_number", 5},
	{`{"a":-}`, "json_number", 5},
	{`{"a":1.}`, "json_number", 5},
	{`{"a":1e}`, "json_number", 5},
	{`{"a":1e+}`, "json_number", 5},
	{`{"a":+1}`, "json_syntax", 5},
	{`{"a":.5}`, "json_syntax", 5},
	{`{"a":0x10}`, "json_syntax", 6},
	{strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65), "json_too_deep", 64},
	{strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65), "json_too_deep", 320},
	{"\ufeff{}", "json_byte_order_mark", 0},
}

// manyKeys makes an object of so many keys that a map is made of them, with one
// more at its end.
func manyKeys(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"k%d":0,`, i)
	}
	return b.String() + last + `:1}`
}

func TestScanRefuses(t *testing.T) {
	for _, c := range refused {
		budget := valueLimit
		_, f := scan(c.text, &budget, false)
		if got := faults[f.code].code; got != c.code || c.at >= 0 && f.at != c.at {
			t.Errorf("%.60q: %s at %d, want %s at %d", c.text, got, f.at, c.code, c.at)
		}
		if e := f.err(); e.Kind == proxy.Fault || strings.Contains(e.Hint, "#") || c.at > 0 && !strings.Contains(e.Hint, strconv.Itoa(f.at)) {
			t.Errorf("%.60q: the hint does not say where", c.text)
		}
	}
	if depthText != strconv.Itoa(depthLimit) {
		t.Error("the sentence names another limit than the scanner has")
	}
}

func TestScanTakes(t *testing.T) {
	for _, text := range []string{
		`{}`, ` { } `, `[]`, `null`, `"x"`, `0`, `-0`, `-0.0e-0`, `1E400`, `{"a":"\u0000"}`, `{"":""}`, `{"a":"\/\b\f\n\r\t\"\\"}`,
		`{"a":"\ud83d\ude00"}`, `{"s":1,"t":2}`, `[{"a":1},{"a":1}]`, `{"a":{"A":1}}`, manyKeys(40, `"other"`), "{\"\x7f\":\"\u2028\"}",
		strings.Repeat(`[`, 64) + strings.Repeat(`]`, 64),
	} {
		budget := valueLimit
		if _, f := scan(text, &budget, false); f.code != faultNone {
			t.Errorf("%.60q: %s at %d", text, faults[f.code].code, f.at)
		}
	}
}

func TestScanKeepsToItsBudget(t *testing.T) {
	budget := 10
	if _, f := scan(`[1,2,3,4,5,6,7,8,9]`, &budget, false); f.code != faultNone || budget != 0 {
		t.Errorf("ten values within a budget of ten: %s, %d left", faults[f.code].code, budget)
	}
	budget = 10
	if _, f := scan(`[1,2,3,4,5,6,7,8,9,10]`, &budget, false); f.code != faultValues {
		t.Errorf("eleven values within a budget of ten: %q", faults[f.code].code)
	}
	if faults[faultValues].kind != proxy.TooLarge {
		t.Error("too many values are too large")
	}
}

// A string is found to its end whatever stands at whatever place of the eight
// bytes that are looked at together.
func TestPlain(t *testing.T) {
	for length := range 40 {
		for at := range length + 1 {
			for _, c := range []byte{'"', '\\', 0, 0x1f, '\n'} {
				for _, fill := range []string{"x", "\x20", "\x7f", "\xc3", "\xa2", "\xff", "!", "#", "]", "["} {
					s := strings.Repeat(fill, at) + string([]byte{c}) + strings.Repeat(fill, length-at)
					if got := plain(s, 0); got != at {
						t.Fatalf("%q: %d, want %d", s, got, at)
					}
				}
			}
		}
	}
}

// leaf is a key, string or number of a text, in the order of the text.
type leaf struct {
	kind nodeKind
	text string
}

// ours gives what the scanner read.
func ours(t *tree) []leaf {
	var out []leaf
	for i := range t.nodes {
		if n := &t.nodes[i]; n.text >= 0 {
			out = append(out, leaf{n.kind, t.texts[n.text]})
		}
	}
	return out
}

// theirs gives what encoding/json reads, token by token.
func theirs(text []byte) ([]leaf, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out []leaf
	type frame struct{ object, key bool }
	var stack []frame
	for {
		token, err := d.Token()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		top := len(stack) - 1
		isKey := top >= 0 && stack[top].object && stack[top].key
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if top >= 0 {
					stack[top].key = true
				}
				stack = append(stack, frame{v == '{', true})
			default:
				stack = stack[:top]
			}
			continue
		case string:
			if isKey {
				out = append(out, leaf{nodeKey, v})
				stack[top].key = false
				continue
			}
			out = append(out, leaf{nodeString, v})
		case json.Number:
			out = append(out, leaf{nodeNumber, v.String()})
		}
		if top >= 0 {
			stack[top].key = true
		}
	}
}

// collides reports whether an object of the text has keys that fold to the same.
func collides(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var keys [][]string
	var object, key []bool
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		top := len(key) - 1
		if delim, ok := token.(json.Delim); ok {
			if delim == '{' || delim == '[' {
				if top >= 0 {
					key[top] = true
				}
				keys, object, key = append(keys, nil), append(object, delim == '{'), append(key, true)
				continue
			}
			keys, object, key = keys[:top], object[:top], key[:top]
			continue
		}
		if top < 0 {
			continue
		}
		if s, ok := token.(string); ok && object[top] && key[top] {
			if slices.ContainsFunc(keys[top], func(o string) bool { return strings.EqualFold(o, s) }) {
				return true
			}
			keys[top] = append(keys[top], s)
			key[top] = false
			continue
		}
		key[top] = true
	}
}

// FuzzAgree: what we accept, encoding/json accepts, and reads the same strings,
// keys and numbers in the same order. What encoding/json accepts and we do not
// is one of the things that two parsers read differently, and is really there.
func FuzzAgree(f *testing.F) {
	for _, c := range refused {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"a\u00e9\ud83d\ude00\n"}],"n":1.5e3,"t":true,"z":null}`))
	f.Add([]byte(manyKeys(40, `"other"`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		budget := valueLimit
		tree, fault := scan(string(text), &budget, false)
		if fault.code == faultNone {
			if !json.Valid(text) {
				t.Fatal("accepted, but encoding/json does not")
			}
			want, err := theirs(text)
			if err != nil {
				t.Fatal("accepted, but encoding/json does not read it")
			}
			if !slices.Equal(ours(tree), want) {
				t.Fatalf("read differently:\n%q\n%q", ours(tree), want)
			}
			return
		}
		if !json.Valid(text) {
			return
		}
		switch fault.code {
		case faultUTF8:
			if utf8.Valid(text) {
				t.Fatal("valid UTF-8 is refused as invalid")
			}
		case faultSurrogate, faultDepth, faultValues:
		case faultDuplicate, faultCollision:
			if !collides(text) {
				t.Fatal("refused for keys that do not collide")
			}
		default:
			t.Fatalf("refused (%s at %d), but encoding/json reads it", faults[fault.code].code, fault.at)
		}
	})
}
