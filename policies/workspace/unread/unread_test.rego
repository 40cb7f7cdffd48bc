package unread_test

import data.ostiary

with_image := object.union(ostiary.example, {"opaque": {"count": 1, "kinds": {"image": 1}}})

with_gap := object.union(ostiary.example, {"uninspected": {"count": 1, "reasons": {"budget": 1}}})

test_harmless_passes if ostiary.verdict.action == "allow" with input as ostiary.example

test_stays[note] if {
	some note, facts in {"image": with_image, "gap": with_gap}
	ostiary.verdict.action == "reroute" with input as facts
	ostiary.verdict.pools == ["house"] with input as facts
}

test_unread_body_is_refused if {
	ostiary.verdict.action == "deny" with input as object.union(ostiary.example, {"request": {"body": "unknown"}})
}
