// Command collector is a real OpenTelemetry collector for tests: the collector's
// own service and its OTLP receiver, over HTTP, with an exporter of ours that
// appends each log record's attributes to a file and synchronises it before it
// answers. So what a client was told to be accepted is in the file, also when the
// process is killed.
//
//	collector ADDRESS FILE
//
// It ends when its standard input does, so that it never outlives the test that
// started it.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: collector ADDRESS FILE")
		os.Exit(2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, file string) error {
	sink, err := newSink(file)
	if err != nil {
		return err
	}
	settings := otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "collector", Version: "test"},
		DisableGracefulShutdown: true, // the context ends it
		Factories: func() (otelcol.Factories, error) {
			f := otelcol.Factories{}
			r, e := otlpreceiver.NewFactory(), sink.factory()
			f.Receivers = map[component.Type]receiver.Factory{r.Type(): r}
			f.Exporters = map[component.Type]exporter.Factory{e.Type(): e}
			f.Telemetry = otelconftelemetry.NewFactory()
			return f, nil
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{"yaml:" + `
receivers: {otlp: {protocols: {http: {endpoint: "` + address + `"}}}}
exporters: {record: {}}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines: {logs: {receivers: [otlp], exporters: [record]}}
`},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
	}
	c, err := otelcol.NewCollector(settings)
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// sink writes what arrives to a file, a line for each record.
type sink struct {
	mu   sync.Mutex
	file *os.File
}

func newSink(path string) (*sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return &sink{file: f}, err
}

func (s *sink) factory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("record"), func() component.Config { return &struct{}{} },
		exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			return exporterhelper.NewLogs(ctx, set, cfg, s.write)
		}, component.StabilityLevelStable))
}

// line is what the file tells of a record.
type line struct {
	Attributes map[string]any `json:"attributes"`
	Resource   map[string]any `json:"resource"`
	Body       string         `json:"body"`
	Event      string         `json:"event"`
	Severity   string         `json:"severity"`
	Trace      string         `json:"trace"`
}

func (s *sink) write(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := json.NewEncoder(s.file)
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				trace := r.TraceID()
				l := line{
					Attributes: r.Attributes().AsRaw(), Resource: rl.Resource().Attributes().AsRaw(),
					Body: r.Body().AsString(), Event: r.EventName(), Severity: r.SeverityText(),
				}
				if !trace.IsEmpty() {
					l.Trace = hex.EncodeToString(trace[:])
				}
				if err := out.Encode(l); err != nil {
					return err
				}
			}
		}
	}
	return s.file.Sync()
}
