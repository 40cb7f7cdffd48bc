# METADATA
# title: Source code and internal names
# description: The organisation's own terms and the work on its code stay in-house.
package ostiary.policies.source_code

import data.source_code

# METADATA
# title: Internal names stay in-house
# description: Likely findings of the terms that the configuration lists.
# custom:
#   owner: security
route contains {
	"rule": "internal_names",
	"message": "The request holds a name or term of your organisation that may be processed in-house only.",
	"boundary": "internal",
} if {
	input.findings.groups.protected.count > 0
}

# METADATA
# title: Who works on code does so in-house
# description: |
#   The applications of data.source_code.applications: coding assistants, review
#   bots.
# custom:
#   owner: security
route contains {
	"rule": "code_application",
	"message": "Requests of this application hold source code, which may be processed in-house only.",
	"boundary": "internal",
} if {
	input.principal.application in source_code.applications
}

# METADATA
# title: Tools that edit or run code are used in-house
# description: |
#   A request that declares one of data.source_code.tool_kinds is about code. The
#   applications of data.source_code.published work on code that is public.
# custom:
#   owner: security
route contains {
	"rule": "code_tools",
	"message": "The request declares a tool that edits or runs code, and source code may be processed in-house only.",
	"boundary": "internal",
} if {
	some kind in input.request.tool_kinds
	kind in source_code.tool_kinds
	not input.principal.application in source_code.published
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["tool_kinds", "applications", "published"]
	not is_array(object.get(source_code, key, null))
}

invalid contains sprintf("published names %q: what is not known is not public", [name]) if {
	some name in source_code.published
	name in {"unknown", "other"}
}

invalid contains sprintf("%q is both in applications and in published", [name]) if {
	some name in source_code.published
	name in source_code.applications
}
