package policies_test

import (
	"slices"

	"github.com/ostiary/ostiary/proxy"
)

// found adds one finding to facts, as the stater counts it.
func found(f *proxy.Facts, name string, groups []string, role string, l proxy.Likelihood) {
	add := func(m map[string]proxy.Tally, key string, groups []string) {
		t := m[key]
		if t.Groups == nil {
			t.Groups = slices.Clone(groups)
			t.Roles = map[string]proxy.Levels{}
		}
		count(&t.AtLeast, l)
		t.Count = t.AtLeast.Likely
		r := t.Roles[role]
		count(&r, l)
		t.Roles[role] = r
		m[key] = t
	}
	add(f.Findings.Types, name, groups)
	for _, g := range groups {
		add(f.Findings.Groups, g, []string{g})
	}
}

// count counts one finding at its level and at those below.
func count(n *proxy.Levels, l proxy.Likelihood) {
	for i, at := range []*int{&n.VeryUnlikely, &n.Unlikely, &n.Possible, &n.Likely, &n.VeryLikely} {
		if int(l) > i {
			*at++
		}
	}
}

// synthetic adds one published test value.
func synthetic(f *proxy.Facts, name string, groups []string) {
	add := func(m map[string]proxy.Tally, key string, groups []string) {
		t := m[key]
		if t.Groups == nil {
			t.Groups = slices.Clone(groups)
			t.Roles = map[string]proxy.Levels{}
		}
		t.Synthetic++
		m[key] = t
	}
	add(f.Findings.Types, name, groups)
	for _, g := range groups {
		add(f.Findings.Groups, g, []string{g})
	}
}
