package dialect

import (
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// faultRow is what a client is told of a fault. The sentence never quotes what
// was read; # stands for the byte at which it was met.
type faultRow struct {
	kind proxy.ErrorKind
	code string
	hint string
}

var faults = [...]faultRow{
	faultNone:      {proxy.Fault, "internal_error", ""},
	faultEmpty:     {proxy.Malformed, "json_empty", "The body is empty where this API takes a JSON object. Send one."},
	faultCut:       {proxy.Malformed, "json_incomplete", "The JSON of the body ends too early, at byte #. Send all of it."},
	faultSyntax:    {proxy.Malformed, "json_syntax", "The body is not valid JSON at byte #. Correct it."},
	faultTrailing:  {proxy.Malformed, "json_trailing", "There is more after the JSON value of the body, at byte #. Send one value and nothing else."},
	faultDuplicate: {proxy.Malformed, "json_duplicate_key", "An object of the body has the same key twice, at byte #; servers read that in different ways. Send each key once."},
	faultCollision: {proxy.Malformed, "json_colliding_keys", "An object of the body has two keys that differ in case only, at byte #; servers read that in different ways. Rename one."},
	faultUTF8:      {proxy.Malformed, "json_not_utf8", "The body is not valid UTF-8 at byte #. Encode it as UTF-8."},
	faultSurrogate: {proxy.Malformed, "json_unpaired_surrogate", "The body holds half of a surrogate pair at byte #; servers read that in different ways. Send whole characters."},
	faultEscape:    {proxy.Malformed, "json_escape", "A string of the body holds an escape that JSON does not know, at byte #. Correct it."},
	faultControl:   {proxy.Malformed, "json_control_character", "A string of the body holds a raw control character at byte #. Escape it."},
	faultNumber:    {proxy.Malformed, "json_number", "The body holds a number that JSON does not allow, at byte #. Correct it."},
	faultDepth:     {proxy.Malformed, "json_too_deep", "The body is nested more than " + depthText + " levels deep at byte #. Flatten it."},
	faultValues:    {proxy.TooLarge, "json_too_many_values", "The body holds too many values to be inspected, counted at byte #. Split the request."},
	faultBOM:       {proxy.Malformed, "json_byte_order_mark", "The body begins with a byte order mark, which JSON does not allow. Leave it out."},
	faultTop:       {proxy.Malformed, "json_not_object", "The body is not a JSON object, which this API takes. Send one."},
}

// depthText is depthLimit in words of a sentence; a test compares the two.
const depthText = "64"

// err makes the error that crosses rooms.
func (f fault) err() *proxy.Error {
	row := &faults[f.code]
	return &proxy.Error{Op: "read body", Kind: row.kind, Code: row.code, Hint: strings.ReplaceAll(row.hint, "#", strconv.Itoa(f.at))}
}
