// Package vault makes what stands in for protected values.
//
// In a request, a value becomes a typed placeholder such as [EMAIL_ADDRESS_1], the
// same for every occurrence of the value in a request, so that a model can still
// tell two people apart. Nothing is kept that could turn a placeholder back into
// its value.
//
// In the personal part of an event of the audit log, a value becomes a keyed
// fingerprint, by which events that mention it are found again, and, where a rule
// asks for it, a sealed excerpt, which the data-protection officer can open and the
// proxy cannot.
//
// # What a key holder can do
//
// A fingerprint is a pseudonym and stays personal data: whoever has the key of an
// epoch can compute the fingerprint of any value and look for it. That is what
// [Keyring.Hash] is for, and what an attacker with the key and the personal parts
// of a log could do with a list of values: of a known list of customers, tell who
// is mentioned; of numbers, try all of them. A fingerprint costs less than a
// microsecond, so one core tries
//
//   - a US social security number's 10^9 in some ten minutes: it has no fingerprint,
//     like every number of fewer than ten characters;
//   - the ten digits of a Danish CPR number, of which dates of birth leave some
//     4·10^8, in minutes, the card numbers of one issuer as fast, and the telephone
//     numbers of a country in an hour or two: they have one, and it hides them from
//     whoever has no key, and from nobody else;
//   - e-mail addresses as fast as they are guessed, and a password that stands in a
//     dictionary at once; one of fewer than ten characters has no fingerprint;
//   - API keys and private keys never.
//
// Names, dates, diagnoses, addresses and IP addresses have no fingerprint at all.
// The beginning of a conversation has one, under a key of its own; a key holder who
// guesses the whole text, as of "hello", sees that it was said.
//
// Without the keys, a fingerprint tells that two events of one epoch mention the
// same value of a type, and nothing else: HMAC-SHA-256 cut to 128 bits.
//
// # Keeping and losing keys
//
// The keys are in the key directory, beside the log and never inside, readable by
// the proxy's user alone: a copy of the log holds none. They belong on another
// backup than the log. One who can read the proxy's memory or become its user has
// the keys that there are; a rule of retention that retires old epochs
// ([Keyring.RetireBefore]) bounds what that is worth: of a fingerprint of a retired
// epoch nobody can tell the value any more, by trying neither. That two events of
// that epoch mention the same one still shows. What is written under one epoch
// cannot be compared with what is written under another, so for whoever has no key
// linking by fingerprints ends with each epoch, and so does it for conversations
// that go on.
//
// A lost key loses the search by value in its epoch; the events and their proofs
// stay. A file that was removed by mistake is treated as retired.
//
// # What a fingerprint does not find
//
// Values are written in one way before: e-mail addresses in lower case, with words
// for @ and . as signs; telephone numbers as digits, with + where they are
// international (00 becomes +, a trunk zero in brackets goes) and without an
// extension; cards as digits; IBANs and national numbers as capitals and digits;
// secrets without white space. Full-width characters and the digits of all scripts
// are read as ASCII, invisible characters are left out.
//
// A telephone number that was written without its country has another fingerprint
// than with it: ask for both. Values that were disguised (in base64, in words, with
// look-alike letters of another script) are found by the detectors but may have a
// fingerprint of the disguise; those whose form is lost are counted as missing
// ([More]). An address with characters beyond ASCII has the fingerprint of the
// composition that it was written in.
//
// # Evidence
//
// An excerpt is sealed to the officer's public key with the decision's id and the
// type (HPKE with ML-KEM-768 and X25519, HKDF-SHA-256, AES-256-GCM). Who has the
// log and the proxy cannot open it, and it opens at no other decision. Its length,
// rounded up to 256 bytes, its number and the types are not hidden. Sealing does
// not say who sealed: that the record is the proxy's is shown by the log's
// commitment to the personal part. Whoever loses the private key loses the
// excerpts; erasing the personal part erases them.
package vault
