package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

// Connection is an intercepted connection that no verdict covers.
type Connection struct {
	Way, Name, Passage, Why string
	Sent, Received          int64
	Duration                time.Duration
}

type connections struct{}

func newConnections(_ *proxy.Engine, _ func() *pools.Providers, _ *slog.Logger) *connections {
	return &connections{}
}

// Add takes one.
func (c *connections) Add(Connection) {}

// Close ends it.
func (c *connections) Close(context.Context) {}
