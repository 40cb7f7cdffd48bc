package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Intercept says how applications are governed that are not given a base URL:
// those that use a proxy, and those whose connections are redirected. TLS for the
// governed names is ended with certificates of 'ostiary ca init'.
type Intercept struct {
	// Address of the explicit proxy (HTTPS_PROXY, CONNECT), such as
	// 127.0.0.1:3128. Left out: none.
	Proxy string `json:"proxy,omitempty"`
	// Address at which connections arrive that 'ostiary redirect up' redirects,
	// such as 127.0.0.1:15001. Left out: none.
	Redirect string `json:"redirect,omitempty"`
	// Directory of the certificate authority. Left out: beside the audit log's keys.
	CA string `json:"ca,omitempty"`
	// Providers whose names are governed, as 'ostiary providers' lists them. Left
	// out: all of the list.
	Providers []string `json:"providers,omitempty"`
	// Names that are governed beside those of providers and pools. A * stands for
	// a part of one label: *.llm.bank.example
	Hosts []string `json:"hosts,omitempty"`
	// Whether names that pass may lie in private networks; by default true. At this
	// machine, and where clouds hand out credentials, they never do.
	Private bool `json:"private"`
}

// On reports whether connections are intercepted at all.
func (i *Intercept) On() bool { return i.Proxy != "" || i.Redirect != "" }

func readIntercept(v value, i *Intercept) {
	seen := v.mapping(
		field{"proxy", func(v value) { v.listen(&i.Proxy, false) }},
		field{"redirect", func(v value) { v.listen(&i.Redirect, false) }},
		field{"ca", func(v value) { v.file(&i.CA) }},
		field{"providers", func(v value) { v.texts(&i.Providers, providerWord) }},
		field{"hosts", func(v value) { v.texts(&i.Hosts, hostPattern) }},
		field{"private", func(v value) { v.boolean(&i.Private) }},
	)
	if len(seen) > 0 && !seen["proxy"] && !seen["redirect"] {
		v.fail(v.what()+" has neither proxy nor redirect", "proxy: 127.0.0.1:3128, redirect: 127.0.0.1:15001, or both")
	}
}

func providerWord(s string) string {
	if s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "is not the name of a provider; 'ostiary providers' lists them"
	}
	return ""
}

// hostPattern takes a host name in lower case, or one with * in labels before the
// last two.
func hostPattern(s string) string {
	const remedy = "must be a host name in lower case; a * may stand for a part of a label before the last two"
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < 2 {
		return remedy
	}
	for n, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-*") != "" || n >= len(labels)-2 && strings.Contains(l, "*") {
			return remedy
		}
	}
	return ""
}

func (r *reader) checkIntercept(c *Config) {
	i := &c.Intercept
	keyed := c.Identity.Required || slices.ContainsFunc(c.Applications, func(a Application) bool { return len(a.Keys) > 0 })
	places := []struct{ path, address string }{{"listen", c.Listen}, {"telemetry.listen", c.Telemetry.Listen}, {"intercept.proxy", i.Proxy}, {"intercept.redirect", i.Redirect}}
	for n, p := range places[2:] {
		if p.address == "" {
			continue
		}
		for _, other := range places[:n+2] {
			if other.address != "" && sameAddress(p.address, other.address) {
				r.failAt(p.path, p.path+" is the address of "+other.path, "take another port")
			}
		}
		if !isLoopback(p.address) && !keyed {
			r.failAt(p.path, p.path+" reaches beyond this machine, where anybody could spend the providers' keys", "give applications keys or names (identity), or listen on 127.0.0.1")
		}
	}
	dialled := map[string]string{}
	for n, p := range c.Pools {
		for _, h := range p.Hosts {
			if first, ok := dialled[h]; ok {
				path := fmt.Sprintf("pools[%d].hosts", n)
				r.failAt(path, fmt.Sprintf("%s: %s is dialled for pool %s already", path, h, first), "each name belongs to one pool")
				continue
			}
			dialled[h] = p.Name
		}
	}
}

// Dialled gives the names by which intercepted applications dial the pool: those
// that are configured, else the host of its URL, where that is a name and the pool
// lies outside.
func (p *Pool) Dialled() []string {
	if len(p.Hosts) > 0 {
		return p.Hosts
	}
	u, err := url.Parse(p.URL)
	if err != nil || p.Boundary != "external" {
		return nil
	}
	if host := strings.ToLower(u.Hostname()); hostPattern(host) == "" && !loopbackHost(host) && !isAddress(host) {
		return []string{host}
	}
	return nil
}
