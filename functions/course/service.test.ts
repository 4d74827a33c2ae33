import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Principal } from '../../shared/http/caller.ts'
import { type CourseId, type LessonId, newId } from '../../shared/kernel/id.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { course } from './service.ts'

// What content would answer: each test says which lessons there are.
const lessons = new Map<LessonId, { revision: number; notReady: string | null }>()
const content = {
  listLessonReadiness: async () => ({
    items: [...lessons].map(([lessonId, facts]) => ({
      lessonId,
      title: 'Lesson',
      completion: { kind: 'viewed' as const },
      ...facts,
    })),
  }),
}

const database = useDatabase()
const hub = useDoors(database, course, { content })

const organizationId = newId('organization')
const instructor = somebody('instructor', { organizationId })
const learner = somebody('learner', { organizationId })
const stranger = somebody('owner')

beforeEach(() => lessons.clear())

const aLesson = (notReady: string | null = null): LessonId => {
  const lessonId = newId('lesson')
  lessons.set(lessonId, { revision: 1, notReady })
  return lessonId
}

const aDraft = async (body: object = {}, as: Principal = instructor) =>
  (
    await hub.post('/v1/courses', {
      as,
      body: { title: 'Film editing', slug: `c-${Math.random().toString(36).slice(2)}`, ...body },
    })
  ).body

const withOutline = async (lessonIds: LessonId[], body: object = {}) => {
  const draft = await aDraft(body)
  const answer = await hub.put(`/v1/courses/${draft.courseId}/outline`, {
    as: instructor,
    ifMatch: draft.revision,
    body: { modules: [{ title: 'One', items: lessonIds.map((lessonId) => ({ lessonId })) }] },
  })
  return answer.body
}

const publish = (draft: { courseId: string; revision: number }, as = instructor) =>
  hub.post(`/v1/courses/${draft.courseId}/publish`, { as, ifMatch: draft.revision })

const aPublished = async (body: object = {}) => {
  const draft = await withOutline([aLesson()], body)
  return { draft, version: (await publish(draft)).body }
}

describe('POST /v1/courses', () => {
  it('begins a draft with its creator as the instructor, and says so', async () => {
    const answer = await hub.post('/v1/courses', {
      as: instructor,
      body: { title: 'Sound design' },
    })
    expect(answer).toMatchObject({
      status: 201,
      body: { state: 'draft', instructorIds: [instructor.accountId], revision: 1 },
    })
    expect(answer.headers.get('etag')).toBe('"1"')
    expect(await hub.outbox('course.created')).toContainEqual(
      expect.objectContaining({
        subject: answer.body.courseId,
        organizationid: organizationId,
        actorid: instructor.accountId,
      }),
    )
  })

  it('gives the first answer again for the same Idempotency-Key, from 20 racing requests', async () => {
    const body = { title: 'Colour', slug: 'colour' }
    const send = () => hub.post('/v1/courses', { as: instructor, body, idempotencyKey: 'k-1' })
    const raced = await Promise.all(Array.from({ length: 20 }, send))
    const created = raced.filter(({ status }) => status === 201)
    expect(new Set(created.map(({ body }) => body.courseId)).size).toBe(1)
    expect(raced.every(({ status }) => status === 201 || status === 409)).toBe(true)
    expect((await send()).headers.get('idempotency-replayed')).toBe('true')
  })

  it('refuses the same key with another payload', async () => {
    const send = (title: string) =>
      hub.post('/v1/courses', { as: instructor, body: { title }, idempotencyKey: 'k-2' })
    await send('One')
    expect(await send('Two')).toMatchObject({
      status: 422,
      body: { code: 'idempotency.key_reused' },
    })
  })

  it('refuses an unknown field by its name', async () => {
    const answer = await hub.post('/v1/courses', {
      as: instructor,
      body: { title: 'T', price: 3 },
    })
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'request.invalid', errors: [{ pointer: '#/body/price' }] },
    })
  })

  it('refuses a slug that another course has or once had', async () => {
    const draft = await aDraft({ slug: 'montage' })
    await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      ifMatch: 1,
      body: { slug: 'montage-2' },
    })
    const answer = await hub.post('/v1/courses', {
      as: instructor,
      body: { title: 'M', slug: 'montage' },
    })
    expect(answer).toMatchObject({ status: 409, body: { code: 'course.slug_taken' } })
    const other = await aDraft()
    const renamed = await hub.patch(`/v1/courses/${other.courseId}/draft`, {
      as: instructor,
      ifMatch: 1,
      body: { slug: 'montage' },
    })
    expect(renamed).toMatchObject({ status: 409, body: { code: 'course.slug_taken' } })
  })

  it('finds a slug of its own for a second course with the same title', async () => {
    const body = { title: 'Twice told' }
    const [one, other] = [
      await hub.post('/v1/courses', { as: instructor, body }),
      await hub.post('/v1/courses', { as: instructor, body }),
    ]
    expect(one.body.slug).toBe('twice-told')
    expect(other.body.slug).toMatch(/^twice-told-[0-9a-f]{6}$/)
  })

  it('is for those who may create courses', async () => {
    const body = { title: 'T' }
    expect((await hub.post('/v1/courses', { body })).status).toBe(401)
    expect(await hub.post('/v1/courses', { as: learner, body })).toMatchObject({
      status: 403,
      body: { code: 'access.denied' },
    })
  })
})

