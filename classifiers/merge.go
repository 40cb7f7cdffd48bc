package classifiers

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// merge leaves one winner per group and span and sorts the findings by place.
// The likelier wins, then the more specific type, then the longer; what lost is
// noted in the evidence of the winner. A finding that shares no group with a
// better one on its span survives, and so does a likely one that has the greater
// part of its span for itself.
//
// Findings that overlap form a cluster; inside it the best come first and cover
// their bytes for their groups. That costs the length of the spans, whatever
// the overlaps, and a loser never takes a third finding down with it.
//
// What it gives is its own: nothing of found is kept.
func (m *merger) merge(found []proxy.Finding, traits []trait) []proxy.Finding {
	switch len(found) {
	case 0:
		return nil
	case 1:
		return slices.Clone(found)
	}
	order := m.order[:0]
	for i := range found {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(found[a].Start, found[b].Start), cmp.Compare(a, b))
	})
	kept, cover := m.kept[:0], m.cover
	for i := 0; i < len(order); {
		from, to := found[order[i]].Start, found[order[i]].End
		j := i + 1
		for j < len(order) && found[order[j]].Start < to {
			to = max(to, found[order[j]].End)
			j++
		}
		if j == i+1 {
			kept = append(kept, order[i])
			i = j
			continue
		}
		cluster := order[i:j]
		slices.SortFunc(cluster, func(a, b int) int { return better(&found[a], &found[b], traits[a], traits[b]) })
		if cap(cover) < to-from {
			cover = make([]groupSet, to-from)
		}
		cover = cover[:to-from]
		clear(cover)
		at := len(kept)
		for _, n := range cluster {
			f := &found[n]
			if !taken(cover[f.Start-from:f.End-from], traits[n].set, f.Likelihood) {
				kept = append(kept, n)
				continue
			}
			for _, k := range kept[at:min(len(kept), at+maxLook)] {
				if w := &found[k]; w.Start < f.End && f.Start < w.End && traits[k].set&traits[n].set != 0 {
					also(w, f.Type)
					break
				}
			}
		}
		slices.SortFunc(kept[at:], func(a, b int) int {
			return cmp.Or(cmp.Compare(found[a].Start, found[b].Start), cmp.Compare(found[a].Type, found[b].Type))
		})
		i = j
	}
	out := make([]proxy.Finding, len(kept))
	for i, n := range kept {
		out[i] = found[n]
	}
	m.order, m.kept, m.cover = order, kept, cover
	return out
}

// merger is what merging works with, kept from one segment to the next: numbers of
// findings, and nothing of them.
type merger struct {
	order, kept []int
	cover       []groupSet
}

// maxLook bounds the winners of a cluster that are looked at for the one that a
// loser lost to.
const maxLook = 32

// maxAlso bounds the text of the types that a place was also taken for, and so
// the work on places that many detectors claim.
const maxAlso = 240

// also notes on the winner what the place was also taken for.
func also(w *proxy.Finding, typ string) {
	if typ == w.Type || len(w.Evidence.Also) > maxAlso {
		return
	}
	for t := range strings.SplitSeq(w.Evidence.Also, ",") {
		if t == typ {
			return
		}
	}
	if w.Evidence.Also != "" {
		w.Evidence.Also += ","
	}
	w.Evidence.Also += typ
}

// taken reports whether a span belongs to a better finding of one of the groups;
// where it does not, it takes it. What is likely and stands for the greater part
// outside of better findings survives: an address with a telephone number in it
// is masked wholly.
func taken(cover []groupSet, set groupSet, level proxy.Likelihood) bool {
	n := 0
	for _, c := range cover {
		if c&set != 0 {
			n++
		}
	}
	if n > 0 && (level < proxy.Likely || 2*n >= len(cover)) {
		return true
	}
	for i := range cover {
		cover[i] |= set
	}
	return false
}

// trait is what merging knows of a finding beyond itself.
type trait struct {
	set     groupSet
	general bool // see Type.General
}

// rank orders specific types before general ones.
func (t trait) rank() int {
	if t.general {
		return 1
	}
	return 0
}

// better orders findings of one cluster, the best first.
func better(a, b *proxy.Finding, ta, tb trait) int {
	return cmp.Or(
		cmp.Compare(b.Likelihood, a.Likelihood),
		cmp.Compare(ta.rank(), tb.rank()),
		cmp.Compare(b.End-b.Start, a.End-a.Start),
		cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Start, b.Start),
		cmp.Compare(a.Detector, b.Detector),
	)
}
