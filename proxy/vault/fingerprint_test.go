package vault_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/vault"
)

var person = []string{"personal", "identifier"}

// found reads segments marked as in TestMask. Types with an underscore behind two
// letters are numbers of persons.
func found(t *testing.T, texts ...string) ([]proxy.Segment, []proxy.Finding) {
	t.Helper()
	var segments []proxy.Segment
	var findings []proxy.Finding
	for i, s := range texts {
		text, f := marked(t, i, s)
		for i := range f {
			f[i].Groups = person
		}
		segments, findings = append(segments, proxy.Segment{Text: proxy.NewText(text), Role: proxy.RoleUser}), append(findings, f...)
	}
	return segments, findings
}

func sealer(t testing.TB) *vault.Sealer {
	return &vault.Sealer{Keys: open(t, t.TempDir(), atNoon(2026, 11, 24))}
}

// A fingerprint is what the documentation says, computed here another way.
func TestFingerprintIsHMAC(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	k := open(t, dir, c)
	s := &vault.Sealer{Keys: k}
	segments, findings := found(t, "mail [[EMAIL_ADDRESS 5|Jane.Roe@Corp.example]]")
	got := s.Fingerprints(segments, findings)
	secret, err := os.ReadFile(c.key(dir))
	if err != nil {
		t.Fatal(err)
	}
	want := func(purpose, typ, value string) string {
		key, err := hkdf.Key(sha256.New, secret, nil, "ostiary fingerprint v1\n"+purpose, 32)
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		for _, s := range []string{typ, value} {
			_ = binary.Write(mac, binary.BigEndian, uint64(len(s)))
			mac.Write([]byte(s))
		}
		hash := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:16])
		return fmt.Sprintf("fp:%s:%d:%s", typ, c.epoch(), strings.ToLower(hash))
	}
	if d := cmp.Diff([]string{want("find", "EMAIL_ADDRESS", "jane.roe@corp.example")}, got); d != "" {
		t.Error(d)
	}
	long := strings.Repeat("é", 200)
	for _, text := range []string{"hello", long} {
		if got := s.Conversation([]proxy.Segment{{Text: proxy.NewText(text), Role: proxy.RoleUser}}); got != want("conversation", "CONVERSATION", text) {
			t.Error(got)
		}
	}
	if got := s.Subject("jane"); got != want("subject", "SUBJECT", "jane") {
		t.Error(got)
	}
	// The key of the file is used for nothing itself, and no two purposes agree.
	tails := map[string]bool{}
	for _, p := range []string{"find", "subject", "conversation"} {
		tails[want(p, "X", "same")] = true
	}
	if len(tails) != 3 {
		t.Error("purposes share a key")
	}
}

