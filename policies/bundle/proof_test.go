package bundle_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/proxy"
)

// passing is a test that holds, failing one that does not.
const (
	passing = "package house_test\n\ntest_one if true\n"
	failing = "package house_test\n\ntest_one if 1 == 2\n"
)

// crashing is a policy that fails on facts with many findings: a rule and a
// function that gives two values.
const crashing = `package ostiary.policies.house

# METADATA
# title: Everything is refused
deny contains {"rule": "all", "message": "x"} if level(input.request.bytes) > 0

level(n) := 1 if n >= 0
level(n) := 2 if n > 100000
`

// dear is a policy that takes its time: n³ steps.
func dear(n int) string {
	list := strings.Repeat("1, ", n)
	return `package ostiary.policies.house

l := [` + list + `1]

# METADATA
# title: Everything is refused
deny contains {"rule": "all", "message": "x"} if count([1 | some a in l; some b in l; some c in l; a + b + c + input.request.bytes > 0]) > 0
`
}

func TestAdmit(t *testing.T) {
	key, other := newSigner(t, "release"), newSigner(t, "release")
	older := newSigner(t, "older")
	plain := build(t, bundle.Signer{}, "house/house.rego", rules("v1"))
	signed := build(t, key.Signer, "house/house.rego", rules("v1"), "house/data.json", `{"list": [1]}`)
	many := []string{}
	for i := range 4200 {
		many = append(many, "f"+strconv.Itoa(i)+".rego", "package a")
	}
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	_, _ = z.Write(archiveHead(t, bundle.SizeLimit*2))
	for range bundle.SizeLimit * 2 >> 20 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	large := make([]*proxy.Facts, 120)
	for i := range large {
		large[i] = policies.Example()
		large[i].Request.Bytes = 200_000 + i
	}
	quick, err := policies.Load(policies.Options{FS: fstest.MapFS{"a.rego": {Data: []byte(rules("v0"))}}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		bytes []byte
		proof bundle.Proof
		want  bundle.Word // empty: admitted
	}{
		{name: "plain, no keys", bytes: plain},
		{name: "signed", bytes: signed, proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{key.public}}}},
		{name: "signed, no keys", bytes: signed},
		{name: "signed by one of two keys", bytes: signed, proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{older.public, key.public}}}},
		{name: "unsigned", bytes: plain, proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{key.public}}}, want: bundle.Unsigned},
		{name: "another key of the same id", bytes: signed, proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{other.public}}}, want: bundle.WrongKey},
		{name: "a key without an id", bytes: signed, proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{{PEM: key.public.PEM, Algorithm: "ES256"}}}}, want: bundle.WrongKey},
		{name: "a policy changed after signing", bytes: altered(t, signed, "/house/house.rego", rules("v2")), proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{key.public}}}, want: bundle.WrongKey},
		{name: "data changed after signing", bytes: altered(t, signed, "/data.json", `{"house": {"list": [1, 2]}}`), proof: bundle.Proof{Options: policies.Options{Keys: []policies.Key{key.public}}}, want: bundle.WrongKey},
		{name: "not an archive", bytes: []byte("<html>error</html>"), want: bundle.NotABundle},
		{name: "gzip, and no archive", bytes: zipped(t, strings.Repeat("no archive ", 100)), want: bundle.NotABundle},
		{name: "cut", bytes: signed[:len(signed)/2], want: bundle.Truncated},
		{name: "too many files", bytes: archive(t, many...), want: bundle.Oversized},
		{name: "unpacks to more than it may", bytes: bomb.Bytes(), want: bundle.Oversized},
		{name: "does not parse", bytes: archive(t, "a.rego", "package ostiary.policies.a\ndeny contains"), want: bundle.Invalid},
		{name: "asks the clock", bytes: archive(t, "a.rego", "package ostiary.policies.a\ndeny contains {\"rule\": \"a\", \"message\": \"m\"} if time.now_ns() > 0"), want: bundle.Invalid},
		{name: "holds nothing", bytes: archive(t, "data.json", "{}"), want: bundle.Incomplete},
		{name: "lacks what is expected", bytes: plain, proof: bundle.Proof{Options: policies.Options{Expected: []string{"residency"}}}, want: bundle.Incomplete},
		{name: "tests pass", bytes: build(t, bundle.Signer{}, "a.rego", rules("v1"), "a_test.rego", passing)},
		{name: "tests fail", bytes: build(t, bundle.Signer{}, "a.rego", rules("v1"), "a_test.rego", failing), want: bundle.TestsFailed},
		{name: "undecided on recorded facts", bytes: build(t, bundle.Signer{}, "a.rego", crashing), proof: bundle.Proof{Facts: large}, want: bundle.Undecided},
		{name: "undecided on facts that it is not shown", bytes: build(t, bundle.Signer{}, "a.rego", crashing)},
		{name: "slow", bytes: build(t, bundle.Signer{}, "a.rego", dear(12)), proof: bundle.Proof{Facts: large, Live: quick}, want: bundle.Slow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "b.tar.gz")
			if err := os.WriteFile(file, tt.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			set, err := tt.proof.Admit(context.Background(), file)
			if tt.want != "" {
				wantWord(t, err, tt.want)
				return
			}
			if err != nil || len(set.Policies()) != 1 {
				t.Fatalf("not admitted: %v", err)
			}
		})
	}
}

