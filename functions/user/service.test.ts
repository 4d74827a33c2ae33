import { beforeEach, describe, expect, it } from '@jest/globals'
import { proveEmailChange, readEmailChange } from '../../shared/auth/email-change-proof.ts'
import { opaqueTokens } from '../../shared/auth/opaque-token.ts'
import { seal, unseal } from '../../shared/auth/seal.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import { EMAIL_CHANGES_PER_DAY_MAX } from '../../shared/contracts/user.ts'
import { schemaOf } from '../../shared/db/names.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type AccountId, type MediaId, newId, type OrganizationId } from '../../shared/kernel/id.ts'
import { DAY_MS, HOUR_MS, toIso } from '../../shared/kernel/time.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { EMAIL_CHANGE_MS } from './domain.ts'
import type { Deps } from './routes.ts'
import { user } from './service.ts'

const sealKey = new Uint8Array(32).fill(1)
const proofKey = new Uint8Array(32).fill(2)

// Every line that the service logs in this file, and what must be in none of them.
const lines: unknown[] = []
const write = (...line: unknown[]) => void lines.push(line)
const log: Log = { info: write, warn: write, error: write }
const secrets = new Set<string>()

type File = Awaited<ReturnType<Deps['media']['getMedia']>>

// What the media and auth services would answer: their own tests prove that they do.
const files = new Map<MediaId, Pick<File, 'ownerId' | 'kind' | 'state'>>()
const addresses = new Map<string, AccountId>()
let replacements = 0
let isAuthAway = false

const deps: Deps = {
  media: {
    async getMedia({ params }) {
      const mediaId = params?.mediaId ?? newId('media')
      const file = files.get(mediaId)
      if (!file) throw new DomainError('not_found', 'media.not_found', 'There is no such file.')
      return {
        ...file,
        mediaId,
        name: 'a.png',
        sizeBytes: 1,
        contentType: 'image/png',
        sha256: null,
        checksumVerified: true,
        refusal: null,
        createdAt: toIso(hub.clock.now()),
      }
    },
  },
  auth: {
    async replaceEmail({ params, body }) {
      if (isAuthAway) throw new DomainError('unavailable', 'auth.unavailable', 'Later.')
      const proved = await readEmailChange(body?.proof ?? '', {
        key: proofKey,
        now: hub.clock.now(),
      })
      if (!proved || proved.accountId !== params?.accountId || proved.email !== body?.email)
        throw new DomainError('forbidden', 'auth.proof_invalid', 'No.')
      const owner = addresses.get(proved.email)
      if (owner && owner !== proved.accountId)
        throw new DomainError('conflict', 'auth.email_taken', 'Taken.')
      addresses.set(proved.email, proved.accountId)
      replacements += 1
      return undefined
    },
  },
  tokens: opaqueTokens,
  sealForMail: (token) => seal(token, sealKey),
  proveEmailChange: (change, now) => proveEmailChange(change, { key: proofKey, now }),
}

const database = useDatabase()
const hub = useDoors(database, user, deps, { log })

beforeEach(() => {
  replacements = 0
  isAuthAway = false
})

const ME = '/v1/users/me'

let people = 0
const anAddress = () => {
  people += 1
  const address = `person-${people}@example.org`
  secrets.add(address)
  return address
}

/** Somebody of whom auth has told. */
const aPerson = async ({
  name = 'Ada',
  as = somebody('learner'),
}: {
  name?: string
  as?: Principal
} = {}) => {
  const email = anAddress()
  const data = {
    accountId: as.accountId,
    email,
    name,
    locale: 'en',
    timeZone: 'UTC',
    organizationId: ACADEMY_ORGANIZATION_ID,
  }
  await hub.deliver('account.registered', data)
  return { as, email, data }
}

/** A member as the organization service would tell. */
const join = async (
  as: Principal,
  organizationId: OrganizationId,
  { role = 'learner' as const, sequence = 1 } = {},
) =>
  hub.deliver(
    'member.added',
    { organizationId, accountId: as.accountId, role },
    { organizationId, sequence },
  )

const anImage = (ownerId: AccountId, changes: Partial<File> = {}) => {
  const mediaId = newId('media')
  files.set(mediaId, { ownerId, kind: 'image', state: 'ready', ...changes })
  return mediaId
}