describe('PATCH /v1/courses/{courseId}/draft', () => {
  it('lets one of two simultaneous editors win and tells the other', async () => {
    const draft = await aDraft()
    const edit = (title: string) =>
      hub.patch(`/v1/courses/${draft.courseId}/draft`, {
        as: instructor,
        ifMatch: 1,
        body: { title },
      })
    const statuses = (await Promise.all([edit('A'), edit('B')])).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 412])
  })

  it('asks for If-Match', async () => {
    const draft = await aDraft()
    const answer = await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      body: { title: 'A' },
    })
    expect(answer).toMatchObject({ status: 428, body: { code: 'request.if_match_required' } })
  })

  it('refuses a circle of prerequisites and one that is not there', async () => {
    const [one, two] = [await aDraft(), await aDraft()]
    const require = (courseId: string, prerequisiteId: string) =>
      hub.patch(`/v1/courses/${courseId}/draft`, {
        as: instructor,
        ifMatch: 1,
        body: { prerequisiteIds: [prerequisiteId] },
      })
    expect((await require(one.courseId, two.courseId)).status).toBe(200)
    for (const bad of [one.courseId, newId('course')])
      expect(await require(two.courseId, bad)).toMatchObject({
        status: 422,
        body: { code: 'course.prerequisite_invalid' },
      })
  })

  it('refuses a category of nowhere', async () => {
    const draft = await aDraft()
    const answer = await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      ifMatch: 1,
      body: { categoryIds: [newId('category')] },
    })
    expect(answer).toMatchObject({ status: 422, body: { code: 'course.category_unknown' } })
  })

  it('hides the draft from everybody who does not build it', async () => {
    const draft = await aDraft()
    const colleague = somebody('instructor', { organizationId })
    for (const [as, status, code] of [
      [learner, 404, 'course.not_found'],
      [colleague, 404, 'course.not_found'],
      [stranger, 404, 'course.not_found'],
    ] as const)
      expect(await hub.get(`/v1/courses/${draft.courseId}/draft`, { as })).toMatchObject({
        status,
        body: { code },
      })
  })
})

