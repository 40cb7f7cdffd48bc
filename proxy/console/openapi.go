package console

import (
	_ "embed"
	"net/http"
)

// openapi is the description of the API (OpenAPI 3.1), kept by hand. A test
// compares it with the routes, their roles and what they answer.
//
//go:embed openapi.yaml
var openapi []byte

func description(c *call) error {
	c.w.Header().Set("Content-Type", "application/yaml")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(openapi)
	return nil
}
