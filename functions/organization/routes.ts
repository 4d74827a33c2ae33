import { createHash, randomBytes } from 'node:crypto'
import { seal } from '../../shared/auth/seal.ts'
import type { Permission } from '../../shared/contracts/define.ts'
import {
  INVITATIONS_PENDING_MAX,
  LICENCE_POOLS_PER_ORGANIZATION_MAX,
  type organizationContract,
} from '../../shared/contracts/organization.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { type AccountId, newId, type OrganizationId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'
import { type CourseClient, courseRefs } from '../../shared/projection/course-refs.ts'
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
  type Member,
  type Organization,
  type Pool,
  reassignSeat,
  refuseRoleAbove,
  refuseUnlessInvited,
  revokeSeat,
  type Seat,
} from './domain.ts'
import {
  alreadyMember,
  courseNotFound,
  invitationNotFound,
  invitationOver,
  invitationsFull,
  memberNotFound,
  organizationNotFound,
  poolNotFound,
  poolsFull,
  seatNotFound,
} from './errors.ts'
import { organizations, seats } from './store.ts'

export type Deps = {
  readonly course: CourseClient
  /** 32 bytes: seals invitation tokens for the mailer. */
  readonly sealKey: Uint8Array
}

export const routes: Handlers<typeof organizationContract, Deps> = {
  async listOwnOrganizations({ query, caller, tx }) {
    const listed = await organizations(tx).listOf(caller.accountId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ organizationId }) => [organizationId],
      itemOf: (organization) => ({ ...show(organization), role: organization.role }),
    })
  },

  async createOrganization({ body, caller, now, tx }) {
    return show(await begin(tx, { ...body, parent: null, creatorId: caller.accountId }, now))
  },

  async createSubOrganization({ params, body, caller, now, tx }) {
    const parent = await findFor(tx, { caller, permission: 'organization:update', ...params })
    const locale = body.locale ?? parent.locale
    const creatorId = caller.accountId
    return show(await begin(tx, { name: body.name, locale, parent, creatorId }, now))
  },

  async getOrganization({ params, caller, tx }) {
    return show(await findKnown(tx, { caller, ...params }))
  },

  async updateOrganization({ params, body, caller, tx }) {
    const found = await findFor(tx, {
      caller,
      permission: 'organization:update',
      lock: true,
      ...params,
    })
    const changed = { ...found, ...given(body) }
    const { organizationId, name } = changed
    await organizations(tx).save(changed)
    if (name !== found.name)
      await organizations(tx).emit(organizationId, [
        { type: 'organization.updated', organizationId, name },
      ])
    return show(changed)
  },

  async listSubtree({ params, query, caller, tx }) {
    await findFor(tx, { caller, permission: 'organization:update', ...params })
    const listed = await organizations(tx).listBelow(params.organizationId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ organizationId }) => [organizationId],
      itemOf: show,
    })
  },

  async listMembers({ params, query, caller, tx }) {
    await findFor(tx, { caller, permission: 'organization:members', ...params })
    const listed = await organizations(tx).listMembers(params.organizationId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ accountId }) => [accountId],
      itemOf: showMember,
    })
  },

  async changeMemberRole({ params, body, caller, tx }) {
    const organization = await findFor(tx, { caller, ...membersOf(params) })
    const member = await findMember(tx, params)
    refuseRoleAbove(caller, member.role, organization)
    refuseRoleAbove(caller, body.role, organization)
    return showMember(await keepRole(tx, member, body.role))
  },

  async removeMember({ params, caller, tx }) {
    const organization = await findFor(tx, { caller, ...membersOf(params) })
    const member = await findMember(tx, params)
    refuseRoleAbove(caller, member.role, organization)
    await dismiss(tx, member)
    return undefined
  },

  async leaveOrganization({ params, caller, tx }) {
    const { organizationId } = params
    const organization = await organizations(tx).findForUpdate(organizationId)
    const member = await organizations(tx).findMember({
      organizationId,
      accountId: caller.accountId,
    })
    if (!organization || !member) throw organizationNotFound(organizationId)
    await dismiss(tx, member)
    return undefined
  },

  async transferOwnership({ params, body, caller, tx }) {
    const { organizationId } = params
    const permission = 'organization:owners'
    await findFor(tx, { caller, permission, lock: true, organizationId })
    const heir = await findMember(tx, { organizationId, accountId: body.accountId })
    const owner = await keepRole(tx, heir, 'owner')
    const former = await organizations(tx).findMember({
      organizationId,
      accountId: caller.accountId,
    })
    if (former?.role === 'owner' && former.accountId !== owner.accountId)
      await keepRole(tx, former, 'admin')
    return showMember(owner)
  },

  async createInvitation({ params, body, caller, now, tx }, { sealKey }) {
    const organization = await findFor(tx, { caller, ...membersOf(params) })
    const { organizationId } = organization
    refuseRoleAbove(caller, body.role, organization)
    const store = organizations(tx)
    if (await store.isMembersAddress({ organizationId, email: body.email })) throw alreadyMember()
    await store.supersedeInvitation({ organizationId, email: body.email })
    if ((await store.countPending(organizationId, now)) >= INVITATIONS_PENDING_MAX)
      throw invitationsFull(INVITATIONS_PENDING_MAX)
    const { locale = organization.locale, ...fields } = body
    const token = randomBytes(TOKEN_BYTES).toString('base64url')
    const invitation: Invitation = {
      ...fields,
      invitationId: newId('invitation'),
      organizationId,
      state: 'pending',
      createdAt: now,
      expiresAt: invitationExpiry(now),
    }
    const secret = { tokenHash: hashOf(token), invitedBy: caller.accountId }
    await store.insertInvitation({ ...invitation, ...secret })
    await store.emit(organizationId, [
      {
        type: 'invitation.created',
        invitationId: invitation.invitationId,
        organizationId,
        organizationName: organization.name,
        ...fields,
        locale,
        sealedToken: await seal(token, sealKey),
        expiresAt: toIso(invitation.expiresAt),
      },
    ])
    return showInvitation(invitation, now)
  },

  async listInvitations({ params, query, caller, now, tx }) {
    await findFor(tx, { caller, permission: 'organization:members', ...params })
    const listed = await organizations(tx).listInvitations(params.organizationId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ invitationId }) => [invitationId],
      itemOf: (invitation) => showInvitation(invitation, now),
    })
  },

  async revokeInvitation({ params, caller, now, tx }) {
    await findFor(tx, { caller, ...membersOf(params) })
    const invitation = await organizations(tx).findInvitation(params)
    if (!invitation) throw invitationNotFound()
    const state = invitationState(invitation, now)
    if (state === 'accepted') throw invitationOver(state)
    await organizations(tx).endInvitation(invitation.invitationId, 'revoked')
    return undefined
  },

  async acceptInvitation({ body, caller, now, tx }) {
    const { accountId } = caller
    const store = organizations(tx)
    const invitation = await lockInvitation(tx, hashOf(body.token))
    refuseUnlessInvited(invitation, await store.findAccount(accountId), now)
    const { invitationId, organizationId } = invitation
    const member = await store.findMember({ organizationId, accountId })
    const decision = accept(invitation, { accountId, member }, now)
    await (member ? store.saveRole(decision.member) : store.insertMember(decision.member))
    await store.endInvitation(invitationId, 'accepted')
    await store.emit(organizationId, decision.events)
    return showMember(decision.member)
  },

  async createLicencePool({ params, body, caller, headers, now, tx }, { course }) {
    const { organizationId } = params
    const permission = 'organization:licences'
    await findFor(tx, { caller, permission, lock: true, organizationId })
    const as = { headers, traceparent: tx.traceparent }
    const facts = await courseRefs(tx).findOrAsk(body.courseId, course, as)
    // A seat opens the course: only who owns the course may hand out seats in it.
    if (facts.organizationId !== organizationId) throw courseNotFound()
    const count = await seats(tx).countPools(organizationId)
    if (count >= LICENCE_POOLS_PER_ORGANIZATION_MAX)
      throw poolsFull(LICENCE_POOLS_PER_ORGANIZATION_MAX)
    const pool: Pool = {
      ...body,
      poolId: newId('licencePool'),
      organizationId,
      takenCount: 0,
      createdAt: now,
    }
    await seats(tx).insertPool(pool)
    return showPool(pool)
  },

  async listLicencePools({ params, query, caller, tx }) {
    const organization = await findKnown(tx, { caller, ...params })
    const onlyClaimable = !holds(caller, 'organization:licences', organization)
    const listed = await seats(tx).listPools(params.organizationId, { ...query, onlyClaimable })
    return toPage(listed, query.limit, { keyOf: ({ poolId }) => [poolId], itemOf: showPool })
  },

  async updateLicencePool({ params, body, caller, tx }) {
    await findFor(tx, { caller, permission: 'organization:licences', ...params })
    const pool = changePool(await lockPool(tx, params), given(body))
    await seats(tx).savePool(pool)
    return showPool(pool)
  },

  async claimSeat({ params, caller, now, tx }) {
    const { accountId } = caller
    const member = await organizations(tx).findMemberForShare({ ...params, accountId })
    if (!member) throw poolNotFound()
    const pool = await lockPool(tx, params)
    const taker = await takerOf(tx, pool, accountId)
    return showSeat(await keepSeat(tx, claimSeat(pool, taker, now)))
  },

  async assignSeat({ params, body, caller, now, tx }) {
    await findFor(tx, { caller, permission: 'organization:licences', ...params })
    await shareMember(tx, { ...params, accountId: body.accountId })
    const pool = await lockPool(tx, params)
    const taker = await takerOf(tx, pool, body.accountId)
    return showSeat(await keepSeat(tx, assignSeat(pool, taker, now)))
  },

  async revokeSeat({ params, caller, tx }) {
    await findFor(tx, { caller, permission: 'organization:licences', ...params })
    const pool = await lockPool(tx, params)
    const seat = await seats(tx).findSeat(params)
    if (!seat) throw seatNotFound()
    return showSeat(await keepSeat(tx, revokeSeat(pool, seat)))
  },

  async reassignSeat({ params, body, caller, now, tx }) {
    await findFor(tx, { caller, permission: 'organization:licences', ...params })
    await shareMember(tx, { ...params, accountId: body.accountId })
    const pool = await lockPool(tx, params)
    const seat = await seats(tx).findSeat(params)
    if (!seat) throw seatNotFound()
    const to = await takerOf(tx, pool, body.accountId)
    const decision = reassignSeat(pool, { seat, to }, now)
    await seats(tx).saveSeat(decision.revoked)
    return showSeat(await keepSeat(tx, decision))
  },

  async listSeats({ params, query, caller, tx }) {
    await findFor(tx, { caller, permission: 'organization:licences', ...params })
    if (!(await seats(tx).findPool(params))) throw poolNotFound()
    const listed = await seats(tx).listSeats({ ...params, ...query })
    return toPage(listed, query.limit, { keyOf: ({ seatId }) => [seatId], itemOf: showSeat })
  },

  async listOwnSeats({ query, caller, tx }) {
    const { accountId, organizationId } = caller
    const listed = await seats(tx).listSeats({
      ...query,
      accountId,
      organizationId,
      onlyLive: true,
    })
    return toPage(listed, query.limit, { keyOf: ({ seatId }) => [seatId], itemOf: showSeat })
  },
}