describe('POST /v1/courses/{courseId}/publish', () => {
  it('writes one version and one event, however many publish at once', async () => {
    const draft = await withOutline([aLesson()])
    const answers = await Promise.all(Array.from({ length: 10 }, () => publish(draft)))
    expect(new Set(answers.map(({ body }) => body.versionId)).size).toBe(1)
    const events = (await hub.outbox('course.published')).filter(
      ({ subject }) => subject === draft.courseId,
    )
    expect(events).toHaveLength(1)
  })

  it('refuses while a lesson is not ready, and changes nothing', async () => {
    const draft = await withOutline([aLesson('The video is still being processed.')])
    expect(await publish(draft)).toMatchObject({
      status: 422,
      body: { code: 'course.not_ready', obstacles: [{ lessonId: expect.any(String) }] },
    })
    const { body } = await hub.get(`/v1/courses/${draft.courseId}`, { as: instructor })
    expect(body.state).toBe('draft')
  })

  it('leaves a published version as it was when the draft goes on', async () => {
    const { draft, version } = await aPublished()
    await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      ifMatch: draft.revision,
      body: { title: 'Another title' },
    })
    const path = `/v1/courses/${draft.courseId}/versions/${version.versionId}`
    expect((await hub.get(path, { as: learner })).body).toEqual(version)
    const seen = await hub.get(`/v1/courses/${draft.courseId}`, { as: learner })
    expect(seen.body.title).toBe(version.title)
  })

  it('is hidden from another instructor behind 404', async () => {
    const draft = await withOutline([aLesson()])
    const colleague = somebody('instructor', { organizationId })
    expect((await publish(draft, colleague)).status).toBe(404)
  })

  it('answers 503 and changes nothing while content is away', async () => {
    const draft = await withOutline([aLesson()])
    const { listLessonReadiness } = content
    const { DomainError } = await import('../../shared/kernel/errors.ts')
    content.listLessonReadiness = async () => {
      throw new DomainError('unavailable', 'content.unavailable', '', { retryAfterSeconds: 1 })
    }
    const answer = await publish(draft)
    content.listLessonReadiness = listLessonReadiness
    expect(answer).toMatchObject({ status: 503, body: { code: 'content.unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('1')
  })
})

describe('GET /v1/courses', () => {
  it('pages through the catalogue without gap or repetition', async () => {
    const mine = somebody('instructor')
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) {
      const draft = await aDraft({}, mine)
      const { body } = await hub.put(`/v1/courses/${draft.courseId}/outline`, {
        as: mine,
        ifMatch: 1,
        body: { modules: [{ title: 'One', items: [{ lessonId: aLesson() }] }] },
      })
      await publish(body, mine)
      ids.unshift(draft.courseId)
    }
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body } = await hub.get(`/v1/courses?limit=2${cursor && `&cursor=${cursor}`}`, {
        as: mine,
      })
      seen.push(...body.items.map(({ courseId }: { courseId: string }) => courseId))
      cursor = body.nextCursor
    }
    expect(seen).toEqual(ids)
  })

  it('finds published courses by words, and never a draft, an unlisted or a private one', async () => {
    const { draft } = await aPublished({ title: 'Zebra stripes' })
    await aPublished({ title: 'Zebra unlisted', visibility: 'unlisted' })
    await aPublished({ title: 'Zebra private', visibility: 'private' })
    await aDraft({ title: 'Zebra draft' })
    const { body } = await hub.get('/v1/courses?q=zebra', { as: learner })
    expect(body.items).toMatchObject([{ courseId: draft.courseId }])
  })

  it.each(['nonsense', '["yesterday","crs_1"]', '["2026-03-01T10:00:00.000Z"]'])(
    'refuses the made-up cursor %s',
    async (key) => {
      const cursor = Buffer.from(key).toString('base64url')
      const answer = await hub.get(`/v1/courses?cursor=${cursor}`, { as: learner })
      expect(answer).toMatchObject({ status: 400, body: { code: 'request.cursor' } })
    },
  )
})

