import { beforeAll, describe, expect, it } from '@jest/globals'
import {
  COURSE_GRANTS_MAX,
  ROLES_PER_ORGANIZATION_MAX,
  rbacContract,
} from '../../shared/contracts/rbac.ts'
import { builtInRoles } from '../../shared/contracts/roles.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import {
  type AccountId,
  type CourseId,
  newId,
  type OrganizationId,
} from '../../shared/kernel/id.ts'
import { addMs, HOUR_MS, toIso } from '../../shared/kernel/time.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { rbac } from './service.ts'

// What the course service would answer for a course that no event has told of.
const course = {
  getCourse: async () => {
    throw new DomainError('not_found', 'course.not_found', 'There is no such course.')
  },
}

const database = useDatabase()
const hub = useDoors(database, rbac, { course, platformAdminEmail: 'Root@Example.org' })
const base = '/v1/access'

type MemberRole = 'learner' | 'instructor' | 'admin' | 'owner'

const principalOf = async (accountId: AccountId, organizationId: OrganizationId) =>
  (
    await hub.get(`${base}/principals/${accountId}?organizationId=${organizationId}`, {
      as: 'gateway',
    })
  ).body

/** As the gateway would let them in now: with the grants that this service answers. */
const signIn = async (
  accountId: AccountId,
  organizationId: OrganizationId,
): Promise<Principal> => ({
  ...somebody('learner', { accountId, organizationId }),
  grants: (await principalOf(accountId, organizationId)).grants,
})

const aMember = async (organizationId: OrganizationId, role: MemberRole = 'learner') => {
  const accountId = newId('account')
  await hub.deliver('member.added', { organizationId, accountId, role }, { organizationId })
  return signIn(accountId, organizationId)
}

/** An organisation with its owner signed in. */
const aHome = async () => {
  const organizationId = newId('organization')
  const ownerId = newId('account')
  await hub.deliver(
    'organization.created',
    { organizationId, name: 'School', parentId: null, ownerId },
    { organizationId },
  )
  return { organizationId, owner: await signIn(ownerId, organizationId) }
}

const aCourse = async (
  organizationId: OrganizationId,
  instructorIds: AccountId[] = [],
): Promise<CourseId> => {
  const courseId = newId('course')
  await hub.deliver(
    'course.created',
    {
      courseId,
      organizationId,
      title: 'Editing',
      slug: 'editing',
      visibility: 'public',
      instructorIds,
    },
    { organizationId },
  )
  return courseId
}

const aRole = async (as: Principal, permissions: readonly string[], body: object = {}) => {
  const name = `Role ${newId('event')}`
  const answer = await hub.post(`${base}/roles`, { as, body: { name, permissions, ...body } })
  expect(answer.status).toBe(201)
  return answer.body as { roleId: string; revision: number; name: string }
}

const grant = (as: Principal | undefined, body: object) =>
  hub.post(`${base}/grants`, { ...(as && { as }), body })

/** A member who may give roles, but holds little: what they hold comes from a role of the organisation's own. */
const aDelegate = async (home: Awaited<ReturnType<typeof aHome>>, permissions: string[]) => {
  const member = await aMember(home.organizationId)
  const { roleId } = await aRole(home.owner, [...permissions, 'access:grant', 'access:roles'])
  await grant(home.owner, { accountId: member.accountId, role: roleId })
  return { delegate: await signIn(member.accountId, home.organizationId), roleId }
}

const changesOf = async (accountId: AccountId) =>
  (await hub.outbox('access.grants_changed')).filter(({ subject }) => subject === accountId)

