package report

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// Bounds of a question.
const (
	maxNames = 64
	maxName  = 128
)

// Question is what a negative attestation answers: how many decisions with such
// findings released their request to such a pool, in a time range. What is left
// empty does not narrow it. The fields stand in the order of their JSON names.
//
// Names are not checked against a catalogue here. Whoever asks a question for others
// should: of a group that does not exist nothing is ever found.
type Question struct {
	Boundary   string   `json:"boundary"`   // external or internal
	Groups     []string `json:"groups"`     // findings of any of these groups, or
	Likelihood string   `json:"likelihood"` // at least; empty means likely
	Outside    string   `json:"outside"`    // EU or EEA: pools that are not wholly in it
	Pools      []string `json:"pools"`      // any of these pools
	Since      string   `json:"since"`      // RFC 3339; from here on
	Types      []string `json:"types"`      // of any of these types; neither: any finding
	Until      string   `json:"until"`      // RFC 3339; before this
}

// Normal gives the question in the form in which it is signed: names sorted and
// without doubles, times in UTC with milliseconds. It fails where the question cannot
// be answered, and says why.
func (q Question) Normal() (Question, error) {
	for _, list := range []*[]string{&q.Groups, &q.Pools, &q.Types} {
		*list = slices.Clone(*list)
		slices.Sort(*list)
		*list = slices.Compact(*list)
		if *list == nil {
			*list = []string{}
		}
		if len(*list) > maxNames {
			return q, fmt.Errorf("question: more than %d names of one kind", maxNames)
		}
		for _, s := range *list {
			if s == "" || len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				return q, fmt.Errorf("question: a name has 1 to %d letters, digits and signs of ASCII, and no spaces", maxName)
			}
		}
	}
	if q.Likelihood == "" {
		q.Likelihood = proxy.Likely.String()
	}
	if _, ok := proxy.ParseLikelihood(q.Likelihood); !ok {
		return q, errors.New("question: likelihood is one of very_unlikely, unlikely, possible, likely, very_likely")
	}
	if !slices.Contains([]string{"", string(proxy.External), string(proxy.Internal)}, q.Boundary) {
		return q, errors.New("question: boundary is external or internal, or left out")
	}
	if !slices.Contains([]string{"", EU, EEA}, q.Outside) {
		return q, errors.New("question: outside is EU or EEA, or left out")
	}
	for _, at := range []*string{&q.Since, &q.Until} {
		t, err := time.Parse(time.RFC3339Nano, *at)
		if err != nil || t.Year() < 1 || t.Year() > 9999 {
			return q, errors.New("question: since and until are needed, as in 2026-10-01T00:00:00Z")
		}
		*at = t.UTC().Format(timeForm)
	}
	if q.Since >= q.Until {
		return q, errors.New("question: until is not after since")
	}
	return q, nil
}

// String says in words what is asked, without the time.
func (q Question) String() string {
	var what []string
	if len(q.Groups) > 0 {
		what = append(what, plural("group", q.Groups))
	}
	if len(q.Types) > 0 {
		what = append(what, plural("type", q.Types))
	}
	s := "findings"
	if len(what) > 0 {
		s += " of " + strings.Join(what, " or ")
	}
	level := q.Likelihood
	if level != proxy.VeryLikely.String() {
		level += " and above"
	}
	s += " (" + level + ") → "
	if q.Boundary != "" {
		s += q.Boundary + " "
	}
	if len(q.Pools) > 0 {
		s += plural("pool", q.Pools)
	} else {
		s += "pools"
	}
	if q.Outside != "" {
		s += " outside the " + q.Outside
	}
	return s
}

func plural(word string, names []string) string {
	if len(names) > 1 {
		word += "s"
	}
	return word + " " + strings.Join(names, ", ")
}

func (q *Question) span() span { return span{q.Since, q.Until} }

// looksFor reports whether a finding is one of those asked for. Published test values
// are not.
func (q *Question) looksFor(f *proxy.FindingRecord, min proxy.Likelihood) bool {
	return f.Count > f.Synthetic && q.names(f) && atLeast(f, min)
}

func (q *Question) names(f *proxy.FindingRecord) bool {
	if len(q.Groups) == 0 && len(q.Types) == 0 {
		return true
	}
	return slices.Contains(q.Types, f.Type) ||
		slices.ContainsFunc(f.Groups, func(g string) bool { return slices.Contains(q.Groups, g) })
}

// means reports whether a place is one of those asked for. A place that is not known
// is.
func (q *Question) means(p place) bool {
	return (len(q.Pools) == 0 || slices.Contains(q.Pools, p.pool)) &&
		(q.Boundary == "" || p.boundary == q.Boundary || p.boundary == proxy.Unknown) &&
		(q.Outside == "" || !within(q.Outside, p.jurisdiction))
}

// ErrUnsigned: a record of the time range is not under the checkpoint yet, so that
// nothing can be attested of the whole range.
var ErrUnsigned = errors.New("report: a record of the time range is not under a checkpoint yet")

// Range finds the records that an attestation of the question needs, among the first
// size records of a log: all of its time range, and one more on each side where there
// is one, which shows that the range is whole. The records are to be those from index
// 0 on, or from the first that the log still has, to the last: where one behind the
// first size records belongs to the range, it fails with [ErrUnsigned].
func Range(records iter.Seq2[audit.Record, error], q Question, size int64) (first, end int64, err error) {
	if q, err = q.Normal(); err != nil {
		return 0, 0, err
	}
	s, start := q.span(), int64(-1)
	first, end = -1, -1
	for rec, err := range records {
		if err != nil {
			return 0, 0, err
		}
		at := timeOf(rec.JSON)
		if rec.Index >= size {
			if !s.before(at) && !s.after(at) {
				return 0, 0, ErrUnsigned
			}
			continue
		}
		if start < 0 {
			start = rec.Index
		}
		if first < 0 && !s.before(at) {
			first = rec.Index
		}
		if !s.after(at) {
			end = rec.Index + 1
		}
	}
	switch {
	case start < 0:
		return 0, 0, errors.New("report: the log has no records under its checkpoint yet")
	case first < 0: // all before
		first = size
	case end < 0: // all after
		end = first
	}
	end = max(end, first)
	return max(first-1, start), min(end+1, size), nil
}

// Reached gives the end of the time that the first size records of a log reach: the
// first millisecond behind the latest of their times. An attestation of a time until
// then claims what is under the checkpoint and no more. The records are to be those
// that [Range] takes. It fails where none of them has a time.
func Reached(records iter.Seq2[audit.Record, error], size int64) (time.Time, error) {
	latest := ""
	for rec, err := range records {
		if err != nil {
			return time.Time{}, err
		}
		if rec.Index >= size {
			break
		}
		latest = max(latest, timeOf(rec.JSON))
	}
	t, err := time.Parse(timeForm, behind(latest))
	if err != nil {
		return time.Time{}, errors.New("report: the log has no records with a time under its checkpoint yet")
	}
	return t, nil
}

// timeOf gives the time of a canonical event without decoding it, "" where it has
// none of the usual form. In canonical JSON only "timing" and "v" stand behind the
// event's own "time", and inside a string its quotation marks would be escaped.
func timeOf(core []byte) string {
	const name = `"time":"`
	i := bytes.LastIndex(core, []byte(name)) + len(name)
	if i < len(name) || i+len(timeForm) >= len(core) || core[i+len(timeForm)] != '"' {
		return ""
	}
	if s := string(core[i : i+len(timeForm)]); timed(s) {
		return s
	}
	return ""
}
