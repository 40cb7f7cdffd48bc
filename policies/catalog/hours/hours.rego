# METADATA
# title: Business hours
# description: Who works in office hours only, and what happens outside them.
package ostiary.policies.hours

import data.hours

# METADATA
# title: Outside office hours in-house only
# description: Where it is not known whether the office is open, it is not.
# custom:
#   owner: security
route contains {
	"rule": "hours_in_house",
	"message": "Outside office hours your requests are processed in-house only.",
	"boundary": "internal",
	"liftable": true,
} if {
	hours.outside == "in_house"
	closed
}

# METADATA
# title: Outside office hours no requests
# description: Where data.hours.outside is deny.
# custom:
#   owner: security
deny contains {
	"rule": "hours_closed",
	"code": "outside_office_hours",
	"message": "Your requests are accepted in office hours only. Send it again then.",
	"liftable": true,
} if {
	hours.outside == "deny"
	closed
}

closed if {
	bound
	input.time.office != "yes"
}

bound if input.principal.application in hours.applications

bound if input.principal.team in hours.teams

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["applications", "teams"]
	not is_array(object.get(hours, key, null))
}

invalid contains "outside is none of in_house, deny" if {
	not object.get(hours, "outside", null) in {"in_house", "deny"}
}
