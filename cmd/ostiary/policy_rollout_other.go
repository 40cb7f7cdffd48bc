//go:build !linux

package main

// exchange swaps two files or directories.
func exchange(a, b string) error { return exchangeInSteps(a, b) }
