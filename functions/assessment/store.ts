import { type Selectable, sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type AssessmentEvent, assessmentEvents } from '../../shared/events/assessment.ts'
import { assert } from '../../shared/kernel/assert.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  Id,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { decodeCursor } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { Answer } from './domain/answer.ts'
import {
  type Assessment,
  type Feedback,
  type Policy,
  questionIdsOf,
  type Section,
} from './domain/assessment.ts'
import {
  type Attempt,
  BASIS_POINTS,
  type Grade,
  type Item,
  type Override,
  type Pinned,
} from './domain/attempt.ts'
import type { Order } from './domain/draw.ts'
import type { Content, Question, QuestionId } from './domain/question.ts'

type Paging = { readonly cursor?: string | undefined; readonly limit: number }
type AttemptId = Id<'attempt'>

/** An attempt without its questions: what lists show. */
export type AttemptSummary = Omit<Attempt, 'items'>

export type Accommodation = {
  readonly courseId: CourseId
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly timeFactorBasisPoints: number
}

/** A learner in an assessment: how many attempts have begun, and the result so far. */
export type Standing = {
  readonly attemptsUsed: number
  readonly resultNumber: number
  readonly grade: Grade | null
}

export type QuestionStatistics = {
  readonly questionId: QuestionId
  readonly version: number
  readonly askedCount: number
  readonly answeredCount: number
  readonly gradedCount: number
  readonly creditBasisPoints: number | null
}

/** Where a page of overdue attempts ended. */
export type Overdue = {
  readonly attemptId: AttemptId
  readonly organizationId: OrganizationId
  readonly deadline: Instant
}

/** Versions of questions that an assessment has asked are counted, so many at most. */
const STATISTICS_ROWS_MAX = 2_000