describe('GET /v1/courses/{courseId}', () => {
  const anEnrollment = (courseId: CourseId) => ({
    enrollmentId: newId('enrollment'),
    courseId,
    organizationId,
    accountId: learner.accountId,
  })
  const activate = (enrollment: ReturnType<typeof anEnrollment>) =>
    hub.deliver(
      'enrollment.activated',
      {
        ...enrollment,
        versionId: newId('courseVersion'),
        startsAt: '2026-03-01T00:00:00.000Z',
        endsAt: null,
      },
      { organizationId, sequence: 1 },
    )
  const end = (enrollment: ReturnType<typeof anEnrollment>) =>
    hub.deliver(
      'enrollment.ended',
      { ...enrollment, reason: 'unenrolled', endedAt: '2026-03-02T00:00:00.000Z' },
      { organizationId, sequence: 2 },
    )

  it('shows a private course to its learners only, once enrolment says so', async () => {
    const { draft } = await aPublished({ visibility: 'private' })
    const see = async () => (await hub.get(`/v1/courses/${draft.courseId}`, { as: learner })).status
    const enrollment = anEnrollment(draft.courseId)
    expect(await see()).toBe(404)
    await activate(enrollment)
    expect(await see()).toBe(200)
    await end(enrollment)
    expect(await see()).toBe(404)
  })

  it('still shows it to whoever has come back before the end of their former enrolment is known', async () => {
    const { draft } = await aPublished({ visibility: 'private' })
    const [former, present] = [anEnrollment(draft.courseId), anEnrollment(draft.courseId)]
    await activate(former)
    await activate(present)
    await end(former)
    expect((await hub.get(`/v1/courses/${draft.courseId}`, { as: learner })).status).toBe(200)
  })

  it('does not exist for another organisation, whatever the role', async () => {
    const { draft } = await aPublished()
    expect((await hub.get(`/v1/courses/${draft.courseId}`, { as: stranger })).status).toBe(404)
  })
})

describe('GET /v1/courses/by-slug/{slug}', () => {
  it('leads from a former slug to the course', async () => {
    const { draft } = await aPublished({ slug: 'old-name' })
    await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      ifMatch: draft.revision,
      body: { slug: 'new-name' },
    })
    for (const slug of ['old-name', 'new-name']) {
      const answer = await hub.get(`/v1/courses/by-slug/${slug}`, { as: learner })
      expect(answer.status).toBe(302)
      expect(answer.headers.get('location')).toBe(`/v1/courses/${draft.courseId}`)
    }
  })
})

describe('instructors', () => {
  it('are twenty at most', async () => {
    const draft = await aDraft()
    const colleagues = Array.from({ length: 20 }, () => somebody('instructor', { organizationId }))
    for (const colleague of colleagues) await join(colleague)
    const answers = await Promise.all(
      colleagues.map((colleague) => share(draft.courseId, colleague, instructor)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
    expect(answers.find(({ status }) => status !== 200)).toMatchObject({
      status: 422,
      body: { code: 'course.instructors_full' },
    })
  })

  it('share a course and leave it, but never the last one', async () => {
    const draft = await aDraft()
    const colleague = await aColleague()
    const base = `/v1/courses/${draft.courseId}/instructors`
    await share(draft.courseId, colleague, instructor)
    expect((await hub.get(`/v1/courses/${draft.courseId}/draft`, { as: colleague })).status).toBe(
      200,
    )
    await hub.delete(`${base}/${instructor.accountId}`, { as: colleague })
    const last = await hub.delete(`${base}/${colleague.accountId}`, { as: colleague })
    expect(last).toMatchObject({ status: 409, body: { code: 'course.last_instructor' } })
  })

  it('are members: no stranger, nobody who has left, and nobody of another organisation', async () => {
    const draft = await aDraft()
    const [unknown, gone] = [somebody('instructor', { organizationId }), await aColleague()]
    await leave(gone, 2)
    const elsewhere = { organizationId: newId('organization'), accountId: stranger.accountId }
    await hub.deliver('member.added', { ...elsewhere, role: 'instructor' }, elsewhere)
    for (const person of [unknown, gone, stranger])
      expect(await share(draft.courseId, person, instructor)).toMatchObject({
        status: 422,
        body: { code: 'course.not_a_member' },
      })
  })

  it('are none who leave at that moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [draft, leaver] = [await aDraft(), await aColleague()]
      await Promise.all([share(draft.courseId, leaver, instructor), leave(leaver, 2)])
      expect(await instructorsOf(draft.courseId)).toEqual([instructor.accountId])
    }
  })
})

