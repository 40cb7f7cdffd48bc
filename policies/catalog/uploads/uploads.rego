# METADATA
# title: File uploads
# description: Files go in-house, references to stored files nowhere, and large ones not at all.
package ostiary.policies.uploads

import data.uploads

# METADATA
# title: Files stay in-house
# description: |
#   Files in a request that cannot be read as text. The applications of
#   data.uploads.applications may send them outside, where no other rule forbids
#   it.
# custom:
#   owner: security
route contains {
	"rule": "files_in_house",
	"message": "The request holds a file, which may be processed in-house only.",
	"boundary": "internal",
} if {
	file
	not input.principal.application in uploads.applications
}

# METADATA
# title: No references to files that are stored at a provider
# description: |
#   What such a file holds was decided, if at all, when it was stored. The
#   applications of data.uploads.references may use them.
# custom:
#   owner: security
deny contains {
	"rule": "file_reference",
	"code": "file_reference_not_allowed",
	"message": "The request refers to a file that is stored at the provider. Send its text instead.",
} if {
	input.opaque.kinds.file_id > 0
	not input.principal.application in uploads.references
}

# METADATA
# title: Nothing unreadable beyond a size
# description: Bytes of all parts of a request that cannot be read as text.
# custom:
#   owner: security
deny contains {
	"rule": "upload_too_large",
	"code": "upload_too_large",
	"message": "The files in the request are larger than may be sent. Send a part, or the text.",
} if {
	input.opaque.bytes > uploads.bytes
}

file if input.opaque.kinds.file > 0

file if input.opaque.kinds.binary > 0

file if "files" in input.request.needs

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["applications", "references"]
	not is_array(object.get(uploads, key, null))
}

invalid contains "bytes is not a number" if not is_number(object.get(uploads, "bytes", null))

invalid contains sprintf("%s names %q: who is not known sends no files outside", [key, name]) if {
	some key in ["applications", "references"]
	some name in uploads[key]
	name in {"unknown", "other"}
}
