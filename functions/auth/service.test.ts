import { beforeEach, describe, expect, it } from '@jest/globals'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { accessTokens } from '../../shared/auth/access-token.ts'
import { proveEmailChange, readEmailChange } from '../../shared/auth/email-change-proof.ts'
import { opaqueTokens } from '../../shared/auth/opaque-token.ts'
import { argon2idPasswords, PASSWORD_COST } from '../../shared/auth/passwords.ts'
import { seal, unseal } from '../../shared/auth/seal.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { type AccountId, newId, type SessionId } from '../../shared/kernel/id.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, toDate } from '../../shared/kernel/time.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { type Answer, type Call, somebody, useDoors } from '../../tests/support/door.ts'
import { REFRESH_GRACE_MS, SESSIONS_PER_ACCOUNT_MAX } from './domain/session.ts'
import { KEY_ROTATION } from './domain/signing-key.ts'
import { SIGN_IN_BACKOFF } from './domain/throttle.ts'
import type { Deps } from './routes.ts'
import { auth } from './service.ts'

const ISSUER = 'http://localhost:8080'
const sealKey = new Uint8Array(32).fill(1)
const emailChangeKey = new Uint8Array(32).fill(2)

// Every line that the service logs in this file; the last test reads them.
const lines: unknown[] = []
const write = (...line: unknown[]) => void lines.push(line)
const log: Log = { info: write, warn: write, error: write }

const deps: Deps = {
  passwords: argon2idPasswords(),
  tokens: opaqueTokens,
  accessTokens: accessTokens({ issuer: ISSUER, encryptionKey: new Uint8Array(32).fill(3) }),
  sealForMail: (token) => seal(token, sealKey),
  readEmailChange: (proof, now) => readEmailChange(proof, { key: emailChangeKey, now }),
  publicOrigin: ISSUER,
}

const database = useDatabase()
const doors = useDoors(database, auth, deps, { log })

// Every answer in this file, for the last test as well.
const texts: string[] = []
const recorded =
  (send: (path: string, call?: Call) => Promise<Answer>): typeof send =>
  async (path, call) => {
    const answer = await send(path, call)
    texts.push(answer.text)
    return answer
  }
const hub = {
  ...doors,
  get: recorded(doors.get),
  post: recorded(doors.post),
  put: recorded(doors.put),
  delete: recorded(doors.delete),
}

const PASSWORD = 'correct horse battery staple'
const HOME = '198.51.100.1, 10.0.0.9'
const ELSEWHERE = '203.0.113.66, 10.0.0.9'
const OUR_PAGE = { origin: ISSUER, 'sec-fetch-site': 'same-origin' }

// What went through the service in the open. Passwords and mailed tokens are in no answer, event, log line or table;
// refresh tokens are in answers alone.
const secrets = new Set([PASSWORD])
const refreshTokens = new Set<string>()

let people = 0
const anAddress = () => {
  people += 1
  return `person-${people}@example.org`
}

const signUp = (email: string, body: object = {}) =>
  hub.post('/v1/auth/sign-up', { body: { name: 'Ada', email, ...body } })

/** The open token of the newest mail to an address, as notification would put it into the link. */
const mailedToken = async (
  type: 'account.verification_requested' | 'account.password_reset_requested',
  email: string,
) => {
  const mails = (await hub.outbox(type)).map(({ data }) => data as Mail)
  const mail = mails.findLast((one) => one.email === email)
  if (!mail) throw new Error(`no mail ${type} to ${email}`)
  const token = await unseal(mail.sealedToken, sealKey)
  secrets.add(token)
  return token
}
type Mail = { email: string; sealedToken: string }

const verify = (token: string, password = PASSWORD) =>
  hub.post('/v1/auth/verify-email', { body: { token, password } })

const signIn = async (email: string, body: object = {}, forwardedFor = HOME) => {
  const answer = await hub.post('/v1/auth/sign-in', {
    headers: { 'x-forwarded-for': forwardedFor, ...OUR_PAGE },
    body: { email, password: PASSWORD, ...body },
  })
  if (answer.body?.refreshToken) refreshTokens.add(answer.body.refreshToken)
  return answer
}

const aPerson = async () => {
  const email = anAddress()
  await signUp(email)
  await verify(await mailedToken('account.verification_requested', email))
  return { email }
}

const aSession = async (email?: string) => {
  const address = email ?? (await aPerson()).email
  const { body } = await signIn(address)
  const accountId: AccountId = body.accountId
  const sessionId: SessionId = body.sessionId
  const principal: Principal = { ...somebody('learner', { accountId }), sessionId }
  return { email: address, accountId, sessionId, principal, refreshToken: body.refreshToken }
}

const refresh = async (refreshToken: string) => {
  const answer = await hub.post('/v1/auth/refresh', { body: { transport: 'body', refreshToken } })
  if (answer.body?.refreshToken) refreshTokens.add(answer.body.refreshToken)
  return answer
}

const isLive = async (sessionId: string) =>
  (await hub.get(`/v1/auth/sessions/${sessionId}/status`, { as: 'gateway' })).body.isLive

const claimsOf = async (accessToken: string) => {
  const keys = createLocalJWKSet((await hub.get('/v1/auth/jwks')).body)
  const { payload } = await jwtVerify(accessToken, keys, {
    issuer: ISSUER,
    audience: 'hub',
    currentDate: toDate(hub.clock.now()),
  })
  return payload
}

const race = <Result>(count: number, act: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))

const statusesOf = (answers: readonly { status: number }[]) =>
  answers.map(({ status }) => status).sort()

beforeEach(() => hub.clock.advanceMs(DAY_MS))

