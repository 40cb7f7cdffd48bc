package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/pools"
)

func runCommand() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "run",
		Short: "Serve: the policy server and a data plane",
		Long: `Run starts the policy server and a data plane, and prints where to point clients
and what it found. It serves until it is stopped (Ctrl-C, SIGTERM), and reloads
on SIGHUP and whenever the configuration or the policies change; a broken
configuration leaves the former one serving.

Without a configuration file it listens on 127.0.0.1:8484, takes OpenAI and
Anthropic as closed APIs with the keys in OPENAI_API_KEY and ANTHROPIC_API_KEY
(without one, the client's own key passes to its own provider), and as in-house
pool the first local server that answers: Ollama, vLLM, llama.cpp, SGLang or
LM Studio on their usual ports. The shipped policies decide.

The data plane is Envoy 1.40 or newer where one is found (--envoy,
OSTIARY_ENVOY, PATH, or fetched by 'ostiary envoy fetch'), else the embedded
one. People who run Envoy themselves start the policy server alone with
--dataplane none and give Envoy the bootstrap of 'ostiary envoy bootstrap'.`,
		Example: `  ostiary run
  ostiary run --config ostiary.yaml
  ostiary run --config ostiary.yaml --dataplane none --socket /run/ostiary/policy.sock`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := start(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			return s.wait(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration `FILE`; without it, safe defaults")
	f.StringVar(&o.listen, "listen", "", "`ADDRESS` to listen on, over the configuration's")
	f.StringVar(&o.log, "log", "", "`DIRECTORY` of the audit log, over the configuration's")
	f.StringVar(&o.dataplane, "dataplane", "", "auto, envoy, embedded or none, over the configuration's")
	f.StringVar(&o.envoy, "envoy", "", "`PATH` of an Envoy binary, 1.40 or newer")
	f.StringVar(&o.socket, "socket", "", "`PATH` of the policy server's socket, for --dataplane none")
	f.StringVar(&o.accessLog, "access-log", "", "`FILE` in which your own Envoy tells what it sent, for --dataplane none (default: access.jsonl beside the socket)")
	return c
}

// defaultConfig is the configuration without a file: closed APIs, and the first
// local model server that answers. found says what was looked for.
func defaultConfig(ctx context.Context, listen string) (cfg *config.Config, found []string) {
	cfg = config.Default()
	for _, u := range pools.Default(os.Getenv) {
		cfg.Pools = append(cfg.Pools, poolOf(u))
	}
	servers := pools.LocalServers()
	local, ok := pools.Detect(ctx, pools.Candidates{Servers: servers, Self: []string{first(listen, cfg.Listen)}})
	for _, p := range local.Passed {
		found = append(found, fmt.Sprintf("%s answered and was passed over: %s", p.URL, p.Why))
	}
	if ok {
		cfg.Pools = append(cfg.Pools, poolOf(local.Upstream))
		return cfg, append(found, fmt.Sprintf("%s at %s: pool %s, taken to be in-house", local.Kind, local.Upstream.URL, local.Upstream.Pool.Name))
	}
	var looked []string
	for _, l := range servers {
		looked = append(looked, fmt.Sprintf("%s (%s)", l.Kind, l.URL))
	}
	return cfg, append(found, "no local model server among "+strings.Join(looked, ", ")+": what may not leave is refused")
}

// poolOf is the configuration of a pool that nobody configured.
func poolOf(u pools.Upstream) config.Pool {
	p := config.Pool{
		Name: u.Pool.Name, Boundary: string(u.Pool.Boundary), Jurisdiction: u.Pool.Jurisdiction, Retention: u.Pool.Retention, Training: u.Pool.Training,
		URL: u.URL.String(), Dialects: u.Pool.Dialects, Endpoints: u.Pool.Endpoints, Context: u.Pool.Context,
		Credential: config.Credential{Mode: string(u.Pool.Credential), Header: u.Header, Scheme: u.Scheme},
	}
	p.Credential.Env = u.Credential.Env
	for _, m := range u.Pool.Models {
		p.Models = append(p.Models, config.Model{Pattern: m.Pattern, Name: m.Name})
	}
	return p
}

// banner tells the person at the terminal where to point clients and what was
// found.
func (s *server) banner(ctx context.Context, b *built, found []string) {
	w := s.out
	base := "http"
	if b.cfg.TLS.Cert != "" {
		base = "https"
	}
	fmt.Fprintf(w, "Ostiary %s serves\n\n", version)
	if b.cfg.Dataplane == "none" {
		fmt.Fprintf(w, "  policy server   %s\n", s.plane.(*policyPlane).policy.socket)
		fmt.Fprintf(w, "  access log      %s (written by your Envoy)\n", s.plane.(*policyPlane).accessLog)
	} else {
		url := base + "://" + pointTo(b.cfg.Listen)
		fmt.Fprintf(w, "  point clients   OPENAI_BASE_URL=%s/v1\n", url)
		fmt.Fprintf(w, "                  ANTHROPIC_BASE_URL=%s\n", url)
	}
	if i := &b.cfg.Intercept; i.Proxy != "" {
		fmt.Fprintf(w, "  explicit proxy  HTTPS_PROXY=http://%s ('ostiary env --proxy')\n", pointTo(i.Proxy))
	}
	if i := &b.cfg.Intercept; i.Redirect != "" {
		fmt.Fprintf(w, "  redirected to   %s ('ostiary redirect up')\n", i.Redirect)
	}
	if s.ways != nil {
		fmt.Fprintf(w, "  authority       %s, which clients must trust ('ostiary ca install --print')\n", s.ways.dir.TrustPath())
	}
	fmt.Fprintf(w, "  data plane      %s\n", s.plane.describe())
	mode := "enforce: verdicts are carried out"
	if b.snap.Mode == proxy.Observe {
		mode = "OBSERVE: verdicts are recorded and not carried out"
	}
	fmt.Fprintf(w, "  mode            %s\n", mode)
	fmt.Fprintf(w, "  policies        %s, revision %s: %s\n", first(b.cfg.Policies, "shipped"), b.snap.Decider.Revision(), strings.Join(b.policyNames(), ", "))
	printPools(ctx, w, b)
	fmt.Fprintf(w, "  audit log       %s\n", s.places.log)
	fmt.Fprintf(w, "  keys            %s\n", s.places.keys)
	for _, line := range found {
		fmt.Fprintf(w, "  found           %s\n", line)
	}
	for _, line := range b.warnings {
		fmt.Fprintf(w, "  warning         %s\n", line)
	}
	fmt.Fprintf(w, "\nWhat it decides: ostiary audit tail -f --log %s\n\n", s.places.log)
}

// printPools says of each pool where it is and whether it answers.
func printPools(ctx context.Context, w io.Writer, b *built) {
	label := "pools"
	for i, h := range b.pools.Check(ctx) {
		u := b.pools.Upstreams()[i]
		place := string(u.Pool.Boundary)
		if u.Pool.Jurisdiction != "" {
			place += ", " + u.Pool.Jurisdiction
		}
		state := "answers"
		if !h.Answers {
			state = "does not answer: " + h.Why
		}
		if why := b.pools.Available(h.Pool); why != "" {
			state = "refuses requests: " + why + " missing"
		}
		fmt.Fprintf(w, "  %-15s %s (%s) %s: %s\n", label, h.Pool, place, u.URL, state)
		label = ""
	}
}

// pointTo gives the address that a client on this machine uses for one to
// listen on.
func pointTo(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
