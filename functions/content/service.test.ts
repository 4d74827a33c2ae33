import { beforeEach, describe, expect, it } from '@jest/globals'
import { LESSONS_PER_COURSE_MAX } from '../../shared/contracts/content.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import {
  type AccountId,
  type AssessmentId,
  type CourseId,
  type CourseVersionId,
  type LessonId,
  type MediaId,
  newId,
  type OrganizationId,
} from '../../shared/kernel/id.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import type { Deps } from './routes.ts'
import { content } from './service.ts'

const START = '2026-03-01T09:00:00.000Z'

// What course and enrollment would answer when they are asked: each test says what there is.
const asked = { courses: 0, versions: 0, accesses: 0 }
const toldCourses = new Map<
  CourseId,
  { organizationId: OrganizationId; instructorIds: AccountId[] }
>()
const toldVersions = new Map<CourseVersionId, { lessonId: LessonId; revision: number }[]>()
const toldAccess = new Map<CourseId, CourseVersionId>()
const absent = (code: string) => new DomainError('not_found', code, 'There is none.')

const deps: Deps = {
  course: {
    getCourse: async ({ params }) => {
      asked.courses += 1
      const courseId = params?.courseId ?? newId('course')
      const course = toldCourses.get(courseId)
      if (!course) throw absent('course.not_found')
      return {
        courseId,
        ...course,
        slug: 's',
        title: 'Film editing',
        summary: '',
        language: 'en',
        visibility: 'public',
        state: 'draft',
        categoryIds: [],
        prerequisiteIds: [],
        publishedVersionId: null,
        publishedAt: null,
      }
    },
    getVersion: async ({ params }) => {
      asked.versions += 1
      const { courseId = newId('course'), versionId = newId('courseVersion') } = params ?? {}
      return {
        versionId,
        courseId,
        number: 1,
        title: 'Film editing',
        summary: '',
        description: '',
        items: (toldVersions.get(versionId) ?? []).map(toItem),
        completionRule: { kind: 'all_required' },
        certificateRule: { kind: 'none' },
        publishedAt: START,
      }
    },
  },
  enrollment: {
    getOwnAccess: async ({ query }) => {
      asked.accesses += 1
      const courseId = query?.courseId ?? newId('course')
      const versionId = toldAccess.get(courseId)
      if (!versionId) throw absent('enrollment.no_access')
      return {
        enrollmentId: newId('enrollment'),
        courseId,
        versionId,
        startsAt: START,
        endsAt: null,
      }
    },
  },
}

const database = useDatabase()
const hub = useDoors(database, content, deps)

const organizationId = newId('organization')
const instructor = somebody('instructor', { organizationId })
const colleague = somebody('instructor', { organizationId })
const stranger = somebody('owner')

beforeEach(() => {
  toldAccess.clear()
  toldVersions.clear()
})

const toItem = ({ lessonId, revision }: { lessonId: LessonId; revision: number }) => ({
  lessonId,
  revision,
  moduleId: newId('module'),
  moduleTitle: 'One',
  title: 'Lesson',
  required: true,
  completion: { kind: 'viewed' as const },
})

const courseFacts = (courseId: CourseId) => ({
  courseId,
  organizationId,
  title: 'Film editing',
  slug: 's',
  visibility: 'public' as const,
  instructorIds: [instructor.accountId],
})

const aCourse = async (facts: { instructorIds?: AccountId[] } = {}): Promise<CourseId> => {
  const courseId = newId('course')
  await hub.deliver('course.created', { ...courseFacts(courseId), ...facts }, { organizationId })
  return courseId
}

const paragraph = { kind: 'rich_text', html: '<p>One</p>' }

const create = (body: object, options: { as?: Principal; idempotencyKey?: string } = {}) =>
  hub.post('/v1/lessons', {
    as: options.as ?? instructor,
    body: { title: 'Cutting', blocks: [paragraph], ...body },
    ...(options.idempotencyKey && { idempotencyKey: options.idempotencyKey }),
  })

const aLesson = async (body: object = {}) =>
  (await create({ courseId: await aCourse(), ...body })).body

