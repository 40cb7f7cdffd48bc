package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// route is one row of the table of what may be asked, and by whom.
type route struct {
	pattern string
	roles   []Role   // each of which permits it
	params  []string // of the query; any other is an error
	body    bool     // takes one
	stream  bool     // answers for as long as it takes
	act     bool     // takes long: it changes something, or reads the whole log
	has     func(*Options) bool
	serve   func(*call) error
}

// Who may ask for what.
var (
	forCores    = []Role{Viewer, Reviewer, Officer}
	forPersonal = []Role{Reviewer, Officer}
	forOfficers = []Role{Officer}
	forAdmins   = []Role{Admin}
	forUpkeep   = []Role{Admin, Officer}
)

// routes is the table: a closed list.
func routes() []route {
	custody := func(o *Options) bool { return o.Custodian != nil }
	upkeep := func(o *Options) bool { return o.Upkeep != nil }
	personal := func(o *Options) bool { return o.Personal != nil }
	tiles := func(o *Options) bool { return o.Tiles != nil }
	search := []string{"q", "from", "to"}
	with := func(more ...string) []string { return append(slices.Clone(search), more...) }
	return []route{
		{pattern: "GET /api/v1/self", roles: roles, serve: self},
		{pattern: "GET /api/v1/openapi.yaml", roles: roles, serve: description},
		{pattern: "GET /api/v1/events", roles: forCores, params: with("cursor", "limit", "order", "personal"), serve: events},
		{pattern: "GET /api/v1/events/{id}", roles: forCores, params: []string{"personal"}, serve: event},
		{pattern: "GET /api/v1/facets", roles: forCores, params: with("fields", "top"), serve: facets},
		{pattern: "GET /api/v1/histogram", roles: forCores, params: with("buckets", "by"), serve: histogram},
		{pattern: "GET /api/v1/tail", roles: forCores, params: []string{"q", "after"}, stream: true, has: func(o *Options) bool { return o.Follower != nil }, serve: tail},
		{pattern: "GET /api/v1/export", roles: forCores, params: with("format", "personal"), stream: true, has: func(o *Options) bool { return o.Exporter != nil }, serve: export},
		{pattern: "GET /api/v1/stats", roles: roles, has: upkeep, serve: stats},
		{pattern: "GET /api/v1/verify", roles: roles, has: func(o *Options) bool { return o.Auditor != nil }, serve: verified},
		{pattern: "POST /api/v1/verify", roles: roles, body: true, has: func(o *Options) bool { return o.Auditor != nil }, serve: verify},
		{pattern: "GET /checkpoint", roles: roles, has: tiles, serve: tile},
		{pattern: "GET /tile/{path...}", roles: forCores, has: tiles, serve: tile},
		{pattern: "POST /api/v1/hash", roles: forOfficers, body: true, act: true, has: func(o *Options) bool { return o.Pseudonyms != nil }, serve: hash},
		{pattern: "POST /api/v1/reveal/{id}", roles: forOfficers, body: true, has: personal, serve: reveal},
		{pattern: "POST /api/v1/erase", roles: forOfficers, body: true, act: true, has: custody, serve: erase},
		{pattern: "GET /api/v1/hold", roles: forUpkeep, has: upkeep, serve: holds},
		{pattern: "POST /api/v1/hold", roles: forOfficers, body: true, act: true, has: custody, serve: hold},
		{pattern: "DELETE /api/v1/hold/{id}", roles: forOfficers, params: []string{"reason", "ticket"}, act: true, has: custody, serve: release},
		{pattern: "POST /api/v1/retain", roles: forAdmins, body: true, act: true, has: custody, serve: retain},
		{pattern: "POST /api/v1/rotate", roles: forAdmins, body: true, act: true, has: upkeep, serve: rotate},
		{pattern: "POST /api/v1/seal", roles: forUpkeep, body: true, act: true, has: upkeep, serve: seal},
	}
}

// nowhere answers what no route is.
func nowhere(c *call) error {
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		r := c.r.Clone(c.r.Context())
		r.Method = m
		if _, pattern := c.s.mux.Handler(r); strings.HasPrefix(pattern, m+" ") {
			return problem("method_not_allowed")
		}
	}
	return problem("not_found")
}

