package exceptions_test

import data.ostiary
import data.ostiary.policies.exceptions

entry := {
	"type": "EMAIL_ADDRESS", "application": "helpdesk", "rule": "some.rule", "reason": "public mailboxes",
	"ticket": "DP-1", "owner": "data_protection", "expires": "2026-11-30",
}

helpdesk := object.union(ostiary.example, {"principal": {"application": "helpdesk"}})

address := object.union(helpdesk, ostiary.finding("EMAIL_ADDRESS", ["contact", "personal"]))

lifts(facts, list) if {
	some contribution in exceptions.allow with input as facts with data.exceptions.list as list
	contribution.lifts == "some.rule"
}

test_reviewed_is_lifted if lifts(address, [entry])

test_nothing_without_exceptions if not lifts(address, [])

test_nothing_found_lifts_nothing if not lifts(helpdesk, [entry])

test_other_application_is_not_lifted if {
	not lifts(object.union(address, {"principal": {"application": "other"}}), [entry])
}

test_unknown_application_is_not_lifted if {
	not lifts(object.union(address, {"principal": {"application": "unknown"}}), [entry])
}

test_last_day_counts if lifts(object.union(address, {"time": {"unix": 1796083199}}), [entry])

test_expired_is_not_lifted if not lifts(object.union(address, {"time": {"unix": 1796083200}}), [entry])

test_something_else_found_is_not_lifted if {
	not lifts(object.union(address, ostiary.finding("US_SSN", ["identifier"])), [entry])
}

test_an_unlikely_finding_beside_it_means_nothing if {
	unlikely := object.union(ostiary.tally(["identifier"]), {"count": 0})
	lifts(object.union(address, {"findings": {"types": {"US_SSN": unlikely}}}), [entry])
}

test_a_place_beside_it_means_nothing if {
	lifts(object.union(address, ostiary.finding("LOCATION", ["location"])), [entry])
}

test_data_is_complete if count(exceptions.invalid) == 0

test_incomplete_data_is_found[key] if {
	some key in object.keys(entry)
	count(exceptions.invalid) > 0 with data.exceptions.list as [object.remove(entry, [key])]
}

test_no_day_is_found if {
	count(exceptions.invalid) == 1 with data.exceptions.list as [object.union(entry, {"expires": "next year"})]
}
