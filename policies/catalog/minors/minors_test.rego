package minors_test

import data.ostiary
import data.ostiary.policies.minors

harmless := ostiary.example

with_finding(type, groups) := object.union(harmless, ostiary.finding(type, groups))

school := {"types": [], "applications": ["tutor"], "teams": ["school"]}

of(principal, facts) := object.union(facts, {"principal": principal})

tutor(facts) := of({"application": "tutor"}, facts)

in_house(facts, rule) if {
	count(minors.route) == 1 with input as facts
	some route in minors.route with input as facts
	route.rule == rule
	route.boundary == "internal"
}

masked(facts) if {
	some mask in minors.mask with input as facts
	mask.rule == "age_masked"
	mask.types == ["AGE", "DATE_OF_BIRTH"]
	mask.always
	mask.reversible
}

silent(facts) if {
	count(minors.route) == 0 with input as facts
	count(minors.mask) == 0 with input as facts
}

test_harmless_is_silent if silent(harmless)

test_grown_ups_are_not_its_business if silent(with_finding("PERSON", ["personal"]))

test_numbers_of_children_stay[type] if {
	some type in ["NL_ONDERWIJSNUMMER", "US_ATIN"]
	in_house(with_finding(type, ["personal", "identifier"]), "number_of_a_child")
}

test_what_may_be_one_is_silent if {
	silent(object.union(harmless, {"findings": {"types": {"US_ATIN": object.union(ostiary.tally(["identifier"]), {"count": 0})}}}))
}

test_harmless_of_a_school_is_silent if silent(tutor(harmless)) with data.minors as school

test_persons_of_a_school_stay[group] if {
	some group in ["personal", "identifier", "contact"]
	in_house(tutor(with_finding("SOME_TYPE", [group])), "childrens_application") with data.minors as school
	in_house(of({"team": "school"}, with_finding("SOME_TYPE", [group])), "childrens_application") with data.minors as school
	count(minors.mask) == 0 with input as tutor(with_finding("SOME_TYPE", [group])) with data.minors as school
}

test_places_of_a_school_are_silent if silent(tutor(with_finding("LOCATION", ["location"]))) with data.minors as school

test_ages_of_a_school_stay_masked[type] if {
	some type in ["AGE", "DATE_OF_BIRTH"]
	in_house(tutor(with_finding(type, ["general"])), "childrens_application") with data.minors as school
	masked(tutor(with_finding(type, ["general"]))) with data.minors as school
}

test_weak_findings_of_a_school_are_silent if {
	weak := object.union(ostiary.tally(["personal"]), {"count": 0})
	facts := object.union(harmless, {"findings": {
		"groups": {group: weak | some group in ["personal", "identifier", "contact"]},
		"types": {type: weak | some type in ["AGE", "DATE_OF_BIRTH"]},
	}})
	silent(tutor(facts)) with data.minors as school
}

test_embeddings_are_not_masked if {
	facts := object.union(tutor(with_finding("AGE", ["general"])), {"request": {"operation": "embeddings"}})
	count(minors.mask) == 0 with input as facts with data.minors as school
	in_house(facts, "childrens_application") with data.minors as school
}

test_others_are_silent if silent(of({"application": "office", "team": "staff"}, with_finding("AGE", ["general"]))) with data.minors as school

test_data_is_valid if count(minors.invalid) == 0

test_wrong_data_is_found[key] if {
	some key in ["types", "applications", "teams"]
	count(minors.invalid) == 1 with data.minors as object.union(data.minors, {key: "x"})
}
