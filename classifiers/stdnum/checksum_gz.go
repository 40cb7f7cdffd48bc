package stdnum

import (
	"strings"
	"time"
)

// gzFits reports whether s has the shape: 9 stands for a digit, A for a capital,
// * for either, every other character (lower case: as a capital) for itself.
func gzFits(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		digit, capital := '0' <= c && c <= '9', 'A' <= c && c <= 'Z'
		switch w := shape[i]; {
		case w == '9' && digit, w == 'A' && capital, w == '*' && (digit || capital):
		case w == '9', w == 'A', w == '*':
			return false
		case 'a' <= w && w <= 'z':
			if c != w-'a'+'A' {
				return false
			}
		case c != w:
			return false
		}
	}
	return true
}

// gzOneOf reports whether the code of n characters is in a list of such codes
// that are joined by spaces.
func gzOneOf(list, code string) bool {
	n := len(code)
	for i := 0; i+n <= len(list); i += n + 1 {
		if list[i:i+n] == code {
			return true
		}
	}
	return false
}

// gzDay reports whether two-digit year, month and day name a day of the century.
func gzDay(century int, yy, mm, dd string) bool {
	return day(century*100+number(yy), number(mm), number(dd))
}

// gzIBAN checks an account number of ISO 13616 of n characters: the country's
// code, two check digits, and the remainder of ISO/IEC 7064 Mod 97-10.
func gzIBAN(s, country string, n int) bool {
	if len(s) != n || !strings.HasPrefix(s, country) {
		return false
	}
	c := mod97(s[4:])
	if c < 0 || !allDigits(s[2:4]) {
		return false
	}
	c = (c*100 + value(s[0])) % 97
	c = (c*100 + value(s[1])) % 97
	return (c*100+number(s[2:4]))%97 == 1
}

// gzBare cuts the country's code, once.
func gzBare(s string, country string) string { return strings.TrimPrefix(s, country) }

// gzTrimmed cuts white space at both ends and nothing else.
func gzTrimmed(value string) string { return Clean(value, "") }

// gzPast reports whether a year has begun.
func gzPast(year int) bool { return year <= time.Now().Year() }
