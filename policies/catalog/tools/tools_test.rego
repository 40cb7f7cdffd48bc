package tools_test

import data.ostiary
import data.ostiary.policies.tools

harmless := ostiary.example

kinds := [
	"apply_patch", "bash", "code_execution", "code_interpreter", "computer", "file_search", "image_generation",
	"local_shell", "mcp", "memory", "other", "shell", "text_editor", "tool_search", "web_fetch", "web_search",
]

declaring(list) := object.union(harmless, {"request": {"tool_kinds": list}})

of(application, facts) := object.union(facts, {"principal": {"application": application}})

silent(facts) if count(tools.deny) == 0 with input as facts

denied(facts, rule) if {
	count(tools.deny) == 1 with input as facts
	some deny in tools.deny with input as facts
	deny.rule == rule
	deny.code == "tool_not_allowed"
}

searching := object.union(data.tools, {"applications": {"desk": ["web_search"]}})

test_harmless_is_silent if silent(harmless)

test_what_stays_at_the_provider_passes[kind] if {
	some kind in ["apply_patch", "bash", "code_execution", "code_interpreter", "computer", "local_shell", "memory", "shell", "text_editor", "tool_search"]
	silent(declaring([kind]))
}

test_what_reaches_others_is_denied[kind] if {
	some kind in ["file_search", "image_generation", "mcp", "other", "web_fetch", "web_search"]
	denied(declaring(["bash", kind]), "tool_not_listed")
}

test_an_application_may_have_more if {
	silent(of("desk", declaring(["web_search", "bash"]))) with data.tools as searching
	denied(of("desk", declaring(["web_search", "mcp"])), "tool_not_listed") with data.tools as searching
	denied(of("other", declaring(["web_search"])), "tool_not_listed") with data.tools as searching
}

test_no_protected_data_to_tools_that_send_it_on[group] if {
	some group in ["contact", "financial", "health", "identifier", "protected", "special_category"]
	facts := of("desk", object.union(declaring(["web_search"]), ostiary.finding("SOME_TYPE", [group])))
	denied(facts, "data_to_tools") with data.tools as searching
}

test_every_kind_that_sends_on[kind] if {
	some kind in ["file_search", "mcp", "other", "web_fetch", "web_search"]
	facts := of("desk", object.union(declaring([kind]), ostiary.finding("SOME_TYPE", ["health"])))
	denied(facts, "data_to_tools") with data.tools as object.union(data.tools, {"applications": {"desk": kinds}})
}

test_protected_data_to_other_tools_is_silent if {
	silent(object.union(declaring(["code_interpreter"]), ostiary.finding("SOME_TYPE", ["health"])))
}

test_other_data_is_silent if {
	facts := of("desk", object.union(declaring(["web_search"]), ostiary.finding("LOCATION", ["location"])))
	silent(facts) with data.tools as searching
}

test_below_likely_is_silent if {
	weak := {"findings": {"groups": {"health": object.union(ostiary.tally(["health"]), {"count": 0})}}}
	silent(of("desk", object.union(declaring(["web_search"]), weak))) with data.tools as searching
}

test_the_verdict if ostiary.verdict.action == "deny" with input as declaring(["mcp"])

test_data_is_valid if count(tools.invalid) == 0

test_every_kind_is_known if {
	count(tools.invalid) == 0 with data.tools as object.union(data.tools, {"kinds": kinds, "reaching": kinds, "applications": {"desk": kinds}})
}

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"groups": {"groups": "health"},
		"kinds": {"kinds": ["bash", "bsah"]},
		"reaching": {"reaching": ["mpc"]},
		"of an application": {"applications": {"desk": ["web"]}},
	}
	count(tools.invalid) == 1 with data.tools as object.union(data.tools, wrong)
}

test_lists_are_checked[key] if {
	some key in ["kinds", "reaching"]
	sprintf("%s is not a list", [key]) in tools.invalid with data.tools as object.union(data.tools, {key: "bash"})
}

test_applications_are_checked if {
	"applications is not an object of lists" in tools.invalid with data.tools as object.union(data.tools, {"applications": ["desk"]})
	"applications.desk is not a list of kinds" in tools.invalid with data.tools as object.union(data.tools, {"applications": {"desk": "mcp"}})
}
