package health

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	recordType = classifiers.Type{
		Name: "MEDICAL_RECORD", Groups: []string{classifiers.Personal, classifiers.Identifier, classifiers.Health}, Severity: classifiers.High,
		Doc: "The number of a patient or of their record in a hospital or practice (MRN).", Aliases: []string{"MEDICAL_RECORD_NUMBER", "MRN"},
	}
	insuranceType = classifiers.Type{
		Name: "HEALTH_INSURANCE_ID", Groups: []string{classifiers.Personal, classifiers.Identifier, classifiers.Health}, Severity: classifiers.High,
		Doc: "The number of a member of a health insurance.", Aliases: []string{"HEALTH_PLAN_ID"}, General: true,
	}
)

// Record finds numbers of patients.
var Record = &classifiers.Detector{
	Name: "medical_record", Version: 1,
	Doc: `Numbers of patients, of their records and of their health insurance, which have no form of their own: four to sixteen
letters and digits behind a label (MRN, patient no., NHC, UHID, Fallnummer, 住院号 …), in a field or a column named so, or as HL7
writes them (number^^^MRN). Labels that are used elsewhere too (protocol, card, chart, file) count where patients are spoken of.`,
	Types: []*classifiers.Type{&recordType, &insuranceType},
	Positives: []string{
		"Pt seen today, MRN [[MEDICAL_RECORD|48291077]], MRN: [[MEDICAL_RECORD|KD482910]], mrn#[[MEDICAL_RECORD|0048-2917]]",
		`{"mrn": "[[MEDICAL_RECORD|ZK448120]]", "patientId":"[[MEDICAL_RECORD|P-482910]]"} {"type":{"text":"MRN"},"value":"[[MEDICAL_RECORD|ZK448120]]"}`,
		"PID|1||[[MEDICAL_RECORD|48291077]]^^^MRN||Ekdahl^Tomas",
		"Medical record number is [[MEDICAL_RECORD|884120]]. NHC [[MEDICAL_RECORD|7689120]]. Patientennummer: [[MEDICAL_RECORD|482910]]",
		"Hasta Ayla Demir, protokol [[MEDICAL_RECORD|4829107]]",
		"患者ID:[[MEDICAL_RECORD|48291077]]、病历号[[MEDICAL_RECORD|4829107]]",
		"mrn,name\n[[MEDICAL_RECORD|48291077]],Ekdahl\n[[MEDICAL_RECORD|48291078]],Lis",
		"PID|1||[[MEDICAL_RECORD|48291077]]^^^CITY^PI||Ekdahl^Tomas\nMember ID [[HEALTH_INSURANCE_ID|W482910771]], group 0091",
		"Health insurance: Aetna, member ID [[HEALTH_INSURANCE_ID|W482910771]]",
	},
	NearMisses: []string{
		"protokol 4829107 tutanağa eklendi; chart 482910 shows sales; file no. 48291077",
		"MRN stands for medical record number, as of 2026-10-04; nhc is a news channel since 1998",
		"The patient came on 04.10.2026; patient number one on the list, member id 48291077 of the chess club",
		"mrnlookup(48291077)",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Prefix, Literals: labelWords(), Judge: judgeLabel},
		{Shape: classifiers.Prefix, Literals: []string{"pid|"}, Judge: judgeSegment},
		{Shape: classifiers.Number, Judge: judgeColumn},
		{Shape: classifiers.Mixed, Judge: judgeColumnWord},
		{Shape: classifiers.Whole, Judge: judgeRecordField},
	},
}

// label is how a number is announced.
type label struct {
	word string
	typ  *classifiers.Type
	weak bool // it counts where patients are spoken of
}

