// Package health recognises data about health and the other special categories of Article 9 GDPR.
package health

import "github.com/ostiary/ostiary/classifiers"

// Detectors lists the detectors of this room, in a slice that is the caller's.
func Detectors() []*classifiers.Detector {
	return []*classifiers.Detector{Condition, Record, Provider, ICD, Trait}
}
