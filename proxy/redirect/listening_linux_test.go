package redirect

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

func TestListening(t *testing.T) {
	needNamespaces(t)
	n := newNamespace(t, 0)
	var err error
	n.do(func() { _, err = network() })
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string][2]bool{"127.0.0.1:7001": {true, false}, "[::1]:7002": {false, true}, "0.0.0.0:7003": {true, false}, "[::]:7004": {true, true}, "192.0.0.2:7005": {false, false}} {
		var l net.Listener
		n.do(func() { l, err = net.Listen("tcp", address) })
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(address)
		got, err := Listening(n.path(), at.Port())
		_ = l.Close()
		if address == "0.0.0.0:7003" { // Go listens on both where both are meant
			at = netip.MustParseAddrPort("[::]:7003")
			want = [2]bool{true, true}
		}
		if err != nil || len(got) != 1 || got[0].Address != at.Addr() || int(got[0].UID) != os.Getuid() {
			t.Errorf("%s: %+v, %v", address, got, err)
			continue
		}
		if got[0].Takes(false) != want[0] || got[0].Takes(true) != want[1] {
			t.Errorf("%s takes %v %v; want %v", address, got[0].Takes(false), got[0].Takes(true), want)
		}
	}
	if got, err := Listening(n.path(), 7001); err != nil || len(got) > 0 {
		t.Errorf("after the end: %+v, %v", got, err)
	}
	if _, err := Listening("/nosuch", 1); err == nil {
		t.Error("a namespace that is not there")
	}
}
