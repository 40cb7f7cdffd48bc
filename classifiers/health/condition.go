package health

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	conditionType = classifiers.Type{
		Name: "HEALTH_CONDITION", Groups: []string{classifiers.Health, classifiers.SpecialCategory}, Severity: classifiers.High,
		Doc: "A diagnosis, a disability or another state of somebody's health.", Aliases: []string{"MEDICAL_CONDITION", "DIAGNOSIS"},
	}
	medicineType = classifiers.Type{
		Name: "MEDICATION", Groups: []string{classifiers.Health, classifiers.SpecialCategory}, Severity: classifiers.Medium,
		Doc: "A medicine that somebody takes.", Aliases: []string{"DRUG"},
	}
)

// Condition finds what says of a person that they are ill.
var Condition = &classifiers.Detector{
	Name: conditionName, Version: 1,
	Doc: `Diagnoses, disabilities and medicines (international non-proprietary names) of a lexicon in thirteen languages. A word
alone is unlikely: it is likely where the text around says it of a person, by pronouns and possessives, relatives, titles, ages,
names, what other detectors found of a person, and the words of records and letters (diagnosed, PMH, on leave for, 20 mg); words
that speak of people in general, of studies or definitions, speak against it. What is implied without such a word is not found.`,
	Types: []*classifiers.Type{&conditionType, &medicineType},
	Positives: []string{
		"My mother was diagnosed with [[HEALTH_CONDITION|multiple sclerosis]] in spring.",
		"Pt Tomas Ekdahl, 61 y/o, PMH: [[HEALTH_CONDITION|type 2 diabetes]], takes [[MEDICATION|metformin]] 500 mg.",
		"He told me about his [[HEALTH_CONDITION|Crohn’s disease]].",
		"Frau Brandner ist wegen einer [[HEALTH_CONDITION|Depression]] krankgeschrieben. Diagnose: [[HEALTH_CONDITION|Epilepsie]].",
		"Mme Delorme, ATCD : [[HEALTH_CONDITION|sclérose en plaques]]",
		"Paciente de 58 años, antecedentes: [[HEALTH_CONDITION|epilepsia]]",
		"Il paziente Gino Ferrante soffre di [[HEALTH_CONDITION|depressione maggiore]]",
		"Pacjentka Ewa Lis, rozpoznanie: [[HEALTH_CONDITION|cukrzyca typu 2]]",
		"患者:45歳、既往歴:[[HEALTH_CONDITION|うつ病]]。病人王芳,既往有[[HEALTH_CONDITION|2型糖尿病]]史。",
		"मरीज़ को [[HEALTH_CONDITION|मधुमेह]] है, 52 साल",
	},
	NearMisses: []string{
		"What are the symptoms of diabetes, and how common is it among adults?",
		"Write an article on depression awareness for our blog.",
		"The risk of a stroke rises with blood pressure in most studies; stroke-width: 2px; the flag is disabled.",
		"Die Studie vergleicht Patienten mit Epilepsie und Migräne.",
		"¿Qué es la diabetes y cuáles son sus causas?",
		"糖尿病の症状と原因を説明して。什么是高血压?",
	},
	Interests: []classifiers.Interest{
		illness.judged(func(s *classifiers.Scan, e *entry, start, end int) {
			if e.kind == kindCondition {
				start, end = widen(s.Text, start, end)
			}
			s.Find(classifiers.Found{Start: start, End: end, Type: typeOf(e), Likelihood: proxy.VeryUnlikely, Rule: ruleOf(e)})
		}),
		{Shape: classifiers.Whole, Judge: judgeConditions},
	},
}

//go:embed conditions.txt
var conditionList string

//go:embed medicines.txt
var medicineList string

// The lists of the lexicon of illness.
const (
	kindCondition = iota
	kindMedicine
)

var illness = newLexicon(conditionList, medicineList)

const conditionName = "health_condition"

// Rules of findings: what the second look goes by.
const (
	ruleLexicon  = "lexicon"
	ruleVague    = "lexicon_vague"
	ruleMedicine = "medicine"
	ruleTied     = "tied_to_person"
)

func typeOf(e *entry) *classifiers.Type {
	if e.kind == kindMedicine {
		return &medicineType
	}
	return &conditionType
}

func ruleOf(e *entry) string {
	switch {
	case e.kind == kindMedicine:
		return ruleMedicine
	case e.vague:
		return ruleVague
	}
	return ruleLexicon
}

// maxJudged bounds the words of one text that get a second look.
const maxJudged = 4096

