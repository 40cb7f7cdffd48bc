// Package payment recognises what money moves by: payment cards and bank
// accounts.
package payment

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var cardType = classifiers.Type{
	Name: "CREDIT_CARD", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.High,
	Doc: "A payment card number (PAN).", Aliases: []string{"PAYMENT_CARD", "PAN"},
}

var (
	expiryType = classifiers.Type{
		Name: "CREDIT_CARD_EXPIRATION", Groups: []string{classifiers.Financial}, Severity: classifiers.Medium,
		Doc: "The month and year in which a payment card expires, beside its number or in a field of that name.", Aliases: []string{"CARD_EXPIRY"},
	}
	codeType = classifiers.Type{
		Name: "CREDIT_CARD_CVV", Groups: []string{classifiers.Financial}, Severity: classifiers.High,
		Doc: "The three or four digits that verify a payment card, beside its number or in a field of that name.", Aliases: []string{"CVV", "CVC"},
	}
	trackType = classifiers.Type{
		Name: "CREDIT_CARD_TRACK", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.Critical,
		Doc: "What follows the card number on a magnetic stripe: holder, expiry, service code and the issuer's data.",
	}
)

// Card finds payment card numbers, and what belongs to a card beside them.
var Card = &classifiers.Detector{
	Name: "card", Version: 2,
	Doc: `Payment card numbers of 13 to 19 digits after ISO/IEC 7812-1: the Luhn digit is right, the first digits are an issuer
range of a brand and the length is one that the brand uses; digits stand together or in the brand's groups, joined by spaces or
hyphens. The Luhn digit alone lets one number in ten pass, so ungrouped digits count less, and less again beside words such as
order or tracking. Numbers that payment processors publish for tests are synthetic. Expiry and verification code are looked for
beside a card, or where a field is named so; the rest of a magnetic stripe (ISO/IEC 7813, track 1 and 2) behind its number.`,
	Types: []*classifiers.Type{&cardType, &expiryType, &codeType, &trackType},
	Positives: []string{
		"card [[CREDIT_CARD|4539 1488 0343 6467]] exp [[CREDIT_CARD_EXPIRATION|04/29]]",
		"card [[CREDIT_CARD|4539 1488 0343 6467]], valid thru [[CREDIT_CARD_EXPIRATION|04/2029]], CVV: [[CREDIT_CARD_CVV|417]]",
		`{"number":"[[CREDIT_CARD|4539148803436467]]","exp_month":4,"expiry":"[[CREDIT_CARD_EXPIRATION|2029-04]]","cvc":"[[CREDIT_CARD_CVV|417]]"}`,
		"Kreditkarte [[CREDIT_CARD|5425 2334 3010 9903]], gültig bis [[CREDIT_CARD_EXPIRATION|11/28]], Prüfziffer [[CREDIT_CARD_CVV|281]]",
		"swipe %B[[CREDIT_CARD|4539148803436467]]^[[CREDIT_CARD_TRACK|LINDGREN/MAJA^2904101123400001]]? ;[[CREDIT_CARD|4539148803436467]]=[[CREDIT_CARD_TRACK|29041011234]]?",
		"pay with [[CREDIT_CARD|5425-2334-3010-9903]]",
		"[[CREDIT_CARD|3714 496353 98449]] is how Amex groups",
		`{"pan":"[[CREDIT_CARD|4539148803436467]]"}`,
		"Karte [[CREDIT_CARD|2227139082654178]]",
		"[[synthetic CREDIT_CARD|4111 1111 1111 1111]], [[synthetic CREDIT_CARD|378282246310005]], [[synthetic CREDIT_CARD|5555555555554444]]",
	},
	NearMisses: []string{
		"order 4539148803436467 and tracking number 4539 1488 0343 6460",
		"4539 1488 0343 6468 has a wrong digit",
		"3.14159265358979323846, 1700000000000, 0x4539148803436467, 550e8400-e29b-41d4-a716-446655440000",
		"id_4539148803436467 00000000000000000000 0000 0000 0000 0000",
		"2024-01-15 2024-01-16 2024-01-17",
		"The form asks for expiry (MM/YY), CVV 123 and so on; our lease expires 04/29",
		"0.4539148803436467 1700000000000 45391488034364.67 v4539148803436467 4539148803436467px",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Number, Judge: judgeCard},
		{Shape: classifiers.Anchor, Literals: []string{"%B"}, Judge: judgeStripe},
		{Shape: classifiers.Whole, Judge: judgeCardField},
	},
}

