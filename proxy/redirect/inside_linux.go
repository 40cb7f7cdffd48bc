package redirect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Descriptors that the one inside begins with.
const (
	fdControl = 3
	fdOrder   = 4
)

// Addresses of the device that leads nowhere. That for IPv4 is for protocols
// between IPv4 and IPv6 and never on a wire (RFC 7335); that for IPv6 is a local one
// (RFC 4193). Programs that see only loopback addresses would not ask for others.
const (
	nowhere4 = "192.0.0.2/32"
	nowhere6 = "fd6f:7374:6961:7279::2/128"
)

// Inside makes the calling process the command of a [Space]. The process was started
// by [StartSpace] and does nothing else. It returns only an error, which it also has
// told.
func Inside() error {
	runtime.LockOSThread() // what a process may do is a matter of its threads
	if !isKind(fdControl, unix.S_IFSOCK) || !isKind(fdOrder, unix.S_IFIFO) {
		return errors.New("this is a part of 'ostiary exec', not a command")
	}
	unix.CloseOnExec(fdControl)
	control := os.NewFile(fdControl, "control")
	o, err := readOrder()
	var sockets []socket
	if err == nil {
		sockets, err = settle(o)
	}
	if err != nil {
		return tell(control, err)
	}
	if err := send(control, sockets); err != nil {
		return err
	}
	var began [1]byte
	if _, err := io.ReadFull(control, began[:]); err != nil {
		return errors.New("the one who made the namespace has ended")
	}
	for _, s := range sockets {
		_ = s.file.Close() // whoever holds one could take another's connections
	}
	return tell(control, become(o))
}

// isKind reports whether a descriptor is of a type of file.
func isKind(fd int, kind uint32) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == kind
}

func readOrder() (order, error) {
	var o order
	f := os.NewFile(fdOrder, "order")
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxOrder))
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(text, &o)
}

// tell gives an error to the one who made the namespace.
func tell(control *os.File, err error) error {
	r := report{Failed: err.Error()}
	_ = errors.As(err, &r.Errno)
	if errors.Is(err, ErrPermission) {
		r.Errno = syscall.EPERM
	}
	if len(r.Failed) > maxReport/2 {
		r.Failed = r.Failed[:maxReport/2]
	}
	text, _ := json.Marshal(r)
	_, _ = control.Write(text)
	return err
}

// socket is one that was opened inside.
type socket struct {
	name string
	file *os.File
}

func send(control *os.File, sockets []socket) error {
	var r report
	var fds []int
	for _, s := range sockets {
		r.Sockets = append(r.Sockets, s.name)
		fds = append(fds, int(s.file.Fd()))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return unix.Sendmsg(int(control.Fd()), text, unix.UnixRights(fds...), nil, 0)
}

// settle makes the network, the rules, the sockets and the mounts.
func settle(o order) ([]socket, error) {
	six, err := network()
	if err != nil {
		return nil, err
	}
	if _, err := Up("", o.Rules); err != nil {
		return nil, fmt.Errorf("rules of the namespace: %w", err)
	}
	sockets, err := open(o.Rules.To, six)
	if err != nil {
		return nil, err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("mounts of the namespace: %w", err)
	}
	for _, m := range o.Mounts {
		if err := unix.Mount(m.From, m.To, "", unix.MS_BIND, ""); err != nil {
			return nil, fmt.Errorf("mounting over %s: %w", m.To, err)
		}
	}
	return sockets, nil
}

// network brings up loopback and a device that takes everything and leads nowhere.
// six is false where the kernel has no IPv6.
func network() (six bool, err error) {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return false, fmt.Errorf("loopback of the namespace: %w", err)
	}
	device, err := nowhere()
	if err != nil {
		return false, err
	}
	for _, text := range []string{nowhere4, nowhere6} {
		address, err := netlink.ParseAddr(text)
		if err != nil {
			return false, err
		}
		v4 := address.IP.To4() != nil
		if !v4 {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(device, address); err != nil {
			if !v4 && noIPv6(err) {
				return false, nil
			}
			return false, fmt.Errorf("address of the namespace: %w", err)
		}
		everything := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
		if !v4 {
			everything = &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		}
		route := &netlink.Route{LinkIndex: device.Attrs().Index, Dst: everything}
		if v4 {
			route.Scope, route.Src = netlink.SCOPE_LINK, address.IP
		}
		if err := netlink.RouteAdd(route); err != nil {
			return false, fmt.Errorf("default route of the namespace: %w", err)
		}
	}
	return true, nil
}

func noIPv6(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EACCES)
}

