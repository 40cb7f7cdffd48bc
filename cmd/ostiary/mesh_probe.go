package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/envoy/mesh"
)

// Bounds of a probe.
const (
	probeTime     = 30 * time.Second // of the canary, and of each question to the administration
	probeSkew     = time.Minute      // between this clock and the policy server's
	lookUpTime    = 5 * time.Second  // until the decision is to be seen in the log
	lookUpEvery   = 50 * time.Millisecond
	maxProbeBody  = 64 << 10
	maxConfigDump = 256 << 20
)

// prober proves that a proxy is attached, or says what is missing.
type prober struct {
	out           io.Writer
	log, socket   string // where decisions are looked up; empty for nowhere
	admin, dump   string
	flags         meshFlags
	egressClosed  bool
	missing, open int // findings, and what could not be told
}

func meshProbeCommand() *cobra.Command {
	var p prober
	c := &cobra.Command{
		Use:   "probe [URL]",
		Short: "Prove that a proxy is attached: a canary through it, and its configuration read back",
		Long: `Probe sends a canary to a URL, as an application would: a request that Ostiary
refuses under every policy and in every mode, because its JSON says one thing twice.
It holds nothing but random letters. Where it comes back with a decision, the
decision is looked up in the policy server's own log (--log, or --socket for the
control socket of one that runs): an answer alone anybody can write.

With --admin, or with a dump that was taken before, it reads the proxy's whole
configuration and names what is missing: a filter, their order, a lock, a limit, a
route that takes requests without a verdict or switches a filter off, a listener
that goes round. With --config it also compares every pool. It does not know
providers by bare addresses.

  istio:          kubectl exec POD -c istio-proxy -- pilot-agent request GET 'config_dump?include_eds' > dump.json
  envoy gateway:  kubectl port-forward POD 19000, and --admin http://127.0.0.1:19000

Exit status: 0 attached, 1 not attached or half attached, 2 could not tell.`,
		Example: `  ostiary mesh probe http://ostiary.mesh.internal:8484 --log /var/lib/ostiary/log --admin http://127.0.0.1:15000
  ostiary mesh probe --dump dump.json --config ostiary.yaml`,
		Args: cobra.MaximumNArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		p.out = c.OutOrStdout()
		return p.run(c.Context(), args)
	}
	f := c.Flags()
	f.StringVar(&p.log, "log", "", "`DIR` of the policy server's audit log")
	f.StringVar(&p.socket, "socket", "", "`PATH` of the control socket of the Ostiary that runs")
	f.StringVar(&p.admin, "admin", "", "`URL` of the proxy's administration, or unix:PATH")
	f.StringVar(&p.dump, "dump", "", "`FILE` with the proxy's config_dump, or - for standard input")
	f.StringVar(&p.flags.config, "config", "", "configuration `FILE` that the objects were made from")
	f.BoolVar(&p.egressClosed, "egress-closed", false, "a network policy closes what the proxy passes through unseen")
	p.flags.paths(c)
	return c
}

func (p *prober) run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0 && p.admin == "" && p.dump == "":
		return errors.New("nothing to probe: name a URL, --admin or --dump")
	case p.admin != "" && p.dump != "":
		return errors.New("--admin and --dump are two ways to the same: name one")
	case p.log != "" && p.socket != "":
		return errors.New("--log and --socket are two ways to the same: name one")
	case len(args) == 0 && (p.log != "" || p.socket != ""):
		return errors.New("--log and --socket are for the canary: name the URL that it is sent to")
	}
	if len(args) > 0 {
		if err := p.canary(ctx, args[0]); err != nil {
			return err
		}
	}
	if p.admin != "" || p.dump != "" {
		if err := p.configuration(ctx); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(p.out, "note      the locks were not looked at: name --admin or --dump")
	}
	switch {
	case p.missing > 0:
		fmt.Fprintf(p.out, "\nNOT ATTACHED as it should be: %d to mend\n", p.missing)
		return answer{exitNo}
	case p.open > 0:
		fmt.Fprintf(p.out, "\nCANNOT TELL: %d open\n", p.open)
		return answer{exitUnknown}
	}
	fmt.Fprintln(p.out, "\nATTACHED")
	return nil
}

func (p *prober) good(format string, args ...any) {
	fmt.Fprintf(p.out, "ok        "+format+"\n", args...)
}

func (p *prober) bad(what, remedy string) {
	p.missing++
	fmt.Fprintf(p.out, "MISSING   %s\n          -> %s\n", what, remedy)
}

