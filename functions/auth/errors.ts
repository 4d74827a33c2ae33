import { DomainError } from '../../shared/kernel/errors.ts'

/** Wrong password, unknown address and one that waits for its mail are one answer. */
export const credentialsWrong = () =>
  new DomainError(
    'unauthenticated',
    'auth.credentials_wrong',
    'Address and password do not belong together, or the mail to this address waits to be followed.',
  )

/** Said only to who knows the password. */
export const accountDeactivated = () =>
  new DomainError('forbidden', 'auth.account_deactivated', 'This account is deactivated.')

export const tooManyAttempts = (waitMs: number) =>
  new DomainError('rate_limited', 'auth.too_many_attempts', 'Too many attempts; wait a moment.', {
    retryAfterSeconds: waitMs / 1_000,
  })

export const passwordCommon = () =>
  new DomainError(
    'unprocessable',
    'auth.password_common',
    'This password is too easily guessed; choose another.',
  )

export const passwordWrong = () =>
  new DomainError('forbidden', 'auth.password_wrong', 'The current password is another.')

/** Unknown, used and expired are one answer. */
export const tokenInvalid = () =>
  new DomainError(
    'unprocessable',
    'auth.token_invalid',
    'This link was used or has expired; ask for another.',
  )

export const refreshInvalid = () =>
  new DomainError('unauthenticated', 'auth.refresh_invalid', 'The session is over; sign in again.')

export const refreshReused = () =>
  new DomainError(
    'unauthenticated',
    'auth.refresh_reused',
    'A refresh token came back after its time; the session has been ended.',
  )

export const originRefused = () =>
  new DomainError(
    'forbidden',
    'auth.origin_refused',
    'The cookie is honoured for pages of this hub only.',
  )

export const sessionNotFound = () =>
  new DomainError('not_found', 'auth.session_not_found', 'There is no such session.')

/** The access token outlived its session. */
export const sessionEnded = () =>
  new DomainError('unauthenticated', 'auth.session_ended', 'The session is over; sign in again.')

export const organizationNotFound = () =>
  new DomainError('not_found', 'auth.organization_not_found', 'There is no such organisation.')

export const accountNotFound = () =>
  new DomainError('not_found', 'auth.account_not_found', 'There is no such account.')

export const proofInvalid = () =>
  new DomainError('forbidden', 'auth.proof_invalid', 'The address has not been verified.')

export const emailTaken = () =>
  new DomainError('conflict', 'auth.email_taken', 'Another account has this address.')

/** Two changes of one address met; nothing was done. */
export const addressInMotion = () =>
  new DomainError('unavailable', 'auth.unavailable', 'Please try again in a moment.', {
    retryAfterSeconds: 1,
  })