var cardCue = classifiers.NewCue(
	"card", "cards", "credit", "debit", "visa", "mastercard", "amex", "american express", "discover", "diners", "jcb", "maestro", "unionpay", "pan", "cc", "ccn",
	"cardnumber", "creditcard", "cvv", "cvc", "cvv2", "expiry", "exp", "expires", "cardholder", "payment", "charge", "charged", "refund",
	"karte", "kreditkarte", "kartennummer", "kreditkartennummer", "carte", "carte bancaire", "cb", "tarjeta", "tarjeta de", "carta", "cartão", "kort", "kortnummer",
	"karta", "kartą", "karty", "kartę", "creditcardnummer", "kaart", "kart", "kartı", "kartım", "карта", "कार्ड", "カード", "信用卡", "银行卡", "卡号", "카드",
)

// Lengths of ISO/IEC 7812-1 in use.
const (
	minCard = 12
	maxCard = 19
)

func judgeCard(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	if c.End-c.Start < minCard {
		return
	}
	for i := 0; i < len(g); {
		if n := cardAt(s, g, i); n > 0 {
			i += n
			continue
		}
		i++
	}
}

// cardAt judges the card that begins with group i and gives the number of its
// groups, or 0.
func cardAt(s *classifiers.Scan, g []classifiers.Group, i int) int {
	if i > 0 && g[i].Sep != classifiers.SepSpace && g[i].Sep != classifiers.SepWide {
		return 0 // in the middle of something joined
	}
	if g[i].Len() == 1 && i > 0 && g[i-1].Len() == 1 {
		return 0 // dictated digits begin with the first
	}
	var d [maxCard]byte
	n := 0
	best, bestKind, digits := 0, brand{}, 0
	for j := i; j < len(g); j++ {
		if j > i && (g[j].Sep != g[min(i+1, j)].Sep || g[j].Sep != classifiers.SepSpace && g[j].Sep != classifiers.SepDash) {
			break
		}
		if n+g[j].Len() > maxCard {
			break
		}
		for p := g[j].Start; p < g[j].End; p++ {
			d[n] = s.Text[p] - '0'
			n++
		}
		if n < minCard || j > i && !grouping(g[i:j+1]) {
			continue
		}
		// Joined on by the same hyphen or a dot: a longer number.
		if j+1 < len(g) && (g[j+1].Sep == classifiers.SepDash || g[j+1].Sep == classifiers.SepDot) {
			continue
		}
		if b := brandOf(d[:n]); b.level > 0 && luhn(d[:n]) {
			best, bestKind, digits = j-i+1, b, n
		}
	}
	if best == 0 {
		return 0
	}
	start, end := g[i].Start, g[i+best-1].End
	if edge(s, start, end) {
		return 0
	}
	level := bestKind.level
	grouped := best > 1
	switch s.Lean(cardCue, classifiers.Numbering, start, end) {
	case 1:
		level = proxy.VeryLikely
		if bestKind.level < proxy.Possible {
			level = proxy.Likely
		}
		if digits == minCard && grouped {
			level = proxy.Possible // as well a national number of three fours
		}
	case -1:
		level = classifiers.Raise(level, -2)
		if grouped {
			level = classifiers.Raise(level, 1)
		}
	default:
		// Three groups of four are as well a number of Aadhaar.
		if grouped && g[i].Len() > 1 && digits > minCard {
			level = classifiers.Raise(level, 1)
		}
	}
	if ibanHead(s, start) {
		level = min(level, proxy.Unlikely)
	}
	if g[i].Len() == 1 && level < proxy.VeryLikely {
		level = min(level, proxy.Possible) // a row of digits, mostly
	}
	n = 0
	for _, x := range g[i : i+best] {
		for p := x.Start; p < x.End; p++ {
			d[n] = s.Text[p] - '0'
			n++
		}
	}
	f := classifiers.Found{Start: start, End: end, Type: &cardType, Likelihood: level, Rule: bestKind.name, Validator: "luhn"}
	if published(d[:n]) {
		f.Synthetic, f.Likelihood = true, proxy.VeryLikely
	}
	if level >= proxy.Possible && beside(s, start, end, f.Synthetic) {
		f.Likelihood = proxy.VeryLikely
	}
	s.Find(f)
	return best
}

// edge reports whether what stands around makes the digits part of something
// else: a fraction, a path, an identifier.
func edge(s *classifiers.Scan, start, end int) bool {
	switch b := s.Before(start); b {
	case '.', '-', '+', '#', '/', '@':
		if b == '#' || b == '@' || alnum(s.Before(start-1)) {
			return true
		}
	}
	switch s.At(end) {
	case '/':
		return alnum(s.At(end+1)) && expiryAt(s.Text, end+1) == 0
	case '.', '-', '@', '%':
		return alnum(s.At(end + 1))
	}
	return false
}

