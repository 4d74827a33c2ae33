import { randomBytes } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { unseal } from '../../shared/auth/seal.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import {
  INVITATIONS_PENDING_MAX,
  LICENCE_POOLS_PER_ORGANIZATION_MAX,
  organizationContract,
} from '../../shared/contracts/organization.ts'
import type { BuiltInRoleName } from '../../shared/contracts/roles.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type CourseId, newId, type OrganizationId } from '../../shared/kernel/id.ts'
import { DAY_MS, toIso } from '../../shared/kernel/time.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { organization } from './service.ts'

const sealKey = randomBytes(32)
// What the course service would answer for a course that no event has told of.
const course = {
  getCourse: async () => {
    throw new DomainError('not_found', 'course.not_found', 'There is no such course.')
  },
}

const database = useDatabase()
const hub = useDoors(database, organization, { course, sealKey })

const platform = somebody('platform_admin')
const base = '/v1/organizations'

/** A person with an account; `verified` ones have proven their address. */
const register = async (as: Principal, { verified = true } = {}) => {
  const { accountId } = as
  const email = `${accountId}@example.org`
  await hub.deliver('account.registered', {
    accountId,
    email,
    name: 'Ada',
    locale: 'en',
    timeZone: 'UTC',
    organizationId: ACADEMY_ORGANIZATION_ID,
  })
  if (verified) await hub.deliver('account.email_verified', { accountId, email })
  return email
}

/** An organisation and its owner, signed in there. */
const anOrganization = async () => {
  const founder = somebody('platform_admin')
  const { body } = await hub.post(base, { as: founder, body: { name: 'Riverside' } })
  const organizationId: OrganizationId = body.organizationId
  const owner = somebody('owner', { organizationId, accountId: founder.accountId })
  return { organizationId, owner, path: `${base}/${organizationId}` }
}

type Home = Awaited<ReturnType<typeof anOrganization>>

const tokenOf = async (invitationId: string): Promise<string> => {
  const events = await hub.outbox('invitation.created')
  const { data } = events.find(({ subject }) => subject === invitationId) ?? {}
  return unseal((data as { sealedToken: string }).sealedToken, sealKey)
}

const invite = async ({ path, owner }: Home, email: string, role: string = 'learner') => {
  const { body } = await hub.post(`${path}/invitations`, { as: owner, body: { email, role } })
  return { invitationId: body.invitationId, token: await tokenOf(body.invitationId) }
}

const accept = (as: Principal, token: string) =>
  hub.post(`${base}/invitations/accept`, { as, body: { token } })

/** Somebody who joined by invitation, signed in there. */
const aMember = async (home: Home, role: BuiltInRoleName = 'learner') => {
  const as = somebody(role, { organizationId: home.organizationId })
  const { token } = await invite(home, await register(as), role)
  expect((await accept(as, token)).status).toBe(200)
  return as
}

const aCourse = async (organizationId: OrganizationId): Promise<CourseId> => {
  const courseId = newId('course')
  await hub.deliver(
    'course.created',
    {
      courseId,
      organizationId,
      title: 'Editing',
      slug: 'editing',
      visibility: 'public',
      instructorIds: [newId('account')],
    },
    { organizationId },
  )
  return courseId
}

const aPool = async ({ organizationId, owner, path }: Home, body: object = {}) => {
  const answer = await hub.post(`${path}/licence-pools`, {
    as: owner,
    body: { courseId: await aCourse(organizationId), name: 'Spring', seatCount: 2, ...body },
  })
  expect(answer.status).toBe(201)
  return { poolId: answer.body.poolId, path: `${path}/licence-pools/${answer.body.poolId}` }
}

const poolNow = async ({ path, owner }: Home, poolId: string) => {
  const { body } = await hub.get(`${path}/licence-pools`, { as: owner })
  return body.items.find((pool: { poolId: string }) => pool.poolId === poolId)
}

const eventsOf = async (type: Parameters<typeof hub.outbox>[0], subject: string) =>
  (await hub.outbox(type)).filter((event) => event.subject === subject)

const membersIn = async ({ path, owner }: Home, query = '') =>
  (await hub.get(`${path}/members${query}`, { as: owner })).body.items

