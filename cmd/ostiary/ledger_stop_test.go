package main

import (
	"sync"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// Behind the event of a stop nothing is recorded: whoever reads the log back to it has
// seen what became of everything before.
func TestStopIsRecordedLast(t *testing.T) {
	in := launch(t, "embedded", "")
	var asking sync.WaitGroup
	for range 16 {
		asking.Go(func() { in.post("/v1/chat/completions", chat(ordinary)) })
	}
	asking.Wait()
	in.end() // their outcomes may wait to be recorded
	all := readAll(t, in.places.log)
	last, err := all[len(all)-1].Event()
	if err != nil {
		t.Fatal(err)
	}
	if last.Admin == nil || last.Admin.Action != "stop" {
		t.Errorf("the last event is %s", last.Kind)
	}
	outcomes := 0
	for _, rec := range all {
		if ev, err := rec.Event(); err == nil && ev.Kind == proxy.EventOutcome {
			outcomes++
		}
	}
	if outcomes != 16 {
		t.Errorf("%d outcomes of 16 requests", outcomes)
	}
}
