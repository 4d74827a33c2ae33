import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { Agent } from 'undici'
import { internalTokenVerifier } from '../../shared/auth/internal-token.ts'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import type { Permission } from '../../shared/contracts/define.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, HOUR_MS, systemClock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { BREAKER_FAILURES_MIN, BREAKER_OPEN_MS } from './domain.ts'
import {
  aPerson,
  aSigningKey,
  type Behind,
  echo,
  emit,
  NO_GRANTS,
  type Person,
  PUBLIC_URL,
  type RunningGateway,
  startBehind,
  startGateway,
} from './fixtures/hub.ts'
import { KEYS_REFRESH_MS_MIN } from './key-set.ts'
import { FRESH_MS, SESSION_STALE_MS_MAX } from './principals.ts'
import { producersHeard } from './reactions.ts'

// Everything is real but the services behind: HTTP, the event log, keys and tokens. The clock can be moved.
const database = useDatabase()
let bus: Bus
let behind: Behind
let hub: RunningGateway
let internalPublic: JWK
let internalPrivate: JWK
let key: Awaited<ReturnType<typeof aSigningKey>>
let offsetMs = 0
const clock = () => addMs(systemClock(), offsetMs)
const running: RunningGateway[] = []

const start = async (environment: Record<string, string> = {}) => {
  const gateway = await startGateway({
    behind,
    bus,
    signingKey: internalPrivate,
    environment,
    clock,
  })
  running.push(gateway)
  return gateway
}

const ready = (gateway: RunningGateway) =>
  eventually(async () => expect((await fetch(`${gateway.url}/ready`)).status).toBe(200))

beforeAll(async () => {
  const url = await ensureEventLog({ databaseUrl: database.url, rolePassword: ROLE_PASSWORD })
  bus = await openBus(busSchema.parse({ EVENT_LOG_URL: url }), { log: silentLog })
  await bus.ensureTopics(producersHeard.map(topicOf), { partitions: 2 })
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  internalPrivate = { ...(await exportJWK(pair.privateKey)), kid: 'internal' }
  internalPublic = { ...(await exportJWK(pair.publicKey)), kid: 'internal' }
  key = await aSigningKey('key-1')
  behind = await startBehind(internalPublic)
  behind.keys = [key.jwk]
  hub = await start()
  await ready(hub)
})

afterAll(async () => {
  await Promise.all(running.map((gateway) => gateway.end()))
  await behind.close()
  await bus.close()
})

afterEach(() => {
  behind.answer = echo
  behind.keys = [key.jwk]
  behind.isAuthAway = false
  behind.isRbacAway = false
  behind.grantsOf = () => NO_GRANTS
  offsetMs = 0
})

type Call = RequestInit & { as?: string; on?: RunningGateway }

const call = async (path: string, { as, on = hub, ...init }: Call = {}) => {
  const headers = new Headers(init.headers)
  if (as) headers.set('authorization', `Bearer ${as}`)
  const response = await fetch(`${on.url}${path}`, { ...init, headers })
  const text = await response.text()
  const body = text === '' ? undefined : JSON.parse(text)
  return { status: response.status, headers: response.headers, body }
}

const signIn = async (person: Person = aPerson()) => ({ person, token: await key.sign(person) })

/** What the service would make of the internal token that reached it. */
const principalOf = async (answer: { body: { headers: Record<string, string> } }) => {
  const verify = internalTokenVerifier([internalPublic])
  const identity = await verify(answer.body.headers['x-hub-token'] ?? '', systemClock())
  return identity.kind === 'account' ? identity.principal : undefined
}