describe('POST /v1/organizations', () => {
  it('begins an organisation with its creator as the owner, and says so in its name', async () => {
    const { organizationId, owner } = await anOrganization()
    const events = (await hub.outbox()).filter(({ subject }) => subject === organizationId)
    expect(events).toMatchObject([
      { type: 'organization.created', organizationid: organizationId, sequence: 1 },
      { type: 'member.added', data: { accountId: owner.accountId, role: 'owner' } },
    ])
  })

  it('begins one for the same Idempotency-Key', async () => {
    const send = () =>
      hub.post(base, { as: platform, body: { name: 'Once' }, idempotencyKey: 'org-1' })
    const [first, second] = [await send(), await send()]
    expect(second.body).toEqual(first.body)
  })

  it('is for the platform alone, and says what is wrong', async () => {
    const body = { name: 'Mine' }
    expect((await hub.post(base, { body })).status).toBe(401)
    expect((await hub.post(base, { as: somebody('owner'), body })).status).toBe(403)
    expect((await hub.post(base, { as: platform, body: { name: ' ', x: 1 } })).status).toBe(400)
  })
})

describe('the tree', () => {
  it('is built, seen and run from above, down to its fifth level', async () => {
    const home = await anOrganization()
    let path = home.path
    const ids: string[] = []
    for (let depth = 1; depth < 5; depth += 1) {
      const { body } = await hub.post(`${path}/children`, {
        as: home.owner,
        body: { name: `Level ${depth}` },
      })
      ids.push(body.organizationId)
      path = `${base}/${body.organizationId}`
    }
    const deeper = await hub.post(`${path}/children`, { as: home.owner, body: { name: 'Six' } })
    expect(deeper).toMatchObject({ status: 422, body: { code: 'organization.too_deep' } })
    const first = await hub.get(`${home.path}/subtree?limit=3`, { as: home.owner })
    const rest = await hub.get(`${home.path}/subtree?cursor=${first.body.nextCursor}`, {
      as: home.owner,
    })
    const seen = [...first.body.items, ...rest.body.items]
    expect(seen.map((each: { organizationId: string }) => each.organizationId)).toEqual(ids)
    expect((await hub.get(`${path}/members`, { as: home.owner })).body.items).toHaveLength(1)
    expect((await hub.patch(path, { as: home.owner, body: { name: 'Renamed' } })).body.name).toBe(
      'Renamed',
    )
  })

  it('hides what is above and beside', async () => {
    const home = await anOrganization()
    const child = async (name: string) => {
      const { body } = await hub.post(`${home.path}/children`, { as: home.owner, body: { name } })
      return body.organizationId as OrganizationId
    }
    const [left, right] = [await child('Left'), await child('Right')]
    const leftAdmin = somebody('admin', { organizationId: left })
    for (const hidden of [home.organizationId, right])
      expect((await hub.get(`${base}/${hidden}`, { as: leftAdmin })).status).toBe(404)
    const learner = somebody('learner', { organizationId: home.organizationId })
    expect((await hub.get(`${base}/${left}`, { as: learner })).status).toBe(404)
    expect((await hub.get(home.path, { as: learner })).status).toBe(200)
  })

  it('carries the organisation that an event is about, also when the parent acts', async () => {
    const home = await anOrganization()
    const { body } = await hub.post(`${home.path}/children`, {
      as: home.owner,
      body: { name: 'Child' },
    })
    const [created] = await eventsOf('organization.created', body.organizationId)
    expect(created).toMatchObject({
      organizationid: body.organizationId,
      data: { parentId: home.organizationId },
    })
  })
})

