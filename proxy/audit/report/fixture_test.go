package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
)

// book is a log written by hand, one event a line:
//
//	decision ID HH:MM APP POOL ACTION [findings…] [masked=N:NAME,…] [opaque] [observe]
//	outcome OF HH:MM SENT
//	KIND ID HH:MM ACTION [code=…] [role=…] [count=…] [detail=…] [by=…] [ticket=…] [query=…]
//
// Findings are TYPE/GROUP:COUNT:LIKELIHOOD, with ~N at the end where N of them are
// published test values. All of it is on 2026-10-05 UTC; D+HH:MM is D days later.
const book = `
admin     a0 08:00 start detail=embedded
policy_activation a1 08:01 activated detail=p-1
decision  d0 08:30 crm  house    allow   DIAGNOSIS/health:2:likely
outcome   d0 08:31 yes
decision  d1 09:00 crm  openai   allow
outcome   d1 09:01 yes
decision  d2 09:10 crm  openai   allow   DIAGNOSIS/health:1:likely EMAIL_ADDRESS/personal:1:very_likely
outcome   d2 09:11 yes
decision  d3 09:20 crm  openai   mask    DIAGNOSIS/health:2:likely EMAIL_ADDRESS/personal:1:likely masked=3:health,EMAIL_ADDRESS
outcome   d3 09:21 yes
decision  d4 09:30 bot  openai   mask    DIAGNOSIS/health:2:likely EMAIL_ADDRESS/personal:1:likely masked=1:EMAIL_ADDRESS
outcome   d4 09:31 no
decision  d5 09:40 bot  paris    allow   DIAGNOSIS/health:3:likely
decision  d6 09:50 bot  -        deny    DIAGNOSIS/health:1:very_likely
outcome   d6 09:50 no
decision  d7 10:00 bot  openai   allow   DIAGNOSIS/health:1:possible
outcome   d7 10:01 unknown
decision  d8 10:10 bot  openai   allow   DIAGNOSIS/health:2:likely~2
outcome   d8 10:11 yes
decision  d9 10:20 bot  oslo     allow   DIAGNOSIS/health:1:likely observe
outcome   d9 10:21 yes
decision  dA 10:30 bot  openai   allow   opaque
decision  dB 10:40 bot  nowhere  allow   DIAGNOSIS/health:1:likely
outcome   dB 10:41 yes
decision  dC 10:45 bot  ostiary  allow
outcome   dC 10:45 no
gap       g0 11:00 ungoverned
access    x0 11:10 search role=reviewer count=12 by=ada@example.org ticket=T-1 query=type:DIAGNOSIS
access    x1 11:20 reveal role=dpo code=subject_request count=1 by=bob@example.org ticket=T-2
grant     x2 11:30 grant_used detail=grant-7
erasure   x3 11:40 erase role=dpo code=subject_request count=3 by=bob@example.org
retention x4 11:50 retain code=retention count=100
checkpoint_ack x5 11:55 acknowledged
admin     a2 12:00 start detail=embedded
config_change a3 12:01 reload
admin     a4 12:30 stop
decision  dD 12:40 crm  openai   allow   EMAIL_ADDRESS/personal:1:likely
`

// pools of the book. "nowhere" is not among the facts, "attic" is stated nowhere.
var pools = []proxy.PoolFacts{
	{Boundary: "internal", Jurisdiction: "DE", Name: "house", Retention: "none", Training: "no"},
	{Boundary: "external", Jurisdiction: "US", Name: "openai", Retention: "30d", Training: "no"},
	{Boundary: "external", Jurisdiction: "FR", Name: "paris", Retention: "none", Training: "no"},
	{Boundary: "external", Jurisdiction: "NO", Name: "oslo", Retention: "none", Training: "no"},
}

