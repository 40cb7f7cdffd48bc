package console_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/console"
)

// TestRoles is the table of who may ask for what: v viewer, r reviewer, d dpo, a
// admin. ID stands for the id of an event.
func TestRoles(t *testing.T) {
	why := `"reason":"review","ticket":"T-1"`
	table := []struct{ method, path, body, may string }{
		{"GET", "/api/v1/self", "", "vrda"},
		{"GET", "/api/v1/openapi.yaml", "", "vrda"},
		{"GET", "/api/v1/events", "", "vrd"},
		{"GET", "/api/v1/events?personal=true", "", "rd"},
		{"GET", "/api/v1/events/ID", "", "vrd"},
		{"GET", "/api/v1/events/ID?personal=true", "", "rd"},
		{"GET", "/api/v1/facets?fields=action", "", "vrd"},
		{"GET", "/api/v1/histogram", "", "vrd"},
		{"GET", "/api/v1/tail?after=x", "", "vrd"}, // no position: a permitted one ends at once, with 400
		{"GET", "/api/v1/export?format=jsonl", "", "vrd"},
		{"GET", "/api/v1/export?format=jsonl&personal=true", "", "rd"},
		{"GET", "/api/v1/stats", "", "vrda"},
		{"GET", "/api/v1/verify", "", "vrda"},
		{"POST", "/api/v1/verify", "{}", "vrda"},
		{"GET", "/checkpoint", "", "vrda"},
		{"GET", "/tile/0/000", "", "vrd"},
		{"GET", "/tile/entries/000", "", "vrd"},
		{"POST", "/api/v1/hash", `{"type":"EMAIL_ADDRESS","value":"` + canary + `"}`, "d"},
		{"POST", "/api/v1/reveal/ID", "{" + why + "}", "d"},
		{"POST", "/api/v1/erase", `{"subject":"` + canarySubject + `","dry_run":true,` + why + "}", "d"},
		{"POST", "/api/v1/erase", `{"subject":"` + canarySubject + `",` + why + "}", "d"},
		{"GET", "/api/v1/hold", "", "da"},
		{"POST", "/api/v1/hold", `{"id":"case-1",` + why + "}", "d"},
		{"DELETE", "/api/v1/hold/case-1?reason=review&ticket=T-1", "", "d"},
		{"POST", "/api/v1/retain", `{"before":"2026-01-01T00:00:00Z","policy":"six-months"}`, "a"},
		{"POST", "/api/v1/rotate", `{"reason":"scheduled"}`, "a"},
		{"POST", "/api/v1/seal", `{}`, "da"},
		{"GET", "/", "", ""},
		{"GET", "/api/v1/proof", "", ""},
		{"POST", "/api/v1/events", "{}", ""},
		{"DELETE", "/api/v1/events/ID", "", ""},
		{"GET", "/metrics", "", ""},
	}
	h := build(t, nil)
	who := []struct{ token, short string }{{"viewer", "v"}, {"reviewer", "r"}, {"dpo", "d"}, {"admin", "a"}, {"nobody", "-"}, {"", "?"}, {"bad", "?"}, {"down", "!"}}
	for _, row := range table {
		path := strings.ReplaceAll(row.path, "ID", h.ids[0])
		for _, w := range who {
			before := len(h.rooms.done())
			got := h.ask(row.method, path, w.token, row.body)
			permitted := strings.Contains(row.may, w.short)
			want := map[string]int{"-": 403, "?": 401, "!": 503}[w.short]
			switch {
			case want != 0:
			case permitted && strings.HasPrefix(row.path, "/api/v1/tail"):
				want = 400
			case permitted:
				if got.status/100 != 2 {
					t.Errorf("%s %s as %q: %d %s", row.method, row.path, w.token, got.status, got.body)
				}
				continue
			case row.may != "":
				want = 403
			default:
				want = 404
				if row.path == "/api/v1/events" || strings.HasPrefix(row.path, "/api/v1/events/") {
					want = 405
				}
			}
			if got.status != want || got.code == "" {
				t.Errorf("%s %s as %q: %d %s, want %d", row.method, row.path, w.token, got.status, got.body, want)
			}
			if n := len(h.rooms.done()); !permitted && n != before {
				t.Errorf("%s %s as %q: refused, and done all the same", row.method, row.path, w.token)
			}
			noCanary(t, row.method+" "+row.path+" as "+w.token, got.body)
		}
	}
}

