# METADATA
# title: Embeddings
# description: An index of protected data is made in-house or not at all, and never of masked text.
package ostiary.policies.embeddings

import data.embeddings

# METADATA
# title: Protected data is embedded in-house
# description: A vector can be turned back into much of its text.
# custom:
#   owner: data_protection
route contains {
	"rule": "embedded_in_house",
	"message": "The text to embed holds protected data, so the embedding is made in-house.",
	"boundary": "internal",
} if {
	embeddings.otherwise == "in_house"
	protected
}

# METADATA
# title: Protected data is not embedded
# description: Where data.embeddings.otherwise is deny.
# custom:
#   owner: data_protection
deny contains {
	"rule": "not_embedded",
	"code": "protected_embedding",
	"message": "The text to embed holds protected data. Take it out and send the request again.",
} if {
	embeddings.otherwise == "deny"
	protected
}

protected if {
	input.request.operation == "embeddings"
	some group in embeddings.groups
	input.findings.groups[group].count > 0
}

# What was not read may be protected.
protected if {
	input.request.operation == "embeddings"
	input.opaque.count > 0
}

protected if {
	input.request.operation == "embeddings"
	input.uninspected.count > 0
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "groups is not a list with members" if not filled(object.get(embeddings, "groups", null))

invalid contains "otherwise is none of in_house, deny: embeddings are never masked" if {
	not object.get(embeddings, "otherwise", null) in {"in_house", "deny"}
}

filled(list) if {
	is_array(list)
	count(list) > 0
}
