import { beforeEach, describe, expect, it } from '@jest/globals'
import { decodeJwt } from 'jose'
import { INTERNAL_TOKEN_HEADER } from '../../shared/auth/internal-token.ts'
import type { Principal } from '../../shared/http/caller.ts'
import type { Forwarded } from '../../shared/http/client.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import {
  type AccountId,
  type CourseId,
  type CourseVersionId,
  newId,
} from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, instantOf, toIso } from '../../shared/kernel/time.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { enrollment } from './service.ts'

const organizationId = newId('organization')
const teacher = somebody('instructor', { organizationId })
const admin = somebody('admin', { organizationId })
const stranger = somebody('owner')
const aLearner = () => somebody('learner', { organizationId })

type Visibility = 'public' | 'unlisted' | 'private'
type Known = {
  visibility: Visibility
  versionId: CourseVersionId | null
  prerequisiteIds: CourseId[]
  state: 'draft' | 'published' | 'archived'
  /** Whether a private course is shown to whoever asks, as it is to those who learn there. */
  isShown?: boolean
}

// What the course service would answer the learners of the organisation: each test says which courses there are.
const courses = new Map<CourseId, Known>()
let isCourseAway = false
const course = {
  getCourse: async ({ params }: { params?: { courseId: CourseId } }, { headers }: Forwarded) => {
    if (isCourseAway) throw new DomainError('unavailable', 'course.unavailable', '')
    const found = params && courses.get(params.courseId)
    const asker = decodeJwt(headers.get(INTERNAL_TOKEN_HEADER) ?? '')
    const isHidden = found?.visibility === 'private' && !found.isShown
    if (!params || !found || isHidden || asker.org !== organizationId)
      throw new DomainError('not_found', 'course.not_found', '')
    return { ...describeCourse(params.courseId, found), state: found.state }
  },
}

const describeCourse = (courseId: CourseId, { visibility, versionId, prerequisiteIds }: Known) => ({
  ...{ courseId, organizationId, visibility, prerequisiteIds },
  slug: courseId.replace('_', '-'),
  title: 'Film editing',
  summary: '',
  language: 'en',
  categoryIds: [],
  instructorIds: [teacher.accountId],
  publishedVersionId: versionId,
  publishedAt: null,
})

const database = useDatabase()
const hub = useDoors(database, enrollment, { course })
const base = '/v1/enrollments'

beforeEach(() => {
  isCourseAway = false
  hub.clock.set(instantOf('2026-03-01T10:00:00Z'))
})

const aCourse = (changes: Partial<Known> = {}): CourseId => {
  const courseId = newId('course')
  const versionId = newId('courseVersion')
  courses.set(courseId, {
    ...{ visibility: 'public', versionId, prerequisiteIds: [], state: 'published' },
    ...changes,
  })
  return courseId
}

let published = 0
/** Tells the service by event what the course service knows. */
const tell = (courseId: CourseId) => {
  const known = courses.get(courseId)
  if (!known?.versionId) throw new Error('nothing is published')
  published += 1
  return hub.deliver(
    'course.published',
    {
      ...describeCourse(courseId, known),
      versionId: known.versionId,
      versionNumber: published,
      items: [],
      completionRule: { kind: 'all_required' },
      certificateRule: { kind: 'none' },
      publishedAt: toIso(hub.clock.now()),
    },
    { organizationId, sequence: published },
  )
}

const aPrivateCourse = async (changes: Partial<Known> = {}) => {
  const courseId = aCourse({ visibility: 'private', ...changes })
  await tell(courseId)
  return courseId
}

let membershipNews = 0
/** Tells the service by event that somebody belongs to the organisation. */
const join = (accountId: AccountId, sequence = ++membershipNews) =>
  hub.deliver(
    'member.added',
    { organizationId, accountId, role: 'learner' },
    { organizationId, sequence },
  )
const part = (accountId: AccountId, sequence = ++membershipNews) =>
  hub.deliver('member.removed', { organizationId, accountId }, { organizationId, sequence })
const aMember = async (): Promise<AccountId> => {
  const accountId = newId('account')
  await join(accountId)
  return accountId
}
const members = async (count: number): Promise<AccountId[]> => {
  const accountIds = []
  for (let made = 0; made < count; made += 1) accountIds.push(await aMember())
  return accountIds
}

const enrolSelf = (courseId: CourseId, as: Principal) => hub.post(base, { as, body: { courseId } })
const access = async (courseId: CourseId, as: Principal) =>
  (await hub.get(`${base}/access?courseId=${courseId}`, { as })).status
const set = (courseId: CourseId, settings: object, as = teacher) =>
  hub.put(`${base}/courses/${courseId}/settings`, {
    as,
    body: {
      capacity: null,
      opensAt: null,
      closesAt: null,
      accessDays: null,
      timeZone: 'UTC',
      enforcesPrerequisites: true,
      ...settings,
    },
  })
