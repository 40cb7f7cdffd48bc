package telemetry

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

func TestLogger(t *testing.T) {
	const secret = "my password is hunter2"
	for _, asJSON := range []bool{false, true} {
		var b strings.Builder
		log := Logger(&b, slog.LevelInfo, asJSON)
		log.Debug("below the level")
		log.With(slog.Any("path", proxy.NewText(secret))).WithGroup("g").Info("started",
			slog.Duration("took", 1500*time.Microsecond+7*time.Nanosecond), slog.Any("head", proxy.Head{Path: proxy.NewText(secret)}), slog.Any("field", []proxy.Field{{Name: "x", Value: proxy.NewText(secret)}}))
		out := b.String()
		if strings.Contains(out, "hunter2") || strings.Contains(out, "below") || strings.Count(out, "\n") != 1 || !strings.Contains(out, "1.5ms") {
			t.Errorf("json=%v: %s", asJSON, out)
		}
		stamp := out[len("time=") : strings.IndexByte(out, ' ')+1]
		if asJSON {
			var line struct{ Time, Msg string }
			if err := json.Unmarshal([]byte(out), &line); err != nil || line.Msg != "started" {
				t.Fatalf("%v: %s", err, out)
			}
			stamp = line.Time
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", strings.TrimSpace(stamp)); err != nil {
			t.Errorf("the time is not in UTC to the millisecond: %s", stamp)
		}
	}
}
