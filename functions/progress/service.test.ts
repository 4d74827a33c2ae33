import { describe, expect, it } from '@jest/globals'
import type { Item, ItemCompletion } from '../../shared/events/course-outline.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import {
  type CourseId,
  type CourseVersionId,
  type EnrollmentId,
  newId,
} from '../../shared/kernel/id.ts'
import { MINUTE_MS, toIso } from '../../shared/kernel/time.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { progress } from './service.ts'

const organizationId = newId('organization')
const teacher = somebody('instructor', { organizationId })
const stranger = somebody('owner')
const aLearner = () => somebody('learner', { organizationId })

type Course = { courseId: CourseId; versionId: CourseVersionId; items: Item[] }
type Enrolled = Course & { learner: Principal; enrollmentId: EnrollmentId }

const NOW = '2026-03-01T10:00:00.000Z'

// What course and enrollment would answer when asked: each test says what they know.
const versions = new Map<CourseVersionId, Course>()
const accesses = new Map<CourseId, { enrollmentId: EnrollmentId; versionId: CourseVersionId }>()
const notFound = (code: string) => new DomainError('not_found', code, '')
const deps = {
  course: {
    getCourse: async () => {
      throw notFound('course.not_found')
    },
    getVersion: async ({ params }: { params?: { versionId: CourseVersionId } }) => {
      const found = params && versions.get(params.versionId)
      if (!found) throw notFound('course.not_found')
      return {
        ...found,
        ...{ number: 1, title: 'Film editing', summary: '', description: '' },
        completionRule: { kind: 'all_required' as const },
        certificateRule: { kind: 'none' as const },
        publishedAt: NOW,
      }
    },
  },
  enrollment: {
    getOwnAccess: async ({ query }: { query?: { courseId: CourseId } }) => {
      const found = query && accesses.get(query.courseId)
      if (!found) throw notFound('enrollment.no_access')
      const { courseId } = query
      return { courseId, ...found, startsAt: NOW, endsAt: null }
    },
  },
}

const database = useDatabase()
const hub = useDoors(database, progress, deps)
const base = '/v1/progress'

const mediaId = newId('media')
const assessmentId = newId('assessment')
const anItem = (completion: ItemCompletion, required = true): Item => ({
  lessonId: newId('lesson'),
  revision: 1,
  moduleId: newId('module'),
  moduleTitle: 'One',
  title: 'Cutting',
  required,
  completion,
})
const text = anItem({ kind: 'viewed' })
const video = anItem({ kind: 'video_watched', mediaId, coverageBasisPoints: 9_000 })
const quiz = anItem({ kind: 'quiz_passed', assessmentId })
const pledge = anItem({ kind: 'confirmed' })

const aCourse = (items = [text, video, quiz]): Course => ({
  courseId: newId('course'),
  versionId: newId('courseVersion'),
  items,
})

let sequence = 0
const inTenant = (options: object = {}) => {
  sequence += 1
  return { organizationId, sequence, ...options }
}

const publish = ({ courseId, versionId, items }: Course) =>
  hub.deliver(
    'course.published',
    {
      ...{ courseId, organizationId, versionId, items, title: 'Film editing', slug: 'film' },
      visibility: 'public',
      instructorIds: [teacher.accountId],
      versionNumber: 1,
      prerequisiteIds: [],
      completionRule: { kind: 'all_required' },
      certificateRule: { kind: 'none' },
      publishedAt: toIso(hub.clock.now()),
    },
    inTenant(),
  )

const enrol = async (course: Course, learner = aLearner()): Promise<Enrolled> => {
  const enrollmentId = newId('enrollment')
  await activate({ ...course, learner, enrollmentId })
  return { ...course, learner, enrollmentId }
}
const stayOf = ({ courseId, learner, enrollmentId }: Enrolled) => ({
  ...{ enrollmentId, courseId, organizationId, accountId: learner.accountId },
})
const activate = (enrolled: Enrolled) =>
  hub.deliver(
    'enrollment.activated',
    {
      ...{ ...stayOf(enrolled), versionId: enrolled.versionId },
      ...{ startsAt: toIso(hub.clock.now()), endsAt: null },
    },
    inTenant(),
  )
