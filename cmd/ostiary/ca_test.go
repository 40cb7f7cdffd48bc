package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/intercept"
	"github.com/ostiary/ostiary/testdata/env"
)

// caClients are the clients of the tests: where each is looked for, the store
// whose printed commands it follows, and what it says.
var caClients = []struct {
	name  string
	bin   func(t *testing.T) string // directory to look in first
	says  []string
	blind string // variable with which it verifies nothing; "" for none
}{
	{"curl", func(t *testing.T) string { return filepath.Dir(env.Program(t, "curl")) }, []string{"curl"}, ""},
	{"python", func(t *testing.T) string { return filepath.Dir(env.Python(t)) }, []string{"python ssl", "python httpx2"}, ""},
	{"node", func(t *testing.T) string { node, _ := env.Node(t); return filepath.Dir(node) }, []string{"node https", "node fetch"}, "NODE_TLS_REJECT_UNAUTHORIZED=0"},
	{"java", javaHome, []string{"java HttpClient"}, ""},
	{"go", func(*testing.T) string { return "/" }, []string{"go"}, ""},
}

// javaHome looks for a JDK, which the components of the tests do not include.
func javaHome(t *testing.T) string {
	if _, err := exec.LookPath("javac"); err != nil {
		t.Skip("no JDK is there: install openjdk-17-jdk-headless")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no JDK is there: install openjdk-17-jdk-headless")
	}
	return filepath.Dir(java)
}

