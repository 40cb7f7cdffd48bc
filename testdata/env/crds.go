package env

import "testing"

// CRDs gives the directory with the CustomResourceDefinitions of the meshes:
// istio.yaml, gateway-api.yaml and Envoy Gateway's, one file each.
func CRDs(t testing.TB) string {
	t.Helper()
	short(t, "the schemas of the meshes")
	dir := cached(t, "crds")
	if !exists(cached(t, "crds", "gateway-api.yaml")) {
		missing(t, "the schemas of the meshes", "run testdata/env/install.sh crds")
	}
	return dir
}
