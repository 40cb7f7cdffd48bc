package hipaa_test

import data.ostiary
import data.ostiary.policies.hipaa

harmless := ostiary.example

health := object.union(harmless, ostiary.finding("HEALTH_CONDITION", ["health", "special_category"]))

phi := object.union(health, ostiary.finding("PERSON", ["personal"]))

masked(facts) if {
	some mask in hipaa.mask with input as facts
	mask.rule == "identity_masked"
	mask.always
	mask.reversible
	mask.groups == ["contact", "identifier", "personal"]
}

in_house(facts) if {
	some route in hipaa.route with input as facts
	route.rule == "phi_in_house"
	route.boundary == "internal"
}

silent(facts) if {
	count(hipaa.route) == 0 with input as facts
	count(hipaa.mask) == 0 with input as facts
}

test_harmless_is_silent if silent(harmless)

test_health_alone_is_silent if silent(health)

test_identity_alone_is_silent[group] if {
	some group in ["contact", "identifier", "personal"]
	silent(object.union(harmless, ostiary.finding("PERSON", [group])))
}

test_health_with_a_type[type] if {
	some type in ["PERSON", "DATE_OF_BIRTH"]
	facts := object.union(health, ostiary.finding(type, ["personal"]))
	in_house(facts)
	masked(facts)
}

test_health_with_a_group[group] if {
	some group in ["contact", "identifier"]
	facts := object.union(health, ostiary.finding("SOME_TYPE", [group]))
	in_house(facts)
	masked(facts)
}

test_health_with_something_else_is_silent if {
	silent(object.union(health, ostiary.finding("LOCATION", ["location"])))
}

test_an_insurance_number_is_both if {
	in_house(object.union(harmless, ostiary.finding("CA_ON_HEALTH_CARD", ["personal", "identifier", "health"])))
}

test_below_likely_is_silent[weak] if {
	some weak in ["health", "contact"]
	groups := {group: object.union(ostiary.tally([group]), {"count": count([1 | group != weak])}) | some group in ["health", "contact"]}
	silent(object.union(harmless, {"findings": {"groups": groups, "types": {}}}))
}

test_a_name_below_likely_is_silent if {
	silent(object.union(health, {"findings": {"types": {"PERSON": object.union(ostiary.tally(["personal"]), {"count": 0})}}}))
}

test_treatment_sees_the_identity if {
	facts := object.union(phi, {"principal": {"application": "ward"}})
	in_house(facts) with data.hipaa.treatment as ["ward"]
	count(hipaa.mask) == 0 with input as facts with data.hipaa.treatment as ["ward"]
}

test_others_do_not if {
	masked(object.union(phi, {"principal": {"application": "billing"}})) with data.hipaa.treatment as ["ward"]
}

test_embeddings_stay_and_are_not_masked if {
	facts := object.union(phi, {"request": {"operation": "embeddings"}})
	in_house(facts)
	count(hipaa.mask) == 0 with input as facts
}

test_the_verdict if {
	ostiary.verdict.pools == ["house"] with input as phi
	some mask in ostiary.verdict.masks with input as phi
	mask.always
}

test_data_is_valid if count(hipaa.invalid) == 0

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"no groups": {"identifying": {"groups": []}},
		"types are no list": {"identifying": {"types": "PERSON"}},
		"treatment is no list": {"treatment": "ward"},
		"treatment is for everybody": {"treatment": ["unknown"]},
		"treatment is for others": {"treatment": ["ward", "other"]},
	}
	count(hipaa.invalid) == 1 with data.hipaa as object.union(data.hipaa, wrong)
}

test_one_group_is_enough if {
	count(hipaa.invalid) == 0 with data.hipaa as object.union(data.hipaa, {"identifying": {"groups": ["identifier"], "types": ["PERSON"]}})
}
