# METADATA
# title: Budgets by team
# description: Without a budget that is known to be open, requests cost nothing outside.
package ostiary.policies.budgets

import data.budgets

# METADATA
# title: Without an open budget in-house only
# description: A budget that is not known is not open.
# custom:
#   owner: finance
route contains {
	"rule": "budget_in_house",
	"message": "The budget of your team is spent, or is not known, so requests are processed in-house.",
	"boundary": "internal",
	"liftable": true,
} if {
	budgets.otherwise == "in_house"
	not_open
}

# METADATA
# title: Without an open budget no requests
# description: Where data.budgets.otherwise is deny.
# custom:
#   owner: finance
deny contains {
	"rule": "budget_exhausted",
	"code": "budget_exhausted",
	"message": "The budget of your team is spent, or is not known. Ask its owner.",
	"liftable": true,
} if {
	budgets.otherwise == "deny"
	not_open
}

not_open if {
	counted
	not input.spend.budget in budgets.open
}

counted if input.principal.team in budgets.teams

counted if "*" in budgets.teams

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["teams", "open"]
	not is_array(object.get(budgets, key, null))
}

invalid contains "otherwise is none of in_house, deny" if {
	not object.get(budgets, "otherwise", null) in {"in_house", "deny"}
}

invalid contains "open lists what is not known" if "unknown" in budgets.open
