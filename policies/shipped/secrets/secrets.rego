# METADATA
# title: Secrets
# description: Credentials go nowhere, not in-house either.
package ostiary.policies.secrets

# METADATA
# title: Credentials are never sent to a model
# description: |
#   A likely credential that is not a published example is a denial at every
#   pool. Nothing lifts it: a credential in a prompt is in the model's logs too.
# custom:
#   owner: security
deny contains {
	"rule": "no_credentials",
	"message": "The request holds a credential (key, token or password). Remove it and send the request again; rotate it if it was real.",
} if {
	input.findings.groups.credential.count > 0
}
