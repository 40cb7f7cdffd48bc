package policies_test

import (
	"testing"
	"context"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

func TestX(t *testing.T) {
	s, err := policies.Load(policies.Options{})
	if err != nil { t.Fatal(err) }
	t.Log(s.Warnings(), s.Revision(), s.Policies())
	f := policies.Example()
	v, err := s.Decide(context.Background(), f)
	t.Log(v, err)
	l := proxy.Levels{Likely:1,Possible:1,Unlikely:1,VeryUnlikely:1}
	f.Findings.Groups["personal"]=proxy.Tally{AtLeast:l,Count:1,Groups:[]string{"personal"},Roles: map[string]proxy.Levels{"user":l}}
	v, err = s.Decide(context.Background(), f)
	t.Log(v, err)
}

func BenchmarkDecide(b *testing.B) {
	s, err := policies.Load(policies.Options{})
	if err != nil { b.Fatal(err) }
	f := policies.Example()
	b.ReportAllocs()
	ctx, c := context.WithCancel(context.Background()); defer c()
	for b.Loop() {
		if _, err := s.Decide(ctx, f); err != nil { b.Fatal(err) }
	}
}
