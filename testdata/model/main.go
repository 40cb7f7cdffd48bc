// Command model writes a tiny language model that answers by script, for tests
// that need a real model server and must not download weights.
//
//	go run ./testdata/model -o scripted.gguf
//
// The file is a GGUF (version 3) of the llama architecture that any server built
// on llama.cpp loads. What it says is fixed, whatever the temperature: the words
// PII, TOOL and LONG in the last message choose a script, everything else gets a
// greeting. See [scripts].
//
// How a transformer recites: attention and feed-forward weights are zero, so the
// residual stream carries nothing but the embedding of the last token. Each
// script is cut into pieces that occur nowhere else, each piece is a token with
// a dimension of its own, and the output matrix gives the piece that follows a
// lead that no sampler overlooks. The prompt's own tokens (single bytes) share
// one dimension, which leads to the greeting; the chat template ends with the
// start token of the script it chose.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// scripts are what the model can say. The text of the tool script is a call in
// the notation that the template declares, so that the server's own parser makes
// a tool call of it.
var scripts = []script{
	{start: "<|hello|>", text: "Hello from the in-house model. How can I help you today?"},
	{start: "<|pii|>", text: "The customer is Greta Sandvoll; write to greta.sandvoll@kunde.example or call +47 22 86 44 00."},
	{start: "<|tool|>", text: "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Tromso\"}}\n</tool_call>"},
	{start: "<|done|>", text: "Thank you, the tool has answered and the matter is settled."},
	{start: "<|long|>", text: longText()},
}

// longLines is the length of the long script in lines. A streamed answer of that
// many events is what tests of streaming and of cancelled streams need.
const longLines = 200

func longText() string {
	var b strings.Builder
	b.WriteString("Once upon a time a long answer was asked for.")
	for i := 1; i <= longLines; i++ {
		fmt.Fprintf(&b, "\n%03d sheep went over the bridge", i)
	}
	return b.String()
}

// chatTemplate is in Jinja. It renders the start of every message, which is
// enough for servers that read the notation of tool calls off the template, and
// bounds the prompt, so that no conversation outgrows the context.
const chatTemplate = `{%- if tools %}{{- '<|turn|>system\nTools are called as <tool_call>\n{"name": NAME, "arguments": OBJECT}\n</tool_call><|end|>' }}{%- endif %}
{%- for message in messages %}
{{- '<|turn|>' + message.role + '\n' }}
{%- if message.content is string %}{{- message.content[:120] }}{%- endif %}
{%- if message.tool_calls %}{%- for call in message.tool_calls %}
{%- set f = call.function if call.function else call %}
{{- '<tool_call>\n{"name": "' + f.name + '", "arguments": ' + (f.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor %}{%- endif %}
{{- '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{%- set last = messages[-1] %}
{%- set said = last.content if last.content is string else '' %}
{{- '<|turn|>assistant\n' }}
{%- if last.role == 'tool' %}{{- '<|done|>' }}
{%- elif tools and 'TOOL' in said %}{{- '<|tool|>' }}
{%- elif 'PII' in said %}{{- '<|pii|>' }}
{%- elif 'LONG' in said %}{{- '<|long|>' }}
{%- else %}{{- '<|hello|>' }}{%- endif %}
{%- endif %}`

func main() {
	out := flag.String("o", "scripted.gguf", "`file` to write")
	flag.Parse()
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(2)
	}
}

// write makes the file under a temporary name first: another process may be
// reading the old one.
func write(path string) error {
	m, err := build(scripts)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, m.encode(), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
