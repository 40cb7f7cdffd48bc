package facts_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/all"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/facts"
	"github.com/ostiary/ostiary/proxy/vault"
)

// prompt makes an inspection of texts of a user with headers.
func prompt(texts []string, headers ...proxy.Field) *proxy.Inspection {
	in := &proxy.Inspection{
		Exchange: &proxy.Exchange{ID: "01KABCDEFGHJKMNPQRSTVWXYZ0", Head: proxy.Head{Header: headers}},
		Prompt:   &proxy.Prompt{}, Report: &proxy.Report{}, Phase: proxy.PhaseBody,
	}
	for _, s := range texts {
		in.Prompt.Segments = append(in.Prompt.Segments, proxy.Segment{Text: proxy.NewText(s), Role: proxy.RoleUser})
	}
	return in
}

// find reports a value of the first segment that holds it.
func find(t *testing.T, in *proxy.Inspection, typ, value string, groups ...string) {
	t.Helper()
	for i, seg := range in.Prompt.Segments {
		if at := strings.Index(seg.Text.Reveal(), value); at >= 0 {
			in.Report.Findings = append(in.Report.Findings, proxy.Finding{Segment: i, Start: at, End: at + len(value), Type: typ, Groups: groups, Likelihood: proxy.VeryLikely})
			return
		}
	}
	t.Fatal("no segment holds it")
}

func field(name, value string) proxy.Field {
	return proxy.Field{Name: name, Value: proxy.NewText(value)}
}

