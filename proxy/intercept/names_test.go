package intercept

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func names(t testing.TB, spelled ...string) Names {
	t.Helper()
	n, err := ParseNames(spelled)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestGoverns(t *testing.T) {
	n := names(t, "api.openai.com", "*.openai.azure.com", "bedrock-runtime.*.amazonaws.com", "*-aiplatform.googleapis.com", "API.Anthropic.com", "xn--bcher-kva.example.org")
	for name, want := range map[string]string{
		"api.openai.com":                          "api.openai.com",
		"API.OpenAI.com":                          "api.openai.com",
		"api.anthropic.com":                       "api.anthropic.com",
		"a.openai.azure.com":                      "a.openai.azure.com",
		"my-resource-1.openai.azure.com":          "my-resource-1.openai.azure.com",
		"bedrock-runtime.eu-west-1.amazonaws.com": "bedrock-runtime.eu-west-1.amazonaws.com",
		"europe-west4-aiplatform.googleapis.com":  "europe-west4-aiplatform.googleapis.com",
		"xn--bcher-kva.example.org":               "xn--bcher-kva.example.org",
	} {
		if got, err := n.Governs(name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]error{
		"openai.com":                        ErrUngoverned,
		"x.api.openai.com":                  ErrUngoverned, // one label more
		"a.b.openai.azure.com":              ErrUngoverned,
		"openai.azure.com":                  ErrUngoverned, // one fewer
		"bedrock-runtime.amazonaws.com":     ErrUngoverned,
		"bedrock-runtime.a.b.amazonaws.com": ErrUngoverned,
		"bedrock-runtimex.a.amazonaws.com":  ErrUngoverned,
		"-aiplatform.googleapis.com":        ErrName,
		"aiplatform.googleapis.com":         ErrUngoverned,
		"api.openai.com.evil.example":       ErrUngoverned,
		"notapi.openai.com":                 ErrUngoverned,
		"xn--80ak6aa92e.openai.azure.com":   ErrUngoverned, // a name that looks like another
		"ab--cd.openai.azure.com":           ErrUngoverned,
		"*.openai.azure.com":                ErrName,
		"f*o.openai.azure.com":              ErrName,
		"api.openai.com.":                   ErrName,
		".api.openai.com":                   ErrName,
		"api..openai.com":                   ErrName,
		"api.openai.com:443":                ErrName,
		"api.openai.com/":                   ErrName,
		"api.openai.com\x00.evil.example":   ErrName,
		"api.openai.com\n":                  ErrName,
		" api.openai.com":                   ErrName,
		"api_x.openai.azure.com":            ErrName,
		"büro.openai.azure.com":             ErrName,
		"аpi.openai.com":                    ErrName, // Cyrillic a
		"a-.openai.azure.com":               ErrName,
		"-a.openai.azure.com":               ErrName,
		"127.0.0.1":                         ErrName,
		"1.2.3":                             ErrName,
		"a.0x7f":                            ErrName,
		"::1":                               ErrName,
		"[::1]":                             ErrName,
		"localhost":                         ErrName,
		"no-sni.invalid":                    ErrUngoverned,
		"":                                  ErrName,
		strings.Repeat("a", 64) + ".openai.azure.com":   ErrName,
		strings.Repeat("a.", 120) + "openai.azure.com":  ErrName,
		strings.Repeat("a", 63) + ".x.openai.azure.com": ErrUngoverned,
		"leaf/api.openai.com":                           ErrName,
	} {
		if got, err := n.Governs(name); got != "" || !errors.Is(err, want) {
			t.Errorf("%q: %q, %v; want %v", name, got, err, want)
		}
		if err := want.Error(); name != "" && strings.Contains(err, name) {
			t.Errorf("an error quotes the name")
		}
	}
	if got := n.Domains(); !slices.Equal(got, []string{"amazonaws.com", "api.anthropic.com", "api.openai.com", "googleapis.com", "openai.azure.com", "xn--bcher-kva.example.org"}) {
		t.Errorf("domains %v", got)
	}
	if got := names(t, "a.b.example", "b.example", "ab.example", "A.B.Example").Domains(); !slices.Equal(got, []string{"ab.example", "b.example"}) {
		t.Errorf("domains %v", got)
	}
	if _, err := (Names{}).Governs("api.openai.com"); !errors.Is(err, ErrUngoverned) {
		t.Errorf("no names govern one: %v", err)
	}
}

func TestParseNamesRefuses(t *testing.T) {
	for _, s := range []string{"", "*", "*.com", "*.*", "com", "a.*", "a.*.com", "**.example.com", "a*b*.example.com", "1.2.3.4", "*.2.3.4", "a..example.com", "a.example.com:443", "https://a.example.com", "bücher.example.org", "xn--*.example.org", "a.example.com."} {
		if n, err := ParseNames([]string{s}); err == nil {
			t.Errorf("%q is taken as %v", s, n.List())
		}
	}
	if _, err := ParseNames(make([]string, maxPatterns+1)); err == nil {
		t.Error("any number is taken")
	}
}

// FuzzGoverns: what is governed is a host name in lower case with as many labels
// as its pattern and below the pattern's domain; nothing else ever is.
func FuzzGoverns(f *testing.F) {
	for _, s := range []string{"api.openai.com", "x.openai.azure.com", "bedrock-runtime.eu-west-1.amazonaws.com", "X-aiplatform.googleapis.com", "xn--a.openai.azure.com", "1.2.3.4", "a..b"} {
		f.Add(s)
	}
	n := names(f, "api.openai.com", "*.openai.azure.com", "bedrock-runtime.*.amazonaws.com", "*-aiplatform.googleapis.com")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := n.Governs(s)
		if err != nil {
			if got != "" || !errors.Is(err, ErrName) && !errors.Is(err, ErrUngoverned) {
				t.Fatalf("%q, %v", got, err)
			}
			return
		}
		if got != strings.ToLower(s) || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Fatalf("%q for %q", got, s)
		}
		if again, err := n.Governs(got); again != got || err != nil {
			t.Fatalf("%q is not itself governed", got)
		}
		if !slices.ContainsFunc(n.Domains(), func(d string) bool { return within(got, d) }) {
			t.Fatalf("%q lies in no domain", got)
		}
		if labels := strings.Count(got, "."); labels < 2 || labels > 3 {
			t.Fatalf("%q has other labels than any pattern", got)
		}
	})
}
