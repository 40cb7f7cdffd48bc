package names

import (
	"strings"
	"unicode/utf8"
)

// manner is how a line is written, and so how it is read.
type manner uint8

const (
	prose manner = iota
	// comment is a line of code that is a comment: text, but names of things.
	comment
	// code is read for its quoted text only.
	code
	// log is read for full names only.
	log
	blank
)

// maxLine bounds what is looked at of one line to tell how it is written.
const maxLine = 400

// Bits of bytes, for lines.
const (
	kLetter = 1 << iota
	kUpper
	kDigit
	kSpace
	kCode // punctuation of code
	kHigh
)

var kinds = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case 'a' <= b && b <= 'z':
			t[c] = kLetter
		case 'A' <= b && b <= 'Z':
			t[c] = kLetter | kUpper
		case '0' <= b && b <= '9':
			t[c] = kDigit
		case b == ' ' || b == '\t':
			t[c] = kSpace
		case strings.IndexByte("{}[]()<>=;$\\&*_^~`+%", b) >= 0:
			t[c] = kCode
		case b >= utf8.RuneSelf:
			t[c] = kHigh
		}
	}
	return t
}()

// opens are words that a line of code begins with. The space behind is part.
var opens = []string{
	"import ", "package ", "func ", "def ", "class ", "return ", "return;", "const ", "let ", "var ", "if (", "for (", "while (", "} else", "else:", "elif ", "try:", "try {", "except ", "catch ",
	"#include", "#define", "#!", "using ", "namespace ", "public ", "private ", "protected ", "static ", "void ", "int ", "struct ", "enum ", "type ", "interface ", "export ", "async ", "await ", "fn ",
	"impl ", "pub ", "use ", "mod ", "SELECT ", "FROM ", "WHERE ", "INSERT INTO", "UPDATE ", "CREATE ", "ALTER ", "DROP ", "select ", "$ ", "> ", "+++ ", "--- a/", "diff --", "index ", "@@ ",
	"RUN ", "COPY ", "FROM ", "ENV ", "resource \"", "variable \"", "data \"", "module \"", "at ", "File \"", "Traceback", "<?", "<!", "</", "#[", "@Override", "assert ", "raise ", "throw ", "from ", "end", "lambda ", "print(", "console.", "go ", "defer ", "switch ", "case ", "default:", "GET /", "POST /", "curl ",
}

// how tells how the line [from, to) is written.
func how(t string, from, to int) manner {
	for from < to && (t[from] == ' ' || t[from] == '\t' || t[from] == '\r') {
		from++
	}
	for from < to && (kinds[t[to-1]]&kSpace != 0 || t[to-1] == '\r' || t[to-1] == '\n') {
		to--
	}
	if from >= to {
		return blank
	}
	line := t[from:min(to, from+maxLine)]
	if isLog(line) {
		return log
	}
	if rest, ok := strings.CutPrefix(line, "//"); ok && !strings.HasPrefix(rest, "/") {
		return comment
	}
	if strings.HasPrefix(line, "* ") && len(line) > 2 && line[2] == '@' || strings.HasPrefix(line, "/*") || strings.HasPrefix(line, "<!--") {
		return comment
	}
	if (line[0] == '"' || line[0] == '\'') && strings.Contains(line, line[:1]+":") {
		return code // a member of JSON
	}
	letters, marks, spaces, humps, words := 0, 0, 0, 0, 0
	prev := uint8(kSpace)
	for i := 0; i < len(line); i++ {
		k := kinds[line[i]]
		switch {
		case k&kLetter != 0:
			letters++
			if k&kUpper != 0 && prev&kLetter != 0 && prev&kUpper == 0 {
				humps++ // camelCase
			}
			if prev&(kSpace) != 0 {
				words++
			}
		case k == kCode:
			marks++
		case k == kSpace:
			spaces++
		case k == kHigh:
			letters++
		}
		prev = k
	}
	last := line[len(line)-1]
	whole := to-from <= maxLine
	if line[0] == '|' || strings.Contains(line, " | ") {
		marks -= marks / 2 // a row of a table may hold anything
	}
	dense := marks*100 > 9*(len(line)-spaces)
	switch {
	case letters == 0:
		return blank
	case whole && (last == '{' || last == '}' || last == ';') && (marks >= 2 || words < 6):
		return code
	case whole && last == ':' && strings.HasSuffix(line, "):"):
		return code
	case marks >= 2 && (dense || humps >= 2 && marks >= 3):
		return code
	case humps >= 3 && words < 2*humps:
		return code
	}
	if marks > 0 || words < 8 {
		for _, o := range opens {
			if strings.HasPrefix(line, o) && (marks > 0 || humps > 0 || words <= 3 && last != '.' && last != ',' && o[0] >= 'a') {
				return code
			}
		}
	}
	return prose
}

// full reports whether a line reads like a sentence of prose, whatever stands
// around it.
func full(t string, from, to int) bool {
	for from < to && kinds[t[from]]&kSpace != 0 {
		from++
	}
	for from < to && (kinds[t[to-1]]&kSpace != 0 || t[to-1] == '\r' || t[to-1] == '\n') {
		to--
	}
	if to-from > maxLine {
		return true
	}
	spaces, marks := 0, 0
	for i := from; i < to; i++ {
		if t[i] == ' ' && i > from {
			if t[i-1] == ' ' && t[from] != '*' {
				return false // columns of declarations
			}
			spaces++
		}
		if t[i] == '/' && i > from && t[i-1] == '/' && kinds[t[max(from, i-2)]]&kSpace != 0 {
			return false // a comment behind code
		}
		if kinds[t[i]] == kCode {
			marks++
		}
	}
	if marks > 2 && marks > spaces/4 {
		return false
	}
	return spaces >= 6 || spaces >= 3 && strings.IndexByte(".?!:,", t[to-1]) >= 0 && kinds[t[from]]&kUpper != 0
}

// levels are the words of logs.
var levels = []string{"INFO", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL", "NOTICE", "CRITICAL", "info:", "warn:", "error:", "level="}

// isLog reports whether a line begins as lines of logs do: with a time to the
// second, or with a level.
func isLog(line string) bool {
	head := line[:min(len(line), 48)]
	i := 0
	for i < len(head) && (head[i] == '[' || head[i] == '<' || head[i] == '(') {
		i++
	}
	for _, l := range levels {
		if strings.HasPrefix(head[i:], l) && len(head) > i+len(l) && strings.IndexByte(" :]\t|=i", head[i+len(l)]) >= 0 {
			return true
		}
	}
	// A time: digits and :-/.T, with two colons at least, somewhere in the head.
	colons, digits := 0, 0
	for j := i; j < len(head); j++ {
		switch b := head[j]; {
		case b >= '0' && b <= '9':
			digits++
		case b == ':':
			if digits > 0 {
				colons++
			}
		case b == '-' || b == '/' || b == '.' || b == ',' || b == 'T' || b == 'Z' || b == '+' || b == ' ' && digits >= 4:
		case j-i < 4 && digits == 0: // a month: Oct 11 22:14:15
		default:
			return colons >= 2 && digits >= 6
		}
	}
	return false
}
