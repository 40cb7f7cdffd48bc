package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// TestConfiguredWordsAreFacts: what the configuration says of pools and of an
// application, and the severity of what the detectors find, reach a rule.
func TestConfiguredWordsAreFacts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ostiary.yaml")
	text := `pools:
  - {name: vetted, boundary: external, jurisdiction: US, url: "https://a.example", dialects: [openai], credential: none,
     labels: [staff, eu], price: {currency: EUR, input: 2.50, output: 10}, abilities: {images: true, tools: false}}
applications:
  - {name: claims, classification: confidential, key: {env: CLAIMS_KEY}}
terms:
  - {name: projects, words: [Bluebird], severity: critical}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := (&policyFlags{config: file}).stage()
	if err != nil {
		t.Fatal(err)
	}
	f, err := st.facts(context.Background(), &policies.Fixture{Text: "the plans of Bluebird", Application: "claims"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (proxy.LabelFacts{Classification: "confidential", Severity: "critical"}); f.Labels != want {
		t.Errorf("labels %+v, want %+v", f.Labels, want)
	}
	p := f.Pools[0]
	if len(p.Labels) != 2 || p.Labels[0] != "eu" || p.Labels[1] != "staff" || len(p.Abilities) != 1 || p.Abilities[0] != "images" ||
		p.Price != (proxy.PriceFacts{Currency: "EUR", Input: 2_500_000, Output: 10_000_000}) || p.Health != proxy.Unknown {
		t.Errorf("pool %+v", p)
	}
	found, err := st.facts(context.Background(), &policies.Fixture{Found: policies.Found{"TERM_PROJECTS": 1}})
	if err != nil || found.Labels.Severity != "critical" {
		t.Errorf("a fixture that says what was found has severity %q, %v", found.Labels.Severity, err)
	}
}
