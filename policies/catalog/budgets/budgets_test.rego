package budgets_test

import data.ostiary
import data.ostiary.policies.budgets

spending(team, budget) := object.union(ostiary.example, {"principal": {"team": team}, "spend": {"budget": budget}})

listed(otherwise) := {"teams": ["sales"], "open": ["within"], "otherwise": otherwise}

silent(facts) if {
	count(budgets.route) == 0 with input as facts
	count(budgets.deny) == 0 with input as facts
}

in_house(facts) if {
	some route in budgets.route with input as facts
	route.rule == "budget_in_house"
	route.boundary == "internal"
	route.liftable
	count(budgets.deny) == 0 with input as facts
}

denied(facts) if {
	some deny in budgets.deny with input as facts
	deny.rule == "budget_exhausted"
	deny.code == "budget_exhausted"
	deny.liftable
	count(budgets.route) == 0 with input as facts
}

test_as_shipped_nobody_is_counted if silent(spending("sales", "over"))

test_within_passes if silent(spending("sales", "within")) with data.budgets as listed("in_house")

test_others_are_not_counted if silent(spending("research", "over")) with data.budgets as listed("in_house")

test_over_and_unknown_stay_in_house[budget] if {
	some budget in ["over", "unknown"]
	in_house(spending("sales", budget)) with data.budgets as listed("in_house")
}

test_over_and_unknown_are_denied[budget] if {
	some budget in ["over", "unknown"]
	denied(spending("sales", budget)) with data.budgets as listed("deny")
}

test_everybody_is_counted if {
	in_house(spending("unknown", "over")) with data.budgets as {"teams": ["*"], "open": ["within"], "otherwise": "in_house"}
	silent(spending("unknown", "within")) with data.budgets as {"teams": ["*"], "open": ["within"], "otherwise": "in_house"}
}

test_the_verdict if {
	ostiary.verdict.pools == ["house"] with input as spending("sales", "unknown") with data.budgets as listed("in_house")
	ostiary.verdict.action == "deny" with input as spending("sales", "unknown") with data.budgets as listed("deny")
}

test_data_is_valid if {
	count(budgets.invalid) == 0
	count(budgets.invalid) == 0 with data.budgets as listed("deny")
}

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"teams": {"teams": "sales"},
		"open": {"open": "within"},
		"otherwise": {"otherwise": "pass"},
		"unknown": {"open": ["within", "unknown"]},
	}
	count(budgets.invalid) == 1 with data.budgets as object.union(data.budgets, wrong)
}

test_where_it_denies_within_passes if {
	silent(spending("sales", "within")) with data.budgets as listed("deny")
	silent(spending("research", "over")) with data.budgets as listed("deny")
}
