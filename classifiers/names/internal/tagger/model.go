package tagger

import (
	"encoding/binary"
	"errors"
	"math"
)

// Model is the weights: rows of bytes, used in place, and the weights of steps
// from tag to tag. It is not written after it is read, and safe for concurrent use.
type Model struct {
	rows  []byte
	scale float32
	// step holds exp of the weight of going from one tag to another, begin and
	// end those of the first and last tag.
	step       [Tags][Tags]float32
	begin, end [Tags]float32
	into       [Tags][Tags]float32 // step, by the second tag
	before     [Tags]float32       // of going on with O
}

// The layout of a model: magic, scale, then begin, end and steps as float32, then
// the rows.
const (
	magic  = "OSTTAG01"
	header = len(magic) + 4*(1+2*int(Tags)+int(Tags)*int(Tags))
)

// errModel says that bytes are no model of this version.
var errModel = errors.New("tagger: not a model of this version")

// Read makes a model of bytes, which it keeps and does not copy.
func Read(b []byte) (*Model, error) {
	if len(b) != header+rows*Lane || string(b[:len(magic)]) != magic {
		return nil, errModel
	}
	at := len(magic)
	next := func() float32 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b[at:]))
		at += 4
		return v
	}
	m := &Model{scale: next()}
	exp := func() float32 { return float32(math.Exp(float64(next()))) }
	for t := range Tags {
		m.begin[t] = exp()
	}
	for t := range Tags {
		m.end[t] = exp()
	}
	for a := range Tags {
		for b := range Tags {
			m.step[a][b] = exp()
		}
	}
	for a := range Tags {
		m.before[a] = m.step[a][O]
		for b := range Tags {
			m.into[b][a] = m.step[a][b]
		}
	}
	m.rows = b[header:]
	return m, nil
}

// Weights is a model in training.
type Weights struct {
	Rows       []float32 // Lane for each row
	Step       [Tags][Tags]float32
	Begin, End [Tags]float32
}

// NewWeights gives weights of zero.
func NewWeights() *Weights { return &Weights{Rows: make([]float32, rows*Lane)} }

// Forbidden is the weight of what cannot be: an I behind another name or none.
const Forbidden = -30

// Fits reports whether tag b may follow tag a.
func Fits(a, b Tag) bool {
	return b == O || b == BPerson || b == BLocation || b == BOrganization || a == b || a+1 == b
}

// Pack writes the weights as a model: those of features in bytes, the largest
// of which stand for limit; what is beyond is cut.
func (w *Weights) Pack(limit float32) []byte {
	b := make([]byte, 0, header+rows*Lane)
	b = append(b, magic...)
	put := func(v float32) { b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v)) }
	scale := limit / 127
	put(scale)
	for _, v := range w.Begin {
		put(v)
	}
	for _, v := range w.End {
		put(v)
	}
	for i := range w.Step {
		for _, v := range w.Step[i] {
			put(v)
		}
	}
	for _, v := range w.Rows {
		q := math.Round(float64(v / scale))
		// Bytes are shifted by 128, so that sums of them need no sign.
		b = append(b, byte(int(max(-127, min(127, q)))+128))
	}
	return b
}
