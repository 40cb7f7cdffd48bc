package envoy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Bounds of talking to Envoy's administration.
const (
	adminTimeout = 5 * time.Second
	maxAdminBody = 4 << 20
)

// admin speaks to Envoy's administration over its unix socket.
type admin struct{ client *http.Client }

func newAdmin(path string) *admin {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &admin{client: &http.Client{Timeout: adminTimeout, Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1, DisableCompression: true}}}
}

func (a *admin) do(ctx context.Context, method, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAdminBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAdminBody {
		return nil, errors.New("envoy: the administration's answer is over its limit")
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy: %s answered %d", path, resp.StatusCode)
	}
	return body, nil
}

func (a *admin) close() { a.client.CloseIdleConnections() }

// Stat is one of Envoy's counters or gauges.
type Stat struct {
	Name  string // short and stable, see statRows
	Value int64
	Alert bool // whether a rise means that something is wrong
}

type statRow struct {
	name, envoy string
	alert       bool
}

// statRows are the statistics that are read, by Envoy's names. What Envoy does
// not know (yet) is 0.
var statRows = [...]statRow{
	{"ext_proc_streams_started", "http.ostiary.ext_proc.ostiary.streams_started", false},
	{"ext_proc_streams_failed", "http.ostiary.ext_proc.ostiary.streams_failed", true},
	{"ext_proc_message_timeouts", "http.ostiary.ext_proc.ostiary.message_timeouts", true},
	{"ext_proc_spurious_messages", "http.ostiary.ext_proc.ostiary.spurious_msgs_received", true},
	{"ext_proc_rejected_mutations", "http.ostiary.ext_proc.ostiary.rejected_header_mutations", true},
	{"ext_proc_clear_route_cache_ignored", "http.ostiary.ext_proc.ostiary.clear_route_cache_ignored", true},
	{"ext_proc_server_half_closed", "http.ostiary.ext_proc.ostiary.server_half_closed", true},
	{"ext_proc_failure_mode_allowed", "http.ostiary.ext_proc.ostiary.failure_mode_allowed", true},
	{"rbac_denied", "http.ostiary.rbac.denied", true},
	{"direct_responses", "http.ostiary.rq_direct_response", true},
	{"no_filter_chain_match", "listener.ostiary.no_filter_chain_match", true},
	{"connections_active", "http.ostiary.downstream_cx_active", false},
	{"connections_overload_rejected", "listener.ostiary.downstream_global_cx_overflow", true},
	{"requests_active", "http.ostiary.downstream_rq_active", false},
	{"requests_total", "http.ostiary.downstream_rq_total", false},
	{"requests_too_large", "http.ostiary.downstream_rq_too_large", false},
	{"sds_update_rejected", "sds.update_rejected", true},
}

// stats reads statRows. sds.* is summed over the secrets, whose names are in
// Envoy's.
func (a *admin) stats(ctx context.Context) ([]Stat, error) {
	q := url.Values{"format": {"json"}, "filter": {`^(http\.ostiary\.|listener\..*(no_filter_chain_match|downstream_global_cx_overflow)$|(cluster\..*|)sds\..*\.update_rejected$)`}}
	body, err := a.do(ctx, http.MethodGet, "/stats?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("envoy: statistics: %w", err)
	}
	var in struct {
		Stats []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, errors.New("envoy: the statistics cannot be read")
	}
	values := map[string]int64{}
	for _, s := range in.Stats {
		name := s.Name
		switch {
		case strings.HasPrefix(name, "listener."):
			name = "listener.ostiary" + name[strings.LastIndexByte(name, '.'):]
		case strings.Contains(name, "sds.") && strings.HasSuffix(name, ".update_rejected"):
			name = "sds.update_rejected"
		}
		values[name] += s.Value
	}
	out := make([]Stat, len(statRows))
	for i, r := range statRows {
		out[i] = Stat{Name: r.name, Value: values[r.envoy], Alert: r.alert}
	}
	return out, nil
}

// ready reports whether Envoy serves.
func (a *admin) ready(ctx context.Context) bool {
	b, err := a.do(ctx, http.MethodGet, "/ready")
	return err == nil && strings.TrimSpace(string(b)) == "LIVE"
}

// stopped reports whether the listener's sockets are closed.
func (a *admin) stopped(ctx context.Context) bool {
	b, err := a.do(ctx, http.MethodGet, "/stats?filter="+url.QueryEscape(`^listener_manager\.listener_stopped$`))
	return err == nil && !strings.HasSuffix(strings.TrimSpace(string(b)), ": 0")
}

// active gives the number of requests under way.
func (a *admin) active(ctx context.Context) (int64, error) {
	all, err := a.stats(ctx)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(all, func(s Stat) bool { return s.Name == "requests_active" })
	return all[i].Value, nil
}
