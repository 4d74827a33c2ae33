import type { Principal } from '../../../shared/http/caller.ts'
import { type AccountId, newId, type OrganizationId } from '../../../shared/kernel/id.ts'
import { systemClock, toIso } from '../../../shared/kernel/time.ts'
import { continueTrace } from '../../../shared/observe/trace.ts'
import { eventually } from '../../support/eventually.ts'
import { type Client, createClient, type Wanted } from '../client.ts'
import { createHistory } from '../history.ts'
import type { Campus } from './campus.ts'
import { principalOf } from './people.ts'

/** Places in the course that everybody wants to enrol in. */
export const CAPACITY = 4
/** Seats of the licence pool that everybody wants one of. */
export const SEATS = 3
/** How often the invitation code works. */
export const CODE_USES_MAX = 25

export type Course = {
  readonly courseId: string
  readonly textLessonId: string
  readonly assessmentId: string
  readonly questionId: string
}

/** What there is before anything goes wrong: an organisation, its people, and three published courses. */
export type Curriculum = {
  readonly organizationId: OrganizationId
  readonly teacher: Principal
  readonly learners: readonly Principal[]
  /** Limited to {@link CAPACITY}. */
  readonly full: Course
  /** Open to who has the code. */
  readonly coded: Course & { readonly code: string; readonly codeId: string }
  /** Open to who has a seat. */
  readonly licensed: Course & { readonly poolId: string }
}

const TIMEOUT_MS = 60_000

/** Builds it through the doors, as people would. @throws where anything of it is refused. */
export const foundCurriculum = async (campus: Campus, learners: number): Promise<Curriculum> => {
  const history = createHistory()
  const client = createClient({ urls: campus.urls, signIn: campus.signIn, history })
  const organizationId = await foundOrganization(client)
  const teacher = principalOf('owner', { accountId: newId('account'), organizationId })
  const people = Array.from({ length: learners }, () =>
    principalOf('learner', { accountId: newId('account'), organizationId }),
  )
  const accountIds = [teacher, ...people].map(({ accountId }) => accountId)
  await register(campus, { organizationId, accountIds })
  const make = (body: Omit<Wanted, 'as' | 'id'>) => insist(client, { ...body, as: teacher })
  const [full, coded, licensed] = [
    await foundCourse(make, 'Full'),
    await foundCourse(make, 'Coded'),
    await foundCourse(make, 'Licensed'),
  ]
  const settings = {
    ...{ opensAt: null, closesAt: null, accessDays: null, timeZone: 'UTC' },
    enforcesPrerequisites: false,
  }
  await make({
    ...{ kind: 'putSettings', method: 'PUT' },
    path: `/v1/enrollments/courses/${full.courseId}/settings`,
    body: { ...settings, capacity: CAPACITY },
  })
  const code = await make({
    ...{ kind: 'createCode', method: 'POST' },
    path: `/v1/enrollments/courses/${coded.courseId}/codes`,
    body: { usesMax: CODE_USES_MAX },
  })
  const pool = await make({
    ...{ kind: 'createLicencePool', method: 'POST' },
    path: `/v1/organizations/${organizationId}/licence-pools`,
    body: { courseId: licensed.courseId, name: 'Seats', seatCount: SEATS },
  })
  return {
    ...{ organizationId, teacher, full },
    learners: people,
    coded: { ...coded, code: String(code.code), codeId: String(code.codeId) },
    licensed: { ...licensed, poolId: String(pool.poolId) },
  }
}

type Answer = Readonly<Record<string, unknown>>
type Make = (body: Omit<Wanted, 'as' | 'id'>) => Promise<Answer>

const insist = async (client: Client, wanted: Omit<Wanted, 'id'>): Promise<Answer> =>
  eventually(
    async () => {
      const { outcome, answer, attempts } = await client.perform({ id: 'founding', ...wanted })
      if (outcome !== 'acknowledged')
        throw new Error(
          `${wanted.kind}: ${JSON.stringify(attempts.at(-1))} ${JSON.stringify(answer)}`,
        )
      return answer as Answer
    },
    { timeoutMs: TIMEOUT_MS },
  )