const save = (lesson: { lessonId: string; revision: number }, body: object, as = instructor) =>
  hub.patch(`/v1/lessons/${lesson.lessonId}/draft`, { as, ifMatch: lesson.revision, body })

const archive = (courseId: CourseId) =>
  hub.deliver(
    'course.archived',
    { courseId, organizationId, archivedAt: START },
    { organizationId, sequence: 9 },
  )

const publish = (
  courseId: CourseId,
  items: { lessonId: LessonId; revision: number }[],
  versionId = newId('courseVersion'),
) =>
  hub
    .deliver(
      'course.published',
      {
        ...courseFacts(courseId),
        versionId,
        versionNumber: 1,
        prerequisiteIds: [],
        items: items.map(toItem),
        completionRule: { kind: 'all_required' },
        certificateRule: { kind: 'none' },
        publishedAt: START,
      },
      { organizationId, sequence: 2 },
    )
    .then(() => versionId)

const enrol = async (courseId: CourseId, versionId: CourseVersionId) => {
  const learner = somebody('learner', { organizationId })
  const enrollment = {
    enrollmentId: newId('enrollment'),
    courseId,
    organizationId,
    accountId: learner.accountId,
  }
  await hub.deliver(
    'enrollment.activated',
    { ...enrollment, versionId, startsAt: START, endsAt: null },
    { organizationId },
  )
  return { learner, enrollment }
}

const see = (lessonId: string, as: Principal) => hub.get(`/v1/lessons/${lessonId}`, { as })

