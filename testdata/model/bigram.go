package main

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// script is one fixed answer and the token that starts it.
type script struct{ start, text string }

// Shape of the model. Everything but the embedding's length is as small as the
// architecture takes.
const (
	contextLength = 8192
	headLength    = 32 // a multiple of what vector units like, and even, as rotary embedding needs
	ffnLength     = 32
	epsilon       = 1e-5
	// lead is by how much the logit of the piece to say is above all others: at
	// temperature 1 the others together have a chance below 1e-14.
	lead = 40
	// shortest piece in characters. A tokenizer of the SentencePiece kind merges
	// neighbours two at a time; as no token has two characters it never starts,
	// and every prompt is read as bytes, never as a piece of a script.
	shortest = 3
	// longest piece in characters. Streams are cut into short events, and values
	// across several of them, which is what readers of streams have to bear.
	longest = 6
)

// Kinds of tokens, as llama.cpp numbers them (llama_token_type).
const (
	normalToken  = 1
	unknownToken = 2
	controlToken = 3
	byteToken    = 6
)

// vocabulary is the list of tokens and, by index, what follows each.
type vocabulary struct {
	texts []string
	kinds []int32
	next  map[int]int // token after token, where a script says so
	known map[string]bool
}

func (v *vocabulary) add(text string, kind int32) int {
	v.texts = append(v.texts, text)
	v.kinds = append(v.kinds, kind)
	v.known[text] = true
	return len(v.texts) - 1
}

// Places of the fixed tokens.
const (
	unknownID = 0
	beginID   = 1
	endID     = 2
	firstByte = 3
)

// build makes the model that recites the scripts; the first is what follows
// anything that no script holds.
func build(scripts []script) (*gguf, error) {
	v, greeting, err := lay(scripts)
	if err != nil {
		return nil, err
	}
	return v.model(greeting), nil
}

// lay makes the vocabulary and the table of what follows what, and gives the
// first piece of the first script.
func lay(scripts []script) (*vocabulary, int, error) {
	v := &vocabulary{next: map[int]int{}, known: map[string]bool{}}
	v.add("<unk>", unknownToken)
	v.add("<s>", controlToken)
	v.add("<|end|>", controlToken)
	for b := 0; b < 256; b++ {
		const hex = "0123456789ABCDEF"
		v.add("<0x"+string(hex[b>>4])+string(hex[b&15])+">", byteToken)
	}
	v.add("<|turn|>", controlToken)

	greeting := 0
	for i, s := range scripts {
		at := v.add(s.start, controlToken)
		pieces, err := v.cut(s.text)
		if err != nil {
			return nil, 0, err
		}
		for j, p := range pieces {
			id := v.add(p, normalToken)
			if i == 0 && j == 0 {
				greeting = id
			}
			v.next[at] = id
			at = id
		}
		v.next[at] = endID
	}
	return v, greeting, nil
}

// cut splits a text into pieces that are in no script so far, each as short as
// that permits. Tokens write a space as U+2581.
func (v *vocabulary) cut(text string) ([]string, error) {
	rest := strings.ReplaceAll(text, " ", "\u2581")
	taken := map[string]bool{}
	var pieces []string
	for rest != "" {
		length := shortest + len(pieces)%(longest-shortest+1)
		for {
			p, ok := prefix(rest, length)
			if !ok && len(pieces) == 0 {
				return nil, errors.New("a script is part of another; say it differently")
			}
			if !ok {
				// What is left is known already: it becomes one with the piece before.
				last := len(pieces) - 1
				rest, length = pieces[last]+rest, utf8.RuneCountInString(pieces[last]+rest)
				delete(taken, pieces[last])
				pieces = pieces[:last]
				continue
			}
			left := utf8.RuneCountInString(rest[len(p):])
			if !v.known[p] && !taken[p] && (left == 0 || left >= shortest) {
				pieces, rest = append(pieces, p), rest[len(p):]
				taken[p] = true
				break
			}
			length++
		}
	}
	return pieces, nil
}

// prefix gives the first n characters of s.
func prefix(s string, n int) (string, bool) {
	at := 0
	for ; n > 0; n-- {
		if at == len(s) {
			return "", false
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return s[:at], true
}

// model writes the vocabulary down as weights.
func (v *vocabulary) model(greeting int) *gguf {
	// A token that a script continues has a dimension of its own; all others
	// share dimension 0.
	dimension := make([]int, len(v.texts))
	width := 1
	for id := range v.texts {
		if _, ok := v.next[id]; ok {
			dimension[id] = width
			width++
		}
	}
	width = (width + headLength - 1) / headLength * headLength

	// Root-mean-square normalisation makes of a single 1 among width numbers the
	// square root of width, near enough; the output matrix takes it off again.
	height := float32(lead / math.Sqrt(float64(width)))
	embedding := make([]float32, len(v.texts)*width)
	output := make([]float32, len(v.texts)*width)
	for id := range v.texts {
		embedding[id*width+dimension[id]] = 1
		if next, ok := v.next[id]; ok {
			output[next*width+dimension[id]] = height
		}
	}
	output[greeting*width] = height

	ones := make([]float32, width)
	for i := range ones {
		ones[i] = 1
	}
	heads := uint32(width / headLength)
	g := &gguf{}
	g.text("general.architecture", "llama")
	g.text("general.name", "scripted")
	g.number("llama.context_length", contextLength)
	g.number("llama.embedding_length", uint32(width))
	g.number("llama.block_count", 1)
	g.number("llama.feed_forward_length", ffnLength)
	g.number("llama.attention.head_count", heads)
	g.number("llama.attention.head_count_kv", 1)
	g.real("llama.attention.layer_norm_rms_epsilon", epsilon)
	g.number("llama.rope.dimension_count", headLength)
	g.number("llama.vocab_size", uint32(len(v.texts)))
	g.text("tokenizer.ggml.model", "llama")
	g.texts("tokenizer.ggml.tokens", v.texts)
	g.reals("tokenizer.ggml.scores", make([]float32, len(v.texts)))
	g.integers("tokenizer.ggml.token_type", v.kinds)
	g.number("tokenizer.ggml.unknown_token_id", unknownID)
	g.number("tokenizer.ggml.bos_token_id", beginID)
	g.number("tokenizer.ggml.eos_token_id", endID)
	g.flag("tokenizer.ggml.add_bos_token", true)
	g.flag("tokenizer.ggml.add_space_prefix", false)
	g.text("tokenizer.chat_template", chatTemplate)

	tokens := len(v.texts)
	g.tensor("token_embd.weight", embedding, width, tokens)
	g.tensor("output.weight", output, width, tokens)
	g.tensor("output_norm.weight", ones, width)
	g.tensor("blk.0.attn_norm.weight", ones, width)
	g.tensor("blk.0.ffn_norm.weight", ones, width)
	g.tensor("blk.0.attn_q.weight", make([]float32, width*width), width, width)
	g.tensor("blk.0.attn_k.weight", make([]float32, width*headLength), width, headLength)
	g.tensor("blk.0.attn_v.weight", make([]float32, width*headLength), width, headLength)
	g.tensor("blk.0.attn_output.weight", make([]float32, width*width), width, width)
	g.tensor("blk.0.ffn_gate.weight", make([]float32, width*ffnLength), width, ffnLength)
	g.tensor("blk.0.ffn_up.weight", make([]float32, width*ffnLength), width, ffnLength)
	g.tensor("blk.0.ffn_down.weight", make([]float32, ffnLength*width), ffnLength, width)
	return g
}