// Several roles add up, and nothing more.
func TestRolesAddUp(t *testing.T) {
	h := build(t, nil)
	for path, status := range map[string]int{"/api/v1/events": 200, "/api/v1/hold": 200, "/api/v1/events?personal=true": 403} {
		if got := h.ask("GET", path, "viewer+admin", ""); got.status != status {
			t.Errorf("%s as viewer and admin: %d, want %d", path, got.status, status)
		}
	}
	self, err := h.as("viewer+admin").Self(t.Context())
	if err != nil || len(self.Roles) != 2 || self.Roles[0] != console.Viewer || self.Roles[1] != console.Admin || self.UID != nil || self.Method != "token" || self.Name != "sub-viewer+admin" {
		t.Errorf("self is %+v, %v", self, err)
	}
	self, err = h.client().Self(t.Context())
	if err != nil || len(self.Roles) != 4 || self.UID == nil || self.Method != "socket" {
		t.Errorf("self on the socket is %+v, %v", self, err)
	}
}

// Grants are by one thing each, compared whole.
func TestGrants(t *testing.T) {
	viewer := []console.Role{console.Viewer}
	h := build(t, func(o *console.Options) {
		o.Grants = []console.Grant{
			{Subject: "sub-anna", Roles: viewer},
			{Claim: "dept", Value: "audit", Roles: viewer},
			{Certificate: "spiffe://house/reader", Roles: viewer},
			{Certificate: "anna@b.example", Roles: viewer},
			{Certificate: "reader.b.example", Roles: viewer},
		}
	})
	for token, status := range map[string]int{"anna": 200, "audit": 200, "sub-anna": 403, "ann": 403, "annaa": 403, "Anna": 403, "audit+x": 403, "spiffe://house/reader": 403} {
		if got := h.ask("GET", "/api/v1/self", token, ""); got.status != status {
			t.Errorf("token of %s: %d, want %d", token, got.status, status)
		}
	}
	uri := func(s string) []*url.URL { return []*url.URL{mustURL(t, s)} }
	stranger := newAuthority(t)
	for _, tt := range []struct {
		name   string
		cert   *x509.Certificate
		by     *authority
		token  string
		status int
	}{
		{"a URI", &x509.Certificate{URIs: uri("spiffe://house/reader")}, h.ca, "", 200},
		{"an address", &x509.Certificate{EmailAddresses: []string{"anna@b.example"}}, h.ca, "", 200},
		{"a DNS name", &x509.Certificate{DNSNames: []string{"reader.b.example"}}, h.ca, "", 200},
		{"the second name", &x509.Certificate{DNSNames: []string{"x.example", "reader.b.example"}}, h.ca, "", 200},
		{"another URI", &x509.Certificate{URIs: uri("spiffe://house/reader/x")}, h.ca, "", 403},
		{"an address as a URI", &x509.Certificate{URIs: uri("mailto:anna@b.example")}, h.ca, "", 403},
		{"a wildcard", &x509.Certificate{DNSNames: []string{"*.b.example"}}, h.ca, "", 403},
		{"no name", &x509.Certificate{}, h.ca, "", 403},
		{"a token beside it that is bad", &x509.Certificate{DNSNames: []string{"reader.b.example"}}, h.ca, "bad", 401},
		{"a token beside it that may less", &x509.Certificate{DNSNames: []string{"reader.b.example"}}, h.ca, "nobody", 403},
	} {
		tr := h.transport()
		tr.TLSClientConfig.Certificates = []tls.Certificate{tt.by.issue(tt.cert)}
		req, _ := http.NewRequest("GET", h.base+"/api/v1/self", nil)
		if tt.token != "" {
			req.Header.Set("Authorization", "Bearer "+tt.token)
		}
		if got := h.send(req, tr); got.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, got.status, got.body, tt.status)
		}
	}
	tr := h.transport()
	tr.TLSClientConfig.Certificates = []tls.Certificate{stranger.issue(&x509.Certificate{DNSNames: []string{"reader.b.example"}})}
	if resp, err := (&http.Client{Transport: tr}).Get(h.base + "/api/v1/self"); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("a certificate of a stranger: %d", resp.StatusCode)
		}
	}
}

