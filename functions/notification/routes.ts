import {
  categorySchema,
  channelSchema,
  type notificationContract,
} from '../../shared/contracts/notification.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import type { AccountId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { addMs } from '../../shared/kernel/time.ts'
import type { Announcer } from './commands/announce.ts'
import type { VerifyMailEvents } from './commands/mail-events.ts'
import type { Sender } from './commands/send.ts'
import { hashOfAddress, type Subscriptions } from './commands/subscription.ts'
import { isMandatory } from './domain/delivery.ts'
import {
  BOUNCE_SUPPRESSED_MS,
  type MailEvent,
  mailEventsSchema,
  suppressionOf,
} from './domain/mail-event.ts'
import { renderUnsubscribePage } from './domain/render.ts'
import {
  categoryMandatory,
  mailEventsInvalid,
  notificationNotFound,
  signatureInvalid,
  subscriptionInvalid,
} from './errors.ts'
import { contacts } from './store/contacts.ts'
import { deliveries } from './store/deliveries.ts'
import { notifications } from './store/notifications.ts'
import { viewerFor } from './views.ts'

export type Deps = Sender & Announcer & { readonly verifyMailEvents: VerifyMailEvents }

export const routes: Handlers<typeof notificationContract, Deps> = {
  async listNotifications({ query, caller, tx }, { publicUrl }) {
    const { accountId } = caller
    const { unread, ...page } = query
    const rows = await notifications(tx).list(accountId, { ...page, unreadOnly: unread === 'true' })
    const show = await viewerFor(tx, { accountId, rows, publicUrl })
    return {
      ...toPage(rows, query.limit, {
        keyOf: ({ notificationId }) => [notificationId],
        itemOf: show,
      }),
      unreadCount: await notifications(tx).countUnread(accountId),
    }
  },

  async markAllRead({ body, caller, now, tx }) {
    const { accountId } = caller
    await notifications(tx).markReadUpTo({ accountId, notificationId: body.newestSeenId }, now)
    return { unreadCount: await notifications(tx).countUnread(accountId) }
  },

  async markRead({ params, caller, now, tx }, { publicUrl }) {
    const { accountId } = caller
    const row = await notifications(tx).markRead({ ...params, accountId }, now)
    if (!row) throw notificationNotFound()
    const show = await viewerFor(tx, { accountId, rows: [row], publicUrl })
    return show(row)
  },

  async getPreferences({ caller, tx }) {
    return showPreferences(tx, caller.accountId)
  },

  async updatePreferences({ body, caller, tx }) {
    const { accountId } = caller
    const refused = body.items.find(
      ({ category, isEnabled }) => isMandatory(category) && !isEnabled,
    )
    if (refused) throw categoryMandatory(refused.category)
    const email = (await contacts(tx).find(accountId))?.email
    for (const preference of body.items) {
      const { category, channel, isEnabled } = preference
      await contacts(tx).prefer(accountId, preference)
      // Who turns it on again means it, whatever a mail program's button said before.
      if (email && channel === 'mail' && isEnabled)
        await contacts(tx).lift(hashOfAddress(email), { reason: 'unsubscribe', category })
    }
    return showPreferences(tx, accountId)
  },

  async showUnsubscribe({ query, reply }, { subscriptions }) {
    const { locale } = await subscriptionOf(query, subscriptions)
    setPageHeaders(reply)
    return renderUnsubscribePage({ locale, isDone: false })
  },

  async unsubscribe({ query, now, reply, tx }, { subscriptions }) {
    const { recipient, category, locale } = await subscriptionOf(query, subscriptions)
    if (isAccount(recipient))
      await contacts(tx).prefer(recipient, { category, channel: 'mail', isEnabled: false })
    else
      await contacts(tx).suppress(
        recipient,
        { reason: 'unsubscribe', category },
        { now, expiresAt: null },
      )
    setPageHeaders(reply)
    return renderUnsubscribePage({ locale, isDone: true })
  },

  async receiveMailEvents({ body, headers, now, tx }, { verifyMailEvents }) {
    if (!verifyMailEvents({ headers, text: body }, now)) throw signatureInvalid()
    const events = readMailEvents(body)
    for (const event of events) {
      const suppression = suppressionOf(event)
      if (!suppression) continue
      const expiresAt = suppression.reason === 'bounce' ? addMs(now, BOUNCE_SUPPRESSED_MS) : null
      await contacts(tx).suppress(hashOfAddress(event.email), suppression, { now, expiresAt })
    }
    const known = events.flatMap(({ deliveryId }) => deliveryId ?? [])
    await deliveries(tx).confirm(known, now)
    return undefined
  },
}

const showPreferences = async (tx: Tx, accountId: AccountId) => {
  const chosen = await contacts(tx).preferences(accountId)
  return {
    items: categorySchema.options.flatMap((category) =>
      channelSchema.options.map((channel) => ({
        category,
        channel,
        isEnabled:
          chosen.find((one) => one.category === category && one.channel === channel)?.isEnabled ??
          true,
        isMandatory: isMandatory(category),
      })),
    ),
  }
}

/** @throws `notification.subscription_invalid` */
const subscriptionOf = async (query: { subscription: string }, subscriptions: Subscriptions) => {
  const subscription = await subscriptions.read(query.subscription)
  // We never make a link that would turn mandatory mail off.
  if (!subscription || isMandatory(subscription.category)) throw subscriptionInvalid()
  return subscription
}

const isAccount = (recipient: string): recipient is AccountId => recipient.startsWith('acc_')

// The address of the page is its key: neither a cache nor another site learns it.
const setPageHeaders = (reply: Headers) => {
  reply.set('cache-control', 'no-store')
  reply.set('referrer-policy', 'no-referrer')
  reply.set(
    'content-security-policy',
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  )
}

/** @throws `notification.mail_events_invalid` */
const readMailEvents = (text: string): readonly MailEvent[] => {
  try {
    return mailEventsSchema.parse(JSON.parse(text))
  } catch {
    throw mailEventsInvalid()
  }
}