/** The question banks. */
export const bank = (tx: Tx) => {
  const db = tx.tables<Tables>()
  const current = () =>
    db
      .selectFrom('questions as question')
      .innerJoin('questionVersions as newest', (join) =>
        join
          .onRef('newest.questionId', '=', 'question.questionId')
          .onRef('newest.version', '=', 'question.version'),
      )
      .select([
        'question.questionId',
        'question.courseId',
        'question.organizationId',
        'question.version',
        'question.createdAt',
        'question.archivedAt',
        'newest.content',
      ])
  return {
    async insert(question: Question, authorId: AccountId): Promise<void> {
      const { content, createdAt, archivedAt, ...row } = question
      await db
        .insertInto('questions')
        .values({
          ...row,
          kind: content.kind,
          createdAt: at(createdAt),
          archivedAt: atOrNull(archivedAt),
        })
        .execute()
      await insertVersion(question, authorId)
    },

    async find(questionId: QuestionId): Promise<Question | undefined> {
      return current().where('question.questionId', '=', questionId).executeTakeFirst()
    },

    /** As `find`, and nobody else changes it, or begins to ask it, until this transaction ends. */
    async findForUpdate(questionId: QuestionId): Promise<Question | undefined> {
      await db
        .selectFrom('questions')
        .select('questionId')
        .where('questionId', '=', questionId)
        .forUpdate()
        .execute()
      return this.find(questionId)
    },

    async addVersion(question: Question, authorId: AccountId): Promise<void> {
      await insertVersion(question, authorId)
      await db
        .updateTable('questions')
        .set({ version: question.version, kind: question.content.kind })
        .where('questionId', '=', question.questionId)
        .execute()
    },

    async archive(questionId: QuestionId, now: Instant): Promise<void> {
      await db
        .updateTable('questions')
        .set({ archivedAt: at(now) })
        .where('questionId', '=', questionId)
        .execute()
    },

    async isAsked(questionId: QuestionId): Promise<boolean> {
      const row = await db
        .selectFrom('assessments')
        .select('assessmentId')
        .where(sql<boolean>`question_ids @> array[${questionId}]`)
        .where('archivedAt', 'is', null)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    /** One row more than `limit`, newest first; archived ones are not in it. */
    async list(
      courseId: CourseId,
      { cursor, limit, kind }: Paging & { readonly kind?: Content['kind'] | undefined },
    ): Promise<Question[]> {
      const after = decodeCursor(cursor, 1)
      return current()
        .where('question.courseId', '=', courseId)
        .where('question.archivedAt', 'is', null)
        .$if(kind !== undefined, (query) => query.where('question.kind', '=', kind ?? ''))
        .$if(after !== undefined, (query) =>
          query.where('question.questionId', '<', after?.[0] as QuestionId),
        )
        .orderBy('question.questionId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    /**
     * How many of these are in the bank of the course. Those are not archived until this transaction ends: whoever
     * archives them waits, and then sees the assessment that asks them.
     */
    async countForAsking(courseId: CourseId, questionIds: readonly QuestionId[]): Promise<number> {
      const rows = await db
        .selectFrom('questions')
        .select('questionId')
        .where(sql<boolean>`question_id = any(${[...questionIds]})`)
        .where('courseId', '=', courseId)
        .where('archivedAt', 'is', null)
        .orderBy('questionId')
        .forShare()
        .execute()
      return rows.length
    },

    /** The newest version of each. */
    async newestOf(questionIds: readonly QuestionId[]): Promise<ReadonlyMap<QuestionId, Pinned>> {
      const rows = await current()
        .where(sql<boolean>`question.question_id = any(${[...questionIds]})`)
        .execute()
      return new Map(
        rows.map(({ questionId, version, content }) => [questionId, { version, content }]),
      )
    },
  }

  async function insertVersion(question: Question, authorId: AccountId): Promise<void> {
    const { questionId, version, organizationId, content } = question
    await db
      .insertInto('questionVersions')
      .values({
        ...{ questionId, version, organizationId, authorId },
        content: json(content),
        createdAt: at(tx.now),
      })
      .execute()
  }
}

export const assessments = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(assessment: Assessment): Promise<void> {
      await db.insertInto('assessments').values(toAssessmentRow(assessment)).execute()
    },

    async save(assessment: Assessment): Promise<void> {
      const { assessmentId, ...changes } = toAssessmentRow(assessment)
      await db
        .updateTable('assessments')
        .set(changes)
        .where('assessmentId', '=', assessmentId)
        .execute()
    },

    async find(assessmentId: AssessmentId): Promise<Assessment | undefined> {
      const row = await db
        .selectFrom('assessments')
        .selectAll()
        .where('assessmentId', '=', assessmentId)
        .executeTakeFirst()
      return row && toAssessment(row)
    },

    /** As `find`, and nobody else changes it until this transaction ends. */
    async findForUpdate(assessmentId: AssessmentId): Promise<Assessment | undefined> {
      const row = await db
        .selectFrom('assessments')
        .selectAll()
        .where('assessmentId', '=', assessmentId)
        .forNoKeyUpdate()
        .executeTakeFirst()
      return row && toAssessment(row)
    },

    /** One row more than `limit`, newest first. */
    async list(courseId: CourseId, { cursor, limit }: Paging): Promise<Assessment[]> {
      const after = decodeCursor(cursor, 1)
      const rows = await db
        .selectFrom('assessments')
        .selectAll()
        .where('courseId', '=', courseId)
        .$if(after !== undefined, (query) =>
          query.where('assessmentId', '<', after?.[0] as AssessmentId),
        )
        .orderBy('assessmentId', 'desc')
        .limit(limit + 1)
        .execute()
      return rows.map(toAssessment)
    },

    async timeFactorOf(learner: { courseId: CourseId; accountId: AccountId }): Promise<number> {
      const row = await db
        .selectFrom('accommodations')
        .select('timeFactorBasisPoints')
        .where('courseId', '=', learner.courseId)
        .where('accountId', '=', learner.accountId)
        .executeTakeFirst()
      return row?.timeFactorBasisPoints ?? BASIS_POINTS
    },

    async putAccommodation(accommodation: Accommodation): Promise<void> {
      const { timeFactorBasisPoints } = accommodation
      await db
        .insertInto('accommodations')
        .values(accommodation)
        .onConflict((conflict) =>
          conflict.columns(['courseId', 'accountId']).doUpdateSet({ timeFactorBasisPoints }),
        )
        .execute()
    },

    /** One row more than `limit`, by account. */
    async listAccommodations(
      courseId: CourseId,
      { cursor, limit }: Paging,
    ): Promise<Accommodation[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('accommodations')
        .selectAll()
        .where('courseId', '=', courseId)
        .$if(after !== undefined, (query) => query.where('accountId', '>', after?.[0] as AccountId))
        .orderBy('accountId')
        .limit(limit + 1)
        .execute()
    },

    async statistics(assessmentId: AssessmentId): Promise<QuestionStatistics[]> {
      return db
        .selectFrom('attemptItems as item')
        .innerJoin('attempts as attempt', 'attempt.attemptId', 'item.attemptId')
        .where('attempt.assessmentId', '=', assessmentId)
        .where('attempt.state', '!=', 'in_progress')
        .groupBy(['item.questionId', 'item.version'])
        .select([
          'item.questionId',
          'item.version',
          sql<number>`count(*)`.as('askedCount'),
          sql<number>`count(item.answer)`.as('answeredCount'),
          sql<number>`count(item.credit_of)`.as('gradedCount'),
          sql<
            number | null
          >`floor(avg(item.credit_earned::numeric / item.credit_of) * ${BASIS_POINTS}::integer)::integer`.as(
            'creditBasisPoints',
          ),
        ])
        .orderBy('item.questionId')
        .orderBy('item.version')
        .limit(STATISTICS_ROWS_MAX)
        .execute()
    },

    emit: (events: readonly AssessmentEvent[]) => writeOutbox(tx, assessmentEvents, events),
  }
}

/** Attempts and the learners' results. */
export const attempts = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /**
     * Waits until nobody else changes an attempt of this learner at this assessment, and keeps everybody out until
     * this transaction ends: the one lock of starting, submitting, sweeping and grading.
     */
    async lock(learner: Learner): Promise<Standing> {
      await db
        .insertInto('standings')
        .values({
          assessmentId: learner.assessmentId,
          accountId: learner.accountId,
          organizationId: learner.organizationId,
          attemptsUsed: 0,
          resultNumber: 0,
          gradeBasisPoints: null,
          isPassed: null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const standing = await standingOf(learner, { isLocked: true })
      assert(standing, 'the row was put there above')
      return standing
    },

    async findStanding(learner: Omit<Learner, 'organizationId'>): Promise<Standing | undefined> {
      return standingOf(learner, { isLocked: false })
    },

    async find(attemptId: AttemptId): Promise<Attempt | undefined> {
      const row = await summaries().where('attemptId', '=', attemptId).executeTakeFirst()
      return row && { ...row, items: await itemsOf(attemptId) }
    },

    async findSummary(attemptId: AttemptId): Promise<AttemptSummary | undefined> {
      return summaries().where('attemptId', '=', attemptId).executeTakeFirst()
    },

    /** The attempt of this learner that has not been handed in. */
    async findInProgress(learner: Learner): Promise<Attempt | undefined> {
      const row = await summaries()
        .where('assessmentId', '=', learner.assessmentId)
        .where('accountId', '=', learner.accountId)
        .where('state', '=', 'in_progress')
        .executeTakeFirst()
      return row && { ...row, items: await itemsOf(row.attemptId) }
    },

    /** All attempts of a learner at an assessment, by number: `ATTEMPTS_PER_LEARNER_MAX` at most. */
    async ofLearner(learner: Omit<Learner, 'organizationId'>): Promise<AttemptSummary[]> {
      return summaries()
        .where('assessmentId', '=', learner.assessmentId)
        .where('accountId', '=', learner.accountId)
        .orderBy('number')
        .execute()
    },

    /** One row more than `limit`, oldest first. */
    async list(
      assessmentId: AssessmentId,
      {
        cursor,
        limit,
        state,
        accountId,
      }: Paging & {
        readonly state?: Attempt['state'] | undefined
        readonly accountId?: AccountId | undefined
      },
    ): Promise<AttemptSummary[]> {
      const after = decodeCursor(cursor, 1)
      return summaries()
        .where('assessmentId', '=', assessmentId)
        .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'submitted'))
        .$if(accountId !== undefined, (query) =>
          query.where('accountId', '=', accountId as AccountId),
        )
        .$if(after !== undefined, (query) => query.where('attemptId', '>', after?.[0] as AttemptId))
        .orderBy('attemptId')
        .limit(limit + 1)
        .execute()
    },

    /** In progress though their deadline came before `before`; the longest overdue first, from `last` on. */
    async overdue({
      before,
      last,
      limit,
    }: {
      before: Instant
      last: Overdue | undefined
      limit: number
    }): Promise<Overdue[]> {
      const rows = await db
        .selectFrom('attempts')
        .select(['attemptId', 'organizationId', 'deadline'])
        .where('state', '=', 'in_progress')
        .where('deadline', '<=', at(before))
        .$if(last !== undefined, (query) =>
          query.where(
            sql<boolean>`(deadline, attempt_id) > (${last && at(last.deadline)}, ${last?.attemptId})`,
          ),
        )
        .orderBy('deadline')
        .orderBy('attemptId')
        .limit(limit)
        .execute()
      return rows.flatMap(({ deadline, ...row }) =>
        deadline === null ? [] : [{ ...row, deadline }],
      )
    },

    /** @param attempt the next one of a learner whose row is locked. */
    async insert(attempt: Attempt): Promise<void> {
      const { items, ...summary } = attempt
      await db.insertInto('attempts').values(toAttemptRow(summary)).execute()
      await putItems(attempt, items)
      await db
        .updateTable('standings')
        .set({ attemptsUsed: attempt.number })
        .where('assessmentId', '=', attempt.assessmentId)
        .where('accountId', '=', attempt.accountId)
        .execute()
    },

    /** Writes what differs from `before`. */
    async save(attempt: Attempt, before: Attempt): Promise<void> {
      const { items, ...summary } = attempt
      const { attemptId, ...changes } = toAttemptRow(summary)
      await db.updateTable('attempts').set(changes).where('attemptId', '=', attemptId).execute()
      const known = new Set(before.items)
      await putItems(
        attempt,
        items.filter((item) => !known.has(item)),
      )
    },

    async saveResult(
      learner: Learner,
      { grade, resultNumber }: { grade: Grade; resultNumber: number },
    ): Promise<void> {
      await db
        .updateTable('standings')
        .set({ ...grade, resultNumber })
        .where('assessmentId', '=', learner.assessmentId)
        .where('accountId', '=', learner.accountId)
        .execute()
    },
  }

  function summaries() {
    return db.selectFrom('attempts').selectAll()
  }

  async function standingOf(
    learner: Omit<Learner, 'organizationId'>,
    { isLocked }: { isLocked: boolean },
  ): Promise<Standing | undefined> {
    const row = await db
      .selectFrom('standings')
      .selectAll()
      .where('assessmentId', '=', learner.assessmentId)
      .where('accountId', '=', learner.accountId)
      .$if(isLocked, (query) => query.forUpdate())
      .executeTakeFirst()
    if (!row) return undefined
    const { attemptsUsed, resultNumber, gradeBasisPoints, isPassed } = row
    const hasGrade = gradeBasisPoints !== null && isPassed !== null
    return { attemptsUsed, resultNumber, grade: hasGrade ? { gradeBasisPoints, isPassed } : null }
  }

  async function itemsOf(attemptId: AttemptId): Promise<Item[]> {
    const rows = await db
      .selectFrom('attemptItems as item')
      .innerJoin('questionVersions as pinned', (join) =>
        join
          .onRef('pinned.questionId', '=', 'item.questionId')
          .onRef('pinned.version', '=', 'item.version'),
      )
      .selectAll('item')
      .select('pinned.content')
      .where('item.attemptId', '=', attemptId)
      .orderBy('item.position')
      .execute()
    return rows.map(({ creditEarned, creditOf, itemOrder, ...row }) => ({
      ...row,
      order: itemOrder,
      credit:
        creditEarned !== null && creditOf !== null ? { earned: creditEarned, of: creditOf } : null,
    }))
  }

  async function putItems(attempt: Attempt, items: readonly Item[]): Promise<void> {
    if (items.length === 0) return
    await db
      .insertInto('attemptItems')
      .values(items.map((item) => toItemRow(attempt, item)))
      .onConflict((conflict) =>
        conflict.columns(['attemptId', 'questionId']).doUpdateSet((eb) => ({
          answer: eb.ref('excluded.answer'),
          creditEarned: eb.ref('excluded.creditEarned'),
          creditOf: eb.ref('excluded.creditOf'),
          comment: eb.ref('excluded.comment'),
          gradedById: eb.ref('excluded.gradedById'),
          gradeRevision: eb.ref('excluded.gradeRevision'),
        })),
      )
      .execute()
  }
}

