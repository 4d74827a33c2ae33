import { DomainError } from '../../shared/kernel/errors.ts'
import type { CourseId, LessonId } from '../../shared/kernel/id.ts'

/** Absent, or none of the caller's business. */
export const lessonNotFound = (lessonId: LessonId) =>
  new DomainError('not_found', 'content.lesson_not_found', 'There is no such lesson.', {
    details: { lessonId },
  })

/** As the course service says it: absent, or none of the caller's business. */
export const courseNotFound = (courseId: CourseId) =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.', {
    details: { courseId },
  })

export const revisionNotFound = (revision: number) =>
  new DomainError(
    'not_found',
    'content.revision_not_found',
    `The lesson has no revision ${revision}.`,
  )

export const courseArchived = () =>
  new DomainError(
    'conflict',
    'content.course_archived',
    'The lessons of an archived course no longer change.',
  )

export const revisionStale = (current: number) =>
  new DomainError(
    'precondition_failed',
    'content.revision_stale',
    'Somebody else has saved the lesson since you read it.',
    { extensions: { currentRevision: current } },
  )

export const lessonsFull = (max: number) =>
  new DomainError('unprocessable', 'content.lessons_full', `A course has ${max} lessons at most.`)

export const lessonTooLarge = (bytesMax: number) =>
  new DomainError(
    'unprocessable',
    'content.lesson_too_large',
    `A lesson has ${bytesMax} bytes at most, files and videos not counted.`,
  )

export const blocksInvalid = (reason: string) =>
  new DomainError('unprocessable', 'content.blocks_invalid', reason)

export const completionInvalid = (reason: string) =>
  new DomainError('unprocessable', 'content.completion_invalid', reason)

export const embedRefused = (hosts: readonly string[]) =>
  new DomainError(
    'unprocessable',
    'content.embed_refused',
    'Only pages of known hosts are embedded, by a plain https address.',
    { extensions: { hosts } },
  )
