package identity_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

type fixed proxy.Principal

func (f fixed) Identify(*proxy.Head) (proxy.Principal, error) { return proxy.Principal(f), nil }

func pair(seed byte) (ed25519.PublicKey, ed25519.PrivateKey) {
	k := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(seed), ed25519.SeedSize)))
	return k.Public().(ed25519.PublicKey), k
}

// A grant holds for its application, its time and the keys that are known, and
// is approved when a second person signed it too.
func TestGrants(t *testing.T) {
	pubA, keyA := pair('a')
	pubB, keyB := pair('b')
	_, keyC := pair('c')
	now := time.Unix(1_800_000_000, 0)
	g := identity.Grant{ID: "grant-0001", Application: "bot", Lifts: []string{"residency.protected_data"}, Reason: "incident", NotBefore: now.Unix(), Expires: now.Add(time.Hour).Unix()}
	sign := func(g identity.Grant, keys ...ed25519.PrivateKey) string {
		s, err := identity.Sign(g, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys[1:] {
			if s, err = identity.Countersign(s, k); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	change := func(f func(*identity.Grant)) identity.Grant { c := g; f(&c); return c }
	one := sign(g, keyA)
	for _, c := range []struct {
		name, grant, justification string
		app                        string
		at                         time.Duration
		want                       proxy.GrantFacts
	}{
		{"one person", one, "", "bot", 0, proxy.GrantFacts{ID: g.ID, Approved: "no", Justification: "incident", Lifts: g.Lifts}},
		{"two persons", sign(g, keyA, keyB), "", "bot", 0, proxy.GrantFacts{ID: g.ID, Approved: "yes", Justification: "incident", Lifts: g.Lifts}},
		{"a second key that is not known", sign(g, keyA, keyC), "", "bot", 0, proxy.GrantFacts{ID: g.ID, Approved: "no", Justification: "incident", Lifts: g.Lifts}},
		{"a key that is not known", sign(g, keyC), "", "bot", 0, proxy.GrantFacts{}},
		{"another application", one, "", "web", 0, proxy.GrantFacts{}},
		{"nobody", one, "", "", 0, proxy.GrantFacts{}},
		{"over", one, "", "bot", time.Hour, proxy.GrantFacts{}},
		{"not yet", one, "", "bot", -2 * time.Minute, proxy.GrantFacts{}},
		{"too long", sign(change(func(g *identity.Grant) { g.Expires += 86400 }), keyA), "", "bot", 0, proxy.GrantFacts{}},
		{"altered", one[:20] + "A" + one[21:], "", "bot", 0, proxy.GrantFacts{}},
		{"the same signature twice", one + one[strings.IndexByte(one, '.'):], "", "bot", 0, proxy.GrantFacts{ID: g.ID, Approved: "no", Justification: "incident", Lifts: g.Lifts}},
		{"no signature", one[:strings.IndexByte(one, '.')], "", "bot", 0, proxy.GrantFacts{}},
		{"a known word", "", "incident", "bot", 0, proxy.GrantFacts{Justification: "incident"}},
		{"a sentence is content and stays out", "", "because Jane said so", "bot", 0, proxy.GrantFacts{Justification: "other"}},
		{"nothing", "", "", "bot", 0, proxy.GrantFacts{}},
	} {
		gs := identity.Grants{Identifier: fixed{Application: c.app}, Keys: []ed25519.PublicKey{pubA, pubB}, Reasons: []string{"incident"}, Now: func() time.Time { return now.Add(c.at) }}
		h := &proxy.Head{}
		if c.grant != "" {
			h.Header = append(h.Header, proxy.Field{Name: proxy.HeaderGrant, Value: proxy.NewText(c.grant)})
		}
		if c.justification != "" {
			h.Header = append(h.Header, proxy.Field{Name: proxy.HeaderJustification, Value: proxy.NewText(c.justification)})
		}
		p, err := gs.Identify(h)
		if err != nil {
			t.Fatal(err)
		}
		if p.Grant.ID != c.want.ID || p.Grant.Approved != c.want.Approved || p.Grant.Justification != c.want.Justification || strings.Join(p.Grant.Lifts, " ") != strings.Join(c.want.Lifts, " ") {
			t.Errorf("%s: %+v, want %+v", c.name, p.Grant, c.want)
		}
	}
	for _, bad := range []identity.Grant{{}, change(func(g *identity.Grant) { g.Lifts = nil }), change(func(g *identity.Grant) { g.Lifts = []string{"x"} }),
		change(func(g *identity.Grant) { g.Reason = "Because Jane" }), change(func(g *identity.Grant) { g.Expires = g.NotBefore })} {
		if _, err := identity.Sign(bad, keyA); !errors.Is(err, identity.ErrGrantForm) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := identity.Countersign(one, keyA); !errors.Is(err, identity.ErrGrant) {
		t.Error("the same person signed twice")
	}
	if _, err := identity.Countersign("nonsense", keyA); !errors.Is(err, identity.ErrGrant) {
		t.Error("nonsense was signed")
	}
}

func FuzzGrant(f *testing.F) {
	pub, key := pair('a')
	g := identity.Grant{ID: "grant-0001", Application: "bot", Lifts: []string{"a.b"}, Reason: "incident", NotBefore: 1_800_000_000, Expires: 1_800_003_600}
	s, err := identity.Sign(g, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add("a.b.c")
	gs := identity.Grants{Identifier: fixed{Application: "bot"}, Keys: []ed25519.PublicKey{pub}, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	payload := s[:strings.IndexByte(s, '.')]
	f.Fuzz(func(t *testing.T, token string) {
		p, err := gs.Identify(&proxy.Head{Header: []proxy.Field{{Name: proxy.HeaderGrant, Value: proxy.NewText(token)}}})
		if err != nil {
			t.Fatal(err)
		}
		// Only what was signed is granted.
		if p.Grant.ID != "" && !strings.HasPrefix(strings.TrimSpace(token), payload+".") {
			t.Error("an altered grant holds")
		}
	})
}
