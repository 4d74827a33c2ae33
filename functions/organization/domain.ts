import type { Permission } from '../../shared/contracts/define.ts'
import { INVITATION_DAYS, ORGANIZATION_DEPTH_MAX } from '../../shared/contracts/organization.ts'
import { builtInRoles } from '../../shared/contracts/roles.ts'
import type { OrganizationEvent } from '../../shared/events/organization.ts'
import { emailKeyOf } from '../../shared/kernel/email.ts'
import type { AccountId, CourseId, Id, OrganizationId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, type Instant } from '../../shared/kernel/time.ts'
import {
  invitationAddress,
  invitationOver,
  lastOwner,
  poolClosed,
  roleAboveCaller,
  seatHeld,
  seatOver,
  seatsExhausted,
  seatsTaken,
  tooDeep,
} from './errors.ts'

export type MemberRole = 'learner' | 'instructor' | 'admin' | 'owner'

export type Organization = {
  readonly organizationId: OrganizationId
  readonly parentId: OrganizationId | null
  /** From the topmost down to the parent. */
  readonly ancestorIds: readonly OrganizationId[]
  readonly name: string
  readonly locale: string
  readonly createdAt: Instant
}

export type Member = {
  readonly organizationId: OrganizationId
  readonly accountId: AccountId
  readonly role: MemberRole
  readonly joinedAt: Instant
}

