import { type Selectable, sql } from 'kysely'
import { LESSONS_PER_COURSE_MAX } from '../../shared/contracts/content.ts'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type ContentEvent, contentEvents } from '../../shared/events/content.ts'
import type { Item, ItemCompletion } from '../../shared/events/course-outline.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  CourseVersionId,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { cursorInteger, decodeCursor, type Paging } from '../../shared/kernel/page.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import {
  assessmentIdsOf,
  type Block,
  type Lesson,
  mediaIdsOf,
  type Revision,
} from './domain/lesson.ts'
import type { MediaFacts, Surroundings, VideoFacts } from './domain/readiness.ts'
import { lessonsFull } from './errors.ts'

/** Which revision of each lesson a published version shows. */
export type PinnedVersion = {
  readonly versionId: CourseVersionId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly pins: Readonly<Record<LessonId, number>>
}

/** The pins of a version's items. */
export const pinsOf = (items: readonly Pick<Item, 'lessonId' | 'revision'>[]) =>
  Object.fromEntries(items.map(({ lessonId, revision }) => [lessonId, revision]))

/**
 * Lessons and their revisions: the only SQL of this service, with `remembered` for what others
 * told.
 */
export const lessons = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @throws `content.lessons_full`, in a race too: the counter's row is the lock. */
    async insert(lesson: Lesson): Promise<void> {
      const { lessonId, courseId, organizationId, revision, createdAt } = lesson
      const counted = await db
        .insertInto('lessonCounts')
        .values({ courseId, organizationId, lessons: 1 })
        .onConflict((conflict) =>
          conflict
            .column('courseId')
            .doUpdateSet({ lessons: sql<number>`lesson_counts.lessons + 1` })
            .where('lessonCounts.lessons', '<', LESSONS_PER_COURSE_MAX),
        )
        .returning('lessons')
        .executeTakeFirst()
      if (!counted) throw lessonsFull(LESSONS_PER_COURSE_MAX)
      await db
        .insertInto('lessons')
        .values({
          lessonId,
          courseId,
          organizationId,
          revision,
          createdAt: at(createdAt),
          deletedAt: null,
        })
        .execute()
    },

    async insertRevision(revision: Revision): Promise<void> {
      const { courseId: _, ...row } = revision
      await db
        .insertInto('revisions')
        .values({
          ...row,
          blocks: json(revision.blocks),
          completion: json(revision.completion),
          createdAt: at(revision.createdAt),
        })
        .execute()
    },

    /** Makes another revision the newest. */
    async point({ lessonId, revision }: Pick<Lesson, 'lessonId' | 'revision'>): Promise<void> {
      await db.updateTable('lessons').set({ revision }).where('lessonId', '=', lessonId).execute()
    },

    async markDeleted({ lessonId, courseId, deletedAt }: Lesson): Promise<void> {
      await db
        .updateTable('lessons')
        .set({ deletedAt: atOrNull(deletedAt) })
        .where('lessonId', '=', lessonId)
        .execute()
      await db
        .updateTable('lessonCounts')
        .set({ lessons: sql<number>`lessons - 1` })
        .where('courseId', '=', courseId)
        .execute()
    },

    /** Also a deleted one: who learns from a published version keeps it. */
    async find(lessonId: LessonId): Promise<Lesson | undefined> {
      return newest().where('lesson.lessonId', '=', lessonId).executeTakeFirst()
    },

    /** As `find`, and nobody else changes the lesson until this transaction ends. */
    async findForUpdate(lessonId: LessonId): Promise<Lesson | undefined> {
      // Locked first and read then: the newest revision is the one that the winner of the lock has
      // left.
      await db
        .selectFrom('lessons')
        .select('lessonId')
        .where('lessonId', '=', lessonId)
        .forUpdate()
        .execute()
      return this.find(lessonId)
    },

    /** Every live lesson of a course. */
    async ofCourse(courseId: CourseId): Promise<Lesson[]> {
      return newest()
        .where('lesson.courseId', '=', courseId)
        .where('lesson.deletedAt', 'is', null)
        .orderBy('lesson.lessonId')
        .limit(LESSONS_PER_COURSE_MAX)
        .execute()
    },

    /** One row more than `limit`, oldest first. */
    async list(courseId: CourseId, { cursor, limit }: Paging): Promise<Lesson[]> {
      const after = decodeCursor(cursor, 1)
      return newest()
        .where('lesson.courseId', '=', courseId)
        .where('lesson.deletedAt', 'is', null)
        .$if(after !== undefined, (query) =>
          query.where(sql<boolean>`lesson.lesson_id > ${after?.[0]}`),
        )
        .orderBy('lesson.lessonId')
        .limit(limit + 1)
        .execute()
    },

    async findRevision({
      lessonId,
      revision,
    }: Pick<Lesson, 'lessonId' | 'revision'>): Promise<Revision | undefined> {
      return revisions()
        .where('revision.lessonId', '=', lessonId)
        .where('revision.revision', '=', revision)
        .executeTakeFirst()
    },

    /** One row more than `limit`, newest first. */
    async listRevisions(lessonId: LessonId, { cursor, limit }: Paging): Promise<Revision[]> {
      const after = decodeCursor(cursor, 1)
      return revisions()
        .where('revision.lessonId', '=', lessonId)
        .$if(after !== undefined, (query) =>
          query.where('revision.revision', '<', cursorInteger(after?.[0])),
        )
        .orderBy('revision.revision', 'desc')
        .limit(limit + 1)
        .execute()
    },

    emit: (events: readonly ContentEvent[]) => writeOutbox(tx, contentEvents, events),
  }

  function newest() {
    return db
      .selectFrom('lessons as lesson')
      .innerJoin('revisions as revision', (join) =>
        join
          .onRef('revision.lessonId', '=', 'lesson.lessonId')
          .onRef('revision.revision', '=', 'lesson.revision'),
      )
      .selectAll('lesson')
      .select(['revision.title', 'revision.blocks', 'revision.completion'])
  }

  function revisions() {
    return db
      .selectFrom('revisions as revision')
      .innerJoin('lessons as lesson', 'lesson.lessonId', 'revision.lessonId')
      .selectAll('revision')
      .select('lesson.courseId')
  }
}

