import { DomainError } from '../../shared/kernel/errors.ts'

/** Absent, or somebody else's. */
export const notificationNotFound = () =>
  new DomainError('not_found', 'notification.not_found', 'There is no such notification.')

export const categoryMandatory = (category: string) =>
  new DomainError(
    'unprocessable',
    'notification.category_mandatory',
    `The category ${category} cannot be turned off.`,
  )

export const subscriptionInvalid = () =>
  new DomainError(
    'invalid',
    'notification.subscription_invalid',
    'This link is not one that we made.',
  )

export const signatureInvalid = () =>
  new DomainError(
    'unauthenticated',
    'notification.signature_invalid',
    'The mail provider did not sign this.',
  )

export const mailEventsInvalid = () =>
  new DomainError(
    'invalid',
    'notification.mail_events_invalid',
    'This is not a list of mail events.',
  )