export type Invitation = {
  readonly invitationId: Id<'invitation'>
  readonly organizationId: OrganizationId
  readonly email: string
  readonly role: MemberRole
  readonly state: 'pending' | 'accepted' | 'revoked'
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

/** A person's address as auth and user last told it. */
export type Account = {
  readonly accountId: AccountId
  readonly email: string
  readonly isVerified: boolean
}

/** Seats in one course for one organisation. */
export type Pool = {
  readonly poolId: Id<'licencePool'>
  readonly organizationId: OrganizationId
  readonly courseId: CourseId
  readonly name: string
  readonly seatCount: number
  /** Seats that are assigned or activated; the others are unassigned. */
  readonly takenCount: number
  /** Whether members may take a seat by themselves. */
  readonly claimable: boolean
  readonly createdAt: Instant
}

/** A seat from the moment it is somebody's: assigned -> activated -> revoked, or straight to either. */
export type Seat = {
  readonly seatId: Id<'seat'>
  readonly poolId: Id<'licencePool'>
  readonly organizationId: OrganizationId
  readonly courseId: CourseId
  readonly accountId: AccountId
  readonly state: 'assigned' | 'activated' | 'revoked'
  readonly takenAt: Instant
}

/** Who manages, and where they hold what: the part of a caller that these rules need. */
export type Manager = {
  /** The active organisation. */
  readonly organizationId: OrganizationId
  readonly grants: {
    readonly platform: readonly Permission[]
    readonly organization: readonly Permission[]
  }
}

/** A permission of the active organisation counts there and in everything below it. */
export const holds = (
  { organizationId, grants }: Manager,
  permission: Permission,
  target: Organization,
): boolean =>
  grants.platform.includes(permission) ||
  (grants.organization.includes(permission) &&
    (target.organizationId === organizationId || target.ancestorIds.includes(organizationId)))

/** Nobody gives or takes a role that allows more than they may themselves. @throws `organization.role_above_caller` */
export const refuseRoleAbove = (manager: Manager, role: MemberRole, target: Organization): void => {
  const within = builtInRoles[role].permissions.every((each) => holds(manager, each, target))
  if (!within) throw roleAboveCaller()
}

/** A new organisation has one member, its creator, who owns it. @throws `organization.too_deep` */
export const createOrganization = (
  command: {
    readonly organizationId: OrganizationId
    readonly parent: Organization | null
    readonly name: string
    readonly locale: string
    readonly creatorId: AccountId
  },
  now: Instant,
): { organization: Organization; owner: Member; events: readonly OrganizationEvent[] } => {
  const { organizationId, parent, name, locale, creatorId } = command
  const parentId = parent?.organizationId ?? null
  const ancestorIds = parent ? [...parent.ancestorIds, parent.organizationId] : []
  if (ancestorIds.length >= ORGANIZATION_DEPTH_MAX) throw tooDeep(ORGANIZATION_DEPTH_MAX)
  const owner = joined({ organizationId, accountId: creatorId, role: 'owner' }, now)
  return {
    organization: { organizationId, parentId, ancestorIds, name, locale, createdAt: now },
    owner: owner.member,
    events: [
      { type: 'organization.created', organizationId, name, parentId, ownerId: creatorId },
      ...owner.events,
    ],
  }
}

type Membership = { readonly member: Member; readonly events: readonly OrganizationEvent[] }

export const joined = (who: Omit<Member, 'joinedAt'>, now: Instant): Membership => ({
  member: { ...who, joinedAt: now },
  events: [{ type: 'member.added', ...who }],
})

/** @param ownerCount owners at this moment, nobody else changing them. @throws `organization.last_owner` */
export const changeRole = (
  member: Member,
  { role, ownerCount }: { role: MemberRole; ownerCount: number },
): Membership => {
  if (member.role === role) return { member, events: [] }
  if (member.role === 'owner' && ownerCount === 1) throw lastOwner()
  const { organizationId, accountId } = member
  return {
    member: { ...member, role },
    events: [{ type: 'member.role_changed', organizationId, accountId, role }],
  }
}

/** @param ownerCount owners at this moment, nobody else changing them. @throws `organization.last_owner` */
export const endMembership = (
  { organizationId, accountId, role }: Member,
  ownerCount: number,
): readonly OrganizationEvent[] => {
  if (role === 'owner' && ownerCount === 1) throw lastOwner()
  return [{ type: 'member.removed', organizationId, accountId }]
}

export const invitationExpiry = (now: Instant): Instant => addMs(now, INVITATION_DAYS * DAY_MS)

export const invitationState = (
  invitation: Invitation,
  now: Instant,
): Invitation['state'] | 'expired' =>
  invitation.state === 'pending' && now >= invitation.expiresAt ? 'expired' : invitation.state

/** Only the invited address counts, and only once it is proven; case does not make another address. */
export const refuseUnlessInvited = (
  invitation: Invitation,
  account: Account | undefined,
  now: Instant,
): void => {
  const state = invitationState(invitation, now)
  if (state !== 'pending') throw invitationOver(state)
  const isTheirs =
    account?.isVerified === true && emailKeyOf(account.email) === emailKeyOf(invitation.email)
  if (!isTheirs) throw invitationAddress()
}

/** A member who accepts keeps the higher of both roles. */
export const accept = (
  { organizationId, role }: Invitation,
  { accountId, member }: { accountId: AccountId; member: Member | undefined },
  now: Instant,
): Membership => {
  if (!member) return joined({ organizationId, accountId, role }, now)
  const isHigher = RANK[role] > RANK[member.role]
  return isHigher
    ? changeRole(member, { role, ownerCount: Number.POSITIVE_INFINITY })
    : { member, events: [] }
}

const RANK: Readonly<Record<MemberRole, number>> = { learner: 0, instructor: 1, admin: 2, owner: 3 }

/** @throws `organization.seats_taken` */
export const changePool = (
  pool: Pool,
  changes: Partial<Pick<Pool, 'name' | 'seatCount' | 'claimable'>>,
): Pool => {
  const changed = { ...pool, ...changes }
  if (changed.seatCount < pool.takenCount) throw seatsTaken(pool.takenCount)
  return changed
}

type SeatDecision = {
  readonly pool: Pool
  readonly seat: Seat
  readonly events: readonly OrganizationEvent[]
}

/** A person's live seat in the pool, if any, and the id for a new one. */
type Taker = {
  readonly accountId: AccountId
  readonly held: Seat | undefined
  readonly seatId: Id<'seat'>
}

/** Takes a seat, or takes up the one that is assigned: the course is open. Harmless to repeat. */
export const claimSeat = (pool: Pool, taker: Taker, now: Instant): SeatDecision => {
  if (taker.held?.state === 'activated') return { pool, seat: taker.held, events: [] }
  if (!taker.held && !pool.claimable) throw poolClosed()
  const { pool: after, seat: taken } = assignSeat(pool, taker, now)
  const seat: Seat = { ...taken, state: 'activated' }
  return { pool: after, seat, events: [{ type: 'seat.claimed', ...factsOf(seat) }] }
}

/** Keeps a seat for somebody, who takes it up by claiming it. Harmless to repeat. */
export const assignSeat = (
  pool: Pool,
  { accountId, held, seatId }: Taker,
  now: Instant,
): SeatDecision => {
  if (held) return { pool, seat: held, events: [] }
  if (pool.takenCount >= pool.seatCount) throw seatsExhausted()
  const { poolId, organizationId, courseId } = pool
  return {
    pool: { ...pool, takenCount: pool.takenCount + 1 },
    seat: {
      seatId,
      poolId,
      organizationId,
      courseId,
      accountId,
      state: 'assigned',
      takenAt: now,
    },
    events: [],
  }
}

/** The seat is free again, once, however often it is taken back. Only an activated one had opened the course. */
export const revokeSeat = (pool: Pool, seat: Seat): SeatDecision => {
  if (seat.state === 'revoked') return { pool, seat, events: [] }
  return {
    pool: { ...pool, takenCount: pool.takenCount - 1 },
    seat: { ...seat, state: 'revoked' },
    events: seat.state === 'activated' ? [{ type: 'seat.revoked', ...factsOf(seat) }] : [],
  }
}

/** One person's seat becomes another's; nobody can take it in between. */
export const reassignSeat = (
  pool: Pool,
  { seat, to }: { seat: Seat; to: Taker },
  now: Instant,
): SeatDecision & { readonly revoked: Seat } => {
  if (seat.state === 'revoked') throw seatOver()
  if (to.held) throw seatHeld()
  const revoked = revokeSeat(pool, seat)
  const assigned = assignSeat(revoked.pool, to, now)
  return { ...assigned, revoked: revoked.seat, events: [...revoked.events, ...assigned.events] }
}

const factsOf = ({ poolId, seatId, organizationId, courseId, accountId }: Seat) => ({
  poolId,
  seatId,
  organizationId,
  courseId,
  accountId,
})