// labels are compared without regard to ASCII case.
var labels = []label{
	{"mrn", &recordType, false}, {"medical record n", &recordType, false}, {"medical record #", &recordType, false}, {"medical record:", &recordType, false}, {"medical_record", &recordType, false}, {"medicalrecord", &recordType, false},
	{"med rec", &recordType, false}, {"patient id", &recordType, false}, {"patient-id", &recordType, false}, {"patient_id", &recordType, false}, {"patientid", &recordType, false}, {"patient no", &recordType, false}, {"patient number", &recordType, false},
	{"patient_number", &recordType, false}, {"patientnumber", &recordType, false}, {"patient identifier", &recordType, false}, {"patient #", &recordType, false}, {"pt id", &recordType, false}, {"hospital no", &recordType, false}, {"hosp no", &recordType, false}, {"hosp. no", &recordType, false}, {"nip", &recordType, true}, {"hospital number", &recordType, false}, {"hospital id", &recordType, false}, {"uhid", &recordType, false}, {"chi no", &recordType, false},
	{"umrn", &recordType, false}, {"emrn", &recordType, false}, {"empi", &recordType, false}, {"chart no", &recordType, true}, {"chart number", &recordType, true}, {"chart #", &recordType, true}, {"chart id", &recordType, true}, {"acct mrn", &recordType, false}, {"encounter id", &recordType, true}, {"encounter no", &recordType, true}, {"visit no", &recordType, true}, {"opd no", &recordType, false}, {"ipd no", &recordType, false}, {"ip no", &recordType, true}, {"cr no", &recordType, true}, {"file no", &recordType, true},
	{"patientennummer", &recordType, false}, {"patientennr", &recordType, false}, {"patienten-nr", &recordType, false}, {"patienten-id", &recordType, false}, {"patienten id", &recordType, false}, {"patientnr", &recordType, false}, {"pat.-nr", &recordType, false}, {"pat-nr", &recordType, false}, {"pat. nr", &recordType, false}, {"fallnummer", &recordType, true}, {"fallnr", &recordType, true}, {"fall-nr", &recordType, true}, {"aufnahmenummer", &recordType, true}, {"aktenzeichen pat", &recordType, false},
	{"ipp", &recordType, true}, {"dossier patient", &recordType, false}, {"dossier m", &recordType, true}, {"num dossier", &recordType, true}, {"dossier", &recordType, true}, {"iep", &recordType, true},
	{"nhc", &recordType, false}, {"historia cl", &recordType, false}, {"n historia", &recordType, true}, {"num. historia", &recordType, true}, {"historial", &recordType, true}, {"expediente", &recordType, true}, {"cip", &recordType, true},
	{"cartella clinica", &recordType, false}, {"cartella n", &recordType, true}, {"nosologico", &recordType, true}, {"codice paziente", &recordType, false}, {"id paziente", &recordType, false},
	{"historii choroby", &recordType, false}, {"kartoteki", &recordType, true}, {"numer pacjenta", &recordType, false}, {"nr pacjenta", &recordType, false}, {"id pacjenta", &recordType, false}, {"ksi", &recordType, true},
	{"prontu", &recordType, false}, {"atendimento", &recordType, true}, {"processo cl", &recordType, false}, {"cart", &recordType, true}, {"cns", &recordType, true}, {"id paciente", &recordType, false}, {"id do paciente", &recordType, false},
	{"nummer pat", &recordType, false}, {"patnr", &recordType, false}, {"zisnummer", &recordType, false}, {"ziekenhuisnummer", &recordType, false}, {"dossiernummer", &recordType, true}, {"ntnummer", &recordType, false}, /* patiëntnummer */
	{"patientnummer", &recordType, false}, {"journalnummer", &recordType, true}, {"journalnr", &recordType, true}, {"reservnummer", &recordType, false},
	{"protokol", &recordType, true}, {"hasta no", &recordType, false}, {"hasta numaras", &recordType, false}, {"dosya no", &recordType, true},
	{"id", &recordType, true}, {"no.", &recordType, true},
	{"member id", &insuranceType, true}, {"member_id", &insuranceType, true}, {"memberid", &insuranceType, true}, {"member no", &insuranceType, true}, {"member number", &insuranceType, true}, {"member #", &insuranceType, true}, {"subscriber #", &insuranceType, true}, {"insurance #", &insuranceType, true}, {"membership no", &insuranceType, true}, {"membership number", &insuranceType, true}, {"subscriber id", &insuranceType, true}, {"subscriber no", &insuranceType, true}, {"subscriber number", &insuranceType, true}, {"policy no", &insuranceType, true}, {"policy number", &insuranceType, true}, {"policy #", &insuranceType, true}, {"policy id", &insuranceType, true},
	{"insurance id", &insuranceType, true}, {"insurance no", &insuranceType, true}, {"insurance number", &insuranceType, true}, {"health plan id", &insuranceType, false}, {"health plan no", &insuranceType, false}, {"health card", &insuranceType, false}, {"medicaid id", &insuranceType, false}, {"medicaid no", &insuranceType, false}, {"medicaid number", &insuranceType, false}, {"medicaid #", &insuranceType, false},
	{"versichertennummer", &insuranceType, true}, {"versichertennr", &insuranceType, true}, {"versicherten-nr", &insuranceType, true}, {"krankenversicherungsnummer", &insuranceType, false}, {"krankenkassennummer", &insuranceType, false}, {"egk", &insuranceType, true},
	{"mutuelle n", &insuranceType, false}, {"adh", &insuranceType, true}, {"tarjeta sanitaria", &insuranceType, false}, {"cip-sns", &insuranceType, false}, {"liza", &insuranceType, true} /* póliza */, {"poliza", &insuranceType, true}, {"tessera sanitaria", &insuranceType, false}, {"polizza", &insuranceType, true},
	{"polisnummer", &insuranceType, true}, {"polisnr", &insuranceType, true}, {"verzekerdennummer", &insuranceType, false}, {"zorgpas", &insuranceType, false}, {"carteirinha", &insuranceType, true}, {"conv", &insuranceType, true}, {"abha", &insuranceType, true},
}

