package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/export"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
)

// finder looks for many texts at once, each in plain, in hexadecimal, in base64 at
// each of its three alignments, and as a plain MD5, SHA-1 or SHA-256 in these forms.
type finder struct {
	first  [1 << 21]uint64 // a bit for each three bytes that a form begins with
	forms  map[[formKey]byte][]form
	texts  int
	number int
}

type form struct {
	bytes []byte
	what  string // place and form, never the text
}

var noughts [4096]byte

const formKey = 12 // bytes by which a form is looked up

func (f *finder) add(place, text string) {
	f.texts++
	b := []byte(text)
	f.form(place+" in plain", b)
	f.form(place+" in hex", []byte(hex.EncodeToString(b)))
	f.form(place+" in HEX", []byte(strings.ToUpper(hex.EncodeToString(b))))
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for at := range 3 {
			// What depends on the neighbours is cut off.
			padded := append(make([]byte, at), b...)
			code := enc.EncodeToString(padded)
			f.form(fmt.Sprint(place, " in base64 at ", at), []byte(code[(at*8+5)/6:len(padded)*8/6]))
		}
	}
	for name, sum := range map[string][]byte{"MD5": of(md5.Sum(b)), "SHA-1": of20(sha1.Sum(b)), "SHA-256": of32(sha256.Sum256(b))} {
		f.form(place+" as "+name, sum)
		f.form(place+" as "+name+" in hex", []byte(hex.EncodeToString(sum)))
		f.form(place+" as "+name+" in HEX", []byte(strings.ToUpper(hex.EncodeToString(sum))))
		f.form(place+" as "+name+" in base64", []byte(base64.RawStdEncoding.EncodeToString(sum)))
		f.form(place+" as "+name+" in base64url", []byte(base64.RawURLEncoding.EncodeToString(sum)))
	}
}

func of(b [16]byte) []byte   { return b[:] }
func of20(b [20]byte) []byte { return b[:] }
func of32(b [32]byte) []byte { return b[:] }

func (f *finder) form(what string, b []byte) {
	if f.forms == nil {
		f.forms = map[[formKey]byte][]form{}
	}
	k := [formKey]byte(b)
	for _, have := range f.forms[k] {
		if bytes.Equal(have.bytes, b) {
			return
		}
	}
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	f.first[n>>6>>2] |= 1 << (n >> 2 & 63)
	f.forms[k] = append(f.forms[k], form{b, what})
	f.number++
}

// find gives the forms that are in b, by how often.
func (f *finder) find(b []byte) map[string]int {
	out := map[string]int{}
	for i := 0; i+formKey <= len(b); i++ {
		for b[i] == 0 && i+len(noughts)+formKey <= len(b) && bytes.Equal(b[i:i+len(noughts)], noughts[:]) {
			i += len(noughts) - formKey // what is reserved and not written; no form begins with so many
		}
		n := int(b[i])<<16 | int(b[i+1])<<8 | int(b[i+2])
		if f.first[n>>6>>2]>>(n>>2&63)&1 == 0 {
			continue
		}
		for _, c := range f.forms[[formKey]byte(b[i:])] {
			if bytes.HasPrefix(b[i:], c.bytes) {
				out[c.what]++
			}
		}
	}
	return out
}

// clean fails where anything is found in b.
func (f *finder) clean(t *testing.T, where string, b []byte) {
	t.Helper()
	n := 0
	for what, times := range f.find(b) {
		if n++; n <= 5 {
			t.Errorf("%s holds a canary: %s, %d times", where, what, times)
		}
	}
	if n > 5 {
		t.Errorf("%s holds %d forms of canaries in all", where, n)
	}
}

// The finder finds each form, wherever it stands: else a clean run says nothing.
func TestFinder(t *testing.T) {
	var f finder
	const text = "kanariefågel-17"
	f.add("x", text)
	f.add("y", "4716000011112222")
	b, sum := []byte(text), sha256.Sum256([]byte(text))
	for what, hay := range map[string]string{
		"x in plain": text, "x in hex": hex.EncodeToString(b), "x in HEX": fmt.Sprintf("%X", b),
		"x in base64 at 0": base64.StdEncoding.EncodeToString([]byte(text + "!")), "x in base64 at 1": base64.URLEncoding.EncodeToString([]byte("a" + text + "?")),
		"x in base64 at 2":  base64.StdEncoding.EncodeToString([]byte("~~" + text)),
		"x as MD5 in hex":   fmt.Sprintf("%x", md5.Sum(b)),
		"x as SHA-1 in HEX": fmt.Sprintf("%X", sha1.Sum(b)), "x as SHA-256": string(sum[:]), "x as SHA-256 in base64": base64.RawStdEncoding.EncodeToString(sum[:]),
	} {
		for _, before := range []string{"", "ab", "\x00\xff\x00"} {
			if got := f.find([]byte(before + hay + "..")); got[what] != 1 || len(got) != 1 {
				t.Errorf("%s behind %d bytes: %v", what, len(before), got)
			}
		}
	}
	if got := f.find([]byte("kanariefågel-18 kanariefågel-1 4716000011112223")); len(got) != 0 {
		t.Errorf("others are found: %v", got)
	}
}

