package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Every event that says which revisions decided says by its digest which program did:
// two builds of one version are told apart.
func TestEventsNameTheProgram(t *testing.T) {
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	want := version + " sha256:" + hex.EncodeToString(sum[:])

	in := launch(t, "embedded", "")
	in.post("/v1/chat/completions", chat(ordinary))
	in.end()
	seen := map[string]int{}
	for _, kind := range []string{proxy.EventAdmin, proxy.EventDecision} {
		for _, ev := range in.events(kind) {
			if ev.Policy == nil {
				continue
			}
			seen[kind]++
			if ev.Policy.Binary != want {
				t.Errorf("%s says that the program is %q, want %q", kind, ev.Policy.Binary, want)
			}
		}
	}
	if seen[proxy.EventAdmin] == 0 || seen[proxy.EventDecision] != 1 {
		t.Errorf("events that say which revisions decided: %v", seen)
	}
}

// What cannot be told in time is not told as if it were, and does not keep a start.
func TestProgramThatIsNotKnown(t *testing.T) {
	slow := &program{known: make(chan struct{})}
	unread := &program{known: make(chan struct{}), err: errors.New("no permission")}
	close(unread.known)
	for why, p := range map[string]*program{"not read": slow, "no permission": unread} {
		got, err := p.revision(time.Millisecond)
		if got != version+" sha256:unknown" {
			t.Errorf("%s: %q", why, got)
		}
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}
