// Package facts states what may be said of an exchange without its content: the
// Facts that policies decide on, and the parts of an audit event that describe a
// request. Content goes in, and only counts, configured names and keyed hashes
// come out.
package facts

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Stater implements [proxy.Stater].
type Stater struct {
	Directory proxy.Directory
	Mode      proxy.Mode
	// HashKey is the key under which opaque parts are hashed for the audit log
	// (HMAC-SHA-256). Without one they are listed without a hash.
	HashKey []byte
	// Office says when the office is open; nil: not known.
	Office *Office
	// Severity gives the severity of a type of finding: low, medium, high,
	// critical, or "" where it is not known; nil knows none.
	Severity func(typ string) string
	// Classes gives the class of an application's data by its name.
	Classes map[string]string
	// Limit bounds the facts as JSON, in bytes; 0 means the default of 48 KiB.
	Limit int
	// Sealer makes fingerprints and evidence for the personal part of events; nil
	// for none.
	Sealer Sealer
	// EvidenceRules are the rules, as POLICY or POLICY.RULE, of whose requests
	// evidence is sealed.
	EvidenceRules []string
}

var _ proxy.Stater = (*Stater)(nil)

// Facts states the facts of an inspected request. The same inspection gives the
// same facts. Facts over the limit lose the types that are unlikely throughout,
// and are then not wholly known; those that are still over it are an error of kind
// TooLarge.
func (s *Stater) Facts(in *proxy.Inspection) (proxy.Facts, error) {
	x, p := in.Exchange, in.Prompt
	f := proxy.Facts{
		Conversation: proxy.ConversationFacts{Bucket: s.bucket(p), Lineage: proxy.Unknown},
		Destination:  proxy.DestinationFacts{Boundary: proxy.Unknown, ChosenBy: x.AskedBy, Jurisdiction: proxy.Unknown, Pool: proxy.Unknown},
		Findings:     tally(p.Segments, in.Report.Findings),
		Grant:        grant(x.Principal.Grant),
		Labels:       proxy.LabelFacts{Classification: orUnknown(s.Classes[x.Principal.Application]), Severity: s.severity(in.Report.Findings)},
		Mode:         s.Mode,
		Opaque:       proxy.OpaqueFacts{Kinds: map[string]int{}},
		Pools:        []proxy.PoolFacts{},
		Principal: proxy.PrincipalFacts{
			Application: orUnknown(x.Principal.Application), Asserted: orUnknown(x.Principal.Asserted),
			Groups: sorted(x.Principal.Groups), Method: orUnknown(x.Principal.Method), Team: orUnknown(x.Principal.Team),
		},
		Request: proxy.RequestFacts{
			Body: "none", Bytes: in.Bytes, Dialect: x.Route.Dialect, Method: method(x.Head.Method), Model: s.model(p),
			Needs: needs(p.Needs), Operation: string(x.Route.Operation), Segments: len(p.Segments), Stream: p.Stream,
			Tokens: estimate(p.Segments), ToolKinds: sorted(p.ToolKinds), Tools: len(p.Tools), Way: cmp.Or(x.Head.Way, "base"),
		},
		Spend:       proxy.SpendFacts{Budget: proxy.Unknown},
		State:       sorted(p.State),
		Time:        s.timeFacts(x.Head.Received),
		Uninspected: proxy.UninspectedFacts{Reasons: map[string]int{}},
		Version:     proxy.FactsVersion,
	}
	if in.Phase == proxy.PhaseBody {
		f.Request.Body = "inspected"
	}
	for _, o := range p.Opaque {
		f.Opaque.Count++
		f.Opaque.Bytes += o.Bytes
		f.Opaque.Kinds[o.Kind]++
	}
	for _, g := range in.Report.Gaps {
		f.Uninspected.Count++
		f.Uninspected.Reasons[g.Reason]++
	}
	for _, pool := range s.Directory.Pools() {
		pf := proxy.PoolFacts{
			Abilities: abilities(pool.Abilities), Available: yes(s.Directory.Available(pool.Name) == ""), Boundary: string(pool.Boundary), Context: pool.Context,
			Dialects: sorted(pool.Dialects), Health: proxy.Unknown, Jurisdiction: orUnknown(pool.Jurisdiction),
			Labels: sorted(pool.Labels), Name: pool.Name, Price: pool.Price,
			Retention: orUnknown(pool.Retention), Serves: pool.Serves(x.Route), Training: orUnknown(pool.Training),
		}
		pf.Price.Currency = orUnknown(pf.Price.Currency)
		f.Pools = append(f.Pools, pf)
		if pool.Name == x.Asked {
			f.Destination.Boundary, f.Destination.Jurisdiction, f.Destination.Pool = pf.Boundary, pf.Jurisdiction, pf.Name
		}
	}
	limit := s.Limit
	if limit == 0 {
		limit = proxy.DefaultFactsLimit
	}
	if !fits(&f, limit) {
		reduce(&f)
	}
	if !fits(&f, limit) {
		return proxy.Facts{}, &proxy.Error{Op: "state facts", Kind: proxy.TooLarge, Code: "facts_too_large"}
	}
	return f, nil
}

