package envoy

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// stderrFormat makes Envoy's own messages tell themselves from whatever else it
// prints: when it crashes, it dumps the headers of the request at hand, and
// those lines do not begin so.
const (
	stderrMark   = "ostiary|"
	stderrFormat = stderrMark + "%l|%n|%v"
)

// Bounds of Envoy's messages.
const (
	maxMessage     = 512         // bytes of one
	maxStderrLine  = 16 << 10    // bytes read of one
	messagesPer    = 20          // in each messageWindow; the rest is counted
	messageWindow  = time.Second // see messagesPer
	messagesToTell = 5           // kept for an error
)

// workInProgress stands in a warning about the one message of ours that Envoy's
// project has not declared stable; it comes for each range of addresses that a
// passed name may not have.
const workInProgress = "message 'xds.core.v3.CidrRange' is contained in"

// stderrLog passes Envoy's own messages on, bounded in length and number, and
// drops whatever is not one.
type stderrLog struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex // guards what follows
	lasts   []string
	live    bool      // serving: from now on a line without a mark may hold a client's headers
	from    time.Time // of the window
	n       int       // messages in it
	dropped int       // since the last report
}

func newStderrLog(l *slog.Logger) *stderrLog { return &stderrLog{log: l, now: time.Now} }

// read reads until r ends.
func (s *stderrLog) read(r io.Reader) {
	br := bufio.NewReaderSize(r, maxStderrLine)
	for {
		line, long, err := br.ReadLine()
		if err != nil {
			break
		}
		s.line(string(line))
		for long {
			if _, long, err = br.ReadLine(); err != nil {
				break
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report()
}

func (s *stderrLog) line(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, ours := strings.CutPrefix(line, stderrMark)
	if !ours && s.live {
		s.dropped++
		return
	}
	level, component, message := "error", "start", rest
	if ours {
		if p := strings.SplitN(rest, "|", 3); len(p) == 3 {
			level, component, message = p[0], p[1], p[2]
		}
	}
	if strings.Contains(message, workInProgress) {
		return
	}
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	message = strings.ToValidUTF8(message, "?")
	if len(s.lasts) == messagesToTell {
		s.lasts = append(s.lasts[:0], s.lasts[1:]...)
	}
	s.lasts = append(s.lasts, message)
	if now := s.now(); now.Sub(s.from) >= messageWindow {
		s.report()
		s.from, s.n = now, 0
	}
	if s.n++; s.n > messagesPer {
		s.dropped++
		return
	}
	at := slog.LevelWarn
	switch level {
	case "error", "critical", "off":
		at = slog.LevelError
	case "info", "debug", "trace":
		at = slog.LevelInfo
	}
	s.log.Log(context.Background(), at, "envoy says", "component", component, "message", message)
}

// report tells how many lines were dropped. The caller holds mu.
func (s *stderrLog) report() {
	if s.dropped > 0 {
		s.log.Warn("lines of envoy were dropped", "lines", s.dropped)
		s.dropped = 0
	}
}

// serving says that clients are served from now on.
func (s *stderrLog) serving() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = true
}

// last gives Envoy's last messages in one line.
func (s *stderrLog) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lasts) == 0 {
		return "it said nothing"
	}
	return strings.Join(s.lasts, "; ")
}
