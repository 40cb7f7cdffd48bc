package health

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	npiType = classifiers.Type{
		Name: "US_NPI", Groups: []string{classifiers.Identifier, classifiers.Health}, Severity: classifiers.Low,
		Doc: "The National Provider Identifier of a physician or health institution in the United States.",
	}
	deaType = classifiers.Type{
		Name: "MEDICAL_LICENSE", Groups: []string{classifiers.Personal, classifiers.Identifier, classifiers.Health}, Severity: classifiers.Medium,
		Doc: "A registration number of the US Drug Enforcement Administration (DEA), by which prescribers are known.", Aliases: []string{"US_DEA"},
	}
	mbiType = classifiers.Type{
		Name: "US_MBI", Groups: []string{classifiers.Personal, classifiers.Identifier, classifiers.Health}, Severity: classifiers.High,
		Doc: "A Medicare Beneficiary Identifier of the United States.",
	}
	icdType = classifiers.Type{
		Name: "ICD10_CODE", Groups: []string{classifiers.Health}, Severity: classifiers.Medium,
		Doc: "A code of a diagnosis in the International Classification of Diseases (ICD-10).", Aliases: []string{"ICD_CODE"},
	}
)

// Provider finds numbers of the health system of the United States.
var Provider = &classifiers.Detector{
	Name: "us_health_numbers", Version: 1,
	Doc: `National Provider Identifiers (ten digits, the first 1 or 2, Luhn over 80840 and the number, 45 CFR 162.406), registrations
of the DEA (two letters, seven digits, weighted sum) and Medicare Beneficiary Identifiers (eleven places, each with its set of
characters, as CMS publishes them). The Luhn digit of an NPI lets one number in ten pass, so that a bare one is unlikely.`,
	Types: []*classifiers.Type{&npiType, &deaType, &mbiType},
	Positives: []string{
		"NPI [[US_NPI|1598763526]], provider 1598-763-526x", "rendering provider [[US_NPI|1598 763 526]]; unit, the house and the garden around all of it, then [[unlikely US_NPI|1598763526]]",
		"prescriber DEA [[MEDICAL_LICENSE|BL4829101]]", "Medicare no. [[US_MBI|4KM7-QT2-WX91]], mbi [[US_MBI|4KM7QT2WX91]]",
		"provider [[synthetic US_NPI|1234567893]] and [[synthetic US_MBI|1EG4-TE5-MK73]] are printed in manuals",
	},
	NearMisses: []string{
		"order 1598763526, NPI 1598763525, epoch 1598763526000",
		"part BL4829108, DEA BL4829108, flight BL48291",
		"sku 4KM7-QT2-WX9, 4SM7-QT2-WX91 0KM7-QT2-WX91",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Number, Judge: judgeNPI},
		{Shape: classifiers.Mixed, Judge: judgeUSWord},
	},
}

var (
	npiCue = classifiers.NewCue("npi", "provider", "providers", "physician", "prescriber", "provider identifier", "rendering", "referring", "billing provider", "taxonomy", "practitioner", "nppes")
	deaCue = classifiers.NewCue("dea", "prescriber", "license", "licence", "prescription", "controlled substance", "pharmacy", "physician", "practitioner", "registration", "rx", "narcotic", "dr", "doctor")
	mbiCue = classifiers.NewCue("mbi", "medicare", "beneficiary", "hicn", "cms")
)

func judgeNPI(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	for i := range g {
		n := 0
		switch {
		case g[i].Len() == 10:
			n = 1
		case g[i].Len() == 4 && i+2 < len(g) && g[i+1].Len() == 3 && g[i+2].Len() == 3 && g[i+1].Sep == g[i+2].Sep && (g[i+1].Sep == classifiers.SepDash || g[i+1].Sep == classifiers.SepSpace):
			n = 3
		default:
			continue
		}
		if i > 0 && g[i].Sep != classifiers.SepSpace || i+n < len(g) && g[i+n].Sep != classifiers.SepSpace && g[i+n].Sep != classifiers.SepWide {
			continue
		}
		var d [10]byte
		k := 0
		for _, x := range g[i : i+n] {
			k += copy(d[k:], s.Text[x.Start:x.End])
		}
		if d[0] != '1' && d[0] != '2' || !npi(d[:]) {
			continue
		}
		start, end := g[i].Start, g[i+n-1].End
		if b := s.Before(start); b == '.' || b == '+' || b == '$' || s.At(end) == '%' {
			continue
		}
		level := proxy.Unlikely
		switch s.Lean(npiCue, classifiers.Numbering, start, end) {
		case 1:
			level = proxy.VeryLikely
		case -1:
			level = proxy.VeryUnlikely
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: &npiType, Likelihood: level, Synthetic: string(d[:]) == "1234567893", Rule: "npi", Validator: "luhn"})
	}
}

