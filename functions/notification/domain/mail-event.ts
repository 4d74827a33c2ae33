import * as z from 'zod'
import { categorySchema, MAIL_EVENTS_MAX } from '../../../shared/contracts/notification.ts'
import { idSchema } from '../../../shared/kernel/id.ts'
import { DAY_MS } from '../../../shared/kernel/time.ts'
import { isMandatory, type Suppression } from './delivery.ts'

/** After it a mailbox that did not exist is given another chance. */
export const BOUNCE_SUPPRESSED_MS = 30 * DAY_MS

/** What we read of SendGrid's event; it has many more fields, and more to come. */
const mailEventSchema = z.looseObject({
  event: z.string(),
  email: z.string(),
  /** Of a bounce: `bounce` for good, `blocked` for now. */
  type: z.string().optional(),
  reason: z.string().optional(),
  category: z.union([z.string(), z.array(z.string())]).optional(),
  deliveryId: idSchema('delivery').optional().catch(undefined),
})

export const mailEventsSchema = z.array(mailEventSchema).max(MAIL_EVENTS_MAX)

export type MailEvent = z.output<typeof mailEventSchema>

/**
 * Why the address gets no more of some mails, if so: a mailbox that does not exist, somebody who called our mail
 * spam, somebody who used the mail program's own button.
 */
export const suppressionOf = ({
  event,
  type,
  reason = '',
  category,
}: MailEvent): Suppression | undefined => {
  const isGone =
    (event === 'bounce' && type !== 'blocked') || (event === 'dropped' && /bounce/i.test(reason))
  if (isGone) return { reason: 'bounce', category: '' }
  if (event === 'spamreport' || (event === 'dropped' && /spam/i.test(reason)))
    return { reason: 'complaint', category: '' }
  if (event !== 'unsubscribe' && event !== 'group_unsubscribe') return undefined
  const known = categorySchema.safeParse([category].flat()[0])
  return known.success && !isMandatory(known.data)
    ? { reason: 'unsubscribe', category: known.data }
    : undefined
}
