package network

import (
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// said are the ways in which people write what this room finds; every mark is
// found by its type at likely, more or less of it.
var said = []string{
	"phone 2 has IMEI number [[IMEI|35-209900-176148-1]]",
	"IMSI: [[IMSI|310150123456789]]",
	"SIM ICCID=[[ICCID|8949020000123456789]]",
	"src_mac=[[MAC_ADDRESS|b8:27:eb:11:22:3c]]",
}

// harmless are texts of the same world without anything of a person.
var harmless = []string{
	"The bank opened a new account for the marketing team; the account manager will call 0800 555 0199.",
	"Our AWS account 123456789012 hit the quota; the Stripe account acct_1032D82eZvKYlo2C is fine.",
	"PO 4500957246, customer account 10022334, delivery note 80012345, invoice 90011223.",
	"GL account 4000100 and cost center 10203040; posting key 40, amount 12,345.67",
	"Kundenkonto 10022334 wurde angelegt; Benutzerkonto gesperrt; Sachkonto 4000100.",
	"routing table 10.0.0.0/8, BGP routing 64512, sort by code, swift compile error in SWIFT_VERSION 5",
	"Swift code review: let BICYCLES = 5; BIC stands for Bank Identifier Code",
	"The IBAN field has 22 characters; card number has 16 digits; CVV has 3 digits",
	"transaction 20240115123456789, batch 0012345678, epoch 1700000000, ref 0012345678901234",
	"serial number 4839201755, part 061201754, license plate 12345678, tracking 1Z372EG8663458874499",
	"const MAX = 9007199254740991; const BIG = 18446744073709551615; hash = 4539148803436469",
	"Wire diagram: wire 12345678 connects pin 4 to pin 7; transfer rate 1000000000 bits",
	"checking 12345678 rows; saving 12345678 bytes; deposit of 1234567 tons of iron ore",
	"Conta de luz: instalação 12345678, leitura 48392; conta do usuário criada",
	"La cuenta del usuario 12345678 fue bloqueada por intentos fallidos",
	"le compte utilisateur 12345678 est verrouillé",
	"black box testing, blacklist, a gay old time, straight line, the transport union building",
	"Member of the project team; membership is free; party of three at table nine",
}

func TestSaid(t *testing.T) {
	s := suite(t)
	for _, marked := range said {
		bare, marks, err := classifiers.ParseMarked(marked)
		if err != nil {
			t.Fatal(err)
		}
		found := classify(t, s, text(bare))
	marks:
		for _, m := range marks {
			for _, f := range found {
				if f.Type == m.Type && f.Start < m.End && m.Start < f.End && f.Likelihood >= proxy.Likely {
					continue marks
				}
			}
			t.Errorf("%q: %s at %d-%d is missed", bare, m.Type, m.Start, m.End)
		}
	}
}

func TestHarmless(t *testing.T) {
	s := suite(t)
	for _, in := range harmless {
		for _, f := range classify(t, s, text(in)) {
			if matters(f) {
				t.Errorf("%q: %s (%s, %+v) at %d-%d", in, f.Type, f.Likelihood, f.Evidence, f.Start, f.End)
			}
		}
	}
}
