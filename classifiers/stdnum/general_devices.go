package stdnum

import "strings"

var genIMEI = &Format{
	Name: "imei", Type: "IMEI", Aliases: []string{"IMEI_NUMBER", "IMEISV"},
	Title: "International mobile equipment identity of a telephone, 3GPP TS 23.003, with or without its check digit, or with a software version.",
	Of:    Device, Clean: " -",
	Shapes: []string{"999999999999999", "9999999999999999"}, Written: []string{"99-999999-999999-9", "99 999999 999999 9", "999999-99-999999-9", "99-999999-999999-99"},
	Words:  []string{"imei", "imeis", "imei number", "imei no", "imeisv", "device", "handset", "phone", "serial", "gerät", "appareil", "dispositivo", "urządzenie", "串号", "端末"},
	Strong: 10, Sample: "35-482739-016284-8", Check: genIMEIValid,
}

func genIMEIValid(s string) bool {
	switch len(s) {
	case 14, 16:
		return allDigits(s)
	case 15:
		return luhn(s)
	}
	return false
}

var genIMSI = &Format{
	Name: "imsi", Type: "IMSI", Aliases: []string{"IMSI_NUMBER"},
	Title: "International mobile subscriber identity of a SIM card, ITU-T E.212.",
	Of:    Person, Clean: " -",
	Shapes: []string{"999999999999999", "99999999999999"}, Written: []string{"999 99 9999999999", "999-99-9999999999", "999 999 999999999", "999-999-999999999"},
	Words:  []string{"imsi", "imsi number", "subscriber identity", "subscriber", "sim", "sim card", "mcc", "mnc", "iccid"},
	Strong: 4, Sample: "262 02 4827301596", Check: genIMSIValid,
}

// mobileCountries are the mobile country codes of ITU-T E.212, three digits and
// a space each; 001 and 999 are for tests and private networks.
const mobileCountries = "001 202 204 206 208 212 213 214 216 218 219 220 221 222 226 228 230 231 232 234 235 238 240 242 244 246 247 248 250 255 257 259 260 262 266 268 " +
	"270 272 274 276 278 280 282 283 284 286 288 289 290 292 293 294 295 297 302 308 310 311 312 313 314 315 316 330 334 338 340 342 344 346 348 350 352 354 356 358 360 " +
	"362 363 364 365 366 368 370 372 374 376 400 401 402 404 405 406 410 412 413 414 415 416 417 418 419 420 421 422 424 425 426 427 428 429 430 431 432 434 436 437 438 440 " +
	"441 450 452 454 455 456 457 460 461 466 467 470 472 502 505 510 514 515 520 525 528 530 536 537 539 540 541 542 543 544 545 546 547 548 549 550 551 552 553 554 555 " +
	"602 603 604 605 606 607 608 609 610 611 612 613 614 615 616 617 618 619 620 621 622 623 624 625 626 627 628 629 630 631 632 633 634 635 636 637 638 639 640 641 642 " +
	"643 645 646 647 648 649 650 651 652 653 654 655 657 658 659 702 704 706 708 710 712 714 716 722 724 730 732 734 736 738 740 742 744 746 748 750 901 902 991 995 999"

// genIMSIValid looks at the country alone: networks come and go by the month.
func genIMSIValid(s string) bool {
	return (len(s) == 14 || len(s) == 15) && allDigits(s) && oneOf(mobileCountries, s[:3])
}

var genMEID = &Format{
	Name: "meid", Type: "MEID", Aliases: []string{"MEID_NUMBER"},
	Title: "Mobile equipment identifier of a CDMA telephone, in hexadecimal or decimal digits, with or without its check digit.",
	Of:    Device, Clean: " -",
	Shapes:  []string{"A*************", "A**************", "999999999999999999", "9999999999999999999"},
	Written: []string{"A* ****** ******", "A* ****** ****** *", "A*-******-******", "99999 99999 9999 9999", "99999 99999 9999 9999 9"},
	Words:   []string{"meid", "meid hex", "meid dec", "meid number", "esn", "device", "handset", "imei"},
	Strong:  16, Sample: "A0 00004 8B27C1 6", Check: genMEIDValid,
}

// genMEIDValid: fourteen hexadecimal digits, or ten decimal ones for the first
// eight and eight for the other six. The check digit is Luhn's over the digits
// of its own base; an identifier without letters is an IMEI.
func genMEIDValid(s string) bool {
	switch len(s) {
	case 14, 15:
		hex := false
		for i := 0; i < len(s); i++ {
			if v := value(s[i]); v < 0 || v > 15 {
				return false
			}
			hex = hex || i < 14 && s[i] > '9'
		}
		if len(s) == 14 {
			return true
		}
		if !hex {
			return luhn(s)
		}
		return genLuhnHex(s)
	case 18, 19:
		if !allDigits(s) || number(s[:10]) > 0xFFFFFFFF || number(s[10:18]) > 0xFFFFFF {
			return false
		}
		return len(s) == 18 || luhn(s)
	}
	return false
}

// genLuhnHex is the Luhn formula over hexadecimal digits.
func genLuhnHex(s string) bool {
	sum := 0
	for i := 0; i < len(s); i++ {
		d := value(s[len(s)-1-i])
		if i%2 == 1 {
			d = d*2/16 + d*2%16
		}
		sum += d
	}
	return sum%16 == 0
}

var genMAC = &Format{
	Name: "mac", Type: "MAC_ADDRESS", Aliases: []string{"MAC", "EUI48"},
	Title: "MAC address of a network card: six octets, joined by colons or hyphens.",
	Of:    Device, Clean: " ",
	Shapes: []string{"**:**:**:**:**:**", "**-**-**-**-**-**"},
	Words:  []string{"mac", "mac address", "ethernet", "hwaddr", "hardware address", "bssid", "wifi", "physical address", "mac adresse", "adresse mac", "dirección mac"},
	Strong: 10000, Sample: "3c:7a:51:0e:9b:d4", Check: genMACValid,
}

func genMACValid(s string) bool {
	octets, n := 0, 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ':' || s[i] == '-' {
			if n == 0 || n > 2 {
				return false
			}
			octets, n = octets+1, 0
			continue
		}
		if v := value(s[i]); v < 0 || v > 15 {
			return false
		}
		n++
	}
	return octets == 6
}

var genISIL = &Format{
	Name: "isil", Type: "ISIL",
	Title: "International standard identifier of a library or archive, ISO 15511.",
	Of:    Thing, Compact: strings.TrimSpace,
	Words:  []string{"isil", "isil code", "library", "bibliothek", "bibliothèque", "biblioteca", "sigel", "library code"},
	Strong: 4, Sample: "DE-Kvt27", Check: genISILValid,
}

// isilAgencies are the countries that have an agency for the identifier, and
// the prefixes of agencies that are not of one.
const isilAgencies = "AR AT AU BE BG BO BY CA CH CY CZ DE DK EG FI FR GB GL HR HU IL IR IT JP KR KZ LU MD NL NO NP NZ QA RO RU SI SK SM US EUR GTB O OCLC ZDB"

func genISILValid(s string) bool {
	i := strings.IndexByte(s, '-')
	if i < 1 || len(s) > 15 {
		return false
	}
	var prefix [4]byte
	if i > len(prefix) {
		return false
	}
	for j := 0; j < len(s); j++ {
		c := s[j]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if value(c) < 0 && (j < i || strings.IndexByte(":/-", c) < 0) {
			return false
		}
		if j < i {
			prefix[j] = c
		}
	}
	return oneOf(isilAgencies, string(prefix[:i]))
}
