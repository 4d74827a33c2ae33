import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

/** Built-in roles of the same names say what each may do (`shared/contracts/roles.ts`). */
export const memberRoleSchema = z.enum(['learner', 'instructor', 'admin', 'owner'])
const member = {
  organizationId: idSchema('organization'),
  accountId: idSchema('account'),
  role: memberRoleSchema,
}
const seat = {
  poolId: idSchema('licencePool'),
  seatId: idSchema('seat'),
  organizationId: idSchema('organization'),
  courseId: idSchema('course'),
  accountId: idSchema('account'),
}

export const organizationEvents = defineEvents({
  'organization.created': {
    key: 'organizationId',
    data: z.object({
      organizationId: idSchema('organization'),
      name: z.string(),
      parentId: idSchema('organization').nullable(),
      ownerId: idSchema('account'),
    }),
  },
  'organization.updated': {
    key: 'organizationId',
    data: z.object({ organizationId: idSchema('organization'), name: z.string() }),
  },
  'member.added': { key: 'organizationId', data: z.object(member) },
  'member.role_changed': { key: 'organizationId', data: z.object(member) },
  'member.removed': {
    key: 'organizationId',
    data: z.object({
      organizationId: idSchema('organization'),
      accountId: idSchema('account'),
    }),
  },
  'invitation.created': {
    key: 'invitationId',
    data: z.object({
      invitationId: idSchema('invitation'),
      organizationId: idSchema('organization'),
      organizationName: z.string(),
      email: z.string(),
      role: memberRoleSchema,
      locale: z.string(),
      sealedToken: z.string(),
      expiresAt: isoSchema,
    }),
  },
  /** A licence's seat gives this person the course: an entitlement of the source `licence`. */
  'seat.claimed': { key: 'seatId', data: z.object(seat) },
  'seat.revoked': { key: 'seatId', data: z.object(seat) },
})

export type OrganizationEvent = EventOf<typeof organizationEvents>
