package payment

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	accountType = classifiers.Type{
		Name: "BANK_ACCOUNT", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.High,
		Doc: "A bank account number of a country's own form, not an IBAN.", Aliases: []string{"BBAN"}, General: true,
	}
	usAccountType = classifiers.Type{
		Name: "US_BANK_NUMBER", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.High,
		Doc: "A bank account number as in the United States: six to seventeen digits without a check digit.", General: true,
	}
	abaType = classifiers.Type{
		Name: "ABA_ROUTING_NUMBER", Groups: []string{classifiers.Financial}, Severity: classifiers.Low,
		Doc: "The routing transit number of a bank in the United States.", Aliases: []string{"US_RTN"},
	}
	clabeType = classifiers.Type{
		Name: "MX_CLABE", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.High,
		Doc: "A standardised bank account number of Mexico (CLABE).",
	}
	sortCodeType = classifiers.Type{
		Name: "UK_SORT_CODE", Groups: []string{classifiers.Financial}, Severity: classifiers.Low,
		Doc: "The sort code of a bank's branch in the United Kingdom.",
	}
)

// Account finds bank account numbers that are no IBAN.
var Account = &classifiers.Detector{
	Name: "bank_account", Version: 1,
	Doc: `Bank account numbers of the countries' own forms. Those with check digits by these: routing numbers of the American
Bankers Association (weights 3, 7, 1 and the Federal Reserve's ranges), CLABE (Mexico), CCC (Spain), RIB (France), NRB (Poland),
GIRO (Hungary), CBU (Argentina), NIB (Portugal), the former number of Belgium (mod 97), kontonummer (Norway), bankgiro and plusgiro
(Sweden). Those without (United States, Germany, United Kingdom, India, Japan, Brazil …) by the label beside them, the name of the
field or the header of the column, in thirteen languages; a label that also names a customer's account counts beside words of
banking only. Sort codes by their label.`,
	Types: []*classifiers.Type{&abaType, &usAccountType, &accountType, &clabeType, &sortCodeType},
	Positives: []string{
		"Routing number [[ABA_ROUTING_NUMBER|061201754]], checking account [[US_BANK_NUMBER|483920175566]]",
		"acct no. [[US_BANK_NUMBER|88120045]] at the credit union",
		"Sort code: [[UK_SORT_CODE|30-64-22]] Account number: [[BANK_ACCOUNT|81275540]]",
		"CLABE [[MX_CLABE|012180015402817338]]",
		"Kontonummer [[BANK_ACCOUNT|4830291170]], BLZ 50050201, Bank: Sparkasse",
		"compte bancaire n° [[BANK_ACCOUNT|30003 03620 00020216907 50]]",
		"número de cuenta [[BANK_ACCOUNT|2100 0418 40 1234567891]]",
		"nr konta [[BANK_ACCOUNT|61 1090 1014 0000 0712 1981 2874]]",
		"bankgiro [[BANK_ACCOUNT|5402-9681]]; rekeningnummer [[BANK_ACCOUNT|483920175]]",
		"普通預金 口座番号 [[BANK_ACCOUNT|4839201]]; 开户行 中国银行 银行账号 [[BANK_ACCOUNT|456351017238]]",
		"Agência 3941, conta corrente [[BANK_ACCOUNT|48392-7]]",
	},
	NearMisses: []string{
		"order 061201754, row 483920175566, AWS account 483920175566",
		"on account of 2024 results; account 5512 of the ledger; GitHub account 48392017",
		"routing number 061201755 has a wrong digit",
		"my user account was created 20240115, invoice 12345678",
		"sort the codes 30-64-22 by hand",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Number, Judge: judgeAccount},
		{Shape: classifiers.Prefix, Literals: shortLabels, Judge: judgeShort},
	},
}

