package images_test

import data.ostiary
import data.ostiary.policies.images

harmless := ostiary.example

image := object.union(harmless, {"opaque": {"bytes": 1000, "count": 1, "kinds": {"image": 1}}})

linked := object.union(harmless, {"request": {"needs": ["images", "tools"]}})

of(application, facts) := object.union(facts, {"principal": {"application": application}})

in_house(facts, rule) if {
	count(images.route) == 1 with input as facts
	some route in images.route with input as facts
	route.rule == rule
	route.boundary == "internal"
}

silent(facts) if count(images.route) == 0 with input as facts

test_harmless_is_silent if silent(harmless)

test_other_parts_are_silent if {
	silent(object.union(harmless, {"opaque": {"count": 1, "kinds": {"audio": 1, "image": 0}}, "request": {"needs": ["audio"]}}))
}

test_images_stay_in_house[note] if {
	some note, facts in {"in the request": image, "by its address": linked}
	in_house(facts, "images_in_house")
}

test_who_answers_may_send_them if {
	silent(of("shop", image)) with data.images.applications as ["shop"]
	in_house(of("claims", image), "images_in_house") with data.images.applications as ["shop"]
}

test_not_beside_protected_data[group] if {
	some group in ["contact", "financial", "health", "identifier", "protected", "special_category"]
	facts := of("shop", object.union(image, ostiary.finding("SOME_TYPE", [group])))
	in_house(facts, "images_beside_data") with data.images.applications as ["shop"]
}

test_beside_other_data if {
	silent(of("shop", object.union(image, ostiary.finding("LOCATION", ["location"])))) with data.images.applications as ["shop"]
}

test_beside_what_may_be_protected if {
	weak := {"findings": {"groups": {"health": object.union(ostiary.tally(["health"]), {"count": 0})}}}
	silent(of("shop", object.union(image, weak))) with data.images.applications as ["shop"]
}

test_protected_data_without_an_image_is_silent if silent(object.union(harmless, ostiary.finding("SOME_TYPE", ["health"])))

test_the_verdict if ostiary.verdict.pools == ["house"] with input as image

test_data_is_valid if count(images.invalid) == 0

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"applications": {"applications": "shop"},
		"beside": {"beside": "health"},
		"unknown": {"applications": ["unknown"]},
		"other": {"applications": ["shop", "other"]},
	}
	count(images.invalid) == 1 with data.images as object.union(data.images, wrong)
}