// labelWords are the literals of the scanner. A label with another character in
// it is cut before that.
func labelWords() []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = l.word
		for k := range len(l.word) {
			if c := l.word[k]; c >= 0x80 || c == '#' {
				out[i] = strings.TrimRight(l.word[:k], " ")
				break
			}
		}
	}
	return out
}

// Words that say that patients, or their insurance, are spoken of.
var (
	patientCue = classifiers.NewCue("patient", "med rec", "patients", "pt", "hospital", "clinic", "ward", "doctor", "nurse", "admitted", "discharge", "diagnosis", "mrn", "medical", "health", "icd", "dob", "pid",
		"patientin", "klinik", "krankenhaus", "station", "arzt", "diagnose", "patiente", "hôpital", "médecin", "ch", "chu", "ipp", "paciente", "pacientes", "clínica", "hospitalar", "médico", "urgencias",
		"paziente", "ospedale", "reparto", "medico", "pacjent", "pacjentka", "pacjenta", "szpital", "oddział", "lekarz", "patiënt", "patiënte", "ziekenhuis", "arts", "huisarts", "sjukhus", "vårdcentral", "vårdcentralen", "vård", "kliniken", "avdelning", "läkare", "journal",
		"hasta", "hastanın", "hastane", "servis", "epikriz", "doktor", "患者", "病院", "診察", "入院", "カルテ", "病人", "医院", "住院", "门诊", "मरीज", "मरीज़", "रोगी", "अस्पताल", "cid", "prontuário")
	insuranceCue = classifiers.NewCue("health", "medical", "insurance", "insurer", "medicaid", "medicare", "aetna", "cigna", "humana", "kaiser", "blue cross", "blue shield", "bcbs", "unitedhealthcare", "anthem", "hmo", "ppo", "copay", "rx", "plan", "coverage", "subscriber", "payer", "payor", "pcp", "deductible", "dx", "cpt", "icd", "eob", "group no", "group number", "provider", "copayment",
		"krankenkasse", "krankenversicherung", "versicherten", "aok", "barmer", "techniker", "tk", "dak", "mutuelle", "santé", "sanitas", "adeslas", "salud", "sanitario", "sanitaria", "saúde", "unimed", "plano", "zorgverzekering", "zorgverzekeraar", "sağlık", "保险", "保険")
	recordCue  = classifiers.NewCue("mrn", "medical record", "medicalrecord", "patient id", "patientid", "patient no", "patient number", "patient identifier", "uhid", "nhc", "hospital number", "hospital no", "patientennummer", "patienten nr", "patienten id", "patientnummer", "prontuário", "historia clínica", "cartella clinica", "住院号", "病历号", "病案号", "门诊号", "就诊号", "登记号", "患者番号", "患者ID", "患者id", "カルテ番号", "診察券番号", "診察券", "यूएचआईडी", "मरीज आईडी")
	recordsKey = classifiers.NewCue("mrn", "medical record", "medicalrecord", "patient id", "patientid", "patient no", "patient number", "uhid", "nhc")
)

