//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/testdata/env"
)

// podman's settings where control groups are of both versions, and where no limit may
// be raised.
const podmanConf = `[containers]
default_ulimits = ["nofile=%d:%[1]d", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`

// pods runs podman with a store of its own, inside the world's network.
type pods struct {
	w    *world
	conf string
}

func (w *world) pods() *pods {
	t := w.t
	t.Helper()
	env.Large(t, "podman", "pods")
	env.Large(t, "runc", "pods")
	p := &pods{w: w, conf: w.path("containers.conf")}
	write(t, p.conf, fmt.Sprintf(podmanConf, openFiles(t)), 0o644)
	t.Cleanup(func() {
		if t.Failed() {
			list, _ := p.podman(nil, "ps", "--all", "--noheading", "--format", "{{.Names}}")
			for _, name := range strings.Fields(list) {
				said, _ := p.podman(nil, "logs", name)
				t.Logf("%s said:\n%s", name, said)
			}
		}
		if out, err := p.podman(nil, "pod", "rm", "--all", "--force", "--time", "0"); err != nil {
			t.Errorf("the pod does not end: %v\n%s", err, out)
		}
	})
	return p
}

// podman runs a command of podman in the applications' network, with their names.
func (p *pods) podman(in io.Reader, args ...string) (string, error) {
	w := p.w
	cmd := exec.Command("nsenter", append([]string{"--net", "--mount", "--target", fmt.Sprint(w.views["both"]),
		"podman", "--root", w.path("podman", "root"), "--runroot", w.path("podman", "run"), "--tmpdir", w.path("podman", "tmp")}, args...)...)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+p.conf)
	cmd.Dir = w.dir
	cmd.Stdin = in
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *pods) must(in io.Reader, args ...string) string {
	p.w.t.Helper()
	out, err := p.podman(in, args...)
	if err != nil {
		p.w.t.Fatalf("podman %s: %v\n%s", args[0], err, out)
	}
	return out
}

// image makes one of files, by their paths inside, and of the libraries that they are
// linked with.
func (p *pods) image(name, entry string, environ []string, files map[string]string) {
	t := p.w.t
	t.Helper()
	all := map[string]string{}
	for to, from := range files {
		all[to] = from
		out, err := exec.Command("ldd", from).Output()
		if err != nil {
			continue // linked with none, or no program
		}
		for _, word := range strings.Fields(string(out)) {
			if strings.HasPrefix(word, "/") {
				all[word] = word
			}
		}
	}
	reader, writer := io.Pipe()
	go func() {
		tw := tar.NewWriter(writer)
		err := func() error {
			if err := tw.WriteHeader(&tar.Header{Name: "tmp", Typeflag: tar.TypeDir, Mode: 0o1777}); err != nil {
				return err
			}
			for to, from := range all {
				f, err := os.Open(from)
				if err != nil {
					return err
				}
				st, err := f.Stat()
				if err == nil {
					err = tw.WriteHeader(&tar.Header{Name: strings.TrimPrefix(to, "/"), Typeflag: tar.TypeReg, Mode: 0o755, Size: st.Size()})
				}
				if err == nil {
					_, err = io.Copy(tw, f)
				}
				_ = f.Close()
				if err != nil {
					return err
				}
			}
			return tw.Close()
		}()
		writer.CloseWithError(err)
	}()
	args := []string{"import", "--change", fmt.Sprintf("ENTRYPOINT [%q]", entry)}
	for _, e := range environ {
		args = append(args, "--change", "ENV "+e)
	}
	p.must(reader, append(args, "-", name)...)
}

