// Package all lists the detectors that ship.
package all

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/contact"
	"github.com/ostiary/ostiary/classifiers/national"
	"github.com/ostiary/ostiary/classifiers/network"
	"github.com/ostiary/ostiary/classifiers/payment"
	"github.com/ostiary/ostiary/classifiers/secrets"
)

// Detectors gives every detector that ships, for [classifiers.Options]. The
// slice is the caller's.
func Detectors() []*classifiers.Detector {
	list := []*classifiers.Detector{
		contact.Email,
		contact.Phone,
		payment.Card,
		payment.IBAN,
		national.SSN,
		network.IP,
	}
	return append(list, secrets.Detectors()...)
}
