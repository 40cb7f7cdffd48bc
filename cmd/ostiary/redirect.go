package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/redirect"
)

// resolveTime bounds how long a name of --protect is looked up.
const resolveTime = 10 * time.Second

// protectPools is the word of --protect that stands for the in-house pools.
const protectPools = "pools"

// redirectFlags are the flags of the commands about redirected connections.
type redirectFlags struct {
	config, to, netns string
	ports             []string
	plain, only       bool
	except, protect   []string
	uids, gids        []string
	json              bool
}

func redirectCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "redirect",
		Short: "Send connections of this machine or pod to Ostiary, whatever opens them",
		Long: `Redirect writes rules of the kernel's firewall (nftables) in a table of our own, for
the network namespace that it runs in or that --netns names: connections to port
443 that any process opens arrive at Ostiary (intercept.redirect), IPv4 and IPv6.
Those of Ostiary's own user are left alone, and so are loopback and DNS. QUIC (UDP
port 443) is refused, so that clients fall back to TCP. Applications cannot undo it
unless they are root, and must not run as Ostiary's user.

  ostiary redirect up --config ostiary.yaml
  ostiary redirect status --config ostiary.yaml
  ostiary redirect down

The rules do not end with Ostiary. While it is down, what is redirected is refused:
that is meant. 'down' removes them, and so does the end of the namespace; after a
boot they are gone, so run 'up' (or nft -f with what --print writes) before the
applications start.

They hold for what processes of this namespace send. Containers and pods have
namespaces of their own: run it in each (an init container), or name it with
--netns.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(redirectUpCommand(), redirectDownCommand(), redirectStatusCommand())
	return c
}

// bind adds the flags that say what the rules are.
func (f *redirectFlags) bind(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.config, "config", "", "configuration `FILE`, for intercept.redirect and for the pools")
	fl.StringVar(&f.to, "to", "", "`ADDRESS` of this machine where redirected connections arrive, over the configuration's")
	fl.StringSliceVar(&f.ports, "ports", []string{"443"}, "TCP `PORTS` whose connections are redirected")
	fl.BoolVar(&f.plain, "plain", false, "port 80 too")
	fl.StringSliceVar(&f.except, "except", nil, "`NETWORK` that is left alone, such as 10.0.0.0/8; may be repeated")
	fl.StringSliceVar(&f.uids, "uid", nil, "`USER` whose connections are left alone (default: whoever listens where they arrive); may be repeated")
	fl.StringSliceVar(&f.gids, "gid", nil, "`GROUP` whose connections are left alone; may be repeated")
	fl.BoolVar(&f.only, "only", false, "refuse everything else that leaves, but DNS and answers")
	fl.StringSliceVar(&f.protect, "protect", nil, "`HOST:PORT` that only Ostiary reaches, or pools for those in-house; may be repeated")
	f.bindSpace(c)
}

func (f *redirectFlags) bindSpace(c *cobra.Command) {
	c.Flags().StringVar(&f.netns, "netns", "", "`PATH` of another network namespace, such as /run/netns/NAME or /proc/PID/ns/net")
}

func redirectUpCommand() *cobra.Command {
	var f redirectFlags
	var script, tables bool
	c := &cobra.Command{
		Use:   "up",
		Short: "Write the rules, or make them those that are asked for",
		Long: `Up makes the rules those that the configuration and the flags ask for, in one
transaction: there is never half a set, and on an error the former ones hold. Where
they are there already nothing is changed. It takes root, or CAP_NET_ADMIN.

The user that is left alone is the one who listens where the connections arrive, so
start Ostiary first, or name it with --uid. Ostiary should have a user of its own:
whatever else runs as that user is not governed.

With --only everything else that leaves is refused at once: other ports, UDP, ICMP.
DNS (port 53), loopback, --except and answers to connections from outside go on, and
so do connections that are open already. DNS stays a narrow way out.