// events reads a book.
func events(t testing.TB, text string) []audit.Record {
	t.Helper()
	var out []audit.Record
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		ev := &proxy.Event{ID: "01TEST" + w[1], Kind: w[0], V: 1, Time: "2026-10-05T" + w[2] + ":00.000Z"}
		if day, at, ok := strings.Cut(w[2], "+"); ok {
			var n int
			if _, err := fmt.Sscan(day, &n); err != nil {
				t.Fatal(err)
			}
			ev.Time = fmt.Sprintf("2026-10-%02dT%s:00.000Z", 5+n, at)
		}
		var own *proxy.PersonalRecord
		switch w[0] {
		case "decision":
			ev.Policy = &proxy.PolicyRecord{Config: "c-1", Policies: "p-1", Suite: "s-1"}
			ev.Request = &proxy.RequestRecord{Application: w[3], Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/2"}
			facts := &proxy.Facts{Pools: pools, Version: 1, Mode: proxy.Enforce, Principal: proxy.PrincipalFacts{Application: w[3], Team: "team-" + w[3]}}
			ev.Decision = &proxy.DecisionRecord{Action: proxy.Action(w[5]), Facts: facts, Mode: proxy.Enforce, Pool: strings.Trim(w[4], "-"), Reasons: []proxy.Reason{}}
			for _, a := range w[6:] {
				switch {
				case a == "opaque":
					facts.Opaque.Count = 1
				case a == "observe":
					ev.Decision.Mode = proxy.Observe
				case strings.HasPrefix(a, "masked="):
					n, names, _ := strings.Cut(strings.TrimPrefix(a, "masked="), ":")
					if _, err := fmt.Sscan(n, &ev.Decision.Masked); err != nil {
						t.Fatal(err)
					}
					ev.Decision.Masks = strings.Split(names, ",")
				default:
					a, synthetic, _ := strings.Cut(a, "~")
					p := strings.Split(a, ":")
					typ, group, _ := strings.Cut(p[0], "/")
					f := proxy.FindingRecord{Type: typ, Groups: []string{group}, Likelihood: p[2], Roles: []string{"user"}}
					if _, err := fmt.Sscan(p[1], &f.Count); err != nil {
						t.Fatal(err)
					}
					if synthetic != "" {
						if _, err := fmt.Sscan(synthetic, &f.Synthetic); err != nil {
							t.Fatal(err)
						}
					}
					ev.Findings = append(ev.Findings, f)
				}
			}
		case "outcome":
			ev.DecisionID, ev.ID = "01TEST"+w[1], "01TESTof"+w[1]
			ev.Outcome = &proxy.OutcomeRecord{Sent: w[3], Reason: "answers_not_inspected"}
		default:
			a := &proxy.AdminRecord{Action: w[3]}
			ev.Admin, own = a, &proxy.PersonalRecord{}
			for _, f := range w[4:] {
				name, v, _ := strings.Cut(f, "=")
				switch name {
				case "code":
					a.Code = v
				case "role":
					a.Role = v
				case "detail":
					a.Detail = v
				case "count":
					if _, err := fmt.Sscan(v, &a.Count); err != nil {
						t.Fatal(err)
					}
				case "by":
					own.Subject = v
				case "ticket":
					own.Ticket = v
				case "query":
					own.Query = v
				default:
					t.Fatalf("no such word: %s", f)
				}
			}
		}
		rec := audit.Record{Index: int64(len(out))}
		if own != nil && own.Subject != "" {
			own.Salt = "00"
			var err error
			if rec.Personal, err = json.Marshal(own); err != nil {
				t.Fatal(err)
			}
			ev.Personal = &proxy.PersonalRecord{Commitment: fmt.Sprintf("%x", sha256.Sum256(rec.Personal))}
		}
		var err error
		if rec.JSON, err = json.Marshal(ev); err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// from gives records from an index on, as a log's reader does.
func from(list []audit.Record, first int64) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, r := range list[min(first, int64(len(list))):] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// signed is a log in memory with its key.
type signed struct {
	hashes     proof.Hashes
	checkpoint []byte
	signer     note.Signer
	key        note.Verifier
}

func newKey(t testing.TB, seed string) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.NewChaCha8(sha256.Sum256([]byte(seed))), "test.example/key-"+seed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := proof.NewKey([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func sign(t testing.TB, list []audit.Record) *signed {
	t.Helper()
	l := &signed{}
	l.signer, l.key = newKey(t, "log")
	for _, r := range list {
		if err := l.hashes.Add(r.JSON); err != nil {
			t.Fatal(err)
		}
	}
	root, err := tlog.TreeHash(l.hashes.Size(), &l.hashes)
	if err != nil {
		t.Fatal(err)
	}
	l.checkpoint, err = note.Sign(&note.Note{Text: fmt.Sprintf("test.example/log\n%d\n%s\n", l.hashes.Size(), root)}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// without gives the records without one, with new indices.
func without(list []audit.Record, i int) []audit.Record {
	out := slices.Delete(slices.Clone(list), i, i+1)
	for k := range out {
		out[k].Index = int64(k)
	}
	return out
}
