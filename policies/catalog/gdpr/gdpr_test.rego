package gdpr_test

import data.ostiary
import data.ostiary.policies.gdpr

harmless := ostiary.example

openai := harmless.pools[0]

paris := object.union(openai, {"name": "paris", "jurisdiction": "FR"})

training := object.union(paris, {"name": "training", "training": "yes"})

unsaid := object.union(paris, {"name": "unsaid", "training": "unknown"})

nowhere := object.union(openai, {"name": "nowhere", "jurisdiction": "unknown"})

with_pools(facts) := object.union(facts, {"pools": array.concat(harmless.pools, [paris, training, unsaid, nowhere])})

mail := object.union(harmless, ostiary.finding("EMAIL_ADDRESS", ["personal", "contact"]))

of(principal, facts) := object.union(facts, {"principal": principal})

protects(facts) if {
	some route in gdpr.route with input as facts
	route.rule == "union_or_in_house"
}

passes(facts) if count(gdpr.route) == 0 with input as facts

test_harmless_passes if passes(harmless)

test_groups_are_protected[group] if {
	some group in ["contact", "identifier", "financial", "health", "special_category"]
	protects(object.union(harmless, ostiary.finding("SOME_TYPE", [group])))
}

test_other_groups_pass[group] if {
	some group in ["general", "location", "network"]
	passes(object.union(harmless, ostiary.finding("SOME_TYPE", [group])))
}

test_birth_dates_are_protected if protects(object.union(harmless, ostiary.finding("DATE_OF_BIRTH", ["personal"])))

test_names_alone_pass if passes(object.union(harmless, ostiary.finding("PERSON", ["personal"])))

test_below_likely_passes if {
	weak := {"groups": {"contact": object.union(ostiary.tally(["contact"]), {"count": 0})}, "types": {}}
	passes(object.union(harmless, {"findings": weak}))
}

test_pools_in_the_union_and_in_house if {
	some route in gdpr.route with input as with_pools(mail)
	route.pools == {"house", "paris"}
}

test_the_verdict_permits_no_pool_elsewhere if {
	not "openai" in ostiary.verdict.pools with input as with_pools(mail)
	not "nowhere" in ostiary.verdict.pools with input as with_pools(mail)
	ostiary.verdict.constrained with input as with_pools(mail)
}

test_no_pool_is_a_denial if {
	ostiary.verdict.action == "deny" with input as object.union(mail, {"pools": [openai, nowhere]})
}

test_elsewhere_passes if {
	passes(of({"application": "tokyo"}, mail)) with data.gdpr.elsewhere as {"applications": ["tokyo"], "teams": []}
	passes(of({"team": "asia"}, mail)) with data.gdpr.elsewhere as {"applications": [], "teams": ["asia"]}
}

test_birth_date_elsewhere_passes if {
	birth := object.union(harmless, ostiary.finding("DATE_OF_BIRTH", ["personal"]))
	passes(of({"team": "asia"}, birth)) with data.gdpr.elsewhere as {"applications": [], "teams": ["asia"]}
}

test_others_are_not_elsewhere if {
	protects(of({"team": "asia"}, mail)) with data.gdpr.elsewhere as {"applications": ["asia"], "teams": ["tokyo"]}
	protects(mail) with data.gdpr.elsewhere as {"applications": ["tokyo"], "teams": ["asia"]}
}

test_numbers_of_the_union_are_protected_elsewhere_too if {
	cpr := object.union(harmless, ostiary.finding("DK_CPR", ["personal", "identifier"]))
	protects(of({"team": "asia"}, cpr)) with data.gdpr.elsewhere as {"applications": [], "teams": ["asia"]}
}

test_numbers_of_others_pass_elsewhere if {
	ssn := object.union(harmless, ostiary.finding("US_SSN", ["personal", "identifier"]))
	passes(of({"team": "asia"}, ssn)) with data.gdpr.elsewhere as {"applications": [], "teams": ["asia"]}
}

test_every_state_has_its_numbers[state] if {
	some state in ["AT", "BE", "BG", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LV", "NL", "PL", "PT", "RO", "SE", "SI", "SK"]
	some type in data.gdpr.national
	startswith(type, sprintf("%s_", [state]))
}

test_data_is_valid if count(gdpr.invalid) == 0

test_lists_are_checked[key] if {
	some key in ["groups", "types", "national", "jurisdictions", "training"]
	wrong := object.union(data.gdpr, {key: "EU"})
	sprintf("%s is not a list", [key]) in gdpr.invalid with data.gdpr as wrong
}

test_elsewhere_is_checked[key] if {
	some key in ["applications", "teams"]
	wrong := object.union(data.gdpr, {"elsewhere": {key: "asia"}})
	sprintf("elsewhere.%s is not a list", [key]) in gdpr.invalid with data.gdpr as wrong
}

test_the_unknown_are_not_elsewhere[name] if {
	some name in ["unknown", "other"]
	count(gdpr.invalid) == 1 with data.gdpr.elsewhere as {"applications": [name], "teams": []}
}

test_nothing_protected_is_found if {
	count(gdpr.invalid) == 1 with data.gdpr as object.union(data.gdpr, {"groups": [], "types": []})
	count(gdpr.invalid) == 0 with data.gdpr as object.union(data.gdpr, {"groups": ["health"], "types": []})
}

test_unknown_training_is_found if {
	count(gdpr.invalid) == 1 with data.gdpr.training as ["no", "unknown"]
}

test_what_may_be_a_birth_date_passes if {
	weak := object.union(ostiary.tally(["personal"]), {"count": 0})
	passes(object.union(harmless, {"findings": {"types": {"DATE_OF_BIRTH": weak}}}))
}

test_what_may_be_a_number_of_the_union_passes_elsewhere if {
	weak := object.union(ostiary.tally(["identifier"]), {"count": 0})
	facts := object.union(harmless, {"findings": {"types": {"DK_CPR": weak}, "groups": {"identifier": ostiary.tally(["identifier"])}}})
	passes(of({"team": "asia"}, facts)) with data.gdpr.elsewhere as {"applications": [], "teams": ["asia"]}
}

test_somebody_known_may_be_elsewhere if {
	count(gdpr.invalid) == 0 with data.gdpr.elsewhere as {"applications": ["tokyo"], "teams": ["asia"]}
}