// First of all tests, because it needs a hub that has never signed anything.
describe('the first signing key', () => {
  it('is one, however many look for it at once', async () => {
    const answers = await race(100, () => hub.get('/v1/auth/jwks'))
    const kids = answers.flatMap(({ body }) => body.keys.map(({ kid }: { kid: string }) => kid))
    expect(kids).toHaveLength(100)
    expect(new Set(kids).size).toBe(1)
    expect(answers[0]?.headers.get('cache-control')).toBe('public, max-age=300')
  })

  it('shows its public part alone, and rests sealed', async () => {
    const [key] = (await hub.get('/v1/auth/jwks')).body.keys
    expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
    const [row] = await database.query<{ private_sealed: string }>(
      'select * from auth.signing_keys',
    )
    expect(decodeProtectedHeader(row?.private_sealed ?? '')).toMatchObject({ alg: 'dir' })
  })
})

describe('POST /v1/auth/sign-up', () => {
  it('registers an account in the academy and mails a sealed token', async () => {
    const email = anAddress()
    expect(await signUp(email, { locale: 'fr', timeZone: 'Europe/Paris' })).toMatchObject({
      status: 202,
      body: { next: 'check_mail' },
    })
    const registered = await hub.outbox('account.registered')
    expect(registered.at(-1)?.data).toMatchObject({
      email,
      name: 'Ada',
      locale: 'fr',
      timeZone: 'Europe/Paris',
      organizationId: ACADEMY_ORGANIZATION_ID,
    })
  })

  it('makes one account of racing sign-ups with one address, in any spelling', async () => {
    const email = anAddress()
    const spellings = [email, email.toUpperCase(), ` ${email} `, email.replace('person', 'ｐerson')]
    const answers = await race(20, (index) => signUp(spellings[index % 4] ?? email))
    expect(new Set(statusesOf(answers))).toEqual(new Set([202]))
    const rows = await database.query('select 1 from auth.accounts where email_key = $1', [email])
    expect(rows).toHaveLength(1)
    const registered = (await hub.outbox('account.registered')).filter(
      ({ data }) => (data as Mail).email.toLowerCase() === email,
    )
    expect(registered.length).toBeLessThanOrEqual(1)
  })

  it('answers alike for an address that somebody has, and tells the owner instead', async () => {
    const { email } = await aPerson()
    const [known, unknown] = [await signUp(email), await signUp(anAddress())]
    expect(known.status).toBe(unknown.status)
    expect(known.text).toBe(unknown.text)
    expect([...known.headers.keys()]).toEqual([...unknown.headers.keys()])
    expect((await hub.outbox('account.sign_up_repeated')).at(-1)?.data).toMatchObject({ email })
  })

  it('leaves a verified account its password', async () => {
    const { email } = await aPerson()
    const first = await mailedToken('account.verification_requested', email)
    await signUp(email)
    expect((await verify(first, 'an attacker chose this')).status).toBe(422)
    expect((await signIn(email)).status).toBe(200)
  })

  it('belongs to who reads its mails, whoever has signed up with it, how often and in what order', async () => {
    const email = anAddress()
    for (let times = 0; times < 4; times += 1) await signUp(email, { name: 'Mallory' })
    const followed = await mailedToken('account.verification_requested', email)
    await signUp(email)
    expect((await signIn(email)).status).toBe(401)
    expect((await verify(followed)).status).toBe(204)
    expect((await signIn(email)).status).toBe(200)
  })

  it.each([
    ['a password, which the mail asks for', { password: PASSWORD }],
    ['what is no address', { email: 'nobody' }],
    ['an unknown field', { role: 'owner' }],
    ['a zone that is none', { timeZone: 'Mars/Olympus' }],
  ])('refuses %s', async (_, body) => {
    expect(await signUp(anAddress(), body)).toMatchObject({
      status: 400,
      body: { code: 'request.invalid' },
    })
  })

  it('mails an address seldom, however often it is named', async () => {
    const email = anAddress()
    await race(10, () => signUp(email))
    const mails = (await hub.outbox('account.verification_requested')).filter(
      ({ data }) => (data as Mail).email === email,
    )
    expect(mails.length).toBeLessThanOrEqual(3)
  })
})

describe('POST /v1/auth/verify-email', () => {
  it('takes a token once, of two that bring it at the same time', async () => {
    const email = anAddress()
    await signUp(email)
    const token = await mailedToken('account.verification_requested', email)
    const answers = await race(2, () => verify(token))
    expect(statusesOf(answers)).toEqual([204, 422])
    const verified = await hub.outbox('account.email_verified')
    expect(verified.filter(({ data }) => (data as Mail).email === email)).toHaveLength(1)
  })

  it('refuses a token past its day, of another purpose, or of nobody', async () => {
    const email = anAddress()
    await signUp(email)
    const token = await mailedToken('account.verification_requested', email)
    await hub.post('/v1/auth/password-reset', { body: { email } })
    const reset = await mailedToken('account.password_reset_requested', email)
    for (const wrong of [reset, opaqueTokens.make()])
      expect(await verify(wrong)).toMatchObject({
        status: 422,
        body: { code: 'auth.token_invalid' },
      })
    hub.clock.advanceMs(DAY_MS)
    expect((await verify(token)).status).toBe(422)
    expect((await hub.post('/v1/auth/verify-email', { body: {} })).status).toBe(400)
  })

  it('refuses a password that is guessed first, too short or without end, and keeps the token for a better one', async () => {
    const email = anAddress()
    await signUp(email)
    const token = await mailedToken('account.verification_requested', email)
    expect(await verify(token, 'password123')).toMatchObject({
      status: 422,
      body: { code: 'auth.password_common' },
    })
    for (const password of ['short', 'x'.repeat(129)])
      expect((await verify(token, password)).status).toBe(400)
    expect((await verify(token)).status).toBe(204)
  })
})