describe('members', () => {
  it('join the organisation they signed up at, once, however often the news comes', async () => {
    const as = somebody('learner', { organizationId: ACADEMY_ORGANIZATION_ID })
    await register(as)
    await register(as)
    const mine = await hub.get(base, { as })
    expect(mine.body.items).toMatchObject([
      { organizationId: ACADEMY_ORGANIZATION_ID, role: 'learner' },
    ])
    const added = (await eventsOf('member.added', ACADEMY_ORGANIZATION_ID)).filter(
      ({ data }) => (data as { accountId: string }).accountId === as.accountId,
    )
    expect(added).toMatchObject([{ organizationid: ACADEMY_ORGANIZATION_ID }])
  })

  it('are listed page by page, and by role', async () => {
    const home = await anOrganization()
    await aMember(home)
    await aMember(home, 'instructor')
    const first = await hub.get(`${home.path}/members?limit=2`, { as: home.owner })
    const rest = await hub.get(`${home.path}/members?cursor=${first.body.nextCursor}`, {
      as: home.owner,
    })
    expect([first.body.items.length, rest.body.items.length]).toEqual([2, 1])
    expect(await membersIn(home, '?role=instructor')).toHaveLength(1)
  })

  it('get another role, and it is said once', async () => {
    const home = await anOrganization()
    const member = await aMember(home)
    const change = () =>
      hub.patch(`${home.path}/members/${member.accountId}`, {
        as: home.owner,
        body: { role: 'instructor' },
      })
    expect(await change()).toMatchObject({ status: 200, body: { role: 'instructor' } })
    await change()
    expect(await eventsOf('member.role_changed', home.organizationId)).toHaveLength(1)
  })

  it('never get, and never lose, a role above the one who decides', async () => {
    const home = await anOrganization()
    const admin = await aMember(home, 'admin')
    const refused = { status: 403, body: { code: 'organization.role_above_caller' } }
    const set = (accountId: string, role: string) =>
      hub.patch(`${home.path}/members/${accountId}`, { as: admin, body: { role } })
    expect(await set(admin.accountId, 'owner')).toMatchObject(refused)
    expect(await set(home.owner.accountId, 'learner')).toMatchObject(refused)
    const path = `${home.path}/members/${home.owner.accountId}`
    expect(await hub.delete(path, { as: admin })).toMatchObject(refused)
    const email = 'owner@example.org'
    expect(
      await hub.post(`${home.path}/invitations`, { as: admin, body: { email, role: 'owner' } }),
    ).toMatchObject(refused)
  })

  it('keep one owner when two owners remove each other at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const home = await anOrganization()
      const other = await aMember(home, 'owner')
      const remove = (as: Principal, accountId: string) =>
        hub.delete(`${home.path}/members/${accountId}`, { as })
      const answers = await Promise.all([
        remove(home.owner, other.accountId),
        remove(other, home.owner.accountId),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 409])
      expect(await membersIn(home, '?role=owner')).toHaveLength(1)
    }
  })

  it('keep one owner when all of them leave or step down at once', async () => {
    const home = await anOrganization()
    const others = await Promise.all([aMember(home, 'owner'), aMember(home, 'owner')])
    const leave = (as: Principal) => hub.post(`${home.path}/leave`, { as })
    const stepDown = (as: Principal) =>
      hub.patch(`${home.path}/members/${as.accountId}`, { as, body: { role: 'learner' } })
    await Promise.all([home.owner, ...others].flatMap((as) => [leave(as), stepDown(as)]))
    expect(await membersIn(home, '?role=owner')).toHaveLength(1)
    const alone = await anOrganization()
    const path = `${alone.path}/members/${alone.owner.accountId}`
    expect(await hub.patch(path, { as: alone.owner, body: { role: 'admin' } })).toMatchObject({
      status: 409,
      body: { code: 'organization.last_owner' },
    })
  })

  it('leave by themselves; who is none finds nothing to leave', async () => {
    const home = await anOrganization()
    const member = await aMember(home)
    expect((await hub.post(`${home.path}/leave`, { as: member })).status).toBe(204)
    expect((await hub.post(`${home.path}/leave`, { as: member })).status).toBe(404)
    expect((await hub.post(`${home.path}/leave`, {})).status).toBe(401)
    expect(await hub.post(`${home.path}/leave`, { as: home.owner })).toMatchObject({
      status: 409,
      body: { code: 'organization.last_owner' },
    })
    expect(await eventsOf('member.removed', home.organizationId)).toHaveLength(1)
  })
})

describe('POST /v1/organizations/{organizationId}/owner', () => {
  it('makes the heir an owner and the giver an admin', async () => {
    const home = await anOrganization()
    const heir = await aMember(home)
    const answer = await hub.post(`${home.path}/owner`, {
      as: home.owner,
      body: { accountId: heir.accountId },
    })
    expect(answer).toMatchObject({ status: 200, body: { role: 'owner' } })
    expect(await membersIn(home, '?role=admin')).toMatchObject([
      { accountId: home.owner.accountId },
    ])
  })

  it('is for owners, to a member, and leaves a sole owner who names themselves', async () => {
    const home = await anOrganization()
    const admin = await aMember(home, 'admin')
    const give = (as: Principal, accountId: string) =>
      hub.post(`${home.path}/owner`, { as, body: { accountId } })
    expect((await give(admin, admin.accountId)).status).toBe(403)
    expect(await give(home.owner, newId('account'))).toMatchObject({
      status: 404,
      body: { code: 'organization.member_not_found' },
    })
    expect((await give(home.owner, home.owner.accountId)).body.role).toBe('owner')
  })
})