// TestPod: the pod that users copy, with an application that was written without
// Ostiary in mind and is the one thing in its image. Its init containers make the
// authority and write the rules; its sidecar is Ostiary with Envoy.
func TestPod(t *testing.T) {
	w := newWorld(t)
	p := w.pods()
	w.compile()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	roots := w.path("both.pem") // the public roots of this world
	var both []byte
	for _, f := range []string{"vendor.pem", "roots.pem"} {
		b, err := os.ReadFile(w.path(f))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, b...)
	}
	write(t, roots, string(both), 0o644)
	p.image("localhost/ostiary-of-test", "/usr/bin/ostiary", []string{"OSTIARY_ENVOY=/usr/bin/envoy"}, map[string]string{
		"/usr/bin/ostiary": self, "/usr/bin/envoy": env.Envoy(t), "/etc/ssl/certs/ca-certificates.crt": roots,
	})
	p.image("localhost/application-of-test", "/client", nil, map[string]string{"/client": w.path("app", "client")})

	yaml, err := os.ReadFile(filepath.Join(env.Root(t), "deploy", "pod", "pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	state := w.path("pod")
	if err := os.Mkdir(state, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(state, 0o777); err != nil { // as an emptyDir has it
		t.Fatal(err)
	}
	// podman asks for a file before it starts what makes it. An init container is in time.
	authority := filepath.Join(state, "ca")
	placeholder := filepath.Join(authority, "bundle.pem")
	if err := errors.Join(os.Mkdir(authority, 0o700), os.WriteFile(placeholder, nil, 0o644), os.Chown(authority, uidOstiary, uidOstiary), os.Chown(placeholder, uidOstiary, uidOstiary)); err != nil {
		t.Fatal(err)
	}
	prompts, err := json.Marshal([]string{ordinary, card, secret})
	if err != nil {
		t.Fatal(err)
	}
	text := string(yaml)
	for _, s := range []struct{ old, new string }{
		{"image: ostiary\n", "image: localhost/ostiary-of-test\n      imagePullPolicy: Never\n"},
		{"image: application\n", "image: localhost/application-of-test\n      imagePullPolicy: Never\n      args: " + string(prompts) + "\n"},
		{"      env:\n        # The public", "      env:\n        - {name: OPENAI_API_KEY, value: " + theKey + "}\n        # The public"},
		{"http://models.in-house.svc:8000", "http://127.0.0.1:8000"},
		// podman would begin init containers anew that ended well.
		{"spec:\n", "spec:\n  restartPolicy: Never\n"},
		// podman 4 removes init containers that ended and waits for them in vain.
		{"  labels:\n", "  annotations:\n    io.podman.annotations.init.container.type: always\n  labels:\n"},
		// And it knows no subPath: the same file by its path on this machine.
		{"{name: state, mountPath: /etc/ostiary/bundle.pem, subPath: ca/bundle.pem, readOnly: true}", "{name: trust, mountPath: /etc/ostiary/bundle.pem, readOnly: true}"},
		{"      emptyDir: {}\n", "      hostPath: {path: " + state + "}\n    - name: trust\n      hostPath: {path: " + placeholder + "}\n"},
	} {
		if !strings.Contains(text, s.old) {
			t.Fatalf("deploy/pod/pod.yaml has no %q", s.old)
		}
		text = strings.ReplaceAll(text, s.old, s.new)
	}
	write(t, w.path("pod.yaml"), text, 0o644)
	p.must(nil, "kube", "play", "--network", "host", "--build=false", w.path("pod.yaml"))
	var answers []string
	until(t, "the application has its answers", func() bool {
		out, _ := p.podman(nil, "logs", "application-application")
		answers = answers[:0]
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "status=") {
				answers = append(answers, strings.TrimSpace(line))
			}
		}
		return len(answers) == 3
	})
	for n, want := range []string{"status=200 pool=openai action=allow", "status=200 pool=house action=reroute", "status=403 pool=none action=deny"} {
		if !strings.HasPrefix(answers[n], want) {
			t.Errorf("answer %d: %s, want %s", n, answers[n], want)
		}
	}
	if w.vendor.Count() != 1 || w.house.Count() != 1 {
		t.Errorf("the vendor had %d requests, the model in-house %d", w.vendor.Count(), w.house.Count())
	}
	got := settleFor(w.vendor.bytes)
	if len(got) == 0 || bytes.Contains(got, []byte(demoToken)) {
		t.Errorf("the vendor had %d bytes", len(got))
	}
	// Without the sidecar nothing goes: the rules outlive it.
	asked := w.vendor.Count()
	p.must(nil, "stop", "--time", "20", "application-ostiary")
	cmd := w.command("ipv4", uidApp, nil, "curl", "--silent", "--max-time", "20", "--cacert", roots, "https://"+vendorOpenAI+"/v1/models")
	if out, err := cmd.CombinedOutput(); err == nil || w.vendor.Count() != asked {
		t.Errorf("without the sidecar the vendor is reached: %s", out)
	}
	n := map[string]int{}
	for _, ev := range readEvents(t, filepath.Join(state, "log"), proxy.EventDecision) {
		n[string(ev.Decision.Action)+" "+ev.Request.Application]++
	}
	if n["allow application"] != 1 || n["reroute application"] != 1 || n["deny application"] != 1 {
		t.Errorf("decisions in the log: %v", n)
	}
}

// openFiles is how many files a process here may have open.
func openFiles(t *testing.T) uint64 {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	return l.Max
}
