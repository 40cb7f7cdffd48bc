package config

import _ "embed"

//go:embed initial.yaml
var initial []byte

//go:embed reference.txt
var reference string

// Initial gives the commented configuration that a new user starts from. It is
// valid as it stands; with the # taken off, its examples are too.
func Initial() []byte { return append([]byte(nil), initial...) }

// Reference describes every key, as the doc comments of [Config] do.
func Reference() string { return reference }
