import type { AccountId, OrganizationId, SessionId } from '../../../shared/kernel/id.ts'
import { DAY_MS, type Instant, SECOND_MS } from '../../../shared/kernel/time.ts'

export const REFRESH_TOKEN_MS = 7 * DAY_MS

/** Tabs and retries that present one token within this time get the same successor. */
export const REFRESH_GRACE_MS = 30 * SECOND_MS

/** How many times a token may be exchanged within the grace: more is no client of ours. */
export const REFRESH_HOPS_MAX = 20

/** Live sessions of an account: one more sign-in ends the oldest. */
export const SESSIONS_PER_ACCOUNT_MAX = 50

export const USER_AGENT_LENGTH_MAX = 255

export type Session = {
  readonly sessionId: SessionId
  readonly accountId: AccountId
  readonly activeOrganizationId: OrganizationId
  readonly userAgent: string
  readonly createdAt: Instant
  readonly lastUsedAt: Instant
  readonly expiresAt: Instant
  readonly revokedAt: Instant | null
}

export const isLive = (session: Session, now: Instant): boolean =>
  session.revokedAt === null && now < session.expiresAt

/** A refresh token as it is stored: used, it holds its sealed successor. */
export type RefreshToken = {
  readonly expiresAt: Instant
  readonly used: { readonly at: Instant; readonly successorSealed: string } | null
}

export type Verdict =
  | { readonly kind: 'rotate' | 'reused' | 'expired' }
  /** Used a moment ago: its successor is the answer, or has one itself. */
  | { readonly kind: 'follow'; readonly successorSealed: string }

/** What a presented token of a live session deserves (RFC 9700 section 4.14.2, with a grace). */
export const judge = ({ used, expiresAt }: RefreshToken, now: Instant): Verdict => {
  if (used !== null)
    return now - used.at < REFRESH_GRACE_MS
      ? { kind: 'follow', successorSealed: used.successorSealed }
      : { kind: 'reused' }
  return { kind: now < expiresAt ? 'rotate' : 'expired' }
}