type Learner = Pick<Attempt, 'assessmentId' | 'accountId' | 'organizationId'>

type Tables = {
  questions: {
    questionId: QuestionId
    courseId: CourseId
    organizationId: OrganizationId
    version: number
    kind: string
    createdAt: InstantColumn
    archivedAt: NullableInstantColumn
  }
  questionVersions: {
    questionId: QuestionId
    version: number
    organizationId: OrganizationId
    content: JsonColumn<Content>
    authorId: AccountId
    createdAt: InstantColumn
  }
  assessments: AssessmentRow
  standings: {
    assessmentId: AssessmentId
    accountId: AccountId
    organizationId: OrganizationId
    attemptsUsed: number
    resultNumber: number
    gradeBasisPoints: number | null
    isPassed: boolean | null
  }
  attempts: AttemptRow
  attemptItems: ItemRow
  accommodations: Accommodation
}

type AssessmentRow = Omit<
  Assessment,
  'sections' | 'feedback' | 'opensAt' | 'closesAt' | 'createdAt' | 'archivedAt' | 'policy'
> & {
  policy: Policy
  sections: JsonColumn<readonly Section[]>
  questionIds: QuestionId[]
  feedback: JsonColumn<Feedback>
  opensAt: NullableInstantColumn
  closesAt: NullableInstantColumn
  createdAt: InstantColumn
  archivedAt: NullableInstantColumn
}

