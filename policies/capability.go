package policies

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// evaluator names the version of OPA that evaluates; it is part of every
// revision, because a new one may decide otherwise.
const evaluator = "opa v1.22.2"

// allowed lists the builtins that policies may use: those that give the same
// result for the same arguments on every machine. Left out are the clock,
// randomness, the network, the environment, the keys and signatures of JWT and
// X.509 (their place is proxy/identity, and Facts say what it found), whatever
// reads a database of the machine (time zones), and what builds a result far
// larger than its arguments (numbers.range, net.cidr_expand, strings.repeat).
var allowed = strings.Fields(`
	abs and array.concat array.flatten array.reverse array.slice assign
	base64.decode base64.encode base64.is_valid base64url.decode base64url.encode base64url.encode_no_pad
	bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor
	ceil concat contains count div endswith eq equal floor format_int glob.match glob.quote_meta
	graph.reachable graph.reachable_paths gt gte hex.decode hex.encode indexof indexof_n
	internal.member_2 internal.member_3 internal.print internal.template_string internal.test_case
	intersection is_array is_boolean is_null is_number is_object is_set is_string
	json.filter json.is_valid json.marshal json.patch json.remove json.unmarshal
	lower lt lte max min minus mul neq net.cidr_contains net.cidr_contains_matches net.cidr_intersects net.cidr_is_valid
	object.filter object.get object.keys object.remove object.subset object.union object.union_n or plus print product
	regex.find_all_string_submatch_n regex.find_n regex.globs_match regex.is_valid regex.match regex.replace regex.split regex.template_match
	rem replace round semver.compare semver.is_valid sort split sprintf startswith
	strings.any_prefix_match strings.any_suffix_match strings.count strings.replace_n strings.reverse
	substring sum time.parse_duration_ns time.parse_rfc3339_ns to_number trim trim_left trim_prefix trim_right trim_space trim_suffix
	type_name union units.parse units.parse_bytes upper walk`)

// foldDecl declares ostiary.fold(contributions, facts), which the library's
// verdict is made with.
var foldDecl = &ast.Builtin{
	Name: "ostiary.fold",
	Decl: types.NewFunction(types.Args(types.A, types.A), types.A),
}

// capabilities gives what policies may use of OPA.
func capabilities() *ast.Capabilities {
	c := *ast.CapabilitiesForThisVersion()
	keep := map[string]bool{}
	for _, name := range allowed {
		keep[name] = true
	}
	all := c.Builtins
	c.Builtins = []*ast.Builtin{foldDecl}
	for _, b := range all {
		if keep[b.Name] && !b.Nondeterministic {
			c.Builtins = append(c.Builtins, b)
		}
	}
	c.AllowNet = []string{} // no schema is fetched from anywhere
	return &c
}

// reasonAgainst says why a builtin of OPA is not to be had here, or "" where
// OPA has none of that name.
func reasonAgainst(name string) string {
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		if b.Name != name {
			continue
		}
		switch {
		case name == "time.now_ns":
			return "The time of the request is in input.time"
		case strings.HasPrefix(name, "time."):
			return "Time zones differ from machine to machine; input.time is in UTC"
		case strings.HasPrefix(name, "http."), strings.HasPrefix(name, "net.lookup"), strings.HasPrefix(name, "providers."):
			return "A policy may not depend on the network: put what it needs into a data file"
		case strings.HasPrefix(name, "io.jwt."), strings.HasPrefix(name, "crypto."):
			return "Keys and signatures are checked before policy; input.principal says who asks"
		}
		return "A decision must be repeatable from its facts alone"
	}
	return ""
}
