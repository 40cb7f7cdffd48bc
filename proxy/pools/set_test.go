package pools_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

// secret is a key that no message may show.
const secret = "sk-canary-7f3a9c1e"

func address(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func upstream(t testing.TB, name string, source pools.Source, change ...func(*pools.Upstream)) pools.Upstream {
	u := pools.Upstream{
		Pool: proxy.Pool{Name: name, Boundary: proxy.External, Dialects: []string{"openai"}, Credential: proxy.CredentialPool},
		URL:  address(t, "https://api.closed.example"), Credential: source,
	}
	for _, c := range change {
		c(&u)
	}
	return u
}

func file(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func sh(script string) pools.Source { return pools.Source{Command: []string{"/bin/sh", "-c", script}} }

func TestSource(t *testing.T) {
	t.Setenv("OSTIARY_TEST_KEY", secret+"\n")
	t.Setenv("OSTIARY_TEST_EMPTY", "")
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		source pools.Source
		want   string // the key, else the reason
		fails  bool
	}{
		{"variable", pools.Source{Env: "OSTIARY_TEST_KEY"}, secret, false},
		{"variable not set", pools.Source{Env: "OSTIARY_TEST_NONE"}, "the environment variable OSTIARY_TEST_NONE is not set", true},
		{"variable empty", pools.Source{Env: "OSTIARY_TEST_EMPTY"}, "the environment variable OSTIARY_TEST_EMPTY is not set", true},
		{"file", pools.Source{File: file(t, secret+"\n")}, secret, false},
		{"file without a newline", pools.Source{File: file(t, secret)}, secret, false},
		{"file of Windows", pools.Source{File: file(t, secret+"\r\n")}, secret, false},
		{"file of the longest key", pools.Source{File: file(t, strings.Repeat("k", 16<<10)+"\r\n")}, strings.Repeat("k", 16<<10), false},
		{"file longer than a key", pools.Source{File: file(t, strings.Repeat("k", 1<<20))}, "holds more than a key", true},
		{"file that is not there", pools.Source{File: filepath.Join(dir, "none")}, "does not exist", true},
		{"directory", pools.Source{File: dir}, "is a directory or cannot be read", true},
		{"file empty", pools.Source{File: file(t, "\n")}, "holds no key", true},
		{"file of two lines", pools.Source{File: file(t, secret+"\nsecond\n")}, "control characters or line breaks", true},
		{"header smuggled", pools.Source{File: file(t, secret+"\r\nx-evil: 1")}, "control characters or line breaks", true},
		{"zero byte", pools.Source{File: file(t, secret+"\x00")}, "control characters or line breaks", true},
		{"blank behind", pools.Source{File: file(t, secret+" \n")}, "blanks around it", true},
		{"byte order mark", pools.Source{File: file(t, "\ufeff"+secret)}, "that a header cannot carry", true},
		{"command", sh("echo " + secret), secret, false},
		{"command with much on standard error", sh("yes " + secret + " | head -c 300000 >&2; echo " + secret), secret, false},
		{"command that fails", sh("echo " + secret + "; echo " + secret + " >&2; exit 1"), "the command /bin/sh failed", true},
		{"command that prints too much", sh("yes " + secret + " | head -c 300000"), "printed more than a key", true},
		{"command that prints nothing", sh("true"), "holds no key", true},
		{"command that is not there", pools.Source{Command: []string{"ostiary-no-such-command"}}, "was not found", true},
		{"nothing", pools.Source{}, "no place of a key is named", true},
	} {
		got, err := tt.source.Read(t.Context())
		if (err != nil) != tt.fails {
			t.Errorf("%s: failed %v", tt.name, err)
			continue
		}
		if err == nil && got.Reveal() != tt.want {
			t.Errorf("%s: not the key", tt.name)
		}
		if err != nil {
			e, ok := err.(*pools.SourceError)
			if !ok || !strings.Contains(e.Reason, tt.want) || e.Remedy == "" {
				t.Errorf("%s: %v, want %q with a remedy", tt.name, err, tt.want)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), secret) {
				t.Errorf("%s: the error shows the key", tt.name)
			}
		}
	}
}

func TestCommandEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	// The child of the shell keeps the output open after the shell was killed.
	_, err := sh("sleep 60 & sleep 60").Read(ctx)
	if err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCredential(t *testing.T) {
	t.Setenv("OSTIARY_TEST_KEY", "k-123")
	src := pools.Source{Env: "OSTIARY_TEST_KEY"}
	dialects := func(d ...string) func(*pools.Upstream) {
		return func(u *pools.Upstream) { u.Pool.Dialects = d }
	}
	header := func(h, scheme string) func(*pools.Upstream) {
		return func(u *pools.Upstream) { u.Header, u.Scheme = h, scheme }
	}
	mode := func(m proxy.CredentialMode) func(*pools.Upstream) {
		return func(u *pools.Upstream) { u.Pool.Credential, u.Credential = m, pools.Source{} }
	}
	for _, tt := range []struct {
		name   string
		change []func(*pools.Upstream)
		want   string // header|value|ok|available
	}{
		{"openai", nil, "authorization|Bearer k-123|true|"},
		{"anthropic alone", []func(*pools.Upstream){dialects("anthropic")}, "x-api-key|k-123|true|"},
		{"both", []func(*pools.Upstream){dialects("anthropic", "openai")}, "authorization|Bearer k-123|true|"},
		{"a header of its own", []func(*pools.Upstream){header("X-Key", "")}, "x-key|k-123|true|"},
		{"a header and a scheme", []func(*pools.Upstream){header("X-Key", "Token")}, "x-key|Token k-123|true|"},
		{"a scheme for anthropic", []func(*pools.Upstream){dialects("anthropic"), header("", "Bearer")}, "authorization|Bearer k-123|true|"},
		{"none", []func(*pools.Upstream){mode(proxy.CredentialNone)}, "||false|"},
		{"the client's", []func(*pools.Upstream){mode(proxy.CredentialClient), header("x", "y")}, "||false|"},
		{"missing", []func(*pools.Upstream){func(u *pools.Upstream) { u.Credential.Env = "OSTIARY_TEST_NONE" }}, "||false|credential"},
	} {
		s, err := pools.New([]pools.Upstream{upstream(t, "p", src, tt.change...)})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		h, v, ok := s.Credential("p")
		if got := fmt.Sprintf("%s|%s|%v|%s", h, v, ok, s.Available("p")); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if secret, has := s.Secret("p"); has != ok || secret != v {
			t.Errorf("%s: Secret and Credential differ", tt.name)
		}
		if _, _, ok := s.Credential("other"); ok || s.Available("other") == "" {
			t.Errorf("%s: an unknown pool has a key", tt.name)
		}
	}
}