describe('POST /v1/auth/verify-email/resend', () => {
  const resend = (email: string) => hub.post('/v1/auth/verify-email/resend', { body: { email } })

  it('mails a token that is as good as the first', async () => {
    const email = anAddress()
    await signUp(email)
    const first = await mailedToken('account.verification_requested', email)
    await resend(email)
    const second = await mailedToken('account.verification_requested', email)
    expect(second).not.toBe(first)
    expect((await verify(second)).status).toBe(204)
    expect((await signIn(email)).status).toBe(200)
  })

  it('answers alike for waiting, verified and unknown addresses, and mails only the first', async () => {
    const waiting = anAddress()
    await signUp(waiting)
    const verified = (await aPerson()).email
    const before = (await hub.outbox()).length
    const answers = [await resend(waiting), await resend(verified), await resend(anAddress())]
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect((await hub.outbox()).length - before).toBe(1)
    expect((await resend('nobody')).status).toBe(400)
  })
})

describe('POST /v1/auth/sign-in', () => {
  it('opens a session with a token that names account, organisation and session', async () => {
    const { email } = await aPerson()
    const { status, body } = await signIn(email)
    expect(status).toBe(200)
    const claims = await claimsOf(body.accessToken)
    expect(claims).toMatchObject({
      sub: body.accountId,
      org: ACADEMY_ORGANIZATION_ID,
      sid: body.sessionId,
      iss: ISSUER,
      aud: 'hub',
    })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(15 * 60)
    expect(claims.jti).toBeDefined()
    expect(await isLive(body.sessionId)).toBe(true)
  })

  it('answers alike for a wrong password and an unknown address', async () => {
    const { email } = await aPerson()
    const wrong = await signIn(email, { password: 'not the password' })
    const unknown = await signIn(anAddress(), { password: 'not the password' })
    expect(wrong).toMatchObject({ status: 401, body: { code: 'auth.credentials_wrong' } })
    const { traceId: _, ...shown } = wrong.body
    const { traceId: __, ...alike } = unknown.body
    expect(alike).toEqual(shown)
  })

  it('makes a hash for an unknown address too', async () => {
    let made = 0
    const counting = argon2idPasswords()
    const before = deps.passwords
    Object.assign(deps, {
      passwords: {
        ...counting,
        verify: (password: string, stored: string | undefined) => {
          made += 1
          return counting.verify(password, stored)
        },
      },
    })
    await signIn(anAddress())
    Object.assign(deps, { passwords: before })
    expect(made).toBe(1)
    const took = async (stored: string | undefined) => {
      const start = performance.now()
      for (let run = 0; run < 5; run += 1) await counting.verify(PASSWORD, stored)
      return performance.now() - start
    }
    const known = await took(await counting.hash(PASSWORD))
    expect(await took(undefined)).toBeGreaterThan(known / 3)
  })

  it('tells nobody whether an address has an account, not even who has signed up with it', async () => {
    const password = 'an attacker chose this'
    const probe = async (email: string) => {
      await signUp(email)
      const { status, body } = await signIn(email, { password }, ELSEWHERE)
      return { status, code: body.code }
    }
    const { email } = await aPerson()
    expect(await probe(email)).toEqual({ status: 401, code: 'auth.credentials_wrong' })
    expect(await probe(anAddress())).toEqual({ status: 401, code: 'auth.credentials_wrong' })
  })

  it('makes a guesser wait longer and longer, and lets the owner in from elsewhere', async () => {
    const { email } = await aPerson()
    const guess = () => signIn(email, { password: 'not the password' }, ELSEWHERE)
    for (let tries = 0; tries < SIGN_IN_BACKOFF.freeAttempts; tries += 1)
      expect((await guess()).status).toBe(401)
    const blocked = await guess()
    expect(blocked).toMatchObject({ status: 429, body: { code: 'auth.too_many_attempts' } })
    expect(blocked.headers.get('retry-after')).toBe('1')
    // Not even the right password helps from there; from home nothing has happened.
    expect((await signIn(email, {}, ELSEWHERE)).status).toBe(429)
    expect((await signIn(email, {}, HOME)).status).toBe(200)
    hub.clock.advanceMs(SECOND_MS)
    expect((await guess()).status).toBe(401)
    expect((await guess()).headers.get('retry-after')).toBe('2')
    hub.clock.advanceMs(2 * SECOND_MS)
    expect((await signIn(email, {}, ELSEWHERE)).status).toBe(200)
  })

  it('counts guesses that race, and those at unknown addresses', async () => {
    const email = anAddress()
    const answers = await race(30, () =>
      signIn(email, { password: 'not the password' }, '203.0.113.77, 10.0.0.9'),
    )
    const heard = answers.filter(({ status }) => status === 401)
    expect(heard).toHaveLength(SIGN_IN_BACKOFF.freeAttempts)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(25)
  })

  it('is not fooled by addresses that the client adds to x-forwarded-for', async () => {
    const { email } = await aPerson()
    const answers = await race(8, (index) =>
      signIn(email, { password: 'not the password' }, `9.9.9.${index}, 203.0.113.88, 10.0.0.9`),
    )
    expect(answers.some(({ status }) => status === 429)).toBe(true)
  })

  it('makes a hash of other costs again', async () => {
    const { email } = await aPerson()
    const cheap = await argon2idPasswords({ ...PASSWORD_COST, memoryKib: 1_024 }).hash(PASSWORD)
    await database.query('update auth.accounts set password_hash = $1 where email = $2', [
      cheap,
      email,
    ])
    expect((await signIn(email)).status).toBe(200)
    const [row] = await database.query('select password_hash from auth.accounts where email = $1', [
      email,
    ])
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect((await signIn(email)).status).toBe(200)
  })

  it('hands browsers the refresh token in a cookie alone, and only to our own pages', async () => {
    const { email } = await aPerson()
    const answer = await signIn(email, { transport: 'cookie' })
    expect(answer.body.refreshToken).toBeUndefined()
    expect(answer.headers.get('set-cookie')).toMatch(
      /^__Host-hub_refresh=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=604800$/,
    )
    const foreign = await hub.post('/v1/auth/sign-in', {
      headers: { origin: 'https://evil.test' },
      body: { email, password: PASSWORD, transport: 'cookie' },
    })
    expect(foreign).toMatchObject({ status: 403, body: { code: 'auth.origin_refused' } })
  })

  it('refuses an unknown transport', async () => {
    expect((await signIn(anAddress(), { transport: 'pigeon' })).status).toBe(400)
  })

  it('ends the oldest session when there are too many', async () => {
    const first = await aSession()
    await race(SESSIONS_PER_ACCOUNT_MAX, () => signIn(first.email))
    expect(await isLive(first.sessionId)).toBe(false)
    const { rows } = await database
      .as('auth')
      .pool.query('select 1 from auth.sessions where account_id = $1 and revoked_at is null', [
        first.accountId,
      ])
    expect(rows).toHaveLength(SESSIONS_PER_ACCOUNT_MAX)
  })
})

