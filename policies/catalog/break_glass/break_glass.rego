# METADATA
# title: Break-glass
# description: Which rules a signed grant lifts, for whom, and who is told.
package ostiary.policies.break_glass

import data.break_glass

# METADATA
# title: A grant lifts its rule
# description: |
#   For the teams that data.break_glass.rules lists beside the rule. The rule must
#   be liftable and the grant name it; credentials and what was not inspected are
#   never lifted.
# custom:
#   owner: security
allow contains {
	"rule": "granted",
	"message": "A grant lifts a rule for this request.",
	"lifts": lifted,
	"grant": true,
	"approval": terms.approval,
} if {
	input.grant.id != "none"
	some lifted in input.grant.lifts
	terms := break_glass.rules[lifted]
	input.principal.team in terms.teams
}

# METADATA
# title: A grant is used with a justification
# description: |
#   The reason of the grant is one. A word that the configuration does not know is
#   none here.
# custom:
#   owner: security
deny contains {
	"rule": "unjustified_grant",
	"code": "justification_required",
	"message": "A grant was sent without a justification that your organisation knows. Ask for a grant with one.",
} if {
	input.grant.id != "none"
	input.grant.justification in {"none", "other", "unknown"}
}

# METADATA
# title: The use of a grant is told
# description: Whether it lifts anything or not.
# custom:
#   owner: security
notify contains {
	"rule": "grant_used",
	"message": "A grant was sent with a request.",
	"to": "security",
} if {
	input.grant.id != "none"
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "rules is not an object of rules" if not is_object(object.get(break_glass, "rules", null))

invalid contains sprintf("rules: %q is not a rule, POLICY.RULE", [rule]) if {
	some rule, _ in listed
	not regex.match(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$`, rule)
}

invalid contains sprintf("rules[%q].teams is not a list with members", [rule]) if {
	some rule, terms in listed
	not filled(object.get(terms, "teams", null))
}

invalid contains sprintf("rules[%q].approval is not true or false", [rule]) if {
	some rule, terms in listed
	not is_boolean(object.get(terms, "approval", null))
}

invalid contains sprintf("rules[%q].teams names %q: who is not known has no grant", [rule, team]) if {
	some rule, terms in listed
	some team in terms.teams
	team in {"unknown", "other"}
}

listed := break_glass.rules if is_object(break_glass.rules)

filled(list) if {
	is_array(list)
	count(list) > 0
}
