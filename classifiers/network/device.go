package network

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	imeiType = classifiers.Type{
		Name: "IMEI", Groups: []string{classifiers.Identifier, classifiers.Network}, Severity: classifiers.Medium,
		Doc: "The identity of a mobile telephone (IMEI, IMEISV, MEID).", Aliases: []string{"MEID"},
	}
	imsiType = classifiers.Type{
		Name: "IMSI", Groups: []string{classifiers.Personal, classifiers.Identifier, classifiers.Network}, Severity: classifiers.High,
		Doc: "The identity of a subscriber in mobile networks (IMSI).",
	}
	iccidType = classifiers.Type{
		Name: "ICCID", Groups: []string{classifiers.Identifier, classifiers.Network}, Severity: classifiers.Medium,
		Doc: "The number of a SIM card (ICCID).", Aliases: []string{"SIM_NUMBER"},
	}
	adType = classifiers.Type{
		Name: "ADVERTISING_ID", Groups: []string{classifiers.Personal, classifiers.Network}, Severity: classifiers.Medium,
		Doc: "The identifier by which advertisers know a device (IDFA, GAID).", Aliases: []string{"IDFA", "GAID"},
	}
	sessionType = classifiers.Type{
		Name: "SESSION_ID", Groups: []string{classifiers.Credential, classifiers.Network}, Severity: classifiers.Medium,
		Doc: "The identifier of a session, as cookies hold it.", Aliases: []string{"COOKIE"},
	}
)

// Device finds numbers of telephones, SIM cards and subscribers.
var Device = &classifiers.Detector{
	Name: "device", Version: 1,
	Doc: `Identities of mobile telephones (IMEI: 15 digits with a Luhn digit, in the groups 2-6-6-1 or together; IMEISV: 16 and
MEID: 14 hexadecimal digits by their label; 3GPP TS 23.003), of subscribers (IMSI: 14 or 15 digits whose first three are a country's,
ITU-T E.212, by their label) and of SIM cards (ICCID: 89, 19 or 20 digits with a Luhn digit, ITU-T E.118). The Luhn digit lets one number
in ten pass: without a label an IMEI is unlikely or possible, by the body that gave it out.`,
	Types: []*classifiers.Type{&imeiType, &imsiType, &iccidType},
	Positives: []string{
		"IMEI [[IMEI|867530912345673]], also [[IMEI|35-209900-176148-1]]", "phone imei: [[IMEI|35 209900 176148 1]]", `{"imei":"[[IMEI|352099001761481]]"}`,
		"IMSI [[IMSI|262017483920175]], ICCID [[ICCID|89490200001234567892]]", "SIM [[ICCID|8949 0200 0012 3456 7892]] was replaced",
		"the box says [[possible IMEI|352099001761481]]",
	},
	NearMisses: []string{
		"order 352099001761481, epoch 1700000000000123, IMEI 352099001761482", "case 262017483920175, file 89490200001234567897", "378282246310005 is a card",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Number, Judge: judgeDevice}},
}

var (
	imeiCue  = classifiers.NewCue("imei", "imeis", "imeisv", "handset", "phone", "smartphone", "device", "handy", "gerätenummer", "téléphone", "móvil", "teléfono", "cellulare", "telefon", "celular", "telefone", "telefoon", "mobil", "端末", "手机", "串号", "फ़ोन")
	imeiKey  = classifiers.NewCue("imei", "imeis", "imeisv", "串号", "端末識別番号")
	imsiCue  = classifiers.NewCue("imsi", "subscriber", "supi")
	iccidKey = classifiers.NewCue("iccid", "iccids")
	iccidCue = classifiers.NewCue("iccid", "sim", "esim", "icc", "simcard", "sim card", "eid", "karta sim", "carte sim")
)

func judgeDevice(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	if c.End-c.Start < minDevice {
		return
	}
	for i := 0; i < len(g); {
		n := deviceAt(s, g, i)
		i += max(n, 1)
	}
}

// Digits of the numbers: of an IMEI without its check digit, and of a SIM card.
const (
	minDevice = 14
	maxICCID  = 20
)

