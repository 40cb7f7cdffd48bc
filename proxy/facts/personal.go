package facts

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of the personal part of an event.
const (
	userAgentLimit     = 256 // bytes
	justificationLimit = 256 // bytes
	subjectLimit       = 256 // bytes
	personalLimit      = 48 << 10
	personalBound      = 500 // bytes of its JSON beside fingerprints, evidence and texts; the recorder's salt and the subject's fingerprint are in it
	entryBound         = 64  // bytes of the JSON of an entry beside its values
)

// Sealer makes what may be recorded of content: keyed fingerprints and sealed
// excerpts. A list that leaves something out ends with an entry more:N, for
// evidence in its type, that says how many.
type Sealer interface {
	// Fingerprints gives those of the values found, sorted.
	Fingerprints(segments []proxy.Segment, findings []proxy.Finding) []string
	// Subject gives that of who asks, by name; "" where there is none.
	Subject(name string) string
	// Conversation gives that of a conversation's beginning, or "".
	Conversation(segments []proxy.Segment) string
	// Evidence seals excerpts of what was found, for the decision of that id.
	Evidence(id string, segments []proxy.Segment, findings []proxy.Finding) []proxy.EvidenceRecord
}

// personal makes the part of a decision's event that may name a person: where the
// request came from, what the caller says of it, and of its content what the
// Sealer makes. Evidence is sealed only where a rule that EvidenceRules names
// contributed to the verdict.
func (s *Stater) personal(in *proxy.Inspection) *proxy.PersonalRecord {
	h := &in.Exchange.Head
	p := &proxy.PersonalRecord{UserAgent: userAgent(in), Justification: justification(h), Subject: subject(in.Exchange.Principal.Subject)}
	if h.Peer.UID > 0 {
		p.UID = h.Peer.UID
	}
	if h.Peer.Addr.IsValid() {
		p.Address = h.Peer.Addr.Addr().String()
	}
	if s.Sealer == nil {
		return p
	}
	// With it, what one person asked is found, and erased, without the name. It is
	// added last: no bound counts it away.
	defer func() {
		if print := s.Sealer.Subject(p.Subject); print != "" {
			p.Fingerprints = append(p.Fingerprints[:len(p.Fingerprints):len(p.Fingerprints)], print)
			slices.Sort(p.Fingerprints)
		}
	}()
	if in.Prompt == nil {
		return p
	}
	p.Conversation = s.Sealer.Conversation(in.Prompt.Segments)
	if in.Report != nil && len(in.Report.Findings) > 0 {
		p.Fingerprints = s.Sealer.Fingerprints(in.Prompt.Segments, in.Report.Findings)
		if s.wantsEvidence(in.Verdict) {
			p.Evidence = s.Sealer.Evidence(in.Exchange.ID, in.Prompt.Segments, in.Report.Findings)
		}
	}
	fit(p)
	return p
}

// wantsEvidence reports whether a rule that asks for evidence contributed.
func (s *Stater) wantsEvidence(v *proxy.Verdict) bool {
	if v == nil || len(s.EvidenceRules) == 0 {
		return false
	}
	for i := range v.Reasons {
		r := &v.Reasons[i]
		for _, rule := range s.EvidenceRules {
			if policy, name, one := strings.Cut(rule, "."); policy == r.Policy && (!one || name == r.Rule) {
				return true
			}
		}
	}
	return false
}

// fit keeps a personal part within its bound: evidence goes first and fingerprints
// next, and each leaves a count.
func fit(p *proxy.PersonalRecord) {
	n := personalBound + len(p.Address) + len(p.UserAgent) + 2*len(p.Justification) + len(p.Conversation) + 2*len(p.Subject)
	prints, sealed := 0, 0
	for _, f := range p.Fingerprints {
		prints += entryBound + len(f)
	}
	for i := range p.Evidence {
		e := &p.Evidence[i]
		sealed += entryBound + len(e.Sealed) + len(e.To) + len(e.Type)
	}
	if n+prints+sealed > personalLimit && len(p.Evidence) > 0 {
		count := 0
		for i := range p.Evidence {
			count += entries(p.Evidence[i].Type)
		}
		p.Evidence, sealed = []proxy.EvidenceRecord{{Type: moreMark + strconv.Itoa(count)}}, 2*entryBound
	}
	if n+prints+sealed > personalLimit {
		count := 0
		for _, f := range p.Fingerprints {
			count += entries(f)
		}
		p.Fingerprints = []string{moreMark + strconv.Itoa(count)}
	}
}

// moreMark begins the entry that counts what a list leaves out.
const moreMark = "more:"

// entries gives how many values an entry of a list stands for.
func entries(entry string) int {
	if s, ok := strings.CutPrefix(entry, moreMark); ok {
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
	}
	return 1
}

// subject gives the name of who asks as it can be recorded: whole or not at all,
// for a name that was cut would be another's.
func subject(name string) string {
	if len(name) > subjectLimit || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return name
}

// userAgent gives the request's user agent where it is short, printable ASCII, and
// nothing was found in it but what belongs there, an address of a site or of the
// network: it is forwarded, so it was inspected as the rest.
func userAgent(in *proxy.Inspection) string {
	const name = "user-agent"
	v, _ := in.Exchange.Head.Get(name)
	agent := v.Reveal()
	if len(agent) > userAgentLimit || strings.ContainsFunc(agent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	if in.Prompt != nil && in.Report != nil && slices.ContainsFunc(in.Report.Findings, func(f proxy.Finding) bool {
		seg := &in.Prompt.Segments[f.Segment]
		return f.Likelihood >= proxy.Possible && seg.Kind == proxy.KindHeader && seg.Key.Reveal() == name && !ordinary(f.Groups)
	}) {
		return ""
	}
	return agent
}

// ordinary reports whether groups say no more than that something is an address.
func ordinary(groups []string) bool {
	return len(groups) > 0 && !slices.ContainsFunc(groups, func(g string) bool { return g != "general" && g != "network" })
}

// justification gives what the caller says in defence of the request, cut to its
// bound, which shows; "" where it is no text that can be shown.
func justification(h *proxy.Head) string {
	v, _ := h.Get(proxy.HeaderJustification)
	s := strings.TrimSpace(v.Reveal())
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	if len(s) > justificationLimit {
		const cut = "…"
		n := justificationLimit - len(cut)
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + cut
	}
	return s
}
