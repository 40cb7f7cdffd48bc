package pools

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var testGoverned = []string{"api.openai.com", "api.anthropic.com", "*.openai.azure.com", "bedrock-runtime.*.amazonaws.com", "*-aiplatform.googleapis.com", "llm.vendor.example"}

var testRules = []HostRule{
	{Host: "*.debian.org", Pass: true, Rule: "a"},
	{Host: "bad.debian.org", Rule: "b"},
	{Host: "*.mirror.bad.debian.org", Pass: true, Rule: "c"},
	{Host: "chatgpt.com", Pass: true, Rule: "d"},
	{Host: "both.example", Pass: true, Rule: "e"},
	{Host: "both.example", Rule: "f"},
	{Host: "*.example", Rule: "g"},
	{Host: "api.openai.com", Pass: true, Rule: "governed all the same"},
	{Host: "intranet", Pass: true, Rule: "h"},
}

func testHosts(t testing.TB, rules []HostRule) *Hosts {
	t.Helper()
	l, err := ShippedProviders()
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHosts(l, testGoverned, rules)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHostsOf(t *testing.T) {
	h := testHosts(t, testRules)
	for _, tt := range []struct {
		name    string
		passage Passage
		why     string
	}{
		{"api.openai.com", PassageGoverned, WhyProvider},
		{"mine.openai.azure.com", PassageGoverned, WhyProvider},
		{"a.b.openai.azure.com", PassagePassed, WhyDefault}, // nobody's, below a known owner's domain
		{"bedrock-runtime.eu-west-1.amazonaws.com", PassageGoverned, WhyProvider},
		{"llm.vendor.example", PassageGoverned, WhyProvider}, // though *.example is refused
		{"deb.debian.org", PassagePassed, WhyRule},
		{"debian.org", PassagePassed, WhyDefault},
		{"bad.debian.org", PassageRefused, WhyRule},
		{"x.bad.debian.org", PassagePassed, WhyRule},
		{"x.mirror.bad.debian.org", PassagePassed, WhyRule},
		{"both.example", PassageRefused, WhyRule},
		{"other.example", PassageRefused, WhyRule},
		{"chatgpt.com", PassagePassed, WhyRule},
		{"intranet", PassagePassed, WhyRule},
		{"elsewhere", PassageRefused, WhyNoName},
		{"api.mistral.ai", PassageRefused, WhySuspect}, // known, not governed here
		{"claude.ai", PassageRefused, WhySuspect},
		{"llm-api.somebody.net", PassageRefused, WhySuspect},
		{"api.0penai.net", PassageRefused, WhyLookAlike},
		{"xn--openi-7ve.com", PassageRefused, WhyLookAlike}, // a Cyrillic a
		{"xn--mller-kva.de", PassagePassed, WhyDefault},
		{"pypi.org", PassagePassed, WhyDefault},
		{"", PassageRefused, WhyNoName},
		{"pypi.org.", PassageRefused, WhyNoName},
		{"PYPI.org", PassageRefused, WhyNoName},
		{"api.openai.\u212aom", PassageRefused, WhyNoName},
		{"10.0.0.1", PassageRefused, WhyAddress},
		{"2001:db8::1", PassageRefused, WhyAddress},
		{"host.0x7f", PassageRefused, WhyAddress},
		{strings.Repeat("a.", 126) + "org", PassageRefused, WhyNoName},
	} {
		if p, why := h.Of(tt.name); p != tt.passage || why != tt.why {
			t.Errorf("%q: %s because of %s, want %s because of %s", tt.name, p, why, tt.passage, tt.why)
		}
	}
}

func TestAllHosts(t *testing.T) {
	refuse := testHosts(t, append([]HostRule{{Host: "*", Rule: "r"}, {Host: "*", Pass: true, Rule: "p"}}, testRules...))
	for name, want := range map[string]Passage{"pypi.org": PassageRefused, "deb.debian.org": PassagePassed, "api.openai.com": PassageGoverned, "intranet": PassagePassed, "x": PassageRefused} {
		if m := refuse.Look(name); m.Passage != want {
			t.Errorf("%s: %s by %q", name, m.Passage, m.Rule)
		}
	}
	pass := testHosts(t, []HostRule{{Host: "*", Pass: true, Rule: "p"}})
	for name, want := range map[string]Passage{"pypi.org": PassagePassed, "llm-api.somebody.net": PassagePassed, "10.1.1.1": PassageRefused, "": PassageRefused, "api.openai.com": PassageGoverned} {
		if m := pass.Look(name); m.Passage != want {
			t.Errorf("%s: %s by %q", name, m.Passage, m.Rule)
		}
	}
}

func TestBadHostRules(t *testing.T) {
	l, err := ShippedProviders()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"", "*.", ".", "a..b", "A.example", "*.*.example", "a*.example", "*example", "a.example.", "10.0.0.1", "::1", "a_b.example", "-a.example", "a.example:443", "https://a.example", "müller.de", "a.1", strings.Repeat("a", 64) + ".example", "*.a/b"} {
		if _, err := NewHosts(l, nil, []HostRule{{Host: host, Rule: "hosts.rego:7"}}); !errors.Is(err, ErrHostPattern) || !strings.HasPrefix(err.Error(), "hosts.rego:7: ") {
			t.Errorf("%q: %v", host, err)
		}
	}
	if _, err := NewHosts(l, nil, make([]HostRule, MaxHostRules+1)); err == nil {
		t.Error("too many rules were taken")
	}
	if _, err := NewHosts(l, []string{"10.0.0.1"}, nil); err == nil {
		t.Error("an address was governed")
	}
}

