# METADATA
# title: GDPR residency
# description: Personal data of people in the Union stays in the Union or in-house.
package ostiary.policies.gdpr

import data.gdpr
import data.ostiary

# METADATA
# title: Personal data stays in the Union or in-house
# description: |
#   Permitted are in-house pools, and pools outside the house that lie in one of
#   data.gdpr.jurisdictions and are known not to train on what they are sent. A
#   pool whose place or use is unknown is not permitted.
# custom:
#   owner: data_protection
route contains {
	"rule": "union_or_in_house",
	"message": "The request holds personal data of people in the European Union, which may be processed in the Union or in-house only.",
	"pools": permitted,
} if {
	personal
}

# Whose data subjects are elsewhere is said by application or team. Somebody who
# is not known is not elsewhere.
personal if {
	some group in gdpr.groups
	input.findings.groups[group].count > 0
	not elsewhere
}

personal if {
	some type in gdpr.types
	input.findings.types[type].count > 0
	not elsewhere
}

# A number of a state of the Union is that of a person there, whoever asks.
personal if {
	input.findings.groups.identifier.count > 0
	some type in gdpr.national
	input.findings.types[type].count > 0
}

elsewhere if input.principal.application in gdpr.elsewhere.applications

elsewhere if input.principal.team in gdpr.elsewhere.teams

permitted contains pool.name if {
	some pool in input.pools
	pool.boundary == "internal"
}

permitted contains pool.name if {
	some pool in input.pools
	pool.training in gdpr.training
	ostiary.within(pool.jurisdiction, gdpr.jurisdictions)
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["groups", "types", "national", "jurisdictions", "training"]
	not is_array(object.get(gdpr, key, null))
}

invalid contains sprintf("elsewhere.%s is not a list", [key]) if {
	some key in ["applications", "teams"]
	not is_array(object.get(gdpr, ["elsewhere", key], null))
}

invalid contains "groups and types are empty: nothing would be protected" if {
	count(gdpr.groups) + count(gdpr.types) == 0
}

invalid contains sprintf("elsewhere names %q: nobody who is not known is elsewhere", [name]) if {
	some list in gdpr.elsewhere
	some name in list
	name in {"unknown", "other"}
}

invalid contains "training permits what is unknown" if "unknown" in gdpr.training
