//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/testdata/env"
)

// bring lets processes inside see a file or folder of this machine, wherever it lies.
func (w *world) bring(from, name string) string {
	w.t.Helper()
	at := w.path("bin", name)
	write(w.t, at, "", 0o755)
	for _, pid := range w.views {
		if out, err := exec.Command("nsenter", "--mount", "--target", fmt.Sprint(pid), "mount", "--bind", from, at).CombinedOutput(); err != nil {
			w.t.Fatalf("%v\n%s", err, out)
		}
	}
	return at
}

// agentTime bounds one task of the coding agent.
const agentTime = 3 * time.Minute

// TestCodingAgent: a command-line agent that has a key and trusts the authority, and
// is told nothing else. What it is asked goes to its vendor; a task with personal data
// is done by the model in-house; one with a secret is refused, and it says so.
func TestCodingAgent(t *testing.T) {
	agent := env.Agent(t)
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		program := w.bring(agent, "agent")
		r := w.run(plane, "")
		trust := append(w.trusting(r, "node"), "ANTHROPIC_API_KEY="+theKey)
		for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
			environ := trust
			if way == proxy.WayProxy {
				environ = append(environ, "HTTPS_PROXY=http://"+atProxy)
			} else {
				w.redirected(r.file)
			}
			for _, view := range []string{"ipv4", "ipv6"} {
				if way == proxy.WayProxy && view == "ipv6" {
					environ[len(environ)-1] = "HTTPS_PROXY=http://[::1]:3128"
				}
				t.Run(way+" "+view, func(t *testing.T) {
					task := func(prompt string) agentTold { return w.task(t, view, environ, program, prompt) }
					asked := w.vendor.Count()
					if told := task(ordinary); told.IsError || !strings.Contains(told.Result, "vendor") || w.vendor.Count() == asked {
						t.Fatalf("an ordinary task: %+v", told)
					}
					asked = w.house.Count()
					if told := task(card); told.IsError || !strings.Contains(told.Result, "house") || w.house.Count() == asked {
						t.Errorf("a task with personal data: %+v", told)
					}
					if told := task(secret); !told.IsError || !strings.Contains(told.Result, "403") || !strings.Contains(told.Result, "credential") {
						t.Errorf("a task with a secret: %+v, want a refusal that can be read", told)
					}
				})
			}
		}
		for _, r := range w.vendor.Requests() {
			if b := string(r.Body); strings.Contains(b, "lindqvist") || strings.Contains(b, demoToken) {
				t.Error("personal data or a secret reached the vendor")
			}
		}
	})
}

// agentTold is what the agent prints of a task.
type agentTold struct {
	Result  string `json:"result"`
	IsError bool   `json:"is_error"`
}

// task has the agent do one task.
func (w *world) task(t *testing.T, view string, environ []string, program, prompt string) agentTold {
	t.Helper()
	cmd := w.command(view, uidApp, environ, program, "--print", "--output-format", "json", prompt)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(agentTime, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // its exit status is not zero for a refusal
	if !stop.Stop() {
		t.Fatal("the agent does not end")
	}
	var told agentTold
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		t.Fatalf("the agent printed no JSON: %s", said.String())
	}
	return told
}

// TestBrowserPage: a page of the vendor's origin, which the configuration lists, is
// served like any application; a page of another site gets nothing sent.
func TestBrowserPage(t *testing.T) {
	chromium := env.Large(t, "chromium", "browser")
	env.Large(t, "certutil", "browser")
	node, _ := env.Node(t)
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		r := w.run(plane, "origins: [https://"+vendorOpenAI+"]\n")
		trust := w.trusting(r, "chrome")
		w.trustSite()
		for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
			if way == proxy.WayRedirect {
				w.redirected(r.file)
			}
			for _, view := range []string{"ipv4", "ipv6"} {
				t.Run(way+" "+view, func(t *testing.T) {
					environ := append([]string{"OPENAI_API_KEY=" + theKey, "OSTIARY_TEST_BROWSER=" + chromium, "OSTIARY_TEST_NODE_MODULES=" + w.path("node_modules")}, trust...)
					if at := atProxy; way == proxy.WayProxy {
						if view == "ipv6" {
							at = "[::1]:3128"
						}
						environ = append(environ, "OSTIARY_TEST_PROXY=http://"+at)
					}
					a := w.application(t, view, environ, asJSON, node, w.path("src", "page.mjs"))
					if told := a.do(waysCase{URL: "https://" + ordinarySite + "/"}); told.Status != 200 || !strings.Contains(told.Text, pageText) {
						t.Fatalf("the ordinary site: %+v", told)
					}
					settleFor(w.vendor.bytes)
					asked := w.vendor.Count()
					if told := a.do(waysCase{Client: "across", Prompt: ordinary}); told.Text != "opaque" {
						t.Errorf("a page of another site: %+v, want an answer that it may not read", told)
					}
					if n := len(settleFor(w.vendor.bytes)); n > controlFrames || w.vendor.Count() != asked {
						t.Errorf("a page of another site had %d bytes sent to the vendor", n)
					}
					// What stands at this path does not matter: the page has the origin.
					if told := a.do(waysCase{URL: "https://" + vendorOpenAI + "/v1/models"}); told.Status != 200 {
						t.Fatalf("a page at the vendor's name: %+v", told)
					}
					for _, c := range []struct {
						prompt, pool, action string
						stream               bool
						status               int
					}{{ordinary, "openai", "allow", false, 200}, {ordinary, "openai", "allow", true, 200}, {card, "house", "reroute", false, 200}, {secret, "none", "deny", false, 403}} {
						told := a.do(waysCase{Prompt: c.prompt, Stream: c.stream})
						if told.Status != c.status || told.Pool != c.pool || told.Action != c.action || c.stream && told.Events < 2 {
							t.Errorf("%+v, want %s by %q", told, c.action, c.pool)
						}
						if c.status == 403 && !strings.Contains(told.Message, "credential") {
							t.Errorf("the page cannot read why: %s", told.Message)
						}
					}
				})
			}
		}
	})
}

// trustSite puts the authority of the web into the browser's store, as one that it
// was built with.
func (w *world) trustSite() {
	w.t.Helper()
	cmd := w.command("both", uidApp, w.home("app"), "certutil", "-d", "sql:"+w.path("app", ".pki", "nssdb"), "-A", "-t", "C,,", "-n", "web", "-a", "-i", w.path("roots.pem"))
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("certutil: %v\n%s", err, out)
	}
}