const settingsOf = async (courseId: CourseId) =>
  (await hub.get(`${base}/courses/${courseId}/settings`, { as: teacher })).body
const aCode = async (courseId: CourseId, body: object = {}) =>
  (
    await hub.post(`${base}/courses/${courseId}/codes`, {
      as: teacher,
      body: { usesMax: 10, ...body },
    })
  ).body
const redeem = (code: string, as: Principal) => hub.post(`${base}/redeem`, { as, body: { code } })
const eventsOf = async (enrollmentId: string) =>
  (await hub.outbox()).filter(({ subject }) => subject === enrollmentId)
const typesOf = async (enrollmentId: string) =>
  (await eventsOf(enrollmentId)).map(({ type }) => type)
const activeRows = (courseId: CourseId) =>
  database.query<{ accountId: AccountId }>(
    'select account_id as "accountId" from enrollment.enrollments where course_id = $1 and ended_at is null',
    [courseId],
  )
const inDays = (days: number) => toIso(addMs(hub.clock.now(), days * DAY_MS))

describe('POST /v1/enrollments', () => {
  it('lets a learner into a course that was published a second ago, on that version, and says so', async () => {
    const courseId = aCourse()
    const learner = aLearner()
    const answer = await enrolSelf(courseId, learner)
    const { versionId } = courses.get(courseId) ?? {}
    expect(answer).toMatchObject({
      status: 200,
      body: { courseId, versionId, endedAt: null, entitlements: [{ source: 'self' }] },
    })
    expect(await eventsOf(answer.body.enrollmentId)).toMatchObject([
      {
        type: 'enrollment.activated',
        organizationid: organizationId,
        data: { accountId: learner.accountId, versionId, endsAt: null },
      },
    ])
    expect(await access(courseId, learner)).toBe(200)
  })

  it('gives 50 places to exactly 50 of 200 who come at once, and tells the others', async () => {
    const courseId = aCourse()
    await set(courseId, { capacity: 50 })
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => enrolSelf(courseId, aLearner())),
    )
    const lost = answers.filter(({ status }) => status !== 200)
    expect(lost).toHaveLength(150)
    for (const { status, body } of lost)
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'enrollment.full' })
    expect(await activeRows(courseId)).toHaveLength(50)
    expect(await settingsOf(courseId)).toMatchObject({ activeCount: 50 })
  })

  it('makes one row and one event of 20 simultaneous requests of one person', async () => {
    const courseId = aCourse()
    const learner = aLearner()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => enrolSelf(courseId, learner)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => body.enrollmentId)).size).toBe(1)
    expect(await typesOf(answers[0]?.body.enrollmentId)).toEqual(['enrollment.activated'])
    expect(await settingsOf(courseId)).toMatchObject({ activeCount: 1 })
  })

  it('frees a place when somebody leaves', async () => {
    const courseId = aCourse()
    await set(courseId, { capacity: 1 })
    const [first, second] = [aLearner(), aLearner()]
    const { body } = await enrolSelf(courseId, first)
    expect((await enrolSelf(courseId, second)).status).toBe(409)
    await hub.post(`${base}/${body.enrollmentId}/leave`, { as: first })
    expect((await enrolSelf(courseId, second)).status).toBe(200)
  })

  it('pins a returning learner to the version of that day, in a new row', async () => {
    const courseId = aCourse()
    const learner = aLearner()
    const first = (await enrolSelf(courseId, learner)).body
    await hub.post(`${base}/${first.enrollmentId}/leave`, { as: learner })
    const versionId = newId('courseVersion')
    courses.set(courseId, { ...(courses.get(courseId) as Known), versionId })
    const second = (await enrolSelf(courseId, learner)).body
    expect(second).toMatchObject({ versionId })
    expect(second.enrollmentId).not.toBe(first.enrollmentId)
  })

  it('refuses outside the enrolment window, naming it', async () => {
    const courseId = aCourse()
    const opensAt = inDays(1)
    await set(courseId, { opensAt, closesAt: inDays(2) })
    const learner = aLearner()
    expect(await enrolSelf(courseId, learner)).toMatchObject({
      status: 409,
      body: { code: 'enrollment.not_open', opensAt },
    })
    hub.clock.advanceMs(DAY_MS)
    expect((await enrolSelf(courseId, learner)).status).toBe(200)
    hub.clock.advanceMs(DAY_MS)
    expect((await enrolSelf(courseId, aLearner())).status).toBe(409)
  })

  it('refuses without the prerequisites until their completion is known', async () => {
    const required = aCourse()
    const courseId = aCourse({ prerequisiteIds: [required] })
    const learner = aLearner()
    expect(await enrolSelf(courseId, learner)).toMatchObject({
      status: 422,
      body: { code: 'enrollment.prerequisites_missing', courseIds: [required] },
    })
    await hub.deliver(
      'progress.course_completed',
      {
        enrollmentId: newId('enrollment'),
        accountId: learner.accountId,
        courseId: required,
        organizationId,
        versionId: newId('courseVersion'),
        completedAt: toIso(hub.clock.now()),
      },
      { organizationId },
    )
    expect((await enrolSelf(courseId, learner)).status).toBe(200)
  })

  it('goes on from what events told while the course service is away, and answers 503 otherwise', async () => {
    const [known, unknown] = [aCourse(), aCourse()]
    await tell(known)
    isCourseAway = true
    expect((await enrolSelf(known, aLearner())).status).toBe(200)
    expect(await enrolSelf(unknown, aLearner())).toMatchObject({
      status: 503,
      body: { code: 'course.unavailable' },
    })
  })

  it('remembers that a course of which it heard no news is archived', async () => {
    const archived = aCourse({ state: 'archived' })
    await hub.get(`${base}/courses/${archived}/codes`, { as: teacher })
    isCourseAway = true
    expect(await enrolSelf(archived, aLearner())).toMatchObject({
      status: 409,
      body: { code: 'enrollment.course_closed' },
    })
  })

  it('refuses drafts and archived courses, and hides private ones', async () => {
    const draft = aCourse({ versionId: null, state: 'draft' })
    const archived = aCourse({ state: 'archived' })
    for (const courseId of [draft, archived])
      expect(await enrolSelf(courseId, aLearner())).toMatchObject({
        status: 409,
        body: { code: 'enrollment.course_closed' },
      })
    expect(await enrolSelf(await aPrivateCourse(), aLearner())).toMatchObject({
      status: 404,
      body: { code: 'course.not_found' },
    })
  })

  it('refuses those who know a private course but were not invited again', async () => {
    const courseId = aCourse({ visibility: 'private', isShown: true })
    expect(await enrolSelf(courseId, aLearner())).toMatchObject({
      status: 403,
      body: { code: 'enrollment.invitation_only' },
    })
  })

  it('is for members, with a well-formed course', async () => {
    expect((await hub.post(base, { body: { courseId: aCourse() } })).status).toBe(401)
    const bad = await hub.post(base, { as: aLearner(), body: { courseId: 'x', as: 'admin' } })
    expect(bad).toMatchObject({ status: 400, body: { code: 'request.invalid' } })
    const powerless = { ...aLearner(), grants: { platform: [], organization: [], courses: {} } }
    expect((await enrolSelf(aCourse(), powerless)).status).toBe(403)
  })
})

