import { DomainError } from '../../shared/kernel/errors.ts'
import type { OrganizationId } from '../../shared/kernel/id.ts'

/** Absent, or none of the caller's business. */
export const organizationNotFound = (organizationId: OrganizationId) =>
  new DomainError('not_found', 'organization.not_found', 'There is no such organisation.', {
    details: { organizationId },
  })

export const tooDeep = (levelsMax: number) =>
  new DomainError(
    'unprocessable',
    'organization.too_deep',
    `Organisations stand ${levelsMax} levels deep at most.`,
  )

export const memberNotFound = () =>
  new DomainError('not_found', 'organization.member_not_found', 'There is no such member.')

export const roleAboveCaller = () =>
  new DomainError(
    'forbidden',
    'organization.role_above_caller',
    'You can neither give nor take a role that allows more than you may.',
  )

export const lastOwner = () =>
  new DomainError('conflict', 'organization.last_owner', 'The last owner stays one.')

export const alreadyMember = () =>
  new DomainError(
    'conflict',
    'organization.already_member',
    'This address belongs to a member already.',
  )

export const invitationsFull = (max: number) =>
  new DomainError(
    'conflict',
    'organization.invitations_full',
    `${max} invitations are waiting for an answer already.`,
  )

export const invitationNotFound = () =>
  new DomainError('not_found', 'organization.invitation_not_found', 'There is no such invitation.')

export const invitationOver = (state: 'accepted' | 'revoked' | 'expired') =>
  new DomainError('gone', 'organization.invitation_over', 'This invitation no longer counts.', {
    extensions: { state },
  })

export const invitationAddress = () =>
  new DomainError(
    'forbidden',
    'organization.invitation_address',
    'The invitation is for another address, or yours is not verified yet.',
  )

/** As the course service itself says it. */
export const courseNotFound = () =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.')

export const poolsFull = (max: number) =>
  new DomainError(
    'conflict',
    'organization.pools_full',
    `An organisation has ${max} licence pools at most.`,
  )

export const poolNotFound = () =>
  new DomainError('not_found', 'organization.pool_not_found', 'There is no such licence pool.')

export const poolClosed = () =>
  new DomainError(
    'conflict',
    'organization.pool_closed',
    'Seats of this pool are assigned by the staff.',
  )

export const seatsTaken = (takenCount: number) =>
  new DomainError('conflict', 'organization.seats_taken', 'More seats are taken than that.', {
    extensions: { takenCount },
  })

export const seatsExhausted = () =>
  new DomainError('conflict', 'organization.seats_exhausted', 'Every seat of the pool is taken.')

export const seatNotFound = () =>
  new DomainError('not_found', 'organization.seat_not_found', 'There is no such seat.')

export const seatOver = () =>
  new DomainError('conflict', 'organization.seat_over', 'This seat has been taken back already.')

export const seatHeld = () =>
  new DomainError('conflict', 'organization.seat_held', 'This member has a seat of the pool.')
