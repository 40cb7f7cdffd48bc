package replay

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/ostiary/ostiary/proxy"
)

// Decision is one recorded decision that can be replayed.
type Decision struct {
	ID       string
	Time     string // RFC 3339
	Revision string // of the policies that decided
	Suite    string // revision of the detectors
	Facts    *proxy.Facts
	Was      Side // what came of it; in observe mode, what would have
	Shadow   *proxy.WouldRecord

	asked string
	unfit []string     // pools that could not serve the request
	fixed bool         // what was to be masked could not be
	ruled proxy.Action // what the policies said, before a pool was chosen
	acted []string     // the rules that this rests on
}

// Unfit says in constant words why a decision cannot be replayed.
type Unfit struct{ Why string }

func (u *Unfit) Error() string { return "it cannot be replayed: " + u.Why }

// Why a decision cannot be replayed, beside "refused before …: CODE" and
// "facts of version N".
const (
	whyUnreadable = "the record cannot be read"
	whyAnswered   = "answered by Ostiary without asking the policies"
	whyAborted    = "the client left before the decision"
	whyNoFacts    = "refused before the policies were asked"
)

// decision is what a replay needs of a decision's record.
type decision struct {
	Action   proxy.Action `json:"action"`
	Asked    string       `json:"asked"`
	Code     string       `json:"code"`
	Facts    factsRecord  `json:"facts"`
	Masked   int          `json:"masked"`
	Masks    []string     `json:"masks"`
	Pool     string       `json:"pool"`
	Reasons  []reason     `json:"reasons"`
	Rejected []struct {
		Pool string `json:"pool"`
	} `json:"rejected"`
	Shadow *proxy.WouldRecord `json:"shadow"`
	Would  *proxy.WouldRecord `json:"would"`
}

type reason struct {
	Action string `json:"action"`
	Policy string `json:"policy"`
	Rule   string `json:"rule"`
}

// record is what a replay needs of an event.
type record struct {
	Decision decision `json:"decision"`
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Policy   struct {
		Policies string `json:"policies"`
		Suite    string `json:"suite"`
	} `json:"policy"`
	Time string `json:"time"`
}

// factsRecord is facts with their pools and tallies still as JSON: these are the
// same in many records, and most of each.
type factsRecord struct {
	*proxy.Facts
	Findings struct {
		Groups map[string]json.RawMessage `json:"groups"`
		Types  map[string]json.RawMessage `json:"types"`
	} `json:"findings"`
	Pools json.RawMessage `json:"pools"`
}

// Marks that stand in the canonical JSON of a decision, and of one with facts.
var (
	decisionMark = []byte(`"kind":"` + proxy.EventDecision + `"`)
	factsMark    = []byte(`"facts":{`)
)

// Bounds of what a [Reader] remembers.
const (
	poolsLimit = 1024 // lists of pools
	tallyLimit = 8192 // tallies, of about 1 KB
)

// Reader reads records. The zero Reader is ready; it is not safe for concurrent
// use. What it gives shares lists, and may not be written.
type Reader struct {
	pools   map[string][]proxy.PoolFacts // by JSON
	tallies map[string]proxy.Tally       // by JSON
}

