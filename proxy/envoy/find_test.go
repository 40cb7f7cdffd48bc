package envoy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/func-e/api"
)

// fakeEnvoy writes a program that tells a version and nothing else.
func fakeEnvoy(t *testing.T, path, version string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho\necho \"envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/" + version + "/Clean/RELEASE/BoringSSL\"\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	named := fakeEnvoy(t, at("named/envoy"), "1.41.2")
	variable := fakeEnvoy(t, at("variable/envoy"), "1.40.1")
	path := fakeEnvoy(t, at("bin/envoy"), "1.40.0")
	old := fakeEnvoy(t, at("old/envoy"), "1.39.9")
	debug := fakeEnvoy(t, at("debug/envoy"), "1.42.0-dev")
	fetchedOld := fakeEnvoy(t, at("cache/envoy-versions/1.9.0/bin/envoy"), "1.9.0")
	fetched := fakeEnvoy(t, at("cache/envoy-versions/1.40.3/bin/envoy"), "1.40.3")
	fakeEnvoy(t, at("cache/envoy-versions/1.40.2/bin/envoy"), "1.40.2")
	funce := fakeEnvoy(t, at("home/.local/share/func-e/envoy-versions/1.40.0/bin/envoy"), "1.40.0")
	broken := at("broken/envoy")
	if err := os.MkdirAll(at("broken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_ = fetchedOld
	for _, c := range []struct {
		name string
		o    FindOptions
		env  map[string]string
		want string // path, or
		err  string // part of the error
	}{
		{"explicit", FindOptions{Path: named}, map[string]string{Variable: variable, "PATH": at("bin")}, named, ""},
		{"variable before PATH", FindOptions{}, map[string]string{Variable: variable, "PATH": at("bin")}, variable, ""},
		{"PATH before what was fetched", FindOptions{CacheDir: at("cache")}, map[string]string{"PATH": "relative:" + at("none") + ":" + at("bin")}, path, ""},
		{"the newest that was fetched", FindOptions{CacheDir: at("cache")}, map[string]string{"HOME": at("home")}, fetched, ""},
		{"func-e's own", FindOptions{CacheDir: at("none")}, map[string]string{"HOME": at("home")}, funce, ""},
		{"an old one in PATH is passed over", FindOptions{CacheDir: at("cache")}, map[string]string{"PATH": at("old")}, fetched, ""},
		{"a development build", FindOptions{Path: debug}, nil, debug, ""},
		{"explicit but old", FindOptions{Path: old}, nil, "", "1.39.9; 1.40.0 or later"},
		{"variable but old", FindOptions{CacheDir: at("cache")}, map[string]string{Variable: old}, "", "named by " + Variable},
		{"explicit but missing", FindOptions{Path: at("missing")}, nil, "", "cannot be run"},
		{"explicit but broken", FindOptions{Path: broken}, nil, "", "cannot be run"},
		{"none", FindOptions{CacheDir: at("none")}, map[string]string{"PATH": at("old"), "HOME": at("none")}, "", "1.39.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Getenv = func(n string) string { return c.env[n] }
			b, err := Find(t.Context(), c.o)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				if c.name == "none" && !errors.Is(err, ErrNoEnvoy) {
					t.Errorf("%v is not ErrNoEnvoy", err)
				}
				return
			}
			if err != nil || b.Path != c.want || b.Version == "" {
				t.Errorf("%+v %v, want %s", b, err, c.want)
			}
		})
	}
}

func TestFetchUsesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "envoy-versions", PinnedVersion, "bin", "envoy")
	calls := 0
	o := FetchOptions{CacheDir: dir, Run: func(_ context.Context, args []string, _ ...api.RunOption) error {
		calls++
		if !slices.Equal(args, []string{"--version"}) {
			t.Errorf("run with %q", args)
		}
		fakeEnvoy(t, path, PinnedVersion)
		return nil
	}}
	for range 2 {
		if b, err := Fetch(t.Context(), o); err != nil || b.Path != path || b.Version != PinnedVersion {
			t.Fatalf("%+v %v", b, err)
		}
	}
	if calls != 1 {
		t.Errorf("downloaded %d times", calls)
	}
	// A download that fails leaves nothing that could be taken for an Envoy.
	o.Version, o.Run = "1.41.0", func(context.Context, []string, ...api.RunOption) error {
		fakeEnvoy(t, filepath.Join(dir, "envoy-versions", "1.41.0", "bin", "envoy"), "1.41.0")
		return errors.New("expected SHA-256 sum")
	}
	if _, err := Fetch(t.Context(), o); err == nil {
		t.Error("a wrong sum is taken")
	}
	if _, err := os.Stat(filepath.Join(dir, "envoy-versions", "1.41.0")); !errors.Is(err, os.ErrNotExist) {
		t.Error("what was not verified is left in the cache")
	}
	o.Version = "1.39.0"
	if _, err := Fetch(t.Context(), o); err == nil || !strings.Contains(err.Error(), "or later") {
		t.Errorf("an old version: %v", err)
	}
}

func TestChildEnvironment(t *testing.T) {
	got := childEnv([]string{"PATH=/bin", "OPENAI_API_KEY=k", "HOME=/h", "ANTHROPIC_API_KEY=k", "RES_OPTIONS=x"})
	if !slices.Equal(got, []string{"PATH=/bin", "HOME=/h", "RES_OPTIONS=x"}) {
		t.Errorf("%q", got)
	}
}
