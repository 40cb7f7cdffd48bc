package residency_test

import data.ostiary
import data.ostiary.policies.residency

harmless := ostiary.example

with_finding(type, groups) := object.union(harmless, ostiary.finding(type, groups))

reroutes(facts) if {
	some reason in ostiary.verdict.reasons with input as facts
	reason.policy == "residency"
	ostiary.verdict.action == "reroute" with input as facts
	ostiary.verdict.pools == ["house"] with input as facts
}

passes(facts) if {
	count(residency.route) == 0 with input as facts
	ostiary.verdict.action == "allow" with input as facts
}

test_harmless_passes if passes(harmless)

test_protected_groups_go_in_house[note] if {
	some note, groups in {
		"personal": ["personal", "contact"],
		"financial": ["personal", "financial"],
		"health": ["health"],
		"special": ["special_category"],
		"identifier": ["identifier"],
		"term": ["protected"],
	}
	reroutes(with_finding("SOME_TYPE", groups))
}

test_network_and_place_pass[note] if {
	some note, groups in {"network": ["network"], "place": ["location"]}
	passes(with_finding("SOME_TYPE", groups))
}

# Half of all harmless prompts hold one of these.
test_ordinary_alone_passes[type] if {
	some type in ["PERSON", "LOCATION", "ORGANIZATION", "DATE_TIME", "NRP"]
	passes(with_finding(type, ["location", "personal"]))
}

test_several_ordinary_pass if {
	passes(object.union(harmless, {"findings": {
		"types": {type: ostiary.tally(["personal"]) | some type in ["PERSON", "LOCATION", "DATE_TIME"]},
		"groups": {"personal": object.union(ostiary.tally(["personal"]), {"count": 3, "at_least": {"likely": 3}})},
	}}))
}

test_ordinary_beside_a_companion_is_personal[companion] if {
	some companion in ["identifier", "contact", "financial", "health"]
	only_personal := object.union(data.residency, {"classes": [object.union(data.residency.classes[0], {"groups": ["personal"]})]})
	facts := object.union(
		with_finding("PERSON", ["personal"]),
		ostiary.finding("SOME_TYPE", [companion]),
	)
	count(residency.route) == 1 with input as facts with data.residency as only_personal
}

test_name_is_not_counted_off_what_is_not_ordinary if {
	# A type that is ordinary as personal data, and is a health finding too.
	reroutes(with_finding("PERSON", ["personal", "health"]))
}

test_below_likely_passes if {
	weak := {"very_unlikely": 1, "unlikely": 1, "possible": 1, "likely": 0, "very_likely": 0}
	passes(object.union(harmless, {"findings": {
		"types": {"US_SSN": object.union(ostiary.tally(["identifier"]), {"count": 0, "at_least": weak})},
		"groups": {"identifier": object.union(ostiary.tally(["identifier"]), {"count": 0, "at_least": weak})},
	}}))
}

test_test_values_pass if {
	none := {"very_unlikely": 0, "unlikely": 0, "possible": 0, "likely": 0, "very_likely": 0}
	card := object.union(ostiary.tally(["financial"]), {"count": 0, "synthetic": 1, "at_least": none, "roles": {"user": none}})
	passes(object.union(harmless, {"findings": {"types": {"CREDIT_CARD": card}, "groups": {"financial": card}}}))
}

test_in_house_is_no_reroute if {
	facts := object.union(with_finding("US_SSN", ["identifier"]), {"destination": {"boundary": "internal", "pool": "house"}})
	ostiary.verdict.action == "allow" with input as facts
	ostiary.verdict.pools == ["house"] with input as facts
}

test_nobody_external_serves_it if {
	facts := object.union(with_finding("US_SSN", ["identifier"]), {"destination": {
		"boundary": "unknown", "chosen_by": "none", "jurisdiction": "unknown", "pool": "unknown",
	}})
	ostiary.verdict.action == "reroute" with input as facts
	ostiary.verdict.pools == ["house"] with input as facts
}

test_no_house_is_a_denial if {
	facts := object.union(with_finding("US_SSN", ["identifier"]), {"pools": [harmless.pools[0]]})
	ostiary.verdict.action == "deny" with input as facts
}

# Classes may permit either of several places.
test_in_house_or_in_the_union if {
	either := object.union(data.residency, {"classes": [object.union(
		data.residency.classes[0],
		{"to": [{"boundary": "internal"}, {"jurisdictions": ["EU"]}]},
	)]})
	paris := object.union(harmless.pools[0], {"name": "paris", "jurisdiction": "FR"})
	facts := object.union(with_finding("US_SSN", ["identifier"]), {"pools": array.concat(harmless.pools, [paris])})
	some route in residency.route with input as facts with data.residency as either
	route.pools == ["house", "paris"]
}

