package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSystemdIsTold: ready when it serves and not before, alive, reloading and
// ready again, stopping.
func TestSystemdIsTold(t *testing.T) {
	dir := shortTempDir(t)
	up := newUpstream(t, "openai")
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	told := make(chan string, 64)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				close(told)
				return
			}
			told <- string(b[:n])
		}
	}()
	await := func(p *process, want string) {
		t.Helper()
		for {
			select {
			case got := <-told:
				if strings.Contains(got, want) {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("systemd is not told %s\n%s", want, p.screen)
			}
		}
	}
	listen, file := freeAddress(t), filepath.Join(dir, "ostiary.yaml")
	if err := os.WriteFile(file, []byte(smallest(listen, "embedded", up.url, up.url, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, []string{"OSTIARY_TEST_OPENAI_KEY=k-0123456789abcdef", "OSTIARY_TEST_ANTHROPIC_KEY=k-0123456789abcdef", "NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=200000"}, "run", "--config", file)
	await(p, "READY=1")
	c, err := net.Dial("tcp", listen)
	if err != nil {
		t.Errorf("said to be ready, and does not serve: %v", err)
	} else {
		_ = c.Close()
	}
	await(p, "WATCHDOG=1")
	_ = p.cmd.Process.Signal(syscall.SIGHUP)
	await(p, "RELOADING=1")
	await(p, "READY=1")
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	await(p, "STOPPING=1")
}

// TestSystemdUnit: systemd reads the unit without a word of complaint.
func TestSystemdUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", "ostiary.service"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("ostiary")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "ostiary.service")
	// The program and the user are not installed here.
	changed := strings.NewReplacer("/usr/local/bin/ostiary", program, "User=ostiary", "User=root", "Group=ostiary", "Group=root").Replace(string(text))
	if err := os.WriteFile(unit, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "ostiary.service") {
		t.Errorf("%v\n%s", err, out)
	}
}
