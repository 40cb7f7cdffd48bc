package dialect

import "strings"

// ownWord reports whether a key is a word of the APIs themselves: a field of
// OpenAI's or Anthropic's requests, or a keyword of JSON Schema. Such a key says
// nothing about anybody and is not inspected; every other key is. The list is
// only about noise: what is missing from it is inspected once more than needed.
func ownWord(key string) bool {
	switch key {
	// Requests.
	case "model", "messages", "role", "content", "name", "type", "text", "stream", "stream_options", "include_usage",
		"include_obfuscation", "temperature", "top_p", "top_k", "n", "stop", "max_tokens", "max_completion_tokens",
		"max_output_tokens", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "user", "seed",
		"tools", "tool_choice", "tool_calls", "tool_call_id", "function", "functions", "function_call", "arguments", "parameters",
		"strict", "parallel_tool_calls", "response_format", "json_schema", "schema", "metadata", "store", "service_tier",
		"modalities", "audio", "voice", "format", "prediction", "reasoning_effort", "reasoning", "effort", "summary", "verbosity",
		"web_search_options", "search_context_size", "user_location", "approximate", "city", "country", "region", "timezone",
		"safety_identifier", "prompt_cache_key", "prompt_cache_retention", "refusal", "image_url", "input_audio", "file",
		"file_data", "file_id", "file_url", "filename", "url", "detail", "data", "custom", "grammar", "syntax", "definition",
		"allowed_tools", "mode", "moderation", "reasoning_content", "annotations":
		return true
	// Completions, embeddings, moderations.
	case "prompt", "suffix", "echo", "best_of", "input", "encoding_format", "dimensions":
		return true
	// Responses.
	case "instructions", "previous_response_id", "conversation", "background", "include", "max_tool_calls", "truncation",
		"context_management", "id", "object", "status", "output", "outputs", "action", "actions", "call_id", "queries", "query",
		"results", "result", "score", "attributes", "code", "logs", "container", "container_id", "file_ids", "encrypted_content",
		"item_reference", "command", "commands", "timeout_ms", "max_output_length", "working_directory", "env", "exit_code",
		"outcome", "stdout", "stderr", "operation", "diff", "path", "server_label", "server_url", "server_description",
		"connector_id", "tunnel_id", "authorization", "headers", "require_approval", "always", "never", "tool_names", "read_only",
		"approval_request_id", "approve", "reason", "error", "message", "vector_store_ids", "max_num_results", "ranking_options",
		"ranker", "score_threshold", "filters", "key", "value", "allowed_domains", "blocked_domains", "environment",
		"environment_variables", "network_policy", "domain_secrets", "domain", "memory_limit", "skills", "skill_id", "source",
		"version", "variables", "display_width", "display_height", "partial_images", "quality", "size", "output_format",
		"output_compression", "input_fidelity", "input_image_mask", "pending_safety_checks", "acknowledged_safety_checks",
		"button", "x", "y", "scroll_x", "scroll_y", "keys", "pattern", "sources", "start_index", "end_index", "index", "title",
		"fingerprint", "namespace", "caller", "caller_id", "phase", "compact_threshold", "generate_summary":
		return true
	// Anthropic.
	case "system", "max_uses", "stop_sequences", "user_id", "thinking", "budget_tokens", "signature", "cache_control", "ttl",
		"media_type", "tool_use_id", "is_error", "input_schema", "input_examples", "output_config", "disable_parallel_tool_use",
		"citations", "cited_text", "document_index", "document_title", "start_char_index", "end_char_index", "start_page_number",
		"end_page_number", "start_block_index", "end_block_index", "encrypted_index", "encrypted_stdout", "page_age", "context",
		"enabled", "mcp_servers", "authorization_token", "tool_configuration", "inference_geo", "diagnostics",
		"previous_message_id", "thread", "user_profile_id", "fallbacks", "edits", "trigger", "keep", "clear_at_least",
		"exclude_tools", "clear_tool_inputs", "display_width_px", "display_height_px", "display_number", "max_characters",
		"defer_loading", "allowed_callers", "error_code", "content_block", "max_content_tokens", "speed", "return_code",
		"display", "task_budget", "total":
		return true
	// JSON Schema.
	case "$schema", "$id", "$ref", "$defs", "$comment", "$anchor", "definitions", "properties", "required", "description",
		"enum", "const", "items", "prefixItems", "additionalProperties", "patternProperties", "propertyNames", "anyOf", "allOf",
		"oneOf", "not", "if", "then", "else", "default", "examples", "minimum", "maximum", "exclusiveMinimum",
		"exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties",
		"maxProperties", "contains", "nullable", "readOnly", "deprecated", "output_schema":
		return true
	}
	return false
}