// Bounds of a number of a patient, and of the way to it.
const (
	minRecord = 4
	maxRecord = 16
	toRecord  = 28 // bytes between the label and the number
)

// fillers may stand between a label and its number.
var fillers = map[string]bool{
	"no": true, "nr": true, "num": true, "number": true, "n": true, "id": true, "is": true, "was": true, "code": true, "value": true, "nummer": true, "numero": true, "ist": true, "lautet": true,
	"est": true, "es": true, "de": true, "numarası": true, "numarasi": true, "numer": true, "º": true, "o": true, "mero": true, "card": true, "ão": true, "umber": true, "umero": true, "úmero": true, "r": true, "um": true, "inica": true, "ínica": true, "ínico": true, "inico": true, "rio": true, "ário": true, "édical": true, "edical": true, "ênio": true, "enio": true, "s": true, "extension": true, "nº": true, "n°": true, "ãon": true,
}

// judgeLabel reads the number behind a label, or as HL7 writes it, before it.
func judgeLabel(s *classifiers.Scan, c classifiers.Candidate) {
	l := &labels[c.Literal]
	if s.Before(c.Start) == '^' && l.typ == &recordType {
		if i, j := numberBefore(s.Text, c.Start); j > 0 {
			s.Find(classifiers.Found{Start: i, End: j, Type: l.typ, Likelihood: proxy.VeryLikely, Rule: "hl7"})
			return
		}
	}
	i, j := numberBehind(s.Text, c.End, l)
	if j == 0 || l.weak && !spokenOf(s, l, c.Start, c.End) {
		return
	}
	level := proxy.VeryLikely
	if l.weak {
		level = proxy.Likely
	}
	s.Find(classifiers.Found{Start: i, End: j, Type: l.typ, Likelihood: level, Rule: "label"})
	s.Resume(j)
}

// judgeSegment reads the list of patient identifiers, the third field, of a PID
// segment of HL7 version 2: of each identifier its first component.
func judgeSegment(s *classifiers.Scan, c classifiers.Candidate) {
	const field, most, reach = 3, 4, 512
	t := s.Text
	if t[c.Start:c.End] != "PID|" {
		return
	}
	limit := min(len(t), c.Start+reach)
	i := c.Start
	for range field {
		k := strings.IndexByte(t[i:limit], '|')
		if k < 0 {
			return
		}
		i += k + 1
	}
	for range most {
		j := i
		for j < limit && alnum(t[j]) {
			j++
		}
		if j == limit || t[j] != '^' && t[j] != '|' && t[j] != '~' {
			return
		}
		if j-i >= minRecord && j-i <= maxRecord && counted(t[i:j]) >= minRecord-1 {
			s.Find(classifiers.Found{Start: i, End: j, Type: &recordType, Likelihood: proxy.VeryLikely, Rule: "hl7"})
		}
		for j < limit && t[j] != '~' && t[j] != '|' && t[j] != '\n' && t[j] != '\r' {
			j++
		}
		if j == limit || t[j] != '~' {
			return
		}
		i = j + 1
	}
}

