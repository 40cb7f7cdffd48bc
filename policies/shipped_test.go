package policies_test

import (
	"context"
	"testing"

	"github.com/ostiary/ostiary/policies"
)

// TestShippedUnitTests runs the Rego unit tests beside the shipped policies.
func TestShippedUnitTests(t *testing.T) {
	results, err := policies.Test(context.Background(), policies.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 30 {
		t.Errorf("only %d unit tests ran", len(results))
	}
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			if !r.Passed {
				t.Errorf("%s:%d failed: cases %q, error %q, output %q", r.File, r.Line, r.Cases, r.Error, r.Output)
			}
		})
	}
}
