package network

import "github.com/ostiary/ostiary/classifiers"

// Detectors lists the detectors of this room, in a slice that is the caller's.
func Detectors() []*classifiers.Detector { return []*classifiers.Detector{IP, MAC, Device, Label, URL} }
