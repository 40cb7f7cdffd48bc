package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/dialect"
	"github.com/ostiary/ostiary/proxy/pools"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Write, test and prove the policies that decide",
		Long: `A policy directory holds the rules that decide where a request may go, in Rego,
with their data, unit tests and fixtures. Each command takes the directory as its
argument; without one, it is the directory you are in.

  ostiary policy init policies        # a directory to begin with, all tests green
  ostiary policy test -w              # while you write
  ostiary policy check                # would it load, and does it always decide?
  ostiary explain letter.txt          # why is this refused?

Without --config, rules may name the types and groups of the shipped detectors
and any pool; a text is judged as if it went to an external pool "openai" in the
US, with an in-house pool "house" beside it. With --config they may name what that
configuration has, and its pools, terms, patterns, modes and expected policies
are in force.

Exit status: 0 yes, 1 the answer is no (a test failed, something differs), 2
could not tell.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(policyCheckCommand(), policyFmtCommand(), policyLintCommand(), policyTestCommand(), policyBenchCommand(), policyCoverageCommand(),
		policyDiffCommand(), policyEvalCommand(), policyHostsCommand(), policyInitCommand(), policySuppressCommand(), policyCatalogCommand())
	c.AddCommand(policyReplayCommand(), policyShadowCommand(), policyCanaryCommand(), policyPromoteCommand(), policyRollbackCommand())
	c.AddCommand(policyBundleCommand())
	return c
}

// policyFlags are what commands about policies take.
type policyFlags struct{ config string }

func (f *policyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "configuration `FILE` with the pools, terms, patterns and modes that are in force")
}

// policyDir gives the directory that a command is about.
func policyDir(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// stage is what a policy is tried on: the detectors, the pools and the readers
// that a proxy of the same configuration has. It serves nothing.
type stage struct {
	cfg       *config.Config
	suite     *classifiers.Suite
	directory *pools.Set
	options   policies.Options // without a path
}

// stage makes the stage of the configuration, or of [policies.Example].
func (f *policyFlags) stage() (*stage, error) {
	st := &stage{cfg: config.Default()}
	if f.config != "" {
		var err error
		if st.cfg, err = config.Load(f.config); err != nil {
			return nil, err
		}
	} else {
		st.cfg.Pools = examplePools()
	}
	for i := range st.cfg.Pools { // nothing is sent: what an author's machine has of keys changes no result
		st.cfg.Pools[i].Credential = config.Credential{Mode: config.CredentialNone}
	}
	o, err := suiteOptions(st.cfg, nil)
	if err != nil {
		return nil, err
	}
	o.Budget, o.Cache = commandBudget, -1
	if st.suite, err = classifiers.New(o); err != nil {
		return nil, err
	}
	ups, err := upstreams(st.cfg)
	if err != nil {
		return nil, err
	}
	if st.directory, err = pools.New(ups); err != nil {
		return nil, err
	}
	st.options = policyOptions(st.cfg, st.suite)
	if f.config == "" {
		st.options.Known.Pools, st.options.Known.Jurisdictions = nil, nil
	}
	return st, nil
}

// examplePools are the pools of [policies.Example] as a configuration.
func examplePools() []config.Pool {
	var out []config.Pool
	for _, p := range policies.Example().Pools {
		c := config.Pool{Name: p.Name, Boundary: p.Boundary, Context: p.Context, Dialects: p.Dialects, Retention: p.Retention, Training: p.Training,
			URL: "http://127.0.0.1:9"} // nothing is sent there
		if p.Jurisdiction != proxy.Unknown {
			c.Jurisdiction = p.Jurisdiction
		}
		can := func(name string) *bool {
			if !slices.Contains(p.Abilities, name) {
				return nil
			}
			return new(true)
		}
		c.Abilities = config.Abilities{Tools: can("tools"), Images: can("images"), Audio: can("audio"), Files: can("files"), JSON: can("json")}
		if p.Boundary == string(proxy.Internal) {
			c.Models = []config.Model{{Pattern: "*", Name: "house-model"}}
		}
		out = append(out, c)
	}
	return out
}

// load loads the policies of a directory or a bundle.
func (st *stage) load(path string) (*policies.Set, error) { return policies.Load(st.at(path)) }

// need is load for a command that can do nothing without the policies.
func (st *stage) need(path string) (*policies.Set, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	set, err := st.load(path)
	if err != nil {
		return nil, fmt.Errorf("the policies in %s do not load:\n%w", path, err)
	}
	return set, nil
}

func (st *stage) at(path string) policies.Options {
	o := st.options
	o.Path = path
	return o
}

// kind gives what is known of a type of finding.
func (st *stage) kind(name string) (policies.Kind, bool) {
	t, ok := st.suite.Lookup(name)
	if !ok {
		return policies.Kind{}, false
	}
	return policies.Kind{Groups: t.Groups, Severity: t.Severity.String()}, true
}

// textRoles are the roles that a text can have in a request that is made of it.
var textRoles = []string{"user", "system", "assistant", "tool"}

// chatMessage and chatRequest are a request in OpenAI's form.
type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
	Call    string `json:"tool_call_id,omitempty"`
}

type chatRequest struct {
	Model    string        `json:"model"`
	Messages []chatMessage `json:"messages,omitempty"`
	Input    string        `json:"input,omitempty"`
}

// defaultModel is what a request asks for that names no model.
const defaultModel = "gpt-5"

// request is a text and who sends it. Its error speaks of the names and never of
// the text.
func (st *stage) request(ctx context.Context, fx *policies.Fixture) (*proxy.Inspection, error) {
	role := first(fx.Role, "user")
	if !slices.Contains(textRoles, role) {
		return nil, fmt.Errorf("role %q: a text is that of %s", role, strings.Join(textRoles, ", "))
	}
	req, path := chatRequest{Model: first(fx.Model, defaultModel)}, "/v1/chat/completions"
	switch proxy.Operation(first(fx.Operation, string(proxy.OpChat))) {
	case proxy.OpChat:
		m := chatMessage{Role: role, Content: fx.Text}
		if role == "tool" {
			m.Call = "call"
		}
		req.Messages = []chatMessage{m}
	case proxy.OpEmbeddings:
		path, req.Input = "/v1/embeddings", fx.Text
	default:
		return nil, fmt.Errorf("operation %q: a text is sent to chat or embeddings; change facts.request.operation for others", fx.Operation)
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, errors.New("the text cannot be sent as JSON")
	}
	d := dialect.New(dialect.Options{})
	x := &proxy.Exchange{AskedBy: "none", Head: proxy.Head{
		Method: http.MethodPost, Path: proxy.NewText(path), Protocol: "HTTP/1.1", Received: time.Unix(policies.Example().Time.Unix, 0),
		Header: []proxy.Field{{Name: "content-type", Value: proxy.NewText("application/json")}},
	}}
	x.Route = d.Route(x.Head.Method, x.Head.Path)
	doc, err := d.Read(x.Route, &x.Head, body)
	if err != nil {
		return nil, err
	}
	report, err := st.suite.Classify(ctx, doc.Prompt().Segments)
	if err != nil {
		return nil, err
	}
	if x.Principal, err = st.principal(fx); err != nil {
		return nil, err
	}
	x.Asked, x.AskedBy = pools.Chooser{Directory: st.directory}.Ask(x, doc.Prompt())
	if fx.Pool != "" {
		var names []string
		for _, p := range st.directory.Pools() {
			names = append(names, p.Name)
		}
		if !slices.Contains(names, fx.Pool) {
			return nil, fmt.Errorf("pool: there is no pool %q; there are %s", fx.Pool, strings.Join(names, ", "))
		}
		x.Asked, x.AskedBy = fx.Pool, "path"
	}
	return &proxy.Inspection{Exchange: x, Prompt: doc.Prompt(), Report: &report, Bytes: len(body), Phase: proxy.PhaseBody}, nil
}

// principal gives who sends a fixture's text: the configured application with
// its team and groups, or, where none is configured, the names as they stand.
func (st *stage) principal(fx *policies.Fixture) (proxy.Principal, error) {
	p := proxy.Principal{Application: fx.Application, Team: fx.Team, Method: "peer"}
	if fx.Application == "" || len(st.cfg.Applications) == 0 {
		return p, nil
	}
	var names []string
	for _, a := range st.cfg.Applications {
		if a.Name == fx.Application {
			p.Team, p.Groups, p.Method = first(fx.Team, a.Team), a.Groups, "key"
			return p, nil
		}
		names = append(names, a.Name)
	}
	return p, fmt.Errorf("application: no application is called %q; there are %s", fx.Application, strings.Join(names, ", "))
}

// facts states the facts of a fixture.
func (st *stage) facts(ctx context.Context, fx *policies.Fixture) (*proxy.Facts, error) {
	var base *proxy.Facts
	if fx.Text != "" {
		in, err := st.request(ctx, fx)
		if err != nil {
			return nil, err
		}
		open, err := office(st.cfg)
		if err != nil {
			return nil, err
		}
		s := stater(st.cfg, st.directory, st.suite)
		s.Office = open
		f, err := s.Facts(in)
		if err != nil {
			return nil, err
		}
		base = &f
	}
	return fx.State(base, st.kind)
}

// fixtureLimit bounds the bytes of one file of fixtures, fixtureFiles their
// number below a directory.
const (
	fixtureLimit = 4 << 20
	fixtureFiles = 4096
)

// slashed gives a path below a directory as policies name their files.
func slashed(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		rel = path
	}
	return filepath.ToSlash(rel)
}
