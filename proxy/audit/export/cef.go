package export

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// cef writes an event as one CEF line, without a syslog header. Custom fields: cs1
// rules, cs2 types, cs3 pool, cs4 jurisdiction, cs5 model, cs6 origin; cn1 index, cn2
// findings, cn3 masked.
func cef(e *entry, version string) []byte {
	ev := e.ev
	class, name, severity := ev.Kind, ev.Kind, 3
	var b strings.Builder
	ext := func(key, value string) {
		if value == "" {
			return
		}
		b.WriteByte(' ')
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(cefValue(value))
	}
	custom := func(key, label, value string) {
		if value != "" {
			ext(key+"Label", label)
			ext(key, value)
		}
	}
	if t, ok := millis(ev.Time); ok {
		ext("rt", strconv.FormatInt(t, 10))
	}
	ext("externalId", ev.ID)
	ext("cat", ev.Kind)
	if d := ev.Decision; d != nil {
		class, name = "decision:"+string(d.Action), "Request "+string(d.Action)
		severity = map[proxy.Action]int{proxy.Allow: 1, proxy.Mask: 4, proxy.Reroute: 5, proxy.Deny: 7}[d.Action]
		ext("act", string(d.Action))
		ext("reason", d.Code)
		custom("cs1", "rules", strings.Join(rules(d), ","))
		custom("cs2", "types", strings.Join(types(ev), ","))
		custom("cs3", "pool", d.Pool)
		custom("cs4", "jurisdiction", poolOf(d).Jurisdiction)
		custom("cs5", "model", d.Model)
		custom("cn2", "findings", strconv.FormatInt(findings(ev), 10))
		custom("cn3", "masked", strconv.Itoa(d.Masked))
	}
	if r := ev.Request; r != nil {
		ext("sourceServiceName", r.Application)
		ext("in", strconv.Itoa(r.Bytes))
	}
	if o := ev.Outcome; o != nil {
		class, name, severity = "outcome:"+o.Sent, "Outcome", 1
		ext("outcome", o.Sent)
		ext("reason", o.Reason)
		ext("out", strconv.FormatInt(o.SentBytes, 10))
	}
	if a := ev.Admin; a != nil {
		class, name = ev.Kind+":"+a.Action, strings.ReplaceAll(ev.Kind, "_", " ")+" "+a.Action
		ext("act", a.Action)
		ext("reason", a.Code)
		ext("spriv", a.Role)
	}
	if ev.Kind == proxy.EventGap {
		severity = 10
	}
	if ev.DecisionID != "" {
		ext("deviceExternalId", ev.DecisionID)
	}
	custom("cs6", "origin", ev.Origin)
	if e.rec.Index >= 0 {
		custom("cn1", "index", strconv.FormatInt(e.rec.Index, 10))
	}
	ext("suser", e.own.Subject)
	ext("src", e.own.Address)
	ext("requestClientApplication", e.own.UserAgent)
	head := "CEF:0|Ostiary|Ostiary|" + cefHeader(cmp.Or(version, proxy.Unknown)) + "|" + cefHeader(cmp.Or(class, proxy.Unknown)) + "|" +
		cefHeader(cmp.Or(name, proxy.Unknown)) + "|" + strconv.Itoa(severity) + "|"
	return []byte(head + strings.TrimPrefix(b.String(), " "))
}

// cefHeader escapes a field of the header: a pipe and a backslash get a backslash.
// Line breaks become spaces.
func cefHeader(s string) string {
	return cefEscape(s, `\|`, func(byte) string { return " " })
}

// cefValue escapes a value of the extension: an equals sign and a backslash get a
// backslash, line breaks are written as \n and \r.
func cefValue(s string) string {
	return cefEscape(s, `\=`, func(c byte) string {
		if c == '\n' {
			return `\n`
		}
		return `\r`
	})
}

func cefEscape(s, special string, lineBreak func(byte) string) string {
	if !strings.ContainsAny(s, special+"\r\n") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n' || c == '\r':
			b.WriteString(lineBreak(c))
		case strings.IndexByte(special, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
