package main

import (
	"context"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy/console"
)

// What the API records, and what the log refuses to it, is counted as the rest is.
func TestLedgerIsObserved(t *testing.T) {
	metrics := freeAddress(t)
	in := launch(t, "embedded", "telemetry: {listen: \""+metrics+"\"}\n")
	c, err := console.Dial(in.places.keys + "/" + console.SocketName)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const count = `ostiary_admin_events_total{ostiary_admin_action="hash"} 1`
	if strings.Contains(scrape(t, metrics), count) {
		t.Fatal("counted before it was done")
	}
	if _, err := c.Hash(context.Background(), console.HashRequest{Type: "EMAIL_ADDRESS", Value: "nobody@nowhere.example", Reason: "review", Ticket: "T-1"}); err != nil {
		t.Fatal(err)
	}
	if text := scrape(t, metrics); !strings.Contains(text, count) {
		t.Error("an access is not counted")
	}
}