describe('membership', () => {
  it('that ended is not given again by news of before, which was parked and came late', async () => {
    const { organizationId } = await aHome()
    const member = { organizationId, accountId: newId('account') }
    await hub.deliver('member.removed', member, { organizationId, sequence: 8 })
    await hub.deliver('member.added', { ...member, role: 'admin' }, { organizationId, sequence: 7 })
    const { grants } = await principalOf(member.accountId, organizationId)
    expect(grants.organization).toEqual([])
    await hub.deliver(
      'member.added',
      { ...member, role: 'learner' },
      { organizationId, sequence: 9 },
    )
    const role = { ...member, role: 'owner' as const }
    await hub.deliver('member.role_changed', role, { organizationId, sequence: 6 })
    const again = await principalOf(member.accountId, organizationId)
    expect(again.grants.organization).not.toContain('organization:owners')
    expect(again.grants.organization).toContain('course:read')
  })

  it('gives the role of its name, follows its changes and ends with it', async () => {
    const organizationId = newId('organization')
    const { accountId } = await aMember(organizationId)
    const seen = async () => (await principalOf(accountId, organizationId)).grants.organization
    expect(await seen()).toEqual(builtInRoles.learner.permissions)
    const member = { organizationId, accountId }
    await hub.deliver('member.role_changed', { ...member, role: 'admin' }, { organizationId })
    expect(new Set(await seen())).toEqual(new Set(builtInRoles.admin.permissions))
    await hub.deliver('member.removed', member, { organizationId })
    expect(await seen()).toEqual([])
    const changes = await changesOf(accountId)
    expect(changes.map(({ data }) => (data as { roleVersion: number }).roleVersion)).toEqual([
      1, 2, 3,
    ])
    expect(changes[0]).toMatchObject({ organizationid: organizationId, data: { organizationId } })
  })

  it('counts once, also when its news comes twice or by way of the organisation', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = owner
    const id = newId('event')
    for (const event of [id, id, newId('event')])
      await hub.deliver(
        'member.added',
        { organizationId, accountId, role: 'owner' },
        { organizationId, id: event },
      )
    expect(await changesOf(accountId)).toHaveLength(1)
  })

  it('takes with it what was granted by hand', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    await grant(owner, { accountId, role: 'admin' })
    await hub.deliver('member.removed', { organizationId, accountId }, { organizationId })
    expect((await principalOf(accountId, organizationId)).grants.organization).toEqual([])
    expect(await grant(owner, { accountId, role: 'admin' })).toMatchObject({
      status: 404,
      body: { code: 'access.member_not_found' },
    })
  })
})

describe('the configured platform admin', () => {
  it('is whoever proves the address, in any case, once', async () => {
    const accountId = newId('account')
    for (const email of ['other@example.org', 'ROOT@example.org', 'root@example.org'])
      await hub.deliver('account.email_verified', { accountId, email })
    const { grants } = await principalOf(accountId, newId('organization'))
    expect(new Set(grants.platform)).toEqual(new Set(builtInRoles.platform_admin.permissions))
    expect(await changesOf(accountId)).toMatchObject([{ data: { organizationId: null } }])
  })
})

describe('GET /v1/access/principals/{accountId}', () => {
  it('leaves out what has run out and says when the next grant ends', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const courseId = await aCourse(organizationId)
    const end = addMs(hub.clock.now(), HOUR_MS)
    const answer = await grant(owner, {
      accountId,
      courseId,
      role: 'teaching_assistant',
      expiresAt: toIso(end),
    })
    expect(answer.status).toBe(201)
    expect(await principalOf(accountId, organizationId)).toMatchObject({
      grants: { courses: { [courseId]: builtInRoles.teaching_assistant.permissions } },
      expiresAt: toIso(end),
    })
    hub.clock.set(end)
    expect(await principalOf(accountId, organizationId)).toMatchObject({
      grants: { courses: {} },
      expiresAt: null,
    })
  })

  it('does not exist for people', async () => {
    const { owner, organizationId } = await aHome()
    const path = `${base}/principals/${owner.accountId}?organizationId=${organizationId}`
    for (const as of [owner, somebody('platform_admin')])
      expect((await hub.get(path, { as })).status).toBe(404)
    expect((await hub.get(`${base}/principals/x`, { as: 'gateway' })).status).toBe(400)
  })

  it('carries numbers that only grow, wherever the change is', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const version = async () => (await principalOf(accountId, organizationId)).roleVersion
    const before = await version()
    const elsewhere = newId('organization')
    await hub.deliver('member.added', { organizationId: elsewhere, accountId, role: 'owner' })
    expect(await version()).toBe(before)
    const { grants } = await principalOf(accountId, organizationId)
    expect(grants.organization).toEqual(builtInRoles.learner.permissions)
    await grant(owner, { accountId, role: 'instructor' })
    expect(await version()).toBeGreaterThan(before)
  })
})

