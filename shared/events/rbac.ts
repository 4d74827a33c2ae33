import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { defineEvents, type EventOf } from './envelope.ts'

export const rbacEvents = defineEvents({
  /** One person's effective permissions are no longer what they were. */
  'access.grants_changed': {
    key: 'accountId',
    data: z.object({
      accountId: idSchema('account'),
      /** Null for a platform grant: it counts in every organisation. */
      organizationId: idSchema('organization').nullable(),
      roleVersion: z.int(),
    }),
  },
  /** A custom role was edited or deleted: everybody of the organisation may be affected. */
  'access.role_changed': {
    key: 'roleId',
    data: z.object({ roleId: idSchema('role'), organizationId: idSchema('organization') }),
  },
})

export type RbacEvent = EventOf<typeof rbacEvents>
