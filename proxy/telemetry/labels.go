package telemetry

import (
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of what label values may be.
const (
	// maxValues is how many distinct values one open label may have in the life
	// of a process; what comes later is "other". A time series is memory here
	// and in every store behind.
	maxValues = 256
	// maxValueLength is the longest value, in bytes.
	maxValueLength = 96
	// maxTypes is how many types of findings one span lists.
	maxTypes = 32
)

// Names are the configured names that may appear. A nil list is open: whatever
// is shaped like a name is taken, up to a bound of distinct values. The lists
// may not be written afterwards.
type Names struct {
	Pools  []string
	Models []string
	Types  []string // of findings
}

// domain is the set of values of one label.
type domain struct {
	mu     sync.RWMutex
	closed map[string]bool // nil where the domain is open
	seen   map[string]bool // what was ever let through; at most maxValues
	always []string
}

func newDomain(always ...string) *domain {
	return &domain{seen: map[string]bool{}, always: always}
}

// set makes the list the only values; nil opens the domain.
func (d *domain) set(list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = nil
	if list == nil {
		return
	}
	d.closed = map[string]bool{}
	for _, s := range append(append([]string{}, list...), d.always...) {
		d.closed[s] = true
	}
}

// of gives the value itself where it is one of the domain, else "other". Nothing
// is "none".
func (d *domain) of(s string) string {
	if s == "" {
		return wordNone
	}
	d.mu.RLock()
	listed := d.closed == nil || d.closed[s]
	known := d.seen[s]
	d.mu.RUnlock()
	switch {
	case !listed:
		return wordOther
	case known:
		return s
	case !shaped(s):
		return wordOther
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) >= maxValues && !d.seen[s] {
		return wordOther
	}
	s = strings.Clone(s) // not the event's memory
	d.seen[s] = true
	return s
}

// shaped reports whether s looks like a name: letters, digits and the few signs
// that names of pools, models and detectors have. Text of a client that got
// here by a fault of ours mostly does not; an address of a mailbox, which has
// an @, and words with spaces never do.
func shaped(s string) bool {
	if len(s) > maxValueLength {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._:/-", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// word gives s where the list has it, else "other"; nothing is "none".
func word(list []string, s string) string {
	if s == "" {
		return wordNone
	}
	for _, w := range list {
		if w == s {
			return w
		}
	}
	return wordOther
}

// mapped gives what the table makes of s, else "other".
func mapped(table map[string]string, s string) string {
	if w, ok := table[s]; ok {
		return w
	}
	return wordOther
}

// class gives the class of an HTTP status.
func class(status int) string {
	if status < 100 || status > 599 {
		return wordNone
	}
	return classes[status/100-1]
}

// labels makes the label sets of metrics, each once: sets are sorted and hashed
// when they are made, which costs more than the count itself.
type labels struct {
	mu   sync.RWMutex
	made map[labelKey]metric.MeasurementOption
}

// maxLabels is the number of labels of the widest metric.
const maxLabels = 4

// labelKey is a metric with the values of its labels.
type labelKey struct {
	id     metricID
	values [maxLabels]string
}

// maxLabelSets bounds the sets kept; beyond, sets are made anew each time. The
// SDK's own bound is the same.
const maxLabelSets = 4096

// of gives the label set of a metric. There are as many values as the metric has
// labels, in the table's order.
func (l *labels) of(id metricID, values ...string) metric.MeasurementOption {
	key := labelKey{id: id}
	copy(key.values[:], values)
	l.mu.RLock()
	o, ok := l.made[key]
	l.mu.RUnlock()
	if ok {
		return o
	}
	kv := make([]attribute.KeyValue, len(metrics[id].labels))
	for i, name := range metrics[id].labels {
		kv[i] = attribute.String(name, key.values[i])
	}
	o = metric.WithAttributeSet(attribute.NewSet(kv...))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.made) < maxLabelSets {
		l.made[key] = o
	}
	return o
}

// domains are the labels whose values a configuration names.
type domains struct {
	pools, models, types, codes *domain
}

func newDomains() *domains {
	return &domains{
		pools:  newDomain(proxy.PoolSelf),
		models: newDomain(proxy.Other, proxy.Unknown),
		types:  newDomain(),
		// Codes are ours and the policy authors'.
		codes: newDomain(),
	}
}
