package embeddings_test

import data.ostiary
import data.ostiary.policies.embeddings

harmless := object.union(ostiary.example, {"request": {"operation": "embeddings"}})

strict := object.union(data.embeddings, {"otherwise": "deny"})

silent(facts) if {
	count(embeddings.route) == 0 with input as facts
	count(embeddings.deny) == 0 with input as facts
}

in_house(facts) if {
	some route in embeddings.route with input as facts
	route.rule == "embedded_in_house"
	route.boundary == "internal"
	count(embeddings.deny) == 0 with input as facts
}

denied(facts) if {
	some deny in embeddings.deny with input as facts
	deny.rule == "not_embedded"
	deny.code == "protected_embedding"
	count(embeddings.route) == 0 with input as facts
}

unread := {
	"token ids": {"opaque": {"count": 1, "kinds": {"token_ids": 1}}},
	"a detector that failed": {"uninspected": {"count": 1, "reasons": {"budget": 1}}},
}

test_harmless_is_silent if silent(harmless)

test_protected_is_embedded_in_house[group] if {
	some group in ["contact", "financial", "health", "identifier", "personal", "protected", "special_category"]
	in_house(object.union(harmless, ostiary.finding("SOME_TYPE", [group])))
}

test_protected_is_not_embedded if {
	denied(object.union(harmless, ostiary.finding("SOME_TYPE", ["health"]))) with data.embeddings as strict
}

test_unread_is_protected[note] if {
	some note, change in unread
	in_house(object.union(harmless, change))
	denied(object.union(harmless, change)) with data.embeddings as strict
}

test_other_operations_are_silent if {
	silent(object.union(ostiary.example, ostiary.finding("SOME_TYPE", ["health"])))
	every change in unread {
		silent(object.union(ostiary.example, change))
	}
}

test_other_groups_are_silent if silent(object.union(harmless, ostiary.finding("LOCATION", ["location", "general"])))

test_below_likely_is_silent if {
	silent(object.union(harmless, {"findings": {"groups": {"health": object.union(ostiary.tally(["health"]), {"count": 0})}}}))
}

test_the_verdict if {
	ostiary.verdict.pools == ["house"] with input as object.union(harmless, ostiary.finding("SOME_TYPE", ["health"]))
}

test_data_is_valid if {
	count(embeddings.invalid) == 0
	count(embeddings.invalid) == 0 with data.embeddings as strict
}

test_wrong_data_is_found[note] if {
	some note, wrong in {"groups": {"groups": []}, "groups are no list": {"groups": "health"}, "otherwise": {"otherwise": "mask"}}
	count(embeddings.invalid) == 1 with data.embeddings as object.union(data.embeddings, wrong)
}

test_where_it_denies_harmless_passes if {
	silent(harmless) with data.embeddings as strict
	silent(object.union(ostiary.example, ostiary.finding("SOME_TYPE", ["health"]))) with data.embeddings as strict
}

test_one_group_is_enough if count(embeddings.invalid) == 0 with data.embeddings.groups as ["health"]
