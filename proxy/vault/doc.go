// Package vault makes what stands in for protected values.
//
// Today that is one way only: a value becomes a typed placeholder such as
// [EMAIL_ADDRESS_1], the same for every occurrence of the value in a request, so
// that a model can still tell two people apart. Nothing is kept that could turn
// a placeholder back into its value.
package vault
