package stdnum

import "strings"

var genGS1 = &Format{
	Name: "gs1_128", Type: "GS1_128", Aliases: []string{"GS1", "EAN_128"},
	Title: "Element string of a GS1-128 bar code: application identifiers, each with its data.",
	Of:    Thing, Compact: genGS1Compact,
	Words:  []string{"gs1", "gs1 128", "ean 128", "barcode", "sscc", "gtin", "application identifier", "strichcode"},
	Strong: 100, Sample: "(01)04827301592647(17)270418(10)KVT48", Check: genGS1Valid,
}

// genGS1Compact removes the parentheses that people read identifiers by.
func genGS1Compact(value string) string {
	return strings.TrimSpace(strings.NewReplacer("(", "", ")", "").Replace(value))
}

// gs1Identifiers are the application identifiers of the GS1 General
// Specifications and what follows them. An identifier with a # has a digit more,
// of the decimal point. Of data: N digits, K digits with GS1's check digit, X
// characters, D six digits of a date, each with their number or, with .., the
// most that there may be; square brackets around what may be missing.
const gs1Identifiers = " 00:K18 01:K14 02:K14 03:K14 10:X..20 11:D6 12:D6 13:D6 15:D6 16:D6 17:D6 20:N2 21:X..20 22:X..20 235:X..28 240:X..30 241:X..30 242:N..6 243:X..20 250:X..30 251:X..30 " +
	"253:K13[X..17] 254:X..20 255:K13[N..12] 30:N..8 310#:N6 311#:N6 312#:N6 313#:N6 314#:N6 315#:N6 316#:N6 320#:N6 321#:N6 322#:N6 323#:N6 324#:N6 325#:N6 326#:N6 327#:N6 328#:N6 329#:N6 330#:N6 " +
	"331#:N6 332#:N6 333#:N6 334#:N6 335#:N6 336#:N6 337#:N6 340#:N6 341#:N6 342#:N6 343#:N6 344#:N6 345#:N6 346#:N6 347#:N6 348#:N6 349#:N6 350#:N6 351#:N6 352#:N6 353#:N6 354#:N6 355#:N6 356#:N6 " +
	"357#:N6 360#:N6 361#:N6 362#:N6 363#:N6 364#:N6 365#:N6 366#:N6 367#:N6 368#:N6 369#:N6 37:N..8 390#:N..15 391#:N3N..15 392#:N..15 393#:N3N..15 394#:N4 395#:N6 400:X..30 401:X..30 402:K17 403:X..30 " +
	"410:K13 411:K13 412:K13 413:K13 414:K13 415:K13 416:K13 417:K13 420:X..20 421:N3X..9 422:N3 423:N..15 424:N3 425:N..15 426:N3 427:X..3 4300:X..35 4301:X..35 4302:X..70 4303:X..70 4304:X..70 " +
	"4305:X..70 4306:X..70 4307:X2 4308:X..30 4309:N20 4310:X..35 4311:X..35 4312:X..70 4313:X..70 4314:X..70 4315:X..70 4316:X..70 4317:X2 4318:X..20 4319:X..30 4320:X..35 4321:N1 4322:N1 4323:N1 " +
	"4324:N10 4325:N10 4326:D6 4330:N6[X1] 4331:N6[X1] 4332:N6[X1] 4333:N6[X1] 7001:N13 7002:X..30 7003:D6N4 7004:N..4 7005:X..12 7006:D6 7007:D6[D6] 7008:X..3 7009:X..10 7010:X..2 7011:D6[N4] 7020:X..20 7021:X..20 " +
	"7022:X..20 7023:X..30 7030:N3X..27 7031:N3X..27 7032:N3X..27 7033:N3X..27 7034:N3X..27 7035:N3X..27 7036:N3X..27 7037:N3X..27 7038:N3X..27 7039:N3X..27 7040:N1X3 7041:X..4 710:X..20 711:X..20 " +
	"712:X..20 713:X..20 714:X..20 715:X..20 716:X..20 717:X..20 7230:X2X..28 7231:X2X..28 7232:X2X..28 7233:X2X..28 7234:X2X..28 7235:X2X..28 7236:X2X..28 7237:X2X..28 7238:X2X..28 7239:X2X..28 " +
	"7240:X..20 7241:N2 7242:X..25 7250:N8 7251:N12 7252:N1 7253:X..40 7254:X..40 7255:X..10 7256:X..90 7257:X..70 7258:X..5 7259:X..40 8001:N14 8002:X..20 8003:N14[X..16] 8004:X..30 8005:N6 8006:N18 8007:X..34 " +
	"8008:N8[N..4] 8009:X..50 8010:X..30 8011:N..12 8012:X..20 8013:X..25 8014:X..25 8017:K18 8018:K18 8019:N..10 8020:X..25 8026:N18 8030:X..90 8040:X..70 8041:X..70 8042:X..70 8043:X..70 8110:X..70 8111:N4 " +
	"8112:X..70 8200:X..70 90:X..30 91:X..90 92:X..90 93:X..90 94:X..90 95:X..90 96:X..90 97:X..90 98:X..90 99:X..90 "

