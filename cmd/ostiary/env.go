package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/intercept"
)

// defaultProxy is where the explicit proxy listens unless it is told otherwise.
const defaultProxy = "127.0.0.1:3128"

// configuredProxy stands for the address that the configuration has.
const configuredProxy = "configured"

// sdk is a library or tool that reads its base URL from the environment.
type sdk struct {
	name, what string
	// variables with what stands behind the listener's URL in each.
	variables []variable
}

// variable is one of the environment; Value is a suffix in an [sdk] and the whole
// value elsewhere.
type variable struct{ name, value string }

// sdks are those that are known. That the official ones read these was seen in
// their sources and run; aider's stands in its documentation, and the others' were
// not looked up.
func sdks() []sdk {
	return []sdk{
		{"openai", "OpenAI's SDKs, and most that are built on them", []variable{{"OPENAI_BASE_URL", "/v1"}}},
		{"anthropic", "Anthropic's SDKs", []variable{{"ANTHROPIC_BASE_URL", ""}}},
		{"claude-code", "Claude Code", []variable{{"ANTHROPIC_BASE_URL", ""}}},
		{"langchain", "LangChain for Python", []variable{{"OPENAI_API_BASE", "/v1"}, {"OPENAI_BASE_URL", "/v1"}, {"ANTHROPIC_API_URL", ""}, {"ANTHROPIC_BASE_URL", ""}}},
		{"llamaindex", "LlamaIndex", []variable{{"OPENAI_API_BASE", "/v1"}}},
		{"litellm", "LiteLLM as a library", []variable{{"OPENAI_API_BASE", "/v1"}, {"OPENAI_BASE_URL", "/v1"}, {"ANTHROPIC_API_BASE", ""}, {"ANTHROPIC_BASE_URL", ""}}},
		{"aider", "aider", []variable{{"OPENAI_API_BASE", "/v1"}, {"ANTHROPIC_API_BASE", ""}}},
		{"ai-sdk", "Vercel's AI SDK, whose Anthropic provider wants /v1 where Anthropic's own SDK wants none", []variable{{"OPENAI_BASE_URL", "/v1"}, {"ANTHROPIC_BASE_URL", "/v1"}}},
		{"spring-ai", "Spring AI", []variable{{"SPRING_AI_OPENAI_BASE_URL", ""}, {"SPRING_AI_ANTHROPIC_BASE_URL", ""}}},
	}
}

// defaultSDKs are those that are meant where none is named.
var defaultSDKs = []string{"openai", "anthropic"}

// envFlags are the flags of ostiary env.
type envFlags struct {
	config, dir, listen string
	shell, proxy        string
	sdk                 []string
}

func envCommand() *cobra.Command {
	var f envFlags
	var known strings.Builder
	for _, s := range sdks() {
		fmt.Fprintf(&known, "  %-12s %s\n", s.name, s.what)
	}
	c := &cobra.Command{
		Use:   "env",
		Short: "Print the environment variables that point applications here",
		Long: `Env prints the variables with which SDKs and tools send their requests to the
configured listener. Nothing is changed; evaluate what it prints:

  eval "$(ostiary env)"
  ostiary env --shell fish | source
  ostiary env --shell powershell | Invoke-Expression

SDKs and tools (--sdk, or all):

` + known.String() + `
With --proxy it prints those for the explicit proxy (intercept.proxy) in their place,
and those with which clients trust Ostiary's certificates ('ostiary ca init').`,
		Example: `  ostiary env --config ostiary.yaml
  ostiary env --sdk langchain --shell fish
  ostiary env --proxy`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.OutOrStdout()) },
	}
	fl := c.Flags()
	fl.StringVar(&f.config, "config", "", "configuration `FILE`; without it, the defaults of ostiary run")
	fl.StringVar(&f.listen, "listen", "", "`ADDRESS` of the listener, over the configuration's")
	fl.StringVar(&f.shell, "shell", "sh", "sh, fish or powershell")
	fl.StringSliceVar(&f.sdk, "sdk", defaultSDKs, "`NAME` of an SDK or tool, or all; may be repeated")
	fl.StringVar(&f.proxy, "proxy", "", "`ADDRESS` of the explicit proxy; --proxy alone means the configured one, else "+defaultProxy)
	fl.Lookup("proxy").NoOptDefVal = configuredProxy
	fl.StringVar(&f.dir, "dir", "", "with --proxy, `DIRECTORY` of the certificate authority (default: beside the audit log's keys)")
	return c
}