// npi checks ten digits by Luhn's formula with the prefix 80840, which adds 24
// to the sum. Nine equal digits are nobody's.
func npi(d []byte) bool {
	sum, equal := 24, true
	for i := range d {
		x := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
		equal = equal && (i == len(d)-1 || d[i] == d[0])
	}
	return sum%10 == 0 && !equal
}

// judgeUSWord judges words of letters and digits: DEA numbers and MBIs.
func judgeUSWord(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text[c.Start:c.End]
	if !s.Alone(c.Start, c.End) {
		return
	}
	switch len(t) {
	case 9:
		if !dea(t) || s.Before(c.Start) == '-' || s.At(c.End) == '-' {
			return
		}
		level := proxy.Possible
		switch s.Lean(deaCue, classifiers.Numbering, c.Start, c.End) {
		case 1:
			level = proxy.VeryLikely
		case -1:
			level = proxy.Unlikely
		}
		s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: &deaType, Likelihood: level, Rule: "dea", Validator: "weights"})
	case 4, 11:
		end := c.End
		var b [11]byte
		if len(t) == 11 {
			copy(b[:], t)
		} else {
			if end = c.Start + len("1EG4-TE5-MK73"); end > len(s.Text) || s.Text[c.End] != '-' || s.Text[c.End+4] != '-' || !s.Alone(c.Start, end) || s.At(end) == '-' {
				return
			}
			copy(b[:4], t)
			copy(b[4:7], s.Text[c.End+1:])
			copy(b[7:], s.Text[c.End+5:])
		}
		if !mbi(&b) || s.Before(c.Start) == '-' {
			return
		}
		level := proxy.Possible
		if end > c.End {
			level = proxy.Likely // in the form of the card
		}
		if s.Near(mbiCue, c.Start, end) < classifiers.Far {
			level = proxy.VeryLikely
		} else if s.Beside(classifiers.Numbering, c.Start, end) < numberingReach {
			level = classifiers.Raise(level, -1)
		}
		s.Find(classifiers.Found{Start: c.Start, End: end, Type: &mbiType, Likelihood: level, Synthetic: string(b[:]) == "1EG4TE5MK73" || string(b[:]) == "1EG4TE5MK72", Rule: "mbi", Validator: "positions"})
	}
}

const numberingReach = 24

// dea checks two letters and seven digits: the first letter is a kind of
// registrant, and the sum of the first, third and fifth digit and twice that of the others
// ends in the last.
func dea(t string) bool {
	if !strings.ContainsRune("ABCDEFGHJKLMPRSTUX", rune(t[0]&^0x20)) || !letter(t[0]) || !letter(t[1]) && t[1] != '9' {
		return false
	}
	sum := 0
	for i := 2; i < 9; i++ {
		if !digit(t[i]) {
			return false
		}
		if i < 8 {
			sum += int(t[i]-'0') * (1 + i%2)
		}
	}
	return sum%10 == int(t[8]-'0')
}

// mbi checks the places of a Medicare Beneficiary Identifier: C A AN N A AN N A
// A N N, without the letters S, L, O, I, B and Z; capitals.
func mbi(b *[11]byte) bool {
	const places = "CAXNAXNAANN"
	for i, c := range b {
		a := 'A' <= c && c <= 'Z' && c != 'S' && c != 'L' && c != 'O' && c != 'I' && c != 'B' && c != 'Z'
		n := digit(c)
		switch places[i] {
		case 'C':
			n = n && c != '0'
			a = false
		case 'A':
			n = false
		case 'N':
			a = false
		}
		if !a && !n {
			return false
		}
	}
	return true
}

// ICD finds codes of diagnoses.
var ICD = &classifiers.Detector{
	Name: "icd10", Version: 1,
	Doc: `Codes of ICD-10: a capital, two digits of a category that exists (in the edition of the United States or the WHO's), and
mostly a point and one to four further places. They are likely beside words of coding or diagnosis, and, where a person is spoken
of, beside another such code or a word of illness; without the point only so, or beside the name of the classification. Codes that are
listed or asked about without anybody are possible. C4, S3 and E11 alone are nothing.`,
	Types: []*classifiers.Type{&icdType},
	Positives: []string{
		"Diagnosis [[ICD10_CODE|E11.9]], also [[ICD10_CODE|I10]] (ICD-10)", "what is [[possible ICD10_CODE|J18.1]]", "Dx: [[ICD10_CODE|F32.1]]; [[ICD10_CODE|Z79.84]]",
		"ICD-10 [[ICD10_CODE|E119]]", "her chart has [[ICD10_CODE|C50.911]] and [[ICD10_CODE|Z17.0]]", "CID-10: [[ICD10_CODE|M54.5]]",
	},
	NearMisses: []string{
		"seats C4, S3 and E11; node A10, sheet B12.5", "section J45.x of the manual, model K35.80ABC",
		"CSS #E11 and #A10; E11 + F32; U99.9 is no category", "The diagnosis of error E11 in module F32 took long",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Mixed, Judge: judgeICD}},
}