describe('grants', () => {
  it('are given, seen, used and ended', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const answer = await grant(owner, { accountId, role: 'instructor' })
    expect(answer).toMatchObject({
      status: 201,
      body: { scope: 'organization', source: 'direct', grantedBy: owner.accountId },
    })
    const list = async (as: Principal) =>
      (await hub.get(`${base}/grants?accountId=${accountId}`, { as })).body.items
    expect(await list(owner)).toHaveLength(2)
    const path = `${base}/grants/${answer.body.grantId}`
    expect((await hub.delete(path, { as: owner })).status).toBe(204)
    expect((await hub.delete(path, { as: owner })).status).toBe(404)
    expect(await list(owner)).toMatchObject([{ source: 'membership' }])
  })

  it('are refused twice, in the past, and where they do not fit', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const courseId = await aCourse(organizationId)
    const refused = async (body: object, status: number, code: string) =>
      expect(await grant(owner, { accountId, ...body })).toMatchObject({ status, body: { code } })
    await grant(owner, { accountId, role: 'admin' })
    await refused({ role: 'admin' }, 409, 'access.grant_exists')
    await refused({ role: 'admin', courseId }, 422, 'access.scope_mismatch')
    await refused({ role: 'course_instructor' }, 422, 'access.scope_mismatch')
    await refused({ role: 'platform_admin' }, 404, 'access.role_not_found')
    await refused({ role: newId('role') }, 404, 'access.role_not_found')
    await refused(
      { role: 'instructor', expiresAt: '2020-01-01T00:00:00.000Z' },
      422,
      'access.expiry_past',
    )
    await refused({ role: 'course_instructor', courseId: newId('course') }, 404, 'course.not_found')
    await refused({ role: 'admin', accountId: newId('account') }, 404, 'access.member_not_found')
    await refused({ role: 'emperor' }, 400, 'request.invalid')
    expect((await grant(undefined, { accountId, role: 'admin' })).status).toBe(401)
  })

  it('of membership are ended by the organisation alone', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const { body } = await hub.get(`${base}/grants?accountId=${accountId}`, { as: owner })
    const path = `${base}/grants/${body.items[0].grantId}`
    expect(await hub.delete(path, { as: owner })).toMatchObject({
      status: 409,
      body: { code: 'access.grant_follows' },
    })
  })

  it('never reach above the one who gives or ends them', async () => {
    const home = await aHome()
    const { delegate } = await aDelegate(home, ['course:create'])
    const { accountId } = await aMember(home.organizationId)
    const above = { status: 403, body: { code: 'access.above_self' } }
    expect(await grant(delegate, { accountId, role: 'admin' })).toMatchObject(above)
    expect(await grant(delegate, { accountId: delegate.accountId, role: 'admin' })).toMatchObject(
      above,
    )
    const small = await aRole(delegate, ['course:create'])
    expect((await grant(delegate, { accountId, role: small.roleId })).status).toBe(201)
    const big = await grant(home.owner, { accountId, role: 'admin' })
    expect(await hub.delete(`${base}/grants/${big.body.grantId}`, { as: delegate })).toMatchObject(
      above,
    )
  })

  it('count what the giver holds now, not what the token remembers', async () => {
    const home = await aHome()
    const { delegate, roleId } = await aDelegate(home, ['course:create'])
    const small = await aRole(delegate, ['course:create'])
    await hub.delete(`${base}/roles/${roleId}`, { as: home.owner })
    const { accountId } = await aMember(home.organizationId)
    expect(await grant(delegate, { accountId, role: small.roleId })).toMatchObject({
      status: 403,
      body: { code: 'access.above_self' },
    })
  })

  it('on a course are given by those who may there, and no further', async () => {
    const home = await aHome()
    const [courseId, otherId] = [
      await aCourse(home.organizationId),
      await aCourse(home.organizationId),
    ]
    const lead = await aRole(home.owner, ['access:grant', 'course:update'], { scope: 'course' })
    const helper = await aRole(home.owner, ['course:update'], { scope: 'course' })
    const leader = await aMember(home.organizationId)
    await grant(home.owner, { accountId: leader.accountId, role: lead.roleId, courseId })
    const as = await signIn(leader.accountId, home.organizationId)
    const { accountId } = await aMember(home.organizationId)
    const give = (body: object) => grant(as, { accountId, role: helper.roleId, ...body })
    expect((await give({ courseId })).status).toBe(201)
    expect((await give({ courseId: otherId })).body.code).toBe('course.not_found')
    expect((await give({ role: 'learner' })).body.code).toBe('access.denied')
    expect((await give({ courseId, role: 'course_instructor' })).body.code).toBe(
      'access.above_self',
    )
  })

  it('never outlast what the one who gives them holds by', async () => {
    const home = await aHome()
    const { organizationId } = home
    const courseId = await aCourse(organizationId)
    const end = addMs(hub.clock.now(), HOUR_MS)
    const above = { status: 403, body: { code: 'access.above_self' } }
    const delegation = await aRole(home.owner, ['access:grant', 'access:roles'])
    const lead = await aRole(home.owner, ['access:grant', 'course:update'], { scope: 'course' })
    for (const place of [{ role: delegation.roleId }, { role: lead.roleId, courseId }]) {
      const { accountId } = await aMember(organizationId)
      const until = { expiresAt: toIso(end) }
      expect((await grant(home.owner, { accountId, ...place, ...until })).status).toBe(201)
      const as = await signIn(accountId, organizationId)
      const other = await aMember(organizationId)
      const give = (body: object) => grant(as, { accountId: other.accountId, ...place, ...body })
      expect(await give({})).toMatchObject(above)
      expect(await give({ expiresAt: toIso(addMs(end, 1)) })).toMatchObject(above)
      expect(await grant(as, { accountId, ...place })).toMatchObject(above)
      expect((await give(until)).status).toBe(201)
    }
  })

  it('of what membership or teaching gives need no end, whatever else runs out', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const courseId = await aCourse(organizationId, [accountId])
    const { roleId } = await aRole(owner, ['access:grant'])
    const expiresAt = toIso(addMs(hub.clock.now(), HOUR_MS))
    await grant(owner, { accountId, role: roleId, expiresAt })
    const as = await signIn(accountId, organizationId)
    const other = await aMember(organizationId)
    const give = (body: object) => grant(as, { accountId: other.accountId, ...body })
    const lasting = { status: 201, body: { expiresAt: null } }
    expect(await give({ role: 'learner' })).toMatchObject(lasting)
    expect(await give({ role: 'course_instructor', courseId })).toMatchObject(lasting)
  })

  it(`stop at ${COURSE_GRANTS_MAX} courses, however many are given at once`, async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const courseIds = await Promise.all(
      Array.from({ length: COURSE_GRANTS_MAX + 20 }, () => aCourse(organizationId)),
    )
    const answers = await Promise.all(
      courseIds.map((courseId) =>
        grant(owner, { accountId, courseId, role: 'teaching_assistant' }),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(COURSE_GRANTS_MAX)
    expect(answers.filter(({ body }) => body.code === 'access.course_grants_full')).toHaveLength(20)
    const { grants } = await principalOf(accountId, organizationId)
    expect(Object.keys(grants.courses)).toHaveLength(COURSE_GRANTS_MAX)
  })

  it('are given once for one Idempotency-Key and once among many at once', async () => {
    const { organizationId, owner } = await aHome()
    const [one, two] = [await aMember(organizationId), await aMember(organizationId)]
    const keyed = () =>
      hub.post(`${base}/grants`, {
        as: owner,
        body: { accountId: one.accountId, role: 'admin' },
        idempotencyKey: 'grant-1',
      })
    const [first, second] = [await keyed(), await keyed()]
    expect(second.body).toEqual(first.body)
    const raced = await Promise.all(
      Array.from({ length: 10 }, () => grant(owner, { accountId: two.accountId, role: 'admin' })),
    )
    expect(raced.filter(({ status }) => status === 201)).toHaveLength(1)
  })

  it('are listed for those who may see them: one’s own, those of one’s course, all', async () => {
    const home = await aHome()
    const courseId = await aCourse(home.organizationId)
    const reader = await aRole(home.owner, ['access:grant'], { scope: 'course' })
    const [me, other] = [await aMember(home.organizationId), await aMember(home.organizationId)]
    await grant(home.owner, { accountId: other.accountId, role: reader.roleId, courseId })
    const seenBy = async (as: Principal) =>
      (await hub.get(`${base}/grants`, { as })).body.items.map(
        ({ accountId }: { accountId: string }) => accountId,
      )
    expect(await seenBy(me)).toEqual([me.accountId])
    expect((await seenBy(home.owner)).length).toBe(4)
    const first = await hub.get(`${base}/grants?limit=3`, { as: home.owner })
    const rest = await hub.get(`${base}/grants?cursor=${first.body.nextCursor}`, {
      as: home.owner,
    })
    expect([first.body.items.length, rest.body.items.length]).toEqual([3, 1])
  })
})

