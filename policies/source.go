package policies

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// Bounds on what is read.
const (
	fileLimit   = 4 << 20  // bytes of one file; data of allow-lists can be long
	totalLimit  = 32 << 20 // bytes of all files
	filesLimit  = 4096
	depthLimit  = 32 // directories in directories
	dataNesting = 64 // of one data file
)

// source is a set of policies as read: texts, not yet understood.
type source struct {
	rego     map[string]string // by path, tests apart
	tests    map[string]string
	data     map[string]any // merged, as OPA mounts it
	raw      map[string]string
	warnings []string
}

var unsigned = Problems{{What: "keys are configured, and a directory cannot be signed", Remedy: "Load a signed bundle, or remove the keys"}}

// read reads a directory, a bundle or the shipped policies.
func read(o *Options) (*source, Problems) {
	switch {
	case o.FS != nil && o.Path != "":
		return nil, Problems{{What: "both a file system and a path are given", Remedy: "Give one"}}
	case o.FS == nil && o.Path == "":
		return readDir(Shipped())
	case o.FS != nil && len(o.Keys) == 0:
		return readDir(o.FS)
	case o.FS != nil:
		return nil, unsigned
	}
	st, err := os.Stat(o.Path)
	if err != nil {
		return nil, Problems{{What: "the policies cannot be read: " + cause(err), Remedy: "Check the path, or leave it out to use the shipped policies"}}
	}
	if st.IsDir() && len(o.Keys) > 0 {
		return nil, unsigned
	}
	if st.IsDir() {
		return readDir(os.DirFS(o.Path))
	}
	if st.Size() > totalLimit {
		return nil, Problems{{File: path.Base(o.Path), What: "the bundle is larger than " + strconv.Itoa(totalLimit>>20) + " MiB"}}
	}
	b, err := os.ReadFile(o.Path)
	if err != nil {
		return nil, Problems{{What: "the bundle cannot be read: " + cause(err)}}
	}
	return readBundle(b, path.Base(o.Path), o.Keys)
}

// cause gives the bare reason of a file system's error: the path, which may be
// long, is known to the caller.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Op + " " + pe.Path + ": " + pe.Err.Error()
	}
	return err.Error()
}

// readDir reads a directory tree. Hidden files and directories are left out, as
// Kubernetes mounts a ConfigMap through hidden ones.
func readDir(fsys fs.FS) (*source, Problems) {
	s := &source{rego: map[string]string{}, tests: map[string]string{}, data: map[string]any{}, raw: map[string]string{}}
	var bad Problems
	files, total := 0, 0
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if strings.Count(p, "/") >= depthLimit {
				bad = append(bad, Problem{File: p, What: "the directories are nested deeper than " + strconv.Itoa(depthLimit)})
				return fs.SkipDir
			}
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			st, err := fs.Stat(fsys, p)
			if err != nil {
				return err
			}
			if st.IsDir() {
				bad = append(bad, Problem{File: p, What: "a symbolic link to a directory is not followed", Remedy: "Put the directory itself here, so that no policy is left out unseen"})
				return nil
			}
		}
		kind := kindOf(p)
		if kind == ignored {
			if ext := path.Ext(p); (ext == ".json" || ext == ".yaml" || ext == ".yml") && !besides(p) {
				s.warnings = append(s.warnings, p+": not read: data for policies is named data.json")
			}
			return nil
		}
		if files++; files > filesLimit {
			return errors.New("more than " + strconv.Itoa(filesLimit) + " files")
		}
		b, err := readFile(fsys, p)
		if err != nil {
			return err
		}
		if total += len(b); total > totalLimit {
			return errors.New("more than " + strconv.Itoa(totalLimit>>20) + " MiB of files")
		}
		bad = append(bad, s.add(kind, p, b)...)
		return nil
	})
	if err != nil {
		bad = append(bad, Problem{What: "the policies cannot be read: " + cause(err)})
	}
	return s, bad
}

func readFile(fsys fs.FS, p string) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err == nil && len(b) > fileLimit {
		err = errors.New(p + " is larger than " + strconv.Itoa(fileLimit>>20) + " MiB")
	}
	return b, err
}

// besides reports whether a file lies in a directory of fixtures or of schemas,
// which are for authors and no part of the policies.
func besides(p string) bool {
	dir := path.Base(path.Dir(p))
	return dir == "fixtures" || dir == "schemas"
}

type fileKind int8

