package classifiers

import (
	"cmp"
	"slices"

	"github.com/ostiary/ostiary/proxy"
)

// merge leaves one winner per group and span and sorts the findings by place.
// The likelier wins, then the more specific type, then the longer. A finding that shares no group with a better one on its span survives.
//
// Findings that overlap form a cluster; inside it the best come first and cover
// their bytes for their groups. That costs the length of the spans, whatever
// the overlaps, and a loser never takes a third finding down with it.
func merge(found []proxy.Finding, traits []trait) []proxy.Finding {
	if len(found) < 2 {
		return found
	}
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(found[a].Start, found[b].Start), cmp.Compare(a, b))
	})
	kept := make([]int, 0, len(found))
	var cover []groupSet
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
			if !touches(cover[f.Start-from:f.End-from], traits[n].set) {
				kept = append(kept, n)
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
	return out
}

// touches reports whether a span is taken for one of the groups; where it is
// not, it takes it.
func touches(cover []groupSet, set groupSet) bool {
	for _, c := range cover {
		if c&set != 0 {
			return true
		}
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
