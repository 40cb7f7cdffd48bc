//go:build unix

package otlp

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
	"github.com/ostiary/ostiary/testdata/stores"
)

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) { return New(Options{URL: "http://" + args[0]}) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func asError(err error) *ship.Error {
	var e *ship.Error
	if errors.As(err, &e) {
		return e
	}
	return &ship.Error{}
}

// arrived is what the collector tells of a record.
type arrived struct {
	Attributes struct {
		Origin string   `json:"audit.log.origin"`
		Index  int64    `json:"audit.log.index"`
		Action string   `json:"ostiary.action"`
		Types  []string `json:"ostiary.finding.types"`
		Model  string   `json:"gen_ai.request.model"`
	} `json:"attributes"`
	Resource struct {
		Service  string `json:"service.name"`
		Instance string `json:"service.instance.id"`
	} `json:"resource"`
	Body, Event, Severity, Trace string
}

// once reads the collector's file as a store would that keeps one record for each
// origin and index. A line that a kill cut off was not answered.
func once(t testing.TB, file string) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		seen := map[string]string{}
		r, lines := bufio.NewReader(f), 0
		for {
			line, err := r.ReadBytes('\n')
			if err != nil {
				break
			}
			var a arrived
			if json.Unmarshal(line, &a) != nil {
				continue
			}
			lines++
			key := fmt.Sprint(a.Attributes.Origin, " ", a.Attributes.Index)
			if was, ok := seen[key]; ok {
				if was != a.Body {
					return nil, fmt.Errorf("two records under %s", key)
				}
				continue
			}
			seen[key] = a.Body
			out = append(out, stores.Row{Index: a.Attributes.Index, Core: a.Body})
		}
		t.Logf("%d arrivals", lines)
		return out, nil
	}
}

func TestEveryRecordArrivesThroughKills(t *testing.T) {
	env.LongOnly(t)
	s, file := env.Collector(t)
	stores.Prove(t, s, once(t, file), s.Address)
	var a arrived
	b, err := os.ReadFile(file)
	must(t, err)
	line, _, _ := bytes.Cut(b, []byte("\n"))
	must(t, json.Unmarshal(line, &a))
	if a.Attributes.Action != "reroute" || !slices.Equal(a.Attributes.Types, []string{"EMAIL_ADDRESS"}) || a.Attributes.Model != "gpt-5" ||
		a.Resource.Service != "ostiary" || a.Resource.Instance != stores.Origin || a.Event != "ostiary.decision" || a.Severity != "INFO" || a.Trace != strings.Repeat("0", 31)+"1" {
		t.Errorf("%+v", a)
	}
}

// server answers OTLP requests.
func server(t testing.TB, answer func(w http.ResponseWriter, q *collogs.ExportLogsServiceRequest)) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			http.Error(w, "", http.StatusTeapot)
			return
		}
		b, _ := io.ReadAll(z)
		var q collogs.ExportLogsServiceRequest
		if err := proto.Unmarshal(b, &q); err != nil {
			t.Error(err)
		}
		answer(w, &q)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestARecordHasNoMoreThanItMay(t *testing.T) {
	var got *collogs.ExportLogsServiceRequest
	s := server(t, func(_ http.ResponseWriter, q *collogs.ExportLogsServiceRequest) { got = q })
	k, err := New(Options{URL: s.URL, NoBody: true, Service: "x", now: func() time.Time { return time.Unix(1, 0) }})
	must(t, err)
	core := `{"decision":{"action":"deny","code":"blocked","mode":"enforce","status":403},"id":"ID","kind":"decision","personal":{"commitment":"canary"},"request":{"trace":"0123456789abcdef0123456789abcdef"},"time":"2026-11-24T09:00:03.000Z","v":1}`
	must(t, k.Ship(context.Background(), ship.Batch{Origin: "o", First: 4, Records: []ship.Record{{Index: 4, Core: []byte(core)}, {Index: 5, Core: []byte(`{"time":"2500-01-01T00:00:00Z"}`)}}}))
	records := got.ResourceLogs[0].ScopeLogs[0].LogRecords
	l := records[0]
	var attributes []string
	for _, a := range l.Attributes {
		v := a.Value.GetStringValue()
		if v == "" {
			v = fmt.Sprint(a.Value.GetIntValue())
		}
		attributes = append(attributes, a.Key+"="+v)
	}
	leaf := ship.Leaf([]byte(core))
	want := fmt.Sprintf("audit.log.origin=o audit.log.index=4 audit.log.leaf=%x ostiary.id=ID ostiary.decision_id=ID ostiary.kind=decision ostiary.action=deny ostiary.code=blocked ostiary.mode=enforce http.response.status_code=403", leaf)
	if strings.Join(attributes, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(attributes, " "), want)
	}
	if l.Body != nil || l.SeverityText != "WARN" || l.TimeUnixNano != 1795510803e9 || l.ObservedTimeUnixNano != 1e9 || fmt.Sprintf("%x", l.TraceId) != "0123456789abcdef0123456789abcdef" || l.EventName != "ostiary.decision" {
		t.Errorf("%v", l)
	}
	if l := records[1]; l.TimeUnixNano != 0 || l.TraceId != nil || l.EventName != "ostiary.unknown" {
		t.Errorf("%v", l)
	}
}