const TOKEN_BYTES = 32

/** A token of 256 random bits needs no salt and no slow hash. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

type Tx = Parameters<typeof organizations>[0]
type MemberKey = Pick<Member, 'organizationId' | 'accountId'>

/** The organisation, if the caller holds the permission there; else it does not exist for them. */
const findFor = async (
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
const findKnown = async (
  tx: Tx,
  { organizationId, caller }: { organizationId: OrganizationId; caller: Caller },
): Promise<Organization> => {
  const permission =
    organizationId === caller.organizationId ? 'organization:read' : 'organization:update'
  return findFor(tx, { organizationId, permission, caller })
}

/** Whoever changes the members holds the organisation's lock: owners are counted under it. */
const membersOf = ({ organizationId }: { organizationId: OrganizationId }) => ({
  organizationId,
  permission: 'organization:members' as const,
  lock: true,
})

/** Locks the organisation and reads again: of two who accept at once, the second finds it accepted. */
const lockInvitation = async (tx: Tx, tokenHash: string): Promise<Invitation> => {
  const store = organizations(tx)
  const found = await store.findInvitation({ tokenHash })
  if (!found) throw invitationNotFound()
  await store.findForUpdate(found.organizationId)
  return (await store.findInvitation({ tokenHash })) ?? found
}

const findMember = async (tx: Tx, key: MemberKey): Promise<Member> => {
  const member = await organizations(tx).findMember(key)
  if (!member) throw memberNotFound()
  return member
}

/** Who is given a seat is a member, and stays one until the seat is written. */
const shareMember = async (tx: Tx, key: MemberKey): Promise<void> => {
  if (!(await organizations(tx).findMemberForShare(key))) throw memberNotFound()
}

const begin = async (
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

const keepRole = async (tx: Tx, before: Member, role: Member['role']): Promise<Member> => {
  const ownerCount = await organizations(tx).countOwners(before.organizationId)
  const { member, events } = changeRole(before, { role, ownerCount })
  await organizations(tx).saveRole(member)
  await organizations(tx).emit(member.organizationId, events)
  return member
}

/** Ends a membership and frees the seats it held. */
const dismiss = async (tx: Tx, member: Member): Promise<void> => {
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

const lockPool = async (tx: Tx, key: Pick<Pool, 'organizationId' | 'poolId'>): Promise<Pool> => {
  const pool = await seats(tx).findPoolForUpdate(key)
  if (!pool) throw poolNotFound()
  return pool
}

const takerOf = async (tx: Tx, { poolId }: Pool, accountId: AccountId) => ({
  accountId,
  held: await seats(tx).findLiveSeat({ poolId, accountId }),
  seatId: newId('seat'),
})

const keepSeat = async (
  tx: Tx,
  { pool, seat, events }: ReturnType<typeof revokeSeat>,
): Promise<Seat> => {
  assert(pool.takenCount >= 0 && pool.takenCount <= pool.seatCount, 'a pool is never oversold')
  await seats(tx).savePool(pool)
  await seats(tx).saveSeat(seat)
  await organizations(tx).emit(pool.organizationId, events)
  return seat
}

const show = ({ organizationId, parentId, name, locale, createdAt }: Organization) => ({
  organizationId,
  parentId,
  name,
  locale,
  createdAt: toIso(createdAt),
})

const showMember = (member: Member) => ({ ...member, joinedAt: toIso(member.joinedAt) })

const showInvitation = (invitation: Invitation, now: Instant) => ({
  ...invitation,
  state: invitationState(invitation, now),
  createdAt: toIso(invitation.createdAt),
  expiresAt: toIso(invitation.expiresAt),
})

const showPool = (pool: Pool) => ({
  ...pool,
  unassignedCount: pool.seatCount - pool.takenCount,
  createdAt: toIso(pool.createdAt),
})

const showSeat = (seat: Seat) => ({ ...seat, takenAt: toIso(seat.takenAt) })
