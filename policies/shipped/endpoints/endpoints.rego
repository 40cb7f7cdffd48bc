# METADATA
# title: Endpoints
# description: Which operations of the model APIs are open, as data.
package ostiary.policies.endpoints

import data.endpoints

# METADATA
# title: Only the listed operations are open
# description: |
#   A path that is none of a known API is the operation "unknown". It is refused,
#   because what its body means is not known.
# custom:
#   owner: platform
deny contains {
	"rule": "operation_not_open",
	"message": "This API path is not open through the proxy. Use one of the model APIs that your organisation has opened.",
} if {
	not input.request.operation in endpoints.operations
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "operations is not a list" if not is_array(endpoints.operations)

invalid contains sprintf("operations: %q is not an operation", [operation]) if {
	some operation in endpoints.operations
	not operation in {
		"chat", "responses", "completions", "embeddings", "moderations",
		"messages", "count_tokens", "state", "models", "health", "unknown",
	}
}