// Read reads the JSON of an event. It gives nil, nil for one that is no
// decision, and an [*Unfit] for a decision that cannot be replayed.
func (rd *Reader) Read(event []byte) (*Decision, error) {
	if !bytes.Contains(event, decisionMark) {
		return nil, nil
	}
	var r record
	r.Decision.Facts.Facts = blank()
	if json.Unmarshal(event, &r) != nil {
		return nil, &Unfit{whyUnreadable}
	}
	d := &r.Decision
	switch {
	case r.Kind != proxy.EventDecision:
		return nil, nil
	case d.Action == "":
		return nil, &Unfit{whyUnreadable}
	case d.Code == proxy.CodeAborted:
		return nil, &Unfit{whyAborted}
	case !bytes.Contains(event, factsMark) && d.Action == proxy.Deny:
		return nil, &Unfit{whyNoFacts + ": " + word(d.Code)}
	case !bytes.Contains(event, factsMark):
		return nil, &Unfit{whyAnswered}
	}
	f, err := rd.facts(&d.Facts)
	if err != nil {
		return nil, err
	}
	out := &Decision{
		ID: r.ID, Time: r.Time, Revision: r.Policy.Policies, Suite: r.Policy.Suite, Facts: f, Shadow: d.Shadow, asked: d.Asked, ruled: proxy.Allow,
		Was: Side{Action: string(d.Action), Code: d.Code, Pool: d.Pool},
	}
	if out.asked == "" && f.Destination.Pool != proxy.Unknown {
		out.asked = f.Destination.Pool
	}
	for _, p := range d.Rejected {
		out.unfit = append(out.unfit, p.Pool)
	}
	denied, routed := false, false
	for _, p := range d.Reasons {
		switch {
		case p.Policy == "ostiary" && p.Rule == "cannot_mask":
			out.fixed = true
		case p.Action == string(proxy.Deny):
			denied = true
		case p.Action == string(proxy.Reroute):
			routed = true
		}
		if asks(p.Action) {
			out.Was.Rules = append(out.Was.Rules, p.Policy+"."+p.Rule)
		}
	}
	out.Was.Rules = unique(out.Was.Rules)
	carried := d.Masked > 0
	if w := d.Would; w != nil {
		out.Was.Action, out.Was.Code, out.Was.Pool = string(w.Action), w.Code, w.Pool
		carried = w.Action == proxy.Mask || out.boundary(w.Pool) == string(proxy.External)
	}
	if out.Was.Code == proxy.Undecided.Code() {
		out.Was.Action = Undecided
	}
	if out.Was.Pool == "" {
		out.Was.Pool = NoPool
	}
	out.Was.Boundary = out.boundary(out.Was.Pool)
	if carried {
		out.Was.Masks = maskedTypes(f, d.Masks, d.Masks)
	}
	if out.Was.Code == "" && out.Was.Action == string(proxy.Deny) {
		out.Was.Code = proxy.CodeDenied
	}
	switch {
	case denied:
		out.ruled = proxy.Deny
	case routed && out.Was.Pool != out.asked && !slices.Contains(out.unfit, out.asked):
		out.ruled = proxy.Reroute
	case out.Was.Action == string(proxy.Mask), len(d.Masks) > 0 && f.Destination.Boundary != string(proxy.Internal):
		out.ruled = proxy.Mask
	}
	for _, p := range d.Reasons {
		if asks(p.Action) && p.Action == string(out.ruled) {
			out.acted = append(out.acted, p.Policy+"."+p.Rule)
		}
	}
	out.acted = unique(out.acted)
	return out, nil
}

// asks reports whether a reason's action asks for something: one that observes,
// warns, notifies or lifts does not.
func asks(action string) bool {
	switch proxy.Action(action) {
	case proxy.Deny, proxy.Reroute, proxy.Mask:
		return true
	}
	return false
}

// word keeps a code of the record to what a code is made of.
func word(code string) string {
	if code == "" {
		return proxy.Unknown
	}
	for _, c := range code {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return proxy.Other
		}
	}
	return code
}

// ReadFacts reads recorded facts. A field that did not exist when they were
// recorded reads as "unknown"; a grant reads as none, since nobody had one before
// there were any, and nothing may be lifted by one that is not known. Facts of a
// version that this program does not know are [*Unfit].
func ReadFacts(b []byte) (*proxy.Facts, error) {
	r := factsRecord{Facts: blank()}
	if json.Unmarshal(b, &r) != nil {
		return nil, &Unfit{whyUnreadable}
	}
	return new(Reader).facts(&r)
}

