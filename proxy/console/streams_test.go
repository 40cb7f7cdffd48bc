package console_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/console"
)

var errEnough = errors.New("enough")

// A tail gives what comes, from where it is told, and a client goes on from where
// it was.
func TestTail(t *testing.T) {
	h := build(t, nil)
	for name, c := range map[string]*console.Client{"socket": h.client(), "https": h.as("viewer")} {
		size, err := h.reader.Size()
		if err != nil {
			t.Fatal(err)
		}
		var seen []int64
		last := ""
		err = c.Tail(t.Context(), "", "0", func(e console.Entry, position string) error {
			seen, last = append(seen, e.Index), position
			if e.Personal != nil {
				t.Error("a tail has a personal part")
			}
			if int64(len(seen)) == size-2 {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) || last != fmt.Sprint(size-2) {
			t.Fatalf("%s: %d events, at %q, %v", name, len(seen), last, err)
		}
		var wg sync.WaitGroup
		err = c.Tail(t.Context(), "", last, func(e console.Entry, position string) error {
			seen = append(seen, e.Index)
			if len(seen) == int(size) {
				wg.Go(func() { h.decide(1) })
			}
			if len(seen) == int(size)+2 {
				return errEnough
			}
			return nil
		})
		wg.Wait()
		if !errors.Is(err, errEnough) {
			t.Fatalf("%s: %v", name, err)
		}
		for i, index := range seen {
			if index != int64(i) {
				t.Errorf("%s: event %d has the index %d", name, i, index)
			}
		}
		// From now on: only what comes.
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan int64, 1)
		ended := make(chan error, 1)
		go func() {
			ended <- c.Tail(ctx, "kind:decision", "", func(e console.Entry, _ string) error { first <- e.Index; return nil })
		}()
		now, _ := h.reader.Size()
		for waiting := true; waiting; {
			h.decide(1)
			select {
			case got := <-first:
				if got < now {
					t.Errorf("%s: from now on begins with %d of %d", name, got, now)
				}
				waiting = false
			case err := <-ended:
				t.Fatal(err)
			case <-time.After(20 * time.Millisecond): // the next try
			}
		}
		go func() { // takes what still comes
			for range first {
			}
		}()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: a tail that its caller ends: %v", name, err)
		}
		close(first)
		if err := c.Tail(t.Context(), "", "nonsense", nil); problemCode(err) != "cursor" {
			t.Errorf("%s: from nowhere: %v", name, err)
		}
		if err := c.Tail(t.Context(), "x:y", "0", nil); problemCode(err) != "query" {
			t.Errorf("%s: a query that is none: %v", name, err)
		}
	}
}

// The stream is one of server-sent events, which browsers go on with by
// last-event-id.
func TestTailOnTheWire(t *testing.T) {
	h := build(t, nil)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/api/v1/tail?after=0", nil)
	req.Header.Set("Authorization", "Bearer viewer")
	req.Header.Set("Last-Event-ID", "4")
	resp, err := h.transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	var got []string
	for len(got) < 6 && lines.Scan() {
		if lines.Text() == "id: 4" { // where it began; it may come before or not
			lines.Scan()
			continue
		}
		got = append(got, lines.Text())
	}
	if len(got) != 6 || got[0] != "id: 5" || !strings.HasPrefix(got[1], `data: {"index":4,"event":{`) || got[2] != "" || got[3] != "id: 6" || got[5] != "" {
		t.Errorf("%q", got)
	}
}

// There are so many tails, of one caller and of all, and no more; each that ends
// makes place.
func TestTailsAreBounded(t *testing.T) {
	h := build(t, nil)
	open := func(token string) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/api/v1/tail?after=0", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		tr := h.transport()
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var all []*http.Response
	for i := range 4 {
		resp := open("viewer")
		if resp.StatusCode != 200 {
			t.Fatalf("tail %d: %d", i, resp.StatusCode)
		}
		all = append(all, resp)
	}
	if resp := open("viewer"); resp.StatusCode != 503 {
		t.Errorf("a fifth tail of one caller: %d", resp.StatusCode)
	}
	for i := range 12 {
		resp := open([]string{"reviewer", "dpo", "viewer+x"}[i%3])
		if resp.StatusCode != 200 {
			t.Fatalf("tail %d of all: %d", i+4, resp.StatusCode)
		}
		all = append(all, resp)
	}
	if resp := open("viewer+y"); resp.StatusCode != 503 {
		t.Errorf("a seventeenth tail: %d", resp.StatusCode)
	}
	// Other requests are answered all the same.
	if got := h.ask("GET", "/api/v1/events", "viewer", ""); got.status != 200 {
		t.Errorf("beside the tails: %d", got.status)
	}
	_ = all[0].Body.Close()
	for {
		if resp := open("viewer"); resp.StatusCode == 200 {
			all = append(all, resp)
			break
		} else {
			_ = resp.Body.Close()
		}
		time.Sleep(time.Millisecond)
	}
	// Shutting down ends them in order.
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, resp := range all[1:] {
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Errorf("a tail at the end of the server: %v", err)
		}
		_ = resp.Body.Close()
	}
}

