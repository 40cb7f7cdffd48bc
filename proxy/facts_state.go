package proxy

import (
	"encoding/binary"
	"math/bits"
	"sort"
	"time"
)

// facts states the facts of an inspected request.
func (s *Session) facts(in *inspected) Facts {
	h, p := &s.x.Head, in.prompt
	f := Facts{
		Conversation: ConversationFacts{Lineage: Unknown},
		Destination:  DestinationFacts{Boundary: Unknown, ChosenBy: s.x.AskedBy, Jurisdiction: Unknown, Pool: Unknown},
		Findings:     tally(p.Segments, in.report.Findings),
		Mode:         s.snap.Mode,
		Opaque:       OpaqueFacts{Kinds: map[string]int{}},
		Pools:        []PoolFacts{},
		Principal: PrincipalFacts{
			Application: orUnknown(s.x.Principal.Application), Asserted: orUnknown(s.x.Principal.Asserted),
			Groups: sorted(s.x.Principal.Groups), Method: orUnknown(s.x.Principal.Method), Team: orUnknown(s.x.Principal.Team),
		},
		Request: RequestFacts{
			Body: "none", Bytes: s.bytes, Dialect: s.x.Route.Dialect, Method: method(h.Method), Model: s.configuredModel(p),
			Needs: p.Needs.list(), Operation: string(s.x.Route.Operation), Segments: len(p.Segments), Stream: p.Stream,
			Tokens: in.tokens, ToolKinds: sorted(p.ToolKinds), Tools: len(p.Tools),
		},
		Spend:       SpendFacts{Budget: Unknown},
		State:       sorted(p.State),
		Time:        timeFacts(h.Received),
		Uninspected: UninspectedFacts{Reasons: map[string]int{}},
		Version:     FactsVersion,
	}
	if in.phase == PhaseBody {
		f.Request.Body = "inspected"
	}
	for _, o := range p.Opaque {
		f.Opaque.Count++
		f.Opaque.Bytes += o.Bytes
		f.Opaque.Kinds[o.Kind]++
	}
	for _, g := range in.report.Gaps {
		f.Uninspected.Count++
		f.Uninspected.Reasons[g.Reason]++
	}
	for _, pool := range s.snap.Directory.Pools() {
		pf := PoolFacts{
			Available: yes(s.snap.Directory.Available(pool.Name) == ""), Boundary: string(pool.Boundary), Context: pool.Context,
			Dialects: sorted(pool.Dialects), Jurisdiction: orUnknown(pool.Jurisdiction), Name: pool.Name,
			Retention: orUnknown(pool.Retention), Serves: pool.Serves(s.x.Route), Training: orUnknown(pool.Training),
		}
		f.Pools = append(f.Pools, pf)
		if pool.Name == s.x.Asked {
			f.Destination.Boundary, f.Destination.Jurisdiction, f.Destination.Pool = pf.Boundary, pf.Jurisdiction, pf.Name
		}
	}
	return f
}

// tally counts findings by type and by group. A finding of several groups
// counts in each.
func tally(segments []Segment, findings []Finding) FindingFacts {
	out := FindingFacts{Groups: map[string]Tally{}, Types: map[string]Tally{}}
	for i := range findings {
		f := &findings[i]
		role := string(segments[f.Segment].Role)
		t := out.Types[f.Type]
		if t.Groups == nil {
			t.Groups = sorted(f.Groups)
		}
		t.add(f, role)
		out.Types[f.Type] = t
		for _, g := range f.Groups {
			t := out.Groups[g]
			if t.Groups == nil {
				t.Groups = []string{g}
			}
			t.add(f, role)
			out.Groups[g] = t
		}
	}
	return out
}

func (t *Tally) add(f *Finding, role string) {
	if t.Roles == nil {
		t.Roles = map[string]Levels{}
	}
	if f.Synthetic {
		if f.Likelihood >= Likely {
			t.Synthetic++
		}
		return
	}
	t.AtLeast.add(f.Likelihood)
	t.Count = t.AtLeast.Likely
	l := t.Roles[role]
	l.add(f.Likelihood)
	t.Roles[role] = l
}

// Bounds on the length of parts of Facts as JSON, for factsFit: names of
// configured things add their own length.
const (
	factsBase   = 1400
	factsPool   = 220
	factsTally  = 260
	factsLevels = 110
	factsWord   = 24
)

// factsFit reports whether the facts stay within their bound. It counts an
// upper bound instead of encoding them twice.
func (s *Session) factsFit(f *Facts) bool {
	n := factsBase
	for i := range f.Pools {
		p := &f.Pools[i]
		n += factsPool + 2*len(p.Name) + len(p.Jurisdiction) + len(p.Retention) + factsWord*len(p.Dialects)
	}
	for _, m := range []map[string]Tally{f.Findings.Types, f.Findings.Groups} {
		for name, t := range m {
			n += factsTally + len(name) + factsLevels*len(t.Roles) + factsWord*len(t.Groups)
		}
	}
	n += factsWord * (len(f.Opaque.Kinds) + len(f.Uninspected.Reasons) + len(f.State) + len(f.Request.ToolKinds) + len(f.Request.Needs))
	for _, g := range f.Principal.Groups {
		n += len(g) + 3
	}
	return n <= s.limits.Facts
}

func (n *Needs) list() []string {
	out := []string{}
	for _, x := range []struct {
		name string
		on   bool
	}{{"audio", n.Audio}, {"files", n.Files}, {"images", n.Images}, {"json", n.JSON}, {"tools", n.Tools}} {
		if x.on {
			out = append(out, x.name)
		}
	}
	sort.Strings(out)
	return out
}

func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return Other
}

func timeFacts(t time.Time) TimeFacts {
	t = t.UTC()
	return TimeFacts{Hour: t.Hour(), Minute: t.Minute(), Unix: t.Unix(), Weekday: weekday(t)}
}

// estimate gives a prompt's length in tokens, roughly: four bytes of ASCII a
// token, three bytes of anything else. Keys, headers and the path do not count.
func estimate(segments []Segment) int {
	var ascii, other int
	for i := range segments {
		if k := segments[i].Kind; k != KindString && k != KindNumber {
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