describe('invitation codes', () => {
  it('let exactly as many people in as they have uses, however many come at once', async () => {
    const courseId = await aPrivateCourse()
    const { code, codeId } = await aCode(courseId, { usesMax: 10 })
    const answers = await Promise.all(Array.from({ length: 40 }, () => redeem(code, aLearner())))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
    for (const { status, body } of answers.filter(({ status }) => status !== 200))
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'enrollment.code_used_up' })
    expect(await activeRows(courseId)).toHaveLength(10)
    const { body } = await hub.get(`${base}/courses/${courseId}/codes`, { as: teacher })
    expect(body.items).toMatchObject([{ codeId, uses: 10 }])
  })

  it('count one person once, however it is typed and however often', async () => {
    const courseId = await aPrivateCourse()
    const { code } = await aCode(courseId, { usesMax: 1 })
    const learner = aLearner()
    const typed = code.toLowerCase().replace('-', ' ')
    const answers = await Promise.all(Array.from({ length: 10 }, () => redeem(typed, learner)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  })

  it('are over once disabled or expired, and unknown ones do not exist', async () => {
    const courseId = await aPrivateCourse()
    const expiring = await aCode(courseId, { expiresAt: inDays(1) })
    const disabled = await aCode(courseId)
    const path = `${base}/courses/${courseId}/codes/${disabled.codeId}/disable`
    expect((await hub.post(path, { as: teacher })).body.disabledAt).not.toBeNull()
    hub.clock.advanceMs(DAY_MS)
    for (const { code } of [expiring, disabled])
      expect(await redeem(code, aLearner())).toMatchObject({
        status: 410,
        body: { code: 'enrollment.code_over' },
      })
    expect(await redeem('00000-00000', aLearner())).toMatchObject({
      status: 404,
      body: { code: 'enrollment.code_not_found' },
    })
  })

  it('open no closed door: archived course, enrolment window, prerequisites', async () => {
    const archived = await aPrivateCourse()
    await hub.deliver(
      'course.archived',
      { courseId: archived, organizationId, archivedAt: toIso(hub.clock.now()) },
      // Older than what is known here: it was parked, and redriven.
      { organizationId, sequence: 1 },
    )
    const early = await aPrivateCourse()
    await set(early, { opensAt: inDays(1) })
    const strict = await aPrivateCourse({ prerequisiteIds: [newId('course')] })
    for (const [courseId, code] of [
      [archived, 'enrollment.course_closed'],
      [early, 'enrollment.not_open'],
      [strict, 'enrollment.prerequisites_missing'],
    ] as const)
      expect((await redeem((await aCode(courseId)).code, aLearner())).body.code).toBe(code)
  })

  it('do not reach beyond their organisation', async () => {
    const { code } = await aCode(await aPrivateCourse())
    expect((await redeem(code, stranger)).status).toBe(404)
  })

  it('are used by nobody whom another rule refuses', async () => {
    const courseId = await aPrivateCourse()
    await set(courseId, { capacity: 0 })
    const { code } = await aCode(courseId)
    expect((await redeem(code, aLearner())).body.code).toBe('enrollment.full')
    const { body } = await hub.get(`${base}/courses/${courseId}/codes`, { as: teacher })
    expect(body.items).toMatchObject([{ uses: 0 }])
  })
})

