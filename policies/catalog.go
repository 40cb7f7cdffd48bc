package policies

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed catalog
var catalogFiles embed.FS

// exceptionsName is the policy whose rule is that of [ExceptionFiles].
const exceptionsName = "exceptions"

// Catalog gives the policies that come with the binary and are not in force
// until somebody adds them, a directory each: rule, data, unit tests, fixtures,
// page. What depends on the organisation is empty in their data, so that adding
// one refuses nothing by a list that nobody has written. The rule of exceptions
// is in [ExceptionFiles]; [FindEntry] gives each whole.
func Catalog() fs.FS {
	sub, err := fs.Sub(catalogFiles, "catalog")
	if err != nil {
		panic("policies: " + err.Error()) // the name is a valid path
	}
	return sub
}

// CatalogNames lists the policies of [Catalog], sorted.
func CatalogNames() []string {
	entries, err := fs.ReadDir(Catalog(), ".")
	if err != nil {
		panic("policies: " + err.Error()) // the directory is in the binary
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out
}

// ErrNoEntry is the cause where neither the catalog nor the shipped policies have
// a name.
var ErrNoEntry = errors.New("no policy of that name in the catalog")

// CatalogEntry is a policy of the catalog, or a shipped one.
type CatalogEntry struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Summary string `json:"summary"` // a sentence of its page
	Shipped bool   `json:"shipped"` // in force where no policies are configured
	Rules   []Rule `json:"-"`       // of pass and refuse too, whose id is the set's name
	Page    string `json:"-"`       // Markdown
	Files   []File `json:"-"`       // below a policy directory, by path
}

// CatalogEntries lists the catalog and the shipped policies, by name.
func CatalogEntries() ([]CatalogEntry, error) {
	names := slices.Concat(CatalogNames(), shippedNames)
	slices.Sort(names)
	out := make([]CatalogEntry, 0, len(names))
	for _, n := range names {
		e, err := FindEntry(n)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// FindEntry gives one policy of the catalog, or a shipped one. Its error is
// [ErrNoEntry] with the nearest name.
func FindEntry(name string) (CatalogEntry, error) {
	e := CatalogEntry{Name: name}
	root := Catalog()
	switch {
	case slices.Contains(shippedNames, name):
		root, e.Shipped = Shipped(), true
	case !slices.Contains(CatalogNames(), name):
		return e, fmt.Errorf("%w: %q. %s", ErrNoEntry, name, suggest(name, slices.Concat(CatalogNames(), shippedNames)))
	}
	err := fs.WalkDir(root, name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, p)
		e.Files = append(e.Files, File{Path: p, Text: string(b)})
		return err
	})
	if err != nil {
		return e, err
	}
	if name == exceptionsName {
		for _, f := range ExceptionFiles() {
			e.Files = append(e.Files, File{Path: name + "/" + f.Path, Text: f.Text})
		}
	}
	slices.SortFunc(e.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	src := &source{rego: map[string]string{}, tests: map[string]string{}, data: map[string]any{}, raw: map[string]string{}}
	var bad Problems
	for _, f := range e.Files {
		if path.Base(f.Path) == "README.md" {
			e.Page, e.Summary = f.Text, summary(f.Text)
		}
		bad = append(bad, src.add(kindOf(f.Path), f.Path, []byte(f.Text))...)
	}
	if len(bad) == 0 {
		var s *Set
		if s, bad = build(src, &Options{}); len(bad) == 0 {
			for _, p := range s.Policies() {
				e.Title, e.Rules = p.Title, append(append(e.Rules, p.Rules...), p.Hosts...)
			}
			return e, nil
		}
	}
	return e, bad.sorted()
}

// summary gives the first paragraph of a page.
func summary(page string) string {
	for block := range strings.SplitSeq(page, "\n\n") {
		if block = strings.TrimSpace(block); block != "" && block[0] != '#' && block[0] != '|' {
			return block
		}
	}
	return ""
}