func (p *prober) unknown(what, remedy string) {
	p.open++
	fmt.Fprintf(p.out, "unknown   %s\n          -> %s\n", what, remedy)
}

// decisionID is a ULID, of which a decision's id is one.
var decisionID = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// canaryURL gives where an OpenAI client with this base URL sends a chat.
func canaryURL(base string) (string, error) {
	l, err := url.Parse(base)
	if err != nil || l.Scheme != "http" && l.Scheme != "https" || l.Hostname() == "" || l.User != nil || l.RawQuery != "" || l.Fragment != "" {
		return "", errors.New("the URL must be http(s)://host[:port][/path]")
	}
	l.Path = strings.TrimSuffix(strings.TrimRight(l.Path, "/"), "/v1") + "/v1/chat/completions"
	return l.String(), nil
}

// canary sends a request that Ostiary refuses, and looks its decision up.
func (p *prober) canary(ctx context.Context, base string) error {
	target, err := canaryURL(base)
	if err != nil {
		return err
	}
	// No policy sees it: a body that two parsers could read differently is
	// refused before, in every mode.
	body := `{"model":"ostiary-canary","messages":[{"role":"user","content":"` + rand.Text() + `"}],"messages":[]}`
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return errors.New("the URL must be http(s)://host[:port][/path]")
	}
	r.Header.Set("content-type", "application/json")
	// As the application goes, but for proxies in the environment: the question
	// is what stands at this address.
	t := &http.Transport{Proxy: nil, DisableKeepAlives: true, DisableCompression: true}
	h := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	sent := time.Now()
	resp, err := h.Do(r)
	if err != nil {
		p.unknown("the canary got no answer: "+networkWord(err), "see that the URL is the one that applications use, from where they use it")
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProbeBody))
	if err != nil {
		p.unknown("the canary's answer broke off", "send it again")
		return nil
	}
	id := resp.Header.Get(proxy.HeaderDecisionID)
	switch {
	case id == "" && resp.StatusCode == http.StatusServiceUnavailable && bytes.Contains(text, []byte(`"no_verdict"`)):
		p.bad("the canary was refused by the locks, but the policy server was not reached", "see that it runs, and that the proxy mounts its socket under the same uid")
	case !decisionID.MatchString(id):
		p.bad(fmt.Sprintf("the canary was answered %d without a decision of Ostiary's: requests go past it", resp.StatusCode), "see below, or name --admin, for what is not attached")
	case resp.StatusCode < 400:
		p.bad(fmt.Sprintf("the canary was let through (%d) under decision %s", resp.StatusCode, id), "Ostiary refuses it in every mode: something else writes that header")
	default:
		p.lookUp(ctx, id, sent)
	}
	return nil
}

// networkWord says why there was no answer, without quoting anything.
func networkWord(err error) string {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.As(err, &dns):
		return "the name is not known here"
	case errors.As(err, &op) && op.Op == "dial":
		return "nobody listens there"
	}
	return "the connection broke off"
}

// lookUp finds the decision where the policy server keeps it.
func (p *prober) lookUp(ctx context.Context, id string, sent time.Time) {
	var find func() (*proxy.Event, error)
	switch {
	case p.log != "":
		find = func() (*proxy.Event, error) { return decisionInLog(ctx, p.log, id) }
	case p.socket != "":
		client, err := console.Dial(p.socket)
		if err != nil {
			p.unknown("the decision "+id+" could not be looked up: "+err.Error(), "name the control socket of the policy server, or its --log")
			return
		}
		defer client.Close()
		find = func() (*proxy.Event, error) { return decisionOverSocket(ctx, client, id) }
	default:
		p.unknown("the canary was refused under decision "+id+", which nobody looked up: an answer alone anybody can write", "name --log or --socket of the policy server")
		return
	}
	end := time.Now().Add(lookUpTime)
	for {
		ev, err := find()
		switch {
		case err != nil:
			p.unknown("the decision "+id+" could not be looked up: "+err.Error(), "name the --log or the --socket of the policy server")
			return
		case ev == nil && time.Now().Before(end) && ctx.Err() == nil:
			time.Sleep(lookUpEvery)
			continue
		case ev == nil:
			p.bad("the decision "+id+" is not in that log: another policy server answers, or something that only looks like one", "see which policy server this proxy asks")
			return
		}
		at, err := time.Parse(time.RFC3339Nano, ev.Time)
		switch {
		case ev.Decision == nil || ev.Decision.Action != proxy.Deny:
			p.bad("the decision "+id+" is no refusal: something answers with ids of other decisions", "see what stands in front of the policy server")
		case err != nil || at.Before(sent.Add(-probeSkew)) || at.After(time.Now().Add(probeSkew)):
			p.bad("the decision "+id+" is of another time: something answers with ids of old decisions", "see what stands in front of the policy server, and that the clocks agree")
		default:
			p.good("the canary was refused under decision %s, which is in the log", id)
		}
		return
	}
}

