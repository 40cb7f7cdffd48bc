package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// tilesPrefix is below what the logs are served as tiles.
const tilesPrefix = "/logs/"

// reader is a token with the logs that it may read.
type reader struct{ secret, origins string }

// covers says whether the token is good for a log: its origin, or with a * at its end
// all that begin so.
func (r reader) covers(origin string) bool {
	prefix, all := strings.CutSuffix(r.origins, "*")
	return all && strings.HasPrefix(origin, prefix) || r.origins == origin
}

// servedLog is one line of the list of logs.
type servedLog struct {
	Origin string `json:"origin"`
	Path   string `json:"path"` // prefix of its checkpoint and tiles (C2SP tlog-tiles)
}

// handler takes pushes, and where somebody may read them serves the logs as tiles:
//
//	GET /logs/                 the list
//	GET /logs/NAME/checkpoint
//	GET /logs/NAME/tile/…
func (g *collecting) handler() http.Handler {
	if len(g.readers) == 0 {
		return g.collector
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, tilesPrefix)
		// The protocol of pushes may be mounted below any prefix; this one is ours.
		if !ok {
			g.collector.ServeHTTP(w, r)
			return
		}
		w.Header().Set("x-content-type-options", "nosniff")
		w.Header().Set("cache-control", "no-store")
		may := g.mayRead(r)
		if len(may) == 0 {
			w.Header().Set("www-authenticate", `Bearer realm="ostiary"`)
			http.Error(w, "a token of a reader is needed", http.StatusUnauthorized)
			return
		}
		name, rest, _ := strings.Cut(path, "/")
		if name == "" {
			g.listTiles(w, r, may)
			return
		}
		l := g.readable(name, may)
		if l == nil { // one that may not be read is not told from one that is not there
			http.NotFound(w, r)
			return
		}
		below := r.Clone(r.Context())
		below.URL.Path = "/" + rest
		l.tiles.ServeHTTP(w, below)
	})
}

// mayRead gives the readers whose token a request has. It compares with all of them.
func (g *collecting) mayRead(r *http.Request) (out []reader) {
	scheme, token, _ := strings.Cut(r.Header.Get("authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	for _, one := range g.readers {
		own := sha256.Sum256([]byte(one.secret))
		if subtle.ConstantTimeCompare(own[:], sum[:]) == 1 && strings.EqualFold(scheme, "bearer") {
			out = append(out, one)
		}
	}
	return out
}

func covered(may []reader, origin string) bool {
	return slices.ContainsFunc(may, func(r reader) bool { return r.covers(origin) })
}

// readable gives a log by its name in paths, nil where there is none that may be read.
func (g *collecting) readable(name string, may []reader) *gathered {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for origin, l := range g.logs {
		if g.label(l) == name && covered(may, origin) {
			return l
		}
	}
	return nil
}

func (g *collecting) listTiles(w http.ResponseWriter, r *http.Request, may []reader) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	list := []servedLog{}
	g.mu.RLock()
	for _, origin := range g.order {
		if l := g.logs[origin]; l != nil && covered(may, origin) {
			list = append(list, servedLog{origin, tilesPrefix + g.label(l) + "/"})
		}
	}
	g.mu.RUnlock()
	w.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(w).Encode(list) // to a client that may be gone
}
