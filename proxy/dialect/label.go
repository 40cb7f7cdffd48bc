package dialect

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// zone is where in a request a value stands. It decides which labels its keys
// have; it never decides whether a value is inspected.
type zone uint8

const (
	zoneTop     zone = iota // the request itself
	zoneMessage             // an element of messages
	zoneItem                // an element of the input of responses
	zoneBlock               // structure of the API below these
	zoneTool                // a declaration of a tool
	zoneSchema              // JSON Schema
	zoneTokens              // a prompt that may be token ids
	zoneFree                // whatever the client puts there
)

// at is where a value stands.
type at struct {
	zone  zone
	fixed bool
	role  proxy.Role
	key   proxy.Text // nearest key
	name  string     // the same, as text
	typ   string     // type of the object that holds the value
	up    string     // name of that object
	outer string     // type of the object that holds that one
	in    int32      // node of the object that holds the value, -1 for none
}

// json reads a body as JSON. A body of a known operation is an object.
func (r *reading) json(body []byte, object bool) error {
	src := string(body)
	t, f := scan(src, &r.budget, false)
	if f.code != faultNone {
		return f.err()
	}
	if object && t.nodes[0].kind != nodeObject {
		return fault{faultTop, int(t.nodes[0].start)}.err()
	}
	d := r.doc
	d.form = formJSON
	d.trees = append(d.trees, t)
	r.doc.prompt.Segments = slices.Grow(r.doc.prompt.Segments, len(t.texts))
	r.doc.places = slices.Grow(r.doc.places, len(t.texts))
	r.value(0, 0, at{zone: zoneTop, role: proxy.RoleOther, in: -1})
	r.top(t)
	return nil
}

// top takes from the request what is asked of the server.
func (r *reading) top(t *tree) {
	if t.nodes[0].kind != nodeObject {
		return
	}
	p := &r.doc.prompt
	limit := -1
	for k, v := range t.members(0) {
		name, kind := t.text(k), t.nodes[v].kind
		switch name {
		case "model":
			if kind == nodeString {
				p.Model = proxy.TextAt(&t.texts[t.nodes[v].text])
				r.doc.model = place{0, v}
			}
		case "stream":
			p.Stream = kind == nodeLiteral && t.literal(v) == "true"
		case "max_tokens", "max_completion_tokens", "max_output_tokens":
			// The longest answer that the client allows in any of its words.
			if kind == nodeNumber {
				if n, err := strconv.ParseInt(t.text(v), 10, 32); err == nil {
					limit = max(limit, int(n))
				}
			}
		case "tools", "functions", "mcp_servers":
			p.Needs.Tools = p.Needs.Tools || kind == nodeArray && int(t.nodes[v].next) > int(v)+1
		case "web_search_options":
			r.toolKinds = append(r.toolKinds, "web_search")
		case "modalities":
			for m := v + 1; m < t.nodes[v].next; m = t.nodes[m].next {
				p.Needs.Audio = p.Needs.Audio || t.nodes[m].kind == nodeString && t.text(m) == "audio"
			}
		case "response_format", "output_format":
			p.Needs.JSON = p.Needs.JSON || jsonFormat(t, v)
		case "text", "output_config":
			if f := t.member(v, "format"); f >= 0 {
				p.Needs.JSON = p.Needs.JSON || jsonFormat(t, f)
			}
		}
	}
	p.MaxTokens = max(limit, 0)
}

// jsonFormat reports whether a format asks for JSON.
func jsonFormat(t *tree, n int32) bool {
	f := t.member(n, "type")
	return f >= 0 && t.nodes[f].kind == nodeString && (t.text(f) == "json_schema" || t.text(f) == "json_object")
}

// members gives key and value of each member of an object.
func (t *tree) members(n int32) func(yield func(k, v int32) bool) {
	return func(yield func(k, v int32) bool) {
		if t.nodes[n].kind != nodeObject {
			return
		}
		for k := n + 1; k < t.nodes[n].next; k = t.nodes[k+1].next {
			if !yield(k, k+1) {
				return
			}
		}
	}
}

