// Package env finds the real components that tests need: Envoy, the official
// SDKs, a real model server, the shared data. It is for tests only; it lies
// under testdata so that nothing else can come to depend on it.
//
// Every function either gives the component or ends the test. Where a component
// is not there the test is skipped and says how to get it; with
// OSTIARY_TEST_REQUIRE=1, which continuous integration sets, it fails instead,
// so that a missing component never looks like a passing test. With -short every
// test that asks for a component is skipped.
//
// "make env" installs them all into .cache at the module's root.
package env

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// Environment variables that are read.
const (
	requireVar = "OSTIARY_TEST_REQUIRE" // 1: what is missing fails the test
	allVar     = "OSTIARY_TEST_ALL"     // 1: soaks and fault loops run at length
	envoyVar   = "OSTIARY_ENVOY"        // path of an Envoy to use
	cacheVar   = "OSTIARY_TEST_CACHE"   // directory to use in place of .cache
)

// versionTimeout bounds the one call that asks an Envoy for its version.
const versionTimeout = 20 * time.Second

// The oldest Envoy that tests run on.
const (
	envoyMajor = 1
	envoyMinor = 40
)

// missing ends the test for want of a component; remedy says what to run.
func missing(t testing.TB, what, remedy string) {
	t.Helper()
	if os.Getenv(requireVar) == "1" {
		t.Fatalf("%s is not there: %s (failing because %s=1)", what, remedy, requireVar)
	}
	t.Skipf("%s is not there: %s", what, remedy)
}

// short ends a test that needs a component when -short was given.
func short(t testing.TB, what string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("needs %s, which -short leaves out", what)
	}
}

// All reports whether tests that loop should do so at length.
func All() bool { return os.Getenv(allVar) == "1" }

// Root gives the module's root: the nearest directory above the test's own that
// holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal("the working directory is gone")
	}
	for dir := at; ; {
		if exists(filepath.Join(dir, "go.mod")) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = up
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// cached gives a path in the cache of components.
func cached(t testing.TB, elements ...string) string {
	t.Helper()
	dir := os.Getenv(cacheVar)
	if dir == "" {
		dir = filepath.Join(Root(t), ".cache")
	}
	return filepath.Join(append([]string{dir}, elements...)...)
}

// Envoy gives the path of an Envoy that is new enough: the one that OSTIARY_ENVOY
// names, else the one on PATH, else the one that was installed for tests. A named
// one that is too old is an error, not passed over.
func Envoy(t testing.TB) string {
	t.Helper()
	short(t, "Envoy")
	if named := os.Getenv(envoyVar); named != "" {
		if !newEnough(named) {
			t.Fatalf("%s names no Envoy >= %d.%d", envoyVar, envoyMajor, envoyMinor)
		}
		return named
	}
	if found, err := exec.LookPath("envoy"); err == nil && newEnough(found) {
		return found
	}
	installed := cached(t, "envoy", "envoy")
	if !exists(installed) {
		missing(t, "Envoy", "run testdata/env/install.sh envoy")
	}
	return installed
}

// envoyVersion finds the version in what envoy --version prints:
// "envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL".
var envoyVersion = regexp.MustCompile(`version: [0-9a-f]*/(\d+)\.(\d+)\.`)

func newEnough(envoy string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, envoy, "--version").Output()
	if err != nil {
		return false
	}
	return atLeast(string(out))
}

// atLeast reads the version that an Envoy prints.
func atLeast(printed string) bool {
	m := envoyVersion.FindStringSubmatch(printed)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major > envoyMajor || major == envoyMajor && minor >= envoyMinor
}

// Python gives a Python interpreter that has the official SDKs and llama.cpp's
// server (package xllamacpp).
func Python(t testing.TB) string {
	t.Helper()
	short(t, "Python with the SDKs")
	python := cached(t, "py", "bin", "python")
	if !exists(python) {
		missing(t, "Python with the SDKs", "run testdata/env/install.sh python")
	}
	return python
}

// Node gives the node program and the directory node_modules that holds the
// official SDKs.
func Node(t testing.TB) (node, modules string) {
	t.Helper()
	short(t, "Node with the SDKs")
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "Node", "install Node 20 or later")
	}
	modules = cached(t, "node", "node_modules")
	if !exists(filepath.Join(modules, "openai", "package.json")) {
		missing(t, "Node with the SDKs", "run testdata/env/install.sh node")
	}
	return node, modules
}

// Program gives the path of a program of the operating system that a test
// drives, strace or ip for instance.
func Program(t testing.TB, name string) string {
	t.Helper()
	short(t, name)
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, "run testdata/env/install.sh tools")
	}
	return path
}

// Superuser ends the test where it does not run as root, which mounting file
// systems and making network namespaces need.
func Superuser(t testing.TB) {
	t.Helper()
	short(t, "root")
	if os.Geteuid() != 0 {
		missing(t, "root", "run the tests as root")
	}
}

// Shared gives a path in the folder shared beside the module, which holds
// recorded traffic and corpora that are not part of the repository, as in
// Shared(t, "data/traffic"). Where the whole folder is absent the test is
// skipped, whatever OSTIARY_TEST_REQUIRE says: a clone of the repository alone
// cannot have it. Where the folder is there and the path is not, the test fails.
func Shared(t testing.TB, path string) string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(Root(t)), "shared")
	if !exists(dir) {
		t.Skip("the folder shared beside the module is not there: recorded data is not part of the repository")
	}
	found := filepath.Join(dir, filepath.FromSlash(path))
	if !exists(found) {
		t.Fatalf("shared/%s is not there although the folder shared is", path)
	}
	return found
}
