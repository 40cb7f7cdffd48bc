package policies_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// files makes a directory of policies.
func files(list ...policies.File) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range list {
		out[f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
	}
	return out
}

func study(t *testing.T, dir fstest.MapFS) policies.Study {
	t.Helper()
	s, err := policies.Load(policies.Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	return policies.Study{Set: s}
}

// TestWorkspaceIsGreen: the directory that authors begin with, and the policy of
// exceptions beside it, pass their unit tests, are laid out and have no remark.
func TestWorkspaceIsGreen(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	dir := files(policies.Workspace(now)...)
	for _, f := range policies.ExceptionFiles() {
		dir["exceptions/"+f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
	}
	dir["exceptions/data.json"] = &fstest.MapFile{Data: []byte(`{"list": []}`)}
	o := policies.Options{FS: dir}
	meter := policies.NewMeter()
	results, err := policies.TestMeasured(context.Background(), o, meter)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 27 {
		t.Errorf("only %d unit tests ran", len(results))
	}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("%s:%d %s failed: %q %s", r.File, r.Line, r.Name, r.Cases, r.Error)
		}
	}
	s := study(t, dir)
	c, err := s.Coverage(meter)
	if err != nil || c.Percent != 100 {
		t.Errorf("the unit tests cover %.1f %%: %+v, %v", c.Percent, c.Files, err)
	}
	list, err := policies.Format(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		t.Errorf("not laid out:\n%s", f.Diff)
	}
	remarks, err := policies.Lint(o, policies.LintOptions{Now: now})
	if err != nil || len(remarks) > 0 {
		t.Errorf("remarks %+v, %v", remarks, err)
	}
	survey, err := s.Survey(context.Background())
	if err != nil || len(survey.Undecided) > 0 || survey.Tried < 1000 {
		t.Errorf("survey %+v, %v", survey, err)
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	if d := s.Describe(); d[0].Owner != "security" || d[3].Expires != "2027-11-24" || d[3].Owner != "finance" {
		t.Errorf("the metadata: %+v", d)
	}
}

// TestSurveyTriesWhatRulesCompare: a failure that only one value of one fact
// shows is found.
func TestSurveyTriesWhatRulesCompare(t *testing.T) {
	fail := func(condition string) policies.Study {
		return study(t, files(policies.File{Path: "a.rego", Text: fmt.Sprintf(`package ostiary.policies.a

deny contains {"rule": "r", "message": sprintf("%%d", [to_number(input.request.model)])} if %s
`, condition)}))
	}
	for condition, edge := range map[string]string{
		`input.principal.team == "law"`:                          `input.principal.team = "law"`,
		`"law" == input.principal.team`:                          `input.principal.team = "law"`,
		`input.principal.application in {"hr", "billing"}`:       `input.principal.application = "billing"`,
		`input.request.tokens == 4097`:                           `input.request.tokens = 4097`,
		`{ input.request.tools > 41; input.request.tools < 43 }`: `input.request.tools = 42`,
		`input.findings.groups.health.at_least.possible > 0`:     `finding of health, possible`,
		`count(input.pools) == 0`:                                `no pool`,
		`input.opaque.kinds.audio > 0`:                           `opaque audio`,
		`input.uninspected.reasons.budget > 0`:                   `not inspected: budget`,
		`input.time.weekday == "sunday"`:                         `sunday night`,
	} {
		got, err := fail(condition).Survey(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Undecided) != 1 || len(got.Undecided[0].Edges) != 1 || got.Undecided[0].Edges[0] != edge || got.Undecided[0].Count < got.Edges/2 {
			t.Errorf("%s: %+v, want the edge %q", condition, got.Undecided, edge)
		}
	}
	// Two facts together.
	got, err := fail(`{ input.opaque.count > 0; input.request.operation == "embeddings" }`).Survey(context.Background())
	if err != nil || len(got.Undecided) != 1 || len(got.Undecided[0].Edges) != 2 {
		t.Errorf("%+v, %v", got.Undecided, err)
	}
	// A conflict.
	s := study(t, files(policies.File{Path: "a.rego", Text: `package ostiary.policies.a

deny contains {"rule": "r", "message": "m"} if level > 1

level := 1 if input.request.stream

level := 2 if input.request.tools > 0
`}))
	got, err = s.Survey(context.Background())
	if err != nil || len(got.Undecided) != 1 || !strings.Contains(got.Undecided[0].Error, "eval_conflict_error") {
		t.Errorf("%+v, %v", got.Undecided, err)
	}
}

func TestCompare(t *testing.T) {
	base := policies.File{Path: "a.rego", Text: `package ostiary.policies.a

# METADATA
# title: R
deny contains {"rule": "r", "message": "m"} if over(1)

over(n) if input.request.tokens > n
`}
	change := func(old, by string) policies.Comparison {
		t.Helper()
		if !strings.Contains(base.Text, old) {
			t.Fatalf("%q is not in the policy", old)
		}
		return policies.Compare(study(t, files(base)), study(t, files(policies.File{Path: "b.rego", Text: strings.Replace(base.Text, old, by, 1)})))
	}
	if c := change(" if over(1)", " if {\n\t# moved\n\tover(1)\n}"); !c.Empty() {
		t.Errorf("layout, comments and files count: %+v", c)
	}
	for _, x := range []struct{ old, by, what string }{
		{"over(1)", "over(2)", "rule"},
		{`"message": "m"`, `"message": "n"`, "rule"},
		{"deny contains", "warn contains", "set,rule"},
		{"title: R", "title: S", "title"},
		{"# title: R", "# title: R\n# description: d", "description"},
		{"# title: R", "# title: R\n# custom:\n#   owner: o\n#   expires: 2027-01-01", "owner,expires"},
		{"package", "# METADATA\n# custom:\n#   owner: o\npackage", "owner"},
	} {
		c := change(x.old, x.by)
		if len(c.Changed) != 1 || strings.Join(c.Changed[0].What, ",") != x.what || len(c.Added)+len(c.Removed)+len(c.Helpers)+len(c.Data) != 0 {
			t.Errorf("%q by %q: %+v", x.old, x.by, c)
		}
	}
	if c := change("tokens > n", "tokens >= n"); len(c.Helpers) != 1 || c.Helpers[0].Name != "ostiary.policies.a.over" || len(c.Changed) != 0 {
		t.Errorf("a helper: %+v", c)
	}
	if c := change(`"rule": "r"`, `"rule": "s"`); len(c.Added) != 1 || len(c.Removed) != 1 || c.Added[0].Rule.ID != "s" || c.Removed[0].Rule.ID != "r" {
		t.Errorf("another id: %+v", c)
	}
	a := study(t, files(base, policies.File{Path: "x/data.json", Text: `{"n": 1, "list": ["a"], "o": {"k": true}}`}))
	b := study(t, files(base, policies.File{Path: "x/data.json", Text: `{"n": 2, "list": ["a"], "o": {"l": null}}`}))
	var paths []string
	c := policies.Compare(a, b)
	for _, d := range c.Data {
		paths = append(paths, fmt.Sprintf("%s %s %s", d.Path, d.Before, d.After))
	}
	if d := cmp.Diff([]string{"data.x.n 1 2", "data.x.o.k true null"}, paths); d != "" {
		t.Error(d)
	}
}

func TestUsage(t *testing.T) {
	s := study(t, files(policies.File{Path: "a.rego", Text: `package ostiary.policies.a

deny contains {"rule": "health", "message": "m"} if input.findings.groups.health.count > 0

warn contains {"rule": "listed", "message": "m"} if {
	some name in data.a.names
	input.findings.types[name].count > 0
}
`}, policies.File{Path: "a/data.json", Text: `{"names": ["LISTED"]}`}))
	m := policies.NewMeter()
	for _, typ := range []string{"HEALTHY", "LISTED", "OTHER", "OTHER"} {
		f := policies.Example()
		policies.Add(f, typ, map[string][]string{"HEALTHY": {"health"}, "LISTED": {"network"}, "OTHER": {"location", "network"}}[typ], "user", proxy.Likely)
		if err := s.Count(context.Background(), f, m); err != nil {
			t.Fatal(err)
		}
	}
	u := s.Usage(m)
	if u.Facts != 4 || u.Rules[0].Hits != 1 || u.Rules[1].Hits != 1 {
		t.Errorf("%+v", u)
	}
	if d := cmp.Diff([]policies.Unspoken{{Type: "OTHER", Groups: []string{"location", "network"}, Facts: 2}}, u.Unmentioned); d != "" {
		t.Error(d)
	}
}

func TestBench(t *testing.T) {
	s := study(t, files(policies.File{Path: "a.rego", Text: `package ostiary.policies.a

deny contains {"rule": "embeddings", "message": "m"} if input.request.operation == "embeddings"

deny contains {"rule": "large", "message": "m"} if input.request.tokens > 100000

deny contains {"rule": "card", "message": "m"} if input.findings.types.CREDIT_CARD.count > 0
`}))
	set, rules, err := s.Bench(context.Background(), nil, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if set.Runs < 64 || set.P50 <= 0 || set.P99 < set.P50 {
		t.Errorf("%+v", set)
	}
	var got []string
	for _, r := range rules {
		got = append(got, fmt.Sprint(r.Rule.ID, " ", r.Indexed, " ", r.P50 > 0))
	}
	if d := cmp.Diff([]string{"embeddings true true", "large false true", "card true true"}, got); d != "" {
		t.Error(d)
	}
	// What cannot be decided cannot be timed.
	bad := study(t, files(policies.File{Path: "a.rego", Text: "package ostiary.policies.a\n\ndeny contains {\"rule\": \"r\", \"message\": \"m\"} if to_number(input.request.model) > 0\n"}))
	if _, _, err := bad.Bench(context.Background(), nil, time.Millisecond); err == nil {
		t.Error("an undecided request was timed")
	}
}

func TestUnified(t *testing.T) {
	lines := func(n int, change map[int]string) string {
		var b strings.Builder
		for i := 1; i <= n; i++ {
			if s, ok := change[i]; ok {
				b.WriteString(s)
				continue
			}
			fmt.Fprintf(&b, "%d\n", i)
		}
		return b.String()
	}
	for _, c := range []struct{ name, a, b, want string }{
		{"nothing", "a\n", "a\n", ""},
		{"all new", "", "a\nb\n", "--- f\n+++ f\n@@ -1,0 +1,2 @@\n+a\n+b\n"},
		{"one line", lines(9, nil), lines(9, map[int]string{5: "x\n"}), "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"two far apart", lines(20, nil), lines(20, map[int]string{2: "", 18: "x\ny\n"}),
			"--- f\n+++ f\n@@ -1,5 +1,4 @@\n 1\n-2\n 3\n 4\n 5\n@@ -15,6 +14,7 @@\n 15\n 16\n 17\n-18\n+x\n+y\n 19\n 20\n"},
		{"two near", lines(9, nil), lines(9, map[int]string{3: "x\n", 7: ""}),
			"--- f\n+++ f\n@@ -1,9 +1,8 @@\n 1\n 2\n-3\n+x\n 4\n 5\n 6\n-7\n 8\n 9\n"},
		{"no end of line", "a\nb", "a\nb\n", "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"},
	} {
		if d := cmp.Diff(c.want, policies.Unified("f", c.a, c.b)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	// Very long texts that have nothing in common are replaced whole.
	a, b := strings.Repeat("a\n", 3000), strings.Repeat("b\n", 3000)
	if got := policies.Unified("f", a, b); strings.Count(got, "\n-a") != 3000 || strings.Count(got, "\n+b") != 3000 {
		t.Error("lines are missing")
	}
}

func TestOver(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct {
		day, now string
		over, ok bool
	}{
		{"2027-06-30", "2027-06-30T23:59:59Z", false, true},
		{"2027-06-30", "2027-07-01T00:00:00Z", true, true},
		{"2027-06-30", "2027-07-01T00:30:00+01:00", false, true},
		{"2027-6-30", "2027-07-01T00:00:00Z", false, false},
		{"", "2027-07-01T00:00:00Z", false, false},
	} {
		if over, ok := policies.Over(c.day, at(c.now)); over != c.over || ok != c.ok {
			t.Errorf("%s at %s: %t, %t", c.day, c.now, over, ok)
		}
	}
}

// TestFixturesAreNoData: files of fixtures and schemas do not warn, and do not
// change the revision.
func TestFixturesAreNoData(t *testing.T) {
	a := policies.File{Path: "a.rego", Text: "package ostiary.policies.a\n\n# METADATA\n# title: R\ndeny contains {\"rule\": \"r\", \"message\": \"m\"} if input.version == 2\n"}
	one := study(t, files(a))
	two := study(t, files(a, policies.File{Path: "fixtures/a.yaml", Text: "- x"}, policies.File{Path: "a/fixtures/b.json", Text: "[]"}, policies.File{Path: "schemas/facts.json", Text: "{}"}))
	if w := two.Warnings(); len(w) > 0 || one.Revision() != two.Revision() {
		t.Errorf("warnings %q, revisions %s and %s", w, one.Revision(), two.Revision())
	}
	if w := study(t, files(a, policies.File{Path: "a/other.json", Text: "{}"})).Warnings(); len(w) != 1 {
		t.Errorf("a file that is not read is passed over: %q", w)
	}
}

// applied makes the second text of the first and a unified difference.
func applied(a, diff string) (string, error) {
	if diff == "" {
		return a, nil
	}
	old := strings.SplitAfter(a, "\n")
	if n := len(old); old[n-1] == "" {
		old = old[:n-1]
	}
	var out strings.Builder
	at := 0
	lines := strings.SplitAfter(diff, "\n")
	for i := 2; i < len(lines) && lines[i] != ""; i++ {
		line := lines[i]
		ended := i+1 < len(lines) && strings.HasPrefix(lines[i+1], `\ No newline`)
		text := line[1:]
		if ended {
			text = strings.TrimSuffix(text, "\n")
		}
		switch line[0] {
		case '@':
			var from, n, to, m int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &from, &n, &to, &m); err != nil {
				return "", err
			}
			for ; at < from-1; at++ {
				out.WriteString(old[at])
			}
			continue
		case '\\':
			continue
		case '+':
			out.WriteString(text)
			continue
		case ' ':
			out.WriteString(text)
		}
		if at >= len(old) || old[at] != text {
			return "", fmt.Errorf("line %d is not %q", at+1, text)
		}
		at++
	}
	for ; at < len(old); at++ {
		out.WriteString(old[at])
	}
	return out.String(), nil
}

// FuzzUnified: a difference, applied to the first text, gives the second.
func FuzzUnified(f *testing.F) {
	f.Add("", "a\n")
	f.Add("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "a\nB\nc\nd\ne\nf\ng\nh\ni\nJ")
	f.Add("a\n\n\nb", "\n\n\n\nb")
	f.Add("x\nx\nx\ny\nx\nx\n", "x\ny\nx\nx\nx\nx\nx\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		diff := policies.Unified("f", a, b)
		got, err := applied(a, diff)
		if err != nil || got != b {
			t.Errorf("%q and %q: %v\n%s", a, b, err, diff)
		}
	})
}
