import { createHash } from 'node:crypto'
import type { Permission } from '../../shared/contracts/define.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { type AccountId, newId, type OrganizationId } from '../../shared/kernel/id.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import {
  changeRole,
  createOrganization,
  endMembership,
  holds,
  type Invitation,
  type Member,
  type Organization,
  type Pool,
  revokeSeat,
  type Seat,
} from './domain.ts'
import { invitationNotFound, memberNotFound, organizationNotFound, poolNotFound } from './errors.ts'
import { organizations, seats } from './store.ts'

/** A token of 256 random bits needs no salt and no slow hash. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

type MemberKey = Pick<Member, 'organizationId' | 'accountId'>

/** The organisation, if the caller holds the permission there; else it does not exist for them. */
export const findFor = async (
  tx: Tx,
  {
    organizationId,
    permission,
    caller,
    lock = false,
  }: { organizationId: OrganizationId; permission: Permission; caller: Caller; lock?: boolean },
): Promise<Organization> => {
  const store = organizations(tx)
  const found = await (lock ? store.findForUpdate(organizationId) : store.find(organizationId))
  if (!found || !holds(caller, permission, found)) throw organizationNotFound(organizationId)
  return found
}

/** The active organisation, for each of its members, or one below, for those who run it. */
export const findKnown = async (
  tx: Tx,
  { organizationId, caller }: { organizationId: OrganizationId; caller: Caller },
): Promise<Organization> => {
  const permission =
    organizationId === caller.organizationId ? 'organization:read' : 'organization:update'
  return findFor(tx, { organizationId, permission, caller })
}

/** Whoever changes the members holds the organisation's lock: owners are counted under it. */
export const membersOf = ({ organizationId }: { organizationId: OrganizationId }) => ({
  organizationId,
  permission: 'organization:members' as const,
  lock: true,
})

/** Locks the organisation and reads again: of two who accept at once, the second finds it accepted. */
export const lockInvitation = async (tx: Tx, tokenHash: string): Promise<Invitation> => {
  const store = organizations(tx)
  const found = await store.findInvitation({ tokenHash })
  if (!found) throw invitationNotFound()
  await store.findForUpdate(found.organizationId)
  return (await store.findInvitation({ tokenHash })) ?? found
}

/** @throws `organization.member_not_found` */
export const findMember = async (tx: Tx, key: MemberKey): Promise<Member> => {
  const member = await organizations(tx).findMember(key)
  if (!member) throw memberNotFound()
  return member
}

/** Who is given a seat is a member, and stays one until the seat is written. */
export const shareMember = async (tx: Tx, key: MemberKey): Promise<void> => {
  if (!(await organizations(tx).findMemberForShare(key))) throw memberNotFound()
}

/** Begins an organisation and says so. */
export const begin = async (
  tx: Tx,
  command: Omit<Parameters<typeof createOrganization>[0], 'organizationId'>,
  now: Instant,
): Promise<Organization> => {
  const decision = createOrganization({ ...command, organizationId: newId('organization') }, now)
  const { organization, owner, events } = decision
  await organizations(tx).insert(organization)
  await organizations(tx).insertMember(owner)
  await organizations(tx).emit(organization.organizationId, events)
  return organization
}

/** Gives a member another role, under the lock of the organisation. */
export const keepRole = async (tx: Tx, before: Member, role: Member['role']): Promise<Member> => {
  const ownerCount = await organizations(tx).countOwners(before.organizationId)
  const { member, events } = changeRole(before, { role, ownerCount })
  await organizations(tx).saveRole(member)
  await organizations(tx).emit(member.organizationId, events)
  return member
}

/** Ends a membership and frees the seats it held. */
export const dismiss = async (tx: Tx, member: Member): Promise<void> => {
  const store = organizations(tx)
  const { organizationId } = member
  const events = endMembership(member, await store.countOwners(organizationId))
  await store.deleteMember(member)
  // Read after the deletion: a claim that was under way has finished, and no other can begin.
  for (const pool of await seats(tx).lockPoolsOf(member)) {
    const seat = await seats(tx).findLiveSeat({
      poolId: pool.poolId,
      accountId: member.accountId,
    })
    if (seat) await keepSeat(tx, revokeSeat(pool, seat))
  }
  await store.emit(organizationId, events)
}

/** Whoever has left the course leaves the seat that opened it. Harmless to repeat. */
export const giveBack = async (
  tx: Tx,
  { organizationId, seatId }: Pick<Seat, 'organizationId' | 'seatId'>,
): Promise<void> => {
  const seen = await seats(tx).findSeatById(seatId)
  if (!seen) return
  const { poolId } = seen
  const pool = await lockPool(tx, { organizationId, poolId })
  const seat = await seats(tx).findSeat({ poolId, seatId })
  if (seat) await keepSeat(tx, revokeSeat(pool, seat))
}

/** The pool, and nobody else changes its seats. @throws `organization.pool_not_found` */
export const lockPool = async (
  tx: Tx,
  key: Pick<Pool, 'organizationId' | 'poolId'>,
): Promise<Pool> => {
  const pool = await seats(tx).findPoolForUpdate(key)
  if (!pool) throw poolNotFound()
  return pool
}

/** Who wants a seat, with the one they may have. */
export const takerOf = async (tx: Tx, { poolId }: Pool, accountId: AccountId) => ({
  accountId,
  held: await seats(tx).findLiveSeat({ poolId, accountId }),
  seatId: newId('seat'),
})

/** Keeps what was decided about a seat, and says it. */
export const keepSeat = async (
  tx: Tx,
  { pool, seat, events }: ReturnType<typeof revokeSeat>,
): Promise<Seat> => {
  assert(pool.takenCount >= 0 && pool.takenCount <= pool.seatCount, 'a pool is never oversold')
  await seats(tx).savePool(pool)
  await seats(tx).saveSeat(seat)
  await organizations(tx).emit(pool.organizationId, events)
  return seat
}
