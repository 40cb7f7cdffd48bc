package secrets_test

import data.ostiary

key := object.union(ostiary.example, ostiary.finding("SECRET_AWS_ACCESS_KEY", ["credential"]))

test_harmless_passes if ostiary.verdict.action == "allow" with input as ostiary.example

test_credential_is_denied if {
	ostiary.verdict.action == "deny" with input as key
	ostiary.verdict.reasons[0].rule == "no_credentials" with input as key
	ostiary.verdict.code == "" with input as key
}

test_credential_is_denied_in_house_too if {
	facts := object.union(key, {"destination": {"boundary": "internal", "pool": "house"}})
	ostiary.verdict.action == "deny" with input as facts
}

test_published_example_passes if {
	none := {"very_unlikely": 0, "unlikely": 0, "possible": 0, "likely": 0, "very_likely": 0}
	example := object.union(ostiary.tally(["credential"]), {"count": 0, "synthetic": 1, "at_least": none, "roles": {"user": none}})
	facts := object.union(ostiary.example, {"findings": {
		"types": {"SECRET_AWS_ACCESS_KEY": example},
		"groups": {"credential": example},
	}})
	ostiary.verdict.action == "allow" with input as facts
}

test_unlikely_credential_passes if {
	weak := {"very_unlikely": 1, "unlikely": 1, "possible": 1, "likely": 0, "very_likely": 0}
	facts := object.union(ostiary.example, {"findings": {"groups": {"credential": object.union(
		ostiary.tally(["credential"]),
		{"count": 0, "at_least": weak},
	)}}})
	ostiary.verdict.action == "allow" with input as facts
}
