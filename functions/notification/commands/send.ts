import { randomUUID } from 'node:crypto'
import type { Tx } from '../../../shared/db/transaction.ts'
import { MINUTE_MS } from '../../../shared/kernel/time.ts'
import { describeError } from '../../../shared/observe/logger.ts'
import { courseRefs } from '../../../shared/projection/course-refs.ts'
import type { JobCall } from '../../../shared/service/define.ts'
import {
  type Addressee,
  ATTEMPTS_MAX,
  type Delivery,
  isMandatory,
  type Outcome,
  obstacleOf,
  retry,
} from '../domain/delivery.ts'
import { DEFAULT_LOCALE } from '../domain/locale.ts'
import { renderMail } from '../domain/render.ts'
import { contacts } from '../store/contacts.ts'
import { deliveries, type Lease } from '../store/deliveries.ts'
import type { Mail, Mailer } from './mailer.ts'
import { hashOfAddress, type Subscriptions } from './subscription.ts'

export type Sender = {
  readonly mailer: Mailer
  readonly subscriptions: Subscriptions
  /** Opens a mailed token. */
  unseal(sealed: string): Promise<string>
  /** Where people reach the hub. */
  readonly publicUrl: string
  /** In [0, 1): spreads retries. */
  random(): number
}

/** Mails that are in the air at once. */
export const BATCH_MAX = 10
export const BATCHES_PER_RUN_MAX = 50
/** Longer than the function lives (60 s): whoever holds an expired lease is no longer sending. */
const LEASE_MS = 2 * MINUTE_MS

type Run = Pick<JobCall, 'now' | 'log' | 'transaction'>

/**
 * Sends what is due: claim, look at preferences and suppressions, send, confirm. Stops as soon as the provider is
 * unavailable; the schedule comes back.
 */
export const sendDue = async (run: Run, sender: Sender): Promise<void> => {
  for (let batch = 0; batch < BATCHES_PER_RUN_MAX; batch += 1) {
    const lease = { token: randomUUID(), durationMs: LEASE_MS }
    const claimed = await run.transaction('*', async (tx) => {
      const due = await deliveries(tx).claim(lease, { now: run.now, limit: BATCH_MAX })
      const prepared: Prepared[] = []
      for (const delivery of due) prepared.push(await prepare(tx, delivery))
      return prepared
    })
    // All are awaited, even when one cannot be written down: Lambda freezes what is still in the air at the end of a
    // run, and what is not written down is sent again.
    const handled = await Promise.allSettled(
      claimed.map((one) => sendOne(one, { run, sender, lease })),
    )
    const outcomes = handled.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    })
    if (claimed.length < BATCH_MAX || outcomes.some(isOfProvider)) return
  }
}

/* Reasons to wait that have nothing to do with the provider: the next mails may go. */
const NO_ADDRESS = 'no_address'
const NOT_MADE = 'not_made'

const isOfProvider = (outcome: Outcome): boolean =>
  outcome.state === 'waiting' && ![NO_ADDRESS, NOT_MADE].includes(outcome.reason)

type Prepared = {
  readonly delivery: Delivery
  readonly addressee: Addressee | undefined
  readonly address: string | null
  readonly obstacle: string | undefined
  readonly courseTitle: string | undefined
}

const prepare = async (tx: Tx, delivery: Delivery): Promise<Prepared> => {
  const { accountId, category, content } = delivery
  const store = contacts(tx)
  const addressee = accountId ? await store.find(accountId) : undefined
  const address = delivery.address ?? addressee?.email ?? null
  const known = {
    addressee,
    wantsMail: accountId ? await store.wants(accountId, { category, channel: 'mail' }) : true,
    suppressions: address ? await store.suppressions(hashOfAddress(address), tx.now) : [],
  }
  const course = content.courseId ? await courseRefs(tx).find(content.courseId) : undefined
  const obstacle = obstacleOf(delivery, known, tx.now)
  return { delivery, addressee, address, obstacle, courseTitle: course?.title }
}

const sendOne = async (
  prepared: Prepared,
  { run, sender, lease }: { run: Run; sender: Sender; lease: Lease },
): Promise<Outcome> => {
  const { deliveryId, template } = prepared.delivery
  const outcome = await attempt(prepared, { run, sender })
  const isOurs = await run.transaction('*', (tx) =>
    deliveries(tx).settle(deliveryId, lease, outcome, tx.now),
  )
  const reason = outcome.state === 'sent' ? undefined : outcome.reason
  const note = { deliveryId, template, state: outcome.state, reason, isOurs }
  if (outcome.state === 'failed') run.log.warn('mail given up', note)
  else run.log.info('mail handled', note)
  return outcome
}

const attempt = async (
  { delivery, address, obstacle, ...rest }: Prepared,
  { run, sender }: { run: Run; sender: Sender },
): Promise<Outcome> => {
  if (obstacle !== undefined) return { state: 'skipped', reason: obstacle }
  // Its senders have died one after the other: each of them may have sent it.
  if (delivery.attempts > ATTEMPTS_MAX) return { state: 'failed', reason: 'attempts_exhausted' }
  const again = (reason: string) =>
    retry(delivery, { reason, now: run.now, random: sender.random() })
  // The address may still be on its way: another topic carries it.
  if (address === null) return again(NO_ADDRESS)
  let mail: Mail
  try {
    mail = await mailOf({ delivery, address, ...rest }, sender)
  } catch (error) {
    // One mail that cannot be made holds up no other.
    run.log.error('mail not made', { ...describeError(error), template: delivery.template })
    return again(NOT_MADE)
  }
  const result = await sender.mailer.send(mail)
  if (result.kind === 'accepted') return { state: 'sent' }
  return result.kind === 'refused'
    ? { state: 'failed', reason: result.reason }
    : again(result.reason)
}

const mailOf = async (
  {
    delivery,
    address,
    addressee,
    courseTitle,
  }: Omit<Prepared, 'obstacle'> & { readonly address: string },
  { subscriptions, unseal, publicUrl }: Sender,
): Promise<Mail> => {
  const { deliveryId, accountId, category, template, content, traceId } = delivery
  const locale = delivery.locale ?? addressee?.locale ?? DEFAULT_LOCALE
  const token = content.sealedToken && (await unseal(content.sealedToken))
  const recipient = accountId ?? hashOfAddress(address)
  const subscription = isMandatory(category)
    ? undefined
    : await subscriptions.sign({ recipient, category, locale })
  const unsubscribeUrl = subscription && unsubscribeUrlOf(publicUrl, subscription)
  return {
    deliveryId,
    category,
    traceId,
    to: address,
    ...renderMail({
      template,
      content,
      courseTitle,
      reader: { name: addressee?.name ?? '', locale, timeZone: addressee?.timeZone ?? 'UTC' },
      publicUrl,
      token,
      unsubscribeUrl,
    }),
    headers: unsubscribeUrl
      ? {
          'List-Unsubscribe': `<${unsubscribeUrl}>`,
          'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        }
      : {},
  }
}

const unsubscribeUrlOf = (publicUrl: string, subscription: string): string => {
  const url = new URL('/v1/notifications/unsubscribe', publicUrl)
  url.searchParams.set('subscription', subscription)
  return url.href
}
