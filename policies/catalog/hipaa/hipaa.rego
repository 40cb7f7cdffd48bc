# METADATA
# title: HIPAA minimum necessary
# description: Health data with an identity stays in-house, and the identity is masked.
package ostiary.policies.hipaa

import data.hipaa

# METADATA
# title: Protected health information stays in-house
# description: |
#   A health finding in one request with a finding that identifies a person. A
#   number of a health insurance is both.
# custom:
#   owner: privacy_office
route contains {
	"rule": "phi_in_house",
	"message": "The request holds health data together with data that identifies a person, which may be processed in-house only.",
	"boundary": "internal",
} if {
	protected
}

# METADATA
# title: The identity is masked, for treatment not
# description: |
#   In-house too. The applications of data.hipaa.treatment see it. Embeddings are
#   not masked, because that would spoil the index; they stay in-house.
# custom:
#   owner: privacy_office
mask contains {
	"rule": "identity_masked",
	"message": "Names, contacts and numbers of people were replaced by placeholders, because the request holds health data.",
	"groups": ["contact", "identifier", "personal"],
	"always": true,
	"reversible": true,
} if {
	protected
	not input.principal.application in hipaa.treatment
	input.request.operation != "embeddings"
}

protected if {
	input.findings.groups.health.count > 0
	identifying
}

identifying if {
	some group in hipaa.identifying.groups
	input.findings.groups[group].count > 0
}

identifying if {
	some type in hipaa.identifying.types
	input.findings.types[type].count > 0
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("identifying.%s is not a list with members", [key]) if {
	some key in ["groups", "types"]
	not filled(object.get(hipaa, ["identifying", key], null))
}

invalid contains "treatment is not a list" if not is_array(object.get(hipaa, "treatment", null))

invalid contains sprintf("treatment names %q: who is not known does not treat", [name]) if {
	some name in hipaa.treatment
	name in {"unknown", "other"}
}

filled(list) if {
	is_array(list)
	count(list) > 0
}
