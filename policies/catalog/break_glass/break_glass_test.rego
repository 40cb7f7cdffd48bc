package break_glass_test

import data.ostiary
import data.ostiary.policies.break_glass

# The rule that is lifted here is this policy's own, so that the test needs no
# other policy; it is not liftable, and nothing comes of it in a verdict.
rule := "some.rule"

rules := {rule: {"teams": ["night"], "approval": true}}

granted(grant) := object.union(ostiary.example, {
	"principal": {"team": "night"},
	"grant": object.union({"id": "01JDE7", "justification": "incident", "lifts": [rule], "approved": "no"}, grant),
})

lifts(facts) if {
	some allow in break_glass.allow with input as facts
	allow.rule == "granted"
	allow.lifts == rule
	allow.grant
	allow.approval
}

lifts_nothing(facts) if count(break_glass.allow) == 0 with input as facts

silent(facts) if {
	lifts_nothing(facts)
	count(break_glass.deny) == 0 with input as facts
	count(break_glass.notify) == 0 with input as facts
}

test_harmless_is_silent if silent(ostiary.example) with data.break_glass.rules as rules

test_without_a_grant_nothing_is_lifted if {
	silent(granted({"id": "none"})) with data.break_glass.rules as rules
	silent(granted({"id": "none", "justification": "none"})) with data.break_glass.rules as rules
}

test_a_grant_lifts if lifts(granted({})) with data.break_glass.rules as rules

test_what_needs_no_approval_says_so if {
	alone := {rule: {"teams": ["night"], "approval": false}}
	some allow in break_glass.allow with input as granted({}) with data.break_glass.rules as alone
	allow.approval == false
}

test_not_for_other_teams if {
	lifts_nothing(object.union(granted({}), {"principal": {"team": "day"}})) with data.break_glass.rules as rules
}

test_not_of_other_rules if {
	lifts_nothing(granted({"lifts": ["other.rule"]})) with data.break_glass.rules as rules
	lifts_nothing(granted({"lifts": []})) with data.break_glass.rules as rules
}

test_as_shipped_nothing_is_lifted if lifts_nothing(granted({}))

test_a_grant_is_told if {
	some notify in break_glass.notify with input as granted({})
	notify.rule == "grant_used"
	notify.to == "security"
	count(break_glass.deny) == 0 with input as granted({})
}

test_a_grant_without_a_known_justification_is_denied[word] if {
	some word in ["none", "other", "unknown"]
	some deny in break_glass.deny with input as granted({"justification": word})
	deny.rule == "unjustified_grant"
	deny.code == "justification_required"
}

test_the_verdict if {
	ostiary.verdict.action == "deny" with input as granted({"justification": "other"})
	ostiary.verdict.notify == ["security"] with input as granted({})
}

test_data_is_valid if {
	count(break_glass.invalid) == 0
	count(break_glass.invalid) == 0 with data.break_glass.rules as rules
}

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"no rule": {"protected_data": {"teams": ["night"], "approval": true}},
		"no teams": {"some.rule": {"teams": [], "approval": true}},
		"teams are no list": {"some.rule": {"teams": "night", "approval": true}},
		"approval is a word": {"some.rule": {"teams": ["night"], "approval": "yes"}},
		"approval is not said": {"some.rule": {"teams": ["night"]}},
		"everybody": {"some.rule": {"teams": ["unknown"], "approval": true}},
		"others": {"some.rule": {"teams": ["night", "other"], "approval": true}},
	}
	count(break_glass.invalid) == 1 with data.break_glass.rules as wrong
}

test_rules_that_are_no_object if {
	"rules is not an object of rules" in break_glass.invalid with data.break_glass.rules as ["some.rule"]
}
