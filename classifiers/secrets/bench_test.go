package secrets

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// page repeats text to n bytes.
func page(text string, n int) string {
	return strings.Repeat(text, n/len(text)+1)[:n]
}

// kinds are texts of 4 KiB, made up here.
func kinds() map[string]string {
	prose := "The quarterly review went through every open contract, and the team agreed to move two of the deadlines into the next month. " +
		"Nobody had asked the supplier whether the parts would arrive in time, so the answer that we sent was careful. " +
		"Please write a short summary for the board, three paragraphs at most, without jargon, and mention what is still missing.\n"
	code := "func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {\n\tname := r.FormValue(\"name\")\n\tif name == \"\" {\n\t\treturn errBadRequest\n\t}\n" +
		"\titem, ok := s.cache[key(name)]\n\tif !ok || item.expires.Before(now()) {\n\t\titem = &entry{value: load(name), tokens: 3}\n\t\ts.cache[key(name)] = item\n\t}\n" +
		"\tw.Header().Set(\"Content-Type\", \"application/json\")\n\treturn json.NewEncoder(w).Encode(map[string]any{\"name\": name, \"value\": item.value})\n}\n\n"
	env := "NODE_ENV=production\nPORT=8080\nLOG_LEVEL=debug\nDATABASE_URL=postgres://app:" + draw(alnum, 16, 401) + "@db.acme.test:5432/orders\nAPI_KEY=" + draw(alnum, 32, 402) +
		"\nSMTP_PASSWORD=" + draw(alnum, 14, 403) + "\nACME_TOKEN=ghp_" + withCRC(404)() + "\nFEATURE_FLAGS=a,b,c\nBUILD_SHA=" + draw(hexLower, 40, 405) + "\nREGION=eu-central-1\n"
	logs := "2031-02-03T04:05:06.789Z INFO  [worker-3] order=8812736451 status=200 duration_ms=17 path=/v2/orders/8812736451 trace=4bf92f3577b34da6a3ce929d0e0e4736\n" +
		"2031-02-03T04:05:06.801Z WARN  [worker-1] retry=2 host=cache-01.internal:6379 err=\"i/o timeout\" id=550e8400-e29b-41d4-a716-446655440000\n"
	js := `{"id":"a81f","created":1931234567,"items":[{"name":"bolt","qty":4,"price":"12.50"},{"name":"nut","qty":9,"price":"3.10"}],"owner":{"team":"ops","active":true},"next":null},` + "\n"
	out := map[string]string{}
	for n, t := range map[string]string{"prose": prose, "code": code, "env": env, "logs": logs, "json": js} {
		out[n] = page(t, 4<<10)
	}
	return out
}

// BenchmarkSecrets measures the detectors of this package over 4 KiB, beside the
// walk alone, which a detector without candidates stands for.
func BenchmarkSecrets(b *testing.B) {
	t := secret("NONE", "Nothing, for the measure of the walk.")
	idle := &classifiers.Detector{
		Name: "idle", Version: 1, Doc: "A detector that waits for a word that no text has, so that the walk alone is measured.", Types: []*classifiers.Type{t},
		Positives: []string{"[[SECRET_NONE|x]]"}, NearMisses: []string{"y"},
		Interests: []classifiers.Interest{{Shape: classifiers.Prefix, Literals: []string{"zqzqzqzq"}, Judge: func(*classifiers.Scan, classifiers.Candidate) {}}},
	}
	for _, kind := range []string{"prose", "code", "env", "logs", "json"} {
		text := kinds()[kind]
		for name, list := range map[string][]*classifiers.Detector{"walk": {idle}, "secrets": Detectors()} {
			s := newSuite(b, list...)
			b.Run(fmt.Sprintf("%s/%s", kind, name), func(b *testing.B) {
				segs := []proxy.Segment{{Text: proxy.NewText(text)}}
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Classify(context.Background(), segs); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