describe('expireGrants', () => {
  it('tells of each account whose grants have run out, once, and makes room for another', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const body = () => ({
      accountId,
      role: 'instructor',
      expiresAt: toIso(addMs(hub.clock.now(), HOUR_MS)),
    })
    await grant(owner, body())
    const before = (await changesOf(accountId)).length
    await hub.runJob('expireGrants')
    expect(await changesOf(accountId)).toHaveLength(before)
    hub.clock.advanceMs(HOUR_MS)
    await Promise.all([hub.runJob('expireGrants'), hub.runJob('expireGrants')])
    await hub.runJob('expireGrants')
    const news = (await changesOf(accountId)).slice(before)
    expect(news).toMatchObject([{ organizationid: organizationId, data: { organizationId } }])
    expect((await grant(owner, body())).status).toBe(201)
    hub.clock.advanceMs(HOUR_MS)
    // Not swept yet, and yet it stands in nobody's way.
    expect((await grant(owner, body())).status).toBe(201)
  })
})

describe('roles', () => {
  it('are made, read, edited under their ETag, and deleted with their grants', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const role = await aRole(owner, ['course:create', 'course:create'])
    await grant(owner, { accountId, role: role.roleId })
    const path = `${base}/roles/${role.roleId}`
    const held = async () => (await principalOf(accountId, organizationId)).grants.organization
    expect(await held()).toContain('course:create')
    const edit = (ifMatch: number) =>
      hub.patch(path, { as: owner, ifMatch, body: { permissions: ['course:categories'] } })
    const versionBefore = (await principalOf(accountId, organizationId)).roleVersion
    const statuses = (await Promise.all([edit(1), edit(1)])).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 412])
    expect(await held()).toContain('course:categories')
    expect(await held()).not.toContain('course:create')
    expect((await principalOf(accountId, organizationId)).roleVersion).toBe(versionBefore + 1)
    expect(await hub.get(path, { as: owner })).toMatchObject({
      status: 200,
      body: { permissions: ['course:categories'], revision: 2 },
    })
    expect((await hub.delete(path, { as: owner })).status).toBe(204)
    expect(await held()).not.toContain('course:categories')
    expect((await hub.get(path, { as: owner })).status).toBe(404)
    const news = (await hub.outbox('access.role_changed')).filter(
      ({ subject }) => subject === role.roleId,
    )
    expect(news).toHaveLength(2)
  })

  it('hold only what their maker and their editor hold', async () => {
    const home = await aHome()
    const { delegate, roleId } = await aDelegate(home, ['course:create'])
    const above = { status: 403, body: { code: 'access.above_self' } }
    const body = { name: 'Big', permissions: ['course:create', 'course:categories'] }
    expect(await hub.post(`${base}/roles`, { as: delegate, body })).toMatchObject(above)
    const big = await aRole(home.owner, body.permissions)
    for (const [id, permissions] of [
      [big.roleId, ['course:create']],
      [roleId, ['course:categories']],
    ] as const)
      expect(
        await hub.patch(`${base}/roles/${id}`, { as: delegate, ifMatch: 1, body: { permissions } }),
      ).toMatchObject(above)
    expect(await hub.delete(`${base}/roles/${big.roleId}`, { as: delegate })).toMatchObject(above)
  })

  it('gain nothing from an editor who holds it for a time only', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const permissions = ['access:roles', 'course:create']
    const lasting = await aRole(owner, permissions)
    const passing = await aRole(owner, ['course:categories'])
    await grant(owner, { accountId, role: lasting.roleId })
    const expiresAt = toIso(addMs(hub.clock.now(), HOUR_MS))
    await grant(owner, { accountId, role: passing.roleId, expiresAt })
    const as = await signIn(accountId, organizationId)
    const edit = (body: object) =>
      hub.patch(`${base}/roles/${lasting.roleId}`, { as, ifMatch: 1, body })
    expect(await edit({ permissions: [...permissions, 'course:categories'] })).toMatchObject({
      status: 403,
      body: { code: 'access.above_self' },
    })
    expect((await edit({ permissions: ['access:roles'] })).status).toBe(200)
  })

  it('refuse unknown permissions, a taken name, one too many, and an edit without If-Match', async () => {
    const { owner } = await aHome()
    const make = (name: string, permissions: string[] = []) =>
      hub.post(`${base}/roles`, { as: owner, body: { name, permissions } })
    expect((await make('P', ['platform:operate'])).body.code).toBe('access.permission_unknown')
    expect((await make('P', ['nonsense'])).status).toBe(400)
    const { body: role } = await make('Keeper')
    expect((await make('KEEPER')).body.code).toBe('access.role_exists')
    const path = `${base}/roles/${role.roleId}`
    expect((await hub.patch(path, { as: owner, body: {} })).status).toBe(428)
    await make('Warden')
    const edit = (body: object) => hub.patch(path, { as: owner, ifMatch: 1, body })
    expect((await edit({ name: 'warden' })).body.code).toBe('access.role_exists')
    expect((await edit({ permissions: ['course:fly'] })).body.code).toBe(
      'access.permission_unknown',
    )
    const raced = await Promise.all(
      Array.from({ length: ROLES_PER_ORGANIZATION_MAX + 4 }, (_, index) => make(`R${index}`)),
    )
    expect(raced.filter(({ status }) => status === 201)).toHaveLength(
      ROLES_PER_ORGANIZATION_MAX - 2,
    )
    expect(raced.filter(({ body }) => body.code === 'access.roles_full')).toHaveLength(6)
    const { body } = await hub.get(`${base}/roles?limit=100`, { as: owner })
    expect(body.items).toHaveLength(ROLES_PER_ORGANIZATION_MAX)
    expect(body.builtIn.map(({ name }: { name: string }) => name)).toContain('owner')
  })

  it('leave nobody above themselves when one is edited while it is granted', async () => {
    const home = await aHome()
    const { delegate } = await aDelegate(home, ['course:create'])
    for (let round = 0; round < 10; round += 1) {
      const role = await aRole(home.owner, ['course:create'])
      const { accountId } = await aMember(home.organizationId)
      const [given, edited] = await Promise.all([
        grant(delegate, { accountId, role: role.roleId }),
        hub.patch(`${base}/roles/${role.roleId}`, {
          as: home.owner,
          ifMatch: 1,
          body: { permissions: ['course:create', 'course:categories'] },
        }),
      ])
      expect(edited.status).toBe(200)
      // Either the grant came first, of what the delegate holds, or it met the edited role and was refused.
      if (given.status === 201) expect(given.body.permissions).toEqual(['course:create'])
      else expect(given.body.code).toBe('access.above_self')
    }
  })

  it('wait for an edit that has begun: its grant is judged by what the role becomes', async () => {
    const home = await aHome()
    const { delegate } = await aDelegate(home, ['course:create'])
    const role = await aRole(home.owner, ['course:create'])
    const { accountId } = await aMember(home.organizationId)
    const editor = await database.as('rbac').pool.connect()
    await editor.query('begin')
    await editor.query(`select set_config('hub.tenant', $1, true)`, [home.organizationId])
    await editor.query(
      `update rbac.roles set permissions = '{course:create,user:read}' where role_id = $1`,
      [role.roleId],
    )
    let answer: Awaited<ReturnType<typeof grant>> | undefined
    const given = grant(delegate, { accountId, role: role.roleId }).then((granted) => {
      answer = granted
    })
    await eventually(async () => {
      const waiting = await database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      expect(answer !== undefined || waiting.length > 0).toBe(true)
    })
    await editor.query('commit')
    editor.release()
    await given
    expect(answer).toMatchObject({ status: 403, body: { code: 'access.above_self' } })
  })
})