// decisionInLog gives a decision of a log; nil where there is none of that id.
func decisionInLog(ctx context.Context, dir, id string) (*proxy.Event, error) {
	r, err := audit.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	x, err := index.Open(dir, index.Options{Source: r, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	ev, err := decisionBy(ctx, x, r, id)
	if err != nil || ev == nil || ev.ID != id {
		return nil, err
	}
	return ev, nil
}

// decisionOverSocket asks a running Ostiary for it.
func decisionOverSocket(ctx context.Context, c *console.Client, id string) (*proxy.Event, error) {
	found, err := c.Event(ctx, id, false)
	var problem *console.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range found.Events {
		ev := new(proxy.Event)
		if json.Unmarshal(e.Event, ev) == nil && ev.Kind == proxy.EventDecision && ev.ID == id {
			return ev, nil
		}
	}
	return nil, nil
}

// configuration reads the proxy's own configuration back.
func (p *prober) configuration(ctx context.Context) error {
	raw, err := p.readDump(ctx)
	if err != nil {
		return err
	}
	l, cfg, err := configuredProviders(p.flags.config)
	if err != nil {
		return err
	}
	e := mesh.Expectation{ClosedElsewhere: p.egressClosed}
	external := externalHosts(cfg)
	e.Provider = func(name string) bool {
		if external[name] {
			return true
		}
		_, ok := l.Match(name)
		return ok
	}
	if p.flags.config != "" {
		s, err := p.flags.spec(ctx)
		if err != nil {
			return err
		}
		e.Spec = &s
	}
	r, err := mesh.Check(raw, e)
	if err != nil {
		return err
	}
	if r.Version != "" {
		fmt.Fprintf(p.out, "          Envoy %s\n", r.Version)
	}
	for _, at := range r.Attached {
		p.good("%s: filters, order, locks, routes and limits are in force", at)
	}
	for _, f := range r.Findings {
		p.bad(f.Where+": "+f.What, f.Remedy)
	}
	for _, f := range r.Unknown {
		p.unknown(f.Where+": "+f.What, f.Remedy)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(p.out, "note      %s\n", n)
	}
	return nil
}

// externalHosts are the hosts of a configuration's external pools.
func externalHosts(cfg *config.Config) map[string]bool {
	out := map[string]bool{}
	for _, pool := range cfg.Pools {
		if l, err := url.Parse(pool.URL); err == nil && pool.Boundary == string(proxy.External) {
			out[strings.ToLower(l.Hostname())] = true
		}
	}
	return out
}

func (p *prober) readDump(ctx context.Context) ([]byte, error) {
	var from io.Reader
	switch {
	case p.dump == "-":
		from = os.Stdin
	case p.dump != "":
		f, err := os.Open(p.dump)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		from = f
	default:
		resp, err := p.askAdmin(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		from = resp.Body
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxConfigDump+1))
	switch {
	case err != nil:
		return nil, errors.New("the config_dump broke off")
	case len(raw) > maxConfigDump:
		return nil, fmt.Errorf("the config_dump is over %d bytes", maxConfigDump)
	}
	return raw, nil
}

func (p *prober) askAdmin(ctx context.Context) (*http.Response, error) {
	base, t := strings.TrimRight(p.admin, "/"), &http.Transport{DisableKeepAlives: true}
	if path, ok := strings.CutPrefix(p.admin, "unix:"); ok {
		base = "http://envoy"
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	} else if l, err := url.Parse(p.admin); err != nil || l.Scheme != "http" && l.Scheme != "https" || l.Hostname() == "" {
		return nil, errors.New("--admin takes http://HOST:PORT or unix:PATH")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/config_dump?include_eds", nil)
	if err != nil {
		return nil, errors.New("--admin takes http://HOST:PORT or unix:PATH")
	}
	resp, err := (&http.Client{Transport: t, Timeout: probeTime}).Do(r)
	if err != nil {
		return nil, errors.New("the proxy's administration gives no answer: " + networkWord(err))
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the proxy's administration answers %d to config_dump", resp.StatusCode)
	}
	return resp, nil
}