describe('POST /v1/lessons', () => {
  it('begins a lesson with its first revision, sanitised, and says what it shows', async () => {
    const courseId = await aCourse()
    const [mediaId, assessmentId] = [newId('media'), newId('assessment')]
    const answer = await create({
      courseId,
      blocks: [
        { kind: 'rich_text', html: '<p onclick="x()">A</p><script>x()</script>' },
        { kind: 'video', mediaId },
        { kind: 'file', mediaId, title: 'Script' },
        { kind: 'embed', url: 'https://player.vimeo.com/video/1' },
        { kind: 'code', language: 'typescript', text: '<b>1 < 2</b>' },
        { kind: 'quiz', assessmentId },
      ],
      completion: { kind: 'video_watched', mediaId, coverageBasisPoints: 9_000 },
    })
    expect(answer).toMatchObject({
      status: 201,
      body: {
        revision: 1,
        blocks: [
          { kind: 'rich_text', html: '<p>A</p>', blockId: expect.any(String) },
          { kind: 'video', mediaId, title: '' },
          { kind: 'file', mediaId, title: 'Script' },
          { kind: 'embed', url: 'https://player.vimeo.com/video/1' },
          { kind: 'code', text: '<b>1 < 2</b>' },
          { kind: 'quiz', assessmentId },
        ],
      },
    })
    expect(answer.headers.get('etag')).toBe('"1"')
    expect(await hub.outbox('lesson.revised')).toContainEqual(
      expect.objectContaining({
        subject: answer.body.lessonId,
        organizationid: organizationId,
        data: expect.objectContaining({
          courseId,
          revision: 1,
          mediaIds: [mediaId],
          assessmentIds: [assessmentId],
        }),
      }),
    )
  })

  it('asks the course service once for a course whose event has not arrived', async () => {
    const courseId = newId('course')
    toldCourses.set(courseId, { organizationId, instructorIds: [instructor.accountId] })
    const before = asked.courses
    expect((await create({ courseId })).status).toBe(201)
    expect((await create({ courseId })).status).toBe(201)
    expect(asked.courses).toBe(before + 1)
  })

  it('gives the first answer again for the same Idempotency-Key', async () => {
    const courseId = await aCourse()
    const send = () => create({ courseId }, { idempotencyKey: 'one' })
    const raced = await Promise.all(Array.from({ length: 5 }, send))
    const created = raced.filter(({ status }) => status === 201)
    expect(new Set(created.map(({ body }) => body.lessonId)).size).toBe(1)
    expect((await send()).headers.get('idempotency-replayed')).toBe('true')
  })

  it('keeps the limit of a course, however many add at once', async () => {
    const courseId = await aCourse()
    await create({ courseId })
    await database.query('update content.lesson_counts set lessons = $2 where course_id = $1', [
      courseId,
      LESSONS_PER_COURSE_MAX - 3,
    ])
    const raced = await Promise.all(Array.from({ length: 12 }, () => create({ courseId })))
    expect(raced.filter(({ status }) => status === 201)).toHaveLength(3)
    for (const { status, body } of raced)
      if (status !== 201)
        expect({ status, code: body.code }).toEqual({ status: 422, code: 'content.lessons_full' })
    const { body } = await hub.get(`/v1/lessons?courseId=${courseId}`, { as: instructor })
    const some = body.items[0]
    const copy = await hub.post(`/v1/lessons/${some.lessonId}/copy`, {
      as: instructor,
      body: { courseId },
    })
    expect(copy).toMatchObject({ status: 422, body: { code: 'content.lessons_full' } })
    await hub.delete(`/v1/lessons/${some.lessonId}`, { as: instructor })
    expect((await create({ courseId })).status).toBe(201)
  })

  it.each([
    [422, 'content.embed_refused', { blocks: [{ kind: 'embed', url: 'https://evil.example/' }] }],
    [400, 'request.invalid', { blocks: [{ kind: 'embed', url: 'http://www.youtube.com/' }] }],
    [400, 'request.invalid', { blocks: [{ kind: 'html', html: '<p></p>' }] }],
    [400, 'request.invalid', { blocks: [{ ...paragraph, script: 'x' }] }],
    [400, 'request.invalid', { blocks: Array(201).fill(paragraph) }],
    [
      422,
      'content.completion_invalid',
      { completion: { kind: 'quiz_passed', assessmentId: newId('assessment') } },
    ],
    [
      422,
      'content.lesson_too_large',
      { blocks: Array(2).fill({ kind: 'rich_text', html: '&'.repeat(100_000) }) },
    ],
    [
      422,
      'content.blocks_invalid',
      { blocks: Array(2).fill({ ...paragraph, blockId: newId('block') }) },
    ],
  ])('answers %i %s and keeps nothing', async (status, code, body) => {
    const courseId = await aCourse()
    expect(await create({ courseId, ...body })).toMatchObject({ status, body: { code } })
    const listed = await hub.get(`/v1/lessons?courseId=${courseId}`, { as: instructor })
    expect(listed.body.items).toEqual([])
    const lesson = (await create({ courseId })).body
    expect(await save(lesson, body)).toMatchObject({ status, body: { code } })
  })

  it('is for those who build the course: to all others it does not exist', async () => {
    const courseId = await aCourse()
    const learner = somebody('learner', { organizationId })
    expect((await hub.post('/v1/lessons', { body: { courseId, title: 'T' } })).status).toBe(401)
    for (const as of [colleague, learner, stranger])
      expect(await create({ courseId }, { as })).toMatchObject({
        status: 404,
        body: { code: 'course.not_found' },
      })
    expect((await create({ courseId }, { as: somebody('admin', { organizationId }) })).status).toBe(
      201,
    )
  })

  it('changes nothing of an archived course', async () => {
    const courseId = await aCourse()
    const lesson = (await create({ courseId })).body
    const other = (await create({ courseId: await aCourse() })).body
    await archive(courseId)
    const as = instructor
    const path = `/v1/lessons/${lesson.lessonId}`
    const refused = await Promise.all([
      create({ courseId }),
      save(lesson, { title: 'T' }),
      hub.put(`${path}/order`, { as, ifMatch: 1, body: { blockIds: [] } }),
      hub.post(`${path}/revisions/1/restore`, { as, ifMatch: 1 }),
      hub.post(`/v1/lessons/${other.lessonId}/copy`, { as, body: { courseId } }),
      hub.delete(path, { as }),
    ])
    for (const answer of refused)
      expect(answer).toMatchObject({ status: 409, body: { code: 'content.course_archived' } })
    expect((await hub.get(`${path}/draft`, { as })).status).toBe(200)
  })
})

