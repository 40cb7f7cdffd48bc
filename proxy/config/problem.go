package config

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Position is a place in a configuration. Line and Column count from 1, columns
// in characters; Line is 0 where the place is the file as a whole.
type Position struct {
	File   string
	Line   int
	Column int
}

// String gives file:line:column.
func (p Position) String() string {
	name := p.File
	if name == "" {
		name = "configuration"
	}
	if p.Line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Column)
}

// Problem is one thing that is wrong. Neither field holds a key.
type Problem struct {
	Position Position
	Message  string // what is wrong
	Remedy   string // what to do
	Excerpt  string // the line, and a caret below it; empty where there is none
}

// Error implements error: position and message on one line, excerpt and remedy
// on the next ones.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Position.String() + ": " + p.Message)
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	if p.Remedy != "" {
		b.WriteString("\n    " + p.Remedy)
	}
	return b.String()
}

// Problems are all that is wrong with a configuration, in the order of the file.
type Problems []*Problem

// Error implements error.
func (ps Problems) Error() string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.Error()
	}
	return strings.Join(out, "\n")
}

// Unwrap gives each problem to errors.As.
func (ps Problems) Unwrap() []error {
	out := make([]error, len(ps))
	for i, p := range ps {
		out[i] = p
	}
	return out
}

// Position gives the place of a value by its path: Position("pools", "0",
// "url"), or Position("pools[0].url"). Where the value was left out it is the
// place of what would hold it.
func (c *Config) Position(path ...string) Position {
	return c.source.find(joinPath(path))
}

// Problem makes a problem at the place of a value, for errors that only other
// rooms can find. Message and remedy must hold no key.
func (c *Config) Problem(message, remedy string, path ...string) *Problem {
	pos := c.source.find(joinPath(path))
	return &Problem{Position: pos, Message: message, Remedy: remedy, Excerpt: c.source.excerpt(pos, false, "")}
}

func joinPath(path []string) string {
	var b strings.Builder
	for _, p := range path {
		if _, err := strconv.Atoi(p); err == nil {
			b.WriteString("[" + p + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}

// source is the text, with the places of the values that were read from it.
type source struct {
	name   string // as given; in messages
	file   string // absolute
	dir    string // absolute
	lines  []string
	at     map[string]Position // by path
	hushed map[int]bool        // lines that may hold a key: only words of the vocabulary are shown
}

func newSource(name string, data []byte) *source {
	s := &source{name: name, at: map[string]Position{}, hushed: map[int]bool{}}
	s.file, s.dir = name, filepath.Dir(name)
	if abs, err := filepath.Abs(name); err == nil {
		s.file, s.dir = abs, filepath.Dir(abs)
	}
	// A carriage return alone is a line break too (YAML 1.2.2, 5.4); the parser
	// gets the lines as they are split here, so that both count alike.
	s.lines = strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
	return s
}

// find gives the place of a path, or of the nearest one above it.
func (s *source) find(path string) Position {
	for path != "" {
		if p, ok := s.at[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Position{File: s.name}
}

const (
	hidden   = "…"
	maxShown = 160 // characters of a line on each side of the caret
)

// excerpt gives the line of a position and a caret below it. Words that look
// like keys are hidden; on hushed lines, and where quiet is set, every word is
// that is not of the configuration's vocabulary, but for keep.
func (s *source) excerpt(pos Position, quiet bool, keep string) string {
	if pos.Line < 1 || pos.Line > len(s.lines) {
		return ""
	}
	quiet = quiet || s.hushed[pos.Line]
	line := strings.ReplaceAll(s.lines[pos.Line-1], "\t", " ")
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, "�")
	}
	runes := []rune(line)
	col := min(max(pos.Column-1, 0), len(runes))
	before, after := hide(string(runes[:col]), quiet, keep), hide(string(runes[col:]), quiet, keep)
	if r := []rune(before); len(r) > maxShown {
		before = hidden + string(r[len(r)-maxShown:])
	}
	if r := []rune(after); len(r) > maxShown {
		after = string(r[:maxShown]) + hidden
	}
	n := strconv.Itoa(pos.Line)
	pad := strings.Repeat(" ", max(5-len(n), 0))
	return pad + n + " | " + strings.TrimRight(before+after, " ") + "\n      | " + strings.Repeat(" ", utf8.RuneCountInString(before)) + "^"
}

// hide replaces words of a line.
func hide(line string, quiet bool, keep string) string {
	var b strings.Builder
	rest := line
	for rest != "" {
		n := strings.IndexFunc(rest, isWord)
		if n < 0 {
			n = len(rest)
		}
		b.WriteString(strings.Map(printable, rest[:n]))
		rest = rest[n:]
		n = strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) })
		if n < 0 {
			n = len(rest)
		}
		word := rest[:n]
		rest = rest[n:]
		switch {
		case word == "":
		case quiet && strings.TrimSuffix(word, ":") != keep && !vocabulary(word), looksSecret(word):
			b.WriteString(hidden)
		default:
			if i, j := strings.Index(word, "//"), strings.LastIndexByte(word, '@'); i >= 0 && j > i {
				word = word[:i+2] + hidden + word[j:] // user information of a URL
			}
			b.WriteString(strings.Map(printable, word))
		}
	}
	return b.String()
}

// printable keeps control characters, which could rewrite a terminal, out of
// messages.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return '�'
	}
	return r
}

// isWord splits at the characters that YAML gives a meaning; a colon belongs to
// a word inside it (http://…) and is cut off at its end by vocabulary.
func isWord(r rune) bool { return !strings.ContainsRune(" \t,[]{}\"'#=", r) }

// vocabulary reports whether a word is one that every configuration may hold.
func vocabulary(word string) bool {
	word = strings.TrimSuffix(word, ":")
	switch word {
	case "", "-", "|", ">", "none", "client", "true", "false", "internal", "external", "openai", "anthropic", "enforce", "observe", "auto", "embedded":
		return true
	}
	return knownKey(word)
}

// keyPrefixes begin keys of well-known issuers, as their documentation shows
// them.
var keyPrefixes = []string{
	"sk-", "sk_", "rk_", "pk_", "ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-",
	"AKIA", "ASIA", "AIza", "hf_", "gsk_", "xai-", "eyJ", "ya29.", "pplx-", "nvapi-", "key-", "tgp_", "r8_", "-----BEGIN",
}

// Lengths from which a word is taken for a key.
const (
	minPrefixed = 8  // after a known prefix
	minRun      = 16 // one run of letters and digits, with both
)

// looksSecret reports whether a word has the form of a key: a known beginning,
// or a long run of letters and digits mixed. Names of models do not have it:
// they are made of short runs.
func looksSecret(word string) bool {
	for _, p := range keyPrefixes {
		if len(word) >= minPrefixed && strings.Contains(word, p) && len(word)-strings.Index(word, p) >= minPrefixed {
			return true
		}
	}
	run, letters, digits := 0, false, false
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			letters = true
		default:
			run, letters, digits = 0, false, false
			continue
		}
		run++
		if run >= minRun && letters && digits {
			return true
		}
	}
	return false
}

// nearest gives the known word that is meant by a misspelt one, or "".
func nearest(word string, known []string) string {
	if len(word) > 40 {
		return ""
	}
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if strings.EqualFold(word, k) || strings.EqualFold(strings.ReplaceAll(word, "-", "_"), k) {
			return k
		}
		if d := distance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts insertions, deletions, substitutions and exchanges of
// neighbours (optimal string alignment).
func distance(a, b string) int {
	var older []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], older[j-2]+1)
			}
		}
		older, prev = prev, cur
	}
	return prev[len(b)]
}
