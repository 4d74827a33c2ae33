import { DomainError } from '../../shared/kernel/errors.ts'

/** Absent, or not yet told of, or none of the caller's business. */
export const userNotFound = () =>
  new DomainError('not_found', 'user.not_found', 'There is no such user.')

export const userDeactivated = () =>
  new DomainError('conflict', 'user.deactivated', 'This user has left.')

export const revisionStale = (current: number) =>
  new DomainError(
    'precondition_failed',
    'user.revision_stale',
    'The profile has changed since you read it.',
    { extensions: { currentRevision: current } },
  )

export const avatarInvalid = () =>
  new DomainError(
    'unprocessable',
    'user.avatar_invalid',
    'An avatar is an image that you have uploaded.',
  )

export const emailUnchanged = () =>
  new DomainError('unprocessable', 'user.email_unchanged', 'This is your address already.')

export const emailChangesExhausted = (retryAfterSeconds: number) =>
  new DomainError(
    'rate_limited',
    'user.email_changes_exhausted',
    'You have asked for too many mails today.',
    { retryAfterSeconds },
  )

/** Wrong, used, replaced, expired or another's: who holds it is not told which. */
export const emailChangeInvalid = () =>
  new DomainError(
    'unprocessable',
    'user.email_change_invalid',
    'This link does not work (any more). Ask for another one.',
  )

export const emailTaken = () =>
  new DomainError('conflict', 'user.email_taken', 'Another account has this address.')
