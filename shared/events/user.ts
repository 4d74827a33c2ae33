import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

export const userEvents = defineEvents({
  'user.profile_updated': {
    key: 'accountId',
    data: z.object({
      accountId: idSchema('account'),
      name: z.string(),
      locale: z.string(),
      timeZone: z.string(),
      avatarMediaId: idSchema('media').nullable(),
    }),
  },
  'user.email_change_requested': {
    key: 'accountId',
    data: z.object({
      accountId: idSchema('account'),
      oldEmail: z.string(),
      newEmail: z.string(),
      locale: z.string(),
      sealedToken: z.string(),
      expiresAt: isoSchema,
    }),
  },
  'user.email_changed': {
    key: 'accountId',
    data: z.object({ accountId: idSchema('account'), email: z.string() }),
  },
  'user.deactivated': { key: 'accountId', data: z.object({ accountId: idSchema('account') }) },
})

export type UserEvent = EventOf<typeof userEvents>
