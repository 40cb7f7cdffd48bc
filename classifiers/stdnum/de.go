package stdnum

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

var deIDNR = &Format{
	Name: "de.idnr", Type: "DE_IDNR", Aliases: []string{"DE_TAX_ID", "DE_STEUER_ID", "DE_STEUERID"},
	Title: "Tax identification number (steuerliche Identifikationsnummer, Steuer-ID) of people in Germany.",
	Of:    Person, Clean: " -./,",
	Shapes: []string{"99999999999"}, Written: []string{"99 999 999 999", "99/999/999/999", "99.999.999.999", "99 999999999"},
	Words: []string{"steuer id", "steuerid", "steuer identifikationsnummer", "steueridentifikationsnummer", "steuerliche identifikationsnummer", "steuerliche id", "identifikationsnummer", "idnr", "id nr", "steuer idnr",
		"idnr.", "tin", "tax id", "tax identification", "tax number", "finanzamt", "bzst"},
	Strong: 200, Sample: "48 273 016 850", Check: deIDNRValid,
}

// deIDNRValid: of the first ten digits, none of which leads as 0, one stands
// twice or thrice and the others once; the last is by ISO/IEC 7064 Mod 11,10.
func deIDNRValid(s string) bool {
	if !digits(s, 11) || s[0] == '0' {
		return false
	}
	var count [10]int
	for i := 0; i < 10; i++ {
		count[s[i]-'0']++
	}
	repeated := 0
	for _, n := range count {
		if n > 3 {
			return false
		}
		if n > 1 {
			repeated++
		}
	}
	return repeated == 1 && mod1110(s)
}

var deVAT = &Format{
	Name: "de.vat", Type: "DE_VAT", Aliases: []string{"DE_USTID", "DE_VAT_ID"},
	Title: "VAT number (Umsatzsteuer-Identifikationsnummer, USt-IdNr.) of firms in Germany.",
	Of:    Company, Clean: " -./,",
	Shapes: []string{"de999999999", "999999999"}, Written: []string{"de 999999999", "de 999 999 999", "de 99 999 9999", "de-999999999", "de999 999 999"},
	Words:  []string{"ust id", "ustid", "ust idnr", "ustidnr", "umsatzsteuer", "umsatzsteuer identifikationsnummer", "umsatzsteuer id", "umsatzsteuer idnr", "mehrwertsteuer", "vat", "vat id", "vat number", "vat no", "vatin"},
	Strong: 10, Sample: "DE 248273018", Check: deVATValid,
}

func deVATValid(s string) bool {
	s = prefixed(s, "DE")
	return digits(s, 9) && s[0] != '0' && mod1110(s)
}

var deStNr = &Format{
	Name: "de.stnr", Type: "DE_STNR", Aliases: []string{"DE_TAX_NUMBER", "DE_STEUERNUMMER"},
	Title: "Tax number (Steuernummer) that tax offices in Germany give to people and firms.",
	Of:    Either, Clean: " -./,",
	Shapes: []string{"9999999999", "99999999999", "9999999999999"}, Written: []string{"99/999/99999", "999/999/99999", "999/9999/9999", "99999/99999", "99 999 99999", "999 999 99999"},
	Words:  []string{"steuernummer", "steuer nr", "steuernr", "st nr", "stnr", "st.nr", "st nummer", "finanzamt", "elster", "tax number", "tax no"},
	Strong: 1, Sample: "143/482/73016", Check: deStNrValid,
}

// deStates are the states' digits in the form of thirteen digits.
const deStates = "10 11 21 22 23 24 26 27 28 30 31 32 40 41"

// deStNrValid: ten or eleven digits as a state writes them, or thirteen as
// ELSTER does: one or two of the state (Bavaria 9, North Rhine-Westphalia 5),
// the tax office, 0, district, number. The check digits' rules differ by state.
func deStNrValid(s string) bool {
	switch len(s) {
	case 10, 11:
		return allDigits(s)
	case 13:
		return allDigits(s) && s[4] == '0' && (s[0] == '9' || s[0] == '5' || oneOf(deStates, s[:2]))
	}
	return false
}

var deWKN = &Format{
	Name: "de.wkn", Type: "DE_WKN", Aliases: []string{"WKN"},
	Title: "Number of a security (Wertpapierkennnummer, WKN) in Germany.",
	Of:    Security, Clean: " ",
	Shapes: []string{"******"},
	Words:  []string{"wkn", "wertpapierkennnummer", "wertpapier", "aktie", "fonds", "isin"},
	Strong: 1, Sample: "A2K7T4", Check: deWKNValid,
}

func deWKNValid(s string) bool { return len(s) == 6 && alnums(s) && !strings.ContainsAny(s, "IO") }

var deLeitweg = &Format{
	Name: "de.leitweg", Type: "DE_LEITWEG", Aliases: []string{"LEITWEG_ID"},
	Title: "Leitweg-ID by which electronic invoices reach authorities in Germany.",
	Of:    Company, Clean: "-", Compact: deLeitwegCompact,
	Written: []string{"99999999-99999-99", "99999999-9999999999-99", "999999999999-99999-99", "999-99999-99", "99-99999-99", "99999999-******-99", "99999999-*******-99"},
	Words:   []string{"leitweg", "leitweg id", "leitwegid", "xrechnung", "e rechnung", "rechnungsempfänger", "buyer reference", "peppol"},
	Strong:  97, Sample: "05372048-K7T40-55", Check: deLeitwegValid,
}

