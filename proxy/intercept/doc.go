// Package intercept makes the certificates with which Ostiary ends TLS for
// names that are not its own: those of the governed providers.
//
// A [Directory] keeps the certificate authority on disk: the key in a file or in
// the hands of a command, its own root or below the organisation's. What an
// authority could sign is bounded three times over. [Names] says for which names
// a leaf is made at all; the authority's own certificate is constrained to their
// domains, so that a stolen key impersonates nobody else; and a leaf lives a day.
//
// A [Minter] makes leaves when they are asked for. crypto/tls asks it by
// [Minter.GetCertificate], Envoy by [SDS].
//
// The package knows nothing of exchanges, policies or bodies. Private keys and
// what clients asked for appear in no error and no log line of it; a name that
// was refused is a client's word.
package intercept
