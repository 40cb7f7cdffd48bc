package pci_test

import data.ostiary
import data.ostiary.policies.pci

harmless := ostiary.example

card := object.union(harmless, ostiary.finding("CREDIT_CARD", ["personal", "financial"]))

none := {"very_unlikely": 0, "unlikely": 0, "possible": 0, "likely": 0, "very_likely": 0}

possible := object.union(none, {"very_unlikely": 1, "unlikely": 1, "possible": 1})

with_type(facts, type, tally) := object.union(facts, {"findings": {"types": {type: object.union(ostiary.tally(["financial"]), tally)}}})

denies(facts, rule, code) if {
	some deny in pci.deny with input as facts
	deny.rule == rule
	deny.code == code
}

silent(facts) if {
	count(pci.deny) == 0 with input as facts
	count(pci.route) == 0 with input as facts
	count(pci.mask) == 0 with input as facts
}

test_harmless_is_silent if silent(harmless)

test_codes_and_stripes_go_nowhere[type] if {
	some type in ["CREDIT_CARD_CVV", "CREDIT_CARD_TRACK"]
	facts := object.union(harmless, ostiary.finding(type, ["financial"]))
	denies(facts, "authentication_data", "card_authentication_data")
	ostiary.verdict.action == "deny" with input as facts
}

test_codes_go_nowhere_in_house_too if {
	facts := object.union(harmless, {"destination": {"boundary": "internal", "pool": "house"}})
	denies(object.union(facts, ostiary.finding("CREDIT_CARD_CVV", ["financial"])), "authentication_data", "card_authentication_data")
}

test_a_possible_code_alone_is_silent if {
	silent(with_type(harmless, "CREDIT_CARD_CVV", {"count": 0, "at_least": possible}))
}

test_a_possible_code_beside_a_card_goes_nowhere if {
	denies(with_type(card, "CREDIT_CARD_CVV", {"count": 0, "at_least": possible}), "authentication_data", "card_authentication_data")
}

test_an_unlikely_code_beside_a_card_does_not_count if {
	facts := with_type(card, "CREDIT_CARD_CVV", {"count": 0, "at_least": object.union(possible, {"possible": 0})})
	count(pci.deny) == 0 with input as facts
}

test_a_possible_code_beside_a_possible_card_is_silent if {
	facts := with_type(with_type(harmless, "CREDIT_CARD", {"count": 0}), "CREDIT_CARD_CVV", {"count": 0, "at_least": possible})
	silent(facts)
}

test_cards_stay_in_house_and_are_masked if {
	some route in pci.route with input as card
	route.rule == "card_in_house"
	route.boundary == "internal"
	some mask in pci.mask with input as card
	mask.rule == "card_masked"
	mask.types == ["CREDIT_CARD", "CREDIT_CARD_EXPIRATION"]
	mask.always
	mask.reversible == false
	count(pci.deny) == 0 with input as card
}

test_test_values_are_silent if {
	silent(with_type(harmless, "CREDIT_CARD", {"count": 0, "synthetic": 1, "at_least": none}))
}

test_other_financial_data_is_silent if {
	silent(object.union(harmless, ostiary.finding("IBAN_CODE", ["personal", "financial"])))
}

test_no_index_of_cards if {
	facts := object.union(card, {"request": {"operation": "embeddings"}})
	denies(facts, "card_embedding", "card_embedding")
	count(pci.mask) == 0 with input as facts
}

test_embeddings_of_other_things_pass if {
	silent(object.union(harmless, {"request": {"operation": "embeddings"}}))
	silent(object.union(with_type(harmless, "CREDIT_CARD", {"count": 0}), {"request": {"operation": "embeddings"}}))
}

test_in_scope_sees_the_number if {
	facts := object.union(card, {"principal": {"application": "acquiring"}})
	count(pci.mask) == 0 with input as facts with data.pci.cardholder_applications as ["acquiring"]
	count(pci.route) == 1 with input as facts with data.pci.cardholder_applications as ["acquiring"]
	embedding := object.union(facts, {"request": {"operation": "embeddings"}})
	count(pci.deny) == 0 with input as embedding with data.pci.cardholder_applications as ["acquiring"]
}

test_in_scope_sees_no_code if {
	facts := object.union(object.union(card, {"principal": {"application": "acquiring"}}), ostiary.finding("CREDIT_CARD_CVV", ["financial"]))
	denies(facts, "authentication_data", "card_authentication_data") with data.pci.cardholder_applications as ["acquiring"]
}

test_data_is_valid if count(pci.invalid) == 0

test_wrong_data_is_found[note] if {
	some note, wrong in {"no list": "acquiring", "everybody": ["unknown"], "others": ["acquiring", "other"]}
	count(pci.invalid) == 1 with data.pci.cardholder_applications as wrong
}

test_what_may_be_a_stripe_is_silent if silent(with_type(harmless, "CREDIT_CARD_TRACK", {"count": 0, "at_least": possible}))
