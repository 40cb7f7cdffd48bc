package policies_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

func loadText(t *testing.T, text string) *policies.Set {
	t.Helper()
	s, err := policies.Load(policies.Options{FS: fstest.MapFS{"team.rego": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A shadow never acts; a canary decides its share of the conversations, and what
// the other side says is beside each verdict.
func TestRollout(t *testing.T) {
	live := loadText(t, twoRules)
	candidate := loadText(t, "package ostiary.policies.team\n\n# METADATA\n# title: Nothing passes\ndeny contains {\"rule\": \"all\", \"message\": \"No.\", \"code\": \"closed\"}\n")
	broken := loadText(t, "package ostiary.policies.team\n\n# METADATA\n# title: Broken\ndeny contains {\"rule\": \"all\", \"message\": x} if x := sprintf(\"%s\", [to_number(input.request.dialect)])\n")
	for _, c := range []struct {
		name       string
		candidate  *policies.Set
		share      int
		bucket     int
		want, here proxy.Action
		rules      int
	}{
		{"shadow", candidate, 0, 0, proxy.Allow, proxy.Deny, 1},
		{"canary, inside", candidate, 10, 9, proxy.Deny, proxy.Allow, 0},
		{"canary, outside", candidate, 10, 10, proxy.Allow, proxy.Deny, 1},
		{"a shadow that fails changes nothing", broken, 0, 0, proxy.Allow, proxy.Action(proxy.Unknown), 0},
	} {
		f := policies.Example()
		f.Conversation.Bucket = c.bucket
		v, err := policies.Rollout{Live: live, Candidate: c.candidate, Share: c.share}.Decide(context.Background(), f)
		if err != nil || v.Action != c.want || v.Shadow == nil || v.Shadow.Action != c.here || len(v.Shadow.Rules) != c.rules {
			t.Errorf("%s: %s %+v %v", c.name, v.Action, v.Shadow, err)
		}
		acting := live
		if c.bucket < c.share {
			acting = c.candidate
		}
		if v.Revision != acting.Revision() {
			t.Errorf("%s: the revision is not that of who decided", c.name)
		}
	}
	f := policies.Example()
	if _, err := (policies.Rollout{Live: live, Candidate: broken, Share: 100}).Decide(context.Background(), f); proxy.KindOf(err) != proxy.Undecided {
		t.Errorf("a candidate that decides and fails: %v", err)
	}
	if a, b := (policies.Rollout{Live: live, Candidate: candidate}), (policies.Rollout{Live: live, Candidate: candidate, Share: 5}); a.Revision() != live.Revision() || b.Revision() == a.Revision() {
		t.Error("the revision must change with what decides, and only then")
	}
}