const eventsOf = async (type: Parameters<typeof hub.outbox>[0], { accountId }: Principal) =>
  (await hub.outbox(type)).filter(({ subject }) => subject === accountId)

/** Asks for another address. @returns the token as the mail would carry it. */
const requestChange = async (as: Principal, email = anAddress()) => {
  const { status } = await hub.post(`${ME}/email-change`, { as, body: { email } })
  expect(status).toBe(202)
  const mails = (await eventsOf('user.email_change_requested', as)).map(
    ({ data }) => data as { sealedToken: string },
  )
  const token = await unseal(mails.at(-1)?.sealedToken ?? '', sealKey)
  secrets.add(token)
  return { token, email }
}

const confirm = (as: Principal, token: string) =>
  hub.post(`${ME}/email-change/confirm`, { as, body: { token } })

const NOT_A_TOKEN = 'x'.repeat(43)

/** Every operation about oneself, as a call that would succeed. */
const ownOperations = (as: Principal) => {
  const mediaId = anImage(as.accountId)
  return [
    () => hub.patch(ME, { as, ifMatch: 1, body: { name: 'Eve' } }),
    () => hub.put(`${ME}/avatar`, { as, body: { mediaId } }),
    () => hub.delete(`${ME}/avatar`, { as }),
    () => hub.post(`${ME}/email-change`, { as, body: { email: anAddress() } }),
    () => confirm(as, NOT_A_TOKEN),
  ]
}

describe('GET /v1/users/me', () => {
  it('shows the profile that signing up has made, once', async () => {
    const { as, email, data } = await aPerson()
    await hub.deliver('account.registered', { ...data, name: 'Another' })
    const { status, body, headers } = await hub.get(ME, { as })
    expect(status).toBe(200)
    expect(body).toMatchObject({ email, name: 'Ada', revision: 1, pendingEmail: null })
    expect(headers.get('etag')).toBe('"1"')
  })

  it('knows nobody of whom it was not told, and no stranger', async () => {
    const as = somebody('learner')
    for (const path of [ME, `${ME}/export`]) {
      expect((await hub.get(path, { as })).body.code).toBe('user.not_found')
      expect((await hub.get(path)).status).toBe(401)
    }
    for (const operation of ownOperations(as))
      expect((await operation()).body.code).toBe('user.not_found')
    expect((await hub.post(`${ME}/deactivate`, { as })).body.code).toBe('user.not_found')
  })
})

