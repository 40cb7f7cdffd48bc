package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/vault"
)

// Numbers of a seeded log. A day has a start, so many decisions ten minutes apart,
// each but few with an outcome, and a stop.
const (
	seedPerDay  = 100
	seedSegment = 1 << 17
	seedSubject = "ada@example.org"
	seedAddress = "ada.lovelace@example.org" // of which events have the fingerprint
)

// seedBegan is when the first day of a seeded log begins.
var seedBegan = time.Date(2026, 10, 5, 6, 0, 0, 0, time.UTC)

// seedMain is a command of scripts: audit-seed [-days N] [-origin NAME] DIR makes a log
// of several segments, or goes on with one. Each day
//
//   - every tenth decision is denied for a US_SSN,
//   - every tenth, from the second on, is masked for an EMAIL_ADDRESS on its way to openai,
//   - every tenth, from the sixth on, has DIAGNOSIS and goes to house,
//   - the last but one has an outcome that is not known,
//
// and on the second day the last decision has no outcome and the process ends without
// a stop; on the third something was sent that no decision covers.
func seedMain() {
	days := flag.Int("days", 3, "")
	origin := flag.String("origin", "test.example/log", "")
	skip := flag.Int("skip", 0, "")
	flag.Parse()
	if err := seedLog(flag.Arg(0), *origin, *skip, *days); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// seedLog writes the days from skip on to the log in dir.
func seedLog(dir, origin string, skip, days int) error {
	l, err := audit.Open(dir, audit.Options{Segment: seedSegment, Ahead: 1, Origin: origin})
	if err != nil {
		return err
	}
	ring, err := vault.OpenKeyring(audit.DefaultKeyDir(dir), nil)
	if err == nil {
		err = ring.Prepare()
	}
	var prints []string
	if err == nil {
		prints, err = ring.Hash("EMAIL_ADDRESS", seedAddress)
	}
	for d := skip; err == nil && d < days; d++ {
		for _, ev := range seedDay(d, prints) {
			if err = l.Record(context.Background(), ev); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = l.Seal(context.Background()) // so that what is packed does not depend on time
	}
	return errors.Join(err, l.Close())
}

func seedDay(d int, prints []string) []*proxy.Event {
	n := d * 1000
	at := seedBegan.AddDate(0, 0, d)
	next := func(kind string, after time.Duration) *proxy.Event {
		at = at.Add(after)
		n++
		return &proxy.Event{ID: bookID(n), Kind: kind, Time: at.Format("2006-01-02T15:04:05.000Z"), V: 1}
	}
	begin := next(proxy.EventAdmin, 0)
	begin.Admin = &proxy.AdminRecord{Action: "start", Detail: "embedded"}
	out := []*proxy.Event{begin}
	for i := range seedPerDay {
		dec := next(proxy.EventDecision, 10*time.Minute)
		seedDecision(dec, i, prints)
		out = append(out, dec)
		if d == 1 && i == seedPerDay-1 {
			continue
		}
		o := next(proxy.EventOutcome, time.Second)
		o.DecisionID = dec.ID
		o.Outcome = &proxy.OutcomeRecord{Bytes: 90, DurationMS: 200 + int64(i), Reason: "answers_not_inspected", Sent: "yes", SentBytes: 600, Status: 200}
		switch {
		case dec.Decision.Action == proxy.Deny:
			o.Outcome = &proxy.OutcomeRecord{Reason: "refused", Sent: "no", Status: 403}
		case i == seedPerDay-2:
			o.Outcome.Sent = "unknown"
		}
		out = append(out, o)
	}
	switch d {
	case 1:
		return out
	case 2:
		gap := next(proxy.EventGap, time.Minute)
		gap.Admin = &proxy.AdminRecord{Action: "ungoverned", Count: 1}
		out = append(out, gap)
	}
	end := next(proxy.EventAdmin, time.Hour)
	end.Admin = &proxy.AdminRecord{Action: "stop"}
	return append(out, end)
}

// seedDecision fills in decision number i of a day.
func seedDecision(ev *proxy.Event, i int, prints []string) {
	app := []string{"crm", "hr", "bot"}[i%3]
	ev.Policy = &proxy.PolicyRecord{Binary: "test", Config: "c-1", Policies: "p-1", Suite: "s-1"}
	ev.Request = &proxy.RequestRecord{Application: app, Bytes: 512, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/2"}
	ev.Personal = &proxy.PersonalRecord{Address: "192.0.2.7"}
	if app == "hr" {
		ev.Personal.Subject = seedSubject
	}
	facts := &proxy.Facts{Version: 1, Mode: proxy.Enforce, Principal: proxy.PrincipalFacts{Application: app, Team: "team-" + app}, Pools: []proxy.PoolFacts{
		{Boundary: "internal", Jurisdiction: "DE", Name: "house", Retention: "none", Training: "no"},
		{Boundary: "external", Jurisdiction: "US", Name: "openai", Retention: "30d", Training: "no"},
	}}
	found := func(typ, group string) {
		ev.Findings = []proxy.FindingRecord{{Count: 1, Groups: []string{group}, Likelihood: "very_likely", Roles: []string{"user"}, Type: typ}}
	}
	d := &proxy.DecisionRecord{Action: proxy.Allow, Asked: "openai", Facts: facts, Mode: proxy.Enforce, Model: "gpt-5", Pool: "openai", Reasons: []proxy.Reason{}}
	switch i % 10 {
	case 0:
		found("US_SSN", "identifier")
		d.Action, d.Pool, d.Code, d.Status = proxy.Deny, "", "data_policy_denied", 403
		d.Reasons = []proxy.Reason{{Action: proxy.Deny, File: "residency/residency.rego", Line: 31, Policy: "residency", Rule: "never_out", Title: "Numbers never leave"}}
	case 1:
		found("EMAIL_ADDRESS", "contact")
		d.Action, d.Masked, d.Masks = proxy.Mask, 1, []string{"EMAIL_ADDRESS"}
		ev.Personal.Fingerprints = prints
	case 5:
		found("DIAGNOSIS", "health")
		d.Action, d.Pool = proxy.Reroute, "house"
	}
	ev.Decision = d
}
