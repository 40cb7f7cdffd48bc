package envoy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Options say how an Envoy is run.
type Options struct {
	Binary      Binary
	Dir         string        // for bootstraps and admin sockets; made with mode 0700, used by one Process
	Concurrency int           // worker threads; 0 means one for each CPU
	ReadyWithin time.Duration // 20 s
	DrainWithin time.Duration // for the old one at Replace; 10 minutes, as generations are long
	Log         *slog.Logger  // Envoy's own messages and ours; nil for none

	// AccessLog is called, from one goroutine for each Envoy, with every line
	// that Envoy writes where Spec.AccessLog is /dev/stdout.
	AccessLog func(Entry)
	// Exited is called when Envoy ended without being asked to, after the last
	// line of its access log was given and before it is started anew. What was
	// under way in it is lost.
	Exited func(Exit)
}

// Exit says how an Envoy ended.
type Exit struct {
	Code   int    // status; -1 where a signal ended it
	Signal string // name of the signal, or empty
	Uptime time.Duration
}

// Bounds of supervision.
const (
	defaultReady   = 20 * time.Second
	defaultDrain   = 10 * time.Minute
	readyEvery     = 10 * time.Millisecond
	drainEvery     = 50 * time.Millisecond
	backoffFirst   = 100 * time.Millisecond
	backoffMost    = 10 * time.Second
	steadyAfter    = time.Minute            // an Envoy that ran so long starts the back-off anew
	quitWithin     = 5 * time.Second        // from quitquitquit to SIGKILL; Envoy flushes its log in between
	flushInterval  = 100                    // milliseconds; Envoy's default of 10 s would keep outcomes back
	flushSizeKB    = 1                      // and of 64 KiB
	stopWithin     = 2 * time.Second        // for the workers to close their sockets
	acceptorsPause = 200 * time.Millisecond // see instance.drain
	stdoutPath     = "/dev/stdout"          // Spec.AccessLog for the pipe
)

// ErrPortBusy means that something else listens on the address.
var ErrPortBusy = errors.New("envoy: the address is in use")

// Process is an Envoy under supervision. Its methods are safe for concurrent
// use.
type Process struct {
	o Options

	replacing sync.Mutex // held by Replace and Drain, one at a time

	mu      sync.Mutex // guards what follows
	spec    Spec
	cur     *instance
	n       int // instances started
	closing bool

	stop chan struct{} // closed by Drain: ends back-offs
	done chan struct{} // closed when no Envoy runs and none will be started
}

// Start runs an Envoy with the bootstrap of the spec and gives it once it
// serves. Spec.Admin is set by it. Where the address is in use the error is
// [ErrPortBusy]; where Envoy ends or is not ready in time, it holds Envoy's last
// words. The Envoy dies with this process.
func Start(ctx context.Context, s Spec, o Options) (*Process, error) {
	o.ReadyWithin = cmp.Or(o.ReadyWithin, defaultReady)
	o.DrainWithin = cmp.Or(o.DrainWithin, defaultDrain)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := ownDir(o.Dir); err != nil {
		return nil, err
	}
	p := &Process{o: o, stop: make(chan struct{}), done: make(chan struct{})}
	if err := portsFree(s.addresses()); err != nil {
		return nil, err
	}
	in, err := p.launch(ctx, s)
	if err != nil {
		return nil, err
	}
	p.spec, p.cur = s, in
	go p.watch(in)
	return p, nil
}

// ownDir makes the directory and sees that nobody else can look into it: it
// holds the admin sockets.
func ownDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return errors.New("envoy: the runtime directory must be an absolute path")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("envoy: the runtime directory cannot be made: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("envoy: the runtime directory is not ours: %w", err)
	}
	return nil
}

// portFree binds and lets go. Envoy itself binds with SO_REUSEPORT and would
// share the port with another Envoy of the same user without a word.
func portFree(listen string) error {
	at, err := listenAddress(listen)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", at.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another program listens on %s; stop it or choose another address", ErrPortBusy, at)
	}
	if err != nil {
		return fmt.Errorf("envoy: cannot listen on %s: %w", at, err)
	}
	return l.Close()
}

func portsFree(addresses []string) error {
	for _, a := range addresses {
		if err := portFree(a); err != nil {
			return err
		}
	}
	return nil
}

// Pid gives the process id of the Envoy that serves.
func (p *Process) Pid() int { return p.current().cmd.Process.Pid }

// Done is closed when the last Envoy has ended after Drain.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ready reports whether Envoy serves now.
func (p *Process) Ready(ctx context.Context) bool { return p.current().admin.ready(ctx) }

// Stats reads Envoy's own counters.
func (p *Process) Stats(ctx context.Context) ([]Stat, error) { return p.current().admin.stats(ctx) }