/** Sends bytes as they are and reads until the gateway closes, or `until` is seen. */
const raw = (text: string, { until, on = hub }: { until?: RegExp; on?: RunningGateway } = {}) =>
  new Promise<string>((resolve, reject) => {
    let answer = ''
    const socket = connect(on.port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      answer += chunk
      if (until?.test(answer)) socket.destroy()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })

describe('a request', () => {
  it('reaches the service with its path, query and body unchanged', async () => {
    const { token } = await signIn()
    const answer = await call('/v1/probes?q=a%20b&q=%2F', {
      as: token,
      method: 'POST',
      body: 'x'.repeat(1_000),
    })
    expect(answer).toMatchObject({
      status: 200,
      body: { method: 'POST', url: '/v1/probes?q=a%20b&q=%2F', bytes: 1_000 },
    })
  })

  it('brings the service a fresh internal token with the permissions that rbac names', async () => {
    const { person, token } = await signIn()
    const grants = { ...NO_GRANTS, organization: ['course:create' as Permission] }
    behind.grantsOf = () => grants
    expect(await principalOf(await call('/v1/probes', { as: token }))).toEqual({
      accountId: person.accountId,
      sessionId: person.sessionId,
      organizationId: person.organizationId,
      grants,
    })
  })

  it('loses every header by which a client could pretend to be somebody or somewhere', async () => {
    const { person, token } = await signIn()
    const { body } = await call('/v1/probes', {
      as: token,
      headers: {
        'x-hub-token': 'forged',
        'X-Hub-Anything': 'forged',
        x_hub_token: 'forged',
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-host': 'evil.test',
        'x-real-ip': '6.6.6.6',
        forwarded: 'for=6.6.6.6',
        'x-custom': 'kept',
      },
    })
    expect(await principalOf({ body })).toMatchObject({ accountId: person.accountId })
    expect(JSON.stringify(body.headers)).not.toMatch(/forged|6\.6\.6\.6|evil/)
    expect(body.headers).toMatchObject({
      'x-custom': 'kept',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'hub.test',
      'x-forwarded-proto': 'https',
    })
    expect(body.headers.authorization).toBeUndefined()
  })

  it('cannot have an internal token removed or set by naming it in Connection', async () => {
    const { person, token } = await signIn()
    const answer = await raw(
      `GET /v1/probes HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\nX-Custom: gone\r\nConnection: close, x-custom, x-hub-token, traceparent\r\n\r\n`,
    )
    const body = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1))
    expect(await principalOf({ body })).toMatchObject({ accountId: person.accountId })
    expect(body.headers).toMatchObject({ traceparent: expect.any(String) })
    expect(body.headers['x-custom']).toBeUndefined()
  })

  it('takes the client address from the proxies that it trusts, and from nobody else', async () => {
    const behindOneProxy = await start({ TRUSTED_HOPS: '1' })
    const { body } = await call('/v1/probes/verify/x', {
      on: behindOneProxy,
      headers: { 'x-forwarded-for': '6.6.6.6, 203.0.113.7' },
    })
    expect(body.headers['x-forwarded-for']).toBe('203.0.113.7')
  })

  it('keeps its trace and request id from the client to the service and back', async () => {
    const { token } = await signIn()
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const answer = await call('/v1/probes', {
      as: token,
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01`, 'x-request-id': 'client-id-1' },
    })
    expect(answer.body.headers.traceparent).toContain(traceId)
    expect(answer.body.headers['x-request-id']).toBe('client-id-1')
    expect(answer.headers.get('x-request-id')).toBe('client-id-1')
    await eventually(() =>
      expect(hub.lines).toContainEqual(
        expect.objectContaining({ message: 'request', trace: traceId, route: '/v1/probes' }),
      ),
    )
    const unusable = await call('/v1/probes', { headers: { 'x-request-id': 'no spaces, please' } })
    expect(unusable.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(unusable.body.traceId).toMatch(/^[0-9a-f]{32}$/)
  })

  it('leaves no token, query or path value in the log', async () => {
    const { token } = await signIn()
    await call('/v1/probes/verify/secret-code?token=secret-query', { as: token })
    await call('/v1/secret-path/x', { as: token })
    const text = JSON.stringify(hub.lines)
    expect(text).not.toContain('secret')
    expect(text).not.toContain(token)
  })

  it('may be a HEAD: the same headers, no body', async () => {
    const { token } = await signIn()
    behind.answer = (_request, response) => response.writeHead(200, { 'content-length': 7 }).end()
    const answer = await call('/v1/probes', { as: token, method: 'HEAD' })
    expect(answer.body).toBeUndefined()
    expect(answer.headers.get('content-length')).toBe('7')
    expect((await fetch(`${hub.url}/v1/nothing`, { method: 'HEAD' })).status).toBe(404)
  })

  it('streams a long answer, with back-pressure, to the last byte', async () => {
    const { token } = await signIn()
    const chunk = Buffer.alloc(64 * 1_024, 'a')
    behind.answer = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('"')
      for (let n = 0; n < 200; n += 1)
        if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve))
      response.end('"')
    }
    const { body } = await call('/v1/probes', { as: token })
    expect(body.length).toBe(200 * chunk.length)
  })

  it('ends at the service when the client leaves', async () => {
    const { token } = await signIn()
    const leaving = new AbortController()
    const left = new Promise<void>((resolve) => {
      behind.answer = (_request, response) => {
        response.on('close', resolve)
        leaving.abort()
      }
    })
    await expect(call('/v1/probes', { as: token, signal: leaving.signal })).rejects.toThrow()
    await left
  })

  it('gets every cookie that the service sets', async () => {
    behind.answer = (_request, response) =>
      response.writeHead(200, { 'set-cookie': ['a=1; HttpOnly', 'b=2; HttpOnly'] }).end('{}')
    const { headers } = await call('/v1/probes/verify/x')
    expect(headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2; HttpOnly'])
  })

  it('gets the answer’s security headers, and the service’s own where it sets them', async () => {
    behind.answer = (_request, response) =>
      response.writeHead(200, { 'x-frame-options': 'SAMEORIGIN', server: 'x' }).end('{}')
    const { headers } = await call('/v1/probes/verify/x')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('strict-transport-security')).toContain('max-age')
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
    expect(headers.get('server')).toBeNull()
  })

  it('gets an answer that nobody keeps, unless the service says who may', async () => {
    expect((await call('/v1/probes/verify/x')).headers.get('cache-control')).toBe('no-store')
    behind.answer = (_request, response) =>
      response.writeHead(200, { 'cache-control': 'public, max-age=60' }).end('{}')
    const { headers } = await call('/v1/probes/verify/x')
    expect(headers.get('cache-control')).toBe('public, max-age=60')
  })

  it('means its own method, whatever header would have another', async () => {
    const headers = { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' }
    const { body } = await call('/v1/probes/verify/x?_method=DELETE', { headers })
    expect(body.method).toBe('GET')
  })
})

describe('a route', () => {
  it('that no contract names is 404, and another method of a path 405, as problem documents', async () => {
    expect(await call('/v1/nothing')).toMatchObject({
      status: 404,
      body: {
        type: 'urn:hub:problem:route.not_found',
        title: 'Not Found',
        status: 404,
        code: 'route.not_found',
        instance: '/v1/nothing',
      },
    })
    const wrongMethod = await call('/v1/probes', { method: 'DELETE' })
    expect(wrongMethod).toMatchObject({ status: 405, body: { code: 'route.method' } })
    expect(wrongMethod.headers.get('allow')).toBe('GET, HEAD, POST')
    expect(wrongMethod.headers.get('content-type')).toBe('application/problem+json')
  })

  it('between our own parts does not exist for clients', async () => {
    const { person, token } = await signIn()
    expect((await call('/v1/probes/inside/x', { as: token })).status).toBe(404)
    expect((await call(`/v1/auth/sessions/${person.sessionId}/status`)).status).toBe(404)
  })

  it.each([
    '/v1/probes/../access/principals/x',
    '/v1/probes/%2e%2e/access',
    '/v1/probes/.%2E/access',
    '/v1//probes',
    '/v1/probes/a%2fb',
    '/v1/probes/a%5cb',
    '/v1/probes/a%00b',
    '/v1/probes/%zz',
    '/v1/probes\\x',
    'http://evil.test/v1/probes',
    '*',
  ])('is never read differently behind the gateway: %s', async (target) => {
    const before = behind.requests.length
    const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(behind.requests.length).toBe(before)
  })

  it('of a service that the balancer does not know is a problem document too', async () => {
    behind.answer = (_request, response) =>
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Not Found')
    expect(await call('/v1/probes/verify/x')).toMatchObject({
      status: 404,
      body: { code: 'route.not_found' },
    })
  })
})

describe('a request that two readers could read differently', () => {
  it.each([
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc'],
    ['length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['an unknown coding', 'Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'X-Hub-Token : forged\r\nContent-Length: 0\r\n\r\n'],
    ['a folded header', 'X-A: b\r\n c: d\r\nContent-Length: 0\r\n\r\n'],
    ['a bare newline', 'X-A: b\nX-Hub-Token: c\r\nContent-Length: 0\r\n\r\n'],
  ])('is refused: %s', async (_, rest) => {
    const before = behind.countOf('/v1/probes')
    const answer = await raw(`POST /v1/probes/sign-in HTTP/1.1\r\nHost: h\r\n${rest}`)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain('"code":"request.malformed"')
    expect(behind.countOf('/v1/probes')).toBe(before)
  })

  it('is refused with 431 when its headers are too many or too long', async () => {
    const many = Array.from({ length: 120 }, (_, n) => `x-${n}: 1\r\n`).join('')
    const head = 'GET /v1/probes/verify/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n'
    for (const headers of [many, `x: ${'a'.repeat(20_000)}\r\n`])
      expect(await raw(`${head}${headers}\r\n`)).toMatch(/^HTTP\/1.1 431 /)
  })
})

describe('an access token', () => {
  const refused = { status: 401, body: { code: 'access.token_invalid' } }

  it('is wanted by every operation that is not public', async () => {
    const answer = await call('/v1/probes')
    expect(answer).toMatchObject({ status: 401, body: { code: 'access.unauthenticated' } })
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
  })

  it('is refused when expired, not for us, not from us, or without what it must say', async () => {
    const { person } = await signIn()
    const now = Math.floor(systemClock() / 1_000)
    const wrong: JWTPayload[] = [
      { exp: now - 60 },
      { aud: 'other' },
      { iss: 'https://evil.test' },
      { iss: `${PUBLIC_URL}/` },
      { sub: 'root' },
      { sid: '' },
      { exp: 0 },
      { nbf: now + 600 },
    ]
    for (const claims of wrong) {
      const token = await key.sign(person, claims)
      expect({ claims, ...(await call('/v1/probes', { as: token })) }).toMatchObject(refused)
    }
  })

  it('is refused when forged: other key, alg none, public key as HMAC secret, cut, changed', async () => {
    const { person, token } = await signIn()
    const other = await aSigningKey('key-1')
    const claims = { iss: PUBLIC_URL, aud: 'hub', sub: person.accountId, sid: person.sessionId }
    const secret = new TextEncoder().encode(JSON.stringify(key.jwk))
    const [head, payload, signature] = token.split('.')
    for (const forged of [
      await other.sign(person),
      new UnsecuredJWT(claims).setExpirationTime('1h').encode(),
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'key-1' }).sign(secret),
      `${head}.${payload}.`,
      `${head}.${payload}x.${signature}`,
      'x',
      'a'.repeat(5_000),
    ])
      expect(await call('/v1/probes', { as: forged })).toMatchObject(refused)
  })

  it('that has expired stops counting although it was remembered', async () => {
    const { token } = await signIn()
    expect((await call('/v1/probes', { as: token })).status).toBe(200)
    offsetMs = HOUR_MS
    expect(await call('/v1/probes', { as: token })).toMatchObject(refused)
  })

  it('that does not hold is ignored by a public operation, so that it can be refreshed', async () => {
    const { person } = await signIn()
    const expired = await key.sign(person, { exp: 1 })
    const answer = await call('/v1/probes/sign-in', { method: 'POST', as: expired })
    expect(answer.status).toBe(200)
    expect(answer.body.headers['x-hub-token']).toBeUndefined()
  })
})

describe('the keys of the access tokens', () => {
  it('are asked for once, however many unknown key ids arrive', async () => {
    offsetMs = 2 * KEYS_REFRESH_MS_MIN
    const stranger = await aSigningKey('nobody')
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, n) => stranger.sign(aPerson(), {}, { kid: `unknown-${n}` })),
    )
    const before = behind.countOf('/v1/auth/jwks')
    const answers = await Promise.all(tokens.map((as) => call('/v1/probes', { as })))
    expect(answers.every(({ status }) => status === 401)).toBe(true)
    expect(behind.countOf('/v1/auth/jwks') - before).toBe(1)
  })

  it('include a new one at its first use, and no more the one that was withdrawn', async () => {
    const gateway = await start()
    await ready(gateway)
    const next = await aSigningKey('key-2')
    const { person, token } = await signIn()
    expect((await call('/v1/probes', { as: token, on: gateway })).status).toBe(200)
    behind.keys = [next.jwk]
    offsetMs = 2 * KEYS_REFRESH_MS_MIN
    const rotated = await next.sign(person)
    expect((await call('/v1/probes', { as: rotated, on: gateway })).status).toBe(200)
    expect((await call('/v1/probes', { as: token, on: gateway })).status).toBe(401)
  })

  it('decide anew about a token that they did not bear out, once they have changed', async () => {
    const gateway = await start()
    await ready(gateway)
    const successor = await aSigningKey('key-1')
    const early = await successor.sign(aPerson())
    for (const _attempt of ['verified', 'remembered'])
      expect((await call('/v1/probes', { as: early, on: gateway })).status).toBe(401)
    const news = await aSigningKey('key-2')
    behind.keys = [successor.jwk, news.jwk]
    offsetMs = 2 * KEYS_REFRESH_MS_MIN
    const first = await news.sign(aPerson())
    expect((await call('/v1/probes', { as: first, on: gateway })).status).toBe(200)
    expect((await call('/v1/probes', { as: early, on: gateway })).status).toBe(200)
  })

  it('go on counting while auth is away; an unknown one is then 503, not 401', async () => {
    const { token } = await signIn()
    behind.keys = undefined
    expect((await call('/v1/probes', { as: token })).status).toBe(200)
    offsetMs = 4 * KEYS_REFRESH_MS_MIN
    const next = await aSigningKey('key-3')
    const answer = await call('/v1/probes', { as: await next.sign(aPerson()) })
    expect(answer).toMatchObject({ status: 503, body: { code: 'access.unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('1')
    expect((await call('/v1/probes', { as: token })).status).toBe(200)
  })
})

describe('a session', () => {
  const WITHIN_A_SECOND = { timeoutMs: 1_000 }

  it('is asked about once, however many requests come at once', async () => {
    const { person, token } = await signIn()
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => call('/v1/probes', { as: token })),
    )
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(behind.countOf(`/v1/auth/sessions/${person.sessionId}`)).toBe(1)
    expect(behind.countOf(`/v1/access/principals/${person.accountId}`)).toBe(1)
  })

  it('that auth does not call live is refused', async () => {
    const { person, token } = await signIn()
    behind.endedSessions.add(person.sessionId)
    expect((await call('/v1/probes', { as: token })).status).toBe(401)
  })

  it('of another account is refused', async () => {
    const [one, two] = [aPerson(), aPerson()]
    const token = await key.sign({ ...one, sessionId: two.sessionId })
    expect((await call('/v1/probes', { as: token })).status).toBe(401)
  })

  it('ends within a second of session.revoked, also with auth away', async () => {
    const { person, token } = await signIn()
    expect((await call('/v1/probes', { as: token })).status).toBe(200)
    behind.isAuthAway = true
    await emit(bus, 'session.revoked', { ...person, reason: 'signed_out' })
    await eventually(
      async () => expect((await call('/v1/probes', { as: token })).status).toBe(401),
      WITHIN_A_SECOND,
    )
  })

  it('ends within a second of user.deactivated; one begun afterwards does not', async () => {
    const { person, token } = await signIn()
    expect((await call('/v1/probes', { as: token })).status).toBe(200)
    await emit(bus, 'user.deactivated', { accountId: person.accountId })
    await eventually(
      async () => expect((await call('/v1/probes', { as: token })).status).toBe(401),
      WITHIN_A_SECOND,
    )
    const later = await key.sign(person, { iat: Math.floor(systemClock() / 1_000) + 2 })
    expect((await call('/v1/probes', { as: later })).status).toBe(200)
  })

  it('goes on while auth is away, up to a bound; an unknown one is 503', async () => {
    const { person, token } = await signIn()
    const long = await key.sign(person, { exp: Math.floor(systemClock() / 1_000) + 3_600 })
    expect((await call('/v1/probes', { as: long })).status).toBe(200)
    behind.isAuthAway = true
    offsetMs = FRESH_MS + 1_000
    expect((await call('/v1/probes', { as: long })).status).toBe(200)
    const stranger = await call('/v1/probes', { as: (await signIn()).token })
    expect(stranger).toMatchObject({ status: 503, body: { code: 'access.unavailable' } })
    offsetMs = SESSION_STALE_MS_MAX + 1_000
    expect((await call('/v1/probes', { as: long })).status).toBe(503)
    expect(token).not.toBe(long)
  })

  it('ends at once everywhere when an event of ours cannot be read', async () => {
    const { person, token } = await signIn()
    await call('/v1/probes', { as: token })
    behind.endedSessions.add(person.sessionId)
    await bus.send([{ topic: topicOf('auth'), key: 'x', value: 'not json' }])
    await eventually(
      async () => expect((await call('/v1/probes', { as: token })).status).toBe(401),
      WITHIN_A_SECOND,
    )
  })
})

describe('permissions', () => {
  const permissionsOf = async (token: string) =>
    (await principalOf(await call('/v1/probes', { as: token })))?.grants.organization

  it.each(['access.grants_changed', 'access.role_changed', 'everywhere'] as const)(
    'are new within a second of %s',
    async (change) => {
      const { person, token } = await signIn()
      const { accountId, organizationId } = person
      expect(await permissionsOf(token)).toEqual([])
      const organization: Permission[] = ['course:create']
      behind.grantsOf = () => ({ ...NO_GRANTS, organization })
      if (change === 'access.role_changed')
        await emit(bus, change, { roleId: newId('role'), organizationId })
      else
        await emit(bus, 'access.grants_changed', {
          accountId,
          organizationId: change === 'everywhere' ? null : organizationId,
          roleVersion: 2,
        })
      await eventually(async () => expect(await permissionsOf(token)).toEqual(organization), {
        timeoutMs: 1_000,
      })
    },
  )

  it('are 503 with rbac away and nothing known, not "none"', async () => {
    behind.isRbacAway = true
    const { token } = await signIn()
    expect((await call('/v1/probes', { as: token })).status).toBe(503)
    // A public operation needs nobody's permissions.
    expect((await call('/v1/probes/verify/x', { as: token })).status).toBe(200)
  })
})

describe('rate limits', () => {
  it('count each person for themselves, say what is left, and refuse with Retry-After', async () => {
    const gateway = await start({ RATE_DEFAULT: '3' })
    await ready(gateway)
    const { token } = await signIn()
    const send = () => call('/v1/probes', { as: token, on: gateway })
    const first = await send()
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=3;w=60')
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=2;t=\d+$/)
    await send()
    await send()
    const refused = await send()
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate.limited' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await call('/v1/probes', { as: (await signIn()).token, on: gateway })).status).toBe(200)
    // Writing is counted apart.
    expect((await call('/v1/probes', { as: token, on: gateway, method: 'POST' })).status).toBe(200)
  })

  it('count sign-in by address, whatever token comes with it', async () => {
    const gateway = await start({ RATE_SENSITIVE: '2' })
    await ready(gateway)
    const statuses: number[] = []
    for (let n = 0; n < 3; n += 1) {
      const { token } = await signIn()
      const answer = await call('/v1/probes/sign-in', { method: 'POST', as: token, on: gateway })
      statuses.push(answer.status)
    }
    expect(statuses).toEqual([200, 200, 429])
  })

  it('stop an address that keeps sending tokens that do not hold', async () => {
    const gateway = await start({ RATE_DEFAULT: '2' })
    await ready(gateway)
    const statuses: number[] = []
    for (let n = 0; n < 3; n += 1)
      statuses.push((await call('/v1/probes', { as: `bad-${n}`, on: gateway })).status)
    expect(statuses).toEqual([401, 401, 429])
  })

  it('still hold, counted by each replica, when Redis is away', async () => {
    const gateway = await start({ RATE_DEFAULT: '2', REDIS_URL: 'redis://127.0.0.1:1' })
    await ready(gateway)
    const { token } = await signIn()
    const statuses: number[] = []
    for (let n = 0; n < 3; n += 1)
      statuses.push((await call('/v1/probes', { as: token, on: gateway })).status)
    expect(statuses).toEqual([200, 200, 429])
  })
})

describe('a body', () => {
  it('over 1 MB is 413 before any of it reaches the service, chunked or not', async () => {
    const { token } = await signIn()
    const before = behind.countOf('/v1/probes')
    const big = Buffer.alloc(1_500_000)
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(big)
        controller.close()
      },
    })
    for (const body of [big, chunked]) {
      const answer = await call('/v1/probes', {
        as: token,
        method: 'POST',
        body,
        ...(body === chunked && { duplex: 'half' }),
      } as Call)
      expect(answer).toMatchObject({ status: 413, body: { code: 'request.too_large' } })
    }
    expect(behind.countOf('/v1/probes')).toBe(before)
  })

  it('that comes in chunks arrives whole, with its length', async () => {
    const { token } = await signIn()
    const answer = await raw(
      `POST /v1/probes HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
    )
    expect(answer).toContain('"bytes":5')
    expect(answer).toContain('"content-length":"5"')
  })

  it('is asked for with 100 Continue only when it is wanted', async () => {
    const head = 'HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n'
    const wanted = await raw(`POST /v1/probes/sign-in ${head}Content-Length: 3\r\n\r\nabc`)
    expect(wanted).toMatch(/^HTTP\/1.1 100 Continue.*"bytes":3/s)
    const unwanted = await raw(`POST /v1/nothing ${head}Content-Length: 3\r\n\r\n`, {
      until: /route\.not_found/,
    })
    expect(unwanted).toMatch(/^HTTP\/1.1 404 /)
  })

  it('that comes too slowly ends in 408 and frees the service', async () => {
    const gateway = await start({ CLIENT_TIMEOUT_MS: '300' })
    await ready(gateway)
    const { token } = await signIn()
    const answer = await raw(
      `POST /v1/probes HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\nContent-Length: 9\r\n\r\nabc`,
      { on: gateway },
    )
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    await eventually(() => expect(gateway.gateway.inFlight()).toBe(0))
  })
})