// A certificate that the listener asked for and did not verify proves nothing.
func TestCertificatesThatNobodyVerified(t *testing.T) {
	h := build(t, func(o *console.Options) {
		o.Grants = []console.Grant{{Certificate: "reader.b.example", Roles: []console.Role{console.Viewer}}}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := h.ca.issue(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	h.serve(func() error {
		return h.server.ServeTLS(l, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert})
	})
	for name, by := range map[string]*authority{"ours": h.ca, "a stranger": newAuthority(t)} {
		tr := h.transport()
		tr.TLSClientConfig.Certificates = []tls.Certificate{by.issue(&x509.Certificate{DNSNames: []string{"reader.b.example"}})}
		req, _ := http.NewRequest("GET", "https://"+l.Addr().String()+"/api/v1/self", nil)
		if got := h.send(req, tr); got.status != 401 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestGrantsAreChecked(t *testing.T) {
	zero, minus := 0, -1
	viewer := []console.Role{console.Viewer}
	for name, g := range map[string]console.Grant{
		"nothing":           {Roles: viewer},
		"two things":        {UID: &zero, Subject: "x", Roles: viewer},
		"a claim alone":     {Claim: "groups", Roles: viewer},
		"a value alone":     {Value: "groups", Roles: viewer},
		"no roles":          {Subject: "x"},
		"an unknown role":   {Subject: "x", Roles: []console.Role{"root"}},
		"a role's beginner": {Subject: "x", Roles: []console.Role{"Viewer"}},
		"a negative uid":    {UID: &minus, Roles: viewer},
	} {
		h := console.Options{Grants: []console.Grant{{UID: &zero, Roles: viewer}, g}, Recorder: &audited{}, Records: console.Local(nil), Searcher: &rooms{}}
		_, err := console.New(h)
		if e, ok := err.(*console.GrantError); !ok || e.Index != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := console.New(console.Options{}); err == nil {
		t.Error("a console without rooms is made")
	}
}

// A caller who asks for what takes another role is in the log, at a bounded rate.
func TestDenialsAreRecorded(t *testing.T) {
	h := build(t, nil)
	for range 12 {
		if got := h.ask("POST", "/api/v1/reveal/"+h.ids[0], "viewer", `{"reason":"review","ticket":"T"}`); got.code != "role_missing" {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	evs := h.accesses()
	if len(evs) < 5 || len(evs) > 7 {
		t.Errorf("%d refusals of 12 are recorded, want some 5", len(evs))
	}
	for _, e := range evs {
		if e.Admin.Action != "denied" || e.Admin.Detail != "POST /api/v1/reveal/{id}" || e.Admin.Role != "viewer" || e.Personal.Subject != "sub-viewer" {
			t.Errorf("recorded as %+v %+v", e.Admin, e.Personal)
		}
	}
	h.keys.failWith(&proxy.Error{Op: "record", Kind: proxy.Unrecorded})
	if got := h.ask("POST", "/api/v1/rotate", "reviewer", `{}`); got.code != "unrecorded" {
		t.Errorf("a refusal that cannot be recorded: %d %s", got.status, got.body)
	}
}
