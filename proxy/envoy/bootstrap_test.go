package envoy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy/envoy"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shape is a kind of installation. Its files lie in dir, its sockets in run.
type shape struct {
	name string
	spec func(dir, run string) envoy.Spec
}

func shapes() []shape {
	return []shape{
		{"two-pools", func(dir, run string) envoy.Spec {
			return envoy.Spec{
				Listen: "127.0.0.1:8484", Socket: run + "/policy.sock", Admin: run + "/admin.sock", AccessLog: "/dev/stdout", PoolsDigest: "d1",
				CABundle: dir + "/roots.pem",
				Upstreams: []envoy.Upstream{
					{Name: "openai", URL: "https://api.openai.com", Credential: envoy.Credential{Mode: envoy.PoolCredential, Header: "authorization", Secret: "openai"}},
					{Name: "house", URL: "http://127.0.0.1:8080", Internal: true},
				},
			}
		}},
		{"gateway", func(dir, run string) envoy.Spec {
			return envoy.Spec{
				Listen: ":8443", TLS: &envoy.TLS{Cert: dir + "/tls.crt", Key: dir + "/tls.key"},
				Socket: run + "/policy.sock", Admin: run + "/admin.sock", AccessLog: dir + "/access.jsonl",
				BodyLimit: 4 << 20, MessageTimeout: 2 * time.Second, MaxConnections: 100, MaxExchanges: 200, Memory: 1 << 30, PoolsDigest: "d2", CABundle: dir + "/roots.pem",
				Lookup: func(string) (netip.Addr, error) { return netip.MustParseAddr("192.0.2.8"), nil },
				Upstreams: []envoy.Upstream{
					{Name: "anthropic", URL: "https://api.anthropic.com", Proxy: "http://proxy.example:3128", Credential: envoy.Credential{Mode: envoy.PoolCredential, Header: "x-api-key", Secret: "anthropic"}},
					{Name: "openrouter", URL: "https://openrouter.ai/api/", Credential: envoy.Credential{Mode: envoy.ClientCredential}},
					{Name: "vllm", URL: "https://10.0.0.5:8000/v2/serving", Internal: true, CA: dir + "/roots.pem", ServerName: "vllm.internal.example"},
					{Name: "by-address", URL: "https://10.0.0.6", Internal: true},
					{Name: "ollama", URL: "http://ollama.internal.example:11434", Internal: true, Credential: envoy.Credential{Mode: envoy.NoCredential}},
					{Name: "plain-proxy", URL: "http://models.example", Proxy: "http://192.0.2.9:8080"},
				},
			}
		}},
		{"intercepted", func(dir, run string) envoy.Spec {
			return envoy.Spec{
				Listen: "127.0.0.1:8484", Socket: run + "/policy.sock", Admin: run + "/admin.sock", AccessLog: "/dev/stdout", PoolsDigest: "d3", CABundle: dir + "/roots.pem",
				Upstreams: []envoy.Upstream{
					{Name: "openai", URL: "https://api.openai.com", Credential: envoy.Credential{Mode: envoy.ClientCredential}, Pins: []string{"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
					{Name: "house", URL: "http://127.0.0.1:8080", Internal: true},
				},
				Intercept: &envoy.Interception{
					Proxy: []string{"127.0.0.1:3128"}, Redirect: []string{"127.0.0.1:15001", "[::1]:15001"}, SDS: run + "/sds.sock",
					Matches: []envoy.HostMatch{
						{Expr: `api\.openai\.com`, Chain: envoy.Governed}, {Expr: `[a-z0-9-]+\.openai\.azure\.com`, Chain: envoy.Governed},
						{Expr: `paste\.example`, Chain: envoy.Refused + "rule"}, {Expr: `.*llm.*`, Chain: envoy.Refused + "suspect"}, {Expr: `([a-z0-9-]+\.)+[a-z]+`, Chain: envoy.Passed},
					},
				},
			}
		}},
		{"intercepted-behind-proxy", func(dir, run string) envoy.Spec {
			return envoy.Spec{
				Listen: "127.0.0.1:8484", Socket: run + "/policy.sock", Admin: run + "/admin.sock", AccessLog: dir + "/access.jsonl",
				Intercept: &envoy.Interception{
					Redirect: []string{"127.0.0.1:15001"}, SDS: run + "/sds.sock", Upstream: "http://192.0.2.9:8080", Private: true, Own: true, Admit: true,
					Matches: []envoy.HostMatch{{Expr: `.*\.example`, Chain: envoy.Passed}},
				},
			}
		}},
		{"no-pools", func(dir, run string) envoy.Spec {
			return envoy.Spec{Listen: "[::1]:8484", Socket: run + "/policy.sock", Admin: run + "/admin.sock", AccessLog: "/dev/stdout"}
		}},
	}
}

// TestBootstrapIsAsRecorded compares with golden files; -update writes them.
func TestBootstrapIsAsRecorded(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			b, err := envoy.Bootstrap(s.spec("/etc/ostiary", "/run/ostiary"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := envoy.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", s.name+".json")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("(-recorded +generated)\n%s", d)
			}
			back, err := envoy.Unmarshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := envoy.Marshal(back); err != nil || !bytes.Equal(again, got) {
				t.Error("what was written is not what is read", err)
			}
		})
	}
}

