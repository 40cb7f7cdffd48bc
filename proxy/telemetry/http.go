package telemetry

import (
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds of scraping.
const (
	maxScrapes    = 4 // at once; more get 503
	scrapeTimeout = 10 * time.Second
)

// Handler serves what a platform asks of a process: GET /metrics in Prometheus'
// text form, /healthz (200 as long as the process runs) and /readyz (200, or 503
// with what it waits for, one word a line). It holds no content, but belongs on
// an address that only the platform reaches: numbers are business too.
func (t *Telemetry) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", t.serveReady)
	return mux
}

func (t *Telemetry) serveReady(w http.ResponseWriter, _ *http.Request) {
	var waits []string
	if t.ready != nil {
		waits = t.ready()
	}
	if len(waits) == 0 {
		plain(w, http.StatusOK, "ready")
		return
	}
	lines := make([]string, len(waits))
	for i, s := range waits {
		lines[i] = wordOther
		if shaped(s) {
			lines[i] = s
		}
	}
	plain(w, http.StatusServiceUnavailable, lines...)
}

func plain(w http.ResponseWriter, status int, lines ...string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	for _, l := range lines {
		_, _ = io.WriteString(w, l+"\n")
	}
}