const (
	ignored fileKind = iota
	regoFile
	testFile
	dataFile
)

func kindOf(p string) fileKind {
	switch base := path.Base(p); {
	case strings.HasSuffix(base, "_test.rego"):
		return testFile
	case strings.HasSuffix(base, ".rego"):
		return regoFile
	case base == "data.json", base == "data.yaml", base == "data.yml":
		return dataFile
	}
	return ignored
}

// add takes one file in.
func (s *source) add(kind fileKind, p string, b []byte) Problems {
	switch kind {
	case regoFile:
		s.rego[p], s.raw[p] = string(b), string(b)
	case testFile:
		s.tests[p] = string(b)
	case dataFile:
		s.raw[p] = string(b)
		return s.addData(p, b)
	}
	return nil
}

// addData merges a data file at the place of its directory.
func (s *source) addData(p string, b []byte) Problems {
	if path.Ext(p) != ".json" {
		// YAML's reader keeps the last of two equal keys and says nothing.
		return Problems{{File: p, What: "data as YAML is not read", Remedy: "Write it as data.json"}}
	}
	if what := plainJSON(b); what != "" {
		return Problems{{File: p, What: what}}
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return Problems{{File: p, What: "the data is not JSON: " + err.Error()}}
	}
	if _, ok := v.(map[string]any); !ok {
		return Problems{{File: p, What: "the data is not an object", Remedy: "Write {\"name\": …} at the top"}}
	}
	if dir := path.Dir(p); dir != "." {
		parts := strings.Split(dir, "/")
		for _, part := range slices.Backward(parts) {
			v = map[string]any{part: v}
		}
	}
	m := v.(map[string]any)
	if _, ok := m["ostiary"]; ok {
		return Problems{{File: p, What: "data below data.ostiary is Ostiary's own", Remedy: "Put the file into the policy's own directory: residency/data.json is data.residency"}}
	}
	if at := merge(s.data, m, "data"); at != "" {
		return Problems{{File: p, What: at + " is defined by another data file too", Remedy: "Keep one"}}
	}
	return nil
}

// merge adds src to dst. It gives the first path that both define, or "".
func merge(dst, src map[string]any, at string) string {
	for _, k := range sortedKeys(src) {
		old, ok := dst[k]
		if !ok {
			dst[k] = src[k]
			continue
		}
		a, aok := old.(map[string]any)
		b, bok := src[k].(map[string]any)
		if !aok || !bok {
			return at + "." + k
		}
		if clash := merge(a, b, at+"."+k); clash != "" {
			return clash
		}
	}
	return ""
}

// plainJSON says what of a JSON text could be read in two ways: a key given
// twice silently loses one, and with it a rule.
func plainJSON(b []byte) string {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	line := func() string {
		return " (line " + strconv.Itoa(1+bytes.Count(b[:dec.InputOffset()], []byte("\n"))) + ")"
	}
	type level struct {
		keys  map[string]bool
		isKey bool
	}
	var stack []level
	values := 0
	for {
		tok, err := dec.Token()
		if err == io.EOF && len(stack) > 0 {
			return "the data is not JSON: it ends early" + line()
		}
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return "the data is not JSON: " + err.Error() + line()
		}
		top := len(stack) - 1
		if top < 0 {
			if values++; values > 1 {
				return "the file holds more than one value" + line()
			}
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			if top >= 0 && stack[top].keys != nil {
				stack[top].isKey = true
			}
			if len(stack) >= dataNesting {
				return "the data is nested deeper than " + strconv.Itoa(dataNesting) + line()
			}
			l := level{isKey: true}
			if tok == json.Delim('{') {
				l.keys = map[string]bool{}
			}
			stack = append(stack, l)
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			continue
		}
		if top < 0 || stack[top].keys == nil {
			continue
		}
		if key, ok := tok.(string); ok && stack[top].isKey {
			if stack[top].keys[key] {
				return "the key " + strconv.Quote(key) + " is given twice" + line()
			}
			stack[top].keys[key] = true
			stack[top].isKey = false
			continue
		}
		stack[top].isKey = true
	}
}