// Values of one line are one value, those of different lines are not; Hash finds
// each of them. (No line has a synthetic value: that is a tag of detectors.)
func TestValuesAreWrittenInOneWay(t *testing.T) {
	for _, c := range []struct {
		typ   string
		lines []string
	}{
		{"EMAIL_ADDRESS", []string{
			"jane.roe@corp.example|Jane.Roe@CORP.example|jane.roe=40corp.example|jane.roe%40corp.example|ｊａｎｅ.roe＠corp.example|jane.roe (at) corp (dot) example|jane.roe [at] corp[.]example|jane.roe at corp dot example|mailto:jane.roe@corp.example|jane.\u200broe@corp.example",
			"janeroe@corp.example", "jane.roe@corp.example.org", "at@dot.example|AT@dot.example", "jürgen@bücher.ch|JÜRGEN@BÜCHER.CH"}},
		{"PHONE_NUMBER", []string{
			"+44 20 7946 0958|+44 (0)20 7946 0958|0044 20 7946 0958|+442079460958|+44-20-7946-0958 ext. 12|tel:+44-20-7946-0958;ext=5|+44.20.7946.0958x12|＋４４ ２０ ７９４６ ０９５８|+٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨",
			"020 7946 0958|(020) 7946-0958|02079460958 #3", "+1 202 555 0143|+1 (202) 555-0143|001 202 555 0143", "202-555-0143"}},
		{"CREDIT_CARD", []string{"4929 1234 5678 9014|4929-1234-5678-9014|4929123456789014|4929·1234·5678·9014|４９２９１２３４５６７８９０１４", "4929123456789015"}},
		{"IBAN_CODE", []string{"DE89 3704 0044 0532 0130 00|de89370400440532013000|DE89-3704-0044-0532-0130-00", "DE89370400440532013001"}},
		{"DE_IDNR", []string{"86 095 742 719|86095742719|86.095.742.719", "86095742718"}},
		{"SE_PERSONNUMMER", []string{"850709-9805|8507099805", "850709+9806"}},
		{"IT_FISCAL_CODE", []string{"RCCMNL83S18D969H|rccmnl83s18d969h|RCC MNL 83S18 D969H"}},
		{"NATIONAL_ID", []string{"AB-1234567-C|ab1234567c"}},
		{"SECRET_PASSWORD", []string{"correct horse battery|correct  horse\nbattery", "Correct horse battery"}},
		{"SECRET_PRIVATE_KEY", []string{"-----BEGIN KEY-----\nAAAA\nBBBB\n-----END KEY-----|-----BEGIN KEY-----\r\nAAAABBBB\r\n-----END KEY-----"}},
	} {
		s := sealer(t)
		seen := map[string]string{}
		for _, line := range c.lines {
			first := ""
			for _, v := range strings.Split(line, "|") {
				segments := []proxy.Segment{{Text: proxy.NewText(v)}}
				got := s.Fingerprints(segments, []proxy.Finding{{End: len(v), Type: c.typ, Likelihood: proxy.Likely, Groups: person}})
				if len(got) != 1 || !strings.HasPrefix(got[0], "fp:"+c.typ+":") {
					t.Errorf("%s %q: %v", c.typ, v, got)
					continue
				}
				if first == "" {
					first = got[0]
					if other, ok := seen[first]; ok {
						t.Errorf("%s: %q is the same as %q", c.typ, v, other)
					}
					seen[first] = v
				}
				if got[0] != first {
					t.Errorf("%s: %q is another value than the first of its line", c.typ, v)
				}
				if hash, err := s.Keys.Hash(c.typ, v); err != nil || len(hash) != 1 || hash[0] != first {
					t.Errorf("%s %q: a request for it finds %v (%v), not its events", c.typ, v, hash, err)
				}
			}
		}
	}
}

func TestWhatHasNoFingerprint(t *testing.T) {
	for _, c := range []struct {
		text string
		want error // of Hash
	}{
		{"[[PERSON 5|Jane Roe of Springfield]]", vault.ErrNoFingerprint},
		{"[[DATE_TIME 5|1985-07-09 10:00]]", vault.ErrNoFingerprint},
		{"[[LOCATION 5|Musterstraße 12, 10115 Berlin]]", vault.ErrNoFingerprint},
		{"[[IP_ADDRESS 5|198.51.100.200]]", vault.ErrNoFingerprint},
		{"[[HEALTH_CONDITION 5|diabetes mellitus]]", vault.ErrNoFingerprint},
		{"[[ICD10_CODE 5|E11.9 and more]]", vault.ErrNoFingerprint},
		{"[[MEDICAL_RECORD 5|MRN 1234567890]]", vault.ErrNoFingerprint},
		{"[[MRZ 5|P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<]]", vault.ErrNoFingerprint},
		{"[[US_SSN 5|536-90-4399]]", vault.ErrGuessable}, // nine digits
		{"[[ES_DNI 5|12345678Z]]", vault.ErrGuessable},   // nine characters
		{"[[PASSPORT 5|C01X00T47]]", vault.ErrGuessable}, //
		{"[[SECRET_PASSWORD 5|hunter2]]", vault.ErrGuessable},
		{"[[SECRET_PASSWORD 5|1 2 3 4 5 6 7 8 9]]", vault.ErrGuessable},
		{"[[SUBJECTS 5|jane]]", vault.ErrNoFingerprint},
	} {
		s := sealer(t)
		segments, findings := found(t, c.text)
		if got := s.Fingerprints(segments, findings); got != nil {
			t.Errorf("%s: %v", findings[0].Type, got)
		}
		if _, err := s.Keys.Hash(findings[0].Type, segments[0].Text.Reveal()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", findings[0].Type, err, c.want)
		}
	}
	s := sealer(t)
	segments, findings := found(t, "[[EMAIL_ADDRESS 3|a@b.org]] [[EMAIL_ADDRESS 5|c@d.org]]")
	findings[1].Synthetic = true
	if got := s.Fingerprints(segments, findings); got != nil {
		t.Errorf("what is possible, or a test value: %v", got)
	}
	// A number of a country's that is no person's.
	segments, findings = found(t, "[[DE_VAT 5|DE 1234567890]]")
	findings[0].Groups = []string{"general"}
	if got := s.Fingerprints(segments, findings); got != nil {
		t.Errorf("a firm's number: %v", got)
	}
	if got := (&vault.Sealer{}).Fingerprints(segments, findings); got != nil {
		t.Errorf("without keys: %v", got)
	}
}

