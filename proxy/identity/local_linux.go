package identity

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Of the kernel's interface for socket diagnostics (sock_diag(7),
// linux/inet_diag.h).
const (
	netlinkSockDiag  = 4  // NETLINK_SOCK_DIAG
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagBytecode     = 1  // INET_DIAG_REQ_BYTECODE

	diagRequestBytes = 56 // inet_diag_req_v2
	diagMessageBytes = 72 // inet_diag_msg

	opSourceAtLeast = 2 // INET_DIAG_BC_S_GE
	opSourceAtMost  = 3 // INET_DIAG_BC_S_LE

	// alive are the states of a TCP socket in which a process has it: all but
	// those of a socket that is not connected, or is left to the kernel.
	alive = 1<<1 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11 // ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING

	diagTimeout = 500 * time.Millisecond
	diagBuffer  = 32 << 10 // bytes of one read; the kernel's messages are at most so long
)

// maxProcFile bounds what is read of one file of /proc.
const maxProcFile = 64 << 10

// socketOwner gives the uid and the inode of the socket whose own address is
// client. It asks for the exact connection first; where the client connected to
// another address, because it was redirected, it asks for every socket of that
// port and wants one.
func socketOwner(client, server netip.AddrPort) (LocalPeer, error) {
	client = netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port())
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return LocalPeer{}, ErrNoDiag
	}
	defer syscall.Close(fd)
	limit := syscall.NsecToTimeval(diagTimeout.Nanoseconds())
	if syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit) != nil {
		return LocalPeer{}, ErrNoDiag
	}
	if server.IsValid() {
		to := server.Addr().Unmap().WithZone("")
		if to.IsUnspecified() {
			to = client.Addr() // whoever connects to an address of the own machine has that address
		}
		if to.Is4() == client.Addr().Is4() {
			found, err := ask(fd, diagExact(client, netip.AddrPortFrom(to, server.Port())), client)
			if err != nil {
				return LocalPeer{}, err
			}
			if len(found) == 1 {
				return found[0], nil
			}
		}
	}
	families := []byte{syscall.AF_INET6}
	if client.Addr().Is4() { // which a socket of IPv6 may have too, as ::ffff:127.0.0.1
		families = append(families, syscall.AF_INET)
	}
	var found []LocalPeer
	for _, f := range families {
		some, err := ask(fd, diagAll(f, client.Port()), client)
		if err != nil {
			return LocalPeer{}, err
		}
		found = append(found, some...)
	}
	switch {
	case len(found) == 0:
		return LocalPeer{}, ErrNoPeer
	case len(found) > 1:
		return LocalPeer{}, ErrPeerUnsure
	}
	return found[0], nil
}

// diagExact asks for the socket of one connection.
func diagExact(client, server netip.AddrPort) []byte {
	family := byte(syscall.AF_INET6)
	if client.Addr().Is4() {
		family = syscall.AF_INET
	}
	b := diagRequest(family, syscall.NLM_F_REQUEST)
	binary.BigEndian.PutUint16(b[diagSocketID:], client.Port())
	binary.BigEndian.PutUint16(b[diagSocketID+2:], server.Port())
	copy(b[diagSocketID+4:], client.Addr().AsSlice())
	copy(b[diagSocketID+20:], server.Addr().AsSlice())
	return b
}

