package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of looking at local peers.
const (
	maxSockets     = 16               // sockets of one address that are told apart
	maxDiagBytes   = 1 << 20          // of the kernel's answer to one question
	maxHolders     = 64               // processes that share one socket
	maxDescriptors = 1 << 18          // looked at in one search for a socket's processes
	maxFound       = 4096             // sockets whose processes are remembered
	foundLife      = 10 * time.Second // for which they are
	leastContainer = 12               // hex digits of a container's id; what engines print
	containerID    = 64               // hex digits of a whole id (OCI engines)
)

// Errors of looking at local peers.
var (
	// ErrNoPeer says that no process of this machine, as far as this one sees it,
	// has that end of the connection: it is of another machine, of another network
	// namespace, or gone.
	ErrNoPeer = errors.New("nobody on this machine has this end of the connection")
	// ErrPeerUnsure says that several have, and that they are not the same.
	ErrPeerUnsure = errors.New("several processes share the connection and differ")
	// ErrNoDiag says that this system cannot be asked.
	ErrNoDiag = errors.New("this system does not tell who has a connection (socket diagnostics of Linux)")
)

// LocalPeer is a process at the other end of a connection on this machine. Fields
// that could not be found out are zero.
type LocalPeer struct {
	UID       int // of whoever made the socket
	PID       int
	Exe       string // path of the executable as this process sees it
	Container string // id of its container, 64 hex digits

	inode uint32
	exe   os.FileInfo // what Exe is, however it is called
}

// LocalRule says which application a local peer is. All that is set must fit.
type LocalRule struct {
	UID         *int
	Exe         string // absolute path of an executable
	Container   string // id of a container, or its beginning, at least 12 hex digits
	Application string
}

// LocalOptions say how local peers are known.
type LocalOptions struct {
	// Rules are asked in their order; the first that fits counts.
	Rules []LocalRule
	// Server is the address that clients connect to, where it is one: it makes the
	// question to the kernel an exact one. The zero value, and an unspecified
	// address, ask for all.
	Server netip.AddrPort
	// Proxy is the same for clients of the explicit proxy. Those that were
	// redirected connected to an address that nobody here knows.
	Proxy netip.AddrPort
	Names *Names
}

// Local proves applications by the process that connected: its uid as the kernel
// noted it for the socket, its executable as a file, and its container. It
// implements [Source].
//
// It says which program connected, not what that program was told to do: whoever
// may run /usr/bin/tool is the tool. An executable is compared as a file, so that
// no other of that path in a container or a namespace is taken for it; a script
// is its interpreter. Processes of other users show theirs only to root; rules by
// executable then do not fit, and nothing is proved.
type Local struct {
	o       LocalOptions
	process bool // a rule needs more than the uid

	mu    sync.Mutex
	found map[uint32]remembered // by inode of the socket; guarded by mu
}

type remembered struct {
	peer LocalPeer
	at   time.Time
}

var _ Source = (*Local)(nil)

// NewLocal makes a Local. It fails where a rule names nothing, or no absolute
// path, or too little of an id, and where an application is not configured.
func NewLocal(o LocalOptions) (*Local, error) {
	l := &Local{o: o, found: map[uint32]remembered{}}
	if o.Names == nil {
		return nil, errors.New("local: no names")
	}
	for i, r := range o.Rules {
		switch {
		case r.UID == nil && r.Exe == "" && r.Container == "":
			return nil, fmt.Errorf("local rule %d names neither uid, exe nor container", i+1)
		case r.UID != nil && *r.UID < 0:
			return nil, fmt.Errorf("local rule %d: a uid is not negative", i+1)
		case r.Exe != "" && !filepath.IsAbs(r.Exe):
			return nil, fmt.Errorf("local rule %d: exe must be an absolute path", i+1)
		case r.Container != "" && (len(r.Container) < leastContainer || len(r.Container) > containerID || !isHex(r.Container)):
			return nil, fmt.Errorf("local rule %d: container must be the id of a container, or its beginning, %d to %d hex digits", i+1, leastContainer, containerID)
		}
		if err := o.Names.check(r.Application); err != nil {
			return nil, fmt.Errorf("local rule %d: %w", i+1, err)
		}
		l.process = l.process || r.Exe != "" || r.Container != ""
	}
	return l, nil
}

