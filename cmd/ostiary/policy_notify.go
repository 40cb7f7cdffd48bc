package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/notify"
)

// adminNotifyFailed is the action of events about messages that were not delivered.
const adminNotifyFailed = "notify_failed"

// Bounds of a key that signs messages.
const (
	notifyKeyMost  = 4 << 10 // bytes
	notifyKeyLeast = 16      // bytes, or the key can be guessed
)

// notifyTargets makes the targets of a configuration. One whose key cannot be had
// stays without it, and a warning says so: what policies want told then counts as
// not delivered.
func notifyTargets(ctx context.Context, cfg *config.Config) (out []notify.Target, warnings []string, err error) {
	if len(cfg.Policy.Notify) == 0 {
		return nil, nil, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the environment is not asked
	if cfg.Upstream.Proxy != "" {
		to, err := url.Parse(cfg.Upstream.Proxy)
		if err != nil {
			return nil, nil, errors.New("upstream.proxy: the url cannot be read")
		}
		// Without TLS, what is for this machine would be read by the proxy, and
		// delivered to the proxy's own.
		transport.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "http" {
				return nil, nil
			}
			return to, nil
		}
	}
	if cfg.Upstream.CA != "" {
		pem, err := os.ReadFile(cfg.Upstream.CA)
		if err != nil {
			return nil, nil, fmt.Errorf("upstream.ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, nil, errors.New("upstream.ca: the file holds no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{Transport: transport}
	for _, n := range cfg.Policy.Notify {
		key, err := notifyKey(ctx, n.Secret)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("policy.notify %s: nobody is told there: %v", n.Name, err))
			key = nil
		} else if len(key) < notifyKeyLeast {
			warnings = append(warnings, fmt.Sprintf("policy.notify %s: the key has fewer than %d bytes and can be guessed; use a longer one", n.Name, notifyKeyLeast))
		}
		out = append(out, notify.Target{Name: n.Name, URL: n.URL, Key: key, Client: client})
	}
	return out, warnings, nil
}

// notifyKey reads the key that signs messages: printable ASCII, or any bytes in
// base64 behind whsec_. Its error holds nothing of it.
func notifyKey(ctx context.Context, s config.Secret) ([]byte, error) {
	text, err := source(s).Plain(ctx)
	if err != nil {
		return nil, err
	}
	if len(text) > notifyKeyMost {
		return nil, fmt.Errorf("the key has %d bytes: want %d at most", len(text), notifyKeyMost)
	}
	if in, ok := strings.CutPrefix(text, "whsec_"); ok {
		key, err := base64.StdEncoding.DecodeString(in)
		if err != nil || len(key) == 0 {
			return nil, errors.New("the key begins with whsec_ and is not in base64 behind it")
		}
		return key, nil
	}
	return []byte(text), nil
}

// startOutbox puts the outbox before the audit log.
func (s *server) startOutbox(b *built) {
	s.outbox = notify.New(notify.Options{Next: s.audit, Source: "/ostiary/" + url.PathEscape(s.audit.Origin()), Failed: s.notifyFailed})
	s.outbox.Use(b.notify)
}

// notifyFailed records that messages were not delivered.
func (s *server) notifyFailed(ctx context.Context, f notify.Failure) {
	s.log.Warn("nobody was told of what policies want told; the audit log has it", "target", f.Name, "reason", f.Why, "count", f.Count)
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	if err := s.engine.Admin(ctx, proxy.EventAdmin, adminNotifyFailed, fmt.Sprintf("%s %s %d", f.Name, f.Why, f.Count)); err != nil {
		s.log.Error("a message that was not delivered could not be recorded", "error", err)
	}
}
