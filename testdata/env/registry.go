package env

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// registryStart bounds the start of the registry.
const registryStart = 20 * time.Second

// RegistryProcess is a running OCI registry.
type RegistryProcess struct {
	Address string // HOST:PORT on loopback, plain HTTP
	command *exec.Cmd
}

// Registry starts a real OCI registry with its storage in memory (see
// testdata/registry); it ends with the test. htpasswd names a file of users and
// bcrypt hashes, or is empty for a registry that asks nobody.
func Registry(t testing.TB, htpasswd string) *RegistryProcess {
	t.Helper()
	short(t, "the OCI registry")
	binary := cached(t, "bin", "registry")
	if !exists(binary) {
		missing(t, "the OCI registry", "run testdata/env/install.sh registry")
	}
	var args []string
	if htpasswd != "" {
		args = append(args, "-htpasswd", htpasswd)
	}
	r := &RegistryProcess{command: exec.Command(binary, args...)}
	r.command.Stderr = os.Stderr
	in, err := r.command.StdinPipe() // closed at our end, also when we are killed
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); r.Kill() })
	line := make(chan string, 1)
	go func() {
		s, _ := bufio.NewReader(out).ReadString('\n')
		line <- strings.TrimSpace(s)
	}()
	select {
	case r.Address = <-line:
	case <-time.After(registryStart):
	}
	if r.Address == "" {
		t.Fatal("the OCI registry did not start; its standard error says why")
	}
	return r
}

// Kill ends the registry at once, as a crash does.
func (r *RegistryProcess) Kill() {
	_ = r.command.Process.Kill()
	_ = r.command.Wait()
}