describe('POST /v1/auth/refresh', () => {
  it('makes one successor of 50 racing refreshes, answers all with it, and logs nobody out', async () => {
    const { refreshToken, sessionId } = await aSession()
    const answers = await race(50, () => refresh(refreshToken))
    expect(new Set(statusesOf(answers))).toEqual(new Set([200]))
    const successors = new Set(answers.map(({ body }) => body.refreshToken))
    expect(successors.size).toBe(1)
    expect(successors).not.toContain(refreshToken)
    const tokens = await database.query(
      'select used_at from auth.refresh_tokens where session_id = $1',
      [sessionId],
    )
    expect(tokens).toHaveLength(2)
    expect(await isLive(sessionId)).toBe(true)
    const [successor] = successors
    expect((await refresh(successor)).status).toBe(200)
  })

  it('leads a late tab within the grace to the end of the chain', async () => {
    const { refreshToken } = await aSession()
    const second = (await refresh(refreshToken)).body.refreshToken
    const third = (await refresh(second)).body.refreshToken
    hub.clock.advanceMs(REFRESH_GRACE_MS - 1)
    expect((await refresh(refreshToken)).body.refreshToken).toBe(third)
  })

  it('ends the whole family when a token comes back after the grace', async () => {
    const { refreshToken, sessionId, accountId } = await aSession()
    const successor = (await refresh(refreshToken)).body.refreshToken
    hub.clock.advanceMs(REFRESH_GRACE_MS)
    expect(await refresh(refreshToken)).toMatchObject({
      status: 401,
      body: { code: 'auth.refresh_reused' },
    })
    expect(await isLive(sessionId)).toBe(false)
    expect(await refresh(successor)).toMatchObject({
      status: 401,
      body: { code: 'auth.refresh_invalid' },
    })
    expect((await hub.outbox('session.revoked')).at(-1)?.data).toEqual({
      accountId,
      sessionId,
      reason: 'reuse_detected',
    })
  })

  it('detects reuse once, however many thieves race', async () => {
    const { refreshToken, sessionId } = await aSession()
    await refresh(refreshToken)
    hub.clock.advanceMs(REFRESH_GRACE_MS)
    await race(10, () => refresh(refreshToken))
    const revoked = (await hub.outbox('session.revoked')).filter(
      ({ data }) => (data as { sessionId: string }).sessionId === sessionId,
    )
    expect(revoked).toHaveLength(1)
  })

  it('leaves the account’s other sessions alone', async () => {
    const stolen = await aSession()
    const other = await aSession(stolen.email)
    await refresh(stolen.refreshToken)
    hub.clock.advanceMs(REFRESH_GRACE_MS)
    await refresh(stolen.refreshToken)
    expect((await refresh(other.refreshToken)).status).toBe(200)
  })

  it('lives seven days from its last use', async () => {
    const { refreshToken } = await aSession()
    hub.clock.advanceMs(7 * DAY_MS - 1)
    const successor = (await refresh(refreshToken)).body.refreshToken
    hub.clock.advanceMs(7 * DAY_MS)
    expect((await refresh(successor)).status).toBe(401)
  })

  it('takes the cookie from our own pages only, and no refusal clears it', async () => {
    const { email } = await aPerson()
    const signedIn = await signIn(email, { transport: 'cookie' })
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
    refreshTokens.add(cookie.split('=')[1] ?? '')
    const send = (headers: Record<string, string>) =>
      hub.post('/v1/auth/refresh', {
        headers: { ...headers, cookie },
        body: { transport: 'cookie' },
      })
    for (const foreign of [{ origin: 'https://evil.test' }, {}]) {
      const refused = await send(foreign)
      expect(refused).toMatchObject({ status: 403, body: { code: 'auth.origin_refused' } })
      expect(refused.headers.has('set-cookie')).toBe(false)
    }
    const answers = await race(5, () => send(OUR_PAGE))
    expect(new Set(statusesOf(answers))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ headers }) => headers.get('set-cookie'))).size).toBe(1)
    expect(answers[0]?.body.refreshToken).toBeUndefined()
    hub.clock.advanceMs(REFRESH_GRACE_MS)
    const late = await send(OUR_PAGE)
    expect(late.status).toBe(401)
    expect(late.headers.has('set-cookie')).toBe(false)
  })

  it('refuses what is no token, and a cookie that is not there', async () => {
    expect((await refresh(opaqueTokens.make())).status).toBe(401)
    expect((await refresh('no token!')).status).toBe(400)
    const without = await hub.post('/v1/auth/refresh', {
      headers: OUR_PAGE,
      body: { transport: 'cookie' },
    })
    expect(without).toMatchObject({ status: 401, body: { code: 'auth.refresh_invalid' } })
  })
})

