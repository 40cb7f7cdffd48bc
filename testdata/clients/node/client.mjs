// Official Node SDKs as a test subject: one case per line in, one answer per
// line out, as testdata/clients/README.md describes. Prompts never travel in argv.
// The SDKs are looked for in OSTIARY_TEST_NODE_MODULES, because they are
// installed outside the directory of this file.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const installed = process.env.OSTIARY_TEST_NODE_MODULES;
const require = createRequire(installed ? pathToFileURL(join(installed, 'index.js')) : import.meta.url);
const OpenAI = require('openai');
const Anthropic = require('@anthropic-ai/sdk');

const TOOL = 'get_weather';
const TOOL_DESCRIPTION = 'Current weather of a city';
const TOOL_SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const HEADERS = ['x-ostiary-decision-id', 'x-ostiary-action', 'x-ostiary-pool'];
const DEFAULT_TIMEOUT = 30; // seconds for one case; a test would rather see an error than hang

// Seen is what one case showed.
class Seen {
  #pieces = [];
  #toolName = '';
  #toolArguments = [];

  constructor(c) {
    this.answer = {
      id: c.id ?? '', ok: true, status: 0, text: '', events: 0, finish: '', tool_call: null,
      models: [], tokens: 0, vector: 0, flagged: null, error: null, headers: {},
    };
  }

  response(status, headers) {
    this.answer.status = status;
    for (const h of HEADERS) {
      const v = headers?.get?.(h);
      if (v !== null && v !== undefined) this.answer.headers[h] = v;
    }
  }

