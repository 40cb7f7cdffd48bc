package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// A collector that knows the log by another key, or does not understand what is sent, is
// not asked for ever: the copy stops, and that is in the process log, the metric and the
// audit log.
func TestCopyThatCannotMendStops(t *testing.T) {
	t.Setenv("OSTIARY_TEST_COLLECTOR", "a-token-of-the-tests-for-the-collector")
	for code, status := range map[collect.Code]int{collect.CodeOtherKey: http.StatusForbidden, collect.CodeSignature: http.StatusForbidden, collect.CodeMalformed: http.StatusBadRequest} {
		t.Run(string(code), func(t *testing.T) {
			var asked atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(status)
				_ = json.NewEncoder(w).Encode(collect.Refusal{Code: code, Size: -1, Index: -1}) // a client that is gone asks again
			}))
			defer srv.Close()
			in := launchLog(t, "embedded", "  ship:\n    - {name: gathered, to: collector, url: \""+srv.URL+"\", secret: {env: OSTIARY_TEST_COLLECTOR}}\n", "")
			var told []*proxy.Event
			eventually(t, "the copy has stopped, and that is recorded", func() bool {
				told = nil
				for _, ev := range in.events(proxy.EventAdmin) {
					if strings.HasPrefix(ev.Admin.Action, "copy_") {
						told = append(told, ev)
					}
				}
				return len(told) > 0
			})
			if a := told[0].Admin; len(told) != 1 || a.Action != "copy_stopped" || a.Detail != "gathered: "+string(ship.Unfit) {
				t.Errorf("%d events, the first %+v", len(told), a)
			}
			if s := in.ledger.telemetry().Sinks; len(s) != 1 || s[0].Failing != -1 {
				t.Errorf("the metric says %+v", s)
			}
			before := asked.Load()
			if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK {
				t.Errorf("a request was answered %d", r.status)
			}
			if n := strings.Count(in.screen.String(), "does not take this log"); n != 1 {
				t.Errorf("the process log tells of it %d times\n%s", n, in.screen)
			}
			in.end()
			if n := asked.Load(); n != before || n > 3 {
				t.Errorf("it was asked %d times, %d of them after it had stopped", n, n-before)
			}
		})
	}
}
