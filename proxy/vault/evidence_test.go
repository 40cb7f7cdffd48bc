package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/vault"
)

func keys(t testing.TB) *vault.EvidenceKey {
	t.Helper()
	private, _, err := vault.GenerateEvidenceKey("dpo-2026")
	if err != nil {
		t.Fatal(err)
	}
	k, err := vault.ParseEvidenceKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func recipient(t testing.TB) *vault.Recipient { return keys(t).Recipient() }

func TestEvidenceOpensWithItsKeyAlone(t *testing.T) {
	k := keys(t)
	in := vault.Excerpt{Type: "PERSON", Before: `ask "`, Match: "Jane <Roe>", After: "\" at\nnoon", Role: "user"}
	r, err := vault.SealEvidence(k.Recipient(), "01KDECISION", &in)
	if err != nil {
		t.Fatal(err)
	}
	if r.To != "dpo-2026" || r.Type != "PERSON" {
		t.Errorf("%+v", r)
	}
	raw, err := base64.StdEncoding.DecodeString(r.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"Jane", "Roe", "noon", "ask"} {
		if bytes.Contains(raw, []byte(s)) || strings.Contains(r.Sealed, s) {
			t.Error("the record holds the text")
		}
	}
	got, err := vault.OpenEvidence(k, r, "01KDECISION")
	if got != in || err != nil {
		t.Errorf("it does not open: %v", err)
	}

	refused := func(why string, k *vault.EvidenceKey, r proxy.EvidenceRecord, id string) {
		t.Helper()
		if got, err := vault.OpenEvidence(k, r, id); !errors.Is(err, vault.ErrSealed) || got != (vault.Excerpt{}) {
			t.Errorf("%s opens: %v", why, err)
		}
	}
	refused("another key", keys(t), r, "01KDECISION")
	refused("another decision", k, r, "01KDECISIOM")
	refused("no decision", k, r, "")
	other := r
	other.Type = "EMAIL_ADDRESS"
	refused("another type", k, other, "01KDECISION")
	// The end of the id may not become the type's beginning.
	other.Type = "N\nPERSON"
	refused("a shifted id", k, other, "01KDECISIO")
	for i := range raw {
		if i > 64 && i < len(raw)-600 && i%37 != 0 { // every byte of the ends, some of the middle
			continue
		}
		b := bytes.Clone(raw)
		b[i] ^= 1
		refused(fmt.Sprintf("byte %d altered", i), k, proxy.EvidenceRecord{Sealed: base64.StdEncoding.EncodeToString(b), To: r.To, Type: r.Type}, "01KDECISION")
	}
	for _, s := range []string{"", "A", "!", r.Sealed[:len(r.Sealed)-4], r.Sealed + "AAAA", r.Sealed + "\n", strings.Repeat("A", 1<<20)} {
		refused("a text of another length", k, proxy.EvidenceRecord{Sealed: s, To: r.To, Type: r.Type}, "01KDECISION")
	}
}

func TestExcerpts(t *testing.T) {
	around := strings.Repeat("ä", 40) // 80 bytes
	for _, c := range []struct {
		name, text string
		want       vault.Excerpt
	}{
		{"alone", "[[PERSON 4|Jane]]", vault.Excerpt{Match: "Jane"}},
		{"in the middle", strings.Repeat("b", 90) + "[[PERSON 4|Jane]]" + strings.Repeat("a", 90), vault.Excerpt{Before: strings.Repeat("b", 75), Match: "Jane", After: strings.Repeat("a", 75)}},
		{"on the boundaries of characters", around + "[[PERSON 4|Zoë]]" + around, vault.Excerpt{Before: strings.Repeat("ä", 37), Match: "Zoë", After: strings.Repeat("ä", 37)}},
		{"wide characters", "請求書[[PERSON 4|山田]]を確認", vault.Excerpt{Before: "請求書", Match: "山田", After: "を確認"}},
		{"a long match", "[[SECRET_X 4|" + strings.Repeat("k", 4095) + "ä" + strings.Repeat("k", 1000) + "]]", vault.Excerpt{Match: strings.Repeat("k", 4095), Cut: 1002}},
	} {
		k := keys(t)
		s := &vault.Sealer{Recipient: k.Recipient()}
		segments, findings := found(t, "x", c.text)
		c.want.Type, c.want.Role = findings[0].Type, "user"
		list := s.Evidence("01", segments, findings)
		if len(list) != 1 {
			t.Fatalf("%s: %d records", c.name, len(list))
		}
		got, err := vault.OpenEvidence(k, list[0], "01")
		if err != nil || got != c.want {
			t.Errorf("%s: %v: before %q match %d bytes after %q cut %d", c.name, err, got.Before, len(got.Match), got.After, got.Cut)
		}
		if !utf8.ValidString(got.Before + got.Match + got.After) {
			t.Errorf("%s: a character was cut", c.name)
		}
	}
}

// The likeliest come first, each value of a type once; nothing that is unlikely, no
// test values; what has no room is counted.
func TestEvidenceIsChosenAndBounded(t *testing.T) {
	k := keys(t)
	s := &vault.Sealer{Recipient: k.Recipient()}
	segments, findings := found(t, "[[A 2|unlikely]] [[B 3|perhaps]] [[C 4|first]] [[C 4|second]] [[D 5|sure]] [[C 5|first]] [[E 5|synthetic]] [[F 5|first]]")
	for i := range findings {
		findings[i].Synthetic = findings[i].Type == "E"
	}
	var got []string
	for _, r := range s.Evidence("01", segments, findings) {
		e, err := vault.OpenEvidence(k, r, "01")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Type+" "+e.Match)
	}
	if d := cmp.Diff([]string{"D sure", "C first", "F first", "C second", "B perhaps"}, got); d != "" {
		t.Error(d)
	}
	if (&vault.Sealer{}).Evidence("01", segments, findings) != nil {
		t.Error("evidence without a recipient")
	}
	if s.Evidence("01", segments, nil) != nil {
		t.Error("evidence of nothing")
	}

	for _, c := range []struct {
		name  string
		size  int // of a match
		count int
	}{{"many", 8, 40}, {"sixteen", 8, 16}, {"large", 3000, 40}, {"very many", 8, 6000}} {
		var b strings.Builder
		for i := range c.count {
			fmt.Fprintf(&b, "[[SECRET_SOME_SERVICE_KEY 5|%0*d]] ", c.size, i)
		}
		segments, findings := found(t, b.String())
		list := s.Evidence("01KABCDEFGHJKMNPQRSTVWXYZ0", segments, findings)
		js, err := json.Marshal(list)
		if err != nil || len(js) > 32<<10 {
			t.Errorf("%s: %d bytes", c.name, len(js))
		}
		n, missing := len(list), 0
		if last := list[n-1]; last.Sealed == "" {
			missing, _ = vault.More(last.Type)
			n--
			if _, err := vault.OpenEvidence(k, last, "01KABCDEFGHJKMNPQRSTVWXYZ0"); !errors.Is(err, vault.ErrSealed) {
				t.Errorf("the count of what is missing opens: %v", err)
			}
		}
		if n > 16 || n < 4 || n+missing != min(c.count, 4096) {
			t.Errorf("%s: %d sealed, %d missing", c.name, n, missing)
		}
		if c.size == 8 && n != 16 {
			t.Errorf("%s: %d sealed, want 16", c.name, n)
		}
	}
}