// numberBefore reads the first component before carets that end at i.
func numberBefore(t string, i int) (start, end int) {
	for n := 0; i > 0 && n < 8 && t[i-1] == '^'; n++ {
		i--
	}
	j := i
	for j > 0 && i-j <= maxRecord && alnum(t[j-1]) {
		j--
	}
	if i-j < minRecord || i-j > maxRecord || counted(t[j:i]) < minRecord-1 {
		return 0, 0
	}
	return j, i
}

// numberBehind reads the number that a label ending at from announces; end is 0
// where there is none.
func numberBehind(t string, from int, l *label) (start, end int) {
	for i := from; i < len(t) && i-from <= toRecord; {
		b := t[i]
		switch {
		case b == '\n' || b == ';' || b == '.' && i+1 < len(t) && t[i+1] == ' ' && i > from && !abbreviated(t, from, i):
			return 0, 0
		case alnum(b):
			if i > from && alnum(t[i-1]) {
				return 0, 0
			}
			j := recordEnd(t, i)
			if v := t[i:j]; counted(v) >= 3 && j-i >= minRecord && j-i <= maxRecord && !dated(v) {
				if i == from || j < len(t) && (alnum(t[j]) || t[j] == '@' || t[j] == '_' || t[j] == '(') {
					return 0, 0
				}
				return i, j
			}
			if digit(b) {
				return 0, 0
			}
			if j = wordEnd(t, i); !fillers[strings.ToLower(t[i:j])] {
				return 0, 0
			}
			i = j
		case b >= 0x80:
			// A letter such as ú goes on with the label, or it is a sign.
			j := wordEnd(t, i)
			if w := strings.ToLower(t[i:j]); !fillers[w] && w != "º" && w != "°" && w != "№" && w != ":" && w != "は" {
				return 0, 0
			}
			i = j
		default:
			i++
		}
	}
	return 0, 0
}

// wordEnd gives the end of the letters at i, of so many as are looked at.
func wordEnd(t string, i int) int {
	j := i
	for j < len(t) && j-i < maxFiller && (letter(t[j]) || t[j] >= 0x80) {
		j++
	}
	return j
}

const maxFiller = 12

// abbreviated reports whether a full stop at i ends an abbreviation: no. 4829.
func abbreviated(t string, from, i int) bool {
	j := i
	for j > from && letter(t[j-1]) {
		j--
	}
	return i-j <= 3
}

// spokenOf reports whether patients are, or health insurance is, near a weak
// label. The small ones need it closer.
func spokenOf(s *classifiers.Scan, l *label, start, end int) bool {
	cue, reach := patientCue, classifiers.Far-1
	if l.typ == &insuranceType {
		cue = insuranceCue
	}
	if len(l.word) < 4 {
		if s.Text[start:end] != "ID" && s.Text[start:end] != "No." && len(l.word) < 3 {
			return false
		}
		reach = 64
	}
	if s.Near(cue, start, end) <= reach || strings.HasPrefix(l.word, "insurance") && s.Near(patientCue, start, end) <= closeTalk {
		return true
	}
	// A group stands behind the member's number on cards of health insurance.
	if l.typ == &insuranceType && strings.HasPrefix(l.word, "member") && strings.Contains(strings.ToLower(s.Text[end:min(len(s.Text), end+closeTalk)]), ", group ") {
		return true
	}
	if l.typ == &insuranceType || len(l.word) < 3 {
		return false
	}
	// A word of illness before says it as well.
	found := s.Found()
	for i := len(found) - 1; i >= max(0, len(found)-nearby); i-- {
		if f := &found[i]; f.Detector == conditionName && f.End <= start && f.End > start-2*reachBack {
			return true
		}
	}
	return false
}