describe('PATCH /v1/users/me', () => {
  it('changes what is named, leaves the rest, and tells', async () => {
    const { as } = await aPerson()
    const body = { locale: 'de-AT', timeZone: 'Europe/Vienna' }
    const answer = await hub.patch(ME, { as, ifMatch: 1, body })
    expect(answer.body).toMatchObject({ ...body, name: 'Ada', revision: 2 })
    expect(await eventsOf('user.profile_updated', as)).toMatchObject([
      { data: { ...body, name: 'Ada', avatarMediaId: null } },
    ])
  })

  it('lets one of two simultaneous changes win', async () => {
    const { as } = await aPerson()
    const answers = await Promise.all(
      ['Bea', 'Cid'].map((name) => hub.patch(ME, { as, ifMatch: 1, body: { name } })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
    const stale = answers.find(({ status }) => status === 412)
    expect(stale?.body).toMatchObject({ code: 'user.revision_stale', currentRevision: 2 })
  })

  it('tells nothing when nothing has changed', async () => {
    const { as } = await aPerson()
    expect((await hub.patch(ME, { as, ifMatch: 1, body: { name: 'Ada' } })).body.revision).toBe(1)
    expect(await eventsOf('user.profile_updated', as)).toEqual([])
  })

  it('refuses what is no language, zone, name or field', async () => {
    const { as } = await aPerson()
    const bodies = [
      { locale: 'Deutsch' },
      { timeZone: 'Mars/Olympus' },
      { name: '  ' },
      { name: 'Ada\nBcc: eve@example.org' },
      { name: 'Ada \u202eEve' },
      { email: 'eve@example.org' },
    ]
    for (const body of bodies)
      expect((await hub.patch(ME, { as, ifMatch: 1, body })).status).toBe(400)
    expect((await hub.patch(ME, { as, body: { name: 'Eve' } })).status).toBe(428)
    expect((await hub.patch(ME, { ifMatch: 1, body: { name: 'Eve' } })).status).toBe(401)
  })
})

describe('PUT and DELETE /v1/users/me/avatar', () => {
  it('shows an own image, tells whose reference it is, and takes it away again', async () => {
    const { as } = await aPerson()
    const mediaId = anImage(as.accountId)
    const shown = await hub.put(`${ME}/avatar`, { as, body: { mediaId } })
    expect(shown.body).toMatchObject({ avatarMediaId: mediaId, revision: 2 })
    for (let time = 0; time < 2; time += 1)
      expect((await hub.delete(`${ME}/avatar`, { as })).status).toBe(204)
    expect(await eventsOf('user.profile_updated', as)).toMatchObject([
      { data: { avatarMediaId: mediaId } },
      { data: { avatarMediaId: null } },
    ])
  })

  it('refuses what is not an own, ready image', async () => {
    const { as } = await aPerson()
    const refused = [
      newId('media'),
      anImage(newId('account')),
      anImage(as.accountId, { kind: 'video' }),
      anImage(as.accountId, { state: 'uploading' }),
    ]
    for (const mediaId of refused) {
      const { status, body } = await hub.put(`${ME}/avatar`, { as, body: { mediaId } })
      expect([status, body.code]).toEqual([422, 'user.avatar_invalid'])
    }
    expect((await hub.put(`${ME}/avatar`, { as, body: { mediaId: 'x' } })).status).toBe(400)
    expect((await hub.put(`${ME}/avatar`, { body: { mediaId: refused[0] } })).status).toBe(401)
    expect((await hub.delete(`${ME}/avatar`)).status).toBe(401)
  })
})

describe('changing the address', () => {
  it('takes the token of the mail, tells auth, and then the world', async () => {
    const { as, email: oldEmail } = await aPerson()
    const { token, email } = await requestChange(as)
    expect((await hub.get(ME, { as })).body).toMatchObject({ email: oldEmail, pendingEmail: email })
    const { status, body } = await confirm(as, token)
    expect(status).toBe(200)
    expect(body).toMatchObject({ email, pendingEmail: null })
    expect(addresses.get(email)).toBe(as.accountId)
    expect(await eventsOf('user.email_changed', as)).toMatchObject([{ data: { email } }])
  })

  it('answers alike whether or not somebody has the address, and refuses it only to who reads its mail', async () => {
    const { as, email: old } = await aPerson()
    const taken = anAddress()
    addresses.set(taken, newId('account'))
    const { token } = await requestChange(as, taken)
    const { status, body } = await confirm(as, token)
    expect([status, body.code]).toEqual([409, 'user.email_taken'])
    expect((await hub.get(ME, { as })).body).toMatchObject({ email: old, pendingEmail: null })
    expect((await confirm(as, token)).body.code).toBe('user.email_change_invalid')
    expect(await eventsOf('user.email_changed', as)).toEqual([])
  })

  it('changes once of many confirmations at the same time', async () => {
    const { as } = await aPerson()
    const { token } = await requestChange(as)
    const answers = await Promise.all(Array.from({ length: 8 }, () => confirm(as, token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body.code))).toEqual(
      new Set([undefined, 'user.email_change_invalid']),
    )
    expect(replacements).toBe(1)
    expect(await eventsOf('user.email_changed', as)).toHaveLength(1)
  })

  it('honours neither a used, replaced, expired, foreign nor invented token', async () => {
    const { as } = await aPerson()
    const { as: stranger } = await aPerson()
    const refuses = async (who: Principal, token: string) => {
      const { status, body } = await confirm(who, token)
      expect([status, body.code]).toEqual([422, 'user.email_change_invalid'])
    }
    const replaced = await requestChange(as)
    const current = await requestChange(as)
    await refuses(as, replaced.token)
    await refuses(stranger, current.token)
    await refuses(as, NOT_A_TOKEN)
    expect((await confirm(as, current.token)).status).toBe(200)
    await refuses(as, current.token)
    const late = await requestChange(as)
    hub.clock.advanceMs(EMAIL_CHANGE_MS)
    await refuses(as, late.token)
  })

  it('leaves the link good while auth is away', async () => {
    const { as } = await aPerson()
    const { token } = await requestChange(as)
    isAuthAway = true
    expect((await confirm(as, token)).body.code).toBe('auth.unavailable')
    isAuthAway = false
    expect((await confirm(as, token)).status).toBe(200)
  })

  it('refuses the own address in any spelling, and too many mails in a day', async () => {
    const { as, email } = await aPerson()
    const same = await hub.post(`${ME}/email-change`, { as, body: { email: email.toUpperCase() } })
    expect([same.status, same.body.code]).toEqual([422, 'user.email_unchanged'])
    for (let time = 0; time < EMAIL_CHANGES_PER_DAY_MAX; time += 1) {
      await requestChange(as)
      hub.clock.advanceMs(HOUR_MS)
    }
    const body = { email: anAddress() }
    const refused = await hub.post(`${ME}/email-change`, { as, body })
    expect([refused.status, refused.body.code]).toEqual([429, 'user.email_changes_exhausted'])
    const waitSeconds = Number(refused.headers.get('retry-after'))
    hub.clock.advanceMs(waitSeconds * 1_000)
    expect((await hub.post(`${ME}/email-change`, { as, body })).status).toBe(202)
  })

  it('counts racing requests one by one', async () => {
    const { as } = await aPerson()
    const answers = await Promise.all(
      Array.from({ length: EMAIL_CHANGES_PER_DAY_MAX + 3 }, () =>
        hub.post(`${ME}/email-change`, { as, body: { email: anAddress() } }),
      ),
    )
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(EMAIL_CHANGES_PER_DAY_MAX)
  })

  it('refuses what is no address or token, and strangers', async () => {
    const { as } = await aPerson()
    const path = `${ME}/email-change`
    expect((await hub.post(path, { as, body: { email: 'ada' } })).status).toBe(400)
    expect((await hub.post(path, { body: { email: anAddress() } })).status).toBe(401)
    expect((await confirm(as, 'short')).status).toBe(400)
    const nobody = await hub.post(`${path}/confirm`, { body: { token: NOT_A_TOKEN } })
    expect(nobody.status).toBe(401)
  })

  it('keeps no token in the open and forgets the addresses', async () => {
    const { as } = await aPerson()
    const { token } = await requestChange(as)
    const rows = await database.query('select * from "user".email_changes')
    expect(JSON.stringify([rows, await hub.outbox()])).not.toContain(token)
    await confirm(as, token)
    const { body } = await hub.get(`${ME}/export`, { as })
    expect(body.emailChanges).toMatchObject([{ newEmail: null }])
    hub.clock.advanceMs(31 * DAY_MS)
    await hub.runJob('sweepEmailChanges')
    expect(await database.query('select * from "user".email_changes')).toEqual([])
  })
})

describe('POST /v1/users/me/deactivate', () => {
  it('is told once, however often it is asked', async () => {
    const { as } = await aPerson()
    const { token } = await requestChange(as)
    const leave = () => hub.post(`${ME}/deactivate`, { as })
    const answers = await Promise.all([leave(), leave(), leave()])
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204])
    expect(await eventsOf('user.deactivated', as)).toHaveLength(1)
    expect((await hub.get(ME, { as })).body.deactivatedAt).toBe(toIso(hub.clock.now()))
    expect((await confirm(as, token)).body.code).toBe('user.deactivated')
    for (const operation of ownOperations(as)) {
      const { status, body } = await operation()
      expect([status, body.code]).toEqual([409, 'user.deactivated'])
    }
  })

  it('wants somebody', async () => {
    expect((await hub.post(`${ME}/deactivate`)).status).toBe(401)
  })
})

