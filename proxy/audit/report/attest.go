package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
)

// KindAttestation is the kind of a bundle that a negative attestation is in.
const KindAttestation = "negative attestation"

// attestationLine is the first line of what is signed: a checkpoint has the name of
// its log there, and a number in the line below.
const attestationLine = "ostiary negative attestation v1"

// ErrNoAttestation: the bundle holds records, and no attestation.
var ErrNoAttestation = errors.New("the bundle holds no negative attestation")

// Attestation is a negative attestation as it is signed. The fields stand in the order
// of their JSON names.
type Attestation struct {
	Digest   string   `json:"digest"` // SHA-256 in hex of all records of the range, each with a line feed behind it
	End      int64    `json:"end"`    // index behind the last record of the bundle
	Figures  Figures  `json:"figures"`
	First    int64    `json:"first"` // index of the first
	Origin   string   `json:"origin"`
	Question Question `json:"question"`
	Root     string   `json:"root"` // of the checkpoint, base64
	Size     int64    `json:"size"` // of the checkpoint
	State    string   `json:"state"`
}

// Sentence says the answer in one sentence.
func (a *Attestation) Sentence() string { return a.Figures.sentence(&a.Question) }

// text gives what is signed.
func (a *Attestation) text() (string, error) {
	line, err := oneLine(a)
	if err != nil {
		return "", err
	}
	return attestationLine + "\n" + line + "\n" + a.Sentence() + "\n", nil
}

func oneLine(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "", errors.New("report: a value cannot be written")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// Ask is what [Attest] needs.
type Ask struct {
	Question   Question
	First, End int64                          // see [Range]
	Checkpoint []byte                         // signed; at least End records
	Hashes     tlog.HashReader                // of the log's tree: [proof.Tiles]
	Records    iter.Seq2[audit.Record, error] // from First on; what comes from End on is not read
	Signer     note.Signer                    // of the attestation; the log's key will do
}

// Attest answers a question by a bundle with all records of the range and the signed
// attestation. It reads the records once and keeps none. Where the records are not
// those under the checkpoint it fails with [proof.ErrPath], and what was written is
// worth nothing.
func Attest(w io.Writer, a Ask) (*Attestation, error) {
	q, err := a.Question.Normal()
	if err != nil {
		return nil, err
	}
	if a.Signer == nil {
		return nil, errors.New("report: an attestation needs a key that signs it")
	}
	c, err := proof.Peek(a.Checkpoint)
	if err != nil {
		return nil, err
	}
	query, err := oneLine(&q)
	if err != nil {
		return nil, err
	}
	b, err := proof.NewBundle(w, proof.Head{First: a.First, End: a.End, Kind: KindAttestation, Query: query}, a.Checkpoint, a.Hashes)
	if err != nil {
		return nil, err
	}
	n := &recount{counter: newCounter(q, a.First, a.End, c.Size), digest: sha256.New()}
	if a.First < a.End {
		for rec, err := range a.Records {
			if err != nil {
				return nil, err
			}
			if rec.Index != a.First+n.counter.figures.Records {
				return nil, fmt.Errorf("report: record %d came where record %d is due", rec.Index, a.First+n.counter.figures.Records)
			}
			if err := errors.Join(b.Add(rec.JSON), n.add(rec.Index, rec.JSON)); err != nil {
				return nil, err
			}
			if rec.Index+1 == a.End {
				break
			}
		}
	}
	out := n.attestation(c, a.First, a.End)
	text, err := out.text()
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: text}, a.Signer)
	if err != nil {
		return nil, errors.New("report: the attestation cannot be signed by this key")
	}
	if err := errors.Join(b.Attest(signed), b.Close()); err != nil {
		return nil, err
	}
	return out, nil
}

// AttestLog answers a question from the log in a directory, or a copy of it, under the
// last checkpoint that the log's key signed. It reads the records twice: once for
// their times, once for the bundle.
func AttestLog(w io.Writer, dir string, q Question, key note.Verifier, signer note.Signer) (*Attestation, error) {
	r, err := audit.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	signed, err := r.Checkpoint()
	if err != nil {
		return nil, err
	}
	c, err := proof.Open(signed, key)
	if err != nil {
		return nil, err
	}
	first, end, err := Range(r.Records(0), q, c.Size)
	if err != nil {
		return nil, err
	}
	return Attest(w, Ask{
		Question: q, First: first, End: end, Checkpoint: signed, Hashes: proof.Tiles(os.DirFS(dir), c), Records: r.Records(first), Signer: signer,
	})
}

