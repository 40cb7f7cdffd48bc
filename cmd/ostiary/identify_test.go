package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// issuer is an OpenID Connect provider of the test.
type issuer struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	bearer string // wanted where it is not empty
	denied atomic.Int32
}

func newIssuer(t *testing.T, bearer string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, bearer: bearer}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.bearer != "" && r.Header.Get("authorization") != "Bearer "+i.bearer {
			i.denied.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("content-type", "application/json")
		if r.URL.Path == "/keys" {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Use: "sig"}}})
			return
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/keys")
	}))
	t.Cleanup(i.Close)
	return i
}

// token gives a token; claims are further JSON members.
func (i *issuer) token(t *testing.T, subject, claims string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := s.Sign(fmt.Appendf(nil, `{"iss":%q,"aud":"ostiary","sub":%q,"exp":%d%s}`, i.URL, subject, time.Now().Add(time.Hour).Unix(), claims))
	if err != nil {
		t.Fatal(err)
	}
	out, err := j.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Everybody is known by what they present, or by the process they are; nothing of
// it is forwarded, and no name of a person is in the core of an event.
func TestWhoAsks(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		login, cluster := newIssuer(t, ""), newIssuer(t, "token-of-the-pod")
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte("token-of-the-pod\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("OSTIARY_TEST_APP_KEY", "billing-application-key-0123456789")
		in := launch(t, plane, fmt.Sprintf(`applications:
  - {name: billing, team: finance, key: {env: OSTIARY_TEST_APP_KEY}}
  - {name: shop, team: retail, groups: [pilot]}
  - {name: tool}
identity:
  groups: [traders]
  tokens: [{issuer: %q, audience: ostiary, claim: azp, applications: [{value: 0oa-shop, application: shop}]}]
  kubernetes: {issuer: %q, audience: ostiary, token_file: %q, accounts: [{account: "shop/*", application: shop}]}
`, login.URL, cluster.URL, file))
		person := login.token(t, "jane.doe@bank.example", `,"groups":["traders","everybody"]`)
		const key = "billing-application-key-0123456789"
		sent := []string{person, key, "token-of-the-pod"}
		var want []string
		for _, c := range []struct {
			name   string
			header []string
			want   string
		}{
			{"a person", []string{"authorization", "Bearer " + person}, "token,unknown,unknown,[traders]"},
			{"an application's token", []string{"authorization", "Bearer " + login.token(t, "s", `,"azp":"0oa-shop"`)}, "token,shop,retail,[pilot]"},
			{"a person with an application", []string{"authorization", "Bearer " + person, "x-api-key", key}, "key,billing,finance,[traders]"},
			{"a key for the proxy", []string{"proxy-authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("billing:"+key))}, "proxy,billing,finance,[]"},
			{"a service account", []string{"ostiary-key", cluster.token(t, "system:serviceaccount:shop:web", "")}, "kubernetes,shop,retail,[pilot]"},
			{"somebody who merely says so", []string{"authorization", "Bearer " + person, "ostiary-application", "shop"}, "token,unknown,unknown,[traders]"},
			{"a forged certificate", []string{"x-api-key", key, "x-forwarded-client-cert", "URI=spiffe://bank.example/x"}, "key,billing,finance,[]"},
		} {
			if r := in.post("/v1/chat/completions", chat(ordinary), c.header...); r.status != http.StatusOK {
				t.Errorf("%s: %d %s", c.name, r.status, r.code())
			}
			sent = append(sent, c.header[1])
			want = append(want, c.want)
		}
		for name, header := range map[string][]string{
			"nobody":                {"ostiary-application", "shop"},
			"another's signature":   {"authorization", "Bearer " + (&issuer{Server: login.Server, key: cluster.key}).token(t, "jane.doe@bank.example", "")},
			"a bad token and a key": {"authorization", "Bearer " + person[:len(person)-4] + "AAAA", "x-api-key", key},
		} {
			if r := in.post("/v1/chat/completions", chat(ordinary), header...); r.status != http.StatusUnauthorized || r.code() != "unknown_application_key" {
				t.Errorf("%s: %d %s, want 401", name, r.status, r.code())
			}
		}
		if n := len(in.openai.Requests()); n != 7 {
			t.Errorf("%d requests were forwarded, want 7", n)
		}
		for _, r := range in.openai.Requests() {
			all := fmt.Sprint(r.Header)
			for _, s := range sent {
				if strings.Contains(all, s) {
					t.Error("a credential was forwarded")
				}
			}
			for name := range r.Header {
				if strings.HasPrefix(strings.ToLower(name), "x-forwarded-client") || strings.EqualFold(name, "proxy-authorization") || strings.HasPrefix(strings.ToLower(name), "ostiary") {
					t.Errorf("%s was forwarded", name)
				}
			}
		}
		if cluster.denied.Load() != 0 {
			t.Error("the cluster's keys were asked for without the token")
		}
		in.end()
		log, err := audit.OpenReader(in.places.log)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		subjects := 0
		for rec, err := range log.WithPersonal().Records(0) {
			if err != nil {
				t.Fatal(err)
			}
			ev, err := rec.Event()
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind != proxy.EventDecision || ev.Decision.Facts == nil {
				continue
			}
			p := ev.Decision.Facts.Principal
			got = append(got, fmt.Sprintf("%s,%s,%s,%v", p.Method, p.Application, p.Team, p.Groups))
			if bytes.Contains(rec.JSON, []byte("jane.doe")) || bytes.Contains(rec.JSON, []byte("everybody")) {
				t.Error("a person, or a group that is not configured, is in the core of an event")
			}
			if bytes.Contains(rec.Personal, []byte(`"subject":"jane.doe@bank.example"`)) && bytes.Contains(rec.Personal, []byte("fp:SUBJECT:")) {
				subjects++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("principals\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if subjects != 3 {
			t.Errorf("%d personal parts name the person with a fingerprint, want 3", subjects)
		}
	})
}

// On one machine an application is known by its process, without a credential and
// through either data plane.
func TestWhoAsksOnThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("socket diagnostics are of Linux")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, rule, want string }{
		{"uid", fmt.Sprintf("{uid: %d, application: tool}", os.Getuid()), "tool"},
		{"exe", fmt.Sprintf("{exe: %q, application: tool}", self), "tool"},
		{"another", fmt.Sprintf("{exe: /bin/sh, uid: %d, application: tool}", os.Getuid()), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPlane(t, func(t *testing.T, plane string) {
				in := launch(t, plane, "applications: [{name: tool, team: desk}]\nidentity: {required: true, local: ["+c.rule+"]}\n")
				r := in.post("/v1/chat/completions", chat(ordinary))
				if c.want == "" {
					if r.status != http.StatusUnauthorized || len(in.openai.Requests()) != 0 {
						t.Errorf("%d %s, want 401", r.status, r.code())
					}
					return
				}
				if r.status != http.StatusOK {
					t.Fatalf("%d %s", r.status, r.code())
				}
				in.end()
				for _, e := range in.events(proxy.EventDecision) {
					if p := e.Decision.Facts.Principal; p.Application != c.want || p.Method != "local" || p.Team != "desk" {
						t.Errorf("%+v", p)
					}
				}
			})
		})
	}
}