const instructorsOf = async (courseId: string) =>
  (
    await database.query<{ ids: string[] }>(
      'select instructor_ids as ids from course.courses where course_id = $1',
      [courseId],
    )
  )[0]?.ids
const share = async (courseId: string, { accountId }: Principal, as: Principal) =>
  hub.post(`/v1/courses/${courseId}/instructors`, { as, body: { accountId } })
const join = ({ accountId }: Principal) =>
  hub.deliver(
    'member.added',
    { organizationId, accountId, role: 'instructor' },
    { organizationId, sequence: 1 },
  )
const leave = ({ accountId }: Principal, sequence: number) =>
  hub.deliver('member.removed', { organizationId, accountId }, { organizationId, sequence })
const aColleague = async (): Promise<Principal> => {
  const colleague = somebody('instructor', { organizationId })
  await join(colleague)
  return colleague
}

describe('instructors who leave the organisation', () => {
  it('are taken off all courses when they leave the organisation, where others teach', async () => {
    const [leaver, other] = [await aColleague(), await aColleague()]
    const [shared, alone, others] = [
      await aDraft({}, leaver),
      await aDraft({}, leaver),
      await aDraft({}, other),
    ]
    await share(shared.courseId, other, leaver)
    await leave(leaver, 2)
    expect(await instructorsOf(shared.courseId)).toEqual([other.accountId])
    expect(await instructorsOf(alone.courseId)).toEqual([leaver.accountId])
    expect(await instructorsOf(others.courseId)).toEqual([other.accountId])
    const updated = (await hub.outbox('course.updated')).filter(
      ({ subject }) => subject === shared.courseId || subject === alone.courseId,
    )
    expect(updated.at(-1)).toMatchObject({
      subject: shared.courseId,
      organizationid: organizationId,
      data: { instructorIds: [other.accountId] },
    })
    expect(updated).toHaveLength(2)
  })

  it('always leave one behind, though all go at once', async () => {
    const [one, two] = [await aColleague(), await aColleague()]
    const { courseId } = await aDraft({}, one)
    await share(courseId, two, one)
    await Promise.all([leave(one, 2), leave(two, 3)])
    expect(await instructorsOf(courseId)).toHaveLength(1)
  })

  it('are taken off more courses than a page holds', async () => {
    const [leaver, other] = [await aColleague(), await aColleague()]
    for (let count = 0; count < 101; count += 1)
      await share((await aDraft({}, leaver)).courseId, other, leaver)
    await leave(leaver, 2)
    const taught = await database.query(
      'select from course.courses where instructor_ids @> array[$1]',
      [leaver.accountId],
    )
    expect(taught).toEqual([])
  })

  it('stay where the news is older than their return, or of another organisation', async () => {
    const [back, other] = [await aColleague(), await aColleague()]
    const { courseId } = await aDraft({}, back)
    await share(courseId, other, back)
    const { accountId } = back
    const member = { organizationId, accountId, role: 'instructor' as const }
    await hub.deliver('member.added', member, { organizationId, sequence: 5 })
    await leave(back, 4)
    await hub.deliver('member.removed', { organizationId: newId('organization'), accountId })
    expect(await instructorsOf(courseId)).toEqual([accountId, other.accountId])
  })
})

describe('the second wall', () => {
  it('shows the service role nothing without an organisation', async () => {
    await aDraft()
    const rows = await database.as('course').pool.query('select * from course.courses')
    expect(rows.rowCount).toBe(0)
  })
})

