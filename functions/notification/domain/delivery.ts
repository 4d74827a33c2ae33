import { type Category, MANDATORY_CATEGORIES } from '../../../shared/contracts/notification.ts'
import type { AccountId, Id, OrganizationId } from '../../../shared/kernel/id.ts'
import { addMs, HOUR_MS, type Instant, SECOND_MS } from '../../../shared/kernel/time.ts'
import type { Content, TemplateName } from './message.ts'

/** How often a mail is tried in all, over three hours at most. */
export const ATTEMPTS_MAX = 10
const RETRY_DELAY_MS_MIN = 30 * SECOND_MS
const RETRY_DELAY_MS_MAX = HOUR_MS

export type Delivery = {
  readonly deliveryId: Id<'delivery'>
  readonly accountId: AccountId | null
  readonly organizationId: OrganizationId | null
  readonly category: Category
  readonly template: TemplateName
  readonly content: Content
  /** Null: where the account's mails go when it is sent. */
  readonly address: string | null
  readonly locale: string | null
  /** This one included. */
  readonly attempts: number
  readonly expiresAt: Instant | null
  /** Of what it tells of; null where that was not kept yet. */
  readonly traceId: string | null
}

/** What is known of the one who is written to, at the moment of sending. */
export type Addressee = {
  readonly email: string | null
  readonly name: string
  readonly locale: string
  readonly timeZone: string
  readonly isDeactivated: boolean
}

export type Suppression = {
  readonly reason: 'bounce' | 'complaint' | 'unsubscribe'
  /** Empty unless the reason is an unsubscription. */
  readonly category: string
}

export type Outcome =
  | { readonly state: 'sent' }
  | { readonly state: 'skipped' | 'failed'; readonly reason: string }
  | { readonly state: 'waiting'; readonly reason: string; readonly dueAt: Instant }

export const isMandatory = (category: Category): boolean => MANDATORY_CATEGORIES.includes(category)

/**
 * Why a mail must not go out now, if so. Mandatory mail heeds neither preferences nor complaints: a person who hates
 * our newsletters still wants to reset a password. It heeds a bounce: there is nobody.
 */
export const obstacleOf = (
  delivery: Delivery,
  known: {
    readonly addressee: Addressee | undefined
    readonly wantsMail: boolean
    readonly suppressions: readonly Suppression[]
  },
  now: Instant,
): string | undefined => {
  if (delivery.expiresAt !== null && delivery.expiresAt <= now) return 'expired'
  if (known.addressee?.isDeactivated) return 'deactivated'
  if (known.suppressions.some(({ reason }) => reason === 'bounce')) return 'bounced'
  if (isMandatory(delivery.category)) return undefined
  if (!known.wantsMail) return 'preference'
  if (known.suppressions.some(({ reason }) => reason === 'complaint')) return 'complained'
  return known.suppressions.some(({ category }) => category === delivery.category)
    ? 'unsubscribed'
    : undefined
}

/**
 * What follows a failure that may pass: another try, or the end.
 *
 * @param random in [0, 1): spreads the tries of many mails that failed together.
 */
export const retry = (
  { attempts }: Pick<Delivery, 'attempts'>,
  { reason, now, random }: { reason: string; now: Instant; random: number },
): Outcome => {
  if (attempts >= ATTEMPTS_MAX) return { state: 'failed', reason }
  const delayMs = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN * 2 ** (attempts - 1))
  return { state: 'waiting', reason, dueAt: addMs(now, delayMs * (0.5 + random / 2)) }
}
