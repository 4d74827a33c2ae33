import { DomainError } from '../../shared/kernel/errors.ts'
import type { CourseId } from '../../shared/kernel/id.ts'

/** Absent, or none of the caller's business. */
export const courseNotFound = (courseId: CourseId) =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.', {
    details: { courseId },
  })

/** Absent, or none of the caller's business. */
export const progressNotFound = () =>
  new DomainError('not_found', 'progress.not_found', 'There is no such enrolment.')

export const itemNotFound = () =>
  new DomainError(
    'not_found',
    'progress.item_not_found',
    'The version of this enrolment has no such item.',
  )

export const notConfirmable = () =>
  new DomainError(
    'unprocessable',
    'progress.not_confirmable',
    'This item is not completed by confirming it.',
  )

/** The news of the version is on its way. */
export const versionPending = (cause?: unknown) =>
  new DomainError('unavailable', 'progress.version_pending', 'Please try again in a moment.', {
    retryAfterSeconds: 1,
    cause,
  })
