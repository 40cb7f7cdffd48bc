package telemetry

import (
	"io"
	"log/slog"
	"time"
)

// Logger makes the logger for operators: lines of key=value, or of JSON, with
// times in UTC to the millisecond. It writes what it is given: content cannot be
// given to it, since proxy.Text logs as a placeholder.
func Logger(w io.Writer, level slog.Leveler, json bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 && a.Value.Kind() == slog.KindTime {
			return slog.String(slog.TimeKey, a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		}
		if a.Value.Kind() == slog.KindDuration {
			// Readable in text, and in JSON not a bare count of nanoseconds.
			return slog.String(a.Key, a.Value.Duration().Round(time.Microsecond).String())
		}
		return a
	}}
	if json {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
