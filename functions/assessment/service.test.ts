import { describe, expect, it } from '@jest/globals'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type AssessmentId, type CourseId, newId, newOpaqueId } from '../../shared/kernel/id.ts'
import { addMs, MINUTE_MS, SECOND_MS, toIso } from '../../shared/kernel/time.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { type Answer, type Call, somebody, useDoors } from '../../tests/support/door.ts'
import { SWEEP_GRACE_MS } from './jobs.ts'
import { assessment } from './service.ts'

const organizationId = newId('organization')
const instructor = somebody('instructor', { organizationId })
const colleague = somebody('instructor', { organizationId })
const stranger = somebody('owner')
const aLearner = () => somebody('learner', { organizationId })

// What the course and the enrolment service would answer about what no event has told yet.
const newCourses = new Map<CourseId, Principal>()
const newLearners = new Set<string>()
const unknown = (code: string) => new DomainError('not_found', code, '')
const versionId = newId('courseVersion')
const deps = {
  course: {
    getCourse: async ({ params }: { params?: { courseId: CourseId } }) => {
      const creator = params && newCourses.get(params.courseId)
      if (!creator || !params) throw unknown('course.not_found')
      return {
        ...params,
        organizationId: creator.organizationId,
        title: 'Film',
        slug: 'film',
        summary: '',
        language: 'en',
        visibility: 'public' as const,
        state: 'draft' as const,
        categoryIds: [],
        prerequisiteIds: [],
        instructorIds: [creator.accountId],
        publishedVersionId: null,
        publishedAt: null,
      }
    },
  },
  enrollment: {
    getOwnAccess: async ({ query }: { query?: { courseId: CourseId } }) => {
      if (!query || !newLearners.has(query.courseId)) throw unknown('enrollment.no_access')
      const startsAt = '2026-01-01T00:00:00.000Z'
      return { ...query, enrollmentId: newId('enrollment'), versionId, startsAt, endsAt: null }
    },
  },
}

const database = useDatabase()
const doors = useDoors(database, assessment, deps)

// Every answer that anybody but the course's staff gets in this file, with what had been revealed by then: the last
// tests search them for every secret of every question.
type Watched = { readonly text: string; readonly path: string; readonly revealed: Set<string> }
const watched: Watched[] = []
const staff = new Set<unknown>([instructor])
/** Secret text, and the question that it belongs to. */
const secrets = new Map<string, string>()
const revealed = new Set<string>()
let secretCount = 0
const secret = (prefix = 'secret') => {
  secretCount += 1
  return `${prefix}-${secretCount}-${newOpaqueId('option').slice(-8)}`
}

const call = async (method: string, path: string, options: Call = {}): Promise<Answer> => {
  const answer = await doors.call(method, path, options)
  if (!staff.has(options.as)) watched.push({ text: answer.text, path, revealed: new Set(revealed) })
  return answer
}
const hub = {
  ...doors,
  get: (path: string, options?: Call) => call('GET', path, options),
  post: (path: string, options?: Call) => call('POST', path, options),
  put: (path: string, options?: Call) => call('PUT', path, options),
  patch: (path: string, options?: Call) => call('PATCH', path, options),
  delete: (path: string, options?: Call) => call('DELETE', path, options),
}

/** The timeout of the function (serverless.yml): so long a save may take from its receipt to its commit. */
const REQUEST_MS_MAX = 15 * SECOND_MS

const base = '/v1/assessments'
const nowhere = {
  assessment: `${base}/${newId('assessment')}`,
  attempt: `${base}/attempts/${newId('attempt')}`,
  question: `${base}/questions/${newId('question')}`,
}

const aCourse = async (): Promise<CourseId> => {
  const courseId = newId('course')
  await hub.deliver(
    'course.created',
    {
      courseId,
      organizationId,
      title: 'Film',
      slug: 'film',
      visibility: 'public',
      instructorIds: [instructor.accountId],
    },
    { organizationId },
  )
  return courseId
}

const enrol = async (courseId: CourseId, learner: Principal, pinned = versionId) => {
  const enrollment = {
    enrollmentId: newId('enrollment'),
    courseId,
    organizationId,
    accountId: learner.accountId,
  }
  await hub.deliver(
    'enrollment.activated',
    { ...enrollment, versionId: pinned, startsAt: '2026-01-01T00:00:00.000Z', endsAt: null },
    { organizationId },
  )
  return enrollment
}

/** @param sequence of the course's news: 1 is that it was created. */
const publish = async (courseId: CourseId, assessmentIds: AssessmentId[], sequence: number) => {
  const published = newId('courseVersion')
  await hub.deliver(
    'course.published',
    {
      ...{ courseId, organizationId, title: 'Film', slug: 'film', visibility: 'public' as const },
      ...{ instructorIds: [instructor.accountId], prerequisiteIds: [] },
      ...{ versionId: published, versionNumber: sequence },
      items: assessmentIds.map((assessmentId) => ({
        ...{ lessonId: newId('lesson'), revision: 1, moduleId: newId('module') },
        ...{ moduleTitle: 'M', title: 'L', required: true },
        completion: { kind: 'quiz_passed' as const, assessmentId },
      })),
      completionRule: { kind: 'all_required' },
      certificateRule: { kind: 'none' },
      publishedAt: '2026-01-01T00:00:00.000Z',
    },
    { organizationId, sequence },
  )
  return published
}

const common = () => ({ prompt: 'Which cut?', explanation: secret('explanation') })
const choice = (text: string, isCorrect: boolean) => ({
  text,
  isCorrect,
  feedback: secret('feedback'),
})
const steps = ['step 1', 'step 2', 'step 3', 'step 4', 'step 5', 'step 6']
let numberCount = 0

/** One question of each kind, full of secrets. */
const contents = {
  single: () => ({
    kind: 'single',
    ...common(),
    options: [choice('no', false), choice('yes', true), choice('never', false)],
  }),
  multiple: () => ({
    kind: 'multiple',
    ...common(),
    options: [choice('yes 1', true), choice('yes 2', true), choice('no 1', false)],
  }),
  true_false: () => ({ kind: 'true_false', ...common(), isTrue: true }),
  numeric: () => {
    numberCount += 1
    return {
      kind: 'numeric',
      ...common(),
      value: `314.${String(159_000 + numberCount)}`,
      tolerance: `0.${String(271_000 + numberCount)}`,
    }
  },
  short_text: () => ({ kind: 'short_text', ...common(), acceptedTexts: [secret('accepted')] }),
  ordering: () => ({ kind: 'ordering', ...common(), items: steps.map((text) => ({ text })) }),
  matching: () => ({
    kind: 'matching',
    ...common(),
    pairs: steps.map((text) => ({ prompt: { text }, choice: { text: `for ${text}` } })),
    distractors: [{ text: 'for nothing' }],
  }),
  essay: () => ({ kind: 'essay', ...common(), guidance: secret('guidance') }),
} as const
type Kind = keyof typeof contents
const autoKinds: Kind[] = [
  'single',
  'multiple',
  'true_false',
  'numeric',
  'short_text',
  'ordering',
  'matching',
]

// biome-ignore lint/suspicious/noExplicitAny: a body as it came; the tests assert on its fields
type Body = any