// Words that name a bank account, and nothing else mostly.
var accountWords = []string{
	"account number", "account no", "account nr", "account num", "account nos", "acc no", "acc number", "acct", "acct no", "acct number", "acct num", "bank account", "bankaccount", "checking account", "savings account", "a c",
	"accountnumber", "bank acct", "beneficiary account", "payee account", "current account", "deposit account", "dda", "account holder",
	"kontonummer", "kontonr", "konto nr", "kto", "bankkonto", "girokonto", "sparkonto", "kontoverbindung", "bankverbindung", "kontoinhaber",
	"de compte", "no compte", "compte bancaire", "compte courant", "compte n", "rib", "coordonnées bancaires", "compte épargne",
	"cuenta bancaria", "de cuenta", "cuenta corriente", "de ahorros", "ccc", "cbu", "cuenta n", "clabe",
	"conto corrente", "di conto", "numero conto", "c c", "conto bancario", "coordinate bancarie", "conto n", "bban",
	"nr konta", "numer konta", "konta bankowego", "konto bankowe", "rachunek bankowy", "numer rachunku", "nr rachunku", "rachunku bankowego", "rachunek", "nrb",
	"conta corrente", "conta bancária", "conta poupança", "da conta", "nib", "conta n",
	"rekeningnummer", "bankrekening", "bankrekeningnummer", "rekening", "rekeningnr",
	"bankgiro", "plusgiro", "bankgironummer", "clearingnummer", "clearing", "bg", "pg", "bankkontonummer",
	"hesap no", "hesap numarası", "banka hesabı", "hesap numaram",
	"tilinumero", "pankkitili", "kontonummeret", "číslo účtu", "bankovní účet", "účet", "účtu", "bankszámla", "számlaszám", "cont bancar", "račun", "расчетный счет", "номер счета", "р с", "банковский счет", "рахунок",
	"口座番号", "預金口座", "普通預金", "普通口座", "银行账号", "銀行帳號", "银行卡号", "开户行", "银行账户", "帳戶號碼", "계좌번호", "계좌", "खाता संख्या", "खाता नंबर", "बैंक खाता", "เลขที่บัญชี",
}
var accountCue = classifiers.NewCue(accountWords...)

// Words that name an account of any kind, a bank's among them.
var weakWords = []string{"account", "accounts", "acc", "checking", "普通", "当座", "konto", "kontos", "compte", "cuenta", "conto", "conta", "konta", "hesap", "hesabı", "hesabım", "účet", "счет", "账号", "账户", "帳號", "帳戶", "口座", "खाता"}
var weakCue = classifiers.NewCue(weakWords...)

// Words of banking, which make such an account a bank's.
var bankCue = classifiers.NewCue("bank", "banking", "routing", "aba", "rtn", "ach", "wire", "iban", "bic", "swift", "sepa", "sort", "deposit", "transfer", "beneficiary", "payee", "ifsc", "transit", "institution", "payroll", "direct deposit", "bsb", "branch",
	"credit union", "blz", "bankleitzahl", "überweisung", "überweisen", "lastschrift", "sparkasse", "volksbank", "virement", "banque", "guichet", "transferencia", "banco", "bonifico", "banca", "filiale",
	"przelew", "banku", "agência", "agencia", "pix", "transferência", "overschrijving", "bankrekening", "överföring", "havale", "eft", "banka", "şube", "hsbc", "barclays", "lloyds", "natwest", "santander", "chase", "citi", "citibank", "wells fargo", "commerzbank", "ing", "bnp", "bbva", "caixabank", "intesa", "unicredit", "mbank", "pko", "itaú", "bradesco", "nubank", "caixa", "rabobank", "abn", "seb", "swedbank", "nordea", "handelsbanken", "garanti", "akbank", "ziraat", "hdfc", "sbi", "icici", "revolut", "monzo", "n26", "振込", "みずほ", "三菱", "三井住友", "銀行", "支店", "银行", "转账", "汇款", "बैंक")

// Words of accounts that no money lies in.
var otherAccounts = classifiers.NewCue("aws", "azure", "gcp", "google", "github", "gitlab", "cloud", "twitter", "instagram", "facebook", "user", "users", "arn", "iam", "tenant", "subscription", "ledger", "chart", "snowflake",
	"customer", "utility", "steam", "login", "benutzerkonto", "utilisateur", "usuario", "usuário", "utente", "użytkownika", "gebruikers", "phone", "tel", "tracking", "order")