// nowhere makes the device: one end of a pair whose other end is in the namespace
// too and forwards nothing, or a dummy. Neither resolves neighbours.
func nowhere() (netlink.Link, error) {
	names := netlink.LinkAttrs{Name: "eth0"}
	tried := []netlink.Link{&netlink.Veth{LinkAttrs: names, PeerName: "nowhere"}, &netlink.Dummy{LinkAttrs: names}}
	var failed error
	for _, l := range tried {
		if err := netlink.LinkAdd(l); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", l.Type(), err))
			continue
		}
		for _, name := range []string{"eth0", "nowhere"} {
			end, err := netlink.LinkByName(name)
			if err != nil && name == "nowhere" {
				continue // a dummy has one end
			}
			if err == nil {
				err = errors.Join(netlink.LinkSetARPOff(end), netlink.LinkSetUp(end))
			}
			if err != nil {
				return nil, fmt.Errorf("device of the namespace: %w", err)
			}
		}
		return netlink.LinkByName("eth0")
	}
	return nil, fmt.Errorf("this kernel makes no device for the namespace (CONFIG_VETH or CONFIG_DUMMY): %w", failed)
}

// open opens the sockets that are served outside.
func open(port uint16, six bool) (out []socket, err error) {
	at := strconv.Itoa(int(port))
	want := []struct{ name, network, address string }{
		{arrived4, "tcp4", "127.0.0.1:" + at},
		{dnsPacket, "udp4", "127.0.0.1:53"},
		{dnsStream, "tcp4", "127.0.0.1:53"},
	}
	if six {
		want = append(want, []struct{ name, network, address string }{
			{arrived6, "tcp6", "[::1]:" + at},
			{dnsPacket, "udp6", "[::1]:53"},
			{dnsStream, "tcp6", "[::1]:53"},
		}...)
	}
	var lc net.ListenConfig
	for _, w := range want {
		var s interface{ File() (*os.File, error) }
		var c io.Closer
		if strings.HasPrefix(w.network, "udp") {
			var p net.PacketConn
			if p, err = lc.ListenPacket(context.Background(), w.network, w.address); err == nil {
				s, c = p.(*net.UDPConn), p
			}
		} else {
			var l net.Listener
			if l, err = lc.Listen(context.Background(), w.network, w.address); err == nil {
				s, c = l.(*net.TCPListener), l
			}
		}
		if err != nil {
			return nil, fmt.Errorf("socket of the namespace: %w", err)
		}
		f, err := s.File()
		_ = c.Close()
		if err != nil {
			return nil, err
		}
		out = append(out, socket{w.name, f})
	}
	return out, nil
}

// keep are the capabilities that a command of root keeps: those of a file's owner,
// of changing users, and of low ports. None of them reaches other namespaces.
var keep = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_NET_BIND_SERVICE,
}

// become drops what the command may not do and executes it.
func become(o order) error {
	if o.Dir != "" {
		if err := os.Chdir(o.Dir); err != nil {
			return err
		}
	}
	file, err := lookUp(o.Command[0], o.Env)
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if !slices.Contains(keep, c) {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) { // a kernel that does not know it
				return fmt.Errorf("capabilities: %w", err)
			}
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if o.UID >= 0 && (o.UID != os.Getuid() || o.GID != os.Getgid()) {
		if err := errors.Join(syscall.Setgroups(o.Groups), syscall.Setresgid(o.GID, o.GID, o.GID), syscall.Setresuid(o.UID, o.UID, o.UID)); err != nil {
			return fmt.Errorf("running as uid %d: %w", o.UID, err)
		}
	}
	// Nothing that it executes gets back what was dropped.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if err := closeInherited(); err != nil {
		return err
	}
	err = syscall.Exec(file, o.Command, o.Env)
	return fmt.Errorf("%s: %w", o.Command[0], err)
}

// closeInherited lets the command have the standard streams and nothing else that
// whoever began this left open: a socket among it would lead out.
func closeInherited() error {
	err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	list, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		return fmt.Errorf("descriptors: %w", err)
	}
	for _, e := range list {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// lookUp finds a program in the PATH of an environment.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, e := range slices.Backward(env) {
		path, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			file := filepath.Join(dir, name)
			if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && unix.Access(file, unix.X_OK) == nil && filepath.IsAbs(file) {
				return file, nil
			}
		}
		break
	}
	return "", fmt.Errorf("%s: not found in PATH", name)
}
