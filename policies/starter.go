package policies

import (
	"io/fs"
	"slices"
	"strings"
)

// shippedNames are the policies that the binary brings, without any of which
// the shipped set lets nothing pass.
var shippedNames = []string{"endpoints", "residency", "secrets", "unknown"}

// Shipped gives the policies that the binary brings, a directory each: rule,
// data, test, page. Loading it is loading the zero [Options].
func Shipped() fs.FS {
	sub, err := fs.Sub(embedded, "shipped")
	if err != nil {
		panic("policies: " + err.Error()) // the name is a valid path
	}
	return sub
}

// File is a file to write.
type File struct {
	Path string // slash-separated, below the policy directory
	Text string
}

// Starter lists the files of a new policy directory, by path: the shipped
// policies, a page on how to write one, an example that is not in force, and a
// copy of the library to read. Loaded, the directory decides as the shipped
// policies do.
func Starter() []File {
	out := []File{{Path: "library.txt", Text: "# A copy to read. The library in force is the binary's own.\n\n" + libraryText}}
	for _, root := range []string{"shipped", "starter"} {
		err := fs.WalkDir(embedded, root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := embedded.ReadFile(p)
			if err != nil {
				return err
			}
			out = append(out, File{Path: strings.TrimPrefix(p, root+"/"), Text: string(b)})
			return nil
		})
		if err != nil {
			panic("policies: " + err.Error()) // the files are in the binary
		}
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}
