package audit

import _ "embed"

// schema is made of the structs of package proxy by TestSchema, with -update.
//
//go:embed event.schema.json
var schema []byte

// Schema gives the JSON schema (draft 2020-12) of an event as it is recorded. Versions
// only add: a reader passes over what it does not know.
func Schema() []byte { return append([]byte(nil), schema...) }
