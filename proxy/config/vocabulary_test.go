package config_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
)

// The package imports nothing of the house and lists its words again. This test
// keeps them the same.
func TestWordsAreThoseOfTheVocabulary(t *testing.T) {
	l := proxy.Limits{}.WithDefaults()
	c := config.Default().Limits
	if c.Body != int64(l.Body) || c.Decision != l.Decision || c.Commit != l.Commit || c.Exchanges != l.Exchanges {
		t.Errorf("limits %+v, those of the engine %+v", c, l)
	}
	parse := func(args ...any) (*config.Config, error) {
		return config.Parse("v.yaml", fmt.Appendf(nil, "mode: %v\npools: [{name: a, boundary: %v, url: \"http://127.0.0.1:1\", dialects: [%v], endpoints: [%v], credential: %v}]\n", args...))
	}
	for _, m := range []proxy.Mode{proxy.Enforce, proxy.Observe} {
		for _, b := range []proxy.Boundary{proxy.Internal, proxy.External} {
			for _, d := range []string{proxy.DialectOpenAI, proxy.DialectAnthropic} {
				for _, cred := range []proxy.CredentialMode{proxy.CredentialNone, proxy.CredentialClient} {
					c, err := parse(m, b, d, proxy.OpChat, cred)
					if err != nil || c.Mode != string(m) || c.Pools[0].Boundary != string(b) || c.Pools[0].Credential.Mode != string(cred) {
						t.Errorf("%s %s %s %s: %v", m, b, d, cred, err)
					}
				}
			}
		}
	}
	if config.CredentialPool != string(proxy.CredentialPool) {
		t.Error("the mode of a pool's own key has two names")
	}
	for _, op := range []proxy.Operation{
		proxy.OpChat, proxy.OpResponses, proxy.OpCompletions, proxy.OpEmbeddings, proxy.OpModerations, proxy.OpMessages,
		proxy.OpCountTokens, proxy.OpState, proxy.OpModels, proxy.OpHealth, proxy.OpUnknown,
	} {
		own := []proxy.Operation{proxy.OpModels, proxy.OpHealth, proxy.OpUnknown} // answered by Ostiary, or none
		if _, err := parse("enforce", "internal", "openai", op, "none"); (err == nil) == slices.Contains(own, op) {
			t.Errorf("operation %s: %v", op, err)
		}
	}
	for _, name := range []string{proxy.PoolSelf, "v1", "health"} {
		if _, err := config.Parse("v.yaml", fmt.Appendf(nil, "pools: [{name: %s, boundary: internal, url: \"http://127.0.0.1:1\", dialects: [openai]}]", name)); err == nil {
			t.Errorf("a pool may be called %s", name)
		}
	}
	for _, name := range []string{proxy.Other, proxy.Unknown} {
		if _, err := config.Parse("v.yaml", []byte(minimal+"applications: [{name: "+name+"}]")); err == nil {
			t.Errorf("an application may be called %s", name)
		}
	}
}
