import { sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { AccountId, AssessmentId, Id, OrganizationId } from '../../../shared/kernel/id.ts'
import { decodeCursor, type Paging } from '../../../shared/kernel/page.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import type { Answer } from '../domain/answer.ts'
import {
  type Attempt,
  BASIS_POINTS,
  type Grade,
  type Item,
  type Override,
} from '../domain/attempt.ts'
import type { Order } from '../domain/draw.ts'
import type { Content, QuestionId } from '../domain/question.ts'

type AttemptId = Id<'attempt'>

/** An attempt without its questions: what lists show. */
export type AttemptSummary = Omit<Attempt, 'items'>

/** A learner in an assessment: how many attempts have begun, and the result so far. */
export type Standing = {
  readonly attemptsUsed: number
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

/** Rows of statistics: versions of questions that an assessment has asked. */
const STATISTICS_ROWS_MAX = 2_000

/** Attempts and the learners' results. */
export const attempts = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /**
     * Waits until nobody else changes an attempt of this learner at this assessment, and keeps everybody out until
     * this transaction ends: the one lock of starting, submitting, sweeping and grading.
     */
    async lock(learner: Learner): Promise<Standing> {
      const known = await standingOf(learner, { isLocked: true })
      if (known) return known
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

    /** As `lock`, for the learner whose attempt this is. @returns whether there is such an attempt. */
    async lockFor(attemptId: AttemptId): Promise<boolean> {
      const row = await db
        .selectFrom('attempts as attempt')
        .innerJoin('standings as standing', (join) =>
          join
            .onRef('standing.assessmentId', '=', 'attempt.assessmentId')
            .onRef('standing.accountId', '=', 'attempt.accountId'),
        )
        .select('attempt.attemptId')
        .where('attempt.attemptId', '=', attemptId)
        .forUpdate('standing')
        .executeTakeFirst()
      return row !== undefined
    },

    async findStanding(learner: Omit<Learner, 'organizationId'>): Promise<Standing | undefined> {
      return standingOf(learner, { isLocked: false })
    },

    async find(attemptId: AttemptId): Promise<Attempt | undefined> {
      const [row, items] = await Promise.all([
        summaries().where('attemptId', '=', attemptId).executeTakeFirst(),
        itemsOf(attemptId),
      ])
      return row && { ...row, items }
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
      // An earlier closing may have moved the deadline since this attempt was read.
      const { attemptId, deadline: _, ...changes } = toAttemptRow(summary)
      const known = new Set(before.items)
      await Promise.all([
        db.updateTable('attempts').set(changes).where('attemptId', '=', attemptId).execute(),
        putItems(
          attempt,
          items.filter((item) => !known.has(item)),
        ),
      ])
    },

    /** No attempt goes on after `until`; those that end sooner do. */
    async endBy(assessmentId: AssessmentId, until: Instant): Promise<void> {
      await db
        .updateTable('attempts')
        .set({ deadline: at(until) })
        .where('assessmentId', '=', assessmentId)
        .where('state', '=', 'in_progress')
        .where((eb) => eb.or([eb('deadline', 'is', null), eb('deadline', '>', at(until))]))
        .execute()
    },

    /** Whether anybody has a result here. */
    async hasResults(assessmentId: AssessmentId): Promise<boolean> {
      const row = await db
        .selectFrom('standings')
        .select('accountId')
        .where('assessmentId', '=', assessmentId)
        .where('gradeBasisPoints', 'is not', null)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
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

    /** @returns the number of this result: 1 for a learner's first one here. */
    async saveResult(learner: Learner, grade: Grade): Promise<number> {
      const { resultNumber } = await db
        .updateTable('standings')
        .set((eb) => ({ ...grade, resultNumber: eb('resultNumber', '+', 1) }))
        .where('assessmentId', '=', learner.assessmentId)
        .where('accountId', '=', learner.accountId)
        .returning('resultNumber')
        .executeTakeFirstOrThrow()
      return resultNumber
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
    const { attemptsUsed, gradeBasisPoints, isPassed } = row
    const hasGrade = gradeBasisPoints !== null && isPassed !== null
    return { attemptsUsed, grade: hasGrade ? { gradeBasisPoints, isPassed } : null }
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
  questionVersions: { questionId: QuestionId; version: number; content: JsonColumn<Content> }
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