describe('staff', () => {
  it('enrol a learner in a private course, with a window of their own', async () => {
    const courseId = await aPrivateCourse()
    const learner = aLearner()
    await join(learner.accountId)
    const path = `${base}/courses/${courseId}/learners`
    const body = { accountId: learner.accountId, startsAt: inDays(1), endsAt: inDays(2) }
    expect((await hub.post(path, { as: teacher, body })).status).toBe(200)
    const seen = [await access(courseId, learner)]
    for (let day = 0; day < 2; day += 1) {
      hub.clock.advanceMs(DAY_MS)
      seen.push(await access(courseId, learner))
    }
    expect(seen).toEqual([404, 200, 404])
    const backwards = { accountId: learner.accountId, startsAt: inDays(9), endsAt: inDays(8) }
    expect(await hub.post(path, { as: teacher, body: backwards })).toMatchObject({
      status: 422,
      body: { code: 'enrollment.window_invalid' },
    })
  })

  it('enrol a batch with a report per row: one refused leaves the others', async () => {
    const courseId = await aPrivateCourse()
    await set(courseId, { capacity: 2 })
    const [one, two, three] = [await aMember(), await aMember(), await aMember()]
    const outsider = newId('account')
    const path = `${base}/courses/${courseId}/learners`
    await hub.post(path, { as: teacher, body: { accountId: one } })
    const { body } = await hub.post(`${path}/batch`, {
      as: teacher,
      body: { accountIds: [outsider, one, two, three, two] },
    })
    expect(body.rows).toMatchObject([
      { accountId: outsider, outcome: 'refused', code: 'enrollment.not_a_member' },
      { accountId: one, outcome: 'already_enrolled' },
      { accountId: two, outcome: 'enrolled' },
      { accountId: three, outcome: 'refused', code: 'enrollment.full', enrollmentId: null },
    ])
    const tooMany = { accountIds: Array.from({ length: 101 }, () => newId('account')) }
    expect((await hub.post(`${path}/batch`, { as: teacher, body: tooMany })).status).toBe(400)
  })

  it('enrol members only: no stranger, and nobody who has left, whatever older news comes late', async () => {
    const courseId = await aPrivateCourse()
    const enrol = async (accountId: AccountId) => {
      const path = `${base}/courses/${courseId}/learners`
      const { status, body } = await hub.post(path, { as: teacher, body: { accountId } })
      return status === 200 ? 'enrolled' : `${status} ${body.code}`
    }
    const refused = '422 enrollment.not_a_member'
    expect(await enrol(newId('account'))).toBe(refused)
    const accountId = newId('account')
    const [before, leaving] = [++membershipNews, ++membershipNews]
    await part(accountId, leaving)
    await join(accountId, before)
    expect(await enrol(accountId)).toBe(refused)
    await join(accountId)
    expect(await enrol(accountId)).toBe('enrolled')
    const elsewhere = newId('account')
    await hub.deliver(
      'member.added',
      { organizationId: newId('organization'), accountId: elsewhere, role: 'learner' },
      { sequence: 1 },
    )
    expect(await enrol(elsewhere)).toBe(refused)
  })

  it('are told why somebody cannot be enrolled', async () => {
    const draft = aCourse({ versionId: null, state: 'draft' })
    const full = await aPrivateCourse()
    await set(full, { capacity: 0 })
    for (const [courseId, code] of [
      [draft, 'enrollment.course_closed'],
      [full, 'enrollment.full'],
    ] as const) {
      const path = `${base}/courses/${courseId}/learners`
      const body = { accountId: await aMember() }
      expect(await hub.post(path, { as: teacher, body })).toMatchObject({
        status: 409,
        body: { code },
      })
    }
    const backwards = await hub.post(`${base}/courses/${full}/learners/batch`, {
      as: teacher,
      body: { accountIds: [newId('account')], startsAt: inDays(2), endsAt: inDays(1) },
    })
    expect(backwards).toMatchObject({ status: 422, body: { code: 'enrollment.window_invalid' } })
  })

  it('are refused a cursor of another list, and a code of another course', async () => {
    const courseId = await aPrivateCourse()
    for (const list of ['learners', 'codes'])
      expect(
        await hub.get(`${base}/courses/${courseId}/${list}?cursor=x`, { as: teacher }),
      ).toMatchObject({ status: 400, body: { code: 'request.cursor' } })
    const { codeId } = await aCode(await aPrivateCourse())
    const path = `${base}/courses/${courseId}/codes/${codeId}/disable`
    expect((await hub.post(path, { as: teacher })).body.code).toBe('enrollment.code_not_found')
  })

  it('waive prerequisites only when they say so', async () => {
    const courseId = await aPrivateCourse({ prerequisiteIds: [newId('course')] })
    const path = `${base}/courses/${courseId}/learners`
    const body = { accountId: await aMember() }
    expect(await hub.post(path, { as: teacher, body })).toMatchObject({
      status: 422,
      body: { code: 'enrollment.prerequisites_missing' },
    })
    const waived = await hub.post(path, {
      as: teacher,
      body: { ...body, waivePrerequisites: true },
    })
    expect(waived.status).toBe(200)
  })

  it('page through the learners of a course without gap or repetition, by state and source', async () => {
    const courseId = await aPrivateCourse()
    const path = `${base}/courses/${courseId}/learners`
    const accountIds = await members(5)
    const { body } = await hub.post(`${path}/batch`, { as: teacher, body: { accountIds } })
    const learner = aLearner()
    await redeem((await aCode(courseId)).code, learner)
    await hub.post(`${base}/${body.rows[0].enrollmentId}/remove`, { as: admin })
    const listed = async (query: string) => {
      const seen: string[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const page: string = cursor && `&cursor=${cursor}`
        const answer = await hub.get(`${path}?limit=2&${query}${page}`, { as: teacher })
        seen.push(...answer.body.items.map(({ accountId }: { accountId: string }) => accountId))
        cursor = answer.body.nextCursor
      }
      return seen
    }
    expect(new Set(await listed(''))).toEqual(new Set([...accountIds, learner.accountId]))
    expect(await listed('state=ended')).toEqual([accountIds[0]])
    expect(await listed('source=code')).toEqual([learner.accountId])
    expect(await listed(`accountId=${accountIds[3]}`)).toEqual([accountIds[3]])
  })

  it('alone may do so: to others the course does not exist', async () => {
    const courseId = aCourse()
    await tell(courseId)
    const colleague = somebody('instructor', { organizationId })
    const { body } = await enrolSelf(courseId, aLearner())
    const [entitlement] = body.entitlements
    const calls: [string, string, object?][] = [
      ['GET', `/courses/${courseId}/learners`],
      ['POST', `/courses/${courseId}/learners`, { accountId: newId('account') }],
      ['POST', `/courses/${courseId}/learners/batch`, { accountIds: [newId('account')] }],
      ['GET', `/courses/${courseId}/settings`],
      ['POST', `/courses/${courseId}/codes`, { usesMax: 1 }],
      ['GET', `/courses/${courseId}/codes`],
      ['POST', `/courses/${courseId}/codes/${newId('enrollmentCode')}/disable`],
      ['POST', `/${body.enrollmentId}/remove`],
      ['PATCH', `/${body.enrollmentId}/entitlements/${entitlement.entitlementId}`, {}],
      ['DELETE', `/${body.enrollmentId}/entitlements/${entitlement.entitlementId}`],
    ]
    for (const [method, path, sent] of calls) {
      const call = (as?: Principal) =>
        hub.call(method, `${base}${path}`, { ...(as && { as }), ...(sent && { body: sent }) })
      expect([path, (await call()).status]).toEqual([path, 401])
      for (const as of [aLearner(), colleague, stranger])
        expect([path, (await call(as)).status]).toEqual([path, 404])
    }
    expect((await set(courseId, {}, colleague)).status).toBe(404)
    expect((await set(courseId, { capacity: -1 })).status).toBe(400)
    expect((await set(courseId, { timeZone: 'Mars/Olympus' })).status).toBe(400)
    const backwards = { opensAt: inDays(2), closesAt: inDays(1) }
    expect((await set(courseId, backwards)).body.code).toBe('enrollment.window_invalid')
  })
})

