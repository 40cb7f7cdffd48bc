package contact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// countryTLD are the two-letter top-level domains: those of ISO 3166-1 and the
// reserved ones in use (IANA root zone database).
var countryTLD = func() (t [26 * 26]bool) {
	const list = "acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjbmbnbobrbsbtbvbwbybzcacccdcfcgchcickclcmcncocrcucvcwcxcyczdedjdkdmdodzeceeegeresetEUfifjfkfmfofrgagbgdgegfggghgiglgmgngpgqgrgsgtgugwgyhkhmhnhrhthuidieiliminioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalblclilklrlsltlulvlymamcmdmemgmhmkmlmmmnmompmqmrmsmtmumvmwmxmymznancnenfngninlnonpnrnunzompapepfpgphpkplpmpnprpsptpwpyqarerorsrurwsasbscsdsesgshsisjskslsmsnsosrssstsusvsxsysztctdtftgthtjtktltmtntotrtttvtwtzuaugukusuyuzvavcvevgvivnvuwfwsyeytzazmzw"
	for i := 0; i+1 < len(list); i += 2 {
		t[int(list[i]|32-'a')*26+int(list[i+1]|32-'a')] = true
	}
	return t
}()

// genericTLD are top-level domains in wide use (IANA root zone database), and
// names that organisations use inside (RFC 8375 and habit).
var genericTLD = words(`com org net edu gov mil int info biz name pro mobi jobs museum coop aero asia cat post tel travel xxx arpa
	academy accountants agency app art attorney auction audio auto band bank bar beer bet bible bid bike bio black blog blue boutique
	build builders business cafe camera camp capital car cards care career careers cars casa cash casino center ceo chat cheap church
	city claims cleaning click clinic clothing cloud club coach codes coffee college community company computer condos construction
	consulting contact contractors cool credit creditcard cruises dance data dating deals degree delivery democrat dental dentist design
	dev diamonds digital direct directory discount doctor dog domains earth education email energy engineer engineering enterprises
	equipment estate eu events exchange expert exposed express fail faith family fan fans farm fashion film finance financial fish fit
	fitness flights florist flowers fm football forsale foundation fun fund furniture futbol fyi gallery game games garden gift gifts
	glass global gmbh gold golf graphics gratis green group guide guru hamburg health healthcare help hockey holdings holiday homes
	hospital host hosting hotel house icu immo immobilien inc industries ink institute insurance insure international investments irish
	jetzt jewelry kim kitchen koeln land law lawyer lease legal life lighting limited limo link live loan loans lol london love ltd luxe
	maison management market marketing mba media med memorial men menu miami moda moe money mortgage movie music network news ngo ninja
	nrw nyc one ong online ooo organic page paris partners parts party pet pharmacy photo photography photos physio pics pictures pink
	pizza place plumbing plus poker press productions properties property pub quebec radio realestate recipes red rehab reise reisen
	rent rentals repair report republican rest restaurant review reviews rich rip rocks run ruhr saarland sale salon sarl school schule
	science security services sexy shoes shop shopping show singles site ski soccer social software solar solutions space sport store
	stream studio study style sucks supplies supply support surf surgery swiss systems taipei tax taxi team tech technology tennis
	theater tienda tips tirol today tokyo tools top tours town toys trade training tube university uno vacations ventures vet viajes
	video villas vin vip vision vlaanderen vote voyage wales watch webcam website wedding wien wiki win wine work works world wtf xyz
	yoga zone africa alsace amsterdam arab barcelona bcn boston brussels bzh capetown corsica cymru durban eus frl gal gent
	helsinki istanbul ist joburg lat krd madrid melbourne moscow nagoya okinawa osaka rio scot stockholm swiss
	sydney tatar vegas yokohama zuerich bot cfd cpa diy eco esq llc locker ltda luxury merch monster phd prof skin spa
	srl sas xin google amazon apple microsoft bmw bayern berlin audi barclays citic deloitte fedex hsbc ibm kpmg nhs sap sbi siemens
	example test invalid localhost internal intranet local lan corp home private`)

// fileTLD are endings that name files. An address never ends so.
var fileTLD = words(`png jpg jpeg gif svg webp bmp ico pdf doc docx xls xlsx ppt pptx txt md csv json yaml yml xml html htm css scss
	js jsx ts tsx mjs go py rb java kt cs cpp hpp php swift sql log conf cfg ini lock exe dll bin jar war tar gz tgz bz2 rar whl deb rpm
	mp3 wav avi webm tmp bak min map wasm proto`)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// tldLevel says how likely a last label ends a mail domain, 0 for never.
func tldLevel(l string) proxy.Likelihood {
	var buf [maxLabel]byte
	if len(l) < 2 || len(l) > maxLabel {
		return 0
	}
	ascii := true
	for i := 0; i < len(l); i++ {
		c := l[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z':
		case c >= utf8.RuneSelf:
			ascii = false
		case len(l) > 4 && (l[0] == 'x' || l[0] == 'X') && l[2] == '-' && l[3] == '-': // RFC 5890
		default:
			return 0
		}
		buf[i] = c
	}
	if !ascii {
		return proxy.Likely // an international country's or name
	}
	low := buf[:len(l)]
	switch {
	case len(low) == 2:
		if countryTLD[int(low[0]-'a')*26+int(low[1]-'a')] {
			return proxy.VeryLikely
		}
		return 0
	case fileTLD[string(low)]:
		return 0
	case genericTLD[string(low)]:
		return proxy.VeryLikely
	case string(low[:min(4, len(low))]) == "xn--":
		return proxy.Likely
	case len(low) <= 18: // the longest delegated label in letters
		return proxy.Possible
	}
	return 0
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }
