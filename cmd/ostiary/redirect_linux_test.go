package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// emptyNamespace makes a network namespace and gives its path.
func emptyNamespace(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("sleep", "3600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		const remedy = "network namespaces take root with CAP_SYS_ADMIN"
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatal(remedy + " (failing because OSTIARY_TEST_REQUIRE=1)")
		}
		t.Skip(remedy)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)
}

// command runs ostiary and gives its status and what it said.
func command(t *testing.T, args ...string) (status int, out, diag string) {
	t.Helper()
	cmd := exec.Command("ostiary", args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// TestRedirect writes, compares and removes rules as a person would.
func TestRedirect(t *testing.T) {
	ns := emptyNamespace(t)
	plain := []string{"--netns", ns, "--to", "127.0.0.1:15001", "--uid", "1337"}
	for n, step := range []struct {
		args   []string
		status int
		want   string
	}{
		{append([]string{"status"}, plain...), 1, "there are no rules"},
		{[]string{"down", "--netns", ns}, 0, "there were no rules"},
		{[]string{"up", "--netns", ns, "--to", "127.0.0.1:15001"}, 2, "nothing listens on port 15001, so nobody says"},
		{append([]string{"up"}, plain...), 0, "in place: TCP 443 arrives at port 15001, QUIC is refused; uid 1337 left alone"},
		{append([]string{"up"}, plain...), 0, "in place already: "},
		{append([]string{"up"}, plain...), 0, "note: nothing listens on port 15001: what is redirected is refused"},
		{append([]string{"status"}, plain...), 0, "the rules are in place"},
		{[]string{"status", "--netns", ns, "--to", "127.0.0.1:15001"}, 0, "meta skuid 1337 accept"},
		{append([]string{"status", "--only"}, plain...), 1, "missing: counter reject with icmpx type port-unreachable"},
		{append([]string{"up", "--only", "--uid", "0"}, plain...), 0, "root's own connections are left alone"},
		{append([]string{"status"}, plain...), 1, "not asked for: meta skuid 0 accept"},
		{[]string{"down", "--netns", ns}, 0, "removed"},
		{[]string{"down", "--netns", ns}, 0, "there were no rules"},
	} {
		status, out, diag := command(t, append([]string{"redirect"}, step.args...)...)
		if status != step.status || !strings.Contains(out+diag, step.want) {
			t.Errorf("%d: ostiary redirect %s: status %d, want %d and %q:\n%s%s", n, strings.Join(step.args, " "), status, step.status, step.want, out, diag)
		}
	}

	if status, _, diag := command(t, append([]string{"redirect", "up"}, plain...)...); status != 0 {
		t.Fatal(diag)
	}
	_, out, _ := command(t, append([]string{"redirect", "status", "--json"}, plain...)...)
	var s redirectStatus
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.State != "in_place" || len(s.Rules) < 6 || !strings.Contains(out, `"refused_quic":0`) {
		t.Errorf("%v: %s", err, out)
	}
}