// severities are the words of [proxy.LabelFacts] in their order. What is not known
// may be anything but is not said to be critical.
var severities = []string{"none", "low", "medium", "high", proxy.Unknown, "critical"}

// severity gives the greatest severity of what was found at likely and above,
// published test values apart.
func (s *Stater) severity(findings []proxy.Finding) string {
	worst := 0
	for i := range findings {
		f := &findings[i]
		if f.Synthetic || f.Likelihood < proxy.Likely {
			continue
		}
		word := ""
		if s.Severity != nil {
			word = s.Severity(f.Type)
		}
		n := slices.Index(severities, word)
		if n < 0 {
			n = slices.Index(severities, proxy.Unknown)
		}
		worst = max(worst, n)
	}
	return severities[worst]
}

// abilities names what a pool is known to be able to do, sorted.
func abilities(a proxy.Abilities) []string {
	out := []string{}
	for _, x := range [...]struct {
		name string
		can  proxy.Ability
	}{{"audio", a.Audio}, {"files", a.Files}, {"images", a.Images}, {"json", a.JSON}, {"tools", a.Tools}} {
		if x.can == proxy.Can {
			out = append(out, x.name)
		}
	}
	return out
}

// reasonReduced is why facts that were too large are not whole.
const reasonReduced = "facts_reduced"

// reduce leaves out the types that nothing speaks for but their shape: a text with
// numbers of a hundred formats has traces of a hundred more. What policy may have
// asked for is then unknown, and the facts say so. The groups still count them.
func reduce(f *proxy.Facts) {
	n := len(f.Findings.Types)
	maps.DeleteFunc(f.Findings.Types, func(_ string, t proxy.Tally) bool { return t.AtLeast.Possible == 0 && t.Synthetic == 0 })
	if len(f.Findings.Types) < n {
		f.Uninspected.Count++
		f.Uninspected.Reasons[reasonReduced]++
	}
}

// tally counts findings by type and by group. A finding of several groups
// counts in each.
func tally(segments []proxy.Segment, findings []proxy.Finding) proxy.FindingFacts {
	out := proxy.FindingFacts{Groups: map[string]proxy.Tally{}, Types: map[string]proxy.Tally{}}
	for i := range findings {
		f := &findings[i]
		role := string(segments[f.Segment].Role)
		t := out.Types[f.Type]
		if t.Groups == nil {
			t.Groups = sorted(f.Groups)
		}
		add(&t, f, role)
		out.Types[f.Type] = t
		for _, g := range f.Groups {
			t := out.Groups[g]
			if t.Groups == nil {
				t.Groups = []string{g}
			}
			add(&t, f, role)
			out.Groups[g] = t
		}
	}
	return out
}

// add counts one finding.
func add(t *proxy.Tally, f *proxy.Finding, role string) {
	if t.Roles == nil {
		t.Roles = map[string]proxy.Levels{}
	}
	if f.Synthetic {
		if f.Likelihood >= proxy.Likely {
			t.Synthetic++
		}
		return
	}
	count(&t.AtLeast, f.Likelihood)
	t.Count = t.AtLeast.Likely
	l := t.Roles[role]
	count(&l, f.Likelihood)
	t.Roles[role] = l
}

// count counts one finding at its level and at those below.
func count(l *proxy.Levels, k proxy.Likelihood) {
	l.VeryUnlikely++
	if k >= proxy.Unlikely {
		l.Unlikely++
	}
	if k >= proxy.Possible {
		l.Possible++
	}
	if k >= proxy.Likely {
		l.Likely++
	}
	if k >= proxy.VeryLikely {
		l.VeryLikely++
	}
}

// Bounds on the length of parts of Facts as JSON, for fits: names of
// configured things add their own length.
const (
	baseBound   = 1460
	poolBound   = 380
	tallyBound  = 260
	levelsBound = 110
	wordBound   = 24
)

