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
import type {
  AccountId,
  AssessmentId,
  CourseId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import { decodeCursor, type Paging } from '../../../shared/kernel/page.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import type { Pinned } from '../domain/attempt.ts'
import type { Content, Question, QuestionId } from '../domain/question.ts'

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
  assessments: {
    assessmentId: AssessmentId
    questionIds: QuestionId[]
    archivedAt: NullableInstantColumn
  }
}