const keep = (question: Body) => {
  const { content, questionId } = question
  const options: Body[] = content.options ?? []
  const texts = [
    content.explanation,
    content.guidance,
    content.value,
    content.tolerance,
    ...(content.acceptedTexts ?? []),
    ...options.map(({ feedback }) => feedback),
  ]
  for (const text of texts) if (text) secrets.set(text, questionId)
}

const aQuestion = async (courseId: CourseId, content: object): Promise<Body> => {
  const { status, body } = await hub.post(`${base}/questions`, {
    as: instructor,
    body: { courseId, content },
  })
  expect(status).toBe(201)
  keep(body)
  return body
}

const open = {
  score: true,
  correctness: true,
  key: true,
  explanations: true,
}
const hidden = { score: false, correctness: false, key: false, explanations: false }
const scoreOnly = { ...hidden, score: true }

/** An assessment that asks one question of each kind. */
const aQuiz = async (kinds: readonly Kind[], settings: object = {}, knownCourse?: CourseId) => {
  const courseId = knownCourse ?? (await aCourse())
  const questions: Body[] = []
  for (const kind of kinds) questions.push(await aQuestion(courseId, contents[kind]()))
  const sections = questions.map(({ questionId }) => ({ questionIds: [questionId], pointsEach: 4 }))
  const { body } = await hub.post(base, {
    as: instructor,
    body: { courseId, title: 'Quiz', sections, ...settings },
  })
  const learner = aLearner()
  await enrol(courseId, learner)
  return { courseId, questions, quiz: body, learner, path: `${base}/${body.assessmentId}` }
}
type Quiz = Awaited<ReturnType<typeof aQuiz>>

const start = (quiz: Pick<Quiz, 'path'>, as: Principal) => hub.post(`${quiz.path}/attempts`, { as })
const attemptPath = (attempt: Body) => `${base}/attempts/${attempt.attemptId}`

/** What a learner who knows everything sends for an item; never the very text of a secret. */
const rightAnswer = (item: Body, questions: readonly Body[]): Body => {
  const { asked } = item
  const { content } = questions.find(({ questionId }) => questionId === item.questionId)
  const idOf = (options: Body[], text: string) =>
    options.find((option) => option.text === text)?.optionId
  switch (asked.kind) {
    case 'single':
      return { kind: 'single', optionId: idOf(asked.options, 'yes') }
    case 'multiple':
      return {
        kind: 'multiple',
        optionIds: ['yes 2', 'yes 1'].map((text) => idOf(asked.options, text)),
      }
    case 'true_false':
      return { kind: 'true_false', isTrue: true }
    case 'numeric':
      return { kind: 'numeric', value: `${content.value.slice(0, 5)}` }
    case 'short_text':
      return { kind: 'short_text', text: `  ${content.acceptedTexts[0].toUpperCase()} ` }
    case 'ordering':
      return { kind: 'ordering', optionIds: steps.map((text) => idOf(asked.options, text)) }
    case 'matching':
      return {
        kind: 'matching',
        pairs: steps.map((text) => ({
          promptId: idOf(asked.prompts, text),
          choiceId: idOf(asked.choices, `for ${text}`),
        })),
      }
    default:
      return { kind: 'essay', text: 'Eisenstein would disagree.' }
  }
}

const save = (attempt: Body, answers: object[], as: Principal, ifMatch = attempt.revision) =>
  hub.put(`${attemptPath(attempt)}/answers`, { as, ifMatch, body: { answers } })

const answerAll = (attempt: Body, { questions, learner }: Quiz, as = learner) =>
  save(
    attempt,
    attempt.items.map((item: Body) => ({
      questionId: item.questionId,
      answer: rightAnswer(item, questions),
    })),
    as,
  )

const submit = (attempt: Body, as: Principal) => hub.post(`${attemptPath(attempt)}/submit`, { as })

/** Begins, answers everything rightly and hands in. */
const takeAll = async (quiz: Quiz, as = quiz.learner) => {
  const { body } = await start(quiz, as)
  await answerAll(body, quiz, as)
  return (await submit(body, as)).body
}

const eventsOf = async (type: 'attempt.submitted' | 'attempt.graded', attempt: Body) =>
  (await hub.outbox(type)).filter(({ subject }) => subject === attempt.attemptId)

const expectRefusal = (answer: Answer, status: number, code: string) =>
  expect(answer).toMatchObject({ status, body: { code } })

describe('the question bank', () => {
  it('keeps every kind of question with its key, and gives each option an id', async () => {
    const courseId = await aCourse()
    for (const make of Object.values(contents)) {
      const question = await aQuestion(courseId, make())
      const path = `${base}/questions/${question.questionId}`
      const { body, headers } = await hub.get(path, { as: instructor })
      expect(body).toEqual(question)
      expect(headers.get('etag')).toBe('"1"')
    }
    const page = await hub.get(`${base}/questions?courseId=${courseId}&limit=5`, { as: instructor })
    expect(page.body.items).toHaveLength(5)
    const rest = await hub.get(
      `${base}/questions?courseId=${courseId}&cursor=${page.body.nextCursor}`,
      { as: instructor },
    )
    expect(rest.body).toMatchObject({ items: [{}, {}, {}], nextCursor: null })
    const essays = await hub.get(`${base}/questions?courseId=${courseId}&kind=essay`, {
      as: instructor,
    })
    expect(essays.body.items).toMatchObject([{ content: { kind: 'essay' } }])
    expectRefusal(
      await hub.get(`${base}/questions?courseId=${courseId}&cursor=x`, { as: instructor }),
      400,
      'request.cursor',
    )
  })

  it('works in a course whose event has not arrived yet', async () => {
    const courseId = newId('course')
    newCourses.set(courseId, instructor)
    expect(await aQuestion(courseId, contents.single())).toMatchObject({ version: 1 })
  })

  it('is the business of those who build the course', async () => {
    const courseId = await aCourse()
    const question = await aQuestion(courseId, contents.single())
    const path = `${base}/questions/${question.questionId}`
    const body = { courseId, content: contents.true_false() }
    for (const as of [aLearner(), colleague, stranger]) {
      expectRefusal(await hub.get(path, { as }), 404, 'assessment.question_not_found')
      expectRefusal(
        await hub.get(`${base}/questions?courseId=${courseId}`, { as }),
        404,
        'course.not_found',
      )
      expectRefusal(await hub.post(`${base}/questions`, { as, body }), 404, 'course.not_found')
    }
    expectRefusal(await hub.get(path), 401, 'access.unauthenticated')
    for (const bad of [
      { ...body, price: 1 },
      { courseId, content: { kind: 'single' } },
    ])
      expectRefusal(
        await hub.post(`${base}/questions`, { as: instructor, body: bad }),
        400,
        'request.invalid',
      )
  })

  it('writes versions, one editor at a time, and refuses a question without a right answer', async () => {
    const courseId = await aCourse()
    const question = await aQuestion(courseId, contents.single())
    const path = `${base}/questions/${question.questionId}`
    const content = contents.single()
    const edit = (ifMatch: number, edited: object = content) =>
      hub.put(path, { as: instructor, ifMatch, body: { content: edited } })
    const raced = await Promise.all([edit(1), edit(1)])
    expect(raced.map(({ status }) => status).sort()).toEqual([200, 412])
    expect((await hub.get(path, { as: instructor })).body.version).toBe(2)
    expectRefusal(await edit(1), 412, 'assessment.revision_stale')
    const wrong = { ...content, options: [choice('a', false), choice('b', false)] }
    expectRefusal(await edit(2, wrong), 422, 'assessment.question_invalid')
    expectRefusal(
      await hub.post(`${base}/questions`, { as: instructor, body: { courseId, content: wrong } }),
      422,
      'assessment.question_invalid',
    )
    expectRefusal(
      await hub.put(nowhere.question, { as: instructor, ifMatch: 1, body: { content } }),
      404,
      'assessment.question_not_found',
    )
  })

  it('lets a question go that nothing asks, and no other, even in a race with who begins to ask it', async () => {
    const { questions, courseId } = await aQuiz(['single'])
    const asked = `${base}/questions/${questions[0].questionId}`
    expectRefusal(await hub.delete(asked, { as: instructor }), 409, 'assessment.question_in_use')
    for (let round = 0; round < 10; round += 1) {
      const question = await aQuestion(courseId, contents.true_false())
      const path = `${base}/questions/${question.questionId}`
      const sections = [{ questionIds: [question.questionId] }]
      const [archived, made] = await Promise.all([
        hub.delete(path, { as: instructor }),
        hub.post(base, { as: instructor, body: { courseId, title: 'T', sections } }),
      ])
      expect([archived.status, made.status]).toEqual(
        archived.status === 200 ? [200, 422] : [409, 201],
      )
    }
    const unasked = await aQuestion(courseId, contents.single())
    const path = `${base}/questions/${unasked.questionId}`
    await hub.delete(path, { as: instructor })
    expect((await hub.delete(path, { as: instructor })).body.archivedAt).not.toBeNull()
    const content = contents.single()
    expectRefusal(
      await hub.put(path, { as: instructor, ifMatch: 1, body: { content } }),
      409,
      'assessment.question_archived',
    )
    expectRefusal(
      await hub.delete(nowhere.question, { as: instructor }),
      404,
      'assessment.question_not_found',
    )
  })
})

