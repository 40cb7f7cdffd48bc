// Package standin is model servers that answer like the real ones, for the demo,
// the doctor, benchmarks and tests. No model stands behind them: the answer is
// one fixed sentence, never the prompt or a part of it.
//
// A [Server] is an [http.Handler] that speaks, under any base path, OpenAI's chat
// completions, responses, completions, embeddings, moderations and models, and
// Anthropic's messages, count_tokens and models, streaming where the request asks
// for it. The shapes follow OpenAI's OpenAPI description of 2026-08-21 and the
// types of Anthropic's TypeScript SDK 1.12.0.
//
// Words in a request steer the answer:
//
//	TOOL                 a call of the first tool that the request declares
//	LONG                 a stream of 200 events of text
//	STANDIN_STATUS_NNN   an error of that status, 400 to 599, in the API's shape
//	STANDIN_CUT          the connection is cut in the middle of the answer
//
// Like servers that run in-house, it does not decode compressed requests: it
// refuses them.
//
// A Server can keep what it receives, for tests that prove what was forwarded,
// and [Listener] counts bytes before anything parses them, for tests that prove
// that nothing was.
package standin
