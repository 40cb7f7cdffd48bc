package telemetry

import "github.com/ostiary/ostiary/proxy"

// This file is the one table of what leaves by telemetry: every attribute, every
// metric and every value that is a word of ours. What is not in it is not sent.
//
// Names that begin with gen_ai are OpenTelemetry's conventions for generative
// AI, which are in development and change: they are taken as of the
// semantic-conventions-genai repository of October 2026 (inference.duration in
// place of operation.duration), and changed here, in one place, when they move.
// None of the conventions' attributes that carry content is in the table.

// Attributes of spans.
const (
	attrOperation  = "gen_ai.operation.name"
	attrProvider   = "gen_ai.provider.name"
	attrModel      = "gen_ai.request.model"
	attrStream     = "gen_ai.request.stream"
	attrFirstChunk = "gen_ai.response.time_to_first_chunk" // seconds
	attrError      = "error.type"
	attrStatus     = "http.response.status_code"

	attrAction     = "ostiary.action"
	attrCode       = "ostiary.code" // of a refusal
	attrDecision   = "ostiary.decision.id"
	attrDialect    = "ostiary.dialect"
	attrFindings   = "ostiary.findings"      // how many
	attrTypes      = "ostiary.finding.types" // which
	attrLikelihood = "ostiary.finding.likelihood"
	attrType       = "ostiary.finding.type"
	attrMasked     = "ostiary.masked" // how many findings were replaced
	attrMode       = "ostiary.mode"
	attrPolicies   = "ostiary.policies.revision"
	attrPool       = "ostiary.pool"
	attrSent       = "ostiary.sent" // yes, no, unknown
	attrStep       = "ostiary.step"
	attrClass      = "ostiary.status_class"
	attrKind       = "ostiary.event.kind"
	attrAdmin      = "ostiary.admin.action"
	attrEnvoy      = "ostiary.envoy.stat"
	attrSignal     = "ostiary.signal"
	attrSink       = "ostiary.sink"    // a copy of the log, by its configured name
	attrWitness    = "ostiary.witness" // likewise
	attrWay        = "ostiary.connection.way"
	attrPassage    = "ostiary.connection.passage"
	attrTaken      = "ostiary.connection.kind" // what its name is taken for
)

// spanAttributes is all that a span may carry.
var spanAttributes = []string{
	attrOperation, attrProvider, attrModel, attrStream, attrFirstChunk, attrError, attrStatus,
	attrAction, attrCode, attrDecision, attrDialect, attrFindings, attrTypes, attrMasked, attrMode,
	attrPolicies, attrPool, attrSent,
}

// kind is the form of a metric.
type kind uint8

const (
	counter kind = iota
	gauge
	seconds // a histogram of time
	sizes   // a histogram of counts
)

func (k kind) String() string {
	return [...]string{counter: "counter", gauge: "gauge", seconds: "histogram of seconds", sizes: "histogram of counts"}[k]
}

// metricID names a row of metrics.
type metricID int

const (
	mExchanges metricID = iota
	mOpen
	mRefusals
	mFindings
	mStep
	mDecision
	mInference
	mFirstChunk
	mOutcomes
	mUngoverned
	mLost
	mAdmin
	mConnections
	mCommit
	mSync
	mBatch
	mQueue
	mEnvoy
	mExport
	mPolicyAge
	mSigned
	mIndexLag
	mDisk
	mShipLag
	mShipBehind
	mShipFailing
	mWitnessed
	metricCount
)

// metricRow describes a metric. Prometheus names follow from name, unit and
// kind: dots become underscores, counters end in _total, times in _seconds.
type metricRow struct {
	name, unit, about string
	kind              kind
	labels            []string
}