describe('sessions', () => {
  it('refuses a cursor that is not its own', async () => {
    const { principal } = await aSession()
    expect(await hub.get('/v1/auth/sessions?cursor=x', { as: principal })).toMatchObject({
      status: 400,
      body: { code: 'request.cursor' },
    })
  })

  it('are listed to their owner, newest first, page by page', async () => {
    const first = await aSession()
    const second = await aSession(first.email)
    await aSession()
    const page = await hub.get('/v1/auth/sessions?limit=1', { as: first.principal })
    expect(page.body.items).toMatchObject([{ sessionId: second.sessionId, isCurrent: false }])
    const rest = await hub.get(`/v1/auth/sessions?cursor=${page.body.nextCursor}`, {
      as: first.principal,
    })
    expect(rest.body).toMatchObject({
      items: [{ sessionId: first.sessionId, isCurrent: true }],
      nextCursor: null,
    })
    expect((await hub.get('/v1/auth/sessions')).status).toBe(401)
    expect((await hub.get('/v1/auth/sessions?limit=0', { as: first.principal })).status).toBe(400)
  })

  it('end one by one, once, and are gone from the list', async () => {
    const here = await aSession()
    const there = await aSession(here.email)
    const end = () => hub.delete(`/v1/auth/sessions/${there.sessionId}`, { as: here.principal })
    expect(statusesOf(await race(5, end))).toEqual([204, 204, 204, 204, 204])
    expect(await isLive(there.sessionId)).toBe(false)
    expect((await refresh(there.refreshToken)).status).toBe(401)
    const revoked = (await hub.outbox('session.revoked')).filter(
      ({ data }) => (data as { sessionId: string }).sessionId === there.sessionId,
    )
    expect(revoked).toMatchObject([{ data: { reason: 'revoked' } }])
    const { body } = await hub.get('/v1/auth/sessions', { as: here.principal })
    expect(body.items).toHaveLength(1)
  })

  it('of others do not exist', async () => {
    const mine = await aSession()
    const theirs = await aSession()
    for (const sessionId of [theirs.sessionId, newId('session')])
      expect(
        await hub.delete(`/v1/auth/sessions/${sessionId}`, { as: mine.principal }),
      ).toMatchObject({ status: 404, body: { code: 'auth.session_not_found' } })
    expect(await isLive(theirs.sessionId)).toBe(true)
    expect((await hub.delete('/v1/auth/sessions/x', { as: mine.principal })).status).toBe(400)
    expect((await hub.delete(`/v1/auth/sessions/${mine.sessionId}`)).status).toBe(401)
  })

  it('end all but the one that asks', async () => {
    const here = await aSession()
    const others = [await aSession(here.email), await aSession(here.email)]
    const answer = await hub.post('/v1/auth/sessions/revoke-others', { as: here.principal })
    expect(answer).toMatchObject({ status: 200, body: { revoked: 2 } })
    for (const { sessionId } of others) expect(await isLive(sessionId)).toBe(false)
    expect(await isLive(here.sessionId)).toBe(true)
    expect((await hub.post('/v1/auth/sessions/revoke-others')).status).toBe(401)
  })

  it('end with sign-out, which clears the cookie and may be repeated', async () => {
    const { principal, sessionId } = await aSession()
    for (let times = 0; times < 2; times += 1) {
      const answer = await hub.post('/v1/auth/sign-out', { as: principal })
      expect(answer.status).toBe(204)
      expect(answer.headers.get('set-cookie')).toContain('__Host-hub_refresh=; ')
      expect(answer.headers.get('set-cookie')).toContain('Max-Age=0')
    }
    expect(await isLive(sessionId)).toBe(false)
    expect((await hub.outbox('session.revoked')).at(-1)?.data).toMatchObject({
      sessionId,
      reason: 'signed_out',
    })
    expect((await hub.post('/v1/auth/sign-out')).status).toBe(401)
  })

  it('tell their state to our own parts alone', async () => {
    const { principal, sessionId, accountId } = await aSession()
    const path = `/v1/auth/sessions/${sessionId}/status`
    expect((await hub.get(path, { as: 'gateway' })).body).toEqual({ accountId, isLive: true })
    expect((await hub.get(path, { as: principal })).status).toBe(404)
    const unknown = await hub.get(`/v1/auth/sessions/${newId('session')}/status`, { as: 'gateway' })
    expect(unknown).toMatchObject({ status: 404, body: { code: 'auth.session_not_found' } })
    hub.clock.advanceMs(7 * DAY_MS)
    expect(await isLive(sessionId)).toBe(false)
  })
})

