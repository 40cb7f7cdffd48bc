package policies_test

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

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
	inHouse := loadText(t, "package ostiary.policies.team\n\n# METADATA\n# title: In-house\nroute contains {\"rule\": \"all\", \"message\": \"Stays.\", \"boundary\": \"internal\"}\n")
	broken := loadText(t, "package ostiary.policies.team\n\n# METADATA\n# title: Broken\ndeny contains {\"rule\": \"all\", \"message\": x} if x := sprintf(\"%s\", [to_number(input.request.dialect)])\n")
	for _, c := range []struct {
		name       string
		candidate  *policies.Set
		share      int
		bucket     int
		want, here proxy.Action
		rules      int
		pool       string
	}{
		{"shadow", candidate, 0, 0, proxy.Allow, proxy.Deny, 1, ""},
		{"canary, inside", candidate, 10, 9, proxy.Deny, proxy.Allow, 0, "openai"},
		{"canary, outside", candidate, 10, 10, proxy.Allow, proxy.Deny, 1, ""},
		{"a shadow that reroutes", inHouse, 0, 0, proxy.Allow, proxy.Reroute, 1, "house"},
		{"a shadow that fails changes nothing", broken, 0, 0, proxy.Allow, proxy.Action(proxy.Unknown), 0, ""},
	} {
		f := policies.Example()
		f.Conversation.Bucket = c.bucket
		v, err := policies.Rollout{Live: live, Candidate: c.candidate, Share: c.share}.Decide(context.Background(), f)
		if err != nil || v.Action != c.want || v.Shadow == nil || v.Shadow.Action != c.here || len(v.Shadow.Rules) != c.rules || v.Shadow.Pool != c.pool {
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

// A side that only watches and does not end leaves the request its time.
func TestRolloutIsNotHeldUp(t *testing.T) {
	live := loadText(t, twoRules)
	endless := loadText(t, "package ostiary.policies.team\n\nd := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n\n# METADATA\n# title: Endless\ndeny contains {\"rule\": \"all\", \"message\": \"No.\"} if {\n\tsome a in d\n\tsome b in d\n\tsome c in d\n\tsome k in d\n\tsome e in d\n\tsome f in d\n\tsome g in d\n\tsome h in d\n\tsome i in d\n\tsome j in d\n\t(((((((((a + b) + c) + e) + f) + g) + h) + i) + j) + input.request.tokens) < 0\n}\n")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	start := time.Now()
	v, err := policies.Rollout{Live: live, Candidate: endless}.Decide(ctx, policies.Example())
	if err != nil || ctx.Err() != nil || v.Action != proxy.Allow || v.Shadow.Action != proxy.Action(proxy.Unknown) {
		t.Errorf("%s, shadow %+v, %v, %v", v.Action, v.Shadow, err, ctx.Err())
	}
	// The limit is a tenth of a second; a busy machine gets a hundred times that.
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("the watching side held the request for %v", d)
	}
}