/** Every operation on one course, as somebody would call it. */
const onCourse = (courseId: string, revision = 1) =>
  ({
    getCourse: (as: Principal) => hub.get(`/v1/courses/${courseId}`, { as }),
    getDraft: (as: Principal) => hub.get(`/v1/courses/${courseId}/draft`, { as }),
    updateDraft: (as: Principal) =>
      hub.patch(`/v1/courses/${courseId}/draft`, {
        as,
        ifMatch: revision,
        body: { title: 'New' },
      }),
    replaceOutline: (as: Principal) =>
      hub.put(`/v1/courses/${courseId}/outline`, {
        as,
        ifMatch: revision,
        body: { modules: [] },
      }),
    previewCourse: (as: Principal) => hub.get(`/v1/courses/${courseId}/preview`, { as }),
    publishCourse: (as: Principal) => publish({ courseId, revision }, as),
    archiveCourse: (as: Principal) => hub.post(`/v1/courses/${courseId}/archive`, { as }),
    listVersions: (as: Principal) => hub.get(`/v1/courses/${courseId}/versions`, { as }),
    getVersion: (as: Principal) =>
      hub.get(`/v1/courses/${courseId}/versions/${newId('courseVersion')}`, { as }),
    addInstructor: (as: Principal) =>
      hub.post(`/v1/courses/${courseId}/instructors`, {
        as,
        body: { accountId: newId('account') },
      }),
    removeInstructor: (as: Principal) =>
      hub.delete(`/v1/courses/${courseId}/instructors/${newId('account')}`, { as }),
  }) as const

describe('a course of another organisation', () => {
  it.each(Object.keys(onCourse('')) as (keyof ReturnType<typeof onCourse>)[])(
    'does not exist for %s, even for an owner',
    async (operation) => {
      const { draft } = await aPublished()
      expect(await onCourse(draft.courseId, draft.revision)[operation](stranger)).toMatchObject({
        status: 404,
        body: { code: 'course.not_found' },
      })
    },
  )

  it('does not lend its slug', async () => {
    const { draft } = await aPublished({ slug: 'only-here' })
    expect((await hub.get(`/v1/courses/by-slug/${draft.slug}`, { as: stranger })).status).toBe(404)
  })
})

describe('an archived course', () => {
  it('leaves the catalogue, stays readable for its builders and no longer changes', async () => {
    const { draft } = await aPublished({ title: 'Yesterday' })
    const operations = onCourse(draft.courseId, draft.revision)
    expect((await operations.archiveCourse(instructor)).body.state).toBe('archived')
    expect((await operations.archiveCourse(instructor)).status).toBe(200)
    expect((await hub.get('/v1/courses?q=yesterday', { as: learner })).body.items).toEqual([])
    for (const operation of [
      'updateDraft',
      'replaceOutline',
      'publishCourse',
      'addInstructor',
      'removeInstructor',
    ] as const)
      expect(await operations[operation](instructor)).toMatchObject({
        status: 409,
        body: { code: 'course.archived' },
      })
    expect(
      (await hub.outbox('course.archived')).filter(({ subject }) => subject === draft.courseId),
    ).toHaveLength(1)
  })
})

describe('an older revision', () => {
  it.each(['updateDraft', 'replaceOutline', 'publishCourse'] as const)(
    'is refused by %s',
    async (operation) => {
      const draft = await withOutline([aLesson()])
      expect(await onCourse(draft.courseId, 1)[operation](instructor)).toMatchObject({
        status: 412,
        body: { code: 'course.revision_stale', currentRevision: 2 },
      })
    },
  )
})

describe('GET /v1/courses/{courseId}/preview', () => {
  it('shows what publishing would pin and what stands in its way, without doing it', async () => {
    const [ready, waiting] = [aLesson(), aLesson('The video is still being processed.')]
    const draft = await withOutline([ready, waiting])
    const { body } = await hub.get(`/v1/courses/${draft.courseId}/preview`, { as: instructor })
    expect(body).toMatchObject({
      items: [{ lessonId: ready }],
      obstacles: [{ lessonId: waiting, reason: 'The video is still being processed.' }],
    })
    expect((await hub.get(`/v1/courses/${draft.courseId}`, { as: instructor })).body.state).toBe(
      'draft',
    )
  })
})