// validateAll checks m and every message in it, those packed into an Any too,
// against the constraints in Envoy's protos. It gives how many were checked.
func validateAll(t *testing.T, m proto.Message) int {
	t.Helper()
	n := 1
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			t.Errorf("%s: %v", m.ProtoReflect().Descriptor().FullName(), err)
		}
	}
	each := func(v protoreflect.Value) {
		inner := v.Message().Interface()
		if a, ok := inner.(*anypb.Any); ok {
			unpacked, err := a.UnmarshalNew()
			if err != nil {
				t.Errorf("%s cannot be unpacked: %v", a.TypeUrl, err)
				return
			}
			inner = unpacked
		}
		n += validateAll(t, inner)
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { each(v); return true })
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				each(v.List().Get(i))
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			each(v)
		}
		return true
	})
	return n
}

func TestRecordedBootstrapsHoldTheConstraintsOfTheProtos(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < len(shapes()) {
		t.Fatal("golden files are missing", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := envoy.Unmarshal(raw)
		if err != nil {
			t.Fatal(f, err)
		}
		if n := validateAll(t, b); n < 100 {
			t.Errorf("%s: only %d messages were looked at: the walk is broken", f, n)
		}
	}
}

func TestEnvoyAcceptsTheBootstraps(t *testing.T) {
	bin := findEnvoy(t)
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			newCA(t).write(t, dir)
			b, err := envoy.Bootstrap(s.spec(dir, dir))
			if err != nil {
				t.Fatal(err)
			}
			raw, err := envoy.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(dir, "bootstrap.json")
			if err := os.WriteFile(config, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(bin, "--mode", "validate", "-c", config, "-l", "warning", "--disable-hot-restart").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if bytes.Contains(out, []byte("deprecated")) {
				t.Errorf("Envoy calls something deprecated:\n%s", out)
			}
		})
	}
}