const leave = (enrolled: Enrolled) =>
  hub.deliver(
    'enrollment.ended',
    { ...stayOf(enrolled), reason: 'unenrolled', endedAt: toIso(hub.clock.now()) },
    inTenant(),
  )

const anEnrolled = async (items?: Item[]): Promise<Enrolled> => {
  const course = aCourse(items)
  await publish(course)
  return enrol(course)
}

type Whose = Pick<Enrolled, 'courseId' | 'learner'>
const watch = (
  { courseId, learner }: Whose,
  coverageBasisPoints: number,
  options: object = {},
  { lessonId }: Item = video,
) =>
  hub.deliver(
    'playback.progressed',
    {
      ...{ accountId: learner.accountId, organizationId, courseId, lessonId },
      ...{ mediaId, coverageBasisPoints, positionMs: coverageBasisPoints },
    },
    inTenant(options),
  )
const grade = ({ courseId, learner }: Whose, passed: boolean, options: object = {}) =>
  hub.deliver(
    'attempt.graded',
    {
      ...{ attemptId: newId('attempt'), assessmentId, courseId, organizationId },
      ...{ accountId: learner.accountId, gradeBasisPoints: passed ? 9_000 : 1_000, passed },
      gradedAt: toIso(hub.clock.now()),
    },
    inTenant(options),
  )
const say = ({ courseId, learner }: Whose, { lessonId }: Item, body: object = {}) =>
  hub.post(`${base}/courses/${courseId}/items/${lessonId}/events`, {
    as: learner,
    body: { clientEventId: crypto.randomUUID(), kind: 'viewed', ...body },
  })
const own = async ({ courseId, learner }: Whose) =>
  (await hub.get(`${base}/courses/${courseId}`, { as: learner })).body
const eventsOf = async (enrollmentId: string) =>
  (await hub.outbox()).filter(({ subject }) => subject === enrollmentId)
const completedEvents = async (enrollmentId: string) =>
  (await eventsOf(enrollmentId)).filter(({ type }) => type === 'progress.course_completed')
const finish = async (enrolled: Enrolled) => {
  await say(enrolled, text)
  await watch(enrolled, 9_000)
  await grade(enrolled, true)
}

/** All that is kept of a learner in a course, beside the log. */
const kept = async ({ courseId, learner }: Whose) => {
  const key = [learner.accountId, courseId]
  const where = 'where account_id = $1 and course_id = $2'
  return {
    learners: await database.query(`select * from progress.learners ${where}`, key),
    enrollments: await database.query(
      `select * from progress.enrollments ${where} order by enrollment_id`,
      key,
    ),
  }
}