// deLeitwegCompact gives a value without hyphens where they part it rightly:
// two to twelve digits, then up to thirty digits or letters or nothing, and two
// check digits.
func deLeitwegCompact(value string) string {
	s := Clean(value, "")
	coarse, rest, ok := strings.Cut(s, "-")
	fine, check, three := strings.Cut(rest, "-")
	if !three {
		fine, check = "", rest
	}
	if !ok || !digits(check, 2) || len(coarse) < 2 || len(coarse) > 12 || !allDigits(coarse) || three && (!alnums(fine) || len(fine) > 30) {
		return ""
	}
	return coarse + fine + check
}

// deLeitwegValid: begins with the number of a state, or 99 for the federation;
// ISO/IEC 7064 Mod 97-10.
func deLeitwegValid(s string) bool {
	return len(s) >= 4 && allDigits(s[:2]) && (s[:2] == "99" || s[:2] >= "01" && s[:2] <= "16") && mod97(s) == 1
}

var deHRN = &Format{
	Name: "de.handelsregisternummer", Type: "DE_HANDELSREGISTERNUMMER", Aliases: []string{"DE_HRN", "DE_COMPANY_REGISTER"},
	Title: "Number in a register of companies, partnerships, co-operatives or associations in Germany, with the court that keeps it.",
	Of:    Company, Compact: strings.TrimSpace,
	Words:  []string{"handelsregister", "amtsgericht", "registergericht", "hrb", "hra", "handelsregisternummer", "registernummer", "vereinsregister", "genossenschaftsregister", "company register"},
	Strong: 100, Sample: "Gießen HRB 48273", Check: deHRNValid,
}

// deCourts are the courts that keep registers, as letters in lower case.
const deCourts = " aachen altenburg amberg ansbach apolda arnsberg arnstadt arnstadtzweigstelleilmenau aschaffenburg augsburg aurich badhersfeld badhomburg badhomburgvdh badkreuznach badoeynhausen " +
	"badsalzungen bamberg bayreuth berlin berlincharlottenburg charlottenburg charlottenburgberlin bielefeld bochum bonn braunschweig bremen chemnitz coburg coesfeld cottbus darmstadt deggendorf " +
	"dortmund dresden duisburg düren düsseldorf eisenach erfurt eschwege essen flensburg frankfurtammain frankfurtoder freiburg friedberg fritzlar fulda fürth gelsenkirchen gera gießen gotha " +
	"göttingen greiz gütersloh hagen hamburg hamm hanau hannover heilbadheiligenstadt hildburghausen hildesheim hof homburg ingolstadt iserlohn jena kaiserslautern kassel kempten kemptenallgäu kiel " +
	"kleve koblenz köln königstein korbach krefeld landau landshut langenfeld lebach leipzig lemgo limburg lübeck ludwigshafen ludwigshafenarhein ludwigshafenamrhein ludwigshafenarheinludwigshafen " +
	"lüneburg mainz mannheim marburg meiningen memmingen merzig mönchengladbach montabaur mühlhausen münchen münster neubrandenburg neunkirchen neuruppin neuss nordhausen nürnberg offenbachammain " +
	"oldenburg oldenburgoldenburg osnabrück ottweiler paderborn passau pinneberg pößneck pößneckzweigstellebadlobenstein potsdam recklinghausen regensburg rostock rudolstadt rudolstadtzweigstellesaalfeld " +
	"saarbrücken saarlouis schweinfurt schwerin siegburg siegen sömmerda sondershausen sonneberg stadthagen stadtroda steinfurt stendal straubing stingbert stwendel stingbertstingbert stwendelstwendel " +
	"stralsund stuttgart tostedt traunstein ulm völklingen walsrode weiden weidenidopf weimar wetzlar wiesbaden wittlich wuppertal würzburg zweibrücken "

// deHRNValid: court, register and number, with a letter or more behind where a
// court has taken over another's register; or the court behind.
func deHRNValid(s string) bool {
	if len(s) > maxValue {
		return false
	}
	for i := 0; i < len(s); i++ {
		if i > 0 && s[i-1] != ' ' {
			continue
		}
		n := 3
		switch {
		case deFold(s[i:], "hra "), deFold(s[i:], "hrb "), deFold(s[i:], "gnr "):
		case deFold(s[i:], "pr "), deFold(s[i:], "vr "):
			n = 2
		default:
			continue
		}
		court := strings.TrimRight(s[:i], " ,:")
		rest := strings.TrimLeft(s[i+n:], " ")
		n = 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n == 0 || n > 6 || rest[0] == '0' {
			continue
		}
		rest = strings.TrimLeft(rest[n:], " ")
		mark := strings.IndexFunc(rest, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) })
		if mark < 0 {
			mark = len(rest)
		}
		switch after := strings.TrimLeft(rest, " ,"); {
		case court != "":
			return mark == len(rest) && mark <= 3 && deCourt(court)
		case deCourt(after):
			return true
		default:
			return mark > 0 && mark <= 3 && deCourt(strings.TrimLeft(rest[mark:], " ,"))
		}
	}
	return false
}

// deFold reports whether s begins with a prefix in lower case, whatever its own.
func deFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// deCourt reports whether the letters of name are a court's.
func deCourt(name string) bool {
	if r, n := utf8.DecodeRuneInString(name); n == 0 || !unicode.IsLetter(r) {
		return false
	}
next:
	for i := 0; i < len(deCourts)-1; {
		i++ // past the space
		rest := name
		for {
			r, n := utf8.DecodeRuneInString(rest)
			rest = rest[n:]
			if n > 0 && !unicode.IsLetter(r) {
				if strings.ContainsRune(" .,:'()/-", r) {
					continue
				}
				return false
			}
			c, k := utf8.DecodeRuneInString(deCourts[i:])
			if n == 0 && c == ' ' {
				return true
			}
			if n == 0 || c != unicode.ToLower(r) {
				i += strings.IndexByte(deCourts[i:], ' ')
				continue next
			}
			i += k
		}
	}
	return false
}
