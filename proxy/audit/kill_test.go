package audit

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OSTIARY_AUDIT_VICTIM"); dir != "" {
		os.Exit(victim(dir))
	}
	if key := os.Getenv("OSTIARY_AUDIT_SIGNER"); key != "" && len(os.Args) == 1 {
		os.Exit(signAs(key))
	}
	os.Exit(m.Run())
}

// signAs is a command that signs its standard input.
func signAs(key string) int {
	k, err := base64.StdEncoding.DecodeString(key)
	text, err2 := io.ReadAll(os.Stdin)
	if err != nil || err2 != nil {
		return 1
	}
	fmt.Println(base64.StdEncoding.EncodeToString(ed25519.Sign(k, text)))
	return 0
}

// victim records from several callers and prints the number of each event once it
// was acknowledged, until it is killed.
func victim(dir string) int {
	first, _ := strconv.Atoi(os.Getenv("OSTIARY_AUDIT_FIRST"))
	l, err := Open(dir, Options{Segment: minSegment, Ahead: 1, CheckpointEvery: 20 * time.Millisecond})
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	fmt.Println("recovered", l.Recovery().Records)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := first
	for range 8 {
		wg.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if err := l.Record(context.Background(), decision(n), small(n)); err != nil {
					fmt.Println("record:", err)
					return
				}
				mu.Lock()
				fmt.Println("acknowledged", n)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return 1
}

// kill -9 at any time: what was acknowledged is there, and the next process goes
// on. OSTIARY_KILLS says how often; 10 without it.
func TestKillLoop(t *testing.T) {
	kills := 10
	if s := os.Getenv("OSTIARY_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 9))
	dir := filepath.Join(t.TempDir(), "log")
	acked := map[int]bool{}
	first := 0
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "OSTIARY_AUDIT_VICTIM="+dir, "OSTIARY_AUDIT_FIRST="+strconv.Itoa(first))
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		// Kill it in the middle of some line, or early in its recovery.
		lines, stop := 0, rng.IntN(400)
		sc := bufio.NewScanner(out)
		for lines <= stop && sc.Scan() {
			lines++
			if !line(t, sc.Text(), acked) {
				break
			}
		}
		must(t, cmd.Process.Kill())
		for sc.Scan() { // what it had printed before it died was acknowledged
			line(t, sc.Text(), acked)
		}
		_ = cmd.Wait()
		for n := range acked {
			first = max(first, n+1)
		}
		first += 100 // none that was submitted and not acknowledged is submitted again
		if t.Failed() {
			return
		}
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged before the kills")
	}
	l := open(t, dir, Options{Segment: minSegment, Ahead: 1})
	shut(t, l)
	pairs := map[string]int{}
	for _, r := range records(t, dir) {
		ev, err := r.Event()
		must(t, err)
		pairs[ev.ID]++
	}
	for n := range acked {
		if pairs[testID(n)] != 2 {
			t.Fatalf("event %d was acknowledged and is there %d times of 2", n, pairs[testID(n)])
		}
	}
	r, err := Verify(dir, trusted(t, dir))
	if err != nil || r.Answer != Good {
		t.Fatalf("verify: %+v (%v)", r, err)
	}
	t.Logf("%d kills, %d acknowledged, %d records", kills, len(acked), r.Size)
}

func line(t *testing.T, s string, acked map[int]bool) bool {
	word, rest, _ := strings.Cut(s, " ")
	switch word {
	case "recovered":
	case "acknowledged":
		n, err := strconv.Atoi(rest)
		if err == nil {
			acked[n] = true
		}
	default:
		t.Errorf("victim: %s", s)
		return false
	}
	return true
}
