package weaken_test

import (
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// TestEachWeakeningChangesSomething, and the bootstrap it is applied to stays.
func TestEachWeakeningChangesSomething(t *testing.T) {
	b, err := envoy.Bootstrap(envoy.Spec{
		Listen: "127.0.0.1:8484", Socket: "/run/p.sock", Admin: "/run/a.sock", AccessLog: "/dev/stdout", PoolsDigest: "d",
		Upstreams: []envoy.Upstream{{Name: "cloud", URL: "http://127.0.0.1:9001", Credential: envoy.Credential{Mode: envoy.PoolCredential, Header: "authorization", Secret: "s"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := proto.Clone(b).(*bootstrapv3.Bootstrap)
	for name, w := range map[string]weaken.Weakening{
		"OpenRoute": weaken.OpenRoute("cloud"), "NoRBAC": weaken.NoRBAC(), "NoPhase": weaken.NoPhase(), "NoExtProc": weaken.NoExtProc(),
		"DisabledOnRoutes": weaken.DisabledOnRoutes(), "FailOpenOnRoutes": weaken.FailOpenOnRoutes(), "FailOpen": weaken.FailOpen(),
		"BodyNone": weaken.BodyNone(), "BodyStreamed": weaken.BodyStreamed(), "AnyOverride": weaken.AnyOverride(), "QuietMutations": weaken.QuietMutations(),
		"ShortTimeout": weaken.ShortTimeout(&durationpb.Duration{Seconds: 1}), "Trailers": weaken.Trailers(), "UnequalLimits": weaken.UnequalLimits(),
		"ForgedHeaders": weaken.ForgedHeaders(), "ApplicationCredentials": weaken.ApplicationCredentials(), "WithoutCredential": weaken.WithoutCredential("cloud"),
		"Upgrades": weaken.Upgrades(), "DefaultReplies": weaken.DefaultReplies(), "PoolsDigest": weaken.PoolsDigest("other"),
	} {
		got, err := weaken.Apply(b, w)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if proto.Equal(got, whole) {
			t.Errorf("%s changes nothing", name)
		}
		if !proto.Equal(b, whole) {
			t.Fatalf("%s changes the original", name)
		}
	}
	for name, w := range map[string]weaken.Weakening{"route": weaken.OpenRoute("nobody"), "credential": weaken.WithoutCredential("nobody")} {
		if _, err := weaken.Apply(b, w); err == nil {
			t.Errorf("the %s of a pool that is not there was weakened", name)
		}
	}
	if _, err := weaken.Apply(b, weaken.NoRBAC(), weaken.NoRBAC()); err == nil {
		t.Error("what is gone was taken away again")
	}
}