const foundOrganization = async (client: Client): Promise<OrganizationId> => {
  const founder = principalOf('platform_admin', {
    accountId: newId('account'),
    organizationId: newId('organization'),
  })
  const { organizationId } = await insist(client, {
    ...{ kind: 'createOrganization', as: founder, method: 'POST', path: '/v1/organizations' },
    body: { name: 'Campus' },
  })
  return organizationId as OrganizationId
}

/** As auth tells it: an account joins the organisation that it signs up with. */
const register = async (
  campus: Campus,
  {
    organizationId,
    accountIds,
  }: { organizationId: OrganizationId; accountIds: readonly AccountId[] },
) => {
  await campus.bus.send(
    accountIds.map((accountId) => ({
      topic: 'hub.auth.v1',
      key: accountId,
      value: JSON.stringify({
        ...{ specversion: '1.0', id: newId('event'), source: '/auth', subject: accountId },
        type: 'account.registered',
        time: toIso(systemClock()),
        datacontenttype: 'application/json',
        actorid: accountId,
        traceparent: continueTrace(undefined),
        sequence: 1,
        data: {
          ...{ accountId, organizationId, name: 'Somebody', locale: 'en', timeZone: 'UTC' },
          email: `${accountId}@campus.test`,
        },
      }),
    })),
  )
  await eventually(
    async () => {
      const [row] = await campus.database.query<{ members: number }>(
        'select count(*)::int as members from organization.members where account_id = any($1)',
        [accountIds],
      )
      if (row?.members !== accountIds.length) throw new Error('not everybody has joined yet')
    },
    { timeoutMs: TIMEOUT_MS },
  )
}

const foundCourse = async (make: Make, title: string): Promise<Course> => {
  const draft = await make({
    ...{ kind: 'createCourse', method: 'POST', path: '/v1/courses' },
    body: { title },
  })
  const courseId = String(draft.courseId)
  const question = await make({
    ...{ kind: 'createQuestion', method: 'POST', path: '/v1/assessments/questions' },
    body: {
      courseId,
      content: { kind: 'true_false', prompt: 'Is it true?', explanation: '', isTrue: true },
    },
  })
  const quiz = await make({
    ...{ kind: 'createAssessment', method: 'POST', path: '/v1/assessments' },
    body: {
      ...{ courseId, title, attemptsMax: 100 },
      sections: [{ questionIds: [question.questionId] }],
    },
  })
  const assessmentId = String(quiz.assessmentId)
  const lesson = async (completion: unknown, blocks: unknown[]) => {
    const made = await make({
      ...{ kind: 'createLesson', method: 'POST', path: '/v1/lessons' },
      body: { courseId, title, blocks, completion },
    })
    return String(made.lessonId)
  }
  const textLessonId = await lesson({ kind: 'viewed' }, [
    { kind: 'rich_text', html: '<p>Read.</p>' },
  ])
  const quizLessonId = await lesson({ kind: 'quiz_passed', assessmentId }, [
    { kind: 'quiz', assessmentId },
  ])
  const items = [textLessonId, quizLessonId].map((lessonId) => ({ lessonId, required: true }))
  const outlined = await make({
    ...{ kind: 'replaceOutline', method: 'PUT', path: `/v1/courses/${courseId}/outline` },
    body: { modules: [{ title: 'All of it', items }] },
    ifMatch: Number(draft.revision),
  })
  await make({
    ...{ kind: 'publishCourse', method: 'POST', path: `/v1/courses/${courseId}/publish` },
    ifMatch: Number(outlined.revision),
  })
  return { courseId, textLessonId, assessmentId, questionId: String(question.questionId) }
}
