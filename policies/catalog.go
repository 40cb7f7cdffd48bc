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

// Catalog gives the policies that come with the binary and are not in force
// until somebody adds them, a directory each: rule, data, unit tests, fixtures,
// page. What depends on the organisation is empty in their data, so that adding
// one refuses nothing by a list that nobody has written.
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
	Rules   []Rule `json:"-"`
	Page    string `json:"-"` // Markdown
	Files   []File `json:"-"` // below a policy directory, by path
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
		if err != nil {
			return err
		}
		e.Files = append(e.Files, File{Path: p, Text: string(b)})
		if path.Base(p) == "README.md" {
			e.Page = string(b)
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	only, err := fs.Sub(root, ".")
	if err != nil {
		return e, err
	}
	s, err := Load(Options{FS: onlyDir{only, name}})
	if err != nil {
		return e, err
	}
	for _, p := range s.Policies() {
		e.Title, e.Rules = p.Title, append(e.Rules, p.Rules...)
	}
	e.Summary = summary(e.Page)
	return e, nil
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

// onlyDir is one directory of a file system of directories.
type onlyDir struct {
	fs.FS
	name string
}

// ReadDir implements [fs.ReadDirFS].
func (o onlyDir) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(o.FS, name)
	if name == "." {
		list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return e.Name() != o.name })
	}
	return list, err
}
