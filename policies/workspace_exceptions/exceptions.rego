# METADATA
# title: Exceptions
# description: |
#   False positives that were reviewed, as data with a last day. Written by
#   'ostiary policy suppress'.
# custom:
#   owner: data_protection
package ostiary.policies.exceptions

import data.exceptions

# METADATA
# title: A reviewed false positive lifts its rule
# description: |
#   Where everything likely that was found is of types that are excepted for the
#   application and the rule, or of groups that mean nothing on their own. The rule
#   must be liftable; credentials and what was not inspected are never lifted.
#   What is less than likely does not stand against it: where the lifted rule asks
#   for possible findings, one of another type is lifted with it.
allow contains {
	"rule": "false_positive",
	"message": "What was found is a reviewed false positive of this application.",
	"lifts": lifted,
} if {
	count(exceptions.list) > 0
	some lifted in {entry.rule | some entry in exceptions.list}
	excepted := {entry.type |
		some entry in exceptions.list
		entry.rule == lifted
		in_force(entry)
	}
	count(excepted) > 0
	count(object.filter(input.findings.types, excepted)) > 0
	rest := object.remove(input.findings.types, excepted)
	every tally in rest {
		means_nothing(tally)
	}
}

in_force(entry) if {
	entry.application == input.principal.application
	input.time.unix < ends(entry)
}

# The end of the last day, in seconds since 1970, UTC.
ends(entry) := (time.parse_rfc3339_ns(sprintf("%sT00:00:00Z", [entry.expires])) / 1000000000) + 86400

means_nothing(tally) if tally.count == 0

means_nothing(tally) if {
	every group in tally.groups {
		group in {"general", "location", "network"}
	}
}

# METADATA
# title: The exceptions are complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("list[%d] has no %s", [i, key]) if {
	some i, entry in exceptions.list
	some key in ["type", "application", "rule", "reason", "ticket", "owner", "expires"]
	not filled(object.get(entry, key, ""))
}

invalid contains sprintf("list[%d]: expires is no day such as 2027-06-30", [i]) if {
	some i, entry in exceptions.list
	not regex.match(`^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`, object.get(entry, "expires", ""))
}

filled(value) if {
	is_string(value)
	trim_space(value) != ""
}