func sealing(t testing.TB, rules ...string) (*facts.Stater, *vault.EvidenceKey) {
	t.Helper()
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	keys, err := vault.OpenKeyring(t.TempDir(), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := vault.GenerateEvidenceKey("dpo")
	if err != nil {
		t.Fatal(err)
	}
	key, err := vault.ParseEvidenceKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &facts.Stater{Directory: pools, Sealer: &vault.Sealer{Keys: keys, Recipient: key.Recipient()}, EvidenceRules: rules}, key
}

func describe(s *facts.Stater, in *proxy.Inspection) *proxy.PersonalRecord {
	ev := &proxy.Event{}
	s.Describe(in, ev)
	return ev.Personal
}

func TestPersonalPart(t *testing.T) {
	s, key := sealing(t, "health", "secrets.keys")
	in := prompt([]string{"write to jane@corp-mail.de"}, field("user-agent", "OpenAI/Python 1.55"), field(proxy.HeaderJustification, " Störung 4711 "))
	in.Exchange.Head.Peer.UID = 1000
	find(t, in, "EMAIL_ADDRESS", "jane@corp-mail.de", "personal", "contact")
	p := describe(s, in)
	if p.UID != 1000 || p.UserAgent != "OpenAI/Python 1.55" || p.Justification != "Störung 4711" || p.Evidence != nil {
		t.Errorf("%+v", p)
	}
	if len(p.Fingerprints) != 1 || !strings.HasPrefix(p.Fingerprints[0], "fp:EMAIL_ADDRESS:") || !strings.HasPrefix(p.Conversation, "fp:CONVERSATION:") {
		t.Errorf("%v %v", p.Fingerprints, p.Conversation)
	}
	for _, c := range []struct {
		policy, rule string
		want         bool
	}{{"health", "any", true}, {"secrets", "keys", true}, {"secrets", "passwords", false}, {"healthy", "x", false}, {"secrets", "", false}} {
		in.Verdict = &proxy.Verdict{Reasons: []proxy.Reason{{Policy: "other", Rule: "keys"}, {Policy: c.policy, Rule: c.rule}}}
		ev := describe(s, in).Evidence
		if (len(ev) == 1) != c.want {
			t.Errorf("%s.%s: %d records", c.policy, c.rule, len(ev))
			continue
		}
		if c.want {
			if e, err := vault.OpenEvidence(key, ev[0], in.Exchange.ID); err != nil || e.Match != "jane@corp-mail.de" || e.Before != "write to " {
				t.Errorf("%s.%s: it does not open: %v", c.policy, c.rule, err)
			}
		}
	}
	in.Verdict = nil
	if describe(s, in).Evidence != nil {
		t.Error("evidence where the policies were not reached")
	}
	s.EvidenceRules = nil
	in.Verdict = &proxy.Verdict{Reasons: []proxy.Reason{{}}}
	if describe(s, in).Evidence != nil {
		t.Error("evidence that nobody asked for")
	}
	// Where a request was refused early, what is known is told.
	in.Report = nil
	if p := describe(s, in); p.Conversation == "" || p.Fingerprints != nil || p.UserAgent == "" {
		t.Errorf("%+v", p)
	}
	in.Prompt = nil
	if p := describe(s, in); p.Conversation != "" || p.UserAgent == "" || p.UID != 1000 {
		t.Errorf("%+v", p)
	}
	s.Sealer, in = nil, prompt([]string{"x"}, field("user-agent", "curl/8"))
	if d := cmp.Diff(&proxy.PersonalRecord{UserAgent: "curl/8"}, describe(s, in)); d != "" {
		t.Error(d)
	}
}

func TestWordsOfTheCaller(t *testing.T) {
	s := &facts.Stater{Directory: pools}
	long := strings.Repeat("x", 256)
	for _, c := range []struct{ name, value, want string }{
		{"user-agent", "OpenAI/Python 1.55.3 (x86_64)", "OpenAI/Python 1.55.3 (x86_64)"},
		{"user-agent", long, long}, {"user-agent", long + "x", ""}, {"user-agent", "Zoë/1", ""}, {"user-agent", "a\tb", ""}, {"user-agent", "a\x7f", ""},
		{proxy.HeaderJustification, "Patientin im Gespräch", "Patientin im Gespräch"},
		{proxy.HeaderJustification, long, long}, {proxy.HeaderJustification, long + "x", long[:253] + "…"},
		{proxy.HeaderJustification, long[:252] + "äxxx", long[:252] + "…"},
		{proxy.HeaderJustification, "a\x00b", ""}, {proxy.HeaderJustification, "a\xffb", ""}, {proxy.HeaderJustification, "a\u202eb", ""}, {proxy.HeaderJustification, "", ""},
	} {
		p := describe(s, prompt(nil, field(c.name, c.value)))
		got := p.UserAgent
		if c.name == proxy.HeaderJustification {
			got = p.Justification
		}
		if got != c.want || len(got) > 256 {
			t.Errorf("%s %q: %q", c.name, c.value, got)
		}
	}
	// A key in the user agent stays out of the log.
	for _, c := range []struct {
		groups []string
		want   string
	}{{[]string{"credential"}, ""}, {[]string{"personal", "contact"}, ""}, {nil, ""}, {[]string{"general"}, "agent-77"}, {[]string{"network"}, "agent-77"}} {
		in := prompt([]string{"agent-77", "hello"}, field("user-agent", "agent-77"))
		in.Prompt.Segments[0].Kind, in.Prompt.Segments[0].Key, in.Prompt.Segments[0].Role = proxy.KindHeader, proxy.NewText("user-agent"), proxy.RoleHeader
		find(t, in, "X", "hello", "credential")
		if got := describe(s, in).UserAgent; got != "agent-77" {
			t.Errorf("nothing was found in it: %q", got)
		}
		find(t, in, "X", "agent-77", c.groups...)
		if got := describe(s, in).UserAgent; got != c.want {
			t.Errorf("%v: %q", c.groups, got)
		}
	}
}

// The personal part stays under its bound, whatever is found and whatever a Sealer
// gives.
func TestPersonalPartIsBounded(t *testing.T) {
	s, _ := sealing(t, "p")
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "user%04d@%s.example ", i, strings.Repeat("\"\x01", 100))
	}
	in := prompt([]string{b.String()}, field("user-agent", strings.Repeat("\"", 256)), field(proxy.HeaderJustification, strings.Repeat("\\", 256)))
	in.Exchange.Principal.Subject = strings.Repeat("\"", 256)
	in.Verdict = &proxy.Verdict{Reasons: []proxy.Reason{{Policy: "p"}}}
	for i := range 2000 {
		find(t, in, "EMAIL_ADDRESS", fmt.Sprintf("user%04d@%s.example", i, strings.Repeat("\"\x01", 100)), "personal", "contact")
	}
	p := describe(s, in)
	js := size(t, p)
	if js > 48<<10 || len(p.Fingerprints) != 66 || p.Fingerprints[65] != "more:1936" || len(p.Evidence) < 8 {
		t.Errorf("%d bytes, %d fingerprints, %d excerpts", js, len(p.Fingerprints), len(p.Evidence))
	}
	for _, c := range []struct {
		prints, excerpts, length int
		wantP, wantE             string
	}{{10, 100, 4000, "", "more:106"}, {2000, 100, 4000, "more:2006", "more:106"}, {2000, 0, 0, "more:2006", ""}, {10, 10, 1000, "", ""}} {
		s.Sealer = flood{c.prints, c.excerpts, c.length}
		p := describe(s, in)
		if js := size(t, p); js > 48<<10 {
			t.Errorf("%+v: %d bytes", c, js)
		}
		own := slices.Index(p.Fingerprints, "fp:SUBJECT:692:ftbyyfozbgmuapu3ozey6fmigm")
		if own < 0 || !slices.IsSorted(p.Fingerprints) {
			t.Fatalf("%+v: the subject's fingerprint is gone or out of order", c)
		}
		p.Fingerprints = slices.Delete(p.Fingerprints, own, own+1)
		if c.wantE == "" && len(p.Evidence) != c.excerpts || c.wantE != "" && (len(p.Evidence) != 1 || p.Evidence[0].Type != c.wantE) {
			t.Errorf("%+v: %d records", c, len(p.Evidence))
		}
		if c.wantP == "" && len(p.Fingerprints) != c.prints || c.wantP != "" && !slices.Equal(p.Fingerprints, []string{c.wantP}) {
			t.Errorf("%+v: %d fingerprints", c, len(p.Fingerprints))
		}
	}
}