var (
	abaWords   = []string{"routing", "aba", "rtn", "transit", "ach", "wire", "routing number", "routingnumber", "rtgs", "fedwire"}
	abaCue     = classifiers.NewCue(abaWords...)
	clabeWords = []string{"clabe", "interbancaria", "clave", "spei"}
	clabeCue   = classifiers.NewCue(clabeWords...)
	// Numbers of banks and branches.
	bankCodeCue = classifiers.NewCue("routing", "aba", "rtn", "transit", "routing number", "blz", "bankleitzahl", "bankcode", "bank code", "branch", "branch code", "institution", "abi", "cab", "guichet", "code banque",
		"agência", "agencia", "sucursal", "kod banku", "bankkod", "şube", "şube kodu", "支店", "支店番号", "金融機関コード", "swift", "bic", "ifsc")
	giroWords = []string{"bankgiro", "plusgiro", "postgiro", "bg", "pg", "bankgironummer", "plusgironummer"}
	giroCue   = classifiers.NewCue(giroWords...)
	sortCue   = classifiers.NewCue("sort", "sort code", "sortcode", "sc", "transit", "bsb")
)

// anyCue has the words of all cues without which a number that has no check
// digits is nothing: most numbers need no further look.
var anyCue = classifiers.NewCue(slices.Concat(accountWords, weakWords, abaWords, clabeWords, giroWords)...)

// Distances, in bytes, at which a word counts.
const (
	labelReach = 34
	weakReach  = 24
)

const (
	minAccount  = 6
	maxLabelled = 20 // digits of one without check digits
	maxAccount  = 26 // digits of a Polish number
)

// judgeAccount judges each part of a run of groups that one kind of separator
// joins.
func judgeAccount(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	for i := 0; i < len(g); {
		j := i + 1
		for j < len(g) && joins(g[j].Sep) && g[j].Sep == g[i+1].Sep {
			j++
		}
		if j == i+2 && j < len(g) && g[j].Sep == classifiers.SepSlash && g[i+1].Sep == classifiers.SepDash && partAt(s, g[i:j+1]) {
			i = j + 1 // 19-2000145399/0800
			continue
		}
		if partAt(s, g[i:j]) {
			i = j
			continue
		}
		// Separators of several kinds, behind a label.
		if n := labelled(s, g[i:]); n > j-i {
			i += n
			continue
		}
		// A shorter one at the front: an account and what follows.
		if j-i > 1 {
			partAt(s, g[i:i+1])
		}
		i++
	}
}

// labelled judges groups that separators of several kinds join, with a strong
// label directly before: 8327-9 123 456 789-0. It gives the number of groups
// that it took.
func labelled(s *classifiers.Scan, g []classifiers.Group) int {
	n, mixed, j := 0, false, 0
	for ; j < len(g) && j < maxParts && (j == 0 || joins(g[j].Sep)) && n+g[j].Len() <= 16; j++ {
		n += g[j].Len()
		mixed = mixed || j > 1 && g[j].Sep != g[1].Sep
	}
	if !mixed || n < 9 || j < len(g) && joins(g[j].Sep) {
		return 0
	}
	start, end := g[0].Start, g[j-1].End
	if edge(s, start, end) || s.Near(accountCue, start, end) > directly {
		return 0
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &accountType, Likelihood: proxy.Likely, Rule: "label"})
	return j
}

// Bounds of an account in parts, and of the way from its label.
const (
	maxParts = 6
	directly = 6
)

func joins(sep byte) bool {
	switch sep {
	case classifiers.SepSpace, classifiers.SepDash, classifiers.SepDot, classifiers.SepSlash:
		return true
	}
	return false
}

