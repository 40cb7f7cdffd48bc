# METADATA
# title: Tools and MCP servers
# description: Which kinds of tools a provider may run, for whom, and on what.
package ostiary.policies.tools

import data.tools

# METADATA
# title: Only listed kinds of tools
# description: |
#   Tools that the provider runs: web search, code, MCP servers. Those that the
#   client runs itself have no kind. A kind that is not known is "other".
# custom:
#   owner: security
deny contains {
	"rule": "tool_not_listed",
	"code": "tool_not_allowed",
	"message": "The request declares a tool that the provider would run and that is not permitted here. Take it out and send the request again.",
} if {
	some kind in input.request.tool_kinds
	not kind in tools.kinds
	not kind in of_application
}

# METADATA
# title: No protected data to tools that send it on
# description: |
#   A provider's search or MCP server sends parts of the prompt to others whom no
#   rule about pools reaches.
# custom:
#   owner: data_protection
deny contains {
	"rule": "data_to_tools",
	"code": "tool_not_allowed",
	"message": "The request holds protected data and declares a tool that would send it on. Take either out and send the request again.",
} if {
	some kind in input.request.tool_kinds
	kind in tools.reaching
	some group in tools.groups
	input.findings.groups[group].count > 0
}

of_application := object.get(tools.applications, input.principal.application, [])

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains sprintf("%s is not a list", [key]) if {
	some key in ["kinds", "reaching", "groups"]
	not is_array(object.get(tools, key, null))
}

invalid contains "applications is not an object of lists" if {
	not is_object(object.get(tools, "applications", null))
}

invalid contains sprintf("applications.%s is not a list of kinds", [application]) if {
	some application, list in tools.applications
	not is_array(list)
}

invalid contains sprintf("%s: %q is not a kind of tool", [key, kind]) if {
	some key in ["kinds", "reaching"]
	some kind in tools[key]
	not kind in known
}

invalid contains sprintf("applications.%s: %q is not a kind of tool", [application, kind]) if {
	some application, list in tools.applications
	some kind in list
	not kind in known
}

known := {
	"apply_patch", "bash", "code_execution", "code_interpreter", "computer", "file_search", "image_generation",
	"local_shell", "mcp", "memory", "other", "shell", "text_editor", "tool_search", "web_fetch", "web_search",
}