// ibanHead reports whether the digits go on from the first group of an account
// number: DE76 5121 …
func ibanHead(s *classifiers.Scan, start int) bool {
	return s.Before(start) == ' ' && digit(s.Before(start-1)) && digit(s.Before(start-2)) && letter(s.Before(start-3)) && letter(s.Before(start-4)) && !alnum(s.Before(start-5))
}

func alnum(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '_'
}

// grouping reports whether groups are how card numbers are printed: fours with
// a rest, 4-6-5 (American Express), 4-6-4 (Diners Club).
func grouping(g []classifiers.Group) bool {
	if g[0].Len() == 1 {
		return spelled(g)
	}
	if len(g) == 3 && g[0].Len() == 4 && g[1].Len() == 6 && (g[2].Len() == 5 || g[2].Len() == 4) {
		return true
	}
	for i, x := range g {
		if x.Len() != 4 && !(i == len(g)-1 && x.Len() < 4 && len(g) > 3) && !(i == 0 && len(g) == 2 && x.Len() == 8) && !(i == 1 && len(g) == 2 && x.Len() == 8) {
			return false
		}
	}
	return len(g) >= 4 || len(g) == 2
}

// spelled reports whether every group is one digit, as in what was dictated.
func spelled(g []classifiers.Group) bool {
	for _, x := range g {
		if x.Len() != 1 {
			return false
		}
	}
	return len(g) >= 13
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		x := int(d[len(d)-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// brand is a range of issuer numbers (the first six digits), the lengths that
// are used in it, and what a number in it is worth.
type brand struct {
	low, high int
	lengths   uint32 // a bit for each length
	level     proxy.Likelihood
	name      string
}

func lengths(list ...int) (bits uint32) {
	for _, n := range list {
		bits |= 1 << n
	}
	return bits
}

// brands are the ranges that the brands publish, the narrow ones first: the
// first that holds a number decides. A brand's own range with its usual length
// is likely; ranges that are wide, shared or rare are possible or less.
var brands = [...]brand{
	{604200, 604399, lengths(16), proxy.Possible, "cabal"},
	{606282, 606282, lengths(16, 19), proxy.Possible, "hipercard"},
	{589562, 589562, lengths(16), proxy.Possible, "naranja"},
	{286900, 286999, lengths(16), proxy.Possible, "carnet"},
	{979200, 979289, lengths(16), proxy.Likely, "troy"},
	{220000, 220499, lengths(16, 17, 18, 19), proxy.Likely, "mir"},
	{222100, 272099, lengths(16), proxy.Likely, "mastercard"},
	{510000, 559999, lengths(16), proxy.Likely, "mastercard"},
	{400000, 499999, lengths(16), proxy.Likely, "visa"},
	{400000, 499999, lengths(13, 19), proxy.Possible, "visa"},
	{340000, 349999, lengths(15), proxy.Likely, "amex"},
	{370000, 379999, lengths(15), proxy.Likely, "amex"},
	{352800, 358999, lengths(16), proxy.Likely, "jcb"},
	{352800, 358999, lengths(17, 18, 19), proxy.Possible, "jcb"},
	{601100, 601199, lengths(16), proxy.Likely, "discover"},
	{644000, 659999, lengths(16), proxy.Likely, "discover"}, // with RuPay, Elo and Troy
	{601100, 601199, lengths(17, 18, 19), proxy.Possible, "discover"},
	{644000, 659999, lengths(17, 18, 19), proxy.Possible, "discover"},
	{300000, 305999, lengths(14, 16), proxy.Possible, "diners"},
	{309500, 309599, lengths(14, 16), proxy.Possible, "diners"},
	{360000, 369999, lengths(14, 16), proxy.Possible, "diners"},
	{380000, 399999, lengths(14, 16), proxy.Possible, "diners"},
	{620000, 629999, lengths(16, 19), proxy.Likely, "unionpay"},
	{620000, 629999, lengths(17, 18), proxy.Possible, "unionpay"},
	{810000, 829999, lengths(16, 19), proxy.Likely, "rupay"}, // 81 with UnionPay
	{810000, 829999, lengths(17, 18), proxy.Possible, "rupay"},
	{860000, 860099, lengths(16), proxy.Possible, "uzcard"},
	{986000, 986099, lengths(16), proxy.Possible, "humo"},
	{869900, 869999, lengths(15), proxy.Unlikely, "voyager"},
	// Maestro with Dankort, Elo, Verve, RuPay, Laser and the shops' own cards.
	{500000, 509999, lengths(16), proxy.Possible, "maestro"},
	{560000, 589999, lengths(16), proxy.Possible, "maestro"},
	{600000, 619999, lengths(16), proxy.Possible, "maestro"},
	{630000, 643999, lengths(16), proxy.Possible, "maestro"},
	{660000, 679999, lengths(16), proxy.Possible, "maestro"},
	{500000, 509999, lengths(12, 13, 14, 15, 17, 18, 19), proxy.Unlikely, "maestro"},
	{560000, 589999, lengths(12, 13, 14, 15, 17, 18, 19), proxy.Unlikely, "maestro"},
	{600000, 619999, lengths(12, 13, 14, 15, 17, 18, 19), proxy.Unlikely, "maestro"},
	{630000, 643999, lengths(12, 13, 14, 15, 17, 18, 19), proxy.Unlikely, "maestro"},
	{660000, 679999, lengths(12, 13, 14, 15, 17, 18, 19), proxy.Unlikely, "maestro"},
	{100000, 199999, lengths(15), proxy.Unlikely, "uatp"}, // the airlines' card
}

// brandOf gives the first brand that uses the number's range and length.
func brandOf(d []byte) brand {
	p := 0 // the first six digits
	for _, x := range d[:6] {
		p = p*10 + int(x)
	}
	if same(d) {
		return brand{}
	}
	for i := range brands {
		if b := &brands[i]; b.low <= p && p <= b.high && b.lengths>>len(d)&1 != 0 {
			return *b
		}
	}
	return brand{}
}

func same(d []byte) bool {
	for _, x := range d {
		if x != d[0] {
			return false
		}
	}
	return true
}

// published reports whether a number is one that payment processors publish for
// tests.
func published(d []byte) bool {
	var b [maxCard]byte
	for i, x := range d {
		b[i] = x + '0'
	}
	// 400000 is the issuer number of Stripe's test cards, whatever follows.
	if testCards[string(b[:len(d)])] || string(b[:6]) == "400000" {
		return true
	}
	// Numbers of two or three different digits, mostly zeros or ones at the
	// end, are made up by hand: 4000000000000002, 6011000000000004.
	zeros := 0
	for _, x := range d[4 : len(d)-1] {
		if x == 0 {
			zeros++
		}
	}
	return zeros >= len(d)-7
}

// testCards are numbers from the public test pages of payment processors
// (Stripe, Adyen, Braintree, PayPal, Worldpay, Redsys, Wikipedia's samples).
var testCards = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range []string{
		"4111111111111111", "4242424242424242", "4012888888881881", "4222222222222", "4000056655665556", "4917610000000000", "4444333322221111",
		"4462030000000000", "4917300800000000", "4484070000000000", "4166676667666746", "4646464646464644", "4988438843884305", "4977949494949497", "4000020000000000", "4000160000000004",
		"4548812049400004", "4970100000000014", "4970100000000022", "4970101122334471", "4009348888881881", "4500600000000061", "4005519200000004", "4217651111111119", "4917484589897107", "4001020000000009", "4035501000000008",
		"5555555555554444", "5105105105105100", "5200828282828210", "5454545454545454", "5500000000000004", "5424000000000015", "5555341244441115", "5577000055770004", "5136333333333335", "5585558555855583", "5555444433331111", "5431111111111111", "5100290029002909",
		"2223003122003222", "2223000048410010", "2222400070000005", "2222410740360010", "2222400010000008", "2222400030000004", "2223520443560010", "5204740000001002",
		"378282246310005", "371449635398431", "378734493671000", "370000000000002", "343434343434343", "345177925488348", "374251018720018", "374200000000004", "374101000000608", "340000000000009",
		"30569309025904", "38520000023237", "3056930009020004", "36227206271667", "36006666333344", "36700102000000", "36148900647913", "36259600000004", "30000000000004",
		"6011111111111117", "6011000990139424", "6011000400000000", "6011000000000004", "6011981111111113", "6011601160116611", "6445644564456445", "6011000000000012", "6011000000000087",
		"3530111333300000", "3566002020360505", "3528000700000000", "3569990010095841", "3566111111111113", "3566000020000410",
		"6200000000000005", "6200000000000047", "6205500000000000004", "6250941006528599", "6243030000000001", "6212345678901265", "6212345678901232",
		"5019717010103742", "6759649826438453", "6304000000000000", "6304939304310009610", "6331101999990016", "6771798021000008", "5895626746595650", "135410014004955",
	} {
		m[n] = true
	}
	return m
}()
