package policies

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Rollout tries a candidate beside the policies that serve. It implements
// [proxy.Decider] and is safe for concurrent use; changing the share, promoting
// and rolling back make a new one.
type Rollout struct {
	Live, Candidate *Set
	// Share is how many of a hundred conversations the candidate decides; 0
	// means that it is only recorded (shadow). A conversation keeps its side
	// ([proxy.ConversationFacts]).
	Share int
}

var _ proxy.Decider = Rollout{}

// watchLimit bounds the time of the side that only watches. It takes at most half
// of what a request has left, so that it cannot make one run out of time.
const watchLimit = 100 * time.Millisecond

// Decide implements [proxy.Decider]. The other side's verdict stands in the
// verdict's Shadow, with the pool to which it leads as far as facts tell ([Leads]);
// which one it is in the end would be the business of a Chooser. What goes wrong on the side that only watches, or takes too
// long there, is recorded as the action "unknown" and changes nothing.
func (r Rollout) Decide(ctx context.Context, f *proxy.Facts) (proxy.Verdict, error) {
	acts, watches := r.Live, r.Candidate
	if f.Conversation.Bucket < r.Share {
		acts, watches = watches, acts
	}
	v, err := acts.Decide(ctx, f)
	if err != nil {
		return v, err
	}
	w := &proxy.WouldRecord{Action: proxy.Action(proxy.Unknown), Revision: watches.Revision()}
	limit := watchLimit
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2)
	}
	watch, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if other, err := watches.Decide(watch, f); err == nil {
		w.Action, w.Code = other.Action, other.Code
		w.Rules = actingRules(&other)
		if to := Leads(f, &other); to != noPool {
			w.Pool = to
		}
	}
	v.Shadow = w
	return v, nil
}

// Revision implements [proxy.Decider].
func (r Rollout) Revision() string {
	if r.Share == 0 {
		return r.Live.Revision()
	}
	return fmt.Sprintf("%s+%d%%:%s", r.Live.Revision(), r.Share, r.Candidate.Revision())
}

// actingRules lists the rules that a verdict rests on, as POLICY.RULE, sorted;
// at most as many as fit an event.
func actingRules(v *proxy.Verdict) []string {
	var out []string
	for _, r := range v.Reasons {
		if r.Action == v.Action && v.Action != proxy.Allow && len(out) < maxActing {
			out = append(out, r.Policy+"."+r.Rule)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// maxActing bounds the rules that an event names of a candidate.
const maxActing = 16