describe('entitlements', () => {
  const claim = (courseId: CourseId, learner: Principal, seatId = newId('seat')) => ({
    poolId: newId('licencePool'),
    ...{ seatId, organizationId, courseId },
    accountId: learner.accountId,
  })

  it('keep the learner in while one lives, whichever is revoked first', async () => {
    for (const first of ['licence', 'self']) {
      const courseId = aCourse()
      await tell(courseId)
      const learner = aLearner()
      const { enrollmentId } = (await enrolSelf(courseId, learner)).body
      const seat = claim(courseId, learner)
      await hub.deliver('seat.claimed', seat, { organizationId })
      const { entitlements } = (await hub.get(`${base}/${enrollmentId}`, { as: learner })).body
      const own = entitlements.find(({ source }: { source: string }) => source === 'self')
      const revoke = {
        licence: () => hub.deliver('seat.revoked', seat, { organizationId }),
        self: () =>
          hub.delete(`${base}/${enrollmentId}/entitlements/${own.entitlementId}`, { as: teacher }),
      }
      await revoke[first === 'licence' ? 'licence' : 'self']()
      expect(await access(courseId, learner)).toBe(200)
      await revoke[first === 'licence' ? 'self' : 'licence']()
      expect(await access(courseId, learner)).toBe(404)
      expect(await typesOf(enrollmentId)).toEqual([
        'enrollment.activated',
        ...(first === 'licence' ? ['enrollment.seat_left'] : []),
        'enrollment.ended',
      ])
      expect((await eventsOf(enrollmentId)).at(-1)?.data).toMatchObject({ reason: 'revoked' })
    }
  })

  it('are not what the holder of a seat gives themselves: it ends with the seat', async () => {
    const courseId = aCourse({ visibility: 'private', isShown: true })
    await tell(courseId)
    const learner = aLearner()
    const seat = claim(courseId, learner)
    await hub.deliver('seat.claimed', seat, { organizationId })
    expect((await enrolSelf(courseId, learner)).body.entitlements).toMatchObject([
      { source: 'licence' },
    ])
    await hub.deliver('seat.revoked', seat, { organizationId })
    expect(await access(courseId, learner)).toBe(404)
  })

  it('of a seat are given once, however often the event comes', async () => {
    const courseId = await aPrivateCourse()
    const learner = aLearner()
    const seat = claim(courseId, learner)
    const id = newId('event')
    expect(await hub.deliver('seat.claimed', seat, { organizationId, id })).toBe('done')
    expect(await hub.deliver('seat.claimed', seat, { organizationId, id })).toBe('repeated')
    await hub.deliver('seat.claimed', seat, { organizationId })
    expect(await activeRows(courseId)).toHaveLength(1)
    const { body } = await hub.get(base, { as: learner })
    expect(body.items).toMatchObject([{ entitlements: [{ source: 'licence' }] }])
  })

  it('of a seat wait for a course that is not published here yet', async () => {
    const courseId = aCourse({ visibility: 'private' })
    const [learner, gone] = [aLearner(), aLearner()]
    const revoked = claim(courseId, gone)
    await hub.deliver('seat.claimed', claim(courseId, learner), { organizationId })
    await hub.deliver('seat.claimed', revoked, { organizationId })
    await hub.deliver('seat.revoked', revoked, { organizationId })
    expect(await access(courseId, learner)).toBe(404)
    await tell(courseId)
    expect(await access(courseId, learner)).toBe(200)
    expect(await access(courseId, gone)).toBe(404)
  })

  it('of a seat are not given once it was revoked, however late its claim is redriven', async () => {
    const courseId = await aPrivateCourse()
    const learner = aLearner()
    const seat = claim(courseId, learner)
    await hub.deliver('seat.revoked', seat, { organizationId })
    await hub.deliver('seat.claimed', seat, { organizationId })
    expect(await access(courseId, learner)).toBe(404)
    expect(await activeRows(courseId)).toEqual([])
  })

  it('of a seat are gone when claim and revocation come at once', async () => {
    const [known, unknown] = [await aPrivateCourse(), aCourse({ visibility: 'private' })]
    const seats = Array.from({ length: 20 }, (_, index) =>
      claim(index % 2 === 0 ? known : unknown, aLearner()),
    )
    await Promise.all([
      ...seats.map((seat) => hub.deliver('seat.claimed', seat, { organizationId })),
      ...seats.map((seat) => hub.deliver('seat.revoked', seat, { organizationId })),
      tell(unknown),
    ])
    await hub.runJob('giveWaitingSeats')
    expect([...(await activeRows(known)), ...(await activeRows(unknown))]).toEqual([])
  })

  it('that were too many for one event are given by the job', async () => {
    const courseId = aCourse({ visibility: 'private' })
    for (let count = 0; count < 101; count += 1)
      await hub.deliver('seat.claimed', claim(courseId, aLearner()), { organizationId })
    await tell(courseId)
    expect(await activeRows(courseId)).toHaveLength(100)
    await hub.runJob('giveWaitingSeats')
    expect(await activeRows(courseId)).toHaveLength(101)
  })

  it('are at most 50 an enrolment, whoever gives one more', async () => {
    const courseId = aCourse()
    await tell(courseId)
    const learner = aLearner()
    for (let count = 0; count < 50; count += 1)
      await hub.deliver('seat.claimed', claim(courseId, learner), { organizationId })
    const { code } = await aCode(courseId)
    const { accountId } = learner
    await join(accountId)
    const path = `${base}/courses/${courseId}/learners`
    const redeemed = await redeem(code, learner)
    const added = await hub.post(path, { as: teacher, body: { accountId } })
    // While one of them lives, the learner has no need of one of their own.
    await database.query('update enrollment.entitlements set starts_at = $1', [inDays(1)])
    for (const answer of [redeemed, added, await enrolSelf(courseId, learner)])
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'enrollment.entitlements_full' },
      })
  })

  it('can be prolonged, and the last window announced is the one that counts', async () => {
    const courseId = aCourse()
    await set(courseId, { accessDays: 10 })
    const learner = aLearner()
    const { enrollmentId, entitlements } = (await enrolSelf(courseId, learner)).body
    const path = `${base}/${enrollmentId}/entitlements/${entitlements[0].entitlementId}`
    const endsAt = inDays(20)
    expect((await hub.patch(path, { as: teacher, body: { endsAt } })).body.endsAt).toBe(endsAt)
    expect((await eventsOf(enrollmentId)).at(-1)).toMatchObject({
      type: 'enrollment.window_changed',
      data: { endsAt },
    })
    const backwards = { startsAt: inDays(30) }
    expect((await hub.patch(path, { as: teacher, body: backwards })).body.code).toBe(
      'enrollment.window_invalid',
    )
    await hub.post(`${base}/${enrollmentId}/remove`, { as: teacher })
    expect(await hub.patch(path, { as: teacher, body: { endsAt } })).toMatchObject({
      status: 409,
      body: { code: 'enrollment.ended' },
    })
  })
})

