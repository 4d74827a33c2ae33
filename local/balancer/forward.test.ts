import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from '@jest/globals'
import { WebSocket, WebSocketServer } from 'ws'
import { send, testBalancer } from './fixtures.ts'

const conditions = [{ field: 'path', values: ['/*'] }] as const

/** A pod behind the balancer. */
async function startTarget(listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { server, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close }
}

const rulesTo = (url: string) => [{ priority: 1, conditions, url }]

describe('a forward to an HTTP target', () => {
  it('keeps method, path, query, headers and body, and adds the balancer’s headers', async () => {
    await using target = await startTarget(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { method, url, headers } = request
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      response.writeHead(207, 'Several')
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
    })
    await using balancer = await testBalancer(rulesTo(target.url))
    const got = await send(balancer.port, {
      method: 'PATCH',
      path: '/a%2Fb?q=%20',
      headers: ['X-One', '1'],
      body: 'ü',
    })
    expect(got).toMatchObject({ status: 207, reason: 'Several' })
    expect(got.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(JSON.parse(got.text)).toMatchObject({
      method: 'PATCH',
      url: '/a%2Fb?q=%20',
      body: 'ü',
      headers: {
        host: 'hub.example.com',
        'x-one': '1',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-amzn-trace-id': expect.stringMatching(/^Root=1-/),
      },
    })
  })

  it('streams both ways, far above the limits of Lambda', async () => {
    await using target = await startTarget((request, response) => void request.pipe(response))
    await using balancer = await testBalancer(rulesTo(target.url))
    const bytes = 20 * 1_024 * 1_024
    const body = new ReadableStream({
      start: (controller) => {
        for (let n = 0; n < 20; n += 1) controller.enqueue(new Uint8Array(bytes / 20).fill(n))
        controller.close()
      },
    })
    const url = `http://127.0.0.1:${balancer.port}`
    const answer = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit)
    const echoed = Buffer.from(await answer.arrayBuffer())
    expect(echoed).toHaveLength(bytes)
    expect(echoed.at(-1)).toBe(19)
  })

  it('hands on the first part of an answer before the last exists', async () => {
    const gate = Promise.withResolvers<void>()
    await using target = await startTarget(async (_request, response) => {
      response.write('first')
      await gate.promise
      response.end('last')
    })
    await using balancer = await testBalancer(rulesTo(target.url))
    const answer = await fetch(`http://127.0.0.1:${balancer.port}`)
    const reader = answer.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first')
    gate.resolve()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('last')
  })

  it('answers 502 when the target is not there, 504 when it is silent', async () => {
    await using silent = await startTarget(() => {})
    const rules = [
      {
        priority: 1,
        conditions: [{ field: 'path', values: ['/silent'] }] as const,
        url: silent.url,
      },
      { priority: 2, conditions, url: 'http://127.0.0.1:9' },
    ]
    await using balancer = await testBalancer(rules, undefined, { idleTimeoutMs: 50 })
    expect(
      (await send(balancer.port, { method: 'POST', body: 'x'.repeat(1_000_000) })).status,
    ).toBe(502)
    expect((await send(balancer.port, { path: '/silent' })).status).toBe(504)
    expect(balancer.problems).toHaveLength(2)
  })

  it('lets a running request end when the balancer closes', async () => {
    const gate = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    await using target = await startTarget(async (_request, response) => {
      arrived.resolve()
      await gate.promise
      response.end('late')
    })
    const balancer = await testBalancer(rulesTo(target.url))
    const running = send(balancer.port)
    await arrived.promise
    const closed = balancer.close()
    gate.resolve()
    expect((await running).text).toBe('late')
    await closed
  })

  it('cuts the client off when the target breaks in the middle', async () => {
    await using target = await startTarget((_request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half', () => response.destroy())
    })
    await using balancer = await testBalancer(rulesTo(target.url))
    await expect(send(balancer.port)).rejects.toThrow()
  })
})

describe('a WebSocket through the balancer', () => {
  it('carries frames both ways, large ones too, and closes on both sides', async () => {
    await using target = await startTarget((_request, response) => void response.end())
    const pod = new WebSocketServer({ server: target.server, path: '/chat' })
    pod.on('connection', (socket, request) => {
      socket.send(`hello ${request.headers['x-forwarded-for']}`)
      socket.on('message', (data) => socket.send(data))
    })
    await using balancer = await testBalancer(rulesTo(target.url))
    const client = new WebSocket(`ws://127.0.0.1:${balancer.port}/chat`)
    const [hello] = await once(client, 'message')
    expect(String(hello)).toBe('hello 127.0.0.1')
    client.send(Buffer.alloc(300_000, 7))
    const [echoed] = await once(client, 'message')
    expect(echoed).toHaveLength(300_000)
    const gone = once([...pod.clients][0] as WebSocket, 'close')
    client.close(4_001, 'bye')
    expect(String((await gone)[1])).toBe('bye')
    pod.close()
  })

  it('relays the target’s refusal', async () => {
    await using target = await startTarget((_request, response) => void response.end())
    target.server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nX-Why: token\r\n\r\nno')
    })
    await using balancer = await testBalancer(rulesTo(target.url))
    const client = new WebSocket(`ws://127.0.0.1:${balancer.port}/chat`)
    client.on('error', () => {})
    const [, answer] = await once(client, 'unexpected-response')
    expect(answer).toMatchObject({ statusCode: 401, headers: { 'x-why': 'token' } })
  })

  it('is refused with 502 when the target is not there', async () => {
    await using balancer = await testBalancer(rulesTo('http://127.0.0.1:9'))
    const client = new WebSocket(`ws://127.0.0.1:${balancer.port}/`)
    client.on('error', () => {})
    const [, answer] = await once(client, 'unexpected-response')
    expect(answer.statusCode).toBe(502)
  })

  it('ends when the balancer closes', async () => {
    await using target = await startTarget((_request, response) => void response.end())
    const pod = new WebSocketServer({ server: target.server })
    const balancer = await testBalancer(rulesTo(target.url))
    const client = new WebSocket(`ws://127.0.0.1:${balancer.port}/`)
    await once(client, 'open')
    const closed = once(client, 'close')
    await balancer.close()
    await closed
    pod.close()
  })
})
