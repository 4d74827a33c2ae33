import * as z from 'zod'
import { memberRoleSchema } from '../events/organization.ts'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { oneLine } from '../kernel/text.ts'
import { isoSchema } from '../kernel/time.ts'
import { emailSchema, localeSchema } from './auth.ts'
import { defineContract } from './define.ts'

/** Levels of organisations, the topmost included. */
export const ORGANIZATION_DEPTH_MAX = 5
export const INVITATION_DAYS = 7
export const INVITATIONS_PENDING_MAX = 1_000
export const LICENCE_POOLS_PER_ORGANIZATION_MAX = 200
export const SEATS_PER_POOL_MAX = 100_000

const nameSchema = oneLine(z.string().trim().min(1).max(200)).meta({
  examples: ['Riverside College'],
})

const seatCountSchema = z
  .int()
  .min(1)
  .max(SEATS_PER_POOL_MAX)
  .meta({ examples: [50] })

const organizationParams = z.strictObject({ organizationId: idSchema('organization') })
const memberParams = organizationParams.extend({ accountId: idSchema('account') })
const poolParams = organizationParams.extend({ poolId: idSchema('licencePool') })
const seatParams = poolParams.extend({ seatId: idSchema('seat') })

const organizationSchema = z.object({
  organizationId: idSchema('organization'),
  parentId: idSchema('organization').nullable(),
  name: z.string(),
  /** The language of what is mailed in its name, unless the recipient has chosen one. */
  locale: z.string(),
  createdAt: isoSchema,
})

const memberSchema = z.object({
  organizationId: idSchema('organization'),
  accountId: idSchema('account'),
  role: memberRoleSchema,
  joinedAt: isoSchema,
})

const invitationSchema = z.object({
  invitationId: idSchema('invitation'),
  organizationId: idSchema('organization'),
  email: z.string(),
  role: memberRoleSchema,
  state: z.enum(['pending', 'accepted', 'revoked', 'expired']),
  createdAt: isoSchema,
  expiresAt: isoSchema,
})

const poolSchema = z.object({
  poolId: idSchema('licencePool'),
  organizationId: idSchema('organization'),
  courseId: idSchema('course'),
  name: z.string(),
  seatCount: z.int().positive(),
  /** Assigned or activated. */
  takenCount: z.int().nonnegative(),
  unassignedCount: z.int().nonnegative(),
  claimable: z.boolean(),
  createdAt: isoSchema,
})

const seatStateSchema = z.enum(['assigned', 'activated', 'revoked'])

const seatSchema = z.object({
  seatId: idSchema('seat'),
  poolId: idSchema('licencePool'),
  organizationId: idSchema('organization'),
  courseId: idSchema('course'),
  accountId: idSchema('account'),
  state: seatStateSchema,
  takenAt: isoSchema,
})

const read = { scope: 'organization', permission: 'organization:read' } as const
const update = { scope: 'organization', permission: 'organization:update' } as const
const members = { scope: 'organization', permission: 'organization:members' } as const
const licences = { scope: 'organization', permission: 'organization:licences' } as const

const notFound = 'organization.not_found'

