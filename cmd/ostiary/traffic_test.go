package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/testdata/env"
)

// recorded is one request of a real client, as it was recorded.
type recorded struct {
	where  string // file and number: never the content
	method string
	path   string
	header http.Header
	body   []byte
}

// recordings reads the recorded traffic. Repeats are dropped, and so is what
// went to no model API: exchanges of tokens and plain downloads.
func recordings(t *testing.T) []recorded {
	t.Helper()
	var out []recorded
	seen := map[string]bool{}
	add := func(r recorded) {
		key := r.method + "\x00" + r.path + "\x00" + string(r.body)
		if !seen[key] && !strings.Contains(r.where, "oauth2.") && !strings.HasSuffix(r.path, "/token") {
			seen[key] = true
			out = append(out, r)
		}
	}
	f, err := os.Open(env.Shared(t, "data/traffic/ruby_llm.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(z)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var l struct {
			File   string              `json:"file"`
			N      int                 `json:"n"`
			Method string              `json:"method"`
			URI    string              `json:"uri"`
			Header map[string][]string `json:"req_headers"`
			Req    struct {
				Text *string `json:"text"`
				B64  *string `json:"b64"`
			} `json:"req"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("line %d of the recordings cannot be read", n)
		}
		r := recorded{where: l.File + " " + l.URI, method: l.Method, path: pathOf(l.URI), header: http.Header(l.Header)}
		switch {
		case l.Req.B64 != nil:
			if r.body, err = base64.StdEncoding.DecodeString(*l.Req.B64); err != nil {
				t.Fatalf("line %d of the recordings is not base64", n)
			}
		case l.Req.Text != nil:
			r.body = []byte(*l.Req.Text)
		}
		add(r)
	}
	files, err := filepath.Glob(filepath.Join(env.Shared(t, "data/traffic/ai-gateway"), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cassettes among the recordings")
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Interactions []struct {
				Request struct {
					Body    string              `yaml:"body"`
					Headers map[string][]string `yaml:"headers"`
					URL     string              `yaml:"url"`
					Method  string              `yaml:"method"`
				} `yaml:"request"`
			} `yaml:"interactions"`
		}
		if err := yaml.Unmarshal(b, &c); err != nil {
			t.Fatalf("%s cannot be read", filepath.Base(name))
		}
		for _, i := range c.Interactions {
			add(recorded{where: filepath.Base(name), method: i.Request.Method, path: pathOf(i.Request.URL), header: i.Request.Headers, body: []byte(i.Request.Body)})
		}
	}
	if len(out) < 500 {
		t.Fatalf("only %d recordings read", len(out))
	}
	return out
}

// pathOf gives path and query of a recorded address; some stand for a base
// address with a word in angle brackets.
func pathOf(address string) string {
	if strings.HasPrefix(address, "<") {
		_, rest, _ := strings.Cut(address, "/")
		return "/" + rest
	}
	u, err := url.Parse(strings.NewReplacer("<", "", ">", "").Replace(address))
	if err != nil {
		_, rest, _ := strings.Cut(strings.SplitN(address, "://", 2)[1], "/")
		return "/" + rest
	}
	return u.RequestURI()
}

// supported reports whether a path is one of the model APIs that are spoken.
func supported(r recorded) bool {
	p, _, _ := strings.Cut(r.path, "?")
	switch {
	case r.method == "POST":
		for _, s := range []string{"/chat/completions", "/responses", "/completions", "/embeddings", "/moderations", "/messages", "/messages/count_tokens"} {
			if strings.HasSuffix(p, s) {
				return true
			}
		}
	case r.method == "GET" || r.method == "DELETE":
		return strings.Contains(p, "/responses/") || r.method == "GET" && (strings.HasSuffix(p, "/models") || strings.Contains(p, "/models/"))
	}
	return false
}

// forwardable are the headers of a recording that a client would send here.
func forwardable(h http.Header) http.Header {
	out := http.Header{}
	for k, v := range h {
		switch strings.ToLower(k) {
		case "content-type", "anthropic-version", "anthropic-beta", "user-agent", "accept":
			out[http.CanonicalHeaderKey(k)] = v
		}
	}
	return out
}

// Every recorded request, through both planes: what is forwarded arrives byte
// for byte, and each has one decision and one outcome.
func TestRecordedTraffic(t *testing.T) {
	all := recordings(t)
	eachPlane(t, func(t *testing.T, plane string) {
		in := launch(t, plane, "")
		// Names of models pass: a renamed model would be an edit.
		byID := map[string]recorded{}
		counts := map[string]int{}
		for _, r := range all {
			req, err := http.NewRequest(r.method, in.url, bytes.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Opaque = r.path // as recorded: nothing is escaped anew
			req.Header = forwardable(r.header)
			got := do(t, req)
			id := got.header.Get(proxy.HeaderDecisionID)
			if id == "" {
				// The data plane's own refusal of a path that cannot be normalised.
				if got.status < 400 {
					t.Errorf("%s: status %d without a decision", r.where, got.status)
				}
				counts["refused by the data plane"]++
				continue
			}
			byID[id] = r
			counts[strings.TrimSpace(got.action()+" "+got.code())]++
			if !supported(r) && got.action() != "deny" && got.status != http.StatusOK {
				t.Errorf("%s: status %d (%s) on a path outside the supported APIs, want one refusal", r.where, got.status, got.code())
			}
			if supported(r) && got.status != http.StatusOK && got.status != http.StatusForbidden && got.status != http.StatusBadRequest {
				t.Errorf("%s: status %d (%s) on a supported path", r.where, got.status, got.code())
			}
		}
		in.end()
		decisions, outcomes := map[string]int{}, map[string]int{}
		for _, e := range in.events(proxy.EventDecision) {
			decisions[e.ID]++
		}
		for _, e := range in.events(proxy.EventOutcome) {
			outcomes[e.DecisionID]++
		}
		for id, r := range byID {
			if decisions[id] != 1 || outcomes[id] != 1 {
				t.Errorf("%s: %d decisions and %d outcomes, want one of each", r.where, decisions[id], outcomes[id])
			}
		}
		if gaps := in.events(proxy.EventGap); len(gaps) != 0 {
			t.Errorf("%d alarms of something sent without a decision", len(gaps))
		}
		same, edited := 0, 0
		for _, u := range []*upstream{in.openai, in.house} {
			for _, got := range u.Requests() {
				r, ok := byID[got.Header.Get(proxy.HeaderDecisionID)]
				if !ok {
					t.Error("a request reached an upstream under no decision that a client was told of")
					continue
				}
				if u == in.house {
					edited++ // its model is renamed
					continue
				}
				if !bytes.Equal(got.Body, r.body) {
					t.Errorf("%s: the body did not arrive byte for byte", r.where)
				}
				same++
			}
		}
		if same == 0 || edited == 0 {
			t.Errorf("%d bodies compared, %d served in-house: the test is blind", same, edited)
		}
		t.Logf("%d recorded requests: %v; %d forwarded byte for byte, %d in-house", len(all), counts, same, edited)
	})
}

// A value planted at every string of every recorded body, one at a time, is
// found: by the same reader, detectors and facts that serve.
func TestPlantedValueIsFoundEverywhere(t *testing.T) {
	const planted = "greta.olofsdotter@sjukhus-nord.se"
	in := launch(t, "embedded", "")
	snap := in.engine.Snapshot()
	leaves, opaque, bodies := 0, 0, 0
	for _, r := range recordings(t) {
		if r.method != "POST" || !supported(r) {
			continue
		}
		spans, ok := stringLeaves(r.body)
		if !ok {
			continue // the recording holds no JSON: refused, see the test above
		}
		bodies++
		path := r.path
		if i := strings.Index(path, "/v1"); i > 0 {
			path = path[i:]
		}
		route := snap.Dialects.Route(r.method, proxy.NewText(path))
		for _, s := range spans {
			body := append(append(append([]byte{}, r.body[:s[0]]...), `"`+planted+`"`...), r.body[s[1]:]...)
			doc, err := snap.Dialects.Read(route, &proxy.Head{Method: r.method, Path: proxy.NewText(path)}, body)
			if err != nil {
				t.Errorf("%s: a planted value makes the body unreadable: %v", r.where, err)
				continue
			}
			p := doc.Prompt()
			report, err := snap.Classifier.Classify(context.Background(), p.Segments)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range report.Findings {
				if f.Type == "EMAIL_ADDRESS" && p.Segments[f.Segment].Text.Reveal()[f.Start:f.End] == planted {
					found = true
					for _, o := range p.Opaque {
						if o.Index == f.Segment {
							opaque++
							break
						}
					}
					break
				}
			}
			leaves++
			if !found {
				t.Errorf("%s: a value planted at byte %d is not found", r.where, s[0])
			}
		}
	}
	t.Logf("planted at %d strings of %d bodies, all looked at; %d of them in parts that are opaque as well", leaves, bodies, opaque)
	if leaves < 5000 {
		t.Errorf("only %d strings planted: the test is blind", leaves)
	}
}

// stringLeaves gives the spans of the string values of a JSON text, quotes
// included; keys are not values. It uses encoding/json, so that it shares no
// code with the reader under test.
func stringLeaves(body []byte) (spans [][2]int, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var stack []bool // of each open container: an object
	key := false     // the next string is a key
	for {
		before := dec.InputOffset()
		tok, err := dec.Token()
		if err == io.EOF {
			return spans, len(stack) == 0 && len(body) > 0
		}
		if err != nil {
			return nil, false
		}
		top := func() bool { return len(stack) > 0 && stack[len(stack)-1] }
		switch v := tok.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				stack = append(stack, v == '{')
				key = v == '{'
				continue
			default:
				stack = stack[:len(stack)-1]
			}
		case string:
			if key {
				key = false
				continue
			}
			end := int(dec.InputOffset())
			start := int(before) + bytes.IndexByte(body[before:end], '"')
			spans = append(spans, [2]int{start, end})
		}
		key = top()
	}
}
