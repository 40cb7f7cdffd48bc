package redirect

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Script writes the rules for 'nft -f', which applies them in one transaction and
// in the place of those that are there. What it makes in the kernel is what [Up]
// makes.
func (r Rules) Script(w io.Writer) error {
	r, err := r.Canonical()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `#!/usr/sbin/nft -f
# Connections of this network namespace to Ostiary. Load it with nft -f; it replaces
# the table %[1]s and nothing else. The rules stay when Ostiary ends: what was
# redirected is refused then.

table inet %[1]s
delete table inet %[1]s

table inet %[1]s {
`, tableName)
	for n, c := range r.chains() {
		if n > 0 {
			fmt.Fprintln(&b)
		}
		fmt.Fprintf(&b, "\tchain %s {\n\t\t%s\n", c.name, c.head())
		for _, x := range c.rules {
			fmt.Fprintf(&b, "\t\t%s comment %q\n", x, x.meaning())
		}
		fmt.Fprintln(&b, "\t}")
	}
	fmt.Fprintln(&b, "}")
	_, err = w.Write(b.Bytes())
	return err
}

// Names of our chains in the tables of iptables.
const (
	iptablesArrive = "OSTIARY_REDIRECT"
	iptablesGuard  = "OSTIARY_GUARD"
)

// IPTables writes a shell script that loads the rules with iptables-restore and
// ip6tables-restore, for kernels and images without nft. Each of them changes one
// table in one step; all four together are not one, and the guards go first. It may
// be run again. [Read] does not see what it made.
func (r Rules) IPTables(w io.Writer) error {
	r, err := r.Canonical()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `#!/bin/sh
# Connections of this network namespace to Ostiary, IPv4 and IPv6. Run it once
# when the namespace is made, and again to replace the rules. They stay when Ostiary
# ends: what was redirected is refused then. To remove them:
#   for i in iptables ip6tables; do
#     $i -w -t nat -D OUTPUT -j %[1]s; $i -w -t nat -F %[1]s; $i -w -t nat -X %[1]s
#     $i -w -D OUTPUT -j %[2]s; $i -w -F %[2]s; $i -w -X %[2]s
#   done
set -eu
# first TABLES TABLE CHAIN: the jump to our chain, unless it is there.
first() { "$1" -w -t "$2" -C OUTPUT -j "$3" 2>/dev/null || echo "-I OUTPUT 1 -j $3"; }
`, iptablesArrive, iptablesGuard)
	families := []struct {
		program string
		six     bool
	}{{"iptables", false}, {"ip6tables", true}}
	chains := r.chains()
	for _, table := range []struct {
		name, chain string
		rules       []rule
	}{{"filter", iptablesGuard, chains[1].rules}, {"nat", iptablesArrive, chains[0].rules}} {
		for _, f := range families {
			fmt.Fprintf(&b, "\n%s-restore -w --noflush <<END\n*%s\n:%s - [0:0]\n$(first %s %[2]s %[3]s)\n", f.program, table.name, table.chain, f.program)
			for _, x := range table.rules {
				if x.of(f.six) {
					fmt.Fprintf(&b, "-A %s %s\n", table.chain, x.iptables(f.six))
				}
			}
			fmt.Fprint(&b, "COMMIT\nEND\n")
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

// of reports whether a rule can match packets of a family.
func (r rule) of(six bool) bool {
	if r.to.IsValid() && r.to.Addr().Is6() != six {
		return false
	}
	return six || r.proto != protoICMPv6
}

// iptables gives the rule without the chain that it is appended to.
func (r rule) iptables(six bool) string {
	var w []string
	add := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	switch r.owner {
	case byUID:
		add("-m owner --uid-owner %d", r.id)
	case byGID:
		add("-m owner --gid-owner %d", r.id)
	}
	if r.device != "" {
		add("-o %s", r.device)
	}
	if r.to != (netip.Prefix{}) {
		add("-d %s", r.to)
	}
	switch r.proto {
	case protoTCP:
		add("-p tcp")
	case protoUDP:
		add("-p udp")
	case protoICMPv6:
		add("-p ipv6-icmp --icmpv6-type %d", r.icmp)
	}
	if r.port != 0 {
		add("--dport %d", r.port)
	}
	if r.answers {
		add("-m conntrack --ctstate ESTABLISHED,RELATED")
	}
	switch r.verdict {
	case pass:
		add("-j RETURN") // other chains may say no
	case arrive:
		add("-j REDIRECT --to-ports %d", r.landing)
	case reset:
		add("-j REJECT --reject-with tcp-reset")
	case unreachable:
		if six {
			add("-j REJECT --reject-with icmp6-port-unreachable")
		} else {
			add("-j REJECT --reject-with icmp-port-unreachable")
		}
	}
	return strings.Join(w, " ")
}