describe('PATCH /v1/lessons/{lessonId}/draft', () => {
  it('lets one of two simultaneous editors win and tells the other', async () => {
    const lesson = await aLesson()
    const answers = await Promise.all([save(lesson, { title: 'A' }), save(lesson, { title: 'B' })])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
    expect(answers.find(({ status }) => status === 412)?.body).toMatchObject({
      code: 'content.revision_stale',
      currentRevision: 2,
    })
  })

  it('makes no revision and no event of what changes nothing', async () => {
    const lesson = await aLesson()
    expect((await save(lesson, { title: lesson.title, blocks: lesson.blocks })).body).toEqual(
      lesson,
    )
    const events = await hub.outbox('lesson.revised')
    expect(events.filter(({ subject }) => subject === lesson.lessonId)).toHaveLength(1)
  })

  it('asks for If-Match', async () => {
    const { lessonId } = await aLesson()
    const answer = await hub.patch(`/v1/lessons/${lessonId}/draft`, { as: instructor, body: {} })
    expect(answer.status).toBe(428)
  })
})

describe('PUT /v1/lessons/{lessonId}/order', () => {
  const order = (lesson: { lessonId: string }, blockIds: string[], ifMatch = 1) =>
    hub.put(`/v1/lessons/${lesson.lessonId}/order`, { as: instructor, ifMatch, body: { blockIds } })

  it('puts the blocks into the order that is named, as a new revision', async () => {
    const lesson = await aLesson({
      blocks: [paragraph, { kind: 'code', language: 'c', text: 'x' }],
    })
    const blockIds = lesson.blocks.map(({ blockId }: { blockId: string }) => blockId).reverse()
    const { body } = await order(lesson, blockIds)
    expect(body).toMatchObject({
      revision: 2,
      blocks: blockIds.map((blockId: string) => ({ blockId })),
    })
    expect(await order(lesson, blockIds)).toMatchObject({
      status: 412,
      body: { code: 'content.revision_stale' },
    })
    expect(await order(lesson, [], 2)).toMatchObject({
      status: 422,
      body: { code: 'content.blocks_invalid' },
    })
  })
})

describe('revisions', () => {
  it('stay as they were saved; restoring one is a new revision', async () => {
    const first = await aLesson()
    await save(first, { title: 'Second', blocks: [] })
    const path = `/v1/lessons/${first.lessonId}/revisions`
    const as = instructor
    expect((await hub.get(`${path}/1`, { as })).body).toMatchObject({
      title: 'Cutting',
      blocks: first.blocks,
      authorId: instructor.accountId,
    })
    const restored = await hub.post(`${path}/1/restore`, { as, ifMatch: 2 })
    expect(restored.body).toMatchObject({ revision: 3, title: 'Cutting', blocks: first.blocks })
    const pages = [await hub.get(`${path}?limit=2`, { as })]
    pages.push(await hub.get(`${path}?limit=2&cursor=${pages[0]?.body.nextCursor}`, { as }))
    const seen = pages.flatMap(({ body }) => body.items)
    expect(seen).toMatchObject([
      { revision: 3, restoredFrom: 1 },
      { revision: 2, restoredFrom: null, title: 'Second' },
      { revision: 1, restoredFrom: null },
    ])
    expect(pages[1]?.body.nextCursor).toBeNull()
  })

  it('answer 404 for one that is not there and 412 for a stale draft', async () => {
    const { lessonId } = await aLesson()
    const path = `/v1/lessons/${lessonId}/revisions`
    const as = instructor
    const notThere = { status: 404, body: { code: 'content.revision_not_found' } }
    expect(await hub.get(`${path}/2`, { as })).toMatchObject(notThere)
    expect(await hub.post(`${path}/2/restore`, { as, ifMatch: 1 })).toMatchObject(notThere)
    expect(await hub.post(`${path}/1/restore`, { as, ifMatch: 7 })).toMatchObject({
      status: 412,
      body: { code: 'content.revision_stale' },
    })
    for (const key of ['abc', '1.5', '1e400', '-1e400']) {
      const cursor = Buffer.from(JSON.stringify([key])).toString('base64url')
      expect((await hub.get(`${path}?cursor=${cursor}`, { as })).body.code).toBe('request.cursor')
    }
    expect(await hub.get(`${path}?cursor=x`, { as })).toMatchObject({
      status: 400,
      body: { code: 'request.cursor' },
    })
  })
})

