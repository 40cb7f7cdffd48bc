"""Official Python SDKs as a test subject.

One JSON object per line on standard input is one case; one JSON object per
line on standard output says what the SDK showed its caller. Cases and answers
are described in testdata/clients/README.md. Prompts never travel in argv.
"""

import json
import sys

import anthropic
import openai

TOOL = "get_weather"
TOOL_DESCRIPTION = "Current weather of a city"
TOOL_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
HEADERS = ("x-ostiary-decision-id", "x-ostiary-action", "x-ostiary-pool")
DEFAULT_TIMEOUT = 30.0  # seconds for one case; a test would rather see an error than hang


class Seen:
    """What one case showed."""

    def __init__(self, case):
        self.answer = {
            "id": case.get("id", ""),
            "ok": True,
            "status": 0,
            "text": "",
            "events": 0,
            "finish": "",
            "tool_call": None,
            "models": [],
            "tokens": 0,
            "vector": 0,
            "flagged": None,
            "error": None,
            "headers": {},
        }
        self.pieces = []
        self.tool_name = ""
        self.tool_arguments = []

    def response(self, status, headers):
        self.answer["status"] = status
        self.answer["headers"] = {h: headers[h] for h in HEADERS if h in headers}

    def event(self):
        self.answer["events"] += 1

    def text(self, piece):
        if piece:
            self.pieces.append(piece)

    def tool(self, name, arguments):
        if name:
            self.tool_name = name
        if arguments:
            self.tool_arguments.append(arguments)

    def finish(self, reason):
        if reason:
            self.answer["finish"] = reason

    def tokens(self, count):
        if count:
            self.answer["tokens"] = count

    def done(self):
        self.answer["text"] = "".join(self.pieces)
        if self.tool_name:
            self.answer["tool_call"] = {"name": self.tool_name, "arguments": "".join(self.tool_arguments)}
        return self.answer


def call(seen, resource, **arguments):
    """Make one call through the SDK's raw-response door, which keeps the headers."""
    raw = resource.with_raw_response.create(**arguments)
    seen.response(raw.status_code, raw.headers)
    return raw.parse()


def openai_client(case):
    return openai.OpenAI(
        api_key=case.get("key") or "test-key",
        base_url=case["base"].rstrip("/") + "/v1",
        max_retries=case.get("retries", 0),
        timeout=case.get("timeout", DEFAULT_TIMEOUT),
        default_headers=case.get("headers") or None,
    )


def anthropic_client(case):
    return anthropic.Anthropic(
        api_key=case.get("key") or "test-key",
        base_url=case["base"].rstrip("/"),
        max_retries=case.get("retries", 0),
        timeout=case.get("timeout", DEFAULT_TIMEOUT),
        default_headers=case.get("headers") or None,
    )


def messages_of(case):
    turns = [{"role": "user", "content": case["prompt"]}]
    if case.get("system"):
        turns.insert(0, {"role": "system", "content": case["system"]})
    return turns


def chat(case, seen):
    arguments = {
        "model": case["model"],
        "messages": messages_of(case),
        "max_tokens": case.get("max_tokens", 512),
    }
    if case.get("tools"):
        arguments["tools"] = [
            {
                "type": "function",
                "function": {"name": TOOL, "description": TOOL_DESCRIPTION, "parameters": TOOL_SCHEMA},
            }
        ]
    resource = openai_client(case).chat.completions
    if not case.get("stream"):
        answer = call(seen, resource, **arguments)
        choice = answer.choices[0]
        seen.text(choice.message.content)
        seen.finish(choice.finish_reason)
        for tool in choice.message.tool_calls or []:
            seen.tool(tool.function.name, tool.function.arguments)
        seen.tokens(answer.usage.total_tokens if answer.usage else 0)
        return
    arguments["stream_options"] = {"include_usage": True}
    for chunk in call(seen, resource, stream=True, **arguments):
        seen.event()
        if chunk.usage:
            seen.tokens(chunk.usage.total_tokens)
        for choice in chunk.choices:
            seen.text(choice.delta.content)
            seen.finish(choice.finish_reason)
            for tool in choice.delta.tool_calls or []:
                if tool.function:
                    seen.tool(tool.function.name, tool.function.arguments)


def responses(case, seen):
    arguments = {
        "model": case["model"],
        "input": case["prompt"],
        "max_output_tokens": case.get("max_tokens", 512),
    }
    if case.get("system"):
        arguments["instructions"] = case["system"]
    if case.get("tools"):
        arguments["tools"] = [
            {"type": "function", "name": TOOL, "description": TOOL_DESCRIPTION, "parameters": TOOL_SCHEMA, "strict": False}
        ]
    resource = openai_client(case).responses
    if not case.get("stream"):
        response_seen(call(seen, resource, **arguments), seen)
        return
    for event in call(seen, resource, stream=True, **arguments):
        seen.event()
        if event.type == "response.output_text.delta":
            seen.text(event.delta)
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            response_seen(event.response, seen, text=False)