With --print or --print-iptables nothing is changed; it writes what would do the
same: a file for 'nft -f', or a script of iptables-restore and ip6tables-restore.
'status' does not see what iptables was given.`,
		Example: `  ostiary redirect up --config ostiary.yaml
  ostiary redirect up --to 127.0.0.1:15001 --uid ostiary --only --except 10.0.0.0/8
  ostiary redirect up --to 127.0.0.1:15001 --uid 1337 --print >rules.nft`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if script || tables {
				return f.print(c.Context(), c.OutOrStdout(), tables)
			}
			return f.up(c.Context(), c.OutOrStdout())
		},
	}
	f.bind(c)
	c.Flags().BoolVar(&script, "print", false, "write a file for nft, and change nothing")
	c.Flags().BoolVar(&tables, "print-iptables", false, "write a script for iptables and ip6tables, and change nothing")
	c.MarkFlagsMutuallyExclusive("print", "print-iptables")
	return c
}

func redirectDownCommand() *cobra.Command {
	var f redirectFlags
	c := &cobra.Command{
		Use:   "down",
		Short: "Remove the rules",
		Long: `Down removes our rules and nothing else, and says so if there were none. From then
on applications reach model providers directly.`,
		Example: "  ostiary redirect down",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			found, err := redirect.Down(f.netns)
			switch {
			case err != nil:
				return err
			case found:
				fmt.Fprintln(c.OutOrStdout(), "removed: connections are not redirected any more")
			default:
				fmt.Fprintln(c.OutOrStdout(), "there were no rules")
			}
			return nil
		},
	}
	f.bindSpace(c)
	return c
}

func redirectStatusCommand() *cobra.Command {
	var f redirectFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Say whether the rules are those that are asked for, and what they did",
		Long: `Status compares the rules that are there with what the configuration and the flags
ask for, which are those of 'up', and says how many connections were redirected and
refused since they were written. It takes root, or CAP_NET_ADMIN.

Exit status: 0 they are in place, 1 there are none or others, 2 could not tell.`,
		Example: `  ostiary redirect status --config ostiary.yaml
  ostiary redirect status --to 127.0.0.1:15001 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.status(c.Context(), c.OutOrStdout()) },
	}
	f.bind(c)
	c.Flags().BoolVar(&f.json, "json", false, "write JSON")
	return c
}

// rules gives what the configuration and the flags ask for, and what they should
// know who ask. present are the rules that are there, for an owner that nobody
// names; nil if they do not count.
func (f *redirectFlags) rules(ctx context.Context, present *redirect.Found) (r redirect.Rules, notes []string, err error) {
	cfg := config.Default()
	if f.config != "" {
		if cfg, err = config.Load(f.config); err != nil {
			return r, nil, err
		}
	}
	to := first(f.to, cfg.Intercept.Redirect)
	if to == "" {
		return r, nil, errors.New("nothing says where redirected connections arrive: set intercept.redirect in the configuration, or --to 127.0.0.1:15001")
	}
	if r.To, err = arrival(to); err != nil {
		return r, nil, err
	}
	ports := f.ports
	if f.plain {
		ports = append(slices.Clone(ports), "80")
	}
	for _, p := range ports {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return r, nil, fmt.Errorf("--ports: %q is no port", p)
		}
		r.Ports = append(r.Ports, uint16(n))
	}
	for _, e := range f.except {
		p, err := netip.ParsePrefix(e)
		if a, bad := netip.ParseAddr(e); bad == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return r, nil, fmt.Errorf("--except: %q is no network, such as 10.0.0.0/8", e)
		}
		r.Except = append(r.Except, p)
	}
	r.Only = f.only
	if r.Protect, err = f.protected(ctx, cfg); err != nil {
		return r, nil, err
	}
	if notes, err = f.owners(&r, present); err != nil {
		return r, nil, err
	}
	r, err = r.Canonical()
	return r, notes, err
}

