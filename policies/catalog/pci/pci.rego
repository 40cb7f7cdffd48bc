# METADATA
# title: PCI DSS
# description: Card data does not leave the house, and what verifies a card goes nowhere.
package ostiary.policies.pci

import data.pci

# METADATA
# title: What verifies a card goes nowhere
# description: |
#   The verification code and what is on the magnetic stripe are sensitive
#   authentication data: they may not be kept after authorisation, and a model
#   server keeps what it is sent. Nothing lifts the rule.
# custom:
#   owner: payment_security
deny contains {
	"rule": "authentication_data",
	"code": "card_authentication_data",
	"message": "The request holds the verification code or the magnetic stripe of a payment card. Remove it and send the request again.",
} if {
	authentication_data
}

# METADATA
# title: Card numbers stay in-house
# description: A likely card number that is not a published test value.
# custom:
#   owner: payment_security
route contains {
	"rule": "card_in_house",
	"message": "The request holds the number of a payment card, which may be processed in-house only.",
	"boundary": "internal",
} if {
	input.findings.types.CREDIT_CARD.count > 0
}

# METADATA
# title: Card numbers are masked in-house
# description: |
#   And cannot be got back from the answer. The applications of
#   data.pci.cardholder_applications, which are in scope of PCI DSS, see them.
# custom:
#   owner: payment_security
mask contains {
	"rule": "card_masked",
	"message": "Numbers and expiry dates of payment cards were replaced by placeholders.",
	"types": ["CREDIT_CARD", "CREDIT_CARD_EXPIRATION"],
	"always": true,
	"reversible": false,
} if {
	input.findings.types.CREDIT_CARD.count > 0
	not in_scope
	input.request.operation != "embeddings"
}

# METADATA
# title: No index of card numbers
# description: Embeddings cannot be masked without spoiling the index, so they are refused.
# custom:
#   owner: payment_security
deny contains {
	"rule": "card_embedding",
	"code": "card_embedding",
	"message": "The request would write the number of a payment card into an index. Remove it and send the request again.",
} if {
	input.findings.types.CREDIT_CARD.count > 0
	not in_scope
	input.request.operation == "embeddings"
}

in_scope if input.principal.application in pci.cardholder_applications

authentication_data if input.findings.types.CREDIT_CARD_CVV.count > 0

authentication_data if input.findings.types.CREDIT_CARD_TRACK.count > 0

# Beside a card number, what may be its code is taken for it.
authentication_data if {
	input.findings.types.CREDIT_CARD.count > 0
	input.findings.types.CREDIT_CARD_CVV.at_least.possible > 0
}

# METADATA
# title: The data of this policy is complete
# description: Evaluated once, when the policies are loaded.
invalid contains "cardholder_applications is not a list" if {
	not is_array(object.get(pci, "cardholder_applications", null))
}

invalid contains sprintf("cardholder_applications names %q: who is not known is not in scope", [name]) if {
	some name in pci.cardholder_applications
	name in {"unknown", "other"}
}
