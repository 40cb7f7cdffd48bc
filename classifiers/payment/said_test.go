package payment

import (
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// said are the ways in which people write what this room finds; every mark is
// found by its type at likely, more or less of it.
var said = []string{
	"Please wire $4,200 to account number [[US_BANK_NUMBER|004839201755]] at First Harbor Bank, routing [[ABA_ROUTING_NUMBER|061201754]].",
	"bank account: [[US_BANK_NUMBER|4839 2017 55]], ABA# [[ABA_ROUTING_NUMBER|061201754]]",
	"Beneficiary: Lena Vogt, A/C No. [[BANK_ACCOUNT|50100283920175]], IFSC [[IN_IFSC|HDFC0001789]]",
	`{"routing_number":"[[ABA_ROUTING_NUMBER|061201754]]","account_number":"[[US_BANK_NUMBER|483920175566]]","account_type":"checking"}`,
	"SC [[UK_SORT_CODE|30-64-22]], acc no [[BANK_ACCOUNT|81275540]]",
	"sort code [[UK_SORT_CODE|306422]] account [[BANK_ACCOUNT|81275540]]",
	"Bankverbindung: Kto. [[BANK_ACCOUNT|0532013000]], BLZ 37040044",
	"Konto-Nr. [[BANK_ACCOUNT|48392011]] bei der Volksbank",
	"Bitte auf das Konto [[BANK_ACCOUNT|4839201175]] bei der Sparkasse überweisen",
	"Mon RIB : [[BANK_ACCOUNT|30003 03620 00020216907 50]]",
	"Numéro de compte : [[BANK_ACCOUNT|00020216907]]",
	"Mi número de cuenta es [[BANK_ACCOUNT|21000418401234567891]]",
	"cuenta bancaria 2100-0418-40-[[BANK_ACCOUNT|1234567891]]",
	"Conto corrente n. [[BANK_ACCOUNT|000000123456]] ABI 05428",
	"Numer rachunku: [[BANK_ACCOUNT|61109010140000071219812874]]",
	"przelew na konto [[BANK_ACCOUNT|61 1090 1014 0000 0712 1981 2874]]",
	"Banco 341, agência 3941, conta [[BANK_ACCOUNT|48392-7]]",
	"ag. 1234-5 c/c [[BANK_ACCOUNT|123456-7]]",
	"Mijn rekeningnummer is [[BANK_ACCOUNT|48.39.20.175]]",
	"Bankgiro: [[BANK_ACCOUNT|5402-9681]]",
	"kontonummer [[BANK_ACCOUNT|8327-9 123 456 789-0]]",
	"clearingnr 8327-9, kontonr [[BANK_ACCOUNT|1234567890]]",
	"Hesap No: [[BANK_ACCOUNT|6299374]] şube 1234",
	"みずほ銀行 渋谷支店 普通 [[BANK_ACCOUNT|1234567]]",
	"振込先:三菱UFJ銀行 新宿支店 普通預金 [[BANK_ACCOUNT|7654321]]",
	"开户行:中国工商银行,账号:[[BANK_ACCOUNT|0200004509014400123]]",
	"银行卡号 [[CREDIT_CARD|6222021234567890128]]",
	"खाता संख्या [[BANK_ACCOUNT|30283920175]]",
	"My CLABE is [[MX_CLABE|012180015402817338]]",
	"Card: [[CREDIT_CARD|2202200123456780]] exp [[CREDIT_CARD_EXPIRATION|11/27]] cvc [[CREDIT_CARD_CVV|119]]",
	"charge [[CREDIT_CARD|4539148803436467]]/[[CREDIT_CARD_EXPIRATION|0429]]/[[CREDIT_CARD_CVV|123]]",
	"CC [[CREDIT_CARD|4539-1488-0343-6467]] [[CREDIT_CARD_EXPIRATION|04/29]] [[CREDIT_CARD_CVV|123]]",
	"tarjeta [[CREDIT_CARD|5425 2334 3010 9903]] caduca [[CREDIT_CARD_EXPIRATION|11/28]] CVV [[CREDIT_CARD_CVV|281]]",
	"dogecoin addr [[CRYPTO|D8D9CaPKSTPeRLtGcWdXdwdKiRYasFDEoM]]",
	"refund to 0x wallet [[CRYPTO|0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c]]",
	`customer_wallet: "[[CRYPTO|0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c]]"`,
	"SWIFT/BIC: [[BIC|NDEASESS]]",
	"| Name | Account number |\n|---|---|\n| Lis | [[US_BANK_NUMBER|483920175566]] |",
	"direct deposit into checking [[US_BANK_NUMBER|483920175566]] please",
	"acct ending changed, new acct# [[US_BANK_NUMBER|48392017]]",
	"BSB 062-000 Account [[BANK_ACCOUNT|12345678]]",
	"Hi, I'd like to update my direct deposit. Bank: Harbor CU, routing: [[ABA_ROUTING_NUMBER|061201754]] account: [[US_BANK_NUMBER|7730192844]]",
	"ACH debit from acct. no. [[US_BANK_NUMBER|7730192844]]",
	"Account Number [[US_BANK_NUMBER|773-0192-844]]\nRouting Number [[ABA_ROUTING_NUMBER|0612-0175-4]]",
	"iban: [[IBAN_CODE|DE75512108001245126199]], bic [[BIC|SOLADEST600]]",
	"SEPA Lastschrift von [[IBAN_CODE|DE75 5121 0800 1245 1261 99]] BIC [[BIC|COBADEFFXXX]]",
	"virement vers le compte n° [[BANK_ACCOUNT|00020216907]], code banque 30003, guichet 03620",
	"Kontoinhaber: R. Vogt, Kontonummer: [[BANK_ACCOUNT|4839 2011 75]], Bankleitzahl: 370 400 44",
	"Rekening [[BANK_ACCOUNT|12.34.56.789]] op naam van De Wit",
	"número de conta: [[BANK_ACCOUNT|0048392-7]], agência 0001, Nubank",
	"PIX não deu, manda no banco Itaú ag 3941 cc [[BANK_ACCOUNT|48392-7]]",
	"口座:三井住友銀行 普通預金 口座番号[[BANK_ACCOUNT|4839201]] 名義 タナカ",
	"收款账号 [[BANK_ACCOUNT|6217000010012345678]] 建设银行",
	"bank account no 5020-[[BANK_ACCOUNT|0012345678]] (HDFC), IFSC: [[IN_IFSC|HDFC0001789]]",
	"Nr rachunku bankowego [[BANK_ACCOUNT|61 1090 1014 0000 0712 1981 2874]]",
	"IBAN olmadı, hesap numarası [[BANK_ACCOUNT|62993741]] Garanti Bankası",
	"debit card ending? No full: [[CREDIT_CARD|6011 0009 9013 9424]]",
	"VISA [[CREDIT_CARD|4539 1488 0343 6467]] valid thru [[CREDIT_CARD_EXPIRATION|04/29]] security code is [[CREDIT_CARD_CVV|417]]",
	"[[CREDIT_CARD|4539148803436467]]|[[CREDIT_CARD_EXPIRATION|04|29]]|[[CREDIT_CARD_CVV|417]]",
	"kartennummer: [[CREDIT_CARD|4539148803436467]]; gültig bis: [[CREDIT_CARD_EXPIRATION|04/29]]; prüfnummer: [[CREDIT_CARD_CVV|417]]",
	"my metamask words: [[SECRET_SEED_PHRASE|vault ocean table lunar river orbit candy magnet piano winter garlic orchard]]",
	"privkey [[SECRET_CRYPTO_KEY|5K8NBCAcR6mEzTYvqFgix98F1PBfqAP2SfmmvTbYruECXNKUJft]]",
	"name,account_no,sort_code\nLis,[[BANK_ACCOUNT|81275540]],30-64-22",
	"| Employee | Routing | Account |\n|---|---|---|\n| Lis | [[ABA_ROUTING_NUMBER|061201754]] | 483920175566 |",
	"<AccountNumber>[[US_BANK_NUMBER|483920175566]]</AccountNumber><RoutingNumber>[[ABA_ROUTING_NUMBER|061201754]]</RoutingNumber>",
	"accountNumber=[[US_BANK_NUMBER|483920175566]]&routingNumber=[[ABA_ROUTING_NUMBER|061201754]]",
	"<CdtrAcct><Id><IBAN>[[IBAN_CODE|DE75512108001245126199]]</IBAN></Id></CdtrAcct><BIC>[[BIC|SOLADEST600]]</BIC>",
	"caller read card four five three nine... no wait it is [[CREDIT_CARD|4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7]], expiry [[CREDIT_CARD_EXPIRATION|04/29]]",
	"cc_number: [[CREDIT_CARD|6759649826438453]]\ncc_exp: [[CREDIT_CARD_EXPIRATION|2029-04]]\ncc_cvv: [[CREDIT_CARD_CVV|281]]",
	"KREDITKARTE [[CREDIT_CARD|5425233430109903]] ABLAUF [[CREDIT_CARD_EXPIRATION|11/28]]",
	"carta di credito [[CREDIT_CARD|4539148803436467]] scadenza [[CREDIT_CARD_EXPIRATION|04/29]] codice di sicurezza [[CREDIT_CARD_CVV|281]]",
	"cartão [[CREDIT_CARD|5425 2334 3010 9903]] validade [[CREDIT_CARD_EXPIRATION|11/28]] cvv [[CREDIT_CARD_CVV|281]]",
	"クレジットカード番号 [[CREDIT_CARD|3530 1113 3330 0000]] 有効期限 [[CREDIT_CARD_EXPIRATION|04/29]] セキュリティコード [[CREDIT_CARD_CVV|281]]",
	"信用卡 [[CREDIT_CARD|6250 9410 0652 8599]] 有效期 [[CREDIT_CARD_EXPIRATION|04/29]] 安全码 [[CREDIT_CARD_CVV|281]]",
	"karta [[CREDIT_CARD|5425 2334 3010 9903]] ważna do [[CREDIT_CARD_EXPIRATION|11/28]], kod CVV [[CREDIT_CARD_CVV|281]]",
	"kart numaram [[CREDIT_CARD|9792 0303 9444 0796]] son kullanma [[CREDIT_CARD_EXPIRATION|11/28]]",
	"Überweisen Sie an Kto [[BANK_ACCOUNT|4839201]] BLZ 50050201",
	"send ETH to [[CRYPTO|0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c]] and USDT (TRC20) to [[CRYPTO|TPeeiHAWP8AjXtMGwNR3wkezHT3XMc4aEP]]",
	"monthly salary goes to account [[US_BANK_NUMBER|7730192844]] (Chase), routing ending 754",
	"escrow account number: [[US_BANK_NUMBER|77-3019-2844]]",
	"cuenta CLABE interbancaria [[MX_CLABE|012 180 01540281733 8]]",
	"CBU [[BANK_ACCOUNT|2850590940090418135201]]",
	"konto bankowe w mBanku: [[BANK_ACCOUNT|61109010140000071219812874]]",
	"přijde na účet číslo [[BANK_ACCOUNT|2000145399]]/0800",
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
	"The Turkish lira fell against the dollar; German exports rose; Chinese steel is cheap.",
	"Recipe: Indian curry, Thai basil, Mexican beans, French bread, Italian olive oil, Greek yoghurt",
	"The Republican and Democratic candidates debated; polls show a tie among Hispanic voters.",
	"The union of two sets; UNION ALL in SQL; European Union law; trade union density by country",
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
