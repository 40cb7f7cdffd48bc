package env

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Ways gives the folders with what intercepted clients are made of: modules of
// Python (requests, httpx), and node_modules (OpenAI's SDK, undici, playwright-core).
func Ways(t testing.TB) (python, node string) {
	t.Helper()
	short(t, "the intercepted clients")
	python, node = cached(t, "ways", "python"), cached(t, "ways", "node", "node_modules")
	if !exists(filepath.Join(python, "requests")) || !exists(filepath.Join(node, "undici")) {
		missing(t, "what intercepted clients are made of", "run testdata/env/install.sh ways")
	}
	return python, node
}

// Agent gives the program of a command-line coding agent. It is large: only with
// OSTIARY_TEST_ALL=1 does its absence fail a test.
func Agent(t testing.TB) string {
	t.Helper()
	short(t, "the coding agent")
	found, err := filepath.Glob(cached(t, "agent", "node_modules", "@anthropic-ai", "claude-code-linux-*", "claude"))
	if err != nil || len(found) == 0 {
		large(t, "the coding agent", "run testdata/env/install.sh agent")
	}
	return found[0]
}

// Large gives the path of a program whose package is large: only with
// OSTIARY_TEST_ALL=1 does its absence fail a test. The component is the one of
// install.sh that has it.
func Large(t testing.TB, program, component string) string {
	t.Helper()
	short(t, program)
	path, err := exec.LookPath(program)
	if err != nil {
		large(t, program, "run testdata/env/install.sh "+component)
	}
	return path
}

// large ends the test for want of a component that only long runs require.
func large(t testing.TB, what, remedy string) {
	t.Helper()
	if os.Getenv(allVar) == "1" {
		t.Fatalf("%s is not there: %s (failing because %s=1)", what, remedy, allVar)
	}
	t.Skipf("%s is not there: %s", what, remedy)
}
