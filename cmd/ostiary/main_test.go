package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts and tests run this program by its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ostiary": main, "audit-seed": seedMain})
}