describe('the active organisation', () => {
  const organizationId = newId('organization')
  let news = 0
  const join = async (accountId: AccountId, { id = newId('event'), sequence = ++news } = {}) =>
    hub.deliver(
      'member.added',
      { organizationId, accountId, role: 'learner' },
      { id, organizationId, sequence },
    )
  const leave = (accountId: AccountId) =>
    hub.deliver(
      'member.removed',
      { organizationId, accountId },
      { organizationId, sequence: ++news },
    )
  const switchTo = (principal: Principal | undefined, to: string) =>
    hub.put('/v1/auth/sessions/current/organization', {
      ...(principal && { as: principal }),
      body: { organizationId: to },
    })

  it('changes within the session, and stays with it', async () => {
    const { accountId, principal, sessionId, refreshToken, email } = await aSession()
    await join(accountId)
    const answer = await switchTo(principal, organizationId)
    expect(answer).toMatchObject({ status: 200, body: { sessionId, organizationId } })
    expect(await claimsOf(answer.body.accessToken)).toMatchObject({
      org: organizationId,
      sid: sessionId,
    })
    expect((await refresh(refreshToken)).body.organizationId).toBe(organizationId)
    expect((await signIn(email)).body.organizationId).toBe(organizationId)
    expect((await switchTo(principal, ACADEMY_ORGANIZATION_ID)).status).toBe(200)
  })

  it('is one of the caller’s own: others do not exist', async () => {
    const { principal } = await aSession()
    expect(await switchTo(principal, organizationId)).toMatchObject({
      status: 404,
      body: { code: 'auth.organization_not_found' },
    })
    expect((await switchTo(undefined, organizationId)).status).toBe(401)
    expect((await switchTo(principal, 'acme')).status).toBe(400)
  })

  it('falls back with the next refresh when the membership has ended', async () => {
    const { accountId, principal, refreshToken } = await aSession()
    const added = { id: newId('event'), sequence: ++news }
    expect(await join(accountId, added)).toBe('done')
    await switchTo(principal, organizationId)
    await leave(accountId)
    expect(await join(accountId, added)).toBe('repeated')
    expect((await refresh(refreshToken)).body.organizationId).toBe(ACADEMY_ORGANIZATION_ID)
  })

  it('is not one that was left, whatever older news comes late', async () => {
    const { accountId, principal } = await aSession()
    const older = { sequence: ++news }
    await leave(accountId)
    await join(accountId, older)
    expect((await switchTo(principal, organizationId)).status).toBe(404)
    await join(accountId)
    expect((await switchTo(principal, organizationId)).status).toBe(200)
  })

  it('does not change in a session that has ended', async () => {
    const { principal } = await aSession()
    await hub.post('/v1/auth/sign-out', { as: principal })
    expect(await switchTo(principal, ACADEMY_ORGANIZATION_ID)).toMatchObject({
      status: 401,
      body: { code: 'auth.session_ended' },
    })
  })
})

describe('a password reset', () => {
  const ask = (email: string) => hub.post('/v1/auth/password-reset', { body: { email } })
  const confirm = (token: string, password = 'a brand new password') => {
    secrets.add(password)
    return hub.post('/v1/auth/password-reset/confirm', { body: { token, password } })
  }

  it('sets the password once, ends every session and says so', async () => {
    const { email, sessionId } = await aSession()
    await ask(email)
    const token = await mailedToken('account.password_reset_requested', email)
    expect(statusesOf(await race(5, () => confirm(token)))).toEqual([204, 422, 422, 422, 422])
    expect(await isLive(sessionId)).toBe(false)
    expect((await signIn(email)).status).toBe(401)
    expect((await signIn(email, { password: 'a brand new password' })).status).toBe(200)
    expect((await hub.outbox('account.password_changed')).at(-1)?.data).toMatchObject({ email })
    expect((await hub.outbox('session.revoked')).at(-1)?.data).toMatchObject({
      sessionId,
      reason: 'password_changed',
    })
  })

  it('takes one of several links of one account that come at once, and refuses the others', async () => {
    const { email } = await aPerson()
    const tokens: string[] = []
    for (let mail = 0; mail < 3; mail += 1) {
      await hub.post('/v1/auth/password-reset', { body: { email } })
      tokens.push(await mailedToken('account.password_reset_requested', email))
    }
    const answers = await Promise.all(
      tokens.map((token) =>
        hub.post('/v1/auth/password-reset/confirm', {
          body: { token, password: 'a brand new password' },
        }),
      ),
    )
    expect(statusesOf(answers)).toEqual([204, 422, 422])
  })

  it('leaves no session to a sign-in that raced it with the old password', async () => {
    const { email, accountId } = await aSession()
    await ask(email)
    const token = await mailedToken('account.password_reset_requested', email)
    await Promise.all([confirm(token), race(10, () => signIn(email))])
    const live = await database.query(
      'select 1 from auth.sessions where account_id = $1 and revoked_at is null',
      [accountId],
    )
    expect(live).toEqual([])
  })

  it('proves the address as well', async () => {
    const email = anAddress()
    await signUp(email)
    await ask(email)
    await confirm(await mailedToken('account.password_reset_requested', email))
    expect((await signIn(email, { password: 'a brand new password' })).status).toBe(200)
  })

  it('answers alike for an unknown address, and leaves nothing behind', async () => {
    const { email } = await aPerson()
    const known = await ask(email)
    const before = await hub.outbox()
    const tokens = () => database.query('select 1 from auth.mail_tokens')
    const count = (await tokens()).length
    const unknown = await ask(anAddress())
    expect([unknown.status, unknown.text]).toEqual([known.status, known.text])
    expect(await hub.outbox()).toHaveLength(before.length)
    expect(await tokens()).toHaveLength(count)
  })

  it('ends after an hour, and keeps the token when the password is refused', async () => {
    const { email } = await aPerson()
    await ask(email)
    const token = await mailedToken('account.password_reset_requested', email)
    expect(await confirm(token, 'qwertyuiop')).toMatchObject({
      status: 422,
      body: { code: 'auth.password_common' },
    })
    expect((await confirm(token, 'short')).status).toBe(400)
    hub.clock.advanceMs(HOUR_MS)
    expect(await confirm(token)).toMatchObject({
      status: 422,
      body: { code: 'auth.token_invalid' },
    })
  })
})

