# METADATA
# title: Minors
# description: Data of children stays in-house, and their ages are masked.
package ostiary.policies.minors

import data.minors

# METADATA
# title: Numbers of children stay in-house
# description: Types of data.minors.types, numbers that mostly children have.
# custom:
#   owner: data_protection
route contains {
	"rule": "number_of_a_child",
	"message": "The request holds a number that is given to children, which may be processed in-house only.",
	"boundary": "internal",
} if {
	some type in minors.types
	input.findings.types[type].count > 0
}

# METADATA
# title: What children's applications say of a person stays in-house
# description: |
#   Any likely personal finding, names too, of the applications and teams of
#   data.minors.
# custom:
#   owner: data_protection
route contains {
	"rule": "childrens_application",
	"message": "This application serves children, so requests with personal data are processed in-house only.",
	"boundary": "internal",
} if {
	serves_children
	personal
}

# METADATA
# title: Ages and dates of birth of children are masked
# description: |
#   In-house too, so that no profile by age comes about. Embeddings are not
#   masked, because that would spoil the index.
# custom:
#   owner: data_protection
mask contains {
	"rule": "age_masked",
	"message": "Ages and dates of birth were replaced by placeholders.",
	"types": ["AGE", "DATE_OF_BIRTH"],
	"always": true,
	"reversible": true,
} if {
	serves_children
	age
	input.request.operation != "embeddings"
}

serves_children if input.principal.application in minors.applications

serves_children if input.principal.team in minors.teams

personal if input.findings.groups.personal.count > 0

personal if input.findings.groups.identifier.count > 0

personal if input.findings.groups.contact.count > 0

personal if age

age if input.findings.types.AGE.count > 0

age if input.findings.types.DATE_OF_BIRTH.count > 0

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["types", "applications", "teams"]
	not is_array(object.get(minors, key, null))
}
