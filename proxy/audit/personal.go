package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"github.com/ostiary/ostiary/proxy"
)

// The personal part of an event (CONTRACTS 8) is written beside it and is no part
// of the Merkle tree's leaf. The leaf holds a commitment to it, which is salted, so
// that nobody can try values against a commitment once the part was erased; erasing
// it breaks no proof.

// saltBytes is the length of a personal part's salt.
const saltBytes = 16

// ErrCommitment: a personal part is not the one that its event commits to.
var ErrCommitment = errors.New("the personal part is not the one that was recorded with the event")

// setApart gives the personal part as it is recorded, valid until the encoder's
// next one, and what stands in the event in its place. Both are nil where there is
// nothing personal.
func (l *Log) setApart(enc *encoder, p *proxy.PersonalRecord) ([]byte, *proxy.PersonalRecord, error) {
	if p == nil || reflect.ValueOf(*p).IsZero() {
		return nil, nil, nil
	}
	own := *p // it belongs to the caller
	var salt [saltBytes]byte
	if _, err := io.ReadFull(l.opt.random, salt[:]); err != nil {
		return nil, nil, err
	}
	own.Salt, own.Commitment = hex.EncodeToString(salt[:]), ""
	b, err := enc.encodePersonal(&own)
	if err != nil {
		return nil, nil, err
	}
	return b, &proxy.PersonalRecord{Commitment: commit(b)}, nil
}

// commit gives the commitment to a personal part as recorded.
func commit(personal []byte) string {
	h := sha256.Sum256(personal)
	return hex.EncodeToString(h[:])
}

// OpenPersonal decodes the personal part of a record, which must be the one that
// its event commits to ([ErrCommitment]). It gives nil where the record has none,
// or none any more.
func (e Record) OpenPersonal() (*proxy.PersonalRecord, error) {
	if len(e.Personal) == 0 {
		return nil, nil
	}
	ev, err := e.Event()
	if err != nil {
		return nil, err
	}
	if ev.Personal == nil || ev.Personal.Commitment != commit(e.Personal) {
		return nil, ErrCommitment
	}
	var p proxy.PersonalRecord
	if json.Unmarshal(e.Personal, &p) != nil {
		return nil, ErrCommitment
	}
	p.Commitment = ev.Personal.Commitment
	return &p, nil
}