var metrics = [metricCount]metricRow{
	mExchanges:   {"ostiary.exchanges", "", "Decisions, by what was done.", counter, []string{attrAction, attrPool, attrDialect, attrOperation}},
	mOpen:        {"ostiary.exchanges.open", "", "Exchanges whose outcome is not known yet.", gauge, nil},
	mRefusals:    {"ostiary.refusals", "", "Refusals, by code.", counter, []string{attrCode}},
	mFindings:    {"ostiary.findings", "", "Recognised items in requests, by type and likelihood.", counter, []string{attrType, attrLikelihood}},
	mStep:        {"ostiary.step.duration", "s", "Time of one step of a decision.", seconds, []string{attrStep}},
	mDecision:    {"ostiary.decision.duration", "s", "Time of all steps of a decision, its durable record included.", seconds, []string{attrAction}},
	mInference:   {"gen_ai.client.inference.duration", "s", "From the request's first byte to the answer's last.", seconds, []string{attrOperation, attrProvider, attrModel}},
	mFirstChunk:  {"gen_ai.client.inference.time_to_first_chunk", "s", "From the request's first byte to the answer's first, of streamed answers.", seconds, []string{attrOperation, attrProvider, attrModel}},
	mOutcomes:    {"ostiary.outcomes", "", "Outcomes, by class of status and whether bytes were sent upstream.", counter, []string{attrClass, attrSent}},
	mUngoverned:  {"ostiary.ungoverned.sends", "", "Sends that no decision covers. Must be 0.", counter, nil},
	mLost:        {"audit.events.lost", "", "Events that could not be made durable. Must be 0.", counter, []string{attrKind}},
	mAdmin:       {"ostiary.admin.events", "", "Starts, stops, reloads and failures of them.", counter, []string{attrAdmin}},
	mConnections: {"ostiary.connections", "", "Intercepted connections that no decision covers: what passed, was refused, or looks like a model API.", counter, []string{attrWay, attrPassage, attrTaken}},
	mCommit:      {"ostiary.audit.commit.duration", "s", "Time of one commit of the audit log.", seconds, nil},
	mSync:        {"ostiary.audit.sync.duration", "s", "Time of one commit's synchronisation with the disk.", seconds, nil},
	mBatch:       {"ostiary.audit.commit.events", "", "Events of one commit.", sizes, nil},
	mQueue:       {"ostiary.audit.queue", "", "Calls that waited for the next commit when the last one was done.", gauge, nil},
	mEnvoy:       {"ostiary.envoy.alarms", "", "Envoy's own counters that tell of refused, failed or ungoverned streams.", counter, []string{attrEnvoy}},
	mExport:      {"ostiary.telemetry.export.failures", "", "Exports of telemetry that failed.", counter, []string{attrSignal}},
	mPolicyAge:   {"ostiary.policies.age", "s", "Seconds since the source of the policies last answered; only where they are a bundle.", gauge, nil},

	mSigned:      {"ostiary.audit.checkpoint.age", "s", "Seconds since the last checkpoint was signed, while records wait for one; else 0.", gauge, nil},
	mIndexLag:    {"ostiary.audit.index.lag", "", "Records that are durable and cannot be searched yet.", gauge, nil},
	mDisk:        {"ostiary.audit.disk.free", "By", "Room on the disk of the audit log.", gauge, nil},
	mShipLag:     {"ostiary.audit.ship.lag", "", "Records that a copy elsewhere has not got yet.", gauge, []string{attrSink}},
	mShipBehind:  {"ostiary.audit.ship.behind", "s", "How long the oldest record that a copy has not got has been recorded.", gauge, []string{attrSink}},
	mShipFailing: {"ostiary.audit.ship.failing", "", "Failures of a copy since it last took a batch; -1 where it has stopped.", gauge, []string{attrSink}},
	mWitnessed:   {"ostiary.audit.witness.age", "s", "Seconds since a witness last signed a checkpoint; -1 where it never did.", gauge, []string{attrWitness}},
}

// Bounds of histograms. A step takes microseconds, an answer minutes.
var (
	stepBounds      = []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	inferenceBounds = []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68}
	batchBounds     = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
)

// Words that stand where a name is not one of a closed list.
const (
	wordOther = proxy.Other
	wordNone  = "none"
)

// steps are the steps of a decision; see [proxy.Observer].
var steps = []string{"identify", "read", "classify", "decide", "edit", "record", wordOther}

