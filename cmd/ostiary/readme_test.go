package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy/config"
)

// TestReadmeIsTrue runs what the README tells a reader to copy: its
// configuration is taken, its policy compiles and decides, its commands exist
// with the flags that it gives them.
func TestReadmeIsTrue(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]string{}
	for _, m := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	if len(blocks["yaml"]) == 0 || len(blocks["rego"]) == 0 || len(blocks["sh"]) < 4 {
		t.Fatalf("blocks found: %d yaml, %d rego, %d sh", len(blocks["yaml"]), len(blocks["rego"]), len(blocks["sh"]))
	}
	for _, y := range blocks["yaml"] {
		if _, err := config.Parse("README.md", []byte(y)); err != nil {
			t.Errorf("a configuration of the README: %v", err)
		}
	}
	for _, r := range blocks["rego"] {
		_, err := policies.Load(policies.Options{FS: fstest.MapFS{"team/team.rego": {Data: []byte(r)}}, Known: policies.Known{Pools: []string{"payments"}, Types: []string{"CREDIT_CARD"}}})
		if err != nil {
			t.Errorf("a policy of the README: %v", err)
		}
	}
	commands := 0
	for _, sh := range blocks["sh"] {
		for line := range strings.Lines(sh) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
			line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "&"))
			line = strings.Replace(line, "go run ./cmd/ostiary", "ostiary", 1)
			line, _, _ = strings.Cut(line, " > ")
			if !strings.HasPrefix(line, "ostiary ") {
				continue
			}
			commands++
			isTrue(t, line)
		}
	}
	if commands < 8 {
		t.Errorf("only %d commands found in the README", commands)
	}
}

// isTrue fails where there is no such command, or where it has no flag of those
// that the line gives it.
func isTrue(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)[1:]
	help := []string{}
	for _, w := range words {
		if !regexp.MustCompile(`^[a-z]+$`).MatchString(w) {
			break
		}
		help = append(help, w)
	}
	out, err := exec.Command("ostiary", append(help, "--help")...).Output()
	if err != nil || !strings.Contains(string(out), "ostiary "+strings.Join(help, " ")) {
		t.Errorf("%s: there is no such command", line)
	}
	for _, w := range words {
		if flag := regexp.MustCompile(`^--?[a-z-]+`).FindString(w); flag != "" && !strings.Contains(string(out), flag) {
			t.Errorf("%s: the command has no flag %s", line, flag)
		}
	}
}

// Whoever is on call copies what these pages say.
func TestRunbookIsTrue(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "proxy", "audit", "RUNBOOK.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("`(ostiary [^`]+)`").FindAllStringSubmatch(string(b), -1)
	if len(commands) < 8 {
		t.Errorf("only %d commands found", len(commands))
	}
	for _, m := range commands {
		isTrue(t, m[1])
	}
}
