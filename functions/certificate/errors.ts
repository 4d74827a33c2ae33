import { DomainError } from '../../shared/kernel/errors.ts'
import type { CertificateId, CourseId, Id } from '../../shared/kernel/id.ts'

/** Absent, not issued (to the public), or none of the caller's business. */
export const certificateNotFound = (certificateId: CertificateId) =>
  new DomainError('not_found', 'certificate.not_found', 'There is no such certificate.', {
    details: { certificateId },
  })

export const courseNotFound = (courseId: CourseId) =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.', {
    details: { courseId },
  })

export const keyNotFound = (keyId: Id<'signingKey'>) =>
  new DomainError('not_found', 'certificate.key_not_found', 'This key has never signed here.', {
    details: { keyId },
  })

export const certificateNotIssued = () =>
  new DomainError('conflict', 'certificate.not_issued', 'The certificate has not been issued.')

export const certificateInProgress = () =>
  new DomainError('conflict', 'certificate.in_progress', 'The certificate is being issued now.')

export const certificateSuperseded = () =>
  new DomainError(
    'conflict',
    'certificate.superseded',
    'A newer certificate has taken the place of this one.',
  )

export const certificateExpired = () =>
  new DomainError('conflict', 'certificate.expired', 'An expired certificate is not issued again.')
