package hours_test

import data.ostiary
import data.ostiary.policies.hours

at(office, principal) := object.union(ostiary.example, {"principal": principal, "time": {"office": office}})

clerks := {"team": "clerks"}

batch := {"application": "batch"}

listed(outside) := {"applications": ["batch"], "teams": ["clerks"], "outside": outside}

silent(facts) if {
	count(hours.route) == 0 with input as facts
	count(hours.deny) == 0 with input as facts
}

in_house(facts) if {
	some route in hours.route with input as facts
	route.rule == "hours_in_house"
	route.boundary == "internal"
	route.liftable
	count(hours.deny) == 0 with input as facts
}

denied(facts) if {
	some deny in hours.deny with input as facts
	deny.rule == "hours_closed"
	deny.code == "outside_office_hours"
	deny.liftable
	count(hours.route) == 0 with input as facts
}

test_as_shipped_nobody_is_bound if silent(at("no", clerks))

test_in_office_hours_everybody_passes[principal] if {
	some principal in [clerks, batch]
	silent(at("yes", principal)) with data.hours as listed("in_house")
	silent(at("yes", principal)) with data.hours as listed("deny")
}

test_outside_they_stay_in_house[office] if {
	some office in ["no", "unknown"]
	in_house(at(office, clerks)) with data.hours as listed("in_house")
	in_house(at(office, batch)) with data.hours as listed("in_house")
}

test_outside_they_are_denied[office] if {
	some office in ["no", "unknown"]
	denied(at(office, clerks)) with data.hours as listed("deny")
	denied(at(office, batch)) with data.hours as listed("deny")
}

test_others_are_not_bound if silent(at("no", {"team": "batch", "application": "clerks"})) with data.hours as listed("deny")

test_the_verdict if ostiary.verdict.action == "deny" with input as at("no", clerks) with data.hours as listed("deny")

test_data_is_valid if {
	count(hours.invalid) == 0
	count(hours.invalid) == 0 with data.hours as listed("deny")
}

test_wrong_data_is_found[note] if {
	some note, wrong in {"applications": {"applications": "batch"}, "teams": {"teams": "clerks"}, "outside": {"outside": "allow"}}
	count(hours.invalid) == 1 with data.hours as object.union(data.hours, wrong)
}