// Whatever key a pool has, no other pool gets it.
func TestKeysStayWithTheirPool(t *testing.T) {
	none := func(u *pools.Upstream) { u.Pool.Credential, u.Credential = proxy.CredentialNone, pools.Source{} }
	s, err := pools.New([]pools.Upstream{
		upstream(t, "a", sh("echo key-of-a")), upstream(t, "b", sh("echo key-of-b")), upstream(t, "house", pools.Source{}, none),
	})
	if err != nil {
		t.Fatal(err)
	}
	for pool, want := range map[string]string{"a": "Bearer key-of-a", "b": "Bearer key-of-b", "house": ""} {
		if _, v, _ := s.Credential(pool); v != want {
			t.Errorf("the key of %s is not its own", pool)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	src := pools.Source{Env: "OSTIARY_TEST_NONE"}
	with := func(change func(*pools.Upstream)) []pools.Upstream {
		return []pools.Upstream{upstream(t, "p", src, change)}
	}
	for _, tt := range []struct {
		name string
		ups  []pools.Upstream
		want string
	}{
		{"no pools", nil, "no pools"},
		{"a name twice", []pools.Upstream{upstream(t, "p", src), upstream(t, "p", src)}, `"p" is empty, taken or reserved`},
		{"our own name", []pools.Upstream{upstream(t, "ostiary", src)}, "reserved"},
		{"no name", []pools.Upstream{upstream(t, "", src)}, "empty"},
		{"no URL", with(func(u *pools.Upstream) { u.URL = nil }), "its URL"},
		{"another scheme", with(func(u *pools.Upstream) { u.URL = address(t, "ftp://a") }), "its URL"},
		{"a user in the URL", with(func(u *pools.Upstream) { u.URL = address(t, "https://u:"+secret+"@a") }), "its URL"},
		{"a key without use", with(func(u *pools.Upstream) { u.Pool.Credential = proxy.CredentialClient }), "if, and only if"},
		{"a use without a key", with(func(u *pools.Upstream) { u.Credential = pools.Source{} }), "if, and only if"},
		{"no authorities", with(func(u *pools.Upstream) { u.CA = filepath.Join(t.TempDir(), "none") }), "read authorities"},
		{"authorities that are none", with(func(u *pools.Upstream) { u.CA = file(t, "no PEM") }), "no certificate"},
	} {
		_, err := pools.New(tt.ups)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: not refused as %q", tt.name, tt.want)
		}
	}
}

func TestRefresh(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dir := t.TempDir()
	name := func(n string) string { return filepath.Join(dir, n) }
	write := func(n, text string) {
		at = at.Add(time.Second)
		if err := os.WriteFile(name(n), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name(n), at, at); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(n string) {
		if err := os.Remove(name(n)); err != nil {
			t.Fatal(err)
		}
	}
	write("file", "one")
	write("out", "one")
	s, err := pools.New([]pools.Upstream{
		upstream(t, "late", pools.Source{File: name("late")}),
		upstream(t, "file", pools.Source{File: name("file")}),
		upstream(t, "command", sh("cat '"+name("out")+"' && test ! -e '"+name("fail")+"'")),
	})
	if err != nil {
		t.Fatal(err)
	}
	digest := s.Digest()
	for _, step := range []struct {
		name    string
		do      func()
		changed string
		keys    string // of late, file, command
		warns   int
	}{
		{"nothing happened", func() {}, "", ",Bearer one,Bearer one", 1},
		{"the missing file is written", func() { write("late", "here") }, "late", "Bearer here,Bearer one,Bearer one", 0},
		{"a file is rewritten", func() { write("file", "two") }, "file", "Bearer here,Bearer two,Bearer one", 0},
		{"touched, not changed", func() { write("file", "two") }, "", "Bearer here,Bearer two,Bearer one", 0},
		{"swapped for another of the same size and time", func() {
			if err := os.WriteFile(name("new"), []byte("six"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(name("new"), at, at); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(name("new"), name("file")); err != nil {
				t.Fatal(err)
			}
		}, "file", "Bearer here,Bearer six,Bearer one", 0},
		{"a command prints another key", func() { write("out", "two") }, "command", "Bearer here,Bearer six,Bearer two", 0},
		{"a command fails: the key stays", func() { write("out", "three"); write("fail", "") }, "", "Bearer here,Bearer six,Bearer two", 1},
		{"it works again", func() { remove("fail") }, "command", "Bearer here,Bearer six,Bearer three", 0},
		{"a file is removed: the key is withdrawn", func() { remove("file") }, "file", "Bearer here,,Bearer three", 1},
		{"a file is broken: the key is withdrawn", func() { write("late", "a\nb") }, "late", ",,Bearer three", 2},
		{"a command has no key any more", func() { write("out", "") }, "command", ",,", 3},
		{"all are back", func() { write("late", "1"); write("file", "2"); write("out", "3") }, "late,file,command", "Bearer 1,Bearer 2,Bearer 3", 0},
	} {
		step.do()
		changed := strings.Join(s.Refresh(t.Context()), ",")
		var keys []string
		for _, p := range s.Pools() {
			v, ok := s.Secret(p.Name)
			if ok != (s.Available(p.Name) == "") {
				t.Errorf("%s: %s has a key %v and is available %q", step.name, p.Name, ok, s.Available(p.Name))
			}
			keys = append(keys, v)
		}
		if changed != step.changed || strings.Join(keys, ",") != step.keys || len(s.Warnings()) != step.warns {
			t.Errorf("%s: changed %s, keys %s, warnings %d; want %s, %s, %d", step.name, changed, strings.Join(keys, ","), len(s.Warnings()), step.changed, step.keys, step.warns)
		}
	}
	if s.Digest() != digest {
		t.Error("a data plane need not be made anew for another key")
	}
}

func TestWarningsSayWhatToDo(t *testing.T) {
	t.Setenv("OSTIARY_TEST_TWICE", "Bearer "+secret)
	s, err := pools.New([]pools.Upstream{
		upstream(t, "openai", pools.Source{Env: "OSTIARY_TEST_NONE"}),
		upstream(t, "twice", pools.Source{Env: "OSTIARY_TEST_TWICE"}),
		upstream(t, "loud", sh("echo "+secret+"; echo "+secret+" >&2; false")),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"pool openai: the environment variable OSTIARY_TEST_NONE is not set; requests to it are refused. To mend it: export OSTIARY_TEST_NONE and start Ostiary again.",
		"pool twice: the key begins with the word Bearer already; requests to it are refused. To mend it: leave the word out: it is put before the key.",
		"pool loud: the command /bin/sh failed; requests to it are refused. To mend it: run it by hand as the user that runs Ostiary.",
	}
	if d := cmp.Diff(want, s.Warnings()); d != "" {
		t.Error(strings.ReplaceAll(d, secret, "(the key)"))
	}
}

func TestDigest(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	ca := file(t, cert)
	src := pools.Source{Env: "OSTIARY_TEST_NONE"}
	digest := func(change func(*pools.Upstream)) string {
		u := upstream(t, "p", src)
		change(&u)
		s, err := pools.New([]pools.Upstream{u})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest()
	}
	base := digest(func(*pools.Upstream) {})
	seen := map[string]string{base: "nothing"}
	for name, change := range map[string]func(*pools.Upstream){
		"name":   func(u *pools.Upstream) { u.Pool.Name = "q" },
		"URL":    func(u *pools.Upstream) { u.URL = address(t, "https://api.closed.example/x") },
		"mode":   func(u *pools.Upstream) { u.Pool.Credential, u.Credential = "client", pools.Source{} },
		"header": func(u *pools.Upstream) { u.Header = "x-key" },
		"CA":     func(u *pools.Upstream) { u.CA = ca },
		"proxy":  func(u *pools.Upstream) { u.Proxy = "http://p:1" },
	} {
		d := digest(change)
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s give the same digest", name, other)
		}
		seen[d] = name
	}
	if err := os.WriteFile(ca, []byte("# renewed\n"+cert), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := seen[digest(func(u *pools.Upstream) { u.CA = ca })]; ok {
		t.Error("other authorities in the same file give the same digest")
	}
	for name, change := range map[string]func(*pools.Upstream){
		"key":       func(u *pools.Upstream) { u.Credential = sh("echo other") },
		"models":    func(u *pools.Upstream) { u.Pool.Models = []proxy.ModelAlias{{Pattern: "a", Name: "b"}} },
		"context":   func(u *pools.Upstream) { u.Pool.Context = 5 },
		"retention": func(u *pools.Upstream) { u.Pool.Retention = "none" },
	} {
		if digest(change) != base {
			t.Errorf("%s changes the digest: the data plane would be made anew for nothing", name)
		}
	}
}

// A Set holds keys and may be printed by mistake.
func TestSetIsNotPrinted(t *testing.T) {
	s, err := pools.New([]pools.Upstream{upstream(t, "p", pools.Source{File: file(t, secret)})})
	if err != nil {
		t.Fatal(err)
	}
	if _, v, _ := s.Credential("p"); v != "Bearer "+secret {
		t.Fatal("the key is not there: the test is blind")
	}
	shows := func(how, out string) {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret), fmt.Sprint([]byte(secret))[1:20]} {
			if strings.Contains(out, form) {
				t.Errorf("%s shows the key", how)
			}
		}
	}
	keys := reflect.ValueOf(s).Elem().FieldByName("keys")
	for _, v := range []any{s, struct{ s *pools.Set }{s}, []*pools.Set{s}, map[string]*pools.Set{"a": s}, keys, s.Upstreams(), s.Pools()} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			for _, flags := range []string{"", "+", "#", " ", "+#"} {
				shows("%"+flags+string(verb), fmt.Sprintf("%"+flags+string(verb), v))
			}
		}
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "k", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "k", v)
		j, _ := json.Marshal(v)
		_ = gob.NewEncoder(&b).Encode(v)
		shows("an encoder", b.String()+string(j))
	}
}

// FuzzKey: what is taken for a key can stand in a header as it is, and is the
// file's text but for the line end.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"k", "k\n", "\r\nk", " k", "k\x00", "ü", "a\nb", ""} {
		f.Add([]byte(s))
	}
	name := filepath.Join(f.TempDir(), "key")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := pools.Source{File: name}.Read(t.Context())
		if err != nil {
			if len(text) > 8 && strings.Contains(err.Error(), string(text)) {
				t.Error("the error shows the key")
			}
			return
		}
		k := v.Reveal()
		if k != strings.TrimRight(string(text), "\r\n") || k == "" || strings.TrimSpace(k) != k {
			t.Error("not the text of the file")
		}
		for i := range len(k) {
			if k[i] < ' ' || k[i] > '~' {
				t.Error("not for a header")
			}
		}
	})
}
