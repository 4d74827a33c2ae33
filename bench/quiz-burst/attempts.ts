import { randomBytes } from 'node:crypto'
import { builtInRoles } from '../../shared/contracts/roles.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { type AccountId, type CourseId, type Id, newId } from '../../shared/kernel/id.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { courseRefs } from '../../shared/projection/course-refs.ts'
import { learnerAccess } from '../../shared/projection/learner-access.ts'
import type { BenchDatabase } from '../harness/database.ts'
import { aLearner } from '../harness/people.ts'
import type { Door } from './door.ts'

const QUESTIONS = 5

/** An attempt that is answered and not handed in yet, and whose it is. */
export type Waiting = { readonly attemptId: Id<'attempt'>; readonly accountId: AccountId }

export type Quiz = {
  /** The attempt that all others are copies of. */
  readonly answered: Waiting
  readonly learner: Principal
}

/** A quiz of single-choice questions, and one learner who has answered all of them, by the service's own operations. */
export const prepareQuiz = async (door: Door): Promise<Quiz> => {
  const learner = aLearner(newId('organization'))
  const { organizationId } = learner
  const courseId = newId('course')
  const instructor: Principal = {
    ...{ ...learner, accountId: newId('account') },
    grants: { ...learner.grants, organization: builtInRoles.instructor.permissions },
  }
  await door.remember(instructor, async (tx) => {
    const course = { courseId, organizationId, title: 'Film', visibility: 'public' as const }
    await courseRefs(tx).put({ ...course, instructorIds: [instructor.accountId], sequence: 1 })
    await learnerAccess(tx).put(accessTo(courseId, learner, tx.now), {
      isActive: true,
      sequence: 1,
    })
  })
  const questionIds: unknown[] = []
  for (let index = 0; index < QUESTIONS; index += 1)
    questionIds.push(
      (await door.call(instructor, { path: '/questions', body: questionOf(courseId, index) }))
        .questionId,
    )
  const { assessmentId } = await door.call(instructor, {
    path: '',
    body: { courseId, title: 'Quiz', sections: [{ questionIds, pointsEach: 2 }] },
  })
  const begun = await door.call(learner, { path: `/${assessmentId}/attempts` })
  const attemptId = begun.attemptId as Id<'attempt'>
  await door.call(learner, {
    ...{ method: 'PUT' as const, path: `/attempts/${attemptId}/answers` },
    ...{ ifMatch: begun.revision as number, body: { answers: answersTo(begun) } },
  })
  return { answered: { attemptId, accountId: learner.accountId }, learner }
}

/** Copies the answered attempt for so many learners, each with their own rows. */
export const copyAttempts = async (
  bench: BenchDatabase,
  { answered, count }: { answered: Waiting; count: number },
): Promise<readonly Waiting[]> => {
  const hex = () => randomBytes(16).toString('hex')
  const copies = Array.from({ length: count }, () => ({
    attemptId: `att_${hex()}` as Id<'attempt'>,
    accountId: `acc_${hex()}` as AccountId,
  }))
  const { attemptId, accountId } = answered
  const values = [JSON.stringify(copies)]
  const copy = `jsonb_to_recordset($1::jsonb) as copy ("attemptId" text, "accountId" text)`
  const as = (table: string, changes: object) =>
    `jsonb_populate_record(null::assessment.${table}, to_jsonb(t) || jsonb_build_object(${Object.entries(
      changes,
    )
      .map(([column, value]) => `'${column}', copy."${value}"`)
      .join()}))`
  const ids = { attempt_id: 'attemptId', account_id: 'accountId' }
  const inserts = [
    ['standings', { account_id: 'accountId' }, `account_id = '${accountId}'`],
    ['attempts', ids, `attempt_id = '${attemptId}'`],
    ['attempt_items', { attempt_id: 'attemptId' }, `attempt_id = '${attemptId}'`],
  ] as const
  for (const [table, changes, where] of inserts)
    await bench.query(
      `insert into assessment.${table} select (${as(table, changes)}).*
       from assessment.${table} t cross join ${copy} where t.${where}`,
      values,
    )
  await bench.query('analyze assessment.attempts, assessment.attempt_items, assessment.standings')
  return copies
}

const accessTo = (
  courseId: CourseId,
  { accountId, organizationId }: Principal,
  startsAt: Instant,
) => ({
  ...{ enrollmentId: newId('enrollment'), courseId, accountId, organizationId },
  ...{ versionId: newId('courseVersion'), startsAt, endsAt: null },
})

const questionOf = (courseId: CourseId, index: number) => ({
  courseId,
  content: {
    ...{ kind: 'single', prompt: `Which cut, of scene ${index}?`, explanation: 'As it was.' },
    options: ['no', 'yes', 'never', 'perhaps'].map((text) => ({
      ...{ text, isCorrect: text === 'yes', feedback: '' },
    })),
  },
})

type Begun = {
  readonly items: readonly {
    readonly questionId: string
    readonly asked: { readonly options: readonly { readonly optionId: string }[] }
  }[]
}

const answersTo = (attempt: Record<string, unknown>) =>
  // The service's own answer, as its contract describes it.
  (attempt as unknown as Begun).items.map(({ questionId, asked }) => ({
    questionId,
    answer: { kind: 'single', optionId: asked.options[0]?.optionId },
  }))
