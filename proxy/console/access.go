package console

import (
	"context"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// reasons are the codes that an act takes as its reason.
var reasons = audit.Codes()

// By says who acts, in which role and why. It goes into the events that record it.
type By struct {
	Role     Role
	Name     string // of a person or machine; empty for a user of this machine
	UID      int    // on the control socket; -1 elsewhere
	Address  string // empty on the control socket
	Reason   string // of the closed list
	Ticket   string
	Approver string // as the caller said
}

// Event makes an event of what was done, with a new id and the time now.
func (b By) Event(kind, action string) *proxy.Event {
	e := proxy.NewEvent(kind, time.Now())
	e.Admin = &proxy.AdminRecord{Action: action, Code: b.Reason, Role: string(b.Role)}
	e.Personal = b.Who()
	return e
}

// Who gives the personal part of such an event: who acts, the ticket, the approver.
func (b By) Who() *proxy.PersonalRecord {
	p := &proxy.PersonalRecord{Subject: b.Name, Ticket: b.Ticket, Approver: b.Approver, Address: b.Address}
	if b.UID > 0 {
		p.UID = b.UID
	}
	if b.UID == 0 && p.Subject == "" {
		p.Subject = "root" // uid 0 is not told from none
	}
	return p
}

// access is one access event to be made.
type access struct {
	by     By
	action string
	detail string
	query  string
	count  int64
	refs   []Ref // what it was about
	to     int64 // index behind the last, where refs are not listed
}

// record appends an access event and gives its id when it is durable. Where that
// fails, what it is about may not be answered.
func (s *Server) record(ctx context.Context, a access) (id string, err error) {
	e := a.by.Event(proxy.EventAccess, a.action)
	e.Admin.Detail, e.Admin.Count, e.Admin.To = a.detail, a.count, a.to
	for i, r := range a.refs {
		if i == 0 {
			e.Admin.From = r.Index
		}
		e.Admin.From, e.Admin.To = min(e.Admin.From, r.Index), max(e.Admin.To, r.Index+1)
	}
	e.Personal.Query = a.query
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := s.o.Recorder.Record(ctx, e); err != nil {
		s.log.Error("an access could not be recorded, and is refused", "action", a.action, "error", err)
		return "", problem("unrecorded")
	}
	return e.ID, nil
}
