# METADATA
# title: Unknown
# description: What could not be inspected is not clean, and is processed in-house only.
package ostiary.policies.unknown

import data.unknown

# METADATA
# title: Parts that cannot be read as text stay in-house
# description: |
#   Images, audio, files, references to files, token ids, encrypted content. The
#   kinds of data.unknown.permitted do not count.
# custom:
#   owner: security
route contains {
	"rule": "opaque_parts",
	"message": "The request holds parts that cannot be inspected (image, audio, file or encrypted content), which may be processed in-house only.",
	"boundary": "internal",
} if {
	input.opaque.count > 0
	input.opaque.count > sum([n |
		some kind in unknown.permitted
		n := input.opaque.kinds[kind]
	])
}

# METADATA
# title: Text that was not inspected stays in-house
# description: The classifiers ran out of time, failed, or the text is nested too deeply.
# custom:
#   owner: security
route contains {
	"rule": "uninspected_text",
	"message": "The request could not be inspected completely, so it may be processed in-house only.",
	"boundary": "internal",
} if {
	input.uninspected.count > 0
}

# METADATA
# title: A body that was not inspected stays in-house
# description: There is a body and it is not known to be inspected.
# custom:
#   owner: security
route contains {
	"rule": "uninspected_body",
	"message": "The body of the request was not inspected, so it may be processed in-house only.",
	"boundary": "internal",
} if {
	not input.request.body in {"inspected", "none"}
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "permitted is not a list" if not is_array(unknown.permitted)

invalid contains sprintf("permitted: %q is not a kind of opaque part", [kind]) if {
	some kind in unknown.permitted
	not kind in {
		"image", "audio", "file", "file_id", "url", "token_ids", "encrypted",
		"signature", "prompt_id", "binary", "other",
	}
}