describe('an assessment', () => {
  it('is made and changed by its builders, and says so each time', async () => {
    const { quiz, path } = await aQuiz(['single'])
    const change = (ifMatch: number, body: object) =>
      hub.patch(`${path}/settings`, { as: instructor, ifMatch, body })
    const raced = await Promise.all([change(1, { title: 'A' }), change(1, { title: 'B' })])
    expect(raced.map(({ status }) => status).sort()).toEqual([200, 412])
    expectRefusal(await change(1, { title: 'C' }), 412, 'assessment.revision_stale')
    expectRefusal(
      await change(2, {
        opensAt: '2026-05-01T00:00:00.000Z',
        closesAt: '2026-04-01T00:00:00.000Z',
      }),
      422,
      'assessment.invalid',
    )
    const elsewhere = await aQuestion(await aCourse(), contents.single())
    const sections = [{ questionIds: [elsewhere.questionId] }]
    expectRefusal(await change(2, { sections }), 422, 'assessment.question_unknown')
    const { body } = await hub.get(`${path}/settings`, { as: instructor })
    expect(body).toMatchObject({ revision: 2, title: expect.stringMatching(/^[AB]$/) })
    const events = (await hub.outbox('assessment.updated')).filter(
      ({ subject }) => subject === quiz.assessmentId,
    )
    expect(events.map(({ data }) => (data as Body).revision)).toEqual([1, 2])
    expect(events[0]).toMatchObject({ organizationid: organizationId })
  })

  it('is refused in a course of others, with strange questions, and with an impossible draw', async () => {
    const courseId = await aCourse()
    const { questionId } = await aQuestion(courseId, contents.single())
    const make = (body: object, as = instructor) =>
      hub.post(base, { as, body: { courseId, title: 'T', ...body } })
    expectRefusal(await make({}, colleague), 404, 'course.not_found')
    expectRefusal(
      await make({ sections: [{ questionIds: [questionId], drawCount: 2 }] }),
      422,
      'assessment.invalid',
    )
    expectRefusal(
      await make({ sections: [{ questionIds: [newId('question')] }] }),
      422,
      'assessment.question_unknown',
    )
    expectRefusal(await make({ attemptsMax: 0 }), 400, 'request.invalid')
    // What Postgres writes of such a year, nothing of ours could read again.
    expectRefusal(await make({ opensAt: '0000-01-01T00:00:00.000Z' }), 400, 'request.invalid')
    const closesAt = '9999-12-31T23:59:59.999Z'
    expect((await make({ closesAt })).body).toMatchObject({ closesAt })
  })

  it('is listed for its builders, in pages', async () => {
    const { courseId } = await aQuiz([])
    await hub.post(base, { as: instructor, body: { courseId, title: 'Second' } })
    const list = (query: string, as = instructor) =>
      hub.get(`${base}?courseId=${courseId}${query}`, { as })
    const first = await list('&limit=1')
    expect(first.body.items).toMatchObject([{ title: 'Second' }])
    const rest = await list(`&cursor=${first.body.nextCursor}`)
    expect(rest.body).toMatchObject({ items: [{ title: 'Quiz' }], nextCursor: null })
    expectRefusal(await list('&cursor=x'), 400, 'request.cursor')
    expectRefusal(await list('', colleague), 404, 'course.not_found')
  })

  it('is previewed as a learner would see it, without an attempt', async () => {
    const quiz = await aQuiz([...autoKinds, 'essay'])
    const { body, text } = await hub.get(`${quiz.path}/preview`, { as: instructor })
    expect(body.items).toHaveLength(8)
    for (const [value] of secrets) expect(text).not.toContain(value)
    expect((await hub.get(`${quiz.path}/attempts`, { as: instructor })).body.items).toEqual([])
    const { path } = await aQuiz([])
    expectRefusal(await hub.get(`${path}/preview`, { as: instructor }), 422, 'assessment.empty')
  })

  it('is hidden in every way from those who neither build it nor learn there', async () => {
    const { path } = await aQuiz(['single'])
    for (const as of [colleague, stranger, aLearner()])
      for (const at of [path, nowhere.assessment])
        for (const answer of [
          await hub.get(at, { as }),
          await hub.get(`${at}/settings`, { as }),
          await hub.patch(`${at}/settings`, { as, ifMatch: 1, body: { title: 'T' } }),
          await hub.delete(at, { as }),
          await hub.get(`${at}/preview`, { as }),
          await hub.post(`${at}/attempts`, { as }),
          await hub.get(`${at}/attempts`, { as }),
          await hub.post(`${at}/release`, { as }),
          await hub.get(`${at}/statistics`, { as }),
        ])
          expectRefusal(answer, 404, 'assessment.not_found')
  })

  it('is not archived while a version that newcomers get, or that somebody learns on, has it', async () => {
    const quiz = await aQuiz(['true_false'])
    const { courseId, learner, path } = quiz
    const archived = () => hub.delete(path, { as: instructor })
    const { assessmentId } = quiz.quiz
    await publish(courseId, [assessmentId, assessmentId], 2)
    expectRefusal(await archived(), 409, 'assessment.in_use')
    const pinned = await publish(courseId, [assessmentId], 3)
    const enrolled = await enrol(courseId, aLearner(), pinned)
    await publish(courseId, [], 4)
    expectRefusal(await archived(), 409, 'assessment.in_use')
    await hub.deliver(
      'enrollment.ended',
      {
        ...{ ...enrolled, versionId: pinned },
        ...{ reason: 'unenrolled', endedAt: '2026-02-01T00:00:00.000Z' },
      },
      { organizationId, sequence: 2 },
    )
    // The quiz's own learner is on a version that does not have it.
    expect((await start(quiz, learner)).status).toBe(200)
    expect((await archived()).body.archivedAt).not.toBeNull()
  })

  it('goes with its course: that of an archived one without learners is archived', async () => {
    const quiz = await aQuiz(['true_false'])
    await publish(quiz.courseId, [quiz.quiz.assessmentId], 2)
    await hub.deliver(
      'course.archived',
      { courseId: quiz.courseId, organizationId, archivedAt: '2026-02-01T00:00:00.000Z' },
      { organizationId, sequence: 3 },
    )
    expect((await hub.delete(quiz.path, { as: instructor })).status).toBe(200)
  })

  it('takes no new attempts and no changes once it is archived; what has begun goes on', async () => {
    const quiz = await aQuiz(['true_false'])
    const { body: attempt } = await start(quiz, quiz.learner)
    await hub.delete(quiz.path, { as: instructor })
    expect((await hub.delete(quiz.path, { as: instructor })).body.revision).toBe(2)
    const late = aLearner()
    await enrol(quiz.courseId, late)
    expectRefusal(await start(quiz, late), 409, 'assessment.archived')
    expectRefusal(
      await hub.patch(`${quiz.path}/settings`, {
        as: instructor,
        ifMatch: 2,
        body: { title: 'T' },
      }),
      409,
      'assessment.archived',
    )
    expect((await answerAll(attempt, quiz)).status).toBe(200)
    expect((await submit(attempt, quiz.learner)).body.state).toBe('released')
  })
})