describe('invitations', () => {
  it('are accepted once, of many at once, by the address they are bound to', async () => {
    const home = await anOrganization()
    const guest = somebody('learner')
    const { token } = await invite(home, (await register(guest)).toUpperCase(), 'instructor')
    const answers = await Promise.all(Array.from({ length: 10 }, () => accept(guest, token)))
    expect(answers.filter(({ status }) => status === 200)).toMatchObject([
      { body: { role: 'instructor', accountId: guest.accountId } },
    ])
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(9)
    const added = await eventsOf('member.added', home.organizationId)
    expect(added.map(({ data }) => data)).toContainEqual(
      expect.objectContaining({ accountId: guest.accountId }),
    )
    expect(added).toHaveLength(2)
  })

  it('are worthless to another address and to one that is not proven', async () => {
    const home = await anOrganization()
    const [guest, thief] = [somebody('learner'), somebody('learner')]
    const { token } = await invite(home, await register(guest, { verified: false }))
    await register(thief)
    for (const as of [guest, thief, somebody('learner')])
      expect(await accept(as, token)).toMatchObject({
        status: 403,
        body: { code: 'organization.invitation_address' },
      })
    const { accountId } = guest
    await hub.deliver('account.email_verified', { accountId, email: `${accountId}@example.org` })
    expect((await accept(guest, token)).status).toBe(200)
  })

  it('follow a changed address, and no longer the one before', async () => {
    const home = await anOrganization()
    const guest = somebody('learner')
    const before = await invite(home, await register(guest))
    const { accountId } = guest
    await hub.deliver('user.email_changed', { accountId, email: 'new@example.org' })
    expect((await accept(guest, before.token)).status).toBe(403)
    const after = await invite(home, 'new@example.org')
    expect((await accept(guest, after.token)).status).toBe(200)
  })

  it('are not for an address of before, whatever older news comes late', async () => {
    const home = await anOrganization()
    const guest = somebody('learner')
    await register(guest)
    const change = (email: string, sequence: number) =>
      hub.deliver('user.email_changed', { accountId: guest.accountId, email }, { sequence })
    await change('third@example.org', 7)
    await change('second@example.org', 5)
    const stale = await invite(home, 'second@example.org')
    expect((await accept(guest, stale.token)).status).toBe(403)
    const current = await invite(home, 'third@example.org')
    expect((await accept(guest, current.token)).status).toBe(200)
  })

  it('end after seven days, by revocation, and by another invitation of the same address', async () => {
    const home = await anOrganization()
    const guest = somebody('learner')
    const email = await register(guest)
    const first = await invite(home, email)
    const second = await invite(home, email)
    const over = (state: string) => ({
      status: 410,
      body: { code: 'organization.invitation_over', state },
    })
    expect(await accept(guest, first.token)).toMatchObject(over('revoked'))
    const path = `${home.path}/invitations/${second.invitationId}`
    expect((await hub.delete(path, { as: home.owner })).status).toBe(204)
    expect(await accept(guest, second.token)).toMatchObject(over('revoked'))
    const third = await invite(home, email)
    const guestOfAnother = somebody('learner')
    const used = await invite(home, await register(guestOfAnother))
    await accept(guestOfAnother, used.token)
    const gone = `${home.path}/invitations/${used.invitationId}`
    expect(await hub.delete(gone, { as: home.owner })).toMatchObject(over('accepted'))
    hub.clock.advanceMs(7 * DAY_MS)
    expect(await accept(guest, third.token)).toMatchObject(over('expired'))
    const { body } = await hub.get(`${home.path}/invitations`, { as: home.owner })
    expect(body.items.map(({ state }: { state: string }) => state)).toEqual([
      'accepted',
      'expired',
      'revoked',
      'revoked',
    ])
  })

  it('are kept as a hash and sent sealed', async () => {
    const home = await anOrganization()
    const { token, invitationId } = await invite(home, 'secret@example.org')
    const [row] = await database.query<{ all: string }>(
      'select i::text as all from organization.invitations i where invitation_id = $1',
      [invitationId],
    )
    const [event] = await eventsOf('invitation.created', invitationId)
    expect(row?.all).not.toContain(token)
    expect(JSON.stringify(event)).not.toContain(token)
    expect(await accept(somebody('learner'), 'guessed')).toMatchObject({
      status: 404,
      body: { code: 'organization.invitation_not_found' },
    })
  })

  it('are not sent to members, to no address, or by those who may not', async () => {
    const home = await anOrganization()
    const member = await aMember(home)
    const send = (as: Principal | undefined, email: string) =>
      hub.post(`${home.path}/invitations`, { ...(as && { as }), body: { email } })
    expect(await send(home.owner, `${member.accountId}@example.org`)).toMatchObject({
      status: 409,
      body: { code: 'organization.already_member' },
    })
    expect((await send(home.owner, 'nobody')).status).toBe(400)
    expect((await send(member, 'a@example.org')).status).toBe(403)
    expect((await send(undefined, 'a@example.org')).status).toBe(401)
  })
})