describe('completing items', () => {
  it('takes a learner from nothing to a completed course, and says each step once', async () => {
    const enrolled = await anEnrolled()
    expect(await own(enrolled)).toMatchObject({ state: 'not_started', percent: 0, resume: null })
    await say(enrolled, text)
    expect(await own(enrolled)).toMatchObject({ state: 'in_progress', percent: 33 })
    hub.clock.advanceMs(MINUTE_MS)
    await watch(enrolled, 5_000)
    await watch(enrolled, 9_000)
    await grade(enrolled, false)
    expect(await own(enrolled)).toMatchObject({
      percent: 66,
      completedAt: null,
      resume: { lessonId: video.lessonId, positionMs: 9_000 },
      items: [
        { state: 'completed' },
        { state: 'completed', coverageBasisPoints: 9_000 },
        { state: 'in_progress', coverageBasisPoints: null },
      ],
    })
    await grade(enrolled, true)
    expect(await own(enrolled)).toMatchObject({ state: 'completed', percent: 100 })
    const events = await eventsOf(enrolled.enrollmentId)
    expect(events.map(({ type }) => type.replace('progress.', ''))).toEqual([
      ...['item_completed', 'item_completed', 'item_completed', 'course_completed'],
    ])
    expect(events.at(-1)).toMatchObject({
      organizationid: organizationId,
      data: { accountId: enrolled.learner.accountId, versionId: enrolled.versionId },
    })
  })

  it('says once that a course is completed, when 100 finishing facts arrive at the same time', async () => {
    const enrolled = await anEnrolled([quiz, video])
    const facts = Array.from({ length: 50 }, () => [grade(enrolled, true), watch(enrolled, 9_500)])
    expect(new Set(await Promise.all(facts.flat()))).toEqual(new Set(['done']))
    expect(await eventsOf(enrolled.enrollmentId)).toHaveLength(3)
    expect(await completedEvents(enrolled.enrollmentId)).toHaveLength(1)
  })

  it('counts one video in each lesson that shows it, though its news comes when the learner has gone on', async () => {
    const again = anItem({ kind: 'video_watched', mediaId, coverageBasisPoints: 9_000 })
    const enrolled = await anEnrolled([video, again, text])
    await watch(enrolled, 10_000)
    expect((await own(enrolled)).items[1]).toMatchObject({
      ...{ state: 'not_started', coverageBasisPoints: 0 },
    })
    const watchedAt = hub.clock.now()
    hub.clock.advanceMs(MINUTE_MS)
    await say(enrolled, text)
    hub.clock.set(watchedAt)
    await watch(enrolled, 10_000, {}, again)
    expect(await own(enrolled)).toMatchObject({ state: 'completed', percent: 100 })
  })

  it('does nothing for an event that is delivered again', async () => {
    const enrolled = await anEnrolled()
    const id = newId('event')
    expect(await watch(enrolled, 9_000, { id })).toBe('done')
    const before = await kept(enrolled)
    expect(await watch(enrolled, 9_000, { id })).toBe('repeated')
    expect(await kept(enrolled)).toEqual(before)
  })

  it('keeps a completion, and its moment, when a later attempt fails and a later version asks for more', async () => {
    const enrolled = await anEnrolled([quiz])
    await grade(enrolled, true)
    const { completedAt } = await own(enrolled)
    hub.clock.advanceMs(MINUTE_MS)
    await grade(enrolled, false)
    const more = { ...enrolled, versionId: newId('courseVersion'), items: [quiz, text] }
    await publish(more)
    await activate(more)
    expect(await own(enrolled)).toMatchObject({
      ...{ state: 'completed', completedAt, percent: 50, versionId: more.versionId },
    })
    await say(enrolled, text)
    expect((await own(enrolled)).completedAt).toBe(completedAt)
    expect(await completedEvents(enrolled.enrollmentId)).toHaveLength(1)
  })

  it('counts what arrived before the enrolment did', async () => {
    const course = aCourse([video, quiz])
    const learner = aLearner()
    await publish(course)
    await watch({ ...course, learner }, 9_900)
    await grade({ ...course, learner }, true)
    const enrolled = await enrol(course, learner)
    expect(await own(enrolled)).toMatchObject({ state: 'completed', percent: 100 })
    expect(await completedEvents(enrolled.enrollmentId)).toHaveLength(1)
  })

  it('counts what arrived before the version did, however many wait for it', async () => {
    const course = aCourse([video])
    const enrolled: Enrolled[] = []
    for (let count = 0; count < 101; count += 1) enrolled.push(await enrol(course))
    for (const each of enrolled) await watch(each, 9_900)
    await publish(course)
    await hub.runJob('settleWaiting')
    for (const { enrollmentId } of enrolled)
      expect(await completedEvents(enrollmentId)).toHaveLength(1)
  })

  it('gives a returning learner what they had done, on the version of the new enrolment', async () => {
    const enrolled = await anEnrolled([video, quiz])
    await watch(enrolled, 9_000)
    await leave(enrolled)
    await grade(enrolled, true, { sequence: 1 })
    const versionId = newId('courseVersion')
    const next = { ...enrolled, versionId, items: [video, text, quiz] }
    await publish(next)
    const again = await enrol(next, enrolled.learner)
    expect(await own(again)).toMatchObject({
      ...{ enrollmentId: again.enrollmentId, percent: 66, versionId },
    })
  })
})