describe('platform grants', () => {
  let root: Principal
  beforeAll(async () => {
    const accountId = newId('account')
    await hub.deliver('account.email_verified', { accountId, email: 'root@example.org' })
    root = await signIn(accountId, newId('organization'))
  })
  const path = `${base}/platform-grants`

  it('are given and ended by those who stand there', async () => {
    const accountId = newId('account')
    const given = await hub.post(path, { as: root, body: { accountId } })
    expect(given).toMatchObject({
      status: 201,
      body: { role: 'platform_admin', scope: 'platform' },
    })
    expect(await hub.post(path, { as: root, body: { accountId } })).toMatchObject({
      status: 409,
      body: { code: 'access.grant_exists' },
    })
    const past = { accountId, expiresAt: '2020-01-01T00:00:00.000Z' }
    expect((await hub.post(path, { as: root, body: past })).body.code).toBe('access.expiry_past')
    const { body } = await hub.get(path, { as: root })
    expect(body.items).toContainEqual(expect.objectContaining({ accountId }))
    const one = `${path}/${given.body.grantId}`
    const formerly = somebody('platform_admin')
    expect((await hub.delete(one, { as: formerly })).body.code).toBe('access.above_self')
    expect((await hub.delete(one, { as: root })).status).toBe(204)
    expect((await hub.delete(one, { as: root })).status).toBe(404)
  })

  it('never outlast that of the one who gives them', async () => {
    const end = addMs(hub.clock.now(), HOUR_MS)
    const visitor = { accountId: newId('account'), expiresAt: toIso(end) }
    expect((await hub.post(path, { as: root, body: visitor })).status).toBe(201)
    const as = await signIn(visitor.accountId, newId('organization'))
    const accountId = newId('account')
    expect(await hub.post(path, { as, body: { accountId } })).toMatchObject({
      status: 403,
      body: { code: 'access.above_self' },
    })
    expect((await hub.post(path, { as, body: { ...visitor, accountId } })).status).toBe(201)
  })

  it('are refused to all others, also to a token that remembers more than is true', async () => {
    const body = { accountId: newId('account') }
    expect((await hub.post(path, { body })).status).toBe(401)
    expect((await hub.post(path, { as: somebody('owner'), body })).status).toBe(403)
    expect(await hub.post(path, { as: somebody('platform_admin'), body })).toMatchObject({
      status: 403,
      body: { code: 'access.above_self' },
    })
  })

  it('do not count those who have given up their account', async () => {
    const gone = newId('account')
    await hub.post(path, { as: root, body: { accountId: gone } })
    const { body } = await hub.get(`${path}?limit=100`, { as: root })
    const standing: { grantId: string; accountId: string }[] = body.items
    for (const { grantId, accountId } of standing)
      if (accountId !== root.accountId && accountId !== gone)
        await hub.delete(`${path}/${grantId}`, { as: root })
    await hub.deliver('user.deactivated', { accountId: gone })
    const own = standing.find(({ accountId }) => accountId === root.accountId)?.grantId
    expect(await hub.delete(`${path}/${own}`, { as: root })).toMatchObject({
      status: 409,
      body: { code: 'access.last_platform_admin' },
    })
  })

  it('keep one that lasts, also when the last two end each other at once', async () => {
    const heir = newId('account')
    await hub.post(path, { as: root, body: { accountId: heir } })
    const { body } = await hub.get(`${path}?limit=100`, { as: root })
    const standing: { grantId: string; accountId: string }[] = body.items
    const idOf = (wanted: AccountId) =>
      standing.find(({ accountId }) => accountId === wanted)?.grantId
    for (const { grantId, accountId } of standing)
      if (accountId !== root.accountId && accountId !== heir)
        await hub.delete(`${path}/${grantId}`, { as: root })
    const other = await signIn(heir, newId('organization'))
    const end = (as: Principal, accountId: AccountId) =>
      hub.delete(`${path}/${idOf(accountId)}`, { as })
    const answers = await Promise.all([end(root, heir), end(other, root.accountId)])
    // The second one no longer stands there.
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1)
    const left = answers[0]?.status === 204 ? root : other
    expect(await end(left, left.accountId)).toMatchObject({
      status: 409,
      body: { code: 'access.last_platform_admin' },
    })
  })
})