func TestAnswers(t *testing.T) {
	b := ship.Batch{Origin: "o", Records: []ship.Record{{Core: []byte(`{}`)}}}
	var answer func(w http.ResponseWriter)
	s := server(t, func(w http.ResponseWriter, _ *collogs.ExportLogsServiceRequest) { answer(w) })
	k, err := New(Options{URL: s.URL})
	must(t, err)
	for name, c := range map[string]struct {
		status int
		after  string
		want   ship.Kind
		wait   time.Duration
	}{
		"good":       {200, "", ship.KindNone, 0},
		"bad data":   {400, "", ship.Refused, 0},
		"login":      {401, "", ship.Credentials, 0},
		"no path":    {404, "", ship.Unsupported, 0},
		"too large":  {413, "", ship.Refused, 0},
		"throttled":  {429, "7", ship.Busy, 7 * time.Second},
		"overloaded": {503, "999999999", ship.Busy, 5 * time.Minute},
		"gateway":    {502, "soon", ship.Busy, 0},
		"moved":      {308, "", ship.Unsupported, 0},
	} {
		answer = func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", c.after)
			w.Header().Set("Location", "/")
			w.WriteHeader(c.status)
			if c.status != 200 {
				io.WriteString(w, "canary")
			}
		}
		err := k.Ship(context.Background(), b)
		if e := asError(err); e.Kind != c.want || e.After != c.wait || strings.Contains(e.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	answer = func(w http.ResponseWriter) { io.WriteString(w, "<html>") }
	if err := k.Ship(context.Background(), b); asError(err).Kind != ship.Unsupported {
		t.Errorf("%v", err)
	}
	s.Close()
	if err := k.Ship(context.Background(), b); asError(err).Kind != ship.Unreachable {
		t.Errorf("%v", err)
	}
	k, err = New(Options{URL: s.URL, Headers: func() (http.Header, error) { return nil, errors.New("canary") }})
	must(t, err)
	if err := k.Ship(context.Background(), b); asError(err).Kind != ship.Credentials || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

// A collector that takes a part of a batch: what it refused is parked alone.
func TestPartialSuccess(t *testing.T) {
	dir := t.TempDir()
	rs := stores.Cores(t, dir, 40)
	taken := map[int64]string{}
	s := server(t, func(w http.ResponseWriter, q *collogs.ExportLogsServiceRequest) {
		var rejected int64
		for _, l := range q.ResourceLogs[0].ScopeLogs[0].LogRecords {
			n := l.Attributes[1].Value.GetIntValue()
			if n == 13 || n == 30 {
				rejected++
				continue
			}
			taken[n] = l.Body.GetStringValue()
		}
		out := &collogs.ExportLogsServiceResponse{PartialSuccess: &collogs.ExportLogsPartialSuccess{RejectedLogRecords: rejected, ErrorMessage: "canary"}}
		b, _ := proto.Marshal(out)
		w.Write(b)
	})
	k, err := New(Options{URL: s.URL, Headers: func() (http.Header, error) { return http.Header{"Authorization": {"Bearer x"}}, nil }})
	must(t, err)
	parts, parked := []ship.Batch{stores.Batch(rs)}, []int64{}
	for len(parts) > 0 { // as the shipper does
		b := parts[0]
		parts = parts[1:]
		switch e := asError(k.Ship(context.Background(), b)); {
		case e.Kind == ship.KindNone:
		case e.Kind != ship.Refused || strings.Contains(e.Error(), "canary"):
			t.Fatal(e)
		case len(b.Records) == 1:
			parked = append(parked, b.First)
		default:
			h := len(b.Records) / 2
			parts = append([]ship.Batch{stores.Batch(b.Records[:h]), stores.Batch(b.Records[h:])}, parts...)
		}
	}
	if !slices.Equal(parked, []int64{13, 30}) || len(taken) != 38 {
		t.Errorf("parked %v, %d taken", parked, len(taken))
	}
}

func TestNewRefuses(t *testing.T) {
	for _, u := range []string{"", "collector:4317", "http://u:p@h", "grpc://h"} {
		if _, err := New(Options{URL: u}); err == nil {
			t.Errorf("%q: no error", u)
		}
	}
}
