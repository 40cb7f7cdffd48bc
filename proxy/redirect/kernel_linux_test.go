package redirect

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Who asks, in tests.
const (
	somebody = 1000
	ours1337 = 1337
)

// row is one attempt and its outcome.
type row struct {
	uid, gid uint32
	to       string // NETWORK/ADDRESS
	want     string
}

func both(uid uint32, network, port, want string) []row {
	return []row{
		{uid, 1, network + "/" + outside4 + ":" + port, strings.ReplaceAll(want, "ADDRESS", outside4+":"+port)},
		{uid, 1, network + "/[" + outside6 + "]:" + port, strings.ReplaceAll(want, "ADDRESS", "["+outside6+"]:"+port)},
	}
}

// cases are rules and what becomes of attempts under them.
func cases() map[string]struct {
	rules Rules
	rows  []row
} {
	plain := Rules{To: 15001, Ports: []uint16{443}, UIDs: []uint32{ours1337}}
	with := func(f func(*Rules)) Rules { r := plain; f(&r); return r }
	return map[string]struct {
		rules Rules
		rows  []row
	}{
		"plain": {plain, slices.Concat(
			both(somebody, "tcp", "443", "ostiary 15001 for ADDRESS"),
			both(ours1337, "tcp", "443", "outside 443"),
			both(somebody, "udp", "443", "refused"),
			both(ours1337, "udp", "443", "outside 443"),
			both(somebody, "tcp", "8443", "outside 8443"),
			both(somebody, "tcp", "80", "outside 80"),
			both(somebody, "udp", "53", "outside 53"),
			both(0, "tcp", "443", "ostiary 15001 for ADDRESS"),
			[]row{{somebody, 1, "tcp/127.0.0.1:15001", "ostiary 15001 direct"}, {somebody, 1, "tcp/203.0.113.2:443", "refused"}})},
		"ports": {with(func(r *Rules) { r.Ports = []uint16{8443, 443, 80} }), slices.Concat(
			both(somebody, "tcp", "443", "ostiary 15001 for ADDRESS"),
			both(somebody, "tcp", "80", "ostiary 15001 for ADDRESS"),
			both(somebody, "tcp", "8443", "ostiary 15001 for ADDRESS"),
			both(somebody, "tcp", "853", "outside 853"))},
		"gid": {with(func(r *Rules) { r.UIDs, r.GIDs = nil, []uint32{77} }), []row{
			{somebody, 77, "tcp/" + outside4 + ":443", "outside 443"},
			{somebody, 77, "udp/[" + outside6 + "]:443", "outside 443"},
			{somebody, 78, "tcp/" + outside4 + ":443", "ostiary 15001 for " + outside4 + ":443"}}},
		"except": {with(func(r *Rules) {
			r.Except = []netip.Prefix{netip.MustParsePrefix("198.51.96.0/19"), netip.MustParsePrefix("2001:db8:4::/46")}
		}), slices.Concat(
			both(somebody, "tcp", "443", "ostiary 15001 for ADDRESS"),
			[]row{
				{somebody, 1, "tcp/" + other4 + ":443", "outside 443"}, {somebody, 1, "tcp/[" + other6 + "]:443", "outside 443"},
				{somebody, 1, "udp/" + other4 + ":443", "outside 443"}, {somebody, 1, "udp/[" + other6 + "]:443", "outside 443"}})},
		"protect": {with(func(r *Rules) {
			r.Protect = []netip.AddrPort{netip.MustParseAddrPort(other4 + ":8443"), netip.MustParseAddrPort("[" + other6 + "]:8443"), netip.MustParseAddrPort("127.0.0.1:11434")}
			r.Except = []netip.Prefix{netip.MustParsePrefix(other4 + "/32")}
		}), []row{
			{somebody, 1, "tcp/" + other4 + ":8443", "refused"}, {somebody, 1, "tcp/[" + other6 + "]:8443", "refused"},
			{ours1337, 1, "tcp/" + other4 + ":8443", "outside 8443"}, {ours1337, 1, "tcp/[" + other6 + "]:8443", "outside 8443"},
			{somebody, 1, "tcp/" + outside4 + ":8443", "outside 8443"},
			{somebody, 1, "tcp/127.0.0.1:11434", "refused"}, {ours1337, 1, "tcp/127.0.0.1:11434", "model"}}},
		"dns": {with(func(r *Rules) { r.Only, r.DNS = true, 15053 }), slices.Concat(
			both(somebody, "tcp", "53", "dns"),
			both(somebody, "udp", "53", "dns"),
			both(ours1337, "udp", "53", "outside 53"),
			both(somebody, "tcp", "443", "ostiary 15001 for ADDRESS"))},
		"only": {with(func(r *Rules) {
			r.Only, r.Except = true, []netip.Prefix{netip.MustParsePrefix(other4 + "/32")}
		}), slices.Concat(
			both(somebody, "tcp", "443", "ostiary 15001 for ADDRESS"),
			both(somebody, "tcp", "8443", "refused"),
			both(somebody, "tcp", "80", "refused"),
			both(somebody, "tcp", "853", "refused"),
			both(somebody, "udp", "443", "refused"),
			both(somebody, "udp", "9999", "refused"),
			both(somebody, "udp", "53", "outside 53"),
			both(somebody, "tcp", "53", "outside 53"),
			both(ours1337, "tcp", "8443", "outside 8443"),
			both(ours1337, "udp", "9999", "outside 9999"),
			[]row{{somebody, 1, "tcp/" + other4 + ":8443", "outside 8443"}, {somebody, 1, "tcp/127.0.0.1:11434", "model"}})},
	}
}