def response_seen(answer, seen, text=True):
    seen.finish(answer.status)
    seen.tokens(answer.usage.total_tokens if answer.usage else 0)
    for item in answer.output:
        if item.type == "function_call":
            seen.tool(item.name, item.arguments)
        elif item.type == "message" and text:
            for part in item.content:
                if part.type == "output_text":
                    seen.text(part.text)


def completions(case, seen):
    arguments = {"model": case["model"], "prompt": case["prompt"], "max_tokens": case.get("max_tokens", 64)}
    resource = openai_client(case).completions
    if not case.get("stream"):
        answer = call(seen, resource, **arguments)
        seen.text(answer.choices[0].text)
        seen.finish(answer.choices[0].finish_reason)
        seen.tokens(answer.usage.total_tokens if answer.usage else 0)
        return
    for chunk in call(seen, resource, stream=True, **arguments):
        seen.event()
        for choice in chunk.choices:
            seen.text(choice.text)
            seen.finish(choice.finish_reason)


def embeddings(case, seen):
    answer = call(
        seen,
        openai_client(case).embeddings,
        model=case["model"],
        input=[case["prompt"]],
        encoding_format="float",
    )
    seen.answer["vector"] = len(answer.data[0].embedding)
    seen.tokens(answer.usage.total_tokens if answer.usage else 0)


def moderations(case, seen):
    answer = call(seen, openai_client(case).moderations, model=case["model"], input=case["prompt"])
    seen.answer["flagged"] = bool(answer.results[0].flagged)


def models(case, seen):
    client = anthropic_client(case) if case.get("dialect") == "anthropic" else openai_client(case)
    raw = client.models.with_raw_response.list()
    seen.response(raw.status_code, raw.headers)
    seen.answer["models"] = [model.id for model in raw.parse().data]


def anthropic_arguments(case):
    arguments = {
        "model": case["model"],
        "max_tokens": case.get("max_tokens", 512),
        "messages": [{"role": "user", "content": case["prompt"]}],
    }
    if case.get("system"):
        arguments["system"] = case["system"]
    if case.get("tools"):
        arguments["tools"] = [{"name": TOOL, "description": TOOL_DESCRIPTION, "input_schema": TOOL_SCHEMA}]
    return arguments


def messages(case, seen):
    resource = anthropic_client(case).messages
    arguments = anthropic_arguments(case)
    if not case.get("stream"):
        message_seen(call(seen, resource, **arguments), seen)
        return
    for event in call(seen, resource, stream=True, **arguments):
        seen.event()
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            seen.tool(event.content_block.name, "")
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            seen.text(event.delta.text)
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            seen.tool("", event.delta.partial_json)
        elif event.type == "message_delta":
            seen.finish(event.delta.stop_reason)
            seen.tokens(event.usage.output_tokens)


def message_seen(answer, seen):
    seen.finish(answer.stop_reason)
    seen.tokens(answer.usage.output_tokens if answer.usage else 0)
    for block in answer.content:
        if block.type == "text":
            seen.text(block.text)
        elif block.type == "tool_use":
            seen.tool(block.name, json.dumps(block.input, separators=(",", ":")))


def messages_helper(case, seen):
    """The accumulating helper, messages.stream, which builds the final message itself."""
    with anthropic_client(case).messages.stream(**anthropic_arguments(case)) as stream:
        seen.response(stream.response.status_code, stream.response.headers)
        for _ in stream:
            seen.event()
        message_seen(stream.get_final_message(), seen)


def count_tokens(case, seen):
    arguments = anthropic_arguments(case)
    del arguments["max_tokens"]
    raw = anthropic_client(case).messages.with_raw_response.count_tokens(**arguments)
    seen.response(raw.status_code, raw.headers)
    seen.tokens(raw.parse().input_tokens)


OPERATIONS = {
    "chat": chat,
    "responses": responses,
    "completions": completions,
    "embeddings": embeddings,
    "moderations": moderations,
    "models": models,
    "messages": messages,
    "messages_helper": messages_helper,
    "count_tokens": count_tokens,
}


def error_of(failure, seen):
    """Describe the exception as a caller of the SDK can read it."""
    told = {
        "class": type(failure).__name__,
        "type": "",
        "code": "",
        "message": str(failure),
        "status": getattr(failure, "status_code", 0) or 0,
        "decision_id": "",
    }
    response = getattr(failure, "response", None)
    if response is not None:
        seen.response(response.status_code, response.headers)
        told["decision_id"] = response.headers.get("x-ostiary-decision-id", "")
    body = getattr(failure, "body", None)
    for level in (body, body.get("error") if isinstance(body, dict) else None):
        if isinstance(level, dict):
            for field in ("type", "code", "decision_id"):
                if isinstance(level.get(field), str) and level[field] != "error":
                    told[field] = told[field] or level[field]
    for field in ("type", "code"):
        if not told[field] and isinstance(getattr(failure, field, None), str):
            told[field] = getattr(failure, field)
    return told


def run(case):
    seen = Seen(case)
    try:
        OPERATIONS[case["operation"]](case, seen)
    except Exception as failure:  # whatever the SDK throws is what the test is about
        seen.answer["ok"] = False
        seen.answer["error"] = error_of(failure, seen)
    return seen.done()


def main():
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