describe('POST /v1/lessons/{lessonId}/copy', () => {
  it('makes a lesson of its own, with blocks of its own', async () => {
    const lesson = await aLesson()
    const courseId = await aCourse()
    const copy = await hub.post(`/v1/lessons/${lesson.lessonId}/copy`, {
      as: instructor,
      body: { courseId, title: 'Again' },
    })
    expect(copy).toMatchObject({
      status: 201,
      body: { courseId, title: 'Again', revision: 1, blocks: [paragraph] },
    })
    expect(copy.body.lessonId).not.toBe(lesson.lessonId)
    expect(copy.body.blocks[0].blockId).not.toBe(lesson.blocks[0].blockId)
    await save(copy.body, { title: 'Changed' })
    const original = await hub.get(`/v1/lessons/${lesson.lessonId}/draft`, { as: instructor })
    expect(original.body).toEqual(lesson)
  })

  it('wants the right to change the course that it goes to', async () => {
    const lesson = await aLesson()
    const theirs = newId('course')
    await hub.deliver(
      'course.created',
      { ...courseFacts(theirs), instructorIds: [colleague.accountId] },
      { organizationId },
    )
    const copy = await hub.post(`/v1/lessons/${lesson.lessonId}/copy`, {
      as: instructor,
      body: { courseId: theirs },
    })
    expect(copy).toMatchObject({ status: 404, body: { code: 'course.not_found' } })
  })
})

describe('DELETE /v1/lessons/{lessonId}', () => {
  it('takes the lesson from its builders once, and leaves it to those who learn it', async () => {
    const courseId = await aCourse()
    const lesson = (await create({ courseId })).body
    const { learner } = await enrol(courseId, await publish(courseId, [lesson]))
    const path = `/v1/lessons/${lesson.lessonId}`
    const as = instructor
    const raced = await Promise.all([1, 2, 3].map(() => hub.delete(path, { as })))
    expect(raced.map(({ status }) => status).sort()).toEqual([204, 404, 404])
    const events = await hub.outbox('lesson.deleted')
    expect(events.filter(({ subject }) => subject === lesson.lessonId)).toHaveLength(1)
    expect((await hub.get(`${path}/draft`, { as })).status).toBe(404)
    for (const list of ['/v1/lessons', '/v1/lessons/readiness'])
      expect((await hub.get(`${list}?courseId=${courseId}`, { as })).body.items).toEqual([])
    expect((await see(lesson.lessonId, learner)).status).toBe(200)
  })
})

