// Package bypass tries, from an application's side, to reach a provider of models
// round Ostiary. It runs where the application runs: its machine, pod, namespace
// and uid. Each [Attempt] is one trick; its [Outcome] says what came of it.
//
// # How to read a row
//
//   - refused: nothing of the provider was reached. Detail says how it ended:
//     closed, unreachable, no_answer, denied, elsewhere (the bytes went to another
//     host, the one that was named), not_there, no_permission.
//   - governed: Ostiary was reached: TLS ended with a certificate of its authority
//     (ended_here), or the answer carried the id of a decision (decided), which
//     [Outcome.Decision] is. A governed row is as it must be.
//   - round: the provider, or somebody who is not Ostiary, was reached. Detail says
//     what gave it away: a certificate, an answer without a decision, a datagram.
//   - inconclusive: a connection stood and nothing more could be seen.
//
// Refused and governed are as they must be, round is not. A row marked as a note is
// no way to the provider by itself, but worth knowing.
//
// # How it tells
//
// Where TLS comes to a certificate, what counts is who signed it: a signature of
// Ostiary's authority is verified, no name is compared. Any other certificate for
// a connection that was meant for the provider is a bypass, whatever became of
// the handshake afterwards. Where HTTP comes to an answer, it must carry the id of
// a decision, or be one of Ostiary's own refusals. An answer that says so can be
// forged by whoever stands in between: the ids are to be looked up in the audit
// log.
//
// # What a refusal proves
//
// A refusal alone proves little: a wrong address refuses, too, and so does a
// machine without a network. [Try] therefore first makes sure that something is
// reached ([Report.Alive]). That the very attempt would have come through, had
// nothing stood in between, shows a run from outside Ostiary's reach (another
// machine, an exempt uid), which [Report.Prove] sets against this one.
//
// # What is sent
//
// A constant sentence with a random word, in a request that Ostiary refuses under
// every policy and in every mode; never a key, never content. Providers answer it
// with an error.
package bypass