// member gives the value of a key of an object, or -1.
func (t *tree) member(n int32, name string) int32 {
	if t.nodes[n].kind != nodeObject {
		return -1
	}
	for k := n + 1; k < t.nodes[n].next; k = t.nodes[k+1].next {
		if t.text(k) == name {
			return k + 1
		}
	}
	return -1
}

// word gives a string member, or "".
func (t *tree) word(n int32, name string) string {
	if n < 0 {
		return ""
	}
	if v := t.member(n, name); v >= 0 && t.nodes[v].kind == nodeString {
		return t.text(v)
	}
	return ""
}

// value inspects one value and all it holds. Its depth is bounded by the
// scanner's.
func (r *reading) value(tree, n int32, a at) {
	t := r.doc.trees[tree]
	switch t.nodes[n].kind {
	case nodeObject:
		r.object(tree, n, a)
	case nodeArray:
		r.array(tree, n, a)
	case nodeString:
		r.str(tree, n, &a)
	case nodeNumber:
		r.number(tree, n, &a, numberDigits)
	}
}

func (r *reading) number(tree, n int32, a *at, least int) {
	t := r.doc.trees[tree]
	if text := &t.texts[t.nodes[n].text]; digits(*text) >= least {
		r.add(proxy.Segment{Text: proxy.TextAt(text), Key: a.key, Role: a.role, Kind: proxy.KindNumber, Fixed: true}, place{tree, n})
	}
}

func (r *reading) array(tree, n int32, a at) {
	t := r.doc.trees[tree]
	least := numberDigits
	if a.zone == zoneTokens && tokenIDs(t, n) {
		least = tokenDigits
		r.opaque(proxy.Opaque{Index: -1, Kind: "token_ids", Bytes: int(t.nodes[n].end - t.nodes[n].start)})
	}
	for v := n + 1; v < t.nodes[n].next; v = t.nodes[v].next {
		if t.nodes[v].kind == nodeNumber {
			r.number(tree, v, &a, least)
			continue
		}
		r.value(tree, v, a)
	}
}

// tokenIDs reports whether an array holds integers and nothing else.
func tokenIDs(t *tree, n int32) bool {
	some := false
	for v := n + 1; v < t.nodes[n].next; v = t.nodes[v].next {
		if t.nodes[v].kind != nodeNumber || strings.ContainsAny(t.text(v), ".eE-") {
			return false
		}
		some = true
	}
	return some
}

func (r *reading) object(tree, n int32, a at) {
	t := r.doc.trees[tree]
	in := a
	in.in, in.up, in.outer, in.typ = n, a.name, a.typ, ""
	if a.zone != zoneFree && a.zone != zoneSchema {
		// Both may stand after what they speak of.
		in.typ = t.word(n, "type")
		role := ""
		if a.zone == zoneMessage || a.zone == zoneItem {
			role = t.word(n, "role")
		}
		r.enter(t, n, &in, role)
	}
	for k := n + 1; k < t.nodes[n].next; k = t.nodes[k+1].next {
		v, key := k+1, &t.texts[t.nodes[k].text]
		if !ownWord(*key) {
			r.add(proxy.Segment{Text: proxy.TextAt(key), Key: a.key, Role: in.role, Kind: proxy.KindKey, Fixed: true}, place{tree, k})
		}
		m := r.under(&in, *key)
		m.key, m.name = proxy.TextAt(key), *key
		if m.zone != zoneFree && m.zone != zoneSchema && t.nodes[v].kind != nodeObject && structural(*key) {
			m.fixed = true
		}
		r.value(tree, v, m)
	}
}

