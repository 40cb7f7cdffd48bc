package mesh

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// sheet is the text that is being made: YAML with comments. The first error is
// kept, so that a document reads as one run of calls.
type sheet struct {
	b   bytes.Buffer
	err error
}

// text writes lines as they stand.
func (s *sheet) text(format string, args ...any) {
	fmt.Fprintf(&s.b, format+"\n", args...)
}

// say writes a comment at an indentation, one line for each line of text.
func (s *sheet) say(indent int, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		s.b.WriteString(strings.Repeat(" ", indent) + strings.TrimRight("# "+line, " ") + "\n")
	}
}

// put writes a message below a key that was written, at an indentation.
func (s *sheet) put(indent int, m proto.Message) {
	raw, err := jsonOf(m)
	if err != nil {
		s.fail(err)
		return
	}
	s.putJSON(indent, raw)
}

func (s *sheet) putJSON(indent int, raw []byte) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	s.value(dec, indent, strings.Repeat(" ", indent))
	if err := dec.Decode(new(json.RawMessage)); !errors.Is(err, io.EOF) {
		s.fail(errors.New("mesh: a fragment is more than one value"))
	}
}

// value writes the next value of a JSON text in block style. lead is what its
// first line begins with: the indentation, or a dash after it.
func (s *sheet) value(dec *json.Decoder, indent int, lead string) {
	token, err := dec.Token()
	if err != nil {
		s.fail(fmt.Errorf("mesh: a fragment cannot be read: %w", err))
		return
	}
	pad := strings.Repeat(" ", indent)
	empty := true
	switch token {
	case json.Delim('{'):
		for ; dec.More() && s.err == nil; empty, lead = false, pad {
			key, err := dec.Token()
			if err != nil {
				s.fail(fmt.Errorf("mesh: a fragment cannot be read: %w", err))
				return
			}
			name, _ := key.(string)
			s.member(dec, indent, lead+scalar(name)+":")
		}
		_, _ = dec.Token() // the brace: what is wrong shows at the next one
		if empty {
			s.b.WriteString(lead + "{}\n")
		}
	case json.Delim('['):
		for ; dec.More() && s.err == nil; empty, lead = false, pad {
			s.value(dec, indent+2, lead+"- ")
		}
		_, _ = dec.Token()
		if empty {
			s.b.WriteString(lead + "[]\n")
		}
	default:
		s.b.WriteString(lead + scalar(token) + "\n")
	}
}

// member writes what belongs to a key, on its line where it is short.
func (s *sheet) member(dec *json.Decoder, indent int, key string) {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		s.fail(fmt.Errorf("mesh: a fragment cannot be read: %w", err))
		return
	}
	inner := json.NewDecoder(bytes.NewReader(raw))
	inner.UseNumber()
	block := len(raw) > 2 && (raw[0] == '{' || raw[0] == '[') // not an empty one
	if !block {
		s.value(inner, indent, key+" ")
		return
	}
	s.b.WriteString(key + "\n")
	if raw[0] == '{' {
		indent += 2
	}
	s.value(inner, indent, strings.Repeat(" ", indent))
}

// plainWord is what may stand without quotes: nothing that begins like a number,
// a sign or a mark.
var plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// others are words that YAML 1.1, which Kubernetes reads, takes for something
// else than text.
var others = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// scalar writes a JSON scalar as YAML. Text in quotes is JSON's own.
func scalar(token any) string {
	switch v := token.(type) {
	case string:
		if plainWord.MatchString(v) && !slices.Contains(others, strings.ToLower(v)) {
			return v
		}
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v) // a string always can be
		return strings.TrimSuffix(b.String(), "\n")
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	return "null"
}

func (s *sheet) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *sheet) bytes() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.b.Bytes(), nil
}

// jsonOf gives a message as compact JSON in Envoy's own field names. Equal
// messages give equal bytes.
func jsonOf(m proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("mesh: a part cannot be written as JSON: %w", err)
	}
	// protojson varies its white space on purpose.
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, fmt.Errorf("mesh: a part cannot be written as JSON: %w", err)
	}
	return out.Bytes(), nil
}
