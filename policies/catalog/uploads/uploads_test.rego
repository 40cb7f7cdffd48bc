package uploads_test

import data.ostiary
import data.ostiary.policies.uploads

harmless := ostiary.example

holding(kind, bytes) := object.union(harmless, {"opaque": {"bytes": bytes, "count": 1, "kinds": {kind: 1}}})

of(application, facts) := object.union(facts, {"principal": {"application": application}})

listed := {"applications": ["letters"], "references": ["archive"], "bytes": 1000}

in_house(facts) if {
	some route in uploads.route with input as facts
	route.rule == "files_in_house"
	route.boundary == "internal"
}

denied(facts, rule, code) if {
	count(uploads.deny) == 1 with input as facts
	some deny in uploads.deny with input as facts
	deny.rule == rule
	deny.code == code
}

silent(facts) if {
	count(uploads.route) == 0 with input as facts
	count(uploads.deny) == 0 with input as facts
}

test_harmless_is_silent if silent(harmless)

test_images_are_not_its_business if silent(holding("image", 1000))

test_files_stay_in_house[kind] if {
	some kind in ["file", "binary"]
	in_house(holding(kind, 1000))
}

test_a_need_for_files_stays_in_house if in_house(object.union(harmless, {"request": {"needs": ["files", "tools"]}}))

test_other_needs_are_silent if silent(object.union(harmless, {"request": {"needs": ["tools"]}}))

test_no_files_of_a_kind_are_silent[kind] if {
	some kind in ["file", "binary", "file_id"]
	silent(object.union(harmless, {"opaque": {"kinds": {kind: 0}}}))
}

test_listed_may_send_files if {
	silent(of("letters", holding("file", 1000))) with data.uploads as listed
	in_house(of("archive", holding("file", 1000))) with data.uploads as listed
}

test_references_are_denied if denied(holding("file_id", 0), "file_reference", "file_reference_not_allowed")

test_listed_may_refer if {
	silent(of("archive", holding("file_id", 0))) with data.uploads as listed
	denied(of("letters", holding("file_id", 0)), "file_reference", "file_reference_not_allowed") with data.uploads as listed
}

test_too_large_is_denied if {
	denied(of("letters", holding("file", 1001)), "upload_too_large", "upload_too_large") with data.uploads as listed
	denied(holding("image", 20000001), "upload_too_large", "upload_too_large")
	silent(holding("image", 20000000))
}

test_the_verdict if {
	ostiary.verdict.pools == ["house"] with input as holding("file", 1000)
	ostiary.verdict.action == "deny" with input as holding("file_id", 0)
}

test_data_is_valid if count(uploads.invalid) == 0

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"applications": {"applications": "letters"},
		"references": {"references": "archive"},
		"bytes": {"bytes": "20 MB"},
		"unknown": {"applications": ["unknown"]},
		"other": {"references": ["archive", "other"]},
	}
	count(uploads.invalid) == 1 with data.uploads as object.union(data.uploads, wrong)
}