// arrival gives the port of an address at which redirected connections can arrive.
func arrival(address string) (uint16, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("%q is no ADDRESS:PORT where redirected connections could arrive", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q has no port at which redirected connections could arrive", address)
	}
	a, err := netip.ParseAddr(host)
	if host != "" && host != "localhost" && (err != nil || !a.IsUnspecified() && a != netip.MustParseAddr("127.0.0.1") && a != netip.IPv6Loopback()) {
		return 0, fmt.Errorf("redirected connections arrive at 127.0.0.1 and ::1, not at %s", host)
	}
	return uint16(n), nil
}

// protected resolves --protect.
func (f *redirectFlags) protected(ctx context.Context, cfg *config.Config) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	places := []string{}
	for _, p := range f.protect {
		if p != protectPools {
			places = append(places, p)
			continue
		}
		n := len(places)
		for _, pool := range cfg.Pools {
			u, err := url.Parse(pool.URL)
			if err != nil || pool.Boundary != string(proxy.Internal) {
				continue
			}
			port := first(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
			places = append(places, net.JoinHostPort(u.Hostname(), port))
		}
		if len(places) == n {
			return nil, errors.New("--protect pools: the configuration has no pool in-house; name it with --config")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	for _, p := range places {
		host, port, err := net.SplitHostPort(p)
		n, bad := strconv.ParseUint(port, 10, 16)
		if err != nil || bad != nil || n == 0 || host == "" {
			return nil, fmt.Errorf("--protect: %q is no HOST:PORT", p)
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("--protect: %w", err)
		}
		for _, a := range found {
			out = append(out, netip.AddrPortFrom(a.Unmap(), uint16(n)))
		}
	}
	return out, nil
}

// owners fills in whose connections are left alone.
func (f *redirectFlags) owners(r *redirect.Rules, present *redirect.Found) (notes []string, err error) {
	for _, name := range f.uids {
		id, err := userID(name)
		if err != nil {
			return nil, err
		}
		r.UIDs = append(r.UIDs, id)
	}
	for _, name := range f.gids {
		id, err := groupID(name)
		if err != nil {
			return nil, err
		}
		r.GIDs = append(r.GIDs, id)
	}
	listeners, err := redirect.Listening(f.netns, r.To)
	if errors.Is(err, redirect.ErrUnsupported) {
		listeners, err = nil, nil // the text can be written anywhere
	}
	if err != nil {
		return nil, err
	}
	var who []uint32
	four, six := false, false
	for _, l := range listeners {
		if l.Takes(false) || l.Takes(true) {
			four, six = four || l.Takes(false), six || l.Takes(true)
			who = append(who, l.UID)
		}
	}
	if len(f.uids)+len(f.gids) == 0 {
		r.UIDs = who
		if len(who) == 0 && present != nil {
			r.UIDs, r.GIDs = present.Owners()
		}
		if len(r.UIDs)+len(r.GIDs) == 0 {
			return nil, fmt.Errorf("nothing listens on port %d, so nobody says whose connections to leave alone: start Ostiary first, or name its user with --uid", r.To)
		}
	}
	switch {
	case !four && !six:
		notes = append(notes, fmt.Sprintf("nothing listens on port %d: what is redirected is refused until Ostiary serves", r.To))
	case !six:
		notes = append(notes, fmt.Sprintf("nothing listens on [::1]:%d: connections by IPv6 are refused", r.To))
	case !four:
		notes = append(notes, fmt.Sprintf("nothing listens on 127.0.0.1:%d: connections by IPv4 are refused", r.To))
	}
	if slices.Contains(r.UIDs, 0) {
		notes = append(notes, "root's own connections are left alone; give Ostiary a user of its own")
	}
	for _, uid := range who {
		if !slices.Contains(r.UIDs, uid) && len(r.GIDs) == 0 {
			notes = append(notes, fmt.Sprintf("uid %d listens on port %d and is not left alone: its own connections would come back to it", uid, r.To))
		}
	}
	return slices.Compact(notes), nil
}

func userID(name string) (uint32, error) {
	id := name
	if u, err := user.Lookup(name); err == nil {
		id = u.Uid
	}
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("--uid: there is no user %q", name)
	}
	return uint32(n), nil
}

func groupID(name string) (uint32, error) {
	id := name
	if g, err := user.LookupGroup(name); err == nil {
		id = g.Gid
	}
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("--gid: there is no group %q", name)
	}
	return uint32(n), nil
}

