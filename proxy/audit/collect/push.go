package collect

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// Bounds of a push.
const (
	// PushBytes is the greatest length of a push, when it is not compressed.
	PushBytes = 16 << 20
	// PushRecords is the greatest number of its records.
	PushRecords = 1 << 16

	checkpointLimit = 64 << 10
	proofLimit      = 63 // hashes: a tree of 2^63 records
	originLimit     = 255
)

// pushMagic begins a push.
const pushMagic = "ostiary push v1\n"

// Push is records of one log, on their way to a collector. Encoded it is
//
//	ostiary push v1
//	origin ORIGIN
//	first INDEX
//	records NUMBER
//	proof NUMBER
//	checkpoint BYTES
//	rotations BYTES
//
// then the proof, a hash in base64 a line, the checkpoint, the rotations, and the
// records, each after its length in 16 bits, big-endian.
type Push struct {
	Origin string
	First  int64    // index of the first record
	Cores  [][]byte // canonical JSON, as recorded
	// Checkpoint is a signed checkpoint of the log that covers the records.
	Checkpoint []byte
	// Proof is the consistency proof (RFC 6962, section 2.1.2) from the records'
	// end to the checkpoint's size; empty where they are the same.
	Proof []tlog.Hash
	// Rotations is the log's file of that name: the statements by which one key of
	// the log was followed by another. Empty where it has had one key.
	Rotations []byte
}

// ErrMalformed: bytes are not a push, or not an enrolment.
var ErrMalformed = errors.New("malformed request")

// End gives the index behind the last record.
func (p *Push) End() int64 { return p.First + int64(len(p.Cores)) }

// Encode gives the push as it is sent. It fails with [audit.ErrTooLarge].
func (p *Push) Encode() ([]byte, error) {
	b := fmt.Appendf(nil, "%sorigin %s\nfirst %d\nrecords %d\nproof %d\ncheckpoint %d\nrotations %d\n",
		pushMagic, p.Origin, p.First, len(p.Cores), len(p.Proof), len(p.Checkpoint), len(p.Rotations))
	for _, h := range p.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	b = append(append(b, p.Checkpoint...), p.Rotations...)
	for _, c := range p.Cores {
		if len(c) > audit.MaxRecord {
			return nil, audit.ErrTooLarge
		}
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(c))), c...)
	}
	if len(b) > PushBytes {
		return nil, audit.ErrTooLarge
	}
	return b, nil
}

