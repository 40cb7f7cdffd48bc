package envoy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ostiary/ostiary/proxy/envoy"
	func_e "github.com/tetratelabs/func-e"
)

// TestFetchFromAMirror downloads a small Envoy by the func-e library.
func TestFetchFromAMirror(t *testing.T) {
	script := []byte("#!/bin/sh\necho 'envoy  version: abc/1.40.0/Clean/RELEASE/BoringSSL'\n")
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	tw := tar.NewWriter(z)
	if err := tw.WriteHeader(&tar.Header{Name: "envoy-v1.40.0/bin/envoy", Mode: 0o755, Size: int64(len(script))}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(script); err != nil {
		t.Fatal(err)
	}
	_, _ = tw.Close(), z.Close()
	sum := sha256.Sum256(archive.Bytes())
	digest := hex.EncodeToString(sum[:])
	mux := http.NewServeMux()
	mirror := httptest.NewServer(mux)
	defer mirror.Close()
	downloads := 0
	mux.HandleFunc("/envoy-1.40.0.tar.gz", func(w http.ResponseWriter, _ *http.Request) { downloads++; _, _ = w.Write(archive.Bytes()) })
	mux.HandleFunc("/envoy-versions.json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"versions":{"1.40.0":{"releaseDate":"2026-07-14","tarballs":{"%s/%s":"%s/envoy-1.40.0.tar.gz"}}},"sha256sums":{"envoy-1.40.0.tar.gz":%q}}`,
			runtime.GOOS, runtime.GOARCH, mirror.URL, digest)
	})
	o := envoy.FetchOptions{Run: func_e.Run, VersionsURL: mirror.URL + "/envoy-versions.json", CacheDir: t.TempDir()}
	for range 2 {
		b, err := envoy.Fetch(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if b.Version != "1.40.0" || b.Path != filepath.Join(o.CacheDir, "envoy-versions", "1.40.0", "bin", "envoy") {
			t.Errorf("%+v", b)
		}
	}
	if downloads != 1 {
		t.Errorf("%d downloads", downloads)
	}
	found, err := envoy.Find(t.Context(), envoy.FindOptions{CacheDir: o.CacheDir, Getenv: func(string) string { return "" }})
	if err != nil || found.Version != "1.40.0" {
		t.Errorf("what was fetched is not found: %+v %v", found, err)
	}

	digest = hex.EncodeToString(make([]byte, 32))
	o.CacheDir = t.TempDir()
	if _, err := envoy.Fetch(t.Context(), o); err == nil {
		t.Error("an archive with a wrong sum is taken")
	}
	if left, _ := filepath.Glob(filepath.Join(o.CacheDir, "envoy-versions", "*", "bin", "*")); len(left) != 0 {
		t.Errorf("what was not verified is left: %v", left)
	}
	if _, err := os.Stat(o.CacheDir); err != nil {
		t.Error(err)
	}
}
