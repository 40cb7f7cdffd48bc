# METADATA
# title: The fold of all policies into one verdict
# description: |
#   Ostiary's own package; a policy directory may use it and may not define it.
#   `contributions` and `example` are written when policies are loaded:
#   `contributions[POLICY][SET]` is what the policies say of this input, and
#   `example` is the complete facts of a harmless request, to be changed in tests:
#
#     verdict.action == "reroute" with input as object.union(ostiary.example, {…})
package ostiary

# METADATA
# title: Verdict
# description: |
#   An object with action (allow, mask, reroute, deny), code, constrained, masks,
#   pools (the permitted ones, where constrained is true) and reasons. Denials
#   win over routes, routes over masks; routes intersect; masks unite.
verdict := ostiary.fold(contributions, input)

# METADATA
# title: Within
# description: |
#   Whether a place lies in one of the jurisdictions of a list. DE lies in EU and
#   EU in EEA; a place that is only known as EU does not lie in DE.
within(place, wanted) if place in wanted

within(place, wanted) if {
	some union in wanted
	place in unions[union]
}

# METADATA
# title: Finding
# description: The findings of a request with one likely finding of a type, for tests.
finding(type, groups) := {"findings": {
	"types": {type: tally(groups)},
	"groups": {group: tally([group]) | some group in groups},
}}

# METADATA
# title: Tally
# description: One likely finding said by the user, for tests.
tally(groups) := {
	"at_least": levels,
	"count": 1,
	"groups": groups,
	"roles": {"user": levels},
	"synthetic": 0,
}

levels := {"very_unlikely": 1, "unlikely": 1, "possible": 1, "likely": 1, "very_likely": 0}
