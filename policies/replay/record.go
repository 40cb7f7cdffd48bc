package replay

import (
	"bytes"
	"encoding/json"
	"errors"
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
	action   proxy.Action
	asked    string
	code     string
	facts    *proxy.Facts
	masked   bool
	masks    []string
	pool     string
	reasons  []reason
	rejected []proxy.Rejection
	shadow   *proxy.WouldRecord
	would    *proxy.WouldRecord
}

type reason struct {
	Action string `json:"action"`
	Policy string `json:"policy"`
	Rule   string `json:"rule"`
}

// record is what a replay needs of an event.
type record struct {
	decision decision
	found    bool // a decision
	id       string
	kind     string
	policy   proxy.PolicyRecord
	time     string
}

// decisionMark stands in the canonical JSON of every decision.
var decisionMark = []byte(`"kind":"` + proxy.EventDecision + `"`)

// Reader reads records. The zero Reader is ready; it is not safe for concurrent
// use. What it gives shares lists, and may not be written.
type Reader struct {
	policy    section[proxy.PolicyRecord]
	reasons   section[[]reason]
	names     section[[]string]
	tally     section[proxy.Tally]
	pools     section[[]proxy.PoolFacts]
	principal section[proxy.PrincipalFacts]
	place     section[proxy.DestinationFacts]
	grant     section[proxy.GrantFacts]
	opaque    section[proxy.OpaqueFacts]
	gaps      section[proxy.UninspectedFacts]
}

