# METADATA
# title: Models by team
# description: Which models a team may ask for.
package ostiary.policies.models

import data.models

# METADATA
# title: Only models of the team's list
# description: |
#   A team without a list has data.models.default. A model that no configuration
#   names is "other", which only "*" or "other" permits.
# custom:
#   owner: platform
deny contains {
	"rule": "model_not_listed",
	"code": "model_not_allowed",
	"message": "Your team may not use this model. Ask for one of its list, or ask the operator of the proxy to add it.",
} if {
	not permitted
	not input.request.operation in without_model
}

# What names no model, and is answered by none.
without_model := {"health", "models", "state"}

list := object.get(models.teams, input.principal.team, models.default)

permitted if "*" in list

permitted if input.request.model in list

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "default is not a list" if not is_array(object.get(models, "default", null))

invalid contains sprintf("teams.%s is not a list of models", [team]) if {
	some team, names in models.teams
	not is_array(names)
}

invalid contains "a list has \"unknown\", which permits requests that name no model" if {
	some names in array.concat([models.default], [names | some names in models.teams])
	"unknown" in names
}

invalid contains "teams is not an object of lists" if not is_object(object.get(models, "teams", null))
