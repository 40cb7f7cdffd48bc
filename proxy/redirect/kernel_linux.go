package redirect

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Up makes the rules of a network namespace those that are wanted, in one
// transaction: before it the former ones hold, after it these, and on an error the
// former ones still. changed is false where they were there already; their counters
// go on then. The namespace is a path such as /run/netns/NAME or /proc/PID/ns/net,
// or "" for that of the calling thread. What was written is read back.
func Up(namespace string, want Rules) (changed bool, err error) {
	if want, err = want.Canonical(); err != nil {
		return false, err
	}
	err = within(namespace, func(c *nftables.Conn) error {
		found, err := read(c)
		if err != nil {
			return err
		}
		if lacks, err := found.Differences(want); err != nil || len(lacks) == 0 {
			return err
		}
		changed = true
		if err := write(c, want); err != nil {
			return err
		}
		found, err = read(c)
		if err != nil {
			return fmt.Errorf("the rules were written and cannot be read back: %w", err)
		}
		if lacks, _ := found.Differences(want); len(lacks) > 0 {
			return fmt.Errorf("the kernel took the rules and shows others; is something else writing the table %s? %s", tableName, strings.Join(lacks, "; "))
		}
		return nil
	})
	return changed, err
}

// Down removes our rules, and says whether there were any.
func Down(namespace string) (found bool, err error) {
	err = within(namespace, func(c *nftables.Conn) error {
		t, err := ours(c)
		if err != nil || t == nil {
			return err
		}
		found = true
		c.DelTable(t)
		if err := c.Flush(); err != nil && !errors.Is(err, os.ErrNotExist) {
			return refused(err)
		}
		return nil
	})
	return found, err
}

// Read gives the rules that are there.
func Read(namespace string) (found *Found, err error) {
	err = within(namespace, func(c *nftables.Conn) error {
		found, err = read(c)
		return err
	})
	return found, err
}

// within calls f with a connection to the rules of a namespace.
func within(namespace string, f func(*nftables.Conn) error) error {
	var o []nftables.ConnOption
	if namespace != "" {
		fd, err := netns.GetFromPath(namespace)
		if err != nil {
			return fmt.Errorf("network namespace %s: %w", namespace, err)
		}
		defer fd.Close()
		o = append(o, nftables.WithNetNSFd(int(fd)))
	}
	c, err := nftables.New(o...)
	if err != nil {
		return refused(err)
	}
	return f(c)
}

// refused makes the error that a person can act on.
func refused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission):
		return ErrPermission
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return errors.New("this kernel has no nf_tables (CONFIG_NF_TABLES): load the module, or load what --print-iptables prints")
	}
	return fmt.Errorf("nf_tables: %w", err)
}

func ours(c *nftables.Conn) (*nftables.Table, error) {
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, refused(err)
	}
	for _, t := range tables {
		if t.Name == tableName && t.Family == nftables.TableFamilyINet {
			return t, nil
		}
	}
	return nil, nil
}

// write replaces the table in one transaction.
func write(c *nftables.Conn, want Rules) error {
	table := &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
	c.AddTable(table) // for what follows may not fail for want of one
	c.DelTable(table)
	c.AddTable(table)
	accept := nftables.ChainPolicyAccept
	for _, w := range want.chains() {
		priority := nftables.ChainPriority(w.priority)
		kernel := c.AddChain(&nftables.Chain{Name: w.name, Table: table, Type: nftables.ChainType(w.kind), Hooknum: nftables.ChainHookOutput, Priority: &priority, Policy: &accept})
		for _, r := range w.rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: kernel, Exprs: r.encode(), UserData: userdata.AppendString(nil, userdata.TypeComment, r.meaning())})
		}
	}
	err := c.Flush()
	switch {
	case err == nil, errors.Is(err, unix.ENOBUFS): // of answers, too many at once: what holds is read back
		return nil
	case errors.Is(err, os.ErrPermission):
		return ErrPermission
	}
	if lacks := missing(); len(lacks) > 0 {
		return fmt.Errorf("this kernel cannot hold the rules, and none were changed; missing: %s", strings.Join(lacks, ", "))
	}
	return fmt.Errorf("the kernel refused the rules, and none were changed: %w", refused(err))
}

func read(c *nftables.Conn) (*Found, error) {
	out := &Found{}
	t, err := ours(c)
	if err != nil || t == nil {
		return out, err
	}
	out.there = true
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, refused(err)
	}
	for _, k := range chains {
		if k.Table.Name != tableName {
			continue
		}
		list, err := c.GetRules(t, k)
		if err != nil {
			return nil, refused(err)
		}
		f := foundChain{chain: chain{name: k.Name}, head: headOf(k)}
		for _, r := range list {
			x, packets := decode(r.Exprs)
			f.rules, f.packets = append(f.rules, x), append(f.packets, packets)
		}
		out.chains = append(out.chains, f)
	}
	sets, err := c.GetSets(t)
	if err != nil {
		return nil, refused(err)
	}
	for _, s := range sets {
		out.extra = append(out.extra, "set "+s.Name)
	}
	return out, nil
}

// missing tries each part of the rules in a network namespace that is made for it
// and goes away, and gives what the kernel does not have. None where it cannot be
// found out.
func missing() []string {
	result := make(chan []string, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		if syscall.Unshare(syscall.CLONE_NEWNET) != nil {
			result <- nil
			return
		}
		result <- probe()
	}()
	return <-result
}

// feature is what a kernel may lack.
type feature struct {
	name string
	kind nftables.ChainType
	part []expr.Any
}

func features() []feature {
	tcp := rule{proto: protoTCP, port: 443, verdict: pass}
	return []feature{
		{"chains of family inet (CONFIG_NF_TABLES_INET)", nftables.ChainTypeFilter, nil},
		{"nat in family inet (CONFIG_NFT_NAT; since Linux 5.2)", nftables.ChainTypeNAT, nil},
		{"redirect (CONFIG_NFT_REDIR)", nftables.ChainTypeNAT, rule{proto: protoTCP, port: 443, verdict: arrive, landing: 15001}.encode()},
		{"matching the owner of a socket", nftables.ChainTypeFilter, rule{owner: byUID, id: 1, verdict: pass}.encode()},
		{"matching ports", nftables.ChainTypeFilter, tcp.encode()},
		{"connection tracking (CONFIG_NFT_CT)", nftables.ChainTypeFilter, rule{answers: true, verdict: pass}.encode()},
		{"reject with a TCP reset (CONFIG_NFT_REJECT_INET)", nftables.ChainTypeFilter, rule{proto: protoTCP, verdict: reset}.encode()},
		{"reject with port unreachable (CONFIG_NFT_REJECT_INET)", nftables.ChainTypeFilter, rule{verdict: unreachable}.encode()},
		{"counters (CONFIG_NFT_COUNTER)", nftables.ChainTypeFilter, rule{counted: true, verdict: pass}.encode()},
	}
}

func probe() []string {
	var out []string
	for _, f := range features() {
		c, err := nftables.New()
		if err != nil {
			return []string{"nf_tables (CONFIG_NF_TABLES)"}
		}
		table := c.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
		chain := c.AddChain(&nftables.Chain{Name: chainGuard, Table: table, Type: f.kind, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter})
		if f.part != nil {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: f.part})
		}
		if c.Flush() != nil {
			out = append(out, f.name)
			continue
		}
		c.DelTable(table)
		_ = c.Flush()
	}
	return out
}
