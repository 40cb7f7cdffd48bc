package policies_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// onePolicy loads one policy whose file is named like it; its text begins in line 3.
func onePolicy(t *testing.T, name, text string) *policies.Set {
	t.Helper()
	s, err := policies.Load(policies.Options{FS: fstest.MapFS{name + ".rego": {Data: []byte("package ostiary.policies." + name + "\n\n" + text + "\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// silences words silences a line each, indented by depth.
func silences(list []policies.Silence) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "%s.%s\n", s.Rule.Policy, s.Rule.ID)
		for _, f := range s.Failed {
			verb := "fails"
			if f.Holds {
				verb = "holds"
			}
			fmt.Fprintf(&b, "%s%d %s: %s\n", strings.Repeat(" ", f.Depth+1), f.Line, verb, f.Expression)
			for _, k := range f.Facts {
				fmt.Fprintf(&b, "%s%s = %s\n", strings.Repeat(" ", f.Depth+2), k.Name, cmp.Or(string(k.Value), "(long)"))
			}
		}
	}
	return b.String()
}

func TestWhyNot(t *testing.T) {
	const text = `deny contains {"rule": "first", "message": "m"} if {
	input.destination.boundary == "external"
	count(input.state) == 0
	input.findings.groups.health.count > 2
	input.request.operation == "nothing"
}

deny contains {"rule": "denied", "message": "m"} if not input.time.hour == 10

deny contains {"rule": "each", "message": "m"} if {
	some pool in input.pools
	pool.boundary == "internal"
	in_europe(pool)
}

in_europe(pool) if {
	pool.serves
	listed(pool.jurisdiction)
}

listed(place) if place in {"DE", "FR"}

listed(place) if place == "EU"

deny contains {"rule": "speaks", "message": "m"} if input.version == 1

route contains {"rule": "list", "message": "m", "boundary": "internal"} if {
	every pool in input.pools { pool.training == "yes" }
}

allow contains {"rule": "lift", "message": "m", "lifts": "list"} if input.principal.team in {"law", "research"}
`
	s := policies.Study{Set: onePolicy(t, "why", strings.Replace(text, `"message": "m", "boundary"`, `"message": "m", "liftable": true, "boundary"`, 1))}
	f := policies.Example()
	found(f, "X", []string{"health"}, "user", proxy.Likely)
	for _, c := range []struct{ target, want string }{
		{"deny", `why.first
 6 fails: input.findings.groups.health.count > 2
  input.findings.groups.health.count = 1
why.denied
 10 holds: deny contains {"rule": "denied", "message": "m"} if not input.time.hour == 10
  input.time.hour = 10
why.each
 15 fails: in_europe(pool)
  20 fails: listed(pool.jurisdiction)
   23 fails: listed(place) if place in {"DE", "FR"}
   25 fails: listed(place) if place == "EU"
`},
		{"why.denied", `why.denied
 10 holds: deny contains {"rule": "denied", "message": "m"} if not input.time.hour == 10
  input.time.hour = 10
`},
		{"reroute", `why.list
 30 fails: every pool in input.pools { pool.training == "yes" }
  input.pools = (long)
`},
		{"allow", `why.lift
 33 fails: allow contains {"rule": "lift", "message": "m", "lifts": "list"} if input.principal.team in {"law", "research"}
  input.principal.team = "unknown"
`},
		{"speaks", ``},
		{"mask", ``},
	} {
		got, err := s.WhyNot(context.Background(), f, c.target)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(c.want, silences(got)); d != "" {
			t.Errorf("%s: %s", c.target, d)
		}
	}
	if _, err := s.WhyNot(context.Background(), f, "denny"); err == nil || !strings.Contains(err.Error(), `Did you mean "deny"?`) {
		t.Errorf("an unknown target: %v", err)
	}
}

// TestWhyNotIsBounded: an evaluation that takes very many steps is given up.
func TestWhyNotIsBounded(t *testing.T) {
	list := make([]int, 300)
	b, _ := json.Marshal(map[string][]int{"list": list})
	set, err := policies.Load(policies.Options{FS: fstest.MapFS{
		"data.json": {Data: b},
		"long.rego": {Data: []byte("package ostiary.policies.long\n\ndeny contains {\"rule\": \"r\", \"message\": \"m\"} if {\n\tsome i, a in data.list\n\tsome j, b in data.list\n\tsome k, c in data.list\n\t((a + b) + c) + ((i + j) + k) < 0\n}\n")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (policies.Study{Set: set}).WhyNot(context.Background(), policies.Example(), "deny"); err == nil || !strings.Contains(err.Error(), "too many steps") {
		t.Errorf("error %v", err)
	}
}

func TestSpokeListsWhatIsLifted(t *testing.T) {
	s := policies.Study{Set: onePolicy(t, "own", `route contains {"rule": "stay", "message": "m", "boundary": "internal", "liftable": true} if input.version == 1

allow contains {"rule": "go", "message": "m", "lifts": "stay"} if input.version == 1

deny contains {"rule": "never", "message": "m"} if input.version == 2
`)}
	rules, err := s.Spoke(context.Background(), policies.Example())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules {
		got = append(got, r.ID)
	}
	if d := gocmp.Diff([]string{"stay", "go"}, got); d != "" {
		t.Error(d)
	}
}

func TestQuery(t *testing.T) {
	s := policies.Study{Set: onePolicy(t, "own", `warn contains {"rule": "r", "message": "m"} if input.version == 1`)}
	for _, c := range []struct{ query, want string }{
		{"input.request.operation", `["chat"]`},
		{"data.ostiary.verdict.action", `["allow"]`},
		{"some pool in input.pools; pool.boundary == \"internal\"; name := pool.name", `[{"name":"house"}]`},
		{"count(data.ostiary.policies.own.warn) + 1", `[2]`},
		{"input.version == 3", `[false]`},
		{"input.findings.types.NOTHING", `[]`},
	} {
		got, err := s.Query(context.Background(), c.query, policies.Example())
		if err != nil {
			t.Fatalf("%s: %v", c.query, err)
		}
		b, _ := json.Marshal(got)
		if c.query == "some pool in input.pools; pool.boundary == \"internal\"; name := pool.name" {
			if !strings.Contains(string(b), `"name":"house"`) {
				t.Errorf("%s: %s", c.query, b)
			}
			continue
		}
		if string(b) != c.want {
			t.Errorf("%s: %s, want %s", c.query, b, c.want)
		}
	}
	for query, want := range map[string]string{
		"input.request.":              "expected identifier",
		"http.send({\"url\": \"x\"})": "http.send is not to be had in a policy",
		"time.now_ns()":               "The time of the request is in input.time",
		"to_number(\"x\")":            "eval_builtin_error",
	} {
		if _, err := s.Query(context.Background(), query, policies.Example()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", query, err, want)
		}
	}
}