// enter labels an object by its type and role.
func (r *reading) enter(t *tree, n int32, a *at, role string) {
	needs := &r.doc.prompt.Needs
	switch a.zone {
	case zoneMessage:
		a.role = speaker(role)
	case zoneItem:
		a.role = itemRole(a.typ, role)
		if a.typ == "item_reference" || a.typ == "" && role == "" && t.member(n, "id") >= 0 && t.member(n, "content") < 0 {
			r.state = append(r.state, "item_reference") // the type may be left out
		}
	case zoneTool:
		r.tool(t, n, a)
	case zoneBlock:
		switch {
		case strings.HasSuffix(a.typ, "tool_result"):
			a.role = proxy.RoleTool
		case strings.HasSuffix(a.typ, "tool_use"):
			a.role = proxy.RoleAssistant
		}
		switch a.typ {
		case "image", "image_url", "input_image", "computer_screenshot":
			needs.Images = true
		case "input_audio", "audio":
			needs.Audio = true
		case "file", "input_file", "document", "container_upload":
			needs.Files = needs.Files || a.up == "content" || a.up == "output" || a.up == "system"
		}
	}
}

// speaker gives the role of a message.
func speaker(role string) proxy.Role {
	switch role {
	case "system", "developer":
		return proxy.RoleSystem
	case "user":
		return proxy.RoleUser
	case "assistant":
		return proxy.RoleAssistant
	case "tool", "function":
		return proxy.RoleTool
	}
	return proxy.RoleOther
}

// itemRole gives the role of an item of a responses request: items that carry
// none are calls, which the model made, and their outputs.
func itemRole(typ, role string) proxy.Role {
	switch {
	case role != "":
		return speaker(role)
	case strings.HasSuffix(typ, "_output"):
		return proxy.RoleTool
	case typ == "mcp_list_tools" || typ == "additional_tools":
		return proxy.RoleSchema
	case typ == "mcp_approval_response":
		return proxy.RoleUser
	case typ == "" || typ == "message" || typ == "item_reference":
		return proxy.RoleOther
	}
	// reasoning, compaction, function_call, web_search_call, …
	return proxy.RoleAssistant
}

// tool notes a declared tool. Its kind says whether the provider runs it.
func (r *reading) tool(t *tree, n int32, a *at) {
	switch a.up {
	case "mcp_servers":
		r.toolKinds = append(r.toolKinds, "mcp")
	case "tools", "functions":
		if k := toolKind(a.typ); k != "" {
			r.toolKinds = append(r.toolKinds, k)
		}
	default:
		return // a part of a declaration
	}
	p := &r.doc.prompt
	p.Needs.Tools = true
	for _, f := range []struct {
		in   int32
		name string
	}{{n, "name"}, {t.member(n, "function"), "name"}, {t.member(n, "custom"), "name"}, {n, "server_label"}, {n, "type"}} {
		if f.in < 0 {
			continue
		}
		if v := t.member(f.in, f.name); v >= 0 && t.nodes[v].kind == nodeString {
			p.Tools = append(p.Tools, proxy.TextAt(&t.texts[t.nodes[v].text]))
			return
		}
	}
	p.Tools = append(p.Tools, proxy.Text{})
}

// under gives where the value of a key stands.
func (r *reading) under(a *at, name string) at {
	m := *a
	switch a.zone {
	case zoneFree:
		return m
	case zoneSchema:
		m.fixed = a.fixed || schemaWord(name)
		return m
	case zoneTop:
		m.zone = zoneBlock
		switch name {
		case "system", "instructions":
			m.role = proxy.RoleSystem
		case "input":
			m.role = proxy.RoleUser
			m.zone = zoneTokens
			if r.op == proxy.OpResponses {
				m.zone = zoneItem
			}
		case "prompt":
			m.role = proxy.RoleUser
			m.zone = zoneTokens
			if r.op == proxy.OpResponses {
				m.zone = zoneBlock
			}
		case "suffix":
			m.role = proxy.RoleUser
		case "response_format", "text", "output_config", "output_format":
			m.role = proxy.RoleSchema
		case "tool_choice", "function_call", "container", "thread":
			m.fixed = true
		}
	case zoneMessage, zoneItem, zoneTokens:
		m.zone = zoneBlock
		switch name {
		case "output", "outputs", "results", "result":
			if a.zone == zoneItem {
				m.role = proxy.RoleTool
			}
		}
	}
	switch name {
	case "messages":
		m.zone, m.role = zoneMessage, proxy.RoleOther
	case "tools", "functions", "mcp_servers":
		m.zone, m.role = zoneTool, proxy.RoleSchema
	case "annotations", "arguments", "metadata", "attributes", "env", "labels", "input_examples", "filters":
		m.zone = zoneFree
	case "input":
		if strings.HasSuffix(a.typ, "tool_use") {
			m.zone = zoneFree
		}
	case "parameters", "input_schema", "output_schema", "schema":
		m.zone, m.role = zoneSchema, proxy.RoleSchema
	case "headers":
		m.zone, m.fixed = zoneFree, true
	case "cache_control", "allowed_tools", "require_approval", "domain_secrets", "caller":
		m.fixed = true
	case "name":
		m.fixed = a.fixed || named(a)
	case "thinking":
		// Its signature is over the text (Anthropic, extended thinking).
		m.fixed = true
	}
	return m
}

