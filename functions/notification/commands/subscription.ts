import { createHash } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { categorySchema } from '../../../shared/contracts/notification.ts'
import { emailKeyOf } from '../../../shared/kernel/email.ts'
import { idSchema } from '../../../shared/kernel/id.ts'

const ISSUER = 'hub-notification'
const AUDIENCE = 'unsubscribe'
const ALGORITHM = 'HS256'

const claims = z.object({
  /** An account, or the hash of an address without one. */
  sub: z.union([idSchema('account'), z.string().regex(/^[0-9a-f]{64}$/)]),
  category: categorySchema,
  locale: z.string(),
})

/** What the link at the foot of a mail stands for. */
export type Subscription = {
  readonly recipient: z.output<typeof claims>['sub']
  readonly category: z.output<typeof categorySchema>
  readonly locale: string
}

export type Subscriptions = {
  sign(subscription: Subscription): Promise<string>
  /** @returns undefined when it is not one of ours. */
  read(token: string): Promise<Subscription | undefined>
}

/** Links that need neither a session nor a row, and work as long as somebody keeps the mail. @param key 32 bytes. */
export const signedSubscriptions = (key: Uint8Array): Subscriptions => ({
  sign: ({ recipient, category, locale }) =>
    new SignJWT({ category, locale })
      .setProtectedHeader({ alg: ALGORITHM })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(recipient)
      .sign(key),

  async read(token) {
    try {
      const options = { issuer: ISSUER, audience: AUDIENCE, algorithms: [ALGORITHM] }
      const { sub, category, locale } = claims.parse((await jwtVerify(token, key, options)).payload)
      return { recipient: sub, category, locale }
    } catch {
      return undefined
    }
  },
})

/** How an address is remembered where it must not stand in the open: any spelling of it alike. */
export const hashOfAddress = (address: string): string =>
  createHash('sha256').update(emailKeyOf(address)).digest('hex')
