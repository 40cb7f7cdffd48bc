package endpoints_test

import data.ostiary
import data.ostiary.policies.endpoints

asking(operation) := object.union(ostiary.example, {"request": {"operation": operation}})

test_open_operations_pass[operation] if {
	some operation in [
		"chat", "responses", "completions", "embeddings", "moderations",
		"messages", "count_tokens", "state", "models", "health",
	]
	ostiary.verdict.action == "allow" with input as asking(operation)
}

test_unknown_paths_are_denied if {
	ostiary.verdict.action == "deny" with input as asking("unknown")
	ostiary.verdict.reasons[0].rule == "operation_not_open" with input as asking("unknown")
}

test_an_operation_can_be_closed if {
	ostiary.verdict.action == "deny" with input as asking("embeddings") with data.endpoints.operations as ["chat"]
}

test_every_operation_may_be_opened if {
	count(endpoints.invalid) == 0 with data.endpoints.operations as [
		"chat", "responses", "completions", "embeddings", "moderations",
		"messages", "count_tokens", "state", "models", "health", "unknown",
	]
}

test_wrong_data_is_found if {
	count(endpoints.invalid) == 0
	"operations is not a list" in endpoints.invalid with data.endpoints.operations as "chat"
	count(endpoints.invalid) > 0 with data.endpoints.operations as ["chats"]
}