// canaries are the values planted in one request, none of which is in another.
type canaries struct{ word, mail, card, key, number, header, name, query string }

func canariesOf(seed string) canaries {
	h := sha256.Sum256([]byte(seed))
	x := hex.EncodeToString(h[:])
	digits := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteByte('0' + h[(from+i)%len(h)]%10)
		}
		return b.String()
	}
	return canaries{
		word: "kanarie" + x[:12], mail: "m" + x[12:24] + "@fink-" + x[24:32] + ".se", card: luhn("4716" + digits(3, 11)),
		key: "nyckel" + x[32:44], number: "7" + digits(17, 14), header: "huvud" + x[40:52], name: "namn" + x[44:56], query: "fraga" + x[52:64],
	}
}

// luhn adds the check digit (ISO/IEC 7812-1, annex B).
func luhn(s string) string {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

// plant puts canaries into a request: into its longest text, a key and a number of
// its object, a header's name and value, the query. Every other request has nothing
// in it that a policy keeps from leaving.
func plant(r recorded, c canaries, found bool, f *finder) recorded {
	text := " " + c.word + " "
	if found {
		text += c.mail + " card " + c.card + " "
		f.add("an address", c.mail)
		f.add("a card", c.card)
	}
	f.add("a word", c.word)
	f.add("a header", c.header)
	f.add("a header's name", c.name)
	f.add("the query", c.query)
	if spans, ok := stringLeaves(r.body); ok && len(spans) > 0 {
		longest := spans[0]
		for _, s := range spans {
			if s[1]-s[0] > longest[1]-longest[0] {
				longest = s
			}
		}
		r.body = append(append(append([]byte{}, r.body[:longest[1]-1]...), text...), r.body[longest[1]-1:]...)
		if i := bytes.IndexByte(r.body, '{'); len(bytes.TrimSpace(r.body[:max(i, 0)])) == 0 && i >= 0 {
			f.add("a key", c.key)
			f.add("a number", c.number)
			r.body = append(append(append([]byte{}, r.body[:i+1]...), `"`+c.key+`":"x","n":`+c.number+`,`...), r.body[i+1:]...)
		}
	} else if len(r.body) > 0 {
		r.body = append([]byte(nil), bytes.Replace(r.body, []byte("\n\n"), []byte("\n\n"+text), 1)...)
		r.body = append(r.body, text...)
	}
	sep := "?"
	if strings.Contains(r.path, "?") {
		sep = "&"
	}
	r.path += sep + "q=" + c.query
	sent := http.Header{"X-Note": {c.header}}
	for k, v := range r.header { // as recorded, without what is about the connection
		if k = http.CanonicalHeaderKey(k); !slices.Contains([]string{"Content-Length", "Accept-Encoding", "Connection", "Host", "Transfer-Encoding", "User-Agent", "Expect"}, k) {
			sent[k] = v
		}
	}
	r.header = sent
	r.header.Set("X-"+c.name, "1")
	return r
}

// ourCases are requests of our own: those of the readers' tests, and some whose
// names are canaries where clients choose names.
func ourCases(t *testing.T, f *finder) []recorded {
	t.Helper()
	files, err := filepath.Glob("../../proxy/dialect/testdata/bodies/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d cases of our own, %v", len(files), err)
	}
	var out []recorded
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := recorded{where: filepath.Base(name), header: http.Header{}}
		for _, file := range a.Files {
			switch file.Name {
			case "request":
				lines := strings.Split(strings.TrimSpace(string(file.Data)), "\n")
				r.method, r.path, _ = strings.Cut(lines[0], " ")
				for _, l := range lines[1:] {
					k, v, _ := strings.Cut(l, ":")
					if k != "authorization" && k != "host" && k != "content-encoding" && k != "content-length" {
						r.header.Add(k, strings.TrimSpace(v))
					}
				}
			case "body":
				r.body = file.Data
				if strings.Contains(r.where, "multipart") {
					r.body = bytes.ReplaceAll(r.body, []byte("\n"), []byte("\r\n"))
				}
			}
		}
		out = append(out, r)
	}
	// Each name is a canary of its own, of a form that no detector knows.
	n := 0
	name := func(place string) string {
		n++
		x := sha256.Sum256([]byte(place + strconv.Itoa(n)))
		v := "vogel" + hex.EncodeToString(x[:6])
		f.add(place, v)
		return v
	}
	js := http.Header{"Content-Type": {"application/json"}}
	post := func(where, path, body string, header http.Header) {
		out = append(out, recorded{where: where, method: http.MethodPost, path: path, header: header, body: []byte(body)})
	}
	post("model", "/v1/chat/completions", `{"model":"`+name("a model")+`","messages":[{"role":"user","content":"Hi"}]}`, js)
	post("model of messages", "/v1/messages", `{"model":"`+name("a model")+`","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}`, js)
	post("tool", "/v1/chat/completions", `{"model":"gpt-5","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"`+name("a tool")+`","parameters":{"type":"object","properties":{"`+name("a parameter")+`":{"type":"string","enum":["`+name("an enum")+`"]}}}}}],"user":"`+name("a user")+`","metadata":{"`+name("a key of metadata")+`":"`+name("metadata")+`"}}`, js)
	post("role", "/v1/chat/completions", `{"model":"gpt-5","messages":[{"role":"`+name("a role")+`","name":"`+name("a name")+`","content":"Hi"}]}`, js)
	post("tool call", "/v1/responses", `{"model":"gpt-5","input":[{"type":"function_call","call_id":"`+name("a call")+`","name":"`+name("a tool called")+`","arguments":"{\"`+name("an argument")+`\":1}"},{"type":"function_call_output","call_id":"c","output":"`+name("an output")+`"}]}`, js)
	post("state", "/v1/responses", `{"model":"gpt-5","previous_response_id":"`+name("a response")+`","input":"Hi"}`, js)
	post("image", "/v1/chat/completions", `{"model":"gpt-5","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://`+name("a host")+`.example/`+name("a path of an image")+`.png"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,`+base64.StdEncoding.EncodeToString([]byte(name("an image")))+`"}},{"type":"file","file":{"filename":"`+name("a file's name")+`.pdf","file_id":"`+name("a file")+`"}}]}]}`, js)
	post("path", "/v1/"+name("a path"), `{}`, js)
	post("pool", "/"+name("a pool")+"/v1/chat/completions", chat("Hi"), js)
	post("broken", "/v1/chat/completions", `{"model":"gpt-5","messages":[{"role":"user","content":"`+name("broken")+`"`, js)
	post("twice", "/v1/chat/completions", `{"model":"gpt-5","`+name("a doubled key")+`":1,"messages":[],"messages":[{"role":"user","content":"`+name("a doubled value")+`"}]}`, js)
	post("type", "/v1/chat/completions", chat("Hi"), http.Header{"Content-Type": {"application/" + name("a media type")}})
	post("charset", "/v1/chat/completions", chat("Hi"), http.Header{"Content-Type": {"application/json; charset=" + name("a charset")}})
	post("encoding", "/v1/chat/completions", chat("Hi"), http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {name("an encoding")}})
	post("keys", "/v1/chat/completions", chat("Hi"), http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + name("a credential")}, "X-Api-Key": {name("an API key")}, "Openai-Organization": {name("an organisation")}, "Cookie": {"c=" + name("a cookie")}})
	post("form", "/v1/audio/transcriptions", "--B\r\nContent-Disposition: form-data; name=\""+name("a form's field")+"\"; filename=\""+name("a form's file")+".wav\"\r\nContent-Type: audio/"+name("a form's type")+"\r\n\r\n"+name("a form's value")+"\r\n--B--\r\n", http.Header{"Content-Type": {"multipart/form-data; boundary=B"}})
	return out
}

