package policies_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// entries gives policies of the catalog, or shipped ones, as one directory;
// without a name all of them.
func entries(t testing.TB, names ...string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	if len(names) == 0 {
		names = append(policies.CatalogNames(), "endpoints", "residency", "secrets", "unknown")
	}
	for _, name := range names {
		e, err := policies.FindEntry(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range e.Files {
			out[f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
		}
	}
	return out
}

func unitTests(t *testing.T, dir fs.FS) int {
	t.Helper()
	results, err := policies.Test(context.Background(), policies.Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("%s:%d %s failed: cases %q, error %q, output %q", r.File, r.Line, r.Name, r.Cases, r.Error, r.Output)
		}
	}
	return len(results)
}

// TestCatalogAlone runs the unit tests of each policy of the catalog where it is
// the only one.
func TestCatalogAlone(t *testing.T) {
	for _, name := range policies.CatalogNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n := unitTests(t, entries(t, name)); n < 5 {
				t.Errorf("only %d unit tests", n)
			}
		})
	}
}

// TestCatalogTogether runs the unit tests of all of them in one directory with
// the shipped ones: no two of them are in each other's way, and added as they
// are they refuse nothing harmless.
func TestCatalogTogether(t *testing.T) {
	dir := entries(t)
	if n := unitTests(t, dir); n < 100 {
		t.Errorf("only %d unit tests", n)
	}
	s, err := policies.Load(policies.Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	v, err := s.Decide(context.Background(), policies.Example())
	if err != nil || v.Action != "allow" || len(v.Reasons) > 0 {
		t.Errorf("the harmless request: %v, %+v", err, v)
	}
}

// TestCatalogPages looks for the parts of each page, for every rule on it, and
// for title, description and owner of each rule.
func TestCatalogPages(t *testing.T) {
	all, err := policies.CatalogEntries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Title == "" || e.Summary == "" || len(e.Rules) == 0 {
			t.Errorf("%s: title %q, summary %q, %d rules", e.Name, e.Title, e.Summary, len(e.Rules))
		}
		for _, r := range e.Rules {
			if !strings.Contains(e.Page, "`"+r.ID+"`") {
				t.Errorf("%s: the page does not speak of the rule %s", e.Name, r.ID)
			}
		}
		last := -1
		for _, h := range []string{"# " + e.Name, "## Summary", "## When", "## What it does", "## Data", "## Example", "## Rationale"} {
			at := strings.Index(e.Page, h+"\n")
			if at <= last {
				t.Errorf("%s: the page has no part %q in its place", e.Name, h)
			}
			last = at
		}
		for _, f := range e.Files {
			if !strings.HasSuffix(f.Path, e.Name+".rego") {
				continue
			}
			titles, owners := strings.Count(f.Text, "# title: "), strings.Count(f.Text, "#   owner: ")
			if strings.Count(f.Text, "# description: ") != titles || owners < len(e.Rules) {
				t.Errorf("%s: %d titles, %d owners for %d rules", f.Path, titles, owners, len(e.Rules))
			}
		}
	}
}

// TestHealthAndSpecialCategories is what the pages of the two policies say of them
// together: the one asks for a justification of what the other would mask.
func TestHealthAndSpecialCategories(t *testing.T) {
	s, err := policies.Load(policies.Options{FS: entries(t, "hipaa", "special_categories")})
	if err != nil {
		t.Fatal(err)
	}
	f := policies.Example()
	found(f, "HEALTH_CONDITION", []string{"health", "special_category"}, "user", proxy.Likely)
	found(f, "PERSON", []string{"personal"}, "user", proxy.Likely)
	v, err := s.Decide(context.Background(), f)
	if err != nil || v.Action != proxy.Deny || v.Code != "legal_basis_required" || len(v.Masks) != 1 {
		t.Errorf("without a justification: %s %s, %d masks, %v", v.Action, v.Code, len(v.Masks), err)
	}
	f.Grant.Justification = "treatment"
	if v, err = s.Decide(context.Background(), f); err != nil || v.Action != proxy.Reroute || len(v.Masks) != 1 || len(v.Pools) != 1 || v.Pools[0] != "house" {
		t.Errorf("with one: %s to %v, %d masks, %v", v.Action, v.Pools, len(v.Masks), err)
	}
}