// Read reads the JSON of an event. It gives nil, nil for one that is no
// decision, and an [*Unfit] for a decision that cannot be replayed.
func (rd *Reader) Read(event []byte) (*Decision, error) {
	if !bytes.Contains(event, decisionMark) {
		return nil, nil
	}
	var r record
	if err := rd.record(event, &r); err != nil {
		if unfit := (*Unfit)(nil); errors.As(err, &unfit) {
			return nil, unfit
		}
		return nil, &Unfit{whyUnreadable}
	}
	d := &r.decision
	switch {
	case r.kind != proxy.EventDecision:
		return nil, nil
	case !r.found || d.action == "":
		return nil, &Unfit{whyUnreadable}
	case d.code == proxy.CodeAborted:
		return nil, &Unfit{whyAborted}
	case d.facts == nil && d.action == proxy.Deny:
		return nil, &Unfit{whyNoFacts + ": " + codeWord(d.code)}
	case d.facts == nil:
		return nil, &Unfit{whyAnswered}
	}
	f := d.facts
	out := &Decision{
		ID: r.id, Time: r.time, Revision: r.policy.Policies, Suite: r.policy.Suite, Facts: f, Shadow: d.shadow, asked: d.asked, ruled: proxy.Allow,
		Was: Side{Action: string(d.action), Code: d.code, Pool: d.pool},
	}
	if out.asked == "" && f.Destination.Pool != proxy.Unknown {
		out.asked = f.Destination.Pool
	}
	for _, p := range d.rejected {
		out.unfit = append(out.unfit, p.Pool)
	}
	denied, routed := false, false
	for _, p := range d.reasons {
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
	carried := d.masked
	if w := d.would; w != nil {
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
		out.Was.Masks = maskedTypes(f, d.masks, d.masks)
	}
	if out.Was.Code == "" && out.Was.Action == string(proxy.Deny) {
		out.Was.Code = proxy.CodeDenied
	}
	switch {
	case denied:
		out.ruled = proxy.Deny
	case routed && out.Was.Pool != out.asked && !slices.Contains(out.unfit, out.asked):
		out.ruled = proxy.Reroute
	case out.Was.Action == string(proxy.Mask), len(d.masks) > 0 && f.Destination.Boundary != string(proxy.Internal):
		out.ruled = proxy.Mask
	}
	for _, p := range d.reasons {
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

// codeWord keeps a code of the record to what a code is made of.
func codeWord(code string) string {
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

// record reads an event.
func (rd *Reader) record(event []byte, r *record) error {
	return fields(event, func(key string, value []byte) (err error) {
		switch key {
		case "decision":
			r.found = true
			return rd.decision(value, &r.decision)
		case "id":
			r.id, err = word(value)
		case "kind":
			r.kind, err = word(value)
		case "policy":
			r.policy, err = rd.policy.read(value, zero, nil)
		case "time":
			r.time, err = word(value)
		}
		return err
	})
}

func (rd *Reader) decision(text []byte, d *decision) error {
	return fields(text, func(key string, value []byte) (err error) {
		switch key {
		case "action":
			var w string
			w, err = word(value)
			d.action = proxy.Action(w)
		case "asked":
			d.asked, err = word(value)
		case "code":
			d.code, err = word(value)
		case "facts":
			d.facts, err = rd.facts(value)
		case "masked":
			d.masked = string(value) != "0"
		case "masks":
			d.masks, err = rd.names.read(value, zero, nil)
		case "pool":
			d.pool, err = word(value)
		case "reasons":
			d.reasons, err = rd.reasons.read(value, zero, nil)
		case "rejected":
			err = json.Unmarshal(value, &d.rejected)
		case "shadow":
			err = json.Unmarshal(value, &d.shadow)
		case "would":
			err = json.Unmarshal(value, &d.would)
		}
		return err
	})
}

func zero[T any]() (v T) { return v }

// ReadFacts reads recorded facts. A field that did not exist when they were
// recorded reads as "unknown"; a grant reads as none, since nobody had one before
// there were any, and nothing may be lifted by one that is not known. Facts of a
// version that this program does not know are [*Unfit].
func ReadFacts(b []byte) (*proxy.Facts, error) {
	f, err := new(Reader).facts(b)
	if unfit := (*Unfit)(nil); err != nil && !errors.As(err, &unfit) {
		return nil, &Unfit{whyUnreadable}
	}
	return f, err
}

// facts reads facts. A part that is added to them is read by the last case, and
// needs one of its own only to be fast.
func (rd *Reader) facts(text []byte) (*proxy.Facts, error) {
	f := blank()
	err := fields(text, func(key string, value []byte) (err error) {
		switch key {
		case "destination":
			f.Destination, err = rd.place.read(value, func() proxy.DestinationFacts { return f.Destination }, nil)
		case "findings":
			err = rd.findings(value, f)
		case "grant":
			f.Grant, err = rd.grant.read(value, func() proxy.GrantFacts { return f.Grant }, nil)
		case "mode":
			var w string
			w, err = word(value)
			f.Mode = proxy.Mode(w)
		case "opaque":
			f.Opaque, err = rd.opaque.read(value, func() proxy.OpaqueFacts { return f.Opaque }, nil)
		case "pools":
			f.Pools, err = rd.pools.read(value, func() []proxy.PoolFacts { return f.Pools }, complete)
		case "principal":
			f.Principal, err = rd.principal.read(value, func() proxy.PrincipalFacts { return f.Principal }, nil)
		case "request":
			err = json.Unmarshal(value, &f.Request)
		case "state":
			f.State, err = rd.names.read(value, func() []string { return []string{} }, nil)
		case "time":
			err = json.Unmarshal(value, &f.Time)
		case "uninspected":
			f.Uninspected, err = rd.gaps.read(value, func() proxy.UninspectedFacts { return f.Uninspected }, nil)
		case "version":
			err = json.Unmarshal(value, &f.Version)
		default:
			if name, merr := json.Marshal(key); merr == nil {
				err = json.Unmarshal(slices.Concat([]byte{'{'}, name, []byte{':'}, value, []byte{'}'}), f)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if f.Version < 1 || f.Version > proxy.FactsVersion {
		return nil, &Unfit{"facts of version " + strconv.Itoa(f.Version) + ", which this program does not know"}
	}
	return f, nil
}

func (rd *Reader) findings(text []byte, f *proxy.Facts) error {
	return fields(text, func(key string, value []byte) error {
		to := f.Findings.Types
		if key == "groups" {
			to = f.Findings.Groups
		} else if key != "types" {
			return nil
		}
		return fields(value, func(name string, value []byte) error {
			t, err := rd.tally.read(value, func() proxy.Tally { return proxy.Tally{Groups: []string{}, Roles: map[string]proxy.Levels{}} }, nil)
			to[name] = t
			return err
		})
	})
}

// complete says of pools what is not known.
func complete(list *[]proxy.PoolFacts) {
	if *list == nil {
		*list = []proxy.PoolFacts{}
	}
	for i := range *list {
		p := &(*list)[i]
		for _, l := range []*[]string{&p.Abilities, &p.Dialects, &p.Labels} {
			if *l == nil {
				*l = []string{}
			}
		}
		for _, s := range []*string{&p.Available, &p.Boundary, &p.Health, &p.Jurisdiction, &p.Name, &p.Price.Currency, &p.Retention, &p.Training} {
			if *s == "" {
				*s = proxy.Unknown
			}
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
		Labels:       proxy.LabelFacts{Classification: u, Severity: u},
		Mode:         u,
		Opaque:       proxy.OpaqueFacts{Kinds: map[string]int{}},
		Pools:        []proxy.PoolFacts{},
		Principal:    proxy.PrincipalFacts{Application: u, Asserted: u, Groups: []string{}, Method: u, Team: u},
		Request:      proxy.RequestFacts{Body: u, Dialect: u, Method: u, Model: u, Needs: []string{}, Operation: u, ToolKinds: []string{}, Way: u},
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
