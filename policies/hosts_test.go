package policies_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

const hostsHead = "# METADATA\n# title: Names\npackage ostiary.policies.names\n\n"

func hostsDir(text string) fstest.MapFS {
	return fstest.MapFS{
		"names/names.rego": {Data: []byte(hostsHead + text)},
		"names/data.json":  {Data: []byte(`{"list": ["*.debian.org", "pypi.org"], "more": {"a.example": true}}`)},
	}
}

func loadHosts(t *testing.T, text string) *policies.Set {
	t.Helper()
	s, err := policies.Load(policies.Options{FS: hostsDir(text)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHosts(t *testing.T) {
	s := loadHosts(t, `# METADATA
# title: What the build needs
pass contains {"host": host} if some host in data.names.list

# METADATA
# title: Mirrors
pass contains {"host": concat(".", ["*", name]), "reason": sprintf("for %s", [team])} if {
	some name, _ in data.names.more
	team := helper
}

helper := "builders"

# METADATA
# title: Nothing else
refuse contains {"host": "*", "reason": "Only listed hosts."}

refuse contains {"host": "pypi.org"} if count(data.names.list) > 5
`)
	var got []string
	for _, h := range s.Hosts() {
		got = append(got, fmt.Sprintf("%s %t %q %q %s", h.Host, h.Pass, h.Reason, h.Site.Title, h.Place()))
	}
	want := []string{
		`* false "Only listed hosts." "Nothing else" names/names.rego:20`,
		`*.a.example true "for builders" "Mirrors" names/names.rego:11`,
		`*.debian.org true "" "What the build needs" names/names.rego:7`,
		`pypi.org true "" "What the build needs" names/names.rego:7`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A rule without a title is told of at start, though it gave nothing today.
	if w := strings.Join(s.Warnings(), "\n"); !strings.Contains(w, "names/names.rego:22: the rule names.refuse has no title") {
		t.Errorf("warnings: %s", w)
	}
}

// TestHostsDecideNothing: what says which names pass lets no request through.
func TestHostsDecideNothing(t *testing.T) {
	s := loadHosts(t, "# METADATA\n# title: All\npass contains {\"host\": \"*\"}\n")
	v, err := s.Decide(context.Background(), policies.Example())
	if err != nil || v.Action != proxy.Deny || len(v.Reasons) != 1 || v.Reasons[0].Rule != "no_policies" {
		t.Errorf("%+v, %v", v, err)
	}
	if w := strings.Join(s.Warnings(), "\n"); !strings.Contains(w, "every request is refused") {
		t.Errorf("warnings: %s", w)
	}
	if rules, err := (policies.Study{Set: s}).Spoke(context.Background(), policies.Example()); err != nil || len(rules) > 0 {
		t.Errorf("%v, %v", rules, err)
	}
}

func TestBadHosts(t *testing.T) {
	long := `"` + strings.Repeat("a", 64) + `.example"`
	for _, tt := range []struct{ name, text, want string }{
		{"form", `pass contains {"host": "Debian.org"}`, `names/names.rego:5:24: the host "Debian.org" is no pattern of names. Write a name`},
		{"star", `pass contains {"host": "a*.debian.org"}`, "is no pattern of names"},
		{"two stars", `pass contains {"host": "*.*.org"}`, "is no pattern of names"},
		{"address", `pass contains {"host": "10.0.0.1"}`, "is no pattern of names"},
		{"address of IPv6", `pass contains {"host": "::1"}`, "is no pattern of names"},
		{"port", `pass contains {"host": "debian.org:443"}`, "is no pattern of names"},
		{"long label", `pass contains {"host": ` + long + `}`, "is no pattern of names"},
		{"empty", `pass contains {"host": ""}`, "is no pattern of names"},
		{"key", `refuse contains {"host": "a.example", "reasn": "b"}`, `names/names.rego:5:39: a host has no key "reasn". Did you mean "reason"?`},
		{"no host", `refuse contains {"reason": "b"}`, "it names no host"},
		{"number", `refuse contains {"host": 7}`, "the host is no text"},
		{"reason", "refuse contains {\"host\": \"*\", \"reason\": \"a\\nb\"}", "the reason is empty, longer than 300 bytes, or holds control characters"},
		{"no object", `refuse contains "a.example"`, "names/names.rego:5: a member of refuse is no object"},
		{"no set", `pass := true`, "names/names.rego:5:1: pass is not a set"},
		{"map", `pass[x] := 1 if some x in data.names.list`, "pass is not a set"},
		{"input", `pass contains {"host": "a.example"} if input.mode == "observe"`, "names/names.rego:5:40: the set pass of the policy names depends on the request (input)"},
		{"input of a helper", "pass contains {\"host\": \"a.example\"} if helper\n\nhelper if other\n\nother if input.mode == \"observe\"", "names/names.rego:9:10: the set pass of the policy names depends on the request (input)"},
		{"verdict", `refuse contains {"host": "*"} if data.ostiary.verdict.action == "deny"`, "names/names.rego:5"},
		{"computed", `pass contains {"host": upper(host)} if some host in data.names.list`, `names/names.rego:5: the host "*.DEBIAN.ORG" is no pattern of names`},
		{"computed key", `pass contains {"host": "a.example", key: "b"} if some key in ["what"]`, `a host has no key`},
		{"many", `pass contains {"host": sprintf("h%s.x%s.example", [a, b])} if { some a in letters; some b in letters }` + "\n\n" + `letters := split("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,0,1,2,3,4,5,6", ",")`, "names/names.rego:5: the set pass has 1089 hosts; at most 1024 are possible"},
		{"failing", `pass contains {"host": "a.example"} if to_number("x") > 1`, "names/names.rego:5: the set pass of the policy names cannot be evaluated: eval_builtin_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := policies.Load(policies.Options{FS: hostsDir(tt.text + "\n")})
			var bad policies.Problems
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got: %v\nwant: %s", err, tt.want)
			}
			for _, p := range bad {
				if p.File != "names/names.rego" || p.Line == 0 {
					t.Errorf("no place: %+v", p)
				}
			}
		})
	}
}

// TestHostsOutsidePolicies: a set in a package that nothing reads is told of.
func TestHostsOutsidePolicies(t *testing.T) {
	dir := fstest.MapFS{"x.rego": {Data: []byte("package elsewhere\n\nrefuse contains {\"host\": \"*\"}\n")}}
	if _, err := policies.Load(policies.Options{FS: dir}); err == nil || !strings.Contains(err.Error(), "nothing reads its set refuse") {
		t.Errorf("%v", err)
	}
}

func TestHostsChangeTheRevision(t *testing.T) {
	a, b := loadHosts(t, `pass contains {"host": "a.example"}`), loadHosts(t, `pass contains {"host": "b.example"}`)
	if a.Revision() == b.Revision() {
		t.Error("other hosts, and the same revision")
	}
	cmp := policies.Compare(policies.Study{Set: a}, policies.Study{Set: b})
	if len(cmp.Hosts) != 2 || cmp.Hosts[0].Host != "a.example" || cmp.Hosts[0].After != nil || cmp.Hosts[1].Before != nil || !cmp.Hosts[1].After.Pass || cmp.Empty() || len(cmp.Helpers) > 0 {
		t.Errorf("%+v", cmp)
	}
	c := loadHosts(t, `refuse contains {"host": "a.example"}`)
	if cmp := policies.Compare(policies.Study{Set: a}, policies.Study{Set: c}); len(cmp.Hosts) != 1 || !cmp.Hosts[0].Before.Pass || cmp.Hosts[0].After.Pass {
		t.Errorf("%+v", cmp.Hosts)
	}
	// The same in another place is no change.
	d := loadHosts(t, "\n\n"+`pass contains {"host": "a.example"}`)
	if cmp := policies.Compare(policies.Study{Set: a}, policies.Study{Set: d}); !cmp.Empty() {
		t.Errorf("%+v", cmp)
	}
}

func TestLintHosts(t *testing.T) {
	remarks, err := policies.Lint(policies.Options{FS: hostsDir(`pass contains {"host": "*"}` + "\n")}, policies.LintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range remarks {
		got[r.Lint] = r.Problem.Line
	}
	if got["no-title"] != 5 || got["passes-all"] != 5 || got["no-test"] != 1 || got["unused-helper"] != 0 {
		t.Errorf("%v", remarks)
	}
}