func TestSpecsThatAreRefused(t *testing.T) {
	good := func() envoy.Spec { return shapes()[0].spec("/etc/ostiary", "/run/ostiary") }
	for _, c := range []struct {
		name string
		bad  func(*envoy.Spec)
		want string
	}{
		{"no address", func(s *envoy.Spec) { s.Listen = "" }, "no address to listen on"},
		{"a name to listen on", func(s *envoy.Spec) { s.Listen = "gateway.example:80" }, "must be an IP address"},
		{"port 0", func(s *envoy.Spec) { s.Listen = "127.0.0.1:0" }, "between 1 and 65535"},
		{"relative socket", func(s *envoy.Spec) { s.Socket = "policy.sock" }, "absolute path"},
		{"long socket", func(s *envoy.Spec) { s.Admin = "/" + strings.Repeat("a", 107) }, "no unix socket can have"},
		{"no access log", func(s *envoy.Spec) { s.AccessLog = "" }, "access log"},
		{"half of TLS", func(s *envoy.Spec) { s.TLS = &envoy.TLS{Cert: "/c"} }, "both"},
		{"body limit over a window", func(s *envoy.Spec) { s.BodyLimit = 1 << 31 }, "body limit"},
		{"pool name with a slash", func(s *envoy.Spec) { s.Upstreams[0].Name = "a/b" }, "a-z, 0-9"},
		{"two pools of a name", func(s *envoy.Spec) { s.Upstreams[1].Name = "openai" }, "two of this name"},
		{"ftp", func(s *envoy.Spec) { s.Upstreams[0].URL = "ftp://a" }, "http or https"},
		{"no host", func(s *envoy.Spec) { s.Upstreams[0].URL = "https:///v1" }, "cannot be read"},
		{"query", func(s *envoy.Spec) { s.Upstreams[0].URL = "https://a/?k=v" }, "no user, query"},
		{"dots in the base path", func(s *envoy.Spec) { s.Upstreams[0].URL = "https://a/b/../c" }, "path may hold"},
		{"escape in the base path", func(s *envoy.Spec) { s.Upstreams[0].URL = "https://a/b%2fc" }, "path may hold"},
		{"credential without a secret", func(s *envoy.Spec) { s.Upstreams[0].Credential.Secret = "" }, "needs a lower-case header"},
		{"credential of no mode", func(s *envoy.Spec) { s.Upstreams[0].Credential.Mode = "mine" }, "no mode"},
		{"proxy with a user", func(s *envoy.Spec) { s.Upstreams[0].Proxy = "http://u:p@proxy:3128" }, "cannot log in"},
		{"proxy over TLS", func(s *envoy.Spec) { s.Upstreams[0].Proxy = "https://proxy:3128" }, "http://host:port"},
		{"proxy without an address", func(s *envoy.Spec) {
			s.Upstreams[0].Proxy = "http://proxy:3128"
			s.Lookup = func(string) (netip.Addr, error) { return netip.Addr{}, errors.New("no such name") }
		}, "cannot be resolved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := good()
			c.bad(&s)
			_, err := envoy.Bootstrap(s)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	t.Run("no password in the error", func(t *testing.T) {
		s := good()
		s.Upstreams[0].URL = "https://user:hunter2@a\x7f"
		if _, err := envoy.Bootstrap(s); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Error("the error is missing or quotes the URL's password")
		}
	})
	t.Run("all problems at once", func(t *testing.T) {
		_, err := envoy.Bootstrap(envoy.Spec{})
		for _, want := range []string{"listen", "policy server", "admin socket", "access log"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
	})
}

// authority is a certificate authority for a test, and one leaf of it.
type authority struct {
	roots, cert, key []byte // PEM
	pool             *x509.CertPool
}

func newCA(t testing.TB, names ...string) *authority {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test leaf"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range append(names, "localhost", "127.0.0.1") {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	a := &authority{
		roots: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		cert:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		pool:  x509.NewCertPool(),
	}
	a.pool.AppendCertsFromPEM(a.roots)
	return a
}

func (a *authority) write(t testing.TB, dir string) {
	t.Helper()
	for name, b := range map[string][]byte{"roots.pem": a.roots, "tls.crt": a.cert, "tls.key": a.key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// moduleRoot walks up to go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// findEnvoy gives the path of a real Envoy, or skips the test and says why.
// With OSTIARY_TEST_REQUIRE=1 a missing one is a failure.
func findEnvoy(t testing.TB) string {
	t.Helper()
	o := envoy.FindOptions{}
	if os.Getenv(envoy.Variable) == "" {
		if p := filepath.Join(moduleRoot(t), ".cache", "envoy", "envoy"); fileThere(p) {
			o.Path = p
		}
	}
	b, err := envoy.Find(t.Context(), o)
	if err == nil {
		return b.Path
	}
	if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
		t.Fatal("a real Envoy is required: ", err)
	}
	t.Skip("needs a real Envoy in OSTIARY_ENVOY, PATH or .cache/envoy/envoy: ", err)
	return ""
}

func fileThere(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}
