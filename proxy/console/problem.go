package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Problem is an error as the API answers it (RFC 9457). Its sentences are constant
// and quote nothing of a request, but for Why, which whoever wrote a query gets.
type Problem struct {
	Type   string `json:"type"` // urn:ostiary:problem:CODE
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // what to do
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"` // the parameter or member that it is about
	Why    string `json:"why,omitempty"`   // of a query: what is wrong with it; may quote it
}

// Error implements error.
func (p *Problem) Error() string {
	s := p.Title
	if p.Field != "" {
		s += " (" + p.Field + ")"
	}
	if p.Why != "" {
		s += " " + p.Why + "."
	}
	return s + " " + p.Detail
}

// problems are all of them.
var problems = map[string]struct {
	status        int
	title, detail string
}{
	"unauthenticated":      {401, "It is not known who asks.", "Send a bearer token of the configured identity provider, or use a client certificate of the configured authority."},
	"no_role":              {403, "You have no role here.", "Ask an administrator for a grant in log.api.roles of the configuration."},
	"role_missing":         {403, "None of your roles permits this.", "The API's description names the roles of each route; ask an administrator for a grant."},
	"host_not_allowed":     {403, "Requests for this host or of this web page are refused.", "Use a host name that is listed under log.api.hosts."},
	"not_found":            {404, "There is nothing by that name.", "The API's description lists what there is: GET /api/v1/openapi.yaml."},
	"not_available":        {404, "This is not served here.", "The part of Ostiary that does it is not configured; see the configuration."},
	"no_evidence":          {404, "No evidence was sealed with this event.", "Evidence is sealed only where the configuration asks for it by rule."},
	"method_not_allowed":   {405, "The route takes another method.", "The API's description lists the routes: GET /api/v1/openapi.yaml."},
	"held":                 {409, "A legal hold forbids it.", "List the holds with GET /api/v1/hold, and lift the hold first."},
	"exists":               {409, "There is one of that name already.", "Take another name."},
	"busy":                 {409, "The same is being done already.", "Wait until it has ended, then ask for the result or try again."},
	"erased":               {410, "The personal part of this event was erased.", "It cannot be had again. The event of kind erasure says when, and why."},
	"too_large":            {413, "The body is larger than is taken.", "Send at most 64 KiB; split what is longer."},
	"page_too_large":       {413, "The page would be larger than is given.", "Ask for fewer events by limit, or use the export."},
	"media_type":           {415, "The body is of another type than is taken.", "Send content-type: application/json."},
	"rate":                 {429, "Too many requests.", "Wait as long as retry-after says."},
	"parameter":            {400, "A parameter is unknown, repeated or out of its range.", "The API's description lists the parameters of each route."},
	"body":                 {400, "The body cannot be read without doubt.", "Send one JSON object with the members that the API's description lists, each once."},
	"why":                  {400, "Why it is done is missing or is not one of the words.", "Give a reason of the list in the API's description, and a ticket of at most 256 bytes."},
	"query":                {400, "The query cannot be read.", "Write FIELD:VALUE terms, as in action:deny; the field names are in the documentation of the query language."},
	"cursor":               {400, "The cursor is none of this query.", "Begin with the first page again."},
	"type_without_hash":    {400, "Values of this type have no fingerprints.", "Fingerprints are made of values that cannot be guessed only: e-mail addresses, phone and card numbers, IBANs, long identifiers, credentials."},
	"approver":             {400, "The approver is the caller.", "Somebody else approves, or nobody: leave it out where no approver is required."},
	"internal":             {500, "Ostiary met a fault of its own.", "Its log says more."},
	"unrecorded":           {503, "The access could not be recorded, and is refused.", "See that the audit log takes records: ostiary audit stats."},
	"provider_unavailable": {503, "The identity provider cannot be reached.", "See that this machine reaches it; on the machine itself the control socket needs no token."},
	"overloaded":           {503, "Too many requests are under way.", "Wait as long as retry-after says."},
	"timeout":              {503, "The answer took too long.", "Narrow the query, or use the export."},
}

// problem makes the problem of a code.
func problem(code string) *Problem {
	p, ok := problems[code]
	if !ok {
		code, p = "internal", problems["internal"]
	}
	return &Problem{Type: "urn:ostiary:problem:" + code, Title: p.title, Status: p.status, Detail: p.detail, Code: code}
}

// about is problem with the name of a parameter or member of ours.
func about(code, field string) *Problem {
	p := problem(code)
	p.Field = field
	return p
}

// problemOf gives what is answered for an error of a room; the second result says
// whether it is a fault that the log should tell of.
func problemOf(err error) (*Problem, bool) {
	var p *Problem
	var q *QueryError
	switch {
	case errors.As(err, &p):
		return p, false
	case errors.As(err, &q):
		p = problem("query")
		if text(q.Why, maxWhy) {
			p.Why = q.Why
		}
		return p, false
	case errors.Is(err, ErrNotFound):
		return problem("not_found"), false
	case errors.Is(err, ErrCursor):
		return problem("cursor"), false
	case errors.Is(err, ErrType):
		return problem("type_without_hash"), false
	case errors.Is(err, ErrHeld):
		return problem("held"), false
	case errors.Is(err, ErrExists):
		return problem("exists"), false
	case errors.Is(err, ErrBusy):
		return problem("busy"), false
	case isTimeout(err):
		return problem("timeout"), false
	}
	return problem("internal"), true
}

// retryAfter is what clients are told to wait, in seconds.
const retryAfter = 1

func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("Content-Disposition")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="ostiary"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // to a client that may be gone
}
