package stdnum

import "strings"

var genCFI = &Format{
	Name: "cfi", Type: "CFI", Aliases: []string{"ISO10962"},
	Title: "Classification of a financial instrument (CFI code), ISO 10962.",
	Of:    Security, Clean: " -",
	Shapes: []string{"AAAAAA"},
	Words:  []string{"cfi", "cfi code", "instrument", "isin", "classification"},
	Strong: 300, Sample: "DBVNGR", Check: genCFIValid,
}

// cfiAttributes are, of each category and group of ISO 10962, the values of its
// four attributes; a hyphen is for none. X is a value of every attribute.
const cfiAttributes = "CB CMO GIJ - QSUY;CE CMO GIJ BCDEFKLMRV SU;CF CMO GIJ BEHIMP QSUY;CH ADELMNRS - - -;CI CMO GIJ BCDEFKLMRV QSUY;CM - - - QSUY;CP CMO GIJ BCDEFKLMRV QSUY;" +
	"CS CMO BGLM BMR SU;DA FVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;DB CFKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;DC FKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;" +
	"DD ABCGMNTWY CFVZ CGJNOPQSTU ABCDEFGLPQRT;DE ABCDEM DFMVY CMRST BCDIMNST;DG FVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;DM BMP - - BMNR;DN FVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;" +
	"DS ABCDM DFMVY FMV BCDIMNST;DT FKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;DW FKVZ CGJNOPQSTU ABCDEFGLPQRT BMNR;DY FKVZ CGJNOPQSTU - BMNR;EC ENRV TU FOP BMNR;" +
	"ED CFLMPS BDNR ACDFNPQU BMNR;EF ENRV ACEGNRT ACFNPQU BMNR;EL ENRV TU FOP BMNR;EM - - - BMNR;EP ENRV ACEGNRT ACFNPQU BMNR;ES ENRV TU FOP BMNR;" +
	"EY ABCDEM DMY EFMV BCDGIMNST;FC AEHIMNPS CNP NS -;FF BCDFIMNOSVW CNP NS -;HC IMUVW ABCDEFGHI ABDGLMPV CEP;HE BFIMORS ABCDEFGHI ABDGLMPV CEP;" +
	"HF BCDEFMQRTUVWY JKL ABDGLMPV CEP;HM MP ABCDEFGHIJKL ABDGLMPV ACENP;HR ACDEFGHMOR ABCDEFGHI ABCDFGLMPV CEP;HT ABCFGHIJKMNOPRSTW ABCDEFGHI ABDGLMPV CEP;IF - - - P;" +
	"IT AJKMNPST - - -;JC ABCDGIO - CFS CP;JE BFIOS - CFS CP;JF FJKLNORSTUVW - CFRS CP;JR IMO - CFS CP;JT ABCGHIJKMNPST - CFS CP;KC - - - -;KE - - - -;KF - - - -;" +
	"KM - - - -;KR - - - -;KT - - - -;KY - - - -;LL ABJKMNPST - - CP;LR CGS FNOT - DHT;LS CDEGKLMPTW NOT - DFHT;MC ABHMSUW TU - BMNR;MM EIMNPRST - - -;" +
	"OC ABE BCDFIMNOSTW CENP NS;OM - - - -;OP ABE BCDFIMNOSTW CENP NS;RA - - - BMNR;RD AMPSW - - BMNR;RF BCDIMST MNT CMP ABEM;RM - - - -;RP BCFIMPS - - BMNR;" +
	"RS BCFIMPS - - BMNR;RW BCDIMST CNT BCP ABEM;SC BIMUV CMT CLS ACP;SE BIMS CDLMPTV - CEP;SF ACM - - CP;SM MP - - CEP;SR ACDGHMZ CDIY CS DN;ST ABCGHIJKMNPQST CT - CEP;" +
	"TB CDEFIMT - - -;TC CLMN - - -;TD CFKLMPS - - -;TI CDEFMRT CEFMP GMNP -;TM - - - -;TR FMNRV ADMNQSW - -;TT AEHIMNPS - - -;"

func genCFIValid(s string) bool {
	if len(s) != 6 {
		return false
	}
	for list := cfiAttributes; list != ""; {
		end := strings.IndexByte(list, ';')
		row := list[:end]
		list = list[end+1:]
		if row[:2] != s[:2] {
			continue
		}
		return genCFIRow(s[2:], row[3:])
	}
	return false
}

// genCFIRow reports whether every letter is one of its attribute.
func genCFIRow(letters, row string) bool {
	for i := 0; i < len(letters); i++ {
		attribute := row
		if end := strings.IndexByte(row, ' '); end >= 0 {
			attribute, row = row[:end], row[end+1:]
		}
		if c := letters[i]; c != 'X' && (c == '-' || strings.IndexByte(attribute, c) < 0) {
			return false
		}
	}
	return true
}
