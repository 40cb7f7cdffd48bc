# METADATA
# title: Roll-out
# description: Tells callers of rules that are observed today and will act from a day on.
package ostiary.policies.rollout

import data.rollout

# METADATA
# title: What is coming is announced
# description: |
#   For each notice, until its day, on requests with a likely finding of one of its
#   groups. The rule itself is in the mode observe until then; see the page.
# custom:
#   owner: data_protection
warn contains {
	"rule": "announced",
	"message": notice.message,
} if {
	some notice in rollout.notices
	input.time.unix < time.parse_rfc3339_ns(notice.until) / 1000000000
	some group in notice.groups
	input.findings.groups[group].count > 0
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "notices is not a list" if not is_array(object.get(rollout, "notices", null))

invalid contains sprintf("notices[%d].groups is not a list with members", [i]) if {
	some i, notice in rollout.notices
	not filled(object.get(notice, "groups", null))
}

invalid contains sprintf("notices[%d].message is not a sentence for the caller", [i]) if {
	some i, notice in rollout.notices
	not trim_space(object.get(notice, "message", "")) != ""
}

invalid contains sprintf("notices[%d].until is not a time such as 2027-03-01T00:00:00Z", [i]) if {
	some i, notice in rollout.notices
	not regex.match(`^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$`, object.get(notice, "until", ""))
}

filled(list) if {
	is_array(list)
	count(list) > 0
}
