package audit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ostiary/ostiary/proxy"
)

// nestingLimit bounds the depth of events; those of today have eight levels.
const nestingLimit = 32

// edges are numbers at the bounds of what has a canonical form.
var edges = []int64{1<<53 - 1, -(1<<53 - 1), 1 << 53, -(1 << 53), 1<<63 - 1, -1 << 63}

// same fails unless the encoder gives for an event what the one by reflection
// gives, bytes or error. It says whether there are bytes.
func same(t *testing.T, e *encoder, old *byReflection, ev *proxy.Event) bool {
	t.Helper()
	got, err := e.encode(ev)
	want, wantErr := old.encode(ev)
	if err != wantErr {
		t.Fatalf("%v, by reflection %v", err, wantErr)
	}
	if string(got) != string(want) {
		t.Fatalf("differs\n got %s\nwant %s", got, want)
	}
	return err == nil
}

// The encoder gives what encoding/json and a rewriting gave, for any event,
// whether it has a canonical form or not.
func TestEncoderGivesWhatReflectionGives(t *testing.T) {
	e, old := newEncoder(), newByReflection()
	s := &scrambler{Rand: rand.New(rand.NewPCG(8785, 2)), words: nasty, numbers: edges, anyKey: true}
	good, bad := 0, 0
	for range 6000 {
		ev := &proxy.Event{}
		s.fill(reflect.ValueOf(ev).Elem())
		if same(t, e, old, ev) {
			good++
		} else {
			bad++
		}
	}
	if good < 300 || bad < 300 {
		t.Errorf("%d events have a form and %d have none: the test is too tame", good, bad)
	}
	for _, ev := range []*proxy.Event{{}, decision(1), outcomeOf(1), small(1)} {
		if !same(t, e, old, ev) {
			t.Error("a common event has no canonical form")
		}
	}
}

// places visits every string, number, truth value, list, map and pointer of a
// value that complete has filled, each by its path. store must be called after a
// change: what lies in a map is a copy.
func places(v reflect.Value, path string, store func(), visit func(path string, v reflect.Value, store func())) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			places(v.Field(i), path+"."+v.Type().Field(i).Name, store, visit)
		}
		return
	case reflect.Pointer:
		places(v.Elem(), path, store, visit)
	case reflect.Slice:
		places(v.Index(0), path+"[0]", store, visit)
	case reflect.Map:
		key := v.MapKeys()[0]
		e := reflect.New(v.Type().Elem()).Elem()
		e.Set(v.MapIndex(key))
		places(e, path+"[]", func() { v.SetMapIndex(key, e); store() }, visit)
	}
	visit(path, v, store)
}

// complete gives every member a value of its own that is not empty.
func complete(v reflect.Value, next *int) {
	*next++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("s", *next))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*next))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		complete(v.Elem(), next)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		complete(v.Index(0), next)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		complete(e, next)
		v.SetMapIndex(reflect.ValueOf(fmt.Sprint("k", *next)).Convert(v.Type().Key()), e)
	case reflect.Struct:
		for i := range v.NumField() {
			complete(v.Field(i), next)
		}
	default:
		panic(fmt.Sprintf("an event holds a %s", v.Kind()))
	}
}

// Every field of every record is written, under its name and in its place, and is
// left out where it is empty if its tag says so. A field that is added to package
// proxy and not to the encoder fails here.
func TestEveryField(t *testing.T) {
	e, old := newEncoder(), newByReflection()
	ev := &proxy.Event{}
	n := 0
	complete(reflect.ValueOf(ev).Elem(), &n)
	if !same(t, e, old, ev) {
		t.Fatal("no canonical form")
	}
	before := string(must1(e.encode(ev))(t))
	seen := 0
	places(reflect.ValueOf(ev).Elem(), "Event", func() {}, func(path string, v reflect.Value, store func()) {
		kept := reflect.New(v.Type()).Elem()
		kept.Set(v)
		v.SetZero()
		store()
		seen++
		t.Run(path, func(t *testing.T) {
			same(t, e, old, ev)
			if without := string(must1(e.encode(ev))(t)); without == before {
				t.Error("the field is not written")
			}
		})
		v.Set(kept)
		store()
	})
	if seen < 150 {
		t.Errorf("only %d fields were visited", seen)
	}
	if after := string(must1(e.encode(ev))(t)); after != before {
		t.Error("the test has not put back what it took away")
	}
}