describe('a service', () => {
  it('that does not answer in time is 504, and the connection of the client lives', async () => {
    const gateway = await start({ UPSTREAM_TIMEOUT_MS: '200' })
    await ready(gateway)
    behind.answer = () => {}
    const answer = await call('/v1/probes/sign-in', { method: 'POST', body: 'x', on: gateway })
    expect(answer).toMatchObject({ status: 504, body: { code: 'gateway.timeout' } })
    expect(answer.headers.get('connection')).not.toBe('close')
  })

  it('that breaks off before its answer is 502 for a write and tried again for a read', async () => {
    let attempts = 0
    behind.answer = (request, response, body) => {
      attempts += 1
      if (attempts === 1) return request.socket.destroy()
      echo(request, response, body)
    }
    const write = await call('/v1/probes/sign-in', { method: 'POST', body: 'x' })
    expect(write).toMatchObject({ status: 502, body: { code: 'gateway.bad_answer' } })
    expect(attempts).toBe(1)
    attempts = 0
    expect((await call('/v1/probes/verify/x')).status).toBe(200)
    expect(attempts).toBe(2)
  })

  it('that is away, or answers before it has read all, costs a client that still sends no answer', async () => {
    const nowhere = await start({ INTERNAL_URL: 'http://127.0.0.1:1' })
    const early = await startBehind(internalPublic)
    const answering = await start({ INTERNAL_URL: early.url })
    early.refuse = (response) =>
      response.writeHead(422, { 'content-type': 'application/json' }).end('{}')
    const big = Buffer.alloc(900_000)
    const send = (on: RunningGateway) =>
      call('/v1/probes/sign-in', { method: 'POST', body: big, on })
    expect(await send(nowhere)).toMatchObject({ status: 503, body: { code: 'probe.unavailable' } })
    expect((await send(answering)).status).toBe(422)
    await early.close()
  })

  it('that breaks off within its answer leaves the client with a broken one, not a short one', async () => {
    behind.answer = (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"half":', () => request.socket.destroy())
    }
    await expect(call('/v1/probes/verify/x')).rejects.toThrow()
  })

  it('that keeps failing is refused at once, then tried by one call, then trusted again', async () => {
    const gateway = await start()
    await ready(gateway)
    const send = () => call('/v1/probes/verify/x', { on: gateway })
    behind.answer = (_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html>')
    for (let n = 0; n < BREAKER_FAILURES_MIN; n += 1)
      expect(await send()).toMatchObject({ status: 502, body: { code: 'gateway.bad_answer' } })
    const arrived = behind.countOf('/v1/probes')
    const refused = await send()
    expect(refused).toMatchObject({ status: 503, body: { code: 'probe.unavailable' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(behind.countOf('/v1/probes')).toBe(arrived)
    // Half open: of many at once, one is let through; it fails, so the breaker opens again.
    offsetMs = BREAKER_OPEN_MS + 1
    const trial = await Promise.all(Array.from({ length: 10 }, send))
    expect(trial.filter(({ status }) => status === 502).length).toBe(1)
    expect(behind.countOf('/v1/probes')).toBe(arrived + 1)
    behind.answer = echo
    expect((await send()).status).toBe(503)
    offsetMs = 2 * BREAKER_OPEN_MS + 100
    expect((await send()).status).toBe(200)
    const trusted = await Promise.all(Array.from({ length: 10 }, send))
    expect(trusted.every(({ status }) => status === 200)).toBe(true)
  })

  it('that keeps failing is tried by the next one, where the client that tried it has left', async () => {
    const gateway = await start()
    await ready(gateway)
    const send = () => call('/v1/probes/verify/x', { on: gateway })
    behind.answer = (_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html>')
    for (let n = 0; n < BREAKER_FAILURES_MIN; n += 1) await send()
    offsetMs = BREAKER_OPEN_MS + 1
    const { promise: hasArrived, resolve: arrived } = Promise.withResolvers<void>()
    behind.answer = () => arrived()
    const leaving = new AbortController()
    const trial = fetch(`${gateway.url}/v1/probes/verify/x`, { signal: leaving.signal })
    await hasArrived
    leaving.abort()
    await expect(trial).rejects.toThrow()
    behind.answer = echo
    await eventually(async () => expect((await send()).status).toBe(200))
  })

  it('may refuse with its own 503 without being taken for broken', async () => {
    behind.answer = (_request, response) =>
      response
        .writeHead(503, { 'content-type': 'application/problem+json' })
        .end('{"code":"content.unavailable"}')
    for (let n = 0; n <= BREAKER_FAILURES_MIN; n += 1)
      expect((await call('/v1/probes/verify/x')).body.code).toBe('content.unavailable')
  })
})

describe('pages of other origins', () => {
  it('may call when listed, and are not told anything otherwise', async () => {
    const gateway = await start({ CORS_ORIGINS: 'https://app.test, https://two.test' })
    const preflight = (origin: string) =>
      call('/v1/probes', {
        on: gateway,
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      })
    const allowed = await preflight('https://app.test')
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.test')
    expect(allowed.headers.get('access-control-allow-methods')).toContain('POST')
    expect(allowed.headers.get('vary')).toBe('Origin')
    const refused = await preflight('https://evil.test')
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('the gateway’s own pages', () => {
  it('are health, readiness and the API’s document', async () => {
    expect((await call('/health')).body).toEqual({ status: 'ok', version: 'development' })
    expect((await call('/ready')).status).toBe(200)
    expect((await call('/openapi.json')).body).toEqual({ openapi: '3.1.0' })
    // Metrics are not a client's business.
    expect((await call('/metrics')).status).toBe(404)
  })

  it('say not ready until the keys are loaded, and become ready by themselves', async () => {
    behind.keys = undefined
    const gateway = await start()
    expect((await call('/ready', { on: gateway })).status).toBe(503)
    expect((await call('/health', { on: gateway })).status).toBe(200)
    behind.keys = [key.jwk]
    offsetMs = 2 * KEYS_REFRESH_MS_MIN
    await ready(gateway)
  })

  it('count answers and refusals without a label that a caller could invent', async () => {
    await call('/v1/invented-by-caller')
    const text = await hub.gateway.metrics.text()
    expect(text).toMatch(
      /gateway_request_duration_seconds_count\{service="probe",status="2xx"\} \d/,
    )
    expect(text).toContain('gateway_refusals_total{code="route.not_found"}')
    expect(text).not.toContain('invented')
  })
})

describe('SIGTERM under load', () => {
  const MANY_CALLS = { RATE_DEFAULT: '1000000', RATE_WRITE: '1000000' }

  it('fails no request of clients that keep their connections', async () => {
    // Long enough for clients on a busy machine to have turned to the other one.
    const draining = await start({ ...MANY_CALLS, DRAIN_DELAY_MS: '3000' })
    const other = await start(MANY_CALLS)
    await Promise.all([ready(draining), ready(other)])
    behind.answer = (request, response, body) => {
      setTimeout(() => echo(request, response, body), 5)
    }
    // As a balancer does: it stops choosing a replica some time after that says it is not ready.
    let target = draining
    let isOver = false
    const statuses: number[] = []
    const failures: unknown[] = []
    const agent = new Agent({ connections: 16, pipelining: 1, keepAliveTimeout: 60_000 })
    const { token } = await signIn()
    const client = async (n: number) => {
      while (!isOver)
        try {
          const { statusCode, body } = await agent.request({
            origin: target.url,
            path: '/v1/probes',
            method: n % 2 === 0 ? 'GET' : 'POST',
            headers: { authorization: `Bearer ${token}` },
            body: n % 2 === 0 ? null : 'some body',
          })
          await body.dump()
          statuses.push(statusCode)
        } catch (error) {
          failures.push(error)
        }
    }
    const clients = Array.from({ length: 16 }, (_, n) => client(n))
    await eventually(() => expect(statuses.length).toBeGreaterThan(200))
    const ended = draining.end()
    await eventually(async () => expect((await fetch(`${draining.url}/ready`)).status).toBe(503))
    const before = statuses.length
    await eventually(() => expect(statuses.length).toBeGreaterThan(before + 100))
    target = other
    await ended
    const after = statuses.length
    await eventually(() => expect(statuses.length).toBeGreaterThan(after + 100))
    isOver = true
    await Promise.all(clients)
    await agent.close()
    expect(failures).toEqual([])
    expect(new Set(statuses)).toEqual(new Set([200]))
    await expect(fetch(draining.url)).rejects.toThrow()
  })

  it('lets what is under way end', async () => {
    const draining = await start()
    await ready(draining)
    let release = () => {}
    const arrived = new Promise<void>((resolve) => {
      behind.answer = (request, response, body) => {
        release = () => echo(request, response, body)
        resolve()
      }
    })
    const answer = call('/v1/probes/verify/x', { on: draining })
    await arrived
    const ended = draining.end()
    release()
    expect((await answer).status).toBe(200)
    await ended
  })
})
