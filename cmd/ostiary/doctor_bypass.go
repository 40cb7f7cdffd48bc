package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/bypass"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/intercept"
	"github.com/ostiary/ostiary/proxy/pools"
)

// Bounds of a run.
const (
	maxReference = 4 << 20
	maxSockets   = 64
)

// bypassReport is what doctor --bypass --json writes.
type bypassReport struct {
	bypass.Report
	Verdict  string   `json:"verdict"` // closed, round or unknown
	Left     []string `json:"left,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	LookedUp int      `json:"looked_up,omitempty"` // decisions that are in the log
}

// Words for the whole.
const (
	verdictClosed  = "closed"
	verdictRound   = "round"
	verdictUnknown = "unknown"
)

// tryRound makes the attempts and prints them.
func (f *doctorFlags) tryRound(ctx context.Context, w io.Writer) error {
	if f.try.timeout <= 0 {
		return errors.New("--timeout takes a time above 0")
	}
	outside, err := f.try.outside()
	if err != nil {
		return err
	}
	cfg, err := plainConfig(f.config)
	if err != nil {
		return err
	}
	t, notes, err := f.target(ctx, cfg)
	if err != nil {
		return err
	}
	out := bypassReport{Report: bypass.Try(ctx, t, bypass.Attempts(t), f.try.timeout), Left: bypass.Left(t), Notes: notes}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if outside != nil && !out.Prove(*outside) {
		return fmt.Errorf("--reference: that run was about another host, or did not reach it itself: it proves nothing about %s", t.Host)
	}
	known := true
	if f.log != "" {
		if known, err = out.lookUp(ctx, f.log); err != nil {
			return err
		}
	}
	out.Verdict = out.verdict(known)
	if f.json {
		err = json.NewEncoder(w).Encode(out)
	} else {
		err = out.print(w)
	}
	switch {
	case err != nil:
		return err
	case out.Verdict == verdictRound:
		return answer{exitNo}
	case out.Verdict == verdictUnknown:
		return answer{exitUnknown}
	}
	return nil
}

// listed says what would be tried.
func (f *doctorFlags) listed(ctx context.Context, w io.Writer) error {
	cfg, err := plainConfig(f.config)
	if err != nil {
		return err
	}
	if len(f.try.addresses) == 0 {
		f.try.addresses = []string{"192.0.2.1", "2001:db8::1"} // nothing is looked up for a list
	}
	t, _, err := f.target(ctx, cfg)
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, a := range bypass.Attempts(t) {
		fmt.Fprintf(tw, "%s\t%s\n", a.Name, a.Why)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, l := range bypass.Left(t) {
		fmt.Fprintln(w, "not tried   "+l)
	}
	return nil
}

// outside reads the run from outside; nil where none is named.
func (f *tryFlags) outside() (*bypass.Report, error) {
	if f.reference == "" {
		return nil, nil
	}
	file, err := os.Open(f.reference)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxReference+1))
	if err != nil {
		return nil, err
	}
	out := new(bypass.Report)
	if len(raw) > maxReference || json.Unmarshal(raw, out) != nil {
		return nil, fmt.Errorf("--reference: %s was not written by 'ostiary doctor --bypass --json'", f.reference)
	}
	return out, nil
}

// target makes what is tried of the flags and the configuration. The notes say what
// weakens the result.
func (f *doctorFlags) target(ctx context.Context, cfg *config.Config) (t bypass.Target, notes []string, err error) {
	p := &f.try
	t = bypass.Target{Passed: p.passed, Path: p.path, Pools: p.pools, Sockets: p.sockets, Admins: p.admins}
	list, err := loadProviders(cfg)
	if err != nil {
		return t, nil, err
	}
	if t.Host, err = p.host(cfg, list); err != nil {
		return t, nil, err
	}
	if t.Path == "" {
		t.Path = apiPath(list, t.Host)
	}
	for _, port := range p.ports {
		if port == 0 || port > 65535 {
			return t, nil, fmt.Errorf("--port: %d is no port", port)
		}
		t.Ports = append(t.Ports, uint16(port))
	}
	if t.Addresses, err = p.resolve(ctx, t.Host); err != nil {
		return t, nil, err
	}
	if err := p.certificates(cfg, &t, f.config != "", &notes); err != nil {
		return t, nil, err
	}
	if err := p.throughProxy(cfg, &t); err != nil {
		return t, nil, err
	}
	if len(t.Pools) == 0 && f.config != "" {
		t.Pools = housePools(cfg)
	}
	if len(t.Sockets) == 0 {
		if t.Sockets, err = ourSockets(cfg, f.config != ""); err != nil {
			return t, nil, err
		}
	}
	if err := p.resolvers(ctx, &t); err != nil {
		return t, nil, err
	}
	if p.ech != "" {
		if t.ECH, err = base64.StdEncoding.DecodeString(p.ech); err != nil {
			return t, nil, errors.New("--ech is no base64")
		}
	}
	if os.Geteuid() == 0 {
		notes = append(notes, "this ran as root, whom rules and permissions may leave alone: run it as the application's user")
	}
	return t, notes, nil
}

// host gives the provider's name.
func (f *tryFlags) host(cfg *config.Config, list *pools.Providers) (string, error) {
	switch {
	case f.target != "" && f.provider != "":
		return "", errors.New("--target and --provider are two ways to the same: name one")
	case f.target != "":
		name, err := intercept.Canonical(f.target)
		if err != nil {
			return "", fmt.Errorf("--target: %w", err)
		}
		return name, nil
	case f.provider != "":
		p, ok := list.Provider(f.provider)
		if !ok {
			return "", fmt.Errorf("--provider: the list of providers has no %q; 'ostiary providers' lists them", f.provider)
		}
		if name := firstWhole(p.Hosts); name != "" {
			return name, nil
		}
		return "", fmt.Errorf("--provider: the names of %s hold a region or an account; name one with --target", f.provider)
	}
	names, err := governedNames(cfg, list)
	if err != nil {
		return "", err
	}
	if name := firstWhole(names); name != "" {
		return name, nil
	}
	return "", errors.New("no governed name is known whole; name one with --target")
}

// firstWhole gives the first name that is no pattern.
func firstWhole(names []string) string {
	for _, n := range names {
		if !strings.ContainsAny(n, "*{") {
			return n
		}
	}
	return ""
}

// apiPath gives a path of the API behind a name.
func apiPath(list *pools.Providers, host string) string {
	p, ok := list.Match(host)
	switch {
	case !ok:
		return bypass.DefaultPath
	case slices.Contains(p.Dialects, "openai"):
		return bypass.DefaultPath
	case slices.Contains(p.Dialects, "anthropic"):
		return "/v1/messages"
	}
	for _, path := range p.Paths {
		if !strings.Contains(path, "*") {
			return path
		}
	}
	return bypass.DefaultPath
}

// resolve gives the provider's addresses.
func (f *tryFlags) resolve(ctx context.Context, host string) (out []netip.Addr, err error) {
	for _, a := range f.addresses {
		addr, err := netip.ParseAddr(a)
		if err != nil || addr.Zone() != "" {
			return nil, fmt.Errorf("--address: %q is no address", a)
		}
		out = append(out, addr.Unmap())
	}
	if len(out) > 0 {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%s has no address here: name one with --address, as it resolves elsewhere", host)
	}
	for _, a := range found {
		out = append(out, a.Unmap())
	}
	return out, nil
}

// certificates gives the authority, which is not there where TLS is not ended.
func (f *tryFlags) certificates(cfg *config.Config, t *bypass.Target, configured bool, notes *[]string) (err error) {
	if f.ca != "" {
		if st, err := os.Stat(f.ca); err == nil && !st.IsDir() {
			if t.Authority, err = readCertificates(f.ca); err != nil {
				// With public roots among them a provider's own certificate would count as
				// Ostiary's.
				return fmt.Errorf("--ca: %w; it takes Ostiary's own certificates, as 'ostiary ca show' names them, not a bundle with public roots", err)
			}
			return nil
		}
		d, err := openAuthority(f.ca)
		if err != nil {
			return err
		}
		if t.Authority, err = trusted(d); err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
		return nil
	}
	d, err := caDirectory(cfg)
	if err == nil {
		t.Authority, err = trusted(d)
	}
	if err != nil && configured && cfg.Intercept.On() {
		return fmt.Errorf("the configuration intercepts, and its authority cannot be read here: %w; name its certificates with --ca FILE", err)
	}
	if err != nil || len(t.Authority) == 0 {
		t.Authority = nil
		*notes = append(*notes, "no authority is named (--ca): every certificate counts as somebody else's")
	}
	return nil
}

// trusted gives the certificates by which Ostiary's are known: the authorities' own,
// which may lie below an organisation's that signs others too. Who may not read
// their keys gets what clients trust.
func trusted(d intercept.Directory) ([]*x509.Certificate, error) {
	if own, err := ownCertificates(d); err == nil && len(own) > 0 {
		return own, nil
	}
	if certs, err := readCertificates(d.TrustPath()); err == nil {
		return certs, nil
	}
	return d.Trust()
}

func ownCertificates(d intercept.Directory) (out []*x509.Certificate, err error) {
	s, err := d.State()
	if err != nil {
		return nil, err
	}
	for _, n := range []string{s.Active, s.Next, s.Former} {
		if n == "" {
			continue
		}
		m, err := d.Member(n)
		if err != nil {
			return nil, err
		}
		if m.Authority != nil {
			out = append(out, m.Authority.Certificate())
		}
	}
	return out, nil
}

// throughProxy gives the explicit proxy. Its credentials are in no error.
func (f *tryFlags) throughProxy(cfg *config.Config, t *bypass.Target) error {
	given := f.proxy
	if given == "" {
		t.Proxy = cfg.Intercept.Proxy
		return nil
	}
	given = strings.TrimSuffix(strings.TrimPrefix(given, "http://"), "/")
	if i := strings.LastIndexByte(given, '@'); i >= 0 {
		var err error
		if t.ProxyCredential, err = url.PathUnescape(given[:i]); err != nil {
			return errors.New("--proxy: NAME:KEY holds a bad percent-encoding")
		}
		given = given[i+1:]
	}
	if !hostPort(given) {
		return errors.New("--proxy takes [NAME:KEY@]HOST:PORT")
	}
	t.Proxy = given
	return nil
}

func hostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != "" && !strings.ContainsAny(s, " /@")
}

// resolvers gives those outside.
func (f *tryFlags) resolvers(ctx context.Context, t *bypass.Target) (err error) {
	for _, p := range append(slices.Clone(t.Pools), t.Admins...) {
		if !hostPort(p) {
			return fmt.Errorf("--pool and --admin take HOST:PORT, not %q", p)
		}
	}
	if f.resolver != "none" && f.resolver != "" {
		if t.Resolver, err = netip.ParseAddr(f.resolver); err != nil {
			return errors.New("--resolver takes an address, or none")
		}
	}
	if f.doh == "none" || f.doh == "" {
		return nil
	}
	host, at, given := strings.Cut(f.doh, "@")
	t.DoH = host
	switch {
	case given:
		if t.DoHAddress, err = netip.ParseAddr(at); err != nil {
			return errors.New("--doh takes HOST, HOST@IP, or none")
		}
	case host == defaultDoH:
		t.DoHAddress = defaultDoHAddress
	default:
		ctx, cancel := context.WithTimeout(ctx, f.timeout)
		defer cancel()
		if found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host); err == nil && len(found) > 0 {
			t.DoHAddress = found[0].Unmap()
		}
	}
	return nil
}

// housePools gives where the pools in-house are.
func housePools(cfg *config.Config) (out []string) {
	for _, p := range cfg.Pools {
		u, err := url.Parse(p.URL)
		if err != nil || p.Boundary != string(proxy.Internal) {
			continue
		}
		port := first(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
		if at := net.JoinHostPort(u.Hostname(), port); !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}

// ourSockets gives the control socket, and those of running processes that can be
// seen from here.
func ourSockets(cfg *config.Config, configured bool) (out []string, err error) {
	add := func(paths ...string) {
		for _, p := range paths {
			if len(out) < maxSockets && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	p, err := findPlaces(cfg, "")
	switch {
	case err == nil:
		control := filepath.Join(p.keys, console.SocketName)
		if _, err := os.Stat(control); err == nil || configured {
			add(control)
		}
	case configured:
		return nil, err
	}
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/run", "/run/ostiary", "/var/run/ostiary"} {
		if base == "" {
			continue
		}
		for _, below := range []string{"ostiary-*/*.sock", "ostiary-*/*/*.sock", "ostiary*.sock"} {
			found, err := filepath.Glob(filepath.Join(base, below))
			if err == nil { // always: the patterns are good
				add(slices.DeleteFunc(found, abandoned)...)
			}
		}
	}
	found, err := filepath.Glob("/run/ostiary/*.sock")
	if err == nil {
		add(slices.DeleteFunc(found, abandoned)...)
	}
	return out, nil
}

// abandoned reports whether nobody listens at a socket any more.
func abandoned(path string) bool {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// lookUp looks every decision up in a log. A decision that is not there is a
// forgery. known is false where the log could not say.
func (r *bypassReport) lookUp(ctx context.Context, dir string) (known bool, err error) {
	if err := isThere(dir); err != nil {
		return false, err
	}
	end := time.Now().Add(lookUpTime)
	for n := range r.Rows {
		row := &r.Rows[n]
		if row.ID == "" {
			continue
		}
		for {
			ev, err := decisionInLog(ctx, dir, row.ID)
			if err != nil {
				r.Notes = append(r.Notes, "decisions could not be looked up: "+err.Error())
				return false, nil
			}
			if ev != nil {
				r.LookedUp++
				break
			}
			if !time.Now().Before(end) || ctx.Err() != nil {
				row.Verdict, row.Detail = bypass.Round, bypass.NotInLog
				break
			}
			time.Sleep(lookUpEvery)
		}
	}
	return true, nil
}

// verdict says what all rows come to.
func (r *bypassReport) verdict(known bool) string {
	switch {
	case len(r.Rounds()) > 0:
		return verdictRound
	case !known || !r.Alive || len(r.Open()) > 0:
		return verdictUnknown
	}
	return verdictClosed
}

// print writes the table; what goes round comes first.
func (r *bypassReport) print(w io.Writer) error {
	for _, row := range r.Rounds() {
		fmt.Fprintf(w, "GOES ROUND  %s: %s\n            %s\n", row.Attempt, words(row.Detail), row.Why)
	}
	if len(r.Rounds()) > 0 {
		fmt.Fprintln(w)
	}
	proof := slices.ContainsFunc(r.Rows, func(row bypass.Row) bool { return row.Proof != "" })
	var addresses []string
	for _, a := range r.Addresses {
		addresses = append(addresses, a.String())
	}
	fmt.Fprintf(w, "%s at %s\n\n", r.Host, strings.Join(addresses, ", "))
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	head := "ATTEMPT\tCAME TO\tHOW\tAS IT MUST BE\tDECISION"
	if proof {
		head += "\tCOMES THROUGH OUTSIDE"
	}
	fmt.Fprintln(tw, head)
	for _, row := range r.Rows {
		line := fmt.Sprintf("%s\t%s\t%s\t%s\t%s", row.Attempt, row.Verdict, words(row.Detail), asItMust(row), row.ID)
		if proof {
			line += "\t" + proofOf(row)
		}
		fmt.Fprintln(tw, strings.TrimRight(line, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, row := range r.Rows {
		if row.Note && row.Verdict == bypass.Round {
			fmt.Fprintf(w, "note        %s: %s\n", row.Attempt, row.Why)
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, "note        "+n)
	}
	if !proof {
		fmt.Fprintln(w, "note        refusals show that nothing came through, not what stopped it: see --reference")
	}
	for _, l := range r.Left {
		fmt.Fprintln(w, "not tried   "+l)
	}
	fmt.Fprintln(w)
	_, err := fmt.Fprintln(w, r.sum())
	return err
}

// sum says it in one line.
func (r *bypassReport) sum() string {
	governed, refused, unproven := 0, 0, 0
	for _, row := range r.Rows {
		if row.Mute() && row.Proof == bypass.Unshown {
			unproven++
		}
		switch row.Verdict {
		case bypass.Governed:
			governed++
		case bypass.Refused:
			refused++
		}
	}
	count := fmt.Sprintf("%d attempts: %d governed, %d refused", len(r.Rows), governed, refused)
	if unproven > 0 {
		count += fmt.Sprintf(", %d of them came through nowhere", unproven)
	}
	if r.LookedUp > 0 {
		count += fmt.Sprintf(", %d decisions in the log", r.LookedUp)
	}
	switch {
	case r.Verdict == verdictRound:
		return fmt.Sprintf("GOES ROUND: %d ways; %s", len(r.Rounds()), count)
	case !r.Alive:
		return "CANNOT TELL: nothing at all is reached from here, so that refusals prove nothing; " + count
	case r.Verdict == verdictUnknown:
		return fmt.Sprintf("CANNOT TELL: %d attempts came to nothing that can be judged; %s", len(r.Open()), count)
	}
	return "NOTHING GOES ROUND; " + count
}

// proofOf says what a run from outside shows of a row that does not speak for
// itself.
func proofOf(row bypass.Row) string {
	switch {
	case row.Proof == bypass.Shown:
		return "yes"
	case row.Mute():
		return "no: proves nothing"
	}
	return ""
}

func asItMust(row bypass.Row) string {
	switch {
	case row.Verdict == bypass.Inconclusive:
		return "?"
	case (bypass.Outcome{Verdict: row.Verdict}).AsItMust():
		return "yes"
	case row.Note:
		return "note"
	}
	return "NO"
}

// words makes a constant word one that people read.
func words(detail string) string { return strings.ReplaceAll(detail, "_", " ") }
