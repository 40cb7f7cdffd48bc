// Package names recognises names of persons, places and organisations in running
// text.
//
// A linear tagger (package tagger inside) marks them word by word. It was
// trained by the program in the folder train from sets whose licences allow it,
// and on sentences of that program's own; model.bin holds its weights. It looks
// only where there may be names: lines that look like code or logs are left but
// for quoted text and comments, and of the rest only sentences with a signal, a
// capital word that is no common one, a usual name in small letters, a title or
// another finding. A name that was found surely raises its other mentions. Names
// in Chinese and Japanese characters are found by surname and title, by rule.
package names

import "github.com/ostiary/ostiary/classifiers"

// The types that the detector reports.
var (
	person = &classifiers.Type{
		Name: "PERSON", Groups: []string{classifiers.Personal}, Severity: classifiers.Medium,
		Doc: "The name of a person: full, given or family name, without title.", Aliases: []string{"NAME"},
	}
	location = &classifiers.Type{
		Name: "LOCATION", Groups: []string{classifiers.Location}, Severity: classifiers.Low, General: true,
		Doc: "The name of a place: a city, region, country or landmark.", Aliases: []string{"GPE"},
	}
	organization = &classifiers.Type{
		Name: "ORGANIZATION", Groups: []string{classifiers.General}, Severity: classifiers.Low, General: true,
		Doc: "The name of an organisation: a firm, authority, school or team.", Aliases: []string{"ORG"},
	}
)

// Detectors lists the detectors of this room, in a slice that is the caller's.
func Detectors() []*classifiers.Detector {
	return []*classifiers.Detector{{
		Name: "names",
		Doc: `Names of persons, places and organisations in running text, in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Turkish, Hindi,
and in Chinese and Japanese by surname and title, found by a linear tagger with hashed features and lists of names, trained on sets with free licences.
A name in capitals or small letters is found where the list of names confirms it. Left: names in code but for quoted text and comments, handles,
organisations that only knowledge of the world tells from words, names in other scripts.`,
		Version: 1,
		Types:   []*classifiers.Type{person, location, organization},
		Positives: []string{
			"My name is [[PERSON|Margaret Whitlock]] and I live in [[LOCATION|Bristol]].",
			"Dear Mr. [[PERSON|Halloran]], thank you for your letter.",
			"[[PERSON|Tomasz Kowalczyk]] <tomasz@corp.example> asked for access.",
			"Sehr geehrte Frau [[PERSON|Bergmann]], vielen Dank.",
			"PLEASE CALL [[PERSON|PATRICIA REYNOLDS]] BEFORE NOON",
			"please send [[PERSON|rebecca hughes]] the signed form",
			"患者[[PERSON|王小明]]先生今天出院。",
			"[[PERSON|佐藤]]さんに連絡してください。",
		},
		NearMisses: []string{
			"Upload the file to S3, then set C4 and restart the INFO service on Monday.",
			"Explain the difference between Kubernetes and Docker.",
			"2026-10-04 11:20:01 INFO Starting Server on port 8080",
			"func (s *Server) Close() error { return s.listener.Close() }",
			"The Customer shall pay the Invoice within 30 days.",
			"Bitte prüfen Sie die Rechnung und den Vertrag.",
		},
		Interests: []classifiers.Interest{{Shape: classifiers.Whole, Judge: judge}},
	}}
}