describe('PUT /v1/auth/password', () => {
  const change = (principal: Principal | undefined, body: object) =>
    hub.put('/v1/auth/password', { ...(principal && { as: principal }), body })
  const toNew = { currentPassword: PASSWORD, newPassword: 'quite another password' }

  it('ends every other session and keeps this one', async () => {
    secrets.add(toNew.newPassword)
    const here = await aSession()
    const there = await aSession(here.email)
    expect((await change(here.principal, toNew)).status).toBe(204)
    expect(await isLive(here.sessionId)).toBe(true)
    expect(await isLive(there.sessionId)).toBe(false)
    expect((await signIn(here.email, { password: toNew.newPassword })).status).toBe(200)
  })

  it('wants the current password, and does not let it be guessed', async () => {
    const { principal } = await aSession()
    const wrong = { ...toNew, currentPassword: 'not the password' }
    const answers = await race(10, () => change(principal, wrong))
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(
      SIGN_IN_BACKOFF.freeAttempts,
    )
    expect(await change(principal, toNew)).toMatchObject({
      status: 429,
      body: { code: 'auth.too_many_attempts' },
    })
  })

  it('refuses guessable, malformed and anonymous changes', async () => {
    const { principal } = await aSession()
    expect((await change(principal, { ...toNew, newPassword: 'password1' })).status).toBe(422)
    expect((await change(principal, { newPassword: 'x' })).status).toBe(400)
    expect((await change(undefined, toNew)).status).toBe(401)
  })
})

describe('PUT /v1/auth/accounts/{accountId}/email', () => {
  type Asked = { accountId: AccountId; email: string }
  const prove = (asked: Asked, key = emailChangeKey) =>
    proveEmailChange(asked, { key, now: hub.clock.now() })
  const replace = (principal: Principal | undefined, asked: Asked, proof: string) =>
    hub.put(`/v1/auth/accounts/${asked.accountId}/email`, {
      ...(principal && { as: principal }),
      body: { email: asked.email, proof },
    })

  it('makes the proved address the one to sign in with, and voids mail to the old one', async () => {
    const { accountId, principal, email } = await aSession()
    await hub.post('/v1/auth/password-reset', { body: { email } })
    const token = await mailedToken('account.password_reset_requested', email)
    const asked = { accountId, email: anAddress() }
    expect((await replace(principal, asked, await prove(asked))).status).toBe(204)
    expect((await replace(principal, asked, await prove(asked))).status).toBe(204)
    expect((await signIn(asked.email)).status).toBe(200)
    expect((await signIn(email)).status).toBe(401)
    const reset = { token, password: 'a brand new password' }
    expect((await hub.post('/v1/auth/password-reset/confirm', { body: reset })).status).toBe(422)
  })

  it('gives a proved address to its owner, though somebody has signed up with it and proved nothing', async () => {
    const { accountId, principal } = await aSession()
    const asked = { accountId, email: anAddress() }
    await signUp(asked.email)
    const theirs = await mailedToken('account.verification_requested', asked.email)
    expect((await replace(principal, asked, await prove(asked))).status).toBe(204)
    expect((await verify(theirs)).status).toBe(422)
    expect((await signIn(asked.email)).body.accountId).toBe(accountId)
  })

  it('gives a wanted address to one of those who race for it', async () => {
    const contenders = [await aSession(), await aSession(), await aSession()]
    const email = anAddress()
    const answers = await Promise.all(
      contenders.map(async ({ accountId, principal }) =>
        replace(principal, { accountId, email }, await prove({ accountId, email })),
      ),
    )
    expect(statusesOf(answers)).toEqual([204, 409, 409])
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('auth.email_taken')
  })

  it('refuses without a proof for this account and this address, made a moment ago', async () => {
    const { accountId, principal } = await aSession()
    const asked = { accountId, email: anAddress() }
    const old = await prove(asked)
    hub.clock.advanceMs(3 * MINUTE_MS)
    const wrong = [
      'no proof',
      old,
      await prove({ ...asked, email: anAddress() }),
      await prove({ ...asked, accountId: newId('account') }),
      await prove(asked, new Uint8Array(32).fill(9)),
    ]
    for (const proof of wrong)
      expect(await replace(principal, asked, proof)).toMatchObject({
        status: 403,
        body: { code: 'auth.proof_invalid' },
      })
  })

  it('hides other accounts, and is for the signed-in', async () => {
    const { principal } = await aSession()
    const asked = { accountId: newId('account'), email: anAddress() }
    expect(await replace(principal, asked, await prove(asked))).toMatchObject({
      status: 404,
      body: { code: 'auth.account_not_found' },
    })
    expect((await replace(undefined, asked, 'x')).status).toBe(401)
    expect((await replace(principal, { ...asked, email: 'nobody' }, 'x')).status).toBe(400)
  })
})

describe('user.deactivated', () => {
  it('ends every session, and no way leads back in', async () => {
    const { email, accountId, sessionId, refreshToken } = await aSession()
    const event = newId('event')
    expect(await hub.deliver('user.deactivated', { accountId }, { id: event })).toBe('done')
    expect(await hub.deliver('user.deactivated', { accountId }, { id: event })).toBe('repeated')
    expect(await isLive(sessionId)).toBe(false)
    expect((await refresh(refreshToken)).status).toBe(401)
    expect(await signIn(email)).toMatchObject({
      status: 403,
      body: { code: 'auth.account_deactivated' },
    })
    expect((await signIn(email, { password: 'not the password' })).status).toBe(401)
    const before = await hub.outbox()
    await hub.post('/v1/auth/password-reset', { body: { email } })
    expect(await hub.outbox()).toHaveLength(before.length)
    const revoked = before.filter(
      ({ type, data }) =>
        type === 'session.revoked' && (data as { accountId: string }).accountId === accountId,
    )
    expect(revoked).toMatchObject([{ data: { sessionId, reason: 'deactivated' } }])
  })

  it('leaves no session to a sign-in that raced it', async () => {
    const { email, accountId } = await aSession()
    await Promise.all([
      race(10, () => signIn(email)),
      hub.deliver('user.deactivated', { accountId }),
    ])
    const live = await database.query(
      'select 1 from auth.sessions where account_id = $1 and revoked_at is null',
      [accountId],
    )
    expect(live).toEqual([])
  })
})

