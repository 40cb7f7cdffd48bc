package replay

import (
	"bytes"
	"encoding/json"
	"errors"
)

// nestingLimit bounds how deep a record may be nested; facts are eight deep.
const nestingLimit = 64

var errJSON = errors.New("it is not JSON")

// fields calls visit with each member of an object of JSON. It does not look
// into the values: most of a record is not needed, or is the same as in the
// record before, and decoding it all took most of a replay's time. What is
// needed is decoded by encoding/json.
func fields(object []byte, visit func(key string, value []byte) error) error {
	s := scan{b: object}
	if !s.take('{') {
		return errJSON
	}
	if s.take('}') {
		return s.end()
	}
	for {
		key, err := s.value()
		if err != nil {
			return err
		}
		name, err := word(key)
		if err != nil || !s.take(':') {
			return errJSON
		}
		value, err := s.value()
		if err != nil {
			return err
		}
		if err := visit(name, value); err != nil {
			return err
		}
		if s.take(',') {
			continue
		}
		if !s.take('}') {
			return errJSON
		}
		return s.end()
	}
}

// word gives a string of JSON.
func word(text []byte) (string, error) {
	if n := len(text); n >= 2 && text[0] == '"' && bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : n-1]), nil
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err
}

type scan struct {
	b  []byte
	at int
}

func (s *scan) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scan) take(c byte) bool {
	s.space()
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scan) end() error {
	s.space()
	if s.at != len(s.b) {
		return errJSON
	}
	return nil
}

// value passes over one value, whose inside is not checked.
func (s *scan) value() ([]byte, error) {
	s.space()
	start, depth := s.at, 0
	for s.at < len(s.b) {
		switch c := s.b[s.at]; c {
		case '"':
			if !s.text() {
				return nil, errJSON
			}
		case '{', '[':
			if depth++; depth > nestingLimit {
				return nil, errJSON
			}
			s.at++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return nil, errJSON
			}
			s.at++
		case ',', ':':
			if depth == 0 {
				return nil, errJSON
			}
			s.at++
			continue
		case ' ', '\t', '\n', '\r':
			s.at++
			continue
		default:
			s.plain()
		}
		if depth == 0 {
			return s.b[start:s.at], nil
		}
	}
	return nil, errJSON
}

// text passes over a string.
func (s *scan) text() bool {
	from := s.at + 1
	for {
		i := bytes.IndexByte(s.b[from:], '"')
		if i < 0 {
			return false
		}
		end := from + i
		slashes := 0
		for end-1-slashes > s.at && s.b[end-1-slashes] == '\\' {
			slashes++
		}
		from = end + 1
		if slashes%2 == 0 {
			s.at = from
			return true
		}
	}
}

// plain passes over a number or a word, at least one byte.
func (s *scan) plain() {
	for s.at++; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case ',', ':', '}', ']', '{', '[', '"', ' ', '\t', '\n', '\r':
			return
		}
	}
}

// sectionLimit bounds the values that a section remembers, each of about 1 KB.
const sectionLimit = 4096

// section decodes one part of a record, and remembers what it gave: what it
// gives may not be written.
type section[T any] struct{ known map[string]T }

// read gives the value of a part. preset is what it is where the part says
// nothing; complete, which may be nil, has the last word.
func (c *section[T]) read(text []byte, preset func() T, complete func(*T)) (T, error) {
	if v, ok := c.known[string(text)]; ok {
		return v, nil
	}
	v := preset()
	if err := json.Unmarshal(text, &v); err != nil {
		return v, err
	}
	if complete != nil {
		complete(&v)
	}
	if c.known == nil || len(c.known) >= sectionLimit {
		c.known = make(map[string]T)
	}
	c.known[string(text)] = v
	return v, nil
}