// recount is what maker and verifier do alike with the records.
type recount struct {
	counter *counter
	digest  hash.Hash
}

func (r *recount) add(index int64, core []byte) error {
	r.digest.Write(core)
	r.digest.Write([]byte{'\n'})
	return r.counter.add(index, core)
}

func (r *recount) attestation(c proof.Checkpoint, first, end int64) *Attestation {
	a := &Attestation{
		Digest: hex.EncodeToString(r.digest.Sum(nil)), End: end, Figures: r.counter.end(), First: first, Origin: c.Origin,
		Question: r.counter.q, Root: base64.StdEncoding.EncodeToString(c.Root[:]), Size: c.Size,
	}
	a.State = a.Figures.State()
	return a
}

// Keys are what a check of an attestation believes. They must come by another way than
// the bundle.
type Keys struct {
	proof.Trust
	Signer note.Verifier // of the attestation; nil: the log's key
}

// Verify checks a bundle, and computes the attestation in it again from its records.
// Beside the errors of [proof.ReadBundle] it fails with [proof.Altered] where the
// attestation is not signed by the key, or says what the records do not give, and with
// [ErrNoAttestation]. With [proof.ErrNoKey], [proof.ErrApart] and [ErrNoAttestation]
// the rest was checked and what was found is given.
func Verify(r io.Reader, k Keys) (*Attestation, *proof.Bundle, error) {
	v := &verifier{}
	b, err := proof.ReadBundle(r, k.Trust, proof.Visitor{Head: v.head, Record: v.record})
	if b == nil {
		return nil, nil, err
	}
	switch {
	case v.recount == nil && b.Attestation != nil:
		return nil, nil, &proof.Altered{Place: "attestation", Index: -1, Until: -1, Why: "stands in a bundle of another kind"}
	case v.recount == nil && err == nil:
		return nil, b, ErrNoAttestation
	case v.recount == nil:
		return nil, b, err
	}
	key := k.Signer
	if key == nil {
		key = k.Key
	}
	a, cause := v.judge(b, key)
	if cause != nil {
		return nil, nil, cause
	}
	return a, b, err
}

type verifier struct{ recount *recount }

func (v *verifier) head(h proof.Head) error {
	if h.Kind != KindAttestation {
		return nil
	}
	var q Question
	if json.Unmarshal([]byte(h.Query), &q) != nil {
		return proof.ErrFormat
	}
	q, err := q.Normal()
	if err != nil {
		return proof.ErrFormat
	}
	if again, err := oneLine(&q); err != nil || again != h.Query {
		return proof.ErrFormat
	}
	v.recount = &recount{counter: newCounter(q, h.First, h.End, h.Size), digest: sha256.New()}
	return nil
}

func (v *verifier) record(index int64, core []byte) error {
	if v.recount == nil {
		return nil
	}
	return v.recount.add(index, core)
}

// judge compares the attestation with what the records give.
func (v *verifier) judge(b *proof.Bundle, key note.Verifier) (*Attestation, error) {
	bad := func(why string) error { return &proof.Altered{Place: "attestation", Index: -1, Until: -1, Why: why} }
	if b.Attestation == nil {
		return nil, bad("was removed")
	}
	a := v.recount.attestation(b.Checkpoint, b.Head.First, b.Head.End)
	want, err := a.text()
	if err != nil {
		return nil, err
	}
	text, _, ok := strings.Cut(string(b.Attestation), "\n\n")
	if key != nil {
		signed, err := proof.OpenNote(b.Attestation, key)
		if errors.Is(err, proof.ErrSignature) {
			return nil, bad("is not signed by the key that was given")
		}
		if err != nil {
			return nil, err
		}
		text, ok = strings.TrimSuffix(signed, "\n"), true
	}
	if !ok || text+"\n" != want {
		return nil, bad("does not say what the records give: " + a.Sentence())
	}
	return a, nil
}