// attempt tries every row and tells which went another way.
func (w *world) attempt(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		network, address, _ := strings.Cut(r.to, "/")
		if got := w.as(t, r.uid, r.gid, network, address); got != r.want {
			t.Errorf("uid %d gid %d to %s: %s; want %s", r.uid, r.gid, r.to, got, r.want)
		}
	}
}

// servedWorld is a world in which Ostiary and a model server in-house listen.
func servedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ostiary(t, "15001")
	serve(t, w.inside, "tcp", "127.0.0.1:11434", func(net.Conn) string { return "model" })
	for _, host := range []string{"127.0.0.1", "::1"} {
		serve(t, w.inside, "tcp", net.JoinHostPort(host, "15053"), func(net.Conn) string { return "dns" })
		echo(t, w.inside, net.JoinHostPort(host, "15053"), "dns")
	}
	return w
}

// TestControl shows that without rules everything that the rules refuse goes out.
func TestControl(t *testing.T) {
	w := servedWorld(t)
	w.attempt(t, slices.Concat(both(somebody, "tcp", "443", "outside 443"), both(somebody, "udp", "443", "outside 443"), both(somebody, "tcp", "8443", "outside 8443"), both(somebody, "udp", "9999", "outside 9999")))
}

func TestRulesHold(t *testing.T) {
	w := servedWorld(t)
	for name, c := range cases() {
		t.Run(name, func(t *testing.T) {
			if changed, err := Up(w.inside.path(), c.rules); err != nil || !changed {
				t.Fatalf("up: changed %v, %v", changed, err)
			}
			w.attempt(t, c.rows)
			found, err := Read(w.inside.path())
			if err != nil {
				t.Fatal(err)
			}
			if lacks, err := found.Differences(c.rules); err != nil || len(lacks) > 0 {
				t.Errorf("what was written is different: %q, %v", lacks, err)
			}
		})
	}
	if found, err := Down(w.inside.path()); err != nil || !found {
		t.Fatalf("down: %v, %v", found, err)
	}
	w.attempt(t, both(somebody, "tcp", "443", "outside 443"))
}

// TestScriptHolds loads the text with nft: it is the same, to the kernel and to us.
func TestScriptHolds(t *testing.T) {
	needProgram(t, "nft", "nftables")
	w := servedWorld(t)
	for name, c := range cases() {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := c.rules.Script(&text); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it replaces what is there
				w.command(t, text.String(), "nft", "-f", "-")
			}
			found, err := Read(w.inside.path())
			if err != nil {
				t.Fatal(err)
			}
			lacks, err := found.Differences(c.rules)
			if err != nil || len(lacks) > 0 {
				t.Errorf("nft made something else: %q, %v", lacks, err)
			}
			w.attempt(t, c.rows)
			if changed, err := Up(w.inside.path(), c.rules); err != nil || changed {
				t.Errorf("up over the same rules: changed %v, %v", changed, err)
			}
		})
	}
}

func TestIPTablesHold(t *testing.T) {
	needProgram(t, "iptables-restore", "iptables")
	for name, c := range cases() {
		t.Run(name, func(t *testing.T) {
			w := servedWorld(t)
			var text bytes.Buffer
			if err := c.rules.IPTables(&text); err != nil {
				t.Fatal(err)
			}
			w.command(t, text.String(), "sh")
			once := w.command(t, "", "iptables-save")
			w.command(t, text.String(), "sh")
			if again := w.command(t, "", "iptables-save"); withoutComments(again) != withoutComments(once) {
				t.Errorf("twice is something else:\n%s\nand\n%s", once, again)
			}
			w.attempt(t, c.rows)
		})
	}
}

func withoutComments(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func needProgram(t *testing.T, name, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	remedy := name + " is not installed; run testdata/env/install.sh tools, or apt-get install " + pkg
	if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
		t.Fatal(remedy + " (failing because OSTIARY_TEST_REQUIRE=1)")
	}
	t.Skip(remedy)
}

