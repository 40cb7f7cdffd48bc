package stdnum

import "slices"

// formatsMore are formats that recognisers of the field know and python-stdnum
// does not.
var formatsMore = slices.Concat(moreAmericas, moreAsia, moreEurope, moreThings, morePlates)

// moreFits reports whether s has the shape: 9 a digit, A a capital, * either,
// anything else itself.
func moreFits(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := 0; i < len(s); i++ {
		digit, letter := '0' <= s[i] && s[i] <= '9', 'A' <= s[i] && s[i] <= 'Z'
		switch shape[i] {
		case '9':
			if !digit {
				return false
			}
		case 'A':
			if !letter {
				return false
			}
		case '*':
			if !digit && !letter {
				return false
			}
		default:
			if s[i] != shape[i] {
				return false
			}
		}
	}
	return true
}

// moreAny reports whether s has one of the shapes.
func moreAny(s string, shapes ...string) bool {
	for _, shape := range shapes {
		if moreFits(s, shape) {
			return true
		}
	}
	return false
}

// moreOf makes a check of shapes alone.
func moreOf(shapes ...string) func(string) bool {
	return func(s string) bool { return moreAny(s, shapes...) && !moreZero(s) }
}

// moreZero reports whether every digit of s is a zero.
func moreZero(s string) bool {
	for i := 0; i < len(s); i++ {
		if '1' <= s[i] && s[i] <= '9' {
			return false
		}
	}
	return true
}

// moreICAO checks a value whose last character is the check digit of ICAO Doc
// 9303, part 3: weights 7, 3, 1, letters from A = 10, the filler < = 0.
func moreICAO(s string) bool {
	n := len(s) - 1
	if n < 1 {
		return false
	}
	d := ICAOCheck(s[:n])
	return d >= 0 && s[n] == byte('0'+d)
}

// ICAOCheck gives the check digit that ICAO Doc 9303, part 3, 4.9 defines for a
// field of a machine readable zone; -1 where a character cannot stand in one.
func ICAOCheck(field string) int {
	sum := 0
	for i := 0; i < len(field); i++ {
		v := value(field[i])
		if field[i] == '<' {
			v = 0
		} else if v < 0 {
			return -1
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	return sum % 10
}
