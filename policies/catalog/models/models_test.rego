package models_test

import data.ostiary
import data.ostiary.policies.models

asking(team, model) := object.union(ostiary.example, {"principal": {"team": team}, "request": {"model": model}})

lists := {"default": ["gpt-5-mini"], "teams": {"research": ["gpt-5", "other"], "platform": ["*"], "interns": []}}

passes(facts) if count(models.deny) == 0 with input as facts with data.models as lists

denied(facts) if {
	some deny in models.deny with input as facts with data.models as lists
	deny.rule == "model_not_listed"
	deny.code == "model_not_allowed"
}

test_as_shipped_every_model_passes[model] if {
	some model in ["gpt-5", "other", "unknown"]
	count(models.deny) == 0 with input as asking("unknown", model)
}

test_models_of_the_list_pass[model] if {
	some model in ["gpt-5", "other"]
	passes(asking("research", model))
}

test_others_are_denied[model] if {
	some model in ["gpt-5-mini", "unknown"]
	denied(asking("research", model))
}

test_a_team_without_a_list_has_the_default[team] if {
	some team in ["unknown", "sales"]
	passes(asking(team, "gpt-5-mini"))
	denied(asking(team, "gpt-5"))
	denied(asking(team, "other"))
}

test_everything_is_everything if passes(asking("platform", "other"))

test_nothing_is_nothing if denied(asking("interns", "gpt-5-mini"))

test_what_names_no_model_passes[operation] if {
	some operation in ["health", "models", "state"]
	passes(object.union(asking("interns", "unknown"), {"request": {"operation": operation}}))
}

test_a_chat_that_names_no_model_is_denied[operation] if {
	some operation in ["chat", "embeddings", "unknown"]
	denied(object.union(asking("research", "unknown"), {"request": {"operation": operation}}))
}

test_the_verdict if {
	ostiary.verdict.action == "deny" with input as asking("research", "gpt-4") with data.models as lists
}

test_data_is_valid if {
	count(models.invalid) == 0
	count(models.invalid) == 0 with data.models as lists
}

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"default is no list": {"default": "*", "teams": {}},
		"a team's is no list": {"default": [], "teams": {"research": "gpt-5"}},
		"unknown by default": {"default": ["unknown"], "teams": {}},
		"unknown of a team": {"default": [], "teams": {"research": ["gpt-5", "unknown"]}},
	}
	count(models.invalid) == 1 with data.models as wrong
}

test_teams_that_are_no_object if {
	"teams is not an object of lists" in models.invalid with data.models as {"default": ["*"], "teams": "all"}
}
