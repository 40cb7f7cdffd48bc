package audit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ostiary/ostiary/proxy"
)

// Events as recorded are what an independent writer of RFC 8785 makes of the same
// JSON, whatever the strings and the keys of maps are.
func TestRecordsAreCanonical(t *testing.T) {
	enc := newEncoder()
	rng := &scrambler{Rand: rand.New(rand.NewPCG(8785, 1)), words: nasty}
	slow := 0
	for i := range 3000 {
		ev := decision(i)
		if i > 0 {
			ev = &proxy.Event{}
			rng.fill(reflect.ValueOf(ev).Elem())
		}
		got, err := enc.encode(ev)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if plainJSON, _ := json.Marshal(ev); string(plainJSON) != string(got) {
			slow++
		}
		if want := reference(t, ev); string(got) != want {
			t.Fatalf("event %d differs\n got %s\nwant %s", i, got, want)
		}
	}
	if slow < 100 {
		t.Errorf("only %d events were other than encoding/json has them: the test is too tame", slow)
	}
}

// A number that a double does not hold exactly has no canonical form, and there
// are none but integers in an event.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		n    int64
		want error
	}{
		{0, nil}, {-1, nil}, {1<<53 - 1, nil}, {-(1<<53 - 1), nil},
		{1 << 53, ErrNotCanonical}, {-(1 << 53), ErrNotCanonical}, {1<<63 - 1, ErrNotCanonical}, {-1 << 63, ErrNotCanonical},
	} {
		ev := outcomeOf(1)
		ev.Outcome.Bytes = c.n
		if _, err := newEncoder().encode(ev); err != c.want {
			t.Errorf("%d: %v, want %v", c.n, err, c.want)
		}
		ev.Outcome.Reason = "\u2028" // by the other path
		if _, err := newEncoder().encode(ev); err != c.want {
			t.Errorf("%d beside an escape: %v, want %v", c.n, err, c.want)
		}
	}
	noFloats(t, reflect.TypeFor[proxy.Event](), "Event")
}

func noFloats(t *testing.T, typ reflect.Type, path string) {
	switch typ.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Interface:
		t.Errorf("%s is a %s", path, typ)
	case reflect.Pointer, reflect.Slice, reflect.Map:
		noFloats(t, typ.Elem(), path)
	case reflect.Struct:
		for i := range typ.NumField() {
			noFloats(t, typ.Field(i).Type, path+"."+typ.Field(i).Name)
		}
	}
}

func TestRecordSizeLimit(t *testing.T) {
	ev := small(1)
	base, err := newEncoder().encode(ev)
	if err != nil {
		t.Fatal(err)
	}
	room := MaxRecord - len(base) - len(`,"detail":""`)
	ev.Admin.Detail = strings.Repeat("x", room)
	if b, err := newEncoder().encode(ev); err != nil || len(b) != MaxRecord {
		t.Errorf("at the limit: %v, %d bytes", err, len(b))
	}
	ev.Admin.Detail += "x"
	if _, err := newEncoder().encode(ev); err != ErrTooLarge {
		t.Errorf("over the limit: %v", err)
	}
}

// nasty are strings in which encoding/json and RFC 8785 differ or might.
var nasty = []string{
	"", "plain", "\"", "\\", "\\u2028", "\u2028", "a\u2029b", "<&>", "seven b\x00", "eight by\n", "nine byte\"", "a longer run of plain text, and then ü", "\x00\x01\x1f\x7f", "\b\t\n\f\r", "\xff\xfe", "\ufffd", "ü", "€",
	"\U0001F600", "\uE000", "\uFFFF", "\\\\u00e9", "9007199254740993", "0000000000000000000000", "12345678901234567890.5e3", "/", "{\"a\":1}",
}

// scrambler fills values at random.
type scrambler struct {
	*rand.Rand
	words   []string
	numbers []int64 // used now and then; nil for any that are permitted
	anyKey  bool    // keys of maps may be other than UTF-8, so that two may become one
}

func (s *scrambler) text() string {
	t := s.words[s.IntN(len(s.words))]
	if s.IntN(3) == 0 {
		t += s.words[s.IntN(len(s.words))]
	}
	return t
}

func (s *scrambler) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s.text())
	case reflect.Int, reflect.Int64:
		switch {
		case len(s.numbers) > 0 && s.IntN(40) == 0:
			v.SetInt(s.numbers[s.IntN(len(s.numbers))])
		case s.IntN(3) == 0:
			v.SetInt(0)
		default:
			v.SetInt(s.Int64N(1<<54-1) - safeInteger)
		}
	case reflect.Bool:
		v.SetBool(s.IntN(2) == 0)
	case reflect.Pointer:
		if s.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			s.fill(v.Elem())
		}
	case reflect.Slice:
		if n := s.IntN(4) - 1; n >= 0 { // -1: there is none, not an empty one
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				s.fill(v.Index(i))
			}
		}
	case reflect.Map:
		n := s.IntN(5) - 1
		if n < 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range n {
			key := s.text()
			if !s.anyKey {
				key = strings.ToValidUTF8(key, "?")
			}
			e := reflect.New(v.Type().Elem()).Elem()
			s.fill(e)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.fill(v.Field(i))
		}
	default:
		panic(fmt.Sprintf("an event holds a %s", v.Kind()))
	}
}

// reference is an RFC 8785 writer that shares nothing with the one under test:
// it goes through encoding/json's generic values and through doubles.
func reference(t *testing.T, ev *proxy.Event) string {
	t.Helper()
	b, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var w strings.Builder
	writeReference(&w, v)
	return w.String()
}

func writeReference(w *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case bool:
		fmt.Fprint(w, v)
	case float64:
		w.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	case string:
		w.WriteByte('"')
		for _, r := range v {
			short := map[rune]string{'"': `\"`, '\\': `\\`, 8: `\b`, 9: `\t`, 10: `\n`, 12: `\f`, 13: `\r`}
			switch s, ok := short[r]; {
			case ok:
				w.WriteString(s)
			case r < 32:
				fmt.Fprintf(w, `\u%04x`, r)
			default:
				w.WriteRune(r)
			}
		}
		w.WriteByte('"')
	case []any:
		w.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				w.WriteByte(',')
			}
			writeReference(w, e)
		}
		w.WriteByte(']')
	case map[string]any:
		var keys []string
		for k := range v {
			keys = append(keys, k)
		}
		sort.Slice(keys, func(i, j int) bool {
			a, b := utf16.Encode([]rune(keys[i])), utf16.Encode([]rune(keys[j]))
			for n := 0; n < len(a) && n < len(b); n++ {
				if a[n] != b[n] {
					return a[n] < b[n]
				}
			}
			return len(a) < len(b)
		})
		w.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				w.WriteByte(',')
			}
			writeReference(w, k)
			w.WriteByte(':')
			writeReference(w, v[k])
		}
		w.WriteByte('}')
	}
}