// parameters reads the query of a request: what is not known, repeated or not
// readable is an error.
func parameters(r *http.Request, known []string) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem("parameter")
	}
	for name, values := range v {
		if !slices.Contains(known, name) || len(values) != 1 {
			return nil, problem("parameter")
		}
	}
	return v, nil
}

// text says whether s can stand in a record and in a line of text.
func text(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (c *call) number(name string, otherwise, limit int) (int, error) {
	if !c.params.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(c.params.Get(name))
	if err != nil || n < 1 || n > limit {
		return 0, about("parameter", name)
	}
	return n, nil
}

func (c *call) truth(name string) (bool, error) {
	switch c.params.Get(name) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, about("parameter", name)
}

// instant reads a time (RFC 3339); empty is the zero time.
func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, s)
}

func (c *call) query() (Query, error) {
	q := Query{Text: c.params.Get("q")}
	if len(q.Text) > maxQuery || !utf8.ValidString(q.Text) {
		return q, about("parameter", "q")
	}
	var err error
	if q.From, err = instant(c.params.Get("from")); err != nil {
		return q, about("parameter", "from")
	}
	if q.To, err = instant(c.params.Get("to")); err != nil {
		return q, about("parameter", "to")
	}
	return q, nil
}

// personal says whether personal parts are asked for, and fails where the caller
// may not have them.
func (c *call) personal() (bool, error) {
	want, err := c.truth("personal")
	if err != nil || !want {
		return false, err
	}
	if err := c.permit(forPersonal, "personal parts"); err != nil {
		return false, err
	}
	if c.s.o.Personal == nil {
		return false, problem("not_available")
	}
	return true, nil
}

var ulid = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// id gives the event's id in the path.
func (c *call) id() (string, error) {
	id := strings.ToUpper(c.r.PathValue("id"))
	if !ulid.MatchString(id) {
		return "", problem("not_found")
	}
	return id, nil
}

// reply answers a value as JSON.
func (c *call) reply(status int, v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxPageBytes {
		return problem("page_too_large")
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b) // to a client that may be gone
	return nil
}

// marshal writes JSON and leaves the bytes of records as they are.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(b.String()), err
}

func self(c *call) error {
	out := Self{Method: c.who.method, Name: c.who.name, Roles: c.who.roles}
	if c.who.uid >= 0 {
		out.UID = &c.who.uid
	}
	return c.reply(http.StatusOK, out)
}

func events(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	p := Page{Cursor: c.params.Get("cursor")}
	if !text(p.Cursor, maxToken) {
		return problem("cursor")
	}
	if p.Limit, err = c.number("limit", defaultPage, maxPage); err != nil {
		return err
	}
	switch c.params.Get("order") {
	case "", "newest":
	case "oldest":
		p.Oldest = true
	default:
		return about("parameter", "order")
	}
	personal, err := c.personal()
	if err != nil {
		return err
	}
	hits, err := c.s.o.Searcher.Search(c.r.Context(), q, p)
	if err != nil {
		return err
	}
	if personal {
		if _, err := c.s.record(c.r.Context(), access{by: c.by(), action: "search", query: q.Text, count: int64(len(hits.Refs)), refs: hits.Refs}); err != nil {
			return err
		}
	}
	entries, err := c.entries(hits.Refs, personal)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, Events{Events: entries, Next: hits.Next, Size: hits.Size})
}

func event(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	personal, err := c.personal()
	if err != nil {
		return err
	}
	refs, err := c.s.o.Searcher.Lookup(c.r.Context(), id)
	switch {
	case err != nil:
		return err
	case len(refs) == 0:
		return problem("not_found")
	case len(refs) > maxPage:
		return problem("page_too_large")
	}
	if personal {
		if _, err := c.s.record(c.r.Context(), access{by: c.by(), action: "show", detail: id, count: int64(len(refs)), refs: refs}); err != nil {
			return err
		}
	}
	entries, err := c.entries(refs, personal)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return problem("not_found")
	}
	size, err := c.s.o.Records.Size()
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, Events{Events: entries, Size: size})
}