func must1(b []byte, err error) func(testing.TB) []byte {
	return func(t testing.TB) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// A personal part is written like any record.
func TestEncodePersonal(t *testing.T) {
	e := newEncoder()
	s := &scrambler{Rand: rand.New(rand.NewPCG(8785, 3)), words: nasty}
	for range 1000 {
		p := &proxy.PersonalRecord{}
		s.fill(reflect.ValueOf(p).Elem())
		plain, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := rewritten(plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := must1(e.encodePersonal(p))(t); string(got) != string(want) {
			t.Fatalf("differs\n got %s\nwant %s", got, want)
		}
	}
	held := must1(e.encodePersonal(&proxy.PersonalRecord{Subject: "s"}))(t)
	must1(e.encode(decision(1)))(t)
	if string(held) != `{"subject":"s"}` {
		t.Errorf("encoding an event has overwritten a personal part: %s", held)
	}
	if _, err := e.encodePersonal(&proxy.PersonalRecord{UID: 1 << 53}); err != ErrNotCanonical {
		t.Errorf("a number beyond 2^53: %v", err)
	}
	if _, err := e.encodePersonal(&proxy.PersonalRecord{Query: strings.Repeat("x", MaxRecord)}); err != ErrTooLarge {
		t.Errorf("beyond the bound: %v", err)
	}
	if got := must1(e.encodePersonal(&proxy.PersonalRecord{}))(t); string(got) != "{}" {
		t.Errorf("an empty part is %s", got)
	}
}

// Keys are ordered by UTF-16 units, in which they differ from bytes and from
// characters.
func TestKeyOrder(t *testing.T) {
	words := append(slices.Clone(nasty), "a", "ab", "b", "a\uE000", "a\U0001F600", "a\uD7FF", "\uFFFD", "\U0010FFFF", "\uFB33", "\U00010000x")
	for _, a := range words {
		for _, b := range words {
			want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
			got := compareKeys(a, b)
			if got < 0 != (want < 0) || got > 0 != (want > 0) {
				t.Errorf("%+q and %+q compare as %d, want %d", a, b, got, want)
			}
		}
	}
}

// What was refused leaves nothing behind for the next event, and no buffer beyond
// the bound is kept.
func TestEncoderAfterErrors(t *testing.T) {
	e := newEncoder()
	want := string(must1(e.encode(decision(1)))(t))
	broken := func(change func(*proxy.Event)) *proxy.Event {
		ev := decision(1)
		change(ev)
		return ev
	}
	for name, c := range map[string]struct {
		ev   *proxy.Event
		want error
	}{
		"number":      {broken(func(ev *proxy.Event) { ev.Decision.Facts.Time.Unix = 1 << 53 }), ErrNotCanonical},
		"map's value": {broken(func(ev *proxy.Event) { ev.Decision.Facts.Opaque.Kinds["image"] = -1 << 53 }), ErrNotCanonical},
		"keys": {broken(func(ev *proxy.Event) {
			roles := ev.Decision.Facts.Findings.Types["US_SSN"].Roles
			roles["a\xff"], roles["a\xfe"] = proxy.Levels{}, proxy.Levels{}
		}), ErrNotCanonical},
		"string":  {broken(func(ev *proxy.Event) { ev.Decision.Reasons[0].Message = strings.Repeat("x", 1<<20) }), ErrTooLarge},
		"escapes": {broken(func(ev *proxy.Event) { ev.Decision.Reasons[0].Message = strings.Repeat("\x01", 30_000) }), ErrTooLarge},
		"strings": {broken(func(ev *proxy.Event) { ev.Decision.Facts.State = slices.Repeat([]string{"", "file"}, 20_000) }), ErrTooLarge},
		"list":    {broken(func(ev *proxy.Event) { ev.Opaque = make([]proxy.OpaqueRecord, 100_000) }), ErrTooLarge},
		"map": {broken(func(ev *proxy.Event) {
			for i := range 20_000 {
				ev.Decision.Facts.Opaque.Kinds[fmt.Sprint(i)] = i
			}
		}), ErrTooLarge},
	} {
		if b, err := e.encode(c.ev); err != c.want || b != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if got := string(must1(e.encode(decision(1)))(t)); got != want {
			t.Errorf("%s: the next event is %s", name, got)
		}
		if cap(e.event.b) > keepBuffer || cap(e.event.keys) > keepKeys {
			t.Errorf("%s: %d bytes and %d keys are kept", name, cap(e.event.b), cap(e.event.keys))
		}
		for _, k := range e.event.keys[:cap(e.event.keys)] {
			if k != "" {
				t.Errorf("%s: a key is kept", name)
				break
			}
		}
	}
}

// No type of a record contains itself, so that the depth of an event is bounded
// by its types.
func TestDepth(t *testing.T) {
	deepest := 0
	var walk func(reflect.Type, int)
	walk = func(typ reflect.Type, depth int) {
		if deepest = max(deepest, depth); depth > nestingLimit {
			t.Fatalf("%s lies deeper than %d", typ, nestingLimit)
		}
		switch typ.Kind() {
		case reflect.Pointer:
			walk(typ.Elem(), depth)
		case reflect.Slice, reflect.Map:
			walk(typ.Elem(), depth+1)
		case reflect.Struct:
			for i := range typ.NumField() {
				walk(typ.Field(i).Type, depth+1)
			}
		}
	}
	walk(reflect.TypeFor[proxy.Event](), 0)
	if deepest < 7 {
		t.Errorf("the walk reached depth %d only", deepest)
	}
}

// An encoder that has seen an event of the size allocates nothing.
func TestEncoderAllocates(t *testing.T) {
	e := newEncoder()
	ev := decision(1)
	n := testing.AllocsPerRun(200, func() {
		if _, err := e.encode(ev); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

// FuzzEncode: of an event of any structure that holds these strings and this
// number, the encoder makes what the one by reflection does; what it makes is read
// as the same event again and is canonical.
func FuzzEncode(f *testing.F) {
	for i, w := range nasty {
		f.Add(uint64(i), w, nasty[len(nasty)-1-i], int64(i))
	}
	for _, n := range edges {
		f.Add(uint64(1), "a", "b", n)
	}
	e, old := newEncoder(), newByReflection()
	f.Fuzz(func(t *testing.T, seed uint64, a, b string, n int64) {
		s := &scrambler{Rand: rand.New(rand.NewPCG(seed, 0)), words: []string{a, b, "", "x"}, numbers: []int64{n, 0, 1}, anyKey: true}
		ev := &proxy.Event{}
		s.fill(reflect.ValueOf(ev).Elem())
		got, err := e.encode(ev)
		want, wantErr := old.encode(ev)
		if err != wantErr {
			// Where it is both too large and without a form, either may be said.
			if err == nil || wantErr == nil {
				t.Fatalf("%v, by reflection %v", err, wantErr)
			}
			return
		}
		if string(got) != string(want) {
			t.Fatal("the encoders differ")
		}
		if err != nil {
			return
		}
		var again proxy.Event
		if err := json.Unmarshal(got, &again); err != nil {
			t.Fatal("the encoder's JSON cannot be read")
		}
		if twice, err := newEncoder().encode(&again); err != nil || string(twice) != string(got) {
			t.Fatal("the event that is read is another")
		}
	})
}
