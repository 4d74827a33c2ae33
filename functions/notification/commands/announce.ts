import type { Tx } from '../../../shared/db/transaction.ts'
import type { Envelope } from '../../../shared/events/envelope.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import { type AccountId, newId, type OrganizationId } from '../../../shared/kernel/id.ts'
import { instantOf } from '../../../shared/kernel/time.ts'
import { traceIdOf } from '../../../shared/observe/trace.ts'
import { type Message, templates } from '../domain/message.ts'
import { contacts } from '../store/contacts.ts'
import { deliveries } from '../store/deliveries.ts'
import { notifications } from '../store/notifications.ts'
import { hashOfAddress } from './subscription.ts'

export type Announcement = Message & {
  readonly event: Pick<Envelope, 'id'>
  readonly organizationId?: OrganizationId
  /** Mail is pointless after it (ISO 8601). */
  readonly expiresAt?: string
} & (
    | { readonly accountId: AccountId; readonly address?: { email: string; locale: string } }
    /** An address that may have no account. */
    | { readonly accountId?: undefined; readonly address: { email: string; locale: string } }
  )

export type Announcer = { wakeSender(): Promise<void> }

/** Tells somebody something, once: a row to read, and a mail to send as soon as this has committed. */
export const announce = async (
  tx: Tx,
  announcement: Announcement,
  { wakeSender }: Announcer,
): Promise<void> => {
  const { accountId, template, event, organizationId = null } = announcement
  if (accountId && (await contacts(tx).find(accountId))?.isDeactivated) return
  const { category, channels } = templates[template]
  const common = {
    organizationId,
    category,
    template,
    dedupeKey: event.id,
    content: contentOf(announcement),
  }
  const isOneOf = (channel: 'in_app' | 'mail') => channels.some((one) => one === channel)
  if (accountId && isOneOf('in_app')) {
    const isWanted = await contacts(tx).wants(accountId, { category, channel: 'in_app' })
    const notification = { notificationId: newId('notification'), accountId, ...common }
    if (isWanted) await notifications(tx).insert(notification, tx.now)
  }
  if (!isOneOf('mail')) return
  const { address, expiresAt } = announcement
  const isNew = await deliveries(tx).insert(
    {
      ...common,
      deliveryId: newId('delivery'),
      recipient: recipientOf(announcement),
      accountId: accountId ?? null,
      address: address?.email ?? null,
      locale: address?.locale ?? null,
      expiresAt: expiresAt === undefined ? null : instantOf(expiresAt),
      traceId: traceIdOf(tx.traceparent),
    },
    tx.now,
  )
  if (isNew) tx.afterCommit(wakeSender)
}

// A mail that is bound to an address goes there and nowhere else, whoever has an account.
const recipientOf = ({ accountId, address }: Announcement): string => {
  if (address) return hashOfAddress(address.email)
  assert(accountId, 'an announcement names an account or an address')
  return accountId
}

const contentOf = ({ facts, courseId, link, sealedToken }: Message) => ({
  facts,
  ...(courseId && { courseId }),
  ...(link !== undefined && { link }),
  ...(sealedToken !== undefined && { sealedToken }),
})
