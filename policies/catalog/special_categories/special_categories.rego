# METADATA
# title: Special categories
# description: Data of Article 9 GDPR stays in-house, and of an identified person needs a basis.
package ostiary.policies.special_categories

import data.special_categories

# METADATA
# title: Special categories stay in-house
# description: |
#   Likely findings of health, religion, nationality and politics, trade unions,
#   sexual orientation, criminal records. Nothing lifts the rule.
# custom:
#   owner: data_protection
route contains {
	"rule": "article_9_in_house",
	"message": "The request holds data about health, belief, origin or another special category, which may be processed in-house only.",
	"boundary": "internal",
} if {
	input.findings.groups.special_category.count > 0
}

# METADATA
# title: Of an identified person only on a stated basis
# description: |
#   The applications of data.special_categories.basis have one, which is written
#   there. Others state a justification with the request.
# custom:
#   owner: data_protection
require contains {
	"rule": "article_9_basis",
	"code": "legal_basis_required",
	"message": "The request holds data of a special category about an identified person. State a justification and send it again.",
	"justification": true,
} if {
	input.findings.groups.special_category.count > 0
	identifying
	not special_categories.basis[input.principal.application]
}

identifying if {
	some group in special_categories.identifying.groups
	input.findings.groups[group].count > 0
}

identifying if {
	some type in special_categories.identifying.types
	input.findings.types[type].count > 0
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("identifying.%s is not a list with members", [key]) if {
	some key in ["groups", "types"]
	not filled(object.get(special_categories, ["identifying", key], null))
}

invalid contains "basis is not an object of applications" if {
	not is_object(object.get(special_categories, "basis", null))
}

invalid contains sprintf("basis.%s is none of %s", [application, concat(", ", sort(bases))]) if {
	some application, basis in special_categories.basis
	not basis in bases
}

invalid contains sprintf("basis names %q: who is not known has no basis", [application]) if {
	some application in ["unknown", "other"]
	special_categories.basis[application]
}

# The letters of Article 9(2).
bases := {
	"explicit_consent", "employment", "vital_interests", "not_for_profit", "made_public",
	"legal_claims", "public_interest", "health_care", "public_health", "research",
}

filled(list) if {
	is_array(list)
	count(list) > 0
}