describe('licence pools', () => {
  it('give exactly 50 seats to 200 who claim at once', async () => {
    const home = await anOrganization()
    const pool = await aPool(home, { seatCount: 50 })
    const people = Array.from({ length: 200 }, () =>
      somebody('learner', { organizationId: home.organizationId }),
    )
    await database.query(
      `insert into organization.members select $1, unnest($2::text[]), 'learner', now()`,
      [home.organizationId, people.map(({ accountId }) => accountId)],
    )
    const answers = await Promise.all(people.map((as) => hub.post(`${pool.path}/claim`, { as })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(50)
    expect(answers.filter(({ body }) => body.code === 'organization.seats_exhausted')).toHaveLength(
      150,
    )
    expect(await poolNow(home, pool.poolId)).toMatchObject({ takenCount: 50, unassignedCount: 0 })
    const claimed = (await hub.outbox('seat.claimed')).filter(
      ({ data }) => (data as { poolId: string }).poolId === pool.poolId,
    )
    expect(claimed).toHaveLength(50)
  })

  it('give one person one seat, however often they ask at once', async () => {
    const home = await anOrganization()
    const pool = await aPool(home)
    const member = await aMember(home)
    const claim = () => hub.post(`${pool.path}/claim`, { as: member })
    const answers = await Promise.all(Array.from({ length: 10 }, claim))
    expect(new Set(answers.map(({ body }) => body.seatId)).size).toBe(1)
    expect(await poolNow(home, pool.poolId)).toMatchObject({ takenCount: 1 })
    expect(await eventsOf('seat.claimed', answers[0]?.body.seatId)).toHaveLength(1)
    expect((await hub.get(`${base}/seats`, { as: member })).body.items).toHaveLength(1)
  })

  it('get a revoked seat back exactly once, however many revoke it', async () => {
    const home = await anOrganization()
    const pool = await aPool(home)
    const members = await Promise.all([aMember(home), aMember(home)])
    const [seat] = await Promise.all(
      members.map(async (as) => (await hub.post(`${pool.path}/claim`, { as })).body),
    )
    const revoke = () => hub.delete(`${pool.path}/seats/${seat.seatId}`, { as: home.owner })
    await Promise.all(Array.from({ length: 10 }, revoke))
    expect(await poolNow(home, pool.poolId)).toMatchObject({ takenCount: 1, unassignedCount: 1 })
    expect(await eventsOf('seat.revoked', seat.seatId)).toHaveLength(1)
  })

  it('keep an assigned seat for its person: the course opens when they take it up', async () => {
    const home = await anOrganization()
    const pool = await aPool(home, { claimable: false, seatCount: 1 })
    const [member, other] = await Promise.all([aMember(home), aMember(home)])
    expect(await hub.post(`${pool.path}/claim`, { as: member })).toMatchObject({
      status: 409,
      body: { code: 'organization.pool_closed' },
    })
    const assign = (accountId: string) =>
      hub.post(`${pool.path}/seats`, { as: home.owner, body: { accountId } })
    const { body: seat } = await assign(member.accountId)
    expect(seat.state).toBe('assigned')
    expect(await eventsOf('seat.claimed', seat.seatId)).toEqual([])
    expect(await assign(other.accountId)).toMatchObject({
      status: 409,
      body: { code: 'organization.seats_exhausted' },
    })
    expect(await assign(newId('account'))).toMatchObject({
      status: 404,
      body: { code: 'organization.member_not_found' },
    })
    const { body: taken } = await hub.post(`${pool.path}/claim`, { as: member })
    expect(taken).toMatchObject({ seatId: seat.seatId, state: 'activated' })
    expect(await eventsOf('seat.claimed', seat.seatId)).toMatchObject([
      { organizationid: home.organizationId, data: { accountId: member.accountId } },
    ])
  })

  it('hand a seat from one member to another', async () => {
    const home = await anOrganization()
    const pool = await aPool(home, { seatCount: 1 })
    const [member, heir] = await Promise.all([aMember(home), aMember(home)])
    const { body: seat } = await hub.post(`${pool.path}/claim`, { as: member })
    const hand = () =>
      hub.post(`${pool.path}/seats/${seat.seatId}/reassign`, {
        as: home.owner,
        body: { accountId: heir.accountId },
      })
    expect((await hand()).body).toMatchObject({ state: 'assigned', accountId: heir.accountId })
    expect(await hand()).toMatchObject({ status: 409, body: { code: 'organization.seat_over' } })
    expect(await poolNow(home, pool.poolId)).toMatchObject({ takenCount: 1 })
    const { body } = await hub.get(`${pool.path}/seats?state=revoked`, { as: home.owner })
    expect(body.items).toMatchObject([{ seatId: seat.seatId }])
  })

  it('take the seats of who is removed, also when a claim races with the removal', async () => {
    for (let round = 0; round < 5; round += 1) {
      const home = await anOrganization()
      const pool = await aPool(home)
      const member = await aMember(home)
      await Promise.all([
        hub.post(`${pool.path}/claim`, { as: member }),
        hub.delete(`${home.path}/members/${member.accountId}`, { as: home.owner }),
      ])
      expect(await poolNow(home, pool.poolId)).toMatchObject({ takenCount: 0 })
    }
  })

  it('grow and shrink, never below the seats taken', async () => {
    const home = await anOrganization()
    const pool = await aPool(home)
    for (const as of await Promise.all([aMember(home), aMember(home)]))
      await hub.post(`${pool.path}/claim`, { as })
    const resize = (seatCount: number) =>
      hub.patch(pool.path, { as: home.owner, body: { seatCount } })
    expect(await resize(1)).toMatchObject({
      status: 409,
      body: { code: 'organization.seats_taken', takenCount: 2 },
    })
    expect((await resize(3)).body.unassignedCount).toBe(1)
    expect((await resize(0)).status).toBe(400)
  })

  it('are made for courses of the organisation, by its staff', async () => {
    const home = await anOrganization()
    const make = (as: Principal, courseId: string) =>
      hub.post(`${home.path}/licence-pools`, {
        as,
        body: { courseId, name: 'Theft', seatCount: 1 },
      })
    const foreign = await aCourse(newId('organization'))
    for (const courseId of [foreign, newId('course')])
      expect(await make(home.owner, courseId)).toMatchObject({
        status: 404,
        body: { code: 'course.not_found' },
      })
    const member = await aMember(home)
    expect((await make(member, await aCourse(home.organizationId))).status).toBe(403)
  })

  it('show members those they may claim from', async () => {
    const home = await anOrganization()
    const [open] = [await aPool(home), await aPool(home, { claimable: false })]
    const member = await aMember(home)
    const { body } = await hub.get(`${home.path}/licence-pools`, { as: member })
    expect(body.items).toMatchObject([{ poolId: open.poolId }])
  })
})

describe('another organisation', () => {
  // Every operation about a named organisation, called by every role of another one.
  const roles = ['learner', 'instructor', 'admin', 'owner'] as const
  const operations = Object.entries(organizationContract.operations).filter(([, { path }]) =>
    path.includes('{organizationId}'),
  )
  const bodies: Record<string, unknown> = {
    updateOrganization: { name: 'Mine' },
    createSubOrganization: { name: 'Mine' },
    changeMemberRole: { role: 'learner' },
    createInvitation: { email: 'thief@example.org' },
    updateLicencePool: { name: 'Mine' },
  }

  it.each(operations)('sees nothing through %s, whatever the role', async (name, operation) => {
    const home = await anOrganization()
    const member = await aMember(home)
    const pool = await aPool(home)
    const { body: seat } = await hub.post(`${pool.path}/claim`, { as: member })
    const { invitationId } = await invite(home, 'pending@example.org')
    const ids: Record<string, string> = {
      organizationId: home.organizationId,
      accountId: member.accountId,
      poolId: pool.poolId,
      seatId: seat.seatId,
      invitationId,
    }
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, each: string) => ids[each] ?? '')
    const courseId = await aCourse(home.organizationId)
    const body =
      name === 'createLicencePool'
        ? { courseId, name: 'Mine', seatCount: 1 }
        : (bodies[name] ?? { accountId: member.accountId })
    for (const role of roles) {
      const answer = await hub.call(operation.method, `${base}${path}`, {
        as: somebody(role),
        ...('body' in operation && { body }),
      })
      // Without the permission even at home, the answer is the same for what exists and what does not.
      expect([403, 404]).toContain(answer.status)
      if (role === 'owner') expect(answer.status).toBe(404)
      if (answer.status === 403) expect(answer.body.code).toBe('access.denied')
      expect(answer.text.replaceAll(path, '')).not.toContain('Riverside')
    }
    expect((await membersIn(home)).length).toBe(2)
  })

  it('is behind the second wall too', async () => {
    await anOrganization()
    const { pool } = database.as('organization')
    for (const table of ['organizations', 'members', 'invitations', 'licence_pools', 'seats'])
      expect((await pool.query(`select * from organization.${table}`)).rowCount).toBe(0)
  })
})

