package facts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// retriesKnown is the most retries that are recorded; SDKs make two by default.
const retriesKnown = 99

// opaqueListed is how many opaque parts an event lists; Facts count them all.
const opaqueListed = 64

// Describe fills the parts of a decision's event that describe the request:
// Request, Findings, Opaque and Personal. Prompt and Report of the inspection
// are nil where the request was refused before they were made.
func (s *Stater) Describe(in *proxy.Inspection, ev *proxy.Event) {
	x := in.Exchange
	h := &x.Head
	ev.Request = &proxy.RequestRecord{
		Application: orUnknown(x.Principal.Application), Bytes: in.Bytes, Dialect: x.Route.Dialect,
		Model: s.model(in.Prompt), Operation: string(x.Route.Operation), Protocol: protocol(h.Protocol),
	}
	ev.Personal = s.personal(in)
	if v, ok := h.Get("x-stainless-retry-count"); ok {
		// A count, not any number: a client could write a card's in its place.
		if n, err := strconv.Atoi(v.Reveal()); err == nil && n > 0 && n <= retriesKnown {
			ev.Request.Retry = n
		}
	}
	if v, ok := h.Get("traceparent"); ok {
		ev.Request.Trace = traceID(v.Reveal())
	}
	if in.Prompt == nil {
		return
	}
	ev.Request.Stream = in.Prompt.Stream
	ev.Opaque = s.opaque(in.Prompt)
	if in.Report != nil {
		ev.Findings = findings(in.Prompt.Segments, in.Report.Findings)
	}
}

// model gives the model asked for if the configuration names it.
func (s *Stater) model(p *proxy.Prompt) string {
	if p == nil || p.Model.Len() == 0 {
		return proxy.Unknown
	}
	model := p.Model.Reveal()
	for _, pool := range s.Directory.Pools() {
		if pool.Lists(model) {
			return model
		}
	}
	return proxy.Other
}

func (s *Stater) opaque(p *proxy.Prompt) []proxy.OpaqueRecord {
	var out []proxy.OpaqueRecord
	for i, o := range p.Opaque {
		if i == opaqueListed {
			break
		}
		r := proxy.OpaqueRecord{Bytes: o.Bytes, Index: o.Index, Kind: o.Kind, MIME: o.MIME}
		if len(s.HashKey) > 0 && o.Index >= 0 && o.Index < len(p.Segments) {
			mac := hmac.New(sha256.New, s.HashKey)
			mac.Write([]byte(p.Segments[o.Index].Text.Reveal()))
			r.Hash = hex.EncodeToString(mac.Sum(nil)[:16])
		}
		out = append(out, r)
	}
	return out
}

// findings counts findings by type and likelihood, sorted.
func findings(segments []proxy.Segment, list []proxy.Finding) []proxy.FindingRecord {
	type key struct {
		name  string
		level proxy.Likelihood
	}
	index := map[key]int{}
	var out []proxy.FindingRecord
	for _, f := range list {
		k := key{f.Type, f.Likelihood}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, proxy.FindingRecord{Type: f.Type, Likelihood: f.Likelihood.String(), Groups: sorted(f.Groups)})
		}
		out[i].Count++
		if f.Synthetic {
			out[i].Synthetic++
		}
		if role := string(segments[f.Segment].Role); !slices.Contains(out[i].Roles, role) {
			out[i].Roles = append(out[i].Roles, role)
		}
	}
	for i := range out {
		slices.Sort(out[i].Roles)
	}
	slices.SortFunc(out, func(a, b proxy.FindingRecord) int {
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return strings.Compare(a.Likelihood, b.Likelihood)
	})
	return out
}

func protocol(p string) string {
	switch p {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0":
		return p
	}
	return proxy.Other
}

// traceID takes the trace id out of a W3C traceparent; anything else gives "".
func traceID(v string) string {
	if len(v) < 55 || v[2] != '-' || v[35] != '-' {
		return ""
	}
	id := v[3:35]
	if _, err := hex.DecodeString(id); err != nil || strings.ToLower(id) != id {
		return ""
	}
	return id
}

// sorted gives a sorted copy, never nil: in JSON an empty list is [].
func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return out
}

func orUnknown(s string) string {
	if s == "" {
		return proxy.Unknown
	}
	return s
}

// Traceparent gives a request's W3C traceparent header where it has the form of
// one, and "" for anything else: it is the one header that leaves the exchange,
// and it holds two numbers.
func Traceparent(h *proxy.Head) string {
	v, ok := h.Get("traceparent")
	if !ok || traceID(v.Reveal()) == "" || len(v.Reveal()) != 55 || strings.Trim(v.Reveal(), "0123456789abcdef-") != "" {
		return ""
	}
	return v.Reveal()
}
