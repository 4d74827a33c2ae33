import { DomainError } from '../../shared/kernel/errors.ts'
import type { CourseId } from '../../shared/kernel/id.ts'
import { type Instant, toIsoOrNull } from '../../shared/kernel/time.ts'

/** Absent, or none of the caller's business. */
export const courseNotFound = (courseId: CourseId) =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.', {
    details: { courseId },
  })

/** Absent, or none of the caller's business. */
export const enrollmentNotFound = () =>
  new DomainError('not_found', 'enrollment.not_found', 'There is no such enrolment.')

export const notAMember = () =>
  new DomainError(
    'unprocessable',
    'enrollment.not_a_member',
    'Only members of the course’s organisation are enrolled; invite them first.',
  )

export const noAccess = () =>
  new DomainError('not_found', 'enrollment.no_access', 'You have no access to this course now.')

export const courseClosed = () =>
  new DomainError(
    'conflict',
    'enrollment.course_closed',
    'The course is not published, or is archived: nobody new enrols.',
  )

export const invitationOnly = () =>
  new DomainError(
    'forbidden',
    'enrollment.invitation_only',
    'This course is joined by invitation only.',
  )

export const notOpen = (window: { opensAt: Instant | null; closesAt: Instant | null }) =>
  new DomainError('conflict', 'enrollment.not_open', 'Enrolment is not open now.', {
    extensions: {
      opensAt: toIsoOrNull(window.opensAt),
      closesAt: toIsoOrNull(window.closesAt),
    },
  })

export const courseFull = (capacity: number) =>
  new DomainError('conflict', 'enrollment.full', `All ${capacity} places are taken.`, {
    extensions: { capacity },
  })

export const prerequisitesMissing = (courseIds: readonly CourseId[]) =>
  new DomainError(
    'unprocessable',
    'enrollment.prerequisites_missing',
    'Other courses must be completed before this one.',
    { extensions: { courseIds } },
  )

export const enrollmentEnded = () =>
  new DomainError('conflict', 'enrollment.ended', 'This enrolment has ended; enrol again.')

export const entitlementsFull = (max: number) =>
  new DomainError(
    'conflict',
    'enrollment.entitlements_full',
    `An enrolment has ${max} entitlements at most.`,
  )

export const windowInvalid = () =>
  new DomainError('unprocessable', 'enrollment.window_invalid', 'A window ends after it starts.')

export const codeNotFound = () =>
  new DomainError('not_found', 'enrollment.code_not_found', 'There is no such code.')

export const codeOver = () =>
  new DomainError('gone', 'enrollment.code_over', 'This code has expired or was disabled.')

export const codeUsedUp = () =>
  new DomainError('conflict', 'enrollment.code_used_up', 'This code has been used up.')