describe('POST /v1/progress/courses/{courseId}/items/{lessonId}/events', () => {
  it('counts a client event once, however often and at once it is sent', async () => {
    const enrolled = await anEnrolled([text, quiz])
    const clientEventId = crypto.randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => say(enrolled, text, { clientEventId, positionMs: 7 })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const before = await kept(enrolled)
    hub.clock.advanceMs(MINUTE_MS)
    await say(enrolled, text, { clientEventId })
    expect(await kept(enrolled)).toEqual(before)
    expect(await eventsOf(enrolled.enrollmentId)).toHaveLength(1)
  })

  it('completes by confirming what wants to be confirmed, and nothing else', async () => {
    const enrolled = await anEnrolled([pledge, text])
    await say(enrolled, pledge)
    expect((await own(enrolled)).items[0].state).toBe('in_progress')
    expect((await say(enrolled, pledge, { kind: 'confirmed' })).body.items[0].state).toBe(
      'completed',
    )
    expect(await say(enrolled, text, { kind: 'confirmed' })).toMatchObject({
      status: 422,
      body: { code: 'progress.not_confirmable' },
    })
  })

  it('counts from the second of the enrolment, before its event and its version’s are here', async () => {
    const course = aCourse([text])
    const learner = aLearner()
    const enrollmentId = newId('enrollment')
    versions.set(course.versionId, course)
    accesses.set(course.courseId, { enrollmentId, versionId: course.versionId })
    expect(await say({ ...course, learner }, text)).toMatchObject({
      ...{ status: 200, body: { state: 'completed', enrollmentId } },
    })
    await publish(course)
    await activate({ ...course, learner, enrollmentId })
    expect(await completedEvents(enrollmentId)).toHaveLength(1)
  })

  it('asks to come again while the version is on its way', async () => {
    const course = aCourse([text])
    const enrolled = await enrol(course)
    const answer = await say(enrolled, text)
    expect(answer).toMatchObject({ status: 503, body: { code: 'progress.version_pending' } })
    expect(answer.headers.get('retry-after')).toBe('1')
    expect((await own(enrolled)).code).toBe('progress.version_pending')
  })

  it('is for those who learn there, about items of their version', async () => {
    const enrolled = await anEnrolled([text])
    const path = `${base}/courses/${enrolled.courseId}/items/${text.lessonId}/events`
    expect((await hub.post(path, { body: {} })).status).toBe(401)
    expect((await say(enrolled, text, { clientEventId: 'x' })).status).toBe(400)
    expect((await say(enrolled, quiz)).body.code).toBe('progress.item_not_found')
    expect((await own({ ...enrolled, learner: aLearner() })).code).toBe('enrollment.no_access')
    for (const learner of [aLearner(), stranger])
      expect(await say({ ...enrolled, learner }, text)).toMatchObject({
        status: 404,
        body: { code: 'enrollment.no_access' },
      })
    await leave(enrolled)
    expect((await say(enrolled, text)).status).toBe(404)
    expect(await own(enrolled)).toMatchObject({ isActive: false, state: 'not_started' })
  })
})