// command runs a program inside.
func (w *world) command(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	w.inside.do(func() { err = cmd.Run() })
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out.String())
	}
	return out.String()
}

func TestUpIsIdempotent(t *testing.T) {
	w := servedWorld(t)
	r := Rules{To: 15001, Ports: []uint16{443}, UIDs: []uint32{ours1337}}
	if changed, err := Up(w.inside.path(), r); err != nil || !changed {
		t.Fatalf("first: %v, %v", changed, err)
	}
	w.attempt(t, slices.Concat(both(somebody, "tcp", "443", "ostiary 15001 for ADDRESS"), both(somebody, "udp", "443", "refused")))
	r.Ports = []uint16{443, 443}
	if changed, err := Up(w.inside.path(), r); err != nil || changed {
		t.Fatalf("again: %v, %v", changed, err)
	}
	found, err := Read(w.inside.path())
	if err != nil {
		t.Fatal(err)
	}
	c := found.Counters()
	if c.Redirected != 2 || c.RefusedQUIC == 0 || c.Refused != 0 || c.Protected != 0 {
		t.Errorf("counters %+v; want 2 redirected and some QUIC refused", c)
	}
	if uids, gids := found.Owners(); !slices.Equal(uids, []uint32{ours1337}) || gids != nil || found.To() != 15001 {
		t.Errorf("owners %v %v, to %d", uids, gids, found.To())
	}
	if there, err := Down(w.inside.path()); err != nil || !there {
		t.Errorf("down: %v, %v", there, err)
	}
	if there, err := Down(w.inside.path()); err != nil || there {
		t.Errorf("down where there is nothing: %v, %v", there, err)
	}
	if found, err := Read(w.inside.path()); err != nil || found.There() || len(found.Lines()) > 0 {
		t.Errorf("after down: %q, %v", found.Lines(), err)
	}
}

// TestOnlyOurs: tables of others are neither changed nor taken for ours.
func TestOnlyOurs(t *testing.T) {
	needProgram(t, "nft", "nftables")
	w := servedWorld(t)
	w.command(t, "table ip ostiary {\nchain c {\ntype filter hook output priority 0;\n}\n}\ntable inet other {\nchain arrive {\ntype nat hook output priority -90;\n}\n}\n", "nft", "-f", "-")
	if _, err := Up(w.inside.path(), Rules{To: 15001, Ports: []uint16{443}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Down(w.inside.path()); err != nil {
		t.Fatal(err)
	}
	list := w.command(t, "", "nft", "list", "ruleset")
	for _, want := range []string{"table ip ostiary", "table inet other"} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is gone:\n%s", want, list)
		}
	}
	if strings.Contains(list, "table inet ostiary") {
		t.Errorf("ours is there still:\n%s", list)
	}
}

// TestAltered: whatever somebody changes in the table is told.
func TestAltered(t *testing.T) {
	needProgram(t, "nft", "nftables")
	w := servedWorld(t)
	r := Rules{To: 15001, Ports: []uint16{443}, UIDs: []uint32{ours1337}, Only: true}
	for change, want := range map[string]string{
		"insert rule inet ostiary arrive accept":                                         "not asked for: accept",
		"insert rule inet ostiary arrive meta skuid 1000 accept":                         "not asked for: meta skuid 1000 accept",
		"insert rule inet ostiary arrive ip saddr 203.0.113.2 accept":                    "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary arrive meta skuid != 5 accept":                         "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary arrive meta skuid 1000-2000 accept":                    "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary arrive tcp dport { 443, 80 } accept":                   "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard meta mark 7 accept":                              "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard ct state new accept":                             "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard meta nfproto ipv6 accept":                        "not asked for: a rule that is not ours",
		"insert rule inet ostiary arrive counter tcp dport 443 redirect to :15001":       "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary arrive tcp dport 443 redirect to :15002":               "not asked for: tcp dport 443 redirect to :15002",
		"insert rule inet ostiary arrive oifname \"lo\" accept":                          "chain arrive: in another order, or twice",
		"flush chain inet ostiary guard":                                                 "missing: counter reject with icmpx type port-unreachable",
		"flush chain inet ostiary guard; delete chain inet ostiary guard":                "missing: chain guard",
		"add chain inet ostiary more { type filter hook input priority 0; }":             "not asked for: chain more",
		"add set inet ostiary s { type ipv4_addr; }":                                     "not asked for: set s",
		"chain inet ostiary guard { policy drop; }":                                      "policy drop",
		"add rule inet ostiary arrive ip daddr & 255.0.255.0 == 10.0.0.0 accept":         "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard tcp sport 443 accept":                            "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard ip protocol tcp accept":                          "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard tcp dport 53 drop":                               "not asked for: a rule with a part that is not ours",
		"insert rule inet ostiary guard counter reject with icmpx type admin-prohibited": "not asked for: a rule with a part that is not ours",
	} {
		t.Run(change, func(t *testing.T) {
			if _, err := Up(w.inside.path(), r); err != nil {
				t.Fatal(err)
			}
			w.command(t, change+"\n", "nft", "-f", "-")
			found, err := Read(w.inside.path())
			if err != nil {
				t.Fatal(err)
			}
			lacks, err := found.Differences(r)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(lacks, func(s string) bool { return strings.Contains(s, want) }) {
				t.Errorf("differences %q; want %q among them", lacks, want)
			}
			if changed, err := Up(w.inside.path(), r); err != nil || !changed {
				t.Errorf("up does not put it right: %v, %v", changed, err)
			}
		})
	}
}