// fits reports whether the facts stay within their bound. It counts an upper
// bound instead of encoding them twice.
func fits(f *proxy.Facts, limit int) bool {
	n := baseBound
	for i := range f.Pools {
		p := &f.Pools[i]
		n += poolBound + 2*len(p.Name) + len(p.Jurisdiction) + len(p.Retention) + len(p.Training) + len(p.Price.Currency)
		n += wordBound * (len(p.Dialects) + len(p.Abilities))
		for _, l := range p.Labels {
			n += len(l) + 3
		}
	}
	for _, m := range []map[string]proxy.Tally{f.Findings.Types, f.Findings.Groups} {
		for name, t := range m {
			n += tallyBound + len(name) + levelsBound*len(t.Roles) + wordBound*len(t.Groups)
		}
	}
	n += wordBound * (len(f.Opaque.Kinds) + len(f.Uninspected.Reasons) + len(f.State) + len(f.Request.ToolKinds) + len(f.Request.Needs))
	for _, g := range f.Principal.Groups {
		n += len(g) + 3
	}
	return n <= limit
}

func needs(n proxy.Needs) []string {
	out := []string{}
	for _, x := range []struct {
		name string
		on   bool
	}{{"audio", n.Audio}, {"files", n.Files}, {"images", n.Images}, {"json", n.JSON}, {"tools", n.Tools}} {
		if x.on {
			out = append(out, x.name)
		}
	}
	slices.Sort(out)
	return out
}

func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return proxy.Other
}

func (s *Stater) timeFacts(t time.Time) proxy.TimeFacts {
	office := proxy.Unknown
	if s.Office != nil {
		office = yes(s.Office.open(t))
	}
	t = t.UTC()
	return proxy.TimeFacts{Hour: t.Hour(), Minute: t.Minute(), Office: office, Unix: t.Unix(), Weekday: strings.ToLower(t.Weekday().String())}
}

// Office is when an office is open. Holidays are not known to it.
type Office struct {
	Zone     *time.Location
	Days     [7]bool // by time.Weekday
	From, To int     // minutes of the day, To exclusive; where To is not after From it closes the next day
}

func (o *Office) open(t time.Time) bool {
	t = t.In(o.Zone)
	day, minute := t.Weekday(), t.Hour()*60+t.Minute()
	if o.To > o.From {
		return o.Days[day] && minute >= o.From && minute < o.To
	}
	return o.Days[day] && minute >= o.From || o.Days[(day+6)%7] && minute < o.To
}

// grant states what a principal's grant says; its zero value says that there is
// none.
func grant(g proxy.GrantFacts) proxy.GrantFacts {
	if g.ID == "" {
		g.ID, g.Approved, g.Lifts = "none", yes(false), nil
	}
	if g.Justification == "" {
		g.Justification = "none"
	}
	g.Lifts = sorted(g.Lifts)
	return g
}

// bucketBytes is how much of a conversation's first message tells it from others,
// with the message's length.
const bucketBytes = 4 << 10

// bucket gives the conversation's share of a hundred: the turns of a
// conversation begin with the same message of the user, and so have the same
// one. It is a keyed hash cut to a hundred values, which say nothing of the text.
func (s *Stater) bucket(p *proxy.Prompt) int {
	for i := range p.Segments {
		seg := &p.Segments[i]
		if seg.Role != proxy.RoleUser || seg.Kind != proxy.KindString || seg.Text.Len() == 0 {
			continue
		}
		mac := hmac.New(sha256.New, s.HashKey)
		io.WriteString(mac, "conversation "+strconv.Itoa(seg.Text.Len())+" ")
		io.WriteString(mac, seg.Text.Reveal()[:min(seg.Text.Len(), bucketBytes)])
		return int(binary.BigEndian.Uint64(mac.Sum(nil)) % 100)
	}
	return 0
}

// estimate gives a prompt's length in tokens, roughly: four bytes of ASCII a
// token, three bytes of anything else. Keys, headers and the path do not count.
func estimate(segments []proxy.Segment) int {
	var ascii, other int
	for i := range segments {
		if k := segments[i].Kind; k != proxy.KindString && k != proxy.KindNumber {
			continue
		}
		s := segments[i].Text.Reveal()
		n := 0
		for len(s) >= 8 {
			n += bits.OnesCount64(binary.LittleEndian.Uint64([]byte(s[:8])) & 0x8080808080808080)
			s = s[8:]
		}
		for j := 0; j < len(s); j++ {
			n += int(s[j] >> 7)
		}
		other += n
		ascii += segments[i].Text.Len() - n
	}
	return (ascii+3)/4 + (other+2)/3
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
