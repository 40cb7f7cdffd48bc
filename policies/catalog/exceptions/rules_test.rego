package exceptions_rules_test

import data.ostiary
import data.ostiary.policies.exceptions

entry := {
	"type": "EMAIL_ADDRESS", "application": "helpdesk", "rule": "some.rule", "reason": "public mailboxes",
	"ticket": "DP-1", "owner": "data_protection", "expires": "2026-11-30",
}

phone := object.union(entry, {"type": "PHONE_NUMBER", "rule": "other.rule"})

address := object.union(
	object.union(ostiary.example, {"principal": {"application": "helpdesk"}}),
	ostiary.finding("EMAIL_ADDRESS", ["contact", "personal"]),
)

lifted(facts, list) := {contribution.lifts |
	some contribution in exceptions.allow with input as facts with data.exceptions.list as list
	contribution.rule == "false_positive"
}

test_an_exception_of_one_rule_lifts_no_other if {
	lifted(address, [entry, phone]) == {"some.rule"}
}

test_each_rule_has_types_of_its_own if {
	both := object.union(address, ostiary.finding("PHONE_NUMBER", ["contact", "personal"]))
	lifted(both, [entry, phone]) == set()
	lifted(both, [entry, object.union(phone, {"rule": "some.rule"})]) == {"some.rule"}
}

test_what_means_nothing_beside_it[group] if {
	some group in ["general", "location", "network"]
	lifted(object.union(address, ostiary.finding("SOME_TYPE", [group])), [entry]) == {"some.rule"}
}

test_words_and_numbers_are_no_entries[note] if {
	some note, wrong in {"a number": {"ticket": 1}, "blank": {"owner": " "}, "a day without a month": {"expires": "2026-30"}}
	count(exceptions.invalid) == 1 with data.exceptions.list as [object.union(entry, wrong)]
}
