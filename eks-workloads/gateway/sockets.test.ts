import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import { internalTokenVerifier } from '../../shared/auth/internal-token.ts'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { systemClock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import {
  aPerson,
  aSigningKey,
  type Behind,
  closeServer,
  emit,
  type Person,
  type RunningGateway,
  startBehind,
  startGateway,
  urlOf,
} from './fixtures/hub.ts'
import { producersHeard } from './reactions.ts'
import { SOCKETS_PER_ACCOUNT_MAX, TOKEN_PROTOCOL_PREFIX } from './sockets.ts'

// A real pod (ws) behind the gateway that echoes; it keeps what it was asked with.
const database = useDatabase()
let bus: Bus
let behind: Behind
let pod: Server
let podSockets: WebSocketServer
let hub: RunningGateway
let key: Awaited<ReturnType<typeof aSigningKey>>
let internalPrivate: JWK
let internalPublic: JWK
let asked: { url: string; headers: IncomingHttpHeaders }[] = []
const running: RunningGateway[] = []

const start = async (environment: Record<string, string> = {}) => {
  const gateway = await startGateway({
    behind,
    bus,
    signingKey: internalPrivate,
    environment: {
      SOCKET_PODS: JSON.stringify({ '/v1/chat': urlOf(pod), '/v1/live': 'http://127.0.0.1:1' }),
      CORS_ORIGINS: 'https://app.test',
      ...environment,
    },
  })
  running.push(gateway)
  await eventually(async () => expect((await fetch(`${gateway.url}/ready`)).status).toBe(200))
  return gateway
}

beforeAll(async () => {
  const url = await ensureEventLog({ databaseUrl: database.url, rolePassword: ROLE_PASSWORD })
  bus = await openBus(busSchema.parse({ EVENT_LOG_URL: url }), { log: silentLog })
  await bus.ensureTopics(producersHeard.map(topicOf), { partitions: 1 })
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  internalPrivate = { ...(await exportJWK(pair.privateKey)), kid: 'internal' }
  internalPublic = { ...(await exportJWK(pair.publicKey)), kid: 'internal' }
  key = await aSigningKey('key-1')
  behind = await startBehind(internalPublic)
  behind.keys = [key.jwk]
  pod = createServer()
  podSockets = new WebSocketServer({ server: pod })
  podSockets.on('connection', (socket, { url = '', headers }) => {
    asked.push({ url, headers })
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await new Promise<void>((resolve) => pod.listen(0, '127.0.0.1', resolve))
  hub = await start()
})

afterAll(async () => {
  await Promise.all(running.map((gateway) => gateway.end()))
  for (const socket of podSockets.clients) socket.terminate()
  podSockets.close()
  await Promise.all([closeServer(pod), behind.close()])
  await bus.close()
})

beforeEach(() => {
  asked = []
})

type Opening = {
  readonly path?: string
  readonly person?: Person
  readonly token?: string
  readonly origin?: string
  readonly on?: RunningGateway
}

/** As a browser: the token travels among the protocols. */
const open = async ({ path = '/v1/chat/rooms', person, token, origin, on = hub }: Opening = {}) => {
  const access = token ?? (await key.sign(person ?? aPerson()))
  return new WebSocket(
    `${on.url.replace('http', 'ws')}${path}`,
    ['hub', `${TOKEN_PROTOCOL_PREFIX}${access}`],
    origin === undefined ? {} : { origin },
  )
}

const opened = (socket: WebSocket) =>
  new Promise<WebSocket>((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })

const refusal = (socket: WebSocket) =>
  new Promise<{ status: number; code: string }>((resolve, reject) => {
    socket.once('open', () => reject(new Error('it opened')))
    socket.once('error', () => {})
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, ...JSON.parse(text) }))
    })
  })

const closing = (socket: WebSocket) =>
  new Promise<number>((resolve) => {
    socket.once('close', (code) => resolve(code))
  })

const answerTo = (socket: WebSocket, message: string | Buffer) =>
  new Promise<Buffer>((resolve) => {
    socket.once('message', (data) => resolve(data as Buffer))
    socket.send(message)
  })

