package policies_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
)

// TestFormatIsStable: what is laid out stays as it is, the library and the starter
// among it.
func TestFormatIsStable(t *testing.T) {
	dirs := map[string]fstest.MapFS{
		"starter": regoOnly(policies.Starter()),
		// The first round joins what the second one breaks in another way.
		"chain": {"a/a.rego": {Data: []byte("package ostiary.policies.a\n\n# METADATA\n# title: A\nwarn contains object.union(object.union({\"rule\": \"a\"},\n    {\"message\": \"A.\"}), object.union({},\n  {\n}\n))  if {input.request.tokens>1\n}\n")}},
	}
	entries, err := policies.CatalogEntries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		dirs[e.Name] = regoOnly(e.Files)
	}
	for name, dir := range dirs {
		out, err := policies.Format(policies.Options{FS: dir})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name != "chain" && len(out) > 0 {
			t.Errorf("%s is not laid out: %s", name, out[0].Diff)
		}
		if name == "chain" && len(out) != 1 {
			t.Error("the formatter changes nothing: the case is empty")
		}
		for _, f := range out {
			dir[f.File] = &fstest.MapFile{Data: []byte(f.Text)}
		}
		if again, err := policies.Format(policies.Options{FS: dir}); err != nil || len(again) > 0 {
			t.Errorf("%s changes when it is laid out again: %v %v", name, again, err)
		}
	}
}

func regoOnly(list []policies.File) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range list {
		if !strings.HasSuffix(f.Path, ".example") && !strings.HasSuffix(f.Path, ".txt") {
			out[f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
		}
	}
	return out
}