// named reports whether a name is one that calls and declarations share.
func named(a *at) bool {
	if a.zone == zoneTool {
		return true
	}
	switch a.up {
	case "function", "custom", "function_call", "tool_choice", "json_schema", "format":
		return true
	}
	return strings.HasSuffix(a.typ, "_call") || strings.HasSuffix(a.typ, "tool_use")
}

// str inspects a string: as what cannot be read, as JSON, or as the text it is.
func (r *reading) str(tree, n int32, a *at) {
	t := r.doc.trees[tree]
	text := &t.texts[t.nodes[n].text]
	if *text == "" {
		return
	}
	kind, mime := r.unreadable(t, *text, a)
	if kind == "" && encodedText(*text) {
		kind = "binary"
	}
	if kind == "" && r.nested(tree, n, *text, a) {
		return
	}
	i := r.add(proxy.Segment{Text: proxy.TextAt(text), Key: a.key, Role: a.role, Fixed: a.fixed || kind != ""}, place{tree, n})
	if kind != "" {
		r.opaque(proxy.Opaque{Index: i, Kind: kind, MIME: mime, Bytes: int(t.nodes[n].end-t.nodes[n].start) - 2})
	}
}

// nested reads a string that is JSON itself, an object or an array: its leaves
// stand for it, and can be edited where the string can.
func (r *reading) nested(tree, n int32, text string, a *at) bool {
	if r.depth >= nestingLimit || !bracketed(text) {
		return false
	}
	// A failed attempt gives back what it took: the budget bounds what is kept.
	budget := r.budget
	t, f := scan(text, &budget, true)
	if f.code != faultNone {
		return false
	}
	r.budget = budget
	t.outer, t.outerNode = tree, n
	r.doc.trees = append(r.doc.trees, t)
	r.depth++
	r.value(int32(len(r.doc.trees)-1), 0, at{zone: zoneFree, fixed: a.fixed, role: a.role, key: a.key, in: -1})
	r.depth--
	return true
}

// bracketed reports whether a text could be a JSON object or array.
func bracketed(s string) bool {
	s = strings.Trim(s, " \t\r\n")
	if len(s) < 2 {
		return false
	}
	first, last := s[0], s[len(s)-1]
	return first == '{' && last == '}' || first == '[' && last == ']'
}