describe('a WebSocket', () => {
  it('carries messages both ways, small and large, in order', async () => {
    const socket = await opened(await open())
    expect(String(await answerTo(socket, 'hello'))).toBe('hello')
    const large = Buffer.alloc(3_000_000, 7)
    expect((await answerTo(socket, large)).equals(large)).toBe(true)
    const received: string[] = []
    socket.on('message', (data) => received.push(String(data)))
    const sent = Array.from({ length: 500 }, (_, n) => `message ${n}`)
    for (const message of sent) socket.send(message)
    await eventually(() => expect(received).toEqual(sent))
    socket.close()
  })

  it('brings the pod who it is, and never the access token', async () => {
    const person = aPerson()
    const token = await key.sign(person)
    const socket = await opened(await open({ token, path: '/v1/chat/rooms?after=7' }))
    expect(socket.protocol).toBe('hub')
    await eventually(() => expect(asked.length).toBe(1))
    const [{ url, headers } = { url: '', headers: {} }] = asked
    expect(url).toBe('/v1/chat/rooms?after=7')
    expect(JSON.stringify(headers)).not.toContain(token)
    const verify = internalTokenVerifier([internalPublic])
    expect(await verify(String(headers['x-hub-token']), systemClock())).toMatchObject({
      kind: 'account',
      principal: { accountId: person.accountId, organizationId: person.organizationId },
    })
    socket.close()
  })

  it('is refused without a token that holds, before the pod hears of it', async () => {
    expect(await refusal(await open({ token: 'bad' }))).toMatchObject({
      status: 401,
      code: 'access.token_invalid',
    })
    const anonymous = new WebSocket(`${hub.url.replace('http', 'ws')}/v1/chat`)
    expect(await refusal(anonymous)).toMatchObject({ status: 401, code: 'access.unauthenticated' })
    const ended = aPerson()
    behind.endedSessions.add(ended.sessionId)
    expect(await refusal(await open({ person: ended }))).toMatchObject({ status: 401 })
    expect(asked).toEqual([])
  })

  it('is refused on a path without a pod, for pages of other origins, and while the pod is away', async () => {
    expect(await refusal(await open({ path: '/v1/courses' }))).toMatchObject({ status: 404 })
    expect(await refusal(await open({ path: '/v1/chatter' }))).toMatchObject({ status: 404 })
    expect(await refusal(await open({ origin: 'https://evil.test' }))).toMatchObject({
      status: 403,
      code: 'access.origin',
    })
    expect(await refusal(await open({ path: '/v1/live' }))).toMatchObject({ status: 503 })
    const allowed = await opened(await open({ origin: 'https://app.test' }))
    allowed.close()
  })

  it('that was refused is cut, though its client keeps its own half open', async () => {
    const { hostname, port } = new URL(hub.url)
    const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    client.resume()
    client.write(
      [
        ...[
          'GET /v1/chat/rooms HTTP/1.1',
          'Host: hub',
          'Connection: Upgrade',
          'Upgrade: websocket',
        ],
        ...['Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${'A'.repeat(22)}==`, '', ''],
      ].join('\r\n'),
    )
    await new Promise<void>((resolve) => client.once('end', resolve))
    // The other side is gone once it answers a byte with a reset.
    client.on('error', () => {})
    await eventually(() => {
      client.write('x')
      expect(client.destroyed).toBe(true)
    })
  })

  it('is one of a bounded number for each account', async () => {
    const person = aPerson()
    const asking = await Promise.all(
      Array.from({ length: SOCKETS_PER_ACCOUNT_MAX + 5 }, () => open({ person })),
    )
    // All at once: those that are still being connected count as well.
    const outcomes = await Promise.allSettled(asking.map(opened))
    const sockets = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(sockets).toHaveLength(SOCKETS_PER_ACCOUNT_MAX)
    expect(await refusal(await open({ person }))).toMatchObject({ status: 429 })
    const others = await opened(await open())
    for (const socket of [...sockets, others]) socket.close()
    await eventually(() => expect(hub.gateway.sockets.count()).toBe(0))
    const again = await opened(await open({ person }))
    again.close()
  })

  it('ends at the pod when the client goes, and at the client when the pod goes', async () => {
    const one = await opened(await open())
    await eventually(() => expect(podSockets.clients.size).toBe(1))
    one.terminate()
    await eventually(() => expect(podSockets.clients.size).toBe(0))
    const two = await opened(await open())
    const closed = closing(two)
    for (const socket of podSockets.clients) socket.close(4_000)
    expect(await closed).toBe(4_000)
    await eventually(() => expect(hub.gateway.sockets.count()).toBe(0))
  })

  it('is closed with 1008 within a second of its session’s end', async () => {
    const person = aPerson()
    const [mine, other] = await Promise.all([open({ person }).then(opened), open({}).then(opened)])
    const closed = closing(mine)
    const startedAt = performance.now()
    await emit(bus, 'session.revoked', { ...person, reason: 'signed_out' })
    expect(await closed).toBe(1008)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect(String(await answerTo(other, 'still here'))).toBe('still here')
    other.close()
  })

  it('is closed with 1012 on drain, between two messages, and none is let in afterwards', async () => {
    const draining = await start()
    const socket = await opened(await open({ on: draining }))
    // The pod is in the middle of a long stream: the goodbye must not fall into a frame.
    const received: number[] = []
    socket.on('message', (data) => received.push((data as Buffer).length))
    const streaming = setInterval(() => {
      for (const each of podSockets.clients) each.send(Buffer.alloc(200_000))
    }, 1)
    await eventually(() => expect(received.length).toBeGreaterThan(5))
    const closed = closing(socket)
    const ended = draining.end()
    expect(await closed).toBe(1012)
    clearInterval(streaming)
    expect(received.every((length) => length === 200_000)).toBe(true)
    await ended
    await expect(opened(await open({ on: draining }))).rejects.toThrow()
  })

  it('is nothing that plain HTTP, or another protocol to upgrade to, could reach', async () => {
    expect((await fetch(`${hub.url}/v1/chat/rooms`)).status).toBe(404)
    expect(asked).toEqual([])
  })
})