  event() { this.answer.events++; }
  text(piece) { if (piece) this.#pieces.push(piece); }
  finish(reason) { if (reason) this.answer.finish = reason; }
  tokens(count) { if (count) this.answer.tokens = count; }
  tool(name, args) {
    if (name) this.#toolName = name;
    if (args) this.#toolArguments.push(args);
  }

  done() {
    this.answer.text = this.#pieces.join('');
    if (this.#toolName) {
      this.answer.tool_call = { name: this.#toolName, arguments: this.#toolArguments.join('') };
    }
    return this.answer;
  }
}

// call awaits one call of an SDK and keeps the answer's status and headers.
async function call(seen, promise) {
  const { data, response } = await promise.withResponse();
  seen.response(response.status, response.headers);
  return data;
}

function options(c, base) {
  return {
    apiKey: c.key || 'test-key',
    baseURL: base,
    maxRetries: c.retries ?? 0,
    timeout: (c.timeout ?? DEFAULT_TIMEOUT) * 1000,
    defaultHeaders: c.headers ?? undefined,
  };
}

const openai = (c) => new OpenAI(options(c, c.base.replace(/\/$/, '') + '/v1'));
const anthropic = (c) => new Anthropic(options(c, c.base.replace(/\/$/, '')));

async function chat(c, seen) {
  const messages = [{ role: 'user', content: c.prompt }];
  if (c.system) messages.unshift({ role: 'system', content: c.system });
  const body = { model: c.model, messages, max_tokens: c.max_tokens ?? 512 };
  if (c.tools) {
    body.tools = [{ type: 'function', function: { name: TOOL, description: TOOL_DESCRIPTION, parameters: TOOL_SCHEMA } }];
  }
  if (!c.stream) {
    const answer = await call(seen, openai(c).chat.completions.create(body));
    const choice = answer.choices[0];
    seen.text(choice.message.content);
    seen.finish(choice.finish_reason);
    for (const t of choice.message.tool_calls ?? []) seen.tool(t.function.name, t.function.arguments);
    seen.tokens(answer.usage?.total_tokens);
    return;
  }
  body.stream = true;
  body.stream_options = { include_usage: true };
  for await (const chunk of await call(seen, openai(c).chat.completions.create(body))) {
    seen.event();
    seen.tokens(chunk.usage?.total_tokens);
    for (const choice of chunk.choices) {
      seen.text(choice.delta?.content);
      seen.finish(choice.finish_reason);
      for (const t of choice.delta?.tool_calls ?? []) seen.tool(t.function?.name, t.function?.arguments);
    }
  }
}

async function responses(c, seen) {
  const body = { model: c.model, input: c.prompt, max_output_tokens: c.max_tokens ?? 512 };
  if (c.system) body.instructions = c.system;
  if (c.tools) {
    body.tools = [{ type: 'function', name: TOOL, description: TOOL_DESCRIPTION, parameters: TOOL_SCHEMA, strict: false }];
  }
  if (!c.stream) {
    responseSeen(await call(seen, openai(c).responses.create(body)), seen, true);
    return;
  }
  body.stream = true;
  for await (const event of await call(seen, openai(c).responses.create(body))) {
    seen.event();
    if (event.type === 'response.output_text.delta') seen.text(event.delta);
    if (['response.completed', 'response.incomplete', 'response.failed'].includes(event.type)) {
      responseSeen(event.response, seen, false);
    }
  }
}

function responseSeen(answer, seen, text) {
  seen.finish(answer.status);
  seen.tokens(answer.usage?.total_tokens);
  for (const item of answer.output) {
    if (item.type === 'function_call') seen.tool(item.name, item.arguments);
    if (item.type !== 'message' || !text) continue;
    for (const part of item.content) if (part.type === 'output_text') seen.text(part.text);
  }
}

async function completions(c, seen) {
  const body = { model: c.model, prompt: c.prompt, max_tokens: c.max_tokens ?? 64 };
  if (!c.stream) {
    const answer = await call(seen, openai(c).completions.create(body));
    seen.text(answer.choices[0].text);
    seen.finish(answer.choices[0].finish_reason);
    seen.tokens(answer.usage?.total_tokens);
    return;
  }
  body.stream = true;
  for await (const chunk of await call(seen, openai(c).completions.create(body))) {
    seen.event();
    for (const choice of chunk.choices) {
      seen.text(choice.text);
      seen.finish(choice.finish_reason);
    }
  }
}

async function embeddings(c, seen) {
  const answer = await call(seen, openai(c).embeddings.create({ model: c.model, input: [c.prompt], encoding_format: 'float' }));
  seen.answer.vector = answer.data[0].embedding.length;
  seen.tokens(answer.usage?.total_tokens);
}

async function moderations(c, seen) {
  const answer = await call(seen, openai(c).moderations.create({ model: c.model, input: c.prompt }));
  seen.answer.flagged = Boolean(answer.results[0].flagged);
}

async function models(c, seen) {
  const client = c.dialect === 'anthropic' ? anthropic(c) : openai(c);
  const page = await call(seen, client.models.list());
  seen.answer.models = page.data.map((m) => m.id);
}

function messagesBody(c) {
  const body = { model: c.model, max_tokens: c.max_tokens ?? 512, messages: [{ role: 'user', content: c.prompt }] };
  if (c.system) body.system = c.system;
  if (c.tools) body.tools = [{ name: TOOL, description: TOOL_DESCRIPTION, input_schema: TOOL_SCHEMA }];
  return body;
}

async function messages(c, seen) {
  const body = messagesBody(c);
  if (!c.stream) {
    messageSeen(await call(seen, anthropic(c).messages.create(body)), seen);
    return;
  }
  body.stream = true;
  for await (const event of await call(seen, anthropic(c).messages.create(body))) {
    seen.event();
    if (event.type === 'content_block_start' && event.content_block.type === 'tool_use') seen.tool(event.content_block.name, '');
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') seen.text(event.delta.text);
    if (event.type === 'content_block_delta' && event.delta.type === 'input_json_delta') seen.tool('', event.delta.partial_json);
    if (event.type === 'message_delta') {
      seen.finish(event.delta.stop_reason);
      seen.tokens(event.usage?.output_tokens);
    }
  }
}

function messageSeen(answer, seen) {
  seen.finish(answer.stop_reason);
  seen.tokens(answer.usage?.output_tokens);
  for (const block of answer.content) {
    if (block.type === 'text') seen.text(block.text);
    if (block.type === 'tool_use') seen.tool(block.name, JSON.stringify(block.input));
  }
}

// messagesHelper uses the accumulating helper, which builds the final message itself.
async function messagesHelper(c, seen) {
  const stream = anthropic(c).messages.stream(messagesBody(c));
  const { response } = await stream.withResponse();
  seen.response(response.status, response.headers);
  for await (const _ of stream) seen.event();
  messageSeen(await stream.finalMessage(), seen);
}

async function countTokens(c, seen) {
  const { max_tokens: _, ...body } = messagesBody(c);
  const answer = await call(seen, anthropic(c).messages.countTokens(body));
  seen.tokens(answer.input_tokens);
}

const OPERATIONS = {
  chat, responses, completions, embeddings, moderations, models, messages,
  messages_helper: messagesHelper, count_tokens: countTokens,
};

// errorOf describes what was thrown as a caller of the SDK can read it.
function errorOf(e, seen) {
  const told = {
    class: e?.constructor?.name ?? '', type: '', code: '', message: String(e?.message ?? e),
    status: e?.status ?? 0, decision_id: '',
  };
  if (e?.headers) {
    seen.response(e.status ?? 0, e.headers);
    told.decision_id = e.headers.get?.('x-ostiary-decision-id') ?? '';
  }
  for (const level of [e?.error, e?.error?.error, e]) {
    for (const field of ['type', 'code', 'decision_id']) {
      const v = level?.[field];
      if (typeof v === 'string' && v !== 'error' && !told[field]) told[field] = v;
    }
  }
  return told;
}

async function run(c) {
  const seen = new Seen(c);
  try {
    await OPERATIONS[c.operation](c, seen);
  } catch (e) { // whatever the SDK throws is what the test is about
    seen.answer.ok = false;
    seen.answer.error = errorOf(e, seen);
  }
  return seen.done();
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim()) process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + '\n');
}