// gs1Separator ends data that are shorter than they may be.
const gs1Separator = '\x1d'

func genGS1Valid(s string) bool {
	if s == "" || len(s) > maxValue {
		return false
	}
	for s != "" {
		n := genGS1Element(s)
		if n == 0 {
			return false
		}
		s = s[n:]
	}
	return true
}

// genGS1Element gives the length of the identifier and the data that s begins
// with, and 0 where it begins with none.
func genGS1Element(s string) int {
	for n := 2; n <= 4 && n <= len(s) && allDigits(s[:n]); n++ {
		form := ""
		var key [6]byte
		key[0] = ' '
		copy(key[1:], s[:n])
		key[1+n] = ':'
		if i := strings.Index(gs1Identifiers, string(key[:n+2])); i >= 0 {
			form = gs1Identifiers[i+n+2:]
		} else if n == 4 {
			key[4], key[5] = '#', ':'
			if i := strings.Index(gs1Identifiers, string(key[:6])); i >= 0 {
				form = gs1Identifiers[i+6:]
			}
		}
		if form == "" {
			continue
		}
		k, ok := genGS1Data(s[n:], form[:strings.IndexByte(form, ' ')])
		if !ok {
			return 0
		}
		return n + k
	}
	return 0
}

// genGS1Data gives the length of the data of a form, with the separator.
func genGS1Data(s, form string) (length int, ok bool) {
	rest, variable := s, false
	if i := strings.IndexByte(rest, gs1Separator); i >= 0 {
		rest = rest[:i]
	}
	field := len(rest)
	for i := 0; i < len(form); {
		if form[i] == '[' {
			if rest == "" {
				variable = true
				break
			}
			i++
			continue
		}
		if form[i] == ']' {
			i++
			continue
		}
		kind := form[i]
		i++
		upTo := strings.HasPrefix(form[i:], "..")
		if upTo {
			i += 2
		}
		n := 0
		for ; i < len(form) && form[i] >= '0' && form[i] <= '9'; i++ {
			n = n*10 + int(form[i]-'0')
		}
		if upTo {
			variable = true
			n = min(n, len(rest))
		}
		if n == 0 || n > len(rest) || !genGS1Field(rest[:n], kind) {
			return 0, false
		}
		rest = rest[n:]
	}
	length = field - len(rest)
	if variable && length < len(s) && s[length] == gs1Separator {
		length++
	}
	return length, true
}

func genGS1Field(s string, kind byte) bool {
	switch kind {
	case 'X':
		return true
	case 'N':
		return allDigits(s)
	case 'K':
		return allDigits(s) && eanSum(s)%10 == 0
	}
	// A date: the day may be 00 for the last of the month.
	return allDigits(s) && (s[4:] == "00" && day(2000+number(s[:2]), number(s[2:4]), 1) || day(2000+number(s[:2]), number(s[2:4]), number(s[4:])))
}
