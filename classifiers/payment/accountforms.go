package payment

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// accountForm is what digits and their grouping say by themselves.
type accountForm struct {
	typ         *classifiers.Type // nil where nothing
	level       proxy.Likelihood  // without any label
	rule, check string
}

// formOf judges digits by the check digits of the national forms of that length.
func formOf(d []byte, g []classifiers.Group) accountForm {
	together := len(g) == 1
	is := func(lens ...int) bool {
		if len(lens) != len(g) {
			return false
		}
		for i, x := range g {
			if x.Len() != lens[i] {
				return false
			}
		}
		return true
	}
	account := func(level proxy.Likelihood, rule, check string) accountForm {
		return accountForm{&accountType, level, rule, check}
	}
	if same(d) {
		return accountForm{}
	}
	if n := len(g) - 1; n >= 1 && n <= 2 && g[n].Sep == classifiers.SepSlash && g[n].Len() == 4 && (n == 1 || g[1].Sep == classifiers.SepDash) && czech(d[g[0].Len()*(n-1):len(d)-4]) {
		return account(proxy.Possible, "cz_account", "mod11")
	}
	switch len(d) {
	case 7, 8:
		if luhn(d) && len(g) == 2 && g[1].Sep == classifiers.SepDash && (g[1].Len() == 4 || g[1].Len() == 1) {
			return account(proxy.Unlikely, "giro", "luhn")
		}
	case 9:
		if (together || is(4, 4, 1) && g[1].Sep == classifiers.SepDash) && aba(d) {
			return accountForm{&abaType, proxy.VeryUnlikely, "aba", "weights"}
		}
	case 11:
		if is(4, 2, 5) && weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 {
			return account(proxy.Likely, "kontonummer", "mod11")
		}
	case 12:
		if is(3, 7, 2) && g[1].Sep == classifiers.SepDash {
			if r := mod(d[:10], 97); r == mod(d[10:], 97) && r != 0 || r == 0 && mod(d[10:], 100) == 97 {
				return account(proxy.Likely, "be_account", "mod97")
			}
		}
	case 16:
		if is(8, 8) && g[1].Sep == classifiers.SepDash && giroHU(d[:8]) && weighted(d[8:], 9, 7, 3, 1)%10 == 0 {
			return account(proxy.Possible, "giro_hu", "weights")
		}
	case 18:
		if (together || is(3, 3, 11, 1)) && clabe(d) {
			level := proxy.Unlikely
			if !together {
				level = proxy.Likely
			}
			return accountForm{&clabeType, level, "clabe", "weights"}
		}
	case 20:
		if (together || is(4, 4, 2, 10) || is(4, 4, 4, 4, 4)) && ccc(d) {
			level := proxy.Possible
			if is(4, 4, 2, 10) {
				level = proxy.Likely
			}
			return account(level, "ccc", "mod11")
		}
	case 21:
		if (together || is(4, 4, 11, 2)) && mod(d, 97) == 1 {
			level := proxy.Possible
			if !together {
				level = proxy.Likely
			}
			return account(level, "nib", "mod97")
		}
	case 22:
		if (together || is(8, 14)) && weighted(d[:7], 7, 1, 3, 9, 7, 1, 3)%10 == (10-int(d[7]))%10 && weighted(d[8:21], 3, 9, 7, 1)%10 == (10-int(d[21]))%10 {
			return account(proxy.Possible, "cbu", "weights")
		}
	case 23:
		if (together || is(5, 5, 11, 2)) && (89*mod(d[:5], 97)+15*mod(d[5:10], 97)+3*mod(d[10:21], 97)+mod(d[21:], 100))%97 == 0 {
			level := proxy.Possible
			if !together {
				level = proxy.Likely
			}
			return account(level, "rib", "mod97")
		}
	case 24:
		if is(8, 8, 8) && giroHU(d[:8]) && weighted(d[8:], 9, 7, 3, 1)%10 == 0 {
			return account(proxy.Likely, "giro_hu", "weights")
		}
	case 26:
		// The check digits of the IBAN that it is without PL.
		if (together || is(2, 4, 4, 4, 4, 4, 4)) && nrb(d) {
			return account(proxy.Likely, "nrb", "mod97")
		}
	}
	return accountForm{}
}

// weighted sums digits by weights, which repeat.
func weighted(d []byte, weights ...int) (sum int) {
	for i, x := range d {
		sum += int(x) * weights[i%len(weights)]
	}
	return sum
}

// mod gives the remainder of the number that digits write.
func mod(d []byte, m int) int {
	r := 0
	for _, x := range d {
		r = (r*10 + int(x)) % m
	}
	return r
}

// czech checks the number of a Czech or Slovak account, before the code of its
// bank: two to ten digits.
func czech(d []byte) bool {
	if len(d) < 2 || len(d) > 10 {
		return false
	}
	sum := 0
	for i := range d {
		sum += int(d[len(d)-1-i]) * [...]int{1, 2, 4, 8, 5, 10, 9, 7, 3, 6}[i]
	}
	return sum%11 == 0
}

// aba checks a routing transit number: the first two digits are a Federal
// Reserve district, a thrift, an electronic or a traveller's cheque number, and
// the weighted sum is a multiple of ten.
func aba(d []byte) bool {
	p := int(d[0])*10 + int(d[1])
	if !(p <= 12 || 21 <= p && p <= 32 || 61 <= p && p <= 72 || p == 80) {
		return false
	}
	return weighted(d, 3, 7, 1)%10 == 0 && mod(d, 1_000_000_000) != 0
}

// clabe checks the last digit of a CLABE: the last digits of the products by 3,
// 7 and 1 and it make a multiple of ten. Codes of banks begin with 0 to 7, 9.
func clabe(d []byte) bool {
	sum := int(d[17])
	for i, x := range d[:17] {
		sum += int(x) * [...]int{3, 7, 1}[i%3] % 10
	}
	return sum%10 == 0 && d[0] != 8 && mod(d[:3], 1000) > 0
}

// ccc checks the two control digits of a Spanish account: of bank and branch,
// and of the account.
func ccc(d []byte) bool {
	control := func(p []byte) byte {
		c := 0
		for i, x := range p {
			c += int(x) * [...]int{1, 2, 4, 8, 5, 10, 9, 7, 3, 6}[i+10-len(p)]
		}
		switch c = 11 - c%11; c {
		case 11:
			return 0
		case 10:
			return 1
		}
		return byte(c)
	}
	return d[8] == control(d[:8]) && d[9] == control(d[10:])
}

// giroHU checks the number of a bank's branch in Hungary.
func giroHU(d []byte) bool { return weighted(d, 9, 7, 3, 1)%10 == 0 && mod(d, 1000000) != 0 }

// nrb checks 26 digits as the rest of a Polish IBAN.
func nrb(d []byte) bool {
	r := mod(d[2:], 97)
	for _, x := range [...]int{2, 5, 2, 1, int(d[0]), int(d[1])} { // PL
		r = (r*10 + x) % 97
	}
	return r == 1
}
