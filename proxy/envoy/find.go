package envoy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tetratelabs/func-e/api"
)

// Binary is an Envoy that can be used.
type Binary struct {
	Path    string // absolute
	Version string // such as 1.40.0
}

// Versions of Envoy. Before 1.39, a failure to create the gRPC client was
// fail-open whatever was configured, and 1.40 mended use after free in it.
const (
	MinVersion    = "1.40.0"
	PinnedVersion = "1.40.0" // what Fetch downloads: the version the locks were tested with
)

// Variable names an Envoy in the environment.
const Variable = "OSTIARY_ENVOY"

// versionTimeout is how long a binary may take to tell its version.
const versionTimeout = 20 * time.Second

// ErrNoEnvoy means that there is no Envoy on this machine that could be used;
// the embedded data plane or [Fetch] is the remedy.
var ErrNoEnvoy = errors.New("envoy: no Envoy " + MinVersion + " or later was found; name one, put one into PATH or fetch one")

// FindOptions say where to look.
type FindOptions struct {
	Path     string                   // explicit; nothing else is looked at then
	Getenv   func(name string) string // nil means os.Getenv
	CacheDir string                   // where Fetch puts them; empty means CacheDir()
	DataHome string                   // func-e's own; empty means its default, ~/.local/share/func-e
}

// CacheDir is where Fetch keeps Envoy by default.
func CacheDir() (string, error) {
	d, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("envoy: there is no cache directory: %w", err)
	}
	return filepath.Join(d, "ostiary", "envoy"), nil
}

// Find gives the first Envoy of: the explicit path, OSTIARY_ENVOY, PATH, what
// was fetched before, func-e's own. One that was named but cannot be used, or
// is too old, is an error; of the others, what is too old is passed over.
// Where nothing is found the error is [ErrNoEnvoy].
func Find(ctx context.Context, o FindOptions) (Binary, error) {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	if o.Path != "" {
		return use(ctx, o.Path)
	}
	if p := getenv(Variable); p != "" {
		b, err := use(ctx, p)
		if err != nil {
			return Binary{}, fmt.Errorf("%w (named by %s)", err, Variable)
		}
		return b, nil
	}
	var passed error
	for _, p := range append(inPath(getenv("PATH")), fetched(o, getenv("HOME"))...) {
		b, err := use(ctx, p)
		if err == nil {
			return b, nil
		}
		passed = errors.Join(passed, err)
	}
	return Binary{}, errors.Join(ErrNoEnvoy, passed)
}

// inPath looks for envoy in the directories of a PATH.
func inPath(path string) []string {
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // as os/exec does: nothing from the working directory by accident
		}
		p := filepath.Join(dir, "envoy")
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return []string{p}
		}
	}
	return nil
}

// fetched lists what was downloaded before, newest version first.
func fetched(o FindOptions, home string) []string {
	cache := o.CacheDir
	if cache == "" {
		cache, _ = CacheDir()
	}
	data := o.DataHome
	if data == "" && home != "" {
		data = filepath.Join(home, ".local", "share", "func-e")
	}
	var out []string
	for _, dir := range []string{cache, data} {
		if dir == "" {
			continue
		}
		found, _ := filepath.Glob(filepath.Join(dir, versionsDir, "*", "bin", "envoy"))
		slices.SortFunc(found, func(a, b string) int {
			return compareVersions(filepath.Base(filepath.Dir(filepath.Dir(b))), filepath.Base(filepath.Dir(filepath.Dir(a))))
		})
		out = append(out, found...)
	}
	return out
}

var versionLine = regexp.MustCompile(`version: [0-9a-f]+/([0-9]+\.[0-9]+\.[0-9]+)(-[a-z]+)?/`)

