package index

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// The walk over the JSON finds what encoding/json and the event's fields give.
func TestDecodeAsJSON(t *testing.T) {
	d := newDice(1)
	var e entry
	seen := map[string]int{}
	for range 8_000 {
		b := encodeEvent(d.event())
		var ev proxy.Event
		if err := json.Unmarshal(b, &ev); err != nil {
			t.Fatal(err)
		}
		if err := e.decode(b); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		for _, f := range fields() {
			if f.class == classTime {
				if e.ms != plainTime(&ev) {
					t.Fatalf("time %d, not %d: %s", e.ms, plainTime(&ev), b)
				}
				continue
			}
			got, want := entryValues(&e, f), plainValues(&ev, f.name)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q, not %q: %s", f.name, got, want, b)
			}
			seen[f.name] += len(want)
		}
		shape := shapeOther
		if ev.Decision != nil {
			shape = shapeDecision
		} else if ev.Outcome != nil {
			shape = shapeOutcome
		}
		if e.shape != shape {
			t.Fatalf("shape %d, not %d: %s", e.shape, shape, b)
		}
	}
	for _, f := range fields() {
		if f.class != classTime && seen[f.name] < 100 {
			t.Errorf("%s: only %d values were compared", f.name, seen[f.name])
		}
	}
}

// Records that are cut off, or are something else, are errors and nothing worse.
func TestDecodeDamaged(t *testing.T) {
	d := newDice(2)
	var e entry
	for range 50 {
		b := encodeEvent(d.event())
		for i := range b {
			if e.decode(b[:i]) == nil {
				t.Fatalf("cut off at %d: no error: %s", i, b)
			}
		}
	}
	for _, s := range []string{``, `null`, `[]`, `"x"`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1]`, `{"id":7}`, `{"id":"\u12"}`, `{"decision":[]}`, `{"outcome":{"status":1e3}}`, `{"outcome":{"status":12345678901234567890}}`, `{} `, `{"id":"x"}}`} {
		if s != "null" && e.decode([]byte(s)) == nil {
			t.Errorf("%s: no error", s)
		}
	}
}

func TestParseMillis(t *testing.T) {
	for at := time.Date(1969, 12, 25, 0, 0, 0, 0, time.UTC); at.Year() < 2110; at = at.Add(61*time.Hour + 7*time.Minute + 3*time.Second + 13*time.Millisecond) {
		s := at.Format("2006-01-02T15:04:05.000Z")
		if got := parseMillis([]byte(s)); got != max(at.UnixMilli(), 0) {
			t.Fatalf("%s: %d, not %d", s, got, at.UnixMilli())
		}
	}
	for s, want := range map[string]int64{
		"": 0, "2026-02-30T00:00:00.000Z": 0, "2026-02-29T00:00:00.000Z": 0, "2024-02-29T00:00:00.000Z": 1709164800000, "2026-13-01T00:00:00.000Z": 0,
		"2026-01-01T24:00:00.000Z": 0, "2026-01-31T00:00:00.000Z": 1769817600000, "2026-01-01T00:00:00+01:00": 1767222000000, "2026-01-01x00:00:00.000Z": 0, "2026-01-01T00:00:00.0a0Z": 0,
	} {
		if got := parseMillis([]byte(s)); got != want {
			t.Errorf("%q: %d, not %d", s, got, want)
		}
	}
}

// Whatever the bytes, decoding ends, and what it read of an event that
// encoding/json reads as the same canonical bytes is the same.
func FuzzDecode(f *testing.F) {
	d := newDice(3)
	for range 50 {
		f.Add(encodeEvent(d.event()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e entry
		err := e.decode(b)
		var ev proxy.Event
		if json.Unmarshal(b, &ev) != nil || !bytes.Equal(encodeEvent(&ev), b) {
			return
		}
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		for _, x := range fields() {
			if x.class == classTime {
				continue
			}
			if got, want := entryValues(&e, x), plainValues(&ev, x.name); !slices.Equal(got, want) {
				t.Fatalf("%s: %q, not %q: %s", x.name, got, want, b)
			}
		}
	})
}
