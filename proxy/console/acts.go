package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// read reads the body of a request: one object with members that T has, each at
// most once and spelt as T spells it. encoding/json alone takes a name in any case
// and the last of two.
func read[T any](c *call) (T, error) {
	var v T
	if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || media != "application/json" || c.r.Header.Get("Content-Encoding") != "" {
		return v, problem("media_type")
	}
	b, err := io.ReadAll(c.r.Body)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return v, problem("too_large")
	case err != nil || !utf8.Valid(b) || bytes.Contains(b, []byte("\uFFFD")):
		return v, problem("body")
	}
	names := members(reflect.TypeFor[T]())
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return v, problem("body")
	}
	for seen := map[string]bool{}; d.More(); {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] || !slices.Contains(names, name) {
			return v, problem("body")
		}
		seen[name] = true
		var raw json.RawMessage
		if d.Decode(&raw) != nil || string(raw) == "null" {
			return v, about("body", name)
		}
	}
	if _, err := d.Token(); err != nil {
		return v, problem("body")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, problem("body")
	}
	if json.Unmarshal(b, &v) != nil {
		return v, problem("body")
	}
	return v, nil
}

// members gives the names of a struct's members in JSON.
func members(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// why fills in why somebody acts. need says that a reason and a ticket are required.
func (c *call) why(reason, ticket, approver string, need bool) (By, error) {
	by := c.by()
	switch {
	case (need || reason != "") && !slices.Contains(reasons, reason):
		return by, about("why", "reason")
	case need && ticket == "", !text(ticket, maxText):
		return by, about("why", "ticket")
	case !text(approver, maxText):
		return by, about("why", "approver")
	case approver != "" && approver == by.Name:
		return by, problem("approver")
	}
	by.Reason, by.Ticket, by.Approver = reason, ticket, approver
	return by, nil
}

// alone waits until no other act is under way.
func (c *call) alone() (done func(), err error) {
	_ = c.unhurried()
	select {
	case c.s.acts <- struct{}{}:
		return func() { <-c.s.acts }, nil
	case <-c.r.Context().Done():
		return nil, problem("busy")
	}
}

var typeName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,63}$`)

// hash gives the fingerprints of a value, which somebody asks for who has a right
// to know what was recorded of them.
func hash(c *call) error {
	in, err := read[HashRequest](c)
	if err != nil {
		return err
	}
	switch {
	case !typeName.MatchString(in.Type):
		return about("body", "type")
	case in.Value == "" || len(in.Value) > maxValue || strings.ContainsRune(in.Value, utf8.RuneError):
		return about("body", "value")
	case !c.s.values.take(c.who.key(), time.Now()):
		return problem("rate")
	}
	if in.Reason == "" {
		in.Reason = "subject_request"
	}
	by, err := c.why(in.Reason, in.Ticket, "", false)
	if err != nil {
		return err
	}
	_ = c.unhurried()
	ctx := c.r.Context()
	prints, err := c.s.o.Pseudonyms.Hash(ctx, in.Type, in.Value)
	if err != nil {
		return err
	}
	out := Hashed{Fingerprints: append([]string{}, prints...)}
	refs, total, err := c.s.o.Pseudonyms.Mentions(ctx, prints, maxMentions)
	if err != nil {
		return err
	}
	out.Events, out.Refs = total, append([]Ref{}, refs...)
	// The type is recorded only now that it is known to be one of ours.
	if out.EventID, err = c.s.record(ctx, access{by: by, action: "hash", detail: in.Type, count: total, refs: refs}); err != nil {
		return err
	}
	return c.reply(http.StatusOK, out)
}

// reveal gives the sealed evidence of an event, after it has recorded that.
func reveal(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	in, err := read[RevealRequest](c)
	if err != nil {
		return err
	}
	by, err := c.why(in.Reason, in.Ticket, in.Approver, true)
	switch {
	case err != nil:
		return err
	case in.Approver == "" && c.s.o.Approved:
		return about("body", "approver")
	case !c.s.values.take(c.who.key(), time.Now()):
		return problem("rate")
	}
	ctx := c.r.Context()
	refs, err := c.s.o.Searcher.Lookup(ctx, id)
	switch {
	case err != nil:
		return err
	case len(refs) == 0:
		return problem("not_found")
	case len(refs) > maxPage:
		return problem("page_too_large")
	}
	out := Revealed{ID: id, Evidence: []proxy.EvidenceRecord{}}
	if out.EventID, err = c.s.record(ctx, access{by: by, action: "reveal", detail: id, count: int64(len(refs)), refs: refs}); err != nil {
		return err
	}
	erased := false
	for _, ref := range refs {
		rec, err := c.s.o.Personal.At(ref)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		p, state := personalOf(rec)
		switch state {
		case PersonalErased:
			erased = true
		case PersonalAltered:
			return errAltered
		case PersonalPresent:
			out.Evidence = append(out.Evidence, p.Evidence...)
		}
		if out.ID, err = decisionOf(rec, out.ID); err != nil {
			return err
		}
	}
	switch {
	case len(out.Evidence) > 0:
		return c.reply(http.StatusOK, out)
	case erased:
		return problem("erased")
	}
	return problem("no_evidence")
}

// decisionOf gives the id of the decision that a record is or belongs to, and
// otherwise where it belongs to none.
func decisionOf(rec audit.Record, otherwise string) (string, error) {
	ev, err := rec.Event()
	switch {
	case err != nil:
		return "", err
	case ev.Kind == proxy.EventDecision:
		return ev.ID, nil
	case ev.DecisionID != "":
		return ev.DecisionID, nil
	}
	return otherwise, nil
}

// errAltered says that evidence is not what was recorded.
var errAltered = errors.New("the personal part of an event is not the one that was recorded: verify the log")

// erase removes personal parts. What removes none tells all the same whether events
// name somebody, and is recorded as the look that it is: a dry run, and what finds
// nothing or only what a hold keeps.
func erase(c *call) error {
	in, err := read[EraseRequest](c)
	if err != nil {
		return err
	}
	by, err := c.why(in.Reason, in.Ticket, in.Approver, true)
	if err != nil {
		return err
	}
	e := Erasure{Fingerprint: in.Fingerprint, Subject: in.Subject, Dry: in.DryRun}
	given := 0
	for _, set := range []bool{in.Fingerprint != "", in.Subject != "", len(in.IDs) > 0, in.Query != ""} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return about("body", "fingerprint, subject, ids or query")
	case !text(in.Fingerprint, maxText):
		return about("body", "fingerprint")
	case !text(in.Subject, maxText) || strings.ContainsRune(in.Subject, utf8.RuneError):
		return about("body", "subject")
	case len(in.IDs) > maxIDs:
		return about("body", "ids")
	case len(in.Query) > maxQuery:
		return about("body", "query")
	}
	for _, id := range in.IDs {
		if id = strings.ToUpper(id); !ulid.MatchString(id) {
			return about("body", "ids")
		}
		e.IDs = append(e.IDs, id)
	}
	if in.Query != "" {
		e.Query = &Query{Text: in.Query}
	}
	done, err := c.alone()
	if err != nil {
		return err
	}
	defer done()
	out, err := c.s.o.Custodian.Erase(c.r.Context(), by, e)
	if err != nil && !errors.Is(err, ErrHeld) {
		return err
	}
	if in.DryRun || out.Parts == 0 {
		detail := "nothing was erased"
		if in.DryRun {
			detail = "dry run"
		}
		if _, err := c.s.record(c.r.Context(), access{by: by, action: "erase", detail: detail, query: in.Query, count: out.Parts + out.Held}); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	out.Dry, out.Holds = in.DryRun, append([]string{}, out.Holds...)
	return c.reply(http.StatusOK, out)
}

func hold(c *call) error {
	in, err := read[HoldRequest](c)
	if err != nil {
		return err
	}
	by, err := c.why(in.Reason, in.Ticket, "", true)
	if err != nil {
		return err
	}
	switch {
	case !holdID.MatchString(in.ID):
		return about("body", "id")
	case in.From < 0:
		return about("body", "from")
	case in.To < 0 || in.To != 0 && in.To <= in.From:
		return about("body", "to")
	}
	done, err := c.alone()
	if err != nil {
		return err
	}
	defer done()
	out, err := c.s.o.Custodian.Hold(c.r.Context(), by, Hold{ID: in.ID, From: in.From, To: in.To})
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, out)
}

var holdID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func release(c *call) error {
	id := c.r.PathValue("id")
	if !holdID.MatchString(id) {
		return problem("not_found")
	}
	by, err := c.why(c.params.Get("reason"), c.params.Get("ticket"), "", true)
	if err != nil {
		return err
	}
	done, err := c.alone()
	if err != nil {
		return err
	}
	defer done()
	if err := c.s.o.Custodian.Release(c.r.Context(), by, id); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

var policyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

func retain(c *call) error {
	in, err := read[RetainRequest](c)
	if err != nil {
		return err
	}
	by, err := c.why("retention", in.Ticket, "", false)
	if err != nil {
		return err
	}
	before, err := instant(in.Before)
	switch {
	case err != nil || before.IsZero() || before.After(time.Now()):
		return about("body", "before")
	case !policyName.MatchString(in.Policy):
		return about("body", "policy")
	}
	done, err := c.alone()
	if err != nil {
		return err
	}
	defer done()
	out, err := c.s.o.Custodian.Retain(c.r.Context(), by, Retention{Before: before, Policy: in.Policy, Dry: in.DryRun})
	if err != nil {
		return err
	}
	out.Dry, out.Holds = in.DryRun, append([]string{}, out.Holds...)
	return c.reply(http.StatusOK, out)
}

func rotate(c *call) error {
	by, done, err := c.plain()
	if err != nil {
		return err
	}
	defer done()
	if by.Reason == "" {
		by.Reason = "scheduled"
	}
	out, err := c.s.o.Upkeep.Rotate(c.r.Context(), by)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, out)
}

func seal(c *call) error {
	by, done, err := c.plain()
	if err != nil {
		return err
	}
	defer done()
	if err := c.s.o.Upkeep.Seal(c.r.Context(), by); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// plain reads the body of an act that needs no more than who does it.
func (c *call) plain() (by By, done func(), err error) {
	in, err := read[ActRequest](c)
	if err != nil {
		return by, nil, err
	}
	if by, err = c.why(in.Reason, in.Ticket, "", false); err != nil {
		return by, nil, err
	}
	done, err = c.alone()
	return by, done, err
}
