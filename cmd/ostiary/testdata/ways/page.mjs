// A browser that a person sits at: a page of the vendor's own origin asks, and so
// does a page of another site, which nobody listed. It takes cases as lines of JSON and
// tells what the page was told, a line each. See ways_tools_test.go.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const { chromium } = createRequire(process.env.OSTIARY_TEST_NODE_MODULES + '/')('playwright-core')
const browser = await chromium.launch({
  executablePath: process.env.OSTIARY_TEST_BROWSER,
  // The vendor's address of the documentation range is local to Chromium, which would
  // not let a page of another site reach it at all.
  args: ['--disable-features=LocalNetworkAccessChecks', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...(process.env.OSTIARY_TEST_PROXY ? ['--proxy-server=' + process.env.OSTIARY_TEST_PROXY] : [])],
})

// ask runs in the page.
async function ask({ prompt, stream, key }) {
  const r = await fetch('/v1/chat/completions', {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer ' + key },
    body: JSON.stringify({ model: 'gpt-5', stream, messages: [{ role: 'user', content: prompt }] }),
  })
  const text = await r.text()
  const told = {
    status: r.status, pool: r.headers.get('x-ostiary-pool') ?? '', action: r.headers.get('x-ostiary-action') ?? '',
    decision: r.headers.get('x-ostiary-decision-id') ?? '', events: text.split('data: {').length - 1, text,
  }
  return r.ok ? told : { ...told, class: 'Response', message: text }
}

// askAcross runs in a page of another site: a request that a browser sends without
// asking first, and whose answer the page may not read.
async function askAcross({ url, prompt }) {
  const r = await fetch(url, { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: prompt }] }) })
  return { status: r.status, text: r.type }
}

const page = await browser.newPage()
for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line)
  let answer
  try {
    if (c.client === 'across') {
      answer = await page.evaluate(askAcross, { url: 'https://api.openai.com/v1/chat/completions', prompt: c.prompt })
    } else if (c.url) {
      const r = await page.goto(c.url)
      answer = { status: r.status(), text: await page.textContent('body') }
    } else {
      answer = await page.evaluate(ask, { ...c, key: process.env.OPENAI_API_KEY })
    }
  } catch (e) {
    answer = { class: e.constructor.name, message: e.message }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
await browser.close()