describe('POST /v1/assessments/{assessmentId}/attempts', () => {
  it('begins one attempt, however often and by how many requests at once', async () => {
    const quiz = await aQuiz(['single', 'ordering'], { attemptsMax: 3 })
    const raced = await Promise.all(Array.from({ length: 20 }, () => start(quiz, quiz.learner)))
    expect(raced.map(({ status }) => status)).toEqual(raced.map(() => 200))
    expect(new Set(raced.map(({ body }) => body.attemptId)).size).toBe(1)
    expect(new Set(raced.map(({ body }) => JSON.stringify(body.items))).size).toBe(1)
    const { body } = await hub.get(quiz.path, { as: quiz.learner })
    expect(body).toMatchObject({ attemptsUsed: 1, attempts: [{ number: 1 }] })
  })

  it('gives no more attempts than there are, in a race neither', async () => {
    const quiz = await aQuiz(['true_false'], { attemptsMax: 2 })
    await takeAll(quiz)
    await takeAll(quiz)
    const raced = await Promise.all(Array.from({ length: 10 }, () => start(quiz, quiz.learner)))
    for (const answer of raced) expectRefusal(answer, 409, 'assessment.attempts_used_up')
  })

  it('stores the deadline: start + limit x accommodation, at most the closing', async () => {
    const quiz = await aQuiz(['single'], { timeLimitSeconds: 600 })
    const give = (learner: Principal, as = instructor) =>
      hub.put(`${base}/courses/${quiz.courseId}/accommodations/${learner.accountId}`, {
        as,
        body: { timeFactorBasisPoints: 15_000 },
      })
    const now = hub.clock.now()
    const other = aLearner()
    await enrol(quiz.courseId, other)
    await give(quiz.learner)
    const deadline = async (as: Principal) => (await start(quiz, as)).body.deadline
    expect(await deadline(other)).toBe(toIso(addMs(now, 10 * MINUTE_MS)))
    expect(await deadline(quiz.learner)).toBe(toIso(addMs(now, 15 * MINUTE_MS)))
    expect((await hub.get(quiz.path, { as: quiz.learner })).body.timeLimitSeconds).toBe(900)
    await give(other)
    expect(await deadline(other)).toBe(toIso(addMs(now, 10 * MINUTE_MS)))
    const list = (query: string, as = instructor) =>
      hub.get(`${base}/courses/${quiz.courseId}/accommodations${query}`, { as })
    expect((await list('')).body.items).toHaveLength(2)
    expect((await list('?limit=1')).body.nextCursor).not.toBeNull()
    expectRefusal(await list('?cursor=x'), 400, 'request.cursor')
    expectRefusal(await list('', colleague), 404, 'course.not_found')
    expectRefusal(await give(other, colleague), 404, 'course.not_found')
  })

  it('is refused before the opening, after the closing, and where nothing is asked', async () => {
    const now = hub.clock.now()
    const early = await aQuiz(['single'], { opensAt: toIso(addMs(now, MINUTE_MS)) })
    expectRefusal(await start(early, early.learner), 409, 'assessment.not_open')
    const late = await aQuiz(['single'], { closesAt: toIso(now) })
    expectRefusal(await start(late, late.learner), 409, 'assessment.closed')
    const empty = await aQuiz([])
    expectRefusal(await start(empty, empty.learner), 422, 'assessment.empty')
  })

  it('counts an enrolment from the moment it was made, and none that has ended', async () => {
    const { courseId, path } = await aQuiz(['single'])
    newLearners.add(courseId)
    expect((await start({ path }, aLearner())).status).toBe(200)
    newLearners.delete(courseId)
    const leaver = aLearner()
    const enrollment = await enrol(courseId, leaver)
    const { body: attempt } = await start({ path }, leaver)
    await hub.deliver(
      'enrollment.ended',
      { ...enrollment, reason: 'unenrolled', endedAt: toIso(hub.clock.now()) },
      { organizationId, sequence: 2 },
    )
    expectRefusal(await start({ path }, leaver), 404, 'assessment.not_found')
    const answers = [{ questionId: attempt.items[0].questionId, answer: null }]
    expectRefusal(await save(attempt, answers, leaver), 404, 'enrollment.no_access')
  })

  it('keeps the questions that it drew, whatever becomes of them', async () => {
    const quiz = await aQuiz(['true_false'])
    const { body: attempt } = await start(quiz, quiz.learner)
    const [question] = quiz.questions
    const content = { ...contents.true_false(), prompt: 'Another?', isTrue: false }
    const path = `${base}/questions/${question.questionId}`
    const { body: edited } = await hub.put(path, { as: instructor, ifMatch: 1, body: { content } })
    keep(edited)
    expect((await start(quiz, quiz.learner)).body.items).toEqual(attempt.items)
    await answerAll(attempt, quiz)
    expect((await submit(attempt, quiz.learner)).body.grade.gradeBasisPoints).toBe(10_000)
    const { body } = await hub.get(`${attemptPath(attempt)}/grading`, { as: instructor })
    expect(body.items).toMatchObject([{ version: 1, content: { isTrue: true } }])
  })

  it('draws as many as it says, for each learner anew', async () => {
    const courseId = await aCourse()
    const questionIds: string[] = []
    for (let count = 0; count < 12; count += 1)
      questionIds.push((await aQuestion(courseId, contents.true_false())).questionId)
    const sections = [{ questionIds, drawCount: 5 }]
    const quiz = await aQuiz([], { sections }, courseId)
    const draws = new Set<string>()
    for (let count = 0; count < 5; count += 1) {
      const learner = aLearner()
      await enrol(courseId, learner)
      const { items } = (await start(quiz, learner)).body
      expect(new Set(items.map(({ questionId }: Body) => questionId)).size).toBe(5)
      draws.add(JSON.stringify(items.map(({ questionId }: Body) => questionId)))
    }
    expect(draws.size).toBeGreaterThan(1)
  })
})

