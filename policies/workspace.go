package policies

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
	"time"
)

//go:embed all:workspace workspace_exceptions
var authoring embed.FS

// nextYear stands in the files of a workspace for a day in a year.
const nextYear = "{{NEXT_YEAR}}"

// Workspace lists the files of a new policy directory for authors, by path: three
// policies with unit tests and fixtures, the schemas, and settings of editors and
// of regal. now dates what expires.
func Workspace(now time.Time) []File {
	out := []File{{Path: "schemas/facts.json", Text: string(Schema())}}
	for _, f := range filesBelow("workspace") {
		f.Text = strings.ReplaceAll(f.Text, nextYear, now.AddDate(1, 0, 0).Format(Date))
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// ExceptionFiles lists the files of the policy that lifts rules by reviewed
// exceptions, without its data, by path below its own directory.
func ExceptionFiles() []File { return filesBelow("workspace_exceptions") }

func filesBelow(root string) []File {
	var out []File
	err := fs.WalkDir(authoring, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := authoring.ReadFile(p)
		if err != nil {
			return err
		}
		out = append(out, File{Path: strings.TrimPrefix(p, root+"/"), Text: string(b)})
		return nil
	})
	if err != nil {
		panic("policies: " + err.Error()) // the files are in the binary
	}
	return out
}