// traces is an OTLP collector that keeps what it gets, as it came.
type traces struct {
	collectortrace.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans int
	raw   []byte
}

type traceMetrics struct {
	collectormetrics.UnimplementedMetricsServiceServer
	of *traces
}

func newTraces(t *testing.T) (c *traces, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c = &traces{}
	s := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(s, c)
	collectormetrics.RegisterMetricsServiceServer(s, traceMetrics{of: c})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return c, l.Addr().String()
}

func (c *traces) keep(m proto.Message, spans int) {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw, c.spans = append(c.raw, b...), c.spans+spans
}

func (c *traces) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	n := 0
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			n += len(ss.Spans)
		}
	}
	c.keep(r, n)
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

func (m traceMetrics) Export(_ context.Context, r *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	m.of.keep(r, 0)
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// everyFile calls visit with each file below a directory. Files that are gone
// meanwhile are none, and sockets are none.
func everyFile(t *testing.T, dir string, visit func(name string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		b, err := os.ReadFile(p)
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			visit(p, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A canary planted in each of the requests is in none of what Ostiary leaves behind
// or tells anybody of: here with the cases of our own.
func TestNoContentOfOurCases(t *testing.T) {
	noContent(t, func(f *finder) []recorded { return ourCases(t, f) })
}

// The same with each recorded request.
func TestNoContentOfRecordedTraffic(t *testing.T) {
	all := recordings(t)
	noContent(t, func(*finder) []recorded { return all })
}

func noContent(t *testing.T, requests func(*finder) []recorded) {
	private, public, err := vault.GenerateEvidenceKey("officer")
	if err != nil {
		t.Fatal(err)
	}
	eachPlane(t, func(t *testing.T, plane string) {
		collector, endpoint := newTraces(t)
		metrics := freeAddress(t)
		keys := t.TempDir()
		if err := os.WriteFile(filepath.Join(keys, "dpo.pub"), []byte(public), 0o600); err != nil {
			t.Fatal(err)
		}
		in := launchLog(t, plane, "  evidence: {key: "+keys+"/dpo.pub, rules: [residency, secrets]}\n"+
			"  ship:\n    - {name: lines, to: file, dir: ./lines}\n    - {name: ocsf, to: file, dir: ./ocsf, format: ocsf}\n    - {name: cef, to: file, dir: ./cef, format: cef}\n",
			"telemetry: {listen: \""+metrics+"\", otlp: {endpoint: \""+endpoint+"\", insecure: true}}\n")
		f := &finder{}
		all := requests(f)
		codes := map[string]int{}
		var ids []string
		planted := make([]recorded, len(all))
		for i, r := range all {
			planted[i] = plant(r, canariesOf(fmt.Sprint(plane, " ", t.Name(), " ", i)), i%2 == 0, f)
		}
		// Several at once, so that they share the disk's time.
		answers := make([]*reply, len(all))
		var next atomic.Int64
		var sending sync.WaitGroup
		for range 8 {
			sending.Go(func() {
				for i := next.Add(1) - 1; i < int64(len(planted)); i = next.Add(1) - 1 {
					answers[i] = sendRecorded(in.url, planted[i])
				}
			})
		}
		sending.Wait()
		for i, got := range answers {
			if got == nil {
				t.Fatalf("%s: no answer", all[i].where)
			}
			if id := got.header.Get(proxy.HeaderDecisionID); id != "" {
				ids = append(ids, id)
			}
			codes[strings.TrimSpace(got.action()+" "+got.code())]++
		}
		// The canaries were there, and the finder is not blind.
		var arrived []byte
		for _, u := range []*upstream{in.openai, in.house} {
			for _, q := range u.Requests() {
				arrived = append(arrived, q.Target...)
				arrived = append(arrived, q.Body...)
				arrived = append(arrived, fmt.Sprint(q.Header)...)
			}
		}
		if seen := f.find(arrived); len(seen) < 4 {
			t.Fatalf("only %v was sent upstream: the test is blind; %v", seen, codes)
		}
		if len(ids) < len(all)/2 {
			t.Fatalf("only %d of %d requests were decided", len(ids), len(all))
		}
		dir := filepath.Dir(in.opts.config)
		files, size := 0, 0
		scan := func(when, dir string) {
			everyFile(t, dir, func(name string, b []byte) {
				rel, _ := filepath.Rel(dir, name)
				f.clean(t, when+": "+rel, b)
				files, size = files+1, size+len(b)
			})
		}
		eventually(t, "all outcomes are recorded", func() bool { return in.engine.Pending() == 0 })
		scan("while it runs", dir)
		if p, ok := in.plane.(*envoyPlane); ok {
			scan("Envoy's files", p.dir)
		}

		ctx := context.Background()
		api := in.control()
		if err := api.Seal(ctx, console.ActRequest{Ticket: "T-1"}); err != nil {
			t.Fatal(err)
		}
		told := &bytes.Buffer{}
		say := func(v any) {
			if err := json.NewEncoder(told).Encode(v); err != nil {
				t.Fatal(err)
			}
		}
		shown, evidence, prints := 0, 0, 0
		for s := (console.Search{Limit: 256, Personal: true}); ; {
			var page console.Events
			err := patiently(t, func() (err error) { page, err = api.Events(ctx, s); return err })
			if err != nil {
				t.Fatal(err)
			}
			shown += len(page.Events)
			for _, e := range page.Events {
				if e.Personal != nil {
					prints += len(e.Personal.Fingerprints)
				}
			}
			say(page)
			if s.Cursor = page.Next; s.Cursor == "" {
				break
			}
		}
		facets, err := api.Facets(ctx, console.Search{}, index.FacetFields(), 100)
		if err != nil {
			t.Fatal(err)
		}
		say(facets)
		histogram, err := api.Histogram(ctx, console.Search{}, 50, "code")
		if err != nil {
			t.Fatal(err)
		}
		say(histogram)
		for _, id := range ids[:min(20, len(ids))] {
			var got console.Events
			if err := patiently(t, func() (err error) { got, err = api.Event(ctx, id, true); return err }); err != nil {
				t.Fatal(err)
			}
			say(got)
		}
		for _, format := range export.Formats() {
			err := patiently(t, func() error {
				_, err := api.Export(ctx, told, format, console.Search{Query: "action:allow", Personal: true})
				return err
			})
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
		}
		stats, err := api.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		say(stats)
		f.clean(t, "an answer of the API", told.Bytes())
		page := scrape(t, metrics)
		f.clean(t, "the metrics", []byte(page))
		if !strings.Contains(page, "ostiary_exchanges") {
			t.Error("the metrics have no exchanges")
		}
		eventually(t, "the copies are whole", func() bool {
			stats, err = api.Stats(ctx)
			for _, s := range stats.Shippers {
				if s.Cursor < stats.Size-20 { // each look is an event, too
					return false
				}
			}
			return err == nil && len(stats.Shippers) == 3
		})
		in.end()
		scan("afterwards", dir)
		f.clean(t, "the process's log", []byte(in.screen.String()))
		collector.mu.Lock()
		defer collector.mu.Unlock()
		f.clean(t, "the traces", collector.raw)
		// Packed segments hide what they hold from a look at their bytes.
		r, err := audit.OpenReader(in.places.log)
		if err != nil {
			t.Fatal(err)
		}
		var records []byte
		for rec, err := range r.WithPersonal().Records(0) {
			if err != nil {
				t.Fatal(err)
			}
			records = append(append(records, rec.JSON...), rec.Personal...)
			if p, err := rec.OpenPersonal(); err == nil && p != nil {
				evidence += len(p.Evidence)
			}
		}
		f.clean(t, "a record", records)
		if collector.spans < len(ids)/2 || prints == 0 || evidence == 0 || shown < len(ids) {
			t.Errorf("%d spans, %d fingerprints, %d pieces of evidence, %d events shown: the test is blind", collector.spans, prints, evidence, shown)
		}
		// It is there, but sealed: the officer reads it.
		if n := opened(t, r, private, f); n == 0 {
			t.Error("no evidence opens to a canary")
		}
		t.Logf("%d requests %v; %d canaries in %d forms looked for in %d files (%d MiB), %d KiB of records, %d KiB of answers, %d KiB of traces; %d fingerprints, %d pieces of evidence",
			len(all), codes, f.texts, f.number, files, size>>20, len(records)>>10, told.Len()>>10, len(collector.raw)>>10, prints, evidence)
	})
}

// sendRecorded sends a request as it was recorded, and gives nil where there is no
// answer.
func sendRecorded(url string, r recorded) *reply {
	req, err := http.NewRequest(r.method, url, bytes.NewReader(r.body))
	if err != nil {
		return nil
	}
	req.URL.Opaque = r.path
	req.Header = r.header
	resp, err := client.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	return &reply{resp.StatusCode, resp.Header, b}
}

// opened gives how many pieces of evidence hold a canary.
func opened(t *testing.T, r *audit.Reader, private string, f *finder) (n int) {
	t.Helper()
	key, err := vault.ParseEvidenceKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range r.WithPersonal().Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		p, err := rec.OpenPersonal()
		if err != nil || p == nil {
			continue
		}
		ev, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Evidence {
			if _, more := vault.More(e.Type); more {
				continue
			}
			x, err := vault.OpenEvidence(key, e, ev.ID)
			if err != nil {
				t.Fatalf("evidence does not open: %v", err)
			}
			if len(f.find([]byte(x.Before+x.Match+x.After))) > 0 {
				n++
			}
		}
	}
	return n
}