// Closed lists of words that are ours.
var (
	actions = []string{string(proxy.Allow), string(proxy.Mask), string(proxy.Reroute), string(proxy.Deny)}
	modes   = []string{string(proxy.Enforce), string(proxy.Observe)}
	sents   = []string{"yes", "no", proxy.Unknown}
	kindsOf = []string{proxy.EventDecision, proxy.EventOutcome, proxy.EventAdmin, proxy.EventGap, proxy.EventGrant, proxy.EventAccess, proxy.EventPolicy,
		proxy.EventConfig, proxy.EventErasure, proxy.EventRetention, proxy.EventCheckpoint, proxy.EventConnection}
	admins = []string{"start", "stop", "reload", "reload_failed", "data_plane_started", "data_plane_ended", "ungoverned", "policy_activated", "policy_refused", "notify_failed", "grant_used",
		"search", "show", "export", "hash", "reveal", "denied", "erase", "hold", "release", "retain", "rotate", "seal", "connections_lost", "copy_stopped", "copy_failing"}
	ways     = []string{proxy.WayProxy, proxy.WayRedirect}
	passages = []string{"passed", "refused"}
	takens   = []string{"known_api", "known_app", "look_alike", "unknown"}
	levels   = []string{"very_unlikely", "unlikely", "possible", "likely", "very_likely"}
	classes  = []string{"1xx", "2xx", "3xx", "4xx", "5xx", wordNone}

	dialects = []string{proxy.DialectOpenAI, proxy.DialectAnthropic, proxy.DialectNone}
)

// operations maps our operations to gen_ai.operation.name. The conventions have
// words for three of them; the others are our own, as the conventions permit.
var operations = map[string]string{
	string(proxy.OpChat):        "chat",
	string(proxy.OpResponses):   "chat",
	string(proxy.OpMessages):    "chat",
	string(proxy.OpCompletions): "text_completion",
	string(proxy.OpEmbeddings):  "embeddings",
	string(proxy.OpModerations): "moderations",
	string(proxy.OpCountTokens): "count_tokens",
	string(proxy.OpState):       "state",
	string(proxy.OpModels):      "models",
	string(proxy.OpHealth):      "health",
	string(proxy.OpUnknown):     "unknown",
}

// providers maps our dialects to gen_ai.provider.name: whose API was spoken,
// which the conventions ask for, not who answered, which ostiary.pool says.
var providers = map[string]string{
	proxy.DialectOpenAI:    "openai",
	proxy.DialectAnthropic: "anthropic",
}

// envoyRow is a counter of Envoy: its word here, and how its full name ends;
// what comes before is the name of a listener or a filter chain.
type envoyRow struct{ word, end string }

// envoyStats are the counters of Envoy that are worth an alarm. Source: Envoy
// 1.40, statistics of the external processor, RBAC, HTTP connection manager,
// listener and secret discovery.
var envoyStats = [...]envoyRow{
	{"ext_proc_streams_failed", "ext_proc.ostiary.streams_failed"},
	{"ext_proc_message_timeouts", "ext_proc.ostiary.message_timeouts"},
	{"ext_proc_spurious_messages", "ext_proc.ostiary.spurious_msgs_received"},
	{"ext_proc_rejected_mutations", "ext_proc.ostiary.rejected_header_mutations"},
	{"ext_proc_clear_route_cache_ignored", "ext_proc.ostiary.clear_route_cache_ignored"},
	{"ext_proc_server_half_closed", "ext_proc.ostiary.server_half_closed"},
	{"ext_proc_failure_mode_allowed", "ext_proc.ostiary.failure_mode_allowed"},
	{"rbac_denied", "rbac.denied"},
	{"direct_responses", "rq_direct_response"},
	{"no_filter_chain_match", "no_filter_chain_match"},
	{"tls_handshake_timeouts", "downstream_cx_transport_socket_connect_timeout"},
	{"tls_secrets_not_ready", "downstream_context_secrets_not_ready"},
	{"connections_overload_rejected", "downstream_global_cx_overflow"},
	{"sds_update_rejected", "update_rejected"},
}