describe('GET /v1/users/me/export', () => {
  it('gives all that is held here as a file, and names who holds the rest', async () => {
    const { as, email } = await aPerson()
    const organizationId = newId('organization')
    await join(as, organizationId)
    const pending = await requestChange(as)
    const { body, headers } = await hub.get(`${ME}/export`, { as })
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename=/)
    expect(body).toMatchObject({
      exportedAt: toIso(hub.clock.now()),
      profile: { email, name: 'Ada' },
      memberships: [{ organizationId, role: 'learner' }],
      emailChanges: [{ newEmail: pending.email, endedAt: null }],
    })
    const holding = await database.query<{ schema: string }>(
      `select distinct table_schema as schema from information_schema.columns
      where column_name in ('account_id', 'owner_id', 'instructor_ids')
        and table_schema not in ('hub', 'user')`,
    )
    expect(
      body.elsewhere.map(({ service }: { service: string }) => schemaOf(service)).sort(),
    ).toEqual(holding.map(({ schema }) => schema).sort())
  })
})

describe('GET /v1/users', () => {
  const organizationId = newId('organization')
  const admin = somebody('admin', { organizationId })
  const list = (query = '', as = admin) => hub.get(`/v1/users${query}`, { as })
  const namesOf = (body: { items: { name: string }[] }) => body.items.map(({ name }) => name)

  it('pages through the members of the active organisation by name', async () => {
    for (const name of ['bob', 'Ada', 'Adam', 'Cleo']) {
      const { as } = await aPerson({ name })
      await join(as, organizationId)
    }
    const first = await list('?limit=3')
    expect(namesOf(first.body)).toEqual(['Ada', 'Adam', 'bob'])
    const next = await list(`?limit=3&cursor=${first.body.nextCursor}`)
    expect(namesOf(next.body)).toEqual(['Cleo'])
    expect(next.body.nextCursor).toBeNull()
    expect((await list('?cursor=x')).body.code).toBe('request.cursor')
  })

  it('finds by how the name begins, in any case, and takes no pattern', async () => {
    expect(namesOf((await list('?q=aDA')).body)).toEqual(['Ada', 'Adam'])
    expect(namesOf((await list('?q=%25')).body)).toEqual([])
    expect((await list('?q=')).status).toBe(400)
  })

  it('shows nothing of it to another organisation, and nothing to learners and strangers', async () => {
    expect((await list('', somebody('admin'))).body.items).toEqual([])
    expect((await list('', somebody('learner', { organizationId }))).status).toBe(403)
    expect((await hub.get('/v1/users')).status).toBe(401)
  })

  it('follows who joins, changes role and leaves; older news changes nothing', async () => {
    const { as } = await aPerson({ name: 'Dora' })
    const { accountId } = as
    const roles = async () =>
      (await list('?q=dora')).body.items.map(({ role }: { role: string }) => role)
    const to = (sequence: number) => ({ organizationId, sequence })
    await hub.deliver('member.added', { organizationId, accountId, role: 'learner' }, to(2))
    await hub.deliver('member.role_changed', { organizationId, accountId, role: 'admin' }, to(3))
    expect(await roles()).toEqual(['admin'])
    await hub.deliver('member.removed', { organizationId, accountId }, to(4))
    await hub.deliver('member.added', { organizationId, accountId, role: 'learner' }, to(2))
    expect(await roles()).toEqual([])
  })

  it('knows the owner of a new organisation', async () => {
    const { as } = await aPerson({ name: 'Olga' })
    const founded = newId('organization')
    await hub.deliver('organization.created', {
      organizationId: founded,
      name: 'Riverside',
      parentId: null,
      ownerId: as.accountId,
    })
    const { body } = await list('', somebody('owner', { organizationId: founded }))
    expect(body.items).toMatchObject([{ name: 'Olga', role: 'owner' }])
  })
})

describe('GET /v1/users/{accountId}', () => {
  it('shows a member to staff, and hides everybody else behind 404', async () => {
    const organizationId = newId('organization')
    const admin = somebody('admin', { organizationId })
    const { as, email } = await aPerson()
    await join(as, organizationId)
    const path = `/v1/users/${as.accountId}`
    const { body } = await hub.get(path, { as: admin })
    expect(body).toMatchObject({ email, role: 'learner' })
    expect(body).not.toHaveProperty('revision')
    const hidden = await hub.get(path, { as: somebody('admin') })
    expect([hidden.status, hidden.body.code]).toEqual([404, 'user.not_found'])
    expect((await hub.get(path, { as: somebody('learner', { organizationId }) })).status).toBe(403)
    expect((await hub.get(path)).status).toBe(401)
    expect((await hub.get('/v1/users/you', { as: admin })).status).toBe(400)
  })
})

describe('the log', () => {
  it('holds no address and no token of all the above', () => {
    const text = JSON.stringify(lines)
    expect(lines.length).toBeGreaterThan(0)
    expect([...secrets].filter((secret) => text.includes(secret))).toEqual([])
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
