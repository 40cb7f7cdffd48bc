package export

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// ocsfVersion is the version of the schema.
const ocsfVersion = "1.8.0"

// Classes and categories (schema.ocsf.io, 1.8.0).
const (
	classAPIActivity    = 6003 // category 6, Application Activity
	classDataSecurity   = 2006 // category 2, Findings
	categoryApplication = 6
	categoryFindings    = 2
	activityUnknown     = 0
	activityCreate      = 1
	activityRead        = 2
	activityDelete      = 4
	activityOther       = 99
	severityInfo        = 1
	severityCritical    = 5
	roleUser            = 1 // message_context.ai_role_id
	detectionOther      = 99
	lifecycleInTransit  = 2
	classifiedComplete  = 1
	classifiedPartial   = 2
	statusUnknown       = 0
	statusSuccess       = 1
	statusFailure       = 2
	categoryOther       = 99 // data_classification.category_id
)

// Fields describes how an event becomes an OCSF 1.8 event, one "attribute: of what"
// each. A refusal or rerouting for which a rule gave the reason, or in which something
// was found, is a Data Security Finding (2006); every other event is an API Activity
// (6003). prompt_text and response_text are never filled.
func Fields() []string {
	return []string{
		"class_uid: 2006 where decision.action is deny or reroute and a rule spoke or something was found; else 6003",
		"activity_id: of 2006: 1 Create; of 6003: 1 Create for requests to models, 2 Read for models and health and for search, show, facets, export, hash, reveal, 4 Delete for erase and retain, 99 Other for outcomes and what else was done, 0 where not known",
		"time, metadata.original_time: time",
		"metadata.uid: id",
		"metadata.correlation_uid: id of a decision, decision_id of what belongs to it",
		"metadata.log_name: origin",
		"metadata.sequence: index in the log",
		"metadata.profiles: ai_operation, data_classification, security_control, trace, as far as the event has them",
		"severity_id: decision.facts.labels.severity (low 2, medium 3, high 4, critical 5, else 1); a gap 5",
		"status_id: an outcome: 1 where sent is yes, 2 where no, 0 where unknown; of others 1",
		"action_id, disposition_id: allow 1 Allowed, 1 Allowed; mask 4 Modified, 11 Corrected; reroute 4 Modified, 99 Rerouted; deny 2 Denied, 2 Blocked; where observe mode did not do what policy asked for 3 Observed, 17 Logged",
		"is_alert: true for 2006 and for gaps",
		"policy: the first reason: uid POLICY.RULE, name its title, version policy.policies",
		"actor.app_name, src_endpoint.name, message_context.application: request.application",
		"actor.user.name, src_endpoint.ip: PERSONAL, only where asked for: subject, address",
		"api.operation: request.operation, or what was done; api.service.name: the dialect, or ostiary",
		"api.request.uid: id of the decision",
		"dst_endpoint.name, message_context.service: decision.pool",
		"dst_endpoint.location.country: decision.facts.pools.jurisdiction, where it has two letters",
		"ai_model.name: decision.model, else request.model; ai_model.ai_provider: decision.pool, else decision.asked",
		"message_context.prompt_tokens: decision.facts.request.tokens, an estimate; ai_role_id: 1 User",
		"data_classifications: one for each group found: category_id personal, contact, location, health, special_category 1; identifier 2; financial 3; credential, network 6; else 99; total: findings of the group; status_id 2 Partial where a part was not inspected, else 1",
		"data_security: detection_system_id 99 (Ostiary), data_lifecycle_state_id 2 Data in-transit",
		"finding_info.uid: id; finding_info.title: the first reason's title; finding_info.types: types found",
		"http_response.code: status",
		"trace.uid: request.trace",
		"duration: outcome.duration_ms",
		"unmapped: did_code, did_role, did_count, sent, mode, code and the leaf hash",
	}
}

// ocsfEvent is an event of either class. The parts keep to the house's bound of fields;
// they are written as one object.
type ocsfEvent struct {
	ocsfBase
	ocsfControl
	ocsfContext
}

type ocsfBase struct {
	ActivityID   int          `json:"activity_id"`
	ActivityName string       `json:"activity_name,omitempty"`
	CategoryUID  int          `json:"category_uid"`
	ClassUID     int          `json:"class_uid"`
	Duration     *int64       `json:"duration,omitempty"` // milliseconds
	Message      string       `json:"message,omitempty"`
	Metadata     ocsfMetadata `json:"metadata"`
	SeverityID   int          `json:"severity_id"`
	StatusDetail string       `json:"status_detail,omitempty"`
	StatusID     int          `json:"status_id"`
	Time         int64        `json:"time"` // milliseconds since 1970
	TypeUID      int          `json:"type_uid"`
	Unmapped     ocsfUnmapped `json:"unmapped"`
}

