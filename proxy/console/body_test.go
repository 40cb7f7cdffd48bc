package console

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
)

// FuzzBody: a body that is taken has one reading: each member is one of ours as we
// spell it, stands once, and reads as it does when it stands alone.
func FuzzBody(f *testing.F) {
	f.Add(`{"subject":"a","reason":"review","ticket":"T","dry_run":true,"ids":["x"]}`)
	f.Add(`{"dry_run":true,"DRY_RUN":false}`)
	f.Add(`{"dry_run":true,"dry_run":false}`)
	f.Add(`{}{}`)
	f.Add(" { } ")
	f.Add(`{"ids":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		got, err := read[EraseRequest](&call{r: r})
		if err != nil {
			return
		}
		var one map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &one) != nil {
			t.Fatal("taken, and no object")
		}
		d := json.NewDecoder(strings.NewReader(body))
		_, _ = d.Token()
		n := 0
		for d.More() {
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != len(one) {
			t.Fatal("taken with a member that stands twice")
		}
		again, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		var same EraseRequest
		if json.Unmarshal(again, &same) != nil || same.Subject != got.Subject || same.DryRun != got.DryRun || same.Query != got.Query || !slices.Equal(same.IDs, got.IDs) {
			t.Fatal("taken with two readings")
		}
		for name := range one {
			if !slices.Contains([]string{"fingerprint", "subject", "ids", "query", "reason", "ticket", "approver", "dry_run"}, name) {
				t.Fatal("taken with a member that is none")
			}
		}
	})
}

// FuzzTail: what a stream holds never makes a client fail but with an error, and
// the position only moves to ids that stand in it.
func FuzzTail(f *testing.F) {
	f.Add("id: 1\ndata: {\"index\":0,\"event\":{}}\n\n")
	f.Add(": begun\n\nid: 5\n\nevent: problem\ndata: {\"code\":\"query\"}\n\n")
	f.Add("data\n\n\nid\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		after := "begin"
		_ = readTail(strings.NewReader(stream), &after, func(Entry, string) error { return nil })
		if after != "begin" && !strings.Contains(stream, after) {
			t.Fatal("a position that is not in the stream")
		}
	})
}

func TestBuckets(t *testing.T) {
	r := rates{rate: 2, burst: 4}
	now := time.Unix(0, 0)
	taken := func(key string, n int) (got int) {
		for range n {
			if r.take(key, now) {
				got++
			}
		}
		return got
	}
	if n := taken("a", 10); n != 4 {
		t.Errorf("at once %d", n)
	}
	now = now.Add(time.Second)
	if n := taken("a", 10); n != 2 {
		t.Errorf("after a second %d", n)
	}
	now = now.Add(-time.Hour)
	if n := taken("a", 10); n != 0 {
		t.Errorf("after the clock went back %d", n)
	}
	now = now.Add(2 * time.Hour)
	if n := taken("a", 10); n != 4 {
		t.Errorf("after hours %d", n)
	}
	for i := range maxRated + 100 {
		r.take("address "+strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), now)
	}
	if n := len(r.buckets); n > maxRated {
		t.Errorf("%d callers are kept", n)
	}
	if r.take("somebody new", now) {
		t.Error("somebody new is let in beside so many")
	}
	now = now.Add(time.Minute)
	if !r.take("somebody new", now) || len(r.buckets) != 1 {
		t.Errorf("after a minute %d callers are kept", len(r.buckets))
	}
}

func TestPrefix(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "fe80::1%eth0": "fe80::/64", "x": "x",
	} {
		if got := prefix(address); got != want {
			t.Errorf("%s is limited as %s", address, got)
		}
	}
}

// A core that holds more of its personal part than the commitment is shown to nobody.
func TestOnlyCore(t *testing.T) {
	for core, ok := range map[string]bool{
		`{"id":"x"}`: true, `{"personal":{"commitment":"ab"}}`: true, `{"personal":{"commitment":"ab","subject":"x"}}`: false, `{"personal":{"subject":"x"}}`: false, `{`: false,
	} {
		if err := onlyCore(record(core)); (err == nil) != ok {
			t.Errorf("%s: %v", core, err)
		}
	}
}

func record(core string) audit.Record { return audit.Record{JSON: []byte(core)} }