/** A permission held in an organisation holds in everything below it, and nowhere else. */
export const organizationContract = defineContract({
  service: 'organization',
  prefix: '/v1/organizations',
  title: 'Organisations, members and licences',
  operations: {
    listOwnOrganizations: {
      method: 'GET',
      path: '/',
      summary: 'The organisations that the caller belongs to, with the role in each',
      scope: 'account',
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(organizationSchema.extend({ role: memberRoleSchema })),
      errors: ['request.cursor'],
    },
    createOrganization: {
      method: 'POST',
      path: '/',
      summary: 'Begin a topmost organisation as its first owner',
      scope: 'platform',
      permission: 'organization:create',
      body: z.strictObject({ name: nameSchema, locale: localeSchema.default('en') }),
      status: 201,
      answer: organizationSchema,
      errors: [],
      idempotency: 'optional',
    },
    acceptInvitation: {
      method: 'POST',
      path: '/invitations/accept',
      summary: 'Join the organisation that a mailed invitation names',
      description:
        'Works once, for the account whose verified address is the invited one. A member keeps the higher role.',
      scope: 'account',
      body: z.strictObject({ token: z.string().min(1).max(100) }),
      status: 200,
      answer: memberSchema,
      errors: [
        'organization.invitation_not_found',
        'organization.invitation_over',
        'organization.invitation_address',
      ],
      rateClass: 'sensitive',
    },
    listOwnSeats: {
      method: 'GET',
      path: '/seats',
      summary: 'The seats that the caller holds in the active organisation',
      ...read,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(seatSchema),
      errors: ['request.cursor'],
    },
    getOrganization: {
      method: 'GET',
      path: '/{organizationId}',
      summary: 'The active organisation, or one below it for those who run it',
      ...read,
      params: organizationParams,
      status: 200,
      answer: organizationSchema,
      errors: [notFound],
    },
    updateOrganization: {
      method: 'PATCH',
      path: '/{organizationId}',
      summary: 'Change name or language; absent fields stay',
      ...update,
      params: organizationParams,
      body: z.strictObject({ name: nameSchema, locale: localeSchema }).partial(),
      status: 200,
      answer: organizationSchema,
      errors: [notFound],
    },
    createSubOrganization: {
      method: 'POST',
      path: '/{organizationId}/children',
      summary: 'Begin an organisation below this one as its first owner',
      ...update,
      params: organizationParams,
      body: z.strictObject({ name: nameSchema, locale: localeSchema.optional() }),
      status: 201,
      answer: organizationSchema,
      errors: [notFound, 'organization.too_deep'],
      idempotency: 'optional',
    },
    listSubtree: {
      method: 'GET',
      path: '/{organizationId}/subtree',
      summary: 'Every organisation below this one, parents before their children',
      ...update,
      params: organizationParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(organizationSchema),
      errors: [notFound, 'request.cursor'],
    },
    listMembers: {
      method: 'GET',
      path: '/{organizationId}/members',
      summary: 'Who belongs to the organisation',
      ...members,
      params: organizationParams,
      query: z.strictObject({ ...pageQuery, role: memberRoleSchema.optional() }),
      status: 200,
      answer: pageOf(memberSchema),
      errors: [notFound, 'request.cursor'],
    },
    changeMemberRole: {
      method: 'PATCH',
      path: '/{organizationId}/members/{accountId}',
      summary: 'Give a member another role, none above the caller’s own',
      ...members,
      params: memberParams,
      body: z.strictObject({ role: memberRoleSchema }),
      status: 200,
      answer: memberSchema,
      errors: [
        notFound,
        'organization.member_not_found',
        'organization.role_above_caller',
        'organization.last_owner',
      ],
    },
    removeMember: {
      method: 'DELETE',
      path: '/{organizationId}/members/{accountId}',
      summary: 'End a membership; the seats it held are free again',
      ...members,
      params: memberParams,
      status: 204,
      errors: [
        notFound,
        'organization.member_not_found',
        'organization.role_above_caller',
        'organization.last_owner',
      ],
    },
    leaveOrganization: {
      method: 'POST',
      path: '/{organizationId}/leave',
      summary: 'End one’s own membership; the last owner stays',
      scope: 'account',
      params: organizationParams,
      status: 204,
      errors: [notFound, 'organization.last_owner'],
    },
    transferOwnership: {
      method: 'POST',
      path: '/{organizationId}/owner',
      summary: 'Make a member an owner; a caller who was one becomes an admin',
      scope: 'organization',
      permission: 'organization:owners',
      params: organizationParams,
      body: z.strictObject({ accountId: idSchema('account') }),
      status: 200,
      answer: memberSchema,
      errors: [notFound, 'organization.member_not_found'],
    },
    createInvitation: {
      method: 'POST',
      path: '/{organizationId}/invitations',
      summary: 'Invite an address; an earlier invitation of the same address ends',
      description: `Expires after ${INVITATION_DAYS} days. A pending invitation holds no seat.`,
      ...members,
      params: organizationParams,
      body: z.strictObject({
        email: emailSchema,
        role: memberRoleSchema.default('learner'),
        locale: localeSchema.optional(),
      }),
      status: 201,
      answer: invitationSchema,
      errors: [
        notFound,
        'organization.role_above_caller',
        'organization.already_member',
        'organization.invitations_full',
      ],
      idempotency: 'optional',
    },
    listInvitations: {
      method: 'GET',
      path: '/{organizationId}/invitations',
      summary: 'Invitations, newest first',
      ...members,
      params: organizationParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(invitationSchema),
      errors: [notFound, 'request.cursor'],
    },
    revokeInvitation: {
      method: 'DELETE',
      path: '/{organizationId}/invitations/{invitationId}',
      summary: 'Make a pending invitation worthless',
      ...members,
      params: organizationParams.extend({ invitationId: idSchema('invitation') }),
      status: 204,
      errors: [notFound, 'organization.invitation_not_found', 'organization.invitation_over'],
    },
    createLicencePool: {
      method: 'POST',
      path: '/{organizationId}/licence-pools',
      summary: 'Set aside seats in a course of the organisation',
      ...licences,
      params: organizationParams,
      body: z.strictObject({
        courseId: idSchema('course'),
        name: nameSchema,
        seatCount: seatCountSchema,
        /** Whether members may take a seat by themselves. */
        claimable: z.boolean().default(true),
      }),
      status: 201,
      answer: poolSchema,
      errors: [notFound, 'course.not_found', 'organization.pools_full', 'course.unavailable'],
      idempotency: 'optional',
    },
    listLicencePools: {
      method: 'GET',
      path: '/{organizationId}/licence-pools',
      summary: 'Licence pools, newest first; members see those they may claim from',
      ...read,
      params: organizationParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(poolSchema),
      errors: [notFound, 'request.cursor'],
    },
    updateLicencePool: {
      method: 'PATCH',
      path: '/{organizationId}/licence-pools/{poolId}',
      summary: 'Rename, open, close or resize a pool, never below the seats taken',
      ...licences,
      params: poolParams,
      body: z
        .strictObject({ name: nameSchema, seatCount: seatCountSchema, claimable: z.boolean() })
        .partial(),
      status: 200,
      answer: poolSchema,
      errors: [notFound, 'organization.pool_not_found', 'organization.seats_taken'],
    },
    claimSeat: {
      method: 'POST',
      path: '/{organizationId}/licence-pools/{poolId}/claim',
      summary: 'Take a seat, or take up the one that is assigned: the course is open from then on',
      description: 'Repeating it gives the seat that the caller has.',
      ...read,
      params: poolParams,
      status: 200,
      answer: seatSchema,
      errors: [
        'organization.pool_not_found',
        'organization.pool_closed',
        'organization.seats_exhausted',
      ],
    },
    listSeats: {
      method: 'GET',
      path: '/{organizationId}/licence-pools/{poolId}/seats',
      summary: 'Seats that are or were somebody’s, newest first',
      ...licences,
      params: poolParams,
      query: z.strictObject({ ...pageQuery, state: seatStateSchema.optional() }),
      status: 200,
      answer: pageOf(seatSchema),
      errors: [notFound, 'organization.pool_not_found', 'request.cursor'],
    },
    assignSeat: {
      method: 'POST',
      path: '/{organizationId}/licence-pools/{poolId}/seats',
      summary: 'Keep a seat for a member, who takes it up by claiming it',
      ...licences,
      params: poolParams,
      body: z.strictObject({ accountId: idSchema('account') }),
      status: 200,
      answer: seatSchema,
      errors: [
        notFound,
        'organization.pool_not_found',
        'organization.member_not_found',
        'organization.seats_exhausted',
      ],
    },
    revokeSeat: {
      method: 'DELETE',
      path: '/{organizationId}/licence-pools/{poolId}/seats/{seatId}',
      summary: 'Take a seat back; it is free again, once',
      ...licences,
      params: seatParams,
      status: 200,
      answer: seatSchema,
      errors: [notFound, 'organization.pool_not_found', 'organization.seat_not_found'],
    },
    reassignSeat: {
      method: 'POST',
      path: '/{organizationId}/licence-pools/{poolId}/seats/{seatId}/reassign',
      summary: 'Take a seat back and keep it for another member, with no gap between',
      ...licences,
      params: seatParams,
      body: z.strictObject({ accountId: idSchema('account') }),
      status: 200,
      answer: seatSchema,
      errors: [
        notFound,
        'organization.pool_not_found',
        'organization.seat_not_found',
        'organization.seat_over',
        'organization.member_not_found',
        'organization.seat_held',
      ],
    },
  },
})