describe('PUT /v1/assessments/attempts/{attemptId}/answers', () => {
  it('lets one of many saves of one revision win, and takes the same save again and again', async () => {
    const quiz = await aQuiz(['short_text'])
    const { body: attempt } = await start(quiz, quiz.learner)
    const [{ questionId }] = attempt.items
    const write = (text: string, ifMatch: number) =>
      save(attempt, [{ questionId, answer: { kind: 'short_text', text } }], quiz.learner, ifMatch)
    const raced = await Promise.all(Array.from({ length: 10 }, (_, n) => write(`text ${n}`, 1)))
    expect(raced.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const answer of raced.filter(({ status }) => status !== 200))
      expectRefusal(answer, 412, 'assessment.revision_stale')
    const repeated = await Promise.all(Array.from({ length: 10 }, () => write('the same', 2)))
    expect(repeated.map(({ body }) => body.revision)).toEqual(repeated.map(() => 3))
    const { body } = await hub.get(attemptPath(attempt), { as: quiz.learner })
    expect(body).toMatchObject({ revision: 3, items: [{ answer: { text: 'the same' } }] })
  })

  it('changes what it names and leaves the rest; null takes an answer back', async () => {
    const quiz = await aQuiz(['true_false', 'essay'])
    const { body: attempt } = await start(quiz, quiz.learner)
    await answerAll(attempt, quiz)
    const item = attempt.items.find(({ asked }: Body) => asked.kind === 'true_false')
    const answers = [{ questionId: item.questionId, answer: null }]
    expect((await save(attempt, answers, quiz.learner, 2)).status).toBe(200)
    const { body } = await hub.get(attemptPath(attempt), { as: quiz.learner })
    const kinds = body.items.map(({ answer }: Body) => answer?.kind ?? null)
    expect(kinds.sort()).toEqual(['essay', null])
  })

  it('is judged by when the server received it: refused from the deadline on, before and after the sweep', async () => {
    const quiz = await aQuiz(['true_false'], { timeLimitSeconds: 60 })
    const { body: attempt } = await start(quiz, quiz.learner)
    hub.clock.advanceMs(60 * SECOND_MS - 1)
    const { body: saved } = await answerAll(attempt, quiz)
    hub.clock.advanceMs(1)
    const answers = [{ questionId: attempt.items[0].questionId, answer: null }]
    const late = () => save(attempt, answers, quiz.learner, saved.revision)
    expectRefusal(await late(), 409, 'assessment.deadline_passed')
    hub.clock.advanceMs(SWEEP_GRACE_MS)
    await hub.runJob('submitOverdue')
    expectRefusal(await late(), 409, 'assessment.deadline_passed')
    const { body } = await hub.get(attemptPath(attempt), { as: quiz.learner })
    expect(body).toMatchObject({
      state: 'released',
      submittedAt: attempt.deadline,
      grade: { gradeBasisPoints: 10_000 },
    })
  })

  it('refuses what was not asked, what is too much, and what was handed in', async () => {
    const quiz = await aQuiz(['single', 'essay', 'essay', 'essay', 'essay'])
    const { body: attempt } = await start(quiz, quiz.learner)
    const [single] = attempt.items.filter(({ asked }: Body) => asked.kind === 'single')
    const strange = { kind: 'single', optionId: newOpaqueId('option') }
    for (const [questionId, answer] of [
      [single.questionId, strange],
      [single.questionId, { kind: 'true_false', isTrue: true }],
      [newId('question'), null],
    ])
      expectRefusal(
        await save(attempt, [{ questionId, answer }], quiz.learner),
        422,
        'assessment.answer_invalid',
      )
    const essays = attempt.items.filter(({ asked }: Body) => asked.kind === 'essay')
    const long = essays.map(({ questionId }: Body) => ({
      questionId,
      answer: { kind: 'essay', text: '€'.repeat(20_000) },
    }))
    expectRefusal(await save(attempt, long, quiz.learner), 422, 'assessment.answers_too_large')
    expectRefusal(
      await save(
        attempt,
        [{ questionId: single.questionId, answer: 'yes' } as object],
        quiz.learner,
      ),
      400,
      'request.invalid',
    )
    await submit(attempt, quiz.learner)
    const none = [{ questionId: single.questionId, answer: null }]
    expectRefusal(await save(attempt, none, quiz.learner), 409, 'assessment.attempt_closed')
  })

  it('is for the learner whose attempt it is: to all others it does not exist', async () => {
    const quiz = await aQuiz(['single'])
    const { body: attempt } = await start(quiz, quiz.learner)
    const other = aLearner()
    await enrol(quiz.courseId, other)
    const answers = [{ questionId: attempt.items[0].questionId, answer: null }]
    for (const as of [other, instructor, stranger])
      for (const answer of [
        await hub.get(attemptPath(attempt), { as }),
        await save(attempt, answers, as),
        await submit(attempt, as),
      ])
        expectRefusal(answer, 404, 'assessment.attempt_not_found')
    expect((await hub.get(attemptPath(attempt))).status).toBe(401)
  })
})

