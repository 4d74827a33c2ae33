import { sql } from 'kysely'
import type { Reactions } from '../bus/reaction.ts'
import type { courseContract } from '../contracts/course.ts'
import { at, atOrNull, type NullableInstantColumn } from '../db/columns.ts'
import type { Tx } from '../db/transaction.ts'
import type { Client, Forwarded } from '../http/client.ts'
import type { AccountId, CourseId, CourseVersionId, OrganizationId } from '../kernel/id.ts'
import { type Instant, instantOf } from '../kernel/time.ts'

/**
 * What a service remembers of another's course: enough to know whose it is and who teaches it.
 * The table comes from `call hub.create_course_refs('<schema>')` in the service's migration.
 */
export type CourseFacts = {
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly title: string
  readonly visibility: 'public' | 'unlisted' | 'private'
  readonly instructorIds: readonly AccountId[]
  readonly publishedVersionId: CourseVersionId | null
  readonly archivedAt: Instant | null
}

export type CourseClient = Pick<Client<typeof courseContract>, 'getCourse'>

export const courseRefs = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async find(courseId: CourseId): Promise<CourseFacts | undefined> {
      const row = await db
        .selectFrom('courseRefs')
        .selectAll()
        .where('courseId', '=', courseId)
        .executeTakeFirst()
      if (!row) return undefined
      const { sequence: _, ...facts } = row
      return facts
    },

    /** Those of a page's courses that are remembered. */
    async findMany(
      courseIds: readonly CourseId[],
    ): Promise<ReadonlyMap<CourseId, Pick<CourseFacts, 'title' | 'visibility'>>> {
      if (courseIds.length === 0) return new Map()
      const rows = await db
        .selectFrom('courseRefs')
        .select(['courseId', 'title', 'visibility'])
        .where('courseId', 'in', courseIds)
        .execute()
      return new Map(rows.map(({ courseId, ...facts }) => [courseId, facts]))
    },

    /**
     * The course as remembered, else as the course service answers the caller now: who has just created a course
     * need not wait for the event.
     *
     * @throws what the course service throws: `course.not_found` for those who may not know of it.
     */
    async findOrAsk(courseId: CourseId, client: CourseClient, as: Forwarded): Promise<CourseFacts> {
      const known = await this.find(courseId)
      if (known) return known
      const asked = await client.getCourse({ params: { courseId } }, as)
      const facts = {
        courseId,
        organizationId: asked.organizationId,
        title: asked.title,
        visibility: asked.visibility,
        instructorIds: asked.instructorIds,
        publishedVersionId: asked.publishedVersionId,
        // The answer does not say since when; that it is closed is what counts.
        archivedAt: asked.state === 'archived' ? tx.now : null,
      }
      await put({ ...facts, archivedAt: atOrNull(facts.archivedAt), sequence: 0 })
      return facts
    },

    put,

    /** For good, so that even late news of it counts, and makes no other news late. */
    async archive(courseId: CourseId, archivedAt: Instant): Promise<void> {
      await db
        .updateTable('courseRefs')
        .set({ archivedAt: at(archivedAt) })
        .where('courseId', '=', courseId)
        .execute()
    },
  }

  async function put(facts: Remembered): Promise<void> {
    const { courseId: _, ...changes } = { ...facts, instructorIds: [...facts.instructorIds] }
    await db
      .insertInto('courseRefs')
      .values({ ...facts, instructorIds: [...facts.instructorIds] })
      .onConflict((conflict) =>
        conflict
          .column('courseId')
          .doUpdateSet(changes)
          .where(sql<boolean>`course_refs.sequence < ${facts.sequence}`),
      )
      .execute()
  }
}

/** Spread into a service's reactions to keep its course refs. */
export const courseRefReactions = {
  async 'course.created'({ data, event, tx }) {
    await courseRefs(tx).put({ ...remembered(data), sequence: event.sequence })
  },
  async 'course.updated'({ data, event, tx }) {
    await courseRefs(tx).put({ ...remembered(data), sequence: event.sequence })
  },
  async 'course.published'({ data, event, tx }) {
    await courseRefs(tx).put({
      ...remembered(data),
      publishedVersionId: data.versionId,
      sequence: event.sequence,
    })
  },
  async 'course.archived'({ data, tx }) {
    await courseRefs(tx).archive(data.courseId, instantOf(data.archivedAt))
  },
} satisfies Reactions<unknown>

const remembered = ({
  courseId,
  organizationId,
  title,
  visibility,
  instructorIds,
}: Omit<CourseFacts, 'publishedVersionId' | 'archivedAt'>) => ({
  courseId,
  organizationId,
  title,
  visibility,
  instructorIds,
})

type Remembered = Omit<CourseFacts, 'archivedAt' | 'publishedVersionId'> & {
  readonly publishedVersionId?: CourseVersionId | null
  readonly archivedAt?: ReturnType<typeof atOrNull>
  readonly sequence: number
}

type Tables = {
  courseRefs: {
    courseId: CourseId
    organizationId: OrganizationId
    title: string
    visibility: 'public' | 'unlisted' | 'private'
    instructorIds: AccountId[]
    publishedVersionId: CourseVersionId | null
    archivedAt: NullableInstantColumn
    sequence: number
  }
}
