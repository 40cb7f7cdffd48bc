package main

import (
	"math"
	"math/rand/v2"

	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
)

const tags = int(tagger.Tags)

// sentence is what is learnt from: tokens and their tags.
type sentence struct {
	tokens []tagger.Token
	tags   []tagger.Tag
}

// learner holds the weights and the sums of squared gradients (AdaGrad).
type learner struct {
	w          *tagger.Weights
	squares    []float32
	stepSq     [tags][tags]float32
	beginSq    [tags]float32
	endSq      [tags]float32
	seen       []uint8 // how often a row occurs, up to 255
	cutoff     uint8
	rate       float32
	sequence   tagger.Sequence
	rows       [][tagger.Features]uint32
	emit       [][tags]float64
	fore, back [][tags]float64
	chance     *rand.Rand
	drop       uint64 // share of the features left out of each token, in 256ths
}

// learn goes over the sentences c.epochs times, in another order each.
func learn(set []sentence, c config, after func(epoch int, w *tagger.Weights)) *tagger.Weights {
	n := 1 << tagger.RowBits
	l := &learner{w: tagger.NewWeights(), squares: make([]float32, n*tagger.Lane), seen: make([]uint8, n), cutoff: uint8(c.cutoff), rate: float32(c.rate), drop: uint64(c.drop * 256)}
	for i := range set {
		l.count(&set[i])
	}
	for a := range tags {
		for b := range tags {
			if !tagger.Fits(tagger.Tag(a), tagger.Tag(b)) {
				l.w.Step[a][b] = tagger.Forbidden
			}
		}
		if !tagger.Fits(tagger.O, tagger.Tag(a)) {
			l.w.Begin[a] = tagger.Forbidden
		}
	}
	r := rand.New(rand.NewPCG(seed, 1))
	order := r.Perm(len(set))
	l.chance = r
	for e := 1; e <= c.epochs; e++ {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		// The rate falls to a tenth, so that the last sentences do not weigh most.
		l.rate = float32(c.rate) * float32(1-0.9*float64(e-1)/float64(max(1, c.epochs-1)))
		for _, i := range order {
			l.sentence(&set[i])
		}
		after(e, l.w)
	}
	return l.w
}

func (l *learner) load(s *sentence) {
	l.sequence.Load(s.tokens)
	n := len(s.tokens)
	for len(l.rows) < n {
		l.rows = append(l.rows, [tagger.Features]uint32{})
		l.emit = append(l.emit, [tags]float64{})
		l.fore = append(l.fore, [tags]float64{})
		l.back = append(l.back, [tags]float64{})
	}
	for i := range n {
		l.sequence.Rows(i, &l.rows[i])
	}
}

// none is the row of a feature that is left out.
const none = math.MaxUint32

// thin leaves features out by chance, so that the model does not lean on few.
func (l *learner) thin(n int) {
	for i := range n {
		var bits uint64
		for k := range l.rows[i] {
			if k%8 == 0 {
				bits = l.chance.Uint64()
			}
			if bits&0xFF < l.drop {
				l.rows[i][k] = none
			}
			bits >>= 8
		}
	}
}

func (l *learner) count(s *sentence) {
	l.load(s)
	for i := range s.tokens {
		for _, r := range l.rows[i] {
			if l.seen[r] < math.MaxUint8 {
				l.seen[r]++
			}
		}
	}
}

// small is the gradient below which nothing is changed: most words are surely no
// part of a name.
const small = 0.002

