package main

import (
	"encoding/binary"
	"math"
)

// gguf collects what goes into a GGUF file, version 3: a header, key-value
// pairs, descriptions of tensors, and their data. Source: the GGUF specification
// in the documentation of the ggml project. All numbers are little-endian.
type gguf struct {
	pairs   []byte
	npairs  uint64
	infos   []byte
	ntensor uint64
	data    []byte
}

const (
	ggufVersion = 3
	alignment   = 32 // of each tensor's data; the default, so that no key needs to say it
)

// Types of values.
const (
	typeUint32  = 4
	typeInt32   = 5
	typeFloat32 = 6
	typeBool    = 7
	typeString  = 8
	typeArray   = 9
)

// tensorFloat32 is the only type of tensor that is written.
const tensorFloat32 = 0

var order = binary.LittleEndian

func appendText(b []byte, s string) []byte {
	return append(order.AppendUint64(b, uint64(len(s))), s...)
}

func (g *gguf) key(name string, kind uint32) {
	g.npairs++
	g.pairs = order.AppendUint32(appendText(g.pairs, name), kind)
}

func (g *gguf) text(name, s string) {
	g.key(name, typeString)
	g.pairs = appendText(g.pairs, s)
}

func (g *gguf) number(name string, n uint32) {
	g.key(name, typeUint32)
	g.pairs = order.AppendUint32(g.pairs, n)
}

func (g *gguf) real(name string, f float32) {
	g.key(name, typeFloat32)
	g.pairs = order.AppendUint32(g.pairs, math.Float32bits(f))
}

func (g *gguf) flag(name string, on bool) {
	g.key(name, typeBool)
	if on {
		g.pairs = append(g.pairs, 1)
	} else {
		g.pairs = append(g.pairs, 0)
	}
}

func (g *gguf) array(name string, kind uint32, length int) {
	g.key(name, typeArray)
	g.pairs = order.AppendUint64(order.AppendUint32(g.pairs, kind), uint64(length))
}

func (g *gguf) texts(name string, list []string) {
	g.array(name, typeString, len(list))
	for _, s := range list {
		g.pairs = appendText(g.pairs, s)
	}
}

func (g *gguf) reals(name string, list []float32) {
	g.array(name, typeFloat32, len(list))
	for _, f := range list {
		g.pairs = order.AppendUint32(g.pairs, math.Float32bits(f))
	}
}

func (g *gguf) integers(name string, list []int32) {
	g.array(name, typeInt32, len(list))
	for _, n := range list {
		g.pairs = order.AppendUint32(g.pairs, uint32(n))
	}
}

// tensor adds a tensor; dimensions are given fastest first, as the format does.
func (g *gguf) tensor(name string, values []float32, dimensions ...int) {
	g.ntensor++
	g.infos = order.AppendUint32(appendText(g.infos, name), uint32(len(dimensions)))
	for _, d := range dimensions {
		g.infos = order.AppendUint64(g.infos, uint64(d))
	}
	g.infos = order.AppendUint32(g.infos, tensorFloat32)
	g.data = pad(g.data)
	g.infos = order.AppendUint64(g.infos, uint64(len(g.data)))
	for _, f := range values {
		g.data = order.AppendUint32(g.data, math.Float32bits(f))
	}
}

func (g *gguf) encode() []byte {
	b := append([]byte(nil), "GGUF"...)
	b = order.AppendUint32(b, ggufVersion)
	b = order.AppendUint64(b, g.ntensor)
	b = order.AppendUint64(b, g.npairs)
	b = append(b, g.pairs...)
	b = append(b, g.infos...)
	return append(pad(b), g.data...)
}

func pad(b []byte) []byte {
	for len(b)%alignment != 0 {
		b = append(b, 0)
	}
	return b
}