var format = regexp.MustCompile(`^fp:[A-Z][A-Z0-9_]+:[0-9]+:[a-z2-7]{26}$`)

func TestFingerprintsAreSortedBoundedAndCounted(t *testing.T) {
	for _, c := range []struct{ values, want, more int }{{1, 1, 0}, {64, 64, 0}, {65, 64, 1}, {1000, 64, 936}, {5000, 64, 4096 - 64}} {
		var b strings.Builder
		for i := range c.values {
			fmt.Fprintf(&b, "[[EMAIL_ADDRESS 5|user%d@corp.example]] [[EMAIL_ADDRESS 4|USER%d@corp.example]] ", i, i) // twice each
		}
		s := sealer(t)
		segments, findings := found(t, b.String())
		got := s.Fingerprints(segments, findings)
		if d := cmp.Diff(got, s.Fingerprints(segments, findings)); d != "" {
			t.Error("the same findings give other fingerprints", d)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Error("not sorted, or twice")
		}
		if c.more > 0 {
			last := got[len(got)-1]
			if n, ok := vault.More(last); !ok || n != c.more {
				t.Errorf("%d values: the last entry is %q, want %d missing", c.values, last, c.more)
			}
			got = got[:len(got)-1]
		}
		if len(got) != c.want {
			t.Errorf("%d values give %d fingerprints, want %d", c.values, len(got), c.want)
		}
		for _, fp := range got {
			if _, ok := vault.More(fp); ok || !format.MatchString(fp) {
				t.Errorf("%q", fp)
			}
		}
	}
	for _, s := range []string{"", "more:", "more:0", "more:-1", "more:x", "fp:EMAIL_ADDRESS:1:a", "EMAIL_ADDRESS"} {
		if _, ok := vault.More(s); ok {
			t.Errorf("%q says that something is missing", s)
		}
	}
}

// What is found but cannot be read as its type's is counted, not passed over.
func TestDisguisesAreCounted(t *testing.T) {
	s := sealer(t)
	segments, findings := found(t, "[[EMAIL_ADDRESS 5|amFuZUBjb3JwLmV4YW1wbGU=]] [[PHONE_NUMBER 5|two oh two]] [[CREDIT_CARD 5|four nine two nine]] [[IBAN_CODE 5|8937040044053201]] [[IBAN_CODE 5|8937040044053201]] [[EMAIL_ADDRESS 5|a@b.example]]")
	got := s.Fingerprints(segments, findings)
	if len(got) != 2 || !format.MatchString(got[0]) || got[1] != "more:4" {
		t.Errorf("%v", got)
	}
	for _, c := range []struct{ typ, value string }{{"PHONE_NUMBER", "12"}, {"EMAIL_ADDRESS", "jane"}, {"EMAIL_ADDRESS", "a@b@c"}, {"CREDIT_CARD", "1"}, {"IBAN_CODE", "x"}, {vault.TypeSubject, ""}, {"SECRET_PASSWORD", strings.Repeat("x", 1<<20)}} {
		if _, err := s.Keys.Hash(c.typ, c.value); !errors.Is(err, vault.ErrNotAValue) {
			t.Errorf("%s: %v", c.typ, err)
		}
	}
}