describe('overrides', () => {
  const override = ({ enrollmentId }: Enrolled, { lessonId }: Item, as = teacher) =>
    hub.post(`${base}/enrollments/${enrollmentId}/items/${lessonId}/override`, {
      as,
      body: { reason: 'Passed on paper' },
    })

  it('complete an item and stay in the log, with who and why, once', async () => {
    const enrolled = await anEnrolled([quiz])
    expect((await override(enrolled, quiz)).body).toMatchObject({ state: 'completed' })
    await override(enrolled, quiz)
    const path = `${base}/enrollments/${enrolled.enrollmentId}/facts`
    const { body } = await hub.get(path, { as: teacher })
    const kinds = body.items.map(({ kind }: { kind: string }) => kind).sort()
    expect(kinds).toEqual(['course_completed', 'enrolled', 'item_completed', 'overridden'])
    expect(body.items).toContainEqual(
      expect.objectContaining({
        ...{ kind: 'overridden', lessonId: quiz.lessonId, reason: 'Passed on paper' },
        actorId: teacher.accountId,
      }),
    )
    const first = (await hub.get(`${path}?limit=3`, { as: teacher })).body
    const second = await hub.get(`${path}?limit=3&cursor=${first.nextCursor}`, { as: teacher })
    expect([...first.items, ...second.body.items]).toEqual(body.items)
  })

  it('wait for the version, which says what there is to override', async () => {
    const course = aCourse([quiz])
    await publish({ ...course, versionId: newId('courseVersion') })
    const answer = await override(await enrol(course), quiz)
    expect(answer).toMatchObject({ status: 503, body: { code: 'progress.version_pending' } })
  })

  it('need a reason and an item of the version', async () => {
    const enrolled = await anEnrolled([quiz])
    expect((await override(enrolled, text)).body.code).toBe('progress.item_not_found')
    const path = `${base}/enrollments/${enrolled.enrollmentId}/items/${quiz.lessonId}/override`
    expect((await hub.post(path, { as: teacher, body: { reason: ' ' } })).status).toBe(400)
  })
})

describe('POST /v1/progress/enrollments/{enrollmentId}/rebuild', () => {
  const rebuild = ({ enrollmentId }: Enrolled) =>
    hub.post(`${base}/enrollments/${enrollmentId}/rebuild`, { as: teacher })

  it('computes from the log exactly what was live, and says nothing again', async () => {
    const enrolled = await anEnrolled()
    await finish(enrolled)
    hub.clock.advanceMs(MINUTE_MS)
    await leave(enrolled)
    const again = await enrol(enrolled, enrolled.learner)
    await watch(again, 9_999)
    const [before, said] = [await kept(enrolled), (await hub.outbox()).length]
    await database.query(
      `update progress.learners set coverage = '{}', touched = '{}', resume = null, last_activity_at = null`,
    )
    await database.query(
      `update progress.enrollments set completions = '{}', completed_at = null, percent = 0,
         is_active = false, sequence = -1, version_sequence = -1, state = 'not_started'`,
    )
    expect(await kept(enrolled)).not.toEqual(before)
    expect((await rebuild(again)).status).toBe(200)
    expect(await kept(enrolled)).toEqual(before)
    expect(await hub.outbox()).toHaveLength(said)
  })

  it('gives the same state for facts that arrive in any order, two to ten times', async () => {
    const course = aCourse([video, quiz])
    await publish(course)
    const seen = []
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
    ]) {
      const learner = aLearner()
      const whose = { ...course, learner, enrollmentId: newId('enrollment') }
      const steps = [
        (id: object) => watch(whose, 4_000, id),
        (id: object) => watch(whose, 9_500, id),
        (id: object) => grade(whose, true, id),
        () => activate(whose),
      ].map((step) => ({ step, id: newId('event') }))
      const repeated = order.flatMap((index) => Array(2 + index * 2).fill(steps[index]))
      for (const { step, id } of repeated) await step({ id })
      const { percent, state, items } = await own(whose)
      seen.push({ percent, state, items: items.map(({ state }: { state: string }) => state) })
      expect(await completedEvents(whose.enrollmentId)).toHaveLength(1)
    }
    expect(new Set(seen.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(seen[0]).toMatchObject({ percent: 100, state: 'completed' })
  })
})