// sentence makes one step of the gradient of the likelihood of its tags.
func (l *learner) sentence(s *sentence) {
	n := len(s.tokens)
	if n == 0 {
		return
	}
	l.load(s)
	w := l.w
	if l.drop > 0 {
		l.thin(n)
	}
	var step [tags][tags]float64
	for a := range tags {
		for b := range tags {
			step[a][b] = math.Exp(float64(w.Step[a][b]))
		}
	}
	for i := range n {
		e := &l.emit[i]
		if s.tokens[i].Kind == tagger.Newline {
			*e = [tags]float64{1}
			continue
		}
		var sum [tagger.Lane]float32
		for _, r := range l.rows[i] {
			if r == none || l.seen[r] < l.cutoff {
				continue
			}
			row := w.Rows[int(r)*tagger.Lane : int(r)*tagger.Lane+tagger.Lane]
			for t := range tags {
				sum[t] += row[t]
			}
		}
		top := sum[0]
		for _, v := range sum[1:tags] {
			top = max(top, v)
		}
		for t := range tags {
			e[t] = math.Exp(float64(sum[t] - top))
		}
	}
	for t := range tags {
		l.fore[0][t] = l.emit[0][t] * math.Exp(float64(w.Begin[t]))
	}
	norm(&l.fore[0])
	for i := 1; i < n; i++ {
		f := &l.fore[i]
		*f = [tags]float64{}
		for a := range tags {
			v := l.fore[i-1][a]
			for b := range tags {
				f[b] += v * step[a][b]
			}
		}
		for b := range tags {
			f[b] *= l.emit[i][b]
		}
		norm(f)
	}
	for t := range tags {
		l.back[n-1][t] = math.Exp(float64(w.End[t]))
	}
	norm(&l.back[n-1])
	for i := n - 1; i > 0; i-- {
		b := &l.back[i-1]
		*b = [tags]float64{}
		for p := range tags {
			for t := range tags {
				b[p] += step[p][t] * l.back[i][t] * l.emit[i][t]
			}
		}
		norm(b)
	}
	// Gradients of the rows.
	var stepGrad [tags][tags]float64
	for i := range n {
		var q [tags]float64
		for t := range tags {
			q[t] = l.fore[i][t] * l.back[i][t]
		}
		norm(&q)
		gold := int(s.tags[i])
		if i == 0 {
			for t := range tags {
				g := q[t]
				if t == gold {
					g--
				}
				if w.Begin[t] != tagger.Forbidden {
					l.move(&w.Begin[t], &l.beginSq[t], float32(g))
				}
			}
		}
		if i == n-1 {
			for t := range tags {
				g := q[t]
				if t == gold {
					g--
				}
				l.move(&w.End[t], &l.endSq[t], float32(g))
			}
		}
		if 1-q[gold] < small {
			if i > 0 {
				stepGrad[s.tags[i-1]][gold]--
				l.pairs(i, &step, &stepGrad)
			}
			continue
		}
		if i > 0 {
			stepGrad[s.tags[i-1]][gold]--
			l.pairs(i, &step, &stepGrad)
		}
		if s.tokens[i].Kind == tagger.Newline {
			continue
		}
		var g [tags]float32
		for t := range tags {
			g[t] = float32(q[t])
		}
		g[gold]--
		for _, r := range l.rows[i] {
			if r == none || l.seen[r] < l.cutoff {
				continue
			}
			at := int(r) * tagger.Lane
			row, sq := w.Rows[at:at+tags], l.squares[at:at+tags]
			for t, v := range g {
				sq[t] += v * v
				row[t] -= l.rate * v / float32(math.Sqrt(float64(sq[t]+1)))
			}
		}
	}
	for a := range tags {
		for b := range tags {
			if w.Step[a][b] != tagger.Forbidden && stepGrad[a][b] != 0 {
				l.move(&w.Step[a][b], &l.stepSq[a][b], float32(stepGrad[a][b]))
			}
		}
	}
}

// pairs adds the likelihoods of the pairs of tags i-1 and i.
func (l *learner) pairs(i int, step, grad *[tags][tags]float64) {
	var sum float64
	var p [tags][tags]float64
	for a := range tags {
		for b := range tags {
			p[a][b] = l.fore[i-1][a] * step[a][b] * l.emit[i][b] * l.back[i][b]
			sum += p[a][b]
		}
	}
	if sum <= 0 {
		return
	}
	for a := range tags {
		for b := range tags {
			grad[a][b] += p[a][b] / sum
		}
	}
}

func (l *learner) move(w, sq *float32, g float32) {
	*sq += g * g
	*w -= l.rate * g / float32(math.Sqrt(float64(*sq+1)))
}

// norm makes the sum of v one.
func norm(v *[tags]float64) {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	if sum <= 0 {
		*v = [tags]float64{1}
		return
	}
	for t := range v {
		v[t] /= sum
	}
}