// deviceAt judges the number that begins with group i: of one group, or of the
// groups that it is printed in. It gives the number of groups that it took.
func deviceAt(s *classifiers.Scan, g []classifiers.Group, i int) int {
	if i > 0 && g[i].Sep != classifiers.SepSpace && g[i].Sep != classifiers.SepWide {
		return 0
	}
	var d [maxICCID]byte
	n, j := 0, i
	for ; j < len(g) && n+g[j].Len() <= maxICCID; j++ {
		if j > i && (g[j].Sep != g[i+1].Sep || g[j].Sep != classifiers.SepSpace && g[j].Sep != classifiers.SepDash && g[j].Sep != classifiers.SepSlash) {
			break
		}
		n += copy(d[n:], s.Text[g[j].Start:g[j].End])
	}
	// The longest first.
	for ; j > i && n >= minDevice; j-- {
		start, end := g[i].Start, g[j-1].End
		if j < len(g) && (g[j].Sep == classifiers.SepDash || g[j].Sep == classifiers.SepDot || g[j].Sep == classifiers.SepSlash) {
			n -= g[j-1].Len()
			continue
		}
		if b := s.Before(start); b == '.' || b == '+' || b == '_' || s.At(end) == '.' && word(s.At(end+1)) {
			return 0
		}
		if number(s, d[:n], g[i:j]) {
			return j - i
		}
		n -= g[j-1].Len()
	}
	return 0
}

// number judges digits in their groups.
func number(s *classifiers.Scan, d []byte, g []classifiers.Group) bool {
	start, end := g[0].Start, g[len(g)-1].End
	f := classifiers.Found{Start: start, End: end}
	together := len(g) == 1
	switch n := len(d); {
	case d[0] == '8' && d[1] == '9' && (n == 19 || n == 20) && !luhn(d) && s.Near(iccidKey, start, end) <= labelReach:
		f.Type, f.Rule, f.Likelihood = &iccidType, "iccid", proxy.Likely // printed without its check digit
	case d[0] == '8' && d[1] == '9' && (n == 19 || n == 20) && luhn(d):
		f.Type, f.Rule, f.Validator, f.Likelihood = &iccidType, "iccid", "luhn", proxy.Possible
		if s.Lean(iccidCue, classifiers.Numbering, start, end) > 0 {
			f.Likelihood = proxy.VeryLikely
		}
	case n == 15 && luhn(d) && (together || printed(g)):
		f.Type, f.Rule, f.Validator, f.Likelihood = &imeiType, "imei", "luhn", proxy.Unlikely
		if body(d) {
			f.Likelihood = proxy.Possible
			if !together {
				f.Likelihood = proxy.Likely
			}
		}
		switch {
		case s.Lean(imeiKey, classifiers.Numbering, start, end) > 0:
			f.Likelihood = proxy.VeryLikely
		case s.Near(imsiCue, start, end) < classifiers.Far && country(d):
			f.Type, f.Rule, f.Validator, f.Likelihood = &imsiType, "imsi", "country", proxy.VeryLikely
		default:
			switch s.Lean(imeiCue, classifiers.Numbering, start, end) {
			case 1:
				f.Likelihood = classifiers.Raise(f.Likelihood, 1)
			case -1:
				f.Likelihood = proxy.VeryUnlikely
			}
		}
	case (n == 14 || n == 15) && together && country(d) && s.Near(imsiCue, start, end) < classifiers.Far:
		f.Type, f.Rule, f.Validator, f.Likelihood = &imsiType, "imsi", "country", proxy.VeryLikely
	case (n == 14 || n == 16) && body(d) && (together || printed(g)) && s.Near(imeiKey, start, end) <= labelReach:
		// Without its check digit, or with the version of the software.
		f.Type, f.Rule, f.Likelihood = &imeiType, "imeisv", proxy.Likely
	default:
		return false
	}
	f.Synthetic = string(d) == "490154203237518" || string(d) == "356938035643809" || string(d) == "012345678901237"
	s.Find(f)
	return f.Likelihood >= proxy.Possible
}

const labelReach = 24

