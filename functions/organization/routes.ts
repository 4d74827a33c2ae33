import { randomBytes } from 'node:crypto'
import { seal } from '../../shared/auth/seal.ts'
import {
  INVITATIONS_PENDING_MAX,
  LICENCE_POOLS_PER_ORGANIZATION_MAX,
  type organizationContract,
} from '../../shared/contracts/organization.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { toIso } from '../../shared/kernel/time.ts'
import { type CourseClient, courseRefs } from '../../shared/projection/course-refs.ts'
import {
  begin,
  dismiss,
  findFor,
  findKnown,
  findMember,
  hashOf,
  keepRole,
  keepSeat,
  lockInvitation,
  lockPool,
  membersOf,
  shareMember,
  takerOf,
} from './commands.ts'
import {
  accept,
  assignSeat,
  changePool,
  claimSeat,
  holds,
  type Invitation,
  invitationExpiry,
  invitationState,
  type Pool,
  reassignSeat,
  refuseRoleAbove,
  refuseUnlessInvited,
  revokeSeat,
} from './domain.ts'
import {
  alreadyMember,
  courseNotFound,
  invitationNotFound,
  invitationOver,
  invitationsFull,
  organizationNotFound,
  poolNotFound,
  poolsFull,
  seatNotFound,
} from './errors.ts'
import { organizations, seats } from './store.ts'
import { show, showInvitation, showMember, showPool, showSeat } from './views.ts'

export type Deps = {
  readonly course: CourseClient
  /** 32 bytes: seals invitation tokens for the mailer. */
  readonly sealKey: Uint8Array
}

/** 256 bits that nobody guesses. */
const TOKEN_BYTES = 32

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
      keyOf: ({ ancestorIds, organizationId }) => [String(ancestorIds.length), organizationId],
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
