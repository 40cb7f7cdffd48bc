# METADATA
# title: Credentials
# description: Keys, tokens and passwords are not for models.
# custom:
#   owner: security
package ostiary.policies.credentials

# METADATA
# title: No credential is sent to a model
# description: |
#   In-house neither: it would be in the logs of the model server and in the
#   history of the conversation.
deny contains {
	"rule": "none_at_all",
	"message": "There is a key, token or password in the request. Take it out and send the rest; if it is real, change it.",
	"code": "credential_in_request",
} if {
	input.findings.groups.credential.count > 0
}
