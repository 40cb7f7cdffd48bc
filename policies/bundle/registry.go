package bundle

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// mediaType is that of the layer in which opa and the policy CLI push a bundle.
const mediaType = ocispec.MediaTypeImageLayerGzip

// Bounds of an artifact's manifest.
const (
	manifestLimit = 1 << 20 // bytes
	layersLimit   = 64
)

// registry is an OCI registry. It holds no connection between fetches but those
// of its transport.
type registry struct {
	reference string // of the repository: tag or digest
	repo      *remote.Repository
}

func openRegistry(reference string, p Place, tr http.RoundTripper) (*registry, error) {
	repo, err := remote.NewRepository(reference)
	if err != nil || repo.Reference.Reference == "" {
		return nil, errors.New("the source of bundles is not an OCI reference: want oci://registry/name:tag or oci://registry/name@sha256:…")
	}
	host := repo.Reference.Host()
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	repo.PlainHTTP = loopback(host) && p.CA == ""
	repo.MaxMetadataBytes = manifestLimit
	repo.ManifestMediaTypes = []string{ocispec.MediaTypeImageManifest}
	client := &auth.Client{Client: &http.Client{Transport: tr, CheckRedirect: checkRedirect}, Cache: auth.NewCache(), Header: http.Header{"User-Agent": {"ostiary"}}}
	for name, value := range p.Header {
		if !strings.EqualFold(name, "Authorization") {
			return nil, errors.New("headers_file: for an OCI registry it holds Authorization: Basic … or Bearer …, and nothing else")
		}
		credential, err := credential(value)
		if err != nil {
			return nil, err
		}
		client.Credential = auth.StaticCredential(repo.Reference.Registry, credential)
	}
	repo.Client = client
	return &registry{reference: repo.Reference.Reference, repo: repo}, nil
}

// credential reads the value of an Authorization header. Its error does not
// quote it.
func credential(value string) (auth.Credential, error) {
	scheme, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer") && rest != "":
		return auth.Credential{AccessToken: rest}, nil
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		if name, password, ok := strings.Cut(string(plain), ":"); err == nil && ok {
			return auth.Credential{Username: name, Password: password}, nil
		}
	}
	return auth.Credential{}, errors.New("headers_file: want Authorization: Bearer TOKEN, or Authorization: Basic and NAME:PASSWORD in base64")
}

// Fetch implements [Source]. The version is the manifest's digest.
func (r *registry) Fetch(ctx context.Context, known string) (*Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, FetchTime)
	defer cancel()
	f, err := r.fetch(ctx, known)
	if err != nil && err != ErrUnchanged {
		return nil, registryRefusal(ctx, err)
	}
	return f, err
}

func (r *registry) fetch(ctx context.Context, known string) (*Fetched, error) {
	desc, err := r.repo.Resolve(ctx, r.reference)
	if err != nil {
		return nil, err
	}
	if desc.Digest.String() == known {
		return nil, ErrUnchanged
	}
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return nil, refuse(NotABundle, "the reference names no image manifest; push the bundle as one (see the documentation)")
	}
	if desc.Size > manifestLimit {
		return nil, refuse(Oversized, "the manifest is larger than %d KiB", manifestLimit>>10)
	}
	text, err := r.read(ctx, r.repo.Manifests(), desc)
	if err != nil {
		return nil, err
	}
	layer, err := bundleLayer(text)
	if err != nil {
		return nil, err
	}
	b, err := r.read(ctx, r.repo.Blobs(), *layer)
	if err != nil {
		return nil, err
	}
	if err := gzipped(b); err != nil {
		return nil, err
	}
	return &Fetched{Body: b, Version: desc.Digest.String()}, nil
}

// read reads what a descriptor names and checks size and digest. The descriptor's
// size is bounded by the caller.
func (r *registry) read(ctx context.Context, from content.Fetcher, desc ocispec.Descriptor) ([]byte, error) {
	rc, err := from.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return content.ReadAll(rc, desc)
}

// bundleLayer gives the one layer of a manifest that is a bundle.
func bundleLayer(text []byte) (*ocispec.Descriptor, error) {
	var m ocispec.Manifest
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&m); err != nil || len(m.Layers) > layersLimit {
		return nil, refuse(NotABundle, "the manifest cannot be read, or has more than %d layers", layersLimit)
	}
	var found *ocispec.Descriptor
	for i := range m.Layers {
		if m.Layers[i].MediaType != mediaType {
			continue
		}
		if found != nil {
			return nil, refuse(NotABundle, "the artifact has several layers of type %s; push one bundle", mediaType)
		}
		found = &m.Layers[i]
	}
	switch {
	case found == nil:
		return nil, refuse(NotABundle, "the artifact has no layer of type %s", mediaType)
	case found.Size > SizeLimit || found.Size < 0:
		return nil, tooLarge()
	}
	return found, nil
}

// registryRefusal words what the client says.
func registryRefusal(ctx context.Context, err error) *Refusal {
	var r *Refusal
	var answered *errcode.ErrorResponse
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, content.ErrMismatchedDigest) || errors.Is(err, content.ErrTrailingData):
		return &Refusal{Word: Altered, Detail: "the registry's content is not what its digest names", err: err}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, content.ErrInvalidDescriptorSize):
		return &Refusal{Word: Truncated, Detail: "the content ends before its announced length", err: err}
	case errors.Is(err, errdef.ErrNotFound):
		return &Refusal{Word: NotFound, Detail: "the registry has no such name, tag or digest", err: err}
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return &Refusal{Word: Unauthorized, Detail: "the registry asks who we are; give headers_file", err: err}
	case errors.As(err, &answered):
		w := Status
		switch answered.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			w = Unauthorized
		case http.StatusNotFound:
			w = NotFound
		}
		return refuse(w, "the registry answered %d", answered.StatusCode)
	case errors.Is(err, errdef.ErrSizeExceedsLimit):
		return tooLarge()
	}
	return refusal(ctx, err)
}
