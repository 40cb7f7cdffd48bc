package redirect

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netns"
)

// stateListen is TCP_LISTEN as proc(5) writes it.
const stateListen = "0A"

// Listening gives the sockets that listen on a TCP port of a network namespace,
// named as for [Up].
func Listening(namespace string, port uint16) ([]Listener, error) {
	if namespace == "" {
		return listening(port)
	}
	fd, err := netns.GetFromPath(namespace)
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", namespace, err)
	}
	defer fd.Close()
	var out []Listener
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends
		err := netns.Set(fd)
		if err == nil {
			out, err = listening(port)
		} else if errors.Is(err, os.ErrPermission) {
			err = ErrPermission
		}
		done <- err
	}()
	return out, <-done
}

func listening(port uint16) (out []Listener, err error) {
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open("/proc/thread-self/net/" + name)
		if errors.Is(err, os.ErrNotExist) && name == "tcp6" {
			continue // no IPv6
		}
		if err != nil {
			return nil, err
		}
		s := bufio.NewScanner(f)
		for s.Scan() {
			if l, p, ok := parseListener(s.Text()); ok && p == port {
				out = append(out, l)
			}
		}
		_ = f.Close()
		if err := s.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parseListener reads a line of /proc/net/tcp or tcp6 (proc(5)): an address in
// words of 32 bits in the machine's order, a port, the state and the owner.
func parseListener(line string) (l Listener, port uint16, ok bool) {
	f := strings.Fields(line)
	if len(f) < 8 || f[3] != stateListen {
		return l, 0, false
	}
	a, p, _ := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(a)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return l, 0, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	l.Address, _ = netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(p, 16, 16)
	uid, bad := strconv.ParseUint(f[7], 10, 32)
	l.UID = uint32(uid)
	return l, uint16(n), err == nil && bad == nil
}