describe('GET /v1/lessons/{lessonId}', () => {
  it('shows the revision of the learner’s version, whatever was saved since', async () => {
    const courseId = await aCourse()
    const lesson = (await create({ courseId })).body
    const early = await enrol(courseId, await publish(courseId, [lesson]))
    const saved = (await save(lesson, { title: 'Second' })).body
    expect((await see(lesson.lessonId, early.learner)).body).toMatchObject({
      revision: 1,
      title: 'Cutting',
    })
    const late = await enrol(courseId, await publish(courseId, [saved]))
    expect((await see(lesson.lessonId, late.learner)).body.title).toBe('Second')
    expect((await see(lesson.lessonId, early.learner)).body.title).toBe('Cutting')
  })

  it('hides a lesson that the version does not show', async () => {
    const courseId = await aCourse()
    const [shown, hidden] = [(await create({ courseId })).body, (await create({ courseId })).body]
    const { learner } = await enrol(courseId, await publish(courseId, [shown]))
    expect(await see(hidden.lessonId, learner)).toMatchObject({
      status: 404,
      body: { code: 'content.lesson_not_found' },
    })
  })

  it('is over when the enrolment is', async () => {
    const courseId = await aCourse()
    const lesson = (await create({ courseId })).body
    const { learner, enrollment } = await enrol(courseId, await publish(courseId, [lesson]))
    await hub.deliver(
      'enrollment.ended',
      { ...enrollment, reason: 'removed', endedAt: START },
      { organizationId, sequence: 2 },
    )
    expect(await see(lesson.lessonId, learner)).toMatchObject({
      status: 404,
      body: { code: 'content.lesson_not_found' },
    })
  })

  it('stays over when the beginning is told after the end', async () => {
    const courseId = await aCourse()
    const lesson = (await create({ courseId })).body
    const versionId = await publish(courseId, [lesson])
    const learner = somebody('learner', { organizationId })
    const { accountId } = learner
    const enrollment = { enrollmentId: newId('enrollment'), courseId, organizationId, accountId }
    await hub.deliver(
      'enrollment.ended',
      { ...enrollment, reason: 'removed', endedAt: START },
      { organizationId, sequence: 2 },
    )
    await hub.deliver(
      'enrollment.activated',
      { ...enrollment, versionId, startsAt: START, endsAt: null },
      { organizationId, sequence: 1 },
    )
    expect(await see(lesson.lessonId, learner)).toMatchObject({
      status: 404,
      body: { code: 'content.lesson_not_found' },
    })
  })

  it('asks once for an enrolment and a version whose events have not arrived', async () => {
    const courseId = await aCourse()
    const lesson = (await create({ courseId })).body
    const versionId = newId('courseVersion')
    toldAccess.set(courseId, versionId)
    toldVersions.set(versionId, [lesson])
    const learner = somebody('learner', { organizationId })
    const before = { ...asked }
    for (let count = 0; count < 2; count += 1)
      expect((await see(lesson.lessonId, learner)).status).toBe(200)
    expect(asked).toMatchObject({
      accesses: before.accesses + 1,
      versions: before.versions + 1,
    })
  })

  it('does not exist without an enrolment, for builders neither, nor elsewhere', async () => {
    const { lessonId } = await aLesson()
    expect((await hub.get(`/v1/lessons/${lessonId}`)).status).toBe(401)
    for (const as of [instructor, somebody('learner', { organizationId }), stranger])
      expect((await see(lessonId, as)).status).toBe(404)
  })

  it('answers 503 while enrollment is away', async () => {
    const { lessonId } = await aLesson()
    const { getOwnAccess } = deps.enrollment
    Object.assign(deps.enrollment, {
      getOwnAccess: async () => {
        throw new DomainError('unavailable', 'enrollment.unavailable', '', { retryAfterSeconds: 1 })
      },
    })
    const answer = await see(lessonId, somebody('learner', { organizationId }))
    Object.assign(deps.enrollment, { getOwnAccess })
    expect(answer).toMatchObject({ status: 503, body: { code: 'enrollment.unavailable' } })
  })
})

