# METADATA
# title: What was not read
# description: Unknown is not clean - what was not inspected is treated as protected.
# custom:
#   owner: data_protection
package ostiary.policies.unread

# METADATA
# title: Images, audio and files stay in the house
# description: Nobody looked into a part that cannot be read as text.
route contains {
	"rule": "opaque_stays",
	"message": "The request holds a part that cannot be inspected and is served by a model in-house.",
	"boundary": "internal",
} if {
	input.opaque.count > 0
}

# METADATA
# title: Text that was not inspected stays in the house
# description: A detector failed, ran out of time, or met text nested too deep.
route contains {
	"rule": "uninspected_stays",
	"message": "A part of the request could not be inspected, so it is served by a model in-house.",
	"boundary": "internal",
} if {
	input.uninspected.count > 0
}

# METADATA
# title: A body that nobody read goes nowhere
# description: Of a request that was decided by its headers.
deny contains {
	"rule": "unread_body",
	"message": "The body of the request could not be read. Send JSON as the API describes it.",
} if {
	not input.request.body in {"inspected", "none"}
}