const (
	reachBack = 80 // bytes
	closeTalk = 48 // and to a word that speaks of patients
)

// recordEnd gives the end of the letters, digits and inner hyphens at i.
func recordEnd(t string, i int) int {
	j := i
	for j < len(t) && j-i <= maxRecord+1 && (alnum(t[j]) || (t[j] == '-' || t[j] == '/' || t[j] == '.') && j > i && j+1 < len(t) && digit(t[j+1]) && alnum(t[j-1])) {
		j++
	}
	return j
}

// counted gives the number of digits.
func counted(t string) (n int) {
	for i := range len(t) {
		if digit(t[i]) {
			n++
		}
	}
	return n
}

// dated reports whether t is written as a date is: 04.10.2026, 2026-10-04.
func dated(t string) bool {
	for _, sep := range [...]string{"-", ".", "/"} {
		if strings.Count(t, sep) != 2 {
			continue
		}
		i := strings.Index(t, sep)
		j := strings.LastIndex(t, sep)
		y, m, d := t[:i], t[i+1:j], t[j+1:]
		if len(y) <= 2 {
			y, d = d, y
		}
		return (len(y) == 2 || len(y) == 4 && (y[:2] == "19" || y[:2] == "20")) && len(m) <= 2 && m <= "31" && len(d) <= 2 && d <= "31"
	}
	return false
}

// judgeColumn judges numbers by the label on either side, in scripts that the
// scanner's literals do not know too, and by the header of their column.
func judgeColumn(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups[0]
	if g.Len() < minRecord || g.Len() > maxRecord-4 || len(c.Groups) > 1 && c.Groups[1].Sep != classifiers.SepSpace {
		return
	}
	if d := s.Near(recordCue, g.Start, g.End); d <= recordReach && d <= s.Near(classifiers.Numbering, g.Start, g.End) {
		s.Find(classifiers.Found{Start: g.Start, End: g.End, Type: &recordType, Likelihood: proxy.Likely, Rule: "near_label"})
	}
}

const recordReach = 10

// judgeColumnWord is judgeColumn for letters followed by digits.
func judgeColumnWord(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text[c.Start:c.End]
	if len(t) < 6 || len(t) > 12 {
		return
	}
	k := 0
	for k < len(t) && letter(t[k]) {
		k++
	}
	if k == 0 || k > 4 || counted(t[k:]) != len(t)-k || len(t)-k < 4 {
		return
	}
	if s.Near(recordCue, c.Start, c.End) <= recordReach {
		s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: &recordType, Likelihood: proxy.Likely, Rule: "near_label"})
	}
}

// wideLabels are labels in scripts that the scanner's literals do not know.
var wideLabels = newLexicon("カルテ番号; 診察券番号; 診察券; 患者番号; 患者ID; 患者id; カルテNo; 病历号; 病案号; 住院号; 门诊号; 就诊号; 就诊卡号; 登记号; 病人ID; 住院號; 病歷號; मरीज आईडी; मरीज़ आईडी; यूएचआईडी; रोगी संख्या")

// judgeRecordField finds wide labels, and reads a segment that is nothing but a number of a patient, by
// the name of its field.
func judgeRecordField(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	wideLabels.scan(t, c.Start, c.End, func(e *entry, _, end int) {
		l := &labels[0]
		if i, j := numberBehind(t, end, l); j > 0 {
			s.Find(classifiers.Found{Start: i, End: j, Type: l.typ, Likelihood: proxy.VeryLikely, Rule: "label"})
		}
	})
	if s.Key == "" || len(t) < minRecord || len(t) > maxRecord || counted(t) < 3 || recordEnd(t, 0) != len(t) || dated(t) || !s.KeyHas(recordsKey) {
		return
	}
	s.Find(classifiers.Found{End: len(t), Type: &recordType, Likelihood: proxy.VeryLikely, Rule: "field"})
}
