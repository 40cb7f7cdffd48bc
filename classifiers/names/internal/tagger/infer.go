package tagger

import (
	"encoding/binary"
	"math"
)

// Span is a name that was found: tokens From up to To.
type Span struct {
	From, To int
	Tag      Tag     // BPerson, BLocation or BOrganization
	P        float32 // how sure it is, 0 to 1: the least of its tokens'
}

// Decoder is the scratch of decoding; one per goroutine.
type Decoder struct {
	emit     [][Tags]float32 // exp of the weights, scaled by the greatest of the token
	fore     [][Tags]float32
	marginal [][Tags]float32
	Spans    []Span
}

// resize makes room for n tokens.
func (d *Decoder) resize(n int) {
	if cap(d.emit) < n {
		d.emit = make([][Tags]float32, n, 2*n)
		d.fore = make([][Tags]float32, n, 2*n)
		d.marginal = make([][Tags]float32, n, 2*n)
	}
	d.emit, d.fore, d.marginal = d.emit[:n], d.fore[:n], d.marginal[:n]
}

// even masks every second byte of a row, so that sums of bytes have room.
const even = 0x00FF00FF00FF00FF

// scores adds up the rows of the features of token i.
func (m *Model) scores(s *Sequence, i int) [Tags]float32 {
	var f [Features]uint32
	s.Rows(i, &f)
	var lo, hi uint64
	for _, r := range f {
		v := binary.LittleEndian.Uint64(m.rows[int(r)*Lane:])
		lo += v & even
		hi += v >> 8 & even
	}
	var out [Tags]float32
	for t := range Tags {
		sum := lo
		if t&1 != 0 {
			sum = hi
		}
		out[t] = float32(int(sum>>(16*(t/2))&0xFFFF)-128*Features) * m.scale
	}
	return out
}

// Decode finds the names of a sentence: it computes how likely each token is
// part of one, given all tags of the sentence (forward and backward), and puts
// together what is at least floor. Tokens that [Sequence.Load] found to be no
// part of a name are taken as such, so that only what is between them costs.
func (m *Model) Decode(s *Sequence, d *Decoder, floor float32) []Span {
	n := len(s.Tokens)
	d.Spans = d.Spans[:0]
	d.resize(n)
	for i := 0; i < n; {
		if !s.active[i] {
			i++
			continue
		}
		j := i
		busy := false
		for ; j < n && s.active[j]; j++ {
			e := &d.emit[j]
			*e = m.scores(s, j)
			other := e[1]
			for _, v := range e[2:] {
				other = max(other, v)
			}
			busy = busy || other-e[0] > quiet
			top := max(e[0], other)
			for t := range e {
				e[t] = exp(e[t] - top)
			}
		}
		if busy {
			first, last := &m.step[O], &m.before
			if i == 0 {
				first = &m.begin
			}
			if j == n {
				last = &m.end
			}
			m.pass(d, i, j, first, last)
			d.spans(i, j, floor)
		}
		i = j
	}
	return d.Spans
}

// quiet is the distance from O to the next tag from which a sentence whose every
// token keeps it has no names.
const quiet = -6

// norm makes the sum of v one.
func norm(v *[Tags]float32) {
	sum := float32(0)
	for _, x := range v {
		sum += x
	}
	if sum <= 0 {
		*v = [Tags]float32{1}
		return
	}
	sum = 1 / sum
	for t := range v {
		v[t] *= sum
	}
}

// pass computes the marginals of the tokens from i up to j, with the weights of
// the step into the first and out of the last.
func (m *Model) pass(d *Decoder, i, j int, first, last *[Tags]float32) {
	for t := range Tags {
		d.fore[i][t] = d.emit[i][t] * first[t]
	}
	norm(&d.fore[i])
	for k := i + 1; k < j; k++ {
		a, o, e := &d.fore[k-1], &d.fore[k], &d.emit[k]
		*o = [Tags]float32{}
		for p := range Tags {
			v := a[p]
			if v < 1e-6 {
				continue
			}
			st := &m.step[p]
			for t := range Tags {
				o[t] += v * st[t]
			}
		}
		for t := range Tags {
			o[t] *= e[t]
		}
		norm(o)
	}
	back := *last
	for k := j - 1; ; k-- {
		q := &d.marginal[k]
		for t := range Tags {
			q[t] = d.fore[k][t] * back[t]
		}
		norm(q)
		if k == i {
			break
		}
		var b [Tags]float32
		e := &d.emit[k]
		for t := range Tags {
			v := back[t] * e[t]
			if v < 1e-9 {
				continue
			}
			into := &m.into[t]
			for p := range Tags {
				b[p] += into[p] * v
			}
		}
		norm(&b)
		back = b
	}
}

// spans puts the tokens from i up to n together.
func (d *Decoder) spans(i, n int, floor float32) {
	for i < n {
		q := &d.marginal[i]
		best, p := Tag(0), float32(0)
		for t := BPerson; t < Tags; t += 2 {
			if v := q[t] + q[t+1]; v > p {
				best, p = t, v
			}
		}
		if p < floor {
			i++
			continue
		}
		j, least := i+1, p
		for j < n {
			r := &d.marginal[j]
			v := r[best] + r[best+1]
			// A weak token does not lengthen a strong name.
			if v < floor || v < half && p >= half || r[best] > r[best+1] {
				break
			}
			least = min(least, v)
			j++
		}
		d.Spans = append(d.Spans, Span{i, j, best, least})
		i = j
	}
}

const half = 0.5

// exp is e to the power of x for x of at most 0, within a thousandth: two to the
// whole part by the exponent's bits, to the rest by a polynomial.
func exp(x float32) float32 {
	if x < -20 {
		return 0
	}
	x *= math.Log2E
	whole := int32(x) - 1
	f := x - float32(whole) // 0 to 2
	f -= 1
	whole++
	p := 1 + f*(0.6931472+f*(0.2402265+f*(0.0555041+f*0.0096181)))
	return p * math.Float32frombits(uint32(whole+127)<<23)
}