describe('what is not there', () => {
  it('is refused by its name', async () => {
    const home = await anOrganization()
    const pool = await aPool(home)
    const [member, other] = await Promise.all([aMember(home), aMember(home)])
    const { body: seat } = await hub.post(`${pool.path}/claim`, { as: member })
    await hub.post(`${pool.path}/claim`, { as: other })
    const as = home.owner
    const nobody = { accountId: newId('account') }
    const someone = { accountId: other.accountId }
    const noPool = `${home.path}/licence-pools/${newId('licencePool')}`
    const noSeat = `${pool.path}/seats/${newId('seat')}`
    const refused = async (answer: ReturnType<typeof hub.call>, status: number, code: string) =>
      expect(await answer).toMatchObject({ status, body: { code: `organization.${code}` } })
    const noMember = hub.delete(`${home.path}/members/${nobody.accountId}`, { as })
    await refused(noMember, 404, 'member_not_found')
    const path = `${home.path}/members/${nobody.accountId}`
    await refused(hub.patch(path, { as, body: { role: 'admin' } }), 404, 'member_not_found')
    const noInvitation = `${home.path}/invitations/${newId('invitation')}`
    await refused(hub.delete(noInvitation, { as }), 404, 'invitation_not_found')
    await refused(hub.patch(noPool, { as, body: { name: 'X' } }), 404, 'pool_not_found')
    await refused(hub.get(`${noPool}/seats`, { as }), 404, 'pool_not_found')
    await refused(hub.post(`${noPool}/seats`, { as, body: someone }), 404, 'pool_not_found')
    await refused(hub.delete(`${noPool}/seats/${seat.seatId}`, { as }), 404, 'pool_not_found')
    const hand = (path: string, body: object) => hub.post(`${path}/reassign`, { as, body })
    await refused(hand(`${noPool}/seats/${seat.seatId}`, someone), 404, 'pool_not_found')
    await refused(hub.delete(noSeat, { as }), 404, 'seat_not_found')
    await refused(hand(noSeat, someone), 404, 'seat_not_found')
    const held = `${pool.path}/seats/${seat.seatId}`
    await refused(hand(held, nobody), 404, 'member_not_found')
    await refused(hand(held, someone), 409, 'seat_held')
  })

  it('is no cursor of a list either', async () => {
    const home = await anOrganization()
    const pool = await aPool(home)
    const lists = [
      base,
      `${base}/seats`,
      `${home.path}/subtree`,
      `${home.path}/members`,
      `${home.path}/invitations`,
      `${home.path}/licence-pools`,
      `${pool.path}/seats`,
    ]
    const forged = (...key: string[]) => Buffer.from(JSON.stringify(key)).toString('base64url')
    for (const path of lists)
      for (const cursor of ['nonsense', forged('\0'), forged('\ud800'), forged('1', '\0')])
        expect(await hub.get(`${path}?cursor=${cursor}`, { as: home.owner })).toMatchObject({
          status: 400,
          body: { code: 'request.cursor' },
        })
    const far = await hub.get(`${home.path}/subtree?cursor=${forged('9e99', 'x')}`, {
      as: home.owner,
    })
    expect(far.body.code).toBe('request.cursor')
  })
})