type AttemptRow = Omit<
  AttemptSummary,
  'startedAt' | 'deadline' | 'submittedAt' | 'releasedAt' | 'override'
> & {
  startedAt: InstantColumn
  deadline: NullableInstantColumn
  submittedAt: NullableInstantColumn
  releasedAt: NullableInstantColumn
  override: JsonColumn<Override | null> | null
}

type ItemRow = {
  attemptId: AttemptId
  questionId: QuestionId
  organizationId: OrganizationId
  position: number
  version: number
  points: number
  itemOrder: JsonColumn<Order>
  answer: JsonColumn<Answer | null> | null
  creditEarned: number | null
  creditOf: number | null
  comment: string | null
  gradedById: AccountId | null
  gradeRevision: number
}

const toAssessmentRow = (assessment: Assessment) => ({
  ...assessment,
  sections: json(assessment.sections),
  questionIds: [...questionIdsOf(assessment)],
  feedback: json(assessment.feedback),
  opensAt: atOrNull(assessment.opensAt),
  closesAt: atOrNull(assessment.closesAt),
  createdAt: at(assessment.createdAt),
  archivedAt: atOrNull(assessment.archivedAt),
})

const toAssessment = ({ questionIds: _, ...row }: Selectable<AssessmentRow>): Assessment => row

const toAttemptRow = (attempt: AttemptSummary) => ({
  ...attempt,
  startedAt: at(attempt.startedAt),
  deadline: atOrNull(attempt.deadline),
  submittedAt: atOrNull(attempt.submittedAt),
  releasedAt: atOrNull(attempt.releasedAt),
  override: attempt.override && json(attempt.override),
})

const toItemRow = (attempt: Attempt, item: Item) => ({
  attemptId: attempt.attemptId,
  organizationId: attempt.organizationId,
  questionId: item.questionId,
  position: attempt.items.indexOf(item),
  version: item.version,
  points: item.points,
  itemOrder: json(item.order),
  answer: item.answer && json(item.answer),
  creditEarned: item.credit?.earned ?? null,
  creditOf: item.credit?.of ?? null,
  comment: item.comment,
  gradedById: item.gradedById,
  gradeRevision: item.gradeRevision,
})