describe('the builders’ operations', () => {
  it('hide a lesson from everybody else, whatever the role elsewhere', async () => {
    const { lessonId, revision } = await aLesson()
    const path = `/v1/lessons/${lessonId}`
    const body = { blockIds: [] }
    for (const as of [colleague, somebody('learner', { organizationId }), stranger]) {
      const refused = await Promise.all([
        hub.get(`${path}/draft`, { as }),
        hub.get(`${path}/preview`, { as }),
        hub.get(`${path}/revisions`, { as }),
        hub.get(`${path}/revisions/1`, { as }),
        save({ lessonId, revision }, { title: 'Mine' }, as),
        hub.put(`${path}/order`, { as, ifMatch: 1, body }),
        hub.post(`${path}/revisions/1/restore`, { as, ifMatch: 1 }),
        hub.post(`${path}/copy`, { as, body: { courseId: newId('course') } }),
        hub.delete(path, { as }),
      ])
      for (const answer of refused)
        expect(answer).toMatchObject({ status: 404, body: { code: 'content.lesson_not_found' } })
    }
  })

  it('let an assistant of the course read and not change', async () => {
    const lesson = await aLesson()
    const assistant = somebody('learner', {
      organizationId,
      courses: { [lesson.courseId]: ['content:read'] },
    })
    const preview = await hub.get(`/v1/lessons/${lesson.lessonId}/preview`, { as: assistant })
    expect(preview).toMatchObject({ status: 200, body: { blocks: [paragraph] } })
    expect((await save(lesson, { title: 'Mine' }, assistant)).status).toBe(404)
  })

  it('list the lessons of a course without gap or repetition', async () => {
    const courseId = await aCourse()
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) ids.push((await create({ courseId })).body.lessonId)
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const path = `/v1/lessons?courseId=${courseId}&limit=2${cursor && `&cursor=${cursor}`}`
      const { body } = await hub.get(path, { as: instructor })
      seen.push(...body.items.map(({ lessonId }: { lessonId: string }) => lessonId))
      cursor = body.nextCursor
    }
    expect(seen).toEqual(ids)
    const bad = await hub.get(`/v1/lessons?courseId=${courseId}&cursor=x`, { as: instructor })
    expect(bad).toMatchObject({ status: 400, body: { code: 'request.cursor' } })
    for (const path of ['/v1/lessons', '/v1/lessons/readiness'])
      expect(await hub.get(`${path}?courseId=${courseId}`, { as: colleague })).toMatchObject({
        status: 404,
        body: { code: 'course.not_found' },
      })
  })
})

describe('a file in a lesson', () => {
  it('is brought in by its owner alone; what the course has shown, its other builders may show', async () => {
    const mediaId = newId('media')
    const blocks = [{ kind: 'video', mediaId }]
    await hub.deliver(
      'media.uploaded',
      {
        ...{ mediaId, organizationId, ownerId: instructor.accountId, kind: 'video' },
        ...{ contentType: 'video/mp4', sizeBytes: 1, sha256: '', bucket: 'b', key: 'k' },
      },
      { organizationId },
    )
    const admin = somebody('admin', { organizationId })
    const ours = await aCourse({ instructorIds: [instructor.accountId, colleague.accountId] })
    const add = (courseId: CourseId, as: Principal) => create({ courseId, blocks }, { as })
    const refused = { status: 422, body: { code: 'content.blocks_invalid' } }
    expect(await add(ours, colleague)).toMatchObject(refused)
    const { body } = await create({ courseId: ours }, { as: colleague })
    const draft = { as: colleague, ifMatch: body.revision, body: { blocks } }
    expect(await hub.patch(`/v1/lessons/${body.lessonId}/draft`, draft)).toMatchObject(refused)
    expect((await add(ours, instructor)).status).toBe(201)
    expect((await add(ours, colleague)).status).toBe(201)
    expect((await add(await aCourse(), admin)).status).toBe(201)
  })
})

