# An application in Python that was written without Ostiary in mind: the same
# requests by requests, httpx and OpenAI's SDK. It takes cases as lines of JSON and
# tells what its libraries told it, a line each. See ways_clients_test.go.
import json
import os
import sys

URL = "https://api.openai.com/v1/chat/completions"
KEY = os.environ["OPENAI_API_KEY"]


def body(case):
    return {"model": "gpt-5", "stream": case["stream"], "messages": [{"role": "user", "content": case["prompt"]}]}


def headers():
    return {"authorization": "Bearer " + KEY}


def told(status, got, text="", events=0):
    return {"status": status, "pool": got.get("x-ostiary-pool", ""), "action": got.get("x-ostiary-action", ""),
            "decision": got.get("x-ostiary-decision-id", ""), "text": text, "events": events}


def streamed(lines):
    """What an application shows of a stream: its text and how many events it had."""
    text, events = "", 0
    for line in lines:
        if isinstance(line, bytes):
            line = line.decode()
        if not line.startswith("data: ") or line == "data: [DONE]":
            continue
        events += 1
        for choice in json.loads(line[6:])["choices"]:
            text += choice["delta"].get("content") or ""
    return text, events


class WithRequests:
    def __init__(self):
        import requests
        self.requests = requests

    def chat(self, case):
        got = self.requests.post(URL, json=body(case), headers=headers(), stream=case["stream"], timeout=60)
        try:
            got.raise_for_status()
        except self.requests.HTTPError as error:
            return told(got.status_code, got.headers) | {"class": type(error).__name__, "message": got.json()["error"]["message"]}
        if case["stream"]:
            return told(got.status_code, got.headers, *streamed(got.iter_lines()))
        return told(got.status_code, got.headers, got.json()["choices"][0]["message"]["content"])

    def get(self, url):
        got = self.requests.get(url, timeout=60)
        return told(got.status_code, got.headers, got.text)


class WithHTTPX:
    def __init__(self):
        import httpx
        self.httpx = httpx
        self.client = httpx.Client(timeout=60)

    def chat(self, case):
        with self.client.stream("POST", URL, json=body(case), headers=headers()) as got:
            try:
                got.raise_for_status()
            except self.httpx.HTTPStatusError as error:
                got.read()
                return told(got.status_code, got.headers) | {"class": type(error).__name__, "message": got.json()["error"]["message"]}
            if case["stream"]:
                return told(got.status_code, got.headers, *streamed(got.iter_lines()))
            got.read()
            return told(got.status_code, got.headers, got.json()["choices"][0]["message"]["content"])

    def get(self, url):
        got = self.client.get(url)
        return told(got.status_code, got.headers, got.text)


class WithSDK:
    def __init__(self):
        import openai
        self.openai = openai
        self.client = openai.OpenAI(max_retries=0, timeout=60)

    def chat(self, case):
        try:
            got = self.client.chat.completions.with_raw_response.create(**body(case))
        except self.openai.APIStatusError as error:
            return told(error.status_code, error.response.headers) | {"class": type(error).__name__, "message": error.message}
        answer = got.parse()
        if not case["stream"]:
            return told(got.status_code, got.headers, answer.choices[0].message.content)
        text, events = "", 0
        for event in answer:
            events += 1
            for choice in event.choices:
                text += choice.delta.content or ""
        return told(got.status_code, got.headers, text, events)

    def get(self, url):
        return WithRequests().get(url)


KINDS = {"requests": WithRequests, "httpx": WithHTTPX, "openai": WithSDK}
made = {}
for line in sys.stdin:
    case = json.loads(line)
    try:
        if case["client"] not in made:
            made[case["client"]] = KINDS[case["client"]]()
        client = made[case["client"]]
        answer = client.get(case["url"]) if case.get("url") else client.chat(case)
    except Exception as error:  # the application's last resort
        answer = {"class": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), flush=True)
