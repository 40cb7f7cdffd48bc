# METADATA
# title: What stays in the house
# description: Which data is processed by models of our own only. The groups are in data.json.
# custom:
#   owner: data_protection
package ostiary.policies.house

import data.house

# METADATA
# title: Personal and other protected data stays in the house
# description: |
#   The request is served in-house, and says so in its headers. A reviewed
#   exception lifts the rule (see: ostiary policy suppress --help).
route contains {
	"rule": "protected_stays",
	"message": "The request holds personal or protected data and is served by a model in-house.",
	"boundary": "internal",
	"liftable": true,
} if {
	some group in house.protected
	input.findings.groups[group].count > 0
}

# METADATA
# title: Files of the finance team stay in the house
# description: Until the contract with the provider covers them.
# custom:
#   owner: finance
#   expires: {{NEXT_YEAR}}
route contains {
	"rule": "finance_files_stay",
	"message": "Files of the finance team are served by a model in-house.",
	"boundary": "internal",
} if {
	input.principal.team == "finance"
	"files" in input.request.needs
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "protected is empty: nothing would stay in the house" if count(house.protected) == 0
