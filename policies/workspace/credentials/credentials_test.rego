package credentials_test

import data.ostiary

key := object.union(ostiary.example, ostiary.finding("SECRET_AWS_ACCESS_KEY", ["credential"]))

test_harmless_passes if ostiary.verdict.action == "allow" with input as ostiary.example

test_key_is_refused if {
	ostiary.verdict.action == "deny" with input as key
	ostiary.verdict.code == "credential_in_request" with input as key
}

test_key_is_refused_in_house_too if {
	facts := object.union(key, {"destination": {"boundary": "internal", "pool": "house"}})
	ostiary.verdict.action == "deny" with input as facts
}
