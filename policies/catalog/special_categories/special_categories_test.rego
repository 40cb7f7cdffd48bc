package special_categories_test

import data.ostiary
import data.ostiary.policies.special_categories

harmless := ostiary.example

belief := object.union(harmless, ostiary.finding("NRP", ["special_category"]))

of_a_person := object.union(belief, ostiary.finding("PERSON", ["personal"]))

in_house(facts) if {
	some route in special_categories.route with input as facts
	route.rule == "article_9_in_house"
	route.boundary == "internal"
}

requires(facts) if {
	some require in special_categories.require with input as facts
	require.rule == "article_9_basis"
	require.code == "legal_basis_required"
	require.justification
}

silent(facts) if {
	count(special_categories.route) == 0 with input as facts
	count(special_categories.require) == 0 with input as facts
}

free(facts) if {
	in_house(facts)
	count(special_categories.require) == 0 with input as facts
}

test_harmless_is_silent if silent(harmless)

test_other_groups_are_silent if silent(object.union(harmless, ostiary.finding("EMAIL_ADDRESS", ["contact", "personal"])))

test_special_categories_stay_in_house if free(belief)

test_of_a_person_needs_a_basis[type] if {
	some type in ["PERSON", "DATE_OF_BIRTH"]
	facts := object.union(belief, ostiary.finding(type, ["personal"]))
	in_house(facts)
	requires(facts)
}

test_with_a_contact_or_a_number_needs_a_basis[group] if {
	some group in ["contact", "identifier"]
	requires(object.union(belief, ostiary.finding("SOME_TYPE", [group])))
}

test_with_a_place_needs_none if free(object.union(belief, ostiary.finding("LOCATION", ["location"])))

test_below_likely_is_silent if {
	weak := object.union(ostiary.tally(["special_category"]), {"count": 0})
	silent(object.union(of_a_person, {"findings": {"groups": {"special_category": weak}}}))
}

test_what_may_identify_needs_none if {
	weak := object.union(ostiary.tally(["personal"]), {"count": 0})
	free(object.union(belief, {"findings": {"types": {"PERSON": weak}, "groups": {"contact": weak}}}))
}

test_an_application_with_a_basis if {
	facts := object.union(of_a_person, {"principal": {"application": "clinic"}})
	free(facts) with data.special_categories.basis as {"clinic": "health_care"}
	requires(facts) with data.special_categories.basis as {"union": "not_for_profit"}
}

test_a_justification_is_a_denial_without if {
	ostiary.verdict.action == "deny" with input as of_a_person
	some reason in ostiary.verdict.reasons with input as of_a_person
	reason.rule == "article_9_basis"
	reason.action == "deny"
}

test_a_justification_meets_it if {
	facts := object.union(of_a_person, {"grant": {"justification": "other"}})
	some reason in ostiary.verdict.reasons with input as facts
	reason.rule == "article_9_basis"
	reason.action == "allow"
}

test_data_is_valid if count(special_categories.invalid) == 0

test_every_basis_is_known[basis] if {
	some basis in ["explicit_consent", "employment", "vital_interests", "not_for_profit", "made_public", "legal_claims", "public_interest", "health_care", "public_health", "research"]
	count(special_categories.invalid) == 0 with data.special_categories.basis as {"clinic": basis}
}

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"no groups": {"identifying": {"groups": []}},
		"types are no list": {"identifying": {"types": "PERSON"}},
		"no such basis": {"basis": {"clinic": "legitimate_interest"}},
		"everybody": {"basis": {"unknown": "research"}},
		"others": {"basis": {"other": "research"}},
	}
	count(special_categories.invalid) == 1 with data.special_categories as object.union(data.special_categories, wrong)
}

test_a_basis_that_is_no_object if {
	"basis is not an object of applications" in special_categories.invalid with data.special_categories.basis as ["clinic"]
}

test_one_group_is_enough if {
	one := {"identifying": {"groups": ["identifier"], "types": ["PERSON"]}}
	count(special_categories.invalid) == 0 with data.special_categories as object.union(data.special_categories, one)
}