// A tail lasts no longer than the token that opened it.
func TestTailEndsWithItsToken(t *testing.T) {
	h := build(t, func(o *console.Options) { o.Tokens = tokens{life: 300 * time.Millisecond} })
	req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/api/v1/tail?after=0", nil)
	req.Header.Set("Authorization", "Bearer viewer")
	resp, err := h.transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil { // ends, or the test does not
		t.Errorf("%v", err)
	}
}

func TestExport(t *testing.T) {
	h := build(t, nil)
	for name, c := range map[string]*console.Client{"socket": h.client(), "https": h.as("reviewer")} {
		var out bytes.Buffer
		n, err := c.Export(t.Context(), &out, "jsonl", console.Search{Query: "kind:decision"})
		if err != nil || n != 3 || bytes.Count(out.Bytes(), []byte("\n")) != 3 {
			t.Errorf("%s: %d events, %v", name, n, err)
		}
		noCanary(t, "an export of cores", out.String())
		out.Reset()
		n, err = c.Export(t.Context(), &out, "jsonl", console.Search{Query: "kind:decision", Personal: true})
		if err != nil || n != 3 || bytes.Count(out.Bytes(), []byte(canarySubject)) != 3 {
			t.Errorf("%s, with personal parts: %d events, %v", name, n, err)
		}
		if _, err := c.Export(t.Context(), &out, "jsonl", console.Search{Query: "x:y"}); problemCode(err) != "query" {
			t.Errorf("%s, a query that is none: %v", name, err)
		}
	}
	got := h.ask("GET", "/api/v1/export?format=jsonl&q=kind:decision", "viewer", "")
	if got.header.Get("Content-Type") != "application/jsonl" || !strings.HasPrefix(got.header.Get("Content-Disposition"), `attachment; filename="ostiary-`) {
		t.Errorf("header %v", got.header)
	}
}

// An export that fails after it has begun does not look like one that is complete.
func TestExportThatFails(t *testing.T) {
	h := build(t, nil)
	h.rooms.mu.Lock()
	h.rooms.export = errors.New("the disk is gone")
	h.rooms.mu.Unlock()
	for name, c := range map[string]*console.Client{"socket": h.client(), "https": h.as("viewer")} {
		var out bytes.Buffer
		if n, err := c.Export(t.Context(), &out, "jsonl", console.Search{}); err == nil || n != 0 {
			t.Errorf("%s: %d events, %d bytes, no error", name, n, out.Len())
		}
	}
	// Nor to a client that knows nothing of the trailer.
	req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/api/v1/export?format=jsonl", nil)
	req.Header.Set("Authorization", "Bearer viewer")
	if resp, err := h.transport().RoundTrip(req); err == nil {
		if _, err := io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode == http.StatusOK {
			t.Error("it ends as if it were complete")
		}
		_ = resp.Body.Close()
	}
	for _, e := range h.accesses() {
		if e.Admin.Action == "exported" {
			t.Error("it is recorded as complete")
		}
	}
}

// One verification at a time; its end is told; the end of the server ends it.
func TestVerify(t *testing.T) {
	h := build(t, nil)
	c, ctx := h.client(), t.Context()
	if j, err := c.Verified(ctx); err != nil || j.State != console.JobIdle || j.Report != nil {
		t.Errorf("before the first: %+v, %v", j, err)
	}
	wait := make(chan struct{})
	h.rooms.mu.Lock()
	h.rooms.verify = wait
	h.rooms.mu.Unlock()
	if j, err := c.Verify(ctx); err != nil || j.State != console.JobRunning {
		t.Errorf("begun: %+v, %v", j, err)
	}
	if _, err := c.Verify(ctx); problemCode(err) != "busy" {
		t.Errorf("a second beside it: %v", err)
	}
	if j, err := c.Verified(ctx); err != nil || j.State != console.JobRunning || j.Began == "" {
		t.Errorf("under way: %+v, %v", j, err)
	}
	close(wait)
	for {
		j, err := c.Verified(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if j.State == console.JobRunning {
			time.Sleep(time.Millisecond)
			continue
		}
		if j.State != console.JobDone || j.Report == nil || j.Report.Answer != "good" || j.Report.Size != 6 || j.Report.Altered == nil || j.Ended == "" {
			t.Errorf("at its end: %+v", j)
		}
		break
	}
	h.rooms.mu.Lock()
	h.rooms.verify = make(chan struct{})
	h.rooms.mu.Unlock()
	if _, err := c.Verify(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.server.Shutdown(ctx); err != nil { // returns, or the test does not
		t.Error(err)
	}
}
