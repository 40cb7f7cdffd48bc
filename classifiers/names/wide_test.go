package names

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func show(kind, name, text string, wrong [][2]int) {
	if os.Getenv("NAMES_SHOW") == kind {
		for _, m := range wrong {
			fmt.Printf("%s %s %q <%s>\n", kind, name, text[max(0, m[0]-50):min(len(text), m[1]+30)], text[m[0]:m[1]])
		}
	}
}

func TestWide(t *testing.T) {
	s := suite(t)
	for lang, pat := range map[string]string{"py": "/root/.pyenv/versions/*/lib/python3.*/*.py", "c": "/usr/include/*.h", "js": "/usr/lib/node_modules/npm/node_modules/*/lib/*.js", "json": "/usr/lib/node_modules/npm/node_modules/*/package.json", "md": "/usr/lib/node_modules/npm/node_modules/*/README.md"} {
		files, _ := filepath.Glob(pat)
		var c tally
		for i, f := range files {
			if i%3 != 0 {
				continue
			}
			b, _ := os.ReadFile(f)
			text := string(b[:min(len(b), 60<<10)])
			_, w := c.add(t, s, text, nil)
			show(lang, filepath.Base(f), text, w)
		}
		t.Logf("%-5s %v", lang, &c)
	}
	for _, n := range []string{"mt_bench_question.jsonl", "user_oriented_instructions.jsonl"} {
		f, err := os.Open(data(t, "negatives", n))
		if err != nil {
			t.Fatal(err)
		}
		var c tally
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var q struct {
				Turns       []string
				Instruction string
				Instances   []struct{ Input, Output string }
			}
			if json.Unmarshal(sc.Bytes(), &q) != nil {
				continue
			}
			text := strings.Join(q.Turns, "\n") + q.Instruction
			for _, i := range q.Instances {
				text += "\n" + i.Input + "\n" + i.Output
			}
			_, w := c.add(t, s, text, nil)
			show("neg", n, text, w)
		}
		f.Close()
		t.Logf("%s %v", n, &c)
	}
}
