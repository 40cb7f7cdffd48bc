package telemetry

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

var update = flag.Bool("update", false, "write the golden file anew")

// The golden file is what dashboards and alerts of others depend on: a change of
// it is a change for operators and belongs in CHANGELOG.md.
func TestNames(t *testing.T) {
	var b strings.Builder
	b.WriteString("metrics: name, kind, labels\n")
	for _, r := range metrics {
		fmt.Fprintf(&b, "  %s, %s, %s\n", r.name, r.kind, strings.Join(r.labels, " "))
	}
	b.WriteString("span attributes\n")
	for _, a := range spanAttributes {
		fmt.Fprintf(&b, "  %s\n", a)
	}
	b.WriteString("steps\n  " + strings.Join(steps, " ") + "\n")
	b.WriteString("operations\n")
	for _, op := range sorted(operations) {
		fmt.Fprintf(&b, "  %s = %s\n", op, operations[op])
	}
	b.WriteString("providers\n")
	for _, d := range sorted(providers) {
		fmt.Fprintf(&b, "  %s = %s\n", d, providers[d])
	}
	b.WriteString("counters of Envoy\n")
	for _, s := range envoyStats {
		fmt.Fprintf(&b, "  %s = …%s\n", s.word, s.end)
	}
	golden := filepath.Join("testdata", "names.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wanted, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(wanted) {
		t.Errorf("the table and testdata/names.golden differ; run with -update and read the difference. The table:\n%s", b.String())
	}
}

func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Every word of the vocabulary has its row: a new operation, dialect or
// likelihood that is forgotten here would be "other" for ever.
func TestTablesAreWhole(t *testing.T) {
	for _, op := range []proxy.Operation{
		proxy.OpChat, proxy.OpResponses, proxy.OpCompletions, proxy.OpEmbeddings, proxy.OpModerations, proxy.OpMessages,
		proxy.OpCountTokens, proxy.OpState, proxy.OpModels, proxy.OpHealth, proxy.OpUnknown,
	} {
		if operations[string(op)] == "" {
			t.Errorf("the operation %s has no name", op)
		}
	}
	for l := proxy.VeryUnlikely; l <= proxy.VeryLikely; l++ {
		if !slices.Contains(levels, l.String()) {
			t.Errorf("the likelihood %s is not in the table", l)
		}
	}
	for id, r := range metrics {
		if r.name == "" || r.about == "" || len(r.labels) > maxLabels {
			t.Errorf("metric %d: %+v", id, r)
		}
	}
	for _, a := range spanAttributes {
		for _, content := range []string{"message", "instruction", "prompt", "content", "argument", "document", "address", "user"} {
			if strings.Contains(a, content) {
				t.Errorf("the attribute %s names content or person", a)
			}
		}
	}
}
