package collect

import (
	"bufio"
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// childEnv names the directory of a collector that this test binary is to run.
const childEnv = "OSTIARY_TEST_COLLECTOR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child runs a collector until it is killed. It prints its address.
func child(dir string) error {
	cosigner, err := witness.LoadCosigner(filepath.Join(dir, "witness.key"), "collector.example/w")
	if err != nil {
		return err
	}
	c, err := Open(Options{
		Dir: filepath.Join(dir, "data"), Tokens: []Token{{secret, "test/*", true}}, Cosigner: cosigner, Log: small,
		Alarm: func(a Alarm) { fmt.Fprintln(os.Stderr, a) },
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, c)
}

// process is a collector in a process of its own.
type process struct {
	cmd  *exec.Cmd
	told *strings.Builder
	url  string
}

func start(t *testing.T, dir string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self), told: &strings.Builder{}}
	p.cmd.Env = append(os.Environ(), childEnv+"="+dir)
	p.cmd.Stderr = p.told
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.kill(t)
		t.Fatalf("the collector did not start: %s", p.told)
	}
	p.url = "http://" + strings.TrimSpace(line)
	return p
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed
	if p.told.Len() > 0 {
		t.Errorf("the collector says: %s", p.told)
	}
}

// TestKilled: many proxies push at once while the collector is killed and started
// again. Whatever was answered yes to, and whatever was cosigned, is there
// afterwards; nothing is there twice; each replica verifies.
func TestKilled(t *testing.T) {
	proxies, kills := 50, 5
	if testing.Short() {
		proxies, kills = 8, 2
	}
	dir := t.TempDir()
	p := start(t, dir)
	var address atomic.Pointer[string]
	address.Store(&p.url)
	// A sink has one URL; the collector's port changes when it is started again.
	moves := &http.Client{Transport: movingTransport{&address}}

	type pusher struct {
		*node
		taken, cosigned int64 // as the collector said
	}
	var all []*pusher
	for i := range proxies {
		n := newNode(t, fmt.Sprintf("test/%02d", i))
		n.record(t, "first", 20)
		all = append(all, &pusher{node: n})
	}
	ctx := context.Background()
	const rounds = 8
	var pushed atomic.Int64
	var wait sync.WaitGroup
	for _, x := range all {
		wait.Go(func() {
			o := x.options(t, "http://collector.example")
			o.HTTP = moves
			key, err := os.ReadFile(filepath.Join(dir, "witness.key.pub"))
			if err != nil {
				t.Error(err)
				return
			}
			if o.Collector, err = witness.NewKey(string(key)); err != nil {
				t.Error(err)
				return
			}
			o.Acknowledged = func(a Ack) { x.cosigned = max(x.cosigned, a.Checkpoint.Size) }
			s, err := NewSink(o)
			if err != nil {
				t.Error(err)
				return
			}
			for range rounds {
				x.record(t, "r", 25)
				cores := x.cores(t)
				for {
					// As a shipper: from what was answered, again until it is.
					err := s.Ship(ctx, Batch{x.origin, x.taken, cores[x.taken:]})
					if err == nil {
						break
					}
					var r *Refusal
					if !errors.Is(err, ErrUnreachable) && !(errors.As(err, &r) && r.Code == CodeBusy) {
						t.Errorf("%s: %v", x.origin, err)
						return
					}
					time.Sleep(5 * time.Millisecond)
				}
				x.taken = int64(len(cores))
				pushed.Add(1)
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	for i := range kills {
		// Spread over the pushes, not over time.
		for pushed.Load() < int64((i+1)*proxies*rounds/(kills+1)) {
			select {
			case <-done:
			case <-time.After(time.Millisecond):
				continue
			}
			break
		}
		p.kill(t)
		p = start(t, dir)
		address.Store(&p.url)
	}
	<-done
	p.kill(t)

	c := newCollector(t, Options{Dir: filepath.Join(dir, "data"), Cosigner: load(t, dir)})
	cosigned := 0
	for _, x := range all {
		x.close(t)
		s := statusOf(t, c, x.origin)
		if s.Size != x.taken || s.Size != x.log.Size() {
			t.Errorf("%s: %d records, %d were taken, the log has %d", x.origin, s.Size, x.taken, x.log.Size())
		}
		sameLog(t, s.Dir, x.node)
		last, err := c.Witness().Last(ctx, x.origin)
		if err != nil {
			t.Fatal(err)
		}
		if last == nil {
			continue
		}
		cp, err := audit.OpenCheckpoint(last, x.key(t))
		if err != nil || cp.Size < x.cosigned {
			t.Errorf("%s: the last cosigned checkpoint has %d records, and one of %d was given out (%v)", x.origin, cp.Size, x.cosigned, err)
		}
		cosigned++
	}
	if cosigned < proxies/2 {
		t.Errorf("of %d logs only %d were cosigned: the test does not test", proxies, cosigned)
	}
}

func load(t *testing.T, dir string) *witness.Cosigner {
	t.Helper()
	c, err := witness.LoadCosigner(filepath.Join(dir, "witness.key"), "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// movingTransport sends requests to where the collector is now.
type movingTransport struct{ address *atomic.Pointer[string] }

func (m movingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	own := r.Clone(r.Context())
	own.URL.Host = strings.TrimPrefix(*m.address.Load(), "http://")
	return http.DefaultTransport.RoundTrip(own)
}
