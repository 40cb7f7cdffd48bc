package report

import (
	"cmp"
	"iter"
	"strings"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// activity is the processing of one application.
type activity struct {
	decisions, refused, inhouse, external, masked, found int64
	groups                                               tallies[string, int64]
}

type activityKey struct{ application, team string }

// category is what was found of one group.
type category struct {
	decisions, released, external int64
	types                         tallies[string, int64]
}

// recipient is a pool in one place.
type recipient struct {
	requests, found, masked, sent, unsent, open int64
	groups                                      tallies[string, int64]
}

func comparePlaces(a, b place) int {
	return cmp.Or(strings.Compare(a.pool, b.pool), strings.Compare(a.boundary, b.boundary), strings.Compare(a.jurisdiction, b.jurisdiction),
		strings.Compare(a.retention, b.retention), strings.Compare(a.training, b.training))
}

// manyPlaces stands for the places behind the first maxKeys.
func manyPlaces() place {
	return place{beyond, proxy.Unknown, proxy.Unknown, proxy.Unknown, proxy.Unknown}
}

// Art30 makes a record of processing activities (GDPR Art. 30(1)) of the log's records:
// purposes by application, categories of data, recipients, transfers, time limits,
// measures. What a log cannot know stands in it as the scope states it.
func Art30(records iter.Seq2[audit.Record, error], s Scope) (*Report, error) {
	var activities tallies[activityKey, activity]
	var categories tallies[string, category]
	var recipients tallies[place, recipient]
	var actions tallies[string, int64]
	erasures, removed := int64(0), int64(0)
	c, err := s.read(records, func(_ audit.Record, ev *proxy.Event) {
		switch {
		case ev.Kind == proxy.EventErasure:
			erasures++
		case ev.Kind == proxy.EventRetention && ev.Admin != nil && ev.Admin.Action == "retain":
			removed += ev.Admin.Count
		}
		d := ev.Decision
		if d == nil {
			return
		}
		*actions.at(string(d.Action))++
		a := activities.at(activityKey{applicationOf(ev), teamOf(d)})
		p, released := went(d)
		types, groups := foundOf(ev, looksLikely)
		masked := allMasked(ev, looksLikely)
		a.decisions++
		switch {
		case !released:
			a.refused++
		case p.boundary == string(proxy.Internal):
			a.inhouse++
		default:
			a.external++
		}
		if len(types) > 0 {
			a.found++
		}
		if masked && released {
			a.masked++
		}
		for _, g := range groups {
			*a.groups.at(g)++
			k := categories.at(g)
			k.decisions++
			if released {
				k.released++
				if p.boundary != string(proxy.Internal) {
					k.external++
				}
			}
		}
		for i := range ev.Findings {
			if f := &ev.Findings[i]; looksLikely(f) {
				for _, g := range f.Groups {
					*categories.at(g).types.at(f.Type) += int64(f.Count - f.Synthetic)
				}
			}
		}
		if released {
			r := recipients.at(p)
			r.requests++
			if len(types) > 0 {
				r.found++
			}
			if masked {
				r.masked++
			}
		}
	})
	if err != nil {
		return nil, err
	}

	purposes := &Table{Columns: []string{"application", "team", "purpose", "requests", "refused or answered by Ostiary", "to in-house pools", "to other pools", "with findings", "of them masked", "categories (requests)"}}
	for k, a := range activities.sorted(func(a, b activityKey) int {
		return cmp.Or(strings.Compare(a.application, b.application), strings.Compare(a.team, b.team))
	}, activityKey{beyond, beyond}) {
		purposes.Rows = append(purposes.Rows, []Cell{
			Text(k.application), Text(k.team), Text(cmp.Or(s.Stated.Purposes[k.application], notStated)), N(a.decisions), N(a.refused), N(a.inhouse), N(a.external),
			N(a.found), N(a.masked), Text(counts(&a.groups)),
		})
	}

	data := &Table{Columns: []string{"category", "requests", "released", "to pools not in-house", "types (findings)"}}
	for k, v := range categories.sorted(strings.Compare, beyond) {
		data.Rows = append(data.Rows, []Cell{Text(k), N(v.decisions), N(v.released), N(v.external), Text(counts(&v.types))})
	}

	to := &Table{Columns: []string{"pool", "recipient", "boundary", "jurisdiction", "keeps what it gets", "trains on it", "requests", "with findings", "of them masked"}}
	third := int64(0)
	for k, r := range recipients.sorted(comparePlaces, manyPlaces()) {
		to.Rows = append(to.Rows, []Cell{
			Text(k.pool), Text(cmp.Or(s.Stated.Recipients[k.pool], notStated)), Text(k.boundary), Text(k.jurisdiction), Text(k.retention), Text(k.training),
			N(r.requests), N(r.found), N(r.masked),
		})
		if !within(EEA, k.jurisdiction) {
			third += r.requests
		}
	}

	return &Report{
		Kind: "art30", Title: "Record of processing activities (GDPR Art. 30)",
		Summary: []string{
			"Controller: " + cmp.Or(s.Stated.Controller, notStated) + ".",
			"Requests to language models: " + digits(total(&actions)) + ", of which " + cmp.Or(counts(&actions), "none") + ".",
		},
		Sections: []Section{
			{Title: "Purposes of the processing (Art. 30(1)(b))", Text: []string{"By application. The purpose is what the organisation states."}, Table: purposes},
			{Title: "Categories of personal data (Art. 30(1)(c))", Text: []string{
				"By group of findings. The categories of data subjects are not known to the log: " + notStated + ".",
			}, Table: data},
			{Title: "Recipients (Art. 30(1)(d))", Text: []string{"By pool, as the facts of each decision have it."}, Table: to},
			{Title: "Transfers to third countries (Art. 30(1)(e))", Text: []string{
				"Requests released to pools outside the EEA, or to pools whose place is not stated: " + digits(third) + ". The report `transfers` lists them.",
			}},
			{Title: "Time limits for erasure (Art. 30(1)(f))", Text: []string{
				"The log: " + cmp.Or(s.Stated.Retention, notStated) + ". Its records say: records removed by retention " + digits(removed) + ", erasures " + digits(erasures) + ".",
			}},
			{Title: "Technical and organisational measures (Art. 30(1)(g))", Text: []string{
				"Each request is inspected and decided before it leaves; values found are not recorded; the record is a Merkle tree under signed checkpoints; personal parts stand apart and can be erased.",
				"Beside that: " + cmp.Or(s.Stated.Measures, notStated) + ".",
			}},
		},
		Sources: s.sources(c),
		Limits: limits("It covers processing by language models that went through this proxy, and no other processing.",
			"Personal data that no detector knows is in no category."),
	}, nil
}

func total(t *tallies[string, int64]) int64 {
	var n int64
	for _, v := range t.sorted(strings.Compare, beyond) {
		n += *v
	}
	return n
}

// Transfers lists the requests that were released to pools outside the EEA (GDPR
// Art. 44 to 49), with what was found in them and whether something was sent.
func Transfers(records iter.Seq2[audit.Record, error], s Scope) (*Report, error) {
	var places tallies[place, recipient]
	var following joined[*recipient]
	var decisions, released int64
	c, err := s.read(records, func(_ audit.Record, ev *proxy.Event) {
		if ev.Outcome != nil {
			r, ok := following.end(ev.DecisionID)
			switch {
			case !ok:
			case ev.Outcome.Sent == "yes":
				r.sent, r.open = r.sent+1, r.open-1
			case ev.Outcome.Sent == "no":
				r.unsent, r.open = r.unsent+1, r.open-1
			}
			return
		}
		d := ev.Decision
		if d == nil {
			return
		}
		decisions++
		p, ok := went(d)
		if !ok {
			return
		}
		released++
		if within(EEA, p.jurisdiction) {
			return
		}
		r := places.at(p)
		r.requests++
		r.open++
		following.begin(ev.ID, r)
		if types, _ := foundOf(ev, looksLikely); len(types) == 0 {
			return
		}
		r.found++
		if allMasked(ev, looksLikely) {
			r.masked++
		}
		was := masked(ev)
		_, groups := foundOf(ev, func(f *proxy.FindingRecord) bool { return looksLikely(f) && !was(f) })
		for _, g := range groups {
			*r.groups.at(g)++
		}
	})
	if err != nil {
		return nil, err
	}
	known, unknown := transferTable(), transferTable()
	var sum recipient
	for k, r := range places.sorted(func(a, b place) int {
		return cmp.Or(strings.Compare(a.jurisdiction, b.jurisdiction), comparePlaces(a, b))
	}, manyPlaces()) {
		t := known
		if k.jurisdiction == proxy.Unknown || k.jurisdiction == "" {
			t = unknown
		}
		t.Rows = append(t.Rows, []Cell{
			Text(k.jurisdiction), Text(k.pool), Text(k.boundary), Text(cmp.Or(s.Stated.Recipients[k.pool], notStated)), Text(cmp.Or(s.Stated.Safeguards[k.pool], notStated)),
			N(r.requests), N(r.sent), N(r.unsent), N(r.open), N(r.found), N(r.masked), Text(counts(&r.groups)),
		})
		sum.requests, sum.found, sum.masked = sum.requests+r.requests, sum.found+r.found, sum.masked+r.masked
	}
	return &Report{
		Kind: "transfers", Title: "Transfers to third countries (GDPR Art. 44 to 49)",
		Summary: []string{
			"Of " + digits(decisions) + " requests, " + digits(released) + " were released, and of these " + digits(sum.requests) + " to pools outside the EEA or of unknown place: " +
				digits(sum.found) + " of them with findings, which in " + digits(sum.masked) + " were all masked.",
		},
		Sections: []Section{
			{Title: "To third countries", Text: []string{}, Table: known},
			{Title: "To pools whose place is not stated", Text: []string{"A place that is not stated counts as outside the EEA."}, Table: unknown},
		},
		Sources: s.sources(c),
		Limits: limits("Countries with an adequacy decision (Art. 45) are listed like others.",
			"The place is that of the pool as configured at the time; where its owner processes further is not known to the log.",
			"A request without findings may hold personal data that no detector knows: the column of all requests is the upper bound.",
			"Outcomes that came after the time range count as open."),
	}, nil
}

func transferTable() *Table {
	return &Table{Columns: []string{"country", "pool", "boundary", "recipient", "safeguard", "requests", "sent", "not sent", "outcome open", "with findings", "of them masked", "groups not masked (requests)"}}
}
