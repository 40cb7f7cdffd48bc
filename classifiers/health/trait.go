package health

import (
	_ "embed"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var (
	nrpType = classifiers.Type{
		Name: "NRP", Groups: []string{classifiers.SpecialCategory, classifiers.Personal}, Severity: classifiers.Medium,
		Doc: "Somebody's nationality, ethnic origin, religion or political opinion.", Aliases: []string{"NATIONALITY_RELIGION_POLITICS"},
	}
	unionType = classifiers.Type{
		Name: "TRADE_UNION_MEMBERSHIP", Groups: []string{classifiers.SpecialCategory, classifiers.Personal}, Severity: classifiers.Medium,
		Doc: "That somebody is a member of a trade union.",
	}
	orientationType = classifiers.Type{
		Name: "SEXUAL_ORIENTATION", Groups: []string{classifiers.SpecialCategory, classifiers.Personal}, Severity: classifiers.High,
		Doc: "Somebody's sexual orientation or gender identity.",
	}
	crimeType = classifiers.Type{
		Name: "CRIMINAL_RECORD", Groups: []string{classifiers.SpecialCategory, classifiers.Personal}, Severity: classifiers.High,
		Doc: "Somebody's criminal convictions and offences (Article 10 GDPR).",
	}
)

// Trait finds what else Article 9 and 10 GDPR protect, where it is said of a person.
var Trait = &classifiers.Detector{
	Name: traitName, Version: 1,
	Doc: `Words for religion, political opinion, ethnic origin, nationality, trade unions, sexual orientation and convictions of a
lexicon in thirteen languages. A word alone is unlikely, a nationality alone at most possible: they are likely where the text
around says it of a person (she is, my, member of, Konfession:, 国籍), and not where it speaks of countries, history or people.
What a name or an address lets one guess is not found.`,
	Types: []*classifiers.Type{&nrpType, &unionType, &orientationType, &crimeType},
	Positives: []string{
		"She is [[NRP|Muslim]] and asks for a prayer room.", "I am [[SEXUAL_ORIENTATION|gay]] and my landlord found out.",
		"His [[TRADE_UNION_MEMBERSHIP|trade union membership]] came up in the review.",
		"Frau Brandner ist Mitglied der [[NRP|SPD]], Konfession: [[NRP|evangelisch]]", "Mon collègue est [[NRP|juif]].",
		"Mi jefa es [[NRP|católica]]. Il candidato è [[TRADE_UNION_MEMBERSHIP|sindacalista]].", "Mój sąsiad jest [[NRP|katolikiem]].",
		"Hon är medlem i [[NRP|vänsterpartiet]]. Hij is [[SEXUAL_ORIENTATION|homoseksueel]].", "彼女は[[NRP|創価学会]]の会員です。他是[[NRP|穆斯林]]。",
		"The applicant is [[NRP|Kurdish]] and has a [[CRIMINAL_RECORD|prior conviction]] for theft.", "My wife is [[NRP|Brazilian]]; nationality: [[NRP|Turkish]]",
	},
	NearMisses: []string{
		"Explain the history of Catholic schools and of the Muslim festival.", "The German market and the French economy grew; translate into Italian.",
		"black coffee, white paper, a conservative estimate, the liberal use of salt, orthodox methods", "The SPD won the election in 2021.",
		"Christian Weber wrote to us. Trade unions and the works council met.", "Was sagt das Gesetz zu Gewerkschaften?",
	},
	Interests: []classifiers.Interest{
		traits.judged(func(s *classifiers.Scan, e *entry, start, end int) {
			s.Find(classifiers.Found{Start: start, End: end, Type: traitTypes[e.kind], Likelihood: proxy.VeryUnlikely, Rule: traitRule(e)})
		}),
		{Shape: classifiers.Whole, Judge: judgeTraits},
	},
}

const traitName = "personal_trait"

//go:embed traits.txt
var traitList string

//go:embed traitcues.txt
var traitCueList string

var (
	traits    = newLexicon(sections(traitList)...)
	traitCues = readCues(traitCueList, traitKey, bind)
	traitKey  = classifiers.NewCue("religion", "confession", "faith", "nationality", "citizenship", "ethnicity", "ethnic group", "ethnic origin", "political affiliation", "political opinion", "party membership", "union membership", "sexual orientation", "konfession", "staatsangehörigkeit", "nationalität", "nationalité", "nacionalidad", "religión", "nazionalità", "religione", "narodowość", "obywatelstwo", "wyznanie", "nacionalidade", "nationaliteit", "geloof", "uyruk", "国籍", "宗教", "民族", "政治面貌")
	// traitTypes are the types of the kinds, in the order of the list.
	traitTypes = [...]*classifiers.Type{&nrpType, &nrpType, &nrpType, &unionType, &orientationType, &crimeType, &nrpType}
)

// Kinds that are judged apart.
const (
	kindCrime       = 5
	kindNationality = 6
)

// sections divides a list at lines that begin with @.
func sections(list string) []string {
	parts := strings.Split(list, "\n@")[1:]
	for i, p := range parts {
		_, parts[i], _ = strings.Cut(p, "\n")
	}
	return parts
}

// Rules of findings, which the second look goes by.
const (
	ruleTrait       = "trait"
	ruleVagueTrait  = "trait_vague"
	ruleNationality = "nationality"
	ruleConviction  = "conviction"
)

func traitRule(e *entry) string {
	switch {
	case e.kind == kindNationality:
		return ruleNationality
	case e.kind == kindCrime:
		return ruleConviction
	case e.vague:
		return ruleVagueTrait
	}
	return ruleTrait
}

func judgeTraits(s *classifiers.Scan, c classifiers.Candidate) {
	traits.scan(s.Text, c.Start, c.End, func(e *entry, start, end int) {
		s.Find(classifiers.Found{Start: start, End: end, Type: traitTypes[e.kind], Likelihood: proxy.VeryUnlikely, Rule: traitRule(e)})
	})
	found := s.Found()
	n := 0
	for i := range found {
		f := &found[i]
		if f.Detector != traitName || f.Evidence.Rule == ruleTied || f.End > len(s.Text) {
			continue
		}
		if n++; n > maxJudged {
			s.Partial = true
			return
		}
		t := traitCues.around(s, f.Start, f.End)
		t.linked = t.linked && (f.Evidence.Rule != ruleVagueTrait || capital(s.Text[f.Start]))
		level := t.trait(f.Evidence.Rule)
		if level >= proxy.Likely && f.Evidence.Rule == ruleVagueTrait && f.End < len(s.Text)-1 && s.Text[f.End] == ' ' && capital(s.Text[f.End+1]) {
			level = proxy.Unlikely // Christian Weber
		}
		for _, ty := range traitTypes {
			if ty.Name == f.Type {
				s.Find(classifiers.Found{Start: f.Start, End: f.End, Type: ty, Likelihood: level, Rule: ruleTied})
				break
			}
		}
	}
}

func capital(b byte) bool { return 'A' <= b && b <= 'Z' }

// trait makes a likelihood of what was said around a trait. A person and a link
// between the two make it likely; words that speak of countries or people need
// more. Nationalities and vague words need both close.
func (t tie) trait(rule string) proxy.Likelihood {
	p, h, g := t.weight[sayPerson], t.weight[sayHealth], t.weight[sayGeneral]
	if t.bound && rule == ruleTrait {
		h++
	}
	switch {
	case p >= 2 && h >= 3 && g == 0:
		return proxy.VeryLikely
	case p >= 2 && g == 0 && rule == ruleConviction, p >= 2 && h >= 1 && g == 0 && rule == ruleTrait, p >= 1 && h >= 2 && g <= 1 && rule == ruleTrait, h >= 4 && g == 0,
		p >= 2 && h >= 2 && g == 0, p >= 2 && t.linked && g == 0:
		return proxy.Likely
	case p >= 1 && h >= 1 && rule != ruleVagueTrait:
		return proxy.Possible
	}
	return proxy.Unlikely
}
