// Package all lists the detectors that ship.
package all

import (
	"slices"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/address"
	"github.com/ostiary/ostiary/classifiers/contact"
	"github.com/ostiary/ostiary/classifiers/health"
	"github.com/ostiary/ostiary/classifiers/labelled"
	"github.com/ostiary/ostiary/classifiers/names"
	"github.com/ostiary/ostiary/classifiers/national"
	"github.com/ostiary/ostiary/classifiers/network"
	"github.com/ostiary/ostiary/classifiers/payment"
	"github.com/ostiary/ostiary/classifiers/secrets"
)

// Detectors gives every detector that ships, for [classifiers.Options]. The
// slice is the caller's. Those that look at whole texts (address, labelled,
// names) come last: they see what the others found.
func Detectors() []*classifiers.Detector {
	return slices.Concat(contact.Detectors(), payment.Detectors(), national.Detectors(), network.Detectors(), health.Detectors(),
		secrets.Detectors(), address.Detectors(), labelled.Detectors(), names.Detectors())
}