// ParsePush reads a push; its records alias b. It fails with [ErrMalformed].
func ParsePush(b []byte) (*Push, error) {
	b, ok := bytes.CutPrefix(b, []byte(pushMagic))
	if !ok {
		return nil, ErrMalformed
	}
	p := &Push{}
	if p.Origin, b, ok = field(b, "origin"); !ok || !validOrigin(p.Origin) {
		return nil, ErrMalformed
	}
	var records, proof, checkpoint, rotations int64
	for _, f := range []struct {
		name  string
		to    *int64
		limit int64
	}{{"first", &p.First, 1 << 62}, {"records", &records, PushRecords}, {"proof", &proof, proofLimit}, {"checkpoint", &checkpoint, checkpointLimit}, {"rotations", &rotations, rotationsLimit}} {
		var s string
		if s, b, ok = field(b, f.name); !ok {
			return nil, ErrMalformed
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 || n > f.limit || strconv.FormatInt(n, 10) != s {
			return nil, ErrMalformed
		}
		*f.to = n
	}
	for range proof {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		h, err := tlog.ParseHash(string(line))
		if !ok || err != nil || h.String() != string(line) {
			return nil, ErrMalformed
		}
		p.Proof, b = append(p.Proof, h), rest
	}
	if int64(len(b)) < checkpoint+rotations {
		return nil, ErrMalformed
	}
	p.Checkpoint, b = b[:checkpoint:checkpoint], b[checkpoint:]
	p.Rotations, b = b[:rotations:rotations], b[rotations:]
	for range records {
		if len(b) < 2 {
			return nil, ErrMalformed
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		if n == 2 || len(b) < n {
			return nil, ErrMalformed
		}
		p.Cores, b = append(p.Cores, b[2:n:n]), b[n:]
	}
	if len(b) > 0 {
		return nil, ErrMalformed
	}
	return p, nil
}

// field reads one line of a head.
func field(b []byte, name string) (string, []byte, bool) {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	value, named := strings.CutPrefix(string(line), name+" ")
	return value, rest, ok && named
}

func validOrigin(s string) bool {
	return s != "" && len(s) <= originLimit && !strings.ContainsAny(s, "\n\r")
}

// Enrolment makes a log known to a collector. Encoded it is the origin, the
// verifier key and the checkpoint, each beginning a line of its own.
type Enrolment struct {
	Origin string
	Key    string // verifier key, NAME+HASH+KEY
	// Checkpoint is signed with the key: whoever enrols a key has it.
	Checkpoint []byte
}

// Encode gives the enrolment as it is sent.
func (e Enrolment) Encode() []byte {
	return append([]byte(e.Origin+"\n"+e.Key+"\n"), e.Checkpoint...)
}

// ParseEnrolment reads an enrolment. It fails with [ErrMalformed].
func ParseEnrolment(b []byte) (Enrolment, error) {
	origin, rest, ok := bytes.Cut(b, []byte("\n"))
	key, checkpoint, ok2 := bytes.Cut(rest, []byte("\n"))
	e := Enrolment{string(origin), string(key), checkpoint}
	if !ok || !ok2 || !validOrigin(e.Origin) || len(checkpoint) > checkpointLimit {
		return Enrolment{}, ErrMalformed
	}
	return e, nil
}

// Answer says what a collector has.
type Answer struct {
	// Size is the number of records of the log that are on the collector's disk.
	Size int64 `json:"size"`
	// Cosignature is the collector's signature lines on the checkpoint that was
	// pushed (C2SP tlog-cosignature), where it holds all of its records.
	Cosignature string `json:"cosignature,omitempty"`
}

// Code says why a push was refused. It is a closed list.
type Code string

// The codes, with what a proxy does about them.
const (
	CodeMalformed    Code = "malformed"      // a fault of one of the two programs
	CodeTooLarge     Code = "too_large"      // send less at once
	CodeCredentials  Code = "credentials"    // the token is missing or not good for this log
	CodeUnknown      Code = "unknown_origin" // enrol, or configure the log
	CodeSignature    Code = "signature"      // the checkpoint is not signed by the log's pinned key
	CodeOtherKey     Code = "other_key"      // the log is known with another key
	CodeGap          Code = "gap"            // go on from Size
	CodeMismatch     Code = "mismatch"       // the records are not those that the checkpoint was signed for
	CodeForked       Code = "forked"         // the log has signed two histories
	CodeInconsistent Code = "inconsistent"   // the checkpoint does not go on from what the collector holds
	CodeRolledBack   Code = "rolled_back"    // the log has fewer records than it had
	CodeBusy         Code = "busy"           // try again
	CodeStorage      Code = "storage"        // the collector cannot write; try again
)

// Refusal is an answer that is not yes. It is an error on the side of the proxy.
type Refusal struct {
	Code Code `json:"code"`
	// Size is the number of records that the collector has; -1 where that is not
	// said.
	Size int64 `json:"size"`
	// Index is the first record that differs from the collector's, -1 where it is
	// not known.
	Index int64 `json:"index"`
}

// Error implements error.
func (r *Refusal) Error() string {
	s := "the collector refuses: " + string(r.Code)
	if r.Index >= 0 {
		s += fmt.Sprintf(" at record %d", r.Index)
	}
	if r.Size >= 0 {
		s += fmt.Sprintf(" (it has %d records)", r.Size)
	}
	return s
}

// refuse makes a refusal that tells no numbers.
func refuse(c Code) *Refusal { return &Refusal{Code: c, Size: -1, Index: -1} }