describe('the cohort', () => {
  it('shows staff how far everybody is, in pages and by state', async () => {
    const course = aCourse([text, quiz])
    await publish(course)
    const enrolled = []
    for (let count = 0; count < 3; count += 1) enrolled.unshift(await enrol(course))
    const [done, begun] = enrolled as [Enrolled, Enrolled]
    await say(done, text)
    await grade(done, true)
    await say(begun, text)
    const path = `${base}/courses/${course.courseId}/learners`
    const first = (await hub.get(`${path}?limit=2`, { as: teacher })).body
    expect(first.items).toMatchObject([
      { enrollmentId: done.enrollmentId, percent: 100, state: 'completed' },
      { enrollmentId: begun.enrollmentId, percent: 50, lastActivityAt: toIso(hub.clock.now()) },
    ])
    const rest = await hub.get(`${path}?limit=2&cursor=${first.nextCursor}`, { as: teacher })
    expect(rest.body).toMatchObject({ items: [{ state: 'not_started' }], nextCursor: null })
    const filtered = await hub.get(`${path}?state=in_progress`, { as: teacher })
    expect(filtered.body.items).toMatchObject([{ enrollmentId: begun.enrollmentId }])
  })

  it('is for staff: to others neither course nor enrolment exists', async () => {
    const enrolled = await anEnrolled([quiz])
    const { courseId, enrollmentId } = enrolled
    const colleague = somebody('instructor', { organizationId })
    const assistant = somebody('learner', {
      organizationId,
      courses: { [courseId]: ['progress:read'] },
    })
    const item = `${base}/enrollments/${enrollmentId}/items/${quiz.lessonId}/override`
    const calls: [string, string, number, object?][] = [
      ['GET', `${base}/courses/${courseId}/learners`, 200],
      ['GET', `${base}/enrollments/${enrollmentId}`, 200],
      ['GET', `${base}/enrollments/${enrollmentId}/facts`, 200],
      ['POST', item, 404, { reason: 'Because' }],
      ['POST', `${base}/enrollments/${enrollmentId}/rebuild`, 404],
    ]
    for (const [method, path, status, body] of calls) {
      const call = (as?: Principal) =>
        hub.call(method, path, { ...(as && { as }), ...(body && { body }) })
      expect([path, (await call()).status]).toEqual([path, 401])
      for (const as of [aLearner(), colleague, stranger])
        expect([path, (await call(as)).status]).toEqual([path, 404])
      expect([path, (await call(assistant)).status]).toEqual([path, status])
    }
    for (const list of [`courses/${courseId}/learners`, `enrollments/${enrollmentId}/facts`])
      expect((await hub.get(`${base}/${list}?cursor=x`, { as: teacher })).status).toBe(400)
    const unknown = `${base}/enrollments/${newId('enrollment')}`
    expect((await hub.get(unknown, { as: teacher })).status).toBe(404)
    expect((await hub.get(`${base}/enrollments/x/facts`, { as: teacher })).status).toBe(400)
  })
})

describe('a learner', () => {
  it('lists how far they are everywhere, and nobody else', async () => {
    const one = await anEnrolled([quiz])
    const course = aCourse([text])
    await publish(course)
    const two = await enrol(course, one.learner)
    await anEnrolled()
    await grade(one, true)
    const list = async (query = '') => (await hub.get(`${base}${query}`, { as: one.learner })).body
    expect((await list()).items).toMatchObject([
      { enrollmentId: two.enrollmentId, percent: 0 },
      { enrollmentId: one.enrollmentId, percent: 100 },
    ])
    expect((await list('?state=completed')).items).toHaveLength(1)
    expect((await hub.get(base, {})).status).toBe(401)
    expect((await hub.get(`${base}?cursor=x`, { as: one.learner })).status).toBe(400)
    expect(
      (await hub.get(`${base}/enrollments/${one.enrollmentId}`, { as: one.learner })).status,
    ).toBe(200)
  })
})

describe('the second wall', () => {
  it('shows the service role nothing without an organisation', async () => {
    await anEnrolled()
    const { pool } = database.as('progress')
    for (const table of ['facts', 'enrollments', 'learners', 'versions'])
      expect((await pool.query(`select * from progress.${table}`)).rowCount).toBe(0)
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