describe('user.profile_updated', () => {
  it('decides in which language the account gets its mails', async () => {
    const { email, accountId } = await aSession()
    await hub.deliver('user.profile_updated', {
      accountId,
      name: 'Ada',
      locale: 'pt-BR',
      timeZone: 'UTC',
      avatarMediaId: null,
    })
    await hub.post('/v1/auth/password-reset', { body: { email } })
    const mail = (await hub.outbox('account.password_reset_requested')).at(-1)?.data
    expect(mail).toMatchObject({ email, locale: 'pt-BR' })
  })
})

describe('the jobs', () => {
  const published = async (): Promise<string[]> =>
    (await hub.get('/v1/auth/jwks')).body.keys.map(({ kid }: { kid: string }) => kid)
  const kidOf = (accessToken: string) => decodeProtectedHeader(accessToken).kid

  it('publish a key before it signs, change over without refusing a token, retire the old one', async () => {
    // The tests before this one took a key's life: let the rotation that is due happen first.
    for (let days = 0; days < 3; days += 1) {
      await hub.runJob('rotateKeys')
      hub.clock.advanceMs(DAY_MS)
    }
    const { email } = await aPerson()
    const before = (await signIn(email)).body.accessToken
    hub.clock.advanceMs(KEY_ROTATION.lifeMs)
    await race(5, () => hub.runJob('rotateKeys'))
    const [coming, current] = await published()
    expect(await published()).toHaveLength(2)
    const stillOld = (await signIn(email)).body.accessToken
    expect(kidOf(stillOld)).toBe(current)
    expect(kidOf(before)).toBe(current)
    hub.clock.advanceMs(KEY_ROTATION.leadMs - MINUTE_MS)
    const lastOld = (await signIn(email)).body.accessToken
    hub.clock.advanceMs(MINUTE_MS)
    const firstNew = (await signIn(email)).body.accessToken
    expect([kidOf(lastOld), kidOf(firstNew)]).toEqual([current, coming])
    for (const token of [lastOld, firstNew]) expect(await claimsOf(token)).toBeDefined()
    hub.clock.advanceMs(DAY_MS)
    await hub.runJob('rotateKeys')
    expect(await published()).toEqual([coming])
  })

  it('sweep what is past its time and nothing else', async () => {
    const old = await aSession()
    await hub.post('/v1/auth/password-reset', { body: { email: old.email } })
    hub.clock.advanceMs(40 * DAY_MS)
    const young = await aSession()
    await hub.runJob('sweepExpired')
    expect((await refresh(young.refreshToken)).status).toBe(200)
    const gone = await hub.get(`/v1/auth/sessions/${old.sessionId}/status`, { as: 'gateway' })
    expect(gone.status).toBe(404)
    const [left] = await database.query<{ count: number }>(
      `select (select count(*) from auth.mail_tokens)::int as count`,
    )
    expect(left?.count).toBe(0)
  })
})

describe('the second wall', () => {
  it('shows the service role no membership without an organisation', async () => {
    const organizationId = newId('organization')
    const accountId = newId('account')
    await hub.deliver(
      'member.added',
      { organizationId, accountId, role: 'learner' },
      { organizationId },
    )
    const { rowCount } = await database.as('auth').pool.query('select * from auth.memberships')
    expect(rowCount).toBe(0)
  })
})

// Last of all tests: it searches what the others left behind.
describe('secrets', () => {
  const lies = (secret: string, text: string) => text.includes(secret)

  it('are in no answer, no event, no log line and no table', async () => {
    const tables = ['accounts', 'sessions', 'refresh_tokens', 'mail_tokens', 'throttles']
    const rows = await Promise.all(
      tables.map((table) => database.query(`select * from auth.${table}`)),
    )
    const everywhere = {
      answers: texts.join('\n'),
      events: JSON.stringify(await hub.outbox()),
      log: JSON.stringify(lines),
      tables: JSON.stringify(rows),
    }
    const { answers: _, ...kept } = everywhere
    expect([secrets.size > 50, refreshTokens.size > 100, lines.length > 50]).not.toContain(false)
    for (const [place, text] of Object.entries(everywhere))
      expect({ place, open: [...secrets].some((secret) => lies(secret, text)) }).toEqual({
        place,
        open: false,
      })
    for (const [place, text] of Object.entries(kept))
      expect({ place, open: [...refreshTokens].some((token) => lies(token, text)) }).toEqual({
        place,
        open: false,
      })
    const { tables: __, ...told } = everywhere
    for (const text of Object.values(told)) expect(text).not.toContain('$argon2id')
    expect(everywhere.log).not.toContain('@example.org')
  })
})

describe('the language of mails', () => {
  it('is that of the newest profile, however late an older one comes', async () => {
    const { email, accountId } = await aSession()
    const speak = (locale: string, sequence: number) =>
      hub.deliver(
        'user.profile_updated',
        { accountId, name: 'Ada', locale, timeZone: 'UTC', avatarMediaId: null },
        { sequence },
      )
    await speak('fr', 3)
    await speak('de', 2)
    await hub.post('/v1/auth/password-reset', { body: { email } })
    expect((await hub.outbox('account.password_reset_requested')).at(-1)?.data).toMatchObject({
      email,
      locale: 'fr',
    })
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
