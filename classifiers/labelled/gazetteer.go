package labelled

import (
	"github.com/ostiary/ostiary/classifiers/gazetteer"

	"github.com/ostiary/ostiary/classifiers/words"
)

// fame is what is known of a word.
type fame struct {
	known   bool // as a name of a person
	common  bool // as a word of a language, and not far more as a name
	given   bool // as a given name, by more than one list
	surname bool // as a surname, by more than one list
	place   bool // as a large place
}

// lookup says what is known of a word. Words such as Rose are names and common
// words; those that are far more usual as names are not counted as common.
func lookup(w string) fame {
	if len(w) > words.MaxWord {
		return fame{}
	}
	var b [2 * words.MaxWord]byte
	f := gazetteer.Word(gazetteer.Fold(b[:0], w))
	name, usual := f.Name(), f.Common()
	return fame{
		known:   name >= 2 && usual < 4 || name == 3 || name == 1 && usual <= 2,
		common:  usual >= 3 && f.Given() < 3 && !(name == 3 && usual == 3) || usual >= 2 && name == 0 || f.Place() >= 2 && name < 2,
		given:   f.Given() >= 2,
		surname: f.Surname() >= 2,
		place:   f.Place() >= 2,
	}
}
