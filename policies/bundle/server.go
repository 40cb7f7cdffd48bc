package bundle

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// server is an HTTP(S) server.
type server struct {
	url    *url.URL
	header map[string]string
	client *http.Client
}

func newServer(u *url.URL, header map[string]string, tr http.RoundTripper) *server {
	s := &server{url: u, header: header}
	s.client = &http.Client{Transport: tr, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if err := checkRedirect(req, via); err != nil {
			return err
		}
		if req.URL.Host != u.Host { // the credential is for the host that was named
			for name := range header {
				req.Header.Del(name)
			}
		}
		return nil
	}}
	return s
}

// Fetch implements [Source]. The version is the entity tag.
func (s *server) Fetch(ctx context.Context, known string) (*Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, FetchTime)
	defer cancel()
	f, err := s.fetch(ctx, known)
	if err != nil && err != ErrUnchanged {
		return nil, refusal(ctx, err)
	}
	return f, err
}

func (s *server) fetch(ctx context.Context, known string) (*Fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return nil, err
	}
	for name, value := range s.header {
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept", "application/gzip, application/vnd.openpolicyagent.bundles, application/octet-stream")
	if known != "" {
		req.Header.Set("If-None-Match", known)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusNotModified && known != "":
		return nil, ErrUnchanged
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return nil, refuse(Unauthorized, "the server answered %d; check headers_file", code)
	case code == http.StatusNotFound || code == http.StatusGone:
		return nil, refuse(NotFound, "the server answered %d", code)
	case code != http.StatusOK:
		return nil, refuse(Status, "the server answered %d", code)
	case resp.ContentLength > SizeLimit:
		return nil, tooLarge()
	}
	b, err := readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if err := gzipped(b); err != nil {
		return nil, err
	}
	tag := resp.Header.Get("ETag")
	if len(tag) > versionLimit || strings.ContainsAny(tag, "\r\n") {
		tag = ""
	}
	return &Fetched{Body: b, Version: tag}, nil
}