func (f *envFlags) run(w io.Writer) error {
	set, err := shellOf(f.shell)
	if err != nil {
		return err
	}
	cfg, err := plainConfig(f.config)
	if err != nil {
		return err
	}
	if f.proxy == configuredProxy {
		f.proxy = first(cfg.Intercept.Proxy, defaultProxy)
	}
	var vars []variable
	var notes []string
	if f.proxy != "" {
		vars, notes, err = f.proxied(cfg)
	} else {
		vars, notes, err = f.based(cfg)
	}
	if err != nil {
		return err
	}
	for _, v := range vars {
		fmt.Fprintln(w, set(v))
	}
	for _, n := range notes {
		fmt.Fprintln(w, "# "+n)
	}
	return nil
}

// shellOf gives how a shell sets a variable for the processes that it starts.
func shellOf(name string) (func(variable) string, error) {
	switch name {
	case "sh", "bash", "zsh", "dash", "ksh":
		return func(v variable) string {
			return "export " + v.name + "='" + strings.ReplaceAll(v.value, "'", `'\''`) + "'"
		}, nil
	case "fish":
		return func(v variable) string {
			return "set -gx " + v.name + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v.value) + "'"
		}, nil
	case "powershell", "pwsh":
		return func(v variable) string {
			return "$env:" + v.name + " = '" + strings.ReplaceAll(v.value, "'", "''") + "'"
		}, nil
	}
	return nil, fmt.Errorf("no shell %q: sh, fish or powershell", name)
}

// based gives the base URLs.
func (f *envFlags) based(cfg *config.Config) (vars []variable, notes []string, err error) {
	listen := first(f.listen, cfg.Listen)
	if strings.HasPrefix(listen, "unix:") {
		return nil, nil, errors.New("the listener is a unix socket: SDKs take no base URL for one; give the listener an address, or set each client's transport")
	}
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	scheme := "http://"
	if cfg.TLS.Cert != "" {
		scheme = "https://"
	}
	base := scheme + pointTo(listen)
	wanted := f.sdk
	if slices.Contains(wanted, "all") {
		wanted = nil
	}
	for _, n := range wanted {
		if !slices.ContainsFunc(sdks(), func(s sdk) bool { return s.name == n }) {
			return nil, nil, fmt.Errorf("no SDK %q; see 'ostiary env --help'", n)
		}
	}
	for _, s := range sdks() {
		if wanted != nil && !slices.Contains(wanted, s.name) {
			continue
		}
		for _, v := range s.variables {
			v.value = base + v.value
			switch i := slices.IndexFunc(vars, func(x variable) bool { return x.name == v.name }); {
			case i < 0:
				vars = append(vars, v)
			case vars[i].value != v.value:
				notes = append(notes, fmt.Sprintf("%s needs %s=%s: set it for %[1]s alone", s.name, v.name, v.value))
			}
		}
	}
	for _, a := range cfg.Applications {
		if len(a.Keys) > 0 {
			notes = append(notes, "Applications have keys: each sends its own in place of the provider's (OPENAI_API_KEY, ANTHROPIC_API_KEY).")
			break
		}
	}
	return vars, notes, nil
}

// proxied gives the proxy and what clients need to trust it.
func (f *envFlags) proxied(cfg *config.Config) (vars []variable, notes []string, err error) {
	if _, _, err := net.SplitHostPort(f.proxy); err != nil {
		return nil, nil, fmt.Errorf("--proxy: %w", err)
	}
	d, err := openAuthority(f.dir)
	if f.dir == "" {
		d, err = caDirectory(cfg)
	}
	if err != nil {
		return nil, nil, err
	}
	trust, err := d.Trust()
	if err != nil {
		return nil, nil, err
	}
	if len(trust) == 0 {
		return nil, nil, intercept.ErrUnsigned
	}
	url, direct := "http://"+pointTo(f.proxy), "localhost,127.0.0.1,::1"
	for _, n := range []string{"HTTPS_PROXY", "https_proxy"} {
		vars = append(vars, variable{n, url})
	}
	for _, n := range []string{"NO_PROXY", "no_proxy"} {
		vars = append(vars, variable{n, direct})
	}
	vars = append(vars, variable{"NODE_USE_ENV_PROXY", "1"}, variable{"NODE_EXTRA_CA_CERTS", d.TrustPath()}, variable{"DENO_CERT", d.TrustPath()})
	if _, err := os.Stat(d.BundlePath()); err == nil {
		for _, n := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"} {
			vars = append(vars, variable{n, d.BundlePath()})
		}
	} else {
		notes = append(notes, "There is no file of the public roots and ours: run 'ostiary ca bundle' for SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.")
	}
	notes = append(notes,
		"Node.js reads HTTPS_PROXY from version 22.21 or 24 on; older ones need a proxy agent in the program.",
		"Java: 'ostiary ca install --print java', and -Dhttps.proxyHost, -Dhttps.proxyPort.",
		"The files are this user's alone; for other users: 'ostiary ca install --print STORE'.")
	return vars, notes, nil
}