// use asks a binary for its version.
func use(ctx context.Context, path string) (Binary, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Binary{}, fmt.Errorf("envoy: %s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, abs, "--version")
	cmd.Env = childEnv(os.Environ())
	out, err := cmd.Output()
	if err != nil {
		return Binary{}, fmt.Errorf("envoy: %s cannot be run: %w", abs, err)
	}
	m := versionLine.FindSubmatch(bytes.TrimSpace(out))
	if m == nil {
		return Binary{}, fmt.Errorf("envoy: %s does not tell an Envoy version", abs)
	}
	b := Binary{Path: abs, Version: string(m[1])}
	if compareVersions(b.Version, MinVersion) < 0 {
		return Binary{}, fmt.Errorf("envoy: %s is version %s; %s or later is needed: older ones can let requests pass uninspected", abs, b.Version, MinVersion)
	}
	return b, nil
}

func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if c := cmp.Compare(part(as, i), part(bs, i)); c != 0 {
			return c
		}
	}
	return 0
}

func part(p []string, i int) int {
	if i >= len(p) {
		return 0
	}
	n, err := strconv.Atoi(p[i])
	if err != nil {
		return -1
	}
	return n
}

// versionsDir is where func-e puts versions below its data home.
const versionsDir = "envoy-versions"

// FetchOptions say what to download and from where.
type FetchOptions struct {
	// Run is func_e.Run of github.com/tetratelabs/func-e, which downloads,
	// checks the SHA-256 sum that the listing names, and unpacks.
	Run         api.RunFunc
	Version     string // empty means PinnedVersion
	VersionsURL string // of the listing; empty means func-e's, https://archive.tetratelabs.io/envoy/envoy-versions.json
	CacheDir    string // empty means CacheDir()
}

// Fetch downloads an Envoy, unless it is there already, and gives it. Progress
// is not shown. The listing is trusted as far as its TLS connection.
func Fetch(ctx context.Context, o FetchOptions) (Binary, error) {
	if o.Run == nil {
		return Binary{}, errors.New("envoy: fetching needs the func-e library")
	}
	version := cmp.Or(o.Version, PinnedVersion)
	if compareVersions(version, MinVersion) < 0 {
		return Binary{}, fmt.Errorf("envoy: version %s cannot be fetched: %s or later is needed", version, MinVersion)
	}
	cache := o.CacheDir
	if cache == "" {
		var err error
		if cache, err = CacheDir(); err != nil {
			return Binary{}, err
		}
	}
	path := filepath.Join(cache, versionsDir, version, "bin", "envoy")
	if b, err := use(ctx, path); err == nil {
		return b, nil
	}
	// What a broken download left would be taken for the whole.
	if err := os.RemoveAll(filepath.Join(cache, versionsDir, version)); err != nil {
		return Binary{}, fmt.Errorf("envoy: a broken copy cannot be removed: %w", err)
	}
	scratch, err := os.MkdirTemp("", "ostiary-fetch-")
	if err != nil {
		return Binary{}, fmt.Errorf("envoy: fetch: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	options := []api.RunOption{
		api.EnvoyVersion(version), api.DataHome(cache), api.ConfigHome(filepath.Join(scratch, "config")),
		api.StateHome(filepath.Join(scratch, "state")), api.RuntimeDir(filepath.Join(scratch, "run")),
		api.Out(nowhere{}), api.EnvoyOut(nowhere{}), api.EnvoyErr(nowhere{}),
	}
	if o.VersionsURL != "" {
		options = append(options, api.EnvoyVersionsURL(o.VersionsURL))
	}
	// func-e downloads in order to run: --version is the shortest run there is.
	if err := o.Run(ctx, []string{"--version"}, options...); err != nil {
		_ = os.RemoveAll(filepath.Join(cache, versionsDir, version)) // unpacked before it was checked
		return Binary{}, fmt.Errorf("envoy: version %s could not be fetched: %w", version, err)
	}
	return use(ctx, path)
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// childEnv is the environment that Envoy gets: what its resolver and its files
// need. The rest may hold providers' keys.
func childEnv(environ []string) []string {
	var out []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(passedVariables[:], name) {
			out = append(out, kv)
		}
	}
	return out
}

var passedVariables = [...]string{"PATH", "HOME", "TMPDIR", "LANG", "LOCALDOMAIN", "RES_OPTIONS"}
