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
import type { CompletionRule, Item } from '../../shared/events/course-outline.ts'
import { type ProgressEvent, progressEvents } from '../../shared/events/progress.ts'
import type {
  AccountId,
  CourseId,
  CourseVersionId,
  EnrollmentId,
  LessonId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { cursorInstant, decodeCursor } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { EVENTS_PER_TRANSACTION_MAX, writeOutbox } from '../../shared/outbox/write.ts'
import type {
  Activity,
  Fact,
  ItemState,
  LearnerKey,
  Resume,
  State,
  Stay,
  Summary,
  Version,
} from './domain.ts'

/** An enrolment as lists show it. */
export type Standing = LearnerKey & Stay & Summary & Pick<Activity, 'lastActivityAt'>

export type Waiting = LearnerKey & Pick<Stay, 'enrollmentId'>

export type StandingFilter = {
  readonly accountId?: AccountId | undefined
  readonly courseId?: CourseId | undefined
  readonly state?: ItemState | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

export type LoggedFact = { readonly fact: Fact; readonly recordedAt: Instant }

const FACTS_PER_PAGE = 1_000

/** The log of facts, and the state that it amounts to: the only SQL of this service. */
export const progress = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** The state, locked: facts of one learner in one course are taken one after another. */
    async lock(key: LearnerKey): Promise<State> {
      await db
        .insertInto('learners')
        .values({ ...key, coverage: json({}), touched: [], resume: null, lastActivityAt: null })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const {
        accountId: _,
        courseId: __,
        organizationId: ___,
        ...activity
      } = await db
        .selectFrom('learners')
        .selectAll()
        .where('accountId', '=', key.accountId)
        .where('courseId', '=', key.courseId)
        .forUpdate()
        .executeTakeFirstOrThrow()
      const rows = await db
        .selectFrom('enrollments')
        .selectAll()
        .where('accountId', '=', key.accountId)
        .where('courseId', '=', key.courseId)
        .execute()
      const stays = Object.fromEntries(rows.map((row) => [row.enrollmentId, toStay(row)]))
      return { activity, stays }
    },

    /** @param versions those that are known, to say how far each enrolment is. */
    async save(
      key: LearnerKey,
      { activity, stays }: State,
      summaryOf: (stay: Stay) => Summary,
    ): Promise<void> {
      await db
        .updateTable('learners')
        .set({
          coverage: json(activity.coverage),
          touched: [...activity.touched],
          resume: activity.resume && json(activity.resume),
          lastActivityAt: atOrNull(activity.lastActivityAt),
        })
        .where('accountId', '=', key.accountId)
        .where('courseId', '=', key.courseId)
        .execute()
      for (const stay of Object.values(stays)) {
        const { enrollmentId, ...fields } = stay
        const changes = {
          ...fields,
          ...summaryOf(stay),
          endedAt: atOrNull(stay.endedAt),
          completions: json(stay.completions),
          completedAt: atOrNull(stay.completedAt),
        }
        await db
          .insertInto('enrollments')
          .values({ ...key, ...changes, enrollmentId })
          .onConflict((conflict) => conflict.column('enrollmentId').doUpdateSet(changes))
          .execute()
      }
    },

    /** Appends to the log. @returns false when the fact stands there already. */
    async append(key: LearnerKey, fact: Fact): Promise<boolean> {
      const row = await db
        .insertInto('facts')
        .values({ ...key, factId: fact.factId, fact: json(fact), recordedAt: at(tx.now) })
        .onConflict((conflict) => conflict.doNothing())
        .returning('factId')
        .executeTakeFirst()
      return row !== undefined
    },

    /** The next page of a learner's log, by id; empty behind the last. */
    async readLog(
      { accountId, courseId }: LearnerKey,
      lastFactId: string | undefined,
    ): Promise<Fact[]> {
      const rows = await db
        .selectFrom('facts')
        .select('fact')
        .where('accountId', '=', accountId)
        .where('courseId', '=', courseId)
        .$if(lastFactId !== undefined, (query) => query.where('factId', '>', lastFactId ?? ''))
        .orderBy('factId')
        .limit(FACTS_PER_PAGE)
        .execute()
      return rows.map(({ fact }) => fact)
    },

    /** One row more than `limit`, newest first. */
    async listFacts(
      { accountId, courseId }: LearnerKey,
      { cursor, limit }: { cursor?: string | undefined; limit: number },
    ): Promise<LoggedFact[]> {
      const after = decodeCursor(cursor, 2)
      return db
        .selectFrom('facts')
        .select(['fact', 'recordedAt'])
        .where('accountId', '=', accountId)
        .where('courseId', '=', courseId)
        .$if(after !== undefined, (query) =>
          query.where(
            sql<boolean>`(recorded_at, fact_id) < (${at(cursorInstant(after?.[0]))}, ${after?.[1]})`,
          ),
        )
        .orderBy('recordedAt', 'desc')
        .orderBy('factId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    async find(enrollmentId: EnrollmentId): Promise<Standing | undefined> {
      const row = await standings()
        .where('enrollments.enrollmentId', '=', enrollmentId)
        .executeTakeFirst()
      return row && toStanding(row)
    },

    /** One row more than `limit`, newest enrolment first. */
    async list({ accountId, courseId, state, cursor, limit }: StandingFilter): Promise<Standing[]> {
      const after = decodeCursor(cursor, 1)
      const rows = await standings()
        .$if(accountId !== undefined, (query) =>
          query.where('enrollments.accountId', '=', accountId as AccountId),
        )
        .$if(courseId !== undefined, (query) =>
          query.where('enrollments.courseId', '=', courseId as CourseId),
        )
        .$if(state !== undefined, (query) =>
          query.where('enrollments.state', '=', state as ItemState),
        )
        .$if(after !== undefined, (query) =>
          query.where('enrollments.enrollmentId', '<', after?.[0] as EnrollmentId),
        )
        .orderBy('enrollments.enrollmentId', 'desc')
        .limit(limit + 1)
        .execute()
      return rows.map(toStanding)
    },

    async findActivity({ accountId, courseId }: LearnerKey): Promise<Activity> {
      return db
        .selectFrom('learners')
        .select(['coverage', 'touched', 'resume', 'lastActivityAt'])
        .where('accountId', '=', accountId)
        .where('courseId', '=', courseId)
        .executeTakeFirstOrThrow()
    },

    /** Learners whose version was not known yet and is now, after `last`. */
    async waiting({
      versionId,
      last,
      limit,
    }: {
      versionId?: CourseVersionId
      last?: Waiting | undefined
      limit: number
    }): Promise<Waiting[]> {
      return db
        .selectFrom('enrollments')
        .innerJoin('versions', 'versions.versionId', 'enrollments.versionId')
        .select([
          ...(['enrollments.enrollmentId', 'enrollments.accountId'] as const),
          ...(['enrollments.courseId', 'enrollments.organizationId'] as const),
        ])
        .where('enrollments.requiredTotal', 'is', null)
        .$if(versionId !== undefined, (query) =>
          query.where('versions.versionId', '=', versionId as CourseVersionId),
        )
        .$if(last !== undefined, (query) =>
          query.where('enrollments.enrollmentId', '>', last?.enrollmentId as EnrollmentId),
        )
        .orderBy('enrollments.enrollmentId')
        .limit(limit)
        .execute()
    },

    async findVersions(versionIds: readonly CourseVersionId[]): Promise<Version[]> {
      if (versionIds.length === 0) return []
      return db
        .selectFrom('versions')
        .select(['versionId', 'items', 'completionRule'])
        .where('versionId', 'in', versionIds)
        .execute()
    },

    /** A version never changes, so the first word is the last. */
    async addVersion(
      version: Version & { courseId: CourseId; organizationId: OrganizationId },
    ): Promise<void> {
      const { versionId, courseId, organizationId, items, completionRule } = version
      await db
        .insertInto('versions')
        .values({
          ...{ versionId, courseId, organizationId },
          items: json(items),
          completionRule: json(completionRule),
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async emit(events: readonly ProgressEvent[]): Promise<void> {
      // A course may have as many items as one call writes events, and then it is completed, too.
      for (let from = 0; from < events.length; from += EVENTS_PER_TRANSACTION_MAX)
        await writeOutbox(tx, progressEvents, events.slice(from, from + EVENTS_PER_TRANSACTION_MAX))
    },
  }

  function standings() {
    return db
      .selectFrom('enrollments')
      .innerJoin('learners', (join) =>
        join
          .onRef('learners.accountId', '=', 'enrollments.accountId')
          .onRef('learners.courseId', '=', 'enrollments.courseId'),
      )
      .selectAll('enrollments')
      .select('learners.lastActivityAt')
  }
}

type EnrollmentRow = LearnerKey &
  Summary &
  Omit<Stay, 'completions' | 'completedAt' | 'endedAt'> & {
    endedAt: NullableInstantColumn
    completions: JsonColumn<Readonly<Record<LessonId, Instant>>>
    completedAt: NullableInstantColumn
  }

type Tables = {
  enrollments: EnrollmentRow
  learners: LearnerKey & {
    coverage: JsonColumn<Activity['coverage']>
    touched: string[]
    resume: JsonColumn<Resume> | null
    lastActivityAt: NullableInstantColumn
  }
  facts: LearnerKey & { factId: string; fact: JsonColumn<Fact>; recordedAt: InstantColumn }
  versions: {
    versionId: CourseVersionId
    courseId: CourseId
    organizationId: OrganizationId
    items: JsonColumn<readonly Item[]>
    completionRule: JsonColumn<CompletionRule>
  }
}

const toStay = ({
  enrollmentId,
  versionId,
  versionSequence,
  isActive,
  endedAt,
  sequence,
  completions,
  completedAt,
}: Selectable<EnrollmentRow>): Stay => ({
  ...{ enrollmentId, versionId, versionSequence, isActive, endedAt, sequence },
  ...{ completions, completedAt },
})

const toStanding = (
  row: Selectable<EnrollmentRow> & { lastActivityAt: Instant | null },
): Standing => row
