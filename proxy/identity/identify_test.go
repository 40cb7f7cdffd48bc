package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

const (
	botKey   = "bot-key-0123456789"
	oldKey   = "old-key-0123456789"
	batchKey = "batch-key-0123456789"
)

func mustKey(t testing.TB, s string) identity.Key {
	t.Helper()
	k, err := identity.NewKey(proxy.NewText(s))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func head(pairs ...string) *proxy.Head {
	h := &proxy.Head{}
	for i := 0; i < len(pairs); i += 2 {
		h.Header = append(h.Header, proxy.Field{Name: pairs[i], Value: proxy.NewText(pairs[i+1])})
	}
	return h
}

func TestIdentify(t *testing.T) {
	keyed := []identity.Application{
		{Name: "bot", Team: "retail", Groups: []string{"pilot"}, Keys: []identity.Key{mustKey(t, botKey), mustKey(t, oldKey)}, Keyed: true},
		{Name: "batch", Keys: []identity.Key{mustKey(t, batchKey)}, Keyed: true},
	}
	named := []identity.Application{{Name: "bot"}, {Name: "batch"}}
	missing := []identity.Application{{Name: "bot", Keyed: true}}
	bot := proxy.Principal{Application: "bot", Team: "retail", Groups: []string{"pilot"}, Method: "key"}
	batch := proxy.Principal{Application: "batch", Method: "key"}
	peer := proxy.Principal{Method: "peer"}
	refused := proxy.Principal{}
	strip := func(p proxy.Principal, names ...string) proxy.Principal {
		p.Strip = append([]string{"ostiary-key"}, names...)
		return p
	}
	asserts := func(p proxy.Principal, a string) proxy.Principal { p.Asserted = a; return p }
	for _, tt := range []struct {
		name string
		apps []identity.Application
		head []string
		want proxy.Principal
	}{
		{"ostiary-key", keyed, []string{"ostiary-key", botKey}, strip(bot)},
		{"bearer", keyed, []string{"authorization", "Bearer " + botKey}, strip(bot, "authorization")},
		{"bearer in any case, blanks around", keyed, []string{"authorization", "bEARER  " + botKey + " "}, strip(bot, "authorization")},
		{"x-api-key", keyed, []string{"x-api-key", batchKey}, strip(batch, "x-api-key")},
		{"api-key", keyed, []string{"api-key", batchKey}, strip(batch, "api-key")},
		{"the old key, while it is changed", keyed, []string{"x-api-key", oldKey}, strip(bot, "x-api-key")},
		{"beside the client's own credential, which stays", keyed, []string{"authorization", "Bearer sk-ant-oat01-someones-own", "ostiary-key", batchKey}, strip(batch)},
		{"the client's own in x-api-key, ours in authorization", keyed, []string{"x-api-key", "sk-someones-own-key", "authorization", "Bearer " + botKey}, strip(bot, "authorization")},
		{"two known keys: the first header says who, both are stripped", keyed, []string{"x-api-key", batchKey, "authorization", "Bearer " + botKey}, strip(bot, "authorization", "x-api-key")},
		{"a repeated header, the second known", keyed, []string{"x-api-key", "nonsense", "x-api-key", botKey}, strip(bot, "x-api-key")},

		{"no key", keyed, nil, refused},
		{"an unknown key", keyed, []string{"ostiary-key", "unknown-0123456789"}, refused},
		{"an empty key", keyed, []string{"ostiary-key", ""}, refused},
		{"a beginning of a key", keyed, []string{"ostiary-key", botKey[:len(botKey)-1]}, refused},
		{"more than a key", keyed, []string{"ostiary-key", botKey + "x"}, refused},
		{"a key in another case", keyed, []string{"ostiary-key", strings.ToUpper(botKey)}, refused},
		{"two keys in one header", keyed, []string{"ostiary-key", botKey + "," + batchKey}, refused},
		{"authorization without a scheme", keyed, []string{"authorization", botKey}, refused},
		{"authorization of another scheme", keyed, []string{"authorization", "Basic " + botKey}, refused},
		{"a key in a header where none belongs", keyed, []string{"x-goog-api-key", botKey, "cookie", botKey}, refused},
		{"asserting is not proving", keyed, []string{"ostiary-application", "bot"}, refused},
		{"a search for keys ends, even if it finds one", keyed, append(repeat(16, "x-api-key", "nonsense"), "x-api-key", botKey), refused},
		{"sixteen values are still looked at", keyed, append(repeat(15, "x-api-key", "nonsense"), "x-api-key", botKey), strip(bot, "x-api-key")},
		{"a value beyond all bounds", keyed, []string{"ostiary-key", strings.Repeat("x", 1<<20)}, refused},

		{"no applications", nil, []string{"authorization", "Bearer sk-x"}, strip(peer)},
		{"no applications, a name asserted", nil, []string{"ostiary-application", "bot"}, asserts(strip(peer), "other")},
		{"names without keys", named, []string{"x-api-key", "sk-x"}, strip(peer)},
		{"names without keys, one asserted", named, []string{"ostiary-application", "batch"}, asserts(strip(peer), "batch")},
		{"a name that nobody configured", named, []string{"ostiary-application", "Batch"}, asserts(strip(peer), "other")},
		{"two names", named, []string{"ostiary-application", "bot", "ostiary-application", "bot"}, asserts(strip(peer), "other")},
		{"one proved, another asserted", keyed, []string{"ostiary-key", botKey, "ostiary-application", "batch"}, asserts(strip(bot), "batch")},
		{"a key that could not be read opens nothing", missing, nil, refused},
		{"a key that could not be read is not the empty one", missing, []string{"ostiary-key", ""}, refused},
	} {
		id, err := identity.New(tt.apps)
		if err != nil {
			t.Fatal(err)
		}
		got, err := id.Identify(head(tt.head...))
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (- want, + got):\n%s", tt.name, d)
		}
		var e *proxy.Error
		switch {
		case tt.want.Method != "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want.Method == "" && (!errors.As(err, &e) || e.Kind != proxy.Refused || e.Code != proxy.CodeUnknownKey || !strings.Contains(e.Hint, "ostiary-key")):
			t.Errorf("%s: %v, want the code %s with a hint", tt.name, err, proxy.CodeUnknownKey)
		}
		if err != nil && (strings.Contains(err.Error(), botKey) || strings.Contains(e.Hint, botKey)) {
			t.Errorf("%s: the error shows a key", tt.name)
		}
	}
}

