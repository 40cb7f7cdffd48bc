package names

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// mixed is text as prompts have it: sentences with names, prose without, code
// and logs, a quarter each.
func mixed(n int) string {
	people := []string{"Margaret Whitlock", "Tomasz Kowalczyk", "Aisha Rahman", "Diego Fuentes", "Hannah Bergmann", "Yusuf Demir", "Claire Fontaine", "Kwame Mensah"}
	places := []string{"Bristol", "Kraków", "Chicago", "Valencia", "Dresden", "Izmir", "Lyon", "Accra"}
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		p, q := people[i%8], places[i*3%8]
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "My name is %s and I live in %s. Please update my account 48%05d. I spoke with %s last week about the invoice, but nothing happened since.\n", p, q, i, people[(i+3)%8])
		case 1:
			b.WriteString("The quarterly report covers the costs of the migration, the open questions of the audit and the plan for the next release. All teams are asked to add their numbers before Friday, so that the summary can be sent in time. Nothing else has changed since the last version.\n")
		case 2:
			b.WriteString("```go\nfunc (s *Server) handle(w http.ResponseWriter, r *http.Request) {\n\tctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)\n\tdefer cancel()\n\tif err := s.store.Put(ctx, key, value); err != nil {\n\t\thttp.Error(w, err.Error(), http.StatusInternalServerError)\n\t\treturn\n\t}\n}\n```\n")
		case 3:
			for k := range 4 {
				fmt.Fprintf(&b, "2026-11-24T10:%02d:%02d.123Z INFO request_id=%08d status=200 bytes=%d dur=12ms\n", i%60, k, i*7919, i*31)
			}
		}
	}
	return b.String()[:n]
}

func BenchmarkNames(b *testing.B) {
	s, err := classifiers.New(classifiers.Options{Detectors: Detectors(), Cache: -1, Budget: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	run := func(name, text string) {
		b.Run(name, func(b *testing.B) {
			segments := []proxy.Segment{{Text: proxy.NewText(text)}}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s.Classify(context.Background(), segments)
			}
		})
	}
	for _, n := range []int{1 << 10, 10 << 10, 100 << 10, 1 << 20} {
		run(fmt.Sprintf("mixed-%dK", n>>10), mixed(n))
	}
	lines := strings.Split(mixed(64<<10), "\n")
	for kind, pick := range map[string]func(string) bool{
		"names": func(l string) bool { return strings.HasPrefix(l, "My name") },
		"prose": func(l string) bool { return strings.HasPrefix(l, "The quarterly") },
		"code":  func(l string) bool { return strings.HasPrefix(l, "\t") || strings.HasPrefix(l, "func") },
		"logs":  func(l string) bool { return strings.HasPrefix(l, "2026") },
	} {
		var out []string
		for _, l := range lines {
			if pick(l) {
				out = append(out, l)
			}
		}
		run(kind, strings.Join(out, "\n"))
	}
}