describe('limits', () => {
  it('end invitations that wait for an answer, not those that are over', async () => {
    const home = await anOrganization()
    await database.query(
      `insert into organization.invitations
       select 'inv_' || $1::text || n, $1, n || '@example.org', 'learner', $1 || n, 'pending', 'acc',
         $2::timestamptz, $2::timestamptz + interval '7 days' from generate_series(1, $3::int) n`,
      [home.organizationId, toIso(hub.clock.now()), INVITATIONS_PENDING_MAX],
    )
    const send = (email: string) =>
      hub.post(`${home.path}/invitations`, { as: home.owner, body: { email } })
    expect(await send('late@example.org')).toMatchObject({
      status: 409,
      body: { code: 'organization.invitations_full' },
    })
    // One that takes the place of another is not one more.
    expect((await send('7@example.org')).status).toBe(201)
    hub.clock.advanceMs(7 * DAY_MS)
    expect((await send('late@example.org')).status).toBe(201)
  })

  it('hold for pools that are made at once', async () => {
    const home = await anOrganization()
    await database.query(
      `insert into organization.licence_pools
       select 'lic_' || $1::text || n, $1, 'crs', 'P', 1, 0, true, now() from generate_series(1, $2::int) n`,
      [home.organizationId, LICENCE_POOLS_PER_ORGANIZATION_MAX - 1],
    )
    const courseId = await aCourse(home.organizationId)
    const make = () =>
      hub.post(`${home.path}/licence-pools`, {
        as: home.owner,
        body: { courseId, name: 'Last', seatCount: 1 },
      })
    const answers = await Promise.all([make(), make(), make()])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    expect(answers.map(({ body }) => body.code)).toContain('organization.pools_full')
  })
})