// Prove implements [Source]. It never refuses: a peer was not presented, it is
// seen or not.
func (l *Local) Prove(h *proxy.Head) (Proof, error) {
	if len(l.o.Rules) == 0 {
		return Proof{}, nil
	}
	peer, err := l.look(h.Peer, h.Way, l.process)
	if err != nil {
		return Proof{}, nil
	}
	for i := range l.o.Rules {
		r := &l.o.Rules[i]
		if r.fits(&peer) {
			p := l.o.Names.proof(MethodLocal, r.Application)
			p.Subject = "uid:" + strconv.Itoa(peer.UID)
			return p, nil
		}
	}
	return Proof{}, nil
}

// Look tells who is at the other end of a connection, for diagnosis. It fails with
// [ErrNoPeer], [ErrPeerUnsure] or [ErrNoDiag].
func (l *Local) Look(p proxy.Peer) (LocalPeer, error) { return l.look(p, "", true) }

func (l *Local) look(p proxy.Peer, way string, process bool) (LocalPeer, error) {
	if !p.Addr.IsValid() {
		// A unix socket: the data plane has the kernel's word on the uid.
		if p.UID < 0 {
			return LocalPeer{}, ErrNoPeer
		}
		peer := LocalPeer{UID: p.UID, PID: p.PID}
		if process {
			// The uid is sure. A pid can have gone to another process of it since, and
			// processes of one uid are not kept apart by the system either.
			byPID(&peer)
		}
		return peer, nil
	}
	// The right address, or none: another connection from the same port to another
	// address of ours may be somebody else's.
	server := l.o.Server
	switch way {
	case proxy.WayProxy:
		server = l.o.Proxy
	case proxy.WayRedirect:
		server = netip.AddrPort{}
	}
	peer, err := socketOwner(p.Addr, server)
	if err != nil || !process {
		return peer, err
	}
	now := time.Now()
	l.mu.Lock()
	r, ok := l.found[peer.inode]
	l.mu.Unlock()
	if ok && now.Sub(r.at) < foundLife && r.peer.UID == peer.UID && holds(r.peer.PID, peer.inode) {
		return r.peer, nil
	}
	if err := findProcess(&peer); err != nil {
		// The uid is the kernel's word on the socket and stands.
		return LocalPeer{UID: peer.UID, inode: peer.inode}, nil
	}
	l.mu.Lock()
	if len(l.found) >= maxFound {
		clear(l.found)
	}
	l.found[peer.inode] = remembered{peer, now}
	l.mu.Unlock()
	return peer, nil
}

func (r *LocalRule) fits(p *LocalPeer) bool {
	if r.UID != nil && *r.UID != p.UID {
		return false
	}
	if r.Container != "" && (p.Container == "" || !strings.HasPrefix(p.Container, strings.ToLower(r.Container))) {
		return false
	}
	if r.Exe != "" {
		want, err := os.Stat(r.Exe)
		if err != nil || p.exe == nil || !os.SameFile(want, p.exe) {
			return false
		}
	}
	return true
}

// containerOf gives the container's id in the contents of /proc/PID/cgroup
// (cgroups(7)), or "": the last part of a path that holds 64 hex digits, as
// Docker, containerd, CRI-O and Podman name their groups.
func containerOf(cgroup string) string {
	found := ""
	for line := range strings.Lines(cgroup) {
		_, path, _ := strings.Cut(line, ":")
		_, path, _ = strings.Cut(path, ":")
		id := ""
		for _, part := range strings.Split(strings.TrimSpace(path), "/") {
			part = strings.TrimSuffix(part, ".scope")
			if i := strings.LastIndexAny(part, "-:"); i >= 0 {
				part = part[i+1:]
			}
			if len(part) == containerID && isHex(part) {
				id = part
			}
		}
		if id == "" {
			continue
		}
		if found != "" && found != id {
			return "" // two hierarchies that say different things
		}
		found = id
	}
	return found
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