describe('POST /v1/assessments/attempts/{attemptId}/submit', () => {
  it('gives everything for the key, and one event of each kind however often it is sent', async () => {
    const quiz = await aQuiz(autoKinds)
    const { body: attempt } = await start(quiz, quiz.learner)
    expect((await answerAll(attempt, quiz)).status).toBe(200)
    const raced = await Promise.all(Array.from({ length: 10 }, () => submit(attempt, quiz.learner)))
    for (const { body } of raced)
      expect(body).toMatchObject({
        state: 'released',
        grade: { gradeBasisPoints: 10_000, isPassed: true },
      })
    expect(await eventsOf('attempt.submitted', attempt)).toMatchObject([
      { organizationid: organizationId, data: { by: 'learner' } },
    ])
    expect(await eventsOf('attempt.graded', attempt)).toMatchObject([
      { data: { gradeBasisPoints: 10_000, passed: true, resultNumber: 1 } },
    ])
  })

  it('gives partial credit, and nothing for what was left out', async () => {
    const quiz = await aQuiz(['multiple', 'single'])
    const { body: attempt } = await start(quiz, quiz.learner)
    const item = attempt.items.find(({ asked }: Body) => asked.kind === 'multiple')
    const [one] = rightAnswer(item, quiz.questions).optionIds
    const answer = { kind: 'multiple', optionIds: [one] }
    await save(attempt, [{ questionId: item.questionId, answer }], quiz.learner)
    const { body } = await submit(attempt, quiz.learner)
    expect(body.grade).toEqual({ gradeBasisPoints: 2_500, isPassed: false })
  })

  it('races the sweeper 100 times: one submission, one grade, one event each', async () => {
    const quiz = await aQuiz(['true_false'], { timeLimitSeconds: 30 })
    const attempts: Body[] = []
    for (let round = 0; round < 100; round += 1) {
      const learner = aLearner()
      await enrol(quiz.courseId, learner)
      const { body: attempt } = await start(quiz, learner)
      await answerAll(attempt, quiz, learner)
      hub.clock.advanceMs(30 * SECOND_MS + SWEEP_GRACE_MS)
      const [submitted] = await Promise.all([
        submit(attempt, learner),
        hub.runJob('submitOverdue'),
        hub.runJob('submitOverdue'),
        submit(attempt, learner),
      ])
      expect(submitted.body).toMatchObject({ state: 'released', submittedAt: attempt.deadline })
      attempts.push(attempt)
    }
    const ids = new Set(attempts.map(({ attemptId }) => attemptId))
    for (const type of ['attempt.submitted', 'attempt.graded'] as const) {
      const events = (await hub.outbox(type)).filter(({ subject }) => ids.has(subject))
      expect(events.map(({ subject }) => subject).sort()).toEqual([...ids].sort())
    }
  })

  it('is done for the learner when the next attempt begins after the deadline', async () => {
    const quiz = await aQuiz(['true_false'], { timeLimitSeconds: 30, attemptsMax: 2 })
    const { body: first } = await start(quiz, quiz.learner)
    hub.clock.advanceMs(30 * SECOND_MS)
    const { body: second } = await start(quiz, quiz.learner)
    expect(second.number).toBe(2)
    expect(await eventsOf('attempt.submitted', first)).toMatchObject([{ data: { by: 'deadline' } }])
  })
})

describe('the sweeper', () => {
  it('leaves alone what has time, or whose last save may still be on its way', async () => {
    const quiz = await aQuiz(['true_false'], { timeLimitSeconds: 30 })
    const { body: attempt } = await start(quiz, quiz.learner)
    hub.clock.advanceMs(30 * SECOND_MS + REQUEST_MS_MAX - 1)
    await hub.runJob('submitOverdue')
    expect(await eventsOf('attempt.submitted', attempt)).toEqual([])
    hub.clock.advanceMs(1)
    await hub.runJob('submitOverdue')
    expect(await eventsOf('attempt.submitted', attempt)).toHaveLength(1)
  })

  it('goes through more than one page', async () => {
    const quiz = await aQuiz(['true_false'], { timeLimitSeconds: 30 })
    const learners = Array.from({ length: 120 }, aLearner)
    for (const learner of learners) {
      await enrol(quiz.courseId, learner)
      await start(quiz, learner)
    }
    hub.clock.advanceMs(30 * SECOND_MS + SWEEP_GRACE_MS)
    await hub.runJob('submitOverdue')
    const open = await hub.get(`${quiz.path}/attempts?state=in_progress`, { as: instructor })
    expect(open.body.items).toEqual([])
  })
})