// entries reads the records. Those that were removed since they were found are left
// out. Whoever calls it with personal has recorded that.
func (c *call) entries(refs []Ref, personal bool) ([]Entry, error) {
	out := make([]Entry, 0, len(refs))
	total := 0
	for _, ref := range refs {
		if err := c.r.Context().Err(); err != nil {
			return nil, err
		}
		e, err := c.s.entry(ref, personal)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if total += len(e.Event); total > maxPageBytes {
			return nil, problem("page_too_large")
		}
		out = append(out, e)
	}
	return out, nil
}

func (s *Server) entry(ref Ref, personal bool) (Entry, error) {
	from := s.o.Records
	if personal {
		from = s.o.Personal
	}
	rec, err := from.At(ref)
	if err != nil {
		return Entry{}, err
	}
	if err := onlyCore(rec); err != nil {
		return Entry{}, err
	}
	e := Entry{Origin: ref.Origin, Index: ref.Index, Event: rec.JSON}
	if personal {
		e.Personal, e.State = personalOf(rec)
		if e.Personal != nil {
			e.Personal.Salt, e.Personal.Commitment = "", "" // the one is nobody's business, the other is in the core
			for i := range e.Personal.Evidence {
				e.Personal.Evidence[i].Sealed = ""
			}
		}
	}
	return e, nil
}

// errNotCore says that a record holds what belongs into its personal part.
var errNotCore = errors.New("a record of the log holds more of its personal part than the commitment: verify the log")

// onlyCore fails where a record's core names more of the personal part than its
// commitment: whoever may read cores may not read that. The log writes none such.
func onlyCore(rec audit.Record) error {
	var core struct {
		Personal map[string]json.RawMessage `json:"personal"`
	}
	if json.Unmarshal(rec.JSON, &core) != nil {
		return errNotCore
	}
	for name := range core.Personal {
		if name != "commitment" {
			return errNotCore
		}
	}
	return nil
}

// personalOf gives the personal part of a record, and its state.
func personalOf(rec audit.Record) (*proxy.PersonalRecord, string) {
	switch {
	case rec.Personal == nil:
		return nil, PersonalNone
	case len(rec.Personal) == 0:
		return nil, PersonalErased
	}
	p, err := rec.OpenPersonal()
	if err != nil || p == nil {
		return nil, PersonalAltered
	}
	return p, PersonalPresent
}

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,31}$`)

func facets(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	top, err := c.number("top", defaultTop, maxTop)
	if err != nil {
		return err
	}
	fields := strings.Split(c.params.Get("fields"), ",")
	if len(fields) > maxFields || slices.ContainsFunc(fields, func(f string) bool { return !fieldName.MatchString(f) }) {
		return about("parameter", "fields")
	}
	found, err := c.s.o.Searcher.Facets(c.r.Context(), q, fields, top)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, Facets{Facets: append([]Facet{}, found...)})
}

func histogram(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	n, err := c.number("buckets", defaultBuckets, maxBuckets)
	if err != nil {
		return err
	}
	by := c.params.Get("by")
	if by != "" && !fieldName.MatchString(by) {
		return about("parameter", "by")
	}
	found, err := c.s.o.Searcher.Histogram(c.r.Context(), q, n, by)
	if err != nil {
		return err
	}
	found.Counts, found.Series = append([]int64{}, found.Counts...), append([]Series{}, found.Series...)
	return c.reply(http.StatusOK, found)
}

func stats(c *call) error {
	st, err := c.s.o.Upkeep.Stats(c.r.Context())
	if err != nil {
		return err
	}
	st.Shippers, st.Witnesses, st.Revisions = append([]Shipper{}, st.Shippers...), append([]Witness{}, st.Witnesses...), append([]string{}, st.Revisions...)
	return c.reply(http.StatusOK, st)
}

func holds(c *call) error {
	list, err := c.s.o.Upkeep.Holds(c.r.Context())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, Holds{Holds: append([]Hold{}, list...)})
}

// tile gives the Merkle tree and its entries, which are cores. The paths are the
// handler's to check.
func tile(c *call) error {
	c.s.o.Tiles.ServeHTTP(c.w, c.r)
	return nil
}