describe('PUT /v1/courses/{courseId}/outline', () => {
  it('refuses a lesson that stands in it twice', async () => {
    const draft = await aDraft()
    const lessonId = aLesson()
    const answer = await hub.put(`/v1/courses/${draft.courseId}/outline`, {
      as: instructor,
      ifMatch: 1,
      body: { modules: [{ title: 'One', items: [{ lessonId }, { lessonId }] }] },
    })
    expect(answer).toMatchObject({ status: 422, body: { code: 'course.outline_invalid' } })
  })

  it('may be emptied, but an empty course is not published', async () => {
    const draft = await withOutline([])
    expect(await publish(draft)).toMatchObject({ status: 422, body: { code: 'course.empty' } })
  })
})

describe('GET /v1/courses/{courseId}/versions', () => {
  it('lists what was published, newest first, in pages', async () => {
    const { draft } = await aPublished()
    const { body: changed } = await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      ifMatch: draft.revision,
      body: { title: 'Second edition' },
    })
    await publish(changed)
    const path = `/v1/courses/${draft.courseId}/versions`
    const first = await hub.get(`${path}?limit=1`, { as: instructor })
    expect(first.body.items).toMatchObject([{ number: 2, title: 'Second edition' }])
    const rest = await hub.get(`${path}?cursor=${first.body.nextCursor}`, { as: instructor })
    expect(rest.body).toMatchObject({ items: [{ number: 1 }], nextCursor: null })
    expect((await hub.get(`${path}?cursor=x`, { as: instructor })).body.code).toBe('request.cursor')
  })
})

describe('categories', () => {
  const admin = somebody('admin', { organizationId })
  const add = (slug: string, as = admin) =>
    hub.post('/v1/courses/categories', { as, body: { slug, name: slug } })

  it('are added by admins, once each, and filter the catalogue', async () => {
    const { body: category } = await add('art')
    expect(await add('art')).toMatchObject({
      status: 409,
      body: { code: 'course.category_exists' },
    })
    const draft = await withOutline([aLesson()])
    const { body: changed } = await hub.patch(`/v1/courses/${draft.courseId}/draft`, {
      as: instructor,
      ifMatch: draft.revision,
      body: { categoryIds: [category.categoryId] },
    })
    await publish(changed)
    const found = await hub.get(`/v1/courses?categoryId=${category.categoryId}`, { as: learner })
    expect(found.body.items).toMatchObject([{ courseId: draft.courseId }])
  })

  it('are listed in pages', async () => {
    await add('biology')
    const { body } = await hub.get('/v1/courses/categories?limit=1', { as: learner })
    expect(body.items).toHaveLength(1)
    const next = await hub.get(`/v1/courses/categories?cursor=${body.nextCursor}`, { as: learner })
    expect(next.body.items[0].slug > body.items[0].slug).toBe(true)
    const bad = await hub.get('/v1/courses/categories?cursor=x', { as: learner })
    expect(bad.body.code).toBe('request.cursor')
  })
})

describe('the draft of a published course', () => {
  it('is told to nobody: the world hears the published title', async () => {
    const { draft } = await aPublished({ title: 'Film editing' })
    const { courseId } = draft
    const renamed = await hub.patch(`/v1/courses/${courseId}/draft`, {
      as: instructor,
      ifMatch: draft.revision,
      body: { title: 'Secret working title' },
    })
    expect(renamed.status).toBe(200)
    await hub.patch(`/v1/courses/${courseId}/draft`, {
      as: instructor,
      ifMatch: renamed.body.revision,
      body: { visibility: 'public' === draft.visibility ? 'unlisted' : 'public' },
    })
    const told = (await hub.outbox('course.updated')).filter(({ subject }) => subject === courseId)
    const shown = await hub.get(`/v1/courses/${courseId}`, { as: learner })
    expect(shown.body.title).toBe('Film editing')
    expect(told.at(-1)?.data).toMatchObject({ title: 'Film editing' })
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