// Who asks is recorded with a fingerprint, on a request that was refused early too;
// a name that cannot be recorded whole is not recorded.
func TestPersonalSubject(t *testing.T) {
	s, _ := sealing(t)
	in := prompt([]string{"write to jane@corp-mail.de"})
	find(t, in, "EMAIL_ADDRESS", "jane@corp-mail.de", "personal", "contact")
	in.Exchange.Principal.Subject = "jørgen@bank.example"
	want := s.Sealer.Subject("jørgen@bank.example")
	p := describe(s, in)
	if p.Subject != "jørgen@bank.example" || len(p.Fingerprints) != 2 || p.Fingerprints[1] != want || !strings.HasPrefix(p.Fingerprints[0], "fp:EMAIL_ADDRESS:") {
		t.Errorf("%+v, want the fingerprint %s", p, want)
	}
	in.Prompt, in.Report = nil, nil
	if p := describe(s, in); p.Subject == "" || !slices.Equal(p.Fingerprints, []string{want}) {
		t.Errorf("refused early: %+v", p)
	}
	s.Sealer = nil
	if p := describe(s, in); p.Subject == "" || p.Fingerprints != nil {
		t.Errorf("without a sealer: %+v", p)
	}
	s, _ = sealing(t)
	for _, name := range []string{"", strings.Repeat("x", 257), "a\nb", "a\u2028b", "\xff"} {
		in.Exchange.Principal.Subject = name
		if p := describe(s, in); p.Subject != "" || p.Fingerprints != nil {
			t.Errorf("%q was recorded: %+v", name, p)
		}
	}
}

func size(t *testing.T, p *proxy.PersonalRecord) int {
	own := *p
	own.Salt = strings.Repeat("0", 32)
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&own); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// flood is a Sealer without bounds. Its lists end with a count of 7.
type flood struct{ prints, excerpts, length int }

func (f flood) Fingerprints([]proxy.Segment, []proxy.Finding) []string {
	out := slices.Repeat([]string{"fp:EMAIL_ADDRESS:692:ftbyyfozbgmuapu3ozey6fmigm"}, f.prints)
	out[len(out)-1] = "more:7"
	return out
}
func (flood) Subject(string) string               { return "fp:SUBJECT:692:ftbyyfozbgmuapu3ozey6fmigm" }
func (flood) Conversation([]proxy.Segment) string { return "fp:CONVERSATION:692:x" }
func (f flood) Evidence(string, []proxy.Segment, []proxy.Finding) []proxy.EvidenceRecord {
	out := slices.Repeat([]proxy.EvidenceRecord{{Sealed: strings.Repeat("A", f.length), To: "dpo", Type: "X"}}, f.excerpts)
	if len(out) > 0 {
		out[len(out)-1] = proxy.EvidenceRecord{To: "dpo", Type: "more:7"}
	}
	return out
}

// canaries are values as prompts hold them; the detectors find them.
var canaries = []struct{ text, value string }{
	{"Write to ", "quenby.marlowe@stadtwerke-ulm.de"}, {"phone ", "+44 20 7183 8750"}, {"card ", "4929 1234 5678 9015"}, {"IBAN ", "DE02 1203 0000 0000 2020 51"},
	{"Steuer-ID ", "86 095 742 719"}, {"my social security number is ", "536-90-4399"}, {"My name is ", "Quenby Marlowe"}, {"he has ", "diabetes mellitus type 2"},
	{"password: ", "zLk8-qPw2-mVx7"}, {"the server ", "83.169.41.7"},
}

