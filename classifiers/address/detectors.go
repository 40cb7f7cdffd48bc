// Package address recognises postal addresses, postal codes and geographic
// coordinates.
package address

import "github.com/ostiary/ostiary/classifiers"

// Detectors lists the detectors of this room, in a slice that is the caller's.
func Detectors() []*classifiers.Detector {
	return []*classifiers.Detector{Street, PostalCode, Coordinates}
}
