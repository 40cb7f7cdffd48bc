package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ostiary/ostiary/testdata/env"
)

// TestReconcileEnvoy: the access log of a real Envoy against the audit log of the
// policy server that it asks: locked, nothing is found; without the filter and the
// locks, exactly what went past it is.
func TestReconcileEnvoy(t *testing.T) {
	env.Envoy(t)
	h := newFaultHouse(t)
	locked, bare := h.envoy(), h.envoy(weakenings["bare"]...)
	h.start()
	for _, c := range []struct {
		prompt string
		status int
	}{{ordinary, 200}, {secret, 403}, {ordinary, 200}} {
		in := &instance{t: t, url: locked.url}
		if r := in.post("/v1/chat/completions", chat(c.prompt)); r.status != c.status {
			t.Fatalf("%d, not %d", r.status, c.status)
		}
	}
	r, status := reconcileOnce(t, locked.access, h.log, 3)
	if status != exitYes || r.Sent.Requests != 2 || r.Unsent["data_policy_denied"].Requests != 1 || r.Undecided.Requests != 0 || r.Missing.Requests != 0 {
		t.Errorf("locked: status %d, %+v", status, r)
	}
	for n := range 2 {
		if code, _ := faultRequest(bare.url, "HTTP/1", "", fmt.Sprintf("marker-%d", n)); code != 200 {
			t.Fatalf("without the filter: %d", code)
		}
	}
	r, status = reconcileOnce(t, bare.access, h.log, 2)
	if status != exitNo || r.Undecided.Requests != 2 || r.Undecided.Bytes == 0 || r.Alarms["ungoverned_send"].Requests != 2 {
		t.Errorf("without the filter: status %d, %+v", status, r)
	}
}

// reconcileOnce waits until an access log has lines, and joins it.
func reconcileOnce(t *testing.T, access, log string, lines int) (r reconciliation, status int) {
	t.Helper()
	const patience = 20 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(access)
		if err == nil && bytes.Count(b, []byte("\n")) >= lines {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s has not %d lines", access, lines)
		}
	}
	status, out, diag := ostiary("doctor", "--reconcile", access, "--log", log, "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, diag)
	}
	return r, status
}
