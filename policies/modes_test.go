package policies_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

const twoRules = `package ostiary.policies.team

# METADATA
# title: Contacts are masked
mask contains {"rule": "contacts", "message": "Masked.", "groups": ["contact"]} if input.findings.groups.contact.count > 0

# METADATA
# title: No long prompts
deny contains {"rule": "long", "message": "Too long."} if input.request.tokens > 1000
`

// A policy that is not enforced for who asks leaves its reasons and nothing
// else.
func TestModes(t *testing.T) {
	f := policies.Example()
	found(f, "EMAIL_ADDRESS", []string{"contact"}, "user", proxy.Likely)
	f.Request.Tokens = 5000
	f.Principal.Team, f.Principal.Application = "research", "bot"
	for _, c := range []struct {
		modes []policies.ModeRule
		want  string
	}{
		{nil, "deny: deny long, mask contacts"},
		{[]policies.ModeRule{{Policy: "team", Mode: "observe"}}, "allow: observe long, observe contacts"},
		{[]policies.ModeRule{{Policy: "team", Rule: "long", Mode: "warn"}}, "mask: warn long, mask contacts"},
		{[]policies.ModeRule{{Policy: "team", Rule: "long", Mode: "observe", Teams: []string{"research"}}}, "mask: observe long, mask contacts"},
		{[]policies.ModeRule{{Policy: "team", Rule: "long", Mode: "observe", Teams: []string{"other"}}}, "deny: deny long, mask contacts"},
		{[]policies.ModeRule{{Policy: "team", Mode: "enforce", Applications: []string{"bot"}}, {Policy: "team", Mode: "observe"}}, "deny: deny long, mask contacts"},
	} {
		s, err := policies.Load(policies.Options{FS: fstest.MapFS{"team.rego": {Data: []byte(twoRules)}}, Modes: c.modes})
		if err != nil {
			t.Fatal(err)
		}
		warned := 0
		for _, w := range s.Warnings() {
			if strings.Contains(w, "does not act") {
				warned++
			}
		}
		silent := 0
		for _, m := range c.modes {
			if m.Mode != policies.ModeEnforce {
				silent++
			}
		}
		if warned != silent {
			t.Errorf("%+v: %d of %d are told at start", c.modes, warned, silent)
		}
		v, err := s.Decide(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		var reasons []string
		for _, r := range v.Reasons {
			reasons = append(reasons, string(r.Action)+" "+r.Rule)
		}
		if got := fmt.Sprintf("%s: %s", v.Action, strings.Join(reasons, ", ")); got != c.want {
			t.Errorf("%+v: %s, want %s", c.modes, got, c.want)
		}
	}
	for _, bad := range []policies.ModeRule{{Policy: "teem", Mode: "observe"}, {Policy: "team", Rule: "lnog", Mode: "observe"}, {Policy: "team", Mode: "sometimes"}} {
		if _, err := policies.Load(policies.Options{FS: fstest.MapFS{"team.rego": {Data: []byte(twoRules)}}, Modes: []policies.ModeRule{bad}}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