func (rd *Reader) facts(r *factsRecord) (*proxy.Facts, error) {
	f := r.Facts
	if f == nil {
		return nil, &Unfit{whyUnreadable}
	}
	if f.Version < 1 || f.Version > proxy.FactsVersion {
		return nil, &Unfit{"facts of version " + strconv.Itoa(f.Version) + ", which this program does not know"}
	}
	for _, m := range []struct {
		from map[string]json.RawMessage
		to   map[string]proxy.Tally
	}{{r.Findings.Groups, f.Findings.Groups}, {r.Findings.Types, f.Findings.Types}} {
		for name, text := range m.from {
			t, err := rd.tally(text)
			if err != nil {
				return nil, err
			}
			m.to[name] = t
		}
	}
	if len(r.Pools) == 0 {
		return f, nil
	}
	list, ok := rd.pools[string(r.Pools)]
	if !ok {
		if json.Unmarshal(r.Pools, &list) != nil {
			return nil, &Unfit{whyUnreadable}
		}
		if list == nil {
			list = []proxy.PoolFacts{}
		}
		for i := range list {
			complete(&list[i])
		}
		if rd.pools == nil || len(rd.pools) >= poolsLimit {
			rd.pools = map[string][]proxy.PoolFacts{}
		}
		rd.pools[string(r.Pools)] = list
	}
	f.Pools = list
	return f, nil
}

func (rd *Reader) tally(text json.RawMessage) (proxy.Tally, error) {
	if t, ok := rd.tallies[string(text)]; ok {
		return t, nil
	}
	t := proxy.Tally{Groups: []string{}, Roles: map[string]proxy.Levels{}}
	if json.Unmarshal(text, &t) != nil {
		return t, &Unfit{whyUnreadable}
	}
	if rd.tallies == nil || len(rd.tallies) >= tallyLimit {
		rd.tallies = map[string]proxy.Tally{}
	}
	rd.tallies[string(text)] = t
	return t, nil
}

// complete says of a pool what is not known.
func complete(p *proxy.PoolFacts) {
	if p.Dialects == nil {
		p.Dialects = []string{}
	}
	for _, s := range []*string{&p.Available, &p.Boundary, &p.Jurisdiction, &p.Name, &p.Retention, &p.Training} {
		if *s == "" {
			*s = proxy.Unknown
		}
	}
}

// blank is facts of which nothing is known.
func blank() *proxy.Facts {
	const u = proxy.Unknown
	return &proxy.Facts{
		Conversation: proxy.ConversationFacts{Lineage: u},
		Destination:  proxy.DestinationFacts{Boundary: u, ChosenBy: u, Jurisdiction: u, Pool: u},
		Findings:     proxy.FindingFacts{Groups: map[string]proxy.Tally{}, Types: map[string]proxy.Tally{}},
		Grant:        proxy.GrantFacts{Approved: "no", ID: "none", Justification: "none", Lifts: []string{}},
		Mode:         u,
		Opaque:       proxy.OpaqueFacts{Kinds: map[string]int{}},
		Pools:        []proxy.PoolFacts{},
		Principal:    proxy.PrincipalFacts{Application: u, Asserted: u, Groups: []string{}, Method: u, Team: u},
		Request:      proxy.RequestFacts{Body: u, Dialect: u, Method: u, Model: u, Needs: []string{}, Operation: u, ToolKinds: []string{}},
		Spend:        proxy.SpendFacts{Budget: u},
		State:        []string{},
		Time:         proxy.TimeFacts{Office: u, Weekday: u},
		Uninspected:  proxy.UninspectedFacts{Reasons: map[string]int{}},
	}
}

// boundary gives the side of a pool.
func (d *Decision) boundary(pool string) string {
	for i := range d.Facts.Pools {
		if d.Facts.Pools[i].Name == pool {
			return d.Facts.Pools[i].Boundary
		}
	}
	if pool == NoPool || pool == proxy.PoolSelf {
		return NoPool
	}
	return proxy.Unknown
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