// partAt judges groups as one number.
func partAt(s *classifiers.Scan, g []classifiers.Group) bool {
	var d [maxAccount]byte
	n := 0
	for _, x := range g {
		if n+x.Len() > maxAccount {
			return false
		}
		for p := x.Start; p < x.End; p++ {
			d[n] = s.Text[p] - '0'
			n++
		}
	}
	start, end := g[0].Start, g[len(g)-1].End
	if n < minAccount || edge(s, start, end) || s.Before(start) == '+' || s.Before(start) == '$' || s.At(end) == '%' {
		return false
	}
	if len(g) == 3 && looksDated(s.Text[start:end], n) {
		return false
	}
	k := formOf(d[:n], g)
	if k.rule == "" && len(g) > 6 {
		return false
	}
	level, typ := k.level, k.typ
	if s.Near(anyCue, start, end) == classifiers.Far {
		if typ == nil {
			bare(s, g, n)
			return false
		}
		if k.rule == "giro" {
			return false
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: typ, Likelihood: level, Rule: k.rule, Validator: k.check})
		if typ == &abaType {
			bare(s, g, n)
		}
		return level >= proxy.Likely
	}
	label := s.Near(accountCue, start, end)
	against := s.Beside(classifiers.Numbering, start, end)
	named := label <= labelReach && label <= against
	switch typ {
	case &abaType:
		if s.Lean(abaCue, classifiers.Numbering, start, end) > 0 {
			s.Find(classifiers.Found{Start: start, End: end, Type: typ, Likelihood: proxy.VeryLikely, Rule: k.rule, Validator: k.check})
			return true
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: typ, Likelihood: level, Rule: k.rule, Validator: k.check})
		typ = nil // an account as well
	case &clabeType:
		if s.Near(clabeCue, start, end) < classifiers.Far || named {
			level = proxy.VeryLikely
		}
	}
	if typ == &accountType && k.rule == "giro" {
		if d := s.Near(giroCue, start, end); d > labelReach || against < d {
			return false
		}
		level = proxy.Likely
	} else if typ == &accountType {
		switch {
		case named:
			level = proxy.VeryLikely
		case against < labelReach:
			level = classifiers.Raise(level, -1)
		}
	}
	if typ != nil {
		if level < proxy.Likely && !named {
			s.Find(classifiers.Found{Start: start, End: end, Type: typ, Likelihood: level, Rule: k.rule, Validator: k.check})
			return false
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: typ, Likelihood: level, Rule: k.rule, Validator: k.check})
		return true
	}
	return byLabel(s, g, n, named)
}

// byLabel judges a number without check digits.
func byLabel(s *classifiers.Scan, g []classifiers.Group, n int, named bool) bool {
	start, end := g[0].Start, g[len(g)-1].End
	if n > maxLabelled || looksDated(s.Text[start:end], n) {
		return false
	}
	f := classifiers.Found{Start: start, End: end, Type: &usAccountType, Likelihood: proxy.VeryUnlikely, Rule: "digits"}
	other := s.Near(otherAccounts, start, end)
	weak := classifiers.Far
	if !named {
		weak = s.Near(weakCue, start, end)
	}
	switch {
	case s.Near(bankCodeCue, start, end) < min(weak, s.Near(accountCue, start, end)):
		// It is announced as a number of the bank's own.
	case named && other > labelReach:
		f.Likelihood, f.Rule = proxy.Likely, "label"
		if s.Near(bankCue, start, end) < classifiers.Far {
			f.Likelihood = proxy.VeryLikely
		}
	case named:
		f.Likelihood, f.Rule = proxy.Possible, "label"
	case weak <= weakReach && weak < s.Beside(classifiers.Numbering, start, end):
		f.Likelihood, f.Rule = proxy.Possible, "label"
		if other > labelReach && s.Near(bankCue, start, end) < classifiers.Far {
			f.Likelihood = proxy.Likely
		}
	}
	if f.Rule == "digits" {
		bare(s, g, n)
		return false
	}
	if f.Rule == "label" && !american(s, start, end) {
		f.Type = &accountType
	}
	s.Near(accountCue, start, end) // the word that the finding keeps
	s.Find(f)
	return f.Likelihood >= proxy.Likely
}

// bare reports digits that nothing speaks for: they could be a number of an
// account. Where there are many of them that says nothing.
func bare(s *classifiers.Scan, g []classifiers.Group, n int) {
	if len(g) > 1 || n < 8 || n > 17 || looksDated(s.Text[g[0].Start:g[0].End], n) || len(s.Found()) > maxBare {
		return
	}
	s.Find(classifiers.Found{Start: g[0].Start, End: g[0].End, Type: &usAccountType, Likelihood: proxy.VeryUnlikely, Rule: "digits"})
}

// maxBare is the number of findings from which on bare digits are passed over.
const maxBare = 256