// listed asks the list as a data plane does.
type listed struct {
	rows []HostMatch
	re   []*regexp.Regexp
}

func newListed(t testing.TB, h *Hosts) *listed {
	l := &listed{rows: h.Matches()}
	for _, m := range l.rows {
		re, err := regexp.Compile(`^(?:` + m.Expr + `)$`)
		if err != nil {
			t.Fatalf("%s: %v", m.Label, err)
		}
		l.re = append(l.re, re)
	}
	return l
}

func (l *listed) of(name string) HostMatch {
	for i, re := range l.re {
		if re.MatchString(name) {
			return l.rows[i]
		}
	}
	return HostMatch{Passage: PassageRefused}
}

// agree reports a difference between the two, but for those that Matches states.
func agree(t testing.TB, h *Hosts, l *listed, name string) {
	t.Helper()
	want, got := h.Look(name), l.of(name)
	if len(name) > maxHost {
		return // resolves nowhere
	}
	switch {
	case got.Passage == want.Passage && (got.Passage != PassageRefused || (got.Why == WhyRule) == (want.Why == WhyRule)) && got.Rule == want.Rule:
	case got.Passage == PassageRefused && want.Passage == PassagePassed && want.Why == WhyDefault && stricter(name):
	default:
		t.Errorf("%q: the list says %s because of %s (%s), Of %s because of %s (%s)", name, got.Passage, got.Why, got.Label, want.Passage, want.Why, want.Label)
	}
}

// stricter says of which names the list knows less than Of.
func stricter(name string) bool {
	if strings.Contains(name, "xn--") || strings.Contains(name, "_") {
		return true
	}
	// Labels that begin or end with a hyphen are in no name that somebody registers.
	return slices.ContainsFunc(strings.Split(name, "."), func(l string) bool { return !goodLabel(l) })
}

func TestHostsAgree(t *testing.T) {
	l, err := ShippedProviders()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	var words []string
	words = append(append(append(words, tellingWords...), hintingWords...), l.words...)
	words = append(words, "www", "mail", "a", "x1", "example", "debian", "bad", "mirror", "openai", "azure", "amazonaws", "eu-west-1", "bedrock-runtime", "foo-aiplatform", "googleapis", "xn--mller-kva", "xn--openi-7ve", "llm", "vendor")
	ends := []string{"com", "ai", "org", "net", "example", "de", "co", "intranet", "xn--p1ai"}
	for _, p := range l.list {
		for _, host := range append(slices.Clone(p.Hosts), p.Apps...) {
			host = strings.NewReplacer("{region}", "eu-west-1", "*", "mine").Replace(host)
			words, ends = append(words, host), append(ends, lastTwo(strings.Split(host, ".")))
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	stroke := func(s string) string {
		i := r.IntN(len(s) + 1)
		c := string(letters[r.IntN(len(letters))])
		switch {
		case r.IntN(3) == 0 || i == len(s):
			return s[:i] + c + s[i:]
		case r.IntN(2) == 0:
			return s[:i] + s[i+1:]
		case r.IntN(2) == 0 && i+1 < len(s):
			return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
		}
		return s[:i] + c + s[i+1:]
	}
	digits := strings.NewReplacer("o", "0", "l", "1", "e", "3", "s", "5", "i", "l")
	name := func() string {
		var labels []string
		for range 1 + r.IntN(3) {
			label := words[r.IntN(len(words))]
			for r.IntN(3) == 0 {
				label += "-" + words[r.IntN(len(words))]
			}
			switch r.IntN(5) {
			case 0:
				label = stroke(label)
			case 1:
				label = digits.Replace(label)
			case 2:
				label += "4"
			}
			labels = append(labels, label)
		}
		if r.IntN(10) > 0 {
			labels = append(labels, ends[r.IntN(len(ends))])
		}
		return strings.Join(labels, ".")
	}
	n := 20000
	if testing.Short() {
		n = 2000
	}
	for _, rules := range [][]HostRule{nil, testRules, append([]HostRule{{Host: "*", Rule: "all"}}, testRules...)} {
		h := testHosts(t, rules)
		list := newListed(t, h)
		for _, p := range l.list {
			for _, host := range append(slices.Clone(p.Hosts), p.Apps...) {
				agree(t, h, list, strings.NewReplacer("{region}", "eu-west-1", "*", "mine").Replace(host))
			}
		}
		refused := 0
		for range n / 3 {
			s := name()
			if p, _ := h.Of(s); p == PassageRefused {
				refused++
			}
			if agree(t, h, list, s); t.Failed() {
				return
			}
		}
		if refused == 0 {
			t.Error("none of the names was refused: the test asks nothing")
		}
	}
}

// FuzzHosts states that the list passes and governs nothing that Of does not, and
// that of names as people register them they say the same.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{"api.openai.com", "a.b", "api.0penai.net", "openal.com", "xn--openi-7ve.com", "llm-api.x.ai", "bad.debian.org", "x_y.openai.com", "-a.openai.com", "anthropc.com", "anthr0pic-x.net", "10.0.0.1", "a.0x1", ""} {
		f.Add(s)
	}
	h := testHosts(f, testRules)
	list := newListed(f, h)
	f.Fuzz(func(t *testing.T, name string) { agree(t, h, list, name) })
}

// BenchmarkHostsOf asks about a name of which nothing speaks, the slowest case.
func BenchmarkHostsOf(b *testing.B) {
	h := testHosts(b, testRules)
	for b.Loop() {
		if p, _ := h.Of("static.assets.somewhere.net"); p != PassagePassed {
			b.Fatal(p)
		}
	}
}