// TestReplacedUnderTraffic changes the rules while connections are opened: each
// arrives at the one port or the other, none goes out.
func TestReplacedUnderTraffic(t *testing.T) {
	w := newWorld(t)
	w.ostiary(t, "15001")
	w.ostiary(t, "15002")
	rules := func(n int) Rules {
		return Rules{To: uint16(15001 + n%2), Ports: []uint16{443}, UIDs: []uint32{ours1337}, Except: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", n%5))}, Only: n%3 == 0}
	}
	if _, err := Up(w.inside.path(), rules(0)); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wait sync.WaitGroup
	var seen [2]atomic.Int64
	for _, address := range []string{outside4 + ":443", "[" + outside6 + "]:443"} {
		n := newNamespace(t, w.inside.fd)
		wait.Go(func() {
			for !stop.Load() {
				var got string
				n.do(func() { got = try("tcp", address) })
				switch {
				case strings.HasPrefix(got, "ostiary 15001 for"):
					seen[0].Add(1)
				case strings.HasPrefix(got, "ostiary 15002 for"):
					seen[1].Add(1)
				default:
					t.Errorf("%s: %s", address, got)
				}
			}
		})
	}
	for n := 1; n <= 200 || seen[0].Load() < 20 || seen[1].Load() < 20; n++ {
		if changed, err := Up(w.inside.path(), rules(n)); err != nil || !changed {
			t.Errorf("%d: changed %v, %v", n, changed, err)
			break
		}
		if t.Failed() {
			break
		}
	}
	stop.Store(true)
	wait.Wait()
	t.Logf("%d connections to the one, %d to the other", seen[0].Load(), seen[1].Load())
}

// TestMost writes as many rules as there may be.
func TestMost(t *testing.T) {
	w := servedWorld(t)
	r := Rules{To: 15001, Only: true}
	for n := range MaxPorts {
		r.Ports = append(r.Ports, uint16(1000+n))
	}
	for n := range MaxOwners {
		r.UIDs, r.GIDs = append(r.UIDs, uint32(5000+n)), append(r.GIDs, uint32(6000+n))
	}
	for n := range MaxExcept {
		r.Except = append(r.Except, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 17))
		r.Protect = append(r.Protect, netip.AddrPortFrom(netip.AddrFrom16([16]byte{0xfd, byte(n)}), 80))
	}
	if changed, err := Up(w.inside.path(), r); err != nil || !changed {
		t.Fatalf("%v, %v", changed, err)
	}
	if changed, err := Up(w.inside.path(), r); err != nil || changed {
		t.Fatalf("again: %v, %v", changed, err)
	}
}

// TestRoundTrip: what is encoded is decoded to the same, for every rule.
func TestRoundTrip(t *testing.T) {
	for name, c := range cases() {
		r, err := c.rules.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		for _, ch := range r.chains() {
			for _, want := range ch.rules {
				if got, _ := decode(want.encode()); got != want {
					t.Errorf("%s: %s became %s", name, want, got)
				}
			}
		}
	}
}

// TestProbe: this kernel has all of it, or the rules do not work either.
func TestProbe(t *testing.T) {
	needNamespaces(t)
	if lacks := missing(); len(lacks) > 0 {
		t.Errorf("missing here: %q", lacks)
	}
}

// TestNotPermitted: an ordinary user is told what it takes.
func TestNotPermitted(t *testing.T) {
	needNamespaces(t)
	n := newNamespace(t, 0)
	n.do(func() {
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			t.Error(err)
			return
		}
		if _, err := Up("", Rules{To: 1, Ports: []uint16{443}}); !errors.Is(err, ErrPermission) {
			t.Errorf("up: %v", err)
		}
		if _, err := Read(""); !errors.Is(err, ErrPermission) {
			t.Errorf("read: %v", err)
		}
		if _, err := Down(""); !errors.Is(err, ErrPermission) {
			t.Errorf("down: %v", err)
		}
	})
	if _, err := Read("/proc/self/ns/nosuch"); err == nil {
		t.Error("a namespace that is not there")
	}
}