// What prompts hold is in no event: not as it is, not encoded, not as a plain hash.
// Evidence is asked for, so every way out is open.
func TestNoContentOfPromptsInEvents(t *testing.T) {
	suite, err := classifiers.New(classifiers.Options{Detectors: all.Detectors()})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := sealing(t, "p")
	s.HashKey = []byte("a key of the house")
	var texts []string
	for _, c := range canaries {
		texts = append(texts, c.text+c.value+" and so on.")
	}
	in := prompt(texts, field("user-agent", "curl/8"))
	in.Verdict = &proxy.Verdict{Reasons: []proxy.Reason{{Policy: "p"}}}
	for i := range in.Prompt.Segments {
		in.Prompt.Opaque = append(in.Prompt.Opaque, proxy.Opaque{Index: i, Kind: "image"})
	}
	report, err := suite.Classify(t.Context(), in.Prompt.Segments)
	if err != nil {
		t.Fatal(err)
	}
	in.Report = &report
	f, err := s.Facts(in)
	if err != nil {
		t.Fatal(err)
	}
	ev := &proxy.Event{Decision: &proxy.DecisionRecord{Facts: &f}}
	s.Describe(in, ev)
	if len(ev.Personal.Fingerprints) < 5 || len(ev.Personal.Evidence) < len(canaries)-2 {
		t.Fatalf("the canaries are not found: %d fingerprints, %d excerpts", len(ev.Personal.Fingerprints), len(ev.Personal.Evidence))
	}
	js, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	all := [][]byte{js}
	for _, e := range ev.Personal.Evidence {
		raw, err := base64.StdEncoding.DecodeString(e.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	checked := 0
	for i, c := range canaries {
		spellings := []string{c.value, strings.ToLower(c.value), strings.NewReplacer(" ", "", "-", "").Replace(c.value), texts[i]}
		for _, v := range strings.Fields(c.value) {
			if len(v) >= 5 { // shorter ones are in ciphertexts by chance
				spellings = append(spellings, v)
			}
		}
		for _, v := range spellings {
			for form, s := range disguises(v) {
				checked++
				for _, b := range all {
					if strings.Contains(string(b), s) {
						t.Errorf("canary %d is in the event as %s", i, form)
					}
				}
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d forms were looked for", checked)
	}
}

// disguises gives a value as it is, encoded, and as a plain hash, raw and encoded.
// Of base64 it gives the middles at its three alignments.
func disguises(v string) map[string]string {
	out := map[string]string{"itself": v, "hex": hex.EncodeToString([]byte(v)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(v)))}
	for i := range 3 {
		s := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", i) + v))
		if from := (i*8 + 5) / 6; len(s)-from >= 7 { // without the characters that neighbours have a part in
			out[fmt.Sprintf("base64 at %d", i)] = s[from : len(s)-1]
		}
	}
	h1, h2, h3, h4 := sha1.Sum([]byte(v)), sha256.Sum256([]byte(v)), md5.Sum([]byte(v)), sha512.Sum512([]byte(v))
	for name, sum := range map[string][]byte{"SHA-1": h1[:], "SHA-256": h2[:], "MD5": h3[:], "SHA-512": h4[:]} {
		b := sum[:8] // a hash that was cut is as bad
		out[name] = string(b)
		out[name+" in hex"] = hex.EncodeToString(b)
		out[name+" in HEX"] = strings.ToUpper(hex.EncodeToString(b))
		out[name+" in base64"] = base64.StdEncoding.EncodeToString(sum)[:10]
		out[name+" in base64url"] = base64.URLEncoding.EncodeToString(sum)[:10]
		out[name+" in base32"] = strings.ToLower(base32.StdEncoding.EncodeToString(sum)[:12])
	}
	return out
}

// The test above finds what it looks for.
func TestCanariesAreFound(t *testing.T) {
	const v = "quenby.marlowe@stadtwerke-ulm.de"
	sum := sha256.Sum256([]byte(v))
	for form, text := range map[string]string{
		"itself": "x" + v, "hex": hex.EncodeToString([]byte("x" + v + "y")), "base64 at 0": base64.StdEncoding.EncodeToString([]byte("abc" + v + "z")),
		"base64 at 1": base64.StdEncoding.EncodeToString([]byte("a" + v + "zz")), "base64 at 2": base64.StdEncoding.EncodeToString([]byte("ab" + v + "z")),
		"SHA-256 in hex": hex.EncodeToString(sum[:]), "SHA-256 in base64": base64.StdEncoding.EncodeToString(sum[:]), "SHA-256": string(sum[:]),
	} {
		if !strings.Contains(text, disguises(v)[form]) {
			t.Errorf("%s would not be noticed", form)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	words := strings.Repeat("Please summarise the minutes of the meeting. ", 10)
	for _, on := range []string{"without", "with"} {
		b.Run(on+" fingerprints", func(b *testing.B) {
			s, _ := sealing(b, "p")
			if on == "without" {
				s.Sealer = nil
			}
			in := prompt([]string{words}, field("user-agent", "OpenAI/Python 1.55"))
			b.ReportAllocs()
			for b.Loop() {
				ev := proxy.Event{}
				s.Describe(in, &ev)
			}
		})
	}
}
