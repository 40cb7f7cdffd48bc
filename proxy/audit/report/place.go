package report

import "slices"

// Areas that a pool can be outside of.
const (
	EU  = "EU"
	EEA = "EEA"
)

// euMembers are the member states of the European Union by ISO 3166-1 alpha-2, as of
// 2020-02-01 (Treaty on European Union, Art. 52, without the United Kingdom).
var euMembers = []string{
	"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
	"IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
}

// within reports whether all of a jurisdiction lies in an area. What is not known
// does not, and "EEA" does not lie in the EU.
func within(area, jurisdiction string) bool {
	in := jurisdiction == EU || slices.Contains(euMembers, jurisdiction)
	if area == EEA {
		in = in || jurisdiction == EEA || slices.Contains([]string{"IS", "LI", "NO"}, jurisdiction)
	}
	return in
}