// readBundle reads an OPA bundle, a gzipped tar. Its files then take the same
// way as those of a directory. With keys it must be signed by one of them.
func readBundle(b []byte, name string, keys []Key) (*source, Problems) {
	if what := wrongArchive(b); what != "" {
		return nil, Problems{{File: name, What: what}}
	}
	reader := func() *bundle.Reader {
		return bundle.NewCustomReader(bundle.NewTarballLoaderWithBaseURL(bytes.NewReader(b), "")).
			WithSizeLimitBytes(fileLimit).WithCapabilities(capabilities())
	}
	var bun bundle.Bundle
	var err error
	if len(keys) == 0 {
		bun, err = reader().WithSkipBundleVerification(true).Read()
	}
	for _, k := range keys {
		// Each key by its id, never by a list alone: a configuration without a
		// key id could be side-stepped (GHSA-g2pf-6v5v-qcc8).
		one := map[string]*bundle.KeyConfig{k.ID: {Key: k.PEM, Algorithm: k.algorithm(), Scope: k.Scope}}
		if k.ID == "" {
			return nil, Problems{{What: "a key to verify bundles has no id", Remedy: "Give it the id that the bundle is signed with"}}
		}
		bun, err = reader().WithBundleVerificationConfig(bundle.NewVerificationConfig(one, k.ID, k.Scope, nil)).Read()
		if err == nil {
			break
		}
	}
	if err != nil {
		p := Problem{File: name, What: "the bundle cannot be read: " + err.Error()}
		if len(keys) > 0 {
			p.Remedy = "Keys are configured, so the bundle must be signed with one of them (opa build --signing-key)"
		}
		return nil, Problems{p}
	}
	if bun.Type() != bundle.SnapshotBundleType || len(bun.WasmModules) > 0 || len(bun.PlanModules) > 0 {
		return nil, Problems{{File: name, What: "the bundle holds a patch, WebAssembly or a plan", Remedy: "Build a plain one: opa build -b DIR"}}
	}
	s := &source{rego: map[string]string{}, tests: map[string]string{}, data: map[string]any{}, raw: map[string]string{}}
	for i := range bun.Modules {
		p := strings.TrimPrefix(bun.Modules[i].RelativePath, "/")
		if k := kindOf(p); k == regoFile || k == testFile {
			s.add(k, p, bun.Modules[i].Raw)
		}
	}
	if _, ok := bun.Data["ostiary"]; ok {
		return nil, Problems{{File: name, What: "data below data.ostiary is Ostiary's own", Remedy: "Move it below the policy's own name"}}
	}
	s.data = bun.Data
	text, err := json.Marshal(bun.Data)
	if err != nil {
		return nil, Problems{{File: name, What: "the bundle's data cannot be read"}}
	}
	s.raw["data.json"] = string(text)
	return s, nil
}

// wrongArchive walks an archive once for what the bundle reader does not check:
// it bounds each file and not their sum, and keeps the last of two equal keys.
func wrongArchive(b []byte) string {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "not a bundle: the file is not a gzipped tar archive"
	}
	t := tar.NewReader(io.LimitReader(z, totalLimit+1))
	total, files := int64(0), 0
	for {
		h, err := t.Next()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return "not a bundle, or larger than " + strconv.Itoa(totalLimit>>20) + " MiB unpacked: the archive cannot be read"
		}
		files++
		if total += h.Size; total > totalLimit || files > filesLimit {
			return "the bundle is larger than " + strconv.Itoa(totalLimit>>20) + " MiB unpacked, or has more than " + strconv.Itoa(filesLimit) + " files"
		}
		if kindOf(h.Name) != dataFile {
			continue
		}
		if path.Ext(h.Name) != ".json" {
			return h.Name + ": data as YAML is not read"
		}
		text, err := io.ReadAll(io.LimitReader(t, fileLimit+1))
		if err != nil || len(text) > fileLimit {
			return h.Name + " is larger than " + strconv.Itoa(fileLimit>>20) + " MiB, or cannot be read"
		}
		if what := plainJSON(text); what != "" {
			return h.Name + ": " + what
		}
	}
}

// revision digests all that the answers depend on: the files, the library, the
// version of the evaluator and what is expected.
func (s *source) revision(expected []string, modes []ModeRule) string {
	h := sha256.New()
	part := func(parts ...string) {
		for _, p := range parts {
			h.Write([]byte(strconv.Itoa(len(p)) + ":"))
			h.Write([]byte(p))
		}
	}
	part(evaluator, libraryText)
	part(expected...)
	for _, m := range modes {
		part("mode", m.Policy, m.Rule, m.Mode)
		part(m.Applications...)
		part("teams")
		part(m.Teams...)
	}
	part("files")
	for _, p := range sortedKeys(s.raw) {
		part(p, s.raw[p])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:16])
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
