package classifiers

import (
	"errors"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Mark is what a marked-up text expects: a finding of Type at Start to End. A
// mark without level expects likely or above and no published test value; with
// a level, exactly that; with synthetic, one so tagged.
type Mark struct {
	Start, End int
	Type       string
	Level      proxy.Likelihood // 0: likely or above
	Synthetic  bool
}

// errMarked says that a mark-up cannot be read. It never quotes the text.
var errMarked = errors.New("mark-up: expected [[TYPE|text]], [[level TYPE|text]] or [[synthetic TYPE|text]]")

// ParseMarked reads a text in which expected findings are written
// [[TYPE|text]], [[possible TYPE|text]] or [[synthetic TYPE|text]]. It gives
// the bare text and the marks in order. Whatever is not marked is a negative.
func ParseMarked(s string) (string, []Mark, error) {
	var text strings.Builder
	var marks []Mark
	for {
		open := strings.Index(s, "[[")
		if open < 0 {
			text.WriteString(s)
			return text.String(), marks, nil
		}
		bar := strings.IndexByte(s[open:], '|')
		if bar < 0 || !markHead(s[open+2:open+bar]) {
			// Brackets of the text itself.
			text.WriteString(s[:open+1])
			s = s[open+1:]
			continue
		}
		shut := strings.Index(s[open+bar:], "]]")
		if shut < 0 {
			return "", nil, errMarked
		}
		text.WriteString(s[:open])
		m := Mark{Start: text.Len()}
		if head, typ, ok := strings.Cut(s[open+2:open+bar], " "); ok {
			m.Type = typ
			if head == "synthetic" {
				m.Synthetic = true
			} else if m.Level, ok = proxy.ParseLikelihood(head); !ok {
				return "", nil, errMarked
			}
		} else {
			m.Type = head
		}
		text.WriteString(s[open+bar+1 : open+bar+shut])
		m.End = text.Len()
		marks = append(marks, m)
		s = s[open+bar+shut+2:]
	}
}

// markHead reports whether s could stand before the bar of a mark.
func markHead(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == ' ') {
			return false
		}
	}
	return s != ""
}

// Meets reports whether a finding is what the mark expects.
func (m Mark) Meets(f proxy.Finding) bool {
	if f.Type != m.Type || f.Start != m.Start || f.End != m.End || f.Synthetic != m.Synthetic {
		return false
	}
	if m.Level != 0 {
		return f.Likelihood == m.Level
	}
	return f.Likelihood >= proxy.Likely
}
