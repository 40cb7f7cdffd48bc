package main

import (
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tellSystemd says how the service stands (sd_notify(3), Type=notify or
// notify-reload). Without systemd it says nothing to nobody.
func tellSystemd(state string, log *slog.Logger) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd could not be told how the service stands", "error", err)
	}
}

// watchdog ticks twice in the time in which systemd wants to hear of the service
// (WatchdogSec), and never where it does not.
func watchdog() (<-chan time.Time, func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(every / 2)
	return t.C, t.Stop
}
