import type { AccountId } from '../../../shared/kernel/id.ts'
import { DAY_MS, HOUR_MS, type Instant } from '../../../shared/kernel/time.ts'

export type Account = {
  readonly accountId: AccountId
  /** As its owner writes it; `emailKeyOf` compares. */
  readonly email: string
  /** PHC string; null until whoever reads the mails to the address has set a password (decision 0061). */
  readonly passwordHash: string | null
  /** Of the mails that it gets. */
  readonly locale: string
  readonly createdAt: Instant
  readonly verifiedAt: Instant | null
  readonly deactivatedAt: Instant | null
}

/** What a mailed token is good for. */
export type Purpose = 'verify' | 'reset'

export const MAIL_TOKEN_MS: Readonly<Record<Purpose, number>> = {
  verify: DAY_MS,
  reset: HOUR_MS,
}

/** Whether an account waits for such a mail at all. */
export const mayBeMailed = (account: Account, purpose: Purpose): boolean =>
  account.deactivatedAt === null && (purpose === 'reset' || account.verifiedAt === null)
