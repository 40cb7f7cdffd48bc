package house_test

import data.ostiary
import data.ostiary.policies.house

stays(facts) if {
	ostiary.verdict.action == "reroute" with input as facts
	ostiary.verdict.pools == ["house"] with input as facts
}

test_harmless_passes if ostiary.verdict.action == "allow" with input as ostiary.example

test_every_group_stays[group] if {
	some group in data.house.protected
	stays(object.union(ostiary.example, ostiary.finding("SOME_TYPE", [group])))
}

test_a_place_passes if {
	count(house.route) == 0 with input as object.union(ostiary.example, ostiary.finding("LOCATION", ["location"]))
}

finance := object.union(ostiary.example, {"principal": {"team": "finance"}})

test_files_of_finance_stay if stays(object.union(finance, {"request": {"needs": ["files"]}}))

test_finance_without_files_passes if ostiary.verdict.action == "allow" with input as finance

test_files_of_others_pass if {
	ostiary.verdict.action == "allow" with input as object.union(ostiary.example, {"request": {"needs": ["files"]}})
}

test_data_is_complete if count(house.invalid) == 0

test_empty_data_is_found if count(house.invalid) == 1 with data.house.protected as []