// No key is no silence.
func TestWithoutAKeyValuesAreCounted(t *testing.T) {
	dir, c := t.TempDir(), atNoon(2026, 11, 24)
	if err := os.MkdirAll(c.key(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	s := &vault.Sealer{Keys: open(t, dir, c)}
	segments, findings := found(t, "[[EMAIL_ADDRESS 5|a@b.example]] [[EMAIL_ADDRESS 5|c@b.example]]")
	if d := cmp.Diff([]string{"more:2"}, s.Fingerprints(segments, findings)); d != "" {
		t.Error(d)
	}
	if s.Conversation(segments) != "" {
		t.Error("a conversation has a fingerprint without a key")
	}
}

func TestFindingsInNoText(t *testing.T) {
	s := sealer(t)
	s.Recipient = recipient(t)
	segments := []proxy.Segment{{Text: proxy.NewText("a@b.example")}}
	for _, f := range []proxy.Finding{{Segment: 1, End: 1}, {Segment: -1, End: 1}, {Start: -1, End: 1}, {Start: 2, End: 44}, {Start: 2, End: 1}} {
		f.Type, f.Likelihood = "EMAIL_ADDRESS", proxy.VeryLikely
		if fp, ev := s.Fingerprints(segments, []proxy.Finding{f}), s.Evidence("1", segments, []proxy.Finding{f}); fp != nil || ev != nil {
			t.Errorf("%v %v", fp, ev)
		}
	}
}

func TestConversation(t *testing.T) {
	s := sealer(t)
	text := func(role proxy.Role, kind proxy.Kind, s string) proxy.Segment {
		return proxy.Segment{Text: proxy.NewText(s), Role: role, Kind: kind}
	}
	first := []proxy.Segment{
		text(proxy.RolePath, proxy.KindPath, "/v1"), text(proxy.RoleSystem, proxy.KindString, "be kind"), text(proxy.RoleUser, proxy.KindKey, "content"),
		text(proxy.RoleUser, proxy.KindString, ""), text(proxy.RoleUser, proxy.KindString, "hello"),
	}
	one := s.Conversation(first)
	if !format.MatchString(one) || !strings.HasPrefix(one, "fp:CONVERSATION:") {
		t.Fatal(one)
	}
	later := append(slices.Clone(first), text(proxy.RoleAssistant, proxy.KindString, "hi"), text(proxy.RoleUser, proxy.KindString, "more"))
	later[1].Text = proxy.NewText("be brief")
	if s.Conversation(later) != one {
		t.Error("a later turn is another conversation")
	}
	later[4].Text = proxy.NewText("hello!")
	if s.Conversation(later) == one {
		t.Error("another beginning is the same conversation")
	}
	if got := s.Conversation(first[:4]); got != "" {
		t.Errorf("a conversation without a user: %q", got)
	}
	// Long messages differ by either end and by length.
	long := strings.Repeat("x", 1<<20)
	seen := map[string]bool{}
	for _, v := range []string{long, long + "x", "y" + long[1:], long[1:] + "y", long[:2<<10], long[:2<<10+1]} {
		seen[s.Conversation([]proxy.Segment{text(proxy.RoleUser, proxy.KindString, v)})] = true
	}
	if len(seen) != 6 {
		t.Errorf("six long messages have %d fingerprints", len(seen))
	}
}

// Every decimal digit of Unicode is read as its value.
func TestDigitsOfAllScripts(t *testing.T) {
	s := sealer(t)
	if err := s.Keys.Prepare(); err != nil {
		t.Fatal(err)
	}
	want, err := s.Keys.Hash("CREDIT_CARD", "012345678901")
	if err != nil || len(want) != 1 {
		t.Fatal(want, err)
	}
	n := 0
	for zero := rune(0x80); zero <= unicode.MaxRune; zero++ {
		if !unicode.Is(unicode.Nd, zero) {
			continue
		}
		run := 0
		for unicode.Is(unicode.Nd, zero+rune(run)) {
			run++
		}
		if run%10 != 0 {
			t.Fatalf("a run of %d digits at %U", run, zero)
		}
		for ; run > 0; run, zero, n = run-10, zero+10, n+1 {
			var b strings.Builder
			for i := range 12 {
				b.WriteRune(zero + rune(i%10))
			}
			if got, err := s.Keys.Hash("CREDIT_CARD", b.String()); err != nil || !slices.Equal(got, want) {
				t.Errorf("%U is not a zero: %v", zero, err)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d scripts", n)
	}
}

// FuzzFingerprints: what any text gives is the form of a fingerprint or a count,
// holds nothing of the value, and is what Hash gives for the same value.
func FuzzFingerprints(f *testing.F) {
	f.Add("+44 (0)20 7946 0958", byte(1))
	f.Add("jane (at) corp (dot) example", byte(0))
	f.Add("correct horse battery", byte(5))
	f.Add("DE89 3704 0044 0532 0130 00", byte(3))
	s := sealer(f)
	if err := s.Keys.Prepare(); err != nil {
		f.Fatal(err)
	}
	types := []string{"EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "DE_IDNR", "SECRET_PASSWORD", "PERSON"}
	f.Fuzz(func(t *testing.T, text string, n byte) {
		typ := types[int(n)%len(types)]
		segments := []proxy.Segment{{Text: proxy.NewText(text), Role: proxy.RoleUser}}
		got := s.Fingerprints(segments, []proxy.Finding{{End: len(text), Type: typ, Likelihood: proxy.VeryLikely, Groups: person}})
		hash, err := s.Keys.Hash(typ, text)
		switch {
		case err == nil:
			if !slices.Equal(got, hash) || len(got) != 1 || !format.MatchString(got[0]) || typ == "PERSON" {
				t.Fatalf("%v, hash gives %v", got, hash)
			}
		case errors.Is(err, vault.ErrNotAValue):
			if !slices.Equal(got, []string{"more:1"}) {
				t.Fatalf("%v", got)
			}
		case errors.Is(err, vault.ErrNoFingerprint), errors.Is(err, vault.ErrGuessable):
			if got != nil {
				t.Fatalf("%v", got)
			}
		default:
			t.Fatal(err)
		}
	})
}

func BenchmarkConversation(b *testing.B) {
	for _, n := range []int{40, 400, 4000, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := sealer(b)
			segments := []proxy.Segment{{Role: proxy.RoleSystem, Text: proxy.NewText("be kind")}, {Role: proxy.RoleUser, Text: proxy.NewText(strings.Repeat("word ", n/5))}}
			b.ReportAllocs()
			for b.Loop() {
				s.Conversation(segments)
			}
		})
	}
}

func BenchmarkFingerprints(b *testing.B) {
	for _, n := range []int{0, 1, 64, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := sealer(b)
			var text strings.Builder
			var findings []proxy.Finding
			for i := range n {
				start := text.Len()
				fmt.Fprintf(&text, "user%d@corp.example", i)
				findings = append(findings, proxy.Finding{Start: start, End: text.Len(), Type: "EMAIL_ADDRESS", Likelihood: proxy.Likely})
			}
			segments := []proxy.Segment{{Role: proxy.RoleUser, Text: proxy.NewText(text.String())}}
			b.ReportAllocs()
			for b.Loop() {
				s.Fingerprints(segments, findings)
			}
		})
	}
}