test_outside_in_the_union_only if {
	outside := object.union(data.residency, {"classes": [object.union(
		data.residency.classes[0],
		{"to": [{"boundary": "external", "jurisdictions": ["EEA"]}]},
	)]})
	oslo := object.union(harmless.pools[0], {"name": "oslo", "jurisdiction": "NO"})
	facts := object.union(with_finding("US_SSN", ["identifier"]), {"pools": array.concat(harmless.pools, [oslo])})
	some route in residency.route with input as facts with data.residency as outside
	route.pools == ["oslo"]
}

test_data_is_valid if count(residency.invalid) == 0

test_a_class_may_be_lifted_where_it_says_so[note] if {
	some note, want in {"true": true, "false": false}
	class := object.union(data.residency.classes[0], {"liftable": want})
	only := object.union(data.residency, {"classes": [class]})
	some route in residency.route with input as with_finding("US_SSN", ["identifier"]) with data.residency as only
	route.liftable == want
}

test_a_class_that_does_not_say_so_may_not_be_lifted if {
	class := object.remove(data.residency.classes[0], ["liftable"])
	only := object.union(data.residency, {"classes": [class]})
	some route in residency.route with input as with_finding("US_SSN", ["identifier"]) with data.residency as only
	route.liftable == false
	count(residency.invalid) == 0 with data.residency as only
}

test_wrong_data_is_found[note] if {
	some note, class in {
		"no groups": {"groups": []},
		"no place": {"to": []},
		"place that permits everything": {"to": [{}]},
		"unknown key of a place": {"to": [{"boundry": "internal"}]},
		"unknown likelihood": {"likelihood": "likley"},
		"no message": {"message": " "},
		"liftable is a word": {"liftable": "yes"},
	}
	wrong := object.union(data.residency, {"classes": [object.union(data.residency.classes[0], class)]})
	count(residency.invalid) > 0 with data.residency as wrong
}

test_no_classes_is_found if {
	count(residency.invalid) > 0 with data.residency.classes as []
}

test_the_rule_names_itself if {
	some route in residency.route with input as with_finding("US_SSN", ["identifier"])
	route.rule == "protected_data"
}

test_a_group_that_is_not_ordinary_counts_of_a_name_too if {
	# NRP is ordinary as personal data only, and no companion of itself.
	reroutes(with_finding("NRP", ["special_category"]))
	reroutes(with_finding("NRP", ["special_category", "personal"]))
}

test_a_name_of_another_group_does_not_make_an_ordinary_one if {
	# Two personal findings, one of them a name that is none of personal data.
	one := ostiary.tally(["personal"])
	facts := object.union(harmless, {"findings": {
		"types": {"USERNAME": one, "LOCATION": ostiary.tally(["location"])},
		"groups": {"personal": one},
	}})
	reroutes(facts)
}

test_what_may_be_beside_a_name_does_not_count[companion] if {
	some companion in ["identifier", "contact", "financial", "health"]
	none := {"very_unlikely": 1, "unlikely": 1, "possible": 1, "likely": 0, "very_likely": 0}
	weak := object.union(ostiary.tally([companion]), {"count": 0, "at_least": none})
	passes(object.union(with_finding("PERSON", ["personal"]), {"findings": {"groups": {companion: weak}}}))
}

test_every_likelihood_is_known[likelihood] if {
	some likelihood in ["very_unlikely", "unlikely", "possible", "likely", "very_likely"]
	class := object.union(data.residency.classes[0], {"likelihood": likelihood})
	count(residency.invalid) == 0 with data.residency as object.union(data.residency, {"classes": [class]})
}

test_a_place_of_both_is_valid if {
	class := object.union(data.residency.classes[0], {"to": [{"boundary": "external", "jurisdictions": ["EU"]}]})
	count(residency.invalid) == 0 with data.residency as object.union(data.residency, {"classes": [class]})
}

test_groups_that_are_no_list_are_found if {
	class := object.union(data.residency.classes[0], {"groups": "health"})
	count(residency.invalid) == 1 with data.residency as object.union(data.residency, {"classes": [class]})
}

test_an_empty_or_missing_message_is_found if {
	class := object.union(data.residency.classes[0], {"message": ""})
	count(residency.invalid) == 1 with data.residency as object.union(data.residency, {"classes": [class]})
	count(residency.invalid) == 1 with data.residency as object.union(data.residency, {"classes": [object.remove(class, ["message"])]})
}

test_ordinary_is_checked[key] if {
	some key in ["names", "groups", "beside"]
	wrong := object.union(data.residency, {"ordinary": {key: "PERSON"}})
	sprintf("ordinary.%s is not a list", [key]) in residency.invalid with data.residency as wrong
}
