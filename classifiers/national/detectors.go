package national

import (
	"slices"
	"sync"

	"github.com/ostiary/ostiary/classifiers"
)

// Detectors lists the detectors of this room, in a slice that is the caller's.
func Detectors() []*classifiers.Detector { return []*classifiers.Detector{SSN, numbers(), MRZ} }

// typesOnce makes each type once: a finding points to it.
var typesOnce = sync.OnceValue(func() map[string]*classifiers.Type {
	m := map[string]*classifiers.Type{}
	for _, f := range formats() {
		if m[f.Type] == nil {
			m[f.Type] = newType(f)
		}
		for _, a := range f.Aliases {
			if !slices.Contains(m[f.Type].Aliases, a) {
				m[f.Type].Aliases = append(m[f.Type].Aliases, a)
			}
		}
	}
	return m
})

// detectorName is the name of the detector of every format.
const detectorName = "national"

// numbers is the detector of every format.
var numbers = sync.OnceValue(func() *classifiers.Detector {
	d := &classifiers.Detector{
		Name: detectorName, Version: 1,
		Doc: `Numbers that states, registers and industries give to people, firms, vehicles and things, by the formats of
classifiers/stdnum: the shape must be the format's, with the separators that are usual, and check digits, dates and ranges must be
right. How likely it is comes from the strength of the check, how rare the written form is, and the words around in the languages of the
country: bare digits with a check digit are never more than unlikely without a word that names them. Words such as order or version
speak against. Where several formats fit one number, the best supported is reported.`,
		Interests: []classifiers.Interest{
			{Shape: classifiers.Number, Judge: judgeNumber},
			{Shape: classifiers.Code, Judge: judgeCode},
		},
	}
	types := typeTable()
	seen := map[string]bool{}
	for _, f := range formats() {
		if !seen[f.Type] {
			seen[f.Type] = true
			d.Types = append(d.Types, types[f.Type])
		}
	}
	d.Positives, d.NearMisses = positives(), nearMisses
	return d
})
