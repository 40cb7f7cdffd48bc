//lint:file-ignore SA1019 the replacement is golang.org/x/net/bpf, a module for four constant instructions

package envoy

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// System calls that package syscall does not name; from 424 on the numbers are
// the same on every architecture of Linux (5.3 and 5.6).
const (
	sysPidfdOpen  = 434
	sysPidfdGetfd = 438
)

// Classic BPF on a listening TCP socket, where a packet begins with the TCP
// header (RFC 9293, 3.1): drop what has SYN set, pass the rest.
const (
	tcpFlags = 13
	tcpSYN   = 0x02
	bpfPass  = 0xffff
)

// holdConnections makes the listening sockets of a child process take no new
// connection: a SYN is dropped, so the client sends it again a second later, to
// the socket that listens then; handshakes under way are completed and can be
// accepted. Without it, what waits in a socket at the moment it is closed would
// be reset, although another process listens on the same address (SO_REUSEPORT;
// the kernel moves such connections only where net.ipv4.tcp_migrate_req is
// set). The parent of a process may do this under Yama's default.
func holdConnections(pid int, port uint16) error {
	inodes, err := listening(pid, port)
	if err != nil {
		return err
	}
	pidfd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return fmt.Errorf("envoy: pidfd_open: %w", errno)
	}
	defer func() { _ = syscall.Close(int(pidfd)) }()
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("envoy: descriptors: %w", err)
	}
	for _, d := range fds {
		link, err := os.Readlink(filepath.Join(dir, d.Name()))
		if err != nil || !inodes[link] {
			continue
		}
		n, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		fd, _, errno := syscall.Syscall(sysPidfdGetfd, pidfd, uintptr(n), 0)
		if errno != 0 {
			return fmt.Errorf("envoy: pidfd_getfd: %w", errno)
		}
		err = syscall.AttachLsf(int(fd), []syscall.SockFilter{
			*syscall.LsfStmt(syscall.BPF_LD|syscall.BPF_B|syscall.BPF_ABS, tcpFlags),
			*syscall.LsfJump(syscall.BPF_JMP|syscall.BPF_JSET|syscall.BPF_K, tcpSYN, 0, 1),
			*syscall.LsfStmt(syscall.BPF_RET|syscall.BPF_K, 0),
			*syscall.LsfStmt(syscall.BPF_RET|syscall.BPF_K, bpfPass),
		})
		_ = syscall.Close(int(fd))
		if err != nil {
			return fmt.Errorf("envoy: attaching a filter: %w", err)
		}
	}
	return nil
}

// listening gives the names, as in /proc/PID/fd, of the sockets that listen on
// a port in the network namespace of a process (proc(5), /proc/net/tcp).
func listening(pid int, port uint16) (map[string]bool, error) {
	const (
		local, state, inode = 1, 3, 9
		listen              = "0A"
	)
	out := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "net", table))
		if err != nil {
			if table == "tcp6" && os.IsNotExist(err) {
				continue // a machine without IPv6
			}
			return nil, fmt.Errorf("envoy: sockets: %w", err)
		}
		suffix := fmt.Sprintf(":%04X", port)
		for sc := bufio.NewScanner(f); sc.Scan(); {
			w := strings.Fields(sc.Text())
			if len(w) > inode && w[state] == listen && strings.HasSuffix(w[local], suffix) {
				out["socket:["+w[inode]+"]"] = true
			}
		}
		_ = f.Close()
	}
	return out, nil
}