// structural reports whether a string under this key names something in the
// API's own terms, wherever the structure is the API's: an edit would break the
// request or make it mean something else.
func structural(key string) bool {
	switch key {
	case "type", "role", "id", "status", "object", "detail", "model", "format", "effort", "mode", "voice", "media_type",
		"mime_type", "service_tier", "encoding_format", "truncation", "include", "modalities", "verbosity", "syntax",
		"stop_reason", "phase", "ttl", "prompt_cache_retention", "size", "quality", "background", "output_format", "version",
		"search_context_size", "ranker", "button", "server_label", "server_url", "namespace", "allowed_callers", "tool_names",
		"reasoning_effort", "inference_geo", "speed", "input_fidelity", "definition", "fingerprint", "error_code",
		"authorization", "authorization_token", "domain_secrets", "allowed_domains", "blocked_domains", "file_ids",
		"vector_store_ids", "generate_summary", "thought_signature", "fallbacks", "return_tokens":
		return true
	}
	return strings.HasSuffix(key, "_id") && key != "user_id"
}

// schemaWord reports whether a string under this keyword of JSON Schema holds
// the schema together. Descriptions, titles, defaults and examples do not.
func schemaWord(key string) bool {
	switch key {
	case "type", "$schema", "$id", "$ref", "$anchor", "required", "enum", "const", "pattern", "format":
		return true
	}
	return false
}

// toolKinds is the list of server-side tools, each by the beginning of its type.
var toolKinds = [...]struct{ prefix, kind string }{
	{"web_search", "web_search"}, {"web_fetch", "web_fetch"}, {"file_search", "file_search"}, {"code_interpreter", "code_interpreter"},
	{"code_execution", "code_execution"}, {"computer", "computer"}, {"mcp", "mcp"}, {"image_generation", "image_generation"},
	{"local_shell", "local_shell"}, {"shell", "shell"}, {"apply_patch", "apply_patch"}, {"bash", "bash"}, {"text_editor", "text_editor"},
	{"memory", "memory"}, {"tool_search", "tool_search"},
}

// toolKind gives the kind of a server-side tool from the type it is declared
// with: the word itself, or the word and a version (web_search_20250305). Tools
// that the client runs itself have none. A type that is not known is "other": it
// may well make the provider send data on.
func toolKind(typ string) string {
	switch typ {
	case "", "function", "custom", "namespace":
		return ""
	}
	for _, k := range toolKinds {
		if rest, ok := strings.CutPrefix(typ, k.prefix); ok && (rest == "" || rest[0] == '_' || rest[0] == '-') {
			return k.kind
		}
	}
	return other
}

// other stands for what is not in a fixed list.
const other = "other"

// mediaType gives a media type where it is one of the usual ones, else "". What
// a client writes there may be anything.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.Trim(s, " \t"))
	switch s {
	case "image/jpg":
		return "image/jpeg"
	case "audio/mp3":
		return "audio/mpeg"
	case "audio/x-wav", "audio/wave":
		return "audio/wav"
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/heic", "image/svg+xml",
		"audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/webm", "audio/mp4", "audio/aac",
		"video/mp4", "video/webm", "video/quicktime", "application/pdf", "application/zip", "application/octet-stream",
		"application/json", "application/xml", "application/msword", "application/vnd.ms-excel",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"application/vnd.openxmlformats-officedocument.presentationml.presentation",
		"text/plain", "text/csv", "text/html", "text/markdown":
		return s
	}
	return ""
}
