package witness

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit"
)

// Standing says how a log stands to the last checkpoint that a witness cosigned.
type Standing int

// The standings.
const (
	// Continues: the log holds all that was cosigned, unaltered.
	Continues Standing = iota
	// RolledBack: the log, as far as it goes, is the one that was cosigned, and
	// ends before it: it, or its whole machine, was put back to an older state.
	RolledBack
	// Differs: what was cosigned is not what the log holds: it was altered, or put
	// back and gone on with.
	Differs
	// Untold: it could not be told.
	Untold
)

// String gives the standing's name.
func (s Standing) String() string {
	switch s {
	case Continues:
		return "continues"
	case RolledBack:
		return "rolled back"
	case Differs:
		return "differs"
	}
	return "could not be told"
}

// Comparison is what holding a log against a witness gave.
type Comparison struct {
	Standing Standing
	Cosigned audit.Checkpoint // by the witness
	Report   *audit.Report    // of the verification with that checkpoint
}

// Compare holds the log in dir against the last checkpoint that a witness has
// cosigned: as [Witness.Last] and [Client.Last] give it, or the checkpoint with
// the lines that [Client.Submit] gave. log is the log's verifier key. Both keys
// come from outside: what lies on the machine goes back with it.
//
// A log that continues may yet have lost what it recorded after the witness last
// cosigned. Compare reads the whole log. It fails with [audit.ErrSignature] where
// the log has not signed the checkpoint, with [ErrNoCosignature] where the witness
// has not, and as [audit.Verify] does.
func Compare(dir string, last []byte, log note.Verifier, witness *Key) (Comparison, error) {
	c, err := audit.OpenCheckpoint(last, log)
	if err != nil {
		return Comparison{Standing: Untold}, fmt.Errorf("read what the witness has cosigned: %w", err)
	}
	if cosigned, err := audit.OpenCheckpoint(last, witness); err != nil || cosigned != c {
		return Comparison{Standing: Untold}, ErrNoCosignature
	}
	out := Comparison{Standing: Untold, Cosigned: c}
	out.Report, err = audit.Verify(dir, audit.VerifyOptions{Key: log, Checkpoint: last})
	if err != nil {
		return out, err
	}
	r := out.Report
	switch {
	case r.Answer == audit.Good:
		out.Standing = Continues
	case r.Answer == audit.Unclear:
	case r.Size < c.Size && r.FirstBad == r.Size && onlyEnds(dir, log):
		out.Standing = RolledBack
	default:
		out.Standing = Differs
	}
	return out, nil
}

// onlyEnds says whether a log is in order but for what a later checkpoint asks
// for: verified without it, there is nothing wrong. A log that is gone is put back
// to nothing.
func onlyEnds(dir string, log note.Verifier) bool {
	r, err := audit.Verify(dir, audit.VerifyOptions{Key: log})
	return errors.Is(err, audit.ErrNoLog) || err == nil && r.Answer != audit.Altered
}
