package weaken

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// Envoy is an Envoy that runs with any bootstrap, without supervision.
type Envoy struct {
	cmd   *exec.Cmd
	ended chan struct{}
	admin *http.Client

	mu      sync.Mutex
	entries []envoy.Entry // guarded by mu
	more    chan struct{} // closed and made anew with each entry; guarded by mu
}

// startWithin is how long an Envoy may take until it serves.
const startWithin = 20 * time.Second

// Run starts the binary with a bootstrap whose access log goes to /dev/stdout,
// and waits until it serves. The caller ends it with Close.
func Run(ctx context.Context, binary, dir string, b *bootstrapv3.Bootstrap) (*Envoy, error) {
	raw, err := envoy.Marshal(b)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "bootstrap.json")
	if err := os.WriteFile(config, raw, 0o600); err != nil {
		return nil, err
	}
	socket := b.GetAdmin().GetAddress().GetPipe().GetPath()
	_ = os.Remove(socket)
	e := &Envoy{
		cmd: exec.Command(binary, "-c", config, "-l", "warning", "--disable-hot-restart", "--concurrency", "1",
			"--file-flush-interval-msec", "10", "--file-flush-min-size-kb", "1"),
		ended: make(chan struct{}), more: make(chan struct{}),
		admin: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}},
	}
	stdout, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	e.cmd.Stderr = &said
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with Envoy
		_ = envoy.ReadAccessLog(context.Background(), stdout, e.add)
		_ = e.cmd.Wait()
		close(e.ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if resp, err := e.admin.Get("http://envoy/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return e, nil
			}
		}
		select {
		case <-e.ended:
			return nil, fmt.Errorf("weaken: Envoy ended: %s", strings.TrimSpace(said.String()))
		case <-ctx.Done():
			e.Close()
			return nil, errors.New("weaken: Envoy did not serve in time")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (e *Envoy) add(en envoy.Entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entries = append(e.entries, en)
	close(e.more)
	e.more = make(chan struct{})
}

// Entries waits until n lines of the access log are there and gives them all.
func (e *Envoy) Entries(ctx context.Context, n int) ([]envoy.Entry, error) {
	for {
		e.mu.Lock()
		got, more := append([]envoy.Entry(nil), e.entries...), e.more
		e.mu.Unlock()
		if len(got) >= n {
			return got, nil
		}
		select {
		case <-ctx.Done():
			return got, fmt.Errorf("weaken: %d of %d lines: %w", len(got), n, ctx.Err())
		case <-more:
		}
	}
}

// Pid gives the process id.
func (e *Envoy) Pid() int { return e.cmd.Process.Pid }

// Close kills Envoy and waits for it.
func (e *Envoy) Close() {
	_ = e.cmd.Process.Kill()
	<-e.ended
	e.admin.CloseIdleConnections()
}