func repeat(n int, pair ...string) (out []string) {
	for range n {
		out = append(out, pair...)
	}
	return out
}

func TestNewRefuses(t *testing.T) {
	k := mustKey(t, botKey)
	for _, tt := range []struct {
		name string
		apps []identity.Application
		want string
	}{
		{"one key for two", []identity.Application{{Name: "a", Keys: []identity.Key{k}}, {Name: "b", Keys: []identity.Key{k}}}, "applications a and b: two applications have the same key"},
		{"one key twice for one", []identity.Application{{Name: "a", Keys: []identity.Key{k, k}}}, ""},
		{"a name twice", []identity.Application{{Name: "a"}, {Name: "a"}}, `application 2: its name "a" is empty, taken or reserved`},
		{"no name", []identity.Application{{}}, `application 1: its name "" is empty, taken or reserved`},
		{"the name of nobody", []identity.Application{{Name: "other"}}, `application 1: its name "other" is empty, taken or reserved`},
		{"a key that was never made", []identity.Application{{Name: "a", Keys: []identity.Key{{}}}}, "application a: an empty key"},
	} {
		_, err := identity.New(tt.apps)
		if got := fmt.Sprint(err); got != tt.want && (tt.want != "" || err != nil) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if _, err := identity.New([]identity.Application{{Name: "a", Keys: []identity.Key{k}}, {Name: "b", Keys: []identity.Key{k}}}); !errors.Is(err, identity.ErrDuplicateKey) {
		t.Errorf("a duplicate is %v", err)
	}
}

func TestKeysHaveAForm(t *testing.T) {
	for key, ok := range map[string]bool{
		"": false, "abc": false, strings.Repeat("k", 4): true, strings.Repeat("k", 16): true, strings.Repeat("k", 4096): true,
		strings.Repeat("k", 4097): false, "with blank 0123456789": false, "with\nbreak0123456789": false, "ümlaut-0123456789ab": false,
	} {
		_, err := identity.NewKey(proxy.NewText(key))
		if (err == nil) != ok {
			t.Errorf("a key of %d characters: %v", len(key), err)
		}
		if err != nil && len(key) > 0 && strings.Contains(err.Error(), key) {
			t.Error("the error shows the key")
		}
	}
}

// A key is a digest: printing an application shows nothing of it.
func TestKeysAreNotPrinted(t *testing.T) {
	a := identity.Application{Name: "a", Keys: []identity.Key{mustKey(t, botKey)}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if out := fmt.Sprintf(verb, a); strings.Contains(out, botKey) || strings.Contains(out, fmt.Sprintf("%x", botKey)) {
			t.Errorf("%s shows the key", verb)
		}
	}
}

// FuzzIdentify: whoever is let in as an application sent its key, whole, where a
// key belongs; and the header that carried it is stripped.
func FuzzIdentify(f *testing.F) {
	id, err := identity.New([]identity.Application{{Name: "bot", Keys: []identity.Key{mustKey(f, botKey)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("authorization", "Bearer "+botKey, "x-api-key", "x")
	f.Add("ostiary-key", botKey, "authorization", botKey)
	f.Add("x-api-key", " "+botKey, "x-api-key", "")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) {
		p, err := id.Identify(head(n1, v1, n2, v2))
		carries := func(n, v string) bool {
			v = strings.Trim(v, " \t")
			if n == "authorization" {
				return len(v) > 7 && strings.EqualFold(v[:7], "bearer ") && strings.Trim(v[7:], " \t") == botKey
			}
			return (n == "ostiary-key" || n == "x-api-key" || n == "api-key") && v == botKey
		}
		if (err == nil) != (carries(n1, v1) || carries(n2, v2)) {
			t.Fatalf("let in: %v", err == nil)
		}
		if err != nil {
			return
		}
		for _, x := range [][2]string{{n1, v1}, {n2, v2}} {
			stripped := false
			for _, s := range p.Strip {
				stripped = stripped || s == x[0]
			}
			if carries(x[0], x[1]) && !stripped {
				t.Error("a header with a known key is forwarded")
			}
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	var apps []identity.Application
	for i := range 100 {
		apps = append(apps, identity.Application{Name: fmt.Sprint("a", i), Keys: []identity.Key{mustKey(b, fmt.Sprintf("key-of-application-%d", i))}})
	}
	id, err := identity.New(apps)
	if err != nil {
		b.Fatal(err)
	}
	h := head("content-type", "application/json", "authorization", "Bearer key-of-application-57")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := id.Identify(h); err != nil {
			b.Fatal(err)
		}
	}
}
