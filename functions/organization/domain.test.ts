import { describe, expect, it } from '@jest/globals'
import { type BuiltInRoleName, builtInRoles } from '../../shared/contracts/roles.ts'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, instantOf } from '../../shared/kernel/time.ts'
import {
  accept,
  assignSeat,
  changePool,
  changeRole,
  claimSeat,
  createOrganization,
  endMembership,
  holds,
  type Invitation,
  invitationExpiry,
  invitationState,
  type Manager,
  type Member,
  type Organization,
  type Pool,
  reassignSeat,
  refuseRoleAbove,
  refuseUnlessInvited,
  revokeSeat,
} from './domain.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const creatorId = newId('account')

const below = (parent: Organization | null): Organization =>
  createOrganization(
    { organizationId: newId('organization'), parent, name: 'School', locale: 'en', creatorId },
    now,
  ).organization

const manager = (role: BuiltInRoleName, organization: Organization): Manager => ({
  organizationId: organization.organizationId,
  grants: { platform: [], organization: builtInRoles[role].permissions },
})

const aMember = (role: Member['role']): Member => ({
  organizationId: newId('organization'),
  accountId: newId('account'),
  role,
  joinedAt: now,
})

describe('the tree of organisations', () => {
  it('ends at the fifth level', () => {
    const fifth = below(below(below(below(below(null)))))
    expect(fifth.ancestorIds).toHaveLength(4)
    expect(() => below(fifth)).toThrow(expect.objectContaining({ code: 'organization.too_deep' }))
  })

  it('lets a permission reach down, never up or sideways', () => {
    const top = below(null)
    const [left, right] = [below(top), below(top)]
    const leaf = below(left)
    const may = (from: Organization, to: Organization) =>
      holds(manager('admin', from), 'organization:members', to)
    expect([may(top, leaf), may(left, leaf), may(left, left)]).toEqual([true, true, true])
    expect([may(left, top), may(leaf, left), may(left, right)]).toEqual([false, false, false])
  })
})

describe('roles', () => {
  it('are given and taken by those who may all that the role allows', () => {
    const home = below(null)
    const refused = expect.objectContaining({ code: 'organization.role_above_caller' })
    expect(() => refuseRoleAbove(manager('admin', home), 'owner', home)).toThrow(refused)
    expect(() => refuseRoleAbove(manager('instructor', home), 'admin', home)).toThrow(refused)
    refuseRoleAbove(manager('admin', home), 'admin', home)
    refuseRoleAbove(manager('owner', home), 'owner', home)
  })

  it('keep the last owner, and say nothing of a change that is none', () => {
    const owner = aMember('owner')
    const refused = expect.objectContaining({ code: 'organization.last_owner' })
    expect(() => changeRole(owner, { role: 'admin', ownerCount: 1 })).toThrow(refused)
    expect(() => endMembership(owner, 1)).toThrow(refused)
    expect(changeRole(owner, { role: 'admin', ownerCount: 2 }).member.role).toBe('admin')
    expect(changeRole(owner, { role: 'owner', ownerCount: 1 }).events).toEqual([])
  })
})

describe('an invitation', () => {
  const invitation: Invitation = {
    invitationId: newId('invitation'),
    organizationId: newId('organization'),
    email: 'Ada@Example.org',
    role: 'instructor',
    state: 'pending',
    createdAt: now,
    expiresAt: invitationExpiry(now),
  }
  const ada = { accountId: newId('account'), email: 'ada@example.ORG', isVerified: true }

  it('counts for seven days', () => {
    expect(invitationState(invitation, addMs(now, 7 * DAY_MS - 1))).toBe('pending')
    expect(invitationState(invitation, addMs(now, 7 * DAY_MS))).toBe('expired')
  })

  it('is for the invited address, proven, in any case', () => {
    const refused = expect.objectContaining({ code: 'organization.invitation_address' })
    refuseUnlessInvited(invitation, ada, now)
    for (const other of [undefined, { ...ada, isVerified: false }, { ...ada, email: 'bob@e.org' }])
      expect(() => refuseUnlessInvited(invitation, other, now)).toThrow(refused)
  })

  it('raises a member and never lowers one', () => {
    const roleAfter = (role: Member['role']) =>
      accept(invitation, { accountId: ada.accountId, member: aMember(role) }, now).member.role
    expect([roleAfter('learner'), roleAfter('admin')]).toEqual(['instructor', 'admin'])
  })
})

describe('a licence pool', () => {
  const pool: Pool = {
    poolId: newId('licencePool'),
    organizationId: newId('organization'),
    courseId: newId('course'),
    name: 'Spring',
    seatCount: 1,
    takenCount: 0,
    claimable: true,
    createdAt: now,
  }
  const taker = (held?: ReturnType<typeof claimSeat>['seat']) => ({
    accountId: newId('account'),
    seatId: newId('seat'),
    held,
  })

  it('opens the course when a seat is claimed, not when it is assigned', () => {
    const assigned = assignSeat({ ...pool, claimable: false }, taker(), now)
    expect(assigned).toMatchObject({ seat: { state: 'assigned' }, events: [] })
    const claimed = claimSeat(assigned.pool, taker(assigned.seat), now)
    expect(claimed).toMatchObject({
      pool: { takenCount: 1 },
      seat: { seatId: assigned.seat.seatId, state: 'activated' },
      events: [{ type: 'seat.claimed' }],
    })
    expect(claimSeat(claimed.pool, taker(claimed.seat), now).events).toEqual([])
  })

  it('refuses beyond its seats, and to shrink below those taken', () => {
    const { pool: full } = claimSeat(pool, taker(), now)
    expect(() => claimSeat(full, taker(), now)).toThrow(
      expect.objectContaining({ code: 'organization.seats_exhausted' }),
    )
    expect(() => changePool({ ...full, seatCount: 2, takenCount: 2 }, { seatCount: 1 })).toThrow(
      expect.objectContaining({ code: 'organization.seats_taken' }),
    )
  })

  it('gets a revoked seat back once', () => {
    const claimed = claimSeat(pool, taker(), now)
    const revoked = revokeSeat(claimed.pool, claimed.seat)
    expect(revoked).toMatchObject({ pool: { takenCount: 0 }, events: [{ type: 'seat.revoked' }] })
    expect(revokeSeat(revoked.pool, revoked.seat)).toMatchObject({
      pool: { takenCount: 0 },
      events: [],
    })
  })

  it('hands a seat on without a moment in which it is free', () => {
    const claimed = claimSeat(pool, taker(), now)
    const decision = reassignSeat(claimed.pool, { seat: claimed.seat, to: taker() }, now)
    expect(decision).toMatchObject({
      pool: { takenCount: 1 },
      seat: { state: 'assigned' },
      revoked: { state: 'revoked' },
      events: [{ type: 'seat.revoked' }],
    })
  })
})