describe('the enrolments of who leaves the organisation', () => {
  it('end with the membership, whatever entitled to them, once, and nobody else’s', async () => {
    const [one, two] = [aCourse(), await aPrivateCourse()]
    const [learner, other] = [aLearner(), aLearner()]
    const path = `${base}/courses/${two}/learners`
    const { accountId } = learner
    await join(accountId)
    const first = (await enrolSelf(one, learner)).body.enrollmentId
    const second = (await hub.post(path, { as: teacher, body: { accountId } })).body.enrollmentId
    await enrolSelf(one, other)
    await part(accountId)
    await part(accountId)
    for (const enrollmentId of [first, second]) {
      const events = await eventsOf(enrollmentId)
      expect(events.map(({ type }) => type)).toEqual(['enrollment.activated', 'enrollment.ended'])
      expect(events[1]).toMatchObject({
        organizationid: organizationId,
        data: { accountId, reason: 'removed' },
      })
    }
    expect(await activeRows(one)).toEqual([{ accountId: other.accountId }])
    expect(await access(two, learner)).toBe(404)
    expect(await settingsOf(two)).toMatchObject({ activeCount: 0 })
  })

  it('stay where the news of the leaving is older than their return', async () => {
    const courseId = aCourse()
    const learner = aLearner()
    const leaving = ++membershipNews
    await join(learner.accountId)
    await enrolSelf(courseId, learner)
    await part(learner.accountId, leaving)
    await hub.runJob('endLeftBehind')
    expect(await access(courseId, learner)).toBe(200)
  })

  it('do not begin again for whom the gateway has not heard of it yet', async () => {
    const [open, invited] = [aCourse(), await aPrivateCourse()]
    const { code } = await aCode(invited)
    const learner = aLearner()
    await join(learner.accountId)
    await part(learner.accountId)
    const refused = { status: 422, body: { code: 'enrollment.not_a_member' } }
    expect(await enrolSelf(open, learner)).toMatchObject(refused)
    expect(await redeem(code, learner)).toMatchObject(refused)
    await join(learner.accountId)
    expect((await enrolSelf(open, learner)).status).toBe(200)
    expect((await redeem(code, learner)).status).toBe(200)
  })

  it('end, too, for whom enrol themselves at that moment', async () => {
    const courseId = aCourse()
    const learners = Array.from({ length: 10 }, aLearner)
    for (const { accountId } of learners) await join(accountId)
    const answers = await Promise.all([
      ...learners.map(async (learner) => (await enrolSelf(courseId, learner)).status),
      ...learners.map(({ accountId }) => part(accountId)),
    ])
    for (const status of answers.slice(0, learners.length)) expect([200, 422]).toContain(status)
    expect(await activeRows(courseId)).toEqual([])
  })

  it('end, too, for whom staff enrol at that moment', async () => {
    const courseIds = [await aPrivateCourse(), await aPrivateCourse()]
    const accountIds = await members(10)
    const enrolAll = courseIds.map((courseId) =>
      hub.post(`${base}/courses/${courseId}/learners/batch`, {
        as: teacher,
        body: { accountIds },
      }),
    )
    const [answers] = await Promise.all([
      Promise.all(enrolAll),
      ...accountIds.map((accountId) => part(accountId)),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    for (const courseId of courseIds) expect(await activeRows(courseId)).toEqual([])
  })

  it('that were too many for one event are ended by the job, though they are back by then', async () => {
    const learner = aLearner()
    await join(learner.accountId)
    for (let count = 0; count < 101; count += 1) await enrolSelf(aCourse(), learner)
    const active = async () =>
      database.query(
        'select from enrollment.enrollments where account_id = $1 and ended_at is null',
        [learner.accountId],
      )
    await part(learner.accountId)
    expect(await active()).toHaveLength(1)
    await join(learner.accountId)
    hub.clock.advanceMs(1)
    const { body } = await enrolSelf(aCourse(), learner)
    await hub.runJob('endLeftBehind')
    expect(await active()).toHaveLength(1)
    expect(await access(body.courseId, learner)).toBe(200)
  })
})

describe('expireEnrollments', () => {
  it('ends what is over and frees its place, once', async () => {
    const courseId = aCourse()
    await set(courseId, { accessDays: 5 })
    const learner = aLearner()
    const { enrollmentId } = (await enrolSelf(courseId, learner)).body
    await hub.runJob('expireEnrollments')
    expect(await typesOf(enrollmentId)).toEqual(['enrollment.activated'])
    hub.clock.advanceMs(5 * DAY_MS)
    expect(await access(courseId, learner)).toBe(404)
    await Promise.all([hub.runJob('expireEnrollments'), hub.runJob('expireEnrollments')])
    const events = await eventsOf(enrollmentId)
    expect(events.map(({ type }) => type)).toEqual(['enrollment.activated', 'enrollment.ended'])
    expect(events[1]).toMatchObject({
      organizationid: organizationId,
      data: { reason: 'expired' },
    })
    expect(await settingsOf(courseId)).toMatchObject({ activeCount: 0 })
  })

  it('goes through more than a page of them', async () => {
    const courseId = await aPrivateCourse()
    await set(courseId, { accessDays: 1 })
    for (const _ of [1, 2]) {
      const accountIds = await members(75)
      const path = `${base}/courses/${courseId}/learners/batch`
      await hub.post(path, { as: teacher, body: { accountIds } })
    }
    hub.clock.advanceMs(DAY_MS)
    await hub.runJob('expireEnrollments')
    expect(await activeRows(courseId)).toEqual([])
  })
})

describe('a learner', () => {
  it('sees their own enrolments, with titles, and nobody else’s', async () => {
    const [one, two] = [aCourse(), aCourse()]
    const [learner, other] = [aLearner(), aLearner()]
    const { enrollmentId } = (await enrolSelf(one, learner)).body
    await enrolSelf(two, learner)
    await enrolSelf(two, other)
    await hub.post(`${base}/${enrollmentId}/leave`, { as: learner })
    const list = async (query: string) => (await hub.get(`${base}${query}`, { as: learner })).body
    expect((await list('')).items).toMatchObject([
      { courseId: two, courseTitle: 'Film editing', courseVisibility: 'public' },
      { courseId: one, endReason: 'unenrolled' },
    ])
    expect((await list('?state=active')).items).toHaveLength(1)
    expect((await hub.get(`${base}?cursor=x`, { as: learner })).status).toBe(400)
    for (const [as, status] of [
      [learner, 200],
      [teacher, 200],
      [other, 404],
      [stranger, 404],
    ] as const)
      expect((await hub.get(`${base}/${enrollmentId}`, { as })).status).toBe(status)
  })

  it('may leave, once and for all, and nobody may do it for them', async () => {
    const courseId = aCourse()
    const learner = aLearner()
    const { enrollmentId } = (await enrolSelf(courseId, learner)).body
    const leave = (as: Principal) => hub.post(`${base}/${enrollmentId}/leave`, { as })
    expect((await leave(aLearner())).status).toBe(404)
    const answers = await Promise.all([leave(learner), leave(learner), leave(learner)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await typesOf(enrollmentId)).toEqual(['enrollment.activated', 'enrollment.ended'])
    expect(await access(courseId, learner)).toBe(404)
  })
})

describe('the second wall', () => {
  it('shows the service role nothing without an organisation', async () => {
    await enrolSelf(aCourse(), aLearner())
    const rows = await database.as('enrollment').pool.query('select * from enrollment.enrollments')
    expect(rows.rowCount).toBe(0)
  })
})

describe('the end of an enrolment', () => {
  it('says which seats its learner has left', async () => {
    const courseId = await aPrivateCourse()
    const learner = aLearner()
    const seatId = newId('seat')
    await hub.deliver(
      'seat.claimed',
      {
        poolId: newId('licencePool'),
        seatId,
        organizationId,
        courseId,
        accountId: learner.accountId,
      },
      { organizationId },
    )
    const { body } = await hub.get(base, { as: learner })
    const { enrollmentId } = body.items[0]
    const left = await hub.post(`${base}/${enrollmentId}/leave`, { as: learner })
    expect(left.status).toBe(200)
    expect((await hub.outbox('enrollment.ended')).at(-1)?.data).toMatchObject({ seatIds: [seatId] })
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