// print writes the rules as a text.
func (f *redirectFlags) print(ctx context.Context, w io.Writer, tables bool) error {
	r, _, err := f.rules(ctx, nil)
	if err != nil {
		return err
	}
	if tables {
		return r.IPTables(w)
	}
	return r.Script(w)
}

func (f *redirectFlags) up(ctx context.Context, w io.Writer) error {
	r, notes, err := f.rules(ctx, nil)
	if err != nil {
		return err
	}
	changed, err := redirect.Up(f.netns, r)
	if err != nil {
		return err
	}
	said := "in place already: "
	if changed {
		said = "in place: "
	}
	fmt.Fprintln(w, said+describeRules(r))
	for _, n := range notes {
		fmt.Fprintln(w, "note: "+n)
	}
	return nil
}

// describeRules says in one line what is redirected and for whom not.
func describeRules(r redirect.Rules) string {
	var ports []string
	for _, p := range r.Ports {
		ports = append(ports, strconv.Itoa(int(p)))
	}
	out := fmt.Sprintf("TCP %s arrives at port %d, QUIC is refused", strings.Join(ports, ", "), r.To)
	if r.Only {
		out += ", and nothing else leaves but DNS"
	}
	if n := len(r.Except); n > 0 {
		out += fmt.Sprintf("; %d networks excepted", n)
	}
	if n := len(r.Protect); n > 0 {
		out += fmt.Sprintf("; %d addresses protected", n)
	}
	for _, id := range r.UIDs {
		out += fmt.Sprintf("; uid %d left alone", id)
	}
	for _, id := range r.GIDs {
		out += fmt.Sprintf("; gid %d left alone", id)
	}
	return out
}

// redirectStatus is what status says with --json.
type redirectStatus struct {
	State       string            `json:"state"` // in_place, absent or different
	Differences []string          `json:"differences,omitempty"`
	Counters    redirect.Counters `json:"counters"`
	Rules       []string          `json:"rules,omitempty"`
	Notes       []string          `json:"notes,omitempty"`
}

func (f *redirectFlags) status(ctx context.Context, w io.Writer) error {
	found, err := redirect.Read(f.netns)
	if err != nil {
		return err
	}
	s := redirectStatus{State: "absent", Counters: found.Counters(), Rules: found.Lines()}
	if found.There() {
		r, notes, err := f.rules(ctx, found)
		if err != nil {
			return err
		}
		if s.Differences, err = found.Differences(r); err != nil {
			return err
		}
		s.State, s.Notes = "in_place", notes
		if len(s.Differences) > 0 {
			s.State = "different"
		}
	}
	if f.json {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			return err
		}
	} else {
		s.write(w)
	}
	if s.State != "in_place" {
		return answer{exitNo}
	}
	return nil
}

func (s redirectStatus) write(w io.Writer) {
	switch s.State {
	case "absent":
		fmt.Fprintln(w, "there are no rules: nothing is redirected ('ostiary redirect up')")
		return
	case "different":
		fmt.Fprintln(w, "the rules are not those that are asked for ('ostiary redirect up' makes them so):")
		for _, d := range s.Differences {
			fmt.Fprintln(w, "  "+d)
		}
	default:
		fmt.Fprintln(w, "the rules are in place")
	}
	fmt.Fprintf(w, "  redirected        %d connections\n  refused, QUIC     %d packets\n  refused, pools    %d connections\n  refused, others   %d packets\n",
		s.Counters.Redirected, s.Counters.RefusedQUIC, s.Counters.Protected, s.Counters.Refused)
	for _, n := range s.Notes {
		fmt.Fprintln(w, "note: "+n)
	}
	fmt.Fprintln(w, "rules:")
	for _, r := range s.Rules {
		fmt.Fprintln(w, "  "+r)
	}
}