// Facts on which the policies in force decide nothing either do not speak
// against a bundle.
func TestUndecidedBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, build(t, bundle.Signer{}, "a.rego", crashing), 0o600); err != nil {
		t.Fatal(err)
	}
	live, err := policies.Load(policies.Options{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	f := policies.Example()
	f.Request.Bytes = 200_000
	p := bundle.Proof{Live: live, Facts: []*proxy.Facts{f}}
	if _, err := p.Admit(context.Background(), file); err != nil {
		t.Error(err)
	}
}

func TestAdmitEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, build(t, bundle.Signer{}, "a.rego", rules("v1")), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := bundle.Proof{}
	if _, err := p.Admit(ctx, file); err == nil {
		t.Error("admitted although the context had ended")
	}
}

// What Build makes of a directory has the same revision wherever it is built, and
// decides as the directory does; hidden files and fixtures are not in it.
func TestBuild(t *testing.T) {
	key := newSigner(t, "release")
	b := build(t, key.Signer, "house/house.rego", rules("v1"), "house/data.json", `{"n": 1}`, "house/fixtures/a.json", `{"text": "not for the bundle"}`,
		".git/config.rego", "package x", "house/README.md", "not for the bundle")
	for _, s := range []string{"fixtures", "README", ".git"} {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		if _, err := all.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(all.String(), s) {
			t.Errorf("the bundle holds %s", s)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "house.rego"), []byte(rules("v1")), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]bundle.Signer{
		"has no public key":       {ID: "a", PEM: key.PEM, Algorithm: "HS256"},
		"needs a key and its id":  {PEM: key.PEM, Algorithm: "ES256"},
		"is not PEM":              {ID: "a", PEM: "/etc/hostname", Algorithm: "ES256"},
		"with this key and RS256": {ID: "a", PEM: key.PEM, Algorithm: "RS256"},
	} {
		if _, err := bundle.Build(policies.Options{Path: dir}, "", s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func zipped(t *testing.T, s string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// archiveHead is the head of a file of that size in an archive.
func archiveHead(t *testing.T, size int) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive(t, "big.rego", "")))
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 512)
	if _, err := z.Read(head); err != nil {
		t.Fatal(err)
	}
	copy(head[124:136], []byte(leftPad(strconv.FormatInt(int64(size), 8), 11)+"\x00"))
	copy(head[148:156], "        ")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:156], []byte(leftPad(strconv.FormatInt(int64(sum), 8), 6)+"\x00 "))
	return head
}

func leftPad(s string, n int) string { return strings.Repeat("0", n-len(s)) + s }

// BenchmarkAdmit proves a small bundle beside the shipped policies on as many recorded facts as are
// tried, all of them different.
func BenchmarkAdmit(b *testing.B) {
	body := build(b, bundle.Signer{}, "a.rego", rules("v1"))
	file := filepath.Join(b.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.Fatal(err)
	}
	live, err := policies.Load(policies.Options{})
	if err != nil {
		b.Fatal(err)
	}
	facts := make([]*proxy.Facts, bundle.FactsMost)
	for i := range facts {
		facts[i] = policies.Example()
		facts[i].Findings.Types["EMAIL_ADDRESS"] = proxy.Tally{Count: i + 1}
	}
	p := bundle.Proof{Live: live, Facts: facts}
	for b.Loop() {
		if _, err := p.Admit(context.Background(), file); err != nil {
			b.Fatal(err)
		}
	}
}
