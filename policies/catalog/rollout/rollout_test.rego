package rollout_test

import data.ostiary
import data.ostiary.policies.rollout

harmless := ostiary.example

notice := {"groups": ["health", "financial"], "message": "From December on, health data stays in-house.", "until": "2026-12-01T00:00:00Z"}

health := object.union(harmless, ostiary.finding("HEALTH_CONDITION", ["health"]))

at(unix, facts) := object.union(facts, {"time": {"unix": unix}})

december := 1796083200

announced(facts) if {
	some warn in rollout.warn with input as facts with data.rollout.notices as [notice]
	warn.rule == "announced"
	warn.message == notice.message
}

silent(facts) if count(rollout.warn) == 0 with input as facts with data.rollout.notices as [notice]

test_as_shipped_nothing_is_announced if count(rollout.warn) == 0 with input as health

test_harmless_is_silent if silent(harmless)

test_until_its_day_it_is_announced if announced(at(december - 1, health))

test_from_its_day_on_it_is_silent if silent(at(december, health))

test_every_group_counts if announced(object.union(harmless, ostiary.finding("SOME_TYPE", ["financial"])))

test_other_groups_do_not if silent(object.union(harmless, ostiary.finding("SOME_TYPE", ["contact"])))

test_below_likely_is_silent if {
	silent(object.union(harmless, {"findings": {"groups": {"health": object.union(ostiary.tally(["health"]), {"count": 0})}}}))
}

test_it_changes_nothing if {
	some reason in ostiary.verdict.reasons with input as health with data.rollout.notices as [notice]
	reason.rule == "announced"
	reason.action == "warn"
}

test_data_is_valid if {
	count(rollout.invalid) == 0
	count(rollout.invalid) == 0 with data.rollout.notices as [notice]
}

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"groups": {"groups": []},
		"groups are no list": {"groups": "health"},
		"message": {"message": " "},
		"a day is no time": {"until": "2026-12-01"},
		"a word is no time": {"until": "soon"},
	}
	count(rollout.invalid) == 1 with data.rollout.notices as [object.union(notice, wrong)]
}

test_notices_that_are_no_list if {
	"notices is not a list" in rollout.invalid with data.rollout.notices as {}
}

test_missing_keys_are_found[key] if {
	some key in ["groups", "message", "until"]
	count(rollout.invalid) == 1 with data.rollout.notices as [object.remove(notice, [key])]
}

test_one_group_is_enough if {
	count(rollout.invalid) == 0 with data.rollout.notices as [object.union(notice, {"groups": ["health"]})]
}
