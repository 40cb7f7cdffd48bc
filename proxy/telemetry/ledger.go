package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Ledger is how the audit log stands, and what copies and signs it elsewhere.
type Ledger struct {
	Signed    time.Duration // since the last checkpoint while records wait for one, else 0
	IndexLag  int64         // records that cannot be searched yet
	DiskFree  int64         // bytes; negative where not known
	Sinks     []Sink
	Witnesses []Witness
}

// Sink is how a copy of the log stands. Its name is a configured one.
type Sink struct {
	Name    string
	Lag     int64 // records
	Behind  time.Duration
	Failing int64 // failures since it last took a batch; -1 where it has stopped
}

// Witness is when a witness signed last; the zero time is never.
type Witness struct {
	Name string
	At   time.Time
}

// observeLedger gives the callback of one of the gauges of the log.
func (t *Telemetry) observeLedger(id metricID) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		l := t.ledger()
		switch id {
		case mSigned:
			o.Observe(int64(l.Signed.Seconds()))
		case mIndexLag:
			o.Observe(l.IndexLag)
		case mDisk:
			if l.DiskFree >= 0 {
				o.Observe(l.DiskFree)
			}
		case mWitnessed:
			for _, w := range l.Witnesses {
				age := int64(-1)
				if !w.At.IsZero() {
					age = int64(t.now().Sub(w.At).Seconds())
				}
				o.Observe(age, metric.WithAttributes(attribute.String(attrWitness, w.Name)))
			}
		default:
			for _, s := range l.Sinks {
				v := map[metricID]int64{mShipLag: s.Lag, mShipBehind: int64(s.Behind.Seconds()), mShipFailing: s.Failing}[id]
				o.Observe(v, metric.WithAttributes(attribute.String(attrSink, s.Name)))
			}
		}
		return nil
	}
}
