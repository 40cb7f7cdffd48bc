package redirect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Space is a network and mount namespace of one command. Nothing leads out of it:
// its one device ends in itself, its rules let nothing pass but to loopback, and
// what arrives there is served by sockets that this process holds. Processes of the
// command that go on after it find nobody there.
//
// It keeps the command's network. It does not keep the command from files or
// sockets in the file system (such as that of a container engine), nor from other
// processes of the same user.
type Space struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	arrived *merged
	packets []net.PacketConn
	stream  *merged
	signals chan os.Signal
}

// StartSpace makes a space and a process in it that waits for [Space.Go]. It is
// made as root where the process may, else in a user namespace of its own.
func StartSpace(o SpaceOptions) (*Space, error) {
	if len(o.Self) == 0 || len(o.Command) == 0 {
		return nil, errors.New("no command")
	}
	rules, err := Rules{To: Port, Ports: o.Ports, DNS: 53, Only: true}.Canonical()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(order{Command: o.Command, Env: o.Env, Dir: o.Dir, Mounts: o.Mounts, Rules: rules, UID: o.UID, GID: o.GID, Groups: o.Groups})
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		s, err := startIn(o, text, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS})
		if !errors.Is(err, os.ErrPermission) {
			return s, err
		}
	}
	if o.UID >= 0 && o.UID != os.Getuid() {
		return nil, errors.New("running the command as somebody else takes root")
	}
	s, err := startIn(o, text, &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
	})
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EUSERS) {
		return nil, fmt.Errorf("this system gives ordinary users no namespaces (%w): run it as root, or allow them (kernel.apparmor_restrict_unprivileged_userns=0, kernel.unprivileged_userns_clone=1, user.max_user_namespaces)", err)
	}
	return s, err
}

func startIn(o SpaceOptions, text []byte, attr *syscall.SysProcAttr) (started *Space, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer closeAll(ours, theirs)
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer closeAll(read, write)
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	s := &Space{cmd: exec.Command(o.Self[0], o.Self[1:]...), control: conn.(*net.UnixConn), signals: make(chan os.Signal, 16)}
	s.cmd.Args[0] = os.Args[0] // a program may go by its name
	s.cmd.Env, s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = []string{}, o.Stdin, o.Stdout, o.Stderr
	s.cmd.ExtraFiles, s.cmd.SysProcAttr = []*os.File{theirs, read}, attr
	if err := s.cmd.Start(); err != nil {
		closeAll(s.control)
		return nil, err
	}
	closeAll(theirs, read)
	// From now on, so that none is lost between the command's beginning and Wait.
	signal.Notify(s.signals, passedOn...)
	defer func() {
		if err != nil {
			s.Close()
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	}()
	_, _ = write.Write(text) // one that does not take it says why, or has ended, which is seen next
	closeAll(write)
	if err := s.receive(); err != nil {
		return nil, err
	}
	return s, nil
}

// report is what the one inside says of itself: which sockets come with it, or why
// there are none.
type report struct {
	Sockets []string      `json:"sockets,omitempty"`
	Failed  string        `json:"failed,omitempty"`
	Errno   syscall.Errno `json:"errno,omitempty"`
}

// failure keeps what callers tell errors apart by.
type failure struct{ report }

func (f failure) Error() string { return f.Failed }
func (f failure) Unwrap() error {
	if f.Errno == 0 {
		return nil
	}
	return f.Errno
}

// Names of sockets in a report.
const (
	arrived4  = "arrived4"
	arrived6  = "arrived6"
	dnsPacket = "dns/udp"
	dnsStream = "dns/tcp"
	sockets6  = 6 // the most that there are
)

// receive takes the sockets that were opened inside.
func (s *Space) receive() (err error) {
	text, rights := make([]byte, maxReport), make([]byte, unix.CmsgSpace(4*sockets6))
	n, oobn, _, _, err := s.control.ReadMsgUnix(text, rights)
	if err != nil {
		return fmt.Errorf("the process in the namespace ended before it was ready: %w", err)
	}
	var files []*os.File
	messages, _ := unix.ParseSocketControlMessage(rights[:oobn])
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "socket"))
		}
	}
	defer func() { closeAll(files...) }()
	var r report
	if err := json.Unmarshal(text[:n], &r); err != nil {
		return errors.New("the process in the namespace ended before it was ready")
	}
	switch {
	case r.Failed != "":
		return failure{r}
	case len(r.Sockets) != len(files):
		return errors.New("sockets of the namespace were lost: too many open files?")
	}
	var connections, streams []net.Listener
	defer func() {
		if err != nil {
			closeAll(connections...)
			closeAll(streams...)
		}
	}()
	for n, name := range r.Sockets {
		var l net.Listener
		var p net.PacketConn
		if name == dnsPacket {
			if p, err = net.FilePacketConn(files[n]); err == nil {
				s.packets = append(s.packets, p)
			}
		} else if l, err = net.FileListener(files[n]); err == nil {
			if name == dnsStream {
				streams = append(streams, l)
			} else {
				connections = append(connections, l)
			}
		}
		if err != nil {
			return err
		}
	}
	if len(connections) == 0 || len(streams) == 0 {
		return errors.New("sockets of the namespace are missing")
	}
	s.arrived, s.stream = merge(connections), merge(streams)
	return nil
}