// judgeConditions looks at what the walk found again, when everything else is
// known, and for the words of scripts without ASCII letters.
func judgeConditions(s *classifiers.Scan, c classifiers.Candidate) {
	illness.scan(s.Text, c.Start, c.End, func(e *entry, start, end int) {
		if e.kind == kindCondition {
			start, end = widen(s.Text, start, end)
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: typeOf(e), Likelihood: proxy.VeryUnlikely, Rule: ruleOf(e)})
	})
	found := s.Found()
	// Those of this detector come in the order of the text, mostly; what others
	// found of a person is compared by place.
	n := 0
	for i := range found {
		f := &found[i]
		if f.Detector != conditionName || f.Evidence.Rule == ruleTied || f.End > len(s.Text) {
			continue
		}
		if n++; n > maxJudged {
			s.Partial = true
			return
		}
		t := tieCues.around(s, f.Start, f.End)
		typ := &conditionType
		if f.Evidence.Rule == ruleMedicine {
			typ = &medicineType
			if dosed(s.Text, f.End) {
				t.weight[sayHealth] += 2
			}
		}
		neighbours(found, i, &t)
		s.Find(classifiers.Found{Start: f.Start, End: f.End, Type: typ, Likelihood: t.level(f.Evidence.Rule == ruleVague), Rule: ruleTied})
	}
}

// listedReach is the distance, in bytes, at which one diagnosis follows another.
const listedReach = 24

// nearby is the number of findings on either side that are looked at.
const nearby = 32

// neighbours adds what was found around finding i: another word of illness, a
// code, a medicine, an identifier of a person.
func neighbours(found []proxy.Finding, i int, t *tie) {
	f := &found[i]
	person, health, listed := false, false, false
	for j := max(0, i-nearby); j < len(found) && j <= i+nearby; j++ {
		g := &found[j]
		if j == i || g.Evidence.Via != f.Evidence.Via || g.Evidence.Rule == ruleTied || g.Start > f.End+reach || g.End < f.Start-reach || g.Start < f.End && f.Start < g.End {
			continue
		}
		switch {
		case g.Detector == conditionName:
			health = health || g.Type != f.Type && g.Start < f.End+near && g.End > f.Start-near
			listed = listed || g.Type == f.Type && g.End <= f.Start && g.End > f.Start-listedReach
		case g.Likelihood >= proxy.Likely && slices.Contains(g.Groups, classifiers.Health):
			person, health = true, true
		case g.Likelihood >= proxy.Likely && slices.Contains(g.Groups, classifiers.Personal):
			person = true
		}
	}
	if person {
		t.weight[sayPerson]++
	}
	if health {
		t.weight[sayHealth] += 2
	} else if listed {
		t.weight[sayHealth]++
	}
}

// dosed reports whether a dose follows: 500 mg, 75 µg, 10 units.
func dosed(text string, i int) bool {
	j := i
	for j < len(text) && j-i < 3 && (text[j] == ' ' || text[j] == ',' || text[j] == '(') {
		j++
	}
	k := j
	for k < len(text) && k-j < 6 && (digit(text[k]) || text[k] == '.' || text[k] == ',') {
		k++
	}
	if k == j {
		return false
	}
	if k < len(text) && (text[k] == ' ' || text[k] == '-') {
		k++
	}
	rest := text[k:min(len(text), k+8)]
	for _, u := range [...]string{"mg", "mcg", "µg", "μg", "ug", "g", "ml", "mL", "IU", "IE", "UI", "units", "unit", "E "} {
		if strings.HasPrefix(rest, u) {
			return true
		}
	}
	return false
}

// widen takes in what belongs to a diagnosis: type 2, stage II, 2型.
func widen(text string, start, end int) (int, int) {
	if strings.HasSuffix(text[:start], "型") {
		i := start - len("型")
		for i > 0 && start-i < 8 && (digit(text[i-1]) || text[i-1] == 'I') {
			i--
		}
		if i < start-len("型") {
			return i, end
		}
	}
	if i := qualifier(text, start); i >= 0 {
		start = i
	}
	// Behind: one small word at most, then type and number.
	i := end
	for range 3 {
		if i >= len(text) || text[i] != ' ' {
			break
		}
		j := i + 1
		for j < len(text) && j-i < 8 && letter(text[j]) {
			j++
		}
		if grade[strings.ToLower(text[i+1:j])] && j+1 < len(text) && text[j] == ' ' {
			k := j + 1
			for k < len(text) && k-j < 5 && (digit(text[k]) || text[k] == 'I' || text[k] == 'V') {
				k++
			}
			if k > j+1 && !lettersMeet(text, k) {
				end = k
			}
			break
		}
		if j-i > 10 || j == i+1 {
			break
		}
		i = j
	}
	return start, end
}

// grade are the words before the number of a type or stage.
var grade = map[string]bool{"type": true, "typ": true, "tip": true, "tipo": true, "typu": true, "stage": true, "grade": true, "stadium": true, "stadio": true, "stade": true, "grado": true}

// qualifier gives the start of type 2 or stage II before i, -1 where there is
// none.
func qualifier(text string, i int) int {
	if i < 3 || text[i-1] != ' ' {
		return -1
	}
	j := i - 1
	for j > 0 && i-j < 6 && (digit(text[j-1]) || text[j-1] == 'I' || text[j-1] == 'V' || text[j-1] == 'a' || text[j-1] == 'b') {
		j--
	}
	if j == i-1 || j == 0 || text[j-1] != ' ' && text[j-1] != '-' {
		return -1
	}
	k := j - 1
	for k > 0 && j-k < 9 && letter(text[k-1]) {
		k--
	}
	if grade[strings.ToLower(text[k:j-1])] && (k == 0 || !alnum(text[k-1])) {
		return k
	}
	return -1
}