// ocsfControl is the profile security_control.
type ocsfControl struct {
	ActionID      *int        `json:"action_id,omitempty"`
	Disposition   string      `json:"disposition,omitempty"`
	DispositionID *int        `json:"disposition_id,omitempty"`
	IsAlert       *bool       `json:"is_alert,omitempty"`
	Policy        *ocsfPolicy `json:"policy,omitempty"`
}

type ocsfContext struct {
	Actor        *ocsfActor    `json:"actor,omitempty"`
	AIModel      *ocsfModel    `json:"ai_model,omitempty"`
	API          *ocsfAPI      `json:"api,omitempty"`
	Classes      []ocsfClass   `json:"data_classifications,omitempty"`
	DataSecurity *ocsfSecurity `json:"data_security,omitempty"`
	Destination  *ocsfEndpoint `json:"dst_endpoint,omitempty"`
	FindingInfo  *ocsfFinding  `json:"finding_info,omitempty"`
	Response     *ocsfResponse `json:"http_response,omitempty"`
	Messages     *ocsfMessages `json:"message_context,omitempty"`
	Source       *ocsfEndpoint `json:"src_endpoint,omitempty"`
	Trace        *ocsfUID      `json:"trace,omitempty"`
}

type ocsfMetadata struct {
	CorrelationUID string      `json:"correlation_uid,omitempty"`
	LogName        string      `json:"log_name,omitempty"`
	OriginalTime   string      `json:"original_time,omitempty"`
	Product        ocsfProduct `json:"product"`
	Profiles       []string    `json:"profiles,omitempty"`
	Sequence       *int64      `json:"sequence,omitempty"`
	UID            string      `json:"uid,omitempty"`
	Version        string      `json:"version"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfUnmapped struct {
	Code  string `json:"code,omitempty"`
	Count int64  `json:"did_count,omitempty"`
	Why   string `json:"did_code,omitempty"`
	Role  string `json:"did_role,omitempty"`
	Leaf  string `json:"leaf"`
	Mode  string `json:"mode,omitempty"`
	Sent  string `json:"sent,omitempty"`
}

type ocsfPolicy struct {
	Name    string `json:"name,omitempty"`
	UID     string `json:"uid"`
	Version string `json:"version,omitempty"`
}

type ocsfActor struct {
	AppName string    `json:"app_name"`
	User    *ocsfName `json:"user,omitempty"`
}

type ocsfName struct {
	Name string `json:"name"`
}

type ocsfUID struct {
	UID string `json:"uid"`
}

type ocsfModel struct {
	Provider string `json:"ai_provider"`
	Name     string `json:"name"`
}

type ocsfAPI struct {
	Operation string   `json:"operation"`
	Request   *ocsfUID `json:"request,omitempty"`
	Service   ocsfName `json:"service"`
}

type ocsfClass struct {
	Category   string `json:"category"`
	CategoryID int    `json:"category_id"`
	StatusID   int    `json:"status_id"`
	Total      int64  `json:"total"`
}

type ocsfSecurity struct {
	LifecycleID int    `json:"data_lifecycle_state_id"`
	System      string `json:"detection_system"`
	SystemID    int    `json:"detection_system_id"`
}

type ocsfEndpoint struct {
	IP       string        `json:"ip,omitempty"`
	Location *ocsfLocation `json:"location,omitempty"`
	Name     string        `json:"name"`
}

type ocsfLocation struct {
	Country string `json:"country"`
}

type ocsfFinding struct {
	Title string   `json:"title"`
	Types []string `json:"types,omitempty"`
	UID   string   `json:"uid"`
}

type ocsfResponse struct {
	Code int64 `json:"code"`
}

type ocsfMessages struct {
	RoleID       int    `json:"ai_role_id"`
	Application  string `json:"application"`
	PromptTokens int    `json:"prompt_tokens,omitempty"`
	Service      string `json:"service,omitempty"`
}

// ocsf writes an event as one OCSF event, without a line feed.
func ocsf(e *entry, version string) ([]byte, error) {
	ev := e.ev
	o := &ocsfEvent{}
	at, _ := millis(ev.Time)
	o.ocsfBase = ocsfBase{
		CategoryUID: categoryApplication, ClassUID: classAPIActivity, SeverityID: severityInfo, StatusID: statusSuccess, Time: at,
		Metadata: ocsfMetadata{
			CorrelationUID: decisionOf(ev), LogName: ev.Origin, OriginalTime: ev.Time, UID: ev.ID, Version: ocsfVersion,
			Product: ocsfProduct{Name: "Ostiary", VendorName: "Ostiary", Version: version},
		},
		Unmapped: ocsfUnmapped{Leaf: leaf(e.rec.JSON)},
	}
	if e.rec.Index >= 0 {
		o.Metadata.Sequence = &e.rec.Index
	}
	application := proxy.Unknown
	if ev.Request != nil {
		application = cmp.Or(ev.Request.Application, proxy.Unknown)
	}
	o.Actor, o.Source = &ocsfActor{AppName: application}, &ocsfEndpoint{Name: application, IP: e.own.Address}
	if e.own.Subject != "" {
		o.Actor.User = &ocsfName{e.own.Subject}
	}
	o.API = &ocsfAPI{Operation: cmp.Or(ev.Kind, proxy.Unknown), Service: ocsfName{"ostiary"}}
	if id := decisionOf(ev); id != "" {
		o.API.Request = &ocsfUID{id}
	}
	switch {
	case ev.Decision != nil:
		o.decision(ev)
	case ev.Outcome != nil:
		o.outcome(ev.Outcome)
	default:
		o.admin(ev)
	}
	if n, ok := status(ev); ok && o.ClassUID == classAPIActivity {
		o.Response = &ocsfResponse{n}
	}
	o.TypeUID = o.ClassUID*100 + o.ActivityID
	slices.Sort(o.Metadata.Profiles)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(o) != nil {
		return nil, errors.New("export: an event cannot be written as OCSF")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (o *ocsfEvent) decision(ev *proxy.Event) {
	d := ev.Decision
	o.Metadata.Profiles = append(o.Metadata.Profiles, "ai_operation", "security_control")
	o.Unmapped.Code, o.Unmapped.Mode = d.Code, string(d.Mode)
	o.Message = "request " + string(d.Action)
	operation := proxy.Unknown
	if r := ev.Request; r != nil {
		operation = cmp.Or(r.Operation, proxy.Unknown)
		o.API.Service.Name = cmp.Or(r.Dialect, proxy.Unknown)
		o.Messages = &ocsfMessages{RoleID: roleUser, Application: o.Actor.AppName, Service: d.Pool}
		if r.Trace != "" {
			o.Trace = &ocsfUID{r.Trace}
			o.Metadata.Profiles = append(o.Metadata.Profiles, "trace")
		}
		if name := cmp.Or(d.Model, r.Model); name != "" {
			o.AIModel = &ocsfModel{Provider: cmp.Or(d.Pool, d.Asked, proxy.Unknown), Name: name}
		}
	}
	o.API.Operation = operation
	switch proxy.Operation(operation) {
	case proxy.OpUnknown:
		o.ActivityID = activityUnknown
	case proxy.OpModels, proxy.OpHealth:
		o.ActivityID = activityRead
	case proxy.OpState:
		o.ActivityID, o.ActivityName = activityOther, "State"
	default:
		o.ActivityID = activityCreate
	}
	if d.Pool != "" {
		o.Destination = &ocsfEndpoint{Name: d.Pool}
		if j := poolOf(d).Jurisdiction; len(j) == 2 && j != "EU" {
			o.Destination.Location = &ocsfLocation{j}
		}
	}
	partial := d.Facts == nil
	if f := d.Facts; f != nil {
		partial = f.Opaque.Count > 0 || f.Uninspected.Count > 0
		if i := slices.Index([]string{"low", "medium", "high", "critical"}, f.Labels.Severity); i >= 0 {
			o.SeverityID = i + 2
		}
		if o.Messages != nil {
			o.Messages.PromptTokens = f.Request.Tokens
		}
	}
	o.control(d)
	if len(d.Reasons) > 0 {
		r := &d.Reasons[0]
		o.Policy = &ocsfPolicy{Name: r.Title, UID: r.Policy + "." + r.Rule}
		if ev.Policy != nil {
			o.Policy.Version = ev.Policy.Policies
		}
	}
	o.classes(ev, partial)
	if (d.Action == proxy.Deny || d.Action == proxy.Reroute) && (len(d.Reasons) > 0 || len(types(ev)) > 0) {
		o.finding(ev)
	}
}

// control fills the profile security_control.
func (o *ocsfEvent) control(d *proxy.DecisionRecord) {
	action, disposition, name := 0, 0, ""
	switch d.Action {
	case proxy.Allow:
		action, disposition = 1, 1
	case proxy.Mask:
		action, disposition = 4, 11
	case proxy.Reroute:
		action, disposition, name = 4, 99, "Rerouted"
	case proxy.Deny:
		action, disposition = 2, 2
	}
	if d.Would != nil && d.Would.Action != d.Action {
		action, disposition, name = 3, 17, ""
	}
	o.ActionID, o.DispositionID, o.Disposition = &action, &disposition, name
}

// classes fills the profile data_classification.
func (o *ocsfEvent) classes(ev *proxy.Event, partial bool) {
	totals := map[string]int64{}
	for i := range ev.Findings {
		if f := &ev.Findings[i]; counts(f) {
			for _, g := range f.Groups {
				totals[g] += int64(f.Count - f.Synthetic)
			}
		}
	}
	state := classifiedComplete
	if partial {
		state = classifiedPartial
	}
	for _, g := range groups(ev) {
		o.Classes = append(o.Classes, ocsfClass{Category: g, CategoryID: category(g), StatusID: state, Total: totals[g]})
	}
	if len(o.Classes) > 0 {
		o.Metadata.Profiles = append(o.Metadata.Profiles, "data_classification")
	}
}

// category gives the category_id of a group.
func category(group string) int {
	switch group {
	case "personal", "contact", "location", "health", "special_category":
		return 1
	case "identifier":
		return 2
	case "financial":
		return 3
	case "credential", "network":
		return 6
	}
	return categoryOther
}

// finding makes a Data Security Finding of an API Activity.
func (o *ocsfEvent) finding(ev *proxy.Event) {
	alert := true
	o.CategoryUID, o.ClassUID, o.ActivityID, o.ActivityName = categoryFindings, classDataSecurity, activityCreate, ""
	o.IsAlert = &alert
	title := "request " + string(ev.Decision.Action)
	if len(ev.Decision.Reasons) > 0 {
		title = cmp.Or(ev.Decision.Reasons[0].Title, ev.Decision.Reasons[0].Rule, title)
	}
	o.FindingInfo = &ocsfFinding{Title: title, Types: types(ev), UID: ev.ID}
	o.DataSecurity = &ocsfSecurity{LifecycleID: lifecycleInTransit, System: "Ostiary", SystemID: detectionOther}
	// The class has neither an API nor the profiles of one.
	o.API, o.AIModel, o.Messages, o.Trace = nil, nil, nil, nil
	o.Metadata.Profiles = slices.DeleteFunc(o.Metadata.Profiles, func(p string) bool { return p == "ai_operation" || p == "trace" })
}

func (o *ocsfEvent) outcome(r *proxy.OutcomeRecord) {
	o.ActivityID, o.ActivityName, o.StatusDetail = activityOther, "Outcome", r.Reason
	o.Message = "outcome"
	o.Unmapped.Sent = r.Sent
	o.Duration = &r.DurationMS
	switch r.Sent {
	case "yes":
		o.StatusID = statusSuccess
	case "no":
		o.StatusID = statusFailure
	default:
		o.StatusID = statusUnknown
	}
}

func (o *ocsfEvent) admin(ev *proxy.Event) {
	o.ActivityID, o.ActivityName = activityOther, ev.Kind
	o.Message = ev.Kind
	if a := ev.Admin; a != nil {
		o.API.Operation = cmp.Or(a.Action, o.API.Operation)
		o.Message = strings.TrimSpace(ev.Kind + " " + a.Action)
		o.Unmapped.Why, o.Unmapped.Role, o.Unmapped.Count = a.Code, a.Role, a.Count
		switch a.Action {
		case "search", "show", "facets", "export", "hash", "reveal":
			o.ActivityID, o.ActivityName = activityRead, ""
		case "erase", "retain":
			o.ActivityID, o.ActivityName = activityDelete, ""
		}
	}
	if ev.Kind == proxy.EventGap {
		alert := true
		o.SeverityID, o.StatusID, o.IsAlert = severityCritical, statusFailure, &alert
		o.Metadata.Profiles = append(o.Metadata.Profiles, "security_control")
	}
}
