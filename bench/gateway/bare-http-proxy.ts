import { Agent } from 'node:http'
import httpProxy from 'http-proxy'

// A peer: http-proxy as its README shows it, over kept connections, with no duty but to pass on.
const [port, target] = process.argv.slice(2)
const proxy = httpProxy.createProxyServer({
  target: String(target),
  agent: new Agent({ keepAlive: true, maxSockets: 512 }),
})
proxy.on('error', (_error, _request, response) => response.end())
proxy.listen(Number(port), '127.0.0.1')
