package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/ostiary/ostiary/proxy"
)

// safeDigits is how many digits safeInteger has.
const safeDigits = 16

// byReflection encodes events into a buffer that it keeps.
type byReflection struct {
	buf bytes.Buffer
	enc *json.Encoder
}

func newByReflection() *byReflection {
	e := &byReflection{}
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}

// encode gives the event's rewritten JSON (RFC 8785), valid until the next call.
// It fails with [ErrTooLarge] or [ErrNotCanonical].
func (e *byReflection) encode(ev *proxy.Event) ([]byte, error) {
	e.buf.Reset()
	if err := e.enc.Encode(ev); err != nil {
		// The library's error may quote a value.
		return nil, ErrNotCanonical
	}
	b := bytes.TrimSuffix(e.buf.Bytes(), []byte("\n"))
	state := formSame
	if !plain(b) {
		state = inspect(b)
	}
	if state == formWrong {
		return nil, ErrNotCanonical
	}
	if state == formOther {
		var err error
		if b, err = rewritten(b); err != nil {
			return nil, err
		}
	}
	if len(b) > MaxRecord {
		return nil, ErrTooLarge
	}
	return b, nil
}

// form says how the output of encoding/json stands to RFC 8785.
type form int

const (
	formSame  form = iota // it is rewritten
	formOther             // it has to be written again
	formWrong             // it cannot be rewritten
)

// plain says, of most events and at little cost, that inspect need not look: all
// is ASCII, nothing is escaped, and no run of digits is as long as the integers
// that have no rewritten form. Events hold no numbers but integers.
func plain(b []byte) bool {
	const (
		word   = 8 // any 16 digits in a row hold one aligned word of digits
		high   = 0x8080808080808080
		upper  = 0xF0F0F0F0F0F0F0F0
		zeroes = 0x3030303030303030
		sixes  = 0x0606060606060606
	)
	if bytes.IndexByte(b, '\\') >= 0 {
		return false
	}
	i := 0
	for ; i+word <= len(b); i += word {
		w := binary.LittleEndian.Uint64(b[i:])
		if w&high != 0 {
			return false
		}
		if w&upper == zeroes && (w+sixes)&upper == zeroes && digitRun(b, i) >= safeDigits {
			return false
		}
	}
	for ; i < len(b); i++ {
		if b[i] >= 0x80 {
			return false
		}
	}
	return true
}

// digitRun gives the length of the run of digits around i.
func digitRun(b []byte, i int) int {
	start, end := i, i
	for start > 0 && b[start-1] >= '0' && b[start-1] <= '9' {
		start--
	}
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	return end - start
}

// inspect looks for the few things in which encoding/json differs from RFC 8785,
// given structs whose fields stand in the order of their names: it escapes
// U+2028, U+2029 and U+FFFD, and sorts the keys of maps by bytes where the RFC
// sorts by UTF-16 units. Events hold integers only.
func inspect(b []byte) form {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			end, plain, ascii := scanString(b, i+1)
			if end < 0 {
				return formWrong
			}
			isKey := end+1 < len(b) && b[end+1] == ':'
			if !plain || isKey && !ascii {
				return formOther
			}
			i = end
		case c >= '0' && c <= '9':
			start := i
			for i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9' {
				i++
			}
			if i+1 < len(b) && (b[i+1] == '.' || b[i+1] == 'e' || b[i+1] == 'E') || !safe(b[start:i+1]) {
				return formWrong
			}
		}
	}
	return formSame
}

// safe says whether the digits are an integer that RFC 8785 writes as they are.
func safe(digits []byte) bool {
	if len(digits) < safeDigits {
		return true
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return err == nil && n <= safeInteger
}

// scanString scans the string that begins at i, after its quotation mark, and
// gives the place of the closing one. plain is false where it has an escape that
// RFC 8785 does not have; ascii is false where it has an escape or a byte that is
// not ASCII.
func scanString(b []byte, i int) (end int, plain, ascii bool) {
	plain, ascii = true, true
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i, plain, ascii
		case c == '\\':
			ascii = false
			i++
			// encoding/json has short escapes where the RFC has them; of the long
			// ones only those of control characters are the RFC's.
			if i < len(b) && b[i] == 'u' && !bytes.HasPrefix(b[i+1:], []byte("00")) {
				plain = false
			}
		case c >= 0x80:
			ascii = false
		}
	}
	return -1, false, false
}

// rewritten writes a JSON document in rewritten form.
func rewritten(b []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	out, err := appendRewritten(make([]byte, 0, len(b)), dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrNotCanonical
	}
	return out, nil
}

// rewrittenMember is one rewrittenMember of an object.
type rewrittenMember struct {
	key  []uint16 // in UTF-16, by which members are sorted (RFC 8785, section 3.2.3)
	json []byte   // key, colon and value
}

func appendRewritten(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	if depth > nestingLimit {
		return nil, ErrNotCanonical
	}
	t, err := dec.Token()
	if err != nil {
		return nil, ErrNotCanonical
	}
	switch t := t.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, t), nil
	case string:
		return appendRewrittenString(dst, t), nil
	case json.Number:
		n, err := strconv.ParseInt(t.String(), 10, 64)
		if err != nil || n > safeInteger || n < -safeInteger {
			return nil, ErrNotCanonical
		}
		return strconv.AppendInt(dst, n, 10), nil
	case json.Delim:
		if t == '[' {
			return appendRewrittenArray(dst, dec, depth)
		}
		return appendRewrittenObject(dst, dec, depth)
	}
	return nil, ErrNotCanonical
}

func appendRewrittenArray(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	dst = append(dst, '[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendRewritten(dst, dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return append(dst, ']'), err
}

func appendRewrittenObject(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	var members []rewrittenMember
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, ErrNotCanonical
		}
		m := rewrittenMember{key: utf16.Encode([]rune(key))}
		if m.json, err = appendRewritten(append(appendRewrittenString(nil, key), ':'), dec, depth+1); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, ErrNotCanonical
	}
	slices.SortFunc(members, func(a, b rewrittenMember) int { return slices.Compare(a.key, b.key) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			if slices.Equal(m.key, members[i-1].key) {
				return nil, ErrNotCanonical
			}
			dst = append(dst, ',')
		}
		dst = append(dst, m.json...)
	}
	return append(dst, '}'), nil
}

// appendRewrittenString writes a string as RFC 8785, section 3.2.2.2, has it.
func appendRewrittenString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\b':
			dst = append(dst, '\\', 'b')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\f':
			dst = append(dst, '\\', 'f')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