/** What other services said of uploads, quizzes and published versions. */
export const remembered = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async findVersion(versionId: CourseVersionId): Promise<PinnedVersion | undefined> {
      return db
        .selectFrom('versions')
        .selectAll()
        .where('versionId', '=', versionId)
        .executeTakeFirst()
    },

    /** A version never changes: the first to tell of it is right. */
    async addVersion(version: PinnedVersion): Promise<void> {
      await db
        .insertInto('versions')
        .values({ ...version, pins: json(version.pins) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** All that these lessons show, as far as the caller's organisation knows of it. */
    async surroundingsOf(shown: readonly Pick<Lesson, 'blocks'>[]): Promise<Surroundings> {
      const media = await db
        .selectFrom('media')
        .selectAll()
        .where(sql<boolean>`media_id = any(${shown.flatMap(mediaIdsOf)})`)
        .execute()
      const assessments = await db
        .selectFrom('assessments')
        .selectAll()
        .where(sql<boolean>`assessment_id = any(${shown.flatMap(assessmentIdsOf)})`)
        .execute()
      return {
        media: new Map(media.map((facts) => [facts.mediaId, facts])),
        assessments: new Map(
          assessments.map(({ assessmentId, ...facts }) => [assessmentId, facts]),
        ),
      }
    },

    /** Those of the uploads that are somebody else's and that no lesson of the course has ever shown. */
    async foreignMedia(
      mediaIds: readonly MediaId[],
      { accountId, courseId }: { accountId: AccountId; courseId: CourseId },
    ): Promise<MediaId[]> {
      if (mediaIds.length === 0) return []
      const rows = await db
        .selectFrom('media')
        .select('mediaId')
        .where('mediaId', 'in', mediaIds)
        .where('ownerId', 'is not', null)
        .where('ownerId', '!=', accountId)
        .where(
          sql<boolean>`not exists (
            select from content.lessons l join content.revisions r on r.lesson_id = l.lesson_id
            where l.course_id = ${courseId}
              and r.blocks @> jsonb_build_array(jsonb_build_object('mediaId', media.media_id)))`,
        )
        .execute()
      return rows.map(({ mediaId }) => mediaId)
    },

    /**
     * The upload as remembered, or as nothing is known of it; locked until this transaction ends.
     */
    async mediaForUpdate({
      mediaId,
      organizationId,
    }: Pick<MediaFacts, 'mediaId' | 'organizationId'>): Promise<Selectable<MediaRow>> {
      await db
        .insertInto('media')
        .values({
          mediaId,
          organizationId,
          ownerId: null,
          kind: null,
          isDeleted: false,
          video: null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return db
        .selectFrom('media')
        .selectAll()
        .where('mediaId', '=', mediaId)
        .forUpdate()
        .executeTakeFirstOrThrow()
    },

    async saveMedia({ mediaId, ownerId, kind, isDeleted, video }: MediaFacts): Promise<void> {
      await db
        .updateTable('media')
        .set({ ownerId, kind, isDeleted, video: video && json(video) })
        .where('mediaId', '=', mediaId)
        .execute()
    },

    /** An archived one stays so: whatever came before may come late. */
    async addAssessment(assessment: AssessmentRow): Promise<void> {
      await db
        .insertInto('assessments')
        .values(assessment)
        .onConflict((conflict) =>
          conflict.column('assessmentId').doUpdateSet({
            isArchived: sql<boolean>`assessments.is_archived or excluded.is_archived`,
          }),
        )
        .execute()
    },
  }
}

type Tables = {
  lessons: LessonRow
  revisions: RevisionRow
  lessonCounts: { courseId: CourseId; organizationId: OrganizationId; lessons: number }
  versions: Omit<PinnedVersion, 'pins'> & { pins: JsonColumn<PinnedVersion['pins']> }
  media: MediaRow
  assessments: AssessmentRow
}

type LessonRow = {
  lessonId: LessonId
  courseId: CourseId
  organizationId: OrganizationId
  revision: number
  createdAt: InstantColumn
  deletedAt: NullableInstantColumn
}

type RevisionRow = {
  lessonId: LessonId
  revision: number
  organizationId: OrganizationId
  title: string
  blocks: JsonColumn<readonly Block[]>
  completion: JsonColumn<ItemCompletion>
  authorId: AccountId
  createdAt: InstantColumn
  restoredFrom: number | null
}

type MediaRow = {
  mediaId: MediaId
  organizationId: OrganizationId
  ownerId: AccountId | null
  kind: string | null
  isDeleted: boolean
  video: JsonColumn<VideoFacts> | null
}

type AssessmentRow = {
  readonly assessmentId: AssessmentId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly isArchived: boolean
}
