import type { Selectable } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import { type AssessmentEvent, assessmentEvents } from '../../../shared/events/assessment.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  CourseVersionId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import { decodeCursor, type Paging } from '../../../shared/kernel/page.ts'
import { writeOutbox } from '../../../shared/outbox/write.ts'
import type { CourseFacts } from '../../../shared/projection/course-refs.ts'
import type { Access } from '../../../shared/projection/learner-access.ts'
import {
  type Assessment,
  type Feedback,
  questionIdsOf,
  type Section,
} from '../domain/assessment.ts'
import { BASIS_POINTS } from '../domain/attempt.ts'
import type { QuestionId } from '../domain/question.ts'

export type Accommodation = {
  readonly courseId: CourseId
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly timeFactorBasisPoints: number
}

/** Assessments, extra time, and the events of this service. */
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
      const row = await byId(assessmentId).executeTakeFirst()
      return row && toAssessment(row)
    },

    /** As `find`, and it keeps its closing until this transaction ends: whoever moves it meets the new attempt. */
    async findForStart(assessmentId: AssessmentId): Promise<Assessment | undefined> {
      const row = await byId(assessmentId).forShare().executeTakeFirst()
      return row && toAssessment(row)
    },

    /** As `find`, and nobody else changes it until this transaction ends. */
    async findForUpdate(assessmentId: AssessmentId): Promise<Assessment | undefined> {
      const row = await byId(assessmentId).forNoKeyUpdate().executeTakeFirst()
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

    /** Remembers which assessments a published version has. */
    async pin(
      { versionId, courseId, organizationId }: PublishedVersion,
      assessmentIds: readonly AssessmentId[],
    ): Promise<void> {
      if (assessmentIds.length === 0) return
      await db
        .insertInto('pinnedAssessments')
        .values(
          [...new Set(assessmentIds)].map((assessmentId) => ({
            ...{ assessmentId, versionId, courseId, organizationId },
          })),
        )
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** Whether newcomers to its course, or somebody who learns there, get a version that has this assessment. */
    async isNeeded({ assessmentId, courseId }: Assessment): Promise<boolean> {
      const row = await db
        .selectFrom('pinnedAssessments as pinned')
        .leftJoin('courseRefs as course', (join) =>
          join
            .onRef('course.publishedVersionId', '=', 'pinned.versionId')
            .on('course.archivedAt', 'is', null),
        )
        .leftJoin('learnerAccess as learner', (join) =>
          join
            .onRef('learner.courseId', '=', 'pinned.courseId')
            .onRef('learner.versionId', '=', 'pinned.versionId')
            .on('learner.isActive', '=', true),
        )
        .select('pinned.versionId')
        .where('pinned.assessmentId', '=', assessmentId)
        .where('pinned.courseId', '=', courseId)
        .where((eb) =>
          eb.or([
            eb('course.courseId', 'is not', null),
            eb('learner.enrollmentId', 'is not', null),
          ]),
        )
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
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

    emit: (events: readonly AssessmentEvent[]) => writeOutbox(tx, assessmentEvents, events),
  }

  function byId(assessmentId: AssessmentId) {
    return db.selectFrom('assessments').selectAll().where('assessmentId', '=', assessmentId)
  }
}

type PublishedVersion = {
  readonly versionId: CourseVersionId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
}

type Tables = {
  assessments: AssessmentRow
  accommodations: Accommodation
  pinnedAssessments: PublishedVersion & { assessmentId: AssessmentId }
  courseRefs: Pick<CourseFacts, 'courseId' | 'publishedVersionId'> & {
    archivedAt: NullableInstantColumn
  }
  learnerAccess: Pick<Access, 'enrollmentId' | 'courseId' | 'versionId'> & { isActive: boolean }
}

type AssessmentRow = Omit<
  Assessment,
  'sections' | 'feedback' | 'opensAt' | 'closesAt' | 'createdAt' | 'archivedAt'
> & {
  sections: JsonColumn<readonly Section[]>
  questionIds: QuestionId[]
  feedback: JsonColumn<Feedback>
  opensAt: NullableInstantColumn
  closesAt: NullableInstantColumn
  createdAt: InstantColumn
  archivedAt: NullableInstantColumn
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
