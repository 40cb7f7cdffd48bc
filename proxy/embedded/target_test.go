package embedded

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// FuzzTarget: a path that is taken means the same to every server (no segment is
// empty, no dot or separator hides, however often it is decoded), and what goes
// upstream is the pool's base and that path, to the byte, or nothing.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"/", "/v1/chat/completions", "/v1/models/a%20b?x=%2F", "/v1/responses/resp_1?", "//x", "/a/../b", "/a/%2e%2e/b", "/a%2Fb", "/a%252e", "/a\\b", "/a;b=c", "/%zz", "http://x/y", "*", "",
		"/a/", "/a//", "/ä", "/a?b#c", "/a:b@c", "/%00", "/.", "/..", "/...", "/%2E", "?x", "/a%20", "/[", "/a^b",
	} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "api.example.org", Path: "/base/"}
	f.Fuzz(func(t *testing.T, s string) {
		if !plainPath(s) {
			return
		}
		u, ok := target(base, s)
		if ok && (u.RequestURI() != "/base"+s || u.Host != base.Host || u.Scheme != "https") {
			t.Errorf("%q goes upstream as %q at %q", s, u.RequestURI(), u.Host)
		}
		p, _, _ := strings.Cut(s, "?")
		for range 3 {
			clean := path.Clean(p)
			if strings.HasSuffix(p, "/") && p != "/" {
				clean += "/"
			}
			if clean != p {
				t.Errorf("%q is %q to a server that resolves paths", s, clean)
			}
			d, err := url.PathUnescape(p)
			if err != nil {
				break
			}
			if strings.Count(d, "/") != strings.Count(p, "/") || strings.Contains(d, "\\") {
				t.Errorf("%q hides a separator", s)
			}
			p = d
		}
	})
}