var (
	icdCue    = classifiers.NewCue("icd", "cie", "cid", "cim", "icdcm", "diagnosis code", "diagnosis codes", "code diagnostic", "diagnoseschlüssel", "icd code")
	codingCue = classifiers.NewCue("icd", "cie", "cid", "cim", "dx", "diagnosis", "diagnoses", "diagnosed", "diagnostic", "diagnose", "diagnosen", "diagnóstico", "diagnosi", "rozpoznanie", "rozpoznania", "diagnos", "tanı", "tanısı",
		"comorbidity", "comorbidities", "claim", "claims", "encounter", "billing", "procedure", "cpt", "patient", "病名", "診断", "诊断", "निदान")
)

// Distances, in bytes, at which words and other codes count.
const (
	icdReach  = 24
	codeReach = 64
)

func judgeICD(s *classifiers.Scan, c classifiers.Candidate) {
	start, end := c.Start, c.End
	t := s.Text
	if end-start < 3 || end-start > 7 || !category(t[start:end]) {
		return
	}
	if b := s.Before(start); b == '_' || b == '.' || b == '#' || b == '-' && alnum(s.Before(start-1)) || b == '@' || s.At(end) == '_' {
		return
	}
	dotted := false
	if end-start == 3 && s.At(end) == '.' && alnum(s.At(end+1)) {
		e := end + 1
		for e < len(t) && e-end <= 5 && alnum(t[e]) {
			e++
		}
		// Figures, and letters only in the last place or as the filler X.
		if v := t[end+1 : e]; len(v) > 4 || !digit(v[0]) && len(v) < 2 || e < len(t) && (t[e] == '_' || t[e] == '.' && alnum(s.At(e+1)) || t[e] == '(') {
			return
		}
		dotted, end = true, e
	}
	f := classifiers.Found{Start: start, End: end, Type: &icdType, Likelihood: proxy.Possible, Rule: "icd10", Validator: "category"}
	named := s.Near(icdCue, start, end) <= icdReach
	if !dotted && !named && (end-start > 3 || !beside(s, start, end)) {
		return
	}
	spoken := named || dotted && s.Near(codingCue, start, end) < classifiers.Far
	said := tieCues.around(s, start, end).weight
	switch {
	case !spoken && dotted && s.Beside(classifiers.Numbering, start, end) < icdReach:
		f.Likelihood = proxy.Unlikely
	case !spoken && (said[sayPerson] == 0 || !beside(s, start, end)), said[sayPerson] == 0 && said[sayGeneral] > 0:
		// Codes of nobody's, or that are to be explained.
	case spoken && said[sayPerson] > 0 && dotted:
		f.Likelihood = proxy.VeryLikely
	default:
		f.Likelihood = proxy.Likely
	}
	s.Find(f)
}

// category reports whether t begins with a category of the classification and
// goes on as its codes do without a point.
func category(t string) bool {
	if t[0] < 'A' || t[0] > 'Z' || !digit(t[1]) {
		return false
	}
	if !digit(t[2]) {
		if t[2] > 'B' || t[2] < 'A' || !strings.Contains(icdLettered, t[:3]) {
			return false
		}
	} else if n := int(t[1]-'0')*10 + int(t[2]-'0'); icdCategories[t[0]-'A'][n/64]>>(n%64)&1 == 0 {
		return false
	}
	for i := 3; i < len(t); i++ {
		if !digit(t[i]) && (t[i] < 'A' || t[i] > 'Z') {
			return false
		}
	}
	return true
}

// beside reports whether another code with its point, or a word of illness found
// before, stands near.
func beside(s *classifiers.Scan, start, end int) bool {
	t := s.Text
	from, to := max(0, start-codeReach), min(len(t), end+codeReach)
	for i := from; i+4 < to; i++ {
		if i >= start && i < end || t[i+3] != '.' || i > 0 && alnum(t[i-1]) {
			continue
		}
		if category(t[i:i+3]) && digit(t[i+4]) {
			return true
		}
	}
	found := s.Found()
	for i := len(found) - 1; i >= max(0, len(found)-nearby); i-- {
		if f := &found[i]; f.Detector == conditionName && f.End <= start && f.End > start-codeReach {
			return true
		}
	}
	return false
}