// Reopen makes Envoy open its log files anew, for rotation.
func (p *Process) Reopen(ctx context.Context) error {
	_, err := p.current().admin.do(ctx, http.MethodPost, "/reopen_logs")
	return err
}

func (p *Process) current() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cur
}

// Replace starts an Envoy for a new spec beside the old one, on the same
// address or another, and drains the old one once the new one serves. It
// returns when the new one serves; the old one goes on with what it has for up
// to Options.DrainWithin. Where the new one does not start, the old one serves
// on and the error says why.
func (p *Process) Replace(ctx context.Context, s Spec) error {
	p.replacing.Lock()
	defer p.replacing.Unlock()
	p.mu.Lock()
	closing, before := p.closing, p.spec.addresses()
	p.mu.Unlock()
	if closing {
		return errors.New("envoy: replace: it is being stopped")
	}
	fresh := slices.DeleteFunc(s.addresses(), func(a string) bool { return slices.Contains(before, a) })
	if err := portsFree(fresh); err != nil {
		return err
	}
	in, err := p.launch(ctx, s)
	if err != nil {
		return err
	}
	p.mu.Lock()
	old := p.cur
	p.spec, p.cur = s, in
	old.retired = true
	p.mu.Unlock()
	go p.watch(in)
	for _, a := range before {
		at, err := listenAddress(a)
		if err != nil || !slices.Contains(s.addresses(), a) {
			continue
		}
		if err := holdConnections(old.cmd.Process.Pid, at.Port()); err != nil {
			p.o.Log.Warn("connections that arrive while envoy is replaced may be reset", "err", err)
		}
	}
	old.stopAccepting(ctx)
	go func() { // ends with the old Envoy
		ctx, cancel := context.WithTimeout(context.Background(), p.o.DrainWithin)
		defer cancel()
		old.finish(ctx)
	}()
	return nil
}

// Drain stops accepting, lets what is under way end until ctx is done, and ends
// Envoy. The error is ctx's where something was cut off. After it the Process is
// of no more use.
func (p *Process) Drain(ctx context.Context) error {
	p.replacing.Lock()
	defer p.replacing.Unlock()
	p.mu.Lock()
	first := !p.closing
	p.closing = true
	in := p.cur
	in.retired = true
	p.mu.Unlock()
	if !first {
		<-p.done
		return nil
	}
	close(p.stop)
	in.stopAccepting(ctx)
	err := in.finish(ctx)
	close(p.done)
	return err
}

// watch waits for an instance to end and starts it anew unless it was retired.
func (p *Process) watch(in *instance) {
	backoff := backoffFirst
	for {
		<-in.done
		p.mu.Lock()
		retired := in.retired
		p.mu.Unlock()
		if retired {
			return
		}
		p.o.Log.Error("envoy ended unexpectedly", "code", in.exit.Code, "signal", in.exit.Signal, "uptime", in.exit.Uptime.Round(time.Millisecond))
		if p.o.Exited != nil {
			p.o.Exited(in.exit)
		}
		if in.exit.Uptime > steadyAfter {
			backoff = backoffFirst
		}
		next := p.relaunch(in, &backoff)
		if next == nil {
			return
		}
		in = next
	}
}

// relaunch starts an instance in place of one that ended, trying until it
// serves, another took its place, or the Process is drained.
func (p *Process) relaunch(old *instance, backoff *time.Duration) *instance {
	for {
		select {
		case <-p.stop:
			return nil
		case <-time.After(*backoff):
		}
		*backoff = min(*backoff*2, backoffMost)
		p.mu.Lock()
		gone, s := old.retired, p.spec
		p.mu.Unlock()
		if gone {
			return nil
		}
		err := portsFree(s.addresses())
		var in *instance
		if err == nil {
			in, err = p.launch(context.Background(), s)
		}
		if err != nil {
			p.o.Log.Error("envoy could not be started again", "err", err, "next", *backoff)
			continue
		}
		p.mu.Lock()
		if old.retired { // replaced or drained meanwhile
			p.mu.Unlock()
			in.kill()
			return nil
		}
		p.cur = in
		p.mu.Unlock()
		p.o.Log.Warn("envoy was started again")
		return in
	}
}

// instance is one run of Envoy.
type instance struct {
	cmd     *exec.Cmd
	admin   *admin
	files   []string
	started time.Time
	stderr  *stderrLog
	retired bool // guarded by Process.mu: its end is expected

	exit Exit          // set before done is closed
	done chan struct{} // closed when it has ended and its log is read
}

