package embedded_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/standin"
)

// TestPins: a certificate that is good and has another key gets no request.
func TestPins(t *testing.T) {
	model := standin.New(standin.Options{Keep: 10})
	up := httptest.NewTLSServer(model)
	defer up.Close()
	roots := x509.NewCertPool()
	roots.AddCert(up.Certificate())
	base, _ := url.Parse(up.URL)
	sum := sha256.Sum256(up.Certificate().RawSubjectPublicKeyInfo)
	right, wrong := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))
	s := open(t, standin.Options{})
	for _, tt := range []struct {
		pins   []string
		status int
	}{{nil, 200}, {[]string{right}, 200}, {[]string{wrong, right}, 200}, {[]string{wrong}, http.StatusServiceUnavailable}, {[]string{right}, 200}} {
		s.pools["openai"] = embedded.Upstream{URL: base, CA: roots, ServerName: "example.com", Pins: tt.pins}
		before := len(model.Requests())
		if r, _ := s.ask(t, &http.Client{Timeout: patience}, "POST", chat, "{}"); r.StatusCode != tt.status {
			t.Errorf("pins %q: %d, want %d", tt.pins, r.StatusCode, tt.status)
		}
		if sent := len(model.Requests()) - before; sent != map[bool]int{true: 1}[tt.status == 200] {
			t.Errorf("pins %q: %d requests arrived", tt.pins, sent)
		}
	}
}