// Connections are those that arrive from the command; [Original] says where each was
// to go. [Space.Close] closes the listener, and so may the one who serves it.
func (s *Space) Connections() net.Listener { return s.arrived }

// DNS gives the sockets at which the command's questions arrive, whichever resolver
// it asks, for [Relay.ServePacket] and [Relay.ServeStream]. [Space.Close] closes
// them.
func (s *Space) DNS() ([]net.PacketConn, net.Listener) { return s.packets, s.stream }

// Go lets the command begin, when everything is served. The error says why it could
// not.
func (s *Space) Go() error {
	if _, err := s.control.Write([]byte{1}); err != nil {
		return fmt.Errorf("the process in the namespace has ended: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(s.control, maxReport)) // closed by execve
	if err != nil {
		return err
	}
	if len(text) == 0 {
		return nil
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil || r.Failed == "" {
		return errors.New("the process in the namespace ended before the command began")
	}
	return failure{r}
}

var passedOn = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT}

// Wait waits for the command's end and gives its exit status, 128 and the signal's
// number if one ended it. Signals that this process gets meanwhile are passed on,
// but for those that the terminal sends to both; it begins to keep them when the space
// is made.
func (s *Space) Wait() (status int, err error) {
	done := make(chan struct{})
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			select {
			case got := <-s.signals:
				if !(shared(got) && onTerminal()) {
					_ = s.cmd.Process.Signal(got)
				}
			case <-done:
				return
			}
		}
	})
	err = s.cmd.Wait()
	signal.Stop(s.signals)
	close(done)
	passing.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if w, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal()), nil
	}
	return s.cmd.ProcessState.ExitCode(), nil
}

// shared reports whether a terminal sends a signal to its whole foreground group.
func shared(s os.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGQUIT || s == syscall.SIGWINCH
}

// onTerminal reports whether this process is in the foreground of a terminal.
func onTerminal() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// Close closes the sockets that are still open. It does not end the command.
func (s *Space) Close() {
	signal.Stop(s.signals)
	closeAll(s.control)
	if s.arrived != nil {
		closeAll(s.arrived)
	}
	closeAll(s.packets...)
	if s.stream != nil {
		closeAll(s.stream)
	}
}

// Kill ends the command.
func (s *Space) Kill() { _ = s.cmd.Process.Kill() }

// merged accepts from several listeners.
type merged struct {
	listeners []net.Listener
	accepted  chan net.Conn
	failed    chan error
	done      chan struct{}
	once      sync.Once
	running   sync.WaitGroup
}

func merge(list []net.Listener) *merged {
	m := &merged{listeners: list, accepted: make(chan net.Conn), failed: make(chan error, len(list)), done: make(chan struct{})}
	for _, l := range list {
		m.running.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					m.failed <- err
					return
				}
				select {
				case m.accepted <- c:
				case <-m.done:
					closeAll(c)
					return
				}
			}
		})
	}
	return m
}

// Accept implements net.Listener.
func (m *merged) Accept() (net.Conn, error) {
	select {
	case <-m.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-m.accepted:
		return c, nil
	case err := <-m.failed:
		return nil, err
	case <-m.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *merged) Close() error {
	m.once.Do(func() {
		close(m.done)
		closeAll(m.listeners...)
		m.running.Wait()
	})
	return nil
}

// Addr implements net.Listener: that of the first.
func (m *merged) Addr() net.Addr { return m.listeners[0].Addr() }