describe('who has gone', () => {
  it('leaves the seat that had opened the course: it opens it again to whoever claims it', async () => {
    const home = await anOrganization()
    const member = await aMember(home)
    const pool = await aPool(home, { claimable: true, seatCount: 1 })
    const { body: seat } = await hub.post(`${pool.path}/claim`, { as: member })
    expect(seat.state).toBe('activated')
    const { organizationId } = home
    const left = {
      ...{ enrollmentId: newId('enrollment'), courseId: seat.courseId, organizationId },
      ...{ accountId: member.accountId, reason: 'unenrolled' as const, seatIds: [seat.seatId] },
      endedAt: toIso(hub.clock.now()),
    }
    await hub.deliver('enrollment.ended', left, { organizationId, sequence: 2 })
    await hub.deliver('enrollment.ended', left, { organizationId, sequence: 2 })
    expect((await hub.post(`${pool.path}/claim`, { as: member })).status).toBe(200)
    const claims = (await hub.outbox('seat.claimed')).filter(
      ({ data }) => (data as { accountId: string }).accountId === member.accountId,
    )
    expect(claims).toHaveLength(2)
  })

  it('gives back the seat that staff took the course away from, though something else keeps them in it', async () => {
    const home = await anOrganization()
    const member = await aMember(home)
    const pool = await aPool(home, { claimable: true, seatCount: 1 })
    const { body: seat } = await hub.post(`${pool.path}/claim`, { as: member })
    const { organizationId } = home
    const data = {
      ...{ enrollmentId: newId('enrollment'), courseId: seat.courseId, organizationId },
      ...{ accountId: member.accountId, seatId: seat.seatId },
    }
    await hub.deliver('enrollment.seat_left', data, { organizationId, sequence: 2 })
    const other = await aMember(home)
    expect((await hub.post(`${pool.path}/claim`, { as: other })).status).toBe(200)
  })

  it('with their account is no owner: the last one who can come in stays', async () => {
    const home = await anOrganization()
    const other = await aMember(home, 'owner')
    await hub.deliver('user.deactivated', { accountId: home.owner.accountId })
    const answer = await hub.post(`${home.path}/leave`, { as: other })
    expect(answer.body?.code).toBe('organization.last_owner')
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