// shell runs a script with a home of its own, and with ostiary on PATH.
func shell(t *testing.T, bin, script string, more ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "JAVA_TOOL_OPTIONS", "HOME", "PATH":
		default:
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, more...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestClientsTrust: each real client, in an environment of its own, does not trust
// the authority, follows the commands that are printed for it, and then does; a
// chain below an organisation's root works as well as a root.
func TestClientsTrust(t *testing.T) {
	if testing.Short() {
		t.Skip("needs real clients, which -short leaves out")
	}
	for _, c := range caClients {
		t.Run(c.name, func(t *testing.T) {
			bin := c.bin(t)
			dir := filepath.Join(t.TempDir(), "ca")
			home := "HOME=" + t.TempDir()
			if out, code := shell(t, bin, "ostiary ca init --dir "+dir+" --permit api.openai.com --permit openai.azure.com", home); code != 0 {
				t.Fatal(out)
			}
			check := "ostiary ca check --dir " + dir + " --client " + c.name
			install := `set -e; eval "$(ostiary ca install --dir ` + dir + ` --print ` + c.name + `)"; `
			out, code := shell(t, bin, check, home)
			for _, says := range c.says {
				if !strings.Contains(out, says) || !strings.Contains(out, "does not trust the authority (ostiary ca install --print "+c.name+")") || code != exitNo {
					t.Errorf("before: %d\n%s", code, out)
				}
			}
			out, code = shell(t, bin, install+check, home)
			if strings.Count(out, "trusts the authority") < len(c.says) || code != exitYes {
				t.Errorf("after the printed commands: %d\n%s", code, out)
			}
			if c.blind != "" {
				if out, code := shell(t, bin, install+check, home, c.blind); !strings.Contains(out, "VERIFIES NOTHING") || code != exitNo {
					t.Errorf("with %s: %d\n%s", c.blind, code, out)
				}
			}
			// Both authorities are trusted before and after the change of the key.
			steps := "ostiary ca rotate --dir " + dir + " >/dev/null; " + install + check + "; ostiary ca rotate --dir " + dir + " --activate >/dev/null; " + check
			if out, code := shell(t, bin, steps, home); strings.Count(out, "trusts the authority") < 2*len(c.says) || code != exitYes {
				t.Errorf("rotated: %d\n%s", code, out)
			}
			below := companyDirectory(t)
			if out, code := shell(t, bin, strings.ReplaceAll(install+check, dir, below), home); strings.Count(out, "trusts the authority") < len(c.says) || code != exitYes {
				t.Errorf("below a company: %d\n%s", code, out)
			}
		})
	}
}

// companyDirectory is an authority two levels below an organisation's root.
func companyDirectory(t *testing.T) string {
	t.Helper()
	certify := func(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		if parent == nil {
			parent, by = tmpl, key
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	root, rootKey := certify("Company Root", nil, nil)
	issuing, issuingKey := certify("Company Issuing", root, rootKey)
	d := intercept.Open(filepath.Join(t.TempDir(), "below"))
	m, err := d.Create(intercept.Terms{Domains: []string{"api.openai.com"}}, intercept.Key{}, []*x509.Certificate{issuing, root})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(m.Request)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: csr.Subject, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(0, 6, 0), ExtraExtensions: csr.Extensions}, issuing, csr.PublicKey, issuingKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Accept([]*x509.Certificate{cert}, false); err != nil {
		t.Fatal(err)
	}
	return d.Path()
}

// TestPinningFailsSafely: a client that pins the provider's key sends nothing.
func TestPinningFailsSafely(t *testing.T) {
	curl := env.Program(t, "curl")
	d := intercept.Open(filepath.Join(t.TempDir(), "ca"))
	m, err := d.Create(intercept.Terms{Domains: []string{"api.openai.com"}}, intercept.Key{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := startTLSServer(m.Authority, "api.openai.com")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	ask := func(more ...string) int {
		cmd := exec.CommandContext(t.Context(), curl, append(more, "--silent", "--noproxy", "*", "--cacert", d.TrustPath(), "--connect-to", "api.openai.com:443:127.0.0.1:"+s.port, "--data", "secret", "https://api.openai.com/")...)
		_ = cmd.Run() // the status says it
		return cmd.ProcessState.ExitCode()
	}
	const pinMismatch = 90 // CURLE_SSL_PINNEDPUBKEYNOTMATCH
	if code := ask("--pinnedpubkey", "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="); code != pinMismatch {
		t.Errorf("a client that pins: status %d", code)
	}
	if code := ask(); code != 0 {
		t.Errorf("the same client without a pin: status %d", code)
	}
}

// TestSDKsReadTheirVariables: the official SDKs take what ostiary env prints.
func TestSDKsReadTheirVariables(t *testing.T) {
	const listen = "127.0.0.1:9911"
	for _, c := range []struct {
		name string
		run  func(t *testing.T) string
	}{
		{"python", func(t *testing.T) string {
			return env.Python(t) + ` -c "import openai, anthropic; print(openai.OpenAI(api_key='k').base_url); print(anthropic.Anthropic(api_key='k').base_url)"`
		}},
		{"node", func(t *testing.T) string {
			node, modules := env.Node(t)
			return `cd ` + filepath.Dir(modules) + ` && ` + node + ` -e "const O = require('openai').default, A = require('@anthropic-ai/sdk').default; console.log(new O({apiKey: 'k'}).baseURL); console.log(new A({apiKey: 'k'}).baseURL)"`
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code := shell(t, "/", `eval "$(ostiary env --listen `+listen+`)"; `+c.run(t), "HOME="+t.TempDir())
			lines := strings.Fields(out)
			if code != 0 || len(lines) != 2 || strings.TrimSuffix(lines[0], "/") != "http://"+listen+"/v1" || strings.TrimSuffix(lines[1], "/") != "http://"+listen {
				t.Errorf("%d\n%s", code, out)
			}
		})
	}
}

// TestInstallIsShell: what is printed for shells is shell, and holds no key.
func TestInstallIsShell(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	m, err := intercept.Open(dir).Create(intercept.Terms{Domains: []string{"api.openai.com"}}, intercept.Key{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, m.Number, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Split(string(key), "\n")[1]
	for _, s := range trustStores() {
		var out strings.Builder
		s.write(&out, m.Authority.Trust())
		if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "PRIVATE") {
			t.Errorf("%s: a key is printed", s.name)
		}
		if strings.Count(out.String(), "BEGIN CERTIFICATE") != 1 {
			t.Errorf("%s: the certificate is not in it", s.name)
		}
		if s.name == "windows" {
			continue // PowerShell
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-n")
		cmd.Stdin = strings.NewReader(out.String())
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.name, err, text)
		}
	}
}