// unreadable says of a string that is not text, or stands for something held
// elsewhere, of what kind it is; it notes references to state.
func (r *reading) unreadable(t *tree, text string, a *at) (kind, mime string) {
	if media, ok := dataURL(text); ok {
		return kindOfMedia(media, fallback(a)), mediaType(media)
	}
	if a.zone == zoneFree || a.zone == zoneSchema {
		return "", ""
	}
	switch a.name {
	case "url", "image_url", "video_url", "audio_url", "file_url", "file_uri":
		if a.zone == zoneTool {
			break // where the provider sends things on, see ToolKinds
		}
		if a.name != "url" || strings.HasSuffix(a.up, "_url") || a.up == "source" || a.typ == "url" {
			if a.typ == "image" || a.outer == "image" || strings.HasPrefix(a.name, "image") || strings.HasPrefix(a.up, "image") {
				r.doc.prompt.Needs.Images = true
			}
			return "url", ""
		}
	case "file_id", "file_ids", "input_file_id":
		r.note(strings.TrimSuffix(a.name, "s"))
		return "file_id", ""
	case "file_data":
		return "file", ""
	case "b64_json", "partial_image":
		return "image", ""
	case "result":
		if a.typ == "image_generation_call" {
			return "image", ""
		}
	case "data":
		return r.encoded(t, a)
	case "encrypted_content", "encrypted_index", "encrypted_stdout":
		return "encrypted", ""
	case "signature", "thought_signature":
		return "signature", ""
	case "container", "container_id":
		r.note("container")
		return other, ""
	case "vector_store_ids", "vector_store_id":
		r.note("vector_store_ids")
		return other, ""
	case "previous_response_id", "previous_message_id", "previous_interaction_id", "conversation", "cached_content":
		r.note(a.name)
	case "id":
		switch a.up {
		case "prompt":
			r.note("prompt_id")
			return "prompt_id", ""
		case "container":
			r.note("container")
			return other, ""
		case "conversation":
			r.note("conversation")
		case "audio":
			r.note("audio_id")
			return other, ""
		}
	case "skill_id":
		r.note("skill_id")
		return other, ""
	}
	if a.up == "thread" && a.name != "type" {
		r.note("thread")
	}
	return "", ""
}

func (r *reading) note(state string) { r.state = append(r.state, state) }

// encoded says what a member called data holds: base64 in sources of images and
// documents and in audio, ciphertext in redacted thinking, text in some sources.
func (r *reading) encoded(t *tree, a *at) (kind, mime string) {
	media := t.word(a.in, "media_type")
	switch {
	case a.typ == "redacted_thinking":
		return "encrypted", ""
	case a.up == "input_audio" || a.up == "audio":
		return "audio", mediaType("audio/" + t.word(a.in, "format"))
	case a.up == "source" && a.typ == "text":
		return "", ""
	case a.up == "source" && a.outer == "image":
		return "image", mediaType(media)
	case a.up == "source" && a.outer == "document":
		return "file", mediaType(media)
	case a.up == "source" || a.typ == "base64":
		return kindOfMedia(media, "binary"), mediaType(media)
	}
	return "", ""
}

// fallback is the kind of a data URL whose media type does not say it.
func fallback(a *at) string {
	switch {
	case strings.HasPrefix(a.name, "image") || strings.HasPrefix(a.up, "image"):
		return "image"
	case a.name == "file_data" || strings.HasPrefix(a.name, "file"):
		return "file"
	}
	return other
}

// encodedLeast is the shortest text that counts as encoded: shorter ones are
// keys, tokens and digests, which detectors know, and hold little else.
const encodedLeast = 512

// encodedText reports whether a text can only be base64 (RFC 4648, sections 4
// and 5): long, without a space or a dot, of both cases and of digits. New kinds
// of parts come with new names for their bytes; what cannot be read must not pass
// for text that was.
func encodedText(s string) bool {
	if len(s) < encodedLeast {
		return false
	}
	var lower, upper, digit bool
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
			lower = true
		case 'A' <= c && c <= 'Z':
			upper = true
		case '0' <= c && c <= '9':
			digit = true
		case c == '+' || c == '/' || c == '-' || c == '_' || c == '=' || c == '\r' || c == '\n':
		default:
			return false
		}
	}
	return lower && upper && digit
}

// dataURL gives the media type of a text that is a base64 data URL (RFC 2397).
func dataURL(s string) (media string, ok bool) {
	const scheme, mark = "data:", ";base64"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return "", false
	}
	head, _, found := strings.Cut(s[len(scheme):], ",")
	if !found || len(head) < len(mark) || !strings.EqualFold(head[len(head)-len(mark):], mark) {
		return "", false
	}
	return head[:len(head)-len(mark)], true
}

// unique sorts and takes repeats out.
func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