// printed reports whether groups are how an IMEI is printed: 2-6-6-1, 6-2-6-1,
// 8-6-1, and without the last or with two digits there.
func printed(g []classifiers.Group) bool {
	var b [4]byte
	if len(g) > len(b) {
		return false
	}
	for i, x := range g {
		b[i] = '0' + byte(min(x.Len(), 9))
	}
	switch string(b[:len(g)]) {
	case "2661", "6261", "861", "266", "626", "86", "2662", "6262", "862":
		return true
	}
	return false
}

// body reports whether the first two digits are of a body that gives out IMEIs
// (GSMA TS.06): of the United States, of Britain, China, India, or a test code.
func body(d []byte) bool {
	switch string(d[:2]) {
	case "01", "35", "86", "99", "91", "98", "45", "49", "52", "53", "33", "44", "50", "51", "54":
		return true
	}
	return false
}

// country reports whether the first three digits are a mobile country code.
func country(d []byte) bool { return d[0] >= '2' && d[0] <= '7' || d[0] == '9' && d[1] == '0' }

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		x := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// Label finds identifiers that have no form of their own by their label.
var Label = &classifiers.Detector{
	Name: "device_label", Version: 1,
	Doc: `Advertising identifiers of devices (a UUID behind IDFA, GAID, AAID or advertising id) and session identifiers behind the
names that frameworks give their cookies (JSESSIONID, PHPSESSID, sessionid, connect.sid …), at most possible: whether such a
session lives is not known.`,
	Types: []*classifiers.Type{&adType, &sessionType},
	Positives: []string{
		"idfa=[[ADVERTISING_ID|6D92078A-8246-4BA4-AE5B-76104861E7DC]]", `"gaid": "[[ADVERTISING_ID|cdda802e-fb9c-47ad-9866-0794d394c912]]"`,
		"Cookie: JSESSIONID=[[possible SESSION_ID|7F3A9C20B1D84E55A0C2]]; lang=de",
	},
	NearMisses: []string{"uuid 6d92078a-8246-4ba4-ae5b-76104861e7dc", "the idfa was removed; 00000000-0000-0000-0000-000000000000 is the idfa then", "sessionid=abc"},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Prefix, Literals: []string{"idfa", "idfv", "gaid", "aaid", "adid", "advertising id", "advertising_id", "advertisingid", "advertiser id", "ad_id"}, Judge: judgeAd},
		{Shape: classifiers.Prefix, Literals: []string{"jsessionid=", "phpsessid=", "sessionid=", "session_id=", "session=", "sid=", "aspsessionid", "asp.net_sessionid=", "connect.sid=", "laravel_session=", "sessid="}, Judge: judgeSession},
	},
}

const (
	uuidLen    = 36
	toUUID     = 12 // bytes between the label and the identifier
	minSession = 16
	maxSession = 256
)

func judgeAd(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.End
	if i < len(t) && letter(t[i]) {
		return
	}
	for i < len(t) && i-c.End < toUUID && !hex(t[i]) {
		i++
	}
	if i == c.End || i+uuidLen > len(t) {
		return
	}
	zero := true
	for k := range uuidLen {
		b := t[i+k]
		if dash := k == 8 || k == 13 || k == 18 || k == 23; dash != (b == '-') || !dash && !hex(b) {
			return
		}
		zero = zero && (b == '0' || b == '-')
	}
	if zero || i+uuidLen < len(t) && word(t[i+uuidLen]) {
		return
	}
	s.Find(classifiers.Found{Start: i, End: i + uuidLen, Type: &adType, Likelihood: proxy.VeryLikely, Rule: "label"})
}

func judgeSession(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	i := c.End
	if t[i-1] != '=' { // ASPSESSIONIDxxxx=
		for i < len(t) && i-c.End < 10 && letter(t[i]) {
			i++
		}
		if s.At(i) != '=' {
			return
		}
		i++
	}
	j, digits := i, 0
	for j < len(t) && j-i < maxSession && (word(t[j]) || t[j] == '-' || t[j] == '%' || t[j] == '.') {
		if '0' <= t[j] && t[j] <= '9' {
			digits++
		}
		j++
	}
	if j-i < minSession || digits < 3 {
		return
	}
	s.Find(classifiers.Found{Start: i, End: j, Type: &sessionType, Likelihood: proxy.Possible, Rule: "cookie"})
	s.Resume(j)
}
