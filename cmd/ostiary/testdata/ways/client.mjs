// An application in Node that was written without Ostiary in mind: fetch, and
// OpenAI's SDK. It takes cases as lines of JSON and tells what it was told, a line
// each. See ways_clients_test.go.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(process.env.OSTIARY_TEST_NODE_MODULES + '/')
const URL_ = 'https://api.openai.com/v1/chat/completions'

const body = (c) => ({ model: 'gpt-5', stream: c.stream, messages: [{ role: 'user', content: c.prompt }] })

const told = (status, headers, text = '', events = 0) => ({
  status, pool: headers.get('x-ostiary-pool') ?? '', action: headers.get('x-ostiary-action') ?? '',
  decision: headers.get('x-ostiary-decision-id') ?? '', text, events,
})

async function withFetch(c) {
  if (c.url) {
    const r = await fetch(c.url)
    return told(r.status, r.headers, await r.text())
  }
  const r = await fetch(URL_, {
    method: 'POST', body: JSON.stringify(body(c)),
    headers: { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.OPENAI_API_KEY },
  })
  if (!r.ok) return { ...told(r.status, r.headers), class: 'Response', message: (await r.json()).error.message }
  if (!c.stream) return told(r.status, r.headers, (await r.json()).choices[0].message.content)
  let rest = '', text = '', events = 0
  for await (const piece of r.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      if (!line.startsWith('data: ') || line === 'data: [DONE]') continue
      events++
      for (const choice of JSON.parse(line.slice(6)).choices) text += choice.delta.content ?? ''
    }
  }
  return told(r.status, r.headers, text, events)
}

let sdk
async function withSDK(c) {
  if (!sdk) {
    const { OpenAI } = require('openai')
    sdk = new OpenAI({ maxRetries: 0, timeout: 60_000 })
  }
  try {
    const { data, response } = await sdk.chat.completions.create(body(c)).withResponse()
    if (!c.stream) return told(response.status, response.headers, data.choices[0].message.content)
    let text = '', events = 0
    for await (const event of data) {
      events++
      for (const choice of event.choices) text += choice.delta.content ?? ''
    }
    return told(response.status, response.headers, text, events)
  } catch (e) {
    if (!e.status) throw e
    return { ...told(e.status, e.headers), class: e.constructor.name, message: e.message }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line)
  let answer
  try {
    answer = await (c.client === 'openai' && !c.url ? withSDK(c) : withFetch(c))
  } catch (e) {
    answer = { class: e.constructor.name, message: `${e.message}: ${e.cause?.code ?? e.cause?.message ?? ''}` }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
