package source_code_test

import data.ostiary
import data.ostiary.policies.source_code

harmless := ostiary.example

tools(kinds) := object.union(harmless, {"request": {"tool_kinds": kinds}})

of(application, facts) := object.union(facts, {"principal": {"application": application}})

in_house(facts, rule) if {
	count(source_code.route) == 1 with input as facts
	some route in source_code.route with input as facts
	route.rule == rule
	route.boundary == "internal"
}

silent(facts) if count(source_code.route) == 0 with input as facts

test_harmless_is_silent if silent(harmless)

test_internal_names_stay if {
	in_house(object.union(harmless, ostiary.finding("PROJECT", ["protected"])), "internal_names")
}

test_what_may_be_a_name_is_silent if {
	silent(object.union(harmless, {"findings": {"groups": {"protected": object.union(ostiary.tally(["protected"]), {"count": 0})}}}))
}

test_code_tools_stay[kind] if {
	some kind in ["apply_patch", "bash", "code_execution", "code_interpreter", "local_shell", "shell", "text_editor"]
	in_house(tools(["web_search", kind]), "code_tools")
}

test_other_tools_are_silent if silent(tools(["file_search", "web_search"]))

test_applications_that_work_on_code_stay if {
	in_house(of("assistant", harmless), "code_application") with data.source_code.applications as ["assistant"]
	silent(of("chat", harmless)) with data.source_code.applications as ["assistant"]
}

test_public_code_passes if {
	silent(of("docs", tools(["shell"]))) with data.source_code.published as ["docs"]
	in_house(of("chat", tools(["shell"])), "code_tools") with data.source_code.published as ["docs"]
}

test_names_are_not_published if {
	facts := of("docs", object.union(harmless, ostiary.finding("PROJECT", ["protected"])))
	in_house(facts, "internal_names") with data.source_code.published as ["docs"]
}

test_the_verdict if {
	ostiary.verdict.pools == ["house"] with input as tools(["shell"])
}

test_data_is_valid if count(source_code.invalid) == 0

test_wrong_data_is_found[note] if {
	some note, wrong in {
		"kinds": {"tool_kinds": "shell"},
		"applications": {"applications": "chat"},
		"published": {"published": "docs"},
		"unknown": {"published": ["unknown"]},
		"other": {"published": ["other"]},
		"both": {"published": ["docs"], "applications": ["docs"]},
	}
	count(source_code.invalid) == 1 with data.source_code as object.union(data.source_code, wrong)
}