// diagAll asks for all sockets of a family whose own port is port.
func diagAll(family byte, port uint16) []byte {
	b := diagRequest(family, syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	b = binary.NativeEndian.AppendUint16(b, 4+16)
	b = binary.NativeEndian.AppendUint16(b, diagBytecode)
	for _, op := range []struct {
		code byte
		no   uint16 // behind the end: not this one
	}{{opSourceAtLeast, 16 + 4}, {opSourceAtMost, 8 + 4}} {
		// The second half of an operation holds its port where a jump would be.
		b = append(b, op.code, 8)
		b = binary.NativeEndian.AppendUint16(b, op.no)
		b = append(b, 0, 0)
		b = binary.NativeEndian.AppendUint16(b, port)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// diagSocketID is where a question names its socket: behind the header of netlink
// and the first eight bytes of inet_diag_req_v2.
const diagSocketID = syscall.SizeofNlMsghdr + 8

// diagRequest makes a question without a socket.
func diagRequest(family byte, flags uint16) []byte {
	b := make([]byte, syscall.SizeofNlMsghdr+diagRequestBytes)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(b[6:], flags)
	binary.NativeEndian.PutUint32(b[8:], 1)
	b[16], b[17] = family, syscall.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[20:], alive)
	copy(b[len(b)-8:], "\xff\xff\xff\xff\xff\xff\xff\xff") // INET_DIAG_NOCOOKIE
	return b
}

// ask sends a question and gives the sockets in the answer whose own address is
// client. A connection that is not there is no error.
func ask(fd int, question []byte, client netip.AddrPort) ([]LocalPeer, error) {
	if err := syscall.Sendto(fd, question, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return nil, ErrNoDiag
	}
	dump := binary.NativeEndian.Uint16(question[6:])&syscall.NLM_F_DUMP != 0
	var out []LocalPeer
	buf := make([]byte, diagBuffer)
	for total := 0; total < maxDiagBytes; {
		n, from, err := syscall.Recvfrom(fd, buf, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, ErrNoDiag
		}
		if k, ok := from.(*syscall.SockaddrNetlink); !ok || k.Pid != 0 {
			continue // not the kernel
		}
		total += n
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return nil, ErrNoDiag
		}
		for _, m := range messages {
			switch m.Header.Type {
			case syscall.NLMSG_DONE:
				return out, nil
			case syscall.NLMSG_ERROR:
				if !dump && len(m.Data) >= 4 && -int32(binary.NativeEndian.Uint32(m.Data)) == int32(syscall.ENOENT) {
					return out, nil
				}
				return nil, ErrNoDiag
			case sockDiagByFamily:
				if p, ok := readDiag(m.Data, client); ok {
					if out = append(out, p); len(out) > maxSockets {
						return nil, ErrPeerUnsure
					}
				}
			}
			if !dump {
				return out, nil
			}
		}
	}
	return nil, ErrPeerUnsure
}

// readDiag reads an inet_diag_msg. It reports false where its own address is
// another or no process has the socket.
func readDiag(b []byte, client netip.AddrPort) (LocalPeer, bool) {
	if len(b) < diagMessageBytes {
		return LocalPeer{}, false
	}
	var addr netip.Addr
	switch b[0] {
	case syscall.AF_INET:
		addr = netip.AddrFrom4([4]byte(b[8:12]))
	case syscall.AF_INET6:
		addr = netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	}
	p := LocalPeer{UID: int(binary.NativeEndian.Uint32(b[64:])), inode: binary.NativeEndian.Uint32(b[68:])}
	same := addr == client.Addr() && binary.BigEndian.Uint16(b[4:]) == client.Port()
	return p, same && p.inode != 0
}

// findProcess finds the process that has a socket, with its executable and its
// container. It fails with [ErrNoPeer] where none that this process may look at
// has it, and with [ErrPeerUnsure] where several have that differ, or where the
// search is longer than its bound.
func findProcess(p *LocalPeer) error {
	names, err := readNames("/proc")
	if err != nil {
		return ErrNoPeer
	}
	link := socketLink(p.inode)
	var holders []LocalPeer
	looked := 0
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		dir := filepath.Join("/proc", name, "fd")
		descriptors, err := readNames(dir)
		if err != nil {
			continue // gone, or of another user
		}
		for _, d := range descriptors {
			if looked++; looked > maxDescriptors {
				return ErrPeerUnsure
			}
			if to, err := os.Readlink(filepath.Join(dir, d)); err != nil || to != link {
				continue
			}
			h := LocalPeer{UID: p.UID, PID: pid, inode: p.inode}
			if describe(&h) && holds(pid, p.inode) { // the pid is still that process
				holders = append(holders, h)
			}
			break
		}
		if len(holders) > maxHolders {
			return ErrPeerUnsure
		}
	}
	if len(holders) == 0 {
		return ErrNoPeer
	}
	for i := range holders[1:] {
		if !os.SameFile(holders[0].exe, holders[i+1].exe) || holders[0].Container != holders[i+1].Container {
			return ErrPeerUnsure
		}
	}
	*p = holders[0]
	return nil
}

// byPID fills in what a process is whose uid and pid the kernel told, if it still is
// one of that uid.
func byPID(p *LocalPeer) {
	if p.PID <= 0 {
		return
	}
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(p.PID)))
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != p.UID {
		return
	}
	describe(p)
}

// describe fills in the executable and the container of a process.
func describe(p *LocalPeer) bool {
	dir := filepath.Join("/proc", strconv.Itoa(p.PID))
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	if err != nil {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, "exe")) // the file itself, whatever its path leads to
	if err != nil {
		return false
	}
	f, err := os.Open(filepath.Join(dir, "cgroup"))
	if err != nil {
		return false
	}
	defer f.Close()
	groups, err := io.ReadAll(io.LimitReader(f, maxProcFile))
	if err != nil {
		return false
	}
	p.Exe, p.exe, p.Container = strings.TrimSuffix(exe, " (deleted)"), info, containerOf(string(groups))
	return true
}

// holds reports whether a process has a socket now.
func holds(pid int, inode uint32) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	names, err := readNames(dir)
	if err != nil {
		return false
	}
	link := socketLink(inode)
	for _, d := range names {
		if to, err := os.Readlink(filepath.Join(dir, d)); err == nil && to == link {
			return true
		}
	}
	return false
}

func socketLink(inode uint32) string {
	return "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