// launch starts Envoy and waits until it serves.
func (p *Process) launch(ctx context.Context, s Spec) (*instance, error) {
	p.mu.Lock()
	p.n++
	n := p.n
	p.mu.Unlock()
	s.Admin = filepath.Join(p.o.Dir, "admin-"+strconv.Itoa(n)+".sock")
	config := filepath.Join(p.o.Dir, "bootstrap-"+strconv.Itoa(n)+".json")
	b, err := Bootstrap(s)
	if err != nil {
		return nil, err
	}
	raw, err := Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("envoy: the bootstrap cannot be written: %w", err)
	}
	_ = os.Remove(s.Admin) // of a process that was killed
	if err := os.WriteFile(config, raw, 0o600); err != nil {
		return nil, fmt.Errorf("envoy: the bootstrap cannot be written: %w", err)
	}
	in := &instance{admin: newAdmin(s.Admin), files: []string{config, s.Admin}, stderr: newStderrLog(p.o.Log), done: make(chan struct{})}
	in.cmd = exec.Command(p.o.Binary.Path, "-c", config, "-l", "warning", "--log-format", stderrFormat, "--disable-hot-restart",
		"--file-flush-interval-msec", strconv.Itoa(flushInterval), "--file-flush-min-size-kb", strconv.Itoa(flushSizeKB))
	if p.o.Concurrency > 0 {
		in.cmd.Args = append(in.cmd.Args, "--concurrency", strconv.Itoa(p.o.Concurrency))
	}
	in.cmd.Env = childEnv(os.Environ())
	in.cmd.Dir = p.o.Dir
	in.cmd.SysProcAttr = dieWithUs()
	if err := in.run(p.o.AccessLog); err != nil {
		return nil, fmt.Errorf("envoy: %s cannot be started: %w", p.o.Binary.Path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.ReadyWithin)
	defer cancel()
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for !in.admin.ready(ctx) {
		select {
		case <-in.done:
			return nil, fmt.Errorf("envoy: it ended with status %d before it served: %s", in.exit.Code, in.stderr.last())
		case <-ctx.Done():
			in.kill()
			return nil, fmt.Errorf("envoy: it did not serve within %s: %s", p.o.ReadyWithin, in.stderr.last())
		case <-tick.C:
		}
	}
	in.stderr.serving()
	return in, nil
}

// run starts the process and the goroutine that owns it until it has ended.
func (in *instance) run(fn func(Entry)) error {
	stdout, err := in.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := in.cmd.StderrPipe()
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() {
		// The parent that Linux's parent death signal speaks of is the thread
		// that forked: it must live as long as Envoy does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		in.started = time.Now()
		if err := in.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		var readers sync.WaitGroup
		readers.Go(func() { in.stderr.read(stderr) })
		readers.Go(func() {
			if fn != nil {
				_ = ReadAccessLog(context.Background(), stdout, fn)
			}
			_, _ = io.Copy(io.Discard, stdout)
		})
		readers.Wait() // before Wait, which closes the pipes
		_ = in.cmd.Wait()
		in.exit = exitOf(in.cmd.ProcessState, time.Since(in.started))
		in.admin.close()
		for _, f := range in.files {
			_ = os.Remove(f)
		}
		close(in.done)
	}()
	return <-started
}

func exitOf(s *os.ProcessState, up time.Duration) Exit {
	e := Exit{Code: s.ExitCode(), Uptime: up}
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		e.Signal = w.Signal().String()
	}
	return e
}

// stopAccepting makes clients go elsewhere: first every answer closes its
// connection (HTTP/1) or says goaway (HTTP/2) while new connections are still
// taken, so that fewer wait in a socket that is about to close; then the
// listener closes. It returns when it has.
func (in *instance) stopAccepting(ctx context.Context) {
	_, _ = in.admin.do(ctx, http.MethodPost, "/healthcheck/fail")
	pause(ctx, acceptorsPause)
	if _, err := in.admin.do(ctx, http.MethodPost, "/drain_listeners"); err != nil {
		return
	}
	end, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	for end.Err() == nil && !in.admin.stopped(end) {
		pause(end, readyEvery)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// finish waits until nothing is under way or ctx is done, and ends Envoy.
func (in *instance) finish(ctx context.Context) error {
	var err error
	for idle := 0; idle < 2; { // twice: a request may be between two streams
		n, aerr := in.admin.active(ctx)
		if ctx.Err() != nil {
			err = ctx.Err()
			break
		}
		if aerr != nil {
			break // it has ended, or does not answer: what is under way cannot be known
		}
		if n == 0 {
			idle++
		} else {
			idle = 0
		}
		pause(ctx, drainEvery)
	}
	quit, cancel := context.WithTimeout(context.Background(), quitWithin)
	defer cancel()
	if _, qerr := in.admin.do(quit, http.MethodPost, "/quitquitquit"); qerr == nil {
		select {
		case <-in.done:
			return err
		case <-quit.Done():
		}
	}
	in.kill()
	return err
}

// kill ends Envoy at once and waits for it.
func (in *instance) kill() {
	_ = in.cmd.Process.Kill()
	<-in.done
}