// american reports whether the words around are English and not of the United
// Kingdom.
func american(s *classifiers.Scan, start, end int) bool {
	return s.Near(englishCue, start, end) < classifiers.Far && s.Near(sortCue, start, end) == classifiers.Far && s.Near(elsewhereCue, start, end) == classifiers.Far
}

var (
	englishCue   = classifiers.NewCue("account", "acc no", "acc number", "acct", "account number", "account no", "checking", "savings", "accountnumber", "bankaccount", "dda", "account num", "account nr", "account holder")
	elsewhereCue = classifiers.NewCue("ifsc", "upi", "bsb", "sbi", "hdfc", "icici", "neft", "rtgs", "imps", "sort", "bacs", "iban", "bic", "clabe", "blz", "pix")
)

// looksDated reports whether digits are a date, as 20240115 and 15.01.2024 are.
func looksDated(t string, n int) bool {
	if n != 8 {
		return false
	}
	var d [8]byte
	i := 0
	for _, c := range []byte(t) {
		if digit(c) && i < 8 {
			d[i] = c - '0'
			i++
		}
	}
	two := func(i int) int { return int(d[i])*10 + int(d[i+1]) }
	day := func(m, d int) bool { return 1 <= m && m <= 12 && 1 <= d && d <= 31 }
	switch {
	case two(0) == 19 || two(0) == 20:
		return day(two(4), two(6))
	case len(t) > 8 && (two(4) == 19 || two(4) == 20):
		return day(two(2), two(0)) || day(two(0), two(2))
	}
	return false
}

// shortLabels begin a label whose number may have fewer digits than the scanner
// hands over, or is a sort code.
var shortLabels = []string{"sc ", "sort code", "sort-code", "sort_code", "sortcode", "conta corrente", "conta", "c/c", "cc ", "konto-nr", "kontonr", "kontonummer", "acct", "account no", "account number", "bankgiro", "plusgiro", "bsb"}

// judgeShort reads the number of up to seven digits behind a label.
func judgeShort(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.End
	for i < len(t) && i-c.End < toValue && !digit(t[i]) {
		if t[i] == '\n' || t[i] == '.' && s.At(i+1) == ' ' && !digit(s.At(i+2)) {
			return
		}
		i++
	}
	start, n, seps := i, 0, 0
	for i < len(t) && n <= 9 {
		switch b := t[i]; {
		case digit(b):
			n++
		case (b == '-' || b == ' ' || b == '.') && digit(s.At(i+1)):
			seps++
		default:
			goto read
		}
		i++
	}
read:
	if n == 0 || i < len(t) && alnum(t[i]) || start > 0 && alnum(t[start-1]) {
		return
	}
	f := classifiers.Found{Start: start, End: i, Type: &accountType, Likelihood: proxy.Likely, Rule: "label"}
	switch lit := shortLabels[c.Literal]; {
	case lit == "bsb" || lit == "sc " || strings.HasPrefix(lit, "sort"):
		// The number of the account may follow after a space.
		if i = start + len("00-00-00"); i > len(t) || !sortCode(t[start:i]) {
			if i = start + 6; i > len(t) || lit == "bsb" || !sortCode(t[start:i]) {
				return
			}
		}
		if lit == "bsb" || lit == "sc " && (start != c.End || t[start+2] != '-') || i < len(t) && digit(t[i]) {
			return
		}
		f.Type, f.End, f.Likelihood = &sortCodeType, i, proxy.VeryLikely
	case n < minAccount-1 || n > 7 || n == 7 && seps == 0 || seps > 1:
		return // too short, or what judgeAccount sees
	case (lit == "conta" || lit == "c/c" || lit == "cc ") && (start-c.End > 2 || s.Near(bankCue, c.Start, i) == classifiers.Far):
		return // an account of any kind
	}
	s.Find(f)
}

// sortCode reports whether t is six digits, together or in pairs.
func sortCode(t string) bool {
	if len(t) == 6 {
		for i := range 6 {
			if !digit(t[i]) {
				return false
			}
		}
		return true
	}
	for i := range 8 {
		if sep := i%3 == 2; sep && t[i] != '-' && t[i] != ' ' || !sep && !digit(t[i]) || sep && t[i] != t[2] {
			return false
		}
	}
	return true
}
