package identity_test

import (
	"errors"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

type anybody struct{}

func (anybody) Identify(*proxy.Head) (proxy.Principal, error) {
	return proxy.Principal{Method: "peer"}, nil
}

func TestDoor(t *testing.T) {
	local := &identity.Door{Hosts: []string{"127.0.0.1", "localhost", "::1"}, Next: anybody{}}
	listed := &identity.Door{Hosts: []string{"llm.bank.example"}, Origins: []string{"https://chat.bank.example"}, Next: anybody{}}
	for _, tt := range []struct {
		name   string
		door   *identity.Door
		host   string
		header []string // name, value …
		lets   bool
	}{
		{"loopback by address", local, "127.0.0.1:8484", nil, true},
		{"loopback by name, any case", local, "LOCALHOST:8484", nil, true},
		{"loopback v6", local, "[::1]:8484", nil, true},
		{"loopback v6 without a port", local, "[::1]", nil, true},
		{"a rebound host name", local, "attacker.example", nil, false},
		{"a host name that begins like ours", local, "127.0.0.1.attacker.example:8484", nil, false},
		{"user information in the host", local, "127.0.0.1@attacker.example", nil, false},
		{"no host", local, "", nil, false},
		{"a web page", local, "127.0.0.1:8484", []string{"origin", "https://attacker.example"}, false},
		{"a page of an unnamed origin", local, "127.0.0.1:8484", []string{"origin", "null"}, false},
		{"a page of loopback itself", local, "127.0.0.1:8484", []string{"origin", "http://127.0.0.1:8484"}, false},
		{"a cross-site request without an origin", local, "127.0.0.1:8484", []string{"sec-fetch-site", "cross-site"}, false},
		{"typed into the address bar", local, "127.0.0.1:8484", []string{"sec-fetch-site", "none"}, true},
		{"the second of two origins", local, "127.0.0.1:8484", []string{"sec-fetch-site", "none", "origin", "https://a.example"}, false},
		{"a listed origin", listed, "llm.bank.example", []string{"origin", "https://chat.bank.example", "sec-fetch-site", "same-site"}, true},
		{"an unlisted origin", listed, "llm.bank.example", []string{"origin", "https://chat.bank.example.evil"}, false},
		{"any host where none is listed", &identity.Door{Next: anybody{}}, "x", nil, true},
	} {
		h := &proxy.Head{Authority: tt.host}
		for i := 0; i < len(tt.header); i += 2 {
			h.Header = append(h.Header, proxy.Field{Name: tt.header[i], Value: proxy.NewText(tt.header[i+1])})
		}
		_, err := tt.door.Identify(h)
		var e *proxy.Error
		if (err == nil) != tt.lets || err != nil && (!errors.As(err, &e) || e.Code != proxy.CodeHostNotAllowed) {
			t.Errorf("%s: %v, lets in = %v", tt.name, err, tt.lets)
		}
	}
}
