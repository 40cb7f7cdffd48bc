// What Node before 22.21 needs to use HTTPS_PROXY, loaded before the application
// (node --import): undici's agent that reads the variables.
import { createRequire } from 'node:module'

const { EnvHttpProxyAgent, setGlobalDispatcher } = createRequire(process.env.OSTIARY_TEST_NODE_MODULES + '/')('undici')
setGlobalDispatcher(new EnvHttpProxyAgent())