describe('POST /v1/access/check', () => {
  it('answers many questions in their order, from what is true now', async () => {
    const { organizationId, owner } = await aHome()
    const member = await aMember(organizationId)
    const [taught, granted, other] = [
      await aCourse(organizationId, [member.accountId]),
      await aCourse(organizationId),
      await aCourse(organizationId),
    ]
    const { accountId } = member
    await grant(owner, { accountId, courseId: granted, role: 'course_instructor' })
    const ask = (courseId?: CourseId) => ({ permission: 'course:update', courseId })
    const checks = [ask(taught), ask(granted), ask(other), ask(newId('course')), ask()]
    const { body } = await hub.post(`${base}/check`, { as: member, body: { checks } })
    expect(body.results.map(({ allowed }: { allowed: boolean }) => allowed)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
    const tooMany = { checks: Array.from({ length: 101 }, () => ask()) }
    expect((await hub.post(`${base}/check`, { as: member, body: tooMany })).status).toBe(400)
    expect((await hub.post(`${base}/check`, { body: { checks } })).status).toBe(401)
  })
})

describe('GET /v1/access/explain', () => {
  it('names every grant that was considered, and who teaches', async () => {
    const { organizationId, owner } = await aHome()
    const { accountId } = await aMember(organizationId)
    const courseId = await aCourse(organizationId, [accountId])
    const other = await aCourse(organizationId)
    await grant(owner, { accountId, courseId: other, role: 'course_instructor' })
    const why = async (permission: string) =>
      (
        await hub.get(
          `${base}/explain?accountId=${accountId}&courseId=${courseId}&permission=${permission}`,
          { as: owner },
        )
      ).body
    expect(await why('course:update')).toMatchObject({
      allowed: true,
      considered: [
        { grantId: null, source: 'instructor', verdict: 'counts' },
        { role: 'course_instructor', courseId: other, verdict: 'other_course' },
        { role: 'learner', source: 'membership', verdict: 'lacks_permission' },
      ],
      truncated: false,
    })
    expect((await why('course:categories')).allowed).toBe(false)
    const foreign = await aCourse(newId('organization'))
    const url = `${base}/explain?accountId=${accountId}&permission=course:read&courseId=${foreign}`
    expect((await hub.get(url, { as: owner })).body.code).toBe('course.not_found')
  })

  it('is for those who may read access, and about members', async () => {
    const { organizationId, owner } = await aHome()
    const member = await aMember(organizationId)
    const ask = (as: Principal, accountId: string) =>
      hub.get(`${base}/explain?accountId=${accountId}&permission=course:read`, { as })
    expect((await ask(member, member.accountId)).status).toBe(403)
    expect((await ask(owner, newId('account'))).body.code).toBe('access.member_not_found')
  })
})

describe('GET /v1/access/courses', () => {
  it('lists exactly the courses on which the same question is answered with yes', async () => {
    const home = await aHome()
    const { organizationId, owner } = home
    const member = await aMember(organizationId)
    const { accountId } = member
    const courseIds = [
      await aCourse(organizationId, [accountId]),
      await aCourse(organizationId),
      await aCourse(organizationId),
      await aCourse(organizationId),
    ]
    await aCourse(newId('organization'), [accountId])
    const editor = await aRole(owner, ['course:update'], { scope: 'course' })
    await grant(owner, { accountId, courseId: courseIds[1], role: editor.roleId })
    await grant(owner, {
      accountId,
      courseId: courseIds[2],
      role: 'course_instructor',
      expiresAt: toIso(addMs(hub.clock.now(), HOUR_MS)),
    })
    const list = async (as: Principal, permission: string) =>
      (await hub.get(`${base}/courses?permission=${permission}`, { as })).body.items.map(
        ({ courseId }: { courseId: string }) => courseId,
      )
    const agree = async (as: Principal, permission: string) => {
      const checks = courseIds.map((courseId) => ({ permission, courseId }))
      const { body } = await hub.post(`${base}/check`, { as, body: { checks } })
      const allowed = courseIds.filter((_, index) => body.results[index].allowed)
      // Ids of one millisecond have no order but their own.
      expect(await list(as, permission)).toEqual([...allowed].sort())
      return allowed
    }
    expect(await agree(member, 'course:update')).toEqual(courseIds.slice(0, 3))
    expect(await agree(member, 'course:publish')).toEqual([courseIds[0], courseIds[2]])
    expect(await agree(member, 'course:read')).toEqual(courseIds)
    expect(await agree(member, 'course:categories')).toEqual([])
    expect(await agree(owner, 'course:update')).toEqual(courseIds)
    hub.clock.advanceMs(HOUR_MS)
    expect(await agree(member, 'course:update')).toEqual(courseIds.slice(0, 2))
    const first = await hub.get(`${base}/courses?permission=course:read&limit=3`, { as: member })
    const rest = await hub.get(
      `${base}/courses?permission=course:read&cursor=${first.body.nextCursor}`,
      { as: member },
    )
    expect(rest.body.items).toMatchObject([
      { courseId: [...courseIds].sort()[3], isArchived: false },
    ])
  })
})

describe('GET /v1/access/permissions', () => {
  it('is the catalogue, made of what the operations ask for', async () => {
    const { owner, organizationId } = await aHome()
    const { body } = await hub.get(`${base}/permissions`, { as: owner })
    expect(body.items).toContainEqual(
      expect.objectContaining({
        permission: 'access:roles',
        scopes: ['platform', 'organization'],
        operations: expect.arrayContaining([
          expect.objectContaining({ service: 'rbac', method: 'POST', path: '/v1/access/roles' }),
        ]),
      }),
    )
    const learner = await aMember(organizationId)
    expect((await hub.get(`${base}/permissions`, { as: learner })).status).toBe(403)
  })
})

describe('another organisation', () => {
  const roles = ['learner', 'instructor', 'admin', 'owner'] as const
  // Operations about one thing of an organisation, and what their lists are asked for.
  const operations = Object.entries(rbacContract.operations).filter(
    ([, { scope }]) => scope === 'organization' || scope === 'course',
  )

  it.each(operations)(
    'sees and changes nothing through %s, whatever the role',
    async (name, operation) => {
      const home = await aHome()
      const { accountId } = await aMember(home.organizationId)
      const courseId = await aCourse(home.organizationId, [accountId])
      const role = await aRole(home.owner, ['course:update'], { scope: 'course' })
      const { body: given } = await grant(home.owner, { accountId, courseId, role: role.roleId })
      const ids: Record<string, string> = { roleId: role.roleId, grantId: given.grantId }
      const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, each: string) => ids[each] ?? '')
      const query: Record<string, string> = {
        listGrants: `?accountId=${accountId}`,
        explain: `?accountId=${accountId}&permission=course:update`,
        listAllowedCourses: '?permission=course:update',
      }
      const bodies: Record<string, object> = {
        createRole: { name: `Theirs ${newId('event')}`, permissions: [] },
        updateRole: { name: 'Mine' },
        createGrant: { accountId, courseId, role: 'teaching_assistant' },
        check: { checks: [{ permission: 'course:update', courseId }] },
      }
      for (const each of roles) {
        const foreign = await aMember(newId('organization'), each)
        const answer = await hub.call(operation.method, `${base}${path}${query[name] ?? ''}`, {
          as: foreign,
          ...('body' in operation && { body: bodies[name] }),
          ...('ifMatch' in operation && { ifMatch: 1 }),
        })
        if (answer.status >= 400) expect([403, 404]).toContain(answer.status)
        if (Object.keys(ids).some((id) => operation.path.includes(`{${id}}`)) && each === 'owner')
          expect(answer.status).toBe(404)
        for (const secret of [accountId, courseId, role.roleId, role.name, given.grantId])
          expect(answer.text.replaceAll(path, '')).not.toContain(secret)
        if (name === 'check') expect(answer.body.results).toEqual([{ allowed: false }])
      }
      const { body } = await hub.get(`${base}/grants?accountId=${accountId}`, { as: home.owner })
      expect(body.items).toHaveLength(2)
    },
  )

  it('is behind the second wall too', async () => {
    await aHome()
    const { pool } = database.as('rbac')
    for (const table of ['roles', 'grants', 'role_versions', 'course_refs']) {
      const { rows } = await pool.query(`select * from rbac.${table}`)
      // Who stands above organisations is no organisation's secret.
      expect(rows.filter(({ scope }) => scope !== 'platform')).toEqual([])
    }
  })
})

describe('lists', () => {
  it('refuse a cursor that is not their own', async () => {
    const { owner } = await aHome()
    const root = somebody('platform_admin')
    for (const [path, as] of [
      ['roles', owner],
      ['grants', owner],
      ['courses?permission=course:read', owner],
      ['platform-grants', root],
    ] as const) {
      const url = `${base}/${path}${path.includes('?') ? '&' : '?'}cursor=nonsense`
      expect(await hub.get(url, { as })).toMatchObject({
        status: 400,
        body: { code: 'request.cursor' },
      })
    }
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
