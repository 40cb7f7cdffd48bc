// Package labelled recognises what a label names: persons, user names, birth dates and ages.
package labelled

import "github.com/ostiary/ostiary/classifiers"

// Detectors lists the detectors of this room, in a slice that is the caller's.
func Detectors() []*classifiers.Detector {
	return []*classifiers.Detector{Person, Columns, Dates, Age, Username}
}