describe('grading by hand', () => {
  const gradeOne = (
    attempt: Body,
    questionId: string,
    points: number,
    { as = instructor, ifMatch = 0 }: { as?: Principal; ifMatch?: number } = {},
  ) =>
    hub.put(`${attemptPath(attempt)}/grades/${questionId}`, {
      as,
      ifMatch,
      body: { points, comment: 'See Murch.' },
    })

  it('loses no grade when two graders work at once, and lets one win on the same essay', async () => {
    const quiz = await aQuiz(['essay', 'essay', 'true_false'])
    const attempt = await takeAll(quiz)
    expect(attempt).toMatchObject({ state: 'submitted', grade: null })
    expect(await eventsOf('attempt.graded', attempt)).toEqual([])
    const essays = attempt.items.filter(({ asked }: Body) => asked.kind === 'essay')
    const raced = await Promise.all(
      essays.flatMap(({ questionId }: Body) =>
        Array.from({ length: 5 }, (_, points) => gradeOne(attempt, questionId, points)),
      ),
    )
    expect(raced.filter(({ status }) => status === 200)).toHaveLength(2)
    for (const answer of raced.filter(({ status }) => status !== 200))
      expectRefusal(answer, 412, 'assessment.revision_stale')
    expect(await eventsOf('attempt.graded', attempt)).toHaveLength(1)
    const { body } = await hub.get(`${attemptPath(attempt)}/grading`, { as: instructor })
    expect(body.state).toBe('released')
    expect(body.items.every(({ credit }: Body) => credit !== null)).toBe(true)
  })

  it('says the result again when a released grade is corrected', async () => {
    const quiz = await aQuiz(['essay'])
    const attempt = await takeAll(quiz)
    const [{ questionId }] = attempt.items
    await gradeOne(attempt, questionId, 1)
    const answer = await gradeOne(attempt, questionId, 4, { ifMatch: 1 })
    expect(answer.headers.get('etag')).toBe('"2"')
    expect(await eventsOf('attempt.graded', attempt)).toMatchObject([
      { data: { gradeBasisPoints: 2_500, passed: false, resultNumber: 1 } },
      { data: { gradeBasisPoints: 10_000, passed: true, resultNumber: 2 } },
    ])
  })

  it('refuses comments that are too long together', async () => {
    const quiz = await aQuiz(Array.from({ length: 18 }, () => 'essay' as const))
    const attempt = await takeAll(quiz)
    const comment = '€'.repeat(2_000)
    const answers: Answer[] = []
    for (const { questionId } of attempt.items)
      answers.push(
        await hub.put(`${attemptPath(attempt)}/grades/${questionId}`, {
          as: instructor,
          ifMatch: 0,
          body: { points: 1, comment },
        }),
      )
    expect(answers.slice(0, 16).map(({ status }) => status)).toEqual(Array(16).fill(200))
    for (const answer of answers.slice(16))
      expectRefusal(answer, 422, 'assessment.comments_too_large')
  })

  it('refuses too many points, an open attempt, and whoever does not grade there', async () => {
    const quiz = await aQuiz(['essay'])
    const { body: open } = await start(quiz, quiz.learner)
    const [{ questionId }] = open.items
    expectRefusal(await gradeOne(open, questionId, 1), 409, 'assessment.attempt_open')
    const attempt = await takeAll(quiz)
    expectRefusal(await gradeOne(attempt, questionId, 5), 422, 'assessment.points_invalid')
    const path = attemptPath(attempt)
    const body = { gradeBasisPoints: 1, reason: 'r' }
    for (const as of [quiz.learner, colleague, stranger])
      for (const answer of [
        await gradeOne(attempt, questionId, 1, { as }),
        await hub.get(`${path}/grading`, { as }),
        await hub.post(`${path}/release`, { as }),
        await hub.put(`${path}/override`, { as, ifMatch: 0, body }),
        await hub.delete(`${path}/override`, { as, ifMatch: 0 }),
      ])
        expectRefusal(answer, 404, 'assessment.attempt_not_found')
    const assistant = somebody('learner', {
      organizationId,
      courses: { [quiz.courseId]: ['assessment:grade'] },
    })
    staff.add(assistant)
    expect((await gradeOne(attempt, questionId, 1, { as: assistant })).status).toBe(200)
  })

  it('holds grade, points and comments back until the release, then lets them stand once', async () => {
    const quiz = await aQuiz(['essay', 'true_false'], {
      release: 'manual',
      feedback: {
        during: {},
        afterSubmit: { score: true, correctness: true },
        afterClose: {},
        afterRelease: {},
      },
    })
    const attempt = await takeAll(quiz)
    const path = attemptPath(attempt)
    const release = () => hub.post(`${path}/release`, { as: instructor })
    expectRefusal(await release(), 409, 'assessment.not_graded')
    const override = { gradeBasisPoints: 9_000, reason: 'Spoken exam.' }
    expectRefusal(
      await hub.put(`${path}/override`, { as: instructor, ifMatch: 0, body: override }),
      409,
      'assessment.not_graded',
    )
    const essay = attempt.items.find(({ asked }: Body) => asked.kind === 'essay')
    await gradeOne(attempt, essay.questionId, 2)
    const seen = async () => {
      const { body } = await hub.get(path, { as: quiz.learner })
      const item = body.items.find(({ asked }: Body) => asked.kind === 'essay')
      return { grade: body.grade?.gradeBasisPoints ?? null, comment: item.comment }
    }
    expect(await seen()).toEqual({ grade: null, comment: null })
    expect(await eventsOf('attempt.graded', attempt)).toEqual([])
    await Promise.all(Array.from({ length: 5 }, release))
    expect(await eventsOf('attempt.graded', attempt)).toHaveLength(1)
    expect(await seen()).toEqual({ grade: 7_500, comment: 'See Murch.' })
  })

  it('releases all that is graded, once each, however many press the button', async () => {
    const quiz = await aQuiz(['true_false'], { release: 'manual' })
    const learners = Array.from({ length: 3 }, aLearner)
    const taken: Body[] = []
    for (const learner of learners) {
      await enrol(quiz.courseId, learner)
      taken.push(await takeAll(quiz, learner))
    }
    expect(taken.map(({ state }) => state)).toEqual(['graded', 'graded', 'graded'])
    const release = () => hub.post(`${quiz.path}/release`, { as: instructor })
    const answers = await Promise.all(Array.from({ length: 4 }, release))
    const counts = answers.map(({ body }) => body.releasedCount)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3)
    expect(answers.map(({ body }) => body.hasMore)).toEqual([false, false, false, false])
    for (const attempt of taken) expect(await eventsOf('attempt.graded', attempt)).toHaveLength(1)
  })

  it('is outranked by an override with a reason, until that is removed', async () => {
    const quiz = await aQuiz(['essay'])
    const attempt = await takeAll(quiz)
    const [{ questionId }] = attempt.items
    await gradeOne(attempt, questionId, 0)
    const path = `${attemptPath(attempt)}/override`
    const body = { gradeBasisPoints: 8_000, reason: 'Spoken exam.' }
    const { body: overridden } = await hub.put(path, { as: instructor, ifMatch: 0, body })
    expect(overridden).toMatchObject({
      grade: { gradeBasisPoints: 8_000, isPassed: true },
      override: { ...body, byId: instructor.accountId },
    })
    await gradeOne(attempt, questionId, 1, { ifMatch: 1 })
    const standing = async () => (await hub.get(quiz.path, { as: quiz.learner })).body.standing
    expect(await standing()).toEqual({ gradeBasisPoints: 8_000, isPassed: true })
    expectRefusal(
      await hub.delete(path, { as: instructor, ifMatch: 0 }),
      412,
      'assessment.revision_stale',
    )
    await hub.delete(path, { as: instructor, ifMatch: 1 })
    expect(await standing()).toEqual({ gradeBasisPoints: 2_500, isPassed: false })
    const again = await hub.delete(path, { as: instructor, ifMatch: 1 })
    expect(again.body.override).toBeNull()
    const bare = { gradeBasisPoints: 1 }
    expect((await hub.put(path, { as: instructor, ifMatch: 2, body: bare })).status).toBe(400)
  })

  it('loses no override to another one that was decided on the same grade', async () => {
    const quiz = await aQuiz(['essay'])
    const attempt = await takeAll(quiz)
    await gradeOne(attempt, attempt.items[0].questionId, 0)
    const path = `${attemptPath(attempt)}/override`
    const answers = await Promise.all(
      [8_000, 3_000].map((gradeBasisPoints) =>
        hub.put(path, { as: instructor, ifMatch: 0, body: { gradeBasisPoints, reason: 'r' } }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
    const stale = answers.find(({ status }) => status === 412)
    expectRefusal(stale as Answer, 412, 'assessment.revision_stale')
  })
})

describe('the result', () => {
  const takeTwice = async (policy: 'best' | 'last') => {
    const quiz = await aQuiz(['true_false'], { attemptsMax: 2, policy })
    await takeAll(quiz)
    const { body: second } = await start(quiz, quiz.learner)
    await submit(second, quiz.learner)
    const { body } = await hub.get(quiz.path, { as: quiz.learner })
    const [event] = await eventsOf('attempt.graded', second)
    return { standing: body.standing, told: event?.data }
  }

  it('is the best attempt or the last one, and the event tells that and not the attempt', async () => {
    expect(await takeTwice('best')).toMatchObject({
      standing: { gradeBasisPoints: 10_000, isPassed: true },
      told: { gradeBasisPoints: 10_000, passed: true, resultNumber: 2 },
    })
    expect(await takeTwice('last')).toMatchObject({
      standing: { gradeBasisPoints: 0, isPassed: false },
      told: { gradeBasisPoints: 0, passed: false, resultNumber: 2 },
    })
  })

  it('keeps the policy under which it was told', async () => {
    const quiz = await aQuiz(['true_false'], { attemptsMax: 2 })
    const change = (settings: object, ifMatch: number) =>
      hub.patch(`${quiz.path}/settings`, { as: instructor, ifMatch, body: settings })
    expect((await change({ policy: 'last' }, 1)).status).toBe(200)
    await takeAll(quiz)
    expectRefusal(await change({ policy: 'best' }, 2), 409, 'assessment.policy_fixed')
    expect((await change({ policy: 'last', title: 'Finals' }, 2)).status).toBe(200)
  })
})

describe('GET /v1/assessments/{assessmentId}/attempts and statistics', () => {
  it('lists attempts by state and learner, in pages, and counts what was answered', async () => {
    const quiz = await aQuiz(['true_false', 'essay'])
    const other = aLearner()
    await enrol(quiz.courseId, other)
    await takeAll(quiz)
    const { body: empty } = await start(quiz, other)
    await submit(empty, other)
    const list = async (query: string) =>
      (await hub.get(`${quiz.path}/attempts?${query}`, { as: instructor })).body
    expect((await list('state=submitted')).items).toMatchObject([
      { accountId: quiz.learner.accountId, grade: null },
    ])
    expect((await list(`accountId=${other.accountId}`)).items).toMatchObject([
      { state: 'released', grade: { gradeBasisPoints: 0 } },
    ])
    const first = await list('limit=1')
    expect((await list(`cursor=${first.nextCursor}`)).items).toHaveLength(1)
    expect((await list('cursor=x')).code).toBe('request.cursor')
    const { body } = await hub.get(`${quiz.path}/statistics`, { as: instructor })
    expect(body.questions).toHaveLength(2)
    expect(body.questions).toContainEqual(
      expect.objectContaining({ askedCount: 2, answeredCount: 1, creditBasisPoints: 5_000 }),
    )
  })
})

describe('feedback by phase', () => {
  it('shows key and explanations when the assessment has closed, and not a moment before', async () => {
    const closesAt = addMs(hub.clock.now(), MINUTE_MS)
    const feedback = {
      during: {},
      afterSubmit: scoreOnly,
      afterClose: open,
      afterRelease: hidden,
    }
    const quiz = await aQuiz(autoKinds, { closesAt: toIso(closesAt), feedback })
    const attempt = await takeAll(quiz)
    const look = async () => (await hub.get(attemptPath(attempt), { as: quiz.learner })).body
    for (const item of (await look()).items)
      expect(item).toMatchObject({
        credit: null,
        key: null,
        explanation: null,
        optionFeedback: null,
      })
    hub.clock.set(closesAt)
    for (const { questionId } of quiz.questions) revealed.add(questionId)
    for (const item of (await look()).items) {
      const { content } = quiz.questions.find(({ questionId }) => questionId === item.questionId)
      expect(item).toMatchObject({
        credit: { earned: expect.any(Number), of: expect.any(Number) },
        key: { kind: content.kind },
        explanation: content.explanation,
      })
    }
  })

  it('is shown to nobody while another still answers, though it was closed ahead of its time', async () => {
    const feedback = { during: {}, afterSubmit: hidden, afterClose: open, afterRelease: hidden }
    const quiz = await aQuiz(['true_false'], { feedback })
    const { body: running } = await start(quiz, quiz.learner)
    const other = aLearner()
    await enrol(quiz.courseId, other)
    const handedIn = await takeAll(quiz, other)
    const closesAt = addMs(hub.clock.now(), MINUTE_MS)
    const body = { closesAt: toIso(closesAt) }
    await hub.patch(`${quiz.path}/settings`, { as: instructor, ifMatch: 1, body })
    hub.clock.set(closesAt)
    for (const { questionId } of quiz.questions) revealed.add(questionId)
    const seen = await hub.get(attemptPath(handedIn), { as: other })
    expect(seen.body.items[0].key).toMatchObject({ isTrue: true })
    expectRefusal(await answerAll(running, quiz), 409, 'assessment.deadline_passed')
    hub.clock.advanceMs(SWEEP_GRACE_MS)
    await doors.runJob('submitOverdue')
    expect((await hub.get(attemptPath(running), { as: quiz.learner })).body).toMatchObject({
      ...{ state: 'released', deadline: toIso(closesAt), submittedAt: toIso(closesAt) },
    })
  })

  it('shows the credit of saved answers in practice, and never a key before the end', async () => {
    const all = { afterSubmit: open, afterClose: open, afterRelease: open }
    const feedback = { during: { correctness: true }, ...all }
    const quiz = await aQuiz(['true_false', 'single'], { feedback })
    const { body: attempt } = await start(quiz, quiz.learner)
    const item = attempt.items.find(({ asked }: Body) => asked.kind === 'true_false')
    const answer = { kind: 'true_false', isTrue: true }
    await save(attempt, [{ questionId: item.questionId, answer }], quiz.learner)
    const { body } = await hub.get(attemptPath(attempt), { as: quiz.learner })
    const credits = body.items.map(({ credit }: Body) => credit)
    expect(credits).toEqual(expect.arrayContaining([null, { earned: 1, of: 1 }]))
    expect(body.items.every(({ key }: Body) => key === null)).toBe(true)
    for (const { questionId } of quiz.questions) revealed.add(questionId)
    const { body: ended } = await submit(attempt, quiz.learner)
    expect(ended.items.every(({ key }: Body) => key !== null)).toBe(true)
  })
})

describe('what the log delivers twice', () => {
  it('changes nothing the second time', async () => {
    const { courseId, path } = await aQuiz(['single'])
    const learner = aLearner()
    const event = {
      enrollmentId: newId('enrollment'),
      courseId,
      organizationId,
      accountId: learner.accountId,
    }
    const id = newId('event')
    const activate = () =>
      hub.deliver(
        'enrollment.activated',
        { ...event, versionId, startsAt: '2026-01-01T00:00:00.000Z', endsAt: null },
        { organizationId, id },
      )
    expect([await activate(), await activate()]).toEqual(['done', 'repeated'])
    expect((await hub.get(path, { as: learner })).status).toBe(200)
  })
})

describe('everything that learners were answered in this file', () => {
  /** Where ids of options may stand in an answer: in what is asked, and in what the learner answered. */
  const mayHoldIds = /^items\.\d+\.(asked\.(options|prompts|choices)\.\d+\.optionId$|answer\.)/
  const walk = (value: Body, path: string, visit: (path: string, value: Body) => void): void => {
    visit(path, value)
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value))
        walk(inner, path ? `${path}.${key}` : key, visit)
  }
  it('holds no explanation, feedback, accepted text, number, tolerance or guidance of any question', () => {
    expect(watched.length).toBeGreaterThan(500)
    expect(secrets.size).toBeGreaterThan(150)
    const leaks = watched.flatMap((answer) =>
      [...secrets]
        .filter(
          ([text, questionId]) => !answer.revealed.has(questionId) && answer.text.includes(text),
        )
        .map(([text]) => `${answer.path}: ${text}`),
    )
    expect(leaks).toEqual([])
  })

  it('holds no key, by name or by the id of an option, before its phase', () => {
    const leaks: string[] = []
    for (const { text, path, revealed: shown } of watched) {
      if (!text) continue
      const body: Body = JSON.parse(text)
      for (const { questionId, key, explanation, optionFeedback } of body.items ?? [])
        if (!shown.has(questionId) && (key || explanation || optionFeedback)) leaks.push(path)
      const isRevealed = (body.items ?? []).some(({ questionId }: Body) => shown.has(questionId))
      if (isRevealed) continue
      if (/isCorrect|acceptedTexts|tolerance|guidance|"seed"|"content"|"feedback"/.test(text))
        leaks.push(`${path}: a field of the key`)
      walk(body, '', (at, value) => {
        if (typeof value === 'string' && /^opt_/.test(value) && !mayHoldIds.test(at))
          leaks.push(`${path}: ${at}`)
      })
    }
    expect(leaks).toEqual([])
  })

  it('shows what must be sorted or matched in an order that is not the key’s', () => {
    const isSorted = (texts: string[]) => texts.join() === [...texts].sort().join()
    const shownOrders: boolean[] = []
    for (const { text } of watched)
      for (const { asked } of (text ? JSON.parse(text).items : undefined) ?? []) {
        const options: Body[] | undefined =
          asked?.kind === 'ordering' ? asked.options : asked?.choices
        if (options) shownOrders.push(isSorted(options.map(({ text: shown }) => shown)))
      }
    expect(shownOrders.length).toBeGreaterThan(10)
    expect(shownOrders.filter(Boolean).length).toBeLessThan(shownOrders.length / 4)
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