// Lengths tell no more than 256 bytes do.
func TestEvidenceIsPadded(t *testing.T) {
	s := &vault.Sealer{Recipient: recipient(t)}
	lengths := map[int]bool{}
	for n := range 100 {
		segments, findings := found(t, "[[PERSON 5|"+strings.Repeat("x", n+1)+"]]")
		lengths[len(s.Evidence("01", segments, findings)[0].Sealed)] = true
	}
	if len(lengths) != 1 {
		t.Errorf("%d lengths of a hundred", len(lengths))
	}
}

func TestEvidenceKeysAsText(t *testing.T) {
	private, public, err := vault.GenerateEvidenceKey("dpo-2026")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{private, public} {
		if strings.ContainsAny(line, " \n\t") || strings.Trim(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-") != "" {
			t.Error("a key is not one line of plain characters")
		}
	}
	r, err := vault.ParseRecipient(" " + public[:40] + "\r\n " + public[40:] + "\n")
	if err != nil || r.Name() != "dpo-2026" {
		t.Fatal(err)
	}
	k, err := vault.ParseEvidenceKey(private + "\n")
	if err != nil || k.Name() != "dpo-2026" || k.Recipient().Name() != "dpo-2026" {
		t.Fatal(err)
	}
	e := vault.Excerpt{Type: "PERSON", Match: "Jane"}
	rec, err := vault.SealEvidence(r, "01", &e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := vault.OpenEvidence(k, rec, "01"); err != nil || got != e {
		t.Error("the halves do not belong together")
	}

	if _, err := vault.ParseRecipient(private); !errors.Is(err, vault.ErrPrivateKey) {
		t.Error(err)
	}
	if _, err := vault.ParseEvidenceKey(public); !errors.Is(err, vault.ErrPublicKey) {
		t.Error(err)
	}
	for _, name := range []string{"", "a b", "a:b", "é", strings.Repeat("x", 65)} {
		if _, _, err := vault.GenerateEvidenceKey(name); !errors.Is(err, vault.ErrKeyName) {
			t.Errorf("%q is a name", name)
		}
	}
	// Each altered character is noticed, and no error repeats a key.
	secret := private[strings.LastIndexByte(private, ':')+1:]
	for i := range private {
		b := []byte(private)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		_, err := vault.ParseEvidenceKey(string(b))
		if !errors.Is(err, vault.ErrEvidenceKey) {
			t.Errorf("character %d: %v", i, err)
		} else if strings.Contains(err.Error(), secret[:8]) || strings.Contains(err.Error(), secret[len(secret)-8:]) {
			t.Error("an error repeats the key")
		}
	}
	for _, s := range []string{"", ":", ":::", public[:len(public)-1], public + "A", strings.Repeat("A", 1<<20), "ostiary-evidence-public-v1:dpo:00:AAAA"} {
		if _, err := vault.ParseRecipient(s); !errors.Is(err, vault.ErrEvidenceKey) {
			t.Errorf("%d characters: %v", len(s), err)
		}
	}
}

// Neither a private key nor an excerpt is printed.
func TestKeysAndExcerptsAreNotPrinted(t *testing.T) {
	private, _, err := vault.GenerateEvidenceKey("dpo")
	if err != nil {
		t.Fatal(err)
	}
	k, err := vault.ParseEvidenceKey(private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(private[strings.LastIndexByte(private, ':')+1:])
	if err != nil {
		t.Fatal(err)
	}
	e := vault.Excerpt{Match: "canary-77aa"}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%v %+v %#v %s %x %d", k, k, k, k, k, []any{*k, struct{ k *vault.EvidenceKey }{k}})
	fmt.Fprintf(&b, "%v %+v %#v %s %x %v", e, &e, e, e, e, []any{e, struct{ E vault.Excerpt }{e}})
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("x", "key", k, "excerpt", e)
	}
	for _, s := range []string{"canary", fmt.Sprintf("%x", "canary-77aa"), fmt.Sprintf("%x", raw[:8]), fmt.Sprint(raw[:8]), strings.Trim(fmt.Sprint(raw[:8]), "[]"), private[len(private)-20:]} {
		if strings.Contains(b.String(), s) {
			t.Error("it is printed")
		}
	}
}

// fixed is the text of a private key that is the same in every process: those that
// fuzz do not share what one of them makes up. It says the format once more.
func fixed() string {
	const mark, name = "ostiary-evidence-private-v1", "dpo"
	seed := bytes.Repeat([]byte("test"), 8)
	sum := sha256.Sum256([]byte(mark + "\n" + name + "\n" + string(seed)))
	return fmt.Sprintf("%s:%s:%x:%s", mark, name, sum[:8], base64.RawURLEncoding.EncodeToString(seed))
}

// FuzzOpenEvidence: nothing opens that was not sealed, and nowhere else.
func FuzzOpenEvidence(f *testing.F) {
	k, err := vault.ParseEvidenceKey(fixed())
	if err != nil {
		f.Fatal(err)
	}
	r, err := vault.SealEvidence(k.Recipient(), "01", &vault.Excerpt{Type: "PERSON", Match: "Jane"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.Sealed, r.Type, "01")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, sealed, typ, id string) {
		e, err := vault.OpenEvidence(k, proxy.EvidenceRecord{Sealed: sealed, Type: typ}, id)
		if err == nil && (e != vault.Excerpt{Type: "PERSON", Match: "Jane"} || typ != "PERSON" || id != "01") {
			t.Fatal("something else opens")
		}
		if sealed == r.Sealed && typ == "PERSON" && id == "01" && err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzKeys: what is read as a key is a line whose checksum is right, and the other
// half's is not.
func FuzzKeys(f *testing.F) {
	_, public, err := vault.GenerateEvidenceKey("dpo")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(fixed())
	f.Add(public)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := vault.ParseRecipient(s)
		k, err2 := vault.ParseEvidenceKey(s)
		if err != nil && err2 != nil {
			return
		}
		parts := strings.Split(strings.Join(strings.Fields(s), ""), ":")
		if len(parts) != 4 || err == nil && err2 == nil {
			t.Fatal("a line of another form is a key, or both halves")
		}
		key, err3 := base64.RawURLEncoding.DecodeString(parts[3])
		sum := sha256.Sum256([]byte(parts[0] + "\n" + parts[1] + "\n" + string(key)))
		if err3 != nil || fmt.Sprintf("%x", sum[:8]) != parts[2] {
			t.Fatal("the checksum is wrong")
		}
		if err == nil && (r.Name() != parts[1] || parts[0] != "ostiary-evidence-public-v1") || err2 == nil && (k.Name() != parts[1] || k.Recipient().Name() != parts[1]) {
			t.Fatal("another name or half")
		}
	})
}

func BenchmarkEvidence(b *testing.B) {
	for _, n := range []int{0, 1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := &vault.Sealer{Recipient: recipient(b)}
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
				s.Evidence("01KABCDEFGHJKMNPQRSTVWXYZ0", segments, findings)
			}
		})
	}
}
