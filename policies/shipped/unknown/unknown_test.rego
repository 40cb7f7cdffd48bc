package unknown_test

import data.ostiary
import data.ostiary.policies.unknown

in_house(facts, rule) if {
	ostiary.verdict.pools == ["house"] with input as facts
	count(unknown.route) == 1 with input as facts
	some route in unknown.route with input as facts
	route.rule == rule
	route.boundary == "internal"
}

image := object.union(ostiary.example, {"opaque": {"bytes": 1000, "count": 1, "kinds": {"image": 1}}})

test_harmless_passes if ostiary.verdict.action == "allow" with input as ostiary.example

test_image_goes_in_house if in_house(image, "opaque_parts")

test_permitted_kind_passes if {
	count(unknown.route) == 0 with input as image with data.unknown.permitted as ["image"]
}

test_other_kind_beside_a_permitted_one_goes_in_house if {
	facts := object.union(image, {"opaque": {"count": 2, "kinds": {"audio": 1}}})
	in_house(facts, "opaque_parts") with data.unknown.permitted as ["image"]
}

test_count_without_a_kind_goes_in_house if {
	facts := object.union(ostiary.example, {"opaque": {"count": 1}})
	in_house(facts, "opaque_parts")
}

test_uninspected_text_goes_in_house if {
	in_house(object.union(ostiary.example, {"uninspected": {"count": 1, "reasons": {"budget": 1}}}), "uninspected_text")
}

test_uninspected_body_goes_in_house if {
	in_house(object.union(ostiary.example, {"request": {"body": "unknown"}}), "uninspected_body")
}

test_no_body_passes if {
	ostiary.verdict.action == "allow" with input as object.union(ostiary.example, {"request": {"body": "none", "bytes": 0}})
}

test_no_body_of_some_bytes_is_denied if {
	ostiary.verdict.action == "deny" with input as object.union(ostiary.example, {"request": {"body": "none", "bytes": 5}})
}

# What refers to state at another pool is not unknown: the proxy keeps it there.
test_state_reference_passes if {
	ostiary.verdict.action == "allow" with input as object.union(ostiary.example, {"state": ["previous_response_id"]})
}

test_every_kind_may_be_permitted if {
	count(unknown.invalid) == 0 with data.unknown.permitted as [
		"image", "audio", "file", "file_id", "url", "token_ids", "encrypted",
		"signature", "prompt_id", "binary", "other",
	]
}

test_wrong_data_is_found if {
	count(unknown.invalid) == 0
	count(unknown.invalid) > 0 with data.unknown.permitted as ["picture"]
	count(unknown.invalid) > 0 with data.unknown.permitted as "image"
}
