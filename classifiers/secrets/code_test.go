package secrets

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// Source code that is on the machine: the Go standard library, and whatever
// packages of npm and Python are installed. Findings of credentials at likely and
// above, published values aside, per 10,000 tokens of four bytes. One is the goal;
// what is left are the made-up credentials of tests.
func TestCodeLane(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the standard library's source")
	}
	s := newSuite(t)
	lane := func(name, root string, ceiling float64, suffixes ...string) {
		bytes, n, files := 0, 0, 0
		types := map[string]int{}
		filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || files > 4000 {
				return nil
			}
			ok := false
			for _, x := range suffixes {
				ok = ok || strings.HasSuffix(path, x)
			}
			if !ok || d.IsDir() {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil || len(b) > 1<<20 {
				return nil
			}
			files++
			bytes += len(b)
			text := string(b)
			for _, f := range classify(t, s, text) {
				// Keys in armour are real ones, of tests.
				if f.Likelihood >= proxy.Likely && !f.Synthetic && f.Type != "SECRET_PRIVATE_KEY" {
					n++
					types[f.Type]++
					rel, _ := filepath.Rel(root, path)
					t.Logf("%s:%s:%d: %s (%s, %s)", name, rel, 1+strings.Count(text[:f.Start], "\n"), f.Type, f.Detector, f.Evidence.Rule)
				}
			}
			return nil
		})
		if files == 0 {
			t.Logf("%s: no files on this machine", name)
			return
		}
		rate := float64(n) / (float64(bytes) / 4) * 10000
		t.Logf("%s: %d files, %d bytes, %d findings %v, %.4f per 10,000 tokens", name, files, bytes, n, types, rate)
		if rate > ceiling {
			t.Errorf("%s: %.3f findings per 10,000 tokens, %.3f allowed", name, rate, ceiling)
		}
	}
	lane("go", filepath.Join(build.Default.GOROOT, "src"), 0.05, ".go", ".s", ".md")
	lane("go modules", filepath.Join(os.Getenv("HOME"), "go", "pkg", "mod"), 0.5, ".go", ".sum", ".md", ".yaml", ".json")
	lane("python", "/usr/lib/python3", 0.5, ".py", ".txt", ".json", ".toml")
	lane("python", "/usr/lib/python3.12", 0.5, ".py")
	lane("npm", "/usr/lib/node_modules", 0.5, ".js", ".json", ".ts", ".md")
	lane("npm", "/usr/local/lib/node_modules", 0.5, ".js", ".json", ".ts", ".md")
}
