import { networkOfAddress } from '../../../shared/kernel/network.ts'
import {
  addMs,
  DAY_MS,
  HOUR_MS,
  type Instant,
  MINUTE_MS,
  SECOND_MS,
} from '../../../shared/kernel/time.ts'

/** Attempts that are free; each one after them waits twice as long as the one before. */
export type Backoff = {
  readonly freeAttempts: number
  readonly firstWaitMs: number
  readonly waitMsMax: number
  /** After so much quiet the count begins anew. */
  readonly forgetAfterMs: number
}

/**
 * One address from one network. Whoever guesses from elsewhere fills another bucket: nobody can lock the owner
 * out by failing in the owner's name.
 */
export const SIGN_IN_BACKOFF: Backoff = {
  freeAttempts: 5,
  firstWaitMs: SECOND_MS,
  waitMsMax: 15 * MINUTE_MS,
  forgetAfterMs: DAY_MS,
}

/** One network through many addresses. Short waits: a whole school may stand behind it. */
export const NETWORK_BACKOFF: Backoff = {
  freeAttempts: 100,
  firstWaitMs: SECOND_MS,
  waitMsMax: 30 * SECOND_MS,
  forgetAfterMs: HOUR_MS,
}

/** One address's mails of one purpose: what was mailed before stays good, so silence locks nobody out. */
export const MAIL_BACKOFF: Backoff = {
  freeAttempts: 3,
  firstWaitMs: MINUTE_MS,
  waitMsMax: HOUR_MS,
  forgetAfterMs: DAY_MS,
}

/** No bucket is remembered longer than this. */
export const FORGET_AFTER_MS_MAX = DAY_MS

export type Bucket = {
  readonly attempts: number
  readonly lastAt: Instant
  readonly blockedUntil: Instant
}

/** Milliseconds until the next attempt is heard; 0 is now. */
export const waitMs = (bucket: Bucket | undefined, now: Instant): number =>
  bucket === undefined ? 0 : Math.max(0, bucket.blockedUntil - now)

/** The bucket after one more attempt. */
export const countAttempt = (
  bucket: Bucket | undefined,
  backoff: Backoff,
  now: Instant,
): Bucket => {
  const isForgotten = bucket === undefined || now - bucket.lastAt >= backoff.forgetAfterMs
  const attempts = isForgotten ? 1 : bucket.attempts + 1
  const beyond = attempts - backoff.freeAttempts
  // 2 ** 30 ms is beyond every wait: no count makes the power overflow.
  const waitsMs =
    beyond < 0 ? 0 : Math.min(backoff.firstWaitMs * 2 ** Math.min(beyond, 30), backoff.waitMsMax)
  return { attempts, lastAt: now, blockedUntil: addMs(now, waitsMs) }
}

/**
 * The network that a request came from: an IPv4 address, or the /64 that an IPv6 customer gets.
 *
 * @param forwardedFor `x-forwarded-for`. The internal balancer appends the gateway, so that the client is the last
 * but one; anything further left is the client's own claim.
 */
export const networkOf = (forwardedFor: string | null): string => {
  const hops = (forwardedFor ?? '').split(',').map((hop) => hop.trim())
  const client = hops.at(-2) ?? hops.at(-1) ?? ''
  return networkOfAddress(client)
}
