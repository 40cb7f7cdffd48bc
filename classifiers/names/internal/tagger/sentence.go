package tagger

// maxSentence bounds the tokens of one sentence.
const maxSentence = 120

// Sentence gives the end of the sentence that begins with token from: behind a
// full stop, a question mark or an exclamation mark before a capital, at an empty
// line, or where it gets too long.
func Sentence(tokens []Token, from int) int {
	stop := min(len(tokens), from+maxSentence)
	for i := from; i < stop; i++ {
		t := &tokens[i]
		switch t.Kind {
		case Newline:
			if t.Breaks > 1 {
				return i + 1
			}
		case Punct:
			switch t.Hash {
			case '.', '!', '?', 0x0964: // the last is the danda of Hindi
				if i+1 >= len(tokens) || i == from {
					continue
				}
				next := &tokens[i+1]
				if next.Kind == Newline {
					return i + 2
				}
				if next.Glued || next.Shape == Lower || next.Kind == Punct {
					continue
				}
				if t.Hash == '.' && t.Glued && shortening(&tokens[i-1]) {
					continue
				}
				return i + 1
			case 0x3002, 0xFF01, 0xFF1F: // of Chinese and Japanese
				return i + 1
			}
		}
	}
	if stop < len(tokens) {
		// Not in the midst of a name, if that can be had.
		for i := stop - 1; i > stop-20 && i > from; i-- {
			if k := tokens[i].Kind; k == Punct || k == Newline {
				return i + 1
			}
		}
	}
	return stop
}

// shortening reports whether a full stop behind the word is that of an
// abbreviation: Dr., Mrs., St., geb., no., a.
func shortening(t *Token) bool {
	if t.Kind != Word {
		return false
	}
	n := t.End - t.Start
	switch t.Shape {
	case Letter:
		return true
	case Title, Upper:
		return n <= 4 && t.Flags.Given() < 2 && t.Flags.Surname() < 3 && t.Flags.Common() < 4
	case Lower:
		return n <= 3 && t.Flags.Common() < 4
	}
	return false
}
