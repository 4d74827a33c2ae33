import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

/** A secret for one person's mail, sealed so that the log never holds it open (`shared/auth/seal.ts`). */
const sealedToken = z.string()

const mail = {
  accountId: idSchema('account'),
  email: z.string(),
  locale: z.string(),
  sealedToken,
  expiresAt: isoSchema,
}

export const authEvents = defineEvents({
  'account.registered': {
    key: 'accountId',
    data: z.object({
      accountId: idSchema('account'),
      email: z.string(),
      name: z.string(),
      locale: z.string(),
      timeZone: z.string(),
      /** The organisation joined at sign-up: the public academy, unless an invitation named another. */
      organizationId: idSchema('organization'),
    }),
  },
  /** Somebody asked for an account with an address that has one: its owner is told, the asker is not. */
  'account.sign_up_repeated': {
    key: 'accountId',
    data: z.object({ accountId: idSchema('account'), email: z.string(), locale: z.string() }),
  },
  'account.verification_requested': { key: 'accountId', data: z.object(mail) },
  'account.email_verified': {
    key: 'accountId',
    data: z.object({ accountId: idSchema('account'), email: z.string() }),
  },
  'account.password_reset_requested': { key: 'accountId', data: z.object(mail) },
  'account.password_changed': {
    key: 'accountId',
    data: z.object({ accountId: idSchema('account'), email: z.string(), locale: z.string() }),
  },
  'session.revoked': {
    key: 'accountId',
    data: z.object({
      accountId: idSchema('account'),
      sessionId: idSchema('session'),
      reason: z.enum([
        'signed_out',
        'revoked',
        'reuse_detected',
        'password_changed',
        'deactivated',
      ]),
    }),
  },
})

export type AuthEvent = EventOf<typeof authEvents>
