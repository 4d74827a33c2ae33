import { type Instant, toIso } from '../../shared/kernel/time.ts'
import {
  type Invitation,
  invitationState,
  type Member,
  type Organization,
  type Pool,
  type Seat,
} from './domain.ts'

// What the contract's answers are made of.

export const show = ({ organizationId, parentId, name, locale, createdAt }: Organization) => ({
  organizationId,
  parentId,
  name,
  locale,
  createdAt: toIso(createdAt),
})

export const showMember = (member: Member) => ({ ...member, joinedAt: toIso(member.joinedAt) })

export const showInvitation = (invitation: Invitation, now: Instant) => ({
  ...invitation,
  state: invitationState(invitation, now),
  createdAt: toIso(invitation.createdAt),
  expiresAt: toIso(invitation.expiresAt),
})

export const showPool = (pool: Pool) => ({
  ...pool,
  unassignedCount: pool.seatCount - pool.takenCount,
  createdAt: toIso(pool.createdAt),
})

export const showSeat = (seat: Seat) => ({ ...seat, takenAt: toIso(seat.takenAt) })