describe('GET /v1/lessons/readiness', () => {
  const readiness = async (courseId: CourseId) =>
    (await hub.get(`/v1/lessons/readiness?courseId=${courseId}`, { as: instructor })).body.items

  const uploaded = (mediaId: MediaId, kind: 'video' | 'document', owner = organizationId) =>
    hub.deliver(
      'media.uploaded',
      {
        mediaId,
        organizationId: owner,
        ownerId: instructor.accountId,
        kind,
        contentType: 'x/y',
        sizeBytes: 1,
        sha256: '',
        bucket: 'b',
        key: 'k',
      },
      { organizationId: owner },
    )

  it('follows a video from its upload to its end', async () => {
    const mediaId = newId('media')
    const { courseId } = await aLesson({ blocks: [{ kind: 'video', mediaId }] })
    const video = {
      videoId: newId('video'),
      mediaId,
      organizationId,
      ownerId: instructor.accountId,
      version: 1,
    }
    const said = async () => (await readiness(courseId))[0].notReady
    expect(await said()).toBe('The video has not been uploaded.')
    await uploaded(mediaId, 'video')
    expect(await said()).toBe('The video is still being processed.')
    await hub.deliver(
      'video.failed',
      { ...video, reasonCode: 'x', reason: 'It has no picture.' },
      { organizationId },
    )
    expect(await said()).toBe('The video could not be processed: It has no picture.')
    const ready = {
      durationMs: 1_000,
      widthPx: 16,
      heightPx: 9,
      bucket: 'b',
      prefix: 'p/',
      masterPlaylist: 'm.m3u8',
      poster: 'p.jpg',
      sprite: 's.jpg',
      thumbnails: 't.vtt',
    }
    await hub.deliver('video.processing_started', { ...video, version: 2 }, { organizationId })
    expect(await said()).toBe('The video is still being processed.')
    await hub.deliver('video.ready', { ...video, ...ready, version: 2 }, { organizationId })
    expect(await said()).toBeNull()
    await hub.deliver('video.cancelled', { ...video, version: 3 }, { organizationId })
    expect(await said()).toBeNull()
    await hub.deliver('media.deleted', { mediaId, organizationId }, { organizationId })
    expect(await said()).toBe('The video has been deleted.')
  })

  it('knows a quiz once assessment has told of it, once or twice', async () => {
    const assessmentId: AssessmentId = newId('assessment')
    const lesson = await aLesson({
      blocks: [{ kind: 'quiz', assessmentId }],
      completion: { kind: 'quiz_passed', assessmentId },
    })
    expect(await readiness(lesson.courseId)).toMatchObject([{ notReady: 'A quiz does not exist.' }])
    for (const revision of [1, 2])
      await hub.deliver(
        'assessment.updated',
        { assessmentId, courseId: lesson.courseId, organizationId, title: 'Q', revision },
        { organizationId },
      )
    expect(await readiness(lesson.courseId)).toEqual([
      {
        lessonId: lesson.lessonId,
        revision: 1,
        title: 'Cutting',
        completion: { kind: 'quiz_passed', assessmentId },
        notReady: null,
      },
    ])
  })

  it('does not know the files of another organisation', async () => {
    const [ours, theirs] = [newId('media'), newId('media')]
    const { courseId } = await aLesson({ blocks: [{ kind: 'file', mediaId: ours }] })
    await create({ courseId, blocks: [{ kind: 'file', mediaId: theirs }] })
    await uploaded(ours, 'document')
    await uploaded(theirs, 'document', stranger.organizationId)
    expect(await readiness(courseId)).toMatchObject([
      { notReady: null },
      { notReady: 'A file has not been uploaded.' },
    ])
  })

  it('takes a redelivered event once', async () => {
    const [id, mediaId] = [newId('event'), newId('media')]
    const data = { mediaId, organizationId }
    expect(await hub.deliver('media.deleted', data, { id, organizationId })).toBe('done')
    expect(await hub.deliver('media.deleted', data, { id, organizationId })).toBe('repeated')
  })
})

describe('the second wall', () => {
  it('shows the service role nothing without an organisation', async () => {
    await aLesson()
    for (const table of ['lessons', 'revisions', 'lesson_counts', 'versions', 'media'])
      expect(
        (await database.as('content').pool.query(`select * from content.${table}`)).rowCount,
      ).toBe(0)
  })
})

describe('a quiz that is archived', () => {
  it('keeps its lesson from being published, whatever older news comes late', async () => {
    const assessmentId: AssessmentId = newId('assessment')
    const { courseId } = await aLesson({
      blocks: [{ kind: 'quiz', assessmentId }],
      completion: { kind: 'quiz_passed', assessmentId },
    })
    const say = (revision: number, isArchived: boolean) =>
      hub.deliver(
        'assessment.updated',
        { assessmentId, courseId, organizationId, title: 'Q', revision, isArchived },
        { organizationId, sequence: revision },
      )
    const obstacle = async () => {
      const path = `/v1/lessons/readiness?courseId=${courseId}`
      return (await hub.get(path, { as: instructor })).body.items[0].notReady
    }
    await say(1, false)
    expect(await obstacle()).toBeNull()
    await say(3, true)
    await say(2, false)
    expect(await obstacle()).toBe('A quiz has been archived.')
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
