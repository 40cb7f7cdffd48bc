// Package fold reads text that is written in a way that hides what it says.
package fold

// View is a piece of a text as it reads after folding.
type View struct {
	Text string // what is to be scanned
	Via  string // constant words that say what was folded
}

// Views gives the pieces of text that read otherwise when folded, and none where
// the text has nothing to fold. Pieces carry enough of the text around for the
// context of a finding. It is safe on any bytes.
func Views(text string) []View { return nil }

// Origin gives the bytes of the text that [start, end) of the view stands for.
func (v *View) Origin(start, end int) (int, int) { return start, end }

// Changed reports whether [start, end) of the view reads otherwise than the text.
func (v *View) Changed(start, end int) bool { return false }
