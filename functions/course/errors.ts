import { DomainError } from '../../shared/kernel/errors.ts'
import type { CourseId, LessonId } from '../../shared/kernel/id.ts'

/** Absent, or none of the caller's business. */
export const courseNotFound = (courseId: CourseId | string) =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.', {
    details: { courseId },
  })

export const courseArchived = () =>
  new DomainError('conflict', 'course.archived', 'An archived course no longer changes.')

export const revisionStale = (current: number) =>
  new DomainError(
    'precondition_failed',
    'course.revision_stale',
    'Somebody else has changed the draft since you read it.',
    { extensions: { currentRevision: current } },
  )

export const courseEmpty = () =>
  new DomainError('unprocessable', 'course.empty', 'A course needs at least one required lesson.')

export type Obstacle = { readonly lessonId: LessonId | null; readonly reason: string }

export const courseNotReady = (obstacles: readonly Obstacle[]) =>
  new DomainError('unprocessable', 'course.not_ready', 'Some lessons cannot be published yet.', {
    extensions: { obstacles },
  })

export const slugTaken = (slug: string) =>
  new DomainError('conflict', 'course.slug_taken', `Another course has, or had, the slug ${slug}.`)

export const outlineInvalid = (reason: string) =>
  new DomainError('unprocessable', 'course.outline_invalid', reason)

export const prerequisiteInvalid = (reason: string) =>
  new DomainError('unprocessable', 'course.prerequisite_invalid', reason)

export const categoryUnknown = () =>
  new DomainError('unprocessable', 'course.category_unknown', 'There is no such category.')

export const categoryExists = (slug: string) =>
  new DomainError('conflict', 'course.category_exists', `There is a category ${slug} already.`)

export const notAMember = () =>
  new DomainError(
    'unprocessable',
    'course.not_a_member',
    'Only members of the course’s organisation teach it; invite them first.',
  )

export const instructorsFull = (max: number) =>
  new DomainError(
    'unprocessable',
    'course.instructors_full',
    `A course has ${max} instructors at most.`,
  )

export const lastInstructor = () =>
  new DomainError('conflict', 'course.last_instructor', 'A course keeps at least one instructor.')
